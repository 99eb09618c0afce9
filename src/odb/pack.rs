//! One pack: its entries in pack order, as the delta forest, 34 bytes an object.
//!
//! gix-pack reads the index and the entry headers; this file turns them into arrays. Every base
//! has its children in one slice, lightest subtree first, so that a depth-first walk holds few
//! buffers. Entries that cannot be read, and all that build on them, are listed as broken.
//! Formats: gitformat-pack(5).

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix_pack::data::entry::Header;

use super::inflate::Inflater;
use super::map::Map;
use super::reason::reason;
use super::{ObjectKind, ReadLimits, Skipped, hash, unindexed};
use crate::error::{Error, Result};
use crate::number::number_type;

number_type! {
    /// Position of an entry in pack order.
    PackEntry
}

/// No entry: the base of a root, or of an entry whose base stands outside the pack.
const NONE: PackEntry = PackEntry::NONE;

/// A pack and its index, opened and laid out as a forest.
pub struct Pack {
    /// The `.pack` file.
    pub path: PathBuf,
    /// Whether a `.promisor` file says that what it refers to may be missing.
    pub promisor: bool,
    data: Map,
    index: gix_pack::index::File<Map>,
    /// Ascending places in the file where an entry ends though no other that the index names
    /// begins: the index was made here and leaves out what could not be read.
    left_out: Vec<u64>,
    /// First byte of each entry, ascending.
    offsets: Vec<u64>,
    /// Position of each entry in the index.
    ranks: Vec<u32>,
    /// Inflated size of each entry's own stream: the object, or the delta.
    sizes: Vec<u64>,
    header_lens: Vec<u8>,
    kinds: Vec<ObjectKind>,
    bases: Vec<PackEntry>,
    /// `children[child_starts[e]..child_starts[e + 1]]` are the deltas made against `e`.
    child_starts: Vec<u32>,
    children: Vec<PackEntry>,
    /// Bytes a walk of each entry's subtree resolves, roughly.
    weights: Vec<u64>,
    /// Deltas whose base is an object of another pack or a loose one.
    outside_bases: HashMap<PackEntry, ObjectId>,
    broken: Vec<(PackEntry, String)>,
    problems: Vec<Error>,
}

/// Shows the ids that the index at `path` lists, in their order.
///
/// # Errors
/// `Io` if it cannot be read, `Corrupt` if it has no usable structure.
pub fn list_ids(path: &Path, hash: HashKind, see: &mut dyn FnMut(&gix::oid)) -> Result<()> {
    let index = open_index(path, hash)?;
    for rank in 0..index.num_objects() {
        see(index.oid_at_index(rank));
    }
    Ok(())
}

/// Returns how many objects the index at `path` lists, and the first `len` of their ids.
///
/// # Errors
/// As [`list_ids`].
pub fn first_ids(path: &Path, hash: HashKind, len: usize) -> Result<(u32, Vec<ObjectId>)> {
    let index = open_index(path, hash)?;
    let count = index.num_objects();
    let ids = (0..count)
        .take(len)
        .map(|rank| index.oid_at_index(rank).to_owned());
    Ok((count, ids.collect()))
}

fn open_index(path: &Path, hash: HashKind) -> Result<gix_pack::index::File<Map>> {
    let map = Map::open(path)?;
    gix_pack::index::File::from_data(map, path.to_owned(), hash)
        .map_err(|e| damaged(path, &reason(e)))
}

impl Pack {
    /// Opens the pack whose index is at `index_path`.
    ///
    /// # Errors
    /// `Io` if a file cannot be read, `Corrupt` if the index has no usable structure. Any other
    /// damage leaves readable entries: see [`Pack::problems`] and [`Pack::broken`].
    pub fn open(index_path: &Path, hash: HashKind) -> Result<Self> {
        let path = index_path.with_extension("pack");
        let map = Map::open(index_path)?;
        let mut problems = Vec::new();
        if let Err(why) = hash::check_trailer(&map, hash) {
            problems.push(damaged(index_path, &why));
        }
        let index = gix_pack::index::File::from_data(map, index_path.to_owned(), hash)
            .map_err(|e| damaged(index_path, &reason(e)))?;
        let data = Map::open(&path)?;
        if let Err(why) = check_header(&data, &index, hash) {
            problems.push(damaged(&path, &why));
        }
        Ok(Self::lay_out(path, data, index, Vec::new(), problems, hash))
    }

