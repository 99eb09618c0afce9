//! What was typed. No behaviour.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Find every secret a git history ever held
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 clean, 1 secrets found, 2 usage error, 3 scan incomplete, 4 internal error"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    /// Print one line a finding, and no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Say more on standard error
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan every object of a repository, reachable or not
    Scan(ScanArgs),
    /// Look at the rules
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Block secrets before they are committed or pushed
    Hook {
        #[command(subcommand)]
        command: HookCommand,
    },
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List all rules, one a line
    List,
}

/// What to do with hooks.
#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Install hooks in this repository; hooks that are there still run
    Install(HookInstallArgs),
    /// Remove the hooks, and put back what was there before
    Uninstall(HookGlobalArgs),
    /// Say which hooks are installed, and where
    Status(HookGlobalArgs),
    /// Prove that the installed hooks block, with a fake token and without changing anything
    Test,
    /// Run a hook
    #[command(external_subcommand)]
    Run(Vec<std::ffi::OsString>),
}

/// Without a choice: pre-commit, commit-msg and pre-push; pre-receive in a bare repository
#[derive(Debug, clap::Args)]
pub(crate) struct HookInstallArgs {
    /// Install for all repositories of this user
    #[arg(long)]
    pub(crate) global: bool,

    /// Scan what commits and merges add
    #[arg(long)]
    pub(crate) pre_commit: bool,

    /// Scan the messages of commits
    #[arg(long)]
    pub(crate) commit_msg: bool,

    /// Scan what pushes send
    #[arg(long)]
    pub(crate) pre_push: bool,

    /// Scan what others push here, all refs at once
    #[arg(long)]
    pub(crate) pre_receive: bool,

    /// Scan what others push here, one ref at a time
    #[arg(long)]
    pub(crate) update: bool,
}

/// Which hooks are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct HookGlobalArgs {
    /// Those for all repositories of this user
    #[arg(long)]
    pub(crate) global: bool,
}

/// Example: unleak scan --format json path/to/repository
#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// The repository: a worktree or a directory in it, a bare repository, a .git directory
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = FormatChoice::Human, value_name = "FORMAT")]
    pub(crate) format: FormatChoice,

    /// Write the report to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Leave out findings below this confidence
    #[arg(long, value_enum, default_value_t = ConfidenceChoice::Medium, value_name = "LEVEL")]
    pub(crate) min_confidence: ConfidenceChoice,

    /// Report keys that are meant to be public, too
    #[arg(long)]
    pub(crate) public_keys: bool,

    /// Show the secrets in full: the report must then be kept as secret as they are
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Report lines that carry an inline allow marker, too
    #[arg(long)]
    pub(crate) no_inline_allow: bool,

    /// Use these rules instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,

    /// Largest object to read, in MiB
    #[arg(long, default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4095))]
    pub(crate) max_object_size: u64,

    /// Number of threads; 0 means one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,

    /// Scan every object whole instead of what changed: slower, finds the same
    #[arg(long)]
    pub(crate) no_delta: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How to write the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatChoice {
    /// For people
    Human,
    /// One JSON document (docs/report.schema.json)
    Json,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfidenceChoice {
    /// Worth a look when there is time
    Low,
    /// Likely a secret
    Medium,
    /// The shape alone proves it
    High,
}
