//! One repository with a token of its own in every place where git keeps text. All are found, loose
//! and packed, and each is said to be where it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Repo, Report, github_token};

/// Where a token was put, and what the report must say about it.
struct Planted {
    name: &'static str,
    token: String,
    kind: &'static str,
    part: Option<&'static str>,
    /// Encodings, formats and members around it.
    wrapping: Vec<&'static str>,
}

/// A repository that is being filled.
struct Garden {
    repo: Repo,
    planted: Vec<Planted>,
}

impl Garden {
    fn token(
        &mut self,
        name: &'static str,
        kind: &'static str,
        part: Option<&'static str>,
    ) -> String {
        let token = github_token(9_000 + self.planted.len() as u64);
        self.planted.push(Planted {
            name,
            token: token.clone(),
            kind,
            part,
            wrapping: Vec::new(),
        });
        token
    }

    fn blob(&mut self, name: &'static str) -> String {
        self.token(name, "blob", None)
    }

    /// A line of a file with a token.
    fn line(&mut self, name: &'static str) -> String {
        format!("token = \"{}\"\n", self.blob(name))
    }

    fn wrapped(&mut self, name: &'static str, wrapping: &[&'static str]) -> String {
        let token = self.blob(name);
        let planted = self.planted.last_mut().expect("it was just planted");
        planted.wrapping = wrapping.to_vec();
        token
    }

    fn hash_object(&self, kind: &str, bytes: &[u8]) -> String {
        let args = ["hash-object", "-w", "--stdin", "-t", kind, "--literally"];
        let id = self.repo.git_with_input(&args, bytes);
        String::from_utf8(id).unwrap().trim().to_owned()
    }
}

/// UTF-16 in both byte orders.
fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    let units: Vec<u16> = mark.encode_utf16().chain(text.encode_utf16()).collect();
    let bytes = |unit: u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    units.into_iter().flat_map(bytes).collect()
}

/// UTF-32 with a byte order mark.
fn utf32(text: &str, big: bool) -> Vec<u8> {
    let characters = std::iter::once('\u{feff}')
        .chain(text.chars())
        .map(u32::from);
    let bytes = |character: u32| match big {
        true => character.to_be_bytes(),
        false => character.to_le_bytes(),
    };
    characters.flat_map(bytes).collect()
}

