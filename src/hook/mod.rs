//! Hooks: what git tells them.

pub mod input;
