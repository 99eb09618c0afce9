#!/usr/bin/env python3
"""Measures the cost of scanning nine forks together with their origin.

    benches/forks.py [--linked] REPOSITORY

Makes nine mirrors of REPOSITORY in a temporary directory. Each has three commits of its own, and all its objects in its
own pack, as after a fetch: this takes nine times the disk space. With '--linked', the packs are links to those of
REPOSITORY, which may then be a partial clone, and the new objects are in a separate pack. 'unleak estate scan' then
scans the repository alone, and all ten repositories, with one thread, with and without '--state'. Prints CPU seconds
(user plus system) and their ratio.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import programs

FORKS = 9


def git(*args, text=None):
    return subprocess.run(["git", *args], input=text, text=True, check=True, stdout=subprocess.PIPE).stdout.strip()


def fork(source, path, number, is_linked):
    """A mirror of `source` with three more commits."""
    near = path.with_suffix(".near")
    git("clone", "--quiet", "--mirror", source, near)
    # The mirror of a mirror: HEAD may name a branch that is not there.
    start = git("-C", near, "rev-list", "--max-count=1", "--all")
    stream = ""
    for commit in range(3):
        origin = f"from {start}\n" if commit == 0 else ""
        text = f"fork {number}, commit {commit}\n" * 50
        stream += (
            f"commit refs/heads/fork-{number}\ncommitter a <a@b> {1700000000 + commit} +0000\ndata 1\nx\n"
            f"{origin}M 644 inline fork-{number}-{commit}\ndata {len(text)}\n{text}\n"
        )
    git("-C", near, "fast-import", "--quiet", text=stream)
    if is_linked:
        near.rename(path)
    else:
        git("clone", "--quiet", "--mirror", "--no-local", near, path)
        subprocess.run(["rm", "-rf", near], check=True)


def cost(command, cwd):
    """CPU seconds of `command`, which ends as a scan does."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1, 3), command
    return usage.ru_utime + usage.ru_stime


def main():
    named = [argument for argument in sys.argv[1:] if argument != "--linked"]
    if len(named) != 1:
        sys.exit(__doc__)
    is_linked = "--linked" in sys.argv
    source = pathlib.Path(named[0]).resolve()
    unleak = programs.own().path
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        first = work / "0.git"
        # As the forks are: its objects in one pack.
        git("clone", "--quiet", "--mirror", "--local" if is_linked else "--no-local", source, first)
        forks = [work / f"{number}.git" for number in range(1, FORKS + 1)]
        for number, path in enumerate(forks):
            fork(first, path, number, is_linked)
        (work / "one").write_text(f"{first}\n")
        (work / "ten").write_text("".join(f"{path}\n" for path in [first, *forks]))
        for state in ([], ["--state-dir"]):
            costs = []
            for what in ("one", "ten"):
                options = [*state, *(f"state-{what}" for _ in state)]
                command = [unleak, "estate", "scan", what, "-o", f"reports{len(state)}-{what}", "--threads", "1"]
                costs.append(cost(command + options, work))
            one, ten = costs
            how = "with a state" if state else "without a state"
            print(f"{how}: {one:.2f} s for one, {ten:.2f} s for it and {FORKS} forks: {ten / one:.2f} times", flush=True)


if __name__ == "__main__":
    main()
