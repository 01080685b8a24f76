#!/usr/bin/python3
"""expression_peers.py TEST_EXPRESSION [SEED]: the Python evaluator agrees with the one in C on random cases."""
import math
import os
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
from vedette import expression, wire  # noqa: E402

CASES = 20000


def same(a, b):
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def check(text, snapshot, *outcome):
    text = bytes.fromhex(text).decode()
    try:
        read = expression.Expression(text)
    except expression.ExpressionError as problem:
        found = ["error", str(problem.column), problem.expected.encode().hex()]
        assert found == list(outcome), f"{text}: {problem}, in C {outcome}"
        return False
    assert outcome[0] != "error", f"{text}: read, in C column {outcome[1]}"
    snapshot = wire.unpack(bytes.fromhex(snapshot))
    value, wanted = read.evaluate(snapshot), wire.unpack(bytes.fromhex(outcome[0]))
    assert same(value, wanted), f"{text} over {snapshot}: {value!r}, in C {wanted!r}"
    return True


def main():
    seed = sys.argv[2] if len(sys.argv) > 2 else str(int(time.time()))
    print(f"seed {seed}", flush=True)
    done = subprocess.run([sys.argv[1], "cases", seed, str(CASES)], capture_output=True, text=True, check=True)
    rows = [line.split(" ") for line in done.stdout.splitlines()]
    assert len(rows) == CASES
    read = sum(check(*row) for row in rows)
    assert CASES / 4 < read < CASES, read
    print(f"expression peers: ok, {read} of {CASES} evaluated")


main()
