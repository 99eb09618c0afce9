//! Suppressions by selection: the filters of a scan decide what is accepted, and what is taken back.

use crate::support::{Repo, github_token, token, unleak};

const REASON: [&str; 2] = ["--reason", "looked at"];

/// A text without its line breaks.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The digits that name the first suppression of a list.
fn first_digits(listed: &str) -> &str {
    let notes = listed.lines().nth(1).unwrap().trim_start();
    notes.split(' ').next().unwrap()
}

/// The file of the first suppression of a list.
fn first_file(repo: &Repo, listed: &str) -> String {
    let digits = first_digits(listed);
    let files = std::fs::read_dir(repo.path().join(".unleak/ignore")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names = names.filter(|name| name.starts_with(digits));
    format!(".unleak/ignore/{}", names.next().unwrap())
}

fn run(repo: &Repo, args: &[&str]) -> (Option<i32>, String) {
    let output = repo.unleak(args, b"", &[]);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn ignore(repo: &Repo, args: &[&str]) -> String {
    let args = [&["ignore"], args, &REASON].concat();
    let (code, text) = run(repo, &args);
    assert_eq!(code, Some(0), "{args:?}: {text}");
    text
}

fn remove(repo: &Repo, args: &[&str]) -> String {
    let args = [&["ignore", "remove"], args].concat();
    let (code, text) = run(repo, &args);
    assert_eq!(code, Some(0), "{args:?}: {text}");
    text
}

/// The first paths of the findings that are open.
fn open(repo: &Repo) -> Vec<String> {
    let report = repo.scan(&[]);
    let mut paths: Vec<String> = report
        .findings()
        .iter()
        .map(|finding| finding["history"]["paths"][0].as_str().unwrap().to_owned())
        .collect();
    paths.sort_unstable();
    paths
}

fn file(value: &str) -> String {
    format!("first\ntoken = \"{value}\"\n")
}

fn slack_token(seed: u64) -> String {
    token("xoxb-{digits:12}-{digits:12}-{base62:24}", seed)
}

/// Tokens of two rules in three directories, of two authors, over years.
fn mixed() -> Repo {
    let repo = Repo::new();
    repo.commit_file("tests/a.conf", file(&github_token(600)));
    repo.commit_file("src/b.conf", file(&github_token(601)));
    repo.commit_file("docs/c.conf", file(&slack_token(602)));
    repo.write("src/d.conf", file(&slack_token(603)));
    repo.git(&["add", "."]);
    let late = [
        "-c",
        "user.name=Bob",
        "-c",
        "user.email=bob@example.org",
        "commit",
        "-q",
        "-m",
        "late",
        "--date=2024-05-06T00:00:00Z",
        "--author=Bob <bob@example.org>",
    ];
    repo.git(&late);
    assert_eq!(open(&repo).len(), 4);
    repo
}

#[test]
fn filters_select_what_is_ignored_and_what_is_taken_back() {
    let repo = mixed();
    let all = open(&repo);
    let slack = repo.scan(&[]).findings().iter().find_map(|finding| {
        let rule = finding["rule_id"].as_str()?;
        rule.starts_with("slack").then(|| rule.to_owned())
    });
    let slack = slack.unwrap();
    for (filters, left) in [
        (
            &["--rule", "github-pat"][..],
            &["docs/c.conf", "src/d.conf"][..],
        ),
        (&["--provider", "GitHub"], &["docs/c.conf", "src/d.conf"]),
        (&["--path", "src"], &["docs/c.conf", "tests/a.conf"]),
        (
            &["--path", "tests/**", "--path", "docs"],
            &["src/b.conf", "src/d.conf"],
        ),
        (
            &["--exclude", "src", "--rule", &slack],
            &["src/b.conf", "src/d.conf", "tests/a.conf"],
        ),
        (
            &["--author", "bob"],
            &["docs/c.conf", "src/b.conf", "tests/a.conf"],
        ),
        (&["--before", "2024-01-01"], &["src/d.conf"]),
        (
            &["--before", "2024-01-01", "--path", "src"],
            &["docs/c.conf", "src/d.conf", "tests/a.conf"],
        ),
        (&["--all"], &[]),
    ] {
        let dry = ignore(&repo, &[filters, &["--dry-run"]].concat());
        assert!(dry.contains("nothing was changed"), "{dry}");
        assert_eq!(open(&repo), all, "after a dry run of {filters:?}");
        let said = ignore(&repo, filters);
        assert_eq!(open(&repo), left, "{filters:?}: {said}");
        let dry = remove(&repo, &[filters, &["-n"]].concat());
        assert!(dry.contains("nothing was changed"), "{dry}");
        assert_eq!(open(&repo), left, "{filters:?}: {dry}");
        let said = remove(&repo, filters);
        assert_eq!(open(&repo), all, "{filters:?}: {said}");
    }
}

#[test]
fn before_is_a_filter_of_scans_too() {
    let repo = mixed();
    let report = repo.scan(&["--before", "2024-01-01"]);
    assert_eq!(report.findings().len(), 3);
    assert_eq!(
        report.json["coverage"]["filters"][0],
        "--before '2024-01-01'"
    );
    assert_eq!(report.json["coverage"]["filtered"], 1);
    let (code, text) = run(&repo, &["scan", "--before", "no day"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("'no day' is not a date"), "{text}");
    let (code, text) = run(&repo, &["scan", "--staged", "--before", "2024-01-01"]);
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn nothing_is_ignored_unless_something_is_selected() {
    let repo = mixed();
    for args in [
        &["ignore", "--reason", "x"][..],
        &["ignore", "--reason", "x", "--range", "HEAD~1..HEAD"],
        &["ignore", "remove"],
        &["ignore", "remove", "--dry-run"],
    ] {
        let (code, text) = run(&repo, args);
        assert_eq!(code, Some(2), "{text}");
        assert!(
            text.contains("is selected") && text.contains("'--all'"),
            "{text}"
        );
    }
    // Without a reason, only a dry run.
    let (code, text) = run(&repo, &["ignore", "--all"]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = run(&repo, &["ignore", "--all", "--dry-run"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("4 findings would be suppressed"), "{text}");
    // A filter that can match nothing is a mistake here as in a scan.
    let (code, text) = run(&repo, &["ignore", "--reason", "x", "--path", "sorce"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("can match nothing"), "{text}");
    assert!(!repo.path().join(".unleak").exists());
}

#[test]
fn a_pull_request_is_accepted_in_one_command() {
    let repo = Repo::new();
    repo.commit_file("old.conf", file(&github_token(610)));
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.commit_file("new.conf", file(&github_token(611)));
    repo.commit_file("other.conf", file(&github_token(612)));
    let said = ignore(&repo, &["--range", "main..topic", "--all"]);
    assert!(said.contains("2 findings are suppressed"), "{said}");
    assert_eq!(open(&repo), ["old.conf"]);
    // The second run of a pipeline has nothing to do, and that is no failure.
    let said = ignore(&repo, &["--range", "main..topic", "--all"]);
    assert!(said.contains("nothing is suppressed"), "{said}");
    assert_eq!(open(&repo), ["old.conf"]);
}

#[test]
fn a_report_selects_what_it_lists() {
    let repo = mixed();
    let report = repo.scan(&["--path", "src"]);
    let path = repo.git_dir().join("report.json");
    std::fs::write(&path, &report.bytes).unwrap();
    let path = path.to_str().unwrap();
    let said = ignore(&repo, &["--from", path, "--rule", "github-pat"]);
    assert_eq!(
        open(&repo),
        ["docs/c.conf", "src/d.conf", "tests/a.conf"],
        "{said}"
    );
    let said = ignore(&repo, &["--from", path]);
    assert_eq!(open(&repo), ["docs/c.conf", "tests/a.conf"], "{said}");
    let said = remove(&repo, &["--from", path]);
    assert_eq!(open(&repo).len(), 4, "{said}");
    // What the repository does not have is told.
    let other = Repo::new();
    other.commit_file("x", file(&github_token(601)));
    let said = ignore(&other, &["--from", path]);
    assert!(
        said.contains("warning: 1 of 2 findings of the report"),
        "{said}"
    );
    assert_eq!(open(&other), [""; 0]);
}

#[test]
fn filters_select_from_a_report_as_from_a_scan() {
    let repo = mixed();
    repo.git(&["tag", "v1", "HEAD~1"]);
    let report = repo.scan(&[]);
    let path = repo.git_dir().join("report.json");
    std::fs::write(&path, &report.bytes).unwrap();
    let from = ["--from", path.to_str().unwrap()];
    let rules: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding["rule_id"].as_str().unwrap())
        .collect();
    for filters in [
        &["--rule", rules[0]][..],
        &["--rule", rules[0], "--path", "src"],
        &["--provider", "github"],
        &["--path", "src"],
        &["--path", "tests/**", "--path", "docs"],
        &["--exclude", "src"],
        &["--path-class", "test", "--path-class", "documentation"],
        &["--severity", "critical"],
        &["--severity", "low"],
        &["--author", "BOB@example"],
        &["--before", "2024-01-01"],
        &["--ref", "v1"],
        &["--ref", "refs/heads/main"],
        &["--in-head"],
        &["--all", "--min-confidence", "high"],
    ] {
        let scanned = run(&repo, &[&["ignore", "-n"], filters].concat());
        let listed = run(&repo, &[&["ignore", "-n"], filters, &from[..]].concat());
        assert_eq!(scanned, listed, "{filters:?}");
        assert!(scanned.1.contains("nothing"), "{filters:?}: {}", scanned.1);
    }
    // What can match nothing is a mistake, whoever knows it.
    for filters in [["--path", "sorce"], ["--author", "nobody"], ["--ref", "v9"]] {
        let (code, text) = run(&repo, &[&["ignore", "-n"], &filters[..], &from].concat());
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("can match nothing"), "{text}");
    }
    // One that is named must be in the report, and selected.
    let id = &report.findings()[0]["fingerprint"].as_str().unwrap()[..12];
    let said = ignore(&repo, &[&[id], &from[..]].concat());
    assert!(said.contains("1 finding is suppressed"), "{said}");
    let (code, text) = run(&repo, &[&["ignore", "-n", "00000000"], &from[..]].concat());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no finding of the report has"), "{text}");
    let author = ["ignore", "-n", id, "--author", "nobody"];
    let (code, text) = run(&repo, &[&author, &from[..]].concat());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the filters do not select"), "{text}");
    // What is suppressed stays as it is.
    let said = ignore(&repo, &from);
    assert!(said.contains("3 findings are suppressed"), "{said}");
    let said = remove(&repo, &[&from[..], &["--path", "src"]].concat());
    assert!(said.contains("2 suppressions removed"), "{said}");
    assert_eq!(open(&repo), ["src/b.conf", "src/d.conf"]);
}

#[test]
fn a_report_that_says_enough_spares_the_scan() {
    let repo = mixed();
    let (whole, part) = (repo.git_dir().join("a.json"), repo.git_dir().join("b.json"));
    std::fs::write(&whole, repo.scan(&[]).bytes).unwrap();
    std::fs::write(&part, repo.scan(&["--range", "HEAD~1..HEAD"]).bytes).unwrap();
    let (whole, part) = (whole.to_str().unwrap(), part.to_str().unwrap());
    // A scan would find this object damaged, and say so.
    let name = repo.git(&["rev-parse", "HEAD~2:tests/a.conf"]);
    let object = repo
        .git_dir()
        .join("objects")
        .join(&name[..2])
        .join(name[2..].trim());
    let mut permissions = std::fs::metadata(&object).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    std::fs::set_permissions(&object, permissions).unwrap();
    std::fs::write(&object, "damaged").unwrap();
    let warning = "not everything could be read";
    let scanned = ignore(&repo, &["--all", "-n"]);
    assert!(scanned.contains(warning), "{scanned}");
    for args in [
        &["--from", whole, "--path", "src"][..],
        &["--from", part, "--rule", "github-pat"],
    ] {
        let said = ignore(&repo, &[args, &["-n"]].concat());
        assert!(!said.contains(warning), "{args:?}: {said}");
    }
    // A report of a part of the history does not know every path.
    let said = ignore(&repo, &["--from", part, "--path", "src", "-n"]);
    assert!(said.contains(warning), "{said}");
}

#[test]
fn a_list_is_read_on_eighty_columns() {
    let repo = mixed();
    let reason = "these were made up for the tests of the parser and are valid nowhere, ".repeat(3);
    let args = [
        "ignore",
        "--all",
        "--owner",
        "ada",
        "--expires",
        "90d",
        "--reason",
    ];
    let (code, said) = run(&repo, &[&args[..], &[&reason]].concat());
    assert_eq!(code, Some(0), "{said}");
    repo.commit_file(
        &format!("{}/key.conf", "deep/er".repeat(12)),
        format!("t = {} # unleak:allow\n", github_token(650)),
    );
    let (_, listed) = run(&repo, &["ignore", "list"]);
    for line in listed.lines().filter(|line| !line.contains("deep/")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let heads = listed.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(heads.count(), 5, "{listed}");
    let plain = on_one_line(&listed);
    assert_eq!(plain.matches(reason.trim()).count(), 4, "{listed}");
    assert_eq!(
        plain.matches("; owner: ada; expires: ").count(),
        4,
        "{listed}"
    );
    // A rule that has no room beside a long path is below it.
    let marker = plain.matches(" inline marker; github-pat").count();
    assert_eq!(marker, 1, "{listed}");
}

#[test]
fn an_expiry_may_be_a_time_from_now() {
    let repo = mixed();
    for (text, what) in [
        ("0d", "nothing was changed"),
        ("90d", "nothing was changed"),
        ("12w", "nothing was changed"),
        ("6m", "nothing was changed"),
        ("1y", "nothing was changed"),
        ("-1d", "is in the past"),
        ("9", "is not a day"),
        ("d", "is not a day"),
        ("99999999999d", "is not a day"),
        ("1\u{fc}", "is not a day"),
    ] {
        let expires = format!("--expires={text}");
        let (_, said) = run(&repo, &["ignore", "--all", "-n", &expires]);
        assert!(said.contains(what), "{text}: {said}");
    }
}

#[test]
fn a_report_of_the_worktree_selects_what_is_in_no_commit() {
    let repo = Repo::new();
    repo.commit_file("a.conf", "nothing\n");
    repo.write("new.conf", file(&github_token(615)));
    let report = repo.scan(&["--worktree"]);
    assert_eq!(report.findings().len(), 1);
    let path = repo.git_dir().join("report.json");
    std::fs::write(&path, &report.bytes).unwrap();
    let said = ignore(&repo, &["--from", path.to_str().unwrap()]);
    assert!(said.contains("new.conf:2"), "{said}");
    assert_eq!(repo.scan(&["--worktree"]).findings().len(), 0);
}

#[test]
fn a_path_accepts_only_what_was_nowhere_else() {
    let repo = Repo::new();
    let (here, both) = (github_token(620), github_token(621));
    repo.commit_file("tests/here.conf", file(&here));
    repo.commit_file("tests/both.conf", file(&both));
    repo.commit_file("src/both.conf", file(&both));
    let said = ignore(&repo, &["--path", "tests"]);
    assert!(said.contains("1 finding is suppressed"), "{said}");
    assert!(said.contains("1 finding left open"), "{said}");
    assert!(said.contains("was in src/both.conf, too"), "{said}");
    assert_eq!(repo.scan(&[]).findings().len(), 1);
    // It ends when the value turns up elsewhere.
    repo.commit_file("src/here.conf", file(&here));
    assert_eq!(repo.scan(&[]).findings().len(), 2);
    // Several patterns hold together.
    let said = ignore(&repo, &["--path", "tests", "--path", "src/*.conf"]);
    assert!(said.contains("2 findings are suppressed"), "{said}");
    assert_eq!(repo.scan(&[]).findings().len(), 0);
    repo.commit_file("docs/here.conf", file(&here));
    assert_eq!(repo.scan(&[]).findings().len(), 1);
}

#[test]
fn a_class_accepts_only_as_long_as_the_finding_has_it() {
    let repo = Repo::new();
    let (one, other) = (github_token(630), github_token(631));
    repo.commit_file("tests/one.conf", file(&one));
    repo.commit_file("vendor/x/other.conf", file(&other));
    let said = ignore(&repo, &["--path-class", "test", "--path-class", "vendored"]);
    assert!(said.contains("2 findings are suppressed"), "{said}");
    let (_, listed) = run(&repo, &["ignore", "list"]);
    let said = "; class of path: test or vendored ";
    assert_eq!(
        (on_one_line(&listed) + " ").matches(said).count(),
        2,
        "{listed}"
    );
    // Another file of such a class changes nothing, one of another class ends it.
    repo.commit_file("tests/other.conf", file(&other));
    assert_eq!(repo.scan(&[]).findings().len(), 0);
    repo.commit_file("src/one.conf", file(&one));
    assert_eq!(open(&repo), ["src/one.conf"]);
    // What is wrong in a file is told with its line.
    let (_, listed) = run(&repo, &["ignore", "list"]);
    let path = first_file(&repo, &listed);
    let text = std::fs::read_to_string(repo.path().join(&path)).unwrap();
    assert!(
        text.contains("path_class = [\"test\", \"vendored\"]"),
        "{text}"
    );
    repo.write(&path, text.replace("\"test\"", "\"tests\""));
    let (code, text) = run(&repo, &["scan"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("field 'path_class': 'tests' is not one of production, test,"),
        "{text}"
    );
}

#[test]
fn an_entry_of_a_configuration_may_name_a_class() {
    let repo = Repo::new();
    repo.commit_file("tests/one.conf", file(&github_token(632)));
    repo.commit_file("src/other.conf", file(&github_token(633)));
    repo.write(
        ".unleak.toml",
        "[[ignore]]\npath_class = ['test', 'documentation']\nreason = 'made up'\n",
    );
    assert_eq!(repo.scan(&[]).findings().len(), 2, "it is not trusted");
    let report = repo.scan(&["--trust-repo-config"]);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(report.findings()[0]["path_class"], "production");
    let schema = std::fs::read_to_string("docs/report.schema.json").unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report.json)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report.json["coverage"]["suppressed"][0]["source"], "config");
    let (_, listed) = run(&repo, &["ignore", "list", "--trust-repo-config"]);
    let line = "path_class test or documentation\n  .unleak.toml; reason: made up\n";
    assert!(listed.contains(line), "{listed}");
    repo.write(
        ".unleak.toml",
        "[[ignore]]\nreason = 'x'\npath_class = ['tests']\n",
    );
    let (code, text) = run(&repo, &["scan"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("line 3") && text.contains("'tests'"),
        "{text}"
    );
}

#[test]
fn a_reason_with_a_secret_is_listed_without_it() {
    let repo = Repo::new();
    let (found, unknown) = (github_token(640), github_token(641));
    repo.commit_file("a.conf", file(&found));
    let reason = format!("{found} was replaced by {unknown}");
    let args = ["ignore", "--all", "--reason", &reason, "--owner", &unknown];
    let (code, said) = run(&repo, &args);
    assert_eq!(code, Some(0), "{said}");
    let (code, listed) = run(&repo, &["ignore", "list"]);
    assert_eq!(code, Some(0), "{listed}");
    let plain = on_one_line(&listed);
    assert!(plain.contains(" was replaced by ghp_…"), "{listed}");
    let id = repo.scan(&["--no-ignore"]).findings()[0]["fingerprint"].clone();
    let again = ["ignore", id.as_str().unwrap(), "--reason", "x", "--dry-run"];
    let (_, again) = run(&repo, &again);
    assert!(
        again.contains("was suppressed before; reason: ghp_…"),
        "{again}"
    );
    for text in [said, listed, again] {
        assert!(!text.contains(&found) && !text.contains(&unknown), "{text}");
    }
}

#[test]
fn what_is_accepted_leaves_the_purge_plan() {
    let repo = mixed();
    let plan = repo.git_dir().join("unleak/purge-plan.json");
    std::fs::create_dir_all(plan.parent().unwrap()).unwrap();
    let planned = |plan: &std::path::Path| {
        let text = std::fs::read_to_string(plan).unwrap();
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        plan["findings"].as_array().unwrap().len()
    };
    std::fs::write(&plan, repo.scan(&[]).bytes).unwrap();
    let before = planned(&plan);
    // A dry run changes nothing.
    ignore(&repo, &["--path", "src", "--dry-run"]);
    assert_eq!(planned(&plan), before);
    let said = ignore(&repo, &["--path", "src"]);
    let told = "2 of these findings were in the purge plan, and no longer are\n";
    assert!(said.contains(told), "{said}");
    assert_eq!(planned(&plan), before - 2);
    // A report that was made before is as it is, but a purge leaves out what is accepted.
    let listed = repo.git_dir().join("listed.json");
    std::fs::write(&listed, repo.scan(&["--no-ignore"]).bytes).unwrap();
    let args = [
        "purge",
        "--from",
        listed.to_str().unwrap(),
        "--format",
        "json",
    ];
    let output = repo.unleak(&args, b"", &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("left out: 2 values of the report"), "{said}");
    let purge: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(purge["values"].as_array().unwrap().len(), before - 2);
    // With a baseline, nothing is left, and the plan is gone.
    let (code, said) = run(&repo, &["baseline", "create"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!plan.exists(), "{said}");
    // A plan that cannot be read does not hide that the findings are accepted.
    std::fs::write(&plan, "x").unwrap();
    repo.commit_file("src/new.conf", file(&github_token(642)));
    let said = ignore(&repo, &["--path", "src/new.conf"]);
    assert!(said.contains("1 finding is suppressed"), "{said}");
    assert!(said.contains("the purge plan still lists"), "{said}");
}

#[test]
fn what_is_ignored_already_keeps_its_reason() {
    let repo = mixed();
    ignore(&repo, &["--path", "src", "--owner", "ada"]);
    let said = ignore(&repo, &["--all"]);
    assert!(said.contains("2 findings are suppressed"), "{said}");
    let (_, listed) = run(&repo, &["ignore", "list"]);
    assert_eq!(listed.matches("owner: ada").count(), 2, "{listed}");
    assert_eq!(listed.lines().count(), 8, "{listed}");
}

#[test]
fn the_list_shows_what_people_recognise_and_no_value() {
    let repo = mixed();
    ignore(&repo, &["--all"]);
    let (_, listed) = run(&repo, &["ignore", "list"]);
    let value = github_token(601);
    let mark = format!("{}…{}", &value[..4], &value[value.len() - 4..]);
    let head = format!("src/b.conf:2  {mark}  github-pat\n  ");
    assert!(listed.contains(&head), "{listed}");
    assert!(listed.contains(" ignore; reason: looked at\n"), "{listed}");
    assert!(!listed.contains(&value), "{listed}");
    // The beginning of a name is enough.
    let digest = first_digits(&listed);
    assert_eq!(digest.len(), 12, "{listed}");
    let digest = &digest[..10];
    let (code, text) = run(&repo, &["ignore", "remove", digest]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&repo, &["ignore", "remove", digest]);
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = run(&repo, &["ignore", "remove", &digest[..3]]);
    assert_eq!(code, Some(2), "three digits name nothing: {text}");
    // All of them, those that hide nothing any more too.
    let none = ".unleak/ignore/00000000000000000000000000000000.toml";
    repo.write(none, "rule = 'x'\n");
    let said = remove(&repo, &["--all"]);
    assert!(said.contains("4 suppressions removed"), "{said}");
    assert!(!repo.path().join(none).exists());
}

#[test]
fn a_named_finding_that_the_filters_leave_out_is_refused() {
    let repo = mixed();
    let report = repo.scan(&["--rule", "github-pat", "--path", "src"]);
    let id = &report.findings()[0]["fingerprint"].as_str().unwrap()[..12];
    let args = ["ignore", id, "--author", "bob", "--reason", "x"];
    let (code, text) = run(&repo, &args);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the filters do not select"), "{text}");
    let output = unleak(
        &["ignore", id, "--author", "Ada", "--reason", "x"],
        repo.path(),
    );
    assert!(output.status.success());
}

#[test]
fn what_a_range_accepted_the_same_range_takes_back() {
    let repo = mixed();
    let before = open(&repo);
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.commit_file("src/new.conf", file(&github_token(640)));
    let range = ["--range", "main..topic", "--all"];
    ignore(&repo, &range);
    ignore(&repo, &["--path", "docs"]);
    let text = remove(&repo, &range);
    assert!(text.contains("1 suppression removed"), "{text}");
    let mut after = before.clone();
    after.retain(|path| !path.starts_with("docs/"));
    after.push("src/new.conf".to_owned());
    after.sort_unstable();
    assert_eq!(open(&repo), after);
}

#[test]
fn a_finding_that_is_named_twice_counts_once() {
    let repo = Repo::new();
    repo.commit_file("a.conf", file(&github_token(641)));
    let report = repo.scan(&[]);
    let id = report.findings()[0]["fingerprint"].as_str().unwrap();
    let text = ignore(&repo, &[id, &id[..8]]);
    assert!(
        !text.contains("2 findings") && !text.contains("suppressed before"),
        "{text}"
    );
    let listed = run(&repo, &["ignore", "list"]).1;
    let short = &first_digits(&listed)[..6];
    let (code, text) = run(&repo, &["ignore", "remove", short]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("at least 8 digits"), "{text}");
}
