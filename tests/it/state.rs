//! Second scans: nothing is read again that has not changed, and nothing that has is missed.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Repo, github_token, unleak};

/// Makes all files of a repository old: what is new may change once more within a tick of the clock.
fn settle(path: &Path) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            settle(&entry.unwrap().path());
        }
    }
    let old = SystemTime::now() - Duration::from_secs(3600);
    File::open(path).unwrap().set_modified(old).unwrap();
}

/// What is changed, and how.
type Change<'a> = (&'a str, &'a dyn Fn(&Repo));

struct Case {
    repo: Repo,
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let repo = Repo::new();
        repo.commit_file("a", format!("k = '{}'\n", github_token(1)));
        repo.git(&["gc", "-q"]);
        settle(repo.path());
        Self {
            repo,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn scan(&self, options: &[&str]) -> Output {
        let dir = self.dir.path().to_str().unwrap();
        let args = [&["scan", "-v", "--state-dir", dir], options, &["."]].concat();
        unleak(&args, self.repo.path())
    }

    /// Whether the scan came from the state, and its report, but for the days.
    fn kept(&self, options: &[&str]) -> (bool, Value) {
        let output = self.scan(&[options, &["-f", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
        (
            said.contains("nothing has changed"),
            without_days(&output.stdout),
        )
    }

    fn fresh(&self, options: &[&str]) -> Value {
        let args = [&["scan", "-f", "json"], options, &["."]].concat();
        without_days(&unleak(&args, self.repo.path()).stdout)
    }

    fn file(&self) -> PathBuf {
        self.file_ending(".state.json")
    }

    fn file_ending(&self, ending: &str) -> PathBuf {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        files
            .find(|path| path.to_str().unwrap().ends_with(ending))
            .unwrap()
    }
}

fn without_days(json: &[u8]) -> Value {
    let mut json: Value = serde_json::from_slice(json).unwrap();
    for finding in json["findings"].as_array_mut().unwrap() {
        finding.as_object_mut().unwrap().remove("first_seen");
    }
    json
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let case = Case::new();
    let first = case.kept(&[]);
    let second = case.kept(&[]);
    assert_eq!((first.0, second.0), (false, true));
    assert_eq!(first.1, second.1);
    assert_eq!(second.1, case.fresh(&[]));
    // All formats come from what was kept.
    for format in ["human", "sarif", "html"] {
        let output = case.scan(&["-f", format]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing has changed"));
        assert_eq!(output.status.code(), Some(1));
    }
    // A fetch that brings nothing changes nothing.
    let other = case.repo.cloned(&[]);
    settle(other.path());
    let dir = case.dir.path().join("other");
    let dir = dir.to_str().unwrap();
    let scan = || {
        let output = unleak(&["scan", "-v", "--state-dir", dir, "."], other.path());
        String::from_utf8_lossy(&output.stderr).contains("nothing has changed")
    };
    other.git(&["fetch", "-q"]);
    assert!(!scan());
    other.git(&["fetch", "-q"]);
    assert!(scan());
    // A pack that changes without another size or time does.
    let packs = case.repo.git_dir().join("objects/pack");
    let mut files = std::fs::read_dir(packs)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let pack = files
        .find(|path| path.extension().is_some_and(|e| e == "pack"))
        .unwrap();
    let time = std::fs::metadata(&pack).unwrap().modified().unwrap();
    let len = std::fs::metadata(&pack).unwrap().len();
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&pack, vec![0; usize::try_from(len).unwrap()]).unwrap();
    File::open(&pack).unwrap().set_modified(time).unwrap();
    assert_eq!(case.scan(&[]).status.code(), Some(3));
}

#[test]
fn whatever_changes_the_report_is_seen() {
    let case = Case::new();
    let changes: [Change<'_>; 9] = [
        ("a commit", &|repo| {
            repo.commit_file("b", format!("k = '{}'\n", github_token(2)));
        }),
        ("a branch", &|repo| {
            repo.git(&["branch", "side"]);
        }),
        ("packed refs", &|repo| {
            repo.git(&["pack-refs", "--all"]);
        }),
        ("another HEAD", &|repo| {
            repo.git(&["symbolic-ref", "HEAD", "refs/heads/side"]);
        }),
        ("a loose object", &|repo| {
            let blob = format!("k = '{}'\n", github_token(3));
            repo.git_with_input(&["hash-object", "-w", "--stdin"], blob.as_bytes());
        }),
        ("the index", &|repo| {
            repo.git(&["rm", "-q", "--cached", "a"]);
        }),
        ("a remote", &|repo| {
            repo.git(&["remote", "add", "origin", "https://github.com/o/r"]);
        }),
        ("a configuration", &|repo| {
            repo.write(".unleak.toml", "min_confidence = 'low'\n");
        }),
        ("a suppression", &|repo| {
            let id = repo.scan(&[]).findings()[0]["fingerprint"]
                .as_str()
                .unwrap()
                .to_owned();
            let output = repo.unleak(&["ignore", &id, "--reason", "x"], b"", &[]);
            assert!(output.status.success());
        }),
    ];
    for (what, change) in changes {
        settle(case.repo.path());
        case.kept(&[]);
        assert!(case.kept(&[]).0, "before {what}");
        change(&case.repo);
        let (is_kept, report) = case.kept(&[]);
        assert!(!is_kept, "{what}");
        assert_eq!(report, case.fresh(&[]), "{what}");
    }
    // So is what is asked for.
    settle(case.repo.path());
    case.kept(&[]);
    for options in [
        &["--min-confidence", "high"][..],
        &["--disable-rule", "github-pat"],
        &["--in-head"],
        &["--no-ignore"],
        &["--no-inline-allow"],
        &["--max-depth", "0"],
    ] {
        let (is_kept, report) = case.kept(options);
        assert!(!is_kept, "{options:?}");
        assert_eq!(report, case.fresh(options), "{options:?}");
    }
}

#[test]
fn what_changed_a_moment_ago_is_read_again() {
    let case = Case::new();
    case.repo
        .git_with_input(&["hash-object", "-w", "--stdin"], b"new");
    assert!(!case.kept(&[]).0);
    assert!(!case.kept(&[]).0);
    // So is what could not be read.
    let case = Case::new();
    let blob = case
        .repo
        .git_with_input(&["hash-object", "-w", "--stdin"], b"x");
    let blob = String::from_utf8(blob).unwrap();
    let file = case.repo.git_dir().join("objects").join(&blob[..2]);
    let file = file.join(blob[2..].trim());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&file, b"no object").unwrap();
    settle(case.repo.path());
    for _ in 0..2 {
        let output = case.scan(&[]);
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("nothing has changed"), "{said}");
        // Nothing that was read beside damage is relied on.
        assert!(said.contains("2 of 2 objects were read"), "{said}");
    }
}

#[test]
fn what_is_missing_is_told_each_time() {
    let case = Case::new();
    let shallow = case.repo.git_dir().join("shallow");
    std::fs::write(&shallow, case.repo.git(&["rev-parse", "HEAD"])).unwrap();
    settle(case.repo.path());
    for is_kept in [false, true] {
        let output = case.scan(&[]);
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.contains("nothing has changed"), is_kept, "{said}");
    }
}

#[test]
fn findings_keep_the_day_on_which_they_were_first_told() {
    let case = Case::new();
    case.scan(&[]);
    let file = case.file();
    let sealed: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut kept = sealed["kept"].clone();
    for day in kept["first_seen"].as_object_mut().unwrap().values_mut() {
        *day = "2020-02-29".into();
    }
    let text = kept.to_string();
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&text));
    let sealed = format!("{{\"digest\":\"{digest}\",\"kept\":{text}}}");
    std::fs::write(&file, sealed).unwrap();
    case.repo
        .commit_file("b", format!("k = '{}'\n", github_token(2)));
    let output = case.scan(&["-f", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let days: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["first_seen"].as_str().unwrap())
        .collect();
    assert_eq!(
        days.iter().filter(|day| **day == "2020-02-29").count(),
        1,
        "{days:?}"
    );
    assert_eq!(days.len(), 2);
    let text = String::from_utf8(case.scan(&[]).stdout).unwrap();
    assert!(text.contains(" · first told 2020-02-29"), "{text}");
}

