//! What was typed after `unleak report`. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::options::{FormatChoice, LengthOptions};

/// What to do with saved reports.
#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Write a saved report in other formats
    Convert {
        #[command(flatten)]
        saved: Saved,

        /// The format of standard output, or of the output that names none
        #[arg(long, short, value_enum, default_value_t = FormatChoice::Human, value_name = "FORMAT")]
        format: FormatChoice,

        /// Write to a file, and not to standard output; FORMAT:FILE writes one more report
        #[arg(long, short, value_name = "[FORMAT:]FILE")]
        output: Vec<OsString>,
    },
    /// Show a saved report, or some of its findings
    Show {
        #[command(flatten)]
        saved: Saved,

        /// The first digits of fingerprints; all findings if none is named
        #[arg(value_name = "FINGERPRINT")]
        fingerprint: Vec<String>,
    },
    /// Tell what is new, gone or changed between two reports; status 1 if anything is new
    Diff {
        /// The older report
        #[arg(value_name = "OLD")]
        old: PathBuf,

        /// The newer report
        #[arg(value_name = "NEW")]
        new: PathBuf,

        /// The format
        #[arg(long, short, value_enum, default_value_t = DiffFormat::Human, value_name = "FORMAT")]
        format: DiffFormat,
    },
}

/// A saved report.
#[derive(Debug, clap::Args)]
pub(crate) struct Saved {
    /// A report in JSON or JSON Lines; '-' is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Take a report that holds secrets in full, and write them in full
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) length: LengthOptions,
}

/// How differences are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people
    Human,
    /// One JSON object
    Json,
}
