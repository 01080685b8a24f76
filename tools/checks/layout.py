#!/usr/bin/python3
"""layout.py: the top level holds only the given names, scripts can be run, and no path of a build machine is in the tree."""
import os
import re

import tree

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "actors", "broker", "observers", "protocol",
             "tests", "tools", ".ci", ".clang-format", ".clang-tidy", ".editorconfig", ".gitignore", ".git", ".cache",
             "compile_commands.json", ".vedette"}
MACHINE_PATH = re.compile(r"(?<![\w.$}/~-])/(?:work|farm|root|home/\w+|tmp/(?:plan|bash_jobs)\b[\w.]*)(?:/|\b(?![\w/]))")


def main():
    found = [f"{name}: not in the given top level" for name in sorted(os.listdir(tree.TOP))
             if name not in TOP_LEVEL and not name.startswith("build")]
    for path in tree.files():
        body = tree.text(path)
        if body is None:
            continue
        runnable = os.access(os.path.join(tree.TOP, path), os.X_OK)
        if body.startswith("#!") and not runnable:
            found.append(f"{path}: begins with #! and has no run bit: chmod +x {path}")
        if runnable and not body.startswith("#!"):
            found.append(f"{path}: has a run bit and does not begin with #!")
        for number, line in tree.lines(path):
            match = MACHINE_PATH.search(line)
            if match and path != "tools/checks/layout.py":
                found.append(f"{path}:{number}: {match.group(0)}: a path of one machine")
    tree.report(found)


main()
