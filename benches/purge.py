#!/usr/bin/env python3
"""Times a purge, from a report to the update of refs, compared with git-filter-repo.

    benches/purge.py REPOSITORY [BLOBS] [RUNS]

Makes a mirror of REPOSITORY, which must be complete, such as a clone of git's repository. Adds BLOBS (20)
commits to a new branch, each with a new version of a file that contains a token. unleak scans the mirror
once; all programs start with this report. Each run works on a fresh copy:

- 'places': unleak purge --from REPORT --occurrence-only --apply: erases values only where the report lists them;
- 'everywhere': unleak purge --from REPORT --apply: searches all objects for more occurrences;
- 'git-filter-repo --replace-text', if it is installed: see benches/programs.py.

Prints medians of RUNS (3): CPU (user plus system, with all children), wall time; the largest resident
set of one more run under GNU time; and how many commits changed.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import programs

OWN = programs.own().path
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


def main():
    filter_repo = programs.peers("git-filter-repo").get("git-filter-repo")
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
        with open(report) as file:
            saved = json.load(file)
        saved["findings"] = [f for f in saved["findings"] if f["rule_id"] == "github-pat" and len(f["occurrences"]) == blobs]
        assert len(saved["findings"]) == 1, len(saved["findings"])
        with open(report, "w") as file:
            json.dump(saved, file)
        with open(replace, "w") as file:
            file.write(value + "\n")
        apply = ["--apply", copy]
        # Versions that ask before they rewrite are answered.
        if "--yes" in programs.answer(OWN, ["purge", "--help"]):
            apply.insert(1, "--yes")
        commands = {
            "unleak, places": [OWN, "purge", "--from", report, "--occurrence-only", *apply],
            "unleak, everywhere": [OWN, "purge", "--from", report, *apply],
        }
        if filter_repo:
            commands["git-filter-repo"] = [filter_repo.path, "--source", copy, "--target", copy, "--force", "--quiet", "--replace-text", replace]
        costs = {name: [] for name in commands}
        changed, memory = {}, {}
        old = set(git(planted, "rev-list", "--all").split())
        for turn in range(runs + 1):
            for name, command in commands.items():
                shutil.rmtree(copy, ignore_errors=True)
                subprocess.run(["cp", "-a", planted, copy], check=True)
                if turn < runs:
                    costs[name].append(programs.run(command, env=ENV))
                    assert costs[name][-1].status == 0, costs[name][-1].errors
                else:
                    memory[name] = programs.peak(command, env=ENV)
                    changed[name] = len(old - set(git(copy, "rev-list", "--all").split()))
        print(f"{commits} commits, a value in {blobs} blobs; medians of {runs}, {programs.machine()}")
        base = programs.median(costs[list(commands)[-1]], "cpu")
        for name, row in costs.items():
            cpu, wall = (programs.median(row, field) for field in ("cpu", "wall"))
            print(f"{name:20} {cpu:8.2f} s CPU {wall:8.2f} s wall {memory[name]:6.0f} MB  {changed[name]} commits gone  1/{base / cpu:.0f} of the last")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
