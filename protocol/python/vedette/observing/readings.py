"""Which sources there are and who reads them, by the broker's feed; standing and one-off reads at those pollers.

1. A standing read is asked for at the poller that the membership names for its source, and renewed; samples are taken
   only from the incarnation of it that answered.
2. A sample supersedes those before it, so a gap that ends in a newer sample needs no repair. A newest sample that was not
   seen (the answer to STAND names it) or was too large to publish is asked for with READ.
3. A poller that does not answer for STAND_TIMEOUT_S gets a new connection and is asked anew.
4. A read that no poller would take is not asked for: with it, all that are asked for together would be refused.
5. Every one-off read ends in a sample: the poller's answer, or one that says timed_out.
"""

import time

import zmq

from .. import wire
from ..catalogue import LIMITS
from ..feed import Feed
from ..link import Link
from .samples import Slot, Source

STAND_TIMEOUT_S = 2.0
ONCE_TIMEOUT_S = LIMITS["SAMPLE_DEADLINE_MS"] / 1000 + 1.0
ROWS_BYTES_MAX = 49152  # of one STAND, below the limit of a body


ROW_TEXTS = (("op", LIMITS["NAME_BYTES_MAX"]), ("target", LIMITS["TEXT_BYTES_MAX"]), ("address", LIMITS["TEXT_BYTES_MAX"]))


def problem_of(row):
    """Why no poller would take this row; empty: it is good. Targets may quote what a source has told."""
    for key, bytes_max in ROW_TEXTS:
        if wire.text(row.get(key, ""), bytes_max) != row.get(key, ""):
            return f"its {key} is not a text of at most {bytes_max} bytes without a zero byte"
    try:
        size = len(wire.pack(row.get("args")))
    except (TypeError, ValueError, OverflowError) as problem:
        return f"its args cannot be sent: {problem}"
    return f"its args take {size} bytes; at most {LIMITS['SPEC_BYTES_MAX']}" if size > LIMITS["SPEC_BYTES_MAX"] else ""


class Outlet:
    """A poller: its connections, and what is out to it."""

    def __init__(self, context, actor):
        endpoints = {row["port"]: row["endpoint"] for row in actor.get("endpoints") or []}
        self.name, self.inc, self.endpoints = actor["name"], actor["inc"], (endpoints["requests"], endpoints["samples"])
        self.link = Link(context, self.endpoints[0])
        self.sub = context.socket(zmq.SUB)
        for option, value in ((zmq.LINGER, 0), (zmq.RCVHWM, LIMITS["SOCKET_HWM"]), (zmq.RECONNECT_IVL, 20),
                              (zmq.RECONNECT_IVL_MAX, 500), (zmq.MAXMSGSIZE, LIMITS["FRAME_BYTES_MAX"])):
            self.sub.setsockopt(option, value)
        self.sub.connect(self.endpoints[1])
        self.out, self.since, self.dirty = {}, 0.0, True  # correlation -> slots of a STAND; when the first was sent

    def begin_again(self):
        self.link.renew()
        self.out, self.dirty = {}, True

    def close(self):
        self.link.close()
        self.sub.close(0)


