//! Ranges of commits, against git's own view of them; and pushes, through real git.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gix::ObjectId;
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::ReadLimits;
use unleak::rule::template::Random;
use unleak::scan::changes::commits;
use unleak::scan::changes::commits::Range;
use unleak::scan::changes::range;
use unleak::scan::changes::trees::TreeReader;

use crate::support::{Repo, github_token};

/// A random history whose clocks lie: a fast-import stream.
fn random_history(seed: u64) -> (Repo, usize) {
    let repo = Repo::new();
    let mut random = Random::new(seed);
    let count = 12 + random.below(30);
    let mut stream = String::new();
    for number in 1..=count {
        let skew = if random.below(4) == 0 {
            random.below(40) * 100
        } else {
            0
        };
        let seconds = 1_600_000_000 + number * 100 - skew;
        stream += &format!("commit refs/heads/c{number}\nmark :{number}\n");
        stream += &format!("committer C <c@e> {seconds} +0000\ndata 1\nx\n");
        let mut parents = BTreeSet::new();
        if number > 1 && random.below(8) > 0 {
            for _ in 0..1 + random.below(3) / 2 + random.below(6) / 5 {
                parents.insert(number - 1 - random.below((number - 1).min(6)));
            }
        }
        for (at, parent) in parents.iter().rev().enumerate() {
            stream += &format!("{} :{parent}\n", if at == 0 { "from" } else { "merge" });
        }
        if parents.is_empty() {
            stream += "deleteall\n";
        }
        for _ in 0..random.below(4) {
            let dir = random.pick(&["", "a/", "a/b/"]);
            let path = format!("{dir}f{}", random.below(4));
            if random.below(5) == 0 {
                stream += &format!("D {path}\n");
            } else {
                stream += &format!("M 100644 inline {path}\ndata 2\n{}\n", random.below(10));
            }
        }
        stream += "\n";
    }
    repo.git_with_input(&["fast-import", "--quiet"], stream.as_bytes());
    (repo, count)
}

fn id(hex: &str) -> ObjectId {
    hex.parse().unwrap()
}

/// `A...B` is what either has and the other has not, as for git.
#[test]
fn three_dots_mean_both_sides() {
    for seed in 0..6 {
        let (repo, count) = random_history(seed);
        let opened = Repository::discover(repo.path(), &Overrides::default()).unwrap();
        let lookup = opened
            .lookup(&Overrides::default(), ReadLimits::default())
            .unwrap();
        for other in 1..count {
            let text = format!("c{other}...c{count}");
            let ends = opened.revisions(&text).unwrap();
            let range = Range {
                tips: ends.tips,
                hidden: ends.hidden,
                since: None,
            };
            let found = commits::find(&lookup, &range, &[]);
            let ours: BTreeSet<ObjectId> = found.commits.iter().map(|commit| commit.id).collect();
            let reached = |tip: u64| -> BTreeSet<ObjectId> {
                let all = repo.git(&["rev-list", &format!("c{tip}")]);
                all.lines().map(id).collect()
            };
            let (a, b) = (reached(other as u64), reached(count as u64));
            let theirs: BTreeSet<ObjectId> = a.symmetric_difference(&b).copied().collect();
            assert_eq!(ours, theirs, "seed {seed}: {text}");
        }
    }
}

