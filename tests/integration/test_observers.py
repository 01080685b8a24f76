#!/usr/bin/python3
"""test_observers.py BIN: the observers as processes: a service is seen, named and gone; the observer, and everything
that it stands on, is killed while services come and go, and no event is repeated or left out."""
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Actors, wait_for  # noqa: E402
from vedette.client import Client, Error, Position  # noqa: E402

BIN = sys.argv[1]
SESSION = "observers-under-test"
CONFIG = '[observers.host]\ninterval = "200ms"\n[observers.services]\ninterval = "100ms"\n'
KINDS = {"static": "provider", "poller-1": "poller", "services": "observer-services", "host": "observer-host"}


class Runtime(Actors):
    """The processes of a runtime, one directory, restarted by hand."""

    def start(self, name):
        return super().start(name, KINDS.get(name, name))

    def restart(self, name):
        self.kill(name)
        self.start(name)


class Events:
    """Everything that was committed to the session, kept up to date."""

    def __init__(self, client):
        self.follower = client.follow(SESSION, start="start", position=Position())
        self.all = []

    def pull(self):
        while (event := self.follower.next(0.01)) is not None:
            self.all.append(event)
        return self.all

    def last(self):
        return self.pull()[-1].seq

    def of_port(self, port, after):
        """What is told of it behind this sequence: an earlier service may have had the same port."""
        return [event for event in self.pull() if event.type in ("service_appeared", "service_gone")
                and event.data["port"] == port and event.seq > after]


def check_story(events):
    """No event twice, none missing: sequences without a gap, each service appears, goes, appears ... ; returns what is there."""
    there, listed, turns = {}, set(), {}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for event in events:
        data = event.data
        if event.type == "service_appeared":
            key = (data["protocol"], data["address"], data["port"])
            assert key not in there, f"{key} appears again at {event.seq}"
            there[key] = data["inode"]
        elif event.type == "service_gone":
            key = (data["protocol"], data["address"], data["port"])
            assert there.pop(key, None) == data["inode"], f"{key} goes without having come at {event.seq}"
        elif event.type in ("services_listed", "host_described"):
            assert event.type not in listed, f"{event.type} again at {event.seq}"
            listed.add(event.type)
        cause = event.cause
        if cause:
            assert cause["turn"] >= turns.get(cause["observer"], 0), f"the turn went back at {event.seq}"
            turns[cause["observer"]] = cause["turn"]
    return there


def listen():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    return server


def begin(runtime):
    for name in ("broker", "ingestor"):
        runtime.start(name)
    client = Client(runtime.dir)

    def open_session():
        try:
            with client.producer("supervisor") as producer:
                return producer.emit("session_started", {"name": "test", "owner": False}, SESSION)
        except Error:
            return None

    wait_for("a session", open_session)
    for name in KINDS:
        runtime.start(name)
    return client


def running(client, observer):
    try:
        snapshot = client.snapshot(observer)
    except Error:
        return None
    return snapshot if snapshot["phase"] == "running" and snapshot["state"] is not None else None


def check_named(events):
    """A listener of this very process is seen, named, and gone."""
    before, begun = events.last(), time.monotonic()
    server = listen()
    port = server.getsockname()[1]
    appeared = wait_for("the service appears", lambda: events.of_port(port, before))[0]
    took = time.monotonic() - begun
    with open("/proc/self/comm", encoding="utf-8") as file:
        comm = file.read().strip()
    assert appeared.type == "service_appeared", appeared
    assert (appeared.data["pid"], appeared.data["process"]) == (os.getpid(), comm), appeared
    assert (appeared.data["address"], appeared.data["protocol"]) == ("127.0.0.1", "tcp"), appeared
    assert "initial" not in appeared.data, appeared
    server.close()
    wait_for("the service goes", lambda: len(events.of_port(port, before)) == 2)
    assert events.of_port(port, before)[1].type == "service_gone"
    print(f"a service was seen and named after {took * 1000:.0f} ms")


