#!/usr/bin/env python3
"""Times purges that change the whole history, compared with git-filter-repo.

    benches/rewrite.py [REPOSITORY[=TEXT] ...] [--commits N] [--refs N] [--runs N]

Runs 'unleak purge --known FILE --apply --finish' and 'git-filter-repo --replace-text' (if installed: see
benches/programs.py) on a fresh copy of each kind of repository:

- 'early': REPOSITORY, a complete clone, and TEXT, which its first commit has in a file that is never deleted. By
  default, TEXT is the longest line of the largest text file of the first commit;
- 'linear': a linear history of N (100,000) commits, with the value in the first version of a file that remains;
- 'refs': N (50,000) packed branches of 2,000 commits;
- 'reflogs': the same with a reflog for each branch.

0 skips a kind. Prints medians of RUNS (1): CPU time (user plus system, with all child processes) and wall time; the
largest resident set of any process in one more run under GNU time; the final size of all packs, in percent of their
size after 'git repack -adf'; loose refs; the maximum disk space of repository and undo snapshot; and whether both
programs made the same commits.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading

import programs

OWN = programs.own().path
ENV = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def git(repo, *args, **options):
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, env=ENV, **options).stdout


def value():
    """A made password: this file must not hold one."""
    source = random.Random(7)
    return "".join(source.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(20))


def linear(path, count):
    """Commits in a row that each change one of 1,000 files; the first one has the value."""
    subprocess.run(["git", "init", "-q", "--bare", path], check=True, env=ENV)
    stream = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], stdin=subprocess.PIPE, env=ENV)
    source = random.Random(1)

    def file(name, text):
        stream.stdin.write(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n".encode())

    for number in range(count):
        message = f"change {number}\n"
        when = 1_600_000_000 + number * 60
        head = f"commit refs/heads/main\ncommitter C <c@example.org> {when} +0000\ndata {len(message)}\n{message}"
        stream.stdin.write(head.encode())
        if number == 0:
            file("config/settings.ini", f"key = {value()}\n")
            for at in range(1000):
                file(f"src/d{at // 20:02}/f{at % 20:02}.txt", f"{at}\n")
        file(f"src/d{source.randrange(50):02}/f{source.randrange(20):02}.txt", f"line {number} {source.random()}\n")
    stream.stdin.close()
    assert stream.wait() == 0
    git(path, "symbolic-ref", "HEAD", "refs/heads/main")
    git(path, "repack", "-adq")


def refs(path, count, reflogs):
    linear(path, 2000)
    commits = git(path, "rev-list", "--reverse", "main").decode().split()
    if reflogs:
        git(path, "config", "core.logAllRefUpdates", "always")
    lines = (f"create refs/heads/b/{n // 1000}/{n} {commits[n % len(commits)]}\n" for n in range(count))
    git(path, "-c", "core.fsync=none", "update-ref", "--stdin", input="".join(lines).encode())
    git(path, "pack-refs", "--all")


def early_text(repo):
    """The longest line of the largest text file of the first commit that has the same name and text in HEAD."""
    first = git(repo, "rev-list", "--max-parents=0", "HEAD").split()[-1].decode()
    best = ""
    for line in git(repo, "ls-tree", "-r", "HEAD").decode(errors="replace").splitlines():
        name = line.split("\t")[1]
        old = subprocess.run(["git", "-C", repo, "show", f"{first}:{name}"], capture_output=True, env=ENV).stdout
        if old and b"\0" not in old and old == git(repo, "show", f"HEAD:{name}"):
            longest = max(old.decode(errors="replace").splitlines(), key=len).strip()
            best = max(best, longest, key=len)
    assert best, "no file of the first commit stays as it was: give a text"
    return best


def size(path):
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                found = os.lstat(os.path.join(directory, name))
                # The undo snapshot links objects: each counts once.
                total += found.st_blocks * 512 // max(found.st_nlink, 1)
            except FileNotFoundError:
                pass
    return total


class Disk(threading.Thread):
    """Watches how much directories take, twice a second."""

    def __init__(self, paths):
        super().__init__(daemon=True)
        self.paths, self.most, self.ends = paths, 0, threading.Event()

    def run(self):
        while not self.ends.wait(0.5):
            self.most = max(self.most, sum(size(path) for path in self.paths))


def packs(repo):
    directory = os.path.join(repo, "objects/pack")
    return sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory) if name.endswith(".pack"))


def measure(name, source, text, runs, filter_repo, top):
    copy, state, known = (os.path.join(top, part) for part in ("copy", "state", "known"))
    with open(known, "w") as file:
        file.write(text + "\n")
    env = {**ENV, "XDG_STATE_HOME": state}
    commands = {"unleak": [OWN, "purge", "--known", known, "--apply", "--yes", "--finish", copy]}
    if filter_repo:
        commands["git-filter-repo"] = [filter_repo.path, "--source", copy, "--target", copy, "--force", "--quiet", "--replace-text", known]
    commits = git(source, "rev-list", "--all", "--count").decode().strip()
    print(f"{name}: {commits} commits, {size(source) >> 20} MB; medians of {runs}, {programs.machine()}")
    heads, cpus = {}, {}
    for program, command in commands.items():
        costs = []
        for turn in range(runs + 1):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.rmtree(state, ignore_errors=True)
            subprocess.run(["cp", "-a", source, copy], check=True)
            if turn < runs:
                costs.append(programs.run(command, env=env))
                assert costs[-1].status == 0, costs[-1].errors
            else:
                disk = Disk([copy, state])
                disk.start()
                memory = programs.peak(command, env=env)
                disk.ends.set()
        heads[program] = git(copy, "for-each-ref", "--format=%(refname) %(objectname)")
        loose = sum(len(names) for _, _, names in os.walk(os.path.join(copy, "refs")))
        written = packs(copy)
        git(copy, "repack", "-adfq")
        cpus[program], wall = (programs.median(costs, field) for field in ("cpu", "wall"))
        print(
            f"  {program:16} {cpus[program]:8.2f} s CPU {wall:8.2f} s wall {memory:6.0f} MB memory {disk.most >> 20:6} MB disk"
            f"  packs {written >> 10} KB, {100 * written / packs(copy):.0f} % of git's  {loose} loose refs",
            flush=True,
        )
    if filter_repo:
        same = "same refs" if len(set(heads.values())) == 1 else "other refs"
        print(f"  1/{cpus['git-filter-repo'] / cpus['unleak']:.1f} of git-filter-repo's CPU time, {same}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="*", metavar="REPOSITORY[=TEXT]")
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--refs", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    filter_repo = programs.peers("git-filter-repo").get("git-filter-repo")
    top = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))
    try:
        source = os.path.join(top, "source")
        for given in args.repositories:
            path, _, text = given.partition("=")
            subprocess.run(["git", "clone", "-q", "--mirror", "--no-local", os.path.abspath(path), source], check=True, env=ENV)
            measure(f"early, {path}", source, text or early_text(source), args.runs, filter_repo, top)
            shutil.rmtree(source)
        shapes = {
            "linear": (args.commits, lambda: linear(source, args.commits)),
            "refs": (args.refs, lambda: refs(source, args.refs, False)),
            "reflogs": (args.refs, lambda: refs(source, args.refs, True)),
        }
        for name, (count, make) in shapes.items():
            if count:
                make()
                measure(name, source, value(), args.runs, filter_repo, top)
                shutil.rmtree(source)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
