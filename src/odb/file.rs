//! Reads whole files of a `.git` directory, which may be anything: nothing but a plain file is
//! opened (a named pipe would make us wait for ever), and none beyond a limit.

use std::io::ErrorKind;
use std::path::Path;

use super::{ObjectKind, SkipReason, Skipped};

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
        let why = "it is no plain file".to_owned();
        return Err(Unread::Refused(SkipReason::Unsupported, why));
    }
    if metadata.len() > MAX_FILE_LEN {
        let why = format!(
            "its {} bytes are over the limit of {MAX_FILE_LEN}",
            metadata.len()
        );
        return Err(Unread::Refused(SkipReason::TooLarge, why));
    }
    std::fs::read(path).map_err(refused)
}

/// Lists a directory, sorted by name; empty if there is none.
///
/// # Errors
/// Why it could not be listed.
pub fn list(dir: &Path) -> Result<Vec<std::fs::DirEntry>, Unread> {
    let refused = |e: std::io::Error| Unread::Refused(SkipReason::Unreadable, e.to_string());
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(refused(e)),
    };
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(refused)?;
    entries.sort_unstable_by_key(std::fs::DirEntry::file_name);
    Ok(entries)
}
