//! Basic types of stored objects: numbers, kinds, limits, and reasons for not reading something.

use gix::ObjectId;

use super::budget::Budget;
use crate::error::{Error, ErrorKind};
use crate::number::number_type;

number_type! {
    /// Number of a stored object: see the module's documentation.
    Node
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ObjectKind {
    /// Not known: broken, or a delta on an object outside its pack.
    Unknown,
    /// File contents, or a symbolic link's target.
    Blob,
    /// A directory.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The kinds that an object can have.
    pub const ALL: [Self; 4] = [Self::Blob, Self::Tree, Self::Commit, Self::Tag];

    /// git's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "object",
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }

    /// Reads git's word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn from_gix(kind: gix::objs::Kind) -> Self {
        match kind {
            gix::objs::Kind::Blob => Self::Blob,
            gix::objs::Kind::Tree => Self::Tree,
            gix::objs::Kind::Commit => Self::Commit,
            gix::objs::Kind::Tag => Self::Tag,
        }
    }

    pub(super) fn to_gix(self) -> Option<gix::objs::Kind> {
        match self {
            Self::Unknown => None,
            Self::Blob => Some(gix::objs::Kind::Blob),
            Self::Tree => Some(gix::objs::Kind::Tree),
            Self::Commit => Some(gix::objs::Kind::Commit),
            Self::Tag => Some(gix::objs::Kind::Tag),
        }
    }
}

/// Why something was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// It breaks git's format.
    Corrupt,
    /// It should be here and is not.
    Missing,
    /// A partial clone left it on the server.
    Promised,
    /// It is larger than the limit.
    TooLarge,
    /// Its format is one that unleak does not read.
    Unsupported,
    /// It can only be read with a key.
    Encrypted,
    /// The operating system refused to read it.
    Unreadable,
}

impl SkipReason {
    /// The reason that an error is.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Io => Self::Unreadable,
            ErrorKind::TooLarge => Self::TooLarge,
            _ => Self::Corrupt,
        }
    }

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Missing => "missing",
            Self::Promised => "promised",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
            Self::Encrypted => "encrypted",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something that should have been read and was not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The reason.
    pub reason: SkipReason,
    /// The kind of object, if known.
    pub kind: ObjectKind,
    /// Its id, if it is an object.
    pub object_id: Option<ObjectId>,
    /// File and offset, and what is wrong there.
    pub detail: String,
}

/// Limits on what is read from a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Largest object that is read, in bytes.
    pub max_object_bytes: u64,
    /// Largest object that is held in memory, in bytes, as deltas and archives need it. Offsets in
    /// one are 32 bits wide, so values from 4 GiB on have no further effect.
    pub max_held_bytes: u64,
    /// What all objects together may cost, in proportion to what is stored.
    pub budget: Budget,
}

impl ReadLimits {
    /// Largest object that is read if it must be held in memory and the budget allows it.
    pub fn held(&self) -> u64 {
        let both = self.max_object_bytes.min(self.max_held_bytes);
        both.min(u64::from(u32::MAX))
    }

    /// Like [`Self::held`], and within the budget.
    pub fn held_within_budget(&self) -> u64 {
        self.held().min(self.budget.held())
    }
}

impl Default for ReadLimits {
    fn default() -> Self {
        // git itself stores files over 512 MiB whole and undeltified (core.bigFileThreshold).
        Self {
            max_object_bytes: u64::MAX,
            max_held_bytes: 1 << 30,
            budget: Budget::default(),
        }
    }
}
