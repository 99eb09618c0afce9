//! One function for each kind of untrusted input. None may panic, hang, or use much more memory than
//! its input. The fuzzer and a test call them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use gix::hash::Kind as HashKind;
use tempfile::TempDir;
use unleak::config::Config;
use unleak::detect::{Detector, Hits, Scratch, known};
use unleak::finding::{Fingerprint, Parts, Signature};
use unleak::git::index::Index;
use unleak::git::lfs::Pointer;
use unleak::git::repository::{Overrides, Repository};
use unleak::history::commits::CommitCollector;
use unleak::history::read_trees;
use unleak::hook::input;
use unleak::memory::file as ledger_file;
use unleak::odb::map::Map;
use unleak::odb::{ObjectKind, ObjectStore, ReadLimits, bundle, delta};
use unleak::progress::Progress;
use unleak::purge::find::values::{Needles, Reach, Target};
use unleak::purge::share::manifest::Manifest;
use unleak::report::paint::Paint;
use unleak::report::{Document, ReportFormat, ShownFindings};
use unleak::rule::{self, foreign};
use unleak::scan::{Delta, InlineAllow, ScanOptions, objects};
use unleak::secret::Secret;
use unleak::unpack;
use unleak::values;

/// A directory for files, in memory where there is such a place.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a temporary directory")
}

fn limits() -> ReadLimits {
    ReadLimits {
        max_object_bytes: 1 << 20,
        max_held_bytes: 1 << 20,
        ..ReadLimits::default()
    }
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| {
        let limits = unpack::Limits {
            max_member_bytes: 1 << 20,
            max_total_bytes: 4 << 20,
            ..unpack::Limits::default()
        };
        let rules = rule::builtin().expect("they parse");
        Detector::compile(rules)
            .expect("they compile")
            .with_limits(limits)
    })
}

/// Reads every object of the store at `dir`, with its trees.
fn walk(dir: &Path, hash: HashKind) {
    let Ok(store) = ObjectStore::open(dir, &[], hash, limits()) else {
        return;
    };
    walk_store(&store);
}

fn walk_store(store: &ObjectStore) {
    let options = ScanOptions {
        delta: Delta::Aware,
        inline_allow: InlineAllow::Honoured,
    };
    let (progress, hash) = (Progress::default(), store.hash());
    objects::scan(store, detector(), options, &progress, &|| {
        CommitCollector::new(hash)
    });
    let none = Default::default();
    read_trees(
        store,
        &none,
        &Default::default(),
        &|name| name.len() == 7,
        &progress,
    );
}

/// A pack without an index: entries, deltas and what they hold.
pub fn pack(data: &[u8]) {
    let dir = scratch();
    let packs = dir.path().join("pack");
    std::fs::create_dir(&packs).expect("it can be made");
    std::fs::write(packs.join("pack-fuzz.pack"), data).expect("it can be written");
    walk(dir.path(), HashKind::Sha1);
}

/// The index of a pack; the first half of the bytes is the pack.
pub fn index(data: &[u8]) {
    let dir = scratch();
    let packs = dir.path().join("pack");
    std::fs::create_dir(&packs).expect("it can be made");
    let (pack, index) = data.split_at(data.len() / 2);
    std::fs::write(packs.join("pack-fuzz.pack"), pack).expect("it can be written");
    std::fs::write(packs.join("pack-fuzz.idx"), index).expect("it can be written");
    walk(dir.path(), HashKind::Sha1);
}

/// An index of a worktree.
pub fn git_index(data: &[u8]) {
    let dir = scratch();
    let path = dir.path().join("index");
    std::fs::write(&path, data).expect("it can be written");
    let Ok(mut index) = Index::open(&path, HashKind::Sha1) else {
        return;
    };
    let _ = index.cache_tree();
    while let Ok(Some(_)) = index.next_entry() {}
}

