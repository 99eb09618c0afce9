//! Base64 and hexadecimal digits: long words of their alphabets, joined over wrapped lines.

use std::ops::Range;

use super::base32;
use super::blocks::BLOCK;
use super::pass::{Block, RUN_LEN};
use super::stops::Stops;
use super::{Encoding, Region, is_promising};
use crate::span::Span;

/// Shorter words hold no secret worth the look: 18 bytes decoded.
const MIN_LEN: usize = RUN_LEN;
/// A wrapped line is at least this long, but for the last one: git, PEM and MIME use 60, 64, 76.
const MIN_LINE_LEN: usize = 56;
/// Blanks at the start of a wrapped line.
const MAX_INDENT: usize = 64;
/// Symbols by which a word is judged.
const SAMPLE: usize = 16;
/// Where in a word its encoded part may begin: after one of the first few of these.
const MAX_STARTS: usize = 8;

/// The value of each symbol of either alphabet; 64 for all other bytes.
const VALUES: [u8; 256] = {
    let mut values = [64u8; 256];
    let symbols = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "there are 64 symbols")]
        let value = at as u8;
        values[symbols[at] as usize] = value;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

#[inline(always)]
fn is_symbol(byte: u8) -> bool {
    VALUES[byte as usize] < 64
}

/// Whether the symbol at `at` is the letter of an escape, such as the n of `\n`.
fn is_escape_letter(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1] == b'\\'
}

/// Symbols at the end of a block that a run may begin with.
const HELD: usize = MIN_LEN - 1;

/// Whether [`MIN_LEN`] symbols stand at `at`; else how many bytes further they can begin.
#[inline(always)]
fn run_at(bytes: &[u8], at: usize) -> Result<(), usize> {
    let end = bytes.len().min(at + MIN_LEN);
    match bytes[at..end].iter().rposition(|&byte| !is_symbol(byte)) {
        Some(other) => Err(other + 1),
        None if end == at + MIN_LEN => Ok(()),
        None => Err(MIN_LEN),
    }
}

/// Where the next run of [`MIN_LEN`] symbols begins, from `at` on and before `limit`.
fn next_run(bytes: &[u8], mut at: usize, limit: usize) -> Option<usize> {
    while at < limit {
        match run_at(bytes, at) {
            Ok(()) => return Some(at),
            Err(further) => at += further,
        }
    }
    None
}

/// The same from `at` on for a block and the last [`HELD`] bytes before it, of which `may_be` has a bit for
/// each byte that can be a symbol.
fn run_in(bytes: &[u8], mut at: usize, (block, may_be): (usize, u128)) -> Option<usize> {
    // A bit stays where so many bits from it on are set. The first is that of the first byte held.
    let of_2 = may_be & may_be >> 1;
    let of_4 = of_2 & of_2 >> 2;
    let of_8 = of_4 & of_4 >> 4;
    let runs = of_8 & of_8 >> 8 & of_8 >> 16;
    loop {
        let passed = u32::try_from((at + HELD).saturating_sub(block)).ok()?;
        let rest = runs.checked_shr(passed)?;
        if rest == 0 {
            return None;
        }
        let start = (block + (passed + rest.trailing_zeros()) as usize).checked_sub(HELD)?;
        match run_at(bytes, start) {
            Ok(()) => return Some(start),
            Err(further) => at = start + further,
        }
    }
}

/// Where the word that holds or ends at `at` begins.
fn word_start(bytes: &[u8], mut at: usize) -> usize {
    while at > 0 && is_symbol(bytes[at - 1]) && !is_escape_letter(bytes, at - 1) {
        at -= 1;
    }
    at
}

fn word_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|&byte| !is_symbol(byte))
        .unwrap_or(rest.len())
}

