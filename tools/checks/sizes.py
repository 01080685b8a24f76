#!/usr/bin/python3
"""sizes.py: files of at most 600 lines, functions of at most 70; ratchet.txt lists what is over, and may only shrink."""
import re

import tree

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70


def functions(path):
    """(name, lines) of each function of a C file laid out by clang-format: it opens and closes in the first column."""
    name, start, header = "", 0, ""
    for number, line in tree.lines(path):
        if line.startswith("{"):
            match = re.findall(r"(\w+)\s*\(", header)
            name, start = (match[0] if match else f"line {number}"), number
        elif line.startswith("}"):
            if start:
                yield name, number - start + 1
            start, header = 0, ""
        elif line and not line[0].isspace() and not start and not line.startswith(("#", "/", "*", "}")):
            header = line


def main():
    allowed = {row[1]: int(row[0]) for row in tree.rows("ratchet.txt")}
    sizes = {}
    for path in tree.files("*.c", "*.h", "*.cpp", "*.py", "*.sh", "*.def", "tools/*", "*CMakeLists.txt", "*.cmake"):
        count = len(tree.lines(path))
        if count > FILE_LINES_MAX:
            sizes[path] = (count, FILE_LINES_MAX)
        if path.endswith((".c", ".cpp")):
            for name, length in functions(path):
                if length > FUNCTION_LINES_MAX:
                    sizes[f"{path}:{name}"] = (length, FUNCTION_LINES_MAX)
    found = []
    for name, (size, limit) in sorted(sizes.items()):
        if size > allowed.get(name, limit):
            found.append(f"{name}: {size} lines, over {allowed.get(name, limit)}: split it by what it knows")
        elif size < allowed[name]:
            found.append(f"{name}: {size} lines now; lower its row in tools/checks/ratchet.txt")
    found += [f"{name}: no longer over the limit; take its row out of tools/checks/ratchet.txt"
              for name in sorted(allowed) if name not in sizes]
    tree.report(found)


main()
