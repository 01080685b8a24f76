"""Frames, runs and commits: the wire format of SPEC.md, without any socket."""

import os
import struct
import threading
import time

import msgpack

from .catalogue import IDS, LIMITS, MESSAGES, PROTOCOL_VERSION

HEADER_DEPTH_MAX = 4  # further items of a header may be nested so deep


class Malformed(ValueError):
    """Bytes that are not what the protocol says; `status` is the name of the status, `text` says what is wrong."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


# ---- checksums ----

def _table():
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


_TABLE = _table()


def crc32c(data, crc=0):
    """CRC32C (Castagnoli), continued from `crc`."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


# ---- values ----

# Bytes that must follow the lead byte: (kind, width of number or length, fixed content).
_LEADS = {
    0xC0: ("one", 0, 0), 0xC2: ("one", 0, 0), 0xC3: ("one", 0, 0),
    0xC4: ("bytes", 1, 0), 0xC5: ("bytes", 2, 0), 0xC6: ("bytes", 4, 0),
    0xC7: ("bytes", 1, 1), 0xC8: ("bytes", 2, 1), 0xC9: ("bytes", 4, 1),
    0xCA: ("one", 4, 0), 0xCB: ("one", 8, 0),
    0xCC: ("one", 1, 0), 0xCD: ("one", 2, 0), 0xCE: ("one", 4, 0), 0xCF: ("one", 8, 0),
    0xD0: ("one", 1, 0), 0xD1: ("one", 2, 0), 0xD2: ("one", 4, 0), 0xD3: ("one", 8, 0),
    0xD4: ("bytes", 0, 2), 0xD5: ("bytes", 0, 3), 0xD6: ("bytes", 0, 5), 0xD7: ("bytes", 0, 9),
    0xD8: ("bytes", 0, 17),
    0xD9: ("bytes", 1, 0), 0xDA: ("bytes", 2, 0), 0xDB: ("bytes", 4, 0),
    0xDC: ("array", 2, 0), 0xDD: ("array", 4, 0), 0xDE: ("map", 2, 0), 0xDF: ("map", 4, 0),
}


def _head(data, at):
    """(position of what follows, values inside) of the value at `at`."""
    lead = data[at]
    if lead <= 0x7F or lead >= 0xE0:
        return at + 1, 0
    if lead <= 0x8F:
        return at + 1, 2 * (lead & 0x0F)
    if lead <= 0x9F:
        return at + 1, lead & 0x0F
    if lead <= 0xBF:
        return at + 1 + (lead & 0x1F), 0
    if lead not in _LEADS:
        raise Malformed("malformed", f"byte {lead:#x} begins no value")
    kind, width, fixed = _LEADS[lead]
    if at + 1 + width > len(data):
        raise Malformed("malformed", "cut short")
    number = int.from_bytes(data[at + 1:at + 1 + width], "big")
    after = at + 1 + width
    if kind == "bytes":
        return after + number + fixed, 0
    if kind == "one":
        return after, 0
    return after, number * (2 if kind == "map" else 1)


def scan(data, depth_max=LIMITS["DEPTH_MAX"], exact=True):
    """Check the value at the front of `data` before anything unpacks it; returns its size."""
    left = [1]
    at = 0
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        if at >= len(data):
            raise Malformed("malformed", "cut short")
        left[-1] -= 1
        at, inside = _head(data, at)
        if at > len(data) or inside > len(data) - at:
            raise Malformed("malformed", "a count or length is larger than the frame")
        if inside:
            if len(left) > depth_max:
                raise Malformed("too_deep", f"nested deeper than {depth_max}")
            left.append(inside)
    if exact and at != len(data):
        raise Malformed("malformed", "bytes behind the value")
    return at


def _ext(code, data):
    return msgpack.ExtType(code, data) if code >= 0 else (code, data)


_AS_IT_IS = {"raw": False, "strict_map_key": False, "unicode_errors": "replace", "ext_hook": _ext}


def _map_of(pairs):
    return {_key(key): value for key, value in pairs}


def _key(key):
    if isinstance(key, list):
        return tuple(map(_key, key))
    return tuple((one, _key(other)) for one, other in key.items()) if isinstance(key, dict) else key


def unpack(data):
    """One MessagePack value, scanned first. Lists that are keys of maps become tuples, and maps tuples of pairs; what the
    msgpack library has no type for, ext of a code below -1, becomes (code, bytes)."""
    scan(data)
    try:
        try:
            return msgpack.unpackb(data, **_AS_IT_IS)
        except TypeError:  # a list or a map is a key
            return msgpack.unpackb(data, object_pairs_hook=_map_of, **_AS_IT_IS)
    except (ValueError, msgpack.UnpackException) as problem:
        raise Malformed("malformed", str(problem)) from problem


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def text(value, bytes_max=LIMITS["TEXT_BYTES_MAX"]):
    """`value` as a text that everyone takes in a message: of at most `bytes_max` bytes, in whole characters, with '?' for a
    zero byte and for what is no character."""
    return str(value).replace("\0", "?").encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


