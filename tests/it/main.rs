//! Behaviour, through the real binary, in repositories made by real git.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic anywhere")]

mod again;
mod architecture;
mod attribution;
mod bundle;
mod ci;
mod cli;
mod config;
mod delta;
mod estate;
mod formats;
mod fuzz;
mod hook_install;
mod hook_run;
mod import;
mod malformed;
mod many;
mod odb;
mod pairs;
mod places;
mod purge;
mod range;
mod redaction;
mod refs;
mod report;
mod rules;
mod saved;
mod scan;
mod sources;
mod staged;
mod state;
mod stream;
mod support;
mod suppress;
mod unpack;
mod values;
