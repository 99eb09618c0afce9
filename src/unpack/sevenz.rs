//! Lists the contents of a 7z archive ("7zFormat.txt" of the LZMA SDK): folders, each of which is
//! one compressed stream, and the files in them. Never allocates by a number of the header that its
//! own size does not justify.

use super::stream::{self, Codec};
use super::{Reason, UnpackFailure, guard};

/// The size of the start header.
const START_LEN: u64 = 32;
/// Maximum size of a compressed header after unpacking.
const MAX_HEADER: u64 = 64 << 20;
/// Maximum number of methods in a folder: filters, compression, encryption.
const MAX_CODERS: u64 = 4;

/// One compressed stream of an archive.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The range of its bytes in the archive.
    pub packed: std::ops::Range<u64>,
    /// The compression method; `None` if it is not supported.
    pub codec: Option<Codec>,
    /// Whether a password is needed.
    pub is_encrypted: bool,
    /// The name and length of each of its files.
    pub files: Vec<(Vec<u8>, u64)>,
}

/// The contents of an archive.
#[derive(Debug, Default)]
pub(super) struct SevenzListing {
    pub folders: Vec<Folder>,
    /// Names of empty files and directories.
    pub empty: Vec<Vec<u8>>,
}

/// Reads the header of `bytes`, which may be compressed, for at most `max_files` files.
pub(super) fn list(bytes: &[u8], max_files: u64) -> Result<SevenzListing, UnpackFailure> {
    let number = |at: usize| {
        let found = bytes.get(at..at + 8)?;
        Some(u64::from_le_bytes(found.try_into().ok()?))
    };
    let (Some(offset), Some(len)) = (number(12), number(20)) else {
        return Err(UnpackFailure::corrupt("the header is cut off"));
    };
    let header = range(bytes, START_LEN.saturating_add(offset), len);
    let header = header.ok_or_else(|| UnpackFailure::corrupt("the archive is cut off"))?;
    let mut header = header.to_vec();
    // A header can be compressed more than once, which no archiver does.
    for _ in 0..4 {
        let mut reader = SevenzReader { rest: &header };
        match reader.byte()? {
            0x01 => return SevenzHeader::read(&mut reader, max_files)?.listing(),
            0x17 => {
                let streams = SevenzStreams::read(&mut reader, max_files)?;
                let Some(folder) = streams.folders(1)?.pop() else {
                    return Err(damaged());
                };
                header = header_in(bytes, &folder)?;
            }
            _ => return Err(damaged()),
        }
    }
    Err(damaged())
}

/// Unpacks a header.
fn header_in(bytes: &[u8], folder: &Folder) -> Result<Vec<u8>, UnpackFailure> {
    let sizes = folder.files.iter().map(|(_, len)| *len);
    let len = sizes.fold(0u64, u64::saturating_add);
    let packed = range(
        bytes,
        folder.packed.start,
        folder.packed.end - folder.packed.start,
    );
    let (Some(mut packed), Some(codec)) = (packed, folder.codec) else {
        let reason = match folder.is_encrypted {
            true => Reason::Encrypted,
            false => Reason::Unsupported,
        };
        return Err(UnpackFailure::new(reason, "the header cannot be read"));
    };
    let (mut out, all) = (Vec::new(), packed.len());
    let result = guard(|| stream::decode(codec, &mut packed, len.min(MAX_HEADER), &mut out));
    stream::spend(codec, all - packed.len(), out.len());
    result.map(|()| out)
}

fn range(bytes: &[u8], start: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}

fn damaged() -> UnpackFailure {
    UnpackFailure::corrupt("the header is damaged")
}

/// Reads the parts of a header.
struct SevenzReader<'b> {
    rest: &'b [u8],
}

