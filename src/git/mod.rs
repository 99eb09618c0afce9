//! A repository beside its objects: where its parts are, its refs, indexes, revisions and files.
//!
//! ```text
//! address, entry, lfs, reftable, stamp < split < index < repository < gitdir, refs < indexes, revision
//! ```

mod address;
pub mod entry;
pub mod gitdir;
pub mod index;
pub mod indexes;
pub mod lfs;
pub mod refs;
pub mod reftable;
pub mod repository;
pub mod revision;
mod split;
pub mod stamp;
