//! The indexes of all worktrees.

use std::path::Path;

use gix::bstr::BString;
use gix::hash::Kind as HashKind;

use crate::error::Result;
use crate::git::entry::IndexEntry;
use crate::git::index::Index;
use crate::git::repository::Repository;
use crate::git::{index, refs};
use crate::odb::{SkipReason, Skipped, file};

/// An entry of one of the indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The linked worktree whose index it is; `None` for the main one.
    pub worktree: Option<BString>,
    /// The entry.
    pub entry: IndexEntry,
}

/// Hands the entries of an index to `add` until that says stop; returns whether it did not.
pub(crate) fn read_index(
    path: &Path,
    hash: HashKind,
    add: &mut dyn FnMut(IndexEntry) -> bool,
) -> Result<bool> {
    let mut index = Index::open(path, hash)?;
    while let Some(entry) = index.next_entry()? {
        if !add(entry) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Repository {
    /// Reads the indexes of all worktrees, with entries of conflicts and those that nothing is
    /// staged for yet; and what cannot be read of them.
    pub fn indexes(&self) -> (Vec<Indexed>, Vec<Skipped>) {
        let (places, mut skipped) = refs::places(self);
        let mut found: Vec<Indexed> = Vec::new();
        let mut held = 0;
        for place in places {
            let path = place.dir.join("index");
            let mut add = |entry: IndexEntry| {
                held += entry.path.len() + size_of::<Indexed>();
                let worktree = place.worktree.clone();
                found.push(Indexed { worktree, entry });
                held <= index::MAX_HELD_BYTES
            };
            match read_index(&path, self.hash(), &mut add) {
                Ok(true) => {}
                Ok(false) => {
                    let why = "its entries take more memory than is allowed";
                    skipped.push(file::skipped(SkipReason::TooLarge, &path, why));
                }
                Err(e) => {
                    skipped.push(file::skipped(SkipReason::of(&e), &path, &e.chain()));
                }
            }
        }
        (found, skipped)
    }
}
