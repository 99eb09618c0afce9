//! `unleak ignore`: suppresses findings.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::git::repository::Repository;
use unleak::paths::PathPattern;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::scan::InlineAllow;
use unleak::scan::files::{self, Excluded};
use unleak::suppress::{Details, SuppressionStore, outside};

use super::args::IgnoreArgs;
use super::selection::{self, SavedReport};
use super::{future, hide, say_details, today};
use crate::exit::Exit;
use crate::filter::FindingFilter;
use crate::found::{RepositoryFindings, ScanRequest, first_place, mark};
use crate::ground::Ground;
use crate::options::CommonOptions;
use crate::options::ConfidenceChoice;
use crate::{config, output, plan, ui};

/// Findings that are listed when they are suppressed; a dry run lists all.
const MAX_LISTED: usize = 20;

/// Runs it.
pub(super) fn run(args: &CommonOptions, ignore: &IgnoreArgs) -> Result<Exit> {
    let details = details(ignore)?;
    let (found, picked) = match ignore.fingerprint.is_empty() {
        false => named(args, ignore)?,
        true if ignore.selection.is_some() => selected(args, ignore)?,
        true => return Err(selection::nothing_selected("finding")),
    };
    let patterns =
        Ground::Repository(&found.repository).patterns("--path", &ignore.selection.filter.path)?;
    let details = Details {
        path: joined(&patterns),
        path_class: ignore.selection.filter.path_class.clone(),
        ..details
    };
    let mut text = String::new();
    let path = write(&found, &picked, &details, ignore, &mut text)?;
    if !ignore.selection.dry_run && path.is_some() {
        let ids = picked.findings.iter().map(|f| f.fingerprint.to_string());
        let ids: HashSet<String> = ids.collect();
        plan::take_out(&found.repository, &|id| ids.contains(id), &mut text);
        text.push_str(how_to_share(&found.repository, path.as_deref()));
    }
    output::print(text.as_bytes())
}

/// What is said about all of the findings, but for the paths.
fn details(ignore: &IgnoreArgs) -> Result<Details> {
    Ok(Details {
        reason: ignore.reason.as_deref().map(reasoned).transpose()?,
        owner: ignore.owner.clone(),
        expires: match &ignore.expires {
            None => None,
            Some(text) => Some(future(text, today())?),
        },
        ..Details::default()
    })
}

/// Checks a reason.
///
/// # Errors
/// `Usage` if it says nothing.
pub(crate) fn reasoned(text: &str) -> Result<String> {
    match text.trim().is_empty() {
        false => Ok(text.to_owned()),
        true => Err(Error::usage("the text of '--reason' is empty")
            .hint("say why the finding is no danger: whoever reads it later must judge it")),
    }
}

/// One pattern that holds where any of these does.
fn joined(patterns: &[PathPattern]) -> Option<String> {
    match patterns {
        [] => None,
        [one] => Some(one.plain_text().into_owned()),
        all => {
            let all: Vec<String> = all.iter().map(PathPattern::to_glob).collect();
            Some(format!("{{{}}}", all.join(",")))
        }
    }
}

/// Findings that are suppressed, and those that the paths do not hold for.
struct PickedFindings {
    findings: Vec<Finding>,
    /// A finding, and a path at which it was, too.
    elsewhere: Vec<(Finding, Option<Vec<u8>>)>,
}

