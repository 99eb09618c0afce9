//! `unleak hook`: `run` is what git calls, `install` what people call.

mod install;
mod manager;
mod run;

use unleak::error::Result;

use crate::args::{Args, HookCommand};
use crate::exit::Exit;

/// Runs it.
pub(crate) fn run(args: &Args, command: &HookCommand) -> Result<Exit> {
    match command {
        HookCommand::Install(options) => install::install(options),
        HookCommand::Uninstall(options) => install::uninstall(options.global),
        HookCommand::Status(options) => install::status(options.global),
        HookCommand::Test => install::test(),
        HookCommand::Run(hook) => run::run(args, hook),
    }
}
