//! Bytes of some classes, found 64 at a time: a bit for each byte, the first one lowest.

use wide::u8x16;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// Which bytes of `block` are of the class that `is_one` decides without branches, so that the compiler
/// makes vector instructions of it.
#[inline(always)]
pub(super) fn bits(block: &[u8; BLOCK], is_one: impl Fn(u8) -> bool) -> u64 {
    let flags = block.map(|byte| u8::from(is_one(byte)) << 7);
    let (parts, _) = flags.as_chunks();
    (0..).zip(parts).fold(0, |bits, (at, &part)| {
        bits | u64::from(u8x16::new(part).to_bitmask()) << (16 * at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_set_for_each_byte_of_the_class() {
        let mut block = [0u8; BLOCK];
        for first in 0..=u8::MAX {
            for (byte, value) in block.iter_mut().zip((first..=u8::MAX).chain(0..)) {
                *byte = value;
            }
            for byte in &mut block[60..] {
                *byte = b'"';
            }
            let is_one = |byte: u8| byte == b'"' || byte.wrapping_sub(b'a') < 26 || byte > 200;
            let plainly = (0..)
                .zip(block)
                .fold(0, |bits, (at, byte)| bits | u64::from(is_one(byte)) << at);
            assert_eq!(bits(&block, is_one), plainly, "{first}");
        }
    }
}
