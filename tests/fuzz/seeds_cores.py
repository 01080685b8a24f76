"""Where fuzzing of whole cores and screens begins: conversations as they are held, and recorded sessions.

Steps are those of stage.h: HOW, then header, body and payload as parts."""
import json
import os
import sys

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
import msgpack  # noqa: E402
from vedette import wire  # noqa: E402

RECORDED = os.path.join(TOP, "tests", "unit", "recorded")
LAYOUTS = os.path.join(TOP, "tests", "unit", "layouts")
TS = "2026-01-31T12:00:00.000Z"
END, TIME = bytes([6]), bytes([7, 50, 50])


def part(content):
    content = content[:65535]
    return len(content).to_bytes(2, "little") + content


def packed(value):
    return msgpack.packb(value, use_bin_type=True)


def step(port, name, fields=None, payload=b"", peer=0, back=0, late=False, crowd=False):
    """`crowd`: the port has so many peers that the one is told by a byte of its own."""
    header, body = wire.pack_message(name, fields, b"", 5)[:2]
    how = port | back << 5 | (0x80 if late else 0)
    return (bytes([how, peer]) if crowd else bytes([how | peer << 3])) + part(header) + part(body) + part(payload)


def ended(how=0, content=b""):
    return bytes([6 | how]) + content


def event(type, data=None, cause=None):
    return wire.pack_event(type, data, TS, cause)


SOURCE = {"name": "m1", "adapter": "http", "address": "http://127.0.0.1:1", "labels": {"app": "raft"}, "inc": 4}
READ = {"source": "m1", "source_inc": 4, "adapter": "http", "address": "http://127.0.0.1:1", "op": "get", "target": "/a",
        "interval_ms": 100}


def broker():
    own = {"name": "poller-1", "kind": "poller", "inc": 3, "pid": 7,
           "endpoints": [{"port": "requests", "endpoint": "ipc://r"}, {"port": "samples", "endpoint": "ipc://s"}]}
    announce = {"provider": "static", "inc": 9, "set": 1, "last": True, "sources": [SOURCE, {"name": "m2", "adapter": "file"}]}
    less = {"provider": "static", "inc": 9, "set": 2, "last": True, "sources": [SOURCE]}
    there = [step(0, "REGISTER", own), step(0, "ANNOUNCE", announce, peer=1), TIME, step(0, "GET", {"feed": "membership"}, peer=2)]
    gone = [step(0, "ANNOUNCE", less, peer=1), step(0, "DIED", {"name": "poller-1", "inc": 3}, peer=3), TIME,
            step(0, "REGISTER", {**own, "inc": 4}), step(0, "LEAVE", {"name": "poller-1", "inc": 4}),
            step(0, "READ", {"feed": "membership", "inc": 7, "after": 1}, peer=2), TIME]
    parts = [step(0, "ANNOUNCE", {**announce, "last": False, "set": 3}), step(0, "ANNOUNCE", {**less, "set": 3, "part": 1})]
    return [bytes([first]) + b"".join(steps) for first in (0, 1) for steps in (there, there + gone, parts + there)]


def supervisor():
    verbs = [step(0, "CONTROL", {"verb": verb, "actor": actor}, peer=at % 4)
             for at, verb in enumerate(("stop", "start", "restart", "kill", "pause", "resume")) for actor in ("broker", "host")]
    opened = step(2, "OPENED", {"epoch": 1, "mark": 0, "store": "x", "window": 100}, back=1)
    done = step(2, "COMMITTED", {"epoch": 1, "mark": 1, "store": "x", "index": 1, "chain": 5, "session": "s", "seq": 1})
    sources = step(1, "SNAPSHOT", {"feed": "membership", "inc": 5, "n": 0, "complete": True},
                   packed({"actors": [], "sources": [SOURCE], "providers": []}), back=1)
    live = [ended(8 * kind, b"\x00" + (b"\x01\x09" + part(b"the end") if kind == 0 else b"")) for kind in (2, 2, 1, 2, 0)]
    reads = step(4, "SESSION_ROWS", {"count": 1, "more": False},
                 packed([{"session": "s", "state": "active", "last_seq": 2000}]), back=1)
    rest = [step(0, "STATUS"), step(0, "GET", {"feed": "lifecycle"}), ended(0x60), TIME]
    begun = live + live + [TIME, opened, done, sources, TIME]
    return [b"".join(begun + [reads] + rest), b"".join(begun + verbs + rest), b"".join(verbs)]


