//! The places of a finding for the formats of other programs: distinct paths and lines.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use super::document::{
    Document, PlaceKind, ReportAppearance, ReportFinding, ReportLayer, ReportOccurrence,
    ReportPlace, ReportSpot, Text,
};
use super::escape::escape;
use crate::audit::Scope;
use crate::path_class::PathClass;

/// Returns `before` and a remark, if a path of the finding is not exact.
pub(super) fn path_note(finding: &ReportFinding, before: &str) -> String {
    match finding.redacted_paths {
        true => format!("{before}the path holds a secret and is shown redacted"),
        false => String::new(),
    }
}

/// The same for refs.
pub(super) fn ref_note(finding: &ReportFinding, before: &str) -> String {
    match finding.redacted_refs {
        true => format!("{before}the name of a ref holds a secret and is shown redacted"),
        false => String::new(),
    }
}

/// One place of a finding.
#[derive(Clone, Copy)]
pub(super) struct Location<'a> {
    /// The file; `None` if it is not in a file.
    pub(super) path: Option<&'a Text>,
    /// The commit that introduced it, if there is one.
    pub(super) commit: Option<&'a str>,
    /// The object.
    object: &'a str,
    /// The kind of object or file, and the position.
    pub(super) spot: &'a ReportSpot,
    /// Name of the ref, reflog, entry or staged path.
    name: Option<&'a Text>,
    /// Whether it is the first place of the finding, whose line is known.
    is_first: bool,
}

impl Location<'_> {
    /// Returns the line of the file; `None` for a file name or a member of an archive.
    pub(super) fn line(&self) -> Option<u32> {
        let is_file = self.path.is_some() && self.spot.kind != PlaceKind::TreeEntry;
        let is_packed = |layer: &ReportLayer| !matches!(layer, ReportLayer::Encoding(_));
        (is_file && !self.spot.wrapping.iter().any(is_packed)).then_some(self.spot.line)
    }

    /// Returns the column in characters, if the line is known.
    pub(super) fn column(&self, finding: &ReportFinding) -> Option<u32> {
        Some(self.columns(finding)?.0)
    }

    /// Returns the column, and the column after the last character if the secret ends on this line.
    pub(super) fn columns(&self, finding: &ReportFinding) -> Option<(u32, Option<u32>)> {
        let excerpt = finding.excerpt.as_ref().filter(|_| self.is_first)?;
        Some((excerpt.column?, excerpt.end_column))
    }

    /// Returns path, line and column of a place directly in a file, whose label is
    /// `path:line:column`.
    pub(super) fn plain(&self) -> Option<(String, u32, u32)> {
        let path = self
            .path
            .filter(|_| self.spot.kind != PlaceKind::TreeEntry)?;
        let is_plain = self.spot.wrapping.is_empty();
        is_plain.then(|| (path.shown(), self.spot.line, self.spot.column))
    }

    /// Returns the label for people.
    pub(super) fn label(&self) -> String {
        self.short_label(usize::MAX)
    }

    /// Returns the label for people, with at most `digits` digits of an object's id.
    pub(super) fn short_label(&self, digits: usize) -> String {
        let object = self.object.get(..digits).unwrap_or(self.object);
        let object = escape(object.as_bytes());
        let name = self.name.map(Text::shown).unwrap_or_default();
        let part = self.spot.part.as_deref().unwrap_or_default();
        let part = escape(part.as_bytes());
        match (self.path, self.spot.kind) {
            (Some(path), PlaceKind::TreeEntry) => format!("name of {}", path.shown()),
            (Some(path), _) => inside(&path.shown(), self.spot),
            (None, PlaceKind::Blob) => inside(&format!("blob {object}"), self.spot),
            (None, PlaceKind::Commit) => inside(&format!("{part} of commit {object}"), self.spot),
            (None, PlaceKind::Tag) => inside(&format!("{part} of tag {object}"), self.spot),
            (None, PlaceKind::Worktree | PlaceKind::GitDir) => inside(&name, self.spot),
            (None, PlaceKind::TreeEntry) => format!("name of {name} in tree {object}"),
            (None, PlaceKind::Ref) => format!("name of ref {name}"),
            (None, PlaceKind::Reflog) => format!("reflog of {name}, line {}", self.spot.line),
            (None, PlaceKind::Index) => format!("staged path {name}"),
        }
    }
}

/// Formats a position in `outer`: `outer!member:line:column (encodings)`.
fn inside(outer: &str, spot: &ReportSpot) -> String {
    let mut text = outer.to_owned();
    let mut around = Vec::new();
    for layer in &spot.wrapping {
        match layer {
            ReportLayer::Member(path) => {
                text.push('!');
                text.push_str(&path.shown());
            }
            ReportLayer::Encoding(name) | ReportLayer::Format(name) => {
                around.push(escape(name.as_bytes()));
            }
        }
    }
    // Writing to a string cannot fail.
    let _ = write!(text, ":{}:{}", spot.line, spot.column);
    if !around.is_empty() {
        let _ = write!(text, " ({})", around.join(", "));
    }
    text
}

