//! Tokens that code cuts into pieces: adjacent literals, literals with a sign of joining between them,
//! lists of characters, and lines that end with a backslash.
//!
//! A joint is what stands between two pieces: `" + "`, `' . '`, `"\n  "`, `','`, or a backslash and a
//! line end. Pieces are words of the characters that tokens are made of. What the pieces come to must
//! look like a token, else nearly every program has such texts.

use std::ops::Range;

use super::stops::Stops;
use super::{Encoding, Region};
use crate::span::Span;
use crate::work;

/// Longer pieces are no part of a token that somebody cut: lines of base64 have 64 or 76 characters.
const MAX_PIECE: usize = 100;
/// Bytes between the closing quote of a piece and the opening one of the next.
const MAX_GAP: usize = 44;
/// Text on the same line before the first piece, which may say what the token is.
const MAX_BEFORE: usize = 64;
/// Text behind the last piece: what ends it.
const MAX_AFTER: usize = 4;
/// A joint with the quotes and the letters before the opening one, as in `f"`.
const MAX_JOINT: usize = MAX_GAP + 4;
/// The shortest tokens of known shapes have 20 characters.
const MIN_LEN: usize = 20;
/// How far from a joint the first byte of a text can be, and the last one.
const REACH: usize = MAX_BEFORE + MAX_PIECE + MAX_JOINT;

/// Whether tokens are made of it.
const fn is_piece(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~')
}

/// Of every byte, whether it is one of a piece, and whether a joint can go on with it.
const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0u8;
    loop {
        let goes_on = matches!(
            at,
            b' ' | b'\t'
                | b'\n'
                | b'\r'
                | b'+'
                | b'.'
                | b'&'
                | b'~'
                | b'^'
                | b'|'
                | b'<'
                | b'\\'
                | b'_'
                | b'"'
                | b'\''
                | b'`'
                | b'f'
                | b'b'
                | b'r'
                | b'u'
                | b'L'
                | b'R'
                | b'F'
                | b'B'
                | b'U'
                | b'@'
                | b'$'
        );
        table[at as usize] = (is_piece(at) as u8 * PIECE) | (goes_on as u8 * GOES_ON);
        if at == u8::MAX {
            break table;
        }
        at += 1;
    }
};
const PIECE: u8 = 1;
const GOES_ON: u8 = 2;

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether a joint begins with it.
fn can_begin(byte: u8) -> bool {
    is_quote(byte) || byte == b'\\'
}

/// Reads the joint that begins at `at`, behind a piece; returns where the next piece begins.
#[inline]
fn joint(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..bytes.len().min(at + MAX_JOINT + 1)];
    let (&first, rest) = rest.split_first()?;
    let len = match first {
        b'\\' => line_end(rest)? + blanks(&rest[line_end(rest)?..]),
        _ if !is_quote(first) => return None,
        _ => {
            // A list of characters is one only if both are alone in their quotes.
            let is_alone = |quote: usize| bytes.get(quote).is_some_and(|&byte| is_quote(byte));
            let is_character = at >= 2 && bytes[at - 2] == first;
            let (gap, is_list) = gap(rest)?;
            let open = gap + letters(&rest[gap..]);
            let is_open = rest.get(open).is_some_and(|&byte| is_quote(byte));
            if !is_open || (is_list && !(is_character && is_alone(at + 1 + open + 2))) {
                return None;
            }
            open + 1
        }
    };
    let next = *rest.get(len)?;
    is_piece(next).then_some(at + 1 + len)
}

