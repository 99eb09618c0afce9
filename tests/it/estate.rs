//! Many repositories: shares of a list, resuming, merging, and what could not be read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Repo, github_token, page_data, unleak};

struct Estate {
    dir: tempfile::TempDir,
    repositories: Vec<Repo>,
    list: PathBuf,
}

/// `count` repositories, each with a secret of its own and one that all share.
fn estate(count: u64) -> Estate {
    let dir = tempfile::tempdir().unwrap();
    let repositories: Vec<Repo> = (0..count)
        .map(|number| {
            let repo = Repo::new();
            repo.commit_file("own", format!("k = '{}'\n", github_token(100 + number)));
            repo.commit_file("shared", format!("k = '{}'\n", github_token(1)));
            repo.commit_file("shared", "k = env\n");
            repo
        })
        .collect();
    let list = dir.path().join("list");
    let lines = repositories
        .iter()
        .map(|repo| format!("{}\n", repo.path().display()));
    std::fs::write(&list, format!("# all\n{}", lines.collect::<String>())).unwrap();
    Estate {
        dir,
        repositories,
        list,
    }
}

impl Estate {
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = unleak(args, self.dir.path());
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn scan(&self, options: &[&str]) -> (Option<i32>, String, String) {
        self.run(&[&["estate", "scan", "list"], options].concat())
    }

