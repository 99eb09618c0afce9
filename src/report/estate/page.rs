//! An estate as one file for a browser.

use std::fmt::Write as _;

use super::super::html::{link, markup, page, shown};
use super::super::paint::Paint;
use super::text::{problems, verdict};
use super::{Estate, Secret};

/// Repositories told of each secret before the rest is counted.
const MAX_REPOSITORIES: usize = 200;

pub(super) fn render(estate: &Estate, before: Option<&Estate>) -> String {
    let secrets = estate.secrets(before);
    let mut findings = String::new();
    for (number, secret) in secrets.iter().enumerate() {
        block(number, secret, &mut findings);
    }
    let mut after = String::new();
    if let Some(before) = before {
        let new = secrets
            .iter()
            .filter(|secret| secret.is_new == Some(true))
            .count();
        let gone = estate.gone(before);
        // Writing to a string cannot fail.
        let _ = writeln!(
            after,
            "<h2>Since the earlier one</h2>\n<p>{new} new, {} gone</p>\n<ul>",
            gone.len()
        );
        for finding in gone {
            let secret = markup(finding.secret.shown());
            let (rule_id, place) = (shown(&finding.rule_id), shown(&finding.place));
            let _ = writeln!(
                after,
                "<li>gone: <code>{rule_id}</code> {secret} <code>{place}</code></li>"
            );
        }
        after.push_str("</ul>\n");
    }
    let unread = problems(estate);
    if !unread.is_empty() {
        after.push_str("<h2 class=\"bad\">What could not be read</h2>\n<ul>\n");
        for problem in unread {
            let _ = writeln!(after, "<li>{}</li>", markup(problem));
        }
        after.push_str("</ul>\n");
    }
    let subject = format!("{} repositories", estate.repositories.len());
    let is_bad = !secrets.is_empty() || !estate.is_complete();
    let said = markup(verdict(estate, &secrets, Paint::Off));
    page(&subject, &said, is_bad, &findings, &after)
}

fn block(number: usize, secret: &Secret<'_>, text: &mut String) {
    let finding = secret.finding;
    let level = finding.confidence.name();
    let count = secret.repositories.len();
    let any = |holds: &dyn Fn(&super::Finding) -> bool| {
        secret
            .repositories
            .iter()
            .any(|(_, finding)| holds(finding))
    };
    let since = shown(secret.since.unwrap_or_default());
    let day = since.get(..10).unwrap_or_default();
    let new = match secret.is_new {
        Some(true) => " <strong class=\"bad\">new</strong>",
        _ => "",
    };
    let rule_id = shown(&finding.rule_id);
    let first = secret.repositories.first().map_or("", |(name, _)| name);
    let names = match count {
        1 => shown(first),
        count => format!("{} and {} more", shown(first), count - 1),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<details class=\"finding {level}\" data-number=\"{number}\" data-level=\"{level}\" \
         data-rule=\"{rule_id}\" data-place=\"{}\" data-date=\"{since}\" data-head=\"{}\" \
         data-published=\"{}\">\n<summary><span class=\"level\">{level}{new}</span>\
         <span>{}<br><code class=\"dim\">{rule_id}</code></span><code>{names}</code>\
         <span>{day}</span></summary>\n<div class=\"body\">\n<pre>{}</pre>\n<ol>",
        shown(first),
        any(&|finding| finding.in_head),
        any(&|finding| finding.published),
        shown(&finding.description),
        markup(finding.secret.shown()),
    );
    for (name, held) in secret.repositories.iter().take(MAX_REPOSITORIES) {
        let author = held.author.as_ref().map(|author| markup(author.shown()));
        let date = held.date.as_deref().and_then(|date| date.get(..10));
        let mut notes: Vec<String> = author.into_iter().chain(date.map(shown)).collect();
        if held.in_head {
            notes.push("still in HEAD".to_owned());
        }
        if held.published {
            notes.push("published".to_owned());
        }
        let (name, place) = (shown(name), shown(&held.place));
        let notes = notes.join(" · ");
        let _ = writeln!(text, "<li>{name}: <code>{place}</code> {notes}</li>");
    }
    text.push_str("</ol>\n");
    if let Some(more @ 1..) = count.checked_sub(MAX_REPOSITORIES) {
        let _ = writeln!(text, "<p>and {more} more repositories</p>");
    }
    if let Some(address) = &finding.rotate {
        let _ = writeln!(text, "<p>Make it useless first: {}</p>", link(address));
    }
    text.push_str("</div>\n</details>\n");
}
