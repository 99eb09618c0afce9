//! Tests that installed hooks block: runs each of them like git, once with a fake token and once
//! without.
//!
//! Writes nothing to the repository: the index is a copy, and new objects go to a temporary object
//! directory with the real one as its alternate. Other hooks that run before unleak do the same as
//! for a commit.
//!
//! Staged changes and unpushed commits must not affect the result. A hook that blocks the staged
//! changes runs again without them, and the tested push contains a single new commit on top of one
//! that the remote has. Frameworks such as pre-commit pass only the range of a push, no refs.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::HookKind;
use super::install::{self, HookState};
use super::place::HooksPlace;
use crate::error::{Error, Result};
use crate::rule::template::{Random, expand};
use crate::secret::Secret;

/// A token with a valid checksum, so that every scanner that knows the format reports it.
const CANARY: &str = "ghp_{base62:30}{crc32_base62}";
/// An unlikely file name, outside of all directories in rules and allowlists.
const CANARY_FILE: &str = "unleak-hook-test.txt";
const CANARY_REF: &str = "refs/heads/unleak-hook-test";
const HARMLESS: &str = "nothing";
/// The first line of every message.
const SUBJECT: &str = "chore: test the hooks";
/// The number of lines of a hook's output that are shown.
const SHOWN_LINES: usize = 5;
/// The exit status of git for unknown options.
const USAGE_STATUS: i32 = 129;
/// Variables that are removed from the environment of the hook.
const REMOVED: [&str; 3] = ["UNLEAK_SKIP", "GIT_QUARANTINE_PATH", "GIT_PREFIX"];

/// The result of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// unleak blocked the fake token, and the hook accepted the harmless text.
    Blocks,
    /// The hook accepted the fake token, or something other than unleak blocked it.
    LetsThrough {
        /// The reason.
        why: String,
    },
    /// The hook also blocked the harmless text.
    BlocksEverything {
        /// The last lines that the hook printed.
        why: String,
    },
    /// The hook does not run unleak.
    NotInstalled,
}

/// Tests all hooks of the repository that run unleak, and those in `configured`. `seed` varies the
/// fake token.
///
/// # Errors
/// `Io` if git cannot be run or temporary files cannot be written, `Usage` if git is too old.
pub fn probe(
    place: &HooksPlace,
    configured: &[HookKind],
    seed: u64,
) -> Result<Vec<(HookKind, Verdict)>> {
    let states = install::status(place)?;
    let mut bench: Option<ProbeSandbox<'_>> = None;
    let mut verdicts = Vec::with_capacity(states.len());
    for (kind, state) in states {
        let is_ignored = state == HookState::NotExecutable && !configured.contains(&kind);
        let verdict = if is_ignored {
            Verdict::LetsThrough {
                why: format!(
                    "it is not executable: git ignores it\nrun 'chmod +x {}'",
                    place.hooks.join(kind.name()).display()
                ),
            }
        } else if let HookState::Idle { framework, install } = state
            && !configured.contains(&kind)
        {
            Verdict::LetsThrough {
                why: format!("git does not run {framework} in this clone\nrun '{install}'"),
            }
        } else if state.is_installed() || configured.contains(&kind) {
            let bench = match &mut bench {
                Some(bench) => bench,
                empty => empty.insert(ProbeSandbox::set_up(place, seed)?),
            };
            bench.judge(kind)?
        } else {
            Verdict::NotInstalled
        };
        verdicts.push((kind, verdict));
    }
    Ok(verdicts)
}

/// The input of a test run.
struct ProbeInput {
    /// The text, which is the only content of a file.
    text: String,
    /// A copy of the real index with the file.
    index: PathBuf,
    /// An index with the files of HEAD and the file, without staged changes. Created only if
    /// needed.
    unstaged: PathBuf,
    /// A commit message.
    message: PathBuf,
    /// The id of the file's blob.
    blob: String,
    /// A commit that adds only the file.
    commit: String,
}

/// The temporary files and the environment of the hooks.
struct ProbeSandbox<'p> {
    place: &'p HooksPlace,
    dir: TempDir,
    /// The real object directory, and the alternates of the caller's environment.
    alternates: OsString,
    canary: Secret,
    /// An empty commit, the parent of the commits of the samples.
    base: String,
    bad: ProbeInput,
    good: ProbeInput,
}

