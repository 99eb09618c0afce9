//! The formats that other programs read, and where reports go.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
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
        &serde_json::json!({"startLine": 2, "startColumn": 5, "endColumn": 45})
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
    // Two problems, and what was left out.
    assert_eq!(list(&invocation["toolExecutionNotifications"]).len(), 3);
    let text = stdout(&scan(&shallow, &["--format", "github"]));
    let errors = text
        .lines()
        .filter(|l| l.starts_with("::error title=not read::"));
    assert_eq!(errors.count(), 2, "{text}");
    let report = json(&scan(&shallow, &["--format", "gitlab"]));
    assert_eq!(report["scan"]["status"], "failure");
    assert_eq!(list(&report["scan"]["messages"]).len(), 3);
}

#[test]
fn repository_text_cannot_give_commands_to_a_github_runner() {
    let (repo, _) = everywhere();
    let text = stdout(&scan(&repo, &["--format", "github"]));
    let lines: Vec<&str> = text.lines().collect();
    let (summary, commands) = lines.split_last().unwrap();
    assert!(
        summary.starts_with("unleak: 8 secrets found, everything was read; files of the git"),
        "{summary}"
    );
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
        text.contains("file=a%0A%3A%3Aerror%3A%3Ax%2Cy%3A%250A##[error],line=1,col=1,"),
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
        let severity = entry["severity"].as_str().unwrap();
        assert!(["Critical", "High"].contains(&severity), "{severity}");
        assert_eq!(entry["identifiers"][0]["type"], "unleak_rule_id");
        assert_eq!(entry["identifiers"][0]["value"], "github-pat");
        let place = &entry["location"];
        // What stands in no file has none.
        assert!(place["file"].as_str() != Some(""));
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
        "unleak: no secrets found, everything was read; files of the git directory were not read \
         ('--git-dir' reads them): .git/COMMIT_EDITMSG, .git/config\n"
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
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
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
    assert!(text.contains("\nfirst in "), "{text}");
    assert!(text.contains(" · still in HEAD"), "{text}");
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
fn every_format_for_programs_has_the_severity_and_the_class_of_a_finding() {
    let repo = Repo::new();
    repo.commit_file("tests/a.conf", format!("t = {}\n", github_token(42)));
    for (format, severity, class) in [
        ("json", "\"severity\":\"high\"", "\"path_class\":\"test\""),
        ("jsonl", "\"severity\":\"high\"", "\"path_class\":\"test\""),
        (
            "sarif",
            "\"security-severity\":\"8.0\"",
            "\"pathClass\":\"test\"",
        ),
        (
            "gitlab",
            "\"severity\":\"High\"",
            "\"name\":\"Kind of file\",\"value\":\"test\"",
        ),
        ("junit", "type=\"high\"", "\nkind of file: test\n"),
        ("csv", ",high,test\n", ",high,test\n"),
        ("markdown", "| high |", "`tests/a.conf:1:5` | test |"),
    ] {
        let text = stdout(&scan(&repo, &["--format", format]));
        let plain = text.replace("\": ", "\":").replace('\r', "");
        let plain = match format {
            "gitlab" => plain.replace("\n", "").replace("  ", ""),
            _ => plain,
        };
        assert!(plain.contains(severity), "{format}: {text}");
        assert!(plain.contains(class), "{format}: {text}");
    }
}

#[test]
fn a_spreadsheet_runs_nothing_of_a_repository() {
    let repo = Repo::new();
    let text = format!("t = {}\n", github_token(40));
    repo.commit_file("=cmd|' -C calc'!A1", text);
    let text = stdout(&scan(&repo, &["--format", "csv"]));
    let lines: Vec<&str> = text.lines().collect();
    // The last says what was not read.
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("fingerprint,rule,provider"), "{text}");
    assert!(lines[1].contains(",'=cmd|"), "{text}");
}