/// Where the line break that ends at `at` begins.
fn line_break_before(bytes: &[u8], at: usize) -> Option<usize> {
    let before = &bytes[..at];
    let indent = before.iter().rev().take(MAX_INDENT + 1);
    let indent = indent
        .take_while(|&&byte| matches!(byte, b' ' | b'\t'))
        .count();
    match &before[..at - indent] {
        [rest @ .., b'\r', b'\n'] => Some(rest.len()),
        [rest @ .., b'\n'] => Some(rest.len()),
        [rest @ .., b'\\', b'r', b'\\', b'n'] if indent == 0 => Some(rest.len()),
        [rest @ .., b'\\', b'n'] if indent == 0 => Some(rest.len()),
        _ => None,
    }
    .filter(|_| indent <= MAX_INDENT)
}

/// Where the line break that begins at `at` ends.
fn line_break_after(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let len = match rest {
        [b'\\', b'r', b'\\', b'n', ..] => return Some(at + 4),
        [b'\\', b'n', ..] => return Some(at + 2),
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return None,
    };
    let indent = rest[len..].iter().take(MAX_INDENT + 1);
    let indent = indent
        .take_while(|&&byte| matches!(byte, b' ' | b'\t'))
        .count();
    (indent <= MAX_INDENT).then_some(at + len + indent)
}

/// The start of the line before the one whose word begins at `start`, if both are one wrapped text.
fn joined_before(bytes: &[u8], start: usize) -> Option<usize> {
    let end = line_break_before(bytes, start)?;
    let first = end.saturating_sub(MIN_LINE_LEN);
    let is_long = word_start(&bytes[..end], end) <= first && end >= MIN_LINE_LEN;
    is_long.then(|| word_start(bytes, end))
}

/// The end of the line after the one whose word is `word`.
fn joined_after(bytes: &[u8], word: Span) -> Option<Span> {
    if word.len() < MIN_LINE_LEN {
        return None;
    }
    let start = line_break_after(bytes, word.end)?;
    let end = word_end(bytes, start);
    (end > start).then(|| Span::new(start, end))
}

/// Where the line break begins that `at` is in, or at the end of.
fn line_break_around(bytes: &[u8], at: usize) -> Option<usize> {
    let blanks = bytes[..at].iter().rev().take(MAX_INDENT);
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let newline = at - blanks.take_while(is_blank).count();
    // Then breaks that are written as an escape, which have no indent.
    let begins = (newline.saturating_sub(2)..newline).chain(at.saturating_sub(4)..at);
    let mut begins =
        begins.filter(|&begin| line_break_after(bytes, begin).is_some_and(|end| end >= at));
    begins.next()
}

/// Where the search must begin so that a text that holds `at` is found whole.
fn text_start(bytes: &[u8], at: usize) -> usize {
    let mut start = word_start(bytes, at);
    // Inside a line break, the text may go on behind it.
    if start == at
        && let Some(end) = line_break_around(bytes, at)
    {
        start = word_start(bytes, end);
    }
    while let Some(before) = joined_before(bytes, start) {
        start = before;
    }
    start
}

/// Finds the texts that share a byte with a range.
pub(super) struct Finder<'b> {
    bytes: &'b [u8],
    range: Range<usize>,
    /// Where the next run may begin.
    at: usize,
}

impl<'b> Finder<'b> {
    /// Shows the texts that begin before `from`: all others are found in the blocks from there on.
    pub(super) fn new(
        bytes: &'b [u8],
        range: Range<usize>,
        from: usize,
        see: &mut dyn FnMut(Region),
    ) -> Self {
        let at = text_start(bytes, range.start);
        let mut finder = Self { bytes, range, at };
        while finder.at < from {
            match next_run(bytes, finder.at, from).filter(|&run| run < from) {
                Some(run) => finder.word_at(run, see),
                None => break,
            }
        }
        finder.at = finder.at.max(from);
        finder
    }

    /// Where runs of texts that share a byte with `range` end, at most.
    pub(super) fn end(bytes: &[u8], range: &Range<usize>) -> usize {
        bytes.len().min(range.end + HELD)
    }

