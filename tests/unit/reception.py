"""reception.py: both streams joined, as the Python client does it, against a publisher in memory under a virtual clock."""
import itertools
import json
import os
import random
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
sys.dont_write_bytecode = True
import vedette  # noqa: E402
from vedette import modes, wire  # noqa: E402
from vedette.catalogue import LIMITS  # noqa: E402
from vedette.position import Kicked, Position, Reset  # noqa: E402
from vedette.reception import Reception, Wish  # noqa: E402

SEED = int(os.environ.get("VEDETTE_SEED") or random.SystemRandom().randrange(1 << 32))
SESSION, STORE = "s-1", "00000000000000aa"
KNOBS = modes.Knobs(start_commit_sync_lag=8, resume_live_lag=3, pause_live_queue=20, resume_live_queue=4, dwell_ms=50)


def message(name, correlation, payload=b"", **fields):
    return wire.Message(name, correlation, fields, payload)


class Publisher:
    """A store of commits and a memory of the newest of them, as SPEC.md has its answers."""

    def __init__(self, memory=12):
        self.commits, self.memory, self.streams, self.out = [], memory, {}, []
        self.lives, self.seq, self.held, self.refuses, self.empty_rounds = True, 0, False, [], 0

    @property
    def head(self):
        return len(self.commits)

    def commit(self, events):
        raws = []
        for _ in range(events):
            self.seq += 1
            raws.append(wire.pack_event("count", {"n": self.seq}, ts="2026-01-31T10:15:00.123Z"))
        self.commits.append((self.seq - events + 1, raws))

    def chain(self, index):
        return index * 7 & 0xFFFFFFFF

    def value(self, index, begin, end):
        first, raws = self.commits[index - 1]
        run = [begin, SESSION, first + begin, wire.pack_run(raws[begin:end])]
        return wire.pack([index, 0, 1, self.chain(index), [run]])

    def take(self, name, fields, correlation):
        getattr(self, "on_" + name.lower())(fields, correlation)

    def on_stop(self, _, correlation):
        self.streams = {kind: one for kind, one in self.streams.items() if one["correlation"] != correlation}
        self.out.append(message("DONE", correlation))

    def on_credit(self, fields, correlation):
        for one in self.streams.values():
            if one["correlation"] == correlation:
                if fields["items"] <= one["credit"]:
                    self.tell_head(one)
                one["credit"] = max(one["credit"], fields["items"])
                return
        self.out.append(message("DROP", correlation, status="not_found"))

    def place_of(self, fields):
        if fields.get("store"):
            return fields["index"], fields["offset"]
        return (self.head, 0) if fields.get("head") else (0, 0)

    def on_start(self, fields, correlation):
        kind, place = fields["stream"], self.place_of(fields)
        self.streams.pop(kind, None)
        if self.refuses:
            self.out.append(message("ERROR", correlation, status=self.refuses.pop(), text="refused"))
            return
        if place[0] > self.head:
            self.out.append(message("STREAM_RESET", correlation, store=STORE, status="went_back", first=1, head=self.head))
            return
        if kind == "live" and not self.lives:
            self.out.append(message("ERROR", correlation, status="unsupported", text="no live stream here"))
            return
        if kind == "live" and place[0] < self.head - self.memory:
            self.out.append(message("USE_COMMITS", correlation, store=STORE, **{"from": place[0] + 1},
                                    live=self.head - self.memory + 1, head=self.head))
            return
        self.streams[kind] = {"kind": kind, "correlation": correlation, "place": place, "credit": fields["items"], "sent": 0}
        self.out.append(message("STARTED", correlation, store=STORE, index=place[0], offset=place[1],
                                chain=self.chain(place[0] + (place[1] > 0)), head=self.head))

    def on_fetch(self, fields, correlation):
        one = {"correlation": correlation, "place": self.place_of(fields), "credit": fields["items_max"], "sent": 0}
        self.send(one, 7, always=True)

    def tell_head(self, one):
        self.out.append(message("HEAD", one["correlation"], store=STORE, head=self.head, sent=one["place"][0],
                                sent_offset=one["place"][1]))

    def send(self, one, commits, always=False):
        (index, offset), payload, events = one["place"], b"", 0
        after = one["place"]
        while index < self.head and commits > 0 and one["sent"] + events < one["credit"]:
            raws = self.commits[index][1]
            end = min(len(raws), offset + one["credit"] - one["sent"] - events)
            payload += self.value(index + 1, offset, end) if end > offset else b""
            events += end - offset
            index, offset = (index + 1, 0) if end == len(raws) else (index, end)
            commits -= 1
        if (index, offset) == after and not always:
            return
        one["place"] = (index, offset)
        one["sent"] += events
        self.out.append(message("COMMITS", one["correlation"], payload, store=STORE, after=after[0], after_offset=after[1],
                                index=index, offset=offset, chain=self.chain(index + (offset > 0)), events=events, head=self.head))

    def pump(self, choice):
        for one in list(self.streams.values()):
            if self.held or choice.random() < 0.3:
                continue
            if one["kind"] == "live" and one["place"][0] < self.head - self.memory:
                after, one["place"] = one["place"], (self.head - self.memory, 0)
                self.out.append(message("GAP", one["correlation"], store=STORE, after=after[0], after_offset=after[1],
                                        index=one["place"][0], chain=self.chain(one["place"][0]), head=self.head))
            if one["kind"] == "commit" and self.empty_rounds > 0:
                self.empty_rounds -= 1
                self.streams.pop("commit")
                self.out.append(message("DROP", one["correlation"], status="too_slow"))
                continue
            self.send(one, choice.randint(1, 6))


