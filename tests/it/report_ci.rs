//! What CI systems take: SARIF with all that code hosts show, the Markdown summary, CSV for Excel.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Repo, github_token, token, unleak};

fn scan(repo: &Repo, options: &[&str]) -> Output {
    unleak(&[&["scan"], options].concat(), repo.path())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The only run of a SARIF log that keeps to the schema.
fn sarif(repo: &Repo, options: &[&str]) -> Value {
    let output = scan(repo, &[&["--format", "sarif"], options].concat());
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = std::fs::read_to_string("tests/data/sarif-schema-2.1.0.json").unwrap();
    // One pattern of the standard has a lone bracket, which strict readers of patterns refuse.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&log).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    log["runs"][0].clone()
}

#[test]
fn sarif_has_what_code_hosts_show_of_rules_and_places() {
    let repo = Repo::new();
    let token = github_token(1);
    repo.commit_file("a.env", format!("ä = {token} # x\n"));
    let run = sarif(&repo, &[]);
    let driver = &run["tool"]["driver"];
    let rule = &driver["rules"][0];
    let severity: f64 = rule["properties"]["security-severity"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((7.0..=10.0).contains(&severity), "{rule:#}");
    assert!(
        rule["helpUri"]
            .as_str()
            .unwrap()
            .starts_with("https://github.com/")
    );
    let help = rule["help"]["markdown"].as_str().unwrap();
    assert!(
        help.starts_with("1. Rotate the secret at its issuer: <https://github.com/"),
        "{help}"
    );
    assert!(
        help.contains("\n2. ") && help.contains("`unleak purge`"),
        "{help}"
    );
    assert!(rule["help"]["text"].as_str().unwrap().contains("Rotate"));
    let result = &run["results"][0];
    assert_eq!(result["suppressions"], json!([]));
    let id = result["partialFingerprints"]["unleakFingerprint/v1"]
        .as_str()
        .unwrap();
    let message = result["message"]["text"].as_str().unwrap();
    assert!(
        message.ends_with(&format!("(id {})", &id[..12])),
        "{message}"
    );
    // Characters, of which `ä` is one; the end is the column after the last.
    let region = &result["locations"][0]["physicalLocation"]["region"];
    let end = 5 + token.chars().count();
    assert_eq!(
        *region,
        json!({"startLine": 1, "startColumn": 5, "endColumn": end})
    );
}

#[test]
fn a_secret_of_several_lines_has_no_end_column() {
    let repo = Repo::new();
    let key = Repo::bare_directory();
    let path = key.path().join("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status();
    let Ok(text) = std::fs::read_to_string(&path) else {
        panic!("ssh-keygen is installed with git: {made:?}");
    };
    repo.commit_file("key.pem", text);
    let run = sarif(&repo, &[]);
    let region = &run["results"][0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["startLine"], 1);
    assert_eq!(region["endColumn"], Value::Null);
}

#[test]
fn sarif_lists_suppressed_findings_as_suppressed() {
    let repo = Repo::new();
    repo.commit_file("a.env", format!("k = {}\n", github_token(1)));
    repo.commit_file("b.env", format!("k = {}\n", github_token(2)));
    let report = repo.scan(&[]);
    let id = report.findings()[0]["fingerprint"].as_str().unwrap();
    let args = ["ignore", id, "--reason", "a [test] value", "--owner", "ops"];
    assert_eq!(unleak(&args, repo.path()).status.code(), Some(0));
    let run = sarif(&repo, &[]);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["suppressions"], json!([]));
    assert_eq!(
        results[1]["suppressions"],
        json!([{"kind": "external", "status": "accepted", "justification": "a [test] value (ops)"}])
    );
    assert_eq!(
        results[1]["partialFingerprints"]["unleakFingerprint/v1"],
        id
    );
    let path = &report.findings()[0]["history"]["paths"][0];
    let place = &results[1]["locations"][0];
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], *path);
    assert_eq!(place["physicalLocation"]["region"], json!({"startLine": 1}));
    let commit = &report.findings()[0]["history"]["first"]["commit"];
    assert_eq!(place["properties"]["commit"], *commit);
    assert_eq!(results[1]["properties"]["pathClass"], "production");
    let message = results[1]["message"]["text"].as_str().unwrap();
    assert!(message.starts_with("GitHub personal"), "{message}");
    // A saved report has it, too. One of an old version has no place: readers refuse results without
    // a file.
    let saved: Value = serde_json::from_slice(&repo.scan(&[]).bytes).unwrap();
    let mut old = saved.clone();
    let entry = old["coverage"]["suppressed"][0].as_object_mut().unwrap();
    for key in ["place", "description", "severity", "path_class"] {
        assert!(entry.remove(key).is_some(), "{key}");
    }
    let convert = |report: &Value| {
        let args = ["report", "convert", "-", "--format", "sarif"];
        let output = repo.unleak(&args, report.to_string().as_bytes(), &[]);
        let log: Value = serde_json::from_slice(&output.stdout).unwrap();
        log["runs"][0]["results"][1]["locations"][0]["physicalLocation"].clone()
    };
    assert_eq!(convert(&saved), place["physicalLocation"]);
    assert_eq!(convert(&old)["artifactLocation"]["uri"], ".git");
    // GitHub would show it as an open alert.
    let output = scan(&repo, &["--format", "sarif-github"]);
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 1);
    // With nothing else, too: the rule is listed all the same.
    let other = results[0]["partialFingerprints"]["unleakFingerprint/v1"]
        .as_str()
        .unwrap();
    let args = ["ignore", other, "--reason", "x"];
    assert_eq!(unleak(&args, repo.path()).status.code(), Some(0));
    let run = sarif(&repo, &[]);
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "github-pat");
    assert_ne!(rule["shortDescription"]["text"], "github-pat");
    assert_eq!(run["results"].as_array().unwrap().len(), 2);
}

