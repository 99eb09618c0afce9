//! Visits every object once: the trees of the delta forest, depth first, on all cores.
//!
//! A base is resolved before its deltas and kept only until its last delta is made. Children come
//! lightest first, so the heavy path reuses buffers and a thread holds about log2(objects) of them.
//! A heavy subtree beside others is handed to another thread, which shares the base.
//!
//! The work is counted before it is done. If it goes over the budget ([`super::budget`]), which no honest
//! repository does, what the threads found is thrown away, and one thread alone begins again, in an
//! order of its own: so what is left out does not depend on the number of threads.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::{Meter, PRICE_OF_FOUR_COPIED, SPENT};
use super::inflate::{Inflater, MAX_EXPANSION};
use super::pack::PackEntry;
use super::read::Reader;
use super::window::{self, Window, WindowSizes};
use super::{Node, ObjectKind, ObjectStore, SkipReason, Skipped, delta, loose};
use crate::progress::Progress;
use crate::span::Run;
use crate::work;

/// Larger objects are shown window by window, if the visitor can and no delta needs them.
pub const STREAMED_FROM: u64 = 100_000_000;

/// What is done with each object.
pub trait Visitor: Send {
    /// What an object keeps for the deltas made against it. Reused: `visit` must overwrite it.
    type State: Default + Send + Sync;

    /// Looks at one object. `base` is there if it was made by a delta whose base was visited.
    fn visit(
        &mut self,
        object: &Object<'_>,
        base: Option<Base<'_, Self::State>>,
        state: &mut Self::State,
    );

    /// Whether a large object of that kind, which begins with `start`, can be shown window by
    /// window.
    fn takes_windows(&self, _kind: ObjectKind, _start: &[u8]) -> bool {
        false
    }

    /// Looks at a part of a large object. All windows of one object come one after the other.
    fn visit_window(&mut self, _object: &Streamed, _window: &Window<'_>) {}

    /// The walk begins again: what visitors share must be as before the first visit.
    fn begin_again(&self) {}

    /// Hears of each distinct object, of `size` bytes, after it was shown to its end.
    fn seen(&mut self, _node: Node, _kind: ObjectKind, _size: u64) {}
}

/// An object that is shown window by window.
#[derive(Clone, Copy, Debug)]
pub struct Streamed {
    /// Its number.
    pub node: Node,
    /// Its kind.
    pub kind: ObjectKind,
}

/// Someone who looks at each distinct object beside the visitor's own work.
pub trait Observer: Send {
    /// Looks at one object, once.
    fn observe(&mut self, object: &Object<'_>);
}

/// A resolved object.
pub struct Object<'a> {
    /// Its number.
    pub node: Node,
    /// Its kind, never `Unknown`.
    pub kind: ObjectKind,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether the same object is visited under another node too: only `state` matters then.
    pub is_duplicate: bool,
}

/// The base of an object that was made by a delta.
pub struct Base<'a, S> {
    /// The base's number.
    pub node: Node,
    /// What the base kept.
    pub state: &'a S,
    /// Bytes of the base.
    pub len: usize,
    /// What the object copied from it.
    pub runs: &'a [Run],
}

/// Objects and bytes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Distinct objects.
    pub objects: u64,
    /// Their inflated bytes.
    pub bytes: u64,
}

/// What a walk did.
pub struct Walked<V> {
    /// The visitors, one or more a thread, in no order.
    pub visitors: Vec<V>,
    /// Objects of the asked kinds that could not be read, sorted.
    pub skipped: Vec<Skipped>,
    /// What was visited, by kind.
    pub tallies: Vec<(ObjectKind, Tally)>,
}

/// Visits every object of `kinds` on the current rayon pool. `make` makes a thread's visitor.
pub fn walk<V: Visitor>(
    store: &ObjectStore,
    kinds: &[ObjectKind],
    progress: &Progress,
    make: &(dyn Fn() -> V + Sync),
) -> Walked<V> {
    walk_some(store, kinds, None, progress, make)
}

/// Says of a node whether it must be visited.
pub type NodeFilter<'a> = &'a (dyn Fn(Node) -> bool + Sync);

