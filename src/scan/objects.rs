//! Scans the text of a whole object store: blobs, commits and annotated tags, reachable or not.

use rustc_hash::FxHashMap;

use crate::detect::{Detector, Hits};
use crate::finding::Place;
use crate::git::lfs::Pointer;
use crate::odb::walk::{Base, NodeFilter, Object, Observer, Streamed, Tally, Visitor, walk_some};
use crate::odb::window::Window;
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped};
use crate::progress::Progress;
use crate::scan::collect;
use crate::scan::sift::{Sift, unopened};
use crate::scan::{Delta, ScanOptions, Sighted};
use crate::span::{Position, Span};
use crate::unpack;

/// The position of a window in its object.
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

/// The objects to visit, if not all.
#[derive(Clone, Copy)]
pub struct ObjectSelection<'a> {
    /// The objects to scan. Others are only shown to observers.
    pub scan: NodeFilter<'a>,
    /// The objects to visit. Their bases are visited, too.
    pub visit: NodeFilter<'a>,
}

/// Kind and size of an object that was visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The object.
    pub node: Node,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its size in bytes.
    pub size: u64,
}

/// Facts about an object besides its secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Whether the next scan must read it again, because an archive in it was not opened.
    pub again: bool,
}

/// The result of a scan.
pub struct Scanned<O> {
    /// All secrets, by rule and secret, in no order; a secret can have several rules.
    pub found: Vec<Sighted>,
    /// The objects that were visited, if they were asked for.
    pub seen: Vec<Seen>,
    /// Remarks about those that were scanned, by object.
    pub remarks: FxHashMap<Node, Remark>,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Objects that could not be read.
    pub skipped: Vec<Skipped>,
    /// Whether any of them is damaged or over a limit, rather than read in part.
    pub is_damaged: bool,
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
    scan_some(store, detector, options, None, false, progress, observe)
}

/// Like [`scan`], for a selection of the objects. `is_logged` asks for [`Scanned::seen`].
pub fn scan_some<O: Observer>(
    store: &ObjectStore,
    detector: &Detector,
    options: ScanOptions,
    selection: Option<ObjectSelection<'_>>,
    is_logged: bool,
    progress: &Progress,
    observe: &(dyn Fn() -> O + Sync),
) -> Scanned<O> {
    let make = || TextVisitor {
        sift: Sift::new(detector, options),
        wanted: selection.map(|selection| selection.scan),
        seen: is_logged.then(Vec::new),
        remarks: FxHashMap::default(),
        pointers: Vec::new(),
        streamed: None,
        observer: observe(),
    };
    let visit = selection.map(|selection| selection.visit);
    let walked = walk_some(store, &KINDS, visit, progress, &make);
    let (mut seen, mut remarks) = (Vec::new(), FxHashMap::default());
    let (mut collectors, mut observers, mut allowed) = (Vec::new(), Vec::new(), 0);
    let (tallies, mut skipped) = (walked.tallies, walked.skipped);
    let is_damaged = !skipped.is_empty();
    let (mut locked, mut pointers) = (Vec::new(), Vec::new());
    for visitor in walked.visitors {
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
        seen.extend(visitor.seen.into_iter().flatten());
        remarks.extend(visitor.remarks);
        pointers.extend(visitor.pointers);
        collectors.push(visitor.sift.collector);
        observers.push(visitor.observer);
    }
    pointers.sort_unstable();
    Scanned {
        found: collect::gather(collectors),
        seen,
        remarks,
        is_damaged,
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
    wanted: Option<NodeFilter<'a>>,
    seen: Option<Vec<Seen>>,
    remarks: FxHashMap<Node, Remark>,
    pointers: Vec<(Node, Pointer)>,
    /// The object that is being shown window by window.
    streamed: Option<LinesBefore>,
    observer: O,
}

/// What an object keeps for its deltas.
#[derive(Default)]
struct TextState {
    hits: Hits,
    /// Whether it was scanned at all.
    is_scanned: bool,
}

impl<O: Observer> TextVisitor<'_, O> {
    fn remark(&mut self, node: Node) -> &mut Remark {
        self.remarks.entry(node).or_default()
    }

    fn is_wanted(&self, node: Node) -> bool {
        self.wanted.is_none_or(|wanted| wanted(node))
    }
}

impl<O: Observer> Visitor for TextVisitor<'_, O> {
    type State = TextState;

    fn visit(
        &mut self,
        object: &Object<'_>,
        base: Option<Base<'_, TextState>>,
        state: &mut TextState,
    ) {
        state.is_scanned = self.is_wanted(object.node);
        if !state.is_scanned {
            if !object.is_duplicate {
                self.observer.observe(object);
            }
            return;
        }
        let hits = &mut state.hits;
        let (detector, scratch) = (self.sift.detector, &mut self.sift.scratch);
        let is_aware = self.sift.options.delta == Delta::Aware;
        match base.filter(|base| is_aware && base.state.is_scanned) {
            Some(base) => {
                let from = (&base.state.hits, base.len);
                detector.scan_delta(object.bytes, from, base.runs, scratch, hits);
            }
            None => detector.scan(object.bytes, scratch, hits),
        }
        if object.is_duplicate {
            hits.trim();
            return;
        }
        self.observer.observe(object);
        let pointer = Pointer::read(object.bytes).map(|pointer| (object.node, pointer));
        self.pointers.extend(pointer);
        let before = (self.sift.allowed, self.sift.unopened.len());
        self.sift
            .collect(object.node, object.kind, object.bytes, hits);
        hits.trim();
        let allowed = self.sift.allowed - before.0;
        let again = self.sift.unopened.len() > before.1;
        if allowed > 0 || again {
            *self.remark(object.node) = Remark { allowed, again };
        }
    }

    fn seen(&mut self, node: Node, kind: ObjectKind, size: u64) {
        if let Some(seen) = &mut self.seen {
            seen.push(Seen { node, kind, size });
        }
    }

    /// An archive is opened as a whole.
    fn takes_windows(&self, kind: ObjectKind, start: &[u8]) -> bool {
        kind == ObjectKind::Blob && unpack::detect(start).is_none()
    }

    fn visit_window(&mut self, object: &Streamed, window: &Window<'_>) {
        if !self.is_wanted(object.node) {
            return;
        }
        let (allowed, unopened) = (self.sift.allowed, self.sift.unopened.len());
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
        if window.at == 0 && unpack::may_hold(window.bytes) {
            let problem = unpack::Problem {
                path: Vec::new(),
                reason: unpack::Reason::NotOpened,
                detail: "compressed parts of a binary file of this size are not opened".to_owned(),
            };
            self.sift.unopened.push((object.node, object.kind, problem));
        }
        if is_cut {
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
        let allowed = self.sift.allowed - allowed;
        let again = self.sift.unopened.len() > unopened;
        if allowed > 0 || again {
            let remark = self.remark(object.node);
            remark.allowed += allowed;
            remark.again |= again;
        }
        before.pass(&window.bytes[..window.next_start()]);
        self.streamed = Some(before);
    }
}
