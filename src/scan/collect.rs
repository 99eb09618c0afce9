//! Gathers the matches of one thread, and merges those of all threads in an order that threads
//! cannot change.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Elsewhere, Sighted, Sighting};
use crate::detect::Match;
use crate::finding::{Place, Spot};
use crate::odb::Node;
use crate::rule::{Confidence, RuleSet};
use crate::secret::Secret;

/// Secrets found by one thread.
#[derive(Clone, Default)]
pub struct Collector {
    numbers: FxHashMap<(u16, Arc<Secret>), usize>,
    found: Vec<Sighted>,
}

impl Collector {
    /// Makes a collector with earlier matches.
    pub fn with(found: Vec<Sighted>) -> Self {
        let numbered = found.iter().enumerate();
        let numbers = numbered
            .map(|(number, sighted)| ((sighted.rule, Arc::clone(&sighted.secret)), number))
            .collect();
        Self { numbers, found }
    }

    /// Returns the collected secrets.
    pub fn sighted(&self) -> Vec<Sighted> {
        self.found.clone()
    }

    /// The objects with sightings.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        let sightings = self.found.iter().flat_map(|sighted| &sighted.sightings);
        sightings.map(|sighting| sighting.node)
    }

    /// Adds a match in the object `node`.
    pub fn add(&mut self, (node, place): (Node, Place), found: Match) {
        let sighting = Sighting {
            node,
            span: found.secret_span,
            confidence: found.confidence,
            reasons: found.reasons,
            spot: spot(place, &found),
        };
        self.of(found).sightings.push(sighting);
    }

    /// Adds a match outside of objects, in text number `number`.
    pub fn add_elsewhere(&mut self, (number, place): (usize, Place), found: Match) {
        let elsewhere = Elsewhere {
            number,
            span: found.secret_span,
            confidence: found.confidence,
            reasons: found.reasons,
            spot: spot(place, &found),
        };
        self.of(found).elsewhere.push(elsewhere);
    }

    /// Adds matches in objects of another repository: `number_of` returns the text that represents each
    /// object, and `place` its place in this repository.
    pub fn add_from(
        &mut self,
        found: Vec<Sighted>,
        place: Place,
        number_of: &mut dyn FnMut(Node) -> usize,
    ) {
        for mut sighted in found {
            let moved = std::mem::take(&mut sighted.sightings);
            let moved = moved.into_iter().map(|sighting| Elsewhere {
                number: number_of(sighting.node),
                span: sighting.span,
                confidence: sighting.confidence,
                reasons: sighting.reasons,
                spot: Spot {
                    place,
                    ..sighting.spot
                },
            });
            sighted.elsewhere.extend(moved);
            self.merge(Self::with(vec![sighted]));
        }
    }

    /// Adds all that another collector has.
    pub fn add_all(&mut self, other: &Self) {
        self.merge(other.clone());
    }

    /// The entry of the secret of `found`.
    fn of(&mut self, found: Match) -> &mut Sighted {
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
                    elsewhere: Vec::new(),
                    with: Vec::new(),
                });
                self.numbers.insert(key, next);
                next
            }
        };
        &mut self.found[number]
    }

    fn merge(&mut self, other: Self) {
        for sighted in other.found {
            let key = (sighted.rule, Arc::clone(&sighted.secret));
            if let Some(&number) = self.numbers.get(&key) {
                self.found[number].sightings.extend(sighted.sightings);
                self.found[number].elsewhere.extend(sighted.elsewhere);
            } else {
                self.numbers.insert(key, self.found.len());
                self.found.push(sighted);
            }
        }
    }
}

fn spot(place: Place, found: &Match) -> Spot {
    Spot {
        place,
        position: found.position,
        wrapping: found.wrapping.clone(),
    }
}

