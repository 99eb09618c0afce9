//! Refs and reflogs, in files and in reftables, against git's own view of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gix::hash::Kind as HashKind;
use unleak::git::refs::{RefTarget, Refs};
use unleak::git::reftable;
use unleak::git::reftable::TableContents;
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::{ObjectId, SkipReason};
use unleak::rule::template::Random;

use crate::support::{Repo, github_token};

fn open(path: &Path) -> Repository {
    Repository::discover(path, &Overrides::default()).unwrap()
}

/// What `git for-each-ref` lists: name, id, and what a symbolic one names.
fn listed_by_git(repo: &Repo, dir: &str) -> BTreeSet<(String, String, String)> {
    let format = "--format=%(refname) %(objectname) %(symref)";
    let lines = repo.git(&["-C", dir, "for-each-ref", format]);
    let fields = lines.lines().map(|line| {
        let mut fields = line.splitn(3, ' ').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        (next(), next(), next())
    });
    fields.collect()
}

/// The same of ours: shared refs and those of the worktree that was opened.
fn listed_by_us(refs: &Refs) -> BTreeSet<(String, String, String)> {
    let in_sight = |worktree: &Option<_>, name: &str| {
        let is_private = ["refs/bisect/", "refs/worktree/", "refs/rewritten/"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        *worktree
            == if is_private {
                refs.current.clone()
            } else {
                None
            }
    };
    let own = refs.refs.iter().filter(|found| {
        found.name.starts_with(b"refs/") && in_sight(&found.worktree, &found.name.to_string())
    });
    own.filter_map(|found| {
        let id = found.object_id()?.to_string();
        let symbolic = found.symbolic.clone().unwrap_or_default();
        Some((found.name.to_string(), id, symbolic.to_string()))
    })
    .collect()
}

/// What `git reflog` lists of each reflog that it knows, newest first.
fn logs_by_git(repo: &Repo) -> BTreeMap<String, Vec<(String, String)>> {
    let names = repo.git(&["reflog", "list"]);
    let of = |name: &str| {
        let lines = repo.git(&["reflog", "show", "--no-abbrev", "--format=%H%x09%gs", name]);
        let lines = lines.lines().map(|line| {
            let (id, message) = line.split_once('\t').unwrap_or((line, ""));
            (id.to_owned(), message.to_owned())
        });
        (name.to_owned(), lines.collect())
    };
    names.lines().map(of).collect()
}

fn logs_by_us(refs: &Refs) -> BTreeMap<String, Vec<(String, String)>> {
    let mut logs: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let own = |worktree: &Option<_>| worktree.is_none();
    for entry in refs.log.iter().rev().filter(|entry| own(&entry.worktree)) {
        let log = logs.entry(entry.name.to_string()).or_default();
        // git shows no entry of a deletion.
        if !entry.new.is_null() {
            log.push((entry.new.to_string(), entry.message.to_string()));
        }
    }
    logs.retain(|_, entries| !entries.is_empty());
    logs
}

/// A repository with everything that refs can be.
fn rich(options: &[&str], count: usize) -> Repo {
    let repo = Repo::init(options);
    let first = repo.commit_file("file", "1\n");
    repo.git(&["tag", "--annotate", "--message", "text", "v1"]);
    let mut updates = String::new();
    for number in 0..count {
        updates += &format!(
            "create refs/changes/{:02}/{number}/1 {first}\n",
            number % 100
        );
    }
    repo.git_with_input(&["update-ref", "--stdin"], updates.as_bytes());
    repo.git(&["pack-refs", "--all"]);
    repo.commit_file("file", "2\n");
    repo.git(&["branch", "topic/a"]);
    repo.git(&["branch", "gone"]);
    repo.git(&["branch", "--delete", "--force", "gone"]);
    repo.git(&["update-ref", "-d", "refs/changes/00/0/1"]);
    repo.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/heads/main",
    ]);
    repo.git(&["symbolic-ref", "refs/heads/dangling", "refs/heads/nowhere"]);
    repo.git(&["commit", "--quiet", "--amend", "--message", "other words"]);
    repo.write("file", "3\n");
    repo.git(&["stash", "--quiet"]);
    repo.git(&["tag", "light"]);
    repo
}

