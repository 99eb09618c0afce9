//! Scans a repository of which all but a little is known: only what is new is read, and the story that
//! an earlier scan left is told on. The result is that of a scan of everything.
//!
//! Whatever does not fit (something went away, another choice of rules, damage, an object that was
//! missing came) is left to that scan: [`Update::run`] then returns nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gix::ObjectId;
use gix::bstr::BString;
use gix::hash::Kind as HashKind;
use rustc_hash::{FxHashMap, FxHashSet};

use super::learn::{Learned, Left, NameFinder, Telling, add_remarks};
use super::names::{self, Names};
use super::neighbours::Neighbours;
use super::repository::{Finish, found_in, places, tips_of};
use super::together::{Together, together};
use super::{Audit, AuditOptions, CoverageBlock, Scope};
use crate::attribution::classes::{Classes, EMPTY, FindingNumber, KeptClasses};
use crate::attribution::commits::{CommitCollector, CommitGraph, Gathered, Rank};
use crate::attribution::trees::{Link, TreeLinks};
use crate::attribution::{self, Absent, AbsentTrace, Introduced, Named, Places, Trace};
use crate::detect::{Detector, Hits};
use crate::error::Result;
use crate::ledger::forks::Forks;
use crate::ledger::ids::{self, Finder, Ids};
use crate::ledger::sights::{Noted, note, stand_in};
use crate::ledger::story::{Story, split};
use crate::ledger::{Digest, Fact, Ledger, digests_of};
use crate::odb::lfs::Pointer;
use crate::odb::lookup::Lookup;
use crate::odb::loose::LooseObject;
use crate::odb::objects::{Objects, ReadNode};
use crate::odb::pack::list_ids;
use crate::odb::repository::{Overrides, Repository};
use crate::odb::stamp::Files;
use crate::odb::walk::{STREAMED_FROM, Tally};
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped};
use crate::progress::Progress;
use crate::scan::collect::Collector;
use crate::scan::history::{self, Remark, Selection};
use crate::scan::sift::{Sift, overflowed, unopened};
use crate::scan::{Sighted, lfs};

/// What is to be brought up to date.
pub(super) struct Update<'a> {
    pub(super) repo: &'a Repository,
    pub(super) files: &'a Files,
    pub(super) detector: &'a Detector,
    pub(super) options: &'a AuditOptions,
    pub(super) progress: &'a Progress,
    /// What it goes on from.
    pub(super) before: &'a Ledger,
    /// Whether that is of this repository, and not of a fork.
    pub(super) is_own: bool,
    /// What else was scanned.
    pub(super) forks: &'a Forks,
    pub(super) choice: Digest,
}

/// Objects that no earlier scan has met.
#[derive(Default)]
pub(super) struct News {
    ids: Vec<ObjectId>,
    /// The indexes of the packs that have some.
    packs: Vec<PathBuf>,
    loose: Vec<LooseObject>,
}

/// What is known of new objects from scans of other forks, by the numbers of all objects.
#[derive(Default)]
struct Lent {
    facts: Vec<(Node, Fact)>,
    noted: Vec<Noted>,
}

/// More new objects than this, or than a quarter of those that are known, are better read by a scan of
/// everything, on all cores.
const MANY: usize = 20_000;

/// All objects, known and new, by the order of their ids.
struct Numbered<'a> {
    ids: &'a Ids,
    lookup: Lookup,
    is_partial: bool,
}

impl Objects for Numbered<'_> {
    fn hash(&self) -> HashKind {
        self.ids.hash()
    }

    fn node_count(&self) -> u32 {
        u32::try_from(self.ids.len()).expect("ids are counted by 32 bits")
    }

    fn id(&self, node: Node) -> ObjectId {
        self.ids.get(node).to_owned()
    }

    fn node_of(&self, id: &gix::oid) -> Option<Node> {
        self.ids.find(id)
    }

    fn is_partial(&self) -> bool {
        self.is_partial
    }

    fn reader(&self) -> Box<dyn ReadNode + '_> {
        Box::new(self)
    }
}

impl ReadNode for &Numbered<'_> {
    fn read(&mut self, node: Node, max_bytes: u64, out: &mut Vec<u8>) -> bool {
        let read = self
            .lookup
            .read_any(self.ids.get(node), ObjectKind::Unknown, out);
        read.is_ok() && out.len() as u64 <= max_bytes
    }
}

/// What must be scanned again, and came to this.
struct Rescanned {
    collector: Collector,
    allowed: u64,
    remarks: FxHashMap<Node, Remark>,
    overflowed: Vec<(ObjectKind, u64)>,
    skipped: Vec<Skipped>,
    unopened: Vec<Skipped>,
}