impl<'p> ProbeSandbox<'p> {
    fn set_up(place: &'p HooksPlace, seed: u64) -> Result<Self> {
        let dir = TempDir::new().map_err(|e| Error::io("make", &std::env::temp_dir(), e))?;
        let canary = expand(CANARY, &mut Random::new(seed))?;
        let empty = |name: &str| ProbeInput {
            text: String::new(),
            index: dir.path().join(format!("{name}-index")),
            unstaged: dir.path().join(format!("{name}-unstaged")),
            message: dir.path().join(format!("{name}-message")),
            blob: String::new(),
            commit: String::new(),
        };
        let mut bench = Self {
            alternates: alternates(place)?,
            bad: empty("bad"),
            good: empty("good"),
            canary: Secret::new(canary.as_bytes()),
            base: String::new(),
            place,
            dir,
        };
        let objects = bench.objects();
        std::fs::create_dir(&objects).map_err(|e| Error::io("make", &objects, e))?;
        bench.bad.text = format!("token = \"{canary}\"\n");
        bench.good.text = format!("token = \"{HARMLESS}\"\n");
        let tree = bench.git(&["mktree"], b"")?;
        bench.base = bench.git(&["commit-tree", "-m", SUBJECT, &tree], b"")?;
        (bench.bad.blob, bench.bad.commit) = bench.fill(&bench.bad)?;
        (bench.good.blob, bench.good.commit) = bench.fill(&bench.good)?;
        Ok(bench)
    }

    fn objects(&self) -> PathBuf {
        self.dir.path().join("objects")
    }

    /// Creates the files of a sample; returns the ids of its blob and its commit.
    fn fill(&self, sample: &ProbeInput) -> Result<(String, String)> {
        let write = |path: &Path, bytes: &[u8]| {
            std::fs::write(path, bytes).map_err(|e| Error::io("write", path, e))
        };
        write(
            &sample.message,
            format!("{SUBJECT}\n\n{}", sample.text).as_bytes(),
        )?;
        let blob = self.git(
            &["hash-object", "-w", "--no-filters", "--stdin"],
            sample.text.as_bytes(),
        )?;
        let entry = format!("100644 blob {blob}\t{CANARY_FILE}\n");
        let tree = self.git(&["mktree"], entry.as_bytes())?;
        let parent = ["-p", &self.base];
        let commit = self.git(
            &[&["commit-tree", "-m", SUBJECT], &parent[..], &[&tree]].concat(),
            b"",
        )?;
        let real = std::env::var_os("GIT_INDEX_FILE").map_or_else(
            || self.place.git_dir.join("index"),
            |file| self.place.start().join(file),
        );
        // A repository without commits may have no index.
        if real.exists() {
            std::fs::copy(&real, &sample.index).map_err(|e| Error::io("copy", &real, e))?;
        }
        if self.place.top.is_some() {
            self.add_to_index(&sample.index, &blob)?;
        }
        Ok((blob, commit))
    }

    fn add_to_index(&self, index: &Path, blob: &str) -> Result<()> {
        let mut command = self.index_command(index);
        command
            .args(["update-index", "--add", "--cacheinfo"])
            .arg(format!("100644,{blob},{CANARY_FILE}"));
        expect_success(run(&mut command, b"")?).map(drop)
    }

    /// Returns a git command for a separate index without a shared index, and without a file system
    /// monitor.
    fn index_command(&self, index: &Path) -> Command {
        let mut command = self.command(self.place.start());
        command
            .args(["-c", "core.splitIndex=false", "-c", "core.fsmonitor=false"])
            .env("GIT_INDEX_FILE", index);
        command
    }

    /// Creates the index of a sample without staged changes; returns whether there are any.
    fn leave_out_staged(&self, sample: &ProbeInput) -> Result<bool> {
        if !sample.index.exists() {
            return Ok(false);
        }
        let failed = |e| Error::io("copy", &sample.index, e);
        std::fs::copy(&sample.index, &sample.unstaged).map_err(failed)?;
        let mut head = self.command(self.place.start());
        head.args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let tree = match run(&mut head, b"")?.status.success() {
            true => ["--reset", "HEAD"].as_slice(),
            false => &["--empty"],
        };
        let mut command = self.index_command(&sample.unstaged);
        command.arg("read-tree").args(tree);
        expect_success(run(&mut command, b"")?)?;
        if let Some(managed) = &self.place.managed {
            // Frameworks fail if their configuration has unstaged changes.
            let mut command = self.index_command(&sample.index);
            command
                .args(["ls-files", "--stage", "-z", "--"])
                .arg(&managed.config);
            let staged = expect_success(run(&mut command, b"")?)?.stdout;
            let mut command = self.index_command(&sample.unstaged);
            command.args(["update-index", "-z", "--index-info"]);
            expect_success(run(&mut command, &staged)?)?;
        }
        self.add_to_index(&sample.unstaged, &sample.blob)?;
        let written = |index: &Path| -> Result<Vec<u8>> {
            let mut command = self.index_command(index);
            Ok(run(command.arg("write-tree"), b"")?.stdout)
        };
        Ok(written(&sample.index)? != written(&sample.unstaged)?)
    }

