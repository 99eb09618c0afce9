//! Workflow commands of GitHub Actions, which become annotations of the run and its files.
//!
//! Every line is a command or fixed text. Text of the repository cannot end a line, so it cannot
//! inject a command.

use std::fmt::Write as _;

use super::document::{Document, ReportFinding};
use super::escape::escape;
use super::location::{Location, left_out, locations, path_note, unread, unread_files};
use crate::severity::Severity;

/// Maximum number of places per finding.
const MAX_PLACES: usize = 10;
/// Maximum number of lines about unread data.
const MAX_UNREAD: usize = 10;

pub(super) fn render(document: &Document) -> String {
    let mut text = String::new();
    let places: Vec<_> = document
        .findings
        .iter()
        .map(|finding| (finding, told(finding)))
        .collect();
    // GitHub shows only the first ten annotations of a kind per step: every finding comes once
    // before any comes twice.
    for (finding, locations) in &places {
        if let Some(first) = locations.first() {
            annotate(finding, first, &mut text);
        }
    }
    for (finding, locations) in &places {
        for location in locations.iter().skip(1) {
            annotate(finding, location, &mut text);
        }
    }
    let problems = unread(document);
    for problem in problems.iter().take(MAX_UNREAD) {
        let _ = writeln!(text, "::error title=not read::{}", data(problem));
    }
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_UNREAD) {
        let _ = writeln!(
            text,
            "::error title=not read::{more} more could not be read"
        );
    }
    summary(document, &mut text);
    text
}

/// Returns the places in files; if there are none, all places.
fn told(finding: &ReportFinding) -> Vec<Location<'_>> {
    let all = locations(finding);
    let in_files: Vec<_> = all.iter().filter(|l| l.path.is_some()).copied().collect();
    let mut told = if in_files.is_empty() {
        all.into_iter().take(1).collect()
    } else {
        in_files
    };
    told.truncate(MAX_PLACES);
    told
}

fn annotate(finding: &ReportFinding, location: &Location<'_>, text: &mut String) {
    let command = match finding.severity() {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    };
    let _ = write!(text, "::{command} ");
    if let Some(path) = location.path {
        let _ = write!(text, "file={},", property(&path.exact_with(&['\r', '\n'])));
        if let Some(line) = location.line() {
            let _ = write!(text, "line={line},");
            if let Some(column) = location.column(finding) {
                let _ = write!(text, "col={column},");
            }
        }
    }
    let plain = |text: &str| escape(text.as_bytes());
    let commit = location
        .commit
        .map_or_else(String::new, |id| format!(", first in commit {}", plain(id)));
    let redacted = path_note(finding, "; ");
    let state = finding.validation.as_ref();
    let state = state.map_or_else(String::new, |state| format!("; {}", state.sentence()));
    let message = format!(
        "{} {} in {}{commit}{redacted}{state}; make it useless at its issuer first",
        plain(&finding.description),
        finding.secret.shown(),
        location.label()
    );
    let title = property(&plain(&finding.rule_id));
    let _ = writeln!(text, "title={title}::{}", data(&message));
}

/// Writes one line that is no command. It must not contain text that could be one.
fn summary(document: &Document, text: &mut String) {
    let found = match document.findings.len() {
        0 if document.coverage.filtered > 0 => "no secrets match the filters".to_owned(),
        0 => "no secrets found".to_owned(),
        1 => "1 secret found".to_owned(),
        count => format!("{count} secrets found"),
    };
    let read = match (document.head.complete, unread_files(document)) {
        (true, None) => "everything was read",
        (true, Some(_)) => "everything else was read",
        (false, _) => "but not everything could be read",
    };
    let left_out = left_out(document).map_or_else(String::new, |left| format!("; {left}"));
    let _ = writeln!(text, "unleak: {found}, {read}{left_out}");
}

/// Escapes the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_property_or_a_line_is_escaped() {
        assert_eq!(
            property("a%,b:c\r\n::error::x"),
            "a%25%2Cb%3Ac%0D%0A%3A%3Aerror%3A%3Ax"
        );
        assert_eq!(data("50%\n::error::x, y"), "50%25%0A::error::x, y");
    }
}
