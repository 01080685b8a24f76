#!/usr/bin/python3
"""test_refusals.py BIN: what cannot be: a second up, a taken endpoint, a read-only or full directory, a bind beyond this
machine, a bad configuration, a long directory: one clear line each, and the right exit code."""
import fcntl
import os
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
from chaos_world import BIN, World  # noqa: E402
from cli_harness import Home, wait_for  # noqa: E402
from harness import fill  # noqa: E402
import ledger  # noqa: E402
import zmq  # noqa: E402

SMALL_BYTES = 96 << 20


class Mount:
    """A small file system of its own at `path`; only root may."""

    def __init__(self, path, options):
        self.path, self.options = path, options

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", self.path], check=True)
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)


def one_line(done, code, *words):
    lines = done.err.splitlines()
    assert done.code == code and done.out == "" and len(lines) == 1, f"wanted exit {code} and one line, got {done}"
    assert all(word in lines[0] for word in words), (words, lines[0])


def write(home, name, text):
    path = os.path.join(home.holder.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def a_second_up():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        pid = home.actor("supervisor")["pid"]
        one_line(home.run("up", "--detach", code=None), 1, "already", f"pid {pid}")
        one_line(home.run("up", "--detach", "--wait", code=None), 1, "already", f"pid {pid}")
        one_line(home.run("up", code=None), 1, f"pid {pid}")
        one_line(home.run("up", "--for", "5s", code=None), 1, f"pid {pid}")
        assert home.json("status")["state"] == "ready" and home.actor("supervisor")["pid"] == pid


def a_taken_endpoint():
    """A stranger listens at a socket of the runtime, or holds an actor's lock: nobody takes it away from him."""
    with Home(BIN) as home:
        run = os.path.join(home.dir, "run")
        os.makedirs(run, mode=0o700)
        with zmq.Context() as context, context.socket(zmq.ROUTER) as stranger:
            stranger.linger = 0
            stranger.bind(f"ipc://{run}/ingestor.emit")
            inode = os.stat(f"{run}/ingestor.emit").st_ino
            done = home.run("up", "--detach", "--wait", "--timeout", "5s", code=None)
            one_line(done, 124, f"{run}/ingestor.emit", "another process listens")
            wait_for("it is told", lambda: (row := home.actor("ingestor")).get("state") == "backoff" and
                     "another process listens" in row["reason"])
            assert os.stat(f"{run}/ingestor.emit").st_ino == inode, "his socket was taken away"
        home.run("wait", "--for", "ready", "--timeout", "30s")  # he has gone
        home.run("down")
        with open(os.path.join(run, "broker.lock"), "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = home.run("up", "--detach", "--wait", "--timeout", "5s", code=None)
            one_line(done, 124, "broker.lock", "already")
        home.run("wait", "--for", "ready", "--timeout", "30s")


def a_taken_port():
    with Home(BIN) as home, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        config = write(home, "c.toml", f'[network]\nbind = ["ingestor.read=tcp://127.0.0.1:{port}"]\n')
        done = home.run("up", "--detach", "--wait", "--timeout", "5s", "-c", config, code=None)
        one_line(done, 124, f"tcp://127.0.0.1:{port}", "in use")


def a_read_only_directory():
    with Home(BIN) as home:
        home.run("up", "--detach", "--wait")
        home.run("down")
        with Mount(os.path.join(home.holder.name, "ro"), "ro,size=1m") as path:
            for more in (["--detach", "--wait"], [], ["--for", "1s"]):
                done = home.run("up", "--dir", os.path.join(path, "d"), *more, code=None)
                one_line(done, 1, path, "Read-only file system")
        subprocess.run(["mount", "--bind", home.dir, home.dir], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", home.dir], check=True)
            for more in (["--detach", "--wait"], []):  # directories are there, nothing can be written into them
                one_line(home.run("up", *more, code=None), 1, home.dir, "Read-only file system")
        finally:
            subprocess.run(["umount", "-l", home.dir], check=True)
        home.run("up", "--detach", "--wait")


def a_full_directory_at_the_start():
    with Home(BIN) as home, Mount(home.dir, "size=1m,mode=0700"):
        done = home.run("up", "--detach", "--wait", "--timeout", "5s", code=None)
        one_line(done, 124, f"{home.dir}/store", "no room")
        row = home.actor("ingestor")
        assert row["state"] == "ready" and row["restarts"] == 0 and "no room" in row["reason"], row
        assert "no room" in home.json("status")["trouble"] and "no room" in home.run("status").out
        subprocess.run(["mount", "-o", "remount,size=64m", home.dir], check=True)
        home.run("wait", "--for", "ready", "--timeout", "40s")
        home.run("emit", "room_again")
        home.run("down")


class SmallWorld(World):
    """A world whose directory is a small file system."""

    def __init__(self, mount):
        super().__init__("small")
        self.mount = mount
        mount.path = self.dir

    def __enter__(self):
        self.mount.__enter__()
        return super().__enter__()

    def leave(self):
        super().leave()
        self.mount.__exit__()


def stands_still(world, producer, span_s=1.0):
    """Waits until nothing was acknowledged for so long."""
    state = {"count": -1, "since": 0.0}

    def still():
        count = producer.count("acknowledged ")
        if count != state["count"]:
            state.update(count=count, since=time.monotonic())
        return time.monotonic() - state["since"] >= span_s
    wait_for("nothing is acknowledged any more", lambda: (fill(world.dir), still())[1])
    return state["count"]


def a_directory_that_fills_up():
    with SmallWorld(Mount("", f"size={SMALL_BYTES},mode=0700")) as world:
        follower = world.command_follower("follow-command", world.session)
        producer = world.c_producer("producer-c", 2000)
        world.wait_rate(1000)
        before = world.pids()
        filler = fill(world.dir)
        count = stands_still(world, producer)
        text = wait_for("status says so", lambda: (lambda text: "room" in text and text)(world.run("status").out))
        assert world.dir in text and "room" in world.json("status")["trouble"], text
        assert "room" in world.run("ps").out
        reader = world.client.follow(world.session, start="start")
        assert wait_for("what is stored can be read", lambda: reader.next(0.1)).type == "session_started"
        reader.close()
        wait_for("followers have what was acknowledged", lambda: follower.count("{") > count)
        assert producer.count("acknowledged ") == count, "acknowledged without room"
        os.unlink(filler)
        wait_for("acknowledged again", lambda: producer.count("acknowledged ") > count)
        world.wait_rate(1000)
        wait_for("status is well again", lambda: "room" not in world.run("status").out)
        assert world.pids() == before, "somebody died for want of room"
        producer.end()
        world.kill("ingestor")
        store = ledger.Store(world.client)
        store.check_sequences()
        events = store.of(world.session)
        ledger.check_producer(producer.name, producer.lines(), events)
        wait_for("the follower has everything", lambda: follower.count("{") >= len(events))
        ledger.check_follower(follower.name, follower.lines(), events)


def a_bind_beyond_this_machine():
    with Home(BIN) as home:
        for row, word in (("ingestor.read=tcp://0.0.0.0:17000", "leaves this machine"),
                          ("ingestor.read=tcp://*:17000", "leaves this machine"),
                          ("ingestor.events=tcp://127.evil.example:17000", "leaves this machine"),
                          ("broker.control=tcp://127.0.0.1:17000", "control stays"), ("nonsense", "ACTOR.PORT=ENDPOINT")):
            config = write(home, "c.toml", f'[network]\nbind = ["{row}"]\n')
            one_line(home.run("up", "--detach", "--wait", "-c", config, code=None), 2, config, word)
            one_line(home.run("up", "-c", config, code=None), 2, config, word)
            one_line(home.run("config", "check", config, code=None), 2, config, word)
            home.run("ps", code=6)


def a_relay_with_nobody_above():
    with Home(BIN) as home:
        for upstream, word in (("tcp://192.0.2.1:7000", "leaves this machine"), ("tcp://127.0.0.1", "tcp://HOST:PORT"),
                               ("not a name", "such as tcp://127.0.0.1:7000")):
            config = write(home, "r.toml", f'[relay]\nprocesses = 1\nupstream = "{upstream}"\n')
            one_line(home.run("config", "check", config, code=None), 2, config, "relay.upstream", word)
        write(home, "r.toml", '[relay]\nprocesses = 1\nupstream = "tcp://127.0.0.1:7000"\n')
        home.run("config", "check", config)


def a_bad_endpoint_of_a_client():
    with Home(BIN) as home:
        environment = home.environment
        for rows, *words in (("ingestor.read=tcp://127.0.0.1", "ingestor.read", "tcp://HOST:PORT"),
                             ("ingestor.read=tcp://10.0.0.5:7000", "ingestor.read", "leaves this machine", "use tcp://127.0.0.1:PORT"),
                             ("ingestor.read=ipc://run/read", "ingestor.read", "absolute"), ("nonsense", "'nonsense'", "ACTOR.PORT=ENDPOINT")):
            home.environment = lambda rows=rows: {**environment(), "VEDETTE_ENDPOINTS": rows}
            for command in (["follow"], ["session", "ls"], ["emit", "thing"]):
                one_line(home.run(*command, code=None, timeout_s=30), 2, "VEDETTE_ENDPOINTS", *words)
        home.environment = environment


def a_bad_configuration():
    with Home(BIN) as home:
        config = write(home, "bad.toml", '[pollers]\nmax_procesess = 3\n\n[supervisor]\nbackoff_min = "soon"\n'
                                         'bakcoff_max = "1s"\n')
        wanted = [(2, "max_processes"), (5, "backoff_min"), (6, "backoff_max")]
        for command in (["up", "-c", config], ["up", "--detach", "--wait", "-c", config], ["config", "check", config]):
            done = home.run(*command, code=None)
            lines = [line for line in done.err.splitlines() if line.startswith(config)]
            assert done.code == 2 and done.out == "", (command, done)
            assert len(done.err.splitlines()) == len(wanted), (command, done)
            for line, word in wanted:
                assert any(one.startswith(f"{config}:{line}:") and word in one for one in lines), (line, word, done)
        home.run("ps", code=6)


def a_long_directory():
    with Home(BIN) as home:
        path = os.path.join(home.holder.name, "x" * 100)
        for command in (["up"], ["up", "--detach", "--wait"], ["ps"], ["down"], ["follow"]):
            one_line(home.run(*command, "--dir", path, code=None), 2, "too long", "shorter --dir")
        assert not os.path.exists(path)


AS_ROOT = (a_read_only_directory, a_full_directory_at_the_start, a_directory_that_fills_up)
for case in (a_second_up, a_taken_endpoint, a_taken_port, a_bind_beyond_this_machine, a_relay_with_nobody_above,
             a_bad_endpoint_of_a_client, a_bad_configuration, a_long_directory, *AS_ROOT):
    if len(sys.argv) > 2 and case.__name__ not in sys.argv[2:]:
        continue
    if case in AS_ROOT and os.geteuid() != 0:
        print(f"left out {case.__name__}: only root may mount a file system", flush=True)
        continue
    begin = time.monotonic()
    case()
    print(f"ok {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
