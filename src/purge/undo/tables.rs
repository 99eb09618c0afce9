//! Takes back refs that are kept in reftables: their reflogs cannot be patched, but whole tables can be
//! put back if no ref was changed since.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::{Error, Result};
use crate::git::repository::Repository;
use crate::odb::ObjectId;
use crate::purge::apply::changes::PreviousObjects;
use crate::purge::apply::moves;
use crate::purge::apply::snapshot::Snapshot;
use crate::purge::git::Git;

/// Puts the tables back, if all refs are as they were; else the stash, which is a reflog. Returns whether
/// all reflogs are as they were.
pub(crate) fn restore(
    repo: &Repository,
    snapshot: &Snapshot,
    git: &Git,
    before: &PreviousObjects,
) -> Result<bool> {
    let old = Git::new(&snapshot.whole_git_dir()?, None, repo.hash());
    let mut stacks = vec![PathBuf::from("reftable")];
    let entries = fs::read_dir(repo.common_dir().join("worktrees"));
    for entry in entries.into_iter().flatten().flatten() {
        let dir = Path::new("worktrees").join(entry.file_name());
        stacks.push(dir.join("reftable"));
    }
    if list(git)? == list(&old)? {
        for stack in stacks
            .iter()
            .filter(|stack| snapshot.git_dir().join(stack).is_dir())
        {
            let (from, to) = (
                snapshot.git_dir().join(stack),
                repo.common_dir().join(stack),
            );
            put_back(&from, &to).map_err(|e| Error::io("restore", &to, e))?;
        }
        return Ok(true);
    }
    let (was, is) = (stash(&old)?, stash(git)?);
    let known: BTreeSet<&String> = was.iter().map(|(id, _)| id).collect();
    let restored = |id: &String| {
        let new = ObjectId::from_hex(id.as_bytes()).ok();
        let old = new.and_then(|id| before.of(&id));
        old.map_or_else(|| id.clone(), |id| id.to_string())
    };
    let kept: BTreeSet<String> = is.iter().map(|(id, _)| restored(id)).collect();
    let mut all: Vec<(String, String)> = was
        .iter()
        .filter(|(id, _)| kept.contains(id))
        .cloned()
        .collect();
    let since = is
        .iter()
        .map(|(id, message)| (restored(id), message.clone()));
    all.extend(since.filter(|(id, _)| !known.contains(id)));
    if all != is {
        moves::store_stash(git, &all)?;
    }
    Ok(false)
}

/// All refs, and what they name.
fn list(git: &Git) -> Result<Vec<u8>> {
    let mut all = git.run(
        &[
            "for-each-ref",
            "--include-root-refs",
            "--format=%(objectname) %(refname) %(symref)",
        ],
        b"",
    )?;
    let worktrees = git.run(&["worktree", "list", "--porcelain"], b"")?;
    let heads = worktrees.split(|&byte| byte == b'\n');
    let heads = heads.filter(|line| line.starts_with(b"HEAD ") || line.starts_with(b"branch "));
    for head in heads {
        all.extend_from_slice(head);
        all.push(b'\n');
    }
    Ok(all)
}

/// The stash, the oldest first: commits and messages.
fn stash(git: &Git) -> Result<Vec<(String, String)>> {
    let out = git.run(&["log", "-g", "--format=%H %gs", "refs/stash", "--"], b"");
    let out = String::from_utf8_lossy(&out.unwrap_or_default()).into_owned();
    let mut entries: Vec<(String, String)> = out
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(id, message)| (id.to_owned(), message.to_owned()))
        .collect();
    entries.reverse();
    Ok(entries)
}

/// Puts a stack of tables in the place of another: new files first, then the list of them.
fn put_back(from: &Path, to: &Path) -> io::Result<()> {
    let names = |dir: &Path| -> io::Result<BTreeSet<std::ffi::OsString>> {
        let entries = fs::read_dir(dir)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    };
    let list = OsStr::new("tables.list");
    let (was, is) = (names(from)?, names(to)?);
    let lock = to.join("tables.list.lock");
    let held = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&lock)?;
    drop(held);
    for name in was.difference(&is) {
        crate::purge::apply::snapshot::copy(&from.join(name), &to.join(name))?;
    }
    fs::write(&lock, fs::read(from.join(list))?)?;
    fs::rename(&lock, to.join(list))?;
    for name in is
        .difference(&was)
        .filter(|name| !name.as_encoded_bytes().ends_with(b".lock"))
    {
        fs::remove_file(to.join(name))?;
    }
    Ok(())
}