impl Update<'_> {
    /// Reads what is new; `None` if everything must be read.
    ///
    /// # Errors
    /// `Repository` if the store cannot be opened.
    pub(super) fn run(&self, news: News) -> Result<Option<(Audit, Learned)>> {
        let before = self.before;
        let Some(story) = &before.story else {
            return Ok(None);
        };
        let (hash, limits) = (before.ids.hash(), self.options.limits);
        let dirs = self.files.dirs.clone();
        let part = ObjectStore::open_part(dirs, &news.packs, news.loose.clone(), hash, limits)?;
        if !part.skipped().is_empty() {
            return Ok(None);
        }
        let new_ids = ids::sorted(hash, news.ids);
        let (all, of_old, of_new) = before.ids.merged(&new_ids);
        let mut story = story.clone();
        story.renumber(&of_old);
        let mut noted = before.noted.clone();
        for entry in &mut noted {
            entry.node = of_old[entry.node as usize];
        }
        let objects = Numbered {
            ids: &all,
            lookup: self.repo.lookup(&Overrides::default(), limits)?,
            is_partial: self.is_partial(),
        };
        let mut is_old = vec![true; all.len()];
        for node in of_new {
            is_old[node as usize] = false;
        }
        let mut facts = vec![Fact::new(ObjectKind::Unknown, 0); all.len()];
        for (&fact, node) in before.facts.iter().zip(of_old) {
            facts[node as usize] = fact;
        }
        let Some(of_part) = numbers_of(&part, &all) else {
            return Ok(None);
        };
        let lent = self.lent(&all, &is_old);
        for &(node, fact) in &lent.facts {
            facts[node as usize] = fact;
        }
        noted.extend(lent.noted.iter().cloned());
        noted.sort_unstable_by_key(|entry| entry.node);
        let grown = Grown {
            update: self,
            part: &part,
            of_part,
            objects: &objects,
            is_old,
            lent: lent.facts.iter().copied().collect(),
        };
        let Some((audit, noted, story)) = grown.run(story, noted, &mut facts) else {
            return Ok(None);
        };
        // Trees do not count, here as in a scan of everything: they are read for what leads to findings.
        let is_scanned = |&node: &Node| {
            !grown.is_old[node as usize]
                && !grown.lent.contains_key(&node)
                && facts[node as usize].kind() != ObjectKind::Tree
        };
        let read = (0..objects.node_count()).filter(is_scanned).count();
        let known = grown.is_old.len() - read;
        let old_packs = before.story.as_ref().map(|story| &story.packs);
        let is_same = self.is_own
            && new_ids.is_empty()
            && old_packs == Some(&self.files.packs)
            && story.is_some();
        let ledger = Ledger {
            scanner: before.scanner,
            rules: before.rules.clone(),
            ids: all,
            facts,
            noted,
            story,
        };
        let learned = Learned {
            ledger: match is_same {
                true => Left::AsItWas,
                false => Left::New(Box::new(ledger)),
            },
            read: read as u64,
            known: known as u64,
        };
        Ok(Some((audit, learned)))
    }

    /// Whether a server may have kept some objects.
    fn is_partial(&self) -> bool {
        let mut packs = self.files.packs.iter();
        packs.any(|(path, _)| path.with_extension("promisor").exists())
    }

    /// What other forks tell of new objects. Trees are not scanned but read, and that again.
    fn lent(&self, all: &Ids, is_old: &[bool]) -> Lent {
        let mut lent = Lent::default();
        let usable = self
            .forks
            .all()
            .filter(|ledger| ledger.is_alike(self.before));
        let ledgers: Vec<_> = usable.collect();
        for (node, id) in (0..).zip(all.iter()).filter(|_| !ledgers.is_empty()) {
            if is_old[node as usize] {
                continue;
            }
            let found = ledgers
                .iter()
                .find_map(|ledger| Some((ledger, ledger.ids.find(id)?)));
            let Some((ledger, at)) = found else { continue };
            let (fact, noted) = (ledger.facts[at as usize], ledger.noted_at(at));
            if fact.kind() == ObjectKind::Tree || noted.is_some_and(|noted| noted.again) {
                continue;
            }
            lent.facts.push((node, fact));
            lent.noted.extend(noted.map(|noted| Noted {
                node,
                ..noted.clone()
            }));
        }
        lent
    }

    /// What is new; `None` if something went away, there is too much, or nothing can be told on.
    pub(super) fn news(&self) -> Option<News> {
        let (files, ids) = (self.files, &self.before.ids);
        let story = self.before.story.as_ref()?;
        let is_alike = self.before.rules == digests_of(self.detector.rules());
        if story.choice != self.choice || !is_alike || files.has_unindexed {
            return None;
        }
        let hash = ids.hash();
        let known: FxHashSet<&PathBuf> = story.packs.iter().map(|(path, _)| path).collect();
        let here: FxHashSet<&PathBuf> = files.packs.iter().map(|(path, _)| path).collect();
        let is_gone = known.iter().any(|path| !here.contains(*path));
        // A fork without its newest commits is told apart by few of them.
        if is_gone && !self.has_tips(story) {
            return None;
        }
        let mut news = News::default();
        let mut found = Found::new(ids.len());
        for (id, dir, stored_bytes) in &files.loose {
            match ids.find(id) {
                Some(node) => found.add(node),
                None => {
                    news.ids.push(*id);
                    news.loose.push(LooseObject {
                        id: *id,
                        dir: *dir,
                        stored_bytes: *stored_bytes,
                    });
                }
            }
        }
        let packs = files.packs.iter().map(|(path, _)| path);
        for path in packs.filter(|path| is_gone || !known.contains(path)) {
            let count = news.ids.len();
            let mut finder = Finder::new(ids);
            let mut see = |id: &gix::oid| match finder.find(id) {
                Some(node) => found.add(node),
                None => news.ids.push(id.to_owned()),
            };
            list_ids(path, hash, &mut see).ok()?;
            if news.ids.len() > count {
                news.packs.push(path.clone());
            }
        }
        let lost = story.loose.iter().any(|&node| !found.has(node));
        if is_gone && found.left > 0 || !is_gone && lost && !self.has_all() {
            return None;
        }
        // What was missing has come: trees and commits that name it must be read.
        let mut awaited: FxHashSet<ObjectId> = split(hash, &story.missing).into_iter().collect();
        awaited.extend(split(hash, &story.absent));
        let has_awaited = news.ids.iter().any(|id| awaited.contains(id));
        let many = MANY.max(ids.len() / 4);
        (!has_awaited && news.ids.len() <= many).then_some(news)
    }

    /// Whether the last commits of a story are here.
    fn has_tips(&self, story: &Story) -> bool {
        let ids = &self.before.ids;
        let mut tips = story.commits.tips().into_iter();
        tips.all(|node| (node as usize) < ids.len() && self.repo.git().has_object(ids.get(node)))
    }

    /// Whether all that is known is still here.
    fn has_all(&self) -> bool {
        let ids = &self.before.ids;
        let mut found = Found::new(ids.len());
        for (id, ..) in &self.files.loose {
            ids.find(id).into_iter().for_each(|node| found.add(node));
        }
        for (path, _) in &self.files.packs {
            let mut finder = Finder::new(ids);
            let mut see = |id: &gix::oid| {
                let node = finder.find(id);
                node.into_iter().for_each(|node| found.add(node));
            };
            if list_ids(path, ids.hash(), &mut see).is_err() {
                return false;
            }
        }
        found.left == 0
    }
}

