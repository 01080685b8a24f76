"""election.py: how long after etcd itself knows its new leader the observer of clusters has told it, on disk."""
import os
import shutil
import sys
import tempfile
import threading
import time

from runtime import Runtime
from table import row

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples", "etcd"))
import etcd_cluster  # noqa: E402

INTERVAL_MS = 100
TURN_MS = 20
CONFIG = '[providers.cluster]\nkind = "file"\npath = "{}"\n[observers.raft]\ninterval = "{}ms"\n'


class Truth(threading.Thread):
    """Asks etcd itself who leads, as often as it can: when each leader was first seen."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.seen, self.stopped = cluster, {}, threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.002):
            leader = self.cluster.leader()
            if leader:
                self.seen.setdefault(leader, time.monotonic())

    def of(self, leader, timeout_s=10.0):
        deadline = time.monotonic() + timeout_s
        while leader not in self.seen:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: etcd does not name {leader} as its leader")
            time.sleep(0.002)
        self.stopped.set()
        self.join()
        return self.seen[leader]


def _elected(events, timeout_s=20.0):
    """The next leader that is told, and when."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        event = events.next(1.0)
        if event is not None:
            return event.data["leader"], time.monotonic()
    raise SystemExit(f"bench: no leader_elected within {timeout_s} s")


def run(options):
    """Rows, none where etcd is not installed."""
    if not etcd_cluster.is_installed():
        return []
    directory = tempfile.mkdtemp(prefix="vd-bench-", dir="/tmp")
    late, elections = [], []
    try:
        with etcd_cluster.Cluster(directory) as cluster:
            cluster.start()
            listed = os.path.join(directory, "sources.json")
            cluster.wait_leader()
            cluster.write_sources(listed)
            with Runtime(options.build, CONFIG.format(listed, INTERVAL_MS)) as runtime:
                events = runtime.client.follow(start="start", type="leader_elected")
                leader, _ = _elected(events)
                for _ in range(options.rounds):
                    runtime.client.wait("raft", "reachable_count == 3", 20.0)
                    cluster.kill(leader)
                    killed = time.monotonic()
                    truth = Truth(cluster)
                    old, (leader, told) = leader, _elected(events)
                    elected = truth.of(leader)
                    late.append(max(0.0, told - elected) * 1000)
                    elections.append((elected - killed) * 1000)
                    cluster.restart(old)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return [row("new leader told, after etcd has it", late, "ms", INTERVAL_MS + TURN_MS,
                note=f"one poll interval ({INTERVAL_MS} ms) + {TURN_MS} ms"),
            row("the election itself", elections, "ms")]
