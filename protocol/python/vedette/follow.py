"""Following committed events: a connection, both streams joined, and what is handed to the application."""

import collections
import logging
import os
import threading
import time

from . import wire
from .errors import Error, Unreachable
from .link import Link
from .modes import Knobs
from .position import Kicked, Missing, Position
from .reception import AGAIN, Reception, Wish

LOOK_S = 2.0   # between looks whether the session has ended unseen
TURN_S = 0.2   # the longest wait in one turn, and between two moments at which all that has arrived is taken
TURN_MESSAGES_MAX = 1024
SAVE_S = 1.0   # between savings of a durable position
FIRST_S = 0.1  # before the first one, so that one that dies often goes on, too
CLOSE_S = 30.0
_LOG = logging.getLogger("vedette")


class Follower:
    """Committed events in order, each once, over deaths and restarts of the ingestor. Iterate, or next(timeout_s), or
    run(handler). Made by Client.follow.

    Taking an event says that the one before was dealt with; with `parallel` so many may be out at a time, and done(event)
    says so. `position` is what to persist. With `durable` the runtime keeps it under that name: what was dealt with without
    a hole, at most each second and at the end."""

    def __init__(self, client, session, start, position, type=None, seq=None, rolls=False, durable=None, parallel=None,
                 knobs=None, name=None, via="ingestor", window=None, warn=None):
        if parallel is not None and (not isinstance(parallel, int) or parallel < 1):
            raise Error("usage", f"parallel is {parallel!r}: it has to be a whole number from 1")
        self.client, self.within, self.type, self.rolls = client, session, type, rolls
        self.durable, self.parallel = durable, parallel
        self.vias = collections.deque([via] if via == "ingestor" else [via, "ingestor"])
        self.knobs = knobs if isinstance(knobs, Knobs) else Knobs(**(knobs or {}))
        self.name = name or durable or f"python-{os.getpid()}"
        self.warn = warn or _LOG.warning
        self.window = window
        self.lock = threading.RLock()
        self.queue = collections.deque()
        self.taken = collections.deque()  # entries that were handed out and are not done without a hole: [entry, done]
        self.out = {}                     # id of an item -> its place in `taken`
        self.current = None               # the place of the one that is done when the next one is taken
        self.behind = None                # (session, position) behind what was done without a hole
        self.last = None                  # and behind what was handed out
        self.saved, self.saved_at, self.saving = None, time.monotonic() - SAVE_S + FIRST_S, 0
        self.kicked, self.again, self.looked = None, False, time.monotonic()
        self.drained = time.monotonic()   # when all that had arrived was taken
        self.stopping, self.running = threading.Event(), threading.Event()
        self.wake = None
        if parallel:
            self.wake = _Wake()
        position = Position(*position) if position is not None else Position()
        if durable and not position.store:
            position = self._load() or position
        self.link = Link(client.context, client.endpoint(self.vias[0], "read"))
        self._receive(position, seq, start == "now")

    def _receive(self, position, seq=None, head=False):
        wish = Wish(self.name, self.within, self.type, seq, head, rolls=self.rolls)
        self.reception = Reception(wish, position, self.knobs, self.client.correlations, time.monotonic(), self.queue,
                                   self.window, self.warn)
        self._flush()

    # ---- where it is ----

    @property
    def mode(self):
        """live_only, commits_only, overlap or paused."""
        return self.reception.mode

    @property
    def started(self):
        return self.reception.started

    @property
    def head(self):
        """The newest commit that was told of."""
        return self.reception.head

    @property
    def position(self):
        """Behind what was handed out; with `parallel`, behind what was dealt with without a hole. A follow with it goes on
        right after that, also in another process, another day; for one that rolls over sessions, `session` with it."""
        return self._reached()[1]

    @property
    def session(self):
        """The session of `position`; "" for all."""
        return self._reached()[0]

    def _reached(self):
        with self.lock:
            if not self.queue and not (self.parallel and self.taken) and self.reception.started:
                return self.within, self.reception.position
            return (self.behind if self.parallel else self.last) or (self.within, self.reception.begin)

    def caught_up(self):
        """Was everything up to the newest commit handed on?"""
        reception = self.reception
        return reception.started and not self.queue and reception.position.index >= reception.head

    # ---- one turn ----

    def _flush(self):
        reception = self.reception
        if reception.renew:
            reception.renew = False
            self.vias.rotate(-1)  # who was silent comes last
            self.link.endpoint = self.client.endpoint(self.vias[0], "read")
            self.link.renew()
        for name, fields, correlation in reception.out:
            self.link.send(wire.pack_message(name, fields, correlation=correlation))
        reception.out.clear()

    def _turn(self, timeout_s):
        """Waits for one message, for so long at most, and does what the time asks for. Did anything come?"""
        self.reception.tick(time.monotonic())
        self._save()
        self._flush()
        message = self.link.receive(min(TURN_S, timeout_s), self.wake and self.wake.out)
        if message is None:
            if self.wake:
                self.wake.clear()
            return False
        if message.correlation == self.saving and message.name == "ERROR":
            self._not_saved(message)
        self.reception.take(message, time.monotonic())
        if self.reception.heir:
            self._go_over(self.reception.heir)
        self._flush()
        return True

    def _go_over(self, session):
        """Goes on in the session that continues ours, if there is one: from its beginning."""
        if session:
            self.within = session
            for name, _, correlation in self.reception.farewell():
                self.link.send(wire.pack_message(name, correlation=correlation))
            self._receive(Position(), 1)

    def _look(self):
        """Its end may lie before the beginning of this follower: then the list of sessions tells it."""
        self.looked = time.monotonic()
        try:
            rows = self.client.sessions(session=self.within)
            for row in rows:
                if row["state"] in ("completed", "failed") and self.reception.position.index >= row["last_index"]:
                    # One that the ingestor has given up cannot name its successor, which names it.
                    heirs = [one["session"] for one in self.client.sessions(state="active", rows_max=32)
                             if one.get("continues") == self.within]
                    self._go_over(row.get("continued_by") or (heirs[0] if heirs else None))
        except Unreachable:
            pass  # it is asked again

    def _raise(self):
        """What has ended the reception; the next call begins it again where it was, but for a kick."""
        ended = self.reception.ended
        if isinstance(ended, Kicked):
            self.kicked = ended
        self.again = True
        raise ended

    # ---- what the application does ----

    def next(self, timeout_s=None):
        """The next Event, or None when none came within `timeout_s` (None: for ever; 0: what is at hand). Raises Missing
        once for each range of events that is not there, and goes on behind it when called again; Reset when the position
        is not held; Kicked when an operator has ended it. With `parallel`, None also while so many are out."""
        if self.current is not None:
            self._done_with(self.current)
            self.current = None
        place = self._take(timeout_s)
        if place is None:
            return None
        item = place[0].item
        if isinstance(item, Missing):
            self._done_with(place)
            raise item
        self.current = None if self.parallel else place
        return item

    def _take(self, timeout_s):
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if self.kicked:
                raise self.kicked
            if self.again:
                self.again = False
                self._receive(self.reception.position, self.reception.wish.seq, self.reception.wish.head)
            full = self.parallel and len(self.out) >= self.parallel
            self._keep_up()
            if self.queue and not full:
                return self._hand_out(self.queue.popleft())
            if self.reception.ended and not self.queue:
                self._raise()
            came = self._turn(TURN_S if deadline is None else max(0.0, deadline - time.monotonic()))
            if came and not full:
                continue
            if self.running.is_set() and self.stopping.is_set():
                return None
            if deadline is not None and time.monotonic() >= deadline:
                return None
            if self.rolls and self.started and time.monotonic() - self.looked > LOOK_S:
                self._look()

    def _keep_up(self):
        """All that has arrived is taken now and then, however slow the application is: what stays in the socket is old, and
        nobody sees the lag in it; and a subscriber has to go on saying that it lives."""
        if time.monotonic() - self.drained < TURN_S:
            return
        self.drained = time.monotonic()
        for _ in range(TURN_MESSAGES_MAX):
            if not self._turn(0.0):
                return

    def _hand_out(self, entry):
        with self.lock:
            place = [entry, False]
            self.taken.append(place)
            if not isinstance(entry.item, Missing):
                self.out[id(entry.item)] = place
            self.last = (entry.session, entry.position)
        self.reception.dealt_with(entry, time.monotonic())
        self._flush()
        return place

    def done(self, event):
        """This event was dealt with. From any thread."""
        with self.lock:
            place = self.out.get(id(event))
        if place is None:
            raise Error("usage", f"{event.session}:{event.seq} is not out, or was done before")
        self._done_with(place)
        if self.wake:
            self.wake.call()

    def _done_with(self, place):
        with self.lock:
            place[1] = True
            self.out.pop(id(place[0].item), None)
            while self.taken and self.taken[0][1]:
                entry = self.taken.popleft()[0]
                self.behind = (entry.session, entry.position)
                self.reception.done = entry.position.index

    def __iter__(self):
        while True:
            yield self.next()

    def run(self, handler, parallel=1, missing=None):
        """Calls handler(event) for each event, in so many threads; with one, in order. While all are busy no more is
        taken, so a slow handler pauses the flow. Ends with stop() from a handler or another thread, with close() from
        another thread, with the error of a handler, whose event then does not count as dealt with, or with one of next();
        handlers in flight are waited for. `missing` is called with each Missing, which otherwise is an error too."""
        if not isinstance(parallel, int) or parallel < 1:
            raise Error("usage", f"parallel is {parallel!r}: it has to be a whole number from 1")
        before, self.parallel = self.parallel, parallel
        self.wake = self.wake or _Wake()
        workers = _Workers(self, handler, parallel)
        self.running.set()
        try:
            while not self.stopping.is_set() and workers.error is None:
                try:
                    event = self.next(TURN_S)
                except Missing as told:
                    if missing is None:
                        raise
                    missing(told)
                    continue
                if event is not None:
                    workers.give(event)
        finally:
            workers.end(self._turn)
            self.parallel = before
            self.stopping.clear()
            self.running.clear()
        if workers.error is not None:
            raise workers.error

    def stop(self):
        """Ends run(). From any thread."""
        self.stopping.set()
        if self.wake:
            self.wake.call()

    def close(self, timeout_s=CLOSE_S):
        """Waits for handlers in flight, saves a durable position, and ends."""
        if self.link is None:
            return
        deadline = time.monotonic() + timeout_s
        if self.running.is_set():
            self.stop()
        while self.running.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        while self.parallel and self.out and time.monotonic() < deadline:
            self._turn(deadline - time.monotonic())
        try:
            self._save_last()
        finally:
            for name, _, correlation in self.reception.farewell():
                self.link.send(wire.pack_message(name, correlation=correlation))
            self.link.close()
            self.link = None
            if self.wake:
                self.wake.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the durable position ----

    def _ask(self, name, fields):
        """One request to who is read from, then to whoever else there is."""
        for via in list(self.vias)[:-1]:
            try:
                return self.client.request(via, "read", name, fields, timeout_s=2.0)
            except Unreachable:
                pass
        return self.client.request(self.vias[-1], "read", name, fields)

    def _load(self):
        try:
            kept = self._ask("LOAD_POSITION", {"name": self.durable})
        except Error as error:
            if error.status == "not_found":
                return None
            raise
        if self.rolls and kept.get("session"):
            self.within = kept["session"]
        self.saved = (self.within, Position(*(kept[key] for key in ("store", "index", "offset", "chain"))))
        self.behind = self.last = self.saved
        return self.saved[1]

    def _to_save(self):
        """(session, position) behind everything that was dealt with, if it is not saved yet."""
        with self.lock:
            reached = self.behind
            if not self.queue and not self.taken and self.reception.started:
                reached = (self.within, self.reception.position)
        return reached if reached and reached != self.saved else None

    def _fields(self, reached):
        return {"name": self.durable, "session": reached[0] or None, **reached[1].fields()}

    def _save(self):
        if not self.durable or time.monotonic() - self.saved_at < SAVE_S:
            return
        reached = self._to_save()
        if reached is not None:
            self.saving = next(self.client.correlations)
            self.link.send(wire.pack_message("SAVE_POSITION", self._fields(reached), correlation=self.saving))
            self.saved, self.saved_at = reached, time.monotonic()

    def _not_saved(self, message):
        """It is tried again, and told when that is no passing trouble."""
        self.saved = None
        if message["status"] not in AGAIN:
            self.warn(f"the position {self.durable} cannot be saved: {message['text']}")

    def _save_last(self):
        """What was sent may be lost with the ingestor, so this one is answered."""
        with self.lock:
            reached = self._to_save() or self.saved
        if self.durable and reached is not None:
            try:
                self._ask("SAVE_POSITION", self._fields(reached))
            except Error as problem:
                self.warn(f"the position {self.durable} was not saved at the end: {problem}")


