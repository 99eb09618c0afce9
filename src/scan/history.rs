//! Scans the text of a whole object store: blobs, commits and annotated tags, reachable or not.

use super::collect;
use super::sift::{Sift, overflowed, unopened};
use super::{Delta, ScanOptions, Sighted};
use crate::detect::{Detector, Hits};
use crate::finding::Place;
use crate::odb::lfs::Pointer;
use crate::odb::walk::{Base, Object, Observer, Streamed, Tally, Visitor, walk};
use crate::odb::window::Window;
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped};
use crate::progress::Progress;
use crate::span::{Position, Span};
use crate::unpack;

/// What stands before the window that is shown.
struct LinesBefore {
    node: Node,
    /// Line ends before it.
    lines: u32,
    /// Bytes between the last of them and the window.
    columns: u64,
}

impl LinesBefore {
    /// Where `position`, counted in the window, stands in the object.
    fn shift(&self, position: Position) -> Position {
        let in_first_line = position.line == 1;
        let column = u64::from(position.column) + if in_first_line { self.columns } else { 0 };
        Position {
            line: position.line.saturating_add(self.lines),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// Goes on behind `passed`, the first bytes of the window.
    fn pass(&mut self, passed: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', passed).count();
        self.lines = self
            .lines
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.columns = match memchr::memrchr(b'\n', passed) {
            Some(last) => (passed.len() - last - 1) as u64,
            None => self.columns + passed.len() as u64,
        };
    }
}

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
        streamed: None,
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
    /// The object that is being shown window by window.
    streamed: Option<LinesBefore>,
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

    /// An archive is opened as a whole.
    fn takes_windows(&self, kind: ObjectKind, start: &[u8]) -> bool {
        kind == ObjectKind::Blob && unpack::detect(start).is_none()
    }

    fn visit_window(&mut self, object: &Streamed, window: &Window<'_>) {
        let mut before = match self.streamed.take() {
            Some(before) if before.node == object.node && window.at > 0 => before,
            _ => LinesBefore {
                node: object.node,
                lines: 0,
                columns: 0,
            },
        };
        let mut hits = Hits::default();
        let (detector, scratch) = (self.sift.detector, &mut self.sift.scratch);
        let (found, is_cut) = detector.scan_window(window, scratch, &mut hits);
        if is_cut || hits.overflowed() {
            let problem = unpack::Problem {
                path: Vec::new(),
                reason: unpack::Reason::Limit,
                detail: "an encoded text is too long to be read in a file of this size".to_owned(),
            };
            self.sift.unopened.push((object.node, object.kind, problem));
        }
        let at = usize::try_from(window.at).unwrap_or(usize::MAX);
        for mut found in self.sift.allowed_out(window.bytes, found) {
            found.position = before.shift(found.position);
            let secret = found.secret_span;
            found.secret_span = Span::new(at + secret.start, at + secret.end);
            self.sift.collector.add((object.node, Place::Blob), found);
        }
        for problem in hits.problems() {
            let entry = (object.node, object.kind, problem.clone());
            self.sift.unopened.push(entry);
        }
        before.pass(&window.bytes[..window.next_start()]);
        self.streamed = Some(before);
    }
}