/// A delta; the first byte says how much of the rest is its base.
pub fn delta(data: &[u8]) {
    let Some((&share, rest)) = data.split_first() else {
        return;
    };
    let (base, delta) = rest.split_at(rest.len() * usize::from(share) / 256);
    let (mut out, mut runs) = (Vec::new(), Vec::new());
    let _ = delta::sizes(delta);
    if delta::apply(delta, base, 1 << 20, &mut out, &mut runs).is_ok() {
        // A run is what it says: scanning by runs and scanning whole agree.
        for run in &runs {
            assert_eq!(out[run.dst..run.dst_end()], base[run.src..run.src_end()]);
        }
        let (mut scratch, detector) = (Scratch::default(), detector());
        let (mut of_base, mut by_runs, mut whole) = Default::default();
        detector.scan(base, &mut scratch, &mut of_base);
        detector.scan_delta(
            &out,
            (&of_base, base.len()),
            &runs,
            &mut scratch,
            &mut by_runs,
        );
        detector.scan(&out, &mut scratch, &mut whole);
        assert_eq!(detector.describe(&by_runs), detector.describe(&whole));
    }
}

/// Loose objects cannot be wrong about their id: they are written with the right one.
fn loose(kind: ObjectKind, data: &[u8]) {
    let dir = scratch();
    let gix_kind = if kind == ObjectKind::Tree {
        gix::objs::Kind::Tree
    } else {
        gix::objs::Kind::Commit
    };
    let Ok(id) = gix::objs::compute_hash(HashKind::Sha1, gix_kind, data) else {
        return;
    };
    let hex = id.to_hex().to_string();
    let fan = dir.path().join(&hex[..2]);
    std::fs::create_dir(&fan).expect("it can be made");
    let header = format!("{} {}\0", kind.name(), data.len());
    let bytes = stored(&[header.as_bytes(), data].concat());
    std::fs::write(fan.join(&hex[2..]), bytes).expect("it can be written");
    walk(dir.path(), HashKind::Sha1);
}

/// A zlib stream that only stores (RFC 1950, RFC 1951).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).expect("blocks are that short");
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// A tree.
pub fn tree(data: &[u8]) {
    loose(ObjectKind::Tree, data);
}

/// A commit, also as what else its text could be.
pub fn commit(data: &[u8]) {
    loose(ObjectKind::Commit, data);
    let _ = Signature::of_author(data, HashKind::Sha1);
    let _ = Parts::of(data).at(data.len() / 2);
    let _ = Pointer::read(data);
}

/// A repository with such a configuration.
pub fn config(data: &[u8]) {
    repository(&[("config", data), ("HEAD", b"ref: refs/heads/main\n")]);
}

/// A repository with such refs: packed ones, a reflog, and a reftable.
pub fn refs(data: &[u8]) {
    repository(&[
        ("config", b""),
        ("HEAD", data),
        ("packed-refs", data),
        ("logs/HEAD", data),
    ]);
    let config = b"[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = reftable\n";
    let head = b"ref: refs/heads/.invalid\n";
    let tables = (
        "reftable/tables.list",
        &b"0x000000000001-0x000000000001-00000000.ref\n"[..],
    );
    let table = ("reftable/0x000000000001-0x000000000001-00000000.ref", data);
    repository(&[("config", config), ("HEAD", head), tables, table]);
}

fn repository(files: &[(&str, &[u8])]) {
    let dir = scratch();
    for name in ["objects", "refs", "logs", "reftable"] {
        std::fs::create_dir(dir.path().join(name)).expect("it can be made");
    }
    for (name, data) in files {
        std::fs::write(dir.path().join(name), data).expect("it can be written");
    }
    let Ok(repository) = Repository::discover(dir.path(), &Overrides::default()) else {
        return;
    };
    let _ = repository.refs();
    let _ = repository.shallow_boundary();
}

/// A bundle.
pub fn bundle(data: &[u8]) {
    let dir = scratch();
    let path = dir.path().join("a.bundle");
    std::fs::write(&path, data).expect("it can be written");
    if let Ok(bundle) = bundle::open(&path, limits()) {
        walk_store(&bundle.store);
    }
}

/// A rule file; rules that are taken are used.
pub fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(rules) = rule::parse(text, "fuzz") else {
        return;
    };
    if let Ok(detector) = Detector::compile(rules) {
        detector.scan(data, &mut Scratch::default(), &mut Hits::default());
    }
}

