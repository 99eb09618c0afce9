//! Finds and opens a repository; knows where its parts are. Reads no configuration beyond what
//! that needs, and runs no program.

use std::path::{Path, PathBuf};

use gix::hash::Kind as HashKind;
use gix::objs::CommitRefIter;
use gix::{ObjectId, ThreadSafeRepository};

use crate::error::{Error, Result, quoted};
use crate::git::address;
use crate::git::index::Index;
use crate::odb::file::Unread;
use crate::odb::lookup::{Lookup, check_objects};
use crate::odb::reason::{config_line, reason};
use crate::odb::{ObjectKind, ObjectStore, ReadLimits, SkipReason, Skipped, file};

/// An opened repository.
pub struct Repository {
    git: gix::Repository,
    work_tree: Option<PathBuf>,
}

/// The extensions that change nothing here, or that are read as git reads them (git-config(1)).
const KNOWN_EXTENSIONS: [&str; 10] = [
    "compatObjectFormat",
    "noop",
    "noop-v1",
    "objectFormat",
    "partialClone",
    "preciousObjects",
    "refStorage",
    "relativeWorktrees",
    "submodulePathConfig",
    "worktreeConfig",
];

/// What the environment says about where a repository is, as git reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `GIT_DIR`.
    pub git_dir: Option<PathBuf>,
    /// `GIT_WORK_TREE`.
    pub work_tree: Option<PathBuf>,
    /// `GIT_OBJECT_DIRECTORY`.
    pub object_dir: Option<PathBuf>,
    /// `GIT_ALTERNATE_OBJECT_DIRECTORIES`, already split.
    pub alternates: Vec<PathBuf>,
    /// `GIT_INDEX_FILE`.
    pub index_file: Option<PathBuf>,
    /// The commits that `git merge` is merging, from the names of `GITHEAD_<id>`: its hook
    /// `pre-merge-commit` runs before there is a `MERGE_HEAD`.
    pub merging: Vec<ObjectId>,
}

impl Repository {
    /// Opens the repository that `path` is, or is inside of: a worktree, one of its directories, a
    /// bare repository or a `.git` directory.
    ///
    /// # Errors
    /// `Repository` if there is none or it cannot be opened.
    pub fn discover(path: &Path, overrides: &Overrides) -> Result<Self> {
        Self::find(path, overrides)?.ok_or_else(|| {
            let path_name = path.display();
            match path.is_dir() {
                true => Error::repository(format!("'{path_name}' is not in a git repository"))
                    .hint("name a directory that holds one, or run 'git init' first"),
                false => Error::repository(format!("'{path_name}' is a file, not a repository"))
                    .hint("'unleak scan --files' scans files"),
            }
        })
    }

    /// Like [`Self::discover`], but `None` if `path` is in no repository.
    ///
    /// # Errors
    /// `Repository` if `path` does not exist, or the repository cannot be opened.
    pub fn find(path: &Path, overrides: &Overrides) -> Result<Option<Self>> {
        if !path.exists() {
            return Err(address::refused(path).unwrap_or_else(|| {
                Error::repository(format!("'{}' does not exist", path.display()))
                    .hint("only repositories on this machine are scanned: clone it first")
            }));
        }
        let git_dir = match &overrides.git_dir {
            Some(git_dir) => git_dir.clone(),
            None => {
                check_above(path)?;
                let found = git_dir_above(path);
                check_links(path, found.as_deref())?;
                let Some(found) = found else {
                    return Ok(None);
                };
                found
            }
        };
        check_git_dir(&git_dir)?;
        // Isolated: neither the user's nor the system's configuration, nor the environment, takes
        // part. Replacement refs are ignored: they would hide what they replace.
        let options = gix::open::Options::isolated()
            .open_path_as_is(true)
            .strict_config(false);
        let repo = options.open(&git_dir);
        let repo: ThreadSafeRepository = repo.map_err(|e| cannot_open(&git_dir, e))?;
        let mut git = repo.to_thread_local();
        git.objects.ignore_replacements = true;
        let work_tree = match &overrides.git_dir {
            // As git: the current directory is the worktree, if nothing else is said.
            Some(_) if overrides.work_tree.is_none() && !git.is_bare() => Some(path.to_owned()),
            Some(_) => overrides.work_tree.clone(),
            None => work_tree_above(path, &git_dir),
        };
        let work_tree = work_tree.and_then(|root| root.canonicalize().ok());
        Ok(Some(Self { git, work_tree }))
    }

