//! Validation, through the real binary, against issuers on loopback: what is sent, to whom, and what answers mean.

mod databases;
mod server;

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use unleak::rule;

use crate::support::{Repo, github_token, token, with_refs};
use server::{Issuer, Received, Reply};

const GITHUB: &str = "api.github.com";

/// An answer of GitHub about an active token.
fn ada() -> Reply {
    Reply::Answer(
        200,
        vec![
            ("Content-Type", "application/json".into()),
            ("X-OAuth-Scopes", "repo, read:org".into()),
        ],
        r#"{"login":"ada-lovelace","id":1,"name":"Ada","email":"ada@example.org"}"#.into(),
    )
}

fn run(repo: &Repo, args: &[&str], more: &[String]) -> Output {
    let args: Vec<&str> = args
        .iter()
        .copied()
        .chain(more.iter().map(String::as_str))
        .collect();
    repo.unleak(&args, b"", &[])
}

/// Runs `unleak validate` with a report in JSON.
fn ask<S: AsRef<str>>(repo: &Repo, more: &[S]) -> Output {
    let more: Vec<String> = more.iter().map(|arg| arg.as_ref().to_owned()).collect();
    run(repo, &["validate", "--format", "json"], &more)
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    with_refs(parsed.unwrap_or_else(|e| {
        panic!(
            "no report ({e}): {}",
            String::from_utf8_lossy(&output.stderr)
        )
    }))
}

/// The state and reason of the only finding.
fn state(output: &Output) -> (String, String) {
    let report = json(output);
    let found = &report["findings"].as_array().unwrap()[0]["validation"];
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

fn with_token(seed: u64) -> (Repo, String) {
    let repo = Repo::new();
    let secret = github_token(seed);
    repo.commit_file("app.env", format!("TOKEN={secret}\n"));
    (repo, secret)
}

#[test]
fn a_scan_asks_the_issuer_and_tells_whose_it_is() {
    let (repo, secret) = with_token(1);
    let issuer = Issuer::start(&[GITHUB], |_| ada());
    let options = issuer.options(&[GITHUB]);
    let output = run(&repo, &["scan", "--validate", "--format", "json"], &options);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    let found = &report["findings"][0]["validation"];
    assert_eq!(found["state"], "active", "{found}");
    assert_eq!(found["host"], GITHUB);
    assert_eq!(found["whose"][0], "login: ada-lovelace");
    assert_eq!(found["can"][0], "scopes: repo, read:org");
    let received = issuer.received();
    assert_eq!(received.len(), 1);
    assert_eq!(
        (
            received[0].method.as_str(),
            received[0].target.as_str(),
            received[0].host.as_str()
        ),
        ("GET", "/user", GITHUB)
    );
    let sent = received[0].header("authorization");
    assert_eq!(sent, Some(format!("token {secret}").as_str()));
    for format in [
        "human", "sarif", "gitlab", "csv", "markdown", "junit", "html", "github", "jsonl",
    ] {
        let output = run(&repo, &["scan", "--validate", "--format", format], &options);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("active"), "{format}: {text}");
        assert!(!text.contains(&secret), "{format}");
        if format != "github" {
            assert!(text.contains("ada-lovelace"), "{format}: {text}");
        }
    }
}

