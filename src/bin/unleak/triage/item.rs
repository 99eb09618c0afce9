//! A finding as the list shows it. All text is harmless for a terminal.

use unleak::path_class::PathClass;
use unleak::report::document::{PlaceKind, ReportFinding, Text};
use unleak::report::escape::escape;
use unleak::severity::Severity;

/// A row's worth of a finding.
pub(super) struct ListItem {
    pub(super) rule: String,
    /// The redacted value.
    pub(super) mark: String,
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
        let place = place(finding);
        let author = finding.author();
        let author = author.map_or_else(String::new, |author| {
            format!("{} {}", author.name.shown(), author.email.shown())
        });
        let id = escape(finding.short_id().as_bytes());
        let description = escape(finding.description.as_bytes());
        let severity = finding.severity();
        let class = finding.path_class.unwrap_or(PathClass::Production).name();
        let text = format!(
            "{id}\n{rule}\n{description}\n{mark}\n{place}\n{author}\n{}\n{class}",
            severity.name()
        );
        Self {
            directory: directory(finding),
            severity,
            class,
            text: text.to_lowercase(),
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

/// The path at which a finding entered, if it was in a file.
pub(super) fn path(finding: &ReportFinding) -> Option<&Text> {
    let history = finding.history.as_ref();
    let first = history.and_then(|history| history.first.as_ref());
    let named = || {
        let mut places = finding.occurrences.iter();
        let file = |kind: PlaceKind| {
            matches!(
                kind,
                PlaceKind::Worktree | PlaceKind::GitDir | PlaceKind::Index | PlaceKind::TreeEntry
            )
        };
        places.find(|place| file(place.spot.kind))?.name.as_ref()
    };
    first.and_then(|first| first.path.as_ref()).or_else(named)
}

/// The line on which a finding entered, from 1.
pub(super) fn line(finding: &ReportFinding) -> u32 {
    let history = finding.history.as_ref();
    let first = history.and_then(|history| history.first.as_ref());
    let first = first.map(|first| &first.spot);
    let spot = first.or_else(|| finding.occurrences.first().map(|place| &place.spot));
    spot.map_or(1, |spot| spot.line)
}

fn place(finding: &ReportFinding) -> String {
    if let Some(path) = path(finding) {
        return format!("{}:{}", path.shown(), line(finding));
    }
    let Some(first) = finding.occurrences.first() else {
        return "?".to_owned();
    };
    let name = match &first.name {
        Some(name) => name.shown(),
        None => escape(first.object.get(..10).unwrap_or(&first.object).as_bytes()),
    };
    format!("{} {name}", kind(first.spot.kind))
}

fn kind(kind: PlaceKind) -> &'static str {
    match kind {
        PlaceKind::Blob => "blob",
        PlaceKind::Commit => "commit",
        PlaceKind::Tag => "tag",
        PlaceKind::TreeEntry => "file name",
        PlaceKind::Ref => "ref",
        PlaceKind::Reflog => "reflog",
        PlaceKind::Index => "staged path",
        PlaceKind::Worktree | PlaceKind::GitDir => "file",
    }
}

fn directory(finding: &ReportFinding) -> String {
    let Some(path) = path(finding) else {
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
