#!/usr/bin/python3
"""sources.py: real HTTP servers, each a process of its own, and what may be wrong with a source.

1. A server serves GET /state as a member of a small cluster does, for the observer raft (its reader openraft).
2. It ends when its standard input does: whoever started it cannot leave it behind, however he ends.
3. What it is to do is a line on its standard input, what it has done so far is the line that it answers:
       well | hang | lie KIND | flap | count
   hang: takes connections and requests, and never answers. lie: see LIES. flap: its port is closed, with all connections,
   and opened again every 100 ms. A source that vanishes is a process that is killed.

    sources.py serve PORT NODE_ID [MODE...]     one server, in the foreground
"""
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

FLAP_S = 0.1
HUGE_BYTES = 256 << 20
CHUNK = b"h" * 65536
ANSWER_S = 20.0
LEADER_ID = 1
TERM = 3
# Each in its own way well-formed as far as it goes, and no state of a member.
LIES = {
    "wrong": "a well-formed state that is not so: a second leader, or a leader that says it leads no more",
    "type": "a page for people, as a captive portal sends it",
    "truncated": "half of what the length says, then the end of the connection",
    "huge": f"{HUGE_BYTES >> 20} MiB",
    "json": "JSON that is none",
}


def state_of(node):
    """What member `node` says when all is well."""
    leads = node == LEADER_ID
    return {"node_id": node, "public_addr": f"member-{node}", "role": "Leader" if leads else "Follower",
            "current_leader": LEADER_ID, "current_term": TERM, "last_log_index": 7, "last_applied_index": 7,
            "voters": [1, 2, 3], "kv": {}}


def wrong_state_of(node):
    """What it says when it lies well."""
    role, leader = ("Follower", None) if node == LEADER_ID else ("Leader", node)
    return {**state_of(node), "role": role, "current_leader": leader}


def answer(body, kind="application/json", length=None):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return head.encode() + body


class Server:
    """One member on one port, and what it does at the moment."""

    def __init__(self, port, node, mode):
        self.port, self.node, self.mode = port, node, mode
        self.count = {"connections": 0, "answers": 0, "hung": 0, "lies": 0, "downs": 0}
        self.writers, self.listener, self.flapping = set(), None, None

    async def open(self):
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True)

    async def close(self):
        self.listener.close()
        for writer in list(self.writers):
            writer.transport.abort()
        await self.listener.wait_closed()

    async def flap(self):
        """Down and up, until it is told to do something else; it is up then."""
        while self.mode[0] == "flap":
            await self.close()
            self.count["downs"] += 1
            await asyncio.sleep(FLAP_S)
            await self.open()
            await asyncio.sleep(FLAP_S)

    async def serve(self, reader, writer):
        self.count["connections"] += 1
        self.writers.add(writer)
        try:
            while (request := await reader.readuntil(b"\r\n\r\n")):
                if not await self.reply(request.split(b" ", 2)[1], writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def reply(self, path, writer):
        """Answers one request, or does not. Returns whether the connection goes on."""
        mode, lie = self.mode[0], (self.mode + [""])[1]
        if mode == "hang":
            self.count["hung"] += 1
            await asyncio.sleep(3600)
        if mode == "lie":
            self.count["lies"] += 1
            return await self.tell_lie(lie, writer)
        body = json.dumps(state_of(self.node)).encode()
        writer.write(answer(body) if path == b"/state" else b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        self.count["answers"] += 1
        return True

    async def tell_lie(self, lie, writer):
        body = json.dumps(state_of(self.node)).encode()
        if lie == "huge":
            writer.write(answer(b"", length=HUGE_BYTES))
            for _ in range(HUGE_BYTES // len(CHUNK)):
                writer.write(CHUNK)
                await writer.drain()
            return False
        writer.write({"wrong": answer(json.dumps(wrong_state_of(self.node)).encode()),
                      "type": answer(b"<html><body>Please sign in.</body></html>\n", "text/html"),
                      "truncated": answer(body[:len(body) // 2], length=len(body)),
                      "json": answer(body[:-1] + b",,}")}[lie])
        await writer.drain()
        return lie != "truncated"

    async def obey(self, words):
        if words != ["count"]:
            self.mode = words
            if self.flapping:
                await self.flapping  # up again
                self.flapping = None
            if words[0] == "flap":
                self.flapping = asyncio.create_task(self.flap())
            if words[0] != "hang":
                for writer in list(self.writers):  # what hangs is over, and nobody goes on where the mode was another
                    writer.transport.abort()
        print(json.dumps(self.count), flush=True)


async def serve(port, node, mode):
    server = Server(port, node, mode)
    await server.open()
    await server.obey(mode)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while (line := await lines.readline()):
        await server.obey(line.decode().split())
    os._exit(0)


class Source:
    """A server as its owner sees it: it has a name and a port that stay when its process goes."""

    def __init__(self, name, node, port):
        self.name, self.node, self.port, self.process = name, node, port, None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "serve", str(self.port), str(self.node), "well"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        if not self.process.stdout.readline():
            raise OSError(f"source {self.name} cannot serve {self.url}: exit {self.process.wait()}")

    def tell(self, *words):
        """Makes it do so; its counts."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def count(self):
        return self.tell("count") if self.is_there() else {}

    def is_there(self):
        return self.process is not None and self.process.poll() is None

    def vanish(self):
        """SIGKILL; nobody listens any more."""
        self.process.send_signal(signal.SIGKILL)
        self.forget()

    def forget(self):
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def asked(self, timeout_s=1.0):
        """What it answers to GET /state; None when that is nothing, or no state as it is when all is well."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout_s) as link:
                link.settimeout(timeout_s)
                link.sendall(b"GET /state HTTP/1.1\r\nHost: chaos\r\nConnection: close\r\n\r\n")
                until, got = time.monotonic() + timeout_s, b""
                while time.monotonic() < until and not got.endswith(b"}") and (part := link.recv(65536)):
                    got = (got + part)[-65536:]
            state = json.loads(got.partition(b"\r\n\r\n")[2])
        except (OSError, ValueError):
            return None
        return state if state == state_of(self.node) else None

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        if self.is_there():
            self.process.kill()
            self.forget()


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] != "serve":
        sys.exit(__doc__)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] or ["well"]))
