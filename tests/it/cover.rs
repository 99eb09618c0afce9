//! Formats, encodings and closed files, each with a token of its own, and the table of all places in
//! `docs/coverage.md`, which is written from what a scan shows. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Repo, Report, github_token};
use crate::{git_dir, places};

/// What is opened, and the layers that the report must name. python3 makes the files, with `ar`,
/// `lz4` and `xxd` where there is no module.
const OPENED: &[(&str, &[&str])] = &[
    ("zip behind a program", &["zip", "conf/app.ini"]),
    (
        "zip behind a program, with a comment",
        &["zip", "conf/app.ini"],
    ),
    ("zip in the middle of a file", &["zip", "conf/app.ini"]),
    ("ar archive", &["ar", "app.ini"]),
    (
        "ar archive, long names",
        &["ar", "a-name-that-is-longer-than-sixteen.ini"],
    ),
    (
        "Debian package (ar, tar.xz)",
        &["ar", "data.tar.xz", "./etc/app.ini"],
    ),
    ("cpio archive, new format", &["cpio", "etc/app.ini"]),
    ("cpio archive of POSIX.1", &["cpio", "etc/app.ini"]),
    (
        "initramfs (cpio, then gzip of cpio)",
        &["cpio", "(trailing bytes)", "etc/app.ini"],
    ),
    (
        "RPM package (gzip of cpio)",
        &["rpm", "(payload)", "etc/app.ini"],
    ),
    ("lz4 frame", &["lz4"]),
    ("LZMA file (.lzma)", &["lzma"]),
    ("lzip file", &["lzip"]),
    ("brotli stream", &["brotli"]),
    ("zlib stream", &["zlib"]),
    ("loose object of git in a file", &["zlib"]),
    ("pack of git in a file", &["zlib"]),
    ("bundle of git in a file", &["zlib"]),
    ("pack of git in a zip archive", &["zip", "a.pack"]),
    ("gzip in a SQLite cell", &["gzip"]),
    ("zlib in a SQLite cell", &["zlib"]),
    ("gzip at an offset of a program", &["gzip"]),
    ("xz at an offset of a program", &["xz"]),
    ("bzip2 at an offset of a program", &["bzip2"]),
    ("shell script with a tar.gz behind", &["gzip"]),
    ("PDF, Flate stream", &["pdf", "(text)"]),
    ("PDF, text in pieces (TJ)", &["pdf", "(text)"]),
    ("PDF, hexadecimal strings", &["pdf", "(text)"]),
    ("PDF, text that is not compressed", &["pdf", "(text)"]),
    ("PDF, object stream", &["pdf"]),
    ("PDF in a zip archive", &["zip", "a.pdf"]),
    ("PNG tEXt", &[]),
    ("PNG zTXt", &["zlib"]),
    ("PNG iTXt", &[]),
    ("PNG iTXt, compressed", &["zlib"]),
    ("PNG eXIf", &[]),
    ("zip behind a PNG image", &["zip"]),
    ("JPEG comment and EXIF", &[]),
    ("tar.bz2", &["bzip2", "etc/app.ini"]),
    ("tar.xz", &["xz", "etc/app.ini"]),
    ("tar, target of a link", &["gzip", "(link)"]),
    ("tar, pax header", &["gzip", "(pax)"]),
    ("tar, name of a file", &["gzip", "(names)"]),
    ("zip, comment of the archive", &["gzip", "(comment)"]),
    ("zip, comment of an entry", &["gzip", "(comment)"]),
    ("zip, name of a file", &["gzip", "(names)"]),
    (
        "zip, entry that the directory does not name",
        &["zip", "hidden.ini"],
    ),
    ("gzip, comment", &["gzip", "(comment)"]),
    ("bytes behind a gzip stream", &["gzip", "(trailing bytes)"]),
    ("war inside of an ear", &["zip", "a.war", "WEB-INF/web.xml"]),
    ("xlsx, shared strings", &["zip", "xl/sharedStrings.xml"]),
    (
        "layer of a container image",
        &["tar", "layer.tar", "etc/app.ini"],
    ),
    (
        "gem (tar of data.tar.gz)",
        &["tar", "data.tar.gz", "lib/a.rb"],
    ),
    (
        "base64 of a zip archive",
        &["base64", "zip", "conf/app.ini"],
    ),
    ("hexadecimal digits of a gzip stream", &["hex", "gzip"]),
    ("quoted-printable, cut line", &["quoted-printable"]),
    (
        "quoted-printable, escaped equals sign",
        &["quoted-printable"],
    ),
    (
        "patch in a mailbox, quoted-printable",
        &["quoted-printable"],
    ),
    ("patch in a mailbox, base64", &["base64"]),
    ("binary patch of git", &["base85", "zlib"]),
    ("dump of xxd", &["hex dump"]),
    ("dump of hexdump -C", &["hex dump"]),
    ("hexadecimal digits of xxd -p, wrapped", &["hex"]),
    (
        "colours of a terminal inside of a token",
        &["terminal colours"],
    ),
    ("two literals, plus sign (JavaScript)", &["joined literals"]),
    (
        "two literals, plus sign on the next line (Java)",
        &["joined literals"],
    ),
    ("many literals, plus signs (Go)", &["joined literals"]),
    ("adjacent literals (Python)", &["joined literals"]),
    ("adjacent literals on lines (C)", &["joined literals"]),
    ("literals and a dot (PHP)", &["joined literals"]),
    ("literals and two dots (Lua)", &["joined literals"]),
    ("literals and <> (Elixir)", &["joined literals"]),
    ("literals and ++ (Haskell)", &["joined literals"]),
    ("literals, & and _ (Visual Basic)", &["joined literals"]),
    ("literals and || (SQL)", &["joined literals"]),
    (
        "adjacent literals of two quotes (shell)",
        &["joined literals"],
    ),
    ("adjacent f-strings (Python)", &["joined literals"]),
    (
        "backslash at the end of a line (shell)",
        &["joined literals"],
    ),
    (
        "double-quoted scalar that a backslash folds (YAML)",
        &["joined literals"],
    ),
    ("list of characters (JavaScript)", &["joined literals"]),
    ("array of characters (C)", &["joined literals"]),
    ("7z archive (LZMA2)", &["7z", "conf/app.ini"]),
    (
        "7z archive (LZMA), compressed header, several files",
        &["7z", "conf/app.ini"],
    ),
    ("7z archive, stored", &["7z", "conf/app.ini"]),
    ("octal escapes", &["backslash escapes"]),
    ("base32", &["base32"]),
    ("base32 of a gzip stream", &["base32", "gzip"]),
    ("base64 in two literals", &["joined literals", "base64"]),
];

