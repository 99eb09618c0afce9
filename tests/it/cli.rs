//! The command line: exit codes, streams, redaction, colour.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Repo, github_token, unleak, unleak_with};

fn scan(repo: &Repo, options: &[&str]) -> Output {
    let mut args = vec!["scan"];
    args.extend(options);
    unleak(&args, repo.path())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The name of a repository's directory.
fn name(repo: &Repo) -> String {
    let name = repo.path().file_name().unwrap();
    name.to_string_lossy().into_owned()
}

#[test]
fn exit_0_when_clean() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    let output = scan(&repo, &[]);
    assert_eq!(output.status.code(), Some(0));
    let first = format!("no secrets found in {}; everything was read", name(&repo));
    assert!(stdout(&output).starts_with(&first), "{}", stdout(&output));
}

#[test]
fn exit_1_when_something_is_found() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let output = scan(&repo, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).starts_with("1 secret found (1 critical) in ."),
        "{}",
        stdout(&output)
    );
}

#[test]
fn exit_2_when_nothing_can_be_scanned() {
    let nowhere = Repo::bare_directory();
    let output = scan(&nowhere, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "", "no report was made");
    assert!(
        stderr(&output).contains("is not in a git repository"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("hint: "), "{}", stderr(&output));
    let output = unleak(&["scan", "/does/not/exist"], Path::new("/"));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("does not exist"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        unleak(&["scan", "--no-such-flag"], Path::new("/"))
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_bad_rule_file_is_a_usage_error() {
    let repo = Repo::new();
    repo.write("my.toml", "[[rule]]\nid = 'x'\n");
    let output = scan(&repo, &["--rules", "my.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("my.toml"), "{}", stderr(&output));
}

#[test]
fn an_empty_repository_and_an_unborn_head_are_clean() {
    let repo = Repo::new();
    let output = scan(&repo, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("it holds no objects yet"),
        "{}",
        stdout(&output)
    );
    repo.commit_file("file", github_token(1));
    repo.git(&["checkout", "--quiet", "--orphan", "unborn"]);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 1);
    assert_eq!(report.only("github-pat")["history"]["in_head"], false);
}

#[test]
fn secrets_are_redacted_in_every_stream_unless_asked() {
    let secret = github_token(1);
    let repo = Repo::new();
    repo.write(
        format!("dir-{secret}/file"),
        format!("x = {secret}; y = {secret}\n"),
    );
    repo.git(&["add", "--all"]);
    repo.git(&[
        "-c",
        &format!("user.name={secret}"),
        "commit",
        "--quiet",
        "--message",
        &format!("about {secret}"),
    ]);
    repo.git(&["branch", &format!("topic-{secret}")]);
    for options in [
        &[][..],
        &["--format", "json"],
        &["-q"],
        &["-vv"],
        &["--color", "always"],
    ] {
        let output = scan(&repo, options);
        for stream in [&output.stdout, &output.stderr] {
            assert!(
                !String::from_utf8_lossy(stream).contains(&secret),
                "{options:?}"
            );
        }
        assert_eq!(output.status.code(), Some(1));
    }
    assert!(stdout(&scan(&repo, &["--show-secrets"])).contains(&secret));
}

#[test]
fn repository_text_cannot_command_the_terminal() {
    let repo = Repo::new();
    repo.write("evil\u{1b}]0;title\u{7}\u{202e}name", github_token(1));
    repo.commit("x");
    let output = scan(&repo, &[]);
    assert!(
        !output.stdout.contains(&0x1b) && !output.stdout.contains(&7),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("evil\\u{1b}]0;title\\u{7}\\u{202e}name"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn colour_obeys_flag_and_environment() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let coloured = |args: &[&str], env: &[(&str, &OsStr)]| {
        let mut all = vec!["scan"];
        all.extend(args);
        unleak_with(&all, repo.path(), env).stdout.contains(&0x1b)
    };
    let on = OsStr::new("1");
    assert!(!coloured(&[], &[]), "a pipe is no terminal");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(
        coloured(&["--color", "always"], &[("NO_COLOR", on)]),
        "the flag wins"
    );
    assert!(coloured(&[], &[("CLICOLOR_FORCE", on)]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", on), ("NO_COLOR", on)]));
    assert!(
        coloured(&[], &[("CLICOLOR_FORCE", on), ("NO_COLOR", OsStr::new(""))]),
        "empty does not count"
    );
}

#[test]
fn quiet_prints_one_line_a_finding() {
    let repo = Repo::new();
    repo.commit_file("dir/file", format!("\n\nkey {}\n", github_token(1)));
    let output = scan(&repo, &["--quiet"]);
    assert!(
        stdout(&output).starts_with("dir/file:3:5: github-pat: ghp_…"),
        "{}",
        stdout(&output)
    );
    assert_eq!(stdout(&output).lines().count(), 1);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_report_goes_to_a_file_when_asked() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let output = scan(&repo, &["--format", "json", "--output", "report.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let text = std::fs::read(repo.path().join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(json["schema_version"], 2);
}

#[test]
fn git_dir_in_the_environment_names_the_repository() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let elsewhere = Repo::bare_directory();
    let git_dir = repo.git_dir();
    let output = unleak_with(
        &["scan"],
        elsewhere.path(),
        &[("GIT_DIR", git_dir.as_os_str())],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn the_scanned_repository_cannot_steer_the_scan() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let marker = repo.path().join("was-run");
    let program = format!("touch {}", marker.display());
    for key in [
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "core.sshCommand",
        "filter.x.clean",
    ] {
        repo.git(&["config", key, &program]);
    }
    repo.commit_file(".gitattributes", "* -diff binary filter=x\n");
    let _ = std::fs::remove_file(&marker);
    assert_eq!(repo.scan(&[]).code, 1);
    assert!(!marker.exists(), "no program of the repository was run");
}

#[test]
fn the_json_report_keeps_to_its_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("docs/report.schema.json").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    repo.write(OsStr::new("other"), format!("{}\n", github_token(2)));
    repo.commit(&format!("with {}", github_token(3)));
    repo.git_with_input(
        &["hash-object", "-w", "--stdin"],
        github_token(4).as_bytes(),
    );
    std::fs::write(repo.git_dir().join("refs/heads/broken"), "not an id\n").unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.findings().len(), 4);
    let errors: Vec<String> = validator
        .iter_errors(&report.json)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn rules_can_be_listed() {
    let output = unleak(&["rules", "list"], Path::new("/"));
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output)
            .lines()
            .any(|line| line.starts_with("github-pat ")),
        "{}",
        stdout(&output)
    );
}

#[test]
fn json_lines_keep_to_the_schema_and_stand_between_header_and_summary() {
    let mut schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("docs/report.schema.json").unwrap()).unwrap();
    let token = github_token(77);
    let text = format!("a {token}\nb {}\n", github_token(78));
    let repo = Repo::bare_directory();
    let output = repo.unleak(&["scan", "-", "--format", "jsonl"], text.as_bytes(), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(&token));
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    for (line, kind) in lines
        .iter()
        .zip(["header", "refs", "finding", "finding", "summary"])
    {
        assert_eq!(line["type"], kind);
        for key in ["type", "required", "properties"] {
            schema.as_object_mut().unwrap().remove(key);
        }
        schema["$ref"] = format!("#/$defs/{kind}").into();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(line).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    assert_eq!(
        (&lines[4]["findings"], &lines[4]["complete"]),
        (&2.into(), &true.into())
    );
}

#[test]
fn a_rule_is_shown_and_a_misspelt_one_is_suggested() {
    let output = unleak(&["rules", "show", "github-pat"], Path::new("/"));
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).contains("crc32-base62"),
        "{}",
        stdout(&output)
    );
    let output = unleak(&["rules", "show", "github-pta"], Path::new("/"));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("did you mean 'github-pat'?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn rules_are_added_and_taken_away() {
    let repo = Repo::new();
    let own = "[[rule]]\nid = 'own-key'\nprovider = 'Own'\ndescription = 'own key'\n\
        confidence = 'high'\nkeywords = ['ownkey_']\nregex = 'ownkey_[0-9a-z]{12}'\n\
        examples = []\nnear_misses = []\n";
    repo.write("own.toml", own);
    let token = ["ownkey_", "k3v9q2x8m1z7"].concat();
    repo.commit_file("file", format!("{token}\n{}\n", github_token(1)));
    let found = |options: &[&str]| {
        let output = scan(&repo, &[&["--format", "json"], options].concat());
        let text = stdout(&output);
        (
            text.contains("\"rule_id\":\"own-key\""),
            text.contains("\"rule_id\":\"github-pat\""),
        )
    };
    assert_eq!(found(&[]), (false, true));
    assert_eq!(found(&["--rules", "own.toml"]), (true, false));
    assert_eq!(found(&["--extra-rules", "own.toml"]), (true, true));
    let without = ["--extra-rules", "own.toml", "--disable-rule", "github-pat"];
    assert_eq!(found(&without), (true, false));
    for option in ["--rule", "--disable-rule"] {
        for (name, meant) in [
            ("github-pta", "github-pat"),
            ("GitHub-PAT", "github-pat"),
            ("jwt", "json-web-token"),
        ] {
            let output = scan(&repo, &[option, name]);
            assert_eq!(output.status.code(), Some(2));
            let text = stderr(&output);
            assert!(text.contains(&format!("did you mean '{meant}'?")), "{text}");
        }
    }
    let output = scan(&repo, &["--rules", "own.toml", "--extra-rules", "own.toml"]);
    assert!(
        stderr(&output).contains("'own-key': another rule"),
        "{}",
        stderr(&output)
    );
    let output = unleak(&["rules", "check", "own.toml"], repo.path());
    assert_eq!(output.status.code(), Some(0));
    repo.write("own.toml", own.replace("{12}", "+"));
    let output = unleak(&["rules", "check", "own.toml"], repo.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("'own-key': field 'regex'"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn explain_tells_the_evidence() {
    let repo = Repo::new();
    let password = crate::support::token("kT9x-{base62:4}Lm", 2);
    let text = format!("db_password = \"{password}\"\n{}\n", github_token(3));
    repo.commit_file("conf/app.py", text);
    let report = repo.scan(&[]);
    let explain = |rule: &str| {
        let fingerprint = report.only(rule)["fingerprint"].as_str().unwrap();
        let output = unleak(&["explain", &fingerprint[..12]], repo.path());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let text = explain("generic-password");
    for part in [
        "conf/app.py:1",
        "name ends in a word for a password",
        "likely a secret",
        "assigned to a name that means a secret",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains(&password), "{text}");
    // The facts add up to the sum.
    let numbers: Vec<f32> = text
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok())
        .collect();
    let (sum, facts) = numbers.split_last().unwrap();
    assert!((facts.iter().sum::<f32>() - sum).abs() < 0.06, "{text}");
    let text = explain("github-pat");
    assert!(text.contains("'crc32-base62': verified"), "{text}");
    let output = unleak(&["explain", "ffffffffffff"], repo.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--min-confidence low"));
}

#[test]
fn filters_leave_out_what_is_not_wanted_and_say_so() {
    let repo = Repo::new();
    let (old, kept, other) = (github_token(50), github_token(51), github_token(52));
    repo.commit_file("old/a.conf", format!("{old}\n"));
    repo.commit_file("old/a.conf", "gone\n");
    repo.commit_file("src/b.conf", format!("{kept} {other}\n"));
    repo.git(&["tag", "v1", "HEAD~1"]);
    let password = crate::support::token("kT9x-{base62:4}Lm", 7);
    repo.commit_file("src/c.py", format!("db_password = \"{password}\"\n"));
    let count = |options: &[&str]| {
        let report = repo.scan(options);
        let filtered = report.json["coverage"]["filtered"].as_u64().unwrap();
        assert_eq!(report.findings().len() as u64 + filtered, 4, "{options:?}");
        report.findings().len()
    };
    for (options, expected) in [
        (&[][..], 4),
        (&["--in-head"], 3),
        (&["--path", "old/**"], 1),
        (&["--path", "src/*.conf", "--path", "old"], 3),
        (&["--path", "src/"], 3),
        (&["--path", "**/c.py"], 1),
        (&["--exclude", "old"], 3),
        (&["--exclude", "old", "--exclude", "*/b.conf"], 1),
        (&["--path", "src", "--exclude", "src/c.py"], 2),
        (&["--rule", "github-pat"], 3),
        (&["--provider", "github"], 3),
        (&["--provider", "GitHub", "--in-head"], 2),
        (&["--ref", "v1"], 1),
        (&["--ref", "refs/tags/v1"], 1),
        (&["--author", "ADA"], 4),
        (&["--author", "ada", "--rule", "json-web-token"], 0),
    ] {
        assert_eq!(count(options), expected, "{options:?}");
    }
    // What is filtered is no less secret.
    let output = scan(&repo, &["--rule", "generic-password"]);
    let first = format!(
        "1 secret found (1 medium) in {}; 3 other findings are filtered out by --rule \
         'generic-password'; everything was read\n",
        name(&repo)
    );
    assert!(stdout(&output).starts_with(&first), "{}", stdout(&output));
    let output = scan(&repo, &["--path", "src/b.conf", "--format", "json"]);
    for value in [&old, &kept, &other] {
        assert!(!stdout(&output).contains(value.as_str()));
    }
    for (options, hint) in [
        (["--rule", "github-pta"], "did you mean 'github-pat'"),
        (["--provider", "Githup"], "did you mean 'GitHub'"),
        (["--path", "a["], "is not a pattern for paths"),
    ] {
        let output = scan(&repo, &options);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
    }
}

#[test]
fn a_result_that_filters_left_empty_is_not_called_clean() {
    let repo = Repo::new();
    repo.commit_file("src/a", format!("{}\n", github_token(60)));
    repo.commit_file("docs/b", "nothing\n");
    let first = "no secrets match --path 'docs' in .: 1 other finding is filtered out; \
                 everything was read\n";
    let bundle = &["bundle", "create", "-q", "all.bundle", "--all"];
    repo.git(bundle);
    for mode in [
        &["."][..],
        &["--range", "HEAD"],
        &["--files", "."],
        &["all.bundle"],
    ] {
        let output = unleak(&[&["scan", "--path", "docs"], mode].concat(), repo.path());
        assert_eq!(output.status.code(), Some(0));
        let first = match mode {
            ["all.bundle"] => first.replace(" in .", " in all.bundle"),
            ["--files", "."] => first.to_owned(),
            ["--range", _] => first
                .replace(
                    " in .",
                    &format!(" in the chosen commits of {}", name(&repo)),
                )
                .replace("everything was read", "all of that was read"),
            _ => first.replace(" in .", &format!(" in {}", name(&repo))),
        };
        assert!(
            stdout(&output).starts_with(&first),
            "{mode:?}: {}",
            stdout(&output)
        );
    }
    // Every format with a summary says it.
    for (format, said) in [
        ("json", "\"--path 'docs'\""),
        ("jsonl", "\"--path 'docs'\""),
        ("sarif", "1 other finding is filtered out by --path 'docs'"),
        ("gitlab", "1 other finding is filtered out by --path 'docs'"),
        (
            "github",
            "no secrets match the filters, everything was read; 1 other finding",
        ),
        (
            "junit",
            "1 other finding is filtered out by --path &apos;docs&apos;",
        ),
        ("html", "1 other finding is filtered out"),
    ] {
        let output = scan(&repo, &["--path", "docs", "--format", format]);
        assert!(
            stdout(&output).contains(said),
            "{format}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn a_filter_that_can_match_nothing_is_an_error() {
    let repo = Repo::new();
    repo.commit_file("src/bin/a", format!("{}\n", github_token(61)));
    repo.commit_file("gone/b", "nothing\n");
    repo.git(&["rm", "-q", "-r", "gone"]);
    repo.commit("without");
    repo.write("new/c", "nothing\n");
    repo.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
    let run = |options: &[&str]| {
        let output = unleak(&[&["scan"], options].concat(), repo.path());
        (output.status.code(), stderr(&output))
    };
    for (options, hint) in [
        (&["--path", "nosuch"][..], "begin at the top"),
        (&["--path", "srx/bin"], "did you mean 'src/bin'?"),
        (&["--path", "bin"], "'**/bin' matches at any depth"),
        (&["--path", "src", "--path", "nosuch/**"], "'nosuch/**'"),
        (&["--path", "src/*/b"], "begin at the top"),
        (&["--path", "**/nosuch"], "'**/nosuch'"),
        (&["--path", "!src"], "'--exclude src'"),
        (&["--path", ""], "empty"),
        (&["--ref", "nope"], "for-each-ref"),
        (&["--ref", "mian"], "did you mean 'main'?"),
        (&["--ref", "HEAD"], "'--in-head'"),
        (&["--author", "nobody"], "shortlog"),
        (&["--author", "Ada Auhtor"], "did you mean 'Ada Author'?"),
        (&["--published"], "git fetch"),
        (&["--staged", "--path", "nosuch"], "'nosuch'"),
        (&["--range", "HEAD", "--path", "nosuch"], "'nosuch'"),
        (&["all.bundle", "--path", "nosuch"], "'nosuch'"),
        (&["all.bundle", "--ref", "nope"], "'nope'"),
        (&["--files", ".", "--path", "nosuch"], "'--path nosuch'"),
        (&["--staged", "--author", "ada"], "whole history"),
        (&["--range", "HEAD", "--ref", "main"], "whole history"),
        (&["--files", ".", "--in-head"], "whole history"),
        (&["--shard", "1/2", "--path", "src"], "whole history"),
    ] {
        let (code, said) = run(options);
        assert_eq!(code, Some(2), "{options:?}: {said}");
        assert!(said.contains(hint), "{options:?}: {said}");
    }
    // What is in the history or the index alone is there.
    for path in ["gone", "gone/b", "src/bin", "src/**", "*/bin/a", "**/b"] {
        let (code, said) = run(&["--path", path]);
        assert!(code == Some(0) || code == Some(1), "{path}: {said}");
    }
}

#[test]
fn what_is_excluded_everywhere_is_left_out_and_no_more() {
    let repo = Repo::new();
    let (moved, fixed, said) = (github_token(62), github_token(63), github_token(64));
    repo.commit_file("fixtures/a", format!("{moved}\n{fixed}\n{said}\n"));
    repo.commit_file("src/b", format!("{moved}\n"));
    repo.git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        &format!("use {said}"),
    ]);
    let report = repo.scan(&["--exclude", "fixtures", "--show-secrets"]);
    let found = report
        .findings()
        .iter()
        .map(|f| f["secret"].as_str().unwrap());
    let mut found: Vec<&str> = found.collect();
    found.sort_unstable();
    let mut expected = [moved.as_str(), &said];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(report.json["coverage"]["filtered"], 1);
    // Of files, what is excluded is not even read.
    let output = unleak(
        &["scan", "--files", ".", "--exclude", "fixtures/"],
        repo.path(),
    );
    let first = stdout(&output);
    let first = first.lines().next().unwrap();
    assert!(
        first.ends_with("; everything else was read, 1 path excluded"),
        "{first}"
    );
    assert_eq!(output.status.code(), Some(1));
    let output = unleak(
        &["scan", "--files", "fixtures", "--exclude", "a"],
        repo.path(),
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).contains("1 path excluded"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn an_interrupted_scan_leaves_one_line_and_no_file() {
    let repo = Repo::new();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        // It waits for its input.
        let mut child = Command::new(env!("CARGO_BIN_EXE_unleak"))
            .args(["scan", "-", "-o", "json:out.json"])
            .current_dir(repo.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // More than a pipe holds: when it is taken, the program is past its start.
        let stdin = child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, &vec![b'a'; 1 << 20]).unwrap();
        let id = child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status();
        assert!(killed.unwrap().success());
        // The input goes on until the program has ended.
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(
            stderr(&output),
            "interrupted: nothing was changed, and the result is not complete; run it again\n"
        );
        assert_eq!(stdout(&output), "");
        let left = std::fs::read_dir(repo.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".git"]);
    }
}

/// What people read after wrong input: no type names, no escaped line ends, no addresses as paths.
#[test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
fn errors_are_in_words_and_say_what_to_do() {
    let repo = Repo::new();
    repo.commit_file("a", "nothing\n");
    repo.write("cut.json", "{\"schema\": 1,");
    repo.write("other.json", "{\"a\": 1}");
    repo.write("broken.toml", "x = 1\ny\n");
    repo.write("wrong.toml", "[[rule]]\nid = 3\n");
    for (args, says) in [
        (
            &["scan", "--range", "nosuch..HEAD"][..],
            "'nosuch' is not a branch",
        ),
        (&["scan", "--range", "mian..HEAD"], "did you mean 'main'?"),
        (
            &["scan", "--range", "HEAD~9..HEAD"],
            "there is no '~9' of HEAD",
        ),
        (&["scan", "--range", "HEAD@{9}..HEAD"], "no '@{9}' of HEAD"),
        (&["scan", "--range", "a b..HEAD"], "'a b' is not a branch"),
        (
            &["scan", "--range", "deadbeef..HEAD"],
            "'deadbeef' is not a branch",
        ),
        (&["scan", "--range", ""], "the range is empty"),
        (&["scan", "--since", "soon"], "'soon' is not a date"),
        (
            &["scan", concat!("https://u:", "hunter2@example.org/x")],
            "git clone --mirror",
        ),
        (
            &["scan", "git@example.org:x/y.git"],
            "git clone --mirror git@example.org:x/y.git",
        ),
        (&["objects", "ssh://example.org/x"], "git clone --mirror"),
        (&["scan", "file:///tmp/x"], "'/tmp/x'"),
        (
            &["scan", "--extra-rules", "broken.toml"],
            "'broken.toml', line 2",
        ),
        (
            &["scan", "--rules", "wrong.toml"],
            "line 2: rule 'number 1': field 'id'",
        ),
        (
            &["scan", "--config", "broken.toml"],
            "'broken.toml', line 2",
        ),
        (
            &["report", "convert", "cut.json"],
            "it ends too early, in line 1",
        ),
        (&["report", "convert", "other.json"], "a field is missing"),
        (
            &["report", "convert", "a"],
            "line 1, column 2: it is not JSON",
        ),
        (&["merge", "cut.json"], "it ends too early"),
        (
            &["ignore", "abc", "--reason", "x", "--expires", "soon"],
            "'soon' is not a day",
        ),
    ] {
        let output = unleak(args, repo.path());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        for inner in [
            "Message", "{ ", "u{", "`", "untagged", "hunter2", ".unleak-",
        ] {
            assert!(!said.contains(inner), "{args:?}: {said}");
        }
        assert!(
            said.starts_with("error: ") && said.lines().count() <= 2,
            "{said}"
        );
    }
}

#[test]
fn a_damaged_configuration_is_named_with_its_line_or_setting() {
    let repo = Repo::new();
    repo.commit_file("sub/a", "nothing\n");
    let config = repo.git_dir().join("config");
    let good = std::fs::read_to_string(&config).unwrap();
    for (text, says) in [
        (format!("{good}[core\nsecret = hunter2\n"), "line "),
        (
            good.replace("version = 0", "version = 9"),
            "'core.repositoryFormatVersion'",
        ),
        (
            format!(
                "{}[extensions]\nobjectFormat = sha9\n",
                good.replace("version = 0", "version = 1")
            ),
            "'extensions.objectFormat'",
        ),
    ] {
        std::fs::write(&config, text).unwrap();
        let output = unleak(&["scan"], repo.path());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says) && said.contains("'config'"), "{said}");
        assert!(
            !said.contains("hunter2") && !said.contains("Message"),
            "{said}"
        );
    }
    std::fs::write(&config, good).unwrap();
    // A link that leads nowhere is no reason to scan what is above it.
    repo.write("sub/.git", "gitdir: nowhere\n");
    let output = unleak(&["scan", "sub"], repo.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("names no git repository"),
        "{}",
        stderr(&output)
    );
}

/// What a shell is offered for the last of these words.
fn offered(repo: &Repo, words: &[&str]) -> Vec<String> {
    let index = (words.len() - 1).to_string();
    let env = [
        ("UNLEAK_COMPLETE", "bash"),
        ("_CLAP_COMPLETE_INDEX", index.as_str()),
        ("_CLAP_IFS", "\n"),
    ];
    let output = repo.unleak(&[&["--"], words].concat(), b"", &env);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn completions_know_commands_rules_providers_topics_findings_and_suppressions() {
    let repo = Repo::new();
    repo.commit_file("a.conf", format!("t = {}\n", github_token(31)));
    let id = repo.scan(&[]).findings()[0]["fingerprint"]
        .as_str()
        .unwrap()[..12]
        .to_owned();
    for (words, expected) in [
        (&["unleak", "tri"][..], "triage"),
        (&["unleak", "scan", "--min-c"], "--min-confidence"),
        (&["unleak", "scan", "--rule", "github-p"], "github-pat"),
        (
            &["unleak", "scan", "--disable-rule", "github-p"],
            "github-pat",
        ),
        (&["unleak", "rules", "show", "github-p"], "github-pat"),
        (&["unleak", "ignore", "--provider", "GitH"], "GitHub"),
        (&["unleak", "help", "supp"], "suppressions"),
        (&["unleak", "explain", ""], id.as_str()),
        (&["unleak", "ignore", &id[..3]], id.as_str()),
        (&["unleak", "purge", "--finding", ""], id.as_str()),
        (&["unleak", "validate", ""], id.as_str()),
        (&["unleak", "revoke", ""], id.as_str()),
        (&["unleak", "ignore", "--severity", "cr"], "critical"),
    ] {
        let found = offered(&repo, words);
        assert!(
            found.iter().any(|word| word == expected),
            "{words:?}: {found:?}"
        );
    }
    // A saved report offers its own findings, wherever it is.
    let elsewhere = Repo::new();
    elsewhere.write("scan.json", repo.scan(&[]).bytes);
    for words in [
        &["unleak", "report", "show", "scan.json", ""][..],
        &["unleak", "ignore", "--from", "scan.json", &id[..3]],
    ] {
        let found = offered(&elsewhere, words);
        assert!(found.contains(&id), "{words:?}: {found:?}");
    }
    let output = unleak(&["ignore", &id, "--reason", "x"], repo.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let found = offered(&repo, &["unleak", "ignore", "remove", ""]);
    assert!(found.iter().any(|word| word.len() == 32), "{found:?}");
}

#[test]
fn each_shell_has_a_script_that_asks_the_program() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = unleak(&["completions", shell], Path::new("/"));
        assert!(output.status.success());
        let text = stdout(&output);
        assert!(
            text.contains("UNLEAK_COMPLETE") && text.contains("unleak"),
            "{shell}: {text}"
        );
    }
    // In a real shell.
    let repo = Repo::new();
    let script = stdout(&unleak(&["completions", "bash"], Path::new("/")));
    let dir = Path::new(env!("CARGO_BIN_EXE_unleak")).parent().unwrap();
    let ask = format!(
        "PATH='{}':$PATH\n{script}\nCOMP_WORDS=(unleak scan --rule github-pa); COMP_CWORD=3\n\
         _clap_complete_unleak unleak github-pa --rule 2>/dev/null\necho \"${{COMPREPLY[*]}}\"\n",
        dir.display()
    );
    let shell = Command::new("bash")
        .args(["-c", &ask])
        .current_dir(repo.path())
        .output()
        .unwrap();
    assert!(
        stdout(&shell).contains("github-pat"),
        "{} {}",
        stdout(&shell),
        stderr(&shell)
    );
}

/// The manual pages, by the names of their files.
fn manual_pages() -> BTreeMap<String, String> {
    let repo = Repo::new();
    let output = unleak(&["man", "man1"], repo.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let entries = std::fs::read_dir(repo.path().join("man1")).unwrap();
    let pages = entries.map(|entry| {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    });
    pages.collect()
}

#[test]
fn manual_pages_have_the_sections_that_people_look_for() {
    let pages = manual_pages();
    for name in [
        "unleak.1",
        "unleak-scan.1",
        "unleak-ignore-remove.1",
        "unleak-triage.1",
    ] {
        let page = &pages[name];
        for section in [
            "NAME",
            "SYNOPSIS",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            assert!(
                heading.iter().any(|line| page.contains(line)),
                "{section} in {name}: {page}"
            );
        }
        assert!(page.contains("UNLEAK"), "{page}");
    }
}

/// The variables that the source names, but for those of the build and of the completion scripts.
#[test]
fn the_manual_lists_every_variable() {
    let mut names = std::collections::BTreeSet::new();
    let mut dirs = vec![std::path::PathBuf::from("src")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let parts = text.split('"').map(str::to_owned);
                let is_name = |part: &String| {
                    part.starts_with("UNLEAK_")
                        && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
                };
                names.extend(parts.filter(is_name));
            }
        }
    }
    names.remove("UNLEAK_BUILD");
    names.remove("UNLEAK_COMPLETE");
    assert!(
        names.len() > 10 && names.contains("UNLEAK_PAGER"),
        "{names:?}"
    );
    let page = &manual_pages()["unleak.1"];
    for name in names {
        assert!(page.contains(&name), "{name}: {page}");
    }
}

/// Every page has examples, and tells how its own command ends and what belongs to it.
#[test]
fn manual_pages_are_about_their_own_command() {
    let pages = manual_pages();
    let page = |name: &str| pages[name].as_str();
    for (name, text) in &pages {
        let part = |section: &str| {
            let quoted = format!(".SH \"{section}\"\n");
            let (_, rest) = text
                .split_once(&quoted)
                .or_else(|| text.split_once(&format!(".SH {section}\n")))
                .unwrap_or_else(|| panic!("{section} in {name}"));
            rest.split("\n.SH").next().unwrap().to_owned()
        };
        assert!(part("EXAMPLES").contains("unleak"), "{name}: {text}");
        assert!(part("EXIT STATUS").contains("bug in unleak"), "{name}");
        let own = format!("{}(1)", name.trim_end_matches(".1").replace('-', "\\-"));
        let also = part("SEE ALSO");
        assert!(
            also.contains("unleak") && !also.contains(&format!(" {own}")),
            "{name}: {also}"
        );
        assert!(
            text.lines()
                .any(|line| line.starts_with(".TH") && line.contains("unleak 0.")),
            "{name}"
        );
    }
    for (name, status) in [
        ("unleak-scan.1", "secrets were found"),
        ("unleak-triage.1", "even if findings are still open"),
        ("unleak-report-diff.1", "Nothing is new"),
        ("unleak-hook-pre-push.1", "Blocked: it brings in a secret"),
        ("unleak-purge-verify.1", "No value is left"),
    ] {
        assert!(page(name).contains(status), "{name}: {}", page(name));
    }
    assert!(!page("unleak-ignore-list.1").contains("gitrevisions"));
    assert!(page("unleak-hook-install.1").contains("githooks(5)"));
    let scan = page("unleak-scan.1");
    assert!(
        scan.contains("published") && scan.contains("unleak(1)"),
        "{scan}"
    );
    assert!(page("unleak-ignore.1").contains("unleak\\-ignore\\-remove(1)"));
}

#[test]
fn help_of_an_option_fits_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| {
        let text = stdout(&unleak(&[words, &["--help"]].concat(), dir.path()));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (lines, unread) = (
        "Print one line a finding",
        "with --files, these are not read",
    );
    let silent = "-q, --quiet Show no progress and no notes";
    let text = help(&["scan"]);
    assert!(text.contains(lines) && text.contains(unread), "{text}");
    for command in [&["triage"][..], &["ignore"], &["ignore", "remove"]] {
        let text = help(command);
        assert!(text.contains(silent) && !text.contains(lines), "{text}");
        assert!(
            text.contains("as in 'tests/fixtures'; may be given"),
            "{text}"
        );
        assert!(!text.contains(unread), "{text}");
    }
    // Wherever it is typed, it has the same effect.
    let repo = Repo::new();
    repo.commit_file("a", format!("k = {}\n", github_token(9)));
    let listed = |args: &[&str]| unleak(args, repo.path());
    let plain = listed(&["ignore", "list"]);
    for args in [["-q", "ignore", "list"], ["ignore", "list", "-q"]] {
        let output = listed(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), stdout(&plain));
    }
}

#[test]
fn a_purge_with_a_filter_is_told_how_to_select() {
    for filter in ["--rule", "--path", "--author"] {
        let output = unleak(&["purge", filter, "x"], Path::new("/"));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let way = format!("unleak scan {filter} ... --format json | unleak purge --from -");
        assert!(said.contains(&way) && !said.contains("--rules"), "{said}");
    }
}

#[test]
fn there_is_help_about_topics_and_commands() {
    let dir = tempfile::tempdir().unwrap();
    let help = |words: &[&str]| {
        let output = unleak(&[&["help"], words].concat(), dir.path());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text, said)
    };
    let (code, topics, _) = help(&["topics"]);
    assert_eq!(code, Some(0));
    let names = topics.lines().filter_map(|line| line.strip_prefix("  "));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), 6, "{topics}");
    for name in names {
        let (code, text, _) = help(&[name]);
        assert_eq!(code, Some(0));
        assert!(
            text.lines().count() > 5 && text.lines().all(|line| line.len() < 90),
            "{text}"
        );
    }
    assert!(
        help(&["baseline", "prune"])
            .1
            .contains("Usage: unleak baseline prune")
    );
    assert!(help(&[]).1.contains("unleak help topics"));
    let (code, _, said) = help(&["supressions"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean 'suppressions'?"), "{said}");
}

/// What the topic says about settings is what there is.
#[test]
fn the_topic_of_settings_names_every_field() {
    let dir = tempfile::tempdir().unwrap();
    let topic = unleak(&["help", "config"], dir.path()).stdout;
    let topic = String::from_utf8(topic).unwrap();
    std::fs::write(dir.path().join("c.toml"), "x = 1\n").unwrap();
    let output = unleak(&["config", "show", "--config", "c.toml"], dir.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let fields = said.split("the fields are ").nth(1).expect(&said);
    for field in fields.trim().split(", ") {
        assert!(topic.contains(field), "{field}");
    }
    let output = unleak(&["config", "show"], dir.path());
    assert_eq!(output.status.code(), Some(0));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let field = line.split(' ').next().unwrap();
        assert!(topic.contains(field), "{line}");
    }
}

#[test]
fn a_format_in_the_place_of_a_file_is_an_error() {
    let repo = Repo::new();
    for (output, said) in [
        ("sarif", "'sarif' is a format and names no file"),
        ("xml:report", "'xml' is no format"),
    ] {
        let shown = repo.unleak(&["scan", "-o", output], b"", &[]);
        let text = String::from_utf8_lossy(&shown.stderr).into_owned();
        assert_eq!(shown.status.code(), Some(2), "{text}");
        assert!(
            text.contains(said) && text.contains("FORMAT:FILE"),
            "{text}"
        );
        assert!(!repo.path().join(output).exists());
    }
    let shown = repo.unleak(&["scan", "-o", "./sarif"], b"", &[]);
    assert_eq!(shown.status.code(), Some(0));
    assert!(repo.path().join("sarif").exists());
}

#[test]
fn nothing_to_merge_and_nothing_that_filters_leave_are_said() {
    let repo = Repo::new();
    repo.commit_file("a/x", format!("k = \"{}\"\n", github_token(1)));
    repo.commit_file("b/y", "none\n");
    let shown = repo.unleak(&["scan", "-q", "--path", "b"], b"", &[]);
    let text = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(
        text.contains("no findings match the filters; they exclude 1"),
        "{text}"
    );
    let shown = repo.unleak(&["merge", "a"], b"", &[]);
    let text = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert_eq!(shown.status.code(), Some(2), "{text}");
    assert!(text.contains("'a' holds no report"), "{text}");
}
