#!/usr/bin/python3
"""test_wait.py BIN: waiting for what an observer shows, and asking it, from the command line, C and Python."""
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "protocol", "python"))
from cli_harness import Home, wait_for  # noqa: E402
from services_world import Machine  # noqa: E402
import vedette  # noqa: E402

BIN = sys.argv[1]
SEEN_S = 5.0  # a wait in vain hears of its observer within this
SEEN = "5s"
CYCLES_S = 60.0


def listener():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    return server, server.getsockname()[1]


def on_port(port):
    return f"any(services, item.port == {port})"


class Wait:
    """`vedette wait` in the background."""

    def __init__(self, home, *arguments):
        self.process = home.start("vedette", "wait", *arguments, "-o", "ndjson", text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)

    def runs(self):
        return self.process.poll() is None

    def end(self):
        out, err = self.process.communicate(timeout=70)
        return self.process.returncode, out, err


def waits_until_a_service_appears(home):
    server, port = listener()
    with server:
        waiting = Wait(home, "services", on_port(port), "--timeout", "60s")
        # It has looked at several cycles, and goes on waiting.
        cycle = home.json("snapshot", "services")["cycle"]
        home.run("wait", "services", f"$.cycle > {cycle + 2}")
        assert waiting.runs(), waiting.end()
        begun = time.monotonic()
        server.listen()
        code, out, err = waiting.end()
        took = time.monotonic() - begun
        assert code == 0, (code, err)
        found = [service for service in json.loads(out)["state"]["services"] if service["port"] == port]
        assert len(found) == 1 and "true after" in err, (out, err)
        # One interval of the observer, a commit, and what a machine under load takes.
        assert took < 30, took
    home.run("wait", "services", f"not {on_port(port)}")


def goes_on_over_deaths(home):
    server, port = listener()
    with server:
        waiting = Wait(home, "services", on_port(port), "--timeout", "60s")
        cycle = home.json("snapshot", "services")["cycle"]
        home.run("wait", "services", f"$.cycle > {cycle}")
        for actor in ("services", "broker", "ingestor", "services"):
            home.run("kill", actor, "--wait")
        assert waiting.runs(), waiting.end()
        server.listen()
        code, out, err = waiting.end()
        assert code == 0 and on_port(port) not in err and json.loads(out)["observer"] == "services", (code, err)


def says_what_was_last_seen(home):
    with Home(BIN) as other:
        # On a machine that is made up nothing else comes or goes.
        machine = Machine(other.path("root"), random.Random(1))
        machine.rows = {2001: 21, 2002: 22}
        machine.write()
        other.configure(machine.config(""))
        other.run("up", "--detach", "--wait", "-c", other.config)
        other.run("wait", "services", "count == 2")
        begun = time.monotonic()
        done = other.run("wait", "services", "count > 100000 and $.phase == 'running' or nothing.here", "--timeout", SEEN,
                         code=124)
        assert SEEN_S - 0.5 < time.monotonic() - begun < 30 and done.out == "", done
    assert re.search(r"last seen, in cycle \d+, \d+ ms ago: ", done.err), done
    assert "count = 2" in done.err and '$.phase = "running"' in done.err and "nothing.here = null" in done.err, done
    assert '"count > 100000' in done.err and "within 5000 ms" in done.err and "error" not in done.err, done
    done = home.run("wait", "host", "hosts == 1", "--timeout", SEEN, code=124)
    assert "hosts = a list of 1" in done.err, done

    home.run("pause", "services", "--wait")
    done = home.run("wait", "services", "count > 100000", "--timeout", SEEN, code=124)
    assert "nothing was heard of it; it is paused" in done.err, done
    waiting = Wait(home, "services", "count >= 0", "--timeout", "60s")
    home.run("resume", "services", "--wait")
    assert waiting.end()[0] == 0


