//! Moving over from other scanners: a few commands, and nothing is lost in silence.

use sha2::{Digest, Sha256};

use crate::support::{Repo, github_token, token};

fn run(repo: &Repo, args: &[&str]) -> (Option<i32>, String) {
    let output = repo.unleak(args, b"", &[]);
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// The places that a scan that trusts the repository reports.
fn places(repo: &Repo) -> Vec<String> {
    let output = repo.unleak(&["scan", "-q", "--trust-repo-config", "."], b"", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut places: Vec<String> = text
        .lines()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect();
    places.sort();
    places
}

#[test]
fn a_project_with_configuration_ignore_file_and_baseline_moves_with_two_commands() {
    let repo = Repo::new();
    let own = |seed| token("own_{lower:12}", seed);
    repo.commit_file("vendor/a.js", format!("k = '{}'\n", github_token(1)));
    repo.commit_file("known.py", format!("k = '{}'\n", github_token(2)));
    repo.commit_file("old.py", format!("k = '{}'\n", github_token(3)));
    repo.commit_file("own.py", format!("k = '{}'\nk = '{}'\n", own(4), own(5)));
    repo.commit_file("real.py", format!("k = '{}'\n", github_token(6)));
    let config = format!(
        "title = 'x'\n[extend]\nuseDefault = true\n[[rules]]\nid = 'own-token'\n\
         description = 'Own token'\nregex = 'own_[a-z]{{12}}'\n[allowlist]\n\
         paths = ['''(^|/)vendor/''']\nstopwords = ['{}']\n",
        own(5)
    );
    repo.write(".gitleaks.toml", config);
    repo.write(".gitleaksignore", "known.py:github-pat:1\n");
    let baseline = serde_json::json!([{"File": "old.py", "StartLine": 1, "RuleID": "github-pat"}]);
    repo.write("baseline.json", baseline.to_string());

    let files = [".gitleaks.toml", ".gitleaksignore", "baseline.json"];
    let (code, said) = run(&repo, &[&["import"], &files[..]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2 findings are suppressed now"), "{said}");
    assert!(said.contains("1 paths are ignored"), "{said}");
    assert!(
        said.contains("not carried over:\n  '.gitleaks.toml': field 'extend.useDefault'"),
        "{said}"
    );
    assert_eq!(places(&repo), ["own.py", "real.py"]);
    // Doing it again changes nothing.
    let before = std::fs::read(repo.path().join(".unleak.toml")).unwrap();
    run(&repo, &[&["import"], &files[..]].concat());
    assert_eq!(
        std::fs::read(repo.path().join(".unleak.toml")).unwrap(),
        before
    );
    assert_eq!(places(&repo), ["own.py", "real.py"]);
}

#[test]
fn an_ignore_file_of_a_later_name_is_read_alike() {
    let repo = Repo::new();
    let commit = repo.commit_file("a:b.py", format!("k = '{}'\n", github_token(1)));
    repo.write(
        ".betterleaksignore",
        format!("{}:a:b.py:any:1\n", commit.trim()),
    );
    let (code, said) = run(&repo, &["import", ".betterleaksignore"]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "1 findings are suppressed now\n")
    );
    assert!(places(&repo).is_empty());
}

#[test]
fn ggshield_s_paths_and_values_are_carried_over() {
    let repo = Repo::new();
    let values: Vec<String> = (1..6).map(github_token).collect();
    let digest = |value: &str| {
        data_encoding::HEXLOWER.encode(&Sha256::digest(format!("{value},apikey").as_bytes()))
    };
    for (name, value) in ["docs/a.md", "b.py", "c.py", "d.py"].iter().zip(&values) {
        repo.commit_file(name, format!("k = '{value}'\n"));
    }
    repo.write(
        ".gitguardian.yaml",
        format!(
            "version: 2\nsecret:\n  ignored_paths: ['docs/**']\n  ignored_matches:\n  - name: one\n    \
             match: {}\n  - name: two\n    match: {}\n  - name: gone\n    match: {}\n  \
             ignored_detectors: [Generic Password]\nexit_zero: true\n",
            digest(&values[1]),
            values[2],
            values[4]
        ),
    );
    let (code, said) = run(&repo, &["import", ".gitguardian.yaml"]);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "2 findings are suppressed now",
        "1 paths are ignored",
        "'ignored-detectors'",
        "'exit-zero'",
        "ignored-matches 3 'gone': unleak finds no such value",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(
        values.iter().all(|value| !said.contains(value.as_str())),
        "{said}"
    );
    assert_eq!(places(&repo), ["d.py"]);
    // The older version of the file.
    repo.write(
        "v1.yml",
        format!("paths-ignore:\n- d.py\nmatches-ignore:\n- {}\n", values[3]),
    );
    let (code, said) = run(&repo, &["import", "v1.yml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(places(&repo).is_empty());
    for (text, why) in [
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: [\n", "cannot be read"),
        ("", "no settings"),
    ] {
        repo.write("bad.yaml", text);
        let (code, said) = run(&repo, &["import", "bad.yaml"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn patterns_of_git_s_configuration_become_rules() {
    let repo = Repo::new();
    let own = |seed| token("OWN-{upper:16}", seed);
    repo.commit_file("a.txt", format!("{}\n{}\n", own(1), own(2)));
    repo.write(
        "patterns",
        format!(
            "[secrets]\n\tpatterns = OWN-[A-Z]{{16}}\n\tpatterns = (\n\tallowed = {}\n\t\
             providers = touch pwned\n[include]\n\tpath = /etc/passwd\n",
            own(2)
        ),
    );
    let (code, said) = run(&repo, &["import", "patterns"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("'.unleak/imported-rules.toml': 1 rules"),
        "{said}"
    );
    assert!(
        said.contains("'imported-2'")
            && !said.contains("touch pwned")
            && said.contains("commands are not run"),
        "{said}"
    );
    assert!(!repo.path().join("pwned").exists());
    assert_eq!(places(&repo), ["a.txt"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let repo = Repo::new();
    repo.commit_file("a", "x\n");
    let outside = tempfile::tempdir().unwrap();
    repo.write("v1.yml", "paths-ignore:\n- d.py\n");
    repo.write("patterns", "[secrets]\n\tpatterns = OWN-[A-Z]{16}\n");
    let target = outside.path().join("target");
    let link = |name: &str| {
        std::os::unix::fs::symlink(&target, repo.path().join(name)).unwrap();
    };
    link(".unleak.toml");
    let (code, said) = run(&repo, &["import", "v1.yml"]);
    assert_eq!(code, Some(2), "{said}");
    std::fs::remove_file(repo.path().join(".unleak.toml")).unwrap();
    std::fs::create_dir(&target).unwrap();
    link(".unleak");
    let (code, said) = run(&repo, &["import", "patterns"]);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
}
