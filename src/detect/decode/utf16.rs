//! UTF-16: characters of ASCII, each beside a zero byte. Which comes first does not matter here.

use std::ops::Range;

use super::{Encoding, Region, is_text};
use crate::span::Span;

/// Fewer characters are numbers in binary data.
const MIN_CHARS: usize = 12;

pub(super) fn find(bytes: &[u8], range: Range<usize>, see: &mut dyn FnMut(Region)) {
    let mut at = range.start.saturating_sub(1);
    let last = bytes.len().min(range.end + 1);
    while let Some(next) = bytes.get(at..last).and_then(|rest| memchr::memchr(0, rest)) {
        let zero = at + next;
        let span = around(bytes, zero);
        if span.len() >= 2 * MIN_CHARS - 1 && span.start < range.end && span.end > range.start {
            see(Region {
                span,
                encoding: Encoding::Utf16,
            });
        }
        // The zero behind the last character leads back to the same text.
        at = span.end.max(zero) + 1;
    }
}

/// The characters around the zero byte at `zero`, from the first to the last of them.
fn around(bytes: &[u8], zero: usize) -> Span {
    let is_char = |at: usize| bytes.get(at).is_some_and(|&byte| is_text(byte));
    let mut start = zero + 1;
    while start >= 2 && is_char(start - 2) {
        start -= 2;
        if start == 0 || bytes[start - 1] != 0 {
            break;
        }
    }
    let mut end = zero + 1;
    while is_char(end) {
        end += 1;
        if bytes.get(end) != Some(&0) {
            break;
        }
        end += 1;
    }
    // From character to character: zeros at the edges belong to nobody.
    while end > start && bytes[end - 1] == 0 {
        end -= 1;
    }
    if start > end {
        Span::new(end, end)
    } else {
        Span::new(start, end)
    }
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.iter().step_by(2));
}

pub(super) fn outer(inner: Span) -> Span {
    let start = 2 * inner.start;
    Span::new(start, (2 * inner.end).max(start + 1) - 1)
}