    /// Opens its object store.
    ///
    /// # Errors
    /// `Repository` if there is no object directory.
    pub fn open_store(&self, overrides: &Overrides, limits: ReadLimits) -> Result<ObjectStore> {
        let own = self.common_dir().join("objects");
        match &overrides.object_dir {
            None => ObjectStore::open(&own, &overrides.alternates, self.hash(), limits),
            Some(dir) => ObjectStore::open(dir, &overrides.alternates, self.hash(), limits),
        }
    }

    /// Opens it for looking up single objects. While a push waits to be accepted, its objects and
    /// those that were there before stand in different directories: both are read.
    ///
    /// # Errors
    /// `Repository` if an object directory cannot be opened.
    pub fn lookup(&self, overrides: &Overrides, limits: ReadLimits) -> Result<Lookup> {
        let mut dirs: Vec<PathBuf> = overrides.object_dir.iter().cloned().collect();
        dirs.extend(overrides.alternates.iter().cloned());
        if overrides.object_dir.is_none() {
            dirs.insert(0, self.common_dir().join("objects"));
        }
        let is_partial = self.is_partial();
        Lookup::open(&dirs, self.hash(), limits, is_partial, self.common_dir())
    }

    /// Opens the index of this worktree.
    ///
    /// # Errors
    /// `Io` or `Corrupt` if it cannot be read.
    pub fn index(&self, overrides: &Overrides) -> Result<Index> {
        let path = match &overrides.index_file {
            Some(path) => path.clone(),
            None => self.git_dir().join("index"),
        };
        Index::open(&path, self.hash())
    }