/// A saved report: what can be read is written in every format.
pub fn report(data: &[u8]) {
    let Ok(document) = Document::parse(data, "fuzz") else {
        return;
    };
    for format in [
        ReportFormat::Human(ShownFindings::All),
        ReportFormat::Brief(ShownFindings::All),
        ReportFormat::Json,
        ReportFormat::JsonLines,
        ReportFormat::GitHub,
        ReportFormat::GitLab,
        ReportFormat::Sarif,
        ReportFormat::Csv,
        ReportFormat::Markdown,
        ReportFormat::JUnit,
        ReportFormat::Html,
    ] {
        let _ = document.render(format, Paint::Off);
    }
}

/// A configuration file.
pub fn settings(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Config::parse(text, "fuzz", Path::new("/"));
    }
}

/// What earlier scans learned. The checksum is made right: else nothing behind it would be read.
pub fn ledger(data: &[u8]) {
    let mut bytes = data.to_vec();
    if let Some((head, rest)) = bytes.split_at_mut_checked(ledger_file::SUMMED) {
        let sum = crc32fast::hash(rest).to_le_bytes();
        head[ledger_file::SUMMED - 4..].copy_from_slice(&sum);
    }
    if let Some(ledger) = Map::of(&bytes).ok().and_then(ledger_file::parse) {
        let written = ledger_file::write(&ledger);
        assert!(
            Map::of(&written)
                .ok()
                .and_then(ledger_file::parse)
                .is_some()
        );
    }
}

/// A manifest of a purge, the plan that other clones follow.
pub fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(data, "fuzz") {
        let _ = (manifest.pairs(), manifest.expected(), manifest.old_ids());
        let _ = manifest.value_count();
    }
}

/// A list of values, as `--known` and a purge take them, and a rule file of another scanner.
pub fn lists(data: &[u8]) {
    let _ = values::parse(data, "fuzz");
    if let Ok(text) = std::str::from_utf8(data)
        && foreign::is_foreign(text)
    {
        let _ = foreign::parse(text, "fuzz");
    }
}

/// What git hands to hooks.
pub fn hook_input(data: &[u8]) {
    let _ = (input::pre_push(data), input::pre_receive(data));
    let _ = input::message(data);
    let mut parts = data.splitn(3, |&byte| byte == b' ');
    if let (Some(name), Some(old), Some(new)) = (parts.next(), parts.next(), parts.next()) {
        let _ = input::update_arguments(name, old, new);
    }
}

/// A value that a password is judged by, in some syntaxes.
pub fn score(data: &[u8]) {
    for (before, after) in [
        ("password = \"", "\"\n"),
        ("x_token: ", "\n"),
        ("secret='", "'"),
    ] {
        decode(&[before.as_bytes(), data, after.as_bytes()].concat());
    }
}

/// What a purge makes of a text that holds a value; the first line is the value.
pub fn patch(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n');
    let (value, text) = data.split_at(end.unwrap_or(data.len()));
    let secret = Arc::new(Secret::new(value));
    let target = Target {
        fingerprint: Fingerprint::new(b"", known::RULE_ID, &secret),
        secret,
        rule_id: known::RULE_ID.to_owned(),
        reach: Reach::Everywhere,
        mark: None,
        is_named: true,
        is_partial: false,
    };
    let Ok(needles) = Needles::new(vec![target], detector().rules()) else {
        return;
    };
    let (edits, _) = needles.find(text);
    if let Ok(redacted) =
        unleak::purge::make::patch::redact_text(text, &edits, &needles, b"REDACTED")
    {
        assert!(needles.find(&redacted).0.is_empty(), "it is gone");
    }
}

/// A text, with what is encoded in it.
pub fn decode(data: &[u8]) {
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    detector().scan(data, &mut scratch, &mut hits);
    for found in detector().matches(data, &hits) {
        assert!(found.secret_span.end <= data.len());
    }
}

/// An archive or a compressed stream.
pub fn archive(data: &[u8]) {
    let limits = unpack::Limits {
        max_member_bytes: 1 << 20,
        max_total_bytes: 4 << 20,
        ..unpack::Limits::default()
    };
    unpack::unpack(data, &limits, &mut |_| ());
}
