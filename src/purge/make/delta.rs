//! Writes deltas, as in gitformat-pack(5), "Deltified representation".

use crate::span::Run;

/// Shorter stretches are inserted: an instruction to copy takes up to seven bytes.
const MIN_COPY: usize = 8;

/// What one instruction to copy can copy, and one to insert can insert. git writes no longer copies.
const MAX_COPY: usize = 0x1_0000;
const MAX_INSERT: usize = 0x7f;

/// Bytes of a block by which equal stretches are found.
const BLOCK: usize = 16;

/// Puts a delta that makes `new` from `base` into `out`. `runs` says which stretches of `new` are likely
/// to be the same as stretches of `base`, sorted by their place in `new`; what differs in them, and what
/// lies outside, is inserted.
pub(crate) fn encode(base: &[u8], new: &[u8], runs: &[Run], out: &mut Vec<u8>) {
    out.clear();
    put_size(out, base.len());
    put_size(out, new.len());
    let mut inserted = 0;
    for run in runs {
        let (Some(is), Some(was)) = (
            new.get(run.dst..run.dst + run.len),
            base.get(run.src..run.src + run.len),
        ) else {
            continue;
        };
        let mut at = 0;
        while at < run.len {
            let same = common(&is[at..], &was[at..]);
            if same >= MIN_COPY && run.dst + at >= inserted {
                put_inserts(out, &new[inserted..run.dst + at]);
                put_copies(out, run.src + at, same);
                inserted = run.dst + at + same;
            }
            // The first byte after it differs.
            at += same + 1;
        }
    }
    put_inserts(out, &new[inserted..]);
}

/// The length of the common start.
fn common(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let whole = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let whole = whole.take_while(|(a, b)| a == b).count() * STEP;
    let rest = a[whole..].iter().zip(&b[whole..]);
    whole + rest.take_while(|(a, b)| a == b).count()
}

fn low_byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

fn put_size(out: &mut Vec<u8>, mut size: usize) {
    while size > 0x7f {
        out.push(low_byte(size) | 0x80);
        size >>= 7;
    }
    out.push(low_byte(size));
}

fn put_inserts(out: &mut Vec<u8>, bytes: &[u8]) {
    for part in bytes.chunks(MAX_INSERT) {
        out.push(low_byte(part.len()));
        out.extend_from_slice(part);
    }
}

fn put_copies(out: &mut Vec<u8>, mut src: usize, mut len: usize) {
    while len > 0 {
        let part = len.min(MAX_COPY);
        let code = out.len();
        out.push(0x80);
        let mut put = |mask: u8, byte: usize| {
            if byte & 0xff != 0 {
                out.push(low_byte(byte));
                out[code] |= mask;
            }
        };
        for (mask, shift) in [(1, 0), (2, 8), (4, 16), (8, 24)] {
            put(mask, src >> shift);
        }
        // No bytes mean the longest copy.
        if part < MAX_COPY {
            put(0x10, part);
            put(0x20, part >> 8);
        }
        src += part;
        len -= part;
    }
}

/// Finds stretches of `new` that are in `base`, too: by blocks of the base, extended in both directions.
pub(crate) fn find_runs(base: &[u8], new: &[u8]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let blocks = base.len() / BLOCK;
    if blocks == 0 || new.len() < BLOCK {
        return runs;
    }
    let bits = (2 * blocks).next_power_of_two().trailing_zeros();
    // Each slot has one more than the number of a block.
    let mut slots = vec![0u32; 1 << bits];
    for number in (0..blocks).rev() {
        let block = &base[number * BLOCK..];
        slots[slot(block, bits)] = u32::try_from(number + 1).unwrap_or(0);
    }
    let (mut at, mut end) = (0, 0);
    while at + BLOCK <= new.len() {
        let found = slots[slot(&new[at..], bits)] as usize;
        let src = found.wrapping_sub(1).wrapping_mul(BLOCK);
        if found == 0 || base[src..src + BLOCK] != new[at..at + BLOCK] {
            at += 1;
            continue;
        }
        let before = new[end..at].iter().rev().zip(base[..src].iter().rev());
        let before = before.take_while(|(a, b)| a == b).count();
        let len = before + common(&new[at..], &base[src..]);
        let (dst, src) = (at - before, src - before);
        runs.push(Run { dst, src, len });
        end = dst + len;
        at = end;
    }
    runs
}

/// The slot of the block at the start of `bytes` in a table of `1 << bits`.
fn slot(bytes: &[u8], bits: u32) -> usize {
    let word = |at: usize| {
        let mut word = [0; BLOCK / 2];
        word.copy_from_slice(&bytes[at..at + BLOCK / 2]);
        u64::from_le_bytes(word)
    };
    let mixed = (word(0) ^ word(BLOCK / 2).rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> (64 - bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odb::delta;

    /// A pseudo-random number below `below`; the state is the seed.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    fn applied(base: &[u8], new: &[u8], runs: &[Run]) -> usize {
        let (mut out, mut made, mut copied) = (Vec::new(), Vec::new(), Vec::new());
        encode(base, new, runs, &mut out);
        delta::apply(&out, base, 1 << 30, &mut made, &mut copied).unwrap();
        assert!(made == new, "the delta makes other bytes");
        out.len()
    }

    #[test]
    fn a_delta_of_random_texts_makes_the_text_again() {
        for seed in 0..2_000 {
            let mut state = seed;
            let len = random(&mut state, 3_000);
            let base: Vec<u8> = (0..len)
                .map(|_| u8::try_from(random(&mut state, 5)).unwrap())
                .collect();
            let mut new = base.clone();
            for _ in 0..random(&mut state, 6) {
                let start = random(&mut state, new.len() + 1);
                let end = start + random(&mut state, new.len() - start + 1).min(300);
                let put: Vec<u8> = (0..random(&mut state, 300))
                    .map(|_| u8::try_from(random(&mut state, 256)).unwrap())
                    .collect();
                new.splice(start..end, put);
            }
            applied(&base, &new, &find_runs(&base, &new));
            // Whatever the runs say.
            let mut runs: Vec<Run> = (0..random(&mut state, 5))
                .map(|_| Run {
                    dst: random(&mut state, 3_000),
                    src: random(&mut state, 3_000),
                    len: random(&mut state, 3_000),
                })
                .collect();
            runs.sort_by_key(|run| run.dst);
            applied(&base, &new, &runs);
        }
    }

    #[test]
    fn a_small_change_makes_a_small_delta() {
        let mut state = 1;
        let base: Vec<u8> = (0..200_000)
            .map(|_| u8::try_from(random(&mut state, 256)).unwrap())
            .collect();
        let mut new = base.clone();
        new.splice(150_000..150_020, *b"another text");
        let whole = Run {
            dst: 0,
            src: 0,
            len: 150_000,
        };
        let rest = Run {
            dst: 150_012,
            src: 150_020,
            len: 49_980,
        };
        assert!(applied(&base, &new, &[whole, rest]) < 100);
        assert!(applied(&base, &new, &find_runs(&base, &new)) < 100);
    }
}
