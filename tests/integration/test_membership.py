#!/usr/bin/python3
"""test_membership.py: a real broker, poller and provider over their sockets: who is there, who reads what,
samples, the broker's death, garbage. Usage: test_membership.py BIN_DIR"""
import os
import subprocess
import sys
import time
import unittest

import msgpack
import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, wait_for  # noqa: E402

BIN = sys.argv.pop(1)
PATIENCE_S = 15
ERROR, DONE, PING, PONG = 1, 2, 3, 4
GET, SNAPSHOT, READ, ITEMS, ITEM, RESET = 32, 33, 34, 35, 36, 37
REGISTER, REGISTERED, LEAVE, DIED, ANNOUNCE = 64, 65, 66, 67, 68
STAND, STANDING, READ_ONCE, SAMPLE = 80, 81, 82, 83
GARBAGE = [
    [b""], [b"\xff"], [b"\xdd\x08\x00\x00\x00"], [b"\x93\x01\x20\x07"], [b"\x93\x01\x20\x07", b""],
    [b"\x93\x01\x20\x07", b"\xdd\x08\x00\x00\x00"], [b"\x93\x01\x20\x07", b"\x91" * 4000],
    [b"\x93\x09\x20\x07", b"\x80"], [b"\x93\x01\xcd\x7f\x00\x07", b"\x80"],
    [b"\x93\x01\x20\x07", b"\x80"] + [b"x"] * 20, [b"\x93\x01\x44\x07", b"\x81\xa7sources\xdd\x08\x00\x00\x00"],
    [b"\x93\x01\x50\x07", b"\x81\xa5reads\xdd\x08\x00\x00\x00"],
]


class Dealer:
    """One connection; asks and waits for the answer with its correlation."""

    def __init__(self, context, endpoint):
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)
        self.correlation = 0

    def send(self, message, body, payload=None):
        self.correlation += 1
        frames = [msgpack.packb([1, message, self.correlation]), msgpack.packb(body)]
        self.socket.send_multipart(frames + ([payload] if payload is not None else []))

    def answer(self, patience_s=PATIENCE_S):
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if not self.socket.poll(int(max(1, (until - time.monotonic()) * 1000))):
                continue
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                continue
            header = msgpack.unpackb(frames[0])
            if header[2] == self.correlation:
                payload = frames[2] if len(frames) > 2 else b""
                return header[1], msgpack.unpackb(frames[1]), msgpack.unpackb(payload) if payload else None
        raise AssertionError(f"no answer within {patience_s} s")

    def ask(self, message, body, payload=None):
        self.send(message, body, payload)
        return self.answer()

    def close(self):
        self.socket.close()


