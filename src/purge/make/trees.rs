//! Makes new trees: the lowest first, many at a time in one walk over the packs.
//!
//! What a tree becomes follows from its bytes and from what its children became: the ids of these are
//! overwritten in a copy. A walk makes each tree from its delta base once, where reading trees one by one
//! would make the same bases over and over.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::history::trees::{Link, TreeLinks};
use crate::odb::walk::{Base, Object, Visitor, walk_some};
use crate::odb::{Node, ObjectId, ObjectKind, ObjectStore, hash};
use crate::progress::Progress;
use crate::purge::find::survey::{Dirty, Survey};
use crate::purge::find::values;
use crate::purge::find::values::Needles;
use crate::purge::make::objects::{Look, MAX_DEPTH, Options, Rewriter};
use crate::purge::make::tree;
use crate::purge::make::tree::Entry;

/// Levels of fewer trees are read one by one: a walk looks at every entry of every pack. The second number
/// bounds the number of walks.
const MIN_WALKED: usize = 64;
const MAX_WALKS: usize = 32;

/// What is known when a tree is made: the parts of a survey that threads can share.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) store: &'a ObjectStore,
    pub(crate) names: &'a FxHashSet<Vec<u8>>,
    pub(crate) dirty: &'a BTreeMap<Node, Dirty>,
    pub(crate) needles: &'a Needles,
    holders: &'a FxHashMap<Node, Vec<Link>>,
    links: &'a TreeLinks,
    pub(crate) options: &'a Options,
    /// What became of the children, by their old ids.
    ids: &'a FxHashMap<ObjectId, ObjectId>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(
        survey: &'a Survey<'_>,
        options: &'a Options,
        ids: &'a FxHashMap<ObjectId, ObjectId>,
    ) -> Self {
        Self {
            store: survey.store,
            names: &survey.names,
            holders: &survey.holders,
            links: &survey.links,
            dirty: &survey.dirty,
            needles: survey.needles,
            options,
            ids,
        }
    }

    /// The name that an entry gets, if its own holds a value.
    pub(crate) fn new_name(&self, entry: &Entry) -> Option<Vec<u8>> {
        if !self.names.contains(&entry.name) {
            return None;
        }
        values::redact_name(&entry.name, self.needles, &self.options.mark)
    }
}

/// Puts what becomes of the tree `node`, which holds `bytes`, into `out`. `None` if it is damaged.
pub(crate) fn patched(known: Known<'_>, node: Node, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (store, options) = (known.store, known.options);
    let id_len = store.hash().len_in_bytes();
    let links = known.holders.get(&node).map_or(&[][..], Vec::as_slice);
    let here = links.iter().filter(|link| store.has_node(link.child));
    let replaced: Vec<(ObjectId, ObjectId)> = here
        .filter_map(|link| {
            let old = store.id(link.child);
            Some((old, *known.ids.get(&old)?))
        })
        .collect();
    let has_submodules = !options.submodules.is_empty();
    let new_id = |mode: &[u8], id: &[u8]| {
        if mode == b"160000" {
            let id = ObjectId::try_from(id).ok().filter(|_| has_submodules)?;
            return options.submodule(&id);
        }
        let mut found = replaced.iter();
        found.find_map(|(old, new)| (old.as_slice() == id).then_some(*new))
    };
    let has_marked = |link: &Link| known.names.contains(known.links.name(link.name));
    if known.names.is_empty() || !links.iter().any(has_marked) {
        return tree::patch_ids(bytes, id_len, out, &mut |entry, id| new_id(entry.mode, id));
    }
    let mut entries = tree::parse(bytes, id_len)?;
    let mut renamed: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, entry) in entries.iter_mut().enumerate() {
        entry.id = new_id(&entry.mode, entry.id.as_slice()).unwrap_or(entry.id);
        renamed.extend(known.new_name(entry).map(|name| (at, name)));
    }
    tree::rename(&mut entries, &renamed);
    out.clear();
    out.extend(tree::write(&entries));
    Some(())
}

