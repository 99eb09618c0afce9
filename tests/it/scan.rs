//! What `unleak scan` reads, and what it admits it could not.

use std::fs;

use crate::support::{Repo, github_token, token};

#[test]
fn counts_what_it_read() {
    let repo = Repo::new();
    repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");
    repo.git(&["tag", "--annotate", "--message", "x", "v1"]);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 0);
    let counts = ["blob", "tree", "commit", "tag"].map(|kind| report.scanned(kind));
    assert_eq!(counts, [2, 2, 2, 1]);
    assert_eq!(report.json["complete"], true);
}

#[test]
fn one_secret_is_one_finding_wherever_it_goes() {
    let repo = Repo::new();
    for path in ["a", "b/c", "d"] {
        repo.commit_file(path, format!("x = {}\n", github_token(1)));
    }
    let report = repo.scan(&[]);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(
        report.only("github-pat")["history"]["paths"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn a_specific_rule_wins_over_a_generic_one() {
    let repo = Repo::new();
    repo.commit_file("conf", format!("api_token = \"{}\"\n", github_token(1)));
    let report = repo.scan(&["--min-confidence", "low"]);
    let ids: Vec<&str> = report
        .findings()
        .iter()
        .filter_map(|finding| finding["rule_id"].as_str())
        .collect();
    assert_eq!(ids, ["github-pat"]);
}

#[test]
fn a_shallow_clone_is_incomplete() {
    let repo = Repo::new();
    for n in 0..5 {
        repo.commit_file("file", format!("{n}\n"));
    }
    let clone = repo.cloned(&["--depth", "2"]);
    let report = clone.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.json["coverage"]["shallow_commits"], 1);
    assert_eq!(
        report.skipped().len(),
        0,
        "the boundary itself is no damage: {:#}",
        report.json["coverage"]
    );
}

#[test]
fn a_partial_clone_names_what_it_lacks() {
    let repo = Repo::new();
    repo.commit_file("old", "gone later\n");
    fs::remove_file(repo.path().join("old")).unwrap();
    repo.commit_file("new", "still here\n");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = repo.cloned(&["--filter=blob:none", "--no-checkout"]);
    let report = clone.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.skipped().len(), 2);
    assert!(
        report
            .skipped()
            .iter()
            .all(|skipped| skipped["reason"] == "promised" && skipped["kind"] == "blob")
    );
}

#[test]
fn a_missing_object_is_not_passed_over() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    let blob = repo.git(&["rev-parse", "HEAD:file"]);
    fs::remove_file(
        repo.git_dir()
            .join("objects")
            .join(&blob[..2])
            .join(&blob[2..]),
    )
    .unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.skipped()[0]["reason"], "missing");
    assert_eq!(report.skipped()[0]["object"], blob.as_str());
}

#[test]
fn what_an_unreachable_tree_lacks_is_no_damage() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    repo.git_with_input(
        &["mktree", "--missing"],
        format!("100644 blob {}\tgone\n", "1".repeat(40)).as_bytes(),
    );
    assert_eq!(repo.scan(&[]).code, 0);
}

#[test]
fn objects_over_the_size_limit_are_named() {
    let repo = Repo::new();
    repo.commit_file("big", vec![b'a'; 3 << 20]);
    repo.commit_file("small", github_token(1));
    for packed in [false, true] {
        if packed {
            repo.git(&["repack", "-adfq"]);
        }
        let report = repo.scan(&["--max-object-size", "1"]);
        assert_eq!(report.code, 3);
        assert_eq!(report.findings().len(), 1);
        assert_eq!(
            report.skipped()[0]["reason"],
            "too-large",
            "{:#}",
            report.json["coverage"]
        );
    }
    assert_eq!(repo.scan(&[]).code, 1);
}

#[test]
fn a_blob_made_of_keywords_is_scanned_to_its_end() {
    let repo = Repo::new();
    repo.commit_file("bomb", "password".repeat(1_100_000));
    repo.commit_file("small", github_token(1));
    for options in [&[][..], &["--no-delta"]] {
        let report = repo.scan(options);
        assert_eq!((report.code, report.findings().len()), (1, 1));
        assert!(report.skipped().is_empty());
        assert_eq!(report.scanned("blob"), 2);
    }
}

