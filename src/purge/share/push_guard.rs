//! Refuses pushes that bring old history back.

use rustc_hash::FxHashSet;

use crate::error::Result;
use crate::git::repository::{Overrides, Repository};
use crate::odb::{Node, ObjectId, ReadLimits, Skipped};
use crate::purge::share::manifest::Manifest;
use crate::scan::changes::commits::Range;
use crate::scan::changes::trees::TreeReader;
use crate::scan::changes::{commits, range};

/// What a push would bring back.
#[derive(Debug, Default)]
pub struct ReturnedByPush {
    /// Old commits and blobs.
    pub ids: Vec<ObjectId>,
    /// What could not be read: it may bring something back.
    pub skipped: Vec<Skipped>,
}

/// Looks at everything that `range` brings in.
///
/// # Errors
/// `Repository` if the object store cannot be opened.
pub fn look(
    repo: &Repository,
    overrides: &Overrides,
    range: &Range,
    manifest: &Manifest,
) -> Result<ReturnedByPush> {
    let old: FxHashSet<ObjectId> = manifest.old_ids().into_iter().collect();
    let lookup = repo.lookup(overrides, ReadLimits::default())?;
    let shallow = repo.shallow_boundary()?;
    let found = commits::find(&lookup, range, &shallow);
    let mut returned = ReturnedByPush {
        skipped: found.skipped.clone(),
        ..ReturnedByPush::default()
    };
    let ids = found.commits.iter().map(|commit| commit.id);
    returned.ids.extend(ids.filter(|id| old.contains(id)));
    let mut trees = TreeReader::new(&lookup);
    let brought = range::list(&found, &mut trees);
    let pieces = Node::first(brought.pieces.len()).map(|node| brought.pieces.id(node));
    returned.ids.extend(pieces.filter(|id| old.contains(id)));
    returned.skipped.extend(trees.skipped);
    returned.ids.sort_unstable();
    returned.ids.dedup();
    Ok(returned)
}
