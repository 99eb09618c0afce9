//! Brings indexes and files of worktrees from the old history to the new one. What was edited
//! stays; git itself writes files, so that filters and line ends are its business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::hash::Kind as HashKind;
use serde::{Deserialize, Serialize};

use super::git::Git;
use super::guard::Worktree;
use super::index;
use super::objects::{Options, Rewritten};
use super::patch;
use super::snapshot::Snapshot;
use super::survey::{GITLINK, Survey};
use crate::error::{Error, Result};
use crate::odb::ObjectId;
use crate::odb::index::Entry;

/// A file that was as its index said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    /// Its path, and the one it gets; `None` if it goes.
    path: Vec<u8>,
    new_path: Option<Vec<u8>>,
    /// What it held, and what it holds then.
    old: String,
    new: String,
}

/// What of one worktree's index changes.
struct Change<'e> {
    entry: &'e Entry,
    new_path: Option<Vec<u8>>,
    new: ObjectId,
}

fn file_name(number: usize) -> String {
    format!("worktree-{number}.json")
}

fn changes<'e>(
    worktree: &Worktree,
    survey: &'e Survey<'_>,
    rewritten: &Rewritten,
    options: &Options,
) -> Vec<Change<'e>> {
    let is_here = |name: Option<&[u8]>| name == worktree.name.as_deref().map(str::as_bytes);
    let entries = survey
        .indexes
        .iter()
        .filter(|found| is_here(found.worktree.as_ref().map(|name| &name[..])));
    let is_removed = |path: &[u8]| {
        options.remove_paths.iter().any(|removed| {
            let removed = removed.trim_matches('/').as_bytes();
            !removed.is_empty()
                && path
                    .strip_prefix(removed)
                    .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    };
    let changes = entries.map(|found| {
        let entry = &found.entry;
        let parts = entry.path.split(|&byte| byte == b'/');
        let parts: Vec<Vec<u8>> = parts
            .map(|part| {
                patch::redact_name(part, survey.needles, &options.mark)
                    .unwrap_or_else(|| part.to_vec())
            })
            .collect();
        Change {
            entry,
            new_path: (!is_removed(&entry.path)).then(|| parts.join(&b'/')),
            new: match options.submodule(&entry.id) {
                Some(new) if entry.mode == GITLINK => new,
                _ if entry.mode == GITLINK => entry.id,
                _ => rewritten.map(entry.id),
            },
        }
    });
    changes
        .filter(|change| {
            change.new != change.entry.id || change.new_path.as_ref() != Some(&change.entry.path)
        })
        .collect()
}

/// Brings worktree number `number` to the new history.
///
/// # Errors
/// `Repository` with what git says; `Io` if a file cannot be moved.
pub(super) fn bring(
    (number, worktree): (usize, &Worktree),
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    options: &Options,
    snapshot: &Snapshot,
) -> Result<()> {
    let changes = changes(worktree, survey, rewritten, options);
    if changes.is_empty() {
        return Ok(());
    }
    let hash = survey.store.hash();
    let git = Git::new(&worktree.git_dir, Some(&worktree.root), hash);
    // Its status says only that something was edited.
    let _ = git.run(&["update-index", "-q", "--refresh"], b"");
    let edited: BTreeSet<Vec<u8>> = parts(&git.run(&["diff-files", "--name-only", "-z"], b"")?)
        .into_iter()
        .collect();
    let flags: BTreeMap<Vec<u8>, u8> = parts(&git.run(&["ls-files", "-v", "-z"], b"")?)
        .into_iter()
        .filter(|line| line.len() > 2)
        .map(|line| (line[2..].to_vec(), line[0]))
        .collect();
    let is_skipped = |path: &[u8]| {
        flags.get(path).is_some_and(u8::is_ascii_lowercase) || flags.get(path) == Some(&b'S')
    };
    let clean: Vec<Moved> = changes
        .iter()
        .filter(|change| change.entry.stage == 0 && !change.entry.intent_to_add)
        .filter(|change| change.entry.mode != GITLINK)
        .filter(|change| !edited.contains(&change.entry.path) && !is_skipped(&change.entry.path))
        .map(|change| Moved {
            path: change.entry.path.clone(),
            new_path: change.new_path.clone(),
            old: change.entry.id.to_string(),
            new: change.new.to_string(),
        })
        .collect();
    snapshot.write(&file_name(number), &clean)?;
    git.run(
        &["update-index", "-z", "--index-info"],
        &index_info(&changes, hash),
    )?;
    put_flags(&git, &changes, &flags)?;
    let _ = git.run(&["update-index", "--clear-resolve-undo"], b"");
    let path = worktree.git_dir.join("index");
    let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    if !survey.needles.find(&bytes).0.is_empty() {
        index::strip(&path, hash)?;
    }
    for moved in clean
        .iter()
        .filter(|moved| moved.new_path.as_ref() != Some(&moved.path))
    {
        // It was as the index said: the new one is written below.
        let _ = fs::remove_file(on_disk(&worktree.root, &moved.path));
        remove_empty_dirs(&worktree.root, &moved.path);
    }
    let paths: Vec<&[u8]> = clean
        .iter()
        .filter_map(|moved| moved.new_path.as_deref())
        .collect();
    if !paths.is_empty() {
        git.run(
            &["checkout-index", "-f", "-u", "-q", "-z", "--stdin"],
            &lines(&paths),
        )?;
    }
    Ok(())
}

/// An entry that is written anew has lost what its user said of it.
fn put_flags(git: &Git, changes: &[Change<'_>], flags: &BTreeMap<Vec<u8>, u8>) -> Result<()> {
    for (flag, option) in [(b'S', "--skip-worktree"), (b'h', "--assume-unchanged")] {
        let flagged = changes
            .iter()
            .filter(|change| flags.get(&change.entry.path) == Some(&flag));
        let paths: Vec<&[u8]> = flagged
            .filter_map(|change| change.new_path.as_deref())
            .collect();
        if !paths.is_empty() {
            git.run(&["update-index", option, "-z", "--stdin"], &lines(&paths))?;
        }
    }
    Ok(())
}

fn index_info(changes: &[Change<'_>], hash: HashKind) -> Vec<u8> {
    let null = hash.null();
    let mut out = Vec::new();
    for change in changes {
        let is_moved = change.new_path.as_ref() != Some(&change.entry.path);
        if is_moved || change.entry.stage > 0 {
            out.extend(format!("0 {null}\t").bytes());
            out.extend_from_slice(&change.entry.path);
            out.push(0);
        }
    }
    for change in changes {
        if let Some(path) = &change.new_path {
            out.extend(
                format!(
                    "{:o} {} {}\t",
                    change.entry.mode, change.new, change.entry.stage
                )
                .bytes(),
            );
            out.extend_from_slice(path);
            out.push(0);
        }
    }
    out
}

/// Takes a worktree back: `snapshot` has the index, which stands again; files that are as the new
/// history says become what they were. Returns those that were edited since.
///
/// # Errors
/// As [`bring`].
pub(super) fn take_back(
    (number, worktree): (usize, &Worktree),
    hash: HashKind,
    snapshot: &Snapshot,
) -> Result<Vec<PathBuf>> {
    let Some(moved) = snapshot.read::<Vec<Moved>>(&file_name(number))? else {
        return Ok(Vec::new());
    };
    let git = Git::new(&worktree.git_dir, Some(&worktree.root), hash);
    let mut back: Vec<&[u8]> = Vec::new();
    let mut kept = Vec::new();
    for file in &moved {
        let place = file.new_path.as_ref().unwrap_or(&file.path);
        let path = on_disk(&worktree.root, place);
        let is_there = fs::symlink_metadata(&path).is_ok();
        if is_there && !holds(&git, &path, place, &file.new)? {
            // As it was, or edited since.
            if !holds(&git, &path, place, &file.old)? {
                kept.push(path);
            }
            continue;
        }
        if *place != file.path && is_there {
            let _ = fs::remove_file(&path);
            remove_empty_dirs(&worktree.root, place);
        }
        back.push(&file.path);
    }
    if !back.is_empty() {
        git.run(
            &["checkout-index", "-f", "-u", "-q", "-z", "--stdin"],
            &lines(&back),
        )?;
    }
    Ok(kept)
}

/// Whether the file at `path` is what git would store as object `id`.
fn holds(git: &Git, path: &Path, name: &[u8], id: &str) -> Result<bool> {
    if let Ok(target) = fs::read_link(path) {
        let found = git.run(
            &["hash-object", "--stdin", "-t", "blob"],
            target.as_os_str().as_bytes(),
        )?;
        return Ok(found.trim_ascii() == id.as_bytes());
    }
    let Ok(bytes) = fs::read(path) else {
        return Ok(false);
    };
    let name = String::from_utf8_lossy(name);
    let found = git.run(
        &["hash-object", "--stdin", &format!("--path={name}")],
        &bytes,
    )?;
    Ok(found.trim_ascii() == id.as_bytes())
}

fn on_disk(root: &Path, path: &[u8]) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path))
}

/// Removes the directories of `path` that nothing is left in.
fn remove_empty_dirs(root: &Path, path: &[u8]) {
    let file = on_disk(root, path);
    let mut dir = file.parent();
    while let Some(at) = dir.filter(|&at| at != root) {
        if fs::remove_dir(at).is_err() {
            return;
        }
        dir = at.parent();
    }
}

fn parts(output: &[u8]) -> Vec<Vec<u8>> {
    let parts = output
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty());
    parts.map(<[u8]>::to_vec).collect()
}

fn lines(paths: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for path in paths {
        out.extend_from_slice(path);
        out.push(0);
    }
    out
}
