//! `unleak hook`: `run` is what git calls, `install` what people call.

mod install;
mod manager;
mod run;

use unleak::error::Result;

use crate::args::HookCommand;
use crate::exit::Exit;
use crate::options::CommonOptions;

/// Runs it.
pub(crate) fn run(args: &CommonOptions, command: &HookCommand) -> Result<Exit> {
    match command {
        HookCommand::Install(options) => install::install(options),
        HookCommand::Uninstall(options) => install::uninstall(options.global),
        HookCommand::Status(options) => install::status(options.global),
        HookCommand::Test => install::test(),
        HookCommand::Run(hook) => run::run(args, hook),
    }
}
