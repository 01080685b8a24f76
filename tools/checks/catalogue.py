#!/usr/bin/python3
"""catalogue.py: what is made from the catalogues (the references in SPEC.md and EVENTS.md, the constants in Python, the
vectors) is what the catalogues say, and every message has a vector. With --write it brings these files up to the catalogue.
"""
import os
import re
import subprocess
import sys

import tree


def program():
    """vd-catalogue from the build that VEDETTE_BUILD names, or else from any preset's."""
    builds = [os.environ["VEDETTE_BUILD"]] if os.environ.get("VEDETTE_BUILD") else [
        os.path.join(tree.TOP, "build", preset) for preset in ("release", "debug", "clang", "asan", "tsan")]
    for build in builds:
        path = os.path.join(build, "bin", "vd-catalogue")
        if os.access(path, os.X_OK):
            return path
    if os.environ.get("VEDETTE_BUILD"):
        tree.report([f"{os.environ['VEDETTE_BUILD']}: there is no bin/vd-catalogue in it"])
    return tree.skip("vd-catalogue is not built (cmake --preset release && cmake --build --preset release)")


# What has a part that is made: the file, and what prints that part.
PARTS = {"protocol/SPEC.md": "--markdown", "protocol/EVENTS.md": "--events-markdown"}
# What is made whole: the file, and what prints it.
MADE = {"protocol/python/vedette/catalogue.py": "--python", "protocol/vectors/messages.json": "--vectors",
        "protocol/vectors/commits.json": "--commit-vectors", "protocol/python/vedette/event_types.py": "--events-python"}


def printed(option):
    return subprocess.run([program(), option], capture_output=True, text=True, check=True).stdout


def wanted():
    """{file: what must stand in it} of everything that is made from the catalogue."""
    files = {path: printed(option) for path, option in MADE.items()}
    for path, option in PARTS.items():
        part = re.compile(rf"(?<=<!-- begin: made by vd-catalogue {option} -->\n).*?(?=<!-- end -->|\Z)", re.S)
        files[path] = part.sub(lambda _, text=printed(option): text, tree.text(path))
    return files


def main():
    if sys.argv[1:] == ["--write"]:
        for path, text in wanted().items():
            with open(os.path.join(tree.TOP, path), "w", encoding="utf-8") as file:
                file.write(text)
    found = [f"{path}: not what the catalogue says: run tools/checks/catalogue.py --write"
             for path, text in wanted().items() if tree.text(path) != text]
    catalogue = "".join(tree.text(path) for path in tree.files("protocol/wire/messages*.def"))
    names = re.findall(r"^VD_MESSAGE_BEGIN\(\w+, (\w+),", catalogue, re.M)
    vectors = "\n".join(tree.text(path) or "" for path in tree.files("protocol/vectors/*"))
    found += [f"protocol/vectors: no vector for the message {name}" for name in names
              if not re.search(rf"(?<!\w){name}(?!\w)", vectors)]
    tree.report(found)


main()
