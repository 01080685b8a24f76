#!/usr/bin/python3
"""test_behave.py BIN: tools/examples/behave passes, and where a node never comes back it fails with what was last seen.
Skipped where etcd or behave is not installed."""
import os
import re
import subprocess
import sys

from harness import TOP

BIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin")
SKIPPED = 77


def run(*arguments):
    done = subprocess.run([os.path.join(TOP, "tools", "examples", "behave", "run"), "--bin", BIN, *arguments],
                          capture_output=True, text=True, timeout=150, check=False)
    if done.returncode == SKIPPED:
        print(done.stderr.strip())
        sys.exit(SKIPPED)
    return done


def test_the_cluster_is_driven_by_hand():
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 scenarios passed, 0 failed, 1 skipped" in done.stdout, done.stdout


def test_a_node_that_never_comes_back_is_told():
    done = run("--lost")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = re.search(r"Assertion Failed: .*was not true within 3\.0 s; last seen, in cycle \d+, \d+ ms ago: .*?member_count = 3"
                       r".*?\n\s+m2: unreachable, \S", done.stdout, re.S)
    assert failed, f"it does not say what was last seen:\n{done.stdout}"
    assert "0 scenarios passed, 1 failed, 2 skipped" in done.stdout and "Traceback" not in done.stdout, done.stdout


if __name__ == "__main__":
    for case in (test_the_cluster_is_driven_by_hand, test_a_node_that_never_comes_back_is_told):
        case()
        print(f"ok {case.__name__}", flush=True)
