"""Attach to a runtime: requests, following committed events, emitting events."""

import glob
import itertools
import os
import random
import re
import time

import zmq

from . import events as catalogue_of_events
from . import store, waiting, wire
from .catalogue import LIMITS
from .errors import Error, Unreachable


class Reset(Error):
    """The position of a follower is not held (pruned) or the store went back in time."""


class Missing(Error):
    """Events that are not there: status "pruned" or "corrupt", `session`, `first` sequence, `count`. Without a session
    what is missing is commit `index`, whose events are not known."""

    def __init__(self, status, session, first, count, index):
        self.session, self.first, self.count, self.index = session, first, count, index
        what = f"events {first} to {first + count - 1} of session {session}" if session else f"commit {index}"
        super().__init__(status, f"{what} {'were pruned' if status == 'pruned' else 'cannot be read: damaged or lost'}")


class Position:
    """Where a reader stands: (store, index, offset, chain). Persist it with `tuple(position)`."""

    def __init__(self, store="", index=0, offset=0, chain=0):
        self.store, self.index, self.offset, self.chain = store, index, offset, chain

    def __iter__(self):
        return iter((self.store, self.index, self.offset, self.chain))

    def fields(self):
        return {"store": self.store, "index": self.index, "offset": self.offset, "chain": self.chain}

    def __repr__(self):
        return f"Position{tuple(self)}"


def default_run_dir(directory=None):
    """The directory with the sockets: as SPEC.md, Directories."""
    directory = directory or os.environ.get("VEDETTE_DIR")
    if directory:
        return os.path.join(os.path.abspath(directory), "run")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return os.path.join(runtime, "vedette") if runtime.startswith("/") else f"/tmp/vedette-{os.getuid()}"


class _Link:
    """A DEALER with a fresh identity; renew() makes a new one, so that old answers cannot come."""

    def __init__(self, context, endpoint):
        self.context, self.endpoint, self.socket = context, endpoint, None
        self.renew()

    def renew(self):
        self.close()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, b"python#" + os.urandom(8).hex().encode())
        for option, value in ((zmq.LINGER, 0), (zmq.SNDTIMEO, LIMITS["SEND_TIMEOUT_MS"]),
                              (zmq.SNDHWM, LIMITS["SOCKET_HWM"]), (zmq.RCVHWM, LIMITS["SOCKET_HWM"]),
                              (zmq.RECONNECT_IVL, 20), (zmq.RECONNECT_IVL_MAX, 500),
                              (zmq.MAXMSGSIZE, LIMITS["FRAME_BYTES_MAX"])):
            self.socket.setsockopt(option, value)
        self.socket.connect(self.endpoint)

    def send(self, frames):
        try:
            self.socket.send_multipart(frames)
            return True
        except zmq.Again:
            return False

    def receive(self, timeout_s):
        """The next message, or None. Frames that are not understood are passed over."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = max(0, deadline - time.monotonic())
            if not self.socket.poll(int(left * 1000) + (left > 0)):
                return None
            try:
                return wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                continue
            except wire.Malformed:
                continue

    def close(self):
        if self.socket is not None:
            self.socket.close(0)
            self.socket = None


class Client:
    """One runtime, found by its directory. Not for use by several threads at once."""

    def __init__(self, directory=None):
        self.run_dir = default_run_dir(directory)
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
        return f"ipc://{self.run_dir}/{actor}.{port}"

    def request(self, actor, port, name, fields=None, payload=b"", timeout_s=5.0, once=False):
        """One request, one answer; sent again after a second of silence, unless it must not happen twice (`once`)."""
        key = (actor, port)
        if key not in self.links:
            self.links[key] = _Link(self.context, self.endpoint(actor, port))
        link = self.links[key]
        deadline = time.monotonic() + timeout_s
        correlation = next(self.correlations)  # of all sendings: the answer to any of them is the answer
        sent = False
        while time.monotonic() < deadline:
            if not (sent and once):
                sent = link.send(wire.pack_message(name, fields, payload, correlation))
            until = min(deadline, time.monotonic() + 1.0)
            while (answer := link.receive(until - time.monotonic())) is not None:
                if answer.correlation != correlation:
                    continue
                if answer.name == "ERROR":
                    raise Error(answer["status"], answer["text"])
                return answer
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

    def wait(self, observer, expression, timeout_s=30.0):
        """The snapshot of an observer in which `expression` (see EXPRESSIONS.md) holds, as soon as there is one, over
        deaths and restarts. Raises ExpressionError; TimedOut, with the last `snapshot` seen; Error("not_found") if no
        such observer came; Unreachable if there is no runtime."""
        return waiting.wait(self, observer, expression, timeout_s)

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

    def follow(self, session=None, start="now", position=None, type=None, seq=None):
        """A Follower. `start` is "now", "start" or, with `seq`, ignored; `position` goes on behind it.
        `session` None is the newest active one and those that go on from it, "*" all sessions."""
        rolls = session is None
        session = self.newest_session() if rolls else session
        return Follower(self, "" if session == "*" else session, start, position, type, seq, rolls)

    def producer(self, name, timeout_s=10.0, strict=False):
        """Takes a producer's name. `strict`: events are checked against the catalogue (EVENTS.md) before they are sent."""
        return Producer(self, name, timeout_s, strict)


