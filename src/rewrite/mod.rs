//! Rewrites history so that values are gone, nothing else changes, and it is proven.
//!
//! ```text
//! parse < kind < frame < fit, literal, rest < needles < survey   values, and what is around them
//! patch, text, tree, head < trees, check < objects, blobs, commits, notes   what changes, and into what: reads only
//! git, journal, guard < holders < sign, delta < pack < write   new objects
//! snapshot, changes, settings, locks < packed < moves, worktree, remove, files   what changes state
//! invert, carry, tables < undo   what takes changes back
//! all of these < publish < purge < proof, nested, finish   the stages
//! publish < gate, heal, remote   servers and other clones
//! ```
//!
//! Everything is patched as bytes: an object that holds no value and reaches none keeps its id, and
//! what is written differs from what was there only in the redacted bytes and the ids that must
//! change. The same values in the same objects give the same new ids on every machine.

mod archive;
pub mod blobs;
mod carry;
mod changes;
pub mod check;
mod commits;
mod delta;
mod files;
pub mod finish;
pub mod fit;
pub mod frame;
pub mod gate;
pub mod git;
pub mod guard;
pub mod head;
pub mod heal;
mod holders;
mod index;
mod invert;
pub mod journal;
pub mod kind;
pub mod literal;
mod locks;
pub mod moves;
mod names;
pub mod needles;
pub mod nested;
mod notes;
pub mod objects;
mod pack;
mod packed;
pub mod parse;
pub mod patch;
pub mod proof;
pub mod publish;
pub mod purge;
pub mod remote;
pub mod remove;
pub mod rest;
mod settings;
pub mod sign;
pub mod snapshot;
pub mod survey;
mod tables;
pub mod text;
pub mod tree;
mod trees;
pub mod undo;
mod worktree;
mod write;
