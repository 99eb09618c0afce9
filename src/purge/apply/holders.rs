//! Who holds a lock of git, and locks for files that git changes under one.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::purge::journal;

/// How long others may hold a lock: 'git status' holds that of an index for moments.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until `is_done`; `false` if that takes too long.
///
/// # Errors
/// As `is_done`.
pub(crate) fn wait(is_done: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
    let began = Instant::now();
    loop {
        if is_done()? {
            return Ok(true);
        }
        if began.elapsed() > PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Makes the file `lock` with `text`, which is there from the beginning; fails if there is one.
pub(crate) fn put(own: &Path, lock: &Path, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(own)?;
    let mut file = tempfile::NamedTempFile::new_in(own)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    match fs::hard_link(file.path(), lock) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {}
        linked => return linked,
    }
    // This file system has no hard links.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(lock)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Files of the `.git` directory that git changes under a lock beside them, and that a purge changes, too.
const LOCKED: [&str; 3] = ["config", "config.worktree", "packed-refs"];

/// What is about to be in the place of such a file. While its lock is held, the lock is another name of it:
/// by that it is known to be ours after a run was killed.
const HELD: &str = "held";

fn lock_of(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

/// Whether git changes the file at `path` under a lock, and a purge changes it without git.
pub(crate) fn is_locked(path: &Path) -> bool {
    LOCKED[..2].iter().any(|name| path.ends_with(name))
}

/// Refuses to begin while another git changes the configuration or the packed refs of a repository. Whoever
/// calls holds the lock of the repository.
///
/// # Errors
/// `Repository` that says who holds the lock.
pub(crate) fn check_free(common: &Path) -> Result<()> {
    release(common)?;
    for lock in LOCKED.map(|name| lock_of(&common.join(name))) {
        let is_free = wait(&mut || Ok(fs::symlink_metadata(&lock).is_err()))?;
        if !is_free {
            return Err(held(&lock, common));
        }
    }
    Ok(())
}

/// Gives the file at `path` other contents under its lock, and the permissions that it had.
///
/// # Errors
/// `Repository` that says who holds the lock; `Io` if it cannot be written.
pub(crate) fn replace(common: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    release(common)?;
    let (lock, ours) = (lock_of(path), journal::dir(common).join(HELD));
    journal::write_durably(&ours, bytes)?;
    if let Ok(meta) = fs::metadata(path) {
        fs::set_permissions(&ours, meta.permissions()).map_err(|e| Error::io("write", path, e))?;
    }
    let is_taken = wait(&mut || match fs::hard_link(&ours, &lock) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // This file system has no hard links.
        Err(_) => match fs::File::create_new(&lock).and_then(|_| fs::copy(&ours, &lock)) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(Error::io("write", &lock, e)),
        },
    });
    let placed = is_taken.and_then(|is_taken| match is_taken {
        true => fs::rename(&lock, path).map_err(|e| Error::io("write", path, e)),
        false => Err(held(&lock, common)),
    });
    release(common)?;
    placed
}

/// Removes the lock that [`replace`] held when a run was killed.
///
/// # Errors
/// `Io` if that fails.
fn release(common: &Path) -> Result<()> {
    let ours = journal::dir(common).join(HELD);
    let Ok(bytes) = fs::read(&ours) else {
        return Ok(());
    };
    let mut dirs = vec![common.to_owned()];
    let worktrees = fs::read_dir(common.join("worktrees"));
    let worktrees = worktrees
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok);
    dirs.extend(worktrees.map(|entry| entry.path()));
    let locks = dirs
        .iter()
        .flat_map(|dir| LOCKED[..2].iter().map(|name| lock_of(&dir.join(name))));
    let held = locks.filter(|lock| fs::read(lock).is_ok_and(|held| held == bytes));
    for path in held.chain([ours.clone()]) {
        fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
    }
    Ok(())
}

/// The error for a lock of others.
pub(crate) fn held(lock: &Path, git_dir: &Path) -> Error {
    let users = users(lock, git_dir);
    let who = match &users[..] {
        [] => "no process was found that uses it".to_owned(),
        [one] => format!("git process {one} is running there"),
        many => {
            let many: Vec<String> = many.iter().map(ToString::to_string).collect();
            format!("git processes {} are running there", many.join(", "))
        }
    };
    let error = Error::repository(format!(
        "'{}' is there: another git is changing the repository ({who})",
        lock.display()
    ));
    error.hint(if users.is_empty() {
        "wait until it has ended; if it was killed, remove the file; then run the command again"
    } else {
        "wait until it has ended, or end it; then run the command again"
    })
}

/// Processes that have `lock` open, or are a git that works in the repository, as far as Linux says.
pub(crate) fn users(lock: &Path, git_dir: &Path) -> Vec<u32> {
    let top = top_of(git_dir);
    let own = std::process::id();
    let uses = |process: u32| {
        let dir = PathBuf::from(format!("/proc/{process}"));
        works_in(&dir, &top) || has_open(&dir, lock)
    };
    let mut found = processes();
    found.retain(|&process| process != own && uses(process));
    found
}

/// Whether a git works in the repository, as far as Linux says.
pub(crate) fn is_in_use(git_dir: &Path) -> bool {
    let top = top_of(git_dir);
    let mut all = processes().into_iter();
    all.any(|process| works_in(&PathBuf::from(format!("/proc/{process}")), &top))
}

/// Where a git that works in a repository may be: its worktree, or a directory below.
fn top_of(git_dir: &Path) -> PathBuf {
    let git_dir = git_dir
        .canonicalize()
        .unwrap_or_else(|_| git_dir.to_owned());
    let is_dot_git = git_dir.file_name() == Some(OsStr::new(".git"));
    let top = git_dir.parent().filter(|_| is_dot_git);
    top.unwrap_or(&git_dir).to_owned()
}

/// Whether the process at `dir` of `/proc` is a git that works below `top`.
fn works_in(dir: &Path, top: &Path) -> bool {
    let name = fs::read(dir.join("comm")).unwrap_or_default();
    name.starts_with(b"git") && fs::read_link(dir.join("cwd")).is_ok_and(|at| at.starts_with(top))
}

/// The files below `top` that processes have open.
pub(crate) fn opened(top: &Path) -> HashSet<PathBuf> {
    let top = top.canonicalize().unwrap_or_else(|_| top.to_owned());
    let files = processes().into_iter().flat_map(|process| {
        let entries = fs::read_dir(format!("/proc/{process}/fd"));
        entries.into_iter().flatten().filter_map(Result::ok)
    });
    let open = files.filter_map(|entry| fs::read_link(entry.path()).ok());
    open.filter(|path| path.starts_with(&top)).collect()
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let mut found: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

/// Whether the process at `dir` of `/proc` has `path` open.
fn has_open(dir: &Path, path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let entries = fs::read_dir(dir.join("fd")).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|open| open == path))
}

/// Whether any process has `path` open.
pub(crate) fn is_open(path: &Path) -> bool {
    processes()
        .iter()
        .any(|process| has_open(Path::new(&format!("/proc/{process}")), path))
}
