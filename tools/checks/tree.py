"""tree.py: the files of the project and how a check reports; shared by the checks beside it.

A check prints one line for each thing that it finds, naming the file, the line and the remedy, and exits with
0 (clean), 1 (something was found) or 77 (cannot be told here, with the reason as its only line). The tree is the
one that the checks stand in, or the one that VEDETTE_TREE names.
"""
import fnmatch
import os
import re
import sys

TOP = os.environ.get("VEDETTE_TREE") or os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED_FOLDERS = {".git", ".cache", "__pycache__", "node_modules"}
SKIP = 77


def files(*patterns):
    """Paths relative to the top, sorted, that match one of the glob patterns (* crosses slashes); all without any."""
    found = []
    for folder, folders, names in os.walk(TOP):
        at_top = folder == TOP
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS and not (at_top and f.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, name), TOP) for name in names if name != ".git"]
    if patterns:
        found = [f for f in found if any(fnmatch.fnmatchcase(f, p) for p in patterns)]
    return sorted(f for f in found if not f.endswith(".pyc"))


def text(path):
    """The file's text, or None for a file that is not text."""
    with open(os.path.join(TOP, path), "rb") as file:
        data = file.read()
    if b"\0" in data:
        return None
    return data.decode("utf-8", "replace")


def lines(path):
    """(number, line) of a text file; nothing for a binary one."""
    return list(enumerate((text(path) or "").splitlines(), 1))


def without_comments(source):
    """C text with comments and the contents of strings blanked, line numbers kept."""
    def blank(match):
        word = match.group(0)
        if word.startswith("/"):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + " " * (len(word) - 2) + word[-1]
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, source, flags=re.S)


def rows(name):
    """The rows of a list beside the checks: words of each line, comments and empty lines left out."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        kept = [line.split("#", 1)[0].split() for line in file]
    return [row for row in kept if row]


def report(found):
    """Prints what was found and ends the check."""
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


def skip(reason):
    print(reason)
    sys.exit(SKIP)
