#!/usr/bin/python3
"""test_why.py BIN: `vedette why`: an event of a collector is followed back to the sample of the observer that it reads; a poller
that was killed stands beside the events around its death; what cannot be known is said. `vedette top`: the overview as text."""
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, wait_for  # noqa: E402
from services_world import Machine  # noqa: E402

BIN = sys.argv[1]
CONFIG = '[observers.services]\ninterval = "50ms"\n[observers.availability]\nreads = "services"\n'


def events(home, observer, kind):
    """Those of an observer."""
    told = home.lines("follow", "--from", "start", "--end", "--type", kind)
    return [event for event in told if (event.get("cause") or {}).get("observer") == observer]


def why(home, event, *options):
    return home.lines("why", f"{event['session']}:{event['seq']}", *options)


def texts(facts, topic, level=0):
    return [fact["text"] for fact in facts if fact["topic"] == topic and fact["level"] == level]


def kill_and_change(home, machine):
    """The poller dies, and what it reads changes meanwhile."""
    pid = home.actor("poller-1")["pid"]
    home.run("kill", "poller-1")
    machine.rows[3003] = 33
    machine.write()
    wait_for("it runs again", lambda: home.actor("poller-1").get("pid", pid) not in (pid, None))
    return wait_for("the change is told",
                    lambda: [event for event in events(home, "services", "service_appeared")
                             if event["data"]["port"] == 3003])[0], pid


def check_turn(home):
    """Two services that came at once are of one turn, and name the source that shows them."""
    both = [event for event in events(home, "services", "service_appeared") if event["data"]["port"] in (2001, 2002)]
    assert len({event["cause"]["turn"] for event in both}) == 1, both
    first, second = both
    facts = why(home, first)
    assert any(f"also {second['seq']} service_appeared" in text for text in texts(facts, "turn")), facts
    source = first["cause"]["source"]
    assert texts(facts, "sample")[0].startswith(f"sample {first['cause']['sample']} of source {source}, "), facts
    assert "adapter file" in texts(facts, "source")[0], facts
    readers = [fact for fact in facts if fact["topic"] == "poller"]
    assert len(readers) == 1 and readers[0]["text"].startswith("poller-1 reads it: "), facts
    assert " every 50ms" in readers[0]["text"] and "(not_found)" in readers[0]["text"], facts
    assert "/proc/net/tcp" in [read["target"] for read in readers[0]["value"] if read["status"] == "ok"], facts
    assert {fact["from"] for fact in facts if fact["topic"] in ("source", "poller")} == {"broker", "poller-1"}, facts
    assert facts[0]["value"]["data"] == first["data"]


def check_death(home, machine):
    """The poller's end and its new start stand before the event that came behind them."""
    event, pid = kill_and_change(home, machine)
    facts = why(home, event)
    before = texts(facts, "before")
    assert any(f"actor_exited poller-1 (pid {pid})" in text and "it reads the source" in text for text in before), facts
    assert any("actor_started poller-1" in text for text in before), facts
    whole = home.json("why", f"{event['session']}:{event['seq']}")
    assert whole["seq"] == event["seq"] and len(whole["facts"]) >= len(facts) - 2, whole
    shown = home.run("why", str(event["seq"])).out  # of the newest session
    assert shown.startswith(f"event   {event['session']}:{event['seq']} service_appeared") and "\nbefore  " in shown, shown
    return event


def check_chain(home):
    """What a collector told goes back to what the observer told that it reads, and to that one's sample."""
    outage = wait_for("an outage is told", lambda: events(home, "availability", "*"))[-1]
    facts = why(home, outage)
    cause = outage["cause"]
    assert f"up to {cause['session']}:{cause['sample']}" in texts(facts, "origin")[0], facts
    assert " by observer services " in texts(facts, "event", 1)[0], facts
    assert texts(facts, "sample", 1) and texts(facts, "source", 1), facts


def check_producer(home, event):
    """A session of one's own: no cause, and the runtime's deeds in the runtime's session."""
    home.run("run", "--name", "mine", "--session", "mine", "--", "true")
    facts = home.lines("why", "mine:1")
    assert "no cause is stored with it" in texts(facts, "turn")[0], facts
    assert any(f"{event['session']}:" in text and "poller-1" in text for text in texts(facts, "before")), facts


def check_refusals(home, event):
    session = event["session"]
    for words, wanted, said in ((("nobody:1", ), 4, "nobody"), ((f"{session}:999999", ), 4, "its last one is"),
                                (("x", ), 2, "no event"), ((f"{session}:0", ), 2, "begin at 1"), ((), 2, "")):
        assert said in home.run("why", *words, code=wanted).err


def check_top(home):
    """What `top` prints is what the other commands say."""
    frames = home.run("top", "-b", "-n", "2", "-d", "100ms").out.split("\n\n")
    status, stats = home.json("status"), home.json("store", "stats")
    assert len(frames) == 3 and frames[2] == "", frames
    for frame in frames[:2]:
        assert f"{status['ready']} of {status['actors']} ready" in frame and status["session"] in frame, frame
        assert f" events in {stats['sessions']} sessions" in frame and "actor_exited" not in frame, frame
        assert max(len(line) for line in frame.splitlines()) <= 80, frame
    for words in (("-n", "0"), ("-d", "1ms"), ("-n", "x")):
        home.run("top", *words, code=2)


def main():
    with Home(BIN) as home:
        machine = Machine(home.path("root"), random.Random(1))
        machine.write()
        home.configure(machine.config(CONFIG))
        home.run("up", "-c", home.config, "--detach", "--wait")
        wait_for("what there was is told", lambda: events(home, "services", "services_listed"))
        machine.rows.update({2001: 21, 2002: 22})
        machine.write()
        wait_for("both are told", lambda: len(events(home, "services", "service_appeared")) >= 2)
        check_turn(home)
        event = check_death(home, machine)
        machine.rows.pop(2001)
        machine.write()
        check_chain(home)
        check_producer(home, event)
        check_refusals(home, event)
        check_top(home)
        home.run("down")
        home.run("top", "-n", "1", code=6)
        facts = why(home, event, "--offline")
        assert "not stored" in texts(facts, "source")[0] and texts(facts, "before"), facts
    print("ok")


main()
