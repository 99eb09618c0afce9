//! Finds the hooks directory of a repository in the same way as git (githooks(5),
//! `core.hooksPath`).
//!
//! Reads the complete configuration: this is the user's own repository, in which git runs hooks
//! anyway, not a scanned repository of somebody else.

use std::path::{Path, PathBuf};

use gix::config::Source;

use super::framework::Managed;
use crate::error::{Error, Result};
use crate::git::repository::{cannot_open, git_dir_above};

/// The hooks of a repository.
#[derive(Clone, Debug)]
pub struct HooksPlace {
    /// The directory in which git looks for hooks. It may be missing.
    pub hooks: PathBuf,
    /// Why this directory is used.
    pub reason: HooksPathReason,
    /// The top of the worktree; `None` if the repository is bare.
    pub top: Option<PathBuf>,
    /// The `.git` directory of this worktree.
    pub git_dir: PathBuf,
    /// The `.git` directory that all worktrees share.
    pub common_dir: PathBuf,
    /// The framework that manages the hooks, if there is one.
    pub managed: Option<Managed>,
}

/// Why a hooks directory is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HooksPathReason {
    /// It is the default.
    Default,
    /// `core.hooksPath` is set, in this scope of git's configuration.
    Configured(&'static str),
}

impl HooksPlace {
    /// Finds the hooks of the repository that `path` is in.
    ///
    /// # Errors
    /// `Repository` if there is no repository, `Config` if `core.hooksPath` is invalid.
    pub fn find(path: &Path) -> Result<Self> {
        let start = absolute(path)?;
        let found = gix::ThreadSafeRepository::discover_with_environment_overrides(&start);
        let found = found.map_err(|e| {
            let named = std::env::var_os("GIT_DIR").map(PathBuf::from);
            match named.or_else(|| git_dir_above(&start)) {
                Some(git_dir) => cannot_open(&git_dir, e),
                None => {
                    Error::repository(format!("'{}' is not in a git repository", path.display()))
                        .hint("go to one, or install for all repositories with '--global'")
                }
            }
        })?;
        let git: gix::Repository = found.to_thread_local();
        let git_dir = absolute(git.git_dir())?;
        let common_dir = absolute(git.common_dir())?;
        let top = git.workdir().map(absolute).transpose()?;
        let snapshot = git.config_snapshot();
        let configured = snapshot.trusted_path("core.hooksPath").map_err(|_| {
            Error::config("core.hooksPath cannot be understood")
                .hint("it must be a path; '~name' at its begin must be a user of this machine")
        })?;
        let (hooks, reason) = match configured {
            None => (common_dir.join("hooks"), HooksPathReason::Default),
            Some(dir) => {
                let set = snapshot.plumbing().raw_value_with_section("core.hooksPath");
                let scope = set.map_or("unknown", |(_, section)| scope(section.meta().source));
                // A relative path begins at the directory in which git runs hooks.
                let base = top.as_deref().unwrap_or(&git_dir);
                (base.join(dir), HooksPathReason::Configured(scope))
            }
        };
        let managed = top.as_deref().and_then(|top| Managed::detect(top, &hooks));
        Ok(Self {
            hooks,
            reason,
            top,
            git_dir,
            common_dir,
            managed,
        })
    }

    /// Checks that the hooks path is a directory or does not exist.
    ///
    /// # Errors
    /// `Config` if it is something else.
    pub fn check_hooks(&self) -> Result<()> {
        if !self.hooks.exists() || self.hooks.is_dir() {
            return Ok(());
        }
        let hooks = self.hooks.display();
        let what = format!("'{hooks}' is no directory, so git runs no hooks here");
        Err(match &self.reason {
            HooksPathReason::Default => Error::config(what).hint("move it out of the way"),
            HooksPathReason::Configured("command") => Error::config(what)
                .hint("core.hooksPath is set by '-c' or a variable: run this without that"),
            HooksPathReason::Configured(scope) => Error::config(what).hint(format!(
                "core.hooksPath says so: 'git config --{scope} --unset core.hooksPath', and run this again"
            )),
        })
    }

    /// Returns the directory in which git runs the hooks of commits and pushes.
    pub fn start(&self) -> &Path {
        self.top.as_deref().unwrap_or(&self.git_dir)
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(|e| Error::io("find", path, e))
}

/// Returns git's name for the scope of a setting (`git config --show-scope`).
fn scope(source: Source) -> &'static str {
    match source {
        Source::GitInstallation | Source::System => "system",
        Source::Git | Source::User => "global",
        Source::Local => "local",
        Source::Worktree => "worktree",
        Source::Env | Source::Cli | Source::Api | Source::EnvOverride => "command",
    }
}