/// The findings that are named one by one; all of them must be what the filters ask for.
fn named(
    args: &CommonOptions,
    ignore: &IgnoreArgs,
) -> Result<(RepositoryFindings, PickedFindings)> {
    let mut wanted = ScanRequest::all(&ignore.repository, &ignore.rules);
    wanted.range = ignore.range.as_deref();
    let listed = SavedReport::read(&ignore.selection)?;
    wanted.worktree = selection::worktree(listed.as_ref());
    let mut found = RepositoryFindings::scan(args, &wanted)?;
    let picked: Result<Vec<Finding>> = ignore
        .fingerprint
        .iter()
        .map(|prefix| found.picked(prefix).cloned())
        .collect();
    let mut picked = picked?;
    // A finding may be named twice, with more and with fewer digits.
    let mut seen = HashSet::new();
    picked.retain(|finding| seen.insert(finding.fingerprint));
    let ground = Ground::Repository(&found.repository);
    let options = &ignore.selection.filter;
    let patterns = ground.patterns("--path", &options.path)?;
    let redactor = Redactor::new(&found.audit.findings, Reveal::Redacted);
    for finding in &picked {
        holds(finding, &patterns, &redactor)?;
    }
    // What the filters cannot match is told as such.
    FindingFilter::resolve(options, found.detector.rules(), found.audit.scope, ground)?;
    selection::narrow(&mut found, options, listed.as_ref())?;
    let left: HashSet<_> = found.audit.findings.iter().map(|f| f.fingerprint).collect();
    if let Some(other) = picked.iter().find(|f| !left.contains(&f.fingerprint)) {
        return Err(
            Error::usage(format!("the filters do not select {}", short(other)))
                .hint("leave them out: the finding is named by its id"),
        );
    }
    let picked = PickedFindings {
        findings: picked,
        elsewhere: Vec::new(),
    };
    Ok((found, picked))
}

/// What a scan with the same filters reports.
fn selected(
    args: &CommonOptions,
    ignore: &IgnoreArgs,
) -> Result<(RepositoryFindings, PickedFindings)> {
    let listed = SavedReport::read(&ignore.selection)?;
    // A report lists what somebody asked for, of whatever confidence.
    let any = listed.as_ref().map(|_| ConfidenceChoice::Low);
    let wanted = ScanRequest {
        path: &ignore.repository,
        rules: &ignore.rules,
        least: ignore.min_confidence.or(any),
        inline: InlineAllow::Honoured,
        range: ignore.range.as_deref(),
        worktree: selection::worktree(listed.as_ref()),
    };
    let mut found = RepositoryFindings::scan(args, &wanted)?;
    selection::warn_of_absent(&found, listed.as_ref());
    if !found.audit.coverage.is_complete() {
        ui::warn("not everything could be read: findings in what was not are not suppressed");
    }
    let all = config::suppressions(Some(&found.repository), &found.layers, false)?;
    hide(&all, &mut found.audit, &<[u8]>::to_vec)?;
    selection::narrow(&mut found, &ignore.selection.filter, listed.as_ref())?;
    let patterns =
        Ground::Repository(&found.repository).patterns("--path", &ignore.selection.filter.path)?;
    let mut picked = PickedFindings {
        findings: Vec::new(),
        elsewhere: Vec::new(),
    };
    for finding in &found.audit.findings {
        match beside(finding, &patterns) {
            None => picked.findings.push(finding.clone()),
            Some(path) => picked.elsewhere.push((finding.clone(), path)),
        }
    }
    Ok((found, picked))
}

/// Writes the suppressions, unless it is a dry run, and lists them. Returns the last file.
fn write(
    found: &RepositoryFindings,
    picked: &PickedFindings,
    details: &Details,
    ignore: &IgnoreArgs,
    text: &mut String,
) -> Result<Option<PathBuf>> {
    let redactor = Redactor::of(&found.audit, Reveal::Redacted);
    let mut store = SuppressionStore::open(&found.repository)?;
    let is_dry = ignore.selection.dry_run;
    let most = match is_dry {
        true => usize::MAX,
        false => MAX_LISTED,
    };
    let mut written = None;
    for (number, finding) in picked.findings.iter().enumerate() {
        let known = store.all.find(finding.fingerprint);
        let known = known.and_then(|digest| store.all.details(digest)).cloned();
        if !is_dry {
            let details = details.clone();
            written = Some(store.add(finding.fingerprint, &finding.rule_id, details)?);
        }
        if number >= most {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", line(finding, &redactor));
        if let Some(known) = known {
            text.push_str("    it was suppressed before");
            say_details(&known, &|said| found.shown(&redactor, said), text);
            text.push('\n');
        }
    }
    if let Some(more @ 1..) = picked.findings.len().checked_sub(most) {
        let _ = writeln!(text, "  and {more} more: 'unleak ignore list' lists all");
    }
    let count = counted(picked.findings.len());
    let _ = match (is_dry, picked.findings.len()) {
        (_, 0) => writeln!(text, "no open finding is selected: nothing is suppressed"),
        (true, _) => writeln!(text, "{count} would be suppressed; nothing was changed"),
        (false, 1) => writeln!(text, "{count} is suppressed"),
        (false, _) => writeln!(text, "{count} are suppressed"),
    };
    say_elsewhere(&picked.elsewhere, &redactor, text);
    Ok(written)
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 finding".to_owned(),
        _ => format!("{count} findings"),
    }
}

