//! What was typed after `unleak estate` and `unleak merge`. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

use crate::options::{ConfidenceChoice, FormatChoice, RuleOptions, StateOptions};

/// What to do with many repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum EstateCommand {
    /// Scan the repositories of a list, one after the other, each into a report of its own
    Scan(Box<EstateScanArgs>),
    /// Share the repositories of a list out evenly, by size, forks together: prints share, bytes,
    /// family and path of each
    Plan {
        /// The list: a path a line; '-' is standard input
        #[arg(value_name = "LIST")]
        list: PathBuf,

        /// How many shares
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        shards: u32,
    },
}

/// Which repositories are scanned, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct EstateScanArgs {
    /// The list: a path a line, '#' begins a comment; '-' is standard input
    #[arg(value_name = "LIST")]
    pub(crate) list: PathBuf,

    /// The directory for the reports; it is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Only the I-th of N shares, which a digest of the path decides; 'auto' asks Slurm
    /// (SLURM_ARRAY_TASK_*) or Kubernetes (JOB_COMPLETION_INDEX, and UNLEAK_SHARDS for N)
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,

    /// Scan each repository by itself: else forks of one another go on from one another, and an object
    /// that was scanned in one is taken for the same in all
    #[arg(long)]
    pub(crate) alone: bool,

    /// Leave out repositories whose report is there already
    #[arg(long)]
    pub(crate) resume: bool,

    /// Leave out findings below this confidence [default: medium]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    /// Report lines that carry an inline allow marker, too
    #[arg(long)]
    pub(crate) no_inline_allow: bool,

    /// Report what the files in '.unleak' suppress, too
    #[arg(long)]
    pub(crate) no_ignore: bool,

    /// Leave out secrets that were only ever in such files or directories, as in 'tests/fixtures'; may
    /// be given more than once
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// Threads to use; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,

    #[command(flatten)]
    pub(crate) state: StateOptions,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// What is put together.
#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    /// Reports of repositories in JSON or JSON Lines, merged ones, and directories of these
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// An earlier result: tells what is new and gone since
    #[arg(long, value_name = "FILE")]
    pub(crate) before: Option<PathBuf>,

    /// Take reports that hold secrets in full, and write them in full
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// How to write the result: human, json or html
    #[arg(long, short, value_enum, default_value_t = FormatChoice::Human, value_name = "FORMAT")]
    pub(crate) format: FormatChoice,

    /// Write to a file, and not to standard output; FORMAT:FILE writes one more
    #[arg(long, short, value_name = "[FORMAT:]FILE")]
    pub(crate) output: Vec<OsString>,
}