    fn merged(&self, what: &[&str]) -> String {
        let (code, out, said) = self.run(&[&["merge", "-f", "json"], what].concat());
        assert!(matches!(code, Some(0 | 1 | 3)), "{said}");
        out
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn shares_put_together_are_the_whole_whatever_their_number_and_order() {
    let estate = estate(9);
    let (code, out, said) = estate.scan(&["-o", "whole"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(out.starts_with("9 of 9 repositories: 9 scanned"), "{out}");
    let whole = estate.merged(&["whole"]);
    let json: Value = serde_json::from_str(&whole).unwrap();
    let secrets = json["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 10);
    assert_eq!(secrets[0]["repositories"].as_array().unwrap().len(), 9);
    for count in [1, 2, 3, 7] {
        let mut parts = Vec::new();
        let mut reports = 0;
        for index in 1..=count {
            let dir = format!("{count}-{index}");
            let (code, ..) = estate.scan(&["-o", &dir, "--shard", &format!("{index}/{count}")]);
            assert!(matches!(code, Some(0 | 1)));
            reports += names(&estate.dir.path().join(&dir)).len();
            let part = format!("{dir}.json");
            std::fs::write(estate.dir.path().join(&part), estate.merged(&[&dir])).unwrap();
            parts.push(part);
        }
        assert_eq!(reports, 9);
        let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        assert_eq!(estate.merged(&parts), whole);
        // Commutative, idempotent, associative.
        parts.reverse();
        let twice = [&parts[..], &parts[..], &["whole"]].concat();
        assert_eq!(estate.merged(&twice), whole);
        let (left, right) = parts.split_at(parts.len() / 2);
        for (half, name) in [(left, "left.json"), (right, "right.json")] {
            let merged = if half.is_empty() {
                estate.merged(&["whole"])
            } else {
                estate.merged(half)
            };
            std::fs::write(estate.dir.path().join(name), merged).unwrap();
        }
        assert_eq!(estate.merged(&["right.json", "left.json"]), whole);
    }
}

#[test]
fn what_cannot_be_scanned_is_part_of_the_result_until_it_can() {
    let estate = estate(2);
    let missing = estate.dir.path().join("later");
    let list = std::fs::read_to_string(&estate.list).unwrap();
    std::fs::write(&estate.list, format!("{list}{}\n", missing.display())).unwrap();
    let (code, out, said) = estate.scan(&["-o", "reports"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        out.contains("2 scanned") && out.contains("1 failed"),
        "{out}"
    );
    assert!(said.contains("later"), "{said}");
    let (code, out, _) = estate.run(&["merge", "reports"]);
    assert_eq!(code, Some(3));
    assert!(
        out.contains("in 2 of 3 repositories; but not everything could be read"),
        "{out}"
    );
    assert!(out.contains("later: not scanned"), "{out}");
    // It is there now; the others are not scanned again.
    Command::new("git")
        .args(["init", "-q"])
        .arg(&missing)
        .status()
        .unwrap();
    let (code, out, said) = estate.scan(&["-o", "reports", "--resume"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        out.contains("1 scanned, 2 were there already") && out.contains("0 failed"),
        "{out}"
    );
    let (code, out, _) = estate.run(&["merge", "reports"]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("in 2 of 3 repositories; everything was read"),
        "{out}"
    );
    // It goes away again: an old report does not stand for it.
    std::fs::remove_dir_all(&missing).unwrap();
    assert_eq!(estate.scan(&["-o", "reports"]).0, Some(3));
    assert_eq!(estate.run(&["merge", "reports"]).0, Some(3));
}

#[test]
fn a_killed_run_leaves_whole_reports_and_is_taken_up() {
    let estate = estate(6);
    estate.scan(&["-o", "whole"]);
    let whole = estate.merged(&["whole"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(["estate", "scan", "list", "-o", "killed", "--threads", "1"])
        .current_dir(estate.dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = estate.dir.path().join("killed");
    while child.try_wait().unwrap().is_none() && (!killed.is_dir() || names(&killed).is_empty()) {
        std::thread::yield_now();
    }
    // It may have ended by now: then there is nothing to take up.
    let _ = child.kill();
    child.wait().unwrap();
    let before = names(&killed).len();
    let (code, out, said) = estate.scan(&["-o", "killed", "--resume"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(before == 0 || out.contains("were there already"), "{out}");
    assert_eq!(estate.merged(&["killed"]), whole);
}

#[test]
fn sigterm_ends_after_the_repository_at_hand() {
    let estate = estate(40);
    let child = Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(["estate", "scan", "list", "-o", "out", "--threads", "1"])
        .current_dir(estate.dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = estate.dir.path().join("out");
    while !out.is_dir() || names(&out).is_empty() {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Whoever is quick enough has scanned all of them.
    if output.status.code() != Some(1) {
        assert_eq!(output.status.code(), Some(143), "{said}");
        assert!(said.contains("'--resume' takes it up again"), "{said}");
    }
    let (code, text, _) = estate.scan(&["-o", "out", "--resume"]);
    assert_eq!(code, Some(1));
    assert!(text.starts_with("40 of 40 repositories"), "{text}");
}

#[test]
fn a_plan_shares_out_by_size_and_names_every_repository_once() {
    let estate = estate(5);
    let big = &estate.repositories[3];
    let noise: String = (0..40_000)
        .map(|n| github_token(n)[4..].to_owned())
        .collect();
    big.commit_file("noise", noise);
    let (code, out, _) = estate.run(&["estate", "plan", "list", "--shards", "2"]);
    assert_eq!(code, Some(0));
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0][3], big.path().display().to_string());
    assert!(rows[1..].iter().all(|row| row[0] != rows[0][0]), "{out}");
}

/// A repository with a history, and `count` forks of it, the paths in no order. Some forks lack its newest
/// commits. Returns the paths; the last one has all that the others have.
fn forks(dir: &Path, count: u64) -> Vec<PathBuf> {
    let first = Repo::new();
    for number in 0..12 {
        let text = format!("{number} k = '{}'\n", github_token(number % 5));
        first.commit_file(&format!("d{}/f", number % 3), text);
    }
    let mut paths = Vec::new();
    let keep = |repo: &Repo, name: &str| {
        let path = dir.join(name);
        repo.git(&["clone", "-q", "--mirror", ".", path.to_str().unwrap()]);
        path
    };
    let all = first.cloned(&[]);
    for number in 0..count {
        let fork = first.cloned(&[]);
        if number % 3 == 2 {
            fork.git(&["reset", "-q", "--hard", "HEAD~2"]);
            fork.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
            fork.git(&["update-ref", "-d", "refs/remotes/origin/HEAD"]);
            fork.git(&["reflog", "expire", "--expire=now", "--all"]);
            fork.git(&["gc", "-q", "--prune=now"]);
        }
        fork.commit_file("own", format!("k = '{}'\n", github_token(10 + number)));
        fork.commit_file("both", format!("k = '{}'\n", github_token(20 + number / 2)));
        let path = keep(&fork, &format!("{}.git", (number * 7) % 10));
        let own = format!("HEAD:refs/heads/fork-{number}");
        fork.git(&["push", "-q", all.path().to_str().unwrap(), &own]);
        paths.push(path);
    }
    paths.push(keep(&first, "first.git"));
    paths.push(keep(&all, "all.git"));
    paths
}

/// The objects that were read and those that there are, of each repository in its turn.
fn read(said: &str) -> Vec<(usize, usize)> {
    let lines = said
        .lines()
        .filter_map(|line| line.strip_suffix(" objects were read"));
    let numbers = lines.map(|line| line.split_once(" of ").unwrap());
    numbers
        .map(|(read, all)| (read.parse().unwrap(), all.parse().unwrap()))
        .collect()
}

/// Writes a list of repositories.
fn list_of(dir: &Path, name: &str, paths: &[PathBuf]) {
    let lines = paths.iter().map(|path| format!("{}\n", path.display()));
    std::fs::write(dir.join(name), lines.collect::<String>()).unwrap();
}

/// Runs the binary, which must come to its end; returns what it prints and what it says.
fn ended(args: &[&str], dir: &Path) -> (String, String) {
    let output = unleak(args, dir);
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(code, Some(0 | 1)), "{said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

/// All reports of a directory, without days: findings have them with a state only.
fn reports_in(dir: &Path) -> Vec<(String, Vec<Value>)> {
    let read = |name: String| {
        let text = std::fs::read_to_string(dir.join(&name)).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("first_seen");
            line
        });
        (name, lines.collect())
    };
    names(dir).into_iter().map(read).collect()
}

#[test]
fn forks_are_scanned_as_if_alone_and_each_object_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let paths = forks(dir, 9);
    for path in &paths {
        list_of(dir, "alone", std::slice::from_ref(path));
        ended(&["estate", "scan", "alone", "-o", "one-by-one"], dir);
    }
    list_of(dir, "list", &paths);
    let expected = reports_in(&dir.join("one-by-one"));
    assert_eq!(expected.len(), 11);
    // One of them has all that the others have.
    let all = Command::new("git")
        .args(["cat-file", "--batch-all-objects", "--batch-check"])
        .current_dir(paths.last().unwrap())
        .output()
        .unwrap();
    let all = String::from_utf8(all.stdout).unwrap();
    let scanned = all.lines().filter(|line| !line.contains(" tree ")).count();
    let scan = ["estate", "scan", "list", "-v", "-o", "together"];
    let with_state = [&scan[..], &["--state-dir", "state"]].concat();
    for args in [&scan[..], &with_state] {
        let (_, said) = ended(args, dir);
        assert_eq!(reports_in(&dir.join("together")), expected);
        let read = read(&said);
        assert_eq!(read.len(), 11);
        let sum: usize = read.iter().map(|(read, _)| read).sum();
        assert_eq!(sum, scanned, "each object is scanned once: {read:?}");
    }
    // By itself, each is read as a whole.
    let (_, said) = ended(
        &[&scan[..], &["--alone", "--state-dir", "alone-state"]].concat(),
        dir,
    );
    assert_eq!(reports_in(&dir.join("together")), expected);
    let sum: usize = read(&said).iter().map(|(read, _)| read).sum();
    assert!(sum > 3 * scanned, "{sum} of {scanned}");
    // With a state of each, a fork goes on from its own.
    ended(&with_state, dir);
    assert_eq!(reports_in(&dir.join("together")), expected);
}

#[test]
fn a_plan_has_forks_in_one_share_and_what_is_no_fork_in_another() {
    let dir = tempfile::tempdir().unwrap();
    let paths = forks(dir.path(), 9);
    let other = Repo::new();
    other.commit_file("f", "nothing in common\n");
    let all = [&paths[..5], &[other.path().to_owned()], &paths[5..]].concat();
    list_of(dir.path(), "more", &all);
    let (text, _) = ended(&["estate", "plan", "more", "--shards", "3"], dir.path());
    let rows = text.lines().map(|line| line.split('\t').collect());
    let rows: Vec<Vec<&str>> = rows.collect();
    assert_eq!(rows.len(), 12);
    let other = other.path().display().to_string();
    for row in rows {
        let is_other = row[3] == other;
        assert_eq!(row[0] == "1" && row[2] == "1", !is_other, "{text}");
    }
}

#[test]
fn what_is_new_and_gone_is_told_in_every_format() {
    let estate = estate(2);
    estate.scan(&["-o", "reports"]);
    std::fs::write(
        estate.dir.path().join("before.json"),
        estate.merged(&["reports"]),
    )
    .unwrap();
    let repo = &estate.repositories[0];
    repo.commit_file("new", format!("k = '{}'\n", github_token(7)));
    estate.scan(&["-o", "reports"]);
    let args = ["--before", "before.json", "reports"];
    let json: Value = serde_json::from_str(&estate.merged(&args)).unwrap();
    let new = json["secrets"].as_array().unwrap().iter();
    assert_eq!(new.filter(|secret| secret["is_new"] == true).count(), 1);
    assert_eq!(json["gone"].as_array().unwrap().len(), 0);
    let (_, text, _) = estate.run(&[&["merge"], &args[..]].concat());
    assert!(
        text.contains("since the earlier one: 1 new, 0 gone"),
        "{text}"
    );
    assert!(text.contains("in 2 repositories"), "{text}");
    let (_, page, _) = estate.run(&[&["merge", "-f", "html"], &args[..]].concat());
    assert!(page.contains("1 new, 0 gone"), "{page}");
    let rows = page_data(&page)["rows"].as_array().unwrap().clone();
    assert_eq!(rows.len(), json["secrets"].as_array().unwrap().len());
    assert_eq!(rows.iter().filter(|row| row["is_new"] == true).count(), 1);
    for seed in [1, 7, 100, 101] {
        assert!(!page.contains(&github_token(seed)) && !text.contains(&github_token(seed)));
    }
    let (code, _, said) = estate.run(&["merge", "-f", "sarif", "reports"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("human, json and html"), "{said}");
}

#[test]
fn with_a_state_the_same_comes_out_and_days_are_kept() {
    let estate = estate(3);
    estate.scan(&["-o", "plain"]);
    for dir in ["first", "second"] {
        let (code, _, said) = estate.scan(&["-o", dir, "--state-dir", "state"]);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(estate.merged(&[dir]), estate.merged(&["plain"]));
    }
    // A report and a ledger of each.
    assert_eq!(names(&estate.dir.path().join("state")).len(), 6);
}

#[test]
fn a_part_of_a_repository_does_not_stand_for_it() {
    let estate = estate(1);
    let repo = estate.repositories[0].path().to_str().unwrap();
    let (code, ..) = estate.run(&["scan", "--shard", "1/1", "-o", "json:part.json", repo]);
    assert_eq!(code, Some(1));
    let (code, out, _) = estate.run(&["merge", "part.json"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("only a part of it was scanned"), "{out}");
}

#[test]
fn the_result_keeps_to_its_schema() {
    let estate = estate(2);
    std::fs::write(
        &estate.list,
        std::fs::read_to_string(&estate.list).unwrap() + "/nowhere/at/all\n",
    )
    .unwrap();
    estate.scan(&["-o", "reports"]);
    let first = estate.merged(&["reports"]);
    std::fs::write(estate.dir.path().join("before.json"), &first).unwrap();
    let second = estate.merged(&["reports", "--before", "before.json"]);
    let schema = std::fs::read_to_string("docs/estate.schema.json").unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for text in [&first, &second] {
        let json: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        // A field that the schema does not know is a field that nobody was told of.
        let known = schema["properties"].as_object().unwrap();
        assert!(
            json.as_object()
                .unwrap()
                .keys()
                .all(|key| known.contains_key(key))
        );
    }
}
