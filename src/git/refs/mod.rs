//! Everything that names objects beside the objects: refs of all namespaces and worktrees, HEAD
//! and its like, reflogs; out of files or reftables, as plain data.
//!
//! Formats: gitrepository-layout(5), git-pack-refs(1). The files are read here and not through gix,
//! which gives up all packed refs for one damaged line and reads one worktree only.

mod lookup;
mod place;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, Result};
use crate::git::refs::lookup::RefLookup;
use crate::git::refs::place::{PlaceReader, is_root_ref};
use crate::git::reftable::{RefValue, TableContents};
use crate::git::repository::Repository;
use crate::odb::{ObjectKind, SkipReason, Skipped, file};

/// What a ref leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefTarget {
    /// This object, which may be of any kind and may be missing.
    Object(ObjectId),
    /// A ref that is not there: a branch without a commit yet, or one deleted since.
    Dangling,
    /// Something that cannot be read, or itself.
    Broken,
}

/// A ref.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// The linked worktree that it belongs to; `None` for the main one and what all share.
    pub worktree: Option<BString>,
    /// Full name: `refs/heads/main`, `HEAD`, `refs/bisect/bad`.
    pub name: BString,
    /// The ref that it names, if it is a symbolic one.
    pub symbolic: Option<BString>,
    /// What it leads to in the end.
    pub target: RefTarget,
}

impl Ref {
    /// The object that it leads to.
    pub fn object_id(&self) -> Option<ObjectId> {
        match self.target {
            RefTarget::Object(id) => Some(id),
            RefTarget::Dangling | RefTarget::Broken => None,
        }
    }
}

/// One entry of a reflog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEntry {
    /// The linked worktree that the log belongs to.
    pub worktree: Option<BString>,
    /// The ref whose log it is; it may be deleted.
    pub name: BString,
    /// Its line, from 1, the oldest first.
    pub line: usize,
    /// What the ref named before; null if it was made then, or if the line is damaged.
    pub old: ObjectId,
    /// What it named after; null if it was deleted.
    pub new: ObjectId,
    /// Who moved it and when: `Name <mail> 1600000000 +0000`.
    pub committer: BString,
    /// Why; of a damaged line, the whole of it.
    pub message: BString,
}

/// All refs and reflogs of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// The linked worktree that the repository was opened in; `None` for the main one.
    pub current: Option<BString>,
    /// Sorted by worktree and name. `FETCH_HEAD` and `MERGE_HEAD` stand there once for each object.
    pub refs: Vec<Ref>,
    /// Sorted by worktree, name and line.
    pub log: Vec<LogEntry>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

impl Refs {
    /// HEAD of the worktree that the repository was opened in.
    pub fn head(&self) -> Option<&Ref> {
        self.get(self.current.as_ref().map(|name| name.as_bstr()), b"HEAD")
    }

    /// The ref `name` of a worktree; of the first object, if there are several.
    pub fn get(&self, worktree: Option<&BStr>, name: &[u8]) -> Option<&Ref> {
        let key = |found: &Ref| {
            let own = found.worktree.as_ref().map(|name| name.as_bstr());
            (own, found.name.as_bstr()).cmp(&(worktree, name.as_bstr()))
        };
        let at = self.refs.partition_point(|found| key(found).is_lt());
        self.refs.get(at).filter(|found| key(found).is_eq())
    }
}

impl Repository {
    /// Reads all refs of all worktrees and all reflogs. What cannot be read is listed, never left
    /// out silently.
    pub fn refs(&self) -> Refs {
        self.read_refs(TableContents::All)
    }

