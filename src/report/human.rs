//! Text for terminals: a verdict, a few lines per secret (most severe first), and the next steps.
//! At most 200 lines, unless the user asks for all findings.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::document::{Document, ReportCoverage, ReportFinding};
use super::escape::{escape, escape_line};
use super::location::{
    filtered, filters, first_label, git_dir_unread, locations, main_label, path_note, ref_note,
    rules_off, telling_label, unread_files,
};
use super::paint::{Paint, Role};
use super::story::{also_in, also_on, story};
use super::{Blocked, ShownFindings, summary};
use crate::audit::Scope;
use crate::report::text::counted;
use crate::severity::Severity;

/// Characters of an excerpt on either side of the secret.
const EXCERPT_CHARS: usize = 48;
/// Columns of a tab in an excerpt.
/// Maximum number of lines about findings, including their overview. The text before and after them
/// has at most 50 lines.
const MAX_LINES: usize = 150;
/// Maximum number of listed pages of issuers; the rest is counted.
const MAX_PAGES: usize = 10;
/// Maximum number of listed unreadable objects; the rest is counted.
const MAX_SKIPPED: usize = 10;

pub(super) fn render(document: &Document, shown: ShownFindings, paint: Paint) -> String {
    let mut text = String::new();
    verdict(document, paint, &mut text);
    let is_large = document.findings.len() > summary::MAX_WITHOUT;
    if is_large {
        summary::table(document, paint, &mut text);
    }
    let mut wanted: Vec<&ReportFinding> = document.findings.iter().collect();
    let mut folded = Vec::new();
    if is_large && shown != ShownFindings::All {
        // A secret that works matters wherever it is.
        let is_folded = |finding: &&ReportFinding| finding.is_aside() && !finding.is_active();
        (folded, wanted) = wanted.into_iter().partition(is_folded);
        // Without other findings, these are shown.
        if wanted.is_empty() {
            std::mem::swap(&mut folded, &mut wanted);
        }
    }
    let mut aside = String::new();
    summary::folded(&folded, paint, &mut aside);
    let used = text.lines().count() + aside.lines().count();
    blocks(document, &wanted, (shown, used, ALL), paint, &mut text);
    text.push_str(&aside);
    coverage(document, paint, &mut text);
    next_steps(document, &wanted, &mut text);
    text
}

/// How to show all findings.
const ALL: &str = "'--all' prints every finding, '--format json' writes them for programs";

/// Writes the findings: the selected number in full, or as many as fit into [`MAX_LINES`] lines, of
/// which `used` are taken; then one line for each other finding; then the number of the rest. `all`
/// says how to show all.
fn blocks(
    document: &Document,
    findings: &[&ReportFinding],
    (shown, used, all): (ShownFindings, usize, &str),
    paint: Paint,
    text: &mut String,
) {
    let mut blocks: Vec<String> = Vec::new();
    let mut lines = 0;
    let max_lines = MAX_LINES.saturating_sub(used);
    for finding in findings {
        let is_enough = match shown {
            ShownFindings::Fitting => lines > max_lines,
            ShownFindings::First(count) => blocks.len() >= count,
            ShownFindings::All => false,
        };
        if is_enough {
            break;
        }
        let block = format!("\n{}", block(document, paint, finding));
        lines += block.matches('\n').count();
        blocks.push(block);
    }
    if shown == ShownFindings::Fitting && lines > max_lines {
        // Reserve a line for each other finding, a blank line, and one for the rest; but use at
        // least half of the lines for full findings.
        let fits = |lines: usize, count: usize| {
            lines <= max_lines / 2 || lines + (findings.len() - count) + 2 <= max_lines
        };
        while let Some(last) = blocks.last()
            && !fits(lines, blocks.len())
        {
            lines -= last.matches('\n').count();
            blocks.pop();
        }
    }
    text.push_str(&blocks.concat());
    let others = &findings[blocks.len()..];
    if others.is_empty() {
        return;
    }
    text.push('\n');
    let room = match shown {
        ShownFindings::Fitting => max_lines.saturating_sub(lines + 2),
        ShownFindings::First(_) | ShownFindings::All => 0,
    };
    for finding in others.iter().take(room) {
        text.push_str(&one_line(paint, finding));
    }
    if let Some(more @ 1..) = others.len().checked_sub(room) {
        let _ = writeln!(text, "and {}: {all}", counted(more, "more finding"));
    }
}

