//! What was typed after `unleak purge`. No behaviour.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::options::{ConfidenceChoice, RuleOptions};

const HEAL_HELP: &str = "\
In a clone that was made before the purge:

  git fetch --all
  unleak purge heal manifest.json --finish

Objects whose new versions were fetched are taken as they are; commits of your own are made anew on top
of them. A shallow or partial clone cannot be healed: clone again. The manifest is
'.git/unleak/manifest.json' of the clone in which the purge ran; it holds no secret.";

const GUARD_HELP: &str = "\
Copy '.git/unleak/manifest.json' to the server, then let its pre-receive hook run the guard.

Plain git, beside a hook that is there already (move it to 'hooks/pre-receive.old'):

  #!/bin/sh
  refs=$(cat)
  printf '%s\\n' \"$refs\" | unleak purge guard /srv/manifest.json || exit 1
  [ ! -x hooks/pre-receive.old ] || printf '%s\\n' \"$refs\" | hooks/pre-receive.old

GitLab (self-managed): 'custom_hooks/pre-receive.d/unleak' in the repository's directory, or
'gitlab-ctl'-wide in the directory that 'gitaly[\"configuration\"][:hooks][:custom_hooks_dir]' names;
each file there reads the refs by itself: 'exec unleak purge guard /srv/manifest.json'.
Gitea, Forgejo: 'hooks/pre-receive.d/unleak' in the repository's directory, likewise.
GitHub Enterprise Server: a pre-receive hook environment with unleak and the manifest in it.
Bitbucket Data Center, Gerrit: a hook plugin that runs the command.
GitHub.com, GitLab.com, Bitbucket Cloud: no server hooks; protect the branches against force pushes.";

/// Without '--apply', only says what would change; nothing is written.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct PurgeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PurgeCommand>,

    #[command(flatten)]
    pub(crate) plan: PlanArgs,
}

/// What is erased, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// The repository: a worktree, a bare repository or a .git directory
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,

    /// Erase only the findings with these fingerprints (their first digits will do), also bare words,
    /// numbers and what is no literal
    #[arg(long, value_name = "FINGERPRINT", num_args = 1..)]
    pub(crate) finding: Vec<String>,

    /// Erase the findings of a report that 'unleak scan --format json' or 'jsonl' wrote; '-' is standard
    /// input
    #[arg(long, value_name = "REPORT", conflicts_with = "finding")]
    pub(crate) from: Option<PathBuf>,

    /// Erase the values in this file: one a line, or NAME=VALUE, or JSON, or a list of git-filter-repo or
    /// BFG (VALUE==>REPLACEMENT); '-' is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["finding", "from"])]
    pub(crate) known: Option<PathBuf>,

    /// Without a selection: erase findings of at least this confidence
    #[arg(long, value_enum, default_value_t = ConfidenceChoice::High, value_name = "LEVEL", conflicts_with_all = ["finding", "from", "known"])]
    pub(crate) min_confidence: ConfidenceChoice,

    /// Erase findings of every confidence, as '--min-confidence low'; bare words, numbers and what is
    /// no literal must be named with '--finding' even then
    #[arg(long, conflicts_with_all = ["finding", "from", "known", "min_confidence"])]
    pub(crate) all: bool,

    /// Rewrite history, after a question if there is a terminal; 'unleak purge undo' takes it back
    #[arg(long)]
    pub(crate) apply: bool,

    /// Do not ask; without a terminal, needed for values that are neither of high confidence nor named
    #[arg(long, requires = "apply")]
    pub(crate) yes: bool,

    /// Also remove the old objects and prove that the values are gone
    #[arg(long, requires = "apply")]
    pub(crate) finish: bool,

    /// With '--finish', also check the whole repository with 'git fsck'
    #[arg(long, requires = "finish")]
    pub(crate) fsck: bool,

    /// Go on with a purge that was interrupted
    #[arg(long = "continue", conflicts_with_all = ["apply", "abort"])]
    pub(crate) go_on: bool,

    /// Take back a purge that was interrupted
    #[arg(long, conflicts_with = "apply")]
    pub(crate) abort: bool,

    /// Move refs back whose new commits do not fit the restored history; the commits stay as
    /// 'NAME-since-purge'
    #[arg(long, requires = "abort")]
    pub(crate) force: bool,

    /// What to put in the place of values
    #[arg(long, value_name = "TEXT", default_value = "***REMOVED***")]
    pub(crate) replace_with: String,

    /// What to put in the place of one value, as often as you like
    #[arg(long, value_name = "FINGERPRINT=TEXT")]
    pub(crate) replace: Vec<String>,

    /// Remove a file or directory from all of history: its path from the top of the repository
    #[arg(long, value_name = "PATH")]
    pub(crate) remove_path: Vec<String>,

    /// Erase values only where a rule found them, not wherever they stand
    #[arg(long, conflicts_with = "known")]
    pub(crate) occurrence_only: bool,

    /// What to do with values in binary data
    #[arg(long, value_enum, default_value_t = BinaryChoice::Fill, value_name = "POLICY")]
    pub(crate) binary: BinaryChoice,

    /// Drop commits that change nothing any more
    #[arg(long)]
    pub(crate) prune_empty: bool,

    /// Sign commits and tags anew that were signed, with your own key, as 'git commit -S' does;
    /// colleagues cannot 'heal' to the same ids then
    #[arg(long)]
    pub(crate) resign: bool,

    /// Map commits of a submodule whose history was rewritten: its '.git/unleak/commit-map'
    #[arg(long, value_name = "FILE")]
    pub(crate) submodule_map: Vec<PathBuf>,

    /// How to write the plan or the proof
    #[arg(long, value_enum, default_value_t = PurgeFormat::Human, value_name = "FORMAT")]
    pub(crate) format: PurgeFormat,

    #[command(flatten)]
    pub(crate) rules: RuleOptions,

    /// Number of threads; 0 means one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
}

