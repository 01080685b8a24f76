#!/usr/bin/python3
"""test_durable.py BIN [TEST]...: a subscriber that is killed a hundred times with SIGKILL: with a durable position it sees every
event at least once, with the position in the transaction of the effect exactly once. Both are the programs that
tools/examples/durable shows to people."""
import collections
import json
import os
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import SEED, SHARED, IngestorWorld  # noqa: E402
from parts import TOP  # noqa: E402
import ledger  # noqa: E402
from harness import kill, run_tests, wait_for  # noqa: E402

KILLS = 100
PER_SECOND = 60
LIFE_S_MAX = 0.4
EXAMPLES = os.path.join(TOP, "tools", "examples", "durable")


class Subscriber:
    """One of the examples, with what it has made so far."""

    def __init__(self, home, name, out):
        self.home, self.name, self.out, self.process, self.lives = home, name, home.path(out), None, 0

    def live(self):
        command = [os.path.join(EXAMPLES, self.name), "--dir", self.home.dir, "--session", SHARED, self.out]
        with open(self.home.path(f"{self.name}.err"), "ab") as errors:
            self.process = subprocess.Popen(command, stderr=errors)
        self.home.started.append(self.process)
        self.lives += 1

    def kill(self):
        assert self.process.poll() is None, f"{self.name} has ended by itself: {self.errors()}"
        kill(self.process)
        self.home.started.remove(self.process)

    def errors(self):
        with open(self.home.path(f"{self.name}.err"), encoding="utf-8") as file:
            return file.read()


class AtLeastOnce(Subscriber):
    def __init__(self, home):
        super().__init__(home, "at_least_once", "lines")

    def rows(self):
        if not os.path.exists(self.out):
            return []
        with open(self.out, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def made(self):
        return os.path.getsize(self.out) if os.path.exists(self.out) else 0

    def done(self):
        return len({row["seq"] for row in self.rows()})


class ExactlyOnce(Subscriber):
    def __init__(self, home):
        super().__init__(home, "exactly_once", "counts.db")

    def counts(self):
        database = sqlite3.connect(self.out, timeout=10)
        try:
            return dict(database.execute("SELECT type, count FROM counts"))
        except sqlite3.OperationalError:  # killed before it had made its tables
            return {}
        finally:
            database.close()

    def made(self):
        return sum(self.counts().values())

    done = made


def test_a_hundred_kills():
    with IngestorWorld(sessions=(SHARED,)) as home:
        producer = home.c_producer("producer-1", PER_SECOND)
        often, once = AtLeastOnce(home), ExactlyOnce(home)
        for number in range(KILLS):
            before = often.made(), once.made()
            often.live()
            once.live()
            if number % 10 == 0:  # now and then until there was something to lose
                wait_for("both go on", lambda: often.made() > before[0] and once.made() > before[1])
            else:
                time.sleep(home.random.uniform(0.0, LIFE_S_MAX))  # the moment of death is to be any
            often.kill()
            once.kill()
        producer.end()
        often.live()
        once.live()
        events = ledger.Store(home.client).of(SHARED)
        wait_for("every event, at least once", lambda: often.done() >= len(events), 60)
        wait_for("every event, once", lambda: once.done() >= len(events), 60)
        rows = often.rows()
        assert {row["seq"]: (row["type"], row["data"]) for row in rows} == {
            event.seq: (event.type, event.data) for event in events}
        assert once.counts() == collections.Counter(event.type for event in events)
        for subscriber in (often, once):
            subscriber.kill()
            assert subscriber.lives == KILLS + 1 and subscriber.errors() == "", subscriber.errors()
        print(f"{len(events)} events, {len(rows) - len(events)} of them seen again, {KILLS} kills", flush=True)


print(f"VEDETTE_SEED={SEED}", flush=True)
run_tests(globals())
