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
    // What one issuer never made may be another's.
    let (id, confidence) = said_of(&detector, "Authorization: Bearer ghp_{base62:36}");
    assert_eq!(id, "http-bearer-token");
    assert_eq!(confidence, rule::Confidence::Medium);
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
