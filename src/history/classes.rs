//! Classes of trees: two trees of one class contain the same findings at the same paths. Histories have
//! hundreds of thousands of root trees and a handful of classes.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::history::trees::Link;
use crate::number::number_type;
use crate::odb::Node;

number_type! {
    /// Number of a class; [`EMPTY`] contains no finding.
    Class
}

/// The class of trees without findings.
pub const EMPTY: Class = Class::new(0);

number_type! {
    /// Number of a finding.
    FindingNumber
}

number_type! {
    /// Number of a set of findings.
    SetNumber
}

/// What a name leads to in a tree of some class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TreeItem {
    /// A tree of that class.
    Tree(Class),
    /// A blob that contains the findings of that set.
    Blob(SetNumber),
    /// An entry whose name contains the findings of that set.
    Named(SetNumber),
}

/// All classes of one store. None by default, not even the empty one.
#[derive(Debug, Default)]
pub struct TreeClasses {
    /// Name and item of each class, sorted.
    classes: Vec<Vec<(u32, TreeItem)>>,
    /// Sorted findings of each set.
    sets: Vec<Vec<FindingNumber>>,
    of_node: FxHashMap<Node, Class>,
    set_of: FxHashMap<Node, SetNumber>,
    /// The set of each name with findings.
    set_of_name: FxHashMap<u32, SetNumber>,
}

/// The stored form of classes, for the next scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptClasses {
    /// Name and item of each class.
    pub classes: Vec<Vec<(u32, TreeItem)>>,
    /// Sorted findings of each set.
    pub sets: Vec<Vec<FindingNumber>>,
    /// The class of each tree with findings, by node.
    pub of_tree: Vec<(Node, Class)>,
    /// The set of each object with findings, by node.
    pub of_object: Vec<(Node, SetNumber)>,
    /// The set of each name with findings, by number.
    pub of_name: Vec<(u32, SetNumber)>,
}

impl KeptClasses {
    /// Whether the old objects and names contain the same findings as before.
    pub fn holds(
        &self,
        is_old: &dyn Fn(Node) -> bool,
        findings_of: &FxHashMap<Node, Vec<FindingNumber>>,
        old_names: u32,
        named: &FxHashMap<u32, Vec<FindingNumber>>,
    ) -> bool {
        let set = |set: SetNumber| self.sets.get(set.index());
        let objects = &mut self.of_object.iter();
        let names = &mut self.of_name.iter();
        let old_objects = findings_of.keys().filter(|&&node| is_old(node)).count();
        let old_named = named.keys().filter(|&&name| name < old_names).count();
        self.of_object.len() == old_objects
            && self.of_name.len() == old_named
            && objects.all(|&(node, number)| findings_of.get(&node) == set(number))
            && names.all(|&(name, number)| named.get(&name) == set(number))
    }
}

impl TreeClasses {
    /// Sorts all trees into classes. `holders` are the links of `TreeLinks::holders`,
    /// `findings_of` the sorted findings of each blob, `named` those of each name.
    pub fn new(
        holders: &FxHashMap<Node, Vec<Link>>,
        findings_of: &FxHashMap<Node, Vec<FindingNumber>>,
        named: &FxHashMap<u32, Vec<FindingNumber>>,
    ) -> Self {
        let mut kept = KeptClasses::default();
        kept.classes.push(Vec::new());
        Self::extended(kept, holders, findings_of, named)
    }

