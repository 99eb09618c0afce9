//! `unleak ignore` and `unleak baseline`: findings that people know and accept.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use unleak::audit::{Audit, Scope};
use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::odb::repository::Repository;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::scan::files::{self, Excluded, Wanted};
use unleak::suppress::pattern::Pattern;
use unleak::suppress::{Details, Digest, Locate, Store, Suppressions, outside};

use crate::args::{
    Args, BaselineArgs, BaselineCommand, ConfidenceChoice, IgnoreArgs, IgnoreCommand,
};
use crate::exit::Exit;
use crate::found::Found;
use crate::{config, output, settings, ui};

/// Takes out of `audit` what is suppressed, and warns about what should be looked at.
pub(crate) fn apply(all: &Suppressions, audit: &mut Audit) -> Result<()> {
    apply_at(all, audit, &<[u8]>::to_vec)
}

/// Like [`apply`], for findings whose paths do not begin at the top of the repository.
pub(crate) fn apply_at(all: &Suppressions, audit: &mut Audit, locate: Locate<'_>) -> Result<()> {
    let outcome = all.apply(std::mem::take(&mut audit.findings), today(), locate)?;
    audit.findings = outcome.findings;
    audit.coverage.suppressed = outcome.suppressed;
    audit.hidden.extend(outcome.hidden);
    for name in outcome.expired {
        ui::warn(&format!(
            "the suppression '{name}' has expired: 'unleak ignore list' tells which"
        ));
    }
    let coverage = &audit.coverage;
    // A suppression may be for what is not sure enough to be here.
    let is_whole = audit.scope == Scope::Repository
        && coverage.is_complete()
        && coverage.below_confidence == 0;
    if is_whole && !outcome.unused.is_empty() {
        let count = outcome.unused.len();
        ui::warn(&format!(
            "{count} suppressions match nothing: 'unleak ignore list' tells which"
        ));
    }
    Ok(())
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Runs `unleak ignore`.
pub(crate) fn run(args: &Args, ignore: &IgnoreArgs) -> Result<Exit> {
    match &ignore.command {
        Some(IgnoreCommand::List) => list(args, ignore),
        Some(IgnoreCommand::Remove { digest }) => remove(ignore, digest),
        None => add(args, ignore),
    }
}

fn add(args: &Args, ignore: &IgnoreArgs) -> Result<Exit> {
    let expires = ignore.expires.as_deref().map(day).transpose()?;
    if let Some(day) = expires.filter(|&day| day < today()) {
        return Err(Error::usage(format!("'--expires {day}' is in the past"))
            .hint("it is the last day on which the suppression holds"));
    }
    if ignore
        .reason
        .as_ref()
        .is_some_and(|text| text.trim().is_empty())
    {
        return Err(Error::usage("the text of '--reason' is empty")
            .hint("say why the finding is no danger: whoever reads it later must judge it"));
    }
    let found = Found::scan(
        args,
        &ignore.repository,
        &ignore.rules,
        ConfidenceChoice::Low,
        false,
    )?;
    let wanted = ignore
        .fingerprint
        .iter()
        .map(|prefix| found.picked(prefix))
        .collect::<Result<Vec<_>>>()?;
    let redactor = Redactor::new(&found.audit.findings, Reveal::Redacted);
    for finding in &wanted {
        holds(finding, ignore.path.as_deref(), &redactor)?;
    }
    let mut store = Store::open(&found.repository)?;
    let mut text = String::new();
    let mut written = None;
    for finding in wanted {
        let details = Details {
            reason: ignore.reason.clone(),
            owner: ignore.owner.clone(),
            path: ignore.path.clone(),
            expires,
        };
        let known = store.all.find(finding.fingerprint);
        let known = known.and_then(|digest| store.all.details(digest)).cloned();
        let path = store.add(finding.fingerprint, &finding.rule_id, details)?;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} {} is suppressed by {}",
            finding.fingerprint,
            escape(finding.rule_id.as_bytes()),
            escape(path.as_os_str().as_encoded_bytes())
        );
        if let Some(known) = known {
            text.push_str("  it was suppressed before");
            say_details(&known, &mut text);
            text.push('\n');
        }
        written = Some(path);
    }
    text.push_str(how_to_share(&found.repository, written.as_deref()));
    output::print(text.as_bytes())
}

