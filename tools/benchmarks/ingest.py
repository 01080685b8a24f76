"""ingest.py: what the event store costs beside the bare parts that it is made of: LevelDB, ZeroMQ, fdatasync."""
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from runtime import Runtime, rss_anon_mib
from table import ratio_row, row

IN_FLIGHT = 1000
FRAME = 64
WINDOW = 4096
SESSIONS = 1000
RATE = 1000
ROUND_TRIPS = 4000
SYNCS = 2000
MEMORY_MIB_MAX = 64
RECOVERY_MS_MAX = 300
LOG_EVENTS = 30000


class Directory:
    """A temporary directory, gone with the context."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="vd-bench-", dir=os.environ.get("TMPDIR", "/tmp"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Bench:
    """Runs vd-bench of one build."""

    def __init__(self, build):
        self.bin = os.path.join(build, "bin")

    def measure(self, *arguments):
        command = [os.path.join(self.bin, "vd-bench"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: {' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)


class Ingestor:
    """An ingestor alone, on a directory of its own, gone with the context."""

    def __init__(self, bench):
        self.bench = bench

    def __enter__(self):
        self.directory = Directory()
        self.dir = self.directory.__enter__()
        self.log = open(os.path.join(self.dir, "ingestor.log"), "ab")
        self.process = subprocess.Popen([os.path.join(self.bench.bin, "vedette-ingestor"), "--dir", self.dir],
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 10
        while not glob.glob(os.path.join(self.dir, "**", "ingestor.read"), recursive=True):
            if time.monotonic() > deadline or self.process.poll() is not None:
                with open(self.log.name, encoding="utf-8") as log:
                    raise SystemExit(f"bench: the ingestor does not start: {log.read().strip()}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.directory.__exit__()

    def ingest(self, count, in_flight, frame, sessions):
        return self.bench.measure("ingest", self.dir, count, in_flight, frame, sessions)


def _throughput(bench, count, options):
    """Rows of writing and of reading again. Every round has a new store and a new bare LevelDB, both with as many events."""
    raw, single, packed, mixed = [], [], [], []
    raw_read, replay = [], []
    for _ in range(options.rounds):
        with Directory() as directory:
            bare = os.path.join(directory, "bare")
            raw.append(bench.measure("leveldb-write", bare, count)["rate"])
            raw_read.append(bench.measure("leveldb-read", bare)["rate"])
        with Ingestor(bench) as ingestor:
            done = ingestor.ingest(count, IN_FLIGHT, 1, 1)
            single.append(done["rate"])
            replay.append(bench.measure("replay", ingestor.dir, done["measurement"], count)["rate"])
        with Ingestor(bench) as ingestor:
            packed.append(ingestor.ingest(count, WINDOW, FRAME, 1)["rate"])
        with Ingestor(bench) as ingestor:
            mixed.append(ingestor.ingest(count, IN_FLIGHT, 1, SESSIONS)["rate"])
    write = "raw: LevelDB, synced batches of 256"
    return [
        ratio_row("durable ingest, emitted one by one", single, raw, "ev/s", at_least=1.0,
                  note=f"{write}; the library gathers"),
        ratio_row(f"durable ingest, {FRAME} events a frame", packed, raw, "ev/s", at_least=1.5, note=write),
        ratio_row(f"one by one, {SESSIONS} sessions in turn", mixed, raw, "ev/s",
                  note=f"{write}; an event a frame, for no two of a session follow each other"),
        ratio_row("replay to another process", replay, raw_read, "ev/s", at_least=0.6, note="raw: LevelDB, iterating"),
    ]


def _latency(bench, seconds, options):
    acknowledge, live, raw_p50, raw_p99 = [], [], [], []
    for _ in range(options.rounds):
        with Ingestor(bench) as ingestor:
            trip = bench.measure("roundtrip", ingestor.dir, ROUND_TRIPS)
            sync = bench.measure("sync", ingestor.dir, SYNCS)
            acknowledge.append(bench.measure("acknowledge", ingestor.dir, SYNCS)["p50"] / 1000)
            live.append(bench.measure("live", ingestor.dir, seconds * RATE, RATE)["p99"] / 1000)
            raw_p50.append((trip["p50"] + sync["p50"]) / 1000)
            raw_p99.append((trip["p99"] + sync["p99"]) / 1000)
    both = "raw: ZeroMQ round trip + fdatasync"
    return [
        ratio_row("one in flight, acknowledged, p50", acknowledge, raw_p50, "ms", at_most=1.3, stretch=1.15, note=both),
        ratio_row(f"emit to visible at {RATE}/s, p99", live, raw_p99, "ms", at_most=1.8, stretch=1.4, note=both),
    ]


def _recoveries(bench, count, rounds):
    """Milliseconds from kill -9 of the ingestor to the first durable acknowledgement, with `count` events stored."""
    figures = []
    with Runtime(os.path.dirname(bench.bin)) as runtime:
        bench.measure("ingest", runtime.dir, count, WINDOW, FRAME, 1)
        for _ in range(rounds):
            # Half of what the store holds in memory before it makes a table of it has to be read from its log again.
            bench.measure("ingest", runtime.dir, LOG_EVENTS, WINDOW, FRAME, 1)
            runtime.wait_settled()
            pid = runtime.pids()["ingestor"]
            figures.append(bench.measure("recover", runtime.dir, pid)["p50"] / 1000)
            time.sleep(1.1)  # the supervisor has to take the next death as a new trouble
    return figures


def _size(bench, few, many, options):
    """Rows of memory and of recovery with few and with many events stored."""
    with Ingestor(bench) as ingestor:
        ingestor.ingest(few, IN_FLIGHT, 1, 1)
        memory_few = rss_anon_mib(ingestor.process.pid)
        ingestor.ingest(many - few, IN_FLIGHT, 1, 1)
        memory_many = rss_anon_mib(ingestor.process.pid)
    recovery_few = _recoveries(bench, few, options.rounds)
    recovery_many = _recoveries(bench, many, options.rounds)
    return [
        row(f"anonymous memory after {few} events", [memory_few], "MiB", MEMORY_MIB_MAX),
        row(f"anonymous memory after {many} events", [memory_many], "MiB", MEMORY_MIB_MAX),
        ratio_row("the same beside the first", [memory_many], [memory_few], "MiB", at_most=1.1),
        row(f"kill -9 to acknowledgement, {few} events", recovery_few, "ms", RECOVERY_MS_MAX),
        ratio_row(f"kill -9 to acknowledgement, {many} events", recovery_many,
                  [statistics.median(recovery_few)] * len(recovery_many), "ms", at_most=1.2,
                  note="beside the one before"),
    ]


def run(options):
    bench = Bench(options.build)
    count, seconds, few, many = (50000, 2, 100000, 300000) if options.quick else (300000, 5, 1000000, 10000000)
    wanted = options.only.split(",") if options.only else ["throughput", "latency", "size"]
    rows = []
    if "throughput" in wanted:
        rows += _throughput(bench, count, options)
    if "latency" in wanted:
        rows += _latency(bench, seconds, options)
    if "size" in wanted:
        rows += _size(bench, few, many, options)
    return rows
