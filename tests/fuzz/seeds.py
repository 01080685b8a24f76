#!/usr/bin/python3
"""seeds.py DIR: where fuzzing begins: for each target a folder in DIR with inputs made from the vectors and recordings.

1. The inputs are made from what is in the tree alone, the same each time; a target without a row here begins with nothing.
2. A part of an input stands behind its size, as fuzz.h takes it apart.
"""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
sys.path.insert(0, os.path.join(TOP, "tests", "fuzz"))
import msgpack  # noqa: E402
import seeds_cores  # noqa: E402

VECTORS = os.path.join(TOP, "protocol", "vectors")
RECORDED = os.path.join(TOP, "tests", "laws", "recorded")
BYTES_MAX = 60000


def vectors(name):
    with open(os.path.join(VECTORS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def part(content):
    content = content[:65535]
    return len(content).to_bytes(2, "little") + content


def frame(row):
    return part(bytes.fromhex(row["header"])) + part(bytes.fromhex(row["body"]))


def hex_rows(name, key):
    return [bytes.fromhex(row[key]) for row in vectors(name) if isinstance(row.get(key), str)]


def packed(value):
    return msgpack.packb(value, use_bin_type=True)


def messages():
    rows = vectors("messages") + [row for row in vectors("hostile") if "header" in row and "body" in row]
    return [frame(row) for row in rows]


def conversations(mode):
    """The messages one after the other, each as a step, `mode` in front."""
    rows = [row for row in vectors("messages") if row["correlation"]]
    payload = part(b"\x90")
    steps = [bytes([how]) + frame(row) + payload for row in rows for how in (0, 1)]
    return [bytes([mode]) + b"".join(steps[at:at + 12]) for at in range(0, len(steps), 6)]


def kernel_tables():
    header = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    line = b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1\n"
    return [header + line, b"0.10 0.20 0.30 1/234 5678\n", b"MemTotal: 100 kB\nMemAvailable: 50 kB\nSwapTotal: 0 kB\n"
            b"SwapFree: 0 kB\n", b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n",
            b"some avg10=1.00 avg60=2.00 avg300=0.00 total=9\n",
            b"Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
            b"/dev/sda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n"]


def sources():
    ours = [{"name": "m1", "address": "http://127.0.0.1:2379", "adapter": "http", "labels": {"app": "raft"}, "spec": {"a": 1}}]
    groups = [{"targets": ["127.0.0.1:2379", "[::1]:80"], "labels": {"job": "api", "__scheme__": "https"}}]
    members = {"members": [{"ID": "123", "name": "m1", "clientURLs": ["http://127.0.0.1:2379"], "isLearner": True}]}
    answer = bytes.fromhex("123481800001000100000000036170690465787a6d00002100010369c00c00210001000000050014000000010050") \
        + b"\x04host\x04exzm\x00"
    return [bytes([0]) + json.dumps(ours).encode(), bytes([0]) + json.dumps(groups).encode(),
            bytes([1]) + json.dumps(groups).encode(), bytes([2]) + json.dumps(members).encode()] + \
        [bytes([3 + 4 * kind]) + answer for kind in range(3)]


def http():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\nhello"
    arguments = packed({"body": "{}", "headers": {"accept": "a/b"}, "ok": [200, 404]})
    return [b"\x00" + answer, b"\x01" + arguments, b"\x02" + part(b"http://host:80/a") + b"b?c=d",
            b"\x02" + part(b"basic user:env(NAME)") + b"x"]


def expressions():
    rows = vectors("expressions")
    snapshot = packed({"state": {"count": 3, "services": [{"port": 8080}], "name": "a"}})
    texts = [row[key] for row in rows for key in ("expression", "text") if isinstance(row.get(key), str)]
    return [part(text.encode()) + snapshot for text in texts]


def diffs():
    rows = [row for row in vectors("diff") if "before" in row and "after" in row]
    return [part(packed({"state": row["before"]})) + packed({"state": row["after"]}) for row in rows]


def configurations():
    return [b'[part]\ntext = "a"\nnumber = 3\nfactor = 2.5\nenabled = false\ninterval = "5s"\nlist = ["a", "b"]\n'
            b'[[part.sources]]\nname = "x"\nweight = 2\nlabels = { a = "b" }\n[part.one]\nx = 1\n[other]\nenabled = true\n',
            b'[part]\ntext = "env(HOME)"\n"quoted" = 1979-05-27T07:32:00Z\n']


def records():
    run = bytes.fromhex(vectors("commits")[0]["commit"])
    return [packed([1, 5, 6, 7, [["s", 1, 2]]]), packed([1, 5, 0, 2, b"x"]), packed([1, "active", 1, 2, 3]), run,
            b"obs_events/s:00000000000000000001", b"obs_commits/00000000000000000001"]


def observers():
    answers = {"/status": b'{"header": {"member_id": "1", "raft_term": "2"}, "leader": "1", "raftIndex": "5", "raftTerm": "2"}',
               "/": b'{"chain": {"height": 5, "tip": "00ab", "progress": 1}, "network": "regtest"}'}
    own = [bytes([row]) + part(text) * 8 for row in range(9) for text in answers.values()]
    tables = [bytes([0]) + part(kernel_tables()[at]) * 6 for at in range(7)] + [bytes([1]) + part(kernel_tables()[0]) * 6]
    return own + tables


def recorded():
    """The contents of recorded samples, those of each turn together, by the observer that they were read for."""
    found = {}
    for name in sorted(os.listdir(RECORDED)):
        with open(os.path.join(RECORDED, name), "rb") as file:
            turns = msgpack.Unpacker(file, strict_map_key=False, raw=False, unicode_errors="replace")
            found[name] = [[sample.get("content", b"") for sample in turn["samples"]] for turn in turns]
    return found


def recorded_turns():
    """Turns of recordings for the rows of fuzz_observers.c, three at a time."""
    kinds = {"machine": [0], "services": [1], "raft": [2, 3], "chain": [4, 6, 7, 8]}
    for name, turns in recorded().items():
        for row in kinds.get(name, []):
            for at in range(0, min(len(turns), 60), 3):
                yield bytes([row]) + b"".join(part(content) for turn in turns[at:at + 3] for content in turn)


def twice():
    """Lines of events with a field twice that an event has once."""
    head = '{"ts": "2026-01-31T12:00:00.000Z", "session": "s", "seq": 1, "type": "t", "data": 1, '
    return [(head + pair + "}").encode() for pair in ('"aux": "YWE=", "aux": "YmI="', '"cause": {}, "cause": {}')]


def rows():
    commits = hex_rows("commits", "commit")
    values = [part_ for row in vectors("messages") for part_ in (bytes.fromhex(row["header"]), bytes.fromhex(row["body"]))]
    events = [json.dumps({"ts": "2026-01-31T12:00:00.000Z", "session": "s", "seq": 1, "type": row["type"],
                          "data": row["data"]}).encode() for row in vectors("events") if "type" in row and "data" in row]
    wire_events = [packed({"ts": "2026-01-31T12:00:00.000Z", "type": row["type"], "data": row["data"]})
                   for row in vectors("events") if "type" in row and "data" in row]
    contents = sorted({content for turns in recorded().values() for turn in turns for content in turn if content})
    return {
        "value": values + commits, "message": messages(), "run": wire_events + commits, "commit": commits,
        "json": events + twice() + [c for c in contents if c[:1] in b"{["][:50], "expression": expressions(), "diff": diffs(),
        "reception": [seed for mode in range(3) for seed in conversations(mode)], "feed": conversations(2),
        "emit": conversations(1), "config": configurations(), "http": http(), "sources": sources(), "records": records(),
        "figures": kernel_tables() + [c for c in contents if c[:1] not in b"{["][:100],
        "observers": observers() + list(recorded_turns()), **seeds_cores.rows(),
    }


def words():
    """A dictionary for libFuzzer: names of fields, statuses and feeds as MessagePack has them, and as JSON and TOML do."""
    names = set()
    for row in vectors("messages"):
        names.update(row["fields"])
        names.update(key for rows_ in row["fields"].values() if isinstance(rows_, list) for one in rows_ if isinstance(one, dict)
                     for key in one)
    names.update(("membership", "readings", "state", "lifecycle", "positions", "sources", "actors", "ok", "not_found", "pruned",
                  "corrupt", "active", "completed", "live", "commit", "static", "http", "file", "session_started", "session_ended"))
    for name in sorted(names):
        lead = f"\\x{0xa0 | len(name):02x}" if len(name) < 32 else f"\\xd9\\x{len(name):02x}"
        yield f'"{lead}{name}"'
        yield f'"{name}"'


def write(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "words.txt"), "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in words())
    for target, inputs in rows().items():
        own = os.path.join(folder, target)
        os.makedirs(own, exist_ok=True)
        for content in inputs:
            with open(os.path.join(own, hashlib.sha1(content).hexdigest()[:16]), "wb") as file:
                file.write(content[:BYTES_MAX])


if __name__ == "__main__":
    write(sys.argv[1])
