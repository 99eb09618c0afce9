//! What is scanned beside ordinary repositories: files, bundles, reftables, files of Git LFS; and
//! archives that must not be opened to the end.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use unleak::unpack::Limits;

use crate::support::{Repo, github_token, unleak, with_refs};

/// Runs a scan with a JSON report; returns the exit code and the report.
fn scan(args: &[&str], dir: &Path) -> (i32, Value) {
    let output = unleak(
        &[&["scan", "--format", "json", "--show-secrets"], args].concat(),
        dir,
    );
    let report = serde_json::from_slice(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap(),
        with_refs(report.unwrap_or_else(|e| panic!("{e}: {error}"))),
    )
}

fn secrets(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut secrets: Vec<&str> = findings.map(|f| f["secret"].as_str().unwrap()).collect();
    secrets.sort_unstable();
    secrets
}

#[test]
fn files_are_scanned_where_no_repository_is() {
    let place = Repo::bare_directory();
    let (one, two, hidden) = (github_token(1), github_token(2), github_token(3));
    place.write("a/config.ini", format!("x = 1\ntoken = {one}\n"));
    place.write("b/deep/.env", format!("TOKEN={two}\n"));
    place.write("b/.gitignore", "ignored\n");
    place.write("b/ignored", format!("TOKEN={hidden}\n"));
    let (code, report) = scan(&["--files", "a", "b"], place.path());
    assert_eq!(code, 1);
    let mut expected = [one.as_str(), &two, &hidden];
    expected.sort_unstable();
    assert_eq!(secrets(&report), expected);
    assert_eq!(report["scope"], "files");
    let first = report["findings"].as_array().unwrap().iter();
    let first = first.clone().find(|f| f["secret"] == one.as_str()).unwrap();
    assert_eq!(first["history"]["first"]["path"], "a/config.ini");
    assert_eq!(first["history"]["first"]["line"], 2);
    let (code, report) = scan(&["--files", "a/config.ini"], place.path());
    assert_eq!((code, secrets(&report).len()), (1, 1));
    let missing = unleak(&["scan", "--files", "nowhere"], place.path());
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_bundle_is_a_repository_in_a_file() {
    for format in ["sha1", "sha256"] {
        let repo = Repo::init(&["--object-format", format]);
        let (gone, kept) = (github_token(4), github_token(5));
        repo.commit_file("a.txt", format!("token = {gone}\n"));
        let middle = repo.commit_file("a.txt", "clean\n");
        repo.commit_file("b.txt", format!("token = {kept}\n"));
        repo.git(&["bundle", "create", "-q", "all.bundle", "--all"]);
        repo.git(&[
            "bundle",
            "create",
            "-q",
            "new.bundle",
            &format!("{middle}..main"),
        ]);
        let (code, report) = scan(&["all.bundle"], repo.path());
        assert_eq!(code, 1, "{report:#}");
        let mut expected = [gone.as_str(), &kept];
        expected.sort_unstable();
        assert_eq!(secrets(&report), expected);
        assert_eq!(report["scope"], "bundle");
        let kept_one = report["findings"].as_array().unwrap().iter();
        let kept_one = kept_one
            .clone()
            .find(|f| f["secret"] == kept.as_str())
            .unwrap();
        assert_eq!(kept_one["history"]["branches"][0], "main");
        let (code, report) = scan(&["new.bundle"], repo.path());
        assert_eq!(code, 1, "{report:#}");
        assert_eq!(secrets(&report), [&kept]);
        assert_eq!(report["coverage"]["prerequisites"], 1);
        let whole = std::fs::read(repo.path().join("all.bundle")).unwrap();
        repo.write("cut.bundle", &whole[..whole.len() - 40]);
        let (code, _) = scan(&["cut.bundle"], repo.path());
        assert_eq!(code, 3);
    }
}

#[test]
fn a_reftable_repository_is_like_any_other() {
    let repo = Repo::init(&["--ref-format=reftable"]);
    let (first, branch) = (github_token(6), github_token(7));
    repo.commit_file("a.txt", format!("token = {first}\n"));
    repo.git(&["branch", &format!("topic/{branch}")]);
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(report.code, 1, "{:#}", report.json);
    let mut expected = [first.as_str(), &branch];
    expected.sort_unstable();
    assert_eq!(secrets(&report.json), expected);
    let finding = report
        .findings()
        .iter()
        .find(|f| f["secret"] == first.as_str());
    assert_eq!(finding.unwrap()["history"]["in_head"], true);
    let output = repo.unleak(&["hook", "install"], b"", &[]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    repo.write("b.txt", format!("token = {}\n", github_token(8)));
    repo.git(&["add", "b.txt"]);
    assert!(
        !repo
            .try_git(&["commit", "-q", "-m", "blocked"], &[])
            .status
            .success()
    );
    repo.write("b.txt", "clean\n");
    repo.git(&["add", "b.txt"]);
    assert!(
        repo.try_git(&["commit", "-q", "-m", "passes"], &[])
            .status
            .success()
    );
}

#[test]
fn files_of_git_lfs_are_scanned_if_they_are_here_and_counted_if_not() {
    let repo = Repo::new();
    let token = github_token(9);
    let content = format!("big file\ntoken = {token}\n");
    let pointer = |oid: &str| {
        format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n",
            content.len()
        )
    };
    let (here, away) = ("ab12".repeat(16), "cd34".repeat(16));
    repo.write(format!(".git/lfs/objects/ab/12/{here}"), &content);
    repo.write("assets/here.bin", pointer(&here));
    repo.write("assets/away.bin", pointer(&away));
    repo.git(&["add", "."]);
    let staged = repo.scan(&["--staged", "--show-secrets"]);
    assert_eq!(
        (staged.code, secrets(&staged.json)),
        (1, vec![token.as_str()])
    );
    repo.commit("pointers");
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(
        (report.code, secrets(&report.json)),
        (1, vec![token.as_str()])
    );
    let history = &report.findings()[0]["history"];
    assert_eq!(history["first"]["path"], "assets/here.bin");
    assert_eq!(history["first"]["line"], 2);
    assert_eq!(history["first"]["wrapping"][0]["format"], "git-lfs");
    assert_eq!(report.json["coverage"]["lfs_files"], 1);
    assert_eq!(report.json["coverage"]["lfs_missing"], 1);
}

/// Makes archives with python3 in the repository.
fn python(repo: &Repo, script: &str) {
    let status = Command::new("python3")
        .args(["-c", script])
        .current_dir(repo.path())
        .status();
    assert!(status.expect("python3 is installed").success());
}

#[test]
fn archives_that_blow_up_end_as_incomplete_and_say_so() {
    let repo = Repo::new();
    python(
        &repo,
        "
import gzip, io, zipfile
bomb = gzip.compress(gzip.compress(b'\\0' * (64 << 20)))
open('bomb.gz.gz', 'wb').write(bomb)
inner = b'end'
for level in range(20):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive:
        archive.writestr('level%d.zip' % level, inner)
    inner = out.getvalue()
open('nest.zip', 'wb').write(inner)
",
    );
    repo.commit("bombs");
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3, "{:#}", report.json["coverage"]);
    let details: Vec<&str> = report
        .skipped()
        .iter()
        .map(|s| s["detail"].as_str().unwrap())
        .collect();
    assert!(
        report
            .skipped()
            .iter()
            .all(|skipped| skipped["reason"] == "too-large"),
        "{details:?}"
    );
    assert_eq!(details.len(), 2, "{details:?}");
    // Who does not want archives opened gets a clean answer, which names them.
    let report = repo.scan(&["--max-depth", "0"]);
    assert_eq!(report.code, 0);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    assert!(!unopened.is_empty());
    let is_named = |entry: &Value| {
        let detail = entry["detail"].as_str().unwrap();
        detail.contains("the maximum depth is 0")
    };
    assert!(unopened.iter().all(is_named), "{unopened:?}");
    assert!(Limits::default().max_depth > 0);
}

