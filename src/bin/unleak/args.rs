//! What was typed. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};

use unleak::path_class::PathClass;

use crate::estate::args::{EstateCommand, MergeArgs};
use crate::ignore::args::IgnoreArgs;
use crate::purge::args::PurgeArgs;
use crate::report::args::ReportCommand;
use crate::triage::args::TriageArgs;
use crate::validate::args::{RevokeArgs, ScanValidation, ValidateArgs};

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

/// Which finding is explained.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The first digits of its fingerprint, as reports show it
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: String,

    /// The repository
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// What is imported, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The lists: lines 'COMMIT:PATH:RULE:LINE', gitleaks' JSON reports, baselines of detect-secrets,
    /// rule files
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The repository
    #[arg(short = 'C', long, default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// What to do with the baseline.
#[derive(Debug, clap::Args)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub(crate) command: BaselineCommand,

    /// The repository
    #[arg(
        short = 'C',
        long,
        default_value = ".",
        value_name = "REPO",
        global = true
    )]
    pub(crate) repository: PathBuf,

    /// Leave out findings below this confidence
    #[arg(long, value_enum, default_value_t = ConfidenceChoice::Medium, value_name = "LEVEL", global = true)]
    pub(crate) min_confidence: ConfidenceChoice,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// What to do with the baseline.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Write a baseline of all that is found
    Create,
    /// Add what is new, and drop what is gone
    Update,
    /// Drop what is gone
    Prune,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List all rules, one a line
    List,
    /// Show what a rule looks for
    Show {
        /// Its name
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Check rule files: errors name file, rule and field; of other scanners' files, list what is
    /// not carried over
    Check {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Try the proofs of rules: examples are found in many syntaxes, near misses and altered
    /// examples are not
    Test {
        /// Rule files; the built-in rules without one
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Only the rule of this name; may be given more than once
        #[arg(long, value_name = "ID")]
        rule: Vec<String>,
    },
    /// Score the rules on labelled lines of your own: precision, recall and F1, by category
    ///
    /// Each line of the file is a JSON object: "label", which is "T" for a secret, or else "F" or "X";
    /// "text", the line itself; and, if you like, "category", "path", "before" and "after", the text
    /// around it, and "value", [START, END) of the value in characters of "text", or [-1, -1]. A line
    /// counts as found if a finding overlaps the value, or, without one, the line. Fields of other names
    /// are skipped, and markers that allow a line are not heeded
    Bench(BenchArgs),
}

/// What is scored, and how it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// The labelled lines
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Count findings of at least this confidence [default: medium]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) min_confidence: Option<ConfidenceChoice>,

    /// How to write the result
    #[arg(long, short, value_enum, default_value_t = BenchFormat::Human, value_name = "FORMAT")]
    pub(crate) format: BenchFormat,

    /// List the lines of this kind, too; may be given more than once
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) list: Vec<Listed>,

    /// Show the values of the lines that are listed
    #[arg(long, requires = "list")]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
}

/// How the result of labelled lines is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchFormat {
    /// A table for people
    Human,
    /// One JSON document
    Json,
}

/// Labelled lines that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// Secrets that are not found
    Missed,
    /// What is found and is no secret
    False,
}

impl Listed {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::False => "false",
        }
    }
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
    #[command(flatten)]
    Run(GitHook),
}

/// Without a choice: pre-commit, commit-msg and pre-push; pre-receive in a bare repository
#[derive(Debug, clap::Args)]
pub(crate) struct HookInstallArgs {
    /// Install for all repositories of this user
    #[arg(long)]
    pub(crate) global: bool,

    /// Scan what commits, merges and patches add
    #[arg(long)]
    pub(crate) pre_commit: bool,

