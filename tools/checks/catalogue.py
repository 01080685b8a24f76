#!/usr/bin/python3
"""catalogue.py: the reference part of SPEC.md is what the catalogue prints, and every message has a vector.

With --write it brings the reference part up to the catalogue.
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


def check_reference(printed):
    spec = tree.text(SPEC)
    if sys.argv[1:] == ["--write"]:
        with open(os.path.join(tree.TOP, SPEC), "w", encoding="utf-8") as file:
            file.write(REFERENCE.sub(lambda _: printed, spec))
        return []
    now = REFERENCE.search(spec)
    if not now or now.group(0).strip() != printed.strip():
        return [f"{SPEC}: its reference part is not what the catalogue says: run tools/checks/catalogue.py --write"]
    return []


def main():
    printed = subprocess.run([program(), "--markdown"], capture_output=True, text=True, check=True).stdout
    found = check_reference(printed)
    names = re.findall(r"^VD_MESSAGE_BEGIN\(\w+, (\w+),", tree.text("protocol/wire/messages.def"), re.M)
    vectors = "\n".join(tree.text(path) or "" for path in tree.files("protocol/vectors/*"))
    found += [f"protocol/vectors: no vector for the message {name}" for name in names
              if not re.search(rf"(?<!\w){name}(?!\w)", vectors)]
    tree.report(found)


main()
