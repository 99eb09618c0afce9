//! The id of a key and its secret are one finding.

use crate::support::{Repo, token, unleak};

fn pair(seed: u64) -> (String, String) {
    let id = token("AKIA{base32:16}", seed);
    (id, token("{base64:40}", seed))
}

fn file(id: &str, secret: &str, lines: usize) -> String {
    let gap = "# more\n".repeat(lines);
    format!("[default]\naws_access_key_id = {id}\n{gap}aws_secret_access_key = {secret}\n")
}

#[test]
fn an_id_beside_its_secret_is_told_with_it() {
    let repo = Repo::new();
    let (id, secret) = pair(1);
    repo.commit_file("credentials", file(&id, &secret, 0));
    let report = repo.scan(&["--show-secrets"]);
    let finding = report.only("aws-secret-access-key");
    assert_eq!(report.findings().len(), 1);
    assert_eq!(finding["with"][0]["rule_id"], "aws-access-key-id");
    assert_eq!(finding["with"][0]["secret"], id.as_str());
    assert_eq!(finding["with"][0]["occurrences"][0]["line"], 2);
    let human = unleak(&["scan"], repo.path());
    let text = String::from_utf8_lossy(&human.stdout).into_owned();
    let mark = format!(" with AKIA…{}", &id[16..]);
    assert!(text.contains(&mark), "{mark} in {text}");
    assert!(!text.contains(&id) && !text.contains(&secret), "{text}");
}

#[test]
fn an_id_that_also_stands_alone_is_a_finding() {
    let repo = Repo::new();
    let ((id, secret), (far_id, far_secret)) = (pair(2), pair(3));
    repo.commit_file("credentials", file(&id, &secret, 0));
    repo.commit_file("elsewhere", format!("key: {id}\n"));
    repo.commit_file("far", file(&far_id, &far_secret, 9));
    let report = repo.scan(&[]);
    let ids = report.findings().iter().map(|finding| &finding["rule_id"]);
    let ids = ids.filter(|id| *id == "aws-access-key-id");
    assert_eq!(ids.count(), 2, "{:?}", report.findings());
    assert!(
        report
            .findings()
            .iter()
            .all(|finding| finding["with"] == serde_json::json!([]))
    );
}

#[test]
fn a_purge_erases_both() {
    for by_report in [false, true] {
        let repo = Repo::new();
        let (id, secret) = pair(4);
        repo.commit_file("credentials", file(&id, &secret, 1));
        repo.commit_file("credentials", "none\n");
        let saved = unleak(&["scan", "--format", "json"], repo.path());
        let report: serde_json::Value = serde_json::from_slice(&saved.stdout).unwrap();
        repo.write(".git/report.json", &saved.stdout);
        let fingerprint = report["findings"][0]["fingerprint"].as_str().unwrap();
        let args: &[&str] = if by_report {
            &[
                "purge",
                "--from",
                ".git/report.json",
                "--apply",
                "--finish",
                "--yes",
            ]
        } else {
            &["purge", "--finding", fingerprint, "--apply", "--finish"]
        };
        let state = tempfile::TempDir::new().unwrap();
        let env = [("XDG_STATE_HOME", state.path().to_str().unwrap())];
        let purged = repo.unleak(args, b"", &env);
        let text = [purged.stdout, purged.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(purged.status.code(), Some(0), "{text}");
        assert!(
            repo.scan(&["--min-confidence", "low"])
                .findings()
                .is_empty()
        );
    }
}
