//! The repository whose settings and suppressions count for files and texts that are scanned beside
//! it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use unleak::error::Result;
use unleak::git::repository::{Overrides, Repository};

use crate::args::ScanArgs;
use crate::{settings, ui};

/// Finds it; `None` if there is none, or if the files belong to several.
///
/// # Errors
/// `Repository` if it cannot be opened.
pub(crate) fn of(scan: &ScanArgs) -> Result<Option<Repository>> {
    if scan.files.is_empty() {
        return Repository::find(Path::new("."), &settings::overrides());
    }
    let mut homes: Vec<Option<Repository>> = Vec::new();
    for path in &scan.files {
        let Ok(dir) = directory(&real(path)) else {
            continue;
        };
        let found = Repository::find(&dir, &Overrides::default())?;
        let place = |home: &Option<Repository>| home.as_ref().map(|repo| repo.git_dir().to_owned());
        if !homes.iter().any(|home| place(home) == place(&found)) {
            homes.push(found);
        }
    }
    if homes.len() > 1 {
        ui::warn(
            "the files are not all in one repository: no repository's settings and suppressions \
             apply; scan the files of each by themselves",
        );
        return Ok(None);
    }
    Ok(homes.pop().flatten())
}

/// The path below the top of `home`, if it is there; else the path itself. `named` are the files that
/// were named.
pub(crate) fn located(path: &[u8], home: Option<&Repository>, named: &HashSet<&Path>) -> Vec<u8> {
    let below = home.and_then(|home| locate(path, home, named));
    below.unwrap_or_else(|| path.to_owned())
}

fn locate(path: &[u8], home: &Repository, named: &HashSet<&Path>) -> Option<Vec<u8>> {
    let top = home.git().workdir()?.canonicalize().ok()?;
    let path = Path::new(OsStr::from_bytes(path));
    let path = match named.contains(path) {
        true => real(path),
        false => path.to_owned(),
    };
    let whole = directory(&path).ok()?.join(path.file_name()?);
    let below = whole.strip_prefix(top).ok()?;
    Some(below.as_os_str().as_encoded_bytes().to_vec())
}

/// What a file that was named is: a link to a file is read as that file.
fn real(path: &Path) -> PathBuf {
    let is_followed = path.is_symlink() && path.is_file();
    let real = is_followed.then(|| path.canonicalize().ok());
    real.flatten().unwrap_or_else(|| path.to_owned())
}

/// The directory that a file is in, without links: a link is where it was made, whatever it names. A
/// directory is its own.
fn directory(path: &Path) -> std::io::Result<PathBuf> {
    if path.is_dir() && (path.file_name().is_none() || !path.is_symlink()) {
        return path.canonicalize();
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.canonicalize(),
        _ => Path::new(".").canonicalize(),
    }
}