class Runtime(Actors):
    """The three processes in a directory of their own."""

    def __init__(self):
        super().__init__(BIN)
        self.context = zmq.Context()
        self.dealers = []

    def endpoint(self, name):
        return f"ipc://{self.dir}/run/{name}"

    def dealer(self, name):
        dealer = Dealer(self.context, self.endpoint(name))
        self.dealers.append(dealer)
        return dealer

    def subscribe(self, name, topic):
        socket = self.context.socket(zmq.SUB)
        socket.linger = 0
        socket.subscribe(topic)
        socket.connect(self.endpoint(name))
        self.dealers.append(socket)
        return socket

    def membership(self):
        dealer = Dealer(self.context, self.endpoint("broker.control"))
        try:
            return dealer.ask(GET, {"feed": "membership"})[1:]
        finally:
            dealer.close()

    def wait(self, what, test):
        try:
            return wait_for(what, test, PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    def wait_source(self, name, **wanted):
        def found():
            for source in self.membership()[1]["sources"]:
                if source["name"] == name and all(source.get(k) == v for k, v in wanted.items()):
                    return source
        return self.wait(f"source {name} with {wanted}", found)

    def actors(self):
        return {actor["name"]: actor for actor in self.membership()[1]["actors"]}

    def close(self):
        codes = self.stop()
        for dealer in self.dealers:
            dealer.close()
        self.context.term()
        super().close()
        return codes


def standing(source, **more):
    return dict({"source": source["name"], "source_inc": source["inc"], "adapter": source["adapter"],
                 "address": source["address"], "op": "read", "target": "/proc/loadavg", "interval_ms": 100}, **more)


class Membership(unittest.TestCase):
    def setUp(self):
        self.runtime = Runtime()
        self.runtime.start("broker")
        self.runtime.start("poller-1", "poller")
        self.runtime.start("static", "provider")

    def tearDown(self):
        logs = self.runtime.logs()
        codes = self.runtime.close()
        self.assertTrue(all(code == 0 for code in codes.values()), f"{codes}\n{logs}")

    def test_samples(self):
        source = self.runtime.wait_source("local", poller="poller-1", provider="static", adapter="file")
        poller = self.runtime.dealer("poller-1.requests")
        subscriber = self.runtime.subscribe("poller-1.samples", "sample/local/")
        missing = standing(source, target="/proc/no/such/file")
        message, body, _ = poller.ask(STAND, {"observer": "test", "inc": 1, "lease_ms": 60000,
                                              "reads": [standing(source), missing, standing(source, op="fly")]})
        self.assertEqual(message, STANDING)
        self.assertEqual([row["status"] for row in body["readings"]], ["ok", "ok", "unsupported"])
        feed, bad_feed = body["readings"][0]["feed"], body["readings"][1]["feed"]
        numbers, statuses = [], set()
        while len(numbers) < 5 or len(statuses) < 2:
            self.assertTrue(subscriber.poll(PATIENCE_S * 1000), "no sample came")
            topic, header, item, payload = subscriber.recv_multipart()
            item, sample = msgpack.unpackb(item), msgpack.unpackb(payload)
            self.assertEqual(msgpack.unpackb(header)[1], ITEM)
            self.assertEqual((item["feed"].encode(), item["n"]), (topic, sample["n"]))
            statuses.add(sample["status"])
            if item["feed"] == feed:
                numbers.append(item["n"])
                self.assertRegex(sample["content"].decode(), r"^\d+\.\d+ ")
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertEqual(statuses, {"ok", "not_found"})
        message, body, sample = poller.ask(GET, {"feed": feed})
        self.assertEqual((message, body["n"]), (SNAPSHOT, sample["n"]))
        message, body, _ = poller.ask(READ, {"feed": feed, "inc": body["inc"], "after": 0})
        self.assertEqual((message, body["status"]), (RESET, "pruned"))
        message, _, rows = poller.ask(GET, {"feed": "readings"})
        bad = [row for row in rows if row["feed"] == bad_feed][0]
        self.assertEqual((bad["status"], bad["failures"]), ("not_found", bad["reads"]))

    def test_one_off_reads(self):
        source = self.runtime.wait_source("local")
        poller = self.runtime.dealer("poller-1.requests")
        large = os.path.join(self.runtime.dir, "large")
        with open(large, "wb") as file:
            file.truncate(50 << 20)
        fifo = os.path.join(self.runtime.dir, "fifo")
        os.mkfifo(fifo)
        wanted = {"/proc/loadavg": "ok", large: "too_large", fifo: "unsupported", "/proc": "unsupported"}
        for target, status in wanted.items():
            message, _, sample = poller.ask(READ_ONCE, {"reads": [standing(source, target=target)]})
            self.assertEqual((message, sample["status"]), (SAMPLE, status), sample.get("error"))
        _, _, sample = poller.ask(READ_ONCE, {"reads": [standing(source, op="space", target="/")]})
        self.assertGreater(sample["meta"]["total"], 0)
        _, _, sample = poller.ask(READ_ONCE, {"reads": [standing(
            source, op="links", target=f"/proc/{os.getpid()}/fd/*", args={"prefix": "anon_inode:"})]})
        self.assertTrue(all(link.startswith("anon_inode:") for _, link in msgpack.unpackb(sample["content"])))
        message, body, _ = poller.ask(READ_ONCE, {"reads": []})
        self.assertEqual(message, ERROR)

    def test_broker_dies(self):
        source = self.runtime.wait_source("local", poller="poller-1")
        poller = self.runtime.dealer("poller-1.requests")
        _, body, _ = poller.ask(STAND, {"observer": "test", "inc": 1, "lease_ms": 60000, "reads": [standing(source)]})
        feed = body["readings"][0]["feed"]
        inc = self.runtime.membership()[0]["inc"]
        self.runtime.kill("broker")
        before = poller.ask(GET, {"feed": feed})[1]["n"]
        self.runtime.wait("samples go on without a broker", lambda: poller.ask(GET, {"feed": feed})[1]["n"] > before + 2)
        self.runtime.start("broker")
        first, _ = self.runtime.membership()
        self.assertNotEqual(first["inc"], inc)
        self.assertFalse(first["complete"])
        again = self.runtime.wait_source("local", poller="poller-1")
        self.assertEqual(again["inc"], source["inc"], "a new broker made another source of it")
        self.assertEqual(set(self.runtime.actors()), {"broker", "poller-1", "static"})
        self.assertEqual(self.runtime.membership()[0]["inc"], first["inc"])
        self.runtime.wait("the membership is complete", lambda: self.runtime.membership()[0]["complete"])

    def test_hundred_actors_register_again(self):
        dealers = [self.runtime.dealer("broker.control") for _ in range(100)]

        def register(at):
            dealers[at].send(REGISTER, {"name": f"a{at}", "kind": "observer", "inc": at + 1, "pid": at + 1,
                                        "endpoints": []})

        for at in range(100):
            register(at)
        self.runtime.wait("100 actors", lambda: len(self.runtime.actors()) >= 103)
        self.runtime.kill("broker")
        self.runtime.start("broker")
        from_s = time.monotonic()

        def back():
            """As leases do: who is not there says so again, as what was written into the old connection is lost."""
            there = self.runtime.actors()
            for at in range(100):
                if f"a{at}" not in there:
                    register(at)
            return len(there) >= 103

        self.runtime.wait("100 actors again", back)
        self.assertLess(time.monotonic() - from_s, 10)

    def test_death_and_reassignment(self):
        self.runtime.start("poller-2", "poller")
        control = self.runtime.dealer("broker.control")
        self.runtime.wait("both pollers", lambda: {"poller-1", "poller-2"} <= set(self.runtime.actors()))
        holder = self.runtime.wait("a poller for local", lambda: self.runtime.wait_source("local").get("poller"))
        other = {"poller-1": "poller-2", "poller-2": "poller-1"}[holder]
        pid = self.runtime.kill(holder)
        from_s = time.monotonic()
        self.assertEqual(control.ask(DIED, {"name": holder, "pid": pid})[0], DONE)
        self.assertNotIn(holder, self.runtime.actors())
        self.runtime.wait_source("local", poller=other)
        self.assertLess(time.monotonic() - from_s, 5)

    def test_provider_dies(self):
        self.runtime.wait_source("local")
        pid = self.runtime.kill("static")
        self.runtime.dealer("broker.control").ask(DIED, {"name": "static", "pid": pid})
        _, snapshot = self.runtime.membership()
        self.assertEqual([source["name"] for source in snapshot["sources"]], ["local"])
        self.assertIn("ended", snapshot["providers"][0]["error"])
        self.runtime.start("static", "provider")
        self.runtime.wait("the provider is well again", lambda: not self.runtime.membership()[1]["providers"][0]["error"])

    def test_garbage(self):
        source = self.runtime.wait_source("local")
        for name in ("broker.control", "poller-1.requests"):
            dealer = self.runtime.dealer(name)
            for frames in GARBAGE:
                dealer.socket.send_multipart(frames)
            message, pong, _ = dealer.ask(PING, {})
            self.assertEqual(message, PONG)
            self.assertGreater(pong["garbage"], 5)
            self.assertEqual(dealer.ask(GET, {"feed": "no such feed"})[0], ERROR)
        poller = self.runtime.dealer("poller-1.requests")
        self.assertEqual(poller.ask(READ_ONCE, {"reads": [standing(source)]})[2]["status"], "ok")

    def test_configured_sources(self):
        self.runtime.wait_source("local")
        self.runtime.configure("".join(
            f'[[providers.static.sources]]\nname = "s{at}"\nadapter = "file"\naddress = "/"\n'
            f'labels = {{ row = "{at % 7}" }}\n' for at in range(600)))
        pid = self.runtime.kill("static")
        self.runtime.dealer("broker.control").ask(DIED, {"name": "static", "pid": pid})
        self.runtime.start("static", "provider")
        self.runtime.wait("600 sources", lambda: len(self.runtime.membership()[1]["sources"]) == 600)
        source = self.runtime.wait_source("s599", poller="poller-1")
        self.assertEqual(source["labels"], {"row": str(599 % 7)})

    def test_bad_configuration(self):
        file = self.runtime.path("bad.toml")
        with open(file, "w", encoding="utf-8") as config:
            config.write('[[providers.static.sources]]\nname = "a"\nadapter = "file"\n' * 2)
        done = subprocess.run([os.path.join(BIN, "vedette-provider"), "--dir", self.runtime.path("other"), "--name",
                               "static", "--config", file], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 2)
        self.assertIn('both named "a"', done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