def poller():
    stand = step(0, "STAND", {"observer": "raft", "inc": 5, "lease_ms": 3000, "reads": [READ, {**READ, "target": "/b"}]})
    once = step(0, "READ_ONCE", {"reads": [{**READ, "interval_ms": 0}]}, peer=1)
    good = ended(0, b"\x00" + part(packed({"code": 200})) + part(b'{"a": 1}'))
    bad = ended(8, b"\x00" + part(b"") + part(b"nobody is there"))
    odd = ended(8, b"\x00" + part(b"") + part(b"\x81\xa4 caf\xc3\xa9 \xc3"))
    asks = [step(0, "GET", {"feed": "readings"}), step(0, "STATUS"),
            step(0, "GET", {"feed": f"sample/m1/{0:016x}"})]
    return [b"".join([stand, TIME, good, bad, TIME, good, once, good, stand, *asks]), b"".join([once, good, *asks]),
            b"".join([stand, TIME, ended(0x10, b"\x01" + part(b"") + part(b"x")), *asks]), b"".join([stand, TIME, odd, *asks, once, odd])]


def announcing():
    listed = json.dumps([{"name": "m1", "address": "http://127.0.0.1:2379"}, {"targets": ["127.0.0.1:80"]}]).encode()
    pong = step(0, "PONG", {"inc": 5}, back=1)
    done = step(0, "DONE", {}, back=1)
    lease = step(0, "REGISTERED", {"inc": 5, "lease_ms": 5000}, back=1)
    add = step(0, "SOURCE_ADD", {"sources": [SOURCE]})
    other = step(0, "SOURCE_ADD", {"sources": [{"name": "m2", "adapter": "file", "address": "/x", "spec": {"a": [1, 2.5, None]}}]})
    remove = step(0, "SOURCE_REMOVE", {"names": ["m1"]})
    return [b"\x00" + lease + TIME + lease, b"\x01" + ended(0, part(listed)) + done + pong + TIME + ended(8, part(b"no")) + done,
            b"\x02" + add + END + other + END + add + remove + ended(8) + remove + END + step(0, "STATUS")]


def commits():
    with open(os.path.join(TOP, "protocol", "vectors", "commits.json"), encoding="utf-8") as file:
        return [bytes.fromhex(row["commit"]) for row in json.load(file) if "commit" in row]


def starts():
    rows = [{"stream": stream, "name": "a", "items": 100, "bytes": 100000, **more} for stream in ("live", "commit")
            for more in ({}, {"head": True}, {"session": "s", "seq": 2}, {"session": "s", "type": "count.*"})]
    return [step(0, "START", row, peer=at % 4) for at, row in enumerate(rows)]


def relay():
    began = step(2, "STARTED", {"store": "x", "index": 0, "offset": 0, "chain": 0, "head": 3}, back=1)
    pieces = []
    for row in commits():
        try:
            index = next(iter(wire.unpack_commits(row))).index
        except (wire.Malformed, StopIteration, TypeError):
            continue
        pieces.append(step(2, "COMMITS", {"store": "x", "after": index - 1, "index": index, "chain": 1, "events": 1, "head": 9},
                           row, back=1))
    head = step(2, "HEAD", {"store": "x", "head": 9, "sent": 3})
    rows = step(2, "SESSION_ROWS", {"count": 0, "more": False}, packed([]), back=1)
    asks = [step(0, "SESSIONS"), rows, step(0, "STORE"), step(0, "FETCH", {"index": 1, "items_max": 3}), step(1, "SUBSCRIBERS"),
            step(1, "STEER", {"verb": "kick", "name": "a"}), step(0, "LOAD_POSITION", {"name": "a"})]
    return [b"".join([began, *pieces[:4], head, *starts(), *asks, TIME]), b"".join([began, *asks, TIME, *starts()])]


