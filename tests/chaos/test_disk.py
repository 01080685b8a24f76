#!/usr/bin/python3
"""test_disk.py BIN: the disk under the ingestor fails, fills up, stalls or lies, under load from several producers; then
the books have to agree, or, where the disk has lied, must not."""
import os
import subprocess
import sys
import time

import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import IngestorWorld, OWN, SHARED, ledger, vedette, wait_for  # noqa: E402
from parts import BIN, SEED  # noqa: E402
from harness import fill  # noqa: E402
from faulty_disk import FaultyDisk  # noqa: E402
from vedette import wire  # noqa: E402

SMALL_BYTES = 96 << 20
STALL_MS = 1300
FULL_STALL_MS = 5000  # long enough to fill the queue
OVERHEARD_LINES = 300  # more than wait in the listener until they are written out
STALLS = 3
QUEUE_EVENT_BYTES = 60000
QUEUE_EVENTS = 170  # ten million bytes: more than the queue takes


class DiskWorld(IngestorWorld):
    """The store lies on a disk that obeys."""

    def __init__(self):
        super().__init__()
        self.disk = FaultyDisk(BIN, self.path("fault"), os.path.join(self.dir, "store"), "vedette-ingestor")
        self.more = self.disk.environment()

    def cut(self):
        self.disk.order("cut")
        assert self.process.wait(10) == -9
        self.live()


def trouble(world):
    return world.client.request("ingestor", "emit", "PING", timeout_s=10.0).get("trouble", "")


def pid(world):
    return world.client.request("ingestor", "emit", "PING", timeout_s=10.0)["pid"]


def eio_from_fdatasync_under_load():
    with DiskWorld() as world:
        world.start_parts()
        for number in (1, 7, 40):
            before = pid(world)
            world.disk.order("heal", f"fail sync log {number} EIO")
            wait_for("trouble", lambda: world.client.get("ingestor", "emit", "metrics")["append_failures"] > 0)
            wait_for("it has ridden it out", lambda: trouble(world) == "")
            world.wait_all()
            assert pid(world) == before, "it was to ride it out"
            world.cut()  # what was written since is on the disk all the same
            world.wait_all()
        # Each sync of the log fails, and opening the store again brings what it was for to the disk.
        before = world.client.get("ingestor", "emit", "metrics")["append_failures"]
        world.disk.order("heal", "fail sync log 1+ EIO")
        wait_for("failures", lambda: world.client.get("ingestor", "emit", "metrics")["append_failures"] > before + 3)
        world.cut()
        world.wait_all()
        world.disk.order("heal", "fail sync any 5+ EIO")  # nothing can be opened again, either
        wait_for("trouble is told", lambda: trouble(world))
        stuck = stands_still(world)
        wait_for("followers have what was acknowledged", lambda: world.parts["follow-all"].count("{") > stuck)
        reader = world.client.follow(OWN, start="start")
        assert wait_for("what is stored can be read", lambda: reader.next(0.1)).type == "session_started"
        reader.close()
        world.disk.order("heal")
        wait_for("the trouble is over", lambda: trouble(world) == "")
        world.wait_all()
        world.end_producers()
        world.check()


def stands_still(world, span_s=2.0):
    """Waits until nothing was acknowledged for so long; the count."""
    state = {"count": -1, "since": 0.0}

    def still():
        world.check_alive()
        count = world.acknowledged()
        if count != state["count"]:
            state.update(count=count, since=time.monotonic())
        return time.monotonic() - state["since"] >= span_s
    wait_for("nothing is acknowledged any more", still)
    return state["count"]


def a_slow_disk_is_no_trouble():
    """Each sync takes longer than any patience: producers wait, nobody is told of trouble, nothing is lost or doubled."""
    with DiskWorld() as world:
        world.start_parts()
        before = pid(world)
        world.disk.order(f"slow log {STALL_MS}")
        for _ in range(STALLS):
            world.wait_more()
            assert trouble(world) == "", "a slow disk is no trouble"
        numbers = world.client.get("ingestor", "emit", "metrics")
        assert numbers["append_failures"] == 0 and numbers["store_trouble"] == 0 and pid(world) == before, numbers
        world.disk.order("heal")
        world.wait_all()
        world.end_producers()
        world.check()


