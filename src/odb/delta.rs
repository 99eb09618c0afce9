//! Applies one delta to its base, and says which runs it copied.
//!
//! Format: gitformat-pack(5), "Deltified representation". Every number in a delta is a claim: each
//! instruction is checked against both sizes before a byte of it is made.

use crate::span::Run;

/// What a delta announces at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaSizes {
    /// Bytes of the base it was made against.
    pub base: u64,
    /// Bytes of the result.
    pub result: u64,
}

/// Reads the sizes; returns them and the offset of the first instruction.
///
/// # Errors
/// A message if the delta ends inside them or a size does not fit 64 bits.
pub fn sizes(delta: &[u8]) -> Result<(DeltaSizes, usize), String> {
    let (base, at) = size_at(delta, 0)?;
    let (result, at) = size_at(delta, at)?;
    Ok((DeltaSizes { base, result }, at))
}

fn size_at(delta: &[u8], mut at: usize) -> Result<(u64, usize), String> {
    let (mut size, mut shift) = (0u64, 0u32);
    loop {
        let byte = *delta.get(at).ok_or("delta ends inside its sizes")?;
        at += 1;
        let part = u64::from(byte & 0x7f);
        if shift > 63 || (part << shift) >> shift != part {
            return Err("delta announces a size beyond 64 bits".into());
        }
        size |= part << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok((size, at));
        }
    }
}

/// One instruction.
enum Op {
    Copy { src: usize, len: usize },
    Insert { at: usize, len: usize },
}

/// Reads the instruction at `at`, which is inside `delta`; returns it and the next offset.
#[inline]
fn op_at(delta: &[u8], at: usize) -> Result<(Op, usize), String> {
    let code = delta[at];
    let mut at = at + 1;
    if code & 0x80 == 0 {
        let len = usize::from(code);
        if len == 0 {
            return Err("delta holds the reserved instruction 0".into());
        }
        if delta.len() - at < len {
            return Err("delta ends inside an insert instruction".into());
        }
        return Ok((Op::Insert { at, len }, at + len));
    }
    // The bytes behind the code, the first one lowest: at most seven.
    let rest = &delta[at..];
    let mut bytes = match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest
            .iter()
            .rev()
            .fold(0, |bytes, &byte| bytes << 8 | u64::from(byte)),
    };
    // Without branches: which of the fields are there differs from one instruction to the next.
    let mut field = |bit: u32, shift: u32| {
        let is_there = u64::from(code >> bit & 1);
        let value = bytes & (0xff * is_there);
        bytes >>= 8 * is_there;
        value << shift
    };
    let src = field(0, 0) | field(1, 8) | field(2, 16) | field(3, 24);
    let len = match field(4, 0) | field(5, 8) | field(6, 16) {
        0 => 0x1_0000,
        len => len,
    };
    let fields = (code & 0x7f).count_ones() as usize;
    if fields > rest.len() {
        return Err("delta ends inside a copy instruction".into());
    }
    at += fields;
    let [src, len] = [src, len].map(|field| usize::try_from(field).unwrap_or(usize::MAX));
    Ok((Op::Copy { src, len }, at))
}

