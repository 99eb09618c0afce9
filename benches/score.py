#!/usr/bin/env python3
"""Fits the decision trees for assigned values, and measures the findings with them.

    benches/score.py LABELLED.jsonl [--everyday] [--clean REPOSITORY]... [--write]

Cross-validates over repositories. With --write, fits the trees on all lines and writes src/detect/table.rs.

Each line of LABELLED is an object: `repo`, `label` (T: a credential, F: none, X: a placeholder),
`category`, `text` with `value` = [start, end) in it or [-1, -1], and the lines `before` and `after`.
`"values": "random"` means that the value was replaced by random characters: such lines are left out.
The public CredData set can be converted into this format. --everyday adds the texts of everyday.py, with
one repository per kind of text. --clean adds lines of a repository without secrets, with less weight.
`cargo bench --bench score` computes the features with the code of the scan.

Needs lightgbm (`pip install lightgbm`); the fitted program does not.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import zlib

import lightgbm
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/detect/table.rs"
LETTERS = ROOT / "src/detect/letters.rs"
FOLDS = 5
TREES, LEAVES = 100, 15
SETTINGS = {
    "objective": "binary",
    "num_leaves": LEAVES,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "lambda_l2": 2.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": 1,
    "deterministic": True,
    "num_threads": 2,
    "verbose": -1,
}
# A word of a name is known if names in that many repositories have it.
MIN_REPOSITORIES = 4
# One repository of many lines must not outvote the others.
MOST_LINES = 40
# What a line of a clean repository counts: nobody has looked at it.
CLEAN_WEIGHT = 0.4
# Lines of one file, and of one repository, that are taken from clean ones.
MOST_PER_FILE, MOST_PER_REPOSITORY = 25, 2500
# Facts that keep a value from medium confidence whatever the score: see `score::most`.
LOW = ("IsPlaceholder", "IsEncrypted", "IsRegular", "ByProse", "IsCoordinate", "IsProse", "IsVersion")

NAMES = re.findall(r'^    (\w+) "', (ROOT / "src/detect/features/mod.rs").read_text(), re.M)
FACT = {name: number for number, name in enumerate(NAMES)}


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def everyday():
    """The texts of everyday.py, a repository each kind."""
    script = [sys.executable, ROOT / "benches/everyday.py", "--each", "3"]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True)
    texts = [json.loads(line) for line in done.stdout.splitlines()]
    return [dict(text, repo=f"everyday:{text['kind']}", source="everyday") for text in texts]


def clean(repository):
    """Lines of a repository's HEAD that may assign something, with their neighbours."""
    word = re.compile(rb"pass|pwd|_pw|secret|token|key|cred|auth|salt|nonce|bearer|psk", re.I)
    sign = re.compile(rb"""[=:(,]|\s['"]""")
    git = ["git", "-C", repository]
    listed = subprocess.run([*git, "ls-tree", "-rz", "HEAD"], stdout=subprocess.PIPE, check=True)
    chance, found = random.Random(1), []
    for entry in filter(None, listed.stdout.split(b"\0")):
        kind, oid = entry.split(b"\t")[0].split()[1:]
        if kind != b"blob":
            continue
        blob = subprocess.run([*git, "cat-file", "blob", oid], capture_output=True)
        if blob.returncode or b"\0" in blob.stdout[:4000] or len(blob.stdout) > 400_000:
            continue
        lines = blob.stdout.split(b"\n")
        fitting = [at for at, line in enumerate(lines) if len(line) < 600 and word.search(line) and sign.search(line)]
        for at in chance.sample(fitting, min(len(fitting), MOST_PER_FILE)):
            part = lambda some: b"\n".join(some).decode("utf-8", "replace")
            found.append({
                "repo": f"clean:{repository}", "label": "F", "category": "Clean", "source": "clean",
                "before": part(lines[max(0, at - 2) : at]), "text": part([lines[at]]),
                "after": part(lines[at + 1 : at + 4]), "value": [-1, -1],
            })
    return chance.sample(found, min(len(found), MOST_PER_REPOSITORY))


