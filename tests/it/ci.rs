//! `hooks/ci`: what a run is about, worked out from its environment. A stub stands in for the
//! program and writes down its arguments.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{Repo, github_token};

const ZERO: &str = "0000000000000000000000000000000000000000";

/// Runs the script in `repo` with `env`; returns how it ended.
fn run(repo: &Repo, program: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/ci");
    // The strictest shell there is, if it is there.
    let dash = Path::new("/bin/dash");
    let shell = if dash.exists() {
        dash
    } else {
        Path::new("/bin/sh")
    };
    Command::new(shell)
        .arg(script)
        .args(args)
        .current_dir(repo.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", repo.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("UNLEAK_PROGRAM", program)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("a shell is installed")
}

/// A program that prints its arguments, one a line, and ends with 7.
struct Stub(Repo);

impl Stub {
    fn new() -> Self {
        let dir = Repo::bare_directory();
        let path = dir.path().join("unleak");
        std::fs::write(&path, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    /// The arguments that it was called with.
    fn called(&self, repo: &Repo, env: &[(&str, &str)], args: &[&str]) -> Vec<String> {
        let output = run(repo, &self.0.path().join("unleak"), env, args);
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{env:?}: {text}{error}");
        text.lines().map(str::to_owned).collect()
    }

    /// How it ends, and what it says, when nothing is scanned.
    fn refused(&self, repo: &Repo, env: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = run(repo, &self.0.path().join("unleak"), env, &[]);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

fn github<'a>(event: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let common = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", event),
        ("UNLEAK_DEFAULT_BRANCH", "main"),
    ];
    [&common[..], more].concat()
}

fn gitlab<'a>(source: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let common = [
        ("GITLAB_CI", "true"),
        ("CI_PIPELINE_SOURCE", source),
        ("CI_DEFAULT_BRANCH", "main"),
    ];
    [&common[..], more].concat()
}

/// A clone with `origin/main` and `origin/topic`, and the ids: base, main, and topic's two commits.
fn cloned() -> (Repo, [String; 4]) {
    let origin = Repo::new();
    let base = origin.commit_file("a", "1\n");
    origin.git(&["checkout", "--quiet", "-b", "topic"]);
    let one = origin.commit_file("b", "1\n");
    let two = origin.commit_file("b", "2\n");
    origin.git(&["checkout", "--quiet", "main"]);
    let main = origin.commit_file("a", "2\n");
    (origin.cloned(&[]), [base, main, one, two])
}

fn range(from: &str, to: &str) -> Vec<String> {
    ["scan", "--range", &format!("{from}..{to}")]
        .map(str::to_owned)
        .to_vec()
}

fn all_of(head: &str) -> Vec<String> {
    ["scan", "--range", head].map(str::to_owned).to_vec()
}

#[test]
fn requests_scan_what_the_head_has_and_the_base_has_not() {
    let (repo, [base, main, one, two]) = cloned();
    let stub = Stub::new();
    for event in ["pull_request", "pull_request_target", "merge_group"] {
        let env = github(event, &[("UNLEAK_BASE", &main), ("UNLEAK_HEAD", &two)]);
        assert_eq!(stub.called(&repo, &env, &[]), range(&main, &two), "{event}");
    }
    let merge_request =
        |more: &[(&str, &str)]| stub.called(&repo, &gitlab("merge_request_event", more), &[]);
    let found = merge_request(&[
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base),
        ("CI_COMMIT_SHA", &two),
    ]);
    assert_eq!(found, range(&base, &two));
    // Merged results: the job stands on a merge of both.
    let found = merge_request(&[
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base),
        ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &main),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", &one),
        ("CI_COMMIT_SHA", &two),
    ]);
    assert_eq!(found, range(&main, &one));
    // Any other system.
    let env = [("UNLEAK_BASE", base.as_str()), ("UNLEAK_HEAD", &one)];
    assert_eq!(stub.called(&repo, &env, &[]), range(&base, &one));
}

