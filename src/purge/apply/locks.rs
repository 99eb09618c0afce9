//! Locks of git: taken for indexes, recognised when a run that was killed left them, and never broken if
//! they are not ours.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::{Error, Result};
use crate::odb::ObjectId;
use crate::purge::apply::carried::Carried;
use crate::purge::apply::changes::RefChanges;
use crate::purge::apply::files::below;
use crate::purge::apply::remove::remove_file;
use crate::purge::apply::{holders, snapshot};
use crate::purge::journal;
use crate::purge::journal::Journal;

/// The lock of an index. While it is held, a copy is changed; [`Self::commit`] puts it in place.
pub(crate) struct IndexLock {
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
    pub(crate) fn take(common: &Path, git_dir: &Path, number: usize, run: &str) -> Result<Self> {
        let own = journal::dir(common);
        let (index, lock) = (git_dir.join("index"), git_dir.join("index.lock"));
        let said = snapshot::keep_reason(run) + "\n";
        let is_taken = holders::wait(&mut || match holders::put(&own, &lock, said.as_bytes()) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(is_ours(&lock)),
            Err(e) => Err(Error::io("write", &lock, e)),
        })?;
        if !is_taken {
            return Err(holders::held(&lock, git_dir));
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
    pub(crate) fn copy(&self) -> &Path {
        &self.copy
    }

    /// Puts the copy in the place of the index, and ends the lock.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub(crate) fn commit(mut self) -> Result<()> {
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
pub(crate) fn release(common: &Path, git_dir: &Path, number: usize) -> Result<()> {
    let lock = git_dir.join("index.lock");
    if is_ours(&lock) {
        remove_file(&journal::dir(common).join(format!("index-{number}")))?;
        remove_file(&lock)?;
    }
    Ok(())
}

/// All lock files of git in a repository, relative, but for those of indexes.
pub(crate) fn list(common: &Path) -> Vec<PathBuf> {
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
pub(crate) fn expect(common: &Path, journal: &mut Journal) -> Result<()> {
    let list = list(common).into_iter();
    journal.foreign_locks = list
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    journal.is_moving = true;
    journal.write(common)
}

/// Removes the locks that git left when it was killed while it worked for the run of `journal`: those
/// it takes for the changes in `refs` or to move one to an id of `carried`, that were not there before,
/// hold what it writes, and are open nowhere, while no git works in the repository. Whoever calls holds
/// the lock of the repository, so such a git has ended.
///
/// # Errors
/// `Io` if one cannot be removed.
pub(crate) fn remove_dead(
    common: &Path,
    journal: &Journal,
    refs: &RefChanges,
    carried: &Carried,
) -> Result<()> {
    if !journal.is_moving {
        return Ok(());
    }
    let locks = list(common);
    if locks.is_empty() || holders::is_in_use(common) {
        return Ok(());
    }
    let foreign: HashSet<&str> = journal.foreign_locks.iter().map(|path| &**path).collect();
    // There may be a lock for each ref: what is asked for each must be known.
    let (opened, expected) = (holders::opened(common), Expected::new(refs, carried));
    for lock in locks {
        let is_foreign = foreign.contains(&*lock.to_string_lossy());
        let path = common.join(&lock);
        if is_foreign || !expected.has(&lock, &path) {
            continue;
        }
        if path.canonicalize().is_ok_and(|path| opened.contains(&path)) {
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

/// The locks that a purge makes git take.
struct Expected<'a> {
    refs: &'a RefChanges,
    carried: &'a Carried,
    /// The ids that git writes into the lock of a ref.
    ids: HashMap<&'a [u8], Vec<ObjectId>>,
    /// Those of all refs: HEAD moves with the branch that it names.
    all: HashSet<ObjectId>,
}

impl<'a> Expected<'a> {
    fn new(refs: &'a RefChanges, carried: &'a Carried) -> Self {
        let mut ids: HashMap<&[u8], Vec<ObjectId>> = HashMap::new();
        for update in &refs.updates {
            for name in std::iter::once(&update.name).chain(&update.new_name) {
                ids.entry(name)
                    .or_default()
                    .extend([update.new, update.old]);
            }
        }
        let updates = refs.updates.iter();
        let all = updates.flat_map(|update| [update.new, update.old]);
        Self {
            refs,
            carried,
            ids,
            all: all.collect(),
        }
    }

    /// Whether `lock`, the file at `path`, is one of them, and holds what git writes into it.
    fn has(&self, lock: &Path, path: &Path) -> bool {
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
        let held = held.trim_ascii_end();
        let id = ObjectId::from_hex(held).ok();
        if id.is_some_and(|id| self.carried.has_new(&id)) {
            return true;
        }
        let is_head = locked.file_name() == Some(OsStr::new("HEAD"));
        let ids = self.ids.get(name);
        let repoints = self.refs.repoints.iter();
        let targets: Vec<Vec<u8>> = repoints
            .filter(|repoint| repoint.name == name)
            .flat_map(|repoint| [&repoint.old, &repoint.target])
            .map(|target| [b"ref: ", &target[..]].concat())
            .collect();
        let is_known = id.is_some_and(|id| {
            is_head && self.all.contains(&id) || ids.is_some_and(|ids| ids.contains(&id))
        });
        let is_ours = is_head || name == b"refs/stash" || ids.is_some() || !targets.is_empty();
        // git may have been killed before it wrote anything.
        is_ours && (held.is_empty() || is_known || targets.iter().any(|text| held == *text))
    }
}
