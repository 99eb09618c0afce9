//! What a purge changes, with old and new values, written beside its snapshot before it happens: so that
//! each change can be taken back by itself, and only where it still stands.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::bstr::BString;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::odb::ObjectId;
use crate::purge::apply::holders;
use crate::purge::apply::moves::{Moves, RefChange, ReflogChange, Repoint};
use crate::purge::apply::remove::remove_file;
use crate::purge::apply::snapshot::Snapshot;
use crate::purge::journal;
use crate::purge::make::objects::Rewritten;

/// Refs and reflogs.
const REFS: &str = "refs.json";
/// Old and new ids of objects.
const MAP: &str = "map.json";

/// A file below the `.git` directory that a purge changes or removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileChange {
    /// Its path there.
    #[serde(with = "base64")]
    path: Vec<u8>,
    /// What it is to hold; `None` if it goes.
    bytes: Option<Base64>,
    /// What it held, if the snapshot has it otherwise: it was changed after that was taken.
    was: Option<Base64>,
}

impl FileChange {
    /// The file at `path`, which is below `common`.
    pub(crate) fn new(common: &Path, path: &Path, bytes: Option<Vec<u8>>) -> Self {
        let path = path.strip_prefix(common).unwrap_or(path);
        Self {
            path: path.as_os_str().as_bytes().to_vec(),
            bytes: bytes.map(Base64),
            was: None,
        }
    }

    /// Keeps what it holds, if `snapshot` does not.
    pub(crate) fn keep(&mut self, common: &Path, snapshot: &Snapshot) {
        let is = fs::read(common.join(self.path())).ok();
        if self.was.is_none() && is != snapshot.held(self.path()) {
            self.was = is.map(Base64);
        }
    }

    /// What it held.
    pub(crate) fn was(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        let was = self.was.as_ref().map(|bytes| bytes.0.clone());
        was.or_else(|| snapshot.held(self.path()))
    }

    /// Its path below the `.git` directory.
    pub(crate) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// What it is to hold.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_ref().map(|bytes| &bytes.0[..])
    }
}

/// Bytes, written as base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Base64(#[serde(with = "base64")] Vec<u8>);

/// Writes bytes as base64: names need not be UTF-8.
pub(crate) mod base64 {
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&BASE64.encode(bytes))
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(from)?;
        BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
struct StoredUpdate {
    #[serde(with = "base64")]
    name: Vec<u8>,
    new_name: Option<Base64>,
    old: String,
    new: String,
}

