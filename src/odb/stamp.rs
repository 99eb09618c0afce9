//! Whether a repository is as it was: a digest of the names, sizes and times of all its files. No
//! object is read for it.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

/// A file that changed this short a time ago may change again without another time or size: clocks of
/// file systems tick slowly.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// What the files were like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The digest.
    pub digest: [u8; 32],
    /// Whether a later change must show in it.
    pub is_settled: bool,
}

impl Stamp {
    /// Looks at all files below `roots`, and at the roots themselves; those that are not there count
    /// as such. Links are followed, each directory once.
    ///
    /// # Errors
    /// If a file or directory cannot be looked at.
    pub fn of(roots: &[PathBuf]) -> io::Result<Self> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<PathBuf> = roots.to_vec();
        let mut lines: Vec<(PathBuf, u64, Option<SystemTime>)> = Vec::new();
        while let Some(path) = pending.pop() {
            let Some(found) = look_at(&path)? else {
                lines.push((path, 0, None));
                continue;
            };
            lines.push((path.clone(), found.len(), Some(found.modified()?)));
            if found.is_dir() && seen.insert(std::fs::canonicalize(&path)?) {
                for entry in std::fs::read_dir(&path)? {
                    pending.push(entry?.path());
                }
            }
        }
        lines.sort_unstable();
        let now = SystemTime::now();
        let mut is_settled = true;
        let mut digest = Sha256::new();
        for (path, len, modified) in lines {
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update([0]);
            digest.update(len.to_le_bytes());
            let Some(modified) = modified else {
                digest.update([1]);
                continue;
            };
            let age = now.duration_since(modified).unwrap_or_default();
            is_settled &= age >= SETTLED_AFTER;
            let since = modified
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            digest.update(since.as_nanos().to_le_bytes());
        }
        Ok(Self {
            digest: digest.finalize().into(),
            is_settled,
        })
    }
}

/// What a path leads to; `None` if it leads to nothing.
fn look_at(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_shows_once_it_is_settled() {
        let dir = tempfile::tempdir().unwrap();
        let roots = [dir.path().to_owned(), dir.path().join("absent")];
        let stamp = || Stamp::of(&roots).unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        let write = |name: &str, text: &str, age: u64| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let time = old - Duration::from_secs(age);
            std::fs::File::open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        };
        let settle = || {
            for dir in [dir.path(), &dir.path().join("refs")] {
                let _ = std::fs::File::open(dir).and_then(|file| file.set_modified(old));
            }
        };
        write("refs/a", "1", 0);
        assert!(!stamp().is_settled, "the directory is new");
        settle();
        let first = stamp();
        assert!(first.is_settled);
        assert_eq!(first, stamp());
        write("refs/a", "2", 1);
        settle();
        let second = stamp();
        assert_ne!(first.digest, second.digest, "another time");
        write("refs/a", "22", 1);
        settle();
        let third = stamp();
        assert_ne!(second.digest, third.digest, "another size");
        write("refs/b", "", 0);
        settle();
        let fourth = stamp();
        assert_ne!(third.digest, fourth.digest, "another file");
        std::fs::remove_file(dir.path().join("refs/b")).unwrap();
        settle();
        assert_eq!(third.digest, stamp().digest);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("refs/loop")).unwrap();
        assert_ne!(stamp().digest, third.digest, "a loop ends");
        write("absent", "", 0);
        assert_ne!(stamp().digest, third.digest);
    }
}
