//! Reports of many findings and many refs: each name once, and pages that stay small. Version 1 of the JSON
//! report, which had the names in each finding, can still be read.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Repo, github_token, page_data, unleak_with, with_refs};

fn run(args: &[&str], dir: &Path) -> (Option<i32>, Vec<u8>, String) {
    let output = unleak_with(args, dir, &[("HOME", dir.as_os_str())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), output.stdout, said)
}

/// Three secrets, each on more branches than the one after it, and tags on all of them.
fn repository() -> Repo {
    let repo = Repo::new();
    for seed in 1..=3 {
        repo.commit_file(
            &format!("{seed}.env"),
            format!("k = {}\n", github_token(seed)),
        );
        for number in 0..20 {
            repo.git(&["branch", &format!("topic-{seed}-{number}")]);
        }
        repo.git(&["tag", &format!("v{seed}")]);
        repo.git(&["update-ref", &format!("refs/pull/{seed}/head"), "HEAD"]);
    }
    repo
}

fn report(dir: &Path) -> Value {
    serde_json::from_slice(&run(&["scan", "-f", "json"], dir).1).unwrap()
}

/// The same report as version 1 had it.
fn version_1(report: &Value) -> Value {
    let mut old = with_refs(report.clone());
    old["schema_version"] = 1.into();
    old.as_object_mut().unwrap().remove("refs");
    for finding in old["findings"].as_array_mut().unwrap() {
        finding["history"].as_object_mut().unwrap().remove("refs");
        let mut places: Vec<&mut Value> = Vec::new();
        let Value::Object(fields) = finding else {
            panic!("a finding");
        };
        for (name, value) in fields {
            match name.as_str() {
                "occurrences" => places.extend(value.as_array_mut().unwrap()),
                "history" => places.extend(value["appearances"].as_array_mut().unwrap()),
                _ => {}
            }
        }
        for place in places {
            place["part"] = Value::Null;
            place["wrapping"] = json!([]);
        }
    }
    old
}

#[test]
fn each_ref_is_named_once_however_many_findings_it_reaches() {
    let repo = repository();
    let (_, text, _) = run(&["scan", "-f", "json"], repo.path());
    let text = String::from_utf8(text).unwrap();
    let (_, lines, _) = run(&["scan", "-f", "jsonl"], repo.path());
    let lines = String::from_utf8(lines).unwrap();
    for name in ["topic-1-0", "topic-3-19", "v3", "refs/pull/2/head"] {
        let quoted = format!("\"{name}\"");
        assert_eq!(text.matches(&quoted).count(), 1, "{name}");
        assert_eq!(lines.matches(&quoted).count(), 1, "{name}");
    }
    let report = with_refs(serde_json::from_str(&text).unwrap());
    let mut seen = 0;
    for finding in report["findings"].as_array().unwrap() {
        let history = &finding["history"];
        let commit = history["first"]["commit"].as_str().unwrap();
        for (key, prefix, strip) in [
            ("branches", "refs/heads/", 11),
            ("tags", "refs/tags/", 10),
            ("other_refs", "refs/pull/", 0),
        ] {
            // Git's own word for it.
            let refs = repo.git(&[
                "for-each-ref",
                "--contains",
                commit,
                "--format=%(refname)",
                prefix,
            ]);
            let mut expected: Vec<&str> = refs.lines().map(|name| &name[strip..]).collect();
            expected.sort_unstable();
            assert_eq!(history[key], json!(expected), "{key} of {commit}");
            seen += expected.len();
        }
    }
    assert_eq!(seen, 2 * 3 + 20 * 6 + 6 + 3, "of three, two and one");
}

#[test]
fn a_report_of_version_1_gives_the_bytes_of_version_2_in_every_format() {
    let repo = repository();
    let dir = repo.path();
    let new = report(dir);
    let old = version_1(&new);
    std::fs::write(dir.join("old.json"), old.to_string()).unwrap();
    for format in ["json", "jsonl", "human", "html", "sarif", "csv"] {
        let scanned = run(&["scan", "-f", format], dir).1;
        let (code, converted, said) = run(&["report", "convert", "old.json", "-f", format], dir);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(
            String::from_utf8_lossy(&converted),
            String::from_utf8_lossy(&scanned),
            "{format}"
        );
    }
    std::fs::write(dir.join("old.jsonl"), lines_of(&old)).unwrap();
    let (code, converted, said) = run(&["report", "convert", "old.jsonl", "-f", "json"], dir);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(serde_json::from_slice::<Value>(&converted).unwrap(), new);
}

