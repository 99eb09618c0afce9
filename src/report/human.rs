//! Terminal text: a verdict first, then at most seven lines a secret, worst first, then what to do.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::escape::escape;
use super::location::holder;
use super::paint::Role;
use super::redact::Redactor;
use super::{Blocked, Report, timestamp};
use crate::audit::{CoverageBlock, Scope};
use crate::detect::decode::Layer;
use crate::finding::{Finding, History, Place, Reach, Spot, Standing};
use crate::odb::ObjectKind;
use crate::rule::Confidence;
use crate::span::Position;

/// Characters of an excerpt on either side of the secret.
const EXCERPT_CHARS: usize = 48;
/// Ref names listed before the rest is counted.
const MAX_NAMES: usize = 3;
/// Objects that could not be read, listed before the rest is counted.
const MAX_SKIPPED: usize = 10;

pub(super) fn render(report: &Report<'_>) -> String {
    let redactor = Redactor::of(report.audit, report.reveal);
    let mut text = String::new();
    verdict(report, &mut text);
    for finding in &report.audit.findings {
        text.push('\n');
        block(report, &redactor, finding, &mut text);
    }
    coverage(report, &redactor, &mut text);
    next_steps(report, &mut text);
    text
}

/// One line a finding, for editors and scripts.
pub(super) fn brief(report: &Report<'_>) -> String {
    let redactor = Redactor::of(report.audit, report.reveal);
    let mut text = String::new();
    for finding in &report.audit.findings {
        let secret = escape(&redactor.secret(&finding.secret));
        let _ = writeln!(
            text,
            "{}: {}: {secret}",
            place(finding, &redactor),
            finding.rule_id
        );
    }
    text
}

pub(super) fn verdict(report: &Report<'_>, text: &mut String) {
    let audit = report.audit;
    let subject = escape(report.subject.as_bytes());
    let complete = audit.coverage.is_complete();
    let counts: Vec<String> = Confidence::ALL
        .iter()
        .rev()
        .filter_map(|&level| {
            let count = audit
                .findings
                .iter()
                .filter(|finding| finding.confidence == level)
                .count();
            (count > 0).then(|| format!("{count} {}", level.name()))
        })
        .collect();
    let found = match audit.findings.len() {
        0 => "no secrets found".to_owned(),
        1 => format!("1 secret found ({})", counts.join(", ")),
        n => format!("{n} secrets found ({})", counts.join(", ")),
    };
    let role = match (audit.findings.is_empty(), complete) {
        (true, true) => Role::Good,
        (true, false) => Role::Warning,
        _ => Role::Alarm,
    };
    let _ = write!(text, "{} in {subject}", report.paint.role(role, &found));
    let _ = match (
        complete,
        audit
            .coverage
            .kinds
            .values()
            .map(|kind| kind.scanned)
            .sum::<u64>(),
    ) {
        (false, _) => writeln!(
            text,
            ", {}",
            report
                .paint
                .role(Role::Alarm, "but not everything could be read")
        ),
        (true, 0) if report.audit.scope == Scope::Repository => {
            writeln!(text, ": it holds no objects yet")
        }
        (true, 0) => writeln!(text, ": nothing is new"),
        (true, _) => writeln!(text, "; everything was read"),
    };
}

