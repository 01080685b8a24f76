"""tree.py: the texts of a tree, what they stand on, and in which order they can be generated.

A text is a file NAME.txt; a line "needs: a.txt b.txt" in it says what it stands on, by paths from the top of the tree.
"""
import os

from provider import compose, digest


class Text:
    def __init__(self, name, content):
        self.name, lines = name, content.splitlines()
        self.needs = sorted({need for line in lines if line.startswith("needs:") for need in line[6:].split()})
        self.body = "\n".join(line for line in lines if not line.startswith("needs:"))


def paths(top):
    """The texts there are, by their paths from the top."""
    for directory, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            if name.endswith(".txt"):
                yield os.path.relpath(os.path.join(directory, name), top)


def read(top, path):
    """A text; None when it has gone meanwhile."""
    try:
        with open(os.path.join(top, path), encoding="utf-8") as file:
            return Text(path, file.read())
    except FileNotFoundError:
        return None


def levels(texts):
    """Lists of names: each stands on earlier lists alone. Names that stand on what is not there, or on themselves, are
    in none."""
    found, sound = [], set()
    while level := sorted(name for name in texts if name not in sound and set(texts[name].needs) <= sound):
        found.append(level)
        sound.update(level)
    return found


def expected(top):
    """{name: what has to be generated of it}, for what can be: the whole of it, from the tree alone."""
    texts = {path: read(top, path) for path in paths(top)}
    made = {}
    for level in levels(texts):
        for name in level:
            made[name] = compose(texts[name].body, [digest(made[need]) for need in texts[name].needs])
    return made
