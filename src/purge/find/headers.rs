//! Headers of commits and tags, and the object ids in their messages.

use crate::span::Span;

/// Words of 7 to 64 hexadecimal digits in the message of `text`.
pub fn quoted(text: &[u8]) -> Vec<Span> {
    ids_from(text, message_start(text))
}

/// Words of 7 to 64 hexadecimal digits in `text` from `first` on.
pub fn ids_from(text: &[u8], first: usize) -> Vec<Span> {
    let mut found = Vec::new();
    let mut start = first;
    for at in first..=text.len() {
        let is_word = text
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if is_word {
            continue;
        }
        let word = &text[start..at];
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if (7..=64).contains(&word.len()) && word.iter().all(is_hex) {
            found.push(Span::new(start, at));
        }
        start = at + 1;
    }
    found
}

/// Where the message of `text` begins.
pub fn message_start(text: &[u8]) -> usize {
    headers(text).1
}

/// A header with its continuation lines.
pub(crate) struct Header<'a> {
    pub(crate) name: &'a [u8],
    /// All its lines, with their ends.
    pub(crate) span: Span,
}

/// The headers of `text`, in order, and where the message begins.
pub(crate) fn headers(text: &[u8]) -> (Vec<Header<'_>>, usize) {
    let mut found: Vec<Header<'_>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let end = at + line.len();
        if line == b"\n" {
            return (found, end);
        }
        match found.last_mut() {
            Some(last) if line.starts_with(b" ") => last.span.end = end,
            _ => found.push(Header {
                name: line
                    .split(|&byte| byte == b' ' || byte == b'\n')
                    .next()
                    .unwrap_or_default(),
                span: Span::new(at, end),
            }),
        }
        at = end;
    }
    (found, text.len())
}
