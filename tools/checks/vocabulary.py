#!/usr/bin/python3
"""vocabulary.py: no word of an application stands in the runtime's folders."""
import re

import tree


def main():
    words = "|".join(row[0] for row in tree.rows("vocabulary.txt"))
    pattern = re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.I)
    found = []
    for path in tree.files("protocol/*", "actors/*", "broker/*"):
        for number, line in tree.lines(path):
            match = pattern.search(line)
            if match:
                found.append(f"{path}:{number}: \"{match.group(0)}\" is an application's word; it belongs into observers/")
    tree.report(found)


main()
