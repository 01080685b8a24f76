#!/usr/bin/python3
"""test_supervisor.py: real processes under the supervisor: order, deaths, loops, locks, no orphans.

The actors are small scripts, so that each can be made to fail as a case needs it."""
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Supervised, alive, run_tests, state_of, vedette, wait_for  # noqa: E402

BIN = sys.argv[1]
PROGRAMS = ["broker", "ingestor", "relay", "provider", "poller", "observer-host", "observer-services"]
AT_ONCE_S = 5.0  # what a busy machine takes; not the back-off after many deaths
GOOD = "echo ready >&$VEDETTE_NOTIFY_FD\nexec sleep 1000"
# Without an ingestor that commits there is no session, and observers wait for it.
UP = ["broker", "ingestor", "static", "manual", "poller-1"]
CONFIG = """
[supervisor]
backoff_min = "10ms"
backoff_max = "50ms"
intensity_restarts = 5
stop_timeout = "500ms"
start_timeout = "2s"
log_bytes_max = 4096
"""


class Runtime(Supervised):
    """A directory with scripts as actors, and a supervisor on it."""

    def __init__(self):
        super().__init__(BIN, CONFIG)
        self.bin = self.path("bin")
        os.mkdir(self.bin)
        for program in PROGRAMS:
            self.script(program, GOOD)

    def script(self, program, text):
        path = os.path.join(self.bin, f"vedette-{program}")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    def environment(self):
        return {**super().environment(), "VEDETTE_BIN": self.bin}

    def up(self, names=UP):
        self.process = self.spawn()
        wait_for(f"{names} ready", lambda: all(self.child(name)["state"] == "ready" for name in names))
        return self


