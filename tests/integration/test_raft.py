#!/usr/bin/python3
"""test_raft.py BIN: the observer raft on real etcd members that are killed, stopped, added and removed while it watches; its
events are true, complete and in time, also when it is killed itself."""
import os
import random
import signal
import sys
import threading
import time

from cli_harness import gapless, wait_for
from raft_harness import INTERVAL_S, Story, Watched, etcd_cluster, openraft_gateway

BIN = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin"
SOON_S = INTERVAL_S + 0.02
LOADED_S = 1.0  # how late a busy machine may be


class Truth:
    """Asks etcd itself who leads, as often as it can: when each (leader, term) was first seen."""

    def __init__(self, cluster):
        self.cluster, self.seen, self.stopped = cluster, {}, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.stopped.wait(0.002):
            leader = self.cluster.leader()
            if leader:
                self.seen.setdefault(leader, time.monotonic())

    def close(self):
        self.stopped.set()
        self.thread.join()


def sees_the_cluster(watched):
    leader = watched.settled()
    state = watched.state()
    assert state["leader"] == state["agreed_leader"] == leader, state
    assert state["quorum"] and not state["split_brain"] and state["member_count"] == 3, state
    rows = {row["name"]: row for row in state["members"]}
    for name, row in rows.items():
        truth = watched.cluster.members[name].status()
        assert row["id"] == truth["header"]["member_id"] and row["term"] == int(truth["raftTerm"]), (row, truth)
        assert row["role"] == ("leader" if name == leader else "follower") and row["names_leader"] == leader, row
        assert row["reachable"] and row["error"] is None and row["age_ms"] < 2000, row
    wait_for("voters and values match", lambda: watched.state()["all_voters_match"] and
             watched.state()["all_values_match"])
    assert watched.home.json("query", "raft", "leader")["name"] == leader
    assert watched.home.json("query", "raft", "member", "m2")["name"] == "m2"
    elements = watched.home.json("query", "raft", "layout")["elements"]
    assert [element["table"] for element in elements if "table" in element] == ["members"], elements
    assert watched.home.run("query", "raft", "member", "m9", code=4).out == ""


def leader_killed(watched):
    """A new leader is visible within its election, one interval and the time of a turn."""
    late = []
    while len(late) < 3 or (min(late) > SOON_S and len(late) < 6):
        leader, before = watched.settled(), watched.events.last()
        watched.cluster.kill(leader)
        killed = time.monotonic()
        truth = Truth(watched.cluster)
        arrived, event = watched.events.wait("leader_elected", before)
        watched.home.run("wait", "raft", f'leader != "{leader}"', "--timeout", "10s")
        wait_for("etcd names the leader", lambda: event.data["leader"] in truth.seen)
        truth.close()
        elected = truth.seen[event.data["leader"]]
        late.append(arrived - elected)
        print(f"{leader} killed; {event.data['leader']} leads after {elected - killed:.3f} s, "
              f"told after {arrived - killed:.3f} s", flush=True)
        assert event.data["previous"] == leader and event.data["leader"] != leader, event.data
        assert watched.events.find("leader_lost", before, leader=leader), "the old leader was not told as lost"
        watched.events.wait("member_unreachable", before, member=leader)
        watched.wait_leader(event.data["leader"])
        watched.cluster.restart(leader)
        watched.events.wait("member_recovered", before, member=leader)
    assert min(late) <= SOON_S and max(late) <= INTERVAL_S + LOADED_S, late


def leader_stopped(watched):
    """It accepts connections and never answers; awake again, its old claim changes nothing."""
    leader, before = watched.settled(), watched.events.last()
    watched.cluster.pause(leader)
    _, event = watched.events.wait("leader_elected", before)
    assert event.data["leader"] != leader, event.data
    _, silent = watched.events.wait("member_unreachable", before, member=leader)
    assert "timed_out" in silent.data["error"] and silent.data["heard_at"], silent.data
    row = wait_for("it is shown", lambda: next((row for row in watched.state()["members"]
                                                if row["name"] == leader and not row["reachable"]), None))
    assert row["role"] == "unknown" and "timed_out" in row["error"], row
    watched.cluster.resume(leader)
    watched.events.wait("member_recovered", before, member=leader)
    watched.settled()
    # It may be elected anew, as etcd does when it gets no time; in a later term.
    believed = [told.data for told in watched.events.of("raft") if told.seq > before and told.type == "leader_elected" and
                told.data["leader"] == leader and told.data["term"] <= event.data["term"]]
    assert not believed, f"its old claim was believed: {believed}"


def member_added_and_removed(watched):
    watched.settled()
    before = watched.events.last()
    name = watched.cluster.add()
    watched.list()
    watched.events.wait("member_joined", before, member=name)
    watched.settled()
    wait_for("four voters, and all agree", lambda: watched.state()["all_voters_match"] and
             [row["voters"] for row in watched.state()["members"]] == [4] * 4)
    watched.cluster.remove(name)
    watched.list()
    watched.events.wait("member_left", before, member=name, reason="removed")
    watched.settled()
    wait_for("three voters", lambda: [row["voters"] for row in watched.state()["members"]] == [3] * 3)


def quorum_lost(watched):
    leader, before = watched.settled(), watched.events.last()
    others = [name for name in watched.cluster.members if name != leader]
    for name in others:
        watched.cluster.kill(name)
    watched.events.wait("leader_lost", before, leader=leader)
    for name in others:
        watched.events.wait("member_unreachable", before, member=name)
    watched.wait_leader(None)
    wait_for("one is left", lambda: watched.state()["reachable_count"] == 1)
    state = watched.state()
    assert state["agreed_leader"] is None and not state["quorum"], state
    for name in others:
        watched.cluster.restart(name)
    watched.events.wait("leader_elected", before)
    watched.settled()


