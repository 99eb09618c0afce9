//! Escaped characters: `%41`, `\u0041`, `\x41`, `\101`, `\/`, `&#65;`, `&amp;`, with the text between them; and
//! colours of a terminal, which stand for no character.

use std::ops::Range;

use super::stops::Stops;
use super::{Encoding, Region};
use crate::span::Span;

/// Escapes further apart than this belong to different texts.
const MAX_GAP: usize = 64;
/// A single escape is mostly a separator, which the rules know; but nobody has to escape what a
/// token is made of.
const MIN_ESCAPES: usize = 2;
/// The longest escape: `ESC [ 38;2;255;255;255 m`; others have up to 10 bytes.
const MAX_UNIT_LEN: usize = 24;
/// Bytes that are searched at once.
const BLOCK: usize = 512;
/// The longest name of a character with its end, but for its first letter.
const MAX_NAME_LEN: usize = 6;
/// Begins a control sequence of a terminal (ECMA-48, section 5.4).
pub(super) const ESCAPE: u8 = 0x1b;

/// Names of characters that stand in or around secrets.
const NAMED: [(&[u8], u8); 16] = [
    (b"amp;", b'&'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"equals;", b'='),
    (b"colon;", b':'),
    (b"lowbar;", b'_'),
    (b"sol;", b'/'),
    (b"period;", b'.'),
    (b"plus;", b'+'),
    (b"commat;", b'@'),
    (b"hyphen;", b'-'),
    (b"dash;", b'-'),
    (b"num;", b'#'),
    (b"dollar;", b'$'),
];

/// An escaped character.
struct Unit {
    len: usize,
    /// What it stands for; nothing for a colour.
    byte: Option<u8>,
    encoding: Encoding,
}

/// Reads the escape at the start of `rest`, if it means a visible character of ASCII or a blank, or
/// changes the look of what follows.
fn unit(rest: &[u8]) -> Option<Unit> {
    if let [ESCAPE, b'[', rest @ ..] = rest {
        let is_parameter = |byte: &u8| matches!(byte, b'0'..=b'9' | b';' | b':');
        let mut parameters = rest.iter().take(MAX_UNIT_LEN - 3);
        let len = parameters.position(|byte| !is_parameter(byte))?;
        return matches!(rest[len], b'm' | b'K').then_some(Unit {
            len: len + 3,
            byte: None,
            encoding: Encoding::Terminal,
        });
    }
    let (len, byte, encoding) = match rest {
        [b'%', a, b, ..] => (3, hex(&[*a, *b])?, Encoding::Percent),
        // PHP writes slashes like this in JSON.
        [b'\\', b'/', ..] => (2, b'/', Encoding::Backslash),
        [b'\\', b'x', a, b, ..] => (4, hex(&[*a, *b])?, Encoding::Backslash),
        [b'\\', b'u', b'{', digits @ ..] => {
            let len = digits.iter().take(5).position(|&byte| byte == b'}')?;
            (len + 4, hex(&digits[..len])?, Encoding::Backslash)
        }
        // Three octal digits.
        [b'\\', a @ b'0'..=b'1', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            let byte = (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0');
            (4, byte, Encoding::Backslash)
        }
        [b'\\', b'u', b'0', b'0', a, b, ..] => (6, hex(&[*a, *b])?, Encoding::Backslash),
        [b'&', b'#', digits @ ..] => {
            let len = digits.iter().take(6).position(|&byte| byte == b';')?;
            let byte = match &digits[..len] {
                [b'x' | b'X', digits @ ..] => hex(digits)?,
                digits => std::str::from_utf8(digits).ok()?.parse().ok()?,
            };
            (len + 3, byte, Encoding::Entities)
        }
        [b'&', name @ ..] => {
            let found = NAMED.iter().find(|(known, _)| name.starts_with(known))?;
            (found.0.len() + 1, found.1, Encoding::Entities)
        }
        _ => return None,
    };
    matches!(byte, b' '..=b'~').then_some(Unit {
        len,
        byte: Some(byte),
        encoding,
    })
}

fn hex(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether an escape may begin at `at`, where a byte stands that begins some: most are the `\n` of a string or
/// the `%s` of a format.
#[inline(always)]
fn can_be(bytes: &[u8], at: usize) -> bool {
    match &bytes[at..] {
        [b'%', next, ..] => next.is_ascii_hexdigit(),
        // Of escaped slashes, only those of an address: regular expressions are full of them.
        [b'\\', b'/', ..] => matches!(bytes[..at], [.., b':'] | [.., b':', b'\\', b'/']),
        [b'\\', next, ..] => matches!(next, b'u' | b'x' | b'0' | b'1'),
        [ESCAPE, next, ..] => *next == b'[',
        [_, b'#', ..] => true,
        // Programs are full of addresses and of bits.
        [_, next, rest @ ..] => {
            next.is_ascii_lowercase() && rest.iter().take(MAX_NAME_LEN).any(|&byte| byte == b';')
        }
        _ => false,
    }
}

/// The next escape that begins in `range`, and how many bytes before it no line ends.
fn next_unit(bytes: &[u8], range: Range<usize>) -> Option<(usize, Unit)> {
    let end = range.end.min(bytes.len());
    let mut at = range.start;
    while at < end {
        // In blocks: there may be many of one and none of the others.
        let block = &bytes[at..end.min(at + BLOCK)];
        let found = memchr::memchr3(b'%', b'\\', b'&', block);
        let before = &block[..found.unwrap_or(block.len())];
        let Some(found) = memchr::memchr(ESCAPE, before).or(found) else {
            at += block.len();
            continue;
        };
        at += found;
        if can_be(bytes, at)
            && let Some(unit) = unit(&bytes[at..])
        {
            return Some((at, unit));
        }
        at += 1;
    }
    None
}

fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0)
}

