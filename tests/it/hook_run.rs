//! Hooks as git and hook managers really run them: merges, picks, patches, and runs without a commit.

use std::fs;

use crate::support::{Repo, github_token};

/// A repository with the hooks installed, and a first commit.
fn guarded() -> Repo {
    let repo = Repo::new();
    repo.commit_file("a", "a\n");
    install(&repo);
    repo
}

fn install(repo: &Repo) {
    let installed = repo.unleak(&["hook", "install"], b"", &[]);
    assert_eq!(installed.status.code(), Some(0));
}

/// Runs git with hooks; returns whether it succeeded, and what it says.
fn try_git(repo: &Repo, args: &[&str]) -> (bool, String) {
    let output = repo.try_git(args, &[("GIT_EDITOR", "true")]);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn assert_passes(repo: &Repo, args: &[&str]) {
    let (passed, text) = try_git(repo, args);
    assert!(passed, "git {args:?}: {text}");
}

fn assert_blocked(repo: &Repo, args: &[&str]) {
    let (passed, text) = try_git(repo, args);
    assert!(
        !passed && text.contains("blocked: it"),
        "git {args:?}: {text}"
    );
}

fn key(seed: u64) -> String {
    format!("key {}\n", github_token(seed))
}

/// Two lines of history that change `f` in conflicting ways; the other one has a token in it.
fn conflict(seed: u64) -> Repo {
    let repo = Repo::new();
    repo.commit_file("f", "one\n");
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.commit_file("f", format!("side\n{}", key(seed)));
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit_file("f", "main\n");
    install(&repo);
    repo
}

#[test]
fn a_pull_that_merges_what_the_remote_has_passes() {
    let hub = Repo::new();
    hub.commit_file("a", "a\n");
    let repo = hub.cloned(&[]);
    install(&repo);
    repo.write("mine", "mine\n");
    assert_passes(&repo, &["add", "."]);
    assert_passes(&repo, &["commit", "-m", "mine"]);
    hub.commit_file("theirs", key(201));
    assert_passes(&repo, &["pull", "--no-rebase", "--no-edit"]);
    assert!(repo.path().join("theirs").exists(), "it was merged");
    // A merge that is not committed yet, with something that no side has.
    hub.commit_file("more", key(202));
    repo.commit_file("mine", "mine, too\n");
    assert_passes(&repo, &["pull", "--no-rebase", "--no-commit"]);
    repo.write("evil", key(203));
    assert_passes(&repo, &["add", "evil"]);
    assert_blocked(&repo, &["commit", "--no-edit"]);
    assert_passes(&repo, &["rm", "-f", "evil"]);
    assert_passes(&repo, &["commit", "--no-edit"]);
}

#[test]
fn a_merge_of_several_branches_passes_and_a_squashed_one_is_new() {
    let repo = guarded();
    for (name, seed) in [("one", 204), ("two", 205)] {
        repo.git(&["checkout", "--quiet", "-b", name, "main"]);
        repo.commit_file(name, key(seed));
    }
    repo.git(&["checkout", "--quiet", "-b", "third", "main"]);
    repo.commit_file("third", "third\n");
    let head = repo.git(&["rev-parse", "HEAD"]);
    assert_passes(&repo, &["merge", "--no-edit", "one", "two"]);
    assert_eq!(
        repo.git(&["rev-list", "--parents", "-1", "HEAD"])
            .split(' ')
            .count(),
        4
    );
    // The commit of a squash does not follow what it copies: pushed alone, it is new.
    repo.git(&["reset", "--quiet", "--hard", &head]);
    assert_passes(&repo, &["merge", "--squash", "one"]);
    assert_blocked(&repo, &["commit", "--no-edit"]);
}

#[test]
fn only_ids_of_commits_that_are_here_count_as_merged() {
    let repo = guarded();
    repo.write("k", key(206));
    repo.git(&["add", "k"]);
    for name in [
        "GITHEAD_",
        "GITHEAD_x",
        &format!("GITHEAD_{}", "1".repeat(40)),
    ] {
        let output = repo.unleak(&["hook", "pre-merge-commit"], b"", &[(name, "side")]);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
}

#[test]
fn a_conflict_that_is_resolved_brings_in_only_what_history_has_not() {
    // A secret of the side that is picked stays, one of no side is blocked.
    let resolve = |repo: &Repo, seed: u64| {
        let old = format!("both\n{}", key(seed));
        repo.write("f", format!("{old}{}", key(seed + 50)));
        repo.git(&["add", "f"]);
        assert_blocked(repo, &["commit", "--no-edit"]);
        repo.write("f", old);
        repo.git(&["add", "f"]);
    };
    let picked = conflict(210);
    assert!(!try_git(&picked, &["cherry-pick", "side"]).0);
    resolve(&picked, 210);
    assert_passes(&picked, &["cherry-pick", "--continue"]);

    let rebased = conflict(211);
    rebased.git(&["checkout", "--quiet", "side"]);
    assert!(!try_git(&rebased, &["rebase", "main"]).0);
    resolve(&rebased, 211);
    assert_passes(&rebased, &["commit", "--no-edit"]);
    assert_passes(&rebased, &["rebase", "--continue"]);

    let reverted = Repo::new();
    reverted.commit_file("f", format!("one\n{}", key(212)));
    let removal = reverted.commit_file("f", "one\n");
    reverted.commit_file("f", "two\n");
    install(&reverted);
    assert!(!try_git(&reverted, &["revert", "--no-edit", &removal]).0);
    resolve(&reverted, 212);
    assert_passes(&reverted, &["revert", "--continue"]);

    // Without a file that says where it comes from, it is new.
    let plain = conflict(213);
    plain.write("f", format!("both\n{}", key(213)));
    plain.git(&["add", "f"]);
    assert_blocked(&plain, &["commit", "-m", "x"]);
}

#[test]
fn patches_are_guarded_like_commits() {
    let source = Repo::new();
    source.commit_file("a", "a\n");
    let base = source.git(&["rev-parse", "HEAD"]);
    source.commit_file("good", "nothing\n");
    source.commit_file("bad", key(220));
    source.write("b", "b\n");
    source.commit(&format!("subject\n\n{}", key(221)));
    let dir = source.path().join("patches");
    let dir = dir.to_str().unwrap();
    source.git(&["format-patch", "--quiet", "-o", dir, &base]);
    let mut patches: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    patches.sort();
    let repo = guarded();
    assert_passes(&repo, &["am", &patches[0]]);
    let (passed, text) = try_git(&repo, &["am", &patches[1]]);
    assert!(
        !passed && text.contains("patch blocked") && text.contains("bad:1"),
        "{text}"
    );
    assert_passes(&repo, &["am", "--abort"]);
    let (passed, text) = try_git(&repo, &["am", &patches[2]]);
    assert!(
        !passed && text.contains("patch blocked") && text.contains("message"),
        "{text}"
    );
    assert_passes(&repo, &["am", "--abort"]);
    let skipped = repo.try_git(&["am", &patches[1]], &[("UNLEAK_SKIP", "a test value")]);
    let text = String::from_utf8_lossy(&skipped.stderr).into_owned();
    assert!(
        skipped.status.success() && text.contains("a test value"),
        "{text}"
    );
    // The commits that this applies are in history already.
    repo.git(&["checkout", "--quiet", "-b", "other", "HEAD~2"]);
    repo.commit_file("other", "other\n");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_passes(&repo, &["rebase", "--apply", "other"]);
    // Hooks that were there run first, and come back.
    let hooks = repo.git_dir().join("hooks");
    assert!(
        repo.unleak(&["hook", "uninstall"], b"", &[])
            .status
            .success()
    );
    for name in ["pre-applypatch", "applypatch-msg"] {
        assert!(!hooks.join(name).exists(), "{name}");
    }
}

/// Runs the hook of commits as a hook manager does when it was not git that started it.
fn managed(repo: &Repo, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let output = repo.unleak(args, b"", &[&[("PRE_COMMIT", "1")], env].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("it ends by itself"), text)
}

#[test]
fn a_run_of_a_hook_manager_reads_what_it_names() {
    let repo = Repo::new();
    repo.commit_file("old", key(230));
    repo.commit_file("new", "nothing\n");
    let commit = ["hook", "pre-commit"];
    let push = ["hook", "pre-push"];
    for hook in [&commit[..], &push] {
        let (code, text) = managed(&repo, hook, &[]);
        assert_eq!(code, 1, "all files, {hook:?}: {text}");
        assert!(
            text.contains("check blocked") && text.contains("old:1"),
            "{text}"
        );
        let clean = [
            ("PRE_COMMIT_FROM_REF", "HEAD~1"),
            ("PRE_COMMIT_TO_REF", "HEAD"),
        ];
        assert_eq!(managed(&repo, hook, &clean), (0, String::new()), "{hook:?}");
        repo.commit_file("later", key(231));
        let (code, text) = managed(&repo, hook, &clean);
        assert!(
            code == 1 && text.contains("later:1") && !text.contains("old"),
            "{text}"
        );
        let unknown = [
            ("PRE_COMMIT_FROM_REF", "nowhere"),
            ("PRE_COMMIT_TO_REF", "HEAD"),
        ];
        assert_eq!(managed(&repo, hook, &unknown).0, 2, "it cannot be read");
        repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    }
    // A commit that git makes is judged by what it changes, whatever else is in the files.
    let index = repo.git_dir().join("index");
    let by_git = [("GIT_INDEX_FILE", index.to_str().unwrap())];
    assert_eq!(managed(&repo, &commit, &by_git), (0, String::new()));
    let all = ["hook", "pre-commit", "old", "new"];
    assert_eq!(managed(&repo, &all, &by_git), (0, String::new()));
    assert_eq!(managed(&repo, &all, &[]).0, 1, "named files are read");
    assert_eq!(managed(&repo, &["hook", "pre-commit", "new"], &[]).0, 0);
    // What is staged is judged as in a commit, if it is all that is named.
    repo.write("old", format!("more\n{}", key(230)));
    repo.git(&["add", "old"]);
    assert_eq!(managed(&repo, &["hook", "pre-commit", "old"], &[]).0, 0);
    assert_eq!(managed(&repo, &all, &[]).0, 1);
}

#[test]
fn a_hook_run_by_hand_with_nothing_staged_says_that_nothing_was_scanned() {
    let repo = Repo::new();
    repo.commit_file("old", key(240));
    let output = repo.unleak(&["hook", "pre-commit"], b"", &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("nothing was scanned"), "{text}");
    let installed = guarded();
    let (passed, text) = try_git(&installed, &["commit", "--allow-empty", "-m", "empty"]);
    assert!(passed && !text.contains("unleak"), "{text}");
}

#[test]
fn a_new_branch_or_tag_whose_name_holds_a_secret_is_blocked() {
    let hub = Repo::new();
    hub.commit_file("a", "a\n");
    let repo = hub.cloned(&[]);
    install(&repo);
    let token = github_token(250);
    for target in [
        format!("HEAD:refs/heads/x-{token}"),
        format!("HEAD:refs/heads/{token}/x"),
        format!("HEAD:refs/tags/v1-{token}"),
    ] {
        let (passed, text) = try_git(&repo, &["push", "origin", &target]);
        assert!(!passed && text.contains("push blocked: it"), "{text}");
        assert!(text.contains("push it under another name"), "{text}");
        let from_hook = text.split("failed to push").next().unwrap();
        assert!(!from_hook.contains(&token), "{from_hook}");
    }
    assert_passes(&repo, &["push", "origin", "HEAD:refs/heads/fine"]);
    // What the remote has already is no news, and to delete it is the way out.
    let old = format!("refs/heads/old-{token}");
    hub.git(&["update-ref", &old, "HEAD"]);
    repo.commit_file("b", "b\n");
    assert_passes(&repo, &["push", "origin", &format!("HEAD:{old}")]);
    assert_passes(&repo, &["push", "origin", &format!(":{old}")]);
    // Servers, and hook managers, which name one ref.
    let head = repo.git(&["rev-parse", "HEAD"]);
    let [zero, id] = ["0".repeat(40), head.trim().to_owned()];
    let name = format!("refs/heads/y-{token}");
    let update = ["hook", "update", &name, &zero, &id];
    assert_eq!(repo.unleak(&update, b"", &[]).status.code(), Some(1));
    let line = format!("{zero} {id} {name}\n");
    let received = repo.unleak(&["hook", "pre-receive"], line.as_bytes(), &[]);
    assert_eq!(received.status.code(), Some(1));
    let push = ["hook", "pre-push", "origin", "url"];
    let by_manager = [
        ("PRE_COMMIT", "1"),
        ("PRE_COMMIT_REMOTE_NAME", "origin"),
        ("PRE_COMMIT_LOCAL_BRANCH", "HEAD"),
        ("PRE_COMMIT_REMOTE_BRANCH", &name[..]),
    ];
    let pushed = repo.unleak(&push, b"", &by_manager);
    assert_eq!(pushed.status.code(), Some(1));
    repo.git(&[
        "update-ref",
        &name.replace("heads", "remotes/origin"),
        "HEAD",
    ]);
    let pushed = repo.unleak(&push, b"", &by_manager);
    assert_eq!(pushed.status.code(), Some(0), "the remote has it");
}
