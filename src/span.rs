//! Places in a buffer: byte spans, line and column positions, and the runs that a delta copied.

use memchr::{memchr, memchr_iter, memrchr};
use serde::{Deserialize, Serialize};

/// A half-open byte range, `start <= end`, into one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// Returns `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "a span does not run backwards");
        Self { start, end }
    }

    /// Returns the number of bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns whether the two share at least one byte.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The bytes that some spans cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover(Vec<Span>);

impl Cover {
    /// Joins `spans`, which may come in any order and share bytes.
    pub fn new(spans: impl Iterator<Item = Span>) -> Self {
        let mut sorted: Vec<Span> = spans.collect();
        sorted.sort_unstable();
        let mut joined: Vec<Span> = Vec::new();
        for span in sorted {
            match joined.last_mut().filter(|last| span.start <= last.end) {
                Some(last) => last.end = last.end.max(span.end),
                None => joined.push(span),
            }
        }
        Self(joined)
    }

    /// Returns whether one of the spans shares a byte with `span`. Costs a binary search.
    pub fn overlaps(&self, span: Span) -> bool {
        let at = self.0.partition_point(|joined| joined.end <= span.start);
        self.0.get(at).is_some_and(|joined| joined.overlaps(span))
    }
}

/// Line and column for people, both counted from 1; the column counts bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Byte within the line, from 1.
    pub column: u32,
}

impl Position {
    /// Returns the position of byte `offset` of `bytes`. Costs one pass over the bytes before it.
    pub fn of(bytes: &[u8], offset: usize) -> Self {
        let before = &bytes[..offset.min(bytes.len())];
        let line = memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
        Self {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// Returns the line that holds byte `offset`, without its newline.
pub fn line_at(bytes: &[u8], offset: usize) -> Span {
    let offset = offset.min(bytes.len());
    let start = memrchr(b'\n', &bytes[..offset]).map_or(0, |newline| newline + 1);
    let end = memchr(b'\n', &bytes[offset..]).map_or(bytes.len(), |newline| offset + newline);
    Span::new(start, end)
}

/// Finds where lines begin. For ascending offsets the cost of all calls together is one pass over
/// the bytes, however long their lines are.
#[derive(Clone, Debug)]
pub struct LineStarts<'b> {
    bytes: &'b [u8],
    /// The offset of the last call, and where its line begins.
    last: usize,
    start: usize,
}

impl<'b> LineStarts<'b> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            last: 0,
            start: 0,
        }
    }

    /// The text whose lines these are.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Returns where the line of the byte at `offset` begins.
    pub fn of(&mut self, offset: usize) -> usize {
        let offset = offset.min(self.bytes.len());
        // Between the start of a line and an offset in it there is no newline.
        let (from, known) = if offset >= self.last {
            (self.last, self.start)
        } else if offset >= self.start {
            (offset, self.start)
        } else {
            (0, 0)
        };
        let newline = memrchr(b'\n', &self.bytes[from..offset]);
        self.start = newline.map_or(known, |newline| from + newline + 1);
        self.last = offset;
        self.start
    }
}

/// Bytes that a delta copied unchanged from its base: `len` bytes at `src` of the base stand at
/// `dst` of the result. Runs of one delta are sorted by `dst`, do not overlap there, and are
/// merged where they continue each other in both buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset in the result.
    pub dst: usize,
    /// Offset in the base.
    pub src: usize,
    /// Number of bytes, not zero.
    pub len: usize,
}

impl Run {
    /// One past the last byte in the result.
    pub fn dst_end(self) -> usize {
        self.dst + self.len
    }

    /// One past the last byte in the base.
    pub fn src_end(self) -> usize {
        self.src + self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_lines_and_bytes_from_one() {
        assert_eq!(Position::of(b"ab\ncd", 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(b"ab\ncd", 2), Position { line: 1, column: 3 });
        assert_eq!(Position::of(b"ab\ncd", 4), Position { line: 2, column: 2 });
        assert_eq!(Position::of(b"", 9), Position { line: 1, column: 1 });
    }

    #[test]
    fn a_cover_overlaps_what_one_of_its_spans_overlaps() {
        let spans = [(4, 6), (9, 12), (5, 7), (12, 13), (20, 30), (22, 24)];
        let spans = spans.map(|(start, end)| Span::new(start, end));
        let cover = Cover::new(spans.into_iter());
        for start in 0..32 {
            for end in start + 1..33 {
                let span = Span::new(start, end);
                let plain = spans.iter().any(|other| other.overlaps(span));
                assert_eq!(cover.overlaps(span), plain, "{span:?}");
            }
        }
    }

    #[test]
    fn line_starts_are_those_of_a_plain_search_in_any_order() {
        let bytes = b"ab\n\ncdef\ng\n";
        let ascending = 0..=bytes.len();
        let offsets = ascending.clone().chain(ascending.clone().rev());
        // Steps of five visit all offsets, back and forth.
        let mixed = (0..60).map(|step| step * 5 % (bytes.len() + 1));
        let mut starts = LineStarts::new(bytes);
        for offset in offsets.chain(mixed) {
            let plain = line_at(bytes, offset).start;
            assert_eq!(starts.of(offset), plain, "offset {offset}");
        }
    }

    #[test]
    fn line_at_excludes_the_newline() {
        assert_eq!(line_at(b"ab\ncd\nef", 4), Span::new(3, 5));
        assert_eq!(line_at(b"ab", 2), Span::new(0, 2));
    }
}
