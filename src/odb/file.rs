//! Reads whole files of a `.git` directory, which may be anything: nothing but a plain file is
//! opened (a named pipe would make us wait for ever, and a device could have no end), and none beyond a
//! limit. Links are followed, as git follows them; what they lead to is never quoted.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{ObjectKind, SkipReason, Skipped};
use crate::error::{Error, Result};

/// Largest file that is read: of packed refs, ten million.
pub const MAX_FILE_LEN: u64 = 1 << 30;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// There is none.
    Absent,
    /// It is there.
    Refused(SkipReason, String),
}

impl Unread {
    /// The entry for what was not read; `None` if there is no file.
    pub fn skipped(self, path: &Path) -> Option<Skipped> {
        match self {
            Self::Absent => None,
            Self::Refused(reason, why) => Some(skipped(reason, path, &why)),
        }
    }
}

/// Returns the entry for the file at `path`.
pub fn skipped(reason: SkipReason, path: &Path, why: &str) -> Skipped {
    Skipped {
        reason,
        kind: ObjectKind::Unknown,
        object_id: None,
        detail: format!("'{}': {why}", path.display()),
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// Why it was not read.
pub fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    let refused = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Unread::Absent,
        _ => Unread::Refused(SkipReason::Unreadable, e.to_string()),
    };
    let metadata = std::fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        return Err(Unread::Refused(SkipReason::Unsupported, NOT_PLAIN.into()));
    }
    let file = open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed is enough to know.
    let mut limited = file.take(MAX_FILE_LEN + 1);
    if metadata.len() <= MAX_FILE_LEN {
        limited.read_to_end(&mut bytes).map_err(refused)?;
    }
    if metadata.len().max(bytes.len() as u64) > MAX_FILE_LEN {
        let why = format!("it is over the limit of {MAX_FILE_LEN} bytes");
        return Err(Unread::Refused(SkipReason::TooLarge, why));
    }
    Ok(bytes)
}

/// What is said of a pipe, a socket, a device or a directory.
pub const NOT_PLAIN: &str = "it is no plain file";

/// Opens the plain file at `path`; never waits.
///
/// # Errors
/// If it cannot be opened, or is no plain file.
pub fn open(path: &Path) -> std::io::Result<File> {
    // To open some devices does something: look first. What comes in between is noticed below.
    check(&std::fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

fn check(found: &std::fs::Metadata) -> std::io::Result<()> {
    match found.is_file() {
        true => Ok(()),
        false => Err(std::io::Error::other(NOT_PLAIN)),
    }
}

/// Reads the plain file at `path` whole; its caller knows how long it can be.
///
/// # Errors
/// As [`open`], or if it cannot be read.
pub fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let len = file.metadata()?.len();
    let mut bytes = Vec::new();
    bytes.reserve_exact(usize::try_from(len).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the first of `names` in `dir` that is there and is no plain file: others who read this
/// directory would wait for it, or read for ever.
pub fn first_special(dir: &Path, names: &[&str]) -> Option<std::path::PathBuf> {
    let paths = names.iter().map(|name| dir.join(name));
    paths.into_iter().find(|path| {
        std::fs::metadata(path).is_ok_and(|found| !found.is_file() || found.len() > MAX_FILE_LEN)
    })
}

/// Returns the first entry of `dir` that is neither a directory nor a plain file, nor a link to one.
///
/// # Errors
/// If it cannot be listed.
pub fn special_in(dir: &Path) -> std::io::Result<Option<std::path::PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let is_plain = |found: std::fs::Metadata| found.is_file() || found.is_dir();
        let is_good = match kind.is_symlink() {
            // A link to nothing is as good as nothing.
            true => std::fs::metadata(entry.path()).map_or(true, is_plain),
            false => kind.is_file() || kind.is_dir(),
        };
        if !is_good {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Lists a directory, sorted by name; empty if there is none.
///
/// # Errors
/// Why it could not be listed.
pub fn list(dir: &Path) -> Result<Vec<std::fs::DirEntry>, Unread> {
    match list_what_can_be(dir) {
        (entries, None) => Ok(entries),
        (_, Some(unread)) => Err(unread),
    }
}

/// Lists as much of a directory as can be, sorted by name, and says why there may be more.
pub fn list_what_can_be(dir: &Path) -> (Vec<std::fs::DirEntry>, Option<Unread>) {
    let refused = |e: std::io::Error| Unread::Refused(SkipReason::Unreadable, e.to_string());
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return (Vec::new(), None);
        }
        Err(e) => return (Vec::new(), Some(refused(e))),
    };
    let (mut listed, mut unread) = (Vec::new(), None);
    for entry in entries {
        match entry {
            Ok(entry) => listed.push(entry),
            Err(e) => unread = Some(refused(e)),
        }
    }
    listed.sort_unstable_by_key(std::fs::DirEntry::file_name);
    (listed, unread)
}

/// Refuses files among `names` in `dir` that would make their reader wait for ever, or read without end.
///
/// # Errors
/// `Repository`, with the path of the first such file.
pub fn check_plain(dir: &Path, names: &[&str]) -> Result<()> {
    match first_special(dir, names) {
        None => Ok(()),
        Some(special) => {
            let why = "it is no plain file, or larger than any that git writes";
            let error = std::io::Error::other(why);
            let opening = format!("cannot open '{}'", special.display());
            Err(Error::repository(opening)
                .because(error)
                .hint("git makes a plain file there: move this one out of the way"))
        }
    }
}
