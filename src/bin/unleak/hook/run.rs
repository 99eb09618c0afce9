//! What git runs: silent if all is well; else it says why it blocks, on standard error, and ends
//! with a status that is not zero, whatever went wrong.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use gix::bstr::BString;
use unleak::audit::text::text;
use unleak::audit::{self, Audit, changes};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::finding::Place;
use unleak::git::repository::Repository;
use unleak::git::revision::RangeEnds;
use unleak::hook::input::{self, RefUpdate};
use unleak::odb::{ObjectId, ObjectKind, Skipped};
use unleak::report::redact::Reveal;
use unleak::report::{Blocked, ReportSource};
use unleak::scan::changes::commits::Range;

use crate::args::GitHook;
use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::hook::manager::{ManagedPush, Manager, is_set};
use crate::ignore;
use crate::options::CommonOptions;
use crate::options::HookOptions;
use crate::settings::{self, HookSettings};
use crate::ui;

/// The variable that lets one commit or push pass.
pub(super) const SKIP: &str = "UNLEAK_SKIP";

const COMMIT: Blocked<'_> = Blocked {
    event: "commit",
    remove: "read it from the environment or a secret store instead, then 'git add' the file again",
    skip: Some("UNLEAK_SKIP='reason' git commit ..."),
};
const MESSAGE: Blocked<'_> = Blocked {
    event: "commit",
    remove: "take it out of the message; what you wrote is kept: 'git commit -eF .git/COMMIT_EDITMSG'",
    skip: Some("UNLEAK_SKIP='reason' git commit ..."),
};
const PATCH: Blocked<'_> = Blocked {
    event: "patch",
    remove: "take it out of the files, 'git add' them and run 'git am --continue'; or 'git am --abort', and change the patch",
    skip: Some("UNLEAK_SKIP='reason' git am --continue"),
};
const PATCH_MESSAGE: Blocked<'_> = Blocked {
    event: "patch",
    remove: "'git am --abort', and take it out of the patch's message",
    skip: Some("UNLEAK_SKIP='reason' git am ..."),
};
/// A hook manager that was not started by git asks for it.
const CHECK: Blocked<'_> = Blocked {
    event: "check",
    remove: "read it from the environment or a secret store instead; if it was committed, 'unleak purge' takes it out of history",
    skip: Some("UNLEAK_SKIP='reason' pre-commit run ..."),
};
const PUSH: Blocked<'_> = Blocked {
    event: "push",
    remove: "change the commits that bring it in: 'git commit --amend' for the last, 'git rebase -i' for others",
    skip: Some("UNLEAK_SKIP='reason' git push ..."),
};
const RECEIVE: Blocked<'_> = Blocked {
    event: "push",
    remove: "change the commits that bring it in: 'git commit --amend' for the last, 'git rebase -i' for others",
    skip: None,
};

/// How to remove what stands in the name of a ref.
const RENAME: &str = "push it under another name: 'git push REMOTE BRANCH:refs/heads/NAME'";

/// Runs one hook.
pub(crate) fn run(args: &CommonOptions, command: &GitHook) -> Result<Exit> {
    let (mut blocked, options) = match command {
        GitHook::PreCommit { options, .. } | GitHook::PreMergeCommit(options) => (COMMIT, options),
        GitHook::PreApplypatch(options) => (PATCH, options),
        GitHook::CommitMsg { options, .. } => (MESSAGE, options),
        GitHook::ApplypatchMsg { options, .. } => (PATCH_MESSAGE, options),
        GitHook::PrePush { options, .. } => (PUSH, options),
        GitHook::PreReceive { options, .. } | GitHook::Update { options, .. } => (RECEIVE, options),
    };
    let manager = Manager::of(command)?;
    if manager.is_some() {
        blocked = CHECK;
    }
    if let Some(reason) = skip_reason(command) {
        let what = "was not scanned for secrets";
        ui::warn(&format!("this {} {what}: {SKIP}: {reason}", blocked.event));
        return Ok(Exit::Clean);
    }
    check(args, (command, manager.as_ref()), options, &blocked).map_err(|error| {
        ui::warn(&format!(
            "{} blocked: it could not be scanned",
            blocked.event
        ));
        if let (Some(skip), None) = (blocked.skip, error.hint_text()) {
            return error.hint(format!(
                "to let this one pass unread, on the record: {skip}"
            ));
        }
        error
    })
}

