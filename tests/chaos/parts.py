"""parts.py: producers and followers around an ingestor, each a process with its output in a file."""
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, part) for part in ("tests/integration", "tests/fault", "protocol/python")]

from harness import wait_for  # noqa: E402

BIN = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(TOP, "build", "release", "bin")
PEER = os.path.join(TOP, "tests", "chaos", "peer.py")
PRODUCER = os.path.join(BIN, "..", "tests", "chaos_producer")
SEED = int(os.environ.get("VEDETTE_SEED") or random.SystemRandom().randrange(1 << 32))


class Part:
    """A process, with its output in a file that can be read as it grows."""

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

    def ended(self, timeout_s=30.0):
        """Waits until it has ended by itself; its exit code."""
        return self.process.wait(timeout_s)

    def close(self):
        for file in (self.out, self.errors, self.reader):
            file.close()


class Rated:
    """For whoever has `samples`, a deque, knows how much is `acknowledged()` by now, and can `check_alive()`."""

    def rate(self, span_s=0.3):
        """Acknowledged events per second over the last `span_s`; 0 until there is so much to look at."""
        self.check_alive()
        now = time.monotonic()
        self.samples.append((now, self.acknowledged()))
        older = [sample for sample in self.samples if now - sample[0] >= span_s]
        if not older:
            return 0.0
        begin, count = older[-1]
        return (self.samples[-1][1] - count) / (now - begin)

    def wait_rate(self, per_second, timeout_s=30.0):
        """Waits until at least so many events per second are acknowledged now; that rate."""
        self.samples.clear()
        return wait_for(f"{per_second} events/s", lambda: (lambda rate: rate >= per_second and rate)(self.rate()),
                        timeout_s)


class Parts(Rated):
    """For a home that has `parts` (a dict) and `session`, which they write into and follow where nothing else is said."""

    def part(self, name, *command):
        self.parts[name] = Part(self, name, list(command))
        return self.parts[name]

    def c_producer(self, name, per_second, session=None):
        return self.part(name, PRODUCER, self.dir, name, session or self.session, str(per_second))

    def peer(self, name, verb, *more, session=None):
        return self.part(name, "/usr/bin/python3", PEER, verb, self.dir, session or self.session, *map(str, more))

    def python_producer(self, name, per_second, *more, session=None):
        return self.peer(name, "produce", name, per_second, SEED, *more, session=session)

    def command_follower(self, name, session):
        return self.part(name, os.path.join(BIN, "vedette"), "follow", session, "--from", "start", "-o", "ndjson")

    def ledgers(self):
        return [part for part in self.parts.values() if part.name.startswith("producer")]

    def followers(self):
        return [part for part in self.parts.values() if not part.name.startswith("producer")]

    def check_alive(self):
        for part in self.parts.values():
            assert part.process.poll() is None, f"{part.name} ended by itself: {part.text()}"

    def acknowledged(self):
        return sum(part.count("acknowledged ") for part in self.ledgers())

    def close_parts(self):
        for part in self.parts.values():
            part.close()
