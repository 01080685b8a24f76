"""One stream as its reader keeps it: where it is, what was granted and used."""

LIVE, COMMIT, FETCH = "live", "commit", "fetch"

ATTEMPTS_AT_ONCE = 3
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.1, 10.0


class Stream:
    """`wanted` while the mode takes it; then starting, running, or waiting until `due` for another try."""

    def __init__(self, kind):
        self.kind, self.attempts = kind, 0
        self.end()

    def end(self):
        self.wanted = self.starting = self.running = self.waiting = self.heard = False
        self.correlation, self.due, self.asked, self.last = 0, 0.0, 0.0, 0.0
        self.place, self.joins, self.begun_at = (0, 0), (0, 0), (0, 0)
        self.chain = 0  # of `place`; 0: not known
        self.items = self.bytes = self.granted_items = self.granted_bytes = self.uncredited = 0
        self.attempts = 0

    def begin(self, correlation, now, position):
        """START is out."""
        self.correlation, self.begun_at = correlation, position
        self.starting, self.running, self.waiting, self.heard = True, False, False, False
        self.items = self.bytes = self.granted_items = self.granted_bytes = self.uncredited = 0
        self.asked = self.last = now
        self.attempts += 1

    def run(self, place, chain, now):
        """It begins behind this place."""
        self.starting, self.running, self.place, self.joins, self.chain = False, True, place, place, chain
        self.last = now

    def rest(self, now):
        """The window has come; the next one is asked for when there is room."""
        self.starting, self.running, self.waiting, self.due = False, False, True, now
        self.correlation = 0

    def lose(self, now, jitter):
        """It has to begin again: at once, or later and later."""
        self.starting, self.running, self.waiting, self.correlation = False, False, True, 0
        doublings = self.attempts - ATTEMPTS_AT_ONCE
        wait_s = 0.0 if doublings < 0 else min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(doublings, 7)) * jitter
        self.due = now + wait_s

    def could_grant(self, items, bytes):
        """How much more that would be."""
        return self.items + items - self.granted_items, self.bytes + bytes - self.granted_bytes

    def grant(self, items, bytes):
        """So much may come beside what has come; what was granted stays granted."""
        self.granted_items = max(self.granted_items, self.items + items)
        self.granted_bytes = max(self.granted_bytes, self.bytes + bytes)