/// What a hook says when it blocks: what was found and what to do about it.
pub(super) fn block_message(report: &Report<'_>, blocked: &Blocked<'_>) -> String {
    let redactor = Redactor::of(report.audit, report.reveal);
    let (event, coverage) = (blocked.event, &report.audit.coverage);
    let what = match report.audit.findings.len() {
        0 => "not everything could be read".to_owned(),
        1 => "it brings in a secret".to_owned(),
        count => format!("it brings in {count} secrets"),
    };
    let blocked_by = report.paint.role(Role::Alarm, &format!("{event} blocked"));
    let mut text = format!("unleak: {blocked_by}: {what}\n");
    for finding in &report.audit.findings {
        text.push('\n');
        block(report, &redactor, finding, &mut text);
    }
    if !coverage.is_complete() {
        text.push('\n');
        unread(report, &redactor, &mut text);
    }
    text.push('\n');
    if let Some(finding) = report.audit.findings.first() {
        let mark = allow_comment(finding);
        let (may_stay, test_value) = (mark("why it may stay"), mark("test value"));
        let _ = writeln!(
            text,
            "what to do about each:\n  remove it: {}\n  it may stay: say why, on its line or in a comment line before it:\n    {may_stay}\n  it is a test value: mark it the same way:\n    {test_value}",
            blocked.remove
        );
        let head = "if it ever left this machine, make it useless at its issuer first:";
        rotate(report, head, &mut text);
    }
    if let Some(skip) = blocked.skip {
        let _ = writeln!(text, "to let this one pass unread, on the record: {skip}");
    }
    text
}

/// Writes an allow marker for a finding as a comment of its file's language.
fn allow_comment(finding: &Finding) -> impl Fn(&str) -> String {
    let first = finding
        .history
        .as_ref()
        .and_then(|history| history.first.as_ref());
    let path = first.and_then(|first| first.path.as_ref());
    let extension = path.and_then(|path| path.rsplit(|&byte| byte == b'.').next());
    let (open, close) = match extension.unwrap_or_default() {
        b"c" | b"cc" | b"cpp" | b"cs" | b"dart" | b"go" | b"gradle" | b"groovy" | b"h" | b"hpp"
        | b"java" | b"js" | b"jsx" | b"kt" | b"kts" | b"mjs" | b"php" | b"proto" | b"rs"
        | b"scala" | b"scss" | b"swift" | b"ts" | b"tsx" => ("// ", ""),
        b"css" => ("/* ", " */"),
        b"hs" | b"lua" | b"sql" => ("-- ", ""),
        b"htm" | b"html" | b"md" | b"svg" | b"vue" | b"xml" => ("<!-- ", " -->"),
        b"clj" | b"el" | b"ini" | b"lisp" => ("; ", ""),
        b"json" => ("\"//\": \"", "\","),
        _ => ("# ", ""),
    };
    let rule = finding.rule_id.clone();
    move |why| format!("{open}unleak:allow {rule} {why}{close}")
}

/// The line of the secret, with carets below it.
fn excerpt(report: &Report<'_>, redactor: &Redactor, finding: &Finding, text: &mut String) {
    let paint = report.paint;
    let secret = escape(&redactor.secret(&finding.secret));
    if let Some(excerpt) = &finding.excerpt {
        let before = shorten_start(&escape(&redactor.text(&excerpt.before)));
        let after = shorten_end(&escape(&redactor.text(&excerpt.after)));
        let bar = paint.role(Role::Dim, "   |");
        let _ = writeln!(
            text,
            "{bar} {before}{}{after}",
            paint.role(Role::Secret, &secret)
        );
        let carets = "^".repeat(secret.chars().count());
        let _ = writeln!(
            text,
            "{bar} {}{}",
            " ".repeat(before.chars().count()),
            paint.role(Role::Secret, &carets)
        );
    }
}

