//! Keeps a repository as it was, outside of it, until a purge is known to be right.
//!
//! Objects never change, so they are linked, not copied; refs and reflogs are copied into one file, indexes
//! and all other files each into its own. Sizes and SHA-256 of all files are kept, and checked before anything is taken from them. The
//! snapshot holds the values that are erased: it is readable by its owner alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use gix::hash::Kind as HashKind;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fault::json_fault;
use crate::finding::Fingerprint;
use crate::odb::{ObjectId, hash};
use crate::purge::apply::archive;
use crate::purge::apply::changes::base64;
use crate::purge::find::values::{Reach, Target};
use crate::purge::journal;
use crate::purge::make::objects::Options;
use crate::secret::Secret;

/// What a purge was asked to do: with it, the same can be done again.
#[derive(Clone, Serialize, Deserialize)]
pub struct Inputs {
    values: Vec<StoredValue>,
    /// How objects are made.
    pub options: Options,
    /// Whether what was signed is signed anew.
    #[serde(default)]
    pub resign: bool,
    /// Refs that were moved: full name with the worktree's, what they named, what they name.
    pub refs: Vec<(String, String, String)>,
    /// Objects whose new ids were known: old and new ids.
    #[serde(default)]
    pub known: Vec<(String, String)>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredValue {
    /// Base64.
    value: String,
    rule: String,
    reach: Reach,
    mark: Option<Vec<u8>>,
    #[serde(default)]
    partial: bool,
}

impl Inputs {
    /// Takes them.
    pub fn new(targets: &[Target], options: &Options) -> Self {
        let values = targets.iter().map(|target| StoredValue {
            value: data_encoding::BASE64.encode(target.secret.reveal()),
            rule: target.rule_id.clone(),
            reach: target.reach,
            mark: target.mark.clone(),
            partial: target.is_partial,
        });
        Self {
            values: values.collect(),
            options: options.clone(),
            resign: false,
            refs: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Objects whose new ids were known.
    pub fn known(&self) -> FxHashMap<ObjectId, ObjectId> {
        let read = |hex: &str| ObjectId::from_hex(hex.as_bytes()).ok();
        let pairs = self.known.iter();
        pairs
            .filter_map(|(old, new)| Some((read(old)?, read(new)?)))
            .collect()
    }

    /// Returns `text` without the values.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for stored in &self.values {
            let value = data_encoding::BASE64.decode(stored.value.as_bytes());
            if let Some(value) = value.ok().and_then(|value| String::from_utf8(value).ok()) {
                text = text.replace(&value, "REMOVED");
            }
        }
        text
    }

    /// The values; fingerprints are made with `key`.
    ///
    /// # Errors
    /// `Corrupt` if one cannot be read.
    pub fn targets(&self, key: &[u8]) -> Result<Vec<Target>> {
        let values = self.values.iter();
        values
            .map(|stored| {
                let value = data_encoding::BASE64.decode(stored.value.as_bytes());
                let value =
                    value.map_err(|_| Error::corrupt("the undo snapshot holds a damaged value"))?;
                let secret = Secret::new(&value);
                Ok(Target {
                    fingerprint: Fingerprint::new(key, &stored.rule, &secret),
                    secret: Arc::new(secret),
                    rule_id: stored.rule.clone(),
                    reach: stored.reach,
                    mark: stored.mark.clone(),
                    // What was begun was agreed to.
                    is_named: true,
                    is_partial: stored.partial,
                })
            })
            .collect()
    }
}

/// A repository as it was.
#[derive(Clone, Debug)]
pub struct Snapshot {
    dir: PathBuf,
    /// Refs and reflogs, when they were asked for.
    refs: OnceLock<archive::FilesByPath>,
}

/// Parts of `.git` that a purge never touches: ours, and other repositories.
const LEFT_ALONE: [&str; 2] = ["unleak", "modules"];

/// The file of the copy that holds refs and reflogs.
const REFS: &str = "refs.kept";

/// Sizes and digests of all files.
const SUMS: &str = "sums.json";
/// Names of the files beside the copy: each of them is needed to take a purge back.
const NAMES: &str = "names.json";

/// A file of a snapshot. Its path, its size and its SHA-256; of a symbolic link, of what it names.
#[derive(Serialize, Deserialize)]
struct Sum {
    #[serde(with = "base64")]
    path: Vec<u8>,
    size: u64,
    #[serde(with = "base64")]
    sha256: Vec<u8>,
}

impl Sum {
    fn of(top: &Path, path: &Path) -> io::Result<Self> {
        let file = top.join(path);
        let (size, sha256) = if fs::symlink_metadata(&file)?.file_type().is_symlink() {
            let target = fs::read_link(&file)?.into_os_string().into_encoded_bytes();
            (target.len() as u64, hash::digest(&target, HashKind::Sha256))
        } else {
            hash::file_digest(&file)?
        };
        Ok(Self {
            path: path.as_os_str().as_bytes().to_vec(),
            size,
            sha256,
        })
    }
}

impl Snapshot {
    /// Where snapshots of the repository at `common_dir` are kept, given where the user's programs
    /// keep their state.
    pub fn root(state_home: &Path, common_dir: &Path) -> PathBuf {
        let path = common_dir
            .canonicalize()
            .unwrap_or_else(|_| common_dir.to_owned());
        let digest = hash::digest(path.as_os_str().as_encoded_bytes(), HashKind::Sha1);
        let named = if path.file_name() == Some(OsStr::new(".git")) {
            path.parent().unwrap_or(&path)
        } else {
            &path
        };
        let name = named.file_name().unwrap_or_default().to_string_lossy();
        let digest = data_encoding::HEXLOWER.encode(&digest[..6]);
        state_home
            .join("unleak/undo")
            .join(format!("{name}-{digest}"))
    }

