//! What stays, what is named and what is refused when a purge is taken back.

use super::{Purged, assert_same, text};
use crate::support::{Repo, github_token};

fn simple() -> Purged {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("clean", "nothing\n");
    let lines = format!("A=1\nB=2\nTOKEN={}\nC=3\nD=4\n", purged.value);
    purged.repo.commit_file("a.env", lines);
    purged
}

#[test]
fn one_purge_after_another_is_taken_back() {
    let mut purged = simple();
    purged
        .repo
        .commit_file("b.env", format!("TOKEN={}\n", github_token(2)));
    let mut states = Vec::new();
    for seed in [1, 2] {
        purged.value = github_token(seed);
        states.push(purged.state());
        purged.erase();
    }
    for (state, more) in states.iter().rev().zip([true, false]) {
        let said = purged.purge(&["undo"], 0);
        assert_same(&purged.state(), state, "after");
        assert_eq!(said.contains("There was a purge before it"), more, "{said}");
    }
    let none = purged.try_purge(&["undo"]);
    assert_eq!(none.status.code(), Some(2));
    // Without its snapshot, the first one stays.
    purged.value = github_token(1);
    purged.erase();
    purged.purge(&["forget"], 0);
    purged.value = github_token(2);
    purged.erase();
    let said = purged.purge(&["undo"], 0);
    assert!(!said.contains("There was a purge before it"), "{said}");
}

#[test]
fn a_commit_beside_the_value_is_brought_over() {
    let purged = simple();
    let repo = &purged.repo;
    let old = repo.git(&["rev-parse", "main"]);
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    repo.commit_file("a.env", "A=1\nB=2\nTOKEN=***REMOVED***\nC=3\nD=4\nE=5\n");
    let since = repo.git(&["rev-parse", "main"]);
    let said = purged.purge(&["undo"], 0);
    assert!(
        said.contains("Brought over") && said.contains(&since),
        "{said}"
    );
    assert_eq!(repo.git(&["rev-parse", "main~1"]), old);
    let shown = repo.git(&["show", "main:a.env"]);
    assert_eq!(
        shown,
        format!("A=1\nB=2\nTOKEN={}\nC=3\nD=4\nE=5", purged.value)
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(
        text(&std::fs::read(repo.path().join("a.env")).unwrap()).trim_end(),
        shown
    );
    assert_eq!(repo.git(&["rev-parse", "main@{1}"]), since);
}

#[test]
fn a_commit_that_changes_the_mark_stays_and_is_named() {
    for force in [false, true] {
        let purged = simple();
        let repo = &purged.repo;
        let old = repo.git(&["rev-parse", "main"]);
        purged.purge(&["--known", "-", "--apply"], 0);
        let new = repo.git(&["rev-parse", "main"]);
        repo.commit_file("a.env", "A=1\nB=2\nTOKEN=$TOKEN\nC=3\nD=4\n");
        let since = repo.git(&["rev-parse", "main"]);
        let said = purged.purge(
            if force {
                &["undo", "--force"]
            } else {
                &["undo"]
            },
            0,
        );
        assert!(said.contains("git rebase --onto"), "{said}");
        let (restored, kept) = if force {
            ("main", "main-since-purge")
        } else {
            ("main-restored", "main")
        };
        assert_eq!(repo.git(&["rev-parse", restored]), old);
        assert_eq!(repo.git(&["rev-parse", kept]), since);
        assert!(
            said.contains(&format!("--onto {restored} {new} {kept}")),
            "{said}"
        );
    }
}

#[test]
fn configuration_and_hooks_are_taken_back_line_by_line() {
    let purged = simple();
    let repo = &purged.repo;
    let url = format!("https://u:{}@example.org/r.git", purged.value);
    repo.git(&["remote", "add", "old", &url]);
    repo.write(
        ".git/hooks/post-commit",
        format!("#!/bin/sh\ncurl -H {}\n", purged.value),
    );
    purged.erase();
    repo.git(&["remote", "add", "since", "https://example.org/since.git"]);
    repo.write(
        ".git/hooks/post-commit",
        "#!/bin/sh\n# mine\ncurl -H ***REMOVED***\n",
    );
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["config", "remote.old.url"]), url);
    assert_eq!(
        repo.git(&["config", "remote.since.url"]),
        "https://example.org/since.git"
    );
    let hook = std::fs::read_to_string(repo.git_dir().join("hooks/post-commit")).unwrap();
    assert_eq!(
        hook,
        format!("#!/bin/sh\n# mine\ncurl -H {}\n", purged.value)
    );
}

