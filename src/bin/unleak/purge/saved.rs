//! Values of a saved report: read from the places that it lists, each object once, and searched for
//! only if they are not there any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use unleak::detect::score::Reasons;
use unleak::detect::{Detector, Hits, Scratch};
use unleak::error::Result;
use unleak::finding::Fingerprint;
use unleak::git::repository::Overrides;
use unleak::odb::read::Reader;
use unleak::odb::{ObjectId, ReadLimits};
use unleak::purge::find::values::Edit;
use unleak::report::Document;
use unleak::report::document::{PlaceKind, ReportOccurrence};
use unleak::rule::{Confidence, RuleSet};
use unleak::secret::Secret;
use unleak::span::Span;
use unleak::values;

use super::PurgeSetup;
use super::targets::{PickedTargets, PurgeCandidate, of_scan, sifted, target};
use crate::{ignore, plan, ui};

/// A value that a report lists.
struct ReportedValue<'d> {
    fingerprint: &'d str,
    rule_id: &'d str,
    confidence: Confidence,
    occurrences: &'d [ReportOccurrence],
}

/// A secret with the reasons for it.
type JudgedSecret = (Arc<Secret>, Reasons);

/// Values of a saved report. Every place is read again only if `wants_places`.
///
/// # Errors
/// `Config` if it is no report; as the scan.
pub(super) fn of_report(
    path: &Path,
    bench: &PurgeSetup,
    wants_places: bool,
) -> Result<PickedTargets> {
    let name = path.to_string_lossy();
    let text = values::decoded(&crate::known::read(path)?, &name)?;
    let mut document = Document::parse(&text, &name)?;
    leave_out_accepted(&mut document, bench)?;
    let listed = listed(&document);
    let store = bench
        .repo
        .open_store(&Overrides::default(), ReadLimits::default())?;
    let mut reader = Reader::new(&store);
    let candidates = Locator::new(bench, &listed)?.locate(&mut reader)?;
    let is_missing = |listed: &&ReportedValue<'_>| !candidates.contains_key(listed.fingerprint);
    let missing: BTreeSet<String> = listed
        .iter()
        .filter(is_missing)
        .map(|listed| listed.fingerprint.to_owned())
        .collect();
    let places = (wants_places && missing.is_empty())
        .then(|| places(&listed, &candidates, &mut reader))
        .flatten();
    let mut picked = sifted(candidates, &bench.rules);
    if !missing.is_empty() {
        let missing: Vec<String> = missing.into_iter().collect();
        // A report lists values, and names none of them one by one.
        let mut rest = of_scan(&missing, Confidence::Low, bench)?;
        picked.absent = rest.absent;
        picked.is_unread = rest.is_unread;
        picked
            .unsure
            .extend(rest.targets.iter().map(|target| target.fingerprint));
        rest.targets
            .iter_mut()
            .for_each(|target| target.is_named = false);
        picked.targets.append(&mut rest.targets);
        picked.targets.sort_by_key(|target| target.fingerprint);
        picked.targets.dedup_by_key(|target| target.fingerprint);
    }
    picked.places = places;
    let active = document
        .findings
        .iter()
        .filter(|finding| finding.is_active());
    picked.active = active
        .map(|finding| finding.short_id().to_owned())
        .collect();
    Ok(picked)
}

/// Leaves out what was suppressed after the report was made, as a purge without a report does.
fn leave_out_accepted(document: &mut Document, bench: &PurgeSetup) -> Result<()> {
    let findings = document.findings.iter();
    let accepted = plan::accepted(findings, &bench.suppressions, ignore::today())?;
    if accepted.is_empty() {
        return Ok(());
    }
    let what = super::show::counted(accepted.len(), "value", "values");
    ui::warn(&format!(
        "left out: {what} of the report, suppressed as 'unleak ignore list' tells; '--finding ID' erases one \
         all the same"
    ));
    document
        .findings
        .retain(|finding| !accepted.contains_key(&finding.fingerprint));
    Ok(())
}

