//! Files that are one value: their names say whether it is a secret.

use std::collections::BTreeMap;

use crate::support::{Repo, Report, token, unleak};

const RULE: &str = "secret-file";

/// A value that only the name of its file tells, with a line end.
fn value(template: &str, seed: u64) -> String {
    token(template, seed) + "\n"
}

/// A password as people choose them.
fn chosen() -> String {
    ["Tr0ub4", "dor&3\n"].concat()
}

/// Confidence and first path of what the rule found, by path.
fn by_path(report: &Report) -> BTreeMap<String, String> {
    let found = report
        .findings()
        .iter()
        .filter(|finding| finding["rule_id"] == RULE);
    let entries = found.flat_map(|finding| {
        let confidence = finding["confidence"].as_str().unwrap().to_owned();
        let paths = finding["history"]["paths"].as_array().unwrap();
        paths
            .iter()
            .map(move |path| (path.as_str().unwrap().to_owned(), confidence.clone()))
    });
    entries.collect()
}

const LOW: [&str; 2] = ["--min-confidence", "low"];

/// Files with a secret, and how sure that is.
fn secret_files() -> Vec<(&'static str, String, &'static str)> {
    let key = "config/credentials/production.key";
    vec![
        ("config/master.key", value("{hex:32}", 1), "high"),
        (key, value("{hex:32}", 2), "high"),
        ("ansible/.vault_pass", value("{base62:24}", 3), "medium"),
        (".vault-password", chosen(), "medium"),
        ("password.txt", "sunshine\n".to_owned(), "low"),
        ("secret_token.txt", value("{hex:64}", 4), "medium"),
        ("token.txt", token("{base62:40}", 5), "medium"),
        ("api_key", value("{base64url:31}{base62:1}", 6), "medium"),
        (".ssh/id_ed25519", value("{base64:70}", 7), "medium"),
        ("tls/server.pem", value("{base64:64}", 8), "medium"),
        (".erlang.cookie", value("{upper:20}", 9), "medium"),
        ("wg/privatekey", value("{base64:43}=", 10), "medium"),
        ("deploy/secrets/db", value("{base62:24}", 11), "medium"),
        (
            ".htpasswd",
            "bob:".to_owned() + &value("{base62:9}7aB.", 12),
            "medium",
        ),
        (
            ".pgpass",
            "*:*:*:app:".to_owned() + &value("{base62:9}7aB.", 14),
            "medium",
        ),
        (
            "vpn/auth.txt",
            "ann\n".to_owned() + &value("{base62:20}", 13),
            "medium",
        ),
    ]
}

/// Files with one value whose names mean nothing, or that hold no secret.
fn other_files() -> Vec<(&'static str, String)> {
    vec![
        ("VERSION", value("{hex:40}", 20)),
        ("data/blob.txt", value("{base62:40}", 21)),
        ("token.txt.example", value("{base62:40}", 22)),
        ("keys/id_rsa.pub", value("{base64:60}", 23)),
        ("deploy/secrets/username", "administrator\n".to_owned()),
        ("src/password.py", value("{base62:40}", 24)),
        ("link.key", "../other/place.key".to_owned()),
        ("secret_version.txt", "1.24.3\n".to_owned()),
        ("db_password.txt", "{{db_password}}\n".to_owned()),
        ("auth_token", "***REMOVED***\n".to_owned()),
        ("two_words_password", "not one\n".to_owned()),
    ]
}

/// A repository of all of them.
fn repository() -> Repo {
    let repo = Repo::new();
    for (path, text, _) in secret_files() {
        repo.write(path, text);
    }
    for (path, text) in other_files() {
        repo.write(path, text);
    }
    repo.commit("files");
    repo
}

