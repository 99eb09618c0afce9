//! Settings of files, the environment and flags: which one counts, and what a stranger's may not do.

use std::process::Output;

use crate::support::{Repo, github_token};

/// A repository with one secret in `docs/a.md` and one in `src/b.rs`.
fn repository() -> Repo {
    let repo = Repo::new();
    repo.commit_file("docs/a.md", format!("k = '{}'\n", github_token(1)));
    repo.commit_file("src/b.rs", format!("k = '{}'\n", github_token(2)));
    repo
}

fn codes(output: &Output) -> (Option<i32>, String, String) {
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const ALL_OFF: &str = "disable_rules = ['github-pat-classic']\nmin_confidence = 'high'\n\
    max_object_size = 1\n[[ignore]]\npath = '**'\nreason = 'none of your business'\n";

#[test]
fn a_stranger_s_file_cannot_make_a_scan_see_less() {
    let repo = repository();
    let rules = repo.scan(&[]);
    let rule = rules.findings()[0]["rule_id"].as_str().unwrap();
    let text = ALL_OFF.replace("github-pat-classic", rule);
    let before = repo.scan(&[]).findings().len();
    repo.write(".unleak.toml", &text);
    let (code, out, said) = codes(&repo.unleak(&["scan", "-q", "."], b"", &[]));
    assert_eq!(
        (code, out.lines().count()),
        (Some(1), before),
        "{out}{said}"
    );
    for what in [
        "disable_rules",
        "min_confidence",
        "max_object_size",
        "[[ignore]]",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    // Nor at the hook.
    repo.write("new", format!("k = '{}'\n", github_token(3)));
    repo.git(&["add", "new"]);
    let (code, _, said) = codes(&repo.unleak(&["hook", "pre-commit"], b"", &[]));
    assert_eq!(code, Some(1), "{said}");
    // Whoever trusts it gets what it says.
    let (code, out, said) = codes(&repo.unleak(&["scan", "--trust-repo-config", "."], b"", &[]));
    assert_eq!(code, Some(0), "{out}{said}");
    let trust = [("UNLEAK_TRUST_REPO_CONFIG", "1")];
    assert_eq!(codes(&repo.unleak(&["scan", "."], b"", &trust)).0, Some(0));
    let user = tempfile::tempdir().unwrap();
    let file = user.path().join("config.toml");
    std::fs::write(&file, format!("trust = ['{}']\n", repo.path().display())).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        codes(&repo.unleak(&["scan", "--config", file, "."], b"", &[])).0,
        Some(0)
    );
    std::fs::write(file, "trust = ['elsewhere']\n").unwrap();
    assert_eq!(
        codes(&repo.unleak(&["scan", "--config", file, "."], b"", &[])).0,
        Some(1)
    );
}

#[test]
fn an_untrusted_file_may_be_stricter_and_name_single_findings() {
    let repo = repository();
    let report = repo.scan(&[]);
    let id = report.findings()[0]["fingerprint"].as_str().unwrap();
    let text = format!(
        "min_confidence = 'low'\n[[ignore]]\nfingerprint = '{}'\nreason = 'a sample'\n",
        &id[..12]
    );
    repo.write(".unleak.toml", text);
    let (code, out, said) = codes(&repo.unleak(&["scan", "-f", "json", "."], b"", &[]));
    assert_eq!((code, said.as_str()), (Some(1), ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let hidden = &json["coverage"]["suppressed"][0];
    assert_eq!(hidden["fingerprint"], id);
    assert_eq!(hidden["reason"], "a sample");
    assert_eq!(hidden["source"], "config");
    assert_eq!(json["findings"].as_array().unwrap().len(), 1);
    assert_eq!(json["coverage"]["below_confidence"], 0);
}

#[test]
fn the_nearer_layer_counts_and_config_show_says_which() {
    let repo = repository();
    let home = tempfile::tempdir().unwrap();
    let user = home.path().join("unleak");
    std::fs::create_dir(&user).unwrap();
    std::fs::write(
        user.join("config.toml"),
        "min_confidence = 'high'\npublic_keys = true\ndisable_rules = ['private-key']\n",
    )
    .unwrap();
    let home = ("XDG_CONFIG_HOME", home.path().to_str().unwrap());
    let show = |env: &[(&str, &str)], flags: &[&str]| {
        let args = [&["config", "show"], flags].concat();
        let (code, out, said) = codes(&repo.unleak(&args, b"", env));
        assert_eq!(code, Some(0), "{said}");
        // It is a file of settings itself.
        toml::from_str::<toml::Table>(&out).expect(&out);
        out
    };
    let out = show(&[], &[]);
    assert!(
        out.contains("min_confidence = \"medium\" # default"),
        "{out}"
    );
    let out = show(&[home], &[]);
    assert!(
        out.contains("min_confidence = \"high\" # ") && out.contains("config.toml"),
        "{out}"
    );
    assert!(out.contains("\"private-key\", # "), "{out}");
    repo.write(".unleak.toml", "min_confidence = 'low'\n");
    let out = show(&[home], &[]);
    assert!(
        out.contains("min_confidence = \"low\" # .unleak.toml"),
        "{out}"
    );
    let out = show(&[home, ("UNLEAK_MIN_CONFIDENCE", "medium")], &[]);
    assert!(
        out.contains("min_confidence = \"medium\" # environment"),
        "{out}"
    );
    let out = show(&[home], &["--disable-rule", "jwt", "--no-config"]);
    assert!(
        out.contains("\"jwt\", # command line") && !out.contains("private-key"),
        "{out}"
    );
    assert!(
        out.contains("min_confidence = \"medium\" # default"),
        "{out}"
    );
}

#[test]
fn a_wrong_file_or_variable_stops_with_a_way_out() {
    let repo = repository();
    for (text, why) in [
        ("min_confidense = 'low'\n", "did you mean 'min_confidence'?"),
        ("\nmin_confidence = 'lots'\n", "line 2"),
        ("[[ignore]]\nreason = 'x'\n", "names no fingerprint"),
        ("[[ignore]]\npath = 'x'\n", "reason"),
        (
            "[[ignore]]\nreason = ''\nfingerprint = 'xyz'\n",
            "12 hexadecimal",
        ),
        ("[[ignore]]\nreason = ''\npath_regex = '('\n", "path_regex"),
        (
            "[[ignore]]\nreason = ''\nrule = 'x'\nexpires = 'soon'\n",
            "2030-12-31",
        ),
        ("not toml", "line 1"),
    ] {
        repo.write(".unleak.toml", text);
        let (code, out, said) = codes(&repo.unleak(&["scan", "."], b"", &[]));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{text}");
        assert!(said.contains(why), "{text}: {said}");
        let (code, ..) = codes(&repo.unleak(&["scan", "--no-config", "."], b"", &[]));
        assert_eq!(code, Some(1));
    }
    repo.git(&["clean", "-fdq"]);
    for env in [
        ("UNLEAK_MIN_CONFIDENCE", "all"),
        ("UNLEAK_PUBLIC_KEYS", "2"),
    ] {
        let (code, _, said) = codes(&repo.unleak(&["scan", "."], b"", &[env]));
        assert_eq!(code, Some(2));
        assert!(said.contains(env.0), "{said}");
    }
}

#[test]
fn a_link_as_configuration_is_refused_and_a_bare_repository_uses_heads() {
    let repo = repository();
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join(".unleak.toml")).unwrap();
    let (code, _, said) = codes(&repo.unleak(&["scan", "."], b"", &[]));
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no regular file") && !said.contains("root"),
        "{said}"
    );
    std::fs::remove_file(repo.path().join(".unleak.toml")).unwrap();
    repo.commit_file(
        ".unleak.toml",
        "[[ignore]]\npath_regex = '^docs/'\nreason = 'samples'\n[[ignore]]\nrule = 'no-such'\nreason = ''\n",
    );
    let bare = repo.cloned(&["--bare"]);
    let (code, out, said) =
        codes(&bare.unleak(&["scan", "-q", "--trust-repo-config", "."], b"", &[]));
    assert_eq!(code, Some(1));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with("src/b.rs"), "{out}");
    assert!(said.contains("1 suppression matches nothing"), "{said}");
}