    /// Extends stored classes; `holders` are the new trees.
    pub fn extended(
        kept: KeptClasses,
        holders: &FxHashMap<Node, Vec<Link>>,
        findings_of: &FxHashMap<Node, Vec<FindingNumber>>,
        named: &FxHashMap<u32, Vec<FindingNumber>>,
    ) -> Self {
        let mut built = Self {
            classes: kept.classes,
            sets: kept.sets,
            of_node: kept.of_tree.into_iter().collect(),
            set_of: FxHashMap::default(),
            set_of_name: FxHashMap::default(),
        };
        let numbers = SetNumber::first(built.sets.len());
        let mut numbers: FxHashMap<Vec<FindingNumber>, SetNumber> =
            built.sets.iter().cloned().zip(numbers).collect();
        let mut set_of = |findings: &[FindingNumber]| {
            if let Some(&set) = numbers.get(findings) {
                return set;
            }
            let next = SetNumber::of_index(built.sets.len());
            built.sets.push(findings.to_vec());
            numbers.insert(findings.to_vec(), next);
            next
        };
        for (&node, findings) in findings_of {
            let set = set_of(findings);
            built.set_of.insert(node, set);
        }
        for (&name, findings) in named {
            let set = set_of(findings);
            built.set_of_name.insert(name, set);
        }
        built.classify(holders);
        built
    }

    /// Returns the stored form.
    pub fn keep(&self) -> KeptClasses {
        let filled = self.of_node.iter().filter(|(_, class)| **class != EMPTY);
        let mut of_tree: Vec<(Node, Class)> = filled.map(|(&node, &class)| (node, class)).collect();
        of_tree.sort_unstable();
        KeptClasses {
            classes: self.classes.clone(),
            sets: self.sets.clone(),
            of_tree,
            of_object: sorted(&self.set_of),
            of_name: sorted(&self.set_of_name),
        }
    }

    /// Children before parents, without recursion: forged trees nest as deep as they like, and may
    /// even contain themselves.
    fn classify(&mut self, holders: &FxHashMap<Node, Vec<Link>>) {
        let mut numbers = ClassNumbers::default();
        for (items, class) in self.classes.iter().zip(Class::first(self.classes.len())) {
            numbers.add(digest(items), class);
        }
        let mut open: FxHashSet<Node> = FxHashSet::default();
        for &start in holders.keys() {
            let mut stack = vec![start];
            while let Some(&node) = stack.last() {
                if self.of_node.contains_key(&node) {
                    stack.pop();
                    continue;
                }
                let links = &holders[&node];
                let is_open = |link: &&Link| {
                    holders.contains_key(&link.child) && !self.of_node.contains_key(&link.child)
                };
                if open.insert(node) {
                    let waiting = links.iter().filter(is_open).map(|link| link.child);
                    let waiting: Vec<Node> =
                        waiting.filter(|child| !open.contains(child)).collect();
                    if !waiting.is_empty() {
                        stack.extend(waiting);
                        continue;
                    }
                }
                let class = self.intern(links, &mut numbers);
                self.of_node.insert(node, class);
                stack.pop();
            }
        }
    }

    fn intern(&mut self, links: &[Link], numbers: &mut ClassNumbers) -> Class {
        let mut items: Vec<(u32, TreeItem)> = Vec::with_capacity(links.len());
        for link in links {
            let item = match self.set_of.get(&link.child) {
                Some(&set) => Some(TreeItem::Blob(set)),
                None => self
                    .of_node
                    .get(&link.child)
                    .map(|&class| TreeItem::Tree(class)),
            };
            let named = self
                .set_of_name
                .get(&link.name)
                .map(|&set| TreeItem::Named(set));
            let found = item
                .filter(|item| *item != TreeItem::Tree(EMPTY))
                .into_iter()
                .chain(named);
            items.extend(found.map(|item| (link.name, item)));
        }
        items.sort_unstable();
        items.dedup();
        let digest = digest(&items);
        let is_same = |class: &Class| self.classes[class.index()] == items;
        if let Some(class) = numbers.alike(digest).find(is_same) {
            return class;
        }
        let class = Class::of_index(self.classes.len());
        items.shrink_to_fit();
        self.classes.push(items);
        numbers.add(digest, class);
        class
    }

