//! What a purge would do, and what it needs for that.

use std::path::PathBuf;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::git::repository::Repository;
use crate::odb::{ObjectId, ObjectStore, ReadLimits, Skipped};
use crate::progress::Progress;
use crate::purge::apply::guard;
use crate::purge::apply::guard::Refusal;
use crate::purge::apply::moves::Moves;
use crate::purge::apply::remove::Doomed;
use crate::purge::find::literal::Ambiguity;
use crate::purge::find::survey::{Purpose, Survey};
use crate::purge::find::values::{Edit, Target};
use crate::purge::make::blobs::Left;
use crate::purge::make::head::HeadFiles;
use crate::purge::make::objects::{Options, Rewritten};
use crate::purge::make::sign::Signer;
use crate::rule::RuleSet;

/// What is to be done, and where.
pub struct Job<'a> {
    /// The repository.
    pub repo: &'a Repository,
    /// The rules that found the values.
    pub rules: &'a RuleSet,
    /// The values.
    pub targets: Vec<Target>,
    /// How objects are made.
    pub options: Options,
    /// What to read at most.
    pub limits: ReadLimits,
    /// Where the user's programs keep their state.
    pub state_home: PathBuf,
    /// How far it has come.
    pub progress: &'a Progress,
    /// Key of fingerprints.
    pub fingerprint_key: Vec<u8>,
    /// Where the values stand in objects, if that is known and they go from nowhere else.
    pub places: Option<Vec<(ObjectId, Edit)>>,
    /// What signs new commits and tags in the place of those that were signed.
    pub signer: Option<Signer>,
    /// Values that the selection left out.
    pub left_out: Vec<LeftOutValue>,
    /// New ids of commits that somebody else found: others would split the history in two.
    pub expected: Vec<(ObjectId, ObjectId)>,
    /// Objects whose new ids are known, with the new objects here: they are taken as they are.
    pub known: FxHashMap<ObjectId, ObjectId>,
    /// Whether git checks the whole repository in the end.
    pub fsck: bool,
}

impl Job<'_> {
    pub(crate) fn purpose(&self) -> Purpose {
        Purpose {
            gitlinks: self.options.gitlinks(),
            places: self.places.clone(),
            rewrites: true,
            known: self.known.clone(),
        }
    }
}

/// Where one value stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueCount {
    /// Blobs.
    pub blobs: usize,
    /// Commits and tags.
    pub texts: usize,
}

/// A value that is erased only if it is named.
#[derive(Clone, Debug)]
pub struct LeftOutValue {
    /// The value.
    pub target: Target,
    /// What makes it ambiguous.
    pub why: Ambiguity,
    /// A file in which it stands, without values, if one is known.
    pub path: Option<Vec<u8>>,
    /// What would be left of it, if that is why.
    pub rest: Option<Left>,
}

/// What a purge would do.
pub struct PurgePlan {
    /// The values, and where each stands.
    pub targets: Vec<(Target, ValueCount)>,
    /// Values that are not erased because they were not named.
    pub left_out: Vec<LeftOutValue>,
    /// What of HEAD and of the worktrees changes.
    pub head: HeadFiles,
    /// What changes.
    pub rewritten: Rewritten,
    /// What is moved.
    pub moves: Moves,
    /// Why nothing can be done.
    pub refusals: Vec<Refusal>,
    /// What could not be read: a value may stand there.
    pub skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// Names of files and directories in history that hold values.
    pub names: usize,
    /// Objects that are removed in the end, reachable or not.
    pub doomed: usize,
    /// What finishing can use of it.
    pub foreseen: Option<Foreseen>,
    /// Files in `.git` beside objects and refs, and files of worktrees, that hold values;
    /// their names do not.
    pub files: Vec<Vec<u8>>,
    /// Values that stand nowhere: indexes into `targets`.
    pub nowhere: Vec<usize>,
    /// Paths to be removed that are nowhere, and that no earlier purge removed.
    pub unknown_paths: Vec<String>,
    /// What holds values in other repositories, in bundles and in packs: of submodules below `.git`, and
    /// in worktrees. A purge of this repository does not change them.
    pub nested: Vec<Leftover>,
}

