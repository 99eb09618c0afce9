//! The purge plan of a repository: a saved report of the findings that were chosen for a purge.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use jiff::civil::Date;
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::path_class::PathClass;
use unleak::report::document::ReportFinding;
use unleak::report::paint::Paint;
use unleak::report::{Document, ReportFormat};
use unleak::suppress::{Details, Suppressions, Suspect};

use crate::{output, report, ui};

/// Where it is in the git directory that all worktrees share, since a purge changes all of them.
const PLACE: &str = "unleak/purge-plan.json";

/// Findings by fingerprint.
pub(crate) type PlannedFindings = BTreeMap<String, ReportFinding>;

/// The place of the plan of a repository.
pub(crate) fn place(repository: &Repository) -> PathBuf {
    let dir = repository.common_dir();
    // That of a linked worktree leads through `..`, which is no name to print.
    let is_plain = !dir.components().any(|part| part == Component::ParentDir);
    let dir = match is_plain {
        true => dir.to_owned(),
        false => dir.canonicalize().unwrap_or_else(|_| dir.to_owned()),
    };
    dir.join(PLACE)
}

/// The findings of the plan at `path`; none if there is no file.
///
/// # Errors
/// `Config` if the file is no report, `Io` if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<PlannedFindings> {
    let findings = match path.exists() {
        true => report::read(path)?.findings,
        false => Vec::new(),
    };
    Ok(by_fingerprint(findings))
}

fn by_fingerprint(findings: Vec<ReportFinding>) -> PlannedFindings {
    let findings = findings.into_iter();
    findings.map(|f| (f.fingerprint.clone(), f)).collect()
}

/// Writes a plan with `findings`; the rest is that of `like`. An empty plan is removed.
///
/// # Errors
/// `Io` if it cannot be written.
pub(crate) fn write(path: &Path, findings: &PlannedFindings, like: &Document) -> Result<()> {
    if findings.is_empty() {
        return output::remove_file(path);
    }
    let mut document = like.with_findings(findings.values().cloned().collect());
    let left_out = like.findings.len().saturating_sub(findings.len());
    document.coverage.filtered += left_out;
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    }
    let bytes = document.render(ReportFormat::Json, Paint::Off);
    output::write_file(path, &bytes, true)
}

/// Takes findings that are accepted out of the plan of a repository, and adds to `text` how many. They
/// are accepted already, so that a plan that cannot be changed is a warning only.
pub(crate) fn take_out(
    repository: &Repository,
    is_accepted: &dyn Fn(&str) -> bool,
    text: &mut String,
) {
    let path = place(repository);
    match take_out_of(&path, is_accepted) {
        Ok(0) => {}
        Ok(count) => {
            let (was, is) = match count {
                1 => ("was", "is"),
                _ => ("were", "are"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{count} of these findings {was} in the purge plan, and no longer {is}"
            );
        }
        Err(error) => ui::warn(&format!(
            "the purge plan still lists what is suppressed now: {}",
            error.chain()
        )),
    }
}

fn take_out_of(path: &Path, is_accepted: &dyn Fn(&str) -> bool) -> Result<usize> {
    if !path.exists() {
        return Ok(0);
    }
    let like = report::read(path)?;
    let mut left = by_fingerprint(like.findings.clone());
    let before = left.len();
    left.retain(|fingerprint, _| !is_accepted(fingerprint));
    let count = before - left.len();
    if count > 0 {
        write(path, &left, &like)?;
    }
    Ok(count)
}

/// A finding of a saved report that is suppressed by now.
pub(crate) struct AcceptedFinding {
    pub(crate) details: Details,
    /// The configuration file that says so, if it is one.
    pub(crate) file: Option<String>,
}

/// Those of the findings of saved reports that are suppressed by now, by fingerprint.
///
/// # Errors
/// `Config` if a path pattern is invalid.
pub(crate) fn accepted<'f>(
    findings: impl Iterator<Item = &'f ReportFinding>,
    suppressions: &Suppressions,
    today: Date,
) -> Result<HashMap<String, AcceptedFinding>> {
    let mut accepted = HashMap::new();
    for finding in findings {
        if let Some(hider) = suppressions.hider(&suspect(finding), today)? {
            let found = AcceptedFinding {
                details: hider.details.clone(),
                file: hider.pattern().map(|pattern| pattern.source.clone()),
            };
            accepted.insert(finding.fingerprint.clone(), found);
        }
    }
    Ok(accepted)
}

/// What suppressions look at.
fn suspect(finding: &ReportFinding) -> Suspect<'_> {
    let paths = finding.history.iter().flat_map(|history| &history.paths);
    let paths: Vec<Vec<u8>> = paths.map(|path| path.bytes().into_owned()).collect();
    let classes = paths.iter().map(|path| PathClass::of(path));
    let class = finding.path_class.or_else(|| classes.min());
    Suspect {
        fingerprint: finding.fingerprint.to_ascii_lowercase(),
        rule: &finding.rule_id,
        class: class.unwrap_or(PathClass::Production),
        paths,
    }
}
