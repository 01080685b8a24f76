#!/usr/bin/python3
"""test_gathering.py BIN: emits that travel together, because much is out, are emits of their own all the same: in order,
each with its receipt, stored once, over refusals, fencing, a full window and deaths of the ingestor."""
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, gapless, wait_for  # noqa: E402

BIN = sys.argv[1]
PROBE = os.path.join("..", "tests", "emit_probe")
BYTES_MAX = 2 * 1024 * 1024  # of events without a receipt that libvedette keeps
EVENT_BYTES_MIN = 40
KILLS_MAX = 5


class World(Home):
    """An ingestor alone, and probes."""

    def __init__(self):
        super().__init__(BIN)
        self.ingestor = None

    def __enter__(self):
        self.up()
        return self

    def up(self):
        with open(os.path.join(self.holder.name, "ingestor.log"), "ab") as log:
            self.ingestor = self.start("vedette-ingestor", "--name", "ingestor", stderr=log)
        wait_for("the ingestor answers", lambda: self.run("session", "ls", code=None).code == 0)

    def probe(self, case):
        return self.start(PROBE, self.environment()["VEDETTE_DIR"], case, f"probe-{case}", stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ends_well(self, probe):
        """Waits for its end. Returns how many emits it has taken."""
        out, err = probe.communicate(timeout=60)
        assert probe.returncode == 0, (out, err)
        return int(out.split()[-1])

    def events(self, session):
        events = self.lines("follow", session, "--from", "start", "--end")
        assert gapless(events), events
        return events


def go_on(probe):
    probe.stdin.write("\n")
    probe.stdin.flush()


def records_frames_and_sessions_keep_their_order():
    with World() as world:
        world.ends_well(world.probe("mixed"))
        for session in "ab":
            numbers = [event["data"]["n"] for event in world.events(session)[1:] if event["data"] is not None]
            assert numbers == sorted(numbers) and len(numbers) == len(set(numbers)), numbers


def what_follows_the_end_of_a_session_is_rejected_alone():
    with World() as world:
        world.ends_well(world.probe("closed"))
        events = world.events("a")
        assert len(events) == 202 and events[-1]["type"] == "session_ended", events[-1]


def a_fenced_producer_has_a_receipt_for_each():
    with World() as world:
        world.ends_well(world.probe("fenced"))
        numbers = [event["data"]["n"] for event in world.events("a")[1:]]
        assert numbers == list(range(2, len(numbers) + 2)) and len(numbers) <= 500, numbers


def a_full_window_is_told_and_bounded():
    with World() as world:
        probe = world.probe("overloaded")
        assert probe.stdout.readline() == "ready\n"
        world.ingestor.send_signal(signal.SIGSTOP)
        go_on(probe)
        full = int(probe.stdout.readline().split()[1])
        assert 1024 <= full <= BYTES_MAX / EVENT_BYTES_MIN, full
        world.ingestor.send_signal(signal.SIGCONT)
        go_on(probe)
        assert world.ends_well(probe) == 1 + full + 100 == len(world.events("a"))


def few_are_sent_at_once():
    with World() as world:
        probe = world.probe("few")
        assert probe.stdout.readline() == "taken 31\n"
        wait_for("all are stored, though the probe does nothing more", lambda: len(world.events("a")) == 31)
        go_on(probe)
        world.ends_well(probe)


def any_call_that_waits_sends_what_was_gathered():
    with World() as world:
        assert world.ends_well(world.probe("other")) == 101


def deaths_of_the_ingestor_lose_and_double_nothing():
    with World() as world:
        probe, kills = world.probe("many"), 0
        assert probe.stdout.readline() == "ready\n"
        world.ingestor.send_signal(signal.SIGSTOP)  # so that the probe cannot be done before the first of them
        go_on(probe)
        while probe.poll() is None and kills < KILLS_MAX:
            world.ingestor.send_signal(signal.SIGKILL)
            world.ingestor.wait()
            kills += 1
            world.up()
        taken = world.ends_well(probe)
        numbers = [event["data"]["n"] for event in world.events("a")[1:]]
        assert kills > 0 and numbers == list(range(2, taken + 1)), f"{len(numbers)} of {taken} events"


for case in (records_frames_and_sessions_keep_their_order, what_follows_the_end_of_a_session_is_rejected_alone,
             a_fenced_producer_has_a_receipt_for_each, a_full_window_is_told_and_bounded, few_are_sent_at_once,
             any_call_that_waits_sends_what_was_gathered, deaths_of_the_ingestor_lose_and_double_nothing):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    case()
    print(f"ok {case.__name__}", flush=True)
