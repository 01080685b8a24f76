#!/usr/bin/python3
"""test_failpoints.py BIN: SIGKILL of the ingestor at every named failpoint, under load from several producers, while
followers of each kind read; then the books have to agree. Before that: the names of the failpoints say the truth.

The passings come from the seed (VEDETTE_SEED) where they are not 1 or 5."""
import os
import sys
import time

import zmq

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import FAILING, SHARED, IngestorWorld, ledger, vedette  # noqa: E402
from parts import BIN, SEED  # noqa: E402
from vedette import wire  # noqa: E402

PASSINGS_MAX = 60
RECORD_PASSING = 20
TRUTH_PASSING = 200
ANSWER_S = 3.0
STALL_S = 60.0  # disks stall for a moment
HEARD_MS = 500  # what was published is on its way for a while
POINTS = ["ingestor.before_commit", "ingestor.after_commit", "ingestor.after_ack", "ingestor.open"]


class Witness:
    """A bare SUB: the sequences that were published."""

    def __init__(self, client):
        self.sub = client.context.socket(zmq.SUB)
        self.sub.linger, self.sub.reconnect_ivl = 0, 10
        self.sub.subscribe(f"events/{SHARED}")
        self.sub.connect(client.endpoint("ingestor", "events"))
        self.last = 0

    def heard(self, wait_ms=10):
        while self.sub.poll(wait_ms):
            message = wire.unpack_message(self.sub.recv_multipart(zmq.NOBLOCK)[1:])
            self.last = message["first"] + message["count"] - 1
        return self.last


def until_death(world, emit):
    """Calls it until the ingestor is dead. Where the answer stays away, it has to emit the same again."""
    since = time.monotonic()
    while world.process.poll() is None:
        try:
            emit()
            since = time.monotonic()
        except vedette.Unreachable:
            assert time.monotonic() - since < STALL_S, "it neither answers nor dies"


def die_alone(world, point):
    """One producer, one event after the other, until the death: (last acknowledged, last published, last stored)."""
    world.kill()
    world.live(f"{point}:{TRUTH_PASSING}")
    witness = Witness(world.client)
    acknowledged = 0
    with world.client.producer("alone", 10.0) as producer:
        def emit():
            nonlocal acknowledged
            witness.last or witness.heard()
            acknowledged = producer.emit("chaos", {"p": "alone", "n": acknowledged}, SHARED, timeout_s=ANSWER_S)[1]
        until_death(world, emit)
    published = witness.heard(HEARD_MS)
    assert published >= acknowledged - 2 > 0, (acknowledged, published)
    world.live()
    return acknowledged, published, len(ledger.Store(world.client).of(SHARED))


def names_say_the_truth():
    with IngestorWorld(FAILING) as world:
        acknowledged, published, stored = die_alone(world, "ingestor.before_commit")
        assert stored == acknowledged and published <= acknowledged, (acknowledged, published, stored)
        acknowledged, published, stored = die_alone(world, "ingestor.after_commit")
        assert stored == acknowledged + 1 and published <= acknowledged, (acknowledged, published, stored)
        acknowledged, published, stored = die_alone(world, "ingestor.after_ack")
        assert stored == acknowledged and published == acknowledged - 1, (acknowledged, published, stored)


def an_installed_ingestor_has_none():
    """The executable beside the others ignores the variable, and does not even know the names."""
    with open(os.path.join(BIN, "vedette-ingestor"), "rb") as file:
        code = file.read()
    with open(FAILING, "rb") as file:
        failing = file.read()
    for word in ("VEDETTE_FAILPOINT", *POINTS):
        assert word.encode() in failing, f"{FAILING} does not know {word}"
        assert word.encode() not in code, f"{BIN}/vedette-ingestor knows {word}"
    with IngestorWorld(environment={"VEDETTE_FAILPOINT": "ingestor.open:1"}) as world:
        assert world.process.poll() is None


def death_while_a_store_is_made():
    """Before the store has its head, and right after: the next life makes it, or takes what there is."""
    for passing in (1, 2):
        world = IngestorWorld(FAILING)
        world.prepare()
        world.die_at("ingestor.open", passing)
        with world:
            assert len(ledger.Store(world.client).of(SHARED)) == 1


def a_record_is_stored_once_whoever_sends_it_again():
    """One producer emits records until the death; another one, which knows nothing of the answers, emits all of them."""
    places = {}
    with IngestorWorld(FAILING) as world:
        for point in POINTS[:3]:
            world.kill()
            world.live(f"{point}:{RECORD_PASSING}")
            told, records = {}, []
            with world.client.producer("first", 10.0) as producer:
                def emit():
                    if len(records) == len(told):
                        records.append(f"{point}-{len(records)}")
                    told[records[-1]] = producer.emit("noted", {}, SHARED, timeout_s=ANSWER_S, record=records[-1])
                until_death(world, emit)
            world.live()
            with world.client.producer("second", 10.0) as producer:
                places.update({record: producer.emit("noted", {}, SHARED, record=record) for record in records})
            assert all(places[record] == place for record, place in told.items()), f"{point}: {places} and not {told}"
        events = [event for event in ledger.Store(world.client).of(SHARED) if event.type == "noted"]
        assert [(event.session, event.seq) for event in events] == list(places.values()), f"{places}"


def plan(world):
    deaths = [(point, passing) for point in POINTS for passing in (1, 5)]
    deaths += [(point, world.random.randrange(2, PASSINGS_MAX)) for point in POINTS[:3] for _ in range(3)]
    deaths += [("ingestor.open", passing) for passing in (2, 3)]
    world.random.shuffle(deaths)
    return deaths


def death_at_every_failpoint():
    with IngestorWorld(FAILING) as world:
        world.start_parts()
        begin = time.monotonic()
        deaths = plan(world)
        for point, passing in deaths:
            world.kill()
            world.die_at(point, passing)
            world.wait_any()
        world.wait_all()
        print(f"{len(deaths)} deaths in {time.monotonic() - begin:.1f} s: {deaths}", flush=True)
        world.end_producers()
        world.check()


print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (names_say_the_truth, an_installed_ingestor_has_none, death_while_a_store_is_made,
             a_record_is_stored_once_whoever_sends_it_again, death_at_every_failpoint):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