/// What is not opened, and the words that name it.
const CLOSED: &[(&str, &str)] = &[
    ("rar archive", "rar archive"),
    ("xar archive", "xar archive"),
    ("squashfs image", "squashfs image"),
    ("dmg image", "dmg image"),
    ("file of compress (.Z)", "file of compress"),
    ("snappy stream", "snappy stream"),
    (
        "lz4 stream of the legacy format",
        "lz4 stream of the legacy format",
    ),
    ("lzop file", "lzop file"),
    ("lrzip file", "lrzip file"),
    ("cabinet archive", "cabinet archive"),
    ("wim image", "wim image"),
    ("qcow2 image", "qcow2 image"),
    ("parquet file", "parquet file"),
    ("ORC file", "ORC file"),
    ("avro file", "avro file"),
    ("HDF5 file", "HDF5 file"),
    ("PDF, stream in LZW", "PDF stream in LZW"),
    (
        "PDF, font with an encoding of its own",
        "PDF text in a font",
    ),
    ("PDF, encrypted", "the document is encrypted"),
    ("UTF-7 with a byte order mark", "text in UTF-7"),
    ("zip with a password", "needs a password"),
    ("file of sops, YAML", "encrypted by sops"),
    ("file of sops, JSON", "encrypted by sops"),
    ("file of age", "encrypted by age"),
    ("file of age, armored", "encrypted by age"),
    ("file of ansible-vault", "encrypted by ansible-vault"),
    ("file of git-crypt", "encrypted by git-crypt"),
    ("message of OpenPGP, armored", "encrypted by OpenPGP"),
    ("message of OpenPGP", "encrypted by OpenPGP"),
    ("file of openssl enc", "encrypted by openssl enc"),
    ("vault of KeePass", "encrypted by KeePass"),
];

/// Makes a file for each entry of the two lists above, named by its number.
const MAKE: &str = r##"
import base64, binascii, bz2, gzip, io, json, lzma, os, quopri, sqlite3, struct, subprocess, sys
import tarfile, zipfile, zlib

tokens = json.load(sys.stdin)
order = list(tokens)
os.makedirs("opened", exist_ok=True)

def text(name):
    return ("[core]\nurl = example\ntoken = \"%s\"\n" % tokens[name]).encode()

def save(name, content):
    with open("opened/%02d" % order.index(name), "wb") as file:
        file.write(content)

