//! Installs and removes the script in a hooks directory, and reports the state of the hooks there.
//!
//! An existing hook is renamed to `<name>.before-unleak` and runs first. Everything is checked
//! before the first change, and all changes are undone if one of them fails.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::HookKind;
use super::framework::{Framework, Managed, Snippet, mentions};
use super::place::HooksPlace;
use super::script::{Script, ScriptMode};
use crate::error::{Error, ErrorKind, Result};

/// The suffix of the name of an existing hook.
const BEFORE: &str = ".before-unleak";

/// The result of an installation in a repository.
#[derive(Clone, Debug)]
pub enum InstallOutcome {
    /// One entry per hook, in the order of the kinds.
    Installed(Vec<InstalledHook>),
    /// A framework manages the hooks: nothing was changed.
    Managed {
        /// The framework.
        managed: Managed,
        /// The requested kinds for which its configuration runs unleak.
        present: Vec<HookKind>,
        /// The text to add for the others.
        snippets: Vec<Snippet>,
    },
}

/// The change of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledHook {
    /// The hook's file.
    pub file: PathBuf,
    /// The kind of change.
    pub change: HookChange,
    /// The hook that runs before unleak.
    pub before: Option<PreviousHook>,
}

/// A kind of change of a hook's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookChange {
    /// The script was written.
    Written,
    /// The script replaced another version.
    Updated,
    /// The script was installed already.
    Unchanged,
    /// The script was removed.
    Removed,
}

/// A hook that existed before the script was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousHook {
    /// Its path.
    pub file: PathBuf,
    /// Whether it is executable. Otherwise it did not run before, and does not run now.
    pub runs: bool,
}