    /// The class of the tree at `node`.
    pub fn of(&self, node: Node) -> Class {
        self.of_node.get(&node).copied().unwrap_or(EMPTY)
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether no tree contains a finding.
    pub fn is_empty(&self) -> bool {
        self.len() <= 1
    }

    /// Every distinct finding in each class, sorted. Classes refer to lower numbers only.
    pub fn findings(&self) -> Vec<Vec<FindingNumber>> {
        let mut all: Vec<Vec<FindingNumber>> = Vec::with_capacity(self.len());
        for items in &self.classes {
            let mut found: Vec<FindingNumber> = Vec::new();
            for (_, item) in items {
                match *item {
                    TreeItem::Blob(set) | TreeItem::Named(set) => {
                        found.extend(&self.sets[set.index()]);
                    }
                    TreeItem::Tree(class) => {
                        found.extend(all.get(class.index()).into_iter().flatten());
                    }
                }
            }
            found.sort_unstable();
            found.dedup();
            all.push(found);
        }
        all
    }

    /// Calls `see(path, finding, is_name)` for each finding that a tree of class `new` contains at a path, or
    /// in the name there, and none of `old` does, until it returns `false`: a few forged trees can make
    /// billions of paths.
    pub fn introduced<'n>(
        &self,
        name_of: &dyn Fn(u32) -> &'n [u8],
        new: Class,
        old: &[Class],
        see: &mut dyn FnMut(&[u8], FindingNumber, bool) -> bool,
    ) {
        let mut stack = vec![(new, old.to_vec(), Vec::new())];
        while let Some((class, old, path)) = stack.pop() {
            if class == EMPTY || old.contains(&class) {
                continue;
            }
            for &(name, item) in &self.classes[class.index()] {
                let mut path = path.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(name_of(name));
                let before = old.iter().flat_map(|&class| self.under(class, name));
                match item {
                    TreeItem::Tree(class) => {
                        let before = before.filter_map(|item| match item {
                            TreeItem::Tree(class) => Some(class),
                            TreeItem::Blob(_) | TreeItem::Named(_) => None,
                        });
                        stack.push((class, before.collect(), path));
                    }
                    TreeItem::Blob(set) | TreeItem::Named(set) => {
                        let is_name = matches!(item, TreeItem::Named(_));
                        let before: Vec<&Vec<FindingNumber>> = before
                            .filter_map(|item| match item {
                                TreeItem::Blob(set) if !is_name => Some(&self.sets[set.index()]),
                                TreeItem::Named(set) if is_name => Some(&self.sets[set.index()]),
                                _ => None,
                            })
                            .collect();
                        for finding in &self.sets[set.index()] {
                            let is_new = !before
                                .iter()
                                .any(|held| held.binary_search(finding).is_ok());
                            if is_new && !see(&path, *finding, is_name) {
                                return;
                            }
                        }
                    }
                }
            }
        }
    }

    fn under(&self, class: Class, name: u32) -> impl Iterator<Item = TreeItem> + '_ {
        let items = &self.classes[class.index()];
        let first = items.partition_point(|&(other, _)| other < name);
        items[first..]
            .iter()
            .take_while(move |(other, _)| *other == name)
            .map(|&(_, item)| item)
    }
}

/// Classes by a digest of their items, which are long lists and stand elsewhere. A class whose digest is
/// taken goes to the next free one.
#[derive(Default)]
struct ClassNumbers(FxHashMap<u64, Class>);

impl ClassNumbers {
    /// All classes that can have this digest.
    fn alike(&self, digest: u64) -> impl Iterator<Item = Class> + '_ {
        (0..).map_while(move |next| self.0.get(&digest.wrapping_add(next)).copied())
    }

    fn add(&mut self, digest: u64, class: Class) {
        let taken = self.alike(digest).count() as u64;
        self.0.insert(digest.wrapping_add(taken), class);
    }
}

fn digest(items: &[(u32, TreeItem)]) -> u64 {
    FxBuildHasher.hash_one(items)
}

/// The sets of a map, sorted by key.
fn sorted<K: Copy + Ord>(sets: &FxHashMap<K, SetNumber>) -> Vec<(K, SetNumber)> {
    let mut sets: Vec<(K, SetNumber)> = sets.iter().map(|(&key, &set)| (key, set)).collect();
    sets.sort_unstable();
    sets
}