/// What is known and was found here.
struct Found {
    is_here: Vec<bool>,
    left: usize,
}

impl Found {
    fn new(count: usize) -> Self {
        Self {
            is_here: vec![false; count],
            left: count,
        }
    }

    fn add(&mut self, node: Node) {
        let seen = std::mem::replace(&mut self.is_here[node as usize], true);
        self.left -= usize::from(!seen);
    }

    fn has(&self, node: Node) -> bool {
        self.is_here.get(node as usize).copied().unwrap_or(false)
    }
}

/// The number of each object of `part` among `all`; `None` if one is not there.
fn numbers_of(part: &ObjectStore, all: &Ids) -> Option<Vec<Node>> {
    let mut numbers = vec![NOWHERE; part.node_count() as usize];
    let mut finder = Finder::new(all);
    for node in part.nodes_by_id() {
        numbers[node as usize] = finder.find(&part.id(node))?;
    }
    for node in (0..part.node_count()).filter(|&node| part.is_duplicate(node)) {
        numbers[node as usize] = all.find(&part.id(node))?;
    }
    Some(numbers)
}

/// A store that grew. Nodes are those of `objects`, if nothing else is said.
struct Grown<'a> {
    update: &'a Update<'a>,
    /// What is new, with what stands beside it in the same packs.
    part: &'a ObjectStore,
    /// The node of each of the part's.
    of_part: Vec<Node>,
    objects: &'a Numbered<'a>,
    is_old: Vec<bool>,
    /// What need not be scanned though it is new.
    lent: FxHashMap<Node, Fact>,
}

/// The trees that are new.
struct NewTrees<'a> {
    links: &'a TreeLinks,
    /// The node of each of the links', with those of what is absent: that is numbered behind all others.
    of_link: Vec<Node>,
    /// The number of each name of the links.
    of_name: Vec<u32>,
    /// What is absent, by its number behind all nodes.
    absent: FxHashMap<Node, FindingNumber>,
}

