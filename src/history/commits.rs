//! The commit graph of a whole object store, gathered while its commits are scanned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::CommitRefIter;
use gix::objs::commit::ref_iter::Token;
use rustc_hash::FxHashMap;

use crate::number::number_type;
use crate::odb::objects::Objects;
use crate::odb::walk::{Object, Observer};
use crate::odb::{Node, ObjectKind};

number_type! {
    /// Position of a commit in a [`CommitGraph`]: parents come before children.
    Rank
}

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
        let Some(Ok(Token::Tree { id: tree })) = tokens.next() else {
            return None;
        };
        let start = self.parents.len();
        // A commit whose committer line cannot be read still has its place in the graph.
        let mut seconds = 0;
        for token in tokens {
            match token {
                Ok(Token::Parent { id }) => self.parents.push(id),
                Ok(Token::Author { .. }) => {}
                Ok(Token::Committer { signature }) => {
                    seconds = signature.time().map_or(0, |time| time.seconds);
                    break;
                }
                _ => break,
            }
        }
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
const NONE: Node = Node::NONE;

/// What threads gathered.
#[derive(Default)]
pub struct GatheredCommits {
    /// Commits, by node.
    pub commits: Vec<Commit>,
    /// Annotated tags and what each names, by node.
    pub tags: Vec<(Node, ObjectId)>,
    /// What cannot be parsed, sorted.
    pub damaged: Vec<Node>,
}

