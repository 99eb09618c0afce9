//! Writes new objects as one pack, which git indexes.

use std::io::{BufWriter, Write};
use std::process::ChildStdin;

use flate2::{Compress, Compression, FlushCompress, Status};
use gix::hash::Kind as HashKind;

use crate::error::{Error, Result};
use crate::odb::ObjectKind;
use crate::purge::git::Git;

/// Writes a pack of a known number of objects to `git index-pack`.
pub(crate) struct PackWriter {
    out: BufWriter<ChildStdin>,
    hasher: gix::hash::Hasher,
    /// Set up once: its tables are larger than most objects.
    deflater: Compress,
    packed: Vec<u8>,
    /// Bytes that were written.
    offset: u64,
    left: u32,
}

/// Number of an object that is written as a delta, with the distance to its base.
const OFS_DELTA: u8 = 6;

/// Bytes that are handed to git at a time.
const BUFFER: usize = 1 << 16;

impl PackWriter {
    /// Begins a pack of `count` objects.
    ///
    /// # Errors
    /// `Io` if git does not take it.
    pub(crate) fn new(out: ChildStdin, hash: HashKind, count: u32) -> Result<Self> {
        let mut writer = Self {
            out: BufWriter::with_capacity(BUFFER, out),
            hasher: gix::hash::hasher(hash),
            // As git writes packs.
            deflater: Compress::new(Compression::default(), true),
            packed: Vec::new(),
            offset: 0,
            left: count,
        };
        let header = [&b"PACK"[..], &2u32.to_be_bytes(), &count.to_be_bytes()].concat();
        writer.write(&header)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        self.out.write_all(bytes).map_err(broken)
    }

    /// Adds an object; returns where it is in the pack.
    ///
    /// # Errors
    /// `Io` if git does not take it; `Internal` if there are more than announced.
    pub(crate) fn add(&mut self, kind: ObjectKind, bytes: &[u8]) -> Result<u64> {
        let number: u8 = match kind {
            ObjectKind::Commit => 1,
            ObjectKind::Tree => 2,
            ObjectKind::Tag => 4,
            ObjectKind::Blob | ObjectKind::Unknown => 3,
        };
        self.add_entry(number, &[], bytes)
    }

    /// Adds an object that `delta` makes from the one that is at `base` in the pack; returns where it is
    /// itself.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn add_delta(&mut self, base: u64, delta: &[u8]) -> Result<u64> {
        let distance = self
            .offset
            .checked_sub(base)
            .filter(|&distance| distance > 0)
            .ok_or_else(|| Error::internal("a delta comes before its base"))?;
        self.add_entry(OFS_DELTA, &distance_bytes(distance), delta)
    }

    fn add_entry(&mut self, number: u8, base: &[u8], bytes: &[u8]) -> Result<u64> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Error::internal("more objects than planned"))?;
        let start = self.offset;
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
        header.extend_from_slice(base);
        self.write(&header)?;
        let packed = self.deflate(bytes)?;
        self.write(&packed)?;
        self.packed = packed;
        Ok(start)
    }

    fn deflate(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        self.deflater.reset();
        loop {
            let read = usize::try_from(self.deflater.total_in()).unwrap_or(usize::MAX);
            packed.reserve(bytes.len() - read.min(bytes.len()) + 64);
            let rest = bytes.get(read..).unwrap_or_default();
            let finish = FlushCompress::Finish;
            let status = self.deflater.compress_vec(rest, &mut packed, finish);
            if status.map_err(|e| Error::internal("cannot compress").because(e))?
                == Status::StreamEnd
            {
                return Ok(packed);
            }
        }
    }

    /// Ends the pack.
    ///
    /// # Errors
    /// `Io` if git does not take it; `Internal` if there are fewer objects than announced.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.left > 0 {
            return Err(Error::internal("fewer objects than planned"));
        }
        let digest = self.hasher.clone().try_finalize();
        let digest = digest.map_err(|e| Error::internal("the pack has no digest").because(e))?;
        self.out.write_all(digest.as_slice()).map_err(broken)?;
        self.out.flush().map_err(broken)
    }
}

/// The distance to a base: groups of seven bits, the highest first, each but the last less one.
fn distance_bytes(mut distance: u64) -> Vec<u8> {
    let mut bytes = vec![(distance & 0x7f) as u8];
    distance >>= 7;
    while distance > 0 {
        distance -= 1;
        bytes.push((distance & 0x7f) as u8 | 0x80);
        distance >>= 7;
    }
    bytes.reverse();
    bytes
}

fn broken(e: std::io::Error) -> Error {
    Error::io("write to", "git index-pack".as_ref(), e)
}

/// Makes a pack of `count` objects in the repository of `git`, kept from being repacked by a file
/// that says `reason`; `fill` adds the objects.
///
/// # Errors
/// What `fill` says; `Io` if git refuses the pack, with what it says.
pub(crate) fn store(
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
