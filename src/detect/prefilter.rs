//! One pass over all bytes for all keywords at once: which keyword stands where.
//!
//! Every keyword is represented by one of its four-byte grams, which belongs to one of eight
//! buckets. The pass hashes the four bytes at every offset, letter case folded away, in two ways,
//! and looks up in two tables of 16 KiB, which stay in the first-level cache, which buckets may
//! have that gram; the few offsets for which both agree on a bucket are compared exactly. The cost
//! per byte hardly depends on the number of keywords. [`Twin`] says the same with an Aho-Corasick
//! automaton.
//!
//! Hits are pure functions of position: all occurrences are reported, overlapping ones too.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Error, Result};
use crate::rule::Keyword;

/// Number of a keyword in the order given to [`Prefilter::new`].
pub type KeywordId = u32;

/// Sets the case bit of letters in each of four or eight bytes. It also moves a few other
/// characters, in keywords and data alike; the exact comparison sorts that out.
const FOLD: u64 = 0x2020_2020_2020_2020;
/// [`FOLD`] for one gram.
const FOLD_GRAM: u32 = 0x2020_2020;

/// An odd multiplier with well spread bits (the golden ratio of 2^32).
const MULTIPLIER: u32 = 0x9e37_79b1;

/// Bits of each table's hash.
const TABLE_BITS: u32 = 14;

/// Bits of the hash by which candidates are listed.
const LIST_BITS: u32 = 16;

#[inline(always)]
fn mix(gram: u32) -> u32 {
    gram.wrapping_mul(MULTIPLIER)
}

/// The places of a mixed gram in the two tables.
#[inline(always)]
fn slots(mixed: u32) -> (usize, usize) {
    let mask = (1 << TABLE_BITS) - 1;
    (
        (mixed >> (32 - TABLE_BITS)) as usize,
        ((mixed >> 6) & mask) as usize,
    )
}

fn list_hash(gram: u32) -> usize {
    (mix(gram) >> (32 - LIST_BITS)) as usize
}

/// Finds keywords by hashed grams.
pub struct Prefilter {
    /// For each slot, the buckets of the grams that fall into it.
    first: Box<[u8; 1 << TABLE_BITS]>,
    second: Box<[u8; 1 << TABLE_BITS]>,
    /// For each hash, 1 + the number of its list, or 0.
    lists: Box<[u16; 1 << LIST_BITS]>,
    /// The lists, each sorted by hash and closed by the next one's start.
    candidates: Vec<Candidate>,
    list_starts: Vec<u32>,
    keywords: Vec<Keyword>,
    max_len: usize,
    /// Furthest that a gram stands from the start of its keyword.
    max_offset: usize,
    /// Keywords of three bytes: their gram reaches one byte past them.
    short: Vec<KeywordId>,
}

/// What a gram may be part of. Comparing the gram first spares nearly all looks at keywords.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    hash: usize,
    keyword: KeywordId,
    /// Bytes from the keyword's start to its gram.
    offset: usize,
    /// The gram, under `fold` and `mask`.
    gram: u32,
    /// Case bits to set before comparing: all, or none.
    fold: u32,
    /// Bytes to compare: all four, or the three of a short keyword.
    mask: u32,
}

const GRAM: usize = 4;

impl Prefilter {
    /// Builds the tables. Keywords have at least three bytes.
    ///
    /// # Errors
    /// `Config` if a keyword is shorter, or there are more than 65,534 distinct grams.
    pub fn new(keywords: Vec<Keyword>) -> Result<Self> {
        let mut built = Self {
            first: Box::new([0; 1 << TABLE_BITS]),
            second: Box::new([0; 1 << TABLE_BITS]),
            lists: Box::new([0; 1 << LIST_BITS]),
            candidates: Vec::new(),
            list_starts: Vec::new(),
            max_len: keywords.iter().map(Keyword::span_len).max().unwrap_or(0),
            max_offset: 0,
            keywords: Vec::new(),
            short: Vec::new(),
        };
        for (id, keyword) in (0u32..).zip(&keywords) {
            let fold = if keyword.any_case { FOLD_GRAM } else { 0 };
            match keyword.text[..] {
                [a, b, c] => {
                    if keyword.next.is_empty() {
                        built.short.push(id);
                    }
                    for last in (0..=u8::MAX)
                        .filter(|last| keyword.next.is_empty() || keyword.next.contains(last))
                    {
                        built.add([a, b, c, last], (id, 0), fold, 0x00ff_ffff);
                    }
                }
                _ if keyword.text.len() < GRAM => {
                    return Err(Error::config("a keyword is shorter than three bytes"));
                }
                _ => {
                    let offset = usize::from(keyword.gram);
                    built.max_offset = built.max_offset.max(offset);
                    let text = keyword.text[offset..]
                        .first_chunk()
                        .expect("it has four bytes");
                    built.add(*text, (id, offset), fold, u32::MAX);
                }
            }
        }
        built.keywords = keywords;
        built.link_lists()?;
        Ok(built)
    }