#[test]
fn lists_what_git_lists_in_both_storages() {
    for format in ["files", "reftable"] {
        for hash in ["sha1", "sha256"] {
            let storage = format!("--ref-format={format}");
            let repo = rich(&[&storage, &format!("--object-format={hash}")], 3000);
            let refs = open(repo.path()).refs();
            assert_eq!(refs.skipped, [], "{format} {hash}");
            let ours = listed_by_us(&refs);
            assert_eq!(ours, listed_by_git(&repo, "."), "{format} {hash}");
            assert!(ours.len() > 3000);
            assert_eq!(logs_by_us(&refs), logs_by_git(&repo), "{format} {hash}");
            let head = refs.head().unwrap();
            assert_eq!(head.symbolic.as_ref().unwrap(), "refs/heads/main");
            assert_eq!(
                head.object_id().unwrap().to_string(),
                repo.git(&["rev-parse", "HEAD"])
            );
            let dangling = refs.get(None, b"refs/heads/dangling").unwrap();
            assert_eq!(dangling.target, RefTarget::Dangling);
            let committer = &refs.log.last().unwrap().committer;
            assert!(
                committer.starts_with(b"Carl Committer <carl@example.org> 16"),
                "{committer}"
            );
            assert!(committer.ends_with(b" +0000"), "{committer}");
        }
    }
}

#[test]
fn reads_every_worktree_from_any() {
    for format in ["files", "reftable"] {
        let repo = Repo::init(&[&format!("--ref-format={format}")]);
        let first = repo.commit_file("file", "1\n");
        repo.git(&["worktree", "add", "--quiet", "--detach", "side"]);
        repo.write("side/file", "2\n");
        repo.git(&[
            "-C",
            "side",
            "commit",
            "--quiet",
            "--all",
            "--message",
            "side",
        ]);
        let second = repo.git(&["-C", "side", "rev-parse", "HEAD"]);
        repo.git(&["-C", "side", "update-ref", "refs/worktree/own", &second]);
        repo.git(&["-C", "side", "update-ref", "ORIG_HEAD", &first]);
        repo.git(&["update-ref", "refs/bisect/bad", &first]);
        for dir in [repo.path().to_owned(), repo.path().join("side")] {
            let is_main = dir == repo.path();
            let refs = open(&dir).refs();
            assert_eq!(refs.skipped, [], "{format}");
            let of = |worktree: Option<&str>, name: &str| {
                let found = refs.get(worktree.map(Into::into), name.as_bytes());
                found.unwrap().object_id().unwrap().to_string()
            };
            assert_eq!(of(None, "HEAD"), first);
            assert_eq!(of(Some("side"), "HEAD"), second);
            assert_eq!(of(Some("side"), "refs/worktree/own"), second);
            assert_eq!(of(Some("side"), "ORIG_HEAD"), first);
            assert_eq!(of(None, "refs/bisect/bad"), first);
            assert_eq!(refs.current.is_none(), is_main);
            let head = refs.head().unwrap().object_id().unwrap().to_string();
            assert_eq!(
                head,
                if is_main {
                    first.clone()
                } else {
                    second.clone()
                }
            );
            let dir = if is_main { "." } else { "side" };
            assert_eq!(listed_by_us(&refs), listed_by_git(&repo, dir), "{format}");
            let mut side = refs.log.iter().filter(|entry| {
                entry.worktree.as_ref().is_some_and(|name| name == "side") && entry.name == "HEAD"
            });
            assert_eq!(side.next_back().unwrap().message, "commit: side");
        }
    }
}

#[test]
fn pseudo_refs_of_several_lines_are_read() {
    let repo = Repo::new();
    let first = repo.commit_file("file", "1\n");
    let second = repo.commit_file("file", "2\n");
    let lines = format!("{first}\t\tbranch 'a' of x\n{second}\tnot-for-merge\tbranch 'b' of x\n");
    std::fs::write(repo.git_dir().join("FETCH_HEAD"), lines).unwrap();
    std::fs::write(repo.git_dir().join("MERGE_HEAD"), format!("{first}\n")).unwrap();
    let refs = open(repo.path()).refs();
    assert_eq!(refs.skipped, []);
    let named = |name: &str| {
        let found = refs.refs.iter().filter(|found| found.name == name);
        let ids = found.map(|found| found.object_id().unwrap().to_string());
        ids.collect::<BTreeSet<_>>()
    };
    assert_eq!(named("FETCH_HEAD"), BTreeSet::from([first.clone(), second]));
    assert_eq!(named("MERGE_HEAD"), BTreeSet::from([first]));
}

