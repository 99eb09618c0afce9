//! Archives and streams made by python3 come apart into what was packed; broken and hostile ones
//! end as problems, never as a panic or without end.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use unleak::rule::template::Random;
use unleak::unpack::{Format, Limits, Member, Problem, Reason, detect, unpack};

/// Writes every archive that the tests below read into the directory it is run in.
const MAKE: &str = r#"
import bz2, gzip, io, lzma, struct, tarfile, zipfile, zlib

def save(name, content):
    with open(name, "wb") as file:
        file.write(content)

def zipped(entries, method=zipfile.ZIP_DEFLATED, comment=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()

def tarred(entries, format=tarfile.PAX_FORMAT, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()

text = b"".join(b"line %d of the text\n" % n for n in range(3000))
files = [("a.txt", b"alpha"), ("dir/b.txt", text), ("empty", b"")]
for name, method in [("stored", 0), ("deflate", 8), ("bzip2", 12), ("lzma", 14)]:
    save(name + ".zip", zipped(files, method))

# Written as to a pipe: sizes stand behind the content.
class Pipe(io.RawIOBase):
    def __init__(self): self.out = bytearray()
    def writable(self): return True
    def write(self, b): self.out += bytes(b); return len(b)
pipe = Pipe()
with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in files:
        archive.writestr(name, content)
save("piped.zip", bytes(pipe.out))

out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    info = zipfile.ZipInfo("a.txt")
    info.comment = b"about the entry"
    archive.writestr(info, b"alpha")
    archive.writestr("dir/", b"")
    archive.comment = b"about the archive"
save("comments.zip", out.getvalue())
save("twice.zip", zipped([("same", b"first"), ("same", b"second")], 0))
save("empty.zip", zipped([], 0, b"only a comment"))

# The flag for encryption, in the local header and in the directory.
locked = bytearray(zipped([("locked", b"x" * 50)], 0))
locked[6] |= 1
locked[locked.index(b"PK\x01\x02") + 8] |= 1
save("encrypted.zip", locked)
odd = bytearray(zipped([("odd", b"x" * 50)], 0))
odd[8] = 9
odd[odd.index(b"PK\x01\x02") + 10] = 9
save("method9.zip", odd)

long = "d/" * 60 + "name-" * 30 + "end"
tars = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
for name, format in tars.items():
    entries = files + ([] if name == "ustar" else [(long, b"deep")])
    save(name + ".tar", tarred(entries, format))
save("twice.tar", tarred([("one", b"1")]) + tarred([("two", b"2")]))

out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
    info = tarfile.TarInfo("link")
    info.type = tarfile.SYMTYPE
    info.linkname = "where/it/points"
    archive.addfile(info)
    info = tarfile.TarInfo("noted")
    info.pax_headers = {"comment": "said aside"}
    info.size = 5
    archive.addfile(info, io.BytesIO(b"alpha"))
    info = tarfile.TarInfo("folder")
    info.type = tarfile.DIRTYPE
    archive.addfile(info)
save("kinds.tar", out.getvalue())

# v7: no "ustar" in the header.
old = bytearray(tarred([("a.txt", b"alpha")], tarfile.USTAR_FORMAT))
old[257:345] = bytes(88)
old[148:156] = b" " * 8
old[148:156] = b"%06o\0 " % sum(old[:512])
save("v7.tar", old)

# GNU sparse: 5 of 1029 bytes are stored, behind a map of one piece at 1024.
sparse = bytearray(tarred([("sparse", b"alpha")], tarfile.GNU_FORMAT))
sparse[156] = ord("S")
sparse[386:410] = b"%011o\0%011o\0" % (1024, 5)
sparse[483:495] = b"%011o\0" % 1029
sparse[148:156] = b" " * 8
sparse[148:156] = b"%06o\0 " % sum(sparse[:512])
save("sparse.tar", sparse)

save("text.gz", gzip.compress(text))
save("text.bz2", bz2.compress(text))
save("text.xz", lzma.compress(text))
save("text.zlib", zlib.compress(text))
save("many.gz", gzip.compress(text) + gzip.compress(b"the end"))
save("many.bz2", bz2.compress(text) + bz2.compress(b"the end"))
save("many.xz", lzma.compress(text) + bytes(8) + lzma.compress(b"the end"))
save("trailing.gz", gzip.compress(b"alpha") + b"behind it")
save("padded.gz", gzip.compress(b"alpha") + bytes(100))
body = gzip.compress(b"alpha")[10:]
save("named.gz", b"\x1f\x8b\x08\x18\0\0\0\0\0\x03" + b"inner.txt\0" + b"said aside\0" + body)
big = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 128 << 20}
save("window.xz", lzma.compress(b"alpha", filters=[big]))

packed = tarred(files, mode="w:gz")
save("nested.tar.xz", tarred([("dir/inner.zip", zipped([("pack.tar.gz", packed)], 0))], mode="w:xz"))
zeros = bytes(10 << 20)
save("zeros.gz", gzip.compress(zeros))
save("zeros.zip", zipped([("bomb.zip", zipped([("zeros", zeros)]))]))
deep = b"the bottom"
for level in range(20):
    deep = zipped([("level%d" % level, deep)], 0)
save("deep.zip", deep)

# Methods that zipfile does not write.
def one_entry(method, packed, content):
    about = (method, 0, 0, zlib.crc32(content), len(packed), len(content), 5, 0)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, *about) + b"a.txt" + packed
    directory = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, *about, 0, 0, 0, 0, 0) + b"a.txt"
    return local + directory + struct.pack(
        "<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(directory), len(local), 0)
save("xz.zip", one_entry(95, lzma.compress(b"alpha"), b"alpha"))
save("zstd.zip", one_entry(93, b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0alpha", b"alpha"))
save("checksum.zip", one_entry(0, b"alpha", b"omega"))

# Every entry of the directory points at the same content.
block = zlib.compress(bytes(1 << 20), 9)[2:-4]
local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, zlib.crc32(bytes(1 << 20)), len(block), 1 << 20, 1, 0)
body = local + b"n" + block
directory = b"".join(
    struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, zlib.crc32(bytes(1 << 20)),
                len(block), 1 << 20, 5, 0, 0, 0, 0, 0, 0) + b"%05d" % n for n in range(5000))
end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 5000, 5000, len(directory), len(body), 0)
save("overlap.zip", body + directory + end)
"#;

