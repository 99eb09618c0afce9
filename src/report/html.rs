//! HTML: a single file without dependencies. The findings are JSON in the page. Its script creates
//! only the visible rows, so that ten thousand findings are as fast as ten.
//!
//! Text of the repository cannot inject code: the template engine escapes its values, the JSON
//! contains no character that could end its element, and the script creates only text nodes. In
//! addition, the content security policy of the page permits only its own script, and loads
//! nothing.

use minijinja::{Environment, context};
use sha2::{Digest, Sha256};

use super::document::{Document, ReportFinding, ReportHistory, ReportMilestone, Text};
use super::escape::escape;
use super::human::{coverage, line, verdict};
use super::location::{Location, locations, not_opened, unread};
use super::paint::Paint;
use super::refs::RefKind;
use super::rows::{Data, HtmlPlace, HtmlRow, now};
use super::story::{boundary, commit, reached_by};
use crate::audit::Scope;
use crate::path_class::PathClass;
use crate::report::text::counted;
use crate::rule::Confidence;
use crate::severity::Severity;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Maximum number of listed remote-tracking branches per finding; the rest is counted.
const MAX_NAMES: usize = 5;
/// Maximum number of listed places per finding; the rest is counted. With shared strings, a page
/// with 10,000 findings thus stays below 5 MB.
const MAX_PLACES: usize = 20;
/// Maximum number of listed files that could not be read, or were not opened.
const MAX_UNREAD: usize = 100;
/// Length of abbreviated commit ids.
const SHORT_ID: usize = 10;

/// A page with findings.
pub(super) struct Page {
    /// The scanned repository.
    pub(super) subject: String,
    /// The result in one sentence.
    pub(super) verdict: String,
    /// Whether there are findings or problems.
    pub(super) is_bad: bool,
    /// The coverage, line by line.
    pub(super) read: String,
    /// Data that could not be read.
    pub(super) problems: Vec<String>,
    /// Files that were not opened.
    pub(super) unopened: Vec<String>,
    /// Findings of an earlier report that are gone; `None` without an earlier report.
    pub(super) gone: Option<Vec<String>>,
    /// The findings, for the script.
    pub(super) data: Data,
}

pub(super) fn render(document: &Document) -> String {
    let (mut said, mut read) = (String::new(), String::new());
    // The style sheet defines the colours.
    verdict(document, Paint::Off, &mut said);
    coverage(document, Paint::Off, &mut read);
    let mut data = Data::default();
    data.has_commands = document.head.scope == Scope::Repository;
    for finding in &document.findings {
        let row = data.row(document, finding);
        data.add(row);
    }
    Page {
        subject: document.head.repository.clone(),
        verdict: said,
        is_bad: !document.findings.is_empty() || !document.head.complete,
        read,
        problems: listed(unread(document)),
        unopened: listed(not_opened(document).collect()),
        gone: None,
        data,
    }
    .render()
}

/// Truncates a list, and says how many items it lacks.
fn listed(mut list: Vec<String>) -> Vec<String> {
    if let Some(more @ 1..) = list.len().checked_sub(MAX_UNREAD) {
        list.truncate(MAX_UNREAD);
        list.push(format!("and {more} more: '--format json' lists all"));
    }
    list
}

impl Page {
    /// Writes the page.
    pub(super) fn render(&self) -> String {
        let mut environment = Environment::new();
        // The file extension enables the escaping of all values.
        environment
            .add_template("page.html", TEMPLATE)
            .expect("the template is one: a test renders it");
        let template = environment.get_template("page.html");
        let template = template.expect("it was just added");
        let values = context! {
            subject => escape(self.subject.as_bytes()),
            verdict => self.verdict.trim(),
            is_bad => self.is_bad,
            is_empty => self.data.is_empty(),
            is_estate => self.data.is_estate,
            read => self.read.trim(),
            problems => self.problems.clone(),
            unopened => self.unopened.clone(),
            gone => self.gone.clone(),
            data => minijinja::Value::from_safe_string(within_script(&self.data.to_json())),
            style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            script => minijinja::Value::from_safe_string(SCRIPT.to_owned()),
            style_digest => digest(STYLE),
            script_digest => digest(SCRIPT),
        };
        template
            .render(values)
            .expect("all that the template names is there")
    }
}

/// Returns the digest of a style or script for the content security policy.
fn digest(text: &str) -> String {
    let digest = data_encoding::BASE64.encode(&Sha256::digest(text.as_bytes()));
    format!("sha256-{digest}")
}

/// Escapes JSON for a script element. These characters can only be in strings, where an escape has
/// the same meaning.
fn within_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + json.len() / 64);
    for character in json.chars() {
        match character {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            other => safe.push(other),
        }
    }
    safe
}

