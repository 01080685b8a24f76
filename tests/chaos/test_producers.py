#!/usr/bin/python3
"""test_producers.py BIN: producers that sleep, are replaced, or send to an ingestor that dies or does not answer."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import FAILING, IngestorWorld, SHARED, ledger, vedette, wait_for  # noqa: E402
from harness import state_of  # noqa: E402
from parts import SEED  # noqa: E402

SUCCESSORS = 50
KILLS = 5
OUT_MIN = 200  # more than travels one by one
OUT_MAX = 2 * 1024 * 1024 // 40  # events that libvedette takes without an answer: 2 MiB of them
STILL_S = 0.5


def stop(world, process):
    process.send_signal(signal.SIGSTOP)
    wait_for("it stands", lambda: state_of(process.pid) == "T")


def a_stopped_producer_whose_name_is_taken_cannot_write():
    """It wakes up, is told that it is fenced, ends, and nothing of it is stored behind the first event of its successor."""
    for kind in ("c", "python"):
        with IngestorWorld() as world:
            name = f"producer-{kind}"
            part = (world.c_producer if kind == "c" else world.python_producer)(name, 2000)
            world.wait_all(200)
            stop(world, part.process)
            with world.client.producer(name) as successor:
                successor.emit("chaos", {"p": "successor", "n": 1}, SHARED)
                part.process.send_signal(signal.SIGCONT)
                assert part.ended() == 1, part.text()
                assert "fenced" in part.text(), part.text()
                for number in range(2, SUCCESSORS + 1):
                    successor.emit("chaos", {"p": "successor", "n": number}, SHARED)
            events = ledger.Store(world.client).of(SHARED)
            ledger.check_producer(name, part.lines(), events)
            makers = [event.data["p"] for event in events if event.type == "chaos"]
            assert makers == [name] * (len(makers) - SUCCESSORS) + ["successor"] * SUCCESSORS, "a sleeper has written"


def what_was_out_is_sent_again_and_stored_once():
    """Killed with much under way, before and after it was committed, and by nobody's plan: nothing of it is lost or doubled."""
    with IngestorWorld(FAILING) as world:
        part = world.c_producer("producer-c", 8000)
        world.wait_all(200)
        for number in range(KILLS):
            for point in ("ingestor.before_commit", "ingestor.after_commit", None):
                if point is None:
                    stop(world, world.process)  # wherever it is; nothing is answered while it stands
                    wait_for("much is out", lambda: out_of(part) >= OUT_MIN)
                    world.kill()
                    world.live()
                else:
                    world.kill()
                    wait_for("much is out", lambda: out_of(part) >= OUT_MIN)
                    world.die_at(point, 1 + number)
                world.wait_all()
        world.end_producers()
        events = ledger.Store(world.client).of(SHARED)
        acknowledged = ledger.check_producer("producer-c", part.lines(), events)
        assert acknowledged == len(events) - 1


def out_of(part):
    """Events that a producer has taken and has no answer for."""
    words = [line.split()[0] for line in part.lines()]
    return words.count("taken") - words.count("acknowledged")


def a_window_is_bounded_while_nobody_answers():
    """An ingestor that stands still: the producer takes no more than its window, and says so to whoever emits; then all of
    it is acknowledged."""
    with IngestorWorld() as world:
        part = world.c_producer("producer-c", 20000)
        world.wait_all(200)
        stop(world, world.process)
        seen = {"out": -1, "since": 0.0}

        def still():
            out = out_of(part)
            if out != seen["out"]:
                seen.update(out=out, since=time.monotonic())
            return time.monotonic() - seen["since"] > STILL_S
        wait_for("the window is full", still)
        assert 0 < seen["out"] <= OUT_MAX, f"{seen['out']} events are out"
        world.process.send_signal(signal.SIGCONT)
        world.wait_all(seen["out"])
        world.end_producers()
        events = ledger.Store(world.client).of(SHARED)
        assert ledger.check_producer("producer-c", part.lines(), events) == len(events) - 1


print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (a_stopped_producer_whose_name_is_taken_cannot_write, what_was_out_is_sent_again_and_stored_once,
             a_window_is_bounded_while_nobody_answers):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
