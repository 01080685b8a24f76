#!/usr/bin/python3
"""test_cli.py BIN: every command of `vedette` on a real runtime, and without one."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Follower, Home, gapless, wait_for  # noqa: E402

BIN = sys.argv[1]
ACTORS = {"supervisor", "broker", "ingestor", "static", "manual", "poller-1", "host", "services"}


def without_a_runtime():
    with Home(BIN) as home:
        for command in (["ps"], ["status"], ["down"], ["follow"], ["follow", "s"], ["emit", "x"], ["snapshot", "host"],
                        ["query", "host", "x"], ["source", "ls"], ["session", "ls"], ["session", "show", "x"],
                        ["kill", "broker"], ["start", "broker"], ["metrics"], ["wait", "--timeout", "100ms"]):
            took_s = []
            while not took_s or took_s[-1] >= 5:
                assert len(took_s) < 3, f"{command} took its time: {took_s}"
                begun = time.monotonic()
                done = home.run(*command, code=6)
                took_s.append(time.monotonic() - begun)
                assert "start one: vedette up" in done.err and done.out == "", (command, done)
        assert home.run("wait", "--for", "down").code == 0
        home.run("logs", code=4)
        assert home.run("doctor").out.count("ok  ") >= 4
        assert home.run("version").out.startswith("vedette ")
        for arguments in (["folow"], ["follow", "--form", "start"], ["ps", "--nonsense"], ["ps", "-o", "xml"], ["kill"],
                          ["up", "--for", "soon"], ["up", "--wait"], ["config", "nonsense"], ["source", "rm"], []):
            done = home.run(*arguments, code=2)
            assert done.out == "", (arguments, done)
        assert "did you mean follow?" in home.run("folow", code=2).err
        assert "did you mean --from?" in home.run("follow", "--form", "x", code=2).err
        assert "shorter --dir" in home.run("ps", "--dir", "/tmp/" + "x" * 120, code=2).err
        assert "follow" in home.run("--help").out and "--from" in home.run("follow", "--help").out
        commands = re.findall(r"^  ([a-z]+) ", home.run("--help").out, re.M)
        assert len(commands) > 20, commands
        for command in ([], *([command] for command in commands)):
            wide = [line for line in home.run(*command, "--help").out.splitlines() if len(line) > 80]
            assert not wide, wide


def processes_are_listed_and_controlled():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        rows = home.json("ps")
        pids = [row["pid"] for row in rows]
        assert {row["name"] for row in rows} >= ACTORS, rows
        assert len(set(pids)) == len(rows) and all(pids), pids
        for row in rows:
            assert row["state"] == "ready" and row["rss_anon_bytes"] > 0 and row["uptime_ms"] >= 0, row
        assert "KIND" in home.run("ps").out.splitlines()[0]
        assert home.json("status")["state"] == "ready" and "ready" in home.run("status").out
        assert "already" in home.run("up", "--detach", code=1).err
        assert home.run("wait", "--for", "ready", "--timeout", "10s").code == 0

        before = home.actor("services")["pid"]
        home.run("kill", "services", "--wait")
        after = home.actor("services")
        assert after["pid"] != before and after["restarts"] == 1 and after["state"] == "ready", after
        home.run("stop", "services", "--wait")
        assert home.actor("services")["state"] == "stopped" and not home.actor("services")["pid"]
        home.run("start", "services", "--wait")
        home.run("restart", "services", "--wait")
        home.run("pause", "services", "--wait")
        assert home.actor("services")["state"] == "paused"
        home.run("resume", "services", "--wait")
        assert home.actor("services")["state"] == "ready"
        assert "did you mean services?" in home.run("kill", "servces", code=4).err
        home.run("kill", "nonsense-and-more", code=4)
        home.run("kill", "supervisor", code=1)

        counted = {row["name"]: row for row in home.json("metrics")}
        assert set(counted) >= ACTORS - {"static"}, counted
        assert all(row["uptime_ms"] > 0 and row["garbage"] == 0 for row in counted.values()), counted
        wait_for("every actor counted by the broker", lambda: home.json("metrics", "broker")["actors"] >= 6)
        wait_for("reads counted", lambda: home.json("metrics", "poller-1")["reads"] > 0)
        ingestor = home.json("metrics", "ingestor")
        assert ingestor["events"] > 0 and "subscribers" in ingestor and ingestor["kind"] == "ingestor", ingestor
        assert "GARBAGE" in home.run("metrics").out and "frames_in" in home.run("metrics", "supervisor").out
        assert "did you mean host?" in home.run("metrics", "hots", code=4).err
        home.run("metrics", "static", code=4)

        assert "ready" in home.run("logs", "ingestor").out
        everything = home.run("logs", "-n", "1000").out
        assert "ingestor" in everything and "broker" in everything
        stamps = [line[:24] for line in everything.splitlines() if line[:2] == "20"]
        assert stamps == sorted(stamps), "logs are not merged by time"
        assert len(home.run("logs", "-n", "1").out.splitlines()) == 1
        home.run("logs", "nobody", code=4)
        done = home.run("doctor", code=None)
        assert "processes" in done.out and "ready" in done.out and done.code in (0, 1), done
        home.run("down")
        home.run("ps", code=6)
        assert home.run("doctor").code == 0


def what_is_observed_is_shown():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        wait_for("a reading of the source",
                 lambda: (rows := home.json("source", "ls")) and rows[0]["age_ms"] is not None)
        source = home.json("source", "ls")[0]
        assert source["name"] == "local" and source["adapter"] == "file" and source["reads"] > 0, source
        assert "local" in home.run("source", "ls").out
        snapshot = wait_for("a snapshot", lambda: (lambda s: s if s.get("cycle") else None)(home.json("snapshot", "host")))
        assert snapshot["observer"] == "host" and "state" in snapshot, snapshot
        assert "host" in home.run("snapshot", "host").out
        assert json.loads(home.run("snapshot", "host", "-o", "ndjson").out)["observer"] == "host"
        home.run("snapshot", "hots", code=4)
        home.run("query", "host", "no-such-query", code=4)

        follower = Follower(home, "--type", "service_*")
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            port = server.getsockname()[1]
            found = lambda kind: [e for e in follower.events() if e["type"] == kind and e["data"]["port"] == port]
            wait_for("service_appeared", lambda: found("service_appeared"))
        wait_for("service_gone", lambda: found("service_gone"))
        assert follower.interrupt() == 0
        session = home.json("status")["session"]
        assert home.json("session", "ls")[0]["session"] == session
        out = home.run("emit", "by_hand", "--data", '{"x":1}').out.strip()
        assert out.startswith(session + ":"), out
        events = home.lines("follow", session, "--end")
        assert gapless(events) and events[0]["type"] == "session_started", events[:2]
        assert home.lines("follow", "--from", out.rsplit(":", 1)[1], "--count", "1")[0]["type"] == "by_hand"

        waiting = Follower(home, "--from", "start")
        wait_for("the start", waiting.events)
        home.run("down")
        assert waiting.process.wait(timeout=20) == 0, "the follow did not end with its session"
        assert waiting.events()[-1]["type"] == "session_ended" and gapless(waiting.events())


def follower_survives_every_actor():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        follower = Follower(home, "--from", "start")
        wait_for("the start", follower.events)
        for name in sorted(ACTORS - {"supervisor"}):
            home.run("kill", name, "--wait", timeout_s=60)
            out = home.run("emit", "mark", "--data", json.dumps(name)).out.strip()
            seq = int(out.rsplit(":", 1)[1])
            wait_for(f"what came after the death of {name}", lambda: len(follower.events()) >= seq)
        assert gapless(follower.events())
        assert follower.interrupt() == 0


def a_watch_goes_on_over_restarts():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        path = os.path.join(home.holder.name, "watch")
        for feed in (("supervisor", "control", "lifecycle", "lifecycle"), ("host", "requests", "changes", "state")):
            with open(f"{path}-{feed[0]}", "wb") as out:
                home.start(os.path.join("..", "tests", "watch_probe"), home.dir, *feed, stdout=out)

        def watched(actor):
            with open(f"{path}-{actor}", encoding="utf-8") as file:
                rows = [line.split(" ", 1) for line in file if line.endswith("\n")]
            return [(kind, json.loads(text)) for kind, text in rows]

        wait_for("both snapshots", lambda: watched("supervisor") and watched("host"))
        assert watched("supervisor")[0][0] == "snapshot" and watched("host")[0][0] == "snapshot"
        assert {row["name"] for row in watched("supervisor")[0][1]} >= ACTORS - {"supervisor"}
        home.run("kill", "host", "--wait")
        items = lambda: [row["state"] for kind, row in watched("supervisor") if kind == "item" and row["name"] == "host"]
        wait_for("the restart in the feed", lambda: "starting" in items() and items()[-1] == "ready")
        # A new incarnation begins with a snapshot, and its items follow.
        again = lambda: [kind for kind, _ in watched("host")]
        wait_for("the new host's snapshot", lambda: again().count("snapshot") >= 2)
        wait_for("the new host's items", lambda: again()[-1] == "item")


def who_stood_still_still_gets_the_answer():
    """A question during which the command itself is stopped, for longer than it would wait, is answered all the same."""
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        ingestor = home.actor("ingestor")["pid"]
        os.kill(ingestor, signal.SIGSTOP)
        asking = subprocess.Popen([os.path.join(BIN, "vedette"), "session", "ls", "-o", "ndjson"], stdout=subprocess.PIPE,
                                  env=home.environment())
        time.sleep(0.5)  # it asks by now; if not, nothing is tried
        os.kill(asking.pid, signal.SIGSTOP)
        os.kill(ingestor, signal.SIGCONT)
        time.sleep(6.0)
        os.kill(asking.pid, signal.SIGCONT)
        assert len(asking.communicate(timeout=60)[0].splitlines()) == 1 and asking.returncode == 0


def foreground_ends_in_order():
    with Home(BIN) as home:
        begun = time.monotonic()
        home.run("up", "--for", "2s", timeout_s=60)
        assert time.monotonic() - begun >= 2
        home.run("ps", code=6)
        up = home.start("vedette", "up", stderr=subprocess.DEVNULL)
        home.run("wait", "--for", "ready", "--timeout", "30s")
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=30) == 0
        home.run("ps", code=6)
        home.run("up", "--detach", "--wait", "--for", "15s")
        wait_for("the end of --for", lambda: home.run("ps", code=None).code == 6)
        home.run("up", "-c", os.path.join(home.holder.name, "none.toml"), code=4)


def configuration_is_checked():
    with Home(BIN) as home:
        text = home.run("config", "init").out
        assert "[pollers]" in text and "[supervisor]" in text, text
        path = os.path.join(home.holder.name, "c.toml")

        def check(content, code):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            return home.run("config", "check", path, code=code).err

        check(text, 0)
        check("", 0)
        error = check("[pollers]\nmax_procesess = 3\n", 2)
        assert f"{path}:2:" in error and "max_processes" in error, error
        error = check("[pollerz]\nmax_processes = 3\n", 2)
        assert f"{path}:1:" in error and "[pollers]" in error, error
        error = check("[pollers]\nmax_processes = \"x\"\n", 2)
        assert f"{path}:2:" in error, error
        check("[pollers\n", 2)
        home.run("config", "check", path + ".none", code=4)
        # What only one actor, or no row, can tell is told before anything starts.
        for content, word in (("[observers.host]\ninterval = \"0s\"\n", "observers.host.interval"),
                              ("[network]\nbind = [\"host.requests=tcp://0.0.0.0:7000\"]\n", "refused"),
                              ("[network]\nbind = [\"broker.control=tcp://127.0.0.1:7000\"]\n", "control stays"),
                              ("[network]\nbind = [\"nonsense\"]\n", "ACTOR.PORT=ENDPOINT"),
                              ("[runtime]\nlog_level = \"loud\"\n", "not a level")):
            error = check(content, 2)
            assert path in error and word in error and len(error.splitlines()) == 1, error
            for detach in ([], ["--detach"]):
                assert home.run("up", "-c", path, *detach, code=2).err == error, (error, detach)
        check("[pollers]\nmax_procesess = 3\n", 2)
        assert "max_processes" in home.run("up", "-c", path, code=2).err
        home.run("up", "--detach", "-c", path, code=2)


for case in (without_a_runtime, configuration_is_checked, processes_are_listed_and_controlled,
             what_is_observed_is_shown, follower_survives_every_actor, a_watch_goes_on_over_restarts,
             who_stood_still_still_gets_the_answer, foreground_ends_in_order):
    case()
    print(f"ok {case.__name__}", flush=True)
