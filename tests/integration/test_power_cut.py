#!/usr/bin/python3
"""test_power_cut.py BIN [SEED]: disk and power fail again and again under load, while sessions roll and are pruned: what
was told to anybody is still there."""
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
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SEED = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("VEDETTE_SEED", random.randrange(1 << 32)))
CUTS = 22
FAULTS = 6
PRODUCERS = 3
ROLL = 1500  # events, after which a producer goes on in another session


class Roller(Producer):
    """A producer that begins the next session, then ends the one before, as a runtime that is always on does."""

    def session_at(self, place):
        return f"{self.session}-{place:04d}"

    def session_of(self, number):
        place, at = divmod(number - 1, ROLL)
        return self.session_at(place - 1 if place > 0 and at == 1 else place)

    def event(self, number):
        place, at = divmod(number - 1, ROLL)
        if at == 0:
            continues = {"continues": self.session_at(place - 1)} if place > 0 else {}
            return wire.pack_event("session_started", {"name": "test", "owner": True, "n": number, **continues})
        if place > 0 and at == 1:
            ended = {"status": "completed", "continued_by": self.session_at(place), "n": number}
            return wire.pack_event("session_ended", ended)
        return super().event(number)

    def stored(self):
        """What has to be stored of what was acknowledged: {session: numbers in order}."""
        sessions = {}
        for number in range(1, self.mark + 1):
            sessions.setdefault(self.session_of(number), []).append(number)
        return sessions


