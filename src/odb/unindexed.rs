//! Makes the index of a pack that has none: one that came in a bundle, or whose index was lost.
//!
//! The entries are walked from the first to the last, since only inflating one tells where the next
//! begins; then every delta is resolved to learn the id of its object. What cannot be resolved, such
//! as a delta on an object that only the receiver of a bundle has, is left out of the index and
//! listed. Formats: gitformat-pack(5).

use std::path::Path;
use std::sync::Arc;

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix_pack::data::entry::Header;
use rustc_hash::FxHashMap;

use super::budget::{Budget, Meter, PRICE_OF_HASHED, SPENT};
use super::inflate::Inflater;
use super::reason::reason;
use super::{ObjectKind, ReadLimits, SkipReason, Skipped, delta, file, hash};

/// An index made up, and what is not in it.
pub(super) struct RebuiltIndex {
    /// The bytes of an index file, version 2.
    pub(super) index: Vec<u8>,
    /// Where entries begin that the index does not name, and where the last one ends.
    pub(super) left_out: Vec<u64>,
    /// Entries that could not be read.
    pub(super) skipped: Vec<Skipped>,
}

/// Length of a pack's header: signature, version, object count.
const HEADER_LEN: usize = 12;

/// Makes the index of `pack`, which is the file `path`. Objects beyond `limits` are left out.
///
/// # Errors
/// A message if it is no pack.
pub(super) fn make(
    pack: &[u8],
    path: &Path,
    hash: HashKind,
    limits: ReadLimits,
) -> Result<RebuiltIndex, String> {
    let header: &[u8; HEADER_LEN] = pack
        .first_chunk()
        .filter(|_| pack.len() >= HEADER_LEN + hash.len_in_bytes())
        .ok_or("file is too short for a pack")?;
    let (_, count) = gix_pack::data::header::decode(header).map_err(reason)?;
    let budget = limits.budget.for_bytes(pack.len() as u64);
    let mut maker = IndexBuilder {
        pack: &pack[..pack.len() - hash.len_in_bytes()],
        path,
        hash,
        max_bytes: limits.max_object_bytes,
        budget,
        // The entries that it finds are walked once more.
        meter: Meter::new(budget.work() / 2),
        inflater: Inflater::default(),
        offsets: Vec::new(),
        entries: Vec::new(),
        on_entry: FxHashMap::default(),
        on_id: FxHashMap::default(),
        weights: Vec::new(),
        held: 0,
        skipped: Vec::new(),
    };
    if let Err(why) = hash::check_trailer(pack, hash) {
        maker.skip(SkipReason::Corrupt, &why);
    }
    let end = maker.list(count);
    maker.link();
    maker.resolve();
    let mut left_out = maker.list_unresolved();
    left_out.push(end);
    let skipped = std::mem::take(&mut maker.skipped);
    let index = maker.index(&pack[pack.len() - hash.len_in_bytes()..]);
    Ok(RebuiltIndex {
        index,
        left_out,
        skipped,
    })
}

enum BaseReference {
    /// It is an object itself.
    None(ObjectKind),
    Offset(u64),
    Id(ObjectId),
}

struct UnindexedEntry {
    /// Where its zlib stream begins.
    start: usize,
    size: u64,
    crc: u32,
    base: BaseReference,
    outcome: EntryOutcome,
}

#[derive(Clone, Copy)]
enum EntryOutcome {
    Unresolved,
    Object(ObjectId),
    Failed(SkipReason),
}

/// A delta to resolve, and the bytes of its base.
struct Waiting {
    entry: u32,
    base: Arc<Vec<u8>>,
    kind: ObjectKind,
}

struct IndexBuilder<'p> {
    /// Without the checksum at the end.
    pack: &'p [u8],
    path: &'p Path,
    hash: HashKind,
    max_bytes: u64,
    budget: Budget,
    meter: Meter,
    inflater: Inflater,
    /// First byte of each entry, ascending.
    offsets: Vec<u64>,
    entries: Vec<UnindexedEntry>,
    /// The deltas on each entry, and on each object named by id.
    on_entry: FxHashMap<u32, Vec<u32>>,
    on_id: FxHashMap<ObjectId, Vec<u32>>,
    /// Entries in the subtree of each.
    weights: Vec<u32>,
    held: u64,
    skipped: Vec<Skipped>,
}