    /// Shows the texts that begin with a run in a block or at the end of the one before.
    #[inline(never)]
    pub(super) fn look(&mut self, block: Block, see: &mut dyn FnMut(Region)) {
        let held = u128::from(block.before >> (BLOCK - HELD));
        let may_be = held | u128::from(block.symbols) << HELD;
        while self.at < block.start + BLOCK
            && let Some(run) = run_in(self.bytes, self.at, (block.start, may_be))
        {
            self.word_at(run, see);
        }
    }

    /// Goes over the text that the run at `run` begins.
    fn word_at(&mut self, run: usize, see: &mut dyn FnMut(Region)) {
        let bytes = self.bytes;
        let start = word_start(bytes, run);
        let start = start + usize::from(is_escape_letter(bytes, start));
        let mut word = Span::new(start, word_end(bytes, run));
        if start >= self.range.end {
            self.at = usize::MAX;
            return;
        }
        self.at = word.end;
        if word.len() < MIN_LEN {
            return;
        }
        while let Some(next) = joined_after(bytes, word) {
            word = next;
        }
        if word.end > self.range.start {
            report(bytes, Span::new(start, word.end), see);
        }
        self.at = word.end;
    }
}

/// Shows what stands at `span` if it can be an encoded text.
fn report(bytes: &[u8], span: Span, see: &mut dyn FnMut(Region)) {
    let word = &bytes[span.start..span.end];
    let digits = word.strip_prefix(b"0x").unwrap_or(word);
    if digits.len() >= MIN_LEN && is_hex(digits) {
        let span = Span::new(span.end - digits.len(), span.end);
        if is_hex_promising(digits) {
            see(Region {
                span,
                encoding: Encoding::Hex,
            });
        }
        return;
    }
    if base32::is_likely(word) {
        return see(Region {
            span,
            encoding: Encoding::Base32,
        });
    }
    // Something else may stand before it, as in a path or a name.
    let inner = word.iter().enumerate();
    let inner = inner
        .filter(|&(_, &byte)| matches!(byte, b'/' | b'_' | b'-'))
        .map(|(at, _)| at + 1);
    for start in [0].into_iter().chain(inner).take(MAX_STARTS) {
        if word.len() - start < MIN_LEN {
            return;
        }
        let mut sample = [0; SAMPLE / 4 * 3];
        let mut filled = 0;
        for byte in decoded(&word[start..]).take(sample.len()) {
            sample[filled] = byte;
            filled += 1;
        }
        if is_promising(&sample[..filled]) {
            let span = Span::new(span.start + start, span.end);
            return see(Region {
                span,
                encoding: Encoding::Base64,
            });
        }
    }
}

/// Offset and value of every symbol of `text`, which may be wrapped.
fn symbols(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut is_escaped = false;
    text.iter().enumerate().filter_map(move |(at, &byte)| {
        let was_escaped = std::mem::replace(&mut is_escaped, byte == b'\\');
        let value = VALUES[byte as usize];
        (value < 64 && !was_escaped).then_some((at, value))
    })
}

fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut bits, mut count) = (0u32, 0);
    symbols(text).filter_map(move |(_, value)| {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count < 8 {
            return None;
        }
        count -= 8;
        Some((bits >> count & 0xff).to_le_bytes()[0])
    })
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(decoded(text));
}

/// Where the symbols of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(symbols(text).map(|(at, _)| at))
}

pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    stops.outer_of_symbols(text, inner, 6, symbols)
}

/// Whether hexadecimal digits can stand for text or for a compressed one. Most are digests.
fn is_hex_promising(digits: &[u8]) -> bool {
    let mut sample = [0; SAMPLE / 4 * 3];
    let mut filled = 0;
    for (_, byte) in hex_bytes(digits).take(sample.len()) {
        sample[filled] = byte;
        filled += 1;
    }
    let is_packed = matches!(
        sample,
        [0x1f, 0x8b, ..] | [0x78, ..] | [b'P', b'K', ..] | [0xfd, b'7', ..] | [0x28, 0xb5, ..]
    );
    let text = &sample[..filled.min(SAMPLE / 2)];
    text.iter().all(|&byte| super::is_text(byte)) || (is_packed && is_promising(&sample[..filled]))
}

