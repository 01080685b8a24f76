#!/usr/bin/python3
"""test_kills.py BIN: SIGKILL for every actor and for pairs of them at a steady rate; then the books have to agree.

Producers (Python, C) write one session together; a command-line follower, the Python client and a bare SUB that repairs
by FETCH follow it. Each kill waits until the wanted rate is reached; the order comes from the seed (VEDETTE_SEED)."""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import ACTORS, SEED, World, wait_for  # noqa: E402
import ledger  # noqa: E402

RATE = 1000
KILLS_EACH = 5
PAIRS = [("ingestor", "broker"), ("ingestor", "host"), ("ingestor", "services"), ("poller-1", "broker"),
         ("supervisor", "ingestor"), ("supervisor", "broker"), ("host", "services"), ("static", "broker"),
         ("ingestor", "poller-1")]


def plan(world):
    """Single deaths and pairs, so that each actor dies at least KILLS_EACH times alone."""
    deaths = [(name,) for name in ACTORS + ["supervisor"] for _ in range(KILLS_EACH)] + PAIRS
    world.random.shuffle(deaths)
    return deaths


def start_parts(world):
    world.command_follower("follow-command", world.session)
    world.command_follower("follow-all", "*")
    world.peer("follow-python", "follow")
    world.peer("follow-sub", "listen")
    world.c_producer("producer-c", 900)
    world.python_producer("producer-python-1", 300)
    world.python_producer("producer-python-2", 300)


def check(world):
    begin = time.monotonic()
    store = ledger.Store(world.client)
    store.check_sequences()
    events = store.of(world.session)
    acknowledged = sum(ledger.check_producer(part.name, part.lines(), events) for part in world.ledgers())
    assert acknowledged + 1 == len(events), f"{acknowledged} acknowledged, {len(events)} stored"
    for part in world.followers():
        wanted = store.events if part.name == "follow-all" else events
        wait_for(f"{part.name} has everything", lambda: part.count("{") >= len(wanted))
        part.end()
        lines = part.lines()  # observers may have written more meanwhile into sessions of their own
        ledger.check_follower(part.name, lines[:len(wanted)] if part.name == "follow-all" else lines, wanted)
    print(f"checked in {time.monotonic() - begin:.1f} s: {len(store.events)} events in {len(store.commits)} commits, "
          f"{acknowledged} acknowledged to producers", flush=True)


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    with World() as world:
        start_parts(world)
        begin, rates = time.monotonic(), []
        for victims in plan(world):
            rates.append(world.wait_rate(RATE))
            world.kill(*victims)
        took = time.monotonic() - begin
        assert min(rates) >= RATE and min(world.kills[name] for name in ACTORS + ["supervisor"]) >= KILLS_EACH
        print(f"{sum(world.kills.values())} deaths in {took:.0f} s: {dict(world.kills)}; {int(min(rates))} to "
              f"{int(max(rates))} events/s before each", flush=True)
        wait_rate = world.wait_rate(RATE)
        print(f"{int(wait_rate)} events/s after the last", flush=True)
        for part in world.ledgers():
            part.end()
        check(world)


main()
