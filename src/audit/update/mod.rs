//! Incremental scan: reads only the new objects, and extends the commit graph and the classes of trees
//! that an earlier scan stored. The result equals that of a full scan.
//!
//! ```text
//! new_objects, texts, trees < mod
//! ```
//!
//! In some cases a full scan is needed: objects are gone, the options differ, something is damaged, or an
//! object arrived that was missing before. [`IncrementalScan::run`] then returns `None`.

mod new_objects;
mod texts;
mod trees;

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use rustc_hash::FxHashMap;

use crate::audit::merge::{Together, together};
use crate::audit::names::SideTexts;
use crate::audit::steps::{Finish, places, tips_of};
use crate::audit::update::new_objects::{Lent, NewObjects};
use crate::audit::update::texts::UpdatedTexts;
use crate::audit::{Audit, AuditOptions, CoverageBlock, Scope};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::git::gitdir::GitDir;
use crate::git::repository::{Overrides, Repository};
use crate::git::stamp::StoreFiles;
use crate::history;
use crate::history::commits::{CommitCollector, CommitGraph, GatheredCommits, Rank};
use crate::history::tips::Tips;
use crate::history::{Places, Trace, TreesRead};
use crate::memory::forks::Forks;
use crate::memory::history::{Story, split};
use crate::memory::ids::{Finder, Ids};
use crate::memory::learn::{Learned, LedgerChange, add_remarks};
use crate::memory::record::{NameFinder, Telling};
use crate::memory::sightings::{ObjectRecord, note, stand_in};
use crate::memory::{Digest, Ledger, ObjectFact, ids};
use crate::odb::lookup::Lookup;
use crate::odb::objects::{Objects, ReadNode};
use crate::odb::walk::Tally;
use crate::odb::{Node, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;
use crate::scan::Sighted;

/// The input of an incremental scan.
pub(super) struct IncrementalScan<'a> {
    pub(super) repo: &'a Repository,
    pub(super) files: &'a StoreFiles,
    pub(super) detector: &'a Detector,
    pub(super) options: &'a AuditOptions,
    pub(super) progress: &'a Progress,
    /// The ledger of the earlier scan.
    pub(super) before: &'a Ledger,
    /// Whether that ledger is of this repository, not of a fork.
    pub(super) is_own: bool,
    /// The ledgers of forks that were scanned before.
    pub(super) forks: &'a Forks,
    pub(super) choice: Digest,
}

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
    fn read(&mut self, node: Node, max_bytes: u64, out: &mut Vec<u8>) -> Result<()> {
        let id = self.ids.get(node);
        let read = self.lookup.read_any(id, ObjectKind::Unknown, out);
        read.map_err(|skipped| match skipped.reason {
            SkipReason::TooLarge => Error::too_large(skipped.detail),
            _ => Error::corrupt(skipped.detail),
        })?;
        if out.len() as u64 > max_bytes {
            let why = format!("object {id} has more than {max_bytes} bytes");
            return Err(Error::too_large(why));
        }
        Ok(())
    }
}

