//! Binary files in patches (`git diff --binary`): base85 of a zlib stream, 52 bytes a line.

use crate::span::Span;

/// What stands before the number of bytes, on the line before the first.
pub(super) const SIGNS: [&[u8]; 2] = [b"literal ", b"delta "];
/// The longest line: a letter and 65 characters.
const MAX_LINE_LEN: usize = 66;
/// The longest first line.
const MAX_HEAD_LEN: usize = 32;

const ALPHABET: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The value of each character; 85 for all other bytes.
const VALUES: [u8; 256] = {
    let mut values = [85u8; 256];
    let mut at = 0u8;
    while at < 85 {
        values[ALPHABET[at as usize] as usize] = at;
        at += 1;
    }
    values
};

/// The bytes that a line stands for, and its characters; `None` if it is no such line.
fn line(bytes: &[u8], start: usize) -> Option<(usize, Span)> {
    let rest = &bytes[start..bytes.len().min(start + MAX_LINE_LEN + 2)];
    let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let text = rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]);
    let (&first, digits) = text.split_first()?;
    let count = match first {
        b'A'..=b'Z' => usize::from(first - b'A') + 1,
        b'a'..=b'z' => usize::from(first - b'a') + 27,
        _ => return None,
    };
    let is_line = digits.len() == count.div_ceil(4) * 5
        && digits.iter().all(|&byte| VALUES[usize::from(byte)] < 85);
    is_line.then(|| (count, Span::new(start + 1, start + text.len())))
}

fn is_head(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    SIGNS.iter().any(|head| {
        text.strip_prefix(*head)
            .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
    })
}

fn start_of_line(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    let first = at.saturating_sub(most);
    match memchr::memrchr(b'\n', &bytes[first..at]) {
        Some(newline) => Some(first + newline + 1),
        None => (first == 0).then_some(0),
    }
}

/// The first line of the patch in which `at` is, if it is in one.
pub(super) fn head_before(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = start_of_line(bytes, at, MAX_LINE_LEN + 1)?;
    loop {
        let rest = &bytes[start..bytes.len().min(start + MAX_HEAD_LEN)];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if is_head(&rest[..end]) {
            return Some(start);
        }
        line(bytes, start)?;
        start = start_of_line(bytes, start.checked_sub(1)?, MAX_LINE_LEN + 1)?;
    }
}

/// The patch whose first line begins at `start`.
pub(super) fn around(bytes: &[u8], start: usize) -> Option<(Span, bool)> {
    if start > 0 && bytes[start - 1] != b'\n' {
        return None;
    }
    let rest = &bytes[start..bytes.len().min(start + MAX_HEAD_LEN)];
    let newline = memchr::memchr(b'\n', rest)?;
    if !is_head(&rest[..newline]) {
        return None;
    }
    let (mut next, mut end) = (start + newline + 1, None);
    while let Some((_, digits)) = (next < bytes.len()).then(|| line(bytes, next)).flatten() {
        end = Some(digits.end);
        let newline = memchr::memchr(b'\n', &bytes[digits.end..]);
        next = newline.map_or(bytes.len(), |newline| digits.end + newline + 1);
    }
    end.map(|end| (Span::new(start, end), true))
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    let Some(newline) = memchr::memchr(b'\n', text) else {
        return;
    };
    let mut next = newline + 1;
    while let Some((count, digits)) = (next < text.len()).then(|| line(text, next)).flatten() {
        let start = out.len();
        for five in text[digits.start..digits.end].chunks_exact(5) {
            let value = five.iter().fold(0u64, |value, &byte| {
                value * 85 + u64::from(VALUES[usize::from(byte)])
            });
            let [.., a, b, c, d] = value.to_be_bytes();
            out.extend([a, b, c, d]);
        }
        out.truncate(start + count);
        let newline = memchr::memchr(b'\n', &text[digits.end..]);
        next = newline.map_or(text.len(), |newline| digits.end + newline + 1);
    }
}