    /// Opens the pack at `path`, which has no index: one is made in memory. Also returns what could
    /// not be read of it.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `Corrupt` if it is no pack.
    pub fn open_unindexed(
        path: &Path,
        hash: HashKind,
        limits: ReadLimits,
    ) -> Result<(Self, Vec<Skipped>)> {
        let data = Map::open(path)?;
        let made = unindexed::make(&data, path, hash, limits).map_err(|why| damaged(path, &why))?;
        let map = Map::of(&made.index)?;
        let index = gix_pack::index::File::from_data(map, path.to_owned(), hash)
            .map_err(|e| damaged(path, &reason(e)))?;
        let pack = Self::lay_out(
            path.to_owned(),
            data,
            index,
            made.left_out,
            Vec::new(),
            hash,
        );
        Ok((pack, made.skipped))
    }

    fn lay_out(
        path: PathBuf,
        data: Map,
        index: gix_pack::index::File<Map>,
        left_out: Vec<u64>,
        problems: Vec<Error>,
        hash: HashKind,
    ) -> Self {
        let mut pack = Self {
            promisor: path.with_extension("promisor").exists(),
            path,
            data,
            index,
            left_out,
            offsets: Vec::new(),
            ranks: Vec::new(),
            sizes: Vec::new(),
            header_lens: Vec::new(),
            kinds: Vec::new(),
            bases: Vec::new(),
            child_starts: Vec::new(),
            children: Vec::new(),
            weights: Vec::new(),
            outside_bases: HashMap::new(),
            broken: Vec::new(),
            problems,
        };
        pack.order_entries();
        pack.read_headers(hash);
        pack.link_children();
        pack.settle_kinds();
        pack.weigh();
        pack
    }

    fn order_entries(&mut self) {
        let mut order: Vec<(u64, u32)> = (0..self.index.num_objects())
            .map(|rank| (self.index.pack_offset_at_index(rank), rank))
            .collect();
        order.sort_unstable();
        self.offsets = order.iter().map(|&(offset, _)| offset).collect();
        self.ranks = order.into_iter().map(|(_, rank)| rank).collect();
    }

    fn read_headers(&mut self, hash: HashKind) {
        let count = self.offsets.len();
        self.sizes = vec![0; count];
        self.header_lens = vec![0; count];
        self.kinds = vec![ObjectKind::Unknown; count];
        self.bases = vec![NONE; count];
        let entry_of_rank = self.entries_by_rank();
        for entry in self.entries() {
            if let Err(why) = self.read_header(entry, hash, &entry_of_rank) {
                self.broken.push((entry, why));
            }
        }
    }

    fn read_header(
        &mut self,
        entry: PackEntry,
        hash: HashKind,
        by_rank: &[PackEntry],
    ) -> Result<(), String> {
        let at = entry.index();
        let offset = self.offsets[at];
        let stored = self.stored(entry)?;
        let header = gix_pack::data::Entry::from_bytes(stored, offset, hash).map_err(reason)?;
        self.sizes[at] = header.decompressed_size;
        let header_len = header.data_offset - offset;
        self.header_lens[at] = u8::try_from(header_len).map_err(|_| "header is too long")?;
        match header.header {
            Header::Commit => self.kinds[at] = ObjectKind::Commit,
            Header::Tree => self.kinds[at] = ObjectKind::Tree,
            Header::Blob => self.kinds[at] = ObjectKind::Blob,
            Header::Tag => self.kinds[at] = ObjectKind::Tag,
            Header::OfsDelta { base_distance } => {
                let base = offset
                    .checked_sub(base_distance)
                    .and_then(|base| self.offsets.binary_search(&base).ok())
                    .filter(|&base| base != at)
                    .ok_or_else(|| {
                        format!("its delta base, {base_distance} bytes before it, is no entry")
                    })?;
                self.bases[at] = PackEntry::of_index(base);
            }
            Header::RefDelta { base_id } => match self.index.lookup(base_id) {
                Some(rank) => self.bases[at] = by_rank[rank as usize],
                None => {
                    self.outside_bases.insert(entry, base_id);
                }
            },
        }
        Ok(())
    }

