#!/usr/bin/python3
"""test_tui_time.py BIN: the terminal screen goes back in time, finds sessions in the store, and tells what the commands tell."""
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import SIZES, STILL, Home, TerminalError, tui, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
WIDE = SIZES[0]
QUIET_S = 0.3
OF_EVENTS = ("overview", "actors", "sources", "stream", "subscribers", "progress")


def up(home, config=STILL):
    home.configure(config)
    home.run("up", "--detach", "--wait", "-c", home.config)


def moment(seen):
    """The event that the screen is at, as the line of time says it."""
    return int(seen.sees_match(r" (\d+)/\d+$")[1])


def still(seen):
    """What the screen itself shows, once nothing more is written."""
    assert seen.quiet_s(QUIET_S), "it does not come to rest"
    return seen.body()


def at_moment(seen, at):
    """Waits until the moment after event `at` is what is shown, and nothing of it is on its way."""
    def is_there():
        lines = seen.lines()
        return "PAST" in lines[0] and " ..." not in lines[0] and f" {at}/" in lines[-2] and "reading" not in "".join(lines)
    seen.until(f"the moment after {at}", is_there)


def cut(screen, lines):
    """What it shows of the events themselves; the stream's first line tells of its memory."""
    return lines[1 if screen == "stream" else 0:]


def rows(seen, screen):
    """The same of a screen that is in rest, and waits for nothing."""
    seen.show(screen)
    seen.until("nothing is on its way", lambda: "reading" not in "".join(seen.body()))
    return cut(screen, still(seen))


def same_rows(seen, screen, was, part=lambda _, lines: lines):
    """Waits until `part` of the screen is as it was; when it does not come, says what there is in its place."""
    seen.show(screen)
    try:
        seen.until(f"{screen} as it was", lambda: part(screen, cut(screen, seen.body())) == was)
    except TerminalError:
        raise AssertionError("\n".join([f"{screen} was", *map(str, was), "--- and is", *seen.lines()])) from None


def told(screen, lines):
    """What of it events tell: not the figures that belong to now alone."""
    if screen == "overview":
        return [line for line in lines if line.startswith(("actors", "events", "   ", "session", "─ newest"))]
    if screen == "actors":
        end = lines[1].find("CPU") - 4
        return sorted(line[:end].split() for line in lines[2:] if line and not line.startswith("supervisor"))
    return lines


def compare(seen, shown):
    for screen, was in shown.items():
        same_rows(seen, screen, was)


def settled(home):
    """Waits until the screen's own stream is live: the last that it writes into the session by itself."""
    wait_for("its stream is live", lambda: any(
        (event["data"]["name"], event["data"]["to"]) == ("tui", "live_only")
        for event in home.lines("follow", "--from", "start", "--end", "--type", "subscriber_mode")))


def test_the_past_is_what_was_live():
    """The same text: live, frozen, and looked at again after more has happened."""
    with Home(BIN) as home:
        up(home)
        for number in range(3):
            home.run("emit", "step", "--data", json.dumps({"number": number}))
        with tui(home, size=WIDE) as seen:
            seen.show("stream")
            seen.sees('"number":2')
            settled(home)
            seen.sees("live_only")
            live = rows(seen, "stream")
            seen.keys("Space")
            seen.sees("FROZEN")
            at = moment(seen)
            frozen = {screen: told(screen, rows(seen, screen)) for screen in ("overview", "actors", "progress", "stream")}
            assert live[:at] == frozen["stream"][:at] and live[at - 1], "\n".join(live)
            seen.command(f"t{at}")
            at_moment(seen, at)
            for screen, was in frozen.items():
                same_rows(seen, screen, was, told)
            past = {screen: rows(seen, screen) for screen in OF_EVENTS}
            seen.keys("L")
            home.run("kill", "poller-1", "--wait")
            home.run("emit", "after")
            seen.show("stream")
            seen.sees("after")
            seen.command(f"t{at}")
            at_moment(seen, at)
            compare(seen, past)
            step_by_step(seen, at)


def step_by_step(seen, at):
    """One event back and forth, ten seconds back, live again."""
    here = rows(seen, "stream")
    seen.keys("[")
    at_moment(seen, at - 1)
    assert here[at - 1] != ""
    seen.until("one event less", lambda: cut("stream", seen.body())[at - 1] == "")
    seen.keys("]")
    at_moment(seen, at)
    same_rows(seen, "stream", here)
    seen.keys("{")
    seen.sees_no('"number":2')
    seen.keys("L")
    seen.sees("LIVE", "after")


