//! Brings another clone to the new history.
//!
//! A manifest lists old and new ids. Objects whose new ones are here (fetched from the server) are
//! taken as they are; what only this clone has is made anew on top of them. Values that stand in what
//! only this clone has are searched for, as far as old objects show them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::publish::Manifest;
use super::purge::Plan;
use crate::odb::{ObjectId, ObjectKind, ObjectStore};

/// What a clone has of the old history.
#[derive(Debug, Default)]
pub struct Here {
    /// Old objects of the manifest that are here.
    pub old: usize,
    /// Those whose new objects are here, too, with these.
    pub known: FxHashMap<ObjectId, ObjectId>,
}

/// Looks for the objects of a manifest in a clone.
pub fn look(store: &ObjectStore, manifest: &Manifest) -> Here {
    let mut here = Here::default();
    let pairs = manifest.pairs();
    // An id that is old and new belongs to a purge whose result was purged again.
    for (old, new) in pairs {
        here.old += usize::from(store.node_of(&old).is_some());
        // Notes and reflogs may name old objects that are not here.
        if store.node_of(&new).is_some() {
            here.known.insert(old, new);
        }
    }
    here
}

/// Changed commits and tags that the manifest does not know: the work of this clone.
pub fn own_work(plan: &Plan, manifest: &Manifest) -> usize {
    let known: FxHashSet<ObjectId> = manifest.pairs().into_iter().map(|(old, _)| old).collect();
    let made = plan.rewritten.made.iter();
    let own = made.filter(|made| made.kind != ObjectKind::Blob && made.kind != ObjectKind::Tree);
    own.filter(|made| !known.contains(&made.old)).count()
}
