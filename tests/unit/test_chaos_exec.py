#!/usr/bin/python3
"""test_chaos_exec.py BIN: chaos-exec becomes the executable that it stands for, with what makes faults possible in front of all
that is preloaded anyway, however long that list is; what keeps it from that is told."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
LAUNCHER = os.path.realpath(os.path.join(sys.argv[1], "..", "lib", "vedette", "chaos-exec"))
OWN = {"VD_CHAOS_DISK": "/nowhere/disk.so", "VD_CHAOS_FAKETIME": "/nowhere/faketime.so", "VD_CHAOS_TIMERS": "/nowhere/timers.so"}
ALL_BYTES = 65536  # of a list that is longer than any path may be


class Exec(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="chaos-exec-")
        self.addCleanup(holder.cleanup)
        self.place = os.path.realpath(holder.name)
        for folder in ("bin", "clock", "disk"):
            os.mkdir(os.path.join(self.place, folder))

    def stand_for(self, program, *arguments, **environment):
        return subprocess.run([program, *arguments], executable=LAUNCHER, capture_output=True, text=True, check=False, timeout=60,
                              env={"VD_CHAOS_PLACE": self.place, "VD_CHAOS_BIN": os.path.join(self.place, "bin"),
                                   "VD_CHAOS_STORE": self.place, **OWN, **environment})

    def preloaded(self, program, *arguments, **environment):
        """What the executable itself is started with."""
        path = os.path.join(self.place, "bin", program)
        with open(path, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\necho "$LD_PRELOAD"\n')
        os.chmod(path, 0o700)
        done = self.stand_for(program, *arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr[-1000:])
        return done.stdout.strip().split(":")

    def test_what_is_preloaded_anyway_stays_behind_its_own_however_much_it_is(self):
        before = [f"/nowhere/{number:05}.so" for number in range(ALL_BYTES // len("/nowhere/00000.so:"))]
        found = self.preloaded("vedette-ingestor", "--name", "ingestor", VD_CHAOS_PRELOAD=":".join(before))
        self.assertEqual(found[:3], [OWN["VD_CHAOS_TIMERS"], OWN["VD_CHAOS_FAKETIME"], OWN["VD_CHAOS_DISK"]])
        self.assertEqual(found[3:], before)

    def test_what_keeps_it_from_starting_is_told(self):
        done = self.stand_for("vedette-host", "--name", "host")
        self.assertEqual((done.returncode, done.stderr), (127, f"{self.place}/bin/vedette-host: No such file or directory\n"))
        done = self.stand_for("vedette-host", "--name", "host", VD_CHAOS_PLACE="")
        self.assertEqual(done.returncode, 127)
        self.assertIn("vedette chaos up", done.stderr)


unittest.main(argv=sys.argv[:1])
