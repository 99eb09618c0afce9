//! Where the values stand in a whole repository, and what reaches those places.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::git::indexes::Indexed;
use crate::git::lfs::Pointer;
use crate::git::refs::Refs;
use crate::git::repository::Repository;
use crate::history;
use crate::history::commits::{CommitCollector, CommitGraph};
use crate::history::trees::{Link, TreeLinks};
use crate::odb::walk::{Base, Object, Observer, Tally, Visitor, walk};
use crate::odb::{Node, ObjectId, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;
use crate::purge::find::values::{Edit, Needles, without_overlaps};
use crate::purge::find::{headers, values};
use crate::scan::collect::{self, Collector};
use crate::scan::{Delta, InlineAllow, ScanOptions, Sighted, lfs, objects};

/// How the objects are searched: markers that allow a secret do not keep it.
const OPTIONS: ScanOptions = ScanOptions {
    delta: Delta::Aware,
    inline_allow: InlineAllow::Ignored,
};

/// An object that holds values.
#[derive(Clone, Debug)]
pub struct Dirty {
    /// Its kind.
    pub kind: ObjectKind,
    /// Where, by position, none overlapping.
    pub edits: Vec<Edit>,
}

/// What is known of a repository before its history is rewritten.
pub struct Survey<'a> {
    /// The repository.
    pub repo: &'a Repository,
    /// Its objects.
    pub store: &'a ObjectStore,
    /// What was searched for.
    pub needles: &'a Needles,
    /// Its refs and reflogs.
    pub refs: Refs,
    /// What is staged.
    pub indexes: Vec<Indexed>,
    /// All commits.
    pub graph: CommitGraph,
    /// All trees, as far as they lead to something.
    pub links: TreeLinks,
    /// Blobs, commits and tags that hold values, reachable or not.
    pub dirty: BTreeMap<Node, Dirty>,
    /// Names of tree entries that hold values.
    pub names: FxHashSet<Vec<u8>>,
    /// Trees that hold such blobs or names, directly or below.
    pub holders: FxHashMap<Node, Vec<Link>>,
    /// Commits and tags whose messages quote objects, and these.
    pub quotes: Vec<(Node, Node)>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// What was read.
    pub tallies: Vec<(ObjectKind, Tally)>,
    /// Objects whose new ids are known; the new objects are here.
    pub known: FxHashMap<ObjectId, ObjectId>,
    /// Blobs that are pointers of Git LFS, if the objects were searched.
    pub pointers: Vec<(Node, Pointer)>,
    held: HeldTexts,
}

/// What a survey is for.
#[derive(Clone, Debug, Default)]
pub struct Purpose {
    /// Commits of submodules that change.
    pub gitlinks: FxHashSet<ObjectId>,
    /// Where the values stand in objects, if that is known and they go from nowhere else; without,
    /// all objects are searched.
    pub places: Option<Vec<(ObjectId, Edit)>>,
    /// Whether commits will be rewritten: then their texts are kept, as far as they fit.
    pub rewrites: bool,
    /// Objects whose new ids are known; the new objects are here.
    pub known: FxHashMap<ObjectId, ObjectId>,
}

/// Texts of commits that are held; a history of a million is read again instead.
const MAX_HELD_BYTES: usize = 192 << 20;

/// Gathers commits, tags and what their messages quote on one thread.
struct Gatherer<'a> {
    store: &'a ObjectStore,
    commits: CommitCollector,
    quotes: Vec<(Node, Node)>,
    /// Texts of commits one behind the other, and where each stands.
    held: Vec<u8>,
    places: Vec<(Node, usize)>,
    max_held: usize,
}

impl<'a> Gatherer<'a> {
    fn new(store: &'a ObjectStore, purpose: &Purpose) -> Self {
        let max_held = MAX_HELD_BYTES / rayon::current_num_threads().max(1);
        Self {
            store,
            commits: CommitCollector::new(store.hash()),
            quotes: Vec::new(),
            held: Vec::new(),
            places: Vec::new(),
            max_held: if purpose.rewrites { max_held } else { 0 },
        }
    }
}

/// Shows commits and tags to a gatherer.
struct Shown<'a>(Gatherer<'a>);

