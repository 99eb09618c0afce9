//! `benches/*.py`: they measure only programs that are what their names say.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::Repo;

const UNLEAK: &str = env!("CARGO_BIN_EXE_unleak");
/// All benches that run unleak.
const ALL: [&str; 10] = [
    "again.py",
    "curves.py",
    "forks.py",
    "hooks.py",
    "hostile.py",
    "peers.py",
    "purge.py",
    "quiet.py",
    "reports.py",
    "rewrite.py",
];

/// A directory of scripts.
struct Programs(Repo);

impl Programs {
    fn new() -> Self {
        Self(Repo::bare_directory())
    }

    /// Adds a script that prints `text`, whatever it is asked.
    fn add(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        let script = format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Runs a bench that finds these first.
    fn bench(&self, name: &str, unleak: &Path, args: &[&str]) -> Output {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(self.0.path().to_owned());
        let path = std::env::join_paths(directories.chain(std::env::split_paths(&path))).unwrap();
        Command::new("python3")
            .arg("-B")
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("benches")
                    .join(name),
            )
            .args(args)
            .env("PATH", path)
            .env("UNLEAK", unleak)
            .env("UNLEAK_BENCH_PEERS", self.0.path().join("none"))
            .stdin(Stdio::null())
            .output()
            .expect("python3 is installed")
    }

    /// What a bench says that must refuse before it measures anything.
    fn refusal(&self, name: &str, unleak: &Path, args: &[&str]) -> String {
        let output = self.bench(name, unleak, args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert!(error.contains("\nhint: "), "{name}: {error}");
        error
    }
}

#[test]
fn every_bench_refuses_a_program_that_is_not_unleak() {
    let mut benches: Vec<String> = std::fs::read_dir("benches")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".py"))
        // The others check with one, one runs 'cargo bench', one runs git alone, one no program.
        .filter(|name| {
            !["programs.py", "score.py", "names.py", "everyday.py"].contains(&name.as_str())
        })
        .collect();
    benches.sort();
    assert_eq!(benches, ALL);
    let programs = Programs::new();
    let other = programs.add("unleak", "leaky 1.2.3");
    for name in ALL {
        let args: &[&str] = match name {
            "hooks.py" => &[],
            _ => &["repository"],
        };
        let error = programs.refusal(name, &other, args);
        let wanted = format!(
            "error: '{}' is not unleak: '--version' prints 'leaky 1.2.3'",
            other.display()
        );
        assert!(error.starts_with(&wanted), "{name}: {error}");
        let error = programs.refusal(name, Path::new("/nonexistent/unleak"), args);
        assert!(error.contains("does not exist"), "{name}: {error}");
    }
}

#[test]
fn benches_refuse_another_scanner_under_the_name_of_a_peer() {
    let scan = |name| vec!["--only", name, "repository"];
    for (bench, args, name, said) in [
        // What the script 'gitleaks' of betterleaks' package prints.
        ("peers.py", scan("gitleaks"), "gitleaks", "2.0.0-rc.4"),
        ("hooks.py", vec![], "gitleaks", "2.0.0-rc.4"),
        (
            "peers.py",
            scan("gitleaks"),
            "gitleaks",
            "betterleaks version 1.1.0",
        ),
        (
            "peers.py",
            scan("betterleaks"),
            "betterleaks",
            "gitleaks version 8.30.1",
        ),
        ("peers.py", scan("kingfisher"), "kingfisher", "kingfish 1.0"),
        (
            "purge.py",
            vec!["repository"],
            "git-filter-repo",
            "git-filter-branch 2.47",
        ),
    ] {
        let programs = Programs::new();
        let path = programs.add(name, said);
        let error = programs.refusal(bench, Path::new(UNLEAK), &args);
        let wanted = format!("error: '{}' is not {name}: ", path.display());
        assert!(
            error.starts_with(&wanted) && error.contains(said),
            "{bench}: {error}"
        );
    }
}

#[test]
fn benches_refuse_a_script_in_the_place_of_a_compiled_peer() {
    let programs = Programs::new();
    programs.add("gitleaks", "gitleaks version 8.30.1");
    let args = ["--only", "gitleaks", "repository"];
    let error = programs.refusal("peers.py", Path::new(UNLEAK), &args);
    assert!(
        error.contains("is a script that starts gitleaks"),
        "{error}"
    );
}

#[test]
fn a_bench_measures_what_has_named_itself_and_leaves_out_what_stopped_early() {
    let repo = Repo::new();
    repo.commit_file("a", "1\n");
    let programs = Programs::new();
    let path = repo.path().to_str().unwrap();
    let args = ["--only", "unleak", "--runs", "1", path];
    let output = programs.bench("peers.py", Path::new(UNLEAK), &args);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let row = text.lines().find(|line| line.starts_with("unleak  "));
    let row: Vec<&str> = row.expect("a row").split_whitespace().collect();
    assert_eq!((row.len(), row[2], row[6]), (7, "1.0x", "0"), "{text}");
    // Names itself rightly, and then does nothing but fail.
    let broken = programs.0.path().join("broken");
    let script = "#!/bin/sh\n[ \"$1\" != --version ] || exec echo 'unleak 9.9.9'\nexit 2\n";
    std::fs::write(&broken, script).unwrap();
    std::fs::set_permissions(&broken, Permissions::from_mode(0o755)).unwrap();
    let output = programs.bench("peers.py", &broken, &args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("stopped before the end, status 2"), "{text}");
}