#[test]
fn commits_and_files_are_those_that_git_lists() {
    let mut new_files = 0;
    for seed in 0..25 {
        let (repo, count) = random_history(seed);
        let mut random = Random::new(seed + 1000);
        let overrides = Overrides::default();
        let opened = Repository::discover(repo.path(), &overrides).unwrap();
        let lookup = opened.lookup(&overrides, ReadLimits::default()).unwrap();
        for _ in 0..6 {
            let mut pick = |most: usize| -> Vec<String> {
                let names = (0..random.below(most + 1)).map(|_| 1 + random.below(count));
                names
                    .map(|number| repo.git(&["rev-parse", &format!("c{number}")]))
                    .collect()
            };
            let (tips, hidden) = (pick(3), pick(3));
            let range = Range {
                tips: tips.iter().map(|hex| id(hex)).collect(),
                hidden: hidden.iter().map(|hex| id(hex)).collect(),
                since: None,
            };
            let found = commits::find(&lookup, &range, &[]);
            assert_eq!(found.skipped, []);
            // Two walks, and the difference: git's own '--not' is misled by lying clocks.
            let reached = |from: &[String]| -> BTreeSet<ObjectId> {
                if from.is_empty() {
                    return BTreeSet::new();
                }
                let mut args = vec!["rev-list"];
                args.extend(from.iter().map(String::as_str));
                repo.git(&args).lines().map(id).collect()
            };
            let listed: BTreeSet<ObjectId> = reached(&tips)
                .difference(&reached(&hidden))
                .copied()
                .collect();
            let ours: BTreeSet<ObjectId> = found.commits.iter().map(|commit| commit.id).collect();
            assert_eq!(ours, listed, "seed {seed}: {tips:?} not {hidden:?}");
            for (at, commit) in found.commits.iter().enumerate() {
                let parents = repo.git(&["rev-parse", &format!("{}^@", commit.id)]);
                for parent in parents.lines().map(id) {
                    assert!(
                        !found.commits[at..].iter().any(|later| later.id == parent),
                        "parents first"
                    );
                }
            }
            let mut trees = TreeReader::new(&lookup);
            let brought = range::list(&found, &mut trees);
            for change in &brought.changes {
                let commit = change.commit.unwrap().to_string();
                let files: BTreeSet<(String, String)> = change
                    .files
                    .iter()
                    .map(|(path, node)| (path.to_string(), brought.pieces.id(*node).to_string()))
                    .collect();
                new_files += files.len();
                assert_eq!(files, files_of(&repo, &commit), "seed {seed}: {commit}");
            }
        }
    }
    assert!(new_files > 100, "{new_files}");
}

/// What a commit has and none of its parents has at the same path, as git says.
fn files_of(repo: &Repo, commit: &str) -> BTreeSet<(String, String)> {
    let args = [
        "diff-tree",
        "-c",
        "--raw",
        "-r",
        "--root",
        "--no-abbrev",
        "--no-renames",
        commit,
    ];
    let text = repo.git(&args);
    text.lines()
        .filter(|line| line.starts_with(':'))
        .filter_map(|line| {
            let (head, path) = line.split_once('\t')?;
            let fields: Vec<&str> = head.split(' ').collect();
            let id = fields[fields.len() - 2];
            (!id.bytes().all(|byte| byte == b'0')).then(|| (path.to_owned(), id.to_owned()))
        })
        .collect()
}

#[test]
fn a_range_reports_what_its_commits_bring_in() {
    let repo = Repo::new();
    let base = repo.commit_file("f", format!("old {}\n", github_token(20)));
    let first = repo.commit_file("g", format!("new {}\n", github_token(21)));
    repo.commit_file("g", format!("edited\nnew {}\n", github_token(21)));
    repo.commit_file("g", "gone\n");
    repo.commit(&format!("text {}", github_token(22)));
    repo.git(&[
        "tag",
        "-a",
        "v1",
        "-m",
        &format!("tag {}", github_token(23)),
    ]);
    let report = repo.scan(&["--range", &format!("{base}..v1")]);
    assert_eq!((report.code, &report.json["scope"]), (1, &"range".into()));
    assert_eq!(report.findings().len(), 3, "{:#}", report.json);
    let in_file = report
        .findings()
        .iter()
        .find(|finding| finding["history"]["first"]["path"] == "g")
        .unwrap();
    assert_eq!(in_file["history"]["first"]["commit"], first.as_str());
    assert_eq!(in_file["history"]["author"]["name"], "Ada Author");
    assert_eq!(
        in_file["history"]["appearances"].as_array().unwrap().len(),
        1
    );
    assert_eq!(repo.scan(&["--range", "v1..v1"]).code, 0);
    assert_eq!(
        repo.scan(&["--range", &base]).findings().len(),
        1,
        "a single one: all of its history"
    );
    let error = repo.unleak(&["scan", "--range", "nothing..v1"], b"", &[]);
    assert_eq!(error.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&error.stderr).contains("full depth"));
}

