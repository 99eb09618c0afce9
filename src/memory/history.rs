//! The stored history of one repository, as of its last scan.

use std::path::PathBuf;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use serde::{Deserialize, Serialize};

use crate::finding::Fingerprint;
use crate::history::classes::{Class, FindingNumber, KeptClasses, SetNumber, TreeItem};
use crate::history::commits::{CommitGraph, Rank};
use crate::memory::Digest;
use crate::memory::ids::Ids;
use crate::odb::{Node, ObjectKind};

/// The files of the store, the commits, and the findings in trees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Digest of the options that decide which findings are reported.
    pub choice: Digest,
    /// The packs, by path, with the digest of each.
    pub packs: Vec<(PathBuf, Digest)>,
    /// The loose objects.
    pub loose: Vec<Node>,
    /// All commits, parents first.
    pub commits: Commits,
    /// Annotated tags, and the node of the target of each.
    pub tags: Vec<(Node, Node)>,
    /// The findings, by number: the rule, and the digest of the secret.
    pub findings: Vec<(String, Fingerprint)>,
    /// The classes of trees by findings. Numbers of names are positions in `names`.
    pub classes: KeptClasses,
    /// Where findings were introduced.
    pub introduced: Vec<KeptIntroduced>,
    /// Names of tree entries.
    pub names: Vec<NameAt>,
    /// Names with findings, and the tree with the lowest id that contains each.
    pub marked: Vec<(u32, Node)>,
    /// Commits of submodules that trees name: their ids, one after the other, sorted.
    pub submodules: Vec<u8>,
    /// The ids of missing parents, concatenated.
    pub missing: Vec<u8>,
    /// The commit that names each missing parent.
    pub missing_of: Vec<Node>,
    /// The ids of objects that trees name and the store lacks, concatenated.
    pub absent: Vec<u8>,
    /// The kind of each absent object.
    pub absent_kinds: Vec<u8>,
    /// The classes of trees by absent objects.
    pub absent_classes: KeptClasses,
}

/// All commits, a column each; parents before children.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commits {
    /// The commit.
    pub nodes: Vec<Node>,
    /// Its tree.
    pub trees: Vec<Node>,
    /// When it was committed.
    pub seconds: Vec<i64>,
    /// How many parents it has.
    pub parent_counts: Vec<u8>,
    /// The distance to each parent, in ranks.
    pub parents: Vec<u32>,
    /// The class of its tree by findings.
    pub classes: Vec<Class>,
    /// The class of its tree by what is absent; empty if nothing is.
    pub absent_classes: Vec<Class>,
}

/// The introduction of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptIntroduced {
    /// The finding.
    pub finding: FindingNumber,
    /// The commit.
    pub rank: Rank,
    /// The names on the way to it; `None` for the commit's own text.
    pub path: Option<Vec<u32>>,
    /// Whether the path itself contains the secret.
    pub is_name: bool,
    /// The object at the path, if it is here.
    pub object: Option<Node>,
}

/// The place of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameAt {
    /// The tree.
    pub tree: Node,
    /// The number of the entry.
    pub entry: u32,
}

impl Commits {
    /// Converts `graph`; `None` if a commit cannot be stored: its tree is missing, or it has more than 255
    /// parents.
    pub fn of(graph: &CommitGraph, node_of: &dyn Fn(Node) -> Option<Node>) -> Option<Self> {
        let mut kept = Self::default();
        for rank in graph.ranks() {
            let parents = graph.parents(rank);
            kept.nodes.push(node_of(graph.node(rank))?);
            kept.trees.push(node_of(graph.tree_node(rank)?)?);
            kept.seconds.push(graph.seconds(rank));
            kept.parent_counts.push(u8::try_from(parents.len()).ok()?);
            kept.parents
                .extend(parents.iter().map(|parent| rank.number() - parent.number()));
        }
        Some(kept)
    }

    /// Restores the graph.
    pub fn graph(&self, ids: &Ids, tags: &[(Node, Node)]) -> Option<CommitGraph> {
        let mut graph = CommitGraph::empty();
        let rows = self.nodes.iter().zip(&self.trees).zip(&self.seconds);
        let mut at = 0;
        let mut parents = Vec::new();
        for (rank, ((&(mut node), &tree), &seconds)) in (0u32..).zip(rows) {
            let count = usize::from(*self.parent_counts.get(rank as usize)?);
            parents.clear();
            for back in self.parents.get(at..at + count)? {
                parents.push(Rank::new(rank.checked_sub(*back)?));
            }
            at += count;
            node = self.check(node, ids)?;
            let tree = self.check(tree, ids)?;
            graph.push(
                node,
                (ids.get(tree).to_owned(), Some(tree)),
                seconds,
                &parents,
            );
        }
        for &(node, target) in tags {
            let target = ids.get(self.check(target, ids)?).to_owned();
            graph.push_tag(self.check(node, ids)?, target);
        }
        graph.settle();
        Some(graph)
    }

    /// Whether all columns have the same length, and all classes exist.
    fn is_sound(&self, classes: &KeptClasses, absent: &KeptClasses) -> bool {
        let len = self.nodes.len();
        let columns = [
            self.trees.len(),
            self.seconds.len(),
            self.parent_counts.len(),
            self.classes.len(),
        ];
        columns.iter().all(|&column| column == len)
            && (self.absent_classes.is_empty() || self.absent_classes.len() == len)
            && self.classes.iter().all(|&class| has(classes, class))
            && self.absent_classes.iter().all(|&class| has(absent, class))
    }

