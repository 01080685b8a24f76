#!/usr/bin/python3
"""catalogue.py: what is made from the catalogue (the reference in SPEC.md, the constants in Python, the vectors) is
what the catalogue says, and every message has a vector. With --write it brings these files up to the catalogue.
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


SPEC = "protocol/SPEC.md"
REFERENCE = re.compile(r"(?<=<!-- begin: made by vd-catalogue --markdown -->\n).*?(?=<!-- end -->|\Z)", re.S)
# What is made whole: the file, and what prints it.
MADE = {"protocol/python/vedette/catalogue.py": "--python", "protocol/vectors/messages.json": "--vectors",
        "protocol/vectors/commits.json": "--commit-vectors"}


def printed(option):
    return subprocess.run([program(), option], capture_output=True, text=True, check=True).stdout


def wanted():
    """{file: what must stand in it} of everything that is made from the catalogue."""
    files = {path: printed(option) for path, option in MADE.items()}
    files[SPEC] = REFERENCE.sub(lambda _: printed("--markdown"), tree.text(SPEC))
    return files


def main():
    if sys.argv[1:] == ["--write"]:
        for path, text in wanted().items():
            with open(os.path.join(tree.TOP, path), "w", encoding="utf-8") as file:
                file.write(text)
    found = [f"{path}: not what the catalogue says: run tools/checks/catalogue.py --write"
             for path, text in wanted().items() if tree.text(path) != text]
    names = re.findall(r"^VD_MESSAGE_BEGIN\(\w+, (\w+),", tree.text("protocol/wire/messages.def"), re.M)
    vectors = "\n".join(tree.text(path) or "" for path in tree.files("protocol/vectors/*"))
    found += [f"protocol/vectors: no vector for the message {name}" for name in names
              if not re.search(rf"(?<!\w){name}(?!\w)", vectors)]
    tree.report(found)


main()