/// A finding as people recognise it.
fn line(finding: &Finding, redactor: &Redactor) -> String {
    format!(
        "{} {}  {}  {}",
        short(finding),
        escape(finding.rule_id.as_bytes()),
        first_place(finding, redactor),
        mark(finding, redactor)
    )
}

/// Lists the findings that were also where `--path` does not match.
fn say_elsewhere(elsewhere: &[(Finding, Option<Vec<u8>>)], redactor: &Redactor, text: &mut String) {
    if elsewhere.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} left open, since '--path' does not match every place:",
        counted(elsewhere.len())
    );
    for (finding, path) in elsewhere.iter().take(MAX_LISTED) {
        let other = path.as_ref().map_or_else(
            || first_place(finding, redactor),
            |path| escape(&redactor.path(path)),
        );
        let rule = escape(finding.rule_id.as_bytes());
        let _ = writeln!(text, "  {} {rule}  was in {other}, too", short(finding));
    }
    if let Some(more @ 1..) = elsewhere.len().checked_sub(MAX_LISTED) {
        let _ = writeln!(text, "  and {more} more");
    }
    text.push_str(
        "Name these places, too, with more '--path', or select with '--path-class' or ids.\n",
    );
}

/// What to do so that the suppression at `path` holds for others, too.
pub(crate) fn how_to_share(repo: &Repository, path: Option<&Path>) -> &'static str {
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
    let listed = files::list_except(
        &[root.to_owned()],
        files::FileChoice::NotIgnored,
        &is_elsewhere,
    );
    listed.paths.is_empty()
}

/// Where a finding was that no pattern matches: a path, or what is in no file. `None` if the patterns
/// match all places, or there are none.
fn beside(finding: &Finding, patterns: &[PathPattern]) -> Option<Option<Vec<u8>>> {
    if patterns.is_empty() {
        return None;
    }
    match outside(patterns, finding) {
        None => Some(None),
        Some(others) => others.first().map(|path| Some(path.to_vec())),
    }
}

/// Refuses paths that do not hold for a finding: the suppression would have no effect.
fn holds(finding: &Finding, patterns: &[PathPattern], redactor: &Redactor) -> Result<()> {
    let Some(other) = beside(finding, patterns) else {
        return Ok(());
    };
    let typed: Vec<&str> = patterns.iter().map(PathPattern::text).collect();
    let (typed, short) = (typed.join("' and '--path "), short(finding));
    let what = match other {
        None => format!("{short} never was in a file, so '--path {typed}' does not hold for it"),
        Some(other) => {
            let other = escape(&redactor.path(&other));
            format!("{short} was in '{other}', too, which '--path {typed}' does not match")
        }
    };
    Err(Error::usage(what).hint(
        "a path must match every file that ever held the secret; leave out '--path' to suppress it in all",
    ))
}

/// Digits of a fingerprint, as reports show them.
const SHORT_ID: usize = 12;

fn short(finding: &Finding) -> String {
    let mut id = finding.fingerprint.to_string();
    id.truncate(SHORT_ID);
    id
}
