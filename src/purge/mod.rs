//! Rewrites history so that values are gone, nothing else changes, and it is proven.
//!
//! ```text
//! journal < git;  find < make < apply < plan < share < undo, finish < stages
//! ```
//!
//! Everything is patched as bytes: an object that holds no value and reaches none keeps its id, and
//! a new object differs from the old one only in the redacted bytes and in the ids that must
//! change. The same values in the same objects give the same new ids on every machine.

pub mod apply;
pub mod find;
pub mod finish;
pub mod git;
pub mod journal;
pub mod make;
pub mod plan;
pub mod share;
pub mod stages;
pub mod undo;
