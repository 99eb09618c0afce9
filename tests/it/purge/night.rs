//! The whole night: a secret in the history of a server with a protected branch and pull requests, a
//! colleague, a bot with a shallow clone, and somebody who comes late. Every command is one that
//! unleak printed. What it prints is kept in `docs/purge.md`; `UPDATE_GOLDEN=1` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Purged, assert_gone, text};
use crate::support::{Repo, github_token};

/// Refuses what a protected branch refuses.
const PROTECTED: &str = "#!/bin/sh
while read -r old new ref; do
  if [ \"$ref\" = refs/heads/main ] && [ ! -e unlocked ] && ! git merge-base --is-ancestor \"$old\" \"$new\"; then
    echo \"protected branch: $ref\" >&2
    exit 1
  fi
done
";

/// Clones, and what was said so far.
struct Night {
    server: Repo,
    me: Purged,
    transcript: String,
}

impl Night {
    fn begin() -> Self {
        let seed = Repo::new();
        seed.commit_file("README", "an application\n");
        seed.commit_file(
            "config.yaml",
            format!("token: {} # for CI\n", github_token(1)),
        );
        seed.commit_file("config.yaml", "token: ${CI_TOKEN}\n");
        seed.git(&["tag", "-a", "-m", "first release", "v1.0"]);
        seed.git(&["branch", "feature", "HEAD~1"]);
        let server = seed.cloned(&["--bare"]);
        server.git(&["config", "uploadpack.allowFilter", "true"]);
        let hook = server.git_dir().join("hooks/pre-receive");
        write_hook(&hook, PROTECTED);
        let me = Purged::new(server.cloned(&[]));
        server.git(&["update-ref", "refs/pull/7/head", "main~1"]);
        // A pull request from a fork, which nobody here fetched.
        seed.git(&["checkout", "--quiet", "-b", "fork", "main"]);
        let fork = seed.commit_file("patch", "from a fork\n");
        let url = format!("file://{}", server.path().display());
        seed.git(&["push", "--quiet", &url, &format!("{fork}:refs/pull/9/head")]);
        Self {
            server,
            me,
            transcript: String::new(),
        }
    }

    /// Runs a command as somebody; it must end with `code`. Returns what it printed.
    fn run(&mut self, who: (&str, &Path), command: &str, code: i32) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_unleak")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(who.1)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.me.state.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{command}: {out}\n{err}");
        let _ = writeln!(
            self.transcript,
            "{}$ {}",
            who.0,
            command.trim_end().replace('\n', "\n> ")
        );
        // What git says differs between its versions.
        if command.contains("unleak") && !command.contains("--help") {
            self.transcript += &out;
        }
        if code != 0 {
            let _ = writeln!(self.transcript, "(status {code})");
        }
        self.transcript.push('\n');
        format!("{out}{err}")
    }

    fn as_me(&mut self, command: &str, code: i32) -> String {
        let dir = self.me.repo.path().to_owned();
        self.run(("me", &dir), command, code)
    }

    fn say(&mut self, comment: &str) {
        let _ = writeln!(self.transcript, "# {comment}");
    }

    /// The transcript with names in the place of temporary directories and times.
    fn shown(&self, clones: &[(&str, &Path)]) -> String {
        let mut shown = self.transcript.clone();
        let undo = self.me.state.path().join(".local/state/unleak/undo");
        for path in super::files(&self.me.state.path().join("kept")).keys() {
            shown = shown.replace(
                &format!("{}/{path}", undo.display()),
                "~/.local/state/unleak/undo/app/RUN",
            );
            let run = path.split('/').nth(1).unwrap_or_default();
            shown = shown.replace(run, "RUN");
        }
        // git puts more or fewer samples of hooks into a clone.
        let shown = shown.lines().map(|line| match line.split_once(" and ") {
            Some((objects, rest))
                if line.starts_with("Searched for") && rest.contains("reflog") =>
            {
                let (before, _) = rest.rsplit_once(" and ").unwrap_or((rest, ""));
                let (words, _) = before.rsplit_once(" and ").unwrap_or((before, ""));
                format!("{objects} and {words} ...\n")
            }
            _ => format!("{line}\n"),
        });
        let mut shown: String = shown.collect();
        let mut places = vec![
            ("/srv/app.git", self.server.path()),
            ("/home/me/app", self.me.repo.path()),
        ];
        places.extend(clones);
        for (name, path) in places {
            let real = path.canonicalize().unwrap();
            shown = shown.replace(real.to_str().unwrap(), name);
            shown = shown.replace(path.to_str().unwrap(), name);
        }
        shown
    }
}

