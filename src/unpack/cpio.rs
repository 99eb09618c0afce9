//! Lists the entries of a cpio archive: of the new format, with or without checksums (cpio(5), "New
//! ASCII Format"), and of POSIX.1 ("Portable ASCII Format"). Copies only names.

use super::{PlainPart, Reason, UnpackFailure};

/// The name of the last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

/// The layout of a header.
struct CpioLayout {
    header: usize,
    radix: u32,
    /// The positions of the lengths of name and content.
    name_len: (usize, usize),
    len: (usize, usize),
    /// The alignment of name and content.
    padding: usize,
}

const NEW: CpioLayout = CpioLayout {
    header: 110,
    radix: 16,
    name_len: (94, 102),
    len: (54, 62),
    padding: 4,
};
const POSIX: CpioLayout = CpioLayout {
    header: 76,
    radix: 8,
    name_len: (59, 65),
    len: (65, 76),
    padding: 1,
};

/// Lists at most `max` entries of `bytes`. Also returns where they end, and the reason if there may
/// be more.
pub(super) fn list(bytes: &[u8], max: u64) -> (Vec<PlainPart>, usize, Option<UnpackFailure>) {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        if parts.len() as u64 == max {
            let failure = UnpackFailure::new(Reason::Limit, "holds too many entries");
            return (parts, at, Some(failure));
        }
        let Some((name, content, next)) = entry(bytes, at) else {
            return (
                parts,
                at,
                Some(UnpackFailure::corrupt("a header is damaged")),
            );
        };
        if name == TRAILER {
            return (parts, next.min(bytes.len()), None);
        }
        let end = content.end;
        parts.push(PlainPart {
            name: name.to_vec(),
            content: content.start.min(bytes.len())..end.min(bytes.len()),
        });
        if end > bytes.len() {
            let failure = UnpackFailure::corrupt("the archive is cut off");
            return (parts, bytes.len(), Some(failure));
        }
        at = next;
    }
}

/// Returns the entry at `at`: its name, the range of its content, and the start of the next entry.
fn entry(bytes: &[u8], at: usize) -> Option<(&[u8], std::ops::Range<usize>, usize)> {
    let rest = bytes.get(at..)?;
    let layout = match rest.get(..6)? {
        b"070701" | b"070702" => NEW,
        b"070707" => POSIX,
        _ => return None,
    };
    let number = |(start, end): (usize, usize)| {
        let digits = std::str::from_utf8(rest.get(start..end)?).ok()?;
        usize::from_str_radix(digits, layout.radix).ok()
    };
    let (name_len, len) = (number(layout.name_len)?, number(layout.len)?);
    let name_end = layout.header.checked_add(name_len)?;
    let name = rest.get(layout.header..name_end)?;
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let padded = |end: usize| end.checked_next_multiple_of(layout.padding);
    let start = padded(at.checked_add(name_end)?)?;
    let end = start.checked_add(len)?;
    Some((name, start..end, padded(end)?))
}
