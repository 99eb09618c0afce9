//! The stored form of a repository's history: the place of each name, and a digest of each secret.

use gix::ObjectId;
use rustc_hash::FxHashMap;

use crate::finding::Fingerprint;
use crate::git::stamp::StoreFiles;
use crate::history::classes::{KeptClasses, TreeClasses};
use crate::history::commits::CommitGraph;
use crate::history::trees::TreeLinks;
use crate::history::{Absent, Introduced, MAX_APPEARANCES, Trace};
use crate::memory::Digest;
use crate::memory::history::{Commits, KeptIntroduced, NameAt, Story, joined};
use crate::memory::ids::Ids;
use crate::memory::sightings::stand_in;
use crate::odb::Node;
use crate::odb::objects::Objects;
use crate::rule::RuleSet;
use crate::scan::Sighted;

/// The data from which a stored history is made. Nodes are those of the new ledger.
pub(crate) struct Telling<'a> {
    pub(crate) files: &'a StoreFiles,
    pub(crate) choice: Digest,
    pub(crate) ids: &'a Ids,
    pub(crate) graph: &'a CommitGraph,
    pub(crate) trace: &'a Trace,
    pub(crate) found: &'a [Sighted],
    pub(crate) rules: &'a RuleSet,
    pub(crate) key: &'a [u8],
    /// The text of a name.
    pub(crate) name_of: &'a dyn Fn(u32) -> Option<Vec<u8>>,
    /// The place of a name, if it is already known.
    pub(crate) name_at: &'a dyn Fn(u32) -> Option<NameAt>,
    /// Names with findings, and a tree that contains each.
    pub(crate) marked: &'a [(u32, Node)],
    pub(crate) submodules: &'a [ObjectId],
}

/// More names than this would take too long to be read again.
const MAX_NAMES: usize = 5_000;

impl Telling<'_> {
    /// Makes the stored history; `None` if a part of it cannot be stored. `node_of` maps nodes of `objects`
    /// to those of the ledger.
    pub(crate) fn story(&self, node_of: &dyn Fn(Node) -> Option<Node>) -> Option<Story> {
        let trace = self.trace;
        let Absent::Few(absent) = &trace.absent else {
            return None;
        };
        if trace.introduced.len() >= MAX_APPEARANCES || !self.graph.damaged.is_empty() {
            return None;
        }
        let mut commits = Commits::of(self.graph, node_of)?;
        commits.classes.clone_from(&trace.commit_classes);
        commits.absent_classes.clone_from(&absent.commit_classes);
        let mut names = NameTable::new(self);
        let classes = names.classes(&trace.classes, node_of)?;
        let absent_classes = names.absent_classes(&absent.classes, node_of)?;
        let mut marked = Vec::new();
        for &(name, tree) in self.marked {
            marked.push((names.number(name)?, node_of(tree)?));
        }
        let mut introduced = Vec::with_capacity(trace.introduced.len());
        for entry in &trace.introduced {
            introduced.push(names.introduced(entry, node_of)?);
        }
        let tags = self.graph.tags().map(|(tag, target)| {
            // A tag of a missing object needs a full scan.
            Some((node_of(tag)?, self.ids.find(&target)?))
        });
        let loose = self.files.loose.iter().map(|(id, ..)| self.ids.find(id));
        let missing: Vec<ObjectId> = self.graph.missing.iter().map(|(id, _)| *id).collect();
        let missing_of = self.graph.missing.iter().map(|(_, node)| node_of(*node));
        Some(Story {
            choice: self.choice,
            packs: self.files.packs.clone(),
            loose: loose.collect::<Option<_>>()?,
            commits,
            tags: tags.collect::<Option<_>>()?,
            findings: self.found.iter().map(|found| self.key_of(found)).collect(),
            classes,
            introduced,
            names: names.places,
            marked,
            submodules: joined(self.submodules.iter()),
            missing: joined(missing.iter()),
            missing_of: missing_of.collect::<Option<_>>()?,
            absent: joined(absent.objects.iter().map(|(id, _)| id)),
            absent_kinds: absent.objects.iter().map(|(_, kind)| *kind as u8).collect(),
            absent_classes,
        })
    }

    /// The identity of a finding.
    fn key_of(&self, sighted: &Sighted) -> (String, Fingerprint) {
        let rule = self.rules.rules[usize::from(sighted.rule)].id.clone();
        (rule, stand_in(self.key, &sighted.secret))
    }
}

