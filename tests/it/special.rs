//! Pipes, devices and links in the place of git's files: nothing waits, nothing is read without end, and
//! what a link leads to is not repeated.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Repo, github_token};

/// Longer than any of these scans takes, even where others work.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A repository with something of everything, but for what a scan makes impossible.
fn full() -> Repo {
    let repo = Repo::new();
    repo.commit_file("a", format!("k = '{}'\n", github_token(1)));
    repo.git(&["gc", "-q"]);
    repo.git(&["branch", "other"]);
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["worktree", "add", "-q", "linked"]);
    repo.commit_file("b", "text\n");
    repo.write("c", "staged\n");
    repo.git(&["add", "c"]);
    repo
}

/// Runs unleak; returns its status and all that it wrote.
fn run(repo: &Repo, args: &[&str], what: &Path) -> (Option<i32>, String) {
    let output = repo.path().join(".git/said");
    let file = std::fs::File::create(&output).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(args)
        .current_dir(repo.path())
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let said = String::from_utf8_lossy(&std::fs::read(&output).unwrap()).into_owned();
            std::fs::remove_file(&output).unwrap();
            return (status.code(), said);
        }
        if start.elapsed() > MAX_WAIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("'{}' makes {args:?} wait", what.display());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn files_ending(dir: &Path, ending: &str) -> PathBuf {
    let mut paths = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    paths
        .find(|path| path.to_str().unwrap().ends_with(ending))
        .unwrap()
}

/// The files that are replaced, below `.git`, and whether a whole scan needs them.
fn places(repo: &Repo) -> Vec<(PathBuf, bool)> {
    let git = repo.git_dir();
    let pack = git.join("objects/pack");
    let id = repo.git(&["rev-parse", "HEAD:b"]);
    let mut places = vec![
        (files_ending(&pack, ".idx"), true),
        (files_ending(&pack, ".pack"), true),
        (git.join(format!("objects/{}/{}", &id[..2], &id[2..])), true),
    ];
    for (name, is_needed) in [
        ("HEAD", true),
        ("config", true),
        ("packed-refs", true),
        ("shallow", true),
        ("commondir", true),
        ("index", true),
        ("objects/info/alternates", true),
        ("objects/info/commit-graph", false),
        ("refs/heads/main", true),
        ("refs/heads/new", true),
        ("logs/HEAD", true),
        ("logs/refs/heads/main", true),
        ("worktrees/linked/HEAD", true),
        ("worktrees/linked/index", true),
        ("FETCH_HEAD", true),
        ("MERGE_HEAD", true),
        ("ORIG_HEAD", true),
    ] {
        places.push((git.join(name), is_needed));
    }
    places
}

fn replaced(repo: &Repo, place: &Path, by: &str) {
    let _ = std::fs::remove_file(place);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    match by {
        "pipe" => {
            let made = Command::new("mkfifo").arg(place).status().unwrap();
            assert!(made.success());
        }
        _ => symlink(by, place).unwrap(),
    }
    assert!(repo.path().is_dir());
}

#[test]
fn pipes_and_devices_make_no_scan_wait() {
    for number in 0..places(&full()).len() {
        for by in ["pipe", "/dev/zero", "/dev/tty"] {
            let repo = full();
            let (place, is_needed) = places(&repo).swap_remove(number);
            replaced(&repo, &place, by);
            for args in [
                &["scan", "."][..],
                &["scan", "--staged", "."],
                &["scan", "--range", "HEAD", "."],
            ] {
                let (code, said) = run(&repo, args, &place);
                assert!(
                    matches!(code, Some(0..=3)),
                    "{}: {args:?}: {code:?} {said}",
                    place.display()
                );
                if args.len() == 2 && is_needed {
                    let place = place.display();
                    assert!(
                        matches!(code, Some(2 | 3)),
                        "{place} by {by}: {code:?} {said}"
                    );
                }
            }
        }
    }
}

#[test]
fn ignore_rules_that_are_a_pipe_or_a_device_are_named() {
    for place in [".gitignore", "sub/.gitignore", ".git/info/exclude"] {
        for by in ["pipe", "/dev/zero"] {
            let repo = Repo::new();
            repo.write("sub/file", "text\n");
            repo.commit("files");
            replaced(&repo, &repo.path().join(place), by);
            let (code, said) = run(&repo, &["scan", "--worktree", "."], Path::new(place));
            assert_eq!(code, Some(3), "{place} by {by}: {said}");
        }
    }
}

#[test]
fn a_pipe_in_the_place_of_the_git_directory_is_an_error() {
    let repo = Repo::bare_directory();
    std::fs::create_dir(repo.path().join("inner")).unwrap();
    replaced(&repo, &repo.path().join("inner/.git"), "pipe");
    let output = repo.unleak(&["scan", "inner"], b"", &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("plain file"), "{said}");
}

#[test]
fn what_a_link_leads_to_is_not_repeated() {
    for number in 0..places(&full()).len() {
        let repo = full();
        let secret = github_token(77);
        let (place, _) = places(&repo).swap_remove(number);
        let target = tempfile::NamedTempFile::new().unwrap();
        let text = format!("{secret}\n/{secret}\n[{secret}]\n{secret} = 1\nref: {secret}\n");
        std::fs::write(target.path(), text).unwrap();
        replaced(&repo, &place, target.path().to_str().unwrap());
        for args in [&["scan", "."][..], &["scan", "--staged", "."]] {
            let (_, said) = run(&repo, args, &place);
            assert!(!said.contains(&secret[8..]), "{}: {said}", place.display());
        }
    }
}

#[test]
fn a_pipe_or_a_device_in_the_place_of_what_is_kept_makes_no_scan_wait() {
    let repo = full();
    let dir = repo.path().join(".git/kept");
    let args = ["scan", "--state-dir", dir.to_str().unwrap(), "."];
    run(&repo, &args, &dir);
    for ending in [".state.json", ".ledger"] {
        for by in ["pipe", "/dev/zero"] {
            let place = files_ending(&dir, ending);
            replaced(&repo, &place, by);
            let (code, said) = run(&repo, &args, &place);
            assert_eq!(code, Some(1), "{ending} {by}: {said}");
            let _ = std::fs::remove_file(&place);
            run(&repo, &args, &dir);
        }
    }
}

#[test]
fn directories_with_names_of_git_do_not_make_a_project_a_repository() {
    let repo = Repo::new();
    for dir in ["objects", "refs", "config"] {
        repo.write(format!("{dir}/a"), format!("k = '{}'\n", github_token(1)));
    }
    repo.commit("a project");
    let path = repo.path().to_str().unwrap();
    for args in [&["scan", "-q", path][..], &["scan", "-q", "--files", path]] {
        let output = repo.unleak(args, b"", &[]);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    }
}
