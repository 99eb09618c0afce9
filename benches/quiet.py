#!/usr/bin/env python3
"""Counts what scanners report in the histories of well-kept repositories, where secrets are rare.

    benches/quiet.py REPOSITORY...

Prints, for each repository and for all together, the distinct values that each scanner reports, and how many these are
for 1,000 commits. unleak is counted by confidence: 'high', and 'medium' with all above it. benches/programs.py installs
the other scanners. Validation is off in all of them, and unleak reads no configuration. For missing objects, see
benches/peers.py. A scanner that reports an error, or prints no report, has no figure for that repository.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import tempfile

import peers
import programs

COMMANDS = {
    "unleak": ["scan", "--format", "json", "--no-config", "--no-ignore", "--no-pager", "-o", "json:{out}", "{repo}"],
    "gitleaks": ["git", "--no-banner", "--exit-code", "0", "--report-format", "json", "--report-path", "{out}", "{repo}"],
    "betterleaks": ["git", "--no-banner", "--exit-code", "0", "--output", "{out}", "{repo}"],
    "kingfisher": [
        "scan", "{repo}", "--git-history", "full", "--no-validate", "--no-update-check", "--format", "json", "--output", "{out}",
    ],
}


def digest(value):
    return hashlib.sha256(str(value).encode()).hexdigest()


def columns(name, report):
    """The distinct values of a report, a set for each column of the scanner."""
    if name == "unleak":
        levels = {"unleak, high": ("high",), "unleak, medium": ("high", "medium")}
        found = report["findings"]
        return {
            column: {one["fingerprint"] for one in found if one["confidence"] in level} for column, level in levels.items()
        }
    if name == "kingfisher":
        return {name: {digest(one["finding"]["snippet"]) for one in report["findings"]}}
    if name == "betterleaks":
        return {name: {digest(one["match"]["value"]) for one in report["findings"] or []}}
    return {name: {digest(one["Secret"]) for one in report or []}}


def count(program, repository):
    """What a scanner reports in a repository: the number of distinct values for each column; {} if it failed."""
    with tempfile.TemporaryDirectory() as directory:
        repository, _ = peers.complete(repository, directory)
        out = pathlib.Path(directory) / "report.json"
        command = [program.path] + [part.format(repo=repository, out=out) for part in COMMANDS[program.name]]
        cost = programs.run(command, cwd=directory)
        if programs.is_unfinished(program.name, [cost]) or not out.exists():
            return {}
        return {column: len(values) for column, values in columns(program.name, json.loads(out.read_text())).items()}


def commits(repository):
    listed = ["git", "-C", repository, "rev-list", "--all", "--count"]
    return int(subprocess.run(listed, check=True, capture_output=True, text=True).stdout)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("repositories", nargs="+", metavar="REPOSITORY")
    repositories = [str(pathlib.Path(one).resolve()) for one in arguments.parse_args().repositories]
    own = programs.own()
    others = programs.peers("gitleaks", "betterleaks", "kingfisher")
    scanners = {"unleak": own, **others}
    heads = ["unleak, high", "unleak, medium", *others]
    totals = {head: [0, 0] for head in heads}
    print("\n| repository | commits | " + " | ".join(heads) + " |")
    print("|---" * (2 + len(heads)) + "|")
    for repository in repositories:
        number, found = commits(repository), {}
        for program in scanners.values():
            found |= count(program, repository)
        for head in found:
            totals[head][0] += found[head]
            totals[head][1] += number
        name = repository.removesuffix("/repo").rsplit("/", 1)[-1].removesuffix(".git")
        print(f"| {name} | {number} | " + " | ".join(str(found.get(head, "-")) for head in heads) + " |", flush=True)
    rates = [f"{values / number * 1000:.2f}" if number else "-" for values, number in totals.values()]
    print("| for 1,000 commits | | " + " | ".join(rates) + " |")


if __name__ == "__main__":
    main()
