//! Puts unleak into git's hooks, says what is there, proves that it blocks, and reads what git tells
//! it.
//!
//! ```text
//! script < framework < place < install < global, probe;  input
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

/// A hook of git's that unleak can stand in (githooks(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// Before a commit.
    PreCommit,
    /// Before the commit of a merge, for which git does not run `pre-commit`.
    PreMergeCommit,
    /// When the message of a commit is written.
    CommitMsg,
    /// Before a push, on the side that pushes.
    PrePush,
    /// Before a push is accepted, on the server: once for all its refs.
    PreReceive,
    /// Before a push is accepted, on the server: once for each of its refs.
    Update,
}

impl HookKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::CommitMsg,
        Self::PrePush,
        Self::PreReceive,
        Self::Update,
    ];

    /// What a developer's clone gets.
    pub const CLIENT: [Self; 4] = [
        Self::PreCommit,
        Self::PreMergeCommit,
        Self::CommitMsg,
        Self::PrePush,
    ];

    /// Returns git's name for it, which is also the name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::CommitMsg => "commit-msg",
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
            Self::CommitMsg => "the message of a commit",
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
        let merges = asked.contains(&Self::PreCommit);
        let wanted =
            |kind: &Self| asked.contains(kind) || (merges && *kind == Self::PreMergeCommit);
        Self::ALL.into_iter().filter(wanted).collect()
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
    fn a_commit_hook_comes_with_that_of_merges() {
        use HookKind::{PreCommit, PreMergeCommit, PreReceive, Update};
        assert_eq!(
            HookKind::choose(&[Update, PreCommit], false),
            [PreCommit, PreMergeCommit, Update]
        );
        assert_eq!(HookKind::choose(&[], false), HookKind::CLIENT);
        assert_eq!(HookKind::choose(&[], true), [PreReceive]);
    }
}