/// All findings with what belongs to them, which is erased with them.
fn listed(document: &Document) -> Vec<ReportedValue<'_>> {
    let mut listed = Vec::new();
    for finding in &document.findings {
        listed.push(ReportedValue {
            fingerprint: &finding.fingerprint,
            rule_id: &finding.rule_id,
            confidence: finding.confidence,
            occurrences: &finding.occurrences,
        });
        listed.extend(finding.with.iter().map(|part| ReportedValue {
            fingerprint: &part.fingerprint,
            rule_id: &part.rule_id,
            confidence: finding.confidence,
            occurrences: &part.occurrences,
        }));
    }
    listed
}

/// Whether the value stands open in an object.
fn is_open(place: &&ReportOccurrence) -> bool {
    matches!(
        place.spot.kind,
        PlaceKind::Blob | PlaceKind::Commit | PlaceKind::Tag
    ) && place.spot.wrapping.is_empty()
}

/// Reads values where a report says that they stand.
struct Locator<'a> {
    bench: &'a PurgeSetup,
    listed: &'a [ReportedValue<'a>],
    /// The rules of the report.
    detector: Detector,
    scratch: Scratch,
    hits: Hits,
    /// One rule each, for values that another rule's match hides.
    single: BTreeMap<&'a str, Detector>,
    found: BTreeMap<String, PurgeCandidate>,
}

