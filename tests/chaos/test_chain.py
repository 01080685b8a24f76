#!/usr/bin/python3
"""test_chain.py BIN: SIGKILL of the observer chain in the middle of reorganizations of a real node. Each time the supervisor
starts it again, and no block, head or reorganization is lost or told twice. Skipped where hsd is not installed.

The moments of the deaths are chance; the seed is printed (VEDETTE_SEED)."""
import os
import random
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parts import BIN, SEED  # noqa: E402
from chain_harness import Story, Watched  # noqa: E402
from cli_harness import gapless, wait_for  # noqa: E402

ROUNDS = 12
DEPTH_MAX = 20
# Kept often, so that some lives begin with what was kept and some with all that was told.
OFTEN = "snapshot_events = 40\n"


class Death:
    """The observer's process is killed, and there is another soon."""

    def __init__(self, watched):
        self.watched, self.count = watched, 0

    def observer(self):
        return self.watched.home.actor("chain")

    def strike(self):
        pid = self.observer().get("pid", 0)
        if pid:
            os.kill(pid, signal.SIGKILL)
            self.count += 1
        wait_for("another observer", lambda: self.observer().get("pid", 0) not in (0, pid) and
                 self.observer()["state"] == "ready")


def moments(watched, dice, own, before):
    """When to kill: as the node is joined, as its head has moved, when the reorganization is told, or at any time."""
    node, soon = watched.nodes["n1"], time.monotonic() + dice.uniform(0.0, 0.4)
    return dice.choice([
        ("at once", lambda: True),
        ("as the head moves", lambda: node.head()[0] != own[-1]),
        ("as it is told", lambda: watched.events.find("reorg", before, node="n1")),
        ("at some time", lambda: time.monotonic() >= soon)])


def reorganize(watched, dice, death):
    depth = dice.randrange(1, DEPTH_MAX + 1)
    fork_point = watched.settled()[0]
    before = watched.events.last()
    own, theirs = watched.net.fork("n1", depth)
    if dice.random() < 0.3:
        death.strike()  # while it hears of the branches
    watched.shown()
    watched.net.join()
    for _ in range(dice.randrange(1, 3)):
        name, comes = moments(watched, dice, own, before)
        wait_for(name, comes)
        death.strike()
    watched.settled()
    told = [event.data for event in watched.events.of("chain")
            if event.seq > before and event.type == "reorg" and event.data["node"] == "n1"]
    assert len(told) == 1, f"one reorganization of depth {depth}, told as {told}"
    assert (told[0]["from"], told[0]["fork_point"], told[0]["depth"]) == (own[-1], fork_point, depth), (told, depth)
    assert told[0]["removed"] == own and told[0]["added"] == theirs[:len(told[0]["added"])], (told, own, theirs)
    blocks = [event.data["id"] for event in watched.events.of("chain")
              if event.seq > before and event.type == "block_discovered"]
    assert sorted(blocks) == sorted(own + theirs), f"blocks told: {blocks}, mined: {own + theirs}"


def told_well(watched):
    head, _ = watched.settled()
    assert gapless([{"seq": event.seq} for _, event in watched.events.all]), "the session has gaps"
    story = Story(watched.events.of("chain"))
    assert story.heads == dict.fromkeys(watched.nodes, head), (story.heads, head)
    tips = {row["id"] for row in watched.query("tips")}
    assert tips == set(story.parent) - set(story.parent.values()), "the graph is not what was told"


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    dice = random.Random(SEED)
    with Watched(BIN, OFTEN) as watched:
        death = Death(watched)
        watched.nodes["n1"].mine(3)
        for _ in range(ROUNDS):
            reorganize(watched, dice, death)
        told_well(watched)
        assert death.count >= ROUNDS, death.count
        print(f"{ROUNDS} reorganizations, {death.count} deaths of their observer")


if __name__ == "__main__":
    main()
