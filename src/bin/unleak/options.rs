//! Options that several commands share. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use unleak::path_class::PathClass;
use unleak::severity::Severity;

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonOptions {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) color: ColorChoice,

    /// Print one line a finding, and no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Print to the terminal, not to a pager
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,

    /// Say more on standard error
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Values to search for beside what the rules find, as they are and in encoded forms.
#[derive(Debug, Default, clap::Args, PartialEq, Eq)]
pub(crate) struct KnownOptions {
    /// Search for the values in this file, too: one a line, or NAME=VALUE, or JSON, or a list of
    /// git-filter-repo or BFG; '-' is standard input; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Vec<PathBuf>,

    /// Search for the values of environment variables whose names say TOKEN, SECRET, KEY, ...
    #[arg(long)]
    pub(crate) known_env: bool,

    /// Search for what stands in your own credential files (.netrc, .aws/credentials, ...)
    #[arg(long)]
    pub(crate) known_credentials: bool,
}

/// Which rules are used.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RuleOptions {
    /// Use the rules of this file instead of the built-in ones; of all, if given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,

    /// Use the rules of this file, too; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) extra_rules: Vec<PathBuf>,

    /// Leave out the rule of this name; may be given more than once
    #[arg(long, value_name = "ID")]
    pub(crate) disable_rule: Vec<String>,

    #[command(flatten)]
    pub(crate) config: ConfigOptions,
}

/// Which configuration files count.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigOptions {
    /// The user's configuration file; without it, $XDG_CONFIG_HOME/unleak/config.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration file, neither the user's nor '.unleak.toml' of the repository
    #[arg(long)]
    pub(crate) no_config: bool,

    /// Let '.unleak.toml' of the repository switch rules off, add rules, and ignore files and rules
    #[arg(long)]
    pub(crate) trust_repo_config: bool,
}

/// Which report of a scan is written, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportOptions {
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
}

/// What is kept between scans.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StateOptions {
    /// Keep the report and what was learned of the objects: the next scan reads only what is new, and
    /// findings have the day on which they were first told
    #[arg(long)]
    pub(crate) state: bool,

    /// Where it is kept, instead of $XDG_CACHE_HOME/unleak; implies --state
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

impl StateOptions {
    /// Whether anything is kept.
    pub(crate) fn is_on(&self) -> bool {
        self.state || self.state_dir.is_some()
    }
}

/// How a hook scans.
#[derive(Debug, clap::Args)]
pub(crate) struct HookOptions {
    /// Let findings below this confidence pass [default: medium]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    /// Block lines that carry an inline allow marker, too
    #[arg(long)]
    pub(crate) no_inline_allow: bool,

    /// Block what the files in '.unleak' suppress, too
    #[arg(long)]
    pub(crate) no_ignore: bool,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// Which findings are wanted; all are looked for.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterOptions {
    /// Only findings of this rule; may be given more than once
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Vec<String>,

    /// Only secrets of this issuer; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Vec<String>,

    /// Only secrets that were ever in such a file or directory, as in 'src' or '**/*.env'; may be
    /// given more than once
    #[arg(long, value_name = "PATTERN")]
    pub(crate) path: Vec<String>,

    /// Leave out secrets that were only ever in such files or directories, as in 'tests/fixtures';
    /// with --files, these are not read; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// Only secrets whose files are of this class: production, test, documentation, vendored,
    /// generated, lock-file or translation; the first of these that one of the files has counts; may
    /// be given more than once
    #[arg(long, value_name = "CLASS", value_parser = path_classes())]
    pub(crate) path_class: Vec<PathClass>,

    /// Only findings of this severity; may be given more than once
    #[arg(long, value_name = "LEVEL", value_parser = severities())]
    pub(crate) severity: Vec<Severity>,

    /// Only what somebody brought in whose name or address holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) author: Option<String>,

    /// Only what was brought in before this date, as in '2026-11-01' or '2 weeks ago'
    #[arg(long, value_name = "DATE")]
    pub(crate) before: Option<String>,

    /// Only what this branch, tag or remote-tracking branch reaches; may be given more than once
    #[arg(long = "ref", value_name = "NAME")]
    pub(crate) refs: Vec<String>,

    /// Only what HEAD still holds
    #[arg(long)]
    pub(crate) in_head: bool,

    /// Only what a remote-tracking branch reaches
    #[arg(long)]
    pub(crate) published: bool,
}

impl FilterOptions {
    /// Whether there is no filter.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads the name of a class of paths.
fn path_classes() -> impl TypedValueParser<Value = PathClass> {
    one_of(PathClass::ALL, PathClass::slug)
}

/// Reads the name of a severity.
fn severities() -> impl TypedValueParser<Value = Severity> {
    one_of(Severity::ALL, Severity::name)
}

/// Reads the `name` of one of `all`.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name)).map(move |text| {
        let named = all.into_iter().find(|one| name(*one) == text);
        named.expect("the parser lets no other name pass")
    })
}

/// How long the report for people is.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct LengthOptions {
    /// Print every finding: without it, the report for people is at most 200 lines long, shows the worst
    /// findings in full, more in one line each, counts the rest, and folds those in tests and the like
    #[arg(long)]
    pub(crate) all: bool,

    /// Print this many findings in full, the worst ones
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(crate) limit: Option<usize>,
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
    /// One JSON object a line: a header, all refs, the findings, then a summary
    Jsonl,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// The same without suppressed findings, of which GitHub would make alerts
    SarifGithub,
    /// Annotations of a GitHub Actions run
    Github,
    /// GitLab's secret detection report
    Gitlab,
    /// One row a finding, for spreadsheets
    Csv,
    /// The same with a byte order mark, which Excel needs to read UTF-8
    CsvBom,
    /// A summary with a table of the worst findings, for job summaries and comments
    Markdown,
    /// Test results, for CI systems that show them
    Junit,
    /// One file for a browser, that filters, groups and selects
    Html,
}

impl FormatChoice {
    /// Reads the word for it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }
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
