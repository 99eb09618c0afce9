//! What was typed. No behaviour.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::options::{
    ConfidenceChoice, FilterOptions, HookOptions, KnownOptions, LengthOptions, ReportOptions,
    RuleOptions, ScanValidation, StateOptions,
};

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
    /// around it, and "value", [START, END) of the value in characters of "text"; -1 means unknown. A line
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
    pub(crate) list: Vec<ListedLines>,

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
pub(crate) enum ListedLines {
    /// Secrets that are not found
    Missed,
    /// What is found and is no secret
    False,
}

impl ListedLines {
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

/// Whose settings are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The repository
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,
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

    #[command(flatten)]
    pub(crate) report: ReportOptions,

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
