#!/usr/bin/python3
"""test_store.py: the event store as producers, readers and people at a prompt meet it: the order of a session, records
that are stored once, states of observers, pruning by hand and by policy, outages that are told."""
import json
import os
import resource
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, run_tests, wait_for  # noqa: E402
import msgpack  # noqa: E402
import vedette  # noqa: E402
from vedette.catalogue import LIMITS  # noqa: E402

BIN = sys.argv[1]


class Store(Actors):
    """An ingestor alone."""

    def __init__(self, config=""):
        super().__init__(BIN, config)
        self.begin()
        self.client = vedette.Client(self.dir)
        self.writer = self.client.producer("writer")

    def begin(self):
        self.start("ingestor")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.writer.link.close()
        self.client.close()
        self.stop()
        if kind:
            sys.stderr.write(self.logs())
        self.close()

    def again(self):
        """Killed, and begun again."""
        self.kill("ingestor")
        self.begin()
        wait_for("the ingestor is back", lambda: self.client.request("ingestor", "emit", "PING"))

    def cli(self, *arguments, code=0):
        done = subprocess.run([os.path.join(BIN, "vedette"), *arguments], env=self.environment(), text=True,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == code, f"vedette {' '.join(arguments)}: {done}"
        return done.stdout

    def session(self, name, **data):
        self.writer.emit("session_started", data, session=name)
        return name

    def finish(self, name, **data):
        self.writer.emit("session_ended", {"status": "completed", **data}, session=name)

    def events(self, session):
        row, = self.client.sessions(session=session)
        follower = self.client.follow(session, start="start")
        events = [follower.next(10.0) for _ in range(row["last_seq"])]
        follower.close()
        return events

    def states(self):
        return {row["session"]: row["state"] for row in self.client.sessions(rows_max=1000)}

    def disk_bytes(self):
        # A file that a compaction removes meanwhile is an error of du, which counts the others all the same.
        found = subprocess.run(["du", "-sk", os.path.join(self.dir, "store")], capture_output=True, text=True, check=False)
        return int(found.stdout.split()[0]) * 1024


def test_session_started_commits_as_1_and_ten_events_are_ten_sequential_records():
    with Store() as store:
        assert store.writer.emit("session_started", {"name": "ten"}, session="s") == ("s", 1)
        for number in range(2, 12):
            assert store.writer.emit("count", {"n": number}, session="s") == ("s", number)
        events = store.events("s")
        assert [event.seq for event in events] == list(range(1, 12))
        assert [event.data["n"] for event in events[1:]] == list(range(2, 12))
        store.again()
        assert [event.raw for event in store.events("s")] == [event.raw for event in events]


def test_session_ended_is_last():
    with Store() as store:
        store.session("s")
        store.finish("s", text="done")
        for type in ("late", "session_ended", "session_started"):
            try:
                store.writer.emit(type, {}, session="s")
            except vedette.Error as error:
                assert error.status in ("session_closed", "session_exists"), error
            else:
                raise AssertionError(f"{type} was taken behind the end")
        assert [event.type for event in store.events("s")] == ["session_started", "session_ended"]
        row, = store.client.sessions(session="s")
        assert (row["state"], row["text"], row["last_seq"]) == ("completed", "done", 2), row


def test_a_session_tells_of_itself():
    with Store() as store:
        store.session("a", command="make -j8 all")
        store.session("b", continues="a", labels={"host": "here"})
        store.writer.emit("session_status", {"text": "half way", "snapshot": {"done": 5}}, session="b")
        store.writer.emit("session_status", {"text": "nearly there"}, session="b")
        store.finish("a", continued_by="b")
        shown = json.loads(store.cli("session", "show", "a", "-o", "json"))
        assert (shown["command"], shown["continued_by"]) == ("make -j8 all", "b"), shown
        shown = json.loads(store.cli("session", "show", "b", "-o", "json"))
        assert (shown["text"], shown["status"], shown["continues"]) == ("nearly there", {"done": 5}, "a"), shown
        assert shown["bytes"] == run_bytes(store.events("b")), shown
        rows = store.client.sessions()
        store.again()
        assert store.client.sessions() == rows, rows


def run_bytes(events):
    """Of the entries of a run: a checksum of five bytes, the head of a bin, the event."""
    return sum(5 + (2 if len(event.raw) < 256 else 3) + len(event.raw) for event in events)


def test_rows_that_take_much_reading_come_in_several_answers():
    with Store() as store:
        names = [f"s{number:02}" for number in range(18)]
        for name in names:
            large = [("filler", os.urandom(250000)) for _ in range(4)]
            store.writer.emit_all([("session_started", {"command": f"make {name}"}), *large], session=name)
        answer = store.client.request("ingestor", "read", "SESSIONS", {"rows_max": 100})
        assert 0 < answer["count"] < len(names) and answer["more"], answer.fields
        rows = json.loads(store.cli("session", "ls", "-o", "json"))
        assert [(row["session"], row["command"]) for row in rows] == [(name, f"make {name}") for name in names[::-1]], rows


def test_a_record_is_stored_once_whichever_process_emits_it():
    with Store() as store:
        store.session("s")
        first = store.cli("emit", "deploy", "-s", "s", "--record", "deploy#7", "--data", '{"n":1}')
        again = store.cli("emit", "deploy", "-s", "s", "--record", "deploy#7", "--data", '{"n":2}')
        assert first.split() == ["s:2"] and again.split()[0] == "s:2" and "stored before" in again, (first, again)
        shown = json.loads(store.cli("emit", "deploy", "-s", "s", "--record", "deploy#7", "-o", "json"))
        assert shown == {"session": "s", "seq": 2, "exists": True}, shown
        store.again()
        with store.client.producer("python") as producer:
            assert producer.emit("deploy", {"n": 3}, session="s", record="deploy#7") == ("s", 2)
            assert producer.emit("deploy", {"n": 4}, session="s", record="deploy#8") == ("s", 3)
            assert producer.emit_all([("x", 1), ("y", 2)], session="s", record="two") == ("s", 5)
            assert producer.emit_all([("x", 1), ("y", 2)], session="s", record="two") == ("s", 5)
            assert producer.emit("z", {}, session="s") == ("s", 6)
        assert [event.data.get("n") for event in store.events("s") if event.type == "deploy"] == [1, 4]
        store.cli("emit", "x", "-s", "s", "--record", "no name", code=2)


def fill(store, sessions, events=10, size=2000):
    for name in sessions:
        store.session(name)
        for _ in range(events):
            store.writer.emit_all([("filler", os.urandom(size)) for _ in range(50)], session=name)
        store.finish(name)


def test_pruning_by_count_frees_disk_and_leaves_what_is_active():
    with Store() as store:
        store.session("active")
        store.session("before")
        store.finish("before")
        store.session("after", continues="before")
        fill(store, [f"s{i}" for i in range(8)])
        wait_for("the disk has it", lambda: store.disk_bytes() > 7_000_000)
        full = store.disk_bytes()
        would = json.loads(store.cli("session", "prune", "--keep", "2", "--dry-run", "-o", "json"))
        assert would["ids"] == [f"s{i}" for i in range(6)], would
        assert len(store.states()) == 11
        pruned = json.loads(store.cli("session", "prune", "--keep", "2", "-o", "json"))
        assert pruned["ids"] == would["ids"] and pruned["events"] == 6 * 502, pruned
        assert store.states() == {"active": "active", "before": "completed", "after": "active", "s6": "completed",
                                  "s7": "completed"}
        store.cli("session", "prune", "active", code=1)
        store.cli("session", "prune", "before", code=1)  # `after` goes on from it
        wait_for("the disk is freed", lambda: store.disk_bytes() < full / 2)
        store.again()
        store.cli("session", "prune", "before", code=1)  # also when that is read from the store
        before = store.client.sessions(session="s7")[0]["last_index"]
        assert store.writer.emit("more", {}, session="active") == ("active", 2)
        assert store.client.sessions(session="active")[0]["last_index"] > before, "indices go on"
        assert len(store.events("s7")) == 502
        checked = store.client.verify()
        assert not checked["damage"] and checked["events"] == 2 * 502 + 5, checked


def test_pruning_frees_disk_from_tables_while_appends_go_on_and_after_a_kill():
    with Store() as store:
        store.session("active")
        for name in ("first", "second"):
            store.session(name)
            for _ in range(15):
                store.writer.emit_all([("filler", os.urandom(200000)) for _ in range(4)], session=name)
            store.finish(name)
        store.again()  # what the log held is in tables now
        full = store.disk_bytes()
        assert full > 24_000_000, full
        store.client.prune("first")
        appended = 0
        while appended == 0 or store.disk_bytes() > full - 11_000_000:
            store.writer.emit("meanwhile", {"n": appended}, session="active")
            appended += 1
            assert appended < 20000, f"the disk is not freed: {store.disk_bytes()} of {full} bytes"
        store.client.prune("second")
        store.again()  # wherever it was
        wait_for("the rest is freed", lambda: store.disk_bytes() < full - 22_000_000)
        assert len(store.events("active")) == 1 + appended


def test_a_pruned_position_is_answered_with_reset():
    with Store() as store:
        store.session("old")
        reader = store.client.follow("*", start="start")
        assert reader.next(10.0).type == "session_started"
        position = reader.position
        reader.close()
        store.finish("old")
        store.session("new")
        for number in range(20):
            store.writer.emit("x", number, session="new")
        store.finish("new")
        store.session("open")
        store.client.prune(older_than_s=0.001)
        assert sorted(store.states()) == ["open"]

        wait_for("the leading commits are gone", lambda: reset(store, session="*", position=position))
        whole = store.client.follow("*", start="start")
        assert whole.next(10.0).session == "open"
        whole.close()
    with Store() as store:
        store.session("active")  # its commit stays before those of what is pruned
        store.session("old")
        store.finish("old")
        store.client.prune("old")
        wait_for("a follower of it is told", lambda: reset(store, session="old", start="start"))
        wait_for("who reads past them is told", lambda: missing(store) == ("pruned", "old", 1))
        try:
            store.session("old")
        except vedette.Error as error:
            assert error.status == "session_exists", error


def reset(store, **how):
    """Is a follower told that what it asks for was pruned?"""
    follower = store.client.follow(**how)
    try:
        follower.next(2.0)
    except vedette.Reset as told:
        return "pruned" in str(told)
    finally:
        follower.close()
    return False


def missing(store):
    """What a follower of everything is told that is not there."""
    follower = store.client.follow("*", start="start")
    try:
        while follower.next(1.0) is not None:
            pass
    except vedette.Missing as told:
        return told.status, told.session, told.first
    finally:
        follower.close()
    return None


class Keeper:
    """Keeps states of an observer in session s."""

    def __init__(self, store):
        self.store = store

    def request(self, name, fields, payload=b""):
        fields = {"observer": "o", "session": "s", **fields}
        return self.store.client.request("ingestor", "read", name, fields, payload)

    def tail(self):
        found = self.store.client.store()
        return {"store": found["store"], "index": found["head"], "chain": found["chain"], "offset": 0}

    def save(self, at, state, **more):
        self.request("SAVE_SNAPSHOT", {**at, "seq": 1, "cycle": 1, "at_ms": 1, **more}, msgpack.packb(state))

    def load(self, **more):
        """(index of its position, state)"""
        found = self.request("LOAD_SNAPSHOT", more)
        return found["index"], msgpack.unpackb(found.payload)


def refused(call):
    """Why."""
    try:
        call()
    except vedette.Error as error:
        return error.status
    return None


def test_states_outlive_a_kill_and_go_with_their_session():
    with Store() as store:
        keeper = Keeper(store)
        store.session("s")
        first = keeper.tail()
        keeper.save(first, {"n": 1})
        store.writer.emit("more", {}, session="s")
        second = keeper.tail()
        keeper.save(second, {"n": 2, "bulk": "x" * 500000}, keep=2)
        store.again()
        assert keeper.load()[0] == second["index"]
        assert keeper.load(below=second["index"]) == (first["index"], {"n": 1})
        stats = store.client.store()
        assert stats["states"] == 2 and 500000 < stats["state_bytes"] < 501000, stats
        keeper.save(second, {"n": 2, "bulk": "x" * 6000000}, keep=2)  # more than a frame of any other kind
        assert store.client.store()["state_bytes"] > 6000000
        keeper.save(second, {"n": 2, "bulk": "x" * 500000}, keep=2)
        assert refused(lambda: keeper.save({**second, "index": second["index"] + 1}, {})) == "went_back"
        assert refused(lambda: keeper.save(second, {}, session="t")) == "unknown_session"
        assert refused(lambda: keeper.save(second, "x" * LIMITS["STATE_BYTES_MAX"])) == "too_large"
        store.finish("s")
        store.client.prune("s")
        # Until its commits are gone, too, it is known that there was such a session.
        assert refused(keeper.load) in ("pruned", "not_found")
        assert refused(lambda: keeper.save(second, {})) in ("pruned", "unknown_session")
        wait_for("they are gone", lambda: store.client.store().get("states", 0) == 0)


def test_pruning_by_age():
    with Store() as store:
        fill(store, ["a"], events=1)
        fill(store, ["b"], events=1)
        assert store.client.prune(older_than_s=3600)["ids"] == []
        assert store.client.prune(older_than_s=0.001, keep=1)["ids"] == ["a"], "both limits have to allow it"
        wait_for("b is old", lambda: store.client.prune(older_than_s=0.5)["ids"] == ["b"])
        assert store.states() == {}


def test_the_policy_prunes_by_itself():
    with Store("[ingestor]\nprune_keep = 2\n") as store:
        store.session("open")
        fill(store, [f"s{i}" for i in range(5)], events=1)
        wait_for("three are gone", lambda: sorted(store.states()) == ["open", "s3", "s4"])
        assert store.client.get("ingestor", "emit", "metrics")["sessions_pruned"] == 3
    with Store('[ingestor]\nprune_older_than = "5s"\n') as store:
        store.session("open")
        fill(store, ["a", "b"], events=1)
        assert sorted(store.states()) == ["a", "b", "open"]
        wait_for("both are gone", lambda: sorted(store.states()) == ["open"])


def test_an_outage_is_shown_and_told():
    with Store() as store:
        store.session("s")
        store.session("ended")
        store.finish("ended")
        pid = store.processes["ingestor"].pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1 << 16, hard))
        with store.client.producer("filler") as filler:
            def fails():
                try:
                    filler.emit("x", os.urandom(20000), session="s", timeout_s=0.2)
                except vedette.Unreachable:
                    return True
            def trouble():
                return store.client.request("ingestor", "emit", "PING").get("trouble")
            wait_for("the store is full", lambda: fails() and trouble())
            shown = wait_for("the trouble is shown", lambda: (shown := json.loads(
                store.cli("session", "show", "s", "-o", "json"))).get("trouble", "") == trouble() and shown)
            assert shown["state"] == "active", shown
            assert "trouble" not in json.loads(store.cli("session", "show", "ended", "-o", "json"))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        wait_for("it writes again", lambda: not trouble())
        store.writer.emit("y", {}, session="s")
        assert "trouble" not in json.loads(store.cli("session", "show", "s", "-o", "json"))
        told = [event for event in store.events("s") if event.type == "ingest_interrupted"]
        assert told and all(event.data["from"] <= event.data["to"] and event.data["text"] for event in told), told
        assert len(store.events("ended")) == 2


