#!/usr/bin/python3
"""test_modes.py BIN [TEST]...: the modes of real subscribers, recorded every 100 ms as `vedette subscriber ls` shows them:
paused and resumed by an operator, and too slow for a live stream that never ends."""
import hashlib
import json
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import SHARED, IngestorWorld  # noqa: E402
from harness import run_tests, wait_for  # noqa: E402

EVERY_S = 0.1
BEHIND = 200  # commits: far above start_commit_sync_lag
CLOSE = 5  # and far below resume_live_lag
SETTLED_S = 60.0
UNSEEN_S = 1.0  # a mode lasts longer, unless nobody has looked for so long


class Record:
    """What `vedette subscriber ls -o ndjson` says of everybody, every 100 ms, until the end of the context."""

    def __init__(self, home):
        self.home, self.rows, self.ended, self.error = home, [], threading.Event(), None
        self.seen = []  # the same, all of it
        self.thread = threading.Thread(target=self._record)

    def look(self):
        return [json.loads(line) for line in self.home.command("subscriber", "ls", "-o", "ndjson").splitlines()]

    def _record(self):
        try:
            while not self.ended.wait(EVERY_S):
                begun = time.monotonic()
                rows = [{**row, "looked": (begun, time.monotonic())} for row in self.look()]
                self.rows += rows
                self.seen += rows
        except BaseException as error:  # to be raised where somebody sees it
            self.error = error

    def newest(self, name):
        """The last row of a subscriber."""
        if self.error:
            raise self.error
        return next((row for row in reversed(self.rows) if row["name"] == name), {})

    def tell(self, name):
        """Prints each change of its mode as it was seen, with its moment."""
        begun, before = None, None
        for row in self.seen:
            if row["name"] != name or row["mode"] == before:
                continue
            at, before = row["looked"][1], row["mode"]
            begun = begun or at
            print(f"{name} {at - begun:6.1f} s {row['mode']:12} held={row['held']} lag={row['lag']} queue={row['queue']}")

    def modes(self, name):
        """Its modes, one after the other, as they changed, each with the seconds in which it may have begun."""
        rows = [row for row in self.rows if row["name"] == name]
        return [(row["mode"], row["looked"][1] - before["looked"][0]) for before, row in zip(rows[:1] + rows, rows)
                if row is rows[0] or row["mode"] != before["mode"]]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def written(home, producer, commits):
    for number in range(commits):
        producer.emit("count", {"n": number}, SHARED)


def has(part, home):
    """Everything that is stored of the session."""
    row, = home.client.sessions(session=SHARED)
    return part.count("{") == row["last_seq"]


def check_history(home, part):
    """What it has seen is what is stored, each event once and in order."""
    wait_for("it has everything", lambda: has(part, home), SETTLED_S)
    part.end()
    seen = [json.loads(line) for line in part.lines()]
    stored = [json.loads(line) for line in home.replay(SHARED).decode().splitlines()]
    assert seen == stored, f"{len(seen)} events seen, {len(stored)} stored"


def are(modes, wanted):
    """Are these the wanted ones? `overlap` is over by itself: one may be missing where it could come and go unseen."""
    left = list(wanted)
    for mode, within_s in modes:
        if left[:1] == ["overlap"] and mode != "overlap" and within_s > UNSEEN_S:
            left.pop(0)
        if left[:1] != [mode]:
            return False
        left.pop(0)
    return not left


def subscriber(home, what):
    """A subscriber of this kind of the session, from its first event on."""
    if what == "python":
        return home.peer("follow-python", "follow")
    return home.command_follower("follow-c", SHARED)


def test_paused_and_resumed():
    """The modes are exactly those of the table: far behind it comes back over commits, close behind at once."""
    for what in KINDS:
        with IngestorWorld(sessions=(SHARED,)) as home, home.client.producer("maker", 60.0) as producer:
            part = subscriber(home, what)
            with Record(home) as record:
                name = wait_for("it is listed", lambda: record.rows and record.rows[-1]["name"])
                wait_for("it is live", lambda: record.newest(name).get("mode") == "live_only", SETTLED_S)
                wait_for("it has everything", lambda: has(part, home))
                record.rows.clear()
                for commits in (BEHIND, CLOSE):
                    wait_for("it is seen", lambda: record.newest(name).get("mode") == "live_only", SETTLED_S)
                    home.command("subscriber", "pause", name)
                    wait_for("it is paused", lambda: record.newest(name).get("mode") == "paused")
                    assert record.newest(name)["held"] is True
                    had = part.count("{")
                    written(home, producer, commits)
                    wait_for("its lag is seen", lambda: record.newest(name)["lag"] >= commits)
                    assert part.count("{") == had, "one that is held is sent nothing"
                    home.command("subscriber", "resume", name)
                    wait_for("it has everything", lambda: has(part, home))
                    wait_for("it is live", lambda: record.newest(name).get("mode") == "live_only", SETTLED_S)
            assert not record.error, record.error
            record.tell(name)
            assert are(record.modes(name), ["live_only", "paused", "commits_only", "overlap", "live_only", "paused",
                                            "live_only"]), (what, record.modes(name))
            check_history(home, part)


def test_too_slow_for_live():
    """A live stream that never ends: who cannot keep up takes commits, and is live again as soon as it can."""
    with IngestorWorld(sessions=(SHARED,)) as home:
        slow = home.path("slow")
        part = home.peer("follow-lag", "lag", slow)
        with Record(home) as record:
            name = wait_for("it is listed", lambda: record.rows and record.rows[-1]["name"])
            producer = home.c_producer("producer-1", 300)
            wait_for("it is live", lambda: record.newest(name).get("mode") == "live_only", SETTLED_S)
            with open(slow, "wb"):
                pass
            wait_for("it takes commits", lambda: record.newest(name).get("mode") == "commits_only", SETTLED_S)
            before = producer.count("acknowledged ")
            wait_for("the producer goes on", lambda: producer.count("acknowledged ") > before + 300)
            os.unlink(slow)
            wait_for("it is live again", lambda: record.newest(name).get("mode") == "live_only", SETTLED_S)
            producer.end()
        assert not record.error, record.error
        assert any(are(record.modes(name)[-count:], ["commits_only", "overlap", "live_only"])
                   for count in (2, 3)), record.modes(name)
        check_history(home, part)


KINDS = ("python", "c")
run_tests(globals())
