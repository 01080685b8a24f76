#!/usr/bin/python3
"""test_replay.py BIN: what is stored of a session says as much as having been there: state after a replay is that of the
live run, what is committed is followed at once, and a session without an end is whole as far as it goes."""
import hashlib
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
from cli_harness import Follower, Home, gapless, wait_for  # noqa: E402
from harness import run_tests  # noqa: E402
import vedette  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
VERSIONS = 12
EVENTS = 30
CONFIG = """[[providers.static.sources]]
name = "frozen"
adapter = "file"
address = "{machine}"
[observers.host]
interval = "50ms"
[observers.services]
interval = "50ms"
"""
FILES = {
    "stat": "cpu  1000 0 500 80000 10 0 5 0 0 0\ncpu0 1000 0 500 80000 10 0 5 0 0 0\nbtime 1700000000\n",
    "loadavg": "0.10 0.20 0.30 1/100 4242\n",
    "meminfo": "MemTotal:        8000000 kB\nMemFree:         4000000 kB\nMemAvailable:    6000000 kB\n"
               "SwapTotal:             0 kB\nSwapFree:              0 kB\n",
    "net/dev": "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets "
               "errs drop fifo colls carrier compressed\n    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n",
    "mounts": "proc /proc proc rw 0 0\n",
}


