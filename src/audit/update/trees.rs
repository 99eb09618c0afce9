//! Reads the new trees, and extends the classes of trees.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::audit::names;
use crate::audit::update::texts::UpdatedTexts;
use crate::audit::update::{Grown, IncrementalScan};
use crate::history;
use crate::history::classes::{Class, EMPTY, FindingNumber, KeptClasses, TreeClasses};
use crate::history::commits::{CommitGraph, Rank};
use crate::history::trees::{Link, TreeLinks};
use crate::history::{Absent, AbsentTrace, FindingsOfNames, Introduced, Places, Trace, TreesRead};
use crate::memory::history::{Story, split};
use crate::odb::objects::{Objects, ReadNode};
use crate::odb::{Node, ObjectKind};

/// The trees that are new.
pub(super) struct NewTrees<'a> {
    links: &'a TreeLinks,
    /// For each node of `links`, its node in the whole store. Absent objects are numbered behind all others.
    of_link: Vec<Node>,
    /// The number of each name of the links.
    of_name: Vec<u32>,
    /// Absent objects, by their numbers behind all nodes.
    absent: FxHashMap<Node, FindingNumber>,
}

/// The node of an object that the scan does not need.
const NOWHERE: Node = Node::NONE;

impl Grown<'_> {
    /// Reads the new trees; `None` if one is damaged.
    pub(super) fn read_trees(&self, texts: &UpdatedTexts) -> Option<TreesRead> {
        let IncrementalScan {
            detector, progress, ..
        } = *self.update;
        let (sighted, new) = (texts.sighted(), &self.is_new);
        let targets = self.part.nodes();
        let targets = targets.filter(|&node| sighted.contains(&self.place(node)));
        let trees = history::read_some_trees(
            self.part,
            &targets.collect(),
            &FxHashSet::default(),
            &names::judge(detector),
            Some(&|node: Node| new[node.index()]),
            progress,
        );
        let is_whole = trees.skipped.is_empty() && trees.links.damaged.is_empty();
        is_whole.then_some(trees)
    }

    /// Reads the names of the stored history.
    fn names(&self, story: &Story) -> Option<Vec<Vec<u8>>> {
        let mut order: Vec<usize> = (0..story.names.len()).collect();
        order.sort_by_key(|&at| story.names[at].tree);
        let mut texts = vec![Vec::new(); story.names.len()];
        let (mut reader, mut bytes) = (self.objects.reader(), Vec::new());
        let mut entries: (Option<Node>, Vec<BString>) = (None, Vec::new());
        for at in order {
            let name = story.names[at];
            if entries.0 != Some(name.tree) {
                if reader.read(name.tree, u64::MAX, &mut bytes).is_err() {
                    return None;
                }
                let parsed = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
                let parsed = parsed.map(|entry| Some(entry.ok()?.filename.to_owned()));
                entries = (Some(name.tree), parsed.collect::<Option<_>>()?);
            }
            texts[at] = entries.1.get(name.entry as usize)?.to_vec();
        }
        Some(texts)
    }

    /// Numbers the objects and names in new trees; also returns the texts of all names, stored ones first.
    /// `None` if one names an object that is not here.
    pub(super) fn new_trees<'t>(
        &self,
        links: &'t TreeLinks,
        story: &Story,
    ) -> Option<(Vec<Vec<u8>>, NewTrees<'t>)> {
        let mut texts = self.names(story)?;
        let hash = self.objects.hash();
        let count = self.objects.node_count();
        // Absent objects are numbered behind those that are here.
        let absent_node = |number: FindingNumber| Node::new(count + number.number());
        let ids = split(hash, &story.absent);
        let numbers = FindingNumber::first(ids.len());
        let known_absent: FxHashMap<ObjectId, FindingNumber> =
            ids.into_iter().zip(numbers).collect();
        let mut of_link = self.of_part.clone();
        let absent: FxHashMap<Node, FindingNumber> = known_absent
            .values()
            .map(|&number| (absent_node(number), number))
            .collect();
        let mut by_node: Vec<_> = links.absent.iter().collect();
        by_node.sort_unstable_by_key(|(_, node, _)| *node);
        for (id, node, kind) in by_node {
            if node.index() != of_link.len() {
                return None;
            }
            of_link.push(match (self.objects.node_of(id), known_absent.get(id)) {
                (Some(node), _) => node,
                (None, Some(&number)) => absent_node(number),
                // A commit of a submodule.
                (None, None) if *kind == ObjectKind::Commit => NOWHERE,
                (None, None) => return None,
            });
        }
        let mut numbers: FxHashMap<Vec<u8>, u32> = texts.iter().cloned().zip(0u32..).collect();
        let mut of_name = Vec::new();
        for text in links.names() {
            let next = u32::try_from(texts.len()).ok()?;
            let number = *numbers.entry(text.clone()).or_insert(next);
            if number == next {
                texts.push(text.clone());
            }
            of_name.push(number);
        }
        let trees = NewTrees {
            links,
            of_link,
            of_name,
            absent,
        };
        Some((texts, trees))
    }

    /// All names with findings, in the order of their texts, with the lowest tree that contains each.
    pub(super) fn marked(
        &self,
        story: &Story,
        trees: &NewTrees<'_>,
        texts: &[Vec<u8>],
    ) -> Vec<(u32, Node)> {
        let mut marked: BTreeMap<&[u8], (u32, Node)> = BTreeMap::new();
        let new = trees.links.marked.iter();
        let new = new.map(|&(name, tree)| (trees.of_name[name as usize], self.place(tree)));
        for (name, tree) in story.marked.iter().copied().chain(new) {
            let lowest = marked.entry(&texts[name as usize]).or_insert((name, tree));
            // Nodes have the order of ids.
            lowest.1 = lowest.1.min(tree);
        }
        marked.into_values().collect()
    }

    /// The trees among the new ones that lead to `seeds` or have one of `names`, by nodes and names of
    /// the whole.
    fn holders(
        &self,
        trees: &NewTrees<'_>,
        is_seed: &dyn Fn(Node) -> bool,
        named: &FindingsOfNames,
    ) -> FxHashMap<Node, Vec<Link>> {
        let numbered = Node::first(trees.of_link.len()).zip(&trees.of_link);
        let seeds = numbered.filter(|(_, node)| is_seed(**node));
        let seeds: FxHashSet<Node> = seeds.map(|(node, _)| node).collect();
        let numbered = (0u32..).zip(&trees.of_name);
        let names = numbered.filter(|(_, name)| named.contains_key(name));
        let names: FxHashSet<u32> = names.map(|(name, _)| name).collect();
        if seeds.is_empty() && names.is_empty() {
            return FxHashMap::default();
        }
        let found = trees.links.holders(&seeds, &names, trees.of_link.len());
        let found = found.into_iter().filter(|(tree, _)| self.is_new(*tree));
        found
            .map(|(tree, links)| {
                let links = links.into_iter().map(|link| Link {
                    name: trees.of_name[link.name as usize],
                    child: trees.of_link[link.child.index()],
                });
                (self.place(tree), links.collect())
            })
            .collect()
    }

    /// Extends the classes of trees; `None` if old objects contain other findings than before.
    pub(super) fn trace(
        &self,
        story: &mut Story,
        (graph, rank_of_old): (&CommitGraph, &[Rank]),
        (findings, named): (&[Places], &FindingsOfNames),
        trees: &NewTrees<'_>,
        texts: &[Vec<u8>],
    ) -> Option<Trace> {
        let findings_of = history::findings_of(findings);
        let is_old = |node: Node| self.is_old.get(node.index()).copied().unwrap_or(false);
        let old_names = u32::try_from(story.names.len()).ok()?;
        let kept = std::mem::take(&mut story.classes);
        if !kept.holds(&is_old, &findings_of, old_names, named) {
            return None;
        }
        let holding: FxHashSet<Node> = kept.of_tree.iter().map(|&(tree, _)| tree).collect();
        let is_seed = |node: Node| findings_of.contains_key(&node) || holding.contains(&node);
        let holders = self.holders(trees, &is_seed, named);
        let mut homes = FxHashMap::default();
        history::add_homes(&mut homes, &holders);
        for &(name, tree) in &trees.links.marked {
            homes
                .entry(trees.of_name[name as usize])
                .or_insert(self.place(tree));
        }
        let classes = TreeClasses::extended(kept, &holders, &findings_of, named);
        let by_rank = ByRank { graph, rank_of_old };
        let commit_classes = by_rank.classes(&story.commits.classes, &classes);
        let mut introduced = Vec::with_capacity(story.introduced.len());
        for entry in &story.introduced {
            let path = entry.path.as_ref().map(|path| {
                let names = path.iter().map(|&name| texts[name as usize].as_slice());
                let names: Vec<&[u8]> = names.collect();
                BString::from(names.join(&b'/'))
            });
            introduced.push(Introduced {
                finding: entry.finding,
                rank: rank_of_old[entry.rank.index()],
                path,
                is_name: entry.is_name,
                object: entry.object,
            });
        }
        let name_of = |name: u32| texts[name as usize].as_slice();
        let mut reader = self.objects.reader();
        for rank in by_rank.new_ranks() {
            let first = introduced.len();
            let told = (&findings_of, &classes, commit_classes.as_slice());
            history::introduced_by((graph, rank), told, &name_of, &mut introduced);
            for entry in &mut introduced[first..] {
                entry.object = match &entry.path {
                    None => Some(graph.node(rank)),
                    Some(path) => self.read_at(&mut *reader, graph.tree(rank), path)?,
                };
            }
        }
        introduced.sort_unstable();
        Some(Trace {
            absent: Absent::Few(self.absent(story, &by_rank, trees, &mut homes)),
            classes,
            commit_classes,
            introduced,
            homes,
        })
    }

    /// Returns the object at `path` below a tree, if it is here; `None` if a tree cannot be read.
    fn read_at(
        &self,
        reader: &mut dyn ReadNode,
        root: &ObjectId,
        path: &[u8],
    ) -> Option<Option<Node>> {
        let mut at = *root;
        let mut bytes = Vec::new();
        for name in path.split(|&byte| byte == b'/') {
            let tree = self.objects.node_of(&at)?;
            if reader.read(tree, u64::MAX, &mut bytes).is_err() {
                return None;
            }
            let entries = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
            let mut entries = entries.filter_map(Result::ok);
            at = entries.find(|entry| entry.filename == name)?.oid.to_owned();
        }
        Some(self.objects.node_of(&at))
    }

    fn absent(
        &self,
        story: &mut Story,
        by_rank: &ByRank<'_>,
        trees: &NewTrees<'_>,
        homes: &mut FxHashMap<u32, Node>,
    ) -> AbsentTrace {
        let objects = story.absent(self.objects.hash());
        if objects.is_empty() {
            return AbsentTrace::default();
        }
        let kept: KeptClasses = std::mem::take(&mut story.absent_classes);
        let holding: FxHashSet<Node> = kept.of_tree.iter().map(|&(tree, _)| tree).collect();
        let is_seed = |node: Node| trees.absent.contains_key(&node) || holding.contains(&node);
        let none = FindingsOfNames::default();
        let holders = self.holders(trees, &is_seed, &none);
        history::add_homes(homes, &holders);
        let absent = trees.absent.iter();
        let findings_of: FxHashMap<Node, Vec<FindingNumber>> = absent
            .map(|(&node, &number)| (node, vec![number]))
            .collect();
        let classes = TreeClasses::extended(kept, &holders, &findings_of, &none);
        AbsentTrace {
            objects,
            commit_classes: by_rank.classes(&story.commits.absent_classes, &classes),
            classes,
        }
    }
}

/// The new graph, with the new rank of each old commit.
struct ByRank<'a> {
    graph: &'a CommitGraph,
    rank_of_old: &'a [Rank],
}

impl ByRank<'_> {
    /// Returns the class of each commit: the stored ones of old commits, and those of the new trees.
    fn classes(&self, kept: &[Class], classes: &TreeClasses) -> Vec<Class> {
        let mut all = vec![EMPTY; self.graph.len()];
        for (&class, &rank) in kept.iter().zip(self.rank_of_old) {
            all[rank.index()] = class;
        }
        for rank in self.new_ranks() {
            let tree = self.graph.tree_node(rank);
            all[rank.index()] = tree.map_or(EMPTY, |tree| classes.of(tree));
        }
        all
    }

    /// The commits that are new.
    fn new_ranks(&self) -> Vec<Rank> {
        let mut is_new = vec![true; self.graph.len()];
        for &rank in self.rank_of_old {
            is_new[rank.index()] = false;
        }
        self.graph
            .ranks()
            .filter(|&rank| is_new[rank.index()])
            .collect()
    }
}