    /// The commits that a commit made now would follow: HEAD, if it is born, and those being merged.
    ///
    /// # Errors
    /// `Repository` if HEAD cannot be read, `Corrupt` if the list of those being merged cannot.
    pub fn commit_parents(&self) -> Result<Vec<ObjectId>> {
        let Some(head) = self.find_ref(b"HEAD")? else {
            return Ok(Vec::new());
        };
        let mut parents = vec![head];
        let merging = self.git_dir().join("MERGE_HEAD");
        let text = match file::read(&merging) {
            Ok(text) => text,
            Err(Unread::Absent) => return Ok(parents),
            Err(Unread::Refused(_, why)) => {
                return Err(Error::io("read", &merging, std::io::Error::other(why)));
            }
        };
        for line in text
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let id = ObjectId::from_hex(line.trim_ascii()).map_err(|e| {
                Error::corrupt(format!("'{}' names no commit", merging.display()))
                    .because(reason(e))
            })?;
            parents.push(id);
        }
        Ok(parents)
    }

    /// The commits whose files a commit made now takes over, though it does not follow them: those
    /// that are being picked or rebased, and the parents of the one being reverted. Only `lookup`
    /// tells what is here; what is not is left out.
    ///
    /// # Errors
    /// `Repository` if the refs that name them cannot be read.
    pub fn commit_sources(&self, lookup: &Lookup) -> Result<Vec<ObjectId>> {
        let mut sources = Vec::new();
        for name in [&b"CHERRY_PICK_HEAD"[..], b"REBASE_HEAD"] {
            sources.extend(self.find_ref(name)?);
        }
        let mut bytes = Vec::new();
        if let Some(reverted) = self.find_ref(b"REVERT_HEAD")?
            && lookup
                .read(&reverted, ObjectKind::Commit, &mut bytes)
                .is_ok()
        {
            sources.extend(CommitRefIter::from_bytes(&bytes, lookup.hash()).parent_ids());
        }
        Ok(sources)
    }

    /// Whether it is a partial clone: some objects may have been left on the server.
    fn is_partial(&self) -> bool {
        let config = self.git.config_snapshot();
        config.string("extensions.partialClone").is_some()
            || config
                .plumbing()
                .sections_by_name("remote")
                .into_iter()
                .flatten()
                .any(|section| section.value("promisor").is_some())
    }

    /// The extensions of the format that are not known here: what they change may not be read.
    pub fn unknown_extensions(&self) -> Vec<Skipped> {
        let config = self.git.config_snapshot();
        // Without a version, git obeys none of them.
        if config.integer("core.repositoryFormatVersion").unwrap_or(0) < 1 {
            return Vec::new();
        }
        let sections = config.plumbing().sections_by_name("extensions");
        let names = sections.into_iter().flatten();
        let names = names.flat_map(|section| {
            let names = section.value_names().map(|name| name.to_string());
            names.collect::<Vec<_>>()
        });
        let is_known = |name: &String| {
            let known = KNOWN_EXTENSIONS.iter();
            known.clone().any(|known| known.eq_ignore_ascii_case(name))
        };
        names
            .filter(|name| !is_known(name))
            .map(|name| Skipped {
                reason: SkipReason::Unsupported,
                kind: ObjectKind::Unknown,
                object_id: None,
                detail: format!(
                    "the repository has the extension {}, which is not known: what it changes may not have been read",
                    quoted(&name)
                ),
            })
            .collect()
    }

    /// gix's view of it, for its configuration and for expressions that name commits.
    pub fn git(&self) -> &gix::Repository {
        &self.git
    }

    /// The object format.
    pub fn hash(&self) -> HashKind {
        self.git.object_hash()
    }

    /// The `.git` directory of this worktree.
    pub fn git_dir(&self) -> &Path {
        self.git.git_dir()
    }

    /// Where the files of this worktree stand, if how it was found says so: by the file `.git` in it, or
    /// by the environment. Nothing else may say it.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The `.git` directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        self.git.common_dir()
    }

    /// Reads a blob of the object store; `None` if it has more than `max` bytes.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn small_blob(
        &self,
        id: ObjectId,
        max: u64,
    ) -> std::result::Result<Option<Vec<u8>>, String> {
        check_objects(&self.object_dirs().map_err(|e| e.chain())?).map_err(|e| e.chain())?;
        let header = self.git().find_header(id).map_err(|e| e.to_string())?;
        if header.size() > max {
            return Ok(None);
        }
        let object = self.git().find_object(id).map_err(|e| e.to_string())?;
        Ok(Some(object.data.clone()))
    }

    /// The tree of HEAD; `None` if there is no commit yet, or HEAD cannot be read.
    ///
    /// # Errors
    /// `Repository` if its objects cannot be read.
    pub fn head_tree(&self) -> Result<Option<gix::Tree<'_>>> {
        let Ok(Some(head)) = self.find_ref(b"HEAD") else {
            return Ok(None);
        };
        check_objects(&self.object_dirs()?)?;
        let Ok(commit) = self.git.find_object(head) else {
            return Ok(None);
        };
        let tree = commit.peel_to_tree();
        tree.map(Some)
            .map_err(|_| Error::repository("the tree of HEAD cannot be read"))
    }

    /// The object directories: its own first, then alternates. Nothing is opened.
    ///
    /// # Errors
    /// `Repository` if alternates cannot be followed.
    pub fn object_dirs(&self) -> Result<Vec<PathBuf>> {
        let own = self.common_dir().join("objects");
        // Its messages repeat what stands in the file, which may be a link to anything.
        let cannot = || Error::repository("cannot follow the alternates");
        let here = std::env::current_dir().map_err(|_| cannot())?;
        file::check_plain(&own.join("info"), &["alternates"])?;
        let others = gix::odb::alternate::resolve(own.clone(), &here).map_err(|_| cannot())?;
        Ok(std::iter::once(own).chain(others).collect())
    }

    /// The commits at which a shallow clone ends, sorted; empty if it is not shallow.
    ///
    /// # Errors
    /// `Corrupt` if the list cannot be read.
    pub fn shallow_boundary(&self) -> Result<Vec<ObjectId>> {
        let path = self.common_dir().join("shallow");
        let wrong =
            |why: String| Error::corrupt(format!("cannot read '{}'", path.display())).because(why);
        let text = match file::read(&path) {
            Ok(text) => text,
            Err(Unread::Absent) => return Ok(Vec::new()),
            Err(Unread::Refused(_, why)) => return Err(wrong(why)),
        };
        let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
        let lines = lines.filter(|(_, line)| !line.is_empty());
        let ids = lines.map(|(number, line)| {
            let id = ObjectId::from_hex(line.trim_ascii()).ok();
            let id = id.filter(|id| id.kind() == self.hash());
            id.ok_or_else(|| wrong(format!("line {number} names no commit")))
        });
        let mut ids: Vec<ObjectId> = ids.collect::<Result<_>>()?;
        ids.sort_unstable();
        Ok(ids)
    }
}

