//! Paths of filters: what they mean from where, and what they can match at all.

use std::path::Path;

use crate::support::{Repo, github_token, unleak, unleak_with};

/// Runs a scan in `dir`; returns its status and both streams.
fn scan(dir: &Path, options: &[&str]) -> (i32, String) {
    let output = unleak(&[&["scan"], options].concat(), dir);
    let text = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8_lossy(&text).into_owned())
}

/// A repository with a secret in `app/[id]`, and files that are not tracked or ignored.
fn routes() -> Repo {
    let repo = Repo::new();
    repo.write("app/i/page.tsx", "nothing\n");
    repo.write(".gitignore", "ignored/\n");
    repo.commit_file("app/[id]/page.tsx", format!("{}\n", github_token(401)));
    repo.write("new/a", "nothing\n");
    repo.write("ignored/a", "nothing\n");
    repo
}

#[test]
fn a_path_that_is_not_scanned_is_an_error_that_says_how_to_scan_it() {
    let repo = routes();
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path().to_str().unwrap();
    for (options, hint) in [
        (&["--path", "new"][..], "'--worktree' scans it"),
        (&["--path", "ignored"], "'--worktree --ignored' scans it"),
        (
            &["--path", "ignored", "--worktree"],
            "'--worktree --ignored' scans it",
        ),
        (&["--path", ".git/config"], "'--git-dir' scans that"),
        (&["--path", ".git"], "'--git-dir' scans that"),
        (&["--path", outside], "is not in the repository"),
        (&["--path", "../.."], "is not in the repository"),
        (&["--path", "/app"], "without a slash: 'app'"),
        (&["--path", "app/[ix]/nosuch"], "begin at the top"),
        (
            &["--files", "app", "--path", outside],
            "is not in what is scanned",
        ),
    ] {
        let (code, text) = scan(repo.path(), options);
        assert_eq!(code, 2, "{options:?}: {text}");
        assert!(text.contains(hint), "{options:?}: {text}");
    }
    repo.git(&["rm", "--quiet", "-r", "app/i"]);
    repo.commit("without");
    let (code, text) = scan(repo.path(), &["--staged", "--path", "app/i"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("leave out '--staged'"), "{text}");
    for options in [
        &["--path", "new", "--worktree"][..],
        &["--path", "ignored", "--worktree", "--ignored"],
        &["--path", "app/i"],
    ] {
        let (code, text) = scan(repo.path(), options);
        assert_eq!(code, 0, "{options:?}: {text}");
    }
}

#[test]
fn a_path_means_the_same_however_it_is_typed() {
    let repo = routes();
    let top = repo.path().canonicalize().unwrap();
    let inside = repo.path().join("app/i");
    let whole = |path: &str| top.join(path).to_str().unwrap().to_owned();
    for (dir, path, code) in [
        (repo.path(), "app/[id]".to_owned(), 1),
        (repo.path(), "app/[id]/page.tsx".to_owned(), 1),
        (repo.path(), "./app/[id]/".to_owned(), 1),
        (repo.path(), "app/../app/[id]".to_owned(), 1),
        (repo.path(), whole("app/[id]"), 1),
        (repo.path(), whole(""), 1),
        (repo.path(), whole("app/*"), 1),
        (repo.path(), whole("app/i"), 0),
        (&inside, "../[id]".to_owned(), 1),
        (&inside, "../*".to_owned(), 1),
        (&inside, "../i".to_owned(), 0),
        (&inside, "../../app".to_owned(), 1),
        (&inside, "app/[id]".to_owned(), 1),
        (&inside, whole("app"), 1),
    ] {
        let (got, text) = scan(dir, &["--path", &path]);
        assert_eq!(got, code, "--path {path}: {text}");
        // What is excluded is what would be selected.
        let (got, text) = scan(dir, &["--exclude", &path]);
        assert_eq!(got, 1 - code, "--exclude {path}: {text}");
        assert!(!text.contains("warning"), "--exclude {path}: {text}");
    }
    for (option, code) in [("--path", 1), ("--exclude", 0)] {
        for path in [whole("app/[id]"), "[id]".to_owned(), "app/[id]".to_owned()] {
            let (got, text) = scan(repo.path(), &["--files", "app", option, &path]);
            assert_eq!(got, code, "{option} {path}: {text}");
        }
    }
}

#[test]
fn a_root_that_is_excluded_is_counted_once() {
    let repo = routes();
    let (code, text) = scan(repo.path(), &["--files", "app", "new", "--exclude", "app"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(", 1 path excluded"), "{text}");
}

#[test]
fn a_pattern_in_brackets_still_matches_what_is_gone() {
    let repo = routes();
    repo.git(&["rm", "--quiet", "-r", ":(literal)app/[id]"]);
    repo.commit("without");
    let (code, text) = scan(repo.path(), &["--path", "app/[id]"]);
    assert_eq!(code, 1, "{text}");
}

#[test]
fn an_exclusion_that_matches_nothing_is_told() {
    let repo = routes();
    for (options, part) in [
        (
            &["--exclude", "nosuch"][..],
            "no path in the history or the index matches 'nosuch'",
        ),
        (&["--exclude", "new"], "'--worktree' scans it"),
        (
            &["--files", "app", "--exclude", "nosuch"],
            "'--exclude nosuch' matches none",
        ),
        (
            &["--files", "app", "--exclude", "i", "--exclude", "nosuch"],
            "'--exclude nosuch' matches none",
        ),
    ] {
        let (code, text) = scan(repo.path(), options);
        assert_eq!(code, 1, "{options:?}: {text}");
        assert!(
            text.contains("warning: ") && text.contains(part),
            "{options:?}: {text}"
        );
    }
    for options in [
        &["--exclude", "app/i"][..],
        &["--files", "app", "--exclude", "i"],
    ] {
        let (_, text) = scan(repo.path(), options);
        assert!(!text.contains("warning: "), "{options:?}: {text}");
    }
}

/// What only a higher confidence leaves out is said like what any filter leaves out, in every scope.
#[test]
fn findings_below_a_higher_confidence_are_counted() {
    let repo = Repo::new();
    repo.commit_file("a.env", "POSTGRES_PASSWORD=postgres\n");
    repo.write("b.env", "POSTGRES_PASSWORD=postgres1\n");
    repo.git(&["add", "."]);
    for scope in [
        &[][..],
        &["--staged"],
        &["--range", "HEAD"],
        &["--files", "."],
    ] {
        let options = [scope, &["--min-confidence", "high"]].concat();
        let (code, text) = scan(repo.path(), &options);
        assert_eq!(code, 0, "{options:?}: {text}");
        let first = text.lines().next().unwrap();
        assert!(
            first.contains("no secrets match --min-confidence high"),
            "{options:?}: {text}"
        );
        for format in ["github", "markdown", "junit", "csv"] {
            let options = [&options[..], &["--format", format]].concat();
            let (_, text) = scan(repo.path(), &options);
            assert!(text.contains("--min-confidence high"), "{format}: {text}");
        }
    }
    let (_, text) = scan(repo.path(), &["--min-confidence", "low"]);
    assert!(!text.contains("filtered out"), "{text}");
}

#[test]
fn an_empty_author_and_too_many_threads_are_refused() {
    let repo = routes();
    for (options, part) in [
        (&["--author", ""][..], "'--author' is empty"),
        (&["--threads", "100000"], "at most 512 threads"),
        (&["--files", "-"], "'unleak scan -' scans standard input"),
    ] {
        let (code, text) = scan(repo.path(), options);
        assert_eq!(code, 2, "{options:?}: {text}");
        assert!(text.contains(part), "{options:?}: {text}");
    }
}

#[test]
fn a_ref_is_suggested_by_a_part_of_its_name() {
    let repo = routes();
    repo.git(&["branch", "feature/login"]);
    for name in ["login", "Feature/Login", "feature/logni"] {
        let (code, text) = scan(repo.path(), &["--ref", name]);
        assert_eq!(code, 2, "{name}: {text}");
        assert!(
            text.contains("did you mean 'feature/login'?"),
            "{name}: {text}"
        );
    }
}

/// Without some rules, "everything was read" is not all that there is to say.
#[test]
fn rules_that_are_switched_off_are_told() {
    let repo = routes();
    let off = "1 rule is switched off: github-pat";
    let (code, text) = scan(repo.path(), &["--disable-rule", "github-pat"]);
    assert_eq!(code, 0, "{text}");
    let first = text.lines().next().unwrap();
    assert!(
        first.ends_with(&format!("everything was read, but {off}")),
        "{text}"
    );
    assert_eq!(text.lines().last(), Some(off), "{text}");
    let report = repo.scan(&["--disable-rule", "github-pat"]);
    assert_eq!(report.json["coverage"]["rules_off"][0], "github-pat");
    let env = [("UNLEAK_DISABLE_RULES", "github-pat".as_ref())];
    let output = unleak_with(&["scan", "--disable-rule", "github-pat"], repo.path(), &env);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(off), "twice is once: {text}");
    let (_, text) = scan(repo.path(), &[]);
    assert!(!text.contains("switched off"), "{text}");
}

/// The examples of the topics can be used as they stand.
#[test]
fn the_example_of_a_configuration_is_one() {
    let repo = Repo::new();
    repo.commit_file("a", "nothing\n");
    let topic = unleak(&["help", "config"], repo.path()).stdout;
    let topic = String::from_utf8(topic).unwrap();
    let example = topic.split("Example:\n").nth(1).unwrap();
    let example = example.split("\nTRUST").next().unwrap();
    repo.write("config.toml", example.replace("\n  ", "\n"));
    repo.write(
        "rules/own.toml",
        "[[rule]]\nid = 'own'\nprovider = 'Own'\ndescription = 'x'\nconfidence = 'high'\nkeywords = ['own_']\nregex = 'own_[a-z]{12}'\nexamples = []\nnear_misses = []\n",
    );
    let (code, text) = scan(repo.path(), &["--config", "config.toml"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 rule is switched off"), "{text}");
}
