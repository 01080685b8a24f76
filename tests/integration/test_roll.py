#!/usr/bin/python3
"""test_roll.py BIN: the session of a runtime rolls every few dozen events while services come and go, somebody writes,
somebody follows, and processes are killed around the rolls: the chain of sessions has everything once, in order."""
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Supervised, alive, end, run_tests, vedette, wait_for  # noqa: E402
from outages import Scan, told  # noqa: E402

BIN = sys.argv[1]
SEED = int(os.environ.get("VD_SEED", "20261"))
ROLL_EVENTS = 60
ROOM_EVENTS = 15  # what may come in a session after it has come to rest
CONFIG = f"""
[supervisor]
session_roll_events = {ROLL_EVENTS}
backoff_min = "10ms"
backoff_max = "100ms"
intensity_restarts = 64
[observers.host]
interval = "200ms"
[observers.services]
interval = "100ms"
[observers.availability]
reads = "services"
"""
OBSERVERS = ("host", "services", "availability")
opened = set()  # the ports of listen()


class Runtime(Supervised):
    def __init__(self):
        super().__init__(BIN, CONFIG)

    def up(self):
        self.process = self.spawn()
        wait_for("the runtime is ready", lambda: self.status()["state"] == "ready")
        return self

    def session(self):
        return self.status()["session"]

    def row(self, session):
        rows = self.client.sessions(session=session)
        return rows[0] if rows else {}

    def kill(self, name):
        pid = self.child(name)["pid"]
        if pid and alive(pid):
            os.kill(pid, signal.SIGKILL)

    def settled(self, observer):
        """The snapshot of an observer that is at work in the session of the moment."""
        snapshot = self.client.snapshot(observer)
        at_work = snapshot["phase"] == "running" and snapshot["state"] is not None
        return snapshot if at_work and snapshot["session"] == self.session() else None

    def command(self, *arguments):
        return subprocess.run([os.path.join(BIN, "vedette"), *arguments], env=self.environment(), text=True,
                              capture_output=True, timeout=60, check=False)


class Filler(threading.Thread):
    """Numbers, written one by one into whichever session is the newest."""

    def __init__(self, directory, name="filler", pause_s=0.01):
        super().__init__()
        self.directory, self.name, self.pause_s = directory, name, pause_s
        self.written, self.stop_now, self.failure = [], threading.Event(), None

    def run(self):
        try:
            with vedette.Client(self.directory) as client, client.producer(self.name) as producer:
                while not self.stop_now.wait(self.pause_s):
                    number = len(self.written) + 1
                    producer.emit("number", {"n": number, "by": self.name})
                    self.written.append(number)
        except Exception as error:  # told by who stops it
            self.failure = error

    def end(self):
        self.stop_now.set()
        self.join()
        assert self.failure is None, self.failure
        return self.written


def key_of(event):
    return event.session, event.seq


def chain_of(runtime, first):
    """The rows of the sessions from `first` on, each continued by the next; the last one is active."""
    rows = [runtime.row(first)]
    while rows[-1].get("continued_by"):
        row = runtime.row(rows[-1]["continued_by"])
        assert row["continues"] == rows[-1]["session"], (row, rows[-1])
        assert row["session"] > rows[-1]["session"], (row, rows[-1])
        rows.append(row)
    assert [row["state"] for row in rows] == ["completed"] * (len(rows) - 1) + ["active"], rows
    return rows


def read_session(client, row):
    follower = client.follow(row["session"], start="start", position=vedette.Position())
    events = []
    while len(events) < row["last_seq"]:
        event = follower.next(20)
        assert event is not None, f"{row['session']} ends after {len(events)} of {row['last_seq']}"
        events.append(event)
    follower.close()
    assert [event.seq for event in events] == list(range(1, row["last_seq"] + 1))
    return events


