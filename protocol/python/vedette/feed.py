"""Read a soft feed: a snapshot, then numbered items, each once and in order, with gaps repaired by request."""

import time

import zmq

from . import wire
from .errors import Error
from .link import SILENCE_S, TCP, Link


class Feed:
    """Iterate, or next(timeout_s): ("snapshot", value, complete) first and after a reset, then ("item", value, True).
    With `after`, (incarnation, number), it begins behind that item, without a snapshot; (0, 0) is with the first item that
    is held. `place` is (incarnation, number) of what next gave, `why` the status with which a snapshot came in the place
    of items, or None; `head` the newest number that an answer told of."""

    QUIET_S = 1.0
    ANSWER_S = 1.0  # a question is asked again when its answer stays out so long

    def __init__(self, client, actor, feed, request_port="control", pub_port=None, after=None):
        self.client, self.actor, self.feed, self.request_port = client, actor, feed, request_port
        self.sub = client.context.socket(zmq.SUB)
        for option, value in ((zmq.LINGER, 0), (zmq.RECONNECT_IVL, 20), (zmq.RECONNECT_IVL_MAX, 200), *TCP):
            self.sub.setsockopt(option, value)
        self.sub.setsockopt_string(zmq.SUBSCRIBE, feed)
        self.sub.connect(client.endpoint(actor, pub_port or feed))
        self.inc, self.n, self.complete, self.queue = None, 0, False, []
        if after is not None:
            (self.inc, self.n), self.complete = after, True
        self.place, self.why, self.head = (self.inc, self.n), None, None
        self.link = Link(client.context, client.endpoint(actor, request_port))
        self.heard, self.asked, self.asked_get, self.correlation = 0.0, None, False, 0
        self.unheard = 0.0  # since when nothing was answered
        self.passed = (None, 0)
        self.poller = zmq.Poller()
        self.poller.register(self.sub, zmq.POLLIN)
        self.poller.register(self.link.socket, zmq.POLLIN)

    def close(self):
        self.sub.close(0)
        self.link.close()

    def _snapshot(self, message):
        self.inc, self.n, self.complete = message["inc"], message["n"], message["complete"]
        self.head = self.n
        if self.passed[0] == self.inc and self.passed[1] > self.n:
            self.heard = 0.0
        self._keep("snapshot", wire.unpack(message.payload), message.get("status"))

    def _keep(self, kind, value, why=None):
        self.queue.append((kind, value, self.complete or kind == "item", (self.inc, self.n), why))

    def _ask(self):
        """Asks for what is missing, the snapshot or what came after the last item, unless a question is out. Waits for
        nothing: who is slow to answer, or dead, holds up nobody else."""
        now = time.monotonic()
        if self.asked is not None and now - self.asked < self.ANSWER_S:
            return
        if self.asked is None:
            self.unheard = now
        elif now - self.unheard > SILENCE_S:
            self._renew()
            self.unheard = now
        self.asked, self.asked_get = now, self.inc is None or not self.complete
        self.correlation = next(self.client.correlations)
        fields = {"feed": self.feed} if self.asked_get else {"feed": self.feed, "inc": self.inc, "after": self.n}
        self.link.send(wire.pack_message("GET" if self.asked_get else "READ", fields, b"", self.correlation))

    def _renew(self):
        """Other connections: the far ends of these may be gone without a word."""
        self.poller.unregister(self.link.socket)
        self.link.renew()
        self.poller.register(self.link.socket, zmq.POLLIN)
        endpoint = self.sub.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0")
        self.sub.disconnect(endpoint)
        self.sub.connect(endpoint)

    def _hear(self):
        """Takes the answer to the question that is out; others are of questions that were given up."""
        while (answer := self.link.receive(0)) is not None:
            if self.asked is not None and answer.correlation == self.correlation:
                self.asked, self.heard = None, time.monotonic()
                self.unheard = self.heard
                if answer.name == "ERROR":
                    raise Error(answer["status"], answer["text"])
                self._apply(answer)

    def _apply(self, answer):
        if answer.name in ("SNAPSHOT", "RESET"):
            # Items that came meanwhile have closed the gap: the answer is older than what is known.
            if answer.get("status") != "pruned" or answer["inc"] != self.inc or answer["n"] >= self.n:
                self._snapshot(answer)
            return
        if self.inc == 0:
            self.inc, self.n = answer["inc"], answer["first"] - 1
        if answer["inc"] != self.inc:
            return
        self.head = answer["head"]
        for offset, value in enumerate(wire.unpack(answer.payload) if answer["count"] else []):
            if answer["first"] + offset == self.n + 1:
                self.n += 1
                self._keep("item", value)
        if answer["count"] and self.n < self.head:
            self.heard = 0.0  # there is more: it is asked for when this was taken

    def _take(self):
        topic, *frames = self.sub.recv_multipart(zmq.NOBLOCK)
        message = wire.unpack_message(frames)
        if message.name != "ITEM" or message["feed"] != self.feed:
            return
        if message["inc"] == self.inc and message["n"] <= self.n:
            return
        if self.asked is not None and self.asked_get:
            self.passed = message["inc"], message["n"]  # the snapshot that is asked for tells of it, as a rule
            return
        if message["inc"] != self.inc or message["n"] != self.n + 1 or not message.payload:
            self._ask()
            return
        self.n, self.heard = message["n"], time.monotonic()
        self._keep("item", wire.unpack(message.payload))

    def next(self, timeout_s=None):
        """The next change, or None when none came within `timeout_s` (0: what is at hand)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.queue:
            if time.monotonic() - self.heard > self.QUIET_S:
                self._ask()
            rest_s = 0.05 if deadline is None else max(0.0, min(0.05, deadline - time.monotonic()))
            ready = dict(self.poller.poll(int(1000 * rest_s + 0.999)))
            if self.link.socket in ready:
                self._hear()
            elif self.sub in ready:
                try:
                    self._take()
                except (zmq.Again, wire.Malformed):
                    continue
            elif deadline is not None and time.monotonic() >= deadline:
                return None
        kind, value, complete, self.place, self.why = self.queue.pop(0)
        return kind, value, complete

    def __iter__(self):
        while True:
            yield self.next()
