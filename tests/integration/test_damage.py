#!/usr/bin/python3
"""test_damage.py BIN: stores that are damaged: served as far as they can be read, named where they cannot, never changed,
never a crash loop; and made new by repair."""
import atexit
import glob
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import end, kill, run_tests, wait_for  # noqa: E402
from ingestor_harness import Ingestor  # noqa: E402
import msgpack  # noqa: E402
import vedette  # noqa: E402
from vedette import wire  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
SESSIONS, ROUNDS, COMMITS, BYTES = 4, 7, 40, 3000
SEED = int(os.environ.get("VEDETTE_SEED", random.randrange(1 << 32)))
LOST_OF_ONE_SPOT = 8  # events that one damaged spot may take with it


def values_of(data):
    """The MessagePack values that follow on each other."""
    values = msgpack.Unpacker(max_buffer_size=0)
    values.feed(data)
    return values


def vedette_(*arguments, code=0):
    done = subprocess.run([os.path.join(BIN, "vedette"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done
    return done


class Runtime:
    """An ingestor on a directory of its own, which goes at the end."""

    def __init__(self, template=None):
        self.directory = tempfile.mkdtemp(prefix="vd-dmg-")
        self.store = os.path.join(self.directory, "store")
        if template:
            shutil.copytree(template, self.store)
        self.ingestor = Ingestor(os.path.join(BIN, "vedette-ingestor"), self.directory)
        self.client = vedette.Client(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = end(self.ingestor.process)
        if kind:
            sys.stderr.write(self.ingestor.log()[-4000:])
        self.client.close()
        shutil.rmtree(self.directory)
        assert kind or code in (0, None, -9), f"exit code {code}"

    def start(self):
        self.ingestor.start()
        return wait_for("it answers", lambda: self.client.request("ingestor", "read", "PING"))

    def mode(self):
        try:
            return self.client.request("ingestor", "read", "STORE")["mode"]
        except vedette.Error:
            return None

    def sums(self):
        found = {}
        for path in glob.glob(os.path.join(self.store, "*")):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
        return found

    def read(self):
        """Every event by FETCH, {(session, seq): (commit, bytes)}, and what is told to be lost: [(commit, session, first, count)]."""
        events, lost, position = {}, [], {}
        while True:
            answer = self.client.request("ingestor", "read", "FETCH", position)
            assert answer.name == "COMMITS", answer
            for index, _, _, _, runs in values_of(answer.payload):
                for _, session, first, run, *absent in runs:
                    if run is None:
                        lost.append((index, session, first, absent[0]))
                    for raw in values_of(run or b""):
                        if isinstance(raw, bytes):  # and not the checksum before it: the bytes are compared
                            events[session, first] = (index, raw)
                            first += 1
            position = {"store": answer["store"], "index": answer["index"], "offset": answer.get("offset", 0), "chain": answer["chain"]}
            if answer["index"] == answer["head"] and not answer.get("offset"):
                return events, lost, answer["head"]


def make_store():
    """A store of many commits, in tables and in the log of one that was killed. Each start makes the log a table."""
    rng = random.Random(SEED)
    with Runtime() as made:
        for n in range(ROUNDS):
            made.start()
            with made.client.producer("maker") as producer:
                for session in range(SESSIONS if n == 0 else 0):
                    producer.emit("session_started", {"name": f"session {session}"}, session=f"s-{session}")
                for i in range(COMMITS):
                    producer.emit_all([("made", {"n": n, "i": i, "blob": rng.randbytes(BYTES)}), ("made", {"n": n})],
                                      session=f"s-{i % SESSIONS}")
                if n + 1 < ROUNDS:
                    kill(made.ingestor.process)
        events, lost, _ = made.read()
        assert not lost and len(events) == SESSIONS + 2 * ROUNDS * COMMITS
        wait_for("no compaction is going on", lambda: is_still(made.store))
        kill(made.ingestor.process)
        template = tempfile.mkdtemp(prefix="vd-dmg-")
        atexit.register(shutil.rmtree, template)
        shutil.copytree(made.store, os.path.join(template, "store"))
        return os.path.join(template, "store"), events


def is_still(store):
    """Do its files stay the same for a while?"""
    before = sorted(os.listdir(store))
    try:
        wait_for("another file", lambda: sorted(os.listdir(store)) != before, 3.0)
        return False
    except AssertionError:
        return True


def newest(store, pattern):
    found = sorted(glob.glob(os.path.join(store, pattern)), key=os.path.getsize)
    assert found, os.listdir(store)
    return found[-1]


def flip(path, at):
    """Turns one bit over."""
    with open(path, "r+b") as file:
        at = int(os.path.getsize(path) * at) if isinstance(at, float) else at % os.path.getsize(path)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def cut(path, to):
    os.truncate(path, int(os.path.getsize(path) * to))


def zero(path, at, size):
    with open(path, "r+b") as file:
        file.seek(int(os.path.getsize(path) * at))
        file.write(bytes(size))


def check_served(events, lost, head, expected):
    """Nothing that is damaged or was never there is served; what is missing is named. How many are missing."""
    named = {(session, seq) for _, session, first, count in lost if session for seq in range(first, first + count)}
    blank = {index for index, session, _, _ in lost if not session}
    missing = 0
    for key, (_, raw) in events.items():
        assert expected[key][1] == raw, f"{key} was served with other bytes"
    for key, (index, _) in expected.items():
        if key in events:
            continue
        missing += 1
        assert key in named or index in blank or index > head, f"{key} of commit {index} is missing and not named"
    return missing


def check_waiting(runtime):
    """Who wants to write is told why not."""
    link = vedette.client.Link(runtime.client.context, runtime.client.endpoint("ingestor", "emit"))
    link.send(wire.pack_message("OPEN", {"producer": "late", "life": 7}, correlation=1))
    answer = link.receive(10)
    assert answer.name == "NOT_NOW" and answer["status"] == "store_trouble" and "repair --copy" in answer["text"], answer
    link.close()


def check_followed(client, session, events, lost):
    """A follower gets every event that there is, in order, and is told of the others."""
    follower = client.follow(session=session, start="start")
    seen, missing = [], 0
    end_of_it = max(seq for name, seq in events if name == session)
    while not seen or seen[-1] < end_of_it:
        try:
            seen.append(follower.next(10).seq)
        except vedette.client.Missing:
            missing += 1
    follower.close()
    assert seen == sorted(seq for name, seq in events if name == session)
    assert missing == sum(1 for _, name, first, _ in lost if name == session and first < end_of_it), lost


def check_repaired(damaged, expected, served):
    """The new store holds at least what was served, names the rest, and can be written to."""
    with Runtime() as new:
        before = damaged.sums()
        done = subprocess.run([os.path.join(BIN, "vedette"), "store", "repair", "--copy", new.store, f"--offline={damaged.store}"],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        assert damaged.sums() == before, "repair has changed the damaged store"
        pong = new.start()
        assert not pong.get("trouble"), pong
        events, lost, head = new.read()
        assert set(served) <= set(events), "repair has lost what could be read"
        missing = check_served(events, lost, head, {**expected, **{key: (head, raw) for key, (_, raw) in events.items()}})
        with new.client.producer("after") as producer:
            session, seq = producer.emit("after_repair", {"n": 1}, session="s-1")
        events, _, _ = new.read()
        assert (session, seq) in events
        check_followed(new.client, "s-3", events, lost)
        assert f"lost   {missing} events" in done.stdout or not missing, done.stdout
        return missing


def quarantined(template, expected, damage, most):
    """A store that is damaged so that nothing may be written to it."""
    with Runtime(template) as runtime:
        damage(runtime.store)
        before = runtime.sums()
        pong = runtime.start()
        assert "damaged, in quarantine" in pong["trouble"] and "repair --copy" in pong["trouble"], pong
        assert runtime.mode() in ("quarantine", None)
        served, lost, head = runtime.read()
        missing = check_served(served, lost, head, expected)
        assert lost and missing <= most, f"{missing} of {len(expected)} events cannot be read"
        check_waiting(runtime)
        assert {row["session"] for row in runtime.client.sessions()} == {f"s-{n}" for n in range(SESSIONS)}
        pid = runtime.ingestor.process.pid
        assert end(runtime.ingestor.process) == 0
        verified = vedette_("store", "verify", f"--offline={runtime.store}", "-o", "json", code=1)
        damage = json.loads(verified.stdout)
        assert {row[0] for row in lost} <= {row["index"] for row in damage["damage"]}, (lost, damage)
        assert runtime.sums() == before, "the damaged store was changed"
        runtime.start()  # and once more: the same
        again, _, _ = runtime.read()
        assert again == served and runtime.ingestor.process.pid != pid
        assert end(runtime.ingestor.process) == 0
        check_repaired(runtime, expected, served)


def closed(template, expected, damage):
    """A store that LevelDB cannot open: status alone, and repair still finds everything that is good."""
    with Runtime(template) as runtime:
        damage(runtime.store)
        before = runtime.sums()
        pong = runtime.start()
        assert "repair --copy" in pong["trouble"], pong
        assert runtime.mode() == "closed"
        try:
            runtime.client.sessions()
            raise AssertionError("sessions of a store that is closed")
        except vedette.Error as error:
            assert "repair --copy" in str(error), error
        check_waiting(runtime)
        assert end(runtime.ingestor.process) == 0
        assert runtime.sums() == before, "the damaged store was changed"
        assert check_repaired(runtime, expected, {}) == 0


def test_log_bit(template, expected):
    quarantined(template, expected, lambda store: flip(newest(store, "*.log"), 0.5), LOST_OF_ONE_SPOT)


def test_log_length(template, expected):
    quarantined(template, expected, lambda store: flip(newest(store, "*.log"), 4), LOST_OF_ONE_SPOT)


def test_log_hole(template, expected):
    quarantined(template, expected, lambda store: zero(newest(store, "*.log"), 0.3, 3000), len(expected) // 2)


def test_table_gone(template, expected):
    quarantined(template, expected, lambda store: os.remove(newest(store, "*.ldb")), len(expected))


def write_more(runtime, n, expected):
    """Writes some events; False when the ingestor says that it cannot any more."""
    def trouble():
        return runtime.client.request("ingestor", "emit", "PING").fields.get("trouble", "")

    def written():
        try:
            with runtime.client.producer("more", timeout_s=1) as producer:
                for i in range(20):
                    event = wire.pack_event("more", {"n": n, "i": i})
                    expected[producer.emit_raw([event], session="s-1", timeout_s=1)] = (0, event)
            return True
        except vedette.Error:
            return False
    wait_for("written, or the damage is told", lambda: written() or "repair --copy" in trouble())
    return not trouble()


def test_table_bit(template, expected):
    """A table that is only found damaged when it is read: what is good is served, and writing goes on until LevelDB wants
    to merge that table; then it is over, in so many words, while reading goes on."""
    with Runtime(template) as runtime:
        table = newest(runtime.store, "*.ldb")
        flip(table, 0.5)
        before, expected = runtime.sums(), dict(expected)
        writes = []
        for n in range(6):  # each start makes a table of the log: after four of them they are merged
            pong = runtime.start()
            assert not pong.get("trouble"), pong
            served, lost, _ = runtime.read()
            assert lost and check_served(served, lost, 1 << 60, expected) <= LOST_OF_ONE_SPOT
            writes.append(write_more(runtime, n, expected))
            served, lost, _ = runtime.read()
            # What is not acknowledged may be stored all the same.
            assert lost and check_served({key: served[key] for key in served if key in expected}, lost, 1 << 60, expected) \
                <= LOST_OF_ONE_SPOT
            expected.update({key: found for key, found in served.items() if key not in expected})
            kill(runtime.ingestor.process)
            if not writes[-1]:
                break
        assert writes[0] and not writes[-1], writes
        assert runtime.sums()[os.path.basename(table)] == before[os.path.basename(table)], "the damaged table was changed"
        assert 0 < check_repaired(runtime, expected, served) <= LOST_OF_ONE_SPOT


def test_table_index(template, expected):
    quarantined(template, expected, lambda store: flip(newest(store, "*.ldb"), -100), len(expected))


def test_table_cut(template, expected):
    quarantined(template, expected, lambda store: cut(newest(store, "*.ldb"), 0.5), len(expected))


def test_current_gone(template, expected):
    closed(template, expected, lambda store: os.remove(os.path.join(store, "CURRENT")))


def test_current_bit(template, expected):
    closed(template, expected, lambda store: flip(os.path.join(store, "CURRENT"), 10))


def test_manifest_gone(template, expected):
    closed(template, expected, lambda store: os.remove(newest(store, "MANIFEST-*")))


def test_manifest_bit(template, expected):
    closed(template, expected, lambda store: flip(newest(store, "MANIFEST-*"), 0.5))


def test_manifest_cut(template, expected):
    closed(template, expected, lambda store: cut(newest(store, "MANIFEST-*"), 0.0))


def test_checkpoint(template, expected):
    """A copy of a store that is being written to: whole, checked, and its own from then on."""
    with Runtime(template) as runtime, Runtime() as copy:
        runtime.start()
        stop, written = threading.Event(), []

        def load():
            with vedette.Client(runtime.directory) as client, client.producer("load") as producer:
                while not stop.is_set():
                    written.append(producer.emit("load", {"n": len(written), "text": "x" * 5000}, session="s-1"))
        thread = threading.Thread(target=load)
        thread.start()
        wait_for("load", lambda: len(written) > 20)
        before = list(written)
        vedette_("store", "checkpoint", copy.store, "--dir", runtime.directory)
        wait_for("it is still written to", lambda: len(written) > len(before) + 20)
        refused = vedette_("store", "checkpoint", copy.store, "--dir", runtime.directory, code=1)
        assert "there already" in refused.stderr, refused
        refused = vedette_("store", "checkpoint", "/proc/none/copy", "--dir", runtime.directory, code=1)
        assert "cannot be made" in refused.stderr, refused
        stop.set()
        thread.join()
        assert sorted(os.listdir(copy.directory)) == ["store"]
        original, _, _ = runtime.read()
        copy.start()
        events, lost, _ = copy.read()
        assert not lost and set(expected) | set(before) <= set(events) < set(original)
        assert all(original[key] == found for key, found in events.items())
        with copy.client.producer("load") as producer:  # both go on, and know nothing of each other
            assert producer.emit("elsewhere", {}, session="s-1")[1] == max(seq for name, seq in events if name == "s-1") + 1
        assert runtime.read()[0] == original
        copy.ingestor.kill()


def test_offline(template, expected):
    """The store of a runtime that is down: the same events, and not a byte of it changes; nothing stays behind."""
    with Runtime(template) as runtime:
        before = runtime.sums()
        lines = vedette_("follow", "s-1", "--from", "start", "--offline", "-o", "ndjson", "--dir", runtime.directory).stdout.splitlines()
        assert [json.loads(line)["seq"] for line in lines] == sorted(seq for name, seq in expected if name == "s-1")
        rows = json.loads(vedette_("session", "ls", "--offline", "-o", "json", "--dir", runtime.directory).stdout)
        assert {row["session"] for row in rows} == {f"s-{n}" for n in range(SESSIONS)}
        assert "clean" in vedette_("store", "verify", f"--offline={runtime.store}").stdout
        assert runtime.sums() == before
        none = vedette_("session", "ls", f"--offline={runtime.directory}/nothing", code=4)
        assert "no store" in none.stderr, none
        runtime.start()
        used = vedette_("session", "ls", "--offline", "--dir", runtime.directory, code=1)
        assert "in use by process" in used.stderr and "Leave --offline out" in used.stderr, used
        assert end(runtime.ingestor.process) == 0

        # Killed in the middle, it takes its ingestor and its directory along.
        reader, writer = os.pipe()
        cli = subprocess.Popen([os.path.join(BIN, "vedette"), "follow", "*", "--from", "start", f"--offline={runtime.store}",
                                "-o", "ndjson"], stdout=writer)
        wait_for("it writes", lambda: os.read(reader, 1))
        own = wait_for("its directory", lambda: offline_of(runtime.store))
        kill(cli)
        os.close(reader)
        os.close(writer)
        wait_for("its ingestor ends", lambda: not offline_of(runtime.store))
        wait_for("its directory goes", lambda: not os.path.exists(own))


def offline_of(store):
    """The directory of the ingestor that serves this store to a command."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if f"--read-only={os.path.realpath(store)}".encode() in words:
            return words[words.index(b"--dir") + 1].decode()
    return None


def main():
    print(f"seed {SEED}: again with VEDETTE_SEED={SEED}", flush=True)
    template, expected = make_store()
    print(f"{len(expected)} events, {sorted(os.listdir(template))}", flush=True)
    run_tests(globals(), lambda case: case(template, expected))


main()