#[test]
fn a_damaged_snapshot_is_refused_by_name() {
    let purged = simple();
    purged.purge(&["--known", "-", "--apply"], 0);
    let after = purged.state();
    let runs = purged.state.path().join("unleak/undo");
    let run = std::fs::read_dir(runs)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let run = std::fs::read_dir(run)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for name in ["git/HEAD", "refs.json", "purge.json"] {
        let file = run.join(name);
        let was = std::fs::read(&file).unwrap();
        let mut damaged = was.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        let output = purged.try_purge(&["undo"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("damaged") && said.contains(name), "{said}");
        assert_same(&purged.state(), &after, name);
        std::fs::write(&file, was).unwrap();
    }
    assert!(purged.purge(&["undo"], 0).contains("as it was"));
}

#[test]
fn another_gits_index_lock_is_never_broken() {
    let purged = simple();
    let before = purged.state();
    let lock = purged.repo.git_dir().join("index.lock");
    let refused = |args: &[&str]| {
        std::fs::write(&lock, "theirs").unwrap();
        let state = purged.state();
        let output = purged.try_purge(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains("index.lock' is there"), "{args:?}: {said}");
        assert_eq!(
            std::fs::read_to_string(&lock).unwrap(),
            "theirs",
            "{args:?}"
        );
        assert_same(&purged.state(), &state, "refused");
        std::fs::remove_file(&lock).unwrap();
    };
    refused(&["--known", "-", "--apply"]);
    assert!(purged.purge(&["status"], 0).contains("No purge"));
    purged.purge(&["--known", "-", "--apply"], 0);
    refused(&["undo"]);
    refused(&["--abort"]);
    purged.purge(&["--abort"], 0);
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn a_ref_that_cannot_move_is_named_and_the_others_move() {
    let purged = simple();
    let repo = &purged.repo;
    repo.git(&["branch", "other"]);
    let old = repo.git(&["rev-parse", "main"]);
    purged.purge(&["--known", "-", "--apply"], 0);
    let lock = repo.git_dir().join("refs/heads/other.lock");
    std::fs::write(&lock, "").unwrap();
    let said = purged.purge(&["undo"], 3);
    assert!(
        said.contains("Not taken back yet") && said.contains("other"),
        "{said}"
    );
    assert_eq!(repo.git(&["rev-parse", "main"]), old);
    assert_ne!(repo.git(&["rev-parse", "other"]), old);
    assert_eq!(purged.try_purge(&["finish"]).status.code(), Some(2));
    std::fs::remove_file(&lock).unwrap();
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["rev-parse", "other"]), old);
    assert!(purged.purge(&["status"], 0).contains("No purge"));
}

#[test]
fn a_deleted_branch_stays_deleted_and_is_named() {
    let purged = simple();
    let repo = &purged.repo;
    repo.git(&["branch", "other"]);
    let old = repo.git(&["rev-parse", "other"]);
    purged.purge(&["--known", "-", "--apply"], 0);
    repo.git(&["branch", "-D", "other"]);
    let said = purged.purge(&["undo"], 0);
    assert!(
        said.contains("'other' was deleted since") && said.contains(&old),
        "{said}"
    );
    repo.git(&["update-ref", "refs/heads/other", &old]);
    assert_eq!(repo.git(&["show", "other:a.env"]).lines().count(), 5);
}

#[test]
fn an_earlier_manifest_is_there_again() {
    let purged = simple();
    purged.erase();
    let manifest = purged.repo.git_dir().join("unleak/manifest.json");
    let first = std::fs::read(&manifest).unwrap();
    let mut again = Purged::new(Repo::bare_directory());
    again.value = github_token(2);
    let again = Purged {
        repo: purged.repo,
        ..again
    };
    again
        .repo
        .commit_file("more", format!("token = {}\n", again.value));
    again.purge(&["--known", "-", "--apply"], 0);
    assert_ne!(std::fs::read(&manifest).unwrap(), first);
    again.purge(&["undo"], 0);
    assert_eq!(std::fs::read(&manifest).unwrap(), first);
}

#[test]
fn a_push_that_a_bare_repository_accepts_stays() {
    let seed = Repo::new();
    let value = github_token(1);
    seed.commit_file("a", format!("token = {value}\n"));
    let purged = Purged::new(seed.cloned(&["--bare"]));
    let person = purged.repo.cloned(&[]);
    purged.purge(&["--known", "-", "--apply"], 0);
    person.commit_file("mine", "work\n");
    person.git(&["push", "--quiet", "origin", "HEAD:refs/heads/mine"]);
    let mine = person.git(&["rev-parse", "HEAD"]);
    let old = person.git(&["rev-parse", "HEAD~1"]);
    purged.purge(&["undo"], 0);
    assert_eq!(purged.repo.git(&["rev-parse", "mine"]), mine);
    assert_eq!(purged.repo.git(&["rev-parse", "main"]), old);
}

