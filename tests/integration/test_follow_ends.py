#!/usr/bin/python3
"""test_follow_ends.py BIN [TEST]...: what libvedette and `vedette follow` say of a gap in live alone, and when an operator ends
them."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, run_tests, vedette, wait_for  # noqa: E402
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])


class Store(Actors):
    """An ingestor alone, and a session that is written to."""

    def __init__(self, config=""):
        super().__init__(BIN, config)
        self.client, self.made = vedette.Client(self.dir), 0

    def __enter__(self):
        self.start("ingestor")
        wait_for("it answers", lambda: self.client.request("ingestor", "read", "PING"))
        return self

    def __exit__(self, kind, *_):
        codes = self.stop()
        if kind:
            sys.stderr.write(self.logs()[-6000:])
        self.client.close()
        self.close()
        assert kind or all(code == 0 for code in codes.values()), codes

    def emit(self, count, events=1, size=10):
        """So many commits of so many events."""
        with self.client.producer("maker", 30.0) as producer:
            for _ in range(count):
                many = [("made", {"n": n, "x": "x" * size}) for n in range(events)]
                if self.made == 0:
                    many = [("session_started", {})] + many
                self.made += events
                producer.emit_all(many, session="s")

    def row(self, name):
        rows = wire.unpack(self.client.request("ingestor", "streams", "SUBSCRIBERS", {"name": name}).payload)
        return rows[0] if rows else None

    def metric(self, name):
        return self.client.get("ingestor", "read", "metrics")[name]


class Probe:
    """libvedette with live alone: one vd_follow_next for each call."""

    def __init__(self, store, session="s"):
        self.process = subprocess.Popen([os.path.join(BIN, "..", "tests", "live_probe"), store.dir, session],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def next(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def some(self):
        """The next that is no time-out."""
        return wait_for("it is told something", lambda: (lambda said: said and not said.startswith("timed_out") and said)(
            self.next()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        assert code == 0, code


def test_live_alone_is_told_its_gap_and_its_end():
    """libvedette: what memory lost is named once, and it goes on behind it; kicked is the answer for good."""
    with Store("[ingestor]\nrecent_bytes = 65536\n") as store:
        store.emit(1)
        with Probe(store) as probe:
            wait_for("it is served", lambda: probe.next() and store.row("live-probe"))
            store.emit(1)
            last = int(probe.some())
            assert last == 1 + store.made, last
            # It reads nothing, while far more is written than it has granted and memory holds.
            store.emit(150, 4, size=8000)
            newest, head, seen, gaps = 1 + store.made, store.client.get("ingestor", "emit", "metrics")["head"], [], []

            def reads_on():
                """It goes on behind what was the newest when it was told: the last ones may be shown, or be lost as well."""
                said = probe.next()
                if said.startswith("timed_out"):
                    return (store.row("live-probe") or {}).get("done") == head
                (seen if said.isdigit() else gaps).append(int(said) if said.isdigit() else said)
            wait_for("it has come to the newest", reads_on)
            assert gaps and all(gap.startswith("too_slow commits ") and "take commits, too" in gap for gap in gaps), gaps
            assert seen == sorted(set(seen)) and len(seen) < newest - last, "each at most once, in order, some are missing"
            store.emit(1)
            assert int(probe.some()) == newest + 1
            store.client.request("ingestor", "streams", "STEER", {"verb": "kick", "name": "live-probe"})
            kicked = probe.some()
            assert kicked.startswith("kicked an operator has ended this follow"), kicked
            assert probe.next() == kicked and probe.next() == kicked, "said again by every call"
            assert store.row("live-probe") is None and store.metric("dropped_kicked") == 1


def test_kicked_ends_the_command():
    with Store() as store:
        store.emit(3)
        process = subprocess.Popen([os.path.join(BIN, "vedette"), "follow", "s", "--durable", "mine", "--from", "start", "-o",
                                    "ndjson"], env=store.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seq in range(1, 5):
            assert json.loads(process.stdout.readline())["seq"] == seq
        wait_for("it is served", lambda: store.row("mine"))
        done = subprocess.run([os.path.join(BIN, "vedette"), "subscriber", "kick", "mine"], env=store.environment(),
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done
        out, said = process.communicate(timeout=60)
        assert process.returncode == 1 and out == "", (process.returncode, out)
        assert said.startswith("vedette: an operator has ended this follow"), said
        # It is no ban: the next one goes on behind what was printed.
        store.emit(1)
        done = subprocess.run([os.path.join(BIN, "vedette"), "follow", "s", "--durable", "mine", "-n", "1", "-o", "ndjson"],
                              env=store.environment(), capture_output=True, timeout=60, check=False)
        assert done.returncode == 0 and json.loads(done.stdout)["seq"] == 5, done


run_tests(globals())
