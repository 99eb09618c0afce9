//! What was typed after `unleak triage`. No behaviour.

use std::path::PathBuf;

use crate::options::{ConfidenceChoice, FilterOptions, RuleOptions};

/// What is triaged.
///
/// Without a report, the repository is scanned first. In the screen, '?' lists all keys. What you decide is
/// written at once: suppressions as 'unleak ignore' writes them, and a purge plan that 'unleak purge
/// --from' reads. A secret is shown only when 'v' is pressed on it.
#[derive(Debug, clap::Args)]
pub(crate) struct TriageArgs {
    /// The repository, or a report that 'unleak scan --format json' saved
    #[arg(default_value = ".", value_name = "REPO|REPORT")]
    pub(crate) subject: PathBuf,

    /// The repository of a saved report: where suppressions are written and files are opened
    #[arg(short = 'C', long, default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Who accepts findings: the owner of suppressions
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,

    /// The purge plan [default: unleak/purge-plan.json in the git directory that all worktrees share]
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,

    /// Only findings that the commits A..B bring in: those that B reaches and A does not
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,

    /// Leave out findings below this confidence [default: medium]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    #[command(flatten)]
    pub(crate) filter: FilterOptions,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}
