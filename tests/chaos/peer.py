#!/usr/bin/python3
"""peer.py: one client of a runtime as a process, in Python: a producer with its ledger, a follower, or a bare SUB.

    peer.py produce DIR SESSION NAME PER_SECOND SEED [ENDED]
                                                        the same ledger as producer.c, with `taken N SESSION`; now and
                                                        then it writes into the session ENDED, where everything is
                                                        rejected
    peer.py follow DIR SESSION [NAME]                   each event as a line of JSON, by the Python client; what was
                                                        pruned is told on stderr
    peer.py history DIR SESSION BOOK NAME               the same, each event as a record of a book (book.py)
    peer.py lag DIR SESSION FILE                        the same; each event takes it LAG_S while FILE is there
    peer.py listen DIR SESSION                          the same by a bare SUB that repairs its gaps with FETCH
    peer.py overhear DIR SESSION                        what a bare SUB hears, with all its gaps

SIGTERM ends it. A producer first waits for its last answer."""
import json
import os
import random
import signal
import sys
import time

import zmq

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
import vedette  # noqa: E402
from vedette import wire  # noqa: E402
from book import HISTORY, SHOWN, Writer  # noqa: E402

BATCH_MAX = 24
STRAY_PART = 0.05  # of a producer's batches go into the session that has ended
ANSWER_S = 60.0
LAG_S = 0.01
QUIET_S = 0.5
SETTLE_EACH = 64

stopping = []


def say(line):
    sys.stdout.write(line + "\n")


def show(event):
    row = {"ts": event.ts, "session": event.session, "seq": event.seq, "type": event.type, "data": event.data}
    say(json.dumps(row))


def emit_batch(producer, session, name, first, count):
    """One atomic unit; its lines in the ledger. False when its fate is not known."""
    numbers = range(first, first + count)
    for number in numbers:
        say(f"taken {number} {session}")
    try:
        at, last = producer.emit_all([("chaos", {"p": name, "n": n}) for n in numbers], session, ANSWER_S)
    except vedette.Error as problem:
        unknown = isinstance(problem, vedette.Unreachable) or problem.status == "fenced"
        if unknown:
            print(problem, file=sys.stderr)
        for number in numbers:
            say(f"unknown {number}" if unknown else f"rejected {number} {problem.status}")
        return not unknown
    for number in numbers:
        say(f"acknowledged {number} {at or ''}:{last - (numbers[-1] - number) if last else 0}")
    return True


def produce(client, session, name, per_second, seed, ended=None):
    choice = random.Random(f"{seed} {name}")
    producer = client.producer(name, ANSWER_S)
    number, due = 0, time.monotonic()
    while not stopping:
        count = choice.randint(1, BATCH_MAX)
        stray = ended is not None and choice.random() < STRAY_PART
        if not emit_batch(producer, ended if stray else session, name, number + 1, count):
            return 1
        number += count
        sys.stdout.flush()
        due = max(due + count / per_second, time.monotonic() - 1)
        producer.link.socket.poll(max(0, int((due - time.monotonic()) * 1000)))  # the pace: answers come to emit_all alone
    return 0


def follow(client, session, name=None, slow_while=None):
    follower = client.follow(session, start="start", name=name)
    while not stopping:
        try:
            event = follower.next(0.05)
        except vedette.Missing as missing:
            print(missing, file=sys.stderr)
            continue
        if event is None:
            sys.stdout.flush()
            continue
        show(event)
        if slow_while and os.path.exists(slow_while):
            time.sleep(LAG_S)
    return 0


def history(client, session, path, name):
    book = Writer(path, HISTORY, name, session)
    follower = client.follow(session, start="start")
    while not stopping:
        try:
            event = follower.next(0.05)
        except vedette.Missing as missing:
            print(missing, file=sys.stderr)
            book.told += 1
            continue
        if event is not None:
            book.add(event.session, event.seq, wire.crc32c(event.raw), SHOWN)
        if event is None or len(book.waiting) >= SETTLE_EACH:
            book.settle()
    book.close()
    return 0


def hints_of(client, session):
    """A bare SUB on the session."""
    sub = client.context.socket(zmq.SUB)
    sub.setsockopt(zmq.LINGER, 0)
    sub.setsockopt(zmq.RECONNECT_IVL, 20)
    sub.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
    sub.setsockopt_string(zmq.SUBSCRIBE, f"events/{session}")
    sub.connect(client.endpoint("ingestor", "events"))
    return sub


def take_hint(sub, session):
    """The next COMMITTED_RUN of the session, or None."""
    try:
        topic, *frames = sub.recv_multipart(zmq.NOBLOCK)
    except zmq.Again:
        return None
    message = wire.unpack_message(frames)
    return message if topic == f"events/{session}".encode() and message.name == "COMMITTED_RUN" else None


def events_of(session, message):
    for offset, raw in enumerate(wire.unpack_run(message.payload)):
        yield wire.Event(session, message["first"] + offset, raw)


def overhear(client, session):
    sub = hints_of(client, session)
    while not stopping:
        if not sub.poll(int(QUIET_S * 1000)):
            sys.stdout.flush()
        elif (message := take_hint(sub, session)) is not None:
            for event in events_of(session, message):
                show(event)
    return 0


class Listener:
    """A bare SUB: hints as they come, and whatever they leave out by FETCH."""

    def __init__(self, client, session):
        self.client, self.session, self.last = client, session, 0
        self.sub = hints_of(client, session)

    def take(self, event):
        if event.seq == self.last + 1:
            self.last = event.seq
            show(event)

    def repair(self):
        """Everything stored behind the last event."""
        fields = {"session": self.session, "seq": self.last + 1}
        while not stopping:
            try:
                answer = self.client.request("ingestor", "read", "FETCH", fields, timeout_s=1.0)
            except vedette.Error:  # the ingestor is away, or there is nothing behind the last event yet
                return
            if answer.name != "COMMITS":
                return
            for commit in wire.unpack_commits(answer.payload):
                for _, event in commit.events():
                    self.take(event)
            if answer["index"] >= answer["head"]:
                return
            fields = {"session": self.session, "store": answer["store"], "index": answer["index"],
                      "offset": answer.get("offset", 0), "chain": answer["chain"]}

    def hint(self):
        message = take_hint(self.sub, self.session)
        if message is None:
            return
        if message["first"] > self.last + 1 or not message.payload:
            self.repair()
            return
        for event in events_of(self.session, message):
            self.take(event)

    def run(self):
        while not stopping:
            if self.sub.poll(int(QUIET_S * 1000)):
                self.hint()
            else:
                self.repair()
                sys.stdout.flush()
        return 0


def main():
    verb, directory, session, *rest = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    client = vedette.Client(directory)
    if verb == "produce":
        code = produce(client, session, rest[0], float(rest[1]), *rest[2:])
    elif verb == "lag":
        code = follow(client, session, slow_while=rest[0])
    elif verb == "history":
        code = history(client, session, *rest)
    elif verb == "follow":
        code = follow(client, session, *rest)
    elif verb == "overhear":
        code = overhear(client, session)
    else:
        code = Listener(client, session).run()
    sys.stdout.flush()
    os._exit(code)  # whatever a socket still holds is of no use to anybody


main()
