//! Locks of git: taken for indexes, recognised when a run that was killed left them, and never broken if
//! they are not ours.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::carry::Carried;
use super::changes::RefChanges;
use super::files::below;
use super::journal::{self, Journal};
use super::remove::remove_file;
use super::snapshot;
use crate::error::{Error, Result};
use crate::odb::ObjectId;

/// How long others may hold the lock of an index: 'git status' holds it for moments.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lock of an index. While it is held, a copy is changed; [`Self::commit`] puts it in place.
pub(super) struct IndexLock {
    index: PathBuf,
    lock: PathBuf,
    copy: PathBuf,
    is_held: bool,
}

impl IndexLock {
    /// Takes the lock of the index in `git_dir` for `run`, or takes it over from a run that was killed.
    /// Whoever calls holds the lock of the repository, so no other run is alive.
    ///
    /// # Errors
    /// `Repository` that says who holds it; `Io` if it cannot be taken.
    pub(super) fn take(common: &Path, git_dir: &Path, number: usize, run: &str) -> Result<Self> {
        let own = journal::dir(common);
        let (index, lock) = (git_dir.join("index"), git_dir.join("index.lock"));
        let said = snapshot::keep_reason(run) + "\n";
        let began = Instant::now();
        loop {
            match put(&own, &lock, &said) {
                Ok(()) => break,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("write", &lock, e)),
            }
            if is_ours(&lock) {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(held(&lock, git_dir));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let taken = Self {
            copy: own.join(format!("index-{number}")),
            is_held: true,
            index,
            lock,
        };
        // Of a git that was killed.
        let _ = fs::remove_file(taken.copy.with_extension("lock"));
        match snapshot::copy(&taken.index, &taken.copy) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let _ = fs::remove_file(&taken.copy);
            }
            Err(e) => return Err(Error::io("read", &taken.index, e)),
        }
        Ok(taken)
    }

    /// The copy of the index, which may be changed.
    pub(super) fn copy(&self) -> &Path {
        &self.copy
    }

    /// Puts the copy in the place of the index, and ends the lock.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub(super) fn commit(mut self) -> Result<()> {
        let put = || -> io::Result<()> {
            if self.copy.exists() {
                fs::File::open(&self.copy)?.sync_all()?;
                fs::rename(&self.copy, &self.index)?;
            }
            Ok(())
        };
        put().map_err(|e| Error::io("write", &self.index, e))?;
        self.is_held = false;
        fs::remove_file(&self.lock).map_err(|e| Error::io("remove", &self.lock, e))
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if self.is_held {
            let _ = fs::remove_file(&self.copy);
            let _ = fs::remove_file(self.copy.with_extension("lock"));
            let _ = fs::remove_file(&self.lock);
        }
    }
}

/// Whether the lock of an index was taken by a purge.
fn is_ours(lock: &Path) -> bool {
    let ours = snapshot::keep_reason("");
    fs::read(lock).is_ok_and(|held| held.starts_with(ours.as_bytes()))
}

/// Removes the lock of the index in `git_dir`, if a run that was killed left it.
///
/// # Errors
/// `Io` if that fails.
pub(super) fn release(common: &Path, git_dir: &Path, number: usize) -> Result<()> {
    let lock = git_dir.join("index.lock");
    if is_ours(&lock) {
        remove_file(&journal::dir(common).join(format!("index-{number}")))?;
        remove_file(&lock)?;
    }
    Ok(())
}

/// Makes the file `lock` with `text`, which is there from the beginning; fails if there is one.
fn put(own: &Path, lock: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(own)?;
    file.write_all(text.as_bytes())?;
    match fs::hard_link(file.path(), lock) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    // This file system has no hard links.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(lock)?;
    file.write_all(text.as_bytes())
}

/// The error for a lock of others.
pub(super) fn held(lock: &Path, git_dir: &Path) -> Error {
    let users = users(lock, git_dir);
    let who = match &users[..] {
        [] => "no process was found that uses it".to_owned(),
        [one] => format!("git process {one} is running there"),
        many => {
            let many: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("git processes {} are running there", many.join(", "))
        }
    };
    let error = Error::repository(format!(
        "'{}' is there: another git is changing the repository ({who})",
        lock.display()
    ));
    error.hint(if users.is_empty() {
        "wait until it has ended; if it was killed, remove the file; then run the command again"
    } else {
        "wait until it has ended, or end it; then run the command again"
    })
}

