#!/usr/bin/python3
"""test_never_reads.py BIN: peers that grant, begin and fetch without end and read nothing: each has at most 16 MiB of the
ingestor's memory, and whoever reads has every event meanwhile."""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import BIN, SHARED, IngestorWorld, wait_for  # noqa: E402
from harness import is_sanitized, rss_anon  # noqa: E402
import zmq  # noqa: E402
from vedette import wire  # noqa: E402

PEERS = 12
EVENTS, EVENT_BYTES = 8000, 2000
ASKING_S = 4.0
BYTES_MAX = 16 << 20
PLENTY = {"items": 1 << 40, "bytes": 1 << 40}
WHOLE = {"session": SHARED, "seq": 1}


class Mute:
    """A peer that says all that could bring it something, and never reads."""

    def __init__(self, world, number):
        self.socket = world.client.context.socket(zmq.DEALER)
        for option, value in ((zmq.IDENTITY, b"mute-%d" % number), (zmq.LINGER, 0), (zmq.RCVHWM, 1), (zmq.SNDTIMEO, 100)):
            self.socket.setsockopt(option, value)
        self.socket.connect(f"ipc://{world.client.run_dir}/ingestor.read")
        self.correlation = 0

    def ask(self):
        """One of each, as often as it goes: False when the ingestor has not taken what was sent before."""
        commit, live = self.correlation + 1, self.correlation + 2
        self.correlation += 2
        asks = [("START", {"stream": "commit", **WHOLE, **PLENTY}, commit),
                ("START", {"stream": "live", "head": True, **PLENTY}, live)]
        asks += [("CREDIT", PLENTY, commit), ("FETCH", WHOLE, 1), ("CREDIT", PLENTY, live), ("SESSIONS", {}, 1),
                 ("GET", {"feed": "metrics"}, 1)] * 4
        try:
            for name, fields, correlation in asks:
                self.socket.send_multipart(wire.pack_message(name, fields, correlation=correlation))
        except zmq.Again:
            return False
        return True


def emit(world, count):
    with world.client.producer("maker", 30.0) as producer:
        for first in range(0, count, 400):
            producer.emit_all([("large", {"n": first + n, "text": "x" * EVENT_BYTES}) for n in range(400)], SHARED)


def read_all(world, seq):
    """Everything from the first event to `seq`, in order."""
    with world.client.follow(SHARED, start="start") as follow:
        for expected in range(1, seq + 1):
            event = follow.next(30.0)
            assert event is not None and event.seq == expected, (event, expected)


def main():
    with IngestorWorld(sessions=(SHARED,)) as world:
        emit(world, EVENTS)
        read_all(world, EVENTS + 1)  # what serving streams needs at all is there before
        before = rss_anon(world.process.pid)
        mutes = [Mute(world, number) for number in range(PEERS)]
        asked, until, peak = 0, time.monotonic() + ASKING_S, 0
        while time.monotonic() < until:
            asked += sum(mute.ask() for mute in mutes)
            peak = max(peak, rss_anon(world.process.pid))
        assert asked > 10 * PEERS, asked
        emit(world, EVENTS // 4)
        read_all(world, EVENTS + EVENTS // 4 + 1)
        peak = max(peak, rss_anon(world.process.pid))
        each = (peak - before) // PEERS
        print(f"{asked} rounds of asking; at most {each >> 10} KiB for each peer", flush=True)
        assert is_sanitized(os.path.join(BIN, "vedette-ingestor")) or each <= BYTES_MAX, each
        subscribers = lambda: world.client.get("ingestor", "read", "metrics")["subscribers"]
        assert subscribers() > 0
        for mute in mutes:
            mute.socket.close(0)
        wait_for("nobody is served", lambda: subscribers() == 0, 30)


main()
