//! Judges the facts about an assignment: a sum of small decision trees.
//!
//! Integers only: the same facts give the same score on every machine. `table` holds the trees,
//! fitted by `benches/score.py`.

use std::collections::BTreeMap;

use super::features::{FACTS, Fact, Features};
use super::table::{NODES, ROOTS, WORDS};

/// One node of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Number of a fact; of a word of the name, from [`FACTS`] on; [`LEAF`].
    pub fact: u16,
    /// The largest number with which one goes on at the next node, else at `above`.
    pub most: i16,
    /// Node for larger numbers.
    pub above: u16,
    /// What the facts so far say, in thousandths of log-odds.
    pub value: i16,
}

/// [`Node::fact`] of nodes at which a tree ends.
pub(super) const LEAF: u16 = u16::MAX;

/// All numbers that trees ask for.
struct Input<'f> {
    features: &'f Features,
    /// 1 for each known word in the name, 2 for its last one.
    words: [u8; WORDS.len()],
}

impl<'f> Input<'f> {
    fn new(features: &'f Features) -> Self {
        let mut words = [0; WORDS.len()];
        let last = features.name_words.len().wrapping_sub(1);
        for (at, word) in features.name_words.iter().enumerate() {
            if let Ok(known) = WORDS.binary_search(&word.as_str()) {
                words[known] = if at == last { 2 } else { 1 };
            }
        }
        Self { features, words }
    }

    fn number(&self, fact: usize) -> i16 {
        match fact.checked_sub(FACTS) {
            None => self.features.numbers[fact],
            Some(word) => i16::from(self.words[word]),
        }
    }

    /// Calls `visit` for each node on the way to a leaf, of each tree.
    fn walk(&self, mut visit: impl FnMut(&Node, Option<&Node>)) {
        for &root in &ROOTS {
            let mut at = usize::from(root);
            loop {
                let node = &NODES[at];
                if node.fact == LEAF {
                    visit(node, None);
                    break;
                }
                at = if self.number(usize::from(node.fact)) <= node.most {
                    at + 1
                } else {
                    usize::from(node.above)
                };
                visit(node, Some(&NODES[at]));
            }
        }
    }
}

/// Returns how likely the facts are those of a secret, in thousandths of log-odds.
pub fn score(features: &Features) -> i32 {
    let mut sum = 0;
    Input::new(features).walk(|node, next| {
        if next.is_none() {
            sum += i32::from(node.value);
        }
    });
    sum
}

/// Returns what each fact adds to the log-odds, most first: how much the trees' answers change where
/// they ask for it.
pub fn points(features: &Features) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<u16, i32> = BTreeMap::new();
    let mut base = 0;
    let input = Input::new(features);
    for &root in &ROOTS {
        base += i32::from(NODES[usize::from(root)].value);
    }
    input.walk(|node, next| {
        if let Some(next) = next {
            *sums.entry(node.fact).or_default() += i32::from(next.value) - i32::from(node.value);
        }
    });
    let text = |fact: u16| match usize::from(fact).checked_sub(FACTS) {
        None => {
            let fact = Fact::ALL[usize::from(fact)];
            format!("{}: {}", fact.text(), features.get(fact))
        }
        Some(word) if input.words[word] == 0 => format!("'{}' is not in the name", WORDS[word]),
        Some(word) => format!("'{}' is in the name", WORDS[word]),
    };
    let mut points: Vec<(String, f64)> = sums
        .into_iter()
        .filter(|&(_, sum)| sum != 0)
        .map(|(fact, sum)| (text(fact), f64::from(sum) / 1000.0))
        .collect();
    points.push(("every assignment".to_owned(), f64::from(base) / 1000.0));
    points.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::assignment::read;
    use crate::detect::features;

    #[test]
    fn every_tree_ends() {
        assert!(WORDS.is_sorted());
        for (at, node) in NODES
            .iter()
            .enumerate()
            .filter(|(_, node)| node.fact != LEAF)
        {
            assert!(
                usize::from(node.above) > at + 1,
                "node {at} goes on behind itself"
            );
            assert!(usize::from(node.above) < NODES.len());
            assert!(usize::from(node.fact) < FACTS + WORDS.len());
        }
    }

    #[test]
    fn what_is_told_adds_up_to_the_score() {
        let value = ["kD83", "h_x0", "Qz7"].concat();
        for text in [
            format!("db_password = \"{value}\""),
            format!("key: {value}\n"),
            "password = hello".to_owned(),
        ] {
            let at = text.find(['p', 'k']).unwrap();
            let mut found = Vec::new();
            read(text.as_bytes(), at, 3, &mut found);
            let features = features::of(text.as_bytes(), &found[0]).unwrap();
            let told: f64 = points(&features).iter().map(|(_, points)| points).sum();
            let score = f64::from(score(&features)) / 1000.0;
            assert!((told - score).abs() < 1e-9, "{text}: {told}, {score}");
        }
    }
}