    /// Like [`Self::refs`], without reflogs if only refs are wanted.
    pub fn read_refs(&self, wanted: TableContents) -> Refs {
        let (places, skipped) = places(self);
        let mut refs = Refs {
            skipped,
            ..Refs::default()
        };
        refs.current = places
            .iter()
            .find(|place| place.is_current)
            .and_then(|place| place.worktree.clone());
        let storage = match self.ref_storage() {
            Ok(storage) => Some(storage),
            Err(skipped) => {
                refs.skipped.push(skipped);
                None
            }
        };
        let mut found = RefsAsStored::default();
        for place in &places {
            let is_main = place.worktree.is_none();
            let mut reader = PlaceReader {
                hash: self.hash(),
                worktree: place.worktree.clone(),
                found: &mut found,
                refs: &mut refs,
            };
            reader.read_root(&place.dir, storage);
            match storage {
                Some(Storage::Files) => {
                    if is_main {
                        // A loose ref, read later, wins over a packed one.
                        reader.read_packed(&place.dir.join("packed-refs"));
                    }
                    reader.walk(&place.dir, "refs", &mut PlaceReader::read_loose);
                    if wanted == TableContents::All {
                        reader.walk(&place.dir, "logs", &mut PlaceReader::read_log);
                    }
                }
                Some(Storage::Reftable) => {
                    reader.read_tables(&place.dir.join("reftable"), wanted);
                }
                None => {}
            }
        }
        found.resolve(&mut refs);
        refs.refs.sort_unstable();
        refs.refs.dedup();
        refs.log.sort_unstable();
        refs.skipped.sort_unstable();
        refs
    }

    /// Follows the ref with the full name `name` in this worktree to an object; `None` if there is
    /// none, or if it dangles.
    ///
    /// # Errors
    /// `Repository` if it cannot be read.
    pub fn find_ref(&self, name: &[u8]) -> Result<Option<ObjectId>> {
        let wrong = |why: &str| {
            Error::repository(format!("cannot read ref '{}'", name.as_bstr())).because(why)
        };
        let mut lookup = RefLookup::new(self).map_err(|skipped| wrong(&skipped.detail))?;
        match lookup.follow(name) {
            Ok(found) => Ok(found),
            Err(why) => Err(wrong(&why)),
        }
    }

    pub(super) fn ref_storage(&self) -> Result<Storage, Skipped> {
        let config = self.git().config_snapshot();
        let Some(value) = config.string("extensions.refStorage") else {
            return Ok(Storage::Files);
        };
        // Newer versions of git allow an address behind the name.
        match value.as_bstr().as_bytes() {
            b"files" => Ok(Storage::Files),
            b"reftable" => Ok(Storage::Reftable),
            _ => Err(Skipped {
                reason: SkipReason::Unsupported,
                kind: ObjectKind::Unknown,
                object_id: None,
                detail: "refs cannot be read: 'extensions.refStorage' names none that is known"
                    .to_owned(),
            }),
        }
    }
}

/// How refs are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::git) enum Storage {
    Files,
    Reftable,
}

/// A directory that holds refs of its own.
pub(in crate::git) struct RefDirectory {
    pub(super) worktree: Option<BString>,
    pub(super) dir: PathBuf,
    is_current: bool,
}

/// The main worktree's place first, which also holds what all share; and what cannot be listed.
pub(super) fn places(repo: &Repository) -> (Vec<RefDirectory>, Vec<Skipped>) {
    let same = |dir: &Path, other: &Path| match (dir.canonicalize(), other.canonicalize()) {
        (Ok(dir), Ok(other)) => dir == other,
        _ => dir == other,
    };
    let mut places = vec![RefDirectory {
        worktree: None,
        dir: repo.common_dir().to_owned(),
        is_current: same(repo.common_dir(), repo.git_dir()),
    }];
    let mut skipped = Vec::new();
    let parent = repo.common_dir().join("worktrees");
    let mut dirs: Vec<PathBuf> = match file::list(&parent) {
        Ok(entries) => entries.iter().map(std::fs::DirEntry::path).collect(),
        Err(unread) => {
            skipped.extend(unread.skipped(&parent));
            Vec::new()
        }
    };
    dirs.retain(|dir| match std::fs::metadata(dir) {
        Ok(found) => found.is_dir(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => {
            let why = e.to_string();
            skipped.push(file::skipped(SkipReason::Unreadable, dir, &why));
            false
        }
    });
    let is_listed = |place: &Path| dirs.iter().any(|dir| same(dir, place));
    if !places[0].is_current && !is_listed(repo.git_dir()) {
        dirs.push(repo.git_dir().to_owned());
    }
    for dir in dirs {
        let name = dir.file_name().unwrap_or_default();
        places.push(RefDirectory {
            worktree: Some(name.as_encoded_bytes().into()),
            is_current: same(&dir, repo.git_dir()),
            dir,
        });
    }
    (places, skipped)
}

/// A ref as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StoredRef {
    Value(RefValue),
    Broken,
}

