//! Reads the refs and reflogs of one worktree, or those that all share.

use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::hash::Kind as HashKind;

use crate::git::refs::{LogEntry, Refs, RefsAsStored, Storage, StoredRef};
use crate::git::reftable;
use crate::git::reftable::{RefValue, TableContents};
use crate::odb::file::{self, Unread};
use crate::odb::{SkipReason, Skipped};

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
const STATE_FILES: [&str; 8] = [
    "rebase-merge/onto",
    "rebase-merge/orig-head",
    "rebase-merge/autostash",
    "rebase-apply/onto",
    "rebase-apply/orig-head",
    "rebase-apply/autostash",
    "sequencer/head",
    "sequencer/abort-safety",
];

pub(super) fn is_root_ref(name: &str) -> bool {
    let is_root_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_' || byte == b'-';
    ROOT_REFS.contains(&name) || (name.ends_with("_HEAD") && name.bytes().all(is_root_name))
}

/// Reads the refs of one worktree.
pub(super) struct PlaceReader<'a> {
    pub(super) hash: HashKind,
    pub(super) worktree: Option<BString>,
    pub(super) found: &'a mut RefsAsStored,
    pub(super) refs: &'a mut Refs,
}

impl PlaceReader<'_> {
    fn skip(&mut self, reason: SkipReason, path: &Path, why: &str) {
        self.refs.skipped.push(file::skipped(reason, path, why));
    }

    fn insert(&mut self, name: &[u8], stored: StoredRef) {
        let key = (self.worktree.clone(), name.into());
        self.found.refs.insert(key, stored);
    }

    /// Reads HEAD and its like.
    pub(super) fn read_root(&mut self, dir: &Path, storage: Option<Storage>) {
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
            match std::fs::metadata(&path) {
                Ok(found) if found.is_file() && found.len() <= 1 => {}
                Ok(_) => self.read_loose(&path, name.as_bytes()),
                Err(e) if is_absent(&e) => {}
                Err(e) => self.skip(SkipReason::Unreadable, &path, &e.to_string()),
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
                Some(RefValue::Object(id)) => {
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

    pub(super) fn read_packed(&mut self, path: &Path) {
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
                Some((id, name)) => self.insert(name, StoredRef::Value(RefValue::Object(id))),
                None => damaged.add(at + 1),
            }
        }
        self.refs.skipped.extend(damaged.skipped(path));
    }

    /// Calls `read` with the path and the name of every file below `top`.
    pub(super) fn walk(
        &mut self,
        dir: &Path,
        top: &str,
        read: &mut dyn FnMut(&mut Self, &Path, &[u8]),
    ) {
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

    pub(super) fn read_loose(&mut self, path: &Path, name: &[u8]) {
        match loose(path, self.hash) {
            Ok(value) => self.insert(name, StoredRef::Value(value)),
            // Deleted just now; it may have been packed.
            Err(Unread::Absent) => {}
            Err(unread) => {
                self.refs.skipped.extend(unread.skipped(path));
                self.insert(name, StoredRef::Broken);
            }
        }
    }

    pub(super) fn read_log(&mut self, path: &Path, name: &[u8]) {
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

    pub(super) fn read_tables(&mut self, dir: &Path, wanted: TableContents) {
        let tables = reftable::read(dir, self.hash, wanted);
        self.refs.skipped.extend(tables.skipped);
        for (name, value) in tables.refs {
            self.insert(&name, StoredRef::Value(value));
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

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
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
pub(super) fn loose(path: &Path, hash: HashKind) -> Result<RefValue, Unread> {
    if let Ok(link) = std::fs::read_link(path) {
        let name = link.as_os_str().as_encoded_bytes();
        if name.starts_with(b"refs/") {
            return Ok(RefValue::Symbolic(name.into()));
        }
    }
    let text = file::read(path)?;
    parse(&text, hash).ok_or_else(|| {
        let why = "it names neither an object nor a ref".to_owned();
        Unread::Refused(SkipReason::Corrupt, why)
    })
}

/// Reads what stands in a file that is a ref; what follows an id after a blank is no part of it.
fn parse(text: &[u8], hash: HashKind) -> Option<RefValue> {
    if let Some(name) = text.strip_prefix(b"ref:") {
        let name = name.lines().next()?.trim();
        return (!name.is_empty()).then(|| RefValue::Symbolic(name.into()));
    }
    let (id, rest) = text.split_at_checked(hash.len_in_hex())?;
    let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
    let id = ObjectId::from_hex(id).ok().filter(|_| ends)?;
    Some(RefValue::Object(id))
}