impl Data {
    fn row(&mut self, document: &Document, finding: &ReportFinding) -> HtmlRow {
        let all = locations(finding);
        let places: Vec<HtmlPlace> = all
            .iter()
            .take(MAX_PLACES)
            .map(|at| self.place(at))
            .collect();
        let file = all.first().filter(|first| first.plain().is_none());
        let file = file.and_then(|first| first.path.map(Text::shown));
        let author = finding.author();
        let history = finding.history.as_ref();
        let page = |page: &Option<String>| page.clone().unwrap_or_default();
        let mut row = HtmlRow {
            id: finding.short_id().to_owned(),
            rule: self.rule([
                &finding.rule_id,
                &finding.provider,
                &finding.description,
                &page(&finding.rotate),
                &page(&finding.docs),
            ]),
            severity: Self::position(&Severity::ALL, &finding.severity()),
            confidence: Self::position(&Confidence::ALL, &finding.confidence),
            class: finding
                .path_class
                .map(|class| Self::position(&PathClass::ALL, &class)),
            secret: finding.secret.shown(),
            line: line(finding).map(|(before, after)| [before, after]),
            author: author.map(|author| self.text(&author.name.shown())),
            date: author.map(|author| self.text(&author.day())),
            more: all.len() - places.len(),
            places,
            file: file.map(|file| self.text(&file)),
            now: finding
                .standing()
                .map(|at| now(at.in_head, at.published, at.reachable)),
            ..HtmlRow::default()
        };
        if let Some(history) = history.filter(|_| document.head.scope.has_commits()) {
            self.story(document, history, &mut row);
        }
        self.facts(finding, &mut row);
        row
    }

    fn place(&mut self, at: &Location<'_>) -> HtmlPlace {
        let commit = at.commit.map(|id| id.get(..SHORT_ID).unwrap_or(id));
        let commit = commit.map(|id| self.text(id));
        match at.plain() {
            Some((path, line, column)) => HtmlPlace {
                text: self.text(&path),
                line: line as usize,
                column: column as usize,
                commit,
                remark: None,
            },
            None => HtmlPlace {
                text: self.text(&at.short_label(SHORT_ID)),
                commit,
                ..HtmlPlace::default()
            },
        }
    }

    /// Adds the first and last commit, the removal, and the current places.
    fn story(&mut self, document: &Document, history: &ReportHistory, row: &mut HtmlRow) {
        let first = history.first.as_ref();
        if let Some(id) = first.and_then(|first| first.commit.as_deref()) {
            let page = history.web.as_deref();
            let base = page.and_then(|page| page.strip_suffix(id));
            row.web = base.map(|base| (self.text(base), escape(id.as_bytes())));
            if let Some(boundary) = boundary(document, history) {
                self.note("history", boundary, row);
            }
        }
        let Some(standing) = &history.standing else {
            return;
        };
        let milestones = [
            ("last in", &standing.last),
            ("removed by", &standing.removed),
        ];
        for (label, at) in milestones {
            if let Some(at) = at {
                let text = milestone(at);
                self.note(label, &text, row);
            }
        }
        if standing.published {
            let refs = &standing.refs;
            let names = refs.first(RefKind::Remote, MAX_NAMES).into_iter();
            let mut names = names.map(Text::shown).collect::<Vec<_>>().join(", ");
            if let Some(more @ 1..) = refs.count(RefKind::Remote).checked_sub(MAX_NAMES) {
                names = format!("{names} and {more} more");
            }
            self.note("published on", &names, row);
        }
        let reached = reached_by(standing).join(" · ");
        if !reached.is_empty() {
            self.note(
                "reached from",
                reached.strip_prefix("on ").unwrap_or(&reached),
                row,
            );
        }
        let held = format!(
            "{} and {}",
            counted(standing.commits, "commit"),
            counted(history.paths.len(), "path")
        );
        self.note("held by", &held, row);
    }

    /// Adds other facts about a finding.
    fn facts(&mut self, finding: &ReportFinding, row: &mut HtmlRow) {
        if let Some(state) = &finding.validation {
            self.note("state", &state.sentence(), row);
            for (label, line) in [("whose", state.whose_line()), ("can do", state.can_line())] {
                if let Some(line) = line {
                    self.note(label, &line, row);
                }
            }
        }
        self.note("why", &finding.why(), row);
        for part in &finding.with {
            self.note("with", &part.secret.shown(), row);
        }
        if let Some(day) = &finding.first_seen {
            self.note("first reported", day, row);
        }
        if finding.redacted_paths {
            self.note("name", "the path holds a secret and is shown redacted", row);
        }
        if finding.redacted_refs {
            let note = "the name of a ref holds a secret and is shown redacted";
            self.note("name", note, row);
        }
    }
}

/// Formats a commit with its day and author.
fn milestone(at: &ReportMilestone) -> String {
    commit(&at.commit, at.author.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_page_cannot_end_its_element_and_means_the_same() {
        let hostile = "</script><!--<script>\u{2028}\u{2029}&lt;\"\\";
        let json = serde_json::to_string(hostile).unwrap();
        let safe = within_script(&json);
        assert!(
            !safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
            "{safe}"
        );
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
    }
}
