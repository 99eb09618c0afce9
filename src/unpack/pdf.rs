//! Extracts the text of a PDF document (ISO 32000-1): the strings in content streams whose
//! characters are stored directly. A font with its own encoding shows glyphs by number; its text
//! cannot be read.

use std::ops::Range;

use memchr::memmem;

use crate::work;

/// The minimum width of a space in an array of strings, in thousandths of the font size.
const SPACE: i32 = -180;
/// Maximum nesting of strings.
const MAX_NESTING: u32 = 64;
/// The number of bytes before a stream that are searched for its dictionary.
const DICTIONARY: usize = 1024;

/// Returns whether the stream at `start` is an image.
pub(super) fn is_picture(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(DICTIONARY)..start];
    let object = memmem::rfind(before, b" obj").unwrap_or(0);
    memmem::find(&before[object..], b"/Image").is_some()
}

/// Returns the uncompressed streams of a document.
pub(super) fn plain_streams(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + memmem::find(bytes.get(from..)?, b"stream")?;
            from = at + 1;
            let before = &bytes[at.saturating_sub(DICTIONARY)..at];
            let object = memmem::rfind(before, b" obj");
            let Some(object) = object.filter(|_| work::spend(DICTIONARY as u64)) else {
                continue;
            };
            from = stream_end(bytes, at) + b"endstream".len();
            if memmem::find(&before[object..], b"/Filter").is_none() {
                return Some(&bytes[at..bytes.len().min(from)]);
            }
        }
    })
}

/// Returns the end of the stream that begins at `start`.
pub(super) fn stream_end(bytes: &[u8], start: usize) -> usize {
    memmem::find(&bytes[start..], b"endstream").map_or(bytes.len(), |at| start + at)
}

/// Returns why text of `bytes`, a document or one of its streams, cannot be read.
pub(super) fn unread(bytes: &[u8]) -> Option<&'static str> {
    let has = |word: &[u8]| memmem::find(bytes, word).is_some();
    match () {
        () if has(b"/Identity-H") || has(b"/Identity-V") => {
            Some("PDF text in a font with an encoding of its own")
        }
        () if has(b"/LZWDecode") => Some("PDF stream in LZW"),
        () if has(b"/ASCII85Decode") => Some("PDF stream in ASCII85"),
        () => None,
    }
}

/// Returns whether the document is encrypted.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"/Encrypt ").is_some()
}

/// Appends the text of `content` to `out`, one line for each place on the page.
pub(super) fn text(content: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(found) = memmem::find(&content[at..], b"BT") {
        let start = at + found + 2;
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let is_operator = !is_word(content.get(start))
            && !is_word(
                at.checked_add(found)
                    .and_then(|at| content.get(at.checked_sub(1)?)),
            );
        at = start;
        if is_operator {
            at += block(&content[start..], out);
        }
    }
}

/// Reads up to `ET`; returns the number of bytes read.
fn block(content: &[u8], out: &mut Vec<u8>) -> usize {
    let (mut at, mut in_array) = (0, false);
    while let Some(&byte) = content.get(at) {
        match byte {
            b'(' => at += literal(&content[at..], out),
            b'<' if content.get(at + 1) != Some(&b'<') => at += digits(&content[at..], out),
            b'[' | b']' => {
                in_array = byte == b'[';
                at += 1;
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                let number = word(content, at, |byte| b"+-.0123456789".contains(&byte));
                if in_array && is_space(&content[number.clone()]) {
                    out.push(b' ');
                }
                at = number.end;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'\'' | b'"' => {
                let operator = word(content, at, |byte| {
                    byte.is_ascii_alphabetic() || b"*'\"".contains(&byte)
                });
                at = operator.end;
                match &content[operator] {
                    b"ET" => {
                        end_line(out);
                        return at;
                    }
                    b"Td" | b"TD" | b"T*" | b"Tm" | b"'" | b"\"" => end_line(out),
                    _ => {}
                }
            }
            _ => at += 1,
        }
    }
    end_line(out);
    at
}

fn end_line(out: &mut Vec<u8>) {
    if out.last().is_some_and(|&last| last != b'\n') {
        out.push(b'\n');
    }
}

fn word(content: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let rest = content[start + 1..].iter();
    start..start + 1 + rest.take_while(|&&byte| belongs(byte)).count()
}

fn is_space(number: &[u8]) -> bool {
    let whole = number
        .split(|&byte| byte == b'.')
        .next()
        .unwrap_or_default();
    let whole = std::str::from_utf8(whole).ok();
    whole
        .and_then(|whole| whole.parse::<i32>().ok())
        .is_some_and(|number| number < SPACE)
}

/// Reads a string in parentheses; returns the number of bytes read.
fn literal(content: &[u8], out: &mut Vec<u8>) -> usize {
    let (mut at, mut depth) = (1, 1);
    while let Some(&byte) = content.get(at) {
        at += 1;
        match byte {
            b'\\' => at += escape(&content[at..], out),
            b'(' if depth < MAX_NESTING => {
                depth += 1;
                out.push(byte);
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
                out.push(byte);
            }
            // Characters of two bytes.
            0 => {}
            byte => out.push(byte),
        }
    }
    at
}

/// Reads the escape sequence after a backslash; returns the number of bytes read.
fn escape(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let octal = rest
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    if octal > 0 {
        let digits = rest[..octal].iter();
        let value = digits.fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
        out.push(value.to_le_bytes()[0]);
        return octal;
    }
    match rest {
        [b'n' | b'r', ..] => out.push(b'\n'),
        [b't', ..] => out.push(b'\t'),
        [b'\r', b'\n', ..] => return 2,
        [b'\n' | b'\r', ..] | [] => {}
        [byte, ..] => out.push(*byte),
    }
    rest.len().min(1)
}

/// Reads a string of hexadecimal digits; returns the number of bytes read.
fn digits(content: &[u8], out: &mut Vec<u8>) -> usize {
    let len = content.iter().take_while(|&&byte| byte != b'>').count();
    let mut values = content[..len]
        .iter()
        .filter_map(|&byte| char::from(byte).to_digit(16));
    while let Some(high) = values.next() {
        let byte = (high << 4 | values.next().unwrap_or(0)).to_le_bytes()[0];
        if byte != 0 {
            out.push(byte);
        }
    }
    (len + 1).min(content.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str) -> String {
        let mut out = Vec::new();
        text(content.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_joined_as_they_are_shown() {
        for (content, expected) in [
            ("BT /F1 12 Tf 72 700 Td (one) Tj ET", "one\n"),
            ("BT [(o) -20 (n) 3.5 (e) -300 (two)] TJ ET", "one two\n"),
            ("BT (a) Tj 0 -14 Td (b) Tj T* (c) ' ET", "a\nb\nc\n"),
            ("BT <6f6E65> Tj <0074> Tj ET", "onet\n"),
            (r"BT (a\(b\)\134\061(x)) Tj ET", "a(b)\\1(x)\n"),
            ("ABT (no) Tj ET BTX (no) Tj", ""),
            ("BT (open", "open\n"),
            ("BT <41", "A\n"),
            ("BT", ""),
        ] {
            assert_eq!(shown(content), expected, "{content}");
        }
    }
}