impl Rewriter<'_> {
    /// Makes the trees of `roots` and all below them that change, blobs first.
    pub(crate) fn walk_trees(&mut self, roots: &[Node]) -> Result<()> {
        let (levels, blobs) = self.levels(roots)?;
        for blob in blobs {
            self.blob(blob)?;
        }
        let total: usize = levels.iter().map(Vec::len).sum();
        let least = MIN_WALKED.max(total / MAX_WALKS);
        for level in levels {
            if level.len() >= least {
                self.walk_level(&level)?;
            }
            // Whatever a walk could not read is read from another copy, or says why not.
            for node in level {
                self.tree(node, 0, 0)?;
            }
        }
        Ok(())
    }

    /// The trees below `roots` that change, by the number of changing levels below each; and the blobs
    /// that they name.
    fn levels(&self, roots: &[Node]) -> Result<(Vec<Vec<Node>>, Vec<Node>)> {
        let holders = &self.survey.holders;
        let mut heights: FxHashMap<Node, usize> = FxHashMap::default();
        let (mut levels, mut blobs): (Vec<Vec<Node>>, _) = (Vec::new(), Vec::new());
        let mut seen: FxHashSet<Node> = FxHashSet::default();
        let mut stack: Vec<(Node, usize, usize)> = Vec::new();
        for &root in roots {
            stack.push((root, 0, 0));
            while let Some((node, next, height)) = stack.pop() {
                // Also where a forged index makes trees hold each other.
                if stack.len() > MAX_DEPTH {
                    return Err(too_deep(self.survey.store.id(node)));
                }
                let raised = |stack: &mut Vec<(Node, usize, usize)>, height: usize| {
                    if let Some((.., above)) = stack.last_mut() {
                        *above = (*above).max(height + 1);
                    }
                };
                if let Some(&known) = heights.get(&node).filter(|_| next == 0) {
                    raised(&mut stack, known);
                    continue;
                }
                let is_known = || self.survey.known.contains_key(&self.survey.store.id(node));
                let Some(links) = holders.get(&node).filter(|_| next > 0 || !is_known()) else {
                    continue;
                };
                if let Some(link) = links.get(next) {
                    stack.push((node, next + 1, height));
                    if holders.contains_key(&link.child) {
                        stack.push((link.child, 0, 0));
                    } else if self.survey.store.has_node(link.child) && seen.insert(link.child) {
                        blobs.push(link.child);
                    }
                    continue;
                }
                heights.insert(node, height);
                if levels.len() <= height {
                    levels.resize(height + 1, Vec::new());
                }
                levels[height].push(node);
                raised(&mut stack, height);
            }
        }
        Ok((levels, blobs))
    }

    /// Makes trees whose changing children were made, in one walk.
    fn walk_level(&mut self, level: &[Node]) -> Result<()> {
        let store = self.survey.store;
        if let Look::AsPlanned(plan) = self.look {
            let planned = level.iter().filter(|&node| plan.walked.contains(node));
            for &node in planned {
                let old = store.id(node);
                self.note_tree(node, old, plan.map(old));
            }
            return Ok(());
        }
        let wanted: FxHashSet<Node> = level.iter().copied().collect();
        let is_wanted = |node: Node| wanted.contains(&node);
        let known = Known::new(self.survey, self.options, &self.out.ids);
        let make = || Maker {
            known,
            wanted: &wanted,
            out: Vec::new(),
            made: Vec::new(),
        };
        let kinds = [ObjectKind::Tree];
        let progress = Progress::default();
        let walked = walk_some(store, &kinds, Some(&is_wanted), &progress, &make);
        let visitors = walked.visitors.into_iter();
        let mut made: Vec<(Node, ObjectId)> = visitors.flat_map(|maker| maker.made).collect();
        made.sort_unstable();
        made.dedup();
        for (node, new) in made {
            self.note_tree(node, store.id(node), new);
        }
        Ok(())
    }

    /// Keeps what a tree becomes whose bytes are written later.
    fn note_tree(&mut self, node: Node, old: ObjectId, new: ObjectId) {
        self.trees.insert((node, 0), Some(new));
        let is_fresh = self.is_fresh(new);
        if is_fresh || matches!(self.look, Look::Closely(_)) {
            self.out.walked.insert(node);
        }
        self.note(ObjectKind::Tree, old, new);
    }
}

pub(crate) fn too_deep(tree: ObjectId) -> Error {
    Error::corrupt(format!(
        "tree {tree} has more than {MAX_DEPTH} directories in one another"
    ))
}

/// Finds out what the trees of one level become.
struct Maker<'a> {
    known: Known<'a>,
    wanted: &'a FxHashSet<Node>,
    out: Vec<u8>,
    made: Vec<(Node, ObjectId)>,
}

impl Visitor for Maker<'_> {
    type State = ();

    fn visit(&mut self, object: &Object<'_>, _base: Option<Base<'_, ()>>, _state: &mut ()) {
        if !self.wanted.contains(&object.node) {
            return;
        }
        let made = patched(self.known, object.node, object.bytes, &mut self.out);
        let hash = self.known.store.hash();
        let id = made.and_then(|()| hash::made_object_id(hash, object.kind, &self.out).ok());
        self.made.extend(id.map(|id| (object.node, id)));
    }
}
