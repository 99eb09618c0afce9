//! Checks whether the values of a filter exist in a repository.
//!
//! A filter that can match nothing, such as a mistyped path, must not look like a clean result. The
//! questions here are asked only of a filter that matched no finding: a path may cost a walk over the
//! trees for each of its components, an author one over the commits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::{CommitRefIter, TreeRefIter};
use rustc_hash::{FxHashMap, FxHashSet};

use super::GitDirFiles;
use crate::error::{Result, nearest};
use crate::finding::{Place, Signature};
use crate::git::repository::{Overrides, Repository};
use crate::history::tips::{TipKind, Tips};
use crate::odb::bundle::{self, Bundle};
use crate::odb::walk::{Base, Object, Visitor, walk_some};
use crate::odb::{Node, ObjectKind, ObjectStore, ReadLimits};
use crate::paths::{PathComponent, PathPattern};
use crate::progress::Progress;
use crate::scan::files::{self, FileChoice};

/// The maximum number of names among which a suggestion is chosen.
const MAX_NAMES: usize = 50_000;

/// Whether something is in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It exists, or this cannot be determined.
    There,
    /// It does not exist; with a similar name, as a suggestion.
    Missing(Option<String>),
}

/// Where a filter's values can occur.
pub struct Presence {
    objects: SearchedObjects,
    tips: Tips,
    /// The top of the worktree.
    worktree: Option<PathBuf>,
    reads: Reads,
}

/// The parts of a repository that a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Whether it reads more than the index.
    pub history: bool,
    /// Which files of the worktree it reads, if any.
    pub worktree: Option<FileChoice>,
    /// Whether it reads the files of the git directory.
    pub git_dir: GitDirFiles,
}

/// The place of a path that the scan does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadPath {
    /// In the `.git` directory.
    GitDir,
    /// In the worktree, not tracked.
    Untracked,
    /// In the worktree, and git ignores it.
    Ignored,
    /// In the history, but not in the index.
    History,
    /// Nowhere.
    Nowhere,
}

/// Whether a pattern is about the git directory.
fn is_in_git_dir(pattern: &PathPattern) -> bool {
    pattern.matches(b".git") || pattern.text().starts_with(".git/")
}

/// The objects to search.
enum SearchedObjects {
    Store(ObjectStore),
    Bundle(Bundle),
}

impl Presence {
    /// Opens `repo` for questions.
    ///
    /// # Errors
    /// `Repository` if there is no object store.
    pub fn of_repository(
        repo: &Repository,
        overrides: &Overrides,
        limits: ReadLimits,
        reads: Reads,
    ) -> Result<Self> {
        Ok(Self {
            reads,
            objects: SearchedObjects::Store(repo.open_store(overrides, limits)?),
            tips: Tips::read(repo),
            worktree: repo.git().workdir().map(Path::to_owned),
        })
    }

    /// Opens the bundle at `path` for questions.
    ///
    /// # Errors
    /// As [`bundle::open`].
    pub fn of_bundle(path: &Path, limits: ReadLimits) -> Result<Self> {
        let bundle = bundle::open(path, limits)?;
        Ok(Self {
            tips: Tips::of(&bundle.refs, bundle.store.hash(), Vec::new()),
            objects: SearchedObjects::Bundle(bundle),
            worktree: None,
            reads: Reads {
                history: true,
                worktree: None,
                git_dir: GitDirFiles::Named,
            },
        })
    }

    fn store(&self) -> &ObjectStore {
        match &self.objects {
            SearchedObjects::Store(store) => store,
            SearchedObjects::Bundle(bundle) => &bundle.store,
        }
    }

    /// Whether HEAD names a commit.
    pub fn has_head(&self) -> bool {
        self.tips.head.is_some()
    }

    /// Whether there is a remote-tracking branch.
    pub fn has_remotes(&self) -> bool {
        self.tips.has_remotes()
    }

    /// Whether a branch, remote-tracking branch, tag or other ref is called `name`, in short or in
    /// full.
    pub fn reference(&self, name: &str) -> Existence {
        let kinds = [
            (TipKind::Branch, "refs/heads/"),
            (TipKind::Remote, "refs/remotes/"),
            (TipKind::Tag, "refs/tags/"),
            (TipKind::Other, ""),
        ];
        let mut names = Vec::new();
        for tip in &self.tips.tips {
            let Some((_, prefix)) = kinds.iter().find(|(kind, _)| *kind == tip.kind) else {
                continue;
            };
            let known = tip.name.to_string();
            if known == name || name.strip_prefix(prefix) == Some(&known) {
                return Existence::There;
            }
            names.push(known);
        }
        Existence::Missing(likely(name, names))
    }

