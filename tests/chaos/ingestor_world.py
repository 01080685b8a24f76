"""ingestor_world.py: an ingestor that dies and is started again, producers and followers around it, and the books at the end."""
import hashlib
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parts import BIN, SEED, Parts  # noqa: E402
import ledger  # noqa: E402
import vedette  # noqa: E402
from harness import Place, end, wait_for  # noqa: E402

FAILING = os.path.join(BIN, "..", "tests", "failpoints", "vedette-ingestor")
SHARED, OWN, ENDED = "shared", "own", "ended"
REFUSALS = ("session_closed",)


class IngestorWorld(Place, Parts):
    """Directory, ingestor and parts. Three sessions: one that all write, one of a producer of its own, one that has ended."""

    def __init__(self, executable=os.path.join(BIN, "vedette-ingestor"), environment=None,
                 sessions=(SHARED, OWN, ENDED)):
        super().__init__()
        self.session, self.parts, self.started = SHARED, {}, []
        self.sessions = sessions
        self.random = random.Random(SEED)
        self.executable, self.more = executable, environment or {}
        self.process = None
        self.log_path = self.path("ingestor.log")
        self.client = vedette.Client(self.dir)

    def prepare(self):
        os.makedirs(self.dir, 0o700, exist_ok=True)

    def __enter__(self):
        try:
            self.prepare()
            if self.process is None:
                self.live()
            with self.client.producer("opener", 30.0) as producer:
                for session in self.sessions:
                    producer.emit("session_started", {"name": session, "owner": False}, session)
                if ENDED in self.sessions:
                    producer.emit("session_ended", {"status": "completed"}, ENDED)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        code = end(self.process)
        log = self.log()[-4000:]
        self.close_parts()
        self.client.close()
        self.close()
        if kind:
            sys.stderr.write(log)
        else:
            assert code == 0, f"its last life ended with {code}: {log}"

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- the ingestor ----

    def live(self, failpoint=None):
        """Starts it; `failpoint` is where it is going to kill itself."""
        environment = {**self.environment(), **self.more}
        if failpoint:
            environment["VEDETTE_FAILPOINT"] = failpoint
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.executable, "--dir", self.dir], stdout=log, stderr=log,
                                            env=environment)
        return self.process

    def kill(self):
        assert self.process.poll() is None, f"it had ended by itself: exit {self.process.returncode}"
        self.process.kill()
        self.process.wait()

    def die_at(self, name, passing, deadline_s=30.0):
        """Has the next life end at the passing of a failpoint, and begins another."""
        before = self.log().count("failpoint ")
        self.live(f"{name}:{passing}")
        wait_for(f"death at {name}:{passing}", lambda: self.process.poll() is not None, deadline_s)
        text = self.log()
        assert self.process.returncode == -signal.SIGKILL, f"{name}:{passing}: exit {self.process.returncode}"
        assert text.count("failpoint ") == before + 1 and f"failpoint {name}, passing {passing}: killed" in text
        self.live()

    # ---- the parts ----

    def start_parts(self, follow_all=True, part=1.0):
        """Producers of both kinds, with this part of their usual rate, and followers of each kind."""
        self.command_follower("follow-shared", SHARED)
        self.command_follower("follow-own", OWN)
        if follow_all:
            self.command_follower("follow-all", "*")
        self.peer("follow-python", "follow")
        self.peer("listen-and-repair", "listen")
        self.peer("overhear-shared", "overhear")
        self.c_producer("producer-c-1", 800 * part)
        self.c_producer("producer-c-2", 400 * part)
        self.c_producer("producer-c-own", 400 * part, OWN)
        self.python_producer("producer-python-1", 200 * part, ENDED)
        self.python_producer("producer-python-2", 200 * part, ENDED)
        self.wait_all()

    def wait_all(self, more=1):
        """Every producer has `more` events acknowledged than now."""
        goals = {part.name: part.count("acknowledged ") + more for part in self.ledgers()}

        def reached():
            self.check_alive()
            return all(part.count("acknowledged ") >= goals[part.name] for part in self.ledgers())
        wait_for(f"every producer has {more} more events acknowledged", reached)

    def commits(self):
        """Commits of this life."""
        return self.client.get("ingestor", "emit", "metrics")["commits"]

    def wait_any(self):
        """This life has committed something, and something is acknowledged."""
        wait_for("a commit", self.commits)
        self.wait_more()

    def wait_more(self):
        before = self.acknowledged()
        wait_for("anything is acknowledged", lambda: self.acknowledged() > before)

    # ---- the books ----

    def end_producers(self):
        for part in self.ledgers():
            part.end()

    def command(self, *arguments, stdin=None):
        """Runs `vedette`; what it prints."""
        done = subprocess.run([os.path.join(BIN, "vedette"), *arguments], env=self.environment(), input=stdin,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done
        return done.stdout

    def verify(self, *more):
        """`vedette store verify` has nothing to complain of."""
        text = self.command("store", "verify", *more)
        assert text.startswith(b"clean: "), text

    def follow(self, session, *more):
        """`vedette follow` up to the end of what is stored of a session."""
        return subprocess.run([os.path.join(BIN, "vedette"), "follow", session, "--from", "start", "--end", "-o",
                               "ndjson", *more], env=self.environment(), capture_output=True, timeout=60, check=False)

    def replay(self, session, *more):
        """What it prints."""
        done = self.follow(session, *more)
        assert done.returncode == 0, done
        return done.stdout

    def check(self, pruned=()):
        """Producers have ended. Nothing acknowledged or shown is lost, no doubles, no gaps, and replay is what was live."""
        begin = time.monotonic()
        store = ledger.Store(self.client, pruned)
        store.check_sequences()
        acknowledged = sum(ledger.check_producer(part.name, part.lines(), store.events, REFUSALS)
                           for part in self.ledgers())
        made = [event for event in store.events if event.type == "chaos"]
        assert acknowledged == len(made), f"{acknowledged} acknowledged, {len(made)} stored"
        for part in self.followers():
            wanted = store.events if part.name.endswith("-all") else store.of(OWN if part.name.endswith("-own") else SHARED)
            if not part.name.startswith("overhear"):
                wait_for(f"{part.name} has everything", lambda: part.count("{") >= len(wanted))
            part.end()
            check = ledger.check_listener if part.name.startswith("overhear") else ledger.check_follower
            check(part.name, part.lines(), wanted)
        hashes = self.check_replay()
        self.verify()
        self.kill()
        assert self.check_replay("--offline") == hashes
        self.verify("--offline")
        self.live()
        again = ledger.Store(self.client, pruned)
        assert [(event.session, event.seq, event.raw) for event in again.events] == [
            (event.session, event.seq, event.raw) for event in store.events], "another life reads something else"
        assert self.check_replay() == hashes
        print(f"checked in {time.monotonic() - begin:.1f} s: {len(store.events)} events in {len(store.commits)} commits, "
              f"{acknowledged} acknowledged to {len(self.ledgers())} producers", flush=True)

    def check_replay(self, *more):
        """The bytes that live followers have written are those of a replay; the hashes by session."""
        hashes = {}
        for session in (SHARED, OWN):
            with open(self.parts[f"follow-{session}"].path, "rb") as file:
                live = hashlib.sha256(file.read()).hexdigest()
            hashes[session] = hashlib.sha256(self.replay(session, *more)).hexdigest()
            assert hashes[session] == live, f"replay of {session} is not what was live"
        return hashes
