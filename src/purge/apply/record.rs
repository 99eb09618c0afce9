//! Which objects a purge replaced, stored beside the repository.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fault::json_fault;
use crate::odb::ObjectId;
use crate::purge::journal;
use crate::purge::make::blobs::Looked;

/// Old and new ids of commits, as other rewriters write them.
pub(crate) const COMMIT_MAP: &str = "commit-map";

/// Old and new ids of refs, likewise.
pub(crate) const REF_MAP: &str = "ref-map";

/// What every clone needs to do the same.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Every object that was replaced or removed.
pub(crate) const RECORD: &str = "objects.json";

/// What a purge replaced and removed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    pub(crate) replaced: Vec<(String, String)>,
    pub(crate) removed_ids: Vec<String>,
    /// The new objects with their marks.
    #[serde(default)]
    pub looked: Vec<Looked>,
    /// Fingerprints of values that were left out because only a part of each could be read.
    #[serde(default)]
    pub partial: Vec<String>,
    /// How many values were left out for other reasons: words, numbers, expressions.
    #[serde(default)]
    pub left_out: usize,
    /// The same as `removed_ids`, read.
    #[serde(skip)]
    pub removed: Vec<ObjectId>,
}

impl Record {
    /// Ids that are no more.
    pub fn old(&self) -> Vec<ObjectId> {
        self.replaced
            .iter()
            .filter_map(|(old, _)| ObjectId::from_hex(old.as_bytes()).ok())
            .collect()
    }

    /// Leaves out what is no more: the old objects are still there.
    pub fn forget_old(&mut self) {
        self.replaced.clear();
    }

    /// Ids that took their places.
    pub fn made(&self) -> Vec<ObjectId> {
        self.replaced
            .iter()
            .filter_map(|(_, new)| ObjectId::from_hex(new.as_bytes()).ok())
            .collect()
    }
}

/// Writes a file; the snapshot of this purge keeps the one of an earlier purge.
pub(crate) fn write_file(common: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    journal::write_durably(&journal::dir(common).join(name), bytes)
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|e| Error::internal("cannot be written as JSON").because(e))
}

/// Reads what a purge of this repository replaced.
///
/// # Errors
/// `Io` or `Corrupt` if it cannot be read.
pub fn read(common: &Path) -> Result<Record> {
    let path = journal::dir(common).join(RECORD);
    let text = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let mut record: Record = serde_json::from_slice(&text).map_err(|e| {
        let (path, why) = (path.display(), json_fault(&e));
        Error::corrupt(format!("'{path}' cannot be read: {why}"))
    })?;
    record.removed = record
        .removed_ids
        .iter()
        .filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok())
        .collect();
    Ok(record)
}

/// Where the manifest of the last purge stands.
pub fn manifest_path(common: &Path) -> PathBuf {
    journal::dir(common).join(MANIFEST)
}

/// The refs that the last purge moved: old and new id, name; in the order of the names.
///
/// # Errors
/// `Repository` if there was none.
pub fn ref_map(common: &Path) -> Result<Vec<(ObjectId, ObjectId, String)>> {
    let path = journal::dir(common).join(REF_MAP);
    let text = fs::read_to_string(&path)
        .map_err(|e| Error::io("read", &path, e).hint("'unleak purge --apply' writes it"))?;
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut id = || ObjectId::from_hex(words.next()?.as_bytes()).ok();
        let (old, new) = (id()?, id()?);
        Some((old, new, words.next()?.to_owned()))
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// All files about a purge.
pub(crate) fn paths(common: &Path) -> Vec<PathBuf> {
    let names = [COMMIT_MAP, REF_MAP, MANIFEST, RECORD].iter();
    names.map(|name| journal::dir(common).join(name)).collect()
}

/// Removes all files about a purge: it was taken back.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn remove(common: &Path) -> Result<()> {
    for path in paths(common) {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, e));
            }
            _ => {}
        }
    }
    Ok(())
}
