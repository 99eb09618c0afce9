//! What is put where, and the options that change it.

use super::{Purged, assert_gone, objects, text};
use crate::support::{Repo, github_token, token};

#[test]
fn marks_can_be_chosen() {
    let purged = Purged::new(Repo::new());
    let other = github_token(2);
    purged
        .repo
        .commit_file("a", format!("one = {}\ntwo = {other}\n", purged.value));
    let report = purged.repo.scan(&[]);
    let position =
        |finding: &serde_json::Value| finding["occurrences"][0]["line"].as_u64().unwrap();
    let second = report
        .findings()
        .iter()
        .find(|finding| position(finding) == 2)
        .unwrap();
    let own = format!("{}=ROTATED", second["fingerprint"].as_str().unwrap());
    purged.purge(&["--apply", "--replace-with", "GONE", "--replace", &own], 0);
    assert_eq!(
        purged.repo.git(&["show", "main:a"]),
        "one = GONE\ntwo = ROTATED"
    );
}

#[test]
fn short_values_go_only_where_they_were_found() {
    let purged = Purged::new(Repo::new());
    let short = token("{base62:7}", 3);
    purged
        .repo
        .commit_file("config.ini", format!("db_password = \"{short}\"\n"));
    purged
        .repo
        .commit_file("words", format!("the word {short} alone\n"));
    let report = purged.repo.scan(&["--min-confidence", "low"]);
    let fingerprint = report.findings()[0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let plan = purged.purge(&["--finding", &fingerprint], 1);
    assert!(plan.contains("only where its rule finds it"), "{plan}");
    purged.purge(&["--finding", &fingerprint, "--apply"], 0);
    assert_eq!(
        purged.repo.git(&["show", "main:words"]),
        format!("the word {short} alone")
    );
    assert!(
        !purged
            .repo
            .git(&["show", "main:config.ini"])
            .contains(&short)
    );
}

#[test]
fn paths_can_go_as_a_whole() {
    let purged = Purged::new(Repo::new());
    purged
        .repo
        .commit_file("keep/secret.pem", "same name elsewhere\n");
    purged
        .repo
        .commit_file("certs/secret.pem", "a key that no rule knows\n");
    purged.repo.commit_file("certs/deep/er/file", "deep\n");
    purged.repo.commit_file("copy", "same name elsewhere\n");
    purged.purge(
        &[
            "--remove-path",
            "certs/secret.pem",
            "--remove-path",
            "certs/deep",
            "--apply",
            "--finish",
        ],
        0,
    );
    assert_eq!(
        purged.repo.git(&["ls-tree", "-r", "--name-only", "main"]),
        "copy\nkeep/secret.pem"
    );
    assert!(
        !objects(&purged.repo)
            .values()
            .any(|(_, bytes)| bytes == b"a key that no rule knows\n")
    );
    assert!(!purged.repo.path().join("certs").exists());
    assert_eq!(purged.repo.git(&["log", "--oneline"]).lines().count(), 4);
    purged.purge(&["undo"], 0);
    assert!(purged.repo.path().join("certs/deep/er/file").exists());
    assert_eq!(purged.repo.git(&["status", "--short"]), "");
    purged.purge(
        &[
            "--remove-path",
            "certs",
            "--prune-empty",
            "--apply",
            "--finish",
        ],
        0,
    );
    assert_eq!(
        purged.repo.git(&["log", "--format=%s"]),
        "change copy\nchange keep/secret.pem"
    );
}

#[test]
fn private_keys_go_with_their_lines() {
    let purged = Purged::new(Repo::new());
    let body = token("{base64:640}", 4);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let (begin, end) = ("-----BEGIN RSA PRIVATE", "-----END RSA PRIVATE");
    let key = format!("{begin} KEY-----\n{}\n{end} KEY-----\n", lines.join("\n"));
    purged.repo.commit_file("id_rsa", &key);
    purged.repo.commit_file(
        "one-line.json",
        format!("{{\"key\": \"{}\"}}\n", key.replace('\n', "\\n")),
    );
    let report = purged.repo.scan(&["--min-confidence", "low"]);
    assert!(!report.findings().is_empty(), "{:#}", report.json);
    purged.purge(&["--all", "--yes", "--apply", "--finish"], 0);
    for (id, (_, bytes)) in objects(&purged.repo) {
        for line in &lines[1..lines.len() - 1] {
            assert!(!text(&bytes).contains(line), "{id}");
        }
    }
    assert!(
        purged
            .repo
            .git(&["show", "main:id_rsa"])
            .contains("***REMOVED***")
    );
}

#[test]
fn values_beside_each_other_and_in_each_other_all_go() {
    let purged = Purged::new(Repo::new());
    let (one, two) = (token("{base62:20}", 5), token("{base62:20}", 6));
    purged
        .repo
        .commit_file("a", format!("{one}{two}\n{two}{one}{one}\nx{one}y\n"));
    let known = purged.state.path().join("known");
    std::fs::write(&known, format!("{one}\n{two}\n{}\n", &one[5..])).unwrap();
    purged.purge(
        &["--known", known.to_str().unwrap(), "--apply", "--finish"],
        0,
    );
    for value in [&one, &two, &one[5..]] {
        assert_gone(&purged.repo, value);
    }
    let left = purged.repo.git(&["show", "main:a"]);
    assert!(
        left.starts_with("***REMOVED******REMOVED***\n") && left.ends_with("x***REMOVED***y"),
        "{left}"
    );
}

#[test]
fn both_object_formats_and_bare_and_packed_repositories() {
    for format in ["sha1", "sha256"] {
        let origin = Repo::init(&["--object-format", format]);
        let value = github_token(1);
        origin.commit_file("a", "clean\n");
        origin.commit_file("b", format!("{value}\n"));
        origin.commit(&format!("see {}", origin.git(&["rev-parse", "HEAD"])));
        let bare = Purged::new(origin.cloned(&["--mirror"]));
        bare.repo.git(&["repack", "-q", "-a", "-d", "--write-midx"]);
        bare.repo.git(&["commit-graph", "write", "--reachable"]);
        bare.repo.git(&["pack-refs", "--all"]);
        bare.erase();
        assert_gone(&bare.repo, &value);
        let (subject, parent) = (
            bare.repo.git(&["log", "-1", "--format=%s"]),
            bare.repo.git(&["rev-parse", "HEAD~1"]),
        );
        assert_eq!(subject, format!("see {parent}"));
        bare.repo.git(&["fsck", "--strict"]);
        bare.repo.git(&["commit-graph", "verify"]);
        bare.repo.git(&["multi-pack-index", "verify"]);
    }
}

#[test]
fn reftables_are_rewritten_too() {
    let repo = Repo::init(&["--ref-format=reftable"]);
    let purged = Purged::new(repo);
    purged.repo.commit_file("a", "clean\n");
    purged.repo.commit_file("b", format!("{}\n", purged.value));
    purged.repo.git(&["branch", &format!("x-{}", purged.value)]);
    for number in 0..3 {
        purged
            .repo
            .write("a", format!("{number} {}\n", purged.value));
        purged
            .repo
            .git(&["stash", "push", "-q", "-m", &format!("entry {number}")]);
    }
    let before = (
        purged.repo.git(&["for-each-ref"]),
        purged.repo.git(&["reflog", "--all"]),
    );
    purged.erase();
    assert_gone(&purged.repo, &purged.value);
    assert_eq!(purged.repo.git(&["stash", "list"]).lines().count(), 3);
    assert!(
        purged
            .repo
            .git(&["stash", "list"])
            .contains("stash@{0}: On main: entry 2")
    );
    purged.purge(&["undo"], 0);
    assert_eq!(
        (
            purged.repo.git(&["for-each-ref"]),
            purged.repo.git(&["reflog", "--all"])
        ),
        before
    );
}

#[test]
fn edits_and_sparse_checkouts_stay() {
    let purged = Purged::new(Repo::new());
    let repo = &purged.repo;
    repo.write("in/a", format!("{}\n", purged.value));
    repo.write("out/b", format!("{}\n", purged.value));
    repo.write("in/c", format!("{}\n", purged.value));
    repo.commit("all");
    repo.git(&["sparse-checkout", "set", "in"]);
    repo.write("in/a", "edited\n");
    repo.write("untracked", "mine\n");
    purged.erase();
    assert_eq!(
        repo.git(&["status", "--short"]),
        " M in/a\n?? untracked".trim_start_matches('\n')
    );
    assert!(!repo.path().join("out").exists());
    assert_eq!(
        text(&std::fs::read(repo.path().join("in/c")).unwrap()),
        "***REMOVED***\n"
    );
    assert!(repo.git(&["ls-files", "-v"]).contains("S out/b"));
}

#[test]
fn a_file_that_was_edited_and_holds_the_value_is_told() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("a", format!("{}\n", purged.value));
    purged.repo.write("a", format!("{} edited\n", purged.value));
    let proof = purged.purge(&["--known", "-", "--apply", "--finish"], 1);
    assert!(
        proof.contains("worktree file") && proof.contains("Not proven"),
        "{proof}"
    );
    purged.repo.write("a", "clean\n");
    assert!(purged.purge(&["verify"], 0).contains("Proven"));
}