fn check(
    args: &CommonOptions,
    (command, manager): (&GitHook, Option<&Manager>),
    options: &HookOptions,
    blocked: &Blocked<'_>,
) -> Result<Exit> {
    let repo = Repository::discover(Path::new("."), &settings::overrides())?;
    let layers = Layers::load(&options.rules.config, Some(&repo))?;
    layers.warn();
    let mut settings = HookSettings::resolve(options, &layers)?;
    let detector = Detector::compile(std::mem::take(&mut settings.rules))?;
    let suppressions = config::suppressions(Some(&repo), &layers, options.no_ignore)?;
    let job = HookJob {
        repo: &repo,
        settings: &settings,
        detector: &detector,
    };
    let audit = match manager {
        Some(manager) => Some(job.managed(manager)?),
        None => job.audit(command)?,
    };
    let Some(mut audit) = audit else {
        return Ok(Exit::Clean);
    };
    ignore::apply(&suppressions, &mut audit)?;
    let exit = Exit::of(&audit);
    if exit == Exit::Clean {
        let blobs = audit.coverage.kinds.get(&ObjectKind::Blob);
        let is_by_hand = matches!(command, GitHook::PreCommit { .. }) && !is_set("GIT_INDEX_FILE");
        if is_by_hand && blobs.is_none_or(|blobs| blobs.scanned == 0) {
            ui::warn("nothing new is staged, so nothing was scanned");
        }
        return Ok(exit);
    }
    let blocked = &Blocked {
        remove: match in_refs_alone(&audit) {
            true => RENAME,
            false => blocked.remove,
        },
        ..*blocked
    };
    let paint = settings::paint(args.color, &std::io::stderr());
    settings::apply(paint);
    let source = ReportSource {
        audit: &audit,
        rules: detector.rules(),
        subject: "",
        web: None,
        reveal: Reveal::Redacted,
    };
    ui::write(&source.document().block_message(blocked, paint));
    Ok(exit)
}

/// What a hook scans with.
struct HookJob<'a> {
    repo: &'a Repository,
    settings: &'a HookSettings,
    detector: &'a Detector,
}

