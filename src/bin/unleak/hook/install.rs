//! `unleak hook install|uninstall|status|test`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use unleak::error::{Error, Result};
use unleak::hook::framework::{Framework, Managed, Snippet};
use unleak::hook::install::{
    self as placing, HookChange, HookState, InstallOutcome, InstalledHook, PreviousHook,
};
use unleak::hook::place::{HooksPathReason, HooksPlace};
use unleak::hook::probe::{self, Verdict};
use unleak::hook::{HookKind, global};
use unleak::report::escape::escape;

use super::run::SKIP;
use crate::args::HookInstallArgs;
use crate::exit::Exit;
use crate::output;

/// Longest name of a hook that a user may see here.
const NAME_WIDTH: usize = "reference-transaction".len();

/// Installs hooks.
pub(crate) fn install(args: &HookInstallArgs) -> Result<Exit> {
    print(|text| {
        if args.global {
            install_global(args, text)
        } else {
            install_here(args, text)
        }
    })
}

/// Removes them.
pub(crate) fn uninstall(is_global: bool) -> Result<Exit> {
    print(|text| {
        if is_global {
            uninstall_global(text)
        } else {
            uninstall_here(text)
        }
    })
}

/// Says what is installed.
pub(crate) fn status(is_global: bool) -> Result<Exit> {
    print(|text| {
        if is_global {
            status_global(text)
        } else {
            status_here(text)
        }
    })
}

/// Proves that what is installed blocks.
pub(crate) fn test() -> Result<Exit> {
    print(test_here)
}

fn print(write: impl FnOnce(&mut String) -> Result<Exit>) -> Result<Exit> {
    let mut text = String::new();
    let exit = write(&mut text)?;
    match output::print(text.as_bytes())? {
        Exit::Clean => Ok(exit),
        closed => Ok(closed),
    }
}

/// Adds a line. Writing to a string cannot fail.
macro_rules! say {
    ($text:expr, $($what:tt)*) => {{ let _ = writeln!($text, $($what)*); }};
}

fn install_here(args: &HookInstallArgs, text: &mut String) -> Result<Exit> {
    let place = HooksPlace::find(Path::new("."))?;
    let kinds = HookKind::choose(&asked(args), place.top.is_none());
    match placing::install(&place, &kinds, &program()?)? {
        InstallOutcome::Installed(placed) => {
            say_place(text, &place);
            say_placed(text, &placed);
            say!(
                text,
                "next: 'unleak hook test' proves that they block, 'unleak hook uninstall' removes them"
            );
            Ok(Exit::Clean)
        }
        InstallOutcome::Managed {
            managed,
            present,
            snippets,
        } => {
            let exit = say_managed(text, &managed, &place.hooks, &present, &snippets);
            say_unknown(text, &managed, &kinds);
            Ok(exit)
        }
    }
}

fn asked(args: &HookInstallArgs) -> Vec<HookKind> {
    let chosen = [
        (args.pre_commit, HookKind::PreCommit),
        (args.commit_msg, HookKind::CommitMsg),
        (args.pre_push, HookKind::PrePush),
        (args.pre_receive, HookKind::PreReceive),
        (args.update, HookKind::Update),
    ];
    let asked = chosen.into_iter().filter(|(is_asked, _)| *is_asked);
    asked.map(|(_, kind)| kind).collect()
}

fn install_global(args: &HookInstallArgs, text: &mut String) -> Result<Exit> {
    let kinds = HookKind::choose(&asked(args), false);
    let done = global::install(&config_home()?, &kinds, &program()?)?;
    for (key, value) in &done.settings {
        say!(
            text,
            "set {key} = {} in your git configuration",
            shown(value)
        );
    }
    say_placed(text, &done.placed);
    say!(
        text,
        "these hooks run in every repository of yours that does not set core.hooksPath itself"
    );
    say!(
        text,
        "next: 'unleak hook test' in a repository proves that they block, \
         'unleak hook uninstall --global' removes them"
    );
    Ok(Exit::Clean)
}

