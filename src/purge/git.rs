//! Runs git's plumbing, which changes the state of a repository: it honours its locks, formats and
//! settings. Nothing here reads what is scanned.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use gix::hash::Kind as HashKind;

use crate::error::{Error, Result};
use crate::purge::journal::Lock;

/// git in one repository or worktree.
#[derive(Clone, Debug)]
pub struct Git {
    git_dir: PathBuf,
    worktree: Option<PathBuf>,
    index: Option<PathBuf>,
    /// The lock of the run that git works for.
    lock: Option<Arc<File>>,
    hash: HashKind,
}

/// Whether hooks of the repository run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// They do.
    Run,
    /// They do not.
    Off,
}

/// A git that is at work.
pub struct Running {
    child: Child,
    words: String,
    /// Collects what it says, so that it never waits for a reader.
    said: JoinHandle<Vec<u8>>,
}

impl Running {
    /// Waits for its end.
    ///
    /// # Errors
    /// `Io` with what git said, if it failed.
    pub fn wait(mut self) -> Result<()> {
        let status = self
            .child
            .wait()
            .map_err(|e| Error::io("run", "git".as_ref(), e))?;
        let said = self.said.join().unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        Err(failed(&self.words, &said))
    }
}

fn failed(words: &str, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    let lines = said
        .lines()
        .map(|line| line.strip_prefix("fatal: ").unwrap_or(line).trim());
    let said = lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let error = Error::repository(format!("'git {words}' failed"));
    if said.is_empty() {
        error
    } else {
        error.because(said)
    }
}

/// Settings that could make git do more than it is asked to.
const QUIET: [&str; 6] = [
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.alternateRefsCommand=",
    "advice.detachedHead=false",
    "core.useReplaceRefs=false",
];

/// What the user says of how remotes are reached.
const CONNECTION: [&str; 6] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_ASKPASS",
    "GIT_SSL_CAINFO",
    "GIT_SSL_NO_VERIFY",
    "GIT_PROXY_COMMAND",
];

impl Git {
    /// git for the repository whose `.git` directory is `git_dir`.
    pub fn new(git_dir: &Path, worktree: Option<&Path>, hash: HashKind) -> Self {
        Self {
            git_dir: git_dir
                .canonicalize()
                .unwrap_or_else(|_| git_dir.to_owned()),
            worktree: worktree.map(Path::to_owned),
            index: None,
            lock: None,
            hash,
        }
    }

    /// The `.git` directory.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The same, in the linked worktree that git keeps as `name`.
    #[must_use]
    pub(crate) fn in_worktree(&self, name: &Path) -> Self {
        Self {
            git_dir: self.git_dir.join("worktrees").join(name),
            worktree: None,
            index: None,
            lock: self.lock.clone(),
            hash: self.hash,
        }
    }

    /// The same with another index file. A sparse index is written whole.
    #[must_use]
    pub(crate) fn with_index(mut self, index: &Path) -> Self {
        self.index = Some(index.to_owned());
        self
    }

    /// The same, for a run that holds `lock`. What changes something holds it, too: if the run is
    /// killed, no other begins before git has ended.
    #[must_use]
    pub(crate) fn holding(mut self, lock: &Lock) -> Self {
        self.lock = Some(lock.file());
        self
    }

