"""The store as a whole: sessions with proof, its state, verifying and pruning it."""

import struct
import time

from . import wire
from .catalogue import LIMITS
from .errors import Error


class Damaged(Error):
    """Events of a session are missing, damaged or pruned; what came before is good."""


class Chain:
    """Checks the chain over whole commits, which may come cut into pieces."""

    def __init__(self, index, chain, known):
        self.index, self.told, self.known = index, chain, known
        self.crc, self.run, self.whole, self.lost = 0, None, True, False

    def _close_run(self):
        if self.run is not None:
            session, first, count, digest = self.run
            self.crc = wire.crc32c(session.encode() + b"\0", self.crc)
            self.crc = wire.crc32c(struct.pack(">QII", first, count, digest), self.crc)
        self.run = None

    def end(self):
        """The commit is at its end."""
        self._close_run()
        if not self.whole and self.known and self.crc != self.told:
            raise Damaged("corrupt", f"the chain of commit {self.index} does not follow on its predecessor")
        if not self.whole:
            self.known, self.lost, self.whole = not self.lost, False, True

    def take(self, commit):
        if self.whole or commit.index != self.index:
            self.end()
            if commit.index != self.index + 1:
                raise Damaged("corrupt", f"commit {commit.index} comes behind commit {self.index}")
            self.crc = wire.crc32c(struct.pack(">IQQQ", self.told, commit.index, commit.time_ms, commit.epoch))
            self.index, self.told, self.whole = commit.index, commit.chain, False
        for _, session, first, run, *absent in commit.runs:
            if self.run is None or (session, first) != (self.run[0], self.run[1] + self.run[2]) or run is None:
                self._close_run()
                self.run = [session, first, 0, 0]
            if run is None:
                count, digest, status = absent
                self.run[2:] = count, digest
                self.known = self.known and (status != "corrupt" or digest != 0)
                self.lost = self.lost or session == ""  # nothing can be read of it, not even its chain
                self._close_run()
                continue
            crcs = [wire.crc32c(event) for event in wire.unpack_run(run)]
            self.run[2] += len(crcs)
            self.run[3] = wire.crc32c(b"".join(struct.pack(">I", one) for one in crcs), self.run[3])


def _begin(client, session, seq, timeout_s):
    """The position before an event: a stream without credit tells it and sends nothing."""
    answer = client.request("ingestor", "read", "START", {"session": session, "seq": seq}, timeout_s=timeout_s)
    if answer.name != "STARTED":
        raise Damaged(answer["status"], answer.get("text", ""))
    client.request("ingestor", "read", "STOP", timeout_s=timeout_s)
    return {key: answer[key] for key in ("store", "index", "offset", "chain")}


def _events_of(commit, session, following):
    """The events of a session in a commit, from sequence `following` on."""
    for _, name, first, run, *absent in commit.runs:
        if name != session:
            continue
        if first > following:
            raise Damaged("corrupt", f"session {session}: events {following} to {first - 1} are missing")
        if run is None:
            count, _, status = absent
            raise Damaged(status, f"session {session}: events {following} to {first + count - 1} are {status}")
        for number, raw in enumerate(wire.unpack_run(run), first):
            if number >= following:
                following = number + 1
                yield wire.Event(session, number, raw)


def export(client, session, seq=1, timeout_s=30.0):
    """The events of a session up to its last one now; every checksum and the chain of commits are checked on the
    way. Raises Damaged where that does not hold."""
    rows = client.sessions(session=session)
    if not rows:
        raise Error("unknown_session", f"there is no session {session}")
    following, last = seq, rows[0]["last_seq"]
    position = _begin(client, session, following, timeout_s)
    chain = Chain(position["index"], position["chain"], position["chain"] != 0 and position["offset"] == 0
                  or position["index"] == 0 and position["offset"] == 0)
    while following <= last or not chain.whole:
        answer = client.request("ingestor", "read", "FETCH", position, timeout_s=timeout_s)
        if answer.name != "COMMITS":
            raise Damaged(answer["status"], answer.get("text", ""))
        for commit in wire.unpack_commits(answer.payload):
            try:
                chain.take(commit)
                for event in _events_of(commit, session, following):
                    if event.seq <= last:
                        following = event.seq + 1
                        yield event
            except wire.Malformed as problem:
                raise Damaged("corrupt", f"session {session}, event {following}: {problem}") from problem
        if not answer.payload and answer["index"] == position["index"]:
            raise Damaged("corrupt", f"session {session}: events {following} to {last} are missing")
        position = {"store": answer["store"], "index": answer["index"], "offset": answer.get("offset", 0),
                    "chain": answer["chain"]}
        if position["index"] >= chain.index:
            chain.end()


def verify(client, timeout_s=60.0):
    """Has the ingestor read and check all that it holds: {"clean", "commits", "events", "pruned", "bytes", "damage"}."""
    total = {"commits": 0, "events": 0, "pruned": 0, "bytes": 0, "damage": []}
    asked, more = {}, True
    while more:
        part = client.request("ingestor", "read", "VERIFY", asked, timeout_s=timeout_s)
        for key in ("commits", "events", "pruned", "bytes"):
            total[key] += part[key]
        total["damage"] += part.get("damage") or []
        head = asked.get("head", part["head"])
        more = part["more"] and asked.get("after", 0) < part["index"] < head
        asked = {"after": part["index"], "chain": part["chain"], "head": head}
    return {"clean": not total["damage"], **total}


def prune(client, session=None, older_than_s=None, keep=None, dry=False, timeout_s=60.0):
    """Removes sessions that have ended: the one that is named, or those that every limit given allows to remove.
    {"sessions", "events", "bytes", "ids"}."""
    if (session is None) == (older_than_s is None and keep is None):
        raise ValueError("name a session, or give limits")
    if keep == 0 and older_than_s is None:  # none of them is kept; in PRUNE a 0 is no limit
        older_than_s, keep = 0.001, None
    older_ms = None if older_than_s is None else max(1, int(older_than_s * 1000))
    if keep == 0 and older_ms is None:
        older_ms = 1  # on the wire 0 is no limit
    fields = {"session": session, "older_than_ms": older_ms, "keep": keep, "dry": dry}
    total = {"dry": dry, "sessions": 0, "events": 0, "bytes": 0, "ids": []}
    while True:  # one request removes so many at the most
        answer = _prune(client, fields, timeout_s)
        for key in ("sessions", "events", "bytes"):
            total[key] += answer.get(key, 0)
        total["ids"] += wire.unpack(answer.payload) if answer.payload else []
        if dry or answer["sessions"] < LIMITS["PRUNE_SESSIONS_MAX"]:
            return total


def _prune(client, fields, timeout_s):
    deadline = time.monotonic() + timeout_s
    while True:  # one pruning at a time: what is being pruned is waited for
        try:
            return client.request("ingestor", "control", "PRUNE", fields, timeout_s=timeout_s, once=not fields["dry"])
        except Error as problem:
            if problem.status != "busy" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