impl Visitor for Shown<'_> {
    type State = ();

    fn visit(&mut self, object: &Object<'_>, _base: Option<Base<'_, ()>>, _state: &mut ()) {
        if !object.is_duplicate {
            self.0.observe(object);
        }
    }
}

impl Observer for Gatherer<'_> {
    fn observe(&mut self, object: &Object<'_>) {
        self.commits.observe(object);
        if !matches!(object.kind, ObjectKind::Commit | ObjectKind::Tag) {
            return;
        }
        let is_commit = object.kind == ObjectKind::Commit;
        if is_commit && self.held.len() + object.bytes.len() <= self.max_held {
            self.places.push((object.node, self.held.len()));
            self.held.extend_from_slice(object.bytes);
        }
        for span in headers::quoted(object.bytes) {
            let word = &object.bytes[span.start..span.end];
            let quoted = self.store.node_of_prefix(word);
            self.quotes
                .extend(quoted.map(|quoted| (object.node, quoted)));
        }
    }
}

/// What one walk over blobs, commits and tags says.
struct Texts {
    graph: CommitGraph,
    dirty: BTreeMap<Node, Dirty>,
    quotes: Vec<(Node, Node)>,
    held: HeldTexts,
    skipped: Vec<Skipped>,
    unopened: Vec<Skipped>,
    tallies: Vec<(ObjectKind, Tally)>,
    pointers: Vec<(Node, Pointer)>,
}

/// Texts of commits.
#[derive(Default)]
struct HeldTexts {
    parts: Vec<Vec<u8>>,
    /// Part, start and end.
    places: FxHashMap<Node, (usize, usize, usize)>,
}

impl Texts {
    /// Reads commits and tags only: where the values stand is known.
    fn gather(store: &ObjectStore, purpose: &Purpose, progress: &Progress) -> Self {
        let kinds = [ObjectKind::Commit, ObjectKind::Tag];
        let walked = walk(store, &kinds, progress, &|| {
            Shown(Gatherer::new(store, purpose))
        });
        let gatherers = walked.visitors.into_iter().map(|shown| shown.0);
        let mut texts = Self::of(store, gatherers.collect());
        texts.skipped = walked.skipped;
        texts.tallies = walked.tallies;
        for (id, edit) in purpose.places.iter().flatten() {
            let Some(node) = store.node_of(id) else {
                continue;
            };
            let is_commit = texts.graph.rank(node).is_some();
            let kind = match texts.graph.tag_target(node) {
                Some(_) => ObjectKind::Tag,
                None if is_commit => ObjectKind::Commit,
                None => ObjectKind::Blob,
            };
            let edits = Vec::new();
            let dirty = texts.dirty.entry(node).or_insert(Dirty { kind, edits });
            dirty.edits.push(edit.clone());
        }
        for found in texts.dirty.values_mut() {
            found.edits = without_overlaps(std::mem::take(&mut found.edits));
        }
        texts
    }

    /// What all threads gathered.
    fn of(store: &ObjectStore, gatherers: Vec<Gatherer<'_>>) -> Self {
        let (mut collectors, mut quotes) = (Vec::new(), Vec::new());
        let mut held = HeldTexts::default();
        for (part, mut gatherer) in gatherers.into_iter().enumerate() {
            collectors.push(gatherer.commits);
            quotes.append(&mut gatherer.quotes);
            let mut end = gatherer.held.len();
            for (node, start) in gatherer.places.into_iter().rev() {
                held.places.insert(node, (part, start, end));
                end = start;
            }
            held.parts.push(gatherer.held);
        }
        quotes.sort_unstable();
        quotes.dedup();
        Self {
            graph: CommitGraph::new(store, collectors),
            dirty: BTreeMap::new(),
            quotes,
            held,
            skipped: Vec::new(),
            unopened: Vec::new(),
            tallies: Vec::new(),
            pointers: Vec::new(),
        }
    }