/// Worktree and full name.
type RefKey = (Option<BString>, BString);

/// All refs as they are stored.
#[derive(Default)]
struct RefsAsStored {
    refs: BTreeMap<RefKey, StoredRef>,
    /// What files of several lines name besides.
    more: Vec<(RefKey, ObjectId)>,
}

/// Symbolic refs that are followed to the end; as git does.
const MAX_SYMBOLIC_DEPTH: usize = 5;

impl RefsAsStored {
    /// Follows all symbolic refs.
    fn resolve(self, refs: &mut Refs) {
        for (key, stored) in &self.refs {
            let target = self.follow(key, stored);
            let symbolic = match stored {
                StoredRef::Value(RefValue::Symbolic(name)) => Some(name.clone()),
                _ => None,
            };
            if target == RefTarget::Broken && symbolic.is_some() {
                let why = "it leads to a ref that cannot be read, or to itself";
                refs.skipped.push(broken(key.1.as_bstr(), why));
            }
            let (worktree, name) = key.clone();
            refs.refs.push(Ref {
                worktree,
                name,
                symbolic,
                target,
            });
        }
        for ((worktree, name), id) in self.more {
            refs.refs.push(Ref {
                worktree,
                name,
                symbolic: None,
                target: RefTarget::Object(id),
            });
        }
    }

    fn follow(&self, key: &RefKey, stored: &StoredRef) -> RefTarget {
        let (mut key, mut stored) = (key.clone(), stored);
        for _ in 0..=MAX_SYMBOLIC_DEPTH {
            match stored {
                StoredRef::Broken => return RefTarget::Broken,
                StoredRef::Value(RefValue::Object(id)) => return RefTarget::Object(*id),
                StoredRef::Value(RefValue::Symbolic(name)) => {
                    key = key_of(key.0, name.as_bstr());
                    match self.refs.get(&key) {
                        Some(next) => stored = next,
                        None => return RefTarget::Dangling,
                    }
                }
            }
        }
        RefTarget::Broken
    }
}

/// Returns which ref is meant by `name` in `worktree`: gitglossary(7), "per-worktree ref".
fn key_of(worktree: Option<BString>, name: &BStr) -> RefKey {
    if let Some(name) = name.strip_prefix(b"main-worktree/") {
        return (None, name.into());
    }
    if let Some((worktree, name)) = name
        .strip_prefix(b"worktrees/")
        .and_then(|rest| rest.split_once_str("/"))
    {
        return (Some(worktree.into()), name.into());
    }
    let is_shared = name.starts_with(b"refs/") && !is_private(name);
    (worktree.filter(|_| !is_shared), name.into())
}

/// Whether every worktree has its own `name` below `refs/`.
fn is_private(name: &[u8]) -> bool {
    [&b"refs/bisect/"[..], b"refs/worktree/", b"refs/rewritten/"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn broken(name: &BStr, why: &str) -> Skipped {
    Skipped {
        reason: SkipReason::Corrupt,
        kind: ObjectKind::Unknown,
        object_id: None,
        detail: format!("ref '{name}' cannot be read: {why}"),
    }
}

/// Whether `name` may be the full name of a ref.
pub(super) fn is_ref_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\0');
    name.split('/').all(is_part) && (name.contains('/') || is_root_ref(name))
}
