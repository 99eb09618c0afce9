//! Reads git's reftable: refs and reflogs in a stack of binary tables.
//!
//! Format: git's `technical/reftable`, versions 1 and 2. Tables are read from front to back; their
//! indexes, which only make single lookups fast, are passed over. A later table wins over an
//! earlier one. Damage costs the record or block it stands in: it is listed, the rest is read.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::hash::Kind as HashKind;

use crate::odb::file::Unread;
use crate::odb::inflate::Inflater;
use crate::odb::{SkipReason, Skipped, file};

/// What a ref names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefValue {
    /// An object.
    Object(ObjectId),
    /// Another ref.
    Symbolic(BString),
}

/// One entry of a reflog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReflogEntry {
    /// What the ref named before; null if it was made.
    pub old: ObjectId,
    /// What it named then; null if it was deleted.
    pub new: ObjectId,
    /// Who moved it and when, as in a reflog file: `Name <mail> 1600000000 +0000`.
    pub committer: BString,
    /// Why, without the newline at the end.
    pub message: BString,
}

/// Which parts of the tables are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableContents {
    /// Refs only.
    Refs,
    /// Refs and reflogs.
    All,
}

/// A stack of tables, merged.
#[derive(Debug, Default)]
pub struct Tables {
    /// All refs by full name.
    pub refs: BTreeMap<BString, RefValue>,
    /// Reflogs by ref, of deleted refs too; oldest entry first.
    pub logs: BTreeMap<BString, Vec<ReflogEntry>>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

/// Reads the stack in the directory `dir`.
pub fn read(dir: &Path, hash: HashKind, wanted: TableContents) -> Tables {
    // Compaction replaces tables by one; a list read just before names tables that are gone.
    let mut merged = MergedTables::new(hash, wanted);
    if !merged.read_stack(dir, OnAbsent::GiveUp) {
        merged = MergedTables::new(hash, wanted);
        merged.read_stack(dir, OnAbsent::Report);
    }
    merged.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnAbsent {
    GiveUp,
    Report,
}

/// Longest ref name that is read; a path in a files repository is limited to a sixteenth of it.
const MAX_NAME_LEN: usize = 1 << 16;

/// Bytes of names and messages that are held. Prefix compression lets a table of a few megabytes
/// unfold to terabytes; ten million refs need less than this.
const MAX_HELD_BYTES: usize = 1 << 30;

/// Rough cost of an entry besides its text.
const ENTRY_BYTES: usize = 128;

/// Largest list of tables: git compacts long before there are a thousand.
const MAX_TABLES: usize = 10_000;

/// Fewest bytes of a header, and what a footer has more.
const HEADER_LEN: usize = 24;
const FOOTER_EXTRA_LEN: usize = 44;

/// Damaged blocks of one table that are listed.
const MAX_PROBLEMS: usize = 100;

/// Block type and length.
const BLOCK_HEAD_LEN: usize = 4;

/// Why something in a table was not read.
#[derive(Debug)]
struct TableError {
    reason: SkipReason,
    why: String,
}

impl<T: Into<String>> From<T> for TableError {
    fn from(why: T) -> Self {
        Self {
            reason: SkipReason::Corrupt,
            why: why.into(),
        }
    }
}

struct MergedTables {
    hash: HashKind,
    wanted: TableContents,
    inflater: Inflater,
    inflated: Vec<u8>,
    /// `None` where a later table deletes a ref.
    refs: BTreeMap<BString, Option<RefValue>>,
    /// By ref and update index, the newest first, as in the tables.
    logs: BTreeMap<(BString, Reverse<u64>), Option<ReflogEntry>>,
    held: usize,
    skipped: Vec<Skipped>,
}

/// What the header and footer of a table say.
struct TableLayout {
    header_len: usize,
    /// Where blocks end.
    end: usize,
    /// Blocks begin at multiples of it, unless it is 0.
    block_len: usize,
    /// First byte of the first log block, if the footer can be believed.
    log_start: Option<usize>,
}

impl MergedTables {
    fn new(hash: HashKind, wanted: TableContents) -> Self {
        Self {
            hash,
            wanted,
            inflater: Inflater::default(),
            inflated: Vec::new(),
            refs: BTreeMap::new(),
            logs: BTreeMap::new(),
            held: 0,
            skipped: Vec::new(),
        }
    }

    fn finish(self) -> Tables {
        let refs = self.refs.into_iter();
        let mut logs: BTreeMap<BString, Vec<ReflogEntry>> = BTreeMap::new();
        // Backwards: the oldest entry of each ref comes first then.
        for ((name, _), log) in self.logs.into_iter().rev() {
            if let Some(log) = log {
                logs.entry(name).or_default().push(log);
            }
        }
        Tables {
            refs: refs
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            logs,
            skipped: self.skipped,
        }
    }

    fn skip(&mut self, path: &Path, reason: SkipReason, why: &str) {
        self.skipped.push(file::skipped(reason, path, why));
    }

    /// Reads all tables; false if one is gone and `on_absent` says to give up.
    fn read_stack(&mut self, dir: &Path, on_absent: OnAbsent) -> bool {
        let list = dir.join("tables.list");
        let names = match file::read(&list) {
            Ok(names) => names,
            Err(Unread::Absent) => {
                self.skip(&list, SkipReason::Missing, "it is not there");
                return true;
            }
            Err(unread) => {
                self.skipped.extend(unread.skipped(&list));
                return true;
            }
        };
        for (at, name) in names.lines().filter(|name| !name.is_empty()).enumerate() {
            if at == MAX_TABLES {
                self.skip(&list, SkipReason::TooLarge, "it lists too many tables");
                break;
            }
            // A name with a slash would lead elsewhere.
            let is_plain = !name.contains(&b'/') && !name.contains(&b'\\') && name != b"..";
            let Some(name) = name.to_str().ok().filter(|_| is_plain) else {
                self.skip(&list, SkipReason::Corrupt, "a line of it names no table");
                continue;
            };
            let path = dir.join(name);
            match file::read(&path) {
                Ok(bytes) => self.read_table(&path, &bytes),
                Err(Unread::Absent) if on_absent == OnAbsent::GiveUp => return false,
                Err(Unread::Absent) => {
                    self.skip(&path, SkipReason::Missing, "the listed table is not there");
                }
                Err(unread) => self.skipped.extend(unread.skipped(&path)),
            }
        }
        true
    }

    fn read_table(&mut self, path: &Path, bytes: &[u8]) {
        let mut problems = Vec::new();
        let layout = match layout(bytes, self.hash, &mut problems) {
            Ok(layout) => layout,
            Err(problem) => return self.skip(path, problem.reason, &problem.why),
        };
        let min_update = number(&bytes[8..16]);
        let mut at = layout.header_len;
        loop {
            // Padding.
            at += bytes[at..layout.end]
                .iter()
                .take_while(|&&byte| byte == 0)
                .count();
            if at >= layout.end || (self.wanted == TableContents::Refs && bytes[at] == b'g') {
                break;
            }
            let (next, problem) = self.read_block(&bytes[..layout.end], at, &layout, min_update);
            if let Some(TableError { reason, why }) = problem {
                let why = format!("block at offset {at}: {why}");
                problems.push(TableError { reason, why });
                if reason == SkipReason::TooLarge || problems.len() > MAX_PROBLEMS {
                    break;
                }
            }
            match next.or_else(|| layout.resume_after(at)) {
                Some(next) => at = next,
                None => break,
            }
        }
        for TableError { reason, why } in problems {
            self.skip(path, reason, &why);
        }
    }

    /// Reads the block at `at`. Returns where the next one begins, if that is known, and what is
    /// wrong with this one.
    fn read_block(
        &mut self,
        bytes: &[u8],
        at: usize,
        layout: &TableLayout,
        min_update: u64,
    ) -> (Option<usize>, Option<TableError>) {
        // The first block shares its length, and all offsets in it, with the file's header.
        let shared = if at == layout.header_len { at } else { 0 };
        let Some(head) = bytes.get(at..at + BLOCK_HEAD_LEN) else {
            return (None, Some("it ends too early".into()));
        };
        let len = three(&head[1..]);
        let Some(len) = len
            .checked_sub(shared + BLOCK_HEAD_LEN)
            .filter(|&len| len >= 2)
        else {
            return (None, Some("its length is too small".into()));
        };
        let body = &bytes[at + BLOCK_HEAD_LEN..];
        match head[0] {
            b'g' => {
                let mut inflated = std::mem::take(&mut self.inflated);
                let read = self.inflater.inflate(body, len as u64, &mut inflated);
                let (next, problem) = match read {
                    Ok(used) => (
                        Some(at + BLOCK_HEAD_LEN + used),
                        self.read_logs(&inflated).err(),
                    ),
                    Err(why) => (None, Some(why.into())),
                };
                self.inflated = inflated;
                (next, problem)
            }
            b'r' | b'o' | b'i' => {
                let Some(body) = body.get(..len) else {
                    return (None, Some("it is longer than the table".into()));
                };
                let next = Some(at + BLOCK_HEAD_LEN + len);
                match head[0] {
                    b'r' => (next, self.read_refs(body, min_update).err()),
                    _ => (next, None),
                }
            }
            _ => (None, Some("its type is not known".into())),
        }
    }

    fn read_refs(&mut self, block: &[u8], min_update: u64) -> Result<(), TableError> {
        let mut records = Records::new(block)?;
        while let Some(value_type) = records.next_key()? {
            let update = min_update.checked_add(records.varint()?);
            update.ok_or("an update index is too large")?;
            let value = match value_type {
                0 => None,
                1 => Some(RefValue::Object(records.id(self.hash)?)),
                2 => {
                    let id = records.id(self.hash)?;
                    // What the tag peels to is in the tag.
                    records.id(self.hash)?;
                    Some(RefValue::Object(id))
                }
                3 => Some(RefValue::Symbolic(records.text()?.into())),
                _ => return Err("a ref has a value of an unknown type".into()),
            };
            let text = match &value {
                Some(RefValue::Symbolic(target)) => target.len(),
                _ => 0,
            };
            self.hold(records.key.len() + text)?;
            self.refs.insert(records.key.clone().into(), value);
        }
        Ok(())
    }

    fn read_logs(&mut self, block: &[u8]) -> Result<(), TableError> {
        let mut records = Records::new(block)?;
        while let Some(value_type) = records.next_key()? {
            let key = records.key.as_slice();
            // The name, NUL, and the update index counted from the end.
            let (name, update) = key
                .split_last_chunk::<8>()
                .and_then(|(name, update)| Some((name.strip_suffix(b"\0")?, update)))
                .ok_or("a reflog entry names no ref")?;
            let (name, update) = (BString::from(name), u64::MAX - u64::from_be_bytes(*update));
            let log = match value_type {
                0 => None,
                1 => Some(records.log(self.hash)?),
                _ => return Err("a reflog entry is of an unknown type".into()),
            };
            let text = log
                .as_ref()
                .map_or(0, |log| log.committer.len() + log.message.len());
            self.hold(name.len() + text)?;
            // git marks that a reflog is there, though empty, by an entry that says nothing.
            let log = log
                .filter(|log| !(log.old.is_null() && log.new.is_null() && log.message.is_empty()));
            self.logs.insert((name, Reverse(update)), log);
        }
        Ok(())
    }

    fn hold(&mut self, text_len: usize) -> Result<(), TableError> {
        self.held = self.held.saturating_add(text_len + ENTRY_BYTES);
        if self.held > MAX_HELD_BYTES {
            let why = "refs and reflogs take more memory than is allowed".to_owned();
            return Err(TableError {
                reason: SkipReason::TooLarge,
                why,
            });
        }
        Ok(())
    }
}

impl TableLayout {
    /// Where to go on after the block at `at`, whose end is not known.
    fn resume_after(&self, at: usize) -> Option<usize> {
        let aligned = (at / self.block_len.max(1) + 1).checked_mul(self.block_len);
        let places = [aligned, self.log_start];
        let places = places.into_iter().flatten();
        places.filter(|&next| next > at && next < self.end).min()
    }
}

/// Reads the header and the footer. A damaged footer is a problem, a damaged header an error.
fn layout(
    bytes: &[u8],
    hash: HashKind,
    problems: &mut Vec<TableError>,
) -> Result<TableLayout, TableError> {
    let header = bytes
        .get(..HEADER_LEN)
        .filter(|header| header.starts_with(b"REFT"))
        .ok_or("it has no reftable signature")?;
    let (header_len, hash_id) = match header[4] {
        1 => (HEADER_LEN, &b"sha1"[..]),
        2 => (
            HEADER_LEN + 4,
            bytes
                .get(HEADER_LEN..HEADER_LEN + 4)
                .ok_or("it ends too early")?,
        ),
        version => {
            return Err(TableError {
                reason: SkipReason::Unsupported,
                why: format!("reftable version {version} is not known"),
            });
        }
    };
    let expected: &[u8] = match hash {
        HashKind::Sha1 => b"sha1",
        _ => b"s256",
    };
    if hash_id != expected {
        return Err("its object format is not the repository's".into());
    }
    let mut layout = TableLayout {
        header_len,
        end: bytes.len(),
        block_len: three(&header[5..]),
        log_start: None,
    };
    // The footer repeats the header.
    let footer_start = bytes.len().checked_sub(header_len + FOOTER_EXTRA_LEN);
    let footer = footer_start.filter(|&start| start >= header_len);
    let footer = footer.map(|start| (start, &bytes[start..]));
    match footer {
        Some((start, footer)) if footer[..header_len] == bytes[..header_len] => {
            layout.end = start;
            let (body, crc) = footer.split_at(footer.len() - 4);
            if u64::from(crc32fast::hash(body)) == number(crc) {
                let log_start = number(&footer[header_len + 24..header_len + 32]);
                layout.log_start = usize::try_from(log_start).ok();
            } else {
                problems.push("the checksum of its footer is wrong".into());
            }
        }
        _ => problems.push("it has no footer: it may be cut short".into()),
    }
    Ok(layout)
}

/// A big-endian number of 24 bits, from at least as many.
fn three(bytes: &[u8]) -> usize {
    bytes[..3]
        .iter()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

/// A big-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The records of one block, whose keys say how they differ from the one before.
struct Records<'b> {
    left: &'b [u8],
    key: Vec<u8>,
}

impl<'b> Records<'b> {
    /// `block` is what follows its head.
    fn new(block: &'b [u8]) -> Result<Self, TableError> {
        let (rest, count) = block.split_last_chunk::<2>().ok_or("it is too short")?;
        let restarts_len = usize::from(u16::from_be_bytes(*count)) * 3;
        let end = rest.len().checked_sub(restarts_len);
        let end = end.ok_or("its restart table is longer than the block")?;
        Ok(Self {
            left: &rest[..end],
            key: Vec::new(),
        })
    }

    /// Reads the next key; returns the type of its value, `None` at the end.
    fn next_key(&mut self) -> Result<Option<u8>, TableError> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let kept = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let tag = self.varint()?;
        let suffix = self.take(tag >> 3)?;
        if kept > self.key.len() {
            return Err("a key repeats more than there is of the one before".into());
        }
        if kept + suffix.len() > MAX_NAME_LEN {
            return Err("a key is too long".into());
        }
        self.key.truncate(kept);
        self.key.extend_from_slice(suffix);
        let value_type = tag & 7;
        Ok(Some(u8::try_from(value_type).expect("three bits")))
    }

    fn take(&mut self, len: u64) -> Result<&'b [u8], TableError> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (taken, rest) = self
            .left
            .split_at_checked(len)
            .ok_or("a record is longer than its block")?;
        self.left = rest;
        Ok(taken)
    }

