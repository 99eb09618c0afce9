//! Bundles, and packs without an index: every object that is there is read, the others are named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use unleak::odb::bundle::{self, Bundle};
use unleak::odb::read::Reader;
use unleak::odb::walk::{Object, Visitor, walk};
use unleak::odb::{ObjectKind, ObjectStore, ReadLimits, SkipReason};
use unleak::progress::Progress;
use unleak::rule::template::Random;

use crate::support::{Repo, github_token};

/// A history whose large file changes a little every time: a pack of it is made of deltas.
fn grown(options: &[&str]) -> Repo {
    let repo = Repo::init(options);
    let mut random = Random::new(5);
    let mut lines: Vec<String> = (0..600).map(|_| format!("{:x}", random.bits())).collect();
    for round in 0..12 {
        let at = random.below(lines.len());
        lines[at] = format!("round {round} {:x}", random.bits());
        repo.write("large", lines.join("\n"));
        repo.write(format!("d/{round}"), format!("{round}\n"));
        repo.commit(&format!("round {round}"));
    }
    repo.git(&["tag", "--annotate", "--message", "a tag", "v1"]);
    repo
}

fn created(repo: &Repo, args: &[&str]) -> PathBuf {
    let path = repo.path().join("../").join(format!(
        "{}.bundle",
        repo.path().file_name().unwrap().to_string_lossy()
    ));
    let mut all = vec!["bundle", "create", "--quiet"];
    let text = path.to_string_lossy().into_owned();
    let (options, revisions): (Vec<&str>, Vec<&str>) = args
        .iter()
        .partition(|arg| arg.starts_with("--version") || arg.starts_with("--filter"));
    let (versions, filters): (Vec<&str>, Vec<&str>) =
        options.iter().partition(|arg| arg.starts_with("--version"));
    all.extend(versions);
    all.push(&text);
    all.extend(filters);
    all.extend(revisions);
    repo.git(&all);
    path
}

fn opened(path: &Path) -> Bundle {
    let bundle = bundle::open(path, ReadLimits::default()).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(bundle.skipped, []);
    bundle
}

/// Ids of all objects that are read, each checked against its bytes in `repo`.
fn read_all(store: &ObjectStore, repo: &Repo) -> BTreeSet<String> {
    let mut reader = Reader::new(store);
    let (mut bytes, mut found) = (Vec::new(), BTreeSet::new());
    for node in store.nodes() {
        let kind = reader.read(node, &mut bytes).unwrap();
        let id = store.id(node).to_string();
        assert_eq!(
            bytes,
            repo.git_with_input(&["cat-file", kind.name(), &id], b""),
            "{id}"
        );
        found.insert(id);
    }
    found
}

/// Counts what a walk visits.
#[derive(Default)]
struct Count(usize);

impl Visitor for Count {
    type State = ();

    fn visit(&mut self, _: &Object<'_>, _: Option<unleak::odb::walk::Base<'_, ()>>, (): &mut ()) {
        self.0 += 1;
    }
}

fn walked(store: &ObjectStore) -> usize {
    let walked = walk(
        store,
        &ObjectKind::ALL,
        &Progress::default(),
        &Count::default,
    );
    assert_eq!(walked.skipped, []);
    walked.visitors.iter().map(|count| count.0).sum()
}

#[test]
fn a_whole_bundle_is_read_like_a_repository() {
    for hash in ["sha1", "sha256"] {
        for version in ["--version=2", "--version=3"] {
            if (hash, version) == ("sha256", "--version=2") {
                continue;
            }
            let repo = grown(&[&format!("--object-format={hash}")]);
            let path = created(&repo, &[version, "--all"]);
            let heads = repo.git(&["bundle", "list-heads", path.to_str().unwrap()]);
            let bundle = opened(&path);
            assert_eq!(bundle.store.skipped(), []);
            let all = repo.git(&[
                "cat-file",
                "--batch-all-objects",
                "--batch-check=%(objectname)",
            ]);
            let all: BTreeSet<String> = all.lines().map(str::to_owned).collect();
            assert_eq!(read_all(&bundle.store, &repo), all);
            assert_eq!(walked(&bundle.store), all.len());
            let refs: Vec<String> = bundle
                .refs
                .iter()
                .map(|(name, id)| format!("{id} {name}"))
                .collect();
            assert_eq!(refs.join("\n"), heads);
            assert_eq!((bundle.prerequisites.len(), bundle.filter), (0, None));
        }
    }
}

