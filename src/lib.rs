//! unleak finds every secret that a git history ever held, with its whole story.
//!
//! ```text
//!  rules.toml -> rule ---------+
//!                              v
//!  .git: packs, loose -> odb -> scan -> detect -> finding -> history -> audit -> report
//!                              ^
//!  archives, streams -> unpack +
//! ```
//!
//! Bytes become smaller and better known from left to right: `&[u8]`, a keyword's `Hit`, a rule's
//! `Match`, a `Sighting` in one object, a `Finding` with all its places, its `History`.
//!
//! A module may use modules of lower layers only. The list below is that rule; a test reads it.

// Layer 0: words every other module uses.
pub mod error;
pub mod fault;
pub mod number;
pub mod progress;
pub mod secret;
pub mod span;
pub mod tables;
pub mod work;

// Layer 1: the inputs, ignorant of each other.
pub mod odb;
pub mod path_class;
pub mod paths;
pub mod rule;
pub mod unpack;

// Layer 2: repositories beside their objects, and what is a secret.
pub mod detect;
pub mod git;

// Layer 3: the words for what was found.
pub mod finding;

// Layer 4: from repositories to findings.
pub mod history;
pub mod scan;
pub mod severity;
pub mod suppress;

// Layer 5: what earlier scans learned.
pub mod memory;

// Layer 6: the jobs, and what people set for them.
pub mod audit;
pub mod config;
pub mod validate;
pub mod values;

// Layer 7: what is done with findings, and what git asks for.
pub mod hook;
pub mod purge;
pub mod report;
