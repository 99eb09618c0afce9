//! Reads the index file from front to back, without holding it: a hook passes over ten thousands
//! of entries to see the few that changed.
//!
//! The format is git's `index-format`, versions 2 to 4. Of a split index, which is two files, all
//! entries are held.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use crate::error::{Error, Result};
use crate::git::entry::IndexEntry;
use crate::git::split;

/// What the index knows of the tree that a directory's entries make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTree {
    /// The directory's own name; empty for the top.
    pub name: Vec<u8>,
    /// Number of entries below it and the tree's id; `None` since something below it changed.
    pub known: Option<(u32, ObjectId)>,
    /// Its directories.
    pub children: Vec<Self>,
}

impl CacheTree {
    /// Returns the directory `name` in it.
    pub fn child(&self, name: &[u8]) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Reads one directory with all below it off `data`; `None` if it is damaged.
    fn read(data: &mut &[u8], hash: HashKind, depth: usize) -> Option<Self> {
        let name = take_until(data, 0)?.to_vec();
        let count: i64 = number(take_until(data, b' ')?)?;
        let children: usize = number(take_until(data, b'\n')?)?;
        let known = match u32::try_from(count) {
            Ok(count) => {
                let (id, rest) = data.split_at_checked(hash.len_in_bytes())?;
                *data = rest;
                Some((count, ObjectId::from_bytes_or_panic(id)))
            }
            Err(_) => None,
        };
        let depth = depth.checked_sub(1)?;
        let children = (0..children)
            .map(|_| Self::read(data, hash, depth))
            .collect::<Option<_>>()?;
        Some(Self {
            name,
            known,
            children,
        })
    }
}

fn take_until<'d>(data: &mut &'d [u8], end: u8) -> Option<&'d [u8]> {
    let (taken, rest) = data.split_at(memchr::memchr(end, data)?);
    *data = &rest[1..];
    Some(taken)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An index file.
pub struct Index {
    entries: Entries,
    /// The tree of each directory as far as it is known, from the `TREE` extension.
    cache_tree: Option<CacheTree>,
    extensions_at: u64,
}

enum Entries {
    /// Read as they are asked for.
    Streamed(Stream),
    /// A split index.
    Held(std::vec::IntoIter<IndexEntry>),
    /// There is no index yet.
    None,
}

/// Entries of one file, read through a buffer of our own: a path is looked at where it stands.
struct Stream {
    file: File,
    /// Bytes of the file that were read and not used yet stand at `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    hash: HashKind,
    version: u32,
    left: u32,
    /// Version 4: the path of the last entry, of which the next one says only how it differs.
    path: Vec<u8>,
}

/// Longest path that is read; git's own limit is the system's.
const MAX_PATH_LEN: usize = 1 << 16;

/// Largest extension that is read into memory: a cache tree of a million directories.
const MAX_EXTENSION_LEN: u32 = 1 << 28;

/// Bytes of entries that are held. Version 4 says of paths only how they differ: a small file may
/// unfold to much.
pub(super) const MAX_HELD_BYTES: usize = 1 << 30;

/// Directories within directories; git allows as many as fit a path.
const MAX_DEPTH: usize = 2048;

const BUFFER_LEN: usize = 256 << 10;

/// Bytes before an entry's id.
const STAT_LEN: usize = 40;

const EXTENDED: u16 = 0x4000;
const NAME_MASK: u16 = 0x0fff;
const INTENT_TO_ADD: u16 = 0x2000;