/// Like [`walk`], but visits only what is `wanted`, and the bases from which that is made.
pub fn walk_some<V: Visitor>(
    store: &ObjectStore,
    kinds: &[ObjectKind],
    wanted: Option<NodeFilter<'_>>,
    progress: &Progress,
    make: &(dyn Fn() -> V + Sync),
) -> Walked<V> {
    let mut walk = StoreWalk::new(store, kinds, wanted, progress);
    let mut workers = walk.run(make);
    if walk.meter.is_spent() {
        drop(workers);
        walk.alone();
        make().begin_again();
        workers = walk.run(make);
    }
    let mut failed: Vec<WalkFailure> = workers
        .iter_mut()
        .flat_map(|w| std::mem::take(&mut w.failed))
        .collect();
    walk.add_known_broken(&mut failed);
    if workers.is_empty() {
        workers.push(Worker::new(make()));
    }
    let skipped = walk.second_chance(&mut workers[0], failed);
    let tallies = ObjectKind::ALL
        .into_iter()
        .map(|kind| {
            let mut sum = Tally::default();
            for tally in workers.iter().map(|worker| worker.tallies[kind as usize]) {
                sum.objects += tally.objects;
                sum.bytes += tally.bytes;
            }
            (kind, sum)
        })
        .filter(|(kind, _)| kinds.contains(kind))
        .collect();
    Walked {
        visitors: workers.into_iter().map(|worker| worker.visitor).collect(),
        skipped,
        tallies,
    }
}

/// A resolved object that deltas may still be made against.
#[derive(Default)]
struct Loaded<S> {
    bytes: Vec<u8>,
    state: S,
}

/// A delta to be resolved.
struct DeltaStep<'b, S> {
    pack: usize,
    entry: PackEntry,
    kind: ObjectKind,
    base: &'b Loaded<S>,
    /// Bytes of bases that are held beside its own.
    below: u64,
}

/// Where a thread can begin.
#[derive(Clone, Copy)]
enum Start {
    Root { pack: usize, entry: PackEntry },
    Loose(usize),
}

struct WalkFailure {
    node: Node,
    kind: ObjectKind,
    reason: SkipReason,
    detail: String,
}

/// One thread's buffers, visitor and results.
struct Worker<V: Visitor> {
    visitor: V,
    inflater: Inflater,
    stream: Vec<u8>,
    runs: Vec<Run>,
    spare: Vec<Arc<Loaded<V::State>>>,
    failed: Vec<WalkFailure>,
    tallies: [Tally; 5],
}

impl<V: Visitor> Worker<V> {
    fn new(visitor: V) -> Self {
        Self {
            visitor,
            inflater: Inflater::default(),
            stream: Vec::new(),
            runs: Vec::new(),
            spare: Vec::new(),
            failed: Vec::new(),
            tallies: [Tally::default(); 5],
        }
    }

    fn spare(&mut self) -> Arc<Loaded<V::State>> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a buffer for reuse, unless others still look at it or it is unusually large.
    fn recycle(&mut self, loaded: Arc<Loaded<V::State>>) {
        if Arc::strong_count(&loaded) == 1 && loaded.bytes.capacity() <= MAX_SPARE_BYTES {
            self.spare.push(loaded);
        }
    }
}

/// Larger buffers are given back to the system at once: one huge blob must not be paid for ever.
const MAX_SPARE_BYTES: usize = 4 << 20;

/// A subtree is handed to another thread if it is at least this share of all work of one thread.
const SPLIT_SHARE: u64 = 16;

/// Objects that take more than this share of what may be held are worked on by one thread at a time.
const LARGE_SHARE: u64 = 8;

/// Windows of objects that are shown so because the budget does not let them be held.
const SMALL_WINDOWS: WindowSizes = WindowSizes {
    own: 4 << 20,
    overlap: 1 << 20,
};

/// The number of bytes from which it is decided whether an object can be read in windows.
const START_LEN: u64 = 512;

fn check(size: u64, limit: u64) -> Result<(), (SkipReason, String)> {
    if size <= limit {
        return Ok(());
    }
    Err((
        SkipReason::TooLarge,
        format!("object of {size} bytes is over the limit of {limit}"),
    ))
}

fn put_back<T>(idle: &Mutex<Vec<T>>, worker: T) {
    idle.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(worker);
}

/// The threads at work: where to hand subtrees, and the workers that wait for one.
struct Crew<'c, 's, V: Visitor> {
    scope: &'c rayon::Scope<'s>,
    idle: &'s Mutex<Vec<Worker<V>>>,
    make: &'s (dyn Fn() -> V + Sync),
}