/// A frame that zstd made from 20 times "the quick brown fox jumps over the lazy dog; ".
const ZSTD_COMPRESSED: &str = "\
    28b52ffd648402b50100d40274686520717569636b2062726f776e20666f78206a75\
    6d7073206f76657220746865206c617a7920646f673b200100a50a2b5506afdbb39a";

/// Archives, once for all tests of this file.
fn archive(name: &str) -> Vec<u8> {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let status = Command::new("python3")
            .args(["-W", "ignore", "-c", MAKE])
            .current_dir(dir.path())
            .status()
            .expect("python3 runs");
        assert!(status.success(), "python3 made the archives");
        dir
    });
    std::fs::read(dir.path().join(Path::new(name))).expect("the archive was made")
}

fn text() -> Vec<u8> {
    let mut text = String::new();
    for n in 0..3000 {
        writeln!(text, "line {n} of the text").expect("a string takes all");
    }
    text.into_bytes()
}

/// All members as path (joined by '!') and content, and all problems.
fn opened(bytes: &[u8], limits: &Limits) -> (Vec<(String, Vec<u8>)>, Vec<Problem>) {
    let mut members = Vec::new();
    let problems = unpack(bytes, limits, &mut |member: &Member<'_>| {
        // The names are in the paths of the members, too.
        if member.path.last().is_none_or(|last| last != b"(names)") {
            members.push((joined(member.path), member.bytes.to_vec()));
        }
    });
    (members, problems)
}