def five_descriptors(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            return None
    return found if sorted(found) == [0, 1, 2, 3, 4] else None


def test_starts_and_stops_in_order(run):
    run.configure(CONFIG + "[relay]\nprocesses = 2\n")
    names = UP[:2] + ["relay-1", "relay-2"] + UP[2:]
    run.up(names)
    children = run.children()
    pids = [children[name]["pid"] for name in names]
    assert len(set(pids)) == len(names), pids
    assert "relay-3" not in children, children
    started = [children[name]["started_ms"] for name in names]
    assert started == sorted(started), started
    assert children["host"]["state"] == "stopped" and "session" in children["host"]["reason"], children["host"]
    assert run.status()["state"] == "starting"
    # What a child has: nothing but its three standard descriptors, the notify pipe and the lock. (Told ready by its
    # script: the program after that may still be opening its libraries.)
    for pid in pids:
        descriptors = wait_for("a child with five descriptors", lambda: five_descriptors(pid))
        assert descriptors[4].endswith("/run/runtime.lock"), descriptors
        assert os.getpgid(pid) == pid
    with open(os.path.join(run.dir, "logs", "broker.log"), encoding="utf-8") as file:
        assert file.read() == ""
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(20) == 0
    assert not [pid for pid in pids if alive(pid)]
    log = run.log()
    # Actors of one step, here two relays and two providers, end in any order.
    steps = [["poller-1"], ["static", "manual"], ["relay-1", "relay-2"], ["ingestor"], ["broker"]]
    order = [sorted(log.index(f"{name}: dead") for name in step) for step in steps]
    assert order == sorted(order) and all(a[-1] < b[0] for a, b in zip(order, order[1:])), log


def test_a_killed_actor_is_back_at_once(run):
    run.up()
    for name in UP:
        before = run.child(name)
        begin = time.monotonic()
        os.kill(before["pid"], signal.SIGKILL)
        wait_for(f"{name} is back", lambda: run.child(name)["restarts"] == before["restarts"] + 1
                 and run.child(name)["state"] == "ready")
        assert time.monotonic() - begin < AT_ONCE_S
        after = run.child(name)
        assert after["pid"] != before["pid"] and after["reason"] == "killed by SIGKILL", after
        assert not alive(before["pid"]) and not os.path.exists(f"/proc/{before['pid']}"), "a zombie"
    assert all(run.child(name)["restarts"] == 1 for name in UP)


def test_a_killed_supervisor_leaves_nobody_and_up_works_at_once(run):
    run.up()
    pids = run.pids()
    run.process.kill()
    run.process.wait()
    run.process = run.spawn()
    wait_for("no old actor is left", lambda: not [pid for pid in pids if alive(pid)], 2.0)
    wait_for("the new ones are ready", lambda: all(run.child(name)["state"] == "ready" for name in UP))
    assert not set(run.pids()) & set(pids)


def test_a_killed_supervisor_takes_who_ignores_signals_with_it(run):
    run.script("poller", "trap '' TERM INT HUP\n" + GOOD)
    run.up()
    pids = run.pids()
    run.process.kill()
    wait_for("no old actor is left", lambda: not [pid for pid in pids if alive(pid)], 2.0)


def test_who_does_not_end_is_killed(run):
    run.script("poller", "trap '' TERM\n" + GOOD)
    run.up()
    run.control("stop", "poller-1")
    wait_for("it is stopped", lambda: run.child("poller-1")["state"] == "stopped")
    assert run.child("poller-1")["reason"].endswith("after SIGTERM, killed by SIGKILL"), run.child("poller-1")
    run.control("start", "poller-1")
    wait_for("it is back", lambda: run.child("poller-1")["state"] == "ready")


def test_a_second_up_is_refused_with_one_line(run):
    run.up()
    second = run.spawn(stderr=subprocess.PIPE, text=True)
    text = second.communicate(timeout=60)[1]
    assert second.returncode == 1, (second.returncode, text)
    assert len(text.splitlines()) == 1 and f"pid {run.process.pid}" in text, text
    assert run.child("broker")["restarts"] == 0


def test_a_missing_executable_fails_and_is_named(run):
    path = os.path.join(run.bin, "vedette-provider")
    os.unlink(path)
    run.up(["broker", "ingestor", "poller-1"])
    child = run.child("static")
    assert child["state"] == "failed" and path in child["reason"] and "No such file" in child["reason"], child
    status = run.status()
    assert status["state"] == "failed" and path in status["text"], status
    run.script("provider", GOOD)
    run.control("start", "static")
    wait_for("it is ready", lambda: run.child("static")["state"] == "ready")


def test_a_crash_loop_fails_and_delays_nobody(run):
    run.script("provider", "echo 'no way' >&2\nexit 3")
    run.up(["broker", "ingestor", "poller-1"])
    child = wait_for("it has failed", lambda: run.child("static")["state"] == "failed" and run.child("static"))
    assert "6 x exit code 3" in child["reason"] and child["reason"].endswith("no way"), child
    assert all(run.child(name)["restarts"] == 0 for name in ["broker", "ingestor", "poller-1"])
    # The same again, while another is killed: it comes back as if nothing was.
    run.control("start", "static")
    begin = time.monotonic()
    os.kill(run.child("poller-1")["pid"], signal.SIGKILL)
    wait_for("poller-1 is back", lambda: run.child("poller-1")["restarts"] == 1
             and run.child("poller-1")["state"] == "ready")
    assert time.monotonic() - begin < AT_ONCE_S


def test_a_bad_configuration_is_not_tried_again(run):
    run.script("provider", "echo 'vedette.toml:3: unknown key' >&2\nexit 2")
    run.up(["broker", "ingestor", "poller-1"])
    child = wait_for("it has failed", lambda: run.child("static")["state"] == "failed" and run.child("static"))
    assert child["restarts"] == 0 and child["reason"] == "exit code 2: vedette.toml:3: unknown key", child


def test_who_is_never_ready_is_killed(run):
    run.script("provider", "exec sleep 1000")
    run.up(["broker", "ingestor"])
    wait_for("it was killed", lambda: "not ready after 2 s" in run.child("static").get("reason", ""))
    wait_for("the next rank has started", lambda: run.child("poller-1")["state"] == "ready")


def test_pause_and_resume(run):
    run.up()
    pid = run.child("poller-1")["pid"]
    run.control("pause", "poller-1")
    wait_for("it is stopped by the signal", lambda: state_of(pid) == "T")
    assert run.child("poller-1")["state"] == "paused"
    run.control("pause", "poller-1")  # what is so already is done
    assert run.child("poller-1")["state"] == "paused"
    run.control("resume", "poller-1")
    run.control("resume", "poller-1")
    wait_for("it runs", lambda: state_of(pid) != "T")
    run.control("stop", "static")
    wait_for("the other is stopped", lambda: run.child("static")["state"] == "stopped")
    try:
        run.control("pause", "static")
        assert False, "what is stopped cannot be paused"
    except vedette.Error as error:
        assert error.status == "not_ready", error
    # A paused one obeys a stop.
    run.control("pause", "poller-1")
    run.control("stop", "poller-1")
    wait_for("it is stopped", lambda: run.child("poller-1")["state"] == "stopped")
    assert not alive(pid)


def test_an_interrupt_of_the_terminal_reaches_the_supervisor_alone(run):
    run.up()
    pids = run.pids()
    groups = {os.getpgid(pid) for pid in pids}
    assert os.getpgid(run.process.pid) not in groups
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(20) == 0
    log = run.log()
    assert log.index("poller-1: dead") < log.index("broker: dead"), log


def test_the_log_is_capped_with_one_rotation(run):
    chatty = "i=0\nwhile [ $i -lt 400 ]; do echo line $i of many; i=$((i + 1)); done\n"
    run.script("poller", chatty + GOOD)
    run.up()
    log = os.path.join(run.dir, "logs", "poller-1.log")
    wait_for("the log is rotated", lambda: os.path.exists(log + ".1") and os.path.getsize(log) <= 4096)
    with open(log + ".1", encoding="utf-8") as file:
        assert file.read().splitlines()[-1] == "line 399 of many"


def test_an_actor_without_a_log_still_runs(run):
    os.makedirs(os.path.join(run.dir, "logs", "poller-1.log"))
    os.chmod(run.dir, 0o700)
    run.up()
    assert run.child("poller-1")["state"] == "ready"


def test_observers_are_those_of_the_configuration(run):
    with open(run.config, "a", encoding="utf-8") as file:
        file.write("[observers.services]\nenabled = false\n[observers.mine]\nwhatever = 3\n")
    run.up()
    assert sorted(run.children()) == sorted(UP + ["host", "mine"]), sorted(run.children())


def is_pipe(pid, fd, pipe):
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}") == pipe
    except OSError:
        return False


def test_the_starter_may_go(run):
    """As with --detach: the one who waits for readiness goes, and the runtime stays."""
    read_end, write_end = os.pipe()
    run.process = run.spawn(env={**run.environment(), "VEDETTE_NOTIFY_FD": str(write_end)}, pass_fds=[write_end])
    os.close(write_end)
    assert os.read(read_end, 6) == b"alive\n"
    pipe = os.readlink(f"/proc/self/fd/{read_end}")
    os.close(read_end)
    wait_for("it has noticed", lambda: not [fd for fd in os.listdir(f"/proc/{run.process.pid}/fd")
                                            if is_pipe(run.process.pid, fd, pipe)])
    wait_for("its actors live on", lambda: run.child("broker")["state"] == "ready")
    assert run.process.poll() is None


def with_runtime(test):
    with Runtime() as run:
        test(run)


if __name__ == "__main__":
    run_tests(globals(), with_runtime)
