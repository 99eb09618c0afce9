//! From sightings to findings: confidence, paths, ids and places of each secret.

use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BString;

use super::options::{AuditOptions, PublicKeys};
use super::{named, pairs, signed};
use crate::detect::score::{Reason, Reasons};
use crate::detect::{Detector, jwt};
use crate::finding::{Companion, Finding, Fingerprint, History, Occurrence};
use crate::odb::Node;
use crate::path_class::{PathClass, is_recipe};
use crate::rule::Confidence;
use crate::scan::Sighted;

/// Applies the minimum confidence, and joins secrets with their ids; also returns the secrets below the
/// minimum.
pub(super) fn wanted(
    mut found: Vec<Sighted>,
    detector: &Detector,
    options: &AuditOptions,
) -> (Vec<Sighted>, Vec<Sighted>) {
    signed::judge(&mut found);
    let (found, below) = chosen(found, detector, options);
    (pairs::join(found, detector), below)
}

/// Applies the minimum confidence; also returns the secrets below it.
pub(super) fn chosen(
    mut found: Vec<Sighted>,
    detector: &Detector,
    options: &AuditOptions,
) -> (Vec<Sighted>, Vec<Sighted>) {
    found.retain(|sighted| {
        options.public_keys == PublicKeys::Reported || !detector.rule(sighted.rule).public
    });
    // Rules that depend on paths are applied when the paths are known.
    found.into_iter().partition(|sighted| {
        sighted.surest() >= options.min_confidence || detector.rule(sighted.rule).needs_path()
    })
}

/// The findings, made by `finding`, of the secrets below the minimum confidence that a report with medium
/// confidence has: only high was asked for.
pub(super) fn hidden(below: &[Sighted], finding: impl Fn(&Sighted) -> Finding) -> Vec<Finding> {
    let likely = below
        .iter()
        .filter(|sighted| sighted.surest() >= Confidence::Medium);
    likely.map(finding).collect()
}

/// Confidence and reasons of the place that speaks for the finding: the surest, then the one in the
/// object of the lowest id, then the first there, then the first that is in no object.
fn best(sighted: &Sighted, id_of: &dyn Fn(Node) -> ObjectId) -> (Confidence, Reasons) {
    let confidence = sighted.surest();
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
/// recipes, which list digests, and in translations, which list words. Lowers tokens that had expired when they
/// were committed. Removes findings of rules for certain file names that are in no such file. Removes findings
/// below the minimum confidence, and returns their number.
pub(super) fn heed_paths(
    findings: &mut Vec<Finding>,
    detector: &Detector,
    options: &AuditOptions,
) -> usize {
    named::keep(findings, detector);
    let before = findings.len();
    for finding in findings.iter_mut() {
        if had_expired(finding) {
            finding.confidence = Confidence::Low;
            finding.reasons.add(Reason::Expired);
            continue;
        }
        let rule = detector.rules().get(&finding.rule_id);
        if rule.is_none_or(|rule| !rule.is_generic() || rule.needs_path()) {
            continue;
        }
        let reasons = finding.reasons;
        if reasons.is_proven() {
            continue;
        }
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

/// Whether it is a token that was valid no longer when its first commit was made.
fn had_expired(finding: &Finding) -> bool {
    let history = finding.history.as_ref();
    // Behind the end of a shallow clone, it may be older.
    let known = history.filter(|history| !history.first_is_boundary);
    let committed = known.and_then(|history| history.author.as_ref());
    committed.is_some_and(|author| {
        jwt::expiry(finding.secret.reveal()).is_some_and(|expiry| expiry < author.seconds)
    })
}

pub(super) fn finding(
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
