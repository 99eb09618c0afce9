//! Encoded texts of several lines, of which each tells by itself that it belongs to one.

use std::ops::Range;

use super::{Encoding, Region, base85, dump, quoted};
use crate::span::Span;

/// Bytes around a range in which lines can be that belong to a text in it.
const AROUND: usize = 144;

/// The text around a place, and whether it is one.
type Around = fn(&[u8], usize) -> Option<(Span, bool)>;

const KINDS: [(Encoding, &[&[u8]], Around); 3] = [
    (Encoding::QuotedPrintable, &quoted::SIGNS, quoted::around),
    (Encoding::HexDump, &dump::SIGNS, dump::around),
    (Encoding::Base85, &base85::SIGNS, base85::around),
];
const PATCH: usize = 2;

/// Finds the texts that share a byte with a range.
pub(super) struct Finder<'b> {
    bytes: &'b [u8],
    range: Range<usize>,
    /// The lines that can belong to such a text.
    lines: Range<usize>,
    /// Where the last text of each kind ends.
    ends: [usize; KINDS.len()],
}

impl<'b> Finder<'b> {
    /// Shows a patch that begins before `range`, which is not empty.
    pub(super) fn new(bytes: &'b [u8], range: Range<usize>, see: &mut dyn FnMut(Region)) -> Self {
        let lines = lines_of(bytes, &range);
        // Lines of a patch have no sign but their form: only the first has one.
        let head = base85::head_before(bytes, range.start);
        let mut finder = Self {
            bytes,
            range,
            lines,
            ends: [0; KINDS.len()],
        };
        if let Some(head) = head {
            finder.look_closely(PATCH, head, see);
        }
        finder
    }

    /// Where signs can be that matter.
    pub(super) fn places(&self) -> Range<usize> {
        self.lines.clone()
    }

    /// Shows the text of which the sign at `at` is, if one is there.
    #[inline]
    pub(super) fn look(&mut self, at: usize, see: &mut dyn FnMut(Region)) {
        let Some(rest) = self.bytes.get(at..self.lines.end) else {
            return;
        };
        if at < self.lines.start {
            return;
        }
        let has_sign = |kind: &usize| KINDS[*kind].1.iter().any(|sign| rest.starts_with(sign));
        if let Some(kind) = (0..KINDS.len()).find(has_sign) {
            self.look_closely(kind, at, see);
        }
    }

    #[inline(never)]
    fn look_closely(&mut self, kind: usize, at: usize, see: &mut dyn FnMut(Region)) {
        let (encoding, _, around) = KINDS[kind];
        if at < self.ends[kind] {
            return;
        }
        let Some((span, is_text)) = around(self.bytes, at) else {
            return;
        };
        // What is none is not looked at again from its next line.
        self.ends[kind] = span.end;
        if is_text && span.start < self.range.end && span.end > self.range.start {
            see(Region { span, encoding });
        }
    }
}

/// The lines that `range` touches, as far as lines of such texts go, with the end of the line before
/// them: it can be the only sign of the last line of a text.
fn lines_of(bytes: &[u8], range: &Range<usize>) -> Range<usize> {
    let first = range.start.saturating_sub(AROUND);
    let before = memchr::memrchr(b'\n', &bytes[first..range.start]);
    // Soft breaks have two or three bytes.
    let start = before.map_or(first, |newline| (first + newline).saturating_sub(2));
    let last = bytes.len().min(range.end.saturating_add(AROUND));
    let end = range.end - 1;
    let after = memchr::memchr(b'\n', &bytes[end..last]);
    start..after.map_or(last, |newline| end + newline + 1)
}
