#!/usr/bin/python3
"""test_terminal.py BIN: what people see on a terminal, and what scripts get from the same commands."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, wait_for  # noqa: E402

BIN = sys.argv[1]
CTRL_C = b"\x03"


class Terminal:
    """A command on a terminal of its own, with what it wrote there."""

    def __init__(self, home, *arguments, columns=80):
        self.text = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(os.path.join(BIN, "vedette"), ["vedette", *arguments], home.environment())
        os.set_blocking(self.fd, False)
        self.code = None
        # Until then a Ctrl-C reaches nobody: the terminal is not yet that of the command.
        wait_for("the command has begun", self.has_begun)

    def has_begun(self):
        try:
            return os.path.samefile(f"/proc/{self.pid}/exe", os.path.join(BIN, "vedette"))
        except OSError:  # it is a zombie already
            return True

    def look(self):
        pid, state = os.waitpid(self.pid, os.WNOHANG) if self.code is None else (0, 0)
        try:
            while block := os.read(self.fd, 65536):
                self.text += block
        except OSError:  # nothing now, or the command has ended
            pass
        if pid == self.pid:
            self.code = os.waitstatus_to_exitcode(state)
        return self.text.decode(errors="replace").replace("\r\n", "\n")

    def sees(self, words):
        return wait_for(f"{words!r} on the terminal", lambda: words in self.look() and self.look())

    def end(self):
        wait_for("the end of the command", lambda: (self.look(), self.code is not None)[1])
        os.close(self.fd)
        return self.code


def up_on_a_terminal():
    with Home(BIN) as home:
        up = Terminal(home, "up")
        text = up.sees("Ctrl-C")
        status = home.json("status")
        assert status["session"] in text and "vedette follow" in text and status["data"] in text, text
        assert len(text.splitlines()) <= 10 and "INFO" not in text, f"a flood: {text}"
        again = Terminal(home, "up")
        assert "a runtime is up" in again.sees("vedette: ") and again.end() == 1

        home.run("stop", "services", "--wait")
        supervisor = os.path.join(home.dir, "logs", "supervisor.log")
        assert status["pid"] != up.pid and os.path.getsize(supervisor) > 0, "the log has its file"
        os.write(up.fd, CTRL_C)
        text = up.sees("down, after")
        assert up.end() == 0 and "stopping" in text, text
        home.run("ps", code=6)
        assert "every actor has ended" in home.run("logs", "supervisor").out

        up = Terminal(home, "up")
        up.sees("Ctrl-C")
        os.kill(home.json("status")["pid"], signal.SIGKILL)
        assert "signal 9" in up.sees("killed by") and up.end() == 1
        up = Terminal(home, "up", "--for", "1s")
        assert up.end() == 0 and b"down, after" in up.text


def a_start_that_fails_is_told_in_a_line():
    with Home(BIN) as home:
        config = os.path.join(home.holder.name, "bad.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[pollers]\nmax_procesess = 3\n")
        up = Terminal(home, "up", "-c", config, columns=400)
        assert up.end() == 2
        lines = up.text.decode().splitlines()
        assert len(lines) == 1 and lines[0].startswith(config + ":2: ") and "max_processes" in lines[0], lines
        up = Terminal(home, "up", "-c", home.holder.name, columns=400)
        assert up.end() == 2 and b"cannot be read" in up.text, up.text
        file = os.path.join(home.holder.name, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        for arguments in (["up"], ["up", "--detach"]):
            assert "cannot be made" in home.run(*arguments, "--dir", file, code=1).err


def lines_fit_the_terminal_and_pipes_get_all():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        long = json.dumps({"text": "y" * 5000})
        home.run("emit", "long", "--data", "-", text=long)
        narrow = Terminal(home, "follow", "--type", "long", "--end", columns=60)
        assert narrow.end() == 0
        lines = narrow.text.decode().splitlines()
        assert len(lines) == 1 and len(lines[0]) == 60 and lines[0].endswith("..."), lines
        whole = Terminal(home, "follow", "--type", "long", "--end", "--full", columns=60)
        assert whole.end() == 0 and whole.text.count(b"y") == 5000, whole.text[:200]
        assert home.run("follow", "--type", "long", "--end").out.count("y") == 5000
        session = home.json("status")["session"]
        assert session in home.run("follow", "*", "--end", "--count", "1").out
        followed = Terminal(home, "follow", "--from", "start")  # "long" need not be among the newest
        followed.sees("long")
        os.write(followed.fd, CTRL_C)
        assert followed.end() == 0
        waiting = Terminal(home, "wait", "--for", "down", "--timeout", "60s")
        os.write(waiting.fd, CTRL_C)
        assert waiting.end() not in (0, 124)
        logs = Terminal(home, "logs", "-f")
        logs.sees("ready")
        os.write(logs.fd, CTRL_C)
        assert logs.end() == 0


def closed(home, fd, *arguments):
    """The exit code with a descriptor closed from the start."""
    return subprocess.run([os.path.join(BIN, "vedette"), *arguments], env=home.environment(), check=False,
                          preexec_fn=lambda: os.close(fd), timeout=30).returncode


def closed_descriptors_do_no_harm():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        for fd in range(3):
            for arguments in (["ps"], ["emit", "by_hand"], ["follow", "--end"], ["snapshot", "host"]):
                assert closed(home, fd, *arguments) == 0, (fd, arguments)
        assert len(home.lines("follow", "--end", "--type", "by_hand")) == 3


def what_cannot_answer_is_told_at_once():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        for actor, commands in (("services", [["snapshot", "services"], ["query", "services", "x"]]),
                                ("ingestor", [["session", "ls"], ["session", "show", "x"], ["emit", "x"], ["follow"]]),
                                ("broker", [["source", "ls"]])):
            for stop, start in (("pause", "resume"), ("stop", "start")):
                home.run(stop, actor, "--wait")
                assert "already" in home.run(stop, actor).err
                for command in commands:
                    done = home.run(*command, code=6, timeout_s=3)
                    assert f"vedette {start} {actor}" in done.err, (command, done)
                assert actor in home.run(start, actor, "--wait").err
                assert "already" in home.run(start, actor).err
        assert "no observer" in home.run("snapshot", "broker", code=4).err
        outcome = home.json("kill", "services", "--wait")
        assert outcome["pid_before"] != outcome["pid_after"] and outcome["after"] == "ready", outcome


def what_only_starts_is_waited_for():
    with Home(BIN) as home:
        for _ in range(3):
            home.run("up", "--detach")
            assert home.lines("follow", "--from", "start", "--count", "1")[0]["type"] == "session_started"
            home.run("down")
            home.run("up", "--detach")
            home.run("emit", "by_hand")
            home.run("down")


def the_log_of_the_supervisor_is_capped():
    with Home(BIN) as home:
        config = os.path.join(home.holder.name, "small.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[supervisor]\nlog_bytes_max = 4096\n")
        home.run("up", "--detach", "--wait", "-c", config)
        log = os.path.join(home.dir, "logs", "supervisor.log")
        while os.path.getsize(log) <= 4096 and not os.path.exists(log + ".1"):
            home.run("kill", "services", "--wait")
        wait_for("the rotation", lambda: os.path.exists(log + ".1") and os.path.getsize(log) <= 4096)
        home.run("kill", "services", "--wait")
        assert "supervisor" in home.run("logs", "supervisor", "-n", "1").out


def json_is_json():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        session = home.json("status")["session"]
        for arguments in (["ps"], ["status"], ["doctor"], ["source", "ls"], ["session", "ls"], ["version"],
                          ["session", "show", session], ["snapshot", "host"], ["snapshot", "services"], ["emit", "x"],
                          ["follow", "--end"], ["follow", "--end", "--type", "nothing"], ["logs", "-n", "5"],
                          ["restart", "host", "--wait"], ["kill", "services"]):
            done = home.run(*arguments, "-o", "json")
            json.loads(done.out)
            for line in home.run(*arguments, "-o", "ndjson").out.splitlines():
                json.loads(line)
        row = home.json("logs", "ingestor", "-n", "1")[0]
        assert row["actor"] == "ingestor" and row["level"] == "info" and row["ts"].endswith("Z") and row["text"], row


for case in (up_on_a_terminal, a_start_that_fails_is_told_in_a_line, lines_fit_the_terminal_and_pipes_get_all,
             closed_descriptors_do_no_harm, what_cannot_answer_is_told_at_once, what_only_starts_is_waited_for,
             the_log_of_the_supervisor_is_capped, json_is_json):
    case()
    print(f"ok {case.__name__}", flush=True)
