//! What is staged: against git's own view of it, and in every state that an index can have.

use std::collections::BTreeSet;
use std::process::Output;

use unleak::git::repository::{Overrides, Repository};
use unleak::odb::ReadLimits;
use unleak::rule::template::Random;
use unleak::scan::changes::staged;
use unleak::scan::changes::trees::TreeReader;

use crate::support::{Repo, github_token};

/// What git says is staged: path and blob, without submodules.
fn staged_by_git(repo: &Repo) -> BTreeSet<(String, String)> {
    let raw = repo.git(&[
        "diff",
        "--cached",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        "-z",
    ]);
    let mut fields = raw.split('\0');
    let mut found = BTreeSet::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head: Vec<&str> = head.split(' ').collect();
        let (mode, id, status) = (head[1], head[3], head[4]);
        if !matches!(status, "D" | "U") && mode != "160000" && head[2] != id {
            found.insert((path.to_owned(), id.to_owned()));
        }
    }
    found
}

fn staged_by_us(repo: &Repo) -> BTreeSet<(String, String)> {
    let overrides = Overrides::default();
    let opened = Repository::discover(repo.path(), &overrides).unwrap();
    let lookup = opened.lookup(&overrides, ReadLimits::default()).unwrap();
    let mut trees = TreeReader::new(&lookup);
    let parents: Vec<_> = opened
        .commit_parents()
        .unwrap()
        .iter()
        .map(|commit| {
            repo.git(&["rev-parse", &format!("{commit}^{{tree}}")])
                .parse()
                .unwrap()
        })
        .collect();
    let mut index = opened.index(&overrides).unwrap();
    let found = staged::compare(&mut index, &parents, &mut trees).unwrap();
    assert_eq!(trees.skipped, []);
    found
        .files
        .into_iter()
        .map(|file| (file.path.to_string(), file.blob_id.to_string()))
        .collect()
}

/// Changes some files and stages some of the changes.
fn change(repo: &Repo, random: &mut Random, round: u64) {
    let dirs = ["", "a/", "a/b/", "a.b/", "c/d/e/", "z/"];
    for step in 0..3 + random.below(6) {
        let path = format!("{}f{}", random.pick(&dirs), random.below(6));
        let full = repo.path().join(&path);
        match random.below(4) {
            0 if full.is_file() => std::fs::remove_file(&full).unwrap(),
            _ if full.is_dir() || full.parent().is_some_and(|dir| dir.is_file()) => continue,
            _ => repo.write(&path, format!("{round} {step} {}\n", random.bits() % 5)),
        }
        if random.below(3) > 0 {
            // What is gone from index and worktree cannot be added: that is no failure.
            repo.try_git(&["add", "--all", "--", &path], &[]);
        }
    }
}

/// A file that had a secret keeps it, whatever its name; what another file takes from it is new.
#[test]
fn a_copy_beside_an_edited_file_is_where_the_secret_arrives() {
    for (old, new) in [("z.env", "a.env"), ("a.env", "z.env")] {
        let repo = Repo::new();
        let line = format!("TOKEN={}\n", github_token(12));
        repo.commit_file(old, format!("A=1\nHOST=a\n{line}PORT=1\n"));
        repo.write(old, format!("X=1\nX=2\nX=3\nA=1\nHOST=a\n{line}PORT=1\n"));
        repo.write(new, format!("A=1\nHOST=b\n{line}PORT=2\n"));
        repo.git(&["add", "."]);
        let places = |report: &serde_json::Value| {
            let all = report["findings"].as_array().unwrap().iter();
            let paths = all.map(|finding| finding["history"]["first"]["path"].clone());
            paths.collect::<Vec<_>>()
        };
        let staged = repo.scan(&["--staged"]).json;
        assert_eq!(places(&staged), [new], "{staged}");
        repo.git(&["commit", "--quiet", "-m", "x"]);
        let range = repo.scan(&["--range", "HEAD~1..HEAD"]).json;
        assert_eq!(places(&range), [new], "{range}");
    }
}

#[test]
fn equals_what_git_says_on_random_changes() {
    for seed in 0..12 {
        let repo = Repo::new();
        let mut random = Random::new(seed);
        let version = ["2", "3", "4"][random.below(3)];
        repo.git(&["config", "index.version", version]);
        if seed % 4 == 3 {
            repo.git(&["config", "core.splitIndex", "true"]);
        }
        let mut differed = 0;
        for round in 0..12 {
            change(&repo, &mut random, round);
            let by_git = if repo
                .try_git(&["rev-parse", "--verify", "-q", "HEAD"], &[])
                .status
                .success()
            {
                staged_by_git(&repo)
            } else {
                listed(&repo)
            };
            assert_eq!(staged_by_us(&repo), by_git, "seed {seed}, round {round}");
            differed += by_git.len();
            match random.below(3) {
                0 => {
                    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
                }
                1 => {
                    // Without what is known of trees, each entry is compared.
                    repo.git(&["read-tree", "--empty"]);
                    repo.git(&["add", "--all"]);
                }
                _ => {}
            }
        }
        assert!(differed > 10, "seed {seed}: {differed} differences");
    }
}

