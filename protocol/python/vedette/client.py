"""Attach to a runtime: requests, and what is made from a client."""

import glob
import itertools
import os
import time

import zmq

from . import endpoints as _endpoints, store, waiting, wire
from .diff import diff
from .endpoints import default_run_dir
from .errors import Error, Unreachable
from .follow import Follower
from .handle import Handle
from .link import Link
from .modes import Knobs
from .position import Kicked, Missing, Position, Reset
from .producer import Producer

__all__ = ["Client", "Error", "Follower", "Kicked", "Knobs", "Link", "Missing", "Position", "Producer", "Reset",
           "Unreachable", "default_run_dir"]

STOOD_S = 1.0   # so late at the end of a wait: the process stood still (a signal, a machine that slept)
ANSWER_S = 6.0  # for an answer to a request, on one connection: a relay takes 5 s to say that it gets none itself


class Client:
    """One runtime, found by its directory. Not for use by several threads at once."""

    def __init__(self, directory=None, endpoints=None):
        """`endpoints`: {"ingestor.read": "tcp://127.0.0.1:7000"}, ports that are not reached in the runtime's directory, beside
        those that VEDETTE_ENDPOINTS names ("ingestor.read=tcp://127.0.0.1:7000,..."). On tcp loopback only: there are no keys
        for what leaves this machine. Raises ValueError where one of them cannot be used."""
        self.run_dir = default_run_dir(directory)
        own = _endpoints.of_environment(os.environ.get("VEDETTE_ENDPOINTS", ""))
        self.endpoints = _endpoints.checked({**own, **(endpoints or {})})
        self.context = zmq.Context()
        self.links = {}
        self.correlations = itertools.count(1)

    def close(self):
        for link in self.links.values():
            link.close()
        self.links.clear()
        self.context.destroy(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def endpoint(self, actor, port):
        return self.endpoints.get(f"{actor}.{port}") or f"ipc://{self.run_dir}/{actor}.{port}"

    def request(self, actor, port, name, fields=None, payload=b"", timeout_s=5.0, once=False):
        """One request, one answer; sent again after a second of silence, unless it must not happen twice (`once`)."""
        key = (actor, port)
        if key not in self.links:
            self.links[key] = Link(self.context, self.endpoint(actor, port))
        link = self.links[key]
        deadline = time.monotonic() + timeout_s
        correlation = next(self.correlations)  # of all sendings: the answer to any of them is the answer
        # Of a connection that has long been idle the other end may be gone without a word; what is sent but once is not
        # risked there.
        idle = time.monotonic() - link.heard > ANSWER_S
        if once and idle:
            link.renew()
        sent, renew_at = False, time.monotonic() + (0.0 if idle else ANSWER_S)
        while time.monotonic() < deadline:
            if sent and not once and time.monotonic() >= renew_at:
                link.renew()
                renew_at = time.monotonic() + ANSWER_S
            if not (sent and once):
                sent = link.send(wire.pack_message(name, fields, payload, correlation))
            begun = time.monotonic()
            until = min(deadline, begun + 1.0)
            while (answer := link.receive(until - time.monotonic())) is not None:
                if answer.correlation != correlation:
                    continue
                if answer.name == "ERROR":
                    raise Error(answer["status"], answer["text"])
                return answer
            now = time.monotonic()
            if now - until > STOOD_S:  # what a process sleeps through is no silence of the other end
                deadline += now - begun
        link.renew()  # who asks next does not hear old answers, nor nothing for ever
        hint = "" if glob.glob(f"{self.run_dir}/*") else "; start one: vedette up"
        raise Unreachable(f"{actor}.{port} in {self.run_dir} did not answer {name} within {timeout_s} s{hint}")

    def get(self, actor, port, feed, timeout_s=5.0):
        """The snapshot of a feed as a Python value."""
        return wire.unpack(self.request(actor, port, "GET", {"feed": feed}, timeout_s=timeout_s).payload)

    def membership(self):
        """{"actors": [...], "sources": [...], "providers": [...]}."""
        return self.get("broker", "control", "membership")

    def snapshot(self, observer):
        """The latest snapshot of an observer."""
        return self.get(observer, "requests", "state")

    def query(self, observer, name="queries", *args, timeout_s=5.0):
        """What an observer offers beside its snapshot; by default the list of its queries."""
        fields = {"name": name, "args": list(args)}
        return wire.unpack(self.request(observer, "requests", "QUERY", fields, timeout_s=timeout_s).payload)

    def past(self, observer, session=None, seq=None, at_ms=None, timeout_s=60.0):
        """The snapshot of an observer as it was after event `seq` (of `session`, or of the one at hand) or at a time (ms
        since 1970, UTC), made anew from what is stored; without bounds as of now. As snapshot() gives it, with phase
        "past", the session and seq of the observer's last event in it, and no sources."""
        bounds = {"session": session, "seq": seq, "at_ms": at_ms}
        fields = {key: value for key, value in bounds.items() if value}
        return wire.unpack(self.request(observer, "requests", "PAST", fields, timeout_s=timeout_s, once=True).payload)

    @staticmethod
    def diff(before, after):
        """[{"path", "before", "after"}]: what is different between the states of two snapshots, by paths as expressions
        write them (EXPRESSIONS.md); None is what is not there."""
        return diff(before, after)

    def wait(self, observer, predicate, timeout_s=30.0):
        """The snapshot of an observer in which `predicate` holds, as soon as there is one, over deaths and restarts: the
        text of an expression (see EXPRESSIONS.md), or a function that is given the snapshot. Raises ExpressionError; TimedOut, with the last `snapshot` seen; Error("not_found") if no
        such observer came; Unreachable if there is no runtime."""
        return waiting.wait(self, observer, predicate, timeout_s)

    def handle(self, observer, after=None, **hooks):
        """A handle.Handle of an observer: its snapshot, deltas, last error, waits and hooks."""
        return Handle(self, observer, after, **hooks)

    def runs(self):
        """Is there a runtime in the directory?"""
        return waiting.accepts(self.endpoint("supervisor", "control"))

    def sessions(self, **fields):
        """Sessions, newest first; fields as in SESSIONS."""
        return wire.unpack(self.request("ingestor", "read", "SESSIONS", fields).payload)

    def newest_session(self):
        """The id of the newest active session."""
        for row in self.sessions(state="active", rows_max=1):
            return row["session"]
        raise Error("not_found", "no session is active; start one: vedette up")

    def export(self, session, seq=1, timeout_s=30.0):
        """The events of a session up to its last one now, each proven: see store.export."""
        return store.export(self, session, seq, timeout_s)

    def store(self, timeout_s=5.0):
        """How the store is: the fields of STORE_IS."""
        return self.request("ingestor", "read", "STORE", timeout_s=timeout_s).fields

    def verify(self, timeout_s=60.0):
        """Checks all that is stored: see store.verify."""
        return store.verify(self, timeout_s)

    def prune(self, session=None, **limits):
        """Removes sessions that have ended: see store.prune."""
        return store.prune(self, session, **limits)

    def follow(self, session=None, start="now", position=None, type=None, seq=None, **options):
        """A Follower. `start` is "now", "start" or, with `seq`, ignored; `position` goes on behind it.
        `session` None is the newest active one and those that go on from it, "*" all sessions. Options:
        durable   a name under which the runtime keeps the position: goes on there, whatever `start` says
        parallel  so many events may be out at a time, each until done(event) is called
        knobs     a modes.Knobs, or a dict of what differs from the defaults
        name      shown by `vedette subscriber ls`
        via       the name of a relay; when it is silent, the ingestor and it are tried in turn
        warn      called with a text when something is odd; otherwise the logger "vedette" is"""
        rolls = session is None
        session = self.newest_session() if rolls else session
        return Follower(self, "" if session == "*" else session, start, position, type, seq, rolls, **options)

    def producer(self, name, timeout_s=10.0, strict=False):
        """Takes a producer's name. `strict`: events are checked against the catalogue (EVENTS.md) before they are sent."""
        return Producer(self, name, timeout_s, strict)
