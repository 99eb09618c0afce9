//! Remotes, colleagues and servers.

use std::process::Command;

use super::{Purged, assert_gone, text};
use crate::support::{Repo, github_token};

/// A bare origin, and a clone with a value in history.
fn origin() -> (Repo, Purged) {
    let seed = Repo::new();
    seed.commit_file("a", "clean\n");
    seed.commit_file("b", format!("{}\n", github_token(1)));
    seed.commit_file("c", "after\n");
    seed.git(&["tag", "-a", "-m", "one", "v1"]);
    let bare = seed.cloned(&["--bare"]);
    bare.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let clone = bare.cloned(&[]);
    (bare, Purged::new(clone))
}

fn manifest(purged: &Purged) -> String {
    purged
        .repo
        .git_dir()
        .join("unleak/manifest.json")
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn the_push_plan_moves_the_server_and_nothing_else() {
    let (bare, purged) = origin();
    purged.erase();
    let plan = purged.purge(&["push-plan"], 0);
    assert!(
        plan.contains("--force-with-lease=refs/heads/main:") && plan.contains("refs/tags/v1"),
        "{plan}"
    );
    assert!(!plan.contains("--mirror"));
    let pushed = Command::new("sh")
        .args(["-c", &plan])
        .current_dir(purged.repo.path())
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "protocol.file.allow")
        .env("GIT_CONFIG_VALUE_0", "always")
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));
    assert_eq!(
        bare.git(&["rev-parse", "main"]),
        purged.repo.git(&["rev-parse", "main"])
    );
    assert_eq!(
        bare.git(&["rev-parse", "v1"]),
        purged.repo.git(&["rev-parse", "v1"])
    );
    // The server still has the old objects, until they are removed there.
    let asked = purged.purge(&["verify", "--remote", "origin"], 1);
    assert!(
        asked.contains("1 of 1 old commits are still served"),
        "{asked}"
    );
    bare.git(&["reflog", "expire", "--expire=now", "--all"]);
    bare.git(&["gc", "-q", "--prune=now"]);
    purged.purge(&["verify", "--remote", "origin"], 0);
    // Nobody here has searched what somebody else pushed.
    let other = bare.cloned(&[]);
    other.commit_file("other", "text\n");
    other.git(&["push", "-q", "origin", "HEAD:refs/notes/more"]);
    let asked = purged.purge(&["verify", "--remote", "origin"], 3);
    assert!(
        asked.contains("what this clone does not have, and may hold a value: refs/notes/more"),
        "{asked}"
    );
}

#[test]
fn a_colleague_heals_to_the_same_ids_and_pushes_without_force() {
    let (bare, purged) = origin();
    let colleague = Purged::new(bare.cloned(&[]));
    colleague.repo.commit_file("mine", "local work\n");
    colleague
        .repo
        .commit_file("b", format!("{} and mine\n", colleague.value));
    purged.erase();
    purged
        .repo
        .git(&["push", "-q", "--force", "origin", "main", "v1"]);
    colleague
        .repo
        .git(&["fetch", "-q", "--force", "--tags", "origin"]);
    colleague.purge(&["heal", &manifest(&purged), "--finish"], 0);
    assert_eq!(
        colleague.repo.git(&["rev-parse", "main~2"]),
        purged.repo.git(&["rev-parse", "main"])
    );
    assert_eq!(colleague.repo.git(&["show", "main:mine"]), "local work");
    assert_eq!(
        colleague.repo.git(&["show", "main:b"]),
        "***REMOVED*** and mine"
    );
    assert_gone(&colleague.repo, &colleague.value);
    colleague.repo.git(&["push", "-q", "origin", "main"]);
    assert_eq!(
        bare.git(&["rev-parse", "main"]),
        colleague.repo.git(&["rev-parse", "main"])
    );
}

#[test]
fn a_manifest_holds_no_value_and_a_fresh_clone_has_nothing_to_heal() {
    let (bare, purged) = origin();
    purged.erase();
    let path = manifest(&purged);
    assert!(
        !std::fs::read_to_string(&path)
            .unwrap()
            .contains(&purged.value)
    );
    purged
        .repo
        .git(&["push", "-q", "--force", "origin", "main", "v1"]);
    let fresh = Purged::new(bare.cloned(&["--single-branch", "--no-tags"]));
    assert!(fresh.purge(&["heal", &path], 0).contains("Nothing to heal"));
    let output = fresh.try_purge(&["heal", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no manifest"));
}

#[test]
fn a_server_refuses_old_history() {
    let (bare, purged) = origin();
    let late = Purged::new(bare.cloned(&[]));
    late.repo.commit_file("late", "late work\n");
    purged.erase();
    purged
        .repo
        .git(&["push", "-q", "--force", "origin", "main", "v1"]);
    let hook = bare.git_dir().join("hooks/pre-receive");
    let script = format!(
        "#!/bin/sh\nexec unleak purge guard '{}'\n",
        manifest(&purged)
    );
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let pushed = late
        .repo
        .try_git(&["push", "--force", "origin", "main:refs/heads/late"], &[]);
    assert!(!pushed.status.success());
    assert!(
        text(&pushed.stderr).contains("brings back"),
        "{}",
        text(&pushed.stderr)
    );
    purged.repo.commit_file("more", "new work\n");
    let pushed = purged.repo.try_git(&["push", "origin", "main"], &[]);
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));
}

#[test]
fn verify_speaks_for_itself_in_another_clone() {
    let (_, purged) = origin();
    let found = purged.purge(&["verify", "--known", "-"], 1);
    assert!(
        found.contains("blob ") && found.contains("Not proven"),
        "{found}"
    );
    let json = purged.purge(&["verify", "--known", "-", "--format", "json"], 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["proven"], false);
    purged.erase();
    purged.purge(&["verify"], 0);
    let dir = purged.purge(&["forget"], 0);
    assert!(dir.contains("cannot be undone"));
    assert_eq!(purged.try_purge(&["undo"]).status.code(), Some(2));
    purged.purge(&["verify", "--known", "-"], 0);
}

#[test]
fn kits_name_the_first_changed_commits() {
    let (_, purged) = origin();
    let first = purged.repo.git(&["rev-parse", "main~1"]);
    purged.erase();
    for forge in ["github", "gitlab", "bitbucket", "gerrit", "gitea"] {
        let kit = purged.purge(&["kit", "--forge", forge], 0);
        let blob = forge == "gitlab" && kit.contains("Remove blobs");
        assert!(kit.contains(&first) || blob, "{kit}");
        assert!(kit.contains("rotate the secret"), "{kit}");
    }
}