def check_story(events):
    """Each service comes, goes, comes ...; what is told once is told once; returns what is there at the end."""
    there, once, turns = {}, set(), {}
    for event in events:
        if event.type == "service_appeared":
            key = (event.data["protocol"], event.data["address"], event.data["port"])
            assert key not in there, f"{key} appears again at {key_of(event)}"
            there[key] = event.data["inode"]
        elif event.type == "service_gone":
            key = (event.data["protocol"], event.data["address"], event.data["port"])
            assert there.pop(key, None) == event.data["inode"], f"{key} goes without having come at {key_of(event)}"
        elif event.type in ("services_listed", "host_described"):
            assert event.type not in once, f"{event.type} again at {key_of(event)}"
            once.add(event.type)
        if event.cause:
            assert event.cause["turn"] >= turns.get(event.cause["observer"], 0), f"the turn went back at {key_of(event)}"
            turns[event.cause["observer"]] = event.cause["turn"]
    return there


def check_states(rows, sessions):
    """In every session but the first, an observer's state is the first thing it says, in whole."""
    for row in rows[1:]:
        said = {name: [] for name in OBSERVERS}
        for event in sessions[row["session"]]:
            if event.cause and event.cause["observer"] in said:
                said[event.cause["observer"]].append(event)
        for name, events in said.items():
            if not events:
                continue  # it was asleep, or being killed, for the whole of this session
            assert events[0].type == "observer_state", (name, events[0])
            parts = [event.data["part"] for event in events if event.type == "observer_state"]
            assert parts == list(range(1, events[0].data["parts"] + 1)), (name, parts)


def check_actors(rows, sessions):
    """Every session but the first tells of every actor at its beginning, before what becomes of it."""
    for row in rows[1:]:
        told = [event for event in sessions[row["session"]] if event.type.startswith("actor_")]
        runs = [event.data["actor"] for event in told if event.type == "actor_runs"]
        assert len(runs) == len(set(runs)) and {"broker", "ingestor", "poller-1", *OBSERVERS} <= set(runs), (row, runs)
        assert [event.type for event in told[:len(runs)]] == ["actor_runs"] * len(runs), (row, told)


def events_of(events, observer):
    return [event for event in events if event.cause and event.cause["observer"] == observer
            and event.type != "observer_state"]


def check_outages(runtime, first):
    """The collector tells what a scan over all sessions finds, once each, and shows it."""
    def shown():
        events = [event for row in chain_at_rest(runtime, first) for event in read_session(runtime.client, row)]
        scan = Scan(events_of(events, "services"))
        mine = told(events_of(events, "availability"))
        assert mine == scan.told[:len(mine)], next(pair for pair in zip(mine, scan.told) if pair[0] != pair[1])
        snapshot = runtime.settled("availability")
        return snapshot and {row["name"]: row for row in snapshot["state"]["components"]} == scan.components

    wait_for("the collector shows what the scan finds", shown)


def outage_of(runtime, port):
    return runtime.client.query("availability", "component", f"service/local/tcp/127.0.0.1:{port}")


def own(services):
    """Those that this test has opened; other programs of the machine open and close theirs at any time."""
    return {place: inode for place, inode in services.items() if place[2] in opened}


def told_by(snapshot):
    return own({(one["protocol"], one["address"], one["port"]): one["inode"] for one in snapshot["state"]["services"]})


def state_hash(snapshot):
    """Of what the state says, without what changes by itself from poll to poll."""
    services = sorted([*place, inode] for place, inode in told_by(snapshot).items())
    assert services, "nothing of this test's is there"
    return hashlib.sha256(json.dumps(services).encode()).hexdigest()


def listen():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    opened.add(server.getsockname()[1])
    return server


def await_roll(runtime, session):
    return wait_for("the session rolls", lambda: runtime.session() != session and runtime.session())


