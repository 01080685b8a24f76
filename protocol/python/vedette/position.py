"""Where a reader stands, and what it is told that is not there."""

from .errors import Error


class Reset(Error):
    """The position of a follower is not held (pruned) or the store went back in time."""


class Kicked(Error):
    """An operator has ended this follower."""


class Missing(Error):
    """Events that are not there: status "pruned" or "corrupt", `session`, `first` sequence, `count`. Without a session
    what is missing is commit `index`, whose events are not known. `position` is behind them."""

    def __init__(self, status, session, first, count, index):
        self.session, self.first, self.count, self.index = session, first, count, index
        self.position = None
        what = f"events {first} to {first + count - 1} of session {session}" if session else f"commit {index}"
        super().__init__(status, f"{what} {'were pruned' if status == 'pruned' else 'cannot be read: damaged or lost'}")


class Position:
    """Where a reader stands: (store, index, offset, chain). Persist it with `tuple(position)` or `str(position)`;
    Position.parse reads the text, which is also what `vedette follow --from` takes."""

    def __init__(self, store="", index=0, offset=0, chain=0):
        self.store, self.index, self.offset, self.chain = store, index, offset, chain

    @classmethod
    def parse(cls, text):
        try:
            store, index, offset, chain = text.split(":")[:4]
            return cls(store, int(index), int(offset), int(chain, 16))
        except ValueError:
            raise Error("usage", f"'{text}' is not a position") from None

    @property
    def place(self):
        """What orders positions of one store."""
        return self.index, self.offset

    def __iter__(self):
        return iter((self.store, self.index, self.offset, self.chain))

    def __eq__(self, other):
        return isinstance(other, Position) and tuple(self) == tuple(other)

    def __hash__(self):
        return hash(tuple(self))

    def __str__(self):
        return f"{self.store}:{self.index}:{self.offset}:{self.chain:08x}"

    def fields(self):
        return {"store": self.store, "index": self.index, "offset": self.offset, "chain": self.chain}

    def __repr__(self):
        return f"Position{tuple(self)}"
