#!/usr/bin/env python3
"""Measures memory and CPU time of scans of expensive inputs.

    benches/hostile.py [--seeds N] [--kinds A,B] [BINARY ...]

Makes N inputs (10) of each of 20 kinds, each from its own seed, and scans each with unleak and every other BINARY.
Prints a table with the largest memory and time of each kind, and the number of inputs over 50 MB and 20 times their
size, over the documented budget (256 MiB, 20 times the input, and 64 MiB for the program itself), or over 10 seconds.
The findings are not checked.
"""

import argparse
import base64
import gzip
import hashlib
import io
import lzma
import os
import random
import resource
import shutil
import struct
import subprocess
import tempfile
import time
import zipfile
import zlib

import programs

OWN = programs.own().path

DEAR = b"password = x api_key = y secret = z token = w sk_live ghp_ xoxb- AKIA -----BEGIN PRIVATE\n"
CPU_LIMIT = 60


def token(rng):
    letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return b'k = "gh' + b"p_" + bytes(rng.choice(letters) for _ in range(36)) + b'"\n'


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(0x80 | n & 0x7F)
        n >>= 7
    return bytes(out) + bytes([n])


def copy(start, size):
    return b"\xff" + struct.pack("<I", start) + struct.pack("<I", size)[:3]


def copies(total):
    parts = []
    for at in range(0, total, 0xFFFFFF):
        parts.append(copy(at, min(0xFFFFFF, total - at)))
    return b"".join(parts)


class Pack:
    def __init__(self):
        self.body = bytearray(b"PACK\0\0\0\2\0\0\0\0")
        self.count = 0

    def entry(self, kind, size, content, base=None):
        at = len(self.body)
        byte, size = kind << 4 | size & 15, size >> 4
        while size:
            self.body.append(byte | 0x80)
            byte, size = size & 0x7F, size >> 7
        self.body.append(byte)
        if base is not None:
            distance = at - base
            digits = [distance & 0x7F]
            while distance > 0x7F:
                distance = (distance >> 7) - 1
                digits.append(0x80 | distance & 0x7F)
            self.body += bytes(reversed(digits))
        self.body += zlib.compress(content, 9)
        self.count += 1
        return at

    def whole(self, kind, content):
        return self.entry(kind, len(content), content)

    def delta(self, base, before, after, instructions):
        content = varint(before) + varint(after) + instructions
        return self.entry(6, len(content), content, base)

    def done(self):
        self.body[8:12] = struct.pack(">I", self.count)
        return bytes(self.body) + hashlib.sha1(self.body).digest()


def doubled(rng, kind, first, siblings):
    pack, size = Pack(), len(first)
    at = pack.whole(kind, first)
    for _ in range(rng.randrange(10, 17)):
        for letter in range(siblings):
            pack.delta(at, size, 2 * size + 1, copies(size) * 2 + bytes([1, 65 + letter]))
        at = pack.delta(at, size, 2 * size, copies(size) * 2)
        size *= 2
    return pack.done()


def bare(path):
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


def with_pack(path, pack):
    bare(path)
    name = f"{path}/objects/pack/pack-{hashlib.sha1(pack).hexdigest()}.pack"
    with open(name, "wb") as file:
        file.write(pack)


def as_bundle(path, pack):
    with open(path, "wb") as file:
        file.write(b"# v2 git bundle\n" + b"0" * 39 + b"1 refs/heads/main\n\n" + pack)


def with_files(path, files):
    os.makedirs(path)
    for name, content in files.items():
        with open(f"{path}/{name}", "wb") as file:
            file.write(content)
    run = lambda *args: subprocess.run(["git", "-C", path, *args], check=True, capture_output=True)
    run("init", "-q")
    run("add", "-A")
    run("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")


def zipped(content, names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def overlapping(content, count):
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packed.compress(content) + packed.flush()
    crc, sizes = zlib.crc32(content), (len(packed), len(content))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, *sizes, 1, 0) + b"a" + packed
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, *sizes, 4, 0, 0, 0, 0, 0, 0)
    entries = b"".join(entry + b"%04d" % number for number in range(count))
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(entries), len(local), 0)
    return local + entries + end