#[test]
fn deltas_on_what_only_the_receiver_has_are_named() {
    let repo = grown(&[]);
    let path = created(&repo, &["main~4..main"]);
    let bundle = opened(&path);
    let parent = repo.git(&["rev-parse", "main~4"]);
    let prerequisites: Vec<String> = bundle
        .prerequisites
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(prerequisites, [parent.as_str()]);
    let listed = repo.git(&["rev-list", "--objects", "main~4..main"]);
    let wanted: BTreeSet<&str> = listed
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let missing = bundle.store.skipped();
    assert!(!missing.is_empty(), "the bundle is thin");
    for skipped in missing {
        assert_eq!(skipped.reason, SkipReason::Missing, "{skipped:?}");
        assert!(skipped.detail.contains("delta base"), "{skipped:?}");
    }
    let read = read_all(&bundle.store, &repo);
    assert_eq!(read.len() + missing.len(), wanted.len());
    assert!(read.iter().all(|id| wanted.contains(id.as_str())));
    assert_eq!(walked(&bundle.store), read.len());
    for commit in ["main", "main~3"] {
        assert!(read.contains(&repo.git(&["rev-parse", commit])), "{commit}");
    }
}

#[test]
fn a_filtered_bundle_is_partial() {
    let repo = grown(&[]);
    let path = created(&repo, &["--version=3", "--filter=blob:none", "--all"]);
    let bundle = opened(&path);
    assert_eq!(bundle.filter.as_ref().unwrap(), "blob:none");
    assert!(bundle.store.packs()[0].promisor);
    assert_eq!(bundle.store.skipped(), []);
    let listed = repo.git(&["rev-list", "--objects", "--filter=blob:none", "--all"]);
    assert_eq!(read_all(&bundle.store, &repo).len(), listed.lines().count());
}

#[test]
fn a_damaged_bundle_is_an_error_or_named_never_a_panic() {
    let repo = grown(&[]);
    let path = created(&repo, &["--all"]);
    let bytes = std::fs::read(&path).unwrap();
    let whole = bundle::open(&path, ReadLimits::default()).unwrap();
    let count = whole.store.object_count();
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut damaged = bytes.clone();
        if seed % 3 == 0 {
            damaged.truncate(random.below(bytes.len()));
        } else {
            damaged[random.below(bytes.len())] ^= 1 << random.below(8);
        }
        std::fs::write(&path, &damaged).unwrap();
        let Ok(bundle) = bundle::open(&path, ReadLimits::default()) else {
            continue;
        };
        let told = bundle.skipped.len() + bundle.store.skipped().len();
        let differs = bundle.refs != whole.refs;
        assert!(told > 0 || differs, "seed {seed}: damage is reported");
        assert!(bundle.store.object_count() <= count);
        let mut reader = Reader::new(&bundle.store);
        for node in bundle.store.nodes() {
            reader.read(node, &mut Vec::new()).unwrap();
        }
    }
    for text in [
        "",
        "# v2 git bundle\n",
        "# v9 git bundle\n\n",
        "# v3 git bundle\n@object-format=md5\n\n",
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(
            bundle::open(&path, ReadLimits::default()).is_err(),
            "{text:?}"
        );
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_pack_without_an_index_is_read() {
    for delta_base in ["true", "false"] {
        let repo = grown(&[]);
        repo.write("secret", github_token(60));
        repo.commit("secret");
        repo.git(&["config", "repack.useDeltaBaseOffset", delta_base]);
        repo.git(&["repack", "-adfq", "--depth=50"]);
        let with_index = repo.scan(&[]);
        for entry in std::fs::read_dir(repo.git_dir().join("objects/pack")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ext| ext != "pack") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let report = repo.scan(&[]);
        assert_eq!(report.code, 1, "{:#}", report.json["coverage"]);
        assert_eq!(report.findings(), with_index.findings());
        for kind in ["blob", "tree", "commit", "tag"] {
            assert_eq!(report.scanned(kind), with_index.scanned(kind), "{kind}");
        }
    }
}

#[test]
fn objects_over_the_limit_are_named() {
    let repo = grown(&[]);
    let path = created(&repo, &["--all"]);
    let limits = ReadLimits {
        max_object_bytes: 5000,
        ..ReadLimits::default()
    };
    let bundle = bundle::open(&path, limits).unwrap();
    std::fs::remove_file(&path).unwrap();
    let skipped = bundle.store.skipped();
    assert!(
        skipped
            .iter()
            .all(|skipped| skipped.reason == SkipReason::TooLarge),
        "{skipped:?}"
    );
    let all = repo.git(&[
        "cat-file",
        "--batch-all-objects",
        "--batch-check=%(objectsize)",
    ]);
    let small = all
        .lines()
        .filter(|size| size.parse::<u64>().unwrap() <= 5000);
    assert_eq!(bundle.store.object_count(), small.count());
    assert_eq!(walked(&bundle.store), bundle.store.object_count());
}