def test_sessions_roll_while_everything_dies(runtime):
    print(f"VD_SEED={SEED}", flush=True)
    chance = random.Random(SEED)
    runtime.up()
    first = session = runtime.session()
    live = runtime.client.follow(start="start")
    with open(runtime.path("follow.ndjson"), "wb") as out:
        follow = subprocess.Popen([os.path.join(BIN, "vedette"), "follow", "--from", "start", "-o", "ndjson"], stdout=out,
                                  env=runtime.environment())
    filler = Filler(runtime.dir)
    filler.start()
    servers = []
    victims = ["ingestor", "services", "availability", "broker", "services,ingestor", "poller-1",
               "services,host,availability"]
    for victim in victims:
        servers.append(listen())
        if len(servers) > 3:
            servers.pop(chance.randrange(len(servers))).close()
        if chance.random() < 0.5:  # just before the roll, or just as it is seen
            wait_for("it is nearly full", lambda: runtime.row(runtime.session()).get("last_seq", 0) > ROLL_EVENTS - ROOM_EVENTS
                     or runtime.session() != session)
        else:
            session = await_roll(runtime, session)
        time.sleep(chance.random() * 0.05)  # anywhere in what is under way now
        for name in victim.split(","):
            runtime.kill(name)
        servers.append(listen())
        session = await_roll(runtime, session)
    written = filler.end()
    last = await_last(runtime)
    check_chain(runtime, first, last, live, follow, written)
    for server in servers:
        server.close()


def fill(runtime, session, last_seq):
    """Writes to the session until it has so many events."""
    with runtime.client.producer("more") as producer:
        while producer.emit("more", {}, session)[1] < last_seq:
            pass


def await_last(runtime):
    """The session in which it comes to rest: everybody has arrived, and there is room for what may still come, an outage or a
    service of another program. One without that room is filled, so that the rest is in the next one."""
    def rests():
        now = runtime.session()
        snapshots = [runtime.settled(name) for name in OBSERVERS]
        used = runtime.row(now).get("last_seq", 0)
        if used >= ROLL_EVENTS - ROOM_EVENTS and runtime.session() == now:
            fill(runtime, now, ROLL_EVENTS)
            await_roll(runtime, now)
            return None
        return now if all(snapshots) and runtime.session() == now else None
    return wait_for("it comes to rest", rests)


def chain_at_rest(runtime, first):
    """chain_of(), once the last of them is the one in which it comes to rest."""
    def found():
        rest = await_last(runtime)
        rows = chain_of(runtime, first)
        return rows if rows[-1]["session"] == rest else None
    return wait_for("the chain ends where it comes to rest", found)


def check_chain(runtime, first, last, live, follow, written):
    # Something at the very end, so that everybody knows what has to have come.
    with runtime.client.producer("closer") as producer:
        where = producer.emit("the_end", {})
    seen, printed = [], []

    def pull():
        while (event := live.next(0.05)) is not None:
            seen.append(event)
        return any(event.type == "the_end" for event in seen)

    def pull_printed():
        with open(runtime.path("follow.ndjson"), encoding="utf-8") as file:
            printed[:] = [json.loads(line) for line in file if line.endswith("\n")]
        return any(event["type"] == "the_end" for event in printed)

    wait_for("the follower sees the end", pull)
    wait_for("the command sees the end", pull_printed)
    assert end(follow) == 0
    rows = chain_at_rest(runtime, first)  # its end may have been what filled the last one
    assert len(rows) >= 6 and where[0] >= last, (rows, where)
    sessions = {row["session"]: read_session(runtime.client, row) for row in rows}
    whole = [event for row in rows for event in sessions[row["session"]]]
    keys = [key_of(event) for event in whole]
    upto = keys.index(where) + 1
    assert [key_of(event) for event in seen][:upto] == keys[:upto]
    assert [(event["session"], event["seq"]) for event in printed][:upto] == keys[:upto]
    assert [event.data["n"] for event in whole if event.type == "number"] == written
    assert {event.data["name"] for event in whole if event.type == "session_started"} == {rows[0]["name"]}
    there = check_story(whole)
    check_states(rows, sessions)
    check_actors(rows, sessions)
    check_outages(runtime, first)
    # What the events say is what the observer says; and it says the same in its next life.
    snapshot = wait_for("the observer has arrived", lambda: runtime.settled("services"))
    told = told_by(snapshot)
    assert told == own(there) and told, (told, there)
    before, old = state_hash(snapshot), runtime.child("services")["pid"]
    runtime.kill("services")
    wait_for("another life", lambda: runtime.child("services")["pid"] not in (0, old))
    assert state_hash(wait_for("it is back", lambda: runtime.settled("services"))) == before


