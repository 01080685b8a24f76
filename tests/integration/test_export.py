#!/usr/bin/python3
"""test_export.py BIN: a session is the same before and after kills, with --offline, and after export and import into an
empty store; an import goes on where it was interrupted; replays keep the time; what is damaged or unfit is told."""
import fcntl
import glob
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
from cli_harness import Home, gapless, wait_for  # noqa: E402
from harness import run_tests  # noqa: E402
from odd_events import odd_events, raw_event  # noqa: E402
import vedette  # noqa: E402
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
MANY = 60_000


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def mark(number):
    """Bytes that no compression takes apart."""
    return hashlib.sha256(str(number).encode()).digest()


def find(path, content):
    """Where the content stands in a file; 0: nowhere, or the file is gone."""
    try:
        with open(path, "rb") as file:
            return max(0, file.read().find(content))
    except FileNotFoundError:
        return 0


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


class Runtime(Home):
    """A runtime that observes nothing, so that only the test writes."""

    def __enter__(self):
        self.configure("[observers.host]\nenabled = false\n[observers.services]\nenabled = false\n")
        self.up()
        self.client = vedette.Client(self.dir)
        return super().__enter__()

    def up(self):
        self.run("up", "--detach", "--wait", "-c", self.config)

    def leave(self):
        self.client.close()
        super().leave()

    def emit(self, session, events):
        with self.client.producer(f"of-{session}") as producer:
            for raw in events:
                producer.emit_raw([raw], session)

    def followed(self, session, *more):
        return self.run("follow", session, "--from", "start", "--end", "-o", "ndjson", *more).out

    def kill_ingestor(self):
        pid = self.actor("ingestor")["pid"]
        self.run("kill", "ingestor")
        wait_for("the ingestor is back", lambda: self.actor("ingestor").get("pid") not in (0, None, pid))
        self.run("wait", "--for", "ready")


def simple_lines(session, count, ended=True):
    """Lines of a session as `follow` prints them, made by hand."""
    for n in range(1, count + 1):
        type = "session_started" if n == 1 else "session_ended" if ended and n == count else "count"
        data = {"name": "made", "owner": False} if n == 1 else {"status": "completed"} if type == "session_ended" else \
            {"n": n, "text": "x" * 40}
        yield json.dumps({"ts": wire.timestamp(1770000000000 + n), "session": session, "seq": n, "type": type,
                          "data": data}, separators=(",", ":"))


def test_a_session_is_the_same_after_kills_offline_and_after_export_and_import():
    with Runtime(BIN) as home, Runtime(BIN) as other:
        home.emit("odd", odd_events())
        before = home.followed("odd")
        lines = before.splitlines()
        assert gapless([json.loads(line) for line in lines]) and len(lines) > 60
        for _ in range(3):
            home.kill_ingestor()
        assert sha(home.followed("odd")) == sha(before), "not the same after kills"
        exported = home.run("session", "export", "odd")
        assert sha(exported.out) == sha(before), "export is not what follow prints"
        home.run("session", "export", "odd", home.path("odd.ndjson"))
        with open(home.path("odd.ndjson"), encoding="utf-8") as file:
            assert file.read() == before
        done = other.run("session", "import", text=exported.out)
        assert done.out.startswith(f"{len(lines)} events stored in 1 session"), done
        assert sha(other.followed("odd")) == sha(before), "not the same after export and import"
        assert sha(other.run("session", "export", "odd").out) == sha(before)
        row = other.json("session", "show", "odd")
        assert (row["state"], row["last_seq"], row["labels"]) == ("completed", len(lines), {"of": "ü"}), row
        other.kill_ingestor()
        again = other.run("session", "import", home.path("odd.ndjson"))
        assert again.out.startswith("0 events stored"), again
        assert sha(other.followed("odd")) == sha(before), "the second import changed something"
        for one in (home, other):
            one.run("down")
            assert sha(one.followed("odd", "--offline")) == sha(before), "not the same with --offline"
            assert sha(one.run("session", "export", "odd", "--offline").out) == sha(before)


