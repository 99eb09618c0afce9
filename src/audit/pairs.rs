//! A secret and the id that it belongs to are one finding: `AKIA…` beside its secret key.

use std::collections::HashMap;

use crate::detect::Detector;
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
    let mut in_object: HashMap<_, Vec<usize>> = HashMap::new();
    for (number, sighted) in others.iter().enumerate() {
        for sighting in &sighted.sightings {
            in_object.entry(sighting.node).or_default().push(number);
        }
    }
    let mut alone = Vec::new();
    for part in parts {
        let wanted = &detector.rule(part.rule).part_of;
        let owner_of = |sighting: &Sighting| {
            let near = in_object.get(&sighting.node).into_iter().flatten();
            let owners = near.copied().filter(|&number| {
                let owner = &others[number];
                let rule = &detector.rule(owner.rule).id;
                wanted.contains(rule)
                    && owner.sightings.iter().any(|other| is_near(sighting, other))
            });
            owners.min()
        };
        let owners: Option<Vec<usize>> = part.sightings.iter().map(owner_of).collect();
        match owners.as_deref() {
            Some([first, ..]) if part.elsewhere.is_empty() => others[*first].with.push(part),
            _ => alone.push(part),
        }
    }
    others.extend(alone);
    others
}

fn is_near(one: &Sighting, other: &Sighting) -> bool {
    one.node == other.node
        && one.spot.wrapping == other.spot.wrapping
        && one.spot.position.line.abs_diff(other.spot.position.line) <= MOST_LINES
}
