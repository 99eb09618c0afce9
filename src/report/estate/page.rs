//! The HTML page of an estate.

use super::super::escape::escape;
use super::super::html::Page;
use super::super::paint::Paint;
use super::super::rows::{Data, HtmlPlace, HtmlRow, now};
use super::text::{problems, verdict};
use super::{Estate, EstateFinding, EstateSecret};
use crate::rule::Confidence;
use crate::severity::Severity;

/// Maximum number of listed repositories per secret; the rest is counted.
const MAX_REPOSITORIES: usize = 200;

pub(super) fn render(estate: &Estate, before: Option<&Estate>) -> String {
    let secrets = estate.secrets(before);
    let mut data = Data::of_estate();
    for secret in &secrets {
        let row = row(secret, &mut data);
        data.add(row);
    }
    let mut said = verdict(estate, &secrets, Paint::Off);
    let gone = before.map(|before| estate.gone(before));
    if let Some(gone) = &gone {
        let new = secrets.iter().filter(|secret| secret.is_new == Some(true));
        said = format!("{said} · {} new, {} gone", new.count(), gone.len());
    }
    Page {
        subject: format!("{} repositories", estate.repositories.len()),
        verdict: said,
        is_bad: !secrets.is_empty() || !estate.is_complete(),
        read: String::new(),
        problems: problems(estate),
        unopened: Vec::new(),
        gone: gone.map(|gone| gone.into_iter().map(told).collect()),
        data,
    }
    .render()
}

/// Formats a finding on one line.
fn told(finding: &EstateFinding) -> String {
    let plain = |text: &str| escape(text.as_bytes());
    let secret = finding.secret.shown();
    format!(
        "{} {secret} {}",
        plain(&finding.rule_id),
        plain(&finding.place)
    )
}

fn row(secret: &EstateSecret<'_>, data: &mut Data) -> HtmlRow {
    let finding = secret.finding;
    let any =
        |holds: fn(&EstateFinding) -> bool| secret.repositories.iter().any(|(_, held)| holds(held));
    let listed = secret.repositories.iter().take(MAX_REPOSITORIES);
    let places = listed.map(|(name, held)| {
        let place = format!("{name}: {}", held.place);
        HtmlPlace {
            text: data.text(&place),
            remark: Some(data.text(&notes(held))),
            ..HtmlPlace::default()
        }
    });
    let places: Vec<HtmlPlace> = places.collect();
    let names = secret.repositories.iter().map(|(name, _)| data.text(name));
    let repositories = names.collect();
    let author = finding
        .author
        .as_ref()
        .map(|author| data.text(&author.shown()));
    let day = secret.since.and_then(|since| since.get(..10));
    let date = day.map(|day| data.text(day));
    let mut row = HtmlRow {
        id: finding
            .fingerprint
            .get(..12)
            .unwrap_or(&finding.fingerprint)
            .to_owned(),
        rule: data.rule([
            &finding.rule_id,
            &finding.provider,
            &finding.description,
            finding.rotate.as_deref().unwrap_or_default(),
            "",
        ]),
        severity: Data::position(&Severity::ALL, &severity(finding.confidence)),
        confidence: Data::position(&Confidence::ALL, &finding.confidence),
        secret: finding.secret.shown(),
        author,
        date,
        more: secret.repositories.len() - places.len(),
        places,
        repositories,
        is_new: secret.is_new == Some(true),
        now: Some(now(
            any(|held| held.in_head),
            any(|held| held.published),
            true,
        )),
        ..HtmlRow::default()
    };
    let count = secret.repositories.len();
    let label = if count == 1 {
        "repository"
    } else {
        "repositories"
    };
    data.note("held by", &format!("{count} {label}"), &mut row);
    row
}

fn severity(confidence: Confidence) -> Severity {
    match confidence {
        Confidence::Low => Severity::Low,
        Confidence::Medium => Severity::Medium,
        Confidence::High => Severity::High,
    }
}

/// Returns the author, the date and the current places in one repository.
fn notes(held: &EstateFinding) -> String {
    let author = held.author.as_ref().map(|author| author.shown());
    let day = held.date.as_deref().and_then(|date| date.get(..10));
    let mut notes: Vec<String> = author.into_iter().chain(day.map(str::to_owned)).collect();
    if held.in_head {
        notes.push("in HEAD".to_owned());
    }
    if held.published {
        notes.push("published".to_owned());
    }
    notes.join(" · ")
}
