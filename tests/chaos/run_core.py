"""run_core.py: one run of faults: line by line, with the rate back before the next, and what is asked of it at the end.

1. Everything goes on in one thread: the faults of one's own step by step, what `vedette chaos` says as it comes, the rate each
   RATE_EACH_S.
2. A recovery window lasts from the beginning of a line until all of it is recovered from and the acknowledged rate is back.
3. What goes wrong is a text in `problems`; the run goes on, unless the world cannot be used any more (Stopped).
"""
import json
import subprocess
import time

import run_faults
import run_story
import tables
import vedette
from run_engine import Engine, EngineError

TICK_S = 0.02
RATE_EACH_S = 0.1
STEADY = 3  # so many times in a row
LINE_S = 300.0  # a line that is not over by then never will be
BACK_S = 120.0  # so long is waited for the rate
BACK_SHARE = 0.5  # of the rate, which has to be seen by then; less is a problem, and less than all of it is told
READY_S = 120.0


class Stopped(Exception):
    """Nothing more can be done in this world; the text says why."""


class Run:
    """`world` is started, `links` are the network's by name, `oracle` runs, `say` is given lines for people."""

    def __init__(self, world, links, oracle, seed, rate, calm_s, command, say):
        self.world, self.links, self.oracle, self.seed, self.say = world, links, oracle, seed, say
        self.rate, self.calm_s, self.command = rate, calm_s, command
        self.begun, self.over_s, self.lines, self.slow = time.monotonic(), None, 0, 0
        self.faults, self.rates, self.problems = tables.Faults(), tables.Rates(rate), []
        self.looked_at, self.newest, self.best, self.steady, self.own = 0.0, 0.0, 0.0, 0, 0
        self.reported = set()  # numbers of rows in `faults` that are problems already
        self.script = open(world.path("script"), "w", encoding="utf-8")
        self.phases = open(world.path("faults.ndjson"), "w", encoding="utf-8")
        self.engine = self.story = None

    def over(self):
        """The lines are done; what follows is not part of the time that they took."""
        self.over_s = self.now()

    def took(self):
        return self.now() if self.over_s is None else self.over_s

    def now(self):
        return time.monotonic() - self.begun

    # ---- from the beginning to the end ----

    def start(self):
        self.story = run_story.Story(self.world.dir, self.seed, self.command)
        self.story.begun()
        self.engine = Engine(self.world, self.story.session)

    def until_rate(self):
        """Waits until the wanted rate is there, and no single burst of what had to wait; False when that does not come, and
        the newest one is what there is."""
        self.steady, self.best = 0, 0.0
        deadline = time.monotonic() + BACK_S
        while self.steady < STEADY and time.monotonic() < deadline:
            self.tick()
        return self.steady >= STEADY

    def do_all(self, lines, for_s=None):
        """Does the lines one after the other, until there are no more or the time is over."""
        for line in lines:
            if for_s is not None and self.now() > for_s:
                break
            self.calm(line.after_s)
            self.do(line)

    def calm(self, more_s):
        """Lets it run, with nothing wrong."""
        self.rates.outside(self.now())
        until = time.monotonic() + max(self.calm_s, more_s)
        while time.monotonic() < until:
            self.tick()
        self.rates.inside(self.now())

    def do(self, line):
        """One line, until all of it is recovered from and the rate is back."""
        self.lines += 1
        self.script.write(f"{line}\n")
        self.script.flush()
        begin = self.now()
        steps, text = self.own_faults(line), line.engine()
        try:
            if text:
                self.engine.begin(text)
            self.go_through(line, steps, not text)
        except EngineError as error:
            raise Stopped(str(error)) from None
        finally:
            for step in steps:
                step.close()
        took_s = self.now() - begin
        back = self.until_rate()
        if not back:
            self.slow += 1
            if self.newest <= 0:
                raise Stopped(f"nothing is acknowledged any more, {BACK_S:.0f} s after line {self.lines}: {line}")
        new = self.new_problems()
        told = sum(row.line == self.lines for row in self.faults.rows)
        if told < len(line.faults):
            new.append(f"line {self.lines}: {line}: of {len(line.faults)} faults {told} were told")
        if self.best < BACK_SHARE * self.rate:
            new.append(f"line {self.lines}: {line}: {BACK_S:.0f} s later no more than {self.best:.0f}/s are acknowledged")
        self.problems += new
        self.say(f"{self.lines:5} {begin:8.1f} s  {str(line):60} {took_s * 1000:7.0f} ms  {self.newest:7.0f}/s"
                 f"{'' if back else '  the rate is not back'}{''.join(f'{chr(10)}      FAILED {text}' for text in new)}")

    def new_problems(self):
        """What is wrong with faults and was not yet said to be, as texts."""
        rows = [(at, row) for at, row in enumerate(self.faults.rows) if not row.good and at not in self.reported]
        self.reported |= {at for at, _ in rows}
        return [row.problem() for _, row in rows]

    def own_faults(self, line):
        steps = []
        for fault in line.own():
            self.own += 1
            try:
                steps.append(run_faults.make(self, fault, 1000000 + self.own, self.take_own).steps())
            except ValueError as error:
                raise Stopped(str(error)) from None
        return steps

    def go_through(self, line, steps, engine_done):
        deadline = time.monotonic() + LINE_S
        while not engine_done or steps:
            self.tick()
            for record in self.engine.take():
                if record["phase"] == "line":
                    engine_done = True
                    if not record.get("ok") and not self.failed_now():
                        self.problems.append(f"line {self.lines}: {line}: vedette chaos says that it is not well: "
                                             f"{record.get('text', 'and nothing more')}")
                else:
                    self.take(record)
            for step in list(steps):
                if next(step, self) is self:
                    steps.remove(step)
            if time.monotonic() > deadline:
                raise Stopped(f"not over within {LINE_S:.0f} s: line {self.lines}: {line}")

    def failed_now(self):
        return any(row.failed is not None for row in self.faults.rows if row.line == self.lines)

    def take(self, record):
        if record["phase"] in (*tables.PHASES, "failed") and "number" in record:
            self.faults.take(record, self.lines, self.now())
            self.phases.write(json.dumps({**record, "line": self.lines}) + "\n")
            self.phases.flush()

    def take_own(self, record):
        self.take(record)
        self.story.fault(record)

    def tick(self):
        """A moment: sleeps, and looks at the rate now and then."""
        time.sleep(TICK_S)
        if time.monotonic() >= self.looked_at + RATE_EACH_S:
            self.looked_at = time.monotonic()
            try:
                self.newest = self.oracle.rate()
            except AssertionError as error:
                raise Stopped(f"after line {self.lines}: {error}") from None
            self.best = max(self.best, self.newest)
            self.rates.sample(self.now(), self.newest)
            self.steady = self.steady + 1 if self.newest >= self.rate else 0

    # ---- the end ----

    def end_engine(self, early=False):
        """The engine's end; what it says then."""
        if self.engine is None:
            return
        engine, self.engine = self.engine, None
        code, rest = engine.end(early)
        for record in rest:
            self.take(record)
        if not early:
            self.problems += self.new_problems()
        wanted = (0, 130) if early else (0,) if not self.faults.problems() else (0, 1)
        if code not in wanted and not early:
            self.problems.append(engine.why())

    def settle(self):
        """After the last line: everything is ready, as after a start."""
        deadline = time.monotonic() + READY_S
        while not self.world.all_ready():
            if time.monotonic() > deadline:
                self.problems.append(f"not ready within {READY_S:.0f} s after the last fault: {self.world.states()}")
                return
            self.tick()

    def attempt(self, what, ask):
        """What `ask` returns; None, with a problem, when it cannot be had."""
        try:
            return ask()
        except (vedette.Error, AssertionError, OSError, subprocess.SubprocessError) as error:
            self.problems.append(f"{what} cannot be had: {error}")
            return None

    def audit(self):
        """What the auditor says: a line for people; violations, and what it should have checked and did not, are problems."""
        checked, violations, unchecked = self.world.audited()
        self.problems += [f"the auditor: {text}" for text in violations]
        if unchecked:
            self.problems.append(f"the auditor hears nothing: it has not checked {', '.join(unchecked)}")
        return checked

    def result(self):
        """Everything, for programs."""
        return {"seed": self.seed, "session": self.story.session if self.story else None, "lines": self.lines,
                "kills": self.faults.kills(), "rates": self.rates.summary(self.took()), "rate_not_back": self.slow,
                "recovery": self.faults.recovery(), "faults": self.faults.kinds(), "problems": self.problems}
