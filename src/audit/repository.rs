//! The main job: scans a whole repository and tells the story of every secret in it.

use std::path::Path;

use gix::ObjectId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{self, Names};
use super::neighbours::Neighbours;
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpt, finding, put_in_order, wanted};
use crate::attribution::commits::{CommitCollector, CommitGraph};
use crate::attribution::refs::Tips;
use crate::attribution::{self, Places};
use crate::detect::Detector;
use crate::error::Result;
use crate::finding::{Finding, History};
use crate::odb::bundle;
use crate::odb::lfs::Pointer;
use crate::odb::read::Reader;
use crate::odb::repository::{Overrides, Repository};
use crate::odb::walk::STREAMED_FROM;
use crate::odb::{Node, ObjectStore};
use crate::progress::Progress;
use crate::scan::collect::{self, Collector};
use crate::scan::lfs::BehindPointers;
use crate::scan::{Sighted, history, lfs};

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
    let store = repo.open_store(overrides, options.limits)?;
    let shallow = repo.shallow_boundary()?;
    let source = Source {
        scope: Scope::Repository,
        store: &store,
        shallow: &shallow,
        common_dir: Some(repo.common_dir()),
        worktree: repo.git().workdir(),
    };
    let mut tips = || {
        let mut tips = Tips::read(repo);
        tips.skipped.extend(repo.unknown_extensions());
        tips
    };
    Ok(source.audit(&mut tips, detector, options, progress))
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
    let source = Source {
        scope: Scope::Bundle,
        store: &bundle.store,
        shallow: &[],
        common_dir: None,
        worktree: None,
    };
    let mut tips = || Tips::of(&bundle.refs, bundle.store.hash(), bundle.skipped.clone());
    let mut audit = source.audit(&mut tips, detector, options, progress);
    audit.coverage.prerequisites = bundle.prerequisites.len();
    Ok(audit)
}

/// Where objects come from.
struct Source<'a> {
    scope: Scope,
    store: &'a ObjectStore,
    /// Commits at which history is cut off.
    shallow: &'a [ObjectId],
    /// Where Git LFS keeps files.
    common_dir: Option<&'a Path>,
    worktree: Option<&'a Path>,
}

/// What stands beside the objects.
struct Beside<'a> {
    tips: &'a Tips,
    names: Names<'a>,
    lfs: BehindPointers,
}