impl<'b> SevenzReader<'b> {
    fn byte(&mut self) -> Result<u8, UnpackFailure> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(byte)
    }

    fn bytes(&mut self, len: u64) -> Result<&'b [u8], UnpackFailure> {
        let len = usize::try_from(len).map_err(|_| damaged())?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads a number. The count of leading ones in its first byte is the number of bytes that
    /// follow.
    fn number(&mut self) -> Result<u64, UnpackFailure> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for at in 0..more {
            value |= u64::from(self.byte()?) << (8 * at);
        }
        // The remaining bits of the first byte are the highest ones.
        let high = if more < 7 {
            u64::from(first) & ((1 << (7 - more)) - 1)
        } else {
            0
        };
        Ok(value | high.checked_shl(8 * more).unwrap_or(0))
    }

    /// Reads a count of items, each of which needs at least one byte.
    fn count(&mut self) -> Result<u64, UnpackFailure> {
        let count = self.number()?;
        match count <= self.rest.len() as u64 {
            true => Ok(count),
            false => Err(damaged()),
        }
    }

    /// Reads one bit per item.
    fn bits(&mut self, count: u64) -> Result<Vec<bool>, UnpackFailure> {
        let bytes = self.bytes(count.div_ceil(8))?;
        let bit = |at: u64| {
            let byte = bytes[usize::try_from(at / 8).unwrap_or_default()];
            byte & (0x80 >> (at % 8)) != 0
        };
        Ok((0..count).map(bit).collect())
    }

    /// Skips the checksums of `count` items, some of which have none.
    fn skip_digests(&mut self, count: u64) -> Result<(), UnpackFailure> {
        let known = match self.byte()? {
            0 => self.bits(count)?.iter().filter(|is| **is).count() as u64,
            _ => count,
        };
        self.bytes(known.saturating_mul(4)).map(|_| ())
    }
}

/// The description of a folder in the header.
#[derive(Debug, Default)]
struct Coders {
    codec: Option<Codec>,
    is_encrypted: bool,
    /// The number of output streams.
    outputs: u64,
    inputs: u64,
    sizes: Vec<u64>,
    /// The output that is not the input of another method.
    last: usize,
}

/// The description of compressed streams in the header.
#[derive(Debug, Default)]
struct SevenzStreams {
    packed_at: u64,
    packed: Vec<u64>,
    coders: Vec<Coders>,
    /// The sizes of the files in each folder.
    files: Vec<Vec<u64>>,
}

impl SevenzStreams {
    fn read(reader: &mut SevenzReader<'_>, max_files: u64) -> Result<Self, UnpackFailure> {
        let mut streams = Self::default();
        loop {
            match reader.byte()? {
                0x00 => break,
                0x06 => streams.read_packed(reader)?,
                0x07 => streams.read_coders(reader)?,
                0x08 => streams.read_files(reader, max_files)?,
                _ => return Err(damaged()),
            }
        }
        if streams.files.is_empty() {
            let sizes = streams.coders.iter().map(|coders| vec![coders.size()]);
            streams.files = sizes.collect();
        }
        Ok(streams)
    }

    fn read_packed(&mut self, reader: &mut SevenzReader<'_>) -> Result<(), UnpackFailure> {
        self.packed_at = START_LEN.saturating_add(reader.number()?);
        let count = reader.count()?;
        loop {
            match reader.byte()? {
                0x00 => return Ok(()),
                0x09 => {
                    let sizes = (0..count).map(|_| reader.number());
                    self.packed = sizes.collect::<Result<_, _>>()?;
                }
                0x0a => reader.skip_digests(count)?,
                _ => return Err(damaged()),
            }
        }
    }

    fn read_coders(&mut self, reader: &mut SevenzReader<'_>) -> Result<(), UnpackFailure> {
        if reader.byte()? != 0x0b {
            return Err(damaged());
        }
        let count = reader.count()?;
        if reader.byte()? != 0 {
            return Err(damaged());
        }
        self.coders = (0..count)
            .map(|_| coders(reader))
            .collect::<Result<_, _>>()?;
        if reader.byte()? != 0x0c {
            return Err(damaged());
        }
        for coders in &mut self.coders {
            let sizes = (0..coders.outputs).map(|_| reader.number());
            coders.sizes = sizes.collect::<Result<_, _>>()?;
            coders.know_len();
        }
        loop {
            match reader.byte()? {
                0x00 => return Ok(()),
                0x0a => reader.skip_digests(count)?,
                _ => return Err(damaged()),
            }
        }
    }