#[test]
fn damaged_refs_are_told_from_dangling_ones() {
    let repo = Repo::new();
    let id = repo.commit_file("file", "1\n");
    repo.git(&["update-ref", "refs/changes/1", &id]);
    repo.git(&["pack-refs", "--all"]);
    let git_dir = repo.git_dir();
    let write = |name: &str, text: &str| std::fs::write(git_dir.join(name), text).unwrap();
    write("refs/heads/empty", "");
    write("refs/heads/words", "no id at all\n");
    write("refs/heads/a", "ref: refs/heads/b\n");
    write("refs/heads/b", "ref: refs/heads/a\n");
    write("refs/heads/to-nowhere", "ref: refs/heads/nowhere\n");
    write("refs/heads/outside", "ref: ../../../../etc/passwd\n");
    let packed = std::fs::read_to_string(git_dir.join("packed-refs")).unwrap();
    write("packed-refs", &format!("{packed}what is this\n"));
    let log = git_dir.join("logs/HEAD");
    let lines = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, format!("{lines}only words here\n")).unwrap();
    let repository = open(repo.path());
    let refs = repository.refs();
    let target = |name: &str| refs.get(None, name.as_bytes()).unwrap().target;
    for name in ["empty", "words", "a", "b"] {
        assert_eq!(
            target(&format!("refs/heads/{name}")),
            RefTarget::Broken,
            "{name}"
        );
        let name = format!("refs/heads/{name}");
        assert!(repository.find_ref(name.as_bytes()).is_err(), "{name}");
    }
    assert_eq!(target("refs/heads/to-nowhere"), RefTarget::Dangling);
    assert_eq!(target("refs/heads/outside"), RefTarget::Dangling);
    let id: ObjectId = id.parse().unwrap();
    assert_eq!(target("refs/changes/1"), RefTarget::Object(id));
    assert_eq!(repository.find_ref(b"refs/changes/1").unwrap(), Some(id));
    assert_eq!(repository.find_ref(b"refs/heads/to-nowhere").unwrap(), None);
    assert!(repository.find_ref(b"refs/heads/outside").is_err());
    assert_eq!(refs.skipped.len(), 6, "{:#?}", refs.skipped);
    let mut of_head = refs.log.iter().filter(|entry| entry.name == "HEAD");
    assert_eq!(of_head.next_back().unwrap().message, "only words here");
}

#[test]
fn an_unknown_ref_storage_is_reported() {
    let repo = Repo::new();
    repo.commit_file("file", "1\n");
    repo.git(&["config", "core.repositoryformatversion", "1"]);
    repo.git(&["config", "extensions.refStorage", "clay-tablets"]);
    let refs = open(repo.path()).refs();
    assert_eq!(refs.skipped.len(), 1);
    assert_eq!(refs.skipped[0].reason, SkipReason::Unsupported);
    assert!(refs.skipped[0].detail.contains("refStorage"));
    assert_eq!(repo.scan(&[]).code, 3);
}

fn tables_of(repo: &Repo) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repo.git_dir().join("reftable")).unwrap();
    let mut tables: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    tables.retain(|path| path.extension().is_some_and(|ext| ext == "ref"));
    tables.sort();
    tables
}

