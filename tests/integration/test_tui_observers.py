#!/usr/bin/python3
"""test_tui_observers.py BIN: the observers' own views on a real terminal: of a runtime, and of a store without one."""
import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import run_tests  # noqa: E402
from tui_harness import Home, Seen, alive, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1])


def past_observers(home):
    """The processes of observers that run for a terminal alone."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{pid}/environ", "rb") as file:
                ours = b"VEDETTE_DIR=" + home.dir.encode() in file.read().split(b"\0")
        except OSError:
            continue
        if ours and b"--past" in words:
            found.append(int(pid))
    return found


def test_a_view_now_and_of_a_stopped_store():
    with Home(BIN) as home, socket.create_server(("127.0.0.1", 0)) as server:
        home.run("up", "--detach", "--wait")
        home.run("wait", "services", f"any(services, item.port == {server.getsockname()[1]})")
        with Seen(home, "tui", "--screen", "observers", size=(120, 40)) as seen:
            seen.sees("OBSERVER")
            seen.sees("received in all")  # the host's, which comes first
            seen.keys("Down")
            seen.sees("services listen")
            seen.keys("q")
            assert seen.ended() == 0
        home.run("down")
        with Seen(home, "tui", f"--offline={home.dir}", "--screen", "observers", size=(120, 40)) as seen:
            seen.sees("after event")
            seen.keys("/", "s", "e", "r", "v", "Enter")
            seen.sees("services after event")
            seen.sees("services listen")
            seen.sees("protocol")
            observers = seen.until("observers run for it", lambda: past_observers(home))
            seen.keys("q")
            assert seen.ended() == 0
        wait_for("they are gone with it", lambda: not any(map(alive, observers)))


if __name__ == "__main__":
    run_tests(globals())
