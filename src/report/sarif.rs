//! SARIF 2.1.0, for code scanning. The tests validate it with the schema in `tests/data`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{
    Document, PlaceKind, ReportFinding, ReportPlace, ReportSuppressed, Text, Validation,
};
use super::escape::escape;
use super::location::{Location, left_out, locations, not_opened, path_note, unread};
use crate::path_class::PathClass;
use crate::rule::Confidence;
use crate::severity::Severity;

/// Maximum number of results that GitHub accepts; the most severe come first.
const MAX_RESULTS: usize = 25_000;
/// Maximum number of places of a result that GitHub accepts.
const MAX_LOCATIONS: usize = 1_000;
/// The repository of the program; empty if the package names none.
const HOME: &str = env!("CARGO_PKG_REPOSITORY");
/// The page for rules without a page of an issuer: use of hard-coded credentials.
const WEAKNESS: &str = "https://cwe.mitre.org/data/definitions/798.html";
/// The base of relative paths.
const ROOT: &str = "%SRCROOT%";

#[derive(Serialize)]
struct SarifLog<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun<'a> {
    tool: Tool<'a>,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<SarifResult<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    information_uri: Option<&'static str>,
    rules: Vec<RuleEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleEntry<'a> {
    id: &'a str,
    short_description: SarifMessage,
    help_uri: &'a str,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 2],
    precision: &'static str,
    confidence: &'static str,
    /// The severity of the most severe finding; code hosts order alerts by it.
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

#[derive(Serialize)]
struct SarifMessage {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: SarifMessage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: SarifMessage,
    locations: Vec<LocationEntry>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    /// Empty for unsuppressed results: the standard requires the list in all results or in none.
    suppressions: Vec<Suppression>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_class: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    reasons: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_head: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<bool>,
    /// Whether a path is not exact, because it contains a secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted_paths: bool,
    /// The total number of locations, if not all are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    locations: Option<usize>,
    /// The state, the owner and the permissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<&'a Validation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationEntry {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical_locations: Option<[LogicalLocation; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<LocationProperties>,
}