def see(lines):
    """Adds what unleak makes of each line."""
    for line in lines:
        # Offsets in the set count characters; unleak counts bytes.
        start, end = line["value"]
        line["value"] = [len(line["text"][:at].encode()) if at >= 0 else -1 for at in (start, end)]
    parts = ("before", "text", "after")
    text = "".join(json.dumps({part: line.get(part, "") for part in parts}) + "\n" for line in lines)
    bench = ["cargo", "bench", "--profile", "dev", "--quiet", "--bench", "score"]
    done = subprocess.run(bench, input=text, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    for line, seen in zip(lines, done.stdout.splitlines(), strict=True):
        line.update(json.loads(seen))
        line["assigned"] = [one for one in line["assigned"] if touches(line, one[0], one[1])]
        line["is_shaped"] = any(
            not is_generic and confidence != "low" and touches(line, start, end)
            for _, is_generic, confidence, start, end in line["found"]
        )


def touches(line, start, end):
    """Whether a span is about the labelled value of a line."""
    value_start, value_end = line["value"]
    return value_start < 0 or (start < value_end and end > value_start)


def vocabulary(lines):
    """The words that names in enough repositories have."""
    seen = collections.defaultdict(set)
    for line in lines:
        for assigned in line["assigned"]:
            for word in assigned[3]:
                if 1 < len(word) <= 20:
                    seen[word].add(line["repo"])
    return sorted(word for word, repositories in seen.items() if len(repositories) >= MIN_REPOSITORIES)


def row(assigned, words):
    """All numbers about one assignment: its facts, then 1 for each word in its name, 2 for the last."""
    _, _, facts, name = assigned
    numbers = numpy.zeros(len(facts) + len(words), dtype=numpy.int16)
    numbers[: len(facts)] = facts
    for at, word in enumerate(name):
        if word in words:
            numbers[len(facts) + words[word]] = 2 if at == len(name) - 1 else 1
    return numbers


def fit(lines, words, without=()):
    """Fits the trees; no repository counts too much."""
    lines = [line for line in lines if line.get("values") != "random"]
    counts = collections.Counter((line["repo"], line["label"]) for line in lines for _ in line["assigned"])
    rows, labels, weights = [], [], []
    for line in lines:
        share = min(1.0, (MOST_LINES / max(1, counts[line["repo"], line["label"]])) ** 0.5)
        share *= CLEAN_WEIGHT if line.get("source") == "clean" else 1.0
        for assigned in line["assigned"]:
            rows.append(row(assigned, words))
            labels.append(line["label"] == "T")
            weights.append(share)
    rows = numpy.array(rows)
    for fact in without:
        rows[:, FACT[fact]] = 0
    data = lightgbm.Dataset(rows, numpy.array(labels), weight=numpy.array(weights))
    return lightgbm.train(SETTINGS, data, num_boost_round=TREES)


def is_low(numbers):
    """Whether such a value is of low confidence whatever the score: `score::most`."""
    has = lambda fact: numbers[FACT[fact]] != 0
    number = lambda fact: numbers[FACT[fact]]
    is_open = (has("NameIsPublic") or has("NameIsPlace")) and not has("NameIsPassword")
    is_member = has("IsBare") and has("IsIdentifier") and has("Dots") and not has("IsEnvironment")
    is_word = number("Digits") == 0 and number("Changes") < 25 and number("Wordness") > 0
    is_plain = not has("NameIsPassword") and (number("Digits") == 100 or is_word)
    return is_open or is_member or is_plain or any(has(fact) for fact in LOW)


class Tally:
    """True and false alarms, and what was missed."""

    def __init__(self):
        self.hit = self.false = self.missed = self.quiet = 0

    def add(self, is_true, is_found):
        self.hit += is_true and is_found
        self.false += is_found and not is_true
        self.missed += is_true and not is_found
        self.quiet += not is_true and not is_found

    def precision(self):
        return self.hit / max(1, self.hit + self.false)

    def recall(self):
        return self.hit / max(1, self.hit + self.missed)

    def f1(self):
        return 2 * self.hit / max(1, 2 * self.hit + self.false + self.missed)

    def __str__(self):
        counts = f"({self.hit} found, {self.false} false, {self.missed} missed)"
        return f"P {self.precision():.3f}  R {self.recall():.3f}  F1 {self.f1():.3f}  {counts}"


def fold_of(repo):
    return zlib.crc32(repo.encode()) % 7919 % FOLDS


def cross_validate(lines, without=()):
    """Adds to each line the score that trees give it which have not seen its repository."""
    for number in range(FOLDS):
        train = [line for line in lines if fold_of(line["repo"]) != number]
        words = {word: at for at, word in enumerate(vocabulary(train))}
        trees = fit(train, words, without)
        rest = [line for line in lines if fold_of(line["repo"]) == number]
        rows = [(line, row(assigned, words)) for line in rest for assigned in line["assigned"]]
        for line in rest:
            line["score"] = -9.0
        table = numpy.array([numbers for _, numbers in rows])
        for fact in without:
            table[:, FACT[fact]] = 0
        for (line, numbers), score in zip(rows, trees.predict(table, raw_score=True)):
            if not is_low(numbers):
                line["score"] = max(line["score"], score)


def is_found(line, bar):
    return line["is_shaped"] or line["score"] >= bar


def judged(lines, bar):
    """What is found, by source and by category."""
    tallies = collections.defaultdict(Tally)
    for line in lines:
        if line.get("values") == "random":
            continue
        source = line.get("source", "labelled")
        found = is_found(line, bar)
        for name in (source, f"  {source}: {line['category'].split(':')[0]}"):
            tallies[name].add(line["label"] == "T", found)
    return tallies


def report(lines, bar):
    tallies = judged(lines, bar)
    for name, tally in sorted(tallies.items(), key=lambda item: (item[0].strip(), item[0])):
        if name.startswith("  ") and tally.hit + tally.missed < 5:
            continue
        alarms = tally.false / max(1, tally.false + tally.quiet)
        print(f"{name:36} {tally}  {alarms:.2%} of the harmless flagged")


def features(lines, bar):
    """What is lost without each fact: a table."""
    cross_validate(lines)
    whole = judged(lines, bar)["labelled"].f1()
    print(f"all facts: F1 {whole:.3f}")
    for fact in NAMES:
        cross_validate(lines, [fact])
        print(f"  without {fact:18} {judged(lines, bar)['labelled'].f1() - whole:+.3f}")


def nodes_of(tree, kept, nodes):
    """Appends a tree in the order of `table.rs`; returns its first node's number."""
    at = len(nodes)
    if "leaf_value" in tree:
        nodes.append(("LEAF", 0, 0, tree["leaf_value"]))
        return at
    nodes.append(None)
    nodes_of(tree["left_child"], kept, nodes)
    above = nodes_of(tree["right_child"], kept, nodes)
    fact, most = tree["split_feature"], int(tree["threshold"] // 1)
    nodes[at] = (kept(fact), most, above, tree["internal_value"])
    return at


def write(lines):
    """Fits on all lines and writes the table that unleak is built with."""
    known = vocabulary(lines)
    trees = fit(lines, {word: at for at, word in enumerate(known)}).dump_model()["tree_info"]
    used = set()

    def visit(tree):
        if "split_feature" in tree:
            used.add(tree["split_feature"])
            visit(tree["left_child"])
            visit(tree["right_child"])

    for tree in trees:
        visit(tree["tree_structure"])
    words = [word for at, word in enumerate(known) if len(NAMES) + at in used]
    place = {len(NAMES) + known.index(word): len(NAMES) + at for at, word in enumerate(words)}
    nodes, roots = [], []
    for tree in trees:
        roots.append(nodes_of(tree["tree_structure"], lambda fact: place.get(fact, fact), nodes))
    wrapped = lambda items: "".join("    " + " ".join(items[at : at + 8]) + "\n" for at in range(0, len(items), 8))
    with open(TABLE, "w", encoding="utf-8") as out:
        out.write("//! The trees of `trees`.\n//!\n//! Written by `benches/score.py --write`.\n\n")
        out.write("use super::trees::{LEAF, Node};\n\n")
        out.write("/// Words of names that trees ask for, sorted.\n#[rustfmt::skip]\n")
        out.write(f"pub(super) const WORDS: [&str; {len(words)}] = [\n")
        out.write(wrapped([f'"{word}",' for word in words]) + "];\n\n")
        out.write("/// The first node of each tree.\n#[rustfmt::skip]\n")
        out.write(f"pub(super) const ROOTS: [u16; {len(roots)}] = [\n")
        out.write(wrapped([f"{root}," for root in roots]) + "];\n\n")
        out.write("const fn node(fact: u16, most: i16, above: u16, value: i16) -> Node {\n")
        out.write("    Node {\n        fact,\n        most,\n        above,\n        value,\n    }\n}\n\n")
        out.write("/// All nodes, each before those of its smaller numbers, these before the others.\n#[rustfmt::skip]\n")
        out.write(f"pub(super) static NODES: [Node; {len(nodes)}] = [\n")
        rows = [f"node({fact}, {most}, {above}, {round(value * 1000)})," for fact, most, above, value in nodes]
        out.write("".join("    " + " ".join(rows[at : at + 4]) + "\n" for at in range(0, len(rows), 4)) + "];\n")


def write_letters(lines):
    """Counts which letters follow each other in the words of the lines, each word once."""
    words = set()
    for line in lines:
        for text in (line.get("before", ""), line.get("after", ""), line["text"] if line["label"] == "F" else ""):
            words.update(word.lower() for word in re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}", text))
    counts = [[0.5] * 26 for _ in range(26)]
    for word in (word for word in words if len(word) <= 18):
        for first, second in zip(word, word[1:]):
            counts[ord(first) - 97][ord(second) - 97] += 1
    whole = sum(map(sum, counts))
    odds = lambda count: max(-60, min(60, round(8 * math.log2(count / whole * 26 * 26))))
    with open(LETTERS, "w", encoding="utf-8") as out:
        out.write("//! How likely two letters follow each other in words.\n//!\n")
        out.write("//! Counted in the words of code and its comments, each once, by `benches/score.py --letters`.\n\n")
        out.write("/// Log-odds of each pair against chance, in eighths of a bit: first letter, second letter.\n")
        out.write("#[rustfmt::skip]\npub(super) const BIGRAMS: [[i8; 26]; 26] = [\n")
        out.writelines(f"    [{', '.join(str(odds(count)) for count in row)}],\n" for row in counts)
        out.write("];\n")


def main():
    parser = argparse.ArgumentParser(description="Fits and measures the judgement of assigned values.")
    parser.add_argument("labelled", nargs="*")
    parser.add_argument("--everyday", action="store_true", help="add the texts of everyday.py")
    parser.add_argument("--clean", action="append", default=[], metavar="REPOSITORY", help="add lines of it as harmless")
    parser.add_argument("--bar", type=float, default=0.0, help="log-odds that are medium confidence")
    parser.add_argument("--features", action="store_true", help="measure what each fact adds")
    parser.add_argument("--write", action="store_true", help="write src/detect/table.rs")
    parser.add_argument("--letters", action="store_true", help="write src/detect/letters.rs, and nothing else")
    arguments = parser.parse_args()
    lines = [line for path in arguments.labelled for line in read_lines(path)]
    if arguments.letters:
        return write_letters(lines)
    lines += everyday() if arguments.everyday else []
    lines += [line for repository in arguments.clean for line in clean(repository)]
    see(lines)
    if arguments.features:
        return features(lines, arguments.bar)
    cross_validate(lines)
    report(lines, arguments.bar)
    if arguments.write:
        write(lines)


if __name__ == "__main__":
    sys.exit(main())