/// Everything in the index, for a repository without a commit.
fn listed(repo: &Repo) -> BTreeSet<(String, String)> {
    let text = repo.git(&["ls-files", "--stage"]);
    text.lines()
        .map(|line| {
            let (head, path) = line.split_once('\t').unwrap();
            (path.to_owned(), head.split(' ').nth(1).unwrap().to_owned())
        })
        .collect()
}

fn hook(repo: &Repo) -> (i32, String) {
    result(&repo.unleak(&["hook", "pre-commit"], b"", &[]))
}

fn result(output: &Output) -> (i32, String) {
    assert!(output.stdout.is_empty(), "hooks talk on standard error");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_block_tells_what_where_why_and_the_ways_on() {
    let repo = Repo::new();
    let token = github_token(1);
    repo.write("conf/app.py", format!("first = 1\nkey = '{token}'\n"));
    repo.git(&["add", "."]);
    let (code, text) = hook(&repo);
    assert_eq!(code, 1, "{text}");
    for part in [
        "commit blocked",
        "github-pat",
        "conf/app.py:2:8",
        "checksum verified",
        "remove it",
        "environment",
        "unleak:allow github-pat",
        "test value",
        "UNLEAK_SKIP",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains(&token), "the value is never printed");
    assert!(!text.contains(&token[8..24]), "nor its middle");
    repo.write(
        "conf/app.py",
        format!("key = '{token}'  # unleak:allow github-pat of nobody\n"),
    );
    repo.git(&["add", "."]);
    assert_eq!(hook(&repo), (0, String::new()));
    repo.write(
        "conf/app.py",
        format!("key = '{token}'  # unleak:allow aws-access-key-id no\n"),
    );
    repo.git(&["add", "."]);
    let is_known = unleak::rule::builtin()
        .unwrap()
        .get("aws-access-key-id")
        .is_some();
    assert_eq!(hook(&repo).0, i32::from(is_known));
}

#[test]
fn looks_at_the_index_and_only_at_what_is_new() {
    let repo = Repo::new();
    let (old, new) = (github_token(2), github_token(3));
    repo.commit_file("src/old.txt", format!("a\nb\nkey {old}\n"));
    assert_eq!(hook(&repo).0, 0, "nothing is staged");
    // The worktree does not count, the index does.
    repo.write("src/old.txt", format!("a\nB\nkey {old}\nkey {new}\n"));
    assert_eq!(hook(&repo).0, 0, "not staged");
    repo.git(&["add", "."]);
    repo.write("src/old.txt", "clean\n");
    assert_eq!(
        hook(&repo).0,
        1,
        "staged, then cleaned in the worktree only"
    );
    // Other lines of a file that held a secret before.
    repo.write("src/old.txt", format!("A\nb\n  key {old} # moved\nmore\n"));
    repo.git(&["add", "."]);
    assert_eq!(hook(&repo), (0, String::new()), "kept, on an edited line");
    repo.git(&["mv", "src/old.txt", "renamed.txt"]);
    assert_eq!(hook(&repo).0, 0, "renamed and edited");
    repo.git(&["update-index", "--chmod=+x", "renamed.txt"]);
    assert_eq!(hook(&repo).0, 0, "its mode changed");
    repo.write("renamed.txt", format!("key {old} {new}\n"));
    repo.git(&["add", "."]);
    let (code, text) = hook(&repo);
    assert_eq!(code, 1, "a second one on the line of the first");
    assert_eq!(text.matches("github-pat: ").count(), 1, "{text}");
    repo.write("renamed.txt", format!("key {old}\nkey {old}\n"));
    repo.git(&["add", "."]);
    assert_eq!(hook(&repo).0, 1, "once more than before");
}

#[test]
fn works_from_anywhere_and_with_any_name() {
    let repo = Repo::new();
    repo.write("sub/dir/keep", "x");
    let odd = "sub/dir/ü \"q\"\t$(x)\u{202e}.txt";
    repo.write(odd, format!("key {}\n", github_token(4)));
    repo.git(&["add", "--all"]);
    let dir = repo.path().join("sub/dir");
    let output = crate::support::unleak(&["hook", "pre-commit"], &dir);
    let (code, text) = result(&output);
    assert_eq!(code, 1);
    assert!(
        !text.contains('\u{202e}') && !text.contains('\t'),
        "{text:?}"
    );
    assert!(text.contains("\\u{202e}.txt:1:5"), "{text}");
    // The index that git names counts: 'git commit -a' and partial commits have one of their own.
    repo.git(&["rm", "-r", "--quiet", "--cached", "."]);
    let index = repo.path().join("other-index");
    let index = index.to_str().unwrap();
    std::fs::copy(repo.path().join(".git/index"), index).unwrap();
    assert_eq!(hook(&repo).0, 0);
    repo.try_git(&["add", "--all"], &[("GIT_INDEX_FILE", index)]);
    let env = [("GIT_INDEX_FILE", index)];
    assert_eq!(
        repo.unleak(&["hook", "pre-commit"], b"", &env)
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn intent_to_add_submodules_and_links_are_what_they_are() {
    let repo = Repo::new();
    repo.commit_file("x", "x");
    repo.write("later", format!("key {}\n", github_token(5)));
    repo.git(&["add", "--intent-to-add", "later"]);
    assert_eq!(hook(&repo).0, 0, "nothing of it is staged yet");
    std::fs::remove_file(repo.path().join("later")).unwrap();
    let commit = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{commit},module"),
    ]);
    assert_eq!(hook(&repo).0, 0, "a submodule is no blob");
    let target = format!("https://u:{}@example.org", github_token(6));
    std::os::unix::fs::symlink(&target, repo.path().join("link")).unwrap();
    repo.git(&["add", "link"]);
    assert_eq!(hook(&repo).0, 1, "a link's target is text");
}

#[test]
fn a_merge_is_asked_only_for_what_no_side_has() {
    let repo = Repo::new();
    repo.commit_file("f", "a\nb\nc\n");
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.commit_file("f", format!("a\nside\nkey {}\n", github_token(7)));
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit_file("f", "a\nmain\nc\n");
    let merge = repo.try_git(&["merge", "side"], &[]);
    assert!(!merge.status.success(), "there is a conflict");
    repo.write("f", format!("a\nmain side\nkey {}\n", github_token(7)));
    repo.git(&["add", "f"]);
    assert_eq!(hook(&repo), (0, String::new()), "it was on a side");
    repo.write(
        "f",
        format!("a\nkey {}\nkey {}\n", github_token(7), github_token(8)),
    );
    repo.git(&["add", "f"]);
    assert_eq!(hook(&repo).0, 1, "it was on none");
}

#[test]
fn what_cannot_be_scanned_blocks_and_a_reason_lets_it_pass() {
    let repo = Repo::new();
    repo.write("f", "text\n");
    repo.git(&["add", "f"]);
    let blob = repo.git(&["rev-parse", ":f"]);
    let object = repo
        .path()
        .join(".git/objects")
        .join(&blob[..2])
        .join(&blob[2..]);
    std::fs::remove_file(object).unwrap();
    let (code, text) = hook(&repo);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("commit blocked") && text.contains(&blob),
        "{text}"
    );
    std::fs::write(repo.path().join(".git/index"), "DIRC no index").unwrap();
    let (code, text) = hook(&repo);
    assert_ne!(code, 0);
    assert!(text.contains("blocked") && text.contains("index"), "{text}");
    let env = [("UNLEAK_SKIP", "the index is broken")];
    let (code, text) = result(&repo.unleak(&["hook", "pre-commit"], b"", &env));
    assert_eq!(code, 0);
    assert!(
        text.contains("not scanned") && text.contains("the index is broken"),
        "{text}"
    );
    let empty = repo.unleak(&["hook", "pre-commit"], b"", &[("UNLEAK_SKIP", "")]);
    assert_ne!(empty.status.code(), Some(0), "an empty reason is none");
    assert_ne!(hook(&Repo::bare_directory()).0, 0, "no repository");
}