    /// Turns the base of each entry into the children of each base (a counting sort).
    fn link_children(&mut self) {
        let count = self.offsets.len();
        let mut starts = vec![0u32; count + 1];
        for &base in self.bases.iter().filter(|&&base| base != NONE) {
            starts[base.index() + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut children = vec![NONE; starts[count] as usize];
        for (entry, &base) in self.entries().zip(&self.bases) {
            if base != NONE {
                children[next[base.index()] as usize] = entry;
                next[base.index()] += 1;
            }
        }
        self.child_starts = starts;
        self.children = children;
    }

    /// Hands each root's kind down to its deltas. What no readable root reaches is broken: a cycle,
    /// or a delta on a broken entry.
    fn settle_kinds(&mut self) {
        let mut reached = vec![false; self.offsets.len()];
        for (entry, _) in &self.broken {
            reached[entry.index()] = true;
        }
        let mut stack: Vec<PackEntry> = self
            .entries()
            .filter(|&e| self.kind(e) != ObjectKind::Unknown || self.outside_bases.contains_key(&e))
            .collect();
        while let Some(base) = stack.pop() {
            reached[base.index()] = true;
            for at in self.child_range(base) {
                let child = self.children[at];
                self.kinds[child.index()] = self.kinds[base.index()];
                stack.push(child);
            }
        }
        for entry in self.entries().filter(|&entry| !reached[entry.index()]) {
            self.broken.push((
                entry,
                "its delta bases cannot be read or form a cycle".into(),
            ));
        }
    }

    fn weigh(&mut self) {
        let mut weights: Vec<u64> = self.sizes.iter().map(|size| size + 64).collect();
        // Leaves first: an entry is added to its base once all of its own children were added to it.
        let mut pending: Vec<u32> = self
            .entries()
            .map(|e| self.child_starts[e.index() + 1] - self.child_starts[e.index()])
            .collect();
        let mut ready: Vec<PackEntry> = self
            .entries()
            .filter(|&e| pending[e.index()] == 0)
            .collect();
        while let Some(entry) = ready.pop() {
            let base = self.bases[entry.index()];
            if base == NONE {
                continue;
            }
            weights[base.index()] = weights[base.index()].saturating_add(weights[entry.index()]);
            pending[base.index()] -= 1;
            if pending[base.index()] == 0 {
                ready.push(base);
            }
        }
        for base in 0..self.offsets.len() {
            let range = self.child_starts[base] as usize..self.child_starts[base + 1] as usize;
            self.children[range].sort_unstable_by_key(|&child| (weights[child.index()], child));
        }
        self.weights = weights;
    }

    /// Number of entries.
    pub fn len(&self) -> u32 {
        // gix checked that the index holds 32-bit counts.
        self.index.num_objects()
    }

    /// Returns the entries in pack order.
    pub fn entries(&self) -> impl Iterator<Item = PackEntry> + use<> {
        PackEntry::first(self.offsets.len())
    }

    /// Returns whether the pack holds no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the pack file.
    pub fn stored_bytes(&self) -> u64 {
        self.data.len() as u64
    }

    /// What is wrong with the files as a whole: a checksum, a count, a truncated end.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Entries that cannot be read, with the reason, known before any was inflated.
    pub fn broken(&self) -> &[(PackEntry, String)] {
        &self.broken
    }

    /// The entry's kind; `Unknown` for a broken one and for what builds on an object outside.
    pub fn kind(&self, entry: PackEntry) -> ObjectKind {
        self.kinds[entry.index()]
    }

    /// First byte of the entry in the pack file.
    pub fn offset(&self, entry: PackEntry) -> u64 {
        self.offsets[entry.index()]
    }

    /// Bytes that the entry takes in the pack file.
    pub fn stored_len(&self, entry: PackEntry) -> u64 {
        self.stored(entry).map_or(0, |bytes| bytes.len() as u64)
    }

    /// The entry's object id, as the index claims it.
    pub fn id(&self, entry: PackEntry) -> ObjectId {
        self.index
            .oid_at_index(self.ranks[entry.index()])
            .to_owned()
    }

    /// The id at position `rank` of the index, which is sorted by id.
    pub fn id_at_rank(&self, rank: u32) -> &gix::oid {
        self.index.oid_at_index(rank)
    }

    /// For every position in the index, the entry in pack order.
    pub fn entries_by_rank(&self) -> Vec<PackEntry> {
        let mut entries = vec![NONE; self.ranks.len()];
        for (entry, &rank) in self.entries().zip(&self.ranks) {
            entries[rank as usize] = entry;
        }
        entries
    }

    /// The base of a delta inside this pack.
    pub fn base(&self, entry: PackEntry) -> Option<PackEntry> {
        Some(self.bases[entry.index()]).filter(|&base| base != NONE)
    }

    /// The base of a delta whose base is not in this pack.
    pub fn outside_base(&self, entry: PackEntry) -> Option<ObjectId> {
        self.outside_bases.get(&entry).copied()
    }

    /// Deltas whose base is not in this pack.
    pub fn on_outside(&self) -> impl Iterator<Item = PackEntry> + '_ {
        self.outside_bases.keys().copied()
    }

    /// The deltas made against `entry`, lightest subtree first.
    pub fn children(&self, entry: PackEntry) -> &[PackEntry] {
        &self.children[self.child_range(entry)]
    }

    fn child_range(&self, entry: PackEntry) -> std::ops::Range<usize> {
        let at = entry.index();
        self.child_starts[at] as usize..self.child_starts[at + 1] as usize
    }

    /// Roughly the bytes to inflate in the subtree of `entry`; compares subtrees.
    pub fn weight(&self, entry: PackEntry) -> u64 {
        self.weights[entry.index()]
    }

    /// The inflated size that the entry's header announces: of the object, or of the delta.
    pub fn announced_size(&self, entry: PackEntry) -> u64 {
        self.sizes[entry.index()]
    }

    /// Header and compressed data of the entry: up to the next entry.
    fn stored(&self, entry: PackEntry) -> Result<&[u8], String> {
        let at = entry.index();
        // A truncated file may end before its last entry does, or before its trailer.
        let trailer = self
            .data
            .len()
            .saturating_sub(self.index.object_hash().len_in_bytes());
        let start = usize::try_from(self.offsets[at]).map_err(|e| e.to_string())?;
        let end = match self.offsets.get(at + 1) {
            Some(&next) => usize::try_from(next).map_err(|e| e.to_string())?,
            None => trailer,
        };
        let cut = self
            .left_out
            .partition_point(|&place| place <= self.offsets[at]);
        let end = match self.left_out.get(cut) {
            Some(&place) => usize::try_from(place).map_err(|e| e.to_string())?.min(end),
            None => end,
        };
        if start < HEADER_LEN || end > trailer || start >= end {
            return Err(format!(
                "the index places it at {start}..{end}, outside the pack's entries"
            ));
        }
        Ok(&self.data[start..end])
    }

    /// The entry's compressed data.
    ///
    /// # Errors
    /// A message if its checksum is wrong or it has no place.
    fn checked(&self, entry: PackEntry) -> Result<&[u8], String> {
        let stored = self.stored(entry)?;
        if let Some(crc) = self.index.crc32_at_index(self.ranks[entry.index()])
            && crc != crc32fast::hash(stored)
        {
            return Err("its checksum differs from the index".into());
        }
        Ok(&stored[usize::from(self.header_lens[entry.index()])..])
    }

    /// Returns a reader of the entry's own stream.
    ///
    /// # Errors
    /// A message if its checksum is wrong, or if it cannot hold what it announces.
    pub fn reader(&self, entry: PackEntry) -> Result<impl Read + '_, String> {
        Inflater::reader(self.checked(entry)?, self.announced_size(entry))
    }