fn plain_blobs(g: &mut Garden) {
    let text = g.line("file");
    g.repo.write("conf/app.ini", text);
    let text = g.line("no newline at the end");
    g.repo.write("conf/short.ini", text.trim_end());
    let text = g.line("CRLF");
    g.repo
        .write("conf/dos.ini", format!("[a]\r\n{}\r\n", text.trim_end()));
    let text = g.line("Latin-1");
    g.repo.write(
        "conf/latin.ini",
        [b"caf\xe9 \xfc\xdf\n", text.as_bytes()].concat(),
    );
    let text = g.line("UTF-8 with mark");
    g.repo.write("conf/mark.ini", format!("\u{feff}{text}"));
    for (name, path, big, mark) in [
        ("UTF-16 LE", "conf/le.ini", false, true),
        ("UTF-16 BE", "conf/be.ini", true, true),
        ("UTF-16 LE without mark", "conf/le-bare.ini", false, false),
        ("UTF-16 BE without mark", "conf/be-bare.ini", true, false),
    ] {
        let token = g.wrapped(name, &["UTF-16"]);
        g.repo
            .write(path, utf16(&format!("token = \"{token}\"\r\n"), big, mark));
    }
    for (name, path, big) in [
        ("UTF-32 LE", "conf/le32.ini", false),
        ("UTF-32 BE", "conf/be32.ini", true),
    ] {
        let token = g.wrapped(name, &["UTF-32"]);
        g.repo
            .write(path, utf32(&format!("token = \"{token}\"\r\n"), big));
    }
    let token = g.blob("binary");
    let noise: Vec<u8> = (0..4000u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect();
    g.repo.write(
        "lib/tool.bin",
        [&noise, &b"\0\x01key="[..], token.as_bytes(), b"\0", &noise].concat(),
    );
    let text = g.line("marked as binary");
    g.repo.write("conf/hidden.bin", text);
    g.repo.write(
        ".gitattributes",
        "*.bin -diff -text binary\nconf/hidden.bin filter=none\n",
    );
    let token = g.blob("one long line");
    g.repo.write(
        "web/app.min.js",
        format!(
            "{}\"{token}\"{}",
            "a(b);".repeat(30_000),
            "c(d);".repeat(30_000)
        ),
    );
}

/// Files that are more than text at a path.
fn changing_blobs(g: &mut Garden) {
    let token = g.blob("executable");
    g.repo
        .write("bin/run.sh", format!("#!/bin/sh\nexport TOKEN={token}\n"));
    g.repo.git(&["add", "--all"]);
    g.repo.git(&["update-index", "--chmod=+x", "bin/run.sh"]);
    g.repo.commit("plain");
    let token = g.blob("target of a link");
    std::os::unix::fs::symlink(
        format!("https://x:{token}@example.org/"),
        g.repo.path().join("link"),
    )
    .unwrap();
    let text = g.line("deleted later");
    g.repo.commit_file("old/gone.ini", text);
    g.repo.git(&["rm", "-q", "old/gone.ini"]);
    g.repo.commit("remove");
    let text = g.line("renamed and edited");
    g.repo.commit_file("a/name.txt", "same\n".repeat(40));
    g.repo.git(&["mv", "a/name.txt", "a/other.txt"]);
    g.repo.write("a/other.txt", "same\n".repeat(40) + &text);
    g.repo.commit("move");
    let text = g.line("file that was a link");
    std::fs::remove_file(g.repo.path().join("link")).unwrap();
    g.repo.commit_file("link", text);
}

/// What plain text can be wrapped in: python3 makes it of the tokens on its standard input.
const WRAP: &str = r#"
import base64, bz2, gzip, io, json, lzma, os, py_compile, sqlite3, sys, tarfile, zipfile, zlib
tokens = json.load(sys.stdin)
os.makedirs("wrapped", exist_ok=True)

def text(name):
    return ("[core]\nurl = example\ntoken = \"%s\"\n" % tokens[name]).encode()

def save(path, content):
    with open("wrapped/" + path, "wb") as file:
        file.write(content)

def zipped(name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()

def tarred(name, content, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()

def value(content):
    return b"data: " + content + b"\n"

save("base64", value(base64.b64encode(text("base64"))))
save("base64url", value(base64.urlsafe_b64encode(b"a~~?>\n" + text("base64url"))))
save("mime", b"Content: x\n\n" + base64.encodebytes(text("MIME") * 4) + b"\n")
save("hex", value(text("hex").hex().encode()))
save("percent", value("".join("%%%02X" % c for c in text("percent")).encode()))
save("unicode", value(("\"" + "".join("\\u%04x" % c for c in tokens["unicode"].encode()) + "\"").encode()))
save("entities", value("".join("&#%d;" % c for c in tokens["entities"].encode()).encode()))
save("powershell", b"powershell -enc " + base64.b64encode(text("PowerShell").decode().encode("utf-16-le")) + b"\n")
save("helm", value(base64.b64encode(base64.b64encode(gzip.compress(text("Helm"))))))
save("kubernetes", value(base64.b64encode(b"inner: " + base64.b64encode(text("Kubernetes")))))
save("zlib", value(base64.b64encode(zlib.compress(text("zlib")))))
save("a.zip", zipped("conf/app.ini", text("zip")))
save("a.jar", zipped("META-INF/app.properties", text("jar")))
save("a.docx", zipped("word/document.xml", b"<w:t>" + tokens["docx"].encode() + b"</w:t>"))
save("a.tar", tarred("etc/app.ini", text("tar")))
save("a.ini.gz", gzip.compress(text("gzip")))
save("a.tgz", tarred("etc/app.ini", text("tar.gz"), "w:gz"))
save("a.xz", lzma.compress(text("xz")))
save("a.bz2", bz2.compress(text("bzip2")))
save("nested.tar.gz", gzip.compress(tarred("inner.zip", zipped("deep.b64", base64.b64encode(text("nested"))))))
base = sqlite3.connect("wrapped/a.sqlite")
base.execute("create table t (k text, v text)")
base.execute("insert into t values ('token', ?)", (tokens["SQLite"],))
base.commit()
base.close()
open("module.py", "w").write("TOKEN = '%s'\n" % tokens["pyc"])
py_compile.compile("module.py", cfile="wrapped/module.pyc")
os.remove("module.py")
"#;

fn wrapped_blobs(g: &mut Garden) {
    let names: &[(&'static str, &[&'static str])] = &[
        ("base64", &["base64"]),
        ("base64url", &["base64"]),
        ("MIME", &["base64"]),
        ("hex", &["hex"]),
        ("percent", &["percent-encoding"]),
        ("unicode", &["backslash escapes"]),
        ("entities", &["HTML entities"]),
        ("PowerShell", &["base64", "UTF-16"]),
        ("Helm", &["base64", "base64", "gzip"]),
        ("Kubernetes", &["base64", "base64"]),
        ("zlib", &["base64", "zlib"]),
        ("zip", &["zip", "conf/app.ini"]),
        ("jar", &["zip", "META-INF/app.properties"]),
        ("docx", &["zip", "word/document.xml"]),
        ("tar", &["tar", "etc/app.ini"]),
        ("gzip", &["gzip"]),
        ("tar.gz", &["gzip", "etc/app.ini"]),
        ("xz", &["xz"]),
        ("bzip2", &["bzip2"]),
        ("nested", &["gzip", "inner.zip", "deep.b64", "base64"]),
        ("SQLite", &[]),
        ("pyc", &[]),
    ];
    let mut tokens: BTreeMap<&str, String> = BTreeMap::new();
    for (name, wrapping) in names {
        let token = g.wrapped(name, wrapping);
        tokens.insert(name, token);
    }
    let mut python = Command::new("python3")
        .args(["-c", WRAP])
        .current_dir(g.repo.path())
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut input = python.stdin.take().unwrap();
    input
        .write_all(serde_json::to_string(&tokens).unwrap().as_bytes())
        .unwrap();
    drop(input);
    assert!(python.wait().unwrap().success());
    let token = g.wrapped("zstd", &["zstd"]);
    let text = format!("token = \"{token}\"\n");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    g.repo.write(
        "wrapped/a.zst",
        ruzstd::encoding::compress_to_vec(text.as_bytes(), level),
    );
    g.repo.commit("wrapped");
}

fn merges(g: &mut Garden) {
    let git = |args: &[&str]| g.repo.git(args);
    git(&["branch", "side"]);
    git(&["branch", "third"]);
    g.repo.commit_file("main.txt", "m\n");
    git(&["checkout", "-q", "side"]);
    g.repo.commit_file("side.txt", "s\n");
    git(&["checkout", "-q", "third"]);
    g.repo.commit_file("third.txt", "t\n");
    git(&["checkout", "-q", "main"]);
    g.repo
        .git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    let evil = g.line("only in a merge");
    g.repo.write("merged.txt", evil);
    g.repo.commit("merge with more");
    let side = g.line("one side of an octopus");
    g.repo.git(&["checkout", "-q", "-b", "fourth", "third"]);
    g.repo.commit_file("fourth.txt", side);
    g.repo.git(&["checkout", "-q", "third"]);
    g.repo.commit_file("more.txt", "x\n");
    g.repo.git(&["checkout", "-q", "main"]);
    g.repo
        .git(&["merge", "-q", "--no-ff", "-m", "octopus", "third", "fourth"]);
}

fn texts(g: &mut Garden) {
    let subject = g.token("subject", "commit", Some("message"));
    g.repo.commit(&format!("use {subject}"));
    let body = g.token("body", "commit", Some("message"));
    g.repo.commit(&format!("subject\n\nwith {body} in it"));
    let tree = g.repo.git(&["rev-parse", "HEAD^{tree}"]);
    let parent = g.repo.git(&["rev-parse", "HEAD"]);
    let name = g.token("author's name", "commit", Some("author"));
    let mail = g.token("author's mail", "commit", Some("author"));
    let committer = g.token("committer", "commit", Some("committer"));
    let header = g.token("extra header", "commit", Some("header"));
    let mergetag = g.token("mergetag", "commit", Some("mergetag"));
    let signature = g.token("signature", "commit", Some("signature"));
    let text = format!(
        "tree {tree}\nparent {parent}\nauthor {name} <{mail}> 1600000000 +0000\ncommitter {committer} <c@example.org> 1600000000 +0000\nmergetag object {parent}\n type commit\n tag v0\n tagger T <t@example.org> 1600000000 +0000\n \n about {mergetag}\nx-extra {header}\ngpgsig -----BEGIN PGP SIGNATURE-----\n Comment: {signature}\n \n -----END PGP SIGNATURE-----\n\nodd\n"
    );
    let commit = g.hash_object("commit", text.as_bytes());
    g.repo.git(&["update-ref", "refs/heads/odd", &commit]);
    let message = g.token("tag's message", "tag", Some("message"));
    g.repo
        .git(&["tag", "-a", "-m", &format!("tag {message}"), "v1"]);
    let tagger = g.token("tagger", "tag", Some("tagger"));
    let text = format!(
        "object {parent}\ntype commit\ntag v2\ntagger {tagger} <t@example.org> 1600000000 +0000\n\nx\n"
    );
    let tag = g.hash_object("tag", text.as_bytes());
    g.repo.git(&["update-ref", "refs/tags/v2", &tag]);
    let text = g.line("blob of a tag");
    let blob = g.hash_object("blob", text.as_bytes());
    g.repo
        .git(&["tag", "-a", "-m", "a blob", "blob-tag", &blob]);
    let text = g.line("blob of a plain ref");
    let blob = g.hash_object("blob", text.as_bytes());
    g.repo.git(&["update-ref", "refs/keep/blob", &blob]);
    let text = g.line("tree of a tag");
    let blob = g.hash_object("blob", text.as_bytes());
    let tree = g.repo.git_with_input(
        &["mktree"],
        format!("100644 blob {blob}\tinner.ini\n").as_bytes(),
    );
    let tree = String::from_utf8(tree).unwrap();
    g.repo
        .git(&["tag", "-a", "-m", "a tree", "tree-tag", tree.trim()]);
}

fn names(g: &mut Garden) {
    let file = g.token("file name", "file name", None);
    g.repo.write(format!("names/{file}.txt"), "x\n");
    let directory = g.token("directory name", "file name", None);
    g.repo.write(format!("names/{directory}/file"), "y\n");
    g.repo.commit("names");
    let branch = g.token("branch name", "ref name", None);
    g.repo.git(&["branch", &format!("topic/{branch}")]);
    let tag = g.token("tag name", "ref name", None);
    g.repo.git(&["tag", &tag]);
    let text = g.line("commit of an unusual ref");
    g.repo.git(&["checkout", "-q", "--orphan", "elsewhere"]);
    let commit = g.repo.commit_file("pull.ini", text);
    g.repo.git(&["update-ref", "refs/pull/7/head", &commit]);
    let odd = g.token("unusual ref name", "ref name", None);
    g.repo
        .git(&["update-ref", &format!("refs/changes/01/{odd}"), &commit]);
    g.repo.git(&["checkout", "-q", "-f", "main"]);
    g.repo.git(&["branch", "-q", "-D", "elsewhere"]);
    let text = g.line("orphan branch");
    g.repo.git(&["checkout", "-q", "--orphan", "pages"]);
    g.repo.commit_file("page.ini", text);
    g.repo.git(&["checkout", "-q", "-f", "main"]);
}

fn side_stores(g: &mut Garden) {
    for (worktree, index, untracked) in [
        ("stash, worktree", "stash, index", "stash, untracked"),
        (
            "newer stash, worktree",
            "newer stash, index",
            "newer stash, untracked",
        ),
    ] {
        let text = g.line(index);
        g.repo.write("conf/app.ini", text);
        g.repo.git(&["add", "conf/app.ini"]);
        let text = g.line(worktree);
        g.repo.write("conf/app.ini", text);
        let text = g.line(untracked);
        g.repo.write("untracked.ini", text);
        g.repo.git(&["stash", "-q", "--include-untracked"]);
    }
}

/// What only reflogs, or nothing, reach.
fn left_behind(g: &mut Garden) {
    let text = g.line("amended away");
    g.repo.commit_file("amended.ini", text);
    std::fs::remove_file(g.repo.path().join("amended.ini")).unwrap();
    g.repo.git(&["add", "--all"]);
    g.repo
        .git(&["commit", "-q", "--amend", "--allow-empty", "-m", "amended"]);
    let message = g.token("reflog message", "reflog", None);
    g.repo.git(&[
        "update-ref",
        "-m",
        &format!("by {message}"),
        "HEAD",
        "HEAD~1",
    ]);
    let text = g.line("dangling blob");
    g.hash_object("blob", text.as_bytes());
    let message = g.token(
        "message of an unreachable commit",
        "commit",
        Some("message"),
    );
    let tree = g.repo.git(&["rev-parse", "HEAD^{tree}"]);
    g.repo.git(&["commit-tree", "-m", &message, &tree]);
    let text = g.line("ORIG_HEAD");
    let blob = g.hash_object("blob", text.as_bytes());
    let tree = g.repo.git_with_input(
        &["mktree"],
        format!("100644 blob {blob}\torig.ini\n").as_bytes(),
    );
    let commit = g.repo.git(&[
        "commit-tree",
        "-m",
        "x",
        String::from_utf8(tree).unwrap().trim(),
    ]);
    std::fs::write(g.repo.git_dir().join("ORIG_HEAD"), format!("{commit}\n")).unwrap();
}

/// Notes, replacements and indexes.
fn beside_history(g: &mut Garden) {
    let note = g.line("note");
    g.repo.git(&["notes", "add", "-m", &note, "HEAD"]);
    let text = g.line("hidden by a replacement");
    let hidden = g.hash_object("blob", text.as_bytes());
    let clean = g.hash_object("blob", b"clean\n");
    g.repo.git(&["replace", &hidden, &clean]);
    let text = g.line("staged");
    g.repo.write("staged.ini", text);
    g.repo.git(&["add", "staged.ini"]);
    let path = g.token("staged path", "index", None);
    g.repo.write(format!("{path}.ini"), "x\n");
    g.repo
        .git(&["add", "--intent-to-add", &format!("{path}.ini")]);
    let mut conflict = String::new();
    for (stage, name) in [
        (1, "conflict, base"),
        (2, "conflict, ours"),
        (3, "conflict, theirs"),
    ] {
        let text = g.line(name);
        let blob = g.hash_object("blob", text.as_bytes());
        let _ = writeln!(conflict, "100644 {blob} {stage}\tconflict.ini");
    }
    g.repo
        .git_with_input(&["update-index", "--index-info"], conflict.as_bytes());
    let outside = tempfile::TempDir::new().unwrap();
    let linked = outside.path().join("linked");
    g.repo.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        linked.to_str().unwrap(),
    ]);
    let text = g.line("index of a linked worktree");
    std::fs::write(linked.join("linked.ini"), text).unwrap();
    let linked = linked.to_str().unwrap();
    g.repo.git(&["-C", linked, "add", "linked.ini"]);
    let text = g.line("HEAD of a linked worktree");
    std::fs::write(format!("{linked}/head.ini"), text).unwrap();
    g.repo.git(&["-C", linked, "add", "head.ini"]);
    g.repo
        .git(&["-C", linked, "commit", "-q", "-m", "detached", "head.ini"]);
}

