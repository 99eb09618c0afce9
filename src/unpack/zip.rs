//! Lists the entries of a zip archive (APPNOTE.TXT 6.3.10).
//!
//! The central directory lists the entries of an archive. The space between these entries is
//! searched for others: deleted entries, entries hidden by a second one of the same name, and
//! entries whose directory is truncated. This file unpacks nothing.

use std::io::Cursor;
use std::ops::Range;

use ::zip::{CompressionMethod, ZipArchive};
use memchr::memmem;

use super::stream::Codec;
use super::{Reason, UnpackFailure, guard, part};

/// The beginning of a local header (section 4.3.7).
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";

/// The beginning of the sizes after an entry whose header does not contain them (section 4.3.9.3).
const DATA_DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// Size of a local header without name and extra field.
const LOCAL_HEADER_LEN: usize = 30;

/// Flags: the content is encrypted; the sizes are after the content.
const ENCRYPTED: u16 = 1;
const SIZES_FOLLOW: u16 = 1 << 3;

/// Marks a size that is in an extra field (section 4.5.3).
const SIZE_IN_EXTRA: u32 = u32::MAX;

/// The compression method of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ZipMethod {
    Stored,
    Packed(Codec),
    Encrypted,
    /// Its number in the archive.
    Unknown(u16),
}

/// One entry of an archive.
pub(super) struct ZipEntry<'a> {
    pub name: Vec<u8>,
    pub comment: Vec<u8>,
    pub method: ZipMethod,
    /// The packed content, as far as it exists. Also contains the bytes after it if its end is
    /// unknown.
    pub packed: &'a [u8],
    /// The content is truncated.
    pub cut_off: bool,
    /// Checksum of the content, if it is known.
    pub crc: Option<u32>,
    /// Its range in the archive, including the header.
    pub span: Range<usize>,
}

/// The contents of an archive, in stored order.
#[derive(Default)]
pub(super) struct ZipListing<'a> {
    pub entries: Vec<ZipEntry<'a>>,
    /// The archive's own comment.
    pub comment: Vec<u8>,
    pub failures: Vec<UnpackFailure>,
}

/// Lists at most `max` entries of `bytes`.
pub(super) fn list(bytes: &[u8], max: u64) -> ZipListing<'_> {
    let mut listing = ZipListing::default();
    let directory_start = match guard(|| read_directory(bytes, max, &mut listing)) {
        Ok(start) => start,
        Err(failure) => {
            listing.failures.push(failure);
            bytes.len()
        }
    };
    listing.entries.sort_by_key(|entry| entry.span.start);
    let mut gaps = Vec::new();
    let mut end = 0;
    for entry in &listing.entries {
        gaps.push(end..entry.span.start);
        end = end.max(entry.span.end);
    }
    gaps.push(end..directory_start);
    for gap in gaps {
        let room = max.saturating_sub(listing.entries.len() as u64);
        let full = walk_gap(bytes, gap, room, &mut listing.entries);
        if full && listing.failures.is_empty() {
            listing.failures.push(too_many());
        }
    }
    listing.entries.sort_by_key(|entry| entry.span.start);
    listing
}

/// Lists at most `max` entries that have a header in `bytes`, without the directory.
pub(super) fn entries(bytes: &[u8], max: u64) -> (Vec<ZipEntry<'_>>, Option<UnpackFailure>) {
    let mut entries = Vec::new();
    let is_full = walk_gap(bytes, 0..bytes.len(), max, &mut entries);
    // The four bytes of a header can occur by chance, but hardly with a known method and a name.
    entries
        .retain(|entry| !entry.name.is_empty() && !matches!(entry.method, ZipMethod::Unknown(_)));
    (entries, is_full.then(too_many))
}

fn too_many() -> UnpackFailure {
    UnpackFailure::new(Reason::Limit, "holds too many entries")
}

/// Fills the listing from the central directory and returns where that starts.
fn read_directory<'a>(
    bytes: &'a [u8],
    max: u64,
    listing: &mut ZipListing<'a>,
) -> Result<usize, UnpackFailure> {
    let damaged =
        |e| UnpackFailure::corrupt(format!("the directory of the archive is damaged ({e})"));
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    listing.comment = archive.comment().to_vec();
    let directory = archive.metadata();
    for index in 0..directory.len() {
        if listing.entries.len() as u64 == max {
            return Err(too_many());
        }
        let named = directory.entry(index).map_err(damaged)?;
        let start = usize::try_from(named.header_start()).unwrap_or(usize::MAX);
        let Some(header) = LocalHeader::parse(bytes, start) else {
            // Another entry may be in its place; the search of the gaps finds it.
            let detail = "an entry is not where the directory says";
            listing.failures.push(UnpackFailure::corrupt(detail));
            continue;
        };
        let packed = part(bytes, header.content as u64, named.compressed_size());
        listing.entries.push(ZipEntry {
            name: named.name_raw().to_vec(),
            comment: named.comment_raw().to_vec(),
            method: method(named.encrypted(), named.compression(), named.size()),
            packed,
            cut_off: (packed.len() as u64) < named.compressed_size(),
            crc: Some(named.crc32()),
            span: start..header.content + packed.len(),
        });
    }
    Ok(usize::try_from(archive.central_directory_start()).unwrap_or(usize::MAX))
}

