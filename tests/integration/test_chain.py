#!/usr/bin/python3
"""test_chain.py BIN: the observer chain on three real nodes that fork, reorganize at every depth from 1 to 20, die, come back
and lag while it watches; its events are true and complete. Skipped where hsd is not installed."""
import os
import random
import sys

from chain_harness import Story, Watched, wait_for
from cli_harness import gapless

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin"
SEED = int(os.environ.get("VEDETTE_SEED") or random.randrange(1 << 30))
DEPTHS = range(1, 21)
LAG = 500


def sees_the_chain(watched):
    """The graph is the nodes' own, from the first block on."""
    watched.nodes["n1"].mine(5)
    head = watched.settled()
    state = watched.state()
    assert state["best"]["id"] == head[0] and state["best"]["height"] == head[1] == 5, (state, head)
    story = Story(watched.events.of("chain"))
    for height in range(6):
        block = watched.nodes["n2"].block(height)
        assert story.height[block["hash"]] == height and story.parent[block["hash"]] == block["prevBlock"], block
    assert watched.query("ancestor", watched.nodes["n1"].block(2)["hash"], head[0]) is True


def natural_forks(watched):
    """Nodes that mine at once fork by themselves; each reorganization that a node's head goes through is told."""
    dice = random.Random(SEED)
    names = sorted(watched.nodes)
    mined = []
    for _ in range(40):
        for name in dice.sample(names, dice.randrange(1, 4)):
            mined += watched.nodes[name].mine()
    mined += watched.nodes["n1"].mine(3)
    watched.settled()
    story = Story(watched.events.of("chain"))
    off = [block for block in mined if block not in set(story.line(watched.net.heads()["n1"][0]))]
    assert off and story.reorgs, "nothing has forked"
    print(f"{len(mined)} mined, {len(off)} of them off the best chain, {len(story.reorgs)} reorganizations told", flush=True)


def reorg_of(watched, depth):
    """One node mines `depth` blocks by itself, the others one more: it goes over to theirs."""
    fork_point = watched.settled()[0]
    before = watched.events.last()
    own, theirs = watched.net.fork("n1", depth)
    watched.shown()
    tips = [row["id"] for row in watched.query("tips")]
    assert own[-1] in tips and theirs[-1] in tips, (own, theirs, tips)
    path = watched.query("path", own[-1], theirs[-1])
    assert path["depth"] == depth and path["removed"] == own and path["added"] == theirs, path
    assert watched.query("common", own[-1], theirs[-1])["id"] == fork_point
    wait_for("n3 has their branch", lambda: watched.nodes["n3"].head() == watched.nodes["n2"].head())
    watched.net.join()
    watched.net.wait_same()
    _, event = watched.events.wait("reorg", before, 60.0, node="n1")
    told = event.data
    assert (told["from"], told["fork_point"], told["depth"]) == (own[-1], fork_point, depth), told
    # The node may be seen on its way: what is added goes as far as it had come.
    assert told["removed"] == own and told["added"] and told["added"] == theirs[:len(told["added"])], told
    assert told["to"] == told["added"][-1], told
    watched.settled()
    assert not [event for event in watched.events.of("chain") if event.seq > before and event.type == "reorg" and
                event.data is not told], "a reorganization is told that was none"
    return len(told["added"]) == depth + 1


def forced_reorgs(watched):
    whole = sum(reorg_of(watched, depth) for depth in DEPTHS)
    print(f"depths {DEPTHS.start} to {DEPTHS.stop - 1}; {len(DEPTHS) - whole} seen on their way", flush=True)


def node_killed(watched):
    """A node that dies hides nothing of the others; it comes back where it was and catches up: that is no reorganization."""
    head, before = watched.settled(), watched.events.last()
    watched.net.kill("n2")
    wait_for("it is shown as not read", lambda: next(
        row["status"] for row in watched.state()["nodes"] if row["name"] == "n2") not in ("ok", ""))
    assert watched.told_heads()["n2"] == head, "its last head is forgotten"
    watched.nodes["n1"].mine(12)
    watched.shown()
    watched.net.restart("n2")
    watched.settled()
    assert not watched.events.find("reorg", before) and not watched.events.find("node_removed", before)


def node_lags(watched):
    """500 blocks behind: named as lagging, then as caught up, and never as reorganized."""
    watched.settled()
    before = watched.events.last()
    watched.net.cut("n3")
    watched.nodes["n1"].mine(LAG)
    watched.shown()
    _, event = watched.events.wait("node_lagging", before, node="n3")
    assert event.data["behind"] >= 10, event.data
    assert next(row for row in watched.state()["nodes"] if row["name"] == "n3")["lagging"]
    watched.net.join()
    watched.nodes["n1"].mine()
    watched.settled()
    watched.events.wait("node_caught_up", before, node="n3")
    assert not watched.events.find("reorg", before)
    assert len([1 for event in watched.events.of("chain") if event.seq > before and event.type == "block_discovered"]) == LAG + 1


def told_well(watched):
    """The whole session: gapless, a story without contradictions, which ends in what the nodes say."""
    head, height = watched.settled()
    assert gapless([{"seq": event.seq} for _, event in watched.events.all]), "the session has gaps"

    def agreed():
        """The events that have come, and the snapshot, once both know the same for final."""
        story, state = Story(watched.events.of("chain")), watched.state()
        return (story, state) if state["final"] == story.final else None
    story, state = wait_for("events and snapshot agree", agreed)
    assert story.heads == dict.fromkeys(watched.nodes, head) and story.height[head] == height
    assert state["blocks"] <= len(story.parent), state
    assert not story.lagging, story.lagging
    known = {tip for node in watched.nodes.values() for tip, _, _ in node.tips()}
    missing = known - set(story.parent)
    print(f"{len(story.parent)} blocks, {len(story.reorgs)} reorganizations, {len(missing)} of {len(known)} tips never seen",
          flush=True)


STEPS = (sees_the_chain, natural_forks, forced_reorgs, node_killed, node_lags, told_well)


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    with Watched(BIN) as watched:
        for step in STEPS:
            print(f"-- {step.__name__}", flush=True)
            step(watched)


main()