impl Index {
    /// Opens the index at `path`; none there counts as an empty one.
    ///
    /// # Errors
    /// `Io`, or `Corrupt` if it is no index of a known version.
    pub fn open(path: &Path, hash: HashKind) -> Result<Self> {
        let file = match open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Ok(Self {
                    entries: Entries::None,
                    cache_tree: None,
                    extensions_at: 0,
                });
            }
            Err(e) => return Err(Error::io("read", path, e)),
        };
        let wrong = |why: String| {
            Error::corrupt(format!("cannot read the index '{}': {why}", path.display())).hint(
                "'git status' says whether git can; removing it and 'git reset' makes a new one",
            )
        };
        let mut stream = Stream::start(file, hash).map_err(wrong)?;
        // Extensions come after the entries: one pass over these finds them.
        let extensions = stream.extensions().map_err(wrong)?;
        stream.restart().map_err(wrong)?;
        let entries = match extensions.link {
            Some(link) => {
                let whole = join(path, stream, &link, hash).map_err(wrong)?;
                Entries::Held(whole.into_iter())
            }
            None => Entries::Streamed(stream),
        };
        Ok(Self {
            entries,
            // That of a split index speaks of the whole, as the others do.
            cache_tree: extensions.cache_tree,
            extensions_at: extensions.at,
        })
    }

    /// What is known of the trees that the entries make.
    pub fn cache_tree(&self) -> Option<&CacheTree> {
        self.cache_tree.as_ref()
    }

    /// Whether most of its entries stand in another file.
    pub fn is_split(&self) -> bool {
        matches!(self.entries, Entries::Held(_))
    }

    /// Where in the file the entries end and extensions begin.
    pub fn extensions_at(&self) -> u64 {
        self.extensions_at
    }

    /// Returns the next entry, sorted by path and stage.
    ///
    /// # Errors
    /// `Corrupt` if it cannot be read.
    pub fn next_entry(&mut self) -> Result<Option<IndexEntry>> {
        match &mut self.entries {
            Entries::None => Ok(None),
            Entries::Streamed(stream) => stream.next().map_err(damaged),
            Entries::Held(entries) => Ok(entries.next()),
        }
    }

    /// Passes over `count` entries, whose paths begin with `prefix`.
    ///
    /// # Errors
    /// `Corrupt` if they cannot be read, or others stand there: the cache tree is then wrong.
    pub fn skip(&mut self, count: u32, prefix: &[u8]) -> Result<()> {
        for _ in 0..count {
            let is_below = match &mut self.entries {
                Entries::None => false,
                Entries::Held(entries) => entries
                    .next()
                    .is_some_and(|entry| entry.path.starts_with(prefix)),
                Entries::Streamed(stream) => stream.pass_below(prefix).map_err(damaged)?,
            };
            if !is_below {
                return Err(damaged("its cache tree does not fit its entries".into()));
            }
        }
        Ok(())
    }
}

/// Reads all entries of a split index; `link` names the shared file and says what changed since.
fn join(
    path: &Path,
    mut own: Stream,
    link: &[u8],
    hash: HashKind,
) -> Result<Vec<IndexEntry>, String> {
    let parts = link.split_at_checked(hash.len_in_bytes());
    let (id, bitmaps) = parts.ok_or("its link to a shared index is cut")?;
    let id = ObjectId::from_bytes_or_panic(id);
    let own = own.all()?;
    if id.is_null() {
        return Ok(own);
    }
    let name = format!("sharedindex.{id}");
    let shared = path.with_file_name(&name);
    let told = |why: String| format!("its '{name}': {why}");
    let file = open(&shared).map_err(|e| told(e.to_string()))?;
    let mut base = Stream::start(file, hash).map_err(told)?;
    let base = base.all().map_err(told)?;
    split::merge(base, own, bitmaps)
}

/// Opens a plain file: a named pipe would make us wait for ever.
fn open(path: &Path) -> std::io::Result<File> {
    crate::odb::file::open(path)
}

fn damaged(why: String) -> Error {
    Error::corrupt(format!("cannot read the index: {why}"))
}

/// One entry in the buffer.
struct EntryHeader {
    id: ObjectId,
    mode: u32,
    flags: u16,
    extended: u16,
    /// Where its path stands in the buffer; version 4 has it elsewhere.
    path: std::ops::Range<usize>,
}

struct Extensions {
    cache_tree: Option<CacheTree>,
    /// What the `link` extension holds, if it is a split index.
    link: Option<Vec<u8>>,
    /// Where they begin.
    at: u64,
}

impl Stream {
    fn start(file: File, hash: HashKind) -> Result<Self, String> {
        let mut stream = Self {
            file,
            buffer: vec![0; BUFFER_LEN],
            start: 0,
            end: 0,
            hash,
            version: 0,
            left: 0,
            path: Vec::new(),
        };
        stream.restart()?;
        Ok(stream)
    }

