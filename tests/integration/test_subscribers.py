#!/usr/bin/python3
"""test_subscribers.py BIN: both streams of a real ingestor by raw frames; who is served, paused, kicked; positions under
names over restarts and kills; what is told of it all."""
import json
import os
import signal
import sys
import tempfile
import time

import msgpack
import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Follower, Home  # noqa: E402
from harness import Actors, run_tests, wait_for  # noqa: E402
import vedette  # noqa: E402
from vedette import wire  # noqa: E402
from vedette.catalogue import LIMITS  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
ALL = {"items": 1000000, "bytes": 1000000000}


class Peer:
    """A raw DEALER on the port for reading: frames as they are."""

    def __init__(self, directory, port="read"):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.IDENTITY, b"raw#" + os.urandom(8).hex().encode())
        self.socket.connect(f"ipc://{directory}/run/ingestor.{port}")
        self.messages = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, name, fields=None, correlation=1):
        self.socket.send_multipart(wire.pack_message(name, fields, correlation=correlation))

    def look(self):
        """Takes what is there; all messages so far."""
        while self.socket.poll(10):
            try:
                self.messages.append(wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK)))
            except zmq.Again:
                break
        return self.messages

    def await_(self, name, correlation=None):
        """The first message of this name, taken out with those before it."""
        def found():
            return [at for at, message in enumerate(self.look())
                    if message.name == name and correlation in (None, message.correlation)]
        at = wait_for(f"{name} comes", found)[0]
        message = self.messages[at]
        del self.messages[:at + 1]
        return message

    def ask(self, name, fields=None, correlation=7):
        self.send(name, fields, correlation)
        def answered():
            return [m for m in self.look() if m.correlation == correlation and m.name in
                    ("DONE", "ERROR", "POSITION", "SUBSCRIBER_ROWS")]
        answer = wait_for(f"{name} is answered", answered)[0]
        self.messages = [m for m in self.messages if m is not answer]
        return answer

    def events(self, correlation=1):
        """(commit, session, seq) of every event that came in a stream, in order."""
        found = []
        for message in self.look():
            if message.name == "COMMITS" and message.correlation == correlation:
                for commit in wire.unpack_commits(message.payload):
                    found += [(commit.index, event.session, event.seq) for _, event in commit.events()]
        return found

    def drop_events(self):
        self.messages = [m for m in self.look() if m.name != "COMMITS"]


class Store(Actors):
    """An ingestor alone, with a producer on it."""

    def __init__(self, config="", session=None):
        super().__init__(BIN, config, session)
        self.client = vedette.Client(self.dir)
        self.made = 0

    def __enter__(self):
        self.begin()
        return self

    def begin(self, *more):
        self.start("ingestor", None, *more)
        wait_for("it answers", lambda: self.client.request("ingestor", "read", "PING"))

    def __exit__(self, kind, *_):
        codes = self.stop()
        if kind:
            sys.stderr.write(self.logs()[-6000:])
        self.client.close()
        self.close()
        assert kind or all(code == 0 for code in codes.values()), codes

    def emit(self, count, events=1, session="s", size=10):
        """So many commits of so many events each; each commit is a frame that was waited for."""
        with self.client.producer("maker") as producer:
            for _ in range(count):
                many = [("made", {"n": self.made + i, "x": "x" * size}) for i in range(events)]
                if self.made == 0:
                    many = [("session_started", {})] + many
                self.made += events
                producer.emit_all(many, session=session)

    def tail(self):
        """The position behind the newest commit."""
        store = self.client.request("ingestor", "read", "STORE")
        return {"store": store["store"], "index": store["head"], "chain": store.get("chain", 0)}

    def rows(self, **filters):
        answer = self.client.request("ingestor", "streams", "SUBSCRIBERS", filters)
        return msgpack.unpackb(answer.payload)

    def row(self, name):
        return next((row for row in self.rows() if row["name"] == name), None)

    def metric(self, name):
        return self.client.get("ingestor", "read", "metrics")[name]


# ---- both streams ----

