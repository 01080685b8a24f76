"""network.py: paths on tcp between processes of this machine that can be disturbed, and what proves that they were.

    with network.open_network() as net:         before anything is started that is to use it
        link = net.link("relay", to="tcp://127.0.0.1:7000")
        ... what shall be disturbed connects to link.listen, which leads to `to` ...
        link.partition()                        nothing passes, nobody hears of it
        link.one_way("to")                      nothing passes towards `to`; "from": nothing comes back
        link.delay(200)                         everything takes 200 ms longer, each way
        link.reset()                            every connection ends with a reset
        link.half_open()                        the connections there are pass nothing any more, and their ends are never
                                                told; those that come after them are well
        link.proof()                            what shows that the fault has had its effect; "" as long as nothing does
        link.counters()                         the figures behind that
        link.heal()                             undoes whatever there is

Two ways with one interface. "namespace": the process that opens the network moves into a network namespace of its own, and so
do those that it starts from then on; the kernel leads `listen` to `to`, and its packet filter drops or rejects what passes.
For a delay there is nothing in the kernel that could be relied on, so it is made by the proxy: connections are reset, and
come back through it. Sockets that were made before stay outside; the way back is close(). "proxy": proxy.py, a process for
each link, which works everywhere.

Whatever happens to the process that opened the network, no fault outlives it: a keeper takes the rules away, a proxy ends, and
a namespace in which nobody is left is gone."""
import contextlib
import ctypes
import json
import os
import random
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FAULTS = ("partition", "one_way", "delay", "reset", "half_open")
WAYS = ("namespace", "proxy")
HOST = "127.0.0.1"
PORTS = range(19000, 19100)  # of links in a namespace: nobody binds them there, so that free_ports() keeps off them
FREE_PORTS = range(20000, 32000)  # below those that the system gives out by itself
SHARES = 16  # of the free ports, as in tools/examples: a process draws from its own
QUIET_S = 0.7  # after this whoever is to be reset has sent something, or is quiet
CLONE_NEWNET = 0x40000000
ESTABLISHED = "01"
TRIAL = """
table inet vedette_trial {
    chain out { type nat hook output priority -100
        tcp dport 1 redirect to :2
    }
    chain in { type filter hook input priority 0
        meta l4proto tcp ct original proto-dst 1 ct direction reply counter drop
        tcp dport 1 counter reject with tcp reset
    }
}
"""
TABLES = """
table inet vedette_paths {
    chain out { type nat hook output priority -100; }
}
"""
# Deleted as a whole by the keeper: the paths stay, and nothing disturbs them.
FAULT_TABLE = """
table inet vedette_faults {
    chain out { type nat hook output priority -101; }
    chain in { type filter hook input priority 0; }
}
"""
LIBC = ctypes.CDLL(None, use_errno=True)


def port_of(endpoint):
    found = re.fullmatch(r"tcp://127\.0\.0\.1:(\d+)", endpoint)
    if not found:
        raise ValueError(f"{endpoint} is not of the form tcp://127.0.0.1:PORT")
    return int(found[1])


