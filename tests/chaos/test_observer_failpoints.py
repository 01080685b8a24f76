#!/usr/bin/python3
"""test_observer_failpoints.py BIN: SIGKILL of an observer at every named place of a turn, of the keeping of its state and
of a restart. Each time the next life neither repeats nor omits an event, and its state is what all events say.

What listens is what this test says; the seed is printed (VEDETTE_SEED)."""
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parts import BIN, SEED  # noqa: E402
from harness import wait_for  # noqa: E402
from services_world import (RESTORED, SESSION, Machine, Runtime, Story, begin, by_place, running,  # noqa: E402
                            services, told)

FAILING = os.path.join(BIN, "..", "tests", "failpoints", "vedette-observer-services")
KEEP_EVENTS = 40
CONFIG = f'[observers.services]\ninterval = "30ms"\nsnapshot_events = {KEEP_EVENTS}\nsnapshot_interval = "1h"\n'
# In the order of a turn, and whether the turn's events are on disk at the death.
TURN = {"observer.before_emit": False, "observer.after_emit": True, "observer.committed": True, "observer.applied": True}
KEEPING = ["observer.keeping", "observer.kept"]
RESTORING = ["observer.loaded", "observer.replaying", "observer.restored"]


class World(Runtime):
    """The runtime, the machine that it observes and the story of its events."""

    def __init__(self):
        super().__init__(BIN)
        self.random = random.Random(SEED)
        self.machine = Machine(self.path("root"), self.random)
        self.configure(self.machine.config(CONFIG))
        self.client = begin(self)
        self.story = Story(self.client)
        self.deaths = 0
        self.settle()

    def log(self):
        return self.log_of("services")

    def settle(self):
        """Until all that listens is told, and the observer shows it."""
        wait_for("it is told", lambda: told(self.story, self.machine))
        wait_for("it is shown", lambda: (at := running(self.client)) and services(at) == self.story.pull().there)

    def live_until(self, place, passing=1):
        """Ends the life at hand and begins one that ends at the place."""
        if "services" in self.processes:
            self.kill("services")
        seen = self.log().count("restored from")
        with open(self.path("services.log"), "ab") as log:
            self.processes["services"] = subprocess.Popen(
                [FAILING, "--dir", self.dir, "--name", "services", "--config", self.config, "--session", SESSION],
                stdout=log, stderr=log, env={**os.environ, "VEDETTE_FAILPOINT": f"{place}:{passing}"})
        return seen

    def is_dead(self):
        return self.processes["services"].poll() is not None

    def dies_at(self, place, passing=1):
        wait_for(f"death at {place}:{passing}", self.is_dead)
        code = self.processes.pop("services").returncode
        text = self.log()
        self.deaths += 1
        assert code == -signal.SIGKILL, f"{place}:{passing}: exit {code}"
        assert text.count("failpoint ") == self.deaths and f"failpoint {place}, passing {passing}: killed" in text, text

    def change(self):
        """One thing comes or goes."""
        if self.machine.rows and self.random.random() < 0.5:
            del self.machine.rows[self.random.choice(sorted(self.machine.rows))]
        else:
            self.machine.inode += 1
            self.machine.rows[self.random.randrange(1, 30000)] = self.machine.inode
        self.machine.write()

    def live_on(self):
        """The next life, which is not to die: (the kept state it began with, the events read behind it)."""
        seen = self.log().count("restored from")
        self.start("services")
        wait_for("it is restored", lambda: self.log().count("restored from") > seen)
        kept, applied = RESTORED.findall(self.log())[seen]
        self.settle()
        return int(kept or 0), int(applied)

    def check(self, what):
        """Live state, state of the past and the naive replay of every event are the same, to the last field."""
        newest = self.story.pull().last()
        for snapshot in (running(self.client), self.client.past("services", session=SESSION, seq=newest)):
            assert by_place(snapshot["state"]["services"]) == self.story.rows, f"{what}: {snapshot}, {self.story.rows}"


def deaths_in_a_turn(world):
    for place, is_stored in TURN.items():
        for passing in (1, world.random.randrange(2, 4)):
            seen = world.live_until(place, passing)
            wait_for("it is restored", lambda at=seen: world.log().count("restored from") > at)
            for _ in range(passing - 1):
                world.change()
                world.settle()
            before = world.story.pull().own
            world.change()
            world.dies_at(place, passing)
            if is_stored:  # the ingestor may take a moment more to show it
                wait_for(f"{place}: what was sent is stored", lambda: told(world.story, world.machine))
                assert world.story.own == before + 1
            else:
                assert world.story.pull().own == before, f"{place}: the events were stored"
            if passing > 1:
                world.change()  # while nobody looks
            world.live_on()
            world.check(f"{place}:{passing}")


def many(world):
    """More than it takes for the state to be kept."""
    world.machine.churn(4 * KEEP_EVENTS)


def deaths_in_keeping(world):
    for place in KEEPING:
        world.live_until(place)
        while not world.is_dead():
            many(world)
            wait_for("they are told, or it is dead", lambda: world.is_dead() or told(world.story, world.machine))
        world.dies_at(place)
        own = world.story.pull().own
        kept, applied = world.live_on()
        assert kept or place == "observer.keeping", "nothing was kept before the answer"
        assert applied < own, f"{place}: all {own} events were read"
        world.check(place)


def deaths_in_restoring(world):
    """Behind the kept state there is a tail each time; a restart that dies is followed by one that dies, too."""
    while world.story.pull().own < 3 * KEEP_EVENTS:
        many(world)
        world.settle()
    for place in RESTORING:
        world.change()
        world.settle()
        world.change()
        world.settle()
        passings = (1, 2) if place == "observer.replaying" else (1,)
        for passing in passings:
            world.live_until(place, passing)
            world.dies_at(place, passing)
        if place == "observer.loaded":
            world.change()
        kept, applied = world.live_on()
        assert kept and applied < KEEP_EVENTS + 3, (kept, applied)
        world.check(place)


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    with open(os.path.join(BIN, "vedette-observer-services"), "rb") as file:
        assert b"VEDETTE_FAILPOINT" not in file.read(), "the observer that is installed knows failpoints"
    world = World()
    try:
        for case in (deaths_in_a_turn, deaths_in_keeping, deaths_in_restoring):
            begin_s = time.monotonic()
            case(world)
            print(f"ok {case.__name__} ({time.monotonic() - begin_s:.1f} s)", flush=True)
        print(f"{world.deaths} deaths, {world.story.own} events")
    except BaseException:
        world.stop()
        sys.stderr.write(world.logs())
        raise
    finally:
        world.stop()
        world.close()


if __name__ == "__main__":
    main()
