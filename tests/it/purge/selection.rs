//! What a purge selects by itself, what it asks for, and what it leaves alone.

use serde_json::Value;

use super::{Purged, assert_same, text};
use crate::support::{Repo, terminal, token};

/// Rules of their own: what the built-in ones are sure of does not matter here.
const RULES: &str = r#"
[[rule]]
id = "acme-key"
provider = "Acme"
description = "Acme key"
confidence = "medium"
keywords = ["acme_"]
regex = '''acme_[0-9a-f]{24}'''
examples = ["acme_{hex:24}"]
near_misses = ["acme_{hex:20}"]

[[rule]]
id = "acme-password"
provider = "Acme"
description = "Acme password"
confidence = "high"
keywords = ["leaky"]
boundary = "none"
regex = '''leaky"? ?[=:] ?["']?(?P<secret>[^\s"',}]{4,80})'''
examples = ["leaky = {base62:16}"]
near_misses = ["leaks = {base62:16}"]
"#;

/// A repository with these rules; the arguments that use them.
fn with_rules() -> (Purged, String) {
    let purged = Purged::new(Repo::new());
    let rules = purged.state.path().join("rules.toml");
    std::fs::write(&rules, RULES).unwrap();
    (purged, rules.to_str().unwrap().to_owned())
}

fn acme(seed: u64) -> String {
    format!("acme_{}", token("{hex:24}", seed))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn list<'v>(plan: &'v Value, name: &str) -> &'v Vec<Value> {
    plan[name].as_array().unwrap()
}

#[test]
fn findings_of_high_confidence_are_selected_and_others_counted() {
    let (purged, rules) = with_rules();
    let value = acme(1);
    purged.repo.commit_file(
        "a.conf",
        format!("token = {}\nkey = {value}\n", purged.value),
    );
    let rules = ["--extra-rules", &rules];
    let plan = |args: &[&str]| {
        let args = [&rules, args, &["--format", "json"]].concat();
        json(&purged.purge(&args, 1))
    };
    let default = plan(&[]);
    assert_eq!(list(&default, "values").len(), 1, "{default:#}");
    assert_eq!(default["values"][0]["rule_id"], "github-pat");
    assert_eq!(default["not_selected"]["medium"], 1);
    assert_eq!(
        list(&plan(&["--min-confidence", "medium"]), "values").len(),
        2
    );
    assert_eq!(list(&plan(&["--all"]), "values").len(), 2);
    let said = purged.purge(&rules, 1);
    assert!(
        said.contains("1 finding of medium confidence; '--min-confidence medium'"),
        "{said}"
    );
    purged.purge(&[&rules[..], &["--apply", "--finish"]].concat(), 0);
    let left = purged.repo.git(&["show", "main:a.conf"]);
    assert_eq!(left, format!("token = ***REMOVED***\nkey = {value}"));
}

#[test]
fn what_is_not_selected_is_not_called_clean() {
    let (purged, rules) = with_rules();
    purged
        .repo
        .commit_file("a.conf", format!("key = {}\n", acme(2)));
    for args in [&[][..], &["--apply"], &["--apply", "--yes", "--finish"]] {
        let said = purged.purge(&[&["--extra-rules", &rules], args].concat(), 1);
        assert!(said.contains("no value is selected"), "{said}");
        assert!(said.contains("1 finding of medium confidence"), "{said}");
    }
    let plan = purged.purge(&["--extra-rules", &rules, "--format", "json"], 1);
    assert_eq!(json(&plan)["not_selected"]["medium"], 1);
}