fn joined(path: &[Vec<u8>]) -> String {
    let names: Vec<_> = path
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    names.join("!")
}

/// What the archive holds; it must open without a problem.
fn whole(name: &str) -> Vec<(String, Vec<u8>)> {
    let (members, problems) = opened(&archive(name), &Limits::default());
    assert_eq!(problems, [], "{name}");
    members
}

fn reasons(problems: &[Problem]) -> Vec<Reason> {
    problems.iter().map(|problem| problem.reason).collect()
}

fn entry(path: &str, content: &[u8]) -> (String, Vec<u8>) {
    (path.to_owned(), content.to_vec())
}

fn three_files() -> Vec<(String, Vec<u8>)> {
    vec![
        entry("a.txt", b"alpha"),
        entry("dir/b.txt", &text()),
        entry("empty", b""),
    ]
}

#[test]
fn zip_shows_what_was_packed_with_any_method() {
    for name in ["stored", "deflate", "bzip2", "lzma", "piped"] {
        assert_eq!(whole(&format!("{name}.zip")), three_files(), "{name}");
    }
}

#[test]
fn zip_shows_methods_of_newer_programs() {
    for name in ["xz.zip", "zstd.zip"] {
        assert_eq!(whole(name), [entry("a.txt", b"alpha")], "{name}");
    }
}

#[test]
fn zip_entry_with_a_wrong_checksum_is_shown_and_a_problem() {
    let (members, problems) = opened(&archive("checksum.zip"), &Limits::default());
    assert_eq!(members, [entry("a.txt", b"alpha")]);
    assert_eq!(reasons(&problems), [Reason::Corrupt]);
}

#[test]
fn zip_without_its_directory_is_read_from_front_to_back() {
    for name in ["stored", "deflate", "bzip2", "piped"] {
        let mut bytes = archive(&format!("{name}.zip"));
        let directory = bytes
            .windows(4)
            .position(|four| four == b"PK\x01\x02")
            .unwrap();
        bytes.truncate(directory);
        let (members, problems) = opened(&bytes, &Limits::default());
        assert_eq!(members, three_files(), "{name}");
        assert_eq!(reasons(&problems), [Reason::Corrupt], "{name}");
    }
}

#[test]
fn zip_shows_comments_directories_and_doubled_names() {
    assert_eq!(
        whole("comments.zip"),
        [
            entry("a.txt", b"alpha"),
            entry("a.txt!(comment)", b"about the entry"),
            entry("dir/", b""),
            entry("(comment)", b"about the archive"),
        ]
    );
    assert_eq!(
        whole("twice.zip"),
        [entry("same", b"first"), entry("same", b"second")],
        "no second entry hides the first"
    );
    assert_eq!(whole("empty.zip"), [entry("(comment)", b"only a comment")]);
}

#[test]
fn zip_entries_that_cannot_be_read_are_problems() {
    for (name, reason) in [
        ("encrypted.zip", Reason::Encrypted),
        ("method9.zip", Reason::Unsupported),
    ] {
        let (members, problems) = opened(&archive(name), &Limits::default());
        assert_eq!(reasons(&problems), [reason], "{name}");
        assert_eq!(members.len(), 1, "{name}: the name is shown");
        assert_eq!(problems[0].path.len(), 1, "{name}");
    }
}