impl IndexBuilder<'_> {
    fn skip(&mut self, reason: SkipReason, why: &str) {
        self.skipped.push(file::skipped(reason, self.path, why));
    }

    fn skip_entry(&mut self, at: usize, reason: SkipReason, why: &str) {
        self.entries[at].outcome = EntryOutcome::Failed(reason);
        let offset = self.offsets[at];
        self.skip(reason, &format!("entry at offset {offset}: {why}"));
    }

    /// Finds all entries; returns where the last one ends.
    fn list(&mut self, count: u32) -> u64 {
        let mut at = HEADER_LEN;
        for number in 0..count {
            match self.list_one(at) {
                Ok(next) => at = next,
                Err(why) => {
                    let left = count - number;
                    let why = format!(
                        "entry at offset {at}: {why}; it and what follows, {left} of {count} entries, are lost"
                    );
                    self.skip(SkipReason::Corrupt, &why);
                    return at as u64;
                }
            }
        }
        if at < self.pack.len() {
            let rest = self.pack.len() - at;
            let why = format!("{rest} bytes follow its last entry");
            self.skip(SkipReason::Corrupt, &why);
        }
        at as u64
    }

    /// Reads the entry at `at`; returns where it ends.
    fn list_one(&mut self, at: usize) -> Result<usize, String> {
        let offset = at as u64;
        let stored = self.pack.get(at..).filter(|stored| !stored.is_empty());
        let stored = stored.ok_or("it is not there")?;
        let header =
            gix_pack::data::Entry::from_bytes(stored, offset, self.hash).map_err(reason)?;
        let head_len = usize::try_from(header.data_offset - offset).map_err(|e| e.to_string())?;
        let stream = stored.get(head_len..).ok_or("it is cut short")?;
        let (used, size) = Inflater::measure_both(stream)?;
        let kind = ObjectKind::from_gix;
        let base = match header.header {
            Header::Commit => BaseReference::None(kind(gix::objs::Kind::Commit)),
            Header::Tree => BaseReference::None(kind(gix::objs::Kind::Tree)),
            Header::Blob => BaseReference::None(kind(gix::objs::Kind::Blob)),
            Header::Tag => BaseReference::None(kind(gix::objs::Kind::Tag)),
            Header::OfsDelta { base_distance } => {
                BaseReference::Offset(offset.saturating_sub(base_distance))
            }
            Header::RefDelta { base_id } => BaseReference::Id(base_id),
        };
        let end = head_len + used;
        self.offsets.push(offset);
        self.entries.push(UnindexedEntry {
            start: at + head_len,
            size,
            crc: crc32fast::hash(&stored[..end]),
            base,
            outcome: EntryOutcome::Unresolved,
        });
        let announced = header.decompressed_size;
        if size != announced {
            let why = format!("it announces {announced} bytes and holds {size}");
            self.skip_entry(self.entries.len() - 1, SkipReason::Corrupt, &why);
        } else if size > self.max_bytes {
            let why = format!("its {size} bytes are over the size limit");
            self.skip_entry(self.entries.len() - 1, SkipReason::TooLarge, &why);
        }
        Ok(at + end)
    }

    /// Hands every delta to its base.
    fn link(&mut self) {
        self.weights = vec![1; self.entries.len()];
        // A base named by offset stands before its deltas: backwards, a subtree is complete when it
        // is added to its base.
        for at in (0..self.entries.len()).rev() {
            let number = u32::try_from(at).expect("counted by 32 bits");
            match self.entries[at].base {
                BaseReference::None(_) => {}
                BaseReference::Offset(offset) => match self.offsets[..at].binary_search(&offset) {
                    Ok(base) => {
                        self.weights[base] += self.weights[at];
                        let base = u32::try_from(base).expect("counted by 32 bits");
                        self.on_entry.entry(base).or_default().push(number);
                    }
                    Err(_) => {
                        self.skip_entry(at, SkipReason::Corrupt, "its delta base is no entry");
                    }
                },
                BaseReference::Id(id) => self.on_id.entry(id).or_default().push(number),
            }
        }
        let weights = &self.weights;
        for deltas in self.on_entry.values_mut() {
            deltas.sort_unstable_by_key(|&entry| (weights[entry as usize], entry));
        }
    }

    fn resolve(&mut self) {
        let mut waiting = Vec::new();
        for at in 0..self.entries.len() {
            let BaseReference::None(kind) = self.entries[at].base else {
                continue;
            };
            if matches!(self.entries[at].outcome, EntryOutcome::Failed(_)) {
                continue;
            }
            let mut bytes = Vec::new();
            let size = self.entries[at].size;
            match self.afford(size).and_then(|()| {
                let read = self.inflate(at, &mut bytes);
                read.map_err(|why| (SkipReason::Corrupt, why))
            }) {
                Ok(()) => self.settle(at, kind, bytes, &mut waiting),
                Err((reason, why)) => self.skip_entry(at, reason, &why),
            }
            self.resolve_waiting(&mut waiting);
        }
    }

    fn resolve_waiting(&mut self, waiting: &mut Vec<Waiting>) {
        let (mut bytes, mut runs) = (Vec::new(), Vec::new());
        while let Some(Waiting { entry, base, kind }) = waiting.pop() {
            let at = entry as usize;
            let mut out = Vec::new();
            let applied = match self.entries[at].outcome {
                EntryOutcome::Failed(_) => None,
                _ => Some(self.afford(self.entries[at].size).and_then(|()| {
                    let corrupt = |why| (SkipReason::Corrupt, why);
                    self.inflate(at, &mut bytes).map_err(corrupt)?;
                    let (sizes, _) = delta::sizes(&bytes).map_err(corrupt)?;
                    self.afford(sizes.result)?;
                    let most = self.max_bytes;
                    delta::apply(&bytes, &base, most, &mut out, &mut runs).map_err(corrupt)
                })),
            };
            if Arc::strong_count(&base) == 1 {
                self.held -= base.len() as u64;
            }
            drop(base);
            match applied {
                None => {}
                Some(Ok(())) => self.settle(at, kind, out, waiting),
                Some(Err((reason, why))) => self.skip_entry(at, reason, &why),
            }
        }
    }

    /// Whether `size` bytes more can be held, and hashed.
    fn afford(&self, size: u64) -> Result<(), (SkipReason, String)> {
        let held = self.held.saturating_add(size);
        if held > self.budget.held() {
            let why = format!("it takes {held} bytes with its delta bases: {SPENT}");
            return Err((SkipReason::TooLarge, why));
        }
        match self.meter.take(size.saturating_mul(PRICE_OF_HASHED)) {
            true => Ok(()),
            false => Err((SkipReason::TooLarge, SPENT.to_owned())),
        }
    }

    fn inflate(&mut self, at: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let entry = &self.entries[at];
        let (stream, size) = (&self.pack[entry.start..], entry.size);
        self.inflater.inflate(stream, size, out).map(|_| ())
    }

    /// Notes which object an entry is, and lets the deltas on it wait for their turn.
    fn settle(&mut self, at: usize, kind: ObjectKind, bytes: Vec<u8>, waiting: &mut Vec<Waiting>) {
        let id = match hash::object_id(self.hash, kind, &bytes) {
            Ok(id) => id,
            Err(why) => return self.skip_entry(at, SkipReason::Corrupt, &why),
        };
        self.entries[at].outcome = EntryOutcome::Object(id);
        let number = u32::try_from(at).expect("counted by 32 bits");
        let mut deltas = self.on_id.remove(&id).unwrap_or_default();
        deltas.extend(self.on_entry.remove(&number).unwrap_or_default());
        if deltas.is_empty() {
            return;
        }
        self.held += bytes.len() as u64;
        let base = Arc::new(bytes);
        // The last one in is the first one out: the lightest.
        for entry in deltas.into_iter().rev() {
            let base = Arc::clone(&base);
            waiting.push(Waiting { entry, base, kind });
        }
    }

    /// Reports what was not resolved; returns where all entries without an object begin.
    fn list_unresolved(&mut self) -> Vec<u64> {
        let mut left_out = Vec::new();
        for at in 0..self.entries.len() {
            match self.entries[at].outcome {
                EntryOutcome::Object(_) => continue,
                EntryOutcome::Failed(_) => {}
                EntryOutcome::Unresolved => {
                    let (reason, why) = self.why_unresolved(at);
                    self.skip_entry(at, reason, &why);
                }
            }
            left_out.push(self.offsets[at]);
        }
        left_out
    }

    fn why_unresolved(&self, at: usize) -> (SkipReason, String) {
        match self.entries[at].base {
            BaseReference::Id(id) => (
                SkipReason::Missing,
                format!("its delta base {id} is not here"),
            ),
            BaseReference::Offset(offset) => {
                let base = self.offsets.binary_search(&offset);
                let outcome = base.map(|base| self.entries[base].outcome);
                let reason = match outcome {
                    Ok(EntryOutcome::Failed(reason)) => reason,
                    _ => SkipReason::Corrupt,
                };
                let why = format!("its delta base at offset {offset} cannot be read");
                (reason, why)
            }
            BaseReference::None(_) => (SkipReason::Corrupt, "it cannot be read".into()),
        }
    }

    /// Writes the index of all that was resolved.
    fn index(&self, pack_checksum: &[u8]) -> Vec<u8> {
        let mut found: Vec<(ObjectId, u64, u32)> = Vec::new();
        for (entry, &offset) in self.entries.iter().zip(&self.offsets) {
            if let EntryOutcome::Object(id) = entry.outcome {
                found.push((id, offset, entry.crc));
            }
        }
        found.sort_unstable();
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=u8::MAX {
            let upto = found.partition_point(|(id, ..)| id.as_bytes()[0] <= first);
            let upto = u32::try_from(upto).expect("counted by 32 bits");
            index.extend_from_slice(&upto.to_be_bytes());
        }
        for (id, ..) in &found {
            index.extend_from_slice(id.as_bytes());
        }
        for (.., crc) in &found {
            index.extend_from_slice(&crc.to_be_bytes());
        }
        // Offsets beyond 31 bits stand in a table of their own.
        let mut large = Vec::new();
        for &(_, offset, _) in &found {
            let short = u32::try_from(offset)
                .ok()
                .filter(|short| short & HIGH_BIT == 0);
            let short = short.unwrap_or_else(|| {
                let row = u32::try_from(large.len() / 8).expect("counted by 32 bits");
                large.extend_from_slice(&offset.to_be_bytes());
                HIGH_BIT | row
            });
            index.extend_from_slice(&short.to_be_bytes());
        }
        index.extend_from_slice(&large);
        index.extend_from_slice(pack_checksum);
        let checksum = hash::digest(&index, self.hash);
        index.extend_from_slice(&checksum);
        index
    }
}

/// Marks an offset that is a row of the table of large ones.
const HIGH_BIT: u32 = 1 << 31;