#[test]
fn since_ends_every_line_of_history_at_a_date() {
    let repo = Repo::new();
    let env = |date| [("GIT_COMMITTER_DATE", date)];
    for (number, date) in [(24, "2020-01-01T00:00:00Z"), (25, "2026-05-01T00:00:00Z")] {
        repo.write("f", format!("{number} {}\n", github_token(number)));
        repo.git(&["add", "."]);
        assert!(
            repo.try_git(&["commit", "-qm", "x"], &env(date))
                .status
                .success()
        );
    }
    assert_eq!(repo.scan(&["--since", "2026-01-01"]).findings().len(), 1);
    assert_eq!(repo.scan(&["--since", "2019-01-01"]).findings().len(), 2);
    assert_eq!(repo.scan(&["--since", "2026-06-01"]).code, 0);
    assert_eq!(
        repo.unleak(&["scan", "--since", "never ever"], b"", &[])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_range_that_a_shallow_clone_cuts_is_refused_with_the_fix() {
    let repo = Repo::new();
    for number in 0..4 {
        repo.commit_file("f", format!("{number}\n"));
    }
    let clone = repo.cloned(&["--depth=2"]);
    let whole = clone.unleak(&["scan", "--range", "HEAD"], b"", &[]);
    assert_eq!(whole.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&whole.stdout).contains("fetch depth of 0"));
    let above = clone.unleak(&["scan", "--range", "HEAD^..HEAD"], b"", &[]);
    assert_eq!(above.status.code(), Some(0), "above the cut all is there");
}

/// A server with hooks installed by our own command, and a clone that knows it as `origin`.
fn served() -> (Repo, Repo) {
    let seed = Repo::new();
    seed.commit_file("f", "first\n");
    let server = seed.cloned(&["--bare"]);
    let installed = server.unleak(&["hook", "install"], b"", &[]);
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let clone = server.cloned(&[]);
    (server, clone)
}

fn everything_below(dir: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_below(&path, into);
        }
        into.insert(path.to_string_lossy().into_owned());
    }
}

fn files_of_server(server: &Repo) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    everything_below(&server.git_dir().join("objects"), &mut files);
    everything_below(&server.git_dir().join("refs"), &mut files);
    // git removes its quarantine when the receiving side ends, which can be after the client did.
    files.retain(|name| !name.contains("/tmp_objdir-incoming-"));
    files
}

/// Pushes must be blocked: explained to the pusher, and nothing written.
fn assert_blocked(server: &Repo, clone: &Repo, args: &[&str], token: &str) {
    let before = files_of_server(server);
    let output = clone.try_git(args, &[]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?}: {text}");
    assert!(
        text.contains("push blocked") && text.contains("github-pat"),
        "{text}"
    );
    assert!(!text.contains(token), "the value is not told");
    assert_eq!(
        files_of_server(server),
        before,
        "nothing is written to the server"
    );
}

#[test]
fn a_server_blocks_pushes_before_anything_is_written() {
    let (server, clone) = served();
    clone.commit_file("f", "clean\n");
    assert!(
        clone
            .try_git(&["push", "-q", "origin", "main"], &[])
            .status
            .success()
    );
    let token = github_token(30);
    let clean = clone.commit_file("f", "clean too\n");
    clone.commit_file("g", format!("key {token}\n"));
    clone.commit_file("g", "removed again\n");
    assert_blocked(&server, &clone, &["push", "origin", "main"], &token);
    assert_blocked(
        &server,
        &clone,
        &["push", "origin", "main:refs/heads/new"],
        &token,
    );
    assert_blocked(
        &server,
        &clone,
        &["push", "--force", "origin", "main"],
        &token,
    );
    let ok = clone.try_git(
        &["push", "-q", "origin", &format!("{clean}:refs/heads/main")],
        &[],
    );
    assert!(
        ok.status.success(),
        "{}",
        String::from_utf8_lossy(&ok.stderr)
    );
    // Many refs at once, an annotated tag of an old commit, and deletions.
    clone.git(&["tag", "-a", "t", "-m", &format!("key {token}"), &clean]);
    assert_blocked(
        &server,
        &clone,
        &["push", "origin", &format!("{clean}:refs/heads/a"), "t"],
        &token,
    );
    let ok = clone.try_git(
        &["push", "-q", "origin", &format!("{clean}:refs/heads/b")],
        &[],
    );
    assert!(ok.status.success());
    assert!(
        clone
            .try_git(&["push", "-q", "origin", ":b"], &[])
            .status
            .success()
    );
    // What makes a large push come as a pack instead of loose objects.
    server.git(&["config", "receive.unpackLimit", "1"]);
    assert_blocked(&server, &clone, &["push", "origin", "main"], &token);
}

