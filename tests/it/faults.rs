//! Errors of the system: whichever call fails, the findings are the same, or the scan says that it is
//! incomplete. A small library that is loaded before all others makes one call fail at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Repo, github_token};

/// Builds the library; `None` where there is no compiler or no such loader.
fn library(dir: &Path) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return None;
    }
    let library = dir.join("faults.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg("tests/it/faults.c")
        .arg("-ldl")
        .output()
        .ok()?;
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Some(library)
}

/// Findings in packs and loose objects, in messages and in reflogs, and side stores that must be listed.
fn repository() -> Repo {
    let repo = Repo::new();
    repo.commit_file("a", format!("k = '{}'\n", github_token(1)));
    repo.commit_file(
        "a",
        format!("k = '{}'\nk = '{}'\n", github_token(1), github_token(2)),
    );
    repo.git(&["gc", "-q"]);
    repo.git(&["worktree", "add", "-q", "inner/linked", "-b", "side"]);
    repo.commit_file("b/c", format!("k = '{}'\n", github_token(3)));
    repo.commit(&format!("a message {}", github_token(4)));
    repo.git(&[
        "tag",
        "-a",
        "-m",
        &format!("a tag {}", github_token(5)),
        "v1",
    ]);
    repo
}

fn scan(repo: &Repo, library: &Path, call: &str, at: usize) -> (Output, bool) {
    let log = library.with_extension("log");
    let _ = std::fs::remove_file(&log);
    let output = Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(["scan", "-f", "json", "--threads", "1", "--git-dir", "."])
        .current_dir(repo.path())
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("LD_PRELOAD", library)
        .env("FAULT_CALL", call)
        .env("FAULT_BELOW", "/.git")
        .env("FAULT_AT", at.to_string())
        .env("FAULT_LOG", &log)
        .output()
        .unwrap();
    (output, log.exists())
}

/// All that a report says of findings.
fn told(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    report["findings"].clone()
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn whichever_call_fails_the_findings_are_the_same_or_the_status_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let Some(library) = library(dir.path()) else {
        eprintln!("skipped: there is no C compiler, or another loader");
        return;
    };
    let repo = repository();
    let calls = [
        ("readdir", 20),
        ("open", 10),
        ("read", 10),
        ("opendir", 10),
        ("mmap", 2),
        ("stat", 10),
    ];
    // Also of files beside the objects, in the git directory and in linked worktrees.
    let other = Repo::new();
    other.commit_file("lib", format!("k = '{}'\n", github_token(6)));
    let url = format!("file://{}", other.path().display());
    repo.git(&["submodule", "--quiet", "add", &url, "lib"]);
    repo.commit(&format!("lib {}", github_token(7)));
    repo.write("inner/linked/untracked", github_token(8));
    for (call, least) in calls {
        fail_each(&repo, &library, (call, least), 8);
    }
}

/// Lets each call of one kind fail once.
fn fail_each(repo: &Repo, library: &Path, (call, least): (&str, usize), count: usize) {
    let (good, _) = scan(repo, library, "none", 0);
    let expected = told(&good);
    assert_eq!(good.status.code(), Some(1), "{good:?}");
    assert_eq!(
        expected.as_array().map(Vec::len),
        Some(count),
        "{expected:#}"
    );
    let mut at = 1;
    loop {
        let (output, has_failed) = scan(repo, library, call, at);
        if !has_failed {
            break;
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let log = std::fs::read_to_string(library.with_extension("log")).unwrap();
        match output.status.code() {
            Some(2 | 3) => {}
            Some(1) => {
                assert_eq!(told(&output), expected, "{call} {at} on {log}: {said}");
            }
            code => panic!("{call} {at} on {log}: {code:?} {said}"),
        }
        at += 1;
    }
    assert!(at > least, "{call}: only {at} calls were seen");
}