/// The last escape that ends at or before `end`, at most [`MAX_GAP`] before it on the same line.
fn unit_before(bytes: &[u8], end: usize) -> Option<usize> {
    let first = end.saturating_sub(MAX_GAP + MAX_UNIT_LEN);
    let line = bytes[first..end].iter().rposition(|&byte| ends_line(byte));
    let first = line.map_or(first, |at| first + at + 1);
    let begins = |&at: &usize| {
        unit(&bytes[at..])
            .is_some_and(|unit| at + unit.len <= end && at + unit.len + MAX_GAP >= end)
    };
    (first..end).rev().find(begins)
}

/// Finds the texts that share a byte with a range.
pub(super) struct Finder<'b> {
    bytes: &'b [u8],
    range: Range<usize>,
    /// Where the next escape may begin.
    at: usize,
    has_begun: bool,
}

impl<'b> Finder<'b> {
    /// An escape or the text around it may reach into `range` from before.
    pub(super) fn new(bytes: &'b [u8], range: Range<usize>) -> Self {
        let at = range.start.saturating_sub(MAX_GAP + MAX_UNIT_LEN);
        let has_begun = false;
        Self {
            bytes,
            range,
            at,
            has_begun,
        }
    }

    /// Where escapes can begin that matter.
    pub(super) fn places(&self) -> Range<usize> {
        self.at..self.bytes.len().min(self.range.end + MAX_GAP)
    }

    /// Shows the text whose first escape is at `at`, if there is one; but for the first call, at the
    /// first escape of the range.
    #[inline]
    pub(super) fn look(&mut self, at: usize, see: &mut dyn FnMut(Region)) {
        let is_within = at >= self.at && at < self.range.end + MAX_GAP;
        if is_within && can_be(self.bytes, at) {
            self.look_closely(at, see);
        }
    }

