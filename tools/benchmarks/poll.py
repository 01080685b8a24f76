"""poll.py: thousands of sources behind HTTP, each read once a second, beside Prometheus on the same ones.

What is missed is counted where it is missed: at the sources (respond.c). Three parts, --only takes their names:
  one    so many sources as one poller is to manage, and Prometheus on the same ones at the same time
  two    so many as two pollers are to manage, from the list of a file on
  most   how many each of them manages without a miss, alone on the machine in turn
"""
import contextlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time

import election
from runtime import Runtime, cpu_s, rss_anon_mib
from table import ratio_row, row
from vedette import wire
from vedette.catalogue import LIMITS

PARTS = ("one", "two", "most", "election")
ONE = 5000
TWO = 12000
QUICK = 200
INTERVAL_MS = 1000
ROUND_S = 10
ROUND_QUICK_S = 2
WARM_S = 6
STEP = 1000
POLL_US_MAX = 40
MEMORY_MIB_MAX = 200
CPU_RATIO_MAX = 0.35
MEMORY_RATIO_MAX = 0.15
MOST_RATIO_MIN = 1.5
LEASE_MS = 3 * INTERVAL_MS
ROWS_PER_REQUEST = 256


def _address(number):
    """Sources of their own: every address of 127.0.0.0/8 is this machine's."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Helper:
    """A command of vd-bench that answers each line with a line of JSON."""

    def __init__(self, build, *arguments):
        self.process = subprocess.Popen([os.path.join(build, "bin", "vd-bench"), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def next(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {' '.join(self.process.args[:2])} has ended")
        return json.loads(line)

    def ask(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.next()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Sources(Helper):
    """The responder: "m" is what Vedette reads, "other" what Prometheus does."""

    def __init__(self, build):
        super().__init__(build, "respond")
        self.port = self.next()["port"]

    def places(self, count):
        return [f"{_address(number)}:{self.port}" for number in range(count)]

    def wait_asked(self, who, count, timeout_s=60.0):
        """Until each of so many sources has been asked."""
        deadline = time.monotonic() + timeout_s
        while (asked := self.ask()[who]["sources"]) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {asked} of {count} sources are read after {timeout_s} s")
            time.sleep(0.2)


class Prometheus:
    """Reads the same sources at the same interval."""

    def __init__(self, targets):
        self.dir = tempfile.mkdtemp(prefix="vd-bench-prometheus-", dir="/tmp")
        config = os.path.join(self.dir, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                       "scrape_configs": [{"job_name": "all", "metrics_path": "/metrics",
                                           "static_configs": [{"targets": targets}]}]}, file)
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.dir}/data",
             "--web.listen-address=127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Pollers:
    """A runtime with sources from a file, and a reader that asks for them as an observer does."""

    def __init__(self, build, places, pollers):
        self.build, self.places, self.count = build, places, pollers
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with self.stack:
            self.dir = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="vd-bench-", dir="/tmp"))
            listed = os.path.join(self.dir, "sources.json")
            with open(listed, "w", encoding="utf-8") as file:
                json.dump([{"name": f"s{number}", "address": f"http://{place}"}
                           for number, place in enumerate(self.places)], file)
            begun = time.monotonic()
            config = (f'[observers.host]\nenabled = false\n[observers.services]\nenabled = false\n[pollers]\nmax_processes = {self.count}\n'
                      f'[providers.bench]\nkind = "file"\npath = "{listed}"\n')
            self.runtime = self.stack.enter_context(Runtime(self.build, config))
            self.client = self.runtime.client
            sources = self._placed()
            self.placed_s = time.monotonic() - begun
            self.names = sorted({source["poller"] for source in sources})
            pids = self.runtime.pids()
            self.pids = [pids[name] for name in self.names]
            self.reader = self._read(sources)
            self.stack.callback(self.reader.close)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _placed(self, timeout_s=60.0):
        """The sources, once each has one of so many pollers."""
        deadline = time.monotonic() + timeout_s
        while True:
            sources = [source for source in self.client.membership()["sources"] if source["adapter"] == "http"]
            pollers = {source.get("poller") for source in sources} - {None, ""}
            if (len(sources) == len(self.places) and len(pollers) == self.count
                    and all(source.get("poller") for source in sources)):
                return sources
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {len(sources)} of {len(self.places)} sources have one of {sorted(pollers)}")
            time.sleep(0.5)

    def _read(self, sources):
        arguments = []
        for name in self.names:
            reads = [{"source": source["name"], "source_inc": source["inc"], "adapter": "http",
                      "address": source["address"], "op": "get", "target": "/m", "interval_ms": INTERVAL_MS}
                     for source in sources if source["poller"] == name]
            path = os.path.join(self.dir, name)
            with open(path, "wb") as file:
                for first in range(0, len(reads), ROWS_PER_REQUEST):
                    fields = {"observer": "bench", "inc": 1, "lease_ms": LEASE_MS,
                              "reads": reads[first:first + ROWS_PER_REQUEST]}
                    for frame in wire.pack_message("STAND", fields, correlation=1):
                        if len(frame) > LIMITS["BODY_BYTES_MAX"]:
                            raise SystemExit("bench: a STAND is too long")
                        file.write(struct.pack("<I", len(frame)) + frame)
            arguments += [self.client.endpoint(name, "requests"), self.client.endpoint(name, "samples"), path]
        return Helper(self.build, "samples", *arguments)

    def failures(self):
        return sum(self.client.get(name, "requests", "metrics")["read_failures"] for name in self.names)

    def memory_mib(self):
        return [rss_anon_mib(pid) for pid in self.pids]


def _measure(sources, watched, pollers, seconds):
    """What a round has seen: {reader: {asked, missed}}, {name: CPU seconds}, failures, samples taken."""
    before, failed = sources.ask(), pollers.failures() if pollers else 0
    taken = pollers.reader.ask()["samples"] if pollers else 0
    cpu = {name: sum(map(cpu_s, pids)) for name, pids in watched.items()}
    time.sleep(seconds)
    spent = {name: sum(map(cpu_s, pids)) - cpu[name] for name, pids in watched.items()}
    after = sources.ask()
    seen = {who: {key: after[who][key] - before[who][key] for key in ("asked", "missed")} for who in before}
    return (seen, spent, pollers.failures() - failed if pollers else 0,
            pollers.reader.ask()["samples"] - taken if pollers else 0)


def _rounds(options, count, processes, beside):
    """Figures of all rounds, as lists by name."""
    seconds = ROUND_QUICK_S if options.quick else ROUND_S
    figures = {name: [] for name in ("missed", "us", "memory", "taken", "their_missed", "their_us", "their_memory")}
    with contextlib.ExitStack() as stack:
        sources = Sources(options.build)
        stack.callback(sources.close)
        places = sources.places(count)
        pollers = stack.enter_context(Pollers(options.build, places, processes))
        watched = {"ours": pollers.pids}
        other = stack.enter_context(Prometheus(places)) if beside else None
        if other:
            watched["theirs"] = [other.pid]
            sources.wait_asked("other", count)
        sources.wait_asked("m", count)
        time.sleep(1 if options.quick else WARM_S)
        for _ in range(options.rounds):
            seen, spent, failed, taken = _measure(sources, watched, pollers, seconds)
            figures["missed"].append(seen["m"]["missed"] + failed)
            figures["us"].append(1e6 * spent["ours"] / max(1, seen["m"]["asked"]))
            figures["taken"].append(100 * taken / max(1, seen["m"]["asked"]))
            figures["memory"].append(max(pollers.memory_mib()))
            if other:
                figures["their_missed"].append(seen["other"]["missed"])
                figures["their_us"].append(1e6 * spent["theirs"] / max(1, seen["other"]["asked"]))
                figures["their_memory"].append(rss_anon_mib(other.pid))
        figures["placed"] = [pollers.placed_s]
    return figures


def _one(options):
    count = options.sources or (QUICK if options.quick else ONE)
    beside = shutil.which("prometheus") is not None
    got = _rounds(options, count, 1, beside)
    rows = [row(f"polls missed of {count} sources at 1 s, one poller", got["missed"], "polls", 0),
            row("CPU of the poller for each poll", got["us"], "us", POLL_US_MAX),
            row("anonymous memory of the poller", got["memory"], "MiB", MEMORY_MIB_MAX),
            row("samples taken by a subscriber, of polls", got["taken"], "%")]
    if not beside:
        rows[1]["note"] = "prometheus is not installed: nothing to compare with"
        return rows
    note = "raw: Prometheus on the same sources, beside it"
    return rows + [ratio_row("CPU for each poll, beside Prometheus", got["us"], got["their_us"], "us", at_most=CPU_RATIO_MAX,
                             note=note),
                   ratio_row("memory, beside Prometheus", got["memory"], got["their_memory"], "MiB",
                             at_most=MEMORY_RATIO_MAX, note=note),
                   row("scrapes that Prometheus missed", got["their_missed"], "polls")]


def _two(options):
    count = options.sources or (QUICK if options.quick else TWO)
    got = _rounds(options, count, 2, False)
    return [row(f"polls missed of {count} sources at 1 s, two pollers", got["missed"], "polls", 0),
            row("CPU of both for each poll", got["us"], "us", POLL_US_MAX),
            row("anonymous memory of the larger poller", got["memory"], "MiB", MEMORY_MIB_MAX),
            row("samples taken by a subscriber, of polls", got["taken"], "%"),
            row(f"from `up` until all {count} sources have a poller", got["placed"], "s")]


def _misses(sources, who, seconds):
    seen, _, _, _ = _measure(sources, {}, None, seconds)
    return seen[who]["missed"]


def _manages(options, who, count):
    """Does it read so many sources without a miss? Asked twice at most: a machine is shared."""
    seconds = ROUND_QUICK_S if options.quick else ROUND_S
    with contextlib.ExitStack() as stack:
        sources = Sources(options.build)
        stack.callback(sources.close)
        places = sources.places(count)
        stack.enter_context(Prometheus(places) if who == "other" else Pollers(options.build, places, 2))
        sources.wait_asked(who, count)
        time.sleep(1 if options.quick else WARM_S)
        return _misses(sources, who, seconds) == 0 or _misses(sources, who, seconds) == 0


def _most(options):
    """Prometheus goes up in steps until it misses some; Vedette has to manage half as many again."""
    if not shutil.which("prometheus"):
        return []
    step = QUICK if options.quick else STEP
    most = LIMITS["SOURCES_MAX"] - 1  # one is there anyhow
    theirs = options.sources or (2 * QUICK if options.quick else 8 * STEP)
    if _manages(options, "other", theirs):
        while theirs + step <= most and not options.quick and _manages(options, "other", theirs + step):
            theirs += step
    else:
        theirs -= step
        while theirs > 0 and not _manages(options, "other", theirs):
            theirs -= step
    ours = min(most, int(MOST_RATIO_MIN * theirs))
    while ours > 0 and not _manages(options, "m", ours):
        ours -= step
    return [ratio_row("sources at 1 s without a miss, two pollers", [max(ours, 0)], [max(theirs, 1)], "sources",
                      at_least=MOST_RATIO_MIN, note="raw: Prometheus; each alone on the machine; no more than the target is tried")]


def run(options):
    parts = options.only.split(",") if options.only else [part for part in PARTS if not (options.quick and part == "election")]
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"bench: no such part of poll: {', '.join(sorted(unknown))}; it has {', '.join(PARTS)}")
    run_part = {"one": _one, "two": _two, "most": _most, "election": election.run}
    return [made for part in parts for made in run_part[part](options)]
