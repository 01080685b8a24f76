#!/usr/bin/python3
"""test_hostile.py BIN: garbage and abuse at every socket of a live runtime: nobody dies, all of it is counted, who asked is
answered, memory stays within bounds, and the runtime goes on working for everybody else meanwhile."""
import json
import os
import random
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import ACTORS, BIN, SEED, TOP, World, alive, vedette, wait_for  # noqa: E402
from harness import is_sanitized, rss_anon  # noqa: E402
import ledger  # noqa: E402
import zmq  # noqa: E402
from vedette import wire  # noqa: E402
from vedette.catalogue import LIMITS  # noqa: E402

ANSWER_MS = 10000
GROWTH_BYTES_MAX = 48 << 20
ROUTER_PORTS = ("control", "requests", "emit", "read")
BOMB = b"\xdd\x08\x00\x00\x00"
CORRELATION = 258
MAX = (1 << 64) - 1


def vectors(name):
    with open(os.path.join(TOP, "protocol", "vectors", name), encoding="utf-8") as file:
        return json.load(file)


class Peer:
    """A DEALER that keeps to no limit."""

    def __init__(self, world, port):
        self.port = port
        self.socket = world.client.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 5000)
        self.socket.connect(f"ipc://{world.client.run_dir}/{port}")

    def send(self, frames):
        self.socket.send_multipart(frames)

    def answer(self, what, correlation=None, timeout_ms=ANSWER_MS):
        """The next message, or the next with this correlation."""
        while self.socket.poll(timeout_ms):
            message = wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK))
            if correlation is None or message.correlation == correlation:
                return message
        raise AssertionError(f"{self.port}: no answer to {what}")

    def ask(self, name, fields=None, payload=b"", correlation=CORRELATION):
        self.send(wire.pack_message(name, fields, payload, correlation))
        return self.answer(f"{name} {str(fields)[:200]}", correlation)

    def ping(self):
        return self.ask("PING", correlation=CORRELATION + 1)

    def close(self):
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def sockets(world, routers):
    names = [name for name in os.listdir(world.client.run_dir) if not name.endswith(".lock")]
    return sorted(name for name in names if name.endswith(ROUTER_PORTS) == routers)


def garbage():
    """(what, frames): nothing of it is a message. Those that can be answered carry a correlation."""
    header = wire.pack([1, 48, CORRELATION])
    frames = [(row["what"], [bytes.fromhex(row["header"]), bytes.fromhex(row["body"])])
              for row in vectors("hostile.json") if not row.get("schema")]
    frames += [("an empty frame", [b""]), ("one byte", [b"\xc1"]), ("a header alone", [header]),
               ("the bomb alone", [BOMB]), ("the bomb as everything", [BOMB] * 3), ("the bomb as body", [header, BOMB]),
               ("text", [b"GET / HTTP/1.1\r\n\r\n"]), ("a hundred frames", [b"x"] * 100),
               ("a header and ninety-nine frames", [header] + [b"\x80"] * 99), ("a large header", [b"\x91" * 4096, b"\x80"]),
               ("a body over its limit", [header, b"\xc6" + (1 << 20).to_bytes(4, "big") + bytes(1 << 20)]),
               ("a newer version", [wire.pack([99, 48, CORRELATION]), b"\x80"]),
               ("an unknown message", [wire.pack([1, 4000, CORRELATION]), b"\x80"]),
               ("a body nested too deeply", [header, b"\x81\xa1x" + b"\x91" * 4000 + b"\xc0"])]
    choice = random.Random(SEED)
    frames += [(f"random bytes {n}", [choice.randbytes(choice.randint(1, 80)) for _ in range(choice.randint(1, 5))])
               for n in range(100)]
    return frames


def garbage_is_counted_and_answered(world):
    frames = garbage()
    for port in sockets(world, True):
        with Peer(world, port) as peer:
            before = peer.ping().get("garbage", 0)
            for _, one in frames:
                peer.send(one)
            grown = peer.ping().get("garbage", 0) - before
            assert grown == len(frames), f"{port}: {grown} of {len(frames)} frames were counted"
        with Peer(world, port) as peer:
            for what, one in frames:
                peer.send(one)
                message = peer.answer(what)
                assert message.name == "ERROR", f"{port}: {what}: {message}"
                asked = one[0][-3:] == b"\xcd\x01\x02" and len(one) in (2, 3)
                assert not asked or message.correlation == CORRELATION, f"{port}: {what}: {message}"


