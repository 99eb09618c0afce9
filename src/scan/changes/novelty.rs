//! Determines which secrets of a change are new. A secret that was in a file that the change replaces or
//! removes is only kept or moved, and a file that existed elsewhere is only copied. Neither adds a leak.

use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::detect::{Detector, Hits};
use crate::finding::Place;
use crate::odb::lookup::Lookup;
use crate::odb::{Node, ObjectKind};
use crate::scan::changes::pieces::Pieces;
use crate::scan::changes::trees::TreeReader;
use crate::scan::sift::Sift;
use crate::scan::{ScanOptions, Sighted};
use crate::secret::Secret;

/// The files that one commit, or the index, adds or changes.
#[derive(Clone, Debug)]
pub struct FileChanges {
    /// The commit; `None` for the index, or for a tree or blob that a tip names.
    pub commit: Option<ObjectId>,
    /// Paths and the numbers of their blobs.
    pub files: Vec<(BString, Node)>,
}

/// The place at which a change adds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The number of the change.
    pub change: usize,
    /// The path.
    pub path: BString,
    /// The blob.
    pub node: Node,
}

/// What a change found before it.
#[derive(Clone, Debug, Default)]
pub struct Former {
    /// The blobs that it replaces or removes.
    pub blobs: Vec<ObjectId>,
    /// The root trees that it is a change of.
    pub trees: Vec<ObjectId>,
}

/// A line, without its indentation, as a number: lines are only compared.
type LineDigest = u64;

/// A secret of a blob that was replaced, and its line.
type Replaced = (Arc<Secret>, LineDigest);

/// The lines that contained one secret, with the number of times.
#[derive(Default)]
struct Lines {
    counts: FxHashMap<LineDigest, usize>,
    left: usize,
}

impl Lines {
    fn add(&mut self, line: LineDigest) {
        *self.counts.entry(line).or_default() += 1;
        self.left += 1;
    }

    /// Takes one of the secrets on `line` away; returns whether there was one.
    fn take(&mut self, line: LineDigest) -> bool {
        let count = self.counts.get_mut(&line).filter(|count| **count > 0);
        let Some(count) = count else { return false };
        *count -= 1;
        self.take_any()
    }

    /// Takes one away, whatever its line; no line can be asked for after that.
    fn take_any(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left -= usize::from(is_left);
        is_left
    }
}

/// Compares the secrets of changes with those of the files before.
pub struct Novelty<'a> {
    lookup: &'a Lookup,
    sift: Sift<'a>,
    /// By blob.
    replaced: FxHashMap<ObjectId, Rc<[Replaced]>>,
    bytes: Vec<u8>,
}

/// Bytes of a line that are compared, on either side of the secret.
const MAX_LINE: usize = 1024;

impl<'a> Novelty<'a> {
    /// Makes it without any file read.
    pub fn new(lookup: &'a Lookup, detector: &'a Detector, options: ScanOptions) -> Self {
        Self {
            lookup,
            sift: Sift::new(detector, options),
            replaced: FxHashMap::default(),
            bytes: Vec::new(),
        }
    }

    /// Removes sightings that are not new; returns the places at which each remaining secret was added.
    ///
    /// `former` returns what each change found before it; `boundary` are the trees that were there
    /// before all of them.
    pub fn keep_new(
        &mut self,
        found: &mut Vec<Sighted>,
        pieces: &Pieces,
        changes: &[FileChanges],
        former: &mut dyn FnMut(usize) -> Former,
        boundary: &[ObjectId],
        trees: &mut TreeReader<'_>,
    ) -> Vec<Vec<Arrival>> {
        let copied = copied(found, pieces, boundary, trees);
        let mut by_node: FxHashMap<Node, Vec<(usize, usize)>> = FxHashMap::default();
        for (number, sighted) in found.iter().enumerate() {
            for (at, sighting) in sighted.sightings.iter().enumerate() {
                if sighting.spot.place == Place::Blob && !copied.contains(&sighting.node) {
                    let list = by_node.entry(sighting.node).or_default();
                    list.push((number, at));
                }
            }
        }
        let mut fresh: FxHashSet<(usize, usize)> = FxHashSet::default();
        let mut arrivals: Vec<Vec<Arrival>> = vec![Vec::new(); found.len()];
        for (change, files) in changes.iter().enumerate() {
            let files = files
                .files
                .iter()
                .filter(|(_, node)| by_node.contains_key(node));
            let mut places: Vec<(&BString, Node)> =
                files.map(|(path, node)| (path, *node)).collect();
            if places.is_empty() {
                continue;
            }
            places.sort_unstable();
            let old = former(change);
            let mut was_there = |path: &BString| {
                old.trees
                    .iter()
                    .any(|&root| trees.at_path(root, path).is_some())
            };
            // A file keeps its own secrets before one takes them from another file.
            let mut order: Vec<usize> = (0..places.len()).collect();
            if places.len() > 1 {
                order.sort_by_cached_key(|&place| !was_there(places[place].0));
            }
            let new = self.arriving(found, pieces, &by_node, (&places, &order), &old.blobs);
            for (place, (number, at)) in new {
                fresh.insert((number, at));
                let (path, node) = places[place];
                let (path, list) = (path.clone(), &mut arrivals[number]);
                let arrival = Arrival { change, path, node };
                // The sightings at one place follow one another.
                if list.last() != Some(&arrival) {
                    list.push(arrival);
                }
            }
        }
        for (number, sighted) in found.iter_mut().enumerate() {
            let mut at = 0..;
            sighted.sightings.retain(|sighting| {
                let at = at.next().expect("it does not end");
                sighting.spot.place != Place::Blob || fresh.contains(&(number, at))
            });
        }
        let mut is_left = found.iter().map(|sighted| !sighted.sightings.is_empty());
        arrivals.retain(|_| is_left.next().expect("one for each"));
        found.retain(|sighted| !sighted.sightings.is_empty());
        arrivals
    }

