//! The budget of one scan: what it may hold at a time and how much work it may do, in proportion to
//! the bytes that it was given. A few hundred bytes of deltas can stand for gigabytes; a repository
//! that people made never comes near.
//!
//! Work is counted, not timed, so that the same input gives the same result on every machine. The
//! unit is about a nanosecond on a machine of 2024; the prices were measured.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::work;
pub(crate) use crate::work::SPENT;

/// What every scan may hold: bases of deltas and what is made from them.
const HELD_FREE: u64 = 256 << 20;
/// What it may hold for each byte given.
const HELD_PER_BYTE: u64 = 20;
/// Work that every scan may do. What was found by several threads within it is thrown away if it does
/// not suffice, and one thread does it again: that doubles it.
const WORK_FREE: u64 = 3_400_000_000;
/// Work for each byte given. git's own history needs 3, an archive of jar files about 40.
const WORK_PER_BYTE: u64 = 1_000;

/// Four bytes copied by a delta.
pub(crate) const PRICE_OF_FOUR_COPIED: u64 = 1;
/// A byte that is hashed with collision detection.
pub(crate) const PRICE_OF_HASHED: u64 = 3;
/// How far a scan may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Multiplies the budget, in thousandths; 0 lifts it.
    pub thousandths: u64,
    /// What may be held in any case, in bytes: somebody asked for objects of that size.
    pub least_held: u64,
    /// Bytes that were given.
    given: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            thousandths: 1000,
            least_held: 0,
            given: 0,
        }
    }
}

impl Budget {
    /// Reads a factor as people write it, `10` or `0.5`, into thousandths.
    ///
    /// # Errors
    /// A message if it is no number from 0 to 1,000,000.
    pub fn thousandths(text: &str) -> Result<u64, String> {
        let wrong = || "it is a number from 0 to 1000000; 0 lifts the limit".to_owned();
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) || part.len() > 3 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        if whole > 1_000_000 {
            return Err(wrong());
        }
        Ok(whole * 1000 + part)
    }

    /// The same for `given` bytes.
    #[must_use]
    pub fn for_bytes(self, given: u64) -> Self {
        Self { given, ..self }
    }

    /// Bytes that may be held at a time for one object: its bases, itself, and what is unpacked from it.
    pub fn held(&self) -> u64 {
        self.of(HELD_FREE, HELD_PER_BYTE).max(self.least_held)
    }

    /// Work that may be done.
    pub fn work(&self) -> u64 {
        self.of(WORK_FREE, WORK_PER_BYTE)
    }

    /// Looks at one of many texts, which has `len` bytes; the next has a budget of its own.
    pub fn for_one<R>(self, len: u64, look: impl FnOnce() -> R) -> R {
        let own = self.for_bytes(len);
        work::allow(own.held(), own.work());
        let seen = look();
        work::take_done();
        seen
    }

    fn of(&self, free: u64, per_byte: u64) -> u64 {
        if self.thousandths == 0 {
            return u64::MAX;
        }
        let all = free.saturating_add(per_byte.saturating_mul(self.given));
        all.saturating_mul(self.thousandths) / 1000
    }
}

/// Counts the work of one walk on all its threads.
pub(crate) struct Meter {
    done: AtomicU64,
    most: u64,
}

impl Meter {
    pub(crate) fn new(most: u64) -> Self {
        Self {
            done: AtomicU64::new(0),
            most,
        }
    }

    /// Counts `work` that is about to be done; returns whether it may be.
    pub(crate) fn take(&self, work: u64) -> bool {
        let before = self.done.fetch_add(work, Ordering::Relaxed);
        before.saturating_add(work) <= self.most
    }

    /// Work that is left.
    pub(crate) fn left(&self) -> u64 {
        self.most.saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// Whether more was asked for than may be done.
    pub(crate) fn is_spent(&self) -> bool {
        self.done.load(Ordering::Relaxed) > self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_grows_with_what_was_given() {
        let budget = Budget::default();
        assert_eq!(budget.held(), HELD_FREE);
        assert_eq!(
            budget.for_bytes(1000).held(),
            HELD_FREE + 1000 * HELD_PER_BYTE
        );
        let lifted = Budget {
            thousandths: 0,
            ..budget
        };
        assert_eq!((lifted.held(), lifted.work()), (u64::MAX, u64::MAX));
        let asked = Budget {
            least_held: 1 << 30,
            ..budget
        };
        assert_eq!(asked.held(), 1 << 30);
    }

    #[test]
    fn factors_are_read_as_people_write_them() {
        for (text, thousandths) in [
            ("0", 0),
            ("1", 1000),
            ("10", 10_000),
            ("0.5", 500),
            ("0.05", 50),
        ] {
            assert_eq!(Budget::thousandths(text), Ok(thousandths), "{text}");
        }
        for text in ["", "x", "-1", "1.2345", "2000000", "1e3"] {
            assert!(Budget::thousandths(text).is_err(), "{text}");
        }
    }

    #[test]
    fn meter_refuses_what_goes_over_and_stays_spent() {
        let meter = Meter::new(10);
        assert!(meter.take(10) && !meter.is_spent());
        assert!(!meter.take(1) && meter.is_spent());
    }
}
