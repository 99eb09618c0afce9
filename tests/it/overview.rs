//! A report begins with what matters, and a large one with an overview.

use crate::support::screen::Screen;
use crate::support::terminal::on_terminal;
use crate::support::{Repo, github_token, token, unleak};

/// A repository with `count` secrets in tests and three elsewhere.
fn with_many(count: u64) -> Repo {
    let repo = Repo::new();
    for number in 0..count {
        let line = format!("key = {}\n", github_token(100 + number));
        repo.write(format!("tests/data/{number}.conf"), line);
    }
    repo.write("conf/app.env", format!("TOKEN={}\n", github_token(1)));
    let password = token("{base62:14}7aQ", 2);
    repo.write("conf/db.env", format!("DB_PASSWORD={password}\n"));
    repo.write("docs/use.md", format!("TOKEN={}\n", github_token(3)));
    repo.commit("all");
    repo
}

fn human(repo: &Repo, options: &[&str]) -> String {
    let output = unleak(&[&["scan"], options, &["."]].concat(), repo.path());
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn severity_says_what_a_finding_would_mean() {
    let repo = with_many(1);
    let lost = format!("key = {}\n", github_token(9));
    repo.git(&["checkout", "--quiet", "-b", "lost"]);
    repo.commit_file("lost.conf", lost);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["branch", "--quiet", "-D", "lost"]);
    let report = repo.scan(&[]);
    let told: Vec<(&str, &str, &str)> = report
        .findings()
        .iter()
        .map(|finding| {
            let path = finding["history"]["paths"][0].as_str().unwrap();
            let severity = finding["severity"].as_str().unwrap();
            (path, severity, finding["path_class"].as_str().unwrap())
        })
        .collect();
    let password = report
        .findings()
        .iter()
        .find(|finding| finding["history"]["paths"][0] == "conf/db.env")
        .unwrap();
    assert_eq!(password["severity"], password["confidence"]);
    for (path, severity, class) in [
        ("conf/app.env", "critical", "production"),
        ("lost.conf", "high", "production"),
        ("tests/data/0.conf", "high", "test"),
        ("docs/use.md", "high", "documentation"),
    ] {
        assert!(told.contains(&(path, severity, class)), "{path}: {told:?}");
    }
    let rank = |severity: &str| {
        let order = ["critical", "high", "medium", "low", "info"];
        order.iter().position(|&known| known == severity).unwrap()
    };
    let ranks: Vec<usize> = told.iter().map(|entry| rank(entry.1)).collect();
    assert!(ranks.is_sorted(), "{told:?}");
    // Of one severity, what HEAD still has comes first, and of that production.
    assert_eq!(told.last().map(|entry| entry.0 == "lost.conf"), Some(false));
}

#[test]
fn what_was_not_published_is_less_severe() {
    let repo = Repo::new();
    repo.commit_file("public.env", format!("TOKEN={}\n", github_token(1)));
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.commit_file("tagged.env", format!("TOKEN={}\n", github_token(2)));
    repo.git(&["tag", "v1"]);
    repo.commit_file("local.env", format!("TOKEN={}\n", github_token(3)));
    let severities = || -> Vec<(String, String)> {
        let report = repo.scan(&[]);
        let findings = report.findings().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        findings
            .map(|f| (text(&f["history"]["paths"][0]), text(&f["severity"])))
            .collect()
    };
    let told = |of: [(&str, &str); 3]| of.map(|(path, word)| (path.to_owned(), word.to_owned()));
    let expected = [
        ("public.env", "critical"),
        ("tagged.env", "critical"),
        ("local.env", "high"),
    ];
    assert_eq!(severities(), told(expected));
    // Without a remote, nobody knows what was published.
    repo.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    assert!(severities().iter().all(|(_, word)| word == "critical"));
}

#[test]
fn the_default_branch_is_named_first() {
    let repo = Repo::new();
    repo.commit_file("app.env", format!("TOKEN={}\n", github_token(1)));
    for number in 0..20 {
        repo.git(&["branch", &format!("fix-{number}")]);
        let remote = format!("refs/remotes/origin/fix-{number}");
        repo.git(&["update-ref", &remote, "HEAD"]);
    }
    let text = human(&repo, &[]);
    assert!(text.contains("on origin/fix-0, "), "{text}");
    repo.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let text = human(&repo, &[]);
    assert!(text.contains("on origin/main, origin/fix-0, "), "{text}");
}

#[test]
fn a_report_of_the_current_directory_has_its_name() {
    let repo = Repo::new();
    repo.commit_file("app.env", format!("TOKEN={}\n", github_token(1)));
    let name = repo.path().file_name().unwrap().to_str().unwrap();
    assert!(human(&repo, &[]).contains(&format!(" in {name}; ")));
    let page = unleak(&["scan", "--format", "html", "."], repo.path());
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains(&format!("<title>unleak: {name}</title>")));
}

#[test]
fn a_large_report_begins_with_an_overview() {
    let repo = with_many(30);
    let text = human(&repo, &[]);
    let first = text.find("\ncritical ").unwrap();
    let overview = &text[..first];
    for line in [
        "33 secrets found (1 critical, ",
        "        rule ",
        "    32  github-pat",
        "    30  tests/",
        "    33  Ada Author",
        "    33  2020",
        "33 in HEAD, 0 only in history; on no remote-tracking branch",
    ] {
        assert!(overview.contains(line), "{line}: {overview}");
    }
    assert_eq!(text.matches(" github-pat: ").count(), 1, "{text}");
    assert!(
        text.contains("31 findings only in tests, documentation and other such files"),
        "{text}"
    );
    assert!(text.contains("    30  tests/data/ (test)\n"), "{text}");
    assert!(
        text.contains("\n  many at once: unleak triage, or unleak ignore"),
        "{text}"
    );
    let all = human(&repo, &["--all"]);
    assert_eq!(all.matches(" github-pat: ").count(), 32, "{all}");
    assert!(!all.contains("only in tests, documentation and"), "{all}");
}

