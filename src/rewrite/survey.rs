//! Where the values stand in a whole repository, and what reaches those places.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::needles::{Edit, Needles, without_overlaps};
use super::{patch, text};
use crate::attribution;
use crate::attribution::commits::{CommitCollector, CommitGraph, Rank};
use crate::attribution::trees::{Link, TreeLinks};
use crate::odb::refs::Refs;
use crate::odb::repository::{Indexed, Repository};
use crate::odb::walk::{Object, Observer, Tally};
use crate::odb::{Node, ObjectId, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;
use crate::scan::collect::{self, Collector};
use crate::scan::{Delta, InlineAllow, ScanOptions, Sighted, history, lfs};

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
}

/// Gathers commits, tags and what their messages quote on one thread.
struct Gatherer<'a> {
    store: &'a ObjectStore,
    commits: CommitCollector,
    quotes: Vec<(Node, Node)>,
}

impl Observer for Gatherer<'_> {
    fn observe(&mut self, object: &Object<'_>) {
        self.commits.observe(object);
        if !matches!(object.kind, ObjectKind::Commit | ObjectKind::Tag) {
            return;
        }
        for span in text::quoted(object.bytes) {
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
    skipped: Vec<Skipped>,
    unopened: Vec<Skipped>,
    tallies: Vec<(ObjectKind, Tally)>,
}

impl Texts {
    fn read(
        repo: &Repository,
        store: &ObjectStore,
        needles: &Needles,
        progress: &Progress,
    ) -> Self {
        progress.expect(u64::from(store.node_count()), store.stored_bytes());
        let detector = needles.detector();
        let mut scanned = history::scan(store, detector, OPTIONS, progress, &|| Gatherer {
            store,
            commits: CommitCollector::new(store.hash()),
            quotes: Vec::new(),
        });
        let (mut collectors, mut quotes) = (Vec::new(), Vec::new());
        for mut observer in std::mem::take(&mut scanned.observers) {
            collectors.push(observer.commits);
            quotes.append(&mut observer.quotes);
        }
        quotes.sort_unstable();
        quotes.dedup();
        let graph = CommitGraph::new(store, collectors);
        let (limits, dir) = (store.limits(), repo.common_dir());
        let behind = lfs::scan(&scanned.pointers, dir, limits, detector, OPTIONS);
        let found = vec![
            Collector::with(std::mem::take(&mut scanned.found)),
            behind.collector,
        ];
        let dirty = dirty(&collect::merge(found, detector.rules()), needles);
        let (mut skipped, mut unopened) = (scanned.skipped, scanned.unopened);
        skipped.extend(behind.skipped);
        unopened.extend(behind.unopened);
        Self {
            graph,
            dirty,
            quotes,
            skipped,
            unopened,
            tallies: scanned.tallies,
        }
    }
}

impl<'a> Survey<'a> {
    /// Searches all of `store`, the objects of `repo`; `gitlinks` are commits of submodules that
    /// change.
    pub fn take(
        repo: &'a Repository,
        store: &'a ObjectStore,
        needles: &'a Needles,
        gitlinks: &FxHashSet<ObjectId>,
        progress: &Progress,
    ) -> Self {
        let texts = Texts::read(repo, store, needles, progress);
        let dirty = texts.dirty;
        let blobs: FxHashSet<Node> = dirty
            .iter()
            .filter(|(_, found)| found.kind == ObjectKind::Blob)
            .map(|(&node, _)| node)
            .collect();
        let judge = |name: &[u8]| !needles.find(name).0.is_empty();
        let trees = attribution::read_trees(store, &blobs, gitlinks, &judge, progress);
        let marked: FxHashSet<u32> = trees.links.marked.iter().map(|&(name, _)| name).collect();
        let node_count = store.node_count() as usize + trees.links.absent.len();
        let mut seeds = blobs;
        seeds.extend(gitlinks.iter().filter_map(|id| store.node_of(id)));
        let absent = trees.links.absent.iter();
        let absent = absent.filter(|(id, ..)| gitlinks.contains(id));
        seeds.extend(absent.map(|&(_, node, _)| node));
        let holders = trees.links.holders(&seeds, &marked, node_count);
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
            links: trees.links,
            refs,
        }
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
            reached[rank as usize] = true;
        }
        for rank in (0..self.graph.len()).rev() {
            if reached[rank] {
                let number = Rank::try_from(rank).expect("ranks are numbered");
                for &parent in self.graph.parents(number) {
                    reached[parent as usize] = true;
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
        patch::redact_name(&path, self.needles, b"REMOVED").unwrap_or(path)
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
