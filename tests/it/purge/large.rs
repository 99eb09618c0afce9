//! Histories of which everything changes, and many refs: the fast ways give what the plain ones give.

use unleak::rule::template::Random;

use super::{Purged, assert_same, text};
use crate::support::Repo;

/// A mark as long as a GitHub token, so that a stream of fast-export stays well formed.
const MARK: &str = "REDACTEDREDACTEDREDACTEDREDACTEDREDACTED";

/// Random commits, merges among them, with the value in the first version of a file that stays. Packed with
/// deltas if `is_packed`.
fn grown(seed: u64, count: usize, is_packed: bool) -> Purged {
    let purged = Purged::new(Repo::new());
    let mut random = Random::new(seed);
    let mut below = |below: usize| random.below(below);
    let mut stream = String::new();
    let file = |stream: &mut String, name: &str, text: &str| {
        *stream += &format!("M 100644 inline {name}\ndata {}\n{text}\n", text.len());
    };
    for number in 1..=count {
        header(&mut stream, number);
        if number > 1 {
            stream += &format!("from :{}\n", number - 1);
        }
        if number > 10 && below(10) == 0 {
            stream += &format!("merge :{}\n", number - 2 - below(8));
        }
        if number == 1 {
            let value = format!("x\ntoken = {}\n", purged.value);
            file(&mut stream, "etc/app/conf.d/token.ini", &value);
            file(&mut stream, "etc/app/other", "1\n");
        }
        if below(20) == 0 {
            let value = format!("version {number}\ntoken = {}\nend\n", purged.value);
            file(&mut stream, "etc/app/conf.d/token.ini", &value);
        }
        for _ in 0..below(4) {
            let name = format!("d{}/e{}/f{}", below(9), below(9), below(9));
            file(&mut stream, &name, &format!("{number} {}\n", below(1000)));
        }
    }
    let input = stream.as_bytes();
    purged
        .repo
        .git_with_input(&["fast-import", "--quiet", "--force"], input);
    purged
        .repo
        .git(&["symbolic-ref", "HEAD", "refs/heads/grown"]);
    purged.repo.git(&["reset", "--quiet", "--hard"]);
    if is_packed {
        purged.repo.git(&["repack", "-adfq"]);
    } else {
        purged.repo.git(&["repack", "-adfq", "--depth=0"]);
    }
    purged
}

fn header(stream: &mut String, number: usize) {
    let message = format!("change {number}");
    *stream += &format!(
        "commit refs/heads/grown\nmark :{number}\ncommitter C <c@example.org> {} +0000\ndata {}\n{message}\n",
        1_600_000_000 + number,
        message.len()
    );
}

/// Another rewriter: git writes the history as text, the values are replaced, and git reads it again.
fn rewritten_by_git(purged: &Purged) -> String {
    let export = ["fast-export", "--all", "--signed-tags=verbatim"];
    let stream = purged.repo.git(&export).replace(&purged.value, MARK) + "\n";
    let other = Repo::new();
    other.git_with_input(&["fast-import", "--quiet", "--force"], stream.as_bytes());
    other.git(&["rev-parse", "grown"])
}

/// Bytes of all packs.
fn packed_bytes(repo: &Repo) -> u64 {
    let dir = std::fs::read_dir(repo.git_dir().join("objects/pack")).unwrap();
    let packs = dir.map(|entry| entry.unwrap().path());
    let packs = packs.filter(|path| path.extension().is_some_and(|e| e == "pack"));
    packs.map(|pack| pack.metadata().unwrap().len()).sum()
}

#[test]
fn a_history_that_changes_as_a_whole_becomes_what_git_makes_of_it_and_stays_small() {
    for (seed, is_packed) in [(1, true), (2, true), (3, false)] {
        let purged = grown(seed, 400, is_packed);
        let repo = &purged.repo;
        let (expected, before) = (rewritten_by_git(&purged), packed_bytes(repo));
        let args = [
            "--known",
            "-",
            "--apply",
            "--finish",
            "--replace-with",
            MARK,
        ];
        let said = purged.purge(&args, 0);
        assert!(said.contains("Proven: "), "seed {seed}: {said}");
        assert_eq!(repo.git(&["rev-parse", "grown"]), expected, "seed {seed}");
        assert_eq!(repo.git(&["fsck", "--full", "--strict"]), "");
        let bytes = packed_bytes(repo);
        repo.git(&["repack", "-adfq"]);
        // What was packed without deltas is not packed anew as a whole.
        let best = packed_bytes(repo).max(if is_packed { 0 } else { before });
        assert!(
            bytes <= best + best / 10,
            "seed {seed}: {bytes} bytes, git makes {best} of them"
        );
    }
}