#[test]
fn a_scan_of_what_is_staged_says_so() {
    let repo = Repo::new();
    repo.commit_file("old", format!("key {}\n", github_token(9)));
    repo.write("new", format!("key {}\n", github_token(10)));
    repo.git(&["add", "."]);
    let report = repo.scan(&["--staged"]);
    assert_eq!(report.code, 1);
    assert_eq!(report.json["scope"], "staged");
    let finding = report.only("github-pat");
    assert_eq!(finding["history"]["first"]["path"], "new");
    assert_eq!(
        finding["history"]["first"]["commit"],
        serde_json::Value::Null
    );
    assert!(finding["history"]["in_head"].is_null());
}

#[test]
fn a_secret_in_a_new_file_name_is_found_and_an_old_one_is_not() {
    let repo = Repo::new();
    let (old, new) = (github_token(71), github_token(72));
    repo.commit_file(&format!("dir-{old}/file"), "one\n");
    repo.write(format!("dir-{old}/file"), "two\n");
    repo.git(&["add", "--all"]);
    assert_eq!(repo.scan(&["--staged"]).code, 0, "it was there before");
    repo.write(format!("dir-{old}/{new}.txt"), "three\n");
    repo.git(&["add", "--all"]);
    let report = repo.scan(&["--staged", "--show-secrets"]);
    assert_eq!((report.code, report.findings().len()), (1, 1));
    let finding = &report.findings()[0];
    assert_eq!(finding["secret"], new.as_str());
    assert_eq!(finding["occurrences"][0]["kind"], "file name");
    let before = repo.git(&["rev-parse", "HEAD"]);
    let commit = repo.commit("names");
    let report = repo.scan(&["--range", &format!("{before}..HEAD"), "--show-secrets"]);
    assert_eq!((report.code, report.findings().len()), (1, 1));
    assert_eq!(
        report.findings()[0]["history"]["first"]["commit"],
        commit.as_str()
    );
}