#[test]
fn a_damaged_table_loses_what_is_damaged_only() {
    let repo = rich(&["--ref-format=reftable"], 2000);
    let whole = open(repo.path()).refs();
    let dir = repo.git_dir().join("reftable");
    for path in tables_of(&repo) {
        let bytes = std::fs::read(&path).unwrap();
        for seed in 0..150 {
            let mut random = Random::new(seed);
            let mut damaged = bytes.clone();
            match seed % 3 {
                0 => damaged.truncate(random.below(bytes.len())),
                _ => {
                    for _ in 0..1 + random.below(3) {
                        let at = random.below(bytes.len());
                        damaged[at] = u8::try_from(random.below(256)).unwrap();
                    }
                }
            }
            std::fs::write(&path, &damaged).unwrap();
            let tables = reftable::read(&dir, HashKind::Sha1, TableContents::All);
            if seed % 3 == 0 {
                assert!(
                    !tables.skipped.is_empty(),
                    "seed {seed}: a cut table is reported"
                );
            }
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    // A block that is lost takes none of the others with it.
    let path = tables_of(&repo).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096] = b'?';
    std::fs::write(&path, &bytes).unwrap();
    let refs = open(repo.path()).refs();
    assert_eq!(refs.skipped.len(), 1, "{:?}", refs.skipped);
    assert!(refs.refs.len() > whole.refs.len() * 3 / 4);
    assert_eq!(refs.log, whole.log);
    assert_eq!(repo.scan(&[]).code, 3);
}

#[test]
fn a_listed_table_that_is_gone_is_reported() {
    let repo = rich(&["--ref-format=reftable"], 10);
    std::fs::remove_file(&tables_of(&repo)[0]).unwrap();
    let refs = open(repo.path()).refs();
    assert_eq!(refs.skipped.len(), 1, "{:?}", refs.skipped);
    assert_eq!(refs.skipped[0].reason, SkipReason::Missing);
    std::fs::remove_file(repo.git_dir().join("reftable/tables.list")).unwrap();
    let refs = open(repo.path()).refs();
    assert_eq!(refs.skipped[0].reason, SkipReason::Missing);
    assert_eq!(refs.head(), None);
    assert!(open(repo.path()).find_ref(b"HEAD").is_err());
}

#[test]
fn a_reftable_repository_is_scanned_like_any_other() {
    let repo = Repo::init(&["--ref-format=reftable"]);
    repo.commit_file("file", "x\n");
    repo.commit_file("secret", github_token(1));
    repo.git(&["tag", "v1"]);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.write("lost", github_token(2));
    repo.commit("lost");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(report.code, 1, "{:#}", report.json);
    let history_of = |seed: u64| {
        let secret = github_token(seed);
        let mut found = report.findings().iter();
        let found = found.find(|finding| finding["secret"] == secret.as_str());
        found.expect("it is found")["history"].clone()
    };
    assert_eq!(history_of(1)["tags"], serde_json::json!(["v1"]));
    assert_eq!(history_of(2)["reflog"], true);
    assert_eq!(history_of(2)["reachable"], false);
    for range in [
        "HEAD..v1",
        "main...v1",
        "refs/heads/main..tags/v1",
        "v1~1..v1",
        "..v1",
    ] {
        let report = repo.scan(&["--range", range]);
        assert_eq!(report.code, 1, "{range}: {:#}", report.json);
        assert_eq!(report.findings().len(), 1, "{range}");
    }
    assert_eq!(repo.scan(&["--range", "v1..HEAD"]).code, 0);
    assert_eq!(repo.scan(&["--since", "2000-01-01"]).code, 1);
}

#[test]
fn hooks_read_a_reftable_repository() {
    let server = Repo::init(&["--bare", "--ref-format=reftable"]);
    let url = format!("file://{}", server.path().display());
    let clone = Repo::init(&["--ref-format=reftable"]);
    for (repo, kinds) in [(&server, ["--pre-receive"; 1].as_slice()), (&clone, &[])] {
        let args = [&["hook", "install"], kinds].concat();
        let installed = repo.unleak(&args, b"", &[]);
        assert!(installed.status.success(), "{installed:?}");
    }
    let commit = |env: &[(&str, &str)]| {
        clone.git(&["add", "--all"]);
        let args = ["commit", "--quiet", "--message", "words"];
        clone.try_git(&args, env)
    };
    clone.write("first", "nothing\n");
    assert!(commit(&[]).status.success(), "HEAD is not born yet");
    clone.write("second", "nothing either\n");
    assert!(commit(&[]).status.success());
    clone.write("third", github_token(40));
    let blocked = commit(&[]);
    assert!(!blocked.status.success(), "{blocked:?}");
    clone.git(&["remote", "add", "origin", &url]);
    assert!(
        clone
            .try_git(&["push", "--quiet", "origin", "main"], &[])
            .status
            .success()
    );
    assert!(commit(&[("UNLEAK_SKIP", "it is made up")]).status.success());
    let push = ["push", "--quiet", "origin", "main"];
    let skip = ("UNLEAK_SKIP", "the server looks too");
    for env in [&[][..], &[skip]] {
        let blocked = clone.try_git(&push, env);
        assert!(!blocked.status.success());
        assert!(String::from_utf8_lossy(&blocked.stderr).contains("third"));
    }
    // The commit that is there already is not looked at again.
    server.git(&[
        "fetch",
        "--quiet",
        clone.path().to_str().unwrap(),
        "main:old",
    ]);
    clone.commit_file("fourth", "more\n");
    let passed = clone.try_git(&push, &[skip]);
    assert!(passed.status.success(), "{passed:?}");
}

/// What `git ls-files --stage` lists.
fn staged_by_git(repo: &Repo, dir: &str) -> Vec<(String, String, u8)> {
    let lines = repo.git(&["-C", dir, "ls-files", "--stage"]);
    let entry = |line: &str| {
        let (head, path) = line.split_once('\t').unwrap();
        let head: Vec<&str> = head.split(' ').collect();
        (
            path.to_owned(),
            head[1].to_owned(),
            head[2].parse().unwrap(),
        )
    };
    lines.lines().map(entry).collect()
}

fn staged_by_us(repo: &Repo, worktree: Option<&str>) -> Vec<(String, String, u8)> {
    let (entries, skipped) = open(repo.path()).indexes();
    assert_eq!(skipped, []);
    let own = entries.into_iter().filter(|indexed| {
        indexed
            .worktree
            .as_ref()
            .map(ToString::to_string)
            .as_deref()
            == worktree
    });
    own.map(|indexed| {
        let path = String::from_utf8(indexed.entry.path).unwrap();
        (path, indexed.entry.id.to_string(), indexed.entry.stage)
    })
    .collect()
}

#[test]
fn indexes_of_all_worktrees_are_read() {
    let repo = Repo::new();
    repo.commit_file("file", "1\n");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", "side"]);
    repo.write("side/file", "2\n");
    repo.write("side/secret", github_token(50));
    repo.git(&["-C", "side", "add", "secret"]);
    repo.git(&["-C", "side", "commit", "--quiet", "--all", "--message", "x"]);
    repo.write("side/lost", github_token(51));
    repo.git(&["-C", "side", "add", "lost"]);
    std::fs::write(repo.git_dir().join("info/exclude"), "/side\n").unwrap();
    repo.commit_file("file", "3\n");
    repo.try_git(&["merge", "--quiet", "side"], &[]);
    repo.write("intended", "later\n");
    repo.git(&["add", "--intent-to-add", "intended"]);
    let main = staged_by_us(&repo, None);
    assert_eq!(main, staged_by_git(&repo, "."));
    assert!(main.iter().any(|(_, _, stage)| *stage == 3), "a conflict");
    assert!(main.iter().any(|(path, _, _)| path == "intended"));
    assert_eq!(
        staged_by_us(&repo, Some("side")),
        staged_by_git(&repo, "side")
    );
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(report.code, 1, "{:#}", report.json["coverage"]);
    let lost = github_token(51);
    let mut found = report.findings().iter();
    let lost = found
        .find(|finding| finding["secret"] == lost.as_str())
        .unwrap();
    assert_eq!(lost["history"]["index"], true);
}

#[test]
fn a_split_index_is_put_together() {
    for version in ["2", "4"] {
        let repo = Repo::new();
        for number in 0..200 {
            repo.write(format!("d{}/f{number}", number % 7), format!("{number}\n"));
        }
        repo.commit("all");
        repo.git(&["config", "splitIndex.maxPercentChange", "100"]);
        repo.git(&["update-index", "--index-version", version]);
        repo.git(&["update-index", "--split-index"]);
        let mut random = Random::new(7);
        for round in 0..6 {
            for _ in 0..9 {
                let number = random.below(200);
                let path = repo.path().join(format!("d{}/f{number}", number % 7));
                match random.below(3) {
                    0 => drop(std::fs::remove_file(path)),
                    1 => std::fs::write(path, format!("{round} {number}\n")).unwrap(),
                    _ => repo.write(format!("new{number}"), format!("{round}\n")),
                }
            }
            repo.git(&["add", "--all"]);
            let shared = std::fs::read_dir(repo.git_dir()).unwrap().any(|entry| {
                let name = entry.unwrap().file_name();
                name.to_string_lossy().starts_with("sharedindex.")
            });
            assert!(shared, "it is split");
            assert_eq!(staged_by_us(&repo, None), staged_by_git(&repo, "."));
        }
        let index = repo.git_dir().join("index");
        let bytes = std::fs::read(&index).unwrap();
        for seed in 0..200 {
            let mut damaged = bytes.clone();
            let mut random = Random::new(seed);
            let at = random.below(bytes.len());
            damaged[at] ^= 1 << random.below(8);
            std::fs::write(&index, &damaged).unwrap();
            open(repo.path()).indexes();
        }
    }
}

#[test]
fn what_a_stopped_rebase_keeps_is_named() {
    for format in ["files", "reftable"] {
        let repo = Repo::init(&[&format!("--ref-format={format}")]);
        repo.commit_file("file", "1\n");
        repo.git(&["checkout", "--quiet", "-b", "topic"]);
        repo.commit_file("file", "2\n");
        repo.git(&["checkout", "--quiet", "main"]);
        repo.commit_file("file", "3\n");
        repo.commit_file("other", "1\n");
        repo.write("other", github_token(70));
        let stopped = repo.try_git(&["rebase", "--autostash", "topic"], &[]);
        assert!(!stopped.status.success(), "a conflict");
        let refs = open(repo.path()).refs();
        assert_eq!(refs.skipped, [], "{format}");
        let names: Vec<String> = refs
            .refs
            .iter()
            .map(|found| found.name.to_string())
            .collect();
        for name in ["rebase-merge/onto", "rebase-merge/autostash", "REBASE_HEAD"] {
            assert!(
                names.iter().any(|found| found == name),
                "{format}: {names:?}"
            );
        }
        let history = repo.scan(&[]).only("github-pat")["history"].clone();
        assert_eq!(history["reflog"], true, "{history:#}");
    }
}

/// Takes the padding out of a table, as other writers of the format do.
fn without_padding(table: &[u8]) -> Vec<u8> {
    let footer_start = table.len() - 68;
    let mut packed = table[..24].to_vec();
    let mut at = 24;
    while at < footer_start && table[at] != b'g' {
        let len = usize::from(table[at + 1]) << 16
            | usize::from(table[at + 2]) << 8
            | usize::from(table[at + 3]);
        let end = if at == 24 { len } else { at + len };
        packed.extend(&table[at..end]);
        at = end + table[end..].iter().take_while(|byte| **byte == 0).count();
    }
    let log_start = packed.len() as u64;
    packed.extend(&table[at..footer_start]);
    let mut footer = table[footer_start..footer_start + 64].to_vec();
    packed[5..8].fill(0);
    footer[5..8].fill(0);
    footer[48..56].copy_from_slice(&log_start.to_be_bytes());
    packed.extend(&footer);
    packed.extend(crc32fast::hash(&footer).to_be_bytes());
    packed
}

#[test]
fn tables_without_padding_are_read() {
    let repo = rich(&["--ref-format=reftable"], 2000);
    let before = open(repo.path()).refs();
    for path in tables_of(&repo) {
        let table = std::fs::read(&path).unwrap();
        std::fs::write(&path, without_padding(&table)).unwrap();
    }
    assert_eq!(open(repo.path()).refs(), before);
}

#[test]
fn pipes_and_links_where_files_should_be_are_named() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(80));
    let git_dir = repo.git_dir();
    let pipes = ["refs/heads/pipe", "logs/pipe", "ORIG_HEAD", "MERGE_HEAD"];
    std::fs::remove_file(git_dir.join("index")).unwrap();
    for name in pipes.iter().chain(&["index"]) {
        let made = std::process::Command::new("mkfifo")
            .arg(git_dir.join(name))
            .status();
        assert!(made.unwrap().success());
    }
    std::os::unix::fs::symlink("..", git_dir.join("refs/heads/up")).unwrap();
    std::os::unix::fs::symlink("refs/heads/main", git_dir.join("refs/old")).unwrap();
    let repository = open(repo.path());
    let refs = repository.refs();
    assert_eq!(refs.skipped.len(), pipes.len() + 1, "{:#?}", refs.skipped);
    for skipped in &refs.skipped {
        assert_eq!(skipped.reason, SkipReason::Unsupported, "{skipped:?}");
    }
    let old = refs.get(None, b"refs/old").unwrap();
    assert_eq!(old.symbolic.as_ref().unwrap(), "refs/heads/main");
    assert_eq!(old.target, refs.head().unwrap().target);
    assert_eq!(repository.indexes().1.len(), 1);
    assert!(repository.find_ref(b"refs/heads/pipe").is_err());
}
