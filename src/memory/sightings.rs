//! Where something was sighted, without what it was: a digest stands for the secret.

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

/// An object in which there was something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Which.
    pub node: Node,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Whether only another scan of it tells what it has; then nothing else is kept.
    pub again: bool,
    /// The file of Git LFS that it stands for.
    pub pointer: Option<Pointer>,
    /// Sightings.
    pub sights: Vec<Sight>,
}

/// One place where one secret stands in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// The id of the rule.
    pub rule: String,
    /// What stands for the secret.
    pub secret: Fingerprint,
    span: Span,
    place: Place,
    position: Position,
    wrapping: Vec<Layer>,
    confidence: Confidence,
    reasons: Reasons,
}

/// What stands for a secret, whatever rule found it.
pub fn stand_in(key: &[u8], secret: &Secret) -> Fingerprint {
    Fingerprint::new(key, "", secret)
}

/// Whether a sighting can be kept without any text of the repository.
fn is_wordless(spot: &Spot) -> bool {
    let mut layers = spot.wrapping.iter().flat_map(|layers| layers.iter());
    layers.all(|layer| !matches!(layer, Layer::Member(_)))
}

/// Adds what was `found`, before it was settled which rule each secret belongs to.
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

/// Sightings of earlier scans, as if they had been made now.
pub struct Revived {
    /// By rule and secret. A secret that is not known is replaced by a stand-in.
    pub found: Vec<Sighted>,
    /// The stand-ins, by what they stand for.
    pub stand_ins: FxHashMap<Arc<Secret>, Fingerprint>,
}

/// Revives what was `noted`; `known` are the secrets that were met in this scan. Sightings of rules
/// that are no longer there are left out.
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
