//! `--git-dir`: what lies in `.git` beside objects, refs and indexes is read if it is asked for, and named
//! in every report if it is not.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::support::{Repo, Report, github_token, token};

/// Files of the git directory that can hold text, each with a token of its own.
const FILES: [&str; 34] = [
    "FETCH_HEAD",
    "COMMIT_EDITMSG",
    "MERGE_MSG",
    "SQUASH_MSG",
    "TAG_EDITMSG",
    "NOTES_EDITMSG",
    "EDIT_DESCRIPTION",
    "MERGE_RR",
    "addp-hunk-edit.diff",
    "config.worktree",
    "config.lock",
    "rebase-merge/git-rebase-todo",
    "rebase-merge/message",
    "rebase-merge/patch",
    "rebase-apply/0001",
    "rebase-apply/final-commit",
    "sequencer/todo",
    "BISECT_LOG",
    "BISECT_TERMS",
    "rr-cache/0123456789012345678901234567890123456789/preimage",
    "hooks/pre-commit",
    "hooks/post-merge.sample",
    "info/attributes",
    "info/exclude",
    "info/sparse-checkout",
    "info/grafts",
    "credentials",
    "remotes/old",
    "branches/old",
    "description",
    "lfs/tmp/part",
    "lost-found/other/text",
    "worktrees/wt/COMMIT_EDITMSG",
    "modules/lib/config",
];

/// Finds the secrets with the names of the places that hold them.
fn places(report: &Report) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in report.findings() {
        let secret = finding["secret"].as_str().unwrap().to_owned();
        let list = places.entry(secret).or_default();
        for place in finding["occurrences"].as_array().unwrap() {
            if place["kind"] == "git directory" || place["kind"] == "worktree" {
                list.push(place["name"].as_str().unwrap().to_owned());
            }
        }
    }
    places
}

fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|entry| entry.as_str().unwrap()).collect()
}

/// A repository with a submodule and a linked worktree.
fn full() -> Repo {
    let repo = Repo::new();
    repo.commit_file("a", "text\n");
    let other = Repo::new();
    other.commit_file("lib", "text\n");
    let url = format!("file://{}", other.path().display());
    repo.git(&["submodule", "--quiet", "add", &url, "lib"]);
    repo.commit("add lib");
    repo.git(&["worktree", "add", "-q", "wt"]);
    std::fs::write(repo.git_dir().join("info/exclude"), "wt\n").unwrap();
    repo
}

#[test]
fn every_file_of_the_git_directory_is_read_on_request_and_named_else() {
    let repo = full();
    let mut planted = Vec::new();
    for (seed, name) in (100..).zip(FILES) {
        let path = repo.git_dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = std::fs::read(&path).unwrap_or_default();
        let secret = github_token(seed);
        text.extend(format!("\n# note {secret}\n").bytes());
        std::fs::write(&path, text).unwrap();
        planted.push((secret, format!(".git/{name}")));
    }
    let read = repo.scan(&["--git-dir", "--show-secrets"]);
    let found = places(&read);
    for (secret, place) in &planted {
        assert_eq!(found.get(secret), Some(&vec![place.clone()]), "{place}");
    }
    assert_eq!(read.code, 1);
    assert_eq!(
        read.json["coverage"]["git_dir_unread"],
        serde_json::json!([])
    );
    assert_eq!(places(&repo.scan(&["--worktree", "--show-secrets"])), found);
    let plain = repo.scan(&[]);
    assert_eq!((plain.code, plain.findings().len()), (0, 0));
    let unread = strings(&plain.json["coverage"]["git_dir_unread"]);
    for (_, place) in &planted {
        let is_template = place.ends_with(".sample") || place.ends_with("description");
        let is_named = unread
            .iter()
            .any(|name| *name == place || (name.ends_with('/') && place.starts_with(name)));
        assert_ne!(
            is_named,
            is_template || place.ends_with("info/exclude"),
            "{place}: {unread:?}"
        );
    }
}

#[test]
fn every_format_names_what_of_the_git_directory_was_not_read() {
    let repo = Repo::new();
    repo.commit_file("a", format!("k = '{}'\n", github_token(1)));
    std::fs::write(repo.git_dir().join("NOTE_OF_OURS"), "text").unwrap();
    for format in [
        "human", "json", "jsonl", "sarif", "gitlab", "github", "junit", "markdown", "csv", "html",
    ] {
        let output = repo.unleak(&["scan", "--format", format], b"", &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("NOTE_OF_OURS"), "{format}: {text}");
    }
}