fn write_hook(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The command below the line of a list that has `words`.
fn command_of(list: &str, words: &str) -> String {
    let mut lines = list.lines().skip_while(|line| !line.contains(words));
    let line = lines
        .nth(1)
        .unwrap_or_else(|| panic!("'{words}' in {list}"));
    line.trim().to_owned()
}

/// The lines of a text that are commands for the server.
fn indented<'t>(text: &'t str, first: &str) -> Vec<&'t str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter(|line| line.starts_with(first)).collect()
}

#[test]
fn the_night_goes_well_when_everybody_does_what_is_printed() {
    let mut night = Night::begin();
    let colleague = Purged::new(night.server.cloned(&[]));
    let bot = Purged::new(night.server.cloned(&["--depth", "1"]));
    let late = Purged::new(night.server.cloned(&[]));
    colleague.repo.commit_file("mine", "work of the day\n");
    bot.repo.commit_file("build", "1234\n");
    late.repo.commit_file("late", "work of last week\n");
    let server = night.server.path().to_owned();

    night.say("The plan, and the purge.");
    night.as_me("git fetch --quiet --all", 0);
    let plan = night.as_me("unleak purge", 1);
    assert!(plan.contains("- token: [secret] # for CI"), "{plan}");
    let list = night.as_me("unleak purge --apply --finish", 0);
    assert!(list.contains("Proven"), "{list}");
    keep_names(&night);
    push(&mut night, &list, &server);
    clean_server(&mut night, &list, &server);
    guard(&mut night, &server);

    night.say("A bot has a shallow clone: it is cloned again.");
    let heal = command_of(&list, "Bring each other clone");
    let said = night.run(("bot", bot.repo.path()), &heal, 3);
    assert!(said.contains("Clone it again"), "{said}");
    let said = night.run(
        ("bot", bot.repo.path()),
        "git push origin HEAD:refs/heads/build",
        1,
    );
    assert!(said.contains("brings back"), "{said}");

    night.say("A colleague keeps the work of the day.");
    night.run(("colleague", colleague.repo.path()), &heal, 0);
    night.run(
        ("colleague", colleague.repo.path()),
        "git push --quiet origin main",
        0,
    );
    assert_eq!(night.server.git(&["show", "main:mine"]), "work of the day");
    assert_gone(&colleague.repo, &colleague.value);

    night.say("Somebody who comes late cannot bring the old history back.");
    let said = night.run(
        ("late", late.repo.path()),
        "git push --force origin main:late",
        1,
    );
    assert!(said.contains("brings back"), "{said}");

    night.say("The end.");
    night.as_me("git pull --quiet", 0);
    night.as_me(&command_of(&list, "undo snapshot"), 0);
    let status = night.as_me("unleak purge status", 0);
    for done in ["[x] 2.", "[x] 3.", "[x] 4.", "[x] 5.", "[x] 9."] {
        assert!(status.contains(done), "{done}: {status}");
    }
    assert_gone(&night.me.repo, &night.me.value);
    let all = night.server.git(&["log", "-p", "--all"]);
    assert!(!all.contains(&night.me.value));
    let shown = night.shown(&[]);
    assert!(!shown.contains(&night.me.value));
    golden(&shown);
}