#[test]
fn without_a_terminal_a_wider_selection_needs_yes() {
    let (purged, rules) = with_rules();
    purged
        .repo
        .commit_file("a.conf", format!("key = {}\n", acme(3)));
    let before = purged.state();
    let report = purged.state.path().join("report.json");
    let found = purged.repo.scan(&["--extra-rules", &rules]);
    std::fs::write(&report, &found.bytes).unwrap();
    let report = report.to_str().unwrap();
    let rules = ["--extra-rules", &rules];
    for wide in [
        &["--min-confidence", "medium"][..],
        &["--all"],
        &["--from", report],
    ] {
        let output = purged.try_purge(&[&rules, wide, &["--apply", "--finish"]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wide:?}: {said}");
        assert!(
            said.contains("no terminal to ask") && said.contains("'--yes'"),
            "{said}"
        );
        assert_same(&purged.state(), &before, "after a refusal");
    }
    let fingerprint = found.findings()[0]["fingerprint"].as_str().unwrap();
    for go in [
        &["--finding", &fingerprint[..12]][..],
        &["--min-confidence", "medium", "--yes"],
        &["--all", "--yes"],
        &["--from", report, "--yes"],
    ] {
        purged.purge(&[&rules, go, &["--apply"]].concat(), 0);
        let left = purged.repo.git(&["show", "main:a.conf"]);
        assert_eq!(left, "key = ***REMOVED***", "{go:?}");
        purged.purge(&["undo"], 0);
    }
}

/// Runs a purge on a terminal and types `answer`; returns its status and what it prints.
fn on_terminal(purged: &Purged, args: &[&str], answer: &str) -> (i32, String) {
    let state = purged.state.path().to_str().unwrap();
    let args = [&["purge"], args].concat();
    let env = [("XDG_STATE_HOME", state)];
    terminal::on_terminal(purged.repo.path(), &args, &env, answer)
}

#[test]
fn on_a_terminal_a_question_is_asked() {
    let purged = Purged::new(Repo::new());
    let line = format!("token = {}\n", purged.value);
    purged.repo.commit_file("tests/data.conf", &line);
    purged.repo.commit_file("docs/use.md", &line);
    purged.repo.commit_file(
        "web/package-lock.json",
        format!("{{\"a\": \"{}\"}}", purged.value),
    );
    purged.repo.commit_file("app.conf", "clean\n");
    let before = purged.state();
    for answer in ["n\n", "\n", "yess\n"] {
        let (code, said) = on_terminal(&purged, &["--apply"], answer);
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains("Erase these values and rewrite history? [y/N]"),
            "{said}"
        );
        for count in ["github-pat", "test ", "documentation ", "lock file "] {
            assert!(said.contains(count), "'{count}' in {said}");
        }
        // Once, in the plan, or with the question if the plan is not for people.
        let tables = said.matches(", 1 in HEAD or the worktree").count();
        assert_eq!(tables, 3, "{said}");
        assert!(!said.contains("production"), "{said}");
        assert!(!said.contains(&purged.value), "{said}");
        assert_same(&purged.state(), &before, "after a no");
    }
    let (_, said) = on_terminal(&purged, &["--apply", "--format", "json"], "n\n");
    assert_eq!(
        said.matches(", 1 in HEAD or the worktree").count(),
        3,
        "{said}"
    );
    let (code, said) = on_terminal(&purged, &["--apply", "--finish"], "y\n");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Proven"), "{said}");
    let (code, said) = on_terminal(&purged, &["undo"], "");
    assert_eq!(code, 0, "{said}");
    let (code, said) = on_terminal(&purged, &["--apply", "--yes"], "");
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("[y/N]"), "{said}");
}

/// Files with a value that no purge takes by itself, and why.
fn ambiguous() -> [(&'static str, String, &'static str); 6] {
    let random = token("{base62:14}", 4);
    [
        ("app.conf", "leaky = postgres\n".to_owned(), "a bare word"),
        (
            "pin.json",
            "{\"leaky\": 0}\nleaky: 48151623\n".to_owned(),
            "a number",
        ),
        ("call.py", "leaky = get_pwd()\n".to_owned(), "no literal"),
        (
            "main.rs",
            format!("let leaky = x{random} {{\n"),
            "no literal",
        ),
        (
            "Rakefile",
            format!("leaky = {}\n", token("x7{base62:13}", 5)),
            "no literal",
        ),
        (
            "page.cshtml",
            format!("leaky = {}\n", token("y7{base62:13}", 6)),
            "no literal",
        ),
    ]
}

