#!/usr/bin/python3
"""test_tools.py: what tools/test counts of its stages, and what tests/fuzz/run refuses, on targets and reports made up here."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN = os.path.join(TOP, "tests", "fuzz", "run")
OUTCOME = os.path.join(TOP, "tools", "lib", "outcome.sh")
TARGETS = {"good": "echo 'stat::number_of_executed_units: 7'; exit 0", "bad": "echo 'ERROR: a crash'; exit 77"}


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp")
        self.addCleanup(holder.cleanup)
        self.dir = holder.name

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def outcome(self, call, *words):
        """What a function of outcome.sh says, and what it says to people."""
        done = subprocess.run(["bash", "-c", f'. "$0"; {call} "$@"', OUTCOME, *map(str, words)], capture_output=True, text=True,
                              timeout=60, check=True)
        return tuple(map(int, done.stdout.split())), done.stderr


class Fuzz(Case):
    def targets(self, *names):
        for name in names:
            self.write(f"tests/fuzz_{name}", f"#!/bin/sh\n: >>{self.dir}/ran\n{TARGETS[name]}\n", 0o755)

    def fuzz(self, *words):
        """(exit code, what it says, what the stage of tools/test counts: passed and failed)"""
        done = subprocess.run([RUN, *words], env={**os.environ, "VEDETTE_BUILD": self.dir}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, self.outcome("fuzz_outcome", self.write("log", done.stdout), done.returncode)[0]

    def test_good_and_bad_targets_are_counted(self):
        self.targets("good")
        self.assertEqual(self.fuzz("--executions", "1")[::2], (0, (1, 0)))
        self.targets("bad")
        self.assertEqual(self.fuzz("--executions", "1")[::2], (1, (1, 1)))
        self.assertEqual(self.fuzz("--target", "good")[::2], (0, (1, 0)))

    def test_where_nothing_was_fuzzed_one_has_failed(self):
        code, said, counted = self.fuzz()
        self.assertEqual((code, counted), (1, (0, 1)))
        self.assertIn("cmake --build --preset fuzz", said)

    def test_a_run_that_fails_by_itself_has_failed(self):
        for text, status, counted in (("no seeds\n", 1, (0, 1)), ("", 0, (0, 1)), ("value 7 executions  ok\n", 1, (1, 1)),
                                      ("value 7 executions  FOUND\nemit  ok\n", 1, (1, 1))):
            self.assertEqual(self.outcome("fuzz_outcome", self.write("log", text), status)[0], counted, text)

    def test_what_means_nothing_is_refused_before_anything_begins(self):
        self.targets("good", "bad")
        for words, wanted in ((("--seconds", "abc"), "--seconds 'abc' is no number: give one of 1 to"), (("--seconds", "0"), "--seconds '0'"),
                              (("--executions", "-1"), "--executions '-1'"), (("--executions", "08"), "'08'"), (("--jobs", "0"), "--jobs"),
                              (("--seed", "x"), "--seed 'x' is no number: give one of 0 to"), (("--jobs", ""), "--jobs ''"),
                              (("--target", "nosuch"), "--target nosuch: there is none of that name; there are: bad good")):
            code, said, _ = self.fuzz(*words)
            self.assertEqual(code, 2, (words, said))
            self.assertIn(wanted, said)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "ran")))


class Reports(Case):
    def test_each_report_is_a_failure(self):
        os.mkdir(os.path.join(self.dir, "r"))
        place = os.path.join(self.dir, "r")
        self.assertEqual(self.outcome("reports_outcome", place), ((1, 0), ""))
        self.write("r/log.1", "")
        self.assertEqual(self.outcome("reports_outcome", place)[0], (1, 0))
        self.write("r/log.2", "WARNING: ThreadSanitizer: data race\n")
        counted, said = self.outcome("reports_outcome", place)
        self.assertEqual(counted, (0, 1))
        self.assertIn("report log.2:\n    WARNING: ThreadSanitizer: data race", said)


if __name__ == "__main__":
    unittest.main()
