"""odd_events.py: events with everything that MessagePack has and JSON has not, for tests of what keeps them."""
import random
import struct

from vedette import wire


def pack_pairs(pairs):
    """A map from pairs of packed key and packed value: keys may be anything, and may come twice."""
    head = struct.pack(">BI", 0xDF, len(pairs))
    return head + b"".join(key + value for key, value in pairs)


def raw_event(number, type, data, further=()):
    """The wire bytes of an event with packed `data` and packed further fields."""
    pairs = [("ts", wire.pack(wire.timestamp(1770000000000 + number))), ("type", wire.pack(type)), ("data", data)]
    return pack_pairs([(wire.pack(name), value) for name, value in [*pairs, *further]])


def nested(depth, inner):
    return inner if depth == 0 else wire.pack([]).replace(b"\x90", b"\x91") + nested(depth - 1, inner)


def odd_values():
    """Packed values, each a trap."""
    plain = [2**64 - 1, 2**63, 2**63 - 1, -2**63, -1, 0, 127, -33, 1.0, 0.1, 1e300, 5e-324, -0.0, 1e16, 123456789.125,
             float("nan"), float("inf"), float("-inf"), None, True, False, "", "ü 🌍  \ufeff", "\"\\/\b\f\n\r\t",
             "".join(map(chr, range(0x20))) + "\x7f", "\U0010ffff", b"", b"\x00", b"ab", b"abc", bytes(range(256)), [],
             {}, {"": {"": [{}]}}, {"a": {"b": {"c": [1, [2, [3, {"d": None}]]]}}}, {"ext": 5, "base64": "no"},
             {"ext": 5, "base64": "AQI="}, "QUJDRA==", "0" * 3000, list(range(1000)), {f"key {n}": n for n in range(300)}]
    values = [wire.pack(value) for value in plain]
    values += [struct.pack(">BBb", 0xC7, len(data), code) + data for code, data in  # ext
               ((0, b""), (5, b"\x01"), (127, b"xy"), (-1, b"1234"), (-128, bytes(12)), (42, bytes(range(200))))]
    one, two = wire.pack(1), wire.pack("two")
    values += [
        pack_pairs([(one, two), (wire.pack("1"), one), (one, one)]),  # the same key three times as JSON
        pack_pairs([(wire.pack(None), one), (wire.pack(True), one), (wire.pack(-7), one), (wire.pack(1.5), one)]),
        pack_pairs([(wire.pack({"k": [1, "\""]}), one), (wire.pack([1, b"bin"]), two), (wire.pack(b"bin"), two)]),
        b"\xca" + struct.pack(">f", 0.1), b"\xca" + struct.pack(">f", 1e30),  # floats of 32 bits
        b"\xa3\xff\x41\xc3", b"\xa4\xed\xa0\x80\x41",  # strings that are no UTF-8
        b"\xd3" + struct.pack(">q", 5), b"\xcf" + struct.pack(">Q", 5),  # numbers longer than they have to be
        nested(22, b"\xd6\x09deep"),
        wire.pack(random.Random(4).randbytes(240_000)),  # its base64 is over the limit of an event
        wire.pack([0.5] * 26_000), wire.pack("\x01" * 250_000),
    ]
    return values


def odd_events():
    """The wire bytes of a whole session."""
    cause = wire.pack({"observer": "host", "source": "local", "sample": 2**63, "turn": [1, b"\x00", 0.1]})
    yield raw_event(0, "session_started", wire.pack({"name": "odd", "owner": False, "labels": {"of": "ü"}}))
    for number, value in enumerate(odd_values(), 1):
        further = [("cause", cause)] if number % 3 == 0 else []
        further += [("zeta", value), ("", wire.pack(-0.0)), ("alpha \x00\"", wire.pack(b"\xff"))] \
            if number % 5 == 0 and len(value) < 100_000 else []
        yield raw_event(number, f"odd.{number}", value, further)
    yield raw_event(10_000, "session_ended", wire.pack({"status": "completed", "text": "that was all"}))
