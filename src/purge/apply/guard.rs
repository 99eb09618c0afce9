//! Refuses to change a repository whose history cannot be rewritten safely or whose old objects
//! cannot be removed; says which check failed and what to do.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::repository::Repository;
use crate::odb::ObjectStore;

/// A worktree of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    /// Its name; `None` for the main one.
    pub name: Option<String>,
    /// Its `.git` directory, with HEAD and index.
    pub git_dir: PathBuf,
    /// Where its files stand.
    pub root: PathBuf,
}

/// A reason why nothing is done, with the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub way_out: String,
}

/// Files and directories that are there while git is in the middle of something.
const OPERATIONS: [(&str, &str, &str); 8] = [
    (
        "rebase-merge",
        "a rebase",
        "git rebase --continue' or 'git rebase --abort",
    ),
    (
        "rebase-apply",
        "a rebase or 'git am'",
        "git rebase --abort' or 'git am --abort",
    ),
    (
        "MERGE_HEAD",
        "a merge",
        "git merge --continue' or 'git merge --abort",
    ),
    (
        "CHERRY_PICK_HEAD",
        "a cherry-pick",
        "git cherry-pick --continue' or 'git cherry-pick --abort",
    ),
    (
        "REVERT_HEAD",
        "a revert",
        "git revert --continue' or 'git revert --abort",
    ),
    ("BISECT_LOG", "a bisection", "git bisect reset"),
    ("sequencer", "a series of picks", "git cherry-pick --abort"),
    (
        "NOTES_MERGE_WORKTREE",
        "a merge of notes",
        "git notes merge --abort",
    ),
];

/// All worktrees of `repo`, the main one first.
pub fn worktrees(repo: &Repository) -> Vec<Worktree> {
    let common = repo.common_dir();
    let mut found = Vec::new();
    let main = main_root(repo);
    found.extend(main.map(|root| Worktree {
        name: None,
        git_dir: common.to_owned(),
        root,
    }));
    let Ok(entries) = std::fs::read_dir(common.join("worktrees")) else {
        return found;
    };
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    dirs.sort_unstable();
    for dir in dirs {
        let Ok(text) = std::fs::read(dir.join("gitdir")) else {
            continue;
        };
        let text = text.trim_ascii_end();
        let Ok(file) = gix::path::from_bstr(gix::bstr::BStr::new(text)) else {
            continue;
        };
        let file = dir.join(file);
        let Some(root) = file.parent().filter(|_| file.exists()) else {
            continue;
        };
        found.push(Worktree {
            name: dir
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            git_dir: dir,
        });
    }
    found
}

/// Worktrees whose directories are not there.
fn away(repo: &Repository) -> Vec<(String, PathBuf, bool)> {
    let entries = std::fs::read_dir(repo.common_dir().join("worktrees"));
    let mut found = Vec::new();
    for entry in entries.into_iter().flatten().filter_map(Result::ok) {
        let dir = entry.path();
        let text = std::fs::read(dir.join("gitdir")).unwrap_or_default();
        let file = gix::path::from_bstr(gix::bstr::BStr::new(text.trim_ascii_end()));
        let file = file.map(|file| dir.join(file)).unwrap_or_default();
        if dir.join("index").exists() && !file.exists() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let root = file.parent().unwrap_or(&file).to_owned();
            found.push((name, root, dir.join("locked").exists()));
        }
    }
    found.sort_unstable();
    found
}

/// Refuses to change refs whose indexes and files would not follow.
fn unknown_worktrees(repo: &Repository, refuse: &mut dyn FnMut(String, &str)) {
    let common = repo.common_dir();
    if main_root(repo).is_none() && common.join("index").exists() {
        refuse(
            format!(
                "'{}' belongs to a worktree whose directory is not known",
                common.join("index").display()
            ),
            "run it in that worktree, or set GIT_DIR and GIT_WORK_TREE as for git; if there is none, remove the file",
        );
    }
    for (name, root, is_locked) in away(repo) {
        let lock = if is_locked {
            "git worktree unlock' and '"
        } else {
            ""
        };
        refuse(
            format!(
                "the directory '{}' of worktree '{name}' is not there: its files may hold values",
                root.display()
            ),
            &format!("mount it; if it is gone for good, run '{lock}git worktree prune'"),
        );
    }
}

fn main_root(repo: &Repository) -> Option<PathBuf> {
    let git = repo.git();
    if repo.git_dir() == repo.common_dir()
        && let Some(root) = repo.work_tree()
    {
        return Some(root.to_owned());
    }
    let config = git.config_snapshot();
    if config.boolean("core.bare") == Some(true) {
        return None;
    }
    let common = repo.common_dir().canonicalize().ok()?;
    if let Some(root) = config.string("core.worktree") {
        let root = gix::path::from_bstring(root.to_owned()).ok()?;
        return common.join(root).canonicalize().ok();
    }
    let is_dot_git = common.file_name().is_some_and(|name| name == ".git");
    common.parent().filter(|_| is_dot_git).map(Path::to_owned)
}

