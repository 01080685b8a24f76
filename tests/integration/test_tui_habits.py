#!/usr/bin/python3
"""test_tui_habits.py BIN: what hands expect of the terminal screen: to sort, choose columns, copy, write into a file, stop and
restart with a typed name; without colours, in ASCII, and where nothing may be changed."""
import base64
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import SCREENS, STILL, Home, tui, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SIZE = (110, 24)
COPIED = re.compile(rb"\x1b\]52;[^;]*;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8;5;\d+)(?:;\d+)*m")


def up(home):
    home.configure(STILL)
    home.run("up", "--detach", "--wait", "-c", home.config)
    home.run("emit", "by_hand")
    return [row["name"] for row in home.json("ps")]


def names(seen):
    """The first column of the list that is shown; empty while none is."""
    lines = seen.body()
    at = next((at for at, line in enumerate(lines) if line.startswith("NAME")), len(lines))
    return [line.split()[0] for line in lines[at + 1:] if line]


def copies(seen):
    """What was offered to the clipboard so far."""
    with open(seen.output, "rb") as file:
        return [base64.b64decode(copy).decode() for copy in COPIED.findall(file.read())]


def test_lists_are_sorted_and_their_columns_chosen():
    with Home(BIN) as home:
        actors = up(home)
        with tui(home, size=SIZE) as seen:
            seen.show("actors")
            seen.until(f"{actors}, in this order", lambda: names(seen) == actors)
            seen.keys("s")
            seen.until("in order of their names", lambda: names(seen) == sorted(actors))
            seen.keys("c")
            seen.sees("[x] STATE", "[ ] KIND")
            seen.keys("j", "Space", "Escape")
            seen.sees_no("columns:", "STATE", "ready")
            seen.until("the list all the same", lambda: names(seen) == sorted(actors))
            seen.keys("c", "Space", "Escape")  # it stands where it stood
            seen.sees("STATE", "ready")


def test_what_is_shown_is_copied_and_written():
    with Home(BIN) as home:
        up(home)
        before = os.getcwd()
        os.chdir(home.dir)
        try:
            with tui(home, size=SIZE) as seen:
                seen.show("actors")
                seen.sees("poller-1")
                seen.command("/poller-1")
                seen.until("one of them", lambda: names(seen) == ["poller-1"])
                seen.keys("y")
                seen.sees("offered to the clipboard")
                copied = seen.until("the copy in what was written", lambda: copies(seen))[-1]
                assert "poller-1" in copied and "broker" not in copied, copied
                seen.keys("e")
                path = os.path.join(home.dir, seen.sees_match(r"written: \S+/(vedette-actors-\S+\.txt)")[1])
                with open(path, encoding="utf-8") as file:
                    written = file.read()
                rows = [line.split()[:3] for line in written.splitlines() if line]
                pid = next(row["pid"] for row in home.json("ps") if row["name"] == "poller-1")
                assert rows == [["NAME", "STATE", "PID"], ["poller-1", "ready", str(pid)]], written
                seen.keys("e")  # as soon as that: in the same second, most of the time
                wait_for("another file", lambda: len([name for name in os.listdir(home.dir) if name.startswith("vedette-actors-")]) == 2)
        finally:
            os.chdir(before)


def test_actors_are_stopped_by_their_typed_name():
    with Home(BIN) as home:
        up(home)

        def state(name):
            return next(row for row in home.json("ps") if row["name"] == name)
        with tui(home, size=SIZE) as seen:
            seen.show("actors")
            seen.command("/poller-1")
            seen.until("one of them", lambda: names(seen) == ["poller-1"])
            before = state("poller-1")["pid"]
            seen.keys("x")
            seen.sees("type its name")
            seen.type("poller-2")
            seen.keys("Enter")
            seen.sees_no("type its name")
            assert state("poller-1")["pid"] == before, "stopped by another name"
            seen.keys("r")
            seen.sees("type its name")
            seen.type("poller-1")
            seen.keys("Enter")
            wait_for("a new process", lambda: state("poller-1")["state"] == "ready" and state("poller-1")["pid"] != before)
            seen.until("it on the screen", lambda: str(state("poller-1")["pid"]) in seen.text() and "ready" in seen.text())
            seen.keys("x")
            seen.sees("type its name")
            seen.type("poller-1")
            seen.keys("Enter")
            wait_for("it is stopped", lambda: state("poller-1")["state"] == "stopped")
            seen.until("that on the screen", lambda: "stopped" in " ".join(seen.body()))


def test_without_colours_in_ascii_and_without_hands():
    with Home(BIN) as home:
        up(home)
        with tui(home, "--ascii", "--readonly", size=SIZE, environment={"NO_COLOR": "1"}) as seen:
            for screen in SCREENS:
                text = seen.show(screen)
                assert text.isascii(), text
                assert not COLOUR.search(seen.text(styled=True)), repr(seen.text(styled=True))
            assert seen.ask("#{mouse_any_flag}") == "0", "the mouse is the terminal's, to select text with"
            seen.show("actors")
            seen.sees("ready")
            seen.keys("x")
            seen.sees("nothing can be changed here: started with --readonly")
        with tui(home, size=SIZE) as seen:
            seen.show("actors")
            seen.until("colours where they are not refused", lambda: COLOUR.search(seen.text(styled=True)))


if __name__ == "__main__":
    run_tests(globals())