impl Source<'_> {
    fn audit(
        &self,
        tips: &mut dyn FnMut() -> Tips,
        detector: &Detector,
        options: &AuditOptions,
        progress: &Progress,
    ) -> Audit {
        let store = self.store;
        progress.expect(u64::from(store.node_count()), store.stored_bytes());
        let mut scanned = history::scan(store, detector, options.scan, progress, &|| {
            CommitCollector::new(store.hash())
        });
        let graph = CommitGraph::new(store, std::mem::take(&mut scanned.observers));
        // Refs are read after the objects: what they name then is there.
        let tips = tips();
        let mut lfs = self.behind(&scanned.pointers, detector, options);
        let found = vec![
            Collector::with(std::mem::take(&mut scanned.found)),
            std::mem::take(&mut lfs.collector),
        ];
        let found = collect::merge(found, detector.rules());
        let targets = found_in(&found);
        let judge = names::judge(detector);
        let trees =
            attribution::read_trees(store, &targets, &FxHashSet::default(), &judge, progress);
        let mut names = Names::new(store, &trees.links, &tips);
        if let (Some(wanted), Some(root)) = (options.worktree, self.worktree) {
            names.add_worktree(root, store, wanted, detector, options);
        }
        let (found, allowed_names) = names.scan(found, detector, options.scan);
        let (found, below) = wanted(found, detector, options);
        let neighbours = Neighbours::of(found.iter().chain(&below), &|node| store.id(node));
        let places: Vec<Places> = found.iter().map(places).collect();
        let history = attribution::Sources {
            store,
            graph: &graph,
            tips: &tips,
            shallow: self.shallow,
            links: &trees.links,
        };
        let attributed = attribution::attribute(&history, &places, &names.named(&found));
        let findings = self.findings(
            found,
            attributed.histories,
            &names,
            &neighbours,
            detector,
            options,
        );
        let mut coverage = self.coverage(&Beside {
            tips: &tips,
            names,
            lfs,
        });
        coverage.submodules = trees.links.submodules;
        coverage.allowed_inline += scanned.allowed + allowed_names;
        coverage.below_confidence = below.len();
        coverage.unopened.append(&mut scanned.unopened);
        coverage.count(scanned.tallies.into_iter().chain(trees.tallies));
        // What a bundle's receiver has already is not part of the bundle.
        let is_whole = self.scope == Scope::Repository;
        let missing = attributed.missing.into_iter().filter(|_| is_whole);
        let unread = [scanned.skipped, trees.skipped, attributed.skipped];
        coverage.count_skipped(unread.into_iter().flatten().chain(missing));
        Audit {
            scope: self.scope,
            findings,
            coverage,
        }
    }

    /// Scans what Git LFS keeps behind `pointers`.
    fn behind(
        &self,
        pointers: &[(Node, Pointer)],
        detector: &Detector,
        options: &AuditOptions,
    ) -> BehindPointers {
        let Some(dir) = self.common_dir else {
            return BehindPointers::default();
        };
        lfs::scan(pointers, dir, options.limits, detector, options.scan)
    }

    fn findings(
        &self,
        found: Vec<Sighted>,
        histories: Vec<History>,
        names: &Names<'_>,
        neighbours: &Neighbours,
        detector: &Detector,
        options: &AuditOptions,
    ) -> Vec<Finding> {
        // The line of a secret in a huge file is not worth its memory.
        let mut reader = Reader::new(self.store).with_limit(STREAMED_FROM);
        let mut findings: Vec<Finding> = found
            .into_iter()
            .zip(histories)
            .map(|(sighted, history)| {
                let id_of = |node| self.store.id(node);
                let mut finding = finding(&id_of, detector, options, &sighted, Some(history));
                names.tell(&sighted, &mut finding);
                finding.excerpt = excerpt(&finding, neighbours, &mut |found, bytes| {
                    reader.read_id(&found.object_id, bytes).is_ok()
                });
                finding
            })
            .collect();
        put_in_order(&mut findings);
        findings
    }

    /// What is known of the store and of what stands beside the objects.
    fn coverage(&self, beside: &Beside<'_>) -> CoverageBlock {
        let mut skipped = self.store.skipped().to_vec();
        skipped.extend(beside.tips.skipped.iter().cloned());
        skipped.extend(beside.names.skipped.iter().cloned());
        skipped.extend(beside.lfs.skipped.iter().cloned());
        let unopened = beside.names.unopened.iter().chain(&beside.lfs.unopened);
        CoverageBlock {
            packs: self.store.packs().len(),
            loose: self.store.loose().len(),
            alternates: self.store.dirs().len() - 1,
            shallow: self.shallow.len(),
            allowed_inline: beside.lfs.allowed,
            lfs_read: beside.lfs.read,
            lfs_missing: beside.lfs.missing,
            worktree: beside.names.worktree_files(),
            unopened: unopened.cloned().collect(),
            skipped,
            ..CoverageBlock::default()
        }
    }
}

/// The objects that hold something.
fn found_in(found: &[Sighted]) -> FxHashSet<Node> {
    let sightings = found.iter().flat_map(|sighted| &sighted.sightings);
    sightings.map(|sighting| sighting.node).collect()
}

fn places(sighted: &Sighted) -> Places {
    let mut places: Places = FxHashMap::default();
    for sighting in &sighted.sightings {
        let spot = || sighting.spot.clone();
        places.entry(sighting.node).or_insert_with(spot);
    }
    places
}