#[test]
fn a_page_runs_nothing_of_a_repository() {
    let repo = Repo::new();
    let text = format!("<script>alert(1)</script> t = {} <b>\n", github_token(41));
    repo.commit_file("<img src=x onerror=alert(1)>.txt", text);
    let page = stdout(&scan(&repo, &["--format", "html"]));
    let data = page_data(&page);
    let row = &data["rows"][0];
    assert_eq!(row["line"][0], "<script>alert(1)</script> t = ");
    assert_eq!(row["line"][1], " <b>");
    let texts = list(&data["texts"]);
    assert!(texts.contains(&"<img src=x onerror=alert(1)>.txt".into()));
    assert!(!page.contains("<img") && !page.contains("<b>"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
    assert!(page.contains("require-trusted-types-for 'script'"));
    // No part of the script makes markup of text, or loads anything.
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    // Addresses: the two pages of the rule, and what the script compares with.
    let addresses = page.matches("https://github.com/").count()
        + page.matches("https://docs.github.com/").count();
    assert_eq!(page.matches("http").count(), addresses + 2, "{page}");
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
            let mut text = stdout(&scan(&repo, &["--format", format]));
            if format == "html" {
                // The begin of the address stands once, for all findings.
                let data = page_data(&text);
                let web = &data["rows"][0]["web"];
                let begin = web[0].as_u64().and_then(|at| usize::try_from(at).ok());
                let begin = begin.and_then(|at| data["texts"][at].as_str());
                let end = web[1].as_str().unwrap_or_default();
                text.push_str(&format!("{}{end}", begin.unwrap_or_default()));
            }
            assert_eq!(text.contains(&page), expected, "{format}: {text}");
            assert!(!text.contains(&hidden), "{format}: {text}");
        }
    }
    // What was never pushed has none.
    origin.git(&["remote", "add", "origin", "https://github.com/o/r.git"]);
    assert!(!stdout(&scan(&origin, &[])).contains("/commit/"));
}

#[test]
fn tabs_in_a_line_are_blanks_and_the_carets_stay_below_the_secret() {
    let repo = Repo::new();
    let token = github_token(70);
    repo.commit_file("a.go", format!("\t\tx :=\t\"{token}\"\t// y\n"));
    let text = stdout(&scan(&repo, &[]));
    assert!(!text.contains("\\u{9}") && !text.contains('\t'), "{text}");
    let mut lines = text.lines().skip_while(|line| !line.contains("| x :="));
    let (line, carets) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(line.ends_with("\"    // y"), "{text}");
    let column = |line: &str, what: &str| line[..line.find(what).unwrap()].chars().count();
    assert_eq!(column(line, "ghp_"), column(carets, "^"), "{text}");
    let page = stdout(&scan(&repo, &["--format", "html"]));
    let line = page_data(&page)["rows"][0]["line"].clone();
    assert_eq!(line, serde_json::json!(["x :=    \"", "\"    // y"]));
}

#[test]
fn the_page_knows_the_file_of_what_is_inside_of_an_archive_or_encoding() {
    let repo = Repo::new();
    repo.commit_file("plain/a.conf", format!("t = {}\n", github_token(72)));
    let packed = format!("t = {}\n", github_token(73));
    let packed: String = packed.bytes().map(|byte| format!("%{byte:02x}")).collect();
    repo.commit_file("packed/b.conf", format!("u={packed}\n"));
    let page = stdout(&scan(&repo, &["--format", "html"]));
    let data = page_data(&page);
    let files = list(&data["rows"])
        .iter()
        .map(|row| match row["file"].as_u64() {
            Some(text @ 1..) => data["texts"][usize::try_from(text - 1).unwrap()].clone(),
            _ => Value::Null,
        });
    let files: Vec<Value> = files.collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.contains(&Value::Null), "{files:?}");
    assert!(files.contains(&"packed/b.conf".into()), "{files:?}");
}

