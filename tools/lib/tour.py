#!/usr/bin/python3
"""tour.py: runs Vedette on this machine and shows it: guided with --seconds, else live until Ctrl-C.

1. Everything goes through the command line, as a user would; VEDETTE_DIR names the runtime's directory.
2. Nothing is waited for by time: each step polls for what a user would see, until the deadline of the whole tour.
3. Exit 0 only if every step was seen. Whatever happens, what was started is stopped: a signal is only noted,
   and looked at where nothing is half done.
"""
import argparse
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import tour_cluster

POLL_S = 0.05
COLUMNS = 120
STOP_TIMEOUT_S = 15


class NotSeen(Exception):
    """What was to be shown did not happen in time."""


class Interrupted(Exception):
    """A signal asks for the end."""


class Tour:
    def __init__(self, binaries, seconds):
        self.vedette = os.path.join(binaries, "vedette")
        self.deadline = time.monotonic() + seconds if seconds else None
        self.server = None
        self.follower = None
        self.live = []
        self.arrived = {}  # seq: when the line came
        self.cluster = None
        self.lines = queue.Queue()
        self.seen = []
        self.is_up = False
        self.interrupted = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.interrupt)

    def interrupt(self, _number, _frame):
        self.interrupted = True

    def go_on(self):
        if self.interrupted:
            raise Interrupted

    # ---- the command line ----

    def command(self, *arguments, check=True):
        """Runs one vedette command; its stdout."""
        if check:
            self.go_on()
        done = subprocess.run([self.vedette, *arguments], capture_output=True, text=True, check=False)
        if check:
            self.go_on()
        if check and done.returncode != 0:
            raise NotSeen(f"vedette {' '.join(arguments)} exited {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def rows(self, *arguments):
        return json.loads(self.command(*arguments, "-o", "json"))

    def until(self, what, probe):
        """Polls until probe() gives something; that, and the seconds it took."""
        begun = time.monotonic()
        while True:
            got = probe()
            self.go_on()
            if got:
                return got, time.monotonic() - begun
            if self.deadline and time.monotonic() > self.deadline:
                raise NotSeen(f"{what}: not within the time")
            time.sleep(POLL_S)

    # ---- what is shown ----

    def start_cluster(self):
        if not tour_cluster.etcd_cluster.is_installed():
            print("etcd is not installed (package etcd-server): the part with a cluster is left out.")
            return
        os.makedirs(os.environ["VEDETTE_DIR"], mode=0o700, exist_ok=True)
        self.cluster = tour_cluster.ClusterPart(self, os.environ["VEDETTE_DIR"], heading)
        self.cluster.start()

    def up(self):
        begun = time.monotonic()
        self.is_up = True
        self.command("up", "--detach", "--wait", *(("-c", self.cluster.config) if self.cluster else ()))
        heading(f"Up in {time.monotonic() - begun:.1f} s: every part is a process of its own (vedette ps)")
        print(self.command("ps").rstrip())
        pids = [row["pid"] for row in self.rows("ps")]
        if len(set(pids)) != len(pids) or not all(pids):
            raise NotSeen(f"the actors are not processes of their own: {pids}")
        self.seen.append(f"{len(pids)} actors, {len(pids)} processes")

    def snapshots(self):
        """What the observers know, as soon as they have looked once."""
        for observer in ("host", "services"):
            self.until(f"the first look of observer {observer}", lambda: self.rows("snapshot", observer)["cycle"] > 0)
            heading(f"What it knows now (vedette snapshot {observer})")
            for line in self.command("snapshot", observer).rstrip().splitlines():
                print(line if len(line) <= COLUMNS else line[:COLUMNS - 3] + "...")

    def follow(self):
        """Follows the session from its start; a thread takes the lines in."""
        self.follower = subprocess.Popen([self.vedette, "follow", "--from", "start", "-o", "ndjson"],
                                         stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.take_lines, args=(self.follower.stdout,), daemon=True).start()

    def take_lines(self, stream):
        for line in stream:
            event = json.loads(line)
            self.arrived[event["seq"]] = time.monotonic()
            self.lines.put(event)

    def event(self, kind, wanted, since=0):
        """The first event of this type behind `since`, live, for which wanted(data) holds; those that pass are shown."""
        def probe():
            while not self.lines.empty():
                event = self.lines.get()
                self.live.append(event)
                print(f"  {event['ts'][11:]}  {event['seq']:>4}  {event['type']:<18} {brief(event['data'])}")
            if self.follower.poll() is not None:
                raise NotSeen(f"vedette follow ended with {self.follower.returncode}")
            return next((e for e in self.live if e["seq"] > since and e["type"] == kind and wanted(e["data"])), None)
        return self.until(f"an event {kind}", probe)

    def start_server(self):
        for _ in range(20):
            port = random.randint(20000, 32000)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    continue
            folder = os.path.join(os.environ["VEDETTE_DIR"], "www")
            os.makedirs(folder, exist_ok=True)
            self.server = subprocess.Popen(
                [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return port
        raise NotSeen("no free port below 32768")

    def stop_server(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.server = None

    def actor(self, name):
        return next((row for row in self.rows("ps") if row["name"] == name), {})

    def guided(self):
        self.start_cluster()
        self.up()
        self.snapshots()
        heading("What has happened so far (vedette follow --from start)")
        self.follow()
        self.event("services_listed", lambda data: True)

        heading("A server starts: python3 -m http.server. The same follow, live; what it shows is on disk:")
        port = self.start_server()
        _, took = self.event("service_appeared", lambda data: data.get("port") == port)
        self.seen.append(f"a new service on port {port} was an event after {took:.1f} s")

        heading("kill -9 to the ingestor, the one process that writes")
        before = self.actor("ingestor")["pid"]
        os.kill(before, signal.SIGKILL)
        def back():
            row = self.actor("ingestor")
            return row if row.get("pid") not in (None, 0, before) and row.get("state") == "ready" else None
        after, took = self.until("a new ingestor", back)
        print(f"  pid {before} is dead; pid {after['pid']} is ready after {took:.1f} s (restarts: {after['restarts']})")
        self.seen.append(f"the ingestor was killed with SIGKILL and was back after {took:.1f} s")

        heading("The server ends; the same follower still listens:")
        self.stop_server()
        gone, took = self.event("service_gone", lambda data: data.get("port") == port)
        self.seen.append(f"the end of the service was an event after {took:.1f} s, to a follower that never broke off")
        if self.cluster:
            self.cluster.guided()
        self.replay(gone, port)

    def replay(self, last, port):
        heading("The past, from the first event on: vedette follow --from start --end")
        text = self.command("follow", last["session"], "--from", "start", "--end", "-o", "ndjson")
        events = [json.loads(line) for line in text.splitlines()]
        numbers = [event["seq"] for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            raise NotSeen(f"the replay has a gap: {numbers}")
        if events[:len(self.live)] != self.live[:len(events)] or len(events) < len(self.live):
            raise NotSeen("the replay differs from what was shown live")
        kinds = [event["type"] for event in events if event["data"] and event["data"].get("port") == port]
        if kinds[:1] != ["service_appeared"] or kinds[-1:] != ["service_gone"]:
            raise NotSeen(f"the service is not in the replay as it was: {kinds}")
        print(f"  {len(events)} events, 1 to {len(events)}, no gap, equal to what was shown live")
        if self.cluster and not self.cluster.replayed(events):
            raise NotSeen("the election is not in the replay as it was")
        self.seen.append(f"{len(events)} stored events were replayed without a gap")

    def interactive(self):
        self.start_cluster()
        self.up()
        self.snapshots()
        there = f"VEDETTE_DIR={os.environ['VEDETTE_DIR']} {short(self.vedette)}"
        heading("Live events. In another terminal, try:")
        print("  python3 -m http.server 8000          and stop it again")
        print(f"  {there} kill ingestor")
        print(f"  {there} snapshot services")
        if self.cluster:
            leader = self.cluster.cluster.leader()
            print(f"  {there} snapshot raft")
            print(f"  kill -STOP {self.cluster.cluster.members[leader].process.pid if leader else 'PID'}"
                  f"          {leader or 'a member'} no longer answers; -CONT wakes it up")
        print("Ctrl-C ends it all.\n")
        self.follower = subprocess.Popen([self.vedette, "follow", "--from", "start"])
        while not self.interrupted and self.follower.poll() is None:
            time.sleep(POLL_S)
        if not self.interrupted:
            raise NotSeen("vedette follow ended by itself")

    def close(self):
        self.stop_server()
        if self.follower:
            self.follower.terminate()
            self.follower.wait()
        if self.is_up:
            try:
                subprocess.run([self.vedette, "down"], capture_output=True, timeout=STOP_TIMEOUT_S, check=False)
            except subprocess.TimeoutExpired:
                print("vedette down did not end in time", file=sys.stderr)
        if self.cluster:
            self.cluster.close()


def heading(text):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{plain}", flush=True)


def brief(data):
    """An event's data in one line, without what every event of this machine has."""
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key not in ("source", "inode", "command", "protocol")}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text if len(text) <= COLUMNS - 40 else text[:COLUMNS - 43] + "..."


def short(path):
    """The path as one would type it here."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def closing(tour, guided):
    if guided:
        heading("Seen:")
        for line in tour.seen:
            print(f"  {line}")
    heading("Next:")
    here = short(tour.vedette)
    print(f"  {here} up --detach --wait     a runtime that stays, until {here} down")
    print(f"  {here} follow --from start    what has happened and what happens")
    print(f"  {here} --help                 everything else")
    if guided and tour.cluster:
        print(f"\n{tour.cluster.line}, replayed.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--seconds", type=int, default=0)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    tour = Tour(arguments.bin, arguments.seconds)
    status = 1
    try:
        if arguments.seconds:
            tour.guided()
        else:
            tour.interactive()
        status = 0
    except (NotSeen, tour_cluster.etcd_cluster.EtcdError) as error:
        print(f"\nNot seen: {error}", file=sys.stderr)
        print(tour.command("status", check=False), file=sys.stderr)
    except Interrupted:
        status = 130
    finally:
        tour.close()
    if status == 0:
        closing(tour, bool(arguments.seconds))
    sys.exit(status)


main()
