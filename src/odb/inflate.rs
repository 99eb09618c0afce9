//! Inflates zlib streams into the caller's buffer, never beyond the announced size.

use sirocco::Format;
use sirocco::inflate::{Decoder, Scanner};

/// Deflate cannot expand one byte to more than this many (RFC 1951: 258 bytes from two bits, less
/// overhead). A claimed size beyond it is a lie, found before anything is allocated.
pub const MAX_EXPANSION: u64 = 1032;

/// Reusable inflater: its tables are costly to set up.
pub struct Inflater(Box<Decoder>);

impl Default for Inflater {
    fn default() -> Self {
        Self(Box::new(Decoder::new(Format::Zlib)))
    }
}

impl Inflater {
    /// Inflates the stream at the start of `input`, which must hold exactly `size` bytes, into
    /// `out` (replacing what it held). Returns how many bytes of `input` the stream took.
    ///
    /// # Errors
    /// A message if the stream is damaged, too short, too long, or if `size` cannot be true.
    pub fn inflate(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<usize, String> {
        let size = plausible_size(input.len(), size)?;
        // What the buffer held is overwritten to the last byte, or the call fails: no need to clear.
        out.resize(size, 0);
        self.0.reset();
        let progress = self
            .0
            .decompress(input, out, true)
            .map_err(|e| format!("zlib stream is damaged ({e})"))?;
        if !progress.done {
            return Err(format!(
                "zlib stream holds more than the {size} bytes announced"
            ));
        }
        if progress.output.len() != size {
            let got = progress.output.len();
            return Err(format!("zlib stream holds {got} bytes, {size} announced"));
        }
        Ok(progress.consumed)
    }

    /// Inflates the start of the stream, at most `buffer.len()` bytes; returns what there is.
    ///
    /// # Errors
    /// A message if the stream is damaged.
    pub fn inflate_prefix<'b>(
        &mut self,
        input: &[u8],
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], String> {
        self.0.reset();
        let progress = self
            .0
            .decompress(input, buffer, true)
            .map_err(|e| format!("zlib stream is damaged ({e})"))?;
        Ok(progress.output)
    }

    /// Returns a reader of the stream at the start of `input`, which is said to hold `size` bytes.
    ///
    /// # Errors
    /// A message if it cannot hold as much.
    pub fn reader(input: &[u8], size: u64) -> Result<flate2::bufread::ZlibDecoder<&[u8]>, String> {
        plausible_size(input.len(), size)?;
        Ok(flate2::bufread::ZlibDecoder::new(input))
    }

    /// Returns the length of the data in the stream at the start of `input` without keeping it.
    ///
    /// # Errors
    /// A message if the stream is damaged.
    pub fn measure(input: &[u8]) -> Result<u64, String> {
        Self::measure_both(input).map(|(_, size)| size)
    }

    /// Like [`Self::measure`]; also returns how many bytes of `input` the stream took, first.
    ///
    /// # Errors
    /// A message if the stream is damaged.
    pub fn measure_both(input: &[u8]) -> Result<(usize, u64), String> {
        let mut scanner = Scanner::new(Format::Zlib);
        let used = scanner
            .scan(input, true)
            .map_err(|e| format!("zlib stream is damaged ({e})"))?;
        let used = used.ok_or("zlib stream does not end")?;
        Ok((used, scanner.total_out()))
    }
}

/// Returns `size` if a zlib stream of at most `stored_len` bytes can hold as much.
fn plausible_size(stored_len: usize, size: u64) -> Result<usize, String> {
    if size > (stored_len as u64).saturating_mul(MAX_EXPANSION) {
        return Err(format!(
            "{size} bytes cannot come from {stored_len} stored bytes"
        ));
    }
    usize::try_from(size).map_err(|_| format!("{size} bytes do not fit into memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_size_that_deflate_cannot_reach() {
        let mut out = Vec::new();
        let error = Inflater::default()
            .inflate(&[0x78, 0x9c, 3, 0, 0, 0, 0, 1], u64::MAX / 2, &mut out)
            .unwrap_err();
        assert!(error.contains("cannot come from"), "{error}");
        assert_eq!(
            out.capacity(),
            0,
            "nothing is allocated for a claim that cannot be true"
        );
    }

    #[test]
    fn reports_the_bytes_that_the_stream_took() {
        let mut out = Vec::new();
        // An empty stream followed by two bytes that are not part of it.
        let used = Inflater::default()
            .inflate(&[0x78, 0x9c, 3, 0, 0, 0, 0, 1, 9, 9], 0, &mut out)
            .unwrap();
        assert_eq!(used, 8);
    }
}
