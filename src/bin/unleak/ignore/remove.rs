//! `unleak ignore remove`: removes suppressions.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::report::escape::escape;
use unleak::suppress::{FingerprintDigest, SuppressionStore};

use super::args::RemoveArgs;
use super::selection::{self, SavedReport, SelectedFinding, Selection};
use super::short;
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest};
use crate::options::CommonOptions;
use crate::{output, settings};

/// Fewest digits that name a suppression.
const MIN_DIGITS: usize = 8;

/// Runs it.
pub(super) fn run(args: &CommonOptions, repository: &Path, remove: &RemoveArgs) -> Result<Exit> {
    match (remove.digest.is_empty(), remove.selection.is_some()) {
        (false, false) => named(repository, remove),
        (true, true) => selected(args, repository, remove),
        (true, false) => Err(selection::nothing_selected("suppression")),
        (false, true) => Err(Error::usage("suppressions are both named and selected")
            .hint("give either their names or filters")),
    }
}

/// Removes those that are named one by one.
fn named(repository: &Path, remove: &RemoveArgs) -> Result<Exit> {
    let overrides = settings::overrides_for(repository);
    let mut store = SuppressionStore::open(&Repository::discover(repository, &overrides)?)?;
    let digests: Result<Vec<FingerprintDigest>> = remove
        .digest
        .iter()
        .map(|text| the_one(&store, text))
        .collect();
    let mut text = String::new();
    for digest in digests? {
        let is_there = match remove.selection.dry_run {
            true => store.is_single(digest),
            false => store.remove(digest)?,
        };
        if !is_there {
            return Err(absent(&digest.to_string()));
        }
        let said = match remove.selection.dry_run {
            true => "would be removed; nothing was changed",
            false => "is removed",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {said}", short(digest));
    }
    output::print(text.as_bytes())
}

/// The suppression whose name begins with `text`.
fn the_one(store: &SuppressionStore, text: &str) -> Result<FingerprintDigest> {
    if text.len() < MIN_DIGITS {
        return Err(Error::usage(format!("'{text}' is too short")).hint(format!(
            "give at least {MIN_DIGITS} digits of a suppression"
        )));
    }
    let all = store.all.list().map(|(digest, ..)| digest);
    let mut alike = all.filter(|digest| digest.to_string().starts_with(text));
    match (alike.next(), alike.next()) {
        (Some(digest), None) => Ok(digest),
        (None, _) => Err(absent(text)),
        _ => Err(
            Error::usage(format!("more than one suppression begins with '{text}'"))
                .hint("give more of its digits"),
        ),
    }
}

fn absent(text: &str) -> Error {
    Error::usage(format!("there is no suppression '{text}'")).hint(
        "'unleak ignore list' shows all; those of a baseline go with 'unleak baseline update'",
    )
}

/// The findings that are selected, whether anything hides them or not.
fn findings(args: &CommonOptions, repository: &Path, remove: &RemoveArgs) -> Result<Selection> {
    let listed = SavedReport::read(&remove.selection)?;
    let options = &remove.selection.filter;
    let mut wanted = ScanRequest::all(repository, &remove.rules);
    wanted.range = remove.range.as_deref();
    wanted.least = remove.min_confidence.or(wanted.least);
    let is_enough = |listed: &SavedReport| wanted.range.is_none() && listed.is_enough(options);
    match listed {
        Some(listed) if is_enough(&listed) => {
            Selection::of_report(listed, &wanted, options, &[], true)
        }
        listed => {
            wanted.worktree = selection::worktree(listed.as_ref());
            let mut found = RepositoryFindings::scan(args, &wanted)?;
            selection::warn_of_absent(&found, listed.as_ref());
            selection::narrow(&mut found, options, listed.as_ref())?;
            Ok(Selection::of_scan(found))
        }
    }
}

/// Removes the suppressions of the selected findings.
fn selected(args: &CommonOptions, repository: &Path, remove: &RemoveArgs) -> Result<Exit> {
    let selection = findings(args, repository, remove)?;
    let redactor = &selection.redactor;
    let mut store = SuppressionStore::open(&selection.repository)?;
    let findings = selection.findings.iter();
    let hidden = findings.filter_map(|f| Some((store.all.find(f.fingerprint())?, f)));
    let mut hidden: HashMap<FingerprintDigest, &SelectedFinding> = hidden.collect();
    let (mut count, mut kept) = (0, 0);
    let is_everything = remove.is_everything();
    let mut text = String::new();
    let all: Vec<(FingerprintDigest, String)> = store
        .all
        .list()
        .map(|(digest, rule, ..)| (digest, rule.to_owned()))
        .collect();
    for (digest, rule) in all {
        let finding = hidden.remove(&digest);
        // What hides nothing any more is selected by no filter.
        if finding.is_none() && !is_everything {
            continue;
        }
        if !store.is_single(digest) {
            kept += 1;
            continue;
        }
        if !remove.selection.dry_run {
            store.remove(digest)?;
        }
        count += 1;
        // Writing to a string cannot fail.
        let _ = write!(text, "  {} {}", short(digest), escape(rule.as_bytes()));
        if let Some(finding) = finding {
            let (place, mark) = (finding.place(redactor), finding.mark(redactor));
            let _ = write!(text, "  {place}  {mark}");
        }
        text.push('\n');
    }
    let said = match remove.selection.dry_run {
        true => "would be removed; nothing was changed",
        false => "removed",
    };
    let noun = match count {
        1 => "suppression",
        _ => "suppressions",
    };
    let _ = writeln!(text, "{count} {noun} {said}");
    if kept > 0 {
        let _ = writeln!(
            text,
            "{kept} more are in the baseline, which 'unleak baseline update' changes"
        );
    }
    output::print(text.as_bytes())
}
