#!/usr/bin/python3
"""test_providers.py: sources that come and go in a whole runtime: files that change in every way, sources by hand,
providers that stop and die, pollers that follow and are killed, fifty sources that flap. Usage: test_providers.py
BIN_DIR [--full] [TEST...]; with --full (or VEDETTE_TEST_FULL=1) the flapping lasts a minute."""
import json
import os
import random
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import provider_harness  # noqa: E402
from cli_harness import wait_for  # noqa: E402
from harness import is_sanitized, run_tests, vedette  # noqa: E402
from provider_harness import QUIET, listed  # noqa: E402

FULL = "--full" in sys.argv or os.environ.get("VEDETTE_TEST_FULL", "") not in ("", "0")
sys.argv = [word for word in sys.argv if word != "--full"]
BIN = os.path.abspath(sys.argv[1])
NODES = '[providers.nodes]\nkind = "file"\npath = "nodes.json"\nadapter = "file"\nrefresh = "20s"\n'
SOON_S = 5.0  # until a poller's sources are read by others; they look each second, on a machine that is busy


class Runtime(provider_harness.Runtime):
    def __init__(self, config):
        super().__init__(config, BIN)


def test_kinds_and_names():
    config = NODES + ('[providers.more]\nkind = "static"\n[[providers.more.sources]]\nname = "s1"\nadapter = "file"\n'
                      '[providers.others]\nkind = "file"\npath = "others.json"\n'
                      '[providers.manual]\nenabled = false\n' + QUIET)
    with Runtime(config) as run:
        run.replace(listed("n1"))
        with open(os.path.join(run.top, "others.json"), "w", encoding="utf-8") as file:
            json.dump([{"targets": ["127.0.0.1:1", "[::1]:2"], "labels": {"job": "x"}}], file)
        run.wait_names("n1")
        others = run.wait_names("127.0.0.1:1", "::1:2", provider="others")
        assert others["::1:2"]["address"] == "http://[::1]:2" and others["::1:2"]["labels"] == {"job": "x"}, others
        assert others["::1:2"]["adapter"] == "http", others
        run.wait_names("s1", provider="more")
        run.wait_names("local", provider="static")
        kinds = [row["name"] for row in run.json("ps") if row["kind"] == "provider"]
        assert sorted(kinds) == ["more", "nodes", "others", "static"], kinds
        assert len({run.pids()[name] for name in kinds}) == 4
        assert "takes no sources by hand" in run.run("source", "add", "x", "--address", "y", code=6).err
        names = {row["name"] for row in run.json("source", "providers")}
        assert {"more", "nodes", "others", "static"} <= names, names
        # A name that another provider holds is a conflict that is told, not a theft.
        run.replace(listed("n1", "s1"))
        run.wait_error("source s1 is held by provider more")
        assert run.sources("more").keys() == {"s1"}


def test_configuration_is_checked():
    with Runtime(NODES + "[providers.static]\nenabled = false\n" + QUIET) as run:
        bad = os.path.join(run.top, "bad.toml")
        for text, words in (('[providers.x]\nkind = "fil"\n', 'bad.toml:2: [providers.x] kind is "fil"'),
                            ("[providers.x]\npath = 'a'\n", 'needs the key "kind"'),
                            ('[providers.x]\nkind = "file"\npth = "a"\n', 'did you mean "path"'),
                            ('[providers.x]\nkind = "file"\nrefresh = "0s"\n', "providers.x.refresh"),
                            ('[[providers.x.sources]]\nname = "a"\n', 'needs the key "kind"')):
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text)
            assert words in run.run("config", "check", bad, code=2).err, (text, words)
        run.run("config", "check", run.config)
        assert run.provider("static") == {}
        # The configuration that is printed is one that can be read.
        with open(bad, "w", encoding="utf-8") as file:
            file.write(run.run("config", "init").out)
        run.run("config", "check", bad)


