//! Where the units of an encoded text stand: found from the nearest of many known places, rather
//! than from the beginning for each secret in it.

use crate::span::Span;

/// Units from one known place to the next.
const STEP: usize = 64;

/// Every so many units, the offset of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Stops {
    offsets: Vec<usize>,
    count: usize,
}

impl Stops {
    /// Goes once over the offsets of all units.
    pub(super) fn of(units: impl Iterator<Item = usize>) -> Self {
        let mut stops = Self::default();
        for offset in units {
            if stops.count.is_multiple_of(STEP) {
                stops.offsets.push(offset);
            }
            stops.count += 1;
        }
        stops
    }

    /// How many units there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where the bytes `inner` of a decoded text stand, of which each symbol has `bits`; `symbols` finds
    /// those of a text, whatever stands before it.
    pub(super) fn outer_of_symbols<'t, I>(
        &self,
        text: &'t [u8],
        inner: Span,
        bits: usize,
        symbols: impl Fn(&'t [u8]) -> I,
    ) -> Span
    where
        I: Iterator<Item = (usize, u8)>,
    {
        let first = inner.start * 8 / bits;
        let last = (inner.end * 8).div_ceil(bits).max(1) - 1;
        let place = |number: usize| {
            let (from, skip) = self.before(number)?;
            let found = symbols(&text[from..]).nth(skip);
            found.map(|(at, _)| from + at)
        };
        let start = place(first).unwrap_or(text.len());
        let end = match last > first {
            true => place(last).map_or(text.len(), |at| at + 1),
            false => (start + 1).min(text.len()),
        };
        Span::new(start, end)
    }

    /// The offset of a unit at or a little before unit `number`, and how many units are between.
    pub(super) fn before(&self, number: usize) -> Option<(usize, usize)> {
        let known = number < self.count;
        let at = self.offsets.get(number / STEP).filter(|_| known)?;
        Some((*at, number % STEP))
    }
}
