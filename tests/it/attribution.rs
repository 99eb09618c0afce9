//! Who introduced a secret, where it is, and what still reaches it: git itself is the oracle.

use serde_json::Value;
use unleak::rule::template::Random;

use crate::support::{Repo, github_token};

/// The commits that git says added the blob, oldest first.
fn find_object(repo: &Repo, blob: &str) -> Vec<String> {
    let format = "--format=%H";
    let find = format!("--find-object={blob}");
    let log = repo.git(&[
        "log",
        "--all",
        "--topo-order",
        "--reverse",
        "-m",
        format,
        &find,
    ]);
    let mut commits: Vec<String> = log.lines().map(str::to_owned).collect();
    commits.dedup();
    commits
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn names_the_commit_author_path_and_line() {
    let repo = Repo::new();
    repo.commit_file("README", "nothing here\n");
    let commit = repo.commit_file("conf/app.env", format!("A=1\nTOKEN={}\n", github_token(1)));
    repo.commit_file("conf/app.env", "A=1\n");
    let report = repo.scan(&[]);
    assert_eq!(report.code, 1);
    let history = &report.only("github-pat")["history"];
    assert_eq!(text(&history["first"]["commit"]), commit);
    assert_eq!(text(&history["first"]["path"]), "conf/app.env");
    assert_eq!(
        (&history["first"]["line"], &history["first"]["column"]),
        (&2.into(), &7.into())
    );
    assert_eq!(text(&history["author"]["name"]), "Ada Author");
    assert_eq!(text(&history["author"]["email"]), "ada@example.org");
    assert_eq!(history["in_head"], false);
    assert_eq!(history["commits"], 1);
    assert_eq!(history["branches"], serde_json::json!(["main"]));
    assert_eq!(history["published"], false);
}

#[test]
fn counts_commits_paths_and_appearances() {
    let repo = Repo::new();
    let file = format!("TOKEN={}\n", github_token(2));
    let first = repo.commit_file("a.env", &file);
    repo.commit_file("other", "x\n");
    repo.git(&["mv", "a.env", "b.env"]);
    let moved = repo.commit("move");
    let edited = repo.commit_file("b.env", format!("X=1\n{file}"));
    let history = repo.scan(&[]).only("github-pat")["history"].clone();
    assert_eq!(history["commits"], 4);
    assert_eq!(history["objects"], 2, "two blobs hold it");
    assert_eq!(history["paths"], serde_json::json!(["a.env", "b.env"]));
    assert_eq!(history["in_head"], true);
    let appearances = history["appearances"].as_array().unwrap();
    let commits: Vec<&str> = appearances
        .iter()
        .map(|entry| text(&entry["commit"]))
        .collect();
    assert_eq!(
        commits,
        [first.as_str(), moved.as_str()],
        "an edit elsewhere in the file introduces nothing"
    );
    assert!(!commits.contains(&edited.as_str()));
}

#[test]
fn knows_what_reaches_a_secret() {
    let repo = Repo::new();
    repo.commit_file("README", "x\n");
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.commit_file("secret", github_token(3));
    repo.git(&["tag", "v1"]);
    repo.git(&["update-ref", "refs/changes/01/1/1", "HEAD"]);
    repo.git(&["update-ref", "refs/remotes/origin/topic", "HEAD"]);
    repo.git(&["checkout", "--quiet", "main"]);
    let history = repo.scan(&[]).only("github-pat")["history"].clone();
    assert_eq!(history["branches"], serde_json::json!(["topic"]));
    assert_eq!(history["tags"], serde_json::json!(["v1"]));
    assert_eq!(history["remotes"], serde_json::json!(["origin/topic"]));
    assert_eq!(
        history["other_refs"],
        serde_json::json!(["refs/changes/01/1/1"])
    );
    assert_eq!(
        (&history["published"], &history["in_head"]),
        (&true.into(), &false.into())
    );
}

#[test]
fn tells_stash_reflog_index_and_unreachable_apart() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    repo.write("file", format!("a {}\n", github_token(10)));
    repo.git(&["stash", "--quiet"]);
    repo.write("file", format!("b {}\n", github_token(11)));
    repo.commit("amended away");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.write("staged", format!("c {}\n", github_token(12)));
    repo.git(&["add", "staged"]);
    repo.git_with_input(
        &["hash-object", "-w", "--stdin"],
        format!("d {}\n", github_token(13)).as_bytes(),
    );
    let report = repo.scan(&["--show-secrets"]);
    let history_of = |seed: u64| {
        let secret = github_token(seed);
        let found = report
            .findings()
            .iter()
            .find(|finding| finding["secret"] == secret.as_str());
        found.expect("every token is found")["history"].clone()
    };
    assert_eq!(history_of(10)["stash"], true);
    assert_eq!(history_of(10)["reachable"], false, "a stash is no branch");
    assert_eq!(history_of(11)["reflog"], true);
    assert_eq!(history_of(11)["reachable"], false);
    assert_eq!(history_of(12)["index"], true);
    assert_eq!(history_of(12)["first"], Value::Null, "no commit holds it");
    let nowhere = history_of(13);
    for place in ["stash", "reflog", "index", "reachable"] {
        assert_eq!(nowhere[place], false, "{place}");
    }
}