/// The length of the line end at the start of `rest`.
fn line_end(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

fn blanks(rest: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    rest.iter().take_while(is_blank).count()
}

/// Letters that say how a literal is read: `f"`, `b'`, `@"`.
fn letters(rest: &[u8]) -> usize {
    let is_prefix = |byte: &&u8| b"fbruLRFBU@$".contains(byte);
    rest.iter().take(2).take_while(is_prefix).count()
}

/// Blanks, line ends and one sign of joining; also whether it is that of a list. `None` if it is too
/// long.
fn gap(rest: &[u8]) -> Option<(usize, bool)> {
    let (mut len, mut has_sign, mut is_list) = (0, false, false);
    while len <= MAX_GAP {
        let rest = &rest[len..];
        len += match rest {
            [b' ' | b'\t' | b'\n' | b'\r', ..] => 1,
            [b'\\' | b'_', b'\n' | b'\r', ..] => 1,
            [b'+', b'+', ..] | [b'.', b'.', ..] | [b'<', b'>', ..] | [b'|', b'|', ..]
                if !has_sign =>
            {
                has_sign = true;
                2
            }
            [b'+' | b'.' | b'&' | b'~' | b'^', ..] if !has_sign => {
                has_sign = true;
                1
            }
            [b',', ..] if !has_sign => {
                (has_sign, is_list) = (true, true);
                1
            }
            _ => return Some((len, is_list)),
        };
    }
    None
}

/// Where the piece that ends at `end` begins; `None` if there is none, or it is too long.
fn piece_before(bytes: &[u8], end: usize) -> Option<usize> {
    let before = bytes[..end].iter().rev().take(MAX_PIECE + 1);
    let len = before.take_while(|&&byte| is_piece(byte)).count();
    (1..=MAX_PIECE).contains(&len).then(|| end - len)
}

/// Where the piece that begins at `start` ends, likewise.
fn piece_after(bytes: &[u8], start: usize) -> Option<usize> {
    let after = bytes[start..].iter().take(MAX_PIECE + 1);
    let len = after.take_while(|&&byte| is_piece(byte)).count();
    (1..=MAX_PIECE).contains(&len).then(|| start + len)
}

/// Two pieces and the joint between them.
struct Pair {
    start: usize,
    next: usize,
    end: usize,
}

/// The pieces around the joint at `at`.
fn pair(bytes: &[u8], at: usize) -> Option<Pair> {
    if !is_piece(*bytes.get(at.checked_sub(1)?)?) || ends_escaped(bytes, at) {
        return None;
    }
    let next = joint(bytes, at)?;
    let (start, end) = (piece_before(bytes, at)?, piece_after(bytes, next)?);
    let is_token = !is_path(&bytes[start..at]) && !is_path(&bytes[next..end]);
    is_token.then_some(Pair { start, next, end })
}

/// Whether the literal that ends at `at` ends with an escape such as `\n`: most lines of text do, no token.
#[inline]
fn ends_escaped(bytes: &[u8], at: usize) -> bool {
    at >= 2 && bytes[at - 2] == b'\\'
}

/// Whether a piece is a path or an address: lists of imports are full of them. Base64 has no dot, and
/// tokens with dots have no slash.
fn is_path(piece: &[u8]) -> bool {
    memchr::memchr(b'/', piece).is_some() && memchr::memchr(b'.', piece).is_some()
}

/// The pair before the one whose first piece begins at `start`, if that piece is also the second of it.
fn pair_before(bytes: &[u8], start: usize) -> Option<Pair> {
    let first = start.saturating_sub(MAX_JOINT + 1);
    let places = (first..start).rev().filter(|&at| can_begin(bytes[at]));
    places
        .filter_map(|at| pair(bytes, at))
        .find(|pair| pair.next == start)
}

/// The whole text that the joint at `at` is in, where its last piece ends, and whether it can be a
/// token.
fn around(bytes: &[u8], at: usize) -> Option<(Span, usize, bool)> {
    let own = pair(bytes, at)?;
    let (mut start, mut end) = (own.start, own.end);
    let mut len = own.end - own.next + (at - own.start);
    while let Some(before) = pair_before(bytes, start) {
        len += start - before.start;
        start = before.start;
    }
    while let Some(after) = pair(bytes, end) {
        len += after.end - after.next;
        end = after.end;
    }
    // What is none costs as much, wherever in it the search begins.
    work::spend((end - start) as u64);
    let text = &bytes[start..end];
    let has_digit = text.iter().any(u8::is_ascii_digit);
    let has_letter = text.iter().any(u8::is_ascii_alphabetic);
    let is_token = len >= MIN_LEN && has_digit && has_letter;
    let before = bytes[..start].iter().rev().take(MAX_BEFORE);
    let before = before.take_while(|&&byte| !matches!(byte, b'\n' | b'\r' | 0));
    let after = bytes[end..].iter().take(MAX_AFTER);
    let after = after.take_while(|&&byte| !matches!(byte, b'\n' | b'\r' | 0));
    let span = Span::new(start - before.count(), end + after.count());
    Some((span, end, is_token))
}

/// Where the search must begin so that a text which holds a byte from `at` on is met: the joint around
/// `at`, or the one before the piece that `at` is in or behind.
fn first_joint(bytes: &[u8], at: usize) -> usize {
    let ends = at.saturating_sub(MAX_AFTER)..=at;
    let pieces = ends.filter_map(|end| piece_before(bytes, end));
    let is_behind_joint =
        |start: &usize| *start > 0 && (is_quote(bytes[start - 1]) || is_blank(bytes[start - 1]));
    pieces
        .filter(is_behind_joint)
        .min()
        .unwrap_or(at)
        .saturating_sub(MAX_JOINT + 1)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

/// Where the search may end so that a text which holds a byte before `end` is met: its first joint
/// stands on the same line.
fn last_joint(bytes: &[u8], end: usize) -> usize {
    let last = bytes.len().min(end.saturating_add(REACH));
    let line_end = memchr::memchr2(b'\n', 0, &bytes[end - 1..last]);
    line_end.map_or(last, |newline| (end + newline).min(last))
}

/// Finds the texts that share a byte with a range.
pub(super) struct Finder<'b> {
    bytes: &'b [u8],
    range: Range<usize>,
    /// Where joints can be that matter.
    places: Range<usize>,
}

impl<'b> Finder<'b> {
    /// `range` is not empty.
    pub(super) fn new(bytes: &'b [u8], range: Range<usize>) -> Self {
        let places = first_joint(bytes, range.start).max(1)..last_joint(bytes, range.end);
        Self {
            bytes,
            range,
            places,
        }
    }

    /// Where joints can begin that matter, from where it was looked to on.
    pub(super) fn places(&self) -> Range<usize> {
        self.places.clone()
    }

    /// Shows the text that has a joint at `at`, where a quote or a backslash stands, if there is one.
    #[inline]
    pub(super) fn look(&mut self, at: usize, see: &mut dyn FnMut(Region)) {
        if self.places.contains(&at)
            && CLASSES[usize::from(self.bytes[at - 1])] & PIECE != 0
            && can_join(self.bytes, at)
        {
            self.look_closely(at, see);
        }
    }

    #[inline(never)]
    fn look_closely(&mut self, at: usize, see: &mut dyn FnMut(Region)) {
        let Some((span, end, is_token)) = around(self.bytes, at) else {
            return;
        };
        self.places.start = end;
        if is_token && span.start < self.range.end && span.end > self.range.start {
            let encoding = Encoding::Joined;
            see(Region { span, encoding });
        }
    }
}

/// Whether a joint can go on behind its first byte, which is at `at`.
#[inline]
fn can_join(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1) {
        _ if ends_escaped(bytes, at) => false,
        // Only a list of characters is joined by commas: most ends of literals are such.
        Some(b',') => at >= 2 && bytes[at - 2] == bytes[at],
        Some(&byte) => CLASSES[usize::from(byte)] & GOES_ON != 0,
        None => false,
    }
}

