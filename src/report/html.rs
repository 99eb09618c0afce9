//! HTML: one file that needs nothing else, with findings that sort, filter and fold.
//!
//! A policy in the page lets nothing run but its own script and nothing load at all, should text of
//! the repository ever get through as markup.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::document::{Document, Finding, History, Text};
use super::escape::escape;
use super::human::{coverage, line, verdict};
use super::location::{Location, locations, not_opened, path_note, ref_note, unread};
use super::paint::Paint;
use super::story::{boundary, commit, counted, reached_by};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Remote-tracking branches told of each finding before the rest is counted.
const MAX_NAMES: usize = 5;
/// Places told of each finding before the rest is counted.
const MAX_PLACES: usize = 50;

pub(super) fn render(document: &Document) -> String {
    let (mut said, mut read) = (String::new(), String::new());
    // Colours are the style's.
    verdict(document, Paint::Off, &mut said);
    coverage(document, Paint::Off, &mut read);
    let mut findings = String::new();
    for (number, finding) in document.findings.iter().enumerate() {
        block(document, number, finding, &mut findings);
    }
    let mut after = format!(
        "<h2>What was read</h2>\n<pre>{}</pre>\n",
        markup(read.trim())
    );
    let problems = unread(document);
    if !problems.is_empty() {
        after.push_str("<h2 class=\"bad\">What could not be read</h2>\n<ul>\n");
        for problem in problems {
            // Writing to a string cannot fail.
            let _ = writeln!(after, "<li>{}</li>", markup(problem));
        }
        after.push_str("</ul>\n");
    }
    if !document.coverage.unopened.is_empty() {
        after.push_str("<h2>What was not opened</h2>\n<ul>\n");
        for what in not_opened(document) {
            let _ = writeln!(after, "<li>{}</li>", markup(what));
        }
        after.push_str("</ul>\n");
    }
    let is_bad = !document.findings.is_empty() || !document.head.complete;
    let said = markup(said.trim());
    page(&document.head.repository, &said, is_bad, &findings, &after)
}

/// A page with a list that sorts, filters and folds. All but `subject` is markup already.
pub(super) fn page(subject: &str, said: &str, is_bad: bool, findings: &str, after: &str) -> String {
    let subject = shown(subject);
    let class = if is_bad { "verdict bad" } else { "verdict" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src {}; script-src {}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>unleak: {subject}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Secrets in {subject}</h1>\n<p class=\"{class}\">{said}</p>\n{FORM}\
         <main id=\"findings\">\n{findings}</main>\n{after}\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        hash(STYLE),
        hash(SCRIPT),
    )
}

const FORM: &str = "<form>\n\
    <input id=\"filter\" type=\"search\" placeholder=\"Filter\" aria-label=\"Filter\">\n\
    <select id=\"level\" aria-label=\"Confidence\"><option value=\"\">Any confidence</option>\
    <option value=\"high\">High</option><option value=\"medium\">Medium</option>\
    <option value=\"low\">Low</option></select>\n\
    <select id=\"where\" aria-label=\"Where\"><option value=\"\">Anywhere</option>\
    <option value=\"head\">Still in HEAD</option><option value=\"published\">Published</option>\
    </select>\n\
    <select id=\"order\" aria-label=\"Order\"><option value=\"worst\">Worst first</option>\
    <option value=\"confidence\">By confidence</option><option value=\"rule\">By rule</option>\
    <option value=\"place\">By place</option><option value=\"newest\">Newest first</option></select>\n\
    <button id=\"fold\" type=\"button\">Fold</button>\n\
    <span class=\"dim\" id=\"shown\"></span>\n</form>\n";

/// The digest by which the policy knows a style or script.
fn hash(text: &str) -> String {
    let digest = data_encoding::BASE64.encode(&Sha256::digest(text.as_bytes()));
    format!("'sha256-{digest}'")
}

