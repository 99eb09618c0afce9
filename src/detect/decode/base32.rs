//! Base32 (RFC 4648, section 6): words of one case, in which five bits are a symbol.

use super::stops::Stops;
use super::{is_promising, is_text};
use crate::span::Span;

/// Shorter words hold no secret worth the look: 20 bytes decoded.
const MIN_LEN: usize = 32;
/// Symbols by which a word is judged.
const SAMPLE: usize = 24;

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    }
}

/// Offset and value of every symbol of `text`, which may be wrapped.
fn symbols(text: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut is_escaped = false;
    text.iter().enumerate().filter_map(move |(at, &byte)| {
        let was_escaped = std::mem::replace(&mut is_escaped, byte == b'\\');
        (!was_escaped).then_some((at, value(byte)?))
    })
}

fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut bits, mut count) = (0u32, 0);
    symbols(text).filter_map(move |(_, value)| {
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count < 8 {
            return None;
        }
        count -= 8;
        Some((bits >> count & 0xff).to_le_bytes()[0])
    })
}

/// Whether `word`, which may be wrapped, can stand for text or for a compressed one.
pub(super) fn is_likely(word: &[u8]) -> bool {
    let start = &word[..word.len().min(SAMPLE)];
    let is_one_case = |is_other: fn(&u8) -> bool| !word.iter().any(is_other);
    // The beginning refuses nearly all words.
    if word.len() < MIN_LEN || !start.iter().all(|&byte| value(byte).is_some()) {
        return false;
    }
    let is_break = |byte: u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | b'\\');
    let mut is_escaped = false;
    let is_whole = word.iter().all(|&byte| {
        let was_escaped = std::mem::replace(&mut is_escaped, byte == b'\\');
        was_escaped || value(byte).is_some() || is_break(byte)
    });
    let mut sample = [0; SAMPLE * 5 / 8];
    let mut filled = 0;
    for byte in decoded(start).take(sample.len()) {
        sample[filled] = byte;
        filled += 1;
    }
    let sample = &sample[..filled];
    is_whole
        && (is_one_case(u8::is_ascii_lowercase) || is_one_case(u8::is_ascii_uppercase))
        && (sample.iter().all(|&byte| is_text(byte)) || is_promising(sample))
}

pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    out.extend(decoded(text));
}

/// Where the symbols of `text` stand.
pub(super) fn stops(text: &[u8]) -> Stops {
    Stops::of(symbols(text).map(|(at, _)| at))
}

pub(super) fn outer(text: &[u8], stops: &Stops, inner: Span) -> Span {
    stops.outer_of_symbols(text, inner, 5, symbols)
}
