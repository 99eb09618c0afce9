//! Damage of every kind: the rest is scanned, the report says what was not, and nothing panics.

use std::fs;
use std::path::PathBuf;

use unleak::rule::template::Random;

use crate::support::{Repo, Report, github_token};

/// A packed history with several secrets, one in a delta, one in a commit message.
fn packed() -> Repo {
    let repo = Repo::new();
    let mut random = Random::new(5);
    let mut lines: Vec<String> = (0..200)
        .map(|n| format!("line {n} {:x}", random.bits()))
        .collect();
    for round in 0..10 {
        let at = random.below(lines.len());
        lines[at] = format!("token {}", github_token(round));
        repo.write("big.txt", lines.join("\n"));
        repo.write(format!("small{round}"), format!("{:x}", random.bits()));
        repo.commit(&format!("round {round} {}", github_token(100 + round)));
    }
    repo.git(&["repack", "-adfq", "--depth=50"]);
    repo
}

fn pack_file(repo: &Repo, extension: &str) -> PathBuf {
    let entries = fs::read_dir(repo.git_dir().join("objects/pack")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|ext| ext == extension))
        .expect("the pack is there")
}

fn overwrite(path: &PathBuf, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn fingerprints(report: &Report) -> Vec<String> {
    let of = |finding: &serde_json::Value| {
        finding["fingerprint"]
            .as_str()
            .expect("a string")
            .to_owned()
    };
    let mut all: Vec<String> = report.findings().iter().map(of).collect();
    all.sort_unstable();
    all
}

#[test]
fn flipped_bytes_are_named_or_harmless() {
    let repo = packed();
    let clean = repo.scan(&[]);
    assert_eq!(clean.code, 1);
    assert_eq!(clean.findings().len(), 20);
    let expected = fingerprints(&clean);
    let mut random = Random::new(17);
    let mut noticed = 0;
    for (extension, rounds) in [("pack", 250), ("idx", 130)] {
        let path = pack_file(&repo, extension);
        let whole = fs::read(&path).unwrap();
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            overwrite(&path, &bytes);
            let report = repo.scan(&[]);
            match report.code {
                1 => assert_eq!(fingerprints(&report), expected, "{extension}, byte {at}"),
                3 => {
                    noticed += 1;
                    assert!(
                        !report.skipped().is_empty(),
                        "{extension}, byte {at}: it is named"
                    );
                }
                code => panic!("{extension}, byte {at}: exit {code}"),
            }
        }
        overwrite(&path, &whole);
    }
    assert!(noticed > 200, "most flips matter, {noticed} were noticed");
    assert_eq!(fingerprints(&repo.scan(&[])), expected);
}

#[test]
fn flipped_bytes_of_loose_objects_are_named() {
    let repo = Repo::new();
    for round in 0..6 {
        repo.commit_file("file", format!("token {}\n", github_token(200 + round)));
    }
    let expected = fingerprints(&repo.scan(&[]));
    let listed = repo.git(&[
        "cat-file",
        "--batch-check=%(objectname)",
        "--batch-all-objects",
    ]);
    let ids: Vec<&str> = listed.lines().collect();
    let mut random = Random::new(23);
    for _ in 0..120 {
        let id = *random.pick(&ids);
        let path = repo.git_dir().join("objects").join(&id[..2]).join(&id[2..]);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        overwrite(&path, &bytes);
        let report = repo.scan(&[]);
        overwrite(&path, &whole);
        if report.code == 1 {
            assert_eq!(fingerprints(&report), expected, "{id}, byte {at}");
            continue;
        }
        assert_eq!(report.code, 3, "{id}, byte {at}");
        let is_named = |skipped: &serde_json::Value| skipped["object"] == id;
        assert!(report.skipped().iter().any(is_named), "{id}, byte {at}");
    }
}

