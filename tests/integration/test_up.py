#!/usr/bin/python3
"""test_up.py: the whole runtime as it is: started, every actor killed, pollers that follow sources, ended."""
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Supervised, alive, run_tests, wait_for  # noqa: E402

BIN = sys.argv[1]
SEEN_S = 4.0  # less than a lease
ORPHAN_S = 10.0
NEXT_S = 20.0
ACTORS = ["broker", "ingestor", "static", "manual", "poller-1", "host", "services"]
THREE_SOURCES = "".join(f'[[providers.static.sources]]\nname = "s{i}"\nadapter = "file"\naddress = "/"\n'
                        for i in range(3))


class Runtime(Supervised):
    def __init__(self, config=""):
        super().__init__(BIN, config)
        self.up()

    def up(self):
        self.process = self.spawn()

    def wait_ready(self):
        wait_for("every actor is ready", lambda: self.status()["state"] == "ready")
        return self

    def events(self, session):
        """All events of the session so far, in order."""
        last, = self.client.sessions(session=session)
        with_all = []
        follower = self.client.follow(session, start="start")
        while len(with_all) < last["last_seq"]:
            event = follower.next(NEXT_S)
            assert event is not None, f"{len(with_all)} of {last['last_seq']} events"
            with_all.append(event)
        follower.close()
        return with_all


def test_up_and_down():
    with Runtime() as run:
        run.wait_ready()
        children = run.children()
        assert sorted(children) == sorted(ACTORS)
        pids = [run.process.pid] + [children[name]["pid"] for name in ACTORS]
        assert len(set(pids)) == len(ACTORS) + 1
        known = wait_for("all have registered", lambda: len(run.client.membership()["actors"]) >= len(ACTORS) - 1
                         and run.client.membership()["actors"])
        assert {row["name"]: row.get("pid") for row in known}["supervisor"] == run.process.pid
        session = run.status()["session"]
        first = run.events(session)[0]
        assert (first.seq, first.type) == (1, "session_started"), first
        assert first.data["owner"] is True and first.data["labels"]["host"], first.data
        follower = run.client.follow(session, start="start")
        run.client.request("supervisor", "control", "SHUTDOWN")
        seen = []
        while not seen or seen[-1].type != "session_ended":
            event = follower.next(NEXT_S)
            assert event is not None, [event.type for event in seen]
            seen.append(event)
        follower.close()
        assert run.process.wait(30) == 0
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
        assert seen[-1].data["status"] == "completed", seen[-1].data
        exits = [event.data["actor"] for event in seen if event.type == "actor_exited"]
        assert sorted(exits) == ["host", "manual", "poller-1", "services", "static"], exits
        assert not [pid for pid in pids if alive(pid)]
        assert not [name for name in os.listdir(os.path.join(run.dir, "run")) if not name.endswith(".lock")]


def test_a_filter_does_not_hide_the_end():
    """Only the end of the session tells a follower of few types that nothing will come."""
    with Runtime() as run:
        run.wait_ready()
        session = run.status()["session"]
        command = [os.path.join(BIN, "vedette"), "--dir", run.dir, "follow", session, "--from", "start", "-o", "ndjson",
                   "--type", "session_started"]
        shown = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert '"session_started"' in shown.stdout.readline()
        follower = run.client.follow(session, start="start", type="session_*")
        run.client.request("supervisor", "control", "SHUTDOWN")
        assert run.process.wait(20) == 0
        rest = shown.stdout.read()
        assert (shown.wait(10), rest) == (0, ""), rest
        seen = [follower.next(NEXT_S).type, follower.next(NEXT_S).type]
        follower.close()
        assert seen == ["session_started", "session_ended"], seen


