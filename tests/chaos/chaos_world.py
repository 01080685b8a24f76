"""chaos_world.py: a whole runtime with producers and followers around it, each a process, for tests that kill."""
import collections
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "integration"))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
import vedette  # noqa: E402
from cli_harness import Home, alive, wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(TOP, "build", "release", "bin")
PEER = os.path.join(TOP, "tests", "chaos", "peer.py")
PRODUCER = os.path.join(BIN, "..", "tests", "chaos_producer")
SEED = int(os.environ.get("VEDETTE_SEED") or random.SystemRandom().randrange(1 << 32))
ACTORS = ["broker", "ingestor", "static", "manual", "poller-1", "host", "services"]
ORPHAN_S = 2.0
# Many deaths of one actor are meant here: the runtime is to go on restarting it, and soon.
CONFIG = """
[supervisor]
backoff_min = "10ms"
backoff_max = "200ms"
intensity_restarts = 64
"""


class Part:
    """A process beside the runtime, with its output in a file that can be read as it grows."""

    def __init__(self, home, name, command):
        self.name, self.path = name, os.path.join(home.holder.name, name)
        self.out = open(self.path, "wb")
        self.errors = open(self.path + ".err", "w+b")
        self.process = subprocess.Popen(command, stdout=self.out, stderr=self.errors, env=home.environment())
        home.started.append(self.process)
        self.reader = open(self.path, encoding="utf-8")
        self.counted, self.rest = 0, ""

    def count(self, word):
        """Lines so far that begin with `word`; to be asked with one word only."""
        lines = (self.rest + self.reader.read()).split("\n")
        self.rest = lines.pop()
        self.counted += sum(line.startswith(word) for line in lines)
        return self.counted

    def lines(self):
        with open(self.path, encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.endswith("\n")]

    def text(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def end(self, timeout_s=60.0):
        """Asks it to end, and waits for it."""
        assert self.process.poll() is None, f"{self.name} ended by itself: {self.text()}"
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        assert code == 0, f"{self.name}: exit {code}: {self.text()}"

    def close(self):
        for file in (self.out, self.errors, self.reader):
            file.close()


class World(Home):
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
            for part in self.parts.values():
                part.close()
            self.client.close()

    @property
    def logs(self):
        return os.path.join(self.dir, "logs")

    # ---- parts ----

    def part(self, name, *command):
        self.parts[name] = Part(self, name, list(command))
        return self.parts[name]

    def c_producer(self, name, per_second):
        return self.part(name, PRODUCER, self.dir, name, self.session, str(per_second))

    def peer(self, name, verb, *more):
        return self.part(name, "/usr/bin/python3", PEER, verb, self.dir, self.session, *map(str, more))

    def python_producer(self, name, per_second):
        return self.peer(name, "produce", name, per_second, SEED)

    def command_follower(self, name, session):
        return self.part(name, os.path.join(BIN, "vedette"), "follow", session, "--from", "start", "-o", "ndjson")

    def ledgers(self):
        return [part for part in self.parts.values() if part.name.startswith("producer")]

    def followers(self):
        return [part for part in self.parts.values() if not part.name.startswith("producer")]

    # ---- the rate ----

    def acknowledged(self):
        return sum(part.count("acknowledged ") for part in self.ledgers())

    def rate(self, span_s=0.3):
        """Acknowledged events per second over the last `span_s`; 0 until there is so much to look at."""
        for part in self.parts.values():
            assert part.process.poll() is None, f"{part.name} ended by itself: {part.text()}"
        now = time.monotonic()
        self.samples.append((now, self.acknowledged()))
        older = [sample for sample in self.samples if now - sample[0] >= span_s]
        if not older:
            return 0.0
        begin, count = older[-1]
        return (self.samples[-1][1] - count) / (now - begin)

    def wait_rate(self, per_second):
        """Waits until at least so many events per second are acknowledged now; that rate."""
        self.samples.clear()
        return wait_for(f"{per_second} events/s", lambda: (lambda rate: rate >= per_second and rate)(self.rate()))

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
