//! Everything that keeps history alive: refs of every namespace, HEADs of all worktrees, reflogs,
//! stash, index.

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};

use crate::odb::Skipped;
use crate::odb::refs::Ref;
use crate::odb::repository::{Indexed, Repository};

/// What a tip is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TipKind {
    /// `refs/heads/*`.
    Branch,
    /// `refs/remotes/*`.
    Remote,
    /// `refs/tags/*`.
    Tag,
    /// Any other ref.
    Other,
    /// HEAD of a worktree that is on no branch.
    Head,
    /// `ORIG_HEAD` and its like, which git sets in passing and does not keep alive.
    Pseudo,
    /// `refs/stash` and what its reflog lists.
    Stash,
    /// An entry of any other reflog.
    Reflog,
    /// An entry of an index.
    Index,
}

impl TipKind {
    /// Whether it is a ref, or a HEAD that stands for one.
    pub fn is_ref(self) -> bool {
        matches!(
            self,
            Self::Branch | Self::Remote | Self::Tag | Self::Other | Self::Head
        )
    }
}

/// Where a walk of history starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tip {
    /// What it is.
    pub kind: TipKind,
    /// Its name, shortened for branches, remotes and tags; empty for reflogs and indexes.
    pub name: BString,
    /// What it names: mostly a commit or tag, but any object may be named.
    pub target: ObjectId,
}

/// All tips of a repository.
#[derive(Clone, Debug, Default)]
pub struct Tips {
    /// Sorted, each once.
    pub tips: Vec<Tip>,
    /// What HEAD names, if it is born.
    pub head: Option<ObjectId>,
    /// All entries of the indexes of all worktrees, of which the tips hold the ids.
    pub index: Vec<Indexed>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

impl Tips {
    /// Reads them all. What cannot be read is listed, never left out silently.
    pub fn read(repo: &Repository) -> Self {
        let refs = repo.refs();
        let mut tips = Self {
            head: refs.head().and_then(Ref::object_id),
            skipped: refs.skipped,
            ..Self::default()
        };
        for found in &refs.refs {
            tips.add_ref(found);
        }
        for entry in &refs.log {
            let kind = if entry.name == "refs/stash" {
                TipKind::Stash
            } else {
                TipKind::Reflog
            };
            for target in [entry.old, entry.new] {
                tips.add(kind, BString::default(), target);
            }
        }
        tips.read_indexes(repo);
        tips.tips.sort_unstable();
        tips.tips.dedup();
        tips
    }

    fn add(&mut self, kind: TipKind, name: BString, target: ObjectId) {
        if !target.is_null() {
            self.tips.push(Tip { kind, name, target });
        }
    }

    fn add_ref(&mut self, found: &Ref) {
        let Some(target) = found.object_id() else {
            return;
        };
        let name = found.name.clone();
        if name == "HEAD" {
            // On a branch, the branch says it.
            if found.symbolic.is_none() {
                self.add(TipKind::Head, name, target);
            }
        } else if !name.starts_with(b"refs/") {
            self.add(TipKind::Pseudo, name, target);
        } else if let Some(worktree) = &found.worktree {
            let name = format!("worktrees/{worktree}/{name}");
            self.add(TipKind::Other, name.into(), target);
        } else {
            let (kind, name) = classify(name.as_bstr());
            self.add(kind, name, target);
        }
    }

    fn read_indexes(&mut self, repo: &Repository) {
        let (index, skipped) = repo.indexes();
        self.skipped.extend(skipped);
        for Indexed { entry, .. } in &index {
            // A submodule's commit is another repository's; what is only intended is not there yet.
            if entry.mode != SUBMODULE && !entry.intent_to_add {
                self.add(TipKind::Index, BString::default(), entry.id);
            }
        }
        self.index = index;
    }
}

/// File type of an entry that is a submodule.
const SUBMODULE: u32 = 0o160_000;

fn classify(full: &gix::bstr::BStr) -> (TipKind, BString) {
    for (prefix, kind) in [
        (&b"refs/heads/"[..], TipKind::Branch),
        (b"refs/remotes/", TipKind::Remote),
        (b"refs/tags/", TipKind::Tag),
    ] {
        if let Some(short) = full.strip_prefix(prefix) {
            return (kind, short.into());
        }
    }
    if full == "refs/stash" {
        return (TipKind::Stash, BString::default());
    }
    (TipKind::Other, full.to_owned())
}
