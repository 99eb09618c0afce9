//! Hooks are installed beside what is there, taken away without a trace, and proven to block.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Repo, github_token};

/// Runs `unleak hook ...`; returns its status and what it says on both streams.
fn hook(repo: &Repo, args: &[&str]) -> (i32, String) {
    let output = repo.unleak(&[&["hook"], args].concat(), b"", &[]);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().expect("it ends by itself"),
        String::from_utf8(text).expect("it is text"),
    )
}

fn write_hook(repo: &Repo, path: &str, script: &str) {
    repo.write(path, script);
    let path = repo.path().join(path);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every file below `dir` with its bytes and mode.
fn contents(dir: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let mode = path.metadata().unwrap().permissions().mode();
                let name = path.to_string_lossy().into_owned();
                found.insert(name, (std::fs::read(&path).unwrap(), mode));
            }
        }
    }
    found
}

fn commit_with_token(repo: &Repo, dir: &Path, seed: u64) -> (bool, String) {
    std::fs::write(dir.join("leak"), format!("key {}\n", github_token(seed))).unwrap();
    let dir = dir.to_str().unwrap();
    assert!(
        repo.try_git(&["-C", dir, "add", "leak"], &[])
            .status
            .success()
    );
    let output = repo.try_git(&["-C", dir, "commit", "-m", "x"], &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

#[test]
fn a_test_says_which_hook_of_a_clone_is_missing() {
    let repo = Repo::new();
    hook(&repo, &["install"]);
    let (code, text) = hook(&repo, &["test"]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("are not checked"), "{text}");
    std::fs::remove_file(repo.git_dir().join("hooks/pre-push")).unwrap();
    let (code, text) = hook(&repo, &["test"]);
    assert_eq!(code, 0, "{text}");
    let said = "pushes are not checked: pre-push is not installed; 'unleak hook install' adds it";
    assert!(text.contains(said), "{text}");
    assert!(!text.contains("commits are not checked"), "{text}");
}

#[test]
fn installed_hooks_block_and_are_proven_to() {
    let repo = Repo::new();
    assert_eq!(hook(&repo, &["test"]).0, 2, "none is installed");
    let (code, text) = hook(&repo, &["install"]);
    assert_eq!(code, 0, "{text}");
    let before = contents(&repo.git_dir());
    let (code, text) = hook(&repo, &["test"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("blocks a fake token").count(), 6, "{text}");
    assert_eq!(contents(&repo.git_dir()), before, "a test changes nothing");
    let (passed, text) = commit_with_token(&repo, repo.path(), 50);
    assert!(!passed && text.contains("commit blocked"), "{text}");
    let (code, text) = hook(&repo, &["status"]);
    assert_eq!(code, 0);
    assert_eq!(text.matches("installed; runs").count(), 6, "{text}");
}

#[test]
fn a_test_says_that_git_ignores_a_hook_or_that_it_skips() {
    let repo = Repo::new();
    hook(&repo, &["install"]);
    let skip = [("UNLEAK_SKIP", "a reason")];
    let output = repo.unleak(&["hook", "test"], b"", &skip);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("UNLEAK_SKIP is set"), "{text}");
    let file = repo.git_dir().join("hooks/pre-commit");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = hook(&repo, &["test"]);
    assert_eq!(code, 1, "{text}");
    let said = text.lines().position(|line| line.contains("pre-commit"));
    let line = text.lines().nth(said.unwrap()).unwrap();
    assert!(line.contains("LETS SECRETS THROUGH"), "{text}");
    assert!(text.contains("chmod +x"), "{text}");
    let (passed, text) = commit_with_token(&repo, repo.path(), 51);
    assert!(passed, "git ignores it: {text}");
}

#[test]
fn a_hook_that_lets_everything_pass_is_found_out() {
    let repo = Repo::new();
    assert_eq!(hook(&repo, &["install"]).0, 0);
    let ours = std::fs::read_to_string(repo.git_dir().join("hooks/pre-commit")).unwrap();
    write_hook(
        &repo,
        ".git/hooks/pre-commit",
        &ours.replace("set -u", "exit 0"),
    );
    let (code, text) = hook(&repo, &["test"]);
    assert_eq!(code, 1, "{text}");
    write_hook(
        &repo,
        ".git/hooks/pre-commit",
        &ours.replace("set -u", "exit 1"),
    );
    assert_ne!(
        hook(&repo, &["test"]).0,
        0,
        "one that blocks everything proves nothing"
    );
}

#[test]
fn hooks_that_are_there_still_run_and_come_back() {
    let repo = Repo::new();
    let log = repo.path().join("log");
    let script = format!(
        "#!/bin/sh\n{{ echo \"$0: $*\"; cat; }} >> '{}'\nexit ${{STATUS:-0}}\n",
        log.display()
    );
    write_hook(&repo, ".git/hooks/pre-push", &script);
    write_hook(
        &repo,
        ".git/hooks/pre-commit",
        "#!/bin/sh\nexit ${STATUS:-0}\n",
    );
    let before = contents(&repo.git_dir().join("hooks"));
    assert_eq!(hook(&repo, &["install"]).0, 0);
    let installed = contents(&repo.git_dir().join("hooks"));
    assert_eq!(hook(&repo, &["install"]).0, 0);
    assert_eq!(
        contents(&repo.git_dir().join("hooks")),
        installed,
        "twice is once"
    );
    let commit = ["commit", "-q", "--allow-empty", "-m", "x"];
    assert!(
        !repo.try_git(&commit, &[("STATUS", "7")]).status.success(),
        "the old one blocks"
    );
    assert!(repo.try_git(&commit, &[]).status.success());
    let server = repo.cloned(&["--bare"]);
    let url = format!("file://{}", server.path().display());
    assert!(
        repo.try_git(&["push", "-q", &url, "HEAD:refs/heads/new"], &[])
            .status
            .success()
    );
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(
        logged.contains(&url) && logged.contains("refs/heads/new"),
        "{logged}"
    );
    let (code, text) = hook(&repo, &["uninstall"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        contents(&repo.git_dir().join("hooks")),
        before,
        "as if nothing had been"
    );
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    let repo = Repo::new();
    repo.commit_file("f", "x");
    repo.git(&["config", "core.hooksPath", "my/hooks"]);
    repo.write("sub/keep", "x");
    let inside = repo.path().join("sub");
    let output = crate::support::unleak(&["hook", "install"], &inside);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(repo.path().join("my/hooks/pre-commit").is_file());
    assert!(!commit_with_token(&repo, &inside, 51).0);
    // A linked worktree shares the hooks of its repository.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    repo.git(&["worktree", "add", "-q", "linked"]);
    let linked = repo.path().join("linked");
    let output = crate::support::unleak(&["hook", "install"], &linked);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(repo.git_dir().join("hooks/pre-commit").is_file());
    assert!(!commit_with_token(&repo, &linked, 52).0);
}

#[test]
fn other_managers_are_left_alone_and_told_what_to_add() {
    for (file, text, part) in [
        ("lefthook.yml", "pre-push:\n", "run: unleak hook pre-commit"),
        (".husky/pre-commit", "npm test\n", "unleak hook pre-commit"),
    ] {
        let repo = Repo::new();
        repo.write(file, text);
        if file.starts_with(".husky") {
            repo.git(&["config", "core.hooksPath", ".husky/_"]);
        }
        let before = contents(repo.path());
        let (code, said) = hook(&repo, &["install"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(part), "{said}");
        assert_eq!(contents(repo.path()), before, "{file}: nothing is changed");
    }
}

/// In a fresh clone, before `lefthook install` or `npm install`.
#[test]
fn a_manager_that_is_not_installed_here_lets_secrets_through() {
    let lefthook = "pre-commit:\n  commands:\n    u:\n      run: unleak hook pre-commit\n";
    for (file, text, way_out) in [
        ("lefthook.yml", lefthook, "lefthook install"),
        (
            ".husky/pre-commit",
            "unleak hook pre-commit\n",
            "npm install",
        ),
    ] {
        let repo = Repo::new();
        repo.write(file, text);
        let (_, said) = hook(&repo, &["status"]);
        assert!(!said.contains("installed through"), "{said}");
        assert!(
            said.contains("git does not run") && said.contains(way_out),
            "{said}"
        );
        let (code, said) = hook(&repo, &["test"]);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("LETS SECRETS THROUGH") && said.contains(way_out),
            "{said}"
        );
        let (code, said) = hook(&repo, &["install", "--pre-commit"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(way_out), "{said}");
    }
}

/// Makes it look as if `generator` keeps the hooks of commits, messages and pushes.
fn with_framework(generator: &str, config: &str, text: &str) -> Repo {
    let repo = Repo::new();
    repo.write(config, text);
    for name in ["pre-commit", "pre-merge-commit", "commit-msg", "pre-push"] {
        let script = format!(
            "#!/bin/sh\n# File generated by {generator}: https://example.org\nARGS=(hook-impl --config={config} --hook-type={name})\n"
        );
        write_hook(&repo, &format!(".git/hooks/{name}"), &script);
    }
    repo
}

#[test]
fn the_configuration_of_pre_commit_is_recognised_in_every_form() {
    let block = "default_install_hook_types: [pre-commit]\nrepos:\n- repo: https://example.org/unleak\n  rev: v1\n  hooks:\n  - id: unleak\n  - id: unleak-commit-msg\n  - id: unleak-pre-push\n";
    let flow = "repos:\n  - repo: https://example.org/unleak\n    rev: v1\n    hooks: [{ id: unleak }, { id: unleak-commit-msg }, { id: unleak-pre-push }]\n";
    let quoted = "{\"repos\": [{'repo': x, rev: 'v1', \"hooks\": [{\"id\": 'unleak'}, {id: \"unleak-commit-msg\"}, {id: unleak-pre-push}]}]}";
    let local = "x: &stages\n  language: system\nrepos:\n    -   repo: local\n        hooks:\n        -   {<<: *stages, id: a, name: a, entry: unleak hook pre-commit, stages: [commit, merge-commit]}\n        -   id: b # messages\n            entry: unleak hook commit-msg\n        -   id: c\n            entry: >-\n              unleak hook\n              pre-push\n";
    let toml = "[[repos]]\nrepo = \"local\"\nhooks = [\n  { id = \"a\", entry = \"unleak hook pre-commit\" },\n  { id = \"b\", entry = \"unleak\", args = [\"hook\", \"commit-msg\"] },\n  { id = \"c\", entry = \"unleak hook pre-push\" },\n]\n";
    for (generator, config, text) in [
        ("pre-commit", ".pre-commit-config.yaml", block),
        ("pre-commit", ".pre-commit-config.yaml", flow),
        ("pre-commit", ".pre-commit-config.yaml", quoted),
        ("pre-commit", "ci/hooks.yaml", local),
        ("prek", ".pre-commit-config.yml", flow),
        ("prek", "prek.toml", toml),
    ] {
        let repo = with_framework(generator, config, text);
        let (code, said) = hook(&repo, &["status"]);
        assert_eq!(code, 0, "{text}: {said}");
        let through = said.matches("installed through pre-commit").count();
        assert_eq!(through, 4, "{text}: {said}");
        let (code, said) = hook(&repo, &["install"]);
        assert_eq!(code, 0, "nothing is to be added: {said}");
        assert!(said.contains("cannot run 'pre-applypatch'"), "{said}");
    }
    let none = [
        "repos: # - id: unleak\n- repo: local\n  hooks: [{id: unleak, entry: 'true'}]\n",
        "repos: [",
        "- id: unleak\n",
    ];
    for text in none {
        let repo = with_framework("pre-commit", ".pre-commit-config.yaml", text);
        let (_, said) = hook(&repo, &["status"]);
        assert!(!said.contains("installed through"), "{text}: {said}");
    }
}

#[test]
fn a_hook_without_its_program_blocks() {
    let repo = Repo::new();
    assert_eq!(hook(&repo, &["install"]).0, 0);
    let path = repo.git_dir().join("hooks/pre-commit");
    let script = std::fs::read_to_string(&path).unwrap();
    let gone: Vec<String> = script
        .lines()
        .map(|line| match line.starts_with("program=") {
            true => "program=/nowhere/unleak".to_owned(),
            false => line.to_owned(),
        })
        .collect();
    write_hook(&repo, ".git/hooks/pre-commit", &(gone.join("\n") + "\n"));
    // Without the directory of the binary under test.
    let path = [("PATH", "/usr/local/bin:/usr/bin:/bin")];
    let commit = ["commit", "--allow-empty", "--no-edit", "-m", "x"];
    let output = repo.try_git(&commit, &path);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        text.contains("cannot be found") && text.contains("UNLEAK_SKIP"),
        "{text}"
    );
    let env = [path[0], ("UNLEAK_SKIP", "new machine")];
    let output = repo.try_git(&commit, &env);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("new machine"));
}

#[test]
fn global_hooks_cover_all_repositories_and_keep_their_own() {
    let home = Repo::new();
    let config = home.path().join("gitconfig");
    let env = [
        ("GIT_CONFIG_GLOBAL", config.to_str().unwrap()),
        ("XDG_CONFIG_HOME", home.path().to_str().unwrap()),
    ];
    std::fs::write(&config, "").unwrap();
    let installed = home.unleak(&["hook", "install", "--global"], b"", &env);
    assert!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    let repo = Repo::new();
    write_hook(&repo, ".git/hooks/post-commit", "#!/bin/sh\ntouch ran\n");
    repo.write("leak", format!("key {}\n", github_token(53)));
    assert!(repo.try_git(&["add", "."], &env).status.success());
    assert!(!repo.try_git(&["commit", "-m", "x"], &env).status.success());
    repo.write("leak", "none\n");
    assert!(repo.try_git(&["add", "."], &env).status.success());
    let output = repo.try_git(&["commit", "-m", "x"], &env);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        repo.path().join("ran").exists(),
        "the repository's own hook ran"
    );
    let removed = home.unleak(&["hook", "uninstall", "--global"], b"", &env);
    assert!(removed.status.success());
    assert!(!std::fs::read_to_string(&config).unwrap().contains("unleak"));
}
