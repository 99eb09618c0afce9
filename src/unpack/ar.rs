//! Lists the members of a Unix archive (ar(5)), with the long names of System V and of BSD. Copies
//! only names.

use super::format::AR_MAGIC;
use super::{PlainPart, Reason, UnpackFailure};

/// The size of a header, and its last bytes.
const HEADER: usize = 60;
const HEADER_END: &[u8] = b"`\n";

/// Lists at most `max` members of `bytes`, and the reason if there may be more.
pub(super) fn list(bytes: &[u8], max: u64) -> (Vec<PlainPart>, Option<UnpackFailure>) {
    let mut parts: Vec<PlainPart> = Vec::new();
    let mut long_names: &[u8] = &[];
    let mut at = AR_MAGIC.len();
    while at < bytes.len() {
        if parts.len() as u64 == max {
            let failure = UnpackFailure::new(Reason::Limit, "holds too many members");
            return (parts, Some(failure));
        }
        let header = bytes.get(at..at + HEADER);
        let header = header.filter(|header| header.ends_with(HEADER_END));
        let size = header.and_then(|header| number(&header[48..58]));
        let (Some(header), Some(size)) = (header, size) else {
            return (parts, Some(UnpackFailure::corrupt("a header is damaged")));
        };
        let start = at + HEADER;
        let end = start.saturating_add(size);
        let content = &bytes[start..end.min(bytes.len())];
        let mut from = start;
        let name = match header[..16].trim_ascii_end() {
            b"//" => {
                long_names = content;
                b"//".to_vec()
            }
            [b'#', b'1', b'/', digits @ ..] => {
                let len = number(digits).unwrap_or_default().min(content.len());
                from += len;
                content[..len].to_vec()
            }
            [b'/', digits @ ..] if number(digits).is_some() => long_name(long_names, digits),
            name => name.strip_suffix(b"/").unwrap_or(name).to_vec(),
        };
        parts.push(PlainPart {
            name: name
                .split(|&byte| byte == 0)
                .next()
                .unwrap_or_default()
                .to_vec(),
            content: from..end.min(bytes.len()),
        });
        if end > bytes.len() {
            return (
                parts,
                Some(UnpackFailure::corrupt("the archive is cut off")),
            );
        }
        at = end + end % 2;
    }
    (parts, None)
}

/// Returns the name at an offset in the table of long names.
fn long_name(names: &[u8], digits: &[u8]) -> Vec<u8> {
    let rest = number(digits).and_then(|at| names.get(at..));
    let name = rest.and_then(|rest| rest.split(|&byte| byte == b'\n').next());
    let name = name.unwrap_or(digits);
    name.strip_suffix(b"/").unwrap_or(name).to_vec()
}

fn number(field: &[u8]) -> Option<usize> {
    std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok()
}
