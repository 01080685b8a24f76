#!/usr/bin/python3
"""test_chaos_command.py BIN: `vedette chaos`: each fault is made, proved, undone and recovered from, told and recorded; what is
broken is undone when the command is killed; mistakes are told."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, alive, wait_for  # noqa: E402

PHASES = ["injected", "proved", "undone", "recovered"]


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def phases(lines, number):
    return [line["phase"] for line in lines if line.get("number") == number]


class Runner:
    """`vedette chaos run --script -`, driven line by line."""

    def __init__(self, home, *arguments):
        self.process = home.start("vedette", "chaos", "run", "--script", "-", "-o", "ndjson", *arguments, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def until(self, phase):
        lines = []
        for line in self.process.stdout:
            lines.append(json.loads(line))
            if lines[-1]["phase"] == phase:
                return lines
        raise AssertionError(f"no phase {phase} in {lines}")

    def make(self, line):
        self.send(line)
        return self.until("line")

    def end(self, code):
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == code, (self.process.returncode, out)
        return [json.loads(line) for line in out.splitlines()]


def a_fault_goes_all_the_way_and_is_recorded(home):
    before = home.actor("broker")["pid"]
    out = home.run("chaos", "kill", "broker").out
    assert home.actor("broker")["pid"] != before and not alive(before)
    assert all(f"{phase:9}  kill broker (pid {before})" in out for phase in PHASES), out
    session = home.lines("session", "ls", "--name", "chaos", "-n", "1")[0]["session"]
    events = home.lines("follow", session, "--from", "start", "--end")
    assert [event["type"] for event in events] == ["session_started", *(f"fault_{phase}" for phase in PHASES), "session_ended"]
    assert events[0]["data"]["command"] == "vedette chaos kill broker"
    for event in events[1:-1]:
        assert event["data"]["fault"] == "kill" and event["data"]["target"] == "broker" and event["data"]["pid"] == before
    assert 0 < events[4]["data"]["detected_ms"] <= events[4]["data"]["recovered_ms"]
    assert events[5]["data"]["status"] == "completed"


def figures_are_short(home):
    lines = home.lines("chaos", "garbage", "host", "20")
    told = [line for line in lines if "number" in line]
    assert [line["text"] for line in told if line["phase"] == "injected"] == [""], told
    times = [line[key] for line in told for key in ("detected_ms", "recovered_ms") if key in line]
    times += [value for key, value in lines[-1]["actors"]["host"]["recovered_ms"].items() if key != "count"]
    assert len(times) >= 4 and all(round(value, 3) == value for value in times), times


def another_program_drives_it(home):
    runner = Runner(home)
    pids = {row["name"]: row["pid"] for row in home.lines("ps")}
    lines = runner.make("stop host 200ms + kill static")
    assert lines[-1] == {"phase": "line", "line": 1, "ok": True}, lines
    assert phases(lines, 1) == PHASES and phases(lines, 2) == PHASES, lines
    assert {line["line"] for line in lines if "number" in line} == {1}
    assert runner.make("# nothing")[-1]["ok"]
    lines = runner.make("kil host")
    assert not lines[-1]["ok"] and "did you mean kill?" in lines[-1]["text"], lines
    lines = runner.make("kill hst")
    assert not lines[-1]["ok"] and "did you mean host?" in lines[-1]["text"], lines
    lines = runner.make("kill supervisor")
    assert lines[-1]["ok"] and phases(lines, 3) == PHASES, lines
    assert not [name for name, pid in pids.items() if pid and alive(pid)], "the supervisor was killed, and its actors live"
    lines = runner.make("crash_loop poller-1 3")
    assert lines[-1]["ok"] and phases(lines, 4) == PHASES, lines
    # What is too long is one line, and its rest none; a comment may be as long as it likes.
    host = home.actor("host")["pid"]
    lines = runner.make("#" + " comment" * 600 + " kill host")
    assert len(lines) == 1 and lines[0]["ok"], lines
    lines = runner.make("kill " + "x" * 4096 + " kill host")
    assert len(lines) == 1 and "at most 4095 bytes" in lines[0]["text"], lines
    lines = runner.make("kill host\0more")
    assert len(lines) == 1 and "a byte of value 0" in lines[0]["text"], lines
    lines = runner.make("crash_loop supervisor")
    assert len(lines) == 1 and "not the supervisor" in lines[0]["text"] and home.actor("host")["pid"] == host, lines
    runner.process.stdin.close()
    runner.process.stdin = None
    summary = runner.end(1)[-1]  # some lines were none
    assert not summary["ok"] and summary["faults"]["kill"]["recovered"] == 2, summary
    assert summary["actors"]["poller-1"]["deaths"] == 3 and summary["actors"]["supervisor"]["recovered_ms"]["count"] == 1


def a_seed_means_a_script(home):
    chosen = ("--seed", "11", "--actors", "host,static,supervisor", "--count", "4", "--every", "50ms", "--faults",
              "kill,crash_loop")
    script = home.run("chaos", "schedule", *chosen).out
    assert script == home.run("chaos", "schedule", *chosen).out
    path = os.path.join(home.holder.name, "script")
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    made = home.lines("chaos", "run", *chosen)
    again = home.lines("chaos", "run", "--script", path)
    told = lambda lines: [(line["number"], line["fault"], line["target"]) for line in lines if line["phase"] == "recovered"]
    assert len(told(made)) == 4 and told(made) == told(again), (made, again)
    assert made[0]["seed"] == 11 and made[-1]["ok"] and again[-1]["ok"]
    command = home.lines("follow", made[0]["session"], "--from", "start", "--end")[0]["data"]["command"]
    assert command == "vedette chaos run " + " ".join(chosen), command


def what_is_broken_is_undone_when_the_runner_dies(home):
    pid = home.actor("host")["pid"]
    runner = Runner(home)
    runner.send("stop host 30s")
    runner.until("proved")
    assert state_of(pid) == "T"
    runner.process.kill()
    wait_for("the keeper lets it go on", lambda: state_of(pid) != "T")
    old = home.json("status")["pid"]
    runner = Runner(home)
    runner.send("kill supervisor")
    runner.until("proved")
    runner.process.kill()
    wait_for("the keeper starts it again", lambda: home.run("wait", "--timeout", "1s", code=None).code == 0 and not alive(old))
    assert home.json("status")["pid"] != old
    left = lambda: os.listdir(os.path.join(home.dir, "chaos", "undo"))
    wait_for("nothing is left to undo", lambda: not left())
    assert "nothing was left behind" in home.run("chaos", "undo").err


def undo_does_what_a_keeper_could_not(home):
    pid = home.actor("host")["pid"]
    runner = Runner(home)
    runner.send("stop host 30s")
    runner.until("proved")
    with open(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children", encoding="utf-8") as file:
        for keeper in file.read().split():
            os.kill(int(keeper), signal.SIGKILL)
    assert "nothing was left behind" in home.run("chaos", "undo").err and state_of(pid) == "T"  # its runner lives
    runner.process.kill()
    runner.process.wait()
    assert state_of(pid) == "T"
    # Another fault waits until that is done.
    runner = Runner(home)
    runner.until("begun")
    runner.send("stop host 100ms")
    assert "undone: 1 fault" in home.run("chaos", "undo").err
    lines = runner.until("line")
    assert lines[-1]["ok"] and phases(lines, 1) == PHASES and state_of(pid) != "T", lines
    runner.process.stdin.close()
    runner.process.stdin = None
    runner.end(0)


def what_a_keeper_cannot_undo_is_told(home):
    runner = Runner(home)
    runner.send("stop host 30s")
    runner.until("proved")
    folder = os.path.join(home.dir, "chaos", "undo")
    record = os.path.join(folder, next(name for name in os.listdir(folder) if name.startswith(f"{runner.process.pid}-")))
    with open(record, "w", encoding="utf-8") as file:
        file.write("melt\nhost\n")
    pid = home.actor("host")["pid"]
    try:
        runner.process.kill()
        wait_for("it has a log", lambda: home.run("logs", "chaos", code=None).code == 0)
        rows = wait_for("its log tells of it", lambda: home.lines("logs", "chaos"))
        assert [row["level"] for row in rows] == ["error"] and rows[0]["text"].startswith(f"{record}: not undone: "), rows
        assert rows[0]["text"] in home.run("chaos", "undo", code=1).err
    finally:
        os.remove(record)
        os.kill(pid, signal.SIGCONT)


def two_runners_do_not_change_the_same_thing(home):
    pid, runner = home.actor("services")["pid"], Runner(home)
    runner.send("stop services 60s")
    runner.until("proved")
    told = home.run("chaos", "stop", "services", "100ms", code=1).out
    assert f"another fault has the state of process {pid}, made by process {runner.process.pid}; wait" in told, told
    assert state_of(pid) == "T", "the second has ended the first"
    home.run("chaos", "stop", "host", "100ms")  # another thing is its own
    runner.process.send_signal(signal.SIGINT)
    assert phases(runner.end(130), 1) == ["undone", "recovered"] and state_of(pid) != "T"
    home.run("chaos", "stop", "services", "100ms")


def an_interrupt_undoes(home):
    pid = home.actor("services")["pid"]
    runner = Runner(home)
    runner.send("stop services 30s")
    runner.until("proved")
    runner.process.send_signal(signal.SIGINT)
    lines = runner.end(130)
    assert phases(lines, 1) == ["undone", "recovered"] and state_of(pid) != "T", lines


def a_limit_goes_with_its_process(home):
    pid, runner = home.actor("services")["pid"], Runner(home)
    runner.send("descriptors services 1 60s")
    runner.until("proved")
    with contextlib.suppress(ProcessLookupError):  # it may have ended of its limit
        os.kill(pid, signal.SIGKILL)
    wait_for("it is gone", lambda: not alive(pid))
    runner.process.send_signal(signal.SIGINT)
    assert runner.end(130)[0]["text"] == "the process is gone, and its limit with it"


def what_is_not_prepared_is_told(home):
    rows = {row["fault"]: row for row in home.lines("chaos", "list")}
    assert rows["kill"]["now"] and not rows["disk_full"]["now"] and "vedette chaos up" in rows["disk_full"]["remedy"], rows
    for words in (("disk_full", "ingestor"), ("clock", "host", "+1h"), ("missing_executable", "host")):
        assert "vedette chaos up" in home.run("chaos", *words, code=1).out, words
    assert "vedette chaos up" in home.run("chaos", "run", "--faults", "disk_full", code=None).err


def a_session_that_cannot_be_written_to_is_refused_first(home):
    pid, ended = home.actor("host")["pid"], home.lines("session", "ls", "--name", "chaos", "-n", "1")[0]["session"]
    assert "there is no such session" in home.run("chaos", "kill", "host", "--session", "nosuch", code=4).err
    assert "it has ended" in home.run("chaos", "kill", "host", "--session", ended, code=1).err
    assert home.actor("host")["pid"] == pid


def mistakes_are_told(home):
    script = os.path.join(home.holder.name, "script")
    unknown = os.path.join(home.holder.name, "unknown")
    with open(script, "wb") as file:
        file.write(b"# nothing\nkill host\0\nkill host\n")
    with open(unknown, "wb") as file:
        file.write(b"# nothing\nkill hosst\n")
    for words, code, text in ((("kil", "host"), 2, "did you mean kill?"), (("kill", "hosst"), 4, "did you mean host?"),
                              (("stop", "host", "soon"), 2, "a duration such as"), (("schedule",), 2, "--seed N"),
                              (("run", "--faults", "kil"), 2, "did you mean kill?"),
                              (("run", "--actors", "hosst"), 4, "did you mean host?"),
                              (("run", "--script", "/nowhere"), 4, "/nowhere"),
                              (("run", "--script", "-", "--seed", "1"), 2, "without --seed"),
                              (("run", "--script", "/tmp"), None, "directory"),
                              (("run", "--script", script), 2, "script:2: a byte of value 0"),
                              (("run", "--script", unknown), 4, "unknown:2: there is no actor hosst; did you mean host?"),
                              (("run", "-n", "0"), 2, "--count 0: "), (("run", "--kills", "0"), 2, "--kills 0: "),
                              (("run", "--for", "0s"), 2, "--for 0: "), (("run", "--actors", "a b"), 2, "no actor's name"), (("run", "--actors", ","), 2, "no actor's name"),
                              (("run", "--actors", "host,host"), 2, "twice"),
                              (("run", "--kills", "3", "--faults", "stop"), 2, "--kills counts deaths"),
                              (("run", "--kills", "1", "--faults", "crash_loop"), 1, "0 of 1 deaths"),
                              (("run", "--for", "1s", "--every", "10s"), 1, "no fault comes within --for"),
                              (("schedule", "--seed", "1", "--kills", "1", "--faults", "crash_loop"), 1, "0 of 1 deaths"),
                              (("stop", "host", "--for", "30s"), 2, "a duration stands behind the target"),
                              (("kill", "host", "--count", "5"), 2, "--count goes with run, schedule"),
                              (("list", "--faults", "kill"), 2, "--faults goes with run, schedule"),
                              (("undo", "--session", "x"), 2, "--session goes with run, FAULT")):
        result = home.run("chaos", *words, code=code)
        assert text in result.err, (words, result)


def every_fault_goes_all_the_way(home):
    assert all(row["now"] for row in home.lines("chaos", "list"))
    runner = Runner(home)
    lines = ["disk_full ingestor 200ms", "disk_error ingestor 200ms", "disk_slow ingestor 50 200ms", "garbage ingestor 200",
             "hostile host 30", "hostile supervisor.control 10", "descriptors manual 1 100ms", "memory broker 64K 100ms",
             "missing_executable host 100ms", "clock all -1h 100ms"]
    for number, line in enumerate(lines, 1):
        told = runner.make(line)
        assert told[-1]["ok"] and phases(told, number) == PHASES, told
    assert [line["text"] for line in told if line["phase"] == "undone"] == ["each clock is right, as its process says itself"]
    runner.process.stdin.close()
    runner.process.stdin = None
    assert runner.end(0)[-1]["ok"]


def a_disk_heals_when_the_runner_dies(home):
    runner = Runner(home)
    runner.send("disk_full ingestor 60s + clock host +1h 60s")
    seen = []
    while [line["phase"] for line in seen].count("proved") < 2:
        seen += runner.until("proved")
    assert home.run("emit", "refused_for_now", "--timeout", "300ms", code=None).code != 0
    off = lambda: abs(home.json("metrics", "host")["clock_ms"] / 1000 - time.time()) > 1800
    assert off()
    runner.process.kill()
    home.run("emit", "taken_again", "--timeout", "30s")
    wait_for("the clock is right", lambda: not off())


def what_cannot_be_made_is_told_and_harms_nobody(home):
    pid, folder = home.actor("host")["pid"], os.path.join(home.dir, "chaos", "bin")
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        name = os.path.basename(file.read().split(b"\0")[0].decode())  # when it was started; what it runs now has its own
    os.rename(os.path.join(folder, name), os.path.join(folder, ".away"))
    assert "is not there already" in home.run("chaos", "missing_executable", "host", code=1).out
    assert not os.path.exists(os.path.join(folder, name)), "the fault that was not made was undone"
    os.rename(os.path.join(folder, ".away"), os.path.join(folder, name))
    assert "files anyway; use less" in home.run("chaos", "descriptors", "host", "1000000", code=1).out
    assert home.actor("host")["pid"] == pid


def an_interrupt_is_told(home):
    pid, runner = home.actor("ingestor")["pid"], Runner(home)
    runner.until("begun")
    os.kill(pid, signal.SIGSTOP)  # so that it obeys nothing
    try:
        runner.send("disk_full ingestor 1s")
        wait_for("the order is there", lambda: os.path.exists(os.path.join(home.dir, "chaos", "disk", "ingestor", "control")))
        runner.process.send_signal(signal.SIGINT)
        failed = runner.until("failed")[-1]["text"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert failed == f"it was ended before that; process {pid} has not obeyed the rules yet", failed
    runner.end(130)
    home.run("emit", "taken_again", "--timeout", "30s")


def one_that_stands_still_keeps_its_clocks(home):
    supervisor, clocks = home.json("status")["pid"], os.path.join(home.dir, "chaos", "clock")
    before = sorted(os.listdir(clocks))
    os.kill(supervisor, signal.SIGSTOP)
    try:
        assert "does not answer" in home.run("chaos", "up", "--detach", code=None).err
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert before and sorted(os.listdir(clocks)) == before


def all_clocks_are_not_changed_beside_one(home):
    runner = Runner(home)
    runner.send("clock host +1h 60s")
    runner.until("proved")
    assert "another fault has the clock of" in home.run("chaos", "clock", "all", "-1h", "100ms", code=1).out
    assert abs(home.json("metrics", "host")["clock_ms"] / 1000 - time.time()) > 1800
    runner.process.send_signal(signal.SIGINT)
    assert phases(runner.end(130), 1) == ["undone", "recovered"]


def give_up(home, runner):
    """Holds the runner at a moment when the supervisor has given the actor up that it kills again and again."""
    while True:
        wait_for("it is given up", lambda: home.actor("host")["state"] == "failed")
        runner.process.send_signal(signal.SIGSTOP)
        wait_for("the runner stands still", lambda: state_of(runner.process.pid) == "T")
        if home.actor("host")["state"] == "failed":
            return
        runner.process.send_signal(signal.SIGCONT)


def one_that_was_given_up_is_started_when_the_runner_dies(home):
    left = lambda: os.listdir(os.path.join(home.dir, "chaos", "undo"))
    runner = Runner(home)
    runner.send("crash_loop host 50")
    give_up(home, runner)
    runner.process.kill()
    wait_for("the keeper has it started", lambda: home.actor("host")["state"] == "ready")
    wait_for("nothing is left to undo", lambda: not left())
    # What somebody has stopped stays so.
    runner = Runner(home)
    runner.send("crash_loop host 50")
    give_up(home, runner)
    assert left()
    home.run("stop", "host", "--wait")
    runner.process.kill()
    wait_for("nothing is left to undo", lambda: not left())
    assert home.actor("host")["state"] == "stopped"
    # What runs stays as it is.
    home.run("start", "host", "--wait")
    runner = Runner(home)
    runner.send("kill host")
    runner.until("recovered")
    pid = home.actor("host")["pid"]
    runner.process.kill()
    wait_for("nothing is left to undo", lambda: not left())
    assert home.actor("host")["pid"] == pid


def each_fault_and_verb_has_a_help_of_its_own(home):
    whole = home.run("chaos", "--help").out
    faults = [row["fault"] for row in home.lines("chaos", "list")]
    helps = [home.run("chaos", word, "--help").out for word in (*faults, "list", "up", "run", "schedule", "undo")]
    assert len(set(helps)) == len(helps) and whole not in helps
    assert max(len(line) for text in (whole, *helps) for line in text.splitlines()) <= 80
    for fault, text in zip(faults, helps):
        assert f"  {fault} " in whole and f"usage: vedette chaos {fault} " in text, fault
        assert f"\n  vedette chaos {fault} " in text and "--session" in text and "--seed" not in text, text
    assert "test stores" in helps[faults.index("clock")]
    assert home.run("chaos", "--help", "nothing").out == whole


def it_ends_with_the_runtime(home):
    """Nothing more is broken once somebody else has ended the runtime, and nothing at all in one that comes after it."""
    with open(os.path.join(home.holder.name, "long"), "w", encoding="utf-8") as file:
        file.write("kill manual\n" + "after 300ms kill manual\n" * 200)
    waiting = Runner(home)
    waiting.make("kill supervisor")  # which is its own deed
    waiting.make("kill static")
    runners = [home.start("vedette", "chaos", "run", *words, "-o", "ndjson", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)
               for words in (("--seed", "3", "--faults", "kill", "--actors", "host,static", "--every", "300ms", "--for", "60s"),
                             ("--script", os.path.join(home.holder.name, "long")))]
    for runner in runners:
        while json.loads(runner.stdout.readline())["phase"] != "recovered":
            pass
    stopped = Runner(home)
    stopped.send("stop services 60s")
    stopped.until("proved")
    home.run("down")
    home.run("up", "--detach", "--wait")
    for runner in (*runners, waiting.process, stopped.process):
        out, err = runner.communicate(timeout=60)
        lines = [json.loads(line) for line in out.splitlines()]
        assert runner.returncode == 6 and "nothing more is broken" in err, (runner.args, runner.returncode, err, out)
        assert sum(line["phase"] == "failed" for line in lines) <= 1, out
    assert all(row["restarts"] == 0 and row["state"] == "ready" for row in home.lines("ps")), home.lines("ps")


def it_ends_with_a_supervisor_that_somebody_killed(home):
    runner = Runner(home)
    runner.send("stop supervisor 600s")
    os.kill(runner.until("proved")[-1]["pid"], signal.SIGKILL)
    lines = runner.end(6)
    assert phases(lines, 1) == ["undone", "failed"] and "no fault was to end it" in lines[-3]["text"], lines
    home.run("up", "--detach", "--wait")


def nothing_is_left(home):
    pids = [row["pid"] for row in home.lines("ps") if row["pid"]]
    home.run("chaos", "kill", "supervisor")
    home.run("down")
    left = [name for name in os.listdir("/dev/shm") for pid in pids if name.endswith(f"_{pid}")]
    assert not left, left


def main():
    with Home(sys.argv[1]) as home:
        assert "vedette up" in home.run("chaos", "kill", "host", code=6).err
        home.run("up", "--detach", "--wait")
        for test in (a_fault_goes_all_the_way_and_is_recorded, another_program_drives_it, a_seed_means_a_script, figures_are_short,
                     a_session_that_cannot_be_written_to_is_refused_first,
                     what_is_broken_is_undone_when_the_runner_dies, undo_does_what_a_keeper_could_not,
                     what_a_keeper_cannot_undo_is_told, two_runners_do_not_change_the_same_thing, an_interrupt_undoes,
                     a_limit_goes_with_its_process,
                     what_is_not_prepared_is_told,
                     mistakes_are_told, each_fault_and_verb_has_a_help_of_its_own,
                     it_ends_with_a_supervisor_that_somebody_killed, it_ends_with_the_runtime):
            test(home)
            print(f"ok {test.__name__}", flush=True)
        home.run("down")
    with Home(sys.argv[1]) as home:
        home.run("chaos", "up", "--detach", "--wait")
        assert "up in" in home.run("chaos", "up", "--detach", code=None).err
        for test in (every_fault_goes_all_the_way, a_disk_heals_when_the_runner_dies,
                     what_cannot_be_made_is_told_and_harms_nobody, an_interrupt_is_told, one_that_stands_still_keeps_its_clocks,
                     all_clocks_are_not_changed_beside_one, nothing_is_left):
            test(home)
            print(f"ok {test.__name__}", flush=True)
    with Home(sys.argv[1]) as home:
        home.configure('[supervisor]\nintensity_restarts = 2\nintensity_window = "60s"\n')
        home.run("up", "--detach", "--wait", "--config", home.config)
        one_that_was_given_up_is_started_when_the_runner_dies(home)
        print("ok one_that_was_given_up_is_started_when_the_runner_dies", flush=True)


main()
