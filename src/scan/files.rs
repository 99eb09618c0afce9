//! Scans files that are in no repository, or in none yet.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use ignore::WalkBuilder;
use rayon::prelude::*;

use super::ScanOptions;
use super::sift::{Sift, unopened};
use crate::detect::{Detector, Hits, Match};
use crate::odb::{Limits, ObjectKind, SkipReason, Skipped, hash};

/// Which files below a directory are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those that git would not ignore.
    NotIgnored,
}

/// Files, sorted, and what could not be listed.
#[derive(Clone, Debug, Default)]
pub struct FileList {
    /// Regular files and symbolic links.
    pub paths: Vec<PathBuf>,
    /// What could not be listed.
    pub skipped: Vec<Skipped>,
}

/// Lists the files at and below `roots`. Links are listed, not followed; `.git` is left out, since
/// the objects in it are read as what they are.
pub fn list(roots: &[PathBuf], wanted: Wanted) -> FileList {
    let mut found = FileList::default();
    for root in roots {
        let mut walk = WalkBuilder::new(root);
        walk.standard_filters(false).follow_links(false);
        if wanted == Wanted::NotIgnored {
            walk.git_ignore(true).git_exclude(true).git_global(true);
            walk.parents(true);
        }
        walk.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
        for entry in walk.build() {
            match entry {
                Ok(entry) => {
                    let is_file = entry
                        .file_type()
                        .is_some_and(|kind| kind.is_file() || kind.is_symlink());
                    if is_file {
                        found.paths.push(entry.into_path());
                    }
                }
                Err(e) => found.skipped.push(Skipped {
                    reason: SkipReason::Unreadable,
                    kind: ObjectKind::Unknown,
                    object_id: None,
                    detail: format!("cannot list files: {e}"),
                }),
            }
        }
    }
    found.paths.sort_unstable();
    found.paths.dedup();
    found
}

/// What one file holds.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// Its place in the list.
    pub number: usize,
    /// The id that git would give its bytes.
    pub id: ObjectId,
    /// Its size in bytes.
    pub len: u64,
    /// Secrets.
    pub found: Vec<Match>,
    /// Matches that a marker allows.
    pub allowed: u64,
    /// Archives in it that were not opened, though somebody could.
    pub skipped: Vec<Skipped>,
    /// Archives in it that nobody can open.
    pub unopened: Vec<Skipped>,
}

/// Scans the files of `list` whose id `is_known` does not know; returns what they hold, in that
/// order, or why one could not be read.
pub fn scan(
    list: &[PathBuf],
    hash: HashKind,
    limits: Limits,
    is_known: &(dyn Fn(&gix::oid) -> bool + Sync),
    detector: &Detector,
    options: ScanOptions,
) -> Vec<Result<ScannedFile, Skipped>> {
    let one = |(sift, bytes): &mut (Sift<'_>, Vec<u8>), (number, path): (usize, &PathBuf)| {
        let id = match read(path, hash, limits, bytes) {
            Ok(id) => id,
            Err(skipped) => return Some(Err(skipped)),
        };
        if is_known(&id) {
            return None;
        }
        Some(examine(sift, number, id, bytes))
    };
    if list.len() < 2 {
        // A hook with a file or none is done before threads are up.
        let mut state = (Sift::new(detector, options), Vec::new());
        let found = list.iter().enumerate();
        return found.filter_map(|entry| one(&mut state, entry)).collect();
    }
    list.par_iter()
        .enumerate()
        .map_init(|| (Sift::new(detector, options), Vec::new()), one)
        .flatten_iter()
        .collect()
}

fn examine(
    sift: &mut Sift<'_>,
    number: usize,
    id: ObjectId,
    bytes: &[u8],
) -> Result<ScannedFile, Skipped> {
    let mut hits = Hits::default();
    sift.detector.scan(bytes, &mut sift.scratch, &mut hits);
    let before = sift.allowed;
    let found = sift.matches(bytes, &hits);
    let (mut skipped, mut locked) = (Vec::new(), Vec::new());
    for problem in hits.problems() {
        let (entry, is_readable) = unopened((ObjectKind::Blob, id), problem);
        if is_readable {
            &mut skipped
        } else {
            &mut locked
        }
        .push(entry);
    }
    Ok(ScannedFile {
        number,
        id,
        len: bytes.len() as u64,
        found,
        allowed: sift.allowed - before,
        skipped,
        unopened: locked,
    })
}

/// Reads a file that was scanned into `bytes`; returns whether it still is what it was, `id`.
pub fn read_again(path: &Path, id: &gix::oid, limits: Limits, bytes: &mut Vec<u8>) -> bool {
    // What can be read only once, such as a pipe, could make this wait for ever.
    let is_kept = path
        .symlink_metadata()
        .is_ok_and(|meta| meta.is_file() || meta.is_symlink());
    is_kept && read(path, id.kind(), limits, bytes).is_ok_and(|read| read == id)
}

/// Reads a file, or what a link says, into `bytes`; returns the id that git would give it.
fn read(
    path: &Path,
    hash: HashKind,
    limits: Limits,
    bytes: &mut Vec<u8>,
) -> Result<ObjectId, Skipped> {
    let skip = |reason, why: &dyn std::fmt::Display| Skipped {
        reason,
        kind: ObjectKind::Blob,
        object_id: None,
        detail: format!("'{}': {why}", path.display()),
    };
    let unreadable = |e: std::io::Error| skip(SkipReason::Unreadable, &e);
    bytes.clear();
    if path.symlink_metadata().map_err(unreadable)?.is_symlink() {
        let target = path.read_link().map_err(unreadable)?;
        bytes.extend_from_slice(target.as_os_str().as_encoded_bytes());
    } else {
        let limit = limits.held();
        let file = File::open(path).map_err(unreadable)?;
        // One byte more than is allowed is enough to know.
        let mut file = file.take(limit.saturating_add(1));
        file.read_to_end(bytes).map_err(unreadable)?;
        if bytes.len() as u64 > limit {
            let why = format!("it is over the limit of {limit} bytes");
            return Err(skip(SkipReason::TooLarge, &why));
        }
    }
    hash::object_id(hash, ObjectKind::Blob, bytes).map_err(|why| skip(SkipReason::Corrupt, &why))
}
