#!/usr/bin/python3
"""run_keeper.py DIR VEDETTE [GONE]: stands beside a run of faults, and cleans up when that dies without having done so itself.

It reads its standard input: the word "done" there, and it has nothing to do; the end without that word, and it undoes the
faults, ends the runtime in DIR, kills whatever was started for it (VEDETTE_DIR in its environment says so), and removes the
directory GONE."""
import os
import shutil
import signal
import subprocess
import sys
import time

UNDO_S = 60.0


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def belonging(directory):
    """Processes that were started for the runtime in `directory`; not this one."""
    mark = b"VEDETTE_DIR=" + os.fsencode(directory)
    return [int(name) for name in os.listdir("/proc")
            if name.isdigit() and int(name) != os.getpid() and mark in environment_of(name)]


def clean(directory, vedette):
    for words in (["chaos", "undo"], ["down", "--timeout", "20s"]):
        try:
            subprocess.run([vedette, *words], env={**os.environ, "VEDETTE_DIR": directory}, timeout=UNDO_S, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired):
            pass  # what it leaves is killed
    deadline = time.monotonic() + UNDO_S
    while (pids := belonging(directory)) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just ended
        time.sleep(0.05)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.read().strip() != "done":
        clean(sys.argv[1], sys.argv[2])
        for gone in sys.argv[3:]:
            shutil.rmtree(gone, ignore_errors=True)


if __name__ == "__main__":
    main()