#[test]
fn a_push_scans_what_came_since() {
    let (repo, [_, main, one, two]) = cloned();
    let stub = Stub::new();
    let away = "1234567890123456789012345678901234567890";
    let on_github = |before: &str, head: &str, reference: &str| {
        let more = [
            ("UNLEAK_BASE", before),
            ("UNLEAK_HEAD", head),
            ("GITHUB_REF", reference),
        ];
        stub.called(&repo, &github("push", &more), &[])
    };
    let on_gitlab = |before: &str, head: &str, branch: &str| {
        let more = [
            ("CI_COMMIT_BEFORE_SHA", before),
            ("CI_COMMIT_SHA", head),
            ("CI_COMMIT_BRANCH", branch),
        ];
        stub.called(&repo, &gitlab("push", &more), &[])
    };
    assert_eq!(on_github(&one, &two, "refs/heads/topic"), range(&one, &two));
    assert_eq!(on_gitlab(&one, &two, "topic"), range(&one, &two));
    // New, or forced so that what was there is gone.
    for before in [ZERO, away, ""] {
        assert_eq!(
            on_github(before, &two, "refs/heads/topic"),
            range(&main, &two)
        );
        assert_eq!(on_gitlab(before, &two, "topic"), range(&main, &two));
        assert_eq!(on_github(before, &two, "refs/tags/v1"), range(&main, &two));
        // The default branch has its own commits already.
        assert_eq!(on_github(before, &main, "refs/heads/main"), all_of(&main));
        assert_eq!(on_gitlab(before, &main, "main"), all_of(&main));
    }
    // Only the commit of an annotated tag is here.
    let more = [
        ("UNLEAK_BASE", ZERO),
        ("UNLEAK_HEAD", away),
        ("GITHUB_SHA", &two),
    ];
    assert_eq!(
        stub.called(&repo, &github("push", &more), &[]),
        range(&main, &two)
    );
    let deleted = [("UNLEAK_BASE", one.as_str()), ("UNLEAK_HEAD", ZERO)];
    let (code, text) = stub.refused(&repo, &github("push", &deleted));
    assert_eq!((code, text.contains("nothing to scan")), (Some(0), true));
}

#[test]
fn anything_else_scans_everything_and_arguments_are_passed_on() {
    let (repo, [_, main, _, two]) = cloned();
    let stub = Stub::new();
    for env in [
        github("schedule", &[]),
        github("workflow_dispatch", &[("UNLEAK_BASE", "")]),
        gitlab("schedule", &[("CI_COMMIT_SHA", &two)]),
        gitlab("web", &[]),
        vec![],
    ] {
        assert_eq!(stub.called(&repo, &env, &[]), ["scan"], "{env:?}");
    }
    let args = ["--output", "sarif:a b.sarif", "--format", "github"];
    let found = stub.called(&repo, &github("schedule", &[]), &args);
    assert_eq!(found, [&["scan"], &args[..]].concat());
    let env = github(
        "pull_request",
        &[("UNLEAK_BASE", &main), ("UNLEAK_HEAD", &two)],
    );
    let found = stub.called(&repo, &env, &args);
    let (own, passed) = found.split_at(3);
    assert_eq!(
        (own, passed),
        (&range(&main, &two)[..], &args.map(str::to_owned)[..])
    );
}

