//! Marks that stand in the place of values.

use crate::detect::decode::Encoding;
use crate::span::Span;

/// What a byte of a value becomes where the length must stay.
pub(crate) const FILL: u8 = b'*';

/// A mark in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub span: Span,
    /// The value whose place it took: an index into the targets.
    pub target: usize,
    /// The encoding that it is written in.
    pub encoding: Option<Encoding>,
}

/// Fills a name: only characters that every file system and every ref takes.
pub fn name_mark(mark: &[u8]) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
    let plain: Vec<u8> = mark.iter().copied().filter(is_plain).collect();
    let plain = plain
        .strip_prefix(b"-")
        .map_or(plain.clone(), <[u8]>::to_vec);
    if plain.is_empty() {
        b"REMOVED".to_vec()
    } else {
        plain
    }
}
