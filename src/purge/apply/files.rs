//! Files that hold text of their own: in `.git` beside objects and refs, and in worktrees.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::git::lfs::Pointer;
use crate::git::repository::Repository;
use crate::odb::{Skipped, file};
use crate::purge::apply::changes::FileChange;
use crate::purge::apply::remove::{Doomed, remove_file};
use crate::purge::apply::{guard, holders};
use crate::purge::find::survey::Survey;
use crate::purge::find::values::Needles;
use crate::purge::make::patch;
use crate::scan::files::{self, FileChoice};

/// All files below `dir`, sorted; what cannot be listed has none.
pub(crate) fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
        {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// Directories in `.git`, but for those of objects, and in worktrees, whose own names hold values, sorted.
pub(crate) fn named_dirs(repo: &Repository, needles: &Needles) -> Vec<PathBuf> {
    let common = repo.common_dir();
    let worktrees = guard::worktrees(repo).into_iter();
    let mut dirs: Vec<PathBuf> = worktrees.map(|worktree| worktree.root).collect();
    dirs.push(common.to_owned());
    let is_objects = |dir: &Path| {
        dir.parent()
            .is_some_and(|parent| parent.ends_with("objects"))
    };
    let mut found = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in file::list_what_can_be(&dir).0 {
            let path = entry.path();
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_dir || entry.file_name() == OsStr::new(".git") {
                continue;
            }
            if path.starts_with(common) && is_objects(&path) {
                continue;
            }
            if !needles
                .find(entry.file_name().as_encoded_bytes())
                .0
                .is_empty()
            {
                found.push(path.clone());
            }
            dirs.push(path);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Removes directories of refs and reflogs that hold nothing and whose names hold values: git leaves them.
pub(crate) fn remove_empty_dirs(repo: &Repository, needles: &Needles) {
    let tops = ["refs", "logs"].map(|top| repo.common_dir().join(top));
    let mut dirs = named_dirs(repo, needles);
    dirs.retain(|dir| tops.iter().any(|top| dir.starts_with(top)));
    for dir in dirs.iter().rev() {
        // It fails where something is left: the proof names that.
        let _ = remove_empty(dir);
    }
}

fn remove_empty(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let _ = remove_empty(&entry.path());
        }
    }
    fs::remove_dir(dir)
}

/// Files in which git was writing objects when it was killed, or writes them now, in `.git` and in the
/// `.git` directories of submodules. What they hold is compressed.
pub(crate) fn temporary_files(common: &Path) -> Vec<PathBuf> {
    let mut homes = git_dirs(common);
    homes.push(common.to_owned());
    let is_temporary = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        [&b"tmp_"[..], b".tmp-", b"incoming-"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let mut found = Vec::new();
    for objects in homes.iter().map(|home| home.join("objects")) {
        let mut files = below(&objects);
        files.retain(|path| {
            let relative = path.strip_prefix(&objects).unwrap_or(path);
            relative
                .components()
                .any(|part| is_temporary(part.as_os_str()))
        });
        found.extend(files);
    }
    found
}

/// Removes the temporary files that no process has open.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn remove_temporary(common: &Path) -> Result<()> {
    for path in temporary_files(common) {
        if !holders::is_open(&path) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Files in `.git` and in the `.git` directories of submodules that hold text of their own: all but
/// objects.
pub(crate) fn side_files(common: &Path) -> Vec<PathBuf> {
    let mut homes = git_dirs(common);
    homes.push(common.to_owned());
    let mut found = below(common);
    found.retain(|path| {
        let relative = path.strip_prefix(home_of(path, &homes)).unwrap_or(path);
        let is_object = relative.starts_with("objects") && !relative.starts_with("objects/info");
        !is_object
    });
    found
}

/// The innermost of the `.git` directories `homes` that `path` is in.
fn home_of<'h>(path: &Path, homes: &'h [PathBuf]) -> &'h Path {
    let around = homes.iter().filter(|home| path.starts_with(home));
    let innermost = around.max_by_key(|home| home.as_os_str().len());
    innermost.map_or(Path::new(""), PathBuf::as_path)
}

/// Files of `.git` and of worktrees that hold values, apart from what refs, reflogs and indexes are.
pub(crate) fn with_values(repo: &Repository, needles: &Needles) -> Vec<PathBuf> {
    let common = repo.common_dir();
    let mut list = side_files(common);
    list.retain(|path| {
        let relative = path.strip_prefix(common).unwrap_or(path);
        !["refs", "logs", "packed-refs", "index", "reftable"]
            .iter()
            .any(|part| relative.starts_with(part))
    });
    let mut held = holding(&list, needles).0;
    held.extend(holding(&worktree_files(repo), needles).0);
    held.extend(named_dirs(repo, needles));
    held
}

pub(crate) fn worktree_files(repo: &Repository) -> Vec<PathBuf> {
    let worktrees = guard::worktrees(repo).into_iter();
    let roots: Vec<PathBuf> = worktrees.map(|worktree| worktree.root).collect();
    if roots.is_empty() {
        return Vec::new();
    }
    let mut list = files::list(&roots, FileChoice::All).paths;
    list.retain(|path| {
        !path
            .components()
            .any(|part| part.as_os_str() == OsStr::new(".git"))
    });
    list.sort_unstable();
    list.dedup();
    list
}

/// Those of `list` that hold values, and those that cannot be read.
pub(crate) fn holding(list: &[PathBuf], needles: &Needles) -> (Vec<PathBuf>, Vec<Skipped>) {
    let looked: Vec<Result<bool, Skipped>> = list
        .par_iter()
        .map(|path| {
            let bytes = match fs::read_link(path) {
                Ok(target) => target.into_os_string().into_encoded_bytes(),
                Err(_) => match file::read(path) {
                    Ok(bytes) => bytes.to_vec(),
                    Err(unread) => return unread.skipped(path).map_or(Ok(false), Err),
                },
            };
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if !needles.find(name).0.is_empty() {
                return Ok(true);
            }
            let (found, is_whole) = needles.find(&bytes);
            Ok(!found.is_empty() || !is_whole)
        })
        .collect();
    let (mut held, mut skipped) = (Vec::new(), Vec::new());
    for (path, looked) in list.iter().zip(looked) {
        match looked {
            Ok(true) => held.push(path.clone()),
            Ok(false) => {}
            Err(unread) => skipped.push(unread),
        }
    }
    (held, skipped)
}

/// Files that git leaves behind and nobody needs.
fn is_left_behind(relative: &Path) -> bool {
    let name = relative.file_name().unwrap_or_default().to_string_lossy();
    let by_name = [
        "COMMIT_EDITMSG",
        "MERGE_MSG",
        "SQUASH_MSG",
        "TAG_EDITMSG",
        "EDIT_DESCRIPTION",
        "ADD_EDIT.patch",
    ];
    by_name.contains(&&*name)
        || name.starts_with("tmp_")
        || name.starts_with("fast_import_crash_")
        || name.starts_with("MERGE_MSG")
        || relative.starts_with("rr-cache")
        || relative.starts_with("lost-found")
        || relative.starts_with("lfs")
}

/// Deletes files of Git LFS; returns their SHA-256.
pub(crate) fn remove_lfs(common: &Path, orphans: BTreeSet<Pointer>) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for pointer in orphans {
        remove_file(&pointer.path(common))?;
        removed.push(pointer.oid);
    }
    Ok(removed)
}

