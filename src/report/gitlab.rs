//! GitLab's secret detection report, schema 15.
//!
//! GitLab renders names and descriptions as Markdown, so they contain only fixed text. Text of the
//! repository is in fields that GitLab shows literally.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{self, ReportFinding, Text, Validation};
use super::location::{Location as Place, left_out, locations, not_opened, unread};
use crate::severity::Severity;

/// The newest tested version of the schema.
const SCHEMA_VERSION: &str = "15.0.2";
/// Start and end time. The schema requires both, and the same repository must give the same bytes.
const NO_TIME: &str = "1970-01-01T00:00:00";
/// The value of GitLab's own analyzer for a missing commit.
const NO_COMMIT: &str = "0000000";

#[derive(Serialize)]
struct GitlabReport<'a> {
    version: &'static str,
    scan: GitlabScan,
    vulnerabilities: Vec<Vulnerability<'a>>,
}

#[derive(Serialize)]
struct GitlabScan {
    analyzer: Program,
    scanner: Program,
    #[serde(rename = "type")]
    kind: &'static str,
    start_time: &'static str,
    end_time: &'static str,
    status: &'static str,
    messages: Vec<GitlabMessage>,
}

#[derive(Serialize)]
struct Program {
    id: &'static str,
    name: &'static str,
    version: &'static str,
    vendor: Vendor,
}

#[derive(Serialize)]
struct Vendor {
    name: &'static str,
}

#[derive(Serialize)]
struct GitlabMessage {
    level: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Vulnerability<'a> {
    id: String,
    category: &'static str,
    name: &'a str,
    description: String,
    severity: &'static str,
    raw_source_code_extract: String,
    location: GitlabLocation,
    identifiers: [Identifier<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<GitlabLink<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<&'static str, Detail>,
}

/// A field that is shown literally.
#[derive(Serialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct GitlabLocation {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<u32>,
    commit: GitlabCommit,
}

#[derive(Serialize)]
struct GitlabCommit {
    sha: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
}

#[derive(Serialize)]
struct Identifier<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct GitlabLink<'a> {
    name: &'static str,
    url: &'a str,
}

pub(super) fn render(report: &document::Document) -> Vec<u8> {
    let program = || Program {
        id: "unleak",
        name: "unleak",
        version: env!("CARGO_PKG_VERSION"),
        vendor: Vendor { name: "unleak" },
    };
    let is_complete = report.head.complete;
    let document = GitlabReport {
        version: SCHEMA_VERSION,
        scan: GitlabScan {
            analyzer: program(),
            scanner: program(),
            kind: "secret_detection",
            start_time: NO_TIME,
            end_time: NO_TIME,
            status: if is_complete { "success" } else { "failure" },
            messages: messages(report),
        },
        vulnerabilities: report.findings.iter().map(vulnerability).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&document).expect("strings and numbers become JSON");
    bytes.push(b'\n');
    bytes
}

/// Returns messages about unread and excluded data.
fn messages(report: &document::Document) -> Vec<GitlabMessage> {
    let problems = unread(report).into_iter().map(|problem| GitlabMessage {
        level: "warn",
        value: format!("not read: {problem}"),
    });
    let left_out = left_out(report).map(|value| GitlabMessage {
        level: "info",
        value,
    });
    let not_opened = not_opened(report).map(|what| GitlabMessage {
        level: "info",
        value: format!("not opened: {what}"),
    });
    problems.chain(not_opened).chain(left_out).collect()
}

fn vulnerability(finding: &ReportFinding) -> Vulnerability<'_> {
    let first = locations(finding).into_iter().next();
    let name = match finding.description.as_str() {
        "" => &finding.rule_id,
        description => description,
    };
    let pages = [
        ("Make it useless", finding.rotate.as_deref()),
        ("About this kind of secret", finding.docs.as_deref()),
    ];
    Vulnerability {
        id: uuid(&finding.fingerprint),
        category: "secret_detection",
        name,
        description: format!(
            "{name}, found with {} confidence: {}.{} Make it useless at its issuer first: deleting the line is not enough, since history keeps it.{}",
            finding.confidence.name(),
            finding.why(),
            path_remark(finding, first.as_ref()),
            finding
                .advice
                .as_ref()
                .map_or_else(String::new, |advice| format!(" {advice}"))
        ),
        severity: match finding.severity() {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => "Medium",
            Severity::Low => "Low",
            Severity::Info => "Info",
        },
        raw_source_code_extract: finding.secret.shown(),
        location: location(finding, first.as_ref()),
        identifiers: [Identifier {
            kind: "unleak_rule_id",
            name: &finding.rule_id,
            value: &finding.rule_id,
        }],
        links: pages
            .into_iter()
            .filter_map(|(name, page)| {
                let url = page.filter(|page| page.starts_with("http"))?;
                Some(GitlabLink { name, url })
            })
            .collect(),
        details: details(finding),
    }
}

/// Returns the class of its paths, the state, the owner and the permissions.
fn details(finding: &ReportFinding) -> BTreeMap<&'static str, Detail> {
    let class = finding.path_class.map(|class| class.name().to_owned());
    let state = finding.validation.as_ref();
    let details = [
        ("path_class", "Kind of file", class),
        ("state", "State", state.map(Validation::sentence)),
        (
            "whose",
            "Whose it is",
            state.and_then(Validation::whose_line),
        ),
        (
            "can",
            "What it can do",
            state.and_then(Validation::can_line),
        ),
    ];
    let details = details.into_iter().filter_map(|(key, name, value)| {
        let (kind, value) = ("text", value?);
        Some((key, Detail { kind, name, value }))
    });
    details.collect()
}

/// Returns a remark if there is no path, or if the path is not exact.
fn path_remark(finding: &ReportFinding, first: Option<&Place<'_>>) -> &'static str {
    match first.and_then(|first| first.path) {
        _ if finding.redacted_paths => " The path holds a secret and is shown redacted.",
        None => " It is in no file, but in the text of a commit or tag, or in the name of a ref.",
        Some(_) => "",
    }
}

/// Returns the first place: its file, if there is one, and the commit that introduced it.
fn location(finding: &ReportFinding, first: Option<&Place<'_>>) -> GitlabLocation {
    let line = first.and_then(|first| first.line());
    let file = first.and_then(|first| first.path).map(Text::exact);
    let commit = first.and_then(|first| first.commit);
    // The author is known only for the first commit, which belongs to the first place.
    let author = finding.author().filter(|_| commit.is_some());
    GitlabLocation {
        file,
        start_line: line,
        end_line: line,
        commit: GitlabCommit {
            sha: commit.unwrap_or(NO_COMMIT).to_owned(),
            author: author.map(|author| author.name.shown()),
            date: author.map(|author| author.date.clone()),
        },
    }
}

/// Returns the fingerprint as a UUID of version 8, the version for custom digests.
fn uuid(hex: &str) -> String {
    let variant = match hex.as_bytes()[16] {
        b'0' | b'4' | b'8' | b'c' => '8',
        b'1' | b'5' | b'9' | b'd' => '9',
        b'2' | b'6' | b'a' | b'e' => 'a',
        _ => 'b',
    };
    let (time, more, last, rest, node) = (
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..],
    );
    format!("{time}-{more}-8{last}-{variant}{rest}-{node}")
}
