"""etcd_cluster.py: an etcd cluster of one's own on this machine, to watch and to break.

1. Members are processes of this one and die with it; ports are free ones below the ephemeral range; data lies under the
   directory that is given, logs beside it.
2. What holds is asked of etcd itself, never remembered: who leads, who belongs to the cluster.
3. The timing is that of a fast local network: a new leader within about 300 ms. Nothing is synced: for trying out only.
"""
import base64
import ctypes
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

PROGRAM = "etcd"
FAST = ("--enable-v2", "--unsafe-no-fsync", "--heartbeat-interval", "20", "--election-timeout", "200", "--pre-vote",
        "--log-level", "warn", "--strict-reconfig-check=false")
ANSWER_S = 0.5
POLL_S = 0.005
PORTS = range(20000, 32000)
SHARES = 16
PR_SET_PDEATHSIG = 1


class EtcdError(Exception):
    """etcd does not do what was asked."""


def is_installed():
    return shutil.which(PROGRAM) is not None


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
    raise EtcdError(f"no free port in {PORTS.start} to {PORTS.stop}")


def ask(url, body, timeout_s=ANSWER_S):
    """Posts JSON to etcd's gateway; the answer, or None when there is none in time."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return None


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Member:
    def __init__(self, name, directory, client_port, peer_port):
        self.name = name
        self.url = f"http://127.0.0.1:{client_port}"
        self.peer_url = f"http://127.0.0.1:{peer_port}"
        self.data = os.path.join(directory, name)
        self.log = os.path.join(directory, f"{name}.log")
        self.process = None
        self.arguments = []

    def spawn(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            preexec_fn=die_with_parent)

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def status(self):
        """What it says of itself; None when it does not answer."""
        return ask(f"{self.url}/v3/maintenance/status", {}) if self.is_alive() else None


class Cluster:
    def __init__(self, directory, count=3, options=FAST):
        self.directory = directory
        self.options = options
        self.members = {}
        self.ports = set()
        self.serial = count
        os.makedirs(directory, exist_ok=True)
        for number in range(1, count + 1):
            self.make(f"m{number}")

    def make(self, name):
        member = Member(name, self.directory, free_port(self.ports), free_port(self.ports))
        self.members[name] = member
        return member

    def prepare(self, member, peers, state):
        member.arguments = [
            "--name", member.name, "--data-dir", member.data, "--listen-client-urls", member.url,
            "--advertise-client-urls", member.url, "--listen-peer-urls", member.peer_url,
            "--initial-advertise-peer-urls", member.peer_url, "--initial-cluster-state", state,
            "--initial-cluster", ",".join(f"{peer.name}={peer.peer_url}" for peer in peers), *self.options]

    # ---- life ----

    def start(self):
        everyone = list(self.members.values())
        for member in everyone:
            self.prepare(member, everyone, "new")
            member.spawn()

    def kill(self, name):
        """SIGKILL; returns when the process is gone."""
        self.members[name].process.kill()
        self.members[name].process.wait()

    def pause(self, name):
        """SIGSTOP: it still accepts connections, and never answers."""
        self.members[name].process.send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.members[name].process.send_signal(signal.SIGCONT)

    def restart(self, name):
        self.members[name].spawn()

    def add(self, name=None):
        """Adds a member to the cluster and starts it; its name."""
        self.serial += 1
        member = self.make(name or f"m{self.serial}")
        known = {url for peer in self.enlist(member.peer_url) for url in peer["peerURLs"]}
        peers = [peer for peer in self.members.values() if peer.peer_url in known]
        self.prepare(member, peers, "existing")
        member.spawn()
        return member.name

    def remove(self, name):
        """Takes a member out of the cluster, ends it and forgets its data."""
        number = next((row["ID"] for row in self.listed() if self.members[name].peer_url in row["peerURLs"]), None)
        if number is not None:
            self.strike(number, besides=name)
        member = self.members.pop(name)
        member.process.kill()
        member.process.wait()
        shutil.rmtree(member.data, ignore_errors=True)

    def enlist(self, peer_url):
        """Makes one a member that is to listen there; all members."""
        return self.change("/v3/cluster/member/add", {"peerURLs": [peer_url]},
                           lambda members: any(peer_url in row["peerURLs"] for row in members))

    def strike(self, number, besides=None):
        """Takes the member with this ID out of the list; the members that are left."""
        return self.change("/v3/cluster/member/remove", {"ID": number},
                           lambda members: all(row["ID"] != number for row in members), besides)

    def close(self):
        for member in self.members.values():
            if member.is_alive():
                member.process.kill()
        for member in self.members.values():
            if member.process:
                member.process.wait()
            shutil.rmtree(member.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- questions ----

    def request(self, path, body, timeout_s=30.0, besides=None):
        """Asks the members one after the other until one answers."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for member in list(self.members.values()):
                if member.is_alive() and member.name != besides:
                    answer = ask(member.url + path, body, 2.0)
                    if answer is not None:
                        return answer
            time.sleep(POLL_S)
        raise EtcdError(f"{path}: no member has answered within {timeout_s} s")

    def listed(self, besides=None):
        return self.request("/v3/cluster/member/list", {}, besides=besides)["members"]

    def change(self, path, body, is_done, besides=None, timeout_s=60.0):
        """Asks for other members until they are so. What was done and not answered in time would be refused again."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for member in list(self.members.values()):
                if member.is_alive() and member.name != besides:
                    answer = ask(member.url + path, body, 2.0)
                    members = answer["members"] if answer else self.listed(besides)
                    if is_done(members):
                        return members
            time.sleep(POLL_S)
        raise EtcdError(f"{path}: not done within {timeout_s} s")

    def leader(self):
        """Who says of itself that it leads, in the highest term that anybody knows; None: nobody."""
        claims, highest = {}, 0
        for member in list(self.members.values()):
            status = member.status()
            if not status:
                continue
            term = int(status.get("raftTerm", 0))
            highest = max(highest, term)
            if status.get("leader") == status["header"]["member_id"]:
                claims[term] = member.name
        return claims.get(highest)

    def wait_leader(self, besides=(), timeout_s=30.0):
        """Polls until one leads that is not among `besides`; its name."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            leader = self.leader()
            if leader and leader not in besides:
                return leader
            time.sleep(POLL_S)
        raise EtcdError(f"no leader within {timeout_s} s; the logs are in {self.directory}")

    def put(self, key, value):
        encoded = [base64.b64encode(text.encode()).decode() for text in (key, value)]
        return self.request("/v3/kv/put", {"key": encoded[0], "value": encoded[1]})

    # ---- for those who watch it ----

    def sources(self, labels=None):
        return [{"name": member.name, "adapter": "http", "address": member.url,
                 "labels": {"app": "raft", "reader": "etcd", **(labels or {})}}
                for member in self.members.values()]

    def write_sources(self, path):
        """Replaces the list of sources at once, so that nobody reads half of it."""
        write_sources(path, self.sources())


def write_sources(path, sources):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(sources, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)