    /// Goes to the first entry.
    fn restart(&mut self) -> Result<(), String> {
        self.file.rewind().map_err(told)?;
        (self.start, self.end) = (0, 0);
        if &self.bytes::<4>()? != b"DIRC" {
            return Err("it has no index signature".into());
        }
        self.version = u32::from_be_bytes(self.bytes()?);
        if !(2..=4).contains(&self.version) {
            return Err(format!("version {} is not known", self.version));
        }
        self.left = u32::from_be_bytes(self.bytes()?);
        self.path.clear();
        Ok(())
    }

    /// Returns `count` bytes that are still to be used, and maybe more.
    #[inline]
    fn peek(&mut self, count: usize) -> Result<&[u8], String> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), String> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        }
        while self.end < count {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err("it ends too early".into()),
                Ok(read) => self.end += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(told(e)),
            }
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = *self.peek(N)?.first_chunk().expect("as many as asked for");
        self.start += N;
        Ok(bytes)
    }

    fn next(&mut self) -> Result<Option<IndexEntry>, String> {
        Ok(self.head()?.map(|head| IndexEntry {
            path: self.path_of(&head).to_vec(),
            id: head.id,
            mode: head.mode,
            stage: u8::try_from((head.flags >> 12) & 3).unwrap_or(0),
            intent_to_add: head.extended & INTENT_TO_ADD != 0,
        }))
    }

    /// Reads all entries that are left.
    fn all(&mut self) -> Result<Vec<IndexEntry>, String> {
        let (mut entries, mut held) = (Vec::new(), 0);
        while let Some(entry) = self.next()? {
            held += entry.path.len() + size_of::<IndexEntry>();
            if held > MAX_HELD_BYTES {
                return Err("its entries take more memory than is allowed".into());
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Returns the path of the entry read last.
    fn path_of(&self, head: &EntryHeader) -> &[u8] {
        if self.version == 4 {
            &self.path
        } else {
            &self.buffer[head.path.clone()]
        }
    }

    /// Reads the next entry.
    fn head(&mut self) -> Result<Option<EntryHeader>, String> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let (id_len, version) = (self.hash.len_in_bytes(), self.version);
        // Times, device, inode, mode, owner, size: of these only the mode matters.
        let fixed = self.peek(STAT_LEN + id_len + 4)?;
        let mode = u32::from_be_bytes(*fixed[24..].first_chunk().expect("it is there"));
        let id = ObjectId::from_bytes_or_panic(&fixed[STAT_LEN..STAT_LEN + id_len]);
        let mut head_len = STAT_LEN + id_len + 2;
        let two = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let (flags, mut extended) = (two(head_len - 2), 0);
        if flags & EXTENDED != 0 {
            if version < 3 {
                return Err("an entry has flags that its version does not know".into());
            }
            extended = two(head_len);
            head_len += 2;
        }
        let path = if version == 4 {
            self.start += head_len;
            self.read_suffix()?;
            0..0
        } else {
            self.find_path(head_len, flags & NAME_MASK)?
        };
        Ok(Some(EntryHeader {
            id,
            mode,
            flags,
            extended,
            path,
        }))
    }

    /// Finds the path behind the first `head_len` bytes, and passes over the entry.
    fn find_path(&mut self, head_len: usize, len: u16) -> Result<std::ops::Range<usize>, String> {
        let len = if len < NAME_MASK {
            usize::from(len)
        } else {
            self.find_nul(head_len)?
        };
        // At least one NUL, up to a multiple of eight.
        let entry_len = (head_len + len + 8) & !7;
        if self.peek(entry_len)?[head_len + len] != 0 {
            return Err("a path is longer than its entry says".into());
        }
        let path = self.start + head_len;
        self.start += entry_len;
        Ok(path..path + len)
    }

    /// Returns how many bytes there are between the first `skip` and the NUL after them.
    fn find_nul(&mut self, skip: usize) -> Result<usize, String> {
        let mut count = skip + 1;
        loop {
            let bytes = self.peek(count)?;
            if let Some(len) = memchr::memchr(0, &bytes[skip..]) {
                return Ok(len);
            }
            count = bytes.len() + 1;
            if count > skip + MAX_PATH_LEN {
                return Err("a path does not end".into());
            }
        }
    }

    /// Version 4: how many bytes of the path before to drop, then what follows.
    fn read_suffix(&mut self) -> Result<(), String> {
        let mut drop: usize = 0;
        for turn in 0.. {
            let [byte] = self.bytes::<1>()?;
            drop = (drop << 7) | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
            drop += 1;
            if turn > 3 {
                return Err("a path drops too much".into());
            }
        }
        let kept = self.path.len().checked_sub(drop);
        self.path
            .truncate(kept.ok_or("a path drops more than there is")?);
        let len = self.find_nul(0)?;
        if self.path.len() + len > MAX_PATH_LEN {
            return Err("a path is too long".into());
        }
        self.path
            .extend_from_slice(&self.buffer[self.start..self.start + len]);
        self.start += len + 1;
        Ok(())
    }

    /// The path and the length of the next entry, if they can be told from its flags: that of
    /// nearly all entries can.
    #[inline]
    fn plain_entry(&self) -> Option<(&[u8], usize)> {
        if self.version == 4 || self.left == 0 {
            return None;
        }
        let buffered = &self.buffer[self.start..self.end];
        let path_at = STAT_LEN + self.hash.len_in_bytes() + 2;
        let flags = u16::from_be_bytes([*buffered.get(path_at - 2)?, *buffered.get(path_at - 1)?]);
        let len = usize::from(flags & NAME_MASK);
        let entry_len = (path_at + len + 8) & !7;
        let is_plain = flags & EXTENDED == 0 && len < usize::from(NAME_MASK);
        if !is_plain || entry_len > buffered.len() || buffered[path_at + len] != 0 {
            return None;
        }
        Some((&buffered[path_at..path_at + len], entry_len))
    }

    /// Passes over all entries.
    fn pass_entries(&mut self) -> Result<(), String> {
        while self.left > 0 {
            match self.plain_entry().map(|(_, len)| len) {
                Some(len) => self.pass(len),
                None => {
                    self.head()?;
                }
            }
        }
        Ok(())
    }

    /// Passes over the next entry; returns whether there is one and its path begins with `prefix`.
    fn pass_below(&mut self, prefix: &[u8]) -> Result<bool, String> {
        if let Some((path, len)) = self.plain_entry() {
            let is_below = path.starts_with(prefix);
            self.pass(len);
            return Ok(is_below);
        }
        let head = self.head()?;
        Ok(head.is_some_and(|head| self.path_of(&head).starts_with(prefix)))
    }

    fn pass(&mut self, len: usize) {
        self.left -= 1;
        self.start += len;
    }

    fn extensions(&mut self) -> Result<Extensions, String> {
        self.pass_entries()?;
        let len = self.file.metadata().map_err(told)?.len();
        let read = self.file.stream_position().map_err(told)?;
        let mut at = read - (self.end - self.start) as u64;
        let mut found = Extensions {
            cache_tree: None,
            link: None,
            at,
        };
        // What is left at the end is the checksum.
        let end = len.saturating_sub(self.hash.len_in_bytes() as u64);
        while at + 8 <= end {
            let name = self.bytes::<4>()?;
            let len = u32::from_be_bytes(self.bytes()?);
            at += 8 + u64::from(len);
            match &name {
                _ if at > end => return Err("an extension is longer than the file".into()),
                b"TREE" if len <= MAX_EXTENSION_LEN => {
                    let hash = self.hash;
                    let mut data = &self.peek(len as usize)?[..len as usize];
                    // A damaged one only costs time.
                    found.cache_tree = CacheTree::read(&mut data, hash, MAX_DEPTH);
                }
                b"link" if len <= MAX_EXTENSION_LEN => {
                    found.link = Some(self.peek(len as usize)?[..len as usize].to_vec());
                }
                b"sdir" => {}
                [first, ..] if first.is_ascii_uppercase() => {}
                _ => {
                    let name = name.escape_ascii();
                    return Err(format!(
                        "it needs the extension '{name}', which is not known"
                    ));
                }
            }
            self.file.seek(SeekFrom::Start(at)).map_err(told)?;
            (self.start, self.end) = (0, 0);
        }
        Ok(found)
    }
}

fn told(e: std::io::Error) -> String {
    e.to_string()
}