#[test]
fn a_plain_scan_and_a_hook_ask_nobody() {
    let (repo, _) = with_token(2);
    let issuer = Issuer::start(&[GITHUB], |_| ada());
    let output = run(&repo, &["scan", "--format", "json"], &[]);
    assert!(json(&output)["findings"][0]["validation"].is_null());
    for option in ["--only", "--fail-on"] {
        let output = run(&repo, &["scan", option, "active"], &[]);
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
    let output = run(&repo, &["hook", "pre-commit", "--validate"], &[]);
    assert_eq!(output.status.code(), Some(2), "hooks have no such option");
    repo.write(".unleak.toml", "validate = true\n");
    let output = run(&repo, &["scan", "--trust-repo-config"], &[]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "a repository cannot ask for it"
    );
    assert!(issuer.received().is_empty());
}

#[test]
fn every_kind_of_answer_has_its_state() {
    let elsewhere = vec![("Location", "https://evil.example.org/".to_owned())];
    for (seed, reply, wanted, reason) in [
        (10, Reply::json(401, "{}"), "inactive", "refuses"),
        (11, Reply::json(200, "{}"), "unknown", "status 200"),
        (12, Reply::json(403, "{}"), "unknown", "status 403"),
        (
            13,
            Reply::Answer(302, elsewhere, String::new()),
            "unknown",
            "redirects are not followed",
        ),
        (14, Reply::Garbage, "unknown", "network"),
        (15, Reply::Half, "unknown", "network"),
        (16, Reply::Close, "unknown", "network"),
        (17, Reply::Endless, "unknown", "status 200"),
        (
            18,
            Reply::Answer(429, vec![("Retry-After", "3600".into())], String::new()),
            "unknown",
            "rate limited",
        ),
        (19, Reply::json(500, "{}"), "unknown", "status 500"),
    ] {
        let (repo, secret) = with_token(seed);
        let issuer = Issuer::start(&[GITHUB], move |_| reply.clone());
        let options = issuer.options(&[GITHUB, "evil.example.org"]);
        let output = ask(&repo, &options);
        let (state, why) = state(&output);
        assert_eq!(state, wanted, "{seed}: {why}");
        assert!(why.contains(reason), "{seed}: {why}");
        let hosts = issuer.received();
        assert!(
            hosts.iter().all(|received| received.host == GITHUB),
            "{seed}: {hosts:?}"
        );
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains(&secret), "{seed}");
    }
}

