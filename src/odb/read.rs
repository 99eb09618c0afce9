//! Reads one object by node or id: for attribution, reports and hooks. A walk is the way to read
//! many.

use std::io::Read;

use super::inflate::Inflater;
use super::{Node, ObjectKind, ObjectStore, StoredAt, delta, loose};
use crate::error::{Error, Result};
use crate::span::Run;

/// Reads single objects; keeps its buffers.
pub struct Reader<'a> {
    store: &'a ObjectStore,
    inflater: Inflater,
    stream: Vec<u8>,
    runs: Vec<Run>,
    max_bytes: u64,
    /// What was read last, oldest first: the next one is often made from it.
    kept: Vec<(Node, ObjectKind, Vec<u8>)>,
    kept_bytes: u64,
}

/// Objects and bytes that a reader keeps.
const MAX_KEPT: usize = 16;
const MAX_KEPT_BYTES: u64 = 16 << 20;

/// git makes chains of at most 4,095 deltas; a longer one is an attack or damage.
const MAX_CHAIN: usize = 10_000;

impl ObjectStore {
    /// Kind and size of the object stored at `node`, from as few bytes as tell them; `None` if these
    /// cannot be read.
    pub fn header(&self, node: Node) -> Option<(ObjectKind, u64)> {
        match self.place(node) {
            StoredAt::Loose(number) => {
                let object = &self.loose()[number];
                let dir = &self.dirs()[object.dir];
                let opened = loose::open(dir, &object.id, &mut Inflater::default()).ok()?;
                Some((opened.kind, opened.size))
            }
            StoredAt::Packed { pack, entry } => {
                let source = &self.packs()[pack];
                if source.base(entry).is_none() && source.outside_base(entry).is_none() {
                    let kind = source.kind(entry);
                    return (kind != ObjectKind::Unknown)
                        .then(|| (kind, source.announced_size(entry)));
                }
                // Two sizes of at most ten bytes each stand before the instructions.
                let mut start = Vec::new();
                let stream = source.reader(entry).ok()?;
                stream.take(32).read_to_end(&mut start).ok()?;
                let (sizes, _) = delta::sizes(&start).ok()?;
                let kind = match source.kind(entry) {
                    ObjectKind::Unknown => {
                        let mut bytes = Vec::new();
                        Reader::new(self).read(node, &mut bytes).ok()?
                    }
                    kind => kind,
                };
                Some((kind, sizes.result))
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// Returns a reader of `store`.
    pub fn new(store: &'a ObjectStore) -> Self {
        Self {
            store,
            inflater: Inflater::default(),
            stream: Vec::new(),
            runs: Vec::new(),
            max_bytes: store.limits().held_within_budget(),
            kept: Vec::new(),
            kept_bytes: 0,
        }
    }

    /// Reads object `id` into `out` from the first place where it is whole; returns its kind.
    ///
    /// # Errors
    /// `Repository` if it is not in the store, else why its first copy cannot be read.
    pub fn read_id(&mut self, id: &gix::oid, out: &mut Vec<u8>) -> Result<ObjectKind> {
        let first = self
            .store
            .node_of(id)
            .ok_or_else(|| Error::repository(format!("object {id} is not here")))?;
        let error = match self.read(first, out) {
            Ok(kind) => return Ok(kind),
            Err(error) => error,
        };
        for copy in self.store.copies_of(id) {
            if let Ok(kind) = self.read(copy, out) {
                return Ok(kind);
            }
        }
        Err(error)
    }

    /// Reads the object of `node`, of at most `max_bytes`, from the first place where it is whole.
    ///
    /// # Errors
    /// As [`Self::read_id`].
    pub fn read_any_copy(
        &mut self,
        node: Node,
        max_bytes: u64,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind> {
        let before = self.max_bytes;
        self.max_bytes = max_bytes.min(before);
        let read = self.read_id(&self.store.id(node), out);
        self.max_bytes = before;
        read
    }

    /// Reads the object stored at `node` into `out`; returns its kind.
    ///
    /// # Errors
    /// `Corrupt` if it, or a base that it needs, is damaged, missing or over the size limit.
    pub fn read(&mut self, node: Node, out: &mut Vec<u8>) -> Result<ObjectKind> {
        let limit = self.max_bytes;
        let mut chain = Vec::new();
        let mut at = node;
        let mut kind = loop {
            if let Some((_, kind, bytes)) = self.kept.iter().find(|(node, ..)| *node == at) {
                out.clear();
                out.extend_from_slice(bytes);
                break *kind;
            }
            match self.store.place(at) {
                StoredAt::Loose(number) => {
                    let object = &self.store.loose()[number];
                    let dir = &self.store.dirs()[object.dir];
                    break loose::read(dir, &object.id, limit, &mut self.inflater, out)?;
                }
                StoredAt::Packed { pack, entry } => {
                    let source = &self.store.packs()[pack];
                    if source.announced_size(entry) > limit {
                        let detail = self.damaged(at, "it is over the size limit").chain();
                        return Err(Error::too_large(detail));
                    }
                    let base = match (source.base(entry), source.outside_base(entry)) {
                        (Some(base), _) => self.store.node_in(pack, base),
                        (None, Some(id)) => self.store.node_of(&id).ok_or_else(|| {
                            self.damaged(at, &format!("its delta base {id} is not here"))
                        })?,
                        (None, None) => {
                            let read = source.inflate(entry, &mut self.inflater, out);
                            read.map_err(|why| self.damaged(at, &why))?;
                            break source.kind(entry);
                        }
                    };
                    chain.push((pack, entry));
                    if chain.len() > MAX_CHAIN {
                        return Err(self.damaged(at, "its delta bases form a cycle"));
                    }
                    at = base;
                }
            }
        };
        let (mut base, is_delta) = (Vec::new(), !chain.is_empty());
        for (pack, entry) in chain.into_iter().rev() {
            std::mem::swap(&mut base, out);
            let source = &self.store.packs()[pack];
            let made = source
                .inflate(entry, &mut self.inflater, &mut self.stream)
                .and_then(|()| delta::apply(&self.stream, &base, limit, out, &mut self.runs));
            made.map_err(|why| self.damaged(self.store.node_in(pack, entry), &why))?;
            if kind == ObjectKind::Unknown {
                kind = source.kind(entry);
            }
        }
        if kind == ObjectKind::Unknown {
            return Err(self.damaged(node, "its kind is not known"));
        }
        if is_delta {
            self.keep(node, kind, out);
        }
        Ok(kind)
    }

    /// Keeps an object that was made from others, within a quarter of what may be held.
    fn keep(&mut self, node: Node, kind: ObjectKind, bytes: &[u8]) {
        let most = MAX_KEPT_BYTES.min(self.store.limits().budget.held() / 4);
        let size = bytes.len() as u64;
        if size > most {
            return;
        }
        while self.kept_bytes + size > most || self.kept.len() >= MAX_KEPT {
            let (.., oldest) = self.kept.remove(0);
            self.kept_bytes -= oldest.len() as u64;
        }
        self.kept_bytes += size;
        self.kept.push((node, kind, bytes.to_vec()));
    }

    fn damaged(&self, node: Node, why: &str) -> Error {
        match self.store.place(node) {
            StoredAt::Loose(_) => Error::corrupt(format!("object {}: {why}", self.store.id(node))),
            StoredAt::Packed { pack, entry } => {
                let pack = &self.store.packs()[pack];
                let (path, offset) = (pack.path.display(), pack.offset(entry));
                Error::corrupt(format!("'{path}': entry at offset {offset}: {why}"))
            }
        }
    }
}