#[test]
fn tar_of_every_kind_shows_what_was_packed() {
    let long = format!("{}{}end", "d/".repeat(60), "name-".repeat(30));
    let mut with_long = three_files();
    with_long.push((long, b"deep".to_vec()));
    assert_eq!(whole("ustar.tar"), three_files());
    assert_eq!(whole("gnu.tar"), with_long);
    assert_eq!(whole("pax.tar"), with_long);
    assert_eq!(whole("v7.tar"), [entry("a.txt", b"alpha")]);
    assert_eq!(whole("twice.tar"), [entry("one", b"1"), entry("two", b"2")]);
    assert_eq!(whole("sparse.tar"), [entry("sparse", b"alpha")]);
    assert_eq!(
        whole("kinds.tar"),
        [
            entry("link", b""),
            entry("link!(link)", b"where/it/points"),
            entry("noted", b"alpha"),
            entry("noted!(pax)", b"comment=said aside\n"),
            entry("folder/", b""),
        ]
    );
}

#[test]
fn streams_show_their_content() {
    for name in ["text.gz", "text.bz2", "text.xz"] {
        assert_eq!(whole(name), [entry("", &text())], "{name}");
    }
    let both = [text(), b"the end".to_vec()].concat();
    for name in ["many.gz", "many.bz2", "many.xz"] {
        assert_eq!(whole(name), [entry("", &both)], "{name}");
    }
    assert_eq!(
        whole("named.gz"),
        [
            entry("inner.txt", b"alpha"),
            entry("inner.txt!(comment)", b"said aside")
        ]
    );
    assert_eq!(whole("padded.gz"), [entry("", b"alpha")]);
    assert_eq!(
        whole("trailing.gz"),
        [entry("", b"alpha"), entry("(trailing bytes)", b"behind it")]
    );
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex"))
        .collect()
}

/// A zstd frame that stores `content` in blocks of at most 1000 bytes, with a window of 8 KiB.
fn zstd_frame(content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 3 << 3];
    let blocks: Vec<_> = content.chunks(1000).collect();
    for (at, block) in blocks.iter().enumerate() {
        let last = u32::from(at + 1 == blocks.len());
        let header = u32::try_from(block.len()).expect("short") << 3 | last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*block);
    }
    frame
}

#[test]
fn zstd_shows_all_frames_and_what_decoders_skip() {
    let mut bytes = vec![0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0];
    bytes.extend(b"aside");
    bytes.extend(zstd_frame(&text()));
    bytes.extend(hex(ZSTD_COMPRESSED));
    let fox = "the quick brown fox jumps over the lazy dog; ".repeat(20);
    let (members, problems) = opened(&bytes, &Limits::default());
    assert_eq!(problems, []);
    assert_eq!(
        members,
        [
            entry("", &[text(), fox.into_bytes()].concat()),
            entry("(skippable frame)", b"aside")
        ]
    );
}

#[test]
fn zstd_that_is_cut_off_shows_every_whole_block() {
    let frame = zstd_frame(&text());
    let (members, problems) = opened(&frame[..frame.len() - 10], &Limits::default());
    assert_eq!(reasons(&problems), [Reason::Corrupt]);
    assert_eq!(members, [entry("", &text()[..text().len() / 1000 * 1000])]);
}

#[test]
fn decoders_that_ask_for_too_much_memory_are_refused() {
    let (members, problems) = opened(&archive("window.xz"), &Limits::default());
    assert_eq!(
        (members.len(), reasons(&problems)),
        (0, vec![Reason::Limit])
    );
    // A window of 1 << (10 + 20) bytes.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0];
    let (_, problems) = opened(&frame, &Limits::default());
    assert_eq!(reasons(&problems), [Reason::Limit]);
}

#[test]
fn nested_formats_are_opened_to_the_innermost_member() {
    let inside =
        |(name, content): (String, Vec<u8>)| (format!("dir/inner.zip!pack.tar.gz!{name}"), content);
    let expected: Vec<_> = three_files().into_iter().map(inside).collect();
    assert_eq!(whole("nested.tar.xz"), expected);
}

