"""poll.py: many sources behind HTTP, each read once a second by two pollers, beside Prometheus on the same ones."""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import zmq

import election
from runtime import Runtime, cpu_s, rss_anon_mib
from table import row

POLLERS = 2
INTERVAL_MS = 1000
ROUND_S = 10
WARM_S = 5
RATIO_MAX = 0.35
ROWS_PER_REQUEST = 200


def _address(number):
    """Servers of their own: every address of 127.0.0.0/8 is this machine's."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Responder:
    def __init__(self, build):
        self.process = subprocess.Popen([os.path.join(build, "bin", "vd-bench"), "respond"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def counts(self):
        """Requests so far: of Vedette, of others."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        counts = json.loads(self.process.stdout.readline())
        return counts["m"], counts["other"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Prometheus:
    """The same sources at the same interval; None of it where it is not installed."""

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

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Reader:
    """Asks for all reads as an observer does, and takes every sample."""

    def __init__(self, runtime, count):
        self.client, self.taken, self.ending = runtime.client, 0, False
        deadline = time.monotonic() + 30
        while True:
            known = self.client.membership()
            sources = [source for source in known["sources"] if source["adapter"] == "http" and source.get("poller")]
            self.pollers = sorted({source["poller"] for source in sources})
            if len(sources) == count and len(self.pollers) == POLLERS:
                break
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {len(sources)} of {count} sources have one of {self.pollers}")
            time.sleep(0.1)
        self._subscribe(known["actors"])
        for poller in self.pollers:
            mine = [source for source in sources if source["poller"] == poller]
            for first in range(0, len(mine), ROWS_PER_REQUEST):
                self._stand(poller, mine[first:first + ROWS_PER_REQUEST])

    def _subscribe(self, actors):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.SUBSCRIBE, b"sample/")
        for actor in actors:
            for endpoint in actor.get("endpoints", []):
                if actor["name"] in self.pollers and endpoint["port"] == "samples":
                    self.socket.connect(endpoint["endpoint"])
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self):
        while not self.ending:
            if self.socket.poll(200):
                self.socket.recv_multipart()
                self.taken += 1
        self.socket.close(0)

    def _stand(self, poller, sources):
        reads = [{"source": source["name"], "source_inc": source["inc"], "adapter": "http", "address": source["address"],
                  "op": "get", "target": "/m", "interval_ms": INTERVAL_MS} for source in sources]
        answer = self.client.request(poller, "requests", "STAND", {"observer": "bench", "inc": 1, "lease_ms": 3600000,
                                                                   "reads": reads})
        refused = {reading["status"] for reading in answer["readings"]} - {"ok"}
        if refused:
            raise SystemExit(f"bench: reads are refused: {refused}")

    def readings(self):
        return {reading["feed"]: reading for poller in self.pollers
                for reading in self.client.get(poller, "requests", "readings")}

    def close(self):
        self.ending = True
        self.thread.join()
        self.context.term()


def missed(before, after):
    """Polls that were due between the last samples of two readings and not made, and those that failed."""
    due = sum(round((after[feed]["at_ms"] - was["at_ms"]) / INTERVAL_MS) for feed, was in before.items())
    made = sum(after[feed]["reads"] - was["reads"] for feed, was in before.items())
    return max(0, due - made) + sum(after[feed]["failures"] - was["failures"] for feed, was in before.items())


def _round(reader, responder, pids):
    """{name: microseconds of CPU a poll}, polls missed; pids: {name: (pid, place in the counts)}."""
    readings, counts = reader.readings(), responder.counts()
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    time.sleep(ROUND_S)
    after = {name: cpu_s(pid) for name, pid in pids.items()}
    polls = [later - earlier for later, earlier in zip(responder.counts(), counts)]
    spent = {name: after[name] - before[name] for name in pids}
    return spent, polls, missed(readings, reader.readings())


def run(options):
    responder = Responder(options.build)
    sources = [(f"s{number}", f"{_address(number)}:{responder.port}") for number in range(options.sources)]
    config = f"[pollers]\nmax_processes = {POLLERS}\n" + "".join(
        f'[[providers.static.sources]]\nname = "{name}"\nadapter = "http"\naddress = "http://{place}"\n'
        for name, place in sources)
    other = Prometheus([place for _, place in sources]) if shutil.which("prometheus") else None
    figures, others, lost, behind = [], [], [], []
    try:
        with Runtime(options.build, config) as runtime:
            reader = Reader(runtime, options.sources)
            pids = {name: pid for name, pid in runtime.pids().items() if name in reader.pollers}
            if other:
                pids["prometheus"] = other.process.pid
            time.sleep(WARM_S)
            for _ in range(options.rounds):
                spent, polls, round_missed = _round(reader, responder, pids)
                theirs = spent.pop("prometheus", 0)
                figures.append(1e6 * sum(spent.values()) / max(1, polls[0]))
                lost.append(round_missed)
                if other:
                    others.append(1e6 * theirs / max(1, polls[1]))
                    behind.append(options.sources * ROUND_S - polls[1])
            memory = [rss_anon_mib(pids[name]) for name in reader.pollers]
            reader.close()
    finally:
        responder.close()
        if other:
            other.close()
    target = RATIO_MAX * sorted(others)[len(others) // 2] if others else None
    rows = [row(f"polls missed of {options.sources * ROUND_S}", lost, "polls", 0),
            row("CPU for each poll", figures, "us", target, others or None,
                note=f"raw: Prometheus on the same sources; target: {RATIO_MAX} of it" if others
                else "prometheus is not installed: nothing to compare with"),
            row("CPU of each poller", [figure * options.sources / POLLERS / 1e4 for figure in figures], "%"),
            row("anonymous memory of a poller", memory, "MiB")]
    if behind:
        rows.append(row("scrapes that Prometheus is behind", behind, "scrapes"))
    return rows + election.run(options)
