//! New names that meet others: files that stand there already, branches that have others below them.

use std::process::Command;

use super::{Purged, assert_gone, assert_same, text};
use crate::support::Repo;

#[test]
fn names_that_meet_tracked_files_get_the_same_number_everywhere() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.write(format!("k-{value}"), "first\n");
    repo.write("k-REMOVED", "second\n");
    repo.write(format!("{value}.pem"), "first\n");
    repo.write("REMOVED.pem", "second\n");
    repo.write(format!("d-{value}/x"), "third\n");
    repo.write("d-REMOVED/x", "fourth\n");
    repo.commit("names");
    repo.git(&["branch", &format!("br-{value}")]);
    repo.git(&["branch", "br-REMOVED/x"]);
    repo.git(&["branch", &format!("two-{value}")]);
    repo.git(&["branch", "two-REMOVED"]);
    let before = purged.state();
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(plan.contains("-> refs/heads/br-REMOVED-2"), "{plan}");
    assert!(plan.contains("-> refs/heads/two-REMOVED-2"), "{plan}");
    purged.purge(&["--known", "-", "--apply"], 0);
    let read = |path: &str| std::fs::read_to_string(repo.path().join(path)).unwrap();
    assert_eq!(read("k-REMOVED"), "second\n");
    assert_eq!(read("k-REMOVED-2"), "first\n");
    assert_eq!(read("REMOVED-2.pem"), "first\n");
    assert_eq!(read("d-REMOVED/x"), "fourth\n");
    assert_eq!(read("d-REMOVED-2/x"), "third\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    for branch in [
        "br-REMOVED-2",
        "br-REMOVED/x",
        "two-REMOVED",
        "two-REMOVED-2",
    ] {
        let tip = repo.git(&["rev-parse", &format!("refs/heads/{branch}")]);
        assert_eq!(tip, repo.git(&["rev-parse", "main"]));
    }
    purged.purge(&["undo"], 0);
    assert_same(&purged.state(), &before, "after");
    purged.erase();
    assert_gone(repo, value);
}

#[test]
fn an_untracked_file_in_the_way_is_never_overwritten() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file(&format!("k-{value}"), "tracked\n");
    repo.write("k-REMOVED", "mine\n");
    let before = purged.state();
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("k-REMOVED' is in the way"), "{said}");
    assert_same(&purged.state(), &before, "after");
    repo.git(&["add", "k-REMOVED"]);
    purged.purge(&["--known", "-", "--apply"], 0);
    let read = |path: &str| std::fs::read_to_string(repo.path().join(path)).unwrap();
    assert_eq!(read("k-REMOVED"), "mine\n");
    assert_eq!(repo.git(&["show", ":k-REMOVED"]), "mine");
    purged.purge(&["undo"], 0);
    assert_same(
        &purged.state()["index"]
            .lines()
            .map(|line| (line.to_owned(), ()))
            .collect(),
        &{
            let mut lines = before["index"]
                .lines()
                .map(|line| (line.to_owned(), ()))
                .collect::<std::collections::BTreeMap<_, _>>();
            for line in repo
                .git(&["ls-files", "--stage", "-v", "k-REMOVED"])
                .lines()
            {
                lines.insert(line.to_owned(), ());
            }
            lines
        },
        "after",
    );
    assert_eq!(read("k-REMOVED"), "mine\n");
    assert_eq!(read(&format!("k-{value}")), "tracked\n");
}

