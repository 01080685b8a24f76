#!/usr/bin/python3
"""test_handle.py BIN: handles of observers in C, Python and the command line, while observers are killed under load."""
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home  # noqa: E402
from harness import vedette, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
CONFIG = """[observers.host]
interval = "200ms"
[observers.services]
interval = "50ms"
[observers.other]
kind = "services"
interval = "50ms"
"""
KILLS = 3


class Load(threading.Thread):
    """Services that come and go faster than the observer looks."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self.start()

    def run(self):
        servers = []
        while not self.stopped.wait(0.02):
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            server.listen()
            servers.append(server)
            if len(servers) > 5:
                servers.pop(random.randrange(len(servers))).close()
        for server in servers:
            server.close()

    def stop(self):
        self.stopped.set()
        self.join()


class Told:
    """What a reader was told: rows (kind, cursor, cycle, why, seqs)."""

    def __init__(self, name):
        self.name, self.rows = name, []

    def take(self, delta):
        if delta.kind != "error":
            self.rows.append((delta.kind, delta.cursor, delta.cycle, delta.why, [event.seq for event in delta.events]))

    def last(self):
        return max((seq for row in self.rows for seq in row[4]), default=0)

    def check(self, stored, end, lives):
        """Every stored event up to `end` once and in order; what is missing is missing right before a snapshot that says so.
        Behind `end` others on this machine may have begun services."""
        missing, rest, inc, number, cycle = 0, list(stored), None, 0, 0
        resets = 0
        for kind, cursor, its_cycle, why, seqs in self.rows:
            its_inc, its_number = (int(part) for part in cursor.split(":"))
            if kind == "snapshot":
                assert its_inc != inc or why != "restarted", (self.name, cursor)
                resets += why == "restarted"
                missing, cycle = None, its_cycle
            else:
                assert inc in (None, its_inc) and its_cycle > cycle, (self.name, inc, cursor, cycle, its_cycle)
                cycle = its_cycle
            assert its_inc != inc or its_number > number, (self.name, cursor)
            inc, number = its_inc, its_number
            for seq in seqs:
                assert seq in rest, f"{self.name}: {seq} of {cursor} was told before, or is not stored"
                skipped = rest.index(seq)
                assert skipped == 0 or missing is None, f"{self.name}: {skipped} events are missing before {cursor}"
                del rest[:skipped + 1]
                missing = 0
        assert not rest or rest[0] > end, (self.name, end, rest[:5])
        assert resets <= lives, (self.name, resets, lives)
        return resets


def python_follows(home, told, stopped):
    with vedette.Client(home.dir) as client, client.handle("services", "first", on_cycle=lambda _, delta: told.take(delta)) as handle:
        while not stopped.is_set():
            handle.run(0.1)


def python_begins_again(home, told, stopped):
    """A new handle after every few deltas: from its cursor on, history and then live."""
    cursor = "first"
    with vedette.Client(home.dir) as client:
        while not stopped.is_set():
            with client.handle("services", cursor) as handle:
                for _ in range(random.randrange(1, 9)):
                    delta = handle.next(0.2)
                    if delta is not None:
                        told.take(delta)
                cursor = handle.cursor or cursor


def parse_probe(path, observer):
    told, lives = Told("C"), []
    with open(path, encoding="utf-8") as file:
        for line in file:
            what, name, *words = line.split()
            if name == observer and what in ("ready", "stop"):
                lives.append((what, *words))
            elif name == observer and what in ("cycle", "snapshot") and ":" in words[0]:
                told.rows.append((what, words[0], int(words[1]), words[2], [int(word) for word in words[3:]]))
    return told, lives


def stored_events(home):
    with vedette.Client(home.dir) as client:
        session = client.newest_session()
        return [event.seq for event in client.export(session) if (event.cause or {}).get("observer") == "services"]


def cursor_then_live_while_it_is_killed(home):
    # An observer that dies whenever it is up, beside it; the host's handle is on the same client in C.
    path = home.path("probe")
    with open(path, "wb") as out:
        probe = subprocess.Popen([os.path.join(BIN, "..", "tests", "handle_probe"), home.dir, "", "services", "other", "host"],
                                 stdout=out)
    stopped, told = threading.Event(), [Told("live"), Told("again")]
    threads = [threading.Thread(target=body, args=(home, one, stopped), daemon=True)
               for body, one in zip((python_follows, python_begins_again), told)]
    for thread in threads:
        thread.start()
    load = Load()
    for _ in range(KILLS):
        before = told[0].last()
        wait_for("events flow", lambda: told[0].last() > before + 5 and told[1].last() > before)
        home.run("kill", "other", "--wait")
        home.run("kill", "services", "--wait")
    before = told[0].last()
    wait_for("events flow again", lambda: told[0].last() > before + 5)
    load.stop()
    with vedette.Client(home.dir) as client:
        client.wait("services", "count == count", 10)
        end = wait_for("nothing comes any more", lambda: settled(home, client))
    wait_for("all have it", lambda: all(one.last() >= end for one in told + [parse_probe(path, "services")[0]]))
    stopped.set()
    for thread in threads:
        thread.join()
    probe.terminate()
    assert probe.wait(60) == 0
    stored = stored_events(home)
    told.append(parse_probe(path, "services")[0])
    for one in told:
        assert one.check(stored, end, KILLS) > 0 and one.last() >= end, one.name
    lives_alternate(path)


def settled(home, client):
    """The last sequence, when two cycles have brought no other."""
    before = stored_events(home)
    cycle = client.snapshot("services")["cycle"]
    client.wait("services", f"$.cycle > {cycle + 1}", 10)
    return before[-1] if stored_events(home) == before else None


def lives_alternate(path):
    """In C: each ready has its stop; the host lived through it all without a gap."""
    for observer, ends in (("services", 1 + KILLS), ("other", 1 + KILLS), ("host", 1)):
        lives = parse_probe(path, observer)[1]
        assert [life[0] for life in lives] == ["ready", "stop"] * (len(lives) // 2), (observer, lives)
        assert lives[-1] == ("stop", "cancelled") and all(life[1] in ("restarted", "not_ready") for life in lives[1:-1:2]), lives
        assert 2 <= len(lives) <= 4 * ends, (observer, lives)
    cycles = [row[2] for row in parse_probe(path, "host")[0].rows]
    assert len(cycles) > 3 and cycles == list(range(cycles[0], cycles[0] + len(cycles))), cycles
    with open(path, encoding="utf-8") as file:
        last = re.findall(r"^snapshot host running (\d+) 1 0 (\d+)$", file.read(), re.M)
    assert last and int(last[0][0]) >= cycles[-1], last


def one_that_dies_again_and_again(home):
    """In Python, on one client: the other one is not harmed."""
    seen = {"host": [], "other": []}
    stopped = threading.Event()

    def kill():
        while not stopped.wait(0.1):
            home.run("kill", "other", code=None)

    with vedette.Client(home.dir) as client:
        handles = [client.handle(name, on_ready=lambda handle: seen[handle.observer].append("ready"),
                                 on_stop=lambda handle, why: seen[handle.observer].append(why),
                                 on_cycle=lambda handle, delta: seen[handle.observer].append(delta)) for name in seen]
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        try:
            deadline = time.monotonic() + 30
            while len(seen["host"]) < 10 or sum(isinstance(row, str) and row != "ready" for row in seen["other"]) < 2:
                assert time.monotonic() < deadline, seen
                vedette.run(handles, 0.2)
        finally:
            stopped.set()
            killer.join()
        host = [row for row in seen["host"] if not isinstance(row, str)]
        assert [row for row in seen["host"] if isinstance(row, str)] == ["ready"], seen
        assert host[0].kind == "snapshot" and host[0].why is None and all(row.kind == "cycle" for row in host[1:]), host
        assert [row.cycle for row in host] == list(range(host[0].cycle, host[0].cycle + len(host))), host
        words = [row for row in seen["other"] if isinstance(row, str)]
        assert all((word == "ready") == (place % 2 == 0) for place, word in enumerate(words)), words
        for handle in handles:
            handle.close()
    home.run("start", "other", "--wait", code=None)


def a_departed_source(home):
    """It drops out of snapshots and of waits; a failing one hides no other."""
    with vedette.Client(home.dir) as client, client.handle("host") as handle:
        home.run("source", "add", "gone", "--adapter", "file", "--address", home.path("nowhere"))
        handle.wait("$.source_count == 2 and $.sources_failed == 1")
        snapshot = handle.snapshot()
        assert set(snapshot.sources) == {"local", "gone"} and list(snapshot.failures) == ["gone"], snapshot.sources
        assert snapshot.failures["gone"].age_s is None and snapshot.sources["local"].age_s < 10, snapshot.sources
        assert snapshot.observed_at is not None and snapshot.age_s < 10 and snapshot.phase == "running", snapshot.raw
        cycle = snapshot.cycle
        handle.wait(lambda now: now.cycle > cycle + 1)  # cycles go on
        well = "all($.sources, item.status == 'ok')"
        try:
            handle.wait(well, 5)
            raise AssertionError("a source that fails was well")
        except vedette.TimedOut as problem:
            assert "last seen, in cycle" in str(problem) and "$.sources = " in str(problem), problem
            assert {row["name"] for row in problem.snapshot["sources"]} == {"local", "gone"}, problem.snapshot
        found = []
        waiting = threading.Thread(target=lambda: found.append(waited(home, "host", well)))
        waiting.start()
        home.run("source", "rm", "gone")
        waiting.join(30)
        assert found and [row["name"] for row in found[0]["sources"]] == ["local"], found
        assert handle.snapshot().source_count == 1 and not handle.snapshot().failures


def waited(home, observer, predicate):
    with vedette.Client(home.dir) as client:
        return client.wait(observer, predicate, 30)


def a_failure_is_recorded_with_its_stage_and_cleared(home):
    with vedette.Client(home.dir) as client, client.handle("host") as handle:
        poller = home.json("source", "ls")[0].get("poller") or "poller-1"
        home.run("pause", poller, "--wait")
        wait_for("the error is told", lambda: handle.next(1) and handle.error and handle.error.holds)
        assert handle.error.stage == "read" and poller in handle.error.text and handle.error.age_s < 30, handle.error
        try:
            handle.wait(lambda now: now.state["nothing_like_it"], 5)
            raise AssertionError("what is not there was true")
        except vedette.TimedOut as problem:
            assert "KeyError" in str(problem) and "read: poller" in str(problem) and "hosts = " in str(problem), problem
        home.run("resume", poller, "--wait")
        wait_for("it is over", lambda: handle.next(1) and not handle.error.holds)
        assert handle.error.stage == "read" and handle.error.count > 0
        # Kept, also by the observer; and by the handle, when its next life knows nothing of it.
        told = wait_for("nothing is wrong now", lambda: (told := handle.snapshot().errors) and
                        not any(fault.holds for fault in told) and told)
        assert "read" in [fault.stage for fault in told], told
        killed = time.monotonic()
        home.run("kill", "host", "--wait")
        wait_for("its next life", lambda: handle.next(1) and handle.snapshot().state and not handle.error.holds)
        assert handle.error.stage == "read", handle.error
        own, life_s = handle.snapshot().errors, time.monotonic() - killed
        assert all(fault.age_s < life_s for fault in own), (own, life_s)


def the_command_line(home):
    lines = home.lines("history", "host")
    assert [line["kind"] for line in lines if line["kind"] != "error"] and all(":" in line["cursor"] for line in lines)
    middle = lines[len(lines) // 2]
    behind = home.lines("history", "host", "--after", middle["cursor"])
    wanted = [line["cursor"] for line in lines[len(lines) // 2 + 1:]]
    assert [line["cursor"] for line in behind][:len(wanted)] == wanted, (wanted, behind)
    following = home.lines("history", "host", "--after", behind[-1]["cursor"] if behind else middle["cursor"], "--follow", "-n", "3")
    assert [line["cycle"] for line in following] == sorted({line["cycle"] for line in following}), following
    gone, = home.lines("history", "host", "--after", "5:5", "-n", "1")
    assert gone["kind"] == "snapshot" and gone["why"] == "restarted" and gone["state"]["hosts"], gone
    inc = middle["cursor"].split(":", maxsplit=1)[0]
    ahead, = home.lines("history", "host", "--after", f"{inc}:99999999", "-n", "1")
    assert ahead["why"] == "went_back", ahead
    assert "is no cursor" in home.run("history", "host", "--after", "x", code=2).err
    assert "did you mean services?" in home.run("history", "servces", code=4).err
    table = home.run("history", "services")
    assert "service_" in table.out + table.err or "deltas" in table.err, table
    with vedette.Client(home.dir) as client, client.handle("host") as handle:
        told = list(handle.history())
        assert told and told[0].cursor == lines[0]["cursor"], (told[:1], lines[0])
        assert [delta.cursor for delta in handle.history(told[-2].cursor)][0] == told[-1].cursor
        try:
            client.handle("host", "12")
            raise AssertionError("12 is a cursor")
        except vedette.Error as problem:
            assert problem.status == "usage", problem


with Home(BIN) as home:
    home.configure(CONFIG)
    home.run("up", "--detach", "--wait", "-c", home.config)
    for case in (cursor_then_live_while_it_is_killed, one_that_dies_again_and_again, a_departed_source,
                 a_failure_is_recorded_with_its_stage_and_cleared, the_command_line):
        begun = time.monotonic()
        case(home)
        print(f"ok {case.__name__} {time.monotonic() - begun:.1f} s", flush=True)
    home.run("down")
