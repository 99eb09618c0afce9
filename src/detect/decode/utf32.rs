//! UTF-32: characters of ASCII, with three zero bytes between each and the next. Which byte order it
//! is does not matter here, nor whether there is a byte order mark.

use std::ops::Range;

use super::{Encoding, Region, is_text};
use crate::span::Span;

/// Bytes of a character.
const WIDTH: usize = 4;
/// Fewer characters are numbers in binary data.
const MIN_CHARS: usize = 12;

/// How far from a range the zeros of a text in it can be.
pub(super) const REACH: usize = WIDTH - 1;

pub(super) fn find(bytes: &[u8], range: Range<usize>, see: &mut dyn FnMut(Region)) {
    let mut at = range.start.saturating_sub(REACH);
    let last = bytes.len().min(range.end.saturating_add(REACH));
    while let Some(next) = bytes.get(at..last).and_then(|rest| memchr::memchr(0, rest)) {
        let zero = at + next;
        // The zeros between two characters begin at most two bytes earlier.
        let first = (0..WIDTH).map_while(|back| zero.checked_sub(back));
        let first = first
            .take_while(|&at| bytes[at] == 0)
            .last()
            .unwrap_or(zero);
        let zeros = bytes[zero..].iter().take_while(|&&byte| byte == 0).count();
        let end = zero + zeros;
        at = end.max(at + 1);
        let is_link = first
            .checked_sub(1)
            .is_some_and(|char| is_next(bytes, char));
        if !is_link {
            continue;
        }
        let span = around(bytes, first - 1);
        let is_long = span.len() > WIDTH * (MIN_CHARS - 1);
        if is_long && span.start < range.end && span.end > range.start {
            see(Region {
                span,
                encoding: Encoding::Utf32,
            });
        }
        at = at.max(span.end);
    }
}

/// Whether a character is at `at`, and another behind three zero bytes.
fn is_next(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at..at + WIDTH + 1) {
        Some(&[char, 0, 0, 0, next]) => is_text(char) && is_text(next),
        _ => false,
    }
}

/// The characters before and after the one at `at`, from the first to the last of them.
fn around(bytes: &[u8], at: usize) -> Span {
    let mut start = at;
    while let Some(before) = start.checked_sub(WIDTH).filter(|&at| is_next(bytes, at)) {
        start = before;
    }
    let mut end = at;
    while is_next(bytes, end) {
        end += WIDTH;
    }
    Span::new(start, end + 1)
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.iter().step_by(WIDTH));
}

pub(super) fn outer(inner: Span) -> Span {
    let start = WIDTH * inner.start;
    Span::new(start, (WIDTH * inner.end).max(start + WIDTH) - WIDTH + 1)
}