/// The fault that this is about: code, lock files and numbers were rewritten without a question.
#[test]
fn words_numbers_and_what_is_no_literal_must_be_named() {
    let (purged, rules) = with_rules();
    let files = ambiguous();
    for (path, contents, _) in &files {
        purged.repo.commit_file(path, contents);
    }
    let before = purged.state();
    let rules = ["--extra-rules", &rules];
    let json_plan = |args: &[&str]| {
        let args = [&rules, args, &["--format", "json"]].concat();
        json(&purged.purge(&args, 1))
    };
    let plan = json_plan(&["--all"]);
    for (path, _, why) in &files {
        let left = list(&plan, "left_out").iter();
        let found = left.clone().find(|left| left["path"] == *path);
        assert_eq!(
            found.map(|left| &left["why"]),
            Some(&Value::from(*why)),
            "{plan:#}"
        );
    }
    assert_eq!(list(&plan, "values").len(), 0, "{plan:#}");
    let said = purged.purge(&[&rules[..], &["--all"]].concat(), 1);
    assert!(
        said.contains("left out") && said.contains("'--finding ID'"),
        "{said}"
    );
    purged.purge(
        &[&rules[..], &["--all", "--yes", "--apply", "--finish"]].concat(),
        1,
    );
    let mut after = purged.state();
    after.remove(".git/unleak/lock");
    assert_same(&after, &before, "after a purge of nothing");
    // Named, each goes.
    for left in list(&plan, "left_out") {
        let id = left["fingerprint"].as_str().unwrap();
        let path = left["path"].as_str().unwrap();
        purged.purge(&[&rules[..], &["--finding", id, "--apply"]].concat(), 0);
        let now = purged.repo.git(&["show", &format!("main:{path}")]);
        assert!(now.contains("***REMOVED***"), "{path}: {now}");
        purged.purge(&["undo"], 0);
    }
}

#[test]
fn what_changes_in_head_is_listed_apart_from_history() {
    let purged = Purged::new(Repo::new());
    let line = |name: &str| format!("{name} = {}\n", purged.value);
    purged.repo.commit_file("old.conf", line("old"));
    purged.repo.commit_file("old.conf", "clean\n");
    purged.repo.commit_file("vendor/now.conf", line("now"));
    purged.repo.write("staged.conf", line("staged"));
    purged.repo.git(&["add", "staged.conf"]);
    let said = purged.purge(&[], 1);
    let (here, history) = said.split_once("History only:").unwrap();
    let here = here.split_once("HEAD and the worktree:").unwrap().1;
    assert!(
        here.contains("vendor/now.conf (vendored)") && here.contains("now = ***REMOVED***"),
        "{said}"
    );
    assert!(here.contains("staged.conf (production, staged)"), "{said}");
    assert!(!here.contains("old.conf"), "{said}");
    assert!(
        history.contains("1 file version changes, of 1 file") && history.contains("old.conf"),
        "{said}"
    );
    assert!(!history.contains("now.conf"), "{said}");
    let plan = json(&purged.purge(&["--format", "json"], 1));
    let head = list(&plan["changes"], "head");
    let paths: Vec<&Value> = head.iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["staged.conf", "vendor/now.conf"]);
    assert_eq!(plan["changes"]["history_only"][0]["path"], "old.conf");
    purged
        .repo
        .git(&["rm", "-q", "-f", "staged.conf", "vendor/now.conf"]);
    purged.repo.commit("gone");
    let said = purged.purge(&[], 1);
    assert!(
        said.contains("HEAD and the worktree: no file changes."),
        "{said}"
    );
}

/// A plan shows lines of files, and hides in them what it does not erase.
#[test]
fn a_plan_shows_no_other_secret() {
    let (password, other) = (token("{base62:8}7!", 31), token("{base62:12}", 32));
    let purged = Purged::new(Repo::new());
    let line = format!(
        "key = '{}'; db_pass@ = '{password}'; u = postgres://bob:{other}@db/x\n",
        purged.value
    );
    let line = line.replace("pass@", "password");
    purged.repo.commit_file("a.conf", line);
    purged.repo.git(&["branch", &format!("fix/{other}")]);
    for args in [&[][..], &["--format", "json"], &["--apply", "--yes"]] {
        let output = purged.try_purge(args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(
            said.contains("github-pat") || said.contains("a.conf"),
            "{said}"
        );
        for secret in [&password, &other] {
            assert!(!said.contains(secret), "{args:?}: {said}");
        }
    }
}
