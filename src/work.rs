//! Counts the work of one thread, and bounds it. A scan opens encodings and archives deep inside of
//! other texts; every layer takes from the same counters, so that a few bytes cannot ask for minutes.
//!
//! Work is counted, not timed: the same input gives the same result on every machine. The unit is
//! about a nanosecond on a machine of 2024. Whoever shows an object calls [`allow`] before and
//! [`take_done`] after; without that there is no limit.

use std::cell::Cell;

/// What is said of what the budget leaves out.
pub(crate) const SPENT: &str = "the budget of the scan, in proportion to the size of its input, is spent ('--budget' raises it)";

thread_local! {
    static BYTES_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static WORK_LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static DONE: Cell<u64> = const { Cell::new(0) };
}

/// Lets this thread unpack `bytes` and do `work` from now on; `u64::MAX` lifts a limit. Forgets what
/// was done before.
pub fn allow(bytes: u64, work: u64) {
    BYTES_LEFT.set(bytes);
    WORK_LEFT.set(work);
    DONE.set(0);
}

/// Lifts the limits; returns the work that was done since [`allow`].
pub fn take_done() -> u64 {
    let done = DONE.get();
    allow(u64::MAX, u64::MAX);
    done
}

/// Counts `work`; returns whether it was within the limit.
pub fn spend(work: u64) -> bool {
    DONE.set(DONE.get().saturating_add(work));
    let left = WORK_LEFT.get();
    if left == u64::MAX {
        return true;
    }
    WORK_LEFT.set(left.saturating_sub(work));
    work <= left
}

/// Counts `bytes` as unpacked.
pub fn unpacked(bytes: u64) {
    let left = BYTES_LEFT.get();
    if left != u64::MAX {
        BYTES_LEFT.set(left.saturating_sub(bytes));
    }
}

/// Bytes that may still be unpacked.
pub fn bytes_left() -> u64 {
    BYTES_LEFT.get()
}

/// Work that may still be done.
pub fn left() -> u64 {
    WORK_LEFT.get()
}

/// Whether there is nothing left to do anything with.
pub fn is_spent() -> bool {
    WORK_LEFT.get() == 0 || BYTES_LEFT.get() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_and_bounded_on_one_thread() {
        assert!(spend(u64::MAX) && !is_spent(), "there is no limit at first");
        allow(10, 100);
        assert!(spend(60) && !spend(60) && is_spent());
        assert_eq!(take_done(), 120);
        assert!(!is_spent());
        allow(10, 100);
        unpacked(11);
        assert!(is_spent() && bytes_left() == 0 && left() == 100);
        take_done();
    }
}