/// What nothing is known of.
const NOWHERE: Node = Node::MAX;

impl Grown<'_> {
    fn is_new(&self, part_node: Node) -> bool {
        !self.part.is_duplicate(part_node)
            && !self.is_old[self.of_part[part_node as usize] as usize]
    }

    fn place(&self, part_node: Node) -> Node {
        self.of_part[part_node as usize]
    }

    fn run(
        &self,
        mut story: Story,
        mut noted: Vec<Noted>,
        facts: &mut [Fact],
    ) -> Option<(Audit, Vec<Noted>, Option<Story>)> {
        let Update {
            repo,
            detector,
            options,
            progress,
            ..
        } = *self.update;
        let (part, objects) = (self.part, self.objects);
        let hash = objects.hash();
        let new: Vec<bool> = (0..part.node_count())
            .map(|node| self.is_new(node))
            .collect();
        progress.expect(u64::from(part.node_count()), part.stored_bytes());
        let is_new = |node: Node| new[node as usize];
        let lent: Vec<Option<Fact>> = (0..part.node_count())
            .map(|node| self.lent.get(&self.place(node)).copied())
            .collect();
        let is_unknown = |node: Node| new[node as usize] && lent[node as usize].is_none();
        // The history is told from all commits and tags.
        let is_wanted = |node: Node| {
            let kind = lent[node as usize].map(Fact::kind);
            new[node as usize] && kind != Some(ObjectKind::Blob)
        };
        let selection = Selection {
            scan: &is_unknown,
            visit: &is_wanted,
        };
        let observe = || CommitCollector::new(hash);
        let mut scanned = history::scan_some(
            part,
            detector,
            options.scan,
            Some(selection),
            true,
            progress,
            &observe,
        );
        if scanned.is_damaged {
            return None;
        }
        let (graph, rank_of_old) = self.graph(&story, std::mem::take(&mut scanned.observers))?;
        let tips = tips_of(repo);
        for sighting in scanned
            .found
            .iter_mut()
            .flat_map(|found| &mut found.sightings)
        {
            sighting.node = self.place(sighting.node);
        }
        let remarks = std::mem::take(&mut scanned.remarks).into_iter();
        let mut remarks: FxHashMap<Node, Remark> = remarks
            .map(|(node, remark)| (self.place(node), remark))
            .collect();
        let rescanned = self.rescan(&noted, facts)?;
        noted.retain(|entry| !entry.again);
        remarks.extend(&rescanned.remarks);
        let new_pointers = scanned.pointers.iter();
        let mut pointers: Vec<(Node, Pointer)> = new_pointers
            .map(|(node, pointer)| (self.place(*node), pointer.clone()))
            .collect();
        let old_pointers = noted.iter();
        pointers
            .extend(old_pointers.filter_map(|entry| Some((entry.node, entry.pointer.clone()?))));
        pointers.sort_unstable();
        let dir = repo.common_dir();
        let behind = lfs::scan(&pointers, dir, options.limits, detector, options.scan);
        let mut sighted = found_in(&scanned.found);
        sighted.extend(behind.collector.nodes());
        sighted.extend(rescanned.collector.nodes());
        let with_sights = noted.iter().filter(|entry| !entry.sights.is_empty());
        sighted.extend(with_sights.map(|entry| entry.node));
        let part_nodes = 0..part.node_count();
        let targets = part_nodes.filter(|&node| sighted.contains(&self.place(node)));
        let judge = names::judge(detector);
        let trees = attribution::read_some_trees(
            part,
            &targets.collect(),
            &FxHashSet::default(),
            &judge,
            Some(&is_new),
            progress,
        );
        if !trees.skipped.is_empty() || !trees.links.damaged.is_empty() {
            return None;
        }
        let mut texts = self.names(&story)?;
        let old_names = u32::try_from(texts.len()).ok()?;
        let new_trees = self.new_trees(&trees.links, &story, &mut texts)?;
        let marked = self.marked(&story, &new_trees, &texts);
        let listed = marked.iter().map(|&(name, tree)| {
            let text = texts[name as usize].as_slice();
            (name, text, objects.id(tree))
        });
        let names = Names::new(listed.collect(), &tips);
        let (in_names, allowed_names) = names.scan(detector, options.scan);
        let collectors = vec![
            Collector::with(scanned.found.clone()),
            rescanned.collector.clone(),
            behind.collector.clone(),
            in_names,
        ];
        let Together { found, below } = together(collectors, &noted, objects, detector, options)?;
        let found = self.numbered(found, &story)?;
        let place_lists: Vec<Places> = found.iter().map(places).collect();
        let named = names.named(&found);
        let trace = self.trace(
            &mut story,
            (&graph, &rank_of_old),
            (&place_lists, &named, old_names),
            &new_trees,
            &texts,
        )?;
        let shallow = repo.shallow_boundary().ok()?;
        let sources = attribution::Sources {
            objects,
            graph: &graph,
            tips: &tips,
            shallow: &shallow,
            trace: &trace,
            links: None,
        };
        let attributed = attribution::attribute(&sources, &place_lists);
        for seen in &scanned.seen {
            let node = self.place(seen.node);
            facts[node as usize] = Fact::new(seen.kind, seen.size);
        }
        for &(node, size) in &trees.seen {
            let node = self.place(node);
            facts[node as usize] = Fact::new(ObjectKind::Tree, size);
        }
        if facts.iter().any(|fact| fact.kind() == ObjectKind::Unknown) {
            return None;
        }
        let mut submodules = split(hash, &story.submodules);
        submodules.extend(&trees.links.submodules);
        submodules.sort_unstable();
        submodules.dedup();
        let allowed = noted.iter().map(|entry| entry.allowed).sum::<u64>()
            + scanned.allowed
            + rescanned.allowed
            + allowed_names
            + behind.allowed;
        let telling = Telling {
            files: self.update.files,
            choice: self.update.choice,
            ids: objects.ids,
            graph: &graph,
            trace: &trace,
            found: &found,
            rules: detector.rules(),
            key: &options.fingerprint_key,
            name_of: &|name| Some(texts[name as usize].clone()),
            name_at: &|name| match story.names.get(name as usize) {
                Some(&at) => Some(at),
                None => {
                    let finder = NameFinder::new(objects, &trace.homes);
                    finder.find(name, &texts[name as usize])
                }
            },
            marked: &marked,
            submodules: &submodules,
        };
        let kept = telling.story(&Some);
        let raw = [&scanned.found[..], &rescanned.collector.sighted()].concat();
        let noted = self.noted(noted, &raw, &remarks, &pointers);
        let neighbours = Neighbours::of(found.iter().chain(&below), &|node| objects.id(node));
        let finish = Finish {
            objects,
            detector,
            options,
            names: &names,
            neighbours: &neighbours,
        };
        let findings = finish.findings(found, attributed.histories);
        let files = self.update.files;
        let unopened = [
            names.unopened.clone(),
            behind.unopened,
            scanned.unopened,
            rescanned.unopened,
        ];
        let mut coverage = CoverageBlock {
            packs: files.packs.len(),
            loose: files.loose.len(),
            alternates: files.dirs.len() - 1,
            shallow: shallow.len(),
            allowed_inline: allowed,
            below_confidence: below.len(),
            submodules: submodules.len(),
            lfs_read: behind.read,
            lfs_missing: behind.missing,
            unopened: unopened.concat(),
            ..CoverageBlock::default()
        };
        let overflowed = [scanned.overflowed, rescanned.overflowed].concat();
        coverage.count(tallies(facts, &overflowed));
        let skipped = [
            tips.skipped.clone(),
            names.skipped.clone(),
            behind.skipped,
            scanned.skipped,
            rescanned.skipped,
            attributed.skipped,
            attributed.missing,
        ];
        coverage.count_skipped(skipped.concat());
        let audit = Audit {
            scope: Scope::Repository,
            findings,
            coverage,
        };
        Some((audit, noted, kept))
    }

    /// All commits; also the new rank of each old one.
    fn graph(
        &self,
        story: &Story,
        collectors: Vec<CommitCollector>,
    ) -> Option<(CommitGraph, Vec<Rank>)> {
        let ids = self.objects.ids;
        let mut gathered = Gathered::new(collectors);
        // Bases that are known are shown, too.
        gathered.commits.retain(|commit| self.is_new(commit.node));
        gathered.tags.retain(|&(tag, _)| self.is_new(tag));
        if !gathered.damaged.is_empty() {
            return None;
        }
        for commit in &mut gathered.commits {
            commit.node = self.place(commit.node);
        }
        for (tag, _) in &mut gathered.tags {
            *tag = self.place(*tag);
        }
        gathered.commits.sort_unstable_by_key(|commit| commit.node);
        let mut graph = story.commits.graph(ids, &story.tags)?;
        let missing = split(ids.hash(), &story.missing);
        graph.missing = missing
            .into_iter()
            .zip(story.missing_of.iter().copied())
            .collect();
        Some(graph.extended(self.objects, gathered))
    }

    /// Scans what can only be told by another scan.
    fn rescan(&self, noted: &[Noted], facts: &[Fact]) -> Option<Rescanned> {
        let Update {
            detector, options, ..
        } = *self.update;
        let mut sift = Sift::new(detector, options.scan);
        let mut hits = Hits::default();
        let mut bytes = Vec::new();
        let mut reader = self.objects.reader();
        let mut done = Rescanned {
            collector: Collector::default(),
            allowed: 0,
            remarks: FxHashMap::default(),
            overflowed: Vec::new(),
            skipped: Vec::new(),
            unopened: Vec::new(),
        };
        for entry in noted.iter().filter(|entry| entry.again) {
            let (node, fact) = (entry.node, facts[entry.node as usize]);
            if fact.size() >= STREAMED_FROM || !reader.read(node, STREAMED_FROM, &mut bytes) {
                return None;
            }
            detector.scan(&bytes, &mut sift.scratch, &mut hits);
            if hits.overflowed() {
                done.skipped
                    .push(overflowed(fact.kind(), self.objects.id(node)));
                done.overflowed.push((fact.kind(), fact.size()));
            }
            sift.collect(node, fact.kind(), &bytes, &hits);
            let again = Remark {
                allowed: 0,
                again: true,
            };
            done.remarks.insert(node, again);
        }
        for (node, kind, problem) in &sift.unopened {
            let (entry, is_readable) = unopened((*kind, self.objects.id(*node)), problem);
            if is_readable {
                &mut done.skipped
            } else {
                &mut done.unopened
            }
            .push(entry);
        }
        done.allowed = sift.allowed;
        done.collector = sift.collector;
        Some(done)
    }

    /// Reads the names of the story.
    fn names(&self, story: &Story) -> Option<Vec<Vec<u8>>> {
        let mut order: Vec<usize> = (0..story.names.len()).collect();
        order.sort_by_key(|&at| story.names[at].tree);
        let mut texts = vec![Vec::new(); story.names.len()];
        let (mut reader, mut bytes) = (self.objects.reader(), Vec::new());
        let mut entries: (Option<Node>, Vec<BString>) = (None, Vec::new());
        for at in order {
            let name = story.names[at];
            if entries.0 != Some(name.tree) {
                if !reader.read(name.tree, u64::MAX, &mut bytes) {
                    return None;
                }
                let parsed = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
                let parsed = parsed.map(|entry| Some(entry.ok()?.filename.to_owned()));
                entries = (Some(name.tree), parsed.collect::<Option<_>>()?);
            }
            texts[at] = entries.1.get(name.entry as usize)?.to_vec();
        }
        Some(texts)
    }

    /// Numbers what the new trees name; new names are added to `texts`. `None` if one names an object
    /// that is not here.
    fn new_trees<'t>(
        &self,
        links: &'t TreeLinks,
        story: &Story,
        texts: &mut Vec<Vec<u8>>,
    ) -> Option<NewTrees<'t>> {
        let hash = self.objects.hash();
        let count = self.objects.node_count();
        let numbered = (0u32..).zip(split(hash, &story.absent));
        let known_absent: FxHashMap<ObjectId, FindingNumber> =
            numbered.map(|(number, id)| (id, number)).collect();
        let mut of_link = self.of_part.clone();
        let mut absent: FxHashMap<Node, FindingNumber> = known_absent
            .values()
            .map(|&number| (count + number, number))
            .collect();
        let mut by_node: Vec<_> = links.absent.iter().collect();
        by_node.sort_unstable_by_key(|(_, node, _)| *node);
        for (id, node, kind) in by_node {
            if *node as usize != of_link.len() {
                return None;
            }
            of_link.push(match (self.objects.node_of(id), known_absent.get(id)) {
                (Some(node), _) => node,
                (None, Some(&number)) => count + number,
                // A commit of a submodule.
                (None, None) if *kind == ObjectKind::Commit => NOWHERE,
                (None, None) => return None,
            });
        }
        absent.shrink_to_fit();
        let mut numbers: FxHashMap<Vec<u8>, u32> = texts.iter().cloned().zip(0u32..).collect();
        let mut of_name = Vec::new();
        for text in links.names() {
            let next = u32::try_from(texts.len()).ok()?;
            let number = *numbers.entry(text.clone()).or_insert(next);
            if number == next {
                texts.push(text.clone());
            }
            of_name.push(number);
        }
        Some(NewTrees {
            links,
            of_link,
            of_name,
            absent,
        })
    }

    /// All names with something in them, in the order of their texts, with the lowest tree that has each.
    fn marked(&self, story: &Story, trees: &NewTrees<'_>, texts: &[Vec<u8>]) -> Vec<(u32, Node)> {
        let mut marked: BTreeMap<&[u8], (u32, Node)> = BTreeMap::new();
        let new = trees.links.marked.iter();
        let new = new.map(|&(name, tree)| (trees.of_name[name as usize], self.place(tree)));
        for (name, tree) in story.marked.iter().copied().chain(new) {
            let lowest = marked.entry(&texts[name as usize]).or_insert((name, tree));
            // Nodes have the order of ids.
            lowest.1 = lowest.1.min(tree);
        }
        marked.into_values().collect()
    }

    /// Puts findings in the order of the story; new ones come behind. `None` if one is not there.
    fn numbered(&self, found: Vec<Sighted>, story: &Story) -> Option<Vec<Sighted>> {
        let Update {
            detector, options, ..
        } = *self.update;
        let key = |sighted: &Sighted| {
            let rule = detector.rule(sighted.rule).id.clone();
            (rule, stand_in(&options.fingerprint_key, &sighted.secret))
        };
        let keys = story.findings.iter().zip(0usize..);
        let numbers: FxHashMap<_, usize> = keys.collect();
        let mut ordered: Vec<Option<Sighted>> = vec![None; story.findings.len()];
        for sighted in found {
            match numbers.get(&key(&sighted)) {
                Some(&number) => ordered[number] = Some(sighted),
                None => ordered.push(Some(sighted)),
            }
        }
        ordered.into_iter().collect()
    }

    /// The trees among the new ones that lead to `seeds` or have one of `names`, by nodes and names of
    /// the whole.
    fn holders(
        &self,
        trees: &NewTrees<'_>,
        is_seed: &dyn Fn(Node) -> bool,
        named: &Named,
    ) -> FxHashMap<Node, Vec<Link>> {
        let numbered = (0u32..).zip(&trees.of_link);
        let seeds = numbered.filter(|(_, node)| is_seed(**node));
        let seeds: FxHashSet<Node> = seeds.map(|(node, _)| node).collect();
        let numbered = (0u32..).zip(&trees.of_name);
        let names = numbered.filter(|(_, name)| named.contains_key(name));
        let names: FxHashSet<u32> = names.map(|(name, _)| name).collect();
        if seeds.is_empty() && names.is_empty() {
            return FxHashMap::default();
        }
        let found = trees.links.holders(&seeds, &names, trees.of_link.len());
        let found = found.into_iter().filter(|(tree, _)| self.is_new(*tree));
        found
            .map(|(tree, links)| {
                let links = links.into_iter().map(|link| Link {
                    name: trees.of_name[link.name as usize],
                    child: trees.of_link[link.child as usize],
                });
                (self.place(tree), links.collect())
            })
            .collect()
    }

    /// Goes on with what trees hold; `None` if what was there holds something else than it did.
    fn trace(
        &self,
        story: &mut Story,
        (graph, rank_of_old): (&CommitGraph, &[Rank]),
        (findings, named, old_names): (&[Places], &Named, u32),
        trees: &NewTrees<'_>,
        texts: &[Vec<u8>],
    ) -> Option<Trace> {
        let findings_of = attribution::findings_of(findings);
        let is_old = |node: Node| self.is_old.get(node as usize).copied().unwrap_or(false);
        let kept = std::mem::take(&mut story.classes);
        if !kept.holds(&is_old, &findings_of, old_names, named) {
            return None;
        }
        let holding: FxHashSet<Node> = kept.of_tree.iter().map(|&(tree, _)| tree).collect();
        let is_seed = |node: Node| findings_of.contains_key(&node) || holding.contains(&node);
        let holders = self.holders(trees, &is_seed, named);
        let mut homes = FxHashMap::default();
        attribution::add_homes(&mut homes, &holders);
        for &(name, tree) in &trees.links.marked {
            homes
                .entry(trees.of_name[name as usize])
                .or_insert(self.place(tree));
        }
        let classes = Classes::extended(kept, &holders, &findings_of, named);
        let by_rank = ByRank { graph, rank_of_old };
        let commit_classes = by_rank.classes(&story.commits.classes, &classes);
        let mut introduced = Vec::with_capacity(story.introduced.len());
        for entry in &story.introduced {
            let path = entry.path.as_ref().map(|path| {
                let names = path.iter().map(|&name| texts[name as usize].as_slice());
                let names: Vec<&[u8]> = names.collect();
                BString::from(names.join(&b'/'))
            });
            introduced.push(Introduced {
                finding: entry.finding,
                rank: rank_of_old[entry.rank as usize],
                path,
                is_name: entry.is_name,
                object: entry.object,
            });
        }
        let name_of = |name: u32| texts[name as usize].as_slice();
        let mut reader = self.objects.reader();
        for rank in by_rank.new_ranks() {
            let first = introduced.len();
            let told = (&findings_of, &classes, commit_classes.as_slice());
            attribution::introduced_by((graph, rank), told, &name_of, &mut introduced);
            for entry in &mut introduced[first..] {
                entry.object = match &entry.path {
                    None => Some(graph.node(rank)),
                    Some(path) => self.read_at(&mut *reader, graph.tree(rank), path)?,
                };
            }
        }
        introduced.sort_unstable();
        Some(Trace {
            absent: Absent::Few(self.absent(story, &by_rank, trees, &mut homes)),
            classes,
            commit_classes,
            introduced,
            homes,
        })
    }

    /// What stands at `path` below a tree, if it is here; `None` if a tree cannot be read.
    fn read_at(
        &self,
        reader: &mut dyn ReadNode,
        root: &ObjectId,
        path: &[u8],
    ) -> Option<Option<Node>> {
        let mut at = *root;
        let mut bytes = Vec::new();
        for name in path.split(|&byte| byte == b'/') {
            let tree = self.objects.node_of(&at)?;
            if !reader.read(tree, u64::MAX, &mut bytes) {
                return None;
            }
            let entries = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
            let mut entries = entries.filter_map(std::result::Result::ok);
            at = entries.find(|entry| entry.filename == name)?.oid.to_owned();
        }
        Some(self.objects.node_of(&at))
    }

    fn absent(
        &self,
        story: &mut Story,
        by_rank: &ByRank<'_>,
        trees: &NewTrees<'_>,
        homes: &mut FxHashMap<u32, Node>,
    ) -> AbsentTrace {
        let objects = story.absent(self.objects.hash());
        if objects.is_empty() {
            return AbsentTrace::default();
        }
        let kept: KeptClasses = std::mem::take(&mut story.absent_classes);
        let holding: FxHashSet<Node> = kept.of_tree.iter().map(|&(tree, _)| tree).collect();
        let is_seed = |node: Node| trees.absent.contains_key(&node) || holding.contains(&node);
        let none = Named::default();
        let holders = self.holders(trees, &is_seed, &none);
        attribution::add_homes(homes, &holders);
        let absent = trees.absent.iter();
        let findings_of: FxHashMap<Node, Vec<FindingNumber>> = absent
            .map(|(&node, &number)| (node, vec![number]))
            .collect();
        let classes = Classes::extended(kept, &holders, &findings_of, &none);
        AbsentTrace {
            objects,
            commit_classes: by_rank.classes(&story.commits.absent_classes, &classes),
            classes,
        }
    }

    /// What there was to note, and what there is now.
    fn noted(
        &self,
        old: Vec<Noted>,
        found: &[Sighted],
        remarks: &FxHashMap<Node, Remark>,
        pointers: &[(Node, Pointer)],
    ) -> Vec<Noted> {
        let Update {
            detector, options, ..
        } = *self.update;
        let old = old.into_iter().map(|entry| (entry.node, entry));
        let mut noted: BTreeMap<Node, Noted> = old.collect();
        let key = &options.fingerprint_key;
        note(&mut noted, found, &Some, detector.rules(), key);
        add_remarks(&mut noted, remarks, pointers, &Some);
        noted.into_values().collect()
    }
}

