"""hsd_net.py: nodes of a real chain of one's own on this machine (hsd, on its network for tests), to watch and to break.

1. Nodes are processes of this one and die with it; ports are free ones below the ephemeral range; data lies under the
   directory that is given, logs beside it.
2. What holds is asked of the nodes themselves, never remembered: heads, balances, who is connected.
3. Every node is connected with every other, unless they are cut off: cut off nodes know of no other until joined.
4. Amounts are integers in the smallest unit, blocks and transactions are 64 hexadecimal digits.
"""
import ctypes
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import hsd_install
from hsd_install import HsdError

ANSWER_S = 60.0
START_S = 90.0
STALLED_S = 3.0
POLL_S = 0.01
PORTS = range(20000, 32000)
SHARES = 16
PR_SET_PDEATHSIG = 1
NOBODY = "rs1qzyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3jddtc0"
FEE_RATE = 10000


def free_port(taken):
    """A free port below the ephemeral range, which clients of this machine never take. Each process looks in a
    share of its own, so that what one has found and not bound yet is hardly given to another."""
    for port in random.sample(PORTS[os.getpid() % SHARES::SHARES], 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            taken.add(port)
            return port
    raise HsdError(f"no free port in {PORTS.start} to {PORTS.stop}")


def wait_until(what, condition, timeout_s=START_S):
    """Polls; the first true value."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise HsdError(f"not within {timeout_s} s: {what}")
        time.sleep(POLL_S)


def ask(method, url, body=None, timeout_s=ANSWER_S):
    """The JSON of an answer; HsdError when there is none, or when it says no."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise HsdError(f"{method} {url}: {error.code} {error.read(500).decode(errors='replace')}") from None
    except (OSError, ValueError) as error:
        raise HsdError(f"{method} {url}: {error}") from None


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Node:
    def __init__(self, name, directory, ports):
        self.name = name
        self.peer = f"127.0.0.1:{ports[0]}"
        self.url = f"http://127.0.0.1:{ports[2]}"
        self.wallet_url = f"http://127.0.0.1:{ports[3]}"
        self.ports = ports
        self.data = os.path.join(directory, name)
        self.log = os.path.join(directory, f"{name}.log")
        self.process = None

    def spawn(self, program, peers):
        p2p, brontide, http, wallet = self.ports
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["node", program, "--network=regtest", "--memory=false", f"--prefix={self.data}", "--host=127.0.0.1",
                 f"--port={p2p}", f"--brontide-port={brontide}", "--listen=true", f"--only={','.join(peers)}",
                 "--http-host=127.0.0.1", f"--http-port={http}", "--wallet-http-host=127.0.0.1",
                 f"--wallet-http-port={wallet}", "--no-auth", "--wallet-no-auth", "--no-dns", "--index-tx",
                 "--index-address", "--workers=false", "--log-file=false", "--log-level=info"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL; returns when the process is gone."""
        if self.process:
            self.process.kill()
            self.process.wait()

    # ---- the node ----

    def get(self, path, timeout_s=ANSWER_S):
        return ask("GET", self.url + path, timeout_s=timeout_s)

    def rpc(self, method, *params):
        answer = ask("POST", self.url + "/", {"method": method, "params": list(params)})
        if answer.get("error"):
            raise HsdError(f"{self.name}: {method} {list(params)}: {answer['error']}")
        return answer["result"]

    def is_ready(self):
        """Both servers answer; only then does it listen for peers too."""
        if not self.is_alive():
            raise HsdError(f"{self.name} has ended; its log is {self.log}")
        try:
            self.get("/", 2.0)
            ask("GET", self.wallet_url + "/wallet", timeout_s=2.0)
            return True
        except HsdError:
            return False

    def head(self):
        """(id, height) of the block that it takes for the best."""
        chain = self.get("/")["chain"]
        return chain["tip"], chain["height"]

    def block(self, which):
        """By id or height."""
        return self.get(f"/block/{which}")

    def tips(self):
        """The ends of all branches that it knows: [(id, height, is it the active one)]."""
        return [(row["hash"], row["height"], row["status"] == "active") for row in self.rpc("getchaintips")]

    def mine(self, count=1, address=NOBODY):
        """Mines on its head; the ids of the new blocks."""
        return self.rpc("generatetoaddress", count, address)

    def connect(self, other):
        self.rpc("addnode", other.peer, "add")

    def disconnect(self, other):
        self.rpc("addnode", other.peer, "remove")
        self.rpc("disconnectnode", other.peer)

    def ban(self, verb):
        """"add": it makes no new connection to a node of this machine and takes none, until "remove". Those that it was
        connected with once it tries again and again else."""
        self.rpc("setban", "127.0.0.1", verb)

    def peers(self):
        pool = self.get("/")["pool"]
        return pool["outbound"], pool["inbound"]

    # ---- its wallets ----

    def wallet(self, name):
        """A wallet of that name, made if it is not there."""
        return Wallet(self, name)


class Wallet:
    """A wallet that a node keeps: its own word on its addresses and its money."""

    def __init__(self, node, name):
        self.node, self.name = node, name
        self.url = f"{node.wallet_url}/wallet/{name}"
        ask("PUT", self.url, {})

    def address(self):
        """An address where it has not been paid before."""
        return ask("POST", f"{self.url}/address", {"account": "default"})["address"]

    def pay(self, address, value):
        """Sends money; the id of the transaction, which is in the pool of its node."""
        return ask("POST", f"{self.url}/send", {"rate": FEE_RATE, "outputs": [{"address": address, "value": value}]})["hash"]

    def balance(self):
        """{"confirmed", "unconfirmed", ..}: the first is what blocks of the node's best branch say."""
        return ask("GET", f"{self.url}/balance")

    def confirmed(self):
        return self.balance()["confirmed"]

    def coins(self):
        return ask("GET", f"{self.url}/coin")

    def height(self):
        """How far it has followed its node, which it does a little later."""
        answer = ask("POST", f"{self.node.wallet_url}/", {"method": "getwalletinfo", "params": []})
        return answer["result"]["height"]

    def source(self, labels=None):
        """For those who watch it: whose addresses are this wallet's."""
        return {"name": self.name, "adapter": "http", "address": self.node.wallet_url,
                "labels": {"app": "chain", "reader": "hsd", "wallet": self.name, **(labels or {})}}

    def addresses(self):
        """All its own addresses that were ever used, those of change too."""
        found = set()
        for row in ask("GET", f"{self.url}/tx/history"):
            found |= {end["address"] for end in row["outputs"] if end.get("path")}
        return sorted(found)


class Net:
    """Nodes n1, n2, ... that know each other."""

    def __init__(self, directory, count=3):
        self.directory = directory
        self.program = hsd_install.find()
        if not self.program:
            raise HsdError("hsd is not installed: tools/examples/chain/hsd_install.py installs it")
        self.ports = set()
        self.nodes = {f"n{number}": Node(f"n{number}", directory, [free_port(self.ports) for _ in range(4)])
                      for number in range(1, count + 1)}
        self.apart = set()  # pairs of names that are not to be connected

    # ---- life ----

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        for name in self.nodes:
            self.spawn(name)
        for name in self.nodes:
            self.wait_ready(name)
        self.wait_connected()

    def spawn(self, name):
        peers = [other.peer for other in self.nodes.values() if self.are_joined(name, other.name)]
        self.nodes[name].spawn(self.program, peers)

    def wait_ready(self, name):
        wait_until(f"{name} answers", self.nodes[name].is_ready)

    def kill(self, name):
        self.nodes[name].kill()

    def pause(self, name):
        """SIGSTOP: it still accepts connections, and never answers."""
        self.nodes[name].process.send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.nodes[name].process.send_signal(signal.SIGCONT)

    def restart(self, name):
        """Starts it again on its own data; returns when it answers. What it was cut off from it does not see."""
        self.spawn(name)
        self.wait_ready(name)
        if any(name in pair for pair in self.apart):
            self.nodes[name].ban("add")

    def close(self):
        for node in self.nodes.values():
            if node.is_alive():
                node.process.kill()
        for node in self.nodes.values():
            if node.process:
                node.process.wait()
            shutil.rmtree(node.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- who is connected with whom ----

    def are_joined(self, one, other):
        return one != other and frozenset((one, other)) not in self.apart

    def partition(self, *groups):
        """Only the nodes of one group stay connected with each other; those that are not named form one more."""
        named = set().union(*groups)
        groups = [set(group) for group in groups] + [set(self.nodes) - named]
        self.ban("add")
        for one, other in itertools.combinations(self.nodes, 2):
            if not any({one, other} <= group for group in groups):
                self.set_apart(one, other)
        for name in self.nodes:
            self.wait_only(name)

    def cut(self, name):
        self.partition({name})

    def ban(self, verb):
        for node in self.nodes.values():
            if node.is_alive():
                node.ban(verb)

    def set_apart(self, one, other):
        self.apart.add(frozenset((one, other)))
        for a, b in ((one, other), (other, one)):
            if self.nodes[a].is_alive():
                self.nodes[a].disconnect(self.nodes[b])

    def join(self):
        """Everybody is connected with everybody again."""
        pairs, self.apart = self.apart, set()
        self.ban("remove")
        for one, other in [sorted(pair) for pair in pairs]:
            if self.nodes[one].is_alive() and self.nodes[other].is_alive():
                self.nodes[one].connect(self.nodes[other])
                self.nodes[other].connect(self.nodes[one])

    def wait_only(self, name):
        """Until a node has no more peers than it is to have."""
        node = self.nodes[name]
        wanted = sum(self.are_joined(name, other) for other in self.nodes)
        if node.is_alive():
            wait_until(f"{name} is cut off", lambda: max(node.peers()) <= wanted)

    def wait_connected(self):
        """Until every node hears from every other that it is joined with."""
        for name, node in self.nodes.items():
            wanted = sum(self.are_joined(name, other.name) and other.is_alive() for other in self.nodes.values())
            if node.is_alive():
                wait_until(f"{name} is connected", lambda n=node, w=wanted: sum(n.peers()) >= w)

    # ---- blocks ----

    def heads(self):
        """{name: (id, height)} of those that live."""
        return {name: node.head() for name, node in self.nodes.items() if node.is_alive()}

    def wait_same(self, timeout_s=START_S):
        """Until all that live have one head: it, as (id, height). Who asked several for the same blocks may wait for minutes
        for one that has them not yet: where nothing moves, connections begin anew."""
        last, since = None, time.monotonic()

        def same():
            nonlocal last, since
            heads = self.heads()
            if len(set(heads.values())) == 1:
                return set(heads.values()).pop()
            if heads != last:
                last, since = heads, time.monotonic()
            elif time.monotonic() - since > STALLED_S and not self.apart:
                self.reconnect()
                since = time.monotonic()
            return None
        return wait_until("all nodes have one head", same, timeout_s)

    def reconnect(self):
        """Ends all connections and makes them anew."""
        self.partition(*({name} for name in self.nodes))
        self.join()

    def fork(self, name, depth, address=NOBODY, longer_by=1):
        """Cuts a node off and has it mine `depth` blocks and the others more by `longer_by`: (its blocks, theirs). Once
        joined it goes over to theirs."""
        self.cut(name)
        other = next(node for node in self.nodes.values() if node.name != name and node.is_alive())
        return self.nodes[name].mine(depth, address), other.mine(depth + longer_by, address)

    # ---- for those who watch it ----

    def sources(self, labels=None):
        return [{"name": node.name, "adapter": "http", "address": node.url,
                 "labels": {"app": "chain", "reader": "hsd", **(labels or {})}} for node in self.nodes.values()]


def write_sources(path, sources):
    """Replaces the list of sources at once, so that nobody reads half of it."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(sources, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)
