//! Few bytes that stand for many: memory and work stay in proportion to what was given, what is left
//! out is named, and the rest is scanned.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::support::{Repo, github_token};

/// Address space that a scan of a few kilobytes may take, in KiB: what is mapped for two threads
/// counts, too.
const MAX_KIB: u32 = 600 << 10;
/// Processor time of a build that is hardly optimised, on a machine that others use.
const MAX_SECONDS: u32 = 120;

/// A line that is dear to look at: every word of it is a keyword.
const DEAR: &str = "password = x api_key = y secret = z token = w sk_live ghp_ xoxb- AKIA\n";

/// A pack that is written by hand.
struct Made {
    bytes: Vec<u8>,
    count: u32,
}

impl Made {
    fn new() -> Self {
        Self {
            bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(),
            count: 0,
        }
    }

    fn entry(&mut self, kind: u8, base: Option<usize>, data: &[u8]) -> usize {
        let at = self.bytes.len();
        let mut size = data.len() >> 4;
        let mut byte = kind << 4 | u8::try_from(data.len() & 15).unwrap();
        while size > 0 {
            self.bytes.push(byte | 0x80);
            byte = u8::try_from(size & 0x7f).unwrap();
            size >>= 7;
        }
        self.bytes.push(byte);
        if let Some(base) = base {
            let mut distance = at - base;
            let mut digits = vec![u8::try_from(distance & 0x7f).unwrap()];
            while distance >> 7 > 0 {
                distance = (distance >> 7) - 1;
                digits.push(0x80 | u8::try_from(distance & 0x7f).unwrap());
            }
            digits.reverse();
            self.bytes.extend(digits);
        }
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(data).unwrap();
        self.bytes.extend(zlib.finish().unwrap());
        self.count += 1;
        at
    }

    fn blob(&mut self, data: &[u8]) -> usize {
        self.entry(3, None, data)
    }

    /// A delta that copies its base of `len` bytes `times` over, and adds `more`.
    fn delta(&mut self, base: usize, len: usize, times: usize, more: &[u8]) -> usize {
        let mut data = Vec::new();
        for mut size in [len, len * times + more.len()] {
            while size > 0x7f {
                data.push(0x80 | u8::try_from(size & 0x7f).unwrap());
                size >>= 7;
            }
            data.push(u8::try_from(size).unwrap());
        }
        for _ in 0..times {
            let mut from = 0;
            while from < len {
                let step = (len - from).min(0x00ff_ffff);
                data.push(0xff);
                data.extend(u32::try_from(from).unwrap().to_le_bytes());
                data.extend(&u32::try_from(step).unwrap().to_le_bytes()[..3]);
                from += step;
            }
        }
        if !more.is_empty() {
            data.push(u8::try_from(more.len()).unwrap());
            data.extend(more);
        }
        self.entry(6, Some(base), &data)
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes[8..12].copy_from_slice(&self.count.to_be_bytes());
        let digest = Sha1::digest(&self.bytes);
        self.bytes.extend(digest);
        self.bytes
    }
}

/// Deltas each of which doubles what it is made from, with `siblings` beside each.
fn doubling(levels: usize, siblings: u8) -> Vec<u8> {
    doubling_of(DEAR.repeat(800).as_bytes(), levels, siblings)
}

/// The same, beginning with `first`.
fn doubling_of(first: &[u8], levels: usize, siblings: u8) -> Vec<u8> {
    let mut pack = Made::new();
    let mut at = pack.blob(first);
    let mut len = first.len();
    for _ in 0..levels {
        for sibling in 0..siblings {
            pack.delta(at, len, 2, &[b'a' + sibling]);
        }
        at = pack.delta(at, len, 2, b"");
        len *= 2;
    }
    pack.finish()
}

/// A repository with a token in a file, and a pack beside.
fn with_pack(pack: &[u8], is_indexed: bool) -> Repo {
    let repo = Repo::new();
    repo.commit_file("plain", format!("k = '{}'\n", github_token(1)));
    let path = repo.git_dir().join("objects/pack/pack-made.pack");
    std::fs::write(&path, pack).unwrap();
    if is_indexed {
        repo.git(&["index-pack", path.to_str().unwrap()]);
    }
    repo
}