    /// The directories of all snapshots below `root`, oldest first: those of earlier purges, too.
    pub fn all(root: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(root).into_iter().flatten();
        let dirs = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut dirs: Vec<PathBuf> = dirs.filter(|path| path.is_dir()).collect();
        dirs.sort_unstable();
        dirs
    }

    /// The snapshot that stands in `dir`.
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            refs: OnceLock::new(),
        }
    }

    /// Where it stands.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The copy of the `.git` directory, without refs and reflogs.
    pub fn git_dir(&self) -> PathBuf {
        self.dir.join("git")
    }

    /// The same for git to work on: with refs and reflogs.
    ///
    /// # Errors
    /// `Io` if they cannot be written there.
    pub(crate) fn whole_git_dir(&self) -> Result<PathBuf> {
        let top = self.git_dir();
        for (path, bytes) in self.refs() {
            let path = top.join(path);
            let dir = path.parent().unwrap_or(&top);
            let written = fs::create_dir_all(dir).and_then(|()| fs::write(&path, bytes));
            written.map_err(|e| Error::io("write", &path, e))?;
        }
        Ok(top)
    }

    /// Refs and reflogs; none if they cannot be read, which [`Self::check`] says.
    fn refs(&self) -> &archive::FilesByPath {
        let read = || archive::read(&self.git_dir().join(REFS)).unwrap_or_default();
        self.refs.get_or_init(read)
    }

    /// Takes a snapshot of `common_dir` into `dir`, which must not be there.
    ///
    /// # Errors
    /// `Io` if that fails; then nothing is left of it.
    pub fn take(common_dir: &Path, dir: &Path) -> Result<Self> {
        let snapshot = Self::at(dir);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir);
        made.map_err(|e| {
            Error::io("make", dir, e).hint("set XDG_STATE_HOME to a directory that can be written")
        })?;
        let kept = keep(common_dir, &snapshot.git_dir()).and_then(|()| snapshot.sums());
        let kept = kept.map(|sums| snapshot.write(SUMS, &sums));
        if let Err(e) = kept.and_then(|written| written.map_err(io::Error::other)) {
            // What matters is why it failed.
            let _ = fs::remove_dir_all(dir);
            return Err(Error::io("keep a snapshot for undo in", dir, e).hint(
                "nothing was changed; free some space, or set XDG_STATE_HOME to another disk",
            ));
        }
        Ok(snapshot)
    }

    fn sums(&self) -> io::Result<Vec<Sum>> {
        let top = self.git_dir();
        let files = list(&top)?;
        files.par_iter().map(|path| Sum::of(&top, path)).collect()
    }

    /// Checks that all files of the copy are as they were when it was taken.
    ///
    /// # Errors
    /// `Corrupt` that names the first file that is not.
    pub fn check(&self) -> Result<()> {
        let damaged = |path: &Path, why: &str| {
            let path = match path.strip_prefix("..") {
                Ok(beside) => self.dir.join(beside),
                Err(_) => self.git_dir().join(path),
            };
            Err(Error::corrupt(format!(
                "the undo snapshot is damaged: '{}' {why}",
                path.display()
            ))
            .hint(
                "nothing was changed; bring the file back from a backup, and run the command again",
            ))
        };
        let names = self.read::<BTreeSet<String>>(NAMES)?;
        let (Some(sums), Some(names)) = (self.read::<Vec<Sum>>(SUMS)?, names) else {
            return damaged(Path::new(""), "has no list of its files");
        };
        for name in names {
            if self.text(&name)?.is_none() {
                return damaged(&Path::new("..").join(name), "is not there");
            }
        }
        let top = self.git_dir();
        let look = |sum: &Sum| {
            let path = Path::new(OsStr::from_bytes(&sum.path));
            let why = match Sum::of(&top, path) {
                Ok(found) if found.size != sum.size => "has another size",
                Ok(found) if found.sha256 != sum.sha256 => "has other contents",
                Ok(_) => return None,
                Err(e) if e.kind() == io::ErrorKind::NotFound => "is not there",
                Err(_) => "cannot be read",
            };
            Some((path.to_owned(), why))
        };
        let found: Vec<_> = sums.par_iter().filter_map(look).collect();
        match found.first() {
            Some((path, why)) => damaged(path, why),
            None => Ok(()),
        }
    }

    /// Writes a file beside the copy, with its own SHA-256.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        self.put(name, value)?;
        let mut names = self.read::<BTreeSet<String>>(NAMES)?.unwrap_or_default();
        if names.insert(name.to_owned()) {
            self.put(NAMES, &names)?;
        }
        Ok(())
    }

    fn put<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value)
            .map_err(|e| Error::internal("the snapshot cannot be written").because(e))?;
        let digest = data_encoding::HEXLOWER.encode(&hash::digest(&text, HashKind::Sha256));
        let text = [digest.as_bytes(), b"\n", &text].concat();
        journal::write_durably(&self.dir.join(name), &text)
    }

    /// Reads a file beside the copy; `None` if it is not there.
    ///
    /// # Errors
    /// `Io` or `Corrupt` if it cannot be read.
    pub fn read<T: for<'d> Deserialize<'d>>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let value: serde_json::Result<T> = serde_json::from_slice(&text);
        value.map(Some).map_err(|e| {
            let (path, why) = (self.dir.join(name), json_fault(&e));
            Error::corrupt(format!("'{}' cannot be read: {why}", path.display()))
        })
    }

    /// The text of a file beside the copy, if its SHA-256 is right; `None` if it is not there.
    fn text(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.dir.join(name);
        let mut text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let damaged = || {
            Error::corrupt(format!(
                "the undo snapshot is damaged: '{}' has other contents",
                path.display()
            ))
            .hint(
                "nothing was changed; bring the file back from a backup, and run the command again",
            )
        };
        let end = memchr::memchr(b'\n', &text).ok_or_else(damaged)?;
        let found = hash::digest(&text[end + 1..], HashKind::Sha256);
        if data_encoding::HEXLOWER.encode(&found).as_bytes() != &text[..end] {
            return Err(damaged());
        }
        text.drain(..=end);
        Ok(Some(text))
    }

    /// What the file at `path` below the `.git` directory held.
    pub(crate) fn held(&self, path: &Path) -> Option<Vec<u8>> {
        if let Some(bytes) = self.refs().get(path) {
            return Some(bytes.clone());
        }
        fs::read(self.git_dir().join(path)).ok()
    }

    /// The files of the copy, relative.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        list(&self.git_dir())
    }

    /// Puts objects back that are not in `common_dir` any more. Nothing is taken away.
    ///
    /// # Errors
    /// `Io` if that fails; it can be tried again.
    pub(crate) fn put_back_objects(&self, common_dir: &Path) -> Result<()> {
        let back = || -> io::Result<()> {
            let own = journal::dir(common_dir);
            let mut files = self.files()?;
            // Files of Git LFS are named by what they hold, too.
            let is_object = |path: &Path| {
                path.starts_with("lfs/objects") || (path.starts_with("objects") && !is_cache(path))
            };
            files.retain(|path| is_object(path));
            // Of a pack the index last: nothing is named before it is there.
            files.sort_by_key(|path| is_index(path));
            for path in &files {
                let (from, to) = (self.git_dir().join(path), common_dir.join(path));
                if path.starts_with("objects/info") {
                    continue;
                }
                put_back(&own, &from, &to, true)?;
            }
            Ok(())
        };
        back().map_err(|e| Error::io("restore objects in", common_dir, e))
    }

    /// Puts back what git keeps to find objects faster, and takes away what it made of it since: that
    /// names objects of the new history.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub(crate) fn put_back_caches(&self, common_dir: &Path) -> Result<()> {
        let back = || -> io::Result<()> {
            let is_there = list(&common_dir.join("objects"))?.into_iter();
            for path in is_there.map(|path| Path::new("objects").join(path)) {
                let is_old = self.git_dir().join(&path).exists();
                if is_cache(&path) && !is_old {
                    fs::remove_file(common_dir.join(path))?;
                }
            }
            for path in self.files()?.iter().filter(|path| is_cache(path)) {
                let (from, to) = (self.git_dir().join(path), common_dir.join(path));
                put_back(&journal::dir(common_dir), &from, &to, false)?;
            }
            Ok(())
        };
        back().map_err(|e| Error::io("restore", &common_dir.join("objects"), e))
    }

    /// Puts the file at `path` below the `.git` directory back as it was.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub(crate) fn put_back(&self, common_dir: &Path, path: &Path) -> Result<()> {
        let to = common_dir.join(path);
        if let Some(bytes) = self.refs().get(path) {
            return journal::write_inside(common_dir, &to, bytes);
        }
        let from = self.git_dir().join(path);
        put_back(&journal::dir(common_dir), &from, &to, false)
            .map_err(|e| Error::io("restore", &to, e))
    }

    /// Deletes it for good.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn forget(&self) -> Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("delete", &self.dir, e)),
            _ => Ok(()),
        }
    }
}

fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "idx")
}

/// Whether a file only serves to find objects faster.
fn is_cache(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_lock = name.ends_with(".lock");
    let is_graph = path.starts_with("objects/info/commit-graphs")
        || path == Path::new("objects/info/commit-graph")
        || path == Path::new("objects/info/packs");
    let is_midx = path.starts_with("objects/pack") && {
        let mut parts = path.components().map(|part| part.as_os_str());
        parts.any(|part| part.as_bytes().starts_with(b"multi-pack-index"))
    };
    !is_lock && (is_graph || is_midx)
}

/// What stands in the file that keeps the pack of a run from being repacked.
pub fn keep_reason(run: &str) -> String {
    format!("unleak {run}")
}

/// All files below `top` that a purge may touch, relative.
fn list(top: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::new()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(top.join(&dir))? {
            let entry = entry?;
            let path = dir.join(entry.file_name());
            if LEFT_ALONE.iter().any(|part| path == Path::new(part)) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                dirs.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn keep(from: &Path, to: &Path) -> io::Result<()> {
    // A directory without it is no repository for git.
    fs::create_dir_all(to.join("refs"))?;
    let mut refs = archive::ArchiveWriter::new(&to.join(REFS))?;
    for path in list(from)? {
        let (source, target) = (from.join(&path), to.join(&path));
        let kind = fs::symlink_metadata(&source)?.file_type();
        // A lock goes with whoever holds it; pipes and sockets hold nothing.
        if path
            .extension()
            .is_some_and(|extension| extension == "lock")
            || !(kind.is_file() || kind.is_symlink())
        {
            continue;
        }
        if kind.is_file() && archive::belongs(&path) {
            refs.add(&path, &source)?;
            continue;
        }
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if !(path.starts_with("objects") || path.starts_with("lfs"))
            || fs::hard_link(&source, &target).is_err()
        {
            copy_unsynced(&source, &target)?;
        }
    }
    refs.finish()?;
    // Once for all files.
    journal::sync(to)
}

/// Copies a file with its time: git takes an index for older than what was written at its time.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_unsynced(from, to)?.sync_all()
}

fn copy_unsynced(from: &Path, to: &Path) -> io::Result<fs::File> {
    fs::copy(from, to)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(to)
        .or_else(|_| fs::File::open(to))?;
    file.set_modified(fs::metadata(from)?.modified()?)?;
    Ok(file)
}

/// Puts the file `from` to `to`, by way of the directory `scratch`, if it is not there already.
fn put_back(scratch: &Path, from: &Path, to: &Path, is_object: bool) -> io::Result<()> {
    let is_link = fs::symlink_metadata(from)?.file_type().is_symlink();
    let is_there = fs::symlink_metadata(to).is_ok();
    let is_same = is_there
        && if is_link {
            fs::read_link(from).ok() == fs::read_link(to).ok()
        } else if is_object && !to.to_string_lossy().contains("/info/") {
            fs::metadata(from)?.len() == fs::metadata(to)?.len()
        } else {
            let was = fs::read(from)?;
            fs::read(to).is_ok_and(|is| is == was)
        };
    if is_same {
        return Ok(());
    }
    let dir = to.parent().unwrap_or(Path::new("."));
    // Where a ref is to be, a directory may be left of others that were below that name.
    if to.is_dir() {
        fs::remove_dir(to)?;
    }
    fs::create_dir_all(dir)?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let beside = scratch.join(format!("tmp_{name}"));
    let _ = fs::remove_file(&beside);
    if is_link {
        std::os::unix::fs::symlink(fs::read_link(from)?, &beside)?;
    } else if !is_object || fs::hard_link(from, &beside).is_err() {
        copy(from, &beside)?;
    }
    fs::rename(&beside, to)
}

/// What the purge was asked to do that `snapshot` belongs to.
///
/// # Errors
/// `Repository` if it was deleted.
pub fn inputs(snapshot: &Snapshot) -> Result<Inputs> {
    snapshot.read("purge.json")?.ok_or_else(|| {
        Error::repository(format!(
            "the undo snapshot '{}' is not there",
            snapshot.dir().display()
        ))
        .hint("it was deleted, or XDG_STATE_HOME was another then")
    })
}