/// Returns all places of a finding, each path and line once: first those that introduced it, in the
/// order of history, then those that are in no commit.
pub(super) fn locations(finding: &ReportFinding) -> Vec<Location<'_>> {
    let history = finding.history.as_ref();
    let appearances = history.map_or(&[][..], |history| &history.appearances);
    let mut all: Vec<Location<'_>> = Vec::new();
    let mut in_commits = HashSet::new();
    for appearance in appearances {
        in_commits.insert(appearance.object.as_str());
        all.push(appeared(appearance, &appearance.spot));
        // A file may contain it on several lines.
        let others = finding.occurrences.iter().filter(|o| {
            o.object == appearance.object
                && o.spot.kind == PlaceKind::Blob
                && appearance.spot.kind == PlaceKind::Blob
        });
        all.extend(others.map(|o| appeared(appearance, &o.spot)));
    }
    let elsewhere = finding.occurrences.iter().filter(|o| {
        let is_object = matches!(
            o.spot.kind,
            PlaceKind::Blob | PlaceKind::Commit | PlaceKind::Tag
        );
        !is_object || !in_commits.contains(o.object.as_str())
    });
    // The name of a committed file is already listed as a path.
    let named = |o: &&ReportOccurrence| {
        o.spot.kind != PlaceKind::TreeEntry
            || !appearances
                .iter()
                .any(|a| a.spot.kind == PlaceKind::TreeEntry)
    };
    all.extend(elsewhere.filter(named).map(stored));
    let mut seen = BTreeSet::new();
    all.retain(|l| {
        let line = l.line();
        let otherwise = line.is_none().then_some((l.object, l.spot, l.name));
        seen.insert((l.path, line, otherwise))
    });
    if let Some(first) = all.first_mut() {
        first.is_first = true;
    }
    all
}

/// Returns the first place, as far as other programs need it.
pub(super) fn first_place(finding: &ReportFinding) -> Option<ReportPlace> {
    let first = locations(finding).into_iter().next()?;
    Some(ReportPlace {
        label: first.label(),
        path: first.path.cloned(),
        line: first.line(),
        commit: first.commit.map(str::to_owned),
    })
}

/// Returns the label of the first place.
pub(super) fn first_label(finding: &ReportFinding) -> String {
    let first = locations(finding).into_iter().next();
    first.map_or_else(|| "?".to_owned(), |first| first.label())
}

/// Returns the label of a place in a file of the class that the finding has, if the first place is in a file
/// of another class: in documentation first, in production later.
pub(super) fn telling_label(finding: &ReportFinding) -> Option<String> {
    telling_of(finding, &locations(finding))
}

/// The same, among `all` locations of the finding.
fn telling_of(finding: &ReportFinding, all: &[Location<'_>]) -> Option<String> {
    let class = finding.path_class?;
    let class_of = |place: &Location<'_>| Some(PathClass::of(&place.path?.bytes()));
    let is_told = all.first().and_then(class_of).is_none_or(|of| of == class);
    let mut others = all.iter().filter(|_| !is_told);
    let place = others.find(|place| class_of(place) == Some(class))?;
    Some(format!("{} ({})", place.label(), class.name()))
}

/// Returns the labels of the first place and of a telling one, if there is one.
pub(super) fn main_label(finding: &ReportFinding) -> String {
    let all = locations(finding);
    let first = all.first().map_or_else(|| "?".to_owned(), Location::label);
    match telling_of(finding, &all) {
        Some(telling) => format!("{first}, also {telling}"),
        None => first,
    }
}

/// Returns its other lines in the first file, sorted.
pub(super) fn other_lines(finding: &ReportFinding) -> Vec<u32> {
    let all = locations(finding);
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let Some(line) = first.line() else {
        return Vec::new();
    };
    let of_file = |o: &&ReportOccurrence| {
        o.object == first.object
            && o.spot.kind == first.spot.kind
            && o.spot.wrapping == first.spot.wrapping
            && (!is_beside(first.spot.kind) || o.name.as_ref() == first.name)
    };
    let lines = finding.occurrences.iter().filter(of_file);
    let lines: BTreeSet<u32> = lines.map(|o| o.spot.line).collect();
    lines.into_iter().filter(|&other| other != line).collect()
}

/// Returns the label of the first place in each other file.
pub(super) fn other_places(finding: &ReportFinding) -> Vec<String> {
    let all = locations(finding);
    let mut seen: HashSet<&Text> = all
        .first()
        .and_then(|first| first.path)
        .into_iter()
        .collect();
    let others = all.iter().skip(1);
    let others = others.filter(|place| place.path.is_none_or(|path| seen.insert(path)));
    others.map(Location::label).collect()
}

fn appeared<'a>(appearance: &'a ReportAppearance, spot: &'a ReportSpot) -> Location<'a> {
    Location {
        path: appearance.path.as_ref(),
        commit: appearance.commit.as_deref(),
        object: &appearance.object,
        spot,
        name: None,
        is_first: false,
    }
}

/// Returns whether it is a file that is identified by its name, not by an object.
fn is_beside(kind: PlaceKind) -> bool {
    matches!(kind, PlaceKind::Worktree | PlaceKind::GitDir)
}

fn stored(occurrence: &ReportOccurrence) -> Location<'_> {
    let is_file = is_beside(occurrence.spot.kind);
    Location {
        path: occurrence.name.as_ref().filter(|_| is_file),
        commit: None,
        object: &occurrence.object,
        spot: &occurrence.spot,
        name: occurrence.name.as_ref(),
        is_first: false,
    }
}