fn uninstall_here(text: &mut String) -> Result<Exit> {
    let place = HooksPlace::find(Path::new("."))?;
    let removed = placing::uninstall(&place)?;
    say_place(text, &place);
    say_placed(text, &removed);
    if removed.is_empty() {
        say!(text, "no hook of unleak's is there; nothing was changed");
    }
    if let Some(managed) = &place.managed {
        say!(
            text,
            "{} keeps the hooks: what it runs is in {}",
            managed.framework.name(),
            quoted(&managed.config)
        );
    }
    Ok(Exit::Clean)
}

fn uninstall_global(text: &mut String) -> Result<Exit> {
    let done = global::uninstall(&config_home()?)?;
    for (key, value) in &done.settings {
        say!(
            text,
            "removed {key} ({}) from your git configuration",
            shown(value)
        );
    }
    say_placed(text, &done.placed);
    if done.settings.is_empty() && done.placed.is_empty() {
        say!(text, "no hook of unleak's is there; nothing was changed");
    }
    Ok(Exit::Clean)
}

/// Says that hooks skip their scan while `UNLEAK_SKIP` is exported; returns whether it is.
fn say_skip(text: &mut String) -> bool {
    let is_set = std::env::var_os(SKIP).is_some_and(|reason| !reason.is_empty());
    if is_set {
        say!(
            text,
            "{SKIP} is set: no hook scans anything in this shell; 'unset {SKIP}' ends that"
        );
    }
    is_set
}

fn status_here(text: &mut String) -> Result<Exit> {
    let place = HooksPlace::find(Path::new("."))?;
    say_place(text, &place);
    say_skip(text);
    if let Err(error) = place.check_hooks() {
        let hint = error.hint_text().unwrap_or_default();
        say!(text, "{}; {}", shown(&error.to_string()), shown(hint));
        return Ok(Exit::Clean);
    }
    if let Some(managed) = &place.managed
        && let Err(why) = managed.check()
    {
        say!(
            text,
            "{} cannot be read: {why}; {} runs nothing until it is mended",
            quoted(&managed.config),
            managed.framework.name()
        );
    }
    for (kind, state) in placing::status(&place)? {
        say_state(text, kind, &state);
    }
    for kind in global::status()?.configured {
        say!(
            text,
            "  {:NAME_WIDTH$}  in your git configuration",
            kind.name()
        );
    }
    if let Some(managed) = &place.managed {
        say_restrictions(text, managed);
    }
    Ok(Exit::Clean)
}

/// Names the hooks that a framework runs for some commits only, or for a part of a push.
fn say_restrictions(text: &mut String, managed: &Managed) {
    let is_pre_commit = managed.framework == Framework::PreCommit;
    if is_pre_commit && managed.names_unleak(HookKind::PrePush) {
        say!(
            text,
            "{} names the first ref of a push only: other branches and tags of the same push are not \
             read; push them one by one",
            managed.framework.name()
        );
    }
    for kind in HookKind::ALL {
        if let Some(setting) = managed.restriction(kind) {
            say!(
                text,
                "{} skips {} where '{setting}' in {} selects no file: add 'always_run: true' to the hook",
                managed.framework.name(),
                kind.name(),
                quoted(&managed.config)
            );
        }
    }
}

fn status_global(text: &mut String) -> Result<Exit> {
    let status = global::status()?;
    match &status.hooks {
        None => say!(text, "core.hooksPath is not set in your git configuration"),
        Some(hooks) => say!(text, "hooks in {} (core.hooksPath, global)", quoted(hooks)),
    }
    for (kind, state) in &status.states {
        say_state(text, *kind, state);
    }
    for kind in status.configured {
        say!(
            text,
            "  {:NAME_WIDTH$}  in your git configuration",
            kind.name()
        );
    }
    Ok(Exit::Clean)
}

