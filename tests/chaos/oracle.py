"""oracle.py: producers and readers around a runtime that write books, and whether these balance with the store, to the
last event.

    oracle = Oracle(world, seed)       a World, or an IngestorWorld (then there is no session of a runtime's own)
    oracle.start(20000)                events/s of all producers together
    oracle.wait_rate(20000)
    ...                                deaths and other misfortune; kill_reader() and kill_producer() are two
    books = oracle.balance()           ends everything; the runtime has to be well by now
    print(books.text())
    oracle.balance_offline()           the same from the files, when nobody has the store open

Producers' ledgers and readers' histories are files of fixed records (tests/chaos/books/book.h) that outlive a SIGKILL of
their writer; chaos_books holds them against the store."""
import collections
import json
import os
import random
import signal
import subprocess
import time

from book import COMMITTED, HINTS, LEDGER, REJECTED, SESSION_CLOSED, SHOWN, TAKEN, Book, Writer, glance, lives
from parts import BIN, PEER, Part, Rated
from harness import takes_signal, wait_for
import vedette
from vedette import wire

PROGRAMS = os.path.join(BIN, "..", "tests")
PYTHON = "/usr/bin/python3"
PYTHON_RATE = 50
RUNTIME_RATE = 20
HINTS_S = 2.0
DEAF_S = 30.0  # whoever has heard nothing by then, although nothing is wrong any more, hears nothing at all
KEPT_S = 30.0  # what the durable reader has dealt with by now is kept by then
HEAR_EACH_S = 0.25
KEPT_ASK_S = 0.3
STALL_S = 20.0
BALANCE_S = 1200.0
ERRORS_SHOWN = 5

# name: (session, part of the rate, options of chaos_writer)
PRODUCERS = {
    "bulk-1": ("shared", 0.40, ["-f", "32", "-e"]),  # one frame of 32 goes into the session that has ended
    "bulk-2": ("shared", 0.25, ["-f", "8", "-r"]),   # with records: emits again what its death left unknown
    "own": ("own", 0.25, ["-f", "16"]),
    "single": ("shared", 0.10, ["-f", "1"]),
}
# name: (program, kind, session)
READERS = {
    "live": ("chaos_reader", "live", "*"),
    "relay": ("chaos_reader", "exact", "*"),  # by way of a relay
    "durable": ("chaos_reader", "durable", "shared"),
    "exact": ("chaos_reader", "exact", "*"),
    "repairs": ("chaos_hearer", "repairs", "shared"),
    "hints": ("chaos_hearer", "hints", "*"),
}
KILLED_PRODUCERS = ("bulk-1", "bulk-2", "own", "single")
KILLED_READERS = ("durable", "exact", "repairs", "relay")


class Unbalanced(AssertionError):
    """The books do not balance."""


class Books:
    """What chaos_books has found out."""

    def __init__(self, code, rows, took_s):
        self.rows, self.took_s = rows, took_s
        self.problems = [row for row in rows if row["row"] == "problem"]
        self.producers, self.readers = self.of("producer"), self.of("reader")
        self.store, self.end = self.of("store")[0], self.of("end")[0]
        self.balanced = code == 0
        assert self.balanced == (self.end["problems"] == 0), rows

    def of(self, kind):
        return [row for row in self.rows if row["row"] == kind]

    def kinds(self, who=None):
        return {row["kind"] for row in self.problems if who in (None, row["who"])}

    def text(self):
        columns = {"producer": ("produced", "committed", "rejected", "unknown", "unknown_stored", "lost", "doubled",
                                "reordered", "different", "foreign", "lives"),
                   "reader": ("scope", "shown", "again", "store", "missing", "doubled", "reordered", "different",
                              "foreign", "gaps", "lives")}
        lines = []
        for kind, names in columns.items():
            table = [(kind, *(name.replace("unknown_stored", "stored") for name in names))]
            table += [(row["name"] + (" (may miss)" if row.get("kind") == HINTS else ""), *(str(row[name]) for name in names))
                      for row in self.of(kind)]
            widths = [max(map(len, column)) for column in zip(*table)]
            lines += ["  ".join(cell.ljust(width) if not at else cell.rjust(width)
                                for at, (cell, width) in enumerate(zip(row, widths))) for row in table] + [""]
        total = collections.Counter()
        for row in self.producers:
            total.update({name: row[name] for name in ("produced", "committed", "rejected", "unknown")})
        lines.append(f"produced {total['produced']} = {total['committed']} committed + {total['rejected']} rejected + "
                     f"{total['unknown']} unknown; the store has {self.store['events']} events in "
                     f"{self.store['commits']} commits of {self.store['sessions']} sessions")
        lines += [f"{row['who']}: {row['kind']}: {row['text']}" for row in self.problems]
        lines.append(f"the books {'balance' if self.balanced else 'do NOT balance'} ({self.end['problems']} problems; "
                     f"{self.took_s:.1f} s, {self.end['peak_kib'] // 1024} MiB)")
        return "\n".join(lines)

    def check(self):
        if not self.balanced:
            raise Unbalanced(self.text())
        return self


