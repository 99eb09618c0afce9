//! A finding as the list shows it. All text is harmless for a terminal.

use std::collections::HashSet;

use unleak::path_class::PathClass;
use unleak::report::document::{PlaceKind, ReportFinding};
use unleak::report::escape::escape;
use unleak::severity::Severity;

use crate::filtered::Filtered;
use crate::saved;

/// A row's worth of a finding.
pub(super) struct ListItem {
    pub(super) rule: String,
    /// The redacted value.
    pub(super) mark: String,
    /// What it is called in a list by secret: the mark, with the id if the mark may stand for several values.
    pub(super) secret: String,
    /// `path:line`, or what holds it.
    pub(super) place: String,
    pub(super) directory: String,
    pub(super) severity: Severity,
    /// The class of its files.
    pub(super) class: &'static str,
    /// What a search looks at, in lower case.
    text: String,
}

impl ListItem {
    pub(super) fn of(finding: &ReportFinding) -> Self {
        let rule = escape(finding.rule_id.as_bytes());
        let mark = finding.secret.shown();
        let place = saved::place(finding);
        let author = finding.author();
        let author = author.map_or_else(String::new, |author| {
            format!("{} {}", author.name.shown(), author.email.shown())
        });
        let id = escape(finding.short_id().as_bytes());
        let description = escape(finding.description.as_bytes());
        let severity = finding.severity();
        let class = finding.path_class.unwrap_or(PathClass::Production).name();
        let paths = finding.paths();
        let paths: Vec<String> = paths.iter().map(|path| escape(path)).collect();
        let paths = paths.join("\n");
        let text = format!(
            "{id}\n{paths}\n{rule}\n{description}\n{mark}\n{place}\n{author}\n{}\n{class}",
            severity.name()
        );
        Self {
            directory: directory(finding),
            severity,
            class,
            text: text.to_lowercase(),
            secret: mark.clone(),
            rule,
            mark,
            place,
        }
    }

    /// Whether a search for `wanted`, in lower case, finds it.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.text.contains(wanted)
    }
}

/// The rows of all findings.
pub(super) fn list(findings: &[ReportFinding]) -> Vec<ListItem> {
    let mut items: Vec<ListItem> = findings.iter().map(ListItem::of).collect();
    let mut seen: HashSet<(String, String)> = HashSet::new();
    let mut shared: HashSet<String> = HashSet::new();
    for item in &items {
        // Two findings of one rule have two values. The mark of a short value tells only its length.
        let is_first = seen.insert((item.rule.clone(), item.mark.clone()));
        if !is_first || item.mark.starts_with('<') {
            shared.insert(item.mark.clone());
        }
    }
    for (item, finding) in items.iter_mut().zip(findings) {
        if shared.contains(&item.mark) {
            let id = escape(finding.short_id().as_bytes());
            item.secret = format!("{} {id}", item.mark);
        }
    }
    items
}

fn directory(finding: &ReportFinding) -> String {
    let Some(path) = saved::path(finding) else {
        return match finding.occurrences.first().map(|place| place.spot.kind) {
            Some(PlaceKind::Commit) => "(commits)".to_owned(),
            Some(PlaceKind::Tag) => "(tags)".to_owned(),
            Some(PlaceKind::Ref | PlaceKind::Reflog) => "(refs)".to_owned(),
            _ => "(no path)".to_owned(),
        };
    };
    match path.shown().rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/"),
        None => "./".to_owned(),
    }
}
