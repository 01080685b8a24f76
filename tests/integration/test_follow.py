#!/usr/bin/python3
"""test_follow.py BIN [TEST]...: the Python client follows: modes, handlers in parallel, durable positions, aux, operators."""
import os
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Place, end, kill, run_tests, vedette, wait_for  # noqa: E402
from vedette import modes, wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SESSION = "s-1"
QUICK = {"dwell_ms": 100}


class Store(Place):
    """An ingestor on a directory of its own, and a producer in a session."""

    def __init__(self):
        super().__init__()
        self.client, self.process, self.warnings = vedette.Client(self.dir), None, []
        self.live()
        self.producer = self.client.producer("maker", 30.0)
        self.producer.emit("session_started", {"name": SESSION}, SESSION)

    def live(self):
        with open(self.path("ingestor.log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(BIN, "vedette-ingestor"), "--dir", self.dir], stdout=log,
                                            stderr=log)
        wait_for("it answers", lambda: self.client.request("ingestor", "read", "PING", timeout_s=1.0))

    def kill(self):
        kill(self.process)

    def emit(self, count, at_once=1):
        for first in range(0, count, at_once):
            self.producer.emit_all([("n", n) for n in range(first, first + at_once)], SESSION)

    def follow(self, **options):
        return self.client.follow(SESSION, **{"start": "start", "knobs": QUICK, "warn": self.warnings.append, **options})

    def steer(self, verb, name):
        return self.client.request("ingestor", "streams", "STEER", {"verb": verb, "name": name})

    def rows(self, name):
        return wire.unpack(self.client.request("ingestor", "streams", "SUBSCRIBERS", {"name": name}).payload)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = end(self.process)
        if kind:
            with open(self.path("ingestor.log"), encoding="utf-8") as file:
                sys.stderr.write(file.read()[-4000:])
        self.client.close()
        self.close()
        assert kind or code == 0, f"the ingestor ended with {code}"


def take(follower, count, timeout_s=30.0):
    """The sequences of so many events."""
    found = []
    while len(found) < count:
        event = follower.next(timeout_s)
        assert event is not None, f"{len(found)} of {count} came"
        found.append(event.seq)
    return found


def in_mode(follower, mode):
    return wait_for(mode, lambda: (follower.next(0), follower.mode == mode)[1])


def test_it_catches_up_and_goes_live():
    with Store() as store:
        store.emit(300)
        follower, seen = store.follow(), []
        def look():
            if not seen or seen[-1] != follower.mode:
                seen.append(follower.mode)
        for number in range(1, 302):
            assert follower.next(10).seq == number
            look()
        wait_for("live", lambda: (follower.next(0), look(), follower.mode == modes.LIVE_ONLY)[2])
        look()
        assert seen == [modes.COMMITS_ONLY, modes.OVERLAP, modes.LIVE_ONLY], seen
        store.emit(50)
        assert take(follower, 50) == list(range(302, 352))
        assert follower.caught_up() and follower.next(0) is None
        store.kill()
        store.live()
        store.emit(50)
        assert take(follower, 50) == list(range(352, 402))
        follower.close()
        assert not store.warnings


def test_now_is_live_at_once_and_positions_go_on():
    with Store() as store:
        store.emit(20)
        with store.follow(start="now") as follower:
            wait_for("it has begun", lambda: (follower.next(0), follower.started)[1])
            store.emit(10, at_once=5)
            events = [follower.next(10) for _ in range(7)]
            assert [event.seq for event in events] == list(range(22, 29)) and follower.mode == modes.LIVE_ONLY
            places = [event.position for event in events]
            assert follower.position == places[-1]
        for number, place in enumerate(places):
            for text in (tuple(place), tuple(vedette.Position.parse(str(place)))):
                with store.follow(position=text) as again:
                    assert take(again, 9 - number) == list(range(23 + number, 32))


def test_a_burst_and_a_slow_reader():
    """Who does not read for a while is sent no more than it granted, and catches up by commits alone."""
    with Store() as store:
        follower = store.follow(start="now", window=(64, 1 << 20), knobs={"dwell_ms": 1000})
        wait_for("it has begun", lambda: (follower.next(0), follower.started)[1])
        store.emit(600)
        seen = set()
        for number in range(2, 602):
            assert follower.next(10).seq == number
            seen.add(follower.mode)
        assert modes.COMMITS_ONLY in seen, seen
        in_mode(follower, modes.LIVE_ONLY)
        follower.close()


def test_aux_goes_with_its_event():
    with Store() as store:
        store.producer.emit("with", {"a": 1}, SESSION, aux=b"\x00\xff" * 100)
        store.producer.emit_all([("one", None, b"1"), ("two", None)], SESSION)
        with store.follow() as follower:
            events = [follower.next(10) for _ in range(4)]
        assert [event.aux for event in events] == [None, b"\x00\xff" * 100, b"1", None]


def test_knobs_are_checked():
    with Store() as store:
        for knobs, word in (({"resume_live_lag": 50}, "has to be below start_commit_sync_lag"),
                            ({"pause_live_queue": -1}, "has to be a whole number"),
                            ({"resume_live_queue": 500}, "has to be below pause_live_queue")):
            try:
                store.follow(knobs=knobs)
                raise AssertionError(f"{knobs} were taken")
            except vedette.Error as error:
                assert error.status == "usage" and word in str(error), error
        try:
            store.follow(parallel=0)
            raise AssertionError("no events at a time were taken")
        except vedette.Error as error:
            assert error.status == "usage" and "parallel" in str(error), error


def test_next_and_done_keep_their_bound():
    with Store() as store:
        store.emit(99)
        follower = store.follow(parallel=3)
        out = [follower.next(10) for _ in range(3)]
        assert follower.next(0.3) is None
        before = follower.position
        follower.done(out[1])  # not the first: there is a hole
        assert follower.position == before and follower.next(10).seq == 4 and follower.next(0.1) is None
        follower.done(out[0])
        assert follower.position == out[1].position
        try:
            follower.done(out[0])
            raise AssertionError("done was taken twice")
        except vedette.Error as error:
            assert error.status == "usage", error
        begun = time.monotonic()
        follower.close(timeout_s=0.5)  # two are out and never done
        assert 0.4 < time.monotonic() - begun < 10


def test_handlers_run_in_parallel_and_pause_the_flow():
    with Store() as store:
        store.emit(399)
        follower = store.follow(parallel=4, window=(32, 1 << 20))
        lock, busy, most, handled = threading.Lock(), [0], [0], []
        go_on = threading.Event()

        def handle(event):
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            go_on.wait(20)
            with lock:
                busy[0] -= 1
                handled.append(event.seq)

        runner = threading.Thread(target=follower.run, args=(handle, 4))
        runner.start()
        wait_for("four are busy", lambda: busy[0] == 4)
        waiting = wait_for("the flow pauses", lambda: follower.reception.waiting_items)
        until = time.monotonic() + 1.0
        while time.monotonic() < until:  # nothing more is taken in, however long it lasts
            waiting = max(waiting, follower.reception.waiting_items)
            time.sleep(0.01)
        assert busy[0] == 4 and waiting <= 64, waiting
        go_on.set()
        wait_for("all are handled", lambda: len(handled) == 400)
        follower.close()
        runner.join(10)
        assert not runner.is_alive() and most[0] == 4 and sorted(handled) == list(range(1, 401))


def test_close_waits_for_handlers_in_flight():
    with Store() as store:
        follower, begun, ended = store.follow(durable="waits"), threading.Event(), []

        def handle(event):
            begun.set()
            time.sleep(0.5)
            ended.append(event.seq)

        runner = threading.Thread(target=follower.run, args=(handle,))
        runner.start()
        assert begun.wait(20)
        follower.close()
        assert ended == [1]
        runner.join(10)
        store.emit(1)
        with store.follow(durable="waits") as again:
            assert again.next(10).seq == 2


def test_the_error_of_a_handler_ends_the_run_and_its_event_comes_again():
    with Store() as store:
        store.emit(9)
        seen = []

        def handle(event):
            if event.seq == 5 and 5 not in seen:
                seen.append(event.seq)
                raise ValueError("of the handler")
            seen.append(event.seq)

        with store.follow(durable="errors") as follower:
            try:
                follower.run(handle)
                raise AssertionError("it went on")
            except ValueError as error:
                assert "of the handler" in str(error)
        with store.follow(durable="errors") as follower:
            def last(event):
                handle(event)
                if event.seq == 10:
                    follower.stop()
            follower.run(last)
        assert seen == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10], seen


