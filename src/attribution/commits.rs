//! The commit graph of a whole object store, gathered while its commits are scanned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::CommitRefIter;

use rustc_hash::FxHashMap;

use crate::odb::objects::Objects;
use crate::odb::walk::{Object, Observer};
use crate::odb::{Node, ObjectKind};

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

/// A commit of a store.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its number.
    pub node: Node,
    /// Its tree.
    pub tree: ObjectId,
    /// When it was committed, seconds since 1970.
    pub seconds: i64,
    /// Its parents, here or not.
    pub parents: Vec<ObjectId>,
}

/// All commits of a store, in topological order: parents before children; where that leaves a
/// choice, earlier committer dates first, then smaller ids.
#[derive(Clone, Debug)]
pub struct CommitGraph {
    nodes: Vec<Node>,
    trees: Vec<ObjectId>,
    /// The node of each tree; [`NONE`] if it is not here.
    tree_nodes: Vec<Node>,
    seconds: Vec<i64>,
    parent_starts: Vec<u32>,
    parents: Vec<Rank>,
    rank_of: Vec<(Node, Rank)>,
    tags: Vec<(Node, ObjectId)>,
    /// Commits and tags that cannot be parsed.
    pub damaged: Vec<Node>,
    /// Parents that are not in the store, with the commit that names each.
    pub missing: Vec<(ObjectId, Node)>,
}

/// No node.
const NONE: Node = Node::MAX;

/// What threads gathered.
#[derive(Default)]
pub struct Gathered {
    /// Commits, by node.
    pub commits: Vec<Commit>,
    /// Annotated tags and what each names, by node.
    pub tags: Vec<(Node, ObjectId)>,
    /// What cannot be parsed, sorted.
    pub damaged: Vec<Node>,
}

impl Gathered {
    /// Puts together what all threads gathered.
    pub fn new(collectors: Vec<CommitCollector>) -> Self {
        let mut all = Self::default();
        for mut collector in collectors {
            all.damaged.append(&mut collector.damaged);
            all.tags.append(&mut collector.tags);
            for commit in collector.commits {
                all.commits.push(Commit {
                    node: commit.node,
                    tree: commit.tree,
                    seconds: commit.seconds,
                    parents: collector.parents[commit.parents].to_vec(),
                });
            }
        }
        all.commits.sort_unstable_by_key(|commit| commit.node);
        all.damaged.sort_unstable();
        all.tags.sort_unstable();
        all
    }
}

impl CommitGraph {
    /// Puts together what all threads gathered.
    pub fn new(objects: &dyn Objects, collectors: Vec<CommitCollector>) -> Self {
        let gathered = Gathered::new(collectors);
        Self::empty().extended(objects, gathered).0
    }

    /// A graph without commits.
    pub fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            trees: Vec::new(),
            tree_nodes: Vec::new(),
            seconds: Vec::new(),
            parent_starts: vec![0],
            parents: Vec::new(),
            rank_of: Vec::new(),
            tags: Vec::new(),
            damaged: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Adds a commit behind all others; only for one of a graph that was in order.
    pub fn push(
        &mut self,
        node: Node,
        (tree, tree_node): (ObjectId, Option<Node>),
        seconds: i64,
        parents: &[Rank],
    ) {
        let rank = number(self.nodes.len());
        self.nodes.push(node);
        self.trees.push(tree);
        self.tree_nodes.push(tree_node.unwrap_or(NONE));
        self.seconds.push(seconds);
        // Only a cycle, which hashes rule out but a forged index does not, has later parents.
        let earlier = parents.iter().filter(|&&parent| parent < rank);
        self.parents.extend(earlier);
        self.parent_starts.push(number(self.parents.len()));
    }

    /// Adds an annotated tag, in the order of nodes.
    pub fn push_tag(&mut self, node: Node, target: ObjectId) {
        self.tags.push((node, target));
    }

    /// Ends a graph that was made by [`Self::push`].
    pub fn settle(&mut self) {
        self.rank_of = self.nodes.iter().copied().zip(0u32..).collect();
        self.rank_of.sort_unstable();
        self.tags.sort_unstable();
    }

