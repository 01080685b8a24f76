"""Read a soft feed: a snapshot, then numbered items, each once and in order, with gaps repaired by request."""

import time

import zmq

from . import wire


class Feed:
    """Iterate, or next(timeout_s): ("snapshot", value, complete) first and after a reset, then ("item", value, True).
    With `after`, (incarnation, number), it begins behind that item, without a snapshot; (0, 0) is with the first item that
    is held. `place` is (incarnation, number) of what next gave, `why` the status with which a snapshot came in the place
    of items, or None; `head` the newest number that an answer told of."""

    QUIET_S = 1.0
    AGAIN_S = 0.2  # between questions that nobody answers

    def __init__(self, client, actor, feed, request_port="control", pub_port=None, after=None):
        self.client, self.actor, self.feed, self.request_port = client, actor, feed, request_port
        self.sub = client.context.socket(zmq.SUB)
        self.sub.setsockopt(zmq.LINGER, 0)
        self.sub.setsockopt(zmq.RECONNECT_IVL, 20)
        self.sub.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self.sub.setsockopt_string(zmq.SUBSCRIBE, feed)
        self.sub.connect(client.endpoint(actor, pub_port or feed))
        self.inc, self.n, self.complete, self.queue = None, 0, False, []
        if after is not None:
            (self.inc, self.n), self.complete = after, True
        self.place, self.why, self.head = (self.inc, self.n), None, None
        self.heard = self.asked = 0.0

    def close(self):
        self.sub.close(0)

    def _snapshot(self, message):
        self.inc, self.n, self.complete = message["inc"], message["n"], message["complete"]
        self.head = self.n
        self._keep("snapshot", wire.unpack(message.payload), message.get("status"))

    def _keep(self, kind, value, why=None):
        self.queue.append((kind, value, self.complete or kind == "item", (self.inc, self.n), why))

    def _ask(self, timeout_s):
        """Repair by request: the snapshot, or what came after the last item."""
        self.asked = time.monotonic()
        try:
            if self.inc is None or not self.complete:
                answer = self.client.request(self.actor, self.request_port, "GET", {"feed": self.feed},
                                             timeout_s=timeout_s)
            else:
                fields = {"feed": self.feed, "inc": self.inc, "after": self.n}
                answer = self.client.request(self.actor, self.request_port, "READ", fields, timeout_s=timeout_s)
        except Exception as problem:  # the publisher is away: what follows asks again
            if getattr(problem, "status", "") != "unreachable":
                raise
            return
        self.heard = time.monotonic()
        if answer.name == "ITEMS" and self.inc == 0:
            self.inc, self.n = answer["inc"], answer["first"] - 1
        if answer.name in ("SNAPSHOT", "RESET"):
            self._snapshot(answer)
            return
        self.head = answer["head"]
        for offset, value in enumerate(wire.unpack(answer.payload) if answer["count"] else []):
            if answer["first"] + offset == self.n + 1:
                self.n += 1
                self._keep("item", value)
        if answer["count"] and self.n < self.head:
            self.heard = self.asked = 0.0  # there is more: it is asked for when this was taken

    def _take(self):
        topic, *frames = self.sub.recv_multipart(zmq.NOBLOCK)
        message = wire.unpack_message(frames)
        if message.name != "ITEM" or message["feed"] != self.feed:
            return
        if message["inc"] == self.inc and message["n"] <= self.n:
            return
        if message["inc"] != self.inc or message["n"] != self.n + 1 or not message.payload:
            self._ask(1.0)
            return
        self.n, self.heard = message["n"], time.monotonic()
        self._keep("item", wire.unpack(message.payload))

    def next(self, timeout_s=None):
        """The next change, or None when none came within `timeout_s` (0: what is at hand)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.queue:
            now = time.monotonic()
            if now - self.heard > self.QUIET_S and now - self.asked > self.AGAIN_S:
                self._ask(1.0 if deadline is None else max(0.05, min(1.0, deadline - now)))
                if self.queue or deadline is None or now < deadline:
                    continue
                return None
            if self.sub.poll(50 if deadline is None else max(0, min(50, int((deadline - now) * 1000) + 1))):
                try:
                    self._take()
                except (zmq.Again, wire.Malformed):
                    continue
            elif deadline is not None and now >= deadline:
                return None
        kind, value, complete, self.place, self.why = self.queue.pop(0)
        return kind, value, complete

    def __iter__(self):
        while True:
            yield self.next()
