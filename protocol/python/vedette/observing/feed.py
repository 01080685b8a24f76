"""The publisher's end of the feed "state": numbers, a bounded history, answers."""

import collections
import time

import zmq

from .. import wire
from ..catalogue import LIMITS

NAME = "state"


class Publisher:
    def __init__(self, socket, inc, items_max, bytes_max, age_s_max):
        self.socket, self.inc, self.head = socket, inc, 0
        self.items_max, self.bytes_max, self.age_s_max = items_max, bytes_max, age_s_max
        self.items, self.bytes = collections.deque(), 0  # (when it was told, item)

    def publish(self, item):
        """Numbers the item, holds it for READ and tells it to whoever listens."""
        packed = wire.pack(item)
        self.head += 1
        self.items.append((time.monotonic(), packed))
        self.bytes += len(packed)
        self._forget()
        payload = packed if len(packed) <= LIMITS["PUB_FRAME_BYTES_MAX"] else b""
        fields = {"feed": NAME, "inc": self.inc, "n": self.head}
        try:
            self.socket.send_multipart([NAME.encode(), *wire.pack_message("ITEM", fields, payload)], zmq.NOBLOCK)
        except zmq.Again:
            pass  # a hint: whoever misses it asks

    def _forget(self):
        """What passes a bound is held no more; of too many bytes the newest item stays."""
        old = time.monotonic() - self.age_s_max
        while self.items and (len(self.items) > self.items_max or self.items[0][0] < old or
                              self.bytes > self.bytes_max and len(self.items) > 1):
            self.bytes -= len(self.items.popleft()[1])

    def _place(self):
        return {"feed": NAME, "inc": self.inc, "n": self.head, "complete": True}

    def answer(self, message, snapshot):
        """(name, fields, payload) for GET and READ of the feed; `snapshot()` gives its value in wire bytes."""
        if message.name == "GET":
            return "SNAPSHOT", self._place(), snapshot()
        self._forget()
        first, after = self.head - len(self.items) + 1, message["after"]
        if message["inc"] == 0:
            after = first - 1
        why = (None if message["inc"] == 0 else "restarted" if message["inc"] != self.inc else "went_back" if after > self.head else
               "pruned" if after + 1 < first else None)
        if why:
            return "RESET", {**self._place(), "status": why}, snapshot()
        taken, size = [], 0
        for _, packed in list(self.items)[after + 1 - first:]:
            size += len(packed)
            if taken and (size > LIMITS["ITEMS_BYTES_MAX"] or len(taken) == message.get("items_max", 0)):
                break
            taken.append(wire.unpack(packed))
        return "ITEMS", {"feed": NAME, "inc": self.inc, "first": after + 1, "count": len(taken),
                         "head": self.head}, wire.pack(taken)
