#!/usr/bin/python3
"""test_chaos_fault.py BIN: libvd_fault.so in a process that does nothing but write: what it is told holds when the file of the
orders is gone, no order is lost, a slow sync ends when the disk heals, what interrupts its thread does not end that, and
what is no number ends the process."""
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
LIBRARY = os.path.realpath(os.path.join(sys.argv[1], "..", "lib", "vedette", "libvd_fault.so"))
INTERRUPTED = os.path.realpath(os.path.join(sys.argv[1], "..", "tests", "libinterrupted_reads.so"))
ROUNDS = 300
SLOW_MS = 30000


def tell(control, text):
    with open(control + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(control + ".new", control)


def order(control, text):
    tell(control, text)
    deadline = time.monotonic() + 20
    while os.path.exists(control):
        assert time.monotonic() < deadline, f"nobody obeys {text}"


def fails(file):
    try:
        os.write(file, b"x")
        return False
    except OSError:
        return True


def rules_hold_at_once(control, file):
    for number in range(ROUNDS):
        order(control, "fail write any 1+ EIO")
        assert fails(file), f"round {number}: it was told that writes fail, and one did not"
        order(control, "heal")
        assert not fails(file), f"round {number}: it was told that the disk is healed, and a write failed"


def the_last_order_counts(control, file):
    for number in range(ROUNDS):
        tell(control, "fail write any 1+ EIO")
        for _ in range(number):
            pass  # so that the next comes at all moments of the one before
        order(control, "heal")
        deadline = time.monotonic() + 10
        while fails(file):
            assert time.monotonic() < deadline, f"round {number}: the order to heal was lost"


def healing_ends_a_slow_sync(control, file):
    order(control, f"slow any {SLOW_MS}")
    began, begun = time.monotonic(), threading.Event()
    sys.setswitchinterval(SLOW_MS)  # who was begun gives way only when it waits for the disk
    sync = threading.Thread(target=lambda: (begun.set(), os.fsync(file)))
    sync.start()
    begun.wait()
    order(control, "heal")
    sync.join()
    assert time.monotonic() - began < SLOW_MS / 2000, "it was healed, and the sync went on"
    order(control, "slow any 30")
    began = time.monotonic()
    os.fsync(file)
    assert time.monotonic() - began >= 0.03


INSIDE = {test.__name__: test for test in (rules_hold_at_once, the_last_order_counts, healing_ends_a_slow_sync)}


class Fault(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="chaos-fault-")
        self.addCleanup(self.holder.cleanup)

    def run_inside(self, name, rules="", before=()):
        """`before`: what is preloaded, too."""
        place = os.path.realpath(self.holder.name)
        disk = os.path.join(place, "disk")
        os.makedirs(disk, exist_ok=True)
        environment = {**os.environ, "LD_PRELOAD": ":".join([*before, LIBRARY]), "VD_FAULT_DIR": disk, "VD_FAULT_CUT": "no",
                       "VD_FAULT_CONTROL": os.path.join(place, "control"), "VD_FAULT_RULES": rules}
        return subprocess.run([sys.executable, __file__, sys.argv[1], "inside", name], env=environment, capture_output=True,
                              text=True, timeout=50, check=False)

    def test_inside(self):
        for name in INSIDE:
            with self.subTest(name):
                done = self.run_inside(name)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_interrupts_its_thread_does_not_end_that(self):
        self.assertTrue(os.path.exists(INTERRUPTED))
        done = self.run_inside(rules_hold_at_once.__name__, before=[INTERRUPTED])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_not_understood_ends_it(self):
        for rules in ("slow any -1", "slow any 3000000000", "slow any 2x", "slow any 60001", "trace maybe", "cut abc", "cut 300",
                      "cut -1", "fail write any -1 EIO"):
            done = self.run_inside("", rules)
            self.assertEqual(done.returncode, 99, rules)
            self.assertIn("libvd_fault: \"", done.stderr, rules)
        self.assertEqual(self.run_inside("", "slow any 60000;trace off").returncode, 0)


if sys.argv[2:3] == ["inside"]:
    if sys.argv[3]:
        place = os.path.dirname(os.environ["VD_FAULT_DIR"])
        INSIDE[sys.argv[3]](os.path.join(place, "control"), os.open(os.path.join(place, "disk", "1.log"), os.O_WRONLY | os.O_CREAT))
else:
    unittest.main(argv=sys.argv[:1])
