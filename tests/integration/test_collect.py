#!/usr/bin/python3
"""test_collect.py BIN: a collector as a process: services come and go while it, the observer that it reads and the ingestor
are killed; the outages that it tells are those that a naive scan over all events finds, each once, in order."""
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, wait_for  # noqa: E402
from outages import Scan, told  # noqa: E402
from vedette.client import Client, Error, Position  # noqa: E402

BIN = sys.argv[1]
SESSION, NEXT, LAST = "collected", "collected-next", "collected-still"
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


class Machine:
    """The root of a machine that `services` reads: what listens there is what this test says."""

    def __init__(self, root, ports):
        self.root, self.inode, self.inodes = root, 0, dict.fromkeys(ports, 0)
        os.makedirs(os.path.join(root, "proc/net"))
        for port in ports:
            self.change(port)

    def change(self, port):
        self.inode += 1
        self.inodes[port] = 0 if self.inodes[port] else self.inode
        rows = "".join(f" 0: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"
                       for port, inode in self.inodes.items() if inode)
        for name, text in (("tcp", rows), ("tcp6", "")):
            path = os.path.join(self.root, "proc/net", name)
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write("  sl  local_address rem_address   st\n" + text)
            os.rename(path + ".new", path)

    def change_any(self, chance):
        self.change(chance.choice(list(self.inodes)))

    def shown(self, scan):
        return {port: scan.components.get(f"service/local/tcp/127.0.0.1:{port}", {}).get("up") for port in self.inodes}

    def listening(self):
        return {port: inode != 0 for port, inode in self.inodes.items()}


def check_agreement(client, events, machine):
    """The events and the snapshot of the collector are what the scan finds."""
    def arrived():
        mine = told(events.of("availability"))
        scan = Scan(events.of("services"))  # second: it may only be ahead
        assert mine == scan.told[:len(mine)], next(pair for pair in zip(mine, scan.told) if pair[0] != pair[1])
        return scan if len(mine) == len(scan.told) and machine.shown(scan) == machine.listening() else None

    scan = wait_for("the collector has read everything", arrived)

    def shown():
        state = client.snapshot("availability")["state"]
        rows = {row["name"]: row for row in state["components"]} if state else {}
        return rows if rows == Scan(events.of("services")).components else None

    rows = wait_for("its snapshot says so", shown)
    down = client.query("availability", "down")
    assert {row["name"] for row in down} == {name for name, row in rows.items() if not row["up"]}, down
    return scan


def check_kills(runtime, client, events, machine, victims, rounds, chance):
    for _ in range(rounds):
        for _ in range(chance.randrange(1, 4)):
            machine.change_any(chance)
        time.sleep(chance.random() * 0.2)  # the moment of the kill is the input here
        for name in chance.choice(victims).split(","):
            runtime.restart(name)
    return check_agreement(client, events, machine)


def check_away(runtime, client, events, machine, chance):
    """What happens while the collector is not there is read when it is back."""
    runtime.kill("availability")
    for _ in range(6):
        before = len(events.of("services"))
        machine.change_any(chance)
        wait_for("the change is told", lambda count=before: len(events.of("services")) > count)
    runtime.start("availability")
    check_agreement(client, events, machine)


def check_pruned(runtime, client, machine, chance):
    """When what it has not read was pruned, and its state with it, it begins anew from the snapshot of `services`."""
    runtime.kill("availability")
    machine.change_any(chance)
    if not any(machine.listening().values()):  # then a collector that knows of nothing would be right
        machine.change_any(chance)
    with client.producer("supervisor") as producer:
        for before, after in ((SESSION, NEXT), (NEXT, LAST)):
            producer.emit("session_started", {"name": "test", "owner": False, "continues": before}, after)
            producer.emit("session_ended", {"status": "completed", "continued_by": after}, before)
    wait_for("services has gone over", lambda: client.snapshot("services")["session"] == LAST)
    assert client.prune(SESSION)["ids"] == [SESSION]
    runtime.more = ["--session", LAST]
    runtime.start("availability")

    def agrees():
        snapshot = client.snapshot("availability")
        rows = {row["name"]: row["up"] for row in (snapshot["state"] or {}).get("components", [])}
        shown = {port: rows.get(f"service/local/tcp/127.0.0.1:{port}", False) for port in machine.inodes}
        return snapshot if snapshot["state"] and shown == machine.listening() else None

    snapshot = wait_for("it has begun anew", agrees)
    assert snapshot["session"] == LAST and snapshot["error"]["stage"] == "state", snapshot
    assert snapshot["error"]["recovered_at"], snapshot
    for _ in range(3):
        machine.change_any(chance)
        wait_for("it goes on from there", agrees)
    runtime.restart("availability")
    assert wait_for("it is back", agrees)["error"] is None


def main():
    seed = int(os.environ.get("VD_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    runtime = Runtime(BIN, "", SESSION)
    try:
        machine = Machine(runtime.path("machine"), range(8001, 8013))
        runtime.configure(CONFIG + f"[[providers.static.sources]]\nname = 'local'\nadapter = 'file'\naddress = '{machine.root}'\n")
        client = begin(runtime)
        events = Events(client)
        check_agreement(client, events, machine)
        check_away(runtime, client, events, machine, chance)
        victims = ["availability", "services", "availability,services", "ingestor", "ingestor,availability"]
        scan = check_kills(runtime, client, events, machine, victims, 15, chance)
        outages = sum(one["outages"] for one in scan.components.values())
        assert outages > 0
        check_pruned(runtime, client, machine, chance)
        print(f"{len(events.all)} events, {len(scan.components)} components, {outages} outages")
    except BaseException:
        sys.stderr.write(runtime.logs())
        raise
    finally:
        runtime.stop()
        runtime.close()


if __name__ == "__main__":
    main()
