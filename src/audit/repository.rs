//! The main job: scans a whole repository and tells the story of every secret in it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{self, Names};
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpt, finding, put_in_order, wanted};
use crate::attribution::commits::{CommitCollector, CommitGraph};
use crate::attribution::refs::Tips;
use crate::attribution::{self, Places};
use crate::detect::Detector;
use crate::error::Result;
use crate::finding::Finding;
use crate::odb::Node;
use crate::odb::read::Reader;
use crate::odb::repository::{Overrides, Repository};
use crate::progress::Progress;
use crate::scan::collect::{self, Collector};
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
    progress.expect(u64::from(store.node_count()), store.stored_bytes());
    let hash = repo.hash();
    let scanned = history::scan(&store, detector, options.scan, progress, &|| {
        CommitCollector::new(hash)
    });
    let graph = CommitGraph::new(&store, scanned.observers);
    let tips = Tips::read(repo);
    let shallow = repo.shallow_boundary()?;
    let lfs = lfs::scan(
        &scanned.pointers,
        repo.common_dir(),
        options.limits,
        detector,
        options.scan,
    );
    let found = vec![Collector::with(scanned.found), lfs.collector];
    let found = collect::merge(found, detector.rules());
    let targets = found_in(&found);
    let judge = names::judge(detector);
    let trees = attribution::read_trees(&store, &targets, &judge, progress);
    let mut names = Names::new(&store, &trees.links, &tips);
    if let (Some(wanted), Some(root)) = (options.worktree, repo.git().workdir()) {
        names.add_worktree(root, &store, wanted, detector, options);
    }
    let (found, allowed_names) = names.scan(found, detector, options.scan);
    let (found, below_confidence) = wanted(found, detector, options);
    let places: Vec<Places> = found.iter().map(places).collect();
    let (links, named) = (&trees.links, names.named(&found));
    let attributed =
        attribution::attribute(&store, &graph, &tips, &shallow, links, &places, &named);
    let mut reader = Reader::new(&store);
    let mut findings: Vec<Finding> = found
        .into_iter()
        .zip(attributed.histories)
        .map(|(sighted, history)| {
            let id_of = |node| store.id(node);
            let mut finding = finding(&id_of, detector, options, &sighted, Some(history));
            names.tell(&sighted, &mut finding);
            finding.excerpt = excerpt(&finding, &mut |found, bytes| {
                reader.read_id(&found.object_id, bytes).is_ok()
            });
            finding
        })
        .collect();
    put_in_order(&mut findings);
    let mut coverage = CoverageBlock {
        packs: store.packs().len(),
        loose: store.loose().len(),
        alternates: store.dirs().len() - 1,
        shallow: shallow.len(),
        submodules: trees.links.submodules,
        allowed_inline: scanned.allowed + allowed_names + lfs.allowed,
        lfs_read: lfs.read,
        lfs_missing: lfs.missing,
        unopened: scanned.unopened,
        worktree: names.worktree_files(),
        below_confidence,
        ..CoverageBlock::default()
    };
    coverage.count(scanned.tallies.into_iter().chain(trees.tallies));
    let mut skipped = store.skipped().to_vec();
    skipped.extend(scanned.skipped);
    coverage.unopened.append(&mut names.unopened);
    coverage.unopened.extend(lfs.unopened);
    skipped.extend(lfs.skipped);
    skipped.append(&mut names.skipped);
    skipped.extend(tips.skipped.iter().cloned());
    skipped.extend(trees.skipped);
    skipped.extend(attributed.skipped);
    coverage.count_skipped(skipped);
    Ok(Audit {
        scope: Scope::Repository,
        findings,
        coverage,
    })
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