/// Keeps the names of the undo snapshots: they are deleted before the end.
fn keep_names(night: &Night) {
    let undo = night.me.state.path().join(".local/state/unleak/undo");
    for repo in fs::read_dir(undo).unwrap() {
        let repo = repo.unwrap().path();
        for run in fs::read_dir(&repo).unwrap() {
            let run = run.unwrap().path();
            let kept = night
                .me
                .state
                .path()
                .join("kept")
                .join(repo.file_name().unwrap());
            fs::create_dir_all(&kept).unwrap();
            fs::write(kept.join(run.file_name().unwrap()), "").unwrap();
        }
    }
}

fn push(night: &mut Night, list: &str, server: &Path) {
    night.say("The pushes; the branch is protected, and unlocked for the moment.");
    let command = command_of(list, "Push the new history");
    let plan = night.as_me(&command, 0);
    assert!(plan.contains("protected branch"), "{plan}");
    let said = night.as_me(&plan, 1);
    assert!(said.contains("protected branch: refs/heads/main"), "{said}");
    night.run(("server", server), "touch unlocked", 0);
    night.as_me(&plan, 0);
    night.run(("server", server), "rm unlocked", 0);
    let left = night.as_me(&command, 0);
    assert!(left.contains("no ref is left to push"), "{left}");
}

fn clean_server(night: &mut Night, list: &str, server: &Path) {
    night.say("The server: pull requests keep old commits.");
    let kit = night.as_me(&command_of(list, "Pull and merge requests"), 0);
    assert!(kit.contains("1 (#7), and unknown for 1 (#9)"), "{kit}");
    let verify = command_of(list, "still hands out");
    for command in indented(&kit, "git ") {
        night.run(("server", server), command, 0);
    }
    let said = night.as_me(&verify, 1);
    assert!(said.contains("still named by refs/pull/9/head"), "{said}");
    night.run(("server", server), "git update-ref -d refs/pull/9/head", 0);
    for command in indented(&kit, "git gc") {
        night.run(("server", server), command, 0);
    }
    night.as_me(&verify, 0);
}

/// Puts the guard beside the hook that is there, as its help says.
fn guard(night: &mut Night, server: &Path) {
    night.say("The guard, beside the hook that is there.");
    let help = night.as_me("unleak purge guard --help", 0);
    let lines = help.lines().skip_while(|line| !line.contains("#!/bin/sh"));
    let lines = lines.take_while(|line| line.starts_with("  "));
    let script: Vec<&str> = lines.map(str::trim_start).collect();
    let manifest: PathBuf = server.join("manifest.json");
    fs::copy(
        night.me.repo.git_dir().join("unleak/manifest.json"),
        &manifest,
    )
    .unwrap();
    let script = script
        .join("\n")
        .replace("/srv/manifest.json", manifest.to_str().unwrap());
    night.run(
        ("server", server),
        "mv hooks/pre-receive hooks/pre-receive.old",
        0,
    );
    write_hook(&server.join("hooks/pre-receive"), &(script + "\n"));
}

/// Compares a transcript with the one in the documentation.
fn golden(shown: &str) {
    const BEGIN: &str = "<!-- The test 'purge::night' writes what follows. -->\n```console\n";
    let path = Path::new("docs/purge.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a transcript");
    let (kept, after) = rest.split_once("```\n").expect("the transcript ends");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(
            path,
            format!("{before}{BEGIN}{}\n```\n{after}", shown.trim_end()),
        )
        .unwrap();
        return;
    }
    let trim = |text: &str| -> Vec<String> { text.trim_end().lines().map(str::to_owned).collect() };
    let (kept, shown) = (trim(kept), trim(shown));
    for (number, (kept, shown)) in kept.iter().zip(&shown).enumerate() {
        assert_eq!(
            kept,
            shown,
            "line {} of the transcript: UPDATE_GOLDEN=1 writes it anew",
            number + 1
        );
    }
    assert_eq!(
        kept.len(),
        shown.len(),
        "UPDATE_GOLDEN=1 writes the transcript anew"
    );
}
