"""Wait until an expression, or a function, holds over the snapshot of an observer."""

import datetime
import json
import os
import socket
import time

from .errors import Error, TimedOut, Unreachable
from .expression import Expression, TooMuch, is_true
from .feed import Feed

SILENCE_S = 1.0  # after which is asked without being told
SHOWN_MAX = 80


def accepts(endpoint):
    """Does somebody accept at this ipc endpoint?"""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(endpoint[len("ipc://"):])
        except BlockingIOError:
            return True  # its queue is full, so it is there
        except OSError:
            return False
    return True


def _brief(value):
    text = json.dumps(value, default=repr, ensure_ascii=False)
    if len(text) <= SHOWN_MAX:
        return text
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'map'} of {len(value)}"
    return text[:SHOWN_MAX] + "..."


def _age(snapshot):
    try:
        at = datetime.datetime.strptime(snapshot["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    except (KeyError, TypeError, ValueError):
        return ""
    age = datetime.datetime.now(datetime.timezone.utc) - at
    return f", {max(0, round(age.total_seconds() * 1000))} ms ago"


class _Text:
    """A predicate that is an expression."""

    def __init__(self, text):
        self.expression = Expression(text)
        self.text = self.expression.text

    def holds(self, snapshot):
        return is_true(self.expression.evaluate(snapshot))

    def seen(self, snapshot):
        return self.expression.seen(snapshot)


class _Function:
    """A predicate that is a function of the snapshot. What is not there yet does not hold."""

    SEEN_MAX = 8

    def __init__(self, function, wrap):
        self.function, self.wrap, self.problem = function, wrap, None
        self.text = getattr(function, "__qualname__", None) or repr(function)
        code = getattr(function, "__code__", None)
        if code is not None:
            self.text += f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"

    def holds(self, snapshot):
        self.problem = None
        try:
            return bool(self.function(self.wrap(snapshot)))
        except (LookupError, TypeError, AttributeError) as problem:
            self.problem = problem
            return False

    def seen(self, snapshot):
        state = snapshot.get("state")
        rows = list(state.items())[:self.SEEN_MAX] if isinstance(state, dict) else [("state", state)]
        if self.problem is not None:
            rows.append((f"it raised {type(self.problem).__name__}", str(self.problem)))
        return rows


class _Waiting:
    def __init__(self, client, observer, predicate, timeout_s, wrap):
        self.client, self.observer, self.timeout_s = client, observer, timeout_s
        self.predicate = _Function(predicate, wrap) if callable(predicate) else _Text(predicate)
        self.deadline = time.monotonic() + timeout_s
        self.snapshot, self.unlisted, self.actor = None, False, ""

    def rest(self):
        """Time that is left, SILENCE_S at most."""
        return min(SILENCE_S, max(0.0, self.deadline - time.monotonic()))

    def judge(self, snapshot):
        if not isinstance(snapshot, dict):
            return False
        self.snapshot, self.unlisted, self.actor = snapshot, False, ""
        try:
            return self.predicate.holds(snapshot)
        except TooMuch as problem:
            raise Error("too_large", f"{self.observer}: \"{self.predicate.text}\": {problem}") from None

    def ask_snapshot(self):
        try:
            return self.judge(self.client.get(self.observer, "requests", "state", timeout_s=self.rest()))
        except Unreachable:
            return False

    def ask_supervisor(self):
        if not self.client.runs() and not accepts(self.client.endpoint(self.observer, "requests")):
            raise Unreachable(f"no runtime in {self.client.run_dir}; start one: vedette up")
        try:
            rows = self.client.get("supervisor", "control", "lifecycle", timeout_s=self.rest())
        except Unreachable:
            return
        rows = [row for row in rows if row["name"] == self.observer and row["state"] != "gone"]
        self.unlisted, self.actor = not rows, ""
        for row in rows:
            if row["kind"] != "observer":
                raise Error("not_found", f"{self.observer} is no observer but a {row['kind']}")
            if row["state"] != "ready":
                self.actor = f"; it is {row['state']}" + (f": {row['reason']}" if row.get("reason") else "")

    def is_news(self, item):
        """Does an item tell of something that the last snapshot does not show? Errors come within a cycle."""
        return self.snapshot is None or item.get("cycle", 0) > self.snapshot.get("cycle", 0) or "error" in item

    def look(self, feed):
        """Waits for one thing to happen; does the expression hold then?"""
        change = feed.next(self.rest())
        if change is not None and change[0] == "snapshot":
            return self.judge(change[1])
        if change is not None:
            return self.is_news(change[1]) and self.ask_snapshot()
        if self.rest() > 0:
            self.ask_supervisor()
            return self.ask_snapshot()
        return False

    def time_out(self):
        if self.snapshot is None and self.unlisted:
            raise Error("not_found", f"there is no observer '{self.observer}', and none came within {self.timeout_s} s")
        text = f"{self.observer}: \"{self.predicate.text}\" was not true within {self.timeout_s} s"
        if self.snapshot is None:
            text += "; nothing was heard of it"
        else:
            seen = ", ".join(f"{path} = {_brief(value)}" for path, value in self.predicate.seen(self.snapshot))
            text += f"; last seen, in cycle {self.snapshot.get('cycle')}{_age(self.snapshot)}{': ' if seen else ''}{seen}"
            error = self.snapshot.get("error")
            if isinstance(error, dict):
                over = " (it has recovered)" if error.get("recovered_at") else ""
                text += f"; its last error{over}: {error.get('stage')}: {error.get('text')}"
        raise TimedOut(text + self.actor, self.snapshot)


def wait(client, observer, predicate, timeout_s, wrap=lambda snapshot: snapshot):
    """`predicate` is the text of an expression, or a function, which is given wrap(snapshot)."""
    waiting = _Waiting(client, observer, predicate, timeout_s, wrap)
    waiting.ask_supervisor()
    feed = Feed(client, observer, "state", request_port="requests", pub_port="changes")
    try:
        while True:
            over = waiting.rest() == 0
            if waiting.look(feed):
                return waiting.snapshot
            if over:
                waiting.time_out()
    finally:
        feed.close()