/// The places of names of tree entries.
struct NameTable<'t, 'a> {
    telling: &'t Telling<'a>,
    numbers: FxHashMap<u32, u32>,
    by_text: FxHashMap<Vec<u8>, u32>,
    places: Vec<NameAt>,
}

impl<'t, 'a> NameTable<'t, 'a> {
    fn new(telling: &'t Telling<'a>) -> Self {
        Self {
            telling,
            numbers: FxHashMap::default(),
            by_text: FxHashMap::default(),
            places: Vec::new(),
        }
    }

    /// The stored number of a name.
    fn number(&mut self, name: u32) -> Option<u32> {
        if let Some(&number) = self.numbers.get(&name) {
            return Some(number);
        }
        if self.places.len() >= MAX_NAMES {
            return None;
        }
        let number = u32::try_from(self.places.len()).ok()?;
        self.places.push((self.telling.name_at)(name)?);
        self.numbers.insert(name, number);
        self.by_text.insert((self.telling.name_of)(name)?, number);
        Some(number)
    }

    /// Classes with the stored numbers of names and nodes.
    fn classes(
        &mut self,
        classes: &TreeClasses,
        node_of: &dyn Fn(Node) -> Option<Node>,
    ) -> Option<KeptClasses> {
        let mut kept = classes.keep();
        for (node, _) in &mut kept.of_object {
            *node = node_of(*node)?;
        }
        kept.of_object.sort_unstable();
        self.renumber(kept, node_of)
    }

    /// The same for absent objects, which have no node in the ledger.
    fn absent_classes(
        &mut self,
        classes: &TreeClasses,
        node_of: &dyn Fn(Node) -> Option<Node>,
    ) -> Option<KeptClasses> {
        let mut kept = classes.keep();
        kept.of_object.clear();
        self.renumber(kept, node_of)
    }

    /// Numbers trees and names as they are kept.
    fn renumber(
        &mut self,
        mut kept: KeptClasses,
        node_of: &dyn Fn(Node) -> Option<Node>,
    ) -> Option<KeptClasses> {
        for (name, _) in kept.classes.iter_mut().flatten() {
            *name = self.number(*name)?;
        }
        // These were sorted by the old numbers.
        for items in &mut kept.classes {
            items.sort_unstable();
        }
        for (tree, _) in &mut kept.of_tree {
            *tree = node_of(*tree)?;
        }
        kept.of_tree.sort_unstable();
        kept.of_tree.dedup();
        for (name, _) in &mut kept.of_name {
            *name = self.number(*name)?;
        }
        kept.of_name.sort_unstable();
        Some(kept)
    }

    fn introduced(
        &self,
        entry: &Introduced,
        node_of: &dyn Fn(Node) -> Option<Node>,
    ) -> Option<KeptIntroduced> {
        let path = entry.path.as_ref().map(|path| {
            let names = path.split(|&byte| byte == b'/');
            // All of them stand in some class.
            names
                .map(|name| self.by_text.get(name).copied())
                .collect::<Option<Vec<u32>>>()
        });
        let object = match entry.object {
            Some(node) => Some(node_of(node)?),
            None => None,
        };
        Some(KeptIntroduced {
            finding: entry.finding,
            rank: entry.rank,
            path: match path {
                Some(path) => Some(path?),
                None => None,
            },
            is_name: entry.is_name,
            object,
        })
    }
}

/// Finds names in the trees that contain them.
pub(crate) struct NameFinder<'a> {
    objects: &'a dyn Objects,
    homes: &'a FxHashMap<u32, Node>,
}

impl<'a> NameFinder<'a> {
    /// `homes` has a tree for each name.
    pub(crate) fn new(objects: &'a dyn Objects, homes: &'a FxHashMap<u32, Node>) -> Self {
        Self { objects, homes }
    }

    /// Returns the place of `name`.
    pub(crate) fn find(&self, name: u32, text: &[u8]) -> Option<NameAt> {
        let &tree = self.homes.get(&name)?;
        let mut bytes = Vec::new();
        let read = self.objects.reader().read(tree, u64::MAX, &mut bytes);
        if read.is_err() {
            return None;
        }
        let mut entries = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
        let entry = entries.position(|entry| entry.is_ok_and(|entry| entry.filename == text))?;
        let entry = u32::try_from(entry).ok()?;
        Some(NameAt { tree, entry })
    }
}

/// A tree that has each name, of those that hold something.
pub(crate) fn homes(trace: &Trace, links: &TreeLinks) -> FxHashMap<u32, Node> {
    let mut homes = trace.homes.clone();
    for &(name, tree) in &links.marked {
        homes.entry(name).or_insert(tree);
    }
    homes
}
