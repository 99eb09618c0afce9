//! Reports: the findings and the coverage, in several formats.
//!
//! ```text
//! recognise < redact;  escape < text < refs, verdict < document;  paint, weblink, document < location < fill
//! location, json < validation, csv, diff, github, gitlab, sarif
//! location < story < junit, summary, markdown < human; escape < rows; human, rows < html < estate
//! ```
//!
//! A scan is converted to a [`Document`] once, through the redactor. All formats are made from this
//! document only, so that a saved report and the scan give the same bytes. The text of a document
//! is untrusted, whether it is from a repository or a file: all formats escape it.

mod csv;
pub mod diff;
pub mod document;
pub mod escape;
pub mod estate;
mod fill;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod junit;
mod location;
mod markdown;
pub mod paint;
mod recognise;
pub mod redact;
pub mod refs;
mod rows;
mod sarif;
mod story;
mod summary;
pub mod text;
pub mod validation;
pub mod verdict;
pub mod weblink;

use self::csv::ByteOrderMark;
pub use document::Document;
pub use fill::ReportSource;
use paint::Paint;
use sarif::Accepted;

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people at a terminal: a few lines per finding.
    Human(ShownFindings),
    /// One line per finding: `path:line: rule: secret`.
    Brief(ShownFindings),
    /// One JSON document, described by `docs/report.schema.json`.
    Json,
    /// One JSON object per line: the findings, then a summary, with the same schema.
    JsonLines,
    /// Workflow commands of GitHub Actions.
    GitHub,
    /// GitLab's secret detection report.
    GitLab,
    /// SARIF 2.1.0.
    Sarif,
    /// The same without suppressed findings, which GitHub would show as alerts.
    SarifForGitHub,
    /// One row per finding.
    Csv,
    /// The same with a byte order mark.
    CsvWithMark,
    /// A summary with a table of the worst findings.
    Markdown,
    /// Test results.
    JUnit,
    /// A single file for a browser.
    Html,
}

/// The number of findings that the report for people shows in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownFindings {
    /// As many as fit into 200 lines; of those of one line each, all.
    Fitting,
    /// This number of the most severe findings.
    First(usize),
    /// All.
    All,
}

/// The event that a hook blocks, and how to continue.
#[derive(Clone, Copy, Debug)]
pub struct Blocked<'a> {
    /// `commit`, `push`, ...
    pub event: &'a str,
    /// How to remove a secret from it.
    pub remove: &'a str,
    /// The command that skips the scan, if there is one.
    pub skip: Option<&'a str>,
}

impl Document {
    /// Returns the message of a blocking hook.
    pub fn block_message(&self, blocked: &Blocked<'_>, paint: Paint) -> Vec<u8> {
        human::block_message(self, blocked, paint).into_bytes()
    }

    /// Returns the report as bytes; only the format for people has colours.
    pub fn render(&self, format: ReportFormat, paint: Paint) -> Vec<u8> {
        match format {
            ReportFormat::Human(shown) => human::render(self, shown, paint).into_bytes(),
            ReportFormat::Brief(shown) => human::brief(self, shown).into_bytes(),
            ReportFormat::Json => self.to_json(),
            ReportFormat::JsonLines => self.to_json_lines(),
            ReportFormat::GitHub => github::render(self).into_bytes(),
            ReportFormat::GitLab => gitlab::render(self),
            ReportFormat::Sarif => sarif::render(self, Accepted::Listed),
            ReportFormat::SarifForGitHub => sarif::render(self, Accepted::LeftOut),
            ReportFormat::Csv => csv::render(self, ByteOrderMark::Without),
            ReportFormat::CsvWithMark => csv::render(self, ByteOrderMark::With),
            ReportFormat::Markdown => markdown::render(self).into_bytes(),
            ReportFormat::JUnit => junit::render(self),
            ReportFormat::Html => html::render(self).into_bytes(),
        }
    }
}

/// Returns seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`; commits may claim impossible times.
fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}