fn block(report: &Report<'_>, redactor: &Redactor, finding: &Finding, text: &mut String) {
    let paint = report.paint;
    let level = match finding.confidence {
        Confidence::High => paint.role(Role::Alarm, "high"),
        Confidence::Medium => paint.role(Role::Warning, "medium"),
        Confidence::Low => paint.role(Role::Dim, "low"),
    };
    let rule = report.rule(&finding.rule_id);
    let description = rule.map_or("", |rule| rule.description.as_str());
    let secret = escape(&redactor.secret(&finding.secret));
    let mut with = String::new();
    for part in &finding.with {
        let _ = write!(with, " with {}", escape(&redactor.secret(&part.secret)));
    }
    let _ = writeln!(
        text,
        "{level} {}: {description} {}{with}",
        paint.role(Role::Rule, &finding.rule_id),
        paint.role(Role::Secret, &secret)
    );
    let _ = writeln!(
        text,
        "  {} {}",
        paint.role(Role::Dim, "-->"),
        paint.role(Role::Path, &place(finding, redactor))
    );
    excerpt(report, redactor, finding, text);
    let history = finding.history.as_ref();
    if let Some(history) = history.filter(|_| report.audit.scope.has_commits()) {
        let _ = writeln!(text, "  {}", story(history, redactor));
        if let Some(page) = report.page(finding) {
            let _ = writeln!(text, "  {} {page}", paint.role(Role::Dim, "web:"));
        }
    }
    let reasons: Vec<&str> = finding.reasons.iter().map(|reason| reason.text()).collect();
    let _ = writeln!(
        text,
        "  {} {}",
        paint.role(Role::Dim, "why:"),
        reasons.join(", ")
    );
    let fingerprint = finding.fingerprint.to_string();
    let _ = writeln!(
        text,
        "  {} {}",
        paint.role(Role::Dim, "id:"),
        &fingerprint[..12]
    );
}

/// `path:line`, or what else holds the secret.
fn place(finding: &Finding, redactor: &Redactor) -> String {
    let shown = |text: &[u8]| escape(&redactor.text(text));
    let appearance = finding
        .history
        .as_ref()
        .and_then(|history| history.first.as_ref());
    if let Some(appearance) = appearance
        && let Some(path) = &appearance.path
    {
        return match appearance.spot.place {
            Place::TreeEntry => format!("name of {}", shown(path)),
            _ => inside(&shown(path), &appearance.spot, redactor),
        };
    }
    let first = finding.occurrences.iter();
    let first = match appearance {
        Some(found) => first.clone().find(|o| o.object_id == found.object_id),
        None => first.clone().next(),
    };
    let Some(occurrence) = first else {
        return "?".to_owned();
    };
    let (spot, id, name) = (
        &occurrence.spot,
        occurrence.object_id,
        shown(&occurrence.name),
    );
    let what = holder(spot.place, id, &name);
    match spot.place {
        Place::Blob | Place::Commit(_) | Place::Tag(_) | Place::Worktree => {
            inside(&what, spot, redactor)
        }
        Place::Reflog => format!("{what}, line {}", spot.position.line),
        Place::TreeEntry | Place::Ref | Place::Index => what,
    }
}

/// A spot in what is called `outer`: `outer!member:line:column (encodings)`.
pub(super) fn inside(outer: &str, spot: &Spot, redactor: &Redactor) -> String {
    let mut text = outer.to_owned();
    let mut around = Vec::new();
    for layer in spot.wrapping.iter().flat_map(|layers| layers.iter()) {
        match layer {
            Layer::Member(path) => {
                text.push('!');
                text.push_str(&escape(&redactor.text(path)));
            }
            Layer::Encoded(encoding) => around.push(encoding.name()),
            Layer::Packed(format) => around.push(format.name()),
            Layer::Lfs => around.push("git-lfs"),
        }
    }
    let Position { line, column } = spot.position;
    let _ = write!(text, ":{line}:{column}");
    if !around.is_empty() {
        let _ = write!(text, " ({})", around.join(", "));
    }
    text
}

/// The commit in which it entered.
fn entered(history: &History, redactor: &Redactor) -> String {
    let Some(commit_id) = history.first.as_ref().and_then(|first| first.commit_id) else {
        return "in no commit".to_owned();
    };
    let id = commit_id.to_hex_with_len(10);
    let Some(author) = &history.author else {
        return format!("first in {id}");
    };
    let day = timestamp(author.seconds);
    let day = day.split('T').next().unwrap_or_default();
    let name = escape(&redactor.text(&author.name));
    format!("first in {id} ({day}, {name})")
}

pub(super) fn story(history: &History, redactor: &Redactor) -> String {
    let mut parts = vec![entered(history, redactor)];
    let paths = counted(history.paths.len(), "path");
    let Some(standing) = &history.standing else {
        parts.push(paths);
        return parts.join(" · ");
    };
    parts.push(format!("{}, {paths}", counted(standing.commits, "commit")));
    parts.push(
        if standing.in_head {
            "still in HEAD"
        } else {
            "gone from HEAD"
        }
        .to_owned(),
    );
    parts.extend(reached_by(standing, redactor));
    parts.join(" · ")
}

