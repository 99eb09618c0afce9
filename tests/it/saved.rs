//! Saved reports: converted, shown and compared as if they were of the scan itself.

use std::path::Path;

use serde_json::Value;

use crate::support::{Repo, github_token, unleak};

const FORMATS: [&str; 9] = [
    "human", "json", "jsonl", "sarif", "github", "gitlab", "csv", "junit", "html",
];

fn run(args: &[&str], dir: &Path) -> (Option<i32>, Vec<u8>, String) {
    let output = unleak(args, dir);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), output.stdout, said)
}

/// A history with a moved, a removed, an encoded and a named secret, and bytes that are no UTF-8.
fn repository() -> Repo {
    let repo = Repo::new();
    let (first, second) = (github_token(1), github_token(2));
    let encoded = data_encoding::BASE64.encode(second.as_bytes());
    repo.commit_file("a.env", format!("both = {first} {encoded} # \u{202e}end\n"));
    repo.commit_file("b/ä.txt", format!("x\ny = '{first}'\n"));
    repo.git(&["rm", "-q", "a.env"]);
    repo.commit(&format!("no more {}", github_token(3)));
    repo.commit_file(
        "bytes",
        [b"\xff\xfe ".as_slice(), github_token(4).as_bytes()].concat(),
    );
    repo
}

#[test]
fn a_saved_report_gives_the_bytes_of_the_scan_in_every_format() {
    let repo = repository();
    let dir = repo.path();
    let saved = dir.join("saved");
    for (kind, name) in [("json", "r.json"), ("jsonl", "r.jsonl")] {
        let file = saved.join(name);
        std::fs::create_dir_all(&saved).unwrap();
        std::fs::write(&file, run(&["scan", "-f", kind, "."], dir).1).unwrap();
        for format in FORMATS {
            let scanned = run(&["scan", "-f", format, "."], dir).1;
            let file = file.to_str().unwrap();
            let (code, converted, said) = run(&["report", "convert", file, "-f", format], dir);
            assert_eq!(code, Some(0), "{said}");
            assert_eq!(
                String::from_utf8_lossy(&converted),
                String::from_utf8_lossy(&scanned),
                "{name} as {format}"
            );
        }
    }
}

#[test]
fn one_finding_of_a_saved_report_is_shown() {
    let repo = repository();
    let dir = repo.path();
    let json = run(&["scan", "-f", "json", "."], dir).1;
    let document: Value = serde_json::from_slice(&json).unwrap();
    let id = document["findings"][1]["fingerprint"].as_str().unwrap();
    let other = document["findings"][0]["fingerprint"].as_str().unwrap();
    std::fs::write(dir.join("r.json"), json).unwrap();
    let (code, shown, _) = run(&["report", "show", "r.json", &id[..10]], dir);
    let shown = String::from_utf8(shown).unwrap();
    assert_eq!(code, Some(0));
    assert!(
        shown.contains(&id[..12]) && !shown.contains(&other[..12]),
        "{shown}"
    );
    let (code, _, said) = run(&["report", "show", "r.json", "zz"], dir);
    assert_eq!(code, Some(2));
    assert!(said.contains("begins with 'zz'"), "{said}");
}

#[test]
fn what_is_no_whole_report_is_refused() {
    let repo = repository();
    let dir = repo.path();
    let lines = String::from_utf8(run(&["scan", "-f", "jsonl", "."], dir).1).unwrap();
    let all: Vec<&str> = lines.split_inclusive('\n').collect();
    let without_last = all[..all.len() - 1].concat();
    let without_first = [&all[..2], &all[3..]].concat().concat();
    let without_refs = [&all[..1], &all[2..]].concat().concat();
    let name = dir.file_name().unwrap().to_str().unwrap();
    let of_another = format!("{}{}", all[0].replace(name, "x"), all[1..].concat());
    assert_ne!(of_another, lines);
    let json = String::from_utf8(run(&["scan", "-f", "json", "."], dir).1).unwrap();
    let newer = json.replace("\"schema_version\": 2", "\"schema_version\": 3");
    assert_ne!(newer, json);
    let half = json[..json.len() / 2].to_owned();
    let mut odd: Value = serde_json::from_str(&json).unwrap();
    odd["findings"][0]["fingerprint"] = "ä".repeat(16).into();
    let odd = odd.to_string();
    for (text, why) in [
        (without_last.as_str(), "cut off"),
        (&without_first, "cut off"),
        (&without_refs, "list of refs that is not there"),
        (&of_another, "cut off"),
        (&newer, "version 1 or 2"),
        (&half, "is not a report"),
        (&odd, "32 hexadecimal"),
        ("", "is not a report"),
        ("[]", "is not a report"),
    ] {
        std::fs::write(dir.join("r.json"), text).unwrap();
        let (code, out, said) = run(&["report", "convert", "r.json"], dir);
        assert_eq!(code, Some(2), "{why}: {said}");
        assert!(out.is_empty() && said.contains(why), "{why}: {said}");
    }
}

#[test]
fn a_report_with_secrets_in_full_is_converted_only_if_asked() {
    let repo = repository();
    let dir = repo.path();
    run(&["scan", "--show-secrets", "-o", "json:r.json", "."], dir);
    let (code, out, said) = run(&["report", "show", "r.json"], dir);
    assert_eq!(code, Some(2));
    assert!(out.is_empty() && said.contains("--show-secrets"), "{said}");
    let (code, out, _) = run(&["report", "show", "--show-secrets", "r.json"], dir);
    assert_eq!(code, Some(0));
    assert!(String::from_utf8_lossy(&out).contains(&github_token(1)));
}

