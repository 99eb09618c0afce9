//! Everything that keeps history alive: refs of every namespace, HEADs of all worktrees, reflogs,
//! stash, index.

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::hash::Kind as HashKind;

use crate::finding::Place;
use crate::git::indexes::Indexed;
use crate::git::refs::{Ref, RefTarget};
use crate::git::repository::Repository;
use crate::odb::Skipped;

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

/// A text beside the objects: a name, or an entry of a reflog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TipText {
    /// What it is.
    pub place: Place,
    /// Full name of the ref, or the path.
    pub name: BString,
    /// Line in the reflog, from 1.
    pub line: u32,
    /// The text, if it is not the name itself.
    pub text: Option<BString>,
    /// From where what it is about is reached.
    pub tip: Tip,
}

/// All tips of a repository.
#[derive(Clone, Debug, Default)]
pub struct Tips {
    /// Sorted, each once.
    pub tips: Vec<Tip>,
    /// What HEAD names, if it is born.
    pub head: Option<ObjectId>,
    /// Names of refs and staged paths, and what reflogs say, sorted.
    pub notes: Vec<TipText>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

impl Tips {
    /// Whether there is a remote-tracking branch.
    pub fn has_remotes(&self) -> bool {
        self.tips.iter().any(|tip| tip.kind == TipKind::Remote)
    }

    /// Reads them all. What cannot be read is listed, never left out silently.
    pub fn read(repo: &Repository) -> Self {
        let refs = repo.refs();
        let mut tips = Self {
            head: refs.head().and_then(Ref::object_id),
            skipped: refs.skipped,
            ..Self::default()
        };
        for found in &refs.refs {
            tips.add_ref(found, repo.hash());
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
            let (line, target) = (u32::try_from(entry.line).unwrap_or(u32::MAX), entry.new);
            let name = BString::default();
            tips.notes.push(TipText {
                place: Place::Reflog,
                name: entry.name.clone(),
                line,
                text: Some(
                    [&entry.committer[..], b"\t", &entry.message]
                        .concat()
                        .into(),
                ),
                tip: Tip { kind, name, target },
            });
        }
        tips.read_indexes(repo);
        tips.tips.sort_unstable();
        tips.tips.dedup();
        tips.notes.sort_unstable();
        tips.notes.dedup();
        tips
    }

    /// Those that `refs`, full names and what they name, make; `skipped` could not be read.
    pub fn of(refs: &[(BString, ObjectId)], hash: HashKind, skipped: Vec<Skipped>) -> Self {
        let mut tips = Self {
            skipped,
            ..Self::default()
        };
        for (name, target) in refs {
            if name == "HEAD" {
                tips.head = Some(*target);
            }
            let found = Ref {
                worktree: None,
                name: name.clone(),
                symbolic: None,
                target: RefTarget::Object(*target),
            };
            tips.add_ref(&found, hash);
        }
        tips.tips.sort_unstable();
        tips.notes.sort_unstable();
        tips
    }

    fn add(&mut self, kind: TipKind, name: BString, target: ObjectId) {
        if !target.is_null() {
            self.tips.push(Tip { kind, name, target });
        }
    }

    fn add_ref(&mut self, found: &Ref, hash: HashKind) {
        let name = found.name.clone();
        let (kind, short) = if name == "HEAD" {
            (TipKind::Head, name.clone())
        } else if !name.starts_with(b"refs/") {
            (TipKind::Pseudo, name.clone())
        } else if let Some(worktree) = &found.worktree {
            let name = format!("worktrees/{worktree}/{name}");
            (TipKind::Other, name.into())
        } else {
            classify(name.as_bstr())
        };
        // A name is there even if it names nothing, and so is the one that a symbolic ref names.
        let names = [Some(&name), found.symbolic.as_ref()];
        let (noted, noted_name) = match &found.symbolic {
            Some(symbolic) => classify(symbolic.as_bstr()),
            None => (kind, short.clone()),
        };
        for name in names.into_iter().flatten() {
            let null = ObjectId::null(hash);
            self.notes.push(TipText {
                place: Place::Ref,
                name: name.clone(),
                line: 1,
                text: None,
                tip: Tip {
                    kind: noted,
                    name: noted_name.clone(),
                    target: found.object_id().unwrap_or(null),
                },
            });
        }
        // On a branch, the branch says it.
        if let Some(target) = found.object_id()
            && !(kind == TipKind::Head && found.symbolic.is_some())
        {
            self.add(kind, short, target);
        }
    }

    fn read_indexes(&mut self, repo: &Repository) {
        let (index, skipped) = repo.indexes();
        self.skipped.extend(skipped);
        for Indexed { entry, .. } in index {
            let tip = Tip {
                kind: TipKind::Index,
                name: BString::default(),
                target: entry.id,
            };
            // A submodule's commit is another repository's; what is only intended is not there yet.
            if entry.mode != SUBMODULE && !entry.intent_to_add {
                self.tips.push(tip.clone());
            }
            // Names in trees are searched one by one.
            let text = memchr::memchr(b'/', &entry.path).map(|_| entry.path.replace(b"/", b"\n"));
            self.notes.push(TipText {
                place: Place::Index,
                name: entry.path.into(),
                line: 1,
                text: text.map(BString::from),
                tip,
            });
        }
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
