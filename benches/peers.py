#!/usr/bin/env python3
"""Measures scans of whole histories, compared with other scanners.

    benches/peers.py [--before UNLEAK] [--runs N] [--only NAMES] REPOSITORY...

For each repository, runs the scanners alternately, N (3) times, and prints medians: CPU time (user and system, of all
threads and child processes), wall time, and the largest resident set, which includes pages of mapped packs. '--before'
adds an earlier version of unleak. '--only' selects rows, such as 'unleak,gitleaks'. benches/programs.py installs the
other scanners and describes how each program is checked.

Scanners that read 'git log -p' stop at the first missing object. A repository with missing objects, such as a partial
clone, is therefore copied, with an empty loose object for each missing one: git does not verify ids when it shows a
diff. A scanner that still stops early has no figures.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zlib

import programs

COMMANDS = {
    "unleak": ["scan", "--format", "json", "{repo}"],
    "gitleaks": ["git", "--no-banner", "--exit-code", "0", "{repo}"],
    "betterleaks": ["git", "--no-banner", "--exit-code", "0", "{repo}"],
    "kingfisher": ["scan", "{repo}", "--git-history", "full", "--no-validate", "--no-update-check"],
}
OPTIONS = [["--max-depth", "0"], ["--no-delta"], ["--threads", "1"]]


def git(repo, *args, **options):
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, text=True, **options).stdout


def missing(repo):
    """Ids of the objects that refs reach and that are not there."""
    listed = git(repo, "rev-list", "--all", "--objects", "--missing=print")
    return [line[1:] for line in listed.splitlines() if line.startswith("?")]


def complete(repo, directory):
    """Returns `repo`, or a copy in `directory` in which an empty blob has the place of each missing object."""
    lacks = missing(repo)
    if not lacks:
        return repo, ""
    copy = os.path.join(directory, "complete")
    subprocess.run(["cp", "-a", git(repo, "rev-parse", "--absolute-git-dir").strip(), copy], check=True)
    for object_id in lacks:
        path = os.path.join(copy, "objects", object_id[:2], object_id[2:])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(zlib.compress(b"blob 0\0"))
    return copy, f", and {len(lacks)} missing"


def rows(own, others, before):
    """The rows of the table: a program and its options."""
    found = {"unleak": [own.path, *COMMANDS["unleak"]]}
    for name, program in others.items():
        found[name] = [program.path, *COMMANDS[name]]
    if before:
        found["unleak before"] = [before.path, *COMMANDS["unleak"]]
    for options in OPTIONS:
        found["unleak " + " ".join(options)] = [own.path, *COMMANDS["unleak"], *options]
    return found


def table(costs):
    print(f"{'':24} {'CPU s':>8} {'ratio':>7} {'wall s':>8} {'ratio':>7} {'MB':>7} {'status':>7}")
    base = None
    for row, runs in costs.items():
        name = row.split()[0]
        if programs.is_unfinished(name, runs) or (name == "unleak" and runs[-1].status not in (0, 1, 3)):
            print(f"{row:24} stopped before the end, status {runs[-1].status}")
            continue
        cpu, wall, memory = (programs.median(runs, field) for field in ("cpu", "wall", "memory"))
        base = base or (cpu, wall)
        ratios = f"{cpu / base[0]:6.1f}x {wall:8.2f} {wall / base[1]:6.1f}x"
        print(f"{row:24} {cpu:8.2f} {ratios} {memory:7.0f} {runs[-1].status:>7}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", metavar="REPOSITORY")
    parser.add_argument("--before", metavar="UNLEAK")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    args = parser.parse_args()
    own = programs.own()
    print(f"unleak {own.version}: {own.path}")
    before = programs.check("unleak", os.path.abspath(args.before)) if args.before else None
    others = [name for name in COMMANDS if name != "unleak" and (not args.only or name in args.only)]
    chosen = rows(own, programs.peers(*others), before)
    if args.only:
        chosen = {name: row for name, row in chosen.items() if name in args.only}
    for repository in map(os.path.abspath, args.repositories):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
            repo, lacks = complete(repository, directory)
            objects = git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").count("\n")
            print(f"\n{repository}: {objects:,} objects{lacks}; medians of {args.runs}, {programs.machine()}")
            commands = {name: [part.format(repo=repo) for part in row] for name, row in chosen.items()}
            # In an empty directory: some scanners read configuration there.
            empty = os.path.join(directory, "empty")
            os.mkdir(empty)
            table(programs.in_turn(commands, args.runs, cwd=empty))
            print(f"{programs.machine()} at the end", flush=True)


if __name__ == "__main__":
    main()
