//! Hooks for all repositories of a user.
//!
//! Since git 2.54, the configuration can define hooks (git-hook(1)). Older versions only have
//! `core.hooksPath` for all repositories. It disables the hooks of the repositories themselves, so
//! that a script must exist for every hook to run them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::HookKind;
use super::install::{HookState, InstalledHook, install_scripts, remove_scripts, state};
use super::script::{Script, ScriptMode};
use crate::error::{Error, Result};

/// The first version of git with hooks in its configuration.
const CONFIG_HOOKS: (u32, u32) = (2, 54);

/// Every hook of githooks(5), except those of git-p4 and `fsmonitor-watchman`, which git does not
/// search in the hooks directory by default.
const ALL_HOOKS: [&str; 23] = [
    "applypatch-msg",
    "commit-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
];

/// How hooks are installed for all repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalMethod {
    /// With hooks in the user's configuration.
    Config,
    /// With a directory that `core.hooksPath` names.
    Directory,
}

/// The result of an installation or removal for all repositories.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// Settings that were written to or removed from the user's git configuration.
    pub settings: Vec<(String, String)>,
    /// Scripts that were written or removed.
    pub placed: Vec<InstalledHook>,
}

/// The hooks that are installed for all repositories.
#[derive(Clone, Debug)]
pub struct GlobalStatus {
    /// The directory that the user's `core.hooksPath` names.
    pub hooks: Option<PathBuf>,
    /// The state of each hook in this directory or in the configuration.
    pub states: Vec<(HookKind, HookState)>,
    /// The kinds that the user's configuration runs.
    pub configured: Vec<HookKind>,
}

/// Returns the default directory, below the user's configuration directory `config_home`.
pub fn own_directory(config_home: &Path) -> PathBuf {
    config_home.join("unleak").join("hooks")
}

/// Returns how to install hooks for all repositories with this version of git.
pub fn way(git_version: (u32, u32)) -> GlobalMethod {
    match git_version >= CONFIG_HOOKS {
        true => GlobalMethod::Config,
        false => GlobalMethod::Directory,
    }
}

/// Parses the output of `git --version`: major and minor version.
pub fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(2)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Returns the settings that make git run unleak for `kinds`, in the order of the kinds.
pub fn settings(kinds: &[HookKind]) -> Vec<(String, String)> {
    kinds
        .iter()
        .flat_map(|kind| {
            let name = kind.name();
            [
                (format!("hook.unleak-{name}.event"), name.to_owned()),
                (
                    format!("hook.unleak-{name}.command"),
                    format!("unleak hook {name}"),
                ),
            ]
        })
        .collect()
}

/// Installs for all repositories.
///
/// # Errors
/// `Usage` if a hook in the user's own directory cannot be kept, `Io` if git cannot be run or
/// something cannot be written.
pub fn install(config_home: &Path, kinds: &[HookKind], program: &Path) -> Result<Global> {
    let version = git_version()?;
    let mut done = Global::default();
    if way(version) == GlobalMethod::Config {
        for (key, value) in settings(kinds) {
            set(&key, OsStr::new(&value))?;
            done.settings.push((key, value));
        }
        return Ok(done);
    }
    let own = own_directory(config_home);
    match hooks_path()? {
        // The user's own directory already disabled the hooks of repositories: keep this.
        Some(hooks) if hooks != own => {
            let names: Vec<_> = kinds
                .iter()
                .map(|kind| (kind.name(), ScriptMode::Repository))
                .collect();
            done.placed = install_scripts(&hooks, &names, program)?;
        }
        set_already => {
            let mut names = Vec::with_capacity(ALL_HOOKS.len());
            for name in ALL_HOOKS {
                let asked = HookKind::from_name(name).is_some_and(|kind| kinds.contains(&kind));
                // Keep the hooks of an earlier installation.
                let scans =
                    Script::read(&own.join(name))?.is_some_and(|s| s.mode == ScriptMode::Global);
                names.push((
                    name,
                    if asked || scans {
                        ScriptMode::Global
                    } else {
                        ScriptMode::Pass
                    },
                ));
            }
            done.placed = install_scripts(&own, &names, program)?;
            if set_already.is_none() {
                set("core.hooksPath", own.as_os_str())?;
                done.settings
                    .push(("core.hooksPath".into(), own.display().to_string()));
            }
        }
    }
    Ok(done)
}

