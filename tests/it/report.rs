//! The formats that other programs read, and where reports go.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;

use crate::support::{Repo, github_token, unleak};

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

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("no JSON ({e}): {}", stderr(output)))
}

/// A SARIF log that keeps to the schema.
fn sarif(output: &Output) -> Value {
    let log = json(output);
    let text = std::fs::read_to_string("tests/data/sarif-schema-2.1.0.json").unwrap();
    // One pattern of the standard has a lone bracket, which strict readers of patterns refuse.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&log).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    log
}

/// Secrets in every kind of place: files (one hostile by name), names, messages, tags, refs, and
/// a blob that no commit holds.
fn everywhere() -> (Repo, Vec<String>) {
    let tokens: Vec<String> = (1..=8).map(github_token).collect();
    let repo = Repo::new();
    repo.commit_file(
        "sub dir/grüße.env",
        format!("x\nä = {0}\ny = {0}\n", tokens[0]),
    );
    repo.commit_file("a\n::error::x,y:%0A##[error]", &tokens[1]);
    repo.write(format!("dir-{}/file", tokens[2]), "x\n");
    repo.commit("a name");
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", &tokens[3]]);
    repo.git(&["tag", "--annotate", "v1", "-m", &tokens[4]]);
    repo.git(&["branch", &format!("topic-{}", tokens[5])]);
    repo.git_with_input(&["hash-object", "-w", "--stdin"], tokens[6].as_bytes());
    repo.write("gone", &tokens[7]);
    repo.commit("add");
    std::fs::remove_file(repo.path().join("gone")).unwrap();
    repo.commit("remove");
    (repo, tokens)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn no_format_holds_a_byte_of_a_value_unless_asked() {
    let (repo, tokens) = everywhere();
    for format in FORMATS {
        let output = scan(&repo, &["--format", format]);
        assert_eq!(output.status.code(), Some(1), "{format}");
        for token in &tokens {
            // Eight characters may be shown: four at either end.
            for stream in [stdout(&output), stderr(&output)] {
                assert!(!stream.contains(&token[4..token.len() - 4]), "{format}");
            }
        }
        assert_eq!(
            output.stdout,
            scan(&repo, &["--format", format]).stdout,
            "{format}: same bytes"
        );
        let shown = stdout(&scan(&repo, &["--format", format, "--show-secrets"]));
        assert!(tokens.iter().all(|token| shown.contains(token)), "{format}");
    }
}

#[test]
fn sarif_keeps_to_its_schema() {
    let (repo, _) = everywhere();
    let log = sarif(&scan(&repo, &["--format", "sarif"]));
    let run = &log["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "github-pat");
    let results = list(&run["results"]);
    assert_eq!(results.len(), 8);
    let uris: Vec<&str> = results
        .iter()
        .map(|result| {
            let file = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            assert_eq!(file["uriBaseId"], "%SRCROOT%");
            file["uri"].as_str().expect("every result has a file")
        })
        .collect();
    assert!(
        uris.contains(&"a%0A%3A%3Aerror%3A%3Ax%2Cy%3A%250A%23%23%5Berror%5D"),
        "{uris:?}"
    );
    let of = |uri: &str| {
        let at = uris.iter().position(|found| *found == uri);
        &results[at.unwrap_or_else(|| panic!("{uri} in {uris:?}"))]
    };
    let result = of("sub%20dir/gr%C3%BC%C3%9Fe.env");
    assert_eq!(
        (&result["level"], &result["ruleIndex"]),
        (&"error".into(), &0.into())
    );
    assert_eq!(result["properties"]["inHead"], true);
    // The column counts characters, of which `ä` is one.
    let regions: Vec<&Value> = list(&result["locations"])
        .iter()
        .map(|place| &place["physicalLocation"]["region"])
        .collect();
    assert_eq!(regions.len(), 2, "both lines");
    assert_eq!(
        regions[0],
        &serde_json::json!({"startLine": 2, "startColumn": 5})
    );
    assert_eq!(regions[1]["startLine"], 3);
    assert_eq!(of("gone")["properties"]["inHead"], false);
    let loose: Vec<&str> = results
        .iter()
        .filter_map(|r| r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].as_str())
        .collect();
    assert_eq!(loose.len(), 5, "{loose:?}");
    for what in [
        "blob ",
        "message of commit ",
        "message of tag ",
        "name of dir-",
    ] {
        assert!(
            loose.iter().any(|name| name.starts_with(what)),
            "{what}: {loose:?}"
        );
    }
}

#[test]
fn a_sarif_fingerprint_survives_a_move() {
    let repo = Repo::new();
    repo.commit_file("old", github_token(1));
    let fingerprints = |repo: &Repo| {
        let log = sarif(&scan(repo, &["--format", "sarif"]));
        log["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    let before = fingerprints(&repo);
    let moved = Repo::new();
    moved.commit_file("new", format!("\n\nx = {}\n", github_token(1)));
    assert_eq!(fingerprints(&moved), before);
    let print = before["unleakFingerprint/v1"].as_str().unwrap();
    assert_eq!(print.len(), 32);
    assert_eq!(before["primaryLocationLineHash"], format!("{print}:1"));
}

#[test]
fn what_was_not_read_is_told_in_every_format() {
    let repo = Repo::new();
    repo.commit_file("one", "1\n");
    repo.commit_file("two", github_token(1));
    let shallow = repo.cloned(&["--depth=1"]);
    std::fs::write(shallow.git_dir().join("refs/heads/broken"), "no id\n").unwrap();
    for format in FORMATS {
        let output = scan(&shallow, &["--format", format]);
        assert_eq!(output.status.code(), Some(3), "{format}");
        assert!(stdout(&output).contains("shallow"), "{format}");
    }
    let log = sarif(&scan(&shallow, &["--format", "sarif"]));
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(list(&invocation["toolExecutionNotifications"]).len(), 2);
    let text = stdout(&scan(&shallow, &["--format", "github"]));
    let errors = text
        .lines()
        .filter(|l| l.starts_with("::error title=not read::"));
    assert_eq!(errors.count(), 2, "{text}");
    let report = json(&scan(&shallow, &["--format", "gitlab"]));
    assert_eq!(report["scan"]["status"], "failure");
    assert_eq!(list(&report["scan"]["messages"]).len(), 2);
}

#[test]
fn repository_text_cannot_give_commands_to_a_github_runner() {
    let (repo, _) = everywhere();
    let text = stdout(&scan(&repo, &["--format", "github"]));
    let lines: Vec<&str> = text.lines().collect();
    let (summary, commands) = lines.split_last().unwrap();
    assert_eq!(*summary, "unleak: 8 secrets found, everything was read");
    // One a finding, one more for its second line.
    assert_eq!(commands.len(), 9, "{text}");
    for command in commands {
        let properties = command.strip_prefix("::error ").expect(command);
        let (properties, _) = properties.split_once("::").expect(command);
        for property in properties.split(',') {
            let (name, _) = property.split_once('=').expect(command);
            assert!(
                ["file", "line", "col", "title"].contains(&name),
                "{command}"
            );
        }
    }
    assert!(!text.contains('\r'));
    let file = "::error file=sub dir/grüße.env,line=2,col=5,title=github-pat::GitHub ";
    assert!(text.contains(file), "{text}");
    assert!(
        text.contains("file=a\\u{a}%3A%3Aerror%3A%3Ax%2Cy%3A%250A##[error],line=1,col=1,"),
        "{text}"
    );
}

#[test]
fn a_finding_in_many_files_does_not_crowd_out_the_others() {
    let repo = Repo::new();
    for number in 0..30 {
        repo.write(format!("file{number}"), github_token(1));
    }
    repo.write("other", github_token(2));
    repo.commit("all");
    let text = stdout(&scan(&repo, &["--format", "github"]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10 + 1 + 1, "{text}");
    assert!(lines[..2].iter().any(|line| line.contains("file=other,")));
}

#[test]
fn the_gitlab_report_has_what_its_schema_wants() {
    let (repo, _) = everywhere();
    let report = json(&scan(&repo, &["--format", "gitlab"]));
    assert_eq!(report["version"], "15.0.2");
    let scan_entry = &report["scan"];
    for (key, value) in [("type", "secret_detection"), ("status", "success")] {
        assert_eq!(scan_entry[key], value);
    }
    for program in ["analyzer", "scanner"] {
        for key in ["id", "name", "version"] {
            assert!(scan_entry[program][key].is_string());
        }
        assert_eq!(scan_entry[program]["vendor"]["name"], "unleak");
    }
    for time in ["start_time", "end_time"] {
        let time = scan_entry[time].as_str().unwrap();
        assert_eq!((time.len(), &time[10..11]), (19, "T"));
    }
    let found = list(&report["vulnerabilities"]);
    assert_eq!(found.len(), 8);
    let mut ids: Vec<&str> = Vec::new();
    for entry in found {
        let id = entry["id"].as_str().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!((lengths, &id[14..15]), (vec![8, 4, 4, 4, 12], "8"));
        ids.push(id);
        assert_eq!(entry["severity"], "Critical");
        assert_eq!(entry["identifiers"][0]["type"], "unleak_rule_id");
        assert_eq!(entry["identifiers"][0]["value"], "github-pat");
        let place = &entry["location"];
        assert!(!place["file"].as_str().unwrap().is_empty());
        assert!(place["commit"]["sha"].as_str().unwrap().len() >= 7);
        assert_eq!(place["start_line"], place["end_line"]);
        // Markdown: our own words only.
        let words = entry["description"].as_str().unwrap();
        assert!(
            !words.contains("error::") && !words.contains("dir"),
            "{words}"
        );
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    let file = found
        .iter()
        .find(|e| e["location"]["file"] == "sub dir/grüße.env")
        .unwrap();
    assert_eq!(file["location"]["start_line"], 2);
    assert_eq!(file["location"]["commit"]["author"], "Ada Author");
}

#[test]
fn formats_cope_with_every_scope() {
    let repo = Repo::new();
    let base = repo.commit_file("file", "x\n");
    repo.commit_file("file", github_token(1));
    repo.write("staged", github_token(2));
    repo.git(&["add", "--all"]);
    let range = format!("{base}..HEAD");
    for format in FORMATS {
        for scope in [&["--staged"][..], &["--range", &range]] {
            let output = scan(&repo, &[&["--format", format], scope].concat());
            assert_eq!(output.status.code(), Some(1), "{format} {scope:?}");
            let file = if scope.len() == 1 { "staged" } else { "file" };
            assert!(stdout(&output).contains(file), "{format} {scope:?}");
        }
        let args = [
            "scan",
            "-",
            "--format",
            format,
            "--stdin-name",
            "/etc/some file",
        ];
        let output = repo.unleak(&args, github_token(3).as_bytes(), &[]);
        assert_eq!(output.status.code(), Some(1), "{format}");
    }
    let args = [
        "scan",
        "-",
        "--format",
        "sarif",
        "--stdin-name",
        "/etc/some file",
    ];
    let log = sarif(&repo.unleak(&args, github_token(3).as_bytes(), &[]));
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"],
        serde_json::json!({"uri": "file:///etc/some%20file"})
    );
    let report = json(&scan(&repo, &["--format", "gitlab", "--staged"]));
    let place = &report["vulnerabilities"][0]["location"];
    assert_eq!(place["commit"]["sha"], "0000000");
    sarif(&scan(&repo, &["--format", "sarif", "--staged"]));
}

#[test]
fn a_clean_scan_gives_whole_reports() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    let log = sarif(&scan(&repo, &["--format", "sarif"]));
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    let report = json(&scan(&repo, &["--format", "gitlab"]));
    assert_eq!(report["vulnerabilities"], serde_json::json!([]));
    assert_eq!(
        stdout(&scan(&repo, &["--format", "github"])),
        "unleak: no secrets found, everything was read\n"
    );
}

#[test]
fn one_run_writes_several_reports() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let out = Repo::bare_directory();
    let mut args: Vec<String> = Vec::new();
    for format in FORMATS {
        let mut output = String::new();
        write!(output, "{format}:{}", out.path().join(format).display()).unwrap();
        args.extend(["--output".to_owned(), output]);
    }
    let mut options: Vec<&str> = args.iter().map(String::as_str).collect();
    options.push("-q");
    let output = scan(&repo, &options);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 1, "still the brief report");
    for format in FORMATS {
        let written = std::fs::read(out.path().join(format)).unwrap();
        let alone = scan(&repo, &["-q", "--format", format]).stdout;
        assert_eq!(written, alone, "{format}");
    }
    let names = std::fs::read_dir(out.path()).unwrap();
    assert_eq!(names.count(), FORMATS.len(), "no temporary file is left");
}

#[test]
fn an_output_without_a_format_takes_the_place_of_standard_output() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let out = Repo::bare_directory();
    let path = |name: &str| out.path().join(name).display().to_string();
    let (report, other) = (path("with:colon"), path("other"));
    let output = scan(
        &repo,
        &[
            "--format",
            "json",
            "-o",
            &report,
            "-o",
            &format!("github:{other}"),
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let alone = scan(&repo, &["--format", "json"]).stdout;
    assert_eq!(std::fs::read(&report).unwrap(), alone);
    assert!(
        std::fs::read_to_string(&other)
            .unwrap()
            .starts_with("::error ")
    );
    // What does not go together is refused before anything is scanned.
    for (first, second) in [("one", "two"), ("json:one", "sarif:one"), ("json:", "two")] {
        let output = scan(&repo, &["-o", first, "-o", second]);
        assert_eq!(output.status.code(), Some(2), "{first} {second}");
        assert!(!repo.path().join("one").exists());
    }
}

#[test]
fn a_report_replaces_a_file_whole() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let out = Repo::bare_directory();
    let (file, link) = (out.path().join("file"), out.path().join("link"));
    std::fs::write(&file, "x".repeat(1 << 20)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("file", &link).unwrap();
    let output = scan(&repo, &["-o", &format!("json:{}", link.display())]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(link.is_symlink());
    let written = std::fs::read(&file).unwrap();
    assert_eq!(written, scan(&repo, &["--format", "json"]).stdout);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    // A report with secrets is for its owner only.
    let shown = out.path().join("shown");
    scan(
        &repo,
        &["--show-secrets", "-o", &format!("json:{}", shown.display())],
    );
    let mode = std::fs::metadata(&shown).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    // What is no file is written as it is.
    let output = scan(&repo, &["-o", "json:/dev/null"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let output = scan(&repo, &["-o", "json:/does/not/exist"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn threads_change_no_byte() {
    let (repo, _) = everywhere();
    for format in FORMATS {
        let with = |threads: &str| {
            let output = scan(&repo, &["--format", format, "--threads", threads]);
            stdout(&output)
        };
        assert_eq!(with("1"), with("2"), "{format}");
    }
}

#[test]
fn junit_has_a_case_for_each_finding() {
    let (repo, _) = everywhere();
    let count = list(&json(&scan(&repo, &["--format", "json"]))["findings"]).len();
    let text = stdout(&scan(&repo, &["--format", "junit"]));
    assert!(
        text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites"),
        "{text}"
    );
    assert_eq!(text.matches("<testcase ").count(), count);
    assert_eq!(text.matches("<failure ").count(), count);
    assert!(text.contains(&format!(
        "tests=\"{count}\" failures=\"{count}\" errors=\"0\""
    )));
    let clean = Repo::new();
    clean.commit_file("a", "nothing\n");
    let text = stdout(&scan(&clean, &["--format", "junit"]));
    assert!(
        text.contains("tests=\"1\" failures=\"0\"") && !text.contains("<failure"),
        "{text}"
    );
}

#[test]
fn a_spreadsheet_runs_nothing_of_a_repository() {
    let repo = Repo::new();
    let text = format!("t = {}\n", github_token(40));
    repo.commit_file("=cmd|' -C calc'!A1", text);
    let text = stdout(&scan(&repo, &["--format", "csv"]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("fingerprint,rule,provider"), "{text}");
    assert!(lines[1].contains(",'=cmd|"), "{text}");
}

#[test]
fn a_page_runs_nothing_of_a_repository() {
    let repo = Repo::new();
    let text = format!("<script>alert(1)</script> t = {} <b>\n", github_token(41));
    repo.commit_file("<img src=x onerror=alert(1)>.txt", text);
    let page = stdout(&scan(&repo, &["--format", "html"]));
    assert!(
        page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;img src=x"),
        "{page}"
    );
    assert!(!page.contains("<img") && !page.contains("<b>"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
    assert_eq!(
        page.matches("http").count(),
        page.matches("https://github.com/").count() + 1
    );
}

#[test]
fn published_commits_have_their_web_page() {
    let origin = Repo::new();
    let commit = origin.commit_file("a.conf", format!("t = {}\n", github_token(60)));
    let repo = origin.cloned(&[]);
    let commit = commit.trim();
    let page = format!("https://github.com/o/r/commit/{commit}");
    let hidden = ["hunter2", "secret"].concat();
    for (remote, expected) in [
        (format!("https://bob:{hidden}@github.com/o/r.git"), true),
        ("https://example.com/o/r.git".to_owned(), false),
    ] {
        repo.git(&["config", "remote.origin.url", &remote]);
        for format in ["human", "html", "json"] {
            let text = stdout(&scan(&repo, &["--format", format]));
            assert_eq!(text.contains(&page), expected, "{format}: {text}");
            assert!(!text.contains(&hidden), "{format}: {text}");
        }
    }
    // What was never pushed has none.
    origin.git(&["remote", "add", "origin", "https://github.com/o/r.git"]);
    assert!(!stdout(&scan(&origin, &[])).contains("/commit/"));
}
