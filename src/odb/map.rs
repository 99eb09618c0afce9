//! Read-only memory map of a file.

use std::ops::Deref;
use std::path::Path;

use super::file;
use crate::error::{Error, Result};

/// The bytes of a file, mapped read-only.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps the whole file at `path`.
    ///
    /// # Errors
    /// `Io` if the file cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self> {
        let file = file::open(path).map_err(|e| Error::io("open", path, e))?;
        #[expect(unsafe_code, reason = "memory maps have no safe interface")]
        // SAFETY: the map is only read, as plain bytes that may hold anything. git never changes a
        // pack or index in place, it replaces the file, and a replaced file stays mapped as it was.
        // Someone who truncates the file meanwhile makes the process end with SIGBUS; that is a
        // refusal to answer, never a wrong answer, and the price of not copying gigabytes.
        let map = unsafe { memmap2::Mmap::map(&file) };
        map.map(Self).map_err(|e| Error::io("map", path, e))
    }

    /// Returns a map of memory that holds `bytes`, for what is no file.
    ///
    /// # Errors
    /// `Io` if there is not enough memory.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let wrong = |e| Error::io("map", Path::new("memory"), e);
        let mut map = memmap2::MmapMut::map_anon(bytes.len()).map_err(wrong)?;
        map.copy_from_slice(bytes);
        map.make_read_only().map(Self).map_err(wrong)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
