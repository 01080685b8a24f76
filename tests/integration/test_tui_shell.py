#!/usr/bin/python3
"""test_tui_shell.py BIN: the terminal screen on a live runtime: what it shows, goes back to, and leaves behind."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import Home, Seen, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])


def test_shows_now_and_then():
    """The actors as they are, the same as of an early event, and back; a runtime that is killed, and another one."""
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        with Seen(home, "tui", "--screen", "actors", size=(120, 40)) as seen:
            seen.sees("supervisor")
            seen.sees("poller-1")
            seen.keys("t", "2", "Enter")
            seen.sees("PAST")
            seen.until("what was known then", lambda: "supervisor" not in seen.text())
            seen.keys("L")
            seen.sees("LIVE")
            seen.sees("supervisor")
            seen.keys("j", "r")
            seen.sees("type its name")
            seen.keys("Escape", "1")
            seen.sees("commit p50")
            os.kill(home.json("status")["pid"], signal.SIGKILL)
            seen.sees("what is shown is from then", "commit p50")
            seen.keys("2")
            seen.sees("what is shown is from then", "poller-1")
            seen.keys("1")
            home.run("up", "--detach", "--wait")
            session = home.json("status")["session"]
            seen.until("the new session", lambda: session in seen.text() and "LIVE" in seen.text())
            seen.keys("q")
            assert seen.ended() == 0 and seen.stty() == seen.stty_before


def test_terminal_is_restored():
    """Whatever ends it; and where there is no terminal, it says what else there is."""
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        done = home.run("tui", code=2)
        assert "vedette top -b" in done.err, done
        with Seen(home, "tui") as seen:
            for number, code in ((signal.SIGTERM, 0), (signal.SIGSEGV, 128 + signal.SIGSEGV), (signal.SIGKILL, 128 + signal.SIGKILL)):
                seen.sees("overview")
                pids = seen.until("both processes", lambda: len(seen.pids()) > 1 and seen.pids())
                os.kill(pids[0] if number == signal.SIGTERM else pids[1], number)
                assert seen.ended() == code, seen.text()
                assert seen.stty() == seen.stty_before
                seen.until("screen, cursor and keys as they were",
                           lambda: seen.ask("#{alternate_on} #{cursor_flag} #{keypad_flag}") == "0 1 0")
                seen.again("tui")
            seen.sees("overview")
            guard, child = seen.until("both processes", lambda: len(seen.pids()) > 1 and seen.pids())[:2]
            os.kill(guard, signal.SIGKILL)
            wait_for("its child has ended", lambda: not os.path.exists(f"/proc/{child}"))
            assert seen.stty() == seen.stty_before


if __name__ == "__main__":
    run_tests(globals())