    /// Returns the commits that are not a parent of another.
    pub fn tips(&self) -> Vec<Node> {
        let mut is_tip = vec![true; self.nodes.len()];
        let mut parents = self.parents.iter();
        for (rank, &count) in self.parent_counts.iter().enumerate() {
            for &back in parents.by_ref().take(usize::from(count)) {
                if let Some(parent) = rank.checked_sub(back as usize) {
                    is_tip[parent] = false;
                }
            }
        }
        let all = self.nodes.iter().zip(is_tip);
        all.filter(|(_, is_tip)| *is_tip)
            .map(|(&node, _)| node)
            .collect()
    }

    fn check(&self, node: Node, ids: &Ids) -> Option<Node> {
        (node.index() < ids.len()).then_some(node)
    }
}

/// Splits concatenated ids.
pub fn split(hash: HashKind, bytes: &[u8]) -> Vec<ObjectId> {
    let all = bytes.chunks_exact(hash.len_in_bytes());
    all.map(ObjectId::from_bytes_or_panic).collect()
}

/// Concatenates ids.
pub fn joined<'a>(ids: impl Iterator<Item = &'a ObjectId>) -> Vec<u8> {
    ids.flat_map(|id| id.as_bytes()).copied().collect()
}

impl Story {
    /// Returns the absent objects.
    pub fn absent(&self, hash: HashKind) -> Vec<(ObjectId, ObjectKind)> {
        let kind = |&code: &u8| {
            let kinds = ObjectKind::ALL.into_iter();
            let mut kinds = kinds.filter(|&known| known as u8 == code);
            kinds.next().unwrap_or(ObjectKind::Unknown)
        };
        let kinds = self.absent_kinds.iter().map(kind);
        split(hash, &self.absent).into_iter().zip(kinds).collect()
    }

    /// Replaces all nodes: `nodes` contains the new node for each old one.
    pub fn renumber(&mut self, nodes: &[Node]) {
        self.each_node(&mut |node| *node = nodes[node.index()]);
    }

    fn each_node(&mut self, see: &mut dyn FnMut(&mut Node)) {
        let commits = &mut self.commits;
        let columns = commits.nodes.iter_mut().chain(&mut commits.trees);
        let places = self.names.iter_mut().map(|name| &mut name.tree);
        let marked = self.marked.iter_mut().map(|(_, tree)| tree);
        let introduced = self.introduced.iter_mut();
        let introduced = introduced.filter_map(|entry| entry.object.as_mut());
        let tags = self.tags.iter_mut().flat_map(|(tag, target)| [tag, target]);
        let classes = [&mut self.classes, &mut self.absent_classes];
        let trees = classes.into_iter().flat_map(|classes| {
            // Absent objects have no stored node.
            let trees = classes.of_tree.iter_mut().map(|(node, _)| node);
            trees.chain(classes.of_object.iter_mut().map(|(node, _)| node))
        });
        columns
            .chain(places)
            .chain(marked)
            .chain(&mut self.loose)
            .chain(introduced)
            .chain(tags)
            .chain(trees)
            .chain(&mut self.missing_of)
            .for_each(see);
    }

    /// Whether all numbers are in range, given `count` objects.
    pub fn is_sound(&mut self, hash: HashKind, count: usize) -> bool {
        let mut is_here = true;
        self.each_node(&mut |node| is_here &= node.index() < count);
        let id_len = hash.len_in_bytes();
        let names = self.names.len();
        let (findings, absent) = (self.findings.len(), self.absent_kinds.len());
        is_here
            && self.commits.is_sound(&self.classes, &self.absent_classes)
            && is_sound(&self.classes, names, findings)
            && is_sound(&self.absent_classes, names, absent)
            && self.absent.len() == absent * id_len
            && self.missing.len() == self.missing_of.len() * id_len
            && self.submodules.len().is_multiple_of(id_len)
            && self.marked.iter().all(|&(name, _)| (name as usize) < names)
            && self.introduced.iter().all(|entry| {
                let mut path = entry.path.iter().flatten();
                entry.rank.index() < self.commits.nodes.len()
                    && entry.finding.index() < findings
                    && path.all(|&name| (name as usize) < names)
            })
    }
}

fn has(classes: &KeptClasses, class: Class) -> bool {
    class.index() < classes.classes.len()
}

/// Whether all numbers in `classes` are in range, given the numbers of names and findings.
fn is_sound(classes: &KeptClasses, names: usize, findings: usize) -> bool {
    let has_name = |name: u32| (name as usize) < names;
    let has_set = |set: SetNumber| set.index() < classes.sets.len();
    let mut sets = classes.sets.iter().flatten();
    let mut items = Class::first(classes.classes.len())
        .zip(&classes.classes)
        .flat_map(|(class, items)| items.iter().map(move |&item| (class, item)));
    items.all(|(class, (name, item))| {
        has_name(name)
            && match item {
                TreeItem::Tree(other) => other < class,
                TreeItem::Blob(set) | TreeItem::Named(set) => has_set(set),
            }
    }) && sets.all(|&number| number.index() < findings)
        && classes
            .of_tree
            .iter()
            .all(|&(_, class)| has(classes, class))
        && classes.of_object.iter().all(|&(_, set)| has_set(set))
        && classes
            .of_name
            .iter()
            .all(|&(name, set)| has_name(name) && has_set(set))
}