    /// Searches every blob, commit and tag.
    fn search(
        repo: &Repository,
        store: &ObjectStore,
        needles: &Needles,
        purpose: &Purpose,
        progress: &Progress,
    ) -> Self {
        let detector = needles.detector();
        let mut scanned = objects::scan(store, detector, OPTIONS, progress, &|| {
            Gatherer::new(store, purpose)
        });
        let mut texts = Self::of(store, std::mem::take(&mut scanned.observers));
        let (limits, dir) = (store.limits(), repo.common_dir());
        let behind = lfs::scan(&scanned.pointers, dir, limits, detector, OPTIONS);
        let found = vec![
            Collector::with(std::mem::take(&mut scanned.found)),
            behind.collector,
        ];
        texts.dirty = dirty(&collect::merge(found, detector.rules()), needles);
        texts.skipped = scanned.skipped;
        texts.skipped.extend(behind.skipped);
        texts.unopened = scanned.unopened;
        texts.unopened.extend(behind.unopened);
        texts.tallies = scanned.tallies;
        texts.pointers = scanned.pointers;
        texts
    }
}

impl<'a> Survey<'a> {
    /// Searches `store`, the objects of `repo`.
    pub fn take(
        repo: &'a Repository,
        store: &'a ObjectStore,
        needles: &'a Needles,
        purpose: &Purpose,
        progress: &Progress,
    ) -> Self {
        progress.expect(u64::from(store.node_count()), store.stored_bytes());
        let texts = match purpose.places {
            Some(_) => Texts::gather(store, purpose, progress),
            None => Texts::search(repo, store, needles, purpose, progress),
        };
        let gitlinks = &purpose.gitlinks;
        let dirty = texts.dirty;
        let mut blobs: FxHashSet<Node> = dirty
            .iter()
            .filter(|(_, found)| found.kind == ObjectKind::Blob)
            .map(|(&node, _)| node)
            .collect();
        blobs.extend(purpose.known.keys().filter_map(|id| store.node_of(id)));
        let judge = |name: &[u8]| !needles.find(name).0.is_empty();
        let trees = history::read_trees(store, &blobs, gitlinks, &judge, progress);
        let marked: FxHashSet<u32> = trees.links.marked.iter().map(|&(name, _)| name).collect();
        let node_count = store.node_count() as usize + trees.links.absent.len();
        let mut seeds = blobs;
        seeds.extend(gitlinks.iter().filter_map(|id| store.node_of(id)));
        let absent = trees.links.absent.iter();
        let absent = absent.filter(|(id, ..)| gitlinks.contains(id));
        seeds.extend(absent.map(|&(_, node, _)| node));
        let mut holders = trees.links.holders(&seeds, &marked, node_count);
        // Numbers of names depend on the order of threads, names do not.
        for links in holders.values_mut().filter(|links| links.len() > 1) {
            links.sort_unstable_by_key(|link| (trees.links.name(link.name), link.child));
        }
        let refs = repo.refs();
        let (indexes, unread_indexes) = repo.indexes();
        let mut skipped = unread(store, repo, &refs, &trees.links, &texts.graph);
        let others = [texts.skipped, trees.skipped, unread_indexes];
        skipped.extend(others.into_iter().flatten());
        skipped.sort_unstable();
        skipped.dedup();
        Self {
            repo,
            store,
            needles,
            indexes,
            graph: texts.graph,
            dirty,
            names: marked
                .iter()
                .map(|&name| trees.links.name(name).to_vec())
                .collect(),
            holders,
            quotes: texts.quotes,
            skipped,
            unopened: texts.unopened,
            tallies: texts.tallies.into_iter().chain(trees.tallies).collect(),
            known: purpose.known.clone(),
            pointers: texts.pointers,
            links: trees.links,
            refs,
            held: texts.held,
        }
    }

    /// The text of a commit, if it is held.
    pub fn held(&self, commit: Node) -> Option<&[u8]> {
        let &(part, start, end) = self.held.places.get(&commit)?;
        self.held.parts[part].get(start..end)
    }

