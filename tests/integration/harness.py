"""harness.py: real processes for tests: waiting for what is to happen, ends that are clean, directories of their own."""
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
import vedette  # noqa: E402

DEADLINE_S = 60.0
POLL_S = 0.005
TAIL_BYTES = 20000


def wait_for(what, condition, timeout_s=DEADLINE_S):
    """Polls; returns the first true value. Who cannot be asked yet has not fulfilled it."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = condition()
            error = None
        except vedette.Error as unasked:
            found, error = None, unasked
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}" + (f" ({error})" if error else "")
        time.sleep(POLL_S)


def state_of(pid):
    """The letter of /proc/PID/stat; X when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def alive(pid):
    """Is there such a process, and no zombie?"""
    return state_of(pid) not in "ZX"


def rss_anon(pid):
    """The memory of a process that is its own, in bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon:"))


def is_sanitized(program):
    """Was it built with the address or the thread sanitizer, which have memory of their own for what it has?"""
    with open(program, "rb") as file:
        found = file.read()
    return b"__asan_init" in found or b"__tsan_init" in found


def fill(directory):
    """Takes all the room there is. The file to remove again."""
    filler = os.path.join(directory, "filler")
    with open(filler, "ab", buffering=0) as file:
        chunk = bytes(1 << 20)
        while chunk:
            try:
                file.write(chunk)
            except OSError:
                chunk = chunk[:len(chunk) // 2]
    return filler


def takes_signal(pid, number):
    """Does the process catch the signal, or hold it back to look at it? Before that it would just die of it."""
    masks = {}
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            masks = dict(line.split(":", 1) for line in file if line.startswith(("SigBlk", "SigCgt")))
    except OSError:
        return False
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks.values())


def end(process, timeout_s=15.0):
    """Ends a process in good order, whatever state it is in: its exit code, or "killed" if it had to be."""
    if process is None or process.poll() is not None:
        return process and process.returncode
    process.send_signal(signal.SIGCONT)
    wait_for("it takes signals", lambda: takes_signal(process.pid, signal.SIGTERM) or process.poll() is not None)
    process.terminate()
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "killed"


def kill(process):
    process.kill()
    process.wait()
    return process.pid


class Place:
    """A directory with a configuration in it, and a place `dir` for the directory of a runtime; removed at the end."""

    def __init__(self, config=""):
        self.holder = tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp")
        self.dir = os.path.join(self.holder.name, "d")
        self.config = os.path.join(self.holder.name, "vedette.toml")
        self.configure(config)

    def path(self, name):
        return os.path.join(self.holder.name, name)

    def configure(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def environment(self):
        return {**os.environ, "VEDETTE_DIR": self.dir}

    def close(self):
        self.holder.cleanup()


class Actors(Place):
    """Actors that the test itself starts, each with a log of its own."""

    def __init__(self, binaries, config="", session=None):
        super().__init__(config)
        self.bin, self.processes = binaries, {}
        self.more = ["--session", session] if session else []

    def start(self, name, kind=None, *more):
        with open(self.path(f"{name}.log"), "ab") as log:
            self.processes[name] = subprocess.Popen(
                [os.path.join(self.bin, f"vedette-{kind or name}"), "--dir", self.dir, "--name", name, "--config",
                 self.config, *self.more, *more], stdout=log, stderr=log)
        return self.processes[name]

    def kill(self, name):
        """SIGKILL; returns the pid that it had."""
        return kill(self.processes.pop(name))

    def logs(self):
        text = ""
        for name in sorted(os.listdir(self.holder.name)):
            if name.endswith(".log"):
                with open(self.path(name), encoding="utf-8", errors="replace") as log:
                    text += f"--- {name}\n{log.read()[-TAIL_BYTES:]}"
        return text

    def stop(self):
        """Ends them all; their exit codes."""
        return {name: end(process) for name, process in self.processes.items()}


def try_lock(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


class Supervised(Place):
    """A supervisor on a directory of its own; at the end it is killed and nobody holds its lock any more."""

    def __init__(self, binaries, config=""):
        super().__init__(config)
        self.supervisor = os.path.join(binaries, "vedette-supervisor")
        self.client = vedette.Client(self.dir)
        self.process = None
        self.log_path = self.path("supervisor.log")

    def spawn(self, **options):
        with open(self.log_path, "ab") as log:
            return subprocess.Popen([self.supervisor, "--dir", self.dir, "--config", self.config],
                                    **{"stderr": log, "env": self.environment(), **options})

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def status(self):
        return self.client.request("supervisor", "control", "STATUS").fields

    def children(self):
        absent = {"pid": 0, "restarts": 0, "reason": ""}
        rows = self.client.get("supervisor", "control", "lifecycle", timeout_s=15)
        return {row["name"]: {**absent, **row} for row in rows}

    def child(self, name):
        return self.children().get(name, {"state": "gone", "pid": 0, "restarts": 0, "reason": ""})

    def pids(self):
        return [row["pid"] for row in self.children().values() if row["pid"]]

    def control(self, verb, actor):
        return self.client.request("supervisor", "control", "CONTROL", {"verb": verb, "actor": actor})

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process:
            kill(self.process)
        if kind and os.path.exists(self.log_path):
            sys.stderr.write(self.log()[-TAIL_BYTES:])
        self.client.close()
        lock = os.path.join(self.dir, "run", "runtime.lock")
        if os.path.exists(lock):
            with open(lock, "w", encoding="ascii") as file:
                wait_for("the lock is free", lambda: try_lock(file))
        self.close()


def run_tests(namespace, test=lambda case: case()):
    """Runs every test_* of a module, or those that the command line names behind BIN."""
    wanted = sys.argv[2:]
    for name, case in [(name, case) for name, case in namespace.items() if name.startswith("test_")]:
        if wanted and name not in wanted:
            continue
        begin = time.monotonic()
        test(case)
        print(f"ok {name} ({time.monotonic() - begin:.1f} s)", flush=True)
