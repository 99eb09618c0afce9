//! How far a long run has come. The library counts; what is shown is the program's choice.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a scan advances and another thread may read at any time.
#[derive(Debug, Default)]
pub struct Progress {
    objects: AtomicU64,
    total_objects: AtomicU64,
    bytes: AtomicU64,
    total_bytes: AtomicU64,
}

/// One reading of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressCounts {
    /// Objects done.
    pub objects: u64,
    /// Objects known in all; 0 while unknown.
    pub total_objects: u64,
    /// Stored (compressed) bytes done.
    pub bytes: u64,
    /// Stored bytes in all; 0 while unknown.
    pub total_bytes: u64,
}

impl Progress {
    /// Announces more work.
    pub fn expect(&self, objects: u64, bytes: u64) {
        self.total_objects.fetch_add(objects, Ordering::Relaxed);
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts work as done.
    pub fn advance(&self, objects: u64, bytes: u64) {
        self.objects.fetch_add(objects, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Reads all counters.
    pub fn snapshot(&self) -> ProgressCounts {
        ProgressCounts {
            objects: self.objects.load(Ordering::Relaxed),
            total_objects: self.total_objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
        }
    }
}