#[test]
fn every_rule_in_sarif_has_a_page_and_the_program_none_that_does_not_exist() {
    let repo = Repo::new();
    let password = token("{base62:6}!{base62:8}4", 9);
    repo.commit_file("a.conf", format!("db_password = \"{password}\"\n"));
    let run = sarif(&repo, &[]);
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["rules"][0]["id"], "generic-password");
    let page = "https://cwe.mitre.org/data/definitions/798.html";
    assert_eq!(driver["rules"][0]["helpUri"], page);
    // The package names the page of the program, or there is none.
    let named = env!("CARGO_PKG_REPOSITORY");
    let expected = (!named.is_empty()).then_some(named);
    assert_eq!(driver["informationUri"].as_str(), expected);
}

#[test]
fn csv_has_a_byte_order_mark_only_if_asked() {
    let repo = Repo::new();
    repo.commit_file("grüße.env", format!("k = {}\n", github_token(1)));
    let plain = scan(&repo, &["--format", "csv"]).stdout;
    let marked = scan(&repo, &["--format", "csv-bom"]).stdout;
    assert!(plain.starts_with(b"fingerprint,"));
    assert_eq!(marked, ["\u{feff}".as_bytes(), &plain].concat());
    let out = Repo::bare_directory();
    let file = out.path().join("out.csv");
    scan(&repo, &["--output", &format!("csv-bom:{}", file.display())]);
    assert_eq!(std::fs::read(file).unwrap(), marked);
}

#[test]
fn the_markdown_summary_has_a_table_and_the_next_steps() {
    let repo = Repo::new();
    for seed in 1..=60 {
        repo.write(
            format!("{seed}.env"),
            format!("k = {}\n", github_token(seed)),
        );
    }
    repo.commit("all");
    let text = stdout(&scan(&repo, &["--format", "markdown"]));
    assert!(text.starts_with("## unleak: 60 secrets found ("), "{text}");
    let rows = text
        .lines()
        .filter(|line| line.contains("| `github-pat` `ghp_…"));
    assert_eq!(rows.count(), 50, "{text}");
    assert!(text.contains("\nAnd 10 more findings"), "{text}");
    assert!(
        text.contains("| in HEAD |") && text.contains("`Ada Author`"),
        "{text}"
    );
    assert!(
        text.contains("1. Rotate each secret at its issuer"),
        "{text}"
    );
    assert!(
        text.contains("`unleak purge --finding ") && text.contains("`unleak ignore "),
        "{text}"
    );
    for seed in 1..=60 {
        assert!(!text.contains(&github_token(seed)[4..36]));
    }
}

#[test]
fn the_markdown_summary_of_a_clean_scan_says_so_and_what_was_not_read() {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    let text = stdout(&scan(&repo, &["--format", "markdown"]));
    let said = "## unleak: no secrets found\n\nLeft out: `files of the git directory were not read";
    assert!(text.starts_with(said), "{text}");
    repo.commit_file("b", "y\n");
    let shallow = repo.cloned(&["--depth=1"]);
    let text = stdout(&scan(&shallow, &["--format", "markdown"]));
    assert!(text.contains("**Not everything was read:**"), "{text}");
    let limit = "no secrets found, but not everything could be read\n";
    assert!(text.contains(limit), "{text}");
    // With findings, these come first.
    repo.commit_file("c", format!("k = {}\n", github_token(1)));
    let shallow = repo.cloned(&["--depth=1"]);
    let text = stdout(&scan(&shallow, &["--format", "markdown"]));
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(at("but not everything could be read\n") < at("| `github-pat`"));
    assert!(at("**What to do**") < at("\n\n**Not everything was read:**"));
}

#[test]
fn text_of_a_repository_is_no_markup_in_the_summary() {
    let repo = Repo::new();
    let name = "a|`<img src=x>`![x](http:x) @me.env";
    repo.commit_file(name, format!("k = {}\n", github_token(1)));
    let text = stdout(&scan(&repo, &["--format", "markdown"]));
    let row = text
        .lines()
        .find(|line| line.contains("github-pat"))
        .unwrap();
    // Seven cells, and nothing of the name outside of the element.
    assert_eq!(row.matches('|').count(), 8, "{row}");
    for markup in ["<img", "![x]", "@me", "`<"] {
        assert!(!row.contains(markup), "{markup}: {row}");
    }
    assert!(
        row.contains("<code>a&#124;&#96;&#60;img src&#61;x&#62;"),
        "{row}"
    );
}
