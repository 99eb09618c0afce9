//! A repository made by real git, without the user's configuration and with a fixed clock, so that
//! object ids are the same everywhere; and the binary under test.

pub(crate) mod screen;
pub(crate) mod syntaxes;
pub(crate) mod terminal;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use unleak::rule::template::{Random, expand};

/// Seconds at which the clock starts; every commit is a minute later than the one before.
const CLOCK_START: u64 = 1_600_000_000;

/// A git repository in a directory of its own, removed at the end.
pub(crate) struct Repo {
    dir: TempDir,
    clock: AtomicU64,
}

impl Repo {
    /// An empty repository with a worktree, SHA-1.
    pub(crate) fn new() -> Self {
        Self::init(&[])
    }

    /// `git init` with more options.
    pub(crate) fn init(options: &[&str]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let repo = Self {
            dir,
            clock: AtomicU64::new(CLOCK_START),
        };
        let mut args = vec!["init", "--quiet", "--initial-branch=main"];
        args.extend(options);
        repo.git(&args);
        repo
    }

    /// An empty directory that is no repository.
    pub(crate) fn bare_directory() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        Self {
            dir,
            clock: AtomicU64::new(CLOCK_START),
        }
    }

    /// A clone of `self` made with `options`.
    pub(crate) fn cloned(&self, options: &[&str]) -> Self {
        let clone = Self::bare_directory();
        let url = format!("file://{}", self.path().display());
        let mut args = vec!["clone", "--quiet"];
        args.extend(options);
        args.extend([url.as_str(), "."]);
        clone.git(&args);
        clone
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The `.git` directory.
    pub(crate) fn git_dir(&self) -> PathBuf {
        let inside = self.path().join(".git");
        if inside.exists() {
            inside
        } else {
            self.path().to_owned()
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command =
            self.command_with_hooks(&[&["-c", "core.hooksPath=/dev/null"], args].concat());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// git with whatever hooks are installed, which find the binary under test on `PATH`.
    fn command_with_hooks(&self, args: &[&str]) -> Command {
        let now = self.clock.fetch_add(60, Ordering::Relaxed);
        let binary = Path::new(env!("CARGO_BIN_EXE_unleak"));
        let mut path = vec![binary.parent().expect("it is in a directory").to_owned()];
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let mut command = Command::new("git");
        command
            .current_dir(self.path())
            .args(["-c", "protocol.file.allow=always"])
            .args(args)
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths(path).expect("no colon in them"),
            )
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada Author")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Carl Committer")
            .env("GIT_COMMITTER_EMAIL", "carl@example.org")
            .env("GIT_AUTHOR_DATE", format!("{now} +0000"))
            .env("GIT_COMMITTER_DATE", format!("{now} +0000"));
        command
    }

    /// Runs git with hooks and more environment, and whatever comes of it.
    pub(crate) fn try_git(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = self.command_with_hooks(args);
        command.envs(env.iter().copied()).stdin(Stdio::null());
        command.output().expect("git is installed")
    }

    /// Runs the binary in it, with git's environment and standard input.
    pub(crate) fn unleak(&self, args: &[&str], input: &[u8], env: &[(&str, &str)]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_unleak"))
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_vec();
        // It may end before it has read everything.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("the writer ends");
        output
    }

    /// Runs git; returns its standard output without the last newline.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        String::from_utf8(self.git_with_input(args, b""))
            .expect("git prints text")
            .trim_end()
            .to_owned()
    }

    /// Runs git with standard input; returns its standard output.
    pub(crate) fn git_with_input(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("git is installed");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("git ends");
        let _ = writer.join().expect("the writer ends");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Writes a file of the worktree.
    pub(crate) fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a directory"))
            .expect("it can be made");
        std::fs::write(path, contents).expect("it can be written");
    }

    /// Adds everything and commits; returns the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes one file and commits it.
    pub(crate) fn commit_file(&self, path: &str, contents: impl AsRef<[u8]>) -> String {
        self.write(path, contents);
        self.commit(&format!("change {path}"))
    }

    /// Scans it; returns the parsed report.
    pub(crate) fn scan(&self, options: &[&str]) -> Report {
        let path = self.path().to_owned();
        let mut args: Vec<&OsStr> = vec!["scan".as_ref(), "--format".as_ref(), "json".as_ref()];
        args.extend(options.iter().map(OsStr::new));
        args.push(path.as_os_str());
        let output = unleak(&args, Path::new("/"));
        let code = output.status.code().expect("it ends by itself");
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
            panic!(
                "no report ({e}), exit {code}: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        Report {
            code,
            json: with_refs(json),
            bytes: output.stdout,
        }
    }
}

