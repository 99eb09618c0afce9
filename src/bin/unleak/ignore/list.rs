//! `unleak ignore list`: all suppressions, with what they hide.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use unleak::audit::Audit;
use unleak::audit::part::{ScanPart, audit_part};
use unleak::error::Result;
use unleak::finding::{Finding, Fingerprint, Occurrence, Place};
use unleak::odb::ObjectId;
use unleak::progress::Progress;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::scan::InlineAllow;
use unleak::suppress::pattern::Pattern;
use unleak::suppress::{FingerprintDigest, Suspect};

use super::{say_details, today};
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest, first_place, mark, place};
use crate::options::CommonOptions;
use crate::options::RuleOptions;
use crate::{config, output};

/// Runs it.
pub(super) fn run(args: &CommonOptions, repository: &Path, rules: &RuleOptions) -> Result<Exit> {
    let wanted = ScanRequest::all(repository, rules);
    let found = RepositoryFindings::scan(args, &wanted)?;
    let marked = hidden_by_markers(args, &wanted, &found)?;
    let findings = &found.audit.findings;
    let redactor = Redactor::new(findings, Reveal::Redacted);
    let shown = |said: &str| found.shown(&redactor, said);
    let all = config::suppressions(Some(&found.repository), &found.layers, false)?;
    let hidden = findings
        .iter()
        .filter_map(|finding| Some((all.find(finding.fingerprint)?, finding)));
    let hidden: HashMap<FingerprintDigest, &Finding> = hidden.collect();
    let mut text = String::new();
    // By place, so that people find one in many; what matches nothing comes last.
    let mut listed: Vec<_> = all.list().collect();
    listed.sort_by_cached_key(|(digest, rule, ..)| {
        let place = hidden
            .get(digest)
            .map(|found| first_place(found, &redactor));
        (
            place.is_none(),
            place,
            (*rule).to_owned(),
            digest.to_string(),
        )
    });
    for (digest, rule, details, source) in listed {
        let finding = hidden.get(&digest);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{digest} {source:8} {rule}",
            rule = escape(rule.as_bytes())
        );
        if let Some(finding) = finding {
            let (place, mark) = (first_place(finding, &redactor), mark(finding, &redactor));
            let _ = write!(text, "; {place}; {mark}");
        }
        say_details(details, &shown, &mut text);
        if details.expires.is_some_and(|day| day < today()) {
            text.push_str("; EXPIRED");
        }
        text.push_str(match finding {
            Some(_) => "\n",
            None => "; matches nothing\n",
        });
    }
    configured(&all.patterns, findings, &shown, &mut text);
    inline(findings, &marked, &redactor, &mut text);
    if text.is_empty() {
        text.push_str("nothing is suppressed\n");
    }
    output::print(text.as_bytes())
}

/// The places that inline markers hide, by finding. Scans only the objects that hold something again.
fn hidden_by_markers(
    args: &CommonOptions,
    wanted: &ScanRequest<'_>,
    found: &RepositoryFindings,
) -> Result<HashMap<Fingerprint, BTreeSet<Occurrence>>> {
    let findings = &found.audit.findings;
    let mut occurrences = findings.iter().flat_map(|finding| &finding.occurrences);
    let is_in_object =
        |place: Place| matches!(place, Place::Blob | Place::Commit(_) | Place::Tag(_));
    // A scan of a part reads neither names nor reflogs, nor object stores that the environment names.
    let overrides = &found.overrides;
    let is_plain = overrides.object_dir.is_none()
        && overrides.alternates.is_empty()
        && occurrences.all(|occurrence| is_in_object(occurrence.spot.place));
    if !is_plain {
        let honoured = ScanRequest {
            inline: InlineAllow::Honoured,
            ..*wanted
        };
        let honoured = RepositoryFindings::scan(args, &honoured)?;
        return Ok(missing_places(findings, &honoured.audit.findings));
    }
    let honoured = rescanned(found, InlineAllow::Honoured)?;
    if honoured.coverage.allowed_inline == 0 {
        return Ok(HashMap::new());
    }
    // Neither audit gets paths: they can change the findings.
    let all = rescanned(found, InlineAllow::Ignored)?;
    Ok(missing_places(&all.findings, &honoured.findings))
}

/// Scans the objects that hold something, and only these.
fn rescanned(found: &RepositoryFindings, inline: InlineAllow) -> Result<Audit> {
    let occurrences = found.audit.findings.iter().flat_map(|f| &f.occurrences);
    let ids: BTreeSet<ObjectId> = occurrences.map(|o| o.object_id).collect();
    let part = ScanPart::Ids(ids.into_iter().collect());
    let mut options = found.options.clone();
    options.scan.inline_allow = inline;
    let (repository, detector) = (&found.repository, &found.detector);
    let progress = Progress::default();
    let (audit, _) = audit_part(repository, &part, detector, &options, &progress, None)?;
    Ok(audit)
}

/// The places that `all` has and `open` has not.
fn missing_places(all: &[Finding], open: &[Finding]) -> HashMap<Fingerprint, BTreeSet<Occurrence>> {
    let mut missing: HashMap<Fingerprint, BTreeSet<Occurrence>> = HashMap::new();
    for finding in all {
        let places = missing.entry(finding.fingerprint).or_default();
        places.extend(finding.occurrences.iter().cloned());
    }
    for finding in open {
        if let Some(places) = missing.get_mut(&finding.fingerprint) {
            for occurrence in &finding.occurrences {
                places.remove(occurrence);
            }
        }
    }
    missing
}

/// The suppressions of configurations.
fn configured(
    patterns: &[Pattern],
    findings: &[Finding],
    shown: &dyn Fn(&str) -> String,
    text: &mut String,
) {
    for pattern in patterns {
        let (named, source) = (shown(&pattern.named), shown(&pattern.source));
        let reason = pattern.details.reason.as_deref().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(text, "{named}; {source}; reason: {}", shown(reason));
        if pattern.details.expires.is_some_and(|day| day < today()) {
            text.push_str("; EXPIRED");
        }
        let is_used = findings
            .iter()
            .any(|finding| pattern.covers(&Suspect::of(finding, &<[u8]>::to_vec)));
        text.push_str(if is_used { "\n" } else { "; matches nothing\n" });
    }
}

/// What inline markers hide.
fn inline(
    findings: &[Finding],
    hidden: &HashMap<Fingerprint, BTreeSet<Occurrence>>,
    redactor: &Redactor,
    text: &mut String,
) {
    for finding in findings {
        let Some(hidden) = hidden.get(&finding.fingerprint) else {
            continue;
        };
        let all = finding.occurrences.iter();
        for occurrence in all.filter(|occurrence| hidden.contains(occurrence)) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} inline   {}; {}; {}",
                finding.fingerprint,
                escape(finding.rule_id.as_bytes()),
                place(finding, occurrence, redactor),
                mark(finding, redactor)
            );
        }
    }
}