#[test]
fn names_and_ids_of_strangers_are_never_obeyed() {
    let (repo, [_, main, _, two]) = cloned();
    let stub = Stub::new();
    repo.git(&["checkout", "--quiet", "-b", "other", &two]);
    repo.git(&["checkout", "--quiet", "main"]);
    for name in [
        "@{-1}",
        "-x",
        "--help",
        "../heads/other",
        "a b",
        "$(touch pwned)",
        "main^",
        "topic..main",
        "",
    ] {
        let more = [
            ("UNLEAK_DEFAULT_BRANCH", name),
            ("UNLEAK_BASE", ZERO),
            ("UNLEAK_HEAD", &two),
            ("GITHUB_REF", "refs/heads/topic"),
        ];
        let found = stub.called(&repo, &github("push", &more), &[]);
        assert_eq!(found, all_of(&two), "{name}: all of the head, to be safe");
    }
    let short = &two[..10];
    let upper = two.to_uppercase();
    for id in [
        "",
        "HEAD",
        "main",
        short,
        &upper,
        "--all",
        "origin/topic",
        &format!("{two} x"),
        &format!("{two}\n--help"),
    ] {
        for (base, head) in [(id, main.as_str()), (&main, id)] {
            let more = [("UNLEAK_BASE", base), ("UNLEAK_HEAD", head)];
            let (code, text) = stub.refused(&repo, &github("pull_request", &more));
            assert_eq!(code, Some(2), "{id}: {text}");
            assert!(text.starts_with("::error title=unleak::"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
    assert!(!repo.path().join("pwned").exists());
    // A program of the worktree is not the program.
    repo.write("unleak", "#!/bin/sh\necho stranger\n");
    let env = github("schedule", &[]);
    assert_eq!(stub.called(&repo, &env, &[]), ["scan"]);
}

#[test]
fn what_was_not_fetched_is_an_error() {
    let (repo, [_, main, _, two]) = cloned();
    let stub = Stub::new();
    let away = "1234567890123456789012345678901234567890";
    for (base, head) in [(away, main.as_str()), (&main, away)] {
        let more = [("UNLEAK_BASE", base), ("UNLEAK_HEAD", head)];
        let (code, text) = stub.refused(&repo, &github("pull_request_target", &more));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("was not fetched"), "{text}");
    }
    let more = [
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", away),
        ("CI_COMMIT_SHA", &two),
    ];
    let (code, text) = stub.refused(&repo, &gitlab("merge_request_event", &more));
    assert_eq!(
        (code, text.contains("was not fetched")),
        (Some(2), true),
        "{text}"
    );
    let nowhere = Repo::bare_directory();
    let (code, text) = stub.refused(&nowhere, &github("schedule", &[]));
    assert_eq!(
        (code, text.contains("cannot read")),
        (Some(2), true),
        "{text}"
    );
}

#[test]
fn a_shallow_clone_is_refused_with_the_fix() {
    let (repo, _) = cloned();
    let shallow = repo.cloned(&["--depth=1"]);
    let stub = Stub::new();
    for (env, fix) in [
        (github("push", &[]), "fetch-depth: 0"),
        (github("schedule", &[]), "fetch-depth: 0"),
        (gitlab("push", &[]), "GIT_DEPTH: \"0\""),
    ] {
        let (code, text) = stub.refused(&shallow, &env);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(fix), "{text}");
    }
}

#[test]
fn the_script_and_the_program_fit_together() {
    let (repo, [_, main, _, _]) = cloned();
    let head = repo.commit_file("c", github_token(1));
    let program = Path::new(env!("CARGO_BIN_EXE_unleak"));
    let sarif = repo.path().join("out.sarif").display().to_string();
    let args = ["--format", "github", "--output", &format!("sarif:{sarif}")];
    let env = github(
        "pull_request",
        &[("UNLEAK_BASE", &main), ("UNLEAK_HEAD", &head)],
    );
    let output = run(&repo, program, &env, &args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with("::error file=c,line=1,col=1,title=github-pat::"),
        "{text}"
    );
    assert!(Path::new(&sarif).exists());
    // All of one commit's history.
    let env = github(
        "push",
        &[("UNLEAK_HEAD", &head), ("GITHUB_REF", "refs/heads/main")],
    );
    assert_eq!(run(&repo, program, &env, &args).status.code(), Some(1));
    let env = github(
        "pull_request",
        &[("UNLEAK_BASE", &head), ("UNLEAK_HEAD", &main)],
    );
    assert_eq!(run(&repo, program, &env, &args).status.code(), Some(0));
}

/// The variables of a text, `NAME=VALUE` each, with the ids that letters stand for: `B`ase, `M`ain (cut: `m`),
/// and `1` and `2` of the topic.
fn variables(text: &str, ids: &[String; 4]) -> Vec<(String, String)> {
    let [base, main, one, two] = ids;
    let pairs = text.split_whitespace().map(|pair| {
        let (name, value) = pair.split_once('=').expect("NAME=VALUE");
        let value = match value {
            "B" => base,
            "M" => main,
            // A cut id, as Bitbucket gives it.
            "m" => &main[..12],
            "1" => one,
            "2" => two,
            other => other,
        };
        (name.to_owned(), value.to_owned())
    });
    pairs.collect()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = variables.iter();
    pairs.map(|(name, value)| (&**name, &**value)).collect()
}

/// The arguments of the program, from the ids.
type Expected = fn(&[String; 4]) -> Vec<String>;

/// What each system says in its own words, and the arguments that the program is called with.
fn assert_calls(cases: &[(&str, Expected)]) {
    let (repo, ids) = cloned();
    let stub = Stub::new();
    repo.git(&["checkout", "--quiet", "--detach", &ids[3]]);
    for (text, expected) in cases {
        let env = variables(text, &ids);
        assert_eq!(
            stub.called(&repo, &borrowed(&env), &[]),
            expected(&ids),
            "{text}"
        );
    }
}

#[test]
fn requests_of_other_systems_scan_what_the_head_has_and_the_base_has_not() {
    let expected: Expected = |ids| range(&ids[1], &ids[3]);
    assert_calls(&[
        (
            "JENKINS_URL=x CHANGE_ID=3 CHANGE_TARGET=main GIT_COMMIT=2",
            expected,
        ),
        // What is checked out is the head if no variable names it.
        ("JENKINS_URL=x CHANGE_ID=3 CHANGE_TARGET=main", expected),
        (
            "TF_BUILD=True BUILD_REASON=PullRequest SYSTEM_PULLREQUEST_SOURCECOMMITID=2 \
             SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main",
            expected,
        ),
        (
            "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_PR_ID=3 BITBUCKET_PR_DESTINATION_BRANCH=main \
             BITBUCKET_COMMIT=2",
            expected,
        ),
        // The branch was not fetched, its commit was.
        (
            "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_PR_ID=3 BITBUCKET_PR_DESTINATION_BRANCH=else \
             BITBUCKET_PR_DESTINATION_COMMIT=m BITBUCKET_COMMIT=2",
            expected,
        ),
        (
            "DRONE=true DRONE_BUILD_EVENT=pull_request DRONE_TARGET_BRANCH=main DRONE_COMMIT_SHA=2",
            expected,
        ),
        (
            "CI=woodpecker CI_PIPELINE_EVENT=pull_request CI_COMMIT_TARGET_BRANCH=main CI_COMMIT_SHA=2",
            expected,
        ),
        // Both commits, chosen by hand.
        ("CIRCLECI=true UNLEAK_BASE=M UNLEAK_HEAD=2", expected),
    ]);
}

#[test]
fn a_request_whose_base_is_not_known_is_refused() {
    let (repo, ids) = cloned();
    let stub = Stub::new();
    for text in [
        "JENKINS_URL=x CHANGE_ID=3 CHANGE_TARGET=@{-1}",
        "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_PR_ID=3 BITBUCKET_PR_DESTINATION_COMMIT=--all",
        "CI=woodpecker CI_PIPELINE_EVENT=pull_request",
        "DRONE=true DRONE_BUILD_EVENT=pull_request DRONE_TARGET_BRANCH=../heads/main",
        "TF_BUILD=True BUILD_REASON=PullRequest SYSTEM_PULLREQUEST_SOURCECOMMITID=2",
    ] {
        let env = variables(text, &ids);
        let (code, said) = stub.refused(&repo, &borrowed(&env));
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains("fetch all branches"), "{text}: {said}");
    }
}

#[test]
fn pushes_of_other_systems_scan_what_came_since() {
    let since: Expected = |ids| range(&ids[2], &ids[3]);
    let branch: Expected = |ids| range(&ids[1], &ids[3]);
    assert_calls(&[
        // A commit before is known.
        (
            "JENKINS_URL=x GIT_COMMIT=2 GIT_PREVIOUS_SUCCESSFUL_COMMIT=1 BRANCH_NAME=topic",
            since,
        ),
        (
            "DRONE=true DRONE_BUILD_EVENT=push DRONE_COMMIT_SHA=2 DRONE_COMMIT_BEFORE=1",
            since,
        ),
        (
            "CI=woodpecker CI_PIPELINE_EVENT=push CI_COMMIT_SHA=2 CI_PREV_COMMIT_SHA=1",
            since,
        ),
        ("CIRCLECI=true CIRCLE_SHA1=2 UNLEAK_BASE=1", since),
        // None is: what the default branch has not.
        ("JENKINS_URL=x GIT_COMMIT=2 GIT_BRANCH=origin/topic", branch),
        ("CIRCLECI=true CIRCLE_SHA1=2 CIRCLE_BRANCH=topic", branch),
        (
            "TF_BUILD=True BUILD_REASON=IndividualCI BUILD_SOURCEVERSION=2 BUILD_SOURCEBRANCH=refs/heads/topic",
            branch,
        ),
        (
            "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_COMMIT=2 BITBUCKET_BRANCH=topic",
            branch,
        ),
        (
            "DRONE=true DRONE_BUILD_EVENT=push DRONE_COMMIT_SHA=2 DRONE_REPO_BRANCH=main",
            branch,
        ),
        (
            "CI=woodpecker CI_PIPELINE_EVENT=push CI_COMMIT_SHA=2 CI_REPO_DEFAULT_BRANCH=main",
            branch,
        ),
    ]);
}

#[test]
fn a_first_run_on_the_default_branch_and_schedules_of_other_systems_scan_all() {
    let all: Expected = |ids| all_of(&ids[1]);
    let everything: Expected = |_| vec!["scan".to_owned()];
    assert_calls(&[
        ("JENKINS_URL=x GIT_COMMIT=M BRANCH_NAME=main", all),
        ("CIRCLECI=true CIRCLE_SHA1=M CIRCLE_BRANCH=main", all),
        (
            "TF_BUILD=True BUILD_REASON=BatchedCI BUILD_SOURCEVERSION=M BUILD_SOURCEBRANCH=refs/heads/main",
            all,
        ),
        (
            "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_COMMIT=M BITBUCKET_BRANCH=main",
            all,
        ),
        (
            "TF_BUILD=True BUILD_REASON=Schedule BUILD_SOURCEVERSION=2",
            everything,
        ),
        (
            "DRONE=true DRONE_BUILD_EVENT=cron DRONE_COMMIT_SHA=2",
            everything,
        ),
        (
            "CI=woodpecker CI_PIPELINE_EVENT=manual CI_COMMIT_SHA=2",
            everything,
        ),
    ]);
}

#[test]
fn a_shallow_clone_is_refused_with_the_setting_of_the_system() {
    let origin = Repo::new();
    origin.commit_file("a", "1\n");
    origin.commit_file("a", "2\n");
    let repo = origin.cloned(&["--depth=1"]);
    let stub = Stub::new();
    for (name, value, setting) in [
        ("JENKINS_URL", "x", "Shallow clone"),
        ("CIRCLECI", "true", "method: full"),
        ("TF_BUILD", "True", "fetchDepth: 0"),
        ("BITBUCKET_BUILD_NUMBER", "7", "depth: full"),
        ("DRONE", "true", "depth: 0"),
        ("CI", "woodpecker", "partial: false"),
    ] {
        let (code, text) = stub.refused(&repo, &[(name, value)]);
        assert_eq!(code, Some(3), "{name}: {text}");
        assert!(text.contains(setting), "{name}: {text}");
    }
}

/// The scripts of the action's steps, by the name of the step.
fn scripts() -> Vec<(String, String)> {
    let text = std::fs::read_to_string("action.yml").unwrap();
    let mut scripts: Vec<(String, String)> = Vec::new();
    let mut name = String::new();
    let mut is_script = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("    - name: ") {
            name = rest.to_owned();
        }
        let is_inside = line.is_empty() || line.starts_with("        ");
        is_script = is_script && is_inside;
        if is_script {
            let (_, script) = scripts.last_mut().unwrap();
            script.push_str(line.get(8..).unwrap_or_default());
            script.push('\n');
        }
        if line == "      run: |" {
            is_script = true;
            scripts.push((name.clone(), String::new()));
        }
    }
    scripts
}