#[test]
fn a_truncated_pack_is_read_as_far_as_it_goes() {
    let repo = packed();
    let path = pack_file(&repo, "pack");
    let whole = fs::read(&path).unwrap();
    for kept in [
        whole.len() - 1,
        whole.len() - 21,
        whole.len() / 2,
        200,
        12,
        3,
        0,
    ] {
        overwrite(&path, &whole[..kept]);
        let report = repo.scan(&[]);
        assert_eq!(report.code, 3, "{kept} bytes are left");
        let detail = report.skipped()[0]["detail"].to_string();
        assert!(
            detail.contains("objects/pack/"),
            "the file is named: {detail}"
        );
        if kept == whole.len() / 2 {
            assert!(report.scanned("commit") > 0, "the first half is scanned");
        }
    }
}

#[test]
fn a_damaged_entry_is_named_with_its_offset_and_the_rest_is_found() {
    let repo = packed();
    let listing = repo.git(&[
        "verify-pack",
        "-v",
        pack_file(&repo, "idx").to_str().unwrap(),
    ]);
    let last_commit = repo.git(&["rev-parse", "HEAD"]);
    let line = listing
        .lines()
        .find(|line| line.starts_with(&last_commit))
        .expect("it is listed");
    let offset: usize = line.split_whitespace().nth(4).unwrap().parse().unwrap();
    let path = pack_file(&repo, "pack");
    let mut bytes = fs::read(&path).unwrap();
    bytes[offset + 20] ^= 0x55;
    overwrite(&path, &bytes);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    let named = report.skipped().iter().any(|skipped| {
        skipped["object"] == last_commit.as_str()
            && skipped["detail"]
                .to_string()
                .contains(&format!("offset {offset}"))
    });
    assert!(named, "{:#}", report.json["coverage"]);
    assert!(
        report.findings().len() >= 19,
        "all but its own secret are found"
    );
}

#[test]
fn a_second_copy_stands_in_for_a_damaged_one() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    let blob = repo.git(&["rev-parse", "HEAD:secret"]);
    repo.git(&["repack", "-adfq"]);
    let path = repo
        .git_dir()
        .join("objects")
        .join(&blob[..2])
        .join(&blob[2..]);
    let loose = repo.git_with_input(&["cat-file", "blob", &blob], b"");
    // A loose copy of a packed object: git writes one only into a store without the pack.
    let other = Repo::new();
    other.git_with_input(&["hash-object", "-w", "--stdin"], &loose);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(
        other
            .git_dir()
            .join("objects")
            .join(&blob[..2])
            .join(&blob[2..]),
        &path,
    )
    .unwrap();
    assert_eq!(repo.scan(&[]).code, 1);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"garbage").unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.findings().len(), 1, "the packed copy is whole");
    assert_eq!(
        report.code, 1,
        "nothing was left unread: {:#}",
        report.json["coverage"]
    );
}

#[test]
fn broken_loose_objects_are_named() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    repo.commit_file("other", "plain\n");
    let blob = repo.git(&["rev-parse", "HEAD:other"]);
    let path = repo
        .git_dir()
        .join("objects")
        .join(&blob[..2])
        .join(&blob[2..]);
    let whole = fs::read(&path).unwrap();
    let swapped = repo.git(&["rev-parse", "HEAD:secret"]);
    let foreign = fs::read(
        repo.git_dir()
            .join("objects")
            .join(&swapped[..2])
            .join(&swapped[2..]),
    )
    .unwrap();
    for bytes in [&whole[..whole.len() / 2], b"", b"not zlib at all", &foreign] {
        overwrite(&path, bytes);
        let report = repo.scan(&[]);
        assert_eq!(report.code, 3);
        assert_eq!(report.findings().len(), 1, "the rest is scanned");
        let named = report
            .skipped()
            .iter()
            .any(|skipped| skipped["object"] == blob.as_str());
        assert!(named, "{:#}", report.json["coverage"]);
    }
}

/// A pack of our own making, with its index made by hand so that git's checks do not get in the way.
mod forged {
    use super::{Repo, fs};
    use sha1::{Digest, Sha1};

    pub(super) struct Entry {
        pub(super) id: [u8; 20],
        pub(super) bytes: Vec<u8>,
    }

