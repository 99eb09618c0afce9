//! Installs and removes the script in one hooks directory, and says what stands there.
//!
//! A hook that was there before is renamed to `<name>.before-unleak` and runs first. Everything is
//! checked before anything is written, and undone if writing fails half-way.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::HookKind;
use super::framework::{Managed, Snippet, mentions};
use super::place::Place;
use super::script::{Mode, Script};
use crate::error::{Error, ErrorKind, Result};

/// What is added to the name of a hook that stood there before.
const BEFORE: &str = ".before-unleak";

/// How an installation in a repository ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// One entry a hook, in the order of the kinds.
    Installed(Vec<Placed>),
    /// Somebody else keeps the hooks: nothing was changed.
    Managed {
        /// Who does.
        managed: Managed,
        /// The asked kinds that run unleak already.
        present: Vec<HookKind>,
        /// What to add for the others.
        snippets: Vec<Snippet>,
    },
}

/// What was done for one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The hook's file.
    pub file: PathBuf,
    /// What was done.
    pub change: Change,
    /// The hook that runs before unleak.
    pub before: Option<Before>,
}

/// A change of one hook's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The script was written.
    Written,
    /// Another version of the script was replaced.
    Updated,
    /// It was there already.
    Unchanged,
    /// The script was removed.
    Removed,
}

/// A hook that stood where the script stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Where it is.
    pub file: PathBuf,
    /// Whether it can be executed. If not, it did not run before, and does not now.
    pub runs: bool,
}

/// What stands under one hook's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Our script.
    Installed {
        /// The unleak that it runs.
        program: PathBuf,
        /// Whether that is there.
        program_is_there: bool,
        /// What runs before it.
        before: Option<Before>,
    },
    /// Our script, but it cannot be executed: git ignores it.
    NotExecutable,
    /// A hook that runs unleak in a line of its own.
    ByHand,
    /// The framework runs unleak.
    Through(&'static str),
    /// Somebody else's hook, which does not run unleak.
    Foreign,
    /// Nothing.
    Missing,
}

impl State {
    /// Whether unleak should run here.
    pub fn is_installed(&self) -> bool {
        !matches!(self, Self::Foreign | Self::Missing)
    }
}

/// Installs the script for `kinds` in the repository, to run `program`.
///
/// # Errors
/// `Usage` if a hook cannot be kept, `Io` if something cannot be written: then nothing was changed.
pub fn install(place: &Place, kinds: &[HookKind], program: &Path) -> Result<Outcome> {
    place.check_hooks()?;
    if let Some(managed) = &place.managed {
        let (present, absent): (Vec<_>, Vec<_>) = kinds
            .iter()
            .partition(|&&kind| managed.runs_unleak(kind, &place.hooks));
        return Ok(Outcome::Managed {
            managed: managed.clone(),
            present,
            snippets: managed.snippets(&absent),
        });
    }
    // What a directory for all repositories does for the others must stay.
    let mode = match is_global(&place.hooks)? {
        true => Mode::Global,
        false => Mode::Repository,
    };
    let scripts: Vec<_> = kinds.iter().map(|kind| (kind.name(), mode)).collect();
    Ok(Outcome::Installed(install_scripts(
        &place.hooks,
        &scripts,
        program,
    )?))
}

