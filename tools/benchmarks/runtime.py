"""runtime.py: a runtime of our own in a temporary directory, for measuring."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import vedette


class Runtime:
    """`vedette up` in a fresh directory, gone with the context."""

    CONFIG = '[supervisor]\nbackoff_reset = "1s"\nintensity_restarts = 64\nintensity_window = "1s"\n'

    def __init__(self, build, config=""):
        self.bin = os.path.join(build, "bin")
        self.dir = tempfile.mkdtemp(prefix="vd-bench-", dir="/tmp")
        self.config = os.path.join(self.dir, "vedette.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.CONFIG + config)
        self.extra = []

    def __enter__(self):
        log = os.path.join(self.dir, "up.log")
        with open(log, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen([self.command("vedette"), "--dir", self.dir, "up", "-c", self.config],
                                            stdout=subprocess.DEVNULL, stderr=file)
        ready = subprocess.run([self.command("vedette"), "--dir", self.dir, "wait", "--for", "ready", "--timeout", "10s"],
                               check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if ready.returncode != 0:
            with open(log, encoding="utf-8") as file:
                raise SystemExit(f"bench: the runtime did not come up: {file.read().strip()}")
        self.client = vedette.Client(self.dir)
        return self

    def __exit__(self, *_):
        for process in self.extra:
            process.kill()
            process.wait()
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def command(self, name):
        return os.path.join(self.bin, name)

    def children(self):
        """{name: child record} of the supervisor, itself not included."""
        return {row["name"]: row for row in self.client.get("supervisor", "control", "lifecycle")}

    def pids(self):
        pids = {name: row["pid"] for name, row in self.children().items() if row.get("pid")}
        pids["supervisor"] = self.process.pid
        return pids

    def measure(self, *arguments):
        """One line of vd-bench as a dict."""
        done = subprocess.run([self.command("vd-bench"), *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def wait_settled(self, timeout_s=20):
        """Until every child is ready."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(row["state"] == "ready" for row in self.children().values()):
                return
            time.sleep(0.05)
        raise SystemExit(f"bench: not every actor is ready after {timeout_s} s: {self.children()}")


def cpu_s(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_anon_mib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0.0
