#!/usr/bin/python3
"""test_run.py BIN: `vedette run` on real processes: what a command writes is recorded once, whatever dies meanwhile."""
import base64
import datetime
import json
import multiprocessing
import os
import pty
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, gapless, wait_for  # noqa: E402
from harness import alive, run_tests, state_of, takes_signal  # noqa: E402
import vedette  # noqa: E402
from vedette import events as catalogue, wire  # noqa: E402

BIN = sys.argv[1]
VEDETTE = os.path.join(BIN, "vedette")
ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{12}")
home = None


def run(*arguments, text=""):
    """`vedette run`, as bytes: (exit code, stdout, stderr)."""
    done = subprocess.run([VEDETTE, "run", *arguments], input=text.encode(), capture_output=True,
                          env=home.environment(), timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def begin(*arguments, **options):
    return home.start("vedette", "run", *arguments, **options)


def session_of(name):
    """The newest session of this name."""
    return next((row for row in home.lines("session", "ls") if row.get("name") == name), None)


def events_of(name, state=None):
    row = wait_for(f"the session {name}",
                   lambda: (row := session_of(name)) and (state is None or row["state"] == state) and row)
    found = home.lines("follow", row["session"], "--from", "start", "--end")
    assert gapless(found) and found[0]["type"] == "session_started", found[:3]
    for event in found:
        data = event["data"]
        if isinstance(data, dict) and "raw" in data:
            data = {**data, "raw": base64.b64decode(data["raw"])}
        catalogue.check(event["type"], data)
    return found


def output(found, stream="stdout"):
    return [event["data"] for event in found if event["type"] == "output" and event["data"]["stream"] == stream]


def seqs(found):
    return [data["text"] for data in output(found)]


def ended(found):
    assert found[-1]["type"] == "session_ended", found[-1]
    return found[-1]["data"]


def test_a_command_is_recorded_from_start_to_end():
    code, out, err = run("--name", "whole", "--label", "a=1", "-l", "b=two words", "sh", "-c",
                         "echo one; echo two >&2; printf 'three \\n\\nfour'; cat; exit 7", text=" five")
    assert (code, out, err) == (7, b"one\nthree \n\nfour five", "two\n"), (code, out, err)
    found = events_of("whole", "failed")
    begun = found[0]["data"]
    assert begun["name"] == "whole" and begun["labels"] == {"a": "1", "b": "two words"} and begun["owner"], begun
    assert begun["command"].startswith("sh -c 'echo one;"), begun
    assert output(found) == [{"stream": "stdout", "text": "one"}, {"stream": "stdout", "text": "three "},
                             {"stream": "stdout", "text": ""},
                             {"stream": "stdout", "text": "four five", "unended": True}], output(found)
    assert output(found, "stderr") == [{"stream": "stderr", "text": "two"}]
    end = ended(found)
    assert end["status"] == "failed" and end["exit"] == 7 and end["error"] == "exit code 7", end
    assert 0 <= end["duration_ms"] < 30000, end
    assert ID.fullmatch(found[0]["session"]), found[0]


def test_exit_codes_are_those_of_the_command():
    assert run("-n", "fine", "true")[0] == 0 and ended(events_of("fine", "completed"))["exit"] == 0
    assert run("false")[0] == 1 and session_of("false")["state"] == "failed"
    assert run("-n", "dead", "sh", "-c", "kill -9 $$")[0] == 137
    end = ended(events_of("dead", "failed"))
    assert end["signal"] == 9 and "SIGKILL" in end["error"] and "exit" not in end, end
    code, _, err = run("-n", "none", "/nowhere/at-all")
    assert code == 127 and "/nowhere/at-all" in err and "No such file" in ended(events_of("none", "failed"))["error"]
    assert run("-n", "file", home.config)[0] == 126
    # Options behind the command are the command's.
    assert run("sh", "-c", 'echo "$@"', "x", "--name", "-v", "--help")[1] == b"--name -v --help\n"
    for wrong in (["run"], ["run", "--nmae", "x", "true"], ["run", "--session", "a b", "true"],
                  ["run", "--label", "x", "true"], ["run", "--events-fd", "1", "true"], ["run", "--name", "", "true"]):
        assert "vedette: " in home.run(*wrong, code=2).err
    taken = session_of("fine")["session"]
    code, out, err = run("--session", taken, "echo", "hello")
    assert code == 1 and out == b"" and "exists" in err, (code, out, err)
    assert run("--session", "my-own", "true")[0] == 0 and session_of("true")["session"] == "my-own"


def test_typed_events_come_through_the_descriptor():
    script = r'''
        echo '{"type": "deployed", "data": {"version": 7}}' >&$VEDETTE_EVENTS_FD
        echo '{"type": "bare"}' >&$VEDETTE_EVENTS_FD
        echo '{"type": "queue_stats", "data": {"pending": 1}, "more": 2}' >&$VEDETTE_EVENTS_FD
        echo nonsense >&$VEDETTE_EVENTS_FD
        echo '[1]' >&$VEDETTE_EVENTS_FD
        echo '{"type": "no type", "data": 1}' >&$VEDETTE_EVENTS_FD
        echo '{"type": "session_ended", "data": {"status": "failed"}}' >&$VEDETTE_EVENTS_FD
        printf '\n{"type": "last", "data": [1, null, "\\u00e4"]}' >&$VEDETTE_EVENTS_FD
        echo "$VEDETTE_SESSION"
    '''
    for strict in (False, True):
        name = f"typed-{strict}"
        code, out, err = run("--name", name, *(["--strict"] if strict else []), "bash", "-c", script)
        found = home.lines("follow", session_of(name)["session"], "--from", "start", "--end")
        assert code == 0 and out.decode().strip() == found[0]["session"], out
        typed = [(event["type"], event["data"]) for event in found[1:-1] if event["type"] not in ("output", "event_refused")]
        assert typed == [("deployed", {"version": 7}), ("bare", {}),
                         *([] if strict else [("queue_stats", {"pending": 1})]), ("last", [1, None, "ä"])], typed
        refused = [event["data"] for event in found if event["type"] == "event_refused"]
        assert [data["text"][:8] for data in refused] == [*(['{"type":'] if strict else []), "nonsense", "[1]",
                                                          '{"type":', '{"type":'], refused
        assert not strict or "processing is missing" in refused[0]["error"], refused
        assert err.count("vedette: this line is no event") == len(refused), err
        assert ended(found) == {"status": "completed", "exit": 0, "duration_ms": ended(found)["duration_ms"]}
    # What it emits goes into its session, too.
    assert run("-n", "emits", "sh", "-c", f"{VEDETTE} emit inside --data '[2]'")[0] == 0
    assert [event["data"] for event in events_of("emits", "completed") if event["type"] == "inside"] == [[2]]
    # Once that has ended, an emit of what it left behind says so.
    late = subprocess.run([VEDETTE, "emit", "late"], capture_output=True, timeout=20, check=False,
                          env=home.environment() | {"VEDETTE_SESSION": session_of("emits")["session"]})
    assert late.returncode == 1 and b"has ended" in late.stderr, late
    # On a descriptor of one's choice.
    assert run("-n", "nine", "--events-fd", "9", "sh", "-c", "echo '{\"type\":\"x\"}' >&9; echo $VEDETTE_EVENTS_FD")[1] == b"9\n"
    assert [event["type"] for event in events_of("nine", "completed")][1:-1].count("x") == 1


def test_hostile_output_is_bounded_and_never_a_crash():
    script = r'''import os, sys
os.write(1, b"a\0b\n\xff\xfe\n" + b"x" * 3000000 + b"\n" + "\u00fc".encode() * 100000 + b"\r\n")
os.write(int(os.environ["VEDETTE_EVENTS_FD"]), b"[" * 3000000 + b"\n\xff\n\0\n" + b'{"type":"t","data":' + b"[" * 60 + b"]" * 60 + b"}\n")
os.write(int(os.environ["VEDETTE_EVENTS_FD"]), b'{"type":"t","data":"' + b"y" * 400000 + b'"}\n{"type":"fits","data":"' + b"y" * 200000 + b'"}\n')
'''
    code, out, err = run("--name", "hostile", "/usr/bin/python3", "-c", script)
    assert code == 0 and out == b"a\0b\n\xff\xfe\n" + b"x" * 3000000 + b"\n" + "ü".encode() * 100000 + b"\r\n", (code, len(out))
    found = events_of("hostile", "completed")
    lines = output(found)
    assert lines[0] == {"stream": "stdout", "text": "a\0b"}
    assert lines[1] == {"stream": "stdout", "text": "��", "raw": base64.b64encode(b"\xff\xfe").decode()}
    assert lines[2] == {"stream": "stdout", "text": "x" * 16384, "cut": 3000000 - 16384}
    assert lines[3] == {"stream": "stdout", "text": "ü" * 8192, "cut": 200000 - 16384} and len(lines) == 4
    refused = [event["data"] for event in found if event["type"] == "event_refused"]
    assert len(refused) == 5 and refused[0]["cut"] == 3000000 - 16384, [len(data["text"]) for data in refused]
    assert [event["type"] for event in found[1:-1] if event["type"] not in ("output", "event_refused")] == ["fits"]
    assert all(len(line) < 1000 for line in err.splitlines()), "what is shown of a bad line is short"


def test_nothing_is_lost_or_twice_when_the_ingestor_is_killed_while_a_command_writes_50000_lines():
    lines = 50000
    script = f"i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); [ $i = 40000 ] && read go; done; exit 0"
    with open(home.path("passed-on"), "wb") as passed_on:
        process = begin("--name", "many", "dash", "-c", script, stdin=subprocess.PIPE, stdout=passed_on,
                        stderr=subprocess.PIPE)
        interrupted = 0
        for number in range(3):
            if number == 2:
                process.stdin.write(b"go\n")
                process.stdin.close()
            before = home.actor("ingestor")["pid"]
            at = wait_for("events", lambda: (row := session_of("many")) and row["last_seq"])
            interrupted += at < lines and process.poll() is None
            home.run("kill", "ingestor")
            wait_for("the ingestor's next life", lambda: home.actor("ingestor").get("pid") not in (before, 0, None))
            wait_for("it goes on", lambda: session_of("many")["last_seq"] > min(at, 40000))
        assert process.wait(60) == 0, process.stderr.read()
    assert interrupted, "it was killed before the command had ended"
    wanted = [f"line {i}" for i in range(lines)]
    with open(home.path("passed-on"), encoding="ascii") as file:
        assert file.read().split("\n") == wanted + [""], "it was passed on once too"
    found = events_of("many", "completed")
    assert seqs(found) == wanted and ended(found)["exit"] == 0 and len(found) == lines + 2


def test_the_broker_may_be_away():
    home.run("stop", "broker", "--wait")
    assert run("--name", "brokerless", "echo", "hello")[:2] == (0, b"hello\n")
    assert seqs(events_of("brokerless", "completed")) == ["hello"]
    home.run("start", "broker", "--wait")


def test_a_command_is_held_back_while_the_runtime_takes_nothing():
    home.run("pause", "ingestor")
    try:
        code, out, err = run("--timeout", "1s", "echo", "hello")
        assert code == 6 and out == b"" and "paused" in err, (code, out, err)
        home.run("resume", "ingestor")
        process = begin("--name", "held", "sh", "-c", "echo first; read line; echo $line; exec seq 2000000",
                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for("its first line", lambda: (row := session_of("held")) and row["last_seq"] >= 2)
        home.run("pause", "ingestor")
        process.stdin.write(b"go\n")
        process.stdin.close()
        said = process.stderr.readline().decode()
        assert "held back" in said, said
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            anonymous_kb = int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1))
        assert anonymous_kb < 64 * 1024, f"{anonymous_kb} kB"
    finally:
        home.run("resume", "ingestor")
    assert "taken again" in process.stderr.readline().decode()
    assert process.wait(60) == 0
    row = wait_for("its end", lambda: (row := session_of("held"))["state"] == "completed" and row)
    assert row["last_seq"] == 2000000 + 4, row


