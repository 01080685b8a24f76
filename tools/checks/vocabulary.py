#!/usr/bin/python3
"""vocabulary.py: no word of an application stands in the runtime's folders."""
import fnmatch
import re

import tree


def main():
    rows = tree.rows("vocabulary.txt")
    found = []
    for path in tree.files("protocol/*", "actors/*", "broker/*"):
        words = [row[0] for row in rows if not any(fnmatch.fnmatchcase(path, place) for place in row[1:])]
        pattern = re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])", re.I)
        for number, line in tree.lines(path):
            match = pattern.search(line)
            if match:
                found.append(f"{path}:{number}: \"{match.group(0)}\" is an application's word; it belongs into observers/")
    tree.report(found)


main()
