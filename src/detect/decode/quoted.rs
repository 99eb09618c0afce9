//! Quoted-printable (RFC 2045, section 6.7): mail, and patches in mailboxes. Lines that a soft break
//! joins are one text, and so is a single line with an escaped equals sign.

use std::ops::Range;

use super::stops::Stops;
use crate::span::Span;

/// Longer lines are no mail: the limit is 76.
const MAX_LINE_LEN: usize = 100;
/// Lines that are cut for being too long are about so long, with the equals sign.
const CUT_LINE_LEN: Range<usize> = 72..78;
/// What such a text has: soft breaks, or an escaped equals sign.
pub(super) const SIGNS: [&[u8]; 3] = [b"=\n", b"=\r\n", b"=3D"];

/// The line around `at` without its end; `None` if it is too long.
fn line(bytes: &[u8], at: usize) -> Option<Span> {
    // A place in the line end sees as far as one in the line.
    let first = at.saturating_sub(MAX_LINE_LEN + 2);
    let before = memchr::memrchr(b'\n', &bytes[first..at]);
    let start = match before {
        Some(newline) => first + newline + 1,
        None if first == 0 => 0,
        None => return None,
    };
    let last = bytes.len().min(start + MAX_LINE_LEN + 2);
    let end = match memchr::memchr(b'\n', &bytes[at..last]) {
        Some(newline) => at + newline,
        None if last == bytes.len() => last,
        None => return None,
    };
    let end = end - usize::from(bytes[start..end].ends_with(b"\r"));
    (end - start <= MAX_LINE_LEN).then(|| Span::new(start, end))
}

fn is_joined(bytes: &[u8], line: Span) -> bool {
    bytes[line.start..line.end].ends_with(b"=")
}

fn line_before(bytes: &[u8], next: Span) -> Option<Span> {
    let newline = next.start.checked_sub(1)?;
    line(bytes, newline).filter(|before| is_joined(bytes, *before))
}

fn line_after(bytes: &[u8], line_of: Span) -> Option<Span> {
    let newline = memchr::memchr(
        b'\n',
        bytes.get(line_of.end..bytes.len().min(line_of.end + 2))?,
    )?;
    let start = line_of.end + newline + 1;
    (start < bytes.len()).then(|| line(bytes, start)).flatten()
}

/// All lines that soft breaks join to the one at `at`, which has a sign, and whether they are such a
/// text.
pub(super) fn around(bytes: &[u8], at: usize) -> Option<(Span, bool)> {
    let own = line(bytes, at)?;
    let (mut first, mut last) = (own, own);
    while let Some(before) = line_before(bytes, first) {
        first = before;
    }
    while is_joined(bytes, last) {
        match line_after(bytes, last) {
            Some(after) => last = after,
            None => break,
        }
    }
    let span = Span::new(first.start, last.end);
    Some((span, has_evidence(bytes, span)))
}

/// Whether an escape is in it, or a line was cut, and no equals sign means itself: code and lists of
/// base64 have lines that end with an equals sign, too. No program escapes letters and digits.
fn has_evidence(bytes: &[u8], span: Span) -> bool {
    let text = &bytes[span.start..span.end];
    let mut has_evidence = false;
    for at in memchr::memchr_iter(b'=', text) {
        let rest = &text[at..];
        let escaped = escape(rest).filter(|byte| !byte.is_ascii_alphanumeric());
        if escaped.is_some() {
            has_evidence = true;
        } else if soft_break(rest) > 0 {
            let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
            has_evidence |= CUT_LINE_LEN.contains(&(at + 1 - start));
        } else if rest.len() > 1 {
            return false;
        }
    }
    has_evidence
}

fn escape(rest: &[u8]) -> Option<u8> {
    let &[b'=', high, low, ..] = rest else {
        return None;
    };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
}

fn soft_break(rest: &[u8]) -> usize {
    match rest {
        [b'=', b'\n', ..] => 2,
        [b'=', b'\r', b'\n', ..] => 3,
        _ => 0,
    }
}

/// Where each character of the text stands, what it means, and whether it is escaped.
fn characters(text: &[u8]) -> impl Iterator<Item = (Span, u8, bool)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            match soft_break(&text[at..]) {
                0 => break,
                len => at += len,
            }
        }
        let &byte = text.get(at)?;
        let (len, byte, is_escaped) = match escape(&text[at..]) {
            Some(byte) => (3, byte, true),
            None => (1, byte, false),
        };
        at += len;
        Some((Span::new(at - len, at), byte, is_escaped))
    })
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(characters(text).map(|(_, byte, _)| byte));
}

/// Where the characters of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(characters(text).map(|(place, ..)| place.start))
}

fn place(text: &[u8], stops: &Stops, number: usize) -> Option<(Span, bool)> {
    let (from, skip) = stops.before(number)?;
    let (place, _, is_escaped) = characters(&text[from..]).nth(skip)?;
    Some((Span::new(from + place.start, from + place.end), is_escaped))
}

pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    let end = Span::new(text.len(), text.len());
    let first = place(text, stops, inner.start).map_or(end, |found| found.0);
    let last = match inner.len() >= 2 {
        true => place(text, stops, inner.end - 1).map_or(first, |found| found.0),
        false => first,
    };
    Span::new(first.start, last.end)
}

/// True if nothing in `inner` is escaped, and nothing right before it: `=3D` ends with a letter.
pub(super) fn stands_open(text: &[u8], stops: &Stops, inner: Span) -> bool {
    let before = inner.start.checked_sub(1);
    let is_escaped_before =
        before.is_some_and(|before| place(text, stops, before).is_some_and(|found| found.1));
    outer(text, stops, inner).len() == inner.len() && !is_escaped_before
}