/// Formats a finding on one line.
fn one_line(paint: Paint, finding: &ReportFinding) -> String {
    format!(
        "{} {}{}: {} {} {}\n",
        level(paint, finding.severity()),
        state_mark(paint, finding),
        paint.role(Role::Rule, &plain(&finding.rule_id)),
        paint.role(Role::Path, &main_label(finding)),
        paint.role(Role::Secret, &finding.secret.shown()),
        paint.role(Role::Dim, finding.short_id()),
    )
}

/// Formats one line per finding, for editors and scripts.
pub(super) fn brief(document: &Document, shown: ShownFindings) -> String {
    let mut text = String::new();
    let count = match shown {
        ShownFindings::First(count) => count,
        ShownFindings::Fitting | ShownFindings::All => usize::MAX,
    };
    for finding in document.findings.iter().take(count) {
        let (place, rule_id) = (first_label(finding), plain(&finding.rule_id));
        let name = match finding.redacted_paths {
            true => " (path redacted)",
            false => "",
        };
        let telling = telling_label(finding);
        let telling = telling.map_or_else(String::new, |place| format!(" (also {place})"));
        let state = finding.state_word();
        let state = state.map_or_else(String::new, |state| format!(" [{state}]"));
        let secret = finding.secret.shown();
        let _ = writeln!(text, "{place}: {rule_id}: {secret}{telling}{name}{state}");
    }
    text
}

fn plain(text: &str) -> String {
    escape(text.as_bytes())
}

pub(super) fn verdict(document: &Document, paint: Paint, text: &mut String) {
    let (head, findings) = (&document.head, &document.findings);
    let subject = plain(&head.repository);
    let levels = Severity::ALL.iter().filter_map(|&level| {
        let of_level = |finding: &&ReportFinding| finding.severity() == level;
        let count = findings.iter().filter(of_level).count();
        (count > 0).then(|| format!("{count} {}", level.name()))
    });
    let counts: Vec<String> = levels.collect();
    let found = match findings.len() {
        0 => "no secrets found".to_owned(),
        1 => format!("1 secret found ({})", counts.join(", ")),
        n => format!("{n} secrets found ({})", counts.join(", ")),
    };
    let role = match (findings.is_empty(), head.complete) {
        (true, true) if document.coverage.filtered == 0 => Role::Good,
        (true, _) => Role::Warning,
        _ => Role::Alarm,
    };
    let scanned: u64 = document
        .coverage
        .objects
        .iter()
        .map(|kind| kind.scanned)
        .sum();
    let of = match head.scope {
        Scope::Objects => "a part of ",
        Scope::Range => "the chosen commits of ",
        Scope::Staged => "what is staged in ",
        Scope::Repository | Scope::Text | Scope::Files | Scope::Bundle => "",
    };
    let filtered = filtered(document);
    let _ = match (&filtered, findings.len()) {
        (Some(filtered), 0) => {
            let none = format!("no secrets match {}", filters(document));
            let none = paint.role(role, &none);
            write!(text, "{none} in {of}{subject}: {filtered}")
        }
        (Some(filtered), _) => {
            let found = paint.role(role, &found);
            let filters = filters(document);
            write!(text, "{found} in {of}{subject}; {filtered} by {filters}")
        }
        (None, _) => write!(text, "{} in {of}{subject}", paint.role(role, &found)),
    };
    read_word(document, scanned, paint, text);
    if let Some(counts) = document.state_counts() {
        let _ = writeln!(text, "{counts}");
    }
}