/// Installs the script under each name, with its mode, in the directory `hooks`: all or nothing.
pub(super) fn install_scripts(
    hooks: &Path,
    names: &[(&str, Mode)],
    program: &Path,
) -> Result<Vec<Placed>> {
    let steps = names
        .iter()
        .map(|&(name, mode)| Step::plan(hooks, name, mode, program))
        .collect::<Result<Vec<_>>>()?;
    std::fs::create_dir_all(hooks).map_err(|e| Error::io("make", hooks, e))?;
    let mut ready = Vec::with_capacity(steps.len());
    for step in steps {
        let file = match step.change {
            Change::Unchanged => None,
            _ => Some(write_script(hooks, &step.script)?),
        };
        ready.push((step, file));
    }
    let mut renamed: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut written: Vec<PathBuf> = Vec::new();
    for (step, file) in &mut ready {
        let Some(file) = file.take() else { continue };
        if let Err(error) = step.apply(file, &mut renamed, &mut written) {
            // What cannot be undone either is reported by the first error.
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

/// What will be done for one name.
struct Step {
    file: PathBuf,
    before: PathBuf,
    script: Vec<u8>,
    change: Change,
    /// Whether somebody else's hook moves out of the way.
    moves: bool,
}

impl Step {
    fn plan(hooks: &Path, name: &str, mode: Mode, program: &Path) -> Result<Self> {
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
            return Ok(step(file, Change::Written, false));
        }
        if file.is_dir() {
            return Err(refused(format!("'{}' is a directory", file.display())));
        }
        if file.exists() && Script::read(&file)?.is_some() {
            // Through a symlink, the file behind it is ours.
            let file = file
                .canonicalize()
                .map_err(|e| Error::io("find", &file, e))?;
            let old = std::fs::read(&file).map_err(|e| Error::io("read", &file, e))?;
            let change = match old == script && is_executable(&file) {
                true => Change::Unchanged,
                false => Change::Updated,
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
        Ok(step(file, Change::Written, true))
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
        // An updated script is as good as the one before: it stays if a later one fails.
        if self.change == Change::Written {
            written.push(self.file.clone());
        }
        Ok(())
    }

    fn done(self) -> Placed {
        Placed {
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

/// Removes the scripts of the repository, and puts back what stood there before.
///
/// # Errors
/// `Usage` if the scripts serve all repositories, `Io` if something cannot be removed.
pub fn uninstall(place: &Place) -> Result<Vec<Placed>> {
    if is_global(&place.hooks)? {
        return Err(refused(format!(
            "the hooks in '{}' serve all repositories of this user",
            place.hooks.display()
        ))
        .hint("remove them from all with 'unleak hook uninstall --global'"));
    }
    remove_scripts(&place.hooks, &HookKind::ALL.map(HookKind::name))
}

/// Removes the scripts of ours that stand in `hooks` under one of `names`.
pub(super) fn remove_scripts(hooks: &Path, names: &[&str]) -> Result<Vec<Placed>> {
    let mut removed = Vec::new();
    for name in names {
        let file = hooks.join(name);
        if Script::read(&file)?.is_none() {
            continue;
        }
        let before = before(&hooks.join(format!("{name}{BEFORE}")));
        match &before {
            // One step, so that there is always a hook.
            Some(before) => std::fs::rename(&before.file, &file),
            None => std::fs::remove_file(&file),
        }
        .map_err(|e| Error::io("remove", &file, e))?;
        removed.push(Placed {
            file,
            change: Change::Removed,
            before,
        });
    }
    Ok(removed)
}

/// Says what stands under the name of every kind.
///
/// # Errors
/// `Io` if a hook cannot be read.
pub fn status(place: &Place) -> Result<Vec<(HookKind, State)>> {
    HookKind::ALL
        .into_iter()
        .map(|kind| {
            let through = place
                .managed
                .as_ref()
                .filter(|managed| managed.runs_unleak(kind, &place.hooks));
            match through {
                Some(managed) => Ok((kind, State::Through(managed.framework.name()))),
                None => Ok((kind, state(&place.hooks, kind)?)),
            }
        })
        .collect()
}

/// Says what stands under the name of `kind` in `hooks`.
///
/// # Errors
/// `Io` if it cannot be read.
pub fn state(hooks: &Path, kind: HookKind) -> Result<State> {
    let file = hooks.join(kind.name());
    if file.symlink_metadata().is_err() {
        return Ok(State::Missing);
    }
    match Script::read(&file)? {
        Some(Script {
            mode: Mode::Pass, ..
        }) => Ok(State::Missing),
        Some(_) if !is_executable(&file) => Ok(State::NotExecutable),
        Some(script) => Ok(State::Installed {
            program_is_there: is_executable(&script.program),
            program: script.program,
            before: before(&hooks.join(format!("{}{BEFORE}", kind.name()))),
        }),
        None => {
            let text = std::fs::read(&file).unwrap_or_default();
            match is_executable(&file) && mentions(&String::from_utf8_lossy(&text), kind) {
                true => Ok(State::ByHand),
                false => Ok(State::Foreign),
            }
        }
    }
}

/// Whether the scripts in `hooks` serve all repositories.
fn is_global(hooks: &Path) -> Result<bool> {
    for kind in HookKind::ALL {
        let script = Script::read(&hooks.join(kind.name()))?;
        if script.is_some_and(|script| script.mode != Mode::Repository) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn before(file: &Path) -> Option<Before> {
    file.symlink_metadata().ok()?;
    Some(Before {
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
