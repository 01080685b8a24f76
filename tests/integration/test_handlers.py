#!/usr/bin/python3
"""test_handlers.py BIN: libvedette's handlers side by side, places kept under names, aux and modes; the same by
`vedette follow --durable` and -v."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, wait_for  # noqa: E402

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
        # The command keeps its place, too, at the event that it printed last.
        follow = ("follow", "s", "--durable", "printed", "--from", "start", "-o", "ndjson", "--count")
        first, second = home.run(*follow, "30"), home.run(*follow, "30", "-v")
        assert seqs(first.out) == list(range(1, 31)), seqs(first.out)
        assert seqs(second.out)[0] in (30, 31), seqs(second.out)
        assert "commits_only" in second.err, second.err
        assert json.loads(first.out.splitlines()[1])["aux"] == "YQBi", first.out.splitlines()[1]
    print("ok")


main()