# ---- messages ----

def pack_message(name, fields=None, payload=b"", correlation=0):
    """The frames [header, body, payload] of message `name`; keys in the order of the catalogue."""
    number = IDS[name]
    order = MESSAGES[number][1]
    fields = fields or {}
    body = {key: fields[key] for key in order if fields.get(key) is not None}
    frames = [pack([PROTOCOL_VERSION, number, correlation]), pack(body)]
    if payload:
        frames.append(payload)
    return frames


class Message:
    """A decoded message: name, correlation, fields (a dict, unknown keys included) and payload bytes."""

    def __init__(self, name, correlation, fields, payload):
        self.name, self.correlation, self.fields, self.payload = name, correlation, fields, payload

    def __getitem__(self, key):
        return self.fields[key]

    def get(self, key, fallback=None):
        return self.fields.get(key, fallback)

    def __repr__(self):
        return f"{self.name} #{self.correlation} {self.fields} +{len(self.payload)} bytes"


def unpack_message(frames):
    """A Message from [header, body] or [header, body, payload]. Raises Malformed."""
    if len(frames) not in (2, 3):
        raise Malformed("malformed", f"{len(frames)} frames where header, body and payload are expected")
    if len(frames[0]) > LIMITS["HEADER_BYTES_MAX"] or len(frames[1]) > LIMITS["BODY_BYTES_MAX"]:
        raise Malformed("too_large", "header or body over its limit")
    scan(frames[0], HEADER_DEPTH_MAX)
    header = unpack(frames[0])
    if not isinstance(header, list) or len(header) < 3 or any(
            type(item) is not int or item < 0 for item in header[:3]):
        raise Malformed("malformed", "the header is not [version, id, correlation]")
    version, number, correlation = header[:3]
    if version != PROTOCOL_VERSION or number not in MESSAGES:
        raise Malformed("unsupported", f"version {version}, message {number}")
    body = unpack(frames[1])
    if not isinstance(body, dict):
        raise Malformed("malformed", "the body is not a map")
    payload = frames[2] if len(frames) == 3 else b""
    return Message(MESSAGES[number][0], correlation, body, payload)


# ---- events ----

class Event:
    """One event: ts, session, seq, type, data, cause and aux (None if absent) and raw, its wire bytes. One that was
    followed has the `position` behind it, too."""

    def __init__(self, session, seq, raw):
        fields = unpack(raw)
        self.session, self.seq, self.raw = session, seq, raw
        try:
            self.ts, self.type, self.data = fields["ts"], fields["type"], fields["data"]
        except (KeyError, TypeError) as problem:
            raise Malformed("bad_event", f"{session}:{seq} lacks {problem}") from problem
        self.cause, self.aux, self.position = fields.get("cause"), fields.get("aux"), None

    def __repr__(self):
        return f"{self.ts} {self.session}:{self.seq} {self.type} {self.data}"


def timestamp(wall_ms=None):
    """ISO 8601 in UTC with milliseconds and Z: exactly 24 characters."""
    wall_ms = time.time_ns() // 1000000 if wall_ms is None else wall_ms
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall_ms // 1000)) + f".{wall_ms % 1000:03d}Z"


class _SessionIds:
    """Ids in the order in which they were made, also when the clock goes back."""

    FIRST_BITS, STEP_BITS, NUMBER_BITS = 47, 30, 48

    def __init__(self):
        self.lock, self.last_ms, self.last = threading.Lock(), 0, 0

    def next(self):
        wall_ms = time.time_ns() // 1000000
        random = int.from_bytes(os.urandom(8), "big")
        with self.lock:
            step = 1 + random % (1 << self.STEP_BITS)
            if wall_ms <= self.last_ms and self.last + step < 1 << self.NUMBER_BITS:
                self.last += step
            else:
                self.last_ms = max(wall_ms, self.last_ms + 1)
                self.last = random % (1 << self.FIRST_BITS)
            stamp = timestamp(self.last_ms).translate({ord(mark): None for mark in "-:."})
            return f"{stamp}-{self.last:012x}"


_SESSION_IDS = _SessionIds()


def new_session_id():
    """An id that no other maker has, and that sorts by time: 20260131T101500123Z-1f2e3d4c5b6a."""
    return _SESSION_IDS.next()


def pack_event(type, data=None, ts=None, cause=None, aux=None):
    """An event in wire bytes; `aux` are bytes of the caller's own, which nobody looks into."""
    fields = {"ts": ts or timestamp(), "type": type, "data": data}
    if cause is not None:
        fields["cause"] = cause
    if aux is not None:
        fields["aux"] = bytes(aux)
    return pack(fields)