def test_an_import_that_was_killed_goes_on_and_stores_each_event_once():
    with Runtime(BIN) as home:
        path = home.path("many.ndjson")
        lines = [line + "\n" for line in simple_lines("many", MANY)]
        text = "".join(lines)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

        def stored():
            return next((row["last_seq"] for row in home.client.sessions(session="many")), 0)
        for kills in range(3):
            reached = stored() + 1000
            importing = home.start("vedette", "session", "import", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            with importing.stdin as pipe:  # which has no end before the kill
                pipe.write("".join(lines[:reached + 5000]).encode())
                pipe.flush()
                wait_for("some of it is stored", lambda: stored() >= reached or importing.poll() is not None)
                assert importing.poll() is None, "the import was over before it could be killed"
                importing.send_signal(signal.SIGINT if kills == 1 else signal.SIGKILL)
                importing.wait(timeout=30)
        before = stored()
        assert 3000 <= before < MANY, before
        importing = home.start("vedette", "session", "import", path, stdout=subprocess.DEVNULL)
        wait_for("it goes on", lambda: stored() >= before + 1000)
        home.kill_ingestor()
        assert importing.wait(timeout=60) == 0
        assert sha(home.followed("many")) == sha(text)
        assert sha(home.run("session", "export", "many").out) == sha(text)
        # What takes longer to compare than one call may last is compared in several.
        probe = os.path.join(BIN, "..", "tests", "import_probe")
        done = subprocess.run([probe, home.dir, path, "10"], capture_output=True, text=True, timeout=60, check=True)
        status, stored_now, known, calls = done.stdout.split()
        assert (status, stored_now, known) == ("ok", "0", str(MANY)) and int(calls) > 1, done
        # A signal ends an export, also one that never has to wait.
        exporting = home.start("vedette", "session", "export", "many", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert exporting.stdout.readline().startswith(b'{"ts"')
        exporting.send_signal(signal.SIGINT)
        assert exporting.stdout.read().count(b"\n") < MANY - 1
        assert exporting.wait(timeout=10) != 0 and b"interrupted after" in exporting.stderr.read()
        for arguments in (("prune", "--older-than", "1ms", "--name", "few"), ("ls", "--keep", "1")):
            done = home.run("session", *arguments, code=2)
            assert f"session {arguments[0]} has no option" in done.err, done
        assert stored() == MANY


def test_sessions_may_be_mixed_in_one_file():
    with Runtime(BIN) as home:
        one, two = list(simple_lines("one", 300)), list(simple_lines("two", 300))
        mixed = [line for pair in zip(one, two) for line in pair]
        done = home.run("session", "import", text="\n\n".join(mixed), code=0)
        assert done.out == "600 events stored in 2 sessions\n", done
        assert home.followed("one").splitlines() == one and home.followed("two").splitlines() == two


def test_what_cannot_be_imported_is_refused_with_its_line():
    with Runtime(BIN) as home:
        good = list(simple_lines("s", 10, ended=False))

        def refused(lines, *words):
            done = home.run("session", "import", text="\n".join(lines), code=1)
            assert done.out == "" and all(word in done.err for word in words), (words, done)
            return done
        refused([good[0], good[1], "{\"ts\":1}"], "stdin: line 3: column", "ts has to be", "stored: 2 events")
        assert home.followed("s").splitlines() == good[:2], "the lines before a bad one are stored"
        refused([*good[:5], good[5][:-9]], "line 6")
        refused([good[0], good[2]], "line 2", "sequence 3", "2 has to be next")
        refused([good[1]], "line 1", "begins here with sequence 2")
        refused([good[0].replace("session_started", "other").replace('"s"', '"t"')], "line 1", "session_started")
        refused([good[0].replace("made", "altered"), *good[1:]], "session s exists", "are not these")
        refused(["x" * (5 << 20)], "line 1", "no event is that long")
        assert home.run("session", "import", text="\n".join(good)).out.startswith("5 events stored")
        home.run("emit", "stranger", "--session", "s")
        refused([*good, *[line for line in simple_lines("s", 12)][10:]], "session s exists", "are not these")
        ended = list(simple_lines("e", 3))
        home.run("session", "import", text="\n".join(ended))
        later = json.dumps({**json.loads(ended[2]), "seq": 4, "type": "late"})
        refused([*ended, later], "line 4", "session e exists and has ended")
        assert home.followed("e").splitlines() == ended


def test_a_damaged_range_ends_an_export_and_what_came_before_is_good():
    with Runtime(BIN) as home:
        events = [raw_event(n, "session_started" if n == 1 else "count", wire.pack({"n": n, "mark": mark(n)}))
                  for n in range(1, 401)]
        home.emit("d", events)
        whole = home.followed("d").splitlines()
        tables = []
        for more in range(20):  # so that it goes into a table
            home.run("session", "import", text="\n".join(simple_lines(f"more-{more}", 30_000)))
            tables = [path for path in glob.glob(f"{home.dir}/store/*.ldb") if find(path, mark(300))]
            if tables:
                break
        home.run("down")
        tables = [path for path in glob.glob(f"{home.dir}/store/*.ldb") if find(path, mark(300))]
        assert tables, "the event is in no table"
        for path in tables:
            flip(path, find(path, mark(300)))
        home.up()
        done = home.run("session", "export", "d", code=1)
        lines = done.out.splitlines()
        assert lines == whole[:len(lines)] and 0 < len(lines) < 300, len(lines)
        assert "good before: " in done.err and "session d" in done.err, done
        assert home.run("session", "replay", "d", "--speed", "max", "-o", "ndjson", code=1).out == done.out
        check_named(home, len(lines))


def check_named(home, good):
    """What is damaged behind so many events of session d is named by the command and by Python alike."""
    found = home.client.verify()
    assert not found["clean"] and found["damage"], found
    first = min(row["first"] for row in found["damage"] if row.get("session") == "d")
    assert first == good + 1, found
    done = home.run("store", "verify", code=None)
    rows = done.out.splitlines()
    assert done.code == 1 and rows[0].split() == ["SESSION", "EVENTS", "COMMIT", "WHAT"], done
    assert rows[1].startswith("d ") and f" {first}" in rows[1] and rows[-1].startswith("damaged: "), done
    assert all(len(row) <= 80 for row in rows), done
    assert json.loads(home.run("store", "verify", "-o", "json", code=None).out)["damage"] == found["damage"]
    events = []
    try:
        for event in home.client.export("d"):
            events.append(event)
        raise AssertionError("an export over damage ended well")
    except vedette.Error as problem:
        assert problem.status == "corrupt" and len(events) == good, (problem, len(events))


def test_a_whole_store_is_clean_and_tells_its_figures():
    with Runtime(BIN) as home:
        home.run("session", "import", text="\n".join(simple_lines("one", 1000)))
        assert home.run("store", "verify").out.splitlines()[-1].startswith("clean: ")
        found, figures = home.client.verify(), home.json("store", "stats")
        assert found["clean"] and found["events"] == figures["events"] >= 1000, (found, figures)
        assert figures["mode"] == "writing" and figures["durability"] == "power", figures
        assert home.client.store()["store"] == figures["store"]
        text = home.run("store", "stats").out
        assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("directory")), text
        home.run("store", "stats", "more", code=2)
        into = os.path.join(figures["dir"], "copy")
        assert "in the store itself" in home.run("store", "checkpoint", into, code=2).err
        assert "did you mean verify" in home.run("store", "verfy", code=2).err
        home.run("down")
        assert home.json("store", "stats", "--offline")["mode"] == "reading"
        assert home.run("store", "verify", "--offline").out.startswith("clean: ")
        assert home.json("store", "stats", f"--offline={home.dir}")["dir"].endswith("/store")
        assert "there is no store in" in home.run("store", "stats", f"--offline={os.path.dirname(BIN)}", code=4).err
        assert "the path is over" in home.run("store", "repair", "--copy", "/tmp/" + "x/" * 300, code=2).err
        assert "in the store itself" in home.run("store", "repair", "--copy", os.path.join(figures["dir"], "new"), code=2).err
        # No session is active any more: the newest one is meant.
        assert home.lines("follow", "--offline")[-1]["type"] == "session_ended"


def test_sessions_are_listed_by_name_and_label_within_80_columns():
    with Runtime(BIN) as home:
        with home.client.producer("many") as producer:
            for n in range(150):  # more than one answer takes
                producer.emit("session_started", {"name": f"job-{n % 2}", "labels": {"n": str(n), "kind": "job"}}, f"j-{n:03}")
            producer.emit("session_ended", {"status": "failed", "error": "the disk was full " * 20}, "j-000")

        def listed(*more):
            return [row["session"] for row in home.json("session", "ls", *more)]
        assert listed("--name", "job-*", "-n", "1000") == [f"j-{n:03}" for n in reversed(range(150))]
        assert listed("--name", "job-1", "-n", "3") == ["j-149", "j-147", "j-145"]
        assert listed("--label", "n=3") == ["j-003"] and listed("--label", "kind=*", "--name", "job-0", "-n", "1") == ["j-148"]
        assert listed("--label", "nothing") == [] and listed("--state", "failed") == ["j-000"]
        row = home.json("session", "show", "j-000")
        assert row["state"] == "failed" and row["error"].startswith("the disk was full") and row["lasted_ms"] >= 0, row
        main, other = os.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        listing = home.start("vedette", "session", "ls", "--name", "job-0", "-n", "200", stdout=other)
        os.close(other)
        rows = read_all(main).decode().splitlines()
        assert listing.wait(timeout=10) == 0
        assert len(rows) == 76 and all(len(row) <= 80 for row in rows), rows
        assert rows[0].split() == ["SESSION", "NAME", "STATE", "EVENTS", "AGE", "LASTED", "SAYS"], rows[0]
        assert rows[-1].startswith("j-000") and "the disk was" in rows[-1] and rows[-1].endswith("..."), rows[-1]


def read_all(terminal):
    """What a program has written to a terminal that is closed by now."""
    content = b""
    try:
        while piece := os.read(terminal, 65536):
            content += piece
    except OSError:  # nobody writes any more
        pass
    os.close(terminal)
    return content


def test_sessions_are_pruned_by_name_by_count_and_by_age_and_never_open_ones():
    with Runtime(BIN) as home:
        for name in ("p-1", "p-2", "p-3", "p-4"):
            home.run("session", "import", text="\n".join(simple_lines(name, 50)))
        home.run("session", "import", text="\n".join(simple_lines("open", 50, ended=False)))
        up = home.json("status")["session"]

        def there():
            return {row["session"] for row in home.json("session", "ls")} - {up}
        assert "name a session" in home.run("session", "prune", code=2).err.lower()
        home.run("session", "prune", "p-1", "--keep", "1", code=2)
        for name in ("open", up):
            assert "has not ended" in home.run("session", "prune", name, code=1).err
        dry = home.run("session", "prune", "--keep", "2", "--dry-run")
        assert dry.out.split() == ["p-1", "p-2"] and "would remove 2 sessions, 100 events" in dry.err, dry
        assert home.run("session", "prune", "--older-than", "1h").out == ""
        assert there() == {"p-1", "p-2", "p-3", "p-4", "open"}
        assert home.run("session", "prune", "--keep", "2").out.split() == ["p-1", "p-2"]
        assert there() == {"p-3", "p-4", "open"}
        assert home.client.prune("p-3")["ids"] == ["p-3"]
        done = home.run("session", "export", "p-3", code=None)
        assert done.code != 0 and done.out == "" and "p-3" in done.err, done
        assert "was pruned" in home.run("follow", "p-3", "--from", "start", "--end", code=1).err
        assert home.client.prune(older_than_s=0, keep=0)["ids"] == ["p-4"]
        assert there() == {"open"}
        wait_for("their space is free", lambda: home.client.store().get("pruning", 0) == 0)
        assert home.run("store", "verify").out.startswith("clean: ")
        whole = list(simple_lines("open", 50, ended=False))
        assert home.run("session", "export", "open").out.splitlines() == whole, "the chain goes over what was pruned"
        home.run("down")
        assert "writes" in home.run("session", "prune", "--keep", "1", "--offline", code=2).err


def test_a_replay_keeps_the_time_between_events():
    with Runtime(BIN) as home:
        stamps = [0, 0.9, 0.9, 0.6, 2.7]  # once the clock went back
        lines = [json.dumps({**json.loads(line), "ts": wire.timestamp(1770000000000 + int(1000 * stamp))}, separators=(",", ":"))
                 for line, stamp in zip(simple_lines("r", 5), stamps)]
        home.run("session", "import", text="\n".join(lines))

        def took(*more):
            begin = time.monotonic()
            out = home.run("session", "replay", "r", "-o", "ndjson", *more).out.splitlines()
            assert out == lines[-len(out):], out
            return time.monotonic() - begin, len(out)
        at_once = took("--speed", "max")
        real = took()
        assert at_once[1] == real[1] == 5
        assert 3.0 <= real[0] < 3.0 + 10, real

        def quicker(*more):
            """A replay that takes less; on a busy machine one of three has to."""
            tries = []
            while not tries or tries[-1][0] >= real[0] - 0.5:
                assert len(tries) < 3, (more, tries, real)
                tries.append(took(*more))
            return tries[-1]
        fast, cut = quicker("--speed", "10x"), quicker("--max-gap", "100ms")
        quicker("--speed", "max")
        for speed in ("x", "0", "-1", "nan", "1x2"):
            assert f"--speed {speed}" in home.run("session", "replay", "r", "--speed", speed, code=2).err
        assert fast[0] >= 0.1 and cut[0] >= 0.2
        assert took("--from", "-2", "--speed", "max")[1] == 2 and took("--from", "4", "--speed", "max")[1] == 2
        slow = home.start("vedette", "session", "replay", "r", "--speed", "0.001", stdout=subprocess.PIPE)
        assert b"session_started" in slow.stdout.readline()
        slow.send_signal(signal.SIGINT)
        assert slow.wait(timeout=30) == 0
        home.run("session", "replay", "r", "--speed", "fast", code=2)


def test_events_of_others_do_not_disturb_an_export():
    """The chain is checked over commits that hold several sessions, and over commits that are cut into frames."""
    with Runtime(BIN) as home:
        big = "y" * 100_000  # three of them are more than one frame takes
        with home.client.producer("mixer") as producer:
            for name in ("a", "b"):
                producer.emit_all([("session_started", {"name": name})], name)
            for n in range(3):
                for name in ("a", "b"):
                    producer.emit_all([("count", {"n": n, "big": big})] * 3, name)
        for name in ("a", "b"):
            assert home.run("session", "export", name).out == home.followed(name)
        events = list(home.client.export("b"))
        assert len(events) == 10 and gapless([{"seq": event.seq} for event in events])
        tail = list(home.client.export("a", seq=6))
        assert [event.seq for event in tail] == list(range(6, 11))


if __name__ == "__main__":
    run_tests(dict(globals()))
