//! Reads the trees of a store in one walk.

use gix::ObjectId;
use rustc_hash::FxHashSet;

use crate::history::trees::{NameJudge, SharedTreeState, TreeLinks, TreeVisitor};
use crate::odb::walk::{NodeFilter, Tally, walk_some};
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped};
use crate::progress::Progress;

/// Every tree of a store, read once.
pub struct TreesRead {
    /// Their links to trees, to the blobs that were asked for, and to what has a marked name.
    pub links: TreeLinks,
    /// Trees that could not be read.
    pub skipped: Vec<Skipped>,
    /// Trees read.
    pub tallies: Vec<(ObjectKind, Tally)>,
    /// The trees and their sizes.
    pub seen: Vec<(Node, u64)>,
}

/// Walks all trees of `store`; keeps what leads to `targets`, to the commits `gitlinks` of
/// submodules, or to a name that `judge` marks.
pub fn read_trees(
    store: &ObjectStore,
    targets: &FxHashSet<Node>,
    gitlinks: &FxHashSet<ObjectId>,
    judge: NameJudge<'_>,
    progress: &Progress,
) -> TreesRead {
    read_some_trees(store, targets, gitlinks, judge, None, progress)
}

/// Like [`read_trees`], for some of them.
pub fn read_some_trees(
    store: &ObjectStore,
    targets: &FxHashSet<Node>,
    gitlinks: &FxHashSet<ObjectId>,
    judge: NameJudge<'_>,
    wanted: Option<NodeFilter<'_>>,
    progress: &Progress,
) -> TreesRead {
    let shared = SharedTreeState::new(store, targets, gitlinks, judge);
    let walked = walk_some(store, &[ObjectKind::Tree], wanted, progress, &|| {
        TreeVisitor::new(&shared)
    });
    let (tallies, skipped) = (walked.tallies, walked.skipped);
    let mut seen = Vec::new();
    // Visitors borrow what they share; their lists are taken out first.
    let visitors = walked.visitors.into_iter();
    let parts: Vec<super::trees::GatheredTrees> = visitors
        .map(|mut visitor| {
            seen.append(&mut visitor.seen);
            visitor.finish()
        })
        .collect();
    TreesRead {
        seen,
        links: TreeLinks::new(shared, parts),
        skipped,
        tallies,
    }
}
