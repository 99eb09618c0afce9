#!/usr/bin/env python3
"""Times incremental scans.

    benches/again.py REPOSITORY [ROUNDS]

Works on a copy of REPOSITORY. Scans all of it, with and without '--state'. Then, ROUNDS (5) times, adds 100 commits to
the branch of HEAD, each of which changes two existing files, and scans the new commits. Then scans an unchanged
repository, one with a changed ref, and one that was repacked (if possible). Figures are medians of whole processes: CPU
time (user plus system) and wall time. The last report is compared with that of a scan without '--state'.
"""

import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import programs

OWN = programs.own().path


def git(repo, *args, **options):
    env = os.environ | {"GIT_NO_LAZY_FETCH": "1"}
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, env=env, **options).stdout


def scan(repo, *options):
    """Runs a scan; returns CPU seconds, wall seconds, and the report without days."""
    start = time.monotonic()
    process = subprocess.Popen([OWN, "scan", "-f", "json", *options, repo], stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    assert os.waitstatus_to_exitcode(status) in (0, 1, 3), "the scan failed"
    report = json.loads(out)
    for finding in report["findings"]:
        finding.pop("first_seen", None)
    return usage.ru_utime + usage.ru_stime, wall, report


def grow(repo, seed):
    """Adds 100 commits that each change two files."""
    chance = random.Random(seed)
    branch = git(repo, "symbolic-ref", "HEAD", text=True).strip()
    files = [line.split(b"\t", 1) for line in git(repo, "ls-tree", "-r", "-z", branch).split(b"\0") if line.startswith(b"100")]
    seconds = int(git(repo, "log", "-1", "--format=%ct", branch)) + 60
    stream = []
    for number in range(100):
        stream.append(f"commit {branch}\ncommitter C <c@example.org> {seconds + number} +0000\ndata 1\nx\n".encode())
        if number == 0:
            stream.append(b"from " + git(repo, "rev-parse", branch))
        changed = 0
        while changed < 2:
            head, path = chance.choice(files)
            mode, _, blob = head.split()
            try:
                text = git(repo, "cat-file", "blob", blob.decode())
            except subprocess.CalledProcessError:
                continue  # a partial clone lacks it
            at = chance.randrange(len(text) + 1)
            text = text[:at] + b"change %d\n" % chance.getrandbits(32) + text[at:]
            name = json.dumps(path.decode(errors="surrogateescape"), ensure_ascii=False).encode(errors="surrogateescape")
            stream.append(b"M %s inline %s\ndata %d\n%s\n" % (mode, name, len(text), text))
            changed += 1
    git(repo, "-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", input=b"".join(stream))


def settle(repo):
    """Lets files grow old: what changed a moment ago counts as changing still."""
    time.sleep(2.5)


def show(name, runs):
    cpu, wall = (statistics.median(run[at] for run in runs) for at in range(2))
    print(f"{name:45} {cpu:7.2f} s CPU {wall:7.2f} s wall", flush=True)


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(dir=pathlib.Path(sys.argv[1]).resolve().parent) as work:
        repo, state = os.path.join(work, "repo"), os.path.join(work, "state")
        shutil.copytree(sys.argv[1], repo, symlinks=True)
        kept = ("--state-dir", state)
        show("everything", [scan(repo) for _ in range(3)])
        firsts = []
        for _ in range(3):
            shutil.rmtree(state, ignore_errors=True)
            firsts.append(scan(repo, *kept))
        show("everything, for the first time with a state", firsts)
        came, same = [], []
        for number in range(rounds):
            grow(repo, number)
            came.append(scan(repo, *kept))
            settle(repo)
            scan(repo, *kept)
            same.append(scan(repo, *kept))
        show("100 commits came", came)
        show("nothing changed", same)
        moved = []
        for number in range(rounds):
            git(repo, "update-ref", f"refs/heads/bench-{number}", "HEAD~3")
            moved.append(scan(repo, *kept))
        show("a ref came", moved)
        whole = scan(repo)[2]
        assert moved[-1][2] == whole, "the same is told"
        try:
            git(repo, "repack", "-a", "-d", "-q")
            show("all was packed anew", [scan(repo, *kept)])
        except subprocess.CalledProcessError:
            print("it cannot be packed anew: it lacks objects")
        bytes_kept = sum(path.stat().st_size for path in pathlib.Path(state).iterdir())
        print(f"{bytes_kept / 1e6:.0f} MB are kept")


if __name__ == "__main__":
    sys.exit(main())
