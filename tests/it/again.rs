//! Scans that go on from earlier ones: they tell what a scan of everything tells, and read what is new.

use std::path::Path;

use serde_json::Value;
use unleak::rule::template::Random;

use crate::support::{Repo, github_token, signed_token, unleak};

/// Scans `repo` with and without the state in `dir`; returns how many objects the first one read, of
/// how many.
fn compare(repo: &Path, dir: &Path, options: &[&str], what: &str) -> (u64, u64) {
    let dir = dir.to_str().unwrap();
    let with = ["scan", "-v", "-f", "json", "--state-dir", dir];
    let with = unleak(&[&with, options, &["."]].concat(), repo);
    let plain = unleak(&[&["scan", "-f", "json"], options, &["."]].concat(), repo);
    let said = String::from_utf8_lossy(&with.stderr);
    assert_eq!(with.status.code(), plain.status.code(), "{what}: {said}");
    let mut report: Value = serde_json::from_slice(&with.stdout).unwrap();
    for finding in report["findings"].as_array_mut().unwrap() {
        finding.as_object_mut().unwrap().remove("first_seen");
    }
    let expected: Value = serde_json::from_slice(&plain.stdout).unwrap();
    let pretty = |report: &Value| serde_json::to_string_pretty(report).unwrap();
    let (report, expected) = (pretty(&report), pretty(&expected));
    let lines = report.lines().zip(expected.lines());
    let differ: Vec<_> = lines
        .filter(|(ours, theirs)| ours != theirs)
        .take(3)
        .collect();
    assert!(report == expected, "{what}: {differ:#?}");
    let line = said
        .lines()
        .find(|line| line.ends_with("objects were read"));
    let Some(line) = line else {
        assert!(said.contains("nothing has changed"), "{what}: {said}");
        return (0, 0);
    };
    let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A line that holds something, or nothing.
fn line(random: &mut Random) -> String {
    match random.below(11) {
        0 => format!("k = '{}'\n", github_token(random.below(5) as u64)),
        1 => format!(
            "password = \"{}-Zq8{}xT\"\n",
            random.below(4),
            random.below(9)
        ),
        2 => format!("db_password = test{}\n", random.below(3)),
        3 => format!(
            "k = '{}' # unleak:allow\n",
            github_token(40 + random.below(3) as u64)
        ),
        4 => {
            let text = format!("k = '{}'\n", github_token(60 + random.below(3) as u64));
            format!("b64 {}\n", data_encoding::BASE64.encode(text.as_bytes()))
        }
        5 => {
            let claims = serde_json::json!({ "sub": random.below(4), "exp": 1_000_000_000 });
            let key = format!("quiet-river-{}", random.below(3));
            format!("t {}\n", signed_token(&claims, key.as_bytes()))
        }
        6 => {
            let claims = serde_json::json!({ "sub": random.below(4) });
            let key = format!("quiet-river-{}", random.below(3));
            format!("t {}\n", signed_token(&claims, key.as_bytes()))
        }
        7 => format!("jwt_secret = 'quiet-river-{}'\n", random.below(3)),
        _ => format!("line {}\n", random.below(1000)),
    }
}

fn text(random: &mut Random) -> String {
    (0..1 + random.below(12)).map(|_| line(random)).collect()
}

/// Changes a repository somehow; returns how.
fn change(repo: &Repo, random: &mut Random) -> String {
    let branches = repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    let branches: Vec<&str> = branches.lines().collect();
    let any = branches[random.below(branches.len())];
    let number = random.below(17);
    match number {
        0..=4 | 12..=14 => change_files(repo, random, number),
        _ => change_refs(repo, random, number, (&branches, any)),
    }
    format!("change {number}")
}

fn path(random: &mut Random) -> String {
    let dirs = ["", "src/", "src/deep/er/", "config/"];
    format!("{}f{}", dirs[random.below(dirs.len())], random.below(5))
}

fn change_files(repo: &Repo, random: &mut Random, number: usize) {
    match number {
        0..=4 => {
            let file = path(random);
            let old = std::fs::read_to_string(repo.path().join(&file)).unwrap_or_default();
            let new = match random.below(3) {
                0 => text(random),
                1 => format!("{old}{}", text(random)),
                _ => old
                    .lines()
                    .skip(1)
                    .map(|line| format!("{line}\n"))
                    .collect(),
            };
            repo.write(&file, new);
            repo.git(&["add", "-A"]);
            let message = if random.below(4) == 0 {
                line(random)
            } else {
                "c".to_owned()
            };
            repo.git(&["commit", "-q", "--allow-empty", "-m", &message]);
        }
        12 => {
            repo.write(path(random), text(random));
            repo.git(&["add", "-A"]);
            repo.git(&["commit", "-q", "--allow-empty", "--amend", "-m", "amended"]);
        }
        13 => {
            repo.write(path(random), text(random));
            repo.git(&["stash", "-q", "-u"]);
        }
        _ => {
            let name = format!("n-{}", github_token(80 + random.below(2) as u64));
            repo.write(format!("names/{name}"), line(random));
            repo.git(&["add", "-A"]);
            repo.git(&["commit", "-q", "--allow-empty", "-m", "a name"]);
        }
    }
}

fn change_refs(repo: &Repo, random: &mut Random, number: usize, (branches, any): (&[&str], &str)) {
    match number {
        5 => {
            let name = format!("b{}", random.below(100));
            repo.git(&["checkout", "-q", "-B", &name]);
        }
        6 => {
            repo.git(&["checkout", "-q", "-f", any]);
        }
        7 => {
            repo.try_git(&["merge", "-q", "-X", "ours", "--no-edit", any], &[]);
            repo.try_git(&["merge", "--abort"], &[]);
            repo.git(&["reset", "-q", "--hard"]);
        }
        8 => {
            let name = format!("t{}", random.below(1000));
            repo.try_git(&["tag", "-a", "-m", &line(random), &name], &[]);
        }
        9 => {
            let other = branches.iter().find(|&&name| name != any);
            if let Some(other) = other {
                repo.git(&["checkout", "-q", "-f", any]);
                repo.git(&["branch", "-D", other]);
            }
        }
        10 => {
            repo.git(&["gc", "-q"]);
        }
        11 => {
            repo.git(&["reflog", "expire", "--expire=now", "--all"]);
            repo.git(&["gc", "-q", "--prune=now"]);
        }
        15 => {
            let parent = repo.git(&["rev-list", "--max-count=3", "HEAD"]);
            let old = parent.lines().last().unwrap().to_owned();
            repo.git(&["read-tree", "--reset", "-u", &old]);
            repo.git(&["commit", "-q", "--allow-empty", "-m", "as it was"]);
        }
        _ => {
            let text = text(random);
            repo.git_with_input(&["hash-object", "-w", "--stdin"], text.as_bytes());
            repo.git(&["repack", "-q", "-d"]);
        }
    }
}

fn grow(seed: u64, options: &[&str], steps: usize) -> (u64, u64) {
    let mut random = Random::new(seed);
    let repo = Repo::init(options);
    repo.git(&["config", "gc.auto", "0"]);
    repo.commit_file("f0", text(&mut random));
    let dir = tempfile::tempdir().unwrap();
    let mut sum = (0, 0);
    for step in 0..steps {
        let what = change(&repo, &mut random);
        let what = format!("seed {seed}, step {step}: {what}");
        let (read, of) = compare(repo.path(), dir.path(), &[], &what);
        sum = (sum.0 + read, sum.1 + of);
    }
    sum
}

#[test]
fn whatever_changes_the_report_is_that_of_a_whole_scan() {
    for seed in 1..=6 {
        let (read, of) = grow(seed, &[], 25);
        assert!(read * 3 < of, "seed {seed}: {read} of {of} were read");
    }
}

#[test]
fn other_object_formats_and_refs_are_told_on() {
    grow(11, &["--object-format=sha256"], 15);
    grow(12, &["--ref-format=reftable"], 10);
}

#[test]
fn a_fetch_costs_what_it_brings() {
    let origin = Repo::new();
    for number in 0..60 {
        origin.commit_file(&format!("f{number}"), format!("line {number}\n"));
    }
    origin.commit_file("secret", format!("k = '{}'\n", github_token(1)));
    let clone = origin.cloned(&["--mirror"]);
    let dir = tempfile::tempdir().unwrap();
    let (read, of) = compare(clone.path(), dir.path(), &[], "first");
    // Trees are counted among what is there, not among what is scanned.
    assert!(read >= 120 && of > 180, "{read} of {of}");
    origin.commit_file("f3", "changed\n");
    origin.commit_file("late", format!("k = '{}'\n", github_token(2)));
    clone.git(&["fetch", "-q", "origin", "+refs/*:refs/*"]);
    let (read, _) = compare(clone.path(), dir.path(), &[], "fetched");
    assert_eq!(read, 4, "two commits, two blobs");
    // Packed anew, all of it: nothing is new.
    clone.git(&["repack", "-q", "-a", "-d", "-f"]);
    let (read, _) = compare(clone.path(), dir.path(), &[], "repacked");
    assert_eq!(read, 0);
    // A blob that went away takes its secret along.
    origin.git(&["reset", "-q", "--hard", "HEAD~"]);
    clone.git(&["fetch", "-q", "origin", "+refs/*:refs/*"]);
    clone.git(&["gc", "-q", "--prune=now"]);
    compare(clone.path(), dir.path(), &[], "pruned");
}

#[test]
fn other_rules_are_tried_on_what_was_scanned_without_them() {
    let repo = Repo::new();
    for number in 0..12 {
        repo.commit_file("clean", format!("line {number}\n"));
    }
    repo.commit_file(
        "a",
        format!("k = '{}'\nid = ZED-0123456789abcdef\n", github_token(1)),
    );
    repo.commit_file(
        "b",
        format!(
            "password = \"{}-Zq8{}xT-kk\"\nzed = \"QQQ-0123456789abcdef\"\n",
            7, 1
        ),
    );
    repo.commit_file(
        "c",
        format!("k = '{}' # unleak:allow zed-id\n", github_token(2)),
    );
    repo.git(&["gc", "-q"]);
    let dir = tempfile::tempdir().unwrap();
    let rule = |prefix: &str| {
        format!(
            "[[rule]]\nid = \"zed-id\"\nprovider = \"Zed\"\ndescription = \"Zed id\"\n\
             confidence = \"high\"\nkeywords = [\"{prefix}-\"]\n\
             regex = '''{prefix}-[0-9a-f]{{16}}'''\n\
             examples = [\"{prefix}-{{{{hex:16}}}}\"]\nnear_misses = [\"{prefix}-x\"]\n"
        )
    };
    let rules = tempfile::tempdir().unwrap();
    let (zed, changed) = (
        rules.path().join("zed.toml"),
        rules.path().join("changed.toml"),
    );
    std::fs::write(&zed, rule("ZED")).unwrap();
    std::fs::write(&changed, rule("QQQ")).unwrap();
    let (zed, changed) = (zed.to_str().unwrap(), changed.to_str().unwrap());
    let scan =
        |options: &[&str]| compare(repo.path(), dir.path(), options, &format!("{options:?}"));
    scan(&[]);
    // The three blobs that had anything, and what the new rule finds.
    for options in [
        &["--extra-rules", zed][..],
        &["--extra-rules", changed],
        &[],
        &["--disable-rule", "github-pat"],
        &[],
    ] {
        let (read, of) = scan(options);
        assert!(read <= 4 && of > 40, "{options:?}: {read} of {of}");
    }
    // Less sure findings are told from what was sighted then.
    assert_eq!(scan(&["--min-confidence", "low"]).0, 0);
    assert_eq!(scan(&["--min-confidence", "high"]).0, 0);
    // What else decides makes all of it new.
    let (read, of) = scan(&["--no-inline-allow"]);
    assert!(read > 20, "{read} of {of}");
}

#[test]
fn what_only_another_scan_tells_is_scanned_again() {
    let repo = Repo::new();
    let zip = |names: &[&str]| {
        let code = "import sys, zipfile, io\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w')\nfor n in sys.argv[1:]:\n z.writestr(n, open(0).read())\nz.close()\nsys.stdout.buffer.write(b.getvalue())";
        let mut child = std::process::Command::new("python3")
            .args([&["-c", code], names].concat())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let secret = format!("k = '{}'\n", github_token(5));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), secret.as_bytes()).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    let whole = zip(&["member"]);
    repo.commit_file("whole.zip", &whole);
    repo.commit_file("cut.zip", &whole[..whole.len() - 10]);
    let oid = "4d7a".repeat(16);
    repo.commit_file(
        "file.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n"),
    );
    repo.git(&["gc", "-q"]);
    let dir = tempfile::tempdir().unwrap();
    compare(repo.path(), dir.path(), &[], "first");
    repo.commit_file("a", "b\n");
    compare(repo.path(), dir.path(), &[], "a commit");
    let file = repo.git_dir().join("lfs/objects/4d/7a");
    std::fs::create_dir_all(&file).unwrap();
    std::fs::write(file.join(&oid), format!("k = '{}'\n", github_token(6))).unwrap();
    compare(repo.path(), dir.path(), &[], "a file of LFS");
    repo.commit_file("a", "c\n");
    compare(repo.path(), dir.path(), &[], "another commit");
}

