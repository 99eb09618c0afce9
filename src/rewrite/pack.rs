//! Writes new objects as one pack, which git indexes.

use std::io::Write;
use std::process::ChildStdin;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::hash::Kind as HashKind;

use super::git::Git;
use crate::error::{Error, Result};
use crate::odb::ObjectKind;

/// Writes a pack of a known number of objects to `git index-pack`.
pub(super) struct PackWriter {
    out: ChildStdin,
    hasher: gix::hash::Hasher,
    left: u32,
}

impl PackWriter {
    /// Begins a pack of `count` objects.
    ///
    /// # Errors
    /// `Io` if git does not take it.
    pub(super) fn new(out: ChildStdin, hash: HashKind, count: u32) -> Result<Self> {
        let mut writer = Self {
            out,
            hasher: gix::hash::hasher(hash),
            left: count,
        };
        let header = [&b"PACK"[..], &2u32.to_be_bytes(), &count.to_be_bytes()].concat();
        writer.write(&header)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes).map_err(broken)
    }

    /// Adds an object.
    ///
    /// # Errors
    /// `Io` if git does not take it; `Internal` if there are more than announced.
    pub(super) fn add(&mut self, kind: ObjectKind, bytes: &[u8]) -> Result<()> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Error::internal("more objects than planned"))?;
        let number: u8 = match kind {
            ObjectKind::Commit => 1,
            ObjectKind::Tree => 2,
            ObjectKind::Tag => 4,
            ObjectKind::Blob | ObjectKind::Unknown => 3,
        };
        let mut size = bytes.len() as u64;
        let mut header = vec![number << 4 | (size & 15) as u8];
        size >>= 4;
        while size > 0 {
            if let Some(last) = header.last_mut() {
                *last |= 0x80;
            }
            header.push((size & 0x7f) as u8);
            size >>= 7;
        }
        self.write(&header)?;
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).map_err(broken)?;
        let packed = encoder.finish().map_err(broken)?;
        self.write(&packed)
    }

    /// Ends the pack.
    ///
    /// # Errors
    /// `Io` if git does not take it; `Internal` if there are fewer objects than announced.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.left > 0 {
            return Err(Error::internal("fewer objects than planned"));
        }
        let digest = self.hasher.clone().try_finalize();
        let digest = digest.map_err(|e| Error::internal("the pack has no digest").because(e))?;
        self.out.write_all(digest.as_slice()).map_err(broken)
    }
}

fn broken(e: std::io::Error) -> Error {
    Error::io("write to", "git index-pack".as_ref(), e)
}

/// Makes a pack of `count` objects in the repository of `git`, kept from being repacked by a file
/// that says `reason`; `fill` adds the objects.
///
/// # Errors
/// What `fill` says; `Io` if git refuses the pack, with what it says.
pub(super) fn store(
    git: &Git,
    count: u32,
    reason: &str,
    fill: &mut dyn FnMut(&mut PackWriter) -> Result<()>,
) -> Result<()> {
    let keep = format!("--keep={reason}");
    let (child, stdin) = git.start(&["index-pack", "--stdin", &keep])?;
    let written = PackWriter::new(stdin, git.hash(), count).and_then(|mut writer| {
        fill(&mut writer)?;
        writer.finish()
    });
    // What git says of it is the cause; that the pipe broke is only what followed.
    let ended = child.wait();
    ended.and(written)
}