/// Files of a git directory that are read to open it.
const FIRST_FILES: [&str; 8] = [
    "HEAD",
    "config",
    "config.worktree",
    "commondir",
    "gitdir",
    "objects/info/alternates",
    "packed-refs",
    "shallow",
];

/// Checks the files that gix reads to open the git directory `dir`.
pub(crate) fn check_git_dir(dir: &Path) -> Result<()> {
    file::check_plain(dir, &FIRST_FILES)?;
    if let Ok(text) = file::read(&dir.join("commondir"))
        && let Ok(common) = gix::path::from_bstr(gix::bstr::BStr::new(text.trim_ascii()))
    {
        file::check_plain(&dir.join(common), &FIRST_FILES)?;
    }
    Ok(())
}

/// Checks what gix looks at to find the git directory above `path`.
pub(crate) fn check_above(path: &Path) -> Result<()> {
    let Ok(start) = path.canonicalize() else {
        return Ok(());
    };
    for dir in start.ancestors() {
        let link = dir.join(".git");
        match std::fs::metadata(&link) {
            Ok(found) if found.is_dir() => file::check_plain(&link, &FIRST_FILES)?,
            Ok(_) => {
                file::check_plain(dir, &[".git"])?;
                let named = file::read(&link).unwrap_or_default();
                let named = named.strip_prefix(b"gitdir:").map(<[u8]>::trim_ascii);
                let named = named.map(gix::bstr::BStr::new);
                if let Some(Ok(named)) = named.map(gix::path::from_bstr) {
                    file::check_plain(&dir.join(named), &FIRST_FILES)?;
                }
            }
            Err(_) => {}
        }
        // A project can have directories of these names, and one called 'config'.
        let has_head = dir.join("HEAD").symlink_metadata().is_ok();
        if has_head && (dir.join("objects").is_dir() || dir.join("refs").is_dir()) {
            file::check_plain(dir, &FIRST_FILES)?;
        }
    }
    Ok(())
}

/// Returns the `.git` directory of the repository that `path` is, or is inside of.
pub(crate) fn git_dir_above(path: &Path) -> Option<PathBuf> {
    // gix makes paths that begin with '..' shorter, as if all repositories were called '.git'.
    let path = path.canonicalize().ok()?;
    let (found, _trust) = gix::discover::upwards(&path).ok()?;
    Some(found.into_repository_and_work_tree_directories().0)
}

/// The directory at or above `path` whose file `.git` names `git_dir`.
fn work_tree_above(path: &Path, git_dir: &Path) -> Option<PathBuf> {
    let (start, git_dir) = (path.canonicalize().ok()?, git_dir.canonicalize().ok()?);
    let mut dirs = start.ancestors();
    let found = dirs.find(|dir| {
        let link = dir.join(".git");
        let named = link
            .is_file()
            .then(|| gix::discover::path::from_gitdir_file(&link).ok())
            .flatten();
        named.and_then(|named| named.canonicalize().ok()).as_ref() == Some(&git_dir)
    });
    found.map(Path::to_owned)
}

/// The error for a repository that is there but cannot be opened.
pub(crate) fn cannot_open(git_dir: &Path, error: gix::Error) -> Error {
    let path = git_dir.display();
    match config_line(&error) {
        Some(line) => Error::repository(format!(
            "cannot open the repository '{path}': line {line} of its file 'config' is not valid"
        ))
        .hint("'git config --list' in the repository shows what git makes of it"),
        None => {
            Error::repository(format!("cannot open the repository '{path}'")).because(reason(error))
        }
    }
}

/// Refuses a file `.git` between `path` and the repository that was found: it was meant to name
/// another one.
fn check_links(path: &Path, found: Option<&Path>) -> Result<()> {
    let Ok(start) = path.canonicalize() else {
        return Ok(());
    };
    let found = found.and_then(|found| found.canonicalize().ok());
    for dir in start.ancestors() {
        let link = dir.join(".git");
        if link.is_file() {
            let named = gix::discover::path::from_gitdir_file(&link);
            let named = named.ok().and_then(|named| named.canonicalize().ok());
            if named.is_some() && named == found {
                return Ok(());
            }
            let link = link.display();
            return Err(
                Error::repository(format!("'{link}' names no git repository"))
                    .hint("it is the link of a worktree or submodule: mend it, or remove it"),
            );
        }
        if found
            .as_ref()
            .is_some_and(|found| *found == link || *found == dir)
        {
            return Ok(());
        }
    }
    Ok(())
}
