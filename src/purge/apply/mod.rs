//! What changes the state of a repository, and what keeps that safe: locks, snapshot, journal.
//!
//! ```text
//! archive, carried, guard, holders, index, packed, record   words and files
//! settings, snapshot, files < changes < remove, moves < locks < worktree   what changes state
//! ```

pub mod archive;
pub mod carried;
pub mod changes;
pub mod files;
pub mod guard;
pub mod holders;
pub mod index;
pub mod locks;
pub mod moves;
pub mod packed;
pub mod record;
pub mod remove;
pub mod settings;
pub mod snapshot;
pub mod worktree;
