//! Moves many refs at once: git checks and locks them, and one new `packed-refs` file moves them.
//!
//! `git update-ref` writes a file for each ref that it moves, and waits for the disk each time: minutes for
//! 50,000 refs, which stay loose after that. Here git only verifies the old values and holds the locks
//! (`prepare`); the file with the new values takes the place of the old one in one step, and loose files
//! with old values go. Format: `git help gitrepository-layout`, and the file's own header.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gix::bstr::BString;

use crate::error::{Error, Result};
use crate::odb::ObjectId;
use crate::purge::git::{Git, Hooks};
use crate::purge::journal;

/// A ref that moves.
pub(crate) struct PackedRefMove {
    pub(crate) name: BString,
    pub(crate) old: ObjectId,
    pub(crate) new: ObjectId,
}

/// Whether git keeps a ref of this name in `packed-refs`, if it is packed. Not asked for the refs that
/// `heads` names: where git verifies one, it writes an entry into the reflog of HEAD, and must move it itself.
pub(crate) fn can_be_packed(name: &[u8], heads: &BTreeSet<Vec<u8>>) -> bool {
    let own = ["refs/bisect/", "refs/worktree/", "refs/rewritten/"];
    let is_own = own.iter().any(|own| name.starts_with(own.as_bytes()));
    name.starts_with(b"refs/") && !is_own && !heads.contains(name)
}

/// The refs that the HEADs of all worktrees name.
pub(crate) fn heads(common: &Path) -> BTreeSet<Vec<u8>> {
    let mut dirs = vec![common.to_owned()];
    let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten();
    dirs.extend(linked.filter_map(|entry| Some(entry.ok()?.path())));
    let heads = dirs.iter().filter_map(|dir| {
        let text = fs::read(dir.join("HEAD")).ok()?;
        Some(text.strip_prefix(b"ref:")?.trim_ascii().to_vec())
    });
    heads.collect()
}

/// Whether the refs of a repository can be moved so: they are files, no hook wants to hear of it.
pub(crate) fn is_possible(git: &Git, common: &Path) -> Result<bool> {
    let packed = fs::symlink_metadata(common.join("packed-refs"));
    let is_linked = common.join("commondir").exists();
    if is_linked || common.join("reftable").is_dir() || packed.is_ok_and(|meta| !meta.is_file()) {
        return Ok(false);
    }
    let hook = ["rev-parse", "--git-path", "hooks/reference-transaction"];
    // Otherwise it would be looked for where there are no hooks.
    let hook = git.run_with(&hook, b"", Hooks::Run)?;
    let hook = gix::path::from_bstring(BString::from(hook.trim_ascii_end()));
    Ok(hook.is_ok_and(|hook| !common.join(hook).exists()))
}

/// Moves `steps`; `others` are further commands for the same transaction of `git update-ref`.
///
/// # Errors
/// `Repository` with what git says, if a ref is not at its old value: then none is moved.
pub(crate) fn run(
    git: &Git,
    words: &[&str],
    common: &Path,
    steps: &[&PackedRefMove],
    others: &[u8],
) -> Result<()> {
    let mut input = Vec::new();
    for step in steps {
        input.extend(b"option no-deref\0verify ");
        input.extend(&step.name[..]);
        input.extend(format!("\0{}\0", step.old).bytes());
    }
    input.extend(others);
    transact(git, words, &input, &mut || replace(common, steps))
}

/// Runs commands that make and delete many refs: git does not wait for the disk for each of them, but once
/// for all, before the first one appears. It packs them in the end.
///
/// # Errors
/// `Repository` with what git says, if one is not as the commands say: then none is changed.
pub(crate) fn run_renames(git: &Git, words: &[&str], common: &Path, commands: &[u8]) -> Result<()> {
    let words = [&["-c", "core.fsync=-reference"], words].concat();
    let sync = || journal::sync(common).map_err(|e| Error::io("write", common, e));
    transact(git, &words, commands, &mut || sync())?;
    sync()?;
    git.change(&["pack-refs", "--all"], b"")
}

/// Runs `commands` in one transaction of `git update-ref`, and `between` while it holds all its locks.
fn transact(
    git: &Git,
    words: &[&str],
    commands: &[u8],
    between: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let (child, mut stdin, stdout) = git.talk(words)?;
    // If git ends early, what it says is the cause.
    let written = [b"start\0", commands, b"prepare\0"].concat();
    let written = stdin.write_all(&written).and_then(|()| stdin.flush());
    let mut lines = BufReader::new(stdout).lines();
    let is_prepared = written.is_ok() && lines.any(|line| line.is_ok_and(|l| l == "prepare: ok"));
    if !is_prepared {
        drop(stdin);
        child.wait()?;
        return Err(Error::repository("'git update-ref' did not lock the refs"));
    }
    let moved = between();
    let end: &[u8] = if moved.is_ok() {
        b"commit\0"
    } else {
        b"abort\0"
    };
    let ended = stdin.write_all(end);
    drop(stdin);
    let said = lines.count();
    let waited = child.wait();
    moved?;
    waited?;
    match ended {
        Ok(()) if said > 0 => Ok(()),
        _ => Err(Error::repository(
            "'git update-ref' did not end as it was told",
        )),
    }
}