def check_kills(runtime, client, events, victims, rounds, random_):
    """Services come and go while the victims are killed; then story, truth and snapshot agree."""
    servers = []
    ports = {}
    for _ in range(rounds):
        for _ in range(random_.randrange(4)):
            if servers and random_.random() < 0.5:
                server = servers.pop(random_.randrange(len(servers)))
                server.close()
            else:
                servers.append(listen())
                ports[servers[-1].getsockname()[1]] = servers[-1]
        time.sleep(random_.random() * 0.25)  # the moment of the kill is the input here
        runtime.restart(random_.choice(victims))
    wanted = {server.getsockname()[1] for server in servers}

    def agrees():
        there = check_story(events.pull())
        return {port for _, _, port in there if port in ports} == wanted

    wait_for(f"the events tell the services that are there, {victims} killed", agrees)
    snapshot = wait_for("a snapshot", lambda: running(client, "services"))
    shown = {row["port"] for row in snapshot["state"]["services"]}
    assert wanted <= shown and not (set(ports) - wanted) & shown, (wanted, shown)
    for server in servers:
        server.close()
    wait_for("all are gone", lambda: not any(port in ports for _, _, port in check_story(events.pull())))


def check_storm(runtime, events, random_):
    """More services at once than one turn takes, with the observer killed in the middle of telling them."""
    servers = [listen() for _ in range(700)]
    ports = {server.getsockname()[1] for server in servers}

    def told():
        return len(ports & {port for _, _, port in check_story(events.pull())})

    for there in (len(ports), 0):
        if there == 0:
            for server in servers:
                server.close()
        for _ in range(4):
            time.sleep(random_.random() * 0.15)  # the moment of the kill is the input here
            runtime.restart("services")
        wait_for(f"{there} of {len(ports)} services are told", lambda: told() == there)
    print("a storm of 700 services was told once each")


def check_store_away(runtime, events, client):
    """While the ingestor stands still turns wait; the error is told with its stage, and nothing is lost."""
    ingestor, before = runtime.processes["ingestor"], events.last()
    ingestor.send_signal(signal.SIGSTOP)
    server = listen()
    port = server.getsockname()[1]

    def told():
        snapshot = client.snapshot("services")
        return snapshot["error"] and snapshot["error"]["stage"] == "commit" and snapshot["error"]["recovered_at"] is None

    wait_for("the error is told", told)
    ingestor.send_signal(signal.SIGCONT)
    wait_for("the service is told", lambda: events.of_port(port, before))
    wait_for("the error is over", lambda: client.snapshot("services")["error"]["recovered_at"])
    server.close()
    wait_for("the service goes", lambda: len(events.of_port(port, before)) == 2)


def check_host(client):
    snapshot = wait_for("the host is seen", lambda: running(client, "host"))
    host, = wait_for("figures", lambda: client.snapshot("host")["state"]["hosts"])
    assert host["memory"]["total_bytes"] > 0 and host["load"]["load_1m"] >= 0, host
    assert any(row["interface"] == "lo" for row in host["interfaces"]), host
    assert snapshot["sources"][0]["name"] == "local", snapshot
    cycle = client.snapshot("host")["cycle"]
    wait_for("cycles go on", lambda: client.snapshot("host")["cycle"] > cycle + 2)


def check_refused(runtime):
    """A bad configuration is one clear line and exit code 2."""
    bad = runtime.path("bad.toml")
    for table, line in (("services", 'interval = "0s"'), ("host", "disk_normal_percent = 99")):
        with open(bad, "w", encoding="utf-8") as file:
            file.write(f"[observers.{table}]\n{line}\n")
        done = subprocess.run([os.path.join(BIN, f"vedette-observer-{table}"), "--dir", runtime.dir, "--config", bad,
                               "--name", f"bad-{table}", "--session", SESSION], capture_output=True, timeout=20, check=False)
        assert done.returncode == 2, (table, done)
        assert line.split()[0].encode() in done.stderr, (table, done)


def main():
    seed = int(os.environ.get("VD_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    runtime = Runtime(BIN, CONFIG, SESSION)
    try:
        client = begin(runtime)
        wait_for("the observer runs", lambda: running(client, "services"))
        events = Events(client)
        wait_for("the first look is told", lambda: any(event.type == "services_listed" for event in events.pull()))
        check_named(events)
        check_host(client)
        check_refused(runtime)
        check_kills(runtime, client, events, ["services"], 25, random.Random(seed))
        check_kills(runtime, client, events, ["services", "poller-1", "broker", "ingestor"], 15,
                    random.Random(seed + 1))
        check_storm(runtime, events, random.Random(seed + 2))
        check_store_away(runtime, events, client)
        check_named(events)
        story = check_story(events.pull())
        print(f"{len(events.all)} events, {len(story)} services")
    except BaseException:
        runtime.stop()
        sys.stderr.write(runtime.logs())
        raise
    finally:
        runtime.stop()
        runtime.close()


if __name__ == "__main__":
    main()
