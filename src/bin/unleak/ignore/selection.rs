//! Which findings of a repository are meant by ids, filters and a saved report.

use std::collections::HashSet;

use unleak::audit::presence::{Presence, Reads};
use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::report::Document;
use unleak::report::document::PlaceKind;
use unleak::scan::files::FileChoice as Files;

use super::args::FindingSelection;
use crate::filter::FindingFilter;
use crate::found::RepositoryFindings;
use crate::ground::Ground;
use crate::options::FilterOptions;
use crate::{report, ui};

/// The saved report that a selection names.
pub(crate) struct SavedReport {
    fingerprints: HashSet<String>,
    /// Whether it lists what is only in files of the worktree.
    reads_worktree: bool,
}

impl SavedReport {
    /// Reads it, if there is one.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `Config` if it is no report.
    pub(crate) fn read(selection: &FindingSelection) -> Result<Option<Self>> {
        let path = selection.from.as_deref();
        Ok(path.map(report::read).transpose()?.map(|d| Self::of(&d)))
    }

    fn of(document: &Document) -> Self {
        let findings = document.findings.iter();
        let mut places = findings.clone().flat_map(|finding| &finding.occurrences);
        Self {
            fingerprints: findings
                .map(|f| f.fingerprint.to_ascii_lowercase())
                .collect(),
            reads_worktree: places
                .any(|place| matches!(place.spot.kind, PlaceKind::Worktree | PlaceKind::GitDir)),
        }
    }

    fn has(&self, finding: &Finding) -> bool {
        self.fingerprints.contains(&finding.fingerprint.to_string())
    }
}

/// Which files of the worktree must be read to find what `listed` lists.
pub(crate) fn worktree(listed: Option<&SavedReport>) -> Option<Files> {
    let listed = listed.filter(|listed| listed.reads_worktree);
    listed.map(|_| Files::NotIgnored)
}

/// Leaves in `found` only what the selection asks for.
///
/// # Errors
/// As [`FindingFilter::resolve`]; `Usage` if a filter can match nothing in the repository.
pub(crate) fn narrow(
    found: &mut RepositoryFindings,
    options: &FilterOptions,
    listed: Option<&SavedReport>,
) -> Result<()> {
    let (repository, rules) = (&found.repository, found.detector.rules());
    let ground = Ground::Repository(repository);
    let filter = FindingFilter::resolve(options, rules, found.audit.scope, ground)?;
    let unmatched = filter.apply(&mut found.audit, rules);
    if !unmatched.is_empty() {
        let reads = Reads {
            history: true,
            worktree: found.options.worktree,
            git_dir: found.options.git_dir,
        };
        let limits = found.options.limits;
        unmatched.check(&Presence::of_repository(
            repository,
            &found.overrides,
            limits,
            reads,
        )?)?;
    }
    if let Some(listed) = listed {
        found.audit.findings.retain(|finding| listed.has(finding));
    }
    Ok(())
}

/// Warns of findings of the report that the repository does not have.
pub(crate) fn warn_of_absent(found: &RepositoryFindings, listed: Option<&SavedReport>) {
    let Some(listed) = listed else {
        return;
    };
    let findings = found.audit.findings.iter();
    let here = findings.filter(|finding| listed.has(finding)).count();
    let absent = listed.fingerprints.len().saturating_sub(here);
    if absent > 0 {
        ui::warn(&format!(
            "{absent} of {} findings of the report are not in this repository",
            listed.fingerprints.len()
        ));
    }
}

/// The error of a command that was told nothing to work on.
pub(crate) fn nothing_selected(what: &str) -> Error {
    Error::usage(format!("no {what} is selected")).hint(
        "name them, select them with filters such as '--rule', '--path' or '--from', or take all \
         with '--all'",
    )
}