/// What to do so that the suppression at `path` holds for others, too.
fn how_to_share(repo: &Repository, path: Option<&Path>) -> &'static str {
    let Some(path) = path.filter(|path| is_ignored(repo, path)) else {
        return "Commit the directory '.unleak', so that it holds for all.\n";
    };
    ui::warn(&format!(
        "git ignores '{}', so the suppression holds in this clone only",
        escape(path.as_os_str().as_encoded_bytes())
    ));
    "Remove '.unleak' from the ignore rules of git and commit it, so that it holds for all.\n"
}

/// Whether git ignores the file at `path`, by the worktree's own rules or the user's.
fn is_ignored(repo: &Repository, path: &Path) -> bool {
    let Some(root) = repo.git().workdir() else {
        return false;
    };
    let wanted = path.to_owned();
    let is_elsewhere: Excluded = Arc::new(move |path, _| !wanted.starts_with(path));
    let listed = files::list_except(&[root.to_owned()], Wanted::NotIgnored, &is_elsewhere);
    listed.paths.is_empty()
}

/// Refuses a path that does not hold for a finding: the suppression would have no effect.
fn holds(finding: &Finding, path: Option<&str>, redactor: &Redactor) -> Result<()> {
    let Some(pattern) = path else {
        return Ok(());
    };
    let short = &finding.fingerprint.to_string()[..SHORT_ID];
    let what = match outside(pattern, finding)? {
        None => format!("{short} never was in a file, so '--path {pattern}' does not hold for it"),
        Some(others) => match others.first() {
            None => return Ok(()),
            Some(other) => {
                let other = escape(&redactor.path(other));
                format!("{short} was in '{other}', too, which '--path {pattern}' does not match")
            }
        },
    };
    Err(Error::usage(what).hint(
        "a path must match every file that ever held the secret; leave out '--path' to suppress it in all",
    ))
}

/// Digits of a fingerprint, as reports show them.
const SHORT_ID: usize = 12;

/// What people said about a suppression.
fn say_details(details: &Details, text: &mut String) {
    for (what, value) in [
        ("reason", details.reason.clone()),
        ("owner", details.owner.clone()),
        ("path", details.path.clone()),
        ("expires", details.expires.map(|day| day.to_string())),
    ] {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(text, "; {what}: {}", escape(value.as_bytes()));
        }
    }
}

fn day(text: &str) -> Result<Date> {
    text.parse().map_err(|_| {
        Error::usage(format!("'{text}' is not a day")).hint("write it as in 2030-12-31")
    })
}

fn remove(ignore: &IgnoreArgs, digests: &[String]) -> Result<Exit> {
    let overrides = settings::overrides_for(&ignore.repository);
    let repository = Repository::discover(&ignore.repository, &overrides)?;
    let mut store = Store::open(&repository)?;
    for text in digests {
        let digest = Digest::from_hex(text);
        if !digest.map_or(Ok(false), |digest| store.remove(digest))? {
            return Err(Error::usage(format!("there is no suppression '{text}'"))
                .hint("'unleak ignore list' shows all; those of a baseline go with 'unleak baseline update'"));
        }
    }
    Ok(Exit::Clean)
}

/// All suppressions, what they are good for, and every inline marker that hides something.
fn list(args: &Args, ignore: &IgnoreArgs) -> Result<Exit> {
    let found = Found::scan(
        args,
        &ignore.repository,
        &ignore.rules,
        ConfidenceChoice::Low,
        false,
    )?;
    let all = config::suppressions(Some(&found.repository), &found.layers, false)?;
    let used: Vec<Digest> = found
        .audit
        .findings
        .iter()
        .filter_map(|finding| all.find(finding.fingerprint))
        .collect();
    let mut text = String::new();
    for (digest, rule, details, source) in all.list() {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{digest} {source:8} {rule}",
            rule = escape(rule.as_bytes())
        );
        say_details(details, &mut text);
        if details.expires.is_some_and(|day| day < today()) {
            text.push_str("; EXPIRED");
        }
        text.push_str(if used.contains(&digest) {
            "\n"
        } else {
            "; matches nothing\n"
        });
    }
    configured(&all.patterns, &found.audit.findings, &mut text);
    let honoured = Found::scan(
        args,
        &ignore.repository,
        &ignore.rules,
        ConfidenceChoice::Low,
        true,
    )?;
    inline(&found.audit.findings, &honoured.audit.findings, &mut text);
    if text.is_empty() {
        text.push_str("nothing is suppressed\n");
    }
    output::print(text.as_bytes())
}