def chain(rng):
    pack, size = Pack(), 1 << 20
    at = pack.whole(3, b"\n" * size)
    for _ in range(rng.randrange(200, 900)):
        line = token(rng)
        at = pack.delta(at, size, size + len(line), copies(size) + bytes([len(line)]) + line)
        size += len(line)
    return pack.done()


def siblings(rng):
    first = (b"\0" if rng.random() < 0.3 else DEAR) * (rng.randrange(1, 8) << 16)
    pack, size = Pack(), len(first)
    base = pack.whole(3, first)
    for number in range(rng.randrange(500, 2500)):
        pack.delta(base, size, size + 8, copies(size) + b"\x08" + b"%08d" % number)
    return pack.done()


def shuffled(rng):
    first = DEAR * rng.randrange(2000, 9000)
    pack, size = Pack(), len(first)
    base = pack.whole(3, first)
    for _ in range(rng.randrange(20, 100)):
        count = size // 700
        parts = b"".join(copy(rng.randrange(size - 700), 700) for _ in range(count))
        pack.delta(base, size, 700 * count, parts)
    return pack.done()


def tree_bomb(path, rng):
    bare(path)
    git = lambda *args, content=b"": subprocess.run(
        ["git", "-C", path, *args], input=content, check=True, capture_output=True
    ).stdout.strip().decode()
    store = lambda kind, content: git("hash-object", "-t", kind, "-w", "--stdin", "--literally", content=content)
    last, mode = store("blob", token(rng)), b"100644"
    for _ in range(rng.randrange(6, 10)):
        entries = (mode + b" %03d\0" % number + bytes.fromhex(last) for number in range(rng.randrange(8, 20)))
        last, mode = store("tree", b"".join(entries)), b"40000"
    text = b"tree " + last.encode() + b"\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"
    git("update-ref", "refs/heads/main", store("commit", text))


def deep_base64(rng):
    text = DEAR * rng.randrange(500, 3000)
    for _ in range(rng.randrange(4, 10)):
        text = base64.b64encode(text)
    return text


def nested_zip(rng):
    content = DEAR * rng.randrange(20_000, 60_000)
    for _ in range(rng.randrange(4, 9)):
        content = zipped(content, map(str, range(rng.randrange(2, 4))))
    return content


def pieces(rng):
    joint = rng.choice([b'" + "', b"','", b'"\n"', b"\\\n"])
    width = 1 if joint == b"','" else rng.randrange(1, 40)
    word = b"a1" * rng.randrange(100_000, 400_000)
    return b'x = "' + joint.join(word[at : at + width] for at in range(0, len(word), width)) + b'"\n'


def quotes(rng):
    return rng.choice([b"a' 'b ", b'a""', b"a\\\n", b'x"+', b"1'\n'2\n"]) * rng.randrange(100_000, 500_000)


def escapes(rng):
    return rng.choice([b"\\141", b"%41", b"&#65;", b"=41=\n", b"\x1b[31ma"]) * rng.randrange(50_000, 300_000)


def pdf(rng):
    stream = zlib.compress(b"(%s) Tj\n" % DEAR.strip() * rng.randrange(5_000, 60_000), 9)
    return b"%PDF-1.5\n" + b"1 0 obj\n<< /Filter /FlateDecode >>\nstream\n%s\nendstream\n" % stream * 20


def lzma_bomb(rng):
    return lzma.compress(DEAR * rng.randrange(200_000, 900_000), format=rng.choice([lzma.FORMAT_XZ, lzma.FORMAT_ALONE]))


