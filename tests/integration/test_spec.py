#!/usr/bin/python3
"""test_spec.py: the examples of SPEC.md are extracted and run: frames in hex, a producer, a subscriber that
follows it while the ingestor is killed, and a listener that comes when all is over; and the twenty lines of the Python
client's README, which come late and stand still while more is published than a PUB holds."""
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, state_of, vedette, wait_for  # noqa: E402
from spec_examples import blocks, script  # noqa: E402
from vedette import wire  # noqa: E402

BIN = sys.argv[1]


def hex_lines(text):
    frames = {}
    for line in text.splitlines():
        name, digits = line.split(None, 1)
        frames[name] = frames.get(name, b"") + bytes.fromhex(digits)
    return frames


def check_hex(found):
    frames = hex_lines(found["hex OPEN"])
    message = wire.unpack_message([frames["header"], frames["body"]])
    assert (message.name, message.correlation, message.fields) == ("OPEN", 7, {"producer": "demo", "life": 42}), message
    event, = wire.unpack_run(hex_lines(found["hex RUN"])["run"])
    assert wire.unpack(event) == {"ts": "2023-11-14T22:13:20.000Z", "type": "hello", "data": None}


def start_ingestor(actors):
    ingestor = actors.start("ingestor")
    wait_for("the ingestor has bound its socket",
             lambda: os.path.exists(os.path.join(actors.dir, "run", "ingestor.emit")) or ingestor.poll() is not None)


def rest_of(process):
    """What it still prints, its end included. (communicate() would lose what readline() has read ahead.)"""
    said = process.stdout.read()
    process.wait(timeout=60)
    return said, process.stderr.read()


def check_twenty_lines(actors):
    found = blocks(os.path.join("python", "README.md"))
    assert len(found["python listener"].splitlines()) <= 20
    session = wire.new_session_id()
    with vedette.Client(actors.dir) as client, client.producer("maker", 60.0) as producer:
        producer.emit("session_started", {}, session)
        producer.emit_all([("count", {"n": n, "text": "x" * 2000}) for n in range(300)], session, 60.0)
        listener = script("listener", found, actors.dir, session)
        try:
            said = [listener.stdout.readline() for _ in range(301)]  # what was there before it came
            listener.send_signal(signal.SIGSTOP)
            wait_for("it stands still", lambda: state_of(listener.pid) == "T")
            for turn in range(1300):  # more than the high-water marks of a PUB and a SUB
                producer.emit_all([("count", {"n": turn, "text": "x" * 900})] * 2, session, 60.0)
            listener.send_signal(signal.SIGCONT)
            producer.emit("session_ended", {"status": "completed"}, session)
            while not said[-1].split()[1:2] == ["session_ended"]:
                said.append(listener.stdout.readline())
                assert said[-1], listener.stderr.read()
            stored = [f"{event.seq} {event.type} {event.data}\n" for event in client.export(session)]
            assert said == stored, f"{len(said)} events said, {len(stored)} stored"
        finally:
            listener.kill()
            listener.wait()


def main():
    found = blocks()
    check_hex(found)
    actors = Actors(BIN)
    run_dir = os.path.join(actors.dir, "run")
    session = wire.new_session_id()
    subscriber = None
    start_ingestor(actors)
    try:
        producer = script("producer", found, run_dir, session)
        first = producer.stdout.readline().strip()
        assert first == f"{session}:1", (first, producer.stderr.read() if producer.poll() else "", actors.logs())
        subscriber = script("subscriber", found, run_dir, session)
        assert subscriber.stdout.readline().startswith("1 session_started"), subscriber.stderr.read()
        actors.kill("ingestor")
        start_ingestor(actors)
        rest, problem = rest_of(producer)
        assert producer.returncode == 0, problem
        assert rest.split() == [f"{session}:2", f"{session}:3"], rest
        seen, problem = rest_of(subscriber)
        assert subscriber.returncode == 0, problem
        assert [line.split()[:2] for line in seen.splitlines()] == [["2", "hello"], ["3", "session_ended"]], seen
        late = script("listener", found, run_dir, session)
        heard, problem = rest_of(late)
        check_twenty_lines(actors)
        assert late.returncode == 0 and heard.splitlines()[1:] == seen.splitlines(), (heard, problem)
    finally:
        if subscriber is not None and subscriber.poll() is None:
            subscriber.kill()
            subscriber.wait()
        actors.stop()
        actors.close()
    print("spec: ok")


main()
