#!/usr/bin/python3
"""test_tui_load.py BIN: the terminal screen while more comes than anyone can read, and what it says of what was removed."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import Home, Seen  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
EVENTS, RATE = 10000, 10000
SCREENS = ("overview", "actors", "sources", "stream", "subscribers", "observers", "progress", "sessions")


def walk(seen, home, session):
    """Every screen while events arrive, back to an early one, and live again."""
    seen.sees("LIVE")
    with subprocess.Popen([os.path.join(BIN, "vd-bench"), "steady", home.dir, session, str(EVENTS), str(RATE)],
                          stdout=subprocess.DEVNULL) as producer:
        for number, name in enumerate(SCREENS, 1):
            seen.keys(str(number))
            seen.sees(f"[{number} {name}]")
        seen.keys("4", "[", "[", "t", "9", "Enter")
        seen.until("an early event", lambda: "PAST" in seen.text() and "up to 9 of" in seen.text())
        assert producer.wait(60) == 0
    seen.keys("L")
    seen.until("the newest event", lambda: "LIVE" in seen.text() and f"T{EVENTS - 1:08d}" in seen.text())
    seen.keys("q")
    assert seen.ended() == 0 and seen.stty() == seen.stty_before


def look_at_what_goes(seen, home, job):
    """What was read of it is kept; opened again, it is said to be removed."""
    seen.until("the moment", lambda: "up to 30 of" in seen.text() and "PAST" in seen.text())
    home.run("session", "prune", job)
    seen.keys("[")
    seen.until("what was read", lambda: "up to 29 of" in seen.text() and '"text":"28"' in seen.text())
    seen.again("tui", "--session", job, "--at", "2000", "--screen", "stream")
    seen.sees(f"session {job} was pruned")
    seen.keys("q")
    assert seen.ended() == 0 and seen.stty() == seen.stty_before


def test_under_load():
    """All threads of the screen at work at once: the sanitizers look at them here."""
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        home.run("run", "--name", "job", "seq", "3000")
        job = home.json("session", "ls", "--name", "job")[0]["session"]
        with Seen(home, "tui", size=(120, 40)) as seen:
            walk(seen, home, home.json("status")["session"])
            seen.again("tui", "--session", job, "--at", "30", "--screen", "stream")
            look_at_what_goes(seen, home, job)


if __name__ == "__main__":
    run_tests(globals())
