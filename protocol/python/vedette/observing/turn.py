"""What a turn wants: events and further reads, within the limits of a frame."""

from .. import wire
from ..catalogue import LIMITS
from .samples import Read


class Turn:
    """`event` and `read` are False when the turn is full: stop then, the rest is found in the next one."""

    def __init__(self, observer, number, now_ms):
        self.observer, self.number, self.now_ms = observer, number, now_ms
        self.events, self.reads = [], []  # [(type, data, wire bytes)], [(source, Read)]
        self.bytes, self.full = 0, False

    def event(self, type, data=None, sample=None):
        """An event, caused by `sample`."""
        cause = {"observer": self.observer}
        if sample is not None:
            cause.update(source=sample.source, sample=sample.n)
        cause["turn"] = self.number
        raw = wire.pack_event(type, data, wire.timestamp(self.now_ms), cause)
        if len(raw) > LIMITS["EVENT_BYTES_MAX"]:
            raise ValueError(f"an event {type} of {len(raw)} bytes is over {LIMITS['EVENT_BYTES_MAX']}")
        if len(self.events) == LIMITS["TURN_EVENTS_MAX"] or (
                self.events and self.bytes + len(raw) > LIMITS["TURN_BYTES_MAX"]):
            self.full = True
            return False
        self.events.append((type, data, raw))
        self.bytes += len(raw)
        return True

    def read(self, source, op, target="", args=None):
        """Asks for a one-off read of a source; the answer is among the samples of a later turn."""
        if len(self.reads) == LIMITS["TURN_READS_MAX"]:
            self.full = True
            return False
        self.reads.append((source, Read(op, target, args=args)))
        return True
