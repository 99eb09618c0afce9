//! The main job: scans a whole repository and determines the history of every secret in it.

use std::path::Path;

use gix::ObjectId;
use rustc_hash::FxHashSet;

use super::names::{self, FileScan, SideTexts};
use super::steps::{Finish, add_noted, places, sighted_in, tips_of};
use super::{Audit, AuditOptions, CoverageBlock, Scope, gitdir};
use crate::audit::merge::{Together, together};
use crate::audit::update;
use crate::detect::Detector;
use crate::error::Result;
use crate::git::lfs::Pointer;
use crate::git::repository::{Overrides, Repository};
use crate::git::stamp::StoreFiles;
use crate::history;
use crate::history::commits::{CommitCollector, CommitGraph};
use crate::history::tips::Tips;
use crate::history::trees::TreeLinks;
use crate::history::{Attributed, FindingsOfNames, Places, Trace, TreesRead};
use crate::memory::forks::Forks;
use crate::memory::learn::{KnownObjects, Learned, LedgerChange, Memory, Results};
use crate::memory::record::{NameFinder, Telling};
use crate::memory::{Digest, Ledger, ObjectFact, learn, record};
use crate::odb::{Node, ObjectKind, ObjectStore, Skipped, bundle};
use crate::progress::Progress;
use crate::scan::collect::Collector;
use crate::scan::lfs::BehindPointers;
use crate::scan::objects::{ObjectSelection, Scanned, Seen};
use crate::scan::{Sighted, lfs, objects};

/// Audits `repo`.
///
/// # Errors
/// `Repository` if there is no object store. What cannot be read is no error: see
/// [`CoverageBlock::skipped`].
pub fn audit(
    repo: &Repository,
    overrides: &Overrides,
    detector: &Detector,
    options: &AuditOptions,
    progress: &Progress,
) -> Result<Audit> {
    Ok(whole(repo, overrides, detector, options, progress, None)?.0)
}

/// Audits `repo` incrementally: objects that earlier scans have read are not read again.
///
/// # Errors
/// As [`audit`].
pub fn audit_again(
    repo: &Repository,
    detector: &Detector,
    options: &AuditOptions,
    progress: &Progress,
    mut memory: Memory,
) -> Result<(Audit, Learned)> {
    let dirs = repo.object_dirs()?.into_iter();
    let dirs = dirs.map(|dir| dir.canonicalize().unwrap_or(dir)).collect();
    // Listed before anything is read: what comes later counts as new the next time.
    let files = StoreFiles::of(dirs, repo.hash()).ok();
    let is_usable = |ledger: &Ledger| {
        let is_intact = |files: &StoreFiles| {
            let story = ledger.story.as_ref();
            story.is_none_or(|story| learn::is_intact(story, files))
        };
        ledger.scanner == memory.scanner
            && ledger.ids.hash() == repo.hash()
            && files.as_ref().is_some_and(is_intact)
    };
    memory.before = memory.before.filter(is_usable);
    if !memory.forks.all().all(|ledger| is_usable(ledger)) {
        memory.forks = Forks::default();
    }
    let own = memory.before.iter().map(|ledger| (ledger, true));
    let stories = memory.forks.stories().map(|ledger| (&**ledger, false));
    for (before, is_own) in own.chain(stories) {
        let Some(files) = &files else { break };
        let update = update::IncrementalScan {
            repo,
            files,
            detector,
            options,
            progress,
            before,
            is_own,
            forks: &memory.forks,
            choice: memory.choice,
        };
        let Some(news) = update.news() else { continue };
        match update.run(news)? {
            Some(updated) => return Ok(updated),
            // A ledger of a different scan would not fit it either.
            None => break,
        }
    }
    let work = Work {
        files,
        scanner: memory.scanner,
        choice: memory.choice,
        before: memory.known(),
    };
    let overrides = Overrides::default();
    whole(repo, &overrides, detector, options, progress, Some(work))
}

fn whole(
    repo: &Repository,
    overrides: &Overrides,
    detector: &Detector,
    options: &AuditOptions,
    progress: &Progress,
    work: Option<Work>,
) -> Result<(Audit, Learned)> {
    let store = repo.open_store(overrides, options.limits)?;
    let shallow = repo.shallow_boundary()?;
    let source = ObjectSource {
        scope: Scope::Repository,
        store: &store,
        shallow: &shallow,
        repo: Some(repo),
    };
    let mut tips = || tips_of(repo);
    Ok(source.audit(&mut tips, detector, options, progress, work.as_ref()))
}