#[test]
fn a_finding_without_a_reason_says_where_the_evidence_is() {
    let repo = Repo::new();
    repo.commit_file("a.conf", format!("t = {}\n", github_token(71)));
    let mut report = json(&scan(&repo, &["--format", "json"]));
    report["findings"][0]["reasons"] = serde_json::json!([]);
    let id = report["findings"][0]["fingerprint"].as_str().unwrap()[..12].to_owned();
    let saved = repo.path().join("saved.json");
    std::fs::write(&saved, report.to_string()).unwrap();
    let path = saved.display().to_string();
    for format in ["human", "html", "gitlab"] {
        let args = ["report", "convert", &path, "--format", format];
        let text = stdout(&unleak(&args, repo.path()));
        assert!(!text.contains("why: \n"), "{format}: {text}");
        let text = text.replace("&apos;", "'");
        let said = format!("no single reason: 'unleak explain {id}' lists the evidence");
        assert!(text.contains(&said), "{format}: {text}");
    }
}

#[test]
fn a_story_names_three_refs_and_counts_the_others() {
    let repo = Repo::new();
    repo.commit_file("a.conf", format!("t = {}\n", github_token(72)));
    for number in 0..40 {
        repo.git(&["branch", &format!("topic/{number:02}-{}", "x".repeat(100))]);
        repo.git(&["tag", &format!("v{number:02}")]);
    }
    let text = stdout(&scan(&repo, &[]));
    let story = text.lines().find(|line| line.contains("first in")).unwrap();
    assert!(story.chars().count() < 300, "{story}");
    let cut = format!("topic/00-{}…", "x".repeat(51));
    let named = format!(" · on main, {cut}, topic/01-");
    assert!(story.contains(&named), "{story}");
    assert!(story.contains("… and 78 more refs · "), "{story}");
    let report = with_refs(json(&scan(&repo, &["--format", "json"])));
    let history = &report["findings"][0]["history"];
    assert_eq!(list(&history["branches"]).len(), 41);
    assert_eq!(list(&history["tags"]).len(), 40);
}