/// A repository, and nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct RepositoryArgs {
    /// The repository
    #[arg(default_value = ".", value_name = "REPO")]
    pub(crate) repository: PathBuf,
}

/// What to do with a purge.
#[derive(Debug, Subcommand)]
pub(crate) enum PurgeCommand {
    /// Take back the last purge; what was made since stays
    Undo {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Move refs back whose new commits do not fit the restored history; the commits stay as
        /// 'NAME-since-purge'
        #[arg(long)]
        force: bool,
    },
    /// Remove the old objects of the purge that was applied, and prove that the values are gone
    Finish {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Also check the whole repository with 'git fsck'
        #[arg(long)]
        fsck: bool,
        /// How to write the proof
        #[arg(long, value_enum, default_value_t = PurgeFormat::Human, value_name = "FORMAT")]
        format: PurgeFormat,
    },
    /// Delete the undo snapshot, which holds the values
    Forget {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Also those of earlier purges of this repository
        #[arg(long)]
        all: bool,
    },
    /// Say how far the last purge has come, and what is left to do on servers and in other clones
    Status {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Do not ask the remotes which of their refs still name old commits
        #[arg(long)]
        offline: bool,
    },
    /// Search everything for the values of the last purge, or of a file, and print the proof
    Verify {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Values to search for, as for 'unleak purge --known'
        #[arg(long, value_name = "FILE")]
        known: Option<PathBuf>,
        /// Ask this remote for all its refs, and for old commits and blobs by their ids
        #[arg(long, value_name = "NAME")]
        remote: Option<String>,
        /// How to write the proof
        #[arg(long, value_enum, default_value_t = PurgeFormat::Human, value_name = "FORMAT")]
        format: PurgeFormat,
    },
    /// Print the pushes that bring the new history to each remote, as commands to paste; remotes are
    /// asked for the refs that they have
    PushPlan {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Also push this ref, which the remote does not have
        #[arg(long = "ref", value_name = "REF")]
        refs: Vec<String>,
    },
    /// Print what is left to do on a server, with the ids that its support asks for; remotes are asked
    /// for their pull and merge requests
    Kit {
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Which forge; without it, as the remotes say
        #[arg(long, value_enum, value_name = "FORGE")]
        forge: Option<ForgeChoice>,
    },
    /// Bring this clone to the new history after 'git fetch --all --prune --force', with local commits on
    /// top; ends with status 3 if it cannot
    #[command(after_long_help = HEAL_HELP)]
    Heal {
        /// The colleague's '.git/unleak/manifest.json'
        #[arg(value_name = "MANIFEST")]
        manifest: PathBuf,
        #[command(flatten)]
        repository: RepositoryArgs,
        /// Also remove the old objects
        #[arg(long)]
        finish: bool,
    },
    /// Refuse pushes that bring old history back (a pre-receive hook; reads refs from standard input)
    #[command(after_long_help = GUARD_HELP)]
    Guard {
        /// The '.git/unleak/manifest.json' of the purge
        #[arg(value_name = "MANIFEST")]
        manifest: PathBuf,
    },
}

/// What to do with values in binary data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BinaryChoice {
    /// Fill them at the same length; refuse compressed data
    Fill,
    /// Fill them; put the mark in the place of compressed data
    Drop,
    /// Refuse all binary files
    Refuse,
}

/// How to write a plan or a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PurgeFormat {
    /// For people
    Human,
    /// One JSON document
    Json,
}

/// Where a remote is hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForgeChoice {
    /// GitHub
    Github,
    /// GitLab
    Gitlab,
    /// Bitbucket
    Bitbucket,
    /// Gerrit
    Gerrit,
    /// Gitea or Forgejo
    Gitea,
}
