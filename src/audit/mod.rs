//! The jobs: a whole repository with the story of every secret in it, what is staged, a range of
//! commits, or one text.
//!
//! ```text
//! named, neighbours, order, pairs < excerpts < mod < names < gitdir, merge < steps < update < repository, part
//! presence; mod < changes, files, text
//! ```

pub mod changes;
mod excerpts;
pub mod files;
mod gitdir;
mod merge;
mod named;
mod names;
mod neighbours;
mod order;
mod pairs;
pub mod part;
pub mod presence;
pub mod repository;
mod steps;
pub mod text;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BString;
use serde::{Deserialize, Serialize};

use crate::detect::Detector;
use crate::detect::score::{Reason, Reasons};
use crate::finding::{Companion, Finding, Fingerprint, History, Occurrence, Suppressed};
use crate::odb::walk::Tally;
use crate::odb::{Limits, Node, ObjectKind, Skipped};
use crate::path_class::{PathClass, is_recipe};
use crate::rule::Confidence;
use crate::scan::files::Wanted;
use crate::scan::{ScanOptions, Sighted};
use order::put_in_order;

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
    /// Which files of the worktree are scanned with a repository; none without a choice.
    pub worktree: Option<Wanted>,
    /// Whether the files of the git directory are scanned with a repository.
    pub git_dir: GitDirFiles,
    /// Key of the fingerprints.
    pub fingerprint_key: Vec<u8>,
}

/// What is done with files of the git directory that no scan needs: configuration, messages, state of a
/// rebase, hooks, other stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitDirFiles {
    /// They are read, with the objects of submodules and the files of linked worktrees.
    Read,
    /// The report names them as not read.
    Named,
}

/// Whether keys that are meant to be public are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeys {
    /// They are.
    Reported,
    /// They are not.
    LeftOut,
}

/// What was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every object of a repository.
    Repository,
    /// What the index has and HEAD has not.
    Staged,
    /// What some commits bring in.
    Range,
    /// One text that is in no repository.
    Text,
    /// Files that need not be in a repository.
    Files,
    /// Every object of a bundle.
    Bundle,
    /// Some objects of a repository.
    Objects,
}

impl Scope {
    /// Whether what was found stands in commits.
    pub fn has_commits(self) -> bool {
        matches!(self, Self::Repository | Self::Range | Self::Bundle)
    }

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Staged => "staged",
            Self::Range => "range",
            Self::Text => "text",
            Self::Files => "files",
            Self::Bundle => "bundle",
            Self::Objects => "objects",
        }
    }
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
    /// Archives, and members of them, that nobody can open, sorted: damaged or locked by a password.
    /// Their bytes were read like those of any file.
    pub unopened: Vec<Skipped>,
    /// Packs.
    pub packs: usize,
    /// Loose objects.
    pub loose: usize,
    /// Object directories beside the repository's own.
    pub alternates: usize,
    /// Commits at which a shallow clone ends.
    pub shallow: usize,
    /// Commits that the receiver of a bundle must have: what they hold is not in it.
    pub prerequisites: usize,
    /// Files of the worktree that are modified or untracked, and were read.
    pub worktree: usize,
    /// Files of the git directory beside objects, refs and indexes that were read.
    pub git_dir: usize,
    /// The same that were not read, sorted: all, or links.
    pub git_dir_unread: Vec<BString>,
    /// Files that Git LFS keeps, read.
    pub lfs_read: usize,
    /// Files that Git LFS keeps and that are not here: like submodules, they are not part of what
    /// git itself holds.
    pub lfs_missing: usize,
    /// Distinct submodule commits that are named; their repositories are not entered.
    pub submodules: usize,
    /// Matches that an inline marker allows.
    pub allowed_inline: u64,
    /// Findings below the asked confidence.
    pub below_confidence: usize,
    /// Findings that people know and accept.
    pub suppressed: Vec<Suppressed>,
    /// Findings that filters leave out.
    pub filtered: usize,
    /// The filters that were asked for, as on the command line.
    pub filters: Vec<String>,
    /// Files and directories that were left out by name, and not read.
    pub excluded: usize,
    /// Pipes, sockets and devices that were met in directories, and not read.
    pub special: Vec<BString>,
    /// Rules that are switched off, by id, sorted.
    pub rules_off: Vec<String>,
}

impl CoverageBlock {
    /// Whether everything was read that belongs to what was scanned.
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty() && self.shallow == 0
    }

    /// Adds what was read.
    fn count(&mut self, tallies: impl IntoIterator<Item = (ObjectKind, Tally)>) {
        for (kind, tally) in tallies {
            let coverage = self.kinds.entry(kind).or_default();
            coverage.scanned += tally.objects;
            coverage.bytes += tally.bytes;
        }
    }

    /// Adds what was not read. To be called once.
    fn count_skipped(&mut self, skipped: impl IntoIterator<Item = Skipped>) {
        self.skipped.extend(skipped);
        self.skipped.sort_unstable();
        self.skipped.dedup();
        // Threads find them in any order.
        self.unopened.sort_unstable();
        for entry in &self.skipped {
            self.kinds.entry(entry.kind).or_default().skipped += 1;
        }
    }
}

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// What was scanned.
    pub scope: Scope,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// Findings that are not reported: suppressed, left out by filters, or of medium confidence where only
    /// high was asked for. No report may show their secrets either.
    pub hidden: Vec<Finding>,
    /// What was read.
    pub coverage: CoverageBlock,
}

