#!/usr/bin/python3
"""peers.py PEER [--seed N] [--cases N]: the decoders in Python and those in C make the same of the same bytes.

The inputs are the vectors and recordings, changed at random from a seed: bytes, and values inside of what is packed. What
the one reads the other reads, to the same result; what the one refuses the other refuses, with the same status. What
differs and may stands in agree."""
import argparse
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seeds  # noqa: E402
import seeds_cores  # noqa: E402
import msgpack  # noqa: E402
from vedette import diff, expression, layout, wire  # noqa: E402

BATCH = 2000
INTERESTING = [0, 1, -1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, -2**63, 1.5, float("inf"), "", "x", "state", b"", b"\xff", None, True, [],
               {}, [[]], {"a": 1}, "\u00e4", "a" * 300]
LEADS = bytes([0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x80, 0x90, 0xa0, 0xff])


# ---- changing ----

def change_bytes(pick, content):
    content = bytearray(content)
    for _ in range(pick.randint(1, 4)):
        at = pick.randrange(len(content) + 1)
        how = pick.randrange(5)
        if how == 0 and content:
            content[at % len(content)] = pick.randrange(256)
        elif how == 1:
            content[at:at] = bytes([pick.choice(LEADS)])
        elif how == 2:
            del content[at:at + pick.randint(1, 4)]
        elif how == 3:
            content[at:at] = content[:pick.randint(0, 16)]
        elif content:
            content[at % len(content)] ^= 1 << pick.randrange(8)
    return bytes(content[:60000])


def change_value(pick, value, depth=0):
    """Another value at a random place inside."""
    if isinstance(value, list) and value and pick.random() < 0.8 and depth < 20:
        at = pick.randrange(len(value))
        if pick.random() < 0.15:
            return value[:at] + value[at + 1:]
        return value[:at] + [change_value(pick, value[at], depth + 1)] + value[at + 1:]
    if isinstance(value, dict) and value and pick.random() < 0.8 and depth < 20:
        key = pick.choice(list(value))
        if pick.random() < 0.15:
            return {one: other for one, other in value.items() if one is not key}
        return {**value, key: change_value(pick, value[key], depth + 1)}
    return [value] if pick.random() < 0.1 else pick.choice(INTERESTING)


def change_run(pick, run):
    """Other events, each with the checksum that it then has; or other bytes."""
    if pick.random() < 0.4:
        return change_bytes(pick, run)
    events = list(wire.unpack_run(run))
    at = pick.randrange(len(events))
    return wire.pack_run(events[:at] + [change(pick, events[at])] + events[at + pick.randint(0, 2):])


def change(pick, content):
    if pick.random() < 0.1:
        return content
    if pick.random() < 0.5:
        return change_bytes(pick, content)
    try:
        value = msgpack.unpackb(content, raw=False, strict_map_key=False)
        return msgpack.packb(change_value(pick, value), use_bin_type=True)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return change_bytes(pick, content)


def change_text(pick, text, words):
    text = bytearray(text)
    for _ in range(pick.randint(1, 3)):
        at = pick.randrange(len(text) + 1)
        if pick.random() < 0.4:
            text[at:at] = b" " + pick.choice(words) + b" "
        elif pick.random() < 0.5:
            del text[at:at + pick.randint(1, 5)]
        else:
            text[at:at] = bytes([pick.choice(b" .[]()!<>=&|\"'0123456789abx,-")])
    return bytes(text)


# ---- what Python makes of it ----

def status_of(problem):
    """The library of Python refuses a time stamp (ext -1) of a length that there is none of, whatever uses it."""
    return "time stamp" if "Unpack failed" in str(problem) else problem.status


def message(header, body):
    try:
        read = wire.unpack_message([header, body])
    except wire.Malformed as problem:
        return status_of(problem)
    return f"ok {read.name} {read.correlation}"