def test_live_and_commits_side_by_side():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(20, 3)
        peer.send("START", {"stream": "live", "name": "both", "head": True, **ALL}, 1)
        peer.send("START", {"stream": "commit", "name": "both", **ALL}, 2)
        peer.await_("STARTED", 1)
        wait_for("one subscriber", lambda: store.row("both") and store.row("both")["streams"] == "live+commit")
        head = store.tail()["index"]
        store.emit(10, 2)
        newest = store.tail()["index"]
        wait_for("live is there", lambda: peer.events(1) and peer.events(1)[-1][0] == newest)
        wait_for("commits are there", lambda: peer.events(2) and peer.events(2)[-1][0] == newest)
        live, commits = peer.events(1), peer.events(2)
        assert [event for event in commits if event[0] > head] == live
        assert [seq for _, session, seq in commits] == list(range(1, len(commits) + 1)), "each once, in order"
        assert len(store.rows()) == 1
        peer.send("STOP", {}, 1)
        peer.await_("DONE", 1)
        wait_for("the other goes on", lambda: store.row("both")["streams"] == "commit")


def test_live_at_an_old_position_is_sent_to_the_commits():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(3)
        old = store.tail()
        store.emit(30)
        head = store.tail()
        peer.send("START", {"stream": "live", **old, **ALL}, 1)
        answer = peer.await_("USE_COMMITS", 1)
        assert answer["store"] == old["store"] and answer["from"] == old["index"] + 1, answer
        assert answer["head"] == head["index"] and answer["live"] > old["index"], answer
        # There is no stream now; at the head there is one.
        peer.send("CREDIT", ALL, 1)
        assert peer.await_("DROP", 1)["status"] == "not_found"
        peer.send("START", {"stream": "live", **head, **ALL}, 2)
        assert peer.await_("STARTED", 2)["index"] == head["index"]
        store.emit(1)
        wait_for("it is live", lambda: peer.events(2))
        newest = store.tail()["index"]
        assert peer.events(2)[0][0] == newest
        # What memory holds meanwhile can be gone on with.
        peer.send("START", {"stream": "live", **head, **ALL}, 3)
        assert peer.await_("STARTED", 3)["index"] == head["index"]
        wait_for("from memory", lambda: peer.events(3))
        assert peer.events(3)[0][0] == newest


def test_a_bad_position_is_refused_on_both_streams():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(5)
        at = store.tail()
        for number, stream in ((1, "live"), (2, "commit")):
            peer.send("START", {"stream": stream, **at, "index": at["index"] + 9, **ALL}, number)
            assert peer.await_("STREAM_RESET", number)["status"] == "went_back"
            peer.send("START", {"stream": stream, **at, "chain": at["chain"] ^ 1, **ALL}, number)
            assert peer.await_("STREAM_RESET", number)["status"] == "went_back"
        peer.send("START", {"stream": "both", **ALL}, 3)
        assert peer.await_("ERROR", 3)["status"] == "malformed"


def test_without_credit_there_is_only_head():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(1)
        for number, stream in ((1, "live"), (2, "commit")):
            peer.send("START", {"stream": stream, "head": True, "items": 0, "bytes": 0}, number)
            peer.await_("STARTED", number)
        store.emit(40)
        head = store.tail()["index"]
        for number in (1, 2):
            wait_for("HEAD tells it", lambda: [m for m in peer.look() if m.name == "HEAD" and m.correlation == number and
                                               m["head"] == head])
        assert not peer.events(1) and not peer.events(2)
        peer.send("CREDIT", {"items": 5, "bytes": 10000000}, 1)
        peer.send("CREDIT", {"items": 5, "bytes": 10000000}, 2)
        wait_for("five live", lambda: len(peer.events(1)) >= 5)
        wait_for("five of the commits", lambda: len(peer.events(2)) >= 5)
        peer.send("CREDIT", {"items": 5, "bytes": 10000000}, 1)  # asks for HEAD: what was sent before it is here then
        peer.send("CREDIT", {"items": 5, "bytes": 10000000}, 2)
        peer.await_("HEAD", 1)
        assert len([m for m in peer.look() if m.name == "ERROR"]) == 0


def test_what_memory_loses_is_a_gap():
    with Store("[ingestor]\nrecent_bytes = 65536\n") as store, Peer(store.dir) as peer:
        store.emit(1)
        peer.send("START", {"stream": "live", "head": True, "items": 0, "bytes": 0}, 1)
        started = peer.await_("STARTED", 1)
        store.emit(60, 2, size=4000)
        head = store.tail()["index"]
        gap = peer.await_("GAP", 1)
        assert gap["after"] == started["index"] and gap["after"] < gap["index"] <= head, gap
        peer.send("CREDIT", ALL, 1)
        store.emit(1)
        newest = store.tail()["index"]
        wait_for("it goes on", lambda: peer.events(1) and peer.events(1)[-1][0] == newest)
        indexes = sorted({index for index, _, _ in peer.events(1)})
        behind = max([gap["index"]] + [m["index"] for m in peer.look() if m.name == "GAP"])
        assert indexes[-1] == newest and indexes[0] > started["index"] and behind <= newest
        assert store.metric("stream_gaps") >= 1