    /// Returns which sightings at `places`, which are looked at in `order`, are more than what stood in the
    /// blobs `old`.
    fn arriving(
        &mut self,
        found: &[Sighted],
        pieces: &Pieces,
        by_node: &FxHashMap<Node, Vec<(usize, usize)>>,
        (places, order): (&[(&BString, Node)], &[usize]),
        old: &[ObjectId],
    ) -> Vec<(usize, (usize, usize))> {
        let mut before: FxHashMap<Arc<Secret>, Lines> = FxHashMap::default();
        for id in old {
            for (secret, line) in self.replaced_secrets(id).iter() {
                before.entry(Arc::clone(secret)).or_default().add(*line);
            }
        }
        let mut arriving = Vec::new();
        let mut changed: Vec<(usize, (usize, usize))> = Vec::new();
        for &place in order {
            let (_, node) = places[place];
            let kind = ObjectKind::Blob;
            if self
                .lookup
                .read(&pieces.id(node), kind, &mut self.bytes)
                .is_err()
            {
                // It was read once; all that stands in it counts as new.
                self.bytes.clear();
            }
            for &(number, at) in &by_node[&node] {
                let line = line_of(&self.bytes, found[number].sightings[at].span.start);
                // The same line, at another place: moved, or not touched.
                let lines = before.get_mut(&found[number].secret);
                if !lines.is_some_and(|lines| lines.take(line)) {
                    changed.push((place, (number, at)));
                }
            }
        }
        for (place, (number, at)) in changed {
            // Its line was edited, the secret stayed.
            let lines = before.get_mut(&found[number].secret);
            if !lines.is_some_and(Lines::take_any) {
                arriving.push((place, (number, at)));
            }
        }
        arriving.sort_unstable();
        arriving
    }

    fn replaced_secrets(&mut self, id: &ObjectId) -> Rc<[Replaced]> {
        if let Some(known) = self.replaced.get(id) {
            return Rc::clone(known);
        }
        let secrets: Rc<[_]> = match self.lookup.read(id, ObjectKind::Blob, &mut self.bytes) {
            Err(_) => {
                // Not known to have been there: what is new is then more, never less.
                Rc::default()
            }
            Ok(()) => {
                let mut hits = Hits::default();
                let scratch = &mut self.sift.scratch;
                self.sift.detector.scan(&self.bytes, scratch, &mut hits);
                let found = self.sift.matches(&self.bytes, &hits);
                let of_match = |found: crate::detect::Match| {
                    let line = line_of(&self.bytes, found.secret_span.start);
                    (found.secret, line)
                };
                found.into_iter().map(of_match).collect()
            }
        };
        self.replaced.insert(*id, Rc::clone(&secrets));
        secrets
    }
}

/// The blobs with secrets that already stood somewhere before.
fn copied(
    found: &[Sighted],
    pieces: &Pieces,
    boundary: &[ObjectId],
    trees: &mut TreeReader<'_>,
) -> FxHashSet<Node> {
    let blobs: FxHashSet<Node> = found
        .iter()
        .flat_map(|sighted| &sighted.sightings)
        .filter(|sighting| sighting.spot.place == Place::Blob)
        .map(|sighting| sighting.node)
        .collect();
    if blobs.is_empty() {
        return blobs;
    }
    let mut new: FxHashSet<ObjectId> = blobs.iter().map(|&node| pieces.id(node)).collect();
    trees.remove_held(boundary, &mut new);
    blobs
        .into_iter()
        .filter(|&node| !new.contains(&pieces.id(node)))
        .collect()
}

fn line_of(bytes: &[u8], at: usize) -> LineDigest {
    let at = at.min(bytes.len());
    let start = at.saturating_sub(MAX_LINE);
    let newline = memchr::memrchr(b'\n', &bytes[start..at]);
    let start = newline.map_or(start, |newline| start + newline + 1);
    let end = bytes.len().min(at.saturating_add(MAX_LINE));
    let newline = memchr::memchr(b'\n', &bytes[at..end]);
    let end = newline.map_or(end, |newline| at + newline);
    let mut hasher = FxHasher::default();
    bytes[start..end].trim_ascii().hash(&mut hasher);
    hasher.finish()
}