class World:
    """An ingestor on a disk that loses what was not synced, producers at full rate, and a follower."""

    def __init__(self, directory):
        self.random = random.Random(SEED)
        self.disk = FaultyDisk(BIN, os.path.join(directory, "fault"), os.path.join(directory, "store"),
                               "vedette-ingestor")
        self.ingestor = Ingestor(os.path.join(BIN, "vedette-ingestor"), directory, self.disk.environment())
        self.context, self.client = zmq.Context(), vedette.Client(directory)
        self.ingestor.start()
        self.producers = [Roller(self.context, os.path.join(directory, "run"), f"maker-{n}", f"s-{n}")
                          for n in range(PRODUCERS)]
        self.follower = self.client.follow(session="*", start="start")
        self.followed = []
        self.lost_bytes = 0
        self.pruned, self.doubtful = set(), set()
        self.asking = []

    def prune(self):
        """Asks for a session that has ended to be pruned; what comes of it is seen at the end."""
        ended = [one.session_at(place) for one in self.producers for place in range((one.mark - 2) // ROLL - 1)]
        if not (ended := [session for session in ended if session not in self.doubtful]):
            return
        session = self.random.choice(ended)
        self.doubtful.add(session)
        socket = self.context.socket(zmq.DEALER)
        socket.connect(self.client.endpoint("ingestor", "control"))
        socket.send_multipart(wire.pack_message("PRUNE", {"session": session}, correlation=1))
        self.asking.append((socket, session))

    def hear_pruned(self):
        """Takes the answers; who was answered may never be seen again."""
        for socket, session in self.asking:
            if socket.poll(0):
                answer = wire.unpack_message(socket.recv_multipart())
                if answer.name == "ERROR" and answer["status"] == "busy":
                    continue
                assert answer.name == "PRUNED" and answer["sessions"] == 1, answer
                self.pruned.add(session)

    def close(self):
        self.ingestor.stop()
        for socket, _ in self.asking:
            socket.close(0)
        for one in (*self.producers, self.follower, self.client):
            one.close()
        self.context.destroy(0)

    def turn(self, produce=True):
        for producer in self.producers:
            producer.turn(produce)
        while True:
            try:
                event = self.follower.next(0)
            except vedette.Missing as missing:  # it was behind, and there was time to prune
                assert missing.status == "pruned" and missing.session in self.doubtful, missing
                continue
            except vedette.Reset as reset:  # so far behind that its commits are gone as a whole, with all that was in them
                assert reset.status == "pruned", reset
                self.follower.close()
                self.follower = self.client.follow(session="*", start="start")
                continue
            if event is None:
                return
            self.followed.append(event)

    def cut(self):
        """Load for a while, then no power, in the middle of whatever goes on."""
        slow_ms = self.random.choice((0, 0, 2, 8))
        self.disk.order("heal", f"slow log {slow_ms}", f"slow table {slow_ms}")
        until = time.monotonic() + self.random.uniform(0.05, 0.3)
        prune_at = until - self.random.uniform(0, 0.1)
        while time.monotonic() < until:
            self.turn()
            if time.monotonic() >= prune_at:
                self.prune()
                prune_at = until
        self.hear_pruned()
        self.disk.order(f"cut {self.random.choice((0, 0, 1, 50, 99, 100))}")
        assert self.ingestor.process.wait(60) == -9, self.ingestor.log()
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

    def lives(self):
        assert self.ingestor.process.poll() is None, f"it has ended: {self.ingestor.process.returncode}"
        return True

    def fault(self):
        """One call of the disk fails: everybody waits, the store is opened again, and then the power fails."""
        call, error = self.random.choice((("write", "ENOSPC"), ("write", "EIO"), ("sync", "EIO"), ("sync", "ENOSPC")))
        marks = [producer.mark for producer in self.producers]
        self.prune()
        self.disk.order("heal", f"fail {call} log {self.random.randrange(1, 50)} {error}")
        wait_for(f"{call} has failed with {error}", lambda: self.turn() or self.lives() and
                 self.client.get("ingestor", "emit", "metrics")["append_failures"] > 0)
        wait_for("acknowledged after the failure", lambda: self.turn() or self.lives() and all(
            producer.mark > mark for producer, mark in zip(self.producers, marks)))
        self.disk.order("cut")
        assert self.ingestor.process.wait(60) == -9, self.ingestor.log()
        self.go_on_after_cut()

    def check(self):
        """Producers assert on their way that no mark goes back (went_back); here, that what they were told is true."""
        wait_for("all acknowledged", lambda: self.turn(False) or not any(producer.out for producer in self.producers))
        commits = wait_for("pruning has ended", self.freed)
        stored = [event for commit in commits for _, event in commit.events()]
        left = {event.session for event in stored}
        assert not left & self.pruned, f"told to be pruned, and there: {left & self.pruned}"
        gone = self.doubtful - left
        self.check_followed(stored, gone)
        told = [event for event in stored if event.type != "ingest_interrupted"]
        for producer in self.producers:
            for session, numbers in producer.stored().items():
                if session in gone:
                    continue
                here = [event.data["n"] for event in told if event.session == session]
                assert here == numbers, f"{session}: lost, doubled or reordered"
                seqs = [event.seq for event in stored if event.session == session]
                assert seqs == list(range(1, len(seqs) + 1)), f"{session}: a gap"

    def freed(self):
        """The commits, once each session that may be pruned is there as a whole or not at all."""
        commits = [commit for _, commit in sorted(fetch_commits(self.client).items())]
        there, absent = set(), set()
        for commit in commits:
            for _, session, _, run, *why in commit.runs:
                assert run is not None or why[2] == "pruned", (session, why)
                (there if run is not None else absent).add(session)
        assert absent <= self.doubtful, f"absent, and nobody asked: {absent - self.doubtful}"
        return not there & absent and commits

    def check_followed(self, stored, gone):
        def reached():
            self.turn(False)
            return sum(event.session not in gone for event in self.followed) >= len(stored)
        wait_for("followed to the end", reached)
        seen = [(event.session, event.seq, event.raw) for event in self.followed if event.session not in gone]
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
              f"{len(world.followed)} events, {len(world.doubtful)} sessions to be pruned, {len(world.pruned)} told")
    except BaseException:
        rows = [(one.name, one.epoch, one.mark, one.made, one.sent, one.not_now[-3:]) for one in world.producers]
        sys.stderr.write(f"{world.ingestor.log()[-6000:]}\n{rows}\n")
        raise
    finally:
        world.close()
        shutil.rmtree(directory)


main()
