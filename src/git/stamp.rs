//! Whether a repository is as it was: a digest of all its files. Objects, which never change under
//! their names, go by size and time; all else, such as refs, by contents, since a fetch that brings
//! nothing writes some of it anew. No object is read for it.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use sha2::{Digest, Sha256};

use crate::odb::{ObjectStore, loose};

/// A file that changed this short a time ago may change again without another time or size: clocks of
/// file systems tick slowly.
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// Longer files go by size and time.
const MAX_READ: u64 = 4 << 20;

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
    /// as such. `objects` are the directories of objects among them.
    ///
    /// # Errors
    /// If a file or directory cannot be looked at, or there is a link: it could lead anywhere.
    pub fn of(roots: &[PathBuf], objects: &[PathBuf]) -> io::Result<Self> {
        let all = roots.iter().chain(objects).cloned();
        let mut pending: Vec<(PathBuf, bool)> = all.map(|path| (path, false)).collect();
        let mut lines: BTreeSet<Vec<u8>> = BTreeSet::new();
        let now = SystemTime::now();
        let mut is_settled = true;
        while let Some((path, in_objects)) = pending.pop() {
            let by_time = in_objects || objects.contains(&path);
            let mut line = path.as_os_str().as_encoded_bytes().to_vec();
            line.push(0);
            match look_at(&path)? {
                None => line.extend(b"absent"),
                Some(found) if found.is_dir() => {
                    // Its own time changes with every lock file that comes and goes.
                    line.extend(b"directory");
                    if !lines.contains(&line) {
                        for entry in std::fs::read_dir(&path)? {
                            pending.push((entry?.path(), by_time));
                        }
                    }
                }
                Some(found) if !by_time && found.is_file() && found.len() <= MAX_READ => {
                    line.extend(Sha256::digest(crate::odb::file::read_whole(&path)?));
                }
                Some(found) => {
                    let age = now.duration_since(found.modified()?).unwrap_or_default();
                    is_settled &= age >= SETTLED_AFTER;
                    line.extend(times(&found)?);
                }
            }
            lines.insert(line);
        }
        let mut digest = Sha256::new();
        for line in lines {
            digest.update(line.len().to_le_bytes());
            digest.update(line);
        }
        Ok(Self {
            digest: digest.finalize().into(),
            is_settled,
        })
    }
}

/// The files of an object store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreFiles {
    /// The object directories: the repository's own, then alternates.
    pub dirs: Vec<PathBuf>,
    /// The indexes of packs and a mark of each pack, sorted.
    pub packs: Vec<(PathBuf, PackDigest)>,
    /// Loose objects: the id, the directory's number, its bytes on disk; sorted.
    pub loose: Vec<(ObjectId, usize, u64)>,
    /// Whether there is a pack without an index.
    pub has_unindexed: bool,
}

/// A digest of the sizes and checksums of a pack and its index. Times do not count: git sets them anew
/// whenever it meets an object again.
pub type PackDigest = [u8; 16];

impl StoreFiles {
    /// True if `store` reads exactly these self.
    pub fn are_of(&self, store: &ObjectStore) -> bool {
        let packs = store
            .packs()
            .iter()
            .map(|pack| pack.path.with_extension("idx"));
        let packs: Vec<PathBuf> = packs.collect();
        let listed = self.packs.iter().map(|(path, _)| path);
        let mut loose: Vec<(ObjectId, usize)> = store
            .loose()
            .iter()
            .map(|object| (object.id, object.dir))
            .collect();
        loose.sort_unstable();
        let listed_loose = self.loose.iter().map(|&(id, dir, _)| (id, dir));
        !self.has_unindexed
            && store.dirs() == self.dirs
            && packs.len() == self.packs.len()
            && listed.into_iter().all(|path| packs.contains(path))
            && loose.into_iter().eq(listed_loose)
    }