#[test]
fn damaged_and_locked_archives_are_told_and_no_reason_to_fail() {
    let repo = Repo::new();
    python(
        &repo,
        "
import gzip, io, zipfile
whole = gzip.compress(bytes(range(256)) * 400)
open('cut.gz', 'wb').write(whole[:len(whole) // 2])
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', 0) as archive:
    archive.writestr('locked.txt', b'x' * 50)
locked = bytearray(out.getvalue())
locked[6] |= 1
locked[locked.index(b'PK\\x01\\x02') + 8] |= 1
open('locked.zip', 'wb').write(locked)
",
    );
    repo.commit("archives");
    let report = repo.scan(&[]);
    assert_eq!(report.code, 0, "{:#}", report.json["coverage"]);
    let unopened = report.json["coverage"]["unopened"]
        .as_array()
        .unwrap()
        .iter();
    let mut reasons: Vec<&str> = unopened.map(|u| u["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["corrupt", "encrypted"]);
}

#[test]
fn an_unknown_extension_is_no_reason_to_say_clean() {
    let repo = Repo::new();
    repo.commit_file("a.txt", "clean\n");
    let config = repo.git_dir().join("config");
    let known = std::fs::read_to_string(&config)
        .unwrap()
        .replace("version = 0", "version = 1");
    std::fs::write(
        &config,
        format!("{known}[extensions]\n\tworktreeConfig = true\n"),
    )
    .unwrap();
    assert_eq!(repo.scan(&[]).code, 0);
    std::fs::write(
        &config,
        format!("{known}[extensions]\n\tobjectsElsewhere = true\n"),
    )
    .unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    let detail = report.skipped()[0]["detail"].as_str().unwrap();
    assert!(
        detail.to_lowercase().contains("objectselsewhere"),
        "{detail}"
    );
}

/// Runs a program of the shell in which `$U` is the binary; returns its exit code and what it prints.
fn shell(repo: &Repo, program: &str) -> (i32, String) {
    let output = Command::new("bash")
        .args(["-c", program])
        .env("U", env!("CARGO_BIN_EXE_unleak"))
        .current_dir(repo.path())
        .output()
        .expect("bash is installed");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn what_is_named_is_read_whatever_it_is() {
    let repo = Repo::bare_directory();
    repo.write("dir/k", format!("K={}\n", github_token(70)));
    for program in [
        "ln -s dir/k link; \"$U\" scan --files link -q",
        "ln -s dir linked; \"$U\" scan --files linked -q",
        "mkfifo pipe; cat dir/k >pipe & \"$U\" scan --files pipe -q",
        "\"$U\" scan --files <(cat dir/k) -q",
        "cat dir/k | \"$U\" scan --files /dev/stdin -q",
        "cat dir/k | \"$U\" scan --files /dev/fd/0 dir/.. -q",
        "exec 7<dir/k; \"$U\" scan --files /dev/fd/7 -q",
    ] {
        let (code, said) = shell(&repo, program);
        assert_eq!(code, 1, "{program}: {said}");
        assert!(said.contains(": github-pat: "), "{program}: {said}");
    }
    // What has no end is read to the limit.
    let (code, said) = shell(&repo, "\"$U\" scan --max-object-size 1 --files /dev/zero");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("too-large: '/dev/zero'"), "{said}");
    let (code, said) = shell(&repo, "ln -s nowhere broken; \"$U\" scan --files broken");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("'broken' is a link to 'nowhere'"), "{said}");
}

#[test]
fn pipes_and_sockets_in_directories_are_counted_and_links_not_followed() {
    let repo = Repo::bare_directory();
    repo.write("outside/k", format!("K={}\n", github_token(71)));
    let (code, said) = shell(
        &repo,
        "mkdir dir; mkfifo dir/pipe; ln -s ../outside/k dir/link; ln -s link dir/to; ln -s a dir/no; \"$U\" scan --files dir",
    );
    assert_eq!(code, 0, "{said}");
    let words = "note: 3 pipes, sockets, devices or links to elsewhere";
    assert!(said.contains(words), "{said}");
    let first =
        "everything was read, but 3 pipes, sockets, devices or links to elsewhere were not read\n";
    assert!(said.contains(first), "{said}");
    let (code, report) = scan(&["--files", "dir"], repo.path());
    assert_eq!(code, 0);
    let special = &report["coverage"]["special_files"];
    assert_eq!(*special, json!(["dir/link", "dir/pipe", "dir/to"]));
    // A directory that holds only a link.
    let (code, said) = shell(
        &repo,
        "mkdir only; ln -s ../outside/k only/link; \"$U\" scan --files only",
    );
    assert_eq!(code, 0, "{said}");
    let words = "note: 1 pipe, socket, device or link to elsewhere";
    assert!(said.contains(words), "{said}");
    // A link to what is read anyway is none.
    let (_, said) = shell(
        &repo,
        "mkdir in; touch in/a; ln -s a in/b; \"$U\" scan --files in",
    );
    assert!(!said.contains("link"), "{said}");
    // A pipe in the place of a tracked file does not stop a scan of the worktree.
    let repo = Repo::new();
    repo.commit_file("a", "nothing\n");
    let (code, said) = shell(&repo, "rm a; mkfifo a; timeout 60 \"$U\" scan --worktree");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it is not a regular file"), "{said}");
}

#[test]
fn utf_32_is_found_redacted_and_purged() {
    let token = github_token(72);
    for big in [false, true] {
        let repo = Repo::new();
        let wide = |text: &str| -> Vec<u8> {
            let characters = text.chars().map(u32::from);
            let bytes = |c: u32| {
                if big {
                    c.to_be_bytes()
                } else {
                    c.to_le_bytes()
                }
            };
            characters.flat_map(bytes).collect()
        };
        let text = format!("\u{feff}$first = 1\r\n$token = \"{token}\"\r\n");
        repo.commit_file("d.ps1", wide(&text));
        let report = repo.scan(&["--show-secrets"]);
        assert_eq!(
            (report.code, secrets(&report.json)),
            (1, vec![token.as_str()])
        );
        let first = &report.findings()[0]["history"]["first"];
        assert_eq!(first["line"], 2);
        assert_eq!(first["wrapping"][0]["encoding"], "UTF-32");
        let state = tempfile::tempdir().unwrap();
        let state = ("XDG_STATE_HOME", state.path().to_str().unwrap());
        let purge = ["purge", "--known", "-", "--apply", "--finish", "--yes"];
        let mut args = purge.to_vec();
        let help = repo.unleak(&["purge", "--help"], b"", &[]);
        // Only a purge that asks knows how to be told not to.
        if !String::from_utf8_lossy(&help.stdout).contains("--yes") {
            args.pop();
        }
        let output = repo.unleak(&args, token.as_bytes(), &[state]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let kept = repo.git_with_input(&["cat-file", "blob", "HEAD:d.ps1"], b"");
        let filled = text.replace(&token, &"*".repeat(token.len()));
        assert_eq!(kept.len(), wide(&text).len());
        let rest = wide(&filled);
        let is_same = |(a, b): (&u8, &u8)| a == b || (*b == b'*' && *a != 0);
        assert!(
            kept.iter().zip(&rest).all(is_same),
            "{}",
            kept.escape_ascii()
        );
        assert_eq!(repo.scan(&[]).code, 0);
    }
}
