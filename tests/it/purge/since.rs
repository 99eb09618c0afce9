//! What people do between a purge and its undoing, by real git, in any order: none of it is lost.

use unleak::rule::template::Random;

use super::crash::start;
use super::{Purged, files, text};
use crate::support::Repo;

/// Something that somebody made, and where it must be afterwards.
#[derive(Clone, Debug)]
enum Claim {
    /// An object that holds this text is reachable from refs, reflogs or an index.
    Reachable(String),
    /// A ref has this name.
    Ref(String),
    /// A file of the worktree holds this text.
    File(String, String),
    /// A version of this path that holds this text is staged.
    Staged(String, String),
    /// The configuration has this.
    Config(String, String),
    /// A file in `.git` holds this text.
    Inside(String, String),
}

/// Somebody at work.
struct Person<'a> {
    repo: &'a Repo,
    random: Random,
    seed: u64,
    number: usize,
    claims: Vec<Claim>,
    done: Vec<&'static str>,
}

impl<'a> Person<'a> {
    fn new(repo: &'a Repo, seed: u64) -> Self {
        Self {
            repo,
            random: Random::new(seed),
            seed,
            number: 0,
            claims: Vec::new(),
            done: Vec::new(),
        }
    }

    fn mark(&mut self) -> String {
        self.number += 1;
        format!("mark-{}-{}-", self.seed, self.number)
    }

    fn git(&self, args: &[&str]) -> bool {
        let args = [&["-c", "core.hooksPath=/dev/null"], args].concat();
        self.repo.try_git(&args, &[]).status.success()
    }

    fn is_dirty(&self) -> bool {
        let status = ["status", "--porcelain", "--untracked-files=no"];
        !self.repo.git(&status).is_empty()
    }

    fn append(&self, path: &str, mark: &str) {
        let file = self.repo.path().join(path);
        let old = std::fs::read(&file).unwrap_or_default();
        self.repo
            .write(path, [&old[..], mark.as_bytes(), b"\n"].concat());
    }

    /// What was staged, and what was edited in files that `is_saved` selects, is in an object now.
    fn saved(&mut self, is_saved: fn(&str) -> bool) {
        for claim in &mut self.claims {
            match claim {
                Claim::Staged(_, mark) => *claim = Claim::Reachable(mark.clone()),
                Claim::File(path, mark) if is_saved(path) => {
                    *claim = Claim::Reachable(mark.clone());
                }
                _ => {}
            }
        }
    }

    fn commit(&mut self, mark: &str) {
        self.git(&["add", "--all", "--", ":!linked*"]);
        if self.git(&["commit", "--quiet", "-m", &format!("commit {mark}")]) {
            self.saved(|path| !path.starts_with("linked"));
            self.claims.push(Claim::Reachable(format!("commit {mark}")));
        }
    }

    /// One of the kinds of work.
    fn act(&mut self) {
        let kinds = KINDS;
        let (name, act) = *self.random.pick(&kinds);
        self.done.push(name);
        let mark = self.mark();
        act(self, &mark);
    }

    /// Names what is missing.
    fn missing(&self) -> Vec<String> {
        let repo = self.repo;
        let reachable = reachable(repo);
        let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
        let has = |bytes: &[u8], mark: &str| text(bytes).contains(mark);
        let is_missing = |claim: &&Claim| match claim {
            Claim::Reachable(mark) => !reachable.contains(mark),
            Claim::Ref(name) => !refs.lines().any(|line| line == name),
            Claim::File(path, mark) => {
                !std::fs::read(repo.path().join(path)).is_ok_and(|bytes| has(&bytes, mark))
            }
            Claim::Staged(path, mark) => {
                let shown = repo.try_git(&["show", &format!(":{path}")], &[]);
                !has(&shown.stdout, mark)
            }
            Claim::Config(name, value) => repo.git(&["config", "--get", name]) != *value,
            Claim::Inside(path, mark) => {
                !std::fs::read(repo.git_dir().join(path)).is_ok_and(|bytes| has(&bytes, mark))
            }
        };
        let missing = self.claims.iter().filter(is_missing);
        missing.map(|claim| format!("{claim:?}")).collect()
    }
}