class _Workers:
    """Threads that handle events; no more events than threads are theirs at a time."""

    def __init__(self, follower, handler, count):
        self.follower, self.handler = follower, handler
        self.given, self.error = collections.deque(), None
        self.ready = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._work, name=f"vedette-{number}", daemon=True)
                        for number in range(count)]
        for thread in self.threads:
            thread.start()

    def give(self, event):
        self.given.append(event)
        self.ready.release()

    def _work(self):
        while True:
            self.ready.acquire()
            event = self.given.popleft()
            if event is None:
                return
            if self.error is not None:
                continue  # it stays undone
            try:
                self.handler(event)
                self.follower.done(event)
            except BaseException as error:  # told by run()
                self.error = self.error or error
                self.follower.stop()

    def end(self, turn):
        """Waits for what is in flight; meanwhile the connection is kept alive."""
        for _ in self.threads:
            self.give(None)
        while any(thread.is_alive() for thread in self.threads):
            turn(0.05)


class _Wake:
    """Ends the wait of the thread that reads, from another one."""

    def __init__(self):
        self.out, self.into = os.pipe()
        os.set_blocking(self.out, False)
        os.set_blocking(self.into, False)

    def call(self):
        try:
            os.write(self.into, b".")
        except OSError:
            pass  # it is full of calls, or nobody waits any more

    def clear(self):
        try:
            os.read(self.out, 4096)
        except BlockingIOError:
            pass

    def close(self):
        os.close(self.out)
        os.close(self.into)
