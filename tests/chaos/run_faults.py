"""run_faults.py: the faults that tests/chaos/run does itself: of sources, of the network, and of the oracle's own parts.

1. Each is begun, proved by what others say of it, undone, proved undone, and waited for until all is as it was; every phase
   is told to `say`.
2. A fault is a generator: it yields while it waits, so that several go on side by side in one thread. Whoever closes one
   early has it undone.
"""
import subprocess
import time

from script import seconds

PROOF_S = 45.0  # what has had no effect by then has none
RECOVERY_S = 90.0
LOOK_EACH_S = 0.25
EARLY_S = 20.0
EARLY_LOOK_S = 0.02


class Fault:
    """A fault of the script in the run `run` (a world, a network, an oracle)."""

    def __init__(self, run, fault, number, say):
        self.run, self.fault, self.number, self.say = run, fault, number, say
        self.name, self.target, self.args = fault.name, fault.target, fault.args
        self.hold_s, self.harmed, self.last_seen = self.length_s(), False, "nothing"

    def length_s(self):
        """How long it is to last."""
        return seconds(self.args[-1]) if self.args else 0.0

    def tell(self, phase, text="", **more):
        self.say({"phase": phase, "number": self.number, "by": "run", "fault": self.name, "target": self.target,
                  "for_ms": round(self.hold_s * 1000), "text": text, **more})

    def steps(self):
        """Goes through all phases; yields while it waits."""
        try:
            self.harmed = True
            self.tell("injected", self.inject() or str(self.fault))
            proof = yield from self.hold()
            self.heal()
            undone_at = time.monotonic()
            if (yield from self.until(self.undone, RECOVERY_S)):
                self.tell("undone")
                if (yield from self.until(self.recovered, RECOVERY_S)):
                    self.tell("recovered", recovered_ms=(time.monotonic() - undone_at) * 1000)
                else:
                    self.tell("failed", f"not as it was within {RECOVERY_S:.0f} s; last seen: {self.last_seen}")
            else:
                self.tell("failed", f"not undone within {RECOVERY_S:.0f} s; last seen: {self.last_seen}")
            if not proof:
                self.tell("failed", f"no effect was seen within {PROOF_S + self.hold_s:.0f} s; last seen: {self.last_seen}")
        except (GeneratorExit, KeyboardInterrupt):  # whoever ends all of it early
            self.heal()
            if self.until_early(self.undone):
                self.tell("undone", "early")
            raise
        except (OSError, RuntimeError, AssertionError, ValueError, LookupError, subprocess.SubprocessError) as error:
            self.tell("failed", f"{type(error).__name__}: {error}")
        finally:
            self.heal()

    def hold(self):
        """Lets it last, and waits for what proves it; the proof."""
        begin, proof = time.monotonic(), ""
        while time.monotonic() < begin + (self.hold_s if proof else PROOF_S + self.hold_s):
            if not proof and (proof := self.proof()):
                self.tell("proved", proof)
            yield
        return proof

    @staticmethod
    def until(condition, timeout_s):
        deadline = time.monotonic() + timeout_s
        while not (found := condition()) and time.monotonic() < deadline:
            yield
        return found

    @staticmethod
    def until_early(condition):
        """As `until`, for whoever cannot be kept waiting long."""
        deadline = time.monotonic() + EARLY_S
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(EARLY_LOOK_S)
        return found

    def heal(self):
        if self.harmed:
            self.undo()
        self.harmed = False

    # What each kind of fault says: inject() harms; proof() is a text once the effect is seen; undo() takes the harm away;
    # undone() and recovered() look.