/// Writes whether everything was read, and which rules are disabled.
fn read_word(document: &Document, scanned: u64, paint: Paint, text: &mut String) {
    let head = &document.head;
    let is_part = matches!(head.scope, Scope::Objects | Scope::Range | Scope::Staged);
    let excluded = document.coverage.excluded;
    let off = rules_off(document).map_or_else(String::new, |off| format!(", but {off}"));
    let read = match is_part {
        true => "all of that",
        false => "everything",
    };
    let _ = match (head.complete, scanned) {
        (false, _) => {
            let but = paint.role(Role::Alarm, "but not everything could be read");
            writeln!(text, ", {but}")
        }
        (true, _) if excluded > 0 => {
            let excluded = counted(excluded, "path");
            writeln!(text, "; everything else was read, {excluded} excluded{off}")
        }
        (true, 0) if head.scope == Scope::Repository => {
            writeln!(text, ": it holds no objects yet")
        }
        (true, 0) if head.scope == Scope::Objects => {
            writeln!(text, ": there is nothing to scan in it")
        }
        (true, 0) if head.scope == Scope::Files => writeln!(text, ": no file was read"),
        (true, 0) => writeln!(text, ": nothing is new"),
        (true, _) => match unread_files(document) {
            Some(but) => writeln!(text, "; {read} was read, but {but}{off}"),
            None => writeln!(text, "; {read} was read{off}"),
        },
    };
}

/// Returns the message of a blocking hook: the findings and what to do about them.
pub(super) fn block_message(document: &Document, blocked: &Blocked<'_>, paint: Paint) -> String {
    let event = blocked.event;
    let what = match document.findings.len() {
        0 => "not everything could be read".to_owned(),
        1 => "it brings in a secret".to_owned(),
        count => format!("it brings in {count} secrets"),
    };
    let blocked_by = paint.role(Role::Alarm, &format!("{event} blocked"));
    let mut text = format!("unleak: {blocked_by}: {what}\n");
    let all = match document.head.scope {
        Scope::Staged => "'unleak scan --staged --all' prints every finding",
        Scope::Range => "'unleak scan --range A..B --all' prints every finding of these commits",
        _ => "'unleak scan --all' prints every finding",
    };
    let findings: Vec<&ReportFinding> = document.findings.iter().collect();
    blocks(
        document,
        &findings,
        (ShownFindings::Fitting, 0, all),
        paint,
        &mut text,
    );
    if !document.head.complete {
        text.push('\n');
        unread(&document.coverage, paint, &mut text);
    }
    text.push('\n');
    if let Some(finding) = document.findings.first() {
        let mark = allow_comment(finding);
        let (may_stay, test_value) = (mark("why it may stay"), mark("test value"));
        let _ = writeln!(
            text,
            "what to do about each:\n  remove it: {}\n  it may stay: say why, on its line or in a comment line before it:\n    {may_stay}\n  it is a test value: mark it the same way:\n    {test_value}",
            blocked.remove
        );
        let head = "if it ever left this machine, make it useless at its issuer first:";
        rotate(&findings, head, &mut text);
    }
    if let Some(skip) = blocked.skip {
        let _ = writeln!(text, "to let this one pass unread, on the record: {skip}");
    }
    text
}

/// Writes an allow marker for a finding as a comment of its file's language.
fn allow_comment(finding: &ReportFinding) -> impl Fn(&str) -> String {
    let first = locations(finding).into_iter().next();
    let path = first.and_then(|first| Some(first.path?.bytes()));
    let path = path.unwrap_or_default();
    let extension = path.rsplit(|&byte| byte == b'.').next();
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
    let rule = plain(&finding.rule_id);
    move |why| format!("{open}unleak:allow {rule} {why}{close}")
}

