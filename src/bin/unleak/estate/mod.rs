//! `unleak estate` and `unleak merge`: many repositories.
//!
//! ```text
//! args, list, family < scan, merge < mod
//! ```

pub(crate) mod args;
mod family;
mod list;
mod merge;
mod scan;

use std::fmt::Write as _;
use std::path::Path;

use unleak::error::Result;

use crate::args::Args;
use crate::exit::Exit;
use crate::output;
use args::EstateCommand;
pub(crate) use merge::run as merge;

/// Runs `unleak estate`.
pub(crate) fn run(args: &Args, command: &EstateCommand) -> Result<Exit> {
    match command {
        EstateCommand::Scan(scan) => scan::run(args, scan),
        EstateCommand::Plan { list, shards } => plan(list, *shards),
    }
}

/// Gives the largest repository that is left to the share that has least, so that no share has much
/// more than any other.
fn plan(list: &Path, shards: u32) -> Result<Exit> {
    let mut sized: Vec<(u64, String)> = list::read(list)?
        .into_iter()
        .map(|name| (list::bytes_of(Path::new(&name)), name))
        .collect();
    sized.sort_by(|a, b| b.cmp(a));
    let mut loads = vec![0u64; shards as usize];
    let mut text = String::new();
    for (bytes, name) in sized {
        let least = (0..loads.len()).min_by_key(|&at| loads[at]).unwrap_or(0);
        loads[least] += bytes;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\t{bytes}\t{name}", least + 1);
    }
    output::print(text.as_bytes())
}
