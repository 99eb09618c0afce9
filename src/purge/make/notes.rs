//! Makes new trees of notes: their paths are ids of what they annotate.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::history::commits::Rank;
use crate::odb::{Node, ObjectId, ObjectKind};
use crate::purge::make::objects::Rewriter;
use crate::purge::make::tree;
use crate::purge::make::tree::Entry;

impl Rewriter<'_> {
    /// Rewrites commits of notes: the paths of their trees are ids.
    pub(crate) fn notes(&mut self, ranks: &[Rank]) -> Result<()> {
        let mut trees = FxHashMap::default();
        let mut must: FxHashSet<Rank> = FxHashSet::default();
        for &rank in ranks {
            let old = *self.survey.graph.tree(rank);
            let Some(node) = self.survey.store.node_of(&old) else {
                continue;
            };
            let new = self.notes_tree(node)?;
            if new != old {
                trees.insert(rank, new);
            }
            let graph = &self.survey.graph;
            let has_new_parent = graph
                .parents(rank)
                .iter()
                .any(|parent| must.contains(parent));
            let node = graph.node(rank);
            let is_dirty = self.survey.dirty.contains_key(&node)
                || self.survey.known.contains_key(&self.survey.store.id(node));
            if new != old || has_new_parent || is_dirty {
                must.insert(rank);
            }
        }
        for rank in self.commit_order(&must) {
            self.commit(rank, trees.get(&rank).copied())?;
        }
        Ok(())
    }

    fn notes_tree(&mut self, node: Node) -> Result<ObjectId> {
        let old = self.survey.store.id(node);
        let mut entries: BTreeMap<Vec<Vec<u8>>, (Vec<u8>, ObjectId)> = BTreeMap::new();
        let mut moved = false;
        let mut stack: Vec<(Vec<Vec<u8>>, ObjectId)> = vec![(Vec::new(), old)];
        while let Some((path, id)) = stack.pop() {
            let here = self.survey.store.node_of(&id);
            let below = here.ok_or_else(|| Error::repository(format!("tree {id} is not here")))?;
            let (_, bytes) = self.read(below)?;
            let id_len = self.survey.store.hash().len_in_bytes();
            let list = tree::parse(&bytes, id_len)
                .ok_or_else(|| Error::corrupt(format!("tree {id} cannot be parsed")))?;
            for entry in list {
                let mut path = path.clone();
                path.push(entry.name.clone());
                if entry.is_tree() && path.len() <= id_len {
                    stack.push((path, entry.id));
                    continue;
                }
                let child = self.survey.store.node_of(&entry.id);
                let id = match child {
                    Some(child) => self.blob(child)?,
                    None => entry.id,
                };
                let annotated = ObjectId::from_hex(&path.concat()).ok();
                if let Some(new) = annotated.and_then(|id| self.out.ids.get(&id)) {
                    moved = true;
                    path = split_like(&new.to_string(), &path);
                }
                entries.insert(path, (entry.mode, id));
            }
        }
        if !moved {
            return Ok(self.tree(node, 0, 0)?.unwrap_or(old));
        }
        let list: Vec<_> = entries.into_iter().collect();
        let bytes = self.nested(&list, 0)?;
        self.put(ObjectKind::Tree, old, &bytes)
    }

    /// Writes the trees of `entries`, sorted by path, below their first `depth` parts.
    fn nested(&mut self, entries: &[NotesEntry], depth: usize) -> Result<Vec<u8>> {
        let mut list: Vec<Entry> = Vec::new();
        let mut at = 0;
        while at < entries.len() {
            let (path, (mode, id)) = &entries[at];
            let name = path[depth].clone();
            if path.len() == depth + 1 {
                list.push(Entry {
                    mode: mode.clone(),
                    name,
                    id: *id,
                });
                at += 1;
                continue;
            }
            let same = entries[at..]
                .iter()
                .take_while(|(path, _)| path[depth] == name && path.len() > depth + 1)
                .count();
            let bytes = self.nested(&entries[at..at + same], depth + 1)?;
            let id = self.put_new(ObjectKind::Tree, &bytes)?;
            list.push(Entry {
                mode: b"40000".to_vec(),
                name,
                id,
            });
            at += same;
        }
        list.sort_by(tree::order);
        Ok(tree::write(&list))
    }
}

/// Path in parts, and mode and id.
type NotesEntry = (Vec<Vec<u8>>, (Vec<u8>, ObjectId));

/// Cuts `hex` into parts as long as those of `path`.
fn split_like(hex: &str, path: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut rest = hex.as_bytes();
    let mut parts = Vec::new();
    for part in path {
        let (head, tail) = rest.split_at(part.len().min(rest.len()));
        parts.push(head.to_vec());
        rest = tail;
    }
    parts
}