/// Writes the line of the secret, with carets below it.
fn excerpt(paint: Paint, finding: &ReportFinding, text: &mut String) {
    let Some((before, after)) = line(finding) else {
        return;
    };
    let secret = finding.secret.shown();
    let bar = paint.role(Role::Dim, "   |");
    let shown = paint.role(Role::Secret, &secret);
    let _ = writeln!(text, "{bar} {before}{shown}{after}");
    let blanks = " ".repeat(before.chars().count());
    let carets = "^".repeat(secret.chars().count());
    let _ = writeln!(text, "{bar} {blanks}{}", paint.role(Role::Secret, &carets));
}

/// Returns the text before and after the secret on its line, truncated.
pub(super) fn line(finding: &ReportFinding) -> Option<(String, String)> {
    let excerpt = finding.excerpt.as_ref()?;
    Some((
        shorten_start(&escape_line(&excerpt.before.bytes())),
        shorten_end(&escape_line(&excerpt.after.bytes())),
    ))
}

impl ReportFinding {
    /// Returns the text before and after the secret on its line, truncated and escaped for a
    /// terminal.
    pub fn line(&self) -> Option<(String, String)> {
        line(self)
    }
}

fn level(paint: Paint, severity: Severity) -> String {
    let role = match severity {
        Severity::Critical | Severity::High => Role::Alarm,
        Severity::Medium => Role::Warning,
        Severity::Low | Severity::Info => Role::Dim,
    };
    paint.role(role, severity.name())
}

/// Formats a finding in full.
fn block(document: &Document, paint: Paint, finding: &ReportFinding) -> String {
    let mut text = String::new();
    let mut with = String::new();
    for part in &finding.with {
        let _ = write!(with, " with {}", part.secret.shown());
    }
    let _ = writeln!(
        text,
        "{} {}{}: {} {}{with}",
        level(paint, finding.severity()),
        state_mark(paint, finding),
        paint.role(Role::Rule, &plain(&finding.rule_id)),
        plain(&finding.description),
        paint.role(Role::Secret, &finding.secret.shown())
    );
    let (arrow, place) = (paint.role(Role::Dim, "-->"), first_label(finding));
    let lines = also_on(finding);
    let _ = writeln!(text, "  {arrow} {}{lines}", paint.role(Role::Path, &place));
    if let Some(telling) = telling_label(finding) {
        let also = paint.role(Role::Dim, "also");
        let _ = writeln!(text, "  {also} {}", paint.role(Role::Path, &telling));
    }
    excerpt(paint, finding, &mut text);
    state(paint, finding, &mut text);
    let dim = |label| paint.role(Role::Dim, label);
    let others = also_in(finding).filter(|_| finding.standing().is_none());
    if let Some(others) = others {
        let _ = writeln!(text, "  {} {others}", dim("also in:"));
    }
    let scope = document.head.scope;
    if let Some(history) = finding.history.as_ref().filter(|_| scope.has_commits()) {
        let _ = writeln!(text, "  {}", story(document, history));
        if let Some(page) = &history.web {
            let _ = writeln!(text, "  {} {}", dim("web:"), plain(page));
        }
    }
    let confidence = finding.confidence.name();
    let _ = writeln!(
        text,
        "  {} {confidence} confidence: {}",
        dim("why:"),
        finding.why()
    );
    if let Some(class) = finding.path_class.filter(|_| finding.is_aside()) {
        let _ = writeln!(text, "  {} only in {}", dim("files:"), class.places());
    }
    for note in [path_note(finding, " "), ref_note(finding, " ")] {
        if !note.is_empty() {
            let _ = writeln!(text, "  {}{note}", dim("name:"));
        }
    }
    let id = finding.short_id();
    let told = finding.first_seen.as_ref();
    let told = told.map_or_else(String::new, |day| format!(" · first told {}", plain(day)));
    let _ = writeln!(text, "  {} {id}{told}", dim("id:"));
    text
}

