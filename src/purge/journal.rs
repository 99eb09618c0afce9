//! What is being done to a repository, so that a purge that was killed can be ended or taken back.
//! Holds ids and names of refs that stay; never a value.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fault::json_fault;
use crate::git::repository::Repository;

/// How far a purge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The snapshot is being taken; nothing else was done.
    Preparing,
    /// New objects are written, refs and worktrees are moved.
    Applying,
    /// The new history stands; the old objects are still there.
    Applied,
    /// The old objects are being removed.
    Finishing,
    /// The old objects are gone.
    Finished,
}

impl Phase {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
        }
    }
}

/// A purge of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Its name: when it began.
    pub run: String,
    /// How far it has come.
    pub phase: Phase,
    /// Where everything is kept that is needed to take it back.
    pub snapshot: PathBuf,
    /// Packs, without extension, that were put beside the others.
    pub packs: Vec<String>,
    /// Whether it is being taken back: then it cannot be finished any more.
    #[serde(default)]
    pub is_undone: bool,
    /// Whether it is to be applied again after that.
    #[serde(default)]
    pub continues: bool,
    /// Whether git may be moving refs, or removing objects, for it: if it is killed, it leaves locks.
    #[serde(default)]
    pub is_moving: bool,
    /// Lock files of git that were there before that: they are not ours.
    #[serde(default)]
    pub foreign_locks: Vec<String>,
    /// The finished purge before it: once this one is taken back, that can be taken back, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<Self>>,
}

/// The directory below `.git` that is ours.
pub fn dir(common_dir: &Path) -> PathBuf {
    common_dir.join("unleak")
}

fn path(common_dir: &Path) -> PathBuf {
    dir(common_dir).join("journal.json")
}

impl Journal {
    /// Reads the journal; `None` if no purge was begun.
    ///
    /// # Errors
    /// `Io` or `Corrupt` if it cannot be read.
    pub fn read(common_dir: &Path) -> Result<Option<Self>> {
        let path = path(common_dir);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let journal = serde_json::from_slice(&text).map_err(|e| {
            let (path, why) = (path.display(), json_fault(&e));
            Error::corrupt(format!("'{path}' cannot be read: {why}"))
        })?;
        Ok(Some(journal))
    }

    /// Writes the journal so that it is there after a crash.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn write(&self, common_dir: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("the journal cannot be written").because(e))?;
        write_durably(&path(common_dir), &text)
    }

    /// Ends the journal of a purge that was taken back: that of the purge before it is the last one again,
    /// if its snapshot is still there.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn end(&self, common_dir: &Path) -> Result<()> {
        match &self.earlier {
            Some(earlier) if earlier.snapshot.is_dir() => earlier.write(common_dir),
            _ => Self::remove(common_dir),
        }
    }

    /// Removes the journal.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn remove(common_dir: &Path) -> Result<()> {
        let path = path(common_dir);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("remove", &path, e)),
        }
    }
}

/// Writes a file that only its owner may read, whole or not at all, and there after a crash.
///
/// # Errors
/// `Io` if that fails.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    write_through(path.parent().unwrap_or(Path::new(".")), path, bytes)
}

/// The same for a file below the `.git` directory: what a run that is killed leaves is in our own
/// directory, and goes with the next run.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn write_inside(common_dir: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    write_through(&dir(common_dir), path, bytes)
}

fn write_through(scratch: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let written = (|| {
        std::fs::create_dir_all(dir)?;
        std::fs::create_dir_all(scratch)?;
        let mut file = tempfile::NamedTempFile::new_in(scratch)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        File::open(dir)?.sync_all()
    })();
    written.map_err(|e| Error::io("write", path, e))
}

/// Writes files below the `.git` directory, each as [`write_inside`] does, but waits for the disk twice in
/// all: once before the first file is in its place, and once in the end.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn write_all_inside(common_dir: &Path, files: &[(PathBuf, &[u8])]) -> Result<()> {
    if let [(path, bytes)] = files {
        return write_inside(common_dir, path, bytes);
    }
    if files.is_empty() {
        return Ok(());
    }
    let scratch = dir(common_dir);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |e| Error::io("write", &path, e)
    };
    std::fs::create_dir_all(&scratch).map_err(failed(&scratch))?;
    // Open files are few, whatever the number of files.
    let beside = tempfile::tempdir_in(&scratch).map_err(failed(&scratch))?;
    for (number, (_, bytes)) in files.iter().enumerate() {
        let path = beside.path().join(number.to_string());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(bytes));
        written.map_err(failed(&path))?;
    }
    sync(&scratch).map_err(failed(&scratch))?;
    for (number, (path, _)) in files.iter().enumerate() {
        let dir = path.parent().unwrap_or(Path::new("."));
        let moved = std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::rename(beside.path().join(number.to_string()), path));
        moved.map_err(failed(path))?;
    }
    sync(&scratch).map_err(failed(&scratch))
}

/// Waits until everything that was written to the file system of `path` is on the disk.
///
/// # Errors
/// What the operating system says.
pub(crate) fn sync(path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::fs::syncfs(&file)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        rustix::fs::sync();
        file.sync_all()?;
    }
    Ok(())
}

/// Removes what a run that was killed was about to write.
fn remove_scratch(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".tmp") || name.starts_with(b"tmp_") {
            // It is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Keeps other runs away while it lives.
pub struct Lock {
    file: Arc<File>,
}

/// How long a git that a killed run has left may need to end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Lock {
    /// Takes the lock of a repository.
    ///
    /// # Errors
    /// `Repository` if another unleak holds it; `Io` if it cannot be taken.
    pub fn take(common_dir: &Path) -> Result<Self> {
        let dir = dir(common_dir);
        let path = dir.join("lock");
        let opened = std::fs::create_dir_all(&dir).and_then(|()| {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
        });
        let file = opened.map_err(|e| Error::io("write", &path, e))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => {
                    // What git printed into it.
                    let _ = file.set_len(0);
                    remove_scratch(&dir);
                    return Ok(Self {
                        file: Arc::new(file),
                    });
                }
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::repository(
                        "another unleak is changing this repository, or git for one that was killed",
                    )
                    .hint("wait until it has ended"));
                }
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
            }
        }
    }

    /// Its file: the lock ends when all processes have closed it.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

/// The journal of a purge that was begun.
///
/// # Errors
/// `Repository` if there is none.
pub fn begun(repo: &Repository) -> Result<Journal> {
    Journal::read(repo.common_dir())?.ok_or_else(|| {
        Error::repository("no purge was begun in this repository")
            .hint("'unleak purge --apply' begins one")
    })
}
