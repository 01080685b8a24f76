#!/usr/bin/python3
"""test_past.py BIN: an observer keeps its state: killed at any moment it reads what came after the newest kept state, and
knows what all events say; and it tells what it knew at any moment of the past."""
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home  # noqa: E402
from harness import wait_for  # noqa: E402
from services_world import RESTORED, SESSION, Machine, Runtime, Story, begin, running, services, told  # noqa: E402
import vedette  # noqa: E402
from vedette import diff  # noqa: E402

BIN = sys.argv[1]
CONFIG = '[observers.services]\ninterval = "30ms"\nsnapshot_events = 150\nsnapshot_interval = "200ms"\nsnapshots_keep = 6\n'

def grow(client, story, machine, events):
    """Thousands of events, and snapshots as they were told meanwhile."""
    recorded = []
    while story.pull().own < events:
        machine.churn(1200)
        wait_for("they are told", lambda: told(story, machine))
        recorded.append(client.snapshot("services"))
        machine.clear()
        wait_for("they are gone", lambda: told(story, machine))
    return recorded


def check_restart(runtime, client, story):
    """The next life reads the tail alone; its state is what all events say."""
    seen = runtime.log_of("services").count("restored from")
    runtime.kill("services")
    runtime.start("services")
    snapshot = wait_for("it runs again", lambda: running(client))
    kept, applied = RESTORED.findall(runtime.log_of("services"))[seen]
    past = client.past("services", session=SESSION)
    wait_for("its last event is followed", lambda: past["seq"] in story.pull().after)
    assert services(past) == story.after[past["seq"]], "the past as of now is not what the events say"
    return snapshot, kept, int(applied)


def check_moments(client, story, recorded, random_):
    """What was known then is what the events up to then say, and what was told then."""
    newest = story.pull().last()
    for seq in sorted(random_.sample(range(1, newest + 1), 12)) + [newest, newest + 1000]:
        past = client.past("services", seq=seq)
        own = max((at for at in story.turns.values() if at <= seq), default=0)
        assert past["phase"] == "past" and past["sources"] == [] and past["error"] is None, past
        assert services(past) == story.after[min(seq, newest)], f"after {seq}"
        assert past["seq"] <= seq and past["seq"] >= own, (past["seq"], seq, own)
    for snapshot in recorded:
        seq = max(at for turn, at in story.turns.items() if turn <= snapshot["cycle"])
        past = client.past("services", session=SESSION, seq=seq)
        assert past["state"] == snapshot["state"], f"cycle {snapshot['cycle']}: {diff(past, snapshot)[:3]}"
        by_time = client.past("services", at_ms=int(time.time() * 1000))
        assert by_time["seq"] >= seq


def check_command(random_):
    """vedette snapshot --at and --diff."""
    with Home(BIN) as home, vedette.Client(home.dir) as client:
        machine = Machine(home.path("root"), random_)
        home.configure(machine.config(CONFIG))
        home.run("up", "-c", home.config, "--detach", "--wait")
        for count in range(1, 9):
            machine.rows[1000 + count] = count
        machine.write()
        home.run("wait", "services", "count == 8")
        newest = client.past("services")["seq"]
        middle = newest - 4
        before, after = client.past("services", seq=middle), client.past("services", seq=newest)
        assert len(diff(before, after)) > 1, (before, after)
        session = after["session"]
        assert home.json("snapshot", "services", "--at", f"{session}:{middle}")["state"] == before["state"]
        assert home.json("snapshot", "services", "--session", session, "--at", str(middle))["state"] == before["state"]
        now = home.json("snapshot", "services", "--at", "0s")
        assert now["phase"] == "past" and now["seq"] >= newest, now
        for moment in ("1ms", "2999-12-31T23:59:01Z", "2999-12-31T23:59:01.000Z"):  # a time is no sequence
            shown = home.json("snapshot", "services", "--at", moment)
            assert shown["state"] == after["state"], (moment, shown)
        assert home.json("snapshot", "services", "--diff", str(middle), str(newest)) == diff(before, after)
        assert home.run("snapshot", "services", "--diff", str(middle)).out.startswith("PATH")
        for words, wanted in ((("--at", "yesterday"), 2), (("--at", "0"), 2), (("--at", "nobody:3"), 4), (("1", ), 2),
                              (("--at", "2001-01-01T00:00:00Z"), 4), (("--at", "1", "--diff", "2"), 2)):
            home.run("snapshot", "services", *words, code=wanted)


def check_kills(runtime, client, story, machine, random_, rounds):
    """Killed while services come and go: between emit and mark, between mark and the kept state, anywhere."""
    used = 0
    for _ in range(rounds):
        machine.churn(60)
        time.sleep(random_.random() * 0.2)  # the moment of the kill is the input here
        _, kept, _ = check_restart(runtime, client, story)
        used += bool(kept)
        # What was kept comes from a store that the ingestor may be killed over, too.
        if random_.random() < 0.25:
            runtime.kill("ingestor")
            runtime.start("ingestor")
    wait_for("all is told", lambda: told(story, machine))
    return used


def agrees(client, story):
    snapshot = running(client)
    return snapshot and services(snapshot) == story.pull().there


def main():
    seed = int(os.environ.get("VD_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    random_ = random.Random(seed)
    check_command(random_)
    runtime = Runtime(BIN)
    machine = Machine(runtime.path("root"), random_)
    runtime.configure(machine.config(CONFIG))
    try:
        client = begin(runtime)
        wait_for("the observer runs", lambda: running(client))
        story = Story(client)
        recorded = grow(client, story, machine, 2000)
        _, kept, applied = check_restart(runtime, client, story)
        assert kept and applied < story.own / 2, (kept, applied, story.own)
        print(f"of {story.own} events {applied} were read by a restart")
        check_moments(client, story, recorded, random_)
        used = check_kills(runtime, client, story, machine, random_, 8)
        assert used > 0, "no restart has begun with a kept state"
        wait_for("the snapshot is what the events say", lambda: agrees(client, story))
        check_moments(client, story, recorded, random_)
        print(f"{story.own} events, {used} restarts from a kept state")
    except BaseException:
        runtime.stop()
        sys.stderr.write(runtime.logs())
        raise
    finally:
        runtime.stop()
        runtime.close()


if __name__ == "__main__":
    main()