def zipped(name, content, comment=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()

def tarred(name, content, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()

program = b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 5
noise = b"".join(struct.pack("<I", n * 2654435761 % 2**32) for n in range(900))

name = "zip behind a program"
save(name, program + zipped("conf/app.ini", text(name)))
name = "zip behind a program, with a comment"
save(name, program + zipped("conf/app.ini", text(name), b"a comment " * 100))
name = "zip in the middle of a file"
save(name, program + zipped("conf/app.ini", text(name)) + noise * 20)

def ar(members):
    out = b"!<arch>\n"
    for name, content in members:
        out += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, 0, 0, 0, 0o644, len(content)) + content
        out += b"\n" * (len(content) % 2)
    return out

name = "ar archive"
save(name, ar([(b"app.ini/", gzip.compress(text(name)))]))
name = "ar archive, long names"
save(name, ar([(b"//", b"a-name-that-is-longer-than-sixteen.ini/\n"), (b"/0", gzip.compress(text(name)))]))
name = "Debian package (ar, tar.xz)"
os.makedirs("deb", exist_ok=True)
members = [("debian-binary", b"2.0\n"), ("control.tar.gz", tarred("./control", b"Package: a\n", "w:gz")),
           ("data.tar.xz", tarred("./etc/app.ini", text(name), "w:xz"))]
for member, content in members:
    with open("deb/" + member, "wb") as file:
        file.write(content)
subprocess.run(["ar", "rcS", "a.deb"] + [member for member, _ in members], cwd="deb", check=True)
save(name, open("deb/a.deb", "rb").read())
subprocess.run(["rm", "-r", "deb"], check=True)

def cpio_new(members):
    out = b""
    for name, content in members + [(b"TRAILER!!!", b"")]:
        head = [1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % n for n in head) + name + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out

def cpio_posix(members):
    out = b""
    for name, content in members + [(b"TRAILER!!!", b"")]:
        out += b"070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o" % (0, 1, 0o100644, 0, 0, 1, 0, 0, len(name) + 1, len(content))
        out += name + b"\0" + content
    return out

for name, make in [("cpio archive, new format", cpio_new), ("cpio archive of POSIX.1", cpio_posix)]:
    save(name, make([(b"etc/app.ini", gzip.compress(text(name)))]))
name = "initramfs (cpio, then gzip of cpio)"
save(name, cpio_new([(b"kernel/x86", b"code")]) + bytes(512) + gzip.compress(cpio_new([(b"etc/app.ini", text(name))])))

def rpm_header(entries):
    return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">II", 1, len(entries)) + struct.pack(">IIII", 1000, 6, 0, 1) + entries

name = "RPM package (gzip of cpio)"
signature = rpm_header(b"a\0bc")
save(name, b"\xed\xab\xee\xdb\x03\0" + bytes(90) + signature + bytes(-len(signature) % 8) + rpm_header(b"name\0")
     + gzip.compress(cpio_new([(b"etc/app.ini", text(name))])))
name = "lz4 frame"
save(name, subprocess.run(["lz4", "-c"], input=text(name) * 3, capture_output=True, check=True).stdout)
name = "LZMA file (.lzma)"
save(name, lzma.compress(text(name) * 3, format=lzma.FORMAT_ALONE))

def lzip(content):
    raw = lzma.compress(content, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 3, "lp": 0, "pb": 2}])
    size = 6 + len(raw) + 20
    return b"LZIP\x01\x14" + raw + struct.pack("<IQQ", zlib.crc32(content), len(content), size)

name = "lzip file"
save(name, lzip(text(name) * 3))

name = "zlib stream"
save(name, zlib.compress(text(name) * 3))

def git(*args, **options):
    return subprocess.run(["git"] + list(args), check=True, capture_output=True, cwd="inner", **options).stdout

def packed(name):
    os.makedirs("inner")
    git("init", "-q", "--initial-branch=main")
    with open("inner/app.ini", "wb") as file:
        file.write(text(name) * 3)
    git("add", "app.ini")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x")

name = "loose object of git in a file"
content = text(name)
save(name, zlib.compress(b"blob %d\0" % len(content) + content))
for name in ["pack of git in a file", "bundle of git in a file", "pack of git in a zip archive"]:
    packed(name)
    if name.startswith("bundle"):
        content = git("bundle", "create", "-", "--all")
    else:
        content = git("pack-objects", "--all", "--stdout", input=b"")
    if name.endswith("zip archive"):
        content = zipped("a.pack", content)
    save(name, content)
    subprocess.run(["rm", "-rf", "inner"], check=True)

for name, pack in [("gzip in a SQLite cell", gzip.compress), ("zlib in a SQLite cell", zlib.compress)]:
    base = sqlite3.connect("a.sqlite")
    base.execute("create table t (k text, v blob)")
    base.execute("insert into t values ('x', ?)", (pack(text(name) * 3),))
    base.commit()
    base.close()
    save(name, open("a.sqlite", "rb").read())
    os.remove("a.sqlite")
for kind, pack in [("gzip", gzip.compress), ("xz", lzma.compress), ("bzip2", bz2.compress)]:
    name = kind + " at an offset of a program"
    save(name, program + pack(text(name)) + noise)
name = "shell script with a tar.gz behind"
save(name, b"#!/bin/sh\ntail -n +3 $0 | tar xz\nexit 0\n" + tarred("app.ini", text(name), "w:gz"))

def pdf(objects, extra=b""):
    out = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"
    for number, (head, content) in enumerate(objects, 1):
        out += b"%d 0 obj\n<< /Length %d %s >>\nstream\n" % (number, len(content), head) + content + b"\nendstream\nendobj\n"
    return out + extra + b"trailer << /Size %d >>\n%%%%EOF\n" % len(objects)

flate = b"/Filter /FlateDecode"
def page(shown):
    return b"BT /F1 12 Tf 72 720 Td " + shown + b" ET"
def pieces(token):
    return b"[" + b" -15 ".join(b"(" + token[at:at + 3] + b")" for at in range(0, len(token), 3)) + b"] TJ"