def chained(runs, before=0):
    """[(index, chain, value)] of commits that follow each other, one for each [(session, first, events)]."""
    found = []
    for index, rows in enumerate(runs, 1):
        value, at = [index, 1700000000000 + index, 1, 0, []], 0
        for session, first, events in rows:
            value[4].append([at, session, first, wire.pack_run(events)])
            at += len(events)
        value[3] = before = wire.Commit(value).chain_after(before)
        found.append((index, before, packed(value)))
    return found


def auditor():
    read, broker, supervisor, live, sample, relay, poller, observer = range(8)  # in the order in which it connects to them

    def say(peer, name, fields, payload=b"", **more):
        return step(1, name, fields, payload, peer=peer, crowd=True, **{"back": 1, **more})
    runs = event("actor_runs", {"actor": "host", "pid": 7, "restarts": 1})
    written = chained([[("s", 1, [event("session_started", {"name": "n"}), runs])],
                       [("t", 1, [event("session_started", {"name": "o", "continues": "s"}), event("thing", 1)]),
                        ("s", 3, [event("x")])],
                       [("s", 4, [event("session_ended", {"status": "completed", "continued_by": "t"})])], [("t", 3, [event("y")])]])
    chain = written[-1][1]
    began = {"store": "x", "index": 4, "offset": 0, "chain": chain, "head": 4}
    pieces = [{"store": "x", "after": index - 1, "index": index, "chain": own, "events": 1, "head": 4} for index, own, _ in written]
    all_of_it = {**pieces[-1], "after": 0, "events": 7}
    whole = say(read, "COMMITS", all_of_it, b"".join(value for *_, value in written))
    single = [say(read, "COMMITS", row, value) for row, (*_, value) in zip(pieces, written)]
    nothing = say(read, "COMMITS", {**pieces[-1], "after": 4, "events": 0})
    actors = [{"name": name, "kind": kind, "inc": 3, "endpoints": [{"port": port, "endpoint": f"ipc://{name}"}]}
              for name, kind, port in (("relay-1", "relay", "read"), ("poller-1", "poller", "requests"), ("raft", "observer", "requests"))]
    members = say(broker, "SNAPSHOT", {"feed": "membership", "inc": 5, "n": 0, "complete": True},
                  packed({"actors": actors, "sources": [{**SOURCE, "poller": "poller-1"}], "providers": []}))
    child = {"name": "host", "kind": "host", "state": "ready", "pid": 7, "restarts": 1, "since_ms": 5}
    children = say(supervisor, "SNAPSHOT", {"feed": "lifecycle", "inc": 5, "n": 0, "complete": True}, packed([child]))
    status = say(supervisor, "STATUS_IS", {"state": "ready", "session": "s", "pid": 1, "started_ms": 5, "actors": 1, "ready": 1,
                                           "version": "1", "data": "/x"})
    soon = [bytes([7, 10, 15])]  # 1.5 s: it does not seem to have slept
    streams = [say(peer, "STARTED", {**began, "index": 3, "chain": written[2][1]}) for peer in (live, relay)] + \
        [say(peer, "COMMITS", pieces[3], written[3][2]) for peer in (live, relay)]
    streams = streams + soon + streams  # they are looked at now, or then
    heard = step(2, "COMMITTED_RUN", {"store": "x", "index": 4, "session": "t", "first": 3, "count": 1}, wire.pack_run([event("y")]))
    calm = [part_ for _ in range(5) for part_ in (*soon, nothing, heard)]
    stored = say(sample, "COMMITS", {**pieces[3], "store": "x"}, written[3][2])
    position = {"store": "x", "index": 4, "offset": 0, "chain": chain}
    said = [say(poller, "SNAPSHOT", {"feed": "readings", "inc": 3, "n": 1, "complete": True},
                packed([{"source": "m1", "observers": ["raft"]}])),
            say(observer, "RESET", {"feed": "state", "inc": 3, "n": 1, "complete": True}, packed({"position": position})),
            say(observer, "ITEMS", {"feed": "state", "inc": 3, "first": 2, "count": 1, "head": 2},
                packed([{"position": position}]))]
    reset = say(read, "STREAM_RESET", {"store": "y", "status": "went_back", "first": 1, "head": 2, "text": "gone"})
    told = [say(8, "OPENED", {"epoch": 1, "mark": 0, "store": "x", "window": 100}),
            say(8, "COMMITTED", {"epoch": 1, "mark": 1, "store": "x", "index": 5, "chain": 5, "session": "t", "seq": 4})]
    # Positions before the first commit that have a chain, and a session that goes on as nobody can be called.
    (index, own, value), = chained([[("s", 1, [event("session_started"), event("session_ended", {"continued_by": "no name!"})])]])
    unnamed = say(read, "COMMITS", {**pieces[0], "index": index, "chain": own, "events": 2, "head": 1}, value)
    get = step(0, "GET", {"feed": "audit"})
    there = [members, children, *soon, status]
    return [b"\x01" + b"".join([*there, *single, *calm, *streams, *calm, stored, *said, *calm, get]),
            b"\x01" + b"".join([whole, *there, *calm, *streams, *calm, *told, *calm, reset, *calm, get]),
            b"\x00" + b"".join([say(read, "STARTED", began), nothing, *there, *calm, *said, *streams, *calm, *told, get]),
            b"\x01" + b"".join([*there, single[0], single[1], reset, *soon, say(read, "STARTED", began), *calm, get]),
            b"\x01" + b"".join([unnamed, *there, *calm]), b"\x00" + say(read, "STARTED", {**began, "index": 0}),
            b"\x01" + say(read, "COMMITS", {**pieces[0], "index": 0}, written[0][2]),
            b"\x01" + b"".join([*there, whole, *calm, *([*soon, say(relay, "STARTED", {**began, "index": 0})] * 4)])]


