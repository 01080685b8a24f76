#!/usr/bin/python3
"""test_golden.py BIN: the ingestor serves every golden store byte for byte, and goes on with it."""
import glob
import json
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "integration"))
from ingestor_harness import Ingestor, fetch_commits  # noqa: E402
from vedette import client as vedette  # noqa: E402
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])


def followed(client, session, count):
    """The first `count` events, and that there is no further one."""
    follower = client.follow(session=session, start="start")
    events = []
    while (event := follower.next(10.0 if len(events) < count else 0)) is not None:
        events.append(event)
        if len(events) >= count and follower.caught_up():
            break
    follower.close()
    return events


def check_events(client, place, sessions):
    for row in sessions:
        with open(os.path.join(place, "expected", f"{row['session']}.ndjson"), encoding="utf-8") as file:
            expected = [json.loads(line) for line in file]
        events = followed(client, row["session"], len(expected))
        assert [event.seq for event in events] == [one["seq"] for one in expected], row["session"]
        assert [event.type for event in events] == [one["type"] for one in expected], row["session"]
        assert [event.raw.hex() for event in events] == [one["event"] for one in expected], row["session"]


def run_row(run):
    """As it stands in store.json."""
    at, session, first, bytes, *absent = run
    if bytes is None:
        return [at, session, first, absent[0], absent[2]]
    return [at, session, first, sum(1 for _ in wire.unpack_run(bytes))]


def check_commits(client, expected):
    commits = [[commit.index, commit.time_ms, commit.epoch, commit.chain, [run_row(run) for run in commit.runs]]
               for _, commit in sorted(fetch_commits(client).items()) if commit.runs]
    assert commits[:len(expected["commits"])] == expected["commits"], commits
    return commits[len(expected["commits"]):]


def check_position(client, expected):
    """A position that was given out long ago is still one."""
    position = {"store": expected["store"], "index": expected["index"], "chain": expected["chain"]}
    answer = client.request("ingestor", "read", "FETCH", position)
    assert answer.name == "COMMITS", answer


def check_producers(client, expected):
    """Every life that holds a name still holds it, with its mark and what was rejected; one that lost it is refused."""
    for row in expected["producers"]:
        link = vedette.Link(client.context, client.endpoint("ingestor", "emit"))

        def open_with(life):
            link.send(wire.pack_message("OPEN", {"producer": row["name"], "life": life}, correlation=1))
            return link.receive(10)
        opened = open_with(row["lives"][0])
        assert (opened["epoch"], opened["mark"], opened["store"]) == (row["epoch"], row["mark"], expected["store"]), opened
        rejects = [[one["first"], one["count"], one["status"]] for one in opened.get("rejects", [])]
        assert rejects == row["rejects"], opened
        for life in row["lives"][1:]:
            refused = open_with(life)
            assert refused.name == "REJECTED" and refused["status"] == "fenced", refused
        link.close()


def check(place):
    directory = tempfile.mkdtemp(prefix="vd-gold-")
    with open(os.path.join(place, "expected", "store.json"), encoding="utf-8") as file:
        expected = json.load(file)
    shutil.copytree(os.path.join(place, "store"), os.path.join(directory, "store"))
    ingestor, client = Ingestor(os.path.join(BIN, "vedette-ingestor"), directory), vedette.Client(directory)
    try:
        ingestor.start()
        told = client.sessions()
        assert len(told) == len(expected["sessions"]), told
        for row, wanted in zip(told, expected["sessions"]):
            assert {key: row.get(key) for key in wanted} == wanted, row  # later builds tell more
        check_events(client, place, expected["sessions"])
        assert check_commits(client, expected) == []
        check_position(client, expected)
        for session in expected.get("pruned", []):
            answer = client.request("ingestor", "read", "START", {"session": session, "seq": 1})
            assert (answer.name, answer["status"]) == ("STREAM_RESET", "pruned"), answer
        check_producers(client, expected)
        active = next(row for row in expected["sessions"] if row["session"] == "g-active")
        with client.producer("of-today") as producer:
            for session, record, seq in expected.get("records", []):
                assert producer.emit("again", None, session=session, record=record) == (session, seq)
            assert producer.emit("written_on", {"ü": 1}, session="g-active") == ("g-active", active["last_seq"] + 1)
            try:
                producer.emit("too_late", None, session="g-completed")
                raise AssertionError("an event behind session_ended")
            except vedette.Error as problem:
                assert problem.status == "session_closed", problem
        ingestor.kill()
        ingestor.start()
        events = followed(client, "g-active", active["last_seq"] + 1)
        assert events[-1].data == {"ü": 1} and events[-1].seq == active["last_seq"] + 1, events
        rest = check_commits(client, expected)
        assert [run[1:] for commit in rest for run in commit[4]] == [["g-active", active["last_seq"] + 1, 1]], rest
        assert ingestor.stop() == 0, ingestor.log()
    finally:
        ingestor.stop()
        client.close()
        shutil.rmtree(directory)


def main():
    places = sorted(glob.glob(os.path.join(TESTS, "golden", "store-*")))
    assert places, "no golden store"
    for place in places:
        check(place)
        print(f"{os.path.basename(place)} is read and written on")


main()
