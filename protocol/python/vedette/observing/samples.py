"""What an observer sees: its sources, their reads, the samples that came of them.

1. A slot is one read of one source, standing or asked for once; it holds its newest samples, newest first.
2. Samples are numbered by arrival; those above `seen` are new to the next turn.
3. Everything stands in the order of source names and of the reads as they were declared.
"""

import dataclasses
import time

KEEP_MAX = 32
ANSWER_TURNS = 8  # for which an answer to a one-off read stays


@dataclasses.dataclass(frozen=True)
class Read:
    """What to ask of a source, in its adapter's terms; times of None are the observer's and the poller's own."""

    op: str
    target: str = ""
    interval_s: float | None = None
    deadline_s: float | None = None
    args: dict | None = None
    keep: int = 1            # how many of its newest samples are held
    optional: bool = False   # its failure is no failure of the source


class Sample:
    """One reading: source, op, target, at_ms, status, error, meta, content (bytes), n; `ok` if it went well."""

    def __init__(self, fields, slot, serial):
        self.slot, self.serial = slot, serial
        self.source, self.op, self.target = fields["source"], fields["op"], fields.get("target", "")
        self.at_ms, self.status, self.n = fields["at_ms"], fields["status"], fields.get("n", 0)
        self.error, self.meta, self.content = fields.get("error", ""), fields.get("meta"), fields.get("content", b"")

    @property
    def ok(self):
        return self.status == "ok"

    @property
    def text(self):
        return self.content.decode("utf-8", "replace")

    def __repr__(self):
        return f"{self.source} {self.op} {self.target}: {self.status} {len(self.content)} bytes"


class Slot:
    def __init__(self, source, read, standing):
        self.source, self.read, self.standing = source, read, standing
        self.kept, self.turns = [], 0
        self.feed, self.n, self.inc, self.status = "", 0, 0, "ok"
        self.asked, self.due = 0, 0.0  # correlation of the one-off read that is out, and when it counts as lost

    def forget_place(self):
        """Another poller, or another life of it, will name the feed anew."""
        self.n = self.inc = 0


class Source:
    """A source of the membership: name, adapter, address, auth, labels, spec, inc, poller; `slots` are its reads."""

    IDENTITY = ("inc", "adapter", "address", "auth")

    def __init__(self, record):
        self.slots, self.declared = [], False
        self.take(record)

    def take(self, record):
        self.record, self.name = record, record["name"]
        self.adapter, self.address, self.auth = record["adapter"], record.get("address", ""), record.get("auth", "")
        self.labels, self.spec = record.get("labels") or {}, record.get("spec")
        self.inc, self.poller = record.get("inc", 0), record.get("poller", "")

    def is_same(self, record):
        return all(self.record.get(key) == record.get(key) for key in self.IDENTITY)


class Samples:
    """Iterate for the newest sample of each read."""

    def __init__(self):
        self.by_name, self.complete = {}, False
        self.serial = self.seen = 0

    # ---- for the observer ----

    @property
    def sources(self):
        """Those that the observer reads, by name."""
        return [source for source in self.all_sources() if any(slot.standing for slot in source.slots)]

    def __iter__(self):
        return iter([slot.kept[0] for source in self.all_sources() for slot in source.slots if slot.kept])

    def find(self, source, op, target=""):
        """The newest sample of a read, or None."""
        for slot in self.by_name[source].slots if source in self.by_name else ():
            if (slot.read.op, slot.read.target) == (op, target) and slot.kept:
                return slot.kept[0]
        return None

    def before(self, sample):
        """The sample of the same read that came before, or None when it is not held (see Read.keep)."""
        older = [one for one in sample.slot.kept if one.serial < sample.serial]
        return older[0] if older else None

    def is_new(self, sample):
        """Did it arrive since the last turn that succeeded?"""
        return sample.serial > self.seen

    # ---- for the host ----

    def all_sources(self):
        return [self.by_name[name] for name in sorted(self.by_name)]

    def slots(self):
        return [slot for source in self.by_name.values() for slot in source.slots]

    def put(self, slot, fields):
        """Takes a sample record. False when it is not one of this slot."""
        if not isinstance(fields, dict) or fields.get("source") != slot.source.name or "at_ms" not in fields:
            return False
        self.serial += 1
        slot.kept = [Sample(fields, slot, self.serial), *slot.kept][:max(1, min(slot.read.keep, KEEP_MAX))]
        return True

    def put_failure(self, slot, status, text):
        """A sample that says why there is none."""
        self.put(slot, {"source": slot.source.name, "op": slot.read.op, "target": slot.read.target, "status": status,
                        "error": text, "at_ms": time.time_ns() // 1000000})

    def declare(self, source, reads):
        """Makes the standing slots of a source those of `reads`; equal ones stay. Has anything changed?"""
        standing = {(slot.read.op, slot.read.target): slot for slot in source.slots if slot.standing}
        answers = [slot for slot in source.slots if not slot.standing]
        slots = {}
        for read in reads:
            old = standing.get((read.op, read.target))
            slots.setdefault((read.op, read.target), old if old and old.read == read else Slot(source, read, True))
        slots = list(slots.values())
        changed = [slot for slot in source.slots if slot.standing] != slots
        source.slots, source.declared = slots + answers, True
        return changed

    def turned(self, serial):
        """A turn on the samples up to `serial` has succeeded."""
        for source in self.by_name.values():
            if any(slot.kept and slot.kept[0].serial > self.seen for slot in source.slots):
                source.declared = False
            for slot in source.slots:
                slot.turns += not slot.standing and not slot.asked
            source.slots = [slot for slot in source.slots if slot.standing or slot.turns <= ANSWER_TURNS]
        self.seen = serial

    def has_new(self):
        return self.serial > self.seen
