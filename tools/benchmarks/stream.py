"""stream.py: what many readers cost: each other, the writer, and the machine; and how fast one that is behind comes back."""
import contextlib
import os
import subprocess
import threading
import time

import vedette
import zmq

from ingest import FRAME, WINDOW, Bench, Directory, Ingestor
from runtime import rss_anon_mib
from table import ratio_row, row
from vedette import wire
from vedette.catalogue import LIMITS

READERS = 32
PROCESSES = 4
OTHERS = 4
OTHERS_RATE = 2000
LIVE_RATE = 10000
REJOIN_RATE = 100
REJOIN_S_MAX = 10
PAIRS = 15
MEMORY_MIB_MAX = 16
BEAT_S = 0.5
PLENTY = 1 << 40


class Mute:
    """A subscriber that gives credit without end, says that it lives, and never reads."""

    def __init__(self, directory, stream="live"):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        for option, value in ((zmq.IDENTITY, b"mute#" + os.urandom(6).hex().encode()), (zmq.LINGER, 0),
                              (zmq.SNDTIMEO, 1000), (zmq.RCVHWM, 1)):
            self.socket.setsockopt(option, value)
        self.socket.connect(f"ipc://{directory}/run/ingestor.read")
        self.wish = {"stream": stream, "name": "mute", "items": PLENTY, "bytes": PLENTY}
        if stream == "live":
            self.wish["head"] = True
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat)

    def _beat(self):
        self.socket.send_multipart(wire.pack_message("START", self.wish, correlation=1))
        while not self.ended.wait(BEAT_S):
            self.socket.send_multipart(wire.pack_message("CREDIT", {"items": PLENTY, "bytes": PLENTY}, correlation=1))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.context.destroy(0)


class Replays:
    """A process that reads the whole store again and again."""

    def __init__(self, bench, directory, session, count):
        self.bench, self.arguments = bench, ("replay", directory, session, count)
        self.ended, self.count = threading.Event(), 0
        self.thread = threading.Thread(target=self._replay)

    def _replay(self):
        while not self.ended.is_set():
            self.bench.measure(*self.arguments)
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def _fanout(bench, options, sizes):
    """Delivered events a second, to all readers together."""
    figures, raw = [], []
    for _ in range(options.rounds):
        with Ingestor(bench) as ingestor:
            raw.append(bench.measure("raw-fanout", ingestor.dir, sizes["fanout"], READERS, PROCESSES)["rate"])
            figures.append(bench.measure("fanout", ingestor.dir, sizes["fanout"], READERS, PROCESSES)["rate"])
    return [ratio_row(f"delivered to {READERS} live subscribers", figures, raw, "ev/s", at_least=1.0,
                      note=f"raw: ZeroMQ PUB, single messages, {READERS} SUB")]


def _mute(bench, options, sizes):
    """The others' latency with a subscriber that never reads, beside that without, in turn."""
    alone, beside = [], []
    count = OTHERS_RATE * sizes["seconds"]
    with Ingestor(bench) as ingestor:
        live = ("live", ingestor.dir, count, OTHERS_RATE, OTHERS)
        bench.measure(*live)
        for pair in range(sizes["pairs"]):
            for with_mute in (pair % 2 == 1, pair % 2 == 0):
                if with_mute:
                    with Mute(ingestor.dir):
                        beside.append(bench.measure(*live))
                else:
                    alone.append(bench.measure(*live))
    rows = []
    for which, at_most in (("p50", 1.1), ("p99", 1.3)):
        rows.append(ratio_row(f"live at {OTHERS_RATE}/s beside one that never reads, {which}",
                              [figure[which] / 1000 for figure in beside], [figure[which] / 1000 for figure in alone],
                              "ms", at_most=at_most, note="raw: the same without it"))
    return rows


def _stored(bench, ingestor, count):
    """A session with so many events; its id."""
    return bench.measure("ingest", ingestor.dir, count, WINDOW, FRAME, 1)["measurement"]