    pub(super) fn stored(data: &[u8]) -> Vec<u8> {
        // zlib with one stored block; Adler-32 as in RFC 1950.
        let (mut a, mut b) = (1u32, 0u32);
        for &byte in data {
            a = (a + u32::from(byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        let len = u16::try_from(data.len()).unwrap();
        let mut out = vec![0x78, 0x01, 1];
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend_from_slice(data);
        out.extend((b << 16 | a).to_be_bytes());
        out
    }

    pub(super) fn install(repo: &Repo, mut entries: Vec<Entry>) {
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        let mut rows = Vec::new();
        for entry in &entries {
            rows.push((
                entry.id,
                u32::try_from(pack.len()).unwrap(),
                crc32fast::hash(&entry.bytes),
            ));
            pack.extend_from_slice(&entry.bytes);
        }
        let sum = Sha1::digest(&pack);
        pack.extend_from_slice(&sum);
        rows.sort_unstable();
        entries.sort_unstable_by_key(|entry| entry.id);
        let mut index = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255u8 {
            let count = rows.iter().filter(|row| row.0[0] <= first).count();
            index.extend(u32::try_from(count).unwrap().to_be_bytes());
        }
        rows.iter().for_each(|row| index.extend(row.0));
        rows.iter()
            .for_each(|row| index.extend(row.2.to_be_bytes()));
        rows.iter()
            .for_each(|row| index.extend(row.1.to_be_bytes()));
        index.extend_from_slice(&sum);
        let own = Sha1::digest(&index);
        index.extend_from_slice(&own);
        let dir = repo.git_dir().join("objects/pack");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("pack-0000.pack"), pack).unwrap();
        fs::write(dir.join("pack-0000.idx"), index).unwrap();
    }

    /// A reference delta against `base`, which copies nothing.
    pub(super) fn ref_delta(base: [u8; 20], delta: &[u8]) -> Vec<u8> {
        let mut bytes = vec![7 << 4 | u8::try_from(delta.len()).unwrap()];
        bytes.extend(base);
        bytes.extend(stored(delta));
        bytes
    }
}

#[test]
fn cyclic_deltas_end() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    let delta = [0, 1, 1, b'x'];
    forged::install(
        &repo,
        vec![
            forged::Entry {
                id: [1; 20],
                bytes: forged::ref_delta([2; 20], &delta),
            },
            forged::Entry {
                id: [2; 20],
                bytes: forged::ref_delta([1; 20], &delta),
            },
            forged::Entry {
                id: [3; 20],
                bytes: forged::ref_delta([3; 20], &delta),
            },
        ],
    );
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(report.skipped().len(), 3, "{:#}", report.json["coverage"]);
    assert!(report.skipped()[0]["detail"].to_string().contains("cycle"));
}

#[test]
fn missing_bases_are_named() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    forged::install(
        &repo,
        vec![forged::Entry {
            id: [1; 20],
            bytes: forged::ref_delta([9; 20], &[0, 1, 1, b'x']),
        }],
    );
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.skipped()[0]["reason"], "missing");
}

#[test]
fn absurd_sizes_cost_nothing() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    // A blob that announces 2^60 bytes, and a delta that announces as much.
    let mut huge = vec![0xb0];
    huge.extend([0xff; 7]);
    huge.push(0x1f);
    huge.extend(forged::stored(b"tiny"));
    let blob = {
        let mut bytes = vec![3 << 4 | 4];
        bytes.extend(forged::stored(b"base"));
        bytes
    };
    let delta = [4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 4];
    forged::install(
        &repo,
        vec![
            forged::Entry {
                id: [1; 20],
                bytes: huge,
            },
            forged::Entry {
                id: [2; 20],
                bytes: blob,
            },
            forged::Entry {
                id: [3; 20],
                bytes: forged::ref_delta([2; 20], &delta),
            },
        ],
    );
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(report.skipped().len(), 2, "{:#}", report.json["coverage"]);
}