/// The names of the layers of a `wrapping`.
fn layers(wrapping: &Value) -> Vec<&str> {
    let layers = wrapping.as_array().unwrap().iter();
    let values = layers.flat_map(|layer| layer.as_object().unwrap().values());
    values.filter_map(Value::as_str).collect()
}

fn check(garden: &Garden, report: &Report, how: &str) {
    assert_eq!(report.code, 1, "{how}: {:#}", report.json["coverage"]);
    let mut wrong = String::new();
    for planted in &garden.planted {
        let found = report
            .findings()
            .iter()
            .find(|f| f["secret"] == planted.token.as_str());
        let Some(found) = found else {
            let _ = writeln!(wrong, "{}: not found", planted.name);
            continue;
        };
        let places = found["occurrences"].as_array().unwrap();
        let is_there = places.iter().any(|place| {
            place["kind"] == planted.kind
                && place["part"].as_str() == planted.part
                && (planted.wrapping.is_empty() || {
                    let layers = layers(&place["wrapping"]);
                    planted.wrapping.iter().all(|layer| layers.contains(layer))
                })
        });
        if !is_there {
            let _ = writeln!(wrong, "{}: {:#}", planted.name, found["occurrences"]);
        }
    }
    assert!(wrong.is_empty(), "{how}:\n{wrong}");
    assert_eq!(
        report.findings().len(),
        garden.planted.len(),
        "{how}: each once"
    );
}