def test_one_that_vanished_harms_nobody():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(1)
        others = [Peer(store.dir) for _ in range(8)]
        for other in others:
            other.send("START", {"stream": "live", "name": "gone", "head": True, **ALL}, 1)
            other.send("START", {"stream": "commit", "name": "gone", **ALL}, 2)
            other.await_("STARTED", 1)
        peer.send("START", {"stream": "live", "name": "stays", "head": True, **ALL}, 1)
        peer.await_("STARTED", 1)
        wait_for("nine", lambda: len(store.rows()) == 9)
        for other in others[:4]:
            other.socket.close()  # the others never read again
        for _ in range(5):
            begun = time.monotonic()
            peer.send("CREDIT", ALL, 1)
            store.emit(100, 4, size=2000)
            newest = store.tail()["index"]
            wait_for("it gets all", lambda: peer.events(1) and peer.events(1)[-1][0] == newest)
            peer.drop_events()
            assert time.monotonic() - begun < 30
        wait_for("those without a sign of life are dropped",
                 lambda: peer.send("CREDIT", ALL, 1) or (peer.look() and len(store.rows()) == 1), 60)
        assert store.row("stays") and store.metric("dropped_silent") >= 8
        for other in others[4:]:
            # Who does not read for long loses its connection, and what was under way on it.
            wait_for("it is told when it reads, or when it speaks", lambda o=other: o.send("CREDIT", ALL, 1) or [
                m for m in o.look() if m.name == "DROP" and m["status"] in ("silent", "not_found")])
            other.socket.close()


# ---- hints ----

class Hints:
    """A bare SUB: the first sequences of what it hears."""

    def __init__(self, directory, topic):
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self.socket.connect(f"ipc://{directory}/run/ingestor.events")

    def heard(self):
        found = []
        while self.socket.poll(5):
            message = wire.unpack_message(self.socket.recv_multipart(zmq.NOBLOCK)[1:])
            found += range(message["first"], message["first"] + message["count"])
        return found


def test_a_bare_sub_is_published_to_while_it_is_there():
    with Store() as store:
        store.emit(3)

        def hears(hints):
            return wait_for("it hears", lambda: store.emit(1) or hints.heard())

        first, second = Hints(store.dir, "events/"), Hints(store.dir, "events/")
        hears(first)
        hears(second)
        first.heard()
        begun = store.metric("frames_out")
        store.emit(5)
        last = 1 + store.made
        wait_for("every hint comes", lambda: last in second.heard())
        first.socket.close()
        assert hears(second), "another of the same topic goes on"
        other = Hints(store.dir, "events/nothing")
        second.socket.close()
        store.emit(5)
        assert not other.heard()
        third = Hints(store.dir, "events/s")
        hears(third)
        store.emit(1)
        newest = 1 + store.made
        wait_for("it hears the newest", lambda: newest in third.heard())
        third.socket.close()
        other.socket.close()
        # Nobody is there: nothing is made for nobody. Questions are answered with one frame each.
        def quiet():
            before = store.metric("frames_out")
            store.emit(20)
            return store.metric("frames_out") - before < 30  # OPENED, 20 COMMITTED, the metrics
        wait_for("nothing is published any more", quiet)
        assert begun > 0


# ---- steering ----

def test_pause_resume_kick_by_frames():
    with Store() as store, Peer(store.dir) as peer, Peer(store.dir, "streams") as admin:
        store.emit(1)
        peer.send("START", {"stream": "live", "name": "held", "head": True, **ALL}, 1)
        peer.await_("STARTED", 1)
        assert admin.ask("STEER", {"verb": "pause", "name": "held"}).name == "DONE"
        assert peer.await_("HOLD", 1)["held"] is True
        store.emit(5)
        assert store.row("held")["held"] is True
        assert not peer.events(1)
        assert admin.ask("STEER", {"verb": "resume", "name": "held"}).name == "DONE"
        assert peer.await_("HOLD", 1)["held"] is False
        wait_for("what was committed meanwhile", lambda: len(peer.events(1)) == 5)
        assert admin.ask("STEER", {"verb": "kick", "name": "held"}).name == "DONE"
        drop = peer.await_("DROP", 1)
        assert drop["status"] == "kicked" and drop["text"], drop
        assert store.row("held") is None
        for verb, name, status in (("kick", "held", "not_found"), ("push", "held", "usage")):
            answer = admin.ask("STEER", {"verb": verb, "name": name})
            assert answer.name == "ERROR" and answer["status"] in (status, "usage", "not_found"), answer
        # The port takes nothing else, and the other port none of this.
        assert admin.ask("LOAD_POSITION", {"name": "x"})["status"] == "unsupported"
        assert peer.ask("STEER", {"verb": "kick", "name": "held"})["status"] == "unsupported"
        assert store.metric("dropped_kicked") == 1