#[test]
fn a_small_report_needs_no_overview() {
    let text = human(&with_many(4), &[]);
    assert_eq!(text.matches(" github-pat: ").count(), 6, "{text}");
    assert!(!text.contains("        rule "), "{text}");
    assert!(!text.contains("unleak triage"), "{text}");
}

#[test]
fn severities_can_be_selected() {
    let repo = with_many(4);
    let count = |options: &[&str]| repo.scan(options).findings().len();
    assert_eq!(count(&["--severity", "critical"]), 1);
    assert_eq!(count(&["--severity", "critical", "--severity", "high"]), 7);
    assert_eq!(count(&["--severity", "high"]), 6);
    let report = repo.scan(&["--severity", "info"]);
    assert_eq!(report.findings().len(), 0);
    assert_eq!(report.json["coverage"]["filtered"], 7);
    assert_eq!(report.json["coverage"]["filters"][0], "--severity info");
    let args = ["ignore", "--severity", "high", "--reason", "tests"];
    assert!(unleak(&args, repo.path()).status.success());
    assert_eq!(count(&[]), 1);
}

#[test]
fn the_number_of_findings_can_be_limited() {
    let repo = with_many(4);
    let text = human(&repo, &["--limit", "2"]);
    assert_eq!(text.matches("\n  --> ").count(), 2, "{text}");
    assert!(
        text.contains("and 5 more findings: '--all' prints"),
        "{text}"
    );
}

#[test]
fn classes_of_paths_can_be_selected() {
    let repo = with_many(4);
    let of = |class: &str| {
        let report = repo.scan(&["--path-class", class]);
        (
            report.findings().len(),
            report.json["coverage"]["filtered"].as_u64(),
        )
    };
    assert_eq!(of("test"), (4, Some(3)));
    assert_eq!(of("documentation"), (1, Some(6)));
    assert_eq!(of("production"), (2, Some(5)));
    let output = unleak(&["scan", "--path-class", "vendored", "."], repo.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("no secrets match --path-class vendored"),
        "{said}"
    );
}

/// As long as the pager runs, Ctrl-C is for it, as in git.
#[test]
fn a_pager_outlives_ctrl_c() {
    let repo = with_many(1);
    let pager = "trap '' INT; cat; read word < /dev/tty; echo left:$word";
    let env = [("UNLEAK_PAGER", pager)];
    let args = ["scan", "--color=never", "."];
    let mut screen = Screen::start(repo.path(), &args, &env, (60, 120));
    screen.wait_for("4 secrets found");
    screen.press("\u{3}");
    screen.press("done\n");
    screen.wait_for("left:done");
    assert_eq!(screen.end().0, Some(1));
}

#[test]
fn on_a_terminal_a_report_goes_through_a_pager() {
    let repo = with_many(1);
    let pager = [("UNLEAK_PAGER", "sed s/^/paged:/")];
    let (code, said) = on_terminal(repo.path(), &["scan", "--color=never", "."], &pager, "");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("paged:4 secrets found"), "{said}");
    let plain = on_terminal(
        repo.path(),
        &["scan", "--color=never", "--no-pager", "."],
        &pager,
        "",
    )
    .1;
    assert!(plain.contains("4 secrets found"), "{plain}");
    assert!(!plain.contains("paged:"), "{plain}");
    // A saved report, too.
    let saved = repo.path().join("saved.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    for (more, is_paged) in [(&[] as &[&str], true), (&["--no-pager"], false)] {
        let show = ["--color=never", "report", "show", "saved.json"];
        let said = on_terminal(repo.path(), &[&show, more].concat(), &pager, "").1;
        assert!(said.contains("4 secrets found"), "{said}");
        assert_eq!(said.contains("paged:4 secrets found"), is_paged, "{said}");
    }
    // A pager that is not there loses nothing.
    let missing = [("PAGER", "no-such-pager-of-ours")];
    let said = on_terminal(repo.path(), &["scan", "--color=never", "."], &missing, "").1;
    assert!(said.contains("4 secrets found"), "{said}");
}

/// A copy in production says more than the example that it was taken from.
#[test]
fn the_place_that_makes_a_finding_important_is_named() {
    let repo = Repo::new();
    let line = format!("TOKEN = \"{}\"\n", github_token(61));
    repo.commit_file("docs/a.md", &line);
    let ignore = ["ignore", "--path", "docs", "--reason", "example"];
    assert!(unleak(&ignore, repo.path()).status.success());
    repo.commit_file("src/app.py", format!("x = 1\n{line}"));
    for (options, part) in [
        (&[][..], "  also src/app.py:2:10 (production)\n"),
        (&["-q"], "(also src/app.py:2:10 (production))"),
        (
            &["--format", "markdown"],
            "also src/app.py:2:10 (production)",
        ),
        (
            &["--format", "junit"],
            "docs/a.md:1:10, also src/app.py:2:10 (production)",
        ),
    ] {
        let output = unleak(&[&["scan", "."], options].concat(), repo.path());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(part), "{options:?}: {said}");
        let warned = String::from_utf8(output.stderr).unwrap();
        assert!(warned.contains("has ended"), "{warned}");
    }
    let list = unleak(&["ignore", "list"], repo.path());
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.starts_with("src/app.py:2 and 1 more file"), "{list}");
    assert!(list.contains("ENDED: also in src/app.py"), "{list}");
}
