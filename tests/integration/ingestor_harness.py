"""ingestor_harness.py: the ingestor as a process on a directory of its own, and producers by the catalogue alone."""

import os
import subprocess
import time

import zmq

from harness import end, kill, wait_for  # noqa: F401 (wait_for is for those who import this)
from vedette import wire
from vedette.position import Reset

WINDOW = 512


class Ingestor:
    """A process on a directory. `environment` is added to that of the test."""

    def __init__(self, executable, directory, environment=None):
        self.executable, self.directory = executable, directory
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.log_path = os.path.join(directory, "ingestor.log")

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.executable, "--dir", self.directory], stderr=log, stdout=log,
                                            env=self.environment)

    def kill(self):
        kill(self.process)

    def stop(self):
        return end(self.process)

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()


class Producer:
    """A producer by the catalogue alone: a window of numbered frames, sent again after silence."""

    def __init__(self, context, run_dir, name, session):
        self.context, self.name, self.session = context, name, session
        self.endpoint = f"ipc://{run_dir}/ingestor.emit"
        self.life = int.from_bytes(os.urandom(7), "big") + 1
        self.epoch = self.mark = self.made = 0
        self.out = {}  # number -> event bytes, not acknowledged
        self.sent = 0  # highest number sent since the last return
        self.heard = 0.0
        self.not_now = []
        self.socket = None
        self.wait_until = 0.0
        self.connect()

    def connect(self):
        if self.socket is not None:
            self.socket.close(0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, b"test#" + os.urandom(8).hex().encode())
        self.socket.setsockopt(zmq.SNDTIMEO, 1000)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.connect(self.endpoint)
        self.sent = self.mark
        self.heard = time.monotonic()

    def close(self):
        self.socket.close(0)

    def _send(self, frames):
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            pass

    def session_of(self, number):
        """Where an event goes."""
        assert number > 0
        return self.session

    def event(self, number):
        if number == 1:
            return wire.pack_event("session_started", {"name": "test", "owner": True, "n": number})
        return wire.pack_event("count", {"n": number, "text": "x" * 40})

    def turn(self, produce=True):
        """Sends what the window allows and takes what has come."""
        now = time.monotonic()
        if now - self.heard > 0.4 and now > self.wait_until:
            self.connect()
            if self.epoch == 0:
                self._send(wire.pack_message("OPEN", {"producer": self.name, "life": self.life}, correlation=1))
        if self.epoch and now > self.wait_until:
            while produce and len(self.out) < WINDOW:
                self.made += 1
                self.out[self.made] = self.event(self.made)
            while self.sent < self.made and self.sent < self.mark + WINDOW:
                self.sent += 1
                run = wire.pack_run([self.out[self.sent]])
                self._send(wire.pack_message("EMIT", {
                    "producer": self.name, "epoch": self.epoch, "first": self.sent, "count": 1,
                    "session": self.session_of(self.sent), "answered": self.mark}, run))
        while self.socket.poll(2 if self.out else 10):
            try:
                message = wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
            self.heard = time.monotonic()
            self._take(message)

    def _take(self, message):
        if message.name == "OPENED":
            self.epoch, self.mark = message["epoch"], message["mark"]
            self.made = self.sent = self.mark
        elif message.name == "COMMITTED":
            assert message["epoch"] == self.epoch and message["mark"] <= self.made, message
            assert not message.get("rejects"), message
            for number in range(self.mark + 1, message["mark"] + 1):
                del self.out[number]
            self.mark = max(self.mark, message["mark"])
            self.sent = max(self.sent, self.mark)
        elif message.name == "NOT_NOW":
            self.not_now.append(message["status"])
            assert message["from"] > 0, message
            self.sent = min(self.sent, max(message["from"] - 1, self.mark))
            self.wait_until = time.monotonic() + message.get("retry_ms", 0) / 1000
        else:
            raise AssertionError(f"unexpected {message}")


def fetch_commits(client):
    """Every commit that has events, by FETCH: index -> wire.Commit, put together from its pieces, chains checked. Raises Reset
    when commits are freed while it reads."""
    position, commits = {}, {}
    while True:
        answer = client.request("ingestor", "read", "FETCH", position)
        if answer.name == "STREAM_RESET":  # what was to come next has been pruned meanwhile; an Error, so one may ask again
            raise Reset(answer["status"], answer.get("text", ""))
        assert answer.name == "COMMITS", answer
        for commit in wire.unpack_commits(answer.payload):
            whole = commits.setdefault(commit.index, commit)
            if whole is commit:
                continue
            for at, session, first, run, *absent in commit.runs:  # the rest of a commit that was cut
                last_at, last_session, last_first, last_run = whole.runs[-1][:4]
                if run is None or last_run is None:
                    whole.runs.append((at, session, first, run, *absent))
                elif last_session == session and last_at + sum(1 for _ in wire.unpack_run(last_run)) == at:
                    whole.runs[-1] = (last_at, session, last_first, last_run + run)
                else:
                    whole.runs.append((at, session, first, run))
        position = {"store": answer["store"], "index": answer["index"],
                    "offset": answer.get("offset", 0), "chain": answer["chain"]}
        if not answer.payload and answer["index"] == answer["head"]:
            break
    for index, commit in commits.items():
        if index - 1 in commits:  # commits without events are left out
            assert commit.chain_after(commits[index - 1].chain) == commit.chain, f"chain of {index}"
    return commits
