//! The history of each finding: who introduced and removed it, where it is still reached from, and in
//! how many commits it is.

use std::cell::RefCell;

use gix::ObjectId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Places;
use super::trace::{Absent, IN_NAME, MAX_APPEARANCES, Trace};
use crate::finding::{Appearance, History, Milestone, RefReach, Signature, Standing};
use crate::history::classes::{Class, FindingNumber};
use crate::history::commits::{CommitGraph, Rank};
use crate::history::tips::{Tip, TipKind, Tips};
use crate::history::trace::findings_of;
use crate::history::trees::TreeLinks;
use crate::odb::objects::{Objects, ReadNode};
use crate::odb::{Node, ObjectKind, SkipReason, Skipped};

/// What a history is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// All objects.
    pub objects: &'a dyn Objects,
    /// All commits.
    pub graph: &'a CommitGraph,
    /// All that keeps them alive.
    pub tips: &'a Tips,
    /// The commits at which the clone ends.
    pub shallow: &'a [ObjectId],
    /// What the trees hold.
    pub trace: &'a Trace,
    /// All trees, if they were read.
    pub links: Option<&'a TreeLinks>,
}

/// What attribution returns.
pub struct Attributed {
    /// For each finding, in the order given.
    pub histories: Vec<History>,
    /// Whatever makes the histories incomplete.
    pub skipped: Vec<Skipped>,
    /// Objects that reachable trees and commits name but that are not in the store.
    pub missing: Vec<Skipped>,
}

/// Finds the history of each of `findings`, which were traced.
pub fn attribute(sources: &Sources<'_>, findings: &[Places]) -> Attributed {
    let findings_of = findings_of(findings);
    let tracer = Tracer::new(sources, &findings_of, findings);
    let mut skipped = Vec::new();
    if sources.trace.introduced.len() >= MAX_APPEARANCES {
        skipped.push(Skipped {
            reason: SkipReason::TooLarge,
            kind: ObjectKind::Unknown,
            object_id: None,
            detail: format!(
                "secrets appear at more than {MAX_APPEARANCES} commits and paths: later ones are not listed"
            ),
        });
    }
    let histories = tracer.histories();
    skipped.append(&mut tracer.unread.borrow_mut());
    Attributed {
        histories,
        skipped,
        missing: tracer.missing(sources.shallow),
    }
}

/// Objects that cannot be parsed, as what was not read.
pub fn damaged(objects: &dyn Objects, nodes: &[Node]) -> Vec<Skipped> {
    let one = |&node: &Node| Skipped {
        reason: SkipReason::Corrupt,
        kind: ObjectKind::Unknown,
        object_id: Some(objects.id(node)),
        detail: format!("object {} cannot be parsed", objects.id(node)),
    };
    nodes.iter().map(one).collect()
}

/// Everything that the histories are read from.
struct Tracer<'a> {
    objects: &'a dyn Objects,
    graph: &'a CommitGraph,
    tips: &'a Tips,
    links: Option<&'a TreeLinks>,
    findings_of: &'a FxHashMap<Node, Vec<FindingNumber>>,
    findings: &'a [Places],
    trace: &'a Trace,
    /// Whether a ref reaches each commit.
    by_ref: Vec<bool>,
    /// The findings of each class.
    in_class: Vec<Vec<FindingNumber>>,
    /// Commits that could not be read again for their authors.
    unread: RefCell<Vec<Skipped>>,
}

impl<'a> Tracer<'a> {
    fn new(
        sources: &Sources<'a>,
        findings_of: &'a FxHashMap<Node, Vec<FindingNumber>>,
        findings: &'a [Places],
    ) -> Self {
        let mut tracer = Self {
            objects: sources.objects,
            graph: sources.graph,
            tips: sources.tips,
            links: sources.links,
            findings_of,
            findings,
            trace: sources.trace,
            by_ref: Vec::new(),
            in_class: sources.trace.classes.findings(),
            unread: RefCell::default(),
        };
        tracer.by_ref = tracer.reached(&|tip| tip.kind.is_ref());
        tracer
    }

    /// Follows annotated tags to what they name; also returns the tags passed.
    fn peel(&self, id: ObjectId) -> (Option<Node>, Vec<Node>) {
        let mut passed = Vec::new();
        let mut at = self.objects.node_of(&id);
        while let Some(node) = at {
            match self.graph.tag_target(node) {
                Some(target) if !passed.contains(&node) => {
                    passed.push(node);
                    at = self.objects.node_of(&target);
                }
                _ => break,
            }
        }
        (at, passed)
    }

