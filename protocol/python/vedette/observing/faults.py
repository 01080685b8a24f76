"""What went wrong, by stage, kept after recovery."""

from .. import wire

STAGES = ("membership", "read", "turn", "commit", "state")


class Faults:
    """Each stage holds its last error with its time, and when it was over; a new one replaces it."""

    def __init__(self):
        self.stages, self.changes = {}, 0

    def set(self, stage, text):
        """Records an error. Is it news: another text than before, or one that was over?"""
        text = wire.text(text)
        old = self.stages.get(stage)
        if old and old["text"] == text and old["recovered_at"] is None:
            old["count"] += 1
            return False
        self.stages[stage] = {"stage": stage, "text": text, "at": wire.timestamp(),
                              "recovered_at": None, "count": old["count"] + 1 if old else 1}
        self.changes += 1
        return True

    def clear(self, stage):
        fault = self.stages.get(stage)
        if fault and fault["recovered_at"] is None:
            fault["recovered_at"] = wire.timestamp()
            self.changes += 1

    def rows(self):
        return [dict(self.stages[stage]) for stage in STAGES if stage in self.stages]

    def newest(self):
        """The newest error, one that holds before one that is over; None: there is none."""
        return max(self.rows(), key=lambda row: (row["recovered_at"] is None, row["at"]), default=None)