def free_ports(count):
    """Ports that nobody uses now, all different. Each process looks in a share of its own, so that what one has found and not
    bound yet is hardly given to another."""
    found = []
    for port in random.SystemRandom().sample(FREE_PORTS[os.getpid() % SHARES::SHARES], len(FREE_PORTS) // SHARES):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                trial.bind((HOST, port))
                found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports among each {SHARES}th from {FREE_PORTS[0]} to {FREE_PORTS[-1]} on {HOST}")


def nft(script):
    done = subprocess.run(["nft", "-f", "-"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"nft refuses: {done.stderr.strip()}\n{script}")


def unshare():
    if LIBC.unshare(CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no network namespace of one's own: {os.strerror(number)}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)


def why_no_namespace():
    """Tries it in a process of its own; "" when it works."""
    script = f"import sys; sys.path.insert(0, {HERE!r}); import network; network.unshare(); network.nft(network.TRIAL)"
    try:
        done = subprocess.run([sys.executable, "-B", "-c", script], text=True, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]


def available():
    """The best way that there is here."""
    return "proxy" if why_no_namespace() else "namespace"


class Proxy:
    """The process of a link's proxy."""

    def __init__(self, listen_port, to_port):
        command = [sys.executable, "-B", os.path.join(HERE, "proxy.py"), str(listen_port), str(to_port), str(os.getpid())]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"no proxy at port {listen_port}: exit {self.process.wait()}")
        self.port = int(line)

    def order(self, line):
        """Gives an order; the counters after it."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the proxy at port {self.port} has ended: exit {self.process.wait()}")
        return json.loads(answer)

    def close(self):
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                file.close()


class Link:
    """A path from the endpoint `listen` to `to`. `fault` is what disturbs it now, "" when nothing does."""

    def __init__(self, name, listen, to):
        self.name, self.listen, self.to = name, listen, to
        self.fault, self.amount, self.before = "", None, {}

    def __repr__(self):
        return f"{self.name}: {self.listen} -> {self.to}" + (f" ({self.fault})" if self.fault else "")

    def partition(self):
        self._begin("partition")

    def one_way(self, lost):
        if lost not in ("to", "from"):
            raise ValueError(f"one_way takes to or from, not {lost}")
        self._begin("one_way", lost)

    def delay(self, ms):
        self._begin("delay", ms)

    def reset(self):
        """There is nothing to heal; healing ends it, all the same."""
        self._begin("reset")

    def half_open(self):
        self._begin("half_open")

    def do(self, fault, *arguments):
        """A fault by its name, and its arguments as text."""
        if fault not in FAULTS:
            raise ValueError(f"there is no fault {fault}: {', '.join(FAULTS)}")
        getattr(self, fault)(*(float(text) if fault == "delay" else text for text in arguments))

    def heal(self):
        self._undo()
        self.fault, self.amount = "", None

    def _begin(self, fault, amount=None):
        if self.fault:
            self.heal()
        self.before = self.counters()
        self.fault, self.amount = fault, amount
        self._do(fault, amount)

    def measure_ms(self, timeout_s=2.0):
        """How long a new connection takes to bring the first byte, which an endpoint of ZeroMQ sends unasked; None: within
        `timeout_s` none came."""
        begin = time.monotonic()
        try:
            with socket.create_connection((HOST, port_of(self.listen)), timeout_s) as probe:
                probe.settimeout(max(0.001, timeout_s - (time.monotonic() - begin)))
                return 1000 * (time.monotonic() - begin) if probe.recv(1) else None
        except OSError:
            return None

    def proof(self):
        """What the counters tell of the fault at hand; "" as long as they tell nothing. What is done to the connections
        that there are is done again as long as there was none."""
        if self.fault in ("reset", "half_open") and self.counters()[self.fault] == self.before[self.fault]:
            self._do(self.fault, self.amount)
        now = self.counters()
        gone = {key: now[key] - self.before.get(key, 0) for key in now}
        if self.fault in ("partition", "one_way", "half_open"):
            held = gone["held"] > 0 and (self.fault != "half_open" or gone["half_open"] > 0)
            of = f" of {gone['half_open']} connections" if self.fault == "half_open" else ""
            return f"{gone['held']} {self.unit}, {gone['held_bytes']} bytes held back{of}" if held else ""
        if self.fault == "reset":
            return f"{gone['reset']} connections reset" if gone["reset"] > 0 else ""
        if self.fault == "delay":
            took = self.measure_ms(self.amount / 1000 + 2.0)
            slow = took is not None and took >= self.amount and now["delay_ms"] >= self.amount
            return f"{now['delayed']} {self.unit} delayed by {now['delay_ms']:.0f} ms at least, a new connection " \
                   f"answers after {took:.0f} ms" if slow else ""
        return ""


class ProxyLink(Link):
    unit = "pieces"

    def __init__(self, name, listen, to):
        self.proxy = Proxy(port_of(listen) if listen else 0, port_of(to))
        super().__init__(name, f"tcp://{HOST}:{self.proxy.port}", to)

    def _do(self, fault, amount):
        self.proxy.order(fault if amount is None else f"{fault} {amount}")

    def _undo(self):
        self.proxy.order("heal")

    def counters(self):
        told = self.proxy.order("counters")
        return {"held": told.get("held_pieces", 0), "held_bytes": told.get("held_bytes", 0), "reset": told.get("reset", 0),
                "half_open": told.get("half_open", 0), "delayed": told.get("delayed_pieces", 0),
                "delay_ms": told["delay_ms"], "open": told["open"],
                "passed_bytes": told.get("to_bytes", 0) + told.get("from_bytes", 0)}

    def close(self):
        self.proxy.close()


class NamespaceLink(Link):
    """The rules of a link stand in a chain of its own, through which every packet of its connections goes, both ways."""

    unit = "packets"

    def __init__(self, name, listen, to, number):
        super().__init__(name, listen, to)
        self.port, self.number = port_of(listen), number
        self.chain = f"link_{number}"
        self.proxy = None
        self.kept = {"held": 0, "held_bytes": 0, "reset": 0, "half_open": 0}  # of rules that are gone
        nft(f"add rule inet vedette_paths out ip daddr {HOST} tcp dport {self.port} redirect to :{port_of(to)}\n"
            f"add chain inet vedette_faults {self.chain}\n"
            f"add rule inet vedette_faults in meta l4proto tcp ct original proto-dst {self.port} jump {self.chain}\n")

    def clients(self):
        """The ports of those who are connected now."""
        with open("/proc/thread-self/net/tcp", encoding="ascii") as file:
            rows = [line.split()[1:4] for line in file][1:]
        return sorted(int(local.rpartition(":")[2], 16) for local, remote, state in rows
                      if state == ESTABLISHED and int(remote.rpartition(":")[2], 16) == self.port)

    def _rules(self, *rules):
        nft("".join(f"add rule inet vedette_faults {self.chain} {rule}\n" for rule in rules))

    def _of(self, ports, verdict):
        """Rules for connections of these clients alone."""
        listed = ", ".join(map(str, ports))
        return [f"tcp {end} {{ {listed} }} counter {verdict}" for end in ("sport", "dport")] if ports else []

    def _do(self, fault, amount):
        if fault == "partition":
            self._rules("counter drop")
        elif fault == "one_way":
            self._rules(f"ct direction {'original' if amount == 'to' else 'reply'} counter drop")
        elif fault == "half_open":
            ports = self.clients()
            self._rules(*self._of(ports, "drop"))
            self.kept["half_open"] += len(ports)
        elif fault == "reset":
            self._reset()
        else:
            if self.proxy is None:
                self.proxy = Proxy(0, port_of(self.to))
            self.proxy.order(f"delay {amount}")
            nft(f"add rule inet vedette_faults out ip daddr {HOST} tcp dport {self.port} redirect to :{self.proxy.port} "
                f'comment "{self.chain}"\n')
            self._reset()

    def _reset(self, within_s=5.0):
        """Rejects what the connections that there are send, until they are gone: each that sends is told so."""
        ports = self.clients()
        if not ports:
            return
        self._rules("tcp flags & rst == rst accept", *self._of(ports, "reject with tcp reset"))
        begin, left = time.monotonic(), set(ports)
        while left and time.monotonic() < begin + within_s:
            time.sleep(0.005)
            left &= set(self.clients())
            if left and time.monotonic() > begin + QUIET_S:  # who sends nothing is not rejected: the kernel ends it
                for port in left:
                    subprocess.run(["ss", "-K", "sport", "=", str(port), "dport", "=", str(self.port)],
                                   capture_output=True, check=False)
        self.kept["reset"] += len(ports) - len(left)
        self._clear()

    def _clear(self):
        packets, size = self._dropped()
        self.kept["held"] += packets
        self.kept["held_bytes"] += size
        nft(f"flush chain inet vedette_faults {self.chain}\n")

    def _undo(self):
        self._clear()
        if self.proxy is not None:
            self.proxy.order("heal")
        for handle in self._handles():
            nft(f"delete rule inet vedette_faults out handle {handle}\n")

    def _listed(self, chain):
        done = subprocess.run(["nft", "-j", "-a", "list", "chain", "inet", "vedette_faults", chain], text=True,
                              capture_output=True, check=True)
        return [row["rule"] for row in json.loads(done.stdout)["nftables"] if "rule" in row]

    def _handles(self):
        return [rule["handle"] for rule in self._listed("out") if rule.get("comment") == self.chain]

    def _dropped(self):
        packets = size = 0
        for rule in self._listed(self.chain):
            parts = {key: value for part in rule["expr"] for key, value in part.items()}
            if "drop" in parts:
                packets += parts["counter"]["packets"]
                size += parts["counter"]["bytes"]
        return packets, size

    def counters(self):
        packets, size = self._dropped()
        told = self.proxy.order("counters") if self.proxy is not None else {}
        return {**self.kept, "held": self.kept["held"] + packets, "held_bytes": self.kept["held_bytes"] + size,
                "delayed": told.get("delayed_pieces", 0), "delay_ms": told.get("delay_ms", 0.0),
                "open": len(self.clients())}

    def close(self):
        if self.proxy is not None:
            self.proxy.close()


class ProxyNetwork:
    way = "proxy"

    def __init__(self):
        self.links = {}

    def link(self, name, to, listen=None):
        """A link of this name. Without `listen` it finds itself an endpoint."""
        self.links[name] = ProxyLink(name, listen, to)
        return self.links[name]

    def heal(self):
        for link in self.links.values():
            link.heal()

    def close(self):
        for link in self.links.values():
            link.close()
        self.links.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class NamespaceNetwork(ProxyNetwork):
    way = "namespace"

    def __init__(self):
        super().__init__()
        self.before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        unshare()
        nft(TABLES)
        nft(FAULT_TABLE)
        # It holds the read end of a pipe whose other end nobody but this process has.
        self.keeper = subprocess.Popen(["/bin/sh", "-c", "cat >/dev/null; exec nft delete table inet vedette_faults"],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       start_new_session=True)

    def link(self, name, to, listen=None):
        number = len(self.links)
        self.links[name] = NamespaceLink(name, listen or f"tcp://{HOST}:{PORTS[number]}", to, number)
        return self.links[name]

    def close(self):
        super().close()
        self.keeper.stdin.close()
        self.keeper.wait()
        if LIBC.setns(self.before, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "the way back into the network that it came from is closed")
        os.close(self.before)


def open_network(way=None):
    """A network by this way, or by the best there is."""
    return NamespaceNetwork() if (way or available()) == "namespace" else ProxyNetwork()