    /// As in pack offsets: most significant bits first, each continuation adds one.
    fn varint(&mut self) -> Result<u64, TableError> {
        let mut value: u64 = 0;
        for at in 0.. {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            value = match at {
                0 => Some(part),
                _ => value
                    .checked_add(1)
                    .and_then(|value| value.checked_mul(128))
                    .map(|value| value | part),
            }
            .ok_or("a number is too large")?;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn text(&mut self) -> Result<&'b BStr, TableError> {
        let len = self.varint()?;
        Ok(self.take(len)?.as_bstr())
    }

    fn id(&mut self, hash: HashKind) -> Result<ObjectId, TableError> {
        let bytes = self.take(hash.len_in_bytes() as u64)?;
        Ok(ObjectId::from_bytes_or_panic(bytes))
    }

    fn log(&mut self, hash: HashKind) -> Result<ReflogEntry, TableError> {
        let (old, new) = (self.id(hash)?, self.id(hash)?);
        let (name, mail) = (self.text()?, self.text()?);
        let seconds = self.varint()?;
        let zone = self.take(2)?;
        // git stores +0130 as 130.
        let zone = i16::from_be_bytes([zone[0], zone[1]]);
        let message = self.text()?;
        let mut committer = name.to_owned();
        committer.extend_from_slice(b" <");
        committer.extend_from_slice(mail);
        committer.extend_from_slice(format!("> {seconds} {zone:+05}").as_bytes());
        Ok(ReflogEntry {
            old,
            new,
            committer,
            message: message.strip_suffix(b"\n").unwrap_or(message).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_git_writes_them() {
        let mut records = Records {
            left: &[0x7f, 0x80, 0x00, 0x80, 0x7f, 0x81, 0x00],
            key: Vec::new(),
        };
        let mut read = || records.varint().unwrap();
        assert_eq!([read(), read(), read(), read()], [127, 128, 255, 256]);
        let mut endless = Records {
            left: &[0xff; 20],
            key: Vec::new(),
        };
        assert!(endless.varint().is_err());
    }

    #[test]
    fn a_key_cannot_repeat_more_than_there_is() {
        let mut records = Records {
            left: &[5, 1 << 3, b'x'],
            key: b"abc".to_vec(),
        };
        assert!(records.next_key().is_err());
    }
}
