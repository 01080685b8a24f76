#!/usr/bin/python3
"""The real ingestor over its sockets: killed at full rate, without room, fed garbage, started twice."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "protocol", "python"))

from vedette import client as vedette  # noqa: E402
from vedette import wire  # noqa: E402

INGESTOR = None  # path of the executable, from the command line
DEADLINE_S = 20.0
WINDOW = 512


def wait_for(what, condition, timeout_s=DEADLINE_S):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {timeout_s} s")


class Ingestor:
    """A process on a directory; start() returns when it answers."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.log_path = os.path.join(directory, "ingestor.log")

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([INGESTOR, "--dir", self.directory], stderr=log, stdout=log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return None

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

    def _event(self, number):
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
                self.out[self.made] = self._event(self.made)
            while self.sent < self.made and self.sent < self.mark + WINDOW:
                self.sent += 1
                run = wire.pack_run([self.out[self.sent]])
                self._send(wire.pack_message("EMIT", {
                    "producer": self.name, "epoch": self.epoch, "first": self.sent, "count": 1,
                    "session": self.session, "answered": self.mark}, run))
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


class IngestorTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="vd-ing-")
        self.run_dir = os.path.join(self.directory, "run")
        self.ingestor = Ingestor(self.directory)
        self.context = zmq.Context()
        self.client = vedette.Client(self.directory)
        self.closing = []

    def tearDown(self):
        self.ingestor.stop()
        for one in self.closing:
            one.close()
        self.client.close()
        self.context.destroy(0)
        shutil.rmtree(self.directory)

    def producer(self, name="maker", session="s-1"):
        producer = Producer(self.context, self.run_dir, name, session)
        self.closing.append(producer)
        return producer

    def follow(self, **options):
        follower = self.client.follow(session="*", start="start", **options)
        self.closing.append(follower)
        return follower

    def fetch_all(self):
        """Every event by FETCH, with the chain of commits checked. There is one session, so one run in a commit."""
        position, commits, events = {}, {}, []
        while True:
            answer = self.client.request("ingestor", "read", "FETCH", position)
            self.assertEqual(answer.name, "COMMITS", answer)
            for commit in wire.unpack_commits(answer.payload):
                events += [event for _, event in commit.events()]
                if commit.index in commits:  # the rest of a commit that was cut
                    at, session, first, run = commits[commit.index].runs[0]
                    commit.runs = [(at, session, first, run + commit.runs[0][3])]
                commits[commit.index] = commit
            position = {"store": answer["store"], "index": answer["index"],
                        "offset": answer.get("offset", 0), "chain": answer["chain"]}
            if not answer.payload and answer["index"] == answer["head"]:
                break
        for index, commit in commits.items():
            if index - 1 in commits:  # commits without events are left out
                self.assertEqual(commit.chain_after(commits[index - 1].chain), commit.chain, f"chain of {index}")
        return events

    def check_numbers(self, events, count, what):
        numbers = [event.data["n"] for event in events]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)), f"{what}: lost, doubled or reordered")
        self.assertEqual([event.seq for event in events], list(range(1, len(events) + 1)), what)
        self.assertGreaterEqual(len(numbers), count, f"{what}: acknowledged and not there")

    def test_killed_five_times_at_rate(self):
        self.ingestor.start()
        producer = self.producer()
        wait_for("OPENED", lambda: producer.turn(False) or producer.epoch)
        follower = self.follow()
        followed, rates = [], []
        for _ in range(5):
            begin, before = time.monotonic(), producer.mark
            while time.monotonic() - begin < 1.0:
                producer.turn()
                while (event := follower.next(0)) is not None:
                    followed.append(event)
            rates.append((producer.mark - before) / (time.monotonic() - begin))
            self.ingestor.kill()
            self.ingestor.start()
            goal = producer.mark + WINDOW + 1
            wait_for("acknowledged again", lambda: producer.turn() or producer.mark >= goal)
        wait_for("all acknowledged", lambda: producer.turn(False) or not producer.out)
        self.assertEqual(producer.mark, producer.made)
        self.assertGreaterEqual(min(rates), 1000, "events per second before each kill")

        def drained():
            while (event := follower.next(0.05)) is not None:
                followed.append(event)
            return len(followed) >= producer.mark
        wait_for("followed to the end", drained)
        self.check_numbers(followed, producer.mark, "followed over five deaths")
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")
        again = self.follow()
        events = [event for event in iter(lambda: again.next(1.0), None)]
        self.check_numbers(events, producer.mark, "streamed from the start")
        middle = self.client.follow(session="s-1", start="start", seq=producer.mark // 2)
        self.closing.append(middle)
        self.assertEqual(middle.next(5.0).seq, producer.mark // 2)
        print(f"{producer.mark} events, {int(min(rates))} to {int(max(rates))} a second before each kill")

    def test_without_room_it_waits_and_recovers(self):
        self.ingestor.start()
        producer = self.producer()
        wait_for("acknowledged", lambda: producer.turn() or producer.mark > 100)
        pid = self.ingestor.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        # More than the log's lines will need, less than the events do.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 16, hard))
        wait_for("NOT_NOW", lambda: producer.turn() or "store_trouble" in producer.not_now)
        stuck = producer.mark
        self.assertIn(self.directory, self.client.request("ingestor", "emit", "PING").get("trouble", ""))
        reader = self.follow()
        self.assertEqual(reader.next(5.0).data["n"], 1, "what is stored can still be read")
        for _ in range(30):
            producer.turn()
        self.assertEqual(producer.mark, stuck, "acknowledged although nothing can be written")
        self.assertIsNone(self.ingestor.process.poll())
        told = [line for line in self.ingestor.log().splitlines() if " WARN " in line or " ERROR " in line]
        self.assertTrue(told and any("room" in line or "space" in line or "large" in line for line in told), told)
        self.assertLess(len(told), 6, told)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_for("acknowledged again", lambda: producer.turn() or producer.mark > stuck + WINDOW)
        wait_for("all acknowledged", lambda: producer.turn(False) or not producer.out)
        self.assertFalse(self.client.request("ingestor", "emit", "PING").get("trouble"))
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")
        self.ingestor.kill()
        self.ingestor.start()
        self.check_numbers(self.fetch_all(), producer.mark, "fetched after a kill")

    def test_garbage_is_answered_and_harmless(self):
        self.ingestor.start()
        producer = self.producer()
        wait_for("acknowledged", lambda: producer.turn() or producer.mark > 10)
        bomb = b"\xdd\x08\x00\x00\x00"
        header = wire.pack([1, 48, 7])
        hostile = [[b""], [b"\xc1"], [bomb, bomb], [header], [header, bomb], [header, b"\x80", bomb * 10],
                   [header, wire.pack({"session": "\0", "items": 1, "bytes": 1})], [b"x"] * 9,
                   [wire.pack([99, 48, 7]), b"\x80"], [wire.pack([1, 4000, 7]), b"\x80"],
                   wire.pack_message("START", {"session": "never", "items": 1, "bytes": 1}, correlation=7),
                   wire.pack_message("START", {"seq": 5, "items": 1, "bytes": 1}, correlation=7),
                   wire.pack_message("START", {"store": "0" * 16, "index": 3, "chain": 1}, correlation=7),
                   wire.pack_message("FETCH", {"session": "s-1", "seq": 1 << 63}, correlation=7),
                   wire.pack_message("CREDIT", {"items": (1 << 64) - 1, "bytes": (1 << 64) - 1}, correlation=7),
                   wire.pack_message("SESSIONS", {"rows_max": (1 << 64) - 1}, correlation=7)]
        for port in ("emit", "read"):
            socket = self.context.socket(zmq.DEALER)
            socket.connect(f"ipc://{self.run_dir}/ingestor.{port}")
            for frames in hostile:
                socket.send_multipart(frames)
                self.assertTrue(socket.poll(5000), f"no answer on {port} to {frames}")
                socket.recv_multipart(zmq.NOBLOCK)
            socket.send_multipart(wire.pack_message("PING", correlation=8))
            self.assertTrue(socket.poll(5000))
            pong = wire.unpack_message(socket.recv_multipart(zmq.NOBLOCK))
            self.assertEqual((pong.name, pong["pid"]), ("PONG", self.ingestor.process.pid))
            self.assertGreater(pong["garbage"], 0)
            socket.close(0)
        mark = producer.mark
        wait_for("still acknowledging", lambda: producer.turn() or producer.mark > mark + WINDOW)

    def test_sessions_are_listed_newest_first(self):
        self.ingestor.start()
        for n in range(5):
            producer = self.producer(f"p-{n}", f"s-{n}")
            wait_for("acknowledged", lambda: producer.turn(producer.made == 0) or producer.mark > 0)
        self.assertEqual([row["session"] for row in self.client.sessions()], [f"s-{n}" for n in (4, 3, 2, 1, 0)])
        self.assertEqual([row["session"] for row in self.client.sessions(before="s-2", rows_max=1)], ["s-1"])
        self.assertEqual([row["owner"] for row in self.client.sessions(session="s-3")], ["p-3"])
        self.assertEqual(self.client.sessions(session="s-9"), [])
        self.assertEqual(self.client.sessions(state="failed"), [])

    def test_published_runs_carry_what_was_stored(self):
        self.ingestor.start()
        socket = self.context.socket(zmq.SUB)
        self.closing.append(socket)
        socket.setsockopt(zmq.RCVHWM, 100000)
        socket.setsockopt(zmq.SUBSCRIBE, b"events/s-1")
        socket.connect(f"ipc://{self.run_dir}/ingestor.events")
        producer = self.producer()
        wait_for("a published frame", lambda: producer.turn() or socket.poll(0))
        topic, *frames = socket.recv_multipart(zmq.NOBLOCK)
        message = wire.unpack_message(frames)
        self.assertEqual((topic, message.name), (b"events/s-1", "COMMITTED_RUN"))
        events = list(wire.unpack_run(message.payload))
        self.assertEqual(len(events), message["count"])
        self.assertEqual(wire.unpack(events[0])["data"]["n"], message["first"])

    def refused(self, directory):
        done = subprocess.run([INGESTOR, "--dir", directory], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = done.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        return lines[0]

    def test_what_cannot_be_used_is_refused_in_one_line(self):
        self.ingestor.start()
        producer = self.producer()
        wait_for("acknowledged", lambda: producer.turn() or producer.mark > 0)
        self.assertIn("ingestor", self.refused(self.directory))
        self.ingestor.stop()
        store = os.path.join(self.directory, "store")
        os.rename(os.path.join(store, "CURRENT"), os.path.join(self.directory, "CURRENT"))
        self.assertIn("CURRENT is missing", self.refused(self.directory))
        os.rename(os.path.join(self.directory, "CURRENT"), os.path.join(store, "CURRENT"))
        self.ingestor.start()
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")


if __name__ == "__main__":
    INGESTOR = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