/// Adds files that are nothing but a value to what another rule says of that value, if that is as
/// sure: their names need not mean a secret then. A word that stands alone somewhere has nothing to do
/// with it.
fn join_whole(found: &mut [Sighted], number: usize, owner: usize) {
    let surest = |sighted: &Sighted| {
        let in_objects = sighted.sightings.iter().map(|s| s.confidence);
        let elsewhere = sighted.elsewhere.iter().map(|s| s.confidence);
        in_objects.chain(elsewhere).max()
    };
    if surest(&found[number]) > surest(&found[owner]) {
        return;
    }
    let mut moved = std::mem::take(&mut found[number].sightings);
    moved.retain(|sighting| sighting.confidence > Confidence::Low);
    moved
        .iter_mut()
        .for_each(|s| s.confidence = Confidence::Low);
    found[owner].sightings.extend(moved);
    let mut moved = std::mem::take(&mut found[number].elsewhere);
    moved.retain(|entry| entry.confidence > Confidence::Low);
    moved
        .iter_mut()
        .for_each(|s| s.confidence = Confidence::Low);
    found[owner].elsewhere.extend(moved);
}

/// Merges the matches of all threads, and assigns each secret to one rule.
pub fn merge(collectors: Vec<Collector>, rules: &RuleSet) -> Vec<Sighted> {
    settle(gather(collectors), rules)
}

/// Merges the matches of all threads by rule and secret, in no order.
pub fn gather(collectors: Vec<Collector>) -> Vec<Sighted> {
    let mut all = Collector::default();
    for collector in collectors {
        all.merge(collector);
    }
    all.found
}

/// Assigns each secret to one rule: a match of a specific rule is not reported again by a generic one.
/// Sorted by rule, then secret.
pub fn settle(mut found: Vec<Sighted>, rules: &RuleSet) -> Vec<Sighted> {
    found.sort_unstable_by(|a, b| (a.rule, &a.secret).cmp(&(b.rule, &b.secret)));
    let rule = |sighted: &Sighted| &rules.rules[usize::from(sighted.rule)];
    let is_generic = |sighted: &Sighted| rule(sighted).is_generic();
    // Who knows more goes first: a shape, a name, only a file.
    let rank =
        |sighted: &Sighted| u8::from(is_generic(sighted)) + u8::from(rule(sighted).needs_path());
    let mut owners: FxHashMap<Arc<Secret>, usize> = FxHashMap::default();
    for known in 0..=2 {
        let numbered = found.iter().enumerate();
        for (number, sighted) in numbered.filter(|(_, sighted)| rank(sighted) == known) {
            owners.entry(Arc::clone(&sighted.secret)).or_insert(number);
        }
    }
    for number in 0..found.len() {
        let owner = owners[&found[number].secret];
        if owner != number && rule(&found[number]).needs_path() {
            join_whole(&mut found, number, owner);
        } else if owner != number && is_generic(&found[number]) {
            let moved = std::mem::take(&mut found[number].sightings);
            found[owner].sightings.extend(moved);
            let moved = std::mem::take(&mut found[number].elsewhere);
            found[owner].elsewhere.extend(moved);
        }
    }
    found.retain(|sighted| !sighted.sightings.is_empty() || !sighted.elsewhere.is_empty());
    for sighted in &mut found {
        let rank = |confidence| std::cmp::Reverse(confidence);
        sighted.sightings.sort_unstable_by(|a, b| {
            (a.node, a.span, &a.spot, rank(a.confidence)).cmp(&(
                b.node,
                b.span,
                &b.spot,
                rank(b.confidence),
            ))
        });
        sighted
            .sightings
            .dedup_by(|a, b| (a.node, a.span, &a.spot) == (b.node, b.span, &b.spot));
        sighted.elsewhere.sort_unstable_by(|a, b| {
            (a.number, a.span, rank(a.confidence)).cmp(&(b.number, b.span, rank(b.confidence)))
        });
        sighted
            .elsewhere
            .dedup_by_key(|entry| (entry.number, entry.span));
    }
    found
}
