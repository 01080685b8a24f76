#!/usr/bin/python3
"""test_relay.py BIN [TEST]...: relays between an ingestor and many subscribers, all of them real processes."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home  # noqa: E402
from harness import Actors, run_tests, state_of, vedette, wait_for  # noqa: E402
from stream_peer import PLENTY, StreamPeer  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SMALL = "[relay]\nrecent_bytes = 65536\nwindows_bytes = 1048576\n"
A, B = "a", "b"


class Relayed(Actors):
    """An ingestor with two sessions, and relay-1 that reads from it."""

    def __init__(self, config=""):
        super().__init__(BIN, config)
        self.client = vedette.Client(self.dir)
        os.makedirs(self.dir, 0o700)
        self.start("ingestor")
        self.answers("ingestor")
        with self.client.producer("maker", 30.0) as producer:
            for session in (A, B):
                producer.emit("session_started", {"name": session}, session)
        self.relay()

    def relay(self, name="relay-1"):
        self.start(name, "relay")
        self.answers(name)

    def answers(self, name):
        wait_for(f"{name} answers", lambda: self.client.request(name, "read", "PING", timeout_s=1.0))

    def write(self, frames, size=40, count=8):
        """Writes so many frames of `count` events, in turns into both sessions."""
        with self.client.producer("maker", 30.0) as producer:
            for frame in range(frames):
                producer.emit_all([("count", {"frame": frame, "n": n, "filling": "x" * size}) for n in range(count)],
                                  (A, B)[frame % 2], 30.0)

    def metrics(self, name="relay-1"):
        return self.client.get(name, "read", "metrics")

    def head(self):
        return self.client.store()["head"]

    def peer(self, actor="relay-1"):
        return StreamPeer(self.client, actor)

    def history(self, **start):
        """Every (session, seq) that the ingestor itself shows from there on."""
        with self.peer("ingestor") as peer:
            peer.start(**start)
            numbers = whole(peer, self.head())
            peer.send("STOP")
            peer.until("DONE")
            return numbers

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        codes = self.stop()
        if kind:
            sys.stderr.write(self.logs())
        self.client.close()
        self.close()
        assert kind or set(codes.values()) == {0}, codes


def whole(peer, head):
    """Everything up to the head."""
    while peer.position["index"] < head:
        assert peer.next(30.0) is not None, peer.position
        peer.credit()
    return peer.numbers()


def test_one_stream_goes_up():
    """However many read here, the ingestor has one subscriber; each has the ingestor's own history."""
    with Relayed() as run:
        run.write(20)
        wait_for("the relay reads", lambda: run.client.get("ingestor", "read", "metrics")["subscribers"] == 1)
        peers = [run.peer() for _ in range(32)]
        for peer in peers:
            assert peer.start().name == "STARTED"
        run.write(50)
        history = run.history()
        assert len(history) == 2 + 70 * 8
        for peer in peers:
            assert whole(peer, run.head()) == history
        assert run.metrics()["subscribers"] == 32
        wait_for("one stream", lambda: run.client.get("ingestor", "read", "metrics")["subscribers"] == 1)
        for peer in peers:
            peer.close()


def test_old_positions_through_a_small_cache():
    """What memory does not hold is asked for; from each position, of all sessions or one, comes what the ingestor has."""
    with Relayed(SMALL) as run:
        run.write(160, size=4000)
        with run.peer("ingestor") as peer:
            peer.start(items=1)
            positions = [peer.position]
            for count in range(1, 100):
                peer.credit(items=count)
                peer.read(count)
                positions.append(peer.position)
        starts = [dict(position) for position in positions[::20]]
        starts += [{"session": session, "seq": seq} for session in (A, B) for seq in (1, 7, 500)]
        starts += [{}, {"session": A}, {"session": B, "type": "session_*"}]
        peers = []
        for start in starts:
            peers.append(run.peer())
            with run.peer("ingestor") as direct:
                wanted, got = direct.start(items=1, **start), peers[-1].start(**start)
            assert (got.name, direct.place(wanted)) == ("STARTED", direct.place(got)), (start, wanted, got)
        head = run.head()
        for peer, start in zip(peers, starts):
            assert whole(peer, head) == run.history(**start), start
            peer.close()
        metrics = run.metrics()
        assert metrics["windows_asked"] > 10 and metrics["windows_bytes"] <= 2 << 20, metrics
        assert metrics["recent_bytes"] <= 65536, metrics


def test_refusals_are_the_ingestors():
    """What the ingestor refuses is refused here, with the same status and text."""
    with Relayed() as run:
        run.write(5)
        with run.peer("ingestor") as peer:
            peer.start(items=3)
            peer.read(3)
            place, head = peer.position, run.head()
        bad = [{**place, "store": "0123456789abcdef"}, {**place, "index": head + 1}, {**place, "chain": place["chain"] ^ 1},
               {**place, "index": head, "offset": 1}, {"session": A, "seq": 10000}, {"seq": 3}, {"session": "nobody"},
               {"session": "no name"}]
        for start in bad:
            with run.peer("ingestor") as direct, run.peer() as peer:
                wanted, got = direct.start(**start), peer.start(**start)
                fields = ("status", "text", "first", "head")
                assert got.name == wanted.name and got.name != "STARTED", (start, wanted, got)
                assert [got.get(name) for name in fields] == [wanted.get(name) for name in fields], (start, wanted, got)


