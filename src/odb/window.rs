//! Reads an object that is too large to be held, one window after the other. Windows overlap, so
//! that whatever is looked for stands whole in one of them.

use std::io::Read;
use std::ops::Range;

use gix::hash::Kind as HashKind;

use super::ObjectKind;
use super::reason::reason;

/// The size of a window without overlap, and of the overlap on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSizes {
    /// Bytes that are a window's own.
    pub own: usize,
    /// Bytes before and behind them.
    pub overlap: usize,
}

impl Default for WindowSizes {
    fn default() -> Self {
        Self {
            own: 16 << 20,
            overlap: 1 << 20,
        }
    }
}

/// A part of an object.
#[derive(Clone, Debug)]
pub struct Window<'b> {
    /// Its bytes.
    pub bytes: &'b [u8],
    /// Where they begin in the object.
    pub at: u64,
    /// Those of them that no other window has as its own.
    pub own: Range<usize>,
    /// Whether they reach the object's end.
    pub is_last: bool,
    /// Bytes before its own that it shares with the window before.
    overlap: usize,
}

impl Window<'_> {
    /// Its own bytes and half of what it shares with its neighbours: of what overlaps at the edge
    /// of its own bytes, all is seen.
    pub fn searched(&self) -> Range<usize> {
        let half = self.overlap / 2;
        self.own.start.saturating_sub(half)..self.bytes.len().min(self.own.end + half)
    }

    /// Where in it the next window begins.
    pub fn next_start(&self) -> usize {
        self.own.end.saturating_sub(self.overlap)
    }
}

/// Shows the `size` bytes that `reader` gives to `see`, window by window. Each byte is one window's
/// own.
///
/// # Errors
/// A message if there are fewer or more bytes, or they cannot be read.
pub fn read(
    mut reader: impl Read,
    size: u64,
    sizes: WindowSizes,
    see: &mut dyn FnMut(&Window<'_>),
) -> Result<(), String> {
    let most = (sizes.own + 2 * sizes.overlap) as u64;
    let mut buffer: Vec<u8> = Vec::new();
    buffer.reserve_exact(usize::try_from(size.min(most) + 1).map_err(|e| e.to_string())?);
    // Offset of the buffer, and of the first byte that was no window's own.
    let (mut at, mut next) = (0u64, 0u64);
    loop {
        let wanted = sizes.own + 2 * sizes.overlap - buffer.len();
        let wanted = (wanted as u64).min(size - at - buffer.len() as u64);
        let read = (&mut reader).take(wanted).read_to_end(&mut buffer);
        let read = read.map_err(|e| format!("zlib stream is damaged ({e})"))?;
        if read as u64 != wanted {
            return Err(format!("stream ends early, {size} bytes announced"));
        }
        let is_last = at + buffer.len() as u64 == size;
        let first = usize::try_from(next - at).map_err(|e| e.to_string())?;
        let end = if is_last {
            buffer.len()
        } else {
            buffer.len() - sizes.overlap
        };
        see(&Window {
            bytes: &buffer,
            at,
            own: first..end,
            is_last,
            overlap: sizes.overlap,
        });
        if is_last {
            break;
        }
        next = at + end as u64;
        let kept = end.saturating_sub(sizes.overlap);
        buffer.drain(..kept);
        at += kept as u64;
    }
    match reader.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(format!("stream holds more than the {size} bytes announced")),
        Err(e) => Err(format!("zlib stream is damaged ({e})")),
    }
}

/// Passes bytes on and hashes them as those of an object.
pub struct Hashing<R> {
    reader: R,
    hasher: gix::hash::Hasher,
}

impl<R: Read> Hashing<R> {
    /// Starts with an object's header.
    pub fn new(reader: R, hash: HashKind, kind: ObjectKind, size: u64) -> Self {
        let mut hasher = gix::hash::hasher(hash);
        hasher.update(format!("{} {size}\0", kind.name()).as_bytes());
        Self { reader, hasher }
    }

    /// The id of the object that was read.
    ///
    /// # Errors
    /// A message if the bytes are a SHA-1 collision attack.
    pub fn finish(self) -> Result<gix::ObjectId, String> {
        self.hasher.try_finalize().map_err(reason)
    }
}

impl<R: Read> Read for &mut Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..len]);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_everything_once_with_enough_around_it() {
        for len in [0usize, 1, 7, 64, 99, 100, 101, 500, 1234] {
            let bytes: Vec<u8> = (0..=250u8).cycle().take(len).collect();
            for (own, overlap) in [(1, 1), (10, 3), (64, 16), (100, 0)] {
                let mut covered = Vec::new();
                let sizes = WindowSizes { own, overlap };
                read(&bytes[..], len as u64, sizes, &mut |window| {
                    let at = usize::try_from(window.at).unwrap();
                    assert_eq!(window.bytes, &bytes[at..at + window.bytes.len()]);
                    assert!(window.own.start >= overlap || at == 0 && window.own.start == 0);
                    assert!(window.is_last || window.bytes.len() - window.own.end == overlap);
                    covered.extend_from_slice(&window.bytes[window.own.clone()]);
                })
                .unwrap();
                assert_eq!(covered, bytes, "{len} bytes, {sizes:?}");
            }
        }
    }

    #[test]
    fn wrong_sizes_are_noticed() {
        let see = &mut |_: &Window<'_>| ();
        assert!(read(&b"abc"[..], 4, WindowSizes::default(), see).is_err());
        assert!(read(&b"abc"[..], 2, WindowSizes::default(), see).is_err());
    }
}
