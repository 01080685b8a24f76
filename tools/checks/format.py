#!/usr/bin/python3
"""format.py: clang-format 14 (Debian 12's) would change nothing; the trees' .clang-format says how."""
import re
import shutil
import subprocess

import tree

VERSION = "14"


def main():
    program = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
    if not program:
        tree.skip("clang-format is not installed (package clang-format)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {VERSION}." not in version:
        tree.skip(f"{version.strip()}: another version formats otherwise; version {VERSION} is needed")
    sources = tree.files("*.c", "*.h", "*.cpp")
    run = subprocess.run([program, "--dry-run", "-Werror", "--ferror-limit=1", *sources], cwd=tree.TOP,
                         capture_output=True, text=True, check=False)
    found = sorted({line.split(":")[0] for line in run.stderr.splitlines() if re.match(r"\S+:\d+:\d+: error", line)})
    if run.returncode and not found:
        found = run.stderr.splitlines()[:10]
    tree.report([f"{path}: run {program.rsplit('/', 1)[-1]} -i {path}" if path in sources else path for path in found])


main()
