#!/usr/bin/python3
"""test_network.py BIN [WAY]: a runtime, producers, followers and a relay that talk over tcp, while that is cut, delayed and reset.

Each fault is proved by what the network counts, and healed; then everybody goes on. At the end the books of the producers and
the histories of the followers equal the store. Without WAY it is done by every way that there is here, at the same time."""
import os
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import BIN, SEED, World, alive, wait_for  # noqa: E402
import ledger  # noqa: E402
import network  # noqa: E402

RATE = 200
HELD_S = 2.0      # longer than the ingestor waits for a sign of life of a connection
DELAY_MS = 60
REST_S = 0.5      # for what has passed already to be shown and told
AGAIN_S = 60.0    # for everybody to go on
CONFIG = """
[network]
bind = ["ingestor.read={read}", "ingestor.emit={emit}", "relay-1.read={relayed}"]
[relay]
processes = 1
upstream = "{upstream}"
"""
# Who goes over which links: a client reaches these ports by them and everything else in the runtime's directory.
LINKS = {"upstream": "read", "writing": "emit", "reading": "read", "relayed": "relayed"}


class Networked(World):
    """A runtime whose relay reads over a link, with parts that are attached over others."""

    def __init__(self, net):
        ends = dict(zip(("read", "emit", "relayed"), (f"tcp://{network.HOST}:{port}" for port in network.free_ports(3))))
        self.links = {name: net.link(name, ends[end]) for name, end in LINKS.items()}
        self.routes = ""
        super().__init__("network", CONFIG.format(upstream=self.links["upstream"].listen, **ends))
        self.shown = {}

    def environment(self):
        return {**super().environment(), "VEDETTE_ENDPOINTS": self.routes}

    def attach(self):
        """Starts everybody, each over its link."""
        listens = {name: link.listen for name, link in self.links.items()}
        follow = [os.path.join(BIN, "vedette"), "follow", self.session, "--from", "start", "-o", "ndjson"]
        self.routes = f"ingestor.emit={listens['writing']},ingestor.read={listens['reading']},relay-1.read={listens['relayed']}"
        self.c_producer("producer-c", RATE)
        self.python_producer("producer-python", RATE)
        self.part("follow-c", *follow)
        self.part("follow-durable", *follow, "--durable", "over-tcp")
        self.peer("follow-python", "follow", "in-python")
        self.part("follow-relayed", *follow, "--via", "relay-1")
        self.routes = ""
        self.part("follow-beside", *follow, "--via", "relay-1")  # ipc to the relay, which itself reads over tcp
        wait_for("the relay has come up", lambda: self.relay()["head"] > 0)

    def relay(self):
        return self.client.get("relay-1", "read", "metrics", timeout_s=10)

    def go_on(self):
        """Each producer is told of what it writes from now on, and each follower shows it."""
        self.check_alive()
        told = {part.name: part.count("acknowledged ") for part in self.ledgers()}
        for part in self.ledgers():
            wait_for(f"{part.name} goes on", lambda: part.count("acknowledged ") > told[part.name] + 10, AGAIN_S)
        last = self.client.sessions(session=self.session)[0]["last_seq"]
        for part in self.followers():
            wait_for(f"{part.name} shows event {last}", lambda: part.count("{") >= last, AGAIN_S)
        self.check_alive()

    def nothing_comes(self):
        """Nobody is shown or told anything, once they have dealt with what had passed before."""
        state = {"counts": None, "since": 0.0}

        def rests():
            counts = {part.name: part.count("{") for part in self.followers()}
            counts.update({part.name: part.count("acknowledged ") for part in self.ledgers()})
            if counts != state["counts"]:
                state.update(counts=counts, since=time.monotonic())
            return time.monotonic() - state["since"] >= REST_S
        wait_for("nobody is shown or told anything any more", rests)

    # ---- faults ----

    def all_links(self, fault, *arguments):
        for link in self.links.values():
            link.do(fault, *arguments)

    def proved(self):
        for name, link in self.links.items():
            proof = wait_for(f"{link} has its effect", link.proof)
            print(f"  {name}: {proof}", flush=True)

    def heal(self):
        for link in self.links.values():
            link.heal()

    def everything_is_cut(self):
        self.all_links("partition")
        time.sleep(HELD_S)
        self.proved()
        assert all(link.measure_ms(0.2) is None for link in self.links.values()), "something passes"
        self.nothing_comes()
        self.heal()

    def one_way_is_lost(self):
        for number, link in enumerate(self.links.values()):
            link.one_way(("to", "from")[number % 2])
        time.sleep(HELD_S)
        self.proved()
        self.heal()

    def the_other_way_is_lost(self):
        for number, link in enumerate(self.links.values()):
            link.one_way(("from", "to")[number % 2])
        time.sleep(HELD_S)
        self.proved()
        self.heal()

    def everything_takes_longer(self):
        self.all_links("delay", DELAY_MS)
        self.go_on()
        self.proved()
        self.heal()

    def everything_is_reset(self):
        self.all_links("reset")
        self.proved()
        self.heal()

    def connections_die_unheard(self):
        """Nobody is ever told: each has to find out by itself, before anything is healed."""
        self.all_links("half_open")
        self.go_on()
        self.proved()
        self.heal()

    # ---- the end ----

    def balance(self):
        for part in self.ledgers():
            part.end()
        store = ledger.Store(self.client)
        store.check_sequences()
        events = store.of(self.session)
        counts = [ledger.check_producer(part.name, part.lines(), events) for part in self.ledgers()]
        for part in self.followers():
            wait_for(f"{part.name} has everything", lambda: part.count("{") >= len(events), AGAIN_S)
            part.end()
            ledger.check_follower(part.name, part.lines(), events)
        return sum(counts), len(events)


