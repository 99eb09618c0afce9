//! Counts what a thread unpacks, and bounds it: a scan opens archives deep inside of other texts, and
//! its budget is one for all of them.

use std::cell::Cell;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    static DONE: Cell<u64> = const { Cell::new(0) };
}

/// Lets this thread unpack `bytes` from now on, whatever [`super::Limits`] allow for one buffer;
/// `u64::MAX` lifts that.
pub fn allow(bytes: u64) {
    LEFT.set(bytes);
}

/// Returns how many bytes this thread unpacked since it was last asked.
pub fn take_done() -> u64 {
    DONE.replace(0)
}

/// Bytes that may still be unpacked.
pub(super) fn left() -> u64 {
    LEFT.get()
}

/// Counts `bytes` as unpacked.
pub(super) fn count(bytes: u64) {
    DONE.set(DONE.get().saturating_add(bytes));
    if LEFT.get() != u64::MAX {
        LEFT.set(LEFT.get().saturating_sub(bytes));
    }
}