struct StoreWalk<'a> {
    meter: Meter,
    /// Whether one thread does all, in an order that is always the same.
    is_alone: bool,
    /// Held by the one thread that works on objects which take much of the budget.
    large: Mutex<()>,
    store: &'a ObjectStore,
    kinds: &'a [ObjectKind],
    wanted: Option<NodeFilter<'a>>,
    progress: &'a Progress,
    starts: Vec<Start>,
    /// Weight from which a subtree is worth another thread.
    split_weight: u64,
    /// For every packed node, whether it or one of its deltas must be visited; empty if all must.
    needed: Vec<bool>,
}

impl<'a> StoreWalk<'a> {
    fn new(
        store: &'a ObjectStore,
        kinds: &'a [ObjectKind],
        wanted: Option<NodeFilter<'a>>,
        progress: &'a Progress,
    ) -> Self {
        let mut walk = Self {
            meter: Meter::new(store.limits().budget.work()),
            is_alone: false,
            large: Mutex::new(()),
            store,
            kinds,
            wanted,
            progress,
            starts: Vec::new(),
            split_weight: u64::MAX,
            needed: Vec::new(),
        };
        walk.find_needed();
        walk.list_starts();
        walk
    }

    /// Prepares for a run on one thread: light trees first, so that most objects are read.
    fn alone(&mut self) {
        self.meter = Meter::new(self.store.limits().budget.work());
        self.is_alone = true;
        self.split_weight = u64::MAX;
        let packs = self.store.packs();
        self.starts.sort_by_key(|&start| match start {
            Start::Loose(at) => (
                self.store.loose()[at].stored_bytes,
                usize::MAX,
                PackEntry::default(),
            ),
            Start::Root { pack, entry } => (packs[pack].weight(entry), pack, entry),
        });
    }

