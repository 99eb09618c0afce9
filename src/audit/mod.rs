//! The jobs: a whole repository with the story of every secret in it, what is staged, a range of
//! commits, or one text.
//!
//! ```text
//! options, coverage;  named, neighbours, order, pairs, signed < assemble < excerpts < names < gitdir, merge < steps < update < repository, part
//! presence;  assemble < changes, files, text
//! ```

pub mod assemble;
pub mod changes;
pub mod coverage;
mod excerpts;
pub mod files;
mod gitdir;
mod merge;
mod named;
mod names;
mod neighbours;
pub mod options;
mod order;
mod pairs;
pub mod part;
pub mod presence;
pub mod repository;
mod signed;
mod steps;
pub mod text;
mod update;

pub use coverage::{Coverage, CoverageBlock};
pub use options::{AuditOptions, GitDirFiles, PublicKeys, Scope};
use order::put_in_order;

use crate::finding::Finding;

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct Audit {
    /// What was scanned.
    pub scope: Scope,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// Findings that are not reported: suppressed, left out by filters, or of medium confidence where only
    /// high was asked for. No report may show their secrets either.
    pub hidden: Vec<Finding>,
    /// What was read.
    pub coverage: CoverageBlock,
}
