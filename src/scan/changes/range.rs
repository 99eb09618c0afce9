//! Lists the text of a range of commits, and every file that a commit has and none of its parents has at
//! the same path.

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::FxHashSet;

use crate::odb::{Node, ObjectKind};
use crate::scan::changes::commits::{NewCommit, NewCommits};
use crate::scan::changes::novelty::FileChanges;
use crate::scan::changes::pieces::Pieces;
use crate::scan::changes::trees::{EntryType, TreeReader};

/// The objects of a range.
#[derive(Default)]
pub struct Brought {
    /// All objects to scan.
    pub pieces: Pieces,
    /// The files, commit by commit.
    pub changes: Vec<FileChanges>,
    /// Distinct submodule commits that are named.
    pub submodules: usize,
}

/// Lists what `commits` bring in.
pub fn list(commits: &NewCommits, trees: &mut TreeReader<'_>) -> Brought {
    let mut brought = Brought::default();
    let mut submodules = FxHashSet::default();
    for &tag in &commits.tags {
        brought.pieces.add(tag, ObjectKind::Tag);
    }
    for &(id, kind) in &commits.others {
        let mut files = Vec::new();
        if kind == ObjectKind::Tree {
            add_files(
                id,
                &[],
                trees,
                &mut brought.pieces,
                &mut files,
                &mut submodules,
            );
        } else {
            files.push((BString::default(), brought.pieces.add(id, kind)));
        }
        brought.changes.push(FileChanges {
            commit: None,
            files,
        });
    }
    for commit in &commits.commits {
        brought.pieces.add(commit.id, ObjectKind::Commit);
        let mut files = Vec::new();
        let (tree, parents) = (commit.tree, &commit.parent_trees);
        add_files(
            tree,
            parents,
            trees,
            &mut brought.pieces,
            &mut files,
            &mut submodules,
        );
        brought.changes.push(FileChanges {
            commit: Some(commit.id),
            files,
        });
    }
    brought.submodules = submodules.len();
    brought
}

fn add_files(
    tree: ObjectId,
    parents: &[ObjectId],
    trees: &mut TreeReader<'_>,
    pieces: &mut Pieces,
    files: &mut Vec<(BString, Node)>,
    submodules: &mut FxHashSet<ObjectId>,
) {
    trees.changed(
        tree,
        parents,
        &mut |path, entry_type, id| match entry_type {
            EntryType::Submodule => {
                submodules.insert(id);
            }
            _ => files.push((path, pieces.add(id, ObjectKind::Blob))),
        },
    );
    files.sort_unstable();
}

/// Returns the blobs that `commit` replaces or removes.
pub fn replaced(commit: &NewCommit, trees: &mut TreeReader<'_>) -> Vec<ObjectId> {
    let mut old = Vec::new();
    for &parent in &commit.parent_trees {
        trees.changed(parent, &[commit.tree], &mut |_, entry_type, id| {
            if entry_type == EntryType::Blob {
                old.push(id);
            }
        });
    }
    old.sort_unstable();
    old.dedup();
    old
}
