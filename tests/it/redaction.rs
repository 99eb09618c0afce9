//! What reports hide: every byte of a real secret, wherever it stands, and nothing else.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::support::{Repo, github_token, page_data, token, unleak, with_refs};

const FORMATS: [&str; 9] = [
    "human", "json", "jsonl", "sarif", "github", "gitlab", "csv", "junit", "html",
];

fn scan(repo: &Repo, options: &[&str]) -> Output {
    unleak(&[&["scan"], options].concat(), repo.path())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(repo: &Repo, options: &[&str]) -> Value {
    let output = scan(repo, &[&["--format", "json"], options].concat());
    let report = serde_json::from_slice(&output.stdout);
    with_refs(report.unwrap_or_else(|e| panic!("{e}: {}", stderr(&output))))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// All strings of a JSON document.
fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|value| strings(value, into)),
        Value::Object(all) => all.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

/// Fails if `text` holds eight bytes or more of `value` in a row.
fn assert_hidden(text: &str, value: &str, what: &str) {
    for start in 0..=value.len() - 8 {
        let part = &value[start..start + 8];
        assert!(!text.contains(part), "{what}: a part of the value is shown");
    }
}

/// A repository in which `value` is a secret, and stands in everything that has a name or a text.
fn full_of(value: &str, line: &str) -> Repo {
    let repo = Repo::new();
    repo.commit_file("app.env", format!("{line}\nuser = app\n"));
    repo.write(
        format!("dir-{value}/x/{value}.txt"),
        format!("{line} # {value}, {value}\n"),
    );
    repo.git(&["add", "--all"]);
    let author = format!("{value} <{value}@example.org>");
    repo.git(&["commit", "--quiet", "--author", &author, "-m", value]);
    repo.git(&["branch", &format!("topic-{value}")]);
    repo.git(&["branch", &format!("{value}/topic")]);
    repo.git(&["tag", "--annotate", &format!("v-{value}"), "-m", value]);
    repo.git(&["update-ref", &format!("refs/keep/{value}"), "HEAD"]);
    repo.write(format!("staged-{value}.env"), format!("\t{line}\n"));
    repo.git(&["add", "--all"]);
    repo
}

#[test]
fn a_random_value_stands_in_no_format_whatever_it_is_written_into() {
    for seed in 1..=4 {
        for (template, line) in [
            ("ghp_{base62:30}{crc32_base62}", "TOKEN=@"),
            ("{base62:18}7q", "DB_PASSWORD=@"),
            ("kT{base62:8}7q", "password: \"@\""),
            ("{hex:32}", "api_key = \"@\""),
            ("{lower:12}{upper:12}3{digits:4}", "client_secret=@"),
        ] {
            let value = token(template, seed);
            let repo = full_of(&value, &line.replace('@', &value));
            for options in [&[][..], &["--min-confidence", "low"], &["--staged"]] {
                for format in FORMATS.into_iter().chain(["quiet"]) {
                    let shape: &[&str] = match format {
                        "quiet" => &["--quiet"],
                        format => &["--format", format],
                    };
                    let output = scan(&repo, &[shape, options].concat());
                    // What HEAD has need not be new when it is staged once more.
                    let is_found = output.status.code() == Some(1);
                    assert!(is_found || options == ["--staged"], "{}", stderr(&output));
                    let what = format!("{template}, seed {seed}, {format}, {options:?}");
                    assert_hidden(&stdout(&output), &value, &what);
                    assert_hidden(&stderr(&output), &value, &what);
                }
            }
        }
    }
}

#[test]
fn a_random_value_stays_hidden_where_it_is_suppressed_or_filtered() {
    let value = token("ghp_{base62:30}{crc32_base62}", 9);
    let repo = full_of(&value, &format!("TOKEN={value}"));
    let other = token("glpat-{base64url:19}{base62:1}", 9);
    repo.commit_file(&format!("{value}/other"), format!("t = {other}\n"));
    let hide = |options: &[&str]| {
        for format in FORMATS {
            let output = scan(&repo, &[&["--format", format], options].concat());
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            assert_hidden(&stdout(&output), &value, format);
        }
    };
    hide(&["--rule", "gitlab-pat"]);
    let report = json(&repo, &[]);
    let found = list(&report["findings"]);
    let id = found.iter().find(|f| f["rule_id"] == "github-pat").unwrap()["fingerprint"].clone();
    let args = ["ignore", id.as_str().unwrap(), "--reason", &value];
    assert_eq!(unleak(&args, repo.path()).status.code(), Some(0));
    hide(&[]);
}

/// Words as values, each of low confidence, and everything else called like them.
fn full_of_words() -> Repo {
    let repo = Repo::new();
    // The words are put in here, so that this file passes a scan.
    for (path, text, word) in [
        (
            "src/postgres/settings.env",
            "POSTGRES_PASSWORD: @",
            "postgres",
        ),
        ("config/main/config.yml", "  password: @", "config"),
        ("main/user.properties", "db.password=@", "main"),
        ("user/password.ini", "password = @", "user"),
        ("admin/password.ini", "admin_password = @", "admin"),
        ("admin/8675309242.txt", "password = \"@\"", "8675309242"),
        (
            "test-server-01/changeme.py",
            "password = \"@\"",
            "test-server-01",
        ),
        ("docs/getUserByName.md", "secret = \"@\"", "getUserByName"),
        (
            "lib/jcl-over-slf4j-1.7.32.jar/a.env",
            "DB_PASSWORD=@",
            "jcl-over-slf4j-1.7.32.jar",
        ),
        (
            "llvm-addr2line/libXdmcp.a.env",
            "DB_PASSWORD=@",
            "llvm-addr2line",
        ),
        (
            "cp1253.ps/b.env",
            "DB_PASSWORD=@\nA_PASSWORD=libXdmcp.a",
            "cp1253.ps",
        ),
        ("pypy3.11-7.3.22/b.env", "DB_PASSWORD=@", "pypy3.11-7.3.22"),
    ] {
        repo.write(path, format!("{}\n", text.replace('@', word)));
    }
    repo.git(&["add", "--all"]);
    let author = "postgres admin <user@config.example>";
    repo.git(&["commit", "--quiet", "--author", author, "-m", "main config"]);
    for branch in ["postgres", "config/user", "admin-8675309242"] {
        repo.git(&["branch", branch]);
    }
    for tag in ["user", "v-admin", "test-server-01"] {
        repo.git(&["tag", tag]);
    }
    repo.git(&["update-ref", "refs/keep/postgres/config", "HEAD"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(&["update-ref", "refs/remotes/admin/postgres", "HEAD"]);
    let path = "src/postgres/config/main/user/admin/8675309242.env";
    repo.write(path, format!("T={}\n", github_token(1)));
    repo.git(&["add", "--all"]);
    repo.git(&["commit", "--quiet", "--author", author, "-m", "token"]);
    repo
}

/// Fails unless every name in the reports of `repo` is one that git knows.
fn assert_exact(repo: &Repo, options: &[&str]) {
    let lines =
        |args: &[&str]| -> BTreeSet<String> { repo.git(args).lines().map(str::to_owned).collect() };
    let files = lines(&["ls-tree", "-r", "--name-only", "HEAD"]);
    let refs = lines(&["for-each-ref", "--format=%(refname)"]);
    let report = json(repo, options);
    let mut seen = 0;
    for finding in list(&report["findings"]) {
        assert_eq!(finding["redacted_paths"], Value::Null, "{finding:#}");
        assert_eq!(finding["redacted_refs"], Value::Null, "{finding:#}");
        let history = &finding["history"];
        assert_eq!(history["author"]["name"], "postgres admin");
        assert_eq!(history["author"]["email"], "user@config.example");
        for path in list(&history["paths"]) {
            assert!(files.contains(path.as_str().unwrap()), "{path}");
            seen += 1;
        }
        for (key, prefix) in [
            ("branches", "refs/heads/"),
            ("remotes", "refs/remotes/"),
            ("tags", "refs/tags/"),
            ("other_refs", ""),
        ] {
            let names = list(&history[key]);
            assert!(
                !names.is_empty() || finding["rule_id"] == "github-pat",
                "{key}"
            );
            for name in names {
                let full = format!("{prefix}{}", name.as_str().unwrap());
                assert!(refs.contains(&full), "{full}");
            }
        }
    }
    assert!(seen > 0, "{report:#}");
    assert_exact_elsewhere(repo, options, &files);
}

/// The same of the formats that other programs read.
fn assert_exact_elsewhere(repo: &Repo, options: &[&str], files: &BTreeSet<String>) {
    let of = |format: &str| stdout(&scan(repo, &[&["--format", format], options].concat()));
    let mut told: Vec<String> = Vec::new();
    let log: Value = serde_json::from_str(&of("sarif")).unwrap();
    for result in list(&log["runs"][0]["results"]) {
        // Of what is suppressed, no place is said.
        if !list(&result["suppressions"]).is_empty() {
            continue;
        }
        for place in list(&result["locations"]) {
            let uri = &place["physicalLocation"]["artifactLocation"]["uri"];
            told.push(uri.as_str().unwrap().to_owned());
        }
    }
    let report: Value = serde_json::from_str(&of("gitlab")).unwrap();
    for entry in list(&report["vulnerabilities"]) {
        let author = &entry["location"]["commit"]["author"];
        assert_eq!(author, "postgres admin");
        told.push(entry["location"]["file"].as_str().unwrap().to_owned());
    }
    for line in of("github").lines() {
        if let Some((_, rest)) = line.split_once("file=") {
            told.push(rest.split(',').next().unwrap().to_owned());
        }
    }
    // The last line says what was not read.
    for line in of("csv")
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with(','))
    {
        assert!(
            line.contains(",postgres admin,user@config.example,"),
            "{line}"
        );
        // Behind the path: whether it is redacted, the four columns of validation, and two more.
        told.push(line.rsplit(',').nth(7).unwrap().to_owned());
    }
    for part in of("junit").split(" file=\"").skip(1) {
        told.push(part.split('"').next().unwrap().to_owned());
    }
    for line in stdout(&scan(repo, &[&["--quiet"], options].concat())).lines() {
        told.push(line.split(':').next().unwrap().to_owned());
    }
    let data = page_data(&of("html"));
    for row in list(&data["rows"]) {
        for place in list(&row["places"]) {
            let path = usize::try_from(place[0].as_u64().unwrap()).unwrap();
            told.push(data["texts"][path].as_str().unwrap().to_owned());
        }
    }
    assert!(told.len() >= 7, "{told:?}");
    for path in told {
        assert!(files.contains(&path), "{path}");
    }
}

#[test]
fn a_word_as_a_value_changes_no_name() {
    let repo = full_of_words();
    let report = json(&repo, &["--min-confidence", "low"]);
    let marks: BTreeSet<&str> = list(&report["findings"])
        .iter()
        .filter_map(|finding| finding["secret"].as_str())
        .collect();
    for mark in ["<8 letters>", "<10 digits>"] {
        assert!(marks.contains(mark), "the words are findings: {marks:?}");
    }
    assert_exact(&repo, &["--min-confidence", "low"]);
    // Below the threshold, and left out by a filter.
    assert_exact(&repo, &[]);
    assert_exact(&repo, &["--min-confidence", "low", "--rule", "github-pat"]);
    for finding in list(&report["findings"]) {
        if finding["rule_id"] != "github-pat" {
            let id = finding["fingerprint"].as_str().unwrap();
            let args = ["ignore", id, "--reason", "a word"];
            assert_eq!(unleak(&args, repo.path()).status.code(), Some(0));
        }
    }
    assert_exact(&repo, &["--min-confidence", "low"]);
}

#[test]
fn a_name_that_holds_a_secret_is_said_to_be_redacted() {
    let repo = Repo::new();
    let value = github_token(7);
    repo.commit_file(
        &format!("a-{value}/file"),
        format!("t = {}\n", github_token(8)),
    );
    let report = json(&repo, &[]);
    let found = list(&report["findings"]);
    assert_eq!(found.len(), 2);
    let path = format!("a-{}…{}/file", &value[..4], &value[36..]);
    for finding in found {
        assert_eq!(finding["redacted_paths"], true, "{finding:#}");
    }
    let in_file = found
        .iter()
        .find(|f| f["occurrences"][0]["kind"] == "blob")
        .unwrap();
    assert_eq!(in_file["history"]["paths"], serde_json::json!([path]));
    for (format, count) in [
        ("human", 2),
        ("sarif", 2),
        ("github", 2),
        // Attributes alone must say it, too.
        ("junit", 4),
        // Both findings refer to the one text.
        ("html", 1),
    ] {
        let text = stdout(&scan(&repo, &["--format", format]));
        let said = "the path holds a secret and is shown redacted";
        assert_eq!(text.matches(said).count(), count, "{format}: {text}");
    }
    let text = stdout(&scan(&repo, &["--format", "gitlab"]));
    let said = "The path holds a secret and is shown redacted.";
    assert_eq!(text.matches(said).count(), 2, "{text}");
    let text = stdout(&scan(&repo, &["--format", "csv"]));
    assert_eq!(
        text.lines()
            .filter(|line| line.contains(",true,,,,,"))
            .count(),
        2
    );
    let text = stdout(&scan(&repo, &["--quiet"]));
    assert_eq!(text.matches(" (path redacted)\n").count(), 2, "{text}");
    // A ref is no path: where only its name holds a secret, paths are exact.
    let repo = Repo::new();
    repo.commit_file("file", format!("t = {}\n", github_token(8)));
    repo.git(&["branch", &format!("topic-{value}")]);
    let report = json(&repo, &[]);
    for finding in list(&report["findings"]) {
        assert_eq!(finding["redacted_paths"], Value::Null);
        assert_eq!(finding["redacted_refs"], true);
        let branches = list(&finding["history"]["branches"]);
        let name = format!("topic-{}…{}", &value[..4], &value[36..]);
        assert_eq!(branches.last().unwrap(), &name);
    }
    let text = stdout(&scan(&repo, &[]));
    let said = "\n  name: the name of a ref holds a secret and is shown redacted\n";
    assert_eq!(text.matches(said).count(), 2, "{text}");
    assert!(!stdout(&scan(&repo, &["--format", "sarif"])).contains("redacted"));
    // Shown in full, the names are exact.
    let report = json(&repo, &["--show-secrets"]);
    for finding in list(&report["findings"]) {
        assert_eq!(finding["redacted_refs"], Value::Null);
    }
}

#[test]
fn only_the_place_of_a_short_value_in_a_name_is_redacted() {
    let repo = Repo::new();
    // Put together here, so that this file passes a scan.
    let value = ["Tr0ub4", "dor3"].concat();
    repo.commit_file(&format!("x/password={value}/a"), "1\n");
    repo.commit_file(
        &format!("{value}/b"),
        format!("db_password = \"{value}\"\n"),
    );
    let report = json(&repo, &["--min-confidence", "low"]);
    let mut all = Vec::new();
    strings(&report, &mut all);
    assert!(
        all.iter().any(|text| text.starts_with("x/password=<")),
        "{report:#}"
    );
    assert!(
        !all.iter()
            .any(|text| text.contains(&format!("password={value}")))
    );
}

#[test]
fn a_short_value_is_told_by_kind_and_length() {
    let repo = Repo::new();
    // Put together here, so that this file passes a scan.
    let value = ["kT3xY9", "q7LmP2"].concat();
    repo.commit_file("a.env", format!("DB_PASSWORD={value}\n"));
    let mark = "<k…, 12 letters and digits>";
    assert!(stdout(&scan(&repo, &[])).contains(&format!("| DB_PASSWORD={mark}\n")));
    assert!(stdout(&scan(&repo, &["-q"])).ends_with(&format!(": {mark}\n")));
    let log: Value = serde_json::from_str(&stdout(&scan(&repo, &["--format", "sarif"]))).unwrap();
    let text = log["runs"][0]["results"][0]["message"]["text"]
        .as_str()
        .unwrap();
    assert!(text.contains(mark), "{text}");
    let page = stdout(&scan(&repo, &["--format", "html"]));
    assert_eq!(page_data(&page)["rows"][0]["secret"], mark);
}

#[test]
fn a_line_hides_other_copies_of_its_secrets() {
    let repo = Repo::new();
    // Put together here, so that this file passes a scan.
    let value = ["hunter", "22x"].concat();
    let other = github_token(3);
    let line = format!("echo {value} | psql --password={value} --token={other} # {other}\n");
    repo.commit_file("run.sh", line);
    for format in FORMATS {
        let options = ["--format", format, "--min-confidence", "low"];
        let text = stdout(&scan(&repo, &options));
        assert!(!text.contains(&value), "{format}: {text}");
        assert_hidden(&text, &other, format);
    }
}

#[test]
fn what_is_not_reported_is_hidden_in_names_of_refs_too() {
    const RULES: &str = r#"
[[rule]]
id = "acme-key"
provider = "Acme"
description = "Acme key"
confidence = "medium"
keywords = ["acme-"]
regex = '''acme-[a-z]{5}-[0-9]'''
examples = ["acme-{lower:5}-{digits:1}"]
near_misses = ["acme-{digits:5}-{digits:1}"]

[[rule]]
id = "acme-token"
provider = "Acme"
description = "Acme token"
confidence = "high"
keywords = ["acmetok_"]
regex = '''acmetok_[0-9a-f]{24}'''
examples = ["acmetok_{hex:24}"]
near_misses = ["acmetok_{hex:20}"]
"#;
    // Too much like a name to be searched for everywhere.
    let value = ["acme", "horse", "7"].join("-");
    let repo = Repo::new();
    repo.write("rules.toml", RULES);
    repo.commit_file("file", format!("key = acmetok_{}\n", token("{hex:24}", 4)));
    repo.git(&["branch", &format!("fix/{value}")]);
    let rules = repo.path().join("rules.toml");
    let rules = ["--rules", rules.to_str().unwrap()];
    let found = repo.scan(&rules);
    assert_eq!(found.only("acme-key")["confidence"], "medium");
    for options in [["--min-confidence", "high"], ["--rule", "acme-token"]] {
        let report = repo.scan(&[&rules[..], &options].concat());
        assert_eq!(report.findings().len(), 1, "{options:?}");
        let text = report.json.to_string();
        assert!(!text.contains(&value), "{options:?}: {text}");
    }
}

#[test]
fn the_word_that_a_secret_encodes_changes_no_name() {
    let repo = Repo::new();
    let encoded = data_encoding::BASE64.encode(b"password");
    repo.write("passwords/a.yaml", format!("db_password: {encoded}\n"));
    repo.write("passwords/b.env", format!("TOKEN={}\n", github_token(7)));
    repo.commit("a word in base64");
    let report = json(&repo, &["--min-confidence", "low"]);
    for finding in list(&report["findings"]) {
        let path = finding["history"]["first"]["path"].as_str().unwrap();
        assert!(path.starts_with("passwords/"), "{path}");
    }
}

#[test]
fn what_a_marker_allows_is_hidden_on_the_line_of_another_finding() {
    // Too much like a name to be searched for everywhere.
    let allowed = ["Winter", "garden", "7!"].concat();
    let token = github_token(12);
    let mark = "unleak:allow generic-password made up";
    let line = format!("x password={allowed} token={token} # {mark}\n");
    let repo = Repo::new();
    repo.commit_file("run.sh", &line);
    let report = json(&repo, &["--min-confidence", "low"]);
    let found = list(&report["findings"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(report["coverage"]["allowed_inline"], 1);
    for format in FORMATS {
        let output = scan(&repo, &["--format", format, "--min-confidence", "low"]);
        assert_hidden(&stdout(&output), &allowed, format);
    }
    for args in [&["scan", "--files", "run.sh"][..], &["scan", "-"]] {
        let output = repo.unleak(args, line.as_bytes(), &[]);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_hidden(&stdout(&output), &allowed, mark);
    }
    let other = github_token(13);
    repo.write("run.sh", line.replace(&token, &other));
    repo.git(&["add", "."]);
    for args in [
        &["hook", "pre-commit"][..],
        &["hook", "commit-msg", "run.sh"],
    ] {
        let output = repo.unleak(args, b"", &[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_hidden(&stderr(&output), &allowed, args[1]);
    }
}

/// A project is called like a password that somebody took from it.
#[test]
fn a_directory_that_is_called_like_a_password_is_named() {
    let repo = Repo::new();
    let name = ["NextJS13", "App"].concat();
    let line = format!("DB_PASSWORD=\"{name}\"\n");
    repo.write(format!("{name}/settings.env"), &line);
    repo.commit("settings");
    repo.git(&["branch", &format!("feature/{name}")]);
    for format in ["json", "sarif", "csv", "gitlab"] {
        let output = scan(&repo, &["--min-confidence", "low", "--format", format]);
        let text = stdout(&output);
        assert!(
            text.contains(&format!("{name}/settings.env")),
            "{format}: {text}"
        );
        assert!(!text.contains(&format!("\"{name}\"")), "{format}: {text}");
    }
    let text = stdout(&scan(&repo, &["--min-confidence", "low"]));
    assert!(text.contains(&format!("{name}/settings.env")), "{text}");
    // A random value is hidden wherever it stands.
    let value = token("{base62:20}", 91);
    let line = format!("DB_PASSWORD=\"{value}\"\n");
    repo.write(format!("{value}/settings.env"), &line);
    repo.commit("more");
    assert_hidden(
        &stdout(&scan(&repo, &["--format", "json"])),
        &value,
        "a path",
    );
}
