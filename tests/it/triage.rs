//! `unleak triage` on a terminal: what is decided there is what other commands read.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::screen::Screen;
use crate::support::{Repo, github_token, unleak, with_refs};

const USUAL: (u16, u16) = (24, 80);

/// A repository with a token in each of these files.
fn with_tokens(paths: &[&str]) -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let tokens: Vec<String> = (0..)
        .take(paths.len())
        .map(|n| github_token(700 + n))
        .collect();
    for (path, token) in paths.iter().zip(&tokens) {
        repo.commit_file(path, format!("first\ntoken = \"{token}\"\n"));
    }
    (repo, tokens)
}

fn start(repo: &Repo, args: &[&str], size: (u16, u16)) -> Screen {
    let args = [&["triage"], args].concat();
    Screen::start(repo.path(), &args, &[], size)
}

/// Presses the last keys, and waits for the end.
fn leave(mut screen: Screen) {
    screen.press("q");
    assert_eq!(screen.end().0, Some(0));
}

fn mark(token: &str) -> String {
    format!("{}…{}", &token[..4], &token[token.len() - 4..])
}

#[test]
fn what_is_ignored_on_the_screen_is_gone_from_the_next_scan() {
    let (repo, tokens) = with_tokens(&["src/a.conf", "src/b.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    let text = screen.wait_for("2 open, 0 ignored, 0 to purge");
    assert!(text.contains("github-pat (2)"), "{text}");
    // Down to the first finding: its line and story are beside the list.
    screen.press("j");
    let text = screen.wait_for("Ada Author");
    assert!(text.contains("severity   critical"), "{text}");
    let line = format!("token = \"{}\"", mark(&tokens[0]));
    assert!(
        text.contains(&line) && text.contains("src/a.conf:2"),
        "{text}"
    );
    screen.press("i");
    screen.wait_for("Ignore 1 finding");
    screen.press("\r");
    screen.wait_for("'--reason' is empty");
    screen.press("key of a deleted account\tada\t2999-12-31\r");
    screen.wait_for("1 open, 1 ignored");
    screen.press("q");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 open, 1 ignored, 0 to purge"), "{text}");
    assert!(text.contains("Commit the directory '.unleak'"), "{text}");
    let left = repo.scan(&["--show-secrets"]);
    assert_eq!(left.findings().len(), 1);
    assert_eq!(left.findings()[0]["secret"], tokens[1].as_str());
    let listed = unleak(&["ignore", "list"], repo.path());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let said = "; reason: key of a deleted account; owner: ada; expires: 2999-12-31";
    let listed: Vec<&str> = listed.split_whitespace().collect();
    assert!(listed.join(" ").contains(said), "{listed:?}");
}

#[test]
fn a_reason_is_offered_again_and_typing_replaces_it() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf", "c.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("3 open");
    screen.press("jifirst reason\r");
    screen.wait_for("2 open, 1 ignored");
    screen.press("i");
    screen.wait_for("first reason_  (as before; what you type replaces it)");
    screen.press("second\r");
    screen.wait_for("1 open, 2 ignored");
    screen.press("i\r");
    screen.wait_for("0 open, 3 ignored");
    leave(screen);
    let listed = unleak(&["ignore", "list"], repo.path());
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(
        listed.matches("; reason: first reason\n").count(),
        1,
        "{listed}"
    );
    assert_eq!(listed.matches("; reason: second\n").count(), 2, "{listed}");
}

#[test]
fn what_is_pasted_is_text() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("2 open");
    // In the list, it is no command: 't' would ignore, 'q' would quit.
    screen.press("j\x1b[200~tq\x1b[201~i");
    screen.wait_for("Ignore 1 finding");
    screen.press("\x1b[200~two\nlines\x1b[201~");
    screen.wait_for("two lines_");
    screen.press("\t\tsoon\r");
    screen.wait_for("'soon' is not a day");
    screen.press("\x1530d\r");
    screen.wait_for("1 open, 1 ignored");
    leave(screen);
    let listed = unleak(&["ignore", "list"], repo.path());
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("; reason: two lines; expires: 2"),
        "{listed}"
    );
}

