//! The text of an estate for terminals.

use std::fmt::Write as _;

use super::super::document::Text;
use super::super::escape::escape;
use super::super::paint::{Paint, Role};
use super::{Estate, EstateSecret, Status};
use crate::report::text::counted;
use crate::rule::Confidence;

/// Maximum number of listed repositories per secret; the rest is counted.
const MAX_NAMES: usize = 3;

/// Maximum number of listed secrets, with four lines each, and of unread repositories; the rest is
/// counted. The whole text has fewer than 200 lines.
const MAX_SECRETS: usize = 40;
const MAX_UNREAD: usize = 30;

pub(super) fn plain(text: &str) -> String {
    escape(text.as_bytes())
}

pub(super) fn render(estate: &Estate, before: Option<&Estate>, paint: Paint) -> String {
    let secrets = estate.secrets(before);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", verdict(estate, &secrets, paint));
    if let Some(before) = before {
        let new = secrets
            .iter()
            .filter(|secret| secret.is_new == Some(true))
            .count();
        let gone = estate.gone(before).len();
        let _ = writeln!(text, "since the earlier one: {new} new, {gone} gone");
    }
    for secret in secrets.iter().take(MAX_SECRETS) {
        let _ = writeln!(text, "\n{}", told(secret, paint));
    }
    more(secrets.len(), MAX_SECRETS, &mut text);
    let unread = problems(estate);
    if !unread.is_empty() {
        let _ = writeln!(text, "\n{}", paint.role(Role::Alarm, "not read:"));
        for problem in unread.iter().take(MAX_UNREAD) {
            let _ = writeln!(text, "  {problem}");
        }
        more(unread.len(), MAX_UNREAD, &mut text);
    }
    text
}

/// Writes the number of unlisted items of `count`.
fn more(count: usize, listed: usize, text: &mut String) {
    if let Some(more @ 1..) = count.checked_sub(listed) {
        let _ = writeln!(text, "\nand {more} more: '--format json' lists all");
    }
}

pub(super) fn verdict(estate: &Estate, secrets: &[EstateSecret<'_>], paint: Paint) -> String {
    let repositories = estate.repositories.values();
    let holding = repositories
        .filter(|repository| !repository.findings.is_empty())
        .count();
    let all = estate.repositories.len();
    let is_complete = estate.is_complete();
    let (role, found) = match (secrets.len(), is_complete) {
        (0, true) => (Role::Good, "no secrets found".to_owned()),
        (0, false) => (Role::Warning, "no secrets found".to_owned()),
        (1, _) => (Role::Alarm, "1 secret found".to_owned()),
        (count, _) => (Role::Alarm, format!("{count} secrets found")),
    };
    let read = match is_complete {
        true => "everything was read".to_owned(),
        false => paint.role(Role::Alarm, "but not everything could be read"),
    };
    format!(
        "{} in {holding} of {all} repositories; {read}",
        paint.role(role, &found)
    )
}

fn told(secret: &EstateSecret<'_>, paint: Paint) -> String {
    let finding = secret.finding;
    let level = match finding.confidence {
        Confidence::High => Role::Alarm,
        Confidence::Medium => Role::Warning,
        Confidence::Low => Role::Dim,
    };
    let count = secret.repositories.len();
    let names = secret.repositories.iter().take(MAX_NAMES);
    let mut names: Vec<String> = names.map(|(name, _)| plain(name)).collect();
    if let Some(more @ 1..) = count.checked_sub(MAX_NAMES) {
        names.push(format!("{more} more"));
    }
    let since = secret.since.and_then(|since| since.get(..10));
    let since = since.map_or_else(String::new, |day| format!(" · since {}", plain(day)));
    let held = |what: &str, holds: &dyn Fn(&super::EstateFinding) -> bool| {
        let count = secret.repositories.iter().filter(|(_, f)| holds(f)).count();
        if count > 0 {
            format!(" · {what} in {count}")
        } else {
            String::new()
        }
    };
    let new = if secret.is_new == Some(true) {
        "new "
    } else {
        ""
    };
    format!(
        "{}{} {}: {} {}\n  in {}: {}{since}{}{}\n  {} {}",
        paint.role(Role::Alarm, new),
        paint.role(level, finding.confidence.name()),
        paint.role(Role::Rule, &plain(&finding.rule_id)),
        plain(&finding.description),
        paint.role(Role::Secret, &finding.secret.shown()),
        match count {
            1 => "1 repository".to_owned(),
            count => format!("{count} repositories"),
        },
        names.join(", "),
        held("still in HEAD", &|finding| finding.in_head),
        held("published", &|finding| finding.published),
        paint.role(Role::Dim, "id:"),
        plain(
            finding
                .fingerprint
                .get(..12)
                .unwrap_or(&finding.fingerprint)
        ),
    )
}

/// Returns the data that could not be read, one line each.
pub(super) fn problems(estate: &Estate) -> Vec<String> {
    let incomplete = estate
        .repositories
        .iter()
        .filter(|(_, r)| r.status != Status::Complete);
    let lines = incomplete.map(|(name, repository)| {
        let what = match repository.status {
            Status::Failed => "not scanned",
            Status::Incomplete | Status::Complete => "not all of it",
        };
        let read = counted(
            usize::try_from(repository.objects).unwrap_or(usize::MAX),
            "object",
        );
        let why = repository
            .problem
            .as_ref()
            .map(Text::shown)
            .unwrap_or_default();
        format!("{}: {what} ({read} read): {why}", plain(name))
    });
    lines.collect()
}