#[test]
fn the_name_of_a_file_says_what_its_only_value_is() {
    let repo = repository();
    let files = secret_files().into_iter();
    let expected: BTreeMap<String, String> = files
        .map(|(path, _, sure)| (path.to_owned(), sure.to_owned()))
        .collect();
    let report = repo.scan(&LOW);
    assert_eq!(by_path(&report), expected);
    assert_eq!(report.findings().len(), expected.len());
    for options in [&["--no-delta"][..], &["--range", "HEAD"]] {
        assert_eq!(by_path(&repo.scan(&[&LOW[..], options].concat())), expected);
    }
    let args = ["scan", "--files", ".", "--format", "json"];
    let output = unleak(&[&args[..], &LOW].concat(), repo.path());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = json["findings"].as_array().unwrap().iter();
    let found = found.filter(|finding| finding["rule_id"] == RULE);
    assert_eq!(found.count(), expected.len());
}

#[test]
fn what_is_no_secret_is_not_counted_as_left_out() {
    let repo = repository();
    let medium = repo.scan(&[]);
    assert_eq!(by_path(&medium).len(), secret_files().len() - 1);
    let coverage = &medium.json["coverage"];
    assert_eq!(coverage["below_confidence"], 1, "{coverage:#}");
    assert_eq!(by_path(&repo.scan(&["--min-confidence", "high"])).len(), 2);
}

#[test]
fn a_staged_file_is_refused_by_its_name() {
    let repo = Repo::new();
    repo.commit_file("a", "nothing\n");
    repo.write("config/master.key", value("{hex:32}", 1));
    repo.write("data.txt", value("{hex:32}", 2));
    repo.git(&["add", "--all"]);
    let report = repo.scan(&["--staged"]);
    assert_eq!(report.code, 1);
    let expected = BTreeMap::from([("config/master.key".to_owned(), "high".to_owned())]);
    assert_eq!(by_path(&report), expected);
}

/// Whatever an earlier scan knew of a blob, a new path for it can make it a secret.
#[test]
fn a_second_scan_sees_the_new_name_of_an_old_file() {
    let repo = Repo::new();
    let state = tempfile::tempdir().unwrap();
    let options = ["--state-dir", state.path().to_str().unwrap()];
    repo.commit_file("data.txt", value("{hex:32}", 1));
    assert_eq!(repo.scan(&options).findings().len(), 0);
    repo.git(&["mv", "data.txt", "master.key"]);
    repo.commit("a better name");
    for _ in 0..2 {
        let report = repo.scan(&options);
        assert_eq!(report.only(RULE)["confidence"], "high");
        assert_eq!(by_path(&report), by_path(&repo.scan(&[])));
    }
}

#[test]
fn a_value_that_another_rule_knows_is_one_finding() {
    let repo = Repo::new();
    let secret = token("{base62:32}", 1);
    repo.write("config.py", format!("client_secret = \"{secret}\"\n"));
    repo.write("client_secret.txt", format!("{secret}\n"));
    repo.write("token.txt", crate::support::github_token(1));
    repo.commit("both");
    let report = repo.scan(&[]);
    let rules: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding["rule_id"].as_str().unwrap())
        .collect();
    assert_eq!(rules.len(), 2, "{rules:?}");
    let generic = report.only("generic-secret");
    assert_eq!(generic["occurrences"].as_array().unwrap().len(), 2);
    report.only("github-pat");
}

#[test]
fn a_share_of_the_objects_has_no_paths_and_tells_nothing() {
    let repo = Repo::new();
    repo.commit_file("master.key", value("{hex:32}", 1));
    let blob = repo.git(&["rev-parse", "HEAD:master.key"]);
    let output = repo.unleak(
        &["scan", "--oids-from", "-", "--format", "json"],
        blob.as_bytes(),
        &[],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn a_purge_erases_a_named_file_s_value() {
    let purged = crate::purge::Purged::new(Repo::new());
    let secret = token("{hex:32}", 1);
    purged
        .repo
        .commit_file("config/master.key", format!("{secret}\n"));
    purged.repo.commit_file("a", "nothing\n");
    purged.purge(&["--apply", "--finish"], 0);
    crate::purge::assert_gone(&purged.repo, &secret);
    assert_eq!(
        purged.repo.git(&["show", "HEAD:config/master.key"]),
        "***REMOVED***"
    );
    assert_eq!(purged.repo.scan(&LOW).findings().len(), 0);
}
