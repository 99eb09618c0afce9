//! The object store: every pack, loose object and alternate of one repository.
//!
//! ```text
//! budget < kinds;  reason < file < map, inflate, delta, hash, window < unindexed < pack, loose < lookup, store < read < walk, bundle, objects, share
//! ```
//!
//! Objects are numbered: a [`Node`] is an entry of a pack in pack order, packs one after the
//! other, then the loose objects. An object that is stored more than once has several nodes;
//! [`ObjectStore::node_of`] names the first, which is the one that gets scanned.
//!
//! Everything read here is a claim by a stranger. Damage never panics and never ends the walk: it
//! is listed, with file and offset, and the rest is read.

pub mod budget;
pub mod bundle;
pub mod delta;
pub mod file;
pub mod hash;
pub mod inflate;
pub mod kinds;
pub mod lookup;
pub mod loose;
pub mod map;
pub mod objects;
pub mod pack;
pub mod read;
pub(crate) mod reason;
pub mod share;
pub mod store;
mod unindexed;
pub mod walk;
pub mod window;

pub use gix::ObjectId;
pub use kinds::{Node, ObjectKind, ReadLimits, SkipReason, Skipped};
pub use store::{ObjectStore, StoredAt};
