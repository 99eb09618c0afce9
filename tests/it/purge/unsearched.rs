//! Places that a search of objects and files does not see: nothing is called proven that they may hold.

use super::{Purged, assert_gone, text};
use crate::support::Repo;

fn leaked() -> Purged {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("clean", "nothing\n");
    let line = format!("token = {}\n", purged.value);
    purged.repo.commit_file("leak", line);
    purged
}

/// Erases the value; the proof must not hold, and must say `words`.
fn not_proven(purged: &Purged, code: i32, words: &[&str]) {
    let said = purged.purge(&["--known", "-", "--apply", "--finish"], code);
    assert!(said.contains("\nNot proven."), "{said}");
    for words in words {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_bundle_and_a_pack_in_the_worktree_are_searched() {
    let purged = leaked();
    let repo = &purged.repo;
    repo.write(".git/info/exclude", "backup*\n");
    repo.git(&["bundle", "create", "--quiet", "backup.bundle", "--all"]);
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(
        plan.contains("bundles and packs") && plan.contains("backup.bundle'"),
        "{plan}"
    );
    not_proven(&purged, 1, &["in the pack blob", "backup.bundle'"]);
    std::fs::remove_file(repo.path().join("backup.bundle")).unwrap();
    assert!(purged.purge(&["verify"], 0).contains("Proven: "));
    // A pack by itself, of another repository with the same value.
    let other = leaked();
    other.repo.git(&["gc", "--quiet"]);
    let packs = other.repo.git_dir().join("objects/pack");
    let names = super::files(&packs).into_keys();
    let pack = names.into_iter().find(|name| name.ends_with(".pack"));
    std::fs::copy(packs.join(pack.unwrap()), repo.path().join("backup.pack")).unwrap();
    let said = purged.purge(&["verify"], 1);
    assert!(
        said.contains("in the pack blob") && said.contains("backup.pack'"),
        "{said}"
    );
}

#[test]
fn a_clean_bundle_is_no_obstacle_to_the_proof() {
    let purged = leaked();
    let other = Repo::new();
    other.commit_file("clean", "something else\n");
    let to = purged.repo.path().join("backup.bundle");
    other.git(&["bundle", "create", "--quiet", to.to_str().unwrap(), "main"]);
    purged.repo.write(".git/info/exclude", "backup*\n");
    purged.erase();
}

#[test]
fn a_damaged_pack_is_named_by_its_own_path() {
    let purged = leaked();
    let repo = &purged.repo;
    repo.git(&["gc", "--quiet"]);
    let packs = repo.git_dir().join("objects/pack");
    let names = super::files(&packs).into_keys();
    let pack = names.into_iter().find(|name| name.ends_with(".pack"));
    let mut bytes = std::fs::read(packs.join(pack.unwrap())).unwrap();
    bytes.truncate(40);
    repo.write(".git/info/exclude", "broken.pack\n");
    repo.write("broken.pack", bytes);
    let said = purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    let list = said
        .split_once("nothing is proven in these:\n")
        .expect("a list")
        .1;
    let path = repo.path().join("broken.pack");
    assert!(
        list.lines()
            .next()
            .unwrap()
            .contains(path.to_str().unwrap()),
        "{said}"
    );
}

#[test]
fn a_repository_inside_of_the_worktree_is_searched() {
    let purged = leaked();
    let repo = &purged.repo;
    repo.write(".git/info/exclude", "vendor\nmirror.git\n");
    repo.git(&["clone", "--quiet", "--no-local", ".", "vendor/copy"]);
    repo.git(&[
        "clone",
        "--quiet",
        "--no-local",
        "--bare",
        ".",
        "mirror.git",
    ]);
    std::fs::remove_file(repo.path().join("vendor/copy/leak")).unwrap();
    not_proven(
        &purged,
        1,
        &["in the repository blob", "vendor/copy'", "mirror.git'"],
    );
    for dir in ["vendor", "mirror.git"] {
        std::fs::remove_dir_all(repo.path().join(dir)).unwrap();
    }
    assert!(purged.purge(&["verify"], 0).contains("Proven: "));
}

#[test]
fn names_of_directories_are_searched() {
    let purged = leaked();
    let (repo, value) = (&purged.repo, &purged.value);
    let untracked = repo.path().join(format!("build-{value}"));
    std::fs::create_dir(&untracked).unwrap();
    let inside = repo.git_dir().join(format!("notes-{value}"));
    std::fs::create_dir(&inside).unwrap();
    let hook = repo.git_dir().join(format!("hooks/{value}.sh"));
    repo.write(&hook, "#!/bin/sh\n");
    // git leaves directories of refs that it deletes.
    for top in ["refs/heads", "logs/refs/heads"] {
        let left = repo.git_dir().join(format!("{top}/old-{value}/deep"));
        std::fs::create_dir_all(left).unwrap();
    }
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(plan.contains("build-REMOVED"), "{plan}");
    not_proven(
        &purged,
        1,
        &[
            "build-REMOVED",
            "notes-REMOVED",
            "file in .git",
            "REMOVED.sh",
        ],
    );
    assert!(
        !repo
            .git_dir()
            .join(format!("refs/heads/old-{value}"))
            .exists()
    );
    for dir in [untracked, inside] {
        std::fs::remove_dir(dir).unwrap();
    }
    std::fs::remove_file(hook).unwrap();
    assert!(purged.purge(&["verify"], 0).contains("Proven: "));
    assert_gone(repo, value);
}

#[test]
fn objects_that_git_did_not_finish_go_and_come_back() {
    let purged = leaked();
    let repo = &purged.repo;
    let blob = repo.git(&["rev-parse", "HEAD:leak"]);
    let objects = repo.git_dir().join("objects");
    let from = objects.join(&blob[..2]).join(&blob[2..]);
    let loose = std::fs::read(from).unwrap();
    let names = [
        "pack/tmp_pack_a1b2c3",
        "5f/tmp_obj_a1b2c3",
        "tmp_objdir-incoming-x/5f/1234",
    ];
    for name in names {
        repo.write(objects.join(name), &loose);
    }
    let said = purged.purge(&["verify", "--known", "-"], 1);
    assert!(
        said.contains("tmp_pack_a1b2c3") && said.contains("git prune --expire=now"),
        "{said}"
    );
    purged.erase();
    for name in names {
        assert!(!objects.join(name).exists(), "{name}");
    }
    purged.purge(&["undo"], 0);
    assert_eq!(std::fs::read(objects.join(names[0])).unwrap(), loose);
}

#[test]
fn a_linked_worktree_that_is_named_by_a_value_is_refused_with_the_way_out() {
    let purged = leaked();
    let (repo, value) = (&purged.repo, &purged.value);
    let dir = format!("wt-{value}");
    repo.write(".git/info/exclude", "wt-*\n");
    repo.git(&["worktree", "add", "--quiet", "-b", "other", &dir]);
    let refused = |words: &[&str]| {
        let output = purged.try_purge(&["--known", "-", "--apply"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(words.iter().all(|words| said.contains(words)), "{said}");
        assert!(!said.contains(value), "{said}");
    };
    refused(&[
        "path of a linked worktree",
        "wt-REMOVED",
        "git worktree move",
    ]);
    repo.git(&["worktree", "move", &dir, "wt-new"]);
    refused(&["name of a linked worktree", "git worktree repair"]);
    let dirs = repo.git_dir().join("worktrees");
    std::fs::rename(dirs.join(&dir), dirs.join("wt-new")).unwrap();
    repo.git(&["worktree", "repair"]);
    purged.erase();
    assert_eq!(
        repo.git(&["-C", "wt-new", "status", "--porcelain"]),
        "",
        "the worktree works"
    );
    assert_gone(repo, value);
}

#[test]
fn configuration_follows_refs_that_get_other_names() {
    let purged = leaked();
    let (repo, value) = (&purged.repo, &purged.value);
    let server = repo.cloned(&["--bare"]);
    let url = format!("file://{}", server.path().display());
    let remote = format!("r-{value}");
    repo.git(&["remote", "add", &remote, &url]);
    repo.git(&["remote", "add", "r-REMOVED", "https://example.org/x.git"]);
    let branch = format!("br-{value}");
    repo.git(&["checkout", "--quiet", "-b", &branch]);
    repo.git(&["push", "--quiet", "--set-upstream", &remote, &branch]);
    repo.git(&["config", "remote.pushDefault", &remote]);
    repo.git(&["branch", "br-REMOVED"]);
    let before = std::fs::read(repo.git_dir().join("config")).unwrap();
    let state = purged.state();
    purged.purge(&["--known", "-", "--apply"], 0);
    let upstream = [
        "rev-parse",
        "--abbrev-ref",
        "--symbolic-full-name",
        "@{upstream}",
    ];
    let (branch, remote) = ("br-REMOVED-2", "r-REMOVED-2");
    assert_eq!(repo.git(&["symbolic-ref", "--short", "HEAD"]), branch);
    for finished in [false, true] {
        if finished {
            purged.purge(&["finish"], 0);
        }
        assert_eq!(repo.git(&["config", "remote.pushDefault"]), remote);
        assert_eq!(repo.git(&["config", &format!("remote.{remote}.url")]), url);
        assert_eq!(
            repo.git(&["config", &format!("remote.{remote}.fetch")]),
            format!("+refs/heads/*:refs/remotes/{remote}/*")
        );
        assert_eq!(
            repo.git(&["config", &format!("branch.{branch}.remote")]),
            remote
        );
        assert_eq!(repo.git(&upstream), format!("{remote}/br-REMOVED"));
    }
    assert_eq!(
        repo.git(&["config", "remote.r-REMOVED.url"]),
        "https://example.org/x.git"
    );
    purged.purge(&["undo"], 0);
    assert_eq!(
        std::fs::read(repo.git_dir().join("config")).unwrap(),
        before
    );
    super::assert_same(&purged.state(), &state, "after");
}

#[test]
fn values_in_urls_of_the_configuration_go_at_the_end() {
    let purged = leaked();
    let (repo, value) = (&purged.repo, &purged.value);
    let url = format!("https://u:{value}@example.org/r.git");
    repo.git(&["remote", "add", "origin", &url]);
    purged.purge(&["--known", "-", "--apply"], 0);
    assert_eq!(repo.git(&["config", "remote.origin.url"]), url);
    purged.purge(&["finish"], 0);
    assert_eq!(
        repo.git(&["config", "remote.origin.url"]),
        "https://u:***REMOVED***@example.org/r.git"
    );
    purged.purge(&["undo"], 0);
    assert_eq!(repo.git(&["config", "remote.origin.url"]), url);
}