    /// Everything that refs, reflogs and indexes of all worktrees name, with `null` ids left out.
    pub fn roots(&self) -> Vec<ObjectId> {
        let refs = self.refs.refs.iter().filter_map(|found| found.object_id());
        let log = self
            .refs
            .log
            .iter()
            .flat_map(|entry| [entry.old, entry.new]);
        let staged = self
            .indexes
            .iter()
            .filter(|found| found.entry.mode != GITLINK);
        let staged = staged.map(|found| found.entry.id);
        let mut roots: Vec<ObjectId> = refs.chain(log).chain(staged).collect();
        roots.retain(|id| !id.is_null());
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// What `id` leads to through annotated tags.
    pub fn peel(&self, id: ObjectId) -> ObjectId {
        let mut id = id;
        for _ in 0..MAX_TAG_DEPTH {
            let target = self
                .store
                .node_of(&id)
                .and_then(|node| self.graph.tag_target(node));
            match target {
                Some(target) => id = target,
                None => break,
            }
        }
        id
    }

    /// Which commits `ids` reach, by rank.
    pub fn reached(&self, ids: impl Iterator<Item = ObjectId>) -> Vec<bool> {
        let mut reached = vec![false; self.graph.len()];
        let rank_of = |id: ObjectId| {
            let node = self.store.node_of(&self.peel(id))?;
            self.graph.rank(node)
        };
        for rank in ids.filter_map(rank_of) {
            reached[rank.index()] = true;
        }
        for rank in self.graph.ranks().rev() {
            if reached[rank.index()] {
                for &parent in self.graph.parents(rank) {
                    reached[parent.index()] = true;
                }
            }
        }
        reached
    }

    /// A path at which `node` stands, as far up as trees that hold values lead; without values.
    pub fn path_of(&self, node: Node, parents: &FxHashMap<Node, (Node, u32)>) -> Vec<u8> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut at = node;
        while let Some(&(parent, name)) = parents.get(&at) {
            names.push(self.links.name(name));
            at = parent;
            if names.len() > MAX_PATH_PARTS {
                break;
            }
        }
        names.reverse();
        let path = names.join(&b'/');
        values::redact_name(&path, self.needles, b"REMOVED").unwrap_or(path)
    }

    /// For everything below trees that hold values, one tree that names it, and the name's number.
    pub fn parents(&self) -> FxHashMap<Node, (Node, u32)> {
        let mut parents: FxHashMap<Node, (Node, u32)> = FxHashMap::default();
        for (&tree, links) in &self.holders {
            for link in links {
                let known = parents.entry(link.child).or_insert((tree, link.name));
                *known = (*known).min((tree, link.name));
            }
        }
        parents
    }
}

/// The objects that hold what was `found`, with every place in them.
fn dirty(found: &[Sighted], needles: &Needles) -> BTreeMap<Node, Dirty> {
    let mut dirty: BTreeMap<Node, Dirty> = BTreeMap::new();
    for sighted in found {
        let shown = (sighted.rule, &sighted.secret);
        for sighting in &sighted.sightings {
            let layers = sighting.spot.wrapping.clone();
            let Some(edit) = needles.edit(shown, sighting.span, layers) else {
                continue;
            };
            let kind = sighting.spot.place.object_kind();
            let entry = dirty.entry(sighting.node).or_insert_with(|| Dirty {
                kind: kind.unwrap_or(ObjectKind::Blob),
                edits: Vec::new(),
            });
            entry.edits.push(edit);
        }
    }
    for found in dirty.values_mut() {
        found.edits = without_overlaps(std::mem::take(&mut found.edits));
    }
    dirty
}

/// What is known not to have been read, but for single objects.
fn unread(
    store: &ObjectStore,
    repo: &Repository,
    refs: &Refs,
    links: &TreeLinks,
    graph: &CommitGraph,
) -> Vec<Skipped> {
    let mut skipped = store.skipped().to_vec();
    skipped.extend(refs.skipped.iter().cloned());
    skipped.extend(repo.unknown_extensions());
    let damaged = links.damaged.iter().chain(&graph.damaged);
    skipped.extend(damaged.map(|&node| Skipped {
        reason: SkipReason::Corrupt,
        kind: ObjectKind::Unknown,
        object_id: Some(store.id(node)),
        detail: format!("object {} cannot be parsed", store.id(node)),
    }));
    skipped
}

/// Mode of a submodule's entry.
pub const GITLINK: u32 = 0o160_000;

/// Tags of tags are followed this deep: longer chains are an attack.
const MAX_TAG_DEPTH: usize = 1000;

const MAX_PATH_PARTS: usize = 200;