/// The suppressions of configurations.
fn configured(patterns: &[Pattern], findings: &[Finding], text: &mut String) {
    for pattern in patterns {
        let (named, source) = (
            escape(pattern.named.as_bytes()),
            escape(pattern.source.as_bytes()),
        );
        let reason = pattern.details.reason.as_deref().unwrap_or_default();
        let _ = write!(
            text,
            "{named}; {source}; reason: {}",
            escape(reason.as_bytes())
        );
        if pattern.details.expires.is_some_and(|day| day < today()) {
            text.push_str("; EXPIRED");
        }
        let is_used = findings
            .iter()
            .any(|finding| pattern.covers(finding, &<[u8]>::to_vec));
        text.push_str(if is_used { "\n" } else { "; matches nothing\n" });
    }
}

/// What inline markers hide: the places that `all` has and `open` has not.
fn inline(all: &[Finding], open: &[Finding], text: &mut String) {
    let redactor = Redactor::new(all, Reveal::Redacted);
    for finding in all {
        let other = open
            .iter()
            .find(|other| other.fingerprint == finding.fingerprint);
        let hidden = finding
            .occurrences
            .iter()
            .filter(|occurrence| other.is_none_or(|other| !other.occurrences.contains(occurrence)));
        for occurrence in hidden {
            let appearances = finding
                .history
                .iter()
                .flat_map(|history| &history.appearances);
            let mut paths = appearances
                .filter(|appearance| appearance.object_id == occurrence.object_id)
                .filter_map(|appearance| appearance.path.as_ref());
            let holder = paths.next().map_or_else(
                || occurrence.object_id.to_string(),
                |path| escape(&redactor.path(path)),
            );
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} inline   {}; {holder}:{}",
                finding.fingerprint,
                escape(finding.rule_id.as_bytes()),
                occurrence.spot.position.line
            );
        }
    }
}

/// Runs `unleak baseline`.
pub(crate) fn baseline(args: &Args, baseline: &BaselineArgs) -> Result<Exit> {
    let found = Found::scan(
        args,
        &baseline.repository,
        &baseline.rules,
        baseline.min_confidence,
        true,
    )?;
    if !found.audit.coverage.is_complete() {
        ui::warn("not everything could be read: what was not is not in the baseline");
    }
    let mut store = Store::open(&found.repository)?;
    let findings = &found.audit.findings;
    let is_there = |digest: &Digest| {
        findings
            .iter()
            .any(|finding| store.all.find(finding.fingerprint) == Some(*digest))
    };
    let kept: Vec<Digest> = store.baseline().into_iter().filter(is_there).collect();
    let dropped = store.baseline().len() - kept.len();
    let new = findings
        .iter()
        .filter(|finding| store.all.find(finding.fingerprint).is_none())
        .map(|finding| (finding.fingerprint, finding.rule_id.clone()));
    let new: Vec<(Fingerprint, String)> = new.collect();
    let added = match baseline.command {
        BaselineCommand::Create if store.has_baseline() => {
            return Err(Error::usage("there is a baseline already")
                .hint("'unleak baseline update' brings it up to date"));
        }
        BaselineCommand::Create | BaselineCommand::Update => new,
        BaselineCommand::Prune => Vec::new(),
    };
    let path = store.write_baseline(&kept, &added)?;
    let text = format!(
        "{}: {} findings are known, of which {} are new; {dropped} that are gone were dropped\n",
        escape(path.as_os_str().as_encoded_bytes()),
        kept.len() + added.len(),
        added.len()
    );
    output::print(text.as_bytes())
}
