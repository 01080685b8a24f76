#!/usr/bin/python3
"""test_tui.py BIN: the terminal screen as people see it, in a real terminal: each screen, keys, ends."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import SCREENS, SIZES, STILL, Home, Seen, alive, tui, wait_for  # noqa: E402
from grid import Grid  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
IDLE_S = 10
QUIET_S = 0.5


def up(home, config=""):
    home.configure(config)
    home.run("up", "--detach", "--wait", "-c", home.config)


def test_the_terminal_of_these_tests():
    """Keys arrive, what is shown is read, sizes change, and nothing of it stays."""
    with Home(BIN) as home:
        up(home)
        home.run("emit", "first_by_hand")
        # These alone: whatever else the machine does would push them off so low a screen.
        with Seen(home, "follow", "--from", "start", "--type", "*by_hand", size=(70, 12)) as seen:
            seen.sees("first_by_hand")
            assert all(len(line) <= 70 for line in seen.lines()) and len(seen.lines()) == 12, seen.text()
            home.run("emit", "then_by_hand")
            seen.sees("then_by_hand")
            assert seen.written() > 80, seen.written()
            seen.resize(100, 20)
            seen.until("the new size", lambda: len(seen.lines()) == 20)
            seen.keys("C-c")
            assert seen.ended() == 0 and seen.pid() is None and seen.stty() == seen.stty_before
            seen.again("follow", "--from", "now")
            follower = seen.until("it runs again", seen.pid)
            assert seen.pids()[0] == follower
            place = seen.place
        wait_for("it is gone with its terminal", lambda: not alive(follower))
        assert not os.path.exists(place)


def facts(home):
    """What each screen has to show, said by the commands."""
    names = [row["name"] for row in home.json("ps")]
    ready = len([name for name in names if name != "supervisor"])
    sources = [row["name"] for row in home.json("source", "ls")]
    session = home.json("session", "ls")[0]
    return {"overview": [f"{ready} of {ready} ready", session["session"]], "actors": names, "sources": sources, "stream": ["by_hand"], "subscribers": ["live"],
            "observers": ["host", "services"], "progress": [], "sessions": [session["name"]]}


def check_frame(seen, size, screen):
    """Soon: a screen that has just been resized may still be drawn."""
    def is_whole():
        lines = seen.lines()
        return (len(lines) == size[1] and all(len(line) <= size[0] for line in lines) and f" {screen}]" in lines[0]
                and lines[-1] and not any("\ufffd" in line for line in lines))
    seen.until(f"{screen} in {size[0]} times {size[1]}, its title and its last line", is_whole)


def test_every_screen_in_every_size():
    with Home(BIN) as home:
        up(home)
        home.run("emit", "by_hand")
        wanted = facts(home)
        with tui(home, size=SIZES[0]) as seen:
            for size in SIZES:
                seen.resize(*size)
                for screen in SCREENS:
                    seen.show(screen)
                    if screen == "stream":  # what else happens on the machine would push it off
                        seen.command("/by_hand")
                    seen.sees(*(wanted[screen] if size == SIZES[0] else wanted[screen][:1]))
                    check_frame(seen, size, screen)
                    seen.keys("?")
                    seen.sees(f"{screen}: help")
                    seen.keys("Escape")
            seen.resize(50, 10)
            seen.until("one line", lambda: sum(map(bool, seen.lines())) == 1)
            seen.resize(*SIZES[1])
            seen.show("actors")
            seen.sees(wanted["actors"][0])
            check_grid(seen)


def check_grid(seen):
    """What the benchmark reads from the same bytes is what this terminal shows."""
    assert seen.quiet_s(QUIET_S)
    seen.again("tui")
    seen.sees("overview")
    grid = Grid(*SIZES[1])

    def same():
        with open(seen.output, "rb") as file:
            grid.__init__(*SIZES[1])
            grid.feed(file.read())
        return [grid.line(y) for y in range(grid.lines)] == seen.lines()
    seen.until("what was written is what is shown", same)


def test_filter_freeze_and_rest():
    with Home(BIN) as home:
        up(home, STILL)
        for kind in ("apple_fell", "pear_fell"):
            home.run("emit", kind)
        with tui(home) as seen:
            seen.show("stream")
            seen.sees("apple_fell", "pear_fell")
            seen.command("/apple")
            seen.sees_no("pear_fell")
            seen.sees("apple_fell")
            seen.command("/!apple")
            seen.sees("pear_fell", "actor_ready")
            seen.sees_no("apple_fell")
            seen.command("/")
            seen.sees("apple_fell", "pear_fell")
            seen.keys("Space")
            seen.sees("FROZEN")
            home.run("emit", "plum_fell")
            seen.quiet_s(QUIET_S, timeout_s=3)
            assert "plum_fell" not in "".join(seen.body()), seen.text()
            seen.keys("Space")
            seen.sees("plum_fell")
            # Where processes are shown, what they use of a machine that others use as well may change by itself.
            assert seen.quiet_s(IDLE_S, timeout_s=6 * IDLE_S), "it writes while nothing happens"
            seen.show("overview")
            assert seen.quiet_s(QUIET_S, timeout_s=6 * IDLE_S), "the overview never comes to rest"


if __name__ == "__main__":
    run_tests(globals())