#[test]
fn a_pusher_may_skip_only_if_the_server_allows_it() {
    let (server, clone) = served();
    server.git(&["config", "receive.advertisePushOptions", "true"]);
    clone.commit_file("g", format!("key {}\n", github_token(31)));
    let push = [
        "push",
        "-q",
        "-o",
        "unleak-skip=it is made up",
        "origin",
        "main",
    ];
    assert!(!clone.try_git(&push, &[]).status.success());
    let hook = server.git_dir().join("hooks/pre-receive");
    let script = format!(
        "#!/bin/sh\nexec '{}' hook pre-receive --allow-skip\n",
        env!("CARGO_BIN_EXE_unleak")
    );
    std::fs::write(&hook, script).unwrap();
    assert!(
        !clone
            .try_git(&["push", "-q", "origin", "main"], &[])
            .status
            .success()
    );
    let output = clone.try_git(&push, &[]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is made up"));
}

/// `git daemon` on a port of its own; stopped at the end.
struct Daemon(Child, u16);

impl Daemon {
    fn serve(base: &Path) -> Self {
        // The port was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let binary = Path::new(env!("CARGO_BIN_EXE_unleak")).parent().unwrap();
        let mut path = vec![binary.to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        // Not through 'git', which would leave the daemon behind when it is stopped.
        let programs = Command::new("git").arg("--exec-path").output().unwrap();
        let programs = String::from_utf8(programs.stdout).unwrap();
        let child = Command::new(Path::new(programs.trim()).join("git-daemon"))
            .args(["--reuseaddr", "--export-all", "--enable=receive-pack"])
            .args(["--listen=127.0.0.1", &format!("--port={port}")])
            .arg(format!("--base-path={}", base.display()))
            .arg(base)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", base)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git has a daemon");
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        Self(child, port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_push_over_the_network_is_blocked_too() {
    let (server, clone) = served();
    let daemon = Daemon::serve(server.path());
    clone.git(&[
        "remote",
        "add",
        "net",
        &format!("git://127.0.0.1:{}/", daemon.1),
    ]);
    let clean = clone.commit_file("f", "clean\n");
    let ok = clone.try_git(&["push", "-q", "net", "main"], &[]);
    assert!(
        ok.status.success(),
        "{}",
        String::from_utf8_lossy(&ok.stderr)
    );
    assert_eq!(server.git(&["rev-parse", "main"]), clean);
    let token = github_token(32);
    clone.commit_file("g", format!("key {token}\n"));
    assert_blocked(&server, &clone, &["push", "net", "main"], &token);
}

#[test]
fn a_clone_blocks_its_own_pushes() {
    let seed = Repo::new();
    seed.commit_file("f", format!("old {}\n", github_token(33)));
    let server = seed.cloned(&["--bare"]);
    let clone = server.cloned(&[]);
    assert!(
        clone
            .unleak(&["hook", "install", "--pre-push"], b"", &[])
            .status
            .success()
    );
    clone.commit_file("f", format!("edited\nold {}\n", github_token(33)));
    assert!(
        clone
            .try_git(&["push", "-q", "origin", "main"], &[])
            .status
            .success(),
        "old news"
    );
    clone.git(&["checkout", "-q", "-b", "topic"]);
    let token = github_token(34);
    clone.commit_file("g", format!("key {token}\n"));
    assert_blocked(&server, &clone, &["push", "origin", "topic"], &token);
    assert_blocked(&server, &clone, &["push", "--all", "origin"], &token);
    assert_blocked(
        &server,
        &clone,
        &["push", "--force", "origin", "topic:main"],
        &token,
    );
    let skipped = clone.try_git(&["push", "origin", "topic"], &[("UNLEAK_SKIP", "made up")]);
    assert!(skipped.status.success());
    assert!(String::from_utf8_lossy(&skipped.stderr).contains("made up"));
    assert!(
        clone
            .try_git(&["push", "-q", "origin", ":topic"], &[])
            .status
            .success(),
        "a deletion"
    );
    // What the remote has by another name is not new there.
    clone.git(&["fetch", "-q", "--prune", "origin"]);
    assert!(
        clone
            .try_git(
                &["push", "-q", "origin", "origin/main:refs/heads/copy"],
                &[]
            )
            .status
            .success()
    );
}

#[test]
fn a_shallow_clone_pushes_what_it_made() {
    let seed = Repo::new();
    for number in 0..3 {
        seed.commit_file("f", format!("{number}\n"));
    }
    let server = seed.cloned(&["--bare"]);
    let clone = server.cloned(&["--depth=1"]);
    assert!(
        clone
            .unleak(&["hook", "install", "--pre-push"], b"", &[])
            .status
            .success()
    );
    clone.commit_file("f", "clean\n");
    let ok = clone.try_git(&["push", "-q", "origin", "main"], &[]);
    assert!(
        ok.status.success(),
        "{}",
        String::from_utf8_lossy(&ok.stderr)
    );
    let token = github_token(35);
    clone.commit_file("f", format!("{token}\n"));
    assert_blocked(&server, &clone, &["push", "origin", "main"], &token);
}

#[test]
fn a_commit_message_is_scanned_without_what_git_cuts_off() {
    let repo = Repo::new();
    let token = github_token(36);
    let scissors = "# ------------------------ >8 ------------------------";
    repo.write("msg", format!("fix\n\n{scissors}\n-removed {token}\n"));
    assert_eq!(
        repo.unleak(&["hook", "commit-msg", "msg"], b"", &[])
            .status
            .code(),
        Some(0)
    );
    repo.write("msg", format!("fix {token}\n"));
    let output = repo.unleak(&["hook", "commit-msg", "msg"], b"", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the commit message:1:5"));
}

#[test]
fn a_hook_manager_that_hands_on_no_refs_gets_all_that_could_be_pushed() {
    let (_server, clone) = served();
    let env = [("PRE_COMMIT_REMOTE_NAME", "origin")];
    assert_eq!(
        clone.unleak(&["hook", "pre-push"], b"", &env).status.code(),
        Some(0)
    );
    clone.git(&["checkout", "-q", "-b", "second"]);
    clone.commit_file("g", format!("key {}\n", github_token(37)));
    clone.git(&["checkout", "-q", "main"]);
    assert_eq!(
        clone.unleak(&["hook", "pre-push"], b"", &env).status.code(),
        Some(1)
    );
}

#[test]
fn standard_input_is_scanned_like_a_file() {
    let repo = Repo::bare_directory();
    let text = format!("a\nkey = {}\n", github_token(38));
    let args = ["scan", "-", "--format", "json", "--stdin-name", "editor.py"];
    let output = repo.unleak(&args, text.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scope"], "text");
    assert_eq!(json["findings"][0]["history"]["first"]["path"], "editor.py");
    assert_eq!(json["findings"][0]["history"]["first"]["line"], 2);
    assert_eq!(
        repo.unleak(&["scan", "-"], b"nothing", &[]).status.code(),
        Some(0)
    );
    assert_eq!(
        repo.unleak(&["scan", "-", "--staged"], b"", &[])
            .status
            .code(),
        Some(2)
    );
}
