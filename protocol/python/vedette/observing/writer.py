"""All that waits for the ingestor, in a thread with connections of its own: the replay, emitting, moving on.

1. Life: OPEN fences the life before; then the stored events are replayed; then turns are emitted, one frame each. So no
   event of an older life is missed or repeated.
2. One turn is out at a time, and while it is, nobody changes the state. Its outcome is applied before anything else is
   done here: the state that goes into the next session has what was stored in this one.
3. What is not answered is sent again under the same numbers until it is: a turn's events are stored once.
4. A session that has ended is gone on from in the one that continues it: the state first, then the turn that the old one
   has rejected. Without a turn the end is noticed within WATCH_S.
5. Whatever leaves no way on (a newer life, a store that went back) ends the process; the next life begins with a replay.
"""

import os
import queue
import threading
import time

from .. import wire
from ..client import Client
from ..errors import Error, Unreachable
from .replay import CLOSED, Replay, following, row_of, state_events

WATCH_S = 2.0
AGAIN_S = 0.5


class Stopped(Exception):
    """The process ends."""


class Writer(threading.Thread):
    """`outcomes` holds what became of what was asked: ("restored", ...), ("committed", ...), ("rejected", status, text) or
    ("fatal", text); `wake` can be read whenever there is one."""

    def __init__(self, options, observer, config, faults):
        super().__init__(daemon=True)
        self.client, self.name, self.session = Client(options.dir), options.name, options.session
        self.observer, self.config, self.faults = observer, config, faults
        self.turns, self.outcomes, self.stopping = queue.Queue(), queue.Queue(), threading.Event()
        self.wake, self._told = os.pipe()
        self.state, self.cycle, self.producer = None, 0, None
        self.applied = threading.Event()  # what was told as committed is in the state
        self.applied.set()

    def emit(self, raws, cycle):
        """Sends the events of turn `cycle`; its outcome comes."""
        self.turns.put((raws, cycle))

    def stop(self):
        self.stopping.set()

    def _tell(self, *outcome):
        self.outcomes.put(outcome)
        os.write(self._told, b".")

    def run(self):
        try:
            self._open()
            self._restore()
            while not self.stopping.is_set():
                self._next()
        except Stopped:
            pass
        except BaseException as problem:  # the process ends with it, and says why
            self._tell("fatal", f"{type(problem).__name__}: {problem}")

    def _patiently(self, call):
        """Calls until the ingestor answers."""
        while True:
            try:
                return call()
            except Unreachable as problem:
                self.faults.set("commit", f"the ingestor takes no events now; they wait, nothing is lost ({problem})")
                if self.stopping.is_set():
                    raise Stopped from None

    def _open(self):
        self.producer = self._patiently(lambda: self.client.producer(self.name, timeout_s=5.0))

    def _restore(self):
        replay = Replay(self.client, self.observer, self.name, self.config, self.faults)
        self.session, self.state = self._patiently(lambda: replay.run(self.session))
        self.cycle = replay.cycle
        if not replay.stated:
            self._enter(self.session)
        self.faults.clear("commit")
        self._tell("restored", self.state, self.cycle, self.session, replay.position, replay.applied)

    def _next(self):
        if not self.applied.wait(AGAIN_S):
            return
        try:
            raws, self.cycle = self.turns.get(timeout=WATCH_S)
        except queue.Empty:
            self._watch()
            return
        while True:
            status, text, seq = self._emit(raws, self.session)
            if status not in ("session_closed", "unknown_session"):
                break
            self._move()
        if status == "ok":
            self.faults.clear("commit")
            self.applied.clear()
            self._tell("committed", self.session, seq, {**self.producer.position, "offset": 0})
        else:
            self._tell("rejected", status, text)

    def _emit(self, raws, session):
        """(status, text, seq of the last event)."""
        try:
            _, seq = self._patiently(lambda: self.producer.emit_raw(raws, session, timeout_s=5.0))
            return "ok", "", seq or 0
        except Error as problem:
            if problem.status in ("fenced", "went_back"):
                raise
            return problem.status, str(problem), 0

    def _watch(self):
        """An observer without anything to write does not learn from a rejection that its session has ended."""
        try:
            row = row_of(self.client, self.session)
        except Unreachable:
            return
        if row and row["state"] in CLOSED:
            self._move()
        elif row:
            self._tell("watched", self.session, row["last_seq"])  # nothing of ours is on its way

    def _move(self):
        """Goes to the session that continues ours, as soon as there is one."""
        while not self.stopping.is_set():
            row = self._patiently(lambda: row_of(self.client, self.session))
            if row is None:
                raise Error("unknown_session", f"session {self.session} is not in the store any more")
            if row["state"] not in CLOSED:
                return
            further = self._patiently(lambda row=row: following(self.client, row))
            if further and self._enter(further):
                self.session = further
                self._tell("moved", further)
                return
            self.faults.set("commit", f"session {self.session} has ended, and none goes on from it yet; events wait")
            self.stopping.wait(AGAIN_S)
        raise Stopped

    def _enter(self, session):
        """Writes the state as the first word in a session; False when that one does not take it."""
        events = state_events(self.observer, self.name, self.cycle, self.state)
        if not events:
            self.faults.set("state", f"the state of observer {self.name} does not fit into one frame: session {session} "
                                     "begins without it, and a restart goes back to the sessions before")
            return True
        return self._emit(events, session)[0] == "ok"