#[test]
fn files_in_the_way_of_removed_paths_stay() {
    let purged = simple();
    let repo = &purged.repo;
    repo.write("gone/deep/file", "content\n");
    repo.commit_file("gone2", "content\n");
    let args = ["--apply", "--remove-path", "gone", "--remove-path", "gone2"];
    purged.purge(&args, 0);
    repo.write("gone", "mine\n");
    repo.write("gone2/inside", "mine, too\n");
    repo.git(&["add", "gone2/inside"]);
    let said = purged.purge(&["undo"], 0);
    assert!(said.contains("left so"), "{said}");
    let read = |path: &str| std::fs::read_to_string(repo.path().join(path)).unwrap();
    assert_eq!(read("gone"), "mine\n");
    assert_eq!(read("gone2/inside"), "mine, too\n");
    assert_eq!(repo.git(&["show", ":gone2/inside"]), "mine, too");
    assert_eq!(repo.git(&["show", "main:gone2"]), "content");
    assert!(purged.purge(&["status"], 0).contains("No purge"));
}

#[test]
fn a_note_on_a_new_commit_is_a_note_on_the_old_one() {
    let purged = simple();
    let repo = &purged.repo;
    repo.git(&["notes", "add", "-m", "before", "main"]);
    purged.purge(&["--known", "-", "--apply"], 0);
    repo.git(&["notes", "append", "-m", "since", "main"]);
    repo.git(&["notes", "add", "-m", "on a clean one", "main~1"]);
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["notes", "show", "main"]), "before\n\nsince");
    assert_eq!(repo.git(&["notes", "show", "main~1"]), "on a clean one");
}

#[test]
fn commits_in_a_row_and_tags_are_brought_over() {
    let purged = simple();
    let repo = &purged.repo;
    let old = repo.git(&["rev-parse", "main"]);
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    for number in 0..3 {
        repo.commit_file(&format!("n/{number}"), format!("{number}\n"));
    }
    repo.git(&["tag", "-a", "-m", "since", "v2"]);
    repo.git(&["branch", "at-new", "main~3"]);
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["rev-parse", "main~3"]), old);
    assert_eq!(repo.git(&["rev-parse", "at-new"]), old);
    assert_eq!(
        repo.git(&["rev-parse", "v2^{commit}"]),
        repo.git(&["rev-parse", "main"])
    );
    assert_eq!(
        repo.git(&["log", "--format=%s", "main~3..main"])
            .lines()
            .count(),
        3
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// Whoever went to a renamed branch is on it again under its old name.
#[test]
fn heads_follow_a_renamed_branch_back() {
    let purged = simple();
    let (repo, value) = (&purged.repo, &purged.value);
    let name = format!("z-{value}");
    repo.git(&["branch", &name]);
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    repo.git(&["checkout", "-q", "z-REMOVED"]);
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["symbolic-ref", "--short", "HEAD"]), name);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// A linked worktree on a branch whose name holds the value is on the renamed one, and back.
#[test]
fn a_linked_worktree_on_a_renamed_branch_is_brought_along_and_back() {
    let purged = simple();
    let (repo, value) = (&purged.repo, &purged.value);
    let name = format!("feat-{value}");
    let out = tempfile::TempDir::new().unwrap();
    let linked = out.path().join("linked");
    let linked = linked.to_str().unwrap();
    repo.git(&["worktree", "add", "--quiet", "-b", &name, linked]);
    let head = || repo.git(&["-C", linked, "symbolic-ref", "--short", "HEAD"]);
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    assert_eq!(head(), "feat-REMOVED");
    purged.purge(&["undo"], 0);
    assert_eq!(head(), name);
    assert_eq!(repo.git(&["-C", linked, "status", "--porcelain"]), "");
}

#[test]
fn an_operation_in_progress_is_refused_and_can_be_ended() {
    type Begin = fn(&Repo);
    let begins: [(&str, Begin, &[&str]); 3] = [
        (
            "a merge",
            |repo| drop(repo.try_git(&["merge", "side"], &[])),
            &["merge", "--abort"],
        ),
        (
            "a cherry-pick",
            |repo| drop(repo.try_git(&["cherry-pick", "side"], &[])),
            &["cherry-pick", "--abort"],
        ),
        (
            "a rebase",
            |repo| drop(repo.try_git(&["rebase", "side"], &[])),
            &["rebase", "--abort"],
        ),
    ];
    for (what, begin, end) in begins {
        let purged = simple();
        let repo = &purged.repo;
        repo.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
        repo.commit_file("clean", "on the side\n");
        repo.git(&["checkout", "--quiet", "main"]);
        repo.commit_file("clean", "on main\n");
        let before = purged.state();
        purged.purge(&["--known", "-", "--apply", "--finish"], 0);
        begin(repo);
        let during = purged.state();
        let output = purged.try_purge(&["undo"]);
        assert_eq!(output.status.code(), Some(2), "{what}");
        let said = text(&output.stderr);
        assert!(said.contains(what) && said.contains("--abort"), "{said}");
        assert_same(&purged.state(), &during, what);
        repo.git(end);
        purged.purge(&["undo"], 0);
        let mut after = purged.state();
        // What git says of the operation stays in reflogs.
        let mut before = before;
        for state in [&mut before, &mut after] {
            state.retain(|name, _| !name.starts_with(".git/logs") && name != "objects");
        }
        assert_same(&after, &before, what);
    }
}

