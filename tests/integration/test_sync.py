#!/usr/bin/python3
"""test_sync.py BIN: an acknowledgement comes after the disk has answered: one sync of the store's log before each."""
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "integration"), os.path.join(TESTS, "fault")]
from faulty_disk import FaultyDisk  # noqa: E402
from ingestor_harness import Ingestor  # noqa: E402
from vedette import client as vedette  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
EVENTS = 60
SLOW_MS = 15


def emit_one_at_a_time(client, disk, session, count):
    """Emits events, each after the acknowledgement of the one before; checks what the disk did between."""
    with client.producer(f"maker-{session}") as producer:
        disk.calls()
        for number in range(count):
            type = "session_started" if number == 0 else "counted"
            sent_ns = time.monotonic_ns()
            producer.emit(type, {"n": number}, session=session)
            acknowledged_ns = time.monotonic_ns()
            calls = disk.calls()
            between = [call for call in calls if call.call in ("fdatasync", "fsync") and call.kind == "log" and
                       call.result == 0 and sent_ns <= call.begin_ns and call.end_ns <= acknowledged_ns]
            assert between, f"event {number} was acknowledged with no sync of the log before: {calls}"


def main():
    directory = tempfile.mkdtemp(prefix="vd-sync-")
    disk = FaultyDisk(BIN, os.path.join(directory, "fault"), os.path.join(directory, "store"), "vedette-ingestor")
    ingestor = Ingestor(os.path.join(BIN, "vedette-ingestor"), directory, disk.environment())
    client = vedette.Client(directory)
    try:
        ingestor.start()
        emit_one_at_a_time(client, disk, "quick", EVENTS)
        # With a slow disk an acknowledgement that does not wait for it comes long before it.
        disk.order(f"slow log {SLOW_MS}")
        emit_one_at_a_time(client, disk, "slow", EVENTS)
        disk.order("heal")
        for session in ("quick", "slow"):
            follower = client.follow(session=session, start="start")
            events = [follower.next(30.0) for _ in range(EVENTS)]
            assert [event.data["n"] for event in events] == list(range(EVENTS)), events
            follower.close()
        assert ingestor.stop() == 0, ingestor.log()
        print(f"{2 * EVENTS} events, each synced before its acknowledgement")
    finally:
        ingestor.stop()
        client.close()
        shutil.rmtree(directory)


main()