def sequencer():
    def emit(first, events, peer=0, session="s", epoch=1, **more):
        return step(0, "EMIT", {"producer": "p", "epoch": epoch, "first": first, "count": len(events), "session": session, **more},
                    wire.pack_run(events), peer=peer)
    take = [step(0, "OPEN", {"producer": "p", "life": 7}), END]
    began = emit(1, [event("session_started", {"name": "n"}), event("thing", 1)])
    more = [emit(3, [event("thing", {"a": 2})]), emit(3, [event("thing", {"a": 2})]), END, emit(4, [event("thing", 3)], record="r"),
            END, emit(5, [event("thing", 3)], record="r"), END]
    over = [emit(6, [event("session_ended", {"status": "completed"})]), END, END, step(1, "PRUNE", {"keep": 0}), END, END, END]
    fails = [began, ended(0x18), TIME, END, TIME, began, END]
    news = [step(1, "STATUS"), step(0, "OPEN", {"producer": "p", "life": 8}, peer=1), END,
            emit(3, [event("x")], epoch=1, peer=0)]
    return [b"\x00" + b"".join(steps) for steps in ([*take, began, END, *more, *over], [*take, *fails], [*take, began, END, *news])]


def reading():
    position = {"name": "a", "store": "x", "index": 2, "offset": 0, "chain": 0}
    asks = [step(0, "SESSIONS"), step(0, "SESSIONS", {"state": "active", "count": 1}), step(0, "STORE"), step(0, "VERIFY", {}),
            step(0, "FETCH", {"index": 1, "items_max": 3}), step(0, "FETCH", {"session": "s", "seq": 2}),
            step(0, "SAVE_POSITION", position), END, step(0, "LOAD_POSITION", {"name": "a"}), step(0, "GET", {"feed": "positions"}),
            step(0, "SAVE_SNAPSHOT", {"observer": "o", "session": "s", "store": "x", "index": 1, "offset": 0, "chain": 0, "seq": 1,
                                      "cycle": 1, "at_ms": 5}, packed({"a": 1})), END,
            step(0, "LOAD_SNAPSHOT", {"observer": "o", "session": "s"})]
    credits = [step(0, "CREDIT", {"items": 200, "bytes": 200000, "mode": "live_only", "queue": 3}, peer=at) for at in range(4)]
    steer = [step(1, "SUBSCRIBERS"), step(1, "STEER", {"verb": "kick", "name": "a"}, peer=1)]
    return [b"".join(asks), b"".join([*starts(), ended(8), ended(8), TIME, *credits, *steer, ended(8), TIME])]


