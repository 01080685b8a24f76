"""chain_harness.py: a runtime that watches real nodes of a chain, and the story that its events tell of them.

1. The nodes are hsd's (tools/examples/chain/hsd_net.py): `watched.net` mines, forks, cuts off, kills and restarts them,
   and its nodes keep wallets.
2. Where hsd is not installed the test is skipped, and says how to install it; in continuous integration it fails.
"""
import os
import sys

from cli_harness import Home
from harness import TOP, vedette, wait_for
from told import Events

sys.path.insert(0, os.path.join(TOP, "tools", "examples", "chain"))
import hsd_install  # noqa: E402
import hsd_net  # noqa: E402

SKIPPED = 77
INTERVAL_S = 0.1
CONFIG = """[providers.nodes]
kind = "file"
path = "{sources}"

[supervisor]
backoff_min = "10ms"
backoff_max = "200ms"
intensity_restarts = 64

[observers.host]
enabled = false

[observers.services]
enabled = false

[observers.chain]
interval = "100ms"
{more}
"""


def need_hsd():
    """Ends the test where hsd is not installed."""
    if hsd_install.find():
        return
    try:
        hsd_install.check()
        why = "tools/examples/chain/hsd_install.py installs it"
    except hsd_install.HsdError as error:
        why = str(error)
    must = os.environ.get("CI") == "true"
    print(f"{'failed' if must else 'skipped'}: hsd is not installed ({why})", flush=True)
    sys.exit(1 if must else SKIPPED)


class Watched:
    """Nodes, the list of them, and a runtime that watches them. `more` goes behind the table of the observer chain."""

    def __init__(self, binaries, more="", count=3):
        need_hsd()
        self.home = Home(binaries)
        self.net = hsd_net.Net(self.home.path("net"), count)
        self.nodes = self.net.nodes
        self.sources = self.home.path("sources.json")
        self.extra = []  # further sources
        self.events = self.client = None
        self.home.configure(CONFIG.format(sources=self.sources, more=more))

    def __enter__(self):
        try:
            self.net.start()
            self.list()
            self.home.run("up", "-c", self.home.config, "--detach", "--wait")
            self.events = Events(self.home.dir)
            self.client = vedette.Client(self.home.dir)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.explain()
        if self.events:
            self.events.close()
        if self.client:
            self.client.close()
        self.net.close()
        self.home.__exit__()

    def explain(self):
        for _, event in self.events.all[-200:] if self.events else ():
            print(event.seq, event.ts, event.type, event.data, file=sys.stderr)
        for name, node in self.nodes.items():
            if os.path.exists(node.log):
                with open(node.log, encoding="utf-8", errors="replace") as file:
                    sys.stderr.write(f"--- {name}\n" + "".join(file.readlines()[-15:]))
        print(self.home.run("snapshot", "chain", code=None), file=sys.stderr)

    def list(self):
        """Writes the list of the nodes, and of what stands in `extra`."""
        hsd_net.write_sources(self.sources, self.net.sources() + self.extra)

    def state(self, observer="chain"):
        return self.client.snapshot(observer)["state"] or {}

    def told_heads(self):
        return {row["name"]: (row["head"], row["height"]) for row in self.state().get("nodes", [])}

    def followed_heads(self):
        """The head of each node by the events that have come so far."""
        return {event.data["node"]: event.data["id"] for event in self.events.of("chain")
                if event.type == "head_changed"}

    def settled(self, timeout_s=60.0):
        """Until all that live have one head and the observer shows and tells it of each of them; it: (id, height)."""
        head = self.net.wait_same(timeout_s)
        alive = [name for name, node in self.nodes.items() if node.is_alive()]
        wait_for(f"the observer shows {head} of {alive}",
                 lambda: {name: self.told_heads().get(name) for name in alive} == dict.fromkeys(alive, head), timeout_s)
        wait_for(f"the events tell {head} of {alive}", lambda: (told := self.followed_heads()) and {
            name: told.get(name) for name in alive} == dict.fromkeys(alive, head[0]), timeout_s)
        return head

    def shown(self, timeout_s=60.0):
        """Until the observer shows of each node that lives the head that it has, whatever branch it is on."""
        return wait_for("the observer shows the heads as they are",
                        lambda: (heads := self.net.heads()) and {
                            name: self.told_heads().get(name) for name in heads} == heads, timeout_s)

    def query(self, *words):
        return self.home.json("query", "chain", *words)


