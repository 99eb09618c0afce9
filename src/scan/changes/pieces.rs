//! Scans single objects by id, for hooks and ranges.

use gix::ObjectId;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::detect::{Detector, Hits};
use crate::git::lfs::Pointer;
use crate::odb::lookup::Lookup;
use crate::odb::walk::Tally;
use crate::odb::{Node, ObjectKind, Skipped};
use crate::scan::sift::{Sift, unopened};
use crate::scan::{ScanOptions, Sighted, collect, lfs};

/// Objects to scan, each once. Their numbers stand for the nodes of an object store.
#[derive(Default)]
pub struct Pieces {
    list: Vec<(ObjectId, ObjectKind)>,
    numbers: FxHashMap<ObjectId, Node>,
}

impl Pieces {
    /// Adds an object; returns its number.
    pub fn add(&mut self, id: ObjectId, kind: ObjectKind) -> Node {
        *self.numbers.entry(id).or_insert_with(|| {
            self.list.push((id, kind));
            Node::of_index(self.list.len() - 1)
        })
    }

    /// The object numbered `node`.
    pub fn id(&self, node: Node) -> ObjectId {
        self.list[node.index()].0
    }

    /// The number of object `id`.
    pub fn number(&self, id: &gix::oid) -> Option<Node> {
        self.numbers.get(id).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The result of a scan of pieces.
#[derive(Default)]
pub struct ScannedPieces {
    /// Every secret, sorted by rule and secret.
    pub found: Vec<Sighted>,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Objects that could not be read.
    pub skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// Distinct files that Git LFS keeps, read.
    pub lfs_read: usize,
    /// Distinct files that Git LFS keeps, which are not here.
    pub lfs_missing: usize,
    /// Objects that were read.
    pub tallies: Vec<(ObjectKind, Tally)>,
}

/// Fewer objects than this are not worth starting threads for: a commit has a few, and a hook is
/// done before the threads are up.
const SEQUENTIAL: usize = 1024;

/// Scans all `pieces`.
pub fn scan(
    pieces: &Pieces,
    lookup: &Lookup,
    detector: &Detector,
    options: ScanOptions,
) -> ScannedPieces {
    let numbered: Vec<(Node, (ObjectId, ObjectKind))> = Node::first(pieces.len())
        .zip(pieces.list.iter().copied())
        .collect();
    let parts: Vec<PieceShare<'_>> = if numbered.len() < SEQUENTIAL {
        vec![part(&numbered, lookup, detector, options)]
    } else {
        // Objects are looked up through caches that a thread has for itself.
        let size = numbered.len().div_ceil(rayon::current_num_threads() * 4);
        let chunks: Vec<(Lookup, &[_])> = numbered
            .chunks(size)
            .map(|chunk| (lookup.clone(), chunk))
            .collect();
        chunks
            .into_par_iter()
            .map(|(lookup, chunk)| part(chunk, &lookup, detector, options))
            .collect()
    };
    let mut scanned = ScannedPieces::default();
    let mut tallies: FxHashMap<ObjectKind, Tally> = FxHashMap::default();
    let mut collectors = Vec::with_capacity(parts.len());
    let mut pointers = Vec::new();
    for part in parts {
        scanned.allowed += part.sift.allowed;
        scanned.skipped.extend(part.skipped);
        for (node, kind, problem) in &part.sift.unopened {
            let (entry, is_readable) = unopened((*kind, pieces.id(*node)), problem);
            if is_readable {
                &mut scanned.skipped
            } else {
                &mut scanned.unopened
            }
            .push(entry);
        }
        collectors.push(part.sift.collector);
        pointers.extend(part.pointers);
        for (kind, len) in part.read {
            let tally = tallies.entry(kind).or_default();
            tally.objects += 1;
            tally.bytes += len;
        }
    }
    let dir = lookup.common_dir();
    let behind = lfs::scan(&pointers, dir, lookup.limits(), detector, options);
    scanned.allowed += behind.allowed;
    scanned.skipped.extend(behind.skipped);
    scanned.unopened.extend(behind.unopened);
    scanned.lfs_read = behind.read;
    scanned.lfs_missing = behind.missing;
    collectors.push(behind.collector);
    scanned.found = collect::merge(collectors, detector.rules());
    scanned.tallies = tallies.into_iter().collect();
    scanned.tallies.sort_unstable_by_key(|&(kind, _)| kind);
    scanned
}

/// One thread's share.
struct PieceShare<'a> {
    sift: Sift<'a>,
    skipped: Vec<Skipped>,
    read: Vec<(ObjectKind, u64)>,
    pointers: Vec<(Node, Pointer)>,
}

fn part<'a>(
    pieces: &[(Node, (ObjectId, ObjectKind))],
    lookup: &Lookup,
    detector: &'a Detector,
    options: ScanOptions,
) -> PieceShare<'a> {
    let mut part = PieceShare {
        sift: Sift::new(detector, options),
        skipped: Vec::new(),
        read: Vec::new(),
        pointers: Vec::new(),
    };
    let (mut bytes, mut hits) = (Vec::new(), Hits::default());
    for &(node, (id, kind)) in pieces {
        if let Err(skipped) = lookup.read(&id, kind, &mut bytes) {
            part.skipped.push(skipped);
            continue;
        }
        let len = bytes.len() as u64;
        lookup.limits().budget.for_one(len, || {
            detector.scan(&bytes, &mut part.sift.scratch, &mut hits);
            part.sift.collect(node, kind, &bytes, &hits);
        });
        part.read.push((kind, len));
        let pointer = Pointer::read(&bytes).map(|pointer| (node, pointer));
        part.pointers.extend(pointer);
    }
    part
}
