//! From a repository's objects to secrets: which objects are read, and how their matches become
//! one entry per secret.
//!
//! ```text
//! collect < sift < objects       every object of a store
//!           sift < files < lfs   files that are no objects
//!           sift < changes       what commits, ranges and indexes bring in
//! ```

pub mod changes;
pub mod collect;
pub mod files;
pub mod lfs;
pub mod objects;
pub mod sift;

use std::sync::Arc;

use crate::detect::score::Reasons;
use crate::finding::Spot;
use crate::odb::Node;
use crate::rule::Confidence;
use crate::secret::Secret;
use crate::span::Span;

/// How to scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions {
    /// Whether a delta's result is scanned only where it differs from its base. Both ways find the
    /// same; the other is the oracle.
    pub delta: Delta,
    /// Whether inline markers count.
    pub inline_allow: InlineAllow,
}

/// Whether the result of a delta is scanned in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Scan what a delta changed.
    Aware,
    /// Scan every object whole.
    Ignored,
}

/// Whether inline markers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineAllow {
    /// A marked line is allowed.
    Honoured,
    /// Markers are ignored.
    Ignored,
}

/// One place of one secret in an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The object.
    pub node: Node,
    /// The secret's bytes in it.
    pub span: Span,
    /// Where in it they begin.
    pub spot: Spot,
    /// The confidence.
    pub confidence: Confidence,
    /// The evidence for it.
    pub reasons: Reasons,
}

/// One secret under one rule, with all its places.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// Index into the rule set.
    pub rule: u16,
    /// The secret.
    pub secret: Arc<Secret>,
    /// All places in objects, sorted by node and offset.
    pub sightings: Vec<Sighting>,
    /// All places outside of objects: names and reflogs.
    pub elsewhere: Vec<Elsewhere>,
    /// A value near the secret that belongs to it: the id of a key.
    pub with: Vec<Self>,
}

impl Sighted {
    /// The confidence of its surest place.
    ///
    /// # Panics
    /// If it has no place.
    pub fn surest(&self) -> Confidence {
        let in_objects = self.sightings.iter().map(|place| place.confidence);
        let elsewhere = self.elsewhere.iter().map(|place| place.confidence);
        let surest = in_objects.chain(elsewhere).max();
        surest.expect("a sighted secret has a place")
    }
}

/// One place of one secret outside of objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// The name or reflog entry, by the number that its scanner gave it.
    pub number: usize,
    /// The secret's bytes in it.
    pub span: Span,
    /// Where in it they begin.
    pub spot: Spot,
    /// The confidence.
    pub confidence: Confidence,
    /// The evidence for it.
    pub reasons: Reasons,
}
