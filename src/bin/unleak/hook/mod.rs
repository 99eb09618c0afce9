//! `unleak hook`.

mod run;

use unleak::error::Result;

use crate::args::{Args, HookCommand};
use crate::exit::Exit;

/// Runs it.
pub(crate) fn run(args: &Args, command: &HookCommand) -> Result<Exit> {
    run::run(args, command)
}
