#!/usr/bin/python3
"""test_workflow.py BIN [TEST]...: the example of a workflow with real processes, its death in the middle, and how far it is on a
terminal and in a pipe."""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, wait_for  # noqa: E402
from harness import TOP, end, kill, run_tests, vedette  # noqa: E402

sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
import terminal  # noqa: E402

BIN = sys.argv[1]
EXAMPLE = os.path.join(TOP, "tools", "examples", "workflow")
FIRST, SECOND = "workflow-first", "workflow-second"


def test_all_types_are_seen_and_the_files_are_right():
    """The example itself says so, by its exit code."""
    done = subprocess.run([os.path.join(EXAMPLE, "run"), "--for", "1s", "--seed", "7", "--bin", BIN], capture_output=True,
                          text=True, timeout=100, check=False)
    assert done.returncode == 0, done
    assert "27 of the 27 types" in done.stdout and "with seed 7" in done.stdout, done.stdout
    assert re.search(r"vedette tui --session \S+ --dir \S+", done.stdout), done.stdout


class World:
    """A runtime, the provider, a tree of two levels, and the workflow as often as it is started."""

    def __init__(self, home, slow_ms):
        self.home = home
        self.tree, self.out = home.path("tree"), home.path("out")
        os.mkdir(self.tree)
        for number in range(8):
            self.write(f"base{number}.txt", f"text {number}")
        self.write("all.txt", "needs: " + " ".join(f"base{number}.txt" for number in range(8)))
        home.run("up", "--detach", "--wait")
        self.slow_ms = slow_ms

    def provide(self, *options):
        """Starts a provider for the workflows that are started from now on."""
        provider = self.home.start(sys.executable, os.path.join(EXAMPLE, "provider.py"), "1", "--slow", str(self.slow_ms),
                                   *options, stdout=subprocess.PIPE, text=True)
        self.url = provider.stdout.readline().strip()

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="utf-8") as file:
            file.write(text + "\n")

    def start(self, session):
        return self.home.start(sys.executable, os.path.join(EXAMPLE, "workflow.py"), "--tree", self.tree, "--out", self.out,
                               "--provider", self.url, "--session", session, "--dir", self.home.dir)

    def hear(self, session, kind, count):
        """Waits for so many events of a type, as they come."""
        with vedette.Client(self.home.dir) as client:
            wait_for("the session begins", lambda: client.sessions(session=session))
            with client.follow(session, start="start", type=kind) as follower:
                for _ in range(count):
                    assert follower.next(60) is not None, f"{kind} within 60 s"

    def told(self, session, *types):
        done = self.home.run("follow", session, "--from", "start", "--end", "-o", "ndjson", code=None)
        events = [json.loads(line) for line in done.out.splitlines()]
        return [event for event in events if not types or event["type"] in types]


def expect_lines(text):
    """What a pipe gets: a line for each change that matters, in order."""
    wanted = ["plan", "level started", "level completed", "generation ended"]
    found = [line[14:32].strip() for line in text.splitlines()]
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d\d\d  ", line) for line in text.splitlines()), text
    places = [found.index(what) for what in wanted]
    assert places == sorted(places), text
    assert "100 %: 9 of 9" in text and "complete in " in text and "\x1b" not in text, text


def expect_block(home, session):
    """What a terminal gets: one block, drawn over itself, that stays when the session has ended."""
    command = [os.path.join(BIN, "vedette"), "follow", session, "--progress", "--dir", home.dir]
    with terminal.Terminal(command, columns=80, lines=24) as screen:
        code = screen.ended()
        text = screen.sees("has ended", "100 %")
    assert code == 0, text
    assert text.count("queue ") == 1 and text.count("compose ") == 1, f"more than one block:\n{text}"
    assert "100 %" in text and "complete" in text, text
    with terminal.Terminal([*command, "--ascii"], columns=60, lines=12) as screen:
        assert screen.ended() == 0 and screen.sees("####", "has ended").isascii(), screen.text()


def test_killed_in_the_middle_it_goes_on():
    with Home(BIN) as home:
        world = World(home, slow_ms=120)
        world.provide("--answers", "4")
        workflow = world.start(FIRST)
        world.hear(FIRST, "node_generation_completed", 2)
        kill(workflow)
        done_before = {event["data"]["node"] for event in world.told(FIRST, "node_generation_completed")}
        assert 2 <= len(done_before) < 9 and not world.told(FIRST, "generation_completed"), done_before
        lines = home.start(os.path.join(BIN, "vedette"), "follow", FIRST, "--progress", stdout=subprocess.PIPE, text=True)

        world.provide()
        workflow = world.start(SECOND)
        world.hear(SECOND, "generation_completed", 1)
        assert world.told(SECOND, "session_started")[0]["data"]["continues"] == FIRST
        ended = world.told(FIRST, "session_ended")[0]["data"]
        assert ended["status"] == "failed" and ended["continued_by"] == SECOND, ended
        lines.communicate(timeout=30)
        assert lines.returncode == 1, "the session has ended as failed"
        skipped = {event["data"]["node"] for event in world.told(SECOND, "node_skipped")}
        assert skipped >= done_before, f"done twice: {done_before - skipped}"
        assert len(os.listdir(world.out)) == 10, os.listdir(world.out)

        assert end(workflow) == 0
        piped = home.run("follow", SECOND, "--progress").out
        expect_lines(piped)
        assert home.run("follow", SECOND, "--progress", "--end").out == piped
        assert "takes all events" in home.run("follow", SECOND, "--progress", "--from", "3", code=2).err
        if terminal.is_installed():
            expect_block(home, SECOND)


run_tests(globals())
