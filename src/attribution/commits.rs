//! The commit graph of a whole object store, gathered while its commits are scanned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::CommitRefIter;

use crate::odb::walk::{Object, Observer};
use crate::odb::{Node, ObjectKind, ObjectStore};

/// Position of a commit in a [`CommitGraph`]: parents come before children.
pub type Rank = u32;

/// Gathers commits on one thread.
pub struct CommitCollector {
    hash: HashKind,
    commits: Vec<RawCommit>,
    parents: Vec<ObjectId>,
    damaged: Vec<Node>,
    tags: Vec<(Node, ObjectId)>,
}

struct RawCommit {
    node: Node,
    tree: ObjectId,
    seconds: i64,
    parents: std::ops::Range<usize>,
}

impl CommitCollector {
    /// Starts with none.
    pub fn new(hash: HashKind) -> Self {
        Self {
            hash,
            commits: Vec::new(),
            parents: Vec::new(),
            damaged: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn add(&mut self, node: Node, bytes: &[u8]) -> Option<()> {
        let mut tokens = CommitRefIter::from_bytes(bytes, self.hash);
        let tree = tokens.tree_id().ok()?;
        let start = self.parents.len();
        self.parents
            .extend(CommitRefIter::from_bytes(bytes, self.hash).parent_ids());
        // A commit whose committer line cannot be read still has its place in the graph.
        let seconds = CommitRefIter::from_bytes(bytes, self.hash)
            .committer()
            .ok()
            .and_then(|committer| committer.time().ok())
            .map_or(0, |time| time.seconds);
        let parents = start..self.parents.len();
        self.commits.push(RawCommit {
            node,
            tree,
            seconds,
            parents,
        });
        Some(())
    }
}

impl Observer for CommitCollector {
    fn observe(&mut self, object: &Object<'_>) {
        match object.kind {
            ObjectKind::Commit if self.add(object.node, object.bytes).is_none() => {
                self.damaged.push(object.node);
            }
            ObjectKind::Tag => {
                match gix::objs::TagRefIter::from_bytes(object.bytes, self.hash).target_id() {
                    Ok(target) => self.tags.push((object.node, target)),
                    Err(_) => self.damaged.push(object.node),
                }
            }
            _ => {}
        }
    }
}

/// All commits of a store, in topological order: parents before children; where that leaves a
/// choice, earlier committer dates first, then smaller ids.
pub struct CommitGraph {
    nodes: Vec<Node>,
    trees: Vec<ObjectId>,
    parent_starts: Vec<u32>,
    parents: Vec<Rank>,
    rank_of: Vec<(Node, Rank)>,
    tags: Vec<(Node, ObjectId)>,
    /// Commits and tags that cannot be parsed.
    pub damaged: Vec<Node>,
    /// Parents that are not in the store, with the commit that names each.
    pub missing: Vec<(ObjectId, Node)>,
}

impl CommitGraph {
    /// Puts together what all threads gathered.
    pub fn new(store: &ObjectStore, collectors: Vec<CommitCollector>) -> Self {
        let mut raw: Vec<(Node, ObjectId, i64, Vec<ObjectId>)> = Vec::new();
        let (mut damaged, mut tags) = (Vec::new(), Vec::new());
        for mut collector in collectors {
            damaged.append(&mut collector.damaged);
            tags.append(&mut collector.tags);
            for commit in collector.commits {
                let parents = collector.parents[commit.parents].to_vec();
                raw.push((commit.node, commit.tree, commit.seconds, parents));
            }
        }
        raw.sort_unstable_by_key(|commit| commit.0);
        damaged.sort_unstable();
        tags.sort_unstable();
        let mut missing = Vec::new();
        let place = |node: Node| raw.binary_search_by_key(&node, |commit| commit.0).ok();
        let parents: Vec<Vec<usize>> = raw
            .iter()
            .map(|(node, _, _, ids)| {
                let known = |id: &ObjectId| match store.node_of(id) {
                    Some(parent) => place(parent),
                    None => {
                        missing.push((*id, *node));
                        None
                    }
                };
                ids.iter().filter_map(known).collect()
            })
            .collect();
        let order = topological_order(store, &raw, &parents);
        let mut rank = vec![0u32; raw.len()];
        for (position, &at) in (0u32..).zip(&order) {
            rank[at] = position;
        }
        let mut graph = Self {
            nodes: order.iter().map(|&at| raw[at].0).collect(),
            trees: order.iter().map(|&at| raw[at].1).collect(),
            parent_starts: vec![0],
            parents: Vec::new(),
            rank_of: raw
                .iter()
                .map(|commit| commit.0)
                .zip(rank.iter().copied())
                .collect(),
            tags,
            damaged,
            missing,
        };
        for (position, &at) in (0u32..).zip(&order) {
            // Only a cycle, which hashes rule out but a forged index does not, has later parents.
            graph.parents.extend(
                parents[at]
                    .iter()
                    .map(|&p| rank[p])
                    .filter(|&parent| parent < position),
            );
            graph
                .parent_starts
                .push(u32::try_from(graph.parents.len()).unwrap_or(u32::MAX));
        }
        graph
    }

    /// Number of commits.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of the commit at `rank`.
    pub fn node(&self, rank: Rank) -> Node {
        self.nodes[rank as usize]
    }

    /// The root tree of the commit at `rank`.
    pub fn tree(&self, rank: Rank) -> &ObjectId {
        &self.trees[rank as usize]
    }

    /// The parents of the commit at `rank` that are in the store, all of lower rank.
    pub fn parents(&self, rank: Rank) -> &[Rank] {
        let at = rank as usize;
        &self.parents[self.parent_starts[at] as usize..self.parent_starts[at + 1] as usize]
    }

    /// The rank of the commit stored at `node`.
    pub fn rank(&self, node: Node) -> Option<Rank> {
        let at = self
            .rank_of
            .binary_search_by_key(&node, |entry| entry.0)
            .ok()?;
        Some(self.rank_of[at].1)
    }

    /// All annotated tags, and what each names.
    pub fn tags(&self) -> impl Iterator<Item = (Node, ObjectId)> {
        self.tags.iter().copied()
    }

    /// What the annotated tag stored at `node` names.
    pub fn tag_target(&self, node: Node) -> Option<ObjectId> {
        let at = self
            .tags
            .binary_search_by_key(&node, |entry| entry.0)
            .ok()?;
        Some(self.tags[at].1)
    }
}

/// Kahn's algorithm with a heap: parents first, then by date, then by id.
fn topological_order(
    store: &ObjectStore,
    raw: &[(Node, ObjectId, i64, Vec<ObjectId>)],
    parents: &[Vec<usize>],
) -> Vec<usize> {
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); raw.len()];
    let mut pending: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (at, list) in (0u32..).zip(parents) {
        for &parent in list {
            children[parent].push(at);
        }
    }
    let key = |at: usize| Reverse((raw[at].2, store.id(raw[at].0), at));
    let mut ready: BinaryHeap<_> = (0..raw.len())
        .filter(|&at| pending[at] == 0)
        .map(key)
        .collect();
    let mut order = Vec::with_capacity(raw.len());
    while let Some(Reverse((_, _, at))) = ready.pop() {
        order.push(at);
        for &child in &children[at] {
            pending[child as usize] -= 1;
            if pending[child as usize] == 0 {
                ready.push(key(child as usize));
            }
        }
    }
    order.extend((0..raw.len()).filter(|&at| pending[at] > 0));
    order
}