def messages_at_the_wrong_port_do_nothing(world):
    """Every message of the catalogue at every port, but the few that the port would obey."""
    obeyed = {"supervisor.control": ("CONTROL", "SHUTDOWN"), "broker.control": ("REGISTER", "LEAVE", "DIED", "ANNOUNCE"),
              "ingestor.emit": ("OPEN",)}
    for port in sockets(world, True):
        with Peer(world, port) as peer:
            for row in vectors("messages.json"):
                if row["message"] in obeyed.get(port, ()) or row["correlation"] != CORRELATION:
                    continue
                frames = [bytes.fromhex(row[part]) for part in ("header", "body", "payload") if row.get(part)]
                peer.send(frames)
                if row["message"] in ("PONG", "ERROR", "DONE", "CREDIT", "EMIT"):  # answers, and what has none of its own
                    continue
                peer.answer(f"{row['message']}", CORRELATION)
            assert peer.ping().name == "PONG"


def frames_over_the_limit_close_the_connection(world):
    for port in sockets(world, True):
        with Peer(world, port) as peer:
            pid = peer.ping()["pid"]
            peer.send([wire.pack([1, 3, 1]), bytes(3 << 20)])
        with Peer(world, port) as peer:
            assert peer.ping()["pid"] == pid


def bytes_that_are_no_zeromq(world):
    """Raw bytes at every socket, half a greeting, many connections that say nothing, and odd subscriptions."""
    choice, held = random.Random(SEED), []
    for name in sockets(world, True) + sockets(world, False):
        for text in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" + bytes(8) + b"\x7f", b"\xff" * 64, choice.randbytes(4096), b"") * 5:
            raw = socket.socket(socket.AF_UNIX)
            raw.connect(os.path.join(world.client.run_dir, name))
            try:
                raw.sendall(text)
            except BrokenPipeError:
                pass
            held.append(raw)
    for name in sockets(world, False):
        subscriber = world.client.context.socket(zmq.XSUB)
        subscriber.setsockopt(zmq.LINGER, 0)
        subscriber.connect(f"ipc://{world.client.run_dir}/{name}")
        for one in (b"\x01", b"\x01" + bytes(4096), b"\x00nothing", b"\x07" * 100, BOMB, b""):
            subscriber.send(one)
        for n in range(1000):
            subscriber.send(b"\x01%d" % n)
        held.append(subscriber)
    for port in sockets(world, True):
        with Peer(world, port) as peer:
            peer.ping()
    for one in held:
        one.close()


def hostile_runs():
    """(what, count, run): none of them may be stored."""
    event = wire.pack_event("chaos", {"p": "hostile", "n": 1})
    good = wire.pack_run([event])
    entry = lambda body: b"\xce" + wire.crc32c(body).to_bytes(4, "big") + wire.pack(body)
    return [("no run", 1, b""), ("count too high", 2, good), ("count too low", 1, good + good), ("count 0", 0, good),
            ("count over the limit", LIMITS["EMIT_EVENTS_MAX"] + 1, good), ("the largest count", MAX, good),
            ("a bad checksum", 1, b"\xce" + bytes(4) + good[5:]), ("a flipped bit", 1, good[:-1] + bytes([good[-1] ^ 1])),
            ("bytes behind", 1, good + b"\x00"), ("cut short", 1, good[:-1]),
            ("a lying length", 1, good[:5] + b"\xc6\xff\xff\xff\xff" + event), ("the bomb", 1, BOMB), ("nil", 1, b"\xc0"),
            ("the bomb as event", 1, entry(BOMB)), ("an event that is text", 1, entry(wire.pack("x"))),
            ("an event without its type", 1, entry(wire.pack({"ts": wire.timestamp(), "data": 1}))),
            ("a type with a space", 1, entry(wire.pack_event("a b", 1))),
            ("an empty type", 1, entry(wire.pack_event("", 1))),
            ("a bad time", 1, entry(wire.pack_event("chaos", 1, ts="yesterday"))),
            ("a late session_started", 1, entry(wire.pack_event("session_started", {}))),
            ("an event over its limit", 1, entry(wire.pack_event("chaos", bytes(LIMITS["EVENT_BYTES_MAX"])))),
            ("data nested too deeply", 1, entry(b"\x83\xa2ts" + wire.pack(wire.timestamp()) + b"\xa4type\xa1x\xa4data" +
                                                b"\x91" * 100 + b"\xc0"))]