impl IncrementalScan<'_> {
    /// Scans the new objects; `None` if a full scan is needed.
    ///
    /// # Errors
    /// `Repository` if the store cannot be opened.
    pub(super) fn run(&self, news: NewObjects) -> Result<Option<(Audit, Learned)>> {
        let before = self.before;
        let (hash, limits) = (before.ids.hash(), self.options.limits);
        let dirs = self.files.dirs.clone();
        let part = ObjectStore::open_part(dirs, &news.packs, news.loose, hash, limits)?;
        if !part.skipped().is_empty() {
            return Ok(None);
        }
        let (all, of_old, of_new) = before.ids.merged(&ids::sorted(hash, news.ids));
        let objects = Numbered {
            ids: &all,
            lookup: self.repo.lookup(&Overrides::default(), limits)?,
            is_partial: self.is_partial(),
        };
        let mut facts = vec![ObjectFact::new(ObjectKind::Unknown, 0); all.len()];
        for (&fact, &node) in before.facts.iter().zip(&of_old) {
            facts[node.index()] = fact;
        }
        let lent = self.lent(&all, &of_new);
        for &(node, fact) in &lent.facts {
            facts[node.index()] = fact;
        }
        let Some(grown) = Grown::new(self, &part, &objects, &of_new, &lent) else {
            return Ok(None);
        };
        let Some((audit, noted, story)) = grown.run(&of_old, lent.noted, &mut facts) else {
            return Ok(None);
        };
        // As in a full scan, trees do not count: they are read to find paths, not scanned.
        let is_scanned = |node: &&Node| {
            let is_tree = facts[node.index()].kind() == ObjectKind::Tree;
            !is_tree && !grown.lent.contains_key(*node)
        };
        let read = of_new.iter().filter(is_scanned).count() as u64;
        let known = all.len() as u64 - read;
        let packs = before.story.as_ref().map(|story| &story.packs);
        let is_same = packs == Some(&self.files.packs) && story.is_some();
        let ledger = match is_same && self.is_own && of_new.is_empty() {
            true => LedgerChange::AsItWas,
            false => LedgerChange::New(Box::new(Ledger {
                scanner: before.scanner,
                rules: before.rules.clone(),
                ids: all,
                facts,
                noted,
                story,
            })),
        };
        let learned = Learned {
            ledger,
            read,
            known,
        };
        Ok(Some((audit, learned)))
    }

    /// Whether a server may have kept some objects.
    fn is_partial(&self) -> bool {
        let mut packs = self.files.packs.iter();
        packs.any(|(path, _)| path.with_extension("promisor").exists())
    }
}

/// A store with new objects. Nodes are those of `objects` unless stated otherwise.
struct Grown<'a> {
    update: &'a IncrementalScan<'a>,
    /// The packs and loose objects that contain the new objects.
    part: &'a ObjectStore,
    /// For each node of `part`, its node in `objects`.
    of_part: Vec<Node>,
    /// Whether each node of `part` is new.
    is_new: Vec<bool>,
    objects: &'a Numbered<'a>,
    is_old: Vec<bool>,
    /// New objects that need no scan, because a fork has them.
    lent: FxHashMap<Node, ObjectFact>,
}

/// The results of reading, from which findings are made.
struct Told<'a> {
    story: &'a Story,
    graph: &'a CommitGraph,
    trace: &'a Trace,
    /// Texts of names, by number.
    names: &'a [Vec<u8>],
    /// Names with findings, and the lowest tree that contains each.
    marked: &'a [(u32, Node)],
    submodules: &'a [ObjectId],
}

impl<'a> Grown<'a> {
    fn new(
        update: &'a IncrementalScan<'a>,
        part: &'a ObjectStore,
        objects: &'a Numbered<'a>,
        of_new: &[Node],
        lent: &Lent,
    ) -> Option<Self> {
        let mut is_old = vec![true; objects.ids.len()];
        for &node in of_new {
            is_old[node.index()] = false;
        }
        let of_part = numbers_of(part, objects.ids)?;
        let is_new =
            |node: Node| !part.is_duplicate(node) && !is_old[of_part[node.index()].index()];
        Some(Self {
            is_new: part.nodes().map(is_new).collect(),
            update,
            part,
            of_part,
            objects,
            is_old,
            lent: lent.facts.iter().copied().collect(),
        })
    }

    fn is_new(&self, part_node: Node) -> bool {
        self.is_new[part_node.index()]
    }

    fn place(&self, part_node: Node) -> Node {
        self.of_part[part_node.index()]
    }

    /// Extends the ledger: `of_old` maps its nodes to new ones, `lent` holds the records of forks. Also
    /// returns the records for the next scan.
    fn run(
        &self,
        of_old: &[Node],
        lent: Vec<ObjectRecord>,
        facts: &mut [ObjectFact],
    ) -> Option<(Audit, Vec<ObjectRecord>, Option<Story>)> {
        let before = self.update.before;
        let mut story = before.story.clone()?;
        story.renumber(of_old);
        let mut noted = before.noted.clone();
        for entry in &mut noted {
            entry.node = of_old[entry.node.index()];
        }
        noted.extend(lent);
        noted.sort_unstable_by_key(|entry| entry.node);
        let mut texts = self.scan_texts(noted, facts)?;
        let observers = std::mem::take(&mut texts.scanned.observers);
        let (graph, rank_of_old) = self.graph(&story, observers)?;
        let tips = tips_of(self.update.repo);
        let trees = self.read_trees(&texts)?;
        self.add_facts(&texts, &trees, facts)?;
        self.tell(
            &mut story,
            (&graph, &rank_of_old),
            (texts, &trees),
            &tips,
            facts,
        )
    }

