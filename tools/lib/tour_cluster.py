"""tour_cluster.py: the tour's part with a cluster: three etcd members of its own, watched, killed, joined and left."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "examples", "etcd"))
import etcd_cluster  # noqa: E402

CONFIG = """[providers.cluster]
kind = "file"
path = "{sources}"

[observers.raft]
"""


class ClusterPart:
    """What the tour shows of a cluster; `tour` runs commands, waits and collects what was seen."""

    def __init__(self, tour, directory, heading):
        self.tour, self.heading = tour, heading
        self.config = os.path.join(directory, "vedette.toml")
        self.sources = os.path.join(directory, "sources.json")
        self.cluster = etcd_cluster.Cluster(os.path.join(directory, "etcd"))
        self.elected = None  # the event
        self.line = None     # how it ends

    def start(self):
        self.cluster.start()
        leader, took = self.tour.until("a leader of three etcd members", self.cluster.leader)
        print(f"Three etcd members run for this; {leader} leads after {took:.1f} s.")
        self.cluster.write_sources(self.sources)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(sources=self.sources))

    def state(self):
        return self.tour.rows("snapshot", "raft")["state"] or {}

    def table(self):
        """The members as the observer shows them."""
        state = self.state()
        print(f"  {'member':<8}{'role':<10}{'term':>5}{'index':>7}{'lag':>5}{'age':>8}  reachable")
        for row in state["members"]:
            cells = ["-" if row[key] is None else row[key] for key in ("term", "index", "lag")]
            age = "-" if row["age_ms"] is None else f"{row['age_ms']} ms"
            print(f"  {row['name']:<8}{row['role']:<10}{cells[0]:>5}{cells[1]:>7}{cells[2]:>5}{age:>8}  "
                  f"{'yes' if row['reachable'] else 'no'}")
        print(f"  agreed leader: {state['agreed_leader'] or 'none'}")

    def agreed(self):
        """The leader, as soon as the observer agrees with what etcd itself says."""
        def same():
            leader = self.cluster.leader()
            return leader if leader and self.state().get("agreed_leader") == leader else None
        return self.tour.until("the observer and etcd agree on the leader", same)[0]

    def guided(self):
        leader = self.agreed()
        self.heading("The cluster, read over HTTP ten times a second (vedette snapshot raft)")
        self.table()
        self.kill(leader)
        self.join_and_leave()

    def kill(self, leader):
        leader = self.cluster.leader() or leader  # another may lead by now
        self.heading(f"kill -9 to {leader}, which leads")
        before = max(list(self.tour.arrived), default=0)
        killed = time.monotonic()
        self.cluster.kill(leader)
        event, _ = self.tour.event("leader_elected", lambda data: data["leader"] != leader, before)
        told_ms = round((self.tour.arrived[event["seq"]] - killed) * 1000)
        self.elected = event
        self.line = f"{leader} killed, {event['data']['leader']} leads after {told_ms} ms, stored as event {event['seq']}"
        self.tour.event("member_unreachable", lambda data: data["member"] == leader, before)
        self.tour.until(f"{leader} in the table", lambda: any(
            row["name"] == leader and not row["reachable"] for row in self.state()["members"]))
        self.table()
        self.tour.seen.append(f"{event['data']['leader']} led {told_ms} ms after {leader} was killed with SIGKILL")
        self.heading(f"{leader} starts again")
        self.cluster.restart(leader)
        _, took = self.tour.event("member_recovered", lambda data: data["member"] == leader, before)
        self.tour.seen.append(f"{leader} was back {took:.1f} s after its restart")

    def join_and_leave(self):
        self.heading("A fourth member joins the cluster, and leaves it")
        name = self.cluster.add()
        self.cluster.write_sources(self.sources)
        _, took = self.tour.event("member_joined", lambda data: data["member"] == name)
        self.tour.until(f"{name} in the table", lambda: any(
            row["name"] == name and row["role"] == "follower" for row in self.state()["members"]))
        self.table()
        self.cluster.remove(name)
        self.cluster.write_sources(self.sources)
        self.tour.event("member_left", lambda data: data["member"] == name)
        self.tour.seen.append(f"{name} joined, told after {took:.1f} s, and left")

    def replayed(self, events):
        """Whether the election is in the replay as it was shown."""
        return self.elected in events

    def close(self):
        self.cluster.close()
