//! JSON: one document, or one object a line. The shape is versioned and described by `docs/report.schema.json`: fields are
//! only added within a version.

use gix::bstr::BString;
use serde::Serialize;

use super::redact::{Redactor, Reveal};
use super::{Report, timestamp};
use crate::audit::CoverageBlock;
use crate::detect::decode::Layer;
use crate::finding::{
    Appearance, Companion, Finding, History, Occurrence, Part, Signature, Spot, Standing,
};
use crate::odb::{ObjectKind, Skipped};

/// Raised when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

/// Text of the repository: a string, or its bytes in base64 if they are not UTF-8.
#[derive(Serialize)]
#[serde(untagged)]
enum Text {
    Utf8(String),
    Bytes { base64: String },
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    unleak_version: &'static str,
    repository: &'a str,
    scope: &'static str,
    complete: bool,
    redacted: bool,
    findings: Vec<FindingEntry<'a>>,
    coverage: CoverageEntry,
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    fingerprint: String,
    rule_id: &'a str,
    provider: &'a str,
    description: &'a str,
    confidence: &'static str,
    reasons: Vec<&'static str>,
    secret: Text,
    rotate: Option<&'a str>,
    docs: Option<&'a str>,
    history: Option<HistoryEntry>,
    occurrences: Vec<OccurrenceEntry>,
    with: Vec<CompanionEntry<'a>>,
}

#[derive(Serialize)]
struct CompanionEntry<'a> {
    fingerprint: String,
    rule_id: &'a str,
    secret: Text,
    occurrences: Vec<OccurrenceEntry>,
}

#[derive(Serialize)]
struct HistoryEntry {
    first: Option<AppearanceEntry>,
    author: Option<AuthorEntry>,
    web: Option<String>,
    objects: usize,
    paths: Vec<Text>,
    appearances: Vec<AppearanceEntry>,
    #[serde(flatten)]
    standing: Option<StandingEntry>,
}

#[derive(Serialize)]
struct StandingEntry {
    in_head: bool,
    published: bool,
    reachable: bool,
    commits: usize,
    branches: Vec<Text>,
    remotes: Vec<Text>,
    tags: Vec<Text>,
    other_refs: Vec<Text>,
    detached_head: bool,
    stash: bool,
    reflog: bool,
    index: bool,
    worktree: bool,
}

#[derive(Serialize)]
struct AuthorEntry {
    name: Text,
    email: Text,
    date: String,
}

#[derive(Serialize)]
struct AppearanceEntry {
    commit: Option<String>,
    path: Option<Text>,
    kind: &'static str,
    part: Option<&'static str>,
    object: String,
    line: u32,
    column: u32,
    wrapping: Vec<LayerEntry>,
    reachable: bool,
}

#[derive(Serialize)]
struct OccurrenceEntry {
    kind: &'static str,
    part: Option<&'static str>,
    object: String,
    name: Option<Text>,
    start: usize,
    end: usize,
    line: u32,
    column: u32,
    wrapping: Vec<LayerEntry>,
}

