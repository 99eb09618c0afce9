//! Everything that names objects beside the objects: refs of all namespaces and worktrees, HEAD
//! and its like, reflogs; out of files or reftables, as plain data.
//!
//! Formats: gitrepository-layout(5), git-pack-refs(1). The files are read here and not through gix,
//! which gives up all packed refs for one damaged line and reads one worktree only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::hash::Kind as HashKind;

use super::file::{self, Unread};
use super::reftable::{self, Value, Wanted};
use super::repository::Repository;
use super::{ObjectKind, SkipReason, Skipped};
use crate::error::{Error, Result};

/// What a ref leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
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
    pub target: Target,
}

impl Ref {
    /// The object that it leads to.
    pub fn object_id(&self) -> Option<ObjectId> {
        match self.target {
            Target::Object(id) => Some(id),
            Target::Dangling | Target::Broken => None,
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
        self.read_refs(Wanted::All)
    }

    /// Like [`Self::refs`], without reflogs if only refs are wanted.
    pub fn read_refs(&self, wanted: Wanted) -> Refs {
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
        let mut found = Found::default();
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
                    if wanted == Wanted::All {
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
                detail: format!("refs cannot be read: the ref storage '{value}' is not known"),
            }),
        }
    }
}

/// How refs are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    Files,
    Reftable,
}

/// A directory that holds refs of its own.
pub(super) struct Place {
    pub(super) worktree: Option<BString>,
    pub(super) dir: PathBuf,
    is_current: bool,
}

/// The main worktree's place first, which also holds what all share; and what cannot be listed.
pub(super) fn places(repo: &Repository) -> (Vec<Place>, Vec<Skipped>) {
    let same = |dir: &Path, other: &Path| match (dir.canonicalize(), other.canonicalize()) {
        (Ok(dir), Ok(other)) => dir == other,
        _ => dir == other,
    };
    let mut places = vec![Place {
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
    dirs.retain(|dir| dir.is_dir());
    let is_listed = |place: &Path| dirs.iter().any(|dir| same(dir, place));
    if !places[0].is_current && !is_listed(repo.git_dir()) {
        dirs.push(repo.git_dir().to_owned());
    }
    for dir in dirs {
        let name = dir.file_name().unwrap_or_default();
        places.push(Place {
            worktree: Some(name.as_encoded_bytes().into()),
            is_current: same(&dir, repo.git_dir()),
            dir,
        });
    }
    (places, skipped)
}

/// A ref as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stored {
    Value(Value),
    Broken,
}

/// Worktree and full name.
type Key = (Option<BString>, BString);

/// All refs as they are stored.
#[derive(Default)]
struct Found {
    refs: BTreeMap<Key, Stored>,
    /// What files of several lines name besides.
    more: Vec<(Key, ObjectId)>,
}

/// Symbolic refs that are followed to the end; as git does.
const MAX_SYMBOLIC_DEPTH: usize = 5;

impl Found {
    /// Follows all symbolic refs.
    fn resolve(self, refs: &mut Refs) {
        for (key, stored) in &self.refs {
            let target = self.follow(key, stored);
            let symbolic = match stored {
                Stored::Value(Value::Symbolic(name)) => Some(name.clone()),
                _ => None,
            };
            if target == Target::Broken && symbolic.is_some() {
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
                target: Target::Object(id),
            });
        }
    }

    fn follow(&self, key: &Key, stored: &Stored) -> Target {
        let (mut key, mut stored) = (key.clone(), stored);
        for _ in 0..=MAX_SYMBOLIC_DEPTH {
            match stored {
                Stored::Broken => return Target::Broken,
                Stored::Value(Value::Object(id)) => return Target::Object(*id),
                Stored::Value(Value::Symbolic(name)) => {
                    key = key_of(key.0, name.as_bstr());
                    match self.refs.get(&key) {
                        Some(next) => stored = next,
                        None => return Target::Dangling,
                    }
                }
            }
        }
        Target::Broken
    }
}

