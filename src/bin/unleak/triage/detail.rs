//! All that is known of one finding, for the pane beside the list. All text is harmless for a terminal.

use unleak::report::Document;
use unleak::report::document::{
    ReportFinding, ReportHistory, ReportMilestone, ReportSignature, ReportStanding, Text,
};
use unleak::report::escape::escape;
use unleak::report::refs::RefKind;

use super::model::Decision;
use crate::saved;

/// Refs and paths that are listed before the rest is counted.
const MAX_NAMES: usize = 4;

/// A labelled fact, or a line of its own if the label is empty.
pub(super) type LabelledFact = (&'static str, String);

/// Lists the facts about a finding. `revealed` is its secret, if the user asked to see it.
pub(super) fn facts(
    document: &Document,
    finding: &ReportFinding,
    decision: &Decision,
    revealed: Option<&str>,
) -> Vec<LabelledFact> {
    let mut facts = vec![("", escape(finding.description.as_bytes()))];
    facts.push(("", String::new()));
    facts.extend(excerpt(finding, revealed));
    facts.push(("", String::new()));
    facts.extend(decided(decision));
    // A small screen shows the beginning: what the decision depends on.
    facts.push(("severity", finding.severity().name().to_owned()));
    facts.push(("confidence", finding.confidence.name().to_owned()));
    let class = finding.path_class.filter(|_| finding.is_aside());
    facts.extend(class.map(|class| ("only in", class.places().to_owned())));
    let history = finding.history.as_ref();
    facts.extend(history.into_iter().flat_map(|h| story(document, h)));
    facts.push(("why", finding.why()));
    facts.push(("rule", escape(finding.rule_id.as_bytes())));
    facts.extend(history.into_iter().flat_map(paths));
    let standing = history.and_then(|history| history.standing.as_ref());
    facts.extend(standing.into_iter().flat_map(reached));
    let with = finding.with.iter();
    facts.extend(with.map(|part| {
        let mark = part.secret.shown();
        (
            "with",
            format!("{} {mark}", escape(part.rule_id.as_bytes())),
        )
    }));
    facts.push(("id", escape(finding.short_id().as_bytes())));
    let links = [("rotate", &finding.rotate), ("docs", &finding.docs)];
    let links = links.into_iter();
    facts.extend(links.filter_map(|(name, link)| Some((name, escape(link.as_ref()?.as_bytes())))));
    facts
}

/// The line on which it stands, with the secret or its mark.
fn excerpt(finding: &ReportFinding, revealed: Option<&str>) -> Vec<LabelledFact> {
    let place = match saved::path(finding) {
        Some(path) => format!("{}:{}", path.shown(), saved::line(finding)),
        None => "in no file".to_owned(),
    };
    let mark = finding.secret.shown();
    let shown = revealed.unwrap_or(&mark);
    let line = match finding.line() {
        None => shown.to_owned(),
        Some((before, after)) => format!("{before}{shown}{after}"),
    };
    let line = ("", format!("  {line}"));
    let mut facts = match saved::place_of_line(finding) {
        None => vec![("", place), line],
        Some(first) => vec![("", first), line, ("also in", place)],
    };
    if revealed.is_some() {
        facts.push(("", "The secret is shown: 'v' hides it.".to_owned()));
    }
    facts
}

fn decided(decision: &Decision) -> Vec<LabelledFact> {
    let details = match decision {
        Decision::Open => return Vec::new(),
        Decision::Purge => return vec![("decided", "in the purge plan".to_owned())],
        Decision::Ignored(details) => details,
    };
    let said = |text: &Option<String>| text.as_ref().map(|text| escape(text.as_bytes()));
    let mut facts = vec![("decided", "ignored".to_owned())];
    let expires = details.expires.map(|day| day.to_string());
    for (name, value) in [
        ("reason", said(&details.reason)),
        ("owner", said(&details.owner)),
        ("expires", expires),
    ] {
        facts.extend(value.map(|value| (name, value)));
    }
    facts
}

fn paths(history: &ReportHistory) -> Vec<LabelledFact> {
    match history.paths.len() {
        0 | 1 => Vec::new(),
        _ => vec![("files", named(&history.paths, history.paths.len()))],
    }
}

/// The first names, and how many more there are.
fn named<'t>(first: impl IntoIterator<Item = &'t Text>, count: usize) -> String {
    let first: Vec<String> = first.into_iter().take(MAX_NAMES).map(Text::shown).collect();
    match count.checked_sub(MAX_NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", first.join(", ")),
        _ => first.join(", "),
    }
}

fn story(document: &Document, history: &ReportHistory) -> Vec<LabelledFact> {
    let standing = history.standing.iter();
    let mut facts: Vec<LabelledFact> = standing.flat_map(self::standing).collect();
    let first = history.first.as_ref();
    let commit = first.and_then(|first| first.commit.as_deref());
    let author = history.author.as_ref();
    let first = match commit {
        None => "in no commit".to_owned(),
        Some(id) => {
            let day = author.map(ReportSignature::day).unwrap_or_default();
            format!("{} {day}", escape(id.get(..10).unwrap_or(id).as_bytes()))
        }
    };
    facts.push(("first", first));
    facts.extend(author.map(|author| ("author", author.name.shown())));
    if history.first_is_boundary && document.coverage.shallow_commits > 0 {
        facts.push(("", "the clone is shallow: it may be older".to_owned()));
    }
    facts
}

/// Whether it is still there.
fn standing(standing: &ReportStanding) -> Vec<LabelledFact> {
    let last = standing.last.as_ref();
    let removed = standing.removed.as_ref();
    let of = |stone: &ReportMilestone| milestone(&stone.commit, stone.author.as_ref());
    let head = match (standing.in_head, removed) {
        (true, _) => "still there".to_owned(),
        (false, None) => "never there".to_owned(),
        (false, Some(stone)) => format!("removed by {}", of(stone)),
    };
    let mut facts = vec![("HEAD", head)];
    if let Some(last) = last.filter(|_| !standing.in_head) {
        facts.push(("last", of(last)));
    }
    facts.push((
        "published",
        match standing.published {
            true => "yes".to_owned(),
            false => "no remote-tracking branch has it".to_owned(),
        },
    ));
    facts.push(("commits", standing.commits.to_string()));
    facts
}

/// What reaches it.
fn reached(standing: &ReportStanding) -> Vec<LabelledFact> {
    let mut facts = Vec::new();
    for (name, kind) in [
        ("remotes", RefKind::Remote),
        ("branches", RefKind::Branch),
        ("tags", RefKind::Tag),
        ("refs", RefKind::Other),
    ] {
        let count = standing.refs.count(kind);
        if count > 0 {
            facts.push((name, named(standing.refs.first(kind, MAX_NAMES), count)));
        }
    }
    // What a ref reaches is in its reflog, and what HEAD has is in the index.
    let also = [
        (standing.detached_head, "a detached HEAD"),
        (standing.stash, "a stash"),
        (standing.reflog && !standing.reachable, "a reflog"),
        (standing.index && !standing.in_head, "the index"),
        (standing.worktree, "the worktree"),
    ];
    let also = also.iter().filter(|(is_there, _)| *is_there);
    let also: Vec<&str> = also.map(|(_, name)| *name).collect();
    if !also.is_empty() {
        facts.push(("also in", also.join(", ")));
    }
    facts
}

/// A commit, with its day and author.
fn milestone(id: &str, author: Option<&ReportSignature>) -> String {
    let id = escape(id.get(..10).unwrap_or(id).as_bytes());
    match author {
        None => id,
        Some(author) => format!("{id}, {}, {}", author.day(), author.name.shown()),
    }
}
