"""vectors.py: the Python client reads and writes the vectors exactly as the C library does."""
import json
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
from vedette import diff, events, expression, layout, wire  # noqa: E402


def load(name):
    with open(os.path.join(TOP, "protocol", "vectors", name), encoding="utf-8") as file:
        return json.load(file)


def frames(vector):
    return [bytes.fromhex(vector["header"]), bytes.fromhex(vector["body"])]


def status_of(vector):
    try:
        wire.unpack_message(frames(vector))
    except wire.Malformed as problem:
        return problem.status
    return "ok"


def same(a, b):
    """Equal, and of the same kinds: 1 is neither True nor 1.0."""
    return type(a) is type(b) and a == b


def expressions():
    common, *rows = load("expressions.json")
    for row in rows:
        if "error" in row:
            try:
                expression.Expression(row["expression"])
            except expression.ExpressionError as problem:
                found = {"column": problem.column, "expected": problem.expected}
                assert found == row["error"], f"{row['expression']}: {found}, wanted {row['error']}"
                continue
            raise AssertionError(f"{row['expression']}: is none, and was read")
        found = expression.Expression(row["expression"]).evaluate(row.get("value", common["value"]))
        assert same(found, row["result"]), f"{row['expression']}: {found!r}, wanted {row['result']!r}"


def differences():
    for row in load("diff.json"):
        found = diff(row["before"], row["after"])
        assert repr(found) == repr(row["rows"]), f"{row['name']}: {found!r}, wanted {row['rows']!r}"


def hostile_commits():
    """What is no commit ends in Malformed, and what is odd and lawful is read."""
    good = [5, 1700000000000, 1, 7, [[0, "s", 1, None, 2, 3, "pruned"]]]
    assert next(iter(wire.unpack_commits(wire.pack(good)))).absent == [(0, "s", 1, 2, 3, "pruned")]
    bad = [None, [], good[:4], [0, *good[1:]], [True, *good[1:]], [5, 1 << 63, *good[2:]], [5, [], *good[2:]], [*good[:3], 1 << 32, []],
           [*good[:4], {}], [*good[:4], [5]], *([*good[:4], [run]] for run in (
               [0, "s", 1], [0, "s", -1, b"x"], [0, 5, 1, b"x"], [0, "s" * 1000, 1, b"x"], [0, "s", 1, b""], [0, "s", 1, "x"],
               [0, "s", 1, None], [0, "s", 1, None, 0, 3, "pruned"], [0, "", 1, None, 1, 0, "corrupt"], [0, "s", 1, None, 1, 1, 5]))]
    for value in bad:
        try:
            list(wire.unpack_commits(wire.pack(value)))
        except wire.Malformed:
            continue
        raise AssertionError(f"{value} is no commit, and was read")
    assert wire.unpack(bytes.fromhex("819101a161")) == {(1,): "a"} and wire.unpack(bytes.fromhex("d4a407")) == (-92, b"\x07")


def event_checks():
    for row in load("events.json"):
        data = wire.unpack(bytes.fromhex(row["msgpack"])) if "msgpack" in row else row["data"]
        try:
            events.check(row["type"], data)
            found = None
        except events.BadEvent as problem:
            found = problem.text
        assert found == row.get("error"), f"{row['what']}: {found!r}, wanted {row.get('error')!r}"


def layouts():
    rows = load("layouts.json")
    for row in rows:
        try:
            layout.check(row["layout"])
            found = None
        except layout.LayoutError as problem:
            found = str(problem)
        assert found == row["error"], f"{row['layout']}: {found!r}, wanted {row['error']!r}"
    assert len(rows) > 40


def session_ids():
    ids = [wire.new_session_id() for _ in range(20000)]
    assert ids == sorted(set(ids)), "ids of one process sort in the order in which they were made"
    assert all(re.fullmatch(r"\d{8}T\d{9}Z-[0-9a-f]{12}", one) for one in ids), ids[0]


def main():
    expressions()
    differences()
    hostile_commits()
    event_checks()
    layouts()
    session_ids()
    for vector in load("messages.json"):
        message = wire.unpack_message(frames(vector))
        assert (message.name, message.correlation) == (vector["message"], vector["correlation"]), vector
        again = wire.pack_message(message.name, message.fields, correlation=message.correlation)
        assert again == frames(vector), f"{message.name}: packed as {again}"
    for vector in load("hostile.json"):
        # A client in Python has no schema: what only the schema refuses is for the servers.
        wanted = ("ok", vector["status"]) if vector.get("schema") else (vector["status"],)
        assert status_of(vector) in wanted, f"{vector['what']}: {status_of(vector)}"
    for vector in load("commits.json"):
        commit, = wire.unpack_commits(bytes.fromhex(vector["commit"]))
        assert commit.chain == vector["chain"] == commit.chain_after(vector["previous"]), vector["index"]
        gone = [at + n for at, _, _, count, _, _ in commit.absent for n in range(count)]
        places = sorted(gone + [place for place, _ in commit.events()])
        assert places == list(range(len(places))) and bool(gone) == (vector["index"] > 3), vector["index"]
    assert wire.crc32c(b"123456789") == 0xE3069283
    print("vectors: ok")


main()