impl<'a> Locator<'a> {
    fn new(bench: &'a PurgeSetup, listed: &'a [ReportedValue<'a>]) -> Result<Self> {
        let wanted: BTreeSet<&str> = listed.iter().map(|listed| listed.rule_id).collect();
        let detector = Detector::compile(only(&bench.rules, &wanted))?;
        Ok(Self {
            bench,
            listed,
            detector,
            scratch: Scratch::default(),
            hits: Hits::default(),
            single: BTreeMap::new(),
            found: BTreeMap::new(),
        })
    }

    /// The values that are where the report says. First the first place of each is read, then, for
    /// those that were not there, the others.
    fn locate(mut self, reader: &mut Reader<'_>) -> Result<BTreeMap<String, PurgeCandidate>> {
        for is_first in [true, false] {
            let mut objects: BTreeMap<&str, Vec<(usize, Span)>> = BTreeMap::new();
            for (number, listed) in self.listed.iter().enumerate() {
                let places = listed.occurrences.iter().filter(is_open);
                let few = if is_first { 1 } else { usize::MAX };
                for place in places.take(few) {
                    let span = Span::new(place.start, place.end.max(place.start));
                    let wanted = objects.entry(&place.object).or_default();
                    wanted.push((number, span));
                }
            }
            for (object, wanted) in objects {
                self.object(object, &wanted, reader)?;
            }
        }
        Ok(self.found)
    }

    fn is_missing(&self, number: usize) -> bool {
        !self.found.contains_key(self.listed[number].fingerprint)
    }

    fn object(
        &mut self,
        object: &str,
        wanted: &[(usize, Span)],
        reader: &mut Reader<'_>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        let is_done = wanted.iter().all(|&(number, _)| !self.is_missing(number));
        let Ok(id) = ObjectId::from_hex(object.as_bytes()) else {
            return Ok(());
        };
        if is_done || reader.read_id(&id, &mut bytes).is_err() {
            return Ok(());
        }
        let all = scan(&self.detector, &bytes, &mut self.scratch, &mut self.hits);
        let mut by_rule: BTreeMap<&str, BTreeMap<(String, Span), JudgedSecret>> = BTreeMap::new();
        for &(number, span) in wanted {
            let listed = &self.listed[number];
            let Some(shown) = bytes.get(span.start..span.end) else {
                continue;
            };
            if !self.is_missing(number) {
                continue;
            }
            let key = (listed.rule_id.to_owned(), span);
            let mut judged = all.get(&key).cloned();
            if judged.is_none() {
                if !by_rule.contains_key(listed.rule_id) {
                    let alone = self.alone(listed.rule_id, &bytes)?;
                    by_rule.insert(listed.rule_id, alone);
                }
                judged = by_rule[listed.rule_id].get(&key).cloned();
            }
            let (secret, reasons) =
                judged.unwrap_or_else(|| (Arc::new(Secret::new(shown)), Reasons::default()));
            self.keep(number, secret, reasons);
        }
        Ok(())
    }

    /// What one rule finds in an object, without any other.
    fn alone(
        &mut self,
        rule: &'a str,
        bytes: &[u8],
    ) -> Result<BTreeMap<(String, Span), JudgedSecret>> {
        if !self.single.contains_key(rule) {
            let rules = only(&self.bench.rules, &BTreeSet::from([rule]));
            self.single.insert(rule, Detector::compile(rules)?);
        }
        let detector = &self.single[rule];
        Ok(scan(detector, bytes, &mut self.scratch, &mut self.hits))
    }

    /// Keeps a value if it is the one that the report lists.
    fn keep(&mut self, number: usize, secret: Arc<Secret>, reasons: Reasons) {
        let listed = &self.listed[number];
        let key = &self.bench.audit.fingerprint_key;
        let fingerprint = Fingerprint::new(key, listed.rule_id, &secret);
        if fingerprint.to_string() == listed.fingerprint {
            let candidate = PurgeCandidate {
                target: target(secret, listed.rule_id.to_owned(), fingerprint, reasons),
                confidence: listed.confidence,
                reasons,
                path: None,
            };
            self.found.insert(listed.fingerprint.to_owned(), candidate);
        }
    }
}

fn only(rules: &RuleSet, wanted: &BTreeSet<&str>) -> RuleSet {
    let mut rules = rules.clone();
    rules.rules.retain(|rule| wanted.contains(&*rule.id));
    rules
}

/// What a detector finds, by rule and place.
fn scan(
    detector: &Detector,
    bytes: &[u8],
    scratch: &mut Scratch,
    hits: &mut Hits,
) -> BTreeMap<(String, Span), JudgedSecret> {
    detector.scan(bytes, scratch, hits);
    let found = detector.matches(bytes, hits).into_iter();
    let found = found.map(|found| {
        let rule = detector.rule(found.rule).id.clone();
        ((rule, found.secret_span), (found.secret, found.reasons))
    });
    found.collect()
}

/// Every place in an object that a report lists; `None` if a value does not stand open there.
fn places(
    listed: &[ReportedValue<'_>],
    candidates: &BTreeMap<String, PurgeCandidate>,
    reader: &mut Reader<'_>,
) -> Option<Vec<(ObjectId, Edit)>> {
    let numbers: BTreeMap<&str, usize> = candidates.keys().map(|id| &**id).zip(0..).collect();
    let mut objects: BTreeMap<&str, Vec<(usize, &ReportedValue<'_>, &ReportOccurrence)>> =
        BTreeMap::new();
    for listed in listed {
        let number = *numbers.get(listed.fingerprint)?;
        let kinds = [PlaceKind::Blob, PlaceKind::Commit, PlaceKind::Tag];
        for place in listed.occurrences {
            if kinds.contains(&place.spot.kind) {
                let wanted = objects.entry(&place.object).or_default();
                wanted.push((number, listed, place));
            }
        }
    }
    let (mut places, mut bytes) = (Vec::new(), Vec::new());
    for (object, wanted) in objects {
        let id = ObjectId::from_hex(object.as_bytes()).ok()?;
        reader.read_id(&id, &mut bytes).ok()?;
        for (number, listed, place) in wanted {
            let secret = candidates[listed.fingerprint].target.secret.reveal();
            let is_here = bytes.get(place.start..place.end) == Some(secret);
            if !is_here || !place.spot.wrapping.is_empty() {
                return None;
            }
            let span = Span::new(place.start, place.end);
            places.push((id, Edit::open(span, number)));
        }
    }
    Some(places)
}