    /// Visits everything; returns those who did it.
    fn run<V: Visitor>(&self, make: &(dyn Fn() -> V + Sync)) -> Vec<Worker<V>> {
        let idle: Mutex<Vec<Worker<V>>> = Mutex::default();
        let next = AtomicUsize::new(0);
        let threads = if self.is_alone {
            1
        } else {
            rayon::current_num_threads()
        };
        rayon::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|scope| {
                    let mut worker = Worker::new(make());
                    let crew = Crew {
                        scope,
                        idle: &idle,
                        make,
                    };
                    while let Some(&start) = self.starts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.is_over() {
                            break;
                        }
                        self.visit_start(&mut worker, start, &crew);
                    }
                    put_back(&idle, worker);
                });
            }
        });
        idle.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what this run finds will be thrown away.
    fn is_over(&self) -> bool {
        !self.is_alone && self.meter.is_spent()
    }

    /// Takes `work` from the budget.
    fn spend(&self, work: u64) -> Result<(), (SkipReason, String)> {
        match self.meter.take(work) {
            true => Ok(()),
            false => Err((SkipReason::TooLarge, SPENT.to_owned())),
        }
    }

    /// Checks that `size` bytes can be held beside `others`.
    fn check_held(&self, size: u64, others: u64) -> Result<(), (SkipReason, String)> {
        let all = size.saturating_add(others);
        if all <= self.store.limits().budget.held() {
            return Ok(());
        }
        let why = format!("it takes {all} bytes with its delta bases: {SPENT}");
        Err((SkipReason::TooLarge, why))
    }

    /// Waits until no other thread works on large objects, if `size` bytes are many.
    fn gate<'g>(&'g self, size: u64, held: &mut Option<MutexGuard<'g, ()>>) {
        if held.is_none() && size > self.store.limits().budget.held() / LARGE_SHARE {
            *held = Some(self.large.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Where objects are stored twice or are not wanted, subtrees of nothing but such are left out.
    fn find_needed(&mut self) {
        if self.store.duplicates.is_empty() && self.wanted.is_none() {
            return;
        }
        self.needed = vec![false; self.store.first_loose().index()];
        for (number, pack) in self.store.packs().iter().enumerate() {
            for entry in pack.entries() {
                let node = self.store.node_in(number, entry);
                if self.store.is_duplicate(node) || !self.is_wanted(node) {
                    continue;
                }
                let mut at = Some(entry);
                while let Some(entry) = at {
                    let needed = &mut self.needed[self.store.node_in(number, entry).index()];
                    if std::mem::replace(needed, true) {
                        break;
                    }
                    at = pack.base(entry);
                }
            }
        }
    }

    fn is_wanted(&self, node: Node) -> bool {
        self.wanted.is_none_or(|wanted| wanted(node))
    }

    fn is_needed(&self, node: Node) -> bool {
        self.needed.is_empty() || self.needed[node.index()]
    }

    /// All roots: heavy ones first, so that no thread is left alone with one at the end; the rest
    /// in pack order, which is kind to disks.
    fn list_starts(&mut self) {
        let mut roots: Vec<(u64, Start)> = Vec::new();
        for (number, pack) in self.store.packs().iter().enumerate() {
            let wanted = |kind| kind == ObjectKind::Unknown || self.kinds.contains(&kind);
            let ordinary = pack
                .entries()
                .filter(|&e| pack.base(e).is_none() && pack.kind(e) != ObjectKind::Unknown);
            let mut on_outside: Vec<PackEntry> = pack.on_outside().collect();
            on_outside.sort_unstable();
            for entry in ordinary.chain(on_outside) {
                if wanted(pack.kind(entry)) && self.is_needed(self.store.node_in(number, entry)) {
                    roots.push((
                        pack.weight(entry),
                        Start::Root {
                            pack: number,
                            entry,
                        },
                    ));
                }
            }
        }
        let total: u64 = roots.iter().map(|(weight, _)| weight).sum();
        let threads = rayon::current_num_threads() as u64;
        let heavy = total / (threads * SPLIT_SHARE) + 1;
        self.split_weight = if threads > 1 { heavy } else { u64::MAX };
        roots.sort_by_key(|&(weight, _)| {
            std::cmp::Reverse(if weight >= heavy { weight } else { 0 })
        });
        self.starts = roots.into_iter().map(|(_, start)| start).collect();
        for at in 0..self.store.loose().len() {
            let node = self.loose_node(at);
            if !self.store.is_duplicate(node) && self.is_wanted(node) {
                self.starts.push(Start::Loose(at));
            }
        }
    }

    fn loose_node(&self, at: usize) -> Node {
        Node::of_index(self.store.first_loose().index() + at)
    }

    fn visit_start<'s, V: Visitor>(
        &'s self,
        worker: &mut Worker<V>,
        start: Start,
        crew: &Crew<'_, 's, V>,
    ) {
        match start {
            Start::Loose(at) => self.visit_loose(worker, at),
            Start::Root { pack, entry } => {
                let mut large = None;
                if let Some((loaded, kind)) = self.load_root(worker, pack, entry, &mut large) {
                    let root = (entry, kind, loaded);
                    self.visit_subtree(worker, pack, root, (0, large), crew);
                }
            }
        }
    }

    /// Lets another thread go on with the subtree of `child`, sharing its base.
    fn hand_over<'s, V: Visitor>(
        &'s self,
        crew: &Crew<'_, 's, V>,
        pack: usize,
        (base, kind, child): (Arc<Loaded<V::State>>, ObjectKind, PackEntry),
        below: u64,
    ) {
        let (idle, make) = (crew.idle, crew.make);
        crew.scope.spawn(move |scope| {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut worker = taken.unwrap_or_else(|| Worker::new(make()));
            let mut large = None;
            let step = DeltaStep {
                pack,
                entry: child,
                kind,
                base: &base,
                below,
            };
            if let Some(loaded) = self.load_delta(&mut worker, &step, &mut large) {
                let below = below + base.bytes.len() as u64;
                drop(base);
                let crew = Crew { scope, idle, make };
                let root = (child, kind, loaded);
                self.visit_subtree(&mut worker, pack, root, (below, large), &crew);
            }
            put_back(idle, worker);
        });
    }

    fn visit_subtree<'s, V: Visitor>(
        &'s self,
        worker: &mut Worker<V>,
        pack_number: usize,
        (root, kind, loaded): (PackEntry, ObjectKind, Arc<Loaded<V::State>>),
        (below, mut large): (u64, Option<MutexGuard<'s, ()>>),
        crew: &Crew<'_, 's, V>,
    ) {
        let pack = &self.store.packs()[pack_number];
        // Beside each base the bytes of those that are held for its siblings: what the budget is
        // asked for depends on the shape of the tree alone.
        let mut stack = vec![(root, 0usize, loaded, below)];
        while let Some((base, next, loaded, below)) = stack.pop() {
            if self.is_over() {
                return;
            }
            let children = pack.children(base);
            let Some(&child) = children.get(next) else {
                worker.recycle(loaded);
                continue;
            };
            if !self.is_needed(self.store.node_in(pack_number, child)) {
                stack.push((base, next + 1, loaded, below));
                continue;
            }
            let is_last = next + 1 == children.len();
            if !is_last && pack.weight(child) >= self.split_weight {
                self.hand_over(crew, pack_number, (Arc::clone(&loaded), kind, child), below);
                stack.push((base, next + 1, loaded, below));
                continue;
            }
            let step = DeltaStep {
                pack: pack_number,
                entry: child,
                kind,
                base: &loaded,
                below,
            };
            let made = self.load_delta(worker, &step, &mut large);
            let mut held = below;
            if is_last {
                worker.recycle(loaded);
            } else {
                held += loaded.bytes.len() as u64;
                stack.push((base, next + 1, loaded, below));
            }
            if let Some(made) = made {
                stack.push((child, 0, made, held));
            }
        }
    }

    fn load_root<'g, V: Visitor>(
        &'g self,
        worker: &mut Worker<V>,
        pack_number: usize,
        entry: PackEntry,
        large: &mut Option<MutexGuard<'g, ()>>,
    ) -> Option<(Arc<Loaded<V::State>>, ObjectKind)> {
        let pack = &self.store.packs()[pack_number];
        if self.stream_root(worker, pack_number, entry) {
            return None;
        }
        let mut loaded = worker.spare();
        let slot = Arc::get_mut(&mut loaded)?;
        let mut kind = pack.kind(entry);
        let outcome = match pack.outside_base(entry) {
            None => {
                let size = pack.announced_size(entry);
                let fits = self
                    .check_size(size)
                    .and_then(|()| self.check_held(size, 0))
                    .and_then(|()| self.spend(size));
                fits.and_then(|()| {
                    self.gate(size, large);
                    let read = pack.inflate(entry, &mut worker.inflater, &mut slot.bytes);
                    read.map_err(|why| (SkipReason::Corrupt, why))
                })
            }
            Some(base_id) => {
                let node = self.store.node_in(pack_number, entry);
                let read = Reader::new(self.store).read(node, &mut slot.bytes);
                let read = read.map(|found| kind = found).map_err(|e| {
                    let here = self.store.node_of(&base_id).is_some();
                    let reason = match SkipReason::of(&e) {
                        SkipReason::Corrupt if !here => self.missing(pack_number),
                        reason => reason,
                    };
                    (reason, e.chain())
                });
                let size = slot.bytes.len() as u64;
                read.and_then(|()| self.spend(size))
            }
        };
        match outcome {
            Ok(()) if !self.kinds.contains(&kind) => {
                worker.recycle(loaded);
                None
            }
            Ok(()) => {
                self.visit(worker, pack_number, entry, kind, slot, None);
                Some((loaded, kind))
            }
            Err((reason, why)) => {
                worker.recycle(loaded);
                self.fail(worker, pack_number, entry, kind, (reason, why));
                None
            }
        }
    }

    /// Shows a large entry window by window, if that will do; returns whether it did.
    fn stream_root<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        pack_number: usize,
        entry: PackEntry,
    ) -> bool {
        let pack = &self.store.packs()[pack_number];
        let (kind, size) = (pack.kind(entry), pack.announced_size(entry));
        let node = self.store.node_in(pack_number, entry);
        let is_root = pack.outside_base(entry).is_none();
        let is_large = size >= STREAMED_FROM && pack.children(entry).is_empty();
        let Some(sizes) = self.windows(size, is_large) else {
            return false;
        };
        if !is_root || self.store.is_duplicate(node) {
            return false;
        }
        let open = || pack.reader(entry);
        let outcome = self.check_streamed(size).and_then(|()| {
            self.spend(size)?;
            let mut start = Vec::new();
            let read = open().map(|reader| reader.take(START_LEN).read_to_end(&mut start));
            read.map_err(|why| (SkipReason::Corrupt, why))?
                .map_err(|e| (SkipReason::Corrupt, e.to_string()))?;
            if !worker.visitor.takes_windows(kind, &start) {
                return Ok(false);
            }
            let object = Streamed { node, kind };
            let mut spent = Ok(());
            let mut see = |window: &Window<'_>| {
                spent = std::mem::replace(&mut spent, Ok(()))
                    .and_then(|()| self.show(&mut worker.visitor, &object, window));
            };
            open()
                .and_then(|reader| window::read(reader, size, sizes, &mut see))
                .map_err(|why| (SkipReason::Corrupt, why))?;
            spent.map(|()| true)
        });
        if !pack.children(entry).is_empty() && !matches!(outcome, Ok(false)) {
            let why = format!("its delta base has {size} bytes: {SPENT}");
            self.fail_children(
                worker,
                pack_number,
                entry,
                kind,
                (SkipReason::TooLarge, &why),
            );
        }
        match outcome {
            Ok(true) => {
                let stored = pack.stored_len(entry);
                self.count_streamed(worker, (node, kind), size, stored);
            }
            Ok(false) => return false,
            Err((reason, why)) => {
                self.fail_one(worker, pack_number, entry, kind, (reason, &why));
            }
        }
        true
    }

    /// How an object of `size` bytes is shown window by window, if it is.
    fn windows(&self, size: u64, is_large: bool) -> Option<WindowSizes> {
        if self.check_held(size, 0).is_err() {
            Some(SMALL_WINDOWS)
        } else {
            is_large.then(WindowSizes::default)
        }
    }

    /// Shows one window, if there is budget left for it.
    fn show<V: Visitor>(
        &self,
        visitor: &mut V,
        object: &Streamed,
        window: &Window<'_>,
    ) -> Result<(), (SkipReason, String)> {
        self.spend(0)?;
        self.metered(|| visitor.visit_window(object, window));
        Ok(())
    }

    /// Looks at an object or a part of one, within what is left of the budget. While several threads
    /// work, that depends on chance; but if it does not suffice, what they found is thrown away.
    fn metered(&self, look: impl FnOnce()) {
        work::allow(self.store.limits().budget.held(), self.meter.left());
        look();
        self.meter.take(work::take_done());
    }

    fn count_streamed<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        (node, kind): (Node, ObjectKind),
        size: u64,
        stored: u64,
    ) {
        worker.visitor.seen(node, kind, size);
        let tally = &mut worker.tallies[kind as usize];
        tally.objects += 1;
        tally.bytes += size;
        self.progress.advance(1, stored);
    }

    fn missing(&self, pack: usize) -> SkipReason {
        if self.store.packs()[pack].promisor {
            SkipReason::Promised
        } else {
            SkipReason::Missing
        }
    }

    fn check_size(&self, size: u64) -> Result<(), (SkipReason, String)> {
        check(size, self.store.limits().held())
    }

    fn check_streamed(&self, size: u64) -> Result<(), (SkipReason, String)> {
        check(size, self.store.limits().max_object_bytes)
    }

    fn load_delta<'g, V: Visitor>(
        &'g self,
        worker: &mut Worker<V>,
        step: &DeltaStep<'_, V::State>,
        large: &mut Option<MutexGuard<'g, ()>>,
    ) -> Option<Arc<Loaded<V::State>>> {
        let (pack_number, entry, kind, base) = (step.pack, step.entry, step.kind, step.base);
        let pack = &self.store.packs()[pack_number];
        let base_entry = pack.base(entry)?;
        let mut loaded = worker.spare();
        let slot = Arc::get_mut(&mut loaded)?;
        let held = step.below.saturating_add(base.bytes.len() as u64);
        let outcome = self.check_size(pack.announced_size(entry)).and_then(|()| {
            let corrupt = |why| (SkipReason::Corrupt, why);
            self.check_held(pack.announced_size(entry), held)?;
            pack.inflate(entry, &mut worker.inflater, &mut worker.stream)
                .map_err(corrupt)?;
            let (sizes, _) = delta::sizes(&worker.stream).map_err(corrupt)?;
            self.check_size(sizes.result)?;
            self.check_held(sizes.result, held)?;
            self.gate(sizes.result.saturating_add(held), large);
            self.spend(sizes.result / 4 * PRICE_OF_FOUR_COPIED)?;
            let limit = self.store.limits().held();
            delta::apply(
                &worker.stream,
                &base.bytes,
                limit,
                &mut slot.bytes,
                &mut worker.runs,
            )
            .map_err(corrupt)
        });
        if let Err(failure) = outcome {
            worker.recycle(loaded);
            self.fail(worker, pack_number, entry, kind, failure);
            return None;
        }
        let runs = std::mem::take(&mut worker.runs);
        let base_node = self.store.node_in(pack_number, base_entry);
        let from = Base {
            node: base_node,
            state: &base.state,
            len: base.bytes.len(),
            runs: &runs,
        };
        self.visit(worker, pack_number, entry, kind, slot, Some(from));
        worker.runs = runs;
        Some(loaded)
    }

    fn visit<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        pack: usize,
        entry: PackEntry,
        kind: ObjectKind,
        loaded: &mut Loaded<V::State>,
        base: Option<Base<'_, V::State>>,
    ) {
        let node = self.store.node_in(pack, entry);
        let stored = self.store.packs()[pack].stored_len(entry);
        self.visit_node(worker, node, kind, stored, loaded, base);
    }

    fn visit_node<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        node: Node,
        kind: ObjectKind,
        stored: u64,
        loaded: &mut Loaded<V::State>,
        base: Option<Base<'_, V::State>>,
    ) {
        let is_duplicate = self.store.is_duplicate(node);
        let object = Object {
            node,
            kind,
            bytes: &loaded.bytes,
            is_duplicate,
        };
        let visitor = &mut worker.visitor;
        self.metered(|| visitor.visit(&object, base, &mut loaded.state));
        if !is_duplicate {
            let size = loaded.bytes.len() as u64;
            worker.visitor.seen(node, kind, size);
            let tally = &mut worker.tallies[kind as usize];
            tally.objects += 1;
            tally.bytes += size;
        }
        self.progress.advance(1, stored);
    }

    /// Shows a large loose object window by window, if that will do; returns whether it did.
    fn stream_loose<V: Visitor>(&self, worker: &mut Worker<V>, at: usize) -> bool {
        let object = &self.store.loose()[at];
        // What is small in every way is not opened twice.
        let most = object.stored_bytes.saturating_mul(MAX_EXPANSION);
        if self.windows(most, most >= STREAMED_FROM).is_none() {
            return false;
        }
        let dir = &self.store.dirs()[object.dir];
        let Ok(opened) = loose::open(dir, &object.id, &mut worker.inflater) else {
            return false;
        };
        let (kind, size) = (opened.kind, opened.size);
        let Some(sizes) = self.windows(size, size >= STREAMED_FROM) else {
            return false;
        };
        if check(size, self.store.limits().max_object_bytes).is_err() {
            return false;
        }
        let (node, start) = (self.loose_node(at), opened.start(START_LEN));
        let wanted = self.kinds.contains(&kind);
        if !wanted || !worker.visitor.takes_windows(kind, &start) {
            return !wanted;
        }
        let object_seen = Streamed { node, kind };
        let mut spent = self.spend(size);
        let mut see = |window: &Window<'_>| {
            spent = std::mem::replace(&mut spent, Ok(()))
                .and_then(|()| self.show(&mut worker.visitor, &object_seen, window));
        };
        let read = opened.read_windows(&object.id, sizes, &mut see);
        let read = read.map_err(|e| (SkipReason::Corrupt, e.chain()));
        let spent = spent.map_err(|(reason, why)| (reason, self.describe_loose(at, &why)));
        match read.and(spent) {
            Ok(()) => self.count_streamed(worker, (node, kind), size, object.stored_bytes),
            Err((reason, detail)) => worker.failed.push(WalkFailure {
                node,
                kind,
                reason,
                detail,
            }),
        }
        true
    }

    fn visit_loose<V: Visitor>(&self, worker: &mut Worker<V>, at: usize) {
        if self.stream_loose(worker, at) {
            return;
        }
        let object = &self.store.loose()[at];
        let mut loaded = worker.spare();
        let Some(slot) = Arc::get_mut(&mut loaded) else {
            return;
        };
        let limit = self.store.limits().held_within_budget();
        let dir = &self.store.dirs()[object.dir];
        let mut large = None;
        self.gate(
            object.stored_bytes.saturating_mul(MAX_EXPANSION).min(limit),
            &mut large,
        );
        let read = loose::read(
            dir,
            &object.id,
            limit,
            &mut worker.inflater,
            &mut slot.bytes,
        );
        let size = slot.bytes.len() as u64;
        let read = read.map_err(|e| (SkipReason::of(&e), e.chain()));
        let afforded = read.and_then(|kind| {
            if !self.kinds.contains(&kind) {
                return Ok(kind);
            }
            let spent = self.spend(size);
            let spent = spent.map_err(|(reason, why)| (reason, self.describe_loose(at, &why)));
            spent.map(|()| kind)
        });
        match afforded {
            Ok(kind) if self.kinds.contains(&kind) => {
                self.visit_node(
                    worker,
                    self.loose_node(at),
                    kind,
                    object.stored_bytes,
                    slot,
                    None,
                );
            }
            Ok(_) => {}
            Err((reason, detail)) => {
                let (node, kind) = (self.loose_node(at), ObjectKind::Unknown);
                worker.failed.push(WalkFailure {
                    node,
                    kind,
                    reason,
                    detail,
                });
            }
        }
        worker.recycle(loaded);
    }

    /// Records an entry that cannot be read, and with it every delta that builds on it.
    fn fail<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        pack_number: usize,
        entry: PackEntry,
        kind: ObjectKind,
        (reason, why): (SkipReason, String),
    ) {
        self.fail_one(worker, pack_number, entry, kind, (reason, &why));
        let offset = self.store.packs()[pack_number].offset(entry);
        let why = format!("its delta base at offset {offset} cannot be read");
        self.fail_children(worker, pack_number, entry, kind, (reason, &why));
    }

    fn fail_one<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        pack_number: usize,
        entry: PackEntry,
        kind: ObjectKind,
        (reason, why): (SkipReason, &str),
    ) {
        let node = self.store.node_in(pack_number, entry);
        let detail = self.describe(pack_number, entry, why);
        worker.failed.push(WalkFailure {
            node,
            kind,
            reason,
            detail,
        });
    }

    /// Records every delta that builds on `entry`.
    fn fail_children<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        pack_number: usize,
        entry: PackEntry,
        kind: ObjectKind,
        (reason, why): (SkipReason, &str),
    ) {
        let pack = &self.store.packs()[pack_number];
        let mut stack = pack.children(entry).to_vec();
        while let Some(child) = stack.pop() {
            self.fail_one(worker, pack_number, child, kind, (reason, why));
            stack.extend(pack.children(child));
        }
    }

    fn describe_loose(&self, at: usize, why: &str) -> String {
        let object = &self.store.loose()[at];
        let path = loose::path_of(&self.store.dirs()[object.dir], &object.id);
        format!("cannot read '{}': {why}", path.display())
    }

    fn describe(&self, pack_number: usize, entry: PackEntry, why: &str) -> String {
        let pack = &self.store.packs()[pack_number];
        format!(
            "'{}': entry at offset {}: {why}",
            pack.path.display(),
            pack.offset(entry)
        )
    }

    /// Entries that the pack could not even lay out are of no known kind: every walk that asks for
    /// blobs counts them, so that each is counted once.
    fn add_known_broken(&self, failed: &mut Vec<WalkFailure>) {
        if !self.kinds.contains(&ObjectKind::Blob) {
            // What a walk for blobs could read of loose objects, this one perhaps could not.
            let first_loose = self.store.first_loose();
            failed.retain(|failure| {
                failure.kind != ObjectKind::Unknown || failure.node >= first_loose
            });
            return;
        }
        for (number, pack) in self.store.packs().iter().enumerate() {
            for (entry, why) in pack.broken() {
                failed.push(WalkFailure {
                    node: self.store.node_in(number, *entry),
                    kind: ObjectKind::Unknown,
                    reason: SkipReason::Corrupt,
                    detail: self.describe(number, *entry, why),
                });
            }
        }
    }

    /// An object that could not be read in one place may be whole in another.
    fn second_chance<V: Visitor>(
        &self,
        worker: &mut Worker<V>,
        failed: Vec<WalkFailure>,
    ) -> Vec<Skipped> {
        let mut skipped = Vec::new();
        let mut reader = Reader::new(self.store);
        for failure in failed {
            if self.store.is_duplicate(failure.node) {
                continue;
            }
            let id = self.store.id(failure.node);
            let mut loaded = Loaded::default();
            let found = self
                .store
                .copies_of(&id)
                .into_iter()
                .find_map(|copy| reader.read(copy, &mut loaded.bytes).ok());
            match found {
                Some(kind) if self.kinds.contains(&kind) => {
                    self.visit_node(worker, failure.node, kind, 0, &mut loaded, None);
                }
                Some(_) => {}
                None => skipped.push(Skipped {
                    reason: failure.reason,
                    kind: failure.kind,
                    object_id: Some(id),
                    detail: failure.detail,
                }),
            }
        }
        skipped.sort_unstable();
        skipped.dedup();
        skipped
    }

    /// Where the walk begins and how it goes on are known from [`Place`]s alone.
    #[cfg(test)]
    fn start_count(&self) -> usize {
        self.starts.len()
    }
}

#[cfg(test)]
mod tests {
    use gix::hash::Kind as HashKind;

    use super::*;
    use crate::odb::{ReadLimits, StoredAt};

    #[test]
    fn an_empty_store_has_nowhere_to_start() {
        let dir = std::env::temp_dir();
        let empty = dir.join(format!("unleak-empty-{}", std::process::id()));
        std::fs::create_dir_all(&empty).unwrap();
        let store = ObjectStore::open(&empty, &[], HashKind::Sha1, ReadLimits::default()).unwrap();
        let progress = Progress::default();
        assert_eq!(
            StoreWalk::new(&store, &ObjectKind::ALL, None, &progress).start_count(),
            0
        );
        assert!(matches!(store.place(Node::new(0)), StoredAt::Loose(0)));
        std::fs::remove_dir(&empty).unwrap();
    }
}