    fn tell(
        &self,
        story: &mut Story,
        (graph, rank_of_old): (&CommitGraph, &[Rank]),
        (texts, trees): (UpdatedTexts, &TreesRead),
        tips: &Tips,
        facts: &[ObjectFact],
    ) -> Option<(Audit, Vec<ObjectRecord>, Option<Story>)> {
        let IncrementalScan {
            detector, options, ..
        } = *self.update;
        let objects = self.objects;
        let (name_texts, new_trees) = self.new_trees(&trees.links, story)?;
        let marked = self.marked(story, &new_trees, &name_texts);
        let names = self.beside(&marked, &name_texts, tips);
        let (in_names, allowed_names) = names.scan(detector, options.scan);
        let collectors = texts.collectors(in_names);
        let Together { found, below } =
            together(collectors, &texts.noted, objects, detector, options)?;
        let found = self.numbered(found, story)?;
        let place_lists: Vec<Places> = found.iter().map(places).collect();
        let trace = self.trace(
            story,
            (graph, rank_of_old),
            (&place_lists, &names.named(&found)),
            &new_trees,
            &name_texts,
        )?;
        let shallow = self.update.repo.shallow_boundary().ok()?;
        let sources = history::Sources {
            objects,
            graph,
            tips,
            shallow: &shallow,
            trace: &trace,
            links: None,
        };
        let attributed = history::attribute(&sources, &place_lists);
        let submodules = self.submodules(story, trees);
        let told = Told {
            story,
            graph,
            trace: &trace,
            names: &name_texts,
            marked: &marked,
            submodules: &submodules,
        };
        let (kept, noted) = (self.keep(&told, &found), self.noted(&texts));
        let finish = Finish::new(objects, detector, options, &names);
        let done = finish.findings(Together { found, below }, attributed.histories);
        let coverage = CoverageBlock {
            shallow: shallow.len(),
            allowed_inline: allowed_names,
            below_confidence: done.below_confidence,
            submodules: submodules.len(),
            ..names.coverage()
        };
        let missing = [attributed.missing, done.unread].concat();
        let skipped = &attributed.skipped;
        let unread = [&tips.skipped, &names.skipped, skipped, &missing];
        let audit = Audit {
            scope: Scope::Repository,
            findings: done.findings,
            hidden: done.hidden,
            coverage: self.cover(coverage, texts, facts, &unread),
        };
        Some((audit, noted, kept))
    }

