//! What was typed of validation, and the scan that it means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Parser as _, ValueEnum};
use unleak::error::{Error, Result};

use crate::args::{
    Args, Command, ConfidenceChoice, FormatChoice, LengthOptions, RuleOptions, ScanArgs,
    StateOptions,
};

/// Who is asked, and how.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Validation")]
pub(crate) struct AskOptions {
    /// Ask this host, too: HOST[:PORT] for servers that the repository names, ISSUER=HOST[:PORT] for an
    /// issuer's server of your own, as in 'gitlab=git.example.com'; it may have a private address; may
    /// be given more than once
    #[arg(long, value_name = "[ISSUER=]HOST")]
    pub(crate) validate_host: Vec<String>,

    /// Connect to this address in place of a host's own, as curl's --resolve does; may be given more than
    /// once
    #[arg(long, value_name = "HOST=IP:PORT")]
    pub(crate) validate_resolve: Vec<String>,

    /// Trust the certificates in this PEM file, beside those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Send requests through this proxy, in place of that of HTTPS_PROXY and its like
    #[arg(long, value_name = "URL")]
    pub(crate) validate_proxy: Option<String>,

    /// Requests a second to one host
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) validate_rate: u32,

    /// Requests in all; what is not asked then is unknown
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub(crate) validate_limit: usize,

    /// Hours for which an answer that --state keeps is used again; 0 asks anew
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) validate_keep: u32,

    /// Send requests that rule files of --rules and --extra-rules name: whoever wrote them decides where
    /// your secrets are sent
    #[arg(long)]
    pub(crate) trust_rules_validate: bool,
}

/// Which states are wanted.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Validation")]
pub(crate) struct StateFilter {
    /// Only findings of this state; may be given more than once
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) only: Vec<StateChoice>,

    /// Exit with 1 only if a finding has this state; may be given more than once
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) fail_on: Vec<StateChoice>,
}

/// Validation, as a part of a scan.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Validation")]
pub(crate) struct ScanValidation {
    /// Ask the issuer of each secret whether it is still active, and whose it is; the secret is sent to its
    /// issuer, and to nobody else
    #[arg(long)]
    pub(crate) validate: bool,

    #[command(flatten)]
    pub(crate) states: StateFilter,

    #[command(flatten)]
    pub(crate) ask: AskOptions,

    /// The first digits of fingerprints: only these are asked about and reported.
    #[arg(skip)]
    pub(crate) fingerprints: Vec<String>,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateChoice {
    /// Its issuer accepts it
    Active,
    /// Its issuer does not accept it
    Inactive,
    /// Nothing is known, or the answer is ambiguous
    Unknown,
}

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

    /// How to write the report
    #[arg(long, short, value_enum, default_value_t = FormatChoice::Human, value_name = "FORMAT")]
    pub(crate) format: FormatChoice,

    /// Write the report to a file instead of standard output; or with a format, as in
    /// 'sarif:out.sarif', one more report, as often as you like
    #[arg(long, short, value_name = "[FORMAT:]FILE")]
    pub(crate) output: Vec<OsString>,

    /// Leave out findings below this confidence [default: medium]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

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

impl ValidateArgs {
    /// The scan that finds the values; what cannot be typed here is as its own options have it.
    ///
    /// # Errors
    /// `Internal` if there is no such command.
    pub(crate) fn scan(&self) -> Result<ScanArgs> {
        let Command::Scan(mut scan) = Args::parse_from(["unleak", "scan"]).command else {
            return Err(Error::internal("the command 'scan' is another one"));
        };
        match &self.known {
            None => scan.repository.clone_from(&self.repository),
            Some(path) if path == Path::new("-") => scan.repository.clone_from(path),
            Some(path) => scan.files = vec![path.clone()],
        }
        scan.format = self.format;
        scan.output.clone_from(&self.output);
        scan.min_confidence = self.min_confidence;
        scan.length = self.length.clone();
        scan.rules = self.rules.clone();
        scan.state = self.state.clone();
        scan.validation = ScanValidation {
            validate: true,
            states: self.states.clone(),
            ask: self.ask.clone(),
            fingerprints: self.fingerprints.clone(),
        };
        Ok(*scan)
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