    /// Adds commits that are not in it and that none of its own has for a parent; also returns the
    /// new rank of each old one.
    ///
    /// The order is that of a graph made of all at once: what stands before a commit depends on it
    /// and its ancestors alone, so commits that were there keep their order among themselves.
    pub fn extended(self, objects: &dyn Objects, added: Gathered) -> (Self, Vec<Rank>) {
        /// An old commit by its rank, or a new one by its number.
        #[derive(Clone, Copy)]
        enum At {
            Old(Rank),
            New(usize),
        }
        let Gathered {
            commits,
            tags,
            damaged,
        } = added;
        let mut missing = self.missing.clone();
        let find = |node: Node| match self.rank(node) {
            Some(rank) => Some(At::Old(rank)),
            None => commits
                .binary_search_by_key(&node, |commit| commit.node)
                .ok()
                .map(At::New),
        };
        let parents: Vec<Vec<At>> = commits
            .iter()
            .map(|commit| {
                let known = |id: &ObjectId| match objects.node_of(id) {
                    Some(parent) => find(parent),
                    None => {
                        missing.push((*id, commit.node));
                        None
                    }
                };
                commit.parents.iter().filter_map(known).collect()
            })
            .collect();
        let mut of_old: FxHashMap<Rank, Vec<usize>> = FxHashMap::default();
        let mut of_new: Vec<Vec<usize>> = vec![Vec::new(); commits.len()];
        let mut pending: Vec<usize> = parents.iter().map(Vec::len).collect();
        for (child, list) in parents.iter().enumerate() {
            for parent in list {
                match *parent {
                    At::Old(rank) => of_old.entry(rank).or_default().push(child),
                    At::New(number) => of_new[number].push(child),
                }
            }
        }
        let key = |at: usize| Reverse((commits[at].seconds, objects.id(commits[at].node), at));
        let ready = (0..commits.len()).filter(|&at| pending[at] == 0);
        let mut ready: BinaryHeap<_> = ready.map(key).collect();
        let mut graph = Self::empty();
        let mut rank_of_old: Vec<Rank> = Vec::with_capacity(self.len());
        let mut rank_of_new: Vec<Option<Rank>> = vec![None; commits.len()];
        let mut next_old = 0u32;
        let mut left = 0..commits.len();
        loop {
            let old = (next_old as usize) < self.len();
            let is_first = match ready.peek() {
                Some(Reverse((seconds, id, _))) if old => {
                    let at = next_old as usize;
                    (self.seconds[at], &objects.id(self.nodes[at])) < (*seconds, id)
                }
                _ => old,
            };
            let rank = number(graph.len());
            let children = if is_first {
                let at = next_old as usize;
                let parents = self.parents(next_old).iter();
                let parents: Vec<Rank> = parents.map(|&old| rank_of_old[old as usize]).collect();
                let tree = (self.trees[at], self.tree_node(next_old));
                graph.push(self.nodes[at], tree, self.seconds[at], &parents);
                rank_of_old.push(rank);
                next_old += 1;
                of_old.remove(&(next_old - 1)).unwrap_or_default()
            } else {
                // A cycle leaves commits that never are ready: they come last.
                let taken = ready.pop().map(|Reverse((_, _, at))| at);
                let Some(at) = taken.or_else(|| left.find(|&at| rank_of_new[at].is_none())) else {
                    break;
                };
                let parents = parents[at].iter().filter_map(|parent| match *parent {
                    At::Old(old) => rank_of_old.get(old as usize).copied(),
                    At::New(number) => rank_of_new[number],
                });
                let parents: Vec<Rank> = parents.collect();
                let Commit {
                    node,
                    tree,
                    seconds,
                    ..
                } = commits[at];
                let tree = (tree, objects.node_of(&tree));
                graph.push(node, tree, seconds, &parents);
                rank_of_new[at] = Some(rank);
                std::mem::take(&mut of_new[at])
            };
            for child in children {
                pending[child] = pending[child].saturating_sub(1);
                if pending[child] == 0 && rank_of_new[child].is_none() {
                    ready.push(key(child));
                }
            }
        }
        graph.tags = self.tags;
        graph.tags.extend(tags);
        graph.damaged = damaged;
        graph.missing = missing;
        graph.settle();
        (graph, rank_of_old)
    }

    /// When the commit at `rank` was committed, seconds since 1970.
    pub fn seconds(&self, rank: Rank) -> i64 {
        self.seconds[rank as usize]
    }

    /// Number of commits.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All ranks.
    pub fn ranks(&self) -> std::ops::Range<Rank> {
        0..number(self.len())
    }

    /// The node of the commit at `rank`.
    pub fn node(&self, rank: Rank) -> Node {
        self.nodes[rank as usize]
    }

    /// The root tree of the commit at `rank`.
    pub fn tree(&self, rank: Rank) -> &ObjectId {
        &self.trees[rank as usize]
    }

    /// The node of that tree, if it is here.
    pub fn tree_node(&self, rank: Rank) -> Option<Node> {
        Some(self.tree_nodes[rank as usize]).filter(|&node| node != NONE)
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

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("commits have nodes")
}
