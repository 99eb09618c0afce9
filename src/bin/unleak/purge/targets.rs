//! Which values are to be erased: what a scan finds, a report lists, or a file names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use unleak::audit::AuditOptions;
use unleak::audit::repository::audit;
use unleak::detect::{Detector, Hits, Scratch, known};
use unleak::error::{Error, Result};
use unleak::finding::Fingerprint;
use unleak::odb::read::Reader;
use unleak::odb::repository::Overrides;
use unleak::odb::{Limits, ObjectId};
use unleak::rewrite::needles::{Edit, MIN_EVERYWHERE, Reach, Target};
use unleak::rule::RuleSet;
use unleak::secret::Secret;
use unleak::span::Span;

use super::Bench;
use super::args::PlanArgs;

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

/// Values, and where they stand if only that is to be changed.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) targets: Vec<Target>,
    pub(super) places: Option<Vec<(ObjectId, Edit)>>,
}

/// The values that the arguments ask for, each once.
///
/// # Errors
/// `Usage` if a finding is asked for that is not there; as the scan.
pub(super) fn select(args: &PlanArgs, bench: &Bench) -> Result<Picked> {
    let mut places = None;
    let mut targets = if let Some(path) = &args.known {
        of_file(path, &bench.audit)?
    } else if let Some(path) = &args.from {
        let picked = of_report(path, bench)?;
        places = picked.places.filter(|_| args.occurrence_only);
        picked.targets
    } else {
        of_scan(&args.finding, bench)?
    };
    for target in &mut targets {
        let is_short = target.secret.reveal().len() < MIN_EVERYWHERE && args.known.is_none();
        if is_short || args.occurrence_only {
            target.reach = Reach::WhereFound;
        }
    }
    replace(&mut targets, &args.replace)?;
    Ok(Picked { targets, places })
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
    });
    Ok(values.collect())
}

fn of_scan(wanted: &[String], bench: &Bench) -> Result<Vec<Target>> {
    let detector = Detector::compile(bench.rules.clone())?;
    let mut options = bench.audit.clone();
    if !wanted.is_empty() {
        options.min_confidence = unleak::rule::Confidence::Low;
    }
    let mut found = audit(
        &bench.repo,
        &Overrides::default(),
        &detector,
        &options,
        &bench.progress,
    )?;
    // What is no danger is erased only if it is asked for by name.
    if wanted.is_empty() {
        crate::ignore::apply(&bench.suppressions, &mut found)?;
    }
    let mut targets: BTreeMap<String, Target> = BTreeMap::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for finding in found.findings {
        let target = Target {
            secret: finding.secret,
            fingerprint: finding.fingerprint,
            rule_id: finding.rule_id,
            reach: Reach::Everywhere,
            mark: None,
        };
        targets.insert(target.fingerprint.to_string(), target);
        // What belongs to it is erased with it: alone, it would be a finding.
        for part in finding.with {
            let target = Target {
                secret: part.secret,
                fingerprint: part.fingerprint,
                rule_id: part.rule_id,
                reach: Reach::Everywhere,
                mark: None,
            };
            let id = target.fingerprint.to_string();
            parts.push((finding.fingerprint.to_string(), id.clone()));
            targets.insert(id, target);
        }
    }
    if wanted.is_empty() {
        return Ok(targets.into_values().collect());
    }
    picked(wanted, &targets, parts)
}

/// Those of `targets` whose fingerprints begin with what is `wanted`, and their `parts`.
fn picked(
    wanted: &[String],
    targets: &BTreeMap<String, Target>,
    parts: Vec<(String, String)>,
) -> Result<Vec<Target>> {
    let mut picked: BTreeMap<String, Target> = BTreeMap::new();
    for prefix in wanted {
        let prefix = prefix.to_ascii_lowercase();
        let mut alike = targets
            .range(prefix.clone()..)
            .take_while(|(id, _)| id.starts_with(&prefix));
        match (alike.next(), alike.next()) {
            (Some((id, target)), None) => picked.insert(id.clone(), target.clone()),
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
        if picked.contains_key(&whole)
            && let Some(target) = targets.get(&part)
        {
            picked.insert(part, target.clone());
        }
    }
    Ok(picked.into_values().collect())
}

/// Findings of a saved report: the values are read where it says that they stand, and only searched
/// for if one is not there any more.
fn of_report(path: &Path, bench: &Bench) -> Result<Picked> {
    let text = crate::known::read(path)?;
    let mut saved: Saved = serde_json::from_slice(&text).map_err(|e| {
        Error::usage(format!("'{}' is no report of findings", path.display()))
            .because(e)
            .hint("write one with 'unleak scan --format json'")
    })?;
    let with = saved.findings.iter_mut().map(|finding| &mut finding.with);
    let with: Vec<_> = with.flat_map(std::mem::take).collect();
    saved.findings.extend(with);
    let store = bench
        .repo
        .open_store(&Overrides::default(), Limits::default())?;
    let mut reader = Reader::new(&store);
    let mut targets: BTreeMap<String, Target> = BTreeMap::new();
    let mut missing = Vec::new();
    for finding in &saved.findings {
        match locate(finding, &mut reader, &bench.rules, &bench.audit) {
            Some(target) => {
                targets.insert(finding.fingerprint.clone(), target);
            }
            None => missing.push(finding.fingerprint.clone()),
        }
    }
    let places = missing
        .is_empty()
        .then(|| places(&saved, &targets, &mut reader))
        .flatten();
    if !missing.is_empty() {
        for target in of_scan(&missing, bench)? {
            targets.insert(target.fingerprint.to_string(), target);
        }
    }
    let targets = targets.into_values().collect();
    Ok(Picked { targets, places })
}

/// Every place in an object that a report lists; `None` if a value does not stand open there.
fn places(
    saved: &Saved,
    targets: &BTreeMap<String, Target>,
    reader: &mut Reader<'_>,
) -> Option<Vec<(ObjectId, Edit)>> {
    let (mut places, mut bytes) = (Vec::new(), Vec::new());
    for finding in &saved.findings {
        let number = targets.keys().position(|id| *id == finding.fingerprint)?;
        let secret = targets[&finding.fingerprint].secret.reveal();
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
) -> Option<Target> {
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
        let secret = found.map_or_else(
            || Arc::new(Secret::new(&bytes[place.start..place.end])),
            |found| found.secret,
        );
        let fingerprint = Fingerprint::new(&options.fingerprint_key, &finding.rule_id, &secret);
        if fingerprint.to_string() == finding.fingerprint {
            return Some(Target {
                secret,
                fingerprint,
                rule_id: finding.rule_id.clone(),
                reach: Reach::Everywhere,
                mark: None,
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