/// Runs a step's script as a runner does; returns its status, what it prints, and its outputs.
fn step(
    repo: &Repo,
    temp: &Repo,
    name: &str,
    env: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let scripts = scripts();
    let (_, script) = scripts.iter().find(|(found, _)| found == name).unwrap();
    let outputs = temp.path().join("outputs");
    std::fs::write(&outputs, "").unwrap();
    // What the step before wrote stays.
    let summary = temp.path().join("summary.md");
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(repo.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", temp.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR"))
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .env("RUNNER_TEMP", temp.path())
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("bash is installed");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (
        output.status.code(),
        text,
        std::fs::read_to_string(outputs).unwrap(),
    )
}

#[test]
fn the_action_puts_no_expression_into_a_script() {
    let scripts = scripts();
    let names: Vec<&str> = scripts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Find or build unleak", "Scan", "Result"]);
    for (name, script) in &scripts {
        assert!(!script.contains("${{"), "{name}");
    }
}

#[test]
fn the_action_scans_and_says_how_it_ended() {
    let (repo, [_, main, _, two]) = cloned();
    let head = repo.commit_file("c", github_token(1));
    let temp = Repo::bare_directory();
    let program = env!("CARGO_BIN_EXE_unleak");
    let (code, _, outputs) = step(
        &repo,
        &temp,
        "Find or build unleak",
        &[("PROGRAM", program)],
    );
    assert_eq!((code, outputs), (Some(0), format!("program={program}\n")));
    let scan = |base: &str, head: &str, args: &str| {
        let more = [
            ("UNLEAK_PROGRAM", program),
            ("UNLEAK_BASE", base),
            ("UNLEAK_HEAD", head),
            ("UNLEAK_ARGS", args),
        ];
        step(&repo, &temp, "Scan", &github("pull_request", &more))
    };
    let sarif = temp.path().join("unleak.sarif").display().to_string();
    let (code, text, outputs) = scan(&main, &head, "");
    assert_eq!(
        (code, outputs),
        (Some(0), format!("status=1\nsarif={sarif}\n")),
        "{text}"
    );
    assert!(text.starts_with("::error file=c,"), "{text}");
    let summary = std::fs::read_to_string(temp.path().join("summary.md")).unwrap();
    assert!(
        summary.starts_with("## unleak: 1 secret found ("),
        "{summary}"
    );
    assert!(summary.contains("| `c:1:1` |"), "{summary}");
    let out = temp.path().join("a b.json").display().to_string();
    let (_, text, outputs) = scan(&main, &two, &format!("--output\njson:{out}\n"));
    assert!(outputs.starts_with("status=0\n"), "{text}");
    assert!(Path::new(&out).exists());
    // Nothing was scanned, so there is no report, nor an old one.
    let (_, text, outputs) = scan("main", &two, "");
    assert_eq!(outputs, "status=2\n", "{text}");
    for (status, fail, code) in [
        ("1", "true", 1),
        ("1", "false", 0),
        ("3", "false", 3),
        ("", "false", 2),
    ] {
        let env = [("STATUS", status), ("FAIL", fail)];
        assert_eq!(
            step(&repo, &temp, "Result", &env).0,
            Some(code),
            "{status} {fail}"
        );
    }
}