    /// Whether the name and address of some commit's author, as in `Ada <ada@example.org>`, hold
    /// `text`, in any case.
    pub fn author(&self, text: &str) -> Existence {
        let hash = self.store().hash();
        let is_there = AtomicBool::new(false);
        let see = |names: &mut FxHashSet<String>, _, bytes: &[u8]| {
            if is_there.load(Ordering::Relaxed) {
                return;
            }
            let Some(author) = Signature::of_author(bytes, hash) else {
                return;
            };
            if author.holds(text) {
                is_there.store(true, Ordering::Relaxed);
            }
            if names.len() < MAX_NAMES {
                names.insert(author.name.to_string());
            }
        };
        let names = self.gather(ObjectKind::Commit, None, &see);
        if is_there.into_inner() {
            return Existence::There;
        }
        Existence::Missing(likely(text, names.into_iter().flatten()))
    }

    /// What is read, in words.
    pub fn places(&self) -> &'static str {
        match (self.reads.history, self.reads.worktree) {
            (false, _) => "the index",
            (true, None) => "the history or the index",
            (true, Some(FileChoice::NotIgnored)) => {
                "the history, the index or the worktree without what git ignores"
            }
            (true, Some(FileChoice::All)) => "the history, the index or the worktree",
        }
    }

    /// Whether a file or directory that `pattern` matches is in what is read: the index, any tree of the
    /// history, and the worktree if it is asked for.
    pub fn path(&self, pattern: &PathPattern) -> Existence {
        let mut notes = self.tips.notes.iter();
        let in_index = notes.any(|note| note.place == Place::Index && pattern.matches(&note.name));
        let wanted = self.reads.worktree;
        if self.reads.git_dir == GitDirFiles::Read && is_in_git_dir(pattern) {
            return Existence::There;
        }
        if in_index || wanted.is_some_and(|wanted| self.in_worktree(pattern, wanted)) {
            return Existence::There;
        }
        if !self.reads.history {
            return Existence::Missing(None);
        }
        self.in_history(pattern)
    }

    /// Where something that `pattern` matches is, if it is not in what is read.
    pub fn beside(&self, pattern: &PathPattern) -> UnreadPath {
        if is_in_git_dir(pattern) {
            return UnreadPath::GitDir;
        }
        if self.in_worktree(pattern, FileChoice::NotIgnored) {
            return UnreadPath::Untracked;
        }
        if self.in_worktree(pattern, FileChoice::All) {
            return UnreadPath::Ignored;
        }
        match self.reads.history {
            false if self.in_history(pattern) == Existence::There => UnreadPath::History,
            _ => UnreadPath::Nowhere,
        }
    }

    fn in_worktree(&self, pattern: &PathPattern, wanted: FileChoice) -> bool {
        let Some(top) = &self.worktree else {
            return false;
        };
        let list = files::list(std::slice::from_ref(top), wanted);
        let below = list
            .paths
            .iter()
            .filter_map(|path| path.strip_prefix(top).ok());
        let mut names = below.map(|path| path.as_os_str().as_encoded_bytes());
        names.any(|name| pattern.matches(name))
    }

    fn in_history(&self, pattern: &PathPattern) -> Existence {
        let Some(mut parts) = pattern.parts() else {
            return Existence::There;
        };
        // 'src/**' is there if 'src' is.
        while let [rest @ .., PathComponent::AnyDepth] = parts {
            parts = rest;
        }
        if parts.is_empty() {
            return Existence::There;
        }
        self.descend(parts)
    }

    /// Follows the components of a pattern from the root trees down.
    fn descend(&self, parts: &[PathComponent]) -> Existence {
        let mut trees = self.roots();
        let mut is_everywhere = false;
        for (at, part) in parts.iter().enumerate() {
            let PathComponent::Name(..) = part else {
                is_everywhere = true;
                continue;
            };
            let step = self.step(part, &trees, is_everywhere);
            let is_last = at + 1 == parts.len();
            if step.found && is_last {
                return Existence::There;
            }
            if step.below.is_empty() {
                let likely = likely(part.text(), step.names);
                let likely = likely.map(|name| {
                    let texts = parts.iter().enumerate();
                    let texts = texts.map(|(other, part)| match other == at {
                        true => name.as_str(),
                        false => part.text(),
                    });
                    texts.collect::<Vec<_>>().join("/")
                });
                return Existence::Missing(likely);
            }
            (trees, is_everywhere) = (step.below, false);
        }
        Existence::There
    }

    /// The root trees of all commits.
    fn roots(&self) -> FxHashSet<Node> {
        let (store, hash) = (self.store(), self.store().hash());
        let see = |roots: &mut FxHashSet<ObjectId>, _, bytes: &[u8]| {
            roots.extend(CommitRefIter::from_bytes(bytes, hash).tree_id());
        };
        let roots = self.gather(ObjectKind::Commit, None, &see);
        let roots = roots.iter().flatten();
        roots.filter_map(|id| store.node_of(id)).collect()
    }

    /// Looks for entries that `part` matches in `trees`, or in all trees if `is_everywhere`: what is
    /// below some tree is taken for what is anywhere, so that a path can only be taken for present.
    fn step(
        &self,
        part: &PathComponent,
        trees: &FxHashSet<Node>,
        is_everywhere: bool,
    ) -> PatternStep {
        let (store, hash) = (self.store(), self.store().hash());
        let wanted = |node: Node| is_everywhere || trees.contains(&node);
        let see = |level: &mut LevelNames, node: Node, bytes: &[u8]| {
            if !wanted(node) {
                return;
            }
            for entry in TreeRefIter::from_bytes(bytes, hash).flatten() {
                let is_meant = match level.judged.get(entry.filename.as_bytes()) {
                    Some(&known) => known,
                    None => {
                        let is_meant = part.matches(entry.filename);
                        if is_meant || level.judged.len() < MAX_NAMES {
                            level.judged.insert(entry.filename.to_vec(), is_meant);
                        }
                        is_meant
                    }
                };
                if is_meant && entry.mode.is_tree() {
                    level.below.insert(entry.oid.to_owned());
                }
            }
        };
        let levels = self.gather(ObjectKind::Tree, Some(&wanted), &see);
        let below = levels.iter().flat_map(|level| &level.below);
        let judged = || levels.iter().flat_map(|level| &level.judged);
        let names = judged().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        PatternStep {
            found: judged().any(|(_, &is_meant)| is_meant),
            below: below.filter_map(|id| store.node_of(id)).collect(),
            names: names.collect(),
        }
    }

    /// Shows every object of a kind, or those that are wanted and their bases, to `see`, which gathers
    /// one value on each thread.
    fn gather<T: Default + Send>(
        &self,
        kind: ObjectKind,
        wanted: Option<&(dyn Fn(Node) -> bool + Sync)>,
        see: &(dyn Fn(&mut T, Node, &[u8]) + Sync),
    ) -> Vec<T> {
        let make = || Gather {
            see,
            value: T::default(),
        };
        let walked = walk_some(self.store(), &[kind], wanted, &Progress::default(), &make);
        let visitors = walked.visitors.into_iter();
        visitors.map(|visitor| visitor.value).collect()
    }
}

/// The entries that one component of a pattern matches.
struct PatternStep {
    found: bool,
    below: FxHashSet<Node>,
    /// Names of entries beside it.
    names: Vec<String>,
}

/// The entries that one thread finds.
#[derive(Default)]
struct LevelNames {
    /// Names of entries, and whether the component matches them.
    judged: FxHashMap<Vec<u8>, bool>,
    below: FxHashSet<ObjectId>,
}

/// Shows each object to a function.
struct Gather<'a, T> {
    see: &'a (dyn Fn(&mut T, Node, &[u8]) + Sync),
    value: T,
}

impl<T: Send> Visitor for Gather<'_, T> {
    type State = ();

    fn visit(&mut self, object: &Object<'_>, _base: Option<Base<'_, ()>>, (): &mut ()) {
        (self.see)(&mut self.value, object.node, object.bytes);
    }
}

/// Returns the name most similar to `text`; of equally similar ones, always the same.
fn likely(text: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let names: BTreeSet<String> = names.into_iter().collect();
    nearest(text, names.iter().map(String::as_str)).map(str::to_owned)
}