impl PurgePlan {
    /// Whether there is nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.doomed == 0
            && self.rewritten.made.is_empty()
            && self.moves.updates.is_empty()
            && self.files.is_empty()
    }

    /// Whether everything can be done.
    ///
    /// # Errors
    /// `Repository` with what stands against it.
    pub fn check(&self) -> Result<()> {
        if let Some(path) = self.unknown_paths.first() {
            return Err(
                Error::usage(format!("no commit has a file or directory '{path}'"))
                    .hint("paths are written as 'git log --name-only' shows them, from the top of the repository"),
            );
        }
        guard::check(&self.refusals)?;
        if let Some(skipped) = self.skipped.first() {
            let more = self.skipped.len() - 1;
            let error = format!(
                "cannot purge: {more} things and this could not be read: {}",
                skipped.detail
            );
            return Err(Error::repository(error)
                .hint("repair the repository, as 'git fsck' says, or purge a fresh clone"));
        }
        if let Some(stuck) = self.rewritten.stuck.first() {
            let path = String::from_utf8_lossy(&stuck.path);
            let error = format!(
                "cannot purge: the value in object {} ('{path}') stays: {}",
                stuck.id,
                stuck.why.text()
            );
            return Err(Error::repository(error).hint(stuck.why.way_out()));
        }
        self.check_syntax()
    }

    /// Whether all files that could be parsed still can be.
    fn check_syntax(&self) -> Result<()> {
        let Some(broken) = self.rewritten.broken.first() else {
            return Ok(());
        };
        let place = place(&broken.path, broken.commit, broken.line);
        let format = broken.format.name();
        let fault = broken.fault();
        let error = format!("cannot purge: {place} is {format} and {fault}");
        let hint = "choose another replacement with '--replace-with TEXT' or '--replace FINGERPRINT=TEXT', or remove the file from history with '--remove-path PATH'";
        Err(Error::repository(error).hint(hint))
    }
}

/// A place in history, for people.
pub(crate) fn place(path: &[u8], commit: Option<ObjectId>, line: usize) -> String {
    let path = String::from_utf8_lossy(path);
    match commit {
        Some(commit) if path.is_empty() => format!("line {line} of {commit}"),
        Some(commit) => format!("line {line} of '{path}' in commit {commit}"),
        None => format!("line {line} of '{path}'"),
    }
}

/// What is left to say when a purge was applied.
pub struct Applied {
    /// What was done.
    pub plan: PurgePlan,
    /// Where the undo snapshot is.
    pub snapshot: PathBuf,
}

/// What becomes of a ref with commits that cannot be brought over to the restored history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It moves back; they stay under another name.
    Yes,
    /// It stays; what it was gets another name.
    No,
}

/// What a plan knows of the end: with it, finishing needs no search of its own.
#[derive(Clone, Debug)]
pub struct Foreseen {
    /// The objects that go.
    pub(crate) doomed: Doomed,
    /// All objects that are here when the plan has been applied.
    pub(crate) census: Census,
}

/// Tells apart sets of objects: how many there are, and the sum of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    objects: usize,
    sum: u128,
}

impl Census {
    fn add(&mut self, id: &gix::oid) {
        let mut start = [0; 16];
        start.copy_from_slice(&id.as_bytes()[..16]);
        self.objects += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(start));
    }

    fn of(store: &ObjectStore) -> Self {
        let mut census = Self::default();
        for node in store.nodes_by_id() {
            census.add(&store.id(node));
        }
        census
    }
}

impl Foreseen {
    /// What the plan that makes `rewritten` knows, if it is enough: it searched all objects, and what goes
    /// follows from what it found alone.
    pub(crate) fn new(
        survey: &Survey<'_>,
        rewritten: &Rewritten,
        doomed: Doomed,
        has_searched: bool,
    ) -> Option<Self> {
        let store = survey.store;
        let is_enough = has_searched
            && rewritten.removed.is_empty()
            && survey.pointers.is_empty()
            && survey.known.is_empty();
        if !is_enough {
            return None;
        }
        let mut census = Census::of(store);
        let made = rewritten.made.iter().map(|made| made.new);
        let new: FxHashSet<ObjectId> = made.filter(|id| store.node_of(id).is_none()).collect();
        new.iter().for_each(|id| census.add(id));
        Some(Self { doomed, census })
    }

    /// Whether `store` has exactly the objects that are foreseen.
    pub(crate) fn is_of(&self, store: &ObjectStore) -> bool {
        Census::of(store) == self.census
    }
}

/// What a value was found in after all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// What it is: `blob`, `ref name`, `worktree file`.
    pub what: &'static str,
    /// Its id or name, without the value.
    pub name: String,
}