def test_a_file_in_every_state():
    with Runtime(NODES + QUIET) as run:
        run.wait_error("cannot be opened")
        assert run.provider()["sources"] == 0
        run.write(listed("a", "b"))                                # made late
        first = run.wait_names("a", "b")
        wait_for("it is well", lambda: run.provider()["error"] == "")
        run.replace(listed("b", "c"))                              # replaced
        second = run.wait_names("b", "c")
        assert second["b"]["inc"] == first["b"]["inc"], "a source that stays is the same one"
        for text, words in (('[{"name": "a"', "line 1"), ("", "it is empty"), ("\n \n", "it is empty"),
                            (listed("c", "c"), "two sources are named c"), ("{}", "one list"),
                            ('[{"name": "q", "lables": {}}]', "lables"), ("[" * 100000, "nested deeper"),
                            ('[{"name": "q", "spec": [' + "0," * 900000 + "0]}]", "more values"),
                            (" " * (5 << 20), "over 4194304 bytes"), ('[{"name": "\\u00e4"}]', "is not a name"),
                            ('[{"name": "q", "auth": "hunter2"}]', "its auth must be written")):
            run.replace(text)
            row = run.wait_error(words)
            assert row["sources"] == 2 and run.sources().keys() == {"b", "c"}, row
            shown = {source["name"]: source for source in run.json("source", "ls")}
            assert words in shown["b"]["provider_error"], shown["b"]
        assert "hunter2" not in run.run("logs", "-n", "1000").out
        age = run.provider()["age_ms"]
        wait_for("its age grows", lambda: run.provider()["age_ms"] > age + 300)
        assert "its auth must be written" in run.run("source", "ls").out
        assert [row["error"] for row in run.json("source", "providers") if row["name"] == "static"] == [""]
        os.unlink(run.file)                                        # gone
        run.wait_error("cannot be opened")
        assert run.sources().keys() == {"b", "c"}
        run.replace("[]")                                          # really none
        run.wait_names()
        wait_for("it is well", lambda: run.provider()["error"] == "")
        run.replace(listed("b"))
        assert run.wait_names("b")["b"]["inc"] != first["b"]["inc"], "a name that came back is another source"


def test_a_slow_writer_is_never_half_read():
    with Runtime(NODES + QUIET) as run:
        run.replace(listed("a", "b"))
        before = run.wait_names("a", "b")
        wanted = listed("b", *(f"x{i}" for i in range(20)))
        with open(run.file, "w", encoding="utf-8") as file:        # cut to nothing first, and then in pieces
            for at in range(0, len(wanted), 50):
                file.write(wanted[at:at + 50])
                file.flush()
                if at + 50 < len(wanted):                          # behind the last piece it may be read
                    names = set(run.sources())
                    assert names == {"a", "b"}, names
                    time.sleep(0.02)
        after = run.wait_names("b", *(f"x{i}" for i in range(20)))
        assert after["b"]["inc"] == before["b"]["inc"]
        wait_for("it is well", lambda: run.provider()["error"] == "")


def test_directories_and_links():
    config = NODES.replace("nodes.json", "there/nodes.json").replace("20s", "1s") + QUIET
    with Runtime(config) as run:
        run.wait_error("cannot be opened")
        directory = os.path.join(run.top, "there")
        run.file = os.path.join(directory, "nodes.json")
        os.mkdir(directory)                                        # the directory comes late
        run.replace(listed("a"))
        run.wait_names("a")
        os.rename(directory, directory + ".old")                   # and is another one
        run.wait_error("cannot be opened")
        os.mkdir(directory)
        run.replace(listed("b"))
        run.wait_names("b")
        for name, source in (("one", "c"), ("two", "d")):          # a link to a directory that is swapped
            os.mkdir(os.path.join(directory, name))
            with open(os.path.join(directory, name, "list"), "w", encoding="utf-8") as file:
                file.write(listed(source))
        os.symlink("one", os.path.join(directory, "now"))
        os.unlink(run.file)
        os.symlink("now/list", run.file)
        run.wait_names("c")
        os.symlink("two", os.path.join(directory, "next"))
        os.rename(os.path.join(directory, "next"), os.path.join(directory, "now"))
        run.wait_names("d")


