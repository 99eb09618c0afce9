//! Brings another clone to the new history.
//!
//! A manifest lists old and new ids. Objects whose new ones are here (fetched from the server) are
//! taken as they are; what only this clone has is made anew on top of them. Values that stand in what
//! only this clone has are searched for, as far as old objects show them.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::Result;
use crate::odb::{ObjectId, ObjectKind, ObjectStore};
use crate::purge::git::Git;
use crate::purge::plan::PurgePlan;
use crate::purge::share::manifest::{Manifest, name_id};

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
pub fn own_work(plan: &PurgePlan, manifest: &Manifest) -> usize {
    let known: FxHashSet<ObjectId> = manifest.pairs().into_iter().map(|(old, _)| old).collect();
    let made = plan.rewritten.made.iter();
    let own = made.filter(|made| made.kind != ObjectKind::Blob && made.kind != ObjectKind::Tree);
    own.filter(|made| !known.contains(&made.old)).count()
}

/// What of the old history is in a clone again after its purge.
#[derive(Debug, Default)]
pub struct ReturnedHistory {
    /// How many old objects are here.
    pub objects: usize,
    /// Full names of refs that lead to old commits, but for those that hold values.
    pub refs: Vec<String>,
    /// How many more there are, whose names hold values.
    pub unnamed: usize,
}

/// First changed commits that one git process is asked about.
const MAX_ASKED: usize = 500;

/// Looks for old objects that came back: a fetch from a server that was not pushed to brings them, and so
/// does a ref of a remote that nobody pruned.
///
/// # Errors
/// `Repository` with what git says, if refs cannot be listed.
pub fn returned(git: &Git, store: &ObjectStore, manifest: &Manifest) -> Result<ReturnedHistory> {
    let old: FxHashSet<ObjectId> = manifest.old_ids().into_iter().collect();
    let is_here = |id: &&ObjectId| store.node_of(id).is_some();
    let mut found = ReturnedHistory {
        objects: old.iter().filter(is_here).count(),
        ..ReturnedHistory::default()
    };
    if found.objects == 0 {
        return Ok(found);
    }
    let first = manifest.first_changed.iter().filter(|id| {
        let id = ObjectId::from_hex(id.as_bytes());
        id.is_ok_and(|id| old.contains(&id) && store.node_of(&id).is_some())
    });
    let first: Vec<&String> = first.collect();
    for some in first.chunks(MAX_ASKED) {
        let mut words = vec!["for-each-ref", "--format=%(refname)"];
        words.extend(some.iter().flat_map(|id| ["--contains", id]));
        let said = git.run(&words, b"")?;
        let names = String::from_utf8_lossy(&said).into_owned();
        found.refs.extend(names.lines().map(str::to_owned));
    }
    found.refs.sort_unstable();
    found.refs.dedup();
    let secret: FxHashSet<&str> = manifest
        .renamed
        .iter()
        .map(|named| &*named.name_id)
        .collect();
    let count = found.refs.len();
    found.refs.retain(|name| {
        let branch = name.strip_prefix("refs/remotes/");
        let branch =
            branch.and_then(|rest| Some(format!("refs/heads/{}", rest.split_once('/')?.1)));
        let mut names = std::iter::once(name).chain(&branch);
        !names.any(|name| secret.contains(&*name_id(store.hash(), name.as_bytes())))
    });
    found.unnamed = count - found.refs.len();
    Ok(found)
}
