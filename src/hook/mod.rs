//! Installs git hooks that run unleak, reports their state, tests that they block, and parses their
//! input.
//!
//! ```text
//! script; tree < framework < place < install < global, probe;  input
//! ```
//!
//! This module does not scan: an installed script runs `unleak hook <name>`. Hooks of other
//! programs are never overwritten, and nothing is written before all checks have passed.

pub mod framework;
pub mod global;
pub mod input;
pub mod install;
pub mod place;
pub mod probe;
pub mod script;
mod tree;

/// A git hook that unleak supports (githooks(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// Before a commit.
    PreCommit,
    /// Before a merge commit, for which git does not run `pre-commit`.
    PreMergeCommit,
    /// Before `git am` commits an applied patch.
    PreApplypatch,
    /// After the message of a commit was written.
    CommitMsg,
    /// Before `git am` applies a patch, for its message.
    ApplypatchMsg,
    /// Before a push, on the client.
    PrePush,
    /// On the server, before a push is accepted; once for all its refs.
    PreReceive,
    /// On the server, before a push is accepted; once for each of its refs.
    Update,
}

impl HookKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::PreApplypatch,
        Self::CommitMsg,
        Self::ApplypatchMsg,
        Self::PrePush,
        Self::PreReceive,
        Self::Update,
    ];

    /// The default hooks of a client.
    pub const CLIENT: [Self; 6] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::PreApplypatch,
        Self::CommitMsg,
        Self::ApplypatchMsg,
        Self::PrePush,
    ];

    /// Returns its name in git, which is also its file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PreApplypatch => "pre-applypatch",
            Self::CommitMsg => "commit-msg",
            Self::ApplypatchMsg => "applypatch-msg",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// Returns the hook with this name in git, if it is supported.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns a description of what it scans.
    pub fn scans(self) -> &'static str {
        match self {
            Self::PreCommit => "what a commit adds",
            Self::PreMergeCommit => "what a merge adds",
            Self::PreApplypatch => "what a patch adds",
            Self::CommitMsg => "the message of a commit",
            Self::ApplypatchMsg => "the message of a patch",
            Self::PrePush => "what a push sends",
            Self::PreReceive => "what a push brings, all refs at once",
            Self::Update => "what a push brings, one ref at a time",
        }
    }

    /// Returns the kinds to install, in order: the requested ones, or the default for the
    /// repository.
    pub fn choose(asked: &[Self], is_bare: bool) -> Vec<Self> {
        if asked.is_empty() {
            return match is_bare {
                true => vec![Self::PreReceive],
                false => Self::CLIENT.to_vec(),
            };
        }
        let wanted = |kind: &Self| asked.contains(kind) || asked.contains(&kind.comes_with());
        Self::ALL.into_iter().filter(wanted).collect()
    }

    /// Returns the kind with which it is installed: the one that does the same for ordinary
    /// commits.
    fn comes_with(self) -> Self {
        match self {
            Self::PreMergeCommit | Self::PreApplypatch => Self::PreCommit,
            Self::ApplypatchMsg => Self::CommitMsg,
            other => other,
        }
    }

    /// Returns whether it is a server-side hook.
    pub fn is_server(self) -> bool {
        matches!(self, Self::PreReceive | Self::Update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in HookKind::ALL {
            assert_eq!(HookKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(HookKind::from_name("post-commit"), None);
    }

    #[test]
    fn a_commit_hook_comes_with_those_of_merges_and_patches() {
        use HookKind::{ApplypatchMsg, CommitMsg, PreApplypatch, PreCommit, PreMergeCommit};
        use HookKind::{PreReceive, Update};
        assert_eq!(
            HookKind::choose(&[Update, PreCommit], false),
            [PreCommit, PreMergeCommit, PreApplypatch, Update]
        );
        assert_eq!(
            HookKind::choose(&[CommitMsg], false),
            [CommitMsg, ApplypatchMsg]
        );
        assert_eq!(HookKind::choose(&[], false), HookKind::CLIENT);
        assert_eq!(HookKind::choose(&[], true), [PreReceive]);
    }
}
