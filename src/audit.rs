//! The main job: scans a whole repository and tells the story of every secret in it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::attribution::commits::{CommitCollector, CommitGraph};
use crate::attribution::refs::Tips;
use crate::attribution::{self, Places};
use crate::detect::Detector;
use crate::error::Result;
use crate::finding::{Excerpt, Finding, Fingerprint, History, Occurrence};
use crate::odb::read::Reader;
use crate::odb::repository::{Overrides, Repository};
use crate::odb::{Limits, ObjectKind, ObjectStore, Skipped};
use crate::progress::Progress;
use crate::rule::Confidence;
use crate::scan::{ScanOptions, Sighted, history};

/// How to audit.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// How to scan.
    pub scan: ScanOptions,
    /// What to read at most.
    pub limits: Limits,
    /// Findings below this are left out.
    pub min_confidence: Confidence,
    /// Whether keys that are meant to be public are reported.
    pub public_keys: PublicKeys,
    /// Key of the fingerprints.
    pub fingerprint_key: Vec<u8>,
}

/// Whether keys that are meant to be public are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeys {
    /// They are.
    Reported,
    /// They are not.
    LeftOut,
}

/// Objects of one kind: how many there are, how many were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Objects that were read.
    pub scanned: u64,
    /// Objects that were not.
    pub skipped: u64,
    /// Inflated bytes that were read.
    pub bytes: u64,
}

/// What was read, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageBlock {
    /// By kind; `Unknown` for what is not even known to be an object.
    pub kinds: BTreeMap<ObjectKind, Coverage>,
    /// Everything that should have been read and was not, sorted.
    pub skipped: Vec<Skipped>,
    /// Packs.
    pub packs: usize,
    /// Loose objects.
    pub loose: usize,
    /// Object directories beside the repository's own.
    pub alternates: usize,
    /// Commits at which a shallow clone ends.
    pub shallow: usize,
    /// Distinct submodule commits that are named; their repositories are not entered.
    pub submodules: usize,
    /// Matches that an inline marker allows.
    pub allowed_inline: u64,
    /// Findings below the asked confidence.
    pub below_confidence: usize,
}

impl CoverageBlock {
    /// Whether everything was read that belongs to the repository.
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty() && self.shallow == 0
    }
}

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: CoverageBlock,
}

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
    let mut skipped = store.skipped().to_vec();
    let hash = repo.hash();
    let scanned = history::scan(&store, detector, options.scan, progress, &|| {
        CommitCollector::new(hash)
    });
    let graph = CommitGraph::new(&store, scanned.observers);
    let tips = Tips::read(repo);
    let shallow = repo.shallow_boundary()?;
    let (found, below) = wanted(scanned.found, detector, options);
    let places: Vec<Places> = found.iter().map(places).collect();
    let attributed = attribution::attribute(&store, &graph, &tips, &shallow, &places, progress);
    skipped.extend(scanned.skipped);
    skipped.extend(tips.skipped);
    skipped.extend(attributed.skipped);
    skipped.sort_unstable();
    skipped.dedup();
    let mut kinds: BTreeMap<ObjectKind, Coverage> = BTreeMap::new();
    for (kind, tally) in scanned.tallies.into_iter().chain(attributed.tallies) {
        let coverage = kinds.entry(kind).or_default();
        coverage.scanned += tally.objects;
        coverage.bytes += tally.bytes;
    }
    for entry in &skipped {
        kinds.entry(entry.kind).or_default().skipped += 1;
    }
    let mut reader = Reader::new(&store);
    let mut findings: Vec<Finding> = found
        .into_iter()
        .zip(attributed.histories)
        .map(|(sighted, history)| {
            let mut finding = finding(&store, detector, options, sighted, history);
            finding.excerpt = excerpt(&mut reader, &finding);
            finding
        })
        .collect();
    findings.sort_by_cached_key(|finding| {
        (
            severity(finding),
            finding.rule_id.clone(),
            finding.fingerprint,
        )
    });
    Ok(Audit {
        findings,
        coverage: CoverageBlock {
            kinds,
            skipped,
            packs: store.packs().len(),
            loose: store.loose().len(),
            alternates: store.dirs().len() - 1,
            shallow: shallow.len(),
            submodules: attributed.submodules,
            allowed_inline: scanned.allowed,
            below_confidence: below,
        },
    })
}

/// Leaves out what was not asked for; also returns how many findings were below the confidence.
fn wanted(
    found: Vec<Sighted>,
    detector: &Detector,
    options: &AuditOptions,
) -> (Vec<Sighted>, usize) {
    let mut found = found;
    found.retain(|sighted| {
        options.public_keys == PublicKeys::Reported || !detector.rule(sighted.rule).public
    });
    let before = found.len();
    found.retain(|sighted| best(sighted).confidence >= options.min_confidence);
    let below = before - found.len();
    (found, below)
}

/// The sighting that speaks for the finding: the surest, then the first.
fn best(sighted: &Sighted) -> &crate::scan::Sighting {
    let surest = sighted
        .sightings
        .iter()
        .min_by_key(|s| (std::cmp::Reverse(s.confidence), s.node, s.span));
    surest.expect("a sighted secret has a sighting")
}

fn places(sighted: &Sighted) -> Places {
    let mut places: Places = FxHashMap::default();
    for sighting in &sighted.sightings {
        places.entry(sighting.node).or_insert(sighting.position);
    }
    places
}

/// Worst first: sure before unsure, published before local, still there before gone.
fn severity(finding: &Finding) -> (std::cmp::Reverse<Confidence>, bool, bool, bool) {
    let history = finding.history.as_ref();
    let is_local = history.is_none_or(|history| history.reach.remotes.is_empty());
    let is_gone = history.is_none_or(|history| !history.in_head);
    let is_unreachable = history.is_none_or(|history| !history.reach.by_ref());
    (
        std::cmp::Reverse(finding.confidence),
        is_local,
        is_gone,
        is_unreachable,
    )
}

fn finding(
    store: &ObjectStore,
    detector: &Detector,
    options: &AuditOptions,
    sighted: Sighted,
    history: History,
) -> Finding {
    let rule_id = detector.rule(sighted.rule).id.clone();
    let (confidence, reasons) = {
        let best = best(&sighted);
        (best.confidence, best.reasons)
    };
    let mut occurrences: Vec<Occurrence> = sighted
        .sightings
        .iter()
        .map(|sighting| Occurrence {
            kind: sighting.place,
            object_id: store.id(sighting.node),
            span: sighting.span,
            position: sighting.position,
        })
        .collect();
    occurrences.sort_unstable();
    Finding {
        fingerprint: Fingerprint::new(&options.fingerprint_key, &rule_id, &sighted.secret),
        rule_id,
        secret: sighted.secret,
        confidence,
        reasons,
        occurrences,
        excerpt: None,
        history: Some(history),
    }
}

/// The line of the first appearance, or of the first occurrence if no commit holds it.
fn excerpt(reader: &mut Reader<'_>, finding: &Finding) -> Option<Excerpt> {
    let first = finding
        .history
        .as_ref()
        .and_then(|history| history.first.as_ref());
    let found = match first {
        Some(first) => finding
            .occurrences
            .iter()
            .find(|o| o.object_id == first.object_id)?,
        None => finding.occurrences.first()?,
    };
    let mut bytes = Vec::new();
    reader.read_id(&found.object_id, &mut bytes).ok()?;
    Some(Excerpt::around(&bytes, found.span))
}