    #[inline(never)]
    fn look_closely(&mut self, at: usize, see: &mut dyn FnMut(Region)) {
        let bytes = self.bytes;
        let Some(mut first) = unit(&bytes[at..]).map(|unit| (at, unit)) else {
            return;
        };
        if !std::mem::replace(&mut self.has_begun, true) {
            // Back to the first escape of its chain.
            let mut start = at;
            while let Some(before) = unit_before(bytes, start) {
                start = before;
            }
            if let Some(found) = next_unit(bytes, start..bytes.len()) {
                first = found;
            }
        }
        let (start, unit) = first;
        let is_needless = |unit: &Unit| {
            unit.byte
                .is_none_or(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        let (mut end, mut count, mut needless) = (start + unit.len, 1, is_needless(&unit));
        loop {
            let limit = bytes.len().min(end + MAX_GAP + 1);
            let Some((next, unit)) = next_unit(bytes, end..limit) else {
                break;
            };
            if bytes[end..next].iter().any(|&byte| ends_line(byte)) {
                break;
            }
            end = next + unit.len;
            count += 1;
            needless |= is_needless(&unit);
        }
        let span = widened(bytes, Span::new(start, end));
        let is_near = span.start < self.range.end && span.end > self.range.start;
        if (needless || count >= MIN_ESCAPES) && is_near {
            let encoding = unit.encoding;
            see(Region { span, encoding });
        }
        self.at = end;
    }
}

/// Adds the text on the same line before the first and after the last escape.
fn widened(bytes: &[u8], span: Span) -> Span {
    let before = bytes[..span.start].iter().rev().take(MAX_GAP);
    let before = before.take_while(|&&byte| !ends_line(byte)).count();
    let after = bytes[span.end..].iter().take(MAX_GAP);
    let after = after.take_while(|&&byte| !ends_line(byte)).count();
    Span::new(span.start - before, span.end + after)
}

/// Where each character of the text stands, what it means, and whether it is escaped.
fn characters(text: &[u8]) -> impl Iterator<Item = (Span, u8, bool)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let &byte = text.get(at)?;
            let (len, byte, is_escaped) = match unit(&text[at..]) {
                Some(unit) => (unit.len, unit.byte, true),
                None => (1, Some(byte), false),
            };
            at += len;
            if let Some(byte) = byte {
                return Some((Span::new(at - len, at), byte, is_escaped));
            }
        }
    })
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(characters(text).map(|(_, byte, _)| byte));
}

/// Where the characters of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(characters(text).map(|(place, ..)| place.start))
}

/// The characters of `text` from character `number` on.
fn characters_from<'t>(
    text: &'t [u8],
    stops: &Stops,
    number: usize,
) -> impl Iterator<Item = (Span, u8, bool)> + 't {
    let (from, skip) = stops.before(number).unwrap_or((text.len(), 0));
    characters(&text[from..])
        .skip(skip)
        .map(move |(place, byte, is_escaped)| {
            let place = Span::new(from + place.start, from + place.end);
            (place, byte, is_escaped)
        })
}

pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    let place = |number: usize| characters_from(text, stops, number).next();
    let first = place(inner.start).map_or(Span::new(text.len(), text.len()), |found| found.0);
    let last = match inner.len() >= 2 {
        true => place(inner.end - 1).map_or(first, |found| found.0),
        false => first,
    };
    Span::new(first.start, last.end)
}

/// True without an escape within `inner`, and if `inner` touches an edge where the line goes on.
pub(super) fn stands_open(bytes: &[u8], span: Span, stops: &Stops, inner: Span) -> bool {
    let is_cut_before = span.start > 0 && !ends_line(bytes[span.start - 1]);
    let is_cut_after = bytes.get(span.end).is_some_and(|&byte| !ends_line(byte));
    let text = &bytes[span.start..span.end];
    let mut inside = characters_from(text, stops, inner.start).take(inner.len());
    let outer = outer(text, stops, inner);
    let is_coloured = memchr::memchr(ESCAPE, &text[outer.start..outer.end]).is_some();
    let is_disguised = is_coloured || inside.any(|(.., is_escaped)| is_escaped);
    let ends_here = inner.end >= stops.count();
    !is_disguised || (is_cut_before && inner.start == 0) || (is_cut_after && ends_here)
}