def test_streams_stay_in_the_directory():
    with tempfile.TemporaryDirectory(prefix="vd-") as directory:
        path = os.path.join(directory, "c.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[network]\nbind = ["ingestor.streams=tcp://127.0.0.1:17999"]\n')
        home = Home(BIN)
        with home:
            assert "streams stays in the runtime's directory" in home.run("config", "check", path, code=2).err
        for text, word in (("lag_near = 100", "lag_near"), ("batch_far = 0", "batch_far"), ("lag_far = 5", "lag_middle")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"[streams]\n{text}\n")
            with Home(BIN) as home:
                assert word in home.run("config", "check", path, code=2).err


# ---- positions ----

def test_positions_outlive_everything():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(9)
        at = store.tail()
        assert peer.ask("LOAD_POSITION", {"name": "mine"})["status"] == "not_found"
        assert peer.ask("SAVE_POSITION", {"name": "mine", **at, "offset": 0, "session": "s"}).name == "DONE"
        loaded = peer.ask("LOAD_POSITION", {"name": "mine"})
        assert loaded.name == "POSITION", loaded
        assert {key: loaded[key] for key in ("store", "index", "chain")} == at and loaded["session"] == "s"
        assert abs(loaded["saved_ms"] - time.time() * 1000) < 600000
        assert store.tail() == at, "a position is no commit"
        for round_ in range(4):
            if round_ % 2:
                assert store.stop()["ingestor"] == 0
            else:
                store.kill("ingestor")
            store.begin()
            kept = store.client.request("ingestor", "read", "LOAD_POSITION", {"name": "mine"})
            assert kept["index"] == at["index"] and kept["chain"] == at["chain"], (round_, kept)
            store.emit(1)
            at = store.tail()
            store.client.request("ingestor", "read", "SAVE_POSITION", {"name": "mine", **at})
        with Peer(store.dir) as again:
            kept = again.ask("LOAD_POSITION", {"name": "mine"})
            again.send("START", {"store": kept["store"], "index": kept["index"], "chain": kept["chain"], **ALL}, 1)
            assert again.await_("STARTED", 1)["index"] == at["index"]
            rows = store.client.get("ingestor", "read", "positions")
            assert [(row["name"], row["index"]) for row in rows] == [("mine", at["index"])], rows
            assert again.ask("SAVE_POSITION", {"name": "mine"}).name == "DONE"  # forgotten
            assert again.ask("LOAD_POSITION", {"name": "mine"})["status"] == "not_found"
            assert again.ask("SAVE_POSITION", {"name": "mine"})["status"] == "not_found"


def test_positions_that_are_none_are_refused():
    with Store() as store, Peer(store.dir) as peer:
        store.emit(5)
        at = store.tail()
        for wrong, status in (({"store": "0123456789abcdef"}, "went_back"), ({"index": at["index"] + 1}, "went_back"),
                              ({"chain": at["chain"] ^ 1}, "went_back"), ({"name": "no blank"}, "usage"),
                              ({"name": ""}, "usage")):
            answer = peer.ask("SAVE_POSITION", {"name": "mine", **at, **wrong})
            assert answer.name == "ERROR" and answer["status"] == status, (wrong, answer)
        assert peer.ask("LOAD_POSITION", {"name": "mine"})["status"] == "not_found"
        for number in range(200):  # more at once than are written at a time
            peer.send("SAVE_POSITION", {"name": f"n-{number}", **at}, 100 + number)
        def answers():
            found = [m for m in peer.look() if m.correlation >= 100]
            return found if len(found) == 200 else None
        found = wait_for("all are answered", answers)
        assert all(m.name == "DONE" or m["status"] == "overloaded" for m in found), found[-1]
        kept = store.client.get("ingestor", "read", "positions")
        assert len(kept) == len([m for m in found if m.name == "DONE"]) > 0


def test_a_store_that_is_only_read_keeps_none():
    with Store() as store:
        store.emit(5)
        at = store.tail()
        with Peer(store.dir) as peer:
            assert peer.ask("SAVE_POSITION", {"name": "mine", **at}).name == "DONE"
        assert store.stop()["ingestor"] == 0
        store.begin("--read-only")
        with Peer(store.dir) as peer:
            assert peer.ask("LOAD_POSITION", {"name": "mine"})["index"] == at["index"]
            for fields in ({"name": "mine", **at}, {"name": "mine"}):
                answer = peer.ask("SAVE_POSITION", fields)
                assert answer.name == "ERROR" and answer["status"] == "denied" and "read" in answer["text"], answer


def damage(store):
    """Breaks the head of the newest table, or log."""
    names = [name for name in os.listdir(store) if name.endswith((".ldb", ".log"))]
    path = max((os.path.join(store, name) for name in names), key=os.path.getsize)
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 4]))


