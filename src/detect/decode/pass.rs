//! One pass over a buffer for everything by which encoded texts are found: its bytes are read once, 64 at
//! a time, whatever the number of encodings.
//!
//! Most encodings begin with one of a few common bytes. The next byte tells whether one can begin there: [`PAIRS`]
//! lists the pairs. With AVX2 (x86-64), tables for the halves of each byte find them, and let some other pairs
//! through. The finder that gets a place decides.

use std::ops::Range;

use super::blocks::{BLOCK, bits};

/// What is told of each place that may be of an encoded text. Places of one kind come in ascending order.
pub(super) trait Look {
    /// A run of symbols of base64 may end in a block, or be whole in it.
    fn at_run(&mut self, block: Block);
    /// A pair may begin at `at`.
    fn at_pair(&mut self, at: usize);
}

/// A block that may have a run. The symbols are those that [`may_be_symbol`] says, a bit for each.
pub(super) struct Block {
    pub(super) start: usize,
    /// Those of the block before. The byte before the range counts as one.
    pub(super) before: u64,
    pub(super) symbols: u64,
}

/// So many symbols make a run.
pub(super) const RUN_LEN: usize = 24;

/// The first bytes of pairs, and the second ones.
const PAIRS: [(&[u8], &[u8]); 15] = [
    // A literal and what can join it with the next, but for the commas of a list.
    (b"\"'", b" \"$&'+."),
    (b"\"'", b"fbruLRFBU@|~^\\_`"),
    (b"\"'", b"<"),
    // The same, a line that a backslash joins with the next, and a soft break of quoted-printable.
    (b"\"'\\=", b"\t\n\r"),
    // Escapes.
    (b"\\", b"ux01"),
    (b"\\", b"/"),
    (b"%", b"0123456789"),
    (b"%", b"abcdefABCDEF"),
    (b"&", b"#"),
    (b"&", b"aqlgecsphdn"),
    (b"\x1b", b"["),
    // Quoted-printable, the offsets of dumps, and patches of binary files.
    (b"=", b"3"),
    (b"0", b" "),
    (b"0", b":"),
    (b"\n", b"ld"),
];

/// Of each byte, a bit for each of the pairs that have it as the first, or as the second.
struct Table([u16; 256]);

impl Table {
    const fn of(is_second: bool) -> Self {
        let mut table = [0; 256];
        let mut pair = 0;
        while pair < PAIRS.len() {
            let bytes = if is_second {
                PAIRS[pair].1
            } else {
                PAIRS[pair].0
            };
            let mut at = 0;
            while at < bytes.len() {
                table[bytes[at] as usize] |= 1 << pair;
                at += 1;
            }
            pair += 1;
        }
        Self(table)
    }

    fn get(&self, byte: u8) -> u16 {
        self.0[usize::from(byte)]
    }
}

static FIRST: Table = Table::of(false);
static SECOND: Table = Table::of(true);

/// What a block has, a bit for each byte, the first one lowest; by halves, of which vectors are made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// What can be a symbol of base64.
    symbols: [u32; 2],
    quotes: [u32; 2],
    pairs: [u32; 2],
}