/// The ledgers that an incremental scan starts from.
struct Work {
    before: Option<Ledger>,
    files: Option<StoreFiles>,
    scanner: Digest,
    choice: Digest,
}

impl Work {
    /// The same without the ledgers.
    fn afresh(&self) -> Self {
        Self {
            before: None,
            files: self.files.clone(),
            ..*self
        }
    }
}

/// Audits the bundle at `path`.
///
/// # Errors
/// `Corrupt` if it is none, `Io` if it cannot be read or unpacked.
pub fn audit_bundle(
    path: &Path,
    detector: &Detector,
    options: &AuditOptions,
    progress: &Progress,
) -> Result<Audit> {
    let bundle = bundle::open(path, options.limits)?;
    let source = ObjectSource {
        scope: Scope::Bundle,
        store: &bundle.store,
        shallow: &[],
        repo: None,
    };
    let mut tips = || Tips::of(&bundle.refs, bundle.store.hash(), bundle.skipped.clone());
    let (mut audit, _) = source.audit(&mut tips, detector, options, progress, None);
    audit.coverage.prerequisites = bundle.prerequisites.len();
    Ok(audit)
}

/// Where objects come from.
struct ObjectSource<'a> {
    scope: Scope,
    store: &'a ObjectStore,
    /// Commits at which history is cut off.
    shallow: &'a [ObjectId],
    /// The repository, if it is one.
    repo: Option<&'a Repository>,
}

/// The parts of a scan from which the next ledger is made.
struct FullScan<'a> {
    detector: &'a Detector,
    options: &'a AuditOptions,
    known: Option<&'a KnownObjects<'a>>,
    scanned: &'a Scanned<CommitCollector>,
    trees: &'a TreesRead,
    graph: &'a CommitGraph,
    trace: &'a Trace,
    found: &'a [Sighted],
}

impl FullScan<'_> {
    /// Whether anything could not be read, rather than not in full.
    fn is_damaged(&self) -> bool {
        self.scanned.is_damaged
            || !self.trees.skipped.is_empty()
            || !self.trees.links.damaged.is_empty()
            || !self.graph.damaged.is_empty()
    }
}

/// Text outside of the objects: names, reflogs, files, and Git LFS files.
struct SideStores<'a> {
    tips: &'a Tips,
    names: SideTexts<'a>,
    lfs: BehindPointers,
    /// Matches in names that a marker allows.
    allowed_names: u64,
    below_confidence: usize,
}