#[test]
fn finds_secrets_in_commit_and_tag_text() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    let commit = repo.commit(&format!("try {}", github_token(20)));
    repo.git(&[
        "tag",
        "--annotate",
        "--message",
        &format!("with {}", github_token(21)),
        "v2",
    ]);
    let report = repo.scan(&["--show-secrets"]);
    let find = |seed: u64| {
        let secret = github_token(seed);
        report
            .findings()
            .iter()
            .find(|finding| finding["secret"] == secret.as_str())
            .cloned()
            .expect("it is found")
    };
    let in_commit = find(20);
    assert_eq!(in_commit["occurrences"][0]["kind"], "commit");
    assert_eq!(text(&in_commit["history"]["first"]["commit"]), commit);
    assert_eq!(
        in_commit["history"]["first"]["path"],
        Value::Null,
        "a message is no path"
    );
    assert_eq!(
        in_commit["history"]["branches"],
        serde_json::json!(["main"])
    );
    let in_tag = find(21);
    assert_eq!(in_tag["occurrences"][0]["kind"], "tag");
    assert_eq!(in_tag["history"]["tags"], serde_json::json!(["v2"]));
}

/// A history with branches, merges and secrets that come, go and move.
fn tangled(seed: u64) -> (Repo, u64) {
    let repo = Repo::new();
    let mut random = Random::new(seed);
    repo.commit_file("start", "x\n");
    let mut secrets = 0;
    for round in 0..30 {
        let branch = format!("b{}", random.below(4));
        if repo.git(&["branch", "--list", &branch]).is_empty() {
            repo.git(&["branch", &branch]);
        }
        repo.git(&["checkout", "--quiet", &branch]);
        let dir = random.below(3);
        match random.below(4) {
            0 => {
                let contents = format!("round {round} {}\n", github_token(1000 + secrets));
                repo.commit_file(&format!("d{dir}/e/f{round}"), contents);
                secrets += 1;
            }
            1 => {
                let other = format!("b{}", random.below(4));
                if !repo.git(&["branch", "--list", &other]).is_empty() {
                    repo.git(&["merge", "--quiet", "--no-edit", "-X", "ours", &other]);
                }
            }
            2 => drop(repo.commit_file(&format!("d{dir}/plain{round}"), format!("{round}\n"))),
            _ => {
                let files = repo.git(&["ls-files"]);
                let names: Vec<&str> = files.lines().filter(|name| *name != "start").collect();
                if !names.is_empty() {
                    repo.git(&["rm", "--quiet", names[random.below(names.len())]]);
                    repo.commit("remove");
                }
            }
        }
    }
    (repo, secrets)
}

#[test]
fn agrees_with_git_log_on_tangled_histories() {
    for seed in [1, 2] {
        let (repo, secrets) = tangled(seed);
        for packed in [false, true] {
            if packed {
                repo.git(&["repack", "-adfq", "--depth=50"]);
            }
            let report = repo.scan(&[]);
            let found = report.findings();
            assert_eq!(found.len() as u64, secrets, "seed {seed}");
            for finding in found {
                let history = &finding["history"];
                let blob = text(&finding["occurrences"][0]["object"]);
                let added = find_object(&repo, blob);
                assert_eq!(
                    text(&history["first"]["commit"]),
                    added[0],
                    "seed {seed}: {history:#}"
                );
                let all = repo.git(&["rev-list", "--all"]);
                let path = text(&history["first"]["path"]);
                let holds = |commit: &&str| repo.git(&["ls-tree", "-r", commit]).contains(blob);
                let holding = all.lines().filter(holds).count();
                assert_eq!(history["commits"], holding, "seed {seed}: {path}");
                let branches = repo.git(&[
                    "branch",
                    "--format=%(refname:short)",
                    "--contains",
                    &added[0],
                ]);
                let reaching = history["branches"].as_array().unwrap().len();
                assert_eq!(reaching, branches.lines().count(), "seed {seed}: {path}");
                let in_head = repo.git(&["ls-tree", "-r", "HEAD"]).contains(blob);
                assert_eq!(history["in_head"], in_head, "seed {seed}: {path}");
            }
        }
    }
}