/// Whether `text` is made of pairs of hexadecimal digits, on one line or wrapped.
fn is_hex(text: &[u8]) -> bool {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'\\');
    let mut count = 0usize;
    let mut is_escaped = false;
    let all = text.iter().all(|byte| {
        let was_escaped = std::mem::replace(&mut is_escaped, *byte == b'\\');
        let is_digit = byte.is_ascii_hexdigit() && !was_escaped;
        count += usize::from(is_digit);
        is_digit || is_break(byte) || (was_escaped && matches!(byte, b'n' | b'r'))
    });
    all && count.is_multiple_of(2)
}

/// Where each pair of digits begins, and its byte.
fn hex_bytes(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut digits = (0..)
        .zip(text)
        .filter_map(|(at, &byte)| Some((at, char::from(byte).to_digit(16)?)));
    std::iter::from_fn(move || {
        let ((at, high), (_, low)) = (digits.next()?, digits.next()?);
        Some((at, (high << 4 | low).to_le_bytes()[0]))
    })
}

pub(super) fn decode_hex(text: &[u8], out: &mut Vec<u8>) {
    out.extend(hex_bytes(text).map(|(_, byte)| byte));
}

/// Where the bytes of hexadecimal `text` stand.
pub(super) fn hex_stops(text: &[u8]) -> Stops {
    Stops::of(hex_bytes(text).map(|(at, _)| at))
}

pub(super) fn hex_outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    // The place of a byte, and where its second digit ends.
    let place = |number: usize| {
        let (from, skip) = stops.before(number)?;
        let mut rest = hex_bytes(&text[from..]).skip(skip).map(|(at, _)| from + at);
        let start = rest.next()?;
        let second = text[start + 1..].iter().position(u8::is_ascii_hexdigit)?;
        Some(Span::new(start, start + second + 2))
    };
    let end = Span::new(text.len(), text.len());
    let first = place(inner.start).unwrap_or(end);
    let last = place(inner.end.max(inner.start + 1) - 1).unwrap_or(first);
    Span::new(first.start, last.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain twin of [`next_run`].
    fn next_run_plainly(bytes: &[u8], at: usize, limit: usize) -> Option<usize> {
        let is_run = |start: &usize| {
            let run = bytes.get(*start..start + MIN_LEN);
            run.is_some_and(|run| run.iter().all(|&byte| is_symbol(byte)))
        };
        (at..limit).find(is_run)
    }

    #[test]
    fn runs_are_found_as_by_the_plain_search() {
        let mut seed = 5u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..3_000 {
            let len = usize::try_from(next(300)).unwrap();
            let mut bytes = vec![b'a'; len];
            // Any byte, rarely; so that runs of all lengths come about.
            let gap = 4 + next(60);
            for byte in &mut bytes {
                *byte = match next(gap) {
                    0 => u8::try_from(next(256)).unwrap(),
                    other => b"abcXYZ019+/-_"[usize::try_from(other).unwrap() % 13],
                };
            }
            for at in [0, len / 3, len / 2] {
                let found = next_run(&bytes, at, len);
                assert_eq!(found, next_run_plainly(&bytes, at, len), "{at} {bytes:?}");
                for block in (0..len).step_by(BLOCK) {
                    let start = block.saturating_sub(HELD);
                    let seen = (0..).zip(start..len.min(block + BLOCK));
                    let may_be = seen.fold(0u128, |bits, (bit, at)| {
                        let may_be = bytes[at].cast_signed() > 0x2a;
                        bits | u128::from(may_be) << (bit + HELD + start - block)
                    });
                    let from = at.max(start);
                    let found = run_in(&bytes, from, (block, may_be));
                    let last = (block + BLOCK + 1).saturating_sub(MIN_LEN);
                    let plainly = next_run_plainly(&bytes, from, last);
                    assert_eq!(found, plainly, "{at} {block} {bytes:?}");
                }
            }
        }
    }
}