name = "PDF, Flate stream"
save(name, pdf([(flate, zlib.compress(page(b"(token ) Tj (" + tokens[name].encode() + b") Tj")))]))
name = "PDF, text in pieces (TJ)"
save(name, pdf([(flate, zlib.compress(page(pieces(tokens[name].encode()))))]))
name = "PDF, hexadecimal strings"
save(name, pdf([(flate, zlib.compress(page(b"<" + tokens[name].encode("utf-16-be").hex().encode() + b"> Tj")))]))
name = "PDF, text that is not compressed"
save(name, pdf([(b"", page(pieces(tokens[name].encode())))]))
name = "PDF, object stream"
save(name, pdf([(b"/Type /ObjStm " + flate, zlib.compress(b"1 0 << /Title (" + tokens[name].encode() + b") >>"))]))
name = "PDF in a zip archive"
save(name, zipped("a.pdf", pdf([(flate, zlib.compress(page(pieces(tokens[name].encode()))))])))

def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
def png(*chunks):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")

name = "PNG tEXt"
save(name, png(chunk(b"tEXt", b"Comment\0token = " + tokens[name].encode())))
name = "PNG zTXt"
save(name, png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text(name)))))
name = "PNG iTXt"
save(name, png(chunk(b"iTXt", b"Comment\0\0\0\0\0" + text(name))))
name = "PNG iTXt, compressed"
save(name, png(chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(text(name)))))
exif = lambda token: b"MM\0*\0\0\0\x08\0\1\x01\x0e\0\2" + struct.pack(">II", len(token) + 1, 26) + bytes(4) + token + b"\0"
name = "PNG eXIf"
save(name, png(chunk(b"eXIf", exif(tokens[name].encode()))))
name = "zip behind a PNG image"
save(name, png() + zipped("app.ini", text(name)))
name = "JPEG comment and EXIF"
app = b"Exif\0\0" + exif(tokens[name].encode())
save(name, b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app) + 2) + app + b"\xff\xfe\0\x08hello!" + noise + b"\xff\xd9")

for name, mode in [("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")]:
    save(name, tarred("etc/app.ini", text(name), mode))