/// What makes the secrets of a report those that were planted.
const OPTIONS: [&str; 3] = ["--show-secrets", "--min-confidence", "high"];

/// A token in every place that is read by default.
fn planted() -> Garden {
    let mut garden = Garden {
        repo: Repo::new(),
        planted: Vec::new(),
    };
    plain_blobs(&mut garden);
    changing_blobs(&mut garden);
    wrapped_blobs(&mut garden);
    merges(&mut garden);
    texts(&mut garden);
    names(&mut garden);
    side_stores(&mut garden);
    left_behind(&mut garden);
    beside_history(&mut garden);
    garden
}

/// Adds tokens to the worktree.
fn worktree(garden: &mut Garden) {
    let untracked = garden.token("untracked file", "worktree", None);
    garden
        .repo
        .write("new/untracked.ini", format!("token = {untracked}\n"));
    let ignored = garden.token("ignored file", "worktree", None);
    garden.repo.write(".git/info/exclude", "*.secret\n");
    garden
        .repo
        .write("new/local.secret", format!("token = {ignored}\n"));
    let modified = garden.token("modified file", "worktree", None);
    garden
        .repo
        .write("main.txt", format!("token = {modified}\n"));
}

/// Every place, and what a scan says of it, for the table in `docs/coverage.md`.
pub(crate) fn rows() -> Vec<(String, String)> {
    let mut garden = planted();
    worktree(&mut garden);
    let default = garden.repo.scan(&OPTIONS);
    let asked = garden
        .repo
        .scan(&[&OPTIONS[..], &["--worktree", "--ignored"]].concat());
    let has = |report: &Report, token: &str| report.findings().iter().any(|f| f["secret"] == token);
    let rows = garden.planted.iter().map(|planted| {
        let result = match () {
            () if has(&default, &planted.token) => "found",
            () if has(&asked, &planted.token) => "found with `--worktree --ignored`",
            () => "NOT FOUND",
        };
        (planted.name.to_owned(), result.to_owned())
    });
    rows.collect()
}

#[test]
fn every_place_is_searched_loose_and_packed() {
    let mut garden = planted();
    check(&garden, &garden.repo.scan(&OPTIONS), "loose");
    garden.repo.git(&["repack", "-adfkq"]);
    garden.repo.git(&["pack-refs", "--all"]);
    garden.repo.git(&["prune-packed"]);
    check(&garden, &garden.repo.scan(&OPTIONS), "packed");
    worktree(&mut garden);
    let options = [&OPTIONS[..], &["--worktree", "--ignored"]].concat();
    check(&garden, &garden.repo.scan(&options), "with the worktree");
}
