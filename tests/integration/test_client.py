#!/usr/bin/python3
"""test_client.py BIN: emit and follow through the client library, with nothing but an ingestor, also over its deaths."""
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Follower, Home, gapless, wait_for  # noqa: E402

BIN = sys.argv[1]
KILLS = 5


class Ingestor:
    def __init__(self, home):
        self.home = home
        self.log = os.path.join(home.holder.name, "ingestor.log")
        self.process = None

    def up(self):
        with open(self.log, "ab") as log:
            self.process = self.home.start("vedette-ingestor", "--name", "ingestor", stderr=log)
        wait_for("the ingestor answers", lambda: self.home.run("session", "ls", code=None).code == 0)
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def with_session(home, name="s1"):
    ingestor = Ingestor(home).up()
    out = home.run("emit", "session_started", "--session", name, "--data", '{"name":"a name","owner":false}').out
    assert out == f"{name}:1\n", out
    return ingestor


def emitted_is_followed():
    with Home(BIN) as home:
        with_session(home)
        assert home.run("emit", "a.b", "--data", '{"k":[1,2.5,null,"\u00fc"]}').out == "s1:2\n"
        assert home.run("emit", "a.c", "--data", "-", text='"from\\nstdin"').out == "s1:3\n"
        assert home.lines("emit", "b", "--session", "s1") == [{"session": "s1", "seq": 4}]
        events = home.lines("follow", "--end")
        assert [e["type"] for e in events] == ["session_started", "a.b", "a.c", "b"] and gapless(events), events
        assert events[1]["data"] == {"k": [1, 2.5, None, "\u00fc"]} and events[3]["data"] == {}, events
        assert list(events[1])[:5] == ["ts", "session", "seq", "type", "data"], events[1]
        assert [e["seq"] for e in home.lines("follow", "--end", "--type", "a.*")] == [2, 3]
        assert [e["seq"] for e in home.lines("follow", "--from", "3", "--count", "2")] == [3, 4]
        assert [e["seq"] for e in home.lines("follow", "--from", "-2", "--count", "2")] == [3, 4]
        assert home.lines("follow", "*", "--end") == events
        example = os.path.join(BIN, "..", "tests", "attach_example")
        done = subprocess.run([example], env=home.environment(), capture_output=True, text=True, check=True, timeout=30)
        assert [json.loads(line) for line in done.stdout.splitlines()] == events, done
        table = home.run("follow", "--end").out.splitlines()
        assert len(table) == 4 and "a.b" in table[1] and '"k":[1,2.5,null,"\u00fc"]' in table[1], table


def sessions_are_listed_and_end():
    with Home(BIN) as home:
        with_session(home)
        home.run("emit", "session_started", "--session", "s2")
        assert [row["session"] for row in home.json("session", "ls")] == ["s2", "s1"]
        follower = Follower(home, "s1", "--from", "start")
        filtered = Follower(home, "s1", "--from", "start", "--type", "nothing")
        wait_for("the follower has the start", lambda: len(follower.events()) == 1)
        home.run("emit", "session_ended", "--session", "s1", "--data", '{"status":"completed"}')
        assert follower.process.wait(timeout=20) == 0 and len(follower.events()) == 2
        assert filtered.process.wait(timeout=20) == 0, "a follow whose filter hides the end never ends"
        assert home.json("session", "show", "s1")["state"] == "completed"
        assert [row["session"] for row in home.json("session", "ls", "--state", "active")] == ["s2"]
        assert "ended" in home.run("emit", "late", "--session", "s1", code=1).err
        assert home.run("follow", "s1", "--from", "now").out == ""


def wrong_names_and_data_are_told():
    with Home(BIN) as home:
        with_session(home)
        assert "no session 'nosuch'" in home.run("emit", "x", "--session", "nosuch", code=4).err
        assert "no session 'nosuch'" in home.run("follow", "nosuch", code=4).err
        home.run("session", "show", "nosuch", code=4)
        error = home.run("emit", "x", "--data", "-", text='{"a": 1,\n "b": }', code=2).err
        assert "line 2" in error, error
        home.run("emit", "a type", code=2)
        home.run("follow", "--type", "a b", code=2)
        home.run("follow", "--from", "yesterday", code=2)
        home.run("session", "ls", "--state", "dead", code=2)
        assert home.lines("follow", "--end")[-1]["seq"] == 1, "what was refused was stored"


def follower_and_emits_survive_kills():
    with Home(BIN) as home:
        ingestor = with_session(home)
        follower = Follower(home, "s1", "--from", "start")
        type_follower = Follower(home, "s1", "--from", "start", "--type", "tick")
        acknowledged = ["s1:1"]
        for kill in range(KILLS):
            for _ in range(5):
                acknowledged.append(home.run("emit", "tick", "--data", str(kill)).out.strip())
            emit = home.start("vedette", "emit", "tick", "--session", "s1", "--timeout", "20s", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
            ingestor.kill()
            ingestor.up()
            out, err = emit.communicate(timeout=30)
            # Begun before the kill, it found an ingestor or none; what it acknowledged has to be there.
            assert emit.returncode == 0 or (emit.returncode == 6 and "start one: vedette up" in err), (emit, out, err)
            acknowledged += out.split()
        assert len(set(acknowledged)) == len(acknowledged), acknowledged
        events = home.lines("follow", "s1", "--end")
        assert gapless(events), events
        stored = {f"s1:{event['seq']}" for event in events}
        assert stored >= set(acknowledged), set(acknowledged) - stored
        wait_for("the follower has it all", lambda: len(follower.events()) >= len(events))
        assert follower.events() == events
        wait_for("so has the filtered one", lambda: len(type_follower.events()) >= len(events) - 1)
        assert type_follower.events() == events[1:]
        assert follower.interrupt() == 0 and type_follower.interrupt() == 0


def closed_output_ends_quietly():
    with Home(BIN) as home:
        with_session(home)
        for _ in range(3):
            home.run("emit", "x")
        follower = home.start("vedette", "follow", "--from", "start", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert follower.stdout.readline()
        follower.stdout.close()
        assert follower.wait(timeout=60) == 0 and follower.stderr.read() == b""


for case in (emitted_is_followed, sessions_are_listed_and_end, wrong_names_and_data_are_told,
             follower_and_emits_survive_kills, closed_output_ends_quietly):
    case()
    print(f"ok {case.__name__}", flush=True)
