//! The interface to numbered objects, from which `history` reads: a store, or a ledger with new objects.

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use super::read::Reader;
use super::{Node, ObjectStore};
use crate::error::Result;

/// Numbered objects.
pub trait Objects {
    /// The repository's object format.
    fn hash(&self) -> HashKind;

    /// Number of nodes: each is below it.
    fn node_count(&self) -> u32;

    /// The object id of `node`.
    fn id(&self, node: Node) -> ObjectId;

    /// The first node of object `id`.
    fn node_of(&self, id: &gix::oid) -> Option<Node>;

    /// Whether a server may have kept some of what they refer to.
    fn is_partial(&self) -> bool;

    /// Returns what reads them.
    fn reader(&self) -> Box<dyn ReadNode + '_>;
}

/// Reads single objects.
pub trait ReadNode {
    /// Reads the object of `node`, of at most `max_bytes`, into `out`.
    ///
    /// # Errors
    /// `TooLarge` if it has more or the budget does not let it be held, else why it cannot be read.
    fn read(&mut self, node: Node, max_bytes: u64, out: &mut Vec<u8>) -> Result<()>;
}

impl Objects for ObjectStore {
    fn hash(&self) -> HashKind {
        Self::hash(self)
    }

    fn node_count(&self) -> u32 {
        Self::node_count(self)
    }

    fn id(&self, node: Node) -> ObjectId {
        Self::id(self, node)
    }

    fn node_of(&self, id: &gix::oid) -> Option<Node> {
        Self::node_of(self, id)
    }

    fn is_partial(&self) -> bool {
        self.packs().iter().any(|pack| pack.promisor)
    }

    fn reader(&self) -> Box<dyn ReadNode + '_> {
        Box::new(Reader::new(self))
    }
}

impl ReadNode for Reader<'_> {
    fn read(&mut self, node: Node, max_bytes: u64, out: &mut Vec<u8>) -> Result<()> {
        self.read_any_copy(node, max_bytes, out).map(|_| ())
    }
}