/// Names what a clone does not check though other hooks are installed.
fn say_missing(text: &mut String, verdicts: &[(HookKind, Verdict)]) {
    for (kind, action) in [
        (HookKind::PreCommit, "commits"),
        (HookKind::PrePush, "pushes"),
    ] {
        let is = |verdict: Verdict| verdicts.contains(&(kind, verdict));
        let is_server = verdicts.iter().any(|(other, verdict)| {
            !HookKind::CLIENT.contains(other) && *verdict != Verdict::NotInstalled
        });
        if is(Verdict::NotInstalled) && !is_server {
            say!(
                text,
                "{action} are not checked: {} is not installed; 'unleak hook install' adds it",
                kind.name()
            );
        }
    }
}

fn test_here(text: &mut String) -> Result<Exit> {
    let place = HooksPlace::find(Path::new("."))?;
    // Any number does: it only makes the fake token another one each time.
    let seed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |elapsed| {
            elapsed.as_secs() ^ u64::from(elapsed.subsec_nanos())
        });
    let verdicts = probe::probe(&place, &global::status()?.configured, seed)?;
    say_place(text, &place);
    let (mut installed, mut proven) = (0, 0);
    for (kind, verdict) in &verdicts {
        let (word, why) = match verdict {
            Verdict::NotInstalled => ("not installed", ""),
            Verdict::Blocks => ("blocks a fake token, lets other text pass", ""),
            Verdict::LetsThrough { why } => ("LETS SECRETS THROUGH", why.as_str()),
            Verdict::BlocksEverything { why } => ("BLOCKS EVERYTHING", why.as_str()),
        };
        installed += usize::from(*verdict != Verdict::NotInstalled);
        proven += usize::from(*verdict == Verdict::Blocks);
        say!(text, "  {:NAME_WIDTH$}  {word}", kind.name());
        for line in why.lines() {
            say!(text, "      {}", escape(line.as_bytes()));
        }
    }
    let is_skipped = say_skip(text);
    Ok(match (installed, proven) {
        (1.., _) if is_skipped => Exit::Found,
        (0, _) => {
            say!(text, "no hook is installed: run 'unleak hook install'");
            Exit::Usage
        }
        _ if installed == proven => {
            say!(text, "every installed hook blocks; nothing was changed");
            say_missing(text, &verdicts);
            Exit::Clean
        }
        _ => {
            say!(
                text,
                "{} of {installed} installed hooks do not work",
                installed - proven
            );
            Exit::Found
        }
    })
}

fn say_place(text: &mut String, place: &HooksPlace) {
    let reason = match &place.reason {
        HooksPathReason::Default => "git's default".to_owned(),
        HooksPathReason::Configured(scope @ ("global" | "system")) => {
            format!("core.hooksPath, {scope}: other repositories use it, too")
        }
        HooksPathReason::Configured(scope) => format!("core.hooksPath, {scope}"),
    };
    say!(text, "hooks in {} ({reason})", quoted(&place.hooks));
}

fn say_placed(text: &mut String, placed: &[InstalledHook]) {
    for one in placed {
        let name = one.file.file_name().unwrap_or_default().to_string_lossy();
        let change = match one.change {
            HookChange::Written => "written",
            HookChange::Updated => "updated",
            HookChange::Unchanged => "unchanged",
            HookChange::Removed => "removed",
        };
        let scans = match (one.change, HookKind::from_name(&name)) {
            (HookChange::Removed, _) | (_, None) => String::new(),
            (_, Some(kind)) => format!("; scans {}", kind.scans()),
        };
        let before = match (&one.before, one.change) {
            (None, _) => String::new(),
            (Some(_), HookChange::Removed) => "; the hook from before is back".to_owned(),
            (Some(before), _) => format!("; {}", said(before)),
        };
        say!(
            text,
            "  {:NAME_WIDTH$}  {change}{scans}{before}",
            escape(name.as_bytes())
        );
    }
}