def tar_of(info, content=b""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()

name = "tar, target of a link"
info = tarfile.TarInfo("link")
info.type, info.linkname = tarfile.SYMTYPE, "https://x:%s@example.org/" % tokens[name]
save(name, gzip.compress(tar_of(info)))
name = "tar, pax header"
info = tarfile.TarInfo("a")
info.pax_headers = {"SCHILY.xattr.user.token": tokens[name]}
save(name, gzip.compress(tar_of(info, b"x")))
name = "tar, name of a file"
save(name, gzip.compress(tar_of(tarfile.TarInfo("conf/%s/a.ini" % tokens[name]), b"x")))

def zip_with(comment=b"", entry_comment=b"", entry="a.txt"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(entry)
        info.comment = entry_comment
        archive.writestr(info, b"alpha")
        archive.comment = comment
    return gzip.compress(out.getvalue())

name = "zip, comment of the archive"
save(name, zip_with(comment=tokens[name].encode()))
name = "zip, comment of an entry"
save(name, zip_with(entry_comment=tokens[name].encode()))
name = "zip, name of a file"
save(name, zip_with(entry="conf/%s/a.ini" % tokens[name]))
name = "zip, entry that the directory does not name"
hidden = zipped("hidden.ini", text(name))
save(name, hidden[:hidden.index(b"PK\1\2")] + zipped("a.txt", b"alpha"))
name = "gzip, comment"
stream = gzip.compress(b"alpha")
save(name, stream[:3] + b"\x10" + stream[4:10] + base64.b64encode(text(name)) + b"\0" + stream[10:])
name = "bytes behind a gzip stream"
save(name, gzip.compress(b"alpha") + b"\1" + base64.b64encode(text(name)))
name = "war inside of an ear"
save(name, zipped("a.war", zipped("WEB-INF/web.xml", text(name))))
name = "xlsx, shared strings"
save(name, zipped("xl/sharedStrings.xml", b"<si><t>" + tokens[name].encode() + b"</t></si>"))
name = "layer of a container image"
save(name, tarred("layer.tar", gzip.compress(tarred("etc/app.ini", text(name)))))
name = "gem (tar of data.tar.gz)"
save(name, tarred("data.tar.gz", tarred("lib/a.rb", text(name), "w:gz")))
name = "base64 of a zip archive"
save(name, b"data: " + base64.b64encode(zipped("conf/app.ini", text(name))) + b"\n")
name = "hexadecimal digits of a gzip stream"
save(name, b"data: 0x" + gzip.compress(text(name)).hex().encode() + b"\n")

name = "quoted-printable, cut line"
save(name, quopri.encodestring(b"the key that we use for the deployment of all services is: " + tokens[name].encode() + b" (until May)\n"))
name = "quoted-printable, escaped equals sign"
save(name, b"Content-Transfer-Encoding: quoted-printable\n\ntoken=3D" + tokens[name].encode() + b"\n")
mail = b"From 0123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH] x\nContent-Transfer-Encoding: %s\n\n%s\n-- \n2.40\n"
diff = lambda name: b"--- a/app.ini\n+++ b/app.ini\n@@ -1 +1,2 @@\n the first line of the configuration, which is long enough to be cut \xc3\xa9\n+a_long_name_of_a_setting_of_the_application = \"" + tokens[name].encode() + b"\"\n"
name = "patch in a mailbox, quoted-printable"
save(name, mail % (b"quoted-printable", quopri.encodestring(diff(name))))
name = "patch in a mailbox, base64"
save(name, mail % (b"base64", base64.encodebytes(diff(name))))

def base85(content):
    out = b""
    for at in range(0, len(content), 52):
        line = content[at:at + 52]
        letter = chr(len(line) + 64) if len(line) <= 26 else chr(len(line) - 26 + 96)
        out += letter.encode() + base64.b85encode(line, pad=True) + b"\n"
    return out

name = "binary patch of git"
content = text(name) * 4 + bytes(10)
save(name, b"diff --git a/x b/x\nnew file mode 100644\nGIT binary patch\nliteral %d\n" % len(content)
     + base85(zlib.compress(content)) + b"\nliteral 0\n" + base85(zlib.compress(b"")) + b"\n")
name = "dump of xxd"
save(name, b"as seen:\n" + subprocess.run(["xxd"], input=text(name), capture_output=True, check=True).stdout)

def hexdump(content):
    out = b""
    for at in range(0, len(content), 16):
        line = content[at:at + 16]
        digits = " ".join("%02x" % c for c in line[:8]) + "  " + " ".join("%02x" % c for c in line[8:])
        shown = "".join(chr(c) if 32 <= c < 127 else "." for c in line)
        out += ("%08x  %-49s |%s|\n" % (at, digits, shown)).encode()
    return out + b"%08x\n" % len(content)

name = "dump of hexdump -C"
save(name, hexdump(text(name)))
name = "hexadecimal digits of xxd -p, wrapped"
save(name, subprocess.run(["xxd", "-p"], input=text(name), capture_output=True, check=True).stdout)
name = "colours of a terminal inside of a token"
token = tokens[name].encode()
save(name, b"match: \x1b[1;31m" + token[:9] + b"\x1b[0m" + token[9:20] + b"\x1b[38;5;12m" + token[20:] + b"\x1b[m\n")

def cut(name, len):
    token = tokens[name]
    return [token[at:at + len] for at in range(0, len_of(token), len)]

len_of = len
for name, width, start, joint, end in [
    ("two literals, plus sign (JavaScript)", 25, "const x = '", "' + '", "';\n"),
    ("two literals, plus sign on the next line (Java)", 22, 'String x = "', '"\n        + "', '";\n'),
    ("many literals, plus signs (Go)", 3, 'x := "', '" + "', '"\n'),
    ("adjacent literals (Python)", 4, "x = ('", "' '", "')\n"),
    ("adjacent literals on lines (C)", 30, 'char *x = "', '"\n          "', '";\n'),
    ("literals and a dot (PHP)", 2, "$x = '", "' . '", "';\n"),
    ("literals and two dots (Lua)", 11, 'local x = "', '" .. "', '"\n'),
    ("literals and <> (Elixir)", 9, 'x = "', '" <> "', '"\n'),
    ("literals and ++ (Haskell)", 15, 'x = "', '" ++ "', '"\n'),
    ("literals, & and _ (Visual Basic)", 20, 'x = "', '" & _\r\n    "', '"\r\n'),
    ("literals and || (SQL)", 8, "SELECT '", "' || '", "';\n"),
    ("adjacent literals of two quotes (shell)", 39, "X='", "'\"", '"\n'),
    ("adjacent f-strings (Python)", 6, 'x = f"', '" f"', '"\n'),
    ("backslash at the end of a line (shell)", 18, "X=", "\\\n", "\n"),
    ("double-quoted scalar that a backslash folds (YAML)", 14, 'x: "', "\\\n  ", '"\n'),
    ("list of characters (JavaScript)", 1, "x = ['", "','", "'].join('')\n"),
    ("array of characters (C)", 1, "char x[] = {'", "', '", "'};\n"),
]:
    save(name, (start + joint.join(cut(name, width)) + end).encode())

def num(n):
    if n < 0x80:
        return bytes([n])
    if n < 0x4000:
        return bytes([0x80 | n >> 8, n & 0xff])
    return bytes([0xc0 | n >> 16]) + struct.pack("<H", n & 0xffff)

def streams(at, packed, coder, sizes):
    out = b"\x06" + num(at) + num(1) + b"\x09" + num(len(packed)) + b"\0"
    out += b"\x07\x0b" + num(1) + b"\0" + num(1) + coder + b"\x0c" + num(sum(sizes)) + b"\0"
    if len(sizes) > 1:
        out += b"\x08\x0d" + num(len(sizes)) + b"\x09" + b"".join(num(size) for size in sizes[:-1]) + b"\0"
    return out + b"\0"

def sevenzip(files, coder, pack, packs_header):
    contents = [content for _, content in files]
    packed = pack(b"".join(contents))
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name, _ in files)
    header = b"\x01\x04" + streams(0, packed, coder, [len(content) for content in contents])
    header += b"\x05" + num(len(files)) + b"\x11" + num(len(names) + 1) + b"\0" + names + b"\0\0"
    body = packed
    if packs_header:
        again = lzma.compress(header, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])
        props = b"\x5d" + struct.pack("<I", 1 << 16)
        header = b"\x17" + streams(len(body), again, b"\x23\x03\x01\x01\x05" + props, [len(header)])
        body += again
    start = struct.pack("<QQI", len(body), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + body + header

name = "7z archive (LZMA2)"
pack = lambda content: lzma.compress(content, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
save(name, sevenzip([("conf/app.ini", text(name))], b"\x21\x21\x01\x10", pack, False))
name = "7z archive (LZMA), compressed header, several files"
pack = lambda content: lzma.compress(content, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}])
files = [("a.txt", b"alpha\n" * 40), ("conf/app.ini", text(name)), ("b.txt", b"beta\n" * 9)]
save(name, sevenzip(files, b"\x23\x03\x01\x01\x05\x5d" + struct.pack("<I", 1 << 16), pack, True))
name = "7z archive, stored"
save(name, sevenzip([("conf/app.ini", text(name))], b"\x01\x00", lambda content: content, False))
name = "octal escapes"
save(name, b'x = "' + b"".join(b"\\%03o" % c for c in tokens[name].encode()) + b'"\n')
name = "base32"
save(name, b"data: " + base64.b32encode(text(name)) + b"\n")
name = "base32 of a gzip stream"
save(name, b"data: " + base64.b32encode(gzip.compress(text(name))) + b"\n")
name = "base64 in two literals"
whole = base64.b64encode(text(name)).decode()
save(name, ('x = "%s" + "%s"\n' % (whole[:50], whole[50:])).encode())
"##;