/// All that refs, reflogs and indexes reach, one object behind the other.
fn reachable(repo: &Repo) -> String {
    let args = [
        "rev-list",
        "--objects",
        "--all",
        "--reflog",
        "--indexed-objects",
        "--no-object-names",
    ];
    let mut ids = repo.git(&args);
    for worktree in std::fs::read_dir(repo.git_dir().join("worktrees"))
        .into_iter()
        .flatten()
    {
        let dir = worktree.unwrap().path();
        let index = dir.join("index");
        let head = std::fs::read_to_string(dir.join("HEAD")).unwrap();
        if !head.starts_with("ref:") {
            ids += "\n";
            ids += &repo.git(&["rev-list", "--objects", "--no-object-names", head.trim()]);
        }
        let staged = ["ls-files", "--format=%(objectname)"];
        let staged = repo.try_git(&staged, &[("GIT_INDEX_FILE", index.to_str().unwrap())]);
        ids += "\n";
        ids += text(&staged.stdout).trim();
    }
    text(&repo.git_with_input(&["cat-file", "--batch"], (ids + "\n").as_bytes()))
}

type Kind = (&'static str, fn(&mut Person<'_>, &str));

const KINDS: [Kind; 36] = [
    ("commit a new file", |me, mark| {
        me.append(&format!("new-{mark}"), mark);
        me.claims.push(Claim::Reachable(mark.to_owned()));
        me.commit(mark);
    }),
    ("commit an edit", |me, mark| {
        me.append("clean", mark);
        me.claims.push(Claim::Reachable(mark.to_owned()));
        me.commit(mark);
    }),
    ("commit an edit beside a value", |me, mark| {
        me.append("a.env", mark);
        me.claims.push(Claim::Reachable(mark.to_owned()));
        me.commit(mark);
    }),
    ("amend", |me, mark| {
        if me.git(&[
            "commit",
            "--quiet",
            "--amend",
            "-m",
            &format!("amended {mark}"),
        ]) {
            me.saved(|_| false);
            me.claims.push(Claim::Reachable(format!("amended {mark}")));
        }
    }),
    ("an empty commit", |me, mark| {
        me.git(&[
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            &format!("empty {mark}"),
        ]);
        me.saved(|_| false);
        me.claims.push(Claim::Reachable(format!("empty {mark}")));
    }),
    ("a branch with a commit", |me, mark| {
        me.git(&["checkout", "--quiet", "-b", &format!("b-{mark}")]);
        me.append(&format!("new-{mark}"), mark);
        me.commit(mark);
        me.claims.push(Claim::Ref(format!("refs/heads/b-{mark}")));
    }),
    ("a branch", |me, mark| {
        me.git(&["branch", &format!("b-{mark}")]);
        me.claims.push(Claim::Ref(format!("refs/heads/b-{mark}")));
    }),
    ("a branch at an old commit", |me, mark| {
        if me.git(&["branch", &format!("b-{mark}"), "HEAD~1"]) {
            me.claims.push(Claim::Ref(format!("refs/heads/b-{mark}")));
        }
    }),
    ("a tag", |me, mark| {
        me.git(&["tag", &format!("t-{mark}")]);
        me.claims.push(Claim::Ref(format!("refs/tags/t-{mark}")));
    }),
    ("an annotated tag", |me, mark| {
        me.git(&[
            "tag",
            "-a",
            "-m",
            &format!("tagged {mark}"),
            &format!("t-{mark}"),
        ]);
        me.claims.push(Claim::Ref(format!("refs/tags/t-{mark}")));
        me.claims.push(Claim::Reachable(format!("tagged {mark}")));
    }),
    ("a stash", |me, mark| {
        me.append("clean", mark);
        if me.git(&["stash", "push", "--quiet", "-m", &format!("stashed {mark}")]) {
            me.saved(|path| ["clean", "a.env", "b/deep.yaml"].contains(&path));
            me.claims.push(Claim::Reachable(mark.to_owned()));
        }
    }),
    ("a stash with untracked files", |me, mark| {
        me.append(&format!("new-{mark}"), mark);
        if me.git(&[
            "stash",
            "push",
            "--quiet",
            "--include-untracked",
            "--",
            &format!("new-{mark}"),
        ]) {
            me.claims.push(Claim::Reachable(mark.to_owned()));
        }
    }),
    ("stage a new file", |me, mark| {
        let path = format!("new-{mark}");
        me.append(&path, mark);
        me.git(&["add", &path]);
        me.claims.push(Claim::Staged(path, mark.to_owned()));
    }),
    ("stage an edit", |me, mark| {
        me.append("clean", mark);
        me.git(&["add", "clean"]);
        me.claims
            .push(Claim::Staged("clean".to_owned(), mark.to_owned()));
    }),
    ("stage an edit beside a value", |me, mark| {
        me.append("a.env", mark);
        me.git(&["add", "a.env"]);
        me.claims
            .push(Claim::Staged("a.env".to_owned(), mark.to_owned()));
    }),
    ("edit", |me, mark| {
        me.append("clean", mark);
        me.claims
            .push(Claim::File("clean".to_owned(), mark.to_owned()));
    }),
    ("edit beside a value", |me, mark| {
        me.append("b/deep.yaml", mark);
        me.claims
            .push(Claim::File("b/deep.yaml".to_owned(), mark.to_owned()));
    }),
    ("an untracked file", |me, mark| {
        let path = format!("untracked-{mark}");
        me.append(&path, mark);
        me.claims.push(Claim::File(path, mark.to_owned()));
    }),
    ("a remote", |me, mark| {
        me.git(&[
            "remote",
            "add",
            &format!("r-{mark}"),
            "https://example.org/x.git",
        ]);
        let name = format!("remote.r-{mark}.url");
        me.claims
            .push(Claim::Config(name, "https://example.org/x.git".to_owned()));
    }),
    ("a setting", |me, mark| {
        let name = format!("alias.a{}", mark.replace('-', ""));
        me.git(&["config", &name, "status"]);
        me.claims.push(Claim::Config(name, "status".to_owned()));
    }),
    ("a hook", |me, mark| {
        me.repo.write(format!(".git/hooks/h-{mark}"), mark);
        me.claims
            .push(Claim::Inside(format!("hooks/h-{mark}"), mark.to_owned()));
    }),
    ("an excluded path", |me, mark| {
        me.append(".git/info/exclude", mark);
        me.claims
            .push(Claim::Inside("info/exclude".to_owned(), mark.to_owned()));
    }),
    ("a worktree with a branch", |me, mark| {
        let (dir, name) = (format!("linked-{mark}"), format!("w-{mark}"));
        me.git(&["worktree", "add", "--quiet", "-b", &name, &dir]);
        me.repo.write(format!("{dir}/inside"), mark);
        me.git(&["-C", &dir, "add", "inside"]);
        me.git(&[
            "-C",
            &dir,
            "commit",
            "--quiet",
            "-m",
            &format!("in worktree {mark}"),
        ]);
        me.claims
            .push(Claim::Reachable(format!("in worktree {mark}")));
        me.claims.push(Claim::Ref(format!("refs/heads/w-{mark}")));
        me.claims
            .push(Claim::File(format!("{dir}/inside"), mark.to_owned()));
    }),
    ("a detached worktree", |me, mark| {
        let dir = format!("linked-{mark}");
        me.git(&["worktree", "add", "--quiet", "--detach", &dir]);
        me.git(&[
            "-C",
            &dir,
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            &format!("detached {mark}"),
        ]);
        me.repo.write(format!("{dir}/edited"), mark);
        me.claims.push(Claim::Reachable(format!("detached {mark}")));
        me.claims
            .push(Claim::File(format!("{dir}/edited"), mark.to_owned()));
    }),
    ("a note", |me, mark| {
        me.git(&["notes", "append", "-m", &format!("noted {mark}"), "HEAD"]);
        me.claims.push(Claim::Reachable(format!("noted {mark}")));
    }),
    ("a ref of its own kind", |me, mark| {
        let commit = me.repo.git(&[
            "commit-tree",
            "-m",
            &format!("custom {mark}"),
            "-p",
            "HEAD",
            "HEAD^{tree}",
        ]);
        me.git(&["update-ref", &format!("refs/custom/c-{mark}"), &commit]);
        me.claims.push(Claim::Ref(format!("refs/custom/c-{mark}")));
        me.claims.push(Claim::Reachable(format!("custom {mark}")));
    }),
    ("a merge", |me, mark| {
        let message = format!("merge {mark}");
        if !me.is_dirty() {
            me.git(&["merge", "--quiet", "--no-ff", "-m", &message, "side"]);
            me.git(&["merge", "--abort"]);
        }
        // What was merged before is up to date.
        if me.repo.git(&["log", "-1", "--format=%s"]) == message {
            me.claims.push(Claim::Reachable(message));
        }
    }),
    ("a revert", |me, _| {
        if !me.is_dirty() && !me.git(&["revert", "--no-edit", "HEAD"]) {
            me.git(&["revert", "--abort"]);
        }
    }),
    ("a cherry-pick", |me, _| {
        if !me.is_dirty() && !me.git(&["cherry-pick", "side"]) {
            me.git(&["cherry-pick", "--abort"]);
        }
    }),
    ("rename a branch", |me, mark| {
        if me.git(&["branch", "-m", "side", &format!("side-{mark}")]) {
            me.claims
                .push(Claim::Ref(format!("refs/heads/side-{mark}")));
        }
    }),
    ("gc", |me, _| {
        me.git(&["gc", "--quiet"]);
    }),
    ("repack", |me, _| {
        me.git(&["repack", "-a", "-d", "-q"]);
    }),
    ("pack refs", |me, _| {
        me.git(&["pack-refs", "--all"]);
    }),
    ("reset softly", |me, _| {
        me.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    }),
    ("check out", |me, _| {
        if !me.is_dirty() {
            me.git(&["checkout", "--quiet", "main"]);
        }
    }),
    ("a push from elsewhere", |me, mark| {
        let clone = me.repo.cloned(&["--no-tags"]);
        clone.commit_file(&format!("pushed-{mark}"), mark);
        let to = format!("HEAD:refs/heads/p-{mark}");
        if clone
            .try_git(&["push", "--quiet", "origin", &to], &[])
            .status
            .success()
        {
            me.claims.push(Claim::Ref(format!("refs/heads/p-{mark}")));
            me.claims.push(Claim::Reachable(mark.to_owned()));
        }
    }),
];

