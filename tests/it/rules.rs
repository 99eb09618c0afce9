//! Rules prove themselves, and rule files are read with errors that help.

use std::path::Path;

use unleak::detect::{Detector, Hits, Match, Scratch};
use unleak::rule;
use unleak::rule::template::{Random, expand};

use crate::support::{Repo, token, unleak};

fn detector() -> Detector {
    Detector::compile(rule::builtin_with_proofs().unwrap()).unwrap()
}

fn found(detector: &Detector, text: &str) -> Vec<Match> {
    let mut hits = Hits::default();
    detector.scan(text.as_bytes(), &mut Scratch::default(), &mut hits);
    detector.matches(text.as_bytes(), &hits)
}

fn expanded(template: &str, seed: u64) -> String {
    expand(template, &mut Random::new(seed)).unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `unleak rules ARGS` beside a rule file `own.toml`; returns the exit code and all output.
fn rules(file: &str, args: &[&str]) -> (Option<i32>, String) {
    let dir = Repo::new();
    dir.write("own.toml", file);
    let output = unleak(&[&["rules"], args].concat(), dir.path());
    let text = said(&output.stdout) + &said(&output.stderr);
    (output.status.code(), text)
}

const OWN: &str = "\
[[rule]]
id = 'x-key'
provider = 'X'
description = 'X'
confidence = 'high'
keywords = ['xkey_']
regex = 'xkey_[a-z0-9]{12}'
examples = ['xkey_{lower36:12}']
near_misses = ['xkey_{lower:8}']
";

#[test]
fn every_built_in_rule_proves_itself() {
    let output = unleak(&["rules", "test"], Path::new("/"));
    let text = said(&output.stdout);
    assert!(output.status.success(), "{text}");
    let numbers: Vec<usize> = text
        .split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(numbers[0] > 1300 && numbers[1] > 100_000, "{text}");
    for rule in &rule::builtin_with_proofs().unwrap().rules {
        assert!(!rule.examples.is_empty(), "{} has an example", rule.id);
        assert!(!rule.near_misses.is_empty(), "{} has a near miss", rule.id);
    }
}

#[test]
fn rules_name_pages_that_say_how_to_revoke() {
    let rules = rule::builtin().unwrap().rules;
    let named = rules
        .iter()
        .filter(|rule| rule.rotate.is_some() || rule.docs.is_some());
    assert!(named.count() >= 500);
    for rule in &rules {
        for address in rule.rotate.iter().chain(&rule.docs) {
            assert!(address.starts_with("https://"), "{}: {address}", rule.id);
            assert!(
                !address.contains(char::is_whitespace),
                "{}: {address}",
                rule.id
            );
        }
        let page = rule
            .docs
            .as_deref()
            .map(|docs| docs.split_once("://").unwrap().1);
        let path = page.map(|page| page.split_once('/').map_or("", |(_, path)| path));
        assert_ne!(
            path,
            Some(""),
            "{}: '{}' is no page",
            rule.id,
            rule.docs.as_deref().unwrap()
        );
    }
}

#[test]
fn a_proof_that_does_not_hold_is_told() {
    let (code, text) = rules(OWN, &["test", "own.toml"]);
    assert_eq!(code, Some(0), "{text}");
    for (from, to, says) in [
        (
            "'xkey_{lower36:12}'",
            "'ykey_{lower36:12}'",
            "is found in 0 of 40 cases",
        ),
        (
            "'xkey_{lower:8}'",
            "'xkey_{lower:12}'",
            "near miss 'xkey_{lower:12}' is found",
        ),
        (
            "[a-z0-9]{12}",
            "[^\\n ]{12}",
            "is found with a foreign character",
        ),
        (
            "'xkey_{lower36:12}'",
            "'xkey_{lower99:12}'",
            "unknown placeholder",
        ),
        (
            "xkey_[a-z0-9]{12}",
            "xkey_[a-z0-9]{12};",
            "is found in 0 of 40 cases",
        ),
    ] {
        let bad = OWN.replacen(from, to, 1);
        assert_ne!(bad, OWN);
        let (code, text) = rules(&bad, &["test", "own.toml"]);
        assert!(code != Some(0) && text.contains(says), "{says} in {text}");
    }
    let (code, text) = rules(OWN, &["test", "own.toml", "--rule", "x-kye"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("did you mean 'x-key'"), "{text}");
}

#[test]
fn misspelt_fields_are_named_with_the_nearest() {
    let (code, text) = rules(OWN, &["check", "own.toml"]);
    assert_eq!(code, Some(0), "{text}");
    for (from, to, says) in [
        ("regex =", "regexp =", "rule 'x-key': field 'regexp'"),
        ("regex =", "regexp =", "did you mean 'regex'"),
        ("confidence =", "confidense =", "did you mean 'confidence'"),
        (
            "regex =",
            "checks = ['crc32-bas62']\nregex =",
            "did you mean 'crc32-base62'",
        ),
        ("[[rule]]", "[[rulez]]", "did you mean 'rule'?"),
        ("'xkey_[a-z0-9]{12}'", "7", "rule 'x-key'"),
        (
            "regex =",
            "except = ['(']\nregex =",
            "rule 'x-key': field 'except'",
        ),
    ] {
        let bad = OWN.replacen(from, to, 1);
        assert_ne!(bad, OWN);
        let (code, text) = rules(&bad, &["check", "own.toml"]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(says), "{says} in {text}");
    }
}

/// In another scanner's format.
const FOREIGN: &str = r#"
title = "ours"
[extend]
useDefault = true
[allowlist]
paths = ['vendor/']
stopwords = ["sample"]
[[rules]]
id = "acme-token"
description = "Acme token"
regex = '(?i)(?:acme)[\w .-]{0,20}[=:]\s*["'']?([0-9a-z]{20,})'
entropy = 3
keywords = ["acme"]
[[rules]]
id = "github-pat"
regex = 'ghx_[0-9a-z]{16}'
[[rules]]
id = "everything"
regex = '[0-9a-f]{64}'
"#;

#[test]
fn rule_files_of_other_scanners_are_carried_over() {
    let foreign = FOREIGN.replace("''", "\\x27");
    let repo = Repo::new();
    repo.write("foreign.toml", &foreign);
    let real = token("{lower36:24}", 3);
    let sample = token("{lower36:8}sample{lower36:8}", 4);
    let other = token("ghx_{lower36:16}", 5);
    let text = format!("ACME_KEY = \"{real}\"\nacme.test: '{sample}'\n{other}\n");
    repo.commit_file("a.conf", text);
    let file = repo.path().join("foreign.toml");
    let ids = |option: &str| {
        let report = repo.scan(&[option, file.to_str().unwrap()]);
        let ids = report.findings().iter().map(|finding| {
            let id = finding["rule_id"].as_str().unwrap();
            id.to_owned()
        });
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    let expected = ["acme-token", "github-pat"].map(str::to_owned);
    assert_eq!(ids("--rules"), expected.into());
    // Beside our own rules, one of the same name is renamed.
    let beside = ids("--extra-rules");
    assert!(beside.contains("custom-github-pat"), "{beside:?}");
    let args = ["scan", ".", "--rules", "foreign.toml"];
    let output = unleak(&args, repo.path());
    let warning = said(&output.stderr);
    assert!(warning.contains("3 of its settings"), "{warning}");
    let (code, text) = rules(&foreign, &["check", "own.toml"]);
    assert_eq!(code, Some(2), "a rule is not used: {text}");
    for part in [
        "2 rules carried over",
        "useDefault",
        "'allowlist.paths'",
        "'everything'",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// A scan without rules finds nothing, and must not look like a clean one.
#[test]
fn a_file_without_a_rule_that_can_be_used_is_an_error() {
    let repo = Repo::new();
    repo.commit_file("a", "nothing\n");
    for text in [
        "[[rules]]\nid = 'x'\nregex = '('\n",
        "[allowlist]\npaths = ['x']\n",
    ] {
        repo.write("foreign.toml", text);
        let output = unleak(&["rules", "check", "foreign.toml"], repo.path());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output.stdout));
        for option in ["--rules", "--extra-rules"] {
            let output = unleak(&["scan", option, "foreign.toml"], repo.path());
            let text = said(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains("no rule that can be used"), "{text}");
        }
    }
}

#[test]
fn wrong_checksums_lower_the_confidence() {
    let detector = detector();
    let right = expanded("x = ghp_{base62:30}{crc32_base62}", 5);
    let wrong = expanded("x = ghp_{base62:36}", 5);
    let confidence = |text: &str| found(&detector, text).first().map(|found| found.confidence);
    assert_eq!(confidence(&right), Some(rule::Confidence::High));
    assert_eq!(confidence(&wrong), Some(rule::Confidence::Low));
}

/// What is said of the only secret in `template`: the rule's id and how sure it is.
fn said_of(detector: &Detector, template: &str) -> (String, rule::Confidence) {
    let found = found(detector, &expanded(template, 3));
    let [found] = &found[..] else {
        panic!("{} findings in {template}", found.len());
    };
    (detector.rule(found.rule).id.clone(), found.confidence)
}

#[test]
fn to_know_the_issuer_does_not_lower_the_alarm() {
    let detector = detector();
    let (id, confidence) = said_of(&detector, "HELPSCOUT_CLIENT_SECRET = \"{base62:32}\"");
    assert!(id.starts_with("helpscout"), "{id}");
    assert!(confidence >= rule::Confidence::Medium);
    // No place outweighs that the issuer never made the token.
    let (id, confidence) = said_of(&detector, "Authorization: Bearer ghp_{base62:36}");
    assert_eq!(id, "github-pat");
    assert_eq!(confidence, rule::Confidence::Low);
}

#[test]
fn words_behind_a_prefix_are_no_token() {
    let detector = detector();
    for text in [
        "slack_token = \"xoxp-your-token\"",
        "api_key: 'napi_short'",
        "secret_key = \"sk_test_short1\"",
        "api_token = \"hvs.ABCabc12\"",
    ] {
        let found = found(&detector, text);
        let is_low = |found: &Match| found.confidence == rule::Confidence::Low;
        assert!(found.iter().all(is_low), "{text}");
    }
}

#[test]
fn the_rule_file_holds_no_token() {
    let detector = detector();
    let text = rule::BUILTIN;
    let found: Vec<String> = found(&detector, text)
        .into_iter()
        .filter(|found| found.confidence > rule::Confidence::Low)
        .map(|found| {
            format!(
                "line {}: {}",
                found.position.line,
                detector.rule(found.rule).id
            )
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A file of labelled lines: the first secret's value has no end, the second has letters of two bytes before
/// it, the third is missed by its place, the last two are false.
fn labelled() -> Vec<String> {
    let line = |label: &str, category: &str, text: String, value: [i64; 2]| {
        let before = "# ä\n[x]";
        let line = serde_json::json!({
            "label": label, "category": category, "text": text, "value": value,
            "before": before, "after": "", "path": "a.py", "repo": 7,
        });
        line.to_string()
    };
    let pat = |seed| token("ghp_{base62:30}{crc32_base62}", seed);
    let (first, second) = (pat(1), pat(2));
    vec![
        line("T", "Token", format!("a = '{first}'"), [5, -1]),
        line("T", "Token", format!("ää = '{second}'"), [6, 46]),
        line("T", "Password", format!("# ä '{}' none", pat(3)), [47, 51]),
        String::new(),
        line("F", "Password", "a = b".to_owned(), [-1, -1]),
        serde_json::json!({ "label": "X", "text": format!("k: {}", pat(4)) }).to_string(),
        line(
            "F",
            "Token",
            format!("x: {}", token("{base62:3}", 5)),
            [-1, -1],
        ),
    ]
}

#[test]
fn labelled_lines_are_scored() {
    let file = labelled().join("\n");
    let (code, text) = rules(&file, &["bench", "own.toml", "--format", "json"]);
    assert_eq!(code, Some(0), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let all = serde_json::json!({
        "lines": 6, "secrets": 3, "found": 2, "missed": 1, "false": 1,
        "precision": 0.6667, "recall": 0.6667, "f1": 0.6667,
    });
    assert_eq!(document["all"], all, "{text}");
    let categories = document["categories"].as_object().unwrap();
    let names: Vec<_> = categories.keys().map(String::as_str).collect();
    assert_eq!(names, ["-", "Password", "Token"]);
    assert_eq!(categories["Token"]["recall"], 1.0);
    assert!(categories["Password"]["precision"].is_null(), "{text}");
    let off = [
        "bench",
        "own.toml",
        "--disable-rule",
        "github-pat",
        "-fjson",
    ];
    let (_, text) = rules(&file, &off);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["all"]["false"], 0, "{text}");
}

#[test]
fn a_line_without_the_place_of_its_value_counts_as_a_whole() {
    let line = &labelled()[0];
    let object: serde_json::Value = serde_json::from_str(line).unwrap();
    for place in [[0, 0], [-1, -1], [0, -1], [-1, 0], [3, 2], [0, 999]] {
        let mut object = object.clone();
        object["value"] = serde_json::json!(place);
        let (code, text) = rules(&object.to_string(), &["bench", "own.toml", "-fjson"]);
        assert_eq!(code, Some(0), "{text}");
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["all"]["found"], 1, "{place:?}: {text}");
    }
}

#[test]
fn labelled_lines_are_listed_without_their_values() {
    let file = labelled().join("\n");
    let list = ["bench", "own.toml", "--list", "missed", "--list", "false"];
    let (code, text) = rules(&file, &list);
    assert_eq!(code, Some(0), "{text}");
    let has_row = |name: &str, end: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with(name) && line.ends_with(end))
    };
    assert!(has_row("all", "66.67%   66.67%   66.67%"), "{text}");
    assert!(has_row("Password", "-    0.00%    0.00%"), "{text}");
    assert!(text.contains("missed:\n  line 3: Password\n"), "{text}");
    assert!(
        text.contains("false:\n  line 6: -, rule github-pat\n"),
        "{text}"
    );
    let secret = token("ghp_{base62:30}{crc32_base62}", 4);
    assert!(!text.contains("ghp_"), "{text}");
    let (_, text) = rules(&file, &[&list[..], &["--show-secrets"]].concat());
    assert!(
        text.contains(&secret) && text.contains("line 3: Password: none"),
        "{text}"
    );
}

#[test]
fn faults_of_labelled_lines_name_the_line_and_the_field() {
    let good = labelled()[0].clone();
    for (line, says) in [
        ("[]", "line 2: no JSON object"),
        (
            "{\"text\": \"x\"}",
            "line 2: field 'label' must be 'T', 'F' or 'X'",
        ),
        ("{\"label\": \"y\", \"text\": \"x\"}", "field 'label'"),
        ("{\"label\": \"T\"}", "line 2: field 'text'"),
        (
            "{\"label\": \"T\", \"text\": 7}",
            "field 'text' must be a text",
        ),
        (
            "{\"label\": \"T\", \"text\": \"x\", \"before\": []}",
            "field 'before'",
        ),
        (
            "{\"label\": \"T\", \"text\": \"x\", \"value\": [2, 3]}",
            "field 'value'",
        ),
        (
            "{\"label\": \"T\", \"text\": \"x\", \"value\": [0]}",
            "field 'value'",
        ),
        (
            "{\"label\": \"T\", \"text\": \"x\", \"value\": [-2, 1]}",
            "field 'value'",
        ),
    ] {
        let (code, text) = rules(&format!("{good}\n{line}\n"), &["bench", "own.toml"]);
        assert_eq!(code, Some(2), "{text}");
        assert!(
            text.contains("'own.toml'") && text.contains(says),
            "{says} in {text}"
        );
    }
    let (code, text) = rules("\n", &["bench", "own.toml"]);
    assert!(
        code == Some(2) && text.contains("holds no labelled line"),
        "{text}"
    );
}
