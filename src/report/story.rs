//! The history of a finding on one line: where it was introduced, how long it was there, and what
//! still reaches it; and its other places.

use super::document::{
    Document, ReportFinding, ReportHistory, ReportMilestone, ReportSignature, ReportStanding, Text,
};
use super::escape::escape;
use super::location::{other_lines, other_places};
use super::refs::RefKind;
use crate::audit::Scope;
use crate::report::text::counted;

/// Maximum number of listed branches, tags and other refs; the rest is counted.
const MAX_NAMES: usize = 3;
/// Maximum number of listed lines of a file, and of files; the rest is counted.
const MAX_PLACES: usize = 5;
/// Maximum number of characters of a name; refs and people may have any name.
const MAX_NAME_CHARS: usize = 60;

/// Returns the history of a finding of `document`.
pub(super) fn story(document: &Document, history: &ReportHistory) -> String {
    let mut parts = vec![entered(document, history)];
    let paths = counted(history.paths.len(), "path");
    let Some(standing) = &history.standing else {
        parts.push(paths);
        return parts.join(" · ");
    };
    parts.push(format!("{}, {paths}", counted(standing.commits, "commit")));
    parts.push(match (standing.in_head, &standing.removed) {
        (true, _) => "still in HEAD".to_owned(),
        // No commit of HEAD's history removed it: the files of HEAD never had it.
        (false, None) => "not in HEAD".to_owned(),
        (false, Some(ReportMilestone { commit: id, author })) => {
            format!("removed by {}", commit(id, author.as_ref()))
        }
    });
    parts.extend(reached_by(standing));
    parts.join(" · ")
}

/// Returns the commit that introduced it.
fn entered(document: &Document, history: &ReportHistory) -> String {
    let first = history.first.as_ref();
    let Some(id) = first.and_then(|first| first.commit.as_ref()) else {
        return "in no commit".to_owned();
    };
    let first = commit(id, history.author.as_ref());
    match boundary(document, history) {
        None => format!("first in {first}"),
        Some(boundary) => format!("first in {first}, {boundary}"),
    }
}

/// Returns the kind of boundary, if the history before the first commit is missing.
pub(super) fn boundary(document: &Document, history: &ReportHistory) -> Option<&'static str> {
    history.first_is_boundary.then(|| {
        if document.head.scope == Scope::Bundle {
            "where this bundle's history begins"
        } else if document.coverage.shallow_commits > 0 {
            "where this shallow clone's history ends"
        } else {
            "whose parent is missing"
        }
    })
}

/// Formats a commit with its day and author.
pub(super) fn commit(id: &str, author: Option<&ReportSignature>) -> String {
    let id = escape(id.get(..10).unwrap_or(id).as_bytes());
    match author {
        None => id,
        Some(author) => format!("{id} ({}, {})", author.day(), name(&author.name)),
    }
}

/// Returns the refs and other places from which it is reachable.
pub(super) fn reached_by(standing: &ReportStanding) -> Vec<String> {
    let mut parts = Vec::new();
    let mut on = named(standing);
    if standing.detached_head {
        on.push("a detached HEAD".to_owned());
    }
    if let Some(last) = on.pop() {
        let last = match on.is_empty() {
            true => last,
            false => format!("{} and {last}", on.join(", ")),
        };
        parts.push(format!("on {last}"));
    }
    parts.extend(side_stores(standing).into_iter().map(str::to_owned));
    parts
}

/// Returns the names of the first refs, and the number of the others.
fn named(standing: &ReportStanding) -> Vec<String> {
    let kinds = [
        (RefKind::Remote, ""),
        (RefKind::Branch, ""),
        (RefKind::Tag, "tag "),
        (RefKind::Other, ""),
    ];
    let refs = &standing.refs;
    let first = kinds.into_iter().flat_map(|(kind, label)| {
        let names = refs.first(kind, MAX_NAMES + 1);
        names
            .into_iter()
            .map(move |of| format!("{label}{}", name(of)))
    });
    let mut names: Vec<String> = first.collect();
    let count: usize = kinds.iter().map(|(kind, _)| refs.count(*kind)).sum();
    // A count for a single name would not be shorter.
    if count > MAX_NAMES + 1 {
        let more = count - MAX_NAMES;
        names.truncate(MAX_NAMES);
        names.push(format!("{more} more refs"));
    }
    names
}

/// Returns a name, truncated if it is very long.
fn name(name: &Text) -> String {
    let name = name.shown();
    match name.char_indices().nth(MAX_NAME_CHARS) {
        None => name,
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

fn side_stores(standing: &ReportStanding) -> Vec<&'static str> {
    let mut parts = Vec::new();
    let by_ref = standing.reachable;
    if standing.published {
        parts.push("published");
    }
    if standing.stash {
        parts.push("in a stash");
    }
    if standing.index {
        parts.push("in the index");
    }
    if standing.worktree {
        parts.push("in the worktree");
    }
    if standing.git_dir {
        parts.push("in the git directory");
    }
    if !by_ref && standing.reflog {
        parts.push("reached by a reflog only");
    }
    let elsewhere = [
        standing.reflog,
        standing.stash,
        standing.index,
        standing.worktree,
        standing.git_dir,
    ]
    .contains(&true);
    if !(by_ref || elsewhere) {
        parts.push("unreachable");
    }
    parts
}

/// Returns the other lines of the first file.
pub(super) fn also_on(finding: &ReportFinding) -> String {
    let lines: Vec<String> = other_lines(finding).iter().map(u32::to_string).collect();
    match lines.len() {
        0 => String::new(),
        1 => format!(", also on line {}", listed(&lines)),
        _ => format!(", also on lines {}", listed(&lines)),
    }
}

/// Returns the first place in each other file; `None` if there is none.
pub(super) fn also_in(finding: &ReportFinding) -> Option<String> {
    let places = other_places(finding);
    (!places.is_empty()).then(|| listed(&places))
}

/// Returns the first places, and the number of the others.
fn listed(places: &[String]) -> String {
    let first = places[..places.len().min(MAX_PLACES)].join(", ");
    match places.len().checked_sub(MAX_PLACES) {
        Some(more @ 1..) => format!("{first} and {more} more"),
        _ => first,
    }
}