def test_durability_is_set_and_told():
    with Store() as store:
        assert store.client.store()["durability"] == "power"
    with Store('[ingestor]\ndurability = "process"\n') as store:
        assert store.client.store()["durability"] == "process"
        store.session("s")
        store.writer.emit("x", 1, session="s")
        store.again()
        assert len(store.events("s")) == 2, "the death of the process loses nothing"
    done = subprocess.run([os.path.join(BIN, "vedette-ingestor"), "--check-config", "--config", "/dev/stdin"],
                          input='[ingestor]\ndurability = "never"\n', text=True, capture_output=True, check=False)
    assert done.returncode == 2 and '"power" or "process"' in done.stderr, done


def test_interrupted_is_not_pruned():
    store = EARLY
    store.session("free")
    store.finish("free")
    wait_for("interrupted", lambda: store.states()["owned"] == "interrupted", timeout_s=45)
    store.cli("session", "prune", "owned", code=1)
    assert store.client.prune(older_than_s=0.001)["ids"] == ["free"]
    assert [event.type for event in store.events("owned")] == ["session_started"], "it stays readable"


if __name__ == "__main__":
    with Store() as EARLY:  # whose owner has time to be silent for long while the other tests run
        with EARLY.client.producer("owner") as owner:
            owner.emit("session_started", {"owner": True}, session="owned")
        run_tests(globals())