#[test]
fn proven_secrets_and_those_in_head_come_first_in_every_format() {
    let repo = Repo::new();
    // By rule, the order would be the reverse: azure, github, gitlab.
    let gone = token("glpat-{base64url:19}{base62:1}", 73);
    let here = token("AKIA{base32:16}", 73);
    let (proven, proven_gone) = (github_token(73), github_token(74));
    repo.commit_file("gone.conf", format!("t = {gone}\n"));
    repo.commit_file("proven-gone.conf", format!("t = {proven_gone}\n"));
    std::fs::remove_file(repo.path().join("gone.conf")).unwrap();
    std::fs::remove_file(repo.path().join("proven-gone.conf")).unwrap();
    repo.write("a.conf", format!("t = {here}\n"));
    repo.write("z.conf", format!("t = {proven}\n"));
    repo.commit("move");
    let expected = [&proven, &proven_gone, &here, &gone]
        .map(|token| format!("{}…{}", &token[..4], &token[token.len() - 4..]));
    for format in FORMATS {
        let text = stdout(&scan(&repo, &["--format", format]));
        let places = expected.each_ref().map(|mark| text.find(mark.as_str()));
        assert!(places.iter().all(Option::is_some), "{format}: {text}");
        assert!(places.is_sorted(), "{format}: {places:?}\n{text}");
    }
    let text = stdout(&scan(&repo, &["-q"]));
    let marks: Vec<&str> = text
        .lines()
        .map(|l| l.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(marks, expected);
}

/// A repository with many secrets in one staged file, and more in others.
fn many(count: u64) -> Repo {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    let mut text = String::new();
    for seed in 0..count {
        writeln!(text, "t{seed} = {}", github_token(seed)).unwrap();
    }
    repo.write("many.env", text);
    repo.git(&["add", "--all"]);
    repo
}

#[test]
fn a_report_for_people_has_at_most_200_lines_unless_all_is_asked_for() {
    let repo = many(1000);
    let block = repo.unleak(&["hook", "pre-commit"], b"", &[]);
    assert_eq!(block.status.code(), Some(1));
    let staged = scan(&repo, &["--staged"]);
    repo.git(&["commit", "--quiet", "-m", "many"]);
    let whole = scan(&repo, &[]);
    for (what, text) in [
        ("block", stderr(&block)),
        ("staged", stdout(&staged)),
        ("whole", stdout(&whole)),
    ] {
        let lines = text.lines().count();
        assert!((100..=200).contains(&lines), "{what}: {lines}");
        let more = text.lines().find(|line| line.starts_with("and "));
        let more = more.unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(
            more.contains("--all' prints every finding"),
            "{what}: {more}"
        );
        let counted: usize = more.split(' ').nth(1).unwrap().parse().unwrap();
        // A block of each has one arrow; a line of each ends in its id.
        let full = text.matches("  --> many.env:").count();
        let short = text.matches("\ncritical github-pat: many.env:").count();
        assert_eq!(full + short + counted, 1000, "{what}");
        assert!(full >= 5 && short >= 50, "{what}: {full}, {short}");
        assert!(text.contains("1000 secrets"), "{what}");
    }
    let all = stdout(&scan(&repo, &["--all"]));
    assert_eq!(all.matches("  --> many.env:").count(), 1000);
    let saved = repo.path().join("saved.json");
    std::fs::write(&saved, scan(&repo, &["--format", "json"]).stdout).unwrap();
    let path = saved.display().to_string();
    for args in [["report", "show", &path], ["report", "convert", &path]] {
        let text = stdout(&unleak(&args, repo.path()));
        assert_eq!(text, stdout(&whole));
        let text = stdout(&unleak(&[&args[..], &["--all"]].concat(), repo.path()));
        assert_eq!(text, all);
    }
    // Programs get everything anyway.
    assert_eq!(stdout(&scan(&repo, &["-q"])).lines().count(), 1000);
}

#[test]
fn a_report_that_fits_shows_every_finding_in_full() {
    let repo = many(12);
    let text = stdout(&scan(&repo, &["--staged"]));
    assert_eq!(text, stdout(&scan(&repo, &["--staged", "--all"])));
    assert_eq!(text.matches("  --> many.env:").count(), 12);
}

#[test]
fn one_line_each_is_limited_as_blocks_are() {
    let repo = many(8);
    let all = stdout(&scan(&repo, &["--quiet"]));
    assert_eq!(all.lines().count(), 8, "{all}");
    let worst: Vec<&str> = all.lines().take(3).collect();
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let saved = saved.to_str().unwrap();
    for args in [&["scan"][..], &["report", "show", saved]] {
        let few = unleak(&[args, &["--quiet", "--limit", "3"]].concat(), repo.path());
        let few = stdout(&few);
        assert_eq!(few.lines().collect::<Vec<_>>(), worst, "{args:?}");
        let every = unleak(&[args, &["--quiet", "--all"]].concat(), repo.path());
        assert_eq!(stdout(&every), all, "{args:?}");
    }
}

#[test]
fn a_block_names_all_places_of_a_secret() {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    let token = github_token(76);
    repo.write("k.env", format!("A={token}\nx\nB={token}\ny\nC={token}\n"));
    repo.write("l.env", format!("x\nA={token}\n"));
    repo.git(&["add", "--all"]);
    let block = repo.unleak(&["hook", "pre-commit"], b"", &[]);
    let text = stderr(&block);
    assert!(
        text.contains("--> k.env:1:3, also on lines 3, 5\n"),
        "{text}"
    );
    assert!(text.contains("\n  also in: l.env:2:3\n"), "{text}");
}

#[test]
fn what_only_the_index_holds_has_its_path_in_every_format() {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    repo.write("sub/conf.env", format!("\nK={}\n", github_token(77)));
    repo.git(&["add", "--all"]);
    let text = stdout(&scan(&repo, &["-q"]));
    assert!(text.starts_with("sub/conf.env:2:3: github-pat: "), "{text}");
    for format in FORMATS {
        let text = stdout(&scan(&repo, &["--format", format]));
        assert!(text.contains("sub/conf.env"), "{format}: {text}");
        assert!(!text.contains("blob "), "{format}: {text}");
    }
    let text = stdout(&scan(&repo, &[]));
    let story = "\n  in no commit · 0 commits, 1 path · not in HEAD · in the index\n";
    assert!(text.contains(story), "{text}");
    let report = json(&scan(&repo, &["--format", "json"]));
    let history = &report["findings"][0]["history"];
    assert_eq!(history["paths"], serde_json::json!(["sub/conf.env"]));
    assert_eq!(history["first"], Value::Null, "no commit holds it");
    assert_eq!(list(&history["appearances"]).len(), 1);
    assert_eq!(history["appearances"][0]["commit"], Value::Null);
    assert_eq!(history["appearances"][0]["line"], 2);
    // A copy that is staged elsewhere is one more place; what is committed stays the first.
    repo.git(&["commit", "--quiet", "-m", "add"]);
    repo.write("copy.env", format!("\nK={}\n", github_token(77)));
    repo.git(&["add", "--all"]);
    let report = json(&scan(&repo, &["--format", "json"]));
    let history = &report["findings"][0]["history"];
    assert_eq!(
        history["paths"],
        serde_json::json!(["copy.env", "sub/conf.env"])
    );
    assert_eq!(history["first"]["path"], "sub/conf.env");
    assert_eq!(history["appearances"][1]["path"], "copy.env");
    assert_eq!(history["appearances"][1]["commit"], Value::Null);
}

#[test]
fn the_end_of_a_shallow_clone_is_no_beginning() {
    let repo = Repo::new();
    repo.commit_file("a.conf", format!("t = {}\n", github_token(78)));
    repo.commit_file("b", "1\n");
    let shallow = repo.cloned(&["--depth=1"]);
    let end = ", where this shallow clone's history ends";
    for options in [&[][..], &["--range", "HEAD"]] {
        let text = stdout(&scan(&shallow, options));
        let story = text.lines().find(|line| line.contains("first in")).unwrap();
        assert!(story.contains(&format!(", Ada Author){end} · ")), "{story}");
        let report = json(&scan(&shallow, &[&["--format", "json"], options].concat()));
        assert_eq!(report["findings"][0]["history"]["first_is_boundary"], true);
    }
    let page = stdout(&scan(&shallow, &["--format", "html"]));
    assert!(
        page.contains("where this shallow clone") && page.contains("history ends"),
        "{page}"
    );
    // What entered later did so in its first commit, and so it did in a whole clone.
    shallow.commit_file("c.conf", format!("t = {}\n", github_token(79)));
    let report = json(&scan(&shallow, &["--format", "json"]));
    let is_boundary: Vec<bool> = list(&report["findings"])
        .iter()
        .map(|finding| finding["history"]["first_is_boundary"] == true)
        .collect();
    assert_eq!(is_boundary.iter().filter(|at| **at).count(), 1);
    assert_eq!(is_boundary.len(), 2);
    assert!(!stdout(&scan(&repo, &[])).contains("history ends"));
    // A bundle begins somewhere, too.
    repo.commit_file("b.conf", format!("t = {}\n", github_token(80)));
    repo.git(&["bundle", "create", "--quiet", "part.bundle", "main~1..main"]);
    let text = stdout(&scan(&repo, &["part.bundle"]));
    assert!(
        text.contains(", where this bundle's history begins"),
        "{text}"
    );
}

#[test]
fn digests_of_lock_files_and_words_of_translations_are_low() {
    let digest = token("{hex:40}", 41);
    let word = "Passwort1";
    let repo = Repo::new();
    repo.write(
        "Podfile.lock",
        format!("SPEC CHECKSUMS:\n  FirebaseAuth: {digest}\n"),
    );
    repo.write(
        "res/values-de/strings.xml",
        format!("<string name=\"password\">{word}</string>\n"),
    );
    repo.write(
        "recipes/a.bb",
        format!("SRC_URI[token.sha1sum] = \"{digest}\"\n"),
    );
    repo.commit("a");
    assert!(repo.scan(&[]).findings().is_empty());
    let report = repo.scan(&["--min-confidence", "low"]);
    for finding in report.findings() {
        assert_eq!(finding["confidence"], "low");
        let reasons = finding["reasons"].to_string();
        assert!(reasons.contains("stands only in"), "{reasons}");
    }
    assert_eq!(report.findings().len(), 2);
    // In another file, too, it is what it looks like.
    repo.commit_file(
        "app.env",
        format!("FIREBASE_AUTH_TOKEN={digest}\nDB_PASSWORD={word}\n"),
    );
    assert_eq!(repo.scan(&[]).findings().len(), 2);
}