def a_full_queue_is_told_and_nothing_is_dropped():
    """A producer that does not wait: beyond what the queue holds it is told overloaded, from which number on, and when to
    come again; what it sends again from there is stored once."""
    with DiskWorld() as world:
        socket = world.client.context.socket(zmq.DEALER)
        socket.linger, socket.sndhwm, socket.rcvhwm = 0, 0, 0
        socket.connect(world.client.endpoint("ingestor", "emit"))
        socket.send_multipart(wire.pack_message("OPEN", {"producer": "hasty", "life": 7}, correlation=1))
        opened = wire.unpack_message(socket.recv_multipart())
        world.disk.order(f"slow log {FULL_STALL_MS}")
        runs = {number: wire.pack_run([wire.pack_event("big", {"n": number, "fill": "x" * QUEUE_EVENT_BYTES})])
                for number in range(1, QUEUE_EVENTS + 1)}

        def send(number):
            fields = {"producer": "hasty", "epoch": opened["epoch"], "first": number, "count": 1, "session": SHARED,
                      "answered": 0}
            socket.send_multipart(wire.pack_message("EMIT", fields, runs[number]))

        for number in runs:
            send(number)
        mark, refused, again = 0, [], None
        deadline = time.monotonic() + 60
        while mark < QUEUE_EVENTS:
            assert time.monotonic() < deadline, (mark, refused)
            if again is not None and time.monotonic() >= again[1]:
                for number in range(again[0], QUEUE_EVENTS + 1):
                    send(number)
                again = None
            if not socket.poll(50):
                continue
            answer = wire.unpack_message(socket.recv_multipart())
            if answer.name == "COMMITTED":
                mark = max(mark, answer["mark"])
                continue
            assert answer.name == "NOT_NOW" and answer["status"] in ("overloaded", "out_of_order"), answer
            if answer["status"] == "overloaded":
                if not refused:
                    world.disk.order("heal")
                refused.append(answer["from"])
                assert answer["retry_ms"] > 0 and mark < answer["from"] <= QUEUE_EVENTS, (mark, answer)
            again = (answer["from"], time.monotonic() + answer.get("retry_ms", 20) / 1000)
        socket.close(0)
        assert refused, "the queue was never full"
        events = ledger.Store(world.client).of(SHARED)[1:]
        assert [event.data["n"] for event in events] == list(runs), "dropped, doubled or reordered"
        print(f"told overloaded from {refused[0]} on, {len(refused)} times", flush=True)


def a_disk_that_swallows_syncs_is_found_out():
    """The oracle of these tests can fail: with acknowledgements that are not on the disk the books do not agree."""
    with DiskWorld() as world:
        world.c_producer("producer-c", 800)
        overheard = world.peer("overhear", "overhear")
        wait_for("something is overheard", overheard.lines)
        world.disk.order("swallow log")
        world.wait_all(100)
        before = len(overheard.lines())
        wait_for("what is lost is overheard", lambda: len(overheard.lines()) > before + OVERHEARD_LINES)
        world.cut()
        world.wait_all()
        world.end_producers()
        overheard.end()
        store = ledger.Store(world.client)
        for check, words in ((lambda: ledger.check_producer("producer-c", world.parts["producer-c"].lines(), store.events),
                              "was acknowledged as"),
                             (lambda: ledger.check_listener("overhear", overheard.lines(), store.of(SHARED)), "was shown")):
            try:
                check()
            except AssertionError as found:
                print(f"found out: {str(found)[:100]}", flush=True)
            else:
                raise AssertionError(f"nobody has noticed what the disk lost: \"{words}\" was to be said")


def check_told(world, outages):
    """Each session that was written to says when nothing could be, once for each outage, and is active all the same."""
    store = ledger.Store(world.client)
    for session in (SHARED, OWN):
        told = [event for event in store.of(session) if event.type == "ingest_interrupted"]
        assert len(told) >= outages, f"{session}: {len(told)} of {outages} outages are told"
        spans = [(event.data["from"], event.data["to"], event.ts) for event in told]
        assert all(begin <= end <= at for begin, end, at in spans) and spans == sorted(spans), spans
        assert all("space" in event.data["text"] for event in told), told
        row, = world.client.sessions(session=session)
        assert row["state"] == "active", row


class SmallWorld(IngestorWorld):
    """Its directory is a small file system."""

    def prepare(self):
        super().prepare()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES},mode=0700", "tmpfs", self.dir], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.dir], check=True)
        super().close()


def a_full_disk_under_load_and_room_again():
    with SmallWorld() as world:
        world.start_parts()
        before = pid(world)
        for _ in range(2):
            filler = fill(world.dir)
            wait_for("trouble is told", lambda: (fill(world.dir), "room" in trouble(world))[1])
            stands_still(world)
            commits = world.commits()
            assert world.dir in trouble(world)
            reader = world.client.follow(OWN, start="start")
            assert wait_for("what is stored can be read", lambda: reader.next(0.1)).type == "session_started"
            reader.close()
            acknowledged, numbers = world.acknowledged(), world.client.get("ingestor", "emit", "metrics")
            assert numbers["commits"] == commits, "committed without room"
            assert acknowledged <= numbers["events"], "acknowledged without room"
            os.unlink(filler)
            wait_for("the trouble is over", lambda: trouble(world) == "")
            world.wait_all()
            assert pid(world) == before
        world.end_producers()
        check_told(world, 2)
        world.check()


AS_ROOT = (a_full_disk_under_load_and_room_again,)
print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (eio_from_fdatasync_under_load, a_slow_disk_is_no_trouble, a_full_queue_is_told_and_nothing_is_dropped,
             a_disk_that_swallows_syncs_is_found_out, *AS_ROOT):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    if case in AS_ROOT and os.geteuid() != 0:
        print(f"left out {case.__name__}: only root may mount a file system", flush=True)
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
