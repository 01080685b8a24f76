#!/usr/bin/python3
"""test_relay.py BIN [TEST]...: relays between an ingestor and many subscribers, all of them real processes."""
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home  # noqa: E402
from harness import TOP, Actors, run_tests, state_of, vedette, wait_for  # noqa: E402
from stream_peer import PLENTY, StreamPeer  # noqa: E402

sys.path.insert(0, os.path.join(TOP, "tools", "examples", "etcd"))
import etcd_cluster  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SMALL = "[relay]\nrecent_bytes = 65536\nwindows_bytes = 1048576\n"
A, B = "a", "b"


class Relayed(Actors):
    """An ingestor with two sessions, and relay-1 that reads from it."""

    def __init__(self, config="", session=None):
        super().__init__(BIN, config, session)
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
    """A relay can read from a relay, at the endpoint that this one binds; old positions are asked for through both."""
    endpoint = f"tcp://127.0.0.1:{etcd_cluster.free_port(set())}"
    with Relayed(SMALL + f'upstream = "{endpoint}"\n[network]\nbind = ["relay-1.read={endpoint}"]\n') as run:
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


def test_live_stream():
    """What is committed is pushed at once; what memory holds no more is a matter of the commit stream."""
    with Relayed(SMALL) as run, run.peer() as peer, run.peer() as late:
        run.write(3)
        begin = peer.start(stream="live", head=True)
        assert begin.name == "STARTED" and begin["index"] == run.head(), begin
        place = peer.place(begin)
        run.write(4)
        peer.read(32)
        run.write(100, size=2000)
        wait_for("the relay has it", lambda: run.metrics()["head"] == run.head())
        answer = late.start(stream="live", **place)
        assert answer.name == "USE_COMMITS" and answer["from"] == place["index"] + 1, answer
        assert place["index"] + 1 < answer["live"] <= run.head() == answer["head"], answer


def test_operators():
    """An operator who ends the relay's own stream costs its subscribers nothing; one who holds it stops the flow."""
    with Relayed() as run, run.peer() as peer:
        peer.start()
        run.write(3)
        whole(peer, run.head())
        steer = lambda verb: run.client.request("ingestor", "streams", "STEER", {"verb": verb, "name": "relay-1"})
        steer("kick")
        run.write(3)
        assert whole(peer, run.head()) == run.history()
        steer("pause")
        before, resets = len(peer.numbers()), run.metrics()["resets"]
        run.write(3)
        assert not [message for message in peer.quiet(1.5) if message.name == "COMMITS"]
        steer("resume")
        assert whole(peer, run.head()) == run.history() and len(peer.numbers()) == before + 24
        assert resets == 0


def test_modes_and_drops_are_events_here_too():
    """What a subscriber of a relay goes through stands in the session of the runtime, as if the ingestor served it; also
    through a relay behind the relay."""
    with Relayed(SMALL + 'upstream = "relay-1"\n', "run-1") as run:
        run.start("relay-2", "relay")
        run.answers("relay-2")
        with run.client.producer("maker", 30.0) as producer:
            producer.emit("session_started", {"name": "run"}, "run-1", 30.0)
        for relay in ("relay-1", "relay-2"):
            name = f"reader-{relay}"

            def told(type_, name=name):
                return [event for event in run.client.export("run-1") if event.type == type_ and event.data["name"] == name]

            with run.peer(relay) as peer:
                assert peer.start(name=name, stream="live", head=True, mode="live_only").name == "STARTED"
                peer.credit(mode="paused", queue=500)
                event = wait_for("the mode is told", lambda: told("subscriber_mode"))[0]
                assert event.data == {"name": name, "from": "live_only", "to": "paused", "lag": event.data["lag"], "queue": 500,
                                      "publisher": relay}, event.data
                run.client.request(relay, "streams", "STEER", {"verb": "kick", "name": name})
                event = wait_for("the drop is told", lambda: told("subscriber_dropped"))[0]
                assert (event.data["reason"], event.data["publisher"]) == ("kicked", relay), event.data
            metrics = run.metrics(relay)
            assert metrics["stream_modes"] >= 2 and metrics["dropped_kicked"] == 1, metrics
        # What a relay cannot have told is left out.
        with run.peer("ingestor") as peer:
            for odd in ({"publisher": "no name", "name": "odd", "from": "paused", "to": "live_only"},
                        {"publisher": "relay-1", "name": "odd", "from": "paused", "to": "what ever"},
                        {"publisher": "relay-1", "name": "odd", "status": "io", "text": "x"},
                        {"publisher": "relay-1", "name": "odd", "status": "silent", "text": "the last one"}):
                peer.send("SUBSCRIBER_NEWS", odd)
            # Nothing is answered, and what a connection that ends has not sent is lost.
            odd = wait_for("the last one is told", lambda: [event for event in run.client.export("run-1")
                                                            if event.data and event.data.get("name") == "odd"])
        assert [event.data["reason"] for event in odd] == ["silent"], odd