def refused(peer, fields, run, what):
    """Sends one EMIT that has to be refused. The highest number that is consumed afterwards."""
    first = fields["first"]
    peer.send(wire.pack_message("EMIT", fields, run, 7))
    while True:
        message = peer.answer(what)
        if message.name in ("ERROR", "NOT_NOW") or (message.name == "REJECTED" and not message["count"]):
            return first - 1
        if message.name == "REJECTED" and message["first"] == first:
            return first + message["count"] - 1
        if message.name == "COMMITTED" and message["mark"] >= first:  # a rejection is told by either
            assert any(row["first"] <= first < row["first"] + row["count"] for row in message["rejects"]), (what, message)
            return message["mark"]


def runs_that_lie_are_refused(world):
    before = world.client.sessions(session=world.session)[0]["last_seq"]
    with Peer(world, "ingestor.emit") as peer:
        opened = peer.ask("OPEN", {"producer": "hostile", "life": int.from_bytes(os.urandom(7), "big")})
        mark, own = opened["mark"], {"producer": "hostile", "epoch": opened["epoch"], "session": world.session}
        for what, count, run in hostile_runs():
            mark = refused(peer, {**own, "first": mark + 1, "count": count, "answered": mark}, run, what)
        good = wire.pack_run([wire.pack_event("chaos", {"p": "hostile", "n": 1})])
        for fields in ({"epoch": MAX}, {"epoch": 0}, {"session": "never"}, {"session": "\x00"}, {"producer": "nobody"},
                       {"producer": "producer-c"}):
            mark = refused(peer, {**own, "first": mark + 1, "count": 1, **fields}, good, fields)
        for first in (0, MAX, mark + 2):
            refused(peer, {**own, "first": first, "count": 1}, good, first)
        peer.ping()
    client = world.client.follow(world.session, start="start", seq=before)
    seen = wait_for("the newest events", lambda: (lambda event: event and event.seq > before and event)(client.next(0.1)))
    client.close()
    assert seen.data["p"] != "hostile", seen


def streams_without_measure(world):
    """More subscribers than there is room for, who want everything at once: the others are told so."""
    peers = [Peer(world, "ingestor.read") for _ in range(600)]
    try:
        for at, peer in enumerate(peers):
            peer.send(wire.pack_message("START", {"name": f"h{at}", "session": world.session, "items": MAX, "bytes": MAX},
                                        correlation=7))
        names = [peer.answer("START").name for peer in peers]
        assert set(names) == {"STARTED", "ERROR"}, set(names)
        assert names.count("STARTED") <= LIMITS["SUBSCRIBERS_MAX"], names.count("STARTED")
        with Peer(world, "ingestor.read") as peer:
            for fields in ({"session": "never", "items": 1, "bytes": 1}, {"seq": 5, "items": 1, "bytes": 1},
                           {"store": "x" * 16, "index": MAX, "chain": MAX, "items": 1, "bytes": 1}, {"items": 0, "bytes": 0}):
                peer.ask("START", fields)
            assert peer.ping().name == "PONG"
    finally:
        for peer in peers:
            peer.close()
    # Who is gone without a word makes room again.
    with Peer(world, "ingestor.read") as peer:
        start = {"session": world.session, "items": 1, "bytes": 1, "head": True}
        wait_for("room for a subscriber", lambda: peer.ask("START", start).name == "STARTED", 20)


def registers_beyond_the_limit(world):
    count = LIMITS["ACTORS_MAX"] + 50
    with Peer(world, "broker.control") as peer:
        names = [f"flood-{n}" for n in range(count)]
        answers = [peer.ask("REGISTER", {"name": name, "kind": "observer", "inc": n + 1, "pid": 1, "endpoints": [
            {"port": "requests", "endpoint": f"ipc:///nowhere/{name}"}]}).name for n, name in enumerate(names)]
        assert answers[0] == "REGISTERED" and answers[-1] == "ERROR", (answers[0], answers[-1])
        assert answers.count("REGISTERED") < LIMITS["ACTORS_MAX"]
        known = {row["name"] for row in world.client.membership()["actors"]}
        assert known >= set(ACTORS) - {"broker"}, known
        for n, name in enumerate(names):
            peer.send(wire.pack_message("LEAVE", {"name": name, "inc": n + 1}))
        for fields in ({"name": "x" * 65}, {"name": ""}, {"name": "a\nb"}, {"endpoints": [{"port": "p"}] * 9},
                       {"endpoints": [[]]}, {"inc": 0}, {"kind": "\x00"}):
            peer.ask("REGISTER", {"name": "h", "kind": "observer", "inc": 1, "pid": 1, "endpoints": [], **fields})
        peer.send(wire.pack_message("LEAVE", {"name": "h", "inc": 1}))
        known = set(ACTORS) | {"supervisor"}
        wait_for("they have left", lambda: {row["name"] for row in world.client.membership()["actors"]} <= known)


