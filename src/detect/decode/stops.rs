//! Where the units of an encoded text stand: found from the nearest of many known places, rather
//! than from the beginning for each secret in it.

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

    /// The offset of a unit at or a little before unit `number`, and how many units are between.
    pub(super) fn before(&self, number: usize) -> Option<(usize, usize)> {
        let known = number < self.count;
        let at = self.offsets.get(number / STEP).filter(|_| known)?;
        Some((*at, number % STEP))
    }
}