def _bin(data):
    return msgpack.Packer(use_bin_type=True).pack(bytes(data))


def pack_run(events):
    """The run of events given as wire bytes."""
    return b"".join(b"\xce" + struct.pack(">I", crc32c(event)) + _bin(event) for event in events)


def unpack_run(run, check=True):
    """The events' wire bytes of a run; raises Malformed where bytes or checksum are wrong. `check` may be a function
    that says of which events the checksum is to be looked at."""
    at = 0
    while at < len(run):
        if run[at] != 0xCE or at + 6 > len(run):
            raise Malformed("malformed", "an entry does not begin with its checksum")
        crc = int.from_bytes(run[at + 1:at + 5], "big")
        lead = run[at + 5]
        if lead not in (0xC4, 0xC5, 0xC6):
            raise Malformed("malformed", "an entry is not bin")
        width = _LEADS[lead][1]
        start = at + 6 + width
        end = start + int.from_bytes(run[at + 6:start], "big")
        if end > len(run):
            raise Malformed("malformed", "an entry is cut short")
        event = bytes(run[start:end])
        if (check(event) if callable(check) else check) and crc32c(event) != crc:
            raise Malformed("bad_crc", "an event does not match its checksum")
        yield event
        at = end


# ---- commits ----

def _is_count(value):
    return type(value) is int and value >= 0


def _commit_run(run):
    """A run of a commit's value as the tuple that Commit tells of."""
    if isinstance(run, list) and len(run) >= 4 and _is_count(run[0]) and isinstance(run[1], str) and _is_count(run[2]):
        at, session, first, content, *rest = run
        if len(session.encode()) <= LIMITS["NAME_BYTES_MAX"]:
            if isinstance(content, bytes) and content:
                return at, session, first, content
            if content is None and _is_absence(session, rest):
                return at, session, first, None, *rest[:3]
    raise Malformed("malformed", "a run of a commit is not as specified")


def _is_absence(session, rest):
    """Is it the count, the digest and the status of a run that is not there? Without a session: of all of the commit."""
    if len(rest) < 3 or not _is_count(rest[0]) or not _is_count(rest[1]) or max(rest[:2]) >= 1 << 32:
        return False
    if not session:
        return rest[0] == 0 and rest[2] == "corrupt"
    return rest[0] > 0 and rest[2] in ("pruned", "corrupt")


class Commit:
    """One commit: index, time_ms, epoch, chain and runs [(at, session, first_seq, run bytes)]. A run that is absent is
    (at, session, first_seq, None, count, digest, "pruned" or "corrupt"); one without a session: nothing of the commit
    can be read."""

    def __init__(self, value):
        if not isinstance(value, list) or len(value) < 5 or not isinstance(value[4], list):
            raise Malformed("malformed", "a commit value is not as specified")
        self.index, self.time_ms, self.epoch, self.chain = value[:4]
        if not all(map(_is_count, value[:4])) or self.index == 0 or self.time_ms >= 1 << 63 or self.chain >= 1 << 32:
            raise Malformed("malformed", "a commit's numbers are not as specified")
        self.runs = [_commit_run(run) for run in value[4]]

    def events(self):
        """(place in the commit, Event) in delivery order; checksums are verified. Absent runs are passed over."""
        for at, session, first, run, *_ in self.runs:
            for offset, raw in enumerate(unpack_run(run or b"")):
                yield at + offset, Event(session, first + offset, raw)

    @property
    def absent(self):
        """[(at, session, first_seq, count, digest, status)]"""
        return [run[:3] + run[4:] for run in self.runs if run[3] is None]

    def chain_after(self, previous):
        """The chain that this commit must have after `previous`; holds for whole commits only. Where the digest of an
        absent run is not known, that cannot be told: its own chain."""
        crc = crc32c(struct.pack(">IQQQ", previous, self.index, self.time_ms, self.epoch))
        for _, session, first, run, *rest in self.runs:
            if run is None:
                count, digest, status = rest[:3]
                if status == "corrupt" and not digest:
                    return self.chain
            else:
                crcs = [crc32c(event) for event in unpack_run(run)]
                count, digest = len(crcs), crc32c(b"".join(struct.pack(">I", one) for one in crcs))
            crc = crc32c(session.encode() + b"\0", crc)
            crc = crc32c(struct.pack(">QII", first, count, digest), crc)
        return crc


def unpack_commits(payload):
    """The commits of a COMMITS payload."""
    at = 0
    while at < len(payload):
        size = scan(memoryview(payload)[at:], exact=False)
        yield Commit(unpack(payload[at:at + size]))
        at += size
