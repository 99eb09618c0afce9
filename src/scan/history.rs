//! Scans the text of a whole object store: blobs, commits and annotated tags, reachable or not.

use super::collect;
use super::sift::{Sift, overflowed, unopened};
use super::{Delta, ScanOptions, Sighted};
use crate::detect::{Detector, Hits};
use crate::odb::lfs::Pointer;
use crate::odb::walk::{Base, Object, Observer, Tally, Visitor, walk};
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped};
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
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// Pointers to files that Git LFS keeps, sorted.
    pub pointers: Vec<(Node, Pointer)>,
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
        sift: Sift::new(detector, options),
        overflowed: Vec::new(),
        pointers: Vec::new(),
        observer: observe(),
    };
    let walked = walk(store, &KINDS, progress, &make);
    let (mut collectors, mut observers, mut allowed) = (Vec::new(), Vec::new(), 0);
    let (mut tallies, mut skipped) = (walked.tallies, walked.skipped);
    let (mut locked, mut pointers) = (Vec::new(), Vec::new());
    for visitor in walked.visitors {
        for (node, kind, len) in visitor.overflowed {
            for (_, tally) in tallies.iter_mut().filter(|(other, _)| *other == kind) {
                tally.objects -= 1;
                tally.bytes -= len;
            }
            skipped.push(overflowed(kind, store.id(node)));
        }
        for (node, kind, problem) in &visitor.sift.unopened {
            let (entry, is_readable) = unopened((*kind, store.id(*node)), problem);
            if is_readable {
                &mut skipped
            } else {
                &mut locked
            }
            .push(entry);
        }
        allowed += visitor.sift.allowed;
        pointers.extend(visitor.pointers);
        collectors.push(visitor.sift.collector);
        observers.push(visitor.observer);
    }
    pointers.sort_unstable();
    Scanned {
        found: collect::merge(collectors, detector.rules()),
        allowed,
        skipped,
        unopened: locked,
        pointers,
        tallies,
        observers,
    }
}

struct TextVisitor<'a, O> {
    sift: Sift<'a>,
    overflowed: Vec<(Node, ObjectKind, u64)>,
    pointers: Vec<(Node, Pointer)>,
    observer: O,
}

impl<O: Observer> Visitor for TextVisitor<'_, O> {
    type State = Hits;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Hits>>, hits: &mut Hits) {
        let (detector, scratch) = (self.sift.detector, &mut self.sift.scratch);
        match base.filter(|_| self.sift.options.delta == Delta::Aware) {
            Some(base) => {
                let from = (base.state, base.len);
                detector.scan_delta(object.bytes, from, base.runs, scratch, hits);
            }
            None => detector.scan(object.bytes, scratch, hits),
        }
        if object.is_duplicate {
            return;
        }
        self.observer.observe(object);
        let pointer = Pointer::read(object.bytes).map(|pointer| (object.node, pointer));
        self.pointers.extend(pointer);
        if hits.overflowed() {
            let len = object.bytes.len() as u64;
            self.overflowed.push((object.node, object.kind, len));
        }
        self.sift
            .collect(object.node, object.kind, object.bytes, hits);
    }
}
