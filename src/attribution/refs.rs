//! Everything that keeps history alive: refs of every namespace, HEADs of all worktrees, reflogs,
//! stash, index.

use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};

use crate::error::Result;
use crate::finding::Place;
use crate::odb::index::Index;
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

/// A text beside the objects: a name, or an entry of a reflog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
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

/// The mode of a submodule in an index.
const SUBMODULE: u32 = 0o160_000;

/// All tips of a repository.
#[derive(Clone, Debug, Default)]
pub struct Tips {
    /// Sorted, each once.
    pub tips: Vec<Tip>,
    /// Names of refs and staged paths, and what reflogs say, sorted.
    pub notes: Vec<Note>,
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
        tips.read_indexes(repo);
        tips.tips.sort_unstable();
        tips.tips.dedup();
        tips.notes.sort_unstable();
        tips.notes.dedup();
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
            let tip = Tip { kind, name, target };
            self.tips.push(tip.clone());
            self.notes.push(Note {
                place: Place::Ref,
                name: full,
                line: 1,
                text: None,
                tip,
            });
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
        let roots = dirs.clone();
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
                        Ok(text) => {
                            let name = roots.iter().find_map(|root| path.strip_prefix(root).ok());
                            let name = name.unwrap_or(&path).as_os_str().as_encoded_bytes();
                            self.add_reflog(name.into(), &text);
                        }
                        Err(e) => self.skip(&format!("'{}' cannot be read", path.display()), &e),
                    }
                }
            }
        }
    }

    fn add_reflog(&mut self, name: BString, text: &[u8]) {
        let kind = if name == "refs/stash" {
            TipKind::Stash
        } else {
            TipKind::Reflog
        };
        for (line, text) in (1u32..).zip(text.lines()) {
            let mut words = text.splitn(3, |&byte| byte == b' ');
            let ids = [words.next(), words.next()].map(|id| ObjectId::from_hex(id?).ok());
            let tips = ids.into_iter().flatten().map(|target| Tip {
                kind,
                name: BString::default(),
                target,
            });
            let tips: Vec<Tip> = tips.collect();
            // Whoever moved the ref, and why.
            if let (Some(rest), Some(tip)) = (words.next(), tips.last()) {
                self.notes.push(Note {
                    place: Place::Reflog,
                    name: name.clone(),
                    line,
                    text: Some(rest.into()),
                    tip: tip.clone(),
                });
            }
            self.tips
                .extend(tips.into_iter().filter(|tip| !tip.target.is_null()));
        }
    }

    fn read_indexes(&mut self, repo: &Repository) {
        let mut paths = vec![
            repo.git_dir().join("index"),
            repo.common_dir().join("index"),
        ];
        if let Ok(entries) = std::fs::read_dir(repo.common_dir().join("worktrees")) {
            paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path().join("index"))));
        }
        paths.sort_unstable();
        paths.dedup();
        for path in paths.into_iter().filter(|path| path.exists()) {
            if let Err(e) = self.read_index(&path, repo) {
                self.skip(&format!("'{}' cannot be read", path.display()), &e);
            }
        }
    }

    fn read_index(&mut self, path: &Path, repo: &Repository) -> Result<()> {
        let mut index = Index::open(path, repo.hash())?;
        while let Some(entry) = index.next_entry()? {
            if entry.mode == SUBMODULE || entry.id.is_null() {
                continue;
            }
            let tip = Tip {
                kind: TipKind::Index,
                name: BString::default(),
                target: entry.id,
            };
            self.tips.push(tip.clone());
            self.notes.push(Note {
                place: Place::Index,
                name: entry.path.into(),
                line: 1,
                text: None,
                tip,
            });
        }
        Ok(())
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