def test_positions_in_quarantine_and_after_repair():
    with Store() as store:
        store.emit(20, 2, size=2000)
        early = store.tail()
        with Peer(store.dir) as peer:
            assert peer.ask("SAVE_POSITION", {"name": "early", **early}).name == "DONE"
            within = {**early, "index": early["index"] - 1, "offset": 1}
            assert peer.ask("SAVE_POSITION", {"name": "within", **within}).name == "DONE"
        state = {"observer": "o", "session": "s"}
        store.client.request("ingestor", "read", "SAVE_SNAPSHOT",
                             {**state, **early, "offset": 0, "seq": 1, "cycle": 1, "at_ms": 1}, b"\x01")
        store.kill("ingestor")
        store.begin()  # what was in the log is in a table now
        store.emit(60, 2, size=2000)
        store.kill("ingestor")
        damage(os.path.join(store.dir, "store"))
        store.begin()
        mode = store.client.request("ingestor", "read", "STORE")["mode"]
        assert mode == "quarantine", mode
        with Peer(store.dir) as peer:
            kept = peer.ask("LOAD_POSITION", {"name": "early"})
            assert kept.name == "POSITION" and kept["index"] == early["index"], kept
            answer = peer.ask("SAVE_POSITION", {"name": "early", **early})
            assert answer.name == "ERROR" and answer["status"] == "denied" and "quarantine" in answer["text"], answer
        assert store.client.request("ingestor", "read", "LOAD_SNAPSHOT", state)["index"] == early["index"]
        assert store.stop()["ingestor"] == 0
        with Home(BIN) as home:
            directory = os.path.join(store.dir, "store")
            home.run("store", "repair", "--copy", os.path.join(store.holder.name, "new"), f"--offline={directory}")
        os.rename(directory, directory + ".damaged")
        os.rename(os.path.join(store.holder.name, "new"), directory)
        store.begin()
        with Peer(store.dir) as peer:
            kept = peer.ask("LOAD_POSITION", {"name": "early"})
            assert kept["index"] == early["index"] and kept["store"] == store.tail()["store"] != early["store"], kept
            inside = peer.ask("LOAD_POSITION", {"name": "within"})
            assert (inside["index"], inside["offset"], inside["chain"]) == (within["index"], 1, kept["chain"]), inside
            peer.send("START", {key: kept[key] for key in ("store", "index", "chain")} | ALL, 1)
            assert peer.await_("STARTED", 1)["index"] == early["index"]
        found = store.client.request("ingestor", "read", "LOAD_SNAPSHOT", state)
        assert (found["store"], found["index"], found.payload) == (kept["store"], early["index"], b"\x01"), found


# ---- what is told ----

