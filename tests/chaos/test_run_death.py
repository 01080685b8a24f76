#!/usr/bin/python3
"""test_run_death.py BIN: tests/chaos/run is killed, or interrupted, while a source hangs and an actor stands still: nothing of
it is left running, and nothing is left broken."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
from harness import run_tests, wait_for  # noqa: E402
from run_keeper import belonging  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SCRIPT = "source_hang m1 10m + stop host 10m\n"
READY_S = 120.0


def answers(url):
    try:
        with urllib.request.urlopen(url + "/state", timeout=1.0) as answer:
            return answer.status == 200
    except OSError:
        return False


class Broken:
    """A run in the middle of its one line."""

    def __init__(self, place):
        self.place, self.dir = place, os.path.join(place, "d")
        script = os.path.join(place, "lines")
        with open(script, "w", encoding="utf-8") as file:
            file.write(SCRIPT)
        self.process = subprocess.Popen([os.path.join(HERE, "run"), "--bin", BIN, "--script", script, "--rate", "500", "--keep", place,
                                         "--network", "proxy"],  # in a namespace nobody here would reach its sources
                                        stdout=subprocess.PIPE, text=True)
        wait_for("the sources are there, and seen from here", self.is_seen, READY_S)
        wait_for("both faults are there", self.is_broken, READY_S)
        self.pids = belonging(self.dir)

    def is_seen(self):
        assert self.process.poll() is None, f"it has ended: {self.process.stdout.read()}"
        try:
            with open(os.path.join(self.place, "sources.json"), encoding="utf-8") as file:
                self.url = json.load(file)[0]["address"]
        except (FileNotFoundError, ValueError):
            return False
        return answers(self.url) and self.is_listened_at()

    def is_broken(self):
        assert self.process.poll() is None, f"it has ended: {self.process.stdout.read()}"
        try:
            with open(os.path.join(self.place, "faults.ndjson"), encoding="utf-8") as file:
                proved = file.read().count('"phase": "proved"')
        except FileNotFoundError:
            return False
        return proved == 2 and not answers(self.url)

    def nothing_is_left(self):
        """No process that was started for it; its sources' servers are none of these, but belong to nobody else."""
        wait_for("all that was started has ended", lambda: not belonging(self.dir), READY_S)
        wait_for(f"nobody listens at {self.url}", lambda: not self.is_listened_at(), READY_S)

    def is_listened_at(self):
        port = self.url.rpartition(":")[2]
        with open("/proc/net/tcp", encoding="ascii") as file:
            return f":{int(port):04X} 00000000:0000 0A" in file.read()


def test_killed():
    with tempfile.TemporaryDirectory(prefix="vd-chaos-", dir="/tmp") as place:
        run = Broken(place)
        run.process.kill()
        run.process.communicate()
        run.nothing_is_left()


def test_interrupted():
    with tempfile.TemporaryDirectory(prefix="vd-chaos-", dir="/tmp") as place:
        run = Broken(place)
        run.process.send_signal(signal.SIGINT)
        said = run.process.communicate(timeout=READY_S)[0]
        assert run.process.returncode == 130 and said.splitlines()[-1].startswith("interrupted"), said
        for fault in ("source_hang", "stop"):
            row = next(line.split() for line in said.splitlines() if line.startswith(fault))
            assert row[1:4] == ["1", "1", "1"], f"times, proved, undone: {row} of {said}"
        run.nothing_is_left()


if __name__ == "__main__":
    run_tests({**globals()})
