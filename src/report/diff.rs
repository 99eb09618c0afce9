//! Compares two reports of one repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::document::{Document, ReportFinding};
use super::escape::escape;
use super::location::first_label;
use super::paint::{Paint, Role};

/// The differences. Findings are identified by their fingerprints.
#[derive(Debug, Serialize)]
pub struct Diff<'a> {
    /// Whether both scans were complete. Otherwise missing findings may only be unread.
    pub complete: bool,
    /// Findings that are only in the new report.
    pub added: Vec<&'a ReportFinding>,
    /// Findings that are only in the old report.
    pub gone: Vec<&'a ReportFinding>,
    /// Findings in both reports with changes.
    pub changed: Vec<ChangedFinding<'a>>,
    /// The number of unchanged findings.
    pub same: usize,
}

/// A changed finding.
#[derive(Debug, Serialize)]
pub struct ChangedFinding<'a> {
    /// The finding in the new report.
    pub finding: &'a ReportFinding,
    /// Its changes.
    pub changes: Vec<&'static str>,
}

impl<'a> Diff<'a> {
    /// Compares two reports.
    pub fn between(old: &'a Document, new: &'a Document) -> Self {
        let by_id = |document: &'a Document| -> BTreeMap<&'a str, &'a ReportFinding> {
            let findings = document.findings.iter();
            findings
                .map(|finding| (finding.fingerprint.as_str(), finding))
                .collect()
        };
        let (before, after) = (by_id(old), by_id(new));
        let only = |document: &'a Document, other: &BTreeMap<&str, &ReportFinding>| {
            let findings = document.findings.iter();
            let only = findings.filter(|finding| !other.contains_key(finding.fingerprint.as_str()));
            only.collect::<Vec<_>>()
        };
        let mut diff = Self {
            complete: old.head.complete && new.head.complete,
            added: only(new, &before),
            gone: only(old, &after),
            changed: Vec::new(),
            same: 0,
        };
        for finding in &new.findings {
            let Some(was) = before.get(finding.fingerprint.as_str()) else {
                continue;
            };
            let changes = changes(was, finding);
            if changes.is_empty() {
                diff.same += 1;
            } else {
                diff.changed.push(ChangedFinding { finding, changes });
            }
        }
        diff
    }

    /// Returns one JSON object.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings and numbers become JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Returns text for people: one line per finding.
    pub fn to_text(&self, paint: Paint) -> String {
        let mut text = format!(
            "{} new, {} gone, {} changed, {} as they were\n",
            self.added.len(),
            self.gone.len(),
            self.changed.len(),
            self.same
        );
        if !self.complete {
            let label = paint.role(Role::Alarm, "not everything was read both times:");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{label} what is gone may only be unread");
        }
        for finding in &self.added {
            let _ = writeln!(text, "{} {}", paint.role(Role::Alarm, "new"), told(finding));
        }
        for finding in &self.gone {
            let _ = writeln!(text, "{} {}", paint.role(Role::Good, "gone"), told(finding));
        }
        for ChangedFinding { finding, changes } in &self.changed {
            let label = paint.role(Role::Warning, "changed");
            let _ = writeln!(text, "{label} {}: {}", told(finding), changes.join(", "));
        }
        text
    }
}

fn told(finding: &ReportFinding) -> String {
    let rule_id = escape(finding.rule_id.as_bytes());
    format!(
        "{} {rule_id} {} {} {}",
        finding.short_id(),
        finding.confidence.name(),
        finding.secret.shown(),
        first_label(finding)
    )
}

/// Returns the changes of a finding.
fn changes(was: &ReportFinding, is: &ReportFinding) -> Vec<&'static str> {
    let mut changes = Vec::new();
    if was.confidence < is.confidence {
        changes.push("surer now");
    } else if was.confidence > is.confidence {
        changes.push("less sure now");
    }
    let (Some(before), Some(after)) = (was.standing(), is.standing()) else {
        return changes;
    };
    for (before, after, gained, lost) in [
        (
            before.in_head,
            after.in_head,
            "back in HEAD",
            "gone from HEAD",
        ),
        (
            before.published,
            after.published,
            "published now",
            "no longer published",
        ),
        (
            before.reachable,
            after.reachable,
            "reachable again",
            "unreachable now",
        ),
    ] {
        match (before, after) {
            (false, true) => changes.push(gained),
            (true, false) => changes.push(lost),
            _ => {}
        }
    }
    changes
}