/// What an HTML report hands to its script, with `texts` as they are and one object for each of `rows`.
pub(crate) fn page_data(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .expect("a page with findings has data");
    let (data, _) = rest.split_once("</script>").expect("the element ends");
    let mut data: Value = serde_json::from_str(data).expect("it is JSON");
    let numbers = |value: &Value| -> Vec<usize> {
        let values = value.as_array().expect("a list").iter();
        let values = values.map(|value| value.as_u64().expect("a number"));
        values
            .map(|value| usize::try_from(value).expect("small"))
            .collect()
    };
    let (shared, rest) = (numbers(&data["texts"]["shared"]), &data["texts"]["rest"]);
    let mut before: Vec<u16> = Vec::new();
    let texts = shared.into_iter().zip(rest.as_array().expect("a list"));
    let texts = texts.map(|(shared, rest)| {
        before.truncate(shared);
        before.extend(rest.as_str().expect("a text").encode_utf16());
        Value::from(String::from_utf16(&before).expect("whole characters"))
    });
    data["texts"] = texts.collect();
    let columns = data["columns"].as_object().expect("lists").clone();
    let count = columns["id"].as_array().expect("a list").len();
    assert!(
        columns
            .values()
            .all(|list| list.as_array().map(Vec::len) == Some(count))
    );
    let rows = (0..count).map(|at| {
        let field = |name: &str| {
            columns
                .get(name)
                .map_or(Value::Null, |list| list[at].clone())
        };
        let mut row: Value = columns
            .keys()
            .map(|name| (name.clone(), field(name)))
            .collect();
        let places = numbers(&field("places"));
        row["places"] = places.chunks(4).map(Value::from).collect();
        row["line"] = Value::from(vec![field("before"), field("after")]);
        row["is_new"] = (field("is_new") == 1).into();
        row["web"] = match field("web").as_u64() {
            Some(begin @ 1..) => Value::from(vec![Value::from(begin - 1), field("commit")]),
            _ => Value::Null,
        };
        row
    });
    data["rows"] = rows.collect();
    data
}

/// Puts the names of refs, which a report stores once, into the history of each finding.
pub(crate) fn with_refs(mut report: Value) -> Value {
    let refs = report["refs"].clone();
    for finding in report["findings"].as_array_mut().into_iter().flatten() {
        let history = &mut finding["history"];
        let Some(list) = history["refs"].as_u64() else {
            continue;
        };
        let list = usize::try_from(list).expect("a small number");
        let groups = refs["lists"][list].as_array().expect("the list is there");
        for kind in ["branches", "remotes", "tags", "other_refs"] {
            let mut names: Vec<Value> = Vec::new();
            for group in groups {
                let group = usize::try_from(group.as_u64().expect("a number")).expect("small");
                names.extend(
                    refs["groups"][group][kind]
                        .as_array()
                        .cloned()
                        .unwrap_or_default(),
                );
            }
            names.sort_by_key(Value::to_string);
            history[kind] = Value::Array(names);
        }
    }
    report
}

/// Runs the binary in `dir` with no environment but `PATH`.
pub(crate) fn unleak<S: AsRef<OsStr>>(args: &[S], dir: &Path) -> Output {
    unleak_with(args, dir, &[])
}

/// Runs the binary with environment variables.
pub(crate) fn unleak_with<S: AsRef<OsStr>>(
    args: &[S],
    dir: &Path,
    env: &[(&str, &OsStr)],
) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// A parsed JSON report and the exit code that came with it.
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Report {
    pub(crate) fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().expect("a list")
    }

    /// The only finding of `rule`.
    pub(crate) fn only(&self, rule: &str) -> &Value {
        let found: Vec<&Value> = self
            .findings()
            .iter()
            .filter(|finding| finding["rule_id"] == rule)
            .collect();
        assert_eq!(found.len(), 1, "one finding of {rule} in {:#}", self.json);
        found[0]
    }

    pub(crate) fn skipped(&self) -> &[Value] {
        self.json["coverage"]["skipped"].as_array().expect("a list")
    }

    /// Scanned objects of a kind.
    pub(crate) fn scanned(&self, kind: &str) -> u64 {
        let kinds = self.json["coverage"]["objects"].as_array().expect("a list");
        let entry = kinds
            .iter()
            .find(|entry| entry["kind"] == kind)
            .expect("every kind is listed");
        entry["scanned"].as_u64().expect("a number")
    }
}

/// A fake token from a template, the same for the same seed.
pub(crate) fn token(template: &str, seed: u64) -> String {
    expand(template, &mut Random::new(seed)).expect("a good template")
}

/// A fake GitHub token with a right checksum.
pub(crate) fn github_token(seed: u64) -> String {
    token("ghp_{base62:30}{crc32_base62}", seed)
}

/// A JSON web token that `key` signed.
pub(crate) fn signed_token(claims: &Value, key: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let part = |text: String| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let header = serde_json::json!({ "alg": "HS256", "typ": "JWT" });
    let input = [part(header.to_string()), part(claims.to_string())].join(".");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(input.as_bytes());
    let signature = data_encoding::BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
    format!("{input}.{signature}")
}

/// Text of the form of a private key.
pub(crate) fn private_key() -> String {
    let kind = ["RSA", "PRIVATE", "KEY"].join(" ");
    let body = (0..12).map(|line| token("{base62:64}", 900 + line) + "\n");
    let body = token("MIIE{base62:60}", 899) + "\n" + &body.collect::<String>();
    format!("-----BEGIN {kind}-----\n{body}-----END {kind}-----\n")
}
