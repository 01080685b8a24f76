#!/usr/bin/python3
"""scripts.py: shell scripts pass bash -n and shellcheck; Python files compile."""
import shutil
import subprocess

import tree


def is_shell(path):
    first = (tree.text(path) or "").split("\n", 1)[0]
    return path.endswith(".sh") or (first.startswith("#!") and first.rstrip().endswith(("bash", "/sh")))


def is_python(path):
    first = (tree.text(path) or "").split("\n", 1)[0]
    return path.endswith(".py") or (first.startswith("#!") and "python" in first)


def main():
    shell = [path for path in tree.files() if is_shell(path)]
    found = []
    for path in shell:
        run = subprocess.run(["bash", "-n", path], cwd=tree.TOP, capture_output=True, text=True, check=False)
        found += run.stderr.splitlines()
    if shell and shutil.which("shellcheck"):
        run = subprocess.run(["shellcheck", "-x", "-S", "warning", "-f", "gcc", *shell], cwd=tree.TOP,
                             capture_output=True, text=True, check=False)
        found += run.stdout.splitlines() + run.stderr.splitlines()
    elif shell:
        found.append("shellcheck is not installed (package shellcheck)")
    for path in tree.files():
        if is_python(path):
            try:
                compile(tree.text(path), path, "exec")
            except SyntaxError as error:
                found.append(f"{path}:{error.lineno}: {error.msg}")
    tree.report(found)


main()
