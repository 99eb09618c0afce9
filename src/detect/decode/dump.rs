//! Dumps of bytes as `xxd` and `hexdump -C` write them: an offset, bytes in hexadecimal digits, and
//! mostly the same bytes as characters.

use super::stops::Stops;
use crate::span::Span;

/// Longer lines are no dump: 32 bytes take 122 characters.
const MAX_LINE_LEN: usize = 140;
/// Blanks before an offset.
const MAX_INDENT: usize = 8;
/// Digits of an offset.
const OFFSET_LEN: std::ops::RangeInclusive<usize> = 4..=16;
/// Lines that make a dump, and bytes of its first.
const MIN_LINES: usize = 2;
const MIN_BYTES: usize = 8;
/// How every offset ends.
pub(super) const SIGNS: [&[u8]; 2] = [b"0: ", b"0  "];

/// A line of a dump.
struct Line {
    /// Without its end.
    span: Span,
    /// Where its bytes begin.
    bytes: usize,
}

/// Reads the line that begins at `start`. Every offset ends with a zero: there are 16 bytes a line, or a
/// multiple of that.
fn line(bytes: &[u8], start: usize) -> Option<Line> {
    let rest = &bytes[start..bytes.len().min(start + MAX_LINE_LEN)];
    let end = match memchr::memchr(b'\n', rest) {
        Some(newline) => start + newline,
        None if start + rest.len() == bytes.len() => bytes.len(),
        None => return None,
    };
    let rest = &bytes[start..end];
    let indent = rest.iter().take_while(|&&byte| byte == b' ').count();
    let digits = rest[indent..]
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit());
    let digits = digits.count();
    if indent > MAX_INDENT || !OFFSET_LEN.contains(&digits) || rest[indent + digits - 1] != b'0' {
        return None;
    }
    let after = &rest[indent + digits..];
    let len = match after {
        [b':', b' ', next, ..] if next.is_ascii_hexdigit() => 2,
        [b' ', b' ', next, ..] if next.is_ascii_hexdigit() => 2,
        _ => return None,
    };
    let line = Line {
        span: Span::new(start, end),
        bytes: start + indent + digits + len,
    };
    pairs(bytes, &line).next().is_some().then_some(line)
}

/// Where the bytes of a line stand, and what they are.
fn pairs<'b>(bytes: &'b [u8], line: &Line) -> impl Iterator<Item = (usize, u8)> + use<'b> {
    let (mut at, end) = (line.bytes, line.span.end);
    let mut count = 0;
    std::iter::from_fn(move || {
        let is_pair_at = |at: usize| {
            at + 2 <= end && bytes[at].is_ascii_hexdigit() && bytes[at + 1].is_ascii_hexdigit()
        };
        let skipped = match bytes.get(at..end)? {
            _ if count == 0 => 0,
            // Eight bytes, and eight more.
            [b' ', b' ', ..] if count == 8 && is_pair_at(at + 2) && !is_pair_at(at + 4) => 2,
            [b' ', b' ', ..] => return None,
            [b' ', ..] => 1,
            _ => 0,
        };
        at += skipped;
        if !is_pair_at(at) {
            return None;
        }
        let digit = |at: usize| char::from(bytes[at]).to_digit(16).unwrap_or_default();
        let byte = (digit(at) << 4 | digit(at + 1)).to_le_bytes()[0];
        count += 1;
        at += 2;
        Some((at - 2, byte))
    })
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    let first = at.saturating_sub(MAX_LINE_LEN);
    memchr::memrchr(b'\n', &bytes[first..at]).map_or(first, |newline| first + newline + 1)
}

fn line_before(bytes: &[u8], next: &Line) -> Option<Line> {
    let end = next.span.start.checked_sub(1)?;
    line(bytes, line_start(bytes, end)).filter(|before| before.span.end == end)
}

fn line_after(bytes: &[u8], before: &Line) -> Option<Line> {
    let start = before.span.end + 1;
    (start < bytes.len()).then(|| line(bytes, start)).flatten()
}

/// The lines around the one that has the end of its offset at `at`, and whether they are a dump.
pub(super) fn around(bytes: &[u8], at: usize) -> Option<(Span, bool)> {
    // Most are none: before the zero there are digits and the start of a line.
    let offset = bytes[..at].iter().rev().take(17);
    let offset = offset.take_while(|byte| byte.is_ascii_hexdigit()).count();
    let own = match at - offset {
        0 => 0,
        start if matches!(bytes[start - 1], b'\n' | b' ') => line_start(bytes, start),
        _ => return None,
    };
    let own = line(bytes, own)?;
    let (start, mut count) = (own.span.start, 1);
    let mut first = own;
    while let Some(before) = line_before(bytes, &first) {
        first = before;
        count += 1;
    }
    let mut last = line(bytes, start)?;
    while let Some(after) = line_after(bytes, &last) {
        last = after;
        count += 1;
    }
    let is_dump = count >= MIN_LINES && pairs(bytes, &first).count() >= MIN_BYTES;
    Some((Span::new(first.span.start, last.span.end), is_dump))
}

/// Where the bytes of a dump stand, and what they are, from the line at `start` on.
fn all_from(text: &[u8], start: usize) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut next = Some(start);
    let lines = std::iter::from_fn(move || {
        let found = line(text, next?)?;
        next = (found.span.end + 1 < text.len()).then_some(found.span.end + 1);
        Some(found)
    });
    lines.flat_map(move |line| pairs(text, &line))
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(all_from(text, 0).map(|(_, byte)| byte));
}

/// Where the bytes of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(all_from(text, 0).map(|(at, _)| at))
}

/// All lines in which the bytes `inner` stand: they stand there twice.
pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    let place = |number: usize| {
        let (from, skip) = stops.before(number)?;
        let mut rest = all_from(text, line_start(text, from)).skip_while(|&(at, _)| at < from);
        rest.nth(skip).map(|(at, _)| at)
    };
    let first = place(inner.start).unwrap_or(text.len());
    let last = place(inner.end.max(inner.start + 1) - 1).unwrap_or(first);
    let end = memchr::memchr(b'\n', &text[last..]).map_or(text.len(), |newline| last + newline);
    Span::new(line_start(text, first), end)
}