fn block(document: &Document, number: usize, finding: &Finding, page: &mut String) {
    let places = locations(finding);
    let label = |place: &Location<'_>| markup(place.label());
    let first = places.first().map(label).unwrap_or_default();
    let rule_id = shown(&finding.rule_id);
    let author = finding.author();
    let date = author.map_or_else(String::new, |author| shown(&author.date));
    let day = author.map_or_else(String::new, |author| markup(author.day()));
    let standing = finding.standing();
    let in_head = standing.is_some_and(|standing| standing.in_head);
    let published = standing.is_some_and(|standing| standing.published);
    let level = finding.confidence.name();
    let secret = markup(finding.secret.shown());
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "<details class=\"finding {level}\" data-number=\"{number}\" data-level=\"{level}\" \
         data-rule=\"{rule_id}\" data-place=\"{first}\" data-date=\"{date}\" \
         data-head=\"{in_head}\" data-published=\"{published}\">\n\
         <summary><span class=\"level\">{level}</span><span>{}<br><code class=\"dim\">{rule_id}</code>\
         </span><code>{first}</code><span>{day}</span></summary>\n<div class=\"body\">",
        shown(&finding.description)
    );
    let excerpt = match line(finding) {
        None => secret,
        Some((before, after)) => {
            format!("{}<mark>{secret}</mark>{}", markup(before), markup(after))
        }
    };
    let _ = writeln!(page, "<pre>{excerpt}</pre>");
    let history = finding.history.as_ref();
    if let Some(history) = history.filter(|_| document.head.scope.has_commits()) {
        timeline(document, history, finding.first_seen.as_deref(), page);
    }
    let why = markup(finding.why());
    let _ = writeln!(page, "<p class=\"dim\">{why}</p>");
    for note in [path_note(finding, ""), ref_note(finding, "")] {
        if !note.is_empty() {
            let _ = writeln!(page, "<p>{note}</p>");
        }
    }
    page.push_str("<ol>\n");
    for place in places.iter().take(MAX_PLACES) {
        let commit = place.commit.map(shown);
        let commit = commit.map_or_else(String::new, |id| format!(" in <code>{id}</code>"));
        let _ = writeln!(page, "<li><code>{}</code>{commit}</li>", label(place));
    }
    page.push_str("</ol>\n");
    if let Some(more @ 1..) = places.len().checked_sub(MAX_PLACES) {
        let _ = writeln!(page, "<p>and {more} more places</p>");
    }
    advice(finding, page);
    page.push_str("</div>\n</details>\n");
}

/// When it entered, when it was last there, when it was removed, and where it is now.
fn timeline(document: &Document, history: &History, first_seen: Option<&str>, page: &mut String) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let first = history
        .first
        .as_ref()
        .and_then(|first| first.commit.as_ref());
    if let Some(id) = first {
        let mut entered = commit(id, history.author.as_ref());
        if let Some(boundary) = boundary(document, history) {
            let _ = write!(entered, ", {boundary}");
        }
        let entered = markup(entered);
        rows.push((
            "introduced",
            match &history.web {
                Some(address) => format!("{entered} {}", link(address)),
                None => entered,
            },
        ));
    }
    if let Some(day) = first_seen {
        rows.push(("first told", shown(day)));
    }
    if let Some(standing) = &history.standing {
        let milestones = [
            ("last seen", &standing.last),
            ("removed", &standing.removed),
        ];
        for (what, at) in milestones {
            if let Some(at) = at {
                rows.push((what, markup(commit(&at.commit, at.author.as_ref()))));
            }
        }
        if standing.published {
            let names = standing.remotes.iter().take(MAX_NAMES).map(Text::shown);
            let mut names = names.collect::<Vec<_>>().join(", ");
            if let Some(more @ 1..) = standing.remotes.len().checked_sub(MAX_NAMES) {
                let _ = write!(names, " and {more} more");
            }
            rows.push(("published", markup(format!("on {names}"))));
        }
        let is_there = if standing.in_head {
            "still in HEAD"
        } else {
            "not in HEAD"
        };
        let reached = reached_by(standing).join(" · ");
        rows.push(("now", markup(format!("{is_there} · {reached}"))));
        let commits = counted(standing.commits, "commit");
        let counts = format!("{commits}, {}", counted(history.paths.len(), "path"));
        rows.push(("in all", counts));
    }
    page.push_str("<dl>\n");
    for (what, told) in rows {
        let _ = writeln!(page, "<dt>{what}</dt><dd>{told}</dd>");
    }
    page.push_str("</dl>\n");
}

/// Where to make it useless, and commands to paste.
fn advice(finding: &Finding, page: &mut String) {
    if let Some(address) = &finding.rotate {
        let _ = writeln!(page, "<p>Make it useless first: {}</p>", link(address));
    }
    let id = finding.short_id();
    let _ = writeln!(
        page,
        "<pre>unleak explain {id}\nunleak purge --finding {id}\nunleak ignore {id} --reason TEXT</pre>"
    );
}

/// A link. Addresses may come from strangers: only those of pages can be followed.
pub(super) fn link(address: &str) -> String {
    let text = shown(address);
    if address.starts_with("https://") {
        format!("<a href=\"{text}\" rel=\"noreferrer\">{text}</a>")
    } else {
        text
    }
}

/// Text on one line, harmless in HTML.
pub(super) fn shown(text: &str) -> String {
    markup(escape(text.as_bytes()))
}

/// Makes text harmless in HTML, within and between tags.
pub(super) fn markup(text: impl AsRef<str>) -> String {
    quick_xml::escape::escape(text.as_ref()).into_owned()
}