/// Removes the hooks of [`install`].
///
/// # Errors
/// `Io` if git cannot be run or something cannot be removed.
pub fn uninstall(config_home: &Path) -> Result<Global> {
    let mut done = Global::default();
    for kind in configured()? {
        let section = format!("hook.unleak-{}", kind.name());
        git(&["config", "--global", "--remove-section", &section])?;
        done.settings
            .push((section, format!("unleak hook {}", kind.name())));
    }
    let own = own_directory(config_home);
    let hooks = hooks_path()?;
    if hooks.as_ref() == Some(&own) {
        // First, so that git never uses a partially removed directory.
        git(&["config", "--global", "--unset", "core.hooksPath"])?;
        done.settings
            .push(("core.hooksPath".into(), own.display().to_string()));
    }
    for dir in hooks.iter().filter(|&hooks| *hooks != own).chain([&own]) {
        done.placed.extend(remove_scripts(dir, &ALL_HOOKS)?);
    }
    // Only if it is empty: other files in it belong to the user.
    let _ = std::fs::remove_dir(&own);
    Ok(done)
}

/// Returns the hooks that are installed for all repositories.
///
/// # Errors
/// `Io` if git cannot be run or a hook cannot be read.
pub fn status() -> Result<GlobalStatus> {
    let hooks = hooks_path()?;
    let states = match &hooks {
        None => Vec::new(),
        Some(hooks) => HookKind::ALL
            .into_iter()
            .map(|kind| Ok((kind, state(hooks, kind)?)))
            .collect::<Result<_>>()?,
    };
    Ok(GlobalStatus {
        hooks,
        states,
        configured: match way(git_version()?) {
            GlobalMethod::Config => configured()?,
            GlobalMethod::Directory => Vec::new(),
        },
    })
}

/// Returns the user's own `core.hooksPath`, not that of a repository.
fn hooks_path() -> Result<Option<PathBuf>> {
    let value = get(&["--type=path", "--get", "core.hooksPath"])?;
    Ok(value.map(PathBuf::from))
}

/// Returns the kinds of hooks that unleak wrote to the user's configuration.
fn configured() -> Result<Vec<HookKind>> {
    let mut kinds = Vec::new();
    for kind in HookKind::ALL {
        let key = format!("hook.unleak-{}.command", kind.name());
        if get(&["--get", &key])?.is_some() {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

fn get(args: &[&str]) -> Result<Option<String>> {
    let output = run(Command::new("git").args(["config", "--global"]).args(args))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = text.trim_end_matches('\n');
    // Status 1 means that the setting does not exist.
    Ok((output.status.success() && !value.is_empty()).then(|| value.to_owned()))
}

fn set(key: &str, value: &OsStr) -> Result<()> {
    let mut command = Command::new("git");
    command.args(["config", "--global", key]).arg(value);
    check(&mut command)
}

fn git(args: &[&str]) -> Result<()> {
    check(Command::new("git").args(args))
}

fn check(command: &mut Command) -> Result<()> {
    let output = run(command)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Error::config("git cannot change your configuration").because(text.trim().to_owned()))
}

pub(super) fn git_version() -> Result<(u32, u32)> {
    let output = run(Command::new("git").arg("--version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text).ok_or_else(|| Error::config("git does not tell its version"))
}

fn run(command: &mut Command) -> Result<std::process::Output> {
    command
        .output()
        .map_err(|e| Error::io("run", "git".as_ref(), e).hint("is git installed?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_git_decides_the_way() {
        for (text, version, expected) in [
            ("git version 2.47.3\n", (2, 47), GlobalMethod::Directory),
            (
                "git version 2.53.0.windows.1",
                (2, 53),
                GlobalMethod::Directory,
            ),
            ("git version 2.54.0", (2, 54), GlobalMethod::Config),
            (
                "git version 2.54.0-rc1 (Apple Git-1)",
                (2, 54),
                GlobalMethod::Config,
            ),
            ("git version 3.0.0", (3, 0), GlobalMethod::Config),
        ] {
            assert_eq!(parse_version(text), Some(version), "{text}");
            assert_eq!(way(version), expected, "{text}");
        }
        assert_eq!(parse_version("git"), None);
    }

    #[test]
    fn each_kind_has_an_event_and_a_command() {
        let written = settings(&[HookKind::PreCommit, HookKind::PrePush]);
        let expected = [
            ("hook.unleak-pre-commit.event", "pre-commit"),
            ("hook.unleak-pre-commit.command", "unleak hook pre-commit"),
            ("hook.unleak-pre-push.event", "pre-push"),
            ("hook.unleak-pre-push.command", "unleak hook pre-push"),
        ];
        assert_eq!(
            written,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn every_kind_is_a_hook_of_git() {
        for kind in HookKind::ALL {
            assert!(ALL_HOOKS.contains(&kind.name()));
        }
    }
}