class World:
    """One reception and one publisher; what is between them keeps its order, may wait, and may be lost."""

    def __init__(self, seed, knobs=KNOBS, position=None, window=(24, 1 << 20), head=False, loss=0.0, memory=12):
        self.choice, self.now, self.loss = random.Random(seed), 1000.0, loss
        self.publisher, self.warnings, self.got, self.modes = Publisher(memory), [], [], []
        self.up, self.down = [], []
        self.position, self.knobs, self.window, self.head = position or Position(), knobs, window, head
        self.reception = None

    def begin(self):
        self.reception = Reception(Wish("test", SESSION, head=self.head), self.position, self.knobs, itertools.count(1),
                                   self.now, window=self.window, warn=self.warnings.append)

    def turn(self, take=100, produce=0.0, step_s=0.01):
        if self.reception is None:
            self.begin()
        if self.choice.random() < produce:
            self.publisher.commit(self.choice.randint(1, 4))
        reception, choice = self.reception, self.choice
        reception.tick(self.now)
        self.send()
        for _ in range(choice.randint(0, 4) if self.up else 0):
            if self.up:
                self.publisher.take(*self.up.pop(0))
        self.publisher.pump(choice)
        self.down += [one for one in self.publisher.out if choice.random() >= self.loss]
        self.publisher.out.clear()
        for _ in range(choice.randint(0, 6) if self.down else 0):
            if self.down:
                reception.take(self.down.pop(0), self.now)
        self.send()
        for _ in range(min(take, len(reception.queue))):
            entry = reception.queue.popleft()
            self.got.append(entry.item)
            reception.dealt_with(entry, self.now)
        self.send()
        if not self.modes or self.modes[-1] != reception.mode:
            self.modes.append(reception.mode)
        assert reception.waiting_items == len(reception.queue) + sum(row[1] for row in reception.held_back)
        self.now += step_s

    def send(self):
        if self.reception.renew:
            self.reception.renew = False
            self.up.clear(), self.down.clear(), self.publisher.out.clear(), self.publisher.streams.clear()
        for name, fields, correlation in self.reception.out:
            if self.choice.random() >= self.loss:
                self.up.append((name, {key: value for key, value in fields.items() if value is not None}, correlation))
        self.reception.out.clear()

    def until(self, what, condition, turns=60000, **how):
        for _ in range(turns):
            self.turn(**how)
            if condition():
                return
        raise AssertionError(f"not within {turns} turns: {what}; {self.reception.mode}, lag {self.reception.lag}, "
                             f"{len(self.got)} of {self.publisher.seq}")

    def seqs(self):
        return [event.seq for event in self.got]

    def check(self, first=1):
        assert self.seqs() == list(range(first, self.publisher.seq + 1)), self.seqs()