class SourceFault(Fault):
    """Of one of the servers that the runtime reads."""

    def __init__(self, run, fault, number, say):
        super().__init__(run, fault, number, say)
        if self.target not in run.world.sources:
            raise ValueError(f"{fault}: there is no source {self.target}; sources: {', '.join(run.world.sources)}")
        self.source, self.looked_at, self.failures, self.more = run.world.sources[self.target], 0.0, None, 0

    def inject(self):
        if self.name == "source_vanish":
            pid = self.source.process.pid
            self.source.vanish()
            return f"server of {self.target}, pid {pid}, is killed"
        words = {"source_hang": ["hang"], "source_lie": ["lie", *self.args[:1]], "source_flap": ["flap"]}[self.name]
        self.before = self.source.tell(*words)
        return f"server of {self.target} at {self.source.url} is told: {' '.join(words)}"

    def proof(self):
        return {"source_hang": self.hangs, "source_lie": self.lies, "source_flap": self.flaps,
                "source_vanish": self.is_gone}[self.name]()

    def count(self, what):
        return self.source.count()[what] - self.before[what]

    def error(self):
        """What the observer says is wrong with it; empty when nothing is, or nobody can be asked."""
        row = self.run.world.member(self.target)
        self.last_seen = f"the observer shows {row}"
        return row["error"] or "" if row and not row["reachable"] else ""

    def hangs(self):
        error = self.error()
        return f"{self.count('hung')} requests hang; the observer says {error!r}" if "timed_out" in error and self.count("hung") else ""

    def lies(self):
        if not self.count("lies"):
            return ""
        if self.args[0] == "wrong":
            state = self.run.world.seen() or {}
            self.last_seen = f"agreed_leader {state.get('agreed_leader')}, split_brain {state.get('split_brain')}"
            believed = state and (state["split_brain"] or state["agreed_leader"] is None)
            return f"{self.count('lies')} lies; the observer shows {self.last_seen}" if believed else ""
        error = self.error()
        return f"{self.count('lies')} lies; the observer says {error!r}" if error else ""

    def flaps(self):
        if time.monotonic() < self.looked_at + LOOK_EACH_S:
            return ""
        self.looked_at = time.monotonic()
        row = self.run.world.source_rows().get(self.target)
        if not row:
            return ""
        now = row["failures"]  # counts from 0 again when the poller is another
        self.more += max(0, now - self.failures) if self.failures is not None else 0
        self.failures = now
        self.last_seen = f"{self.more} failed reads in `vedette source ls`"
        downs = self.count("downs")
        return f"down {downs} times; {self.last_seen}, the last: {row['last_error']!r}" if self.more >= 2 and downs >= 2 else ""

    def is_gone(self):
        error = self.error()
        return f"nobody listens; the observer says {error!r}" if error and not self.source.listens() else ""

    def undo(self):
        if self.name == "source_vanish":
            self.source.start()
        else:
            self.source.tell("well")

    def undone(self):
        return self.source.asked() is not None

    def recovered(self):
        state = self.run.world.seen()
        self.last_seen = f"the observer shows {state}"
        return self.run.world.is_well()


class NetworkFault(Fault):
    """Of one of the links that go over tcp."""

    def __init__(self, run, fault, number, say):
        super().__init__(run, fault, number, say)
        if self.target not in run.links:
            raise ValueError(f"{fault}: there is no link {self.target}; links: {', '.join(run.links) or 'none'}")
        self.link = run.links[self.target]

    def inject(self):
        if self.name == "one_way":
            self.link.one_way(self.args[0])
        elif self.name == "delay":
            self.link.delay(int(self.args[0]))
        else:
            getattr(self.link, self.name)()
        return f"{self.link!r}"

    def proof(self):
        self.last_seen = str(self.link.counters())
        return self.link.proof()

    def undo(self):
        self.link.heal()
        self.head = None

    def undone(self):
        """Nothing disturbs it, and there is a store to compare with."""
        self.head, self.passed = self.run.world.head(), self.run.oracle.passed(self.target)
        return not self.link.fault and self.head is not None

    def recovered(self):
        """Who goes through it gets on: a part of the oracle, or the relays to what was committed when it was undone."""
        if self.passed is not None:
            self.last_seen = f"{self.run.oracle.passed(self.target)} events went through, {self.passed} when it was undone"
            return self.run.oracle.passed(self.target) > self.passed
        self.last_seen = f"relays are at {self.run.world.relays()} of {self.head}"
        return self.run.world.relays_have(self.head)


class PartFault(Fault):
    """The death of one of the oracle's own processes, which is to go on as its users' would."""

    def inject(self):
        oracle = self.run.oracle
        lives_of = {name: oracle.lives(name) for name in oracle.parts}
        self.what = getattr(oracle, self.name)()
        self.lives, self.least = lives_of[self.what], None
        return f"{self.what} is killed"

    def proof(self):
        lives = self.run.oracle.lives(self.what)
        self.last_seen = f"{self.what} is in its life {lives}"
        return f"{self.what} was killed in life {self.lives} and is in life {lives}" if lives > self.lives else ""

    def undo(self):
        """Nothing is to be taken away."""

    def undone(self):
        return True

    def recovered(self):
        """It gets on in its new life: a producer is told of events, a reader is shown some."""
        self.run.oracle.check_alive()
        now = self.run.oracle.done(self.what)
        self.least = now if self.least is None else min(self.least, now)  # some readers first go back
        self.last_seen = f"{self.what} has got on from {self.least} to {now} events"
        return now > self.least + 1  # one more may be the mark of a reader's new life


KINDS = {"source": SourceFault, "network": NetworkFault, "oracle": PartFault}


def make(run, fault, number, say):
    """The Fault of a script's fault that is one's own; raises ValueError when there is no such target."""
    return KINDS[fault.part](run, fault, number, say)