def test_with_best_effort_nobody_waits_and_what_is_lost_is_said():
    process = begin("--name", "effort", "--best-effort", "sh", "-c", "echo first; read line; seq 300000; read line; echo last; exit 4",
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("its first line", lambda: (row := session_of("effort")) and row["last_seq"] >= 2)
    home.run("pause", "ingestor")
    try:
        process.stdin.write(b"go\n")
        process.stdin.flush()
        while process.stdout.readline() != b"300000\n":
            pass
        assert "lost" in process.stderr.readline().decode()
    finally:
        home.run("resume", "ingestor")
    assert "taken again" in process.stderr.readline().decode()
    process.stdin.write(b"go\n")
    process.stdin.close()
    assert process.stdout.read() == b"last\n" and process.wait(60) == 4
    found = events_of("effort", "failed")
    lost = sum(event["data"]["lines"] for event in found if event["type"] == "output_lost")
    assert lost > 0 and len(output(found)) + lost == 300002 and seqs(found)[-1] == "last", lost


def test_a_command_that_ends_while_nothing_is_taken_has_its_end_on_record():
    process = begin("--name", "outlasted", "--best-effort", "sh", "-c", "echo first; read line; exec seq 300000",
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("its first line", lambda: (row := session_of("outlasted")) and row["last_seq"] >= 2)
    home.run("pause", "ingestor")
    try:
        process.stdin.write(b"go\n")
        process.stdin.close()
        while process.stdout.readline() != b"300000\n":
            pass
        while "has ended" not in process.stderr.readline().decode():
            pass
    finally:
        home.run("resume", "ingestor")
    assert process.wait(60) == 0, process.stderr.read()
    found = events_of("outlasted", "completed")
    lost = [event["data"]["lines"] for event in found if event["type"] == "output_lost"]
    assert lost and len(output(found)) + sum(lost) == 300001, lost
    # One that is given up while it is held back ends as failed, and is no crash.
    process = begin("--name", "given-up", "sh", "-c", "echo first; read line; exec seq 2000000",
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for("its first line", lambda: (row := session_of("given-up")) and row["last_seq"] >= 2)
    home.run("pause", "ingestor")
    try:
        process.stdin.write(b"go\n")
        process.stdin.close()
        assert "held back" in process.stderr.readline().decode()
        wait_for("both ends", lambda: process.poll() is not None or process.terminate())
    finally:
        home.run("resume", "ingestor")
    assert process.wait(60) == 143 and "not complete" in process.stderr.read().decode()


def test_signals_reach_the_command_and_its_exit_code_comes_back():
    for number, code in ((signal.SIGTERM, 31), (signal.SIGINT, 32), (signal.SIGHUP, 33), (signal.SIGQUIT, 34)):
        process = begin("--name", f"signal-{number}", "/usr/bin/python3", "-c",
                        f"import signal, sys\nsignal.signal({int(number)}, lambda *_: sys.exit({code}))\n"
                        "print('ready', flush=True)\nwhile True: signal.pause()", stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(20) == code and ended(events_of(f"signal-{number}", "failed"))["exit"] == code
    process = begin("--name", "terminated", "sh", "-c", "echo ready; exec sleep 600", stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(20) == 143 and ended(events_of("terminated", "failed"))["signal"] == signal.SIGTERM


def test_processes_that_are_left_behind_do_not_keep_it_waiting():
    begun = time.monotonic()
    code, out, err = run("--name", "behind", "--drain", "300ms", "sh", "-c", "echo here; sleep 600 & echo $! >&2; exit 5")
    left = int(err.split()[0])
    os.kill(left, signal.SIGKILL)
    assert code == 5 and out == b"here\n" and "left behind" in err and time.monotonic() - begun < 20, (code, err)
    end = ended(events_of("behind", "failed"))
    assert "left behind" in end["text"] and end["duration_ms"] < 10000, end


def test_a_reader_that_goes_away_ends_a_command_as_it_would_without_us():
    reader = subprocess.Popen([VEDETTE, "run", "--name", "yes", "yes"], stdout=subprocess.PIPE, env=home.environment())
    home.started.append(reader)
    assert reader.stdout.readline() == b"y\n"
    reader.stdout.close()
    assert reader.wait(30) == 128 + signal.SIGPIPE
    assert ended(events_of("yes", "failed"))["signal"] == signal.SIGPIPE


def test_20_commands_at_once_are_20_sessions():
    processes = [begin("--name", "crowd", "sh", "-c", f"echo {i}", stdout=subprocess.DEVNULL) for i in range(20)]
    assert [process.wait(60) for process in processes] == [0] * 20
    rows = [row for row in home.lines("session", "ls") if row.get("name") == "crowd"]
    assert len({row["session"] for row in rows}) == 20 and {row["state"] for row in rows} == {"completed"}, rows
    assert {row["last_seq"] for row in rows} == {3}
    for row in rows:
        made = datetime.datetime.strptime(row["session"][:18] + "+0000", "%Y%m%dT%H%M%S%f%z").timestamp()
        assert abs(made - row["started_ms"] / 1000) < 10, f"ids sort by time: {row}"


def test_events_are_held_to_the_catalogue_on_request():
    session = "by-hand"
    home.run("emit", "session_started", "--session", session, "--strict")
    bad = ("emit", "queue_stats", "--session", session, "--data", '{"pending": 1, "processing": "no"}')
    assert "queue_stats: processing is not valid" in home.run(*bad, "--strict", code=2).err
    home.run(*bad)
    home.run("emit", "queue_stats", "--session", session, "--data", '{"pending": 1, "processing": 2, "new": 3}', "--strict")
    home.run("emit", "whatever", "--session", session, "--data", '[]', "--strict")
    with vedette.Client(home.dir) as client, client.producer("strict", strict=True) as producer:
        for data in ({"pending": 1}, [1]):
            try:
                producer.emit("queue_stats", data, session=session)
                raise AssertionError(f"{data} passed")
            except vedette.BadEvent as problem:
                assert problem.status == "bad_event" and "queue_stats" in str(problem), problem
        assert producer.emit("queue_stats", {"pending": 1, "processing": 0}, session=session)[0] == session
    kept = home.lines("follow", session, "--from", "start", "--end", "--type", "queue_stats")
    assert [event["data"] for event in kept] == [{"pending": 1, "processing": "no"}, {"pending": 1, "processing": 2, "new": 3},
                                                 {"pending": 1, "processing": 0}], kept
    listed = {row["type"]: row for row in home.json("events")}
    assert set(listed) == set(catalogue.EVENTS) and len(listed) > 30
    assert [row["field"] for row in listed["file_changed"]["fields"] if row["required"]] == ["path", "change"]
    assert "created|modified|removed|renamed" in home.run("events", "file_changed").out
    assert {row["type"] for row in home.lines("events", "scan_*")} == {"scan_started", "scan_progress", "scan_completed"}
    assert "did you mean file_changed?" in home.run("events", "file_change", code=4).err


def make_ids(count):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return [wire.new_session_id() for _ in range(count)]


def test_session_ids_are_unique_under_rapid_creation_from_many_processes():
    with multiprocessing.get_context("fork").Pool(8) as pool:
        made = pool.map(make_ids, [5000] * 16, chunksize=1)
    assert all(ids == sorted(ids) for ids in made)
    everything = [one for ids in made for one in ids]
    assert len(set(everything)) == len(everything) == 80000


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**home.environment(), "PS1": "$ ", "PATH": f"{BIN}:{os.environ['PATH']}"}
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        os.set_blocking(self.fd, False)

    def type(self, text):
        os.write(self.fd, text)

    def sees(self, words):
        def look():
            try:
                self.text += os.read(self.fd, 65536)
            except BlockingIOError:
                pass
            return words in self.text
        wait_for(f"{words!r} on the terminal", look)
        _, _, self.text = self.text.partition(words)

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def test_on_a_terminal_keys_reach_the_command_once_and_job_control_works():
    shell = Shell()
    try:
        with open(home.path("script"), "w", encoding="ascii") as script:
            script.write("trap 'n=$((n+1)); echo caught $n' INT\necho pid $$\nread line\necho got $line\nread line\nexit 9\n")
        shell.type(f"vedette run --name term bash {script.name}\n".encode())
        shell.sees(b"pid ")
        pid = wait_for("its pid", lambda: int((re.search(r'"pid (\d+)"', json.dumps(events_of("term"))) or [0, 0])[1]))
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            group, _, _, foreground = file.read().rpartition(")")[2].split()[2:6]
        assert group == foreground, "it is in the foreground"
        wait_for("bash catches SIGINT", lambda: takes_signal(pid, signal.SIGINT))
        shell.type(b"\x1a")
        shell.sees(b"Stopped")
        assert wait_for("it is stopped", lambda: state_of(pid) == "T")
        shell.type(b"fg\n")
        wait_for("it goes on", lambda: state_of(pid) != "T")
        shell.type(b"word\n")
        shell.sees(b"got word")
        shell.type(b"\x03")
        shell.sees(b"caught 1")
        shell.type(b"\n")
        shell.sees(b"session 2")
        shell.type(b"echo code $?\n")
        shell.sees(b"code 9")
        assert [text for text in seqs(events_of("term", "failed")) if "caught" in text] == ["caught 1"]
    finally:
        shell.close()


def test_the_runtime_may_go_down_and_come_up_again_meanwhile():
    process = begin("--name", "over", "sh", "-c", "echo first; read line; echo $line", stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("its first line", lambda: (row := session_of("over")) and row["last_seq"] >= 2)
    runtime = home.json("status")["session"]
    home.run("down")
    process.stdin.write(b"second\n")
    process.stdin.close()
    home.run("up", "--detach", "--wait")
    assert process.wait(60) == 0, process.stderr.read()
    assert seqs(events_of("over", "completed")) == ["first", "second"]
    # What the runtime itself wrote, deaths and ends included, is what the catalogue says of it.
    written = home.lines("follow", runtime, "--from", "start", "--end")
    types = set()
    for event in written:
        if "cause" not in event:
            assert event["type"] in catalogue.EVENTS, event
            catalogue.check(event["type"], event["data"])
            types.add(event["type"])
    assert {"session_started", "session_ended", "actor_started", "actor_ready", "actor_exited"} <= types, types


def test_a_command_whose_recorder_is_killed_leaves_an_interrupted_session():
    """The silence of an owner takes 30 s to be one: the process was killed when the tests began."""
    row = wait_for("it is interrupted", lambda: (row := session_of("abandoned"))["state"] == "interrupted" and row, 45)
    assert row["last_seq"] == 2, row
    # One that has been silent as long, and whose recorder lives, is not.
    quiet = session_of("quiet")
    assert quiet["state"] == "active" and quiet["last_seq"] == 1, quiet
    next(process for process in home.started if "quiet" in process.args).terminate()
    assert ended(events_of("quiet", "failed"))["duration_ms"] > 30000


def abandon():
    begin("--name", "quiet", "sleep", "600")
    process = begin("--name", "abandoned", "sh", "-c", "echo begun; exec sleep 600", stderr=subprocess.PIPE,
                    stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    wait_for("its line", lambda: (row := session_of("abandoned")) and row["last_seq"] == 2)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    process.kill()
    process.wait()
    for child in map(int, children):
        os.kill(child, signal.SIGKILL)
        wait_for("it is gone", lambda pid=child: not alive(pid))


def without_a_runtime():
    code, out, err = run("touch", home.path("was-run"))
    assert code == 6 and "vedette up" in err and not os.path.exists(home.path("was-run")), (code, err)
    code, out, err = run("--best-effort", "sh", "-c", "echo '{}' >&$VEDETTE_EVENTS_FD; echo hello; exit 3")
    assert (code, out) == (3, b"hello\n") and "without being recorded" in err, (code, out, err)


def main():
    global home
    with Home(BIN) as home:
        without_a_runtime()
        home.run("up", "--detach", "--wait")
        wanted = sys.argv[2:]
        if not wanted or any("recorder" in name for name in wanted):
            abandon()
        run_tests(globals())


main()