/// Processes that have `lock` open, or are a git that works in the repository, as far as Linux says.
fn users(lock: &Path, git_dir: &Path) -> Vec<u32> {
    let git_dir = git_dir
        .canonicalize()
        .unwrap_or_else(|_| git_dir.to_owned());
    let is_dot_git = git_dir.file_name() == Some(OsStr::new(".git"));
    let top = git_dir.parent().filter(|_| is_dot_git).unwrap_or(&git_dir);
    let own = std::process::id();
    let uses = |process: u32| {
        let dir = PathBuf::from(format!("/proc/{process}"));
        let name = fs::read(dir.join("comm")).unwrap_or_default();
        let works_here = name.starts_with(b"git")
            && fs::read_link(dir.join("cwd")).is_ok_and(|at| at.starts_with(top));
        works_here || has_open(&dir, lock)
    };
    let mut found = processes();
    found.retain(|&process| process != own && uses(process));
    found
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let mut found: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

/// Whether the process at `dir` of `/proc` has `path` open.
fn has_open(dir: &Path, path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let entries = fs::read_dir(dir.join("fd")).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|open| open == path))
}

/// Whether any process has `path` open.
pub(super) fn is_open(path: &Path) -> bool {
    processes()
        .iter()
        .any(|process| has_open(Path::new(&format!("/proc/{process}")), path))
}

/// All lock files of git in a repository, relative, but for those of indexes.
pub(super) fn list(common: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let tops = [
        "refs",
        "worktrees",
        "reftable",
        "objects/info",
        "objects/pack",
    ];
    for top in tops {
        found.extend(below(&common.join(top)));
    }
    let entries = fs::read_dir(common).into_iter().flatten();
    found.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    found.retain(|path| {
        path.extension() == Some(OsStr::new("lock"))
            && path.file_name() != Some(OsStr::new("index.lock"))
    });
    let relative = found
        .iter()
        .filter_map(|path| Some(path.strip_prefix(common).ok()?.to_owned()));
    relative.collect()
}

/// Notes that git is about to take locks, and which are there.
///
/// # Errors
/// `Io` if the journal cannot be written.
pub(super) fn expect(common: &Path, journal: &mut Journal) -> Result<()> {
    let list = list(common).into_iter();
    journal.foreign_locks = list
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    journal.is_moving = true;
    journal.write(common)
}

/// Removes the locks that git left when it was killed while it worked for the run of `journal`: those
/// it takes for the changes in `refs` or to move one to an id of `carried`, that were not there before,
/// hold what it writes, and are open nowhere. Whoever calls holds the lock of the repository, so such a
/// git has ended.
///
/// # Errors
/// `Io` if one cannot be removed.
pub(super) fn remove_dead(
    common: &Path,
    journal: &Journal,
    refs: &RefChanges,
    carried: &Carried,
) -> Result<()> {
    if !journal.is_moving {
        return Ok(());
    }
    for lock in list(common) {
        let is_foreign = journal
            .foreign_locks
            .iter()
            .any(|path| *path == lock.to_string_lossy());
        let path = common.join(&lock);
        if is_foreign || !is_expected(&lock, &path, refs, carried) || is_open(&path) {
            continue;
        }
        fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        if lock == Path::new("packed-refs.lock") {
            // What git was about to put in its place.
            let _ = fs::remove_file(common.join("packed-refs.new"));
        }
    }
    Ok(())
}

/// Whether it is a lock that a purge makes git take, with what git writes into it.
fn is_expected(lock: &Path, path: &Path, refs: &RefChanges, carried: &Carried) -> bool {
    let locked = lock.with_extension("");
    let name = locked.as_os_str().as_bytes();
    let of_stores = [
        "packed-refs",
        "objects/info/commit-graph",
        "objects/info/commit-graphs/commit-graph-chain",
        "objects/pack/multi-pack-index",
    ];
    if of_stores.iter().any(|store| locked == Path::new(store))
        || locked.ends_with("reftable/tables.list")
    {
        return true;
    }
    let held = fs::read(path).unwrap_or_default();
    if ObjectId::from_hex(held.trim_ascii_end()).is_ok_and(|id| carried.has_new(&id)) {
        return true;
    }
    let is_head = locked.file_name() == Some(OsStr::new("HEAD"));
    let mut known: Vec<Vec<u8>> = Vec::new();
    for update in &refs.updates {
        let new_name = update.new_name.as_ref();
        if is_head || update.name == name || new_name.is_some_and(|new| *new == name) {
            known.push(update.new.to_string().into_bytes());
            known.push(update.old.to_string().into_bytes());
        }
    }
    let repoints = refs.repoints.iter().filter(|repoint| repoint.name == name);
    for repoint in repoints {
        for target in [&repoint.old, &repoint.target] {
            known.push([b"ref: ", &target[..]].concat());
        }
    }
    let is_ours = is_head || name == b"refs/stash" || !known.is_empty();
    // git may have been killed before it wrote anything.
    is_ours && (held.is_empty() || known.iter().any(|text| held.trim_ascii_end() == *text))
}
