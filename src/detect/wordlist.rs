//! Finds which of some words stand in a short text, all at once.

use aho_corasick::AhoCorasick;

/// Words to look for.
pub(super) struct WordList(AhoCorasick);

impl WordList {
    /// Takes a few short words.
    pub(super) fn new(words: &[&str]) -> Self {
        Self(AhoCorasick::new(words).expect("a few short words"))
    }

    /// Whether one of them stands in the text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The number of each word that stands in the text, and where it ends there.
    pub(super) fn find<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, usize)> + 't {
        let found = self.0.find_overlapping_iter(text);
        found.map(|found| (found.pattern().as_usize(), found.end()))
    }
}