#[test]
fn a_ledger_that_is_damaged_or_of_another_store_is_not_believed() {
    let repo = Repo::new();
    repo.commit_file("a", format!("k = '{}'\n", github_token(1)));
    let dir = tempfile::tempdir().unwrap();
    compare(repo.path(), dir.path(), &[], "first");
    let files = std::fs::read_dir(dir.path()).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let ledger = files
        .find(|path| path.extension().is_some_and(|ending| ending == "ledger"))
        .unwrap();
    let whole = std::fs::read(&ledger).unwrap();
    let mut random = Random::new(3);
    for round in 0..40 {
        let mut bytes = whole.clone();
        match round % 2 {
            0 => bytes.truncate(random.below(bytes.len())),
            _ => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        std::fs::write(&ledger, bytes).unwrap();
        repo.commit_file("b", format!("{round}\n"));
        let (read, of) = compare(repo.path(), dir.path(), &[], "damaged");
        assert!(read * 2 > of / 2, "all of it is read: {read} of {of}");
    }
}

#[test]
fn absent_objects_stay_known_as_such() {
    let origin = Repo::new();
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    origin.commit_file("big", "x".repeat(5000));
    origin.commit_file("dir/small", format!("k = '{}'\n", github_token(1)));
    let clone = origin.cloned(&["--mirror", "--filter=blob:limit=1000"]);
    let dir = tempfile::tempdir().unwrap();
    compare(clone.path(), dir.path(), &[], "first");
    origin.commit_file("dir/small", format!("k = '{}'\n", github_token(2)));
    clone.git(&["fetch", "-q", "origin", "+refs/*:refs/*"]);
    let (read, _) = compare(clone.path(), dir.path(), &[], "fetched");
    assert_eq!(read, 2);
    // It comes; another one does not.
    origin.commit_file("big2", "y".repeat(5000));
    clone.git(&["fetch", "-q", "origin", "+refs/*:refs/*"]);
    compare(clone.path(), dir.path(), &[], "another is absent");
    let blob = clone.git(&["rev-parse", "HEAD:big"]);
    clone.git(&["cat-file", "-p", &blob]);
    compare(clone.path(), dir.path(), &[], "one came");
}

/// A repository with a history of deltas, packed and loose.
fn history() -> Repo {
    let mut random = Random::new(77);
    let repo = Repo::new();
    repo.git(&["config", "gc.auto", "0"]);
    let mut text = text(&mut random).repeat(20);
    for step in 0..40 {
        text = text.replacen("line", &format!("line {step}"), 1);
        text.push_str(&line(&mut random));
        repo.commit_file(&format!("d/f{}", step % 4), &text);
        if step == 30 {
            repo.git(&["gc", "-q"]);
        }
    }
    repo
}

/// The report of everything, byte for byte, but for the days.
fn whole_report(repo: &Repo, options: &[&str]) -> String {
    let output = unleak(
        &[&["scan", "-f", "json"], options, &["."]].concat(),
        repo.path(),
    );
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for finding in report["findings"].as_array_mut().unwrap() {
        finding.as_object_mut().unwrap().remove("first_seen");
    }
    report.to_string()
}

#[test]
fn parts_put_together_are_the_whole_whatever_their_number() {
    let repo = history();
    let whole = whole_report(&repo, &[]);
    for count in [1, 2, 3, 7] {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let mut parts = Vec::new();
        let mut read = 0;
        for index in (1..=count).rev() {
            let (share, part) = (format!("{index}/{count}"), path(&format!("part-{index}")));
            let args = ["scan", "-v", "--shard", &share, "--state-dir", &part, "."];
            let output = unleak(&args, repo.path());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(told.contains(" in a part of ."), "{told}");
            let line = said
                .lines()
                .find(|line| line.ends_with("objects were read"));
            read += line
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse::<u64>()
                .unwrap();
            parts.push(part);
        }
        let blobs = repo.scan(&[]).scanned("blob");
        let others = repo.scan(&[]).scanned("commit") + repo.scan(&[]).scanned("tag");
        assert_eq!(read, blobs + others, "each was read once");
        // In any order, and twice.
        for into in ["one", "two"] {
            let into = path(into);
            let mut args = vec!["state", "merge", "--state-dir", &into];
            args.extend(parts.iter().map(String::as_str));
            args.push(&parts[0]);
            let output = unleak(&args, repo.path());
            assert_eq!(
                output.status.code(),
                Some(0),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            parts.reverse();
            let output = unleak(&["scan", "-v", "--state-dir", &into, "."], repo.path());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("0 of "), "all of it is known: {said}");
            assert_eq!(
                whole_report(&repo, &["--state-dir", &into]),
                whole,
                "{count}"
            );
        }
    }
}

#[test]
fn a_worker_that_is_killed_changes_nothing() {
    let repo = history();
    let whole = whole_report(&repo, &[]);
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("part").to_str().unwrap().to_owned();
    for delay in [0, 2, 5, 9, 14, 30] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_unleak"))
            .args(["scan", "--shard", "1/2", "--state-dir", &part, "-q", "."])
            .current_dir(repo.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    for share in ["1/2", "2/2"] {
        unleak(
            &["scan", "--shard", share, "--state-dir", &part, "-q", "."],
            repo.path(),
        );
    }
    assert_eq!(whole_report(&repo, &["--state-dir", &part]), whole);
}

#[test]
fn objects_are_listed_as_git_lists_them_and_scanned_by_their_ids() {
    let repo = history();
    let expected = repo.git(&[
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectname) %(objecttype) %(objectsize)",
    ]);
    let listed = |options: &[&str]| {
        let output = unleak(&[&["objects"], options].concat(), repo.path());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(listed(&[]).trim_end(), expected);
    let blobs = listed(&["--kind", "blob"]);
    assert_eq!(
        blobs.lines().count(),
        expected
            .lines()
            .filter(|line| line.contains(" blob "))
            .count()
    );
    // Those that hold a secret, alone.
    let report = repo.scan(&[]);
    let finding = &report.findings()[0];
    let places = finding["occurrences"].as_array().unwrap();
    let ids: String = places
        .iter()
        .map(|place| format!("{} and more words\n", place["object"].as_str().unwrap()))
        .collect();
    let args = ["scan", "--oids-from", "-", "-f", "json", "."];
    let output = repo.unleak(&args, ids.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let part: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&part["scope"], &part["complete"]),
        (&"objects".into(), &true.into())
    );
    let same = part["findings"].as_array().unwrap().iter();
    let mut same = same.filter(|other| other["fingerprint"] == finding["fingerprint"]);
    assert_eq!(same.next().unwrap()["occurrences"], finding["occurrences"]);
    // What is not here is told; what is no id is refused.
    let absent = format!("{}\n", "1".repeat(40));
    assert_eq!(
        repo.unleak(&args, absent.as_bytes(), &[]).status.code(),
        Some(3)
    );
    assert_eq!(repo.unleak(&args, b"HEAD\n", &[]).status.code(), Some(2));
}