#[test]
fn an_edited_file_keeps_its_edits_under_the_new_name_and_the_old_one() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file(&format!("k-{value}"), "tracked\n");
    repo.write(format!("k-{value}"), "tracked\nedited\n");
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    assert!(!repo.path().join(format!("k-{value}")).exists());
    let now = std::fs::read_to_string(repo.path().join("k-REMOVED")).unwrap();
    assert_eq!(now, "tracked\nedited\n");
    purged.purge(&["undo"], 0);
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn all_stages_of_a_conflict_stay_without_a_merge() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("f", "a\nbase\nb\n");
    repo.write("f", format!("a\n{value}\nb\n"));
    repo.git(&["stash", "push", "--quiet"]);
    repo.commit_file("f", "a\nother\nb\n");
    assert!(!repo.try_git(&["stash", "pop"], &[]).status.success());
    let before = purged.state();
    let stages = |repo: &Repo| repo.git(&["ls-files", "--unmerged"]).lines().count();
    assert_eq!(stages(repo), 3);
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_eq!(stages(repo), 3);
    assert_eq!(repo.git(&["show", ":1:f"]), "a\nbase\nb");
    assert_eq!(repo.git(&["show", ":2:f"]), "a\nother\nb");
    assert_eq!(repo.git(&["show", ":3:f"]), "a\n***REMOVED***\nb");
    purged.purge(&["undo"], 0);
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn versions_of_a_resolved_conflict_that_go_are_not_named_by_the_index() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("f", "base\n");
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.commit_file("f", format!("{value}\n"));
    repo.git(&["checkout", "--quiet", "-"]);
    repo.commit_file("f", "other\n");
    assert!(!repo.try_git(&["merge", "side"], &[]).status.success());
    repo.write("f", "resolved\n");
    repo.commit("resolved");
    let kept = |repo: &Repo| repo.git(&["ls-files", "--resolve-undo"]).lines().count();
    assert_eq!(kept(repo), 3);
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_eq!(kept(repo), 0);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    purged.purge(&["undo"], 0);
    assert_same(&purged.state(), &before, "after");
    purged.erase();
    repo.git(&["fsck", "--full", "--strict"]);
    repo.git(&["gc", "--quiet"]);
    assert_gone(repo, value);
}

#[test]
fn a_resolved_version_that_nothing_else_reaches_goes_with_its_name() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("f", "base\n");
    repo.write("f", format!("{value}\n"));
    repo.git(&["stash", "push", "--quiet"]);
    repo.commit_file("f", "other\n");
    assert!(!repo.try_git(&["stash", "pop"], &[]).status.success());
    repo.write("f", "resolved\n");
    repo.commit("resolved");
    repo.git(&["stash", "drop", "--quiet"]);
    purged.erase();
    repo.git(&["fsck", "--full", "--strict"]);
    repo.git(&["gc", "--quiet"]);
    assert_gone(repo, value);
}

#[test]
fn a_sparse_index_is_brought_along_and_back() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.write("in/a", format!("token = {value}\n"));
    repo.write("out/deep/b", format!("token = {value}\n"));
    repo.write("top", "clean\n");
    repo.commit("all");
    repo.git(&["sparse-checkout", "init", "--cone", "--sparse-index"]);
    repo.git(&["sparse-checkout", "set", "in"]);
    let sparse = |repo: &Repo| repo.git(&["ls-files", "--sparse", "--stage"]);
    let before = purged.state();
    let was = sparse(repo);
    assert!(was.contains("040000"), "{was}");
    purged.purge(&["--known", "-", "--apply"], 0);
    assert!(sparse(repo).contains("040000"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["show", ":out/deep/b"]), "token = ***REMOVED***");
    purged.purge(&["undo"], 0);
    assert_eq!(sparse(repo), was);
    assert_same(&purged.state(), &before, "after");
    purged.erase();
    assert_gone(repo, value);
}

#[test]
fn a_split_index_is_refused_before_anything_is_written() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("a", format!("token = {value}\n"));
    repo.git(&["update-index", "--split-index"]);
    let before = purged.state();
    let output = purged.try_purge(&["--known", "-", "--apply", "--yes"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("is split"), "{said}");
    assert!(said.contains("git update-index --no-split-index"), "{said}");
    let mut after = purged.state();
    after.remove(".git/unleak/lock");
    assert_same(&after, &before, "after a refusal");
    repo.git(&["update-index", "--no-split-index"]);
    purged.erase();
    assert_gone(repo, value);
}

