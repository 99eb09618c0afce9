//! What was typed of validation, and the scan that it means.

use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::args::ScanArgs;
use crate::options::{
    AskOptions, LengthOptions, ReportOptions, RuleOptions, ScanValidation, StateFilter,
    StateOptions,
};

/// Which secrets are asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// The first digits of fingerprints, as reports show them; without any, all findings are asked about
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprints: Vec<String>,

    /// The repository
    #[arg(short = 'C', long, default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Ask about the findings of this saved report (JSON); the repository is scanned for their values
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["known", "list"])]
    pub(crate) from: Option<PathBuf>,

    /// Ask about the secrets in this file, in place of a repository's; '-' is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    pub(crate) known: Option<PathBuf>,

    /// List the requests of all rules: what is sent, to which host, and what it does there
    #[arg(long, conflicts_with = "fingerprints")]
    pub(crate) list: bool,

    #[command(flatten)]
    pub(crate) report: ReportOptions,

    #[command(flatten)]
    pub(crate) length: LengthOptions,

    #[command(flatten)]
    pub(crate) states: StateFilter,

    #[command(flatten)]
    pub(crate) state: StateOptions,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,

    #[command(flatten)]
    pub(crate) ask: AskOptions,
}

/// The scan without any option.
#[derive(clap::Parser)]
struct Defaults {
    #[command(flatten)]
    scan: ScanArgs,
}

impl ValidateArgs {
    /// The scan that finds the values. Options that only `scan` has keep their defaults.
    pub(crate) fn scan(&self) -> ScanArgs {
        let Defaults { mut scan } = Defaults::parse_from(["scan"]);
        match &self.known {
            None => scan.repository.clone_from(&self.repository),
            Some(path) if path == Path::new("-") => scan.repository.clone_from(path),
            Some(path) => scan.files = vec![path.clone()],
        }
        scan.report = self.report.clone();
        scan.length = self.length.clone();
        scan.rules = self.rules.clone();
        scan.state = self.state.clone();
        scan.validation = ScanValidation {
            validate: true,
            states: self.states.clone(),
            ask: self.ask.clone(),
            fingerprints: self.fingerprints.clone(),
        };
        scan
    }
}

/// Which secret is switched off.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The first digits of its fingerprint, as reports show it
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: String,

    /// The repository
    #[arg(short = 'C', long, default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Do not ask for the fingerprint to be typed again
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) state: StateOptions,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,

    #[command(flatten)]
    pub(crate) ask: AskOptions,
}
