//! What git runs: silent if all is well; else it says why it blocks, on standard error, and ends
//! with a status that is not zero, whatever went wrong.

use std::io::{IsTerminal, Read};
use std::path::Path;

use unleak::audit::text::text;
use unleak::audit::{Audit, changes};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::hook::input::{self, RefUpdate};
use unleak::odb::repository::Repository;
use unleak::odb::{ObjectId, Skipped};
use unleak::report::redact::Reveal;
use unleak::report::{Blocked, Source};
use unleak::scan::commits::Range;

use crate::args::{Args, GitHook, HookOptions};
use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::ignore;
use crate::settings::{self, HookSettings};
use crate::ui;

/// The variable that lets one commit or push pass.
const SKIP: &str = "UNLEAK_SKIP";

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

/// Runs one hook.
pub(crate) fn run(args: &Args, command: &GitHook) -> Result<Exit> {
    let (blocked, options) = match command {
        GitHook::PreCommit(options) | GitHook::PreMergeCommit(options) => (COMMIT, options),
        GitHook::CommitMsg { options, .. } => (MESSAGE, options),
        GitHook::PrePush { options, .. } => (PUSH, options),
        GitHook::PreReceive { options, .. } | GitHook::Update { options, .. } => (RECEIVE, options),
    };
    if let Some(reason) = skip_reason(command) {
        let what = "was not scanned for secrets";
        ui::warn(&format!("this {} {what}: {SKIP}: {reason}", blocked.event));
        return Ok(Exit::Clean);
    }
    check(args, command, options, &blocked).map_err(|error| {
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
    args: &Args,
    command: &GitHook,
    options: &HookOptions,
    blocked: &Blocked<'_>,
) -> Result<Exit> {
    let repo = Repository::discover(Path::new("."), &settings::overrides())?;
    let layers = Layers::load(&options.rules.config, Some(&repo))?;
    layers.warn();
    let mut settings = HookSettings::resolve(options, &layers)?;
    let detector = Detector::compile(std::mem::take(&mut settings.rules))?;
    let suppressions = config::suppressions(Some(&repo), &layers, options.no_ignore)?;
    let Some(mut audit) = audit(command, &repo, &settings, &detector)? else {
        return Ok(Exit::Clean);
    };
    ignore::apply(&suppressions, &mut audit)?;
    let exit = Exit::of(&audit);
    if exit == Exit::Clean {
        return Ok(exit);
    }
    let paint = settings::paint(args.color, &std::io::stderr());
    settings::apply(paint);
    let source = Source {
        audit: &audit,
        rules: detector.rules(),
        subject: "",
        web: None,
        reveal: Reveal::Redacted,
    };
    ui::write(&source.document().block_message(blocked, paint));
    Ok(exit)
}

/// Scans what the hook is about; `None` if it is about nothing.
fn audit(
    command: &GitHook,
    repo: &Repository,
    settings: &HookSettings,
    detector: &Detector,
) -> Result<Option<Audit>> {
    if let GitHook::CommitMsg { file, .. } = command {
        let bytes = std::fs::read(file).map_err(|e| Error::io("read", file, e))?;
        let message = input::message(&bytes);
        return text("the commit message", message, detector, &settings.audit).map(Some);
    }
    let mut unread = Vec::new();
    let range = match command {
        GitHook::PrePush { remote, .. } => pushed(repo, remote.as_deref(), &mut unread)?,
        GitHook::PreReceive { .. } => received(repo, &input::pre_receive(&standard_input()?)?)?,
        GitHook::Update { name, old, new, .. } => {
            let [name, old, new] = [name, old, new].map(|text| text.as_encoded_bytes());
            received(repo, &[input::update_arguments(name, old, new)?])?
        }
        _ => {
            return changes::staged(repo, &settings.overrides, detector, &settings.audit).map(Some);
        }
    };
    if range.tips.is_empty() && unread.is_empty() {
        return Ok(None);
    }
    let (overrides, options) = (&settings.overrides, &settings.audit);
    changes::range(repo, overrides, &range, unread, detector, options).map(Some)
}

/// What a push brings to the remote: what its remote-tracking refs, and the refs to be moved, do
/// not reach. Refs that cannot be read, and could be pushed, are added to `unread`.
fn pushed(repo: &Repository, remote: Option<&str>, unread: &mut Vec<Skipped>) -> Result<Range> {
    let updates = input::pre_push(&standard_input()?)?;
    let mut range = ends(&updates);
    let mut remote = remote.map(str::to_owned);
    if let Some(name) = std::env::var_os("PRE_COMMIT_REMOTE_NAME").filter(|_| updates.is_empty()) {
        // A hook manager that does not hand on which refs are pushed, or only the first: all that
        // could be pushed is looked at.
        remote = Some(name.to_string_lossy().into_owned());
        for below in ["refs/heads/", "refs/tags/"] {
            let (tips, skipped) = repo.refs_below(below)?;
            range.tips.extend(tips);
            unread.extend(skipped);
        }
    }
    // A push to an address has no remote-tracking refs.
    if let Some(name) = remote.filter(|name| is_ref_name(name)) {
        let tracking = format!("refs/remotes/{name}/");
        range.hidden.extend(repo.refs_below(&tracking)?.0);
    }
    Ok(range)
}

/// What a push brings to this repository: what none of its refs reaches.
fn received(repo: &Repository, updates: &[RefUpdate]) -> Result<Range> {
    let mut range = ends(updates);
    range.hidden.extend(repo.refs_below("")?.0);
    Ok(range)
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
