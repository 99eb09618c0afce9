//! Every object equals what `git cat-file --batch-all-objects --batch` says, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use unleak::git::repository::{Overrides, Repository};
use unleak::odb::walk::{Base, Object, Visitor, walk};
use unleak::odb::{ObjectKind, ObjectStore, ReadLimits};
use unleak::progress::Progress;
use unleak::rule::template::Random;

use crate::support::Repo;

type Objects = BTreeMap<String, (String, Vec<u8>)>;

/// Keeps a copy of every object, and checks what it is told about runs.
struct Keeper<'a> {
    store: &'a ObjectStore,
    kept: &'a Mutex<Objects>,
}

impl Visitor for Keeper<'_> {
    type State = Vec<u8>;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Vec<u8>>>, state: &mut Vec<u8>) {
        state.clear();
        state.extend_from_slice(object.bytes);
        if let Some(base) = base {
            assert_eq!(
                base.len,
                base.state.len(),
                "the base is the object that was visited"
            );
            for run in base.runs {
                let copied = &base.state[run.src..run.src_end()];
                assert_eq!(
                    &object.bytes[run.dst..run.dst_end()],
                    copied,
                    "a run is the same on both sides"
                );
            }
            assert!(
                base.runs
                    .windows(2)
                    .all(|pair| pair[0].dst_end() <= pair[1].dst),
                "runs are sorted"
            );
        }
        if !object.is_duplicate {
            let id = self.store.id(object.node).to_string();
            let value = (object.kind.name().to_owned(), object.bytes.to_vec());
            let before = self.kept.lock().unwrap().insert(id.clone(), value);
            assert!(before.is_none(), "object {id} is visited once");
        }
    }
}

fn ours(path: &Path) -> Objects {
    let repo = Repository::discover(path, &Overrides::default()).unwrap();
    let store = repo
        .open_store(&Overrides::default(), ReadLimits::default())
        .unwrap();
    let kept = Mutex::default();
    let walked = walk(&store, &ObjectKind::ALL, &Progress::default(), &|| Keeper {
        store: &store,
        kept: &kept,
    });
    assert_eq!(walked.skipped, [], "everything is readable");
    kept.into_inner().unwrap()
}

fn gits(repo: &Repo) -> Objects {
    let bytes = repo.git_with_input(
        &["cat-file", "--batch-all-objects", "--batch", "--unordered"],
        b"",
    );
    let mut objects = Objects::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let newline = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .expect("a header line");
        let header = std::str::from_utf8(&rest[..newline]).unwrap();
        let fields: Vec<&str> = header.split(' ').collect();
        let size: usize = fields[2].parse().unwrap();
        let body = &rest[newline + 1..newline + 1 + size];
        objects.insert(fields[0].to_owned(), (fields[1].to_owned(), body.to_vec()));
        rest = &rest[newline + size + 2..];
    }
    objects
}

fn assert_same(repo: &Repo) {
    let (ours, gits) = (ours(repo.path()), gits(repo));
    assert!(gits.len() > 3, "there is something to compare");
    assert!(
        ours == gits,
        "{} objects of ours, {} of git's",
        ours.len(),
        gits.len()
    );
}

/// Some history with files that make good deltas, a tag and a directory.
fn fill(repo: &Repo, seed: u64) {
    let mut random = Random::new(seed);
    let mut lines: Vec<String> = (0..300)
        .map(|n| format!("line {n} {:x}", random.bits()))
        .collect();
    for round in 0..12 {
        for _ in 0..4 {
            let at = random.below(lines.len());
            lines[at] = format!("changed {round} {:x}", random.bits());
        }
        repo.write("big.txt", lines.join("\n"));
        repo.write(
            format!("dir/sub/file{}.txt", round % 5),
            format!("{:x}\n", random.bits()),
        );
        repo.commit(&format!("round {round}"));
    }
    repo.git(&[
        "tag",
        "--annotate",
        "--message",
        "a tag",
        &format!("v{seed}"),
    ]);
    repo.write("empty", "");
    repo.commit("an empty file");
}

#[test]
fn reads_loose_objects() {
    let repo = Repo::new();
    fill(&repo, 1);
    assert_same(&repo);
}

#[test]
fn reads_one_pack_with_offset_deltas() {
    let repo = Repo::new();
    fill(&repo, 2);
    repo.git(&["repack", "-adfq", "--depth=50"]);
    assert_same(&repo);
}

#[test]
fn reads_reference_deltas() {
    let repo = Repo::new();
    fill(&repo, 3);
    repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]);
    assert_same(&repo);
}

#[test]
fn reads_several_packs_that_share_objects() {
    let repo = Repo::new();
    fill(&repo, 4);
    repo.git(&["repack", "-adfq"]);
    let all = repo.git(&["rev-list", "--objects", "--all"]);
    let ids: String = all
        .lines()
        .take(20)
        .map(|line| format!("{}\n", &line[..40]))
        .collect();
    repo.git_with_input(
        &["pack-objects", "-q", ".git/objects/pack/pack"],
        ids.as_bytes(),
    );
    fill(&repo, 5);
    assert_same(&repo);
}

#[test]
fn reads_unreachable_objects() {
    let repo = Repo::new();
    fill(&repo, 6);
    repo.git_with_input(&["hash-object", "-w", "--stdin"], b"nobody names me\n");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~3"]);
    assert_same(&repo);
}

#[test]
fn reads_alternates_of_alternates() {
    let first = Repo::new();
    fill(&first, 7);
    let second = first.cloned(&["--shared"]);
    second.commit_file("second.txt", "only here\n");
    let third = second.cloned(&["--shared"]);
    third.commit_file("third.txt", "and only here\n");
    assert_same(&third);
}

#[test]
fn reads_sha256_repositories() {
    for packed in [false, true] {
        let repo = Repo::init(&["--object-format=sha256"]);
        fill(&repo, 8);
        if packed {
            repo.git(&["repack", "-adfq"]);
        }
        assert_same(&repo);
    }
}

#[test]
fn finds_the_repository_from_everywhere() {
    let repo = Repo::new();
    fill(&repo, 9);
    let all = ours(repo.path());
    repo.git(&["worktree", "add", "--quiet", "linked"]);
    for inside in ["dir/sub", ".git", "linked"] {
        assert!(ours(&repo.path().join(inside)) == all, "from {inside}");
    }
    let bare = repo.cloned(&["--bare"]);
    assert_same(&bare);
    let separate = Repo::bare_directory();
    let git_dir = separate.path().join("elsewhere").display().to_string();
    std::fs::create_dir(separate.path().join("tree")).unwrap();
    separate.git(&["init", "--quiet", "--separate-git-dir", &git_dir, "tree"]);
    std::fs::write(separate.path().join("tree/file"), "x").unwrap();
    separate.git(&["-C", "tree", "add", "file"]);
    assert_eq!(ours(&separate.path().join("tree")).len(), 1);
}

#[test]
fn one_thread_and_many_see_the_same() {
    let repo = Repo::new();
    fill(&repo, 10);
    repo.git(&["repack", "-adfq", "--depth=4000", "--window=50"]);
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let path = repo.path();
    assert!(
        pool(1).install(|| ours(path)) == pool(7).install(|| ours(path)),
        "the same objects"
    );
}
