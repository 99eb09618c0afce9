//! Keeps a repository as it was, outside of it, until a purge is known to be right.
//!
//! Objects never change, so they are linked, not copied; refs, reflogs, indexes and all other files are
//! copied. The snapshot holds the values that are erased: it is readable by its owner alone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::hash::Kind as HashKind;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::journal::{self, Journal};
use super::needles::{Reach, Target};
use super::objects::Options;
use crate::error::{Error, Result};
use crate::finding::Fingerprint;
use crate::odb::{ObjectId, hash};
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
}

/// Parts of `.git` that a purge never touches: ours, and other repositories.
const LEFT_ALONE: [&str; 2] = ["unleak", "modules"];

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
        }
    }

    /// Where it stands.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The copy of the `.git` directory.
    pub fn git_dir(&self) -> PathBuf {
        self.dir.join("git")
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
        let kept = keep(common_dir, &snapshot.git_dir());
        if let Err(e) = kept {
            // What matters is why it failed.
            let _ = fs::remove_dir_all(dir);
            return Err(Error::io("keep a snapshot for undo in", dir, e).hint(
                "nothing was changed; free some space, or set XDG_STATE_HOME to another disk",
            ));
        }
        Ok(snapshot)
    }

    /// Writes a file beside the copy.
    ///
    /// # Errors
    /// `Io` if that fails.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let text = serde_json::to_vec(value)
            .map_err(|e| Error::internal("the snapshot cannot be written").because(e))?;
        journal::write_durably(&self.dir.join(name), &text)
    }

    /// Reads a file beside the copy; `None` if it is not there.
    ///
    /// # Errors
    /// `Io` or `Corrupt` if it cannot be read.
    pub fn read<T: for<'d> Deserialize<'d>>(&self, name: &str) -> Result<Option<T>> {
        let path = self.dir.join(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let value = serde_json::from_slice(&text);
        value
            .map(Some)
            .map_err(|e| Error::corrupt(format!("'{}' cannot be read", path.display())).because(e))
    }

    /// Puts everything back as it was in `common_dir`, and takes away what `journal` says was added.
    ///
    /// # Errors
    /// `Io` if that fails; it can be tried again.
    pub fn restore(&self, common_dir: &Path, journal: &Journal) -> Result<()> {
        let back = || -> io::Result<()> {
            let copy = self.git_dir();
            let was: BTreeSet<PathBuf> = list(&copy)?.into_iter().collect();
            let is: BTreeSet<PathBuf> = list(common_dir)?.into_iter().collect();
            // What keeps a pack says that it was added: all is looked at before anything goes.
            let added: Vec<&PathBuf> = is
                .difference(&was)
                .filter(|path| is_added(path, journal, common_dir))
                .collect();
            let (mut objects, others): (Vec<&PathBuf>, Vec<&PathBuf>) = added
                .into_iter()
                .partition(|path| path.starts_with("objects"));
            for path in others {
                fs::remove_file(common_dir.join(path))?;
            }
            // Objects first, and of a pack the index last: nothing is named before it is there.
            let mut order: Vec<&PathBuf> = was.iter().collect();
            order.sort_by_key(|path| (!path.starts_with("objects"), is_index(path)));
            for path in order {
                let (from, to) = (copy.join(path), common_dir.join(path));
                put_back(&from, &to, path.starts_with("objects"))?;
            }
            objects.sort_by_key(|path| !is_index(path));
            for path in objects {
                fs::remove_file(common_dir.join(path))?;
            }
            Ok(())
        };
        back().map_err(|e| Error::io("restore", common_dir, e))
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

/// Whether a file that was not there before is one that a purge makes, or git for it.
fn is_added(path: &Path, journal: &Journal, common_dir: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !path.starts_with("objects") {
        return !name.ends_with(".lock");
    }
    if path.starts_with("objects/info") {
        return true;
    }
    let stem = name.split('.').next().unwrap_or_default();
    if name.starts_with("tmp_")
        || name.starts_with("multi-pack-index")
        || journal.packs.iter().any(|pack| pack == stem)
    {
        return true;
    }
    let keep = common_dir.join(path).with_extension("keep");
    fs::read_to_string(keep).is_ok_and(|text| text.trim() == keep_reason(&journal.run))
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
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if !(path.starts_with("objects") || path.starts_with("lfs"))
            || fs::hard_link(&source, &target).is_err()
        {
            copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Copies a file with its time: git takes an index for older than what was written at its time.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(to)
        .or_else(|_| fs::File::open(to))?;
    file.set_modified(fs::metadata(from)?.modified()?)?;
    file.sync_all()
}

/// Puts the file `from` to `to`, if it is not there already.
fn put_back(from: &Path, to: &Path, is_object: bool) -> io::Result<()> {
    let is_link = fs::symlink_metadata(from)?.file_type().is_symlink();
    let is_there = fs::symlink_metadata(to).is_ok();
    let is_same = is_there
        && if is_link {
            fs::read_link(from).ok() == fs::read_link(to).ok()
        } else if is_object && !to.to_string_lossy().contains("/info/") {
            fs::metadata(from)?.len() == fs::metadata(to)?.len()
        } else {
            fs::read(from)? == fs::read(to)?
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
    let beside = dir.join(format!("tmp_{name}"));
    let _ = fs::remove_file(&beside);
    if is_link {
        std::os::unix::fs::symlink(fs::read_link(from)?, &beside)?;
    } else if !is_object || fs::hard_link(from, &beside).is_err() {
        copy(from, &beside)?;
    }
    fs::rename(&beside, to)
}
