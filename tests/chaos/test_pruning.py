#!/usr/bin/python3
"""test_pruning.py BIN: the ingestor dies, and the power fails, in the middle of pruning under load: a session is there as
a whole or gone from view, what is left over is freed by the next life, and nothing of the others is touched."""
import os
import sys
import time

import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import FAILING, IngestorWorld, ledger, vedette, wait_for  # noqa: E402
from parts import BIN, SEED  # noqa: E402
from faulty_disk import FaultyDisk  # noqa: E402
from vedette import wire  # noqa: E402

OLD = {"old-1": 520, "old-2": 20, "old-3": 260}  # events, each in a commit
PART_COMMITS = 256  # that a part of pruning takes
CUTS = 6


class PruningWorld(IngestorWorld):
    """With sessions that have ended, their events in commits between those of the load."""

    def fill(self):
        self.start_parts(follow_all=False, part=0.3)
        for session, count in OLD.items():
            with self.client.producer(f"of-{session}") as producer:
                producer.emit("session_started", {"name": session, "owner": False}, session)
                for number in range(count - 2):
                    producer.emit("old", {"n": number}, session, record=f"r-{number}")
                producer.emit("session_ended", {"status": "completed"}, session)
        self.live_events = {session: self.events_of(session) for session in OLD}
        self.live_bytes = {session: self.replay(session) for session in OLD}
        assert {session: len(events) for session, events in self.live_events.items()} == OLD

    def events_of(self, session):
        """All of a session that has ended."""
        follower, events = self.client.follow(session, start="start"), []
        try:
            while not events or events[-1].type != "session_ended":
                event = follower.next(10.0)
                assert event is not None, f"{session} ends after {len(events)} events"
                events.append(event)
        finally:
            follower.close()
        return [(event.seq, event.raw) for event in events]

    def ask(self, session):
        """Asks for the session to be pruned, and for no answer."""
        socket = self.client.context.socket(zmq.DEALER)
        socket.linger = 2000
        socket.connect(self.client.endpoint("ingestor", "control"))
        socket.send_multipart(wire.pack_message("PRUNE", {"session": session}, correlation=1))
        self.asked.append(socket)
        return socket

    asked = []

    def is_listed(self, session):
        try:
            return bool(self.client.sessions(session=session))
        except vedette.Error as problem:
            assert problem.status == "pruned", problem
            return False

    def check_session(self, session):
        """It is there as a whole, or gone: True when it is gone."""
        if self.is_listed(session):
            assert self.events_of(session) == self.live_events[session], f"{session} is there in part"
            return False
        try:
            self.events_of(session)
        except vedette.Error as gone:
            assert gone.status == "pruned", gone
        else:
            raise AssertionError(f"{session} is not listed, and can be read")
        return True

    def is_gone_offline(self, session):
        """The same, by the command line on the store of an ingestor that is dead."""
        done = self.follow(session, "--offline")
        if b"was pruned" not in done.stderr:
            assert done.returncode == 0, done
            assert done.stdout == self.live_bytes[session], f"{session} is there in part: {len(done.stdout)} bytes, {done.stderr}"
            return False
        assert done.stdout == b"", done
        return True

    def held(self):
        """Runs of sessions that are pruned which still hold their bytes."""
        store = ledger.Store(self.client, OLD)
        return [event for event in store.events if event.session in OLD]

    def finish(self):
        """Prunes what is still there, waits until all of it is freed, and checks the rest."""
        for session in OLD:
            if not self.check_session(session):
                self.client.request("ingestor", "control", "PRUNE", {"session": session})
        wait_for("everything is freed", lambda: not self.held())
        self.wait_all()
        self.end_producers()
        for socket in self.asked:
            socket.close(0)
        self.check(pruned=OLD)


def die_in_pruning(world, session, parts):
    """Deaths around the mark and around each part, until nothing is left to be freed; the number of deaths. Each part and
    the mark are passed twice: before it is written, and after."""
    first, marked, deaths = [1, 2], False, 0
    world.kill()
    while not marked or parts > 0:
        passing = first.pop(0) if first else world.random.randint(1, 2 * parts + (0 if marked else 2))
        world.live(f"ingestor.prune:{passing}")
        if not marked:
            world.ask(session)
        wait_for(f"death at passing {passing}", lambda: world.process.poll() is not None)
        assert world.process.returncode == -9 and f"failpoint ingestor.prune, passing {passing}" in world.log()
        done = passing // 2  # parts, the mark among them
        parts -= done if marked else max(0, done - 1)
        marked = marked or done > 0
        deaths += 1
        assert world.is_gone_offline(session) == marked, f"{session} after passing {passing}"
    world.live()
    world.wait_all()
    assert world.check_session(session)
    return deaths


def death_at_every_part_of_pruning():
    with PruningWorld(FAILING) as world:
        world.fill()
        deaths = {session: die_in_pruning(world, session, -(-count // PART_COMMITS)) for session, count in OLD.items()}
        print(f"deaths: {deaths}", flush=True)
        world.finish()


def power_cuts_while_sessions_are_pruned():
    world = PruningWorld()
    disk = FaultyDisk(BIN, world.path("fault"), os.path.join(world.dir, "store"), "vedette-ingestor")
    world.more = disk.environment()
    with world:
        world.fill()
        sessions = list(OLD)
        for number in range(CUTS):
            world.ask(sessions[number % len(sessions)])
            time.sleep(world.random.uniform(0, 0.03))  # the moment is what is random here
            disk.order(f"cut {world.random.choice((0, 0, 50, 100))}")
            assert world.process.wait(10) == -9
            world.asked.pop().close(0)  # what has not reached this life is not for the next one
            world.live()
            world.wait_all()
            for session in OLD:
                world.check_session(session)
        world.finish()


print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (death_at_every_part_of_pruning, power_cuts_while_sessions_are_pruned):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