    /// The texts outside of the objects.
    fn beside<'n>(
        &self,
        marked: &[(u32, Node)],
        texts: &'n [Vec<u8>],
        tips: &'n Tips,
    ) -> SideTexts<'n> {
        let listed = marked.iter().map(|&(name, tree)| {
            let text = texts[name as usize].as_slice();
            (name, text, self.objects.id(tree))
        });
        let mut names = SideTexts::new(listed.collect(), tips);
        let repo = self.update.repo;
        names.git_dir_unread = GitDir::list(repo).unread(repo);
        names
    }

    /// All commits of submodules that trees name.
    fn submodules(&self, story: &Story, trees: &TreesRead) -> Vec<ObjectId> {
        let mut submodules = split(self.objects.hash(), &story.submodules);
        submodules.extend(&trees.links.submodules);
        submodules.sort_unstable();
        submodules.dedup();
        submodules
    }

    /// Adds kinds and sizes of the objects that were read; `None` if a new one was not read.
    fn add_facts(
        &self,
        texts: &UpdatedTexts,
        trees: &TreesRead,
        facts: &mut [ObjectFact],
    ) -> Option<()> {
        for seen in &texts.scanned.seen {
            let node = self.place(seen.node);
            facts[node.index()] = ObjectFact::new(seen.kind, seen.size);
        }
        for &(node, size) in &trees.seen {
            let node = self.place(node);
            facts[node.index()] = ObjectFact::new(ObjectKind::Tree, size);
        }
        let mut facts = facts.iter();
        facts
            .all(|fact| fact.kind() != ObjectKind::Unknown)
            .then_some(())
    }

    /// Makes the repository's record for the next scan.
    fn keep(&self, told: &Told<'_>, found: &[Sighted]) -> Option<Story> {
        let (objects, update) = (self.objects, self.update);
        let telling = Telling {
            files: update.files,
            choice: update.choice,
            ids: objects.ids,
            graph: told.graph,
            trace: told.trace,
            found,
            rules: update.detector.rules(),
            key: &update.options.fingerprint_key,
            name_of: &|name| Some(told.names[name as usize].clone()),
            name_at: &|name| match told.story.names.get(name as usize) {
                Some(&at) => Some(at),
                None => {
                    let finder = NameFinder::new(objects, &told.trace.homes);
                    finder.find(name, &told.names[name as usize])
                }
            },
            marked: told.marked,
            submodules: told.submodules,
        };
        telling.story(&Some)
    }

    /// What was read of objects and files.
    fn cover(
        &self,
        mut coverage: CoverageBlock,
        texts: UpdatedTexts,
        facts: &[ObjectFact],
        unread: &[&Vec<Skipped>],
    ) -> CoverageBlock {
        let files = self.update.files;
        let UpdatedTexts {
            scanned,
            rescanned,
            behind,
            noted,
            ..
        } = texts;
        coverage.packs = files.packs.len();
        coverage.loose = files.loose.len();
        coverage.alternates = files.dirs.len() - 1;
        coverage.lfs_read = behind.read;
        coverage.lfs_missing = behind.missing;
        coverage.allowed_inline += noted.iter().map(|entry| entry.allowed).sum::<u64>()
            + scanned.allowed
            + rescanned.allowed
            + behind.allowed;
        let unopened = [behind.unopened, scanned.unopened, rescanned.unopened];
        coverage.unopened.extend(unopened.concat());
        let skipped = [behind.skipped, scanned.skipped, rescanned.skipped];
        coverage.count(tallies(facts));
        let unread = unread.iter().copied().flatten().cloned();
        coverage.count_skipped(skipped.concat().into_iter().chain(unread));
        coverage
    }

    /// All commits; also the new rank of each old one.
    fn graph(
        &self,
        story: &Story,
        collectors: Vec<CommitCollector>,
    ) -> Option<(CommitGraph, Vec<Rank>)> {
        let ids = self.objects.ids;
        let mut gathered = GatheredCommits::new(collectors);
        // The walk also visits known objects that are bases of new ones.
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

    /// Sorts findings in the order of the stored ones; new ones follow. `None` if a stored one is gone.
    fn numbered(&self, found: Vec<Sighted>, story: &Story) -> Option<Vec<Sighted>> {
        let IncrementalScan {
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

    /// Combines the records of the ledger with those of this scan.
    fn noted(&self, texts: &UpdatedTexts) -> Vec<ObjectRecord> {
        let IncrementalScan {
            detector, options, ..
        } = *self.update;
        let found = [
            &texts.scanned.found[..],
            &texts.rescanned.collector.sighted(),
        ]
        .concat();
        let old = texts.noted.iter().map(|entry| (entry.node, entry.clone()));
        let mut noted: BTreeMap<Node, ObjectRecord> = old.collect();
        let key = &options.fingerprint_key;
        note(&mut noted, &found, &Some, detector.rules(), key);
        add_remarks(&mut noted, &texts.remarks, &texts.pointers, &Some);
        noted.into_values().collect()
    }
}

/// Returns the number in `all` of each object of `part`; `None` if one is missing.
fn numbers_of(part: &ObjectStore, all: &Ids) -> Option<Vec<Node>> {
    let mut numbers = vec![Node::NONE; part.node_count() as usize];
    let mut finder = Finder::new(all);
    for node in part.nodes_by_id() {
        numbers[node.index()] = finder.find(&part.id(node))?;
    }
    for node in part.nodes().filter(|&node| part.is_duplicate(node)) {
        numbers[node.index()] = all.find(&part.id(node))?;
    }
    Some(numbers)
}

/// How many objects of each kind there are.
fn tallies(facts: &[ObjectFact]) -> Vec<(ObjectKind, Tally)> {
    let mut all: BTreeMap<ObjectKind, Tally> = ObjectKind::ALL
        .into_iter()
        .map(|kind| (kind, Tally::default()))
        .collect();
    for fact in facts {
        let tally = all.entry(fact.kind()).or_default();
        tally.objects += 1;
        tally.bytes += fact.size();
    }
    all.into_iter().collect()
}
