#!/usr/bin/python3
"""test_streams.py BIN [TEST]...: where a stream may begin, what it shows and what it is refused, on a real ingestor."""
import os
import shutil
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Place, end, run_tests, vedette, wait_for  # noqa: E402
from stream_peer import PLENTY, StreamPeer  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
A, B = "a", "b"
MAX = (1 << 64) - 1
STREAMS = ("commit", "live")


class Store(Place):
    """An ingestor on a directory of its own, with two sessions whose events take turns in commits of several."""

    def __init__(self):
        super().__init__()
        self.client, self.process = vedette.Client(self.dir), None
        self.live()
        with self.client.producer("maker", 30.0) as producer:
            for session in (A, B):
                producer.emit("session_started", {"name": session}, session)
        self.more("first")

    def live(self):
        with open(self.path("ingestor.log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "vedette-ingestor"), "--dir", self.dir], stdout=log,
                                            stderr=log)
        wait_for("it answers", lambda: self.client.request("ingestor", "read", "PING", timeout_s=1.0))

    def stop(self):
        assert end(self.process) == 0
        self.client.links.clear()

    def more(self, word, turns=12):
        with self.client.producer("maker", 30.0) as producer:
            for turn in range(turns):
                producer.emit_all([(f"count.{n % 3}", {"word": word, "turn": turn, "n": n}) for n in range(5)],
                                  (A, B)[turn % 2])

    def head(self):
        return self.client.store()["head"]

    def peer(self):
        return StreamPeer(self.client)

    def streams(self):
        return self.client.get("ingestor", "read", "metrics")["subscribers"]

    def log(self):
        with open(self.path("ingestor.log"), encoding="utf-8") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = end(self.process)
        if kind:
            sys.stderr.write(self.log()[-4000:])
        self.client.close()
        self.close()
        assert kind or code == 0, f"the ingestor ended with {code}"


def everything(store):
    with store.peer() as peer:
        assert peer.start()["index"] == 0
        numbers = peer.read(62)
        return numbers, peer.position


def test_resume_from_any_position():
    """With credit for one event at a time every event has a position; from each of them the rest comes, and nothing else."""
    with Store() as store, store.peer() as peer:
        peer.start(items=1)
        positions = [peer.position]
        whole, last = everything(store)
        for count in range(1, len(whole) + 1):
            peer.credit(items=count)
            peer.read(count)
            positions.append(peer.position)
        assert peer.numbers() == whole and peer.position == last, (peer.position, last)
        assert sum(position["offset"] > 0 for position in positions) > len(whole) // 2, "no place inside a commit"
        for count, position in enumerate(positions):
            with store.peer() as again:
                answer = again.start(**position)
                assert again.place(answer) == position, (answer, position)
                assert again.read(len(whole) - count) == whole[count:], position
        for session, seq in whole:
            with store.peer() as again:
                again.start(session=session, seq=seq)
                rest = [row for row in whole if row[0] == session and row[1] >= seq]
                assert again.read(len(rest)) == rest


def test_what_was_read_up_to_the_head_is_gone_on_from():
    """While commits come, frames reach beyond the head that was there at the beginning: what of them was not given is
    still to come."""
    with Store() as store:
        stop = threading.Event()

        def produce():
            with vedette.Client(store.dir) as client, client.producer("busy", 30.0) as producer:
                while not stop.is_set():
                    for session in (A, B):
                        producer.emit_all([("count", {"n": n}) for n in range(3)], session)

        thread = threading.Thread(target=produce)
        thread.start()
        try:
            found = subprocess.run([os.path.join(BIN, "..", "tests", "upto_probe"), store.dir, "1000"], timeout=150,
                                   stdout=subprocess.PIPE, text=True, check=False)
        finally:
            stop.set()
            thread.join()
        assert found.returncode == 0, found.stdout


def bad_starts(stream, place, head):
    """(what, fields of START, the status that is wanted)"""
    place = {**place, "stream": stream}
    rows = [
        ("another store", {**place, "store": "0123456789abcdef"}, "went_back"),
        ("a store that is none", {**place, "store": "nonsense"}, "went_back"),
        ("beyond the head", {**place, "index": head + 1}, "went_back"),
        ("far beyond the head", {**place, "index": MAX}, "went_back"),
        ("inside the commit after the head", {**place, "index": head, "offset": 1}, "went_back"),
        ("another chain", {**place, "chain": place["chain"] ^ 1}, "went_back"),
        ("a chain of 64 bits", {**place, "chain": MAX}, "went_back"),
        ("inside a commit, with the chain of the one before", {**place, "offset": 1}, "went_back"),
        ("a sequence beyond the end", {"session": A, "seq": 10000}, "went_back"),
        ("a sequence of 64 bits", {"session": A, "seq": MAX}, "went_back"),
        ("a sequence without a session", {"seq": 3}, "malformed"),
        ("a session that there is not", {"session": "nobody"}, "unknown_session"),
        ("a session that is no name", {"session": "no name"}, "malformed"),
        ("a session that is too long", {"session": "x" * 65}, "too_large"),
        ("a glob that is too long", {"type": "x" * 65}, "too_large"),
        ("a stream that there is not", {"stream": "sideways"}, "malformed"),
    ]
    return [(f"{stream}: {what}", {"stream": stream, **fields}, status) for what, fields, status in rows]


def test_positions_and_filters_that_cannot_be():
    """Each is told what is wrong and leaves no stream behind; the next one on the same connection is served."""
    with Store() as store, store.peer() as peer:
        whole, _ = everything(store)
        peer.start(items=8)
        peer.read(8)
        peer.start(**{**peer.position, "offset": 0, "chain": 0, "index": 0})
        peer.until("COMMITS")
        place, head = peer.position, store.head()
        peer.stop()
        for what, fields, status in (row for stream in STREAMS for row in bad_starts(stream, place, head)):
            answer = peer.start(**fields)
            assert answer.name in ("STREAM_RESET", "ERROR") and answer["status"] == status, (what, answer)
            if answer.name == "STREAM_RESET":
                assert (answer["first"], answer["head"]) == (1, head), (what, answer)
            assert answer.get("text"), what
            assert not [message for message in peer.quiet(0.05) if message.name == "COMMITS"], what
            wait_for(f"{what}: no stream", lambda: store.streams() == 0)
        peer.start()
        assert peer.read(len(whole)) == whole


def test_filters():
    """By session, by type, by both: what fits comes, in order, with true positions behind it; on both streams alike."""
    with Store() as store, store.peer() as keeper:
        keeper.start(stream="live", head=True)  # memory holds what is committed while there is a live stream
        first = keeper.position
        store.more("second")
        keeper.read(60)
        events, last = [event for event, _ in keeper.events], keeper.position
        for session, glob, wanted in (
                ("", "count.0", lambda event: event.type == "count.0"),
                ("", "*.?", lambda event: True),
                ("", "other", lambda event: False),
                (B, "", lambda event: event.session == B),
                (A, "count.2", lambda event: event.session == A and event.type == "count.2")):
            rest = [(event.session, event.seq) for event in events if wanted(event)]
            for stream in STREAMS:
                with store.peer() as peer:
                    assert peer.start(session=session, type=glob, stream=stream, **first).name == "STARTED"
                    assert peer.read(len(rest)) == rest, (session, glob, stream)
                    wait_for("it has looked at everything", lambda: (peer.next(0.1), peer.position == last)[1])
                    assert peer.numbers() == rest, (session, glob, stream)


def test_no_credit_no_event():
    """Without credit nothing comes but HEAD; with credit for so many, so many; bytes count too, and one event may overdraw."""
    for stream in STREAMS:
        with Store() as store, store.peer() as peer:
            peer.start(items=0, size=PLENTY, head=True, stream=stream)
            before = store.head()
            store.more("second", 3)
            wait_for("the head is told", lambda: any(message.name == "HEAD" and message["head"] > before
                                                     for message in (peer.quiet(0.3), peer.seen)[1]))
            assert not peer.events and {message.name for message in peer.seen} == {"STARTED", "HEAD"}, peer.seen
            peer.credit(items=3)
            peer.read(3)
            assert not [message for message in peer.quiet(0.5) if message.name == "COMMITS"]
            peer.credit(items=8)
            peer.read(8)
            peer.stop()
            wait_for("no stream", lambda: store.streams() == 0)
            peer.start(items=PLENTY, size=1, head=True, stream=stream)
            store.more("third", 1)
            peer.read(1)
            assert not [message for message in peer.quiet(0.5) if message.name == "COMMITS"]
            assert len(peer.events) == 1, "one event may overdraw, no more"


def test_both_streams_of_one_peer():
    """A peer may have one stream of each kind: the second of a kind takes the place of the first, and each has its own credit."""
    with Store() as store, store.peer() as live, store.peer() as other:
        whole, last = everything(store)
        live.start(stream="live", **last)
        first = live.correlation
        live.correlation += 1
        live.events, live.position = [], None
        live.send("START", {"stream": "commit", "items": PLENTY, "bytes": PLENTY})
        assert live.read(len(whole)) == whole, "the commit stream is served beside the live one"
        second, live.correlation = live.correlation, first
        live.events, live.position = [], last
        other.start(stream="live", **last)
        store.more("second", 2)
        assert live.read(10) == other.read(10)
        assert store.streams() == 2, "two peers, whatever their streams"
        live.correlation = second
        live.start(stream="live", head=True)
        for old in (first, second):
            live.send("CREDIT", {"items": PLENTY, "bytes": PLENTY}, correlation=old)
        live.correlation, now = first, live.correlation
        assert live.until("DROP", "HEAD").name == "DROP", "the first live stream is there no more"
        live.correlation = second
        assert live.until("DROP", "HEAD").name == "HEAD", "the commit stream is still there"
        live.correlation, live.position = now, other.position
        store.more("third", 1)
        live.events = []
        assert live.read(5) == other.read(15)[10:]


def stored_rows(store):
    with store.peer() as peer:
        peer.start()
        peer.read(62 + 60)
        return [(event.session, event.seq, event.data) for event, _ in peer.events]


def test_store_that_went_back():
    """An older copy of the store in place of the newer: who knows more than it has is told, and is not served what came
    instead, not even at an index that there is again."""
    with Store() as store:
        copy = store.path("copy")
        with store.peer() as peer:
            peer.start()
            peer.read(62)
            known = peer.position
        store.stop()
        shutil.copytree(os.path.join(store.dir, "store"), copy)
        store.live()
        out, errors = store.path("follow.out"), store.path("follow.err")
        with open(out, "wb") as lines, open(errors, "wb") as problems:
            follow = subprocess.Popen([os.path.join(BIN, "vedette"), "follow", "*", "--from", "start", "-o", "ndjson"],
                                      env=store.environment(), stdout=lines, stderr=problems)
        try:
            follower = store.client.follow("*", start="start")
            store.more("lost")
            for _ in range(62 + 60):
                assert follower.next(30.0) is not None
            wait_for("it shows all", lambda: open(out, encoding="utf-8").read().count("\n") == 62 + 60)
            with store.peer() as peer:
                peer.start()
                peer.read(62 + 60)
                lost = peer.position
            store.stop()
            shutil.rmtree(os.path.join(store.dir, "store"))
            shutil.copytree(copy, os.path.join(store.dir, "store"))
            store.live()
            with store.peer() as peer:
                answer = peer.start(**lost)
                assert (answer.name, answer["status"]) == ("STREAM_RESET", "went_back"), answer
                assert answer["head"] == known["index"], answer
            store.more("instead")
            assert store.head() >= lost["index"], "the index is there again"
            with store.peer() as peer:
                answer = peer.start(**lost)
                assert (answer.name, answer["status"]) == ("STREAM_RESET", "went_back"), answer
                assert not [message for message in peer.quiet(0.2) if message.name == "COMMITS"]
                peer.start(**known)
                peer.read(60)
                assert {event.data["word"] for event, _ in peer.events} == {"instead"}, "what was known is good still"
            try:
                while True:
                    assert (event := follower.next(30.0)) is not None, "the follower is told nothing"
                    assert event.data["word"] != "instead", "served what came instead, and told nothing"
            except vedette.Error as told:
                assert told.status == "went_back", told
            follower.close()
            wait_for("the command says so", lambda: "went back" in open(errors, encoding="utf-8").read())
            rows = stored_rows(store)
            wait_for("and shows what is there now", lambda: open(out, encoding="utf-8").read().count("\n") >= 2 * len(rows))
        finally:
            follow.kill()
            follow.wait()


run_tests(globals())
