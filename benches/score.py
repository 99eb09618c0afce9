#!/usr/bin/env python3
"""Fits the weights of the score for assigned values, and measures what is found with them.

    benches/score.py LABELLED.jsonl            cross-validates over repositories
    benches/score.py LABELLED.jsonl --write    and writes src/detect/weights.rs

Each line of LABELLED is an object: `repo`, `label` (T: a credential, F: none, X: a placeholder),
`category`, `text` with `value` = [start, end) in it or [-1, -1], and the lines `before` and
`after`. The public CredData set can be brought into that form. The features come from unleak
itself, by `cargo bench --bench score`; nothing is learnt from the characters of a value.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "src/detect/weights.rs"
FOLDS = 5
ROUNDS = 30
PENALTY = 0.002
# A word of a name is known if names in that many repositories have it.
MIN_REPOSITORIES = 4
# One repository of many lines must not outvote the others.
MOST_LINES = 40
# Words in values were drawn away when the set replaced them, but real values that are no secrets
# are full of them: the least and the most that these may weigh.
CAPS = {
    "holds a word for a secret": (-1.5, 0),
    "holds a common test value": (-1, 0),
    # These are rare in the set; people agree on what they mean.
    "is a placeholder": (-6, -4.5),
    "is encrypted": (-6, -4),
    "is a random mix": (0.5, 3),
    "may be a call": (-6, -3),
    "capitals": (-3, -1.5),
    "capitals and digits": (-2, 1),
    "a capital, then small letters": (-1, 0),
    "is a word, and not for a password": (-4, -1.5),
    "is a number, and not for a password": (-4, -2.5),
    "is base64 of a text": (2, 4),
    # The lines of the set were picked by such names: text about passwords is hardly among them.
    "a bare word follows a blank": (-3, -0.5),
    "ends auth": (-3, 1),
    # The set has pages in HTML, but hardly any settings in XML.
    "name stands in markup": (-0.3, 0.3),
    "markup follows": (-0.3, 0.3),
    "an element or attribute holds it": (0, 0.5),
}


def load(path):
    """Returns the labelled lines with what unleak makes of them."""
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    for line in lines:
        # Offsets in the set count characters; unleak counts bytes.
        start, end = line["value"]
        line["value"] = [len(line["text"][:at].encode()) if at >= 0 else -1 for at in (start, end)]
    parts = ("before", "text", "after")
    text = "".join(json.dumps({part: line[part] for part in parts}) + "\n" for line in lines)
    bench = ["cargo", "bench", "--profile", "dev", "--quiet", "--bench", "score"]
    done = subprocess.run(bench, input=text, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    for line, seen in zip(lines, done.stdout.splitlines(), strict=True):
        line.update(json.loads(seen))
    return lines


def touches(line, start, end):
    """Whether a span is about the labelled value of a line."""
    value_start, value_end = line["value"]
    return value_start < 0 or (start < value_end and end > value_start)


def features(assigned, words):
    """The names of the weights that apply."""
    _, _, facts, name = assigned
    inner = [f"has {word}" for word in name[:-1] if word in words]
    last = [f"ends {word}" for word in name[-1:] if word in words]
    return facts + inner + last


def vocabulary(lines):
    """The words that names in enough repositories have."""
    seen = collections.defaultdict(set)
    for line in lines:
        for assigned in line["assigned"]:
            for word in assigned[3]:
                if 1 < len(word) <= 20:
                    seen[word].add(line["repo"])
    return {word for word, repositories in seen.items() if len(repositories) >= MIN_REPOSITORIES}


def samples(lines, words):
    """Pairs of features and label, with a weight: no repository counts too much."""
    found = []
    for line in lines:
        for assigned in line["assigned"]:
            if touches(line, assigned[0], assigned[1]):
                found.append((line["repo"], features(assigned, words), line["label"] == "T"))
    counts = collections.Counter((repo, label) for repo, _, label in found)
    weigh = lambda key: min(1.0, (MOST_LINES / counts[key]) ** 0.5)
    return [(names, label, weigh((repo, label))) for repo, names, label in found]


def fit(pairs):
    """Logistic regression by adaptive steps, with a penalty on large weights."""
    weights, squares = collections.defaultdict(float), collections.defaultdict(float)
    order = list(pairs)
    chance = random.Random(1)
    for _ in range(ROUNDS):
        chance.shuffle(order)
        for names, label, weigh in order:
            odds = weights["base"] + sum(weights[name] for name in names)
            wrong = (label - 1 / (1 + math.exp(-max(-30, min(30, odds))))) * weigh
            for name in ("base", *names):
                step = wrong - (PENALTY * weights[name] if name != "base" else 0)
                squares[name] += step * step
                weights[name] += 0.3 * step / math.sqrt(1e-3 + squares[name])
                if name in CAPS:
                    weights[name] = max(CAPS[name][0], min(CAPS[name][1], weights[name]))
    return weights


def is_found(line, weights, words, bar):
    """Whether a line would be reported at medium confidence or above."""
    for _, is_generic, confidence, start, end in line["found"]:
        if not is_generic and confidence != "low" and touches(line, start, end):
            return True
    for assigned in line["assigned"]:
        if touches(line, assigned[0], assigned[1]):
            odds = weights["base"] + sum(weights.get(name, 0) for name in features(assigned, words))
            if 1 / (1 + math.exp(-odds)) >= bar:
                return True
    return False


class Tally:
    """True and false alarms, and what was missed."""

    def __init__(self):
        self.hit = self.false = self.missed = 0

    def add(self, is_true, is_found):
        self.hit += is_true and is_found
        self.false += is_found and not is_true
        self.missed += is_true and not is_found

    def f1(self):
        return 2 * self.hit / max(1, 2 * self.hit + self.false + self.missed)

    def __str__(self):
        precision = self.hit / max(1, self.hit + self.false)
        recall = self.hit / max(1, self.hit + self.missed)
        counts = f"({self.hit} found, {self.false} false, {self.missed} missed)"
        return f"P {precision:.2f}  R {recall:.2f}  F1 {self.f1():.2f}  {counts}"


def fold_of(repo):
    return zlib.crc32(repo.encode()) % 7919 % FOLDS


def validate(lines, bar):
    """Fits without each fold and prints what is found in it."""
    everything, categories, folds = Tally(), collections.defaultdict(Tally), []
    for number in range(FOLDS):
        train = [line for line in lines if fold_of(line["repo"]) != number]
        words = vocabulary(train)
        weights = fit(samples(train, words))
        fold = Tally()
        for line in lines:
            if fold_of(line["repo"]) == number:
                found = is_found(line, weights, words, bar)
                line["is_found"] = found
                for tally in (everything, fold, categories[line["category"].split(":")[0]]):
                    tally.add(line["label"] == "T", found)
        folds.append(fold)
        print(f"fold {number}: {fold}")
    print(f"all:    {everything}")
    print(f"mean F1 of the folds: {sum(fold.f1() for fold in folds) / FOLDS:.2f}")
    for name, tally in sorted(categories.items(), key=lambda item: -item[1].hit - item[1].missed):
        print(f"  {name:24} {tally}")


def write(lines):
    """Fits on all lines and writes the table that unleak is built with."""
    words = vocabulary(lines)
    weights = fit(samples(lines, words))
    facts = sorted(name for name in weights if not name.startswith(("has ", "ends ")) or " " in name.split(" ", 1)[1])
    facts = [name for name in facts if name != "base"]
    rows = []
    for word in sorted(words):
        inner, last = (round(weights.get(f"{where} {word}", 0), 1) + 0.0 for where in ("has", "ends"))
        if inner or last:
            rows.append((word, inner, last))
    with open(WEIGHTS, "w", encoding="utf-8") as out:
        out.write("//! What each feature adds to the log-odds that an assigned value is a secret.\n//!\n")
        out.write("//! Written by `benches/score.py --write`; `features` says what the facts mean.\n\n")
        out.write("/// What every value begins with.\n")
        out.write(f"pub(super) const BASE: f32 = {weights['base']:.2f};\n\n")
        out.write("/// Facts, sorted.\n#[rustfmt::skip]\n")
        out.write(f"pub(super) const FACTS: [(&str, f32); {len(facts)}] = [\n")
        out.writelines(f'    ("{name}", {weights[name] + 0.0:.3f}),\n' for name in facts)
        out.write("];\n\n/// Words of the name, sorted: inside of it, and at its end.\n#[rustfmt::skip]\n")
        out.write(f"pub(super) const WORDS: [(&str, f32, f32); {len(rows)}] = [\n")
        out.writelines(f'    ("{word}", {inner:.1f}, {last:.1f}),\n' for word, inner, last in rows)
        out.write("];\n")


def main():
    parser = argparse.ArgumentParser(description="Fits the weights of the score.")
    parser.add_argument("labelled")
    parser.add_argument("--bar", type=float, default=0.5, help="score that is medium confidence")
    parser.add_argument("--write", action="store_true", help="write src/detect/weights.rs")
    parser.add_argument("--dump", help="write what is found and missed, without the texts, to a file")
    arguments = parser.parse_args()
    lines = load(arguments.labelled)
    validate(lines, arguments.bar)
    if arguments.dump:
        with open(arguments.dump, "w", encoding="utf-8") as out:
            json.dump([(line["is_found"], line["found"], line["assigned"]) for line in lines], out)
    if arguments.write:
        write(lines)


if __name__ == "__main__":
    sys.exit(main())
