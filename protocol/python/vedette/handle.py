"""Hold on to an observer: its snapshot, its deltas in order, its last error, waits and hooks."""

import collections
import datetime
import re
import time

import zmq

from . import waiting
from .errors import Error, Unreachable
from .feed import Feed

LOOK_S = 0.5  # of silence, between looks whether the observer is there
ERROR, CYCLE, SNAPSHOT = "error", "cycle", "snapshot"

Told = collections.namedtuple("Told", "seq type data")
Told.__doc__ = "An event of a delta. It is on disk. seq is 0 where an answer that was lost made it unknown."


def _time(text):
    if not isinstance(text, str):
        return None
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)


def _age_s(at):
    """Nothing is from the future: clocks may differ."""
    return None if at is None else max(0.0, (datetime.datetime.now(datetime.timezone.utc) - at).total_seconds())


class Fault:
    """An error of an observer: `stage` (membership, read, turn, commit, state), `text`, `at` and when it was over,
    `recovered_at` (None: it holds), `count` of the stage."""

    def __init__(self, row):
        self.stage, self.text, self.count = row["stage"], row["text"], row.get("count", 0)
        self.at, self.recovered_at = _time(row.get("at")), _time(row.get("recovered_at"))

    @property
    def age_s(self):
        return _age_s(self.at)

    @property
    def holds(self):
        return self.recovered_at is None

    def __repr__(self):
        over = "" if self.holds else f", over for {_age_s(self.recovered_at):.1f} s"
        return f"{self.stage}: {self.text} ({self.age_s or 0:.1f} s ago{over})"


class Source:
    """How the reading of a source goes: `status` is "ok", "waiting", or how it fails; `age_s` that of the newest good
    sample when the snapshot was asked for, None without one."""

    def __init__(self, row):
        self.name, self.status, self.error = row["name"], row["status"], row["error"]
        self.age_s = None if row["age_ms"] is None else row["age_ms"] / 1000

    @property
    def failed(self):
        return self.status not in ("ok", "waiting")

    def __repr__(self):
        return f"{self.name} {self.status}{f': {self.error}' if self.error else ''}"


class Snapshot:
    """What an observer knows: `state` (None until the first cycle of its life is over), cycle, observed_at, and how its
    sources are. `sources` has 512 at most, `source_count` and `sources_failed` count all."""

    def __init__(self, raw):
        self.raw, self.state = raw, raw.get("state")
        self.observer, self.session, self.phase = raw["observer"], raw.get("session"), raw.get("phase")
        self.cycle, self.observed_at = raw["cycle"], _time(raw.get("at"))
        self.sources = {row["name"]: Source(row) for row in raw.get("sources", ())}
        self.source_count = raw.get("source_count", len(self.sources))
        self.sources_failed = raw.get("sources_failed", len(self.failures))
        self.errors = [Fault(row) for row in raw.get("errors", ())]

    @property
    def age_s(self):
        """Since observed_at."""
        return _age_s(self.observed_at)

    @property
    def failures(self):
        return {name: source for name, source in self.sources.items() if source.failed}

    def __repr__(self):
        return f"{self.observer} in cycle {self.cycle}: {self.source_count} sources, {self.sources_failed} failed"


class Delta:
    """What a cycle told: `events` (a list of Told), `cycle`, `at`; `cursor` is the place behind it. Its `kind` is "cycle",
    "error" (an error came or is over between cycles), or "snapshot": the beginning, or deltas before it are missing, and
    `why` says why: "restarted" (the observer has a new life), "pruned" (its history does not reach back so far)."""

    def __init__(self, kind, raw, place, why):
        self.kind, self.raw, self.why = kind, raw, why
        self.cursor = f"{place[0]}:{place[1]}"
        self.cycle, self.at = raw["cycle"], _time(raw.get("at"))
        self.events = [] if kind == SNAPSHOT else [Told(row["seq"], row["type"], row["data"]) for row in raw["events"]]

    @property
    def snapshot(self):
        return Snapshot(self.raw) if self.kind == SNAPSHOT else None

    def __repr__(self):
        why = f" ({self.why})" if self.why else ""
        return f"{self.cursor} {self.kind}{why} {self.cycle} {[event.type for event in self.events]}"


def _place(after):
    if after is None:
        return None
    if after == "first":
        return (0, 0)
    match = re.fullmatch(r"([1-9][0-9]*):([0-9]+)", after)
    if match is None:
        raise Error("usage", f"{after!r} is no cursor: it is INCARNATION:NUMBER, as a delta has it, or \"first\"")
    return int(match.group(1)), int(match.group(2))