/// The refs and other places that still reach it.
fn reached_by(standing: &Standing, redactor: &Redactor) -> Vec<String> {
    let mut parts = Vec::new();
    let reach = &standing.reach;
    let name = |name: &gix::bstr::BString| escape(&redactor.text(name));
    let mut on: Vec<String> = reach
        .remotes
        .iter()
        .chain(&reach.branches)
        .take(MAX_NAMES)
        .map(name)
        .collect();
    let rest = (reach.remotes.len() + reach.branches.len()).saturating_sub(MAX_NAMES);
    if rest > 0 {
        on.push(format!("{} more", counted(rest, "branch")));
    }
    match &reach.tags[..] {
        [] => {}
        [tag] => on.push(format!("tag {}", name(tag))),
        tags => on.push(format!("{} tags", tags.len())),
    }
    match &reach.others[..] {
        [] => {}
        [other] => on.push(name(other)),
        others => on.push(format!("{} other refs", others.len())),
    }
    if reach.detached_head {
        on.push("a detached HEAD".to_owned());
    }
    if !on.is_empty() {
        parts.push(format!("on {}", on.join(", ")));
    }
    parts.extend(side_stores(reach).into_iter().map(str::to_owned));
    parts
}

fn side_stores(reach: &Reach) -> Vec<&'static str> {
    let mut parts = Vec::new();
    if !reach.remotes.is_empty() {
        parts.push("published");
    }
    if reach.stash {
        parts.push("in a stash");
    }
    if reach.index {
        parts.push("in the index");
    }
    if reach.worktree {
        parts.push("in the worktree");
    }
    if !reach.by_ref() && reach.reflog {
        parts.push("reached by a reflog only");
    }
    if !(reach.by_ref() || reach.reflog || reach.stash || reach.index || reach.worktree) {
        parts.push("unreachable");
    }
    parts
}

fn counted(count: usize, word: &str) -> String {
    match (count, word) {
        (1, _) => format!("1 {word}"),
        (_, "branch") => format!("{count} branches"),
        _ => format!("{count} {word}s"),
    }
}

/// Keeps the end of the text before a secret: lines can be megabytes long.
pub(super) fn shorten_start(text: &str) -> String {
    let text = text.trim_start();
    let count = text.chars().count();
    if count <= EXCERPT_CHARS {
        return text.to_owned();
    }
    format!(
        "…{}",
        text.chars().skip(count - EXCERPT_CHARS).collect::<String>()
    )
}

pub(super) fn shorten_end(text: &str) -> String {
    let text = text.trim_end();
    if text.chars().count() <= EXCERPT_CHARS {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(EXCERPT_CHARS).collect::<String>())
}

pub(super) fn coverage(report: &Report<'_>, redactor: &Redactor, text: &mut String) {
    let coverage = &report.audit.coverage;
    let mut read: Vec<String> = Vec::new();
    for kind in ObjectKind::ALL {
        let of_kind = coverage.kinds.get(&kind).copied().unwrap_or_default();
        if of_kind.scanned > 0 {
            read.push(counted(
                usize::try_from(of_kind.scanned).unwrap_or(usize::MAX),
                kind.name(),
            ));
        }
    }
    let bytes: u64 = coverage.kinds.values().map(|kind| kind.bytes).sum();
    if !read.is_empty() {
        let megabytes = bytes.div_ceil(1_000_000);
        let stores = match report.audit.scope {
            Scope::Repository | Scope::Bundle => {
                let packs = counted(coverage.packs, "pack");
                format!(" from {packs}, {} loose", coverage.loose)
            }
            Scope::Staged | Scope::Range => " that are new".to_owned(),
            Scope::Text | Scope::Files => String::new(),
        };
        let _ = writeln!(text, "\nread: {} ({megabytes} MB){stores}", read.join(", "));
    }
    notes(coverage, text);
    unread(report, redactor, text);
}

