//! `--git-dir`: what lies in `.git` beside objects, refs and indexes is read if it is asked for, and named
//! in every report if it is not.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{Repo, Report, github_token, token, unleak};

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

/// Appends a token of its own to each of [`FILES`]; returns each with its place.
fn plant_files(repo: &Repo) -> Vec<(String, String)> {
    let head = repo.git(&["rev-parse", "HEAD"]);
    let mut planted = Vec::new();
    for (seed, name) in (100..).zip(FILES) {
        let path = repo.git_dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = std::fs::read(&path).unwrap_or_default();
        let secret = github_token(seed);
        let line = match name {
            "FETCH_HEAD" => format!("{head}\tnot-for-merge\tbranch '{secret}' of x\n"),
            _ => format!("\n# note {secret}\n"),
        };
        text.extend(line.bytes());
        std::fs::write(&path, text).unwrap();
        planted.push((secret, format!(".git/{name}")));
    }
    planted
}

#[test]
fn every_file_of_the_git_directory_is_read_on_request_and_named_else() {
    let repo = full();
    let planted = plant_files(&repo);
    let read = repo.scan(&["--git-dir", "--show-secrets"]);
    let found = places(&read);
    for (secret, place) in &planted {
        assert_eq!(found.get(secret), Some(&vec![place.clone()]), "{place}");
    }
    assert_eq!(read.code, 1, "{:?}", read.skipped());
    let unread = &read.json["coverage"]["git_dir_unread"];
    assert_eq!(*unread, serde_json::json!([]));
    assert_eq!(places(&repo.scan(&["--worktree", "--show-secrets"])), found);
    let plain = repo.scan(&[]);
    assert_eq!((plain.code, plain.findings().len()), (0, 0));
    let unread = strings(&plain.json["coverage"]["git_dir_unread"]);
    for (_, place) in planted
        .iter()
        .filter(|(_, place)| place != ".git/description")
    {
        // A directory is named once, whatever is in it.
        let is_named = unread
            .iter()
            .any(|name| name == place || (name.ends_with('/') && place.starts_with(name)));
        // What every new repository has is not worth a word.
        let is_template = place.ends_with(".sample") || place.ends_with("info/exclude");
        assert!(is_named || is_template, "{place}: {unread:?}");
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

/// Fills stores of LFS and annex, leaves temporary files of git, and adds to a submodule and a linked
/// worktree; returns each token with its place.
fn plant_stores(repo: &Repo) -> Vec<(String, String)> {
    let git = repo.git_dir();
    let mut wanted = Vec::new();
    let mut plant = |seed: u64, name: &str| {
        wanted.push((github_token(seed), name.to_owned()));
        format!("k = '{}'\n", github_token(seed))
    };
    for (seed, name) in [
        (1, "lfs/objects/ab/cd/abcd"),
        (2, "annex/objects/0a/1b/KEY/KEY"),
        (3, "lfs/incomplete/part"),
    ] {
        let text = plant(seed, &format!(".git/{name}"));
        std::fs::create_dir_all(git.join(name).parent().unwrap()).unwrap();
        std::fs::write(git.join(name), text).unwrap();
    }
    // An object and a pack that git was writing when it was killed.
    let other = Repo::new();
    other.commit_file("b", plant(4, ".git/objects/pack/tmp_pack_x1"));
    other.git(&["gc", "-q"]);
    let packs = std::fs::read_dir(other.git_dir().join("objects/pack")).unwrap();
    let pack = packs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "pack"));
    std::fs::copy(pack.unwrap(), git.join("objects/pack/tmp_pack_x1")).unwrap();
    other.write("c", plant(5, ".git/objects/12/tmp_obj_x2"));
    let id = other.git(&["hash-object", "-w", "c"]);
    let loose = format!("objects/{}/{}", &id[..2], &id[2..]);
    std::fs::create_dir_all(git.join("objects/12")).unwrap();
    let to = git.join("objects/12/tmp_obj_x2");
    std::fs::copy(other.git_dir().join(loose), to).unwrap();
    repo.write("lib/d", plant(6, ".git/modules/lib"));
    repo.git(&["-C", "lib", "add", "d"]);
    repo.git(&["-C", "lib", "commit", "-qm", "d"]);
    repo.write("wt/e", plant(7, "wt/e"));
    wanted
}