    fn read_files(
        &mut self,
        reader: &mut SevenzReader<'_>,
        max_files: u64,
    ) -> Result<(), UnpackFailure> {
        let mut counts = vec![1; self.coders.len()];
        let mut next = reader.byte()?;
        if next == 0x0d {
            for count in &mut counts {
                *count = reader.number()?;
            }
            next = reader.byte()?;
        }
        let all = counts
            .iter()
            .fold(0u64, |sum, count| sum.saturating_add(*count));
        // Each size except the last of a folder takes at least one byte.
        let least = (reader.rest.len() + counts.len()) as u64;
        if all > max_files || all > least {
            return Err(UnpackFailure::new(Reason::Limit, "holds too many entries"));
        }
        for (coders, &count) in self.coders.iter().zip(&counts) {
            let mut sizes = Vec::new();
            let mut left = coders.size();
            for at in 0..count {
                let size = match at + 1 == count {
                    true => left,
                    false if next == 0x09 => reader.number()?,
                    false => return Err(damaged()),
                };
                left = left.saturating_sub(size);
                sizes.push(size);
            }
            self.files.push(sizes);
        }
        if next == 0x09 {
            next = reader.byte()?;
        }
        if next == 0x0a {
            // Checksums are not verified. They are skipped up to the next part.
            let single = counts.iter().filter(|count| **count == 1).count() as u64;
            let unknown = all - single;
            let before = reader.rest;
            // For folders with one file, the checksum can be stored with the folder.
            for count in [all, unknown] {
                reader.rest = before;
                if reader.skip_digests(count).is_ok() && reader.rest.first() == Some(&0) {
                    break;
                }
            }
            next = reader.byte()?;
        }
        match next {
            0x00 => Ok(()),
            _ => Err(damaged()),
        }
    }

    /// Returns the folders with at most `max` files.
    fn folders(self, max: usize) -> Result<Vec<Folder>, UnpackFailure> {
        let mut folders = Vec::new();
        let (mut at, mut packed) = (self.packed_at, self.packed.into_iter());
        for (coders, sizes) in self.coders.into_iter().zip(self.files).take(max) {
            let mut len = 0u64;
            for _ in 0..coders.inputs {
                len = len.saturating_add(packed.next().ok_or_else(damaged)?);
            }
            let end = at.saturating_add(len);
            folders.push(Folder {
                packed: at..end,
                // Only filters for programs have several inputs.
                codec: coders.codec.filter(|_| coders.inputs == 1),
                is_encrypted: coders.is_encrypted,
                files: sizes.into_iter().map(|size| (Vec::new(), size)).collect(),
            });
            at = end;
        }
        Ok(folders)
    }
}

impl Coders {
    fn size(&self) -> u64 {
        self.sizes.get(self.last).copied().unwrap_or_default()
    }

    /// Sets the output length of a method that needs it.
    fn know_len(&mut self) {
        if let Some(Codec::Lzma1 { len, .. }) = &mut self.codec {
            *len = self.sizes.iter().copied().max().unwrap_or_default();
        }
    }
}

/// Reads the methods of a folder. Ignores filters for programs, because they do not change text.
fn coders(reader: &mut SevenzReader<'_>) -> Result<Coders, UnpackFailure> {
    let mut found = Coders::default();
    let count = reader.number()?;
    if count == 0 || count > MAX_CODERS {
        return Err(damaged());
    }
    let (mut inputs, mut is_known) = (0u64, true);
    for _ in 0..count {
        let flags = reader.byte()?;
        let id = reader.bytes(u64::from(flags & 0x0f))?;
        let (mut ins, mut outs) = (1, 1);
        if flags & 0x10 != 0 {
            (ins, outs) = (reader.number()?, reader.number()?);
        }
        if ins > MAX_CODERS || outs != 1 {
            return Err(damaged());
        }
        let properties = match flags & 0x20 {
            0 => &[][..],
            _ => {
                let len = reader.number()?;
                reader.bytes(len)?
            }
        };
        inputs += ins;
        found.outputs += outs;
        match method(id, properties) {
            SevenzMethod::Codec(codec) if found.codec.is_none() => found.codec = Some(codec),
            SevenzMethod::Codec(_) | SevenzMethod::Unknown => is_known = false,
            SevenzMethod::Filter => {}
            SevenzMethod::Encrypted => found.is_encrypted = true,
        }
    }
    let pairs = found.outputs - 1;
    let mut taken = Vec::new();
    for _ in 0..pairs {
        let _input = reader.number()?;
        taken.push(reader.number()?);
    }
    found.inputs = inputs.saturating_sub(pairs);
    if found.inputs > 1 {
        for _ in 0..found.inputs {
            reader.number()?;
        }
    }
    let last = (0..found.outputs).find(|output| !taken.contains(output));
    found.last = usize::try_from(last.unwrap_or_default()).unwrap_or_default();
    // Only filters: the content is stored.
    if found.codec.is_none() && is_known && !found.is_encrypted {
        found.codec = Some(Codec::Stored);
    }
    found.codec = found.codec.filter(|_| is_known && !found.is_encrypted);
    Ok(found)
}

