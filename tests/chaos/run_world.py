"""run_world.py: the runtime that tests/chaos/run harms: every kind of actor, sources of its own, and what it says of them."""
import json
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, part) for part in ("tests/chaos", "tests/integration", "protocol/python")]
import network  # noqa: E402
import sources  # noqa: E402
import vedette  # noqa: E402
from cli_harness import Home, alive, wait_for  # noqa: E402

MEMBERS = (("m1", 1), ("m2", 2), ("m3", 3))
POLLERS = 2
RELAYS = ("relay-1", "relay-2")
LINKS = {"relay": "ingestor.read", "read": "ingestor.read", "emit": "ingestor.emit"}  # what each leads to
# Many deaths are meant here: the runtime is to go on restarting, and soon.
CONFIG = """[supervisor]
backoff_min = "10ms"
backoff_max = "200ms"
intensity_restarts = 64
intensity_window = "10s"

[pollers]
max_processes = {pollers}

[network]
bind = [{bind}]

[relay]
processes = 2
upstream = "{upstream}"

[auditor]
processes = 1
canary = "1s"

[providers.listed]
kind = "file"
path = "{listed}"

[providers.found]
kind = "proc"
ports = [{ports}]

[observers.raft]
interval = "100ms"
"""
READY_S = 90.0
OWNER = "supervisor"  # the producer that the runtime's own sessions belong to
# What an auditor that can read anything checks while events are written, and relays are there.
SURELY_CHECKED = ("commit_index", "commit_chain", "commit_time", "commit_epoch", "event_checksum", "store_whole", "head_grows",
                  "session_sequence", "relay_head")
AUDIT_S = 60.0
AUDIT_EACH_S = 0.2


class Holder:
    """A directory: the one that is named, which stays, or a new one, which goes at the end unless it is to stay."""

    def __init__(self, path=None):
        self.name, self.stays = os.path.abspath(path) if path else tempfile.mkdtemp(prefix="vd-chaos-", dir="/tmp"), bool(path)
        os.makedirs(self.name, exist_ok=True)

    def cleanup(self):
        if not self.stays:
            shutil.rmtree(self.name, ignore_errors=True)


