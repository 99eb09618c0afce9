//! Which commits some tips reach that others do not, at the cost of the new ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::objs::{CommitRefIter, TagRefIter};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::odb::lookup::Lookup;
use crate::odb::reason::reason;
use crate::odb::{ObjectKind, Skipped};

/// A commit of the range.
#[derive(Clone, Debug)]
pub struct NewCommit {
    /// The commit.
    pub id: ObjectId,
    /// Its root tree.
    pub tree: ObjectId,
    /// The root trees of its parents that are here.
    pub parent_trees: Vec<ObjectId>,
}

/// What a range holds.
#[derive(Default)]
pub struct NewCommits {
    /// Its commits, parents before children.
    pub commits: Vec<NewCommit>,
    /// Annotated tags on the way to them.
    pub tags: Vec<ObjectId>,
    /// Trees and blobs that a tip names.
    pub others: Vec<(ObjectId, ObjectKind)>,
    /// Root trees of the commits just outside.
    pub boundary: Vec<ObjectId>,
    /// Commits of the range at which a shallow clone ends.
    pub shallow: usize,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

/// A range of commits: what `tips` reach and `hidden` do not.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Commits, tags, or other objects.
    pub tips: Vec<ObjectId>,
    /// Likewise. Those that are not here have no effect.
    pub hidden: Vec<ObjectId>,
    /// Seconds since 1970: an earlier commit ends its line of history.
    pub since: Option<i64>,
}

/// What is known of a commit.
struct CommitState {
    tree: ObjectId,
    parents: Vec<ObjectId>,
    seconds: i64,
    is_hidden: bool,
    /// Whether a shallow clone ends here.
    is_cut: bool,
    /// Whether its parents were looked at.
    is_done: bool,
}

/// Commits that are looked at beyond the point where honest dates say that nothing can change any
/// more. Where clocks lie by more, commits that are not new count as new, never the reverse.
const SLOP: usize = 64;

struct CommitWalk<'a> {
    lookup: &'a Lookup,
    /// Where a shallow clone ends, sorted.
    shallow: &'a [ObjectId],
    known: FxHashMap<ObjectId, CommitState>,
    /// Newest first.
    queue: BinaryHeap<(i64, Reverse<ObjectId>)>,
    /// Commits in the queue that are not hidden.
    open: usize,
    listed: Vec<ObjectId>,
    found: NewCommits,
    bytes: Vec<u8>,
}

/// Finds the commits of `range`. `shallow` are the commits at which the clone ends, sorted.
pub fn find(lookup: &Lookup, range: &Range, shallow: &[ObjectId]) -> NewCommits {
    let mut walk = CommitWalk {
        lookup,
        shallow,
        known: FxHashMap::default(),
        queue: BinaryHeap::new(),
        open: 0,
        listed: Vec::new(),
        found: NewCommits::default(),
        bytes: Vec::new(),
    };
    let hidden_tags = walk.hide(&range.hidden);
    for &tip in &range.tips {
        walk.add_tip(tip, &hidden_tags);
    }
    walk.run(range.since);
    walk.finish(range.since)
}

