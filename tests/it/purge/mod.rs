//! `unleak purge`: history without the values, nothing else changed, and all of it can be undone.

mod crash;
mod damage;
mod fitting;
mod healing;
mod large;
mod lists;
mod meeting;
mod night;
mod others;
mod patching;
mod random;
mod refusals;
mod selection;
mod since;
mod spelling;
mod taking_back;
mod torture;
mod unsearched;
mod whole;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::{Repo, github_token};

/// A repository with a place for undo snapshots.
pub(crate) struct Purged {
    pub(crate) repo: Repo,
    pub(crate) state: TempDir,
    pub(crate) value: String,
}

impl Purged {
    pub(crate) fn new(repo: Repo) -> Self {
        Self {
            repo,
            state: TempDir::new().unwrap(),
            value: github_token(1),
        }
    }

    /// Runs `unleak purge`; returns what came of it.
    pub(crate) fn try_purge(&self, args: &[&str]) -> Output {
        let state = self.state.path().to_str().unwrap().to_owned();
        let args = [&["purge"], args].concat();
        let known = format!("{}\n", self.value);
        self.repo
            .unleak(&args, known.as_bytes(), &[("XDG_STATE_HOME", &state)])
    }

    /// The same, which must end with `code`; returns standard output.
    pub(crate) fn purge(&self, args: &[&str], code: i32) -> String {
        let output = self.try_purge(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "purge {args:?}: {out}\n{err}"
        );
        for stream in [&out, &err] {
            assert!(
                !stream.contains(&self.value),
                "purge {args:?} prints the value: {stream}"
            );
        }
        out
    }

    /// Erases the value for good.
    pub(super) fn erase(&self) -> String {
        self.purge(&["--known", "-", "--apply", "--finish"], 0)
    }

    /// Old and new ids of commits.
    pub(super) fn commit_map(&self) -> BTreeMap<String, String> {
        let path = self.repo.git_dir().join("unleak/commit-map");
        let text = std::fs::read_to_string(path).unwrap();
        let pairs = text.lines().skip(1).filter_map(|line| line.split_once(' '));
        pairs
            .map(|(old, new)| (old.to_owned(), new.to_owned()))
            .collect()
    }

    /// Everything that a user can tell: refs, reflogs, stash, index, objects, files.
    pub(super) fn state(&self) -> BTreeMap<String, String> {
        let git = |args: &[&str]| self.repo.git(args);
        let mut state = BTreeMap::new();
        state.insert("refs".to_owned(), git(&["for-each-ref"]));
        state.insert(
            "head".to_owned(),
            git(&["rev-parse", "--symbolic-full-name", "HEAD"]),
        );
        state.insert(
            "stash".to_owned(),
            git(&["stash", "list", "--format=%gd %H %gs"]),
        );
        state.insert("index".to_owned(), git(&["ls-files", "--stage", "-v"]));
        let objects = git(&[
            "cat-file",
            "--batch-all-objects",
            "--batch-check",
            "--unordered",
        ]);
        let mut objects: Vec<&str> = objects.lines().collect();
        objects.sort_unstable();
        state.insert("objects".to_owned(), objects.join("\n"));
        for (name, bytes) in files(self.repo.path()) {
            let is_log = name.starts_with(".git/logs/");
            if is_log || !name.starts_with(".git/") {
                state.insert(name, text(&bytes));
            }
        }
        state
    }
}

