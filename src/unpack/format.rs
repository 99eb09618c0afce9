//! Tells formats by their first bytes. Names are never asked: in a history they lie or are missing.

use serde::{Deserialize, Serialize};

/// Bytes at the start of a buffer that [`detect`] looks at; the size of a tar header.
const LOOK: usize = 512;

/// Magic number of a zstd frame (RFC 8878, section 3.1.1).
pub(super) const ZSTD_FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Start of an xz stream (The .xz File Format, section 2.1.1.1).
pub(super) const XZ_STREAM: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// Start of a gzip member with the only method there is (RFC 1952, section 2.3.1).
pub(super) const GZIP_MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// Where a tar header keeps its checksum (POSIX.1-2017 pax, "ustar Interchange Format").
const TAR_CHECKSUM: std::ops::Range<usize> = 148..156;

/// An archive or a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// A zip archive, and its descendants: jar, docx, apk, whl, nupkg.
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
        }
    }
}

/// Returns the format that `bytes` begin with. Looks at the first 512 bytes only.
///
/// Never returns [`Format::Zlib`]: its two bytes are too weak a sign.
pub fn detect(bytes: &[u8]) -> Option<Format> {
    let head = &bytes[..bytes.len().min(LOOK)];
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
    } else if is_tar(head) {
        Some(Format::Tar)
    } else {
        None
    }
}

/// A local header, an empty archive, or the mark of an archive that was once split.
fn is_zip(head: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"]
        .iter()
        .any(|magic| head.starts_with(*magic))
}

/// The magic number, and none of the flags that are reserved.
fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&GZIP_MEMBER) && head.get(3).is_some_and(|flags| flags & 0xe0 == 0)
}

/// The file header, and the mark of a block or of the end: three letters and a digit are text.
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

/// A frame, or skippable frames and then a frame: other formats use skippable frames as well.
fn is_zstd(head: &[u8]) -> bool {
    let mut rest = head;
    while let Some((_, after)) = skippable_frame(rest) {
        rest = after;
    }
    rest.starts_with(&ZSTD_FRAME)
}

/// Returns the content of the zstd skippable frame that `bytes` begin with, and what follows it.
/// `None` if there is no such frame or it is cut off.
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

/// A header whose checksum is right: the sum of its bytes, its own place taken as spaces. No
/// "ustar" is asked for, since v7 archives have none.
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
