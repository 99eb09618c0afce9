//! The history of each finding: which commit introduced it, its author and paths, and the refs from which
//! it is still reachable.
//!
//! ```text
//! commits, trees, tips < classes, read < trace < standing
//! ```
//!
//! Costs one walk over the trees, whatever the number of findings: see `trees` and `classes`.
//!
//! *First* means: reachable from a ref before reachable from none; then topological order, parents
//! first; then the earlier committer date; then the smaller commit id.

pub mod classes;
pub mod commits;
pub mod read;
pub mod standing;
pub mod tips;
pub mod trace;
pub mod trees;

pub use read::{TreesRead, read_some_trees, read_trees};
use rustc_hash::FxHashMap;
pub use standing::{Attributed, Sources, add_tip, attribute, damaged};
pub use trace::{
    Absent, AbsentTrace, Introduced, MAX_APPEARANCES, Trace, add_homes, commit_classes,
    findings_of, introduced_by, object_at, trace,
};

use crate::finding::Spot;
use crate::history::classes::FindingNumber;
use crate::odb::Node;

/// The places of one finding: the nodes of objects, with the spot in each.
pub type Places = FxHashMap<Node, Spot>;

/// Findings in names of tree entries, sorted, by the number of the name.
pub type FindingsOfNames = FxHashMap<u32, Vec<FindingNumber>>;
