"""book.py: the files of fixed records that producers and readers of chaos write (tests/chaos/books/book.h), in Python."""
import os
import struct

MAGIC = b"vdbook1\0"
HEAD_BYTES = 393216
NAME_AT, SCOPE_AT, SESSIONS_AT = 400, 472, 544
NAME_BYTES, SESSION_BYTES, SESSIONS_MAX = 72, 80, 4096
LEDGER, HISTORY, _, HINTS = 1, 2, 3, 4
TAKEN, COMMITTED, REJECTED, FENCED, SHOWN, LIFE = range(1, 7)
SESSION_CLOSED = 33
HEAD = struct.Struct("<8sIIQQQQQ")
RECORD = struct.Struct("<QIHBB")
SESSION = struct.Struct(f"<Q{NAME_BYTES}s")


def text_of(data):
    return data.split(b"\0", 1)[0].decode()


class Book:
    """What stands in a book now; it may still be written."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = file.read(HEAD_BYTES)
        (magic, self.kind, self.session_count, self.count, self.committed, self.rejected, self.told,
         self.lives) = HEAD.unpack_from(self.data)
        assert magic == MAGIC, f"{path} is not a book"
        self.name = text_of(self.data[NAME_AT:NAME_AT + NAME_BYTES])
        self.scope = text_of(self.data[SCOPE_AT:SCOPE_AT + NAME_BYTES])

    def sessions(self):
        """The last sequence that was shown of each session."""
        rows = (SESSION.unpack_from(self.data, SESSIONS_AT + number * SESSION_BYTES)
                for number in range(self.session_count))
        return {text_of(name): last for last, name in rows}

    def records(self, behind=0):
        """(seq, crc, session's number, state, status) of each, of those `behind` so many."""
        with open(self.path, "rb") as file:
            file.seek(HEAD_BYTES + behind * RECORD.size)
            return list(RECORD.iter_unpack(file.read((self.count - behind) * RECORD.size)))

    def rewrite(self, path, records):
        """The same book with other records, in another file."""
        head = bytearray(self.data)
        struct.pack_into("<Q", head, 16, len(records))
        with open(path, "wb") as file:
            file.write(head)
            file.writelines(RECORD.pack(*record) for record in records)


def glance(path):
    """(count, committed, rejected) as they are now; zeros before its writer has begun."""
    try:
        with open(path, "rb") as file:
            data = file.read(HEAD.size)
    except FileNotFoundError:
        return 0, 0, 0
    return HEAD.unpack(data)[3:6] if len(data) == HEAD.size else (0, 0, 0)


def lives(path):
    """How many lives its writer has had; 0 before the first."""
    try:
        with open(path, "rb") as file:
            data = file.read(HEAD.size)
    except FileNotFoundError:
        return 0
    return HEAD.unpack(data)[-1] if len(data) == HEAD.size else 0


class Writer:
    """Makes a book. What is added is in the file, and counts, after `settle` or `close`."""

    def __init__(self, path, kind, name, scope="*"):
        self.file = open(path, "w+b", buffering=0)
        self.kind, self.name, self.scope = kind, name, scope
        self.sessions, self.numbers, self.count = [], {}, 0
        self.committed = self.rejected = self.told = 0
        self.last, self.waiting = {}, []
        self.file.truncate(HEAD_BYTES)
        self.settle()

    def number(self, session):
        if session not in self.numbers:
            assert len(self.sessions) < SESSIONS_MAX, f"more than {SESSIONS_MAX} sessions"
            self.numbers[session] = len(self.sessions)
            self.sessions.append(session)
        return self.numbers[session]

    def add(self, session, seq, crc, state, status=0):
        self.waiting.append(RECORD.pack(seq, crc, self.number(session), state, status))
        self.committed += state == COMMITTED
        self.rejected += state == REJECTED
        self.last[session] = max(seq, self.last.get(session, 0))

    def settle(self):
        """What was added is in the file, and counts."""
        os.pwrite(self.file.fileno(), b"".join(self.waiting), HEAD_BYTES + self.count * RECORD.size)
        self.count += len(self.waiting)
        self.waiting.clear()
        rows = b"".join(SESSION.pack(self.last.get(name, 0), name.encode()) for name in self.sessions)
        os.pwrite(self.file.fileno(), rows, SESSIONS_AT)
        os.pwrite(self.file.fileno(), self.name.encode().ljust(NAME_BYTES, b"\0")
                  + self.scope.encode().ljust(NAME_BYTES, b"\0"), NAME_AT)
        head = HEAD.pack(MAGIC, self.kind, len(self.sessions), self.count, self.committed, self.rejected, self.told, 1)
        os.pwrite(self.file.fileno(), head, 0)

    def close(self):
        self.settle()
        self.file.close()