/// Makes the files that are not opened.
const MAKE_CLOSED: &str = r##"
import io, json, os, sys, zipfile, zlib
order = json.load(sys.stdin)
os.makedirs("closed", exist_ok=True)

def save(name, content):
    with open("closed/%02d" % order.index(name), "wb") as file:
        file.write(content)

# Neither text nor any format.
body = bytes((n * n * 7 + n * 31 + 11) % 251 | 128 for n in range(900)) + bytes(3)
for name, magic in [
    ("rar archive", b"Rar!\x1a\x07\x01\0"), ("xar archive", b"xar!\0\x1c"),
    ("squashfs image", b"hsqs"), ("file of compress (.Z)", b"\x1f\x9d\x90"), ("snappy stream", b"\xff\x06\0\0sNaPpY"),
    ("lz4 stream of the legacy format", b"\x02\x21\x4c\x18"), ("lzop file", b"\x89LZO\0\r\n\x1a\n"), ("lrzip file", b"LRZI\0\x06"),
    ("cabinet archive", b"MSCF\0\0\0\0"), ("wim image", b"MSWIM\0\0\0"), ("qcow2 image", b"QFI\xfb\0\0\0\x03"),
    ("avro file", b"Obj\x01\x04"), ("HDF5 file", b"\x89HDF\r\n\x1a\n"), ("file of git-crypt", b"\0GITCRYPT\0"),
    ("file of age", b"age-encryption.org/v1\n-> X25519 abc\nxyz\n--- mac\n"), ("file of openssl enc", b"Salted__"),
    ("vault of KeePass", b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5"), ("message of OpenPGP", b"\x85\x02\x0c\x03"),
]:
    save(name, magic + body)
save("dmg image", body + (b"koly\0\0\0\x04" + bytes(512))[:512])
save("parquet file", b"PAR1" + body + b"PAR1")
save("ORC file", b"ORC" + body + b"\x08ORC\x17")
head = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"
save("PDF, stream in LZW", head + b"1 0 obj\n<< /Filter /LZWDecode >>\nstream\n" + body + b"\nendstream\n")
save("PDF, font with an encoding of its own", head + b"1 0 obj\n<< /Type /Font /Encoding /Identity-H >>\nendobj\n%%EOF\n")
save("PDF, encrypted", head + b"trailer\n<< /Encrypt 5 0 R >>\n%%EOF\n")
save("UTF-7 with a byte order mark", b"+/v8-a +AD0 b\n")
save("file of sops, YAML", b"a: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\nsops:\n    mac: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n    version: 3.9.1\n")
save("file of sops, JSON", b'{"a": "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "sops": {"mac": "x",\n"version": "3.9.1"\n}\n}\n')
save("file of age, armored", b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n")
save("file of ansible-vault", b"$ANSIBLE_VAULT;1.1;AES256\n61626364\n")
save("message of OpenPGP, armored", b"-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n")

out = io.BytesIO()
with zipfile.ZipFile(out, "w") as archive:
    archive.writestr("a.txt", body)
locked = bytearray(out.getvalue())
locked[6] |= 1
locked[locked.index(b"PK\1\2") + 8] |= 1
save("zip with a password", bytes(locked))
"##;

fn python(script: &str, dir: &Path, input: &impl serde::Serialize) {
    let mut python = Command::new("python3")
        .args(["-c", script])
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = python.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(input).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    assert!(python.wait().unwrap().success());
}

/// A repository with everything that is opened, and the token of each.
fn opened() -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let tokens = (20_000..).take(OPENED.len()).map(github_token);
    let tokens: Vec<String> = tokens.collect();
    // An object whose order counts.
    let pairs: Vec<String> = OPENED
        .iter()
        .zip(&tokens)
        .map(|((name, _), token)| format!("{}:{}", Value::from(*name), Value::from(token.clone())))
        .collect();
    let script = MAKE.replace("json.load(sys.stdin)", "json.loads(json.load(sys.stdin))");
    python(&script, repo.path(), &format!("{{{}}}", pairs.join(",")));
    let at = OPENED
        .iter()
        .position(|(name, _)| *name == "brotli stream")
        .unwrap();
    let text = format!("[core]\nurl = example\ntoken = \"{}\"\n", tokens[at]).repeat(3);
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut text.as_bytes(), &mut packed, &Default::default()).unwrap();
    repo.write(format!("opened/{at:02}"), packed);
    repo.commit("formats");
    (repo, tokens)
}