/// Returns which ref is meant by `name` in `worktree`: gitglossary(7), "per-worktree ref".
fn key_of(worktree: Option<BString>, name: &BStr) -> Key {
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

/// Files beside HEAD that are refs, though their names do not end in `_HEAD`.
const ROOT_REFS: [&str; 6] = [
    "HEAD",
    "AUTO_MERGE",
    "BISECT_EXPECTED_REV",
    "NOTES_MERGE_PARTIAL",
    "NOTES_MERGE_REF",
    "MERGE_AUTOSTASH",
];

/// Where a rebase and its like keep what they will need.
const STATE_FILES: [&str; 9] = [
    "rebase-merge/onto",
    "rebase-merge/orig-head",
    "rebase-merge/autostash",
    "rebase-merge/stopped-sha",
    "rebase-apply/onto",
    "rebase-apply/orig-head",
    "rebase-apply/autostash",
    "sequencer/head",
    "sequencer/abort-safety",
];

fn is_root_ref(name: &str) -> bool {
    let is_root_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_' || byte == b'-';
    ROOT_REFS.contains(&name) || (name.ends_with("_HEAD") && name.bytes().all(is_root_name))
}

/// Whether `name` may be the full name of a ref.
pub(super) fn is_ref_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\0');
    name.split('/').all(is_part) && (name.contains('/') || is_root_ref(name))
}

/// Reads the refs of one worktree.
struct PlaceReader<'a> {
    hash: HashKind,
    worktree: Option<BString>,
    found: &'a mut Found,
    refs: &'a mut Refs,
}

impl PlaceReader<'_> {
    fn skip(&mut self, reason: SkipReason, path: &Path, why: &str) {
        self.refs.skipped.push(file::skipped(reason, path, why));
    }

    fn insert(&mut self, name: &[u8], stored: Stored) {
        let key = (self.worktree.clone(), name.into());
        self.found.refs.insert(key, stored);
    }

    /// Reads HEAD and its like.
    fn read_root(&mut self, dir: &Path, storage: Option<Storage>) {
        let entries = match file::list(dir) {
            Ok(entries) => entries,
            Err(unread) => return self.refs.skipped.extend(unread.skipped(dir)),
        };
        let names = entries.iter().map(std::fs::DirEntry::file_name);
        let roots = names.filter_map(|name| name.into_string().ok());
        for name in roots.filter(|name| is_root_ref(name)) {
            match name.as_str() {
                // With reftables it only keeps older versions of git away.
                "HEAD" if storage == Some(Storage::Reftable) => {}
                "FETCH_HEAD" | "MERGE_HEAD" => self.read_lines(&dir.join(&name), name.as_bytes()),
                _ => self.read_loose(&dir.join(&name), name.as_bytes()),
            }
        }
        for name in STATE_FILES {
            let path = dir.join(name);
            // They are left empty when there is nothing to go back to.
            if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 1) {
                self.read_loose(&path, name.as_bytes());
            }
        }
    }

    /// Reads a file that names an object a line.
    fn read_lines(&mut self, path: &Path, name: &[u8]) {
        let text = match file::read(path) {
            Ok(text) => text,
            Err(unread) => return self.refs.skipped.extend(unread.skipped(path)),
        };
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            match parse(line, self.hash) {
                Some(Value::Object(id)) => {
                    let key = (self.worktree.clone(), name.into());
                    self.found.more.push((key, id));
                }
                _ => {
                    let why = format!("line {} names no object", at + 1);
                    self.skip(SkipReason::Corrupt, path, &why);
                }
            }
        }
    }

    fn read_packed(&mut self, path: &Path) {
        let text = match file::read(path) {
            Ok(text) => text,
            Err(unread) => return self.refs.skipped.extend(unread.skipped(path)),
        };
        let mut damaged = Damaged::default();
        for (at, line) in text.lines().enumerate() {
            // The header, and what the tag before peels to.
            if matches!(line.first(), None | Some(b'#' | b'^')) {
                continue;
            }
            let id_and_name = line.split_at_checked(self.hash.len_in_hex());
            let parsed = id_and_name.and_then(|(id, name)| {
                let name = name.strip_prefix(b" ").filter(|name| !name.is_empty())?;
                Some((ObjectId::from_hex(id).ok()?, name))
            });
            match parsed {
                Some((id, name)) => self.insert(name, Stored::Value(Value::Object(id))),
                None => damaged.add(at + 1),
            }
        }
        self.refs.skipped.extend(damaged.skipped(path));
    }

    /// Calls `read` with the path and the name of every file below `top`.
    fn walk(&mut self, dir: &Path, top: &str, read: &mut dyn FnMut(&mut Self, &Path, &[u8])) {
        let mut dirs = vec![(dir.join(top), BString::from(top))];
        while let Some((dir, prefix)) = dirs.pop() {
            let entries = match file::list(&dir) {
                Ok(entries) => entries,
                Err(unread) => {
                    self.refs.skipped.extend(unread.skipped(&dir));
                    continue;
                }
            };
            for entry in entries {
                let (path, file_name) = (entry.path(), entry.file_name());
                let file_name = file_name.as_encoded_bytes();
                // No name of a ref begins or ends so: these are others' files, or half written.
                if file_name.starts_with(b".") || file_name.ends_with(b".lock") {
                    continue;
                }
                let mut name = prefix.clone();
                name.push(b'/');
                name.extend_from_slice(file_name);
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => dirs.push((path, name)),
                    Ok(kind) if kind.is_symlink() && path.is_dir() => {
                        let why = "links to directories are not followed";
                        self.skip(SkipReason::Unsupported, &path, why);
                    }
                    Ok(_) => read(self, &path, &name),
                    Err(e) => self.skip(SkipReason::Unreadable, &path, &e.to_string()),
                }
            }
        }
    }

    fn read_loose(&mut self, path: &Path, name: &[u8]) {
        match loose(path, self.hash) {
            Ok(value) => self.insert(name, Stored::Value(value)),
            // Deleted just now; it may have been packed.
            Err(Unread::Absent) => {}
            Err(unread) => {
                self.refs.skipped.extend(unread.skipped(path));
                self.insert(name, Stored::Broken);
            }
        }
    }

    fn read_log(&mut self, path: &Path, name: &[u8]) {
        let text = match file::read(path) {
            Ok(text) => text,
            Err(unread) => return self.refs.skipped.extend(unread.skipped(path)),
        };
        let name: BString = name.strip_prefix(b"logs/").unwrap_or(name).into();
        let mut damaged = Damaged::default();
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
        {
            let (old, new, rest) = match log_ids(line, self.hash) {
                Some(parsed) => parsed,
                None => {
                    damaged.add(at + 1);
                    let null = self.hash.null();
                    (null, null, line)
                }
            };
            // A damaged line is handed on whole: it is text all the same.
            let is_damaged = rest.len() == line.len();
            let (committer, message) = match rest.split_once_str("\t") {
                Some((committer, message)) if !is_damaged => (committer, message),
                _ if is_damaged => (&b""[..], rest),
                _ => (rest, &b""[..]),
            };
            self.refs.log.push(LogEntry {
                worktree: self.worktree.clone(),
                name: name.clone(),
                line: at + 1,
                old,
                new,
                committer: committer.into(),
                message: message.into(),
            });
        }
        self.refs.skipped.extend(damaged.skipped(path));
    }

    fn read_tables(&mut self, dir: &Path, wanted: Wanted) {
        let tables = reftable::read(dir, self.hash, wanted);
        self.refs.skipped.extend(tables.skipped);
        for (name, value) in tables.refs {
            self.insert(&name, Stored::Value(value));
        }
        for (name, entries) in tables.logs {
            for (line, log) in (1..).zip(entries) {
                self.refs.log.push(LogEntry {
                    worktree: self.worktree.clone(),
                    name: name.clone(),
                    line,
                    old: log.old,
                    new: log.new,
                    committer: log.committer,
                    message: log.message,
                });
            }
        }
    }
}