    /// Scan the messages of commits and patches
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

/// What git calls. Each reads what git gives it, says nothing if all is well, and else blocks.
#[derive(Debug, Subcommand)]
pub(crate) enum GitHook {
    /// Scan what is staged (run by git before a commit)
    PreCommit {
        /// Files that a hook manager names: scanned whole, if it was not git that started the hook
        /// and not all of them are staged
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        options: HookOptions,
    },
    /// Scan what is staged (run by git before it commits a merge)
    PreMergeCommit(HookOptions),
    /// Scan what is staged (run by 'git am' before it commits a patch)
    PreApplypatch(HookOptions),
    /// Scan a commit message (run by git)
    CommitMsg {
        /// The file that holds it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        options: HookOptions,
    },
    /// Scan the message of a patch (run by 'git am')
    ApplypatchMsg {
        /// The file that holds it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        options: HookOptions,
    },
    /// Scan what the remote does not have (run by git before a push; reads the refs from standard input)
    PrePush {
        /// The remote's name
        #[arg(value_name = "REMOTE")]
        remote: Option<String>,
        /// Its address, which is not needed
        #[arg(value_name = "URL")]
        url: Option<OsString>,
        /// Files that a hook manager names, from the first argument on
        #[arg(hide = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        options: HookOptions,
    },
    /// Scan what is pushed (run by git on a server; reads the refs from standard input)
    PreReceive {
        /// Let a push option 'unleak-skip=REASON' of the pusher pass what would be blocked
        #[arg(long)]
        allow_skip: bool,
        #[command(flatten)]
        options: HookOptions,
    },
    /// Scan what is pushed to one ref (run by git on a server)
    Update {
        /// The ref
        #[arg(value_name = "REF")]
        name: OsString,
        /// What it names now
        #[arg(value_name = "OLD")]
        old: OsString,
        /// What it shall name
        #[arg(value_name = "NEW")]
        new: OsString,
        #[command(flatten)]
        options: HookOptions,
    },
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

/// Whose settings are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The repository
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
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

/// Which objects are listed.
#[derive(Debug, clap::Args)]
pub(crate) struct ObjectsArgs {
    /// The repository
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Only objects of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: Option<KindChoice>,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindChoice {
    /// Files
    Blob,
    /// Directories
    Tree,
    /// Commits
    Commit,
    /// Annotated tags
    Tag,
}

/// What to do with what is kept.
#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the repositories whose reports are kept
    Show {
        /// Where they are, instead of $XDG_CACHE_HOME/unleak
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
    /// Add what other directories keep: of workers that scanned parts, or of another machine
    Merge {
        /// The directories
        #[arg(value_name = "DIR", required = true)]
        from: Vec<PathBuf>,

        /// Where it is added, instead of $XDG_CACHE_HOME/unleak
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
    /// Forget all of them
    Clear {
        /// Where they are, instead of $XDG_CACHE_HOME/unleak
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print all settings, and where each comes from
    Show(ConfigArgs),
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

    /// Only secrets that were ever in files of this class: production, test, documentation, vendored,
    /// generated, lock-file or translation; may be given more than once
    #[arg(long, value_name = "CLASS", value_parser = path_classes())]
    pub(crate) path_class: Vec<PathClass>,

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
    let names = PathClass::ALL.map(PathClass::slug);
    PossibleValuesParser::new(names).map(|name| {
        let mut classes = PathClass::ALL.into_iter();
        let named = classes.find(|class| class.slug() == name);
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

/// What is scanned, and how it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// The repository: a worktree or a directory in it, a bare repository, a .git directory; or a
    /// bundle; or '-' for one text on standard input
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Scan only what is staged and new against HEAD
    #[arg(long, conflicts_with_all = ["range", "since"])]
    pub(crate) staged: bool,

    /// Scan only what the commits A..B bring in: those that B reaches and A does not
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,

    /// Scan only what commits after this date bring in (of all refs, or of --range)
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,

    /// Scan only the I-th of N parts of all objects, whole delta trees each; with --state, what is
    /// learned can be put together by 'unleak state merge', and a scan of everything then tells the
    /// story; 'auto' asks Slurm or Kubernetes, as 'estate scan' does
    #[arg(long, value_name = "I/N", conflicts_with_all = ["staged", "range", "since", "files", "worktree", "git_dir"])]
    pub(crate) shard: Option<String>,

    /// Scan only the objects whose ids the file lists, a line each ('-' is standard input); what else
    /// stands on a line is passed over, as 'unleak objects' prints it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["staged", "range", "since", "files", "worktree", "git_dir", "shard"])]
    pub(crate) oids_from: Option<PathBuf>,

    /// Scan files and directories as they are, whether they are in a repository or not
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["staged", "range", "since"])]
    pub(crate) files: Vec<PathBuf>,

    /// Scan the worktree too: files that are modified or untracked
    #[arg(long, conflicts_with_all = ["staged", "range", "since", "files"])]
    pub(crate) worktree: bool,

    /// Scan the files of the git directory too: configuration, messages, rebase state, hooks, LFS and
    /// annex stores, temporary objects, objects of submodules, and modified or untracked files of linked
    /// worktrees; --worktree implies it
    #[arg(long, conflicts_with_all = ["staged", "range", "since", "files"])]
    pub(crate) git_dir: bool,

    /// With --worktree: files that git ignores, too
    #[arg(long, requires = "worktree")]
    pub(crate) ignored: bool,

    /// What standard input is called in the report
    #[arg(long, value_name = "NAME", default_value = "standard input")]
    pub(crate) stdin_name: String,

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

    /// Report keys that are meant to be public, too
    #[arg(long)]
    pub(crate) public_keys: bool,

    /// Show the secrets in full: the report must then be kept as secret as they are
    #[arg(long)]
    pub(crate) show_secrets: bool,

    #[command(flatten)]
    pub(crate) length: LengthOptions,

    /// Report lines that carry an inline allow marker, too
    #[arg(long)]
    pub(crate) no_inline_allow: bool,

    /// Report what the files in '.unleak' suppress, too
    #[arg(long)]
    pub(crate) no_ignore: bool,

    #[command(flatten)]
    pub(crate) state: StateOptions,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,

    #[command(flatten)]
    pub(crate) known: KnownOptions,

    #[command(flatten)]
    pub(crate) filter: FilterOptions,

    #[command(flatten)]
    pub(crate) validation: ScanValidation,

    /// Largest object to read, in MiB; without it, those that must be held in memory (deltas,
    /// archives) may have 1024, others any size
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) max_object_size: Option<u64>,

    /// Multiply what a scan may hold in memory and do, in proportion to the bytes it is given; 0 lifts
    /// the limit
    ///
    /// A few hundred bytes of deltas or archives can stand for gigabytes. What the budget does not
    /// cover is named in the report, and the status is 3. See 'Limits' in docs/scan.md.
    #[arg(long, value_name = "FACTOR", value_parser = unleak::odb::budget::Budget::thousandths)]
    pub(crate) budget: Option<u64>,

    /// Layers of encodings and archives to open inside of each other; 0 opens none
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=16))]
    pub(crate) max_depth: u32,

    /// Largest amount to unpack from one archive, in MiB
    #[arg(long, default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4095))]
    pub(crate) max_unpacked: u64,

    /// Largest ratio of unpacked to packed size
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) max_ratio: u64,

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
