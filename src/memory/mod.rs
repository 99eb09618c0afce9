//! What earlier scans learned of objects, so that nothing is read twice.
//!
//! ```text
//! ids < sightings < history < mod < file, forks;  sketch;  learn, record
//! ```
//!
//! An object never changes under its id, so its matches are the same wherever it occurs: in a new pack,
//! after a fetch, in a fork. A [`Ledger`] stores the ids of the scanned objects, the rules, and the places
//! of matches. Its [`Story`] is about one repository: its commits, and the findings in its trees.
//!
//! A ledger contains ids, numbers and digests, and no byte of any object's text: a report reads secrets
//! and paths again from the repository.

pub mod file;
pub mod forks;
pub mod history;
pub mod ids;
pub mod learn;
pub mod record;
pub mod sightings;
pub mod sketch;

use std::collections::BTreeMap;

use crate::memory::history::Story;
use crate::memory::ids::Ids;
use crate::memory::sightings::ObjectRecord;
use crate::odb::{Node, ObjectKind};

/// A digest, to detect changes.
pub type Digest = [u8; 16];

/// The memory of earlier scans.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Digest of everything besides the rules that affects the matches in an object.
    pub scanner: Digest,
    /// The rules that all objects were scanned with, by id.
    pub rules: BTreeMap<String, Digest>,
    /// The objects that were scanned.
    pub ids: Ids,
    /// Kind and size of each.
    pub facts: Vec<ObjectFact>,
    /// The records of objects with matches, by node.
    pub noted: Vec<ObjectRecord>,
    /// The history of the repository.
    pub story: Option<Story>,
}

/// Kind and size of an object, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectFact(u64);

impl ObjectFact {
    /// Packs both; sizes are below 2^61.
    pub fn new(kind: ObjectKind, size: u64) -> Self {
        Self(size << 3 | kind as u64)
    }

    /// The kind.
    pub fn kind(self) -> ObjectKind {
        let known = ObjectKind::ALL.into_iter();
        let kind = self.0 & 7;
        known
            .clone()
            .find(|&known| known as u64 == kind)
            .unwrap_or(ObjectKind::Unknown)
    }

    /// The size in bytes.
    pub fn size(self) -> u64 {
        self.0 >> 3
    }
}

/// The digest of some parts.
pub fn digest(parts: &[&[u8]]) -> Digest {
    use sha2::Digest as _;
    let mut digest = sha2::Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    *digest
        .finalize()
        .first_chunk()
        .expect("a digest has 32 bytes")
}

/// How rules differ from those of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rules that were added since.
    pub added: Vec<String>,
    /// Rules that were changed or removed since.
    pub gone: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.gone.is_empty()
    }
}

impl Ledger {
    /// Compares `rules` with those of the ledger.
    pub fn difference(&self, rules: &BTreeMap<String, Digest>) -> Difference {
        let lacks = |own: &BTreeMap<String, Digest>, other: &BTreeMap<String, Digest>| {
            let lacking = own
                .iter()
                .filter(|(id, digest)| other.get(*id) != Some(*digest));
            lacking.map(|(id, _)| id.clone()).collect()
        };
        Difference {
            added: lacks(rules, &self.rules),
            gone: lacks(&self.rules, rules),
        }
    }

    /// Returns the record of an object.
    pub fn noted_at(&self, node: Node) -> Option<&ObjectRecord> {
        let at = self.noted.binary_search_by_key(&node, |noted| noted.node);
        at.ok().map(|at| &self.noted[at])
    }

    /// Merges with a ledger of the same rules and scanner; `None` if they differ. The history of the
    /// repository is lost.
    pub fn merged(self, other: Self) -> Option<Self> {
        if !self.is_alike(&other) {
            return None;
        }
        let (ids, ours, theirs) = self.ids.merged(&other.ids);
        let (scanner, rules) = (self.scanner, self.rules.clone());
        let mut facts = vec![ObjectFact::new(ObjectKind::Unknown, 0); ids.len()];
        let mut noted: BTreeMap<Node, ObjectRecord> = BTreeMap::new();
        // Both were made by the same scanner and rules, so they agree on common objects.
        for (ledger, nodes) in [(other, theirs), (self, ours)] {
            for (fact, &node) in ledger.facts.into_iter().zip(&nodes) {
                facts[node.index()] = fact;
            }
            for mut entry in ledger.noted {
                entry.node = nodes[entry.node.index()];
                noted.insert(entry.node, entry);
            }
        }
        Some(Self {
            scanner,
            rules,
            ids,
            facts,
            noted: noted.into_values().collect(),
            story: None,
        })
    }
}
