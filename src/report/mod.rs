//! What the user gets: the findings and the coverage, in one of several formats.
//!
//! ```text
//! escape, redact, paint, weblink < human, json < location < csv, github, gitlab, html, junit, sarif < mod
//! ```
//!
//! A report is made of an [`Audit`] alone, so the same repository and rules give the same bytes.
//! All repository text passes the redactor, and on a terminal the escaper.

mod csv;
pub mod escape;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
mod junit;
mod location;
pub mod paint;
pub mod redact;
mod sarif;
pub mod weblink;

use crate::audit::Audit;
use crate::finding::Finding;
use crate::rule::{Rule, RuleSet};
use paint::Paint;
use redact::Reveal;
use weblink::WebLinks;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Human,
    /// One line a finding: `path:line: rule: secret`.
    Brief,
    /// One JSON document, described by `docs/report.schema.json`.
    Json,
    /// One JSON object a line: the findings, then a summary, by the same schema.
    JsonLines,
    /// Workflow commands of GitHub Actions.
    GitHub,
    /// GitLab's secret detection report.
    GitLab,
    /// SARIF 2.1.0.
    Sarif,
    /// One row a finding.
    Csv,
    /// Test results.
    JUnit,
    /// One file for a browser.
    Html,
}

/// Everything that a report is made of.
pub struct Report<'a> {
    /// What was found and read.
    pub audit: &'a Audit,
    /// The rules it was found with.
    pub rules: &'a RuleSet,
    /// What was scanned, as the user named it.
    pub subject: &'a str,
    /// Where its commits can be looked at.
    pub web: Option<&'a WebLinks>,
    /// Whether values are shown.
    pub reveal: Reveal,
    /// Whether colours are written.
    pub paint: Paint,
}

/// What a hook blocks, and the way out.
#[derive(Clone, Copy, Debug)]
pub struct Blocked<'a> {
    /// `commit`, `push`, ...
    pub event: &'a str,
    /// How to take a secret out of it.
    pub remove: &'a str,
    /// The command that passes it unread, if there is one.
    pub skip: Option<&'a str>,
}

impl Report<'_> {
    /// Returns what a hook says when it blocks.
    pub fn block_message(&self, blocked: &Blocked<'_>) -> Vec<u8> {
        human::block_message(self, blocked).into_bytes()
    }

    /// Returns the report as bytes.
    pub fn render(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Human => human::render(self).into_bytes(),
            Format::Brief => human::brief(self).into_bytes(),
            Format::Json => json::render(self),
            Format::JsonLines => json::render_lines(self),
            Format::GitHub => github::render(self).into_bytes(),
            Format::GitLab => gitlab::render(self),
            Format::Sarif => sarif::render(self),
            Format::Csv => csv::render(self),
            Format::JUnit => junit::render(self),
            Format::Html => html::render(self).into_bytes(),
        }
    }

    /// The page of the commit that brought a finding in, if it was published.
    fn page(&self, finding: &Finding) -> Option<String> {
        let history = finding.history.as_ref()?;
        let standing = history.standing.as_ref()?;
        let is_published = !standing.reach.remotes.is_empty();
        let commit = history.first.as_ref()?.commit_id.filter(|_| is_published)?;
        Some(self.web?.commit(commit))
    }

    fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }
}

/// Returns seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`; commits may claim impossible times.
fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}
