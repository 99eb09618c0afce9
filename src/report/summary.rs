//! The overview of a large report: the number of findings by rule, directory, author and year, and
//! one line for each directory of tests and other less important files.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document::{Document, ReportFinding, Text};
use super::escape::escape;
use super::location::locations;
use super::paint::{Paint, Role};
use crate::path_class::PathClass;
use crate::report::text::counted;

/// Reports with more findings than this begin with the table.
pub(super) const MAX_WITHOUT: usize = 20;
/// Number of rows in each part of the table.
const ROWS: usize = 5;
/// Width of one of two adjacent parts.
const WIDTH: usize = 39;
/// Maximum number of lines about summarised directories.
const MAX_FOLDED: usize = 12;

/// Writes the table.
pub(super) fn table(document: &Document, paint: Paint, text: &mut String) {
    let count = |name: fn(&ReportFinding) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for finding in &document.findings {
            *counts.entry(name(finding)).or_default() += 1;
        }
        counts
    };
    let rules = part("rule", "rules", &by_count(count(rule)));
    let places = part("directory", "directories", &by_directory(document));
    beside(&rules, &places, paint, text);
    let authors = count(author);
    if authors.len() == 1 && authors.contains_key(NOBODY) {
        return;
    }
    let years: Vec<(String, usize)> = count(year).into_iter().rev().collect();
    let authors = part("author", "authors", &by_count(authors));
    beside(&authors, &part("first in", "years", &years), paint, text);
    standings(document, text);
}

/// The text for a missing author.
const NOBODY: &str = "nobody known";

fn rule(finding: &ReportFinding) -> String {
    escape(finding.rule_id.as_bytes())
}

fn author(finding: &ReportFinding) -> String {
    let author = finding.author();
    author.map_or_else(|| NOBODY.to_owned(), |author| author.name.shown())
}

fn year(finding: &ReportFinding) -> String {
    let day = finding.author().map(super::document::ReportSignature::day);
    let year = day.as_deref().and_then(|day| day.get(..4));
    year.unwrap_or("unknown").to_owned()
}

/// Maximum depth of counted directories.
const MAX_DEPTH: usize = 3;
/// The percentage of findings in one directory above which its subdirectories are counted.
const MAX_SHARE: usize = 60;

/// Counts findings by directory, at the first depth that separates them.
fn by_directory(document: &Document) -> Vec<(String, usize)> {
    let paths: Vec<Option<String>> = document.findings.iter().map(first_path).collect();
    let mut depth = 1;
    loop {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for path in &paths {
            *counts.entry(directory(path.as_deref(), depth)).or_default() += 1;
        }
        let rows = by_count(counts);
        let most = rows.first().map_or(0, |(_, count)| *count);
        if depth == MAX_DEPTH || most * 100 <= document.findings.len() * MAX_SHARE {
            return rows;
        }
        depth += 1;
    }
}

/// Returns the first path of a finding.
fn first_path(finding: &ReportFinding) -> Option<String> {
    let first = locations(finding).into_iter().next();
    first.and_then(|first| first.path).map(Text::shown)
}

/// Returns the first `depth` directories of a path.
fn directory(path: Option<&str>, depth: usize) -> String {
    let Some(path) = path else {
        return "in no file".to_owned();
    };
    let mut ends = path.match_indices('/').map(|(at, _)| at + 1);
    let end = ends.by_ref().take(depth).last();
    end.map_or_else(|| "./".to_owned(), |end| path[..end].to_owned())
}

fn by_count(counts: BTreeMap<String, usize>) -> Vec<(String, usize)> {
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| Reverse(*count));
    rows
}

/// Formats a heading, the first rows, and the number of the others, which are called `several`.
fn part(heading: &str, several: &str, rows: &[(String, usize)]) -> Vec<String> {
    let mut lines = vec![format!("        {heading}")];
    let shown = if rows.len() == ROWS + 1 {
        ROWS + 1
    } else {
        ROWS
    };
    for (name, count) in rows.iter().take(shown) {
        lines.push(format!("{count:>6}  {}", cut(name, WIDTH - 9)));
    }
    if let Some((_, others)) = rows.split_at_checked(shown)
        && !others.is_empty()
    {
        let count: usize = others.iter().map(|(_, count)| count).sum();
        lines.push(format!("{count:>6}  in {} more {several}", others.len()));
    }
    lines
}

/// Truncates a text to `most` characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

fn beside(left: &[String], right: &[String], paint: Paint, text: &mut String) {
    text.push('\n');
    for row in 0..left.len().max(right.len()) {
        let line = |part: &[String]| part.get(row).cloned().unwrap_or_default();
        let (left, right) = (line(left), line(right));
        let blanks = " ".repeat(WIDTH.saturating_sub(left.chars().count()));
        let line = format!("{left}{blanks}{right}");
        let line = line.trim_end();
        let line = match row {
            0 => paint.role(Role::Dim, line),
            _ => line.to_owned(),
        };
        let _ = writeln!(text, "{line}");
    }
}

/// Writes the number of findings that are still in HEAD, and of published ones.
fn standings(document: &Document, text: &mut String) {
    let standings = document.findings.iter().filter_map(ReportFinding::standing);
    let (mut all, mut in_head, mut published) = (0, 0, 0);
    for standing in standings {
        all += 1;
        in_head += usize::from(standing.in_head);
        published += usize::from(standing.published);
    }
    if all > 0 {
        let published = match published {
            0 => "on no remote-tracking branch".to_owned(),
            count => format!("{count} published"),
        };
        let _ = writeln!(
            text,
            "\n{in_head} in HEAD, {} only in history; {published}",
            all - in_head
        );
    }
}

/// Writes one line per directory for findings that were only in less important files.
pub(super) fn folded(findings: &[&ReportFinding], paint: Paint, text: &mut String) {
    if findings.is_empty() {
        return;
    }
    let mut places: BTreeMap<(PathClass, String), usize> = BTreeMap::new();
    for finding in findings {
        let class = finding.path_class.unwrap_or(PathClass::Production);
        let place = directory(first_path(finding).as_deref(), 2);
        *places.entry((class, place)).or_default() += 1;
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, count)| Reverse(*count));
    let what = counted(findings.len(), "finding");
    let _ = writeln!(
        text,
        "\n{what} only in tests, documentation and other such files ('--all' prints them):"
    );
    for ((class, place), count) in places.iter().take(MAX_FOLDED) {
        let class = paint.role(Role::Dim, &format!("({})", class.name()));
        let _ = writeln!(
            text,
            "{count:>6}  {} {class}",
            paint.role(Role::Path, place)
        );
    }
    let others = places.iter().skip(MAX_FOLDED).map(|(_, count)| count);
    let others: usize = others.sum();
    if others > 0 {
        let more = places.len() - MAX_FOLDED;
        let _ = writeln!(text, "{others:>6}  in {more} more directories");
    }
}