def quorum_lost_with_its_leader(watched):
    """The one that is left names the dead leader for a while: it does not count."""
    leader, before = watched.settled(), watched.events.last()
    dead = [leader, next(name for name in watched.cluster.members if name != leader)]
    for name in dead:
        watched.cluster.kill(name)
    watched.events.wait("leader_lost", before, leader=leader)
    for name in dead:
        watched.events.wait("member_unreachable", before, member=name)
    watched.wait_leader(None)
    for name in dead:
        watched.cluster.restart(name)
    watched.events.wait("leader_elected", before)
    watched.settled()


def observer_killed(watched):
    """Killed in the middle of elections it neither repeats nor omits: what is told is what is there in the end."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    dice, lives = random.Random(seed), 0
    for _ in range(5):
        leader = watched.settled()
        watched.cluster.kill(leader)
        deadline = time.monotonic() + dice.uniform(0.0, 0.6)
        wait_for("a moment of the election", lambda at=deadline: time.monotonic() >= at)
        pid = watched.home.actor("raft").get("pid", 0)
        if pid:
            os.kill(pid, signal.SIGKILL)
            lives += 1
            wait_for("a new observer", lambda was=pid: watched.home.actor("raft").get("pid", 0) not in (0, was) and
                     watched.home.actor("raft").get("state") == "ready")
        new = watched.cluster.wait_leader([leader])
        watched.wait_leader(new)
        watched.cluster.restart(leader)
        watched.settled()
    assert lives >= 4, lives


def readers_agree(watched):
    """Two observers of one cluster, one for each form: they tell the same leaders, and show the same in every cycle."""
    gateways = [openraft_gateway.Gateway(member) for member in watched.cluster.members.values()]
    watched.extra = [gateway.source({"app": "states"}) for gateway in gateways]
    watched.list()
    leader = watched.settled()
    watched.wait_leader(f"{leader}-state", "states")
    compared = set()

    def bare(state):
        return (state["leader"] or "").removesuffix("-state"), state["term"], [
            (row["name"].removesuffix("-state"), row["role"], row["term"], row["applied"], row["voters"],
             row["id"], row["reachable"]) for row in state["members"]]

    def look():
        one, two = watched.client.snapshot("raft"), watched.client.snapshot("states")
        return (one["cycle"], two["cycle"]), bare(one["state"]), bare(two["state"])

    def compare():
        cycles, one, two = look()
        if one != two or cycles in compared:
            return False
        compared.add(cycles)
        return True

    for number in range(20):
        watched.cluster.put("k", str(number))
        wait_for("both show the same", compare)
    while len(compared) < 60:  # nothing is put now, but members apply entries of their own at moments of their own
        wait_for("both show the same", compare)
    # Of one election both tell the same; of several, as etcd has when it gets no time, each may see others.
    wait_for("a single election", lambda: told_alike(watched, compare))
    print(f"{len(compared)} cycles compared", flush=True)
    for gateway in gateways:
        gateway.close()


def term_of(cluster):
    return max(int(status["raftTerm"]) for member in cluster.members.values() if (status := member.status()))


def elected(watched, observer, since):
    return [(event.data["leader"].removesuffix("-state"), event.data["term"]) for event in watched.events.of(observer)
            if event.type == "leader_elected" and event.seq > since]


def told_alike(watched, compare):
    """The leader is killed: both tell the same new one. None when there was more than one election."""
    leader, before = watched.settled(), watched.events.last()
    watched.wait_leader(f"{leader}-state", "states")
    term = term_of(watched.cluster)
    watched.cluster.kill(leader)
    for name in (leader, f"{leader}-state"):
        watched.events.wait("member_unreachable", before, member=name)
    wait_for("both tell a leader", lambda: all(elected(watched, name, before) for name in ("raft", "states")))
    watched.cluster.restart(leader)
    for name in (leader, f"{leader}-state"):
        watched.events.wait("member_recovered", before, member=name)
    wait_for("both show the same", compare)
    told = [elected(watched, observer, before) for observer in ("raft", "states")]
    if term_of(watched.cluster) != term + 1:
        return None
    assert told[0] == told[1] and len(told[0]) == 1, told
    return told


def told_well(watched, observer="raft"):
    """The whole session: gapless, a story without contradictions, which ends in what is shown."""
    def whole():
        leader, state = watched.settled(), watched.state(observer)
        lines = [{"seq": event.seq} for _, event in watched.events.all]
        assert gapless(lines), "the session has gaps"
        story = Story(watched.events.of(observer))
        ends = (story.leader, story.term, story.members, story.split)
        shown = ((leader, state["term"]), state["term"], {row["name"]: row["reachable"] for row in state["members"]}, False)
        seen[:] = [ends, shown]
        return story if ends == shown else None

    seen = []
    try:
        story = wait_for("the story ends in what is shown", whole)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from error
    print(f"{len(watched.events.of(observer))} events, {len(story.leaders)} leaders", flush=True)


TWO = '\n[observers.states]\nkind = "raft"\ninterval = "100ms"\nselector = "app=states"\n'
STEPS = (sees_the_cluster, leader_killed, leader_stopped, member_added_and_removed, quorum_lost,
         quorum_lost_with_its_leader, observer_killed, told_well)


def main():
    if not etcd_cluster.is_installed():
        print("skipped: etcd is not installed (package etcd-server)")
        sys.exit(77)
    with Watched(BIN) as watched:
        for step in STEPS:
            print(f"-- {step.__name__}", flush=True)
            step(watched)
    with Watched(BIN, TWO) as watched:
        print("-- readers_agree", flush=True)
        readers_agree(watched)


main()
