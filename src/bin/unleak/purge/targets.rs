//! Which values are to be erased: what a scan finds, a report lists, or a file names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use gix::bstr::BString;
use unleak::audit::repository::audit;
use unleak::audit::{Audit, AuditOptions};
use unleak::detect::score::Reasons;
use unleak::detect::{Detector, known};
use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::git::repository::Overrides;
use unleak::odb::ObjectId;
use unleak::purge::apply::snapshot;
use unleak::purge::apply::snapshot::Snapshot;
use unleak::purge::find::frame::Edges;
use unleak::purge::find::literal::Ambiguity;
use unleak::purge::find::values::{Edit, MIN_EVERYWHERE, Reach, Target};
use unleak::purge::find::{literal, rest};
use unleak::purge::journal::Journal;
use unleak::purge::plan::LeftOutValue;
use unleak::rule::{Confidence, RuleSet};
use unleak::secret::Secret;

use super::args::PlanArgs;
use super::veil::Veil;
use super::{PurgeSetup, saved};
use crate::options::CommonOptions;
use crate::settings;

/// What is to be erased, and what is not.
#[derive(Default)]
pub(super) struct PickedTargets {
    /// The values.
    pub(super) targets: Vec<Target>,
    /// Where they stand, if only that is to be changed.
    pub(super) places: Option<Vec<(ObjectId, Edit)>>,
    /// Values that are erased only if they are named.
    pub(super) left_out: Vec<LeftOutValue>,
    /// The values that are neither of high confidence nor named.
    pub(super) unsure: BTreeSet<Fingerprint>,
    /// Findings below the asked confidence: of medium confidence, and of low.
    pub(super) below: (usize, usize),
    /// How many findings were asked for that are not in the repository any more.
    pub(super) absent: usize,
    /// Whether something could not be read while they were searched for.
    pub(super) is_unread: bool,
    /// What no text of the plan may show.
    pub(super) veil: Veil,
    /// The ids of values that are still active, as a report says.
    pub(super) active: Vec<String>,
}

/// A value with what decides whether it is erased.
pub(super) struct PurgeCandidate {
    pub(super) target: Target,
    pub(super) confidence: Confidence,
    pub(super) reasons: Reasons,
    pub(super) path: Option<Vec<u8>>,
}

