//! How to audit, and what was audited.

use serde::{Deserialize, Serialize};

use crate::odb::ReadLimits;
use crate::rule::Confidence;
use crate::scan::ScanOptions;
use crate::scan::files::FileChoice;

/// How to audit.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// How to scan.
    pub scan: ScanOptions,
    /// What to read at most.
    pub limits: ReadLimits,
    /// Findings below this are left out.
    pub min_confidence: Confidence,
    /// Whether keys that are meant to be public are reported.
    pub public_keys: PublicKeys,
    /// Which files of the worktree are scanned with a repository; none without a choice.
    pub worktree: Option<FileChoice>,
    /// Whether the files of the git directory are scanned with a repository.
    pub git_dir: GitDirFiles,
    /// Key of the fingerprints.
    pub fingerprint_key: Vec<u8>,
}

/// What is done with files of the git directory that no scan needs: configuration, messages, state of a
/// rebase, hooks, other stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitDirFiles {
    /// They are read, with the objects of submodules and the files of linked worktrees.
    Read,
    /// The report names them as not read.
    Named,
}

/// Whether keys that are meant to be public are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeys {
    /// They are.
    Reported,
    /// They are not.
    LeftOut,
}

/// What was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every object of a repository.
    Repository,
    /// What the index has and HEAD has not.
    Staged,
    /// What some commits bring in.
    Range,
    /// One text that is in no repository.
    Text,
    /// Files that need not be in a repository.
    Files,
    /// Every object of a bundle.
    Bundle,
    /// Some objects of a repository.
    Objects,
}

impl Scope {
    /// Whether what was found stands in commits.
    pub fn has_commits(self) -> bool {
        matches!(self, Self::Repository | Self::Range | Self::Bundle)
    }

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Staged => "staged",
            Self::Range => "range",
            Self::Text => "text",
            Self::Files => "files",
            Self::Bundle => "bundle",
            Self::Objects => "objects",
        }
    }
}
