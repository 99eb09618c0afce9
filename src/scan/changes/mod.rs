//! Scans what a change brings in: a range of commits, or the index.
//!
//! ```text
//! commits, pieces, trees < novelty, staged < range
//! ```

pub mod commits;
pub mod novelty;
pub mod pieces;
pub mod range;
pub mod staged;
pub mod trees;