def announcements_that_lie(world):
    source = {"name": "h-1", "adapter": "file", "address": "/"}
    own = {"provider": "hostile", "inc": 9, "set": 1, "part": 0, "last": True}
    hostile = [{"sources": [source, source]}, {"sources": [{"name": "x" * 65, "adapter": "file"}]}, {"sources": [{}]},
               {"sources": [[1]]}, {"sources": [{**source, "name": f"h-{n}"} for n in range(300)]}, {"part": 7, "sources": []},
               {"sources": [{**source, "spec": "x" * 9000}]}, {"sources": [{**source, "labels": 5}]},
               {"sources": [{**source, "name": ""}]}, {"sources": [{**source, "address": "x" * 2000}]},
               {"sources": [{**source, "name": "local", "address": "/elsewhere"}]}]
    with Peer(world, "broker.control") as peer:
        for fields in hostile:
            message = peer.ask("ANNOUNCE", {**own, **fields})
            assert message.name in ("ERROR", "DONE"), message
            own["set"] += 1
        local, = [row for row in world.client.membership()["sources"] if row["name"] == "local"]
        assert (local["provider"], local["address"]) == ("static", "/"), "another provider took a source over"
        assert peer.ask("ANNOUNCE", {**own, "sources": []}).name == "DONE"
        rows = wait_for("they are gone again", lambda: (lambda rows: len(rows) == 1 and rows)(
            world.client.membership()["sources"]))
        assert rows[0]["name"] == "local", rows


def check_unharmed(world, before, memory):
    now = world.pids()  # and perhaps a poller more, for what was announced
    assert {name: now.get(name) for name in before} == before, f"somebody died: {before} {now}"
    assert all(alive(pid) for pid in before.values()), before
    grown = {name: rss_anon(pid) - memory[name] for name, pid in before.items()}
    assert is_sanitized(os.path.join(BIN, "vedette-broker")) or max(grown.values()) < GROWTH_BYTES_MAX, grown
    return max(grown.values())


def the_runtime_still_works(world):
    assert world.status()["state"] == "ready"
    at = world.run("emit", "after", "--session", world.session).out.strip()
    assert world.lines("follow", world.session, "--from", at.rsplit(":", 1)[1], "--count", "1")[0]["type"] == "after"
    cycle = world.client.snapshot("host")["cycle"]
    wait_for("the observers go on", lambda: world.client.snapshot("host")["cycle"] > cycle + 1)
    producer, follower = world.parts["producer-c"], world.parts["follow-command"]
    producer.end()
    store = ledger.Store(world.client)
    store.check_sequences()
    events = store.of(world.session)
    ledger.check_producer(producer.name, producer.lines(), events)
    wait_for("the follower has it all", lambda: follower.count("{") >= len(events))
    ledger.check_follower(follower.name, follower.lines(), events)


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    with World("hostile") as world:
        world.command_follower("follow-command", world.session)
        world.c_producer("producer-c", 200)
        world.wait_rate(100)
        before = world.pids()
        memory = {name: rss_anon(pid) for name, pid in before.items()}
        for case in (garbage_is_counted_and_answered, messages_at_the_wrong_port_do_nothing,
                     frames_over_the_limit_close_the_connection, bytes_that_are_no_zeromq, runs_that_lie_are_refused,
                     registers_beyond_the_limit, announcements_that_lie, streams_without_measure):
            begin = time.monotonic()
            case(world)
            grown = check_unharmed(world, before, memory)
            print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s, memory + {grown >> 10} KiB at most)", flush=True)
        the_runtime_still_works(world)
        print("ok the_runtime_still_works", flush=True)


main()