#[test]
fn trees_that_hold_themselves_end() {
    let repo = Repo::new();
    let commit = repo.commit_file("secret", github_token(1));
    let mut tree = b"40000 again\0".to_vec();
    tree.extend([5; 20]);
    let mut bytes = vec![
        0x80 | 2 << 4 | u8::try_from(tree.len() & 15).unwrap(),
        u8::try_from(tree.len() >> 4).unwrap(),
    ];
    bytes.extend(forged::stored(&tree));
    forged::install(&repo, vec![forged::Entry { id: [5; 20], bytes }]);
    let report = repo.scan(&[]);
    assert_eq!(
        report.only("github-pat")["history"]["first"]["commit"],
        commit.as_str()
    );
}

#[test]
fn a_cut_pack_without_an_index_is_read_as_far_as_it_goes() {
    let repo = packed();
    let whole = repo.scan(&[]);
    fs::remove_file(pack_file(&repo, "idx")).unwrap();
    let path = pack_file(&repo, "pack");
    let bytes = fs::read(&path).unwrap();
    overwrite(&path, &bytes[..bytes.len() * 3 / 4]);
    let report = repo.scan(&[]);
    assert!(report.scanned("commit") > 0);
    assert!(report.scanned("blob") < whole.scanned("blob"));
    let is_told = |skipped: &serde_json::Value| skipped["detail"].to_string().contains("are lost");
    assert!(
        report.skipped().iter().any(is_told),
        "{:?}",
        report.skipped()
    );
    overwrite(&path, b"PACK no pack at all, though as long as one must be");
    assert_eq!(repo.scan(&[]).code, 3);
}

#[test]
fn a_pack_whose_index_is_no_index_is_read_and_told() {
    let repo = packed();
    let whole = repo.scan(&[]);
    overwrite(&pack_file(&repo, "idx"), b"no index");
    let report = repo.scan(&[]);
    assert_eq!(fingerprints(&report), fingerprints(&whole));
    assert_eq!(report.skipped().len(), 1, "{:?}", report.skipped());
}

#[test]
fn hostile_deltas_without_an_index_end_and_are_named() {
    let repo = Repo::new();
    repo.commit_file("secret", github_token(1));
    let delta = [0, 1, 1, b'x'];
    let bases = [[2; 20], [1; 20], [3; 20], [9; 20]];
    let mut entries: Vec<forged::Entry> = (1..)
        .zip(bases)
        .map(|(number, base)| forged::Entry {
            id: [number; 20],
            bytes: forged::ref_delta(base, &delta),
        })
        .collect();
    // An offset delta on what stands before the pack, and one on no entry.
    for distance in [0x7f, 1] {
        let mut bytes = vec![6 << 4 | 4, distance];
        bytes.extend(forged::stored(&delta));
        entries.push(forged::Entry {
            id: [distance; 20],
            bytes,
        });
    }
    let count = entries.len();
    forged::install(&repo, entries);
    fs::remove_file(repo.git_dir().join("objects/pack/pack-0000.idx")).unwrap();
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(
        report.skipped().len(),
        count,
        "{:#}",
        report.json["coverage"]
    );
}

#[test]
fn trees_that_multiply_their_paths_end() {
    let repo = Repo::new();
    let secret = repo.git_with_input(
        &["hash-object", "-w", "--stdin"],
        github_token(1).as_bytes(),
    );
    let mut entry = format!("100644 blob {}", String::from_utf8(secret).unwrap().trim());
    // Ten names a level, ten levels: ten thousand million paths to one blob.
    for _ in 0..10 {
        let lines: String = (0..10).map(|n| format!("{entry}\tn{n}\n")).collect();
        let tree = repo.git_with_input(&["mktree"], lines.as_bytes());
        entry = format!("040000 tree {}", String::from_utf8(tree).unwrap().trim());
    }
    let tree = entry.rsplit(' ').next().unwrap();
    let commit = repo.git(&["commit-tree", "-m", "x", tree]);
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    let report = repo.scan(&[]);
    assert_eq!(report.code, 3, "what is not listed is admitted");
    assert_eq!(
        report.only("github-pat")["history"]["first"]["commit"],
        commit.as_str()
    );
}
