"""The state as the stored events say: those of this observer, in its session and in those that this one goes on from.

1. A session that goes on from another one begins with the state, as events of type observer_state in one frame; then no
   session before it is needed. Otherwise the one before is replayed first.
2. Events of others are passed over unread; the checksum of each one that counts is checked.
"""

from .. import wire
from ..catalogue import LIMITS
from ..errors import Error

STATE_TYPE = "observer_state"
PART_BYTES = 204800
SESSIONS_MAX = 64  # that a restart goes back
CLOSED = ("completed", "failed")
GONE = ("pruned", "unknown_session", "corrupt")  # of events: they never come


def row_of(client, session):
    """The row of a session; None when the store does not know it, or any more."""
    try:
        rows = client.sessions(session=session)
    except Error as problem:
        if problem.status != "pruned":
            raise
        rows = []
    return rows[0] if rows else None


def following(client, row):
    """The session that goes on from a closed one, or None as long as there is none."""
    if row.get("continued_by"):
        return row["continued_by"]
    return next((other["session"] for other in client.sessions() if other.get("continues") == row["session"]), None)


def newest(client, session):
    """The row of the newest session that goes on from this one, or of itself."""
    row = row_of(client, session)
    while row and row["state"] in CLOSED and (further := following(client, row)):
        row = row_of(client, further) or row
        if row["session"] != further:
            break
    if row is None:
        raise Error("unknown_session", f"session {session} is not in the store")
    return row


def state_events(observer, name, cycle, state):
    """The state as events in wire bytes, for one frame; [] when it does not fit into one."""
    packed = wire.pack(observer.save(state))
    parts = [packed[at:at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    cause = {"observer": name, "turn": cycle}
    whose = {"observer": name, "kind": observer.name, "version": observer.version, "parts": len(parts)}
    events = [wire.pack_event(STATE_TYPE, {**whose, "part": number, "state": part}, cause=cause)
              for number, part in enumerate(parts, 1)]
    return events if sum(map(len, events)) + 16 * len(events) <= LIMITS["EMIT_BYTES_MAX"] else []


class Replay:
    def __init__(self, client, observer, name, config, faults):
        self.client, self.observer, self.name, self.config, self.faults = client, observer, name, config, faults
        self.cycle, self.applied, self.stated, self.position = 0, 0, False, None
        self.fresh = None

    def run(self, session):
        """(the newest session, the state); `stated`: that session holds all of it."""
        row = newest(self.client, session)
        self.fresh = self.observer.start(self.config)  # also where a stored state takes its place
        return row["session"], self._state_of(row, 1)

    def _state_of(self, row, depth):
        first = not row.get("continues")
        state = self._replay(row["session"], self.fresh if first else None)
        self.stated = state is not None
        if state is not None:
            return state
        before = row_of(self.client, row["continues"]) if depth < SESSIONS_MAX else None
        if before is None:
            self.faults.set("state", f"session {row['continues']}, which session {row['session']} goes on from, is not to "
                                     f"be had: what observer {self.name} knew before is lost")
            base = self.fresh
        else:
            base = self._state_of(before, depth + 1)
        self.stated = False
        return self._replay(row["session"], base)

    def _replay(self, session, state):
        """Applies the session's events to the state; to None, only those behind a stored state count."""
        parts = []
        for event in self._own_events(session):
            self.cycle = max(self.cycle, event.cause.get("turn", 0))
            if event.type == STATE_TYPE:
                whose = (event.data.get("kind", self.observer.name), event.data.get("version", 1))
                if whose != (self.observer.name, self.observer.version):
                    continue  # its form may be another one: what came before it leads to the same
                number = event.data["part"]
                parts = parts[:number - 1] + [event.data["state"]] if 1 <= number <= len(parts) + 1 else []
                if parts and len(parts) == event.data["parts"]:
                    state, parts = self._load(session, b"".join(parts), state), []
            elif state is not None:
                self.observer.apply(state, event)
                self.applied += 1
        return state

    def _load(self, session, packed, state):
        """The stored state; one that cannot be loaded is left out, since what came before it leads to the same."""
        try:
            return self.observer.load(wire.unpack(packed))
        except Exception as problem:
            self.faults.set("state", f"the state of observer {self.name} in session {session} cannot be loaded "
                                     f"({type(problem).__name__}: {problem}): the events before it are replayed")
            return state

    def _own_events(self, session):
        mark = self.name.encode()
        position, head = {"seq": 1}, None
        while True:
            answer = self.client.request("ingestor", "read", "FETCH", {"session": session, **position}, timeout_s=30.0)
            if answer.name != "COMMITS" and answer["status"] not in GONE:
                raise Error(answer["status"], f"the events of session {session} cannot be replayed: {answer['status']}")
            if answer.name != "COMMITS":
                self.faults.set("state", f"the events of session {session} cannot be replayed: {answer['status']}")
                return
            for commit in wire.unpack_commits(answer.payload):
                for _, _, first, run, *absent in commit.runs:
                    if run is None:
                        self.faults.set("state", f"session {session}: {absent[0]} events from {first} on are {absent[2]}; "
                                                 f"observer {self.name} goes on without them")
                        continue
                    for seq, raw in enumerate(wire.unpack_run(run, check=lambda event: mark in event), first):
                        event = wire.Event(session, seq, raw) if mark in raw or b"session_ended" in raw else None
                        if event and event.type == "session_ended":
                            return
                        if event and isinstance(event.cause, dict) and event.cause.get("observer") == self.name:
                            yield event
            head = head or answer["head"]
            position = {"store": answer["store"], "index": answer["index"], "offset": answer.get("offset", 0),
                        "chain": answer["chain"]}
            self.position = position
            if answer["index"] >= head:
                return