    fn add(
        &mut self,
        gram: [u8; GRAM],
        (keyword, offset): (KeywordId, usize),
        fold: u32,
        mask: u32,
    ) {
        let gram = u32::from_le_bytes(gram);
        let folded = gram | FOLD_GRAM;
        let hash = list_hash(folded);
        let (first, second) = slots(mix(folded));
        let bucket = 1 << (mix(folded) & 7);
        self.first[first] |= bucket;
        self.second[second] |= bucket;
        let gram = (gram | fold) & mask;
        self.candidates.push(Candidate {
            hash,
            keyword,
            offset,
            gram,
            fold,
            mask,
        });
    }

    fn link_lists(&mut self) -> Result<()> {
        self.candidates.sort_unstable();
        self.candidates.dedup();
        let mut last = None;
        for (at, candidate) in (0u32..).zip(&self.candidates) {
            if last.replace(candidate.hash) != Some(candidate.hash) {
                self.list_starts.push(at);
            }
            self.lists[candidate.hash] = u16::try_from(self.list_starts.len())
                .map_err(|_| Error::config("there are too many keywords"))?;
        }
        self.list_starts.push(
            u32::try_from(self.candidates.len())
                .map_err(|_| Error::config("there are too many keywords"))?,
        );
        Ok(())
    }

    /// Length of the longest keyword.
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// The keywords, by number.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }

    /// Calls `hit(start, keyword)` for every occurrence that begins in `starts`, in no order.
    #[inline]
    pub fn find(&self, bytes: &[u8], starts: Range<usize>, mut hit: impl FnMut(usize, KeywordId)) {
        let starts = starts.start..starts.end.min(bytes.len());
        if starts.is_empty() {
            return;
        }
        let end = (starts.end + self.max_offset).min(bytes.len().saturating_sub(GRAM - 1));
        let mut at = starts.start;
        // Eight offsets a turn need eleven bytes; two loads of eight read twelve. The last turn may look at
        // offsets behind the end: most ranges are short, and a turn costs less than its offsets alone.
        while at < end && at + 12 <= bytes.len() {
            let low = load(bytes, at) | FOLD;
            let high = load(bytes, at + 4) | FOLD;
            // Most turns pass nothing: one branch for all eight, which offset it was comes later.
            let passed = self.test(gram_at(low, 0))
                | self.test(gram_at(low, 8))
                | self.test(gram_at(low, 16))
                | self.test(gram_at(low, 24))
                | self.test(gram_at(high, 0))
                | self.test(gram_at(high, 8))
                | self.test(gram_at(high, 16))
                | self.test(gram_at(high, 24));
            if passed != 0 {
                for offset in 0..(end - at).min(8) {
                    let (half, shift) = if offset < 4 {
                        (low, 8 * offset)
                    } else {
                        (high, 8 * (offset - 4))
                    };
                    if self.test(gram_at(half, shift)) != 0 {
                        self.confirm(bytes, at + offset, &starts, &mut hit);
                    }
                }
            }
            at += 8;
        }
        while at < end {
            self.confirm(bytes, at, &starts, &mut hit);
            at += 1;
        }
        self.find_at_end(bytes, &starts, &mut hit);
    }

    /// Returns the buckets that may have the gram.
    #[inline(always)]
    fn test(&self, gram: u32) -> u8 {
        let (first, second) = slots(mix(gram));
        self.first[first] & self.second[second]
    }

    /// Compares exactly what the gram at `at` may be part of.
    #[inline(never)]
    fn confirm(
        &self,
        bytes: &[u8],
        at: usize,
        starts: &Range<usize>,
        hit: &mut impl FnMut(usize, KeywordId),
    ) {
        let Some(gram) = bytes.get(at..).and_then(|rest| rest.first_chunk::<GRAM>()) else {
            return;
        };
        let gram = u32::from_le_bytes(*gram);
        let Some(list) = self.lists[list_hash(gram | FOLD_GRAM)].checked_sub(1) else {
            return;
        };
        let list = usize::from(list);
        let range = self.list_starts[list] as usize..self.list_starts[list + 1] as usize;
        for candidate in &self.candidates[range] {
            if (gram | candidate.fold) & candidate.mask != candidate.gram {
                continue;
            }
            let Some(start) = at.checked_sub(candidate.offset) else {
                continue;
            };
            if starts.contains(&start) && self.stands_at(bytes, start, candidate.keyword) {
                hit(start, candidate.keyword);
            }
        }
    }