def test_observers_see_what_changes():
    with Runtime(NODES + '[observers.services]\nenabled = false\n') as run:
        observer = run.pids()["host"]
        run.replace(listed("a", "b"))
        before = run.wait_names("a", "b")
        wait_for("host observes all", lambda: run.observed() == ["a", "b", "local"])
        run.replace(listed("b", "c"))
        wait_for("the next snapshot has c and not a", lambda: run.observed() == ["b", "c", "local"], 10.0)
        run.replace(json.dumps([{"name": "b", "address": "/proc/.."}, {"name": "c", "address": "/"}]))
        after = wait_for("b has moved", lambda: run.sources().get("b", {}).get("address") == "/proc/.." and run.sources())
        assert after["b"]["inc"] != before["b"]["inc"] and "c" in after
        run.run("source", "add", "d", "--adapter", "file", "--address", "/")
        wait_for("the next snapshot has d", lambda: "d" in run.observed(), 10.0)
        wait_for("d is read", lambda: all(row["status"] == "ok" for row in run.client.snapshot("host")["sources"]))
        # One that is not of the observers' kind is listed, and none of them reads it.
        run.run("source", "add", "e", "--adapter", "exec", "--address", "echo")
        wait_for("e is listed", lambda: "e" in run.sources("manual"))
        run.run("source", "rm", "d")
        wait_for("the next snapshot is without d", lambda: run.observed() == ["b", "c", "local"], 10.0)
        assert run.pids()["host"] == observer


def test_sources_by_hand():
    with Runtime(QUIET) as run:
        add = ("source", "add", "m1", "--address", "http://127.0.0.1:1")
        assert "added" in run.run(*add, "--label", "zone=a", "--label", "rack=7", "--spec", '{"id": [1, 2.5]}', "--auth",
                                  "bearer env(TOKEN)").err
        source = run.wait_names("m1", provider="manual")["m1"]
        assert source["adapter"] == "http" and source["labels"] == {"zone": "a", "rack": "7"}, source
        assert source["spec"] == {"id": [1, 2.5]} and source["auth"] == "bearer env(TOKEN)", source
        # What was answered is on disk, whatever is killed right after.
        run.run("source", "add", "m2", "--address", "http://127.0.0.1:2")
        for name in ("manual", "broker"):
            os.kill(run.pids()[name], signal.SIGKILL)
        again = run.wait_names("m1", "m2", provider="manual")
        assert again["m1"]["spec"] == source["spec"], again
        run.run("down")
        run.up()
        again = run.wait_names("m1", "m2", provider="manual")
        assert {key: again["m1"].get(key) for key in ("labels", "spec", "auth", "address")} == \
            {key: source.get(key) for key in ("labels", "spec", "auth", "address")}
        # Moved under its name, and come back under its name: another one each time.
        assert "changed" in run.run("source", "add", "m1", "--address", "http://127.0.0.1:3").err
        moved = wait_for("m1 has moved", lambda: [row for row in [run.sources("manual")["m1"]]
                                                  if row["address"].endswith(":3")])[0]
        assert moved["inc"] != again["m1"]["inc"] and not moved.get("labels"), moved
        assert run.sources("manual")["m2"]["inc"] == again["m2"]["inc"]
        run.run("source", "rm", "m1")
        run.wait_names("m2", provider="manual")
        run.run("source", "add", "m1", "--address", "http://127.0.0.1:3")
        assert run.wait_names("m1", "m2", provider="manual")["m1"]["inc"] != moved["inc"]
        # Refused, each with its reason.
        for arguments, code, words in ((("add", "local", "--address", "/"), 1, "listed by provider static"),
                                       (("add", "x"), 2, "--address"), (("add", "a b", "--address", "/"), 2, "a name is"),
                                       (("add", "x", "--address", "/", "--spec", "{"), 2, "not JSON"),
                                       (("add", "x", "--address", "/", "--label", "y"), 2, "KEY=TEXT"),
                                       (("add", "x", "--address", "/", "--auth", "hunter2"), 1, "auth must be"),
                                       (("rm", "nobody"), 4, "nobody"), (("rm", "local"), 4, "provider static"),
                                       (("rm",), 2, "usage"), (("ls", "--spec", "1"), 2, "no option"),
                                       (("frob",), 2, "it is one of ls, providers, add, rm")):
            assert words in run.run("source", *arguments, code=code).err, arguments
        assert sorted(run.sources("manual")) == ["m1", "m2"]


