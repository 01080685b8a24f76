#!/usr/bin/python3
"""test_clients_faults.py BIN: one script of faults for a follower in C and one in Python; both end with the history of the store."""
import hashlib
import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import SEED, World, wait_for  # noqa: E402
import ledger  # noqa: E402
from harness import state_of  # noqa: E402
from vedette import wire  # noqa: E402

RATE = 200
STOPPED_S = 4.0   # the ingestor: more than the silence after which clients take a new connection
HELD_S = 1.0
BURST = 20000     # events: more than any client has granted
OLD = "old"
MODES = {"paused", "commits_only", "overlap", "live_only"}  # told by each


class Script:
    """A runtime with both followers and a producer; each step is a fault, after which both go on."""

    def __init__(self, world):
        self.world = world
        command = [os.path.join(world.bin, "vedette"), "follow", "*", "--from", "start", "-o", "ndjson"]
        self.followers = {"c": world.part("follow-c", *command), "python": world.peer("follow-python", "follow", "in-python",
                                                                                     session="*")}
        self.producer = world.c_producer("producer-1", RATE)
        self.names = {}
        self.go_on()

    def go_on(self):
        """Both show what was written after now."""
        told = self.producer.count("acknowledged ")
        wait_for("the producer goes on", lambda: self.producer.count("acknowledged ") > told)
        last = self.last_stored()
        for name, part in self.followers.items():
            assert part.process.poll() is None, f"{name} has ended: {part.text()}"
            wait_for(f"{name} shows event {last}", lambda: self.last_shown(part) >= last, 60)

    def last_stored(self):
        return self.world.client.sessions(session=self.world.session)[0]["last_seq"]

    def last_shown(self, part):
        """The highest sequence of the session in the last bytes of what it has shown."""
        with open(part.path, "rb") as file:
            file.seek(max(0, os.path.getsize(part.path) - 20000))
            lines = file.read().decode(errors="replace").split("\n")[1:-1]
        rows = [json.loads(line) for line in lines]
        return max([row["seq"] for row in rows if row["session"] == self.world.session], default=0)

    def signal(self, number):
        for part in self.followers.values():
            os.kill(part.process.pid, number)
            if number == signal.SIGSTOP:
                wait_for("it stands still", lambda: state_of(part.process.pid) == "T")

    def rows(self):
        """The two as the ingestor lists them."""
        answer = self.world.client.request("ingestor", "streams", "SUBSCRIBERS", timeout_s=10)
        pid = str(self.followers["c"].process.pid)
        rows = {}
        for row in wire.unpack(answer.payload):
            if row["name"] == "in-python":
                rows["python"] = row
            elif row["name"] == "client" or row["name"].endswith(pid):
                rows["c"] = row
        self.names.update({name: row["name"] for name, row in rows.items()})
        return rows

    # ---- the script ----

    def the_ingestor_is_killed(self):
        self.world.kill("ingestor")

    def the_ingestor_stands_still(self):
        pid = self.world.pids()["ingestor"]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        os.kill(pid, signal.SIGCONT)

    def the_clients_stand_still(self):
        self.signal(signal.SIGSTOP)
        time.sleep(HELD_S)
        self.signal(signal.SIGCONT)

    def a_burst_while_they_stand_still(self):
        self.signal(signal.SIGSTOP)
        with self.world.client.producer("burst", 30.0) as burst:
            for first in range(0, BURST, 50):
                burst.emit_all([("burst", {"n": n}) for n in range(first, first + 50)], self.world.session)
        self.signal(signal.SIGCONT)

    def operators_pause_them(self):
        rows = wait_for("both are listed", lambda: (lambda rows: len(rows) == 2 and rows)(self.rows()))
        for row in rows.values():
            self.world.client.request("ingestor", "streams", "STEER", {"verb": "pause", "id": row["id"]})
        wait_for("both are held", lambda: all(row.get("held") for row in self.rows().values()))
        with self.world.client.producer("beside", 30.0) as beside:  # what was on its way may still arrive, this may not
            _, held = beside.emit("held_back", {}, session=self.world.session)
        time.sleep(HELD_S)
        shown = {name: self.last_shown(part) for name, part in self.followers.items()}
        assert all(seq < held for seq in shown.values()), (shown, held)
        for row in rows.values():
            self.world.client.request("ingestor", "streams", "STEER", {"verb": "resume", "id": row["id"]})

    def a_session_is_pruned_before_they_read_it(self):
        self.signal(signal.SIGSTOP)
        with self.world.client.producer("old", 30.0) as old:
            old.emit("session_started", {"name": OLD}, OLD)
            for _ in range(200):
                old.emit_all([("old", {"n": n, "text": "x" * 200}) for n in range(50)], OLD)
            old.emit("session_ended", {"status": "completed"}, OLD)
        self.world.client.prune(OLD)
        self.signal(signal.SIGCONT)

    def told(self, name):
        """The modes that were told of a follower, in order."""
        events = ledger.Store(self.world.client, pruned=(OLD,)).events
        return [e.data["to"] for e in events if e.type == "subscriber_mode" and e.data["name"] == self.names[name]]

    def end(self):
        self.producer.end()
        self.rows()
        for name in self.followers:  # nothing more comes: each goes back to live
            wait_for(f"{name} has told of every mode", lambda: MODES <= set(self.told(name)), 60)
        store = ledger.Store(self.world.client, pruned=(OLD,))
        events = store.of(self.world.session)
        wanted = sha256(row_of(event) for event in events)
        for name, part in self.followers.items():
            wait_for(f"{name} has everything", lambda: self.last_shown(part) >= events[-1].seq, 60)
            part.end()
            rows = [json.loads(line) for line in part.lines() if line.startswith("{")]
            assert sha256(row for row in rows if row["session"] == self.world.session) == wanted, name
        return len(events), wanted


def row_of(event):
    return {"ts": event.ts, "session": event.session, "seq": event.seq, "type": event.type, "data": event.data}


def sha256(rows):
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row[key] for key in ("ts", "session", "seq", "type", "data")], sort_keys=True).encode())
    return digest.hexdigest()


def both_clients_under_one_script():
    with World("clients") as world:
        script = Script(world)
        for step in (script.the_ingestor_is_killed, script.the_ingestor_stands_still, script.the_clients_stand_still,
                     script.a_burst_while_they_stand_still, script.operators_pause_them,
                     script.a_session_is_pruned_before_they_read_it, script.the_ingestor_is_killed):
            begin = time.monotonic()
            step()
            script.go_on()
            print(f"{step.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
        count, digest = script.end()
        print(f"{count} events, three times {digest}", flush=True)


print(f"VEDETTE_SEED={SEED}", flush=True)
both_clients_under_one_script()
print("ok both_clients_under_one_script", flush=True)