def _catch_up(bench, options, sizes):
    figures, raw, quiet, beside, rejoined, replays = [], [], [], [], [], 0
    count = sizes["backlog"]
    with Directory() as directory, Ingestor(bench) as ingestor:
        bare = os.path.join(directory, "bare")
        bench.measure("leveldb-write", bare, count)
        session = _stored(bench, ingestor, count)
        live = ("live", ingestor.dir, LIVE_RATE * sizes["seconds"], LIVE_RATE)
        for _ in range(options.rounds):
            raw.append(bench.measure("leveldb-read", bare)["rate"])
            figures.append(bench.measure("replay", ingestor.dir, session, count)["rate"])
            rejoined.append(bench.measure("rejoin", ingestor.dir, count, REJOIN_RATE)["p50"] / 1e6)
            quiet.append(bench.measure(*live)["p99"] / 1000)
            with Replays(bench, ingestor.dir, session, count) as reading:
                beside.append(bench.measure(*live)["p99"] / 1000)
            replays += reading.count
    return [
        ratio_row(f"catching up with {count} events", figures, raw, "ev/s", at_least=0.6, note="raw: LevelDB, iterating"),
        ratio_row(f"live at {LIVE_RATE}/s during a full replay, p99", beside, quiet, "ms", at_most=2.0,
                  note=f"raw: the same in quiet; {replays} replays"),
        row(f"{count} events behind to live alone", rejoined, "s", REJOIN_S_MAX,
            note=f"while {REJOIN_RATE} ev/s come; two changes of mode, with the dwell of one"),
    ]


class Followers:
    """So many `vedette follow` of all sessions, each a process."""

    def __init__(self, bench, directory, count):
        self.directory = directory
        command = [os.path.join(bench.bin, "vedette"), "--dir", directory, "follow", "*", "--from", "now", "-o", "ndjson"]
        self.processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                          for _ in range(count)]

    def __enter__(self):
        await_subscribers(self.directory, len(self.processes))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def rss_anon_mib(self):
        return [rss_anon_mib(process.pid) for process in self.processes]


def await_subscribers(directory, count):
    """Until so many have a stream."""
    deadline = time.monotonic() + 30
    with vedette.Client(directory) as client:
        while client.get("ingestor", "read", "metrics")["subscribers"] < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: fewer than {count} subscribers have a stream")
            time.sleep(0.01)


def _growth_mib(bench, subscribers, count, load):
    """MiB by which an ingestor grows for each of `count` subscribers under load, and what these need themselves."""
    with Ingestor(bench) as ingestor:
        for _ in range(3):  # what the writer itself needs is there before
            _stored(bench, ingestor, load)
        before = rss_anon_mib(ingestor.process.pid)
        with subscribers(ingestor.dir) as there:
            await_subscribers(ingestor.dir, count)
            _stored(bench, ingestor, load)
            return (rss_anon_mib(ingestor.process.pid) - before) / count, there.rss_anon_mib()


class Mutes(contextlib.ExitStack):
    """Some that never read, on both streams."""

    def __init__(self, directory):
        super().__init__()
        for stream in ("live", "commit") * (OTHERS // 2):
            self.enter_context(Mute(directory, stream))

    def rss_anon_mib(self):
        return []


def _memory(bench, options, sizes):
    """Anonymous memory for each subscriber: of the ingestor, for those that read and those that do not, and its own."""
    reading, mute, own = [], [], []
    for _ in range(min(options.rounds, 3)):
        grown, each = _growth_mib(bench, lambda where: Followers(bench, where, READERS), READERS, sizes["fanout"])
        reading.append(grown)
        own.append(max(each))
        mute.append(_growth_mib(bench, Mutes, OTHERS, sizes["fanout"])[0])
    return [
        row(f"memory of the ingestor for each of {READERS} subscribers", reading, "MiB", MEMORY_MIB_MAX),
        row("memory of the ingestor for each that never reads", mute, "MiB", MEMORY_MIB_MAX),
        row("memory of a subscriber itself, the largest", own, "MiB", MEMORY_MIB_MAX),
    ]


PARTS = {"fanout": _fanout, "mute": _mute, "catchup": _catch_up, "memory": _memory}


def run(options):
    bench = Bench(options.build)
    sizes = {"fanout": 100000, "seconds": 3, "pairs": PAIRS, "backlog": 1000000}
    if options.quick:
        sizes = {"fanout": 10000, "seconds": 1, "pairs": 1, "backlog": 50000}
    rows = []
    for name in options.only.split(",") if options.only else PARTS:
        if name not in PARTS:
            raise SystemExit(f"bench: stream has no part {name}; there are {', '.join(PARTS)}")
        rows += PARTS[name](bench, options, sizes)
    return rows