#[test]
fn stores_and_temporary_files_of_the_git_directory_are_read() {
    let repo = full();
    let git = repo.git_dir();
    let mut wanted = Vec::new();
    let mut plant = |seed: u64, name: &str| {
        wanted.push((github_token(seed), format!(".git/{name}")));
        format!("k = '{}'\n", github_token(seed))
    };
    for (seed, name) in [
        (1, "lfs/objects/ab/cd/abcd"),
        (2, "annex/objects/0a/1b/KEY/KEY"),
        (3, "lfs/incomplete/part"),
    ] {
        let text = plant(seed, name);
        std::fs::create_dir_all(git.join(name).parent().unwrap()).unwrap();
        std::fs::write(git.join(name), text).unwrap();
    }
    // An object and a pack that git was writing when it was killed.
    let other = Repo::new();
    other.commit_file("b", plant(4, "objects/pack/tmp_pack_x1"));
    other.git(&["gc", "-q"]);
    let packs = std::fs::read_dir(other.git_dir().join("objects/pack")).unwrap();
    let pack = packs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "pack"));
    std::fs::copy(pack.unwrap(), git.join("objects/pack/tmp_pack_x1")).unwrap();
    other.write("c", plant(5, "objects/12/tmp_obj_x2"));
    let id = other.git(&["hash-object", "-w", "c"]);
    let loose = format!("objects/{}/{}", &id[..2], &id[2..]);
    std::fs::create_dir_all(git.join("objects/12")).unwrap();
    std::fs::copy(
        other.git_dir().join(loose),
        git.join("objects/12/tmp_obj_x2"),
    )
    .unwrap();
    // Objects of a submodule, packed and loose.
    let lib = repo.path().join("lib");
    let lib = lib.to_str().unwrap();
    std::fs::write(Path::new(lib).join("d"), plant(6, "modules/lib")).unwrap();
    repo.git(&["-C", lib, "add", "d"]);
    repo.git(&["-C", lib, "commit", "-qm", "d"]);
    // An untracked file of a linked worktree.
    repo.write("wt/e", format!("k = '{}'\n", github_token(7)));
    wanted.push((github_token(7), "wt/e".to_owned()));
    let found = places(&repo.scan(&["--git-dir", "--show-secrets"]));
    for (secret, place) in &wanted {
        let places = found.get(secret).cloned().unwrap_or_default();
        assert!(places.contains(place), "{place}: {places:?}");
    }
    assert_eq!(repo.scan(&[]).findings().len(), 0, "only on request");
}

#[test]
fn no_link_of_the_git_directory_is_followed() {
    let outside = Repo::bare_directory();
    outside.write("secret", format!("k = '{}'\n", github_token(1)));
    outside.write("dir/secret", format!("k = '{}'\n", github_token(2)));
    let repo = Repo::new();
    repo.commit_file("a", "text\n");
    let git = repo.git_dir();
    symlink(outside.path().join("secret"), git.join("MERGE_MSG")).unwrap();
    symlink(outside.path().join("dir"), git.join("rr-cache")).unwrap();
    // A worktree that does not name this repository is not one of it.
    std::fs::create_dir_all(git.join("worktrees/x")).unwrap();
    let named = outside.path().join("dir/.git");
    std::fs::write(&named, "gitdir: /nonexistent\n").unwrap();
    std::fs::write(
        git.join("worktrees/x/gitdir"),
        format!("{}\n", named.display()),
    )
    .unwrap();
    let report = repo.scan(&["--git-dir"]);
    assert_eq!(report.findings().len(), 0, "{:#}", report.json);
    let unread = strings(&report.json["coverage"]["git_dir_unread"]);
    assert_eq!(unread, [".git/MERGE_MSG", ".git/rr-cache"]);
}

#[test]
fn a_pipe_in_the_git_directory_makes_nothing_wait() {
    let repo = Repo::new();
    repo.commit_file("a", "text\n");
    let made = std::process::Command::new("mkfifo")
        .arg(repo.git_dir().join("MERGE_MSG"))
        .status();
    assert!(made.unwrap().success());
    let report = repo.scan(&["--git-dir"]);
    let unread = strings(&report.json["coverage"]["git_dir_unread"]);
    assert_eq!((report.code, unread), (0, vec![".git/MERGE_MSG"]));
}

#[test]
fn credentials_of_remotes_and_headers_are_kinds_of_their_own() {
    let repo = Repo::new();
    repo.commit_file("a", "text\n");
    let (password, bare) = (github_token(1), token("{base62:36}", 2));
    let (header, plain) = (token("{base62:40}", 3), token("{base62:20}", 4));
    for (name, url) in [
        (
            "origin",
            format!("https://x-access-token:{password}@github.com/a/b.git"),
        ),
        ("two", format!("https://{bare}@git.example.org/a/b.git")),
        ("three", "https://ada@git.example.org/a/b.git".to_owned()),
    ] {
        repo.git(&["remote", "add", name, &url]);
    }
    let section = "http.https://git.example.org/.extraheader";
    repo.git(&[
        "config",
        section,
        &format!("AUTHORIZATION: bearer {header}"),
    ]);
    repo.git(&[
        "config",
        "http.extraheader",
        &format!("PRIVATE-TOKEN: {plain}"),
    ]);
    let report = repo.scan(&["--git-dir", "--show-secrets"]);
    let found: Vec<(&str, &str)> = report
        .findings()
        .iter()
        .map(|f| {
            (
                f["rule_id"].as_str().unwrap(),
                f["secret"].as_str().unwrap(),
            )
        })
        .collect();
    let mut expected = vec![
        ("git-http-extraheader", header.as_str()),
        ("git-http-extraheader", plain.as_str()),
        ("git-remote-password", password.as_str()),
        ("git-remote-token", bare.as_str()),
    ];
    let mut sorted = found.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    for finding in report.findings() {
        let advice = finding["advice"].as_str().unwrap();
        let is_remote = finding["rule_id"]
            .as_str()
            .unwrap()
            .starts_with("git-remote");
        let command = if is_remote {
            "git remote set-url"
        } else {
            "git config --unset-all"
        };
        assert!(
            advice.contains(command) && advice.contains("credential helper"),
            "{advice}"
        );
        assert_eq!(finding["history"]["git_dir"], true);
    }
    let output = repo.unleak(&["scan", "--git-dir"], b"", &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("git remote set-url NAME URL"), "{text}");
    assert!(
        !text.contains(&password) && !text.contains(&header),
        "{text}"
    );
}
