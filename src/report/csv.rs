//! CSV: one row a finding, for spreadsheets.

use super::escape::escape;
use super::location::{locations, unread};
use super::redact::Redactor;
use super::{Report, timestamp};

/// The names of the columns.
const HEAD: [&str; 16] = [
    "fingerprint",
    "rule",
    "provider",
    "description",
    "confidence",
    "secret",
    "place",
    "line",
    "commit",
    "author",
    "email",
    "date",
    "in_head",
    "published",
    "places",
    "rotate",
];

pub(super) fn render(report: &Report<'_>) -> Vec<u8> {
    let redactor = Redactor::of(report.audit, report.reveal);
    let mut rows: Vec<Vec<String>> = vec![HEAD.map(str::to_owned).to_vec()];
    for finding in &report.audit.findings {
        let rule = report.rule(&finding.rule_id);
        let places = locations(finding);
        let first = places.first();
        let history = finding.history.as_ref();
        let author = history.and_then(|history| history.author.as_ref());
        let standing = history.and_then(|history| history.standing.as_ref());
        let shown = |text: &[u8]| escape(&redactor.text(text));
        let told = |text: Option<String>| text.unwrap_or_default();
        rows.push(vec![
            finding.fingerprint.to_string(),
            finding.rule_id.clone(),
            told(rule.map(|rule| rule.provider.clone())),
            told(rule.map(|rule| rule.description.clone())),
            finding.confidence.name().to_owned(),
            escape(&redactor.secret(&finding.secret)),
            told(first.map(|place| place.label(&redactor))),
            told(
                first
                    .and_then(|place| place.line())
                    .map(|line| line.to_string()),
            ),
            told(
                first
                    .and_then(|place| place.commit_id)
                    .map(|id| id.to_string()),
            ),
            told(author.map(|author| shown(&author.name))),
            told(author.map(|author| shown(&author.email))),
            told(author.map(|author| timestamp(author.seconds))),
            told(standing.map(|standing| standing.in_head.to_string())),
            told(standing.map(|standing| (!standing.reach.remotes.is_empty()).to_string())),
            places.len().to_string(),
            told(rule.and_then(|rule| rule.rotate.clone())),
        ]);
    }
    // Whoever reads only this file must see that something is missing.
    for problem in unread(report, &redactor) {
        let mut row = vec![String::new(); HEAD.len()];
        row[1] = "not-read".to_owned();
        row[3] = problem;
        rows.push(row);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let cells = row.iter().map(|cell| harmless(cell));
        writer
            .write_record(cells)
            .expect("every row has as many cells, and memory takes them");
    }
    writer.into_inner().expect("memory takes it")
}

/// Spreadsheets run cells that begin like this: a quote before them makes them text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