impl GatheredCommits {
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
        let gathered = GatheredCommits::new(collectors);
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
        let rank = Rank::of_index(self.nodes.len());
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
        self.rank_of = self.nodes.iter().copied().zip(self.ranks()).collect();
        self.rank_of.sort_unstable();
        self.tags.sort_unstable();
    }

    /// Adds commits that are not in it and that none of its own has for a parent; also returns the
    /// new rank of each old one.
    ///
    /// The order is that of a graph made of all at once: what stands before a commit depends on it
    /// and its ancestors alone, so commits that were there keep their order among themselves.
    pub fn extended(self, objects: &dyn Objects, added: GatheredCommits) -> (Self, Vec<Rank>) {
        let mut extension = Extension::new(&self, objects, &added.commits);
        while extension.step() {}
        let Extension {
            mut graph,
            missing,
            rank_of_old,
            ..
        } = extension;
        graph.tags = self.tags;
        graph.tags.extend(added.tags);
        graph.damaged = added.damaged;
        graph.missing = missing;
        graph.settle();
        (graph, rank_of_old)
    }

    /// When the commit at `rank` was committed, seconds since 1970.
    pub fn seconds(&self, rank: Rank) -> i64 {
        self.seconds[rank.index()]
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
    pub fn ranks(&self) -> impl DoubleEndedIterator<Item = Rank> + ExactSizeIterator + use<> {
        Rank::first(self.len())
    }

    /// The node of the commit at `rank`.
    pub fn node(&self, rank: Rank) -> Node {
        self.nodes[rank.index()]
    }

    /// The root tree of the commit at `rank`.
    pub fn tree(&self, rank: Rank) -> &ObjectId {
        &self.trees[rank.index()]
    }

    /// The node of that tree, if it is here.
    pub fn tree_node(&self, rank: Rank) -> Option<Node> {
        Some(self.tree_nodes[rank.index()]).filter(|&node| node != NONE)
    }

    /// The parents of the commit at `rank` that are in the store, all of lower rank.
    pub fn parents(&self, rank: Rank) -> &[Rank] {
        let at = rank.index();
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

/// An old commit by its rank, or a new one by its number.
#[derive(Clone, Copy)]
enum GraphParent {
    Old(Rank),
    New(usize),
}

/// What decides among commits whose parents all stand: the date, then the id.
type CommitOrder = Reverse<(i64, ObjectId, usize)>;

/// Kahn's algorithm with a heap: parents first, then by date, then by id. Old commits are in that order
/// already.
struct Extension<'a> {
    old: &'a CommitGraph,
    objects: &'a dyn Objects,
    added: &'a [Commit],
    parents: Vec<Vec<GraphParent>>,
    /// New children of old commits and of new ones.
    of_old: FxHashMap<Rank, Vec<usize>>,
    of_new: Vec<Vec<usize>>,
    /// Parents of each new commit that do not stand yet.
    pending: Vec<usize>,
    ready: BinaryHeap<CommitOrder>,
    next_old: usize,
    /// New commits that are looked through for what a cycle left over.
    left: std::ops::Range<usize>,
    graph: CommitGraph,
    missing: Vec<(ObjectId, Node)>,
    rank_of_old: Vec<Rank>,
    rank_of_new: Vec<Option<Rank>>,
}

impl<'a> Extension<'a> {
    fn new(old: &'a CommitGraph, objects: &'a dyn Objects, added: &'a [Commit]) -> Self {
        let mut missing = old.missing.clone();
        let find = |node: Node| match old.rank(node) {
            Some(rank) => Some(GraphParent::Old(rank)),
            None => added
                .binary_search_by_key(&node, |commit| commit.node)
                .ok()
                .map(GraphParent::New),
        };
        let parents: Vec<Vec<GraphParent>> = added
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
        let mut of_new: Vec<Vec<usize>> = vec![Vec::new(); added.len()];
        for (child, list) in parents.iter().enumerate() {
            for parent in list {
                match *parent {
                    GraphParent::Old(rank) => of_old.entry(rank).or_default().push(child),
                    GraphParent::New(number) => of_new[number].push(child),
                }
            }
        }
        let mut extension = Self {
            old,
            objects,
            added,
            pending: parents.iter().map(Vec::len).collect(),
            parents,
            of_old,
            of_new,
            ready: BinaryHeap::new(),
            next_old: 0,
            left: 0..added.len(),
            graph: CommitGraph::empty(),
            missing,
            rank_of_old: Vec::with_capacity(old.len()),
            rank_of_new: vec![None; added.len()],
        };
        let ready = (0..added.len()).filter(|&at| extension.pending[at] == 0);
        extension.ready = ready.map(|at| extension.key(at)).collect();
        extension
    }

    fn key(&self, at: usize) -> CommitOrder {
        let commit = &self.added[at];
        Reverse((commit.seconds, self.objects.id(commit.node), at))
    }

    /// Puts one more commit in its place; returns whether there was one.
    fn step(&mut self) -> bool {
        let at = self.next_old;
        let has_old = at < self.old.len();
        let is_old = match self.ready.peek() {
            Some(Reverse((seconds, id, _))) if has_old => {
                let old_id = self.objects.id(self.old.nodes[at]);
                (self.old.seconds[at], &old_id) < (*seconds, id)
            }
            _ => has_old,
        };
        let children = if is_old {
            self.take_old()
        } else {
            // A cycle leaves commits that never are ready: they come last.
            let taken = self.ready.pop().map(|Reverse((_, _, at))| at);
            let (left, ranks) = (&mut self.left, &self.rank_of_new);
            let Some(at) = taken.or_else(|| left.find(|&at| ranks[at].is_none())) else {
                return false;
            };
            self.take_new(at)
        };
        for child in children {
            self.pending[child] = self.pending[child].saturating_sub(1);
            if self.pending[child] == 0 && self.rank_of_new[child].is_none() {
                self.ready.push(self.key(child));
            }
        }
        true
    }

    fn take_old(&mut self) -> Vec<usize> {
        let (rank, at) = (Rank::of_index(self.next_old), self.next_old);
        let parents = self.old.parents(rank).iter();
        let parents: Vec<Rank> = parents.map(|&p| self.rank_of_old[p.index()]).collect();
        let tree = (self.old.trees[at], self.old.tree_node(rank));
        self.rank_of_old.push(Rank::of_index(self.graph.len()));
        let (node, seconds) = (self.old.nodes[at], self.old.seconds[at]);
        self.graph.push(node, tree, seconds, &parents);
        self.next_old += 1;
        self.of_old.remove(&rank).unwrap_or_default()
    }

    fn take_new(&mut self, at: usize) -> Vec<usize> {
        let parents = self.parents[at].iter().filter_map(|parent| match *parent {
            GraphParent::Old(old) => self.rank_of_old.get(old.index()).copied(),
            GraphParent::New(number) => self.rank_of_new[number],
        });
        let parents: Vec<Rank> = parents.collect();
        let commit = &self.added[at];
        let tree = (commit.tree, self.objects.node_of(&commit.tree));
        self.rank_of_new[at] = Some(Rank::of_index(self.graph.len()));
        self.graph.push(commit.node, tree, commit.seconds, &parents);
        std::mem::take(&mut self.of_new[at])
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("commits have nodes")
}