/// The workflows of this repository, by path.
fn workflows() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(".github/workflows")
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The actions that a text uses: what stands after 'uses:', without quotes.
fn used(text: &str) -> Vec<&str> {
    let uses = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    uses.filter_map(|line| line.split_once("uses:"))
        .map(|(_, action)| action.trim().trim_matches(['"', '\'']))
        .collect()
}

/// Whether an action is named by a whole commit id, and its version stands beside it for people.
fn is_pinned(action: &str) -> bool {
    let Some((name, pin)) = action.split_once('@') else {
        return false;
    };
    let (commit, version) = pin.split_once(" # v").unwrap_or((pin, ""));
    let is_id = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_commit = commit.len() == 40 && commit.bytes().all(is_id);
    let is_version = version.split('.').count() == 3
        && version.split('.').all(|part| part.parse::<u32>().is_ok());
    name.contains('/') && is_commit && is_version
}

#[test]
fn every_action_is_pinned_by_a_whole_commit_id() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    for (action, wanted) in [
        (format!("a/b@{id} # v1.2.3"), true),
        (format!("a/b/c@{id} # v1.2.3"), true),
        (format!("a/b@{id}"), false),
        (format!("a/b@{} # v1.2.3", &id[1..]), false),
        (format!("a/b@{id} # v1"), false),
        ("a/b@v4 # v4.0.0".to_owned(), false),
        ("a/b".to_owned(), false),
        ("./local".to_owned(), false),
    ] {
        assert_eq!(is_pinned(&action), wanted, "{action}");
    }
    let mut files = workflows();
    files.push((
        "action.yml".to_owned(),
        std::fs::read_to_string("action.yml").unwrap(),
    ));
    assert_eq!(files.len(), 3, "release, test and the action itself");
    for (path, text) in &files {
        let used = used(text);
        assert!(!used.is_empty(), "{path}");
        for action in used {
            assert!(is_pinned(action), "{path}: {action}");
        }
    }
    // What people copy. Our own version is theirs to choose.
    let page = std::fs::read_to_string("docs/ci.md").unwrap();
    let copied: Vec<&str> = used(&page)
        .into_iter()
        .filter(|action| !action.starts_with("OWNER/unleak@"))
        .collect();
    assert!(!copied.is_empty());
    for action in copied {
        assert!(is_pinned(action), "docs/ci.md: {action}");
    }
}

