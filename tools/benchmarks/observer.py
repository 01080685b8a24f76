"""observer.py: how long an observer that is kept busy takes to answer for its snapshot and its history."""
import json
import os
import random
import statistics
import tempfile
import time

from runtime import Runtime
from table import row

SOURCES = 100  # machines, each with a dozen reads
INTERVAL_MS = 1000
ROUND_S = 2.0
P99_MS_MAX = 20.0
# The machines are all this one: the other observer would have its table of connections, the whole of it each time, read
# for every one of them.
CONFIG = """[observers.services]
enabled = false
[providers.many]
kind = "file"
path = "{path}"
[observers.host]
interval = "{interval}ms"
sources = "many-*"
"""


def _p99(times_ms):
    return statistics.quantiles(times_ms, n=100)[98]


def _ask_for(runtime, ask):
    """p99 of one question after the other, in ms."""
    times, end = [], time.monotonic() + ROUND_S
    while time.monotonic() < end:
        begun = time.perf_counter()
        ask(runtime.client)
        times.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.002)
    return _p99(times)


def _snapshot(client):
    client.request("host", "requests", "GET", {"feed": "state"})


def _history(client, place):
    """From anywhere in what is held, as a reader that was away asks."""
    answer = client.request("host", "requests", "READ", {"feed": "state", "inc": place["inc"], "after": place["after"]})
    if answer.name != "ITEMS":
        raise SystemExit(f"bench: {answer.name} in the place of history")
    place["inc"] = answer["inc"]
    place["after"] = random.randrange(answer["head"] // 2, answer["head"] + 1)


def run(options):
    """Rows for a table: p99 of snapshots and of history, on an observer of many sources at a short interval."""
    sources = 20 if options.quick else SOURCES
    with tempfile.TemporaryDirectory(prefix="vd-bench-many-") as place:
        path = os.path.join(place, "sources.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([{"name": f"many-{at}", "adapter": "file", "address": "/"} for at in range(sources)], file)
        with Runtime(options.build, CONFIG.format(path=path, interval=INTERVAL_MS)) as runtime:
            deadline = time.monotonic() + 30
            while len((runtime.client.snapshot("host")["state"] or {}).get("hosts", ())) < sources:
                if time.monotonic() > deadline:
                    raise SystemExit(f"bench: the observer does not see {sources} sources")
                time.sleep(0.1)
            snapshots, histories, known = [], [], {"inc": 0, "after": 0}
            before, begun = runtime.client.snapshot("host")["cycle"], time.monotonic()
            for _ in range(options.rounds):
                snapshots.append(_ask_for(runtime, _snapshot))
                histories.append(_ask_for(runtime, lambda client: _history(client, known)))
            cycles = (runtime.client.snapshot("host")["cycle"] - before) / (time.monotonic() - begun)
    note = f"{sources} sources every {INTERVAL_MS} ms, {cycles:.1f} cycles/s meanwhile"
    return [row("snapshot of a loaded observer, p99", snapshots, "ms", target=P99_MS_MAX, note=note),
            row("history of a loaded observer, p99", histories, "ms", target=P99_MS_MAX, note=note)]