#[test]
fn what_was_signed_can_be_signed_anew() {
    let purged = Purged::new(Repo::new());
    let key = purged.state.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()])
        .output();
    if made.is_err() {
        // Without ssh-keygen there is nothing to sign with.
        return;
    }
    let repo = &purged.repo;
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = purged.state.path().join("allowed");
    std::fs::write(&allowed, format!("* {public}")).unwrap();
    repo.git(&["config", "gpg.format", "ssh"]);
    repo.git(&["config", "user.signingKey", key.to_str().unwrap()]);
    repo.git(&[
        "config",
        "gpg.ssh.allowedSignersFile",
        allowed.to_str().unwrap(),
    ]);
    repo.write("a", format!("{}\n", purged.value));
    repo.git(&["add", "a"]);
    repo.git(&["commit", "-q", "-S", "-m", "signed"]);
    repo.git(&["tag", "-s", "-m", "signed, too", "v1"]);
    purged.purge(&["--known", "-", "--apply", "--resign"], 0);
    repo.git(&["verify-commit", "HEAD"]);
    repo.git(&["verify-tag", "v1"]);
    purged.purge(&["finish"], 0);
    assert_gone(repo, &purged.value);
    repo.git(&["config", "--unset", "user.signingKey"]);
    let output = purged.try_purge(&["--known", "-", "--apply", "--resign"]);
    assert!(text(&output.stderr).contains("no key to sign with"));
}

