//! Findings of saved reports: where they are, and which of them a repository has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use unleak::error::Result;
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::ObjectId;
use unleak::odb::kinds::ReadLimits;
use unleak::path_class::PathClass;
use unleak::report::Document;
use unleak::report::document::{
    PlaceKind, ReportAppearance, ReportFinding, ReportOccurrence, Text,
};
use unleak::report::escape::escape;

/// Where a finding entered a file of the class that it has, or else where it entered at all.
fn entry(finding: &ReportFinding) -> Option<&ReportAppearance> {
    let history = finding.history.as_ref()?;
    let is_telling = |entry: &&ReportAppearance| {
        let path = entry.path.as_ref();
        path.is_some_and(|path| Some(PathClass::of(&path.bytes())) == finding.path_class)
    };
    let first = history.first.as_ref();
    let telling = history.appearances.iter().find(is_telling);
    first.filter(is_telling).or(telling).or(first)
}

/// The path at which a finding entered, if it was in a file.
pub(crate) fn path(finding: &ReportFinding) -> Option<&Text> {
    let first = entry(finding);
    let named = || {
        let mut places = finding.occurrences.iter();
        let file = |kind: PlaceKind| {
            matches!(
                kind,
                PlaceKind::Worktree | PlaceKind::GitDir | PlaceKind::Index | PlaceKind::TreeEntry
            )
        };
        places.find(|place| file(place.spot.kind))?.name.as_ref()
    };
    first.and_then(|first| first.path.as_ref()).or_else(named)
}

/// The commit that brought it to [`path`].
pub(crate) fn commit(finding: &ReportFinding) -> Option<&str> {
    entry(finding)?.commit.as_deref()
}

/// Where the line stands that the report shows, if that is not at [`path`]: where the finding entered.
pub(crate) fn place_of_line(finding: &ReportFinding) -> Option<String> {
    let first = finding.history.as_ref()?.first.as_ref()?;
    let is_shown = entry(finding)? == first;
    (!is_shown).then(|| match &first.path {
        Some(path) => format!("{}:{}", path.shown(), first.spot.line),
        None => format!("text of {} {}", kind(first.spot.kind), short(&first.object)),
    })
}

/// The line on which a finding entered, from 1.
pub(crate) fn line(finding: &ReportFinding) -> u32 {
    let first = entry(finding).map(|first| &first.spot);
    let spot = first.or_else(|| finding.occurrences.first().map(|place| &place.spot));
    spot.map_or(1, |spot| spot.line)
}

/// `path:line`, or what holds it. Harmless for a terminal.
pub(crate) fn place(finding: &ReportFinding) -> String {
    if let Some(path) = path(finding) {
        return format!("{}:{}", path.shown(), line(finding));
    }
    let Some(first) = finding.occurrences.first() else {
        return "?".to_owned();
    };
    let name = match &first.name {
        Some(name) => name.shown(),
        None => short(&first.object),
    };
    let kind = kind(first.spot.kind);
    match &first.spot.part {
        Some(part) => format!("{} of {kind} {name}", escape(part.as_bytes())),
        None => format!("{kind} {name}"),
    }
}

/// The first digits of an object's id.
fn short(object: &str) -> String {
    escape(object.get(..10).unwrap_or(object).as_bytes())
}

fn kind(kind: PlaceKind) -> &'static str {
    match kind {
        PlaceKind::Blob => "blob",
        PlaceKind::Commit => "commit",
        PlaceKind::Tag => "tag",
        PlaceKind::TreeEntry => "file name",
        PlaceKind::Ref => "ref",
        PlaceKind::Reflog => "reflog",
        PlaceKind::Index => "staged path",
        PlaceKind::Worktree | PlaceKind::GitDir => "file",
    }
}

/// Which findings of a report the repository has: it holds an object with the secret, or the file of the
/// worktree is still there. No object is read.
///
/// # Errors
/// As for opening the object store.
pub(crate) fn are_here(
    document: &Document,
    repository: &Repository,
    overrides: &Overrides,
) -> Result<Vec<bool>> {
    let store = repository.open_store(overrides, ReadLimits::default())?;
    let root = repository.git().workdir();
    let is_here = |place: &ReportOccurrence| match place.spot.kind {
        // In a linked worktree, its name leads to another place.
        PlaceKind::GitDir => true,
        PlaceKind::Worktree => {
            let name = place.name.as_ref().map(|name| name.bytes());
            let file = root.zip(name);
            file.is_some_and(|(root, name)| root.join(OsStr::from_bytes(&name)).exists())
        }
        _ => {
            let id = ObjectId::from_hex(place.object.as_bytes());
            id.is_ok_and(|id| store.node_of(&id).is_some())
        }
    };
    let findings = document.findings.iter();
    let here = findings.map(|finding| finding.occurrences.iter().any(is_here));
    Ok(here.collect())
}
