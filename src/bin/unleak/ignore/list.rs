//! `unleak ignore list`: all suppressions, with what they hide.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use unleak::error::Result;
use unleak::finding::{Finding, Fingerprint, Occurrence};
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
    let honoured = ScanRequest {
        inline: InlineAllow::Honoured,
        ..wanted
    };
    let honoured = RepositoryFindings::scan(args, &honoured)?;
    // Without inline markers, all is found with them as without.
    let (found, open) = match honoured.audit.coverage.allowed_inline {
        0 => (honoured, None),
        _ => (RepositoryFindings::scan(args, &wanted)?, Some(honoured)),
    };
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
    if let Some(open) = open {
        inline(findings, &open.audit.findings, &redactor, &mut text);
    }
    if text.is_empty() {
        text.push_str("nothing is suppressed\n");
    }
    output::print(text.as_bytes())
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

/// What inline markers hide: the places that `all` has and `open` has not.
fn inline(all: &[Finding], open: &[Finding], redactor: &Redactor, text: &mut String) {
    let open = open.iter().map(|other| {
        let places: BTreeSet<&Occurrence> = other.occurrences.iter().collect();
        (other.fingerprint, places)
    });
    let open: HashMap<Fingerprint, BTreeSet<&Occurrence>> = open.collect();
    for finding in all {
        let open = open.get(&finding.fingerprint);
        let hidden = finding
            .occurrences
            .iter()
            .filter(|occurrence| open.is_none_or(|open| !open.contains(occurrence)));
        for occurrence in hidden {
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
