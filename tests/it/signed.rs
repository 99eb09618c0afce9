//! Tokens that a secret of the same repository signed, or that had expired.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::support::{Repo, signed_token};

/// Confidence and reasons of the finding of `secret`.
fn told(repo: &Repo, secret: &str) -> (String, String) {
    let report = repo.scan(&["--min-confidence", "low", "--show-secrets"]);
    let finding = report.findings().iter().find(|f| f["secret"] == secret);
    let finding = finding.expect("it is found");
    let reasons: Vec<&str> = finding["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    (
        finding["confidence"].as_str().unwrap().to_owned(),
        reasons.join("; "),
    )
}

const SIGNED: &str = "signed with a secret that was found, too, or is widely known";
const SIGNS: &str = "signs a token that was found, too";

/// Words that nobody would take for a secret by their look.
fn words() -> String {
    ["quiet", "river", "stone"].join("-")
}

#[test]
fn a_token_is_low_beside_the_secret_that_signed_it_and_the_secret_is_told() {
    let (repo, key) = (Repo::new(), words());
    let signed = signed_token(&json!({ "sub": "ada" }), key.as_bytes());
    let other = signed_token(&json!({ "sub": "bob" }), b"another key");
    repo.commit_file("test.js", format!("a = '{signed}'\nb = '{other}'\n"));
    assert_eq!(told(&repo, &signed).0, "medium");
    repo.commit_file("config.yml", format!("jwt_secret: '{key}'\n"));
    let (confidence, reasons) = told(&repo, &signed);
    assert!(confidence == "low" && reasons.contains(SIGNED), "{reasons}");
    let (confidence, reasons) = told(&repo, &key);
    assert!(
        confidence == "medium" && reasons.contains(SIGNS),
        "{reasons}"
    );
    assert_eq!(told(&repo, &other).0, "medium");
}

#[test]
fn the_secret_may_be_the_base64_of_the_key() {
    let (repo, key) = (Repo::new(), [words(), words()].concat());
    let signed = signed_token(&json!({ "sub": "ada" }), key.as_bytes());
    let encoded = BASE64.encode(key.as_bytes());
    let text = format!("secret = '{encoded}'\nt = '{signed}'\n");
    repo.commit_file("a.py", text);
    assert_eq!(told(&repo, &signed).0, "low");
    assert!(told(&repo, &encoded).1.contains(SIGNS));
}

#[test]
fn a_token_that_a_widely_known_secret_signed_is_low() {
    let repo = Repo::new();
    let key = ["your-256", "bit-secret"].join("-");
    let signed = signed_token(&json!({ "sub": "ada" }), key.as_bytes());
    repo.commit_file("a.js", format!("t = '{signed}'\n"));
    let (confidence, reasons) = told(&repo, &signed);
    assert!(confidence == "low" && reasons.contains(SIGNED), "{reasons}");
}

#[test]
fn a_token_that_had_expired_when_it_was_committed_is_low() {
    let repo = Repo::new();
    // Commits of these tests are of 2024 or later.
    let token = |expiry: i64| signed_token(&json!({ "sub": "ada", "exp": expiry }), b"a key");
    let (old, new) = (token(1_000_000_000), token(9_000_000_000));
    repo.commit_file("a.js", format!("a = '{old}'\nb = '{new}'\n"));
    let (confidence, reasons) = told(&repo, &old);
    assert!(
        confidence == "low" && reasons.contains("was expired"),
        "{reasons}"
    );
    assert_eq!(told(&repo, &new).0, "medium");
}
