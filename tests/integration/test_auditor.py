#!/usr/bin/python3
"""test_auditor.py BIN [TEST]...: the auditor in a runtime that is killed in pieces, and in one that lies."""
import os
import shutil
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zmq  # noqa: E402
from cli_harness import Home  # noqa: E402
from harness import run_tests, vedette, wait_for  # noqa: E402
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
CONFIG = """
[auditor]
processes = 1
canary = "200ms"
[relay]
processes = 1
[observers.services]
enabled = false
"""
# What a runtime of a few seconds gives occasion to check.
CHECKED = ("commit_index", "commit_chain", "commit_time", "commit_epoch", "event_checksum", "store_whole", "store_kept",
           "head_grows", "session_sequence", "session_begins", "acknowledged_stored", "live_same", "published_same",
           "relay_same", "relay_head", "positions_held", "observer_position", "one_poller", "one_incarnation",
           "restarts_told")


class Writer:
    """Writes events without a pause, into sessions that begin and end, whatever is killed meanwhile."""

    def __init__(self, home):
        self.home, self.ending, self.written = home, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with vedette.Client(self.home.dir) as client, client.producer("writer", 60.0) as producer:
            number = 0
            while not self.ending.is_set():
                number += 1
                session = f"written-{os.getpid()}-{number}"
                producer.emit("session_started", {"name": session}, session, timeout_s=60.0)
                for n in range(100):
                    producer.emit_all([("tick", {"n": n, "filling": "x" * 50})] * 4, session, 60.0)
                    self.written += 4
                    time.sleep(0.002)
                producer.emit("session_ended", {"status": "completed"}, session, timeout_s=60.0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(90)
        assert not self.thread.is_alive()


def audit(home):
    """The table, by name."""
    rows = {row["name"]: row for row in home.json("audit")["invariants"]}
    for row in rows.values():
        assert row["violated"] == 0, row
    return rows


def violated(home, name):
    """The row of an invariant that is violated, or None."""
    rows = [row for row in vedette_audit(home) if row["name"] == name and row["violated"]]
    return rows[0] if rows else None


def vedette_audit(home):
    with vedette.Client(home.dir) as client:
        return client.get("auditor", "requests", "audit")["invariants"]


def kill(home, name):
    pid = home.actor(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(f"{name} is back", lambda: home.actor(name).get("state") == "ready" and home.actor(name)["pid"] != pid)


def up(home):
    home.configure(CONFIG)
    home.run("up", "--detach", "--wait", "--config", home.config)
    wait_for("it checks", lambda: home.json("audit")["from"] > 0)


def unchecked(home):
    return [name for name in CHECKED if audit(home)[name]["checked"] == 0]


def kills_are_no_violation(home):
    up(home)
    with vedette.Client(home.dir) as client, Writer(home) as writer:
        at = client.store()
        client.request("ingestor", "read", "SAVE_POSITION", {
            "name": "somebody", "store": at["store"], "index": at["head"], "offset": 0, "chain": at["chain"]})
        for name in ("ingestor", "relay-1", "poller-1", "broker"):
            kill(home, name)
        wait_for("everything was checked", lambda: not unchecked(home), 40)
        before = writer.written
        kill(home, "auditor")
        wait_for("it has begun again", lambda: home.json("audit")["from"] > at["head"])
        wait_for("the writer goes on", lambda: writer.written > before + 100)
    wait_for("it has come to the head", lambda: home.json("audit")["position"] == home.json("audit")["head"] > 0)
    audit(home)
    numbers = home.json("metrics", "auditor")
    assert numbers["checked_from"] > 0 and numbers["violated_commit_chain"] == 0, numbers
    supervisor = home.json("status")["pid"]
    os.kill(supervisor, signal.SIGKILL)
    wait_for("all are gone", lambda: home.run("status", code=None).code != 0)
    wait_for("it is up again", lambda: home.run("up", "--detach", "--wait", "--config", home.config,
                                                code=None).code == 0)
    wait_for("it checks", lambda: home.json("audit")["from"] > 0)
    assert "violated" not in home.run("doctor").out
    lines = home.lines("audit")
    assert {line["name"] for line in lines} >= set(CHECKED) and "MEANING" in home.run("audit").out


class FalseRelay:
    """Registers as a relay, and tells of every position that it has another chain."""

    def __init__(self, home, client):
        self.home, self.client, self.ending = home, client, threading.Event()
        self.socket = client.context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(client.endpoint("relay-9", "read"))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def register(self):
        self.client.request("broker", "control", "REGISTER", {
            "name": "relay-9", "kind": "relay", "inc": 99, "pid": os.getpid(),
            "endpoints": [{"port": "read", "endpoint": self.client.endpoint("relay-9", "read")}]})

    def run(self):
        with vedette.Client(self.home.dir) as client:
            while not self.ending.is_set():
                if not self.socket.poll(100):
                    continue
                peer, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
                message = wire.unpack_message(frames)
                if message.name != "START":
                    continue
                at = client.store()
                self.socket.send_multipart([peer, *wire.pack_message("STARTED", {
                    "store": at["store"], "index": at["head"], "offset": 0, "chain": at["chain"] ^ 1,
                    "head": at["head"]}, correlation=message.correlation)])

    def close(self):
        self.ending.set()
        self.thread.join(10)
        self.socket.close(0)


def what_is_wrong_is_said(home):
    store = os.path.join(home.dir, "store")
    with vedette.Client(home.dir) as client:
        session = client.newest_session()
        relay = FalseRelay(home, client)
        try:
            wait_for("the false relay is found", lambda: relay.register() or violated(home, "relay_same"), 40)
        finally:
            relay.close()
        found = violated(home, "relay_same")
        assert "relay-9" in found["text"] and "the store has chain" in found["evidence"], found
        assert violated(home, "relay_head") is None and violated(home, "live_same") is None
        home.run("stop", "ingestor")
        wait_for("it is down", lambda: home.actor("ingestor")["state"] == "stopped")
        shutil.copytree(store, store + "-old")
        home.run("start", "ingestor")
        with client.producer("writer", 30.0) as producer:
            producer.emit("session_started", {"name": "lost"}, "lost", timeout_s=30.0)
        position = client.store()["head"]
        wait_for("it is read", lambda: client.get("auditor", "requests", "audit")["position"] >= position)
        home.run("stop", "ingestor")
        wait_for("it is down", lambda: home.actor("ingestor")["state"] == "stopped")
        shutil.rmtree(store)
        os.rename(store + "-old", store)
        home.run("start", "ingestor")
        wait_for("it is found", lambda: violated(home, "store_kept"), 40)
        found = violated(home, "store_kept")
        assert "went back" in found["text"] and client.store()["store"] in found["evidence"], found

        def told():
            return {event.data["invariant"] for event in client.export(session)
                    if event.type == "invariant_violated"}
        wait_for("it stands in the session", lambda: "store_kept" in told(), 40)
    done = home.run("audit", code=1)
    assert found["text"] in done.out and found["evidence"] in done.out, done
    assert "vedette audit" in home.actor("auditor")["reason"], home.actor("auditor")
    assert "violated: relay_same" in home.run("status").out
    wait_for("it is a part of the health", lambda: "audit: " in home.run("top", "-b", "-n", "1").out)
    assert "audit" in home.run("doctor", code=1).out


def test_it_says_violated_when_something_is_and_never_else():
    with Home(BIN) as home:
        kills_are_no_violation(home)
        what_is_wrong_is_said(home)


if __name__ == "__main__":
    run_tests({**globals()})
