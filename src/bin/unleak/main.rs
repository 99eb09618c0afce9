//! The program: runs one subcommand, prints the error, returns the exit code.

mod args;
mod bench;
mod bug;
mod cli;
mod complete;
mod config;
mod ends;
mod estate;
mod examples;
mod exit;
mod explain;
mod filter;
mod filtered;
mod found;
mod ground;
mod headings;
mod home;
mod hook;
mod ignore;
mod import;
mod interrupt;
mod known;
mod manual;
mod objects;
mod options;
mod output;
mod pager;
mod plan;
mod progress;
mod purge;
mod report;
mod rules;
mod saved;
mod scan;
mod settings;
mod show_config;
mod state;
mod topics;
mod triage;
mod ui;
mod usage;
mod validate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::FromArgMatches;
use unleak::error::{ErrorKind, Result};

use args::{ConfigCommand, StateCommand};
use cli::{Args, Command};
use exit::Exit;
use purge::args::PurgeCommand;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use validate::ValidateStart;

fn main() -> ExitCode {
    if complete::is_asked() {
        return complete::answer();
    }
    let matches = examples::command().try_get_matches();
    let matches = matches.unwrap_or_else(|error| usage::explained(error).exit());
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    std::panic::set_hook(Box::new(bug::report));
    let run = || watch(&args.command).and_then(|()| run(&args));
    let exit = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            ui::error(&error);
            match error.kind() {
                ErrorKind::Internal => Exit::Internal,
                _ => Exit::Usage,
            }
        }
        Err(_) => Exit::Internal,
    };
    exit.into()
}

/// Says how a signal ends a command, unless the command handles signals itself.
///
/// # Errors
/// `Internal` if the system refuses.
fn watch(command: &Command) -> Result<()> {
    const UNCHANGED: &str =
        "interrupted: nothing was changed, and the result is not complete; run it again";
    let mut signals = vec![SIGINT, SIGTERM];
    let said = match command {
        Command::Triage(_) => {
            signals.extend([SIGHUP, SIGQUIT]);
            "interrupted: what was decided before is saved"
        }
        Command::Hook { .. } | Command::Estate { .. } => return Ok(()),
        Command::Purge(purge) => {
            let plan = &purge.plan;
            match &purge.command {
                Some(PurgeCommand::Guard { .. }) => return Ok(()),
                None if !(plan.apply || plan.go_on || plan.abort) => UNCHANGED,
                _ => {
                    "interrupted: 'unleak purge status' says whether the repository was changed; if it \
                     was, 'unleak purge --continue' goes on and 'unleak purge --abort' takes it back"
                }
            }
        }
        Command::Scan(_)
        | Command::Validate(_)
        | Command::Explain(_)
        | Command::Report { .. }
        | Command::Merge(_)
        | Command::Rules { .. }
        | Command::Objects(_)
        | Command::Config { .. }
        | Command::State {
            command: StateCommand::Show { .. },
        } => UNCHANGED,
        Command::Revoke(_) => {
            "interrupted: 'unleak validate FINGERPRINT' says whether it was switched off"
        }
        _ => "interrupted: run the command again to finish what it began",
    };
    interrupt::end_at(&signals, said)
}

fn run(args: &Args) -> Result<Exit> {
    match &args.command {
        Command::Scan(scan) => scan::run(&args.common, scan),
        Command::Hook { command } => hook::run(&args.common, command),
        Command::Explain(explain) => explain::run(&args.common, explain),
        Command::Ignore(ignore) => ignore::run(&args.common, ignore),
        Command::Triage(triage) => triage::run(&args.common, triage),
        Command::Import(import) => import::run(&args.common, import),
        Command::Baseline(baseline) => ignore::baseline(&args.common, baseline),
        Command::Validate(validate) => match validate::begin(validate)? {
            ValidateStart::Scan(scan) => scan::run(&args.common, &scan),
            ValidateStart::Done(exit) => Ok(exit),
        },
        Command::Revoke(revoke) => validate::revoke(&args.common, revoke),
        Command::Purge(purge) => purge::run(&args.common, purge),
        Command::Report { command } => report::run(&args.common, command),
        Command::Estate { command } => estate::run(&args.common, command),
        Command::Merge(merge) => estate::merge(&args.common, merge),
        Command::Rules { command } => rules::run(command),
        Command::Objects(objects) => objects::run(objects),
        Command::State { command } => state::run(command),
        Command::Config {
            command: ConfigCommand::Show(show),
        } => show_config::run(show),
        Command::Completions { shell } => complete::script(*shell),
        Command::Help { words } => topics::run(words),
        Command::Man { dir } => manual::man(dir),
    }
}