impl HookJob<'_> {
    /// Scans what the hook is about; `None` if it is about nothing.
    fn audit(&self, command: &GitHook) -> Result<Option<Audit>> {
        let repo = self.repo;
        let mut unread = Vec::new();
        let (range, refs) = match command {
            GitHook::CommitMsg { file, .. } => {
                let bytes = std::fs::read(file).map_err(|e| Error::io("read", file, e))?;
                return self.message("the commit message", input::message(&bytes));
            }
            GitHook::ApplypatchMsg { file, .. } => {
                let bytes = std::fs::read(file).map_err(|e| Error::io("read", file, e))?;
                return self.message("the message of the patch", &bytes);
            }
            GitHook::PrePush { remote, .. } => pushed(repo, remote.as_deref(), &mut unread)?,
            GitHook::PreReceive { .. } => received(repo, &input::pre_receive(&standard_input()?)?)?,
            GitHook::Update { name, old, new, .. } => {
                let [name, old, new] = [name, old, new].map(|text| text.as_encoded_bytes());
                received(repo, &[input::update_arguments(name, old, new)?])?
            }
            _ => return self.staged().map(Some),
        };
        if range.tips.is_empty() && unread.is_empty() {
            return Ok(None);
        }
        let mut audit = self.range(&range, unread)?;
        changes::add_refs(&mut audit, &refs, self.detector, &self.settings.audit);
        Ok(Some(audit))
    }

    /// Scans what a hook manager asks for.
    fn managed(&self, manager: &Manager) -> Result<Audit> {
        let (overrides, options) = (&self.settings.overrides, &self.settings.audit);
        match manager {
            Manager::Range(text) => {
                let RangeEnds { tips, hidden } = self.repo.revisions(text)?;
                let range = Range {
                    tips,
                    hidden,
                    since: None,
                };
                self.range(&range, Vec::new())
            }
            // All that is named is about to be committed: judge it as before a commit.
            Manager::Files(files) if self.are_staged(files)? => self.staged(),
            Manager::Files(files) => {
                // Submodules are directories.
                let files: Vec<PathBuf> = files.iter().filter(|f| !f.is_dir()).cloned().collect();
                audit::files::files(&files, &[], self.detector, options)
            }
            Manager::Index => changes::index(self.repo, overrides, self.detector, options),
        }
    }

    fn staged(&self) -> Result<Audit> {
        let (overrides, options) = (&self.settings.overrides, &self.settings.audit);
        changes::staged(self.repo, overrides, self.detector, options)
    }

    fn range(&self, range: &Range, unread: Vec<Skipped>) -> Result<Audit> {
        let (overrides, options) = (&self.settings.overrides, &self.settings.audit);
        changes::range(self.repo, overrides, range, unread, self.detector, options)
    }

    fn message(&self, name: &str, bytes: &[u8]) -> Result<Option<Audit>> {
        text(name, bytes, self.detector, &self.settings.audit).map(Some)
    }

    /// Whether the index has something new at each of these paths.
    fn are_staged(&self, files: &[PathBuf]) -> Result<bool> {
        let Some(top) = self.repo.git().workdir() else {
            return Ok(false);
        };
        let absolute = |path: &Path| {
            let path = std::path::absolute(path);
            path.map_err(|e| Error::io("find", "the current directory".as_ref(), e))
        };
        let top = absolute(top)?;
        let (overrides, options) = (&self.settings.overrides, &self.settings.audit);
        let staged = changes::staged_paths(self.repo, overrides, options)?;
        for file in files {
            let file = absolute(file)?;
            let below = file.strip_prefix(&top).ok();
            let is_staged = |below: &Path| {
                let path = below.as_os_str().as_encoded_bytes();
                staged.binary_search_by(|other| other[..].cmp(path)).is_ok()
            };
            if !below.is_some_and(is_staged) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Refs that a push makes, and what each names.
type NewRefs = Vec<(BString, ObjectId)>;

/// What a push brings to the remote: what its remote-tracking refs, and the refs to be moved, do
/// not reach. Refs that cannot be read, and could be pushed, are added to `unread`.
fn pushed(
    repo: &Repository,
    remote: Option<&str>,
    unread: &mut Vec<Skipped>,
) -> Result<(Range, NewRefs)> {
    let updates = input::pre_push(&standard_input()?)?;
    let (mut range, mut refs) = (ends(&updates), new_refs(&updates));
    let push = ManagedPush::of_manager();
    let remote = match &push {
        Some(push) => Some(&push.remote[..]),
        None => remote,
    };
    // A push to an address has no remote-tracking refs.
    if let Some(name) = remote.filter(|name| is_ref_name(name)) {
        let tracking = format!("refs/remotes/{name}/");
        range.hidden.extend(repo.refs_below(&tracking)?.0);
    }
    if let Some(push) = push.filter(|_| updates.is_empty()) {
        push.add_to(&mut range, repo, unread)?;
        refs.extend(push.new_ref(repo)?.zip(range.tips.first().copied()));
    }
    Ok((range, refs))
}

/// What a push brings to this repository: what none of its refs reaches, and the names of new refs.
fn received(repo: &Repository, updates: &[RefUpdate]) -> Result<(Range, NewRefs)> {
    let mut range = ends(updates);
    range.hidden.extend(repo.refs_below("")?.0);
    Ok((range, new_refs(updates)))
}

/// The refs that a push makes: the names of others are known already.
fn new_refs(updates: &[RefUpdate]) -> NewRefs {
    let made = updates.iter().filter(|update| update.old.is_none());
    made.filter_map(|update| Some((update.name.clone(), update.new?)))
        .collect()
}

/// Whether all that was found stands in names of refs.
fn in_refs_alone(audit: &Audit) -> bool {
    let mut places = audit.findings.iter().flat_map(|found| &found.occurrences);
    !audit.findings.is_empty() && places.all(|found| found.spot.place == Place::Ref)
}

fn ends(updates: &[RefUpdate]) -> Range {
    let ids = |of: fn(&RefUpdate) -> Option<ObjectId>| updates.iter().filter_map(of).collect();
    Range {
        tips: ids(|update| update.new),
        hidden: ids(|update| update.old),
        since: None,
    }
}

fn is_ref_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(':') && !name.starts_with(['/', '.'])
}

fn standard_input() -> Result<Vec<u8>> {
    let mut input = Vec::new();
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        return Ok(input);
    }
    stdin
        .read_to_end(&mut input)
        .map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
    Ok(input)
}

/// Why this commit or push is to pass unread, if somebody said so: on a server only a pusher can,
/// and only if its owner allows it.
fn skip_reason(command: &GitHook) -> Option<String> {
    let env = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    match command {
        GitHook::PreReceive { allow_skip, .. } => {
            let count: usize = env("GIT_PUSH_OPTION_COUNT")
                .filter(|_| *allow_skip)?
                .parse()
                .ok()?;
            (0..count.min(MAX_PUSH_OPTIONS))
                .filter_map(|number| env(&format!("GIT_PUSH_OPTION_{number}")))
                .find_map(|option| Some(option.strip_prefix("unleak-skip=")?.to_owned()))
                .filter(|reason| !reason.is_empty())
        }
        GitHook::Update { .. } => None,
        _ => env(SKIP),
    }
}

/// Push options that are looked at.
const MAX_PUSH_OPTIONS: usize = 1000;
