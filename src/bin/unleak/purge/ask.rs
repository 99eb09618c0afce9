//! The question before history is rewritten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal};
use std::path::Path;

use unleak::error::{Error, Result};
use unleak::path_class::PathClass;
use unleak::purge::find::values::Target;
use unleak::purge::plan::PurgePlan;
use unleak::report::escape::escape;

use super::Notes;
use super::args::{PlanArgs, PurgeFormat};
use super::show::counted;
use crate::ui;

/// Lets a plan be carried out: on a terminal if the question is answered with yes; without one if all
/// values are of high confidence or named; anywhere with '--yes'.
///
/// # Errors
/// `Usage` that says why not.
pub(super) fn approve(plan: &PurgePlan, args: &PlanArgs, notes: &Notes) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    let reads = [&args.known, &args.from].into_iter().flatten();
    let is_taken = reads.into_iter().any(|path| path == Path::new("-"));
    if !is_taken && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        ui::write(question(plan, args.format).as_bytes());
        return answer();
    }
    let is_unsure = |target: &Target| notes.unsure.contains(&target.fingerprint);
    let unsure = plan.targets.iter().filter(|(target, _)| is_unsure(target));
    let unsure = unsure.count();
    if unsure == 0 {
        return Ok(());
    }
    let count = counted(unsure, "value is", "values are");
    Err(Error::usage(format!(
        "{count} neither of high confidence nor named, and there is no terminal to ask"
    ))
    .hint(
        "read the plan, then add '--yes', or name values one by one with '--finding ID'; nothing was changed",
    ))
}

/// How many values each rule found, most first.
fn by_rule(plan: &PurgePlan) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (target, _) in &plan.targets {
        *counts.entry(&target.rule_id).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}

/// How many versions of how many files of each class change, and how many of the files HEAD has.
pub(super) fn by_class(plan: &PurgePlan) -> Vec<(PathClass, usize, usize, usize)> {
    let classes = PathClass::ALL.into_iter().map(|class| {
        let files = plan.rewritten.files.iter();
        let files = files.filter(|file| PathClass::of(&file.path) == class);
        let paths: BTreeSet<&[u8]> = files.clone().map(|file| &file.path[..]).collect();
        let here = plan.head.files.iter();
        let here = here.filter(|file| PathClass::of(&file.path) == class);
        (class, files.count(), paths.len(), here.count())
    });
    classes
        .filter(|&(_, versions, _, here)| versions + here > 0)
        .collect()
}

/// The counts, and the question.
fn question(plan: &PurgePlan, format: PurgeFormat) -> String {
    let mut text = String::from("\n");
    for (rule, count) in by_rule(plan) {
        let values = counted(count, "value", "values");
        let _ = writeln!(text, "  {:14} {values}", escape(rule.as_bytes()));
    }
    // The plan for people, which stands above, has them.
    if format != PurgeFormat::Human {
        text.push_str(&classes(plan));
    }
    let texts: usize = plan
        .targets
        .iter()
        .map(|(_, standing)| standing.texts)
        .sum();
    if texts > 0 {
        let _ = writeln!(text, "  {:14} {texts}", "commits, tags");
    }
    text.push_str("Erase these values and rewrite history? [y/N] ");
    text
}

/// The table of classes.
pub(super) fn classes(plan: &PurgePlan) -> String {
    let mut text = String::new();
    for (class, versions, paths, here) in by_class(plan) {
        let versions = counted(versions, "version", "versions");
        let paths = counted(paths, "file", "files");
        let here = match here {
            0 => "none in HEAD or the worktree".to_owned(),
            count => format!("{count} in HEAD or the worktree"),
        };
        let _ = writeln!(text, "  {:14} {versions} of {paths}, {here}", class.name());
    }
    text
}

fn answer() -> Result<()> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
    let answer = line.trim().to_ascii_lowercase();
    if answer == "y" || answer == "yes" {
        return Ok(());
    }
    Err(Error::usage("the question was not answered with 'y'").hint("nothing was changed"))
}
