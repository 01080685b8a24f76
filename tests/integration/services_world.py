"""services_world.py: a services observer on a machine that a test makes up, and the story that its events tell."""
import os
import re

from harness import Actors, wait_for
from vedette import Error
from vedette.client import Client, Position

SESSION = "services-under-test"
KINDS = {"static": "provider", "poller-1": "poller", "services": "observer-services"}
RESTORED = re.compile(r"restored from (?:the state kept at commit (\d+) and )?(\d+) events")


class Runtime(Actors):
    """The processes that a services observer needs, and it itself."""

    def __init__(self, binaries):
        super().__init__(binaries, "", SESSION)

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
        self.rows, self.turn = {}, 0

    def pull(self):
        while (event := self.follower.next(0.01)) is not None:
            data = event.data
            assert event.seq == len(self.after) + 1, f"{event.seq} follows {len(self.after)}"
            if event.type in ("service_appeared", "service_gone"):
                key = (data["protocol"], data["address"], data["port"])
                if event.type == "service_appeared":
                    assert key not in self.there, f"{key} appears again at {event.seq}"
                    self.there[key] = data["inode"]
                    self.rows[key] = {**data, "since": event.ts}
                    self.rows[key].pop("initial", None)
                else:
                    assert self.there.pop(key, None) == data["inode"], f"{key} goes without having come at {event.seq}"
                    del self.rows[key]
            if event.cause:
                assert event.cause["turn"] >= self.turn, f"turn {event.cause['turn']} after {self.turn} at {event.seq}"
                self.turn = event.cause["turn"]
                self.own += 1
                self.turns[event.cause["turn"]] = event.seq
            self.after[event.seq] = dict(self.there)
        return self

    def last(self):
        return max(self.after)


def services(snapshot):
    rows = snapshot["state"]["services"]
    assert len(rows) == snapshot["state"]["count"]
    return {key: row["inode"] for key, row in by_place(rows).items()}


def by_place(rows):
    return {(row["protocol"], row["address"], row["port"]): row for row in rows}


class Machine:
    """The root of a machine that the services observer reads: what listens there is what this test says."""

    def __init__(self, root, random_):
        self.root, self.random, self.rows, self.inode = root, random_, {}, 0
        os.makedirs(os.path.join(root, "proc/net"))
        self.write()

    def config(self, more):
        """A configuration that has it as the one source."""
        return more + ("[[providers.static.sources]]\nname = 'local'\nadapter = 'file'\n"
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
