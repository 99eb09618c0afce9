//! What of HEAD and of the worktrees changes, apart from what only history has.

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::BString;
use rustc_hash::FxHashSet;

use crate::odb::{Node, ObjectId};
use crate::purge::find::survey::{GITLINK, Survey};
use crate::purge::find::values;
use crate::purge::make::names;

/// A file of HEAD or of an index that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeadFile {
    /// The linked worktree; `None` for the main one.
    pub worktree: Option<BString>,
    /// Its path, without values.
    pub path: Vec<u8>,
    /// The blob as it is.
    pub id: ObjectId,
    /// Whether HEAD has it: else only the index does.
    pub in_head: bool,
}

/// Files of HEAD and of indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadFiles {
    /// By worktree and path.
    pub files: Vec<HeadFile>,
    /// New paths of files of indexes whose names, or whose directories' names, hold values.
    pub renamed: Vec<Vec<u8>>,
    /// Whether there are more: trees can name each other more often than memory holds.
    pub has_more: bool,
}

/// Files that are listed.
const MAX_FILES: usize = 20_000;

/// Blobs with values that HEAD of some worktree, or an index, names.
pub(crate) fn blobs(survey: &Survey<'_>) -> FxHashSet<ObjectId> {
    let mut found = FxHashSet::default();
    let mut seen: FxHashSet<Node> = FxHashSet::default();
    let mut stack: Vec<Node> = roots(survey).into_iter().map(|(_, tree)| tree).collect();
    while let Some(tree) = stack.pop() {
        if !seen.insert(tree) {
            continue;
        }
        for link in survey.holders.get(&tree).into_iter().flatten() {
            if survey.dirty.contains_key(&link.child) {
                found.insert(survey.store.id(link.child));
            } else if survey.holders.contains_key(&link.child) {
                stack.push(link.child);
            }
        }
    }
    found.extend(staged(survey).map(|(_, _, id)| id));
    found
}

/// All files of HEAD and of indexes that hold values.
pub(crate) fn files(survey: &Survey<'_>, mark: &[u8]) -> HeadFiles {
    let mut found: BTreeMap<(Option<BString>, Vec<u8>, ObjectId), bool> = BTreeMap::new();
    let mut has_more = false;
    for (worktree, root) in roots(survey) {
        let mut stack: Vec<(Node, Vec<u8>)> = vec![(root, Vec::new())];
        while let Some((tree, dir)) = stack.pop() {
            for link in survey.holders.get(&tree).into_iter().flatten() {
                let mut path = dir.clone();
                path.extend_from_slice(survey.links.name(link.name));
                if survey.dirty.contains_key(&link.child) {
                    let id = survey.store.id(link.child);
                    found.insert((worktree.clone(), path, id), true);
                } else if survey.holders.contains_key(&link.child) {
                    path.push(b'/');
                    stack.push((link.child, path));
                }
            }
            if found.len() + stack.len() > MAX_FILES {
                has_more = true;
                break;
            }
        }
    }
    for (worktree, path, id) in staged(survey) {
        found.entry((worktree, path, id)).or_insert(false);
    }
    let files = found.into_iter().map(|((worktree, path, id), in_head)| {
        let path = values::redact_name(&path, survey.needles, b"REMOVED").unwrap_or(path);
        HeadFile {
            worktree,
            path,
            id,
            in_head,
        }
    });
    HeadFiles {
        files: files.collect(),
        renamed: renamed(survey, mark),
        has_more,
    }
}

/// New paths of staged files, each once.
fn renamed(survey: &Survey<'_>, mark: &[u8]) -> Vec<Vec<u8>> {
    let mut by_worktree: BTreeMap<Option<&[u8]>, Vec<&[u8]>> = BTreeMap::new();
    for found in &survey.indexes {
        let worktree = found.worktree.as_ref().map(|name| &name[..]);
        let list = by_worktree.entry(worktree).or_default();
        list.push(&found.entry.path);
    }
    let all = by_worktree.into_values();
    let new = all.flat_map(|list| names::new_paths(list.into_iter(), survey.needles, mark));
    let new: BTreeSet<Vec<u8>> = new.map(|(_, new)| new).collect();
    new.into_iter().take(MAX_FILES).collect()
}

/// The root trees of HEAD of all worktrees, as far as they lead to values.
fn roots(survey: &Survey<'_>) -> Vec<(Option<BString>, Node)> {
    let heads = survey.refs.refs.iter().filter(|found| found.name == "HEAD");
    let trees = heads.filter_map(|head| {
        let commit = survey.store.node_of(&survey.peel(head.object_id()?))?;
        let tree = *survey.graph.tree(survey.graph.rank(commit)?);
        let tree = survey.store.node_of(&tree)?;
        let leads = survey.holders.contains_key(&tree);
        leads.then(|| (head.worktree.clone(), tree))
    });
    trees.collect()
}

/// What indexes name that holds values.
fn staged<'s>(
    survey: &'s Survey<'_>,
) -> impl Iterator<Item = (Option<BString>, Vec<u8>, ObjectId)> + 's {
    let entries = survey.indexes.iter();
    let entries = entries.filter(|found| found.entry.mode != GITLINK);
    entries.filter_map(|found| {
        let node = survey.store.node_of(&found.entry.id)?;
        survey.dirty.contains_key(&node).then(|| {
            let worktree = found.worktree.as_ref().map(|name| BString::from(&name[..]));
            (worktree, found.entry.path.to_vec(), found.entry.id)
        })
    })
}
