//! HTML: one file that needs nothing else, with findings that sort, filter and fold.
//!
//! A policy in the page lets nothing run but its own script and nothing load at all, should text of
//! the repository ever get through as markup.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::escape::escape;
use super::human::{coverage, shorten_end, shorten_start, story, verdict};
use super::location::{Location, locations, unread};
use super::paint::Paint;
use super::redact::Redactor;
use super::{Report, timestamp};
use crate::finding::Finding;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Places told of each finding before the rest is counted.
const MAX_PLACES: usize = 50;

pub(super) fn render(report: &Report<'_>) -> String {
    // Colours are the style's.
    let report = &Report {
        paint: Paint::Off,
        ..*report
    };
    let redactor = Redactor::of(report.audit, report.reveal);
    let (mut said, mut read) = (String::new(), String::new());
    verdict(report, &mut said);
    coverage(report, &redactor, &mut read);
    let subject = markup(escape(report.subject.as_bytes()));
    let is_bad = !report.audit.findings.is_empty() || !report.audit.coverage.is_complete();
    let class = if is_bad { "verdict bad" } else { "verdict" };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src {}; script-src {}; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>unleak: {subject}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Secrets in {subject}</h1>\n<p class=\"{class}\">{}</p>\n",
        hash(STYLE),
        hash(SCRIPT),
        markup(said.trim()),
    );
    page.push_str(FORM);
    page.push_str("<main id=\"findings\">\n");
    for (number, finding) in report.audit.findings.iter().enumerate() {
        block(report, &redactor, number, finding, &mut page);
    }
    page.push_str("</main>\n<h2>What was read</h2>\n<pre>");
    page.push_str(&markup(read.trim()));
    page.push_str("</pre>\n");
    let problems = unread(report, &redactor);
    if !problems.is_empty() {
        page.push_str("<h2 class=\"bad\">What could not be read</h2>\n<ul>\n");
        for problem in problems {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "<li>{}</li>", markup(problem));
        }
        page.push_str("</ul>\n");
    }
    let _ = writeln!(page, "<script>{SCRIPT}</script>\n</body>\n</html>");
    page
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

fn block(
    report: &Report<'_>,
    redactor: &Redactor,
    number: usize,
    finding: &Finding,
    page: &mut String,
) {
    let places = locations(finding);
    let label = |place: &Location<'_>| markup(place.label(redactor));
    let first = places.first().map(label).unwrap_or_default();
    let rule = report.rule(&finding.rule_id);
    let rule_id = markup(escape(finding.rule_id.as_bytes()));
    let description = rule.map_or("", |rule| rule.description.as_str());
    let history = finding.history.as_ref();
    let author = history.and_then(|history| history.author.as_ref());
    let date = author.map_or_else(String::new, |author| timestamp(author.seconds));
    let standing = history.and_then(|history| history.standing.as_ref());
    let in_head = standing.is_some_and(|standing| standing.in_head);
    let published = standing.is_some_and(|standing| !standing.reach.remotes.is_empty());
    let level = finding.confidence.name();
    let secret = markup(escape(&redactor.secret(&finding.secret)));
    let day = date.get(..10).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "<details class=\"finding {level}\" data-number=\"{number}\" data-level=\"{level}\" \
         data-rule=\"{rule_id}\" data-place=\"{first}\" data-date=\"{date}\" \
         data-head=\"{in_head}\" data-published=\"{published}\">\n\
         <summary><span class=\"level\">{level}</span><span>{}<br><code class=\"dim\">{rule_id}</code>\
         </span><code>{first}</code><span>{day}</span></summary>\n<div class=\"body\">",
        markup(description)
    );
    let line = match &finding.excerpt {
        None => secret,
        Some(excerpt) => {
            let shown = |text: &[u8]| escape(&redactor.text(text));
            let before = markup(shorten_start(&shown(&excerpt.before)));
            let after = markup(shorten_end(&shown(&excerpt.after)));
            format!("{before}<mark>{secret}</mark>{after}")
        }
    };
    let _ = writeln!(page, "<pre>{line}</pre>");
    if let Some(history) = history.filter(|_| report.audit.scope.has_commits()) {
        let _ = writeln!(page, "<p>{}</p>", markup(story(history, redactor)));
        if let Some(address) = report.page(finding) {
            let address = markup(address);
            let link = format!("<a href=\"{address}\" rel=\"noreferrer\">{address}</a>");
            let _ = writeln!(page, "<p>{link}</p>");
        }
    }
    let reasons: Vec<&str> = finding.reasons.iter().map(|reason| reason.text()).collect();
    let reasons = markup(reasons.join(", "));
    let _ = writeln!(page, "<p class=\"dim\">{reasons}</p>\n<ol>");
    for place in places.iter().take(MAX_PLACES) {
        let commit = place.commit_id;
        let commit = commit.map_or_else(String::new, |id| format!(" in <code>{id}</code>"));
        let _ = writeln!(page, "<li><code>{}</code>{commit}</li>", label(place));
    }
    page.push_str("</ol>\n");
    if let Some(more @ 1..) = places.len().checked_sub(MAX_PLACES) {
        let _ = writeln!(page, "<p>and {more} more places</p>");
    }
    advice(report, finding, page);
    page.push_str("</div>\n</details>\n");
}

/// Where to make it useless, and commands to paste.
fn advice(report: &Report<'_>, finding: &Finding, page: &mut String) {
    let rule = report.rule(&finding.rule_id);
    // Rules may come from strangers: only addresses of pages are links.
    if let Some(address) = rule.and_then(|rule| rule.rotate.as_deref())
        && address.starts_with("https://")
    {
        let address = markup(address);
        let _ = writeln!(
            page,
            "<p>Make it useless first: <a href=\"{address}\" rel=\"noreferrer\">{address}</a></p>"
        );
    }
    let id = &finding.fingerprint.to_string()[..12];
    let _ = writeln!(
        page,
        "<pre>unleak explain {id}\nunleak purge --finding {id}\nunleak ignore {id} --reason TEXT</pre>"
    );
}

/// Makes text harmless in HTML, within and between tags.
fn markup(text: impl AsRef<str>) -> String {
    quick_xml::escape::escape(text.as_ref()).into_owned()
}