#[test]
fn what_was_made_in_walks_is_the_same_for_any_number_of_threads() {
    let purged = grown(4, 300, true);
    let copy = purged.repo.cloned(&["--bare", "--no-local"]);
    let mut heads = Vec::new();
    for (repo, threads) in [(&purged.repo, "1"), (&copy, "4")] {
        let args = ["purge", "--known", "-", "--apply", "--finish", "."];
        let state = purged.state.path().join(threads);
        let env = [
            ("XDG_STATE_HOME", state.to_str().unwrap()),
            ("RAYON_NUM_THREADS", threads),
        ];
        let known = format!("{}\n", purged.value);
        let output = repo.unleak(&args, known.as_bytes(), &env);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        heads.push(repo.git(&["rev-parse", "grown"]));
    }
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn git_checks_the_whole_repository_only_if_it_is_asked_to() {
    for (option, expected) in [
        (&[][..], "Every object that"),
        (&["--fsck"][..], "git fsck says nothing"),
    ] {
        let purged = grown(5, 20, true);
        let args = [&["--known", "-", "--apply", "--finish"], option].concat();
        let said = purged.purge(&args, 0);
        assert!(said.contains(expected), "{said}");
    }
}

/// A repository with many branches and tags, some of them loose, each with a reflog.
fn with_refs() -> Purged {
    let purged = grown(6, 40, true);
    let repo = &purged.repo;
    repo.git(&["config", "core.logAllRefUpdates", "always"]);
    let commits = repo.git(&["rev-list", "grown"]);
    let commits: Vec<&str> = commits.lines().collect();
    let at = |number: usize| commits[number % commits.len()];
    let create = |from: usize, to: usize| {
        let lines = (from..to).map(|n| format!("create refs/heads/b/{}/{n} {}\n", n % 7, at(n)));
        let lines: String = lines.collect();
        repo.git_with_input(&["update-ref", "--stdin"], lines.as_bytes());
    };
    create(0, 180);
    repo.git(&["tag", "-a", "-m", "a tag", "annotated", at(3)]);
    repo.git(&["pack-refs", "--all"]);
    create(180, 200);
    repo.git(&["tag", "-a", "-m", "a loose tag", "loose", at(4)]);
    // A loose one before a packed one of the same name.
    repo.git(&["update-ref", "refs/heads/b/0/0", at(9)]);
    purged
}

#[test]
fn many_refs_move_in_one_file_and_back() {
    let purged = with_refs();
    let repo = &purged.repo;
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    let map = purged.commit_map();
    let peeled = [
        "for-each-ref",
        "--format=%(refname) %(objectname) %(*objectname)",
    ];
    for line in repo.git(&peeled).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let commit = words
            .last()
            .filter(|word| !word.is_empty())
            .unwrap_or(&words[1]);
        assert!(
            map.values().any(|new| new == commit),
            "'{line}' does not lead to a new commit"
        );
    }
    assert!(
        !repo.git_dir().join("refs/heads/b/0/0").exists(),
        "it is packed"
    );
    let log = repo.git(&["reflog", "show", "--format=%H", "b/0/0"]);
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.lines().all(|id| map.values().any(|new| new == id)),
        "{log}"
    );
    purged.purge(&["undo"], 0);
    assert_same(&purged.state(), &before, "undo");
    assert_eq!(repo.git(&["fsck", "--full"]), "");
}

#[test]
fn many_refs_stay_if_one_is_locked() {
    let purged = with_refs();
    let before = purged.state();
    let dir = purged.repo.git_dir().join("refs/heads/b/3");
    std::fs::create_dir_all(&dir).unwrap();
    for lock in [
        dir.join("17.lock"),
        purged.repo.git_dir().join("packed-refs.lock"),
    ] {
        std::fs::write(&lock, "").unwrap();
        let output = purged.try_purge(&["--known", "-", "--apply"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(lock.file_name().unwrap().to_str().unwrap()),
            "{said}"
        );
        std::fs::remove_file(&lock).unwrap();
        assert_same(&purged.state(), &before, "a locked ref");
    }
}

#[test]
fn a_hook_hears_of_many_refs_and_can_refuse() {
    use std::os::unix::fs::PermissionsExt;
    let purged = with_refs();
    let hook = purged.repo.git_dir().join("hooks/reference-transaction");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let heard = purged.state.path().join("heard");
    let script = format!(
        "#!/bin/sh\ncat >>'{}'\n[ \"$1\" != prepared ]\n",
        heard.display()
    );
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let before = purged.state();
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_same(&purged.state(), &before, "a refusing hook");
    let heard = std::fs::read_to_string(heard).unwrap();
    assert!(heard.contains("refs/heads/b/3/17"), "{heard}");
}

#[test]
fn many_refs_stay_packed_if_some_or_all_of_them_get_new_names() {
    for renamed in [1, 120] {
        let purged = with_refs();
        let repo = &purged.repo;
        let tip = repo.git(&["rev-parse", "grown"]);
        let lines = (0..renamed).map(|n| format!("create refs/heads/{}/{n} {tip}\n", purged.value));
        let lines: String = lines.collect();
        repo.git_with_input(&["update-ref", "--stdin"], lines.as_bytes());
        let before = purged.state();
        purged.purge(&["--known", "-", "--apply"], 0);
        let refs = repo.git_dir().join("refs");
        let loose = super::files(&refs).len();
        // HEAD's branch, and one that got its new name by itself.
        assert!(loose <= 2, "{renamed} renamed: {loose} loose refs");
        let names = repo.git(&["for-each-ref", "--format=%(refname)"]);
        assert!(!names.contains(&purged.value));
        let moved = names.lines().filter(|name| name.contains("REMOVED"));
        assert_eq!(moved.count(), renamed, "{names}");
        purged.purge(&["undo"], 0);
        assert_same(&purged.state(), &before, &format!("{renamed} renamed"));
    }
}
