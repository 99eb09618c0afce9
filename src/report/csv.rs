//! CSV: one row per finding, for spreadsheets.

use super::document::{Document, Validation};
use super::escape::escape;
use super::location::{filtered, filters, git_dir_unread, locations, not_opened, unread};

/// The names of the columns.
const HEAD: [&str; 24] = [
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
    "path",
    "redacted_paths",
    "state",
    "state_reason",
    "whose",
    "can",
    "severity",
    "path_class",
];

/// Whether the output begins with a byte order mark, which Excel needs for UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrderMark {
    /// With a byte order mark.
    With,
    /// Without a byte order mark.
    Without,
}

pub(super) fn render(document: &Document, mark: ByteOrderMark) -> Vec<u8> {
    let mut rows: Vec<Vec<String>> = vec![HEAD.map(str::to_owned).to_vec()];
    for finding in &document.findings {
        let places = locations(finding);
        let first = places.first();
        let (author, standing) = (finding.author(), finding.standing());
        let told = |text: Option<String>| text.unwrap_or_default();
        let plain = |text: &str| escape(text.as_bytes());
        let line = first.and_then(|place| place.line());
        let path = first.and_then(|place| place.path);
        let state = finding.validation.as_ref();
        rows.push(vec![
            plain(&finding.fingerprint),
            plain(&finding.rule_id),
            plain(&finding.provider),
            plain(&finding.description),
            finding.confidence.name().to_owned(),
            finding.secret.shown(),
            told(first.map(|place| place.label())),
            told(line.map(|line| line.to_string())),
            told(first.and_then(|place| place.commit).map(plain)),
            told(author.map(|author| author.name.shown())),
            told(author.map(|author| author.email.shown())),
            told(author.map(|author| plain(&author.date))),
            told(standing.map(|standing| standing.in_head.to_string())),
            told(standing.map(|standing| standing.published.to_string())),
            places.len().to_string(),
            told(finding.rotate.as_deref().map(plain)),
            told(path.map(|path| path.exact_with(&['\t', '\r', '\n']))),
            finding.redacted_paths.to_string(),
            told(finding.state_word().map(str::to_owned)),
            told(state.map(|state| state.reason.shown())),
            told(state.and_then(Validation::whose_line)),
            told(state.and_then(Validation::can_line)),
            finding.severity().name().to_owned(),
            told(finding.path_class.map(|class| class.slug().to_owned())),
        ]);
    }
    // The file itself must say that something is missing.
    let noted = |kind: &str, what: String| {
        let mut row = vec![String::new(); HEAD.len()];
        row[1] = kind.to_owned();
        row[3] = what;
        row
    };
    let filtered = filtered(document);
    rows.extend(
        filtered.map(|count| noted("filtered", format!("{count} by {}", filters(document)))),
    );
    rows.extend(
        unread(document)
            .into_iter()
            .map(|what| noted("not-read", what)),
    );
    rows.extend(not_opened(document).map(|what| noted("not-opened", what)));
    rows.extend(
        git_dir_unread(document)
            .into_iter()
            .map(|what| noted("git-directory", what)),
    );
    written(&rows, mark)
}

/// Writes `rows`, which all have the length of [`HEAD`].
fn written(rows: &[Vec<String>], mark: ByteOrderMark) -> Vec<u8> {
    let start = match mark {
        ByteOrderMark::With => "\u{feff}".as_bytes().to_vec(),
        ByteOrderMark::Without => Vec::new(),
    };
    let mut writer = csv::Writer::from_writer(start);
    for row in rows {
        let cells = row.iter().map(|cell| harmless(cell));
        writer
            .write_record(cells)
            .expect("every row has as many cells, and memory takes them");
    }
    writer.into_inner().expect("memory takes it")
}

/// Spreadsheets evaluate cells that begin with these characters: a quote before them makes them
/// text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
