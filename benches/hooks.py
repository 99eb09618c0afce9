#!/usr/bin/env python3
"""Times what a commit and a push wait for, beside git itself and other scanners' hooks.

    benches/hooks.py [RUNS]

Makes two repositories in a temporary directory: one whose index has 80,000 entries, in which
commits of 1, 10 and 400 files (40,000 added lines) are staged in turn; and one of 200,000 commits,
of which the remote lacks the last 1,000. Each command runs RUNS times (7), in turn with the others;
figures are medians of the whole process: CPU (user plus system) and wall time; the largest resident
set is that of one more run, under GNU time.
'cold' drops the repository and the program from the page cache before each run. Peers are used if
they are on the PATH: see benches/peers.py.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

OWN = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "target", "release", "unleak"))
STAGED = {
    "unleak hook pre-commit": [OWN, "hook", "pre-commit"],
    "git diff --cached": ["git", "diff", "--cached", "--no-ext-diff"],
    "gitleaks": ["gitleaks", "git", "--staged", "--no-banner", "--exit-code", "0"],
    "betterleaks": ["betterleaks", "git", "--staged", "--no-banner", "--exit-code", "0"],
    "kingfisher": ["kingfisher", "scan", ".", "--staged", "--no-validate", "--no-update-check"],
}
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa token config value handler".split()


def git(repo, *args, **options):
    return subprocess.run(["git", "-C", repo, *args], check=True, capture_output=True, **options).stdout


def source(lines):
    return "".join(f"let {random.choice(WORDS)}_{n} = {random.choice(WORDS)}({random.randint(0, 9999)});\n" for n in range(lines))


def fast_import(repo, commits):
    """Imports commits, each a list of (path, text), on top of what is there."""
    process = subprocess.Popen(["git", "-C", repo, "fast-import", "--quiet"], stdin=subprocess.PIPE, text=True)
    start = subprocess.run(["git", "-C", repo, "rev-parse", "-q", "--verify", "main"], capture_output=True, text=True).stdout.strip()
    for number, files in enumerate(commits):
        seconds = int(git(repo, "log", "-1", "--format=%ct", "main")) if start and number == 0 else 1_500_000_000 if number == 0 else seconds
        seconds += 60
        process.stdin.write(f"commit refs/heads/main\ncommitter C <c@example.org> {seconds} +0000\ndata 1\nx\n")
        if start and number == 0:
            process.stdin.write(f"from {start}\n")
        for path, text in files:
            process.stdin.write(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    process.stdin.close()
    assert process.wait() == 0


def forget(paths):
    """Drops files from the page cache."""
    for path in paths:
        for directory, _, names in os.walk(path) if os.path.isdir(path) else [(os.path.dirname(path), [], [os.path.basename(path)])]:
            for name in names:
                handle = os.open(os.path.join(directory, name), os.O_RDONLY)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(handle)


def run(command, repo, stdin):
    start = time.monotonic()
    with open(stdin) as handle:
        process = subprocess.Popen(command, cwd=repo, stdin=handle, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    return (usage.ru_utime + usage.ru_stime) * 1000, wall * 1000, os.waitstatus_to_exitcode(status)


def memory(command, repo, stdin):
    """Largest resident set in MB. A child of this script would start with the script's own."""
    with open(stdin) as handle, tempfile.NamedTemporaryFile("r") as out:
        subprocess.run(["time", "-f", "%M", "-o", out.name, *command], cwd=repo, stdin=handle, capture_output=True)
        return int(out.read().split()[-1]) / 1024


def table(title, commands, repo, runs, stdin=os.devnull, cold=False):
    present = {name: command for name, command in commands.items() if shutil.which(command[0])}
    figures = {name: [] for name in present}
    for _ in range(runs):
        for name, command in present.items():
            if cold:
                forget([os.path.join(repo, ".git"), shutil.which(command[0])])
            figures[name].append(run(command, repo, stdin))
    print(f"\n{title}{', cold' if cold else ''}")
    for name, rows in figures.items():
        cpu, wall = (statistics.median(column) for column in list(zip(*rows))[:2])
        megabytes = memory(present[name], repo, stdin)
        print(f"  {name:24} {cpu:8.1f} ms CPU {wall:8.1f} ms wall {megabytes:7.1f} MB   exit {rows[-1][2]}")


def commits_of(directory, runs):
    repo = os.path.join(directory, "index")
    git(directory, "init", "-q", "-b", "main", repo)
    paths = [f"packages/module_{a:02}/component_{b:02}/source_file_{c:02}.rs" for a in range(40) for b in range(40) for c in range(50)]
    fast_import(repo, [[(path, source(8)) for path in paths]])
    git(repo, "reset", "-q", "--hard")
    for count, lines in [(1, 20), (10, 20), (400, 100)]:
        for path in random.sample(paths, count):
            with open(os.path.join(repo, path), "a") as handle:
                handle.write(source(lines))
        git(repo, "add", "--all")
        title = f"commit of {count} files, {count * lines} added lines, 80,000 index entries"
        table(title, STAGED, repo, runs)
        if count == 1:
            table(title, dict(list(STAGED.items())[:2]), repo, runs, cold=True)
        git(repo, "reset", "-q", "--hard")


def push_of(directory, runs):
    repo = os.path.join(directory, "history")
    git(directory, "init", "-q", "-b", "main", repo)
    change = lambda: [(f"src/d{random.randrange(30)}/e{random.randrange(10)}/f{random.randrange(20)}.rs", source(12)) for _ in range(2)]
    fast_import(repo, (change() for _ in range(199_000)))
    git(repo, "update-ref", "refs/remotes/origin/main", "main")
    fast_import(repo, (change() for _ in range(1_000)))
    new, old = (git(repo, "rev-parse", name).decode().strip() for name in ["main", "origin/main"])
    lines = os.path.join(directory, "lines")
    with open(lines, "w") as handle:
        handle.write(f"refs/heads/main {new} refs/heads/main {old}\n")
    commands = {
        "unleak hook pre-push": [OWN, "hook", "pre-push", "origin", "url"],
        "git rev-list --objects": ["git", "rev-list", "--objects", "origin/main..main"],
        "git log -p": ["git", "log", "-p", "origin/main..main"],
    }
    table("push of 1,000 commits on 199,000", commands, repo, runs, stdin=lines)


def main():
    if not os.path.exists(OWN):
        sys.exit("build it first: cargo build --release")
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    random.seed(1)
    print(f"{runs} runs each, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as directory:
        commits_of(directory, runs)
        push_of(directory, runs)


if __name__ == "__main__":
    main()
