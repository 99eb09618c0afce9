//! Suppressions stay where they are put: by value, through moves, rebases and merges.

use std::process::Output;

use serde_json::Value;
use unleak::rule::template::Random;

use crate::support::{Repo, github_token, unleak};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn fingerprints(repo: &Repo) -> Vec<String> {
    let report = repo.scan(&["--no-ignore"]);
    let ids = report
        .findings()
        .iter()
        .map(|finding| finding["fingerprint"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

fn fingerprint_of(repo: &Repo, token: &str) -> String {
    let report = repo.scan(&["--no-ignore", "--show-secrets"]);
    let found = report
        .findings()
        .iter()
        .find(|finding| finding["secret"] == token);
    found.unwrap()["fingerprint"].as_str().unwrap().to_owned()
}

fn ignore(repo: &Repo, token: &str, options: &[&str]) {
    let fingerprint = fingerprint_of(repo, token);
    let mut args = vec![
        "ignore",
        &fingerprint[..12],
        "--reason",
        "a deleted account",
    ];
    args.extend(options);
    let output = unleak(&args, repo.path());
    assert!(output.status.success(), "{}", said(&output));
}

fn count(repo: &Repo) -> usize {
    repo.scan(&[]).findings().len()
}

fn file(token: &str) -> String {
    format!("first\ntoken = \"{token}\"\nlast\n")
}

#[test]
fn a_suppressed_secret_stays_quiet_wherever_it_goes() {
    let repo = Repo::new();
    let (known, new) = (github_token(1), github_token(2));
    repo.commit_file("a.conf", file(&known));
    assert_eq!(count(&repo), 1);
    ignore(&repo, &known, &[]);
    assert_eq!(count(&repo), 0);
    repo.commit("suppressed");
    // Lines shift; the file is renamed; the secret moves to another one.
    repo.commit_file("a.conf", format!("one\ntwo\n{}", file(&known)));
    assert_eq!(count(&repo), 0);
    repo.git(&["mv", "a.conf", "b.conf"]);
    repo.commit("renamed");
    repo.commit_file("dir/c.txt", format!("x {known} y\n"));
    assert_eq!(count(&repo), 0);
    // History is rebased and squashed.
    repo.git(&["checkout", "-q", "-b", "topic", "HEAD~2"]);
    repo.commit_file("d.conf", file(&known));
    repo.git(&["rebase", "-q", "main"]);
    assert_eq!(count(&repo), 0);
    repo.git(&["reset", "-q", "--soft", "HEAD~3"]);
    repo.commit("squashed");
    assert_eq!(count(&repo), 0);
    // A second secret on its line is told, and the known one is not shown beside it.
    repo.commit_file(
        "b.conf",
        format!("token = \"{known}\", other = \"{new}\"\n"),
    );
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(report.findings()[0]["secret"], new.as_str());
    for format in ["human", "json", "jsonl", "sarif", "github", "gitlab"] {
        let output = unleak(&["scan", "--format", format], repo.path());
        let text = said(&output);
        assert!(
            !text.contains(&known) && !text.contains(&new),
            "{format}: {text}"
        );
    }
    let suppressed = &report.json["coverage"]["suppressed"];
    assert_eq!(suppressed[0]["reason"], "a deleted account");
    assert_eq!(suppressed[0]["source"], "ignore");
}

#[test]
fn two_people_suppress_on_two_branches() {
    let repo = Repo::new();
    let (one, two) = (github_token(3), github_token(4));
    repo.commit_file("a.conf", file(&one));
    repo.commit_file("b.conf", file(&two));
    repo.git(&["branch", "other"]);
    ignore(&repo, &one, &[]);
    repo.commit("mine");
    repo.git(&["checkout", "-q", "other"]);
    assert_eq!(count(&repo), 2);
    ignore(&repo, &two, &["--owner", "bob"]);
    repo.commit("theirs");
    let merged = repo.try_git(&["merge", "-q", "--no-edit", "main"], &[]);
    assert!(merged.status.success(), "{}", said(&merged));
    assert_eq!(count(&repo), 0);
    // A bare clone reads them from HEAD.
    let bare = repo.cloned(&["--bare"]);
    assert_eq!(count(&bare), 0);
    assert_eq!(fingerprints(&bare).len(), 2);
}

#[test]
fn nothing_kept_tells_the_value_or_its_fingerprint() {
    let repo = Repo::new();
    let token = github_token(5);
    repo.commit_file("a.conf", file(&token));
    let fingerprint = fingerprint_of(&repo, &token);
    ignore(&repo, &token, &[]);
    let output = unleak(&["baseline", "create"], repo.path());
    assert!(output.status.success(), "{}", said(&output));
    let values = ["-e", &token, "-e", &fingerprint];
    let search = [
        &["grep", "--untracked", "-l"],
        &values[..],
        &["--", ".unleak"],
    ];
    let kept = said(&repo.try_git(&search.concat(), &[]));
    assert_eq!(kept, "");
    let names = repo.git(&["ls-files", "--others"]);
    assert!(
        names.contains(".unleak/keys/") && !names.contains(&fingerprint),
        "{names}"
    );
}

#[test]
fn what_is_expired_unused_or_elsewhere_does_not_hide() {
    let repo = Repo::new();
    let tokens: Vec<String> = (6..9).map(github_token).collect();
    for (name, token) in ["docs/a.md", "b.conf", "c.conf"].iter().zip(&tokens) {
        repo.commit_file(name, file(token));
    }
    ignore(&repo, &tokens[0], &["--path", "docs/**"]);
    ignore(&repo, &tokens[1], &["--path", "b.conf"]);
    ignore(&repo, &tokens[2], &["--expires", "2999-02-03"]);
    // Both stop to hold later on.
    repo.commit_file("moved.conf", file(&tokens[1]));
    for entry in std::fs::read_dir(repo.path().join(".unleak/ignore")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("2999-", "2001-")).unwrap();
    }
    let output = unleak(&["scan"], repo.path());
    let text = said(&output);
    assert!(
        text.contains("2 secrets found") && text.contains("has expired"),
        "{text}"
    );
    let listed = said(&unleak(&["ignore", "list"], repo.path()));
    let words: Vec<&str> = listed.split_whitespace().collect();
    assert!(
        listed.contains("EXPIRED") && words.join(" ").contains("path: docs/**"),
        "{listed}"
    );
    // Take one back; one more that nothing needs is told.
    let digest = listed
        .lines()
        .find(|line| line.contains("EXPIRED"))
        .unwrap();
    let digest = digest.trim_start().split(' ').next().unwrap();
    let output = unleak(&["ignore", "remove", digest], repo.path());
    assert!(output.status.success(), "{}", said(&output));
    let output = unleak(&["ignore", "remove", digest], repo.path());
    assert_eq!(output.status.code(), Some(2));
    repo.write(
        ".unleak/ignore/00000000000000000000000000000000.toml",
        "rule = 'x'\n",
    );
    let text = said(&unleak(&["scan"], repo.path()));
    assert!(text.contains("1 suppression matches nothing"), "{text}");
    assert!(!text.contains("expired"), "{text}");
}

#[test]
fn a_suppression_that_would_not_hold_is_refused() {
    let repo = Repo::new();
    let token = github_token(41);
    repo.commit_file("app/[id]/page.tsx", file(&token));
    let fingerprint = fingerprint_of(&repo, &token);
    let run = |options: &[&str]| {
        let args = [&["ignore", &fingerprint[..12]], options].concat();
        let output = unleak(&args, repo.path());
        (output.status.code(), said(&output))
    };
    for (options, part) in [
        (&["--reason", " "][..], "'--reason' is empty"),
        (&["--reason", "x", "--expires", "2001-02-03"], "in the past"),
        (
            &["--reason", "x", "--path", "docs/**"],
            "'app/[id]/page.tsx', too, which '--path docs/**' does not match",
        ),
    ] {
        let (code, text) = run(options);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(part), "{text}");
        assert!(!repo.path().join(".unleak").exists(), "{text}");
    }
    // A path is one, whatever signs are in it.
    let (code, text) = run(&["--reason", "first", "--path", "app/[id]/page.tsx"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("before"), "{text}");
    assert_eq!(count(&repo), 0);
    let (code, text) = run(&["--reason", "second"]);
    assert_eq!(code, Some(0), "{text}");
    let before = "suppressed before; reason: first; path: app/[id]/page.tsx";
    assert!(text.contains(before), "{text}");
}

#[test]
fn a_suppression_that_git_ignores_is_a_warning() {
    let repo = Repo::new();
    let token = github_token(1);
    repo.write(".gitignore", "/.unleak\n");
    repo.commit_file("a.conf", file(&token));
    let fingerprint = fingerprint_of(&repo, &token);
    let args = [
        "ignore",
        &fingerprint[..12],
        "--reason",
        "a deleted account",
    ];
    let text = said(&unleak(&args, repo.path()));
    assert!(text.contains("holds in this clone only"), "{text}");
    assert!(
        text.contains("Remove '.unleak' from the ignore rules"),
        "{text}"
    );
    assert_eq!(count(&repo), 0);
    repo.write(".gitignore", "");
    let text = said(&unleak(&args, repo.path()));
    assert!(!text.contains("this clone only"), "{text}");
    assert!(text.contains("Commit the directory"), "{text}");
}

#[test]
fn a_fault_of_a_suppression_is_told_with_line_and_field() {
    let repo = Repo::new();
    repo.commit_file("a.conf", "nothing\n");
    let name = ".unleak/ignore/00000000000000000000000000000000.toml";
    for (field, value) in [("path", "a["), ("expires", "nodate")] {
        repo.write(
            name,
            format!("rule = 'x'\nreason = 'y'\n{field} = '{value}'\n"),
        );
        let text = said(&unleak(&["scan"], repo.path()));
        let place = format!("'{name}', line 3: field '{field}': ");
        assert!(text.contains(&place), "{text}");
    }
}

#[test]
fn a_link_that_is_named_has_the_suppressions_of_what_it_names() {
    let repo = Repo::new();
    let token = github_token(42);
    repo.commit_file("a.conf", file(&token));
    ignore(&repo, &token, &["--path", "a.conf"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(repo.path().join("a.conf"), &link).unwrap();
    for (name, dir) in [
        ("link", elsewhere.path()),
        (link.to_str().unwrap(), repo.path()),
    ] {
        let output = unleak(&["scan", "--files", name], dir);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

#[test]
fn inline_markers_are_listed() {
    let repo = Repo::new();
    repo.commit_file(
        "a.conf",
        format!("t = {} # unleak:allow\n", github_token(10)),
    );
    let listed = said(&unleak(&["ignore", "list"], repo.path()));
    let head = listed.lines().next().unwrap();
    assert!(
        head.starts_with("a.conf:1  ghp_") && head.ends_with("  github-pat"),
        "{listed}"
    );
    assert!(listed.contains(" inline marker\n"), "{listed}");
}

#[test]
fn the_list_of_inline_markers_is_what_two_scans_differ_in() {
    for (seed, in_name) in [(1, false), (2, false), (3, true)] {
        let (repo, mut random) = (Repo::new(), Random::new(seed));
        for number in 0..random.below(12) + 4 {
            let lines = (0..random.below(5) + 1).map(|line| {
                let token = github_token(9000 + random.bits() % 8);
                match random.below(4) {
                    0 => format!("t = {token} # unleak:allow\n"),
                    1 => format!("# unleak:allow\nt{line} = {token}\n"),
                    2 => format!(
                        "password{line} = \"{}{}-{}\"\n",
                        "kT9x",
                        random.below(5),
                        "Qw2Lm"
                    ),
                    _ => format!("t = {token}\n"),
                }
            });
            let text: String = lines.collect();
            repo.commit_file(&format!("f{}.conf", number % 6), text);
        }
        if in_name {
            repo.commit_file(&format!("{}.txt", github_token(9000)), "x\n");
        }
        let places = |args: &[&str]| {
            let report = repo.scan(&[&["--min-confidence", "low"], args].concat());
            let mut places = Vec::new();
            for finding in report.findings() {
                let id = finding["fingerprint"].as_str().unwrap();
                let occurrences = finding["occurrences"].as_array().unwrap();
                places.extend(
                    occurrences
                        .iter()
                        .map(|place| (id.to_owned(), place.clone())),
                );
            }
            places
        };
        let open = places(&[]);
        let mut hidden = places(&["--no-inline-allow"]);
        hidden.retain(|place| !open.contains(place));
        let mut expected: Vec<&str> = hidden.iter().map(|(id, _)| &id[..12]).collect();
        let listed = said(&unleak(&["ignore", "list"], repo.path()));
        let listed = listed
            .lines()
            .filter_map(|line| line.strip_suffix(" inline marker"));
        let mut listed: Vec<&str> = listed.map(str::trim_start).collect();
        expected.sort_unstable();
        listed.sort_unstable();
        assert!(!expected.is_empty());
        assert_eq!(listed, expected, "seed {seed}");
    }
}

#[test]
fn a_baseline_is_made_brought_up_to_date_and_pruned() {
    let repo = Repo::new();
    repo.commit_file("a.conf", file(&github_token(11)));
    repo.commit_file("b.conf", file(&github_token(12)));
    let baseline = |what: &str| {
        let output = unleak(&["baseline", what], repo.path());
        (output.status.code(), said(&output))
    };
    assert_eq!(baseline("create").0, Some(0));
    assert_eq!(count(&repo), 0);
    assert_eq!(baseline("create").0, Some(2));
    repo.commit("baseline");
    repo.commit_file("c.conf", file(&github_token(13)));
    assert_eq!(count(&repo), 1);
    let (_, text) = baseline("prune");
    assert!(text.contains("2 findings are known"), "{text}");
    assert_eq!(count(&repo), 1);
    let (_, text) = baseline("update");
    assert!(
        text.contains("3 findings are known, of which 1 are new"),
        "{text}"
    );
    assert_eq!(count(&repo), 0);
    let list = std::fs::read_to_string(repo.path().join(".unleak/baseline")).unwrap();
    let lines: Vec<&str> = list.lines().skip(1).collect();
    assert!(lines.is_sorted() && lines.len() == 3, "{list}");
}

#[test]
fn hooks_honour_suppressions() {
    let repo = Repo::new();
    let token = github_token(14);
    repo.commit_file("a.conf", file(&token));
    ignore(&repo, &token, &[]);
    repo.write("b.conf", format!("more\n{}", file(&token)));
    repo.git(&["add", "."]);
    let hook = |options: &[&str]| {
        let output = unleak(&[&["hook", "pre-commit"], options].concat(), repo.path());
        output.status.code()
    };
    assert_eq!(hook(&[]), Some(0));
    assert_eq!(hook(&["--no-ignore"]), Some(1));
}

#[test]
fn a_damaged_suppression_stops_the_scan() {
    let repo = Repo::new();
    repo.commit_file("a.conf", "nothing\n");
    for (name, text) in [
        (".unleak/ignore/xyz.toml", "rule = 'x'\n"),
        (
            ".unleak/ignore/00000000000000000000000000000000.toml",
            "rulez = 'x'\n",
        ),
        (".unleak/baseline", "nonsense\n"),
        (".unleak/keys/k", "no key\n"),
    ] {
        repo.write(name, text);
        let output = unleak(&["scan"], repo.path());
        assert_eq!(output.status.code(), Some(2), "{name}");
        let text = said(&output);
        assert!(
            text.contains(name) && text.contains("--no-ignore"),
            "{text}"
        );
        assert_eq!(
            unleak(&["scan", "--no-ignore"], repo.path()).status.code(),
            Some(0)
        );
        std::fs::remove_file(repo.path().join(name)).unwrap();
    }
    // A link is not followed.
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join(".unleak/baseline")).unwrap();
    assert_eq!(unleak(&["scan"], repo.path()).status.code(), Some(0));
    let saved: Value = repo.scan(&[]).json;
    assert_eq!(saved["coverage"]["suppressed"], serde_json::json!([]));
}

#[test]
fn lists_of_other_scanners_are_carried_over() {
    let repo = Repo::new();
    let tokens: Vec<String> = (20..24).map(github_token).collect();
    let commit = repo.commit_file("a:b.conf", file(&tokens[0]));
    repo.commit_file("b.conf", file(&tokens[1]));
    repo.commit_file("c.conf", file(&tokens[2]));
    repo.commit_file("d.conf", format!("{} {}\n", tokens[1], tokens[3]));
    assert_eq!(count(&repo), 4);
    let commit = commit.trim();
    repo.write(
        ".gitleaksignore",
        format!("# known\n{commit}:a:b.conf:github-pat:2\nnone.conf:github-pat:7\nnonsense\n"),
    );
    let report = serde_json::json!([{"File": "b.conf", "StartLine": 2, "RuleID": "github-pat"}]);
    repo.write("report.json", report.to_string());
    let entries = serde_json::json!([{"type": "GitHub Token", "line_number": 2}]);
    let other = serde_json::json!({"version": "1", "results": {"c.conf": entries}});
    repo.write(".secrets.baseline", other.to_string());
    let rules = "[allowlist]\npaths = ['x']\n[[rules]]\nid = 'own'\nregex = 'own_[a-z]{9}'\n";
    repo.write(".gitleaks.toml", rules);
    let import = |files: &[&str]| {
        let output = unleak(&[&["import"], files].concat(), repo.path());
        (output.status.code(), said(&output))
    };
    let (code, text) = import(&[
        ".gitleaksignore",
        "report.json",
        ".secrets.baseline",
        ".gitleaks.toml",
    ]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "3 findings are suppressed now",
        "none.conf:7: 'github-pat': unleak finds nothing there",
        "'.gitleaksignore': line 4 is not 'COMMIT:PATH:RULE:LINE'",
        "extra_rules = [\".gitleaks.toml\"]",
        "1 paths are ignored",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(count(&repo), 1);
    let (code, text) = import(&["report.json"]);
    assert_eq!(
        (code, text.contains("0 findings are")),
        (Some(0), true),
        "{text}"
    );
    repo.write("odd.json", "{\"x\": 1}");
    assert_eq!(import(&["odd.json"]).0, Some(2));
}

#[test]
fn a_purge_leaves_what_is_suppressed() {
    let repo = Repo::new();
    let (known, bad) = (github_token(30), github_token(31));
    repo.commit_file("a.conf", file(&known));
    repo.commit_file("b.conf", file(&bad));
    ignore(&repo, &known, &[]);
    repo.commit("suppressed");
    let state = repo.git_dir().join("state");
    let env = [("XDG_STATE_HOME", state.to_str().unwrap())];
    let plan = said(&repo.unleak(&["purge"], b"", &env));
    let (known, bad) = (fingerprint_of(&repo, &known), fingerprint_of(&repo, &bad));
    assert!(
        plan.contains(&bad[..12]) && !plan.contains(&known[..12]),
        "{plan}"
    );
    let plan = said(&repo.unleak(&["purge", "--finding", &known[..12]], b"", &env));
    assert!(
        plan.contains(&known[..12]) && !plan.contains(&bad[..12]),
        "{plan}"
    );
}

#[test]
fn files_and_texts_in_a_repository_heed_its_suppressions() {
    let repo = Repo::new();
    let (known, new) = (github_token(80), github_token(81));
    repo.commit_file("src/a.conf", file(&known));
    repo.commit_file("docs/b.conf", file(&new));
    ignore(&repo, &known, &[]);
    repo.write(
        ".unleak.toml",
        "[[ignore]]\npath = 'docs/**'\nreason = 'samples'\n",
    );
    let scan = |dir: &str, args: &[&str]| {
        let output = unleak(&[&["scan", "-q"], args].concat(), &repo.path().join(dir));
        (output.status.code(), said(&output))
    };
    let whole = repo.path().join("docs").display().to_string();
    for (dir, args) in [
        (".", &["--files", "src/a.conf"][..]),
        (".", &["--files", "src"]),
        ("src", &["--files", "a.conf"]),
        (".", &["--trust-repo-config", "--files", "docs/b.conf"]),
        ("docs", &["--trust-repo-config", "--files", "b.conf"]),
        ("/", &["--trust-repo-config", "--files", &whole]),
    ] {
        let (code, said) = scan(dir, args);
        let said = said.replace(
            "warning: '.unleak.toml' is the repository's own and not trusted, so these are not \
             heeded: [[ignore]] without a fingerprint; '--trust-repo-config' heeds them\n",
            "",
        );
        assert_eq!((code, said.as_str()), (Some(0), ""), "{dir} {args:?}");
    }
    let (code, _) = scan(".", &["--files", "src", "--no-ignore"]);
    assert_eq!(code, Some(1));
    let output = repo.unleak(&["scan", "-"], file(&known).as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("1 finding suppressed"),
        "{}",
        said(&output)
    );
    // Which of two repositories would count is not for us to say.
    let other = Repo::new();
    other.commit_file("c", "nothing\n");
    let elsewhere = other.path().join("c").display().to_string();
    let (code, said) = scan(".", &["--files", "src/a.conf", &elsewhere]);
    assert_eq!(code, Some(1));
    assert!(said.contains("not all in one repository"), "{said}");
}

#[test]
fn a_comment_before_a_literal_of_several_lines_allows_it() {
    let repo = Repo::new();
    let pem = crate::support::private_key();
    let indented = |by: &str| {
        pem.lines()
            .map(|line| format!("{by}{line}\n"))
            .collect::<String>()
    };
    let quoted: Vec<String> = pem.lines().map(|line| format!("    \"{line}\"")).collect();
    let cases = [
        ("block.yaml", format!("key: |\n{}", indented("  "))),
        ("folded.yaml", format!("key: >-\n{}", indented("  "))),
        (
            "nested.yaml",
            format!("a:\n  # MARK\n  - key: |2\n{}", indented("      ")),
        ),
        (
            "lines.yaml",
            format!("# MARK\n# made up\nkey: |\n{}", indented("  ")),
        ),
        ("own.yaml", format!("key: | # MARK\n{}", indented("  "))),
        ("a.toml", format!("key = \"\"\"\n{pem}\"\"\"\n")),
        ("a.py", format!("KEY = b\"\"\"\n{pem}\"\"\"\n")),
        ("a.js", format!("// MARK\nconst key = `\n{pem}`;\n")),
        ("a.tf", format!("private_key = <<-EOT\n{pem}EOT\n")),
        (
            "a.json",
            format!(
                "{{\n  // MARK\n  \"key\": [\n{}\n  ]\n}}\n",
                quoted.join(",\n")
            ),
        ),
    ];
    for (name, text) in &cases {
        let marked = if text.contains("MARK") {
            text.replace("MARK", "unleak:allow private-key made up")
        } else {
            format!("# unleak:allow private-key made up\n{text}")
        };
        let plain = text.replace("MARK", "made up");
        repo.write(name, plain);
        let output = unleak(&["scan", "--files", name, "-q"], repo.path());
        assert_eq!(output.status.code(), Some(1), "{name}: {}", said(&output));
        repo.write(name, &marked);
        let output = unleak(&["scan", "--files", name, "-q"], repo.path());
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        // What follows the literal is not allowed with it.
        repo.write(
            name,
            format!("{marked}\ntoken = \"{}\"\n", github_token(82)),
        );
        let output = unleak(&["scan", "--files", name, "-q"], repo.path());
        assert_eq!(output.status.code(), Some(1), "{name}: {}", said(&output));
    }
}