def test_a_durable_position_survives_a_kill_of_the_ingestor():
    with Store() as store:
        store.emit(20)
        with store.follow(durable="d-1") as follower:
            take(follower, 11)  # the last one was handed out and is not done
        store.kill()
        store.live()
        with store.follow(durable="d-1") as follower:
            assert take(follower, 11) == list(range(11, 22))
            assert follower.next(0.1) is None  # asking for the next one says that the last one is done
        store.emit(1)
        with store.follow(durable="d-1") as follower:
            assert follower.next(10).seq == 22
        with store.follow(durable="another") as follower:
            assert follower.next(10).seq == 1


def test_who_reads_through_a_relay_goes_on_when_it_dies():
    with Store() as store:
        store.emit(20)
        with open(store.path("relay.log"), "ab") as log:
            relay = subprocess.Popen([os.path.join(BIN, "vedette-relay"), "--dir", store.dir, "--name", "relay-1"],
                                     stdout=log, stderr=log)
        try:
            wait_for("the relay answers", lambda: store.client.request("relay-1", "read", "PING", timeout_s=1.0))
            follower = store.follow(via="relay-1", name="through", durable="through")
            assert take(follower, 21) == list(range(1, 22))
            assert not store.rows("through")  # it is the relay that the ingestor serves
            kill(relay)
            store.emit(20)
            assert take(follower, 20) == list(range(22, 42))
            assert [row["name"] for row in store.rows("through")] == ["through"]
            follower.close()
        finally:
            if relay.poll() is None:
                kill(relay)
        with store.follow(via="relay-1", durable="through") as again:
            assert again.next(20).seq == 41


def test_operators_pause_resume_and_kick():
    with Store() as store:
        follower = store.follow(name="watched")
        in_mode(follower, modes.LIVE_ONLY)
        wait_for("it is listed", lambda: (follower.next(0), [row["mode"] for row in store.rows("watched")])[1]
                 == ["live_only"])
        store.steer("pause", "watched")
        in_mode(follower, modes.PAUSED)
        store.emit(80)
        assert follower.next(0.5) is None
        wait_for("the list says so", lambda: (follower.next(0), [(row["mode"], row["held"]) for row in
                                                                 store.rows("watched")])[1] == [("paused", True)])
        store.steer("resume", "watched")
        assert take(follower, 80) == list(range(2, 82))
        store.steer("kick", "watched")
        for _ in range(2):
            try:
                follower.next(10)
                raise AssertionError("it was not told")
            except vedette.Kicked as error:
                assert error.status == "kicked", error
        follower.close()
        assert not store.warnings, store.warnings


run_tests(globals())