impl ObjectSource<'_> {
    fn audit(
        &self,
        tips: &mut dyn FnMut() -> Tips,
        detector: &Detector,
        options: &AuditOptions,
        progress: &Progress,
        work: Option<&Work>,
    ) -> (Audit, Learned) {
        let store = self.store;
        progress.expect(u64::from(store.node_count()), store.stored_bytes());
        let before = work.and_then(|work| work.before.as_ref());
        let known =
            before.map(|before| KnownObjects::of(store, before, detector, options.scan, progress));
        let noted = known.as_ref().map(KnownObjects::noted).unwrap_or_default();
        let mut scanned = self.scan(detector, options, known.as_ref(), work.is_some(), progress);
        add_noted(&mut scanned, &noted);
        let graph = CommitGraph::new(store, std::mem::take(&mut scanned.observers));
        // Refs are read after the objects: what they name then is there.
        let tips = tips();
        let lfs = self.behind(&scanned.pointers, detector, options);
        let targets = sighted_in(&scanned.found, &lfs, &noted);
        let (judge, none) = (names::judge(detector), FxHashSet::default());
        let trees = history::read_trees(store, &targets, &none, &judge, progress);
        let names = self.names(&trees.links, &tips, &scanned.pointers, (detector, options));
        let (in_names, allowed_names) = names.scan(detector, options.scan);
        let found = match work {
            Some(_) => scanned.found.clone(),
            None => std::mem::take(&mut scanned.found),
        };
        let collectors = vec![Collector::with(found), lfs.collector.clone(), in_names];
        let Some(Together { found, below }) =
            together(collectors, &noted, store, detector, options)
        else {
            // The ledger contradicts the repository, so none of it is used.
            let afresh = work.map(Work::afresh);
            let mut tips = || tips.clone();
            return self.audit(&mut tips, detector, options, progress, afresh.as_ref());
        };
        let places: Vec<Places> = found.iter().map(places).collect();
        let links = (&trees.links, &names.named(&found));
        let (trace, attributed) = self.attribute(&graph, &tips, links, &places);
        let scan = FullScan {
            detector,
            options,
            known: known.as_ref(),
            scanned: &scanned,
            trees: &trees,
            graph: &graph,
            trace: &trace,
            found: &found,
        };
        let learned = work.map(|work| self.learn(work, &scan)).unwrap_or_default();
        let finish = Finish::new(store, detector, options, &names);
        let done = finish.findings(Together { found, below }, attributed.histories);
        let mut coverage = self.coverage(&SideStores {
            tips: &tips,
            names,
            lfs,
            allowed_names,
            below_confidence: done.below_confidence,
        });
        let missing = [attributed.skipped, attributed.missing, done.unread].concat();
        self.count(&mut coverage, scanned, trees, &graph, missing);
        let audit = Audit {
            scope: self.scope,
            findings: done.findings,
            hidden: done.hidden,
            coverage,
        };
        (audit, learned)
    }

    fn attribute(
        &self,
        graph: &CommitGraph,
        tips: &Tips,
        (links, named): (&TreeLinks, &FindingsOfNames),
        places: &[Places],
    ) -> (Trace, Attributed) {
        let trace = history::trace(self.store, graph, links, places, named);
        let mut attributed = history::attribute(
            &history::Sources {
                objects: self.store,
                graph,
                tips,
                shallow: self.shallow,
                trace: &trace,
                links: Some(links),
            },
            places,
        );
        // A bundle does not contain objects that its receiver already has.
        if self.scope != Scope::Repository {
            attributed.missing.clear();
        }
        (trace, attributed)
    }

    /// What stands beside the objects, with the files of the worktree and of the git directory if they
    /// are wanted.
    fn names<'n>(
        &self,
        links: &'n TreeLinks,
        tips: &'n Tips,
        pointers: &[(Node, Pointer)],
        (detector, options): (&Detector, &AuditOptions),
    ) -> SideTexts<'n> {
        let store = self.store;
        let with = FileScan {
            objects: store,
            detector,
            options,
        };
        let marked = links.marked.iter();
        let marked = marked.map(|&(name, tree)| (name, links.name(name), store.id(tree)));
        let mut names = SideTexts::new(marked.collect(), tips);
        let Some(repo) = self.repo else {
            return names;
        };
        if let (Some(wanted), Some(root)) = (options.worktree, repo.git().workdir()) {
            names.add_worktree(root, wanted, &with);
        }
        let behind = pointers
            .iter()
            .map(|(_, pointer)| pointer.path(repo.common_dir()));
        gitdir::add(&mut names, repo, &behind.collect(), &with);
        names
    }

    /// Adds what was read of objects, and what was not.
    fn count(
        &self,
        coverage: &mut CoverageBlock,
        scanned: Scanned<CommitCollector>,
        trees: TreesRead,
        graph: &CommitGraph,
        missing: Vec<Skipped>,
    ) {
        coverage.submodules = trees.links.submodules.len();
        coverage.allowed_inline += scanned.allowed;
        coverage.unopened.extend(scanned.unopened);
        coverage.count(scanned.tallies.into_iter().chain(trees.tallies));
        let damaged = [&trees.links.damaged[..], &graph.damaged].concat();
        let damaged = history::damaged(self.store, &damaged);
        let unread = [scanned.skipped, trees.skipped, missing, damaged];
        coverage.count_skipped(unread.into_iter().flatten());
    }

    /// Scans all objects that are not known; counts those that are.
    fn scan(
        &self,
        detector: &Detector,
        options: &AuditOptions,
        known: Option<&KnownObjects<'_>>,
        is_logged: bool,
        progress: &Progress,
    ) -> Scanned<CommitCollector> {
        let store = self.store;
        let observe = || CommitCollector::new(store.hash());
        let is_new = |node: Node| known.is_none_or(|known| !known.is_known(node));
        // The history needs all commits and tags.
        let is_history = |node: Node| {
            let fact = known.and_then(|known| known.fact(node));
            let kind = fact.map(ObjectFact::kind);
            matches!(kind, Some(ObjectKind::Commit | ObjectKind::Tag))
        };
        let visit = |node: Node| is_new(node) || is_history(node);
        let selection = known.map(|_| ObjectSelection {
            scan: &is_new,
            visit: &visit,
        });
        let scan = options.scan;
        let mut scanned = objects::scan_some(
            store, detector, scan, selection, is_logged, progress, &observe,
        );
        if let Some(known) = known {
            let visited: FxHashSet<Node> = scanned.seen.iter().map(|seen| seen.node).collect();
            for node in store.nodes().filter(|node| !visited.contains(node)) {
                // Trees are counted where they are read.
                let fact = known
                    .fact(node)
                    .filter(|fact| fact.kind() != ObjectKind::Tree);
                let Some(fact) = fact else { continue };
                let mut tallies = scanned.tallies.iter_mut();
                if let Some((_, tally)) = tallies.find(|(kind, _)| *kind == fact.kind()) {
                    tally.objects += 1;
                    tally.bytes += fact.size();
                }
            }
        }
        scanned
    }

    /// What is kept for the next scan.
    fn learn(&self, work: &Work, scan: &FullScan<'_>) -> Learned {
        let store = self.store;
        if scan.is_damaged() || !store.skipped().is_empty() {
            return Learned {
                read: scan.scanned.seen.len() as u64,
                ..Learned::default()
            };
        }
        let results = Results {
            store,
            detector: scan.detector,
            key: &scan.options.fingerprint_key,
            known: scan.known,
            seen: &scan.scanned.seen,
            trees: &scan.trees.seen,
            found: &scan.scanned.found,
            remarks: &scan.scanned.remarks,
            pointers: &scan.scanned.pointers,
        };
        let (mut ledger, of_node) = results.ledger(work.scanner);
        let place = |node: Node| {
            let place = of_node.get(node.index()).copied();
            place.filter(|&node| node != Node::NONE)
        };
        let links = &scan.trees.links;
        let homes = record::homes(scan.trace, links);
        let finder = NameFinder::new(store, &homes);
        let files = work.files.as_ref().filter(|files| files.are_of(store));
        let story = files.and_then(|files| {
            let telling = Telling {
                files,
                choice: work.choice,
                ids: &ledger.ids,
                graph: scan.graph,
                trace: scan.trace,
                found: scan.found,
                rules: scan.detector.rules(),
                key: &scan.options.fingerprint_key,
                name_of: &|name| Some(links.name(name).to_vec()),
                name_at: &|name| {
                    let mut at = finder.find(name, links.name(name))?;
                    at.tree = place(at.tree)?;
                    Some(at)
                },
                marked: &links.marked,
                submodules: &links.submodules,
            };
            telling.story(&place)
        });
        ledger.story = story;
        let read = |seen: &&Seen| scan.known.is_none_or(|known| !known.is_known(seen.node));
        let read = scan.scanned.seen.iter().filter(read).count();
        Learned {
            read: read as u64,
            known: (ledger.ids.len() - read) as u64,
            ledger: LedgerChange::New(Box::new(ledger)),
        }
    }

    /// Scans what Git LFS keeps behind `pointers`.
    fn behind(
        &self,
        pointers: &[(Node, Pointer)],
        detector: &Detector,
        options: &AuditOptions,
    ) -> BehindPointers {
        let Some(repo) = self.repo else {
            return BehindPointers::default();
        };
        let dir = repo.common_dir();
        lfs::scan(pointers, dir, options.limits, detector, options.scan)
    }

    /// What is known of the store and of what stands beside the objects.
    fn coverage(&self, beside: &SideStores<'_>) -> CoverageBlock {
        let mut skipped = self.store.skipped().to_vec();
        skipped.extend(beside.tips.skipped.iter().cloned());
        skipped.extend(beside.names.skipped.iter().cloned());
        skipped.extend(beside.lfs.skipped.iter().cloned());
        let mut coverage = beside.names.coverage();
        coverage
            .unopened
            .extend(beside.lfs.unopened.iter().cloned());
        CoverageBlock {
            packs: self.store.packs().len(),
            loose: self.store.loose().len(),
            alternates: self.store.dirs().len() - 1,
            shallow: self.shallow.len(),
            allowed_inline: beside.lfs.allowed + beside.allowed_names,
            below_confidence: beside.below_confidence,
            lfs_read: beside.lfs.read,
            lfs_missing: beside.lfs.missing,
            skipped,
            ..coverage
        }
    }
}