class Follower:
    """Committed events in order, each once, over deaths and restarts of the ingestor. Iterate, or next(timeout_s).
    With `rolls` it goes on in the session that continues its own when that has ended; `session` is the one it is in,
    and `position` one in that session."""

    SILENCE_S = 3 * LIMITS["HEAD_INTERVAL_MS"] / 1000
    LOOK_S = 2.0  # between looks whether the session has ended unseen

    def __init__(self, client, session, start, position, type, seq, rolls=False):
        self.client, self.session, self.type, self.rolls = client, session, type, rolls
        self.looked = time.monotonic()
        glob = re.escape(type or "*").replace(r"\*", ".*").replace(r"\?", ".")
        self.matches = re.compile(glob, re.S).fullmatch
        self.start, self.seq = start, seq
        self.position = Position(*position) if position is not None else Position()
        self.link = _Link(client.context, client.endpoint("ingestor", "read"))
        self.head = 0
        self.queue = []
        self.tries = 0
        self._begin()

    def close(self):
        self.link.close()

    def _begin(self):
        self.correlation = next(self.client.correlations)
        self.items = self.bytes = self.uncredited = 0
        self.granted_items = LIMITS["CREDIT_ITEMS_DEFAULT"]
        self.granted_bytes = LIMITS["CREDIT_BYTES_DEFAULT"]
        fields = {"name": f"python-{os.getpid()}", "session": self.session or None, "type": self.type,
                  "items": self.granted_items, "bytes": self.granted_bytes}
        if self.position.store:
            fields.update(self.position.fields())
        elif self.seq is not None:
            fields["seq"] = self.seq
        elif self.start == "now":
            fields["head"] = True
        self.started = False
        self.link.send(wire.pack_message("START", fields, correlation=self.correlation))
        self.heard = self.beat = time.monotonic()

    def _again(self):
        """A new connection from our own position: at once three times, then later and later."""
        self.tries += 1
        if self.tries > 3:
            time.sleep(min(10.0, 0.1 * 2 ** min(self.tries - 4, 7)) * random.uniform(0.5, 1.0))
        self.link.renew()
        self._begin()

    def _grant(self, now):
        used_half = (self.granted_items - self.items < LIMITS["CREDIT_ITEMS_DEFAULT"] // 2 or
                     self.granted_bytes - self.bytes < LIMITS["CREDIT_BYTES_DEFAULT"] // 2)
        used_half = used_half or self.uncredited > LIMITS["UNCREDITED_BYTES_MAX"] // 4
        if not used_half and now - self.beat < LIMITS["SUBSCRIBER_BEAT_MS"] / 1000:
            return
        self.beat = now
        self.uncredited = 0
        self.granted_items = self.items + LIMITS["CREDIT_ITEMS_DEFAULT"]
        self.granted_bytes = self.bytes + LIMITS["CREDIT_BYTES_DEFAULT"]
        self.link.send(wire.pack_message("CREDIT", {"items": self.granted_items, "bytes": self.granted_bytes},
                                         correlation=self.correlation))

    def _take_commits(self, message):
        at = (self.position.index, self.position.offset)
        if (message["after"], message.get("after_offset", 0)) != at:
            self._again()
            return
        following = None
        if message["events"] == 0:
            self.uncredited += len(message.payload)
        for commit in wire.unpack_commits(message.payload):
            found = []
            for place, event in commit.events():
                self.items += 1
                self.bytes += len(event.raw)
                if self.rolls and event.type == "session_ended":
                    following = event.data.get("continued_by") if isinstance(event.data, dict) else None
                if self.type and not self.matches(event.type):
                    continue  # session_ended passes the filter of a session
                found.append((place + 1, event))
            found += [(place + count, Missing(status, session, first, count, commit.index))
                      for place, session, first, count, _, status in commit.absent]
            for end, item in sorted(found, key=lambda row: row[0]):
                index = commit.index - 1 if end else commit.index  # nothing is known of a commit that cannot be read
                self.queue.append((item, Position(message["store"], index, end, commit.chain)))
        self.position = Position(message["store"], message["index"], message.get("offset", 0), message["chain"])
        self.head = message["head"]
        self._go_over(following)

    def _go_over(self, session):
        """Goes on in the session that continues ours, if there is one: from its beginning."""
        if session:
            self.session, self.position, self.seq = session, Position(), 1
            self._begin()

    def _look(self):
        """Its end may lie before the beginning of this follower: then the list of sessions tells it."""
        self.looked = time.monotonic()
        for row in self.client.sessions(session=self.session):
            if row["state"] in ("completed", "failed") and self.position.index >= row["last_index"]:
                # One that the ingestor has given up cannot name its successor, which names it.
                heirs = [one["session"] for one in self.client.sessions(state="active", rows_max=32)
                         if one.get("continues") == self.session]
                self._go_over(row.get("continued_by") or (heirs[0] if heirs else None))

    def _take(self, message):
        if message.correlation != self.correlation:
            return
        self.heard = time.monotonic()
        if message.name == "ERROR":
            raise Error(message["status"], message["text"])
        if message.name == "STREAM_RESET":
            raise Reset(message["status"], message.get("text", f"commits {message['first']} to {message['head']} are held"))
        if message.name == "DROP":
            self._again()
            return
        self.tries = 0
        if message.name == "STARTED":
            self.started = True
            self.position = Position(message["store"], message["index"], message["offset"], message["chain"])
            self.head = message["head"]
        elif message.name == "HEAD":
            self.head = message["head"]
            if (message["sent"], message.get("sent_offset", 0)) > (self.position.index, self.position.offset):
                self._again()  # a frame was lost on the way
        elif message.name == "COMMITS":
            self._take_commits(message)

    def next(self, timeout_s=None):
        """The next Event, or None when none came within `timeout_s` (None: for ever; 0: what is at hand). Raises Missing
        once for each range of events that is not there, and goes on behind it when called again."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.queue:
            now = time.monotonic()
            self._grant(now)
            message = self.link.receive(0.2 if deadline is None else min(0.2, max(0.0, deadline - now)))
            if message is not None:
                self._take(message)
                continue
            if time.monotonic() - self.heard > self.SILENCE_S:
                self._again()
            elif self.rolls and self.started and time.monotonic() - self.looked > self.LOOK_S:
                self._look()
            elif deadline is not None and time.monotonic() >= deadline:
                return None
        taken = self.queue.pop(0)[0]
        if isinstance(taken, Missing):
            raise taken
        return taken

    def caught_up(self):
        """Was everything up to the newest commit handed on?"""
        return self.started and not self.queue and self.position.index >= self.head

    def __iter__(self):
        while True:
            yield self.next()


class Producer:
    """Writes events, exactly once: emit() returns when they are on disk."""

    def __init__(self, client, name, timeout_s, strict=False):
        self.client, self.name, self.strict = client, name, strict
        self.link = _Link(client.context, client.endpoint("ingestor", "emit"))
        self.store = None
        life = int.from_bytes(os.urandom(7), "big") + 1
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.link.send(wire.pack_message("OPEN", {"producer": name, "life": life},
                                             correlation=next(client.correlations)))
            answer = self._receive(("OPENED", "REJECTED", "NOT_NOW"), min(deadline, time.monotonic() + 1.0))
            if answer is not None and answer.name == "REJECTED":
                raise Error(answer["status"], answer.get("text", ""))
            if answer is not None and answer.name == "NOT_NOW":
                time.sleep(answer.get("retry_ms", 50) / 1000)
            elif answer is not None:
                self.epoch, self.mark, self.store = answer["epoch"], answer["mark"], answer["store"]
                return
        raise Unreachable(f"the ingestor in {client.run_dir} did not answer OPEN; start one: vedette up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def _receive(self, names, deadline):
        while (message := self.link.receive(max(0.0, deadline - time.monotonic()))) is not None:
            if message.name == "ERROR":
                raise Error(message["status"], message["text"])
            if message.name in names:
                return message
        return None

    def emit(self, type, data=None, session=None, timeout_s=30.0, record=None):
        """One event; returns (session, seq). With `record`, your own id of it, the session stores it once: emitted
        again, from whichever process, it is not stored a second time and (session, seq) are those of the first."""
        return self.emit_all([(type, data)], session, timeout_s, record)

    def emit_all(self, events, session=None, timeout_s=30.0, record=None):
        """Events [(type, data), ...] as one atomic unit; returns (session, seq) of the last. When their `record` was
        stored before, seq is that of the first event under it plus as many as these are, less one. Raises BadEvent,
        with nothing sent, when a strict producer's event does not pass the check."""
        for type, data in events if self.strict else ():
            catalogue_of_events.check(type, data)
        return self.emit_raw([wire.pack_event(type, data) for type, data in events], session, timeout_s, record)

    def emit_raw(self, events, session=None, timeout_s=30.0, record=None):
        """The same for events in wire bytes, stored as they are: with their own time and further fields. Without a
        `session` they go to the newest active one, to its successor if it ends meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not session:
            newest = self.client.newest_session()
            try:
                return self._emit(events, newest, deadline, record)
            except Error as error:
                if error.status != "session_closed" or time.monotonic() >= deadline:
                    raise
        try:
            return self._emit(events, session, deadline, record)
        except Error as error:
            if error.status != "session_closed":
                raise
            following = [row.get("continued_by") for row in self.client.sessions(session=session)]
            more = f"; it goes on in {following[0]}" if following and following[0] else ""
            raise Error(error.status, f"session {session} has ended{more}") from None

    def _emit(self, events, session, deadline, record):
        run = wire.pack_run(events)
        first = self.mark + 1
        fields = {"producer": self.name, "epoch": self.epoch, "first": first, "count": len(events),
                  "session": session, "answered": self.mark}
        if record is not None:
            fields["record"] = record
        while time.monotonic() < deadline:
            self.link.send(wire.pack_message("EMIT", fields, run))
            outcome = self._await(first, len(events), session, min(deadline, time.monotonic() + 1.0))
            if outcome is not None:
                return outcome
        raise Unreachable(f"events {first} to {first + len(events) - 1} of {self.name} are not acknowledged; "
                          "they may or may not be stored")

    @staticmethod
    def _rejected(reject, session, count):
        """The place of what is stored under the same record; raises for every other reason."""
        if reject["status"] == "exists" and reject.get("seq"):
            return session, reject["seq"] + count - 1
        raise Error(reject["status"], reject.get("text", ""))

    def _await(self, first, count, session, deadline):
        last = first + count - 1
        while (answer := self._receive(("COMMITTED", "REJECTED", "NOT_NOW"), deadline)) is not None:
            if answer.get("status") == "fenced":
                raise Error("fenced", answer.get("text", "a newer producer of this name has taken over"))
            if answer["epoch"] not in (self.epoch, 0):
                continue
            if answer.name == "NOT_NOW" and answer["status"] == "went_back":
                raise Error("went_back", "the store does not know this producer any more: make a new one")
            if answer.name == "NOT_NOW":
                time.sleep(answer.get("retry_ms", 50) / 1000)
                return None
            if answer.name == "REJECTED" and answer["count"] and answer["first"] == first:
                self.mark = last
                return self._rejected(answer, session, count)
            if answer.name == "REJECTED" and not answer["count"]:
                raise Error(answer["status"], answer.get("text", ""))
            if answer.name == "COMMITTED" and answer["mark"] >= last:
                self.mark = last
                for reject in answer.get("rejects", []):
                    if reject["first"] <= last and reject["first"] + reject["count"] > first:
                        return self._rejected(reject, session, count)
                return answer.get("session"), answer.get("seq")
        return None