#[test]
fn workflows_put_no_expression_into_a_script() {
    for (path, text) in workflows() {
        for line in text.lines().filter(|line| line.contains("${{")) {
            let (key, _) = line.trim().split_once(": ").unwrap_or_default();
            let is_word = |c: char| c.is_ascii_alphabetic() || "_-".contains(c);
            assert!(
                !key.is_empty() && key != "run" && key.chars().all(is_word),
                "{path}: {line}"
            );
        }
    }
}

/// A YAML file.
fn yaml(path: &str) -> yaml_rust2::Yaml {
    let text = std::fs::read_to_string(path).unwrap();
    yaml_rust2::YamlLoader::load_from_str(&text)
        .unwrap()
        .remove(0)
}

#[test]
fn a_workflow_runs_all_tests_on_pushes_and_pull_requests_and_may_write_nothing() {
    let workflow = yaml(".github/workflows/test.yml");
    let events = workflow["on"].as_hash().unwrap();
    let names: Vec<&str> = events.keys().map(|key| key.as_str().unwrap()).collect();
    // Never 'pull_request_target': it would hand a token that can write to a stranger's code.
    assert_eq!(names, ["push", "pull_request"]);
    let permissions = workflow["permissions"].as_hash().unwrap();
    assert!(!permissions.is_empty());
    assert!(
        permissions
            .values()
            .all(|value| value.as_str() == Some("read"))
    );
    for (name, job) in workflow["jobs"].as_hash().unwrap() {
        assert!(
            job["permissions"].is_badvalue(),
            "{name:?} asks for no more"
        );
    }
    let steps = workflow["jobs"]["run"]["steps"].as_vec().unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step["run"].as_str() == Some(".ci/run"))
    );
    let checkout = &steps[0]["with"];
    assert_eq!(
        checkout["fetch-depth"].as_i64(),
        Some(0),
        "the scan of all history needs it"
    );
    assert_eq!(checkout["persist-credentials"].as_bool(), Some(false));
}

