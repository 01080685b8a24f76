"""actors.py: deaths, joins, memory, idle CPU, and the way of one event."""
import os
import signal
import subprocess
import time

import vedette
from runtime import Runtime, cpu_s, rss_anon_mib
from table import row

MIB_MAX = {"poller": 12, "ingestor": 48}
REGISTERED = 100


def _until(feed, wanted, timeout_s=20.0):
    """Seconds until an item or snapshot satisfies `wanted`; the feed is read from now on."""
    begun = time.monotonic()
    while time.monotonic() - begun < timeout_s:
        change = feed.next(0.5)
        if change is not None and wanted(change):
            return time.monotonic()
    raise SystemExit(f"bench: waited {timeout_s} s in vain")


def _drain(feed):
    while feed.next(0.05) is not None:
        pass


def _is_child(change, name, state, other_than):
    return any(row["name"] == name and row["state"] == state and row.get("pid") not in (0, None, other_than)
               for row in (change[1] if change[0] == "snapshot" else [change[1]]))


def kill_to_ready(runtime, lifecycle, name):
    """Milliseconds from SIGKILL to `ready` of the next life."""
    runtime.wait_settled()
    _drain(lifecycle)
    pid = runtime.pids()[name]
    begun = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    return (_until(lifecycle, lambda change: _is_child(change, name, "ready", pid)) - begun) * 1000


def _gone(change, name):
    if change[0] == "snapshot":
        return all(actor["name"] != name or actor.get("state") == "suspect" for actor in change[1]["actors"])
    return change[1].get("op") == "actor_gone" and change[1].get("name") == name


def _here(change, name):
    if change[0] == "snapshot":
        return any(actor["name"] == name for actor in change[1]["actors"])
    return change[1].get("op") == "actor" and change[1]["actor"]["name"] == name


def death_and_join(runtime, membership):
    """Milliseconds until the broker's feed tells the death of a child, and the join of a new process."""
    runtime.wait_settled()
    _drain(membership)
    pid = runtime.pids()["services"]
    begun = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    death = (_until(membership, lambda change: _gone(change, "services")) - begun) * 1000
    runtime.wait_settled()
    _drain(membership)
    name = f"joiner-{time.monotonic_ns()}"
    begun = time.monotonic()
    process = subprocess.Popen([runtime.command("vedette-poller"), "--dir", runtime.dir, "--name", name,
                                "--config", runtime.config], stderr=subprocess.DEVNULL)
    runtime.extra.append(process)
    join = (_until(membership, lambda change: _here(change, name)) - begun) * 1000
    process.terminate()
    process.wait()
    return death, join


def reregistered(runtime):
    """Seconds from SIGKILL of the broker until 100 further actors are in the new one's membership."""
    names = {f"crowd-{number}" for number in range(REGISTERED)}
    crowd = [subprocess.Popen([runtime.command("vedette-poller"), "--dir", runtime.dir, "--name", name, "--config",
                               runtime.config], stderr=subprocess.DEVNULL) for name in names]
    runtime.extra += crowd

    def present():
        try:
            return names <= {actor["name"] for actor in runtime.client.membership()["actors"]}
        except vedette.Unreachable:
            return False

    while not present():
        time.sleep(0.05)
    figures = []
    for _ in range(3):
        runtime.wait_settled()
        os.kill(runtime.pids()["broker"], signal.SIGKILL)
        begun = time.monotonic()
        while not present():
            time.sleep(0.01)
        figures.append(time.monotonic() - begun)
    for process in crowd:
        process.terminate()
    for process in crowd:
        process.wait()
    return figures


def idle_cpu(runtime, seconds):
    """Percent of one core that the whole runtime takes while nothing happens."""
    pids = runtime.pids().values()
    before = {pid: cpu_s(pid) for pid in pids}
    begun = time.monotonic()
    time.sleep(seconds)
    return 100 * sum(cpu_s(pid) - before[pid] for pid in pids) / (time.monotonic() - begun)


def run(options):
    rows = []
    with Runtime(options.build) as runtime:
        lifecycle = vedette.Feed(runtime.client, "supervisor", "lifecycle")
        membership = vedette.Feed(runtime.client, "broker", "membership")
        session = runtime.client.newest_session()
        rows.append(row("idle CPU of the whole runtime", [idle_cpu(runtime, options.idle)], "%", 3.0))
        for name, pid in sorted(runtime.pids().items()):
            kind = "poller" if name.startswith("poller") else name
            rows.append(row(f"anonymous memory of {name}", [rss_anon_mib(pid)], "MiB", MIB_MAX.get(kind, 6)))

        visible, raw, ready, deaths, joins = [], [], {}, [], []
        for _ in range(options.rounds):
            roundtrip = runtime.measure("roundtrip", runtime.dir, 2000)
            synced = runtime.measure("sync", runtime.dir, 500)
            figure = runtime.measure("visible", runtime.dir, session, 500)
            visible.append(figure["p50"] / 1000)
            raw.append((roundtrip["p50"] + synced["p50"]) / 1000)
            for name in ("broker", "ingestor", "poller-1", "host", "services"):
                ready.setdefault(name, []).append(kill_to_ready(runtime, lifecycle, name))
            death, join = death_and_join(runtime, membership)
            deaths.append(death)
            joins.append(join)
        rows.append(row("emit to visible, p50", visible, "ms", 1.0, raw, "raw: ZeroMQ round trip + fdatasync"))
        for name, figures in ready.items():
            rows.append(row(f"kill to ready, {name}", figures, "ms", 300))
        rows.append(row("death in the broker's feed", deaths, "ms", 1500))
        rows.append(row("join in the broker's feed", joins, "ms", 500))
        rows.append(row(f"{REGISTERED} actors registered again", reregistered(runtime), "s", 3.0,
                        note="after SIGKILL of the broker"))
        lifecycle.close()
        membership.close()
    return rows