def host():
    actors = [{"name": "poller-1", "kind": "poller", "inc": 3, "endpoints": [{"port": "requests", "endpoint": "ipc://r"},
                                                                          {"port": "samples", "endpoint": "ipc://s"}]}]
    members = {"actors": actors, "sources": [{**SOURCE, "poller": "poller-1"}], "providers": []}
    sample = {"source": "m1", "source_inc": 4, "op": "read", "target": "value", "n": 1, "at_ms": 5, "status": "ok",
              "content": b"http://127.0.0.1:1 7"}
    opened = step(0, "OPENED", {"epoch": 1, "mark": 0, "store": "x", "window": 100}, back=1)
    replay = [step(1, "STORED_SNAPSHOT", {"observer": "alpha", "session": "s", "store": "x", "index": 0, "offset": 0, "chain": 0,
                                          "seq": 0, "cycle": 0, "at_ms": 0}, packed({}), back=1),
              step(1, "ERROR", {"status": "not_found", "text": "none"}, back=1),
              step(1, "SESSION_ROWS", {"count": 1, "more": False}, packed([{"session": "s", "state": "active", "last_seq": 1}]),
                   back=1),
              step(1, "STARTED", {"store": "x", "index": 0, "offset": 0, "chain": 0, "head": 0}, back=1),
              step(1, "HEAD", {"store": "x", "head": 0, "sent": 0}, back=1)]
    there = step(2, "SNAPSHOT", {"feed": "membership", "inc": 5, "n": 0, "complete": True}, packed(members), back=1)
    stands = step(3, "STANDING", {"inc": 3, "readings": [{"status": "ok", "feed": "sample/m1/1"}]}, back=1)
    says = step(4, "ITEM", {"feed": "sample/m1/1", "inc": 3, "n": 1}, packed(sample))
    done = step(0, "COMMITTED", {"epoch": 1, "mark": 1, "store": "x", "index": 1, "chain": 5, "session": "s", "seq": 1}, back=1)
    asks = [step(5, "GET", {"feed": "state"}), step(5, "QUERY", {"name": "queries"}), step(5, "PAST", {"session": "s", "seq": 1}),
            step(5, "READ", {"feed": "state", "inc": 7, "after": 0})]
    return [bytes([first]) + b"".join(steps) for first in (0, 1)
            for steps in ([opened, *replay, there, TIME, stands, says, TIME, done, says, TIME, done, *asks], [*asks, *replay, TIME])]