/// Lines of one file that cannot be read: listed as one.
#[derive(Default)]
struct Damaged {
    first: usize,
    count: usize,
}

impl Damaged {
    fn add(&mut self, line: usize) {
        if self.count == 0 {
            self.first = line;
        }
        self.count += 1;
    }

    fn skipped(self, path: &Path) -> Option<Skipped> {
        let Self { first, count } = self;
        let why = match count {
            0 => return None,
            1 => format!("line {first} is damaged"),
            _ => format!("line {first} and {} more are damaged", count - 1),
        };
        Some(file::skipped(SkipReason::Corrupt, path, &why))
    }
}

/// The ids at the start of a reflog line, and the rest.
fn log_ids(line: &[u8], hash: HashKind) -> Option<(ObjectId, ObjectId, &[u8])> {
    let id = |line| -> Option<(ObjectId, &[u8])> {
        let (id, rest) = <[u8]>::split_at_checked(line, hash.len_in_hex())?;
        Some((ObjectId::from_hex(id).ok()?, rest.strip_prefix(b" ")?))
    };
    let (old, rest) = id(line)?;
    let (new, rest) = id(rest)?;
    Some((old, new, rest))
}

/// Reads a ref that is a file, or a link as git once made them.
fn loose(path: &Path, hash: HashKind) -> Result<Value, Unread> {
    if let Ok(link) = std::fs::read_link(path) {
        let name = link.as_os_str().as_encoded_bytes();
        if name.starts_with(b"refs/") {
            return Ok(Value::Symbolic(name.into()));
        }
    }
    let text = file::read(path)?;
    parse(&text, hash).ok_or_else(|| {
        let why = "it names neither an object nor a ref".to_owned();
        Unread::Refused(SkipReason::Corrupt, why)
    })
}