class Story:
    """Events replayed against what they mean: a naive graph, in which nothing may happen twice or come out of nothing."""

    def __init__(self, events=()):
        self.parent, self.height, self.heads, self.lagging, self.syncing, self.final, self.turn = {}, {}, {}, set(), set(), None, 0
        self.left = {}  # node: the head from which it went back on its own branch
        self.reorgs = []
        self.went = None  # the reorganization whose new head has to follow
        for event in events:
            self.take(event)

    def line(self, block):
        """A block and its ancestors that are known, down to the first one."""
        while block in self.parent:
            yield block
            block = self.parent[block]

    def way(self, one, other):
        """(fork point, removed, added) between two blocks, parents first."""
        below = set(self.line(one))
        fork = next((block for block in self.line(other) if block in below), None)
        until = [[block for block in self.line(tip) if self.height[block] > self.height[fork]][::-1] if fork else []
                 for tip in (one, other)]
        return fork, until[0], until[1]

    def take(self, event):
        where = f"{event.type} {event.data} at {event.seq}"
        assert event.cause["turn"] >= self.turn, f"the turn goes back: {where}"
        self.turn = event.cause["turn"]
        assert self.went is None or event.type == "head_changed", f"a head was to follow: {where}"
        getattr(self, f"take_{event.type}")(event.data, where)

    def take_block_discovered(self, data, where):
        assert data["id"] not in self.parent, f"a block is told twice: {where}"
        assert not self.parent or data["parent"] in self.parent, f"its parent is not known: {where}"
        assert not self.parent or data["height"] == self.height[data["parent"]] + 1, where
        self.parent[data["id"]], self.height[data["id"]] = data["parent"], data["height"]

    def take_reorg(self, data, where):
        was = self.left.get(data["node"]) or self.heads.get(data["node"])
        assert data["previous"] == was and was in self.line(data["from"]), f"the node was at {was}: {where}"
        fork, removed, added = self.way(data["from"], data["to"])
        assert data["fork_point"] == fork and data["depth"] == len(removed) > 0, f"{fork}, {len(removed)}: {where}"
        assert data["removed"] == removed[-64:] and data["added"] == added[-64:] and added, where
        self.went = data
        self.reorgs.append(data)

    def take_head_changed(self, data, where):
        assert data["previous"] == self.heads.get(data["node"]) != data["id"], where
        assert self.height[data["id"]] == data["height"], where
        if self.went:
            assert self.went["node"] == data["node"] and self.went["to"] == data["id"], (self.went, where)
        elif data["previous"]:
            was = self.left.get(data["node"]) or data["previous"]
            _, removed, added = self.way(was, data["id"])
            assert not removed or not added or data["node"] in self.syncing, f"that is a reorganization: {where}"
            assert data.get("left") == (was if removed and not added else None), where
        self.went = None
        self.left[data["node"]] = data.get("left")
        self.heads[data["node"]] = data["id"]

    def take_ancestors_read(self, data, where):
        assert data["blocks"] and not set(data["blocks"]) & set(self.parent) and data["next"] not in self.parent, where

    def take_node_syncing(self, data, where):
        assert data["node"] not in self.syncing, where
        self.syncing.add(data["node"])

    def take_node_synced(self, data, where):
        assert data["node"] in self.syncing, where
        self.syncing.discard(data["node"])

    def take_node_lagging(self, data, where):
        assert data["node"] not in self.lagging and data["behind"] == data["best"] - data["height"] > 0, where
        self.lagging.add(data["node"])

    def take_node_caught_up(self, data, where):
        assert data["node"] in self.lagging, where
        self.lagging.discard(data["node"])

    def take_finality_advanced(self, data, where):
        assert self.final is None or self.final in self.line(data["id"]), f"{self.final} was final: {where}"
        assert self.height[data["id"]] == data["height"], where
        self.final = data["id"]

    def take_node_removed(self, data, where):
        assert self.heads.pop(data["node"], None) is not None, where
        self.lagging.discard(data["node"])
