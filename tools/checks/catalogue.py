#!/usr/bin/python3
"""catalogue.py: the reference part of SPEC.md is what the catalogue prints, and every message has a vector."""
import os
import re
import subprocess

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


def main():
    printed = subprocess.run([program(), "--markdown"], capture_output=True, text=True, check=True).stdout
    found = []
    spec = tree.text("protocol/SPEC.md")
    if printed.strip() not in spec:
        missing = [line for line in printed.splitlines() if line.strip() and line not in spec]
        found.append("protocol/SPEC.md: its reference part is not what vd-catalogue --markdown prints; "
                     f"first difference: {missing[0] if missing else 'order of the lines'}")
    names = re.findall(r"^VD_MESSAGE_BEGIN\(\w+, (\w+),", tree.text("protocol/wire/messages.def"), re.M)
    vectors = "\n".join(tree.text(path) or "" for path in tree.files("protocol/vectors/*"))
    found += [f"protocol/vectors: no vector for the message {name}" for name in names
              if not re.search(rf"(?<!\w){name}(?!\w)", vectors)]
    tree.report(found)


main()