/// What else there is to know about what was read.
fn notes(coverage: &CoverageBlock, text: &mut String) {
    for (count, what) in [
        (
            coverage.alternates,
            "object directories borrowed from other repositories, read",
        ),
        (
            coverage.prerequisites,
            "commits that the bundle builds on are not in it, nor is what they hold",
        ),
        (coverage.lfs_read, "files kept by Git LFS, read"),
        (
            coverage.lfs_missing,
            "files kept by Git LFS are not here and were not read: 'git lfs fetch --all' gets them",
        ),
        (
            coverage.worktree,
            "files of the worktree that are modified or untracked, read",
        ),
        (
            coverage.submodules,
            "submodule commits named, their repositories not entered",
        ),
        (
            usize::try_from(coverage.allowed_inline).unwrap_or(usize::MAX),
            "matches allowed by a marker in the file",
        ),
        (
            coverage.suppressed.len(),
            "findings suppressed by the files in '.unleak': 'unleak ignore list' shows them",
        ),
        (
            coverage.filtered.len(),
            "more findings are not what was asked for by '--rule', '--path' and the like",
        ),
        (
            coverage.below_confidence,
            "more findings of lower confidence: --min-confidence low shows them",
        ),
        (
            coverage.unopened.len(),
            "archives or members of archives are damaged or locked: --format json lists them",
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "note: {count} {what}");
        }
    }
}

/// What should have been read and was not.
fn unread(report: &Report<'_>, redactor: &Redactor, text: &mut String) {
    let coverage = &report.audit.coverage;
    if coverage.shallow > 0 {
        let _ = writeln!(
            text,
            "{} the clone is shallow: history before {} was not read\n  run 'git fetch --unshallow' (in CI: a fetch depth of 0) and scan again",
            report.paint.role(Role::Alarm, "not read:"),
            counted(coverage.shallow, "commit")
        );
    }
    skipped(report, redactor, text);
}

/// What could not be read, the first few by name.
fn skipped(report: &Report<'_>, redactor: &Redactor, text: &mut String) {
    let coverage = &report.audit.coverage;
    if coverage.skipped.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "{} {} could not be read",
        report.paint.role(Role::Alarm, "not read:"),
        counted(coverage.skipped.len(), "item")
    );
    for skipped in coverage.skipped.iter().take(MAX_SKIPPED) {
        let detail = escape(&redactor.text(skipped.detail.as_bytes()));
        let _ = writeln!(text, "  {}: {detail}", skipped.reason.name());
    }
    if let Some(more @ 1..) = coverage.skipped.len().checked_sub(MAX_SKIPPED) {
        let _ = writeln!(text, "  and {more} more: --format json lists all");
    }
}

fn next_steps(report: &Report<'_>, text: &mut String) {
    if report.audit.findings.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\nnext: make every secret above useless at its issuer first; deleting the line is not enough"
    );
    rotate(report, "", text);
    if report.audit.scope == Scope::Repository {
        let _ = writeln!(
            text,
            "  then erase it: unleak purge --finding ID\n  no danger? unleak ignore ID --reason TEXT"
        );
    }
}

/// Where each secret can be made useless, under `head` if there is any.
fn rotate(report: &Report<'_>, head: &str, text: &mut String) {
    let mut pages: BTreeSet<(&str, &str)> = BTreeSet::new();
    for finding in &report.audit.findings {
        let rule = report.rule(&finding.rule_id);
        if let Some((provider, page)) =
            rule.and_then(|rule| Some((rule.provider.as_str(), rule.rotate.as_deref()?)))
        {
            pages.insert((provider, page));
        }
    }
    let mut indent = "  ";
    if !pages.is_empty() && !head.is_empty() {
        let _ = writeln!(text, "  {head}");
        indent = "    ";
    }
    for (provider, page) in pages {
        let _ = writeln!(text, "{indent}{provider}: {page}");
    }
}