def test_commands_tell_of_rolled_sessions(runtime):
    runtime.up()
    first = runtime.session()
    filler = Filler(runtime.dir, pause_s=0.002)
    filler.start()
    second = await_roll(runtime, first)
    filler.end()
    wait_for("the first one has ended", lambda: runtime.row(first)["state"] == "completed")
    shown = json.loads(runtime.command("session", "show", first, "-o", "json").stdout)
    assert shown["state"] == "completed" and shown["continued_by"] == second, shown
    following = json.loads(runtime.command("session", "show", second, "-o", "json").stdout)
    assert following["continues"] == first and following["command"] == shown["command"] != "", following
    listed = json.loads(runtime.command("session", "ls", "-o", "json").stdout)
    assert [first, second] == [row["session"] for row in reversed(listed)][:2], listed
    # A session that is named ends where it ends; nothing is written to it, and it is said where things go on.
    named = runtime.command("follow", first, "--from", "start", "-o", "ndjson")
    events = [json.loads(line) for line in named.stdout.splitlines()]
    assert named.returncode == 0 and events[-1]["type"] == "session_ended", named
    assert events[-1]["data"] == {"status": "completed", "continued_by": second}, events[-1]
    refused = runtime.command("emit", "late", "--session", first)
    assert refused.returncode == 1 and second in refused.stderr, refused
    with runtime.client.producer("late") as producer:
        try:
            producer.emit("late", {}, session=first)
            raise AssertionError("an event was taken after the end")
        except vedette.Error as error:
            assert error.status == "session_closed" and second in str(error), error
        assert producer.emit("in_time", {})[0] == runtime.session()
    assert runtime.command("emit", "in_time").stdout.split(":")[0] >= second


def test_a_position_holds_over_a_roll(runtime):
    """Who stood somewhere in one session goes on from there through the next ones, each event once."""
    runtime.up()
    first = runtime.session()
    follower = runtime.client.follow(start="start")
    seen = [follower.next(10)]
    while (event := follower.next(0.3)) is not None:
        seen.append(event)
    position, where = follower.position, follower.session
    follower.close()
    filler = Filler(runtime.dir, pause_s=0.002)
    filler.start()
    second = await_roll(runtime, first)
    await_roll(runtime, second)
    filler.end()
    text = f"{position.store}:{position.index}:{position.offset}:{position.chain:08x}:{where}"
    rest = runtime.command("follow", "--from", text, "--end", "-o", "ndjson")
    assert rest.returncode == 0 and where == first, rest
    found = [key_of(event) for event in seen]
    found += [(event["session"], event["seq"]) for event in map(json.loads, rest.stdout.splitlines())]
    rows = chain_of(runtime, first)
    whole = [key_of(event) for row in rows for event in read_session(runtime.client, row)]
    assert len(rows) >= 3 and {session for session, _ in found} == {row["session"] for row in rows}
    assert found == whole[:len(found)], (found, whole)