def test_modes_and_drops_are_events_of_the_runtime():
    with Store(session="run-1") as store, Peer(store.dir) as peer, Peer(store.dir, "streams") as admin:
        store.emit(1, session="run-1")
        peer.send("START", {"stream": "live", "name": "reader", "head": True, "mode": "live_only", **ALL}, 1)
        peer.await_("STARTED", 1)
        peer.send("CREDIT", {**ALL, "mode": "paused", "queue": 500}, 1)
        def told(type_):
            return [e for e in store.client.export("run-1") if e.type == type_]
        event = wait_for("it is told", lambda: told("subscriber_mode"))[0]
        assert event.data["name"] == "reader" and (event.data["from"], event.data["to"]) == ("live_only", "paused")
        assert event.data["queue"] == 500, event.data
        # The subscriber gets the event of its own change, too, and nothing follows from it.
        wait_for("it came by itself", lambda: peer.events(1))
        peer.send("CREDIT", {**ALL, "mode": "what ever"}, 1)
        peer.send("CREDIT", {**ALL, "mode": "paused"}, 1)
        admin.ask("STEER", {"verb": "kick", "name": "reader"})
        drop = wait_for("the drop is told", lambda: told("subscriber_dropped"))[0]
        assert drop.data["reason"] == "kicked" and drop.data["name"] == "reader", drop.data
        assert len(told("subscriber_mode")) == 1
        metrics = store.client.get("ingestor", "emit", "metrics")
        assert metrics["subscriber_events"] == 2 and metrics["subscriber_events_left_out"] == 0, metrics


def test_they_never_feed_on_themselves():
    with Store(session="run-1") as store, Peer(store.dir) as peer:
        store.emit(1, session="run-1")
        peer.send("START", {"stream": "live", "name": "mad", "head": True, "mode": "live_only", **ALL}, 1)
        peer.await_("STARTED", 1)
        modes, deadline, seen = ["live_only", "paused"], time.monotonic() + 8, -1
        turn = 0
        while time.monotonic() < deadline:  # a new mode for every event that comes, and now and then without one
            count = len(peer.events(1))
            turn += 1
            peer.send("CREDIT", {**ALL, "mode": modes[turn % 2]}, 1)
            seen = max(seen, count)
        told = [e for e in store.client.export("run-1") if e.type == "subscriber_mode"]
        assert 2 <= len(told) <= 32, len(told)
        left_out = store.client.get("ingestor", "emit", "metrics")["subscriber_events_left_out"]
        lost = store.metric("notices_lost")
        assert left_out + lost > 0, "there was nothing to bound"


# ---- the command line ----

def subscriber(home, name):
    return next((row for row in home.json("subscriber", "ls") if row["name"] == name), None)


def test_the_command_line():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        assert "nobody follows" in home.run("subscriber", "ls").err or home.json("subscriber", "ls") == []
        follower = Follower(home, "*", "--from", "now")
        row = wait_for("it is listed", lambda: next(iter(home.json("subscriber", "ls")), None))
        name = row["name"]
        assert name and row["publisher"] == "ingestor" and row["since_ms"] > 0, row
        assert {"mode", "lag", "queue", "credit", "batch", "bytes", "drops"} <= set(row)
        assert home.lines("subscriber", "ls")[0]["id"] == row["id"]
        table = home.run("subscriber", "ls").out.splitlines()
        assert table[0].split() == ["NAME", "MODE", "LAG", "QUEUE", "CREDIT", "BATCH", "BYTES", "DROPS", "SINCE", "AT"]
        assert table[1].startswith(name)
        assert home.json("subscriber", "show", name)[0]["name"] == name
        assert "publisher" in home.run("subscriber", "show", name).out
        assert "no subscriber" in home.run("subscriber", "show", "nobody", code=4).err
        assert "no subscriber" in home.run("subscriber", "kick", "nobody", code=4).err
        assert "did you mean pause" in home.run("subscriber", "pase", name, code=2).err
        home.run("subscriber", "pause", name)
        wait_for("it is held", lambda: subscriber(home, name)["held"])
        seen = len(follower.events())
        session = home.json("session", "ls")[0]["session"]
        home.run("emit", "hello", "--session", session)
        home.run("subscriber", "resume", name, "--id", str(row["id"]))
        wait_for("it gets what came meanwhile",
                 lambda: [e for e in follower.events()[seen:] if e["type"] == "hello"])
        home.run("subscriber", "kick", name)
        wait_for("the drop is told",
                 lambda: [e for e in home.lines("follow", session, "--from", "start", "--end", "--type", "subscriber_*")
                          if e["type"] == "subscriber_dropped" and e["data"]["reason"] == "kicked"])
        assert home.json("subscriber", "positions") == []
        assert "no position" in home.run("subscriber", "forget", "nothing", code=4).err
        follower.process.kill()


def test_without_a_broker():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        follower = Follower(home, "*", "--from", "now")
        wait_for("it is listed", lambda: home.json("subscriber", "ls"))
        home.run("stop", "broker", "--wait")
        assert home.json("subscriber", "ls"), "the broker knows who; nothing else stops with it"
        follower.process.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    run_tests(globals())
