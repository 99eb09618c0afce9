"""Makes the tables of src/report/recognise.rs from the spelling of names.

    python3 benches/names.py REPOSITORY...

Counts pairs of letters and pairs of character classes in the names of files, refs and authors of git
repositories, and prints both tables as Rust code. Each word and each name counts once. Names with
digests are left out, because the tables must distinguish names from them.
"""

import collections
import math
import re
import string
import subprocess
import sys

LETTERS = string.ascii_lowercase
DIGEST = re.compile(r"^[0-9a-f]{6,}$|[0-9a-f]{16,}")
# Steps of half a nat, from four below to three above the value of equally likely letters.
STEPS, LOWEST, HIGHEST = 2, -8, 6


def names(repository):
    def git(*args):
        command = ["git", "-C", repository, *args]
        output = subprocess.run(command, capture_output=True, check=True).stdout
        return re.split("[\0\n]", output.decode(errors="replace"))

    yield from git("log", "--all", "--no-renames", "--name-only", "--format=", "-z")
    yield from git("for-each-ref", "--format=%(refname)")
    yield from git("log", "--all", "--format=%an%n%ae")


def kind(character):
    for number, kinds in enumerate((string.ascii_lowercase, string.ascii_uppercase, string.digits)):
        if character in kinds:
            return number
    return 3


def main():
    parts = {part for repository in sys.argv[1:] for name in names(repository) for part in name.split("/")}
    parts = {part for part in parts if not DIGEST.search(part)}
    words = {word.lower() for part in parts for word in re.findall("[A-Za-z]+", part)}
    pairs = collections.Counter(pair for word in words for pair in zip(word, word[1:]))
    kinds = collections.Counter((kind(a), kind(b)) for part in parts for a, b in zip(part, part[1:]))
    print(f"// {len(words)} words, {len(parts)} names")
    for first in LETTERS:
        total = sum(pairs[first, second] for second in LETTERS)
        odds = [math.log((pairs[first, second] + 0.5) / (total + 13) * 26) for second in LETTERS]
        steps = [max(LOWEST, min(HIGHEST, round(of * STEPS))) for of in odds]
        print('    b"' + "".join(LETTERS[step - LOWEST] for step in steps) + '",')
    for first in range(4):
        total = sum(kinds[first, second] for second in range(4))
        row = [math.log((kinds[first, second] + 1) / (total + 4)) for second in range(4)]
        print("    [" + ", ".join(f"{of:.2f}" for of in row) + "],")


if __name__ == "__main__":
    main()