def is_text(content):
    """Whether all texts inside are UTF-8: what else they may be, Python cannot tell of them."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, object_pairs_hook=len)
    unpacker.feed(content)
    try:
        for _ in unpacker:
            pass
    except (ValueError, msgpack.UnpackException):
        return False
    return True


def has_twice(content):
    """Whether a map inside has a key twice: Python keeps the last, C looks at the first."""
    found = []

    def look(pairs):
        found.append(len({str(key) for key, _ in pairs}) < len(pairs))
        return len(pairs)
    msgpack.unpackb(content, raw=False, strict_map_key=False, unicode_errors="replace", object_pairs_hook=look,
                    ext_hook=lambda code, data: (code, data))
    return any(found)


def value(content):
    try:
        wire.scan(content)
    except wire.Malformed as problem:
        return problem.status
    return "ok"


def run(content):
    try:
        return f"ok {sum(1 for _ in wire.unpack_run(content))}"
    except wire.Malformed as problem:
        return problem.status


def commits(content):
    words = ["ok"]
    try:
        for one in wire.unpack_commits(content):
            for _, _, _, content, *_ in one.runs:
                for _ in wire.unpack_run(content or b""):
                    pass
            words.append(f"{one.index}:{len(one.runs)}:{one.chain_after(7):08x}")
        return " ".join(words)
    except wire.Malformed as problem:
        return status_of(problem)


def parsed(text):
    try:
        expression.Expression(text.decode())
    except expression.ExpressionError as problem:
        return f"error {problem.column}"
    return "ok"


def laid_out(content):
    try:
        layout.check(wire.unpack(content))
    except (layout.LayoutError, wire.Malformed):
        return "error"
    return "ok"


def compared(before, after):
    rows = diff(wire.unpack(before), wire.unpack(after))
    return rows


# ---- cases ----

def vectors_of_values():
    return [bytes.fromhex(row[key]) for row in seeds.vectors("messages") for key in ("header", "body")]


def cases(pick, count):
    """(kind, first, second, what Python makes of it)"""
    frames = [(bytes.fromhex(row["header"]), bytes.fromhex(row["body"])) for row in seeds.vectors("messages")]
    frames += [(bytes.fromhex(row["header"]), bytes.fromhex(row["body"])) for row in seeds.vectors("hostile") if "body" in row]
    frames += [(header, bytes.fromhex("829001a161d4ff00")) for header, _ in frames[:3]]  # a list as a key, and a bad time stamp
    values, runs = vectors_of_values(), seeds_cores.runs()
    runs = [wire.pack_run(list(wire.unpack_run(run))[:8]) for run in runs]
    runs += [wire.pack_run([wire.pack_event("thing", number) for number in range(3)])]
    written = seeds.hex_rows("commits", "commit")
    texts = [row["expression"].encode() for row in seeds.vectors("expressions") if "expression" in row]
    layouts = [seeds.packed(row["layout"]) for row in seeds.vectors("layouts")]
    pairs = [(seeds.packed({"state": row["before"]}), seeds.packed({"state": row["after"]})) for row in seeds.vectors("diff")
             if "before" in row]
    words = sorted({word for text in texts for word in text.split()})
    for _ in range(count):
        kind = pick.choice(("message", "message", "value", "run", "commits", "expression", "layout", "diff"))
        first, second = b"", b""
        if kind == "message":
            first, second = pick.choice(frames)
            if pick.random() < 0.4:
                first = change(pick, first)
            else:
                second = change(pick, second)
            yield kind, first, second, message(first, second)
        elif kind == "value":
            first = change(pick, pick.choice(values))
            yield kind, first, b"", value(first)
        elif kind == "run":
            first = change_run(pick, pick.choice(runs))
            yield kind, first, b"", run(first)
        elif kind == "commits":
            first = change(pick, pick.choice(written))
            if is_text(first):
                yield kind, first, b"", commits(first)
        elif kind == "expression":
            first = change_text(pick, pick.choice(texts), words)
            try:
                yield kind, first, b"", parsed(first)
            except UnicodeDecodeError:
                continue
        elif kind == "layout":
            first = change(pick, pick.choice(layouts))
            yield kind, first, b"", laid_out(first)
        else:
            first, second = pick.choice(pairs)
            first, second = (change(pick, first), second) if pick.random() < 0.5 else (first, change(pick, second))
            try:
                if value(first) == value(second) == "ok" and not has_twice(first) and not has_twice(second):
                    yield kind, first, second, compared(first, second)
            except ValueError:  # a time stamp that is none
                continue


def agree(kind, own, answer):
    if kind == "message" and own != "time stamp":
        # C looks at the fields of a message at once, the Python client as it uses them.
        return own == answer or (own.startswith("ok ") and answer in ("missing_field", "wrong_type", "too_large", "malformed"))
    if kind == "diff":
        if not answer.startswith("ok "):
            return answer == "too_large"
        rows = wire.unpack(bytes.fromhex(answer[3:]))
        return repr(rows) == repr(own)
    # Python checks the events of a commit at once, C as they are taken.
    return own in (answer, "time stamp") or (kind == "commits" and own == "bad_crc")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--cases", type=int, default=20000)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    pick = random.Random(options.seed)
    left, tally = options.cases, {}
    while left > 0:
        batch = list(cases(pick, min(left, BATCH)))
        left -= BATCH
        lines = [f"{kind} {first.hex() or '-'} {second.hex() or '-'}\n" for kind, first, second, _ in batch]
        done = subprocess.run([options.peer], input="".join(lines), capture_output=True, text=True, check=False)
        answers = done.stdout.splitlines()
        if done.returncode != 0 or len(answers) != len(batch):
            at = min(len(answers), len(lines) - 1)
            sys.exit(f"{options.peer} ended with {done.returncode} at: {lines[at]}{done.stderr}")
        for (kind, _, _, own), answer, line in zip(batch, answers, lines):
            if not agree(kind, own, answer):
                sys.exit(f"{kind}: in Python {own!r}, in C {answer!r}: {line}")
            read = tally.setdefault(kind, [0, 0])
            read[0] += 1
            read[1] += answer.startswith("ok")
    print(json.dumps({kind: f"{read} read of {count}" for kind, (count, read) in sorted(tally.items())}))


if __name__ == "__main__":
    main()