#[test]
fn depth_is_limited_and_the_rest_is_shown_as_it_is() {
    let (members, problems) = opened(&archive("deep.zip"), &Limits::default());
    assert_eq!(reasons(&problems), [Reason::Limit]);
    assert_eq!(members.len(), 1);
    assert_eq!(problems[0].path.len(), 8);
    assert_eq!(detect(&members[0].1), Some(Format::Zip));
    let limits = Limits {
        max_depth: u32::MAX,
        ..Limits::default()
    };
    let (members, problems) = opened(&archive("deep.zip"), &limits);
    assert_eq!(problems, []);
    assert_eq!(members[0].1, b"the bottom");
}

#[test]
fn bombs_end_at_the_ratio_to_the_outer_buffer() {
    for name in ["zeros.gz", "zeros.zip"] {
        let bytes = archive(name);
        let limits = Limits {
            max_ratio: 1000,
            ..Limits::default()
        };
        let (members, problems) = opened(&bytes, &limits);
        assert_eq!(reasons(&problems), [Reason::Limit], "{name}");
        let shown: usize = members.iter().map(|(_, content)| content.len()).sum();
        let most = (bytes.len() as u64 * 1000).max(Limits::RATIO_FREE_BYTES);
        assert!(shown > 0 && shown as u64 <= most, "{name}: {shown} bytes");
    }
}

#[test]
fn overlapping_entries_share_one_budget() {
    let limits = Limits {
        max_total_bytes: 20 << 20,
        ..Limits::default()
    };
    let (members, problems) = opened(&archive("overlap.zip"), &limits);
    let shown: usize = members.iter().map(|(_, content)| content.len()).sum();
    assert_eq!(shown, 20 << 20);
    assert!(
        reasons(&problems)
            .iter()
            .all(|reason| *reason == Reason::Limit)
    );
    assert!(problems.len() < 300, "problems are counted, not all kept");
}

#[test]
fn members_and_their_bytes_are_limited() {
    let limits = Limits {
        max_members: 2,
        max_member_bytes: 100,
        ..Limits::default()
    };
    for name in ["stored.zip", "deflate.zip", "ustar.tar"] {
        let (members, problems) = opened(&archive(name), &limits);
        assert_eq!(
            members,
            [entry("a.txt", b"alpha"), entry("dir/b.txt", &text()[..100])],
            "{name}"
        );
        assert!(!problems.is_empty(), "{name}");
        assert!(
            reasons(&problems)
                .iter()
                .all(|reason| *reason == Reason::Limit)
        );
    }
}

#[test]
fn streams_of_one_file_count_as_members() {
    let limits = Limits {
        max_members: 1,
        ..Limits::default()
    };
    for name in ["many.gz", "many.bz2", "many.xz"] {
        let (members, problems) = opened(&archive(name), &limits);
        assert_eq!(members, [entry("", &text())], "{name}");
        assert_eq!(reasons(&problems), [Reason::Limit], "{name}");
    }
}

#[test]
fn inner_archive_that_is_damaged_is_shown_raw_as_well() {
    let mut inner = archive("text.gz");
    inner.truncate(inner.len() / 2);
    // The outer stream stores what it is given.
    let outer = zstd_frame(&inner);
    let (members, problems) = opened(&outer, &Limits::default());
    assert_eq!(reasons(&problems), [Reason::Corrupt]);
    assert_eq!(members.len(), 2);
    assert!(text().starts_with(&members[0].1) && members[0].1.len() > 1000);
    assert_eq!(members[1].1, inner);
}

/// Archives that the tests below break.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "stored.zip",
        "deflate.zip",
        "bzip2.zip",
        "lzma.zip",
        "piped.zip",
        "comments.zip",
        "gnu.tar",
        "pax.tar",
        "kinds.tar",
        "sparse.tar",
        "many.gz",
        "many.bz2",
        "many.xz",
        "named.gz",
        "nested.tar.xz",
    ];
    let mut samples: Vec<_> = names.map(|name| (name, archive(name))).into();
    let compressed = [zstd_frame(&text()[..5000]), hex(ZSTD_COMPRESSED)].concat();
    samples.push(("zstd", compressed));
    samples
}