/// Values in files, names, messages, refs, the stash, the configuration and another worktree.
fn build() -> Purged {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.write(".git/info/exclude", "linked*\n");
    repo.write("clean", "one\ntwo\nthree\n");
    repo.commit_file("first", "nothing\n");
    repo.write(
        "b/deep.yaml",
        format!("a: 1\n\ntoken: {value}\n\nb: 2\nc: 3\nd: 4\n"),
    );
    repo.commit_file("a.env", format!("A=1\nTOKEN={value}\nB=2\nC=3\nD=4\n"));
    repo.commit_file(&format!("dir/name-{value}"), "in the name\n");
    repo.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    repo.commit_file("sided", "on the side\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit(&format!("empty, with {value}"));
    repo.git(&["branch", &format!("topic/{value}")]);
    repo.git(&["tag", "-a", "-m", "first", "v1"]);
    repo.write("clean", "stashed\n");
    repo.git(&["stash", "push", "--quiet", "-m", "an old stash"]);
    repo.git(&["worktree", "add", "--quiet", "-b", "linked", "linked"]);
    let url = format!("https://u:{value}@example.org/r.git");
    repo.git(&["remote", "add", "old", &url]);
    repo.git(&["config", "user.name", "Ada"]);
    repo.git(&["config", "user.email", "ada@example.org"]);
    purged
}

/// Seeds that are tried.
fn seeds(few: u64) -> u64 {
    let said = std::env::var("UNLEAK_SEEDS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn assert_sound(repo: &Repo, place: &str) {
    let fsck = repo.try_git(&["fsck", "--connectivity-only"], &[]);
    let said = text(&fsck.stdout) + &text(&fsck.stderr);
    let is_bad = |line: &&str| {
        ["missing", "broken", "error", "fatal"]
            .iter()
            .any(|word| line.contains(word))
    };
    let bad: Vec<&str> = said.lines().filter(is_bad).collect();
    assert!(bad.is_empty(), "{place}: {bad:?}");
}

/// Applies a purge, in one of four ways: whole, with the old objects removed, or killed.
fn begin(purged: &Purged, way: usize, random: &mut Random) {
    match way {
        0 => drop(purged.purge(&["--known", "-", "--apply"], 0)),
        1 => drop(purged.erase()),
        _ => {
            let mut child = start(purged, &["--apply", "--finish"]);
            let micros = 20_000 + random.below(600_000) as u64;
            std::thread::sleep(std::time::Duration::from_micros(micros));
            child.kill().unwrap();
            child.wait().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    let index_lock = purged.repo.git_dir().join("index.lock");
    if index_lock.exists() {
        // git does not work before the purge is ended.
        purged.purge(&["--abort"], 0);
        assert!(!index_lock.exists());
    }
}

/// Returns whether there was a purge to end.
fn round(seed: u64) -> bool {
    let purged = build();
    let mut person = Person::new(&purged.repo, seed);
    let way = person.random.below(4);
    begin(&purged, way, &mut person.random);
    for _ in 0..=person.random.below(8) {
        person.act();
    }
    let place = format!("seed {seed}, way {way}, after {:?}", person.done);
    let missing = person.missing();
    assert!(
        missing.is_empty(),
        "{place}: lost by git itself: {missing:?}"
    );
    if purged.purge(&["status"], 0).contains("No purge") {
        return false;
    }
    let continues = way == 3;
    let output = purged.try_purge(&[if continues { "--continue" } else { "--abort" }]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_ne!(output.status.code(), Some(3), "{place}: {said}");
    let missing = person.missing();
    assert!(missing.is_empty(), "{place}: {missing:?}; {said}");
    assert_sound(&purged.repo, &place);
    if !continues {
        assert_eq!(output.status.code(), Some(0), "{place}: {said}");
        assert!(purged.purge(&["status"], 0).contains("No purge"), "{place}");
        let old = format!("A=1\nTOKEN={}\n", purged.value);
        assert!(reachable(&purged.repo).contains(&old), "{place}: {said}");
        let left = files(purged.repo.path()).into_keys();
        let left: Vec<String> = left.filter(|name| name.ends_with(".lock")).collect();
        assert!(left.is_empty(), "{place}: {left:?}");
    }
    true
}

/// `UNLEAK_SEEDS` says how many seeds are tried.
#[test]
fn nothing_that_people_made_since_is_lost() {
    let seeds = seeds(12);
    let ended = (0..seeds).filter(|&seed| round(seed)).count() as u64;
    assert!(
        ended > seeds / 2,
        "only {ended} of {seeds} had a purge to end"
    );
}