/// Everything that stands against rewriting the history of `repo`.
pub fn refusals(repo: &Repository, store: &ObjectStore) -> Vec<Refusal> {
    let mut found: Vec<Refusal> = Vec::new();
    let mut refuse = |what: String, way_out: &str| {
        found.push(Refusal {
            what,
            way_out: way_out.to_owned(),
        });
    };
    let common = repo.common_dir();
    if repo.shallow_boundary().is_ok_and(|ids| !ids.is_empty()) || common.join("shallow").exists() {
        refuse(
            "the clone is shallow: its history ends where that of others goes on".to_owned(),
            "run 'git fetch --unshallow' first",
        );
    }
    if store.dirs().len() > 1 {
        let others: Vec<String> = store.dirs()[1..]
            .iter()
            .map(|dir| format!("'{}'", dir.display()))
            .collect();
        refuse(
            format!(
                "objects are borrowed from {}: they cannot be removed there",
                others.join(", ")
            ),
            "run 'git repack -a -d' and remove '.git/objects/info/alternates', then purge the other repository too",
        );
    }
    owner(common, &mut refuse);
    grafts(common, &mut refuse);
    packs(store, &mut refuse);
    extensions(repo, &mut refuse);
    for extension in repo.unknown_extensions() {
        refuse(extension.detail, "use a newer unleak");
    }
    unknown_worktrees(repo, &mut refuse);
    for worktree in worktrees(repo) {
        operations(&worktree.git_dir, &mut refuse);
    }
    if !common.join("HEAD").exists() || common.join("gc.pid").exists() {
        refuse(
            format!(
                "'git gc' is running: '{}' is there",
                common.join("gc.pid").display()
            ),
            "wait until it has ended; remove the file if none is running",
        );
    }
    found
}

/// Refuses the repository of another user: what root writes there belongs to root, and its owner cannot add objects
/// any more.
fn owner(common: &Path, refuse: &mut dyn FnMut(String, &str)) {
    let uid = std::fs::metadata(common).map_or(0, |found| found.uid());
    if rustix::process::geteuid().is_root() && uid != 0 {
        let way_out = format!(
            "run it as that user ('sudo -u \\#{uid} unleak purge ...'), or make the repository root's"
        );
        refuse(
            format!("'{}' belongs to another user ({uid})", common.display()),
            &way_out,
        );
    }
}

/// Refuses a file of grafts that names commits.
fn grafts(common: &Path, refuse: &mut dyn FnMut(String, &str)) {
    let path = common.join("info/grafts");
    let text = std::fs::read(&path).unwrap_or_default();
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    if lines.any(|line| !line.is_empty() && !line.starts_with(b"#")) {
        refuse(
            format!("'{}' gives commits other parents", path.display()),
            "run 'git replace --convert-graft-file', which makes replacements of them",
        );
    }
}

/// Refuses an object store of two formats, or one that must keep all objects.
fn extensions(repo: &Repository, refuse: &mut dyn FnMut(String, &str)) {
    let config = repo.git().config_snapshot();
    if config.boolean("extensions.preciousObjects") == Some(true) {
        refuse(
            "extensions.preciousObjects forbids removing objects".to_owned(),
            "run 'git config unset extensions.preciousObjects' if no other repository borrows objects from this one",
        );
    }
    if config.string("extensions.compatObjectFormat").is_some() {
        refuse(
            "the repository keeps ids of two object formats: extensions.compatObjectFormat"
                .to_owned(),
            "purge a clone of it that has one format",
        );
    }
}

fn packs(store: &ObjectStore, refuse: &mut dyn FnMut(String, &str)) {
    for pack in store.packs() {
        let path = pack.path.display();
        if pack.path.with_extension("keep").exists() {
            refuse(
                format!("'{path}' is kept: git never removes objects from it"),
                "remove the '.keep' file beside it, if nobody needs it",
            );
        }
        if pack.path.with_extension("promisor").exists() {
            refuse(
                format!(
                    "'{path}' belongs to a partial clone: objects are missing, and git never prunes what is there"
                ),
                "clone the repository again without '--filter', and purge that clone",
            );
        }
    }
}

fn operations(git_dir: &Path, refuse: &mut dyn FnMut(String, &str)) {
    for (name, what, way_out) in OPERATIONS {
        if git_dir.join(name).exists() {
            refuse(
                format!(
                    "{what} is in progress: '{}' is there",
                    git_dir.join(name).display()
                ),
                &format!("end it with '{way_out}'"),
            );
        }
    }
}

/// Refuses to take a purge back while git is in the middle of something: its state names commits of the
/// new history.
///
/// # Errors
/// `Repository` with what is in progress.
pub(crate) fn check_operations(repo: &Repository) -> Result<()> {
    let mut found = None;
    for worktree in worktrees(repo) {
        operations(&worktree.git_dir, &mut |what, way_out| {
            found.get_or_insert_with(|| {
                Error::repository(format!("cannot take the purge back: {what}"))
                    .hint(format!("{way_out}, then run the command again"))
            });
        });
    }
    found.map_or(Ok(()), Err)
}

/// The first of `refusals` as an error, if there are any.
///
/// # Errors
/// `Repository`.
pub fn check(refusals: &[Refusal]) -> Result<()> {
    match refusals.first() {
        None => Ok(()),
        Some(first) => {
            Err(Error::repository(format!("cannot purge: {}", first.what))
                .hint(first.way_out.clone()))
        }
    }
}
