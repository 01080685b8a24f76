#!/usr/bin/python3
"""test_tui_store.py BIN: figures on the terminal screen are those of the store; subscribers are steered, sessions replayed and
compared, events explained, on a real store."""
import contextlib
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import STILL, Home, tui, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
WIDE = (140, 40)
SHORT, LONG = 2, 30  # lines of output
SECOND_MARKED = re.compile(r"\x1b\[(?:\d+;)*7m +2\b")


def up(home, config=STILL):
    home.configure(config)
    home.run("up", "--detach", "--wait", "-c", home.config)


def row(seen, name):
    """The cells of the row whose first cell is `name`; None while there is none."""
    found = [line.split() for line in seen.body() if line.split()[:1] == [name]]
    return found[0] if found else None


def cells(seen, name, *titles, head="NAME"):
    """What stands under the titles in the row of `name`, where all up to them are of one word; None while it is not all there."""
    columns, found = row(seen, head) or [], row(seen, name) or []
    places = [columns.index(title) for title in titles if title in columns]
    return tuple(found[at] for at in places) if len(places) == len(titles) and len(found) > max(places) else None


def subscriber(home, name):
    return next((one for one in home.json("subscriber", "ls") if one["name"] == name), {})


def look_at_totals(home, seen):
    """Both move on: what is shown has to be what the command says at some moment, both asked anew until they agree."""
    def same():
        stats = home.json("store", "stats")
        return f"{stats['mode']}, {stats['events']} events in {stats['sessions']} sessions, " in seen.text()
    seen.until("the events of the store", same)


def look_at_restarts(home, seen):
    def same():
        told = home.actor("poller-1")
        wanted = (told["state"], str(told["pid"]), str(told["restarts"]))
        return told["restarts"] == 1 and cells(seen, "poller-1", "STATE", "PID", "RESTARTS") == wanted
    seen.show("actors")
    seen.until("one restart, as ps has it", same)


def look_at_sessions(home, seen):
    job = home.json("session", "ls", "--name", "short")[0]
    assert job["last_seq"] == SHORT + 3, job
    seen.show("sessions")
    seen.until("figures of a session", lambda: cells(seen, "short", "STATE", "EVENTS", "BYTES")
               == (job["state"], str(job["last_seq"]), str(job["bytes"])))


def compare_replay_explain(seen):
    seen.show("sessions")
    seen.keys("m", "j", "m", "=")
    seen.sees_match(rf"^event output +{LONG + 1} +{SHORT + 1} +-{LONG - SHORT}$")
    seen.sees_match(rf"^events +{LONG + 3} +{SHORT + 3} +-{LONG - SHORT}$")
    seen.keys("Escape")
    seen.command("/short")
    seen.until("it alone", lambda: row(seen, "[2]") and not row(seen, "[1]"))
    seen.keys("P")
    seen.sees("[4 stream]", '"over"')
    seen.sees_match(rf" {SHORT + 3}/{SHORT + 3}$")  # it comes to its end by itself
    seen.keys("L")
    seen.sees("ENDED", "newest")
    seen.keys("Home", "j")
    seen.until("event 2 is marked", lambda: SECOND_MARKED.search(seen.text(styled=True)))
    seen.keys("w")
    seen.sees("why 2", "[catalogue]", "no cause is stored with it")


def test_figures_and_deeds_are_those_of_the_store():
    with Home(BIN) as home:
        up(home)
        home.run("emit", "step")
        for name, lines in (("short", SHORT), ("long", LONG)):
            home.run("run", "--name", name, "--", "sh", "-c", f"seq {lines}; sleep 0.3; echo over")
        home.run("kill", "poller-1", "--wait")
        with tui(home, size=WIDE) as seen:
            look_at_totals(home, seen)
            look_at_restarts(home, seen)
            look_at_sessions(home, seen)
            compare_replay_explain(seen)


def steer(seen, key, name):
    seen.keys(key)
    seen.sees("type its name")
    seen.type(name)
    seen.keys("Enter")
    seen.sees_no("type its name")


def look_at_one_held(home, seen):
    """As far behind as the command says."""
    for _ in range(3):
        home.run("emit", "step")

    def same():
        told = subscriber(home, "slow")
        shown = cells(seen, "slow", "MODE", "LAG", "DROPS")
        return told["lag"] >= 3 and shown == ("held", str(told["lag"]), str(told["drops"]))
    seen.until("its lag", same)


def look_at_silence(home, seen):
    """What was told last stays while the ingestor does not answer."""
    pid = home.actor("ingestor")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        seen.sees("ingestor does not answer: as of before")
        assert row(seen, "tui"), seen.text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_subscribers_are_steered_by_their_typed_names():
    with Home(BIN) as home:
        up(home)
        slow = home.start("vedette", "follow", "--durable", "slow", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with tui(home, "--readonly", "--screen", "subscribers", size=WIDE) as seen:
            seen.command("/slow")
            seen.until("it alone", lambda: row(seen, "slow") and not row(seen, "tui"))
            for key in "puK":
                seen.keys(key)
                seen.sees("nothing can be changed here: started with --readonly")
                seen.keys("j")
                seen.sees_no("nothing can be changed")
            assert not subscriber(home, "slow")["held"]
            seen.again("tui", "--screen", "subscribers")
            seen.sees("[5 subscribers]")
            seen.command("/slow")
            seen.until("it alone", lambda: row(seen, "slow") and not row(seen, "tui"))
            steer(seen, "K", "")
            seen.sees("nothing was done")
            steer(seen, "p", "slow")
            seen.until("it is held", lambda: subscriber(home, "slow").get("held"))
            look_at_one_held(home, seen)
            steer(seen, "u", "slow")
            seen.until("it goes on", lambda: not subscriber(home, "slow")["held"])
            steer(seen, "K", "slow")
            assert slow.wait(30) == 1 and "an operator ended it" in slow.stderr.read().decode()
            seen.keys("Escape")
            seen.until("who is left", lambda: row(seen, "tui"))
            look_at_silence(home, seen)


def test_events_of_a_source_are_as_many_as_the_store_has():
    """In the past, where neither moves."""
    with Home(BIN) as home:
        up(home, "")

        def named():
            """The events up to a moment that have sources as their cause."""
            events = home.lines("follow", "--from", "start", "--end")
            return events if [event for event in events if (event.get("cause") or {}).get("source")] else None
        events = wait_for("an event of a source", named)
        last = events[-1]["seq"]
        counts = {}
        for event in events:
            source = (event.get("cause") or {}).get("source")
            if source:
                counts[source] = counts.get(source, 0) + 1
        with tui(home, "--at", str(last), "--screen", "sources", size=WIDE) as seen:
            seen.sees("PAST", f" {last}/")
            for source, count in counts.items():
                seen.until(f"{count} events of {source}",
                           lambda name=source, wanted=count: cells(seen, name, "EVENTS", head="SOURCE") == (str(wanted),))


if __name__ == "__main__":
    run_tests(globals())