def test_killed_in_mid_session_it_shows_the_same():
    with Home(BIN) as home:
        up(home)
        home.run("emit", "once", "--data", '{"word":"said"}')
        with tui(home, size=WIDE) as seen:
            seen.show("stream")
            seen.sees('"said"', "subscriber_mode")
            seen.keys("Space")
            seen.sees("FROZEN")
            at = moment(seen)
            seen.command(f"t{at}")
            at_moment(seen, at)
            seen.sees('"said"')
            shown = {screen: rows(seen, screen) for screen in OF_EVENTS}
            assert any('"said"' in line for line in shown["stream"])
            for pid in seen.pids():
                os.kill(pid, signal.SIGKILL)
            seen.ended()
            seen.again("tui", "--at", str(at))
            at_moment(seen, at)
            compare(seen, shown)


def test_figures_are_those_of_the_commands():
    with Home(BIN) as home:
        up(home, "")
        with tui(home, size=WIDE) as seen:
            seen.show("actors")
            for actor in home.json("ps"):
                if actor["name"] != "supervisor":
                    seen.sees_match(rf"\b{actor['name']}\b.*\b{actor['state']}\b.*\b{actor['pid']}\b")
            seen.show("sources")
            for source in home.json("source", "ls"):
                seen.sees_match(rf"\b{source['name']}\b.*\b{source['poller']}\b")
            seen.show("subscribers")
            for subscriber in home.json("subscriber", "ls"):
                seen.sees(subscriber["name"][:12])
            seen.show("sessions")
            for session in home.json("session", "ls"):
                seen.sees_match(rf"\b{session['name']}\b.*\b{session['state']}\b")


def test_sessions_are_listed_opened_and_replayed():
    """Two that have ended, in the store, and the one that goes on."""
    with Home(BIN) as home:
        up(home)
        for name in ("first", "second"):
            home.run("run", "--name", name, "--", "sh", "-c", f"echo $((40 + 2)) {name}")
        sessions = {row["name"]: row for row in home.json("session", "ls")}
        with tui(home, size=WIDE) as seen:
            seen.show("sessions")
            seen.sees("first", "second")
            seen.command("/first")
            seen.sees_no("second")
            seen.keys("Enter")
            seen.show("overview")
            seen.sees(sessions["first"]["session"], "ENDED", "the session is over")
            seen.show("actors")  # those that run now are not of that session
            seen.sees("no event up to this moment tells of an actor")
            seen.show("stream")
            seen.sees("42 first", "session_ended")
            last = sessions["first"]["last_seq"]
            seen.command("t1")
            seen.sees_no("42 first")
            for _ in range(last - 1):
                seen.keys("]")
            seen.sees("42 first", "session_ended")
        home.run("down")
        with tui(home, "--offline=" + home.dir, size=WIDE) as seen:
            seen.show("sessions")
            seen.sees("first", "second")
            seen.command("/second")
            seen.keys("Enter")
            seen.show("stream")
            seen.sees("42 second", "session_ended")


def test_what_cannot_be_opened_leaves_what_is_shown():
    with Home(BIN) as home:
        up(home)
        home.run("run", "--name", "beside", "--", "true")
        with tui(home, size=WIDE) as seen:
            seen.show("stream")
            seen.sees("LIVE", "actor_ready")
            seen.command(":open nosuch")
            seen.sees("there is no session 'nosuch'", "LIVE")
            home.run("emit", "after_that")
            seen.sees("after_that")
            seen.command(":open " + home.json("session", "ls")[0]["session"])
            seen.sees("ENDED", "session_ended")
            seen.command(":open " + home.json("status")["session"])
            seen.sees("LIVE", "after_that")


def test_top_goes_over_to_a_runtime_that_was_started_again():
    with Home(BIN) as home:
        up(home)
        path = os.path.join(home.holder.name, "frames")
        with open(path, "wb") as out:
            home.start("vedette", "top", "-b", "-n", "100000", "-d", "100ms", stdout=out)

        def shown():
            with open(path, encoding="utf-8") as frames:
                return home.json("status")["session"] in frames.read().split("\nvedette 2")[-1]
        wait_for("its session", shown)
        home.run("down")
        home.run("up", "--detach", "--wait", "-c", home.config)
        wait_for("the session of the other one", shown)


if __name__ == "__main__":
    run_tests(globals())