def test_requests_are_handed_on():
    """Sessions, the store and kept positions are the ingestor's."""
    with Relayed() as run:
        run.write(3)
        for name, fields in (("SESSIONS", {}), ("STORE", {}), ("VERIFY", {})):
            wanted = run.client.request("ingestor", "read", name, fields)
            got = run.client.request("relay-1", "read", name, fields)
            assert (got.name, got.payload) == (wanted.name, wanted.payload), (got, wanted)
        with run.peer() as peer:
            peer.start()
            whole(peer, run.head())
            assert run.client.request("relay-1", "read", "SAVE_POSITION",
                                      {"name": "reader", **peer.position}).name == "DONE"
            kept = run.client.request("ingestor", "read", "LOAD_POSITION", {"name": "reader"})
            assert {name: kept[name] for name in peer.position} == peer.position
        try:
            run.client.request("relay-1", "read", "PRUNE", {})
            raise AssertionError("a relay prunes nothing")
        except vedette.Error as error:
            assert error.status == "unsupported", error


def test_ingestor_killed():
    """What is in memory is served without the ingestor, and said to be all; with the next one everything goes on."""
    with Relayed() as run:
        run.write(30)
        wait_for("the relay has it", lambda: run.metrics()["head"] == run.head())
        head, history = run.head(), run.history()
        with run.peer() as before, run.peer() as during:
            before.start()
            whole(before, head)
            position = {**before.position, "index": head}
            run.kill("ingestor")
            run.client.links.clear()
            trouble = wait_for("it says so",
                               lambda: run.client.request("relay-1", "read", "PING", timeout_s=1.0).get("trouble"))
            assert "ingestor" in trouble, trouble
            during.start(**position)
            assert during.until("HEAD", timeout_s=10.0)["head"] == head
            assert before.until("HEAD", timeout_s=10.0)["head"] == head
            try:
                run.client.request("relay-1", "read", "STORE", {}, timeout_s=15.0)
                raise AssertionError("nobody can know")
            except vedette.Error as error:
                assert error.status == "not_ready", error
            run.start("ingestor")
            run.answers("ingestor")
            run.write(10)
            assert whole(before, run.head()) == run.history()
            assert len(whole(during, run.head())) == len(run.history()) - len(history)
        wait_for("all is well", lambda: not run.client.request("relay-1", "read", "PING").get("trouble"))


def test_relay_stopped():
    """A relay that stands still and goes on has missed nothing."""
    with Relayed(SMALL) as run, run.peer() as peer:
        peer.start()
        run.write(10)
        whole(peer, run.head())
        process = run.processes["relay-1"]
        process.send_signal(signal.SIGSTOP)
        wait_for("it is stopped", lambda: state_of(process.pid) == "T")
        run.write(400, size=1000)
        process.send_signal(signal.SIGCONT)
        assert whole(peer, run.head()) == run.history()


def test_behind_another_relay():
    """A relay can read from a relay; old positions are asked for through both."""
    with Relayed(SMALL + 'upstream = "relay-1"\n') as run:
        run.relay("relay-2")
        run.write(300, size=500)
        with run.peer("relay-2") as newest, run.peer("relay-2") as oldest:
            newest.start(head=True)
            oldest.start()
            begin = len(run.history())
            run.write(40)
            history = run.history()
            assert whole(oldest, run.head()) == history
            assert whole(newest, run.head()) == history[begin:]
        wait_for("one stream", lambda: run.client.get("ingestor", "read", "metrics")["subscribers"] == 1)


def test_in_a_runtime():
    """The supervisor starts as many as the configuration says; the command line shows them like any actor."""
    with Home(BIN) as home:
        home.configure("[relay]\nprocesses = 2\n[observers.services]\nenabled = false\n")
        home.run("up", "--detach", "--wait", "--config", home.config)
        rows = {row["name"]: row for row in home.json("ps")}
        assert [rows[name]["kind"] for name in ("relay-1", "relay-2")] == ["relay", "relay"], rows
        assert {rows[name]["state"] for name in ("relay-1", "relay-2")} == {"ready"} and "relay-3" not in rows, rows
        home.run("doctor")
        counted = {row["name"]: row for row in home.json("metrics")}
        assert counted["relay-1"]["kind"] == "relay" and "windows_asked" in str(counted["relay-1"]), counted
        home.run("kill", "relay-1")
        wait_for("it is back", lambda: {row["name"]: row for row in home.json("ps")}["relay-1"]["state"] == "ready")
        with vedette.Client(home.dir) as client, StreamPeer(client, "relay-1") as peer:
            peer.start(session=client.newest_session(), seq=1, name="reader")
            peer.read(3)
            wait_for("it is seen", lambda: [row["publisher"] for row in home.json("subscriber", "ls")
                                            if row["name"] == "reader"] == ["relay-1"])
            home.run("subscriber", "kick", "reader")
            assert peer.until("DROP")["status"] == "kicked"


if __name__ == "__main__":
    assert PLENTY > 0
    run_tests({**globals()})
