//! Opens packs, loose objects and alternates as one numbered store.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use rustc_hash::FxHashSet;

use super::kinds::{Node, ObjectKind, ReadLimits, SkipReason, Skipped};
use super::loose::LooseObject;
use super::pack::Pack;
use super::{file, loose, pack};
use crate::error::{Error, Result};

/// All objects of one repository.
pub struct ObjectStore {
    hash: HashKind,
    limits: ReadLimits,
    dirs: Vec<PathBuf>,
    packs: Vec<Pack>,
    /// The node number of each pack's first entry.
    pack_starts: Vec<Node>,
    loose: Vec<LooseObject>,
    /// The first eight bytes of every distinct id, ascending, and beside it the node.
    prefixes: Vec<u64>,
    /// For the highest bits of a prefix, the first position that has them or higher ones.
    buckets: Vec<u32>,
    /// The bits of a prefix that its bucket does not have.
    bucket_shift: u32,
    nodes: Vec<Node>,
    /// Whether all objects stand in one pack: then its index has the order of `prefixes`, and an id
    /// is compared at the cost of one look into memory instead of three.
    in_index_order: bool,
    pub(super) duplicates: FxHashSet<Node>,
    skipped: Vec<Skipped>,
}

/// Alternates may name alternates; git follows five levels.
const MAX_ALTERNATE_DEPTH: usize = 5;

impl ObjectStore {
    /// Opens the object directory `objects` with all its alternates, and `extra` directories.
    ///
    /// # Errors
    /// `Repository` if `objects` is no directory, or the store holds more than four billion
    /// objects. Damaged packs and unreachable alternates are no errors: see [`Self::skipped`].
    pub fn open(
        objects: &Path,
        extra: &[PathBuf],
        hash: HashKind,
        limits: ReadLimits,
    ) -> Result<Self> {
        if !objects.is_dir() {
            return Err(Error::repository(format!(
                "'{}' is not an object directory",
                objects.display()
            )));
        }
        let mut store = Self::empty(hash, limits);
        store.add_dir(objects, 0);
        for dir in extra {
            store.add_dir(dir, 0);
        }
        store.open_packs();
        store.list_loose();
        store.number()?;
        Ok(store)
    }

