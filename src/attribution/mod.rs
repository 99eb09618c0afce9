//! The story of each finding: which commit introduced it, at which paths, who, and from where it
//! is still reached.
//!
//! ```text
//! commits, trees, refs < classes < mod
//! ```
//!
//! Costs one walk over the trees, whatever the number of findings: see `trees` and `classes`.
//!
//! *First* means: reachable from a ref before reachable from none; then topological order, parents
//! first; then the earlier committer date; then the smaller commit id.

pub mod classes;
pub mod commits;
pub mod refs;
pub mod trees;

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use classes::{Class, Classes, EMPTY, FindingNumber};
use commits::{CommitGraph, Rank};
use refs::{Tip, TipKind, Tips};
use trees::{Link, NameJudge, Shared, TreeLinks, TreeVisitor};

use crate::finding::{Appearance, History, Milestone, Place, Reach, Signature, Spot, Standing};
use crate::odb::read::Reader;
use crate::odb::walk::{Tally, walk};
use crate::odb::{Node, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;
use crate::span::Position;

/// Where one finding stands: object nodes with the spot in each.
pub type Places = FxHashMap<Node, Spot>;

/// Findings in names of tree entries, sorted, by the number of the name.
pub type Named = FxHashMap<u32, Vec<FindingNumber>>;

/// Every tree of a store, read once.
pub struct TreesRead {
    /// Their links to trees, to the blobs that were asked for, and to what has a marked name.
    pub links: TreeLinks,
    /// Trees that could not be read.
    pub skipped: Vec<Skipped>,
    /// Trees read.
    pub tallies: Vec<(ObjectKind, Tally)>,
}

/// Walks all trees of `store`; keeps what leads to `targets`, to the commits `gitlinks` of
/// submodules, or to a name that `judge` marks.
pub fn read_trees(
    store: &ObjectStore,
    targets: &FxHashSet<Node>,
    gitlinks: &FxHashSet<ObjectId>,
    judge: NameJudge<'_>,
    progress: &Progress,
) -> TreesRead {
    let shared = Shared::new(store, targets, gitlinks, judge);
    let walked = walk(store, &[ObjectKind::Tree], progress, &|| {
        TreeVisitor::new(&shared)
    });
    let (tallies, skipped) = (walked.tallies, walked.skipped);
    // Visitors borrow what they share; their lists are taken out first.
    let visitors = walked.visitors.into_iter();
    let parts: Vec<trees::Gathered> = visitors.map(TreeVisitor::finish).collect();
    TreesRead {
        links: TreeLinks::new(shared, parts),
        skipped,
        tallies,
    }
}

/// What a history is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// All objects.
    pub store: &'a ObjectStore,
    /// All commits.
    pub graph: &'a CommitGraph,
    /// All that keeps them alive.
    pub tips: &'a Tips,
    /// The commits at which the clone ends.
    pub shallow: &'a [ObjectId],
    /// All trees.
    pub links: &'a TreeLinks,
}

/// What attribution returns.
pub struct Attributed {
    /// For each finding, in the order given.
    pub histories: Vec<History>,
    /// Commits and trees that could not be parsed.
    pub skipped: Vec<Skipped>,
    /// Objects that reachable trees and commits name but that are not in the store.
    pub missing: Vec<Skipped>,
}

/// Finds the history of each of `findings`; `named` are those of them that stand in names.
pub fn attribute(sources: &Sources<'_>, findings: &[Places], named: &Named) -> Attributed {
    let (store, links) = (sources.store, sources.links);
    let findings_of = findings_of(findings);
    let tracer = Tracer::new(sources, &findings_of, findings, named);
    let mut skipped = Vec::new();
    if tracer.introduced.len() >= MAX_APPEARANCES {
        skipped.push(Skipped {
            reason: SkipReason::TooLarge,
            kind: ObjectKind::Unknown,
            object_id: None,
            detail: format!(
                "secrets appear at more than {MAX_APPEARANCES} commits and paths: later ones are not listed"
            ),
        });
    }
    for &node in links.damaged.iter().chain(&sources.graph.damaged) {
        skipped.push(Skipped {
            reason: SkipReason::Corrupt,
            kind: ObjectKind::Unknown,
            object_id: Some(store.id(node)),
            detail: format!("object {} cannot be parsed", store.id(node)),
        });
    }
    Attributed {
        histories: tracer.histories(),
        skipped,
        missing: tracer.missing(sources.shallow),
    }
}