/// What is known by the rank of a commit.
struct ByRank<'a> {
    graph: &'a CommitGraph,
    rank_of_old: &'a [Rank],
}

impl ByRank<'_> {
    /// The class of each commit: what was kept of old ones, and what the trees of new ones are of.
    fn classes(&self, kept: &[u32], classes: &Classes) -> Vec<u32> {
        let mut all = vec![EMPTY; self.graph.len()];
        for (&class, &rank) in kept.iter().zip(self.rank_of_old) {
            all[rank as usize] = class;
        }
        for rank in self.new_ranks() {
            let tree = self.graph.tree_node(rank);
            all[rank as usize] = tree.map_or(EMPTY, |tree| classes.of(tree));
        }
        all
    }

    /// The commits that are new.
    fn new_ranks(&self) -> Vec<Rank> {
        let mut is_new = vec![true; self.graph.len()];
        for &rank in self.rank_of_old {
            is_new[rank as usize] = false;
        }
        self.graph
            .ranks()
            .filter(|&rank| is_new[rank as usize])
            .collect()
    }
}

/// How many objects of each kind there are, without those that count as not scanned.
fn tallies(facts: &[Fact], overflowed: &[(ObjectKind, u64)]) -> Vec<(ObjectKind, Tally)> {
    let mut all: BTreeMap<ObjectKind, Tally> = ObjectKind::ALL
        .into_iter()
        .map(|kind| (kind, Tally::default()))
        .collect();
    for fact in facts {
        let tally = all.entry(fact.kind()).or_default();
        tally.objects += 1;
        tally.bytes += fact.size();
    }
    for (kind, size) in overflowed {
        let tally = all.entry(*kind).or_default();
        tally.objects -= 1;
        tally.bytes -= size;
    }
    all.into_iter().collect()
}
