//! `unleak ignore list`: all suppressions, with what they hide.

use std::collections::{BTreeSet, HashMap};
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
use unleak::suppress::{FingerprintDigest, SuppressionEnd, Suspect, end_of};

use super::{said, short, today};
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest, first_place, mark, place};
use crate::options::CommonOptions;
use crate::options::RuleOptions;
use crate::{config, output};

/// Columns of a line; what cannot be broken, such as a path, may be longer.
const WIDTH: usize = 80;

/// What is between the parts of the first line.
const GAP: &str = "  ";

/// What is said of a suppression that hides nothing.
const UNUSED: &str = "matches nothing";

/// What is said of a suppression that is over.
const EXPIRED: &str = "EXPIRED";

/// What is said of a suppression whose finding is in other files than it is for.
const ENDED: &str = "ENDED";

/// Digits of a fingerprint, as reports show them.
const SHORT_ID: usize = 12;

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
        let rule = escape(rule.as_bytes());
        let mut head = vec![rule];
        let mut notes = vec![format!("{} {source}", short(digest))];
        match hidden.get(&digest) {
            Some(finding) => {
                let (place, mark) = (first_place(finding, &redactor), mark(finding, &redactor));
                head.splice(0..0, [place, mark]);
                let suspect = Suspect::of(finding, &<[u8]>::to_vec);
                notes.extend(match end_of(details, &suspect)? {
                    None => None,
                    Some(SuppressionEnd::Path(path)) => {
                        let path = escape(&redactor.path(&path));
                        Some(format!("{ENDED}: also in {path}"))
                    }
                    Some(SuppressionEnd::Class(class)) => Some(format!(
                        "{ENDED}: the kind of its files is {}",
                        class.name()
                    )),
                });
            }
            None => notes.push(UNUSED.to_owned()),
        }
        if details.expires.is_some_and(|day| day < today()) {
            notes.push(EXPIRED.to_owned());
        }
        notes.extend(said(details, &shown));
        block(&head, &notes, &mut text);
    }
    configured(&all.patterns, findings, &shown, &mut text);
    inline(findings, &marked, &redactor, &mut text);
    if text.is_empty() {
        text.push_str("nothing is suppressed\n");
    }
    output::page(text.as_bytes(), !args.no_pager)
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
        let mut notes = vec![shown(&pattern.source)];
        let is_used = findings
            .iter()
            .any(|finding| pattern.covers(&Suspect::of(finding, &<[u8]>::to_vec)));
        if !is_used {
            notes.push(UNUSED.to_owned());
        }
        if pattern.details.expires.is_some_and(|day| day < today()) {
            notes.push(EXPIRED.to_owned());
        }
        let reason = pattern.details.reason.as_deref().unwrap_or_default();
        notes.push(format!("reason: {}", shown(reason)));
        block(&[shown(&pattern.named)], &notes, text);
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
        let mut id = finding.fingerprint.to_string();
        id.truncate(SHORT_ID);
        let notes = [format!("{id} inline marker")];
        let all = finding.occurrences.iter();
        for occurrence in all.filter(|occurrence| hidden.contains(occurrence)) {
            let head = [
                place(finding, occurrence, redactor),
                mark(finding, redactor),
                escape(finding.rule_id.as_bytes()),
            ];
            block(&head, &notes, text);
        }
    }
}

/// Writes one suppression: place, mark and rule on the first line, its notes below. If the rule does not fit
/// on the first line, it is the second note.
fn block(head: &[String], notes: &[String], text: &mut String) {
    let is_wide = head.join(GAP).chars().count() > WIDTH;
    let (head, rule) = match head {
        [place @ .., rule] if is_wide && !place.is_empty() => (place, Some(rule.clone())),
        head => (head, None),
    };
    broken(head.iter().map(String::as_str), GAP, "", text);
    let mut notes = notes.to_vec();
    if let Some(rule) = rule {
        notes.insert(1.min(notes.len()), rule);
    }
    let notes = notes.join("; ");
    broken(notes.split(' '), " ", "  ", text);
}

/// Adds lines of `parts`, as many on each as fit. The first line begins with `indent`, others deeper.
fn broken<'p>(parts: impl Iterator<Item = &'p str>, gap: &str, indent: &str, text: &mut String) {
    let deeper = format!("{indent}  ");
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for part in parts {
        let width = line.chars().count() + gap.len() + part.chars().count();
        if !is_empty && width > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.clone_from(&deeper);
            is_empty = true;
        }
        if !is_empty {
            line.push_str(gap);
        }
        line.push_str(part);
        is_empty = false;
    }
    text.push_str(&line);
    text.push('\n');
}