/// The files of Git LFS that only objects name that go.
pub(crate) fn lfs_orphans(survey: &Survey<'_>, doomed: &Doomed) -> BTreeSet<Pointer> {
    let (mut orphans, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for (node, pointer) in &survey.pointers {
        let is_doomed = doomed.contains(&survey.store.id(*node));
        let list = if is_doomed { &mut orphans } else { &mut kept };
        list.insert(pointer.clone());
    }
    &orphans - &kept
}

/// What becomes of files of `.git` that hold values: what git left behind goes, the rest is patched.
pub(crate) fn to_clear(
    repo: &Repository,
    needles: &Needles,
    mark: &[u8],
) -> Result<Vec<FileChange>> {
    let common = repo.common_dir();
    let mut homes = git_dirs(common);
    homes.push(common.to_owned());
    let mut changes = Vec::new();
    for path in holding(&side_files(common), needles).0 {
        let home = home_of(&path, &homes);
        let relative = path.strip_prefix(home).unwrap_or(&path);
        // Indexes name paths only, and were written anew; tables are git's own.
        let is_gits =
            relative.file_name() == Some(OsStr::new("index")) || relative.starts_with("reftable");
        // Refs of a submodule are moved by a purge of it.
        let is_nested_ref = home != common
            && ["refs", "packed-refs", "HEAD"]
                .iter()
                .any(|part| relative.starts_with(part));
        // They say where worktrees are: without the value they would be lost.
        let is_address = relative.starts_with("worktrees")
            && ["gitdir", "commondir"]
                .iter()
                .any(|name| relative.ends_with(name));
        if is_gits || is_nested_ref || is_address {
            continue;
        }
        let within = relative.strip_prefix("worktrees").map_or(relative, |rest| {
            let mut parts = rest.components();
            parts.next();
            parts.as_path()
        });
        if is_left_behind(within) {
            changes.push(FileChange::new(common, &path, None));
            continue;
        }
        let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        let (edits, _) = needles.find(&bytes);
        if let Ok(clean) = patch::redact_text(&bytes, &edits, needles, mark) {
            changes.push(FileChange::new(common, &path, Some(clean)));
        }
    }
    Ok(changes)
}

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
        let entries = fs::read_dir(&dir).into_iter().flatten();
        let entries = entries.filter_map(Result::ok);
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.extend(below.map(|entry| entry.path()));
    }
    found.sort_unstable();
    found
}

pub(crate) fn is_bare(dir: &Path) -> bool {
    dir.join("HEAD").is_file() && dir.join("objects").is_dir() && dir.join("refs").is_dir()
}
