"""chain.py: how soon a mined block is told, how fast a node is caught up with, and what many wallets on a long chain take."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from runtime import Runtime
from table import row

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples", "chain"))
import hsd_install  # noqa: E402
import hsd_net  # noqa: E402

PARTS = ("visible", "catchup", "wallets")
INTERVAL_MS = 200
LATE_MS = 10
BLOCKS = 20  # in one round
CATCH_UP = 1000
CATCH_UP_S = 3.0
CATCH_UP_ROUNDS = 3
HEADERS, WALLETS, CHANGES = 100000, 50, 2000
MEMORY_MIB, CHANGE_MS = 256, 5.0
CONFIG = """[providers.nodes]
kind = "file"
path = "{sources}"
[observers.host]
enabled = false
[observers.services]
enabled = false
[observers.chain]
interval = "{interval}ms"
history = 5000
"""


def _told(events, block, timeout_s=60.0):
    """When the block was told; those before it are passed over."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        event = events.next(1.0)
        if event is not None and event.data["id"] == block:
            return time.monotonic()
    raise SystemExit(f"bench: block {block} is not told within {timeout_s} s")


def _visible(node, events, count):
    """Milliseconds from a mined block to its event, of blocks that come at all moments between two reads alike."""
    late = []
    for part in random.sample(range(count), count):
        time.sleep((0.3 + (part + 0.5) / count) * INTERVAL_MS / 1000)
        block = node.mine()[0]
        mined = time.monotonic()
        late.append((_told(events, block) - mined) * 1000)
    return late


def _control(runtime, verb, *options):
    subprocess.run([runtime.command("vedette"), "--dir", runtime.dir, verb, "chain", *options], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _caught_up(runtime, node, events, count):
    """Seconds from the observer's start to the last of the blocks that were mined while it was down."""
    _control(runtime, "stop", "--wait")
    for _ in range(count // 100):
        block = node.mine(100)[-1]
    begun = time.monotonic()
    _control(runtime, "start")
    return _told(events, block) - begun


def _parts(options):
    return options.only.split(",") if options.only else PARTS


def _of_nodes(options):
    """(milliseconds to visible, seconds of catching up), both by round; nothing where hsd is not installed."""
    if not hsd_install.find():
        print("bench: hsd is not installed (tools/examples/chain/hsd_install.py installs it): nodes are left out",
              file=sys.stderr)
        return [], []
    wanted = _parts(options)
    rounds, count = (2, 5) if options.quick else (options.rounds, BLOCKS)
    directory = tempfile.mkdtemp(prefix="vd-bench-", dir="/tmp")
    late, caught_up = [], []
    try:
        with hsd_net.Net(os.path.join(directory, "net"), 1) as net:
            net.start()
            node = net.nodes["n1"]
            node.mine(10)
            sources = os.path.join(directory, "sources.json")
            hsd_net.write_sources(sources, net.sources())
            with Runtime(options.build, CONFIG.format(sources=sources, interval=INTERVAL_MS)) as runtime:
                events = runtime.client.follow(start="start", type="block_discovered")
                _told(events, node.head()[0])
                for _ in range(rounds if "visible" in wanted else 0):
                    late.append(sorted(_visible(node, events, count))[count // 2])
                for _ in range((1 if options.quick else CATCH_UP_ROUNDS) if "catchup" in wanted else 0):
                    caught_up.append(_caught_up(runtime, node, events, CATCH_UP // 10 if options.quick else CATCH_UP))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return late, caught_up


def _of_wallets(options):
    headers = HEADERS // 10 if options.quick else HEADERS
    with Runtime(options.build) as runtime:
        measured = [runtime.measure("wallets", headers, WALLETS, CHANGES) for _ in range(1 if options.quick else 3)]
    note = f"{headers} headers, {WALLETS} wallets, {measured[0]['coins']} coins"
    return [row("memory of a chain with wallets", [one["mib"] for one in measured], "MiB", MEMORY_MIB, note=note),
            row("head change to balances, p50", [one["p50"] / 1000 for one in measured], "ms", CHANGE_MS,
                note="from a node's answer with the block"),
            row("head change to balances, p99", [one["p99"] / 1000 for one in measured], "ms", CHANGE_MS)]


def run(options):
    """Rows for a table; without those of nodes where hsd is not installed."""
    rows, wanted = [], _parts(options)
    late, caught_up = _of_nodes(options) if {"visible", "catchup"} & set(wanted) else ([], [])
    if late:
        rows.append(row("block mined to its event visible, p50", late, "ms", INTERVAL_MS / 2 + LATE_MS,
                        note=f"half a poll interval ({INTERVAL_MS} ms) + {LATE_MS} ms"))
    if caught_up:
        count = CATCH_UP // 10 if options.quick else CATCH_UP
        rows.append(row(f"{count} blocks of catch-up", caught_up, "s", CATCH_UP_S,
                        note="from the start of the observer's process, of one node of hsd on this machine"))
    return rows + (_of_wallets(options) if "wallets" in wanted else [])
