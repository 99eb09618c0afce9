//! Which values are to be erased: what a scan finds, a report lists, or a file names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use gix::bstr::BString;
use serde::Deserialize;
use unleak::audit::repository::audit;
use unleak::audit::{Audit, AuditOptions};
use unleak::detect::score::Reasons;
use unleak::detect::{Detector, Hits, Scratch, known};
use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::odb::read::Reader;
use unleak::odb::repository::Overrides;
use unleak::odb::{Limits, ObjectId};
use unleak::rewrite::frame::Edges;
use unleak::rewrite::literal::{self, Ambiguity};
use unleak::rewrite::needles::{Edit, MIN_EVERYWHERE, Reach, Target};
use unleak::rewrite::purge::LeftOut;
use unleak::rewrite::rest;
use unleak::rule::{Confidence, RuleSet};
use unleak::secret::Secret;
use unleak::span::Span;

use super::Bench;
use super::args::PlanArgs;
use crate::settings;

/// The part of a report that names findings.
#[derive(Deserialize)]
struct Saved {
    findings: Vec<SavedFinding>,
}

#[derive(Deserialize)]
struct SavedFinding {
    fingerprint: String,
    rule_id: String,
    #[serde(default)]
    confidence: Option<Confidence>,
    #[serde(default)]
    occurrences: Vec<SavedPlace>,
    /// What belongs to it: erased with it.
    #[serde(default)]
    with: Vec<Self>,
}

#[derive(Deserialize)]
struct SavedPlace {
    kind: String,
    object: String,
    start: usize,
    end: usize,
    #[serde(default)]
    wrapping: Vec<serde_json::Value>,
}

/// What is to be erased, and what is not.
#[derive(Default)]
pub(super) struct Picked {
    /// The values.
    pub(super) targets: Vec<Target>,
    /// Where they stand, if only that is to be changed.
    pub(super) places: Option<Vec<(ObjectId, Edit)>>,
    /// Values that are erased only if they are named.
    pub(super) left_out: Vec<LeftOut>,
    /// How many of the values are neither of high confidence nor named.
    pub(super) unsure: usize,
    /// Findings below the asked confidence: of medium confidence, and of low.
    pub(super) below: (usize, usize),
}

/// A value with what decides whether it is erased.
struct Candidate {
    target: Target,
    confidence: Confidence,
    reasons: Reasons,
    path: Option<Vec<u8>>,
}

impl Candidate {
    /// Why it is erased only if it is named.
    fn ambiguity(&self, rules: &RuleSet) -> Option<Ambiguity> {
        if self.target.is_partial {
            return Some(Ambiguity::Partial);
        }
        let has_shape = rest::edges(&self.target, rules) == Some(Edges::Shape);
        literal::of_value(self.target.secret.reveal(), self.reasons, has_shape)
    }
}

/// The values that the arguments ask for, each once.
///
/// # Errors
/// `Usage` if a finding is asked for that is not there; as the scan.
pub(super) fn select(args: &PlanArgs, bench: &Bench) -> Result<Picked> {
    let mut picked = if let Some(path) = &args.known {
        Picked {
            targets: of_file(path, &bench.audit)?,
            ..Picked::default()
        }
    } else if let Some(path) = &args.from {
        let mut picked = of_report(path, bench)?;
        // Their numbers are those of all values.
        let is_whole = picked.left_out.is_empty() && args.occurrence_only;
        picked.places = picked.places.filter(|_| is_whole);
        picked
    } else {
        let min = if args.all {
            Confidence::Low
        } else {
            settings::confidence(args.min_confidence)
        };
        of_scan(&args.finding, min, bench)?
    };
    for target in &mut picked.targets {
        let is_short = target.secret.reveal().len() < MIN_EVERYWHERE && args.known.is_none();
        if is_short || args.occurrence_only {
            target.reach = Reach::WhereFound;
        }
    }
    replace(&mut picked.targets, &args.replace)?;
    Ok(picked)
}

/// Values of a file that names them.
///
/// # Errors
/// `Io` if it cannot be read, `Usage` if it names none.
pub(super) fn of_file(path: &Path, options: &AuditOptions) -> Result<Vec<Target>> {
    let values = crate::known::of_file(path)?;
    let values = values.into_iter().map(|secret| Target {
        fingerprint: Fingerprint::new(&options.fingerprint_key, known::RULE_ID, &secret),
        secret: Arc::new(secret),
        rule_id: known::RULE_ID.to_owned(),
        reach: Reach::Everywhere,
        mark: None,
        is_named: true,
        is_partial: false,
    });
    Ok(values.collect())
}

/// Leaves out values that must be named, and counts those that are not sure.
fn sifted(candidates: BTreeMap<String, Candidate>, rules: &RuleSet) -> Picked {
    let mut picked = Picked::default();
    for candidate in candidates.into_values() {
        let is_named = candidate.target.is_named;
        match candidate.ambiguity(rules).filter(|_| !is_named) {
            Some(why) => picked.left_out.push(LeftOut {
                why,
                path: candidate.path,
                target: candidate.target,
                rest: None,
            }),
            None => {
                let is_sure = is_named || candidate.confidence == Confidence::High;
                picked.unsure += usize::from(!is_sure);
                picked.targets.push(candidate.target);
            }
        }
    }
    picked
}