class Handle:
    """Deltas by next() or by iterating: each once and in order, from `after` on: a cursor, "first" (what is held), or None:
    a snapshot of now, then what comes. What cannot be kept is told by a delta of kind "snapshot" with `why`. Handles are
    independent; one belongs to one thread, with its client. Hooks are called by run():
    on_ready(handle)         the observer runs: in each of its lives, and when it comes back from where it was not reached
    on_cycle(handle, delta)  a cycle, or a snapshot in the place of those that are missing
    on_stop(handle, why)     what on_ready told of is over: "restarted", "not_ready" (it is not there), "unreachable" (there
                             is no runtime), "cancelled" (by close()); once for each on_ready
    A hook that returns True ends run()."""

    def __init__(self, client, observer, after=None, on_ready=None, on_cycle=None, on_stop=None):
        self.client, self.observer = client, observer
        self.on_ready, self.on_cycle, self.on_stop = on_ready, on_cycle, on_stop
        self.feed = Feed(client, observer, "state", request_port="requests", pub_port="changes", after=_place(after))
        self.cursor, self.error = after if after not in (None, "first") else None, None
        self.away, self.ready, self.heard = None, False, time.monotonic()

    def close(self):
        if self.feed is None:
            return
        self._stop("cancelled")
        self.feed.close()
        self.feed = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        while True:
            yield self.next()

    # ---- deltas ----

    def next(self, timeout_s=None):
        """The next delta, or None when none came in time (0: what is at hand). `away` says meanwhile whether the observer
        is there (None), is not ("not_ready"), or there is no runtime ("unreachable")."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            rest_s = LOOK_S if deadline is None else max(0.0, min(LOOK_S, deadline - time.monotonic()))
            change = self.feed.next(rest_s)
            if change is not None:
                return self._take(change)
            self._look()
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def _take(self, change):
        self.away, self.heard = None, time.monotonic()
        kind, raw, _ = change
        delta = Delta(raw.get("kind", CYCLE) if kind == "item" else SNAPSHOT, raw, self.feed.place, self.feed.why)
        self.cursor = delta.cursor
        self._keep_error(raw, delta.kind == CYCLE or raw.get("phase") == "running")
        return delta

    def _keep_error(self, raw, whole):
        """The last error is kept after it is over, also by the next life, which knows nothing of it."""
        if raw.get("error"):
            self.error = Fault(raw["error"])
        elif whole and self.error is not None and self.error.holds:
            self.error.recovered_at = datetime.datetime.now(datetime.timezone.utc)

    def _look(self):
        if self.away is not None or time.monotonic() - self.heard < LOOK_S:
            return
        self.heard = time.monotonic()
        if not waiting.accepts(self.client.endpoint(self.observer, "requests")):
            self.away = "not_ready" if self.client.runs() else "unreachable"

    def history(self, after="first", timeout_s=5.0):
        """The deltas behind `after` up to the newest there is now. Those of the handle itself go on unharmed."""
        feed = Feed(self.client, self.observer, "state", request_port="requests", pub_port="changes", after=_place(after))
        try:
            deadline, change = time.monotonic() + timeout_s, None
            while change is None and feed.head is None:
                if time.monotonic() >= deadline:
                    raise Unreachable(f"{self.observer} in {self.client.run_dir} does not answer; see: vedette ps")
                change = feed.next(0.1)
            end = (feed.inc, feed.n if feed.head is None else feed.head)
            while change is not None:
                kind, raw, _ = change
                yield Delta(raw.get("kind", CYCLE) if kind == "item" else SNAPSHOT, raw, feed.place, feed.why)
                if feed.place[0] != end[0] or feed.place[1] >= end[1]:
                    return
                change = feed.next(timeout_s)
        finally:
            feed.close()

    # ---- asking ----

    def snapshot(self, timeout_s=5.0):
        """The latest Snapshot."""
        raw = self.client.get(self.observer, "requests", "state", timeout_s=timeout_s)
        self._keep_error(raw, raw.get("phase") == "running")
        return Snapshot(raw)

    def wait(self, predicate, timeout_s=30.0):
        """The Snapshot in which `predicate` holds, as soon as there is one: the text of an expression (EXPRESSIONS.md), or
        a function of a Snapshot. Raises what Client.wait does: TimedOut says what was last seen."""
        return Snapshot(waiting.wait(self.client, self.observer, predicate, timeout_s, Snapshot))

    # ---- hooks ----

    def _stop(self, why):
        was, self.ready = self.ready, False
        return bool(was and self.on_stop is not None and self.on_stop(self, why) is True)

    def hook(self, delta):
        """Calls the hooks that follow from a delta, or from its absence (None). Does one of them end the run?"""
        if delta is None:
            return self._stop(self.away) if self.away is not None else False
        ends = self._stop("restarted") if delta.why == "restarted" else False
        if not self.ready and (delta.kind == CYCLE or delta.raw.get("phase") == "running"):
            self.ready = True
            ends |= self.on_ready is not None and self.on_ready(self) is True
        if delta.kind != ERROR and self.on_cycle is not None:
            ends |= self.on_cycle(self, delta) is True
        return ends

    def run(self, timeout_s=None):
        """Calls the hooks until one returns True (then it is True, too) or the time is over (False)."""
        return run([self], timeout_s)


def run(handles, timeout_s=None):
    """Handle.run for several of one client at once."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    poller = zmq.Poller()
    for handle in handles:
        poller.register(handle.feed.sub, zmq.POLLIN)
        poller.register(handle.feed.link.socket, zmq.POLLIN)
    while True:
        idle = True
        for handle in handles:
            delta = handle.next(0)
            idle = idle and delta is None
            if handle.hook(delta):
                return True
        if deadline is not None and time.monotonic() >= deadline:
            return False
        if idle:
            poller.poll(50)