def test_caught_up_is_no_lag():
    """An operator sees a relay that has everything without lag, and one that is held with the lag that it has."""
    with Relayed() as run:
        def row():
            done = subprocess.run([os.path.join(BIN, "vedette"), "subscriber", "ls", "-o", "ndjson"], env=run.environment(),
                                  capture_output=True, timeout=60, check=False)
            assert done.returncode == 0, done
            return next((row for row in map(json.loads, done.stdout.splitlines())
                         if (row["name"], row["publisher"]) == ("relay-1", "ingestor")), None)

        run.write(30)
        wait_for("the relay has it", lambda: run.metrics()["head"] == run.head())
        wait_for("it has no lag", lambda: row() and row()["lag"] == 0)
        run.client.request("ingestor", "streams", "STEER", {"verb": "pause", "name": "relay-1"})
        wait_for("it is held", lambda: row()["held"])
        before = run.head()
        run.write(30)
        wait_for("its lag is seen", lambda: row()["lag"] == run.head() - before >= 30)
        run.client.request("ingestor", "streams", "STEER", {"verb": "resume", "name": "relay-1"})
        wait_for("it has no lag again", lambda: row()["lag"] == 0)
        assert run.metrics()["head"] == run.head()


class Followers:
    """So many `vedette follow` of session A through relays, each with its output in a file."""

    def __init__(self, run, count, *arguments):
        self.run, self.processes = run, []
        for number in range(count):
            with open(run.path(f"follow-{number}"), "wb") as out, open(run.path(f"follow-{number}.log"), "wb") as errors:
                self.processes.append(subprocess.Popen(
                    [os.path.join(BIN, "vedette"), "follow", A, "--from", "start", "-o", "ndjson", *arguments],
                    stdout=out, stderr=errors, env=run.environment()))

    def lines(self, number):
        with open(self.run.path(f"follow-{number}"), "rb") as file:
            return file.read().count(b"\n")

    def wait(self, count, timeout_s=90.0):
        for number in range(len(self.processes)):
            wait_for(f"follower {number} has {count} events", lambda: self.lines(number) >= count, timeout_s)

    def sums(self):
        """Ends of all of them by themselves, and the sum of what each has shown."""
        codes = {process.wait(90) for process in self.processes}
        assert codes == {0}, codes
        found = set()
        for number in range(len(self.processes)):
            with open(self.run.path(f"follow-{number}"), "rb") as file:
                found.add(hashlib.sha256(file.read()).hexdigest())
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Maker(threading.Thread):
    """Emits into session A until it is told to stop, and then ends the session."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.directory, self.stopping, self.count, self.error = run.dir, threading.Event(), 0, None

    def run(self):
        try:
            with vedette.Client(self.directory) as client, client.producer("maker-2", 30.0) as producer:
                while not self.stopping.wait(0.005):
                    producer.emit_all([("count", {"n": self.count + n}) for n in range(4)], A, 60.0)
                    self.count += 4
                producer.emit("session_ended", {"status": "completed"}, A, 60.0)
        except vedette.Error as error:
            self.error = error

    def end(self):
        self.stopping.set()
        self.join(90)
        assert self.error is None and not self.is_alive(), self.error


def store_sum(run):
    """The sum of session A as the ingestor itself shows it."""
    done = subprocess.run([os.path.join(BIN, "vedette"), "follow", A, "--from", "start", "-o", "ndjson"],
                          capture_output=True, env=run.environment(), timeout=60, check=True)
    return hashlib.sha256(done.stdout).hexdigest()


def test_relays_killed_under_32_subscribers():
    """Whichever relay dies while events flow: each subscriber shows the session as it is in the store, every event once."""
    with Relayed() as run:
        run.relay("relay-2")
        with Followers(run, 32, "--via", "relay") as followers:
            maker = Maker(run)
            maker.start()
            followers.wait(20)
            wait_for("relays serve all of them", lambda: sum(run.metrics(name)["subscribers"]
                                                             for name in ("relay-1", "relay-2")) == 32)
            for victim in ("relay-1", "relay-2"):
                run.kill(victim)
                run.client.links.clear()
                followers.wait(maker.count + 20)
                run.relay(victim)
            for name in ("relay-1", "relay-2"):  # and both, so that the ingestor is left
                run.kill(name)
            run.client.links.clear()
            followers.wait(maker.count + 20)
            for name in ("relay-1", "relay-2"):
                run.relay(name)
            maker.end()
            assert followers.sums() == {store_sum(run)}


def test_stopped_relay_is_left():
    """A relay that stands still is left for another one; named or not."""
    with Relayed() as run:
        run.relay("relay-2")
        with Followers(run, 4, "--via", "relay-1") as followers:
            maker = Maker(run)
            maker.start()
            followers.wait(20)
            wait_for("all read there", lambda: run.metrics()["subscribers"] == 4)
            process = run.processes["relay-1"]
            process.send_signal(signal.SIGSTOP)
            followers.wait(maker.count + 20)
            assert run.metrics("relay-2")["subscribers"] == 4
            process.send_signal(signal.SIGCONT)
            maker.end()
            assert followers.sums() == {store_sum(run)}


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
        wait_for("it is back", lambda: (row := home.actor("relay-1")).get("state") == "ready" and
                 row["pid"] != rows["relay-1"]["pid"])
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