/// Where each character of the text stands from `at` on.
fn characters(text: &[u8], mut at: usize) -> impl Iterator<Item = (usize, u8)> + '_ {
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        let next = can_begin(byte).then(|| pair(text, at)).flatten();
        let place = next.map_or(at, |pair| pair.next);
        at = place + 1;
        Some((place, text[place]))
    })
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(characters(text, 0).map(|(_, byte)| byte));
}

/// Where the characters of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(characters(text, 0).map(|(place, _)| place))
}

pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    let place = |number: usize| {
        let (from, skip) = stops.before(number)?;
        characters(text, from).nth(skip).map(|(place, _)| place)
    };
    let first = place(inner.start).unwrap_or(text.len());
    let last = match inner.len() >= 2 {
        true => place(inner.end - 1).unwrap_or(first),
        false => first,
    };
    Span::new(first, text.len().min(last + 1))
}

/// True if no joint is in `inner`.
pub(super) fn stands_open(text: &[u8], stops: &Stops, inner: Span) -> bool {
    outer(text, stops, inner).len() == inner.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain twin of [`Finder`].
    fn find_plainly(bytes: &[u8], range: Range<usize>) -> Vec<Span> {
        let mut found = Vec::new();
        let mut seen = 0;
        for at in range.start.saturating_sub(REACH)..bytes.len().min(range.end + REACH) {
            let begins = is_quote(bytes[at]) && bytes[at] != b'`' || bytes[at] == b'\\';
            if at < seen || !begins {
                continue;
            }
            if let Some((span, end, is_token)) = around(bytes, at) {
                seen = end;
                if is_token && span.start < range.end && span.end > range.start {
                    found.push(span);
                }
            }
        }
        found
    }

    #[test]
    fn joined_texts_are_found_as_by_the_plain_search() {
        let mut seed = 7u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        };
        let parts: [&[u8]; 14] = [
            b"\"",
            b"'",
            b"\\",
            b"\n",
            b" ",
            b" + ",
            b",",
            b"\",\"",
            b"\" + \"",
            b"a1b2c3d4e5",
            b"f",
            b"\\\n",
            b"x.y/z",
            b"=",
        ];
        let mut count = 0;
        for _ in 0..12_000 {
            let len = next(60);
            let bytes: Vec<u8> = (0..len).flat_map(|_| parts[next(14)]).copied().collect();
            let (one, other) = (next(bytes.len() + 1), next(bytes.len() + 1));
            let ranges = [0..bytes.len(), one.min(other)..one.max(other)];
            for range in ranges.into_iter().filter(|range| !range.is_empty()) {
                let mut found = Vec::new();
                super::super::find(&bytes, range.clone(), &mut |region| {
                    if region.encoding == Encoding::Joined {
                        found.push(region.span);
                    }
                });
                let plainly = find_plainly(&bytes, range);
                assert_eq!(found, plainly, "{:?}", String::from_utf8_lossy(&bytes));
                count += found.len();
            }
        }
        assert!(count > 500, "{count} texts");
    }
}
