//! The command line: its commands, and what holds for all of them. No behaviour.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::args::{
    BaselineArgs, ConfigCommand, ExplainArgs, HookCommand, ImportArgs, ObjectsArgs, RulesCommand,
    ScanArgs, StateCommand,
};
use crate::estate::args::{EstateCommand, MergeArgs};
use crate::ignore::args::IgnoreArgs;
use crate::options::CommonOptions;
use crate::purge::args::PurgeArgs;
use crate::report::args::ReportCommand;
use crate::triage::args::TriageArgs;
use crate::validate::args::{RevokeArgs, ValidateArgs};

/// Find every secret a git history ever held
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 clean, 1 secrets found, 2 usage error, 3 scan incomplete, 4 internal error\n'unleak help topics': configuration, suppressions, formats, moving from other scanners"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan every object of a repository, reachable or not; or only what is new; or files; or standard input
    Scan(Box<ScanArgs>),
    /// Block commits and pushes that bring in secrets
    Hook {
        #[command(subcommand)]
        command: HookCommand,
    },
    /// Tell why a finding has its confidence
    Explain(ExplainArgs),
    /// Suppress findings that are known and accepted, in files of the repository
    Ignore(Box<IgnoreArgs>),
    /// Decide about findings in a full-screen view: ignore them, or plan to purge them
    Triage(Box<TriageArgs>),
    /// Suppress all findings that are there now; new ones are still told
    Baseline(BaselineArgs),
    /// Suppress what lists of other scanners name: ignore files, JSON reports, baselines
    Import(ImportArgs),
    /// Ask issuers whether secrets are still active, whose they are and what they can do
    Validate(Box<ValidateArgs>),
    /// Switch a secret off at its issuer, where its holder may do that
    Revoke(Box<RevokeArgs>),
    /// Rewrite history so that secrets are gone, and prove it
    Purge(Box<PurgeArgs>),
    /// Convert, show and compare saved reports
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Scan many repositories
    Estate {
        #[command(subcommand)]
        command: EstateCommand,
    },
    /// Put the reports of many repositories together, by secret
    Merge(MergeArgs),
    /// Look at the rules
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// List the objects of a repository: id, kind and size, sorted; nothing is scanned
    Objects(ObjectsArgs),
    /// Look at what is kept between scans
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Look at the settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print completions for a shell, as in 'unleak completions bash > ~/.local/share/bash-completion/completions/unleak'
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Help about a command or a topic: 'unleak help topics' lists these
    Help {
        /// The command, or the topic
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Write manual pages into a directory, as in 'unleak man ~/.local/share/man/man1'
    Man {
        /// The directory; it is made if it is not there
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}