/// Writes the new values while git holds the locks of all `steps`.
fn replace(common: &Path, steps: &[&PackedRefMove]) -> Result<()> {
    let path = common.join("packed-refs");
    let lock = common.join("packed-refs.lock");
    let opened = OpenOptions::new().write(true).create_new(true).open(&lock);
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let error = format!("'{}' is there: another git is packing refs", lock.display());
            return Err(Error::repository(error)
                .hint("wait until it has ended; if it was killed, remove the file; then run the command again"));
        }
        Err(e) => return Err(Error::io("write", &lock, e)),
    };
    let written = write(&path, file, steps).and_then(|()| fs::rename(&lock, &path));
    if let Err(e) = written {
        // What matters is why it failed.
        let _ = fs::remove_file(&lock);
        return Err(Error::io("write", &path, e));
    }
    journal::sync(common).map_err(|e| Error::io("write", &path, e))?;
    for step in steps {
        let loose = common.join(OsStr::from_bytes(&step.name));
        match fs::remove_file(&loose) {
            Err(e) if !is_absent(&e) => return Err(Error::io("remove", &loose, e)),
            _ => {}
        }
    }
    journal::sync(common).map_err(|e| Error::io("write", &path, e))
}

/// Whether there is no such file: nothing, or a directory of other refs.
fn is_absent(e: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(e.kind(), NotFound | IsADirectory | NotADirectory)
}

fn write(path: &Path, mut file: File, steps: &[&PackedRefMove]) -> std::io::Result<()> {
    let old = match fs::read(path) {
        Ok(old) => old,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    if let Ok(meta) = fs::metadata(path) {
        file.set_permissions(meta.permissions())?;
    }
    file.write_all(&moved(&old, steps))?;
    file.sync_all()
}

/// The text of `packed-refs` with new values. It does not say that tags are peeled, so git peels those
/// that have no line for it, and keeps that when it packs refs again.
fn moved(old: &[u8], steps: &[&PackedRefMove]) -> Vec<u8> {
    let mut refs: BTreeMap<&[u8], (Vec<u8>, &[u8])> = BTreeMap::new();
    let mut last: &[u8] = b"";
    for line in old.split_inclusive(|&byte| byte == b'\n') {
        match line.first() {
            Some(b'^') => {
                if let Some((_, peeled)) = refs.get_mut(last) {
                    *peeled = line;
                }
            }
            Some(b'#') | None => {}
            Some(_) => {
                let end = memchr::memchr(b' ', line).unwrap_or(line.len());
                last = line[end..].trim_ascii();
                refs.insert(last, (line[..end].to_vec(), b""));
            }
        }
    }
    for step in steps {
        refs.insert(&step.name, (step.new.to_string().into_bytes(), b""));
    }
    let mut text = b"# pack-refs with: sorted \n".to_vec();
    for (name, (id, peeled)) in refs {
        text.extend(id);
        text.push(b' ');
        text.extend(name);
        text.push(b'\n');
        text.extend(peeled);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moved_refs_change_and_all_are_sorted() {
        let id = |digit: char| digit.to_string().repeat(40);
        let old = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{} refs/heads/b\n{} refs/tags/t\n^{}\n{} refs/tags/v\n^{}\n",
            id('1'),
            id('2'),
            id('3'),
            id('4'),
            id('5')
        );
        let step = |name: &str, new: char| PackedRefMove {
            name: name.into(),
            old: ObjectId::null(gix::hash::Kind::Sha1),
            new: ObjectId::from_hex(id(new).as_bytes()).unwrap(),
        };
        let steps = [step("refs/tags/v", '6'), step("refs/heads/a", '7')];
        let new = format!(
            "# pack-refs with: sorted \n{} refs/heads/a\n{} refs/heads/b\n{} refs/tags/t\n^{}\n{} refs/tags/v\n",
            id('7'),
            id('1'),
            id('2'),
            id('3'),
            id('6')
        );
        let found = moved(old.as_bytes(), &steps.iter().collect::<Vec<_>>());
        assert_eq!(String::from_utf8(found).unwrap(), new);
    }
}
