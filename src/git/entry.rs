//! An entry of an index.

use gix::ObjectId;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The path; a directory's ends with a slash (sparse index).
    pub path: Vec<u8>,
    /// What is staged.
    pub id: ObjectId,
    /// File type and permissions, as in a tree.
    pub mode: u32,
    /// 0, or the side of a conflict.
    pub stage: u8,
    /// `git add --intent-to-add`: nothing is staged yet.
    pub intent_to_add: bool,
}