/// Applies `delta` to `base`. Puts the result into `out` and the copied runs into `runs`, sorted
/// by `dst` and merged where contiguous on both sides; both are cleared first.
///
/// # Errors
/// A message if the delta is damaged, was made against a base of another size, or announces a
/// result larger than `max_bytes`. `out` and `runs` are then meaningless.
pub fn apply(
    delta: &[u8],
    base: &[u8],
    max_bytes: u64,
    out: &mut Vec<u8>,
    runs: &mut Vec<Run>,
) -> Result<(), String> {
    out.clear();
    runs.clear();
    let (sizes, start) = sizes(delta)?;
    if sizes.base != base.len() as u64 {
        let have = base.len();
        return Err(format!(
            "delta was made against {} bytes, its base has {have}",
            sizes.base
        ));
    }
    if sizes.result > max_bytes {
        return Err(format!(
            "delta announces {} bytes, over the limit of {max_bytes}",
            sizes.result
        ));
    }
    let result = usize::try_from(sizes.result).map_err(|e| e.to_string())?;
    // What is announced is a claim: more is allocated only as it is made.
    out.reserve_exact(result.min(base.len() + delta.len()));
    let mut at = start;
    while at < delta.len() {
        let (op, next) = op_at(delta, at)?;
        let (from, run) = match op {
            Op::Copy { src, len } => {
                let from = src.checked_add(len).and_then(|end| base.get(src..end));
                let from = from.ok_or_else(|| {
                    let base = base.len();
                    format!("delta copies {len} bytes at {src} of a base of {base}")
                })?;
                (from, Some(src))
            }
            Op::Insert { at, len } => (&delta[at..at + len], None),
        };
        let (dst, len) = (out.len(), from.len());
        if len > result - dst {
            return Err(format!(
                "delta makes more than the {result} bytes announced"
            ));
        }
        out.extend_from_slice(from);
        match (run, runs.last_mut()) {
            (None, _) => {}
            (Some(src), Some(last)) if last.src_end() == src && last.dst_end() == dst => {
                last.len += len;
            }
            (Some(src), _) => runs.push(Run { dst, src, len }),
        }
        at = next;
    }
    if out.len() != result {
        let made = out.len();
        return Err(format!("delta makes {made} bytes, {result} announced"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::Random;

    const MAX: u64 = 1 << 20;

    fn applied(delta: &[u8], base: &[u8]) -> Result<(Vec<u8>, Vec<Run>), String> {
        let (mut out, mut runs) = (Vec::new(), Vec::new());
        apply(delta, base, MAX, &mut out, &mut runs).map(|()| (out, runs))
    }

    #[test]
    fn merges_copies_that_continue_each_other() {
        let delta = [8, 9, 0x91, 0, 4, 0x91, 4, 3, 2, b'x', b'y'];
        let (out, runs) = applied(&delta, b"abcdefgh").unwrap();
        assert_eq!(out, b"abcdefgxy");
        assert_eq!(
            runs,
            [Run {
                dst: 0,
                src: 0,
                len: 7
            }]
        );
    }

    #[test]
    fn keeps_copies_apart_that_jump() {
        let delta = [4, 4, 0x91, 2, 2, 0x90, 2];
        let (out, runs) = applied(&delta, b"abcd").unwrap();
        assert_eq!(out, b"cdab");
        assert_eq!(runs.len(), 2);
    }

    #[test]
    fn a_copy_length_of_zero_means_64_kib() {
        let base = vec![7u8; 0x1_0000];
        let delta = [0x80, 0x80, 4, 0x80, 0x80, 4, 0x80];
        assert_eq!(applied(&delta, &base).unwrap().0, base);
    }

    #[test]
    fn rejects_every_instruction_that_leaves_its_bounds() {
        for (delta, why) in [
            (&[4u8, 4, 0x91, 3, 4][..], "copies"),
            (&[4, 4, 0], "reserved"),
            (&[4, 4, 5, b'a'], "insert"),
            (&[4, 4, 0x91, 0], "copy instruction"),
            (&[5, 4, 0x90, 4], "its base has 4"),
            (&[4, 5, 0x90, 4], "5 announced"),
            (&[4, 3, 0x90, 4], "more than the 3"),
            (&[4, 0x80, 0x80, 0x80, 0x80, 1], "limit"),
            (&[0x80], "sizes"),
            (
                &[
                    4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
                ],
                "64 bits",
            ),
        ] {
            let error = applied(delta, b"abcd").unwrap_err();
            assert!(error.contains(why), "{delta:?}: {error}");
        }
    }

    /// The plain twin of what [`op_at`] reads of a copy instruction: source, length, and the next offset.
    fn copy_plainly(delta: &[u8], at: usize) -> Option<(usize, usize, usize)> {
        let mut next = at + 1;
        let mut fields = [0usize; 7];
        for (bit, field) in fields.iter_mut().enumerate() {
            if delta[at] >> bit & 1 == 1 {
                *field = usize::from(*delta.get(next)?);
                next += 1;
            }
        }
        let [a, b, c, d, e, f, g] = fields;
        let len = e | f << 8 | g << 16;
        let src = a | b << 8 | c << 16 | d << 24;
        Some((src, if len == 0 { 0x1_0000 } else { len }, next))
    }

    #[test]
    fn copies_are_read_as_by_the_plain_reader() {
        let mut random = Random::new(3);
        for code in 0x80..=0xffu8 {
            for len in 0..12 {
                let mut delta = vec![code];
                for _ in 0..len {
                    let byte = random.bits().to_le_bytes()[0];
                    delta.push(*random.pick(&[byte, 0]));
                }
                let read = op_at(&delta, 0).ok().map(|(op, next)| match op {
                    Op::Copy { src, len } => (src, len, next),
                    Op::Insert { .. } => unreachable!("the highest bit is set"),
                });
                assert_eq!(read, copy_plainly(&delta, 0), "{delta:?}");
            }
        }
    }
}
