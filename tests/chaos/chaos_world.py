"""chaos_world.py: a whole runtime with producers and followers around it, each a process, for tests that kill."""
import collections
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parts import BIN, SEED, TOP, Parts  # noqa: E402, F401 (TOP is for those who import this)
import vedette  # noqa: E402
from cli_harness import Home, alive, wait_for  # noqa: E402

ACTORS = ["broker", "ingestor", "static", "manual", "poller-1", "host", "services"]
ORPHAN_S = 30.0
# Many deaths of one actor are meant here: the runtime is to go on restarting it, and soon.
CONFIG = """
[supervisor]
backoff_min = "10ms"
backoff_max = "200ms"
intensity_restarts = 64
"""


class World(Home, Parts):
    """`vedette up` in a directory of its own; a session `name` that the parts write into and follow."""

    def __init__(self, session="chaos", config=CONFIG):
        super().__init__(BIN)
        self.session, self.parts = session, {}
        self.config = os.path.join(self.holder.name, "vedette.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)
        self.client = vedette.Client(self.dir)
        self.random = random.Random(SEED)
        self.samples = collections.deque(maxlen=512)
        self.kills = collections.Counter()

    def __enter__(self):
        try:
            self.run("up", "--detach", "--wait", "-c", self.config)
            with self.client.producer("opener") as producer:
                producer.emit("session_started", {"name": self.session, "owner": False}, self.session)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *rest):
        if kind:
            for name in sorted(os.listdir(self.logs)) if os.path.isdir(self.logs) else []:
                with open(os.path.join(self.logs, name), encoding="utf-8", errors="replace") as file:
                    sys.stderr.write(f"--- {name}\n" + "".join(file.readlines()[-15:]))
        try:
            super().__exit__(kind, *rest)
        finally:
            self.close_parts()
            self.client.close()

    @property
    def logs(self):
        return os.path.join(self.dir, "logs")

    # ---- deaths ----

    def children(self):
        return {row["name"]: row for row in self.client.get("supervisor", "control", "lifecycle", timeout_s=10)}

    def status(self):
        return self.client.request("supervisor", "control", "STATUS", timeout_s=10).fields

    def pids(self):
        rows = {name: row["pid"] for name, row in self.children().items() if row.get("pid")}
        return {**rows, "supervisor": self.status()["pid"]}

    def is_back(self, name, old_pid):
        try:
            row = self.children().get(name, {})
        except vedette.Error:
            return False
        return row.get("state") == "ready" and row["pid"] != old_pid and alive(row["pid"])

    def kill(self, *victims):
        """SIGKILL to all of them at once; returns when each is ready again as another process."""
        before = self.pids()
        assert all(alive(before[name]) for name in victims), before
        for name in victims:
            os.kill(before[name], signal.SIGKILL)
            self.kills[name] += 1
        if "supervisor" in victims:
            self.up_again(before)
        for name in set(victims) - {"supervisor"}:
            wait_for(f"{name} is ready again", lambda: self.is_back(name, before[name]))
        wait_for("the runtime is ready", self.is_ready)
        assert not [name for name in victims if alive(before[name])], "killed, and still there"

    def is_ready(self):
        try:
            return self.status()["state"] == "ready"
        except vedette.Error:
            return False

    def up_again(self, before):
        """The supervisor is dead: nobody of its runtime is left soon, and `up` works at once."""
        begin = time.monotonic()
        up = self.start("vedette", "up", "--detach", "--wait", "-c", self.config, stderr=subprocess.PIPE, text=True)
        wait_for("no actor outlives its supervisor", lambda: not [pid for pid in before.values() if alive(pid)],
                 begin + ORPHAN_S - time.monotonic())
        error = up.communicate(timeout=60)[1]
        assert up.returncode == 0, f"up after the death of a supervisor: exit {up.returncode}: {error}"
        after = self.pids()
        assert not set(after.values()) & set(before.values()) and set(after) >= set(ACTORS), (before, after)
