#!/usr/bin/python3
"""test_follow_through.py BIN: the Python client follows a session while every actor is killed once, and while the broker
stands still for ten seconds: nothing is missing, and nobody but the killed dies."""
import os
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import ACTORS, SEED, World, alive, vedette, wait_for  # noqa: E402
import ledger  # noqa: E402

STOP_S = 15.0
RATE = 500
PAUSE_MAX_S = 10.0


class Followed:
    """A follower in this process; take() hands on what is there, with the time at which it came."""

    def __init__(self, world, session, **options):
        self.follower = world.client.follow(session, **options)
        self.events, self.times = [], []

    def take(self, timeout_s=0.0):
        event = self.follower.next(timeout_s)
        while event is not None:
            self.events.append(event)
            self.times.append(time.monotonic())
            event = self.follower.next(0)
        return len(self.events)

    def find(self, type, **data):
        return [event for event in self.events if event.type == type
                and all(event.data.get(key) == value for key, value in data.items())]

    def longest_pause_s(self, begin, end):
        times = [begin] + [at for at in self.times if begin <= at <= end] + [end]
        return max(later - earlier for earlier, later in zip(times, times[1:]))


def the_client_follows_while_every_actor_is_killed_once():
    with World("through") as world:
        followed = Followed(world, world.session, start="start")
        producer = world.c_producer("producer-c", RATE)
        for name in world.random.sample(ACTORS + ["supervisor"], len(ACTORS) + 1):
            world.wait_rate(RATE / 2)
            world.kill(name)
            goal = producer.count("acknowledged ") + 1  # and session_started: one acknowledged after the death
            wait_for(f"events from after the death of {name}", lambda: followed.take(0.01) > goal)
        producer.end()
        events = ledger.Store(world.client).of(world.session)
        wait_for("everything", lambda: followed.take(0.01) >= len(events))
        assert [ledger.row_of(event) for event in followed.events] == [ledger.row_of(event) for event in events]
        ledger.check_producer(producer.name, producer.lines(), events)
        followed.follower.close()
        print(f"{len(events)} events over {sum(world.kills.values())} deaths", flush=True)


def a_server_comes_and_goes(runtime, parts, deadline):
    """What a source shows while the broker stands still is an event, to a follower that was attached before."""
    def seen(type, port):
        return wait_for(type, lambda: (parts.take(), runtime.take(0.01), runtime.find(type, port=port))[2],
                        deadline - time.monotonic())

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        seen("service_appeared", port)
    seen("service_gone", port)


def stopped_for_a_while(world, broker, parts, runtime):
    os.kill(broker, signal.SIGSTOP)
    begin = time.monotonic()
    try:
        before = parts.take()
        cycle = world.client.snapshot("host")["cycle"]
        a_server_comes_and_goes(runtime, parts, begin + STOP_S)
        wait_for("the stop is over", lambda: (parts.take(0.05), time.monotonic() >= begin + STOP_S)[1], STOP_S + 5)
        with open(f"/proc/{broker}/stat", encoding="ascii") as file:
            assert file.read().rpartition(")")[2].split()[0] == "T", "the broker did not stand still"
        end = time.monotonic()
        assert world.client.snapshot("host")["cycle"] >= cycle + STOP_S / 2, "the observers stood still"
    finally:
        os.kill(broker, signal.SIGCONT)
    count, pause_s = parts.take() - before, parts.longest_pause_s(begin, end)
    assert count >= RATE * STOP_S / 2, f"{count} events in {STOP_S} s"
    assert pause_s < PAUSE_MAX_S, f"nothing came for {pause_s:.1f} s"
    return count, pause_s


def is_whole(world):
    """Does the broker know every actor as ready, and the source with its poller?"""
    try:
        known = world.client.membership()
    except vedette.Error:
        return False
    actors = {row["name"]: row.get("state") for row in known["actors"]}
    return (all(actors.get(name) == "ready" for name in ACTORS + ["supervisor"] if name != "broker") and
            [(row["name"], row.get("poller")) for row in known["sources"]] == [("local", "poller-1")])


def followers_go_on_while_the_broker_stands_still():
    with World("stopped") as world:
        runtime = Followed(world, world.status()["session"], start="now")
        parts = Followed(world, world.session, start="start")
        world.c_producer("producer-c", RATE)
        wait_for("every actor is known", lambda: is_whole(world))
        wait_for("followers run", lambda: parts.take(0.01) > 1 and (runtime.take(), runtime.follower.started)[1])
        world.wait_rate(RATE / 2)
        before = world.pids()
        count, pause_s = stopped_for_a_while(world, before["broker"], parts, runtime)
        wait_for("the broker knows everybody again", lambda: parts.take() and is_whole(world))
        assert world.pids() == before and all(alive(pid) for pid in before.values()), "somebody died"
        assert world.status()["state"] == "ready"
        runtime.take()
        deaths = [event for event in runtime.events if event.type.startswith("actor_")]
        assert not deaths, deaths
        runtime.follower.close()
        parts.follower.close()
        print(f"{count} events while the broker stood still, {pause_s * 1000:.0f} ms at most between two", flush=True)


print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (the_client_follows_while_every_actor_is_killed_once, followers_go_on_while_the_broker_stands_still):
    case()
    print(f"ok {case.__name__}", flush=True)