def the_table():
    with open(os.path.join(TOP, "protocol", "vectors", "modes.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    for row in vectors["knobs"]:
        try:
            modes.Knobs(**row["knobs"])
            found = None
        except vedette.Error as error:
            found = str(error)
        wanted = row.get("error")
        assert found == (wanted and f"usage: {wanted}"), f"{row['what']}: {found}, wanted {wanted}"
    for run in vectors["runs"]:
        machine = modes.Modes(modes.Knobs(**run.get("knobs", {})), run.get("streams", modes.BOTH), run["begin"],
                              run["steps"][0]["now_ms"])
        for number, step in enumerate(run["steps"]):
            lag = modes.lag_of(int(step["head"], 0), int(step["index"], 0)) if "head" in step else step["lag"]
            found = machine.look(step["now_ms"], lag, step["queue"], step.get("held", False), step.get("no_live", False),
                                 step.get("apart", False))
            assert found == step["mode"], f"{run['what']}, step {number}: {found}, wanted {step['mode']}"


class AllAtOnce(random.Random):
    """What can go out goes out, in frames as large as can be."""

    def random(self):
        return 1.0

    def randint(self, low, high):
        return high


def what_counts_as_a_queue():
    """The cases that the C library is held to as well."""
    with open(os.path.join(TOP, "protocol", "vectors", "modes.json"), encoding="utf-8") as file:
        runs = json.load(file)["queues"]
    for run in runs:
        world = World(0, knobs=modes.Knobs(**run.get("knobs", {})), window=None, head=True, memory=1000)
        world.choice = AllAtOnce()
        reception = world.reception
        def settle():
            nonlocal reception
            for _ in range(4):
                world.turn(take=0, step_s=0.0)
            reception = world.reception
        settle()
        begun = world.now
        for number, step in enumerate(run["steps"]):
            while world.now < begun + step["now_ms"] / 1000 - 0.001:
                world.now += 0.01
                settle()
            if "frame" in step:
                world.publisher.commit(step["frame"])
            for stream in world.publisher.streams.values() if step.get("head") else ():
                world.publisher.tell_head(stream)
            for _ in range(step.get("dealt", 0)):
                reception.dealt_with(reception.queue.popleft(), world.now)
            settle()
            assert reception.mode == step["mode"], f"{run['what']}, step {number}: {reception.mode}, wanted {step['mode']}"


def every_interleaving_gives_each_event_once():
    for seed in range(SEED, SEED + 120):
        world = World(seed, loss=world_loss(seed), memory=random.Random(seed).choice((2, 5, 12, 1000)))
        for _ in range(random.Random(seed).randint(0, 60)):
            world.publisher.commit(world.choice.randint(1, 4))
        for _ in range(700):
            world.turn(take=world.choice.choice((0, 1, 3, 50)), produce=0.2)
        world.loss = 0.0
        world.until(f"all of it, seed {seed}", lambda: len(world.got) >= world.publisher.seq)
        world.check()
        world.until(f"live alone again, seed {seed}", lambda: world.reception.mode == modes.LIVE_ONLY)


def world_loss(seed):
    return (0.0, 0.0, 0.02, 0.1)[seed % 4]


def from_any_position():
    for seed in range(SEED, SEED + 40):
        world = World(seed)
        for _ in range(30):
            world.publisher.commit(world.choice.randint(1, 4))
        index = world.choice.randint(0, 30)
        events = len(world.publisher.commits[index][1]) if index < 30 else 1
        offset = world.choice.randint(0, events - 1)
        before = sum(len(raws) for _, raws in world.publisher.commits[:index]) + offset
        world.position = Position(STORE, index, offset, world.publisher.chain(index + (offset > 0)))
        world.until("the rest", lambda: len(world.got) + before >= world.publisher.seq)
        world.until("joined", lambda: world.reception.mode == modes.LIVE_ONLY)
        world.check(before + 1)


def from_now_on_it_is_live():
    world = World(SEED, head=True)
    for _ in range(200):
        world.publisher.commit(3)
    world.until("it begins", lambda: world.reception.started, take=1)
    begun = world.publisher.seq
    for _ in range(300):
        world.turn(produce=0.1)
    world.until("all", lambda: len(world.got) >= world.publisher.seq - begun)
    world.check(begun + 1)
    assert world.modes == [modes.LIVE_ONLY], world.modes


def deep_lag_takes_no_live():
    world = World(SEED, window=(40, 1 << 20))
    for _ in range(400):
        world.publisher.commit(2)
    both = []
    def far():
        if world.reception.lag >= 8:
            both.append("live" in world.publisher.streams)
        return len(world.got) >= 800
    world.until("caught up", far)
    assert both and not any(both)
    world.until("joined", lambda: world.reception.mode == modes.LIVE_ONLY)
    assert world.modes == [modes.COMMITS_ONLY, modes.OVERLAP, modes.LIVE_ONLY], world.modes
    world.check()


def a_slow_application_bounds_what_waits():
    world = World(SEED, window=(24, 1 << 20))
    most = 0
    for _ in range(3000):
        world.turn(take=world.choice.choice((0, 0, 0, 1)), produce=0.5)
        most = max(most, world.reception.waiting_items)
    assert most <= 2 * 24 + 8, most
    world.until("all", lambda: len(world.got) >= world.publisher.seq)
    world.check()


def a_full_queue_pauses_and_goes_on():
    world = World(SEED, head=True, memory=1000, window=(100, 1 << 20), knobs=modes.Knobs(
        start_commit_sync_lag=500, pause_live_queue=20, resume_live_queue=4, dwell_ms=50))
    world.until("live", lambda: world.reception.started)
    world.until("paused", lambda: world.reception.mode == modes.PAUSED, take=0, produce=0.5)
    assert world.reception.streams["live"].wanted is False and world.reception.streams["commit"].wanted
    world.until("the publisher knows", lambda: list(world.publisher.streams) == ["commit"], take=0)
    assert world.publisher.streams["commit"]["credit"] == 0
    queued = len(world.reception.queue)
    for _ in range(200):
        world.turn(take=0, produce=0.2)
    assert len(world.reception.queue) == queued and world.reception.mode == modes.PAUSED
    world.until("on", lambda: len(world.got) >= world.publisher.seq)
    world.check()
    assert world.modes[:3] == [modes.LIVE_ONLY, modes.PAUSED, modes.LIVE_ONLY], world.modes
    assert set(world.modes) == {modes.LIVE_ONLY, modes.PAUSED}, world.modes


def an_operator_holds_it():
    world = World(SEED, head=True)
    world.until("live", lambda: world.reception.started)
    live = world.publisher.streams["live"]["correlation"]
    world.publisher.held = True
    world.publisher.out.append(message("HOLD", live, held=True, text="paused"))
    world.until("paused", lambda: world.reception.mode == modes.PAUSED)
    for _ in range(500):
        world.turn(produce=0.5)
    assert not world.got and world.reception.mode == modes.PAUSED and world.publisher.streams
    stream = next(iter(world.publisher.streams.values()))
    world.publisher.held = False
    world.publisher.out.append(message("HOLD", stream["correlation"], held=False))
    world.until("all", lambda: len(world.got) >= world.publisher.seq)
    world.check()
    assert world.modes[:3] == [modes.LIVE_ONLY, modes.PAUSED, modes.COMMITS_ONLY], world.modes


def what_ends_it():
    for name, fields, kind in (("DROP", {"status": "kicked"}, Kicked),
                               ("STREAM_RESET", {"status": "went_back", "first": 1, "head": 2}, Reset)):
        world = World(SEED)
        world.publisher.commit(1)
        world.until("it runs", lambda: world.publisher.streams.get("commit") and world.reception.started)
        world.publisher.out.append(message(name, world.publisher.streams["commit"]["correlation"], **fields))
        world.until("it has ended", lambda: world.reception.ended)
        assert isinstance(world.reception.ended, kind), world.reception.ended


def a_position_beyond_the_head():
    world = World(SEED, position=Position(STORE, 9, 0, 63))
    world.until("it has ended", lambda: world.reception.ended)
    assert world.reception.ended.status == "went_back"


def without_a_live_stream_commits_do():
    for head in (True, False):
        world = World(SEED, head=head)
        world.publisher.lives = False
        for _ in range(20):
            world.publisher.commit(1)
        world.until("it runs", lambda: world.reception.started and world.publisher.streams)
        begun = world.publisher.seq if head else 0
        for _ in range(300):
            world.turn(produce=0.2)
        world.until("all", lambda: len(world.got) >= world.publisher.seq - begun)
        world.check(begun + 1)
        assert world.reception.mode == modes.COMMITS_ONLY and not world.warnings


def fruitless_rounds_end_in_windows():
    world = World(SEED)
    for _ in range(100):
        world.publisher.commit(2)
    world.publisher.empty_rounds = 5
    world.until("all", lambda: len(world.got) >= 200)
    world.check()
    assert "windows instead" in world.warnings[0] and "streams again" in world.warnings[1], world.warnings
    world.until("joined", lambda: world.reception.mode == modes.LIVE_ONLY)


def windows_wait_for_room():
    world = World(SEED, window=(1000, 2000))
    for _ in range(300):
        world.publisher.commit(2)
    world.publisher.empty_rounds = 5
    world.until("windows", lambda: world.warnings, take=0)
    for _ in range(500):
        world.turn(take=0)
    assert 0 < world.reception.waiting_bytes < 4000, world.reception.waiting_bytes
    world.until("all", lambda: len(world.got) >= 600)
    world.check()


def what_was_left_in_the_queue_waits():
    world = World(SEED)
    for _ in range(40):
        world.publisher.commit(2)
    world.until("some wait", lambda: len(world.reception.queue) >= 10, take=0)
    queue = world.reception.queue
    reception = Reception(Wish("test", SESSION), world.reception.position, KNOBS, itertools.count(100), world.now,
                          queue, world.window)
    waiting = len(queue), sum(entry.size for entry in queue)
    assert (reception.waiting_items, reception.waiting_bytes) == waiting
    start = next(fields for name, fields, _ in reception.out if name == "START")
    assert (start["items"], start["bytes"]) == (24 - waiting[0], (1 << 20) - waiting[1])
    while queue:
        reception.dealt_with(queue.popleft(), world.now)
    assert (reception.waiting_items, reception.waiting_bytes) == (0, 0)


def a_wide_window_is_granted_in_time():
    reception = Reception(Wish("test", SESSION), Position(), KNOBS, itertools.count(1), 1000.0,
                          window=(1000000, 8 * LIMITS["SUBSCRIBER_BYTES_MAX"]))
    stream = reception.streams["commit"]
    stream.run((0, 0), 0, 1000.0)
    reception.out.clear()
    stream.items, stream.bytes = 100, LIMITS["SUBSCRIBER_BYTES_MAX"] // 2
    reception._grant(1000.0)
    assert [name for name, _, _ in reception.out] == ["CREDIT"], reception.out


def tries_come_later_and_later():
    world = World(SEED)
    world.publisher.commit(1)
    world.loss, begun = 1.0, []
    world.begin()
    while world.now < 1060:
        before = world.reception.streams["commit"].correlation
        world.turn()
        if world.reception.streams["commit"].correlation not in (0, before):
            begun.append(world.now)
    gaps = [later - earlier for earlier, later in zip(begun, begun[1:])]
    assert len(gaps) >= 6 and max(gaps[:2]) < 1.5 and 4 < max(gaps) < 12, gaps
    world.loss = 0.0
    world.until("it comes", lambda: world.got)
    assert world.reception.streams["commit"].attempts == 0


def a_start_that_comes_twice_grants_no_more():
    world = World(SEED, head=True)
    world.until("live", lambda: world.reception.streams["live"].running)
    for _ in range(5):
        world.publisher.commit(1)
    world.until("five", lambda: len(world.got) == 5 and not world.up and not world.down)
    live = world.reception.streams["live"]
    before = live.correlation
    world.publisher.take("START", {"stream": "live", "head": True, "items": 24}, before)
    world.until("another one", lambda: world.reception.streams["live"].correlation > before and live.running, turns=300)
    assert live.items == 0 and live.granted_items <= 24, (live.items, live.granted_items)
    world.publisher.commit(3)
    world.until("the rest", lambda: len(world.got) == 8)
    world.check()


def started(reception, correlation, index, chain):
    reception.take(message("STARTED", correlation, store=STORE, index=index, offset=0, chain=chain, head=4), 1000.0)


def brings(reception, correlation, after, index, chain, commits=()):
    """A COMMITS frame with one event in each of `commits`, (index, chain)."""
    event = wire.pack_event("count", {}, ts="2026-01-31T10:15:00.123Z")
    payload = b"".join(wire.pack([at, 0, 1, mark, [[0, SESSION, at, wire.pack_run([event])]]]) for at, mark in commits)
    reception.take(message("COMMITS", correlation, payload, store=STORE, after=after, after_offset=0, index=index, offset=0,
                           chain=chain, events=len(commits), head=4), 1000.0)


def in_overlap(live_index, live_chain):
    """Live of one history and commits of another: both streams run, behind commit 0 and behind `live_index`."""
    reception = Reception(Wish("test"), Position(), modes.Knobs(), itertools.count(1), 1000.0)
    started(reception, 1, 0, 0)
    assert reception.mode == modes.OVERLAP and reception.streams["live"].starting
    live = reception.streams["live"].correlation
    started(reception, live, live_index, live_chain)
    return reception, live


def asked_to_go_on(reception, index, chain):
    """Is the last START that of a live stream, behind this commit?"""
    start = [fields for name, fields, _ in reception.out if name == "START"][-1]
    return start["stream"] == "live" and (start.get("index"), start.get("chain")) == (index, chain)


def what_is_held_back_of_another_history_is_not_taken():
    for ours, theirs in ((20, 30), (20, 20)):
        reception, live = in_overlap(2, theirs)
        brings(reception, live, 2, 3, 33, [(3, 33)])
        assert not reception.queue and reception.held_back
        brings(reception, 1, 0, 2, ours, [(1, 10), (2, ours)])
        if ours == theirs:
            assert len(reception.queue) == 3 and reception.position.index == 3
            continue
        assert len(reception.queue) == 2 and not reception.held_back
        assert reception.position.place == (2, 0) and asked_to_go_on(reception, 2, ours)


def a_frame_that_reaches_beyond_us_is_compared_inside():
    for held, taken in (([(3, 30), (4, 40)], True), ([(3, 31), (4, 41)], False)):
        reception, live = in_overlap(2, 20)
        brings(reception, live, 2, 4, held[1][1], held)
        brings(reception, 1, 0, 3, 30, [(3, 30)])
        assert (reception.position.index == 4) == taken, (held, str(reception.position))
        assert taken or asked_to_go_on(reception, 3, 30)


def a_frame_that_does_not_tell_waits_for_its_end():
    for chain in (40, 41):
        reception, live = in_overlap(2, 20)
        brings(reception, live, 2, 4, chain, [(4, chain)])
        brings(reception, 1, 0, 3, 30, [(3, 30)])
        assert reception.position.index == 3 and reception.held_back and reception.streams["live"].correlation == live
        brings(reception, 1, 3, 4, 40, [(4, 40)])
        assert reception.position.index == 4 and len(reception.queue) == 2 and not reception.held_back
        assert chain == 40 or asked_to_go_on(reception, 4, 40)


def who_is_dropped_is_held_no_more():
    world = World(SEED, head=True)
    world.until("live", lambda: world.reception.started)
    world.publisher.out.append(message("HOLD", world.publisher.streams["live"]["correlation"], held=True))
    world.until("paused", lambda: world.reception.mode == modes.PAUSED)
    world.publisher.streams.clear()  # another life of it
    world.publisher.commit(3)
    world.until("the events", lambda: len(world.got) == 3)
    world.check()


print(f"VEDETTE_SEED={SEED}", flush=True)
for case in (the_table, what_counts_as_a_queue, every_interleaving_gives_each_event_once, from_any_position, from_now_on_it_is_live,
             deep_lag_takes_no_live, a_slow_application_bounds_what_waits, a_full_queue_pauses_and_goes_on,
             an_operator_holds_it, what_ends_it, a_position_beyond_the_head, without_a_live_stream_commits_do,
             fruitless_rounds_end_in_windows, windows_wait_for_room,
             a_start_that_comes_twice_grants_no_more, what_was_left_in_the_queue_waits,
             a_wide_window_is_granted_in_time, tries_come_later_and_later,
             what_is_held_back_of_another_history_is_not_taken, a_frame_that_reaches_beyond_us_is_compared_inside,
             a_frame_that_does_not_tell_waits_for_its_end,
             who_is_dropped_is_held_no_more):
    case()
    print(f"ok {case.__name__}", flush=True)
assert LIMITS["SUBSCRIBER_BEAT_MS"] < LIMITS["SUBSCRIBER_SILENT_MS"]