    /// Opens only the packs whose indexes are `indexes`, and the loose objects `loose` of the
    /// directories `dirs`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_part(
        dirs: Vec<PathBuf>,
        indexes: &[PathBuf],
        loose: Vec<LooseObject>,
        hash: HashKind,
        limits: ReadLimits,
    ) -> Result<Self> {
        let mut store = Self::empty(hash, limits);
        store.dirs = dirs;
        for index in indexes {
            match Pack::open(index, hash) {
                Ok(pack) => store.packs.push(pack),
                Err(e) => store.skip_file(index, SkipReason::of(&e), &e.chain()),
            }
        }
        store.loose = loose;
        store.number()?;
        Ok(store)
    }

    fn empty(hash: HashKind, limits: ReadLimits) -> Self {
        Self {
            hash,
            limits,
            dirs: Vec::new(),
            packs: Vec::new(),
            pack_starts: Vec::new(),
            loose: Vec::new(),
            prefixes: Vec::new(),
            buckets: Vec::new(),
            bucket_shift: u64::BITS,
            nodes: Vec::new(),
            in_index_order: false,
            duplicates: FxHashSet::default(),
            skipped: Vec::new(),
        }
    }

    fn add_dir(&mut self, dir: &Path, depth: usize) {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        if self.dirs.contains(&dir) {
            return;
        }
        let alternates = dir.join("info/alternates");
        self.dirs.push(dir.clone());
        let text = match file::read(&alternates) {
            Ok(text) => text,
            Err(unread) => return self.skipped.extend(unread.skipped(&alternates)),
        };
        for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let Ok(other) = gix::path::from_bstr(gix::bstr::BStr::new(line)) else {
                self.skip_file(&alternates, SkipReason::Corrupt, "it names no usable path");
                continue;
            };
            let other = dir.join(other);
            if depth >= MAX_ALTERNATE_DEPTH {
                self.skip_file(
                    &alternates,
                    SkipReason::Unsupported,
                    "alternates are nested too deep",
                );
            } else if other.is_dir() {
                self.add_dir(&other, depth + 1);
            } else {
                // The file may be a link to anything, so its content is not quoted.
                let why = format!("the directory that line {number} names is not there");
                self.skip_file(&alternates, SkipReason::Missing, &why);
            }
        }
    }

    fn open_packs(&mut self) {
        for dir in self.dirs.clone() {
            let dir = dir.join("pack");
            let (entries, unread) = file::list_what_can_be(&dir);
            self.skipped
                .extend(unread.and_then(|unread| unread.skipped(&dir)));
            let mut names: Vec<PathBuf> = entries
                .iter()
                .map(std::fs::DirEntry::path)
                .filter(|path| {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    name.starts_with("pack-") && (name.ends_with(".idx") || name.ends_with(".pack"))
                })
                .collect();
            names.sort_unstable();
            for path in &names {
                let is_index = path.extension().is_some_and(|ext| ext == "idx");
                if is_index {
                    match Pack::open(path, self.hash) {
                        Ok(pack) => self.packs.push(pack),
                        Err(e) => {
                            self.skip_file(path, SkipReason::of(&e), &e.chain());
                            let pack = path.with_extension("pack");
                            if names.binary_search(&pack).is_ok() {
                                self.open_unindexed(&pack);
                            }
                        }
                    }
                } else if names.binary_search(&path.with_extension("idx")).is_err() {
                    self.open_unindexed(path);
                }
            }
        }
    }

    /// git does not see such a pack until 'git index-pack' is run on it; what it holds is here
    /// all the same.
    fn open_unindexed(&mut self, path: &Path) {
        match Pack::open_unindexed(path, self.hash, self.limits) {
            Ok((pack, skipped)) => {
                self.packs.push(pack);
                self.skipped.extend(skipped);
            }
            Err(e) => self.skip_file(path, SkipReason::of(&e), &e.chain()),
        }
    }

    fn list_loose(&mut self) {
        for (at, dir) in self.dirs.clone().iter().enumerate() {
            match loose::list(dir, at, self.hash) {
                Ok(objects) => self.loose.extend(objects),
                Err(e) => self.skip_file(dir, SkipReason::Unreadable, &e.chain()),
            }
        }
    }

    fn skip_file(&mut self, path: &Path, reason: SkipReason, why: &str) {
        let path = path.display().to_string();
        let detail = if why.contains(&path) {
            why.to_owned()
        } else {
            format!("'{path}': {why}")
        };
        self.skipped.push(Skipped {
            reason,
            kind: ObjectKind::Unknown,
            object_id: None,
            detail,
        });
    }

    /// Numbers all objects, sorts them by id, and sets aside what is stored more than once.
    fn number(&mut self) -> Result<()> {
        let mut start: u64 = 0;
        for pack in &self.packs {
            self.pack_starts.push(Node::new(fitting(start)?));
            start += u64::from(pack.len());
        }
        let total = fitting(start + self.loose.len() as u64)?;
        let mut order: Vec<(u64, Node)> = Vec::with_capacity(total as usize);
        for (number, pack) in self.packs.iter().enumerate() {
            for (rank, entry) in (0u32..).zip(pack.entries_by_rank()) {
                order.push((prefix(pack.id_at_rank(rank)), self.node_in(number, entry)));
            }
            for error in pack.problems() {
                self.skipped.push(Skipped {
                    reason: SkipReason::of(error),
                    kind: ObjectKind::Unknown,
                    object_id: None,
                    detail: error.chain(),
                });
            }
        }
        let loose = Node::range(fitting(start)? as usize..total as usize);
        for (node, object) in loose.zip(&self.loose) {
            order.push((prefix(&object.id), node));
        }
        // One pack comes sorted from its index; damaged or several ones do not.
        let is_sorted = order.is_sorted_by_key(|&(key, _)| key);
        if !is_sorted {
            order.sort_unstable();
        }
        let mut kept: Vec<(u64, Node)> = Vec::with_capacity(order.len());
        for (key, node) in order {
            let same = kept.iter().rev().take_while(|&&(other, _)| other == key);
            if same
                .into_iter()
                .any(|&(_, other)| self.id(other) == self.id(node))
            {
                self.duplicates.insert(node);
            } else {
                kept.push((key, node));
            }
        }
        (self.prefixes, self.nodes) = kept.into_iter().unzip();
        self.fill_buckets();
        self.in_index_order = is_sorted
            && self.packs.len() == 1
            && self.loose.is_empty()
            && self.duplicates.is_empty();
        self.limits.budget = self.limits.budget.for_bytes(self.stored_bytes());
        Ok(())
    }

    /// The repository's object format.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// The limits it was opened with.
    pub fn limits(&self) -> ReadLimits {
        self.limits
    }

    /// All packs.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// All loose objects.
    pub fn loose(&self) -> &[LooseObject] {
        &self.loose
    }

    /// The object directories: the repository's own first, then alternates.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// Files that could not be used.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Number of nodes: stored objects, with those stored more than once.
    pub fn node_count(&self) -> u32 {
        let loose = u32::try_from(self.loose.len()).expect("checked when numbering");
        self.first_loose().number() + loose
    }

    /// All nodes, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        Node::first(self.node_count() as usize)
    }

    /// Whether `node` is one of the store, not one that was given to an absent object.
    pub fn has_node(&self, node: Node) -> bool {
        node.number() < self.node_count()
    }

    /// Number of distinct objects.
    pub fn object_count(&self) -> usize {
        self.nodes.len()
    }

    /// Bytes that all packs and loose objects take on disk.
    pub fn stored_bytes(&self) -> u64 {
        let packs: u64 = self.packs.iter().map(Pack::stored_bytes).sum();
        let loose: u64 = self.loose.iter().map(|object| object.stored_bytes).sum();
        packs + loose
    }

    /// The node of the first loose object.
    pub fn first_loose(&self) -> Node {
        match (self.packs.last(), self.pack_starts.last()) {
            (Some(pack), Some(start)) => Node::new(start.number() + pack.len()),
            _ => Node::new(0),
        }
    }

    /// The node of entry `entry` in pack number `pack`.
    pub fn node_in(&self, pack: usize, entry: pack::PackEntry) -> Node {
        Node::new(self.pack_starts[pack].number() + entry.number())
    }

    /// Whether an earlier node is the same object.
    pub fn is_duplicate(&self, node: Node) -> bool {
        self.duplicates.contains(&node)
    }

    /// Where `node` is stored.
    pub fn place(&self, node: Node) -> StoredAt {
        if node >= self.first_loose() {
            return StoredAt::Loose(node.index() - self.first_loose().index());
        }
        let pack = self.pack_starts.partition_point(|&start| start <= node) - 1;
        StoredAt::Packed {
            pack,
            entry: pack::PackEntry::new(node.number() - self.pack_starts[pack].number()),
        }
    }

    /// The object id of `node`.
    pub fn id(&self, node: Node) -> ObjectId {
        match self.place(node) {
            StoredAt::Loose(at) => self.loose[at].id,
            StoredAt::Packed { pack, entry } => self.packs[pack].id(entry),
        }
    }

    /// The first node of every distinct object, in the order of the ids.
    pub fn nodes_by_id(&self) -> Vec<Node> {
        let mut nodes = self.nodes.clone();
        let mut alike = 0;
        for at in 1..=nodes.len() {
            if at < nodes.len() && self.prefixes[at] == self.prefixes[alike] {
                continue;
            }
            // Ids with the same first 64 bits are rare, and made on purpose.
            if at - alike > 1 {
                nodes[alike..at].sort_by_key(|&node| self.id(node));
            }
            alike = at;
        }
        nodes
    }

    /// The first node of object `id`.
    pub fn node_of(&self, id: &gix::oid) -> Option<Node> {
        let key = prefix(id);
        let mut at = self.lower_bound(key);
        while self.prefixes.get(at) == Some(&key) {
            let is_same = if self.in_index_order {
                self.packs[0].id_at_rank(u32::try_from(at).expect("a rank")) == id
            } else {
                self.id(self.nodes[at]).as_ref() == id
            };
            if is_same {
                return Some(self.nodes[at]);
            }
            at += 1;
        }
        None
    }

    /// The first node of the one object whose id begins with `digits`, hexadecimal and lower case;
    /// `None` if there is none or more than one.
    pub fn node_of_prefix(&self, digits: &[u8]) -> Option<Node> {
        let mut key = 0u64;
        for at in 0..16 {
            let digit = digits
                .get(at)
                .map_or(Some(0), |&digit| char::from(digit).to_digit(16))?;
            key = key << 4 | u64::from(digit);
        }
        let begins = |node: Node| {
            self.id(node)
                .to_hex()
                .to_string()
                .as_bytes()
                .starts_with(digits)
        };
        // The first 64 bits decide before an id is looked up: most words are none.
        let shift = 64 - 4 * digits.len().min(16);
        let from = self.lower_bound(key);
        let alike = self.prefixes[from..].iter().zip(&self.nodes[from..]);
        let mut alike = alike
            .take_while(|(prefix, _)| shift < 64 && **prefix >> shift == key >> shift)
            .map(|(_, &node)| node)
            .filter(|&node| begins(node));
        let found = alike.next();
        found.filter(|_| alike.next().is_none())
    }

    /// Other nodes that hold the same object, in no order. Costs a look at every duplicate.
    pub fn copies_of(&self, id: &gix::oid) -> Vec<Node> {
        let others = self.duplicates.iter().copied();
        others
            .filter(|&node| self.id(node).as_ref() == id)
            .collect()
    }

    /// Makes about as many buckets as there are objects: ids are evenly spread, so most hold one or two.
    fn fill_buckets(&mut self) {
        let bits = self
            .prefixes
            .len()
            .checked_ilog2()
            .unwrap_or(0)
            .min(MAX_BUCKET_BITS);
        self.bucket_shift = u64::BITS - bits;
        let mut buckets = Vec::with_capacity((1 << bits) + 1);
        for (at, &key) in (0u32..).zip(&self.prefixes) {
            while buckets.len() <= self.bucket_of(key) {
                buckets.push(at);
            }
        }
        let len = buckets.len().max((1 << bits) + 1);
        buckets.resize(len, u32::try_from(self.prefixes.len()).unwrap_or(u32::MAX));
        self.buckets = buckets;
    }

    fn bucket_of(&self, key: u64) -> usize {
        let bucket = key.checked_shr(self.bucket_shift).unwrap_or(0);
        usize::try_from(bucket).expect("there are at most 2^26 buckets")
    }

    /// First position whose prefix is not below `key`.
    fn lower_bound(&self, key: u64) -> usize {
        let bucket = self.bucket_of(key);
        let Some(&[first, end]) = self.buckets.get(bucket..bucket + 2) else {
            return 0;
        };
        let first = first as usize;
        first + self.prefixes[first..end as usize].partition_point(|&other| other < key)
    }
}

/// At most so many bits of an id choose its bucket: 256 MB of buckets.
const MAX_BUCKET_BITS: u32 = 26;

/// Where an object is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAt {
    /// Entry number `entry`, in pack order, of pack number `pack`.
    Packed {
        /// Which pack.
        pack: usize,
        /// Which entry.
        entry: pack::PackEntry,
    },
    /// That number among the loose objects.
    Loose(usize),
}

fn prefix(id: &gix::oid) -> u64 {
    let bytes: &[u8; 8] = id.as_bytes().first_chunk().expect("ids are 20 or 32 bytes");
    u64::from_be_bytes(*bytes)
}

fn fitting(count: u64) -> Result<u32> {
    u32::try_from(count)
        .ok()
        .filter(|&count| count < u32::MAX)
        .ok_or_else(|| {
            Error::repository(format!("{count} objects are more than unleak can number"))
        })
}