impl PurgeCandidate {
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
pub(super) fn select(
    all: &CommonOptions,
    args: &PlanArgs,
    bench: &PurgeSetup,
) -> Result<PickedTargets> {
    let mut picked = if let Some(path) = &args.known {
        PickedTargets {
            targets: of_file(all, path, &bench.audit)?,
            veil: Veil::new(&bench.rules)?,
            ..PickedTargets::default()
        }
    } else if let Some(path) = &args.from {
        let mut picked = saved::of_report(path, bench, args.occurrence_only)?;
        // Their numbers are those of all values.
        let is_whole = picked.left_out.is_empty() && args.occurrence_only;
        picked.places = picked.places.filter(|_| is_whole);
        picked.veil = Veil::new(&bench.rules)?;
        picked
    } else {
        let min = if args.all {
            Confidence::Low
        } else {
            settings::confidence(args.min_confidence)
        };
        let picked = of_scan(&args.finding, min, bench)?;
        check_absent(&args.finding, &picked, bench)?;
        picked
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
pub(super) fn of_file(
    args: &CommonOptions,
    path: &Path,
    options: &AuditOptions,
) -> Result<Vec<Target>> {
    let values = crate::known::of_file(args, path)?;
    let values = values.into_iter().map(|value| Target {
        fingerprint: Fingerprint::new(&options.fingerprint_key, known::RULE_ID, &value.secret),
        secret: Arc::new(value.secret),
        rule_id: known::RULE_ID.to_owned(),
        reach: Reach::Everywhere,
        mark: value.mark,
        is_named: true,
        is_partial: false,
    });
    Ok(values.collect())
}

/// Leaves out values that must be named, and counts those that are not sure.
pub(super) fn sifted(
    candidates: BTreeMap<String, PurgeCandidate>,
    rules: &RuleSet,
) -> PickedTargets {
    let mut picked = PickedTargets::default();
    for candidate in candidates.into_values() {
        let is_named = candidate.target.is_named;
        match candidate.ambiguity(rules).filter(|_| !is_named) {
            Some(why) => picked.left_out.push(LeftOutValue {
                why,
                path: candidate.path,
                target: candidate.target,
                rest: None,
            }),
            None => {
                let is_sure = is_named || candidate.confidence == Confidence::High;
                picked
                    .unsure
                    .extend((!is_sure).then_some(candidate.target.fingerprint));
                picked.targets.push(candidate.target);
            }
        }
    }
    picked
}

pub(super) fn of_scan(
    wanted: &[String],
    min: Confidence,
    bench: &PurgeSetup,
) -> Result<PickedTargets> {
    let detector = Detector::compile(bench.rules.clone())?;
    let found = scanned(&detector, wanted, min, bench)?;
    let low = found.coverage.below_confidence;
    let is_unread = !found.coverage.is_complete();
    let veil = Veil::over(&found.findings, detector);
    let mut medium = 0;
    let mut candidates: BTreeMap<String, PurgeCandidate> = BTreeMap::new();
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
            candidates.entry(id).or_insert(PurgeCandidate {
                target,
                confidence,
                reasons,
                path: None,
            });
        }
    }
    let mut absent = 0;
    if !wanted.is_empty() {
        (candidates, absent) = named(wanted, candidates, parts)?;
    }
    let mut picked = sifted(candidates, &bench.rules);
    picked.absent = absent;
    picked.is_unread = is_unread;
    picked.veil = veil;
    if wanted.is_empty() {
        picked.below = (medium, low);
    }
    Ok(picked)
}

/// What a scan finds, without what is suppressed or allowed where it stands, unless it is `wanted`.
fn scanned(
    detector: &Detector,
    wanted: &[String],
    min: Confidence,
    bench: &PurgeSetup,
) -> Result<Audit> {
    let mut options = bench.audit.clone();
    // What is not erased is counted.
    options.min_confidence = if wanted.is_empty() {
        min.min(Confidence::Medium)
    } else {
        Confidence::Low
    };
    if wanted.is_empty() {
        options.scan.inline_allow = bench.inline_allow;
    }
    let mut found = audit(
        &bench.repo,
        &Overrides::default(),
        detector,
        &options,
        &bench.progress,
    )?;
    if wanted.is_empty() {
        crate::ignore::apply(&bench.suppressions, &mut found)?;
    }
    Ok(found)
}

fn candidate(finding: Finding) -> PurgeCandidate {
    let paths = finding.history.iter().flat_map(|history| &history.paths);
    // A path that holds the value is not shown.
    let secret = finding.secret.reveal();
    let is_shown = |path: &&BString| memchr::memmem::find(path, secret).is_none();
    let path = paths.into_iter().find(is_shown).map(|path| path.to_vec());
    PurgeCandidate {
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
pub(super) fn target(
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

/// Those of `candidates` whose fingerprints begin with what is `wanted`, and their `parts`; and how many
/// are not there.
fn named(
    wanted: &[String],
    mut candidates: BTreeMap<String, PurgeCandidate>,
    parts: Vec<(String, String)>,
) -> Result<(BTreeMap<String, PurgeCandidate>, usize)> {
    let mut picked: BTreeSet<String> = BTreeSet::new();
    let mut absent = 0;
    for prefix in wanted {
        let prefix = prefix.to_ascii_lowercase();
        let mut alike = candidates
            .range(prefix.clone()..)
            .take_while(|(id, _)| id.starts_with(&prefix));
        match (alike.next(), alike.next()) {
            (Some((id, _)), None) => {
                picked.insert(id.clone());
            }
            (None, _) => absent += 1,
            _ => {
                return Err(Error::usage(format!(
                    "more than one fingerprint begins with '{prefix}'"
                ))
                .hint("give more of its digits"));
            }
        }
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
    Ok((candidates, absent))
}

/// A fingerprint that no finding has is a mistake, unless an earlier purge erased its value.
fn check_absent(wanted: &[String], picked: &PickedTargets, bench: &PurgeSetup) -> Result<()> {
    if wanted.is_empty() || picked.absent == 0 {
        return Ok(());
    }
    let here = picked.targets.iter().map(|target| target.fingerprint);
    let here = here.chain(picked.left_out.iter().map(|left| left.target.fingerprint));
    let mut known: Vec<String> = here.map(|id| id.to_string()).collect();
    known.extend(purged_before(bench));
    for prefix in wanted {
        let prefix = prefix.to_ascii_lowercase();
        if !known.iter().any(|id| id.starts_with(&prefix)) {
            let error = Error::usage(format!("no finding has the fingerprint '{prefix}'"));
            return Err(error.hint("'unleak scan --min-confidence low' lists all"));
        }
    }
    Ok(())
}

/// Fingerprints of values that the last purge erased, as far as its undo snapshot is still there.
fn purged_before(bench: &PurgeSetup) -> Vec<String> {
    let journal = Journal::read(bench.repo.common_dir()).ok().flatten();
    let inputs =
        journal.and_then(|journal| snapshot::inputs(&Snapshot::at(&journal.snapshot)).ok());
    let targets = inputs.and_then(|inputs| inputs.targets(&bench.audit.fingerprint_key).ok());
    let targets = targets.into_iter().flatten();
    targets
        .map(|target| target.fingerprint.to_string())
        .collect()
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
