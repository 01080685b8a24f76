#!/usr/bin/python3
"""test_chain_watchers.py BIN: the observers inclusion, sync_target and stall on three real nodes. Transactions are seen,
included, confirmed, dropped by a reorganization as the observer is killed, and included again, each told once; a node of
one's own that falls back or hangs is told lost and there again; one that hangs is told stalled while the tip is not, and
the tip where nobody mines. Skipped where hsd is not installed."""
import os
import signal
import sys
from datetime import datetime, timedelta

from chain_harness import Watched, hsd_net, wait_for
from cli_harness import gapless

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin"
LONG_S = 90.0  # what has to come, however busy the machine is
LOST_AFTER = 50
TIP_AFTER = timedelta(seconds=3)
WATCHERS = f"""
[observers.inclusion]
interval = "100ms"
pool_interval = "100ms"
mempools = true
depths = ["1", "3"]
history = 2000

[observers.sync_target]
interval = "100ms"
deadline = "500ms"
lost_after = {LOST_AFTER}

[observers.stall]
interval = "100ms"
tip_after = "{TIP_AFTER.seconds}s"
node_after = "2s"
final_after = "10m"
"""
GROUPS = {"n1": "local", "n2": "public", "n3": "public"}
PAID = 1000000


class Grouped(Watched):
    """n1 is one's own, the others are public."""

    def list(self):
        rows = self.net.sources()
        for row in rows:
            row["labels"]["group"] = GROUPS[row["name"]]
        hsd_net.write_sources(self.sources, rows)