class Oracle(Rated):
    """`runtime`: whether there is a session of a supervisor's. `name` begins every name that is used here."""

    def __init__(self, home, seed, runtime=True, name="books"):
        self.home, self.runtime, self.name = home, runtime, name
        self.random = random.Random(f"{seed} oracle")
        self.directory = os.path.join(home.holder.name, name)
        os.makedirs(self.directory, exist_ok=True)
        self.parts, self.commands, self.errors = {}, {}, []
        self.samples = collections.deque(maxlen=1024)
        self.kills = collections.Counter()
        self.bounds = []
        self.kept_at = 0  # up to this commit the durable reader need not be shown anything again
        self.patience_s = STALL_S  # with a reader that does not get on
        self.deaf_s, self.kept_s = DEAF_S, KEPT_S

    # ---- parts ----

    def session(self, word):
        return word if word == "*" else f"{self.name}-{word}"

    def book(self, part):
        return os.path.join(self.directory, part)

    def begin(self, part, *command):
        """Starts a part, or starts it again."""
        self.commands[part] = command
        self.parts[part] = Part(self.home, f"{self.name}-{part}", [str(word) for word in command])

    def begin_producer(self, part, rate):
        session, share, options = PRODUCERS[part]
        if options[-1] == "-e":
            options = [*options, self.session("ended")]
        self.begin(part, os.path.join(PROGRAMS, "chaos_writer"), *options, self.home.dir, f"{self.name}-{part}",
                   self.session(session), share * rate, self.book(part))

    def begin_reader(self, part, endpoints):
        program, kind, session = READERS[part]
        more = [endpoints["events"]] if program == "chaos_hearer" and "events" in endpoints else []
        more += [endpoints.get("relay", "relay")] if part == "relay" else []
        self.begin(part, os.path.join(PROGRAMS, program), kind, self.home.dir, f"{self.name}-{part}",
                   self.session(session), self.book(part), *more)

    def open_sessions(self):
        with self.home.client.producer(f"{self.name}-opener", 30.0) as producer:
            for word in ("shared", "own", "slow", "ended"):
                session = self.session(word)
                producer.emit("session_started", {"name": session, "owner": False}, session)
            producer.emit("session_ended", {"status": "completed"}, self.session("ended"))

    def start(self, rate, *, endpoints=None):
        """Opens the sessions and starts everybody. `endpoints`: {"events": of the ingestor's PUB, where that is not what
        the directory says; "relay": the name of the relay that is read from (any)}."""
        self.open_sessions()
        for part in READERS:
            self.begin_reader(part, endpoints or {})
        for part in PRODUCERS:
            self.begin_producer(part, rate)
        if self.runtime:
            session = self.home.client.request("supervisor", "control", "STATUS", timeout_s=10.0)["session"]
            self.begin("runtime", os.path.join(PROGRAMS, "chaos_writer"), "-u", self.home.dir, f"{self.name}-runtime",
                       session, RUNTIME_RATE, self.book("runtime"))
        for part, word in (("python-1", "shared"), ("python-2", "slow")):
            self.begin(part, PYTHON, PEER, "produce", self.home.dir, self.session(word), f"{self.name}-{part}",
                       PYTHON_RATE, self.random.random(), self.session("ended"))
        self.begin("python", PYTHON, PEER, "history", self.home.dir, self.session("slow"), self.book("python"),
                   f"{self.name}-python")
        wait_for("every part is told or shown something", self.is_begun)

    def is_begun(self):
        self.check_alive()
        return (all(glance(self.book(part))[1] for part in self.c_producers())
                and all(self.parts[part].count("acknowledged ") for part in self.python_producers())
                and all(glance(self.book(part))[0] for part in self.readers()))

    def c_producers(self):
        return [*PRODUCERS, *(["runtime"] if self.runtime else [])]

    def python_producers(self):
        return ["python-1", "python-2"]

    def readers(self):
        return [*READERS, "python"]

    def check_alive(self):
        """Nobody has ended by itself."""
        for name, part in self.parts.items():
            code = part.process.poll()
            assert code is None, f"{name} ended by itself with {code}: {part.text()}"

    # ---- the rate ----

    def acknowledged(self):
        return sum(glance(self.book(part))[1] for part in self.c_producers())

    # ---- deaths of its own ----

    def lives(self, name):
        """In which life a part in C is now."""
        return lives(self.book(name))

    def done(self, name):
        """How many receipts a producer in C has, or how many records a reader's history."""
        count, committed, rejected = glance(self.book(name))
        return count if name in READERS else committed + rejected

    def kill(self, name):
        """SIGKILL, and another life under the same name, which goes on in the same book."""
        part = self.parts[name]
        assert part.process.poll() is None, f"{name} ended by itself: {part.text()}"
        if name == "durable":
            self.look_at_kept(KEPT_ASK_S)
        part.process.kill()
        part.process.wait()
        self.home.started.remove(part.process)
        part.close()
        self.kills[name] += 1
        self.begin(name, *self.commands[name])
        return name

    def kill_reader(self, name=None):
        return self.kill(name or self.random.choice(KILLED_READERS))

    def kill_producer(self, name=None):
        return self.kill(name or self.random.choice(KILLED_PRODUCERS))

    # ---- the end ----

    def end(self, name):
        """Asks a part to end. What went wrong is a problem of the books, not of their reading."""
        part = self.parts.pop(name)
        code = part.process.poll()
        if code is None:
            wait_for(f"{name} takes signals", lambda: takes_signal(part.process.pid, signal.SIGTERM)
                     or part.process.poll() is not None)
            part.process.send_signal(signal.SIGTERM)
            try:
                code = part.process.wait(60)
            except subprocess.TimeoutExpired:
                part.process.kill()
                code = part.process.wait()
        if code != 0:
            self.errors.append({"row": "problem", "who": name, "kind": "ended",
                                "text": f"exit {code}: {part.text()[-500:].strip()}"})
        part.close()

    def mark(self):
        """The last events: up to these readers have to come."""
        with self.home.client.producer(f"{self.name}-opener", 30.0) as producer:
            for word in ("shared", "own", "slow"):
                session = self.session(word)
                self.bounds.append((session, producer.emit("books_end", {}, session)[1]))

    def behind(self, reader):
        """What a reader has not been shown yet of what it is to come to."""
        found = Book(self.book(reader))
        shown = found.sessions()
        return [(session, seq) for session, seq in self.bounds
                if found.scope in ("*", session) and shown.get(session, 0) < seq], found.count

    def catch_up(self, reader):
        """Waits for a reader as long as it gets on."""
        count, since = -1, time.monotonic()
        patience_s = HINTS_S if reader == "hints" else self.patience_s
        while True:
            left, now_count = self.behind(reader)
            if not left or self.parts[reader].process.poll() is not None:
                return
            if now_count != count:
                count, since = now_count, time.monotonic()
            if time.monotonic() - since > patience_s:
                if reader != "hints":
                    self.errors.append({"row": "problem", "who": reader, "kind": "behind",
                                        "text": f"does not get on to {left}: {self.parts[reader].text()[-500:]}"})
                return
            time.sleep(0.02)

    def problem(self, part, kind, text):
        self.errors.append({"row": "problem", "who": f"{self.name}-{part}", "kind": kind, "text": text})

    def look_at_kept(self, timeout_s):
        """The commit up to which the store keeps the durable reader's place, which never goes back; 0 when there is none, or
        nobody who could say so."""
        try:
            kept = self.home.client.request("ingestor", "read", "LOAD_POSITION", {"name": f"{self.name}-durable"},
                                            timeout_s=timeout_s)["index"]
        except vedette.Error as error:
            if error.status != "not_found" or not self.kept_at:
                return 0
            kept = 0
        if kept < self.kept_at:
            self.problem("durable", "forgotten", f"its place was kept at commit {self.kept_at} and then at {kept}")
        self.kept_at = max(kept, self.kept_at)
        return kept

    def check_durable(self):
        """What the durable reader has dealt with is kept for it by and by, and in its next life it begins behind that."""
        self.catch_up("durable")
        session, deadline = self.session("shared"), time.monotonic() + self.kept_s
        row = self.home.client.sessions(session=session)[0]
        while (kept := self.look_at_kept(5.0)) < row["last_index"]:
            if time.monotonic() > deadline or self.parts["durable"].process.poll() is not None:
                return self.problem("durable", "forgotten", f"its place is kept at commit {kept}, it was shown {row['last_index']}")
            time.sleep(HEAR_EACH_S)
        before = glance(self.book("durable"))[0]
        self.kill("durable")
        self.mark()
        self.catch_up("durable")
        first = next((seq for seq, *_, state, _ in Book(self.book("durable")).records(before) if state == SHOWN), None)
        if first != row["last_seq"] + 1:
            self.problem("durable", "forgotten", f"was shown {session}:{first} first in its last life, and had come to "
                                                 f"{row['last_seq']} before")
        return None

    def check_hearing(self):
        """Who only hears what is published may miss any of it, but not all: what is said while nothing is wrong is heard by
        and by. It is not enough to have heard something once, of an ingestor that is long dead."""
        session, deadline = self.session("shared"), time.monotonic() + self.deaf_s
        with self.home.client.producer(f"{self.name}-opener", 30.0) as producer:
            while self.parts["hints"].process.poll() is None:
                heard = Book(self.book("hints")).sessions()
                if any(heard.get(where, 0) >= seq for where, seq in self.bounds):
                    return
                if time.monotonic() > deadline:
                    self.problem("hints", "deaf", f"has heard nothing of what was written in the last {self.deaf_s:.0f} s")
                    return
                producer.emit("books_end", {}, session)
                time.sleep(HEAR_EACH_S)

    def told_path(self, part):
        """What a producer in Python has told of its events."""
        return os.path.join(self.home.holder.name, f"{self.name}-{part}")

    def write_ledger(self, part, path=None, to=None):
        """The ledger of a producer in Python, which stands on its output (or in the file `path`), as a book: each event in
        the session that was asked for, whatever the answer says. Returns where that says another one, as problems."""
        name, session = f"{self.name}-{part}", self.parts_sessions[part]
        asked, told, problems = {}, {}, []
        with open(path or self.told_path(part), encoding="utf-8") as file:
            for line in file:
                word, number, *rest = line.split()
                if word == "taken":
                    asked[int(number)] = rest[0]
                else:
                    told[int(number)] = (word, *rest)
        book = Writer(to or self.book(part), LEDGER, name, session)
        for number in range(1, max([*asked, *told], default=0) + 1):
            word, *rest = told.get(number, ("",))
            target = asked.get(number, session)
            crc = wire.crc32c(wire.pack({"p": name, "n": number}))
            if word == "acknowledged":
                at, _, seq = rest[0].rpartition(":")
                book.add(target, int(seq), crc, COMMITTED)
                if at not in ("", target):
                    problems.append({"row": "problem", "who": name, "kind": "different",
                                     "text": f"event {number} was emitted into {target} and acknowledged as {rest[0]}"})
            elif word == "rejected":
                book.add(target, 0, crc, REJECTED, SESSION_CLOSED if rest[0] == "session_closed" else 1)
            else:
                book.add(target, 0, crc, TAKEN if number in asked else 0)
        book.close()
        return problems

    @property
    def parts_sessions(self):
        return {"python-1": self.session("shared"), "python-2": self.session("slow")}

    def balance(self):
        """Ends producers, lets readers come to the last event, and holds everything against the store."""
        for part in self.c_producers() + self.python_producers():
            self.end(part)
        for part in self.python_producers():
            self.errors += self.write_ledger(part)[:ERRORS_SHOWN]
        self.mark()
        self.check_durable()
        for reader in self.readers():
            self.catch_up(reader)
        self.check_hearing()
        for reader in self.readers():
            self.end(reader)
        return self.compare("-d", self.home.dir)

    def balance_offline(self, store=None):
        """The same with the store in the files of a runtime that has ended."""
        return self.compare("-s", store or os.path.join(self.home.dir, "store"))

    def compare(self, *source, **instead):
        """Runs chaos_books. `instead`: another file for a part's book."""
        command = [os.path.join(PROGRAMS, "chaos_books"), *source]
        for option, parts in (("-p", self.c_producers() + self.python_producers()), ("-r", self.readers())):
            for part in parts:
                command += [option, instead.get(part.replace("-", "_"), self.book(part))]
        for word in ("shared", "own", "slow", "ended"):
            command += ["-o", self.session(word)]
        for session, seq in self.bounds:
            command += ["-u", f"{session}:{seq}"]
        begin = time.monotonic()
        done = subprocess.run([*command, self.book("store")], env=self.home.environment(), capture_output=True, text=True,
                              timeout=BALANCE_S, check=False)
        assert done.returncode in (0, 1), f"the books could not be read: {done.stderr}"
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        if self.errors:
            rows = rows[:-1] + self.errors + [{**rows[-1], "problems": rows[-1]["problems"] + len(self.errors)}]
        return Books(1 if self.errors else done.returncode, rows, time.monotonic() - begin)
