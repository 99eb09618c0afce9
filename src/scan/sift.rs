//! What every scan does with the matches of one object: inline markers are honoured, the rest is
//! collected.

use super::collect::Collector;
use super::{InlineAllow, ScanOptions};
use crate::detect::{Detector, Hits, Match, Scratch, allow};
use crate::finding::PlaceKind;
use crate::odb::{Node, ObjectKind, SkipReason, Skipped};

/// One thread's scanner.
pub struct Sift<'a> {
    /// What it scans with.
    pub detector: &'a Detector,
    /// How.
    pub options: ScanOptions,
    /// Its buffers.
    pub scratch: Scratch,
    /// What it found.
    pub collector: Collector,
    /// Matches that an inline marker allows.
    pub allowed: u64,
}

impl<'a> Sift<'a> {
    /// Starts with nothing found.
    pub fn new(detector: &'a Detector, options: ScanOptions) -> Self {
        Self {
            detector,
            options,
            scratch: Scratch::default(),
            collector: Collector::default(),
            allowed: 0,
        }
    }

    /// Returns the secrets among `hits` of `bytes` that no marker allows.
    pub fn matches(&mut self, bytes: &[u8], hits: &Hits) -> Vec<Match> {
        let mut found = self.detector.matches(bytes, hits);
        if self.options.inline_allow == InlineAllow::Honoured {
            let before = found.len();
            found.retain(|found| {
                let rule = &self.detector.rule(found.rule).id;
                let is_rule = |word: &str| self.detector.rules().get(word).is_some();
                !allow::is_allowed(bytes, found.span, rule, &is_rule)
            });
            self.allowed += (before - found.len()) as u64;
        }
        found
    }

    /// Collects what stands in object `node`, whose bytes gave `hits`.
    pub fn collect(&mut self, node: Node, kind: ObjectKind, bytes: &[u8], hits: &Hits) {
        if !hits.has_matches() {
            return;
        }
        let place = match kind {
            ObjectKind::Commit => PlaceKind::Commit,
            ObjectKind::Tag => PlaceKind::Tag,
            _ => PlaceKind::Blob,
        };
        for found in self.matches(bytes, hits) {
            self.collector.add((node, place), found);
        }
    }
}

/// Says that an object holds more keywords than are looked at.
pub fn overflowed(kind: ObjectKind, id: gix::ObjectId) -> Skipped {
    Skipped {
        reason: SkipReason::TooLarge,
        kind,
        object_id: Some(id),
        detail: format!(
            "{} {id} holds too many keywords to look at each",
            kind.name()
        ),
    }
}