/// Returns the state of a finding and a blank, if it was validated.
fn state_mark(paint: Paint, finding: &ReportFinding) -> String {
    finding.state_word().map_or_else(String::new, |word| {
        let role = match finding.is_active() {
            true => Role::Alarm,
            false => Role::Dim,
        };
        format!("{} ", paint.role(role, word))
    })
}

/// Writes the state, the owner and the permissions.
fn state(paint: Paint, finding: &ReportFinding, text: &mut String) {
    let Some(validation) = &finding.validation else {
        return;
    };
    let dim = |label| paint.role(Role::Dim, label);
    let _ = writeln!(text, "  {} {}", dim("state:"), validation.sentence());
    if let Some(whose) = validation.whose_line() {
        let _ = writeln!(text, "  {} {whose}", dim("whose:"));
    }
    if let Some(can) = validation.can_line() {
        let _ = writeln!(text, "  {} {can}", dim("can do:"));
    }
}

/// Keeps only the end of the text before a secret, because lines can be megabytes long.
fn shorten_start(text: &str) -> String {
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

fn shorten_end(text: &str) -> String {
    let text = text.trim_end();
    if text.chars().count() <= EXCERPT_CHARS {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(EXCERPT_CHARS).collect::<String>())
}

pub(super) fn coverage(document: &Document, paint: Paint, text: &mut String) {
    let coverage = &document.coverage;
    let kinds = coverage.objects.iter().filter(|kind| kind.scanned > 0);
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let read: Vec<String> = kinds
        .map(|kind| counted(count(kind.scanned), &plain(&kind.kind)))
        .collect();
    let bytes: u64 = coverage.objects.iter().map(|kind| kind.bytes).sum();
    if !read.is_empty() {
        let megabytes = bytes.div_ceil(1_000_000);
        let stores = match document.head.scope {
            Scope::Repository | Scope::Bundle => {
                let packs = counted(coverage.packs, "pack");
                format!(" from {packs}, {} loose", coverage.loose)
            }
            Scope::Staged | Scope::Range => " that are new".to_owned(),
            Scope::Text | Scope::Files => String::new(),
            Scope::Objects => " that were asked for".to_owned(),
        };
        let _ = writeln!(text, "\nread: {} ({megabytes} MB){stores}", read.join(", "));
    }
    notes(coverage, text);
    if let Some(unread) = git_dir_unread(document) {
        let _ = writeln!(text, "note: {unread}");
    }
    unread(coverage, paint, text);
    if let Some(off) = rules_off(document) {
        let _ = writeln!(text, "{off}");
    }
}

/// Texts for other counts: singular, plural, and the rest of the sentence.
const NOTES: [(&str, &str, &str); 12] = [
    (
        "object directory",
        "object directories",
        "of other repositories read",
    ),
    (
        "commit",
        "commits",
        "missing that the bundle builds on, with all that they hold",
    ),
    ("file", "files", "of Git LFS read"),
    (
        "file",
        "files",
        "of Git LFS not here and not read: 'git lfs fetch --all' gets them",
    ),
    (
        "modified or untracked file",
        "modified or untracked files",
        "of the worktree read",
    ),
    ("file", "files", "of the git directory read"),
    (
        "submodule commit",
        "submodule commits",
        "named, their repositories not entered",
    ),
    ("match", "matches", "allowed by a marker in the file"),
    (
        "finding",
        "findings",
        "suppressed by the files in '.unleak': 'unleak ignore list' shows them",
    ),
    (
        "pipe, socket, device or link to elsewhere",
        "pipes, sockets, devices or links to elsewhere",
        "in directories not read",
    ),
    (
        "finding",
        "findings",
        "of lower confidence: --min-confidence low shows them",
    ),
    (
        "file or part of a file",
        "files or parts of files",
        "not opened (damaged, encrypted, or of a format that unleak does not open): --format json lists them",
    ),
];

/// Writes other facts about the coverage.
fn notes(coverage: &ReportCoverage, text: &mut String) {
    let counts = [
        coverage.alternates,
        coverage.prerequisites,
        coverage.lfs_files,
        coverage.lfs_missing,
        coverage.worktree_files,
        coverage.git_dir_files,
        coverage.submodule_commits,
        usize::try_from(coverage.allowed_inline).unwrap_or(usize::MAX),
        coverage.suppressed.len(),
        coverage.special_files.len(),
        coverage.below_confidence,
        coverage.unopened.len(),
    ];
    let noted = counts
        .into_iter()
        .zip(NOTES)
        .filter(|(count, _)| *count > 0);
    for (count, (one, several, rest)) in noted {
        let what = if count == 1 { one } else { several };
        let _ = writeln!(text, "note: {count} {what} {rest}");
    }
}

/// Writes the data that could not be read.
fn unread(coverage: &ReportCoverage, paint: Paint, text: &mut String) {
    let label = paint.role(Role::Alarm, "not read:");
    if coverage.shallow_commits > 0 {
        let _ = writeln!(
            text,
            "{label} the clone is shallow: history before {} was not read\n  run 'git fetch --unshallow' (in CI: a fetch depth of 0) and scan again",
            counted(coverage.shallow_commits, "commit")
        );
    }
    if coverage.skipped.is_empty() {
        return;
    }
    let items = counted(coverage.skipped.len(), "item");
    let _ = writeln!(text, "{label} {items} could not be read");
    for skipped in coverage.skipped.iter().take(MAX_SKIPPED) {
        let reason = plain(&skipped.reason);
        let _ = writeln!(text, "  {reason}: {}", skipped.detail.shown());
    }
    if let Some(more @ 1..) = coverage.skipped.len().checked_sub(MAX_SKIPPED) {
        let _ = writeln!(text, "  and {more} more: --format json lists all");
    }
}

fn next_steps(document: &Document, wanted: &[&ReportFinding], text: &mut String) {
    if document.findings.is_empty() {
        return;
    }
    if let Some(active) = document.active_sentence() {
        let _ = writeln!(
            text,
            "\n{active}; 'unleak revoke ID' does it or names the page"
        );
    }
    let _ = writeln!(
        text,
        "\nnext: make every secret above useless at its issuer first; deleting the line is not enough"
    );
    rotate(wanted, "", text);
    if document.head.scope == Scope::Repository {
        let _ = writeln!(
            text,
            "  then erase it: unleak purge --finding ID\n  no danger? unleak ignore ID --reason TEXT"
        );
        if document.findings.len() > summary::MAX_WITHOUT {
            text.push_str(MANY);
        }
    }
}

/// How to decide about many findings.
const MANY: &str =
    "  many at once: unleak triage, or unleak ignore --path-class test --reason TEXT\n";

/// Writes where each secret can be revoked, below `head` if there are any pages.
fn rotate(findings: &[&ReportFinding], head: &str, text: &mut String) {
    let pages: BTreeSet<(&str, &str)> = findings
        .iter()
        .filter_map(|finding| Some((finding.provider.as_str(), finding.rotate.as_deref()?)))
        .collect();
    let mut indent = "  ";
    if !pages.is_empty() && !head.is_empty() {
        let _ = writeln!(text, "  {head}");
        indent = "    ";
    }
    for (provider, page) in pages.iter().take(MAX_PAGES) {
        let _ = writeln!(text, "{indent}{}: {}", plain(provider), plain(page));
    }
    let findings = findings.iter();
    let advice: BTreeSet<&str> = findings
        .filter_map(|finding| finding.advice.as_deref())
        .collect();
    for advice in advice.iter().take(MAX_PAGES) {
        let _ = writeln!(text, "{indent}{}", plain(advice));
    }
    if let Some(more @ 1..) = pages.len().checked_sub(MAX_PAGES) {
        let _ = writeln!(
            text,
            "{indent}and {more} more issuers: 'unleak rules show ID' names the page"
        );
    }
}