def lines(name):
    with open(os.path.join(RECORDED, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def run_of(rows):
    return wire.pack_run([wire.pack_event(row["type"], row["data"], row["ts"], row.get("cause")) for row in rows])


def runs():
    """Recorded sessions in pieces that are small enough to be changed."""
    rows = [lines(name) for name in sorted(os.listdir(RECORDED))]
    return [run_of(row[at:at + 40]) for row in rows for at in range(0, min(len(row), 480), 40)]


def layouts():
    with open(os.path.join(TOP, "protocol", "vectors", "layouts.json"), encoding="utf-8") as file:
        vectors = [row["layout"] for row in json.load(file)]
    own, shown = [], []
    for name in sorted(os.listdir(LAYOUTS)):
        if name.endswith(".json"):
            with open(os.path.join(LAYOUTS, name), encoding="utf-8") as file:
                shown.append(json.load(file))
    for name in sorted(os.listdir(os.path.join(TOP, "observers"))):
        path = os.path.join(TOP, "observers", name, "layout.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                own.append((name, json.load(file)))
    snapshots = {"raft": shown[2:], "chain": shown[:1], "machine": shown[1:2]}
    seeds = [bytes([0x60]) + part(packed(row)) + packed({"count": 3}) for row in vectors]
    seeds.append(bytes([0x60]) + part(packed({"elements": [{"bars": "a", "label": "x", "value": ""}]})))
    for name, layout in own:
        for snapshot in snapshots.get(name, shown[:1]):
            seeds.append(bytes([0xf2]) + part(packed(layout)) + packed(snapshot))
            seeds.append(bytes([0xf1]) + part(json.dumps(layout).encode()) + packed(snapshot))
    return seeds


def screen():
    records = {"children": [{"name": "broker", "kind": "broker", "state": "ready", "wanted": "up", "pid": 5, "restarts": 1}],
               "membership": {"actors": [], "sources": [SOURCE], "providers": []}}
    now = [bytes([4, 0]) + part(packed({"state": "ready", "session": "s", "actors": 3, "ready": 3})),
           bytes([4, 1]) + part(packed(records["children"])), bytes([4, 3]) + part(packed(records["membership"])),
           bytes([4, 4]) + part(packed([{"poller": "poller-1", "rows": [{"source": "m1", "status": "ok", "reads": 5, "interval_ms": 100}]},
                                        {"poller": "poller-2"}])),
           bytes([4, 5]) + part(packed([{"publisher": "ingestor", "rows": [{"id": 3, "name": "a", "mode": "live_only"}]},
                                        {"publisher": "relay-1"}])),
           bytes([4, 6]) + part(packed({"store": "x", "head": 5, "mode": "write"})),
           bytes([4, 7]) + part(packed({"session": "s", "state": "interrupted", "last_seq": 40})),
           bytes([4, 8]) + part(packed({"trouble": "violated: live_same"}))]
    opened = bytes([5]) + part(packed({"session": "s", "state": "active", "last_seq": 40}))
    follow = [bytes([2, 0]) + part(run) for run in runs()]
    looks = [bytes([0]) + part(keys) + bytes([7, at]) for at, keys in enumerate(
        (b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"1", b"/thing\n", b":sessions\n", b"t-5m\n", b"?", b"\xf1\xf1\n", b"\xf3\xf2gG"))]
    answers = [bytes([3, 0]) + part(content) for content in (runs()[0], packed([{"session": "s", "state": "active", "last_seq": 3}]),
                                                             packed({"state": {"a": 1}}), packed({"elements": [{"text": "{a}"}]}))]
    return [b"\x00" + b"".join([opened, follow[0], *now, *looks]), b"\x01" + b"".join([opened, *follow[:6], *looks[:8], *answers]),
            b"\x00" + b"".join([opened, *follow[13:18], *looks[6:], *answers, *now]), b"\x04" + b"".join([opened, *looks, *answers])]


def stories():
    cause = {"observer": "raft", "source": "m1", "sample": 5, "turn": 2}
    told = wire.pack_run([event("leader_changed", {"to": "m1"}, cause)])
    rows = packed([{"session": "s", "state": "active", "last_seq": 40}])
    value = packed({"actors": [], "sources": [{**SOURCE, "poller": "poller-1"}], "providers": []})
    answers = [part(content) for content in (told, rows, value, told, told, rows)]
    return [bytes([3]) + b"".join(b"\x00" + answer for answer in answers), bytes([3]) + b"".join(b"\x04" + a for a in answers)] + \
        [bytes([5, 0]) + part(run) + b"".join(b"\x00" + answer for answer in answers) for run in runs()[:4]]


def states():
    return [bytes([0]) + run for run in runs()] + [bytes([1]) + packed([1, []]), bytes([2]) + packed([1, []])]


def texts():
    words = [b"1.5s", b"250ms", b"10", b"2h", b"1d", b"basic user:env(NAME)", b"broke"]
    output = b"a line\r\nanother \xc3\xa4\xf0\x9f\x98\x80\n" + b"x" * 200 + b"\nend"
    filters = [(b"type:thing seq:1-5 text", {"a": "text"}), (b"!not -x \"two words\"", [1]), (b"seq:5", {})]
    figures = [(b"total_bytes", 5000), (b"busy_percent", 12.5), (b"age_ms", 1234567), (b"x", {"a": [1, {"b": None}], "c": "d"})]
    return [bytes([0]) + word for word in words] + [bytes([1]) + output, bytes([2, 3]) + output] + \
        [bytes([3]) + part(key) + packed(value) for key, value in figures] + \
        [bytes([4]) + part(text) + event("thing", value) for text, value in filters]


def handles():
    told = {"kind": "cycle", "cycle": 3, "at": TS, "phase": "running", "events": [{"session": "s", "seq": 5, "ts": TS, "type": "thing",
                                                                                  "data": 1}]}
    error = {"kind": "error", "stage": "turn", "text": "no", "at": TS, "cycle": 3}
    whole = {"observer": "raft", "session": "s", "phase": "running", "cycle": 3, "at": TS, "state": {"a": 1}, "error": None,
             "errors": [{"stage": "read", "text": "x", "at": TS, "count": 2}],
             "sources": [{"name": "m1", "status": "ok", "error": "", "at": TS}]}
    steps = [bytes([how]) + part(packed(value)) for how, value in ((0, told), (0x10, error), (2, whole), (1, whole), (0x22, whole))]
    return [b"\x00" + b"".join(steps), b"\x02" + b"".join(steps) + b"\x00" + part(b""), b"\x017:123", b"\x01"]


def log_of(records):
    out = b""
    for record in records:
        crc = wire.crc32c(record, wire.crc32c(b"\x01"))
        masked = ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
        out += masked.to_bytes(4, "little") + len(record).to_bytes(2, "little") + b"\x01" + record
    return out


def files():
    log = log_of([b"abc", b"", b"x" * 300])
    listed = json.dumps([{"name": "m1", "address": "http://127.0.0.1:2379"}]).encode()
    block = b"data" + b"\x00" + b"\x00" * 4
    footer = bytes(40) + bytes.fromhex("57fb808b247547db")
    return [b"\x00" + log, b"\x00" + log[:-5], b"\x00" + log[:20] + b"?" + log[21:], b"\x01" + block + footer,
            b"\x02" + part(b"*eth?:*") + b"Inter-|\n face |\n eth0: 1\n lo: 2\n", b"\x02" + part(b"") + b"all of it", b"\x03" + listed]


def settings():
    return [b'[runtime]\nsession_name = "x"\n[network]\nbind = ["ingestor.read=tcp://127.0.0.1:7000"]\n[pollers]\nmax_processes = 3\n'
            b'[supervisor]\nbackoff_min_ms = "1s"\nintensity_restarts = 5\n[observers.mine]\nkind = "services"\n[observers.other]\n'
            b'program = "./x"\n[providers.list]\nkind = "file"\npath = "x"\n[relay]\nprocesses = 2\n',
            b'[observers.services]\nenabled = false\n[providers.static]\nenabled = false\n']


def rows():
    return {"broker": broker(), "supervisor": supervisor(), "poller": poller(), "announcing": announcing(), "relay": relay(),
            "auditor": auditor(), "sequencer": sequencer(), "reading": reading(), "host": host(), "layout": layouts(), "screen": screen(),
            "story": stories(), "state": states(), "text": texts(), "handle": handles(), "files": files(), "settings": settings()}