    /// Lists them. Of packs the checksums are read.
    ///
    /// # Errors
    /// If something cannot be looked at.
    pub fn of(dirs: Vec<PathBuf>, hash: HashKind) -> io::Result<Self> {
        let mut files = Self::default();
        for (number, dir) in dirs.iter().enumerate() {
            files.add_packs(&dir.join("pack"), hash)?;
            let loose = loose::list(dir, number, hash).map_err(|e| io::Error::other(e.chain()))?;
            for object in loose {
                files.loose.push((object.id, number, object.stored_bytes));
            }
        }
        files.packs.sort_unstable();
        files.loose.sort_unstable();
        files.dirs = dirs;
        Ok(files)
    }

    fn add_packs(&mut self, dir: &Path, hash: HashKind) -> io::Result<()> {
        let listed = match std::fs::read_dir(dir) {
            Ok(listed) => listed,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        for entry in listed {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with("pack-") {
                continue;
            }
            if name.ends_with(".idx") {
                let promisor = path.with_extension("promisor");
                let mut parts = vec![path.clone(), path.with_extension("pack")];
                parts.extend(promisor.exists().then_some(promisor));
                let mark = mark_of(&parts, hash)?;
                self.packs.push((path, mark));
            } else if name.ends_with(".pack") {
                self.has_unindexed |= !path.with_extension("idx").exists();
            }
        }
        Ok(())
    }
}

fn mark_of(paths: &[PathBuf], hash: HashKind) -> io::Result<PackDigest> {
    let mut digest = Sha256::new();
    for path in paths {
        let mut file = crate::odb::file::open(path)?;
        let len = file.metadata()?.len();
        digest.update(len.to_le_bytes());
        // Packs and indexes end with a checksum of all that stands before it.
        let start = len.saturating_sub(hash.len_in_bytes() as u64);
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(len - start).read_to_end(&mut end)?;
        digest.update(end);
    }
    let digest = digest.finalize();
    Ok(*digest.first_chunk().expect("a digest has 32 bytes"))
}

/// What a path is; `None` if there is nothing.
fn look_at(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(io::Error::other("it is a link")),
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Size and times of a file. Whoever writes it can set the time of its contents, but not that of the
/// change itself.
fn times(found: &Metadata) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::MetadataExt;
    let since = found.modified()?.duration_since(SystemTime::UNIX_EPOCH);
    let mut line = found.len().to_le_bytes().to_vec();
    line.extend(since.unwrap_or_default().as_nanos().to_le_bytes());
    line.extend(found.ino().to_le_bytes());
    line.extend(found.ctime().to_le_bytes());
    line.extend(found.ctime_nsec().to_le_bytes());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn every_change_shows() {
        let dir = tempfile::tempdir().unwrap();
        let (git, objects) = (dir.path().join("git"), dir.path().join("git/objects"));
        std::fs::create_dir_all(objects.join("pack")).unwrap();
        std::fs::create_dir(git.join("refs")).unwrap();
        let roots = [git.clone(), dir.path().join("absent")];
        let stamp = || Stamp::of(&roots, std::slice::from_ref(&objects)).unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            File::open(&path).unwrap().set_modified(old).unwrap();
        };
        let mut digests = vec![stamp().digest];
        let mut changed = |what: &str, should: bool| {
            let now = stamp().digest;
            assert_eq!(!digests.contains(&now), should, "{what}");
            digests.push(now);
        };
        write("git/refs/a", "1");
        changed("a ref", true);
        write("git/refs/a", "1");
        changed("the same ref, written again", false);
        write("git/refs/a", "2");
        changed("another value of the same length and time", true);
        write("git/objects/pack/p", "1");
        changed("a pack", true);
        write("git/objects/pack/p", "2");
        changed("another pack of the same size and time", true);
        write("git/lock", "");
        changed("a file", true);
        std::fs::remove_file(git.join("lock")).unwrap();
        changed("its end", false);
        write("absent", "");
        changed("what was absent", true);
        assert!(stamp().is_settled);
        std::fs::write(objects.join("pack/q"), "").unwrap();
        assert!(!stamp().is_settled, "it is new");
        std::os::unix::fs::symlink("/", git.join("link")).unwrap();
        assert!(Stamp::of(&roots, &[]).is_err());
    }
}