enum SevenzMethod {
    Codec(Codec),
    Filter,
    Encrypted,
    Unknown,
}

fn method(id: &[u8], properties: &[u8]) -> SevenzMethod {
    match (id, properties) {
        ([0], _) | ([0x03, 0x03, ..], _) | ([0x04..=0x0a], _) => SevenzMethod::Filter,
        ([0x21], &[bits, ..]) if bits <= 40 => {
            let (base, shift) = (2 | u64::from(bits & 1), u32::from(bits / 2) + 11);
            let window = if bits == 40 {
                u64::from(u32::MAX)
            } else {
                base << shift
            };
            SevenzMethod::Codec(Codec::Lzma2(u32::try_from(window).unwrap_or(u32::MAX)))
        }
        ([0x03, 0x01, 0x01], &[props, a, b, c, d, ..]) => SevenzMethod::Codec(Codec::Lzma1 {
            props,
            window: u32::from_le_bytes([a, b, c, d]),
            len: 0,
        }),
        ([0x04, 0x01, 0x08], _) => SevenzMethod::Codec(Codec::Deflate),
        ([0x04, 0x02, 0x02], _) => SevenzMethod::Codec(Codec::Bzip2),
        ([0x04, 0xf7, 0x11, 0x01], _) => SevenzMethod::Codec(Codec::Zstd),
        ([0x06, 0xf1, 0x07, 0x01], _) => SevenzMethod::Encrypted,
        _ => SevenzMethod::Unknown,
    }
}

/// The parsed header.
#[derive(Default)]
struct SevenzHeader {
    streams: SevenzStreams,
    names: Vec<Vec<u8>>,
    /// Which files have no content.
    empty: Vec<bool>,
}

impl SevenzHeader {
    fn read(reader: &mut SevenzReader<'_>, max_files: u64) -> Result<Self, UnpackFailure> {
        let mut header = Self::default();
        loop {
            match reader.byte()? {
                0x00 => return Ok(header),
                0x04 => header.streams = SevenzStreams::read(reader, max_files)?,
                0x05 => header.read_files(reader, max_files)?,
                // Properties of the archive, and further streams that describe it.
                0x02 => {
                    while reader.number()? != 0 {
                        let len = reader.number()?;
                        reader.bytes(len)?;
                    }
                }
                0x03 => drop(SevenzStreams::read(reader, max_files)?),
                _ => return Err(damaged()),
            }
        }
    }

    fn read_files(
        &mut self,
        reader: &mut SevenzReader<'_>,
        max_files: u64,
    ) -> Result<(), UnpackFailure> {
        let count = reader.count()?;
        if count > max_files {
            return Err(UnpackFailure::new(Reason::Limit, "holds too many entries"));
        }
        loop {
            let kind = reader.number()?;
            if kind == 0 {
                return Ok(());
            }
            let len = reader.number()?;
            let mut part = SevenzReader {
                rest: reader.bytes(len)?,
            };
            match kind {
                0x0e => self.empty = part.bits(count)?,
                0x11 if part.byte()? == 0 => self.names = names(part.rest),
                _ => {}
            }
        }
    }

    /// Combines names and files. Empty files have no content in a folder.
    fn listing(self) -> Result<SevenzListing, UnpackFailure> {
        let mut listing = SevenzListing {
            folders: self.streams.folders(usize::MAX)?,
            empty: Vec::new(),
        };
        let mut is_empty = self.empty.into_iter();
        let mut files = listing
            .folders
            .iter_mut()
            .flat_map(|folder| &mut folder.files);
        for name in self.names {
            match is_empty.next().unwrap_or(false) {
                true => listing.empty.push(name),
                false => match files.next() {
                    Some(file) => file.0 = name,
                    None => break,
                },
            }
        }
        drop(files);
        Ok(listing)
    }
}

/// Decodes names in UTF-16, each of which ends with a zero.
fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
    let units = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.collect();
    let names = units.split(|unit| *unit == 0);
    let names = names.map(|name| String::from_utf16_lossy(name).into_bytes());
    names.collect()
}