/// Whether index, file and HEAD of a worktree are without the value.
fn assert_clean(git: &dyn Fn(&[&str]) -> String, place: &str) {
    assert_eq!(git(&["show", ":a"]), "token = ***REMOVED***", "{place}");
    assert_eq!(git(&["show", "HEAD:a"]), "token = ***REMOVED***", "{place}");
    assert_eq!(git(&["status", "--porcelain"]), "", "{place}");
}

#[test]
fn a_separate_git_directory_knows_its_worktree() {
    let away = tempfile::TempDir::new().unwrap();
    let dir = away.path().join("repo.git");
    let option = format!("--separate-git-dir={}", dir.display());
    let purged = Purged::new(Repo::init(&[&option]));
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("a", format!("token = {value}\n"));
    // Named by its own directory, it does not know where its files are.
    let output = purged.try_purge(&["--known", "-", "--apply", dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("directory is not known"), "{said}");
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_clean(&|args| repo.git(args), "separate");
    assert_eq!(
        std::fs::read_to_string(repo.path().join("a")).unwrap(),
        "token = ***REMOVED***\n"
    );
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["show", ":a"]), format!("token = {value}"));
}

#[test]
fn git_dir_and_git_work_tree_count_as_for_git() {
    let away = tempfile::TempDir::new().unwrap();
    let dir = away.path().join("dots.git");
    let purged = Purged::new(Repo::bare_directory());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.git(&[
        "init",
        "--quiet",
        "--bare",
        "--initial-branch=main",
        dir.to_str().unwrap(),
    ]);
    let env = [
        ("GIT_DIR", dir.to_str().unwrap()),
        ("GIT_WORK_TREE", repo.path().to_str().unwrap()),
    ];
    let git = |args: &[&str]| {
        let output = repo.try_git(args, &env);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout).trim_end().to_owned()
    };
    repo.write("a", format!("token = {value}\n"));
    git(&["add", "a"]);
    git(&["commit", "--quiet", "-m", "a"]);
    let state = purged.state.path().to_str().unwrap().to_owned();
    let known = format!("{value}\n");
    let unleak = |args: &[&str], is_told: bool| {
        let mut all = vec![("XDG_STATE_HOME", &state[..])];
        all.extend(env.iter().filter(|_| is_told).copied());
        repo.unleak(&[&["purge"], args].concat(), known.as_bytes(), &all)
    };
    let refused = unleak(&["--known", "-", "--apply", dir.to_str().unwrap()], false);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("GIT_WORK_TREE"));
    let applied = unleak(&["--known", "-", "--apply"], true);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    assert_clean(&git, "told");
    let undone = unleak(&["undo"], true);
    assert_eq!(undone.status.code(), Some(0), "{}", text(&undone.stderr));
    assert_eq!(git(&["show", ":a"]), format!("token = {value}"));
}

#[test]
fn a_worktree_that_is_away_is_refused() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.commit_file("a", format!("token = {value}\n"));
    let parent = tempfile::TempDir::new().unwrap();
    let (linked, moved) = (parent.path().join("linked"), parent.path().join("moved"));
    repo.git(&[
        "worktree",
        "add",
        "--quiet",
        "--lock",
        linked.to_str().unwrap(),
    ]);
    std::fs::rename(&linked, &moved).unwrap();
    let before = purged.state();
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("worktree 'linked' is not there") && said.contains("unlock"),
        "{said}"
    );
    assert_same(&purged.state(), &before, "after");
    std::fs::rename(&moved, &linked).unwrap();
    purged.erase();
    let shown = Command::new("git")
        .args(["-C", linked.to_str().unwrap(), "status", "--porcelain"])
        .output()
        .unwrap();
    assert_eq!(text(&shown.stdout), "");
    assert_gone(repo, value);
}