#[test]
fn stores_and_temporary_files_of_the_git_directory_are_read() {
    let repo = full();
    let wanted = plant_stores(&repo);
    let found = places(&repo.scan(&["--git-dir", "--show-secrets"]));
    for (secret, place) in &wanted {
        let places = found.get(secret).cloned().unwrap_or_default();
        assert!(places.contains(place), "{place}: {places:?}");
    }
    assert_eq!(repo.scan(&[]).findings().len(), 0, "only on request");
}

/// Every place, and what a scan says of it, for the table in `docs/coverage.md`.
pub(crate) fn rows() -> Vec<(String, String)> {
    let repo = full();
    let planted = [plant_files(&repo), plant_stores(&repo)].concat();
    let (plain, read) = (
        repo.scan(&["--show-secrets"]),
        repo.scan(&["--git-dir", "--show-secrets"]),
    );
    let (plain, read) = (places(&plain), places(&read));
    let rows = planted.into_iter().map(|(secret, place)| {
        let place = match place.as_str() {
            ".git/modules/lib" => "objects of a submodule",
            "wt/e" => "untracked file of a linked worktree",
            place => place,
        };
        let result = match () {
            () if plain.contains_key(&secret) => "found",
            () if read.contains_key(&secret) => "found with `--git-dir`",
            () => "NOT FOUND",
        };
        (place.to_owned(), result.to_owned())
    });
    let rows = rows.collect::<Vec<_>>();
    assert!(rows.iter().all(|(_, result)| result != "found"), "{rows:?}");
    rows
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

/// A repository whose configuration holds four credentials; also these, sorted by rule and value.
fn with_credentials() -> (Repo, Vec<(&'static str, String)>) {
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
    let value = format!("PRIVATE-TOKEN: {plain}");
    repo.git(&["config", "http.extraheader", &value]);
    let mut all = vec![
        ("git-http-extraheader", header),
        ("git-http-extraheader", plain),
        ("git-remote-password", password),
        ("git-remote-token", bare),
    ];
    all.sort_unstable();
    (repo, all)
}

#[test]
fn credentials_of_remotes_and_headers_are_kinds_of_their_own() {
    let (repo, expected) = with_credentials();
    let report = repo.scan(&["--git-dir", "--show-secrets"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report.findings().iter();
    let mut found: Vec<(String, String)> = findings
        .map(|finding| (text(&finding["rule_id"]), text(&finding["secret"])))
        .collect();
    found.sort_unstable();
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(rule, value)| (rule.to_owned(), value))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn credentials_of_remotes_and_headers_have_advice_of_their_own() {
    let (repo, values) = with_credentials();
    for finding in repo.scan(&["--git-dir"]).findings() {
        let advice = finding["advice"].as_str().unwrap();
        let rule = finding["rule_id"].as_str().unwrap();
        let command = match rule.starts_with("git-remote") {
            true => "git remote set-url",
            false => "git config --unset-all",
        };
        assert!(
            advice.contains(command) && advice.contains("credential helper"),
            "{advice}"
        );
        assert_eq!(finding["history"]["git_dir"], true);
    }
    let output = repo.unleak(&["scan", "--git-dir"], b"", &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("git remote set-url NAME URL"), "{said}");
    assert!(
        values.iter().all(|(_, value)| !said.contains(value)),
        "{said}"
    );
}

#[test]
fn a_scan_of_files_names_the_git_directories_that_it_leaves_out() {
    let repo = Repo::new();
    repo.commit_file("sub/a.txt", "x\n");
    let output = unleak(&["scan", "--files", "."], repo.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("git directories were not read"), "{text}");
    assert!(text.contains("./.git"), "{text}");
}