fn said(before: &PreviousHook) -> String {
    let file = before.file.file_name().unwrap_or_default();
    let file = escape(file.as_encoded_bytes());
    match before.runs {
        true => format!("'{file}' runs first"),
        false => format!("'{file}' is kept, but cannot be executed, so it never ran"),
    }
}

fn say_state(text: &mut String, kind: HookKind, state: &HookState) {
    let said = match state {
        HookState::Installed {
            program,
            program_is_there,
            before,
        } => {
            let mut said = format!("installed; runs {}", quoted(program));
            if !program_is_there {
                said.push_str(", which is gone: the unleak in PATH runs instead");
            }
            if let Some(before) = before {
                said.push_str("; ");
                said.push_str(&self::said(before));
            }
            said
        }
        HookState::NotExecutable => "installed, but not executable: git ignores it".to_owned(),
        HookState::ByHand => "a hook of your own runs unleak".to_owned(),
        HookState::Through(name) => format!("installed through {name}"),
        HookState::Idle { framework, install } => format!(
            "named in the configuration of {framework}, but git does not run {framework} here: run '{install}'"
        ),
        HookState::Foreign => "another hook, which does not run unleak".to_owned(),
        HookState::Missing => "not installed".to_owned(),
    };
    say!(text, "  {:NAME_WIDTH$}  {said}", kind.name());
}

fn say_managed(
    text: &mut String,
    managed: &Managed,
    hooks: &Path,
    present: &[HookKind],
    snippets: &[Snippet],
) -> Exit {
    let name = managed.framework.name();
    let mut is_run = true;
    for &kind in present {
        let runs = managed.is_run(kind, hooks);
        let how = match runs {
            true => "installed through",
            false => "named in the configuration of",
        };
        say!(text, "  {:NAME_WIDTH$}  {how} {name}", kind.name());
        is_run &= runs;
    }
    if snippets.is_empty() && is_run {
        return Exit::Clean;
    }
    if snippets.is_empty() {
        let install = managed.install_command();
        say!(
            text,
            "git does not run {name} in this clone: run '{install}'"
        );
        return Exit::Usage;
    }
    say!(
        text,
        "{name} keeps the hooks of this repository, so nothing was changed"
    );
    for snippet in snippets {
        say!(text, "\nadd to {}:\n", quoted(&snippet.file));
        text.push_str(&snippet.text);
    }
    let last = match managed.framework {
        Framework::Husky if is_run => "commit these files".to_owned(),
        Framework::Husky => format!("commit these files, run '{}'", managed.install_command()),
        Framework::Lefthook | Framework::PreCommit => {
            format!("run '{}'", managed.install_command())
        }
    };
    say!(
        text,
        "\nthen {last}, and 'unleak hook test' to prove that they block"
    );
    Exit::Usage
}

/// Says which hooks the framework never runs.
fn say_unknown(text: &mut String, managed: &Managed, kinds: &[HookKind]) {
    let name = managed.framework.name();
    for kind in kinds.iter().filter(|&&kind| !managed.knows(kind)) {
        say!(
            text,
            "{name} cannot run '{}': {} is not scanned then, but before a push",
            kind.name(),
            kind.scans()
        );
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", escape(path.as_os_str().as_encoded_bytes()))
}

fn shown(value: &str) -> String {
    escape(value.as_bytes())
}

/// The running program: where it is now is where the hooks look first.
fn program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| Error::io("find", "unleak".as_ref(), e))
}

/// The user's configuration directory (XDG Base Directory Specification).
fn config_home() -> Result<PathBuf> {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
    path("XDG_CONFIG_HOME")
        .filter(|dir| dir.is_absolute())
        .or_else(|| Some(path("HOME")?.join(".config")))
        .ok_or_else(|| Error::usage("neither XDG_CONFIG_HOME nor HOME is set"))
}
