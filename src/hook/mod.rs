//! Puts unleak into git's hooks, says what is there, proves that it blocks, and reads what git tells
//! it.
//!
//! ```text
//! script; tree < framework < place < install < global, probe;  input
//! ```
//!
//! Nothing here scans: an installed script runs `unleak hook <name>`. A hook that somebody else
//! wrote is never overwritten, and nothing is written before everything was checked.

pub mod framework;
pub mod global;
pub mod input;
pub mod install;
pub mod place;
pub mod probe;
pub mod script;
mod tree;

/// A hook of git's that unleak can stand in (githooks(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// Before a commit.
    PreCommit,
    /// Before the commit of a merge, for which git does not run `pre-commit`.
    PreMergeCommit,
    /// Before `git am` commits a patch that it has applied.
    PreApplypatch,
    /// When the message of a commit is written.
    CommitMsg,
    /// Before `git am` applies a patch: its message.
    ApplypatchMsg,
    /// Before a push, on the side that pushes.
    PrePush,
    /// Before a push is accepted, on the server: once for all its refs.
    PreReceive,
    /// Before a push is accepted, on the server: once for each of its refs.
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

    /// What a developer's clone gets.
    pub const CLIENT: [Self; 6] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::PreApplypatch,
        Self::CommitMsg,
        Self::ApplypatchMsg,
        Self::PrePush,
    ];

    /// Returns git's name for it, which is also the name of its file.
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

    /// Returns the hook that git calls `name`, if it is one of these.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns what it scans, in words.
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

    /// Returns the kinds to install, in order: those asked for, or what fits the repository.
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

    /// The kind that it is installed with, since that does the same for commits that are made by
    /// hand.
    fn comes_with(self) -> Self {
        match self {
            Self::PreMergeCommit | Self::PreApplypatch => Self::PreCommit,
            Self::ApplypatchMsg => Self::CommitMsg,
            other => other,
        }
    }

    /// Whether a server runs it, for what others push.
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