#[test]
fn the_title_keeps_the_end_of_a_name_and_what_matters() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let saved = repo
        .git_dir()
        .join(format!("{}/scan.json", "long-name".repeat(6)));
    std::fs::create_dir_all(saved.parent().unwrap()).unwrap();
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let screen = start(&repo, &[saved.to_str().unwrap()], USUAL);
    let text = screen.wait_for("1 open");
    let title = text.lines().next().unwrap().trim_end();
    assert!(
        title.starts_with(" 1 open, 0 ignored, 0 to purge | by rule | …"),
        "{title}"
    );
    assert!(title.ends_with("/scan.json"), "{title}");
    leave(screen);
}

#[test]
fn a_long_message_is_shown_to_its_end() {
    let path = format!("{}/key.conf", "long-name-of-a-directory".repeat(4));
    let (repo, _) = with_tokens(&[&path]);
    repo.git(&["rm", "-q", &path]);
    repo.commit("gone");
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    screen.press("jo");
    let text = screen.wait_for("git show");
    // The end of the command is there, and the list above the message.
    let text: String = text.split_whitespace().collect();
    assert!(text.contains(&format!(":{path}")), "{text}");
    assert!(text.contains("github-pat(1)"), "{text}");
    leave(screen);
}

#[test]
fn a_decision_is_undone() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf", "c.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("3 open");
    // The whole group, from its heading.
    screen.press("t");
    screen.wait_for("0 open, 3 ignored");
    assert_eq!(repo.scan(&[]).findings().len(), 0);
    screen.press("u");
    screen.wait_for("3 open, 0 ignored");
    assert_eq!(repo.scan(&[]).findings().len(), 3);
    let left = std::fs::read_dir(repo.path().join(".unleak/ignore")).unwrap();
    assert_eq!(left.count(), 0);
    screen.press("q");
    let (code, text) = screen.end();
    assert_eq!(code, Some(0));
    assert!(!text.contains("Commit the directory"), "{text}");
}