#[inline(always)]
fn join([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of it")]
#[inline(always)]
fn split(bits: u64) -> [u32; 2] {
    [bits as u32, (bits >> 32) as u32]
}

/// A block and the byte behind it.
type Seen = [u8; BLOCK + 1];

/// Whether a byte can be a symbol of base64, by one comparison: blanks, quotes and brackets cannot.
#[inline(always)]
fn may_be_symbol(byte: u8) -> bool {
    byte.cast_signed() > 0x2a
}

#[inline(always)]
fn marks(seen: &Seen) -> Marks {
    let (block, _) = seen.split_first_chunk().expect("it is longer");
    let pairs = (0..).zip(seen.windows(2)).fold(0u64, |bits, (at, pair)| {
        let is_one = FIRST.get(pair[0]) & SECOND.get(pair[1]) != 0;
        bits | u64::from(is_one) << at
    });
    Marks {
        symbols: split(bits(block, may_be_symbol)),
        quotes: split(bits(block, |byte| (byte == b'"') | (byte == b'\''))),
        pairs: split(pairs),
    }
}

/// Whether so many bits of `bits` are set one behind the other, or of the end of `before` and the start
/// of `bits`.
#[inline(always)]
fn has_run(before: u64, bits: u64) -> bool {
    let of_2 = bits & bits >> 1;
    let of_4 = of_2 & of_2 >> 2;
    let of_8 = of_4 & of_4 >> 4;
    let run = of_8 & of_8 >> 8 & of_8 >> 16;
    run != 0 || (before.leading_ones() + bits.trailing_ones()) as usize >= RUN_LEN
}

/// Finds the marks of the blocks of `bytes` from a place on.
pub(super) type Mark = fn(&[u8], usize, &mut [Marks]);

/// The fastest that the processor has the instructions for.
pub(super) fn fastest() -> Mark {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::mark;
    }
    mark
}

/// Blocks that are marked at once.
const AT_ONCE: usize = 16;

/// Tells `look` of every place in `range` of `bytes`, and of some behind it.
pub(super) fn pass(bytes: &[u8], range: Range<usize>, mark: Mark, look: &mut impl Look) {
    let mut all = [Marks::default(); AT_ONCE];
    // The bytes before the range are not known: they count as a symbol, and as quotes.
    let (mut symbols_before, mut quotes_before) = (1 << 63, 0b11);
    let end = range.end;
    for from in range.step_by(AT_ONCE * BLOCK) {
        let count = (end - from).div_ceil(BLOCK).min(AT_ONCE);
        mark(bytes, from, &mut all[..count]);
        for (block, found) in (from..).step_by(BLOCK).zip(&all[..count]) {
            let [symbols, quotes, pairs] = [found.symbols, found.quotes, found.pairs].map(join);
            if has_run(symbols_before, symbols) {
                look.at_run(Block {
                    start: block,
                    before: symbols_before,
                    symbols,
                });
            }
            // A literal ends behind a visible character, one of a list is a single one.
            let ends = symbols << 1 | symbols_before >> 63;
            let alone = quotes & (quotes << 2 | quotes_before);
            let mut places = pairs & (!quotes | ends) | alone;
            while places != 0 {
                look.at_pair(block + places.trailing_zeros() as usize);
                places &= places - 1;
            }
            symbols_before = symbols;
            quotes_before = quotes >> 62;
        }
    }
}

/// Shows the blocks from `from` on, filled up with zeros behind the end of `bytes`.
#[inline(always)]
fn each_block(bytes: &[u8], from: usize, all: &mut [Marks], marks: impl Fn(&Seen) -> Marks) {
    for (block, found) in (from..).step_by(BLOCK).zip(all) {
        let rest = &bytes[block..];
        *found = match rest.first_chunk() {
            Some(seen) => marks(seen),
            None => {
                let mut last = [0; BLOCK + 1];
                last[..rest.len()].copy_from_slice(rest);
                marks(&last)
            }
        };
    }
}

/// Without instructions that only some processors have.
pub(super) fn mark(bytes: &[u8], from: usize, all: &mut [Marks]) {
    each_block(bytes, from, all, marks);
}

/// The same with vectors of 32 bytes.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
        _mm256_srli_epi16,
    };

    use super::{FIRST, Marks, SECOND, Seen, each_block};

    /// Of the lower and of the upper half of a byte, the bits of the pairs that have a byte with that half:
    /// twice, as a vector looks up in both its parts.
    struct Halves {
        low: [u8; 32],
        high: [u8; 32],
    }

    impl Halves {
        /// For the pairs from number `from` on.
        const fn of(table: &super::Table, from: usize) -> Self {
            let (mut low, mut high) = ([0; 32], [0; 32]);
            let mut byte = 0;
            while byte < 128 {
                #[expect(clippy::cast_possible_truncation, reason = "eight of the pairs")]
                let bits = (table.0[byte] >> from) as u8;
                low[byte % 16] |= bits;
                low[byte % 16 + 16] |= bits;
                high[byte / 16] |= bits;
                high[byte / 16 + 16] |= bits;
                byte += 1;
            }
            Self { low, high }
        }
    }

    static FIRST_HALVES: [Halves; 2] = [Halves::of(&FIRST, 0), Halves::of(&FIRST, 8)];
    static SECOND_HALVES: [Halves; 2] = [Halves::of(&SECOND, 0), Halves::of(&SECOND, 8)];

    /// Whether the processor has what [`mark`] needs.
    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx2")
    }

    #[expect(
        unsafe_code,
        reason = "the compiler cannot know what the processor has"
    )]
    pub(super) fn mark(bytes: &[u8], from: usize, all: &mut [Marks]) {
        assert!(is_there(), "the caller has asked");
        // SAFETY: the processor has what the function needs.
        unsafe { mark_there(bytes, from, all) }
    }

    #[target_feature(enable = "avx2")]
    fn mark_there(bytes: &[u8], from: usize, all: &mut [Marks]) {
        each_block(bytes, from, all, |seen| marks(seen));
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn marks(seen: &Seen) -> Marks {
        let (low, high) = (part(seen, 0), part(seen, 32));
        Marks {
            symbols: [low.symbols, high.symbols],
            quotes: [low.quotes, high.quotes],
            pairs: [low.pairs, high.pairs],
        }
    }

    /// What half a block has.
    struct Part {
        symbols: u32,
        quotes: u32,
        pairs: u32,
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn part(seen: &Seen, at: usize) -> Part {
        let (first, second) = (load(seen, at), load(seen, at + 1));
        let low = both(&FIRST_HALVES[0], first, &SECOND_HALVES[0], second);
        let high = both(&FIRST_HALVES[1], first, &SECOND_HALVES[1], second);
        let none = _mm256_cmpeq_epi8(_mm256_or_si256(low, high), _mm256_setzero_si256());
        let symbols = _mm256_cmpgt_epi8(first, _mm256_set1_epi8(0x2a));
        let double = _mm256_cmpeq_epi8(first, _mm256_set1_epi8(b'"'.cast_signed()));
        let single = _mm256_cmpeq_epi8(first, _mm256_set1_epi8(b'\''.cast_signed()));
        Part {
            symbols: _mm256_movemask_epi8(symbols).cast_unsigned(),
            quotes: _mm256_movemask_epi8(_mm256_or_si256(double, single)).cast_unsigned(),
            pairs: !_mm256_movemask_epi8(none).cast_unsigned(),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(seen: &Seen, at: usize) -> __m256i {
        bytemuck::cast(*seen[at..].first_chunk::<32>().expect("there are so many"))
    }

    /// The pairs that have each byte as the first, and the one behind it as the second.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn both(firsts: &Halves, first: __m256i, seconds: &Halves, second: __m256i) -> __m256i {
        _mm256_and_si256(look_up(firsts, first), look_up(seconds, second))
    }

    /// The bits that both halves of each byte have.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn look_up(halves: &Halves, bytes: __m256i) -> __m256i {
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
        _mm256_and_si256(
            _mm256_shuffle_epi8(bytemuck::cast(halves.low), bytes),
            _mm256_shuffle_epi8(bytemuck::cast(halves.high), upper),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::Random;

    /// Bytes of which many begin pairs.
    fn random_bytes(random: &mut Random) -> Vec<u8> {
        let all: Vec<u8> = PAIRS
            .iter()
            .flat_map(|pair| [pair.0, pair.1].concat())
            .collect();
        let len = random.below(300);
        let mut byte = |_| match random.below(3) {
            0 => random.bits().to_le_bytes()[0],
            1 => b'A',
            _ => *random.pick(&all),
        };
        (0..len).map(&mut byte).collect()
    }

    #[test]
    fn marks_are_those_of_a_plain_search() {
        let mut random = Random::new(3);
        for _ in 0..2_000 {
            let bytes = random_bytes(&mut random);
            let mut all = vec![Marks::default(); bytes.len().div_ceil(BLOCK)];
            mark(&bytes, 0, &mut all);
            let mut fast = all.clone();
            fastest()(&bytes, 0, &mut fast);
            for (at, &byte) in bytes.iter().enumerate() {
                let bit = |bits: [u32; 2]| join(bits) >> (at % BLOCK) & 1 == 1;
                let (found, fast) = (&all[at / BLOCK], &fast[at / BLOCK]);
                let next = bytes.get(at + 1).copied().unwrap_or_default();
                let is_pair = PAIRS
                    .iter()
                    .any(|pair| pair.0.contains(&byte) && pair.1.contains(&next));
                assert_eq!(bit(found.pairs), is_pair, "{at} of {bytes:?}");
                assert!(!is_pair || bit(fast.pairs), "{at} of {bytes:?}");
                for found in [found, fast] {
                    assert_eq!(bit(found.symbols), may_be_symbol(byte), "{at} of {bytes:?}");
                    assert_eq!(
                        bit(found.quotes),
                        b"\"'".contains(&byte),
                        "{at} of {bytes:?}"
                    );
                }
            }
        }
    }

    /// Quotes that a plain search would look at: of a pair behind a visible character, or two behind
    /// another one.
    #[test]
    fn places_are_those_of_a_plain_search() {
        struct Places(Vec<usize>);
        impl Look for Places {
            fn at_run(&mut self, _block: Block) {}
            fn at_pair(&mut self, at: usize) {
                self.0.push(at);
            }
        }
        let mut random = Random::new(4);
        for _ in 0..2_000 {
            let bytes = random_bytes(&mut random);
            let mut places = Places(Vec::new());
            pass(&bytes, 0..bytes.len(), mark, &mut places);
            let is_quote = |at: usize| b"\"'".contains(&bytes[at]);
            let is_place = |&at: &usize| {
                let next = bytes.get(at + 1).copied().unwrap_or_default();
                let is_pair = FIRST.get(bytes[at]) & SECOND.get(next) != 0;
                let is_behind = at == 0 || may_be_symbol(bytes[at - 1]);
                let is_alone = is_quote(at) && (at < 2 || is_quote(at - 2));
                is_pair && (!is_quote(at) || is_behind) || is_alone
            };
            let expected: Vec<usize> = (0..bytes.len()).filter(is_place).collect();
            assert_eq!(places.0, expected, "{bytes:?}");
        }
    }
}