#[test]
fn text_of_a_saved_report_gives_a_terminal_no_commands() {
    let repo = repository();
    let dir = repo.path();
    let json = run(&["scan", "-f", "json", "."], dir).1;
    let mut document: Value = serde_json::from_slice(&json).unwrap();
    let evil = "\u{1b}]0;x\u{7}<script>alert(1)</script>\n::error::x";
    poison(&mut document, evil);
    std::fs::write(dir.join("r.json"), document.to_string()).unwrap();
    for format in ["human", "csv", "html", "github", "junit"] {
        let (code, out, said) = run(&["report", "convert", "r.json", "-f", format], dir);
        assert_eq!(code, Some(0), "{said}");
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{format}");
        assert!(!text.contains("\n::error::x"), "{format}");
        if format == "html" {
            assert!(!text.contains("<script>alert"), "{text}");
        }
    }
}

/// Replaces all free text.
fn poison(value: &mut Value, evil: &str) {
    let fixed = [
        "schema",
        "scope",
        "confidence",
        "rule_confidence",
        "severity",
        "path_class",
        "fingerprint",
        "kind",
    ];
    match value {
        Value::String(text) => *text = evil.to_owned(),
        Value::Array(list) => list.iter_mut().for_each(|value| poison(value, evil)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !fixed.contains(&name.as_str()) {
                    poison(value, evil);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn two_reports_are_compared() {
    let repo = repository();
    let dir = repo.path();
    run(&["scan", "-o", "json:../old.json", "."], dir);
    let (code, out, _) = run(&["report", "diff", "../old.json", "../old.json"], dir);
    assert_eq!(code, Some(0));
    assert!(String::from_utf8_lossy(&out).starts_with("0 new, 0 gone, 0 changed, "));
    repo.git(&["rm", "-q", "b/ä.txt"]);
    repo.commit("gone");
    repo.commit_file("new", format!("k = '{}'\n", github_token(9)));
    run(&["scan", "-o", "json:../new.json", "."], dir);
    let (code, out, _) = run(
        &["report", "diff", "-f", "json", "../old.json", "../new.json"],
        dir,
    );
    assert_eq!(code, Some(1));
    let diff: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(diff["added"].as_array().unwrap().len(), 1);
    assert_eq!(diff["gone"].as_array().unwrap().len(), 0);
    assert_eq!(diff["changed"][0]["changes"][0], "gone from HEAD");
    let (code, out, _) = run(&["report", "diff", "../new.json", "../old.json"], dir);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(code, Some(0));
    assert!(text.starts_with("0 new, 1 gone, 1 changed"), "{text}");
    assert!(text.contains("back in HEAD"), "{text}");
}

/// The story: where it was last, and which commit took it out.
#[test]
fn the_last_commit_and_the_removing_one_are_told() {
    let repo = Repo::new();
    let secret = github_token(5);
    repo.commit_file("k", format!("k = '{secret}'\n"));
    let last = repo.commit_file("other", "x\n");
    let removed = repo.commit_file("k", "k = env\n");
    repo.commit_file("other", "y\n");
    // A merge of a side that never had it takes nothing out.
    repo.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    repo.commit_file("side", "z\n");
    repo.git(&["checkout", "-q", "-"]);
    repo.git(&["merge", "-q", "--no-edit", "side"]);
    let report = repo.scan(&[]);
    let history = &report.findings()[0]["history"];
    assert_eq!(history["last"]["commit"], last.trim());
    assert_eq!(history["removed"]["commit"], removed.trim());
    assert_eq!(history["in_head"], false);
    // Git's own word for it.
    let newest = repo.git(&["log", "-1", "--format=%H", &format!("-S{secret}")]);
    assert_eq!(history["removed"]["commit"], newest.trim());
    // It comes back: nothing removed it from HEAD.
    let back = repo.commit_file("k", format!("k = '{secret}'\n"));
    let report = repo.scan(&[]);
    let history = &report.findings()[0]["history"];
    assert_eq!(history["last"]["commit"], back.trim());
    assert_eq!(history["removed"], Value::Null);
    assert_eq!(history["in_head"], true);
}

#[test]
fn the_line_of_a_secret_shows_no_other_one_be_it_encoded_or_cut() {
    let repo = Repo::new();
    let (secret, other) = (github_token(6), github_token(7));
    let encoded = data_encoding::BASE64.encode(other.as_bytes());
    // The window of an excerpt ends within the second value.
    let blanks = " ".repeat(240 - 20);
    repo.commit_file(
        "k",
        format!("a = '{secret}' {encoded}\nb = '{secret}'{blanks}{other}\n"),
    );
    repo.commit_file("cut", format!("{other}{blanks}'{}'\n", github_token(8)));
    let report = repo.scan(&["--min-confidence", "low"]);
    let all = serde_json::to_string(report.findings()).unwrap();
    for value in [&secret, &other, &encoded] {
        for part in [&value[..12], &value[value.len() - 12..]] {
            assert!(!all.contains(part), "{part} in {all}");
        }
    }
}
