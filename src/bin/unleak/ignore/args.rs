//! What was typed after `unleak ignore`. No behaviour.

use std::path::PathBuf;

use clap::Subcommand;

use crate::options::{ConfidenceChoice, FilterOptions, RuleOptions};

/// Which findings are suppressed, and why.
///
/// Name findings by id, select them with filters or '--from', or take all with '--all'. A selection
/// takes what 'unleak scan' reports with the same filters; what is suppressed already stays as it is.
/// '--dry-run' lists it and changes nothing.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct IgnoreArgs {
    #[command(subcommand)]
    pub(crate) command: Option<IgnoreCommand>,

    /// The first digits of fingerprints, as reports show them
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Vec<String>,

    /// Why it is no danger
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,

    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,

    /// The last day on which it holds, as in 2030-12-31, or a time from now: 90d, 12w, 6m, 1y
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,

    /// Only findings that the commits A..B bring in: those that B reaches and A does not
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,

    /// Select findings of at least this confidence [default: medium; with '--from': any]
    #[arg(long, value_enum, value_name = "LEVEL", conflicts_with = "fingerprint")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    /// The repository
    #[arg(
        short = 'C',
        long,
        default_value = ".",
        value_name = "REPO",
        global = true
    )]
    pub(crate) repository: PathBuf,

    #[command(flatten)]
    pub(crate) selection: FindingSelection,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// What `--path` means for a suppression, beside what it means for every filter.
pub(crate) const PATH_HELP: &str = "Only secrets that were in such a file or directory, and nowhere else; the \
    suppression holds as long as that is so; may be given more than once";

/// What `--exclude` means where no file is left unread.
pub(crate) const EXCLUDE_HELP: &str = "Leave out secrets that were only ever in such files or directories, as in \
    'tests/fixtures'; may be given more than once";

/// Which findings are meant, if they are not named one by one.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct FindingSelection {
    /// Only findings that this saved report lists, in JSON; '-' is standard input
    #[arg(long, value_name = "REPORT")]
    pub(crate) from: Option<PathBuf>,

    /// All findings, or all that the other options leave
    #[arg(long)]
    pub(crate) all: bool,

    /// List what would change, and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) filter: FilterOptions,
}

impl FindingSelection {
    /// Whether anything is selected: options that only narrow a selection do not count.
    pub(crate) fn is_some(&self) -> bool {
        self.all || self.from.is_some() || !self.filter.is_empty()
    }
}

/// What to do with suppressions.
#[derive(Debug, Subcommand)]
pub(crate) enum IgnoreCommand {
    /// List all suppressions with the places they hide, and what inline markers hide
    List {
        #[command(flatten)]
        rules: RuleOptions,
    },
    /// Remove suppressions, by name or by the findings that they hide
    Remove(Box<RemoveArgs>),
}

/// Which suppressions are removed.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The first 8 or more digits of their names, as 'unleak ignore list' shows them
    #[arg(value_name = "DIGEST")]
    pub(crate) digest: Vec<String>,

    /// Only findings that the commits A..B bring in: those that B reaches and A does not
    #[arg(
        long,
        value_name = "A..B",
        allow_hyphen_values = true,
        conflicts_with = "digest"
    )]
    pub(crate) range: Option<String>,

    /// Select findings of at least this confidence [default: low]
    #[arg(long, value_enum, value_name = "LEVEL", conflicts_with = "digest")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    #[command(flatten)]
    pub(crate) selection: FindingSelection,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

impl RemoveArgs {
    /// Whether all suppressions are meant, those that hide nothing any more included.
    pub(crate) fn is_everything(&self) -> bool {
        let is_narrowed = self.range.is_some() || self.min_confidence.is_some();
        let selection = &self.selection;
        selection.all && selection.filter.is_empty() && selection.from.is_none() && !is_narrowed
    }
}