/// Reads what stands in a file that is a ref; what follows an id after a blank is no part of it.
fn parse(text: &[u8], hash: HashKind) -> Option<Value> {
    if let Some(name) = text.strip_prefix(b"ref:") {
        let name = name.lines().next()?.trim();
        return (!name.is_empty()).then(|| Value::Symbolic(name.into()));
    }
    let (id, rest) = text.split_at_checked(hash.len_in_hex())?;
    let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
    let id = ObjectId::from_hex(id).ok().filter(|_| ends)?;
    Some(Value::Object(id))
}

/// Finds single refs, at the cost of what is looked up alone where refs are files.
struct RefLookup<'a> {
    repo: &'a Repository,
    /// With reftables, all of them.
    all: Option<Refs>,
    packed: Option<Vec<u8>>,
}

impl<'a> RefLookup<'a> {
    fn new(repo: &'a Repository) -> Result<Self, Skipped> {
        let all = match repo.ref_storage()? {
            Storage::Files => None,
            Storage::Reftable => Some(repo.read_refs(Wanted::Refs)),
        };
        Ok(Self {
            repo,
            all,
            packed: None,
        })
    }

    fn follow(&mut self, name: &[u8]) -> Result<Option<ObjectId>, String> {
        if let Some(refs) = &self.all {
            let (worktree, name) = key_of(refs.current.clone(), name.as_bstr());
            let found = refs.get(worktree.as_ref().map(|name| name.as_bstr()), &name);
            return match (found.map(|found| found.target), refs.skipped.first()) {
                (Some(Target::Object(id)), _) => Ok(Some(id)),
                (Some(Target::Broken), None) => Err("it leads to itself".into()),
                // It may stand in what could not be read.
                (_, Some(skipped)) => Err(skipped.detail.clone()),
                (Some(Target::Dangling) | None, None) => Ok(None),
            };
        }
        let mut name = BString::from(name);
        for _ in 0..=MAX_SYMBOLIC_DEPTH {
            match self.stored(name.as_bstr())? {
                None => return Ok(None),
                Some(Value::Object(id)) => return Ok(Some(id)),
                Some(Value::Symbolic(next)) => name = next,
            }
        }
        Err("it leads to itself".into())
    }

    fn stored(&mut self, name: &BStr) -> Result<Option<Value>, String> {
        // A ref may name any text as another ref; none outside this directory is read.
        let mut parts = name.split_str("/");
        if parts.any(|part| part.is_empty() || part.starts_with(b".") || part.contains(&0)) {
            return Err(format!("'{name}' is no name of a ref"));
        }
        let is_shared = name.starts_with(b"refs/") && !is_private(name);
        let dir = if is_shared {
            self.repo.common_dir()
        } else {
            self.repo.git_dir()
        };
        let path = dir.join(gix::path::from_bstr(name).map_err(|e| format!("{e:#}"))?);
        let told = |path: &Path, unread: Unread| match unread.skipped(path) {
            Some(skipped) => Err(skipped.detail),
            None => Ok(None),
        };
        if !path.is_dir() {
            match loose(&path, self.repo.hash()) {
                Ok(value) => return Ok(Some(value)),
                Err(Unread::Absent) => {}
                Err(unread) => return told(&path, unread),
            }
        }
        let packed = match self.packed.take() {
            Some(packed) => packed,
            None => {
                let path = self.repo.common_dir().join("packed-refs");
                match file::read(&path) {
                    Ok(packed) => packed,
                    Err(unread) => return told(&path, unread),
                }
            }
        };
        let found = find_packed(&packed, name, self.repo.hash());
        self.packed = Some(packed);
        Ok(found.map(Value::Object))
    }
}

/// Finds the line of ref `name` in a file of packed refs.
fn find_packed(packed: &[u8], name: &BStr, hash: HashKind) -> Option<ObjectId> {
    let id_len = hash.len_in_hex();
    memchr::memmem::find_iter(packed, name.as_bytes()).find_map(|at| {
        let line = &packed[at.checked_sub(id_len + 1)?..];
        let is_whole_line = at == id_len + 1 || packed.get(at - id_len - 2) == Some(&b'\n');
        let rest = &line[id_len + 1 + name.len()..];
        let ends = matches!(rest.first(), None | Some(b'\n' | b'\r'));
        let id = ObjectId::from_hex(&line[..id_len]).ok()?;
        (is_whole_line && ends && line[id_len] == b' ').then_some(id)
    })
}