#[test]
fn submodules_whose_history_was_rewritten_are_followed() {
    let inner = Purged::new(Repo::new());
    inner.repo.commit_file("b", format!("{}\n", inner.value));
    let old = inner.repo.git(&["rev-parse", "HEAD"]);
    let outer = Purged::new(Repo::new());
    outer.repo.commit_file("a", "clean\n");
    outer.repo.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{old},dir/sub"),
    ]);
    outer.repo.git(&["commit", "-q", "-m", "submodule"]);
    inner.erase();
    let new = inner.repo.git(&["rev-parse", "HEAD"]);
    let map = inner.repo.git_dir().join("unleak/commit-map");
    outer.purge(
        &[
            "--submodule-map",
            map.to_str().unwrap(),
            "--apply",
            "--finish",
        ],
        0,
    );
    assert!(
        outer
            .repo
            .git(&["ls-tree", "-r", "HEAD"])
            .contains(&format!("160000 commit {new}\tdir/sub"))
    );
    assert!(outer.repo.git(&["ls-files", "--stage"]).contains(&new));
    assert!(
        !objects(&outer.repo)
            .values()
            .any(|(_, bytes)| super::contains(bytes, old.as_bytes()))
    );
    assert_eq!(outer.repo.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn files_of_lfs_that_hold_a_value_are_told() {
    use sha2::Digest;
    let purged = Purged::new(Repo::new());
    let contents = format!("token = {}\n", purged.value);
    let oid = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(contents.as_bytes()));
    let place = format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]);
    purged.repo.write(&place, &contents);
    let size = contents.len();
    purged.repo.commit_file(
        "large.bin",
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"),
    );
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Git LFS keeps the file"));
    purged.purge(
        &["--known", "-", "--apply", "--finish", "--binary", "drop"],
        0,
    );
    assert_gone(&purged.repo, &purged.value);
    assert!(
        purged
            .purge(&["kit", "--forge", "github"], 0)
            .contains(&oid)
    );
    assert!(!purged.repo.path().join(place).exists());
}

/// The fast path: where the values stand is read from a report, and nothing is searched.
#[test]
fn places_of_a_report_give_the_same_ids_as_a_search() {
    let build = || {
        let purged = Purged::new(Repo::new());
        for number in 0..30 {
            let token = github_token(number % 3);
            purged.repo.commit_file(
                &format!("dir-{}/file", number % 4),
                format!("{number}\ntoken = {token}\n"),
            );
            purged.repo.commit(&format!(
                "{number}: see {}",
                purged.repo.git(&["rev-parse", "HEAD"])
            ));
        }
        purged
            .repo
            .git(&["tag", "-a", "-m", &format!("tag {}", github_token(1)), "v1"]);
        purged
    };
    let (searched, listed) = (build(), build());
    let report = listed.state.path().join("report.json");
    std::fs::write(&report, listed.repo.scan(&[]).bytes).unwrap();
    let report = report.to_str().unwrap();
    searched.purge(&["--occurrence-only", "--apply", "--finish"], 0);
    listed.purge(
        &["--from", report, "--occurrence-only", "--apply", "--finish"],
        0,
    );
    assert_eq!(
        searched.repo.git(&["for-each-ref"]),
        listed.repo.git(&["for-each-ref"])
    );
    assert_eq!(searched.commit_map(), listed.commit_map());
    assert_gone(&listed.repo, &listed.value);
}