def every_cycle_is_noticed(home):
    # Figures that change with each poll write no events: what tells is the item of each turn.
    with vedette.Client(home.dir) as client:
        feed = vedette.Feed(client, "host", "state", request_port="requests", pub_port="changes")
        cycles, eventless, deadline = [], 0, time.monotonic() + CYCLES_S
        while len(cycles) < 4:
            change = feed.next(20)
            assert change is not None and time.monotonic() < deadline, cycles
            if change[0] == "item" and "error" not in change[1]:
                cycles.append(change[1]["cycle"])
                eventless += not change[1]["events"]
            else:  # of a turn that failed, or of those that were missed there are no items
                cycles.clear()
        feed.close()
        assert cycles == list(range(cycles[0], cycles[0] + 4)) and eventless > 0, cycles
        before = client.snapshot("host")
        figure = "hosts[0].memory.available_bytes"
        value = before["state"]["hosts"][0]["memory"]["available_bytes"]
        after = client.wait("host", f"{figure} != {value} and $.cycle > {before['cycle'] + 1}")
        assert after["state"]["hosts"][0]["memory"]["available_bytes"] != value and after["cycle"] > before["cycle"] + 1


def usage_and_absence(home):
    done = home.run("wait", "services", "count >  ", code=2)
    lines = done.err.splitlines()
    assert lines[0].endswith("column 10: expected a value, found the end"), done
    assert lines[1] == "  count >  " and lines[2] == "  " + " " * 9 + "^", done
    done = home.run("wait", "services", "gr\u00fc\u00df\u001b == 1", code=2)
    assert "\u001b" not in done.err and done.err.splitlines()[2].index("^") == 4, done
    assert "for what?" in home.run("wait", "services", code=2).err
    home.run("wait", "services", "count", "--for", "down", code=2)
    home.run("wait", "../x", "true", "--timeout", "1s", code=2)
    begun = time.monotonic()
    done = home.run("wait", "servces", "count > 0", "--timeout", SEEN, code=4)
    assert "did you mean services?" in done.err and "none came within 5000 ms" in done.err, done
    assert time.monotonic() - begun > SEEN_S - 0.5
    for actor in ("broker", "poller-1"):
        begun = time.monotonic()
        assert f"{actor} is no observer" in home.run("wait", actor, "true", "--timeout", "60s", code=4, timeout_s=90).err
        assert time.monotonic() - begun < 30


def queries_are_declared(home):
    rows = home.json("query", "services")
    assert [row["name"] for row in rows] == ["port"] and rows[0]["arguments"] == "PORT" and rows[0]["help"], rows
    assert home.lines("query", "services") == rows and "ARGUMENTS" in home.run("query", "services").out
    assert home.json("query", "host") == []
    server, port = listener()
    with server:
        server.listen()
        home.run("wait", "services", on_port(port))
        assert [row["port"] for row in home.json("query", "services", "port", str(port))] == [port]
        done = home.run("query", "services", "prot", "1", code=4)
        assert "no query 'prot'" in done.err and "port PORT" in done.err, done
        done = home.run("query", "services", "port", "eighty", code=2)
        assert "PORT (the services" in done.err, done
        assert "answers none" in home.run("query", "host", "x", code=4).err
        with vedette.Client(home.dir) as client:
            assert client.query("services") == rows
            assert [row["port"] for row in client.query("services", "port", port)] == [port]
            for name, status in (("prot", "not_found"), ("port", "usage")):
                try:
                    client.query("services", name)
                    raise AssertionError(f"{name} was answered")
                except vedette.Error as problem:
                    assert problem.status == status and "port" in str(problem).lower(), problem


