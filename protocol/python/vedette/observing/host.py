"""The loop of an observer: membership and samples in, turns, what it is asked, its feed, its sign of life.

1. A turn runs when new samples have come (COALESCE_S after the first of them) or when the interval has passed by a quarter
   without any. One turn is outstanding; until it is on disk samples coalesce.
2. A turn that fails changes nothing: state and snapshot stay, the error is told with its stage.
3. A cycle is a turn that succeeded; each is an item of the feed "state".
4. An event that is on disk and cannot be applied ends the process: nothing is known any more of what holds.
"""

import os
import queue
import resource
import signal
import sys
import time
import traceback

import zmq

from .. import wire
from ..catalogue import LIMITS, VERSION
from ..client import Client
from ..errors import Error
from ..link import Link
from .faults import Faults
from .feed import NAME, Publisher
from .readings import Readings
from .samples import Samples
from .turn import Turn
from .writer import Writer

COALESCE_S = 0.005
SOURCES_TOLD_MAX = 512
ROUND_S = 0.5
REQUESTS_PER_ROUND = 64


class Log:
    LEVELS = ("debug", "info", "warn", "error")

    def __init__(self, options):
        self.name, self.json, self.least = options.name, options.log_json, self.LEVELS.index(options.log_level)

    def __call__(self, level, text):
        if self.LEVELS.index(level) < self.least:
            return
        if self.json:
            import json
            line = json.dumps({"ts": wire.timestamp(), "level": level, "actor": self.name, "text": text})
        else:
            line = f"{wire.timestamp()} {level.upper():5} {self.name}: {text}"
        print(line, file=sys.stderr, flush=True)


def _bind(context, kind, endpoint):
    socket = context.socket(kind)
    options = [(zmq.LINGER, 250), (zmq.SNDTIMEO, LIMITS["SEND_TIMEOUT_MS"]), (zmq.HEARTBEAT_IVL, 500),
               (zmq.HEARTBEAT_TIMEOUT, 1500), (zmq.MAXMSGSIZE, LIMITS["FRAME_BYTES_MAX"]),
               (zmq.SNDHWM, LIMITS["PUB_HWM"] if kind == zmq.PUB else LIMITS["SOCKET_HWM"])]
    if kind == zmq.ROUTER:
        options += [(zmq.ROUTER_MANDATORY, 1), (zmq.ROUTER_HANDOVER, 1), (zmq.RCVHWM, LIMITS["SOCKET_HWM"])]
    for option, value in options:
        socket.setsockopt(option, value)
    socket.bind(endpoint)
    return socket


class Life:
    """Signals, and what the supervisor is told through the descriptor that it has passed on."""

    def __init__(self):
        self.stopped, self.told = False, 0.0
        notify = os.environ.pop("VEDETTE_NOTIFY_FD", None)
        self.notify = int(notify) if notify else None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        self.wake, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def _stop(self, *_):
        self.stopped = True

    def tell(self, word):
        if self.notify is None:
            return
        try:
            os.write(self.notify, word.encode() + b"\n")
        except BlockingIOError:
            pass
        except OSError:
            self.stopped = True  # nobody is there to tell

    def beat(self):
        if time.monotonic() - self.told >= 1.0:
            self.told = time.monotonic()
            self.tell("alive")


class Lease:
    """The registration at the broker, renewed."""

    def __init__(self, client, fields):
        self.client, self.fields = client, fields
        self.link, self.heard, self.due = Link(client.context, client.endpoint("broker", "control")), time.monotonic(), 0.0

    def step(self):
        while self.link.receive(0) is not None:
            self.heard = time.monotonic()
        now = time.monotonic()
        if now < self.due:
            return
        if now - self.heard >= LIMITS["LEASE_MS"] / 1000:
            self.link.renew()
            self.heard = now
        self.due = now + LIMITS["LEASE_RENEW_MS"] / 1000
        self.link.send(wire.pack_message("REGISTER", self.fields, correlation=next(self.client.correlations)))

    def leave(self):
        self.link.socket.setsockopt(zmq.LINGER, 250)
        self.link.send(wire.pack_message("LEAVE", {key: self.fields[key] for key in ("name", "inc")}))
        self.link.socket.close(250)
        self.link.socket = None