#[test]
fn no_lock_of_others_is_broken_and_its_holder_is_named() {
    for name in ["config.lock", "packed-refs.lock"] {
        let purged = simple();
        let repo = &purged.repo;
        let url = format!("https://u:{}@example.org/r.git", purged.value);
        repo.git(&["remote", "add", "old", &url]);
        repo.git(&["pack-refs", "--all"]);
        let before = purged.state();
        let lock = repo.git_dir().join(name);
        let refused = |args: &[&str]| {
            std::fs::write(&lock, "theirs").unwrap();
            let state = purged.state();
            let output = purged.try_purge(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            let said = text(&output.stderr);
            assert!(
                said.contains(&format!("{name}' is there"))
                    && said.contains("no process was found"),
                "{args:?}: {said}"
            );
            assert_eq!(std::fs::read_to_string(&lock).unwrap(), "theirs");
            assert_same(&purged.state(), &state, "refused");
            std::fs::remove_file(&lock).unwrap();
        };
        refused(&["--known", "-", "--apply"]);
        assert!(purged.purge(&["status"], 0).contains("No purge"), "{name}");
        purged.purge(&["--known", "-", "--apply"], 0);
        refused(&["finish"]);
        refused(&["undo"]);
        purged.purge(&["finish"], 0);
        refused(&["undo"]);
        purged.purge(&["undo"], 0);
        assert_same(&purged.state(), &before, name);
        assert_eq!(repo.git(&["config", "remote.old.url"]), url);
    }
}

#[test]
fn undo_leaves_no_entry_in_the_reflog_of_head() {
    let purged = simple();
    let repo = &purged.repo;
    let branch = format!("br-{}", purged.value);
    repo.git(&["checkout", "--quiet", "-b", &branch]);
    let log = repo.git_dir().join("logs/HEAD");
    let before = std::fs::read_to_string(&log).unwrap();
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    let new = std::fs::read_to_string(&log).unwrap();
    assert_eq!(new.lines().count(), before.lines().count(), "{new}");
    purged.purge(&["undo"], 0);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), before);
}

#[test]
fn an_undo_that_is_killed_early_is_told_and_ended() {
    let purged = simple();
    let repo = &purged.repo;
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    // As a run leaves it that is killed when it has taken the locks of the indexes.
    let journal = repo.git_dir().join("unleak/journal.json");
    let text = std::fs::read_to_string(&journal).unwrap();
    let run = text
        .split('"')
        .skip_while(|word| *word != "run")
        .nth(2)
        .unwrap();
    let lock = repo.git_dir().join("index.lock");
    std::fs::write(&lock, format!("unleak {run}\n")).unwrap();
    std::fs::write(
        &journal,
        text.replace("\"is_undone\": false", "\"is_undone\": true"),
    )
    .unwrap();
    let said = purged.purge(&["status"], 0);
    assert!(
        said.contains("being taken back") && said.contains("unleak purge undo"),
        "{said}"
    );
    purged.purge(&["undo"], 0);
    assert!(!lock.exists());
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn both_names_that_a_kill_left_of_a_ref_become_one() {
    let purged = simple();
    let repo = &purged.repo;
    let (old, new) = (format!("br-{}", purged.value), "br-REMOVED");
    repo.git(&["branch", &old]);
    let id = repo.git(&["rev-parse", &old]);
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_ne!(repo.git(&["rev-parse", new]), id);
    // git creates a ref before it deletes another in the same transaction.
    let half = format!("refs/heads/{old}");
    let quiet = ["-c", "core.logAllRefUpdates=false"];
    repo.git(&[&quiet[..], &["update-ref", &half, &id]].concat());
    let said = purged.purge(&["undo"], 0);
    assert!(said.contains("as it was"), "{said}");
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn a_file_stays_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let purged = simple();
    let path = purged.repo.path().join("a.env");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_eq!(mode(), 0o600);
    purged.purge(&["undo"], 0);
    assert_eq!(mode(), 0o600);
    assert_eq!(purged.repo.git(&["status", "--porcelain"]), "");
}