/// Compares two states, and names only what differs.
pub(super) fn assert_same<T: PartialEq + std::fmt::Debug>(
    is: &BTreeMap<String, T>,
    was: &BTreeMap<String, T>,
    when: &str,
) {
    let names: std::collections::BTreeSet<&String> = is.keys().chain(was.keys()).collect();
    for name in names {
        assert!(
            is.get(name) == was.get(name),
            "{when}: '{name}' is {:?} and was {:?}",
            is.get(name),
            was.get(name)
        );
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All files below `top`, by relative name.
pub(super) fn files(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![top.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(top)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                found.insert(name, target.as_os_str().as_encoded_bytes().to_vec());
            } else if path.is_dir() {
                dirs.push(path);
            } else {
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Every object of a repository, inflated by git: kind and bytes by id.
pub(super) fn objects(repo: &Repo) -> BTreeMap<String, (String, Vec<u8>)> {
    let args = ["cat-file", "--batch-all-objects", "--batch", "--unordered"];
    let bytes = repo.git_with_input(&args, b"");
    let mut found = BTreeMap::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
        let header = text(&rest[..end]);
        let words: Vec<&str> = header.split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let body = rest[end + 1..end + 1 + size].to_vec();
        found.insert(words[0].to_owned(), (words[1].to_owned(), body));
        rest = &rest[end + 2 + size..];
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The value and what shows it: base64 at each place, hexadecimal, UTF-16.
pub(super) fn forms(value: &str) -> Vec<Vec<u8>> {
    use data_encoding::{BASE64_NOPAD, HEXLOWER, HEXUPPER};
    let mut forms = vec![
        value.as_bytes().to_vec(),
        HEXLOWER.encode(value.as_bytes()).into_bytes(),
        HEXUPPER.encode(value.as_bytes()).into_bytes(),
        value.bytes().flat_map(|byte| [byte, 0]).collect(),
        value.bytes().flat_map(|byte| [0, byte]).collect(),
        value
            .bytes()
            .flat_map(|byte| format!("%{byte:02X}").into_bytes())
            .collect(),
    ];
    for shift in 0..3 {
        // Whole groups of three bytes look the same wherever they stand.
        let inner = &value.as_bytes()[shift..];
        let inner = &inner[..inner.len() / 3 * 3];
        forms.push(BASE64_NOPAD.encode(inner).into_bytes());
    }
    forms
}

/// Searches every inflated object and every file for any form of the value.
pub(crate) fn assert_gone(repo: &Repo, value: &str) {
    for form in forms(value) {
        for (id, (kind, bytes)) in objects(repo) {
            assert!(
                !contains(&bytes, &form),
                "{kind} {id} shows {}",
                form.escape_ascii()
            );
        }
        for (name, bytes) in files(repo.path()) {
            assert!(
                !contains(&bytes, &form),
                "'{name}' shows {}",
                form.escape_ascii()
            );
            assert!(!contains(name.as_bytes(), &form), "the name of '{name}'");
        }
    }
}

#[test]
fn a_plan_writes_nothing_and_says_what_would_change() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("clean", "nothing\n");
    purged
        .repo
        .commit_file("config", format!("token = {}\n", purged.value));
    purged.repo.git(&["tag", "-a", "-m", "first", "v1"]);
    let before = files(purged.repo.path());
    let plan = purged.purge(&[], 1);
    assert!(plan.starts_with("Rotate first"), "{plan}");
    assert!(
        plan.contains("1 of 2 commits change, 0 signatures lost, 1 branch and 1 tag move"),
        "{plan}"
    );
    assert!(
        plan.contains("- token = [secret]\n    + token = ***REMOVED***\n"),
        "{plan}"
    );
    let next = plan.split_once("\nNext:\n").expect("what comes next").1;
    for step in ["git fetch --all", "--apply --finish", "push-plan", "heal"] {
        assert!(next.contains(step), "{step}: {next}");
    }
    assert!(
        plan.contains("https://github.com/settings/tokens"),
        "{plan}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&purged.purge(&["--format", "json"], 1)).unwrap();
    assert_eq!(json["commits"]["changed"], 1);
    assert_eq!(json["values"][0]["file_versions"], 1);
    assert_eq!(files(purged.repo.path()), before);
    assert_eq!(std::fs::read_dir(purged.state.path()).unwrap().count(), 0);
}

#[test]
fn a_clean_repository_has_nothing_to_purge() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("clean", "nothing\n");
    assert!(purged.purge(&[], 0).contains("Nothing to purge"));
    assert!(purged.purge(&["--apply"], 0).contains("Nothing to purge"));
    assert!(purged.purge(&["status"], 0).contains("No purge"));
}

#[test]
fn findings_are_picked_by_fingerprint_or_report() {
    let purged = Purged::new(Repo::new());
    let other = github_token(2);
    purged
        .repo
        .commit_file("a", format!("token = {}\nother = {other}\n", purged.value));
    let report = purged.repo.scan(&[]);
    let findings = report.findings();
    assert_eq!(findings.len(), 2);
    let fingerprint = findings
        .iter()
        .map(|finding| finding["fingerprint"].as_str().unwrap());
    let one = fingerprint.clone().next().unwrap();
    let plan = purged.purge(&["--finding", &one[..12], "--format", "json"], 1);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["values"].as_array().unwrap().len(), 1);
    let file = purged.state.path().join("report.json");
    std::fs::write(&file, &report.bytes).unwrap();
    let plan = purged.purge(&["--from", file.to_str().unwrap(), "--format", "json"], 1);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["values"].as_array().unwrap().len(), 2);
    let output = purged.try_purge(&["--finding", "0123456789abcdef"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no finding has the fingerprint"));
}

#[test]
fn untouched_commits_keep_their_ids_and_signatures() {
    let purged = Purged::new(Repo::new());
    for number in 0..20 {
        purged.repo.commit_file("file", format!("{number}\n"));
        sign_head(&purged.repo);
    }
    let kept = purged.repo.git(&["rev-parse", "HEAD"]);
    purged
        .repo
        .commit_file("file", format!("token = {}\n", purged.value));
    sign_head(&purged.repo);
    purged.repo.commit_file("other", "after\n");
    // Commits before they were signed.
    std::fs::remove_file(purged.repo.git_dir().join("ORIG_HEAD")).unwrap();
    purged
        .repo
        .git(&["reflog", "expire", "--expire=now", "--all"]);
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(
        plan.contains("2 of 22 commits change, 1 signature lost"),
        "{plan}"
    );
    let signed = purged.repo.git(&["rev-parse", "HEAD~1"]);
    let list = plan.split_once("lose their signature").expect("a list").1;
    assert!(
        list.lines().nth(1) == Some(&format!("  {signed}")),
        "{plan}"
    );
    purged.erase();
    assert_eq!(purged.repo.git(&["rev-parse", "HEAD~2"]), kept);
    assert_eq!(purged.commit_map().len(), 2);
    let count = objects(&purged.repo)
        .values()
        .filter(|(kind, bytes)| kind == "commit" && contains(bytes, b"gpgsig"))
        .count();
    assert_eq!(count, 20);
}

/// Gives the commit that HEAD names a header that looks like a signature.
#[test]
fn a_plan_of_many_values_is_short_and_says_where_all_are() {
    let repo = Repo::new();
    let lines = (0..120).map(|seed| format!("key {}\n", github_token(5000 + seed)));
    for (number, line) in lines.enumerate() {
        repo.write(format!("dir/{number}"), line);
    }
    repo.commit("all");
    let purged = Purged::new(repo);
    let plan = purged.purge(&[], 1);
    let count = plan.lines().count();
    assert!(count <= 200, "{count} lines: {plan}");
    assert!(
        plan.contains("more values: '--format json' prints all"),
        "{plan}"
    );
    let all: serde_json::Value =
        serde_json::from_str(&purged.purge(&["--format", "json"], 1)).unwrap();
    assert_eq!(all["values"].as_array().unwrap().len(), 120);
}

#[test]
fn a_plan_for_head_alone_has_the_table_of_classes() {
    let repo = Repo::new();
    repo.commit_file("src/a.rs", format!("key {}\n", github_token(5500)));
    let purged = Purged::new(repo);
    let plan = purged.purge(&[], 1);
    assert!(
        plan.contains("History only: no file version changes."),
        "{plan}"
    );
    assert!(plan.contains("By class of path:\n"), "{plan}");
}

pub(super) fn sign_head(repo: &Repo) {
    let commit = repo.git_with_input(&["cat-file", "commit", "HEAD"], b"");
    let end = commit.windows(2).position(|pair| pair == b"\n\n").unwrap() + 1;
    let signature =
        b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n abcdef\n -----END PGP SIGNATURE-----\n";
    let signed = [&commit[..end], signature, &commit[end..]].concat();
    let id = repo.git_with_input(&["hash-object", "-t", "commit", "-w", "--stdin"], &signed);
    repo.git(&["reset", "--quiet", "--soft", text(&id).trim()]);
}