#[test]
fn a_purge_plan_is_what_purge_reads() {
    let (repo, tokens) = with_tokens(&["a.conf", "b.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("2 open");
    screen.press("jp");
    screen.wait_for("1 open, 0 ignored, 1 to purge");
    screen.press("q");
    let (_, text) = screen.end();
    assert!(text.contains("unleak purge --from"), "{text}");
    let plan = repo.git_dir().join("unleak/purge-plan.json");
    let kept = std::fs::read_to_string(&plan).unwrap();
    assert!(!kept.contains(&tokens[0]), "{kept}");
    let args = [
        "purge",
        "--from",
        plan.to_str().unwrap(),
        "--format",
        "json",
    ];
    let output = repo.unleak(&args, b"", &[]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let values = json["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "{json:#}");
    assert_eq!(json["changes"]["head"][0]["path"], "a.conf", "{json:#}");
    // The plan is there the next time; without findings, it is removed.
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open, 0 ignored, 1 to purge");
    screen.press("jp");
    screen.wait_for("2 open, 0 ignored, 0 to purge");
    screen.press("q");
    screen.end();
    assert!(!plan.exists());
}

#[test]
fn a_secret_is_shown_for_one_finding_on_a_key_and_hidden_again() {
    let (repo, tokens) = with_tokens(&["a.conf", "b.conf"]);
    let mut screen = start(&repo, &[], (40, 160));
    screen.wait_for("2 open");
    screen.press("je");
    screen.wait_for("Why it has its confidence");
    screen.press("\x1b");
    screen.wait_for("github-pat (2)");
    screen.press("v");
    screen.wait_for(&tokens[0]);
    screen.press("j");
    screen.wait("hidden", |text| {
        !text.contains(&tokens[0]) && text.contains("b.conf:2")
    });
    assert!(!screen.bytes().contains(&tokens[1]));
    screen.press("q");
    let (_, text) = screen.end();
    assert!(!text.contains(&tokens[0]), "{text}");
}

#[test]
fn a_saved_report_is_triaged_and_holds_no_secret_to_show() {
    let (repo, tokens) = with_tokens(&["a.conf", "b.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let saved = saved.to_str().unwrap();
    let mut screen = start(&repo, &[saved], USUAL);
    screen.wait_for("2 open");
    screen.press("jv");
    screen.wait_for("a saved report holds no secrets");
    screen.press("t");
    screen.wait_for("1 open, 1 ignored");
    screen.press("q");
    assert_eq!(screen.end().0, Some(0));
    assert_eq!(repo.scan(&[]).findings().len(), 1);
    // Elsewhere, nothing can be ignored, and that is said.
    let elsewhere = Repo::bare_directory();
    let mut screen = start(&elsewhere, &[saved], USUAL);
    screen.wait_for("2 open");
    screen.press("jt");
    screen.wait_for("there is no repository here");
    screen.press("q");
    let (_, text) = screen.end();
    assert!(text.contains("2 open, 0 ignored"), "{text}");
    assert!(text.contains("unleak-purge-plan.json"), "{text}");
    // One with secrets is refused.
    let full = repo.git_dir().join("full.json");
    std::fs::write(&full, repo.scan(&["--no-ignore", "--show-secrets"]).bytes).unwrap();
    let screen = start(&repo, &[full.to_str().unwrap()], USUAL);
    let (code, text) = screen.end();
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("holds secrets in full") && !text.contains(&tokens[0]),
        "{text}"
    );
}

#[test]
fn a_configuration_hides_in_a_saved_report_what_it_hides_in_a_scan() {
    let (repo, _) = with_tokens(&["src/a.conf", "tests/b.conf", "vendor/c.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let saved = saved.to_str().unwrap();
    repo.write(
        ".unleak.toml",
        "[[ignore]]\npath_regex = '^tests/'\nreason = 'made up'\n\n\
         [[ignore]]\npath = 'vendor'\nreason = 'old'\nexpires = '2020-01-01'\n",
    );
    // A stranger's file hides nothing but single findings.
    let screen = start(&repo, &[saved], USUAL);
    screen.wait_for("3 open, 0 ignored");
    leave(screen);
    for subject in [&["."][..], &[saved]] {
        let args = [subject, &["--trust-repo-config"]].concat();
        let screen = start(&repo, &args, USUAL);
        let text = screen.wait_for("2 open, ");
        assert_eq!(text.contains("1 ignored"), subject != ["."], "{text}");
        leave(screen);
    }
    // It cannot be opened here: the entry would hide it again.
    let mut screen = start(&repo, &[saved, "--trust-repo-config"], USUAL);
    screen.wait_for("2 open, 1 ignored");
    screen.press("r");
    let text = screen.wait_for("[[ignore]] in '.unleak.toml' suppresses it");
    assert!(text.contains("2 open, 1 ignored"), "{text}");
    leave(screen);
}

#[test]
fn all_worktrees_have_one_plan_without_what_is_accepted() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf"]);
    let other = tempfile::tempdir().unwrap();
    let linked = other.path().join("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    let mut screen = Screen::start(&linked, &["triage"], &[], USUAL);
    screen.wait_for("2 open");
    screen.press("p");
    screen.wait_for("0 open, 0 ignored, 2 to purge");
    screen.press("q");
    let (_, text) = screen.end();
    assert!(
        text.contains("unleak purge --from") && !text.contains("/../"),
        "{text}"
    );
    assert!(repo.git_dir().join("unleak/purge-plan.json").exists());
    let screen = start(&repo, &[], USUAL);
    screen.wait_for("0 open, 0 ignored, 2 to purge");
    leave(screen);
    // Accepted by somebody else, as with a pull.
    let plan = repo.git_dir().join("unleak/purge-plan.json");
    let kept = std::fs::read(&plan).unwrap();
    let args = ["ignore", "--path", "a.conf", "--reason", "x"];
    assert!(unleak(&args, repo.path()).status.success());
    std::fs::write(&plan, kept).unwrap();
    let screen = start(&repo, &[], USUAL);
    screen.wait_for("0 open, 0 ignored, 1 to purge");
    leave(screen);
    let text = std::fs::read_to_string(&plan).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_plan_grows_while_refs_come_and_go() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf"]);
    // A finding of either session is on refs of its own.
    for name in ["one", "two", "three"] {
        repo.git(&["branch", name, "HEAD~1"]);
    }
    let mut screen = start(&repo, &["--path", "a.conf"], USUAL);
    screen.wait_for("1 open");
    screen.press("p");
    screen.wait_for("1 to purge");
    leave(screen);
    for name in ["one", "two", "three"] {
        repo.git(&["branch", "-D", name]);
    }
    repo.git(&["tag", "new"]);
    let mut screen = start(&repo, &["--path", "b.conf"], USUAL);
    screen.wait_for("1 open");
    screen.press("p");
    screen.wait_for("1 to purge");
    leave(screen);
    let plan = repo.git_dir().join("unleak/purge-plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    let report = with_refs(serde_json::from_str(&text).unwrap());
    let names = |number: usize, kind: &str| {
        let names = report["findings"][number]["history"][kind].clone();
        serde_json::from_value::<Vec<String>>(names).unwrap()
    };
    let at = |path: &str| {
        let findings = report["findings"].as_array().unwrap();
        let found = findings
            .iter()
            .position(|f| f["history"]["paths"][0] == path);
        found.unwrap()
    };
    let (a, b) = (at("a.conf"), at("b.conf"));
    assert_eq!(names(a, "branches"), ["main", "one", "three", "two"]);
    assert_eq!(names(b, "branches"), ["main"]);
    assert_eq!((names(a, "tags").len(), names(b, "tags").len()), (0, 1));
    let output = unleak(&["report", "show", plan.to_str().unwrap()], repo.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_editor_gets_the_line_as_it_is_now_and_the_screen_comes_back() {
    let (repo, tokens) = with_tokens(&["a b.conf", "gone.conf"]);
    repo.write("a b.conf", format!("1\n2\n3\ntoken = \"{}\"\n", tokens[0]));
    repo.git(&["rm", "-q", "gone.conf"]);
    let editor = repo.git_dir().join("editor");
    let log = repo.git_dir().join("log");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >'{}'\n", log.display());
    std::fs::write(&editor, script).unwrap();
    let editor = format!("sh {}", editor.display());
    let env = [("EDITOR", editor.as_str())];
    let mut screen = Screen::start(repo.path(), &["triage"], &env, USUAL);
    screen.wait_for("2 open");
    screen.press("jo");
    let edited = |_: &str| log.exists() && screen_is_back(&log);
    screen.wait("the editor", edited);
    screen.press("jo");
    screen.wait_for("is not in the worktree");
    screen.press("q");
    screen.end();
    let words = std::fs::read_to_string(&log).unwrap();
    let file = repo.path().canonicalize().unwrap().join("a b.conf");
    assert_eq!(words, format!("+4\n{}\n", file.display()));
}

fn screen_is_back(log: &std::path::Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.lines().count() == 2)
}

#[test]
fn the_id_is_copied_by_the_terminal() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let id = repo.scan(&[]).findings()[0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    screen.press("jc");
    screen.wait_for("the id is copied");
    let encoded = data_encoding::BASE64.encode(id.as_bytes());
    assert!(screen.bytes().contains(&format!("\x1b]52;c;{encoded}\x07")));
    screen.press("q");
    screen.end();
}

#[test]
fn no_escape_sequence_of_a_repository_reaches_the_terminal() {
    let repo = Repo::new();
    let token = github_token(720);
    let name = "x\x1b]0;owned\x07\u{202e}y.conf";
    repo.commit_file(
        name,
        format!("\x1b[2J\x1b[31m token = \"{token}\" \x1b]52;c;eA==\x07\n"),
    );
    let mut screen = start(&repo, &[], (30, 120));
    screen.wait_for("1 open");
    screen.press("j");
    screen.wait_for("\\u{1b}]0;owned");
    screen.press("ge");
    screen.wait_for("Why it has");
    screen.press("\x1b");
    screen.wait_for("1 open");
    screen.press("v");
    screen.wait_for("The secret is shown");
    let drawn = screen.bytes();
    for bad in [
        "\x1b]0;owned",
        "\x1b[2J\x1b[31m token",
        "\x1b]52;c;eA",
        "\u{202e}",
    ] {
        assert!(!drawn.contains(bad), "{bad:?}");
    }
    screen.press("q");
    screen.end();
}

#[test]
fn the_terminal_is_given_back_on_signals_and_ctrl_c() {
    let (repo, _) = with_tokens(&["a.conf"]);
    for (signal, expected) in [(Signal::TERM, 143), (Signal::HUP, 130), (Signal::INT, 130)] {
        let screen = start(&repo, &[], USUAL);
        screen.wait_for("1 open");
        assert!(!screen.is_restored());
        screen.signal(signal);
        let (code, text) = screen.end();
        assert_eq!(code, Some(expected), "{text}");
        assert!(text.contains("interrupted: what was decided"), "{text}");
    }
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    screen.press("\x03");
    assert_eq!(screen.end().0, Some(0));
}

#[test]
fn any_size_of_a_terminal_will_do() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf"]);
    let mut screen = start(&repo, &[], (5, 20));
    screen.wait_for("2 open");
    screen.press("j");
    screen.wait_for(">");
    // The field that is typed into is visible.
    screen.press("i");
    screen.wait_for("Reason");
    screen.press("x\t");
    screen.wait_for("Owner");
    screen.press("\x1b");
    screen.wait("no form", |text| !text.contains("Owner"));
    screen.press("\r");
    screen.wait_for("Finding");
    screen.press("\x1b?");
    screen.wait_for("Keys");
    screen.press("\x1b");
    for size in [(1, 1), (2, 3), (3, 200), (60, 9), (24, 80), (16, 40)] {
        screen.resize(size.0, size.1);
        screen.press("jk?\x1bi\x1b");
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    screen.resize(24, 80);
    // Drawn anew: a key that comes in the same moment as a new size is read with the next one.
    screen.wait_for("? keys  q quit");
    screen.press("q");
    assert_eq!(screen.end().0, Some(0));
}

/// Bytes of colours: `\x1b[3Xm` and `\x1b[38;...m`.
fn has_colour(drawn: &str) -> bool {
    drawn.split("\x1b[").skip(1).any(|part| {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let is_style = part[end..].starts_with('m');
        let mut codes = part[..end]
            .split(';')
            .filter_map(|code| code.parse::<u32>().ok());
        is_style && codes.any(|code| matches!(code, 30..=38 | 40..=48 | 90..=97 | 100..=107))
    })
}

#[test]
fn colours_are_left_out_if_nobody_wants_them() {
    let (repo, _) = with_tokens(&["a.conf"]);
    for (env, wanted) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let mut screen = Screen::start(repo.path(), &["triage"], env, USUAL);
        screen.wait_for("1 open");
        screen.press("jp");
        screen.wait_for("1 to purge");
        screen.press("uq");
        let shown = screen.bytes();
        screen.end();
        assert_eq!(has_colour(&shown), wanted, "{shown:?}");
    }
}

#[test]
fn without_a_terminal_it_is_refused() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let output = unleak(&["triage"], repo.path());
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("not a terminal") && said.contains("hint: "),
        "{said}"
    );
    let env = [("TERM", "dumb")];
    let screen = Screen::start(repo.path(), &["triage"], &env, USUAL);
    let (code, text) = screen.end();
    assert_eq!(code, Some(2), "{text}");
}

/// A report with as many findings, each under one of 40 rules.
fn large_report(repo: &Repo, count: usize) -> String {
    let saved = repo.scan(&[]);
    let mut json = saved.json.clone();
    let finding = saved.findings()[0].clone();
    let findings = (0..count).map(|number| {
        let mut finding = finding.clone();
        finding["fingerprint"] = format!("{number:032x}").into();
        finding["rule_id"] = format!("rule-{:02}", number % 40).into();
        let path: Value = format!("src/dir{}/file{number}.conf", number % 100).into();
        finding["history"]["first"]["path"] = path.clone();
        finding["history"]["appearances"][0]["path"] = path;
        finding
    });
    json["findings"] = findings.collect::<Vec<_>>().into();
    let path = repo.git_dir().join("large.json");
    std::fs::write(&path, json.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn ten_thousand_findings_are_moved_through_without_a_wait() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let saved = large_report(&repo, 10_000);
    let mut screen = start(&repo, &[&saved], USUAL);
    let text = screen.wait_for("10000 open");
    assert!(text.contains("+ rule-00 (250)"), "{text}");
    let began = std::time::Instant::now();
    screen.press("z");
    screen.wait_for("file0.conf");
    for _ in 0..20 {
        screen.press(&"j".repeat(20));
    }
    screen.press("\x1b[F");
    screen.wait_for("file9999.conf");
    screen.press("/file1234.\r");
    screen.wait_for("rule-34 (1)");
    screen.press("g\x1b[H");
    screen.wait_for("src/dir34/ (1)");
    let took = began.elapsed();
    assert!(took.as_secs() < 20, "{took:?}");
    screen.press("q");
    screen.end();
}

fn stored(repo: &Repo) -> usize {
    std::fs::read_dir(repo.path().join(".unleak/ignore")).map_or(0, Iterator::count)
}

#[test]
fn each_undo_leaves_the_files_as_they_were_before_the_decision() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    screen.press("jifirst reason\r");
    screen.wait_for("0 open, 1 ignored");
    screen.press("i\x15second reason\r");
    screen.wait_for("second reason");
    let list = || String::from_utf8(unleak(&["ignore", "list"], repo.path()).stdout).unwrap();
    assert!(list().contains("reason: second reason"), "{}", list());
    screen.press("u");
    screen.wait("the first reason", |text| !text.contains("second reason"));
    assert!(list().contains("reason: first reason"), "{}", list());
    screen.press("u");
    screen.wait_for("1 open, 0 ignored");
    assert_eq!(stored(&repo), 0, "{}", list());
    screen.press("q");
    screen.end();
    assert_eq!(repo.scan(&[]).findings().len(), 1);
}

#[test]
fn an_expired_suppression_comes_back_when_its_replacement_is_undone() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let id = repo.scan(&[]).findings()[0]["fingerprint"].clone();
    let args = ["ignore", id.as_str().unwrap(), "--reason", "for a while"];
    assert!(unleak(&args, repo.path()).status.success());
    let dir = repo.path().join(".unleak/ignore");
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap();
    let before = std::fs::read_to_string(file.path()).unwrap() + "expires = \"2020-01-01\"\n";
    std::fs::write(file.path(), &before).unwrap();
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    // Twice, since what is written here must not be taken for what was there before.
    for _ in 0..2 {
        screen.press("j");
        screen.press("t");
        screen.wait_for("0 open, 1 ignored");
        assert_ne!(std::fs::read_to_string(file.path()).unwrap(), before);
        screen.press("u");
        screen.wait_for("1 open, 0 ignored");
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), before);
    }
    screen.press("q");
    screen.end();
}

#[test]
fn a_saved_report_shows_what_was_decided_since_and_takes_it_back() {
    let (repo, _) = with_tokens(&["a.conf", "src/b.conf", "src/c.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let saved = saved.to_str().unwrap();
    let mut screen = start(&repo, &[saved], USUAL);
    screen.wait_for("3 open");
    screen.press("jt");
    screen.wait_for("2 open, 1 ignored");
    screen.press("q");
    screen.end();
    let only = ["ignore", "--path", "src/b.conf", "--reason", "here only"];
    assert!(unleak(&only, repo.path()).status.success());
    assert_eq!(stored(&repo), 2);
    let mut screen = start(&repo, &[saved], USUAL);
    screen.wait_for("1 open, 2 ignored");
    // From the heading: both of the group are open again, and on disk.
    screen.press("r");
    screen.wait_for("3 open, 0 ignored");
    assert_eq!(stored(&repo), 0);
    screen.press("u");
    screen.wait_for("1 open, 2 ignored");
    assert_eq!(stored(&repo), 2);
    screen.press("q");
    screen.end();
    assert_eq!(repo.scan(&[]).findings().len(), 1);
}

#[test]
fn a_group_by_secret_holds_one_value() {
    let repo = Repo::new();
    let password = |end: &str| format!("db_password = \"{}-{end}\"\n", "kT9xQw2");
    repo.commit_file("a.py", password("Lm"));
    repo.commit_file("b.py", password("Rz"));
    let args = ["--min-confidence", "low"];
    let mut screen = start(&repo, &args, USUAL);
    let text = screen.wait_for("2 open");
    assert!(text.contains("(2)"), "{text}");
    screen.press("gg");
    let text = screen.wait_for("by secret");
    assert_eq!(text.matches(" (1)").count(), 2, "{text}");
    leave(screen);
}

#[test]
fn filters_select_from_a_saved_report() {
    let (repo, _) = with_tokens(&["a.conf", "tests/b.conf", "tests/c.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    let saved = saved.to_str().unwrap();
    for (filter, count) in [
        (&["--path-class", "test"][..], "2 open"),
        (&["--path", "a.conf"], "1 open"),
        (
            &["--exclude", "tests", "--min-confidence", "high"],
            "1 open",
        ),
    ] {
        let screen = start(&repo, &[&[saved], filter].concat(), USUAL);
        screen.wait_for(count);
        leave(screen);
    }
    let screen = start(&repo, &[saved, "--path", "src"], USUAL);
    let (code, text) = screen.end();
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("select no finding of the report"), "{text}");
}

#[test]
fn what_a_baseline_accepts_is_not_said_to_be_open_again() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).bytes).unwrap();
    assert!(
        unleak(&["baseline", "create"], repo.path())
            .status
            .success()
    );
    let mut screen = start(&repo, &[saved.to_str().unwrap()], USUAL);
    screen.wait_for("0 open, 1 ignored");
    screen.press("jr");
    let text = screen.wait_for("in the baseline");
    assert!(text.contains("0 open, 1 ignored"), "{text}");
    screen.press("q");
    screen.end();
}

#[test]
fn a_usual_terminal_shows_all_keys_the_line_and_the_end_of_a_wide_path() {
    let repo = Repo::new();
    let token = github_token(730);
    let name = "設定ファイルのディレクトリ/とても長い名前/設定ファイル.conf";
    repo.commit_file(name, format!("\t\tkey = \"{token}\"\n"));
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("1 open");
    screen.press("?");
    let text = screen.wait_for("Keys");
    assert!(text.contains("decisions are saved already"), "{text}");
    screen.press("\x1bj");
    let text = screen.wait_for("severity   critical");
    assert!(text.contains("設定ファイル.conf:1│"), "{text}");
    assert!(
        text.contains(&format!("key = \"{}\"", mark(&token))),
        "{text}"
    );
    assert!(!text.contains("\\u{9}"), "{text}");
    // A text that fits on the screen is not scrolled away.
    screen.press("\rjjjjj");
    let text = screen.wait_for("Finding");
    assert!(text.contains("GitHub personal access token"), "{text}");
    screen.press("\x1b");
    let text = screen.wait_for("│why ");
    // What is beside a label stays beside it.
    assert!(
        text.contains("│why        has the shape that only this"),
        "{text}"
    );
    assert!(text.contains("│           issuer uses, checksum"), "{text}");
    screen.press("ggg");
    let text = screen.wait_for("by severity");
    assert!(text.contains("critical (1)"), "{text}");
    screen.press("g");
    let text = screen.wait_for("by class of files");
    assert!(text.contains("production (1) critical"), "{text}");
    screen.press("q");
    screen.end();
}

#[test]
fn a_report_of_version_1_is_triaged() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf"]);
    let report = repo.scan(&[]);
    let mut json = report.json.clone();
    json["schema_version"] = 1.into();
    json.as_object_mut().unwrap().remove("refs");
    for finding in json["findings"].as_array_mut().unwrap() {
        // The names of refs are in the history already: `Repo::scan` puts them there.
        finding["history"].as_object_mut().unwrap().remove("refs");
    }
    let saved = repo.git_dir().join("old.json");
    std::fs::write(&saved, json.to_string()).unwrap();
    let mut screen = start(&repo, &[saved.to_str().unwrap()], USUAL);
    screen.wait_for("2 open");
    screen.press("j");
    screen.wait_for("branches   main");
    screen.press("t");
    screen.wait_for("1 open, 1 ignored");
    screen.press("q");
    screen.end();
    assert_eq!(repo.scan(&[]).findings().len(), 1);
}

#[test]
fn keys_that_were_typed_before_the_screen_decide_nothing() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.press("tjt");
    screen.wait_for("1 open, 0 ignored");
    screen.press("j");
    screen.wait_for("severity   critical");
    assert_eq!(stored(&repo), 0);
    screen.press("q");
    let (_, text) = screen.end();
    assert!(text.contains("1 open, 0 ignored"), "{text}");
}

#[test]
fn marks_that_the_search_hides_are_not_decided() {
    let (repo, _) = with_tokens(&["config/a.conf", "src/b.conf"]);
    let mut screen = start(&repo, &[], USUAL);
    screen.wait_for("2 open");
    screen.press("j ");
    screen.wait_for(", 1 marked | by ");
    screen.press("/src/\r");
    let text = screen.wait_for("1 more not listed");
    assert!(!text.contains("config/a.conf"), "{text}");
    // The finding under the cursor, not the mark.
    screen.press("jt");
    screen.wait_for("1 open, 1 ignored");
    screen.press("q");
    screen.end();
    let left = repo.scan(&[]);
    assert_eq!(left.findings().len(), 1);
    assert_eq!(left.findings()[0]["history"]["paths"][0], "config/a.conf");
}

#[test]
fn two_sessions_keep_each_other_s_purge_plan() {
    let (repo, _) = with_tokens(&["a.conf", "b.conf", "c.conf"]);
    let mut first = start(&repo, &[], USUAL);
    first.wait_for("3 open");
    let mut second = start(&repo, &[], USUAL);
    second.wait_for("3 open");
    second.press("jp");
    second.wait_for("1 to purge");
    first.press("jjp");
    first.wait_for("to purge");
    first.wait_for("1 to purge");
    for screen in [&mut first, &mut second] {
        screen.press("q");
    }
    first.end();
    second.end();
    let plan = repo.git_dir().join("unleak/purge-plan.json");
    let plan: Value = serde_json::from_slice(&std::fs::read(plan).unwrap()).unwrap();
    assert_eq!(plan["findings"].as_array().unwrap().len(), 2, "{plan:#}");
}

#[test]
fn a_report_of_another_repository_is_not_decided_here() {
    let (repo, _) = with_tokens(&["a.conf"]);
    let saved = repo.git_dir().join("scan.json");
    std::fs::write(&saved, repo.scan(&[]).json.to_string()).unwrap();
    let (other, _) = with_tokens(&[]);
    other.commit_file("x", "y\n");
    let screen = start(&other, &[saved.to_str().unwrap()], USUAL);
    let (code, text) = screen.end();
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("no finding of the report is in the repository"),
        "{text}"
    );
    assert!(text.contains("-C DIRECTORY"), "{text}");
    assert!(!other.path().join(".unleak").exists());
}

/// The line that is shown stands below its own place, beside the place that makes the finding important.
#[test]
fn a_line_is_shown_below_its_own_place() {
    let repo = Repo::new();
    let token = github_token(62);
    repo.commit_file("docs/a.md", format!("Example only: {token}\n"));
    repo.commit_file("src/app.py", format!("a = 1\nb = 2\nPROD = \"{token}\"\n"));
    let mut screen = start(&repo, &[], (40, 160));
    screen.wait_for("1 open");
    screen.press("j");
    let text = screen.wait_for("Example only:");
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let line = at("Example only:");
    assert!(text[..line].contains("docs/a.md:1"), "{text}");
    assert!(text[line..].contains("src/app.py:3"), "{text}");
    screen.press("q");
    screen.end();
}