#[derive(Serialize)]
struct LocationProperties {
    commit: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<SarifRegion>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRegion {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

/// Whether suppressed findings are results, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// Marked as suppressed, as in the standard.
    Listed,
    /// Omitted for GitHub, which would show each as an open alert.
    LeftOut,
}

pub(super) fn render(document: &Document, listed: Accepted) -> Vec<u8> {
    let all = &document.findings;
    let findings = &all[..all.len().min(MAX_RESULTS)];
    let suppressed = match listed {
        Accepted::Listed => document.coverage.suppressed.as_slice(),
        Accepted::LeftOut => &[],
    };
    let suppressed = &suppressed[..suppressed.len().min(MAX_RESULTS - findings.len())];
    let mut by_rule: BTreeMap<&str, RuleOf<'_>> = BTreeMap::new();
    for entry in suppressed {
        by_rule.insert(&entry.rule_id, RuleOf::Suppressed(entry));
    }
    for finding in findings {
        let known = by_rule.get(&*finding.rule_id);
        let is_worse = match known {
            Some(RuleOf::Worst(worst)) => worst.severity() < finding.severity(),
            Some(RuleOf::Suppressed(_)) | None => true,
        };
        if is_worse {
            by_rule.insert(&finding.rule_id, RuleOf::Worst(finding));
        }
    }
    let index: BTreeMap<&str, usize> = by_rule.keys().copied().zip(0..).collect();
    let rules = by_rule.into_iter().map(|(id, worst)| rule_entry(id, worst));
    let rules = rules.collect();
    let results = findings
        .iter()
        .map(|finding| entry(finding, index[finding.rule_id.as_str()]));
    let accepted = suppressed
        .iter()
        .map(|entry| accepted(entry, index[entry.rule_id.as_str()]));
    let results = results.chain(accepted).collect();
    let log = SarifLog {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [SarifRun {
            tool: Tool {
                driver: Driver {
                    name: "unleak",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    information_uri: Some(HOME).filter(|home| !home.is_empty()),
                    rules,
                },
            },
            invocations: [invocation(document)],
            column_kind: "unicodeCodePoints",
            results,
        }],
    };
    let mut bytes = serde_json::to_vec_pretty(&log).expect("strings and numbers become JSON");
    bytes.push(b'\n');
    bytes
}

/// Maximum number of notes about files that were not opened; the summary counts the rest.
const MAX_NOTES: usize = 200;

fn invocation(document: &Document) -> Invocation {
    let mut notifications: Vec<Notification> = unread(document)
        .into_iter()
        .map(|problem| Notification {
            level: "error",
            message: message(&format!("not read: {problem}")),
        })
        .collect();
    notifications.extend(
        not_opened(document)
            .take(MAX_NOTES)
            .map(|what| Notification {
                level: "note",
                message: message(&format!("not opened: {what}")),
            }),
    );
    if let Some(left_out) = left_out(document) {
        notifications.push(Notification {
            level: "note",
            message: message(&left_out),
        });
    }
    let count = document.findings.len();
    if count > MAX_RESULTS {
        let text = format!("only the worst {MAX_RESULTS} of {count} findings are listed here");
        notifications.push(Notification {
            level: "warning",
            message: message(&text),
        });
    }
    Invocation {
        execution_successful: document.head.complete,
        tool_execution_notifications: notifications,
    }
}

/// What is known about a rule.
#[derive(Clone, Copy)]
enum RuleOf<'a> {
    /// Its most severe finding.
    Worst(&'a ReportFinding),
    /// A finding, if all are suppressed.
    Suppressed(&'a ReportSuppressed),
}

/// Returns a rule.
fn rule_entry<'a>(id: &'a str, known: RuleOf<'a>) -> RuleEntry<'a> {
    let (worst, description) = match known {
        RuleOf::Worst(worst) => (Some(worst), &*worst.description),
        RuleOf::Suppressed(entry) => (None, &*entry.description),
    };
    let confidence = worst.map_or(Confidence::Medium, |worst| worst.rule_confidence);
    let severity = worst.map_or(Severity::Low, ReportFinding::severity);
    let rotate = worst.and_then(|worst| worst.rotate.as_deref());
    let docs = worst.and_then(|worst| worst.docs.as_deref());
    RuleEntry {
        id,
        short_description: message(match description {
            "" => id,
            description => description,
        }),
        help_uri: rotate.or(docs).unwrap_or(WEAKNESS),
        help: help(
            rotate,
            docs,
            worst.and_then(|worst| worst.advice.as_deref()),
        ),
        default_configuration: Configuration {
            level: level(confidence),
        },
        properties: RuleProperties {
            tags: ["security", "secret"],
            precision: match confidence {
                Confidence::High => "very-high",
                Confidence::Medium => "high",
                Confidence::Low => "low",
            },
            confidence: confidence.name(),
            security_severity: severity.score(),
        },
    }
}

/// Returns what to do about a finding of a rule, as text and as Markdown.
fn help(rotate: Option<&str>, docs: Option<&str>, advice: Option<&str>) -> Help {
    let first = "Rotate the secret at its issuer first: deleting the line is not enough, since history keeps it.";
    let mut text = first.to_owned();
    let mut steps = vec![match rotate.and_then(markdown_link) {
        Some(page) => format!("Rotate the secret at its issuer: {page}. {REASON}"),
        None => format!("Rotate the secret at its issuer. {REASON}"),
    }];
    if let Some(page) = rotate {
        text.push_str(" Where: ");
        text.push_str(page);
    }
    if let Some(advice) = advice {
        text.push(' ');
        text.push_str(advice);
        steps.push(advice.to_owned());
    }
    steps.push("Erase it from history: `unleak purge` shows what would change.".to_owned());
    steps.push(
        "If it is no danger: `unleak ignore ID --reason TEXT`, with the id in the message."
            .to_owned(),
    );
    if let Some(page) = docs.and_then(markdown_link) {
        steps.push(format!("The issuer's documentation: {page}"));
    }
    let steps = steps.iter().zip(1..);
    let steps: Vec<String> = steps
        .map(|(step, number)| format!("{number}. {step}"))
        .collect();
    Help {
        text,
        markdown: steps.join("\n"),
    }
}

const REASON: &str = "Deleting the line is not enough, since history keeps it.";

/// Returns a URL as a Markdown link; `None` if it is no simple URL.
fn markdown_link(page: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[]\\`\"".contains(c);
    (page.starts_with("https://") && page.chars().all(is_plain)).then(|| format!("<{page}>"))
}

/// Returns a suppressed finding. The report does not have its value.
fn accepted(entry: &ReportSuppressed, rule_index: usize) -> SarifResult<'_> {
    let reason = entry.reason.as_ref().map(Text::shown);
    let owner = entry.owner.as_ref().map(Text::shown);
    let justification = match (reason, owner) {
        (Some(reason), Some(owner)) => Some(format!("{reason} ({owner})")),
        (reason, owner) => reason.or(owner),
    };
    let description = match entry.description.as_str() {
        "" => &entry.rule_id,
        description => description,
    };
    let place = entry.place.as_ref();
    let at = place.map_or_else(String::new, |place| {
        format!(" in {}", escape(place.label.as_bytes()))
    });
    SarifResult {
        rule_id: &entry.rule_id,
        rule_index,
        level: "note",
        message: message(&format!(
            "{}{at}: suppressed ({})",
            escape(description.as_bytes()),
            escape(entry.source.as_bytes())
        )),
        locations: vec![accepted_location(place)],
        partial_fingerprints: fingerprints(&entry.fingerprint),
        suppressions: vec![Suppression {
            kind: "external",
            status: "accepted",
            justification,
        }],
        properties: Properties {
            severity: entry.severity.map(Severity::name),
            path_class: entry.path_class.map(PathClass::slug),
            commit: place.and_then(|place| place.commit.clone()),
            ..Properties::default()
        },
    }
}

/// Returns the place of a suppressed finding; old reports do not have it.
fn accepted_location(place: Option<&ReportPlace>) -> LocationEntry {
    let line = place.and_then(|place| place.line);
    let label = place.filter(|_| line.is_none()).map(|place| &place.label);
    LocationEntry {
        physical_location: PhysicalLocation {
            artifact_location: artifact(place.and_then(|place| place.path.as_ref())),
            region: line.map(|start_line| SarifRegion {
                start_line,
                start_column: None,
                end_column: None,
            }),
        },
        logical_locations: label.map(|label| {
            [LogicalLocation {
                fully_qualified_name: label.clone(),
                kind: "object",
            }]
        }),
        properties: place.and_then(|place| {
            let commit = place.commit.clone()?;
            Some(LocationProperties { commit })
        }),
    }
}

/// Returns the identity of a result across runs.
fn fingerprints(fingerprint: &str) -> BTreeMap<&'static str, String> {
    // GitHub identifies alerts by the second one. Without it, it would use the text of the line,
    // and most of these files are not in the worktree.
    BTreeMap::from([
        ("unleakFingerprint/v1", fingerprint.to_owned()),
        ("primaryLocationLineHash", format!("{fingerprint}:1")),
    ])
}

fn level(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "error",
        Confidence::Medium => "warning",
        Confidence::Low => "note",
    }
}

fn level_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// Escapes links and placeholders, which are part of SARIF messages (3.11.5 and 3.11.6).
fn message(text: &str) -> SarifMessage {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '[' | ']' => plain.push('\\'),
            '{' | '}' => plain.push(character),
            _ => {}
        }
        plain.push(character);
    }
    SarifMessage { text: plain }
}

fn entry(finding: &ReportFinding, rule_index: usize) -> SarifResult<'_> {
    let description = match finding.description.as_str() {
        "" => "secret",
        description => description,
    };
    let all = locations(finding);
    let secret = finding.secret.shown();
    let place = all
        .first()
        .map_or_else(String::new, |first| format!(" in {}", first.label()));
    let redacted = path_note(finding, "; ");
    let standing = finding.standing();
    let state = finding.state_word();
    let state = state.map_or_else(String::new, |state| format!("{state}: "));
    SarifResult {
        rule_id: &finding.rule_id,
        rule_index,
        level: level_of(finding.severity()),
        message: message(&format!(
            "{state}{description} {secret}{place}{redacted} (id {})",
            finding.short_id()
        )),
        locations: all
            .iter()
            .take(MAX_LOCATIONS)
            .map(|place| location(finding, place))
            .collect(),
        partial_fingerprints: fingerprints(&finding.fingerprint),
        suppressions: Vec::new(),
        properties: Properties {
            severity: Some(finding.severity().name()),
            confidence: Some(finding.confidence.name()),
            path_class: finding.path_class.map(PathClass::slug),
            reasons: &finding.reasons,
            commit: all
                .first()
                .and_then(|first| first.commit)
                .map(str::to_owned),
            in_head: standing.map(|standing| standing.in_head),
            published: standing.map(|standing| standing.published),
            redacted_paths: finding.redacted_paths,
            locations: (all.len() > MAX_LOCATIONS).then_some(all.len()),
            validation: finding.validation.as_ref(),
        },
    }
}

fn location(finding: &ReportFinding, place: &Location<'_>) -> LocationEntry {
    let line = place.line();
    LocationEntry {
        physical_location: PhysicalLocation {
            artifact_location: artifact(place.path),
            region: line.map(|start_line| {
                let columns = place.columns(finding);
                SarifRegion {
                    start_line,
                    start_column: columns.map(|(start, _)| start),
                    end_column: columns.and_then(|(_, end)| end),
                }
            }),
        },
        logical_locations: line.is_none().then(|| {
            [LogicalLocation {
                fully_qualified_name: place.label(),
                kind: match place.spot.kind {
                    PlaceKind::Blob | PlaceKind::Worktree | PlaceKind::GitDir
                        if place.path.is_some() =>
                    {
                        "member"
                    }
                    PlaceKind::Blob
                    | PlaceKind::Commit
                    | PlaceKind::Tag
                    | PlaceKind::Worktree
                    | PlaceKind::GitDir => "object",
                    PlaceKind::TreeEntry
                    | PlaceKind::Ref
                    | PlaceKind::Reflog
                    | PlaceKind::Index => "name",
                },
            }]
        }),
        properties: place.commit.map(|id| LocationProperties {
            commit: id.to_owned(),
        }),
    }
}

/// Returns the directory of the repository for results without a file: readers refuse a whole
/// report for one result without a location.
fn no_file() -> ArtifactLocation {
    ArtifactLocation {
        uri: ".git".to_owned(),
        uri_base_id: Some(ROOT),
    }
}

/// Returns the file.
fn artifact(path: Option<&Text>) -> ArtifactLocation {
    let Some(path) = path else {
        return no_file();
    };
    let path = path.bytes();
    // Only standard input has this name.
    let is_absolute = path.starts_with(b"/");
    let scheme = if is_absolute { "file://" } else { "" };
    ArtifactLocation {
        uri: format!("{scheme}{}", percent_encoded(&path)),
        uri_base_id: (!is_absolute).then_some(ROOT),
    }
}

fn percent_encoded(path: &[u8]) -> String {
    let mut encoded = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_neither_links_nor_placeholders() {
        let text = message("[x](https://example.org) {0} \\").text;
        assert_eq!(text, "\\[x\\](https://example.org) {{0}} \\\\");
    }

    #[test]
    fn a_path_becomes_a_relative_uri() {
        assert_eq!(
            percent_encoded(b"a b/c:d%\xff#?"),
            "a%20b/c%3Ad%25%FF%23%3F"
        );
    }
}