class Machine:
    """The files of a machine that only the test changes."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(os.path.join(directory, "proc", "net"))
        for name, text in FILES.items():
            self.write(name, text)
        self.listen({})

    def write(self, name, text):
        path = os.path.join(self.directory, "proc", name)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".new", path)

    def listen(self, ports):
        """Services by port: the inode of each."""
        lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
        for number, (port, inode) in enumerate(sorted(ports.items())):
            lines.append(f"{number:4}: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
                         f"        0 {inode} 1 0000000000000000 100 0 0 10 0")
        self.write("net/tcp", "".join(f"{line}\n" for line in lines))

    def memory(self, available_kb):
        self.write("meminfo", FILES["meminfo"].replace("MemAvailable:    6000000", f"MemAvailable: {available_kb:10}"))


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def states(home):
    """What the observers know, once they have looked twice in this life: rates need two samples."""
    snapshots = [home.json("snapshot", observer) for observer in ("host", "services")]
    if not all(one["phase"] == "running" and one["state"] for one in snapshots):
        return None
    states = [one["state"] for one in snapshots]
    rates = [one["received_bytes_per_s"] for host in states[0]["hosts"] for one in host["interfaces"]]
    return states if rates and None not in rates else None


def fold(events):
    """The services that a reader of the events alone knows."""
    there = {}
    for event in events:
        if event["type"] == "service_appeared":
            there[event["data"]["port"]] = (event["data"]["inode"], event["ts"])
        elif event["type"] == "service_gone":
            assert there.pop(event["data"]["port"])[0] == event["data"]["inode"], event
    return there


def live_run(home, machine, rng):
    """Lets services come and go and memory run low, each seen before the next."""
    ports = {}
    for version in range(VERSIONS):
        for port in rng.sample(range(2000, 9000), 5):
            ports[port] = 10_000 + version * 100 + len(ports)
        for port in rng.sample(sorted(ports), min(3, len(ports))):
            del ports[port]
        machine.listen(ports)
        machine.memory(200_000 if version % 4 == 3 else 6_000_000)
        wait_for("the observer has seen it", lambda: {one["port"]: one["inode"] for one in home.json(
            "snapshot", "services")["state"]["services"]} == ports)
    machine.memory(200_000)
    wait_for("memory is told to be low", lambda: [event["type"] for event in home.lines(
        "follow", "--from", "start", "--end", "--type", "memory_*")][-1:] == ["memory_low"])
    cycle = home.json("snapshot", "host")["cycle"]  # who follows may see it before the host has heard that it is stored
    wait_for("the host has it, too", lambda: home.json("snapshot", "host")["cycle"] > cycle + 2)
    return ports


def test_replay_rebuilds_the_same_final_state_as_the_live_run_by_hash():
    seed = int(os.environ.get("VD_SEED", time.time()))
    print(f"VD_SEED={seed}")
    with Home(BIN) as home:
        machine = Machine(home.path("machine"))
        home.configure(CONFIG.format(machine=machine.directory))
        home.run("up", "--detach", "--wait", "-c", home.config)
        session = home.json("status")["session"]
        wait_for("the observers look", lambda: states(home))
        ports = live_run(home, machine, random.Random(seed))
        live = wait_for("what they know", lambda: states(home))
        for victims in (["host", "services"], ["ingestor", "host", "services"]):
            before = {name: home.actor(name)["pid"] for name in victims}
            for name in victims:
                home.run("kill", name)
            wait_for("they are back", lambda: all(home.actor(name).get("pid") not in (0, pid) for name, pid in before.items()))
            home.run("wait", "--for", "ready")
            replayed = wait_for("the observers look again", lambda: states(home))
            assert digest(replayed) == digest(live), f"{json.dumps(live)}\nbecame\n{json.dumps(replayed)}"
        text = home.run("session", "replay", session, "--speed", "max", "-o", "ndjson").out
        events = [json.loads(line) for line in text.splitlines()]
        assert gapless(events) and {port: inode for port, (inode, _) in fold(events).items()} == ports
        assert {one["port"]: (one["inode"], one["since"]) for one in live[1]["services"]} == fold(events)
        assert sum(event["type"] == "service_appeared" for event in events) >= 2 * VERSIONS


def test_follow_reads_newly_committed_events_during_an_active_session():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        home.run("emit", "session_started", "--session", "live", "--data", '{"name": "live", "owner": false}')
        follower = Follower(home, "live", "--from", "start")
        wait_for("the first event", lambda: len(follower.events()) == 1)
        for n in range(2, 12):
            assert home.run("emit", "count", "--session", "live", "--data", f'{{"n": {n}}}').out == f"live:{n}\n"
            wait_for("the follower has it", lambda: len(follower.events()) == n)
            assert home.json("session", "show", "live")["state"] == "active"
        home.run("emit", "session_ended", "--session", "live", "--data", '{"status": "completed"}')
        assert follower.process.wait(timeout=60) == 0, "it ends with the session"
        events = follower.events()
        assert gapless(events) and [event["type"] for event in events] == ["session_started", *["count"] * 10, "session_ended"]


class Partial:
    """A runtime with a session whose owner has gone without a word; begun early, as it takes half a minute to show."""

    def __init__(self):
        self.home = Home(BIN)
        self.home.run("up", "--detach", "--wait")
        self.emit(("session_started", {"name": "partial", "owner": True}), *(("count", {"n": n}) for n in range(2, EVENTS + 1)))

    def emit(self, *events):
        with vedette.Client(self.home.dir) as client, client.producer("of-partial") as producer:
            for type, data in events:
                producer.emit(type, data, "partial")

    def followed(self):
        return self.home.run("follow", "partial", "--from", "start", "--end", "-o", "ndjson").out

    def row(self):
        return self.home.json("session", "show", "partial")


def test_a_session_without_an_end_is_readable_and_marked_interrupted():
    home = partial.home
    before = partial.followed()
    events = [json.loads(line) for line in before.splitlines()]
    assert gapless(events) and len(events) == EVENTS
    wait_for("it is interrupted", lambda: partial.row()["state"] == "interrupted", 45)
    assert partial.followed() == before and home.run("session", "export", "partial").out == before
    rows = home.json("session", "ls", "--state", "interrupted")
    assert [(row["session"], row["last_seq"]) for row in rows] == [("partial", EVENTS)]
    partial.emit(("back", None))
    assert partial.row()["state"] == "active", "its owner has resumed it"


if __name__ == "__main__":
    partial = Partial()
    try:
        run_tests(dict(globals()))
    finally:
        partial.home.__exit__()
