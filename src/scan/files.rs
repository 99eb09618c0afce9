//! Scans files that are not git objects.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use ignore::WalkBuilder;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::ScanOptions;
use super::sift::{Sift, unopened};
use crate::detect::{Detector, Hits, Match};
use crate::odb::{ObjectKind, ReadLimits, SkipReason, Skipped, file, hash};

/// Which files below a directory are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChoice {
    /// All of them.
    All,
    /// Those that git would not ignore.
    NotIgnored,
}

/// Files, sorted, and what could not be listed.
#[derive(Clone, Debug, Default)]
pub struct FileList {
    /// Regular files and symbolic links, and whatever was named itself.
    pub paths: Vec<PathBuf>,
    /// What could not be listed.
    pub skipped: Vec<Skipped>,
    /// Pipes, sockets and devices in directories, sorted: they hold no file's contents. Links that lead out of
    /// their directory are among them: of these only the text is read.
    pub special: Vec<PathBuf>,
    /// Git directories in directories, and files that name one, sorted; they are left out.
    pub git_dirs: Vec<PathBuf>,
    /// Files and directories that were left out by name.
    pub excluded: usize,
}

/// Lists the files at and below `roots`. Links in directories are listed, not followed; `.git` is left
/// out, since the objects in it are read as what they are.
pub fn list(roots: &[PathBuf], wanted: FileChoice) -> FileList {
    list_except(
        roots,
        wanted,
        &(Arc::new(|_: &Path, _: &Path| false) as Excluded),
    )
}

/// Says of a path below a root whether it is left out.
pub type Excluded = Arc<dyn Fn(&Path, &Path) -> bool + Send + Sync>;

/// Like [`list`], without the files and directories that `is_excluded`: these are not entered.
pub fn list_except(roots: &[PathBuf], wanted: FileChoice, is_excluded: &Excluded) -> FileList {
    let mut found = FileList::default();
    for root in roots {
        if is_excluded(root, root) {
            found.excluded += 1;
            continue;
        }
        if wanted == FileChoice::NotIgnored
            && let Some(rules) = odd_rules(root)
        {
            found.skipped.push(unread_rules(&rules));
            continue;
        }
        let left_out = WalkExclusions::default();
        let walk = walk(root, wanted, is_excluded, &left_out);
        for entry in walk {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    found.skipped.push(unlisted(root, &e));
                    continue;
                }
            };
            let kind = entry.file_type();
            let is_kind = |is: &dyn Fn(std::fs::FileType) -> bool| kind.is_some_and(is);
            if is_kind(&|kind| kind.is_dir()) {
                continue;
            }
            let is_file = is_kind(&|kind| kind.is_file() || kind.is_symlink());
            let is_link = entry.depth() > 0 && is_kind(&|kind| kind.is_symlink());
            if is_link && leads_out(entry.path(), root) {
                found.special.push(entry.path().to_owned());
            }
            // A link to a directory that was named is walked like that directory.
            let is_walked = entry.depth() == 0 && entry.path().is_dir();
            match entry.depth() == 0 || is_file {
                _ if is_walked => {}
                true => found.paths.push(entry.into_path()),
                false => found.special.push(entry.into_path()),
            }
        }
        found.excluded += left_out.excluded.load(Ordering::Relaxed);
        found.skipped.extend(left_out.skipped());
        let mut git_dirs = left_out.git_dirs.lock();
        let git_dirs = git_dirs.as_mut().unwrap_or_else(|e| e.get_mut());
        found.git_dirs.append(git_dirs);
    }
    for paths in [&mut found.paths, &mut found.special, &mut found.git_dirs] {
        paths.sort_unstable();
        paths.dedup();
    }
    found
}

/// Whether the link `path` leads to something outside of `root`.
fn leads_out(path: &Path, root: &Path) -> bool {
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(target), Ok(root)) => !target.starts_with(root),
        _ => false,
    }
}

/// The files and directories that a walk leaves out.
#[derive(Clone, Default)]
struct WalkExclusions {
    /// How many files and directories are excluded.
    excluded: Arc<AtomicUsize>,
    /// Git directories, and files that name one.
    git_dirs: Arc<Mutex<Vec<PathBuf>>>,
    /// Ignore rules that are a pipe or a device: their directories are not entered.
    odd: Arc<Mutex<Vec<PathBuf>>>,
}

impl WalkExclusions {
    /// Whether the ignore rules of `dir` are a pipe or a device; if so, they are recorded.
    fn has_odd_rules(&self, dir: &Path) -> bool {
        let rules = odd_rules(dir);
        let is_odd = rules.is_some();
        let mut seen = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(rules);
        is_odd
    }

    fn skipped(&self) -> Vec<Skipped> {
        let mut odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        odd.sort_unstable();
        odd.dedup();
        odd.iter().map(|rules| unread_rules(rules)).collect()
    }
}

/// The walk of one root.
fn walk(
    root: &Path,
    wanted: FileChoice,
    is_excluded: &Excluded,
    left_out: &WalkExclusions,
) -> ignore::Walk {
    let heeds_git = wanted == FileChoice::NotIgnored;
    let mut walk = WalkBuilder::new(root);
    walk.standard_filters(false).follow_links(false);
    if heeds_git {
        walk.git_ignore(true).git_exclude(true).git_global(true);
        walk.parents(true);
    }
    let (left_out, is_excluded) = (left_out.clone(), Arc::clone(is_excluded));
    let top = root.to_owned();
    walk.filter_entry(move |entry| {
        // The walk asks for its root more than once.
        if entry.depth() == 0 {
            return true;
        }
        let is_out = is_excluded(entry.path(), &top);
        left_out
            .excluded
            .fetch_add(usize::from(is_out), Ordering::Relaxed);
        if is_out {
            return false;
        }
        if entry.file_name() == ".git" {
            let mut seen = left_out.git_dirs.lock();
            let seen = seen.as_mut().unwrap_or_else(|e| e.get_mut());
            seen.push(entry.path().to_owned());
            return false;
        }
        !(heeds_git && left_out.has_odd_rules(entry.path()))
    });
    walk.build()
}

