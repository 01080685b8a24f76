#!/usr/bin/python3
"""test_subscribers.py BIN [TEST]...: subscribers that are stopped, killed, late or many: each of them gets every event once, in
order, and none of them costs the ingestor or the others anything.

With VEDETTE_FULL in the environment what is stopped stays so for 30 s."""
import hashlib
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import SHARED, IngestorWorld  # noqa: E402
from parts import BIN  # noqa: E402
import spec_examples  # noqa: E402
from harness import rss_anon, run_tests, state_of, wait_for  # noqa: E402

STOPPED_S = 30.0 if os.environ.get("VEDETTE_FULL") else 0.0
MEMORY_BYTES_MAX = 16 << 20  # for each subscriber
WRITER_BYTES = 8 << 20  # by which what the store holds in memory differs from one moment to the next
LOAD = 160000  # events of 256 bytes: more than may be kept for a subscriber
SILENT_S = 40.0  # 10 s of silence, and what a busy machine adds
MANY = (32, 200)


def world():
    return IngestorWorld(sessions=(SHARED,))


def load(home, count=LOAD):
    """Writes so many events, 64 in a frame, into a session of their own; the most memory that the ingestor had meanwhile."""
    peak = 0
    with subprocess.Popen([os.path.join(BIN, "vd-bench"), "ingest", home.dir, str(count), "4096", "64", "1"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as writer:
        home.started.append(writer)
        while writer.poll() is None:
            peak = max(peak, rss_anon(home.process.pid))
            time.sleep(0.01)
        assert writer.returncode == 0, writer.stderr.read()
    return max(peak, rss_anon(home.process.pid))


def subscribers(home):
    return home.client.get("ingestor", "read", "metrics")["subscribers"]


def follow_all(home, name):
    return home.part(name, os.path.join(BIN, "vedette"), "follow", "*", "--from", "now", "-o", "ndjson")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def size(part):
    return os.path.getsize(part.path)


def stop(part):
    """SIGSTOP; how much it had."""
    part.process.send_signal(signal.SIGSTOP)
    wait_for("it is stopped", lambda: state_of(part.process.pid) == "T")
    return size(part)


def test_memory_for_a_stopped_subscriber():
    """It is bounded. There is no other one, for which memory is used as well while it lags."""
    with world() as home:
        before = load(home)  # what writing needs
        stopped = follow_all(home, "follow")
        wait_for("it has a stream", lambda: subscribers(home) == 1)
        load(home, 5000)
        wait_for("it has them", lambda: stopped.count("{") >= 5000 + 2)
        begun, had = time.monotonic(), stop(stopped)
        grown = load(home) - before
        while time.monotonic() - begun < STOPPED_S:
            grown = max(grown, load(home, 10000) - before)
            time.sleep(0.2)
        assert size(stopped) == had, "it was not stopped"
        assert grown < MEMORY_BYTES_MAX + WRITER_BYTES, f"{grown} bytes for one that is stopped"
        print(f"{grown >> 10} KiB for one that stood still for {time.monotonic() - begun:.1f} s")


def test_stopped_subscriber():
    """The others have everything meanwhile, and it catches up with what they have."""
    with world() as home:
        followers = [follow_all(home, f"follow-{number}") for number in range(3)]
        wait_for("all have a stream", lambda: subscribers(home) == len(followers))
        load(home, 5000)
        wait_for("all have them", lambda: all(part.count("{") >= 5000 + 2 for part in followers))
        stopped, *others = followers
        begun, had = time.monotonic(), stop(stopped)
        load(home)
        wait_for("the others have everything", lambda: all(
            part.count("{") >= LOAD + 5000 + 4 for part in others), 120)
        while time.monotonic() - begun < STOPPED_S:
            load(home, 10000)
            time.sleep(0.2)
        assert size(stopped) == had, "it was not stopped"
        wait_for("the others have the same", lambda: len({size(part) for part in others}) == 1)
        stopped.process.send_signal(signal.SIGCONT)
        wait_for("it has caught up", lambda: size(stopped) == size(others[0]), 120)
        for part in followers:
            part.end()
        hashes = {sha256(part.path) for part in followers}
        assert len(hashes) == 1, hashes


def test_many_at_once():
    """Each of 32, and of 200, ends with the same bytes, and these are what a replay gives."""
    for many in MANY:
        with world() as home:
            followers = [home.command_follower(f"follow-{number}", SHARED) for number in range(many)]
            wait_for("all have a stream", lambda: subscribers(home) == many, 120)
            with home.client.producer("maker", 60.0) as producer:
                for turn in range(250):
                    producer.emit_all([("count", {"n": 8 * turn + n}) for n in range(8)], SHARED, 60.0)
                producer.emit("session_ended", {"status": "completed"}, SHARED)
            codes = {part.ended(120) for part in followers}
            assert codes == {0}, [part.text() for part in followers if part.process.returncode]
            hashes = {sha256(part.path) for part in followers}
            assert hashes == {hashlib.sha256(home.replay(SHARED)).hexdigest()}, f"{len(hashes)} histories"
            assert sum(line.startswith("{") for line in followers[0].lines()) == 2002
            wait_for("nobody has a stream", lambda: subscribers(home) == 0)


def test_killed_subscribers():
    """Those that vanish hold up neither the producer nor those that stay, and are forgotten."""
    with world() as home:
        stays = home.command_follower("follow-stays", SHARED)
        victims = [home.command_follower(f"follow-{number}", SHARED) for number in range(8)]
        wait_for("all have a stream", lambda: subscribers(home) == 9)
        producer = home.c_producer("producer-1", 1000)
        wait_for("all read", lambda: all(size(part) > 100000 for part in victims))
        for part in victims:
            part.process.kill()
            part.process.wait()
        told, shown = producer.count("acknowledged "), stays.count("{")
        wait_for("the producer goes on", lambda: producer.count("acknowledged ") > told + 1000)
        wait_for("the one that stays goes on", lambda: stays.count("{") > shown + 1000)
        wait_for("they are forgotten", lambda: subscribers(home) == 1, SILENT_S)
        producer.end()
        wait_for("it has everything", lambda: stays.count("{") == producer.count("acknowledged ") + 1)
        stays.end()
        assert sha256(stays.path) == hashlib.sha256(home.replay(SHARED)).hexdigest()


def test_same_history_by_hints_and_by_streams():
    """A bare SUB that comes late, and subscribers that stood still, end with the same bytes; as it stands in SPEC.md."""
    with world() as home:
        found, run_dir = spec_examples.blocks(), os.path.join(home.dir, "run")
        outs = {name: open(home.path(name), "wb") for name in ("listener", "listener-stopped", "subscriber")}

        def begin(name):
            process = spec_examples.script(name.partition("-")[0], found, run_dir, SHARED, stdout=outs[name])
            home.started.append(process)
            return process

        stopped = [begin("subscriber"), begin("listener-stopped")]
        command = home.command_follower("follow", SHARED)
        wait_for("they read", lambda: all(os.path.getsize(outs[name].name) for name in ("subscriber", "listener-stopped"))
                 and command.count("{"))
        for process in (*stopped, command.process):
            process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with home.client.producer("maker", 60.0) as producer:
            for turn in range(1500):  # more than the high-water mark of a PUB
                producer.emit_all([("count", {"n": turn, "text": "x" * 900})] * 2, SHARED, 60.0)
            late = begin("listener")
            wait_for("it reads", lambda: os.path.getsize(outs["listener"].name))
            while time.monotonic() - begun < STOPPED_S:
                producer.emit("count", {"n": 0}, SHARED)
                time.sleep(0.05)
            for process in (*stopped, command.process):
                process.send_signal(signal.SIGCONT)
            for turn in range(200):
                producer.emit("count", {"n": turn}, SHARED)
            producer.emit("session_ended", {"status": "completed"}, SHARED)
        for process in (late, *stopped):
            assert process.wait(60) == 0, process.stderr.read()
        assert command.ended(60) == 0, command.text()
        for file in outs.values():
            file.close()
        hashes = {name: sha256(file.name) for name, file in outs.items()}
        assert len(set(hashes.values())) == 1, hashes
        with open(outs["listener"].name, "rb") as file:
            assert file.read().count(b"\n") == command.count("{") >= 3202
        assert sha256(command.path) == hashlib.sha256(home.replay(SHARED)).hexdigest()


run_tests(globals())