class Watch:
    """alice, whose wallet n1 keeps, the transactions that she has made, and what is told of them."""

    def __init__(self, watched):
        self.watched, self.net, self.events = watched, watched.net, watched.events
        self.n1, self.n2, self.n3 = (watched.nodes[name] for name in ("n1", "n2", "n3"))
        self.alice = self.n1.wallet("alice")
        self.expected = {}  # transaction: what is to be told of it, in this order

    def wait(self, kind, since=0, **fields):
        return self.events.wait(kind, since, LONG_S, **fields)[1]

    def there(self):
        """All nodes have one head, and all of one's own are there."""
        self.watched.settled(LONG_S)
        wait_for("all local nodes are there", lambda: self.watched.state("sync_target").get("reached"), LONG_S)

    def pay(self):
        """A transaction in the pool of n1, and told as seen there; or at another node, unless n1 is alone."""
        wait_for("the wallet follows its node",
                 lambda: self.alice.height() == self.n1.head()[1] and self.alice.confirmed() > PAID, LONG_S)
        tx = self.alice.pay(hsd_net.NOBODY, PAID)
        self.expected[tx] = [("tx_seen", None)]
        node = self.wait("tx_seen", tx=tx).data["node"]
        assert node in (("n1",) if self.net.apart else GROUPS), node
        return tx

    def expect(self, tx, kind, block, depth=None):
        """That this is told next of the transaction."""
        self.expected[tx].append((kind, block) if depth is None else (kind, block, depth))
        wait_for(f"{self.expected[tx]} is told", lambda: len(self.told(tx)) >= len(self.expected[tx]), LONG_S)
        assert self.told(tx)[:len(self.expected[tx])] == self.expected[tx], (self.told(tx), self.expected[tx])

    def told(self, tx):
        """What was told of a transaction, but that it is watched."""
        rows = [(event.type, event.data.get("block"), event.data.get("depth")) for event in self.events.of("inclusion")
                if event.data.get("tx") == tx and event.type != "tx_watched"]
        return [row if row[2] is not None else row[:2] for row in rows]

    def die(self):
        """The observer inclusion is killed; the process that it was."""
        pid = self.watched.home.actor("inclusion")["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def answer(self, tx):
        return self.watched.home.json("query", "inclusion", "tx", tx)


def included(watch):
    """Seen, in a block, and three deep."""
    watch.n1.mine(1, watch.alice.address())
    watch.n1.mine(8)
    watch.there()
    tx = watch.pay()
    block = watch.n1.mine()[0]
    watch.expect(tx, "tx_included", block)
    watch.expect(tx, "tx_confirmed", block, 1)
    watch.net.wait_same()
    watch.n3.mine(2)
    watch.expect(tx, "tx_confirmed", block, 3)
    answer = watch.answer(tx)
    assert (answer["state"], answer["block"], answer["depth"]) == ("included", block, 3), answer


def dropped(watch):
    """n1 goes on alone with a transaction, the others go beyond it; as they do the observer dies. n1 is lost meanwhile."""
    watch.there()
    before = watch.events.last()
    watch.net.cut("n1")
    tx = watch.pay()
    own = watch.n1.mine(2)
    watch.expect(tx, "tx_included", own[0])
    watch.expect(tx, "tx_confirmed", own[0], 1)
    pid = watch.die()
    watch.n2.mine(LOST_AFTER + 10)
    watch.expect(tx, "tx_dropped", own[0])
    assert watch.wait("tx_dropped", before, tx=tx).data["reason"] == "reorg"
    wait_for("another observer", lambda: watch.watched.home.actor("inclusion").get("pid", 0) not in (0, pid), LONG_S)
    lost = wait_for("n1 is lost, and why", lambda: next((found for reason in ("behind", "other_branch") if (
        found := watch.events.find("local_lost", before, node="n1", reason=reason))), None), LONG_S)[1]
    wait_for("n1 alone is missing", lambda: [
        row["name"] for row in watch.watched.home.json("query", "sync_target", "missing")] == ["n1"], LONG_S)
    missing = watch.wait("sync_lost", before).data["missing"]
    assert missing == ["n1"], missing

    watch.net.join()
    watch.there()
    watch.wait("local_reached", lost.seq, node="n1")
    wait_for("n1 has it in its pool again", lambda: tx in watch.n1.get("/mempool"), LONG_S)
    watch.expect(tx, "tx_seen", None)
    block = watch.n1.mine()[0]
    watch.expect(tx, "tx_included", block)
    watch.expect(tx, "tx_confirmed", block, 1)
    watch.n1.mine(2)
    watch.expect(tx, "tx_confirmed", block, 3)


def tip_stalls(watch, since):
    """The stalls of the tip since then. Each is true: no node went higher within its time."""
    rises, top = [], -1
    for event in watch.events.of("chain"):
        if event.type == "head_changed" and event.data["height"] > top:
            top = event.data["height"]
            rises.append(moment(event.ts))
    rises.append(None)
    gaps = [begin for begin, end in zip(rises, rises[1:]) if end is None or end - begin >= TIP_AFTER]
    stalls = [event for event in watch.events.of("stall")
              if event.seq > since and event.type == "stalled" and event.data["what"] == "tip"]
    for event in stalls:
        assert moment(event.data["since"]) in gaps, (event.data, gaps)
    return stalls


def moment(ts):
    return datetime.fromisoformat(ts.replace("Z", "+00:00"))


def frozen(watch):
    """n1 hangs while the others go on: it is stalled, and lost; the tip is neither. Then nobody mines."""
    watch.there()
    before = watch.events.last()
    watch.net.pause("n1")

    def goes_on():
        """The next block, once the observer has shown the one before."""
        if watch.watched.told_heads().get("n2") == watch.n2.head():
            watch.n2.mine()
        return (watch.events.find("stalled", before, what="node/n1") and
                watch.events.find("local_lost", before, node="n1", reason="unreachable"))
    wait_for("n1 is stalled and lost", goes_on, LONG_S)
    lost, stalled = watch.wait("local_lost", before, node="n1"), watch.wait("stalled", before, what="node/n1")
    watch.net.resume("n1")
    again = watch.wait("moving_again", stalled.seq, what="node/n1")
    assert again.data["gap_ms"] >= stalled.data["limit_ms"] == 2000, (stalled.data, again.data)
    watch.there()
    watch.wait("local_reached", lost.seq, node="n1")
    wait_for("the tip alone is stalled", lambda: [
        row["what"] for row in watch.watched.home.json("query", "stall", "stalled")] == ["tip"], LONG_S)
    stalls = tip_stalls(watch, before)
    assert stalls[-1].seq > stalled.seq, [event.data for event in stalls]


def changes(events, name, kinds, why):
    """What is told of each is never what was told of it last."""
    last = {}
    for event in events:
        if event.type in kinds:
            said = (event.type, event.data.get(why))
            assert last.get(event.data[name]) != said, (event.type, event.data)
            last[event.data[name]] = said


def told_well(watch):
    """Nothing is told twice, nothing is missing, and the observer that was killed counts as one that was not."""
    assert gapless([{"seq": event.seq} for _, event in list(watch.events.all)]), "the session has gaps"
    for tx, expected in watch.expected.items():
        assert watch.told(tx) == expected, (watch.told(tx), expected)
    told = watch.events.of("inclusion")
    blocks = [event.data["id"] for event in told if event.type == "block_read"]
    assert len(blocks) == len(set(blocks)), "a block is told twice"
    watched = [event.data["tx"] for event in told if event.type == "tx_watched"]
    assert sorted(watched) == sorted(watch.expected), (watched, watch.expected)
    totals = watch.watched.state("inclusion")["totals"]
    assert totals == {"seen": 3, "included": 3, "confirmed": 5, "reorged": 1, "evicted": 0}, totals
    changes(watch.events.of("sync_target"), "node", ("local_reached", "local_lost"), "reason")
    changes(watch.events.of("stall"), "what", ("stalled", "moving_again"), None)


STEPS = (included, dropped, frozen, told_well)


def main():
    with Grouped(BIN, WATCHERS) as watched:
        watch = Watch(watched)
        for step in STEPS:
            print(f"-- {step.__name__}", flush=True)
            step(watch)


main()