def test_every_actor_killed_and_pairs():
    with Runtime() as run:
        run.wait_ready()
        session = run.status()["session"]
        killed = []
        for victims in [(name,) for name in ACTORS] + [("broker", "ingestor"), ("ingestor", "host"),
                                                       ("poller-1", "services")]:
            before = run.children()
            for name in victims:
                os.kill(before[name]["pid"], signal.SIGKILL)
                killed.append(name)
            wait_for(f"{victims} ready again", lambda: all(
                child["state"] == "ready" and child["pid"] != before[child["name"]]["pid"]
                for child in run.children().values() if child["name"] in victims))
            assert run.process.poll() is None
        after = run.children()
        for name in ACTORS:
            assert after[name]["restarts"] == killed.count(name), after[name]
        wait_for("every actor is ready", lambda: run.status()["state"] == "ready")
        wait_for("every death is stored", lambda: sum(
            event.type == "actor_exited" for event in run.events(session)) == len(killed))
        events = run.events(session)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        exits = [event for event in events if event.type == "actor_exited"]
        assert sorted(event.data["actor"] for event in exits) == sorted(killed)
        assert all(event.data["how"] == "killed" and event.data["signal"] == 9 for event in exits)


def test_a_death_is_in_the_brokers_feed_at_once():
    with Runtime() as run:
        run.wait_ready()

        def entry(name):
            return next((row for row in run.client.membership()["actors"] if row["name"] == name), None)

        old = wait_for("services has registered", lambda: entry("services"))
        run.control("pause", "broker")  # what is told while nobody listens is not lost
        run.control("stop", "services")
        wait_for("services has ended", lambda: run.children()["services"]["state"] == "stopped")
        run.control("resume", "broker")
        wait_for("services is gone", lambda: entry("services") is None, SEEN_S)
        run.control("start", "services")
        wait_for("services has joined", lambda: (entry("services") or {}).get("pid") not in (None, old["pid"]))
        pid = entry("services")["pid"]
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_for("the death is seen", lambda: (entry("services") or {}).get("pid") != pid)
        assert time.monotonic() - begin < SEEN_S, "it was the lease that ended"


def test_supervisor_killed_leaves_nobody_and_up_works_at_once():
    with Runtime() as run:
        run.wait_ready()
        for _ in range(3):
            session = run.status()["session"]
            pids = [child["pid"] for child in run.children().values()]
            run.process.kill()
            run.process.wait()
            run.up()
            wait_for("no old actor is left", lambda: not [pid for pid in pids if alive(pid)], ORPHAN_S)
            wait_for("a new session is ready", lambda: run.status()["session"] != session
                     and run.status()["state"] == "ready")
            states = {row["session"]: row["state"] for row in run.client.sessions()}
            assert states[run.status()["session"]] == "active", states
            assert states[session] in ("active", "interrupted"), states


def test_runtime_events_wait_for_the_ingestor():
    with Runtime() as run:
        run.wait_ready()
        session = run.status()["session"]
        run.control("stop", "ingestor")
        wait_for("the ingestor has ended", lambda: run.children()["ingestor"]["state"] == "stopped")
        before = run.children()["poller-1"]
        os.kill(before["pid"], signal.SIGKILL)
        wait_for("poller-1 is back", lambda: run.children()["poller-1"]["restarts"] == 1
                 and run.children()["poller-1"]["state"] == "ready")
        run.control("start", "ingestor")
        wait_for("its death is stored", lambda: any(
            event.type == "actor_exited" and event.data["actor"] == "poller-1" for event in run.events(session)))
        order = [(event.type, event.data["actor"]) for event in run.events(session)
                 if event.type.startswith("actor_") and event.data["actor"] in ("poller-1", "ingestor")][4:]
        assert order[:6] == [("actor_exited", "ingestor"), ("actor_exited", "poller-1"), ("actor_started", "poller-1"),
                             ("actor_ready", "poller-1"), ("actor_started", "ingestor"),
                             ("actor_ready", "ingestor")], order


def test_pollers_follow_the_sources():
    with Runtime(THREE_SOURCES) as run:
        names = [f"poller-{i}" for i in range(1, 4)]
        wait_for("three pollers are ready", lambda: all(
            run.children().get(name, {}).get("state") == "ready" for name in names))
        pollers = wait_for("each reads one source", lambda: (lambda found: len(found) == 3 and "" not in found and found)(
            {row.get("poller", "") for row in run.client.membership()["sources"]}))
        assert pollers == set(names), pollers
        assert "poller-4" not in run.children()


if __name__ == "__main__":
    run_tests(globals())