fn of_scan(wanted: &[String], min: Confidence, bench: &Bench) -> Result<Picked> {
    let found = scanned(wanted, min, bench)?;
    let low = found.coverage.below_confidence;
    let mut medium = 0;
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for finding in found.findings {
        if wanted.is_empty() && finding.confidence < min {
            medium += 1;
            continue;
        }
        let with = finding.with.clone();
        let candidate = candidate(finding);
        let (whole, confidence) = (candidate.target.fingerprint, candidate.confidence);
        candidates.insert(whole.to_string(), candidate);
        // What belongs to it is erased with it: alone, it would be a finding.
        for part in with {
            let id = part.fingerprint.to_string();
            parts.push((whole.to_string(), id.clone()));
            let reasons = Reasons::default();
            let target = target(part.secret, part.rule_id, part.fingerprint, reasons);
            candidates.entry(id).or_insert(Candidate {
                target,
                confidence,
                reasons,
                path: None,
            });
        }
    }
    if !wanted.is_empty() {
        candidates = named(wanted, candidates, parts)?;
    }
    let mut picked = sifted(candidates, &bench.rules);
    if wanted.is_empty() {
        picked.below = (medium, low);
    }
    Ok(picked)
}

/// What a scan finds, without what is suppressed unless it is `wanted`.
fn scanned(wanted: &[String], min: Confidence, bench: &Bench) -> Result<Audit> {
    let detector = Detector::compile(bench.rules.clone())?;
    let mut options = bench.audit.clone();
    // What is not erased is counted.
    options.min_confidence = if wanted.is_empty() {
        min.min(Confidence::Medium)
    } else {
        Confidence::Low
    };
    let mut found = audit(
        &bench.repo,
        &Overrides::default(),
        &detector,
        &options,
        &bench.progress,
    )?;
    if wanted.is_empty() {
        crate::ignore::apply(&bench.suppressions, &mut found)?;
    }
    Ok(found)
}

fn candidate(finding: Finding) -> Candidate {
    let paths = finding.history.iter().flat_map(|history| &history.paths);
    // A path that holds the value is not shown.
    let secret = finding.secret.reveal();
    let is_shown = |path: &&BString| memchr::memmem::find(path, secret).is_none();
    let path = paths.into_iter().find(is_shown).map(|path| path.to_vec());
    Candidate {
        path,
        confidence: finding.confidence,
        reasons: finding.reasons,
        target: target(
            finding.secret,
            finding.rule_id,
            finding.fingerprint,
            finding.reasons,
        ),
    }
}

/// A value that a rule found.
fn target(
    secret: Arc<Secret>,
    rule_id: String,
    fingerprint: Fingerprint,
    reasons: Reasons,
) -> Target {
    Target {
        secret,
        rule_id,
        fingerprint,
        reach: Reach::Everywhere,
        mark: None,
        is_named: false,
        is_partial: rest::is_partial(reasons),
    }
}

/// Those of `candidates` whose fingerprints begin with what is `wanted`, and their `parts`.
fn named(
    wanted: &[String],
    mut candidates: BTreeMap<String, Candidate>,
    parts: Vec<(String, String)>,
) -> Result<BTreeMap<String, Candidate>> {
    let mut picked: BTreeSet<String> = BTreeSet::new();
    for prefix in wanted {
        let prefix = prefix.to_ascii_lowercase();
        let mut alike = candidates
            .range(prefix.clone()..)
            .take_while(|(id, _)| id.starts_with(&prefix));
        match (alike.next(), alike.next()) {
            (Some((id, _)), None) => picked.insert(id.clone()),
            (None, _) => {
                return Err(
                    Error::usage(format!("no finding has the fingerprint '{prefix}'"))
                        .hint("'unleak scan --min-confidence low' lists all"),
                );
            }
            _ => {
                return Err(Error::usage(format!(
                    "more than one fingerprint begins with '{prefix}'"
                ))
                .hint("give more of its digits"));
            }
        };
    }
    for (whole, part) in parts {
        if picked.contains(&whole) {
            picked.insert(part);
        }
    }
    candidates.retain(|id, _| picked.contains(id));
    for candidate in candidates.values_mut() {
        candidate.target.is_named = true;
    }
    Ok(candidates)
}

