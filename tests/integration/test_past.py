#!/usr/bin/python3
"""test_past.py BIN: an observer keeps its state: killed at any moment it reads what came after the newest kept state, and
knows what all events say; and it tells what it knew at any moment of the past."""
import os
import random
import re
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home  # noqa: E402
from harness import Actors, wait_for  # noqa: E402
import vedette  # noqa: E402
from vedette import Error, diff  # noqa: E402
from vedette.client import Client, Position  # noqa: E402

BIN = sys.argv[1]
SESSION = "past-under-test"
CONFIG = '[observers.services]\ninterval = "30ms"\nsnapshot_events = 150\nsnapshot_interval = "200ms"\nsnapshots_keep = 6\n'
KINDS = {"static": "provider", "poller-1": "poller", "services": "observer-services"}
RESTORED = re.compile(r"restored from (?:the state kept at commit (\d+) and )?(\d+) events")


class Runtime(Actors):
    def start(self, name, *more):
        return super().start(name, KINDS.get(name, name), *more)

    def log_of(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as log:
            return log.read()


def begin(runtime):
    for name in ("broker", "ingestor"):
        runtime.start(name)
    client = Client(runtime.dir)

    def open_session():
        try:
            with client.producer("supervisor") as producer:
                return producer.emit("session_started", {"name": "test", "owner": False}, SESSION)
        except Error:
            return None

    wait_for("a session", open_session)
    for name in KINDS:
        runtime.start(name)
    return client


def running(client):
    snapshot = client.snapshot("services")
    return snapshot if snapshot["phase"] == "running" and snapshot["state"] is not None else None


class Story:
    """What the committed events say, event by event: the oracle."""

    def __init__(self, client):
        self.follower = client.follow(SESSION, start="start", position=Position())
        self.there, self.after, self.turns, self.own = {}, {}, {}, 0

    def pull(self):
        while (event := self.follower.next(0.01)) is not None:
            data = event.data
            if event.type in ("service_appeared", "service_gone"):
                key = (data["protocol"], data["address"], data["port"])
                if event.type == "service_appeared":
                    assert key not in self.there, f"{key} appears again at {event.seq}"
                    self.there[key] = data["inode"]
                else:
                    assert self.there.pop(key, None) == data["inode"], f"{key} goes without having come at {event.seq}"
            if event.cause:
                self.own += 1
                self.turns[event.cause["turn"]] = event.seq
            self.after[event.seq] = dict(self.there)
        return self

    def last(self):
        return max(self.after)


def services(snapshot):
    rows = snapshot["state"]["services"]
    assert len(rows) == snapshot["state"]["count"]
    return {(row["protocol"], row["address"], row["port"]): row["inode"] for row in rows}


class Machine:
    """The root of a machine that the services observer reads: what listens there is what this test says."""

    def __init__(self, root, random_):
        self.root, self.random, self.rows, self.inode = root, random_, {}, 0
        os.makedirs(os.path.join(root, "proc/net"))
        self.write()

    def config(self):
        return CONFIG + ("[[providers.static.sources]]\nname = 'local'\nadapter = 'file'\n"
                         f"address = '{self.root}'\n")

    def write(self):
        lines = [f" {at}: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"
                 for at, (port, inode) in enumerate(sorted(self.rows.items()))]
        for name, text in (("tcp", "".join(lines)), ("tcp6", "")):
            path = os.path.join(self.root, "proc/net", name)
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write("  sl  local_address rem_address   st\n" + text)
            os.rename(path + ".new", path)

    def churn(self, most):
        for _ in range(self.random.randrange(most // 2, most)):
            if self.rows and self.random.random() < 0.5:
                del self.rows[self.random.choice(sorted(self.rows))]
            else:
                self.inode += 1
                self.rows[self.random.randrange(1, 30000)] = self.inode
        self.write()

    def ports(self):
        return set(self.rows)

    def clear(self):
        self.rows = {}
        self.write()


def told(story, machine):
    """Do the events tell what listens, and nothing else?"""
    return {port: inode for (_, _, port), inode in story.pull().there.items()} == machine.rows


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
        home.configure(machine.config())
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
    runtime = Runtime(BIN, "", SESSION)
    machine = Machine(runtime.path("root"), random_)
    runtime.configure(machine.config())
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
