//! Finds possible beginnings of compressed streams inside other data: in a program, a database, an
//! image, or a git pack.

use std::ops::Range;

use super::format::{self, Format};

/// Whether a stream may begin with this byte.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    let bytes = [0x1f, 0x78, 0xfd, 0x28, b'B', 0x04, b'P'];
    while at < bytes.len() {
        first[bytes[at] as usize] = true;
        at += 1;
    }
    first
};

/// The minimum length of a stream.
const MIN_LEN: usize = 12;

/// Returns the next possible beginning of a stream in `range` of `bytes`, and its format.
pub(super) fn next(bytes: &[u8], range: Range<usize>) -> Option<(usize, Format)> {
    let end = range.end.min(bytes.len());
    let mut at = range.start;
    loop {
        let rest = bytes.get(at..end)?;
        at += rest.iter().position(|&byte| FIRST[usize::from(byte)])?;
        if let Some(format) = begins(&bytes[at..end]) {
            return Some((at, format));
        }
        at += 1;
    }
}

/// Returns the format of the stream or archive that may begin at `rest`.
fn begins(rest: &[u8]) -> Option<Format> {
    if rest.len() < MIN_LEN {
        return None;
    }
    match rest {
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Format::Gzip),
        [0x78, flags, block, after @ ..] => is_zlib(*flags, *block, after).then_some(Format::Zlib),
        [0xfd, ..] if rest.starts_with(&format::XZ_STREAM) => Some(Format::Xz),
        [0x28, ..] if rest.starts_with(&format::ZSTD_FRAME) => Some(Format::Zstd),
        [0x04, ..] if rest.starts_with(&format::LZ4_FRAME) => Some(Format::Lz4),
        [b'B', ..] if format::is_bzip2(rest) => Some(Format::Bzip2),
        [b'P', b'K', 3, 4, ..] => Some(Format::Zip),
        _ => None,
    }
}

/// Returns whether the bytes can be the header of a zlib stream with the usual window, and of a
/// block (RFC 1950, RFC 1951).
fn is_zlib(flags: u8, block: u8, after: &[u8]) -> bool {
    if flags & 0x20 != 0 || !(0x7800 + u16::from(flags)).is_multiple_of(31) {
        return false;
    }
    match block >> 1 & 3 {
        // Stored: the length, and its complement.
        0 => matches!(after, [a, b, c, d, ..] if a ^ c == 0xff && b ^ d == 0xff),
        1 => true,
        // Dynamic codes: there are at most 286 literal codes and 30 distance codes.
        2 => block >> 3 <= 29 && after.first().is_some_and(|next| next & 31 <= 29),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_found_where_they_begin() {
        let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 1, 1];
        let bytes = [&b"x\x1f\x8b\x78\x9c"[..], &[0xff; 20], &gzip].concat();
        assert_eq!(next(&bytes, 0..bytes.len()), Some((25, Format::Gzip)));
        assert_eq!(next(&bytes, 26..bytes.len()), None);
        assert_eq!(next(&bytes, 0..30), None, "it is cut off");
        assert_eq!(next(b"", 0..0), None);
    }
}