class Readings:
    def __init__(self, client, name, inc, interval_s, samples, faults):
        self.client, self.name, self.inc, self.interval_s = client, name, inc, interval_s
        self.samples, self.faults = samples, faults
        self.membership = Feed(client, "broker", "membership")
        self.broker_heard = time.monotonic()  # or begun; the feed's own time is 0 while it asks again
        self.outlets, self.by_feed, self.once = {}, {}, {}
        self.renew_s = max(1.0, min(10.0, interval_s))
        self.renew_at, self.answered = 0.0, 0

    def sockets(self):
        return [self.membership.sub, self.membership.link.socket, *(outlet.sub for outlet in self.outlets.values()),
                *(outlet.link.socket for outlet in self.outlets.values())]

    def close(self):
        self.membership.close()
        for outlet in self.outlets.values():
            outlet.close()

    # ---- membership ----

    def follow_membership(self):
        while (change := self.membership.next(0)) is not None:
            kind, value, complete = change
            if kind == "snapshot":
                self._take_members(value, complete)
            elif value.get("op") == "actor":
                self._take_actor(value["actor"])
            elif value.get("op") == "source":
                self._take_source(value["source"])
            elif value.get("op") == "actor_gone" and value["name"] in self.outlets:
                if self.outlets[value["name"]].inc == value.get("inc"):
                    self._drop_outlet(value["name"])
            elif value.get("op") == "source_gone" and value["name"] in self.samples.by_name:
                if value.get("inc", 0) in (0, self.samples.by_name[value["name"]].inc):
                    self._drop_source(value["name"])
        self.broker_heard = max(self.broker_heard, self.membership.heard)
        silent_s = time.monotonic() - self.broker_heard
        if silent_s > 5.0:
            self.faults.set("membership", "the broker does not answer; what is known is kept")
        else:
            self.faults.clear("membership")

    def _take_members(self, value, complete):
        for actor in value.get("actors", []):
            self._take_actor(actor)
        for source in value.get("sources", []):
            self._take_source(source)
        if not complete:
            return
        self.samples.complete = True
        for name in set(self.outlets) - {actor["name"] for actor in value["actors"]}:
            self._drop_outlet(name)
        for name in set(self.samples.by_name) - {source["name"] for source in value["sources"]}:
            self._drop_source(name)

    def _take_actor(self, actor):
        if actor["kind"] != "poller":
            return
        old = self.outlets.get(actor["name"])
        if old and old.inc == actor["inc"]:
            return
        if old:
            self._drop_outlet(actor["name"])
        self.outlets[actor["name"]] = Outlet(self.client.context, actor)

    def _drop_outlet(self, name):
        """What was read through this poller has to be asked for again."""
        self.outlets.pop(name).close()
        for source in self.samples.by_name.values():
            for slot in source.slots if source.poller == name else ():
                slot.forget_place()

    def _take_source(self, record):
        source = self.samples.by_name.get(record["name"])
        if source is None or not source.is_same(record):
            self._drop_source(record["name"])
            self.samples.by_name[record["name"]] = Source(record)
            return
        moved = source.poller != record.get("poller", "")
        source.take(record)
        source.declared = False
        if moved:
            for slot in source.slots:
                self._unsubscribe(slot)
                slot.forget_place()
            self._mark_dirty(source)

    def _drop_source(self, name):
        source = self.samples.by_name.pop(name, None)
        for slot in source.slots if source else ():
            self._unsubscribe(slot)

    def _mark_dirty(self, source):
        if source.poller in self.outlets:
            self.outlets[source.poller].dirty = True

    # ---- standing reads ----

    def declare(self, source, reads):
        before = {slot for slot in source.slots if slot.standing}
        if self.samples.declare(source, reads):
            for slot in before - set(source.slots):
                self._unsubscribe(slot)
            self._mark_dirty(source)

    def _row(self, slot):
        source, read = slot.source, slot.read
        interval_s = read.interval_s or self.interval_s
        row = {"source": source.name, "source_inc": source.inc, "adapter": source.adapter, "address": source.address,
               "auth": source.auth, "op": read.op, "target": read.target, "args": read.args,
               "interval_ms": round(interval_s * 1000) if slot.standing else None,
               "deadline_ms": round(read.deadline_s * 1000) if read.deadline_s else None}
        return {key: value for key, value in row.items() if value not in (None, "")}

    def _is_sound(self, slot):
        problem = problem_of(self._row(slot))
        if problem and slot.status != "malformed":  # it is news once
            slot.status = "malformed"
            self.faults.set("read", f"{slot.read.target} of source {slot.source.name} cannot be read: {problem}")
        return not problem

    def _stand(self, outlet, everything):
        """Sends the reads of this poller's sources: all, or those that do not stand yet."""
        outlet.dirty = False
        slots = [slot for source in self.samples.by_name.values() if source.poller == outlet.name
                 for slot in source.slots if slot.standing and (everything or slot.inc == 0) and self._is_sound(slot)]
        while slots:
            rows, taken, size = [], [], 0
            while slots and len(rows) < LIMITS["READS_PER_REQUEST_MAX"] and size < ROWS_BYTES_MAX:
                taken.append(slots.pop(0))
                rows.append(self._row(taken[-1]))
                size += len(wire.pack(rows[-1]))
            correlation = next(self.client.correlations)
            outlet.since = outlet.since if outlet.out else time.monotonic()
            outlet.out[correlation] = taken
            fields = {"observer": self.name, "inc": self.inc, "lease_ms": round(3000 * self.renew_s), "reads": rows}
            outlet.link.send(wire.pack_message("STAND", fields, correlation=correlation))

    def _take_standing(self, outlet, message):
        slots = outlet.out.pop(message.correlation, [])
        for slot, row in zip(slots, message["readings"]):
            slot.status = row.get("status") or "ok"
            if slot.status != "ok":
                self.faults.set("read", f"poller {outlet.name} refuses to read {slot.read.target} of source "
                                        f"{slot.source.name}: {slot.status}")
                continue
            if slot.inc != message["inc"]:
                slot.n, slot.inc = 0, message["inc"]
            if slot.feed != row["feed"]:
                self._unsubscribe(slot)
                slot.feed = row["feed"]
            self.by_feed[slot.feed] = slot
            outlet.sub.setsockopt_string(zmq.SUBSCRIBE, slot.feed)
            if row.get("n", 0) > slot.n:
                self._fetch(outlet, slot)
        if slots and all(slot.status == "ok" for slot in self.samples.slots() if slot.standing):
            self.faults.clear("read")

    def _unsubscribe(self, slot):
        outlet = self.outlets.get(slot.source.poller)
        if slot.feed and self.by_feed.pop(slot.feed, None) and outlet:
            outlet.sub.setsockopt_string(zmq.UNSUBSCRIBE, slot.feed)
        slot.feed = ""

    def _fetch(self, outlet, slot):
        """Asks for what a feed has behind the newest sample that was taken."""
        outlet.link.send(wire.pack_message("READ", {"feed": slot.feed, "inc": slot.inc, "after": slot.n},
                                           correlation=next(self.client.correlations)))

    # ---- samples ----

    def _take_sample(self, slot, n, fields):
        if n > slot.n and self.samples.put(slot, fields):
            slot.n = n

    def _take_published(self, outlet):
        while True:
            try:
                _, *frames = outlet.sub.recv_multipart(zmq.NOBLOCK)
                message = wire.unpack_message(frames)
                slot = self.by_feed.get(message.get("feed")) if message.name == "ITEM" else None
                if slot is None or message["inc"] != slot.inc or message["n"] <= slot.n:
                    continue
                if message.payload:
                    self._take_sample(slot, message["n"], wire.unpack(message.payload))
                else:
                    self._fetch(outlet, slot)
            except wire.Malformed:
                continue
            except zmq.Again:
                return

    def _take_answer(self, outlet, message):
        if message.name == "STANDING":
            self._take_standing(outlet, message)
        elif message.name == "SAMPLE" or message.name == "ERROR" and message.correlation in self.once:
            self._take_once(message)
        elif message.name == "ERROR":
            self.faults.set("read", f"poller {outlet.name}: {message.get('text', '')}")
        slot = self.by_feed.get(message.get("feed"))
        if slot is None or message.get("inc") != slot.inc:
            return
        if message.name == "ITEMS":
            for n, fields in enumerate(wire.unpack(message.payload) if message["count"] else [], message["first"]):
                self._take_sample(slot, n, fields)
            if message["count"] and slot.n < message["head"]:
                self._fetch(outlet, slot)
        elif message.name in ("SNAPSHOT", "RESET"):
            self._take_sample(slot, message["n"], wire.unpack(message.payload))

    # ---- one-off reads ----

    def ask_once(self, name, read):
        """Reads once, unless the same read is out already."""
        source = self.samples.by_name.get(name)
        if source is None:
            return
        same = [slot for slot in source.slots if not slot.standing and slot.read == read]
        slot = same[0] if same else Slot(source, read, False)
        if slot.asked:
            return
        source.slots += [] if same else [slot]
        problem = problem_of(self._row(slot))
        if problem:
            slot.turns = 0
            self.samples.put_failure(slot, "malformed", problem)
            return
        slot.asked, slot.turns, slot.due = next(self.client.correlations), 0, time.monotonic() + ONCE_TIMEOUT_S
        self.once[slot.asked] = slot
        if source.poller in self.outlets:
            self.outlets[source.poller].link.send(wire.pack_message("READ_ONCE", {"reads": [self._row(slot)]},
                                                                    correlation=slot.asked))

    def _end_once(self, slot):
        self.once.pop(slot.asked, None)
        slot.asked = 0
        self.answered += 1

    def _take_once(self, message):
        slot = self.once.get(message.correlation)
        if slot is None:
            return
        self._end_once(slot)
        if message.name == "ERROR":
            self.samples.put_failure(slot, message["status"], message.get("text", ""))
        elif not self.samples.put(slot, wire.unpack(message.payload)):
            self.samples.put_failure(slot, "malformed", "the poller's answer is not a sample of this read")

    def _expire(self, now):
        for slot in [slot for slot in self.once.values() if slot.due <= now]:
            self._end_once(slot)
            self.samples.put_failure(slot, "timed_out", "no poller answered in time")

    # ---- each round ----

    def step(self):
        """Takes what has come and sends what is due."""
        now = time.monotonic()
        self.follow_membership()
        for outlet in list(self.outlets.values()):
            self._take_published(outlet)
            while (message := outlet.link.receive(0)) is not None:
                self._take_answer(outlet, message)
        self._expire(now)

    def settle(self):
        """After the reads have been declared: stands and renews."""
        now = time.monotonic()
        renew = now >= self.renew_at
        if renew:
            self.renew_at = now + self.renew_s
        for outlet in self.outlets.values():
            if outlet.out and now - outlet.since >= STAND_TIMEOUT_S:
                self.faults.set("read", f"poller {outlet.name} does not answer; vedette ps shows its state")
                outlet.begin_again()
            if not outlet.out and (renew or outlet.dirty):
                self._stand(outlet, renew)