/// A file of ignore rules in `dir` that is a pipe or a device, or leads to one.
fn odd_rules(dir: &Path) -> Option<PathBuf> {
    let files = [".gitignore", ".git/info/exclude"].map(|name| dir.join(name));
    let is_odd = |file: &PathBuf| std::fs::metadata(file).is_ok_and(|found| !found.is_file());
    files.into_iter().find(is_odd)
}

fn unread_rules(rules: &Path) -> Skipped {
    Skipped {
        reason: SkipReason::Unreadable,
        kind: ObjectKind::Unknown,
        object_id: None,
        detail: format!(
            "'{}' is no plain file: its directory was not read",
            rules.display()
        ),
    }
}

fn unlisted(root: &Path, error: &ignore::Error) -> Skipped {
    // The error itself names its place in different ways.
    let why = match error.io_error() {
        Some(e) => e.to_string(),
        None => "a directory cannot be read".to_owned(),
    };
    let at = place_of(error).unwrap_or(root);
    Skipped {
        reason: SkipReason::Unreadable,
        kind: ObjectKind::Unknown,
        object_id: None,
        detail: format!("cannot list '{}': {why}", at.display()),
    }
}

/// The path that an error of a walk is about.
fn place_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            place_of(err)
        }
        _ => None,
    }
}

/// The result for one file.
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
/// order, or why one could not be read. Those in `named` are what the user named: links are followed,
/// and pipes and devices are read to their end.
pub fn scan(
    list: &[PathBuf],
    named: &[PathBuf],
    hash: HashKind,
    limits: ReadLimits,
    is_known: &(dyn Fn(&gix::oid) -> bool + Sync),
    detector: &Detector,
    options: ScanOptions,
) -> Vec<Result<ScannedFile, Skipped>> {
    let named: FxHashSet<&PathBuf> = named.iter().collect();
    let one = |(sift, bytes): &mut (Sift<'_>, Vec<u8>), (number, path): (usize, &PathBuf)| {
        let follow = named.contains(path);
        let id = match read(path, follow, (hash, limits), bytes) {
            Ok(id) => id,
            Err(skipped) => return Some(Err(skipped)),
        };
        if is_known(&id) {
            return None;
        }
        let len = bytes.len() as u64;
        let examined = || examine(sift, number, id, bytes);
        Some(limits.budget.for_one(len, examined))
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

/// Reads a file that was scanned into `bytes`, if it can be read twice.
///
/// # Errors
/// `Io` if it no longer is what it was, `id`.
pub fn read_again(
    path: &Path,
    id: &gix::oid,
    limits: ReadLimits,
    bytes: &mut Vec<u8>,
) -> crate::error::Result<()> {
    // What can be read only once, such as a pipe, could make this wait for ever.
    let kept = path.symlink_metadata();
    let is_link = kept.as_ref().is_ok_and(std::fs::Metadata::is_symlink);
    let is_other = kept
        .as_ref()
        .is_ok_and(|kept| !kept.is_file() && !kept.is_symlink());
    if is_other || is_link && !path.is_file() && path.exists() {
        return Ok(());
    }
    let is_file = kept.is_ok_and(|kept| kept.is_file());
    let mut is_same = |follow| {
        bytes.clear();
        read(path, follow, (id.kind(), limits), bytes).is_ok_and(|read| read == id)
    };
    // A link that was named was followed.
    let is_read =
        (is_link || is_file) && (is_same(false) || (is_link && path.is_file() && is_same(true)));
    if is_read {
        return Ok(());
    }
    let why = std::io::Error::other("it changed, or cannot be read any more");
    Err(crate::error::Error::io("read", path, why))
}

/// Reads a file into `bytes`, or what a link says unless it is to be followed; returns the id that git
/// would give it.
fn read(
    path: &Path,
    follow: bool,
    (hash, limits): (HashKind, ReadLimits),
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
    let kind = path.symlink_metadata().map_err(unreadable)?.file_type();
    if kind.is_symlink() && !follow {
        let target = path.read_link().map_err(unreadable)?;
        bytes.extend_from_slice(target.as_os_str().as_encoded_bytes());
    } else if kind.is_file() || follow {
        let limit = limits.held();
        // What the user named can be a pipe.
        let opened = if follow {
            File::open(path)
        } else {
            file::open(path)
        };
        let file = opened.map_err(unreadable)?;
        // One byte more than is allowed is enough to know.
        let mut file = file.take(limit.saturating_add(1));
        file.read_to_end(bytes).map_err(unreadable)?;
        if bytes.len() as u64 > limit {
            let why = format!("it is over the limit of {limit} bytes");
            return Err(skip(SkipReason::TooLarge, &why));
        }
    } else {
        // To open a pipe can wait for ever.
        return Err(skip(SkipReason::Unsupported, &"it is not a regular file"));
    }
    hash::object_id(hash, ObjectKind::Blob, bytes).map_err(|why| skip(SkipReason::Corrupt, &why))
}