#[derive(Serialize, Deserialize)]
struct StoredRepoint {
    #[serde(with = "base64")]
    name: Vec<u8>,
    #[serde(with = "base64")]
    old: Vec<u8>,
    #[serde(with = "base64")]
    target: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct StoredLog {
    #[serde(with = "base64")]
    path: Vec<u8>,
    #[serde(with = "base64")]
    new_path: Vec<u8>,
    #[serde(with = "base64")]
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct RecordedRefs {
    updates: Vec<StoredUpdate>,
    repoints: Vec<StoredRepoint>,
    logs: Vec<StoredLog>,
}

/// Files that are changed when refs move.
pub(crate) const PASSING: &str = "passing.json";
/// Files that are changed when the old objects go.
pub(crate) const CLEARED: &str = "cleared.json";
/// What an earlier purge left for others.
pub(crate) const PUBLISHED: &str = "published.json";

/// Writes down what becomes of files, and changes them. What an attempt before wrote down stays.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn change_files(
    common: &Path,
    snapshot: &Snapshot,
    name: &str,
    mut changes: Vec<FileChange>,
) -> Result<()> {
    for change in &mut changes {
        change.keep(common, snapshot);
    }
    let mut all = snapshot.read::<Vec<FileChange>>(name)?.unwrap_or_default();
    for change in &changes {
        match all.iter_mut().find(|known| known.path == change.path) {
            Some(known) => known.bytes.clone_from(&change.bytes),
            None => all.push(change.clone()),
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    snapshot.write(name, &all)?;
    for change in &changes {
        let path = common.join(change.path());
        match change.bytes() {
            None => remove_file(&path)?,
            Some(bytes) => rewrite(common, &path, bytes)?,
        }
    }
    Ok(())
}

/// Gives a file other contents, and the permissions that it had; under its lock, if git changes it under
/// one.
pub(crate) fn rewrite(common: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    if holders::is_locked(path) {
        return holders::replace(common, path, bytes);
    }
    let permissions = fs::metadata(path).map(|meta| meta.permissions());
    journal::write_inside(common, path, bytes)?;
    if let Ok(permissions) = permissions {
        fs::set_permissions(path, permissions).map_err(|e| Error::io("write", path, e))?;
    }
    Ok(())
}

/// Changes of refs and reflogs.
#[derive(Debug, Default)]
pub(crate) struct RefChanges {
    pub(crate) updates: Vec<RefChange>,
    pub(crate) repoints: Vec<Repoint>,
    pub(crate) logs: Vec<ReflogChange>,
}

fn id(hex: &str) -> Result<ObjectId> {
    ObjectId::from_hex(hex.as_bytes())
        .map_err(|_| Error::corrupt("the undo snapshot names an object that is none"))
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Writes down what becomes of refs and reflogs, and of objects.
pub(crate) fn write(
    snapshot: &Snapshot,
    moves: &Moves,
    logs: &[ReflogChange],
    rewritten: &Rewritten,
) -> Result<()> {
    let updates = moves.updates.iter().map(|update| StoredUpdate {
        name: update.name.to_vec(),
        new_name: update.new_name.as_ref().map(|name| Base64(name.to_vec())),
        old: update.old.to_string(),
        new: update.new.to_string(),
    });
    let repoints = moves.repoints.iter().map(|repoint| StoredRepoint {
        name: repoint.name.to_vec(),
        old: repoint.old.to_vec(),
        target: repoint.target.to_vec(),
    });
    let logs = logs.iter().filter(|log| log.is_changed);
    let logs = logs.map(|log| StoredLog {
        path: log.path.as_os_str().as_bytes().to_vec(),
        new_path: log.new_path.as_os_str().as_bytes().to_vec(),
        bytes: log.bytes.clone(),
    });
    let refs = RecordedRefs {
        updates: updates.collect(),
        repoints: repoints.collect(),
        logs: logs.collect(),
    };
    snapshot.write(REFS, &refs)?;
    let made = rewritten.made.iter();
    let pairs = made.map(|made| (made.old.to_string(), made.new.to_string()));
    snapshot.write(MAP, &pairs.collect::<Vec<_>>())
}

/// Reads what became of refs and reflogs; `None` if it had not come to that.
pub(crate) fn read_refs(snapshot: &Snapshot) -> Result<Option<RefChanges>> {
    let Some(stored) = snapshot.read::<RecordedRefs>(REFS)? else {
        return Ok(None);
    };
    let updates = stored.updates.into_iter().map(|update| {
        Ok(RefChange {
            name: BString::from(update.name),
            new_name: update.new_name.map(|name| BString::from(name.0)),
            old: id(&update.old)?,
            new: id(&update.new)?,
        })
    });
    let repoints = stored.repoints.into_iter().map(|repoint| Repoint {
        name: repoint.name.into(),
        old: repoint.old.into(),
        target: repoint.target.into(),
    });
    let logs = stored.logs.into_iter().map(|log| ReflogChange {
        path: path(&log.path),
        new_path: path(&log.new_path),
        bytes: log.bytes,
        is_changed: true,
    });
    Ok(Some(RefChanges {
        updates: updates.collect::<Result<_>>()?,
        repoints: repoints.collect(),
        logs: logs.collect(),
    }))
}

/// What the objects that a purge made were before.
#[derive(Debug, Default)]
pub(crate) struct PreviousObjects {
    /// Of each new object one old one, and whether there are no others.
    old: HashMap<ObjectId, (ObjectId, bool)>,
}

impl PreviousObjects {
    /// Reads it.
    pub(crate) fn read(snapshot: &Snapshot, refs: &RefChanges) -> Result<Self> {
        let mut before = Self::default();
        let stored = snapshot.read::<Vec<(String, String)>>(MAP)?;
        for (old, new) in stored.unwrap_or_default() {
            before.add(id(&new)?, id(&old)?);
        }
        // Of twins, that counts which a ref named. Commits that went make nothing of their parents.
        for update in &refs.updates {
            if let Some(known) = before.old.get_mut(&update.new) {
                known.0 = update.old;
            }
        }
        Ok(before)
    }

    fn add(&mut self, new: ObjectId, old: ObjectId) {
        let known = self.old.entry(new).or_insert((old, true));
        known.1 &= known.0 == old;
    }

    /// What `id` was, if the purge made it.
    pub(crate) fn of(&self, id: &gix::oid) -> Option<ObjectId> {
        self.old.get(id).map(|&(old, _)| old)
    }

    /// The same, if nothing else became `id`.
    pub(crate) fn only(&self, id: &gix::oid) -> Option<ObjectId> {
        self.old
            .get(id)
            .filter(|(_, is_only)| *is_only)
            .map(|&(old, _)| old)
    }
}
