//! Markdown for job summaries and comments: a table of the most severe findings and the next steps.
//!
//! Text of the repository is formatted as code, so that it is no markup: as a code span, or, if it
//! contains characters that could end the span or a cell, as a `code` element with character
//! references for everything but letters and digits.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::document::{Document, ReportFinding};
use super::escape::escape;
use super::location::{left_out, main_label, path_note, unread};
use crate::audit::Scope;
use crate::path_class::PathClass;
use crate::report::text::counted;
use crate::severity::Severity;

/// Maximum number of findings in the table; the rest is counted. GitHub accepts summaries of up to
/// 1 MiB.
const MAX_ROWS: usize = 50;
/// Maximum number of pages of issuers, and of lines about unread data; the rest is counted.
const MAX_LINES: usize = 10;
/// Maximum number of characters of a place, name or value.
const MAX_CHARS: usize = 120;

pub(super) fn render(document: &Document) -> String {
    let findings = &document.findings;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let problems = unread(document);
    let limit = match problems.is_empty() {
        true => "",
        false => ", but not everything could be read",
    };
    let _ = writeln!(text, "## unleak: {}{limit}\n", headline(document));
    if !findings.is_empty() {
        table(findings, &mut text);
        next_steps(document, &mut text);
        text.push('\n');
    }
    if !problems.is_empty() {
        let _ = writeln!(text, "**Not everything was read:**\n");
        for problem in problems.iter().take(MAX_LINES) {
            let _ = writeln!(text, "- {}", code(problem));
        }
        more(problems.len(), MAX_LINES, "more", &mut text);
        text.push('\n');
    }
    if let Some(left_out) = left_out(document) {
        let _ = writeln!(text, "Left out: {}\n", code(&left_out));
    }
    text
}

/// Writes the worst findings.
fn table(findings: &[ReportFinding], text: &mut String) {
    text.push_str(
        "| severity | secret | where | kind of file | introduced | now | id |\n|---|---|---|---|---|---|---|\n",
    );
    for finding in findings.iter().take(MAX_ROWS) {
        row(finding, text);
    }
    text.push('\n');
    if findings.len() > MAX_ROWS {
        let more = counted(findings.len() - MAX_ROWS, "more finding");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "And {more}: see the full report.\n");
    }
}

/// Returns the number of findings by severity.
fn headline(document: &Document) -> String {
    let findings = &document.findings;
    let levels = Severity::ALL.iter().filter_map(|&severity| {
        let of_level = |finding: &&ReportFinding| finding.severity() == severity;
        let count = findings.iter().filter(of_level).count();
        (count > 0).then(|| format!("{count} {}", severity.name()))
    });
    let levels: Vec<String> = levels.collect();
    match findings.len() {
        0 if document.coverage.filtered > 0 => "no secrets match the filters".to_owned(),
        0 => "no secrets found".to_owned(),
        count => {
            let found = format!("{} found ({})", counted(count, "secret"), levels.join(", "));
            match document.state_counts() {
                Some(counts) => format!("{found}: {counts}"),
                None => found,
            }
        }
    }
}

fn row(finding: &ReportFinding, text: &mut String) {
    let introduced = finding.author().map_or_else(String::new, |author| {
        format!("{} {}", author.day(), code(&author.name.shown()))
    });
    let now = finding.standing().map_or_else(String::new, |standing| {
        let head = if standing.in_head {
            "in HEAD"
        } else {
            "not in HEAD"
        };
        let published = if standing.published {
            ", published"
        } else {
            ""
        };
        format!("{head}{published}")
    });
    let class = finding.path_class.map_or("", PathClass::name);
    let state = finding.validation.as_ref();
    let state = state.map_or_else(String::new, |state| {
        let whose = state
            .whose_line()
            .map_or_else(String::new, |whose| format!(" ({})", code(&whose)));
        format!(", {}{whose}", state.state.name())
    });
    let _ = writeln!(
        text,
        "| {}{state} | {} {} | {}{} | {class} | {introduced} | {now} | {} |",
        finding.severity().name(),
        code(&finding.rule_id),
        code(&finding.secret.shown()),
        code(&main_label(finding)),
        path_note(finding, "; "),
        code(finding.short_id()),
    );
}

/// Writes the next steps, with commands to paste.
fn next_steps(document: &Document, text: &mut String) {
    if let Some(active) = document.active_sentence() {
        let _ = writeln!(text, "**{active}.**\n");
    }
    text.push_str("**What to do**\n\n1. Rotate each secret at its issuer: deleting the line is not enough, since history keeps it.\n");
    let findings = document.findings.iter();
    let pages: BTreeSet<(&str, &str)> = findings
        .filter_map(|finding| Some((finding.provider.as_str(), finding.rotate.as_deref()?)))
        .collect();
    for (provider, page) in pages.iter().take(MAX_LINES) {
        let _ = writeln!(text, "   - {}: {}", code(provider), code(page));
    }
    more(pages.len(), MAX_LINES, "more issuers", text);
    let findings = document.findings.iter();
    let advice: BTreeSet<&str> = findings
        .filter_map(|finding| finding.advice.as_deref())
        .collect();
    for advice in advice.iter().take(MAX_LINES) {
        let _ = writeln!(text, "   - {}", code(advice));
    }
    let id = document
        .findings
        .first()
        .map_or("", ReportFinding::short_id);
    let erase = match document.head.scope {
        Scope::Repository => format!("Erase it from history: `unleak purge --finding {}`.", escape(id.as_bytes())),
        _ => "Take it out of the commits before they are merged: rewrite them, or start the branch again without it.".to_owned(),
    };
    let _ = writeln!(
        text,
        "2. {erase}\n3. If it is no danger: `unleak ignore {} --reason WHY`.",
        escape(id.as_bytes())
    );
    if document.findings.len() > 1 {
        text.push_str(match document.head.scope {
            Scope::Range => "   All of these commits: `unleak ignore --range A..B --all --reason WHY`.\n",
            _ => "   Many at once: `unleak triage`, or `unleak ignore` with filters, such as `--path-class test`.\n",
        });
    }
}

fn more(count: usize, listed: usize, what: &str, text: &mut String) {
    if let Some(more @ 1..) = count.checked_sub(listed) {
        let _ = writeln!(text, "   - and {more} {what}");
    }
}

/// Formats text as code in any place of Markdown; truncates long text.
fn code(text: &str) -> String {
    let mut plain = escape(text.as_bytes());
    if let Some((end, _)) = plain.char_indices().nth(MAX_CHARS) {
        plain.truncate(end);
        plain.push('…');
    }
    if plain.trim().is_empty() {
        return String::new();
    }
    if !plain.contains(['`', '|', '\\']) {
        return format!("`{plain}`");
    }
    let mut element = "<code>".to_owned();
    for character in plain.chars() {
        if character.is_ascii_punctuation() {
            let _ = write!(element, "&#{};", u32::from(character));
        } else {
            element.push(character);
        }
    }
    element + "</code>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_repository_is_no_markup() {
        assert_eq!(code("src/a_b.rs:1"), "`src/a_b.rs:1`");
        assert_eq!(code("![x](y) <img src=x> @me"), "`![x](y) <img src=x> @me`");
        assert_eq!(code("a`|"), "<code>a&#96;&#124;</code>");
        assert_eq!(code("\\| <b>"), "<code>&#92;&#124; &#60;b&#62;</code>");
        assert_eq!(code(" "), "");
    }
}
