//! Loose objects: one zlib stream a file, `<kind> <size>\0<bytes>`.

use std::io::Read;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use super::inflate::Inflater;
use super::map::Map;
use super::window::{self, Hashing, Window, WindowSizes};
use super::{ObjectKind, file, hash};
use crate::error::{Error, Result};

/// A loose object that was listed, not read.
#[derive(Clone, Debug)]
pub struct LooseObject {
    /// Its id, from its path.
    pub id: ObjectId,
    /// Which object directory of the store it stands in.
    pub dir: usize,
    /// Bytes of the file.
    pub stored_bytes: u64,
}

/// Longest header: the longest kind, a blank, 20 digits, NUL; rounded up.
const MAX_HEADER_LEN: usize = 64;

/// Lists the loose objects of one object directory, in the order of their ids. Names that are no
/// object are passed over, as git does (temporary files, `pack`, `info`).
///
/// # Errors
/// `Io` if a directory cannot be listed.
pub fn list(dir: &Path, dir_index: usize, hash: HashKind) -> Result<Vec<LooseObject>> {
    let mut objects = Vec::new();
    for prefix in fans(dir)? {
        let fan = dir.join(&prefix);
        let entries = match std::fs::read_dir(&fan) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => continue,
            Err(e) => return Err(Error::io("list", &fan, e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", &fan, e))?;
            let Some(rest) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if prefix.len() + rest.len() != hash.len_in_hex() {
                continue;
            }
            if let Ok(id) = ObjectId::from_hex(format!("{prefix}{rest}").as_bytes()) {
                let stored_bytes = entry.metadata().map_or(0, |meta| meta.len());
                objects.push(LooseObject {
                    id,
                    dir: dir_index,
                    stored_bytes,
                });
            }
        }
    }
    objects.sort_unstable_by_key(|object| object.id);
    Ok(objects)
}

/// The directories among which loose objects are spread, by name, sorted: two hexadecimal digits each.
///
/// # Errors
/// `Io` if `dir` cannot be listed.
pub fn fans(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| Error::io("list", dir, e))?.file_name();
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let name = name
            .to_str()
            .filter(|name| name.len() == 2 && name.bytes().all(is_digit));
        names.extend(name.map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the path of object `id` in the object directory `dir`.
pub fn path_of(dir: &Path, id: &gix::oid) -> PathBuf {
    let hex = id.to_hex().to_string();
    dir.join(&hex[..2]).join(&hex[2..])
}

/// Reads the loose object `id` from `dir` into `out`; returns its kind.
///
/// # Errors
/// `Io` if the file cannot be read, `TooLarge` if the object has more than `max_bytes`, `Corrupt` if it
/// is damaged or not the object that its name says.
pub fn read(
    dir: &Path,
    id: &gix::oid,
    max_bytes: u64,
    inflater: &mut Inflater,
    out: &mut Vec<u8>,
) -> Result<ObjectKind> {
    let path = path_of(dir, id);
    // Most are small: reading costs less than mapping.
    let file = file::read_whole(&path).map_err(|e| Error::io("read", &path, e))?;
    let (header_len, kind, size) = header(&file, inflater).map_err(|why| damaged(&path, &why))?;
    if size > max_bytes {
        return Err(Error::too_large(format!(
            "cannot read '{}': object announces {size} bytes, over the limit of {max_bytes}",
            path.display()
        ))
        .hint("'--max-object-size' raises the limit"));
    }
    let len = size.saturating_add(header_len as u64);
    decode(&file, (id, kind), (header_len, len), inflater, out)
        .map_err(|why| damaged(&path, &why))?;
    Ok(kind)
}

/// Reads the header of a loose object; returns its length, the kind and the size.
fn header(file: &[u8], inflater: &mut Inflater) -> Result<(usize, ObjectKind, u64), String> {
    let mut start = [0; MAX_HEADER_LEN];
    let start = inflater.inflate_prefix(file, &mut start)?;
    let len = memchr::memchr(0, start).ok_or("object header is damaged")?;
    let header = std::str::from_utf8(&start[..len]).map_err(|_| "object header is damaged")?;
    let (kind, size) = header.split_once(' ').ok_or("object header is damaged")?;
    let kind = ObjectKind::from_name(kind).ok_or("object header names an unknown kind")?;
    let size: u64 = size.parse().map_err(|_| "object header holds no size")?;
    Ok((len + 1, kind, size))
}

/// A loose object that can be read piece by piece.
pub struct LooseStream {
    file: Map,
    path: PathBuf,
    header_len: usize,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its size in bytes.
    pub size: u64,
}

/// Opens the loose object `id` in `dir`.
///
/// # Errors
/// `Io` or `Corrupt` if its header cannot be read.
pub fn open(dir: &Path, id: &gix::oid, inflater: &mut Inflater) -> Result<LooseStream> {
    let path = path_of(dir, id);
    let file = Map::open(&path)?;
    let (header_len, kind, size) = header(&file, inflater).map_err(|why| damaged(&path, &why))?;
    Ok(LooseStream {
        file,
        path,
        header_len,
        kind,
        size,
    })
}

impl LooseStream {
    /// Its first bytes, at most `len`; none if it is damaged.
    pub fn start(&self, len: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header_len = self.header_len as u64;
        let reader = Inflater::reader(&self.file, self.size);
        let read = reader.map(|reader| reader.take(header_len + len).read_to_end(&mut bytes));
        match read {
            Ok(Ok(read)) if read >= self.header_len => bytes.split_off(self.header_len),
            _ => Vec::new(),
        }
    }

    /// Shows it to `see` window by window.
    ///
    /// # Errors
    /// `Corrupt` if it is damaged, or not the object `id`.
    pub fn read_windows(
        &self,
        id: &gix::oid,
        sizes: WindowSizes,
        see: &mut dyn FnMut(&Window<'_>),
    ) -> Result<()> {
        self.try_windows(id, sizes, see)
            .map_err(|why| damaged(&self.path, &why))
    }

    fn try_windows(
        &self,
        id: &gix::oid,
        sizes: WindowSizes,
        see: &mut dyn FnMut(&Window<'_>),
    ) -> Result<(), String> {
        let mut reader = Inflater::reader(&self.file, self.size)?;
        let mut header = [0; MAX_HEADER_LEN];
        let header = &mut header[..self.header_len];
        reader.read_exact(header).map_err(|e| e.to_string())?;
        let mut hashing = Hashing::new(reader, id.kind(), self.kind, self.size);
        window::read(&mut hashing, self.size, sizes, see)?;
        match hashing.finish()? {
            actual if actual.as_ref() == id => Ok(()),
            actual => Err(format!("file holds object {actual}")),
        }
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::corrupt(format!("cannot read '{}': {why}", path.display()))
        .hint("run 'git fsck'; if it agrees, restore this object from another clone")
}

/// Inflates an object of `len` bytes with its header into `out`, without the header.
fn decode(
    file: &[u8],
    (id, kind): (&gix::oid, ObjectKind),
    (header_len, len): (usize, u64),
    inflater: &mut Inflater,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    inflater.inflate(file, len, out)?;
    out.drain(..header_len);
    let actual = hash::object_id(id.kind(), kind, out)?;
    if actual.as_ref() != id {
        return Err(format!("file holds object {actual}"));
    }
    Ok(())
}
