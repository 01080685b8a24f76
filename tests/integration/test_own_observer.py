#!/usr/bin/python3
"""test_own_observer.py BIN: an observer in Python in a whole runtime: nothing is lost or told twice when it, the ingestor, the
poller or the broker is killed in the middle of its turns, and when the session rolls; what it is asked, what it asks, and
what it tells of a turn that fails."""
import itertools
import os
import sys
import threading

from cli_harness import Home, wait_for
from harness import run_tests, vedette
from own_observer import Own
from vedette.observing.faults import Faults
from vedette.observing.replay import Replay

BIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin")
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "own_observer.py")
HISTORY = 64  # cycles, so many that a reader who is late for a second misses none
CONFIG = """[observers.own]
program = "{program}"
file = "{file}"
other = "{other}"
interval = "50ms"
history = {history}

[observers.host]
enabled = false

[observers.services]
enabled = false
{more}"""


class Lines:
    """A runtime with the observer, and the file that it reads, which only grows."""

    def __init__(self, more=""):
        self.home = Home(BIN)
        self.file, self.other, self.numbers = self.home.path("lines"), self.home.path("other"), itertools.count(1)
        open(self.file, "w", encoding="utf-8").close()
        self.home.configure(CONFIG.format(program=PROGRAM, file=self.file, other=self.other, history=HISTORY, more=more))

    def __enter__(self):
        self.home.run("up", "-c", self.home.config, "--detach", "--wait")
        self.client = vedette.Client(self.home.dir)
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.home.run("logs", "own", code=None), self.home.run("snapshot", "own", code=None), file=sys.stderr)
        self.client.close()
        self.home.__exit__()

    def write(self, *lines):
        with open(self.file, "a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def count(self, count, timeout_s=60.0):
        return self.client.wait("own", f"count == {count}", timeout_s)

    def told(self):
        """All lines in the order of their events, over every session."""
        names, events = [], []
        while rows := self.client.sessions(**({"before": names[-1]} if names else {})):
            names += [row["session"] for row in rows]
        for name in reversed(names):
            events += [event for event in self.client.export(name) if event.type == "line_added"]
        return [event.data["line"] for event in events]


class Writing:
    """Adds lines to the file without end, in the background."""

    def __init__(self, lines):
        self.lines, self.count, self.stopped = lines, 0, threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        while not self.stopped.wait(0.01):
            self.lines.write(f"line {self.count + 1}")
            self.count += 1

    def end(self):
        self.stopped.set()
        self.thread.join()
        return [f"line {number}" for number in range(1, self.count + 1)]


def test_nothing_is_lost_or_repeated_when_any_of_them_is_killed():
    with Lines() as lines:
        writing = Writing(lines)
        for actor in ("own", "ingestor", "poller-1", "own", "broker", "ingestor"):
            before = lines.client.wait("own", "count > 0", 60)["state"]["count"]
            lines.home.run("kill", actor, "--wait")
            lines.client.wait("own", f"count > {before + 5}", 60)
        wanted = writing.end()
        lines.count(len(wanted))
        assert lines.told() == wanted


def test_it_goes_on_over_sessions_with_its_state():
    with Lines('[supervisor]\nsession_roll_events = 24\n') as lines:
        writing = Writing(lines)
        first = lines.client.snapshot("own")["session"]
        wait_for("it is two sessions further", lambda: len(lines.client.sessions()) >= 3)
        lines.home.run("kill", "own", "--wait")
        wanted = writing.end()
        assert lines.count(len(wanted))["session"] != first
        lines.home.run("restart", "own", "--wait")
        lines.count(len(wanted))
        assert lines.told() == wanted


class Newer(Own):
    version = 2


class Other(Own):
    def load(self, value):
        raise ValueError("it is of another form")


def test_one_that_comes_late_does_without_what_was_pruned():
    with Lines('[supervisor]\nsession_roll_events = 16\n') as lines:
        count = 0
        while len(lines.client.sessions()) < 3:
            lines.write(f"line {count + 1}")
            count += 1
            lines.count(count)
        oldest, second, newest = sorted(row["session"] for row in lines.client.sessions())[:3]
        wait_for("its successor has ended, too", lambda: lines.client.sessions(session=second)[0]["state"] == "completed")
        # A stored state that is of no use is left out: every event is applied instead.
        for observer, applied, told in ((Own(), 0, None), (Newer(), count, None), (Other(), count, "of another form")):
            faults = Faults()
            replay = Replay(lines.client, observer, "own", {"file": "", "other": ""}, faults)
            _, state = replay.run(newest)
            assert state == {"lines": [f"line {number}" for number in range(1, count + 1)]}, state
            assert replay.applied >= applied and bool(faults.rows()) == bool(told), (replay.applied, faults.rows())
            assert told is None or told in faults.newest()["text"], faults.rows()
        assert lines.client.prune(oldest)["ids"] == [oldest]
        faults = Faults()
        _, state = Replay(lines.client, Own(), "late", {"file": "", "other": ""}, faults).run(newest)
        assert state == {"lines": []}
        assert oldest in faults.newest()["text"], faults.rows()


def is_asked_and_asks(lines):
    told = [error for error in lines.client.snapshot("own")["errors"] if error["stage"] == "membership"]
    assert not told, told  # a broker that was not asked yet is not one that does not answer
    with open(lines.other, "w", encoding="utf-8") as file:
        file.write("from the other file\n")
    lines.write("one", "ask", "three")
    lines.count(3)
    assert lines.told() == ["one", "from the other file", "three"]
    assert lines.client.query("own", "line", 2) == "from the other file"
    assert lines.client.query("own", "layout")["elements"][0]["table"] == "lines"
    assert lines.client.query("own")[0] == {"name": "line", "arguments": "NUMBER", "help":
                                            "the line of this number, from 1"}
    odd = [("odd", (way,), "failed") for way in ("text", "number", "set")] + [("odd", ("\0" + "\u00e9" * 1024,), "usage")]
    for name, args, status in (("line", (0,), "usage"), ("line", (), "usage"), ("lion", (), "not_found"), *odd):
        try:
            lines.client.query("own", name, *args)
            raise AssertionError(f"{name} {args} was answered")
        except vedette.Error as refused:
            assert refused.status == status, refused
            told = str(refused)[len(status) + 2:]
            assert 0 < len(told.encode()) <= 1024 and "\0" not in told, told
            assert not told.startswith(status), told
    row = next(row for row in lines.client.membership()["actors"] if row["name"] == "own")
    assert row["kind"] == "observer" and row["state"] == "ready", row
    assert lines.client.get("own", "requests", "metrics")["uptime_ms"] > 0


def fails_a_turn_and_recovers(lines):
    """What a turn fails with may quote anything: it is told, and nobody ends of it."""
    alive = lines.client.request("own", "requests", "PING")
    assert alive["version"] == lines.client.request("broker", "control", "PING")["version"], alive
    pid = alive["pid"]
    lines.write("bad")
    shown = lines.client.wait("own", '$.error.stage == "turn" and $.error.recovered_at == null', 20)
    assert "there is a bad line: ?, ??" in shown["error"]["text"] and shown["state"]["count"] == 3, shown
    assert lines.client.request("own", "requests", "PING")["pid"] == pid
    with open(lines.file + ".new", "w", encoding="utf-8") as file:
        file.write("one\nask\nthree\nfour\n")
    os.replace(lines.file + ".new", lines.file)
    shown = lines.client.wait("own", 'count == 4 and $.error.recovered_at != null', 20)
    assert "there is a bad line" in shown["error"]["text"], shown


def has_a_whole_feed(lines):
    feed = vedette.Feed(lines.client, "own", "state", request_port="requests", pub_port="changes")
    kind, snapshot, _ = feed.next(20)
    assert kind == "snapshot" and snapshot["observer"] == "own", snapshot
    wanted, seen = [f"line {number}" for number in range(600)], []  # more than a turn may tell
    lines.write(*wanted)
    while len(seen) < len(wanted):
        change = feed.next(20)
        assert change is not None and change[0] == "item", f"after {len(seen)} events: {change}"
        seen += change[1]["events"]
    assert [row["data"]["line"] for row in seen] == wanted
    assert [row["seq"] for row in seen] == sorted({row["seq"] for row in seen}) and seen[0]["seq"] > 0
    answer = wait_for("more cycles than are held", lambda: (lambda answer: answer if answer["n"] > HISTORY else None)(
        lines.client.request("own", "requests", "GET", {"feed": "state"})))
    for inc, why in ((answer["inc"], "pruned"), (answer["inc"] + 1, "restarted")):
        reset = lines.client.request("own", "requests", "READ", {"feed": "state", "inc": inc, "after": 0})
        assert reset.name == "RESET" and reset["status"] == why, reset
    feed.close()


def test_it_answers_asks_fails_and_tells():
    with Lines() as lines:
        is_asked_and_asks(lines)
        fails_a_turn_and_recovers(lines)
        has_a_whole_feed(lines)
        done = lines.home.start(PROGRAM, "--dir", lines.home.dir)  # by hand, without a session
        assert done.wait(20) == 2


run_tests(globals())