/// Scans within limits that the system holds.
fn limited(path: &Path, options: &[&str]) -> Output {
    let script = format!("ulimit -v {MAX_KIB}; ulimit -t {MAX_SECONDS}; exec \"$@\"");
    Command::new("sh")
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_unleak"), "scan"])
        .args(["--no-config", "-f", "json", "--budget", "0.1"])
        .args(options)
        .arg(path)
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

/// What the scan says: incomplete, with objects over the budget named, and the token found.
fn is_bounded(output: &Output, found: usize) -> Value {
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report = report(output);
    let skipped = report["coverage"]["skipped"].as_array().unwrap();
    let is_spent = |entry: &Value| {
        entry["reason"] == "too-large" && entry["detail"].as_str().unwrap().contains("--budget")
    };
    assert!(skipped.iter().any(is_spent), "{skipped:#?}");
    let rule = |finding: &&Value| finding["rule_id"].as_str().unwrap().starts_with("github");
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.iter().filter(rule).count(), found, "{findings:#?}");
    report
}

#[test]
fn deltas_that_double_are_bounded_and_the_rest_is_scanned() {
    let repo = with_pack(&doubling(12, 0), true);
    is_bounded(&limited(repo.path(), &["--threads", "2"]), 1);
}

#[test]
fn siblings_do_not_multiply_what_deltas_take() {
    let repo = with_pack(&doubling(11, 20), true);
    let bytes: Vec<Vec<u8>> = ["1", "2", "4"]
        .map(|threads| {
            let output = limited(repo.path(), &["--threads", threads]);
            is_bounded(&output, 1);
            output.stdout
        })
        .to_vec();
    assert!(
        bytes.iter().all(|other| *other == bytes[0]),
        "threads decide"
    );
}

#[test]
fn packs_without_index_and_bundles_are_bounded() {
    let pack = doubling(17, 0);
    assert!(pack.len() < 4000, "{}", pack.len());
    let repo = with_pack(&pack, false);
    is_bounded(&limited(repo.path(), &["--threads", "2"]), 1);
    let path: PathBuf = repo.path().join("made.bundle");
    let head = format!("# v2 git bundle\n{}1 refs/heads/main\n\n", "0".repeat(39));
    std::fs::write(&path, [head.as_bytes(), &pack].concat()).unwrap();
    is_bounded(&limited(&path, &["--threads", "2"]), 0);
}

#[test]
fn archives_share_one_budget() {
    let repo = Repo::new();
    repo.write("plain", format!("k = '{}'\n", github_token(1)));
    for number in 0..300 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(format!("{number}\n{}", DEAR.repeat(12_000)).as_bytes())
            .unwrap();
        repo.write(format!("{number}.gz"), gzip.finish().unwrap());
    }
    repo.commit("many");
    let one = limited(repo.path(), &["--threads", "1"]);
    assert_eq!(one.status.code(), Some(3), "{one:?}");
    let told = report(&one);
    assert_eq!(told["findings"].as_array().unwrap().len(), 1);
    let two = limited(repo.path(), &["--threads", "2"]);
    assert!(one.stdout == two.stdout, "threads decide");
}

#[test]
fn a_budget_of_zero_lifts_the_limit() {
    // No more than lines without end.
    let repo = with_pack(&doubling_of(&[b'a'; 1 << 20], 7, 0), true);
    let bounded = repo.scan(&["--budget", "0.1"]);
    assert_eq!(bounded.code, 3, "{:#}", bounded.json);
    let lifted = repo.scan(&["--budget", "0"]);
    assert_eq!(lifted.code, 1, "{:#}", lifted.json["coverage"]);
    assert_eq!(lifted.scanned("blob"), 9);
}

/// What people commit: a large table that compresses well, in two versions.
#[test]
fn a_large_file_in_a_small_repository_is_within_the_budget() {
    let repo = Repo::new();
    let line = "12345,a name,password,2020-01-01\n";
    let mut table = line.repeat(700_000);
    repo.commit_file("table.csv", &table);
    table.push_str(&format!("k = \"{}\"\n", github_token(1)));
    repo.commit_file("table.csv", &table);
    repo.git(&["gc", "--quiet"]);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 1, "{:#}", report.json["coverage"]);
    assert_eq!(report.findings().len(), 1);
}

