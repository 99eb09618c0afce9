//! `unleak import`: what other scanners were told becomes suppressions, rules and settings.
//!
//! ```text
//! lists, write < patterns, yaml
//! ```
//!
//! Lists of findings name places: the repository is scanned, and what stands there is suppressed by
//! value. Allowed paths, and rules, go to the repository's configuration.

mod lists;
mod patterns;
mod write;
mod yaml;

use std::fmt::Write as _;
use std::path::Path;

use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::git::repository::Repository;
use unleak::report::escape::escape;
use unleak::rule::foreign;
use unleak::suppress::{Details, SuppressionStore};

use crate::args::ImportArgs;
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest};
use crate::options::CommonOptions;
use crate::{output, settings};
use lists::{ImportedFinding, ListedPlace};
use write::Additions;

/// What the files say.
#[derive(Default)]
struct ImportedFiles {
    /// Findings that are known, each with the file that says so.
    known: Vec<(String, ImportedFinding)>,
    /// What goes to the configuration.
    additions: Additions,
    /// What cannot be carried over, and why.
    left: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &CommonOptions, import: &ImportArgs) -> Result<Exit> {
    let mut gathered = ImportedFiles::default();
    for path in &import.files {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        gather(path, &text, &mut gathered)?;
    }
    let ImportedFiles {
        known,
        additions,
        mut left,
    } = gathered;
    // Writing to a string cannot fail.
    let mut text = String::new();
    if !known.is_empty() {
        let count = suppress(args, import, &known, &mut left)?;
        let _ = writeln!(text, "{count} findings are suppressed now");
    }
    let overrides = settings::overrides_for(&import.repository);
    let repo = Repository::discover(&import.repository, &overrides)?;
    let written = additions.write(&repo, &mut left)?;
    for line in &written {
        let _ = writeln!(text, "{}", escape(line.as_bytes()));
    }
    if !written.is_empty() {
        text.push_str("what is in '.unleak.toml' counts with '--trust-repo-config': see 'unleak help config'\n");
    }
    if text.is_empty() {
        text.push_str("nothing was carried over\n");
    }
    if !left.is_empty() {
        let _ = writeln!(text, "not carried over:");
        for line in &left {
            let _ = writeln!(text, "  {}", escape(line.as_bytes()));
        }
    }
    Ok(match output::print(text.as_bytes())? {
        Exit::Clean if !left.is_empty() => Exit::Found,
        exit => exit,
    })
}

/// Scans the repository, and suppresses what is known there; returns how many findings that is.
fn suppress(
    args: &CommonOptions,
    import: &ImportArgs,
    known: &[(String, ImportedFinding)],
    left: &mut Vec<String>,
) -> Result<usize> {
    let wanted = ScanRequest::all(&import.repository, &import.rules);
    let found = RepositoryFindings::scan(args, &wanted)?;
    let mut store = SuppressionStore::open(&found.repository)?;
    let mut count = 0;
    for (file, known) in known {
        let finding = match the_one(&found.audit.findings, known) {
            Ok(finding) => finding,
            Err(why) => {
                left.push(format!("'{file}': {known}: {why}"));
                continue;
            }
        };
        if store.all.find(finding.fingerprint).is_none() {
            let details = Details {
                reason: Some(format!("imported from {file}")),
                ..Details::default()
            };
            store.add(finding.fingerprint, &finding.rule_id, details)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Reads a file, whichever kind it is.
fn gather(path: &Path, text: &str, gathered: &mut ImportedFiles) -> Result<()> {
    let name = path.display().to_string();
    let mut left = Vec::new();
    let mut known = Vec::new();
    if foreign::is_foreign(text) {
        let carried = foreign::parse(text, &name)?;
        if !carried.rules.rules.is_empty() {
            gathered.additions.rule_files.push(path.to_owned());
        }
        for path in carried.paths {
            gathered.additions.path(&name, "path_regex", &path);
        }
        left = carried.left;
    } else if patterns::is_config(text) {
        left = patterns::of_config(text, &name, &mut gathered.additions)?;
    } else if path.file_name().is_some_and(|name| name == ".gitallowed") {
        patterns::allowed(text, &mut gathered.additions);
    } else if yaml::is_named(path) {
        known = yaml::read(text, &name, &mut gathered.additions, &mut left)?;
    } else {
        known = lists::read(text, &name, &mut left)?;
    }
    let known = known.into_iter().map(|known| (name.clone(), known));
    gathered.known.extend(known);
    let left = left.into_iter().map(|line| format!("'{name}': {line}"));
    gathered.left.extend(left);
    Ok(())
}

/// The finding that is meant; if several stand at a place, the one whose rule has that name.
fn the_one<'f>(
    findings: &'f [Finding],
    known: &ImportedFinding,
) -> Result<&'f Finding, &'static str> {
    let place = match known {
        ImportedFinding::Value(value) => {
            let mut meant = findings.iter().filter(|finding| value.is(&finding.secret));
            return meant.next().ok_or("unleak finds no such value");
        }
        ImportedFinding::Place(place) => place,
    };
    let on_line = |finding: &&Finding| {
        let mut paths = finding.history.iter().flat_map(|history| &history.paths);
        let mut lines = finding.occurrences.iter().map(|o| o.spot.position.line);
        paths.any(|path| *path == place.path.as_str()) && lines.any(|line| line == place.line)
    };
    let mut here: Vec<&Finding> = findings.iter().filter(on_line).collect();
    // The line may have had other secrets at other times: what came in there, or with that commit,
    // is meant rather than what only ever moved there.
    for commit in [place.commit.as_deref(), None] {
        let closer: Vec<&Finding> = here
            .iter()
            .copied()
            .filter(|f| is_at(f, place, commit))
            .collect();
        if !closer.is_empty() {
            here = closer;
            break;
        }
    }
    let named = || here.iter().find(|finding| finding.rule_id == place.rule);
    match here[..] {
        [] => Err("unleak finds nothing there"),
        [one] => Ok(one),
        _ => named()
            .copied()
            .ok_or("several secrets stand there: suppress the right one with 'unleak ignore'"),
    }
}

/// Whether a finding entered on the line of the file; with a `commit`, whether that brought it there.
fn is_at(finding: &Finding, place: &ListedPlace, commit: Option<&str>) -> bool {
    let appearances = finding
        .history
        .iter()
        .flat_map(|history| &history.appearances);
    let mut there = appearances.filter(|found| {
        let is_path = found
            .path
            .as_ref()
            .is_some_and(|path| *path == place.path.as_str());
        let id = found.commit_id.map(|id| id.to_string());
        is_path && commit.is_none_or(|commit| id.as_deref() == Some(commit))
    });
    there.any(|found| {
        let mut places = finding.occurrences.iter();
        found.spot.position.line == place.line
            || places.any(|o| o.object_id == found.object_id && o.spot.position.line == place.line)
    })
}
