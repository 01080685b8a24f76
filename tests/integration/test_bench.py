#!/usr/bin/python3
"""test_bench.py BIN: the measurements of vd-bench run against an ingestor, and what they wrote is there, in order."""
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, gapless, wait_for  # noqa: E402
from harness import TOP  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
COUNT = 3000
ROWS = 9  # of the benchmark of streams


def measure(home, *arguments):
    done = subprocess.run([os.path.join(BIN, "vd-bench"), *map(str, arguments)], env=home.environment(), check=False,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (arguments, done)
    return json.loads(done.stdout)


def frames_of_many_events_are_stored_in_order():
    """Ingest in single events, in frames that do not divide the count, and mixed over sessions; then read all again."""
    with Home(BIN) as home:
        ingestor = home.start("vedette-ingestor", "--name", "ingestor")
        wait_for("the ingestor answers", lambda: home.run("session", "ls", code=None).code == 0)
        for frame in (1, 7, 1024):
            done = measure(home, "ingest", home.dir, COUNT, 2048, frame, 1)
            assert done["count"] == COUNT and done["rate"] > 0, done
            assert measure(home, "replay", home.dir, done["measurement"], COUNT)["count"] == COUNT
            row = home.json("session", "show", done["measurement"])
            assert row["state"] == "completed" and row["last_seq"] == COUNT + 2, row
        measure(home, "ingest", home.dir, COUNT, 1000, 1, 50)
        mixed = [row for row in home.json("session", "ls", "--count", "100") if row["last_seq"] == COUNT // 50 + 2]
        assert len(mixed) == 50, mixed
        events = home.lines("follow", mixed[0]["session"], "--end")
        assert gapless(events) and events[-1]["type"] == "session_ended", events[-1]
        ingestor.terminate()


def latencies_are_measured():
    with Home(BIN) as home:
        ingestor = home.start("vedette-ingestor", "--name", "ingestor")
        wait_for("the ingestor answers", lambda: home.run("session", "ls", code=None).code == 0)
        for arguments in (("acknowledge", home.dir, 50), ("live", home.dir, 300, 1000), ("live", home.dir, 300, 1000, 3),
                          ("roundtrip", home.dir, 50), ("sync", home.dir, 20)):
            figures = measure(home, *arguments)
            assert 0 < figures["p50"] <= figures["p99"] <= figures["max"], figures
        ingestor.terminate()


def a_crowd_reads_everything_in_order():
    """Each reader checks each event; more readers than processes."""
    with Home(BIN) as home:
        ingestor = home.start("vedette-ingestor", "--name", "ingestor")
        wait_for("the ingestor answers", lambda: home.run("session", "ls", code=None).code == 0)
        for which in ("raw-fanout", "fanout"):
            done = measure(home, which, home.dir, 2 * COUNT, 10, 3)
            assert done["count"] == 20 * COUNT and done["rate"] > 0, done
        ingestor.terminate()


def the_benchmark_of_streams_has_all_its_rows():
    """A first look at it, whatever its figures are here: each row has one, and each that is compared its limit."""
    with Home(BIN) as home:
        path = home.path("rows.json")
        done = subprocess.run([os.path.join(TOP, "tools", "bench"), "stream", "--quick", "--rounds", "1", "--build",
                               os.path.dirname(BIN), "--json", path], check=False, capture_output=True, text=True,
                              timeout=150)
        assert done.returncode in (0, 1) and os.path.exists(path), done
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        assert len(rows) == ROWS and done.stdout.count("\n") == ROWS + 1, done
        for row in rows:
            assert row["met"] is not None, row
            alone = "memory" in row["name"] or "behind" in row["name"]
            assert row["figure"] > 0 or "memory" in row["name"], row
            assert alone or (row["raw"] > 0 and row["ratio"] > 0), row
        assert (done.returncode == 0) == all(row["met"] for row in rows), rows


def the_benchmark_of_pollers_has_all_its_rows():
    """A few sources for a moment: they are read, and what is read arrives, whatever it costs here."""
    with Home(BIN) as home:
        path = home.path("rows.json")
        done = subprocess.run([os.path.join(TOP, "tools", "bench"), "poll", "--quick", "--rounds", "1", "--only", "one",
                               "--build", os.path.dirname(BIN), "--json", path], check=False, capture_output=True,
                              text=True, timeout=150)
        assert done.returncode in (0, 1) and os.path.exists(path), done
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
        assert len(rows) == (7 if shutil.which("prometheus") else 4), rows
        assert done.stdout.count("\n") == len(rows) + 1, done
        assert rows[2]["figure"] > 0 and rows[3]["figure"] > 0, rows


def the_benchmark_of_the_screen_reads_it():
    """A screen while much comes: it shows the events, and answers."""
    with Home(BIN) as home:
        path = home.path("rows.json")
        done = subprocess.run([os.path.join(TOP, "tools", "bench"), "tui", "--quick", "--rounds", "1", "--only", "load",
                               "--build", os.path.dirname(BIN), "--json", path], check=False, capture_output=True,
                              text=True, timeout=150)
        assert done.returncode in (0, 1) and os.path.exists(path), done
        with open(path, encoding="utf-8") as file:
            cpu, answer = json.load(file)
        assert 0 < cpu["figure"] and 0 < answer["figure"], (cpu, answer)


frames_of_many_events_are_stored_in_order()
latencies_are_measured()
a_crowd_reads_everything_in_order()
the_benchmark_of_streams_has_all_its_rows()
the_benchmark_of_pollers_has_all_its_rows()
the_benchmark_of_the_screen_reads_it()
