//! What replaces the objects that hold a value: new bytes, new ids. Writes only a pack of new objects.
//!
//! ```text
//! kubernetes < fit;  fit, text, tree < names, patch, trees < head < objects < blobs, commits, notes   which objects, and their bytes
//! delta, pack, sign < check < write   from bytes to a pack
//! ```

pub mod blobs;
pub mod check;
pub mod commits;
pub mod delta;
pub mod fit;
pub mod head;
mod kubernetes;
pub mod names;
pub mod notes;
pub mod objects;
pub mod pack;
pub mod patch;
pub mod sign;
pub mod text;
pub mod tree;
pub mod trees;
pub mod write;
