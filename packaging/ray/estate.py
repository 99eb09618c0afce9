#!/usr/bin/env python3
"""Scans many repositories on a Ray cluster.

    packaging/ray/estate.py LIST --mirrors DIR --output DIR [--address auto]

LIST contains one git URL per line. Each repository is mirrored into --mirrors and scanned there with one CPU. All nodes
must share both directories, and unleak and git must be on the PATH of each node (or use --unleak). A second run does not
read unchanged repositories again. All repositories are mirrored first, to find out which of them are forks of each
other: forks are scanned in one batch, so that each object is scanned once. Prints one line per batch, then the output
of 'unleak merge', and ends with its status: 0 clean, 1 secrets found, 3 something could not be read.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys

import ray


def name_of(address):
    """Returns the name of a mirror: readable and unique for each address."""
    stem = address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    stem = "".join(c for c in stem if c.isalnum() or c in "-_.")[:60]
    return f"{stem}-{hashlib.sha256(address.encode()).hexdigest()[:12]}.git"


def mirror(address, mirrors):
    """Updates the mirror and returns its path. A mirror whose update fails is renamed, so that it counts as not
    scanned, instead of being scanned in its old state."""
    path = pathlib.Path(mirrors, name_of(address))
    stale, new = path.with_suffix(".stale"), path.with_suffix(".new")
    env = os.environ | {"GIT_TERMINAL_PROMPT": "0"}

    def git(*args):
        return subprocess.run(["git", *args], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0

    if stale.is_dir() and not path.is_dir():
        stale.rename(path)
    if path.is_dir():
        if not git("-C", path, "fetch", "--quiet", "--prune", "origin"):
            path.rename(stale)
    else:
        subprocess.run(["rm", "-rf", "--", new], check=True)
        if git("clone", "--quiet", "--mirror", "--", address, new):
            new.rename(path)
    return str(path)


@ray.remote(num_cpus=1, max_retries=3)
def mirror_all(addresses, mirrors):
    """Mirrors some repositories; returns their paths."""
    return [mirror(address, mirrors) for address in addresses]


@ray.remote(num_cpus=1, max_retries=3)
def scan_all(paths, output, unleak):
    """Scans some mirrors and returns the summary. Reports are written atomically, so a batch of a lost node can run
    again."""
    scan = subprocess.run(
        [unleak, "estate", "scan", "-", "-v", "-o", output, "--threads", "1", "--state-dir", str(pathlib.Path(output, "state"))],
        input="".join(path + "\n" for path in paths),
        capture_output=True,
        text=True,
    )
    if scan.returncode not in (0, 1, 3):
        raise RuntimeError(f"unleak ended with {scan.returncode}: {scan.stderr.strip()}")
    lines = (line.split(" ") for line in scan.stderr.splitlines() if line.endswith(" objects were read"))
    read = sum(int(words[0]) for words in lines)
    return f"{scan.stdout.strip()}, {read} objects read"


def each(task, parts, *more):
    """Runs `task` on each of `parts`, and yields the part, its result and None, in any order; or, after an error, the
    part, None and the error. An error must not hide the results of the other parts."""
    pending = {task.remote(part, *more): part for part in parts}
    while pending:
        done, _ = ray.wait(list(pending), num_returns=1)
        for one in done:
            part = pending.pop(one)
            try:
                yield part, ray.get(one), None
            except Exception as problem:
                print(f"a batch of {len(part)} failed, from {part[0]}: {problem}", file=sys.stderr, flush=True)
                yield part, None, problem


def split(items, size):
    return [items[at : at + size] for at in range(0, len(items), size)]


def batches(paths, unleak, size):
    """Distributes the mirrors: a family of forks is one batch, and large families come first."""
    listed = "".join(path + "\n" for path in paths)
    planned = subprocess.run(
        [unleak, "estate", "plan", "-", "--shards", "1"], input=listed, stdout=subprocess.PIPE, text=True, check=True
    )
    families = {}
    for line in planned.stdout.splitlines():
        _, _, family, path = line.split("\t", 3)
        families.setdefault(family, []).append(path)
    parts, part = [], []
    for family in families.values():
        if len(part) + len(family) > size and part:
            parts.append(part)
            part = []
        part = part + family
    return sorted(parts + [part] * bool(part), key=len, reverse=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("list")
    parser.add_argument("--mirrors", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--unleak", default="unleak")
    parser.add_argument("--address", help="of the cluster; without it, one is started here")
    parser.add_argument("--cpus", type=int, help="of the cluster that is started here")
    parser.add_argument("--batch", type=int, default=16, help="repositories of one task")
    options = parser.parse_args()
    lines = (line.strip() for line in pathlib.Path(options.list).read_text().splitlines())
    addresses = sorted({line for line in lines if line and not line.startswith("#")})
    mirrors, output = (os.path.abspath(path) for path in (options.mirrors, options.output))
    for path in (mirrors, output):
        os.makedirs(path, exist_ok=True)
    ray.init(address=options.address, num_cpus=options.cpus, include_dashboard=False, log_to_driver=False)
    lost, paths = False, []
    for part, mirrored, problem in each(mirror_all, split(addresses, options.batch), mirrors):
        # A repository that could not be mirrored is missing or outdated: it counts as not scanned.
        lost |= problem is not None
        paths += mirrored or []
    for _, summary, problem in each(scan_all, batches(sorted(paths), options.unleak, options.batch), output, options.unleak):
        lost |= problem is not None
        if summary:
            print(summary, flush=True)
    ray.shutdown()
    merged = subprocess.run([options.unleak, "merge", output, "-o", f"json:{output}.json", "-o", f"html:{output}.html"])
    return 3 if lost else merged.returncode


if __name__ == "__main__":
    sys.exit(main())
