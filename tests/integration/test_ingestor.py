#!/usr/bin/python3
"""The real ingestor over its sockets: killed at full rate, without room, fed garbage, started twice."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_harness import WINDOW, Ingestor, Producer, fetch_commits, wait_for  # noqa: E402
from vedette import client as vedette  # noqa: E402
from vedette import wire  # noqa: E402

INGESTOR = None  # path of the executable, from the command line
# A sanitizer takes its part of the speed.
RATE_MIN = 100 if os.environ.get("TSAN_OPTIONS") or os.environ.get("ASAN_OPTIONS") else 1000


class IngestorTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="vd-ing-")
        self.run_dir = os.path.join(self.directory, "run")
        self.ingestor = Ingestor(INGESTOR, self.directory)
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
        """Every event by FETCH."""
        return [event for commit in fetch_commits(self.client).values() for _, event in commit.events()]

    @staticmethod
    def read_all(follower, count):
        """So many numbers, and whatever comes behind them."""
        events, left = [], count
        while left > 0:
            event = follower.next(30.0)
            assert event is not None, f"nothing comes behind {len(events)} events, {left} of {count} numbers are left"
            events.append(event)
            left -= event.type != "ingest_interrupted"
        return events + list(iter(lambda: follower.next(0.3), None))

    def check_numbers(self, events, count, what):
        numbers = [event.data["n"] for event in events if event.type != "ingest_interrupted"]
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
        self.assertGreaterEqual(statistics.median(rates), RATE_MIN, "events per second before a kill")

        def drained():
            while (event := follower.next(0.05)) is not None:
                followed.append(event)
            return sum(event.type != "ingest_interrupted" for event in followed) >= producer.mark
        wait_for("followed to the end", drained)
        self.check_numbers(followed, producer.mark, "followed over five deaths")
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")
        self.check_numbers(self.read_all(self.follow(), producer.mark), producer.mark, "streamed from the start")
        middle = self.client.follow(session="s-1", start="start", seq=producer.mark // 2)
        self.closing.append(middle)
        self.assertEqual(middle.next(30.0).seq, producer.mark // 2)
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
        for port in ("emit", "read"):
            self.assertIn(self.directory, self.client.request("ingestor", port, "PING").get("trouble", ""))
        reader = self.follow()
        self.assertEqual(reader.next(30.0).data["n"], 1, "what is stored can still be read")
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
        for port in ("emit", "read"):
            self.assertFalse(self.client.request("ingestor", port, "PING").get("trouble"))
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")
        self.assertIn("ingest_interrupted", [event.type for event in self.fetch_all()])
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
                self.assertTrue(socket.poll(30000), f"no answer on {port} to {frames}")
                socket.recv_multipart(zmq.NOBLOCK)
            socket.send_multipart(wire.pack_message("PING", correlation=8))
            self.assertTrue(socket.poll(30000))
            pong = wire.unpack_message(socket.recv_multipart(zmq.NOBLOCK))
            self.assertEqual((pong.name, pong["pid"]), ("PONG", self.ingestor.process.pid))
            self.assertGreater(pong["garbage"], 0)
            socket.close(0)
        mark = producer.mark
        wait_for("still acknowledging", lambda: producer.turn() or producer.mark > mark + WINDOW)

    def test_what_it_counts_is_told_on_both_ports(self):
        self.ingestor.start()
        producer = self.producer()
        wait_for("acknowledged", lambda: producer.turn(producer.made < 500) or producer.mark >= 500)
        wait_for("all acknowledged", lambda: producer.turn(False) or not producer.out)
        follower = self.follow()
        self.assertIsNotNone(follower.next(30.0))
        emit, read = (self.client.get("ingestor", port, "metrics") for port in ("emit", "read"))
        self.assertEqual((emit["events"], emit["append_failures"], emit["store_trouble"]), (producer.mark, 0, 0))
        self.assertGreater(emit["commits"], 0)
        self.assertEqual(read["subscribers"], 1)
        for numbers in (emit, read):  # counters are those of both threads
            self.assertGreater(numbers["frames_in"], 500)
            self.assertEqual(numbers["garbage"], 0)
            self.assertGreater(numbers["rss_anon_bytes"], 1 << 16)

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
        self.ingestor.start()
        pong = wait_for("it answers", lambda: self.client.request("ingestor", "emit", "PING"))
        self.assertIn("CURRENT is missing", pong["trouble"])
        self.assertEqual(self.ingestor.stop(), 0)
        os.rename(os.path.join(self.directory, "CURRENT"), os.path.join(store, "CURRENT"))
        self.ingestor.start()
        self.check_numbers(self.fetch_all(), producer.mark, "fetched")


if __name__ == "__main__":
    INGESTOR = os.path.join(os.path.abspath(sys.argv.pop(1)), "vedette-ingestor")
    unittest.main(verbosity=2)
