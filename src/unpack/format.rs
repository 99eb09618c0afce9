//! Detects formats by their first bytes, and zip archives also by their end. File names are not
//! used: in a history they are wrong or missing. `closed.rs` recognises the formats that are not
//! supported.

use serde::{Deserialize, Serialize};

/// The number of bytes at the start of a buffer that [`detect`] examines: the size of a tar header.
pub(super) const LOOK: usize = 512;

/// Magic number of a zstd frame (RFC 8878, section 3.1.1).
pub(super) const ZSTD_FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Start of an xz stream (The .xz File Format, section 2.1.1.1).
pub(super) const XZ_STREAM: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// Start of a gzip member with the only defined method (RFC 1952, section 2.3.1).
pub(super) const GZIP_MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// Magic number of an lz4 frame (LZ4 Frame Format Description, "General Structure").
pub(super) const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// Where a tar header keeps its checksum (POSIX.1-2017 pax, "ustar Interchange Format").
const TAR_CHECKSUM: std::ops::Range<usize> = 148..156;

/// An archive or a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// A zip archive, and formats based on it: jar, docx, apk, whl, nupkg.
    Zip,
    /// A gzip file (RFC 1952).
    Gzip,
    /// A zlib stream (RFC 1950).
    Zlib,
    /// A zstd file (RFC 8878).
    Zstd,
    /// An xz file.
    Xz,
    /// A bzip2 file.
    Bzip2,
    /// A tar archive: v7, ustar, pax or GNU.
    Tar,
    /// An lz4 frame.
    Lz4,
    /// An LZMA file with the header of lzma-utils, as in `.lzma`.
    Lzma,
    /// An lzip file.
    Lzip,
    /// A brotli stream (RFC 7932).
    Brotli,
    /// A Unix archive, such as a Debian package or a static library.
    Ar,
    /// A cpio archive: new, with and without checksums, or of POSIX.1.
    Cpio,
    /// An RPM package.
    Rpm,
    /// A PDF document.
    Pdf,
    /// A 7z archive.
    SevenZip,
}

impl Format {
    /// Returns the format's name for people, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Tar => "tar",
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
            Self::Lzip => "lzip",
            Self::Brotli => "brotli",
            Self::Ar => "ar",
            Self::Cpio => "cpio",
            Self::Rpm => "rpm",
            Self::Pdf => "pdf",
            Self::SevenZip => "7z",
        }
    }
}

/// Returns the format of `bytes`. Examines only the first and the last 512 bytes, except for a zip
/// archive with a comment at the end of a program.
///
/// Never returns [`Format::Zlib`] and [`Format::Brotli`], whose first bytes are not distinctive
/// enough.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let by_start = detect_start(&bytes[..bytes.len().min(LOOK)]);
    by_start.or_else(|| has_zip_at_end(bytes).then_some(Format::Zip))
}

/// Returns the format by the first bytes only.
pub(super) fn detect_start(head: &[u8]) -> Option<Format> {
    if is_zip(head) {
        Some(Format::Zip)
    } else if is_gzip(head) {
        Some(Format::Gzip)
    } else if is_zstd(head) {
        Some(Format::Zstd)
    } else if head.starts_with(&XZ_STREAM) {
        Some(Format::Xz)
    } else if is_bzip2(head) {
        Some(Format::Bzip2)
    } else if memchr::memchr(0, head).is_some() && is_tar(head) {
        Some(Format::Tar)
    } else {
        by_magic(head)
    }
}

/// Returns a format with an unambiguous magic number.
fn by_magic(head: &[u8]) -> Option<Format> {
    match head {
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Format::Lz4),
        [b'L', b'Z', b'I', b'P', 1, ..] => Some(Format::Lzip),
        [0x5d, ..] if is_lzma(head) => Some(Format::Lzma),
        [b'7', ..] if head.starts_with(SEVENZ_MAGIC) => Some(Format::SevenZip),
        [b'!', ..] if head.starts_with(AR_MAGIC) => Some(Format::Ar),
        [b'0', b'7', b'0', b'7', b'0', b'1' | b'2' | b'7', ..] if is_cpio(head) => {
            Some(Format::Cpio)
        }
        [0xed, 0xab, 0xee, 0xdb, 3 | 4, ..] => Some(Format::Rpm),
        [b'%', b'P', b'D', b'F', b'-', b'0'..=b'9', ..] => Some(Format::Pdf),
        _ => None,
    }
}

/// The beginning of a Unix archive (ar(5)).
pub(super) const AR_MAGIC: &[u8] = b"!<arch>\n";

/// Returns whether the header has the usual properties, a dictionary size that encoders use, and a
/// plausible length.
fn is_lzma(head: &[u8]) -> bool {
    let Some((&[0x5d, a, b, c, d, size @ ..], _)) = head.split_first_chunk::<13>() else {
        return false;
    };
    let window = u32::from_le_bytes([a, b, c, d]);
    let is_usual = window >= 1 << 12 && (window.count_ones() == 1 || window.count_ones() == 2);
    let size = u64::from_le_bytes(size);
    is_usual && (size == u64::MAX || size < 1 << 38)
}