/// Turns findings by place into places by finding; lists are sorted.
fn findings_of(findings: &[Places]) -> FxHashMap<Node, Vec<FindingNumber>> {
    let mut found: FxHashMap<Node, Vec<FindingNumber>> = FxHashMap::default();
    for (number, places) in (0u32..).zip(findings) {
        for &node in places.keys() {
            found.entry(node).or_default().push(number);
        }
    }
    found
}

/// A finding at a path, introduced by the commit at a rank.
struct Introduced {
    finding: FindingNumber,
    rank: Rank,
    path: Option<BString>,
    /// Whether it is the path itself that holds it.
    is_name: bool,
}

/// Everything that the histories are read from.
struct Tracer<'a> {
    store: &'a ObjectStore,
    graph: &'a CommitGraph,
    tips: &'a Tips,
    links: &'a TreeLinks,
    findings_of: &'a FxHashMap<Node, Vec<FindingNumber>>,
    findings: &'a [Places],
    /// For each tree that holds a finding, the entries that do.
    holders: FxHashMap<Node, Vec<Link>>,
    classes: Classes,
    /// The class of each commit's root tree, by rank.
    commit_classes: Vec<u32>,
    /// Whether a ref reaches each commit.
    by_ref: Vec<bool>,
    introduced: Vec<Introduced>,
    /// The findings of each class.
    in_class: Vec<Vec<FindingNumber>>,
}

/// The spot of a name.
const IN_NAME: Spot = Spot {
    place: Place::TreeEntry,
    position: Position { line: 1, column: 1 },
    wrapping: None,
};

/// More appearances than this are not listed, and the report says so.
const MAX_APPEARANCES: usize = 1_000_000;

impl<'a> Tracer<'a> {
    fn new(
        sources: &Sources<'a>,
        findings_of: &'a FxHashMap<Node, Vec<FindingNumber>>,
        findings: &'a [Places],
        named: &Named,
    ) -> Self {
        let Sources {
            store,
            graph,
            tips,
            links,
            ..
        } = *sources;
        let node_count = store.node_count() as usize + links.absent.len();
        let seeds: FxHashSet<Node> = findings_of.keys().copied().collect();
        let names: FxHashSet<u32> = named.keys().copied().collect();
        let holders = if seeds.is_empty() && names.is_empty() {
            FxHashMap::default()
        } else {
            links.holders(&seeds, &names, node_count)
        };
        let classes = Classes::new(&holders, findings_of, named);
        let class_of_tree = |rank: Rank| {
            store
                .node_of(graph.tree(rank))
                .map_or(EMPTY, |tree| classes.of(tree))
        };
        let ranks = 0..u32::try_from(graph.len()).expect("commits have nodes");
        let commit_classes: Vec<u32> = if classes.is_empty() {
            vec![EMPTY; graph.len()]
        } else {
            ranks.map(class_of_tree).collect()
        };
        let mut tracer = Self {
            store,
            graph,
            tips,
            links,
            findings_of,
            findings,
            holders,
            classes,
            commit_classes,
            by_ref: Vec::new(),
            introduced: Vec::new(),
            in_class: Vec::new(),
        };
        tracer.in_class = tracer.classes.findings();
        tracer.by_ref = tracer.reached(&|tip| tip.kind.is_ref());
        tracer.introduced = tracer.find_introduced();
        tracer
    }

