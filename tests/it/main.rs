//! Behaviour, through the real binary, in repositories made by real git.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic anywhere")]

mod architecture;
mod attribution;
mod ci;
mod cli;
mod delta;
mod hook_install;
mod malformed;
mod odb;
mod range;
mod report;
mod rules;
mod scan;
mod staged;
mod support;