/// Returns whether the numeric fields of the header contain digits.
fn is_cpio(head: &[u8]) -> bool {
    let digits = head.get(6..70).unwrap_or_default();
    digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit)
}

/// The end of central directory record of a zip archive (APPNOTE.TXT, section 4.3.16), and its size
/// without a comment.
const ZIP_END: &[u8] = b"PK\x05\x06";
const ZIP_END_LEN: usize = 22;

/// Returns whether `bytes` end with the directory of a zip archive. A self-extracting archive is a
/// program with an archive at its end.
fn has_zip_at_end(bytes: &[u8]) -> bool {
    let Some(at) = bytes.len().checked_sub(ZIP_END_LEN) else {
        return false;
    };
    if bytes[at..].starts_with(ZIP_END) {
        return true;
    }
    // The comment has up to 64 KiB; the search is only worthwhile in binary data.
    let tail = &bytes[at.saturating_sub(0xffff)..];
    let ends = |found: usize| match tail.get(found + ZIP_END_LEN - 2..found + ZIP_END_LEN) {
        Some(&[low, high]) => {
            found + ZIP_END_LEN + usize::from(u16::from_le_bytes([low, high])) == tail.len()
        }
        _ => false,
    };
    is_binary(bytes) && memchr::memmem::find_iter(tail, ZIP_END).any(ends)
}

/// Returns whether `bytes` are binary data: there are control characters at the start or the end.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    let has_control = |part: &[u8]| {
        let is_control =
            |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
        part.iter()
            .fold(false, |found, &byte| found | is_control(byte))
    };
    has_control(&bytes[..bytes.len().min(LOOK)])
        || has_control(&bytes[bytes.len().saturating_sub(LOOK)..])
}

/// Returns whether `head` is a local header, an empty archive, or the marker of a formerly split
/// archive.
fn is_zip(head: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"]
        .iter()
        .any(|magic| head.starts_with(*magic))
}

/// Returns whether `head` has the magic number and no reserved flag.
fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&GZIP_MEMBER) && head.get(3).is_some_and(|flags| flags & 0xe0 == 0)
}

/// Returns whether `head` has the file header, and the magic number of a block or of the end. The
/// header alone could be text.
pub(super) fn is_bzip2(head: &[u8]) -> bool {
    head.starts_with(b"BZh")
        && head
            .get(3)
            .is_some_and(|level| (b'1'..=b'9').contains(level))
        && head.get(4..10).is_some_and(|mark| {
            mark == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
                || mark == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
        })
}

/// Returns whether `head` begins with a frame, or with skippable frames and a frame. Other formats
/// use skippable frames, too.
fn is_zstd(head: &[u8]) -> bool {
    let mut rest = head;
    while let Some((_, after)) = skippable_frame(rest) {
        rest = after;
    }
    rest.starts_with(&ZSTD_FRAME)
}

/// Returns the content of the zstd skippable frame at the start of `bytes`, and the bytes after it.
/// `None` if there is no such frame or it is truncated.
pub(super) fn skippable_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let [kind, 0x2a, 0x4d, 0x18, a, b, c, d] = *header else {
        return None;
    };
    let len = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (kind & 0xf0 == 0x50)
        .then(|| rest.split_at_checked(len))
        .flatten()
}

/// Returns whether the checksum of the header is right: the sum of its bytes, with spaces in the
/// place of the checksum. Does not require "ustar", which v7 archives do not have.
fn is_tar(head: &[u8]) -> bool {
    if head.len() < LOOK {
        return false;
    }
    let sum: u32 = head
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            u32::from(if TAR_CHECKSUM.contains(&at) {
                b' '
            } else {
                *byte
            })
        })
        .sum();
    octal(&head[TAR_CHECKSUM]) == Some(sum)
}

/// Returns the octal number in a field that is padded with spaces and ends with a space or zero.
fn octal(field: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(field).ok()?;
    u32::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

/// The beginning of an archive, with the first byte of its version.
pub(super) const SEVENZ_MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_archive() {
        for text in [
            "",
            "PK",
            "BZh9 is how it begins",
            "\x1f\x08",
            "plain text\n",
        ] {
            assert_eq!(detect(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(detect(&[0; 1024]), None, "zeros are no tar");
        assert_eq!(detect(&[b' '; 1024]), None, "spaces are no tar");
    }

    #[test]
    fn zlib_is_never_detected() {
        assert_eq!(detect(&[0x78, 0x9c, 3, 0, 0, 0, 0, 1]), None);
    }

    #[test]
    fn tar_needs_nothing_but_its_checksum() {
        let mut header = [0; LOOK];
        header[..4].copy_from_slice(b"name");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        header[TAR_CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(detect(&header), Some(Format::Tar));
        header[0] ^= 1;
        assert_eq!(detect(&header), None);
        assert_eq!(detect(&header[..511]), None);
    }

    #[test]
    fn skippable_frame_needs_a_zstd_frame_behind_it() {
        let mut bytes = vec![0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 1];
        assert_eq!(detect(&bytes), None);
        bytes.extend(ZSTD_FRAME);
        assert_eq!(detect(&bytes), Some(Format::Zstd));
    }
}