    /// Three-byte keywords at the very end have no fourth byte for their gram.
    fn find_at_end(
        &self,
        bytes: &[u8],
        starts: &Range<usize>,
        hit: &mut impl FnMut(usize, KeywordId),
    ) {
        let Some(start) = bytes.len().checked_sub(3) else {
            return;
        };
        if starts.contains(&start) {
            for &keyword in &self.short {
                if self.stands_at(bytes, start, keyword) {
                    hit(start, keyword);
                }
            }
        }
    }

    fn stands_at(&self, bytes: &[u8], start: usize, keyword: KeywordId) -> bool {
        bytes
            .get(start..)
            .is_some_and(|rest| self.keywords[keyword as usize].stands_at_start(rest))
    }
}

/// The four bytes that stand `shift` bits into eight.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a gram is the low four bytes"
)]
#[inline(always)]
fn gram_at(bytes: u64, shift: usize) -> u32 {
    (bytes >> shift) as u32
}

#[inline(always)]
fn load(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the caller left room"))
}

/// The same question answered by an Aho-Corasick automaton: portable, simple, slower. The oracle
/// of [`Prefilter`] in tests, and its rival in benches.
pub struct Twin {
    exact: (AhoCorasick, Vec<KeywordId>),
    any_case: (AhoCorasick, Vec<KeywordId>),
    keywords: Vec<Keyword>,
}

impl Twin {
    /// Builds the automata.
    ///
    /// # Errors
    /// `Config` if the keywords do not fit an automaton.
    pub fn new(keywords: &[Keyword]) -> Result<Self> {
        let build = |any_case: bool| {
            let ids: Vec<KeywordId> = (0u32..)
                .zip(keywords)
                .filter(|(_, k)| k.any_case == any_case)
                .map(|(id, _)| id)
                .collect();
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(any_case)
                .build(ids.iter().map(|&id| &keywords[id as usize].text))
                .map_err(|e| Error::config("cannot build the keyword automaton").because(e))?;
            Ok::<_, Error>((automaton, ids))
        };
        Ok(Self {
            exact: build(false)?,
            any_case: build(true)?,
            keywords: keywords.to_vec(),
        })
    }

    /// Calls `hit(start, keyword)` for every occurrence that begins in `starts`, in no order.
    pub fn find(&self, bytes: &[u8], starts: Range<usize>, mut hit: impl FnMut(usize, KeywordId)) {
        for (automaton, ids) in [&self.exact, &self.any_case] {
            for found in automaton.find_overlapping_iter(bytes) {
                let keyword = ids[found.pattern().as_usize()];
                let follows =
                    self.keywords[keyword as usize].stands_at_start(&bytes[found.start()..]);
                if starts.contains(&found.start()) && follows {
                    hit(found.start(), keyword);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::Random;

    fn sorted(find: impl FnOnce(&mut dyn FnMut(usize, KeywordId))) -> Vec<(usize, KeywordId)> {
        let mut hits = Vec::new();
        find(&mut |start, keyword| hits.push((start, keyword)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn equals_the_automaton_on_random_input() {
        let words = [
            "abc", "ABCD", "bcda", "dab", "aBcDaB", "cc_c", "abcdabcd", "d_aab", "bbbbb",
        ];
        let keywords: Vec<Keyword> = words
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let any_case = n % 2 == 0;
                let text = if any_case {
                    text.to_lowercase()
                } else {
                    (*text).to_owned()
                };
                let next = if n == 3 { b"AC_".to_vec() } else { Vec::new() };
                // Any place will do for the pass to be right.
                let gram = u8::try_from(n % (text.len().max(4) - 3)).unwrap();
                Keyword {
                    text: text.into_bytes(),
                    any_case,
                    next,
                    gram,
                }
            })
            .collect();
        let fast = Prefilter::new(keywords.clone()).unwrap();
        let twin = Twin::new(&keywords).unwrap();
        let mut found = 0;
        for seed in 0..400 {
            let mut random = Random::new(seed);
            let len = random.below(300);
            let mut bytes: Vec<u8> = Vec::new();
            while bytes.len() < len {
                match random.below(3) {
                    0 => bytes.extend_from_slice(random.pick(&words).as_bytes()),
                    _ => bytes.push(*random.pick(b"abcdABCD_")),
                }
            }
            let len = bytes.len();
            let from = random.below(len + 1);
            let to = from + random.below(len + 2 - from);
            let hits = sorted(|hit| fast.find(&bytes, from..to, hit));
            assert_eq!(
                hits,
                sorted(|hit| twin.find(&bytes, from..to, hit)),
                "seed {seed}"
            );
            found += hits.len();
        }
        assert!(found > 1000, "the input is rich in keywords, not {found}");
    }
}
