//! Everything that keeps history alive: refs of every namespace, HEADs of all worktrees, reflogs,
//! stash, index.

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};

use crate::odb::repository::Repository;
use crate::odb::{ObjectKind, SkipReason, Skipped};

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

/// Files in a `.git` directory that hold one object id.
const PSEUDO_REFS: [&str; 7] = [
    "HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_HEAD",
    "AUTO_MERGE",
];

/// All tips of a repository.
#[derive(Clone, Debug, Default)]
pub struct Tips {
    /// Sorted, each once.
    pub tips: Vec<Tip>,
    /// What HEAD names, if it is born.
    pub head: Option<ObjectId>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

impl Tips {
    /// Reads them all. What cannot be read is listed, never left out silently.
    pub fn read(repo: &Repository) -> Self {
        let mut tips = Self::default();
        tips.read_refs(repo.git());
        tips.read_heads(repo);
        tips.read_reflogs(repo);
        tips.read_index(repo.git());
        tips.tips.sort_unstable();
        tips.tips.dedup();
        tips
    }

    fn skip(&mut self, what: &str, why: &dyn std::fmt::Display) {
        self.skipped.push(Skipped {
            reason: SkipReason::Unsupported,
            kind: ObjectKind::Unknown,
            object_id: None,
            detail: format!("{what}: {why:#}"),
        });
    }

    fn read_refs(&mut self, git: &gix::Repository) {
        let platform = match git.references() {
            Ok(platform) => platform,
            Err(e) => return self.skip("refs cannot be read", &e),
        };
        let all = match platform.all() {
            Ok(all) => all,
            Err(e) => return self.skip("refs cannot be read", &e),
        };
        for reference in all {
            let mut reference = match reference {
                Ok(reference) => reference,
                Err(e) => {
                    self.skip("a ref cannot be read", &e);
                    continue;
                }
            };
            let full = reference.name().as_bstr().to_owned();
            // A symbolic ref names another ref; a dangling one names nothing.
            let target = match reference.target().try_id() {
                Some(id) => id.to_owned(),
                None => match reference.follow_to_object() {
                    Ok(id) => id.detach(),
                    Err(_) => continue,
                },
            };
            let (kind, name) = classify(full.as_bstr());
            self.tips.push(Tip { kind, name, target });
        }
    }

    fn read_heads(&mut self, repo: &Repository) {
        let git = repo.git();
        self.head = git.head_id().ok().map(gix::Id::detach);
        let mut dirs = vec![repo.common_dir().to_owned(), repo.git_dir().to_owned()];
        if let Ok(entries) = std::fs::read_dir(repo.common_dir().join("worktrees")) {
            dirs.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        dirs.sort_unstable();
        dirs.dedup();
        for dir in dirs {
            for name in PSEUDO_REFS {
                let Ok(text) = std::fs::read(dir.join(name)) else {
                    continue;
                };
                if let Ok(target) = ObjectId::from_hex(text.trim_ascii()) {
                    let kind = if name == "HEAD" {
                        TipKind::Head
                    } else {
                        TipKind::Pseudo
                    };
                    self.tips.push(Tip {
                        kind,
                        name: name.into(),
                        target,
                    });
                }
            }
        }
    }

    /// Reflog files are read as they are: every line begins with the old and the new id.
    fn read_reflogs(&mut self, repo: &Repository) {
        let mut dirs = vec![repo.common_dir().join("logs")];
        if repo.git_dir() != repo.common_dir() {
            dirs.push(repo.git_dir().join("logs"));
        }
        if let Ok(entries) = std::fs::read_dir(repo.common_dir().join("worktrees")) {
            dirs.extend(entries.filter_map(|entry| Some(entry.ok()?.path().join("logs"))));
        }
        while let Some(dir) = dirs.pop() {
            let Ok(entries) = std::fs::read_dir(&dir) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                let Ok(file_type) = entry.file_type() else {
                    continue;
                };
                if file_type.is_dir() {
                    dirs.push(path);
                } else if file_type.is_file() {
                    match std::fs::read(&path) {
                        Ok(text) => self.add_reflog(&text, path.ends_with("refs/stash")),
                        Err(e) => self.skip(&format!("'{}' cannot be read", path.display()), &e),
                    }
                }
            }
        }
    }

    fn add_reflog(&mut self, text: &[u8], is_stash: bool) {
        for line in text.lines() {
            for id in line.splitn(3, |&byte| byte == b' ').take(2) {
                if let Ok(target) = ObjectId::from_hex(id)
                    && !target.is_null()
                {
                    let kind = if is_stash {
                        TipKind::Stash
                    } else {
                        TipKind::Reflog
                    };
                    self.tips.push(Tip {
                        kind,
                        name: BString::default(),
                        target,
                    });
                }
            }
        }
    }

    fn read_index(&mut self, git: &gix::Repository) {
        let index = match git.try_index() {
            Ok(Some(index)) => index,
            Ok(None) => return,
            Err(e) => return self.skip("the index cannot be read", &e),
        };
        for entry in index.entries() {
            if entry.mode != gix::index::entry::Mode::COMMIT && !entry.id.is_null() {
                let (kind, name) = (TipKind::Index, BString::default());
                self.tips.push(Tip {
                    kind,
                    name,
                    target: entry.id,
                });
            }
        }
    }
}

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