    /// The `.git` directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.git_dir
    }

    /// Whether the object `id` is here.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(crate) fn has_object(&self, id: &str) -> Result<bool> {
        Ok(self.ask(&["cat-file", "-e", id].map(OsStr::new))?.0)
    }

    /// The object format.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    fn command(&self, words: &[&str], hooks: Hooks) -> Command {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            let is_kept = CONNECTION.iter().any(|kept| name == *kept);
            if name.as_encoded_bytes().starts_with(b"GIT_") && !is_kept {
                command.env_remove(name);
            }
        }
        command.env("GIT_DIR", &self.git_dir);
        command.env("GIT_NO_LAZY_FETCH", "1");
        command.env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_OPTIONAL_LOCKS", "0");
        command.env("LC_ALL", "C");
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        if let Some(worktree) = &self.worktree {
            command.env("GIT_WORK_TREE", worktree);
            command.current_dir(worktree);
        } else {
            command.current_dir(&self.git_dir);
        }
        for setting in QUIET {
            command.args(["-c", setting]);
        }
        if self.index.is_some() {
            command.args(["-c", "index.sparse=false"]);
        }
        if hooks == Hooks::Off {
            command.args(["-c", "core.hooksPath=/dev/null"]);
        }
        command.args(words);
        command
    }

    /// Starts git; returns it with its standard input.
    ///
    /// # Errors
    /// `Io` if it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<(Running, ChildStdin)> {
        let (running, stdin, _) = self.spawn(words, self.silent()?)?;
        Ok((running, stdin))
    }

    /// Starts git to talk with it; returns it with its standard input and output. It holds the lock as long
    /// as it lives.
    ///
    /// # Errors
    /// `Io` if it cannot be started.
    pub(crate) fn talk(&self, words: &[&str]) -> Result<(Running, ChildStdin, ChildStdout)> {
        // Unlike what the standard library opens, this stays open in the process that is started.
        let lock = self.lock.as_deref().map(rustix::io::dup).transpose();
        let _lock = lock.map_err(|e| Error::internal("the lock cannot be handed on").because(e))?;
        let (running, stdin, stdout) = self.spawn(words, Stdio::piped())?;
        let stdout = stdout.ok_or_else(|| Error::internal("git was started without pipes"))?;
        Ok((running, stdin, stdout))
    }

    fn spawn(
        &self,
        words: &[&str],
        stdout: Stdio,
    ) -> Result<(Running, ChildStdin, Option<ChildStdout>)> {
        let mut command = self.command(words, Hooks::Off);
        command
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(not_started)?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let (Some(stdin), Some(mut stderr)) = (stdin, stderr) else {
            return Err(Error::internal("git was started without pipes"));
        };
        let stdout = child.stdout.take();
        let said = std::thread::spawn(move || {
            let mut said = Vec::new();
            // What was read until then is what there is to tell.
            let _ = stderr.read_to_end(&mut said);
            said
        });
        let words = name_of(words).to_owned();
        Ok((Running { child, words, said }, stdin, stdout))
    }

    /// Runs git with `input`; returns what it prints.
    ///
    /// # Errors
    /// `Io` with what git said, if it failed.
    pub fn run(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        self.run_with(words, input, Hooks::Off)
    }

    /// The same, with or without hooks.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with(&self, words: &[&str], input: &[u8], hooks: Hooks) -> Result<Vec<u8>> {
        let mut command = self.command(words, hooks);
        command.stdout(Stdio::piped());
        let (status, out, said) = run(&mut command, input)?;
        if status {
            return Ok(out);
        }
        Err(failed(name_of(words), &said))
    }

    /// Runs git to change something, without hooks; what it prints is of no use.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn change(&self, words: &[&str], input: &[u8]) -> Result<()> {
        self.change_with(words, input, Hooks::Off)
    }

    /// The same, with or without hooks.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn change_with(&self, words: &[&str], input: &[u8], hooks: Hooks) -> Result<()> {
        let mut command = self.command(words, hooks);
        command.stdout(self.silent()?);
        let (status, _, said) = run(&mut command, input)?;
        if status {
            return Ok(());
        }
        Err(failed(name_of(words), &said))
    }

    /// Standard output of a git that changes something. The file of the lock, if there is one: the
    /// operating system ends a lock when the last process has closed its file.
    fn silent(&self) -> Result<Stdio> {
        let Some(lock) = &self.lock else {
            return Ok(Stdio::null());
        };
        let file = lock.try_clone();
        file.map(Stdio::from)
            .map_err(|e| Error::internal("the lock cannot be handed on").because(e))
    }

    /// Runs git with arguments that are paths; returns whether it succeeded, and all it said.
    ///
    /// # Errors
    /// `Io` if it cannot be started.
    pub fn ask(&self, words: &[&OsStr]) -> Result<(bool, Vec<u8>)> {
        let mut command = self.command(&[], Hooks::Off);
        command.args(words).stdout(Stdio::piped());
        let (status, mut out, said) = run(&mut command, b"")?;
        out.extend(said);
        Ok((status, out))
    }
}

/// The name of git's command.
fn name_of<'w>(words: &[&'w str]) -> &'w str {
    let mut names = words
        .iter()
        .filter(|word| !word.starts_with('-') && !word.contains('='));
    names.next().copied().unwrap_or_default()
}

fn run(command: &mut Command, input: &[u8]) -> Result<(bool, Vec<u8>, Vec<u8>)> {
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_started)?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // git may end before it has read all: its status says why.
            scope.spawn(move || stdin.write_all(input));
        }
        let output = child.wait_with_output().map_err(not_started)?;
        Ok((output.status.success(), output.stdout, output.stderr))
    })
}

fn not_started(e: std::io::Error) -> Error {
    Error::io("run", "git".as_ref(), e).hint("install git 2.31 or later and put it on the PATH")
}
