#!/usr/bin/python3
"""test_sources.py BIN: sources that vanish, block, are too large or cannot be read: each has its own error and none delays
another; and a secret of the configuration is seen nowhere."""
import glob
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cli_harness import Home, wait_for  # noqa: E402

BIN = sys.argv[1]
FILES = ["proc/loadavg", "proc/meminfo", "proc/stat", "proc/net/dev", "proc/net/tcp", "proc/net/tcp6", "proc/mounts",
         "proc/pressure/cpu", "proc/pressure/memory", "proc/pressure/io",
         *(path[1:] for path in glob.glob("/sys/class/net/*/operstate"))]
LARGE_BYTES = 50 << 20
AGE_MS_MAX = 15000  # disks are looked at each 5 s
SECRET = "hunter2-is-nowhere-to-be-seen"
ROW = '[[providers.static.sources]]\nname = "{}"\nadapter = "file"\naddress = "{}"\n'


def write(home, name, text):
    path = os.path.join(home.holder.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def tree(home, name, place):
    """A directory that looks like a machine; place(path, original) makes each of its files."""
    root = os.path.join(home.holder.name, name)
    for file in FILES:
        os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
        if os.path.exists(f"/{file}"):
            place(os.path.join(root, file), f"/{file}")
    return root


def copy(path, original):
    if original == "/proc/mounts":
        original = os.devnull  # what is mounted here is not there
    shutil.copyfile(original, path)


def sparse(path, _original):
    with open(path, "wb") as file:
        file.truncate(LARGE_BYTES)


def rows(home):
    return {row["name"]: row for row in home.json("source", "ls")}


def is_fresh(row):
    return row["age_ms"] is not None and row["age_ms"] < AGE_MS_MAX


def on_time(home, names):
    """Over five seconds, sources that are well are read as if they were alone."""

    def look():
        seen = rows(home)
        for name in names:
            if seen[name]["status"] == "not_ready":  # a read was just added to it
                return False
            assert seen[name]["status"] == "ok" and is_fresh(seen[name]), seen[name]
            assert seen[name]["latency_ms"] < 5000, seen[name]
        return time.monotonic() > begun + 5
    cycle = home.json("snapshot", "host")["cycle"]
    begun = time.monotonic()
    wait_for("five seconds are over", look)
    wait_for("the observer is not held up", lambda: home.json("snapshot", "host")["cycle"] >= cycle + 4, 5)


def each_source_has_its_own_error():
    with Home(BIN) as home:
        roots = {"vanishes": tree(home, "vanishes", copy),
                 "blocks": tree(home, "blocks", lambda path, _: os.mkfifo(path)),
                 "large": tree(home, "large", sparse),
                 # A regular file whose read fails, for root too: nothing is mapped at its first byte.
                 "unreadable": tree(home, "unreadable", lambda path, _: os.symlink("/proc/self/mem", path)),
                 "well": "/"}
        config = write(home, "c.toml", "".join(ROW.format(name, root) for name, root in roots.items()))
        home.run("up", "--detach", "--wait", "-c", config)
        wait_for("the good ones are read", lambda: (lambda seen: set(seen) == set(roots) and all(
            seen[name]["status"] == "ok" and is_fresh(seen[name]) for name in ("well", "vanishes")))(rows(home)))
        shutil.rmtree(roots["vanishes"])
        wanted = {"vanishes": ("not_found", "No such file"), "blocks": ("unsupported", "is a FIFO"),
                  "large": ("too_large", f"{LARGE_BYTES} bytes"), "unreadable": ("", "/unreadable/proc/")}
        for name, (status, text) in wanted.items():
            def told():
                row = rows(home)[name]
                as_wanted = row["status"] == status or (not status and row["status"] not in ("", "ok", "not_ready"))
                return as_wanted and text in row["last_error"] and row
            row = wait_for(f"the error of {name}", told)
            assert roots[name] in row["last_error"] and row["failures"] > 0, row
        on_time(home, ["well"])
        table = home.run("source", "ls").out
        assert all(name in table for name in roots), table
        snapshot = home.json("snapshot", "host")
        told = {row["name"]: row for row in snapshot["sources"]}
        assert told["well"]["status"] == "ok" and told["large"]["status"] != "ok", told
        tree(home, "vanishes", copy)
        row = wait_for("it is back", lambda: (lambda row: row["status"] == "ok" and row)(rows(home)["vanishes"]))
        assert "No such file" in row["last_error"], "the last error is not kept after recovery"


def everything_said(home, config):
    """What every command says, and every byte in the directory."""
    session = home.json("status")["session"]
    commands = [["ps"], ["status"], ["source", "ls"], ["snapshot", "host"], ["snapshot", "services"], ["session", "ls"],
                ["session", "show", session], ["follow", session, "--end"], ["follow", "*", "--from", "start", "--end"],
                ["config", "check", config], ["config", "init"], ["doctor"], ["logs", "-n", "100000"]]
    said = {}
    for command in commands:
        for form in ([], ["-o", "json"]):
            done = home.run(*command, *form, code=None)
            said[" ".join(command + form)] = done.out + done.err
    for folder, _, names in os.walk(home.dir):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    said[path] = file.read().decode(errors="replace")
    for row in home.json("ps"):
        with open(f"/proc/{row['pid']}/cmdline", encoding="utf-8") as file:
            said[f"the command line of {row['name']}"] = file.read()
    return said


def a_secret_is_seen_nowhere():
    os.environ["VD_TEST_SECRET"] = SECRET
    with Home(BIN) as home:
        rows_text = ROW.format("local", "/") + 'spec = {token = "env(VD_TEST_SECRET)"}\nlabels = {key = "env(VD_TEST_SECRET)"}\n'
        config = write(home, "c.toml", rows_text + '[observers.services]\nsources = "env(VD_TEST_SECRET)"\n'
                                                   '[runtime]\nlog_level = "debug"\n')
        home.run("up", "--detach", "--wait", "-c", config)
        wait_for("the source is read", lambda: rows(home)["local"]["reads"] > 0)
        wait_for("a snapshot", lambda: home.json("snapshot", "host")["cycle"] > 1)
        for name in ("host", "services", "poller-1", "static", "ingestor"):
            home.run("kill", name, "--wait")
        wait_for("the source is read again", lambda: rows(home)["local"]["reads"] > 0)
        said = everything_said(home, config)
        assert any("env(VD_TEST_SECRET)" in text for what, text in said.items() if what.startswith("source ls")), \
            "the text as it was written is not shown: is the row looked at at all?"
        leaks = [what for what, text in said.items() if SECRET in text]
        assert not leaks, f"the secret stands in {leaks}"


def a_secret_that_is_no_value_is_not_shown():
    """What is wrong about a value is told without the value; what is shown to everybody takes no secret."""
    os.environ["VD_TEST_SECRET"] = SECRET
    with Home(BIN) as home:
        for text in ('[runtime]\nsession_name = "env(VD_TEST_SECRET)"\n', '[runtime]\nlog_level = "env(VD_TEST_SECRET)"\n',
                     '[supervisor]\nbackoff_min = "env(VD_TEST_SECRET)"\n', '[pollers]\nmax_processes = "env(VD_TEST_SECRET)"\n',
                     '[network]\nbind = ["env(VD_TEST_SECRET)"]\n', '[runtime]\nlog_level = "env(VD_NOT_SET)"\n'):
            config = write(home, "c.toml", text)
            for command in (["config", "check", config], ["up", "-c", config], ["up", "--detach", "--wait", "-c", config]):
                done = home.run(*command, code=None)
                assert done.code == 2 and f"{config}:2:" in done.err, (text, command, done)
                assert SECRET not in done.out + done.err, (text, command, done)
    assert subprocess.run(["pgrep", "-f", home.dir], check=False, capture_output=True).returncode == 1


for case in (each_source_has_its_own_error, a_secret_is_seen_nowhere, a_secret_that_is_no_value_is_not_shown):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