KINDS = {
    "deltas that double, no index": lambda p, r: with_pack(p, doubled(r, 3, r.choice([b"\0", DEAR]) * 700, 0)),
    "deltas that double, bundle": lambda p, r: as_bundle(p, doubled(r, 3, DEAR * 700, 0)),
    "deltas that double, siblings": lambda p, r: with_pack(p, doubled(r, 3, DEAR * 600, r.randrange(1, 9))),
    "trees that double": lambda p, r: with_pack(p, doubled(r, 2, (b"100644 a\0" + b"\1" * 20) * 2000, 0)),
    "commits that double": lambda p, r: with_pack(p, doubled(r, 1, b"tree " + b"1" * 40 + b"\n" + b"x" * 60000, 0)),
    "siblings on one base": lambda p, r: with_pack(p, siblings(r)),
    "copies in any order": lambda p, r: with_pack(p, shuffled(r)),
    "long chain of tokens": lambda p, r: with_pack(p, chain(r)),
    "tree bomb": tree_bomb,
    "zip, many": lambda p, r: with_files(p, {f"{n}.zip": zipped(b"%d" % n + DEAR * 10_000, "a") for n in range(r.randrange(50, 300))}),
    "zip, large members": lambda p, r: with_files(p, {"a.zip": zipped(DEAR * 700_000, map(str, range(r.randrange(2, 9))))}),
    "zip, overlapping": lambda p, r: with_files(p, {"a.zip": overlapping(DEAR * 10_000, r.randrange(500, 3000))}),
    "zip, nested": lambda p, r: with_files(p, {"a.zip": nested_zip(r)}),
    "gzip, many": lambda p, r: with_files(p, {f"{n}.gz": gzip.compress(b"%d" % n + b"\0" * 1_000_000) for n in range(r.randrange(100, 600))}),
    "base64, deep": lambda p, r: with_files(p, {"a": deep_base64(r)}),
    "base64 of gzip, many": lambda p, r: with_files(p, {"a": b"\n".join(b"k: " + base64.b64encode(gzip.compress(b"%d" % n + DEAR * 1000)) for n in range(r.randrange(300, 2500)))}),
    "pieces and quotes": lambda p, r: with_files(p, {"a": pieces(r), "b": quotes(r), "c": escapes(r)}),
    "tokens": lambda p, r: with_files(p, {"a": b"".join(token(r) for _ in range(r.randrange(2_000, 30_000)))}),
    "PDF streams": lambda p, r: with_files(p, {"a.pdf": pdf(r)}),
    "xz and lzma": lambda p, r: with_files(p, {"a": lzma_bomb(r)}),
}


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    files = (os.path.join(top, name) for top, _, names in os.walk(path) if "/hooks" not in top for name in names)
    return sum(map(os.path.getsize, files))


def measure(binary, path, home):
    """Returns the exit status, the largest memory in bytes, and the processor time in seconds."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
        os.execve(binary, [binary, "scan", "--threads", "2", "--no-config", path], {"HOME": home})
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--kinds", default="")
    parser.add_argument("binary", nargs="*")
    asked = parser.parse_args()
    asked.binary.insert(0, OWN)
    wanted = [kind for kind in KINDS if any(part in kind for part in asked.kinds.split(","))]
    top = tempfile.mkdtemp(prefix="hostile-")
    print("| kind | binary | largest input | most memory | most CPU | over 50 MB + 20x | over budget | over 10 s | other status |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in wanted:
        rows = {binary: [] for binary in asked.binary}
        for seed in range(asked.seeds):
            path = f"{top}/input"
            KINDS[kind](path, random.Random(f"{kind} {seed}"))
            size = size_of(path)
            for binary in asked.binary:
                rows[binary].append((size, *measure(binary, path, top)))
            shutil.rmtree(path, ignore_errors=True)
            if os.path.exists(path):
                os.remove(path)
        for number, (binary, found) in enumerate(rows.items(), 1):
            over = lambda is_over: sum(map(is_over, found))
            print(
                f"| {kind} | {number} | {max(f[0] for f in found) / 1e6:.2f} MB"
                f" | {max(f[2] for f in found) / 1e6:.0f} MB | {max(f[3] for f in found):.1f} s"
                f" | {over(lambda f: f[2] > 50e6 + 20 * f[0])}"
                f" | {over(lambda f: f[2] > (320 << 20) + 20 * f[0])}"
                f" | {over(lambda f: f[3] > 10)} | {over(lambda f: f[1] not in (0, 1, 3))} |",
                flush=True,
            )
    shutil.rmtree(top)


if __name__ == "__main__":
    start = time.time()
    main()
    print(f"\n{time.time() - start:.0f} s")