# A process that disturbs, and another in the same network that outlives it; their ids.
DISTURBER = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import network
net = network.open_network(sys.argv[2])
link = net.link("x", to="tcp://127.0.0.1:1")
link.delay(10)
link.partition()
left = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(left.pid, link.proxy.process.pid, flush=True)
time.sleep(60)
"""


def tables_of(pid):
    """The packet filter in the network of a process."""
    return subprocess.run(["nsenter", "-t", str(pid), "-n", "nft", "list", "tables"], text=True, capture_output=True,
                          check=True).stdout


def nothing_outlives_who_disturbs(way):
    """With SIGKILL: the faults are undone, whoever else is in the network."""
    run = subprocess.Popen([sys.executable, "-B", "-c", DISTURBER, os.path.dirname(os.path.abspath(__file__)), way],
                           stdout=subprocess.PIPE, text=True)
    left, proxy = map(int, run.stdout.readline().split())
    try:
        if way == "namespace":
            assert "vedette_faults" in tables_of(left), tables_of(left)
        run.kill()
        run.wait()
        wait_for("the proxy has ended", lambda: not alive(proxy))
        if way == "namespace":
            wait_for("no fault is left", lambda: "vedette_faults" not in tables_of(left))
            assert "vedette_paths" in tables_of(left), tables_of(left)
    finally:
        os.kill(left, signal.SIGKILL)
        run.kill()
        run.wait()
        run.stdout.close()


def who_comes_later_is_hit(way):
    """Nobody is connected when it begins: a fault of the connections that there are waits for one."""
    with network.open_network(way) as net, socket.create_server((network.HOST, 0)) as server:
        link = net.link("later", to=f"tcp://{network.HOST}:{server.getsockname()[1]}")
        for fault in ("reset", "half_open"):
            link.do(fault)
            assert not link.proof(), f"{fault}: nobody is there, and it was proved: {link.proof()}"
            with socket.create_connection((network.HOST, network.port_of(link.listen)), 10) as client:
                far = server.accept()[0]
                wait_for(f"{fault} has its effect", lambda: client.send(b"x") and link.proof())
                far.close()
            link.heal()


def by(way):
    with network.open_network(way) as net, Networked(net) as world:
        world.attach()
        world.go_on()
        for step in (world.everything_is_cut, world.one_way_is_lost, world.the_other_way_is_lost, world.everything_takes_longer,
                     world.everything_is_reset, world.connections_die_unheard):
            begin = time.monotonic()
            print(step.__name__, flush=True)
            step()
            healed = time.monotonic()
            world.go_on()
            print(f"  {healed - begin:.1f} s, and {time.monotonic() - healed:.1f} s until all went on", flush=True)
        acknowledged, stored = world.balance()
        print(f"{acknowledged} acknowledged, {stored} stored, all that {len(world.followers())} followers were shown", flush=True)


def main():
    if len(sys.argv) > 2:
        nothing_outlives_who_disturbs(sys.argv[2])
        who_comes_later_is_hit(sys.argv[2])
        by(sys.argv[2])
        print(f"ok {sys.argv[2]}", flush=True)
        return
    print(f"VEDETTE_SEED={SEED}", flush=True)
    why = network.why_no_namespace()
    ways = network.WAYS if not why else ("proxy",)
    print(f"by {' and '.join(ways)}" + (f" (no namespace here: {why})" if why else ""), flush=True)
    runs = [subprocess.Popen([sys.executable, os.path.abspath(__file__), BIN, way], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env={**os.environ, "VEDETTE_SEED": str(SEED)}) for way in ways]
    for run in runs:
        print(run.communicate()[0], flush=True)
    assert not any(run.returncode for run in runs), "not by every way"


main()
