//! A sketch of a store, to recognise forks cheaply: the number of objects and the lowest of their ids. Ids
//! are digests, so the lowest ones are a uniform sample, and the same objects give the same sample. Pack
//! indexes are sorted, so only a little of each is read, and no object.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use crate::odb::{loose, pack};

/// How many ids are kept. With 64, two stores that share half of their objects are taken for strangers,
/// at a threshold of a quarter, about once in ten thousand times.
pub const LEN: usize = 64;

/// The lowest ids of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// The first eight bytes of each, ascending, each once; at most [`LEN`].
    pub lowest: Vec<u64>,
    /// The number of stored objects; an object in several packs counts for each.
    pub count: u64,
}

impl Sketch {
    /// Makes the sketch of the object directories `dirs`. Files that cannot be read are ignored.
    pub fn of(dirs: &[PathBuf], hash: HashKind) -> Self {
        let mut sketch = Self::default();
        for dir in dirs {
            sketch.add_loose(dir, hash);
            let packs = std::fs::read_dir(dir.join("pack")).into_iter().flatten();
            for path in packs.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|extension| extension == "idx") {
                    let first = pack::first_ids(&path, hash, LEN);
                    let Ok((count, ids)) = first else { continue };
                    sketch.count += u64::from(count);
                    sketch.lowest.extend(ids.iter().map(|id| start_of(id)));
                }
            }
        }
        sketch.lowest.sort_unstable();
        sketch.lowest.dedup();
        sketch.lowest.truncate(LEN);
        sketch
    }

    fn add_loose(&mut self, dir: &Path, hash: HashKind) {
        let enough = self.lowest.len() + LEN;
        for fan in loose::fans(dir).unwrap_or_default() {
            // Fans come in order, names in a fan do not: one that is begun is taken whole.
            let is_wanted = self.lowest.len() < enough;
            for entry in std::fs::read_dir(dir.join(&fan)).into_iter().flatten() {
                let Ok(entry) = entry else { continue };
                let name = entry.file_name();
                let hex = format!("{fan}{}", name.to_string_lossy());
                let id = ObjectId::from_hex(hex.as_bytes());
                if let Ok(id) = id
                    && id.kind() == hash
                {
                    self.count += 1;
                    self.lowest.extend(is_wanted.then(|| start_of(&id)));
                }
            }
        }
    }

    /// Whether every object of the store is in the sketch.
    fn is_whole(&self) -> bool {
        self.lowest.len() < LEN
    }

    /// How many of its ids are not above the highest of `other`: up to there, both are complete.
    pub fn within(&self, other: &Self) -> usize {
        match other.lowest.last() {
            Some(last) if !other.is_whole() => self.lowest.partition_point(|id| id <= last),
            _ => self.lowest.len(),
        }
    }
}

fn start_of(id: &gix::oid) -> u64 {
    let start = id.as_bytes().first_chunk::<8>();
    u64::from_be_bytes(*start.expect("an id has twenty bytes or more"))
}
