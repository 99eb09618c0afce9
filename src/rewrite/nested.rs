//! Repositories of submodules below `.git/modules`: a purge does not rewrite them, and must not call
//! proven what they still hold.

use std::path::{Path, PathBuf};

use super::needles::Needles;
use super::proof::{self, Leftover};
use super::purge::Job;
use super::survey::{Purpose, Survey};
use crate::odb::repository::{Overrides, Repository};
use crate::odb::{ObjectKind, SkipReason, Skipped};

/// The `.git` directories of submodules below `common`, sorted.
pub fn git_dirs(common: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![common.join("modules")];
    while let Some(dir) = dirs.pop() {
        if dir.join("HEAD").is_file() && dir.join("objects").is_dir() {
            // Submodules of submodules.
            dirs.push(dir.join("modules"));
            found.push(dir);
            continue;
        }
        let entries = std::fs::read_dir(&dir).into_iter().flatten();
        let entries = entries.filter_map(Result::ok);
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.extend(below.map(|entry| entry.path()));
    }
    found.sort_unstable();
    found
}

/// What holds values in objects, refs, reflogs and indexes of submodules; and what could not be read.
pub(super) fn holding(job: &Job<'_>, needles: &Needles) -> (Vec<Leftover>, Vec<Skipped>) {
    let common = job.repo.common_dir();
    let (mut held, mut skipped) = (Vec::new(), Vec::new());
    for dir in git_dirs(common) {
        let name = dir
            .strip_prefix(common)
            .unwrap_or(&dir)
            .display()
            .to_string();
        let opened = Repository::discover(&dir, &Overrides::default()).and_then(|repo| {
            let store = repo.open_store(&Overrides::default(), job.limits)?;
            let survey = Survey::take(&repo, &store, needles, &Purpose::default(), job.progress);
            let found = proof::in_history(&survey).into_iter();
            held.extend(found.map(|left| Leftover {
                what: "in a submodule:",
                name: format!("{} {} in '{name}'", left.what, left.name),
            }));
            skipped.extend(survey.skipped.iter().cloned());
            Ok(())
        });
        if let Err(error) = opened {
            skipped.push(Skipped {
                reason: SkipReason::Unreadable,
                kind: ObjectKind::Unknown,
                object_id: None,
                detail: format!("the repository of a submodule '{name}': {}", error.chain()),
            });
        }
    }
    (held, skipped)
}
