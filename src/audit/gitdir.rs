//! Scans what lies in a git directory beside objects, refs, reflogs and indexes, if it is asked for; else
//! says that it is there.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::GitDirFiles;
use super::names::{FileScan, SideTexts};
use crate::error::{Error, Result};
use crate::finding::Place;
use crate::git::gitdir;
use crate::git::gitdir::GitDir;
use crate::git::repository::{Overrides, Repository};
use crate::history::commits::CommitCollector;
use crate::odb::{SkipReason, file};
use crate::progress::Progress;
use crate::scan::files::FileChoice;
use crate::scan::objects;

/// Adds the files of the git directory of `repo` to `names`, or the names of those that are there.
/// `behind` are files of Git LFS that were scanned as what their pointers stand for.
pub(super) fn add(
    names: &mut SideTexts<'_>,
    repo: &Repository,
    behind: &FxHashSet<PathBuf>,
    with: &FileScan<'_>,
) {
    let mut found = GitDir::list(repo);
    if with.options.git_dir == GitDirFiles::Named {
        names.git_dir_unread = found.unread(repo);
        return;
    }
    found.files.retain(|path| !behind.contains(path));
    let all = |_: &gix::oid| false;
    let name_of = |path: &Path| gitdir::name(repo, path);
    names.git_dir = names.add_files(&found.files, Place::GitDir, &name_of, &all, with);
    names.skipped.append(&mut found.skipped);
    let unread = found.links.iter().chain(&found.special);
    names.git_dir_unread = unread.map(|path| gitdir::name(repo, path)).collect();
    names.git_dir_unread.sort_unstable();
    for module in &found.modules {
        if let Err(error) = add_module(names, repo, module, with) {
            let why = error.to_string();
            let entry = file::skipped(SkipReason::Unreadable, module, &why);
            names.skipped.push(entry);
        }
    }
    let own = repo.git().workdir().and_then(|top| top.canonicalize().ok());
    let (linked, unread) = gitdir::linked_worktrees(repo);
    names.skipped.extend(unread);
    for root in linked {
        if Some(&root) != own.as_ref() || with.options.worktree.is_none() {
            add_linked(names, repo, &root, with);
        }
    }
}

/// Scans the objects of a submodule.
fn add_module(
    names: &mut SideTexts<'_>,
    repo: &Repository,
    module: &Path,
    with: &FileScan<'_>,
) -> Result<()> {
    let overrides = Overrides::default();
    let opened = Repository::discover(module, &overrides)?;
    // What cannot be opened is looked for in the directories above.
    let canonical = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    if canonical(opened.git_dir()) != canonical(module) {
        return Err(Error::repository("it is no repository, or cannot be read"));
    }
    let store = opened.open_store(&overrides, with.options.limits)?;
    let (progress, scan) = (Progress::default(), with.options.scan);
    let observe = || CommitCollector::new(store.hash());
    let scanned = objects::scan(&store, with.detector, scan, &progress, &observe);
    let name = gitdir::name(repo, module);
    let id_of = |node| store.id(node);
    names.add_module(&name, scanned.found, scanned.allowed, &id_of);
    names.skipped.extend(store.skipped().iter().cloned());
    names.skipped.extend(scanned.skipped);
    names.unopened.extend(scanned.unopened);
    Ok(())
}

/// Scans what is modified or untracked in a linked worktree.
fn add_linked(names: &mut SideTexts<'_>, repo: &Repository, root: &Path, with: &FileScan<'_>) {
    let list = crate::scan::files::list(
        &[root.to_owned()],
        with.options.worktree.unwrap_or(FileChoice::NotIgnored),
    );
    names.skipped.extend(list.skipped);
    let is_known = |id: &gix::oid| with.objects.node_of(id).is_some();
    let top = repo
        .common_dir()
        .parent()
        .and_then(|top| top.canonicalize().ok());
    let name_of = |path: &Path| {
        let below = top.as_ref().and_then(|top| path.strip_prefix(top).ok());
        below.unwrap_or(path).as_os_str().as_encoded_bytes().into()
    };
    names.add_files(&list.paths, Place::Worktree, &name_of, &is_known, with);
}