#[test]
fn the_gitlab_job_writes_each_report_that_it_names() {
    let job = &yaml("docs/gitlab-ci.yml")["unleak"];
    let script = job["script"][0].as_str().unwrap();
    let mut words = script.split_whitespace();
    assert_eq!(words.next(), Some("unleak-ci"));
    let args: Vec<&str> = words.collect();
    let (repo, [_, main, _, _]) = cloned();
    let head = repo.commit_file("c", github_token(1));
    let env = gitlab(
        "merge_request_event",
        &[
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &main),
            ("CI_COMMIT_SHA", &head),
        ],
    );
    let output = run(&repo, Path::new(env!("CARGO_BIN_EXE_unleak")), &env, &args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let reports = job["artifacts"]["reports"].as_hash().unwrap();
    let named: Vec<(&str, &str)> = reports
        .iter()
        .map(|(kind, file)| (kind.as_str().unwrap(), file.as_str().unwrap()))
        .collect();
    let kinds: Vec<&str> = named.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["secret_detection", "junit"]);
    for (kind, file) in named {
        let text = std::fs::read_to_string(repo.path().join(file)).unwrap();
        let wanted = match kind {
            "junit" => "<testsuites tests=\"1\" failures=\"1\" errors=\"0\">",
            _ => "\"category\": \"secret_detection\"",
        };
        assert!(text.contains(wanted), "{kind}: {text}");
    }
    // A job that fails for what it found hands on its reports, too.
    assert_eq!(job["artifacts"]["when"].as_str(), Some("always"));
}

#[test]
fn all_name_the_same_oldest_rust() {
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let (_, rest) = manifest.split_once("rust-version = \"").unwrap();
    let (oldest, _) = rest.split_once('"').unwrap();
    for (file, words) in [
        ("README.md", format!("Rust ({oldest} or later)")),
        ("CONTRIBUTING.md", format!("Rust {oldest},")),
        ("Containerfile", format!("/rust:{oldest}-")),
    ] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(&words), "{file} does not say '{words}'");
    }
}