/// An encoding or a compressed form, or a member of an archive.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LayerEntry {
    Encoding(&'static str),
    Format(&'static str),
    Member(Text),
}

#[derive(Serialize)]
struct CoverageEntry {
    objects: Vec<KindEntry>,
    packs: usize,
    loose: usize,
    alternates: usize,
    shallow_commits: usize,
    submodule_commits: usize,
    worktree_files: usize,
    prerequisites: usize,
    lfs_files: usize,
    lfs_missing: usize,
    allowed_inline: u64,
    below_confidence: usize,
    suppressed: Vec<SuppressedEntry>,
    filtered: usize,
    skipped: Vec<SkippedEntry>,
    unopened: Vec<SkippedEntry>,
}

#[derive(Serialize)]
struct SuppressedEntry {
    fingerprint: String,
    rule_id: String,
    reason: Option<Text>,
    owner: Option<Text>,
    source: &'static str,
}

#[derive(Serialize)]
struct KindEntry {
    kind: &'static str,
    total: u64,
    scanned: u64,
    skipped: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct SkippedEntry {
    reason: &'static str,
    kind: &'static str,
    object: Option<String>,
    detail: Text,
}

/// A line of JSON Lines.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Finding(Box<FindingEntry<'a>>),
    /// The last one: without it, the report was cut off.
    Summary(Box<Summary<'a>>),
}

#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    schema_version: u32,
    unleak_version: &'static str,
    repository: &'a str,
    scope: &'static str,
    complete: bool,
    redacted: bool,
    findings: usize,
    coverage: CoverageEntry,
}

/// One finding a line, then a line that sums up.
pub(super) fn render_lines(report: &Report<'_>) -> Vec<u8> {
    let redactor = Redactor::of(report.audit, report.reveal);
    let findings = report.audit.findings.iter();
    let lines = findings.map(|finding| Line::Finding(Box::new(entry(report, &redactor, finding))));
    let summary = Line::Summary(Box::new(Summary {
        schema: "unleak-report",
        schema_version: SCHEMA_VERSION,
        unleak_version: env!("CARGO_PKG_VERSION"),
        repository: report.subject,
        scope: report.audit.scope.name(),
        complete: report.audit.coverage.is_complete(),
        redacted: report.reveal == Reveal::Redacted,
        findings: report.audit.findings.len(),
        coverage: coverage(&redactor, &report.audit.coverage),
    }));
    let mut bytes = Vec::new();
    for line in lines.chain([summary]) {
        serde_json::to_writer(&mut bytes, &line).expect("strings and numbers become JSON");
        bytes.push(b'\n');
    }
    bytes
}

pub(super) fn render(report: &Report<'_>) -> Vec<u8> {
    let redactor = Redactor::of(report.audit, report.reveal);
    let document = Document {
        schema: "unleak-report",
        schema_version: SCHEMA_VERSION,
        unleak_version: env!("CARGO_PKG_VERSION"),
        repository: report.subject,
        scope: report.audit.scope.name(),
        complete: report.audit.coverage.is_complete(),
        redacted: report.reveal == Reveal::Redacted,
        findings: report
            .audit
            .findings
            .iter()
            .map(|finding| entry(report, &redactor, finding))
            .collect(),
        coverage: coverage(&redactor, &report.audit.coverage),
    };
    let mut bytes = serde_json::to_vec_pretty(&document).expect("strings and numbers become JSON");
    bytes.push(b'\n');
    bytes
}

fn text(redactor: &Redactor, bytes: &[u8]) -> Text {
    plain(redactor.text(bytes).into_owned())
}

fn plain(bytes: Vec<u8>) -> Text {
    match String::from_utf8(bytes) {
        Ok(string) => Text::Utf8(string),
        Err(e) => Text::Bytes {
            base64: data_encoding::BASE64.encode(e.as_bytes()),
        },
    }
}

fn entry<'a>(
    report: &'a Report<'_>,
    redactor: &Redactor,
    finding: &'a Finding,
) -> FindingEntry<'a> {
    let rule = report.rule(&finding.rule_id);
    FindingEntry {
        fingerprint: finding.fingerprint.to_string(),
        rule_id: &finding.rule_id,
        provider: rule.map_or("", |rule| &rule.provider),
        description: rule.map_or("", |rule| &rule.description),
        confidence: finding.confidence.name(),
        reasons: finding.reasons.iter().map(|reason| reason.text()).collect(),
        secret: plain(redactor.secret(&finding.secret)),
        rotate: rule.and_then(|rule| rule.rotate.as_deref()),
        docs: rule.and_then(|rule| rule.docs.as_deref()),
        history: finding
            .history
            .as_ref()
            .map(|history| history_entry(redactor, history, report.page(finding))),
        occurrences: finding
            .occurrences
            .iter()
            .map(|found| occurrence(redactor, found))
            .collect(),
        with: finding
            .with
            .iter()
            .map(|part| companion(redactor, part))
            .collect(),
    }
}

fn companion<'a>(redactor: &Redactor, part: &'a Companion) -> CompanionEntry<'a> {
    let occurrences = part.occurrences.iter();
    CompanionEntry {
        fingerprint: part.fingerprint.to_string(),
        rule_id: &part.rule_id,
        secret: plain(redactor.secret(&part.secret)),
        occurrences: occurrences
            .map(|found| occurrence(redactor, found))
            .collect(),
    }
}

fn history_entry(redactor: &Redactor, history: &History, web: Option<String>) -> HistoryEntry {
    HistoryEntry {
        web,
        first: history
            .first
            .as_ref()
            .map(|first| appearance(redactor, first)),
        author: history
            .author
            .as_ref()
            .map(|author| author_entry(redactor, author)),
        objects: history.objects,
        paths: texts(redactor, &history.paths),
        appearances: history
            .appearances
            .iter()
            .map(|found| appearance(redactor, found))
            .collect(),
        standing: history
            .standing
            .as_ref()
            .map(|standing| standing_entry(redactor, standing)),
    }
}

fn texts(redactor: &Redactor, names: &[BString]) -> Vec<Text> {
    names.iter().map(|name| text(redactor, name)).collect()
}