/// A repository with everything that is not opened.
fn closed() -> Repo {
    let repo = Repo::new();
    let names: Vec<&str> = CLOSED.iter().map(|(name, _)| *name).collect();
    python(MAKE_CLOSED, repo.path(), &names);
    repo.commit("closed");
    repo
}

/// The layers around the secret `token`.
fn layers_of(report: &Report, token: &str) -> Option<Vec<String>> {
    let found = report.findings().iter().find(|f| f["secret"] == token)?;
    // It is left out where there are none.
    let wrapping = found["occurrences"][0]["wrapping"].as_array();
    let wrapping = wrapping.map_or(&[][..], Vec::as_slice);
    let layers = wrapping
        .iter()
        .flat_map(|layer| layer.as_object().unwrap().values());
    Some(
        layers
            .map(|layer| layer.as_str().unwrap().to_owned())
            .collect(),
    )
}

#[test]
fn what_is_opened_is_found_with_all_that_is_around_it() {
    let (repo, tokens) = opened();
    let report = repo.scan(&["--show-secrets", "--min-confidence", "high"]);
    let mut wrong = String::new();
    for ((name, layers), token) in OPENED.iter().zip(&tokens) {
        match layers_of(&report, token) {
            None => {
                let _ = writeln!(wrong, "{name}: not found");
            }
            Some(found) => {
                let is_there = layers
                    .iter()
                    .all(|layer| found.iter().any(|one| one == layer));
                if !is_there || (layers.is_empty() && !found.is_empty()) {
                    let _ = writeln!(wrong, "{name}: {found:?}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(report.findings().len(), OPENED.len(), "each once");
    assert_eq!(report.code, 1, "{:#}", report.json["coverage"]);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    assert!(unopened.is_empty(), "{unopened:#?}");
}

#[test]
fn what_is_not_opened_is_named_in_every_format_of_report() {
    let repo = closed();
    let report = repo.scan(&[]);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    for (number, (name, words)) in CLOSED.iter().enumerate() {
        let id = repo.git(&["rev-parse", &format!("HEAD:closed/{number:02}")]);
        let is_named = |entry: &&Value| {
            entry["object"] == id.as_str() && entry["detail"].as_str().unwrap().contains(words)
        };
        assert_eq!(
            unopened.iter().filter(is_named).count(),
            1,
            "{name}: {unopened:#?}"
        );
    }
    assert_eq!(unopened.len(), CLOSED.len(), "{unopened:#?}");
    assert_eq!(report.code, 0, "nobody can do more about them");
    let path = repo.path().to_str().unwrap();
    for format in [
        "human", "json", "jsonl", "sarif", "github", "gitlab", "csv", "junit", "html",
    ] {
        let output = repo.unleak(&["scan", "--format", format, path], b"", &[]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            ["not opened", "not-opened", "unopened"]
                .iter()
                .any(|word| said.contains(word)),
            "{format}: {said}"
        );
        assert!(!said.contains("everything was read\n"), "{format}: {said}");
        if ["json", "jsonl", "sarif", "gitlab", "csv", "html"].contains(&format) {
            assert!(
                said.contains("rar archive") && said.contains("sops"),
                "{format}: {said}"
            );
        }
    }
}

#[test]
fn the_name_of_a_damaged_member_does_not_fill_a_report() {
    let repo = Repo::new();
    // A gzip stream with the flag for a name, and no valid data after it.
    let mut stream = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    stream.extend(b"\x01long/".repeat(10_000));
    stream.extend([0, 0xff, 0xff, 0xff, 0xff]);
    repo.write("a.gz", stream);
    repo.commit("a");
    let report = repo.scan(&[]);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    assert_eq!(unopened.len(), 1, "{unopened:#?}");
    let detail = unopened[0]["detail"].as_str().unwrap();
    assert!(detail.contains("long/long") || detail.contains("long/\u{1}long"));
    assert!(detail.len() < 500, "{} bytes", detail.len());
}

#[test]
fn ordinary_files_are_not_taken_for_closed_ones() {
    let repo = Repo::new();
    repo.write(
        "a.md",
        "$ANSIBLE_VAULT is what a vault begins with\nRar! 7z\n",
    );
    repo.write("b.yaml", "sops:\n  version: 3\nENC\n");
    repo.write("c.txt", "name = x =\n  y\n0000: hello\nliteral 12\nzzz\n");
    repo.write(
        "d.bin",
        (0..20_000u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect::<Vec<u8>>(),
    );
    repo.write(
        "e.bin",
        [
            &[0u8; 4000][..],
            b"PK\x05\x06",
            &[1; 30],
            b"\x78\x9c\x1f\x8b\x08BZh9",
        ]
        .concat(),
    );
    repo.commit("ordinary");
    let report = repo.scan(&[]);
    assert_eq!(report.code, 0, "{:#}", report.json);
    assert_eq!(
        report.json["coverage"]["unopened"]
            .as_array()
            .unwrap()
            .len(),
        0,
        "{:#}",
        report.json["coverage"]
    );
}

#[test]
fn a_purge_says_where_nothing_is_proven() {
    let repo = closed();
    let token = github_token(1);
    repo.commit_file("app.ini", format!("token = \"{token}\"\n"));
    let state = tempfile::TempDir::new().unwrap();
    let state = state.path().to_str().unwrap();
    let args = ["purge", "--known", "-", "--apply", "--finish"];
    let output = repo.unleak(&args, token.as_bytes(), &[("XDG_STATE_HOME", state)]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("rar archive"), "{said}");
    let verdict = "but for the files above that were not opened";
    assert!(
        said.contains(verdict),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        !said.contains("Proven: the values are gone from this repository.\n"),
        "{said}"
    );
}

#[test]
fn a_purge_puts_one_mark_in_the_place_of_all_pieces_of_a_token() {
    let repo = Repo::new();
    let token = github_token(3);
    let characters: Vec<String> = token.chars().map(|c| format!("'{c}'")).collect();
    let (one, two) = token.split_at(13);
    repo.write("a.js", format!("const x = \"{one}\" + \"{two}\";\n"));
    repo.write("b.js", format!("x = [{}].join('')\n", characters.join(",")));
    repo.write("c.py", format!("x = (\"{one}\"\n     \"{two}\")\n"));
    repo.commit("pieces");
    assert_eq!(
        repo.scan(&[]).findings().len(),
        1,
        "one token, three places"
    );
    let state = tempfile::TempDir::new().unwrap();
    let state = state.path().to_str().unwrap();
    let args = ["purge", "--apply", "--finish"];
    let output = repo.unleak(&args, b"", &[("XDG_STATE_HOME", state)]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Proven: the values are gone"), "{said}");
    for (file, text) in [
        ("a.js", "const x = \"***REMOVED***\";"),
        ("b.js", "x = ['***REMOVED***'].join('')"),
        ("c.py", "x = (\"***REMOVED***\")"),
    ] {
        assert_eq!(repo.git(&["show", &format!("HEAD:{file}")]), text);
    }
    assert_eq!(repo.scan(&[]).findings().len(), 0);
}

/// The table of `docs/coverage.md`.
fn table() -> String {
    let mut rows: BTreeMap<u8, Vec<(String, String)>> = BTreeMap::new();
    rows.insert(0, [places::rows(), git_dir::rows()].concat());
    let (repo, tokens) = opened();
    let report = repo.scan(&["--show-secrets", "--min-confidence", "high"]);
    let found = OPENED.iter().zip(&tokens).map(|((name, _), token)| {
        let word = layers_of(&report, token).map_or("NOT FOUND", |_| "found");
        ((*name).to_owned(), word.to_owned())
    });
    rows.insert(1, found.collect());
    let report = closed().scan(&[]);
    let unopened = report.json["coverage"]["unopened"].as_array().unwrap();
    let named = CLOSED.iter().map(|(name, words)| {
        let is_named = unopened
            .iter()
            .any(|entry| entry["detail"].as_str().unwrap().contains(words));
        let word = if is_named {
            "named under `unopened`"
        } else {
            "NOT NAMED"
        };
        ((*name).to_owned(), word.to_owned())
    });
    rows.insert(2, named.collect());
    let mut text = String::from(HEAD);
    for (title, rows) in TITLES.iter().zip(rows.values()) {
        let _ = writeln!(text, "\n## {title}\n\n| place | result |\n|---|---|");
        for (place, result) in rows {
            let _ = writeln!(text, "| {place} | {result} |");
        }
    }
    text
}

const TITLES: [&str; 3] = [
    "Where git keeps text",
    "Formats and encodings",
    "What is not opened",
];

const HEAD: &str = "# Where a secret can hide, and what a scan says

This table is written by a test (`tests/it/cover.rs`): it puts a token of its own into each place, scans
the repository, and writes down the result. `UPDATE_GOLDEN=1 cargo test --test it cover` writes it anew.

- *found*: the default scan finds the token and says where it is.
- *found with* an option: the default scan does not read that place.
- *named under `unopened`*: the format or the encryption keeps the text from being read; every report
  says so, with the kind.

Nothing is passed over without a word. Files are told by their content, never by their name.
";

#[test]
fn the_table_of_places_is_what_a_scan_says() {
    let table = table();
    assert!(!table.contains("NOT "), "{table}");
    let path = Path::new("docs/coverage.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == table,
        "UPDATE_GOLDEN=1 writes {} anew",
        path.display()
    );
}