class RunWorld(Home):
    """A runtime in a directory of its own, with the sources that it watches. `place`: a directory to use, which stays."""

    def __init__(self, binaries, place=None, ingestor=None):
        super().__init__(binaries)
        self.holder.cleanup()
        self.holder = Holder(place)
        self.dir, self.config = self.path("d"), self.path("vedette.toml")
        if ingestor:
            self.bin = self._with_ingestor(ingestor)
        self.sources, self.links, self.client = {}, {}, vedette.Client(self.dir)

    def _with_ingestor(self, path):
        """A directory with the executables, of which the ingestor is another one."""
        copies = self.path("bin")
        shutil.copytree(self.bin, copies)
        shutil.copytree(os.path.join(self.bin, "..", "lib", "vedette"), self.path("lib/vedette"))
        os.remove(os.path.join(copies, "vedette-ingestor"))
        shutil.copy(path, os.path.join(copies, "vedette-ingestor"))
        return copies

    def keep(self):
        """The directory stays."""
        self.holder.stays = True

    # ---- start and end ----

    def begin(self, net, actors):
        """Starts all of it, with its links through the network `net`. `actors`: who has to be there then, and nobody else;
        a seed kills these, and would never kill one that is not among them."""
        read, emit, *rest = network.free_ports(2 + len(MEMBERS))
        for (name, node), port in zip(MEMBERS, rest):
            self.sources[name] = sources.Source(name, node, port)
        ports = {"ingestor.read": read, "ingestor.emit": emit}
        for name, port in LINKS.items():
            self.links[name] = net.link(name, to=f"tcp://127.0.0.1:{ports[port]}")
        listed = self.path("sources.json")
        with open(listed, "w", encoding="utf-8") as file:
            json.dump([{"name": name, "adapter": "http", "address": source.url,
                        "labels": {"app": "raft", "reader": "openraft"}} for name, source in self.sources.items()], file)
        self.configure(CONFIG.format(
            pollers=POLLERS, listed=listed, upstream=self.links["relay"].listen,
            bind=", ".join(f'"{name}=tcp://127.0.0.1:{port}"' for name, port in ports.items()),
            ports=", ".join(f'"{source.port}"' for source in self.sources.values())))
        self.run("chaos", "up", "--detach", "--wait", "--timeout", f"{READY_S:.0f}s", "-c", self.config, timeout_s=READY_S + 10)
        wait_for(f"the actors are those that a seed kills, {', '.join(actors)}", lambda: self.are(actors), READY_S)
        wait_for("the sources are seen as they are", self.is_well, READY_S)
        wait_for("the relays have everything", lambda: self.relays_have(self.head()), READY_S)

    def down(self):
        self.run("chaos", "undo", code=None)
        self.run("down", "--timeout", "20s", code=None)

    def leave(self):
        try:
            if os.path.isdir(self.dir):
                self.down()
        finally:
            for source in self.sources.values():
                source.close()
            self.client.close()

    # ---- what it says ----

    def children(self):
        return {row["name"]: row for row in self.client.get("supervisor", "control", "lifecycle", timeout_s=5)}

    def are(self, actors):
        """Are these the names of all processes of the runtime?"""
        try:
            return sorted([*self.children(), "supervisor"]) == sorted(actors)
        except vedette.Error:
            return False

    def status(self):
        """What the supervisor says of itself; empty while it cannot be asked."""
        try:
            return self.client.request("supervisor", "control", "STATUS", timeout_s=5).fields
        except vedette.Error:
            return {}

    def states(self):
        """For people: who is not ready, and why."""
        try:
            rows = self.children().values()
        except vedette.Error as error:
            return str(error)
        return ", ".join(f"{row['name']} is {row['state']} {row.get('reason', '')}".strip() for row in rows
                         if row["state"] != "ready") or f"all actors are; the supervisor says {self.status().get('state')}"

    def all_ready(self):
        """Is every actor there and at work?"""
        try:
            rows = self.children().values()
        except vedette.Error:
            return False
        return self.status().get("state") == "ready" and all(row["state"] == "ready" and alive(row["pid"]) for row in rows)

    def seen(self):
        """What the observer of the sources shows; None while nobody can be asked."""
        try:
            snapshot = self.client.get("raft", "requests", "state", timeout_s=1.0)
        except vedette.Error:
            return None
        return snapshot["state"] if snapshot["phase"] == "running" else None

    def member(self, name):
        """The row of a source in what the observer shows; None while there is none."""
        state = self.seen()
        return next((row for row in state["members"] if row["name"] == name), None) if state else None

    def is_well(self):
        """Does the observer show all sources as they are when nothing is wrong?"""
        state = self.seen()
        return bool(state) and [row["name"] for row in state["members"] if row["reachable"]] == list(self.sources) and \
            state["agreed_leader"] == "m1" and not state["split_brain"]

    def source_rows(self):
        """`vedette source ls`, by name; empty while nobody can be asked."""
        done = self.run("source", "ls", "-o", "json", code=None, timeout_s=20)
        try:
            return {row["name"]: row for row in json.loads(done.out)} if done.code == 0 else {}
        except ValueError:
            return {}

    def head(self):
        """The newest commit; None while the ingestor cannot be asked."""
        try:
            return self.client.store(timeout_s=1.0)["head"]
        except vedette.Error:
            return None

    def relays(self):
        """{name: the newest commit that it has}; None for one that has trouble or cannot be asked."""
        heads = {}
        for name in RELAYS:
            try:
                trouble = self.client.request(name, "read", "PING", timeout_s=1.0).get("trouble")
                heads[name] = None if trouble else self.client.get(name, "read", "metrics", timeout_s=1.0)["head"]
            except vedette.Error:
                heads[name] = None
        return heads

    def relays_have(self, head):
        """Have all relays got this far?"""
        return head is not None and all(has is not None and has >= head for has in self.relays().values())

    # ---- the auditor ----

    def sessions(self):
        """The sessions that the runtime itself has had, each `up` begins one; those of others are left out."""
        rows = []
        while (page := self.client.sessions(**({"before": rows[-1]["session"]} if rows else {}))):
            rows += page
        return sorted(row["session"] for row in rows if row.get("owner") == OWNER)

    def numbers(self):
        """What the auditor has counted since its last start, and what of SURELY_CHECKED it has not checked once."""
        metrics = self.client.get("auditor", "requests", "metrics", timeout_s=10)
        return metrics, [name for name in SURELY_CHECKED if not metrics[f"checked_{name}"]]

    def audited(self):
        """What the auditor has checked, as text; what is violated, as its own table says, and the events in the sessions
        that the runtime had; and what it has not checked although there is so much of it that it surely would have."""
        deadline = time.monotonic() + AUDIT_S
        while (found := self.numbers())[1] and time.monotonic() < deadline:
            time.sleep(AUDIT_EACH_S)
        metrics, unchecked = found
        sessions = self.sessions()
        assert sessions, "the store has no session of the runtime's own"
        violations = [f"{name} is {value}" for name, value in metrics.items() if name.startswith("violated_") and value]
        for session in sessions:
            for event in self.lines("follow", session, "--from", "start", "--end", "--type", "invariant_violated"):
                violations.append(f"{session}:{event['seq']} {json.dumps(event['data'])}")
        names = [name.removeprefix("violated_") for name in metrics if name.startswith("violated_")]
        checked = sum(metrics[f"checked_{name}"] for name in names)
        return (f"{checked} checks of {len(names)} invariants since its last start; {len(violations)} violations in "
                f"{len(sessions)} sessions of the runtime"), violations, unchecked
