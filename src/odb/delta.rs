//! Applies one delta to its base, and says which runs it copied.
//!
//! Format: gitformat-pack(5), "Deltified representation". Every number in a delta is a claim: all
//! instructions are checked against both sizes before a byte is allocated.

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
    let mut field = |mask: u8, shift: u32| -> Result<usize, String> {
        if code & mask == 0 {
            return Ok(0);
        }
        let byte = *delta
            .get(at)
            .ok_or("delta ends inside a copy instruction")?;
        at += 1;
        Ok(usize::from(byte) << shift)
    };
    let src = field(1, 0)? | field(2, 8)? | field(4, 16)? | field(8, 24)?;
    let len = match field(0x10, 0)? | field(0x20, 8)? | field(0x40, 16)? {
        0 => 0x1_0000,
        len => len,
    };
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
    check_instructions(&delta[start..], base.len(), sizes.result)?;
    out.reserve_exact(usize::try_from(sizes.result).map_err(|e| e.to_string())?);
    let mut at = start;
    while at < delta.len() {
        let (op, next) = op_at(delta, at)?;
        match op {
            Op::Copy { src, len } => {
                let dst = out.len();
                out.extend_from_slice(&base[src..src + len]);
                match runs.last_mut() {
                    Some(last) if last.src_end() == src && last.dst_end() == dst => last.len += len,
                    _ => runs.push(Run { dst, src, len }),
                }
            }
            Op::Insert { at, len } => out.extend_from_slice(&delta[at..at + len]),
        }
        at = next;
    }
    Ok(())
}

/// Walks all instructions without copying: each stays inside the base, and together they make
/// exactly `result` bytes. Only then is it safe to allocate that much.
fn check_instructions(ops: &[u8], base_len: usize, result: u64) -> Result<(), String> {
    let (mut at, mut made) = (0, 0u64);
    while at < ops.len() {
        let (op, next) = op_at(ops, at)?;
        let len = match op {
            Op::Copy { src, len } => {
                if src.checked_add(len).is_none_or(|end| end > base_len) {
                    return Err(format!(
                        "delta copies {len} bytes at {src} of a base of {base_len}"
                    ));
                }
                len
            }
            Op::Insert { len, .. } => len,
        };
        made += len as u64;
        if made > result {
            return Err(format!(
                "delta makes more than the {result} bytes announced"
            ));
        }
        at = next;
    }
    if made != result {
        return Err(format!("delta makes {made} bytes, {result} announced"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
