#!/usr/bin/python3
"""test_same.py: one seed gives one trace, byte for byte: twice, and in every build that there is."""
import hashlib
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEDS = (3, 7, 11)


def trace(model, seed):
    done = subprocess.run([model, "--seed", str(seed), "--trace"], stdout=subprocess.PIPE, check=True)
    return hashlib.sha256(done.stdout).hexdigest(), len(done.stdout)


def main(build):
    models = [os.path.join(build, "tests", "model")] * 2
    newest = os.path.getmtime(models[0])
    for name in sorted(os.listdir(os.path.join(TOP, "build"))):
        other = os.path.join(TOP, "build", name, "tests", "model")
        # One that is much older is of another state of the tree.
        if os.path.exists(other) and abs(os.path.getmtime(other) - newest) < 600 and not os.path.samefile(other, models[0]):
            models.append(other)
    bad = 0
    for seed in SEEDS:
        results = {model: trace(model, seed) for model in models}
        again = trace(models[0], seed)
        if len(set(results.values()) | {again}) != 1:
            print(f"seed {seed} gives other traces: {results}, again {again}")
            bad += 1
    print(f"{len(SEEDS)} seeds, {len(set(models))} builds, each twice: {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