#[test]
fn a_slow_host_is_left_after_ten_seconds() {
    let (repo, _) = with_token(20);
    let issuer = Issuer::start(&[GITHUB], |_| Reply::Slow);
    let begun = Instant::now();
    let output = ask(&repo, &issuer.options(&[GITHUB]));
    assert_eq!(state(&output).1, "network: no answer within 10 seconds");
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[test]
fn a_certificate_of_another_authority_or_host_gets_nothing() {
    let (repo, _) = with_token(21);
    let issuer = Issuer::start(&[GITHUB], |_| ada());
    let other = Issuer::start(&[GITHUB], |_| ada());
    let wrong_host = Issuer::start(&["other.example.com"], |_| ada());
    for (server, ca) in [(&issuer, other.ca()), (&wrong_host, wrong_host.ca())] {
        let resolve = format!("{GITHUB}={}", server.address);
        let ca = ca.display().to_string();
        let args = ["--ca", &ca, "--validate-resolve", &resolve];
        let (state, why) = state(&ask(&repo, &args));
        assert_eq!(state, "unknown");
        assert!(why.contains("certificate"), "{why}");
        assert!(server.received().is_empty());
    }
}

#[test]
fn a_private_address_is_refused_unless_the_host_is_named() {
    let repo = Repo::new();
    repo.commit_file(
        "x.env",
        format!("GITLAB={}\n", token("glpat-{base62:20}", 22)),
    );
    let issuer = Issuer::start(&["localhost"], |_| {
        Reply::json(200, r#"{"id":3,"name":"ci","scopes":["api"]}"#)
    });
    let ca = issuer.ca().display().to_string();
    let named = format!("gitlab=localhost:{}", issuer.address.port());
    let args = ["--ca", &ca, "--validate-host", &named];
    let output = ask(&repo, &args);
    assert_eq!(state(&output).0, "active", "{}", state(&output).1);
    let received = issuer.received();
    assert_eq!(received[0].target, "/api/v4/personal_access_tokens/self");
    assert!(received[0].header("private-token").is_some());
    // The same address, for a host that only a rule names.
    let rules = repo.path().join("own.toml");
    let own = "[[rule]]\nid = 'own-token'\nprovider = 'Own'\ndescription = 'own token'\nconfidence = 'high'\n\
        keywords = ['owntok_']\nregex = 'owntok_[a-z]{12}'\nexamples = []\nnear_misses = []\n\n[rule.validate]\n\
        url = 'https://{host}/me'\nhost = '127.0.0.1'\nheaders = ['Authorization: Bearer {secret}']\n\
        active = ['status 200']\n";
    std::fs::write(&rules, own).unwrap();
    repo.commit_file("y.env", format!("OWN={}\n", token("owntok_{lower:12}", 23)));
    let rules = rules.display().to_string();
    let args = ["--rules", &rules, "--trust-rules-validate"];
    let (own, why) = state(&ask(&repo, &args));
    assert_eq!(own, "unknown");
    assert!(
        why.starts_with("refused: the host has a private address"),
        "{why}"
    );
    let untrusted = ask(&repo, &["--rules", &rules]);
    let said = String::from_utf8_lossy(&untrusted.stderr).into_owned();
    assert!(said.contains("--trust-rules-validate"), "{said}");
    assert!(state(&untrusted).1.contains("no way to ask"));
}

#[test]
fn active_ones_come_first_and_only_they_fail_if_asked() {
    let repo = Repo::new();
    let secrets = [30, 31, 32].map(github_token);
    for (secret, name) in secrets.iter().zip(["a", "tests/b", "c"]) {
        repo.commit_file(name, format!("t = {secret}\n"));
    }
    let active = secrets[1].clone();
    let dead = secrets[0].clone();
    let issuer = Issuer::start(&[GITHUB], move |received| {
        let sent = received.header("authorization").unwrap().to_owned();
        match sent.trim_start_matches("token ") {
            secret if secret == active => ada(),
            secret if secret == dead => Reply::json(401, "{}"),
            _ => Reply::json(403, "{}"),
        }
    });
    let options = [
        issuer.options(&[GITHUB]),
        vec!["--validate-rate".into(), "50".into()],
    ]
    .concat();
    let states = |output: &Output| -> Vec<String> {
        let report = json(output);
        let findings = report["findings"].as_array().unwrap().iter();
        findings
            .map(|f| f["validation"]["state"].as_str().unwrap().to_owned())
            .collect()
    };
    let output = run(&repo, &["scan", "--validate", "--format", "json"], &options);
    assert_eq!(states(&output), ["active", "unknown", "inactive"]);
    // The answer of the issuer counts more than where a secret is.
    let report = json(&output);
    let findings = report["findings"].as_array().unwrap().iter();
    let severities: Vec<&Value> = findings.map(|finding| &finding["severity"]).collect();
    assert_eq!(severities, ["critical", "critical", "info"]);
    assert_eq!(report["findings"][0]["path_class"], "test");
    let output = run(&repo, &["scan", "--validate"], &options);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("1 active, 1 unknown, 1 inactive"), "{text}");
    assert!(text.contains("1 secret is still active"), "{text}");
    let output = run(
        &repo,
        &["validate", "--only", "inactive", "--format", "json"],
        &options,
    );
    assert_eq!(states(&output), ["inactive"]);
    assert_eq!(json(&output)["coverage"]["filtered"], 2);
    let output = run(
        &repo,
        &["scan", "--validate", "--fail-on", "active"],
        &options,
    );
    assert_eq!(output.status.code(), Some(1));
    let fail_on = ["validate", "--only", "inactive", "--fail-on", "active"];
    assert_eq!(run(&repo, &fail_on, &options).status.code(), Some(0));
}

#[test]
fn a_saved_report_chooses_and_purge_begins_with_what_is_active() {
    let (repo, secret) = with_token(40);
    repo.commit_file("other", format!("t = {}\n", github_token(41)));
    let issuer = Issuer::start(&[GITHUB], |_| ada());
    let options = [
        issuer.options(&[GITHUB]),
        vec!["--validate-rate".into(), "50".into()],
    ]
    .concat();
    let output = run(
        &repo,
        &["validate", "--format", "json", "-o", "report.json"],
        &options,
    );
    assert_eq!(output.status.code(), Some(1));
    let report: Value =
        serde_json::from_slice(&std::fs::read(repo.path().join("report.json")).unwrap()).unwrap();
    let id = report["findings"][0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = issuer.received().len();
    let output = run(
        &repo,
        &["validate", &id[..12], "--format", "json"],
        &options,
    );
    assert_eq!(json(&output)["findings"].as_array().unwrap().len(), 1);
    assert_eq!(issuer.received().len(), before + 1);
    let output = run(
        &repo,
        &["validate", "--from", "report.json", "--format", "json"],
        &options,
    );
    assert_eq!(json(&output)["findings"].as_array().unwrap().len(), 2);
    let output = run(&repo, &["validate", "ffffffff"], &options);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&repo, &["purge", "--from", "report.json"], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("2 values are still active; before the rewrite, revoke"),
        "{text}"
    );
    repo.write("leaked.txt", format!("GITHUB_TOKEN={secret}\n"));
    let known = ["validate", "--known", "leaked.txt", "--format", "json"];
    assert_eq!(state(&run(&repo, &known, &options)).0, "active");
}

#[test]
fn answers_are_kept_with_the_state_and_hold_no_secret() {
    let (repo, secret) = with_token(50);
    let issuer = Issuer::start(&[GITHUB], |_| ada());
    let options = issuer.options(&[GITHUB]);
    let args = [
        "scan",
        "--validate",
        "--state-dir",
        "kept",
        "--format",
        "json",
    ];
    for _ in 0..3 {
        let output = run(&repo, &args, &options);
        assert_eq!(state(&output).0, "active");
    }
    assert_eq!(issuer.received().len(), 1, "the answer was kept");
    let plain = run(
        &repo,
        &["scan", "--state-dir", "kept", "--format", "json"],
        &[],
    );
    assert!(
        json(&plain)["findings"][0]["validation"].is_null(),
        "a plain scan tells no states"
    );
    let anew = [&args[..], &["--validate-keep", "0"]].concat();
    run(&repo, &anew, &options);
    assert_eq!(issuer.received().len(), 2);
    for entry in std::fs::read_dir(repo.path().join("kept")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for hidden in [secret.as_bytes(), b"ada-lovelace"] {
            assert!(memchr::memmem::find(&bytes, hidden).is_none());
        }
    }
    run(&repo, &["state", "clear", "--state-dir", "kept"], &[]);
    assert_eq!(
        std::fs::read_dir(repo.path().join("kept")).unwrap().count(),
        0
    );
}

#[test]
fn a_token_is_revoked_and_proven_inactive() {
    let repo = Repo::new();
    let secret = token("glpat-{base62:20}", 60);
    repo.commit_file("x.env", format!("GITLAB={secret}\n"));
    let revoked = std::sync::atomic::AtomicBool::new(false);
    let issuer = Issuer::start(&["gitlab.com"], move |received: &Received| {
        use std::sync::atomic::Ordering;
        match received.method.as_str() {
            "DELETE" => {
                revoked.store(true, Ordering::SeqCst);
                Reply::Answer(204, Vec::new(), String::new())
            }
            _ if revoked.load(Ordering::SeqCst) => {
                Reply::json(401, r#"{"message":"401 Unauthorized"}"#)
            }
            _ => Reply::json(200, r#"{"id":3,"name":"ci"}"#),
        }
    });
    let options = issuer.options(&["gitlab.com"]);
    let report = run(&repo, &["scan", "--format", "json"], &[]);
    let id = json(&report)["findings"][0]["fingerprint"]
        .as_str()
        .unwrap()[..12]
        .to_owned();
    let output = run(&repo, &["revoke", &id], &options);
    assert_eq!(
        output.status.code(),
        Some(2),
        "without a terminal it needs '--yes'"
    );
    assert!(issuer.received().is_empty());
    let output = run(&repo, &["revoke", &id, "--yes"], &options);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("revoked, and proven inactive"), "{text}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("DELETE https://gitlab.com/api/v4/personal_access_tokens/self"),
        "{said}"
    );
    let methods: Vec<String> = issuer.received().into_iter().map(|r| r.method).collect();
    assert_eq!(methods, ["DELETE", "GET"]);
}

#[test]
fn what_its_holder_cannot_revoke_names_the_page() {
    let other = Repo::new();
    other.commit_file(
        "x",
        format!("k = {}\n", token("npm_{base62:30}{crc32_base62}", 61)),
    );
    let report = run(
        &other,
        &["scan", "--format", "json", "--min-confidence", "low"],
        &[],
    );
    let id = json(&report)["findings"][0]["fingerprint"]
        .as_str()
        .unwrap()[..12]
        .to_owned();
    let output = run(&other, &["revoke", &id, "--yes"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("https://"),
        "it names the page"
    );
}

/// Rules of different issuers whose examples stand for themselves, with their hosts.
fn issuers(count: usize) -> Vec<(String, String, String)> {
    let requests = rule::builtin_requests().unwrap();
    let rules = rule::builtin_with_proofs().unwrap();
    let mut hosts = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for rule in &rules.rules {
        let Some(inquiry) = requests
            .rules
            .get(&rule.id)
            .and_then(|i| i.validate.as_ref())
        else {
            continue;
        };
        let [step] = &inquiry.steps[..] else { continue };
        let host = step
            .url
            .text
            .trim_start_matches("https://")
            .split(['/', '?'])
            .next()
            .unwrap();
        let own_part = step.url.text.contains('{')
            || step
                .headers
                .iter()
                .any(|(_, value)| value.text.replace("{secret", "").contains('{'));
        let is_alone = rule.confidence == rule::Confidence::High && rule.part_of.is_empty();
        if own_part || !is_alone || step.method != "GET" || !hosts.insert(host.to_owned()) {
            continue;
        }
        found.push((rule.id.clone(), host.to_owned(), rule.examples[0].clone()));
    }
    found.truncate(count);
    assert_eq!(found.len(), count);
    found
}

#[test]
fn two_hundred_findings_of_forty_issuers_are_asked_once_each_and_at_the_same_time() {
    let issuers = issuers(40);
    let hosts: Vec<&str> = issuers.iter().map(|(_, host, _)| host.as_str()).collect();
    let repo = Repo::new();
    for (n, (rule, _, example)) in (0..).zip(&issuers) {
        let lines =
            (0..5).map(|m| format!("value = {}\n\n\n\n\n\n\n\n", token(example, n * 5 + m)));
        repo.write(format!("{rule}.txt"), lines.collect::<String>());
        repo.write(format!("copy/{rule}.txt"), "value = x\n");
    }
    repo.commit("all");
    let issuer = Issuer::start(&hosts, |_| Reply::json(401, "{}"));
    let begun = Instant::now();
    let options = issuer.options(&hosts);
    let args = [
        "scan",
        "--validate",
        "--format",
        "json",
        "--min-confidence",
        "low",
    ];
    let report = json(&run(&repo, &args, &options));
    let elapsed = begun.elapsed();
    let asked = report["findings"].as_array().unwrap().iter();
    let asked = asked
        .filter(|f| f["validation"]["host"].is_string())
        .count();
    let received = issuer.received();
    assert!(asked >= 180, "{asked}");
    let mut distinct: Vec<String> = received.iter().map(|r| format!("{r:?}")).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), received.len(), "no request was sent twice");
    assert!(
        elapsed < Duration::from_secs(60),
        "{elapsed:?}: hosts are asked at the same time"
    );
    let known: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    assert!(received.iter().all(|r| known.contains(&r.host)));
}

#[test]
fn the_list_names_every_request_and_what_it_does() {
    let repo = Repo::new();
    let output = run(&repo, &["validate", "--list"], &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in [
        "validate  GET https://api.github.com/user  [reads only]",
        "revoke    DELETE https://gitlab.com/api/v4/personal_access_tokens/self  [switches it off]",
        "validate  login postgresql at the server of its address",
        "issues a short-lived token",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let count = text
        .lines()
        .filter(|line| line.contains("  validate  "))
        .count();
    assert!(count >= 400, "{count}");
}