#[test]
fn replaced_objects_are_seen_as_they_are() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    let blob = repo.git(&["rev-parse", "HEAD:file"]);
    let harmless = repo.git_with_input(&["hash-object", "-w", "--stdin"], b"harmless\n");
    repo.git(&[
        "replace",
        &blob,
        String::from_utf8(harmless).unwrap().trim(),
    ]);
    assert_eq!(repo.scan(&[]).findings().len(), 1);
}

#[test]
fn inline_markers_allow_a_line() {
    let repo = Repo::new();
    repo.commit_file(
        "file",
        format!("a = {} # unleak:allow test value\n", github_token(1)),
    );
    let report = repo.scan(&[]);
    assert_eq!((report.code, report.findings().len()), (0, 0));
    assert_eq!(report.json["coverage"]["allowed_inline"], 1);
    assert_eq!(repo.scan(&["--no-inline-allow"]).findings().len(), 1);
}

#[test]
fn missing_alternates_are_named() {
    let repo = Repo::new();
    repo.commit_file("file", "x\n");
    fs::create_dir_all(repo.git_dir().join("objects/info")).unwrap();
    fs::write(
        repo.git_dir().join("objects/info/alternates"),
        "/nowhere/at/all\n",
    )
    .unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert!(
        report.skipped()[0]["detail"]
            .to_string()
            .contains("the directory that line 1 names is not there")
    );
}

#[test]
fn refs_that_cannot_be_read_make_the_scan_incomplete() {
    let repo = Repo::new();
    repo.commit_file("file", github_token(1));
    fs::write(repo.git_dir().join("refs/heads/broken"), "not an id\n").unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.findings().len(), 1, "objects are read all the same");
}

/// Values that no rule knows are found as they stand and in encoded forms, and never printed.
#[test]
fn known_values_are_found_in_all_forms() {
    let repo = Repo::new();
    let value = token("{base62:9} {base62:9}", 7);
    repo.commit_file("plain", format!("the words {value} stand here\n"));
    repo.commit_file(
        "wrapped",
        format!(
            "x: {}\n",
            data_encoding::BASE64.encode(format!("ab{value}").as_bytes())
        ),
    );
    repo.commit(&format!("message with {value}"));
    let known = format!("# a vault's export\nNAME=\"{value}\"\nPORT=8080\n");
    let output = repo.unleak(
        &["scan", "--known", "-", "--format", "json"],
        known.as_bytes(),
        &[],
    );
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(!out.contains(&value) && !err.contains(&value));
    assert!(
        err.contains("1 values in 'standard input' are too short") && err.contains("(lines 3)"),
        "{err}"
    );
    assert!(err.contains("1 value: "), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let found = &report["findings"][0];
    assert_eq!(found["rule_id"], "known-value");
    let places = found["occurrences"].as_array().unwrap().iter();
    let in_objects = places.filter(|place| place["kind"] != "reflog");
    assert_eq!(in_objects.count(), 3, "{found:#}");
    let env = [("A_SECRET_TOKEN", value.as_str())];
    let output = repo.unleak(&["scan", "--known-env", "-q"], b"", &env);
    assert_eq!(output.status.code(), Some(1));
    repo.write(
        ".netrc",
        format!(
            "machine example.org login me password {}\n",
            value.replace(' ', "")
        ),
    );
    let output = repo.unleak(&["scan", "--known-credentials", "-q"], b"", &[]);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_cannot_be_opened_is_told_in_an_order_that_threads_cannot_change() {
    let repo = Repo::new();
    for number in 0..40u8 {
        // A gzip member that ends too early.
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, number];
        bytes.extend([number; 40]);
        repo.write(format!("{number}.gz"), bytes);
    }
    repo.git(&["add", "."]);
    repo.commit("all");
    repo.git(&["gc", "-q"]);
    let report = repo.scan(&["--threads", "1"]);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    assert_eq!(unopened.len(), 40);
    let ids: Vec<&str> = unopened
        .iter()
        .map(|entry| entry["object"].as_str().unwrap())
        .collect();
    assert!(ids.is_sorted(), "{ids:?}");
    for _ in 0..4 {
        assert_eq!(repo.scan(&["--threads", "2"]).bytes, report.bytes);
    }
}
