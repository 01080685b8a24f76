#!/usr/bin/python3
"""test_handlers.py BIN: libvedette's handlers side by side, places kept under names, aux and modes; the same by
`vedette follow --durable` and -v."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Follower, Home, wait_for  # noqa: E402

BIN = sys.argv[1]
PROBE = os.path.join("..", "tests", "follow_probe")


def seqs(lines):
    return [json.loads(line)["seq"] for line in lines.splitlines()]


def main():
    with Home(BIN) as home:
        with open(os.path.join(home.holder.name, "ingestor.log"), "ab") as log:
            home.start("vedette-ingestor", "--name", "ingestor", stderr=log)
        wait_for("the ingestor answers", lambda: home.run("session", "ls", code=None).code == 0)
        probe = home.start(PROBE, home.environment()["VEDETTE_DIR"], stderr=subprocess.PIPE, text=True)
        _, said = probe.communicate(timeout=120)
        assert probe.returncode == 0, said
        # The command keeps its place, too, behind the event that it printed last.
        follow = ("follow", "s", "--durable", "printed", "--from", "start", "-o", "ndjson", "--count")
        first, second = home.run(*follow, "30"), home.run(*follow, "30", "-v")
        assert seqs(first.out) == list(range(1, 31)), seqs(first.out)
        assert seqs(second.out) == list(range(31, 61)), seqs(second.out)
        # Ended by a signal while it waits for more, it has kept all that it has printed.
        follower = Follower(home, "s", "--durable", "signal", "--from", "-5")
        wait_for("it has printed five", lambda: len(follower.events()) == 5)
        assert follower.interrupt() == 0, follower.process.stderr.read()
        last = follower.events()[-1]["seq"]
        home.run("emit", "more", "--session", "s")
        more = home.run("follow", "s", "--durable", "signal", "-o", "ndjson", "--count", "1")
        assert seqs(more.out) == [last + 1], more
        # What cannot be written does not count.
        unwritten = ("follow", "s", "--durable", "full", "--from", "start", "-o", "ndjson")
        with open("/dev/full", "wb") as full:
            process = home.start("vedette", *unwritten, "--count", "9", stdout=full, stderr=subprocess.PIPE)
            _, said = process.communicate(timeout=60)
        assert process.returncode != 0 and b"cannot write to stdout" in said, said
        assert seqs(home.run(*unwritten, "--count", "1").out) == [1]
        assert "commits_only" in second.err, second.err
        assert json.loads(first.out.splitlines()[1])["aux"] == "YQBi", first.out.splitlines()[1]
    print("ok")


main()