/// Findings of a saved report: the values are read where it says that they stand, and only searched
/// for if one is not there any more.
fn of_report(path: &Path, bench: &Bench) -> Result<Picked> {
    let text = crate::known::read(path)?;
    let mut saved: Saved = serde_json::from_slice(&text).map_err(|e| {
        Error::usage(format!("'{}' is no report of findings", path.display()))
            .because(unleak::report::document::fault_of(&e))
            .hint("write one with 'unleak scan --format json'")
    })?;
    let with = saved.findings.iter_mut().map(|finding| &mut finding.with);
    let with: Vec<_> = with.flat_map(std::mem::take).collect();
    saved.findings.extend(with);
    let store = bench
        .repo
        .open_store(&Overrides::default(), Limits::default())?;
    let mut reader = Reader::new(&store);
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    let mut missing = Vec::new();
    for finding in &saved.findings {
        match locate(finding, &mut reader, &bench.rules, &bench.audit) {
            Some(candidate) => {
                candidates.insert(finding.fingerprint.clone(), candidate);
            }
            None => missing.push(finding.fingerprint.clone()),
        }
    }
    let places = missing
        .is_empty()
        .then(|| places(&saved, &candidates, &mut reader))
        .flatten();
    let mut picked = sifted(candidates, &bench.rules);
    if !missing.is_empty() {
        // A report lists values, and names none of them one by one.
        let mut rest = of_scan(&missing, Confidence::Low, bench)?;
        picked.unsure += rest.targets.len();
        rest.targets
            .iter_mut()
            .for_each(|target| target.is_named = false);
        picked.targets.append(&mut rest.targets);
        picked.targets.sort_by_key(|target| target.fingerprint);
        picked.targets.dedup_by_key(|target| target.fingerprint);
    }
    picked.places = places;
    Ok(picked)
}

/// Every place in an object that a report lists; `None` if a value does not stand open there.
fn places(
    saved: &Saved,
    candidates: &BTreeMap<String, Candidate>,
    reader: &mut Reader<'_>,
) -> Option<Vec<(ObjectId, Edit)>> {
    let (mut places, mut bytes) = (Vec::new(), Vec::new());
    for finding in &saved.findings {
        let number = candidates
            .keys()
            .position(|id| *id == finding.fingerprint)?;
        let secret = candidates[&finding.fingerprint].target.secret.reveal();
        let objects = ["blob", "commit", "tag"];
        let in_objects = finding.occurrences.iter();
        for place in in_objects.filter(|place| objects.contains(&place.kind.as_str())) {
            let id = ObjectId::from_hex(place.object.as_bytes()).ok()?;
            reader.read_id(&id, &mut bytes).ok()?;
            if !place.wrapping.is_empty() || bytes.get(place.start..place.end)? != secret {
                return None;
            }
            let edit = Edit {
                span: Span::new(place.start, place.end),
                target: number,
                layers: None,
                is_form: false,
            };
            places.push((id, edit));
        }
    }
    Some(places)
}

fn locate(
    finding: &SavedFinding,
    reader: &mut Reader<'_>,
    rules: &RuleSet,
    options: &AuditOptions,
) -> Option<Candidate> {
    let mut rules = rules.clone();
    rules.rules.retain(|rule| rule.id == finding.rule_id);
    let detector = Detector::compile(rules).ok()?;
    let (mut scratch, mut hits, mut bytes) = (Scratch::default(), Hits::default(), Vec::new());
    let open = finding
        .occurrences
        .iter()
        .filter(|place| place.wrapping.is_empty());
    for place in open {
        let Ok(id) = ObjectId::from_hex(place.object.as_bytes()) else {
            continue;
        };
        if reader.read_id(&id, &mut bytes).is_err() || bytes.get(place.start..place.end).is_none() {
            continue;
        }
        detector.scan(&bytes, &mut scratch, &mut hits);
        let span = Span::new(place.start, place.end);
        let found = detector
            .matches(&bytes, &hits)
            .into_iter()
            .find(|found| found.secret_span == span);
        let (secret, reasons) = found.map_or_else(
            || {
                let secret = Secret::new(&bytes[place.start..place.end]);
                (Arc::new(secret), Reasons::default())
            },
            |found| (found.secret, found.reasons),
        );
        let fingerprint = Fingerprint::new(&options.fingerprint_key, &finding.rule_id, &secret);
        if fingerprint.to_string() == finding.fingerprint {
            return Some(Candidate {
                target: target(secret, finding.rule_id.clone(), fingerprint, reasons),
                confidence: finding.confidence.unwrap_or(Confidence::Low),
                reasons,
                path: None,
            });
        }
    }
    None
}

/// Gives single values marks of their own.
fn replace(targets: &mut [Target], wanted: &[String]) -> Result<()> {
    for entry in wanted {
        let Some((prefix, text)) = entry.split_once('=') else {
            return Err(Error::usage(format!("'{entry}' is not FINGERPRINT=TEXT")));
        };
        let mut found = targets
            .iter_mut()
            .filter(|target| target.fingerprint.to_string().starts_with(prefix));
        match (found.next(), found.next()) {
            (Some(target), None) => target.mark = Some(text.as_bytes().to_vec()),
            _ => {
                return Err(Error::usage(format!(
                    "'{prefix}' is not the fingerprint of one value that is erased"
                ))
                .hint("'unleak purge' without '--apply' lists them"));
            }
        }
    }
    Ok(())
}
