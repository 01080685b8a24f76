#!/usr/bin/python3
"""test_power_cut.py BIN [SEED]: disk and power fail again and again under load: what was told to anybody is still there."""
import os
import random
import shutil
import sys
import tempfile
import time

import zmq

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "integration"), os.path.join(TESTS, "fault")]
from faulty_disk import FaultyDisk  # noqa: E402
from ingestor_harness import Ingestor, Producer, fetch_commits, wait_for  # noqa: E402
from vedette import client as vedette  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("VEDETTE_SEED", random.randrange(1 << 32)))
CUTS = 22
FAULTS = 6
PRODUCERS = 3


class World:
    """An ingestor on a disk that loses what was not synced, producers at full rate, and a follower."""

    def __init__(self, directory):
        self.random = random.Random(SEED)
        self.disk = FaultyDisk(BIN, os.path.join(directory, "fault"), os.path.join(directory, "store"),
                               "vedette-ingestor")
        self.ingestor = Ingestor(os.path.join(BIN, "vedette-ingestor"), directory, self.disk.environment())
        self.context, self.client = zmq.Context(), vedette.Client(directory)
        self.ingestor.start()
        self.producers = [Producer(self.context, os.path.join(directory, "run"), f"maker-{n}", f"s-{n}")
                          for n in range(PRODUCERS)]
        self.follower = self.client.follow(session="*", start="start")
        self.followed = []
        self.lost_bytes = 0

    def close(self):
        self.ingestor.stop()
        for one in (*self.producers, self.follower, self.client):
            one.close()
        self.context.destroy(0)

    def turn(self, produce=True):
        for producer in self.producers:
            producer.turn(produce)
        while (event := self.follower.next(0)) is not None:
            self.followed.append(event)

    def cut(self):
        """Load for a while, then no power, in the middle of whatever goes on."""
        slow_ms = self.random.choice((0, 0, 2, 8))
        self.disk.order("heal", f"slow log {slow_ms}", f"slow table {slow_ms}")
        until = time.monotonic() + self.random.uniform(0.05, 0.3)
        while time.monotonic() < until:
            self.turn()
        self.disk.order(f"cut {self.random.choice((0, 0, 1, 50, 99, 100))}")
        assert self.ingestor.process.wait(10) == -9, self.ingestor.log()
        self.go_on_after_cut()

    def go_on_after_cut(self):
        self.lost_bytes += sum(call.result for call in self.disk.calls() if call.call == "cut")
        marks = [producer.mark for producer in self.producers]
        self.ingestor.start()

        def all_go_on():
            assert self.ingestor.process.poll() is None, self.ingestor.log()
            self.turn()
            return all(producer.mark > mark for producer, mark in zip(self.producers, marks))
        wait_for("acknowledged again", all_go_on)

    def fault(self):
        """One call of the disk fails: everybody is told to wait, the store is opened again, and then the power fails."""
        for producer in self.producers:
            producer.not_now.clear()
        call, error = self.random.choice((("write", "ENOSPC"), ("write", "EIO"), ("sync", "EIO"), ("sync", "ENOSPC")))
        marks = [producer.mark for producer in self.producers]
        self.disk.order("heal", f"fail {call} log {self.random.randrange(1, 50)} {error}")
        wait_for(f"NOT_NOW for {call} {error}", lambda: self.turn() or any(
            "store_trouble" in producer.not_now for producer in self.producers))
        wait_for("acknowledged after the failure", lambda: self.turn() or all(
            producer.mark > mark for producer, mark in zip(self.producers, marks)))
        assert self.ingestor.process.poll() is None, self.ingestor.log()
        self.disk.order("cut")
        assert self.ingestor.process.wait(10) == -9, self.ingestor.log()
        self.go_on_after_cut()

    def check(self):
        """Producers assert on their way that no mark goes back (went_back); here, that what they were told is true."""
        wait_for("all acknowledged", lambda: self.turn(False) or not any(producer.out for producer in self.producers))
        stored = [event for _, commit in sorted(fetch_commits(self.client).items()) for _, event in commit.events()]
        wait_for("followed to the end", lambda: self.turn(False) or len(self.followed) >= len(stored))
        for producer in self.producers:
            own = [event for event in stored if event.session == producer.session]
            # After a failure the ingestor itself adds when it could not write.
            numbers = [event.data["n"] for event in own if event.type != "ingest_interrupted"]
            assert numbers == list(range(1, producer.mark + 1)), f"{producer.name}: lost, doubled or reordered"
            assert [event.seq for event in own] == list(range(1, len(own) + 1)), f"{producer.session}: a gap"
            assert len(own) > len(numbers) or not FAULTS, f"{producer.session}: no word of the failures"
        seen = [(event.session, event.seq, event.raw) for event in self.followed]
        assert seen == [(event.session, event.seq, event.raw) for event in stored], "a follower saw something else"


def main():
    print(f"seed {SEED}: again with VEDETTE_SEED={SEED}", flush=True)
    directory = tempfile.mkdtemp(prefix="vd-cut-")
    world = World(directory)
    begin = time.monotonic()
    try:
        wait_for("OPENED", lambda: world.turn(False) or all(producer.epoch for producer in world.producers))
        for _ in range(CUTS):
            world.cut()
        for _ in range(FAULTS):
            world.fault()
        world.check()
        # A cut that took nothing away would prove nothing.
        assert world.lost_bytes > 0, "no cut has met data that were not synced"
        print(f"{CUTS} cuts and {FAULTS} failures in {time.monotonic() - begin:.1f} s took {world.lost_bytes} bytes that nobody was told of; "
              f"{len(world.followed)} events")
    finally:
        world.close()
        shutil.rmtree(directory)


main()
