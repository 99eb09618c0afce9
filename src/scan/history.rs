//! Scans the text of a whole object store: blobs, commits and annotated tags, reachable or not.

use super::collect::{self, Collector};
use super::{Delta, InlineAllow, ScanOptions, Sighted};
use crate::detect::{Detector, Hits, Scratch, allow};
use crate::finding::PlaceKind;
use crate::odb::walk::{Base, Object, Observer, Tally, Visitor, walk};
use crate::odb::{Node, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;

/// The kinds of objects that hold text of their own.
const KINDS: [ObjectKind; 3] = [ObjectKind::Blob, ObjectKind::Commit, ObjectKind::Tag];

/// What a scan found and read.
pub struct Scanned<O> {
    /// Every secret, sorted by rule and secret.
    pub found: Vec<Sighted>,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Objects that could not be read.
    pub skipped: Vec<Skipped>,
    /// Objects that were read.
    pub tallies: Vec<(ObjectKind, Tally)>,
    /// What the observers saw.
    pub observers: Vec<O>,
}

/// Scans every blob, commit and tag of `store`; shows each to an observer made by `observe`.
pub fn scan<O: Observer>(
    store: &ObjectStore,
    detector: &Detector,
    options: ScanOptions,
    progress: &Progress,
    observe: &(dyn Fn() -> O + Sync),
) -> Scanned<O> {
    let make = || TextVisitor {
        detector,
        options,
        scratch: Scratch::default(),
        collector: Collector::default(),
        allowed: 0,
        overflowed: Vec::new(),
        observer: observe(),
    };
    let walked = walk(store, &KINDS, progress, &make);
    let (mut collectors, mut observers, mut allowed) = (Vec::new(), Vec::new(), 0);
    let (mut tallies, mut skipped) = (walked.tallies, walked.skipped);
    for visitor in walked.visitors {
        for (node, kind, len) in visitor.overflowed {
            for (_, tally) in tallies.iter_mut().filter(|(other, _)| *other == kind) {
                tally.objects -= 1;
                tally.bytes -= len;
            }
            let id = store.id(node);
            skipped.push(Skipped {
                reason: SkipReason::TooLarge,
                kind,
                object_id: Some(id),
                detail: format!(
                    "{} {id} holds too many keywords to look at each",
                    kind.name()
                ),
            });
        }
        collectors.push(visitor.collector);
        observers.push(visitor.observer);
        allowed += visitor.allowed;
    }
    Scanned {
        found: collect::merge(collectors, detector.rules()),
        allowed,
        skipped,
        tallies,
        observers,
    }
}

struct TextVisitor<'a, O> {
    detector: &'a Detector,
    options: ScanOptions,
    scratch: Scratch,
    collector: Collector,
    allowed: u64,
    overflowed: Vec<(Node, ObjectKind, u64)>,
    observer: O,
}

impl<O: Observer> Visitor for TextVisitor<'_, O> {
    type State = Hits;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Hits>>, hits: &mut Hits) {
        match base.filter(|_| self.options.delta == Delta::Aware) {
            Some(base) => {
                let from = (base.state, base.len);
                self.detector
                    .scan_delta(object.bytes, from, base.runs, &mut self.scratch, hits);
            }
            None => self.detector.scan(object.bytes, &mut self.scratch, hits),
        }
        if object.is_duplicate {
            return;
        }
        self.observer.observe(object);
        if hits.overflowed() {
            let len = object.bytes.len() as u64;
            self.overflowed.push((object.node, object.kind, len));
        }
        if !hits.has_matches() {
            return;
        }
        let place = match object.kind {
            ObjectKind::Commit => PlaceKind::Commit,
            ObjectKind::Tag => PlaceKind::Tag,
            _ => PlaceKind::Blob,
        };
        for found in self.detector.matches(object.bytes, hits) {
            let honoured = self.options.inline_allow == InlineAllow::Honoured;
            if honoured && allow::is_allowed(object.bytes, found.span) {
                self.allowed += 1;
            } else {
                self.collector.add((object.node, place), found);
            }
        }
    }
}
