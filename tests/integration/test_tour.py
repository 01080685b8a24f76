#!/usr/bin/python3
"""test_tour.py BIN: the quickstart's tour sees all that it claims; interrupted at any step it leaves no process behind."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOUR = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "tools", "lib", "tour.py"))
DEADLINE_S = 60
STEPS = ("Up in", "A server starts", "kill -9 to the ingestor", "The server ends")
CLUSTER_STEPS = ("which leads", "A fourth member joins") if shutil.which("etcd") else ()


def start(binaries, folder):
    return subprocess.Popen([TOUR, "--bin", binaries, "--seconds", str(DEADLINE_S)],
                            env={**os.environ, "VEDETTE_DIR": folder}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def processes_in(folder):
    """Processes whose environment names the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environ = file.read()
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if f"VEDETTE_DIR={folder}\0".encode() in environ and state != "Z" and int(pid) != os.getpid():
            found.append(pid)
    return found


def gone(folder):
    """True as soon as no process is left; what they are when the deadline passes."""
    until = time.monotonic() + 5
    left = processes_in(folder)
    while left and time.monotonic() < until:
        left = processes_in(folder)
    return left


def complete(binaries):
    with tempfile.TemporaryDirectory(prefix="vt") as folder:
        tour = start(binaries, folder)
        output = tour.communicate(timeout=2 * DEADLINE_S)[0]
        assert tour.returncode == 0, output
        for wanted in STEPS + CLUSTER_STEPS + ("Seen:", "replayed without a gap", "Next:"):
            assert wanted in output, f"{wanted!r} is not in\n{output}"
        last = re.fullmatch(r"(m\d) killed, (m\d) leads after \d+ ms, stored as event \d+, replayed\.",
                            output.splitlines()[-1])
        assert last and last[1] != last[2] if CLUSTER_STEPS else "etcd is not installed" in output, output
        assert not gone(folder), f"left behind: {gone(folder)}"


def interrupted(binaries, step):
    with tempfile.TemporaryDirectory(prefix="vt") as folder:
        tour = start(binaries, folder)
        output = ""
        for line in tour.stdout:
            output += line
            if step in line:
                tour.send_signal(signal.SIGINT)
                break
        output += tour.stdout.read()
        tour.wait(2 * DEADLINE_S)
        assert tour.returncode == 130, f"interrupted at {step!r}: exit {tour.returncode}\n{output}"
        assert not gone(folder), f"interrupted at {step!r}, left behind: {gone(folder)}"


def main():
    complete(sys.argv[1])
    for step in STEPS + CLUSTER_STEPS:
        interrupted(sys.argv[1], step)


main()
