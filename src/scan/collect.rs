//! Gathers the matches of one thread, and merges those of all threads in an order that threads
//! cannot change.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Sighted, Sighting};
use crate::detect::Match;
use crate::finding::PlaceKind;
use crate::odb::Node;
use crate::rule::RuleSet;
use crate::secret::Secret;

/// Secrets found by one thread.
#[derive(Default)]
pub struct Collector {
    numbers: FxHashMap<(u16, Arc<Secret>), usize>,
    found: Vec<Sighted>,
}

impl Collector {
    /// Adds a match in the object `node`.
    pub fn add(&mut self, (node, place): (Node, PlaceKind), found: Match) {
        let next = self.found.len();
        let key = (found.rule, found.secret);
        let number = match self.numbers.get(&key) {
            Some(&number) => number,
            None => {
                let secret = Arc::clone(&key.1);
                self.found.push(Sighted {
                    rule: key.0,
                    secret,
                    sightings: Vec::new(),
                });
                self.numbers.insert(key, next);
                next
            }
        };
        self.found[number].sightings.push(Sighting {
            node,
            place,
            span: found.secret_span,
            position: found.position,
            confidence: found.confidence,
            reasons: found.reasons,
        });
    }

    fn merge(&mut self, other: Self) {
        for sighted in other.found {
            let key = (sighted.rule, Arc::clone(&sighted.secret));
            if let Some(&number) = self.numbers.get(&key) {
                self.found[number].sightings.extend(sighted.sightings);
            } else {
                self.numbers.insert(key, self.found.len());
                self.found.push(sighted);
            }
        }
    }
}

/// Merges what all threads found. A secret that a specific rule knows is not reported once more
/// by a generic one. Sorted by rule, then secret.
pub fn merge(collectors: Vec<Collector>, rules: &RuleSet) -> Vec<Sighted> {
    let mut all = Collector::default();
    for collector in collectors {
        all.merge(collector);
    }
    let mut found = all.found;
    found.sort_unstable_by(|a, b| (a.rule, &a.secret).cmp(&(b.rule, &b.secret)));
    let is_generic = |sighted: &Sighted| rules.rules[usize::from(sighted.rule)].is_generic();
    let mut owners: FxHashMap<Arc<Secret>, usize> = FxHashMap::default();
    for specific in [true, false] {
        for (number, sighted) in found
            .iter()
            .enumerate()
            .filter(|(_, s)| is_generic(s) != specific)
        {
            owners.entry(Arc::clone(&sighted.secret)).or_insert(number);
        }
    }
    for number in 0..found.len() {
        let owner = owners[&found[number].secret];
        if owner != number && is_generic(&found[number]) {
            let moved = std::mem::take(&mut found[number].sightings);
            found[owner].sightings.extend(moved);
        }
    }
    found.retain(|sighted| !sighted.sightings.is_empty());
    for sighted in &mut found {
        sighted
            .sightings
            .sort_unstable_by_key(|s| (s.node, s.span, std::cmp::Reverse(s.confidence)));
        sighted.sightings.dedup_by_key(|s| (s.node, s.span));
    }
    found
}