#[test]
fn the_state_holds_no_secret_and_can_be_shown_and_cleared() {
    let case = Case::new();
    case.scan(&[]);
    let file = case.file();
    let text = String::from_utf8(std::fs::read(&file).unwrap()).unwrap();
    for file in [&file, &case.file_ending(".ledger")] {
        let bytes = std::fs::read(file).unwrap();
        let secret = github_token(1);
        let holds = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!holds, "{}", file.display());
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let dir = case.dir.path().to_str().unwrap();
    let state = |what: &str| {
        let output = unleak(&["state", what, "--state-dir", dir], case.repo.path());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = state("show");
    assert!(
        shown.contains(".git: scanned 20") && shown.contains("1 findings"),
        "{shown}"
    );
    // What is damaged is made anew.
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    assert!(!case.kept(&[]).0);
    assert!(case.kept(&[]).0);
    assert_eq!(state("clear"), "1 repositories are forgotten\n");
    assert!(state("show").contains("holds no state"));
    for options in [&["--show-secrets"][..], &["--staged"], &["--worktree"]] {
        assert_eq!(case.scan(options).status.code(), Some(2), "{options:?}");
    }
}

#[test]
fn a_damaged_state_is_not_used_and_everything_is_scanned() {
    let case = Case::new();
    let expected = case.kept(&[]).1;
    let path = case.file_ending(".state.json");
    let good = std::fs::read(&path).unwrap();
    let step = (good.len() / 60).max(1);
    let cut = [0, 1, good.len() / 2, good.len() - 1].map(|len| good[..len].to_vec());
    let flipped = (0..good.len()).step_by(step).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 7);
        bytes
    });
    for (number, bytes) in cut.into_iter().chain(flipped).enumerate() {
        std::fs::write(&path, bytes).unwrap();
        let output = case.scan(&["-f", "json"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{number}: {said}");
        assert!(said.contains("warning: the state"), "{number}: {said}");
        assert!(!said.contains("nothing has changed"), "{number}: {said}");
        assert_eq!(without_days(&output.stdout), expected, "damage {number}");
    }
    assert!(case.kept(&[]).0, "it is written anew");
}

#[test]
fn a_state_that_cannot_be_written_costs_no_report() {
    let case = Case::new();
    let file = case.dir.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let dir = file.join("below");
    let args = [
        "scan",
        "-f",
        "json",
        "--state-dir",
        dir.to_str().unwrap(),
        ".",
    ];
    let output = unleak(&args, case.repo.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("warning: the state is not kept"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_the_others_come() {
    let case = Case::new();
    let good = case.dir.path().join("good.json");
    let good = good.to_str().unwrap();
    let bad = case.dir.path().join("absent/report.json");
    let bad = bad.to_str().unwrap();
    let two = [format!("json:{bad}"), format!("json:{good}")];
    let args = ["scan", "-o", &two[0], "-o", &two[1], "."];
    let output = unleak(&args, case.repo.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("warning: cannot write"), "{said}");
    assert!(!output.stdout.is_empty());
    let report: Value = serde_json::from_slice(&std::fs::read(good).unwrap()).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    // One that takes the place of standard output comes there.
    let args = ["scan", "-f", "json", "-o", bad, "."];
    let output = unleak(&args, case.repo.path());
    assert_eq!(output.status.code(), Some(3));
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok());
}