/// A report of version 1 as JSON Lines.
fn lines_of(old: &Value) -> String {
    let typed = |value: &Value, kind: &str| {
        let mut value = value.clone();
        value["type"] = kind.into();
        value
    };
    let findings = old["findings"].as_array().unwrap();
    let mut head = old.clone();
    let fields = head.as_object_mut().unwrap();
    fields.remove("findings");
    fields.remove("coverage");
    let mut summary = typed(&head, "summary");
    summary["findings"] = findings.len().into();
    summary["coverage"] = old["coverage"].clone();
    let findings = findings.iter().map(|finding| typed(finding, "finding"));
    let lines = [typed(&head, "header")]
        .into_iter()
        .chain(findings)
        .chain([summary]);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn all_that_read_reports_read_version_1() {
    let repo = repository();
    let dir = repo.path();
    let (_, new, _) = run(&["scan", "-f", "json"], dir);
    std::fs::write(dir.join("new.json"), &new).unwrap();
    let old = version_1(&serde_json::from_slice(&new).unwrap());
    std::fs::write(dir.join("old.json"), old.to_string()).unwrap();
    let (code, plan, said) = run(&["purge", "--from", "old.json"], dir);
    assert_eq!(code, Some(1), "{said}");
    let text = String::from_utf8(plan).unwrap();
    let (_, same, _) = run(&["purge", "--from", "new.json"], dir);
    assert_eq!(text, String::from_utf8(same).unwrap());
    let (code, merged, _) = run(&["merge", "-f", "json", "old.json"], dir);
    assert_eq!(code, Some(1));
    assert!(String::from_utf8(merged).unwrap().contains("\"secrets\""));
    let (code, diff, _) = run(&["report", "diff", "old.json", "new.json"], dir);
    assert_eq!(code, Some(0));
    assert!(
        String::from_utf8(diff)
            .unwrap()
            .starts_with("0 new, 0 gone, 0 changed")
    );
}

#[test]
fn numbers_of_refs_that_fit_nothing_are_refused() {
    let repo = repository();
    let dir = repo.path();
    let good = report(dir);
    let groups = good["refs"]["groups"].as_array().unwrap().len();
    let changes: [fn(&mut Value, usize); 4] = [
        |report: &mut Value, _| report["findings"][0]["history"]["refs"] = 99.into(),
        |report: &mut Value, groups| report["refs"]["lists"][0] = json!([groups]),
        // A list that repeats itself could make a small file a large report.
        |report: &mut Value, _| report["refs"]["lists"][0] = json!([0, 0]),
        |report: &mut Value, _| drop(report.as_object_mut().unwrap().remove("refs")),
    ];
    for change in changes {
        let mut bad = good.clone();
        change(&mut bad, groups);
        std::fs::write(dir.join("bad.json"), bad.to_string()).unwrap();
        let (code, out, said) = run(&["report", "convert", "bad.json"], dir);
        assert_eq!(code, Some(2), "{said}");
        assert!(out.is_empty() && said.contains("is not a report"), "{said}");
    }
    std::fs::write(dir.join("good.json"), good.to_string()).unwrap();
    assert_eq!(run(&["report", "convert", "good.json"], dir).0, Some(0));
}

#[test]
fn a_report_has_one_finding_a_line() {
    let repo = repository();
    let (_, text, _) = run(&["scan", "-f", "json"], repo.path());
    let text = String::from_utf8(text).unwrap();
    let findings = text.lines().filter(|line| line.contains("\"fingerprint\""));
    let mut count = 0;
    for line in findings {
        let line = line.trim().trim_end_matches(',');
        let finding: Value = serde_json::from_str(line).expect("a line is a finding");
        assert_eq!(finding["rule_id"], "github-pat");
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn a_page_with_ten_thousand_findings_is_smaller_than_five_megabytes() {
    let repo = repository();
    let dir = repo.path();
    let mut report = report(dir);
    let pattern = report["findings"][0].clone();
    let findings = (0..10_000).map(|number: u64| {
        let mut finding = pattern.clone();
        finding["fingerprint"] = format!("{number:08x}{number:024x}").into();
        finding["excerpt"]["before"] = format!("    variable_{number} = \"").into();
        finding["secret"] = format!("ghp_…{number:04}").into();
        let commit = format!("{number:040x}");
        for at in ["first", "appearances"] {
            let place = match at {
                "first" => &mut finding["history"]["first"],
                _ => &mut finding["history"]["appearances"][0],
            };
            place["path"] = format!("services/part-{}/src/file-{number}.py", number % 50).into();
            place["commit"] = commit.clone().into();
        }
        finding["history"]["last"]["commit"] = commit.into();
        finding
    });
    report["findings"] = findings.collect();
    std::fs::write(dir.join("many.json"), report.to_string()).unwrap();
    let (code, page, said) = run(&["report", "convert", "many.json", "-f", "html"], dir);
    assert_eq!(code, Some(0), "{said}");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    let data = page_data(&String::from_utf8(page).unwrap());
    assert_eq!(data["rows"].as_array().unwrap().len(), 10_000);
    // None of them is markup: rows are made when they come into view.
    let (_, json, _) = run(&["report", "convert", "many.json", "-f", "json"], dir);
    assert!(json.len() < 30_000_000, "{} bytes", json.len());
}

#[test]
fn a_page_without_findings_has_no_list_and_says_what_was_read() {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    let (code, page, _) = run(&["scan", "-f", "html"], repo.path());
    assert_eq!(code, Some(0));
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains("<p class=\"verdict good\">no secrets found in"),
        "{page}"
    );
    assert!(
        page.contains("<h2>Coverage</h2>") && page.contains("1 blob"),
        "{page}"
    );
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn a_finding_is_one_line_without_room_between_its_parts() {
    let repo = repository();
    let text = String::from_utf8(run(&["scan", "-f", "json"], repo.path()).1).unwrap();
    let lines = text.lines().map(|line| line.trim().trim_end_matches(','));
    let findings: Vec<&str> = lines
        .filter(|line| line.starts_with("{\"fingerprint\""))
        .collect();
    assert_eq!(findings.len(), 3, "{text}");
    for line in findings {
        let finding: Value = serde_json::from_str(line).unwrap();
        let shortest = serde_json::to_string(&finding).unwrap();
        assert_eq!(line.len(), shortest.len(), "{line}");
    }
}
