#!/usr/bin/python3
"""test_collect.py BIN: a collector as a process: services come and go while it, the observer that it reads and the ingestor
are killed; the outages that it tells are those that a naive scan over all events finds, each once, in order."""
import os
import random
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, wait_for  # noqa: E402
from outages import Scan, told  # noqa: E402
from vedette.client import Client, Error, Position  # noqa: E402

BIN = sys.argv[1]
SESSION = "collected"
CONFIG = '[observers.services]\ninterval = "50ms"\n[observers.availability]\nreads = "services"\n'
KINDS = {"static": "provider", "poller-1": "poller", "services": "observer-services",
         "availability": "observer-availability"}


class Runtime(Actors):
    def start(self, name):
        return super().start(name, KINDS.get(name, name))

    def restart(self, name):
        self.kill(name)
        self.start(name)


class Events:
    """Everything that was committed to the session, kept up to date."""

    def __init__(self, client):
        self.follower = client.follow(SESSION, start="start", position=Position())
        self.all = []

    def pull(self):
        while (event := self.follower.next(0.01)) is not None:
            self.all.append(event)
        return self.all

    def of(self, observer):
        return [event for event in self.pull() if event.cause and event.cause["observer"] == observer]


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


def listen(port=0):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen(1)
    return server


class Crowd:
    """Some ports on which something listens now and then."""

    def __init__(self, count):
        self.servers = {}
        for _ in range(count):
            server = listen()
            self.servers[server.getsockname()[1]] = server

    def change(self, chance):
        port = chance.choice(list(self.servers))
        if self.servers[port]:
            self.servers[port].close()
            self.servers[port] = None
        else:
            self.servers[port] = listen(port)

    def close(self):
        for server in self.servers.values():
            if server:
                server.close()

    def shown(self, scan):
        return {port: scan.components.get(f"service/local/tcp/127.0.0.1:{port}", {}).get("up") for port in self.servers}

    def listening(self):
        return {port: server is not None for port, server in self.servers.items()}


def check_agreement(client, events, crowd):
    """The events and the snapshot of the collector are what the scan finds."""
    def arrived():
        mine = told(events.of("availability"))
        scan = Scan(events.of("services"))  # second: it may only be ahead
        assert mine == scan.told[:len(mine)], next(pair for pair in zip(mine, scan.told) if pair[0] != pair[1])
        return scan if len(mine) == len(scan.told) and crowd.shown(scan) == crowd.listening() else None

    scan = wait_for("the collector has read everything", arrived)

    def shown():
        state = client.snapshot("availability")["state"]
        rows = {row["name"]: row for row in state["components"]} if state else {}
        return rows if rows == Scan(events.of("services")).components else None

    rows = wait_for("its snapshot says so", shown)
    down = client.query("availability", "down")
    assert {row["name"] for row in down} == {name for name, row in rows.items() if not row["up"]}, down
    return scan


def check_kills(runtime, client, events, crowd, victims, rounds, chance):
    for _ in range(rounds):
        for _ in range(chance.randrange(1, 4)):
            crowd.change(chance)
        time.sleep(chance.random() * 0.2)  # the moment of the kill is the input here
        for name in chance.choice(victims).split(","):
            runtime.restart(name)
    return check_agreement(client, events, crowd)


def check_away(runtime, client, events, crowd, chance):
    """What happens while the collector is not there is read when it is back."""
    runtime.kill("availability")
    for _ in range(6):
        before = len(events.of("services"))
        crowd.change(chance)
        wait_for("the change is told", lambda count=before: len(events.of("services")) > count)
    runtime.start("availability")
    check_agreement(client, events, crowd)


def main():
    seed = int(os.environ.get("VD_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    runtime, crowd = Runtime(BIN, CONFIG, SESSION), Crowd(6)
    try:
        client = begin(runtime)
        events = Events(client)
        check_agreement(client, events, crowd)
        check_away(runtime, client, events, crowd, chance)
        victims = ["availability", "services", "availability,services", "ingestor", "ingestor,availability"]
        scan = check_kills(runtime, client, events, crowd, victims, 15, chance)
        outages = sum(one["outages"] for one in scan.components.values())
        assert outages > 0
        print(f"{len(events.all)} events, {len(scan.components)} components, {outages} outages")
    except BaseException:
        sys.stderr.write(runtime.logs())
        raise
    finally:
        crowd.close()
        runtime.stop()
        runtime.close()


if __name__ == "__main__":
    main()