def test_a_list_that_cannot_be_written_or_read():
    with Runtime(QUIET) as run:
        run.run("source", "add", "m1", "--address", "http://a")
        run.wait_names("m1", provider="manual")
        path = os.path.join(run.dir, "sources.json")
        os.mkdir(path + ".new")                                    # where the next list would be written
        assert "cannot be written" in run.run("source", "add", "m2", "--address", "http://b", code=1).err
        assert sorted(run.sources("manual")) == ["m1"]
        os.rmdir(path + ".new")
        run.run("source", "add", "m2", "--address", "http://b")
        run.wait_names("m1", "m2", provider="manual")
        with open(path, encoding="utf-8") as file:
            good = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(good[:len(good) // 2])
        run.run("restart", "manual", "--wait")
        run.wait_error("sources.json: line", provider="manual")
        assert sorted(run.sources("manual")) == ["m1", "m2"], "the last good set stays"
        assert "repair or remove it" in run.run("source", "add", "m3", "--address", "http://c", code=1).err
        with open(path, encoding="utf-8") as file:
            assert file.read() == good[:len(good) // 2], "a list that was not read is not replaced"
        with open(path, "w", encoding="utf-8") as file:
            file.write(good)
        wait_for("it is well", lambda: run.provider("manual")["error"] == "")
        run.run("source", "add", "m3", "--address", "http://c")
        run.wait_names("m1", "m2", "m3", provider="manual")


def test_garbage_and_strangers():
    with Runtime(QUIET) as run:
        ask = run.client.request
        for fields in ({"sources": []}, {"sources": [{"name": "x"}]}, {"sources": [{"name": "x", "adapter": "a" * 65}]},
                       {"sources": [{"name": "x", "adapter": "http", "spec": b"bytes"}]},
                       {"sources": [{"name": "x", "adapter": "http", "spec": float("nan")}]},
                       {"sources": [{"name": "x", "adapter": "http", "labels": {"a": 1}}]}):
            try:
                answer = ask("manual", "control", "SOURCE_ADD", fields)
                assert fields == {"sources": []} and answer.name == "DONE", (fields, answer)
            except vedette.Error as problem:
                assert problem.status not in ("unreachable", "timed_out"), (fields, problem)
        assert run.sources("manual") == {}
        rows = [{"name": f"s{i}", "adapter": "http", "address": f"http://h{i}"} for i in range(200)]
        assert ask("manual", "control", "SOURCE_ADD", {"sources": rows}).name == "DONE"
        wait_for("200 at once", lambda: len(run.sources("manual")) == 200)
        # There are no keys yet: control stays in the runtime's directory.
        tcp = os.path.join(run.top, "tcp.toml")
        with open(tcp, "w", encoding="utf-8") as file:
            file.write('[network]\nbind = ["manual.control=tcp://127.0.0.1:29871"]\n')
        log = os.path.join(run.top, "log")
        with open(log, "w", encoding="utf-8") as out:
            process = run.start("vedette-provider", "--dir", os.path.join(run.top, "z"), "--name", "manual", "--config",
                                tcp, stderr=out)
            assert process.wait(60) == 2
        with open(log, encoding="utf-8") as file:
            assert "control stays in the runtime's directory" in file.read()


def test_a_provider_that_stops_or_dies():
    with Runtime(NODES + QUIET) as run:
        run.replace(listed("a", "b"))
        before = run.wait_names("a", "b")
        pid = run.pids()["nodes"]
        os.kill(pid, signal.SIGKILL)
        wait_for("another one lists them", lambda: run.pids().get("nodes", pid) != pid and not run.provider()["error"])
        assert {name: row["inc"] for name, row in run.sources().items()} == \
            {name: row["inc"] for name, row in before.items()}, "the same sources"
        run.run("stop", "nodes", "--wait")
        run.wait_error("has ended")
        assert run.sources().keys() == {"a", "b"}
        run.replace(listed("c"))
        run.run("start", "nodes", "--wait")
        run.wait_names("c")
        os.kill(run.pids()["nodes"], signal.SIGSTOP)
        run.replace(listed("d"))
        age = run.provider()["age_ms"]
        wait_for("the age of the last good set grows", lambda: run.provider()["age_ms"] > max(age, 6000), 30.0)
        assert run.sources().keys() == {"c"}
        run.wait_names("local", provider="static")
        os.kill(run.pids()["nodes"], signal.SIGCONT)
        run.wait_names("d")


class Watch:
    """The membership's items as they come, in the background."""

    def __init__(self, directory):
        self.client = vedette.Client(directory)
        self.items, self.resets, self.ended = [], 0, False
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self):
        feed = vedette.Feed(self.client, "broker", "membership")
        while not self.ended:
            got = feed.next(0.2)
            if got is not None and got[0] == "item":
                self.items.append((time.monotonic(), got[1]))
            elif got is not None:
                self.resets += 1
        feed.close()

    def close(self):
        self.ended = True
        self.thread.join()
        self.client.close()

    def of(self, op):
        return [(at, item) for at, item in list(self.items) if item["op"] == op]


def pollers_of(run):
    return {row["name"]: row.get("poller", "") for row in run.client.membership()["sources"]}


def read_since(run, at_s):
    """Has each source been read since then, and well, by the poller that it has now?"""
    layout = pollers_of(run)
    try:
        readings = {poller: run.client.get(poller, "requests", "readings", timeout_s=1.0)
                    for poller in set(layout.values()) if poller}
    except vedette.Error:
        return False
    elapsed_ms = (time.monotonic() - at_s) * 1000
    fresh = {(row["source"], poller) for poller, rows in readings.items() for row in rows
             if row["status"] == "ok" and row.get("age_ms") is not None and 0 <= row["age_ms"] < elapsed_ms}
    return all((source, poller) in fresh for source, poller in layout.items())


def wait_complete(run):
    wait_for("the membership is complete",
             lambda: run.client.request("broker", "control", "GET", {"feed": "membership"})["complete"])


def test_pollers_follow_and_are_replaced():
    config = NODES + "[pollers]\nmax_processes = 4\n[observers.services]\nenabled = false\n"
    with Runtime(config) as run:
        names = [f"n{i}" for i in range(39)]
        observer = run.pids()["host"]
        assert sorted(name for name in run.pids() if name.startswith("poller")) == ["poller-1"]
        run.replace(listed(*names[:2]))
        wait_for("a poller for each", lambda: len({name for name in run.pids() if name.startswith("poller")}) == 3)
        run.replace(listed(*names))
        wait_for("as many as may be", lambda: sorted(set(pollers_of(run).values())) == [f"poller-{i}" for i in (1, 2, 3, 4)])
        wait_for("all are read", lambda: [row["status"] for row in run.client.snapshot("host")["sources"]] == ["ok"] * 40)
        wait_for("none has more than its share", lambda: max(
            list(pollers_of(run).values()).count(f"poller-{i}") for i in (1, 2, 3, 4)) <= 10)
        wait_complete(run)
        for victim in ("poller-1", "poller-2", "poller-3", "poller-4"):
            layout = pollers_of(run)
            held = {name for name, poller in layout.items() if poller == victim}
            stopped_s = time.monotonic()
            run.run("stop", victim, "--wait")                      # so that it does not come back at once
            wait_for(f"others read what {victim} read", lambda: victim not in pollers_of(run).values() and
                     read_since(run, stopped_s), max(0.0, stopped_s + SOON_S - time.monotonic()))
            moved = {name for name, poller in pollers_of(run).items() if poller != layout[name]}
            assert moved == held, f"{victim}: moved {sorted(moved)}, it had {sorted(held)}"
            run.run("start", victim, "--wait")
            wait_for("it has its share again", lambda: list(pollers_of(run).values()).count(victim) == 10)
            back = {name for name, poller in pollers_of(run).items() if poller != layout[name]}
            assert len(back) <= 2 * 10, f"{victim}: {len(back)} of 40 sources are elsewhere now: {sorted(back)}"
        # Fewer sources: fewer pollers, after a while; the observers stay what they are.
        run.replace(listed(names[0]))
        wait_for("fewer pollers", lambda: len({name for name in run.pids() if name.startswith("poller")}) == 2)
        wait_for("both are read", lambda: run.observed() == ["local", names[0]] and all(
            row["status"] == "ok" for row in run.client.snapshot("host")["sources"]))
        assert run.pids()["host"] == observer


def test_a_killed_poller():
    config = NODES + "[pollers]\nmax_processes = 4\n[observers.services]\nenabled = false\n"
    with Runtime(config) as run:
        names = [f"n{i}" for i in range(39)]
        run.replace(listed(*names))
        wait_for("all are read", lambda: [row["status"] for row in run.client.snapshot("host")["sources"]] == ["ok"] * 40)
        wait_complete(run)
        others = {name: pid for name, pid in run.pids().items() if not name.startswith("poller")}
        watch = Watch(run.dir)
        wait_for("the watch has begun", lambda: watch.resets > 0)
        for round_number in range(5):
            layout = pollers_of(run)
            victim = f"poller-{round_number % 4 + 1}"
            held = sum(1 for poller in layout.values() if poller == victim)
            pid, at_s, seen = run.pids()[victim], time.monotonic(), len(watch.items)
            os.kill(pid, signal.SIGKILL)
            wait_for(f"{victim} is another one", lambda: run.pids().get(victim, pid) != pid)
            wait_for("every source was read since, by the poller that it has now",
                     lambda: read_since(run, at_s), max(0.0, at_s + SOON_S - time.monotonic()))
            print(f"  {victim} killed: all of its {held} sources read again after {time.monotonic() - at_s:.2f} s")
            wait_for("each has its share", lambda: max(list(pollers_of(run).values()).count(name) for name in
                                                       set(pollers_of(run).values())) <= 10)
            moves = [item["source"]["name"] for at, item in watch.items[seen:] if item["op"] == "source"]
            print(f"  {victim} had {held} of 40 sources: {len(moves)} moves of {len(set(moves))} sources")
            # Each of them goes, and as many come back; the others stay.
            assert len(moves) <= 3 * held and len(set(moves)) <= 2 * held, sorted(moves)
        assert {name: pid for name, pid in run.pids().items() if not name.startswith("poller")} == others
        watch.close()


def figures(pid):
    """Memory in KiB and descriptors; None of one that has ended, as pollers do that are no longer needed."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            memory = next((int(line.split()[1]) for line in file if line.startswith("RssAnon")), None)
        return memory and (memory, len(os.listdir(f"/proc/{pid}/fd")))
    except OSError:
        return None


def test_fifty_sources_flap():
    seconds = 60 if FULL else 15
    config = NODES + "[pollers]\nmax_processes = 4\n[observers.services]\nenabled = false\n"
    choose = random.Random(50)
    names = [f"f{i}" for i in range(50)]
    with Runtime(config) as run:
        run.replace(listed(*names))
        wait_for("all are read", lambda: len(run.observed()) == 51)
        wait_complete(run)
        watch = Watch(run.dir)
        wait_for("the watch has begun", lambda: watch.resets > 0)
        warm, present, told = {}, set(names), 0
        for second in range(seconds):
            due = time.monotonic() + 1.0
            # Each is there in one second and away in the next, half of them in turn, some at another place.
            now = {name for name in names if (name in present) != (choose.random() < 0.9)}
            told += len(present ^ now)
            text = json.dumps([{"name": name, "address": choose.choice(["/", "/."])} for name in sorted(now)])
            (run.replace if second % 2 else run.write)(text)
            present = now
            if second == seconds // 3:
                warm = {name: figures(pid) for name, pid in run.pids().items()}
            run.wait_names(*now)
            wait_for("the second is over", lambda: time.monotonic() >= due, 2.0)
        last = sorted(choose.sample(names, 20))
        run.replace(listed(*last))
        run.wait_names(*last)
        wait_for("the observer has the same names", lambda: run.observed() == sorted(last + ["local"]))
        wait_for("all are read", lambda: all(row["status"] == "ok" for row in run.client.snapshot("host")["sources"]))
        end = {name: figures(pid) for name, pid in run.pids().items()}
        watch.close()
        items = len(watch.items)
        gone = len(watch.of("source_gone"))
        print(f"  {seconds} s: {told} comings and goings, {items} items of the membership, {gone} of them goings")
        assert watch.resets == 1, "the watch has missed something"
        assert items <= 8 * told + 200, f"a storm: {items} items for {told} changes"
        restarts = {row["name"]: row["restarts"] for row in run.json("ps")}
        assert not any(restarts.values()), restarts
        sanitized = is_sanitized(os.path.join(BIN, "vedette-ingestor"))
        for name, now in sorted(end.items()):
            if not now or not warm.get(name):
                continue                                           # a poller that came or went in between
            memory, descriptors = now
            print(f"  {name}: {warm[name][0]} -> {memory} KiB, {warm[name][1]} -> {descriptors} descriptors")
            assert sanitized or memory <= warm[name][0] + 1024, f"{name} grew from {warm[name][0]} to {memory} KiB"
            assert descriptors <= warm[name][1] + 12, f"{name}: {warm[name][1]} -> {descriptors} descriptors"


run_tests(globals())