impl CommitWalk<'_> {
    /// Hides commits; returns the annotated tags on the way to them.
    fn hide(&mut self, hidden: &[ObjectId]) -> FxHashSet<ObjectId> {
        let mut tags = FxHashSet::default();
        for &id in hidden {
            let mut at = id;
            // What is not here, or not readable, hides nothing.
            while let Ok(kind) = self
                .lookup
                .read_any(&at, ObjectKind::Commit, &mut self.bytes)
            {
                if kind == ObjectKind::Commit {
                    self.insert(at, true);
                }
                if kind != ObjectKind::Tag || !tags.insert(at) {
                    break;
                }
                match TagRefIter::from_bytes(&self.bytes, self.lookup.hash()).target_id() {
                    Ok(target) => at = target,
                    Err(_) => break,
                }
            }
        }
        tags
    }

    fn add_tip(&mut self, tip: ObjectId, hidden_tags: &FxHashSet<ObjectId>) {
        let mut at = tip;
        loop {
            let read = self
                .lookup
                .read_any(&at, ObjectKind::Unknown, &mut self.bytes);
            match read {
                Err(skipped) => return self.found.skipped.push(skipped),
                Ok(ObjectKind::Commit) => {
                    self.insert(at, false);
                    return;
                }
                Ok(ObjectKind::Tag) => {
                    if hidden_tags.contains(&at) || self.found.tags.contains(&at) {
                        return;
                    }
                    self.found.tags.push(at);
                    let tag = TagRefIter::from_bytes(&self.bytes, self.lookup.hash()).target_id();
                    match tag {
                        Ok(target) => at = target,
                        Err(e) => return self.damaged(ObjectKind::Tag, at, &reason(e)),
                    }
                }
                Ok(kind) => return self.found.others.push((at, kind)),
            }
        }
    }

    fn damaged(&mut self, kind: ObjectKind, id: ObjectId, why: &str) {
        self.found.skipped.push(Skipped {
            reason: crate::odb::SkipReason::Corrupt,
            kind,
            object_id: Some(id),
            detail: format!("{} {id}: {why}", kind.name()),
        });
    }

    /// Puts the commit `id`, whose bytes were just read, into the queue.
    fn insert(&mut self, id: ObjectId, is_hidden: bool) {
        if let Some(known) = self.known.get(&id) {
            if is_hidden && !known.is_hidden {
                self.hide_with_ancestors(id);
            }
            return;
        }
        let hash = self.lookup.hash();
        let tokens = || CommitRefIter::from_bytes(&self.bytes, hash);
        let Ok(tree) = tokens().tree_id() else {
            return self.damaged(ObjectKind::Commit, id, "it names no tree");
        };
        let mut parents: Vec<ObjectId> = tokens().parent_ids().collect();
        // A committer line that cannot be read leaves the commit where it is: at the end.
        let seconds = tokens()
            .committer()
            .ok()
            .and_then(|committer| committer.time().ok())
            .map_or(0, |time| time.seconds);
        let is_cut = !parents.is_empty() && self.shallow.binary_search(&id).is_ok();
        if is_cut {
            parents.clear();
        }
        self.open += usize::from(!is_hidden);
        self.queue.push((seconds, Reverse(id)));
        let known = CommitState {
            tree,
            parents,
            seconds,
            is_hidden,
            is_cut,
            is_done: false,
        };
        self.known.insert(id, known);
    }

    /// Hides a commit that was not, and what is known of its ancestors.
    fn hide_with_ancestors(&mut self, id: ObjectId) {
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            let Some(known) = self.known.get_mut(&id) else {
                continue;
            };
            if known.is_hidden {
                continue;
            }
            known.is_hidden = true;
            if known.is_done {
                pending.extend(&known.parents);
            } else {
                self.open -= 1;
            }
        }
    }

    /// Paints from all tips, newest first, until nothing that is left can change the outcome.
    fn run(&mut self, since: Option<i64>) {
        let mut oldest = i64::MAX;
        let mut slop = SLOP;
        while let Some(&(seconds, Reverse(id))) = self.queue.peek() {
            // With honest dates, what is older than every listed commit is no descendant of one.
            if self.open > 0 || (seconds >= oldest && !self.listed.is_empty()) {
                slop = SLOP;
            } else if self.listed.is_empty() || slop == 0 {
                return;
            } else {
                slop -= 1;
            }
            self.queue.pop();
            let known = self.known.get_mut(&id).expect("it was inserted");
            known.is_done = true;
            let (is_hidden, parents) = (known.is_hidden, known.parents.clone());
            if !is_hidden {
                self.open -= 1;
                if since.is_some_and(|since| seconds < since) {
                    continue;
                }
                oldest = oldest.min(seconds);
                self.listed.push(id);
            }
            for parent in parents {
                if self.known.contains_key(&parent) {
                    if is_hidden {
                        self.hide_with_ancestors(parent);
                    }
                    continue;
                }
                match self
                    .lookup
                    .read(&parent, ObjectKind::Commit, &mut self.bytes)
                {
                    Ok(()) => self.insert(parent, is_hidden),
                    Err(skipped) if !is_hidden => self.found.skipped.push(skipped),
                    Err(_) => {}
                }
            }
        }
    }

    /// Puts the listed commits in order, and lists the trees just outside.
    fn finish(mut self, since: Option<i64>) -> NewCommits {
        let is_new = |known: &CommitState| {
            !known.is_hidden && known.is_done && since.is_none_or(|since| known.seconds >= since)
        };
        let mut boundary = FxHashSet::default();
        let mut seen: FxHashSet<ObjectId> = FxHashSet::default();
        for &tip in &self.listed {
            // Depth first, on a stack of our own: parents are written before their child.
            let mut pending = vec![(tip, false)];
            while let Some((id, is_left)) = pending.pop() {
                let Some(known) = self.known.get(&id) else {
                    continue;
                };
                if !is_new(known) {
                    boundary.insert(known.tree);
                } else if is_left {
                    let parents = known.parents.iter().filter_map(|id| self.known.get(id));
                    self.found.shallow += usize::from(known.is_cut);
                    self.found.commits.push(NewCommit {
                        id,
                        tree: known.tree,
                        parent_trees: parents.map(|parent| parent.tree).collect(),
                    });
                } else if seen.insert(id) {
                    pending.push((id, true));
                    pending.extend(known.parents.iter().rev().map(|&parent| (parent, false)));
                }
            }
        }
        self.found.boundary = boundary.into_iter().collect();
        self.found.boundary.sort_unstable();
        self.found.skipped.sort_unstable();
        self.found.skipped.dedup();
        self.found
    }
}