    fn judge(&self, kind: HookKind) -> Result<Verdict> {
        let mut control = self.run_hook(kind, &self.good, &self.good.index)?;
        let mut index = &self.bad.index;
        if control.status.code() == Some(USAGE_STATUS) {
            return Err(Error::usage("git cannot run a hook by itself").hint("it needs git 2.40"));
        }
        let mut why = String::new();
        if !control.status.success() && !kind.is_server() && self.leave_out_staged(&self.good)? {
            why.push_str("what is staged may be why: try again when it is committed or unstaged\n");
            let again = self.run_hook(kind, &self.good, &self.good.unstaged)?;
            if again.status.success() {
                self.leave_out_staged(&self.bad)?;
                (control, index) = (again, &self.bad.unstaged);
            }
        }
        if !control.status.success() {
            why.push_str(&last_lines(&control));
            return Ok(Verdict::BlocksEverything { why });
        }
        let output = self.run_hook(kind, &self.bad, index)?;
        let text = [output.stdout.as_slice(), &output.stderr].concat();
        let mark = self.canary.redacted();
        let is_ours = memchr::memmem::find(&text, mark.as_bytes()).is_some();
        Ok(match (output.status.success(), is_ours) {
            (false, true) => Verdict::Blocks,
            (false, false) => Verdict::LetsThrough {
                why: format!(
                    "it blocked, but did not name the fake token: {}",
                    last_lines(&output)
                ),
            },
            (true, _) => Verdict::LetsThrough {
                why: "a fake GitHub token passed".to_owned(),
            },
        })
    }

    /// Runs a hook like git.
    fn run_hook(&self, kind: HookKind, sample: &ProbeInput, index: &Path) -> Result<Output> {
        let zero = "0".repeat(sample.commit.len());
        let commit = sample.commit.as_str();
        let (args, input): (Vec<OsString>, Option<String>) = match kind {
            HookKind::PreCommit | HookKind::PreMergeCommit | HookKind::PreApplypatch => {
                (Vec::new(), None)
            }
            HookKind::CommitMsg | HookKind::ApplypatchMsg => {
                (vec![sample.message.clone().into()], None)
            }
            HookKind::PrePush => (
                vec!["origin".into(), self.dir.path().into()],
                Some(format!(
                    "{CANARY_REF} {commit} {CANARY_REF} {base}\n",
                    base = self.base
                )),
            ),
            HookKind::PreReceive => (Vec::new(), Some(format!("{zero} {commit} {CANARY_REF}\n"))),
            HookKind::Update => (
                vec![CANARY_REF.into(), zero.clone().into(), commit.into()],
                None,
            ),
        };
        // On a server, git runs hooks in the git directory, with the new objects in quarantine.
        let mut command = if kind.is_server() {
            let mut command = self.command(&self.place.git_dir);
            command
                .env("GIT_DIR", ".")
                .env("GIT_QUARANTINE_PATH", self.objects());
            command
        } else {
            let mut command = self.command(self.place.start());
            if self.place.top.is_some() {
                command.env("GIT_INDEX_FILE", index);
            }
            command
        };
        command.args(["hook", "run"]);
        if let Some(input) = input {
            let file = self.dir.path().join("input");
            std::fs::write(&file, input).map_err(|e| Error::io("write", &file, e))?;
            let mut option = OsString::from("--to-stdin=");
            option.push(file);
            command.arg(option);
        }
        command.arg(kind.name()).arg("--").args(args);
        run(&mut command, b"")
    }

    fn git(&self, args: &[&str], input: &[u8]) -> Result<String> {
        let mut command = self.command(self.place.start());
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "unleak")
                .env(format!("GIT_{role}_EMAIL"), "unleak@localhost");
        }
        let output = expect_success(run(command.args(args), input)?)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new("git");
        for name in REMOVED {
            command.env_remove(name);
        }
        // A relative path would be wrong in another directory.
        if std::env::var_os("GIT_DIR").is_some() {
            command.env("GIT_DIR", &self.place.git_dir);
        }
        command
            .current_dir(dir)
            .env("GIT_OBJECT_DIRECTORY", self.objects())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &self.alternates);
        command
    }
}

fn alternates(place: &HooksPlace) -> Result<OsString> {
    let own = std::env::var_os("GIT_OBJECT_DIRECTORY").map_or_else(
        || place.common_dir.join("objects"),
        |dir| place.start().join(dir),
    );
    let more = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&more));
    std::env::join_paths(all.filter(|path| path.as_os_str() != OsStr::new("")))
        .map_err(|e| Error::usage("the path of the object directory cannot be given on").because(e))
}

fn run(command: &mut Command, input: &[u8]) -> Result<Output> {
    let failed = |e| Error::io("run", "git".as_ref(), e);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // The few lines fit into every pipe buffer. If the hook does not read them, the write may fail;
    // ignore this.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input);
    }
    child.wait_with_output().map_err(failed)
}

fn expect_success(output: Output) -> Result<Output> {
    if output.status.success() {
        return Ok(output);
    }
    Err(Error::repository("the test cannot be prepared").because(last_lines(&output)))
}

fn last_lines(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    match shown {
        [] => format!("it printed nothing ({})", output.status),
        _ => shown.join("\n"),
    }
}
