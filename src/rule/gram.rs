//! Selects the rarest four bytes of a keyword, for which the keyword pass searches.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The length of a gram in bytes.
const GRAM: usize = 4;

/// The most common grams of source code in lower case, the most frequent first. They were counted
/// in the files of a few large projects in C, Rust and shell.
static COMMON_GRAMS: &str = include_str!("common_grams.txt");

/// Returns the position of the gram that is least likely in text and code: one that is not among
/// the common grams, or comes late there. Among several, it takes the one with the fewest vowels
/// and common letters.
pub(super) fn rarest(text: &[u8]) -> u8 {
    static COMMON: LazyLock<HashMap<&[u8], usize>> = LazyLock::new(|| {
        let ranked = (0..).zip(COMMON_GRAMS.split_ascii_whitespace());
        ranked.map(|(rank, gram)| (gram.as_bytes(), rank)).collect()
    });
    let letters = |gram: &[u8]| -> usize {
        let letters = gram.iter().map(|byte| match byte {
            b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 1,
            b'h' | b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'f' | b'g' | b'/' | b':' | b'-'
            | b'_' => 2,
            b'w' | b'y' | b'b' | b'v' | b'k' | b'.' | b'0'..=b'9' => 3,
            _ => 4,
        });
        let repeats = gram.windows(2).filter(|pair| pair[0] == pair[1]).count();
        letters.sum::<usize>() - repeats
    };
    let lower = text.to_ascii_lowercase();
    let rarity = |at: usize| {
        let gram = &lower[at..at + GRAM];
        let rank = COMMON.get(gram).copied().unwrap_or(usize::MAX);
        (rank, letters(gram), std::cmp::Reverse(at))
    };
    let last = text.len().saturating_sub(GRAM).min(usize::from(u8::MAX));
    let best = (0..=last).max_by_key(|&at| rarity(at));
    best.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}
