//! `unleak ignore`: suppresses findings.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::git::repository::Repository;
use unleak::paths::PathPattern;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::scan::InlineAllow;
use unleak::scan::files::{self, Excluded};
use unleak::suppress::{Details, SuppressionStore};

use super::args::IgnoreArgs;
use super::selection::{self, SavedReport, SelectedFinding, Selection};
use super::{future, hide, said, today};
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest};
use crate::ground::Ground;
use crate::options::CommonOptions;
use crate::options::ConfidenceChoice;
use crate::{config, output, plan, ui};

/// Findings that are listed when they are suppressed; a dry run lists all.
const MAX_LISTED: usize = 20;

/// Runs it.
pub(super) fn run(args: &CommonOptions, ignore: &IgnoreArgs) -> Result<Exit> {
    let details = details(ignore)?;
    let (selection, elsewhere) = match ignore.fingerprint.is_empty() {
        false => (named(args, ignore)?, Vec::new()),
        true if ignore.selection.is_some() => selected(args, ignore)?,
        true => return Err(selection::nothing_selected("finding")),
    };
    let patterns = patterns(&selection.repository, ignore)?;
    let details = Details {
        path: joined(&patterns),
        path_class: ignore.selection.filter.path_class.clone(),
        ..details
    };
    let mut text = String::new();
    let path = write(&selection, &details, ignore, &mut text)?;
    say_elsewhere(&elsewhere, &patterns, &selection.redactor, &mut text);
    if !ignore.selection.dry_run && path.is_some() {
        let ids = selection.findings.iter();
        let ids: HashSet<String> = ids.map(|f| f.fingerprint().to_string()).collect();
        plan::take_out(&selection.repository, &|id| ids.contains(id), &mut text);
        text.push_str(how_to_share(&selection.repository, path.as_deref()));
    }
    output::print(text.as_bytes())
}