    /// Follows annotated tags to what they name; also returns the tags passed.
    fn peel(&self, id: ObjectId) -> (Option<Node>, Vec<Node>) {
        let mut passed = Vec::new();
        let mut at = self.store.node_of(&id);
        while let Some(node) = at {
            match self.graph.tag_target(node) {
                Some(target) if !passed.contains(&node) => {
                    passed.push(node);
                    at = self.store.node_of(&target);
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
                reached[rank as usize] = true;
            }
        }
        for rank in (0..reached.len()).rev() {
            if reached[rank] {
                for &parent in self
                    .graph
                    .parents(u32::try_from(rank).expect("commits have nodes"))
                {
                    reached[parent as usize] = true;
                }
            }
        }
        reached
    }

    fn find_introduced(&self) -> Vec<Introduced> {
        let mut introduced = Vec::new();
        let mut parents = Vec::new();
        for (rank, &class) in (0u32..).zip(&self.commit_classes) {
            if let Some(findings) = self.findings_of.get(&self.graph.node(rank)) {
                introduced.extend(findings.iter().map(|&finding| Introduced {
                    finding,
                    rank,
                    path: None,
                    is_name: false,
                }));
            }
            if class == EMPTY {
                continue;
            }
            parents.clear();
            parents.extend(
                self.graph
                    .parents(rank)
                    .iter()
                    .map(|&parent| self.commit_classes[parent as usize]),
            );
            self.classes.introduced(
                self.links,
                class,
                &parents,
                &mut |path, finding, is_name| {
                    introduced.push(Introduced {
                        finding,
                        rank,
                        path: Some(path.into()),
                        is_name,
                    });
                    introduced.len() < MAX_APPEARANCES
                },
            );
            if introduced.len() >= MAX_APPEARANCES {
                break;
            }
        }
        introduced.sort_unstable_by(|a, b| {
            (a.finding, a.rank, &a.path, a.is_name).cmp(&(b.finding, b.rank, &b.path, b.is_name))
        });
        introduced
    }

    fn histories(&self) -> Vec<History> {
        let mut histories: Vec<History> = self
            .findings
            .iter()
            .map(|places| History {
                first: None,
                author: None,
                appearances: Vec::new(),
                objects: places.len(),
                paths: Vec::new(),
                standing: None,
            })
            .collect();
        let mut standings = vec![Standing::default(); histories.len()];
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
        let mut commits = vec![0usize; self.classes.len()];
        for &class in &self.commit_classes {
            commits[class as usize] += 1;
        }
        for (findings, count) in in_class.iter().zip(commits) {
            for &finding in findings {
                standings[finding as usize].commits += count;
            }
        }
        // A commit whose own text holds the finding counts once, even if its tree does too.
        for entry in self.introduced.iter().filter(|entry| entry.path.is_none()) {
            let held = &in_class[self.commit_classes[entry.rank as usize] as usize];
            if held.binary_search(&entry.finding).is_err() {
                standings[entry.finding as usize].commits += 1;
            }
        }
        let head = self
            .tips
            .head
            .and_then(|id| self.peel(id).0)
            .and_then(|node| self.graph.rank(node));
        if let Some(rank) = head {
            for &finding in &in_class[self.commit_classes[rank as usize] as usize] {
                standings[finding as usize].in_head = true;
            }
        }
    }

    /// Adds the newest commit that holds each finding, and the one that took it out of HEAD's files.
    fn add_milestones(&self, standings: &mut [Standing]) {
        // By whether a ref reaches the commit, then by its place in history.
        let mut last: Vec<Option<(bool, Rank)>> = vec![None; standings.len()];
        let mut keep = |finding: FindingNumber, rank: Rank| {
            let last = &mut last[finding as usize];
            *last = (*last).max(Some((self.by_ref[rank as usize], rank)));
        };
        let mut last_of_class: Vec<Option<(bool, Rank)>> = vec![None; self.classes.len()];
        for (rank, &class) in (0u32..).zip(&self.commit_classes) {
            let of_class = &mut last_of_class[class as usize];
            *of_class = (*of_class).max(Some((self.by_ref[rank as usize], rank)));
        }
        for (findings, of_class) in self.in_class.iter().zip(last_of_class) {
            let Some((_, rank)) = of_class else { continue };
            for &finding in findings {
                keep(finding, rank);
            }
        }
        for entry in self.introduced.iter().filter(|entry| entry.path.is_none()) {
            keep(entry.finding, entry.rank);
        }
        let removed = self.removals(standings);
        let mut reader = Reader::new(self.store);
        let mut milestone = |rank: Rank| {
            let node = self.graph.node(rank);
            Milestone {
                commit_id: self.store.id(node),
                author: author_of(&mut reader, node, self.store),
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
        for (rank, &class) in (0u32..).zip(&self.commit_classes) {
            let parents = self.graph.parents(rank);
            let class_of = |parent: Rank| self.commit_classes[parent as usize];
            if !is_behind[rank as usize] || parents.iter().all(|&p| class_of(p) == class) {
                continue;
            }
            let held = |class: Class, finding: FindingNumber| {
                self.in_class[class as usize]
                    .binary_search(&finding)
                    .is_ok()
            };
            for &parent in parents {
                for &finding in &self.in_class[class_of(parent) as usize] {
                    if standings[finding as usize].in_head || held(class, finding) {
                        continue;
                    }
                    let by_all = parents
                        .iter()
                        .all(|&parent| held(class_of(parent), finding));
                    let at = &mut removed[finding as usize];
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
        let mut reader = Reader::new(self.store);
        for entry in &self.introduced {
            let places = &self.findings[entry.finding as usize];
            let commit = self.graph.node(entry.rank);
            let object = match &entry.path {
                None => Some(commit),
                Some(path) => self.blob_at(entry.rank, path),
            };
            // A name may stand for something that is not here, such as a submodule.
            let object = object.filter(|&node| node < self.store.node_count());
            let spot = object.and_then(|node| places.get(&node)).cloned();
            let history = &mut histories[entry.finding as usize];
            history.appearances.push(Appearance {
                commit_id: Some(self.store.id(commit)),
                path: entry.path.clone(),
                object_id: self.store.id(object.unwrap_or(commit)),
                spot: spot.filter(|_| !entry.is_name).unwrap_or(IN_NAME),
                reachable: self.by_ref[entry.rank as usize],
            });
            history.paths.extend(entry.path.clone());
        }
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
                .and_then(|first| self.store.node_of(&first.commit_id?));
            history.author = first.and_then(|node| author_of(&mut reader, node, self.store));
        }
    }

    /// The blob at `path` of the commit at `rank`, which holds a finding.
    fn blob_at(&self, rank: Rank, path: &[u8]) -> Option<Node> {
        let mut at = self.store.node_of(self.graph.tree(rank))?;
        for name in path.split(|&byte| byte == b'/') {
            let links = self.holders.get(&at)?;
            at = links
                .iter()
                .find(|link| self.links.name(link.name) == name)?
                .child;
        }
        Some(at)
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
            let number = u32::try_from(block).expect("findings are numbered by 32 bits");
            let bit = |finding: FindingNumber| 1u64 << (finding % 64);
            let mut held = vec![0u64; self.graph.len()];
            while let Some(entry) = self
                .introduced
                .get(from)
                .filter(|entry| entry.finding / 64 == number)
            {
                held[entry.rank as usize] |= bit(entry.finding);
                from += 1;
            }
            for rank in 0..held.len() {
                for &parent in self
                    .graph
                    .parents(u32::try_from(rank).expect("commits have nodes"))
                {
                    held[rank] |= held[parent as usize];
                }
            }
            let block = &mut standings[block * 64..];
            for (tip, node, tags) in &peeled {
                let mut mask = node
                    .and_then(|node| self.graph.rank(node))
                    .map_or(0, |rank| held[rank as usize]);
                for own in self
                    .held_directly(*node, tags)
                    .filter(|&finding| finding / 64 == number)
                {
                    mask |= bit(own);
                }
                while mask != 0 {
                    let at = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    add_tip(&mut block[at].reach, tip);
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
            found.extend(&self.in_class[self.classes.of(node) as usize]);
        }
        found.into_iter()
    }

    /// Objects that something reachable names and that are not here.
    fn missing(&self, shallow: &[ObjectId]) -> Vec<Skipped> {
        let promisor = self.store.packs().iter().any(|pack| pack.promisor);
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
            let child = self.store.id(*node);
            let rank = self.graph.rank(*node).expect("it is in the graph");
            if reached[rank as usize] && shallow.binary_search(&child).is_err() {
                add(*id, ObjectKind::Commit, &format!("commit {child}"));
            }
        }
        let mut roots = Vec::new();
        for (rank, _) in (0u32..).zip(&reached).filter(|(_, reached)| **reached) {
            match self.store.node_of(self.graph.tree(rank)) {
                Some(tree) => roots.push(tree),
                None => {
                    let commit = self.store.id(self.graph.node(rank));
                    add(
                        *self.graph.tree(rank),
                        ObjectKind::Tree,
                        &format!("commit {commit}"),
                    );
                }
            }
        }
        for tip in &self.tips.tips {
            match self.peel(tip.target).0 {
                Some(node) => roots.push(node),
                // Reflogs outlive what they name.
                None if matches!(tip.kind, TipKind::Reflog | TipKind::Stash | TipKind::Pseudo) => {}
                None => add(tip.target, ObjectKind::Unknown, "a ref or the index"),
            }
        }
        if !self.links.absent.is_empty() {
            let node_count = self.store.node_count() as usize + self.links.absent.len();
            let reachable = self.links.reachable(roots.into_iter(), node_count);
            for &(id, node, kind) in &self.links.absent {
                // Commits of submodules are not expected here.
                if reachable[node as usize] && kind != ObjectKind::Commit {
                    add(id, kind, "a reachable tree");
                }
            }
        }
        missing.sort_unstable();
        missing.dedup_by_key(|skipped| skipped.object_id);
        missing
    }
}

/// Adds a tip to what reaches a finding.
pub fn add_tip(reach: &mut Reach, tip: &Tip) {
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

fn author_of(reader: &mut Reader<'_>, commit: Node, store: &ObjectStore) -> Option<Signature> {
    let mut bytes = Vec::new();
    reader.read(commit, &mut bytes).ok()?;
    Signature::of_author(&bytes, store.hash())
}