    /// Inflates the entry's own stream, the object or the delta, into `out`.
    ///
    /// # Errors
    /// A message if its checksum is wrong, or if the stream is damaged or does not fill its place.
    pub fn inflate(
        &self,
        entry: PackEntry,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let input = self.checked(entry)?;
        let used = inflater.inflate(input, self.announced_size(entry), out)?;
        if used != input.len() {
            let rest = input.len() - used;
            return Err(format!(
                "{rest} bytes follow it that the index does not name"
            ));
        }
        Ok(())
    }
}

/// Length of a pack's header: signature, version, object count.
const HEADER_LEN: usize = 12;

fn check_header(
    data: &[u8],
    index: &gix_pack::index::File<Map>,
    hash: HashKind,
) -> Result<(), String> {
    let header: &[u8; HEADER_LEN] = data
        .first_chunk()
        .filter(|_| data.len() >= HEADER_LEN + hash.len_in_bytes())
        .ok_or("file is too short for a pack")?;
    let (_, count) = gix_pack::data::header::decode(header).map_err(reason)?;
    if count != index.num_objects() {
        let named = index.num_objects();
        return Err(format!(
            "pack holds {count} objects, its index names {named}"
        ));
    }
    let trailer = &data[data.len() - hash.len_in_bytes()..];
    if trailer != index.pack_checksum().as_bytes() {
        return Err("its checksum is not the one its index was made for".into());
    }
    Ok(())
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::corrupt(format!("cannot read '{}': {why}", path.display()))
        .hint("run 'git fsck'; if it agrees, restore this file from another clone")
}