/// Leaves out what was not asked for, and puts together what belongs together; also returns what is
/// below the confidence.
fn wanted(
    found: Vec<Sighted>,
    detector: &Detector,
    options: &AuditOptions,
) -> (Vec<Sighted>, Vec<Sighted>) {
    let (found, below) = chosen(found, detector, options);
    (pairs::join(found, detector), below)
}

/// Leaves out what was not asked for; also returns what is below the confidence.
fn chosen(
    mut found: Vec<Sighted>,
    detector: &Detector,
    options: &AuditOptions,
) -> (Vec<Sighted>, Vec<Sighted>) {
    found.retain(|sighted| {
        options.public_keys == PublicKeys::Reported || !detector.rule(sighted.rule).public
    });
    // What only a path can tell is judged when the paths are known.
    found.into_iter().partition(|sighted| {
        surest(sighted) >= options.min_confidence || detector.rule(sighted.rule).needs_path()
    })
}

fn surest(sighted: &Sighted) -> Confidence {
    let in_objects = sighted.sightings.iter().map(|s| s.confidence);
    let elsewhere = sighted.elsewhere.iter().map(|s| s.confidence);
    let surest = in_objects.chain(elsewhere).max();
    surest.expect("a sighted secret has a sighting")
}

/// Confidence and reasons of the place that speaks for the finding: the surest, then the one in the
/// object of the lowest id, then the first there, then the first that is in no object.
fn best(sighted: &Sighted, id_of: &dyn Fn(Node) -> ObjectId) -> (Confidence, Reasons) {
    let confidence = surest(sighted);
    let in_objects = sighted.sightings.iter();
    let in_objects = in_objects.filter(|s| s.confidence == confidence);
    let in_objects = in_objects.min_by_key(|s| (id_of(s.node), s.span, &s.spot));
    let mut elsewhere = sighted.elsewhere.iter();
    let reasons = in_objects.map(|s| s.reasons).or_else(|| {
        let first = elsewhere.find(|s| s.confidence == confidence);
        first.map(|s| s.reasons)
    });
    (confidence, reasons.unwrap_or_default())
}

/// Lowers values without a shape that stand only where such values mean nothing: in lock files and
/// recipes, which list digests, and in translations, which list words. Drops what is a secret only in a
/// file whose name says so, and stands in none. Leaves out what is then below the asked confidence, and
/// returns how many these are.
fn heed_paths(findings: &mut Vec<Finding>, detector: &Detector, options: &AuditOptions) -> usize {
    named::keep(findings, detector);
    let before = findings.len();
    for finding in findings.iter_mut() {
        let rule = detector.rules().get(&finding.rule_id);
        if rule.is_none_or(|rule| !rule.is_generic() || rule.needs_path()) {
            continue;
        }
        let reasons = finding.reasons;
        let paths = finding
            .history
            .as_ref()
            .map_or(&[][..], |history| &history.paths);
        let all = |holds: &dyn Fn(&[u8]) -> bool| {
            !paths.is_empty() && paths.iter().all(|path| holds(path))
        };
        let is = |class: PathClass| move |path: &[u8]| PathClass::of(path) == class;
        let is_digest = reasons.contains(Reason::Digest);
        let is_lock = is(PathClass::LockFile);
        let lists_digests = |path: &[u8]| is_lock(path) || (is_digest && is_recipe(path));
        let reason = if all(&lists_digests) {
            Reason::LockFile
        } else if !reasons.contains(Reason::RandomValue) && all(&is(PathClass::Translation)) {
            Reason::Translation
        } else {
            continue;
        };
        finding.confidence = Confidence::Low;
        finding.reasons.add(reason);
    }
    findings.retain(|finding| finding.confidence >= options.min_confidence);
    before - findings.len()
}

fn finding(
    id_of: &dyn Fn(Node) -> ObjectId,
    detector: &Detector,
    options: &AuditOptions,
    sighted: &Sighted,
    history: Option<History>,
) -> Finding {
    let rule_id = detector.rule(sighted.rule).id.clone();
    let (confidence, reasons) = best(sighted, id_of);
    let with = sighted.with.iter().map(|part| {
        let rule_id = detector.rule(part.rule).id.clone();
        Companion {
            fingerprint: Fingerprint::new(&options.fingerprint_key, &rule_id, &part.secret),
            rule_id,
            secret: Arc::clone(&part.secret),
            occurrences: occurrences(id_of, part),
        }
    });
    Finding {
        fingerprint: Fingerprint::new(&options.fingerprint_key, &rule_id, &sighted.secret),
        rule_id,
        secret: Arc::clone(&sighted.secret),
        confidence,
        reasons,
        occurrences: occurrences(id_of, sighted),
        with: with.collect(),
        excerpt: None,
        history,
    }
}

fn occurrences(id_of: &dyn Fn(Node) -> ObjectId, sighted: &Sighted) -> Vec<Occurrence> {
    let found = sighted.sightings.iter().map(|sighting| Occurrence {
        object_id: id_of(sighting.node),
        span: sighting.span,
        spot: sighting.spot.clone(),
        name: BString::default(),
    });
    let mut occurrences: Vec<Occurrence> = found.collect();
    occurrences.sort_unstable_by(|a, b| (a.spot.place, a).cmp(&(b.spot.place, b)));
    occurrences
}
