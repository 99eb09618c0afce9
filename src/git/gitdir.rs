//! Lists the files of a git directory that hold text beside what a scan always reads: configuration,
//! messages, state of a rebase, hooks, stores of Git LFS and git-annex, temporary objects and packs.
//! Always read are objects, refs, reflogs and the indexes; here they are left out, but for those of
//! submodules below `modules`, whose objects have a store of their own.
//!
//! Links are never followed: each is listed, and may lead anywhere.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString};

use crate::git::repository::Repository;
use crate::odb::file::list_what_can_be;
use crate::odb::{SkipReason, Skipped, file};

/// What is in a git directory. All lists are sorted.
#[derive(Clone, Debug, Default)]
pub struct GitDir {
    /// Plain files.
    pub files: Vec<PathBuf>,
    /// Links, which are not followed.
    pub links: Vec<PathBuf>,
    /// Pipes, sockets and devices.
    pub special: Vec<PathBuf>,
    /// The git directories of submodules.
    pub modules: Vec<PathBuf>,
    /// Directories that could not be listed.
    pub skipped: Vec<Skipped>,
}

/// Whose directory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The repository's.
    Repository,
    /// A linked worktree's.
    Worktree,
    /// A submodule's.
    Module,
}

/// A directory that is still to be listed.
struct Dir {
    path: PathBuf,
    /// Its path in the git directory that it belongs to.
    relative: PathBuf,
    owner: Owner,
}

impl GitDir {
    /// Lists the git directory of `repo`, and that of its worktree if it is elsewhere.
    pub fn list(repo: &Repository) -> Self {
        let mut found = Self::default();
        let mut dirs = vec![Dir {
            path: repo.common_dir().to_owned(),
            relative: PathBuf::new(),
            owner: Owner::Repository,
        }];
        let canonical = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        if !canonical(repo.git_dir()).starts_with(canonical(repo.common_dir())) {
            dirs.push(Dir {
                path: repo.git_dir().to_owned(),
                relative: PathBuf::new(),
                owner: Owner::Worktree,
            });
        }
        while let Some(dir) = dirs.pop() {
            found.list_one(&dir, &mut dirs);
        }
        for list in [
            &mut found.files,
            &mut found.links,
            &mut found.special,
            &mut found.modules,
        ] {
            list.sort_unstable();
        }
        found
    }

    fn list_one(&mut self, dir: &Dir, dirs: &mut Vec<Dir>) {
        let (entries, unread) = list_what_can_be(&dir.path);
        self.skipped
            .extend(unread.and_then(|unread| unread.skipped(&dir.path)));
        for entry in entries {
            let (path, relative) = (entry.path(), dir.relative.join(entry.file_name()));
            if is_read_anyway(dir.owner, &relative) {
                continue;
            }
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(e) => {
                    self.skipped.push(unreadable(&path, &e));
                    continue;
                }
            };
            if kind.is_dir() {
                let below = self.below(dir.owner, path, relative);
                dirs.push(below);
            } else if kind.is_file() {
                self.files.push(path);
            } else if kind.is_symlink() {
                self.links.push(path);
            } else {
                self.special.push(path);
            }
        }
    }

    /// A directory in one that belongs to `owner`; its own owner may be another.
    fn below(&mut self, owner: Owner, path: PathBuf, relative: PathBuf) -> Dir {
        let parent = relative.parent().unwrap_or(Path::new(""));
        let is_worktree = owner == Owner::Repository && parent == Path::new("worktrees");
        let can_be_module = owner != Owner::Worktree && parent.starts_with("modules");
        let is_module = can_be_module
            && is_git_dir(&path).unwrap_or_else(|unread| {
                self.skipped.push(unread);
                false
            });
        let is_own = is_worktree || is_module;
        if is_module {
            self.modules.push(path.clone());
        }
        Dir {
            path,
            relative: if is_own { PathBuf::new() } else { relative },
            owner: match owner {
                _ if is_worktree => Owner::Worktree,
                _ if is_module => Owner::Module,
                owner => owner,
            },
        }
    }

    /// Names of what a scan without the files does not read: files as `.git/config`, and directories as
    /// `.git/rr-cache/`, each once. What git puts into every new repository is left out, by name.
    pub fn unread(&self, repo: &Repository) -> Vec<BString> {
        let mut names = BTreeSet::new();
        for path in self.files.iter().chain(&self.links) {
            let relative = path.strip_prefix(repo.common_dir()).unwrap_or(path);
            if self.links.binary_search(path).is_err() && is_of_template(relative) {
                continue;
            }
            let parts: PathBuf = relative.components().take(2).collect();
            let mut name = name(repo, &repo.common_dir().join(&parts));
            if parts != relative {
                name.push(b'/');
            }
            names.insert(name);
        }
        names.into_iter().collect()
    }
}