/// Returns the data that could not be read, one line each.
pub(super) fn unread(document: &Document) -> Vec<String> {
    let coverage = &document.coverage;
    let mut lines = Vec::new();
    if coverage.shallow_commits > 0 {
        lines.push(format!(
            "the clone is shallow: history before {} of its commits was not read; fetch with a depth of 0 and scan again",
            coverage.shallow_commits
        ));
    }
    lines.extend(coverage.skipped.iter().map(|skipped| {
        let reason = escape(skipped.reason.as_bytes());
        format!("{reason}: {}", skipped.detail.shown())
    }));
    lines
}

/// Returns the files and parts of files that were not opened, one line each: damaged, encrypted, or
/// of an unsupported format.
pub(super) fn not_opened(document: &Document) -> impl Iterator<Item = String> {
    document.coverage.unopened.iter().map(|skipped| {
        let reason = escape(skipped.reason.as_bytes());
        format!("{reason}: {}", skipped.detail.shown())
    })
}

/// Returns how many files and parts of files were not opened, and how many files are no plain files, for
/// summaries.
pub(super) fn unread_files(document: &Document) -> Option<String> {
    let unopened = match document.coverage.unopened.len() {
        0 => None,
        1 => Some("1 file or part of a file was not opened".to_owned()),
        count => Some(format!("{count} files or parts of files were not opened")),
    };
    let special = match document.coverage.special_files.len() {
        0 => None,
        1 => Some("1 pipe, socket, device or link to elsewhere was not read".to_owned()),
        count => Some(format!(
            "{count} pipes, sockets, devices or links to elsewhere were not read"
        )),
    };
    let all: Vec<String> = unopened.into_iter().chain(special).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Maximum number of listed file names.
const SHOWN_FILES: usize = 6;

/// Returns a sentence without a full stop about text in the git directory that was not read.
pub(super) fn git_dir_unread(document: &Document) -> Option<String> {
    let unread = &document.coverage.git_dir_unread;
    let names = unread.iter().take(SHOWN_FILES).map(Text::shown);
    let names = names.collect::<Vec<_>>().join(", ");
    let more = match unread.len().checked_sub(SHOWN_FILES) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let why = match document.coverage.git_dir_files {
        0 => "'--git-dir' reads them",
        _ => "links are not followed",
    };
    let what = match document.head.scope {
        Scope::Files => "git directories were not read (scan their repositories)".to_owned(),
        _ => format!("files of the git directory were not read ({why})"),
    };
    (!unread.is_empty()).then(|| format!("{what}: {names}{more}"))
}

/// Returns the number of findings that filters exclude, for summaries.
pub(super) fn filtered(document: &Document) -> Option<String> {
    match document.coverage.filtered {
        0 => None,
        1 => Some("1 other finding is filtered out".to_owned()),
        count => Some(format!("{count} other findings are filtered out")),
    }
}

/// Returns the filters, as on the command line.
pub(super) fn filters(document: &Document) -> String {
    let filters = document.coverage.filters.iter().map(Text::shown);
    match filters.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => "what was asked for".to_owned(),
        some => some,
    }
}

/// Maximum number of listed rules.
const SHOWN_RULES: usize = 5;

/// Returns the disabled rules, if there are any.
pub(super) fn rules_off(document: &Document) -> Option<String> {
    let off = &document.coverage.rules_off;
    let names = off.iter().take(SHOWN_RULES);
    let names: Vec<String> = names.map(|id| escape(id.as_bytes())).collect();
    let names = names.join(", ");
    match off.len() {
        0 => None,
        1 => Some(format!("1 rule is switched off: {names}")),
        count if count <= SHOWN_RULES => Some(format!("{count} rules are switched off: {names}")),
        count => {
            let more = count - SHOWN_RULES;
            Some(format!(
                "{count} rules are switched off: {names} and {more} more"
            ))
        }
    }
}

/// Returns a sentence without a full stop about excluded findings and files, with the filters.
pub(super) fn left_out(document: &Document) -> Option<String> {
    let filters = filters(document);
    let findings = filtered(document).map(|filtered| format!("{filtered} by {filters}"));
    let paths = match document.coverage.excluded {
        0 => None,
        1 => Some("1 path was excluded and not read".to_owned()),
        count => Some(format!("{count} paths were excluded and not read")),
    };
    let all = findings.into_iter().chain(paths);
    let all = all
        .chain(unread_files(document))
        .chain(git_dir_unread(document))
        .chain(rules_off(document));
    let all: Vec<String> = all.collect();
    (!all.is_empty()).then(|| all.join("; "))
}