#[test]
fn truncation_anywhere_is_a_problem_at_most() {
    for (name, bytes) in samples() {
        let (all, _) = opened(&bytes, &Limits::default());
        for len in (1..bytes.len()).step_by(97) {
            let cut = &bytes[..len];
            let (members, problems) = opened(cut, &Limits::default());
            let complete = members == all;
            // A tar ends where its last member does; what follows is padding. A file of several
            // streams may be cut between them.
            let silent = name.ends_with(".tar") || name.starts_with("many");
            assert!(
                detect(cut).is_none() || complete || silent || !problems.is_empty(),
                "{name}, {len} bytes: what is missing is said"
            );
        }
    }
}

#[test]
fn flipped_bits_never_panic_nor_hang() {
    let seed = 0x0dd_b175;
    let mut random = Random::new(seed);
    for (name, bytes) in samples() {
        let started = Instant::now();
        for _ in 0..150 {
            let mut broken = bytes.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(broken.len());
                broken[at] ^= 1 << random.below(8);
            }
            opened(&broken, &Limits::default());
        }
        let took = started.elapsed();
        assert!(
            took < Duration::from_secs(60),
            "{name}, seed {seed}: {took:?}"
        );
    }
}

#[test]
fn random_bytes_behind_a_magic_number_never_panic() {
    let mut random = Random::new(77);
    let magics: [&[u8]; 6] = [
        b"PK\x03\x04",
        b"\x1f\x8b\x08\x00",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\x00",
        b"BZh91AY&SY",
        b"PK\x05\x06",
    ];
    for magic in magics {
        for _ in 0..300 {
            let mut bytes = magic.to_vec();
            bytes.extend((0..random.below(300)).map(|_| u8::try_from(random.below(256)).unwrap()));
            opened(&bytes, &Limits::default());
        }
    }
}

/// Repeats `unit` behind `head` up to 4 MB.
fn repeated(head: &[u8], unit: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    while bytes.len() < 4 << 20 {
        bytes.extend(unit);
    }
    bytes
}

#[test]
fn work_stays_linear_in_what_is_made_to_be_slow() {
    let empty_gzip = hex("1f8b080000000000000303000000000000000000");
    let local = [b"PK\x03\x04\x14\0\x08\0\0\0".to_vec(), vec![0; 20]].concat();
    let end = [b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    let counted_end = hex("504b050600000000ffffffff0000000000000000ffff");
    let slow = [
        ("empty gzip members", repeated(b"", &empty_gzip)),
        ("empty entries of unknown size", repeated(b"", &local)),
        ("signatures of local headers", repeated(b"", b"PK\x03\x04")),
        ("ends of directories", repeated(b"PK\x03\x04", &end)),
        (
            "ends that count entries",
            repeated(b"PK\x03\x04", &counted_end),
        ),
        ("directory headers", repeated(b"PK\x03\x04", b"PK\x01\x02")),
        ("empty skippable frames", {
            let mut bytes = repeated(b"", &hex("502a4d1800000000"));
            bytes.splice(0..0, zstd_frame(b"alpha"));
            bytes
        }),
        (
            "empty zstd frames",
            repeated(b"", &hex("28b52ffd0000010000")),
        ),
        (
            "empty bzip2 streams",
            repeated(b"", &hex("425a683917724538509000000000")),
        ),
        (
            "empty deflate blocks",
            repeated(&empty_gzip[..10], &hex("000000ffff")),
        ),
        ("tar headers without content", {
            let tar = archive("twice.tar");
            repeated(b"", &tar[..1024])
        }),
    ];
    for (what, bytes) in slow {
        assert!(detect(&bytes).is_some(), "{what}");
        let started = Instant::now();
        opened(&bytes, &Limits::default());
        let took = started.elapsed();
        assert!(took < Duration::from_secs(60), "{what}: {took:?}");
    }
}
