#!/usr/bin/env python3
"""Times a purge, from known findings to moved refs, beside git-filter-repo.

    benches/purge.py REPOSITORY [BLOBS] [RUNS]

Makes a mirror of REPOSITORY (complete, such as a clone of git's own) and adds BLOBS (20) commits to a
branch of its own, each with a new version of a file that holds a token. unleak scans it once; that
report is what both begin with. Each run works on a fresh copy:

- 'places': unleak purge --from REPORT --occurrence-only --apply: values go where the report says;
- 'everywhere': unleak purge --from REPORT --apply: all objects are searched for further places;
- 'git-filter-repo --replace-text', if it is on the PATH.

Prints medians of RUNS (3): CPU (user plus system, with all children), wall time; the largest resident
set of one more run under GNU time; and how many commits changed.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

OWN = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "target", "release", "unleak"))
ENV = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def git(repo, *args, **options):
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, env=ENV, **options).stdout


def token():
    """A fake GitHub token with a right checksum, made here so that this file holds none."""
    import random
    import zlib

    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    source = random.Random(1)
    body = "".join(source.choice(digits) for _ in range(30))
    crc, tail = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, digit = divmod(crc, 62)
        tail = digits[digit] + tail
    return "gh" + "p_" + body + tail


def plant(repo, blobs, value):
    head = git(repo, "rev-parse", "HEAD").decode().strip()
    lines = []
    for number in range(blobs):
        text = f"# settings {number}\ntoken = {value}\n"
        lines.append(f"commit refs/heads/planted\ncommitter C <c@example.org> {1_900_000_000 + number} +0000\ndata 1\nx\n")
        lines.append(f"from {head}\n" if number == 0 else "")
        lines.append(f"M 100644 inline config/settings-{number % 5}.ini\ndata {len(text)}\n{text}\n")
    git(repo, "fast-import", "--quiet", input="".join(lines).encode())


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    done = subprocess.run(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.time() - start
    assert done.returncode == 0, done.stderr.decode()
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


def peak(command):
    timed = subprocess.run([shutil.which("time") or "/usr/bin/time", "-f", "%M", *command], env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return int(timed.stderr.decode().split()[-1]) / 1024


def main():
    source = os.path.abspath(sys.argv[1])
    blobs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    top = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    try:
        ENV["XDG_STATE_HOME"] = os.path.join(top, "state")
        planted, copy = os.path.join(top, "planted"), os.path.join(top, "copy")
        subprocess.run(["git", "clone", "-q", "--mirror", source, planted], check=True, env=ENV)
        value = token()
        plant(planted, blobs, value)
        commits = git(planted, "rev-list", "--all", "--count").decode().strip()
        report, replace = os.path.join(top, "report.json"), os.path.join(top, "replace")
        with open(report, "wb") as out:
            scan = subprocess.run([OWN, "scan", "--format", "json", planted], stdout=out, env=ENV)
            assert scan.returncode == 1, scan.returncode
        import json

        with open(report) as file:
            saved = json.load(file)
        saved["findings"] = [f for f in saved["findings"] if f["rule_id"] == "github-pat" and len(f["occurrences"]) == blobs]
        assert len(saved["findings"]) == 1, len(saved["findings"])
        with open(report, "w") as file:
            json.dump(saved, file)
        with open(replace, "w") as file:
            file.write(value + "\n")
        commands = {
            "unleak, places": [OWN, "purge", "--from", report, "--occurrence-only", "--apply", copy],
            "unleak, everywhere": [OWN, "purge", "--from", report, "--apply", copy],
        }
        if shutil.which("git-filter-repo"):
            commands["git-filter-repo"] = ["git-filter-repo", "--source", copy, "--target", copy, "--force", "--quiet", "--replace-text", replace]
        times = {name: [] for name in commands}
        changed, memory = {}, {}
        old = set(git(planted, "rev-list", "--all").split())
        for turn in range(runs + 1):
            for name, command in commands.items():
                shutil.rmtree(copy, ignore_errors=True)
                subprocess.run(["cp", "-a", planted, copy], check=True)
                if turn < runs:
                    times[name].append(run(command))
                else:
                    memory[name] = peak(command)
                    changed[name] = len(old - set(git(copy, "rev-list", "--all").split()))
        print(f"{commits} commits, a value in {blobs} blobs; medians of {runs}")
        base = statistics.median(cpu for cpu, _ in times[list(commands)[-1]])
        for name, list_ in times.items():
            cpu, wall = (statistics.median(column) for column in zip(*list_))
            print(f"{name:20} {cpu:8.2f} s CPU {wall:8.2f} s wall {memory[name]:6.0f} MB  {changed[name]} commits gone  1/{base / cpu:.0f} of the last")
    finally:
        shutil.rmtree(top, ignore_errors=True)


main()