#[test]
fn lines_of_findings_in_a_long_chain_are_read_in_order() {
    let first = vec![b'\n'; 1 << 20];
    let mut pack = Made::new();
    let mut at = pack.blob(&first);
    let mut len = first.len();
    for seed in 0..150 {
        let line = format!("k = \"{}\"\n", github_token(1000 + seed));
        at = pack.delta(at, len, 1, line.as_bytes());
        len += line.len();
    }
    let repo = with_pack(&pack.finish(), true);
    let output = limited(repo.path(), &["--threads", "2"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = report(&output);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 151);
}

/// A zip archive whose directory names one entry `count` times.
fn overlapping(count: u16, content: &[u8]) -> Vec<u8> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(content).unwrap();
    let packed = deflate.finish().unwrap();
    let sizes = [
        crc32fast::hash(content),
        u32::try_from(packed.len()).unwrap(),
        u32::try_from(content.len()).unwrap(),
    ];
    let words = |words: &[u16]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let longs = |longs: &[u32]| {
        longs
            .iter()
            .flat_map(|long| long.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let mut archive = [
        b"PK\x03\x04".to_vec(),
        words(&[20, 0, 8, 0, 0]),
        longs(&sizes),
    ]
    .concat();
    archive.extend([words(&[1, 0]), b"a".to_vec(), packed].concat());
    let start = u32::try_from(archive.len()).unwrap();
    for number in 0..count {
        archive.extend(
            [
                b"PK\x01\x02".to_vec(),
                words(&[20, 20, 0, 8, 0, 0]),
                longs(&sizes),
            ]
            .concat(),
        );
        archive.extend([words(&[5, 0, 0, 0, 0]), longs(&[0, 0])].concat());
        archive.extend(format!("{number:05}").as_bytes());
    }
    let len = u32::try_from(archive.len()).unwrap() - start;
    archive.extend(
        [
            b"PK\x05\x06".to_vec(),
            words(&[0, 0, count, count]),
            longs(&[len, start]),
        ]
        .concat(),
    );
    archive.extend(words(&[0]));
    archive
}

/// A line that a rule finds something in, and that has many keywords.
const COSTLY: &str =
    "password = \"hunter2 is not it\"\napi_key = foo\nAKIA secret sk_live ghp_ xoxb-\n";

/// Scans what one file holds, beside one with a token, in a repository.
fn with_file(name: &str, content: &[u8]) -> Output {
    let repo = Repo::new();
    repo.write("plain", format!("k = '{}'\n", github_token(1)));
    repo.write(name, content);
    repo.commit("hostile");
    let one = limited(repo.path(), &["--threads", "1"]);
    let two = limited(repo.path(), &["--threads", "2"]);
    assert!(one.stdout == two.stdout, "threads decide");
    one
}

#[test]
fn entries_that_share_their_bytes_are_bounded() {
    is_bounded(
        &with_file("a.zip", &overlapping(3000, COSTLY.repeat(5000).as_bytes())),
        1,
    );
}

#[test]
fn members_of_one_archive_are_bounded() {
    let mut archive = Vec::new();
    for number in 0..40 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(format!("{number}\n{}", COSTLY.repeat(60_000)).as_bytes())
            .unwrap();
        archive.extend(gzip.finish().unwrap());
    }
    is_bounded(&with_file("a.gz", &archive), 1);
}

#[test]
fn encoded_stretches_of_one_file_are_bounded() {
    let mut text = String::new();
    for number in 0..500 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(format!("{number}\n{}", COSTLY.repeat(300)).as_bytes())
            .unwrap();
        let word = data_encoding::BASE64.encode(&gzip.finish().unwrap());
        text.push_str(&format!("k{number}: {word}\n"));
    }
    is_bounded(&with_file("a.yaml", text.as_bytes()), 1);
}

/// Every two bytes may begin a stream, and each takes all of the rest.
#[test]
fn beginnings_of_streams_in_a_binary_are_bounded() {
    let mut stored = vec![0u8; 8];
    for _ in 0..200_000 {
        // A stored block of five bytes: the header of the next stream.
        stored.extend([0x78, 0x01, 0, 5, 0, 0xfa, 0xff]);
    }
    let output = with_file("a.bin", &stored);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{output:?}");
    assert_eq!(report(&output)["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn files_that_are_named_are_bounded_one_by_one() {
    let repo = Repo::bare_directory();
    repo.write("a.zip", overlapping(3000, COSTLY.repeat(5000).as_bytes()));
    repo.write("plain", format!("k = '{}'\n", github_token(1)));
    let output = limited(repo.path(), &["--files"]);
    is_bounded(&output, 1);
}

/// What people commit: a log of 50 MB that packs into little, a large bundle of a web site on one line,
/// and an archive of classes.
#[test]
fn ordinary_large_files_are_read_whole() {
    let repo = Repo::new();
    let line =
        "2024-01-01T00:00:00Z INFO user=alice action=login password=*** token=none result=ok\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let log = line.repeat(600_000) + &format!("k = \"{}\"\n", github_token(2));
    gzip.write_all(log.as_bytes()).unwrap();
    repo.write("app.log.gz", gzip.finish().unwrap());
    repo.write("app.log", log);
    let bundle =
        "function a(b,c){return b.password===c.secret?d(e.token):f};var g={api_key:h,i:\"j\"};";
    repo.write("app.min.js", bundle.repeat(60_000));
    repo.commit("ordinary");
    repo.git(&["gc", "--quiet"]);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 1, "{:#}", report.json["coverage"]["skipped"]);
    assert_eq!(report.findings().len(), 1);
}