fn method(encrypted: bool, method: CompressionMethod, size: u64) -> ZipMethod {
    const NAMED: [(CompressionMethod, u16); 6] = [
        (CompressionMethod::STORE, 0),
        (CompressionMethod::DEFLATE, 8),
        (CompressionMethod::BZIP2, 12),
        (CompressionMethod::LZMA, 14),
        (CompressionMethod::ZSTD, 93),
        (CompressionMethod::XZ, 95),
    ];
    let number = NAMED
        .iter()
        .find_map(|(named, number)| (*named == method).then_some(*number));
    match (number, method) {
        (Some(number), _) => method_of(encrypted, number, Some(size)),
        #[expect(
            deprecated,
            reason = "the number itself is wanted, for people to look up"
        )]
        (None, CompressionMethod::Unsupported(number)) => method_of(encrypted, number, None),
        (None, _) => method_of(encrypted, u16::MAX, None),
    }
}

/// Numbers from section 4.4.5.
fn method_of(encrypted: bool, number: u16, size: Option<u64>) -> ZipMethod {
    match number {
        _ if encrypted => ZipMethod::Encrypted,
        0 => ZipMethod::Stored,
        8 => ZipMethod::Packed(Codec::Deflate),
        12 => ZipMethod::Packed(Codec::Bzip2),
        14 => ZipMethod::Packed(Codec::Lzma(size)),
        93 => ZipMethod::Packed(Codec::Zstd),
        95 => ZipMethod::Packed(Codec::Xz),
        number => ZipMethod::Unknown(number),
    }
}

/// Adds the entries that begin in `gap`, at most `room`. Returns whether there may be more.
fn walk_gap<'a>(
    bytes: &'a [u8],
    gap: Range<usize>,
    room: u64,
    entries: &mut Vec<ZipEntry<'a>>,
) -> bool {
    let end = gap.end.min(bytes.len());
    let mut at = gap.start;
    let mut left = room;
    while let Some(found) = bytes
        .get(at..end)
        .and_then(|rest| memmem::find(rest, LOCAL_HEADER))
    {
        let start = at + found;
        let Some(header) = LocalHeader::parse(&bytes[..end], start) else {
            at = start + LOCAL_HEADER.len();
            continue;
        };
        if left == 0 {
            return true;
        }
        left -= 1;
        let entry = header.entry(&bytes[..end], start);
        at = entry.span.end;
        entries.push(entry);
    }
    false
}

/// The header before the content of an entry.
struct LocalHeader<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed_len: u32,
    len: u32,
    name: &'a [u8],
    /// The start of the content.
    content: usize,
}

impl<'a> LocalHeader<'a> {
    /// Returns the local header at `start`, if it is complete.
    fn parse(bytes: &'a [u8], start: usize) -> Option<Self> {
        let rest = bytes.get(start..)?;
        let header = rest.get(..LOCAL_HEADER_LEN)?;
        let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let long = |at: usize| u32::from(word(at)) | u32::from(word(at + 2)) << 16;
        let name_end = LOCAL_HEADER_LEN + usize::from(word(26));
        let content = name_end + usize::from(word(28));
        (header.starts_with(LOCAL_HEADER) && rest.len() >= content).then(|| Self {
            flags: word(6),
            method: word(8),
            crc: long(14),
            packed_len: long(18),
            len: long(22),
            name: &rest[LOCAL_HEADER_LEN..name_end],
            content: start + content,
        })
    }

    /// Returns the entry of this header at `start` of `bytes`, without the directory.
    fn entry(&self, bytes: &'a [u8], start: usize) -> ZipEntry<'a> {
        let sizes_follow = self.flags & SIZES_FOLLOW != 0;
        let unknown = sizes_follow && self.packed_len == 0 || self.packed_len == SIZE_IN_EXTRA;
        let rest = &bytes[self.content..];
        let mut packed = part(rest, 0, u64::from(self.packed_len));
        if unknown {
            // The content ends at the next header, whose four bytes are rare in packed data.
            packed = &rest[..memmem::find(rest, LOCAL_HEADER).unwrap_or(rest.len())];
            if self.method == 0 {
                let end = memmem::find(packed, DATA_DESCRIPTOR).unwrap_or(packed.len());
                packed = &packed[..end];
            }
        }
        let size = (!unknown && self.len != SIZE_IN_EXTRA).then_some(u64::from(self.len));
        let encrypted = self.flags & ENCRYPTED != 0;
        ZipEntry {
            name: self.name.to_vec(),
            comment: Vec::new(),
            method: method_of(encrypted, self.method, size),
            packed,
            cut_off: !unknown && packed.len() as u64 != u64::from(self.packed_len),
            crc: (!sizes_follow).then_some(self.crc),
            span: start..self.content + packed.len(),
        }
    }
}
