#!/usr/bin/env python3
"""Measures how the cost of a scan grows with its input.

    benches/curves.py [--only SHAPE,SHAPE] [--times N] [--runs N]

Makes inputs of each shape in three sizes, each twice the one before, in a temporary directory, and scans them. '--times'
multiplies all sizes. Prints CPU seconds (user plus system, medians of '--runs', 3) and the largest resident set of each,
without those of a scan of an empty repository, and the exponents: the cost grows with the size to that power, from the
smallest to the largest. 1 is linear. An exponent is left out where the largest cost is too small to tell.
"""

import argparse
import base64
import hashlib
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import programs

OWN = programs.own().path

# Smaller costs say nothing.
LEAST_CPU, LEAST_MB = 0.1, 8
LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def value(rng):
    return "".join(rng.choice(LETTERS) for _ in range(32))


def secret(rng, number):
    """A line of a configuration, each with a name of its own."""
    return f'service_{number}_api_key = "{value(rng)}"\n'


class Repository:
    """A bare repository made by fast-import. It has one branch; each commit changes files."""

    def __init__(self, path):
        self.path = path
        subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
        command = ["git", "-C", path, "fast-import", "--quiet", "--depth=50"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.commits = 0

    def commit(self, files, ref="refs/heads/main"):
        write = self.process.stdin.write
        self.commits += 1
        write(f"commit {ref}\ncommitter a <a@b> {1700000000 + self.commits} +0000\ndata 2\nx\n\n".encode())
        for path, text in files.items():
            text = text.encode()
            write(f"M 644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")

    def close(self, refs=()):
        for name in refs:
            self.process.stdin.write(f"reset {name}\nfrom refs/heads/main\n\n".encode())
        self.process.stdin.close()
        assert self.process.wait() == 0
        subprocess.run(["git", "-C", self.path, "pack-refs", "--all"], check=True)
        return [str(self.path)]


def findings_in_a_file(path, size, rng):
    repository = Repository(path)
    repository.commit({"keys.ini": "".join(secret(rng, number) for number in range(size))})
    return repository.close()


def findings_on_refs(path, size, rng):
    repository = Repository(path)
    repository.commit({"keys.ini": "".join(secret(rng, number) for number in range(400))})
    return repository.close(f"refs/pull/{number}/head" for number in range(size))


def refs(path, size, rng):
    repository = Repository(path)
    repository.commit({"keys.ini": secret(rng, 0)})
    return repository.close(f"refs/tags/v{number}" for number in range(size))


def versions_of_secrets(path, size, rng):
    repository = Repository(path)
    lines = [secret(rng, number) for number in range(500)]
    for version in range(size):
        repository.commit({"keys.ini": f"version = {version}\n" + "".join(lines)})
    return repository.close()


def secrets_added_to_a_file(path, size, rng):
    repository = Repository(path)
    text = ""
    for number in range(size):
        text += secret(rng, number)
        repository.commit({"keys.ini": text})
    return repository.close()


def files_of_secrets_added(path, size, rng):
    repository = Repository(path)
    for number in range(size):
        repository.commit({f"keys/{number}.ini": secret(rng, number)})
    return repository.close()


def depth_of_paths(path, size, rng):
    repository = Repository(path)
    deep = "d/" * size
    for number in range(200):
        repository.commit({f"{deep}{number}.ini": secret(rng, number)})
    return repository.close()


def size_of_a_directory(path, size, rng):
    repository = Repository(path)
    repository.commit({f"all/{number}.txt": f"text {number}\n" for number in range(size)})
    for number in range(200):
        repository.commit({f"all/{number}.ini": secret(rng, number)})
    return repository.close()


def commits(path, size, rng):
    repository = Repository(path)
    for number in range(size):
        repository.commit({f"src/{number % 50}.txt": f"text {number}\n"})
    return repository.close()


def keywords(path, size, rng):
    repository = Repository(path)
    repository.commit({"words.txt": "password token secret api_key auth\n" * size})
    return repository.close()


def base64_of_keywords(path, size, rng):
    repository = Repository(path)
    text = base64.encodebytes(b"password token secret api_key auth\n" * size)
    repository.commit({"words.txt": text.decode()})
    return repository.close()


def files(path, size, rng):
    path.mkdir()
    for number in range(size):
        directory = path / str(number // 500)
        directory.mkdir(exist_ok=True)
        text = f"text {number}\n" * 20 + (secret(rng, number) if number % 50 == 0 else "")
        (directory / f"{number}.txt").write_text(text)
    return ["--files", str(path)]


def threads(path, size, rng):
    repository = Repository(path)
    for number in range(200):
        repository.commit({f"src/{number}.ini": secret(rng, number)})
    return [*repository.close(), "--threads", str(size)]


# The largest size of each.
SHAPES = {
    findings_in_a_file: 40_000,
    findings_on_refs: 20_000,
    refs: 100_000,
    versions_of_secrets: 800,
    secrets_added_to_a_file: 2_000,
    files_of_secrets_added: 8_000,
    depth_of_paths: 800,
    size_of_a_directory: 40_000,
    commits: 200_000,
    keywords: 400_000,
    base64_of_keywords: 400_000,
    files: 40_000,
    threads: 32,
}


def cost(arguments, runs):
    """CPU seconds and megabytes of a scan with these arguments; the scan must end as scans do."""
    command = [OWN, "scan", "--format", "json", "-o", os.devnull, *arguments]
    costs = programs.in_turn({"unleak": command}, runs)["unleak"]
    assert all(cost.status in (0, 1, 3) for cost in costs), command
    return programs.median(costs, "cpu"), programs.peak(command)


def main():
    names = {shape.__name__.replace("_", "-"): shape for shape in SHAPES}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(names))
    parser.add_argument("--times", type=float, default=1)
    parser.add_argument("--runs", type=int, default=3)
    args, _ = parser.parse_known_args()
    unknown = [name for name in args.only.split(",") if name not in names]
    if unknown:
        sys.exit(f"there is no shape '{unknown[0]}'; there are {', '.join(names)}")
    print(programs.machine())
    print("| shape | sizes | CPU s | MB | exponents |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        empty = cost(Repository(work / "empty").close(), args.runs)
        for name in args.only.split(","):
            shape = names[name]
            largest = max(4, int(SHAPES[shape] * args.times))
            sizes = [largest // 4, largest // 2, largest]
            costs = []
            for size in sizes:
                seed = hashlib.sha256(f"{name} {size}".encode()).digest()
                path = work / f"{name}-{size}"
                arguments = shape(path, size, random.Random(seed))
                cpu, memory = cost(arguments, args.runs)
                costs.append((max(cpu - empty[0], 0), max(memory - empty[1], 0)))
                subprocess.run(["rm", "-rf", path], check=True)
            exponents = []
            for field, least in ((0, LEAST_CPU), (1, LEAST_MB)):
                first, last = costs[0][field], costs[-1][field]
                is_told = last >= least and first > 0
                exponents.append(f"{math.log(last / first, sizes[-1] / sizes[0]):.2f}" if is_told else "-")
            row = [
                name.replace("-", " "),
                " / ".join(f"{size:,}" for size in sizes),
                " / ".join(f"{cpu:.2f}" for cpu, _ in costs),
                " / ".join(f"{memory:.0f}" for _, memory in costs),
                " and ".join(exponents),
            ]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
