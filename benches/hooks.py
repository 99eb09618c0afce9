#!/usr/bin/env python3
"""Times the hooks of commits and pushes, compared with git and with the hooks of other scanners.

    benches/hooks.py [RUNS]

Makes two repositories in a temporary directory. One has an index of 80,000 entries and, in turn, staged
changes of 1, 10 and 400 files (40,000 added lines). The other has 200,000 commits; the remote lacks the
last 1,000. The commands run alternately, RUNS times (7). Figures are medians of the whole process: CPU
time (user plus system) and wall time. The largest resident set is that of one more run under GNU time.
'cold' removes the repository and the program from the page cache before each run. benches/programs.py
installs the other scanners and describes how each of them is checked.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile

import programs

OWN = programs.own().path
STAGED = {
    "gitleaks": ["git", "--staged", "--no-banner", "--exit-code", "0"],
    "betterleaks": ["git", "--staged", "--no-banner", "--exit-code", "0"],
    "kingfisher": ["scan", ".", "--staged", "--no-validate", "--no-update-check"],
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


def table(title, commands, repo, runs, stdin=os.devnull, is_cold=False):
    costs = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            if is_cold:
                forget([os.path.join(repo, ".git"), command[0]])
            costs[name].append(programs.run(command, cwd=repo, stdin=stdin))
    print(f"\n{title}{', cold' if is_cold else ''}; {programs.machine()}")
    for name, row in costs.items():
        cpu, wall = (programs.median(row, field) * 1000 for field in ("cpu", "wall"))
        megabytes = programs.peak(commands[name], cwd=repo, stdin=stdin)
        if name in programs.KINDS and programs.is_unfinished(name, row):
            print(f"  {name:24} stopped before the end, status {row[-1].status}")
            continue
        print(f"  {name:24} {cpu:8.1f} ms CPU {wall:8.1f} ms wall {megabytes:7.1f} MB   status {row[-1].status}", flush=True)


def commits_of(directory, runs, staged):
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
        table(title, staged, repo, runs)
        if count == 1:
            table(title, dict(list(staged.items())[:2]), repo, runs, is_cold=True)
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
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    random.seed(1)
    staged = {
        "unleak hook pre-commit": [OWN, "hook", "pre-commit"],
        # By its path: it is to be dropped from the page cache.
        "git diff --cached": [shutil.which("git"), "diff", "--cached", "--no-ext-diff"],
    }
    for name, program in programs.peers(*STAGED).items():
        staged[name] = [program.path, *STAGED[name]]
    print(f"{runs} runs each, {programs.machine()}")
    with tempfile.TemporaryDirectory() as directory:
        commits_of(directory, runs, staged)
        push_of(directory, runs)


if __name__ == "__main__":
    main()