/// What a file at `path` is called: `.git/config`, or `config` in a bare repository.
pub fn name(repo: &Repository, path: &Path) -> BString {
    let common = repo.common_dir();
    let Ok(relative) = path.strip_prefix(common) else {
        return path.as_os_str().as_encoded_bytes().into();
    };
    let is_in_worktree = common.file_name().is_some_and(|name| name == ".git");
    let shown = match is_in_worktree {
        true => Path::new(".git").join(relative),
        false => relative.to_owned(),
    };
    shown.as_os_str().as_encoded_bytes().into()
}

/// The tops of linked worktrees of `repo`, sorted, and what could not be read. Their `.git` files must
/// name their git directory in turn: a file of a stranger cannot make others' directories worktrees.
pub fn linked_worktrees(repo: &Repository) -> (Vec<PathBuf>, Vec<Skipped>) {
    let parent = repo.common_dir().join("worktrees");
    let (entries, unread) = list_what_can_be(&parent);
    let mut skipped: Vec<Skipped> = unread
        .and_then(|unread| unread.skipped(&parent))
        .into_iter()
        .collect();
    let mut roots = Vec::new();
    for entry in entries {
        match linked_worktree(&entry.path()) {
            Ok(root) => roots.extend(root),
            Err(unread) => skipped.push(unread),
        }
    }
    roots.sort_unstable();
    (roots, skipped)
}

/// The top of the worktree whose git directory is `dir`, if it is there and says so.
fn linked_worktree(dir: &Path) -> Result<Option<PathBuf>, Skipped> {
    let read = |path: &Path| match file::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(unread) => unread.skipped(path).map_or(Ok(None), Err),
    };
    let path_in = |text: &[u8]| {
        let path = gix::path::from_bstr(BStr::new(text.trim_ascii()));
        path.map(Cow::into_owned).ok()
    };
    let canonical = |path: &Path| match path.canonicalize() {
        Ok(path) => Ok(Some(path)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path, &e)),
    };
    let named = read(&dir.join("gitdir"))?.and_then(|text| path_in(&text));
    let Some(file) = named.map(|named| dir.join(named)) else {
        return Ok(None);
    };
    let back = read(&file)?;
    let back = back
        .as_deref()
        .and_then(|text| text.strip_prefix(b"gitdir:"));
    let (Some(back), Some(root)) = (back.and_then(path_in), file.parent()) else {
        return Ok(None);
    };
    let there = canonical(&root.join(back))?;
    match there.is_some() && there == canonical(dir)? {
        true => canonical(root),
        false => Ok(None),
    }
}

/// Whether a directory is a git directory of its own: nothing of it is a link, or in another directory.
fn is_git_dir(dir: &Path) -> Result<bool, Skipped> {
    let kind = |name: &str| {
        let path = dir.join(name);
        match path.symlink_metadata() {
            Ok(found) => Ok(Some(found.file_type())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable(&path, &e)),
        }
    };
    Ok(kind("HEAD")?.is_some_and(|kind| kind.is_file())
        && kind("objects")?.is_some_and(|kind| kind.is_dir())
        && kind("commondir")?.is_none())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Skipped {
    file::skipped(SkipReason::Unreadable, path, &error.to_string())
}

/// Whether a scan reads what is at `relative` in a git directory without being asked.
fn is_read_anyway(owner: Owner, relative: &Path) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| relative == Path::new(name));
    match owner {
        Owner::Repository => {
            is(&["HEAD", "index", "logs", "packed-refs", "refs", "reftable"]) || is_stored(relative)
        }
        Owner::Worktree => is(&["HEAD", "index", "logs", "refs", "reftable"]),
        Owner::Module => is_stored(relative),
    }
}

/// Whether a file belongs to an object store as git names them: loose objects, packs, and what is made
/// of these. What git was writing has other names.
fn is_stored(relative: &Path) -> bool {
    let Ok(rest) = relative.strip_prefix("objects") else {
        return false;
    };
    let parts: Vec<&[u8]> = rest
        .components()
        .map(|part| part.as_os_str().as_encoded_bytes())
        .collect();
    let is_hex =
        |name: &[u8], len: usize| name.len() == len && name.iter().all(u8::is_ascii_hexdigit);
    match parts[..] {
        [dir, name] if is_hex(dir, 2) => is_hex(name, 38) || is_hex(name, 62),
        [b"info", b"commit-graph" | b"packs"] | [b"info", b"commit-graphs", ..] => true,
        [b"pack", b"multi-pack-index.d", ..] => true,
        [b"pack", name] if name.starts_with(b"multi-pack-index") => true,
        [b"pack", name] => {
            let ending = [&b".pack"[..], b".idx", b".rev", b".bitmap", b".mtimes"];
            name.starts_with(b"pack-") && ending.iter().any(|ending| name.ends_with(ending))
        }
        _ => false,
    }
}

/// Whether `git init` makes a file of that name, but for the configuration.
fn is_of_template(relative: &Path) -> bool {
    let is_sample =
        relative.starts_with("hooks") && relative.extension().is_some_and(|e| e == "sample");
    is_sample || relative == Path::new("description") || relative == Path::new("info/exclude")
}