/// The state of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookState {
    /// The script of unleak.
    Installed {
        /// The program that it runs.
        program: PathBuf,
        /// Whether the program exists.
        program_is_there: bool,
        /// The hook that runs before it.
        before: Option<PreviousHook>,
    },
    /// The script of unleak, but not executable: git ignores it.
    NotExecutable,
    /// Another hook with a line that runs unleak.
    ByHand,
    /// The framework runs unleak.
    Through(&'static str),
    /// The configuration of a framework names unleak, but git does not run the framework: it is not installed
    /// in this clone.
    Idle {
        /// The name of the framework.
        framework: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// Another hook that does not run unleak.
    Foreign,
    /// No hook.
    Missing,
}

impl HookState {
    /// Returns whether the hook runs unleak.
    pub fn is_installed(&self) -> bool {
        !matches!(self, Self::Foreign | Self::Missing | Self::Idle { .. })
    }
}

/// Installs the script for `kinds` in the repository; it runs `program`.
///
/// # Errors
/// `Usage` if an existing hook cannot be kept, `Io` if a file cannot be written. In both cases
/// nothing was changed.
pub fn install(place: &HooksPlace, kinds: &[HookKind], program: &Path) -> Result<InstallOutcome> {
    place.check_hooks()?;
    if let Some(managed) = &place.managed {
        let (present, absent): (Vec<_>, Vec<_>) =
            kinds.iter().partition(|&&kind| match managed.framework {
                // Its hooks are scripts of their own, one for each kind.
                Framework::PreCommit => {
                    managed.names_unleak(kind) && managed.is_run(kind, &place.hooks)
                }
                Framework::Husky | Framework::Lefthook => managed.names_unleak(kind),
            });
        return Ok(InstallOutcome::Managed {
            managed: managed.clone(),
            present,
            snippets: managed.snippets(&absent),
        });
    }
    // A directory for all repositories must keep its mode for the other repositories.
    let mode = match is_global(&place.hooks)? {
        true => ScriptMode::Global,
        false => ScriptMode::Repository,
    };
    let scripts: Vec<_> = kinds.iter().map(|kind| (kind.name(), mode)).collect();
    Ok(InstallOutcome::Installed(install_scripts(
        &place.hooks,
        &scripts,
        program,
    )?))
}

/// Installs the script under each name, with its mode, in the directory `hooks`. If this fails,
/// undoes all changes.
pub(super) fn install_scripts(
    hooks: &Path,
    names: &[(&str, ScriptMode)],
    program: &Path,
) -> Result<Vec<InstalledHook>> {
    let steps = names
        .iter()
        .map(|&(name, mode)| HookStep::plan(hooks, name, mode, program))
        .collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(hooks).map_err(|e| Error::io("make", hooks, e))?;
    let mut ready = Vec::with_capacity(steps.len());
    for step in steps {
        let file = match step.change {
            HookChange::Unchanged => None,
            _ => Some(write_script(hooks, &step.script)?),
        };
        ready.push((step, file));
    }
    let mut renamed: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut written: Vec<PathBuf> = Vec::new();
    for (step, file) in &mut ready {
        let Some(file) = file.take() else { continue };
        if let Err(error) = step.apply(file, &mut renamed, &mut written) {
            // Only the first error is reported, even if undoing fails, too.
            for path in written.iter().rev() {
                let _ = std::fs::remove_file(path);
            }
            for (from, to) in renamed.iter().rev() {
                let _ = std::fs::rename(to, from);
            }
            return Err(error);
        }
    }
    Ok(ready.into_iter().map(|(step, _)| step.done()).collect())
}

/// The planned change for one name.
struct HookStep {
    file: PathBuf,
    before: PathBuf,
    script: Vec<u8>,
    change: HookChange,
    /// Whether an existing hook is renamed.
    moves: bool,
}

impl HookStep {
    fn plan(hooks: &Path, name: &str, mode: ScriptMode, program: &Path) -> Result<Self> {
        let file = hooks.join(name);
        let before = hooks.join(format!("{name}{BEFORE}"));
        let script = Script {
            program: program.to_owned(),
            mode,
        }
        .render();
        let step = |file, change, moves| Self {
            file,
            before: before.clone(),
            script: script.clone(),
            change,
            moves,
        };
        if file.symlink_metadata().is_err() {
            return Ok(step(file, HookChange::Written, false));
        }
        if file.is_dir() {
            return Err(refused(format!("'{}' is a directory", file.display())));
        }
        if file.exists() && Script::read(&file)?.is_some() {
            // The file behind a symbolic link is the script.
            let file = file
                .canonicalize()
                .map_err(|e| Error::io("find", &file, e))?;
            let old = std::fs::read(&file).map_err(|e| Error::io("read", &file, e))?;
            let change = match old == script && is_executable(&file) {
                true => HookChange::Unchanged,
                false => HookChange::Updated,
            };
            return Ok(step(file, change, false));
        }
        if before.symlink_metadata().is_ok() {
            return Err(refused(format!(
                "'{}' would have to make room, but '{}' exists already",
                file.display(),
                before.display()
            ))
            .hint("see which of the two is still needed, and remove or rename the other"));
        }
        Ok(step(file, HookChange::Written, true))
    }

    fn apply(
        &self,
        script: NamedTempFile,
        renamed: &mut Vec<(PathBuf, PathBuf)>,
        written: &mut Vec<PathBuf>,
    ) -> Result<()> {
        if self.moves {
            std::fs::rename(&self.file, &self.before)
                .map_err(|e| Error::io("rename", &self.file, e))?;
            renamed.push((self.file.clone(), self.before.clone()));
        }
        script
            .persist(&self.file)
            .map_err(|e| Error::io("write", &self.file, e.error))?;
        // An updated script remains if a later step fails, since it works like the previous one.
        if self.change == HookChange::Written {
            written.push(self.file.clone());
        }
        Ok(())
    }

    fn done(self) -> InstalledHook {
        InstalledHook {
            before: before(&self.before),
            file: self.file,
            change: self.change,
        }
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

fn write_script(hooks: &Path, script: &[u8]) -> Result<NamedTempFile> {
    let failed = |e| Error::io("write in", hooks, e);
    let file = NamedTempFile::new_in(hooks).map_err(failed)?;
    std::fs::write(file.path(), script).map_err(failed)?;
    make_executable(file.path()).map_err(failed)?;
    Ok(file)
}

/// Removes the scripts of the repository, and restores the previous hooks.
///
/// # Errors
/// `Usage` if the scripts are for all repositories, `Io` if a file cannot be removed.
pub fn uninstall(place: &HooksPlace) -> Result<Vec<InstalledHook>> {
    if is_global(&place.hooks)? {
        return Err(refused(format!(
            "the hooks in '{}' serve all repositories of this user",
            place.hooks.display()
        ))
        .hint("remove them from all with 'unleak hook uninstall --global'"));
    }
    remove_scripts(&place.hooks, &HookKind::ALL.map(HookKind::name))
}

/// Removes the scripts of unleak with one of `names` from `hooks`.
pub(super) fn remove_scripts(hooks: &Path, names: &[&str]) -> Result<Vec<InstalledHook>> {
    let mut removed = Vec::new();
    for name in names {
        let file = hooks.join(name);
        if Script::read(&file)?.is_none() {
            continue;
        }
        let before = before(&hooks.join(format!("{name}{BEFORE}")));
        match &before {
            // A single rename, so that there is always a hook.
            Some(before) => std::fs::rename(&before.file, &file),
            None => std::fs::remove_file(&file),
        }
        .map_err(|e| Error::io("remove", &file, e))?;
        removed.push(InstalledHook {
            file,
            change: HookChange::Removed,
            before,
        });
    }
    Ok(removed)
}

/// Returns the state of the hook of every kind.
///
/// # Errors
/// `Io` if a hook cannot be read.
pub fn status(place: &HooksPlace) -> Result<Vec<(HookKind, HookState)>> {
    HookKind::ALL
        .into_iter()
        .map(|kind| {
            let through = place
                .managed
                .as_ref()
                .filter(|managed| managed.names_unleak(kind));
            match through {
                Some(managed) if managed.is_run(kind, &place.hooks) => {
                    Ok((kind, HookState::Through(managed.framework.name())))
                }
                Some(managed) if !place.hooks.join(kind.name()).exists() => Ok((
                    kind,
                    HookState::Idle {
                        framework: managed.framework.name(),
                        install: managed.install_command(),
                    },
                )),
                _ => Ok((kind, state(&place.hooks, kind)?)),
            }
        })
        .collect()
}

/// Returns the state of the hook of `kind` in `hooks`.
///
/// # Errors
/// `Io` if it cannot be read.
pub fn state(hooks: &Path, kind: HookKind) -> Result<HookState> {
    let file = hooks.join(kind.name());
    if file.symlink_metadata().is_err() {
        return Ok(HookState::Missing);
    }
    match Script::read(&file)? {
        Some(Script {
            mode: ScriptMode::Pass,
            ..
        }) => Ok(HookState::Missing),
        Some(_) if !is_executable(&file) => Ok(HookState::NotExecutable),
        Some(script) => Ok(HookState::Installed {
            program_is_there: is_executable(&script.program),
            program: script.program,
            before: before(&hooks.join(format!("{}{BEFORE}", kind.name()))),
        }),
        None => {
            let text = std::fs::read(&file).unwrap_or_default();
            match is_executable(&file) && mentions(&String::from_utf8_lossy(&text), kind) {
                true => Ok(HookState::ByHand),
                false => Ok(HookState::Foreign),
            }
        }
    }
}

/// Returns whether the scripts in `hooks` are for all repositories.
fn is_global(hooks: &Path) -> Result<bool> {
    for kind in HookKind::ALL {
        let script = Script::read(&hooks.join(kind.name()))?;
        if script.is_some_and(|script| script.mode != ScriptMode::Repository) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn before(file: &Path) -> Option<PreviousHook> {
    file.symlink_metadata().ok()?;
    Some(PreviousHook {
        file: file.to_owned(),
        runs: is_executable(file),
    })
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(unix)]
fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
