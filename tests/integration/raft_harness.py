"""raft_harness.py: a runtime that watches a real etcd cluster, and the story that its events tell."""
import os
import sys

from cli_harness import Home
from harness import TOP, vedette, wait_for
from told import Events

sys.path.insert(0, os.path.join(TOP, "tools", "examples", "etcd"))
import etcd_cluster  # noqa: E402
import openraft_gateway  # noqa: E402,F401

INTERVAL_S = 0.1
CONFIG = """[providers.cluster]
kind = "file"
path = "{sources}"

[observers.host]
enabled = false

[observers.services]
enabled = false

[observers.raft]
interval = "100ms"
{more}
"""


class Watched:
    """A cluster, the list of its members, and a runtime that watches it."""

    def __init__(self, binaries, more="", count=3):
        self.home = Home(binaries)
        self.cluster = etcd_cluster.Cluster(self.home.path("etcd"), count)
        self.sources = self.home.path("sources.json")
        self.extra = []  # further sources
        self.events = self.client = None
        self.home.configure(CONFIG.format(sources=self.sources, more=more))

    def __enter__(self):
        self.cluster.start()
        self.cluster.wait_leader()
        self.list()
        self.home.run("up", "-c", self.home.config, "--detach", "--wait")
        self.events = Events(self.home.dir)
        self.client = vedette.Client(self.home.dir)
        return self

    def __exit__(self, kind, *_):
        if kind:
            for _, event in self.events.all if self.events else ():
                print(event.seq, event.ts, event.type, event.data, file=sys.stderr)
            print(self.home.run("snapshot", "raft", code=None), file=sys.stderr)
        if self.events:
            self.events.close()
            self.client.close()
        self.cluster.close()
        self.home.__exit__()

    def list(self):
        etcd_cluster.write_sources(self.sources, self.cluster.sources() + self.extra)

    def state(self, observer="raft"):
        return self.client.snapshot(observer)["state"] or {}

    def wait_leader(self, name, observer="raft"):
        """Until the snapshot shows it: whoever follows may see an event before the observer has heard of its commit."""
        wait_for(f"{observer} agrees on {name}", lambda: self.state(observer).get("agreed_leader", "?") == name)

    def settled(self, observer="raft"):
        """Until the observer shows what etcd itself says; the leader."""
        def same():
            leader, state = self.cluster.leader(), self.state(observer)
            names = [row["name"] for row in state.get("members", [])]
            alive = sorted(name for name, member in self.cluster.members.items() if member.is_alive())
            good = leader and state.get("agreed_leader") == leader and names == sorted(self.cluster.members)
            return leader if good and [row["name"] for row in state["members"] if row["reachable"]] == alive else None
        return wait_for("the observer shows the cluster as it is", same)


class Story:
    """Events replayed against what they mean: nothing may happen twice, or to one who is not there."""

    def __init__(self, events):
        self.members, self.leader, self.term, self.split, self.turn = {}, None, 0, False, 0
        self.leaders = []
        for event in events:
            self.take(event)

    def take(self, event):
        where = f"{event.type} {event.data} at {event.seq}"
        assert event.cause["turn"] >= self.turn, f"the turn goes back: {where}"
        self.turn = event.cause["turn"]
        data = event.data
        if event.type == "member_joined":
            assert data["member"] not in self.members, f"joins again: {where}"
            self.members[data["member"]] = True
        elif event.type == "member_left":
            assert self.members.pop(data["member"], None) is not None, f"was not there: {where}"
        elif event.type == "member_unreachable":
            assert self.members[data["member"]] is True, f"was unreachable: {where}"
            self.members[data["member"]] = False
        elif event.type == "member_recovered":
            assert self.members[data["member"]] is False, f"was reachable: {where}"
            self.members[data["member"]] = True
        elif event.type == "term_advanced":
            assert data["previous"] == self.term < data["term"], f"not from {self.term}: {where}"
            self.term = data["term"]
        elif event.type == "leader_lost":
            assert (data["leader"], data["term"]) == self.leader, f"{self.leader} led: {where}"
            self.leader = None
        elif event.type == "leader_elected":
            assert self.leader is None and data["term"] == self.term, f"{self.leader} leads, term {self.term}: {where}"
            assert data["previous"] == (self.leaders[-1][0] if self.leaders else None), where
            self.leader = (data["leader"], data["term"])
            self.leaders.append(self.leader)
        elif event.type.startswith("split_brain_"):
            assert self.split == (event.type == "split_brain_ended"), where
            self.split = not self.split
        else:
            raise AssertionError(f"of no known type: {where}")
