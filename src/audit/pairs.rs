//! A secret and the id that it belongs to are one finding: `AKIA…` beside its secret key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::detect::Detector;
use crate::detect::decode::Layer;
use crate::odb::Node;
use crate::scan::{Sighted, Sighting};

/// Lines between an id and its secret, at most.
const MOST_LINES: u32 = 6;

/// Moves what stands wherever it stands near a secret of a rule that it is `part_of` to that secret.
pub(super) fn join(found: Vec<Sighted>, detector: &Detector) -> Vec<Sighted> {
    let is_part = |sighted: &Sighted| !detector.rule(sighted.rule).part_of.is_empty();
    let (parts, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_part);
    if parts.is_empty() {
        return others;
    }
    let wanted_rules: HashSet<&String> = parts
        .iter()
        .flat_map(|part| &detector.rule(part.rule).part_of)
        .collect();
    // The first secret of each rule on each line.
    let mut on_line: HashMap<RuleLine<'_>, usize> = HashMap::new();
    for (number, sighted) in others.iter().enumerate() {
        let rule = &detector.rule(sighted.rule).id;
        if wanted_rules.contains(rule) {
            for sighting in &sighted.sightings {
                on_line
                    .entry(RuleLine::of(sighting, rule))
                    .or_insert(number);
            }
        }
    }
    let owner_of = |part: &Sighted| {
        if !part.elsewhere.is_empty() {
            return None;
        }
        let wanted = &detector.rule(part.rule).part_of;
        let near = |sighting: &Sighting| {
            let lines = wanted.iter().map(|rule| RuleLine::of(sighting, rule));
            let owners = lines.flat_map(|line| line.nearby());
            owners.filter_map(|line| on_line.get(&line).copied()).min()
        };
        let owners: Option<Vec<usize>> = part.sightings.iter().map(near).collect();
        owners?.first().copied()
    };
    let owners: Vec<Option<usize>> = parts.iter().map(owner_of).collect();
    let mut alone = Vec::new();
    for (part, owner) in parts.into_iter().zip(owners) {
        match owner {
            Some(owner) => others[owner].with.push(part),
            None => alone.push(part),
        }
    }
    others.extend(alone);
    others
}

/// A line of an object, or of what an encoding or archive in it holds, as the place of a rule.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RuleLine<'a> {
    node: Node,
    wrapping: Option<Arc<[Layer]>>,
    rule: &'a str,
    line: u32,
}

impl<'a> RuleLine<'a> {
    fn of(sighting: &Sighting, rule: &'a str) -> Self {
        Self {
            node: sighting.node,
            wrapping: sighting.spot.wrapping.clone(),
            rule,
            line: sighting.spot.position.line,
        }
    }

    /// The lines that are not too far away.
    fn nearby(self) -> impl Iterator<Item = Self> {
        let most = self.line.saturating_add(MOST_LINES);
        (self.line.saturating_sub(MOST_LINES)..=most).map(move |line| Self {
            line,
            ..self.clone()
        })
    }
}