def test_who_slept_through_rolls_and_what_was_pruned(runtime):
    """An observer that stood still while its session rolled twice goes to the newest one with the state it has; when
    everything but what is needed is pruned, its next life says the same as the one before."""
    runtime.up()
    first = runtime.session()
    server, stays = listen(), listen()
    port = server.getsockname()[1]

    def shown(there=True):
        snapshot = runtime.settled("services")
        return snapshot if snapshot and (port in {one["port"] for one in snapshot["state"]["services"]}) == there else None

    wait_for("the service is seen", shown)
    runtime.control("pause", "services")
    filler = Filler(runtime.dir, pause_s=0.002)
    filler.start()
    third = await_roll(runtime, await_roll(runtime, first))
    server.close()
    runtime.control("resume", "services")
    filler.end()
    before = wait_for("it has caught up", lambda: shown(there=False))
    assert before["session"] >= third
    wait_for("a few more events would roll it", lambda: fill(runtime, runtime.session(), ROLL_EVENTS - 5) is None)
    rows = chain_at_rest(runtime, first)
    assert rows[-1]["last_seq"] < ROLL_EVENTS - 5, "what comes late rolls it while it is looked at"
    gone = [event for row in rows for event in read_session(runtime.client, row) if event.type == "service_gone"
            and event.data["port"] == port]
    assert [event.session >= third for event in gone] == [True], gone
    asleep = [event for row in rows[1:-1] for event in read_session(runtime.client, row)
              if event.cause and event.cause["observer"] == "services" and row["session"] < third]
    assert asleep == [], asleep
    pruned = runtime.client.prune(older_than_s=0.001)["ids"]
    kept = [row["session"] for row in rows if row["session"] not in pruned]
    assert first in pruned and kept == [row["session"] for row in rows[-2:]], (pruned, rows)
    outage = wait_for("the collector tells one outage", lambda: runtime.settled("availability") and (
        found := outage_of(runtime, port)) and found["outages"] == 1 and not found["up"] and found)
    pids = {name: runtime.child(name)["pid"] for name in ("services", "availability")}
    for name in pids:
        runtime.kill(name)
    wait_for("another life", lambda: all(runtime.child(name)["pid"] not in (0, pid) for name, pid in pids.items()))
    after = wait_for("it is back", lambda: runtime.settled("services"))
    assert state_hash(after) == state_hash(before)
    # A poller that is slow to answer is told and forgotten; what was pruned and needed would be told of another stage.
    assert all(error["stage"] == "read" and error["recovered_at"] for error in after["errors"]), after["errors"]
    wait_for("so is the collector", lambda: runtime.settled("availability"))
    assert outage_of(runtime, port) == outage
    stays.close()


def test_a_session_that_somebody_else_has_ended_is_gone_on_from(runtime):
    """Its end names nobody: the next one names it, and observers and followers find that."""
    runtime.up()
    first = runtime.session()
    wait_for("the observers are at work", lambda: all(runtime.settled(name) for name in OBSERVERS))
    with runtime.client.producer("vandal") as producer:
        producer.emit("session_ended", {"status": "failed"}, session=first)
    second = await_roll(runtime, first)
    assert runtime.row(second)["continues"] == first and "continued_by" not in runtime.row(first)
    wait_for("the observers have arrived", lambda: all(runtime.settled(name) for name in OBSERVERS))
    rows = [runtime.row(first), runtime.row(second)]
    sessions = {row["session"]: read_session(runtime.client, row) for row in rows}
    check_story(sessions[first] + sessions[second])
    check_states(rows, sessions)
    whole = runtime.client.follow(first, start="start")
    while (event := whole.next(10)).type != "session_ended":
        pass
    position = whole.position
    whole.rolls = True
    event = whole.next(10)
    assert (event.session, event.type, event.seq) == (second, "session_started", 1), event
    whole.close()
    text = f"{position.store}:{position.index}:{position.offset}:{position.chain:08x}:{first}"
    printed = runtime.command("follow", "--from", text, "--count", "1", "-o", "ndjson")
    event = json.loads(printed.stdout)
    assert (event["session"], event["type"], event["seq"]) == (second, "session_started", 1), printed


def test_a_killed_supervisor_leaves_sessions_that_can_be_read(runtime):
    runtime.up()
    first = runtime.session()
    filler = Filler(runtime.dir, pause_s=0.002)
    filler.start()
    session = await_roll(runtime, first)
    runtime.process.kill()
    runtime.process.wait()
    filler.stop_now.set()
    runtime.process = None
    runtime.up()
    assert runtime.session() not in (first, session)
    rows = runtime.client.sessions()
    mine = {row["session"]: row for row in rows}
    assert mine[first]["state"] in ("completed", "active") and mine[session]["continues"] == first, rows
    assert "continues" not in mine[runtime.session()], rows
    for row in rows[1:]:
        events = read_session(runtime.client, row)
        assert events[0].type == "session_started", row
    filler.join(60)


def with_runtime(test):
    with Runtime() as runtime:
        test(runtime)


if __name__ == "__main__":
    run_tests(dict(globals()), with_runtime)