/// The patterns of `--path`.
fn patterns(repository: &Repository, ignore: &IgnoreArgs) -> Result<Vec<PathPattern>> {
    let ground = Ground::Repository(repository);
    ground.patterns("--path", &ignore.selection.filter.path)
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

/// The findings that are named one by one; all of them must be what the filters ask for.
fn named(args: &CommonOptions, ignore: &IgnoreArgs) -> Result<Selection> {
    let mut wanted = ScanRequest::all(&ignore.repository, &ignore.rules);
    wanted.range = ignore.range.as_deref();
    let listed = SavedReport::read(&ignore.selection)?;
    let options = &ignore.selection.filter;
    let is_enough = |listed: &SavedReport| wanted.range.is_none() && listed.is_enough(options);
    let selection = match listed {
        Some(listed) if is_enough(&listed) => {
            let selection =
                Selection::of_report(listed, &wanted, options, &ignore.fingerprint, true)?;
            let patterns = patterns(&selection.repository, ignore)?;
            for finding in &selection.findings {
                holds(finding, &patterns, &selection.redactor)?;
            }
            selection
        }
        listed => {
            wanted.worktree = selection::worktree(listed.as_ref());
            let found = RepositoryFindings::scan(args, &wanted)?;
            Selection::of_scan(named_in(found, ignore, listed.as_ref())?)
        }
    };
    Ok(selection)
}

/// Leaves the named findings in what a scan found.
fn named_in(
    mut found: RepositoryFindings,
    ignore: &IgnoreArgs,
    listed: Option<&SavedReport>,
) -> Result<RepositoryFindings> {
    let mut picked: Vec<Finding> = Vec::new();
    for prefix in &ignore.fingerprint {
        let finding = found.picked(prefix)?;
        // A finding may be named twice, with more and with fewer digits.
        if picked.iter().all(|f| f.fingerprint != finding.fingerprint) {
            picked.push(finding.clone());
        }
    }
    let redactor = Redactor::of(&found.audit, Reveal::Redacted);
    let patterns = patterns(&found.repository, ignore)?;
    for finding in &picked {
        let finding = SelectedFinding::Scanned(Box::new(finding.clone()));
        holds(&finding, &patterns, &redactor)?;
    }
    // What the filters cannot match is told as such.
    selection::narrow(&mut found, &ignore.selection.filter, listed)?;
    let left: HashSet<_> = found.audit.findings.iter().map(|f| f.fingerprint).collect();
    if let Some(other) = picked.iter().find(|f| !left.contains(&f.fingerprint)) {
        return Err(selection::not_selected(&short(other.fingerprint)));
    }
    found.audit.findings = picked;
    Ok(found)
}

/// What a scan with the same filters reports, without what the paths do not hold for.
fn selected(
    args: &CommonOptions,
    ignore: &IgnoreArgs,
) -> Result<(Selection, Vec<SelectedFinding>)> {
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
    let options = &ignore.selection.filter;
    let is_enough = |listed: &SavedReport| wanted.range.is_none() && listed.is_enough(options);
    let mut selection = match listed {
        Some(listed) if is_enough(&listed) => {
            Selection::of_report(listed, &wanted, options, &[], false)?
        }
        listed => {
            let mut found = RepositoryFindings::scan(args, &wanted)?;
            selection::warn_of_absent(&found, listed.as_ref());
            if !found.audit.coverage.is_complete() {
                selection::say_incomplete();
            }
            let all = config::suppressions(Some(&found.repository), &found.layers, false)?;
            hide(&all, &mut found.audit, &<[u8]>::to_vec)?;
            selection::narrow(&mut found, options, listed.as_ref())?;
            Selection::of_scan(found)
        }
    };
    let patterns = patterns(&selection.repository, ignore)?;
    let findings = std::mem::take(&mut selection.findings).into_iter();
    let (here, elsewhere) = findings.partition(|finding| beside(finding, &patterns).is_none());
    selection.findings = here;
    Ok((selection, elsewhere))
}

/// Writes the suppressions, unless it is a dry run, and lists them. Returns the last file.
fn write(
    selection: &Selection,
    details: &Details,
    ignore: &IgnoreArgs,
    text: &mut String,
) -> Result<Option<PathBuf>> {
    let mut store = SuppressionStore::open(&selection.repository)?;
    let is_dry = ignore.selection.dry_run;
    let most = match is_dry {
        true => usize::MAX,
        false => MAX_LISTED,
    };
    let mut written = None;
    for (number, finding) in selection.findings.iter().enumerate() {
        let fingerprint = finding.fingerprint();
        let known = store.all.find(fingerprint);
        let known = known.and_then(|digest| store.all.details(digest)).cloned();
        if !is_dry {
            written = Some(store.add(fingerprint, finding.rule(), details.clone())?);
        }
        if number >= most {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", line(finding, &selection.redactor));
        if let Some(known) = known {
            let mut parts = vec!["it was suppressed before".to_owned()];
            parts.extend(said(&known, &|text| selection.shown(text)));
            let _ = writeln!(text, "    {}", parts.join("; "));
        }
    }
    let all = selection.findings.len();
    if let Some(more @ 1..) = all.checked_sub(most) {
        let _ = writeln!(text, "  and {more} more: 'unleak ignore list' lists all");
    }
    let count = counted(all);
    let _ = match (is_dry, all) {
        (_, 0) => writeln!(text, "no open finding is selected: nothing is suppressed"),
        (true, _) => writeln!(text, "{count} would be suppressed; nothing was changed"),
        (false, 1) => writeln!(text, "{count} is suppressed"),
        (false, _) => writeln!(text, "{count} are suppressed"),
    };
    Ok(written)
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 finding".to_owned(),
        _ => format!("{count} findings"),
    }
}

/// A finding as people recognise it.
fn line(finding: &SelectedFinding, redactor: &Redactor) -> String {
    format!(
        "{} {}  {}  {}",
        short(finding.fingerprint()),
        escape(finding.rule().as_bytes()),
        finding.place(redactor),
        finding.mark(redactor)
    )
}

/// Lists the findings that were also where `--path` does not match.
fn say_elsewhere(
    elsewhere: &[SelectedFinding],
    patterns: &[PathPattern],
    redactor: &Redactor,
    text: &mut String,
) {
    if elsewhere.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} left open, since '--path' does not match every place:",
        counted(elsewhere.len())
    );
    for finding in elsewhere.iter().take(MAX_LISTED) {
        let other = match beside(finding, patterns).flatten() {
            Some(path) => escape(&redactor.path(&path)),
            None => finding.place(redactor),
        };
        let (id, rule) = (short(finding.fingerprint()), finding.rule());
        let rule = escape(rule.as_bytes());
        let _ = writeln!(text, "  {id} {rule}  was in {other}, too");
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
fn beside<'f>(
    finding: &'f SelectedFinding,
    patterns: &[PathPattern],
) -> Option<Option<Cow<'f, [u8]>>> {
    if patterns.is_empty() {
        return None;
    }
    match finding.outside(patterns) {
        None => Some(None),
        Some(others) => others.into_iter().next().map(Some),
    }
}

/// Refuses paths that do not hold for a finding: the suppression would have no effect.
fn holds(finding: &SelectedFinding, patterns: &[PathPattern], redactor: &Redactor) -> Result<()> {
    let Some(other) = beside(finding, patterns) else {
        return Ok(());
    };
    let typed: Vec<&str> = patterns.iter().map(PathPattern::text).collect();
    let typed = typed.join("' and '--path ");
    let short = short(finding.fingerprint());
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

fn short(fingerprint: Fingerprint) -> String {
    let mut id = fingerprint.to_string();
    id.truncate(SHORT_ID);
    id
}
