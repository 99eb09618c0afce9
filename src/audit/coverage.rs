//! What an audit read, and what it could not read.

use std::collections::BTreeMap;

use gix::bstr::BString;

use crate::finding::Suppressed;
use crate::odb::walk::Tally;
use crate::odb::{ObjectKind, Skipped};

/// Objects of one kind: how many there are, how many were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Objects that were read.
    pub scanned: u64,
    /// Objects that were not.
    pub skipped: u64,
    /// Inflated bytes that were read.
    pub bytes: u64,
}

/// What was read, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageBlock {
    /// By kind; `Unknown` for what is not even known to be an object.
    pub kinds: BTreeMap<ObjectKind, Coverage>,
    /// Everything that should have been read and was not, sorted.
    pub skipped: Vec<Skipped>,
    /// Archives, and members of them, that nobody can open, sorted: damaged or locked by a password.
    /// Their bytes were read like those of any file.
    pub unopened: Vec<Skipped>,
    /// Packs.
    pub packs: usize,
    /// Loose objects.
    pub loose: usize,
    /// Object directories beside the repository's own.
    pub alternates: usize,
    /// Commits at which a shallow clone ends.
    pub shallow: usize,
    /// Commits that the receiver of a bundle must have: what they hold is not in it.
    pub prerequisites: usize,
    /// Files of the worktree that are modified or untracked, and were read.
    pub worktree: usize,
    /// Files of the git directory beside objects, refs and indexes that were read.
    pub git_dir: usize,
    /// The same that were not read, sorted: all, or links.
    pub git_dir_unread: Vec<BString>,
    /// Files that Git LFS keeps, read.
    pub lfs_read: usize,
    /// Files that Git LFS keeps and that are not here: like submodules, they are not part of what
    /// git itself holds.
    pub lfs_missing: usize,
    /// Distinct submodule commits that are named; their repositories are not entered.
    pub submodules: usize,
    /// Matches that an inline marker allows.
    pub allowed_inline: u64,
    /// Findings below the asked confidence.
    pub below_confidence: usize,
    /// Findings that people know and accept.
    pub suppressed: Vec<Suppressed>,
    /// Findings that filters leave out.
    pub filtered: usize,
    /// The filters that were asked for, as on the command line.
    pub filters: Vec<String>,
    /// Files and directories that were left out by name, and not read.
    pub excluded: usize,
    /// Pipes, sockets and devices that were met in directories, and not read.
    pub special: Vec<BString>,
    /// Rules that are switched off, by id, sorted.
    pub rules_off: Vec<String>,
}

impl CoverageBlock {
    /// Whether everything was read that belongs to what was scanned.
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty() && self.shallow == 0
    }

    /// Adds what was read.
    pub(super) fn count(&mut self, tallies: impl IntoIterator<Item = (ObjectKind, Tally)>) {
        for (kind, tally) in tallies {
            let coverage = self.kinds.entry(kind).or_default();
            coverage.scanned += tally.objects;
            coverage.bytes += tally.bytes;
        }
    }

    /// Adds what was not read. To be called once.
    pub(super) fn count_skipped(&mut self, skipped: impl IntoIterator<Item = Skipped>) {
        self.skipped.extend(skipped);
        self.skipped.sort_unstable();
        self.skipped.dedup();
        // Threads find them in any order.
        self.unopened.sort_unstable();
        for entry in &self.skipped {
            self.kinds.entry(entry.kind).or_default().skipped += 1;
        }
    }
}