fn standing_entry(redactor: &Redactor, standing: &Standing) -> StandingEntry {
    let reach = &standing.reach;
    StandingEntry {
        in_head: standing.in_head,
        published: !reach.remotes.is_empty(),
        reachable: reach.by_ref(),
        commits: standing.commits,
        branches: texts(redactor, &reach.branches),
        remotes: texts(redactor, &reach.remotes),
        tags: texts(redactor, &reach.tags),
        other_refs: texts(redactor, &reach.others),
        detached_head: reach.detached_head,
        stash: reach.stash,
        reflog: reach.reflog,
        index: reach.index,
        worktree: reach.worktree,
    }
}

fn author_entry(redactor: &Redactor, author: &Signature) -> AuthorEntry {
    AuthorEntry {
        name: text(redactor, &author.name),
        email: text(redactor, &author.email),
        date: timestamp(author.seconds),
    }
}

fn appearance(redactor: &Redactor, found: &Appearance) -> AppearanceEntry {
    AppearanceEntry {
        commit: found.commit_id.map(|id| id.to_string()),
        path: found.path.as_ref().map(|path| text(redactor, path)),
        kind: found.spot.place.name(),
        part: found.spot.place.part().map(Part::name),
        object: found.object_id.to_string(),
        line: found.spot.position.line,
        column: found.spot.position.column,
        wrapping: wrapping(redactor, &found.spot),
        reachable: found.reachable,
    }
}

fn wrapping(redactor: &Redactor, spot: &Spot) -> Vec<LayerEntry> {
    let layers = spot.wrapping.iter().flat_map(|layers| layers.iter());
    layers
        .map(|layer| match layer {
            Layer::Encoded(encoding) => LayerEntry::Encoding(encoding.name()),
            Layer::Packed(format) => LayerEntry::Format(format.name()),
            Layer::Lfs => LayerEntry::Format("git-lfs"),
            Layer::Member(path) => LayerEntry::Member(text(redactor, path)),
        })
        .collect()
}

fn occurrence(redactor: &Redactor, occurrence: &Occurrence) -> OccurrenceEntry {
    let name = &occurrence.name;
    OccurrenceEntry {
        kind: occurrence.spot.place.name(),
        part: occurrence.spot.place.part().map(Part::name),
        object: occurrence.object_id.to_string(),
        name: (!name.is_empty()).then(|| text(redactor, name)),
        start: occurrence.span.start,
        end: occurrence.span.end,
        line: occurrence.spot.position.line,
        column: occurrence.spot.position.column,
        wrapping: wrapping(redactor, &occurrence.spot),
    }
}

fn coverage(redactor: &Redactor, block: &CoverageBlock) -> CoverageEntry {
    let kinds = ObjectKind::ALL.into_iter().chain([ObjectKind::Unknown]);
    CoverageEntry {
        objects: kinds
            .map(|kind| {
                let found = block.kinds.get(&kind).copied().unwrap_or_default();
                KindEntry {
                    kind: kind.name(),
                    total: found.scanned + found.skipped,
                    scanned: found.scanned,
                    skipped: found.skipped,
                    bytes: found.bytes,
                }
            })
            .collect(),
        packs: block.packs,
        loose: block.loose,
        alternates: block.alternates,
        shallow_commits: block.shallow,
        submodule_commits: block.submodules,
        worktree_files: block.worktree,
        prerequisites: block.prerequisites,
        lfs_files: block.lfs_read,
        lfs_missing: block.lfs_missing,
        allowed_inline: block.allowed_inline,
        below_confidence: block.below_confidence,
        filtered: block.filtered.len(),
        suppressed: block
            .suppressed
            .iter()
            .map(|entry| SuppressedEntry {
                fingerprint: entry.fingerprint.to_string(),
                rule_id: entry.rule_id.clone(),
                reason: entry
                    .reason
                    .as_ref()
                    .map(|reason| text(redactor, reason.as_bytes())),
                owner: entry
                    .owner
                    .as_ref()
                    .map(|owner| text(redactor, owner.as_bytes())),
                source: entry.source,
            })
            .collect(),
        skipped: skipped(redactor, &block.skipped),
        unopened: skipped(redactor, &block.unopened),
    }
}

fn skipped(redactor: &Redactor, list: &[Skipped]) -> Vec<SkippedEntry> {
    list.iter()
        .map(|skipped| SkippedEntry {
            reason: skipped.reason.name(),
            kind: skipped.kind.name(),
            object: skipped.object_id.map(|id| id.to_string()),
            detail: text(redactor, skipped.detail.as_bytes()),
        })
        .collect()
}
