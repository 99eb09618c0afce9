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

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::Path;

use unleak::error::Result;

use crate::exit::Exit;
use crate::options::CommonOptions;
use crate::output;
use args::EstateCommand;
pub(crate) use list::Shard;
pub(crate) use merge::run as merge;

/// Runs `unleak estate`.
pub(crate) fn run(args: &CommonOptions, command: &EstateCommand) -> Result<Exit> {
    match command {
        EstateCommand::Scan(scan) => scan::run(args, scan),
        EstateCommand::Plan { list, shards } => plan(list, *shards),
    }
}

/// What a fork costs of what it would cost alone: a 32nd. Measured: a fiftieth for git's own history.
const FORK_PART: u64 = 32;

/// Gives the most costly family that is left to the share that has least, so that no share has much more
/// than any other, and each object is scanned in one.
fn plan(list: &Path, shards: u32) -> Result<Exit> {
    let names = list::read(list)?;
    let bytes: Vec<u64> = names
        .iter()
        .map(|name| list::bytes_of(Path::new(name)))
        .collect();
    let mut families = family::of(&names);
    for family in &mut families {
        family.sort_by_key(|&at| (Reverse(bytes[at]), &names[at]));
    }
    let mut costly: Vec<(u64, Vec<usize>)> = families
        .into_iter()
        .map(|family| {
            let all: u64 = family.iter().map(|&at| bytes[at]).sum();
            let largest = family.first().map_or(0, |&at| bytes[at]);
            (largest + (all - largest) / FORK_PART, family)
        })
        .collect();
    costly.sort_by_key(|(cost, family)| (Reverse(*cost), family.first().map(|&at| &names[at])));
    let mut loads = vec![0u64; shards as usize];
    let mut text = String::new();
    for (number, (cost, family)) in (1..).zip(costly) {
        let least = (0..loads.len()).min_by_key(|&at| loads[at]).unwrap_or(0);
        loads[least] += cost;
        for at in family {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}\t{}\t{number}\t{}",
                least + 1,
                bytes[at],
                names[at]
            );
        }
    }
    output::print(text.as_bytes())
}
