"""stream_peer.py: a subscriber by the catalogue alone, one message at a time, with exactly the credit that a test gives."""
import os
import time

import zmq

from vedette import wire

PLENTY = 1 << 40
ANSWERS = ("STARTED", "STREAM_RESET", "USE_COMMITS", "ERROR", "DROP")


class StreamPeer:
    """A DEALER on ingestor.read. `events` are (event, commit index) in the order in which they came, `position` where the
    last frame led to."""

    def __init__(self, client, actor="ingestor", port="read"):
        self.socket = client.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, b"test#" + os.urandom(6).hex().encode())
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 5000)
        self.socket.connect(client.endpoint(actor, port))
        self.correlation, self.events, self.seen, self.position = 0, [], [], None

    def close(self):
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if not kind and self.correlation:
            self.stop()
        self.close()

    def send(self, name, fields=None, correlation=None):
        self.socket.send_multipart(wire.pack_message(name, fields or {}, correlation=correlation or self.correlation))

    def start(self, items=PLENTY, size=PLENTY, **fields):
        """Begins a stream; its first answer."""
        self.correlation += 1
        self.events, self.seen, self.position = [], [], None
        self.send("START", {"items": items, "bytes": size, **fields})
        return self.until(*ANSWERS)

    def credit(self, items=PLENTY, size=PLENTY, **fields):
        self.send("CREDIT", {"items": items, "bytes": size, **fields})

    def stop(self):
        self.send("STOP")
        self.until("DONE")

    def next(self, timeout_s):
        """The next message of the stream, or None."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if not self.socket.poll(max(1, int(left * 1000))):
                continue
            try:
                message = wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                continue
            if message.correlation == self.correlation:
                self.seen.append(message)
                self.take(message)
                return message
        return None

    def take(self, message):
        if message.name == "STARTED":
            self.position = self.place(message)
        if message.name != "COMMITS":
            return
        at = (message["after"], message.get("after_offset", 0))
        assert at == (self.position["index"], self.position["offset"]), (message, self.position)
        for commit in wire.unpack_commits(message.payload):
            self.events += [(event, commit.index) for _, event in commit.events()]
        self.position = self.place(message)

    @staticmethod
    def place(message):
        return {"store": message["store"], "index": message["index"], "offset": message.get("offset", 0),
                "chain": message["chain"]}

    def until(self, *names, timeout_s=30.0):
        """The next message with one of these names; what comes before is taken."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            message = self.next(deadline - time.monotonic())
            if message is not None and message.name in names:
                return message
        raise AssertionError(f"none of {names} within {timeout_s} s, but {self.seen[-5:]}")

    def read(self, count, timeout_s=30.0):
        """Goes on until so many events have come."""
        deadline = time.monotonic() + timeout_s
        while len(self.events) < count:
            assert time.monotonic() < deadline, f"{len(self.events)} of {count} events, {self.seen[-5:]}"
            self.next(0.2)
        return self.numbers()

    def quiet(self, span_s):
        """What comes within a while."""
        before, deadline = len(self.seen), time.monotonic() + span_s
        while time.monotonic() < deadline:
            self.next(deadline - time.monotonic())
        return self.seen[before:]

    def numbers(self):
        return [(event.session, event.seq) for event, _ in self.events]
