//! Finds the parts of a PNG image (PNG specification, third edition, section 5) that can contain
//! text: all chunks except those of the picture, and the bytes after the image.

use std::ops::Range;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks of the picture and of the frames of an animation.
const PICTURE: [&[u8]; 2] = [b"IDAT", b"fdAT"];
/// The size of a chunk without its content: length, type and checksum.
const AROUND: usize = 12;

/// Returns the ranges of `bytes` that can contain text, if they are a PNG image.
pub(super) fn parts(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut at = bytes.starts_with(SIGNATURE).then_some(SIGNATURE.len())?;
    let mut parts = Vec::new();
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        let (len, kind) = head.split_at(4);
        let len = u32::from_be_bytes(len.try_into().ok()?);
        let end = at
            .saturating_add(AROUND)
            .saturating_add(usize::try_from(len).ok()?);
        let is_sound = end <= bytes.len() && kind.iter().all(u8::is_ascii_alphabetic);
        if !is_sound {
            break;
        }
        if !PICTURE.contains(&kind) {
            parts.push(at..end);
        }
        at = end;
        if kind == b"IEND" {
            break;
        }
    }
    parts.push(at..bytes.len());
    Some(parts)
}