def python_waits_alike(home):
    server, port = listener()
    with server, vedette.Client(home.dir) as client:
        found = []
        thread = threading.Thread(target=lambda: found.append(waited(home, on_port(port))))
        thread.start()
        home.run("kill", "services", "--wait")
        assert thread.is_alive() and not found
        server.listen()
        thread.join(40)
        assert found and any(service["port"] == port for service in found[0]["state"]["services"]), found
        for expression, kind, words in (("count >", vedette.ExpressionError, "column 8: expected a value, found the end"),
                                        ("count < 0", vedette.TimedOut, "last seen, in cycle ")):
            try:
                client.wait("services", expression, SEEN_S)
                raise AssertionError(f"{expression} was true")
            except kind as problem:
                assert words in str(problem), problem
                if kind is vedette.TimedOut:
                    count = problem.snapshot["state"]["count"]
                    assert f"count = {count}" in str(problem), problem
        for observer, status in (("servces", "not_found"), ("poller-1", "not_found")):
            try:
                client.wait(observer, "true", SEEN_S)
                raise AssertionError(f"{observer} is there")
            except vedette.Error as problem:
                assert problem.status == status, problem


def waited(home, expression):
    with vedette.Client(home.dir) as client:
        return client.wait("services", expression, 40)


def c_returns_what_was_seen(home):
    probe = os.path.join(BIN, "..", "tests", "wait_probe")

    def run(*arguments):
        done = subprocess.run([probe, home.dir, *arguments], capture_output=True, text=True, timeout=60, check=True)
        return [line.split(" ", 1) for line in done.stdout.splitlines()]

    (status, value), (_, text), (again, second), (_, _) = run("services", "count < 0", "5000", "5000")
    first, second = json.loads(value), json.loads(second)
    assert status == again == "timed_out" and "count = " in text, text
    assert first["observer"] == "services" and second["cycle"] >= first["cycle"] > 0
    (status, value), = run("services", "count >= 0", "20000")
    assert status == "ok" and json.loads(value)["state"]["count"] >= 0
    (status, value), (_, text) = run("services", "count >= ", "20000")
    assert (status, value) == ("usage", "null") and "column 10" in text, text
    (status, value), (_, text) = run("nobody", "true", "5000")
    assert (status, value) == ("not_found", "null") and "nobody" in text, text
    nested = "any(services, " * 5 + "matches(item.address, '*x*x*')" + ")" * 5
    assert run("services", nested, "5000")[0][0] in ("timed_out", "too_large")


def the_last_error_is_told(home):
    home.run("stop", "broker", "--wait")
    # An error comes within a cycle or between two: it is noticed all the same.
    home.run("wait", "host", "$.error != null and $.error.recovered_at == null", "--timeout", "60s")
    done = home.run("wait", "host", "false", "--timeout", SEEN, code=124)
    assert "its last error: membership: the broker" in done.err, done
    home.run("start", "broker", "--wait")
    home.run("wait", "host", "$.error.recovered_at != null", "--timeout", "60s")
    done = home.run("wait", "host", "false", "--timeout", SEEN, code=124)
    assert "its last error (it has recovered): membership" in done.err, done


def without_a_runtime(home):
    begun = time.monotonic()
    assert "start one: vedette up" in home.run("wait", "services", "true", "--timeout", "300ms", code=6).err
    with vedette.Client(home.dir) as client:
        try:
            client.wait("services", "true", 60)
            raise AssertionError("there is no runtime")
        except vedette.Unreachable as problem:
            assert "start one: vedette up" in str(problem)
    assert time.monotonic() - begun < 20


with Home(BIN) as home:
    without_a_runtime(home)
    # A wait that begins before the runtime does.
    early = Wait(home, "host", "$.cycle > 0", "--timeout", "60s")
    home.run("up", "--detach", "--wait")
    assert early.end()[0] == 0
    print("ok without_a_runtime", flush=True)
    for case in (usage_and_absence, waits_until_a_service_appears, says_what_was_last_seen, every_cycle_is_noticed,
                 queries_are_declared, python_waits_alike, c_returns_what_was_seen, goes_on_over_deaths,
                 the_last_error_is_told):
        case(home)
        print(f"ok {case.__name__}", flush=True)
    # The end of the runtime ends a wait.
    late = Wait(home, "host", "false", "--timeout", "2s")
    wait_for("the wait has begun", late.runs)
    home.run("down")
    assert late.end()[0] in (6, 124)