    /// Which commits the tips that `wanted` accepts reach, by rank.
    fn reached(&self, wanted: &dyn Fn(&Tip) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.graph.len()];
        for tip in self.tips.tips.iter().filter(|tip| wanted(tip)) {
            if let Some(rank) = self
                .peel(tip.target)
                .0
                .and_then(|node| self.graph.rank(node))
            {
                reached[rank.index()] = true;
            }
        }
        for rank in self.graph.ranks().rev() {
            if reached[rank.index()] {
                for &parent in self.graph.parents(rank) {
                    reached[parent.index()] = true;
                }
            }
        }
        reached
    }

    fn histories(&self) -> Vec<History> {
        let mut histories: Vec<History> = self
            .findings
            .iter()
            .map(|places| History {
                first: None,
                author: None,
                first_is_boundary: false,
                appearances: Vec::new(),
                objects: places.len(),
                paths: Vec::new(),
                standing: None,
            })
            .collect();
        let standing = Standing {
            has_remotes: self.tips.has_remotes(),
            ..Standing::default()
        };
        let mut standings = vec![standing; histories.len()];
        self.count_commits(&mut standings);
        self.add_milestones(&mut standings);
        self.add_appearances(&mut histories);
        self.add_reach(&mut standings);
        for (history, standing) in histories.iter_mut().zip(standings) {
            history.standing = Some(standing);
        }
        histories
    }

    fn count_commits(&self, standings: &mut [Standing]) {
        let in_class = &self.in_class;
        let mut commits = vec![0usize; self.trace.classes.len()];
        for &class in &self.trace.commit_classes {
            commits[class.index()] += 1;
        }
        for (findings, count) in in_class.iter().zip(commits) {
            for &finding in findings {
                standings[finding.index()].commits += count;
            }
        }
        // A commit whose own text holds the finding counts once, even if its tree does too.
        for entry in self
            .trace
            .introduced
            .iter()
            .filter(|entry| entry.path.is_none())
        {
            let held = &in_class[self.trace.commit_classes[entry.rank.index()].index()];
            if held.binary_search(&entry.finding).is_err() {
                standings[entry.finding.index()].commits += 1;
            }
        }
        let head = self
            .tips
            .head
            .and_then(|id| self.peel(id).0)
            .and_then(|node| self.graph.rank(node));
        if let Some(rank) = head {
            for &finding in &in_class[self.trace.commit_classes[rank.index()].index()] {
                standings[finding.index()].in_head = true;
            }
        }
    }

    /// Adds the newest commit that holds each finding, and the one that took it out of HEAD's files.
    fn add_milestones(&self, standings: &mut [Standing]) {
        // By whether a ref reaches the commit, then by its place in history.
        let mut last: Vec<Option<(bool, Rank)>> = vec![None; standings.len()];
        let mut keep = |finding: FindingNumber, rank: Rank| {
            let last = &mut last[finding.index()];
            *last = (*last).max(Some((self.by_ref[rank.index()], rank)));
        };
        let mut last_of_class: Vec<Option<(bool, Rank)>> = vec![None; self.trace.classes.len()];
        for (rank, &class) in self.graph.ranks().zip(&self.trace.commit_classes) {
            let of_class = &mut last_of_class[class.index()];
            *of_class = (*of_class).max(Some((self.by_ref[rank.index()], rank)));
        }
        for (findings, of_class) in self.in_class.iter().zip(last_of_class) {
            let Some((_, rank)) = of_class else { continue };
            for &finding in findings {
                keep(finding, rank);
            }
        }
        for entry in self
            .trace
            .introduced
            .iter()
            .filter(|entry| entry.path.is_none())
        {
            keep(entry.finding, entry.rank);
        }
        let removed = self.removals(standings);
        let mut reader = self.objects.reader();
        let mut milestone = |rank: Rank| {
            let node = self.graph.node(rank);
            Milestone {
                commit_id: self.objects.id(node),
                author: self.author_of(&mut *reader, node),
            }
        };
        for ((standing, last), removed) in standings.iter_mut().zip(last).zip(removed) {
            standing.last = last.map(|(_, rank)| milestone(rank));
            standing.removed = removed.map(&mut milestone);
        }
    }

    /// The newest commit behind HEAD without a finding that all its parents hold; if there is none,
    /// the newest merge that took the side without it.
    fn removals(&self, standings: &[Standing]) -> Vec<Option<Rank>> {
        let mut removed: Vec<Option<(bool, Rank)>> = vec![None; standings.len()];
        let is_behind = self.reached(&|tip| Some(tip.target) == self.tips.head);
        for (rank, &class) in self.graph.ranks().zip(&self.trace.commit_classes) {
            let parents = self.graph.parents(rank);
            let class_of = |parent: Rank| self.trace.commit_classes[parent.index()];
            if !is_behind[rank.index()] || parents.iter().all(|&p| class_of(p) == class) {
                continue;
            }
            let held = |class: Class, finding: FindingNumber| {
                self.in_class[class.index()].binary_search(&finding).is_ok()
            };
            for &parent in parents {
                for &finding in &self.in_class[class_of(parent).index()] {
                    if standings[finding.index()].in_head || held(class, finding) {
                        continue;
                    }
                    let by_all = parents
                        .iter()
                        .all(|&parent| held(class_of(parent), finding));
                    let at = &mut removed[finding.index()];
                    *at = (*at).max(Some((by_all, rank)));
                }
            }
        }
        removed
            .into_iter()
            .map(|removal| removal.map(|(_, rank)| rank))
            .collect()
    }

    fn add_appearances(&self, histories: &mut [History]) {
        let mut reader = self.objects.reader();
        for entry in &self.trace.introduced {
            let places = &self.findings[entry.finding.index()];
            let commit = self.graph.node(entry.rank);
            let spot = entry.object.and_then(|node| places.get(&node)).cloned();
            let history = &mut histories[entry.finding.index()];
            history.appearances.push(Appearance {
                commit_id: Some(self.objects.id(commit)),
                path: entry.path.clone(),
                object_id: self.objects.id(entry.object.unwrap_or(commit)),
                spot: spot.filter(|_| !entry.is_name).unwrap_or(IN_NAME),
                reachable: self.by_ref[entry.rank.index()],
            });
            history.paths.extend(entry.path.clone());
        }
        let missing = &self.graph.missing;
        let cut_off: FxHashSet<Node> = missing.iter().map(|(_, child)| *child).collect();
        for history in histories {
            // Stable: within both halves the order of history stays.
            history
                .appearances
                .sort_by_key(|appearance| !appearance.reachable);
            history.paths.sort_unstable();
            history.paths.dedup();
            history.first = history.appearances.first().cloned();
            let first = history
                .first
                .as_ref()
                .and_then(|first| self.objects.node_of(&first.commit_id?));
            history.first_is_boundary = first.is_some_and(|node| cut_off.contains(&node));
            history.author = first.and_then(|node| self.author_of(&mut *reader, node));
        }
    }

    /// Hands findings from the commits that introduce them down to all descendants, 64 at a time,
    /// and reads off what each tip holds.
    fn add_reach(&self, standings: &mut [Standing]) {
        let peeled: Vec<(&Tip, Option<Node>, Vec<Node>)> = self
            .tips
            .tips
            .iter()
            .map(|tip| {
                let (node, tags) = self.peel(tip.target);
                (tip, node, tags)
            })
            .collect();
        let mut from = 0;
        for block in 0..standings.len().div_ceil(64) {
            let bit = |finding: FindingNumber| 1u64 << (finding.index() % 64);
            let mut held = vec![0u64; self.graph.len()];
            while let Some(entry) = self
                .trace
                .introduced
                .get(from)
                .filter(|entry| entry.finding.index() / 64 == block)
            {
                held[entry.rank.index()] |= bit(entry.finding);
                from += 1;
            }
            for rank in self.graph.ranks() {
                for &parent in self.graph.parents(rank) {
                    held[rank.index()] |= held[parent.index()];
                }
            }
            let of_block = &mut standings[block * 64..];
            for (tip, node, tags) in &peeled {
                let mut mask = node
                    .and_then(|node| self.graph.rank(node))
                    .map_or(0, |rank| held[rank.index()]);
                for own in self
                    .held_directly(*node, tags)
                    .filter(|&finding| finding.index() / 64 == block)
                {
                    mask |= bit(own);
                }
                while mask != 0 {
                    let at = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    add_tip(&mut of_block[at].reach, tip);
                }
            }
        }
        for standing in standings {
            standing.reach.put_in_order();
        }
    }

    /// Findings of what a tip names if that is no commit, and of the tags on the way to it.
    fn held_directly(
        &self,
        node: Option<Node>,
        tags: &[Node],
    ) -> impl Iterator<Item = FindingNumber> {
        let mut found: Vec<FindingNumber> = Vec::new();
        for node in node.iter().chain(tags) {
            found.extend(self.findings_of.get(node).into_iter().flatten());
        }
        if let Some(node) = node {
            found.extend(&self.in_class[self.trace.classes.of(node).index()]);
        }
        found.into_iter()
    }

    /// What trees name, below the commits that are `reached` or the objects that are `named`, and is
    /// not here.
    fn absent_below(&self, reached: &[bool], named: &[Node]) -> Vec<(ObjectId, ObjectKind)> {
        let reached = self
            .graph
            .ranks()
            .zip(reached)
            .filter(|(_, reached)| **reached);
        let absent = match &self.trace.absent {
            Absent::Few(absent) => absent,
            Absent::Many => {
                let Some(links) = self.links else {
                    return Vec::new();
                };
                let trees = reached.filter_map(|(rank, _)| self.graph.tree_node(rank));
                let roots = trees.chain(named.iter().copied());
                let count = self.objects.node_count() as usize + links.absent.len();
                let reachable = links.reachable(roots, count);
                let absent = links.absent.iter();
                return absent
                    // Commits of submodules are not expected here.
                    .filter(|(_, node, kind)| {
                        reachable[node.index()] && *kind != ObjectKind::Commit
                    })
                    .map(|(id, _, kind)| (*id, *kind))
                    .collect();
            }
        };
        if absent.objects.is_empty() {
            return Vec::new();
        }
        let mut is_named = vec![false; absent.classes.len()];
        for (rank, _) in reached {
            is_named[absent.commit_classes[rank.index()].index()] = true;
        }
        for &node in named {
            is_named[absent.classes.of(node).index()] = true;
        }
        let by_class = absent.classes.findings().into_iter().zip(is_named);
        let mut found: Vec<FindingNumber> = by_class
            .filter(|(_, is_named)| *is_named)
            .flat_map(|(found, _)| found)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
            .into_iter()
            .map(|number| absent.objects[number.index()])
            .collect()
    }

    fn author_of(&self, reader: &mut dyn ReadNode, commit: Node) -> Option<Signature> {
        let mut bytes = Vec::new();
        if let Err(error) = reader.read(commit, u64::MAX, &mut bytes) {
            let (id, why) = (self.objects.id(commit), error.chain());
            self.unread.borrow_mut().push(Skipped {
                reason: SkipReason::of(&error),
                kind: ObjectKind::Commit,
                object_id: Some(id),
                detail: format!("commit {id} was read, and could not be read again: {why}"),
            });
            return None;
        }
        Signature::of_author(&bytes, self.objects.hash())
    }

    /// Objects that something reachable names and that are not here.
    fn missing(&self, shallow: &[ObjectId]) -> Vec<Skipped> {
        let promisor = self.objects.is_partial();
        let mut missing: Vec<Skipped> = Vec::new();
        let mut add = |id: ObjectId, kind: ObjectKind, by: &str| {
            let (reason, word) = if promisor {
                (
                    SkipReason::Promised,
                    "left on the server by a partial clone",
                )
            } else {
                (SkipReason::Missing, "missing")
            };
            let detail = format!("{} {id}, which {by} names, is {word}", kind.name());
            missing.push(Skipped {
                reason,
                kind,
                object_id: Some(id),
                detail,
            });
        };
        let reached = self.reached(&|tip| tip.kind != TipKind::Index);
        for (id, node) in &self.graph.missing {
            let child = self.objects.id(*node);
            let rank = self.graph.rank(*node).expect("it is in the graph");
            if reached[rank.index()] && shallow.binary_search(&child).is_err() {
                add(*id, ObjectKind::Commit, &format!("commit {child}"));
            }
        }
        for (rank, _) in self
            .graph
            .ranks()
            .zip(&reached)
            .filter(|(_, reached)| **reached)
        {
            if self.graph.tree_node(rank).is_none() {
                let tree = self.graph.tree(rank);
                let commit = self.objects.id(self.graph.node(rank));
                add(*tree, ObjectKind::Tree, &format!("commit {commit}"));
            }
        }
        let mut named = Vec::new();
        for tip in &self.tips.tips {
            match self.peel(tip.target).0 {
                Some(node) => named.push(node),
                // Reflogs outlive what they name.
                None if matches!(tip.kind, TipKind::Reflog | TipKind::Stash | TipKind::Pseudo) => {}
                None => add(tip.target, ObjectKind::Unknown, "a ref or the index"),
            }
        }
        for (id, kind) in self.absent_below(&reached, &named) {
            add(id, kind, "a reachable tree");
        }
        missing.sort_unstable();
        missing.dedup_by_key(|skipped| skipped.object_id);
        missing
    }
}

/// Adds a tip to what reaches a finding.
pub fn add_tip(reach: &mut RefReach, tip: &Tip) {
    match tip.kind {
        TipKind::Branch => reach.branches.push(tip.name.clone()),
        TipKind::Remote => reach.remotes.push(tip.name.clone()),
        TipKind::Tag => reach.tags.push(tip.name.clone()),
        TipKind::Other => reach.others.push(tip.name.clone()),
        TipKind::Head => reach.detached_head = true,
        TipKind::Stash => reach.stash = true,
        TipKind::Reflog | TipKind::Pseudo => reach.reflog = true,
        TipKind::Index => reach.index = true,
    }
}
