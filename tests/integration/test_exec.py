#!/usr/bin/python3
"""test_exec.py: sources that are commands: what they say, how they end, and that nothing of them is left."""
import os
import signal
import sys
import unittest

from cli_harness import wait_for
from reading_harness import Reading

BIN = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else "build/release/bin")
SECONDS = f"4242.{os.getpid()}"  # an argument of sleep that no one else uses
LONG_MS = 20000  # the deadline of a read that is not to be late, however busy the machine is
HANG = f"sleep {SECONDS} & sh -c 'sleep {SECONDS}; true' & sleep {SECONDS}"


def sleepers():
    """Processes that sleep for us, and guards of groups."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if line[:2] == [b"sleep", SECONDS.encode()] and state not in "ZX":
            found.append(int(pid))
    return found


def children(pid):
    """Children of every thread of a process: (pid, state)."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append((int(name), fields[0]))
    return found


class Exec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        commands = {
            "hello": 'printf "hello %s" "$1"', "fails": "echo partly; echo first >&2; echo 'no such \tdisk' >&2; exit 3",
            "killed": "kill -SEGV $$", "hang": HANG, "hang2": HANG, "leaves": f"sleep {SECONDS} & echo gone",
            "huge": "yes", "loud": "yes >&2", "tools": "env; echo; ls -l /proc/self/fd; cat; ulimit -n",
            "missing": "/no/such/command", "deaf": f"trap '' TERM INT HUP; sleep {SECONDS}", "bytes": "printf '\\377\\000x' | tee /dev/stderr",
            "group": "kill -TERM 0; sleep 1", "empty": "",
        }
        sources = [{"name": name, "adapter": "exec", "address": command} for name, command in commands.items()]
        sources.append({"name": "who", "adapter": "exec", "address": "true", "auth": "bearer env(X)"})
        cls.reading = Reading(BIN, sources, "[pollers]\nmax_processes = 1\n", {"VEDETTE_TEST": "1", "VD_TEST_SEEN": "2"})
        cls.reading.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.reading.__exit__(None, None, None)
        assert not sleepers(), "a command outlived its runtime"

    def expect(self, status, source, target="", error="", **more):
        sample = self.reading.once(source, "run", target, **more)
        self.assertEqual(sample["status"], status, sample)
        self.assertIn(error, sample["error"])
        return sample

    def test_output_and_status(self):
        sample = self.expect("ok", "hello", "you; $(there)")
        self.assertEqual(sample["content"], b"hello you; $(there)")
        self.assertEqual(sample["meta"], {"exit": 0, "signal": 0, "stderr": ""})
        sample = self.expect("failed", "fails", error="ended with 3: no such ?disk")
        self.assertEqual((sample["content"], sample["meta"]["exit"]), (b"partly\n", 3))
        self.assertEqual(sample["meta"]["stderr"], "first\nno such \tdisk\n")
        sample = self.expect("failed", "killed", error="signal 11")
        self.assertEqual((sample["meta"]["exit"], sample["meta"]["signal"]), (-1, 11))
        self.expect("failed", "missing", error="ended with 127")
        self.expect("failed", "group", error="signal")
        self.assertEqual(self.expect("ok", "bytes")["content"], b"\xff\0x")
        self.expect("malformed", "empty", error="command line")
        self.expect("malformed", "who", error="no auth")

    def test_a_command_inherits_nothing(self):
        text = self.expect("ok", "tools")["content"].decode()
        self.assertIn("VD_TEST_SEEN=2", text)
        self.assertNotIn("VEDETTE_", text)
        descriptors = [line.split()[8:] for line in text.splitlines() if "->" in line]
        self.assertEqual([line[0] for line in descriptors][:3], ["0", "1", "2"])
        self.assertLessEqual(len(descriptors), 4, descriptors)  # ls itself has the directory open
        self.assertEqual(descriptors[0][2], "/dev/null")
        self.assertLessEqual(int(text.split()[-1]), 1024)

    def test_output_is_bounded(self):
        sample = self.expect("too_large", "huge", error="1048576")
        self.assertEqual(sample["content"], b"")
        sample = self.expect("timed_out", "loud", deadline_ms=300)
        self.expect("too_large", "hello", "x" * 100, error="50", bytes_max=50)

    def test_a_hanging_group_is_gone_with_its_deadline(self):
        pid = self.reading.pid("poller-1")
        poller, feed = self.reading.stand("hello", "run", "on time", 100, deadline_ms=LONG_MS)
        for source in ("hang", "deaf"):
            sample = self.expect("timed_out", source, deadline_ms=300)
            self.assertLess(sample["took_us"], 5_000_000)
        wait_for("every sleeper is gone", lambda: not sleepers())
        # What a command leaves behind ends with it.
        self.assertEqual(self.expect("ok", "leaves")["content"], b"gone\n")
        wait_for("nothing was left behind", lambda: not sleepers())
        wait_for("no zombie is left", lambda: not [row for row in children(pid) if row[1] == "Z"])
        row = self.reading.readings()[feed]
        self.assertEqual((row["status"], row["failures"], poller), ("ok", 0, "poller-1"))

    def test_descriptors_do_not_leak(self):
        pid = self.reading.pid("poller-1")
        fds = lambda: len(os.listdir(f"/proc/{pid}/fd"))  # noqa: E731
        _, feed = self.reading.stand("hello", "run", "often", 20, deadline_ms=LONG_MS)
        _, bad = self.reading.stand("hang2", "run", "", 50, deadline_ms=40)
        wait_for("some reads", lambda: self.reading.readings()[feed]["reads"] > 5)
        before = fds()
        wait_for("many reads", lambda: self.reading.readings()[feed]["reads"] > 60
                 and self.reading.readings()[bad]["failures"] > 10)
        wait_for("no more descriptors than before", lambda: fds() <= before + 12)
        self.assertEqual(self.reading.readings()[feed]["failures"], 0)

    def test_many_hang_and_the_others_are_read(self):
        """More commands than may run at a time: those that hang give up their places in time."""
        def hang(lease_ms):
            return [self.reading.stand("hang", "run", str(i), 300, deadline_ms=250, lease_ms=lease_ms)[1]
                    for i in range(40)]
        feeds = hang(600000)
        _, good = self.reading.stand("hello", "run", "beside", 300)
        first = self.reading.readings()[good]["reads"]
        wait_for("failures of all", lambda: all(self.reading.readings()[feed]["failures"] >= 2 for feed in feeds))
        wait_for("good reads", lambda: self.reading.readings()[good]["reads"] >= first + 3)
        hang(1)  # so that they do not stand in the way of the tests that follow
        wait_for("their end", lambda: not set(feeds) & self.reading.readings().keys())

    def test_zz_a_killed_poller_leaves_nothing(self):
        """Last by its name: the standing reads of the other tests end here."""
        pid = self.reading.pid("poller-1")
        self.reading.stand("hang", "run", "", 100, deadline_ms=60000)
        wait_for("it hangs", sleepers)
        os.kill(pid, signal.SIGKILL)
        wait_for("all commands are gone", lambda: not sleepers())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
