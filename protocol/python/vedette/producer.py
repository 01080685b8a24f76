"""Writing events, exactly once."""

import os
import time

from . import events as catalogue_of_events
from . import wire
from .errors import Error, Unreachable
from .link import SILENCE_S, Link


class Producer:
    """Writes events, exactly once: emit() returns when they are on disk."""

    def __init__(self, client, name, timeout_s, strict=False):
        self.client, self.name, self.strict = client, name, strict
        self.link = Link(client.context, client.endpoint("ingestor", "emit"))
        self.store = self.position = None  # the position of the last answer: behind what was emitted
        life = int.from_bytes(os.urandom(7), "big") + 1
        deadline = time.monotonic() + timeout_s
        self.heard = time.monotonic()
        while time.monotonic() < deadline:
            self._send(wire.pack_message("OPEN", {"producer": name, "life": life},
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

    def _send(self, frames):
        """On a new connection when nothing was heard for long: the other end of the old one may be gone without a word."""
        if time.monotonic() - self.heard > SILENCE_S:
            self.link.renew()
            self.heard = time.monotonic()
        self.link.send(frames)

    def _receive(self, names, deadline):
        while (message := self.link.receive(max(0.0, deadline - time.monotonic()))) is not None:
            self.heard = time.monotonic()
            if message.name == "ERROR":
                raise Error(message["status"], message["text"])
            if message.name in names:
                return message
        return None

    def emit(self, type, data=None, session=None, timeout_s=30.0, record=None, aux=None):
        """One event; returns (session, seq). `aux` are bytes that go with it, as they are. With `record`, your own id of
        it, the session stores it once: emitted again, from whichever process, it is not stored a second time and
        (session, seq) are those of the first."""
        return self.emit_all([(type, data, aux)], session, timeout_s, record)

    def emit_all(self, events, session=None, timeout_s=30.0, record=None):
        """Events [(type, data), ...] or [(type, data, aux), ...] as one atomic unit; returns (session, seq) of the last. When their `record` was
        stored before, seq is that of the first event under it plus as many as these are, less one. Raises BadEvent,
        with nothing sent, when a strict producer's event does not pass the check."""
        for type, data, *_ in events if self.strict else ():
            catalogue_of_events.check(type, data)
        raws = [wire.pack_event(type, data, aux=aux[0] if aux else None) for type, data, *aux in events]
        return self.emit_raw(raws, session, timeout_s, record)

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
        self.heard = time.monotonic()
        while time.monotonic() < deadline:
            self._send(wire.pack_message("EMIT", fields, run))
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
                self.position = {key: answer[key] for key in ("store", "index", "chain")}
                for reject in answer.get("rejects", []):
                    if reject["first"] <= last and reject["first"] + reject["count"] > first:
                        return self._rejected(reject, session, count)
                return answer.get("session"), answer.get("seq")
        return None