class Host:
    def __init__(self, observer, options, config):
        self.observer, self.options = observer, options
        self.name, self.session = options.name, options.session
        self.inc = int.from_bytes(os.urandom(7), "big") + 1
        self.interval_s = config["interval"].total_seconds()
        self.log, self.life, self.faults = Log(options), Life(), Faults()
        self.client = Client(options.dir)
        self.requests = _bind(self.client.context, zmq.ROUTER, self.client.endpoint(self.name, "requests"))
        changes = _bind(self.client.context, zmq.PUB, self.client.endpoint(self.name, "changes"))
        self.feed = Publisher(changes, self.inc, config["history"], config["history_bytes"],
                              config["history_age"].total_seconds())
        endpoints = [{"port": port, "endpoint": self.client.endpoint(self.name, port)} for port in ("requests", "changes")]
        self.lease = Lease(self.client, {"name": self.name, "kind": "observer", "inc": self.inc, "pid": os.getpid(),
                                         "endpoints": endpoints})
        self.samples = Samples()
        self.readings = Readings(self.client, self.name, self.inc, self.interval_s, self.samples, self.faults)
        self.writer = Writer(options, observer, config, self.faults)
        self.state, self.phase, self.cycle, self.cycle_at = None, "opening", 0, None
        self.position = {"store": "", "index": 0, "offset": 0, "chain": 0}
        self.seq = None  # of our session: the state holds its events up to here; not known before the first look
        self.turn, self.turn_serial, self.turn_at, self.turn_ms = None, 0, 0.0, 0
        self.new_at, self.heard_serial, self.heard_answers = 0.0, 0, 0
        self.outstanding = self.again = self.failed = self.urgent = False
        self.view, self.frames_in, self.begun, self.faults_told = None, 0, time.monotonic(), 0

    # ---- turns ----

    def due_at(self):
        """When the next turn is due; None: not before something happens."""
        if self.phase != "running" or self.outstanding:
            return None
        nothing = self.samples.complete and not self.samples.by_name
        if not self.turn_at and not self.new_at and not nothing:
            return None
        rest_at = self.turn_at + self.interval_s if self.turn_at else self.new_at
        if self.failed:
            return rest_at
        if self.again:
            return self.turn_at
        if not self.new_at:
            return rest_at + self.interval_s / 4
        spaced_at = self.turn_at + self.interval_s / 10 if self.turn_at and not self.urgent else 0.0
        return max(self.new_at + COALESCE_S, spaced_at)

    def run_turn(self):
        self.turn_at, self.new_at, self.urgent = time.monotonic(), 0.0, False
        self.turn_serial = self.samples.serial
        self.turn = Turn(self.name, self.cycle + 1, time.time_ns() // 1000000)
        try:
            self.observer.turn(self.state, self.samples, self.turn)
        except Exception as problem:
            self.fail("turn", f"{type(problem).__name__}: {problem}", traceback.format_exc())
            return
        for source, read in self.turn.reads:
            self.readings.ask_once(source, read)
        if self.turn.events:
            self.outstanding = True
            self.writer.emit([raw for _, _, raw in self.turn.events], self.turn.number)
        else:
            self.complete([])

    def fail(self, stage, text, more=""):
        self.failed, self.again = True, False
        if self.faults.set(stage, text):
            self.log("warn", f"turn {self.turn.number}: {text}\n{more}".rstrip())

    def complete(self, told):
        self.cycle, self.cycle_at = self.turn.number, wire.timestamp(self.turn.now_ms)
        self.turn_ms = round((time.monotonic() - self.turn_at) * 1000)
        self.again, self.failed = self.turn.full, False
        self.faults.clear("turn")
        self.samples.turned(self.turn_serial)
        if self.samples.has_new() and not self.new_at:
            self.new_at = time.monotonic()
        self.draw()
        self.publish("cycle", told)

    def draw(self):
        """The view; one that cannot be had leaves the last good one in place."""
        try:
            packed = wire.pack(self.observer.view(self.state, self.samples))
            wire.scan(packed, LIMITS["DEPTH_MAX"] - 2)
            if len(packed) > LIMITS["SNAPSHOT_BYTES_MAX"] * 3 // 4:
                raise ValueError(f"it has {len(packed)} bytes")
            self.view = wire.unpack(packed)
        except Exception as problem:
            if self.faults.set("turn", f"the snapshot cannot be drawn, the last good one is kept: {problem}"):
                self.log("warn", traceback.format_exc().rstrip())

    def publish(self, kind, told):
        item = {"kind": kind, "cycle": self.cycle, "at": wire.timestamp(), "position": self.position, "events": told}
        newest = self.faults.newest()
        self.faults_told = self.faults.changes
        self.feed.publish({**item, "error": newest} if newest else item)

    # ---- outcomes ----

    def take_outcomes(self):
        os.read(self.writer.wake, 64)
        while True:
            try:
                kind, *outcome = self.writer.outcomes.get_nowait()
            except queue.Empty:
                return
            getattr(self, "_" + kind)(*outcome)

    def _restored(self, state, cycle, session, position, applied):
        self.state, self.cycle, self.session, self.phase = state, cycle, session, "running"
        self.position = position or self.position
        self.log("info", f"restored from {applied} events of session {session} up to commit {self.position['index']}")
        self.life.tell("ready")

    def _moved(self, session):
        self.log("info", f"goes on from session {self.session} in session {session}")
        self.session, self.seq = session, 0

    def _watched(self, session, seq):
        if session == self.session:
            self.seq = seq

    def _committed(self, session, seq, position):
        self.outstanding, self.position, self.seq = False, position, seq or None
        first = seq - len(self.turn.events) + 1 if seq else 0
        told = []
        for offset, (kind, data, raw) in enumerate(self.turn.events):
            number = first + offset if first else 0
            self.observer.apply(self.state, wire.Event(session, number, raw))
            told.append({"seq": number, "type": kind, "data": data})
        self.writer.applied.set()
        self.complete(told)

    def _rejected(self, status, text):
        self.outstanding = False
        self.fail("commit", f"{status}: {text}")

    def _fatal(self, text):
        raise SystemExit(f"{self.name}: {text}")

    # ---- what it is asked ----

    def snapshot(self):
        rows = self.source_rows()
        failed = sum(row["status"] not in ("ok", "waiting") for row in rows)
        return {"observer": self.name, "session": self.session, "phase": self.phase, "cycle": self.cycle,
                "at": self.cycle_at, "position": self.position, "seq": self.seq, "turn_ms": self.turn_ms,
                "source_count": len(rows), "sources_failed": failed, "sources": rows[:SOURCES_TOLD_MAX],
                "error": self.faults.newest(), "errors": self.faults.rows(), "state": self.view}

    def source_rows(self):
        rows, now_ms = [], time.time_ns() // 1000000
        for source in self.samples.sources:
            slots = [slot for slot in source.slots if slot.standing]
            newest = [slot.kept[0] for slot in slots if slot.kept]
            good = [sample.at_ms for sample in newest if sample.ok]
            bad = [sample for sample in newest if not sample.ok and not sample.slot.read.optional]
            refused = [slot.status for slot in slots if slot.status != "ok"]
            status = [*refused, *(sample.status for sample in bad), "ok" if newest else "waiting"][0]
            rows.append({"name": source.name, "age_ms": max(0, now_ms - max(good)) if good else None, "status": status,
                         "error": bad[0].error[:200] if bad else ""})
        return rows

    def metrics(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {"uptime_ms": round(1000 * (time.monotonic() - self.begun)), "frames_in": self.frames_in,
                "cpu_ms": round(1000 * (usage.ru_utime + usage.ru_stime)), "steps": self.cycle}

    def answer(self, message):
        """(name, fields, payload) for a request; raises Error for one that cannot be answered."""
        if message.name == "PING":
            return "PONG", {"name": self.name, "inc": self.inc, "pid": os.getpid(), "version": VERSION}, b""
        if message.name == "GET" and message["feed"] == "metrics":
            place = {"feed": "metrics", "inc": self.inc, "n": 0, "complete": True}
            return "SNAPSHOT", place, wire.pack(self.metrics())
        if message.name in ("GET", "READ") and message["feed"] == NAME:
            return self.feed.answer(message, lambda: wire.pack(self.snapshot()))
        if message.name == "QUERY":
            return "VALUE", {}, self.packed(message["name"], self.query(message["name"], message.get("args") or []))
        raise Error("not_found", f'observer {self.name} has one feed, "state", and answers GET, READ and QUERY')

    def query(self, name, args):
        queries = self.observer.queries
        if name == "queries":
            return [{"name": key, "arguments": row[0], "help": row[1]} for key, row in queries.items()]
        if name == "layout":
            return self.observer.layout
        if name not in queries:
            offered = "; ".join(f"{key} {row[0]}".strip() for key, row in queries.items())
            raise Error("not_found", f"observer {self.name} has no query '{name}'; it answers {offered or 'none'}")
        if self.state is None:
            raise Error("not_ready", f"observer {self.name} is being restored")
        try:
            return self.observer.query(self.state, self.samples, name, args)
        except (TypeError, ValueError, IndexError, KeyError) as problem:
            raise Error("usage", f"query {name} of observer {self.name}: the arguments are: {queries[name][0] or 'none'} "
                                 f"({problem})") from problem

    def packed(self, name, value):
        """The answer to a query in wire bytes; one that has none is the observer's fault and no end of it."""
        try:
            return wire.pack(value)
        except (TypeError, ValueError, OverflowError) as problem:
            raise Error("failed", f"query {name} of observer {self.name}: what it answers cannot be told: {problem}") from problem

    def take_requests(self):
        """Some of what waits: whoever asks without end does not keep it from its turns."""
        for _ in range(REQUESTS_PER_ROUND):
            try:
                identity, *frames = self.requests.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.frames_in += 1
            correlation = 0
            try:
                message = wire.unpack_message(frames)
                correlation = message.correlation
                name, fields, payload = self.answer(message)
            except (Error, wire.Malformed) as problem:
                name, fields, payload = "ERROR", {"status": problem.status, "text": wire.text(problem.text)}, b""
            except (KeyError, TypeError) as problem:
                name, fields, payload = "ERROR", {"status": "malformed", "text": wire.text(f"the request lacks {problem}")}, b""
            try:
                self.requests.send_multipart([identity, *wire.pack_message(name, fields, payload, correlation)],
                                             zmq.NOBLOCK)
            except zmq.ZMQError:
                pass  # whoever asked is gone, or does not take what it asks for

    # ---- the loop ----

    def declare(self):
        """Asks the observer for the reads of the sources that came, changed or had new samples."""
        for source in self.samples.all_sources() if self.state is not None and not self.outstanding else []:
            if not source.declared:
                self.readings.declare(source, list(self.observer.reads(self.state, self.samples, source) or []))

    def wait(self):
        poller = zmq.Poller()
        for socket in (self.requests, self.lease.link.socket, *self.readings.sockets(), self.writer.wake, self.life.wake):
            poller.register(socket, zmq.POLLIN)
        due = self.due_at()
        left_s = ROUND_S if due is None else max(0.0, min(ROUND_S, due - time.monotonic()))
        came = dict(poller.poll(left_s * 1000))
        if self.life.wake in came:
            os.read(self.life.wake, 64)
        if self.writer.wake in came:
            self.take_outcomes()

    def step(self):
        self.wait()
        self.life.beat()
        self.lease.step()
        self.readings.step()
        if self.samples.serial > self.heard_serial and not self.new_at:
            self.new_at = time.monotonic()
        self.urgent = self.urgent or self.readings.answered > self.heard_answers
        self.heard_serial, self.heard_answers = self.samples.serial, self.readings.answered
        self.declare()
        self.readings.settle()
        self.take_requests()
        due = self.due_at()
        if due is not None and time.monotonic() >= due:
            self.run_turn()
        elif self.faults.changes != self.faults_told and self.phase == "running":
            self.publish("error", [])

    def run(self):
        self.writer.start()
        while not self.life.stopped:
            self.step()
        self.writer.stop()
        self.lease.leave()
        self.readings.close()
        return 0
