//! What hook managers such as pre-commit say in variables: which files, commits or push they mean.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use gix::bstr::BString;
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::odb::{ObjectId, Skipped};
use unleak::report::escape::escape;
use unleak::scan::changes::commits::Range;

use crate::args::GitHook;
use crate::ui;

/// What a hook manager wants to be scanned, when it was not git that started it: `pre-commit run` in
/// CI, or by hand.
pub(super) enum Manager {
    /// What the commits between two revisions bring in.
    Range(String),
    /// Some files, as they are in the worktree.
    Files(Vec<PathBuf>),
    /// Every file of the index: which ones are meant is not told.
    Index,
}

impl Manager {
    /// Reads it from the environment and the arguments; `None` if git started the hook, or somebody
    /// by hand.
    pub(super) fn of(command: &GitHook) -> Result<Option<Self>> {
        let files = match command {
            // git names the index that it is about to commit.
            GitHook::PreCommit { .. } | GitHook::PreMergeCommit(_) if is_set("GIT_INDEX_FILE") => {
                return Ok(None);
            }
            GitHook::PreCommit { files, .. } => files.clone(),
            GitHook::PreMergeCommit(_) => Vec::new(),
            // git names the remote, and writes the refs; a manager names the remote in a variable.
            GitHook::PrePush { .. } if is_set(REMOTE_NAME) => return Ok(None),
            GitHook::PrePush {
                remote, url, files, ..
            } if is_set(MANAGED) => {
                let first = remote.iter().map(PathBuf::from);
                let second = url.iter().map(PathBuf::from);
                first.chain(second).chain(files.iter().cloned()).collect()
            }
            GitHook::PrePush { files, .. } if !files.is_empty() => {
                return Err(Error::usage("a push has one remote and one address")
                    .hint("this hook is run by git, which gives it no more than these"));
            }
            GitHook::PrePush { remote, .. } if remote.is_some() => return Ok(None),
            GitHook::PrePush { .. } => Vec::new(),
            _ => return Ok(None),
        };
        if let Some((from, to)) = named_range()? {
            return Ok(Some(Self::Range(format!("{from}..{to}"))));
        }
        if !files.is_empty() {
            return Ok(Some(Self::Files(files)));
        }
        Ok(is_set(MANAGED).then_some(Self::Index))
    }
}

/// What a hook manager says about a push that git started: it keeps the list of refs to itself, and
/// names the first of them.
pub(super) struct ManagedPush {
    pub(super) remote: String,
}

impl ManagedPush {
    /// Reads it from the environment; `None` if git runs the hook itself.
    pub(super) fn of_manager() -> Option<Self> {
        let remote = variable(REMOTE_NAME)?;
        Some(Self {
            remote: remote.to_string_lossy().into_owned(),
        })
    }

    /// Adds what is pushed to `range`, which hides what the remote has. If it is not told what that is,
    /// everything that could be pushed is added; refs that cannot be read are added to `unread`.
    pub(super) fn add_to(
        &self,
        range: &mut Range,
        repo: &Repository,
        unread: &mut Vec<Skipped>,
    ) -> Result<()> {
        let (mut others, mut unreadable) = (Vec::new(), Vec::new());
        for below in ["refs/heads/", "refs/tags/"] {
            let (tips, skipped) = repo.refs_below(below)?;
            others.extend(tips);
            unreadable.extend(skipped);
        }
        let local = variable("PRE_COMMIT_LOCAL_BRANCH");
        let local = local.map(|name| name.to_string_lossy().into_owned());
        let read = match named_range()? {
            Some((from, to)) => {
                range.tips.push(commit(repo, &to)?);
                range.hidden.push(commit(repo, &from)?);
                format!("{}..{}", short(&from), short(&to))
            }
            // The whole history of a branch that the remote does not have yet.
            None => match local.as_ref().and_then(|name| commit(repo, name).ok()) {
                Some(tip) => {
                    range.tips.push(tip);
                    "all its commits".to_owned()
                }
                None => {
                    range.tips.extend(others);
                    unread.extend(unreadable);
                    return Ok(());
                }
            },
        };
        // Those that the remote has, or that are read, need no word.
        let known: HashSet<ObjectId> = range.tips.iter().chain(&range.hidden).copied().collect();
        if others.iter().any(|tip| !known.contains(tip)) {
            let name = local.as_deref().unwrap_or("the first ref");
            ui::warn(&format!(
                "only '{}' was read ({}): the hook manager does not tell whether more refs are pushed",
                escape(name.as_bytes()),
                escape(read.as_bytes()),
            ));
        }
        Ok(())
    }

    /// The ref that is pushed to, if the remote does not have it yet.
    pub(super) fn new_ref(&self, repo: &Repository) -> Result<Option<BString>> {
        let Some(name) = variable("PRE_COMMIT_REMOTE_BRANCH") else {
            return Ok(None);
        };
        let name = BString::from(name.as_encoded_bytes());
        let short = name.strip_prefix(b"refs/heads/").unwrap_or(&name);
        let tracking = [b"refs/remotes/", self.remote.as_bytes(), b"/", short].concat();
        Ok(repo.find_ref(&tracking)?.is_none().then_some(name))
    }
}

/// An id in the length that people read; any other name as it is.
fn short(name: &str) -> &str {
    match ObjectId::from_hex(name.as_bytes()) {
        Ok(_) => &name[..SHORT_ID],
        Err(_) => name,
    }
}

fn commit(repo: &Repository, name: &str) -> Result<ObjectId> {
    // Ids may be of objects that only the environment names.
    if let Ok(id) = ObjectId::from_hex(name.as_bytes()) {
        return Ok(id);
    }
    let ends = repo.revisions(name)?;
    ends.tips.into_iter().next().ok_or_else(|| {
        Error::usage(format!("'{name}' is no name of a commit"))
            .hint("the hook manager named it; 'git rev-parse' tells what git makes of it")
    })
}

/// The commits that a manager names, if it names both.
fn named_range() -> Result<Option<(String, String)>> {
    let names = ["PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF"];
    let [Some(from), Some(to)] = names.map(variable) else {
        return Ok(None);
    };
    let text = |value: OsString, name: &str| {
        value
            .into_string()
            .map_err(|_| Error::usage(format!("{name} is no name of a commit")))
    };
    Ok(Some((text(from, names[0])?, text(to, names[1])?)))
}

/// Digits of an id that are shown.
const SHORT_ID: usize = 10;
/// Says that a manager runs the hook.
const MANAGED: &str = "PRE_COMMIT";
/// Says where a push goes.
const REMOTE_NAME: &str = "PRE_COMMIT_REMOTE_NAME";

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| value != OsStr::new(""))
}

/// Whether a variable has a value.
pub(super) fn is_set(name: &str) -> bool {
    variable(name).is_some()
}
