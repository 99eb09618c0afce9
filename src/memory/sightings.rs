//! The stored form of sightings: a digest in place of each secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::detect::decode::Layer;
use crate::detect::score::Reasons;
use crate::finding::{Fingerprint, Place, Spot};
use crate::git::lfs::Pointer;
use crate::odb::Node;
use crate::rule::{Confidence, RuleSet};
use crate::scan::{Sighted, Sighting};
use crate::secret::Secret;
use crate::span::{Position, Span};

/// The record of an object with matches, an inline marker, or a Git LFS pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// The object.
    pub node: Node,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Whether the object must be scanned again, because its matches cannot be stored. The other fields
    /// are then empty.
    pub again: bool,
    /// The Git LFS file that it points to.
    pub pointer: Option<Pointer>,
    /// Sightings.
    pub sights: Vec<Sight>,
}

/// One sighting of a secret in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// The id of the rule.
    pub rule: String,
    /// The digest of the secret.
    pub secret: Fingerprint,
    span: Span,
    place: Place,
    position: Position,
    wrapping: Vec<Layer>,
    confidence: Confidence,
    reasons: Reasons,
}

/// Returns the digest of a secret, which is the same for every rule.
pub fn stand_in(key: &[u8], secret: &Secret) -> Fingerprint {
    Fingerprint::new(key, "", secret)
}

/// Whether a sighting can be kept without any text of the repository.
fn is_wordless(spot: &Spot) -> bool {
    let mut layers = spot.wrapping.iter().flat_map(|layers| layers.iter());
    layers.all(|layer| !matches!(layer, Layer::Member(_)))
}

/// Adds the matches `found`, of all rules that match a secret.
pub fn note(
    noted: &mut BTreeMap<Node, ObjectRecord>,
    found: &[Sighted],
    node_of: &dyn Fn(Node) -> Option<Node>,
    rules: &RuleSet,
    key: &[u8],
) {
    for sighted in found {
        let secret = stand_in(key, &sighted.secret);
        for sighting in &sighted.sightings {
            let Some(node) = node_of(sighting.node) else {
                continue;
            };
            let entry = noted.entry(node).or_default();
            entry.again |= !is_wordless(&sighting.spot);
            entry.sights.push(Sight {
                rule: rules.rules[usize::from(sighted.rule)].id.clone(),
                secret,
                span: sighting.span,
                place: sighting.spot.place,
                position: sighting.spot.position,
                wrapping: sighting
                    .spot
                    .wrapping
                    .as_deref()
                    .map(<[Layer]>::to_vec)
                    .unwrap_or_default(),
                confidence: sighting.confidence,
                reasons: sighting.reasons,
            });
        }
    }
}

/// Sightings of earlier scans, in the form of new ones.
pub struct Revived {
    /// By rule and secret. A stand-in takes the place of a secret that this scan has not read.
    pub found: Vec<Sighted>,
    /// The digest that each stand-in represents.
    pub stand_ins: FxHashMap<Arc<Secret>, Fingerprint>,
}

/// Restores the sightings of the records `noted`; `known` are the secrets that this scan has read.
/// Sightings of rules that no longer exist are left out.
pub fn revive<'n>(
    noted: impl Iterator<Item = &'n ObjectRecord>,
    rules: &RuleSet,
    known: &FxHashMap<Fingerprint, Arc<Secret>>,
) -> Revived {
    let numbers: FxHashMap<&str, u16> = rules
        .rules
        .iter()
        .map(|rule| rule.id.as_str())
        .zip(0u16..)
        .collect();
    let mut places: FxHashMap<(u16, Fingerprint), usize> = FxHashMap::default();
    let mut revived = Revived {
        found: Vec::new(),
        stand_ins: FxHashMap::default(),
    };
    for entry in noted {
        for sight in &entry.sights {
            let Some(&rule) = numbers.get(sight.rule.as_str()) else {
                continue;
            };
            let next = revived.found.len();
            let at = *places.entry((rule, sight.secret)).or_insert(next);
            if at == next {
                let secret = known.get(&sight.secret).cloned().unwrap_or_else(|| {
                    let secret = Arc::new(Secret::new(sight.secret.bytes()));
                    revived.stand_ins.insert(Arc::clone(&secret), sight.secret);
                    secret
                });
                revived.found.push(Sighted {
                    rule,
                    secret,
                    sightings: Vec::new(),
                    elsewhere: Vec::new(),
                    with: Vec::new(),
                });
            }
            let wrapping = (!sight.wrapping.is_empty()).then(|| sight.wrapping.clone().into());
            revived.found[at].sightings.push(Sighting {
                node: entry.node,
                span: sight.span,
                spot: Spot {
                    place: sight.place,
                    position: sight.position,
                    wrapping,
                },
                confidence: sight.confidence,
                reasons: sight.reasons,
            });
        }
    }
    revived
}
