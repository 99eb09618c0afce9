//! The program: runs one subcommand, prints the error, returns the exit code.

mod args;
mod bench;
mod bug;
mod complete;
mod config;
mod estate;
mod examples;
mod exit;
mod explain;
mod filter;
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
mod output;
mod pager;
mod progress;
mod purge;
mod report;
mod rules;
mod scan;
mod settings;
mod state;
mod topics;
mod triage;
mod ui;
mod validate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::FromArgMatches;
use unleak::error::{ErrorKind, Result};

use args::{Args, Command, ConfigCommand};
use exit::Exit;

fn main() -> ExitCode {
    if complete::is_asked() {
        return complete::answer();
    }
    let matches = examples::command().get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    std::panic::set_hook(Box::new(bug::report));
    let run = || interrupt::watch(&args.command).and_then(|()| run(&args));
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

fn run(args: &Args) -> Result<Exit> {
    match &args.command {
        Command::Scan(scan) => scan::run(args, scan),
        Command::Hook { command } => hook::run(args, command),
        Command::Explain(explain) => explain::run(args, explain),
        Command::Ignore(ignore) => ignore::run(args, ignore),
        Command::Triage(triage) => triage::run(args, triage),
        Command::Import(import) => import::run(args, import),
        Command::Baseline(baseline) => ignore::baseline(args, baseline),
        Command::Validate(validate) => validate::run(args, validate),
        Command::Revoke(revoke) => validate::revoke(args, revoke),
        Command::Purge(purge) => purge::run(args, purge),
        Command::Report { command } => report::run(args, command),
        Command::Estate { command } => estate::run(args, command),
        Command::Merge(merge) => estate::merge(args, merge),
        Command::Rules { command } => rules::run(command),
        Command::Objects(objects) => objects::run(objects),
        Command::State { command } => state::run(command),
        Command::Config {
            command: ConfigCommand::Show(show),
        } => config::show(show),
        Command::Completions { shell } => complete::script(*shell),
        Command::Help { words } => topics::run(words),
        Command::Man { dir } => manual::man(dir),
    }
}
