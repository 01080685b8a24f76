#!/usr/bin/python3
"""proxy.py: a path between two tcp endpoints that can be disturbed, as a process of its own.

    proxy.py LISTEN_PORT TO_PORT [PARENT]

Both on 127.0.0.1; LISTEN_PORT 0 takes a free one. The first line on stdout is the port it listens on. Then each line on
stdin is an order, answered by one line of JSON with the counters:

    counters | partition | one_way to|from | delay MS | reset | half_open | heal

"to" is what goes to TO_PORT, "from" what comes back. What a fault holds back is not read beyond QUEUE_MAX, so that the
sender's own buffers fill, and passes when the fault is healed, as tcp would have sent it again; an end that a side reached
meanwhile is told then, too. Nobody new is let in while anything is cut. A connection that is half open hears nothing for
ever, whatever its ends do; those that come after it are well. It ends with its parent, or with stdin."""
import collections
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import time

HOST = "127.0.0.1"
CHUNK = 256 * 1024
QUEUE_MAX = 8 * 1024 * 1024  # bytes of one direction that are read and not passed on
PR_SET_PDEATHSIG = 1
LATER = (errno.EAGAIN, errno.EINTR)
TO, FROM = "to", "from"


def die_with_parent(parent):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        sys.exit("the parent is gone")


class Side:
    """One end of a connection, and what is on its way to it from the other end."""

    def __init__(self, connection, sock, direction):
        self.connection, self.sock, self.direction = connection, sock, direction  # of what goes out here
        self.fd = sock.fileno()
        self.queue, self.queued = collections.deque(), 0  # (when it came, when it is due, bytes)
        self.ended = self.told = False  # nothing more comes to send here; that has been passed on
        self.full = False               # of what the kernel takes
        self.events = None


class Connection:
    def __init__(self, client, server):
        self.near, self.far = Side(self, client, FROM), Side(self, server, TO)
        self.half_open = False
        self.broken = False  # an end has sent a reset

    @property
    def sides(self):
        return self.near, self.far

    def other(self, side):
        return self.far if side is self.near else self.near


class Proxy:
    def __init__(self, listen_port, to_port):
        self.to_port = to_port
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HOST, listen_port))
        self.listener.listen(256)
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.sides, self.connections = {}, set()
        self.cut, self.delay_s = set(), 0.0
        self.lets_in = False
        self.counts = collections.Counter()
        self.delay_least_s = None  # of what was passed on since the delay began
        self.orders = b""
        os.set_blocking(0, False)
        self.epoll.register(0, select.EPOLLIN)

    # ---- connections ----

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket()
            try:
                server.settimeout(1.0)  # it is on this machine: it is there at once, or it is not
                server.connect((HOST, self.to_port))
            except OSError:
                server.close()
                self.slam(client)
                self.counts["refused"] += 1
                continue
            connection = Connection(client, server)
            self.connections.add(connection)
            self.counts["accepted"] += 1
            for side in connection.sides:
                side.sock.setblocking(False)
                side.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sides[side.fd] = side

    @staticmethod
    def slam(sock):
        """Ends with a reset."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def drop(self, connection, slam):
        self.connections.discard(connection)
        for side in connection.sides:
            if side.events is not None:
                self.epoll.unregister(side.fd)
            del self.sides[side.fd]
            if slam:
                self.slam(side.sock)
            else:
                side.sock.close()

    def is_held(self, side):
        """Is what goes to this side held back?"""
        return side.connection.half_open or side.direction in self.cut

    def hold(self, side, size):
        self.counts["held_bytes"] += size
        self.counts["held_pieces"] += 1

    def read(self, side):
        """Takes what this side has sent, for the other one."""
        other = side.connection.other(side)
        now = time.monotonic()
        if other.ended or other.queued >= QUEUE_MAX:
            return
        try:
            data = side.sock.recv(CHUNK)
        except OSError as error:
            if error.errno in LATER:
                return
            side.connection.broken = True
            data = b""
        if not data:
            other.ended = True
            return
        other.queue.append((now, now + self.delay_s, memoryview(data)))
        other.queued += len(data)
        if self.is_held(other):
            self.hold(other, len(data))

    def write(self, side, now):
        """Passes on to this side what is due. False when it cannot be reached any more."""
        side.full = False
        while side.queue and not self.is_held(side) and side.queue[0][1] <= now:
            came, due, data = side.queue[0]
            try:
                sent = side.sock.send(data)
            except OSError as error:
                side.full = error.errno in LATER
                return side.full
            side.queued -= sent
            self.counts[f"{side.direction}_bytes"] += sent
            if sent < len(data):
                side.queue[0] = (came, due, data[sent:])
                continue
            side.queue.popleft()
            if due > came:
                self.delay_least_s = min(self.delay_least_s or 3600.0, now - came)
                self.counts["delayed_pieces"] += 1
        return True

    def settle(self, connection):
        """Passes on what may pass, and the ends. Returns when something is due; None: nothing is."""
        now = time.monotonic()
        for side in connection.sides:
            if not self.write(side, now):
                self.drop(connection, slam=True)
                return None
            if side.ended and not side.told and not side.queue and not self.is_held(side):
                side.told = True
                if connection.broken:
                    self.drop(connection, slam=True)
                    return None
                try:
                    side.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
        if all(side.told for side in connection.sides):
            self.drop(connection, slam=False)
            return None
        for side in connection.sides:
            self.watch(connection, side)
        return min((side.queue[0][1] for side in connection.sides
                    if side.queue and not side.full and not self.is_held(side)), default=None)

    def watch(self, connection, side):
        """What of this side the kernel is to tell."""
        other = connection.other(side)
        events = 0
        if not other.ended and other.queued < QUEUE_MAX:
            events |= select.EPOLLIN
        if side.full:
            events |= select.EPOLLOUT
        if events == side.events or (not events and side.events is None):
            return
        if side.events is None:
            self.epoll.register(side.fd, events)
        elif events:
            self.epoll.modify(side.fd, events)
        else:  # else it would tell of the end for ever
            self.epoll.unregister(side.fd)
        side.events = events or None

    # ---- orders ----

    def obey(self, line):
        word, *rest = line.split()
        if word == "partition":
            self.cut |= {TO, FROM}
            self.begin_holding()
        elif word == "one_way":
            self.cut.add({TO: TO, FROM: FROM}[rest[0]])
            self.begin_holding()
        elif word == "delay":
            self.delay_s, self.delay_least_s = float(rest[0]) / 1000, None
        elif word == "reset":
            self.counts["reset"] += len(self.connections)
            for connection in list(self.connections):
                self.drop(connection, slam=True)
        elif word == "half_open":
            fresh = [connection for connection in self.connections if not connection.half_open]
            self.counts["half_open"] += len(fresh)
            for connection in fresh:
                connection.half_open = True
        elif word == "heal":
            self.heal()
        elif word != "counters":
            raise ValueError(f"proxy.py: no such order: {line}")

    def begin_holding(self):
        for side in self.sides.values():
            if side.queue and self.is_held(side):
                self.hold(side, side.queued)

    def heal(self):
        self.cut, self.delay_s = set(), 0.0
        for connection in list(self.connections):
            if connection.half_open:
                self.drop(connection, slam=True)
                continue
            for side in connection.sides:
                side.queue = collections.deque((came, min(due, time.monotonic()), data) for came, due, data in side.queue)

    def counters(self):
        waiting = 0
        for side in self.sides.values():
            if self.is_held(side.connection.other(side)):
                buffer = bytearray(4)
                fcntl.ioctl(side.fd, termios.FIONREAD, buffer)
                waiting += int.from_bytes(buffer, sys.byteorder)
        return {**self.counts, "open": len(self.connections), "unread_bytes": waiting,
                "delay_ms": 1000 * (self.delay_least_s or 0.0)}

    def hear(self):
        """What stands on stdin. False at its end."""
        data = os.read(0, 65536)
        *lines, self.orders = (self.orders + data).split(b"\n")
        for line in lines:
            self.obey(line.decode())
            for connection in list(self.connections):
                self.settle(connection)
            print(json.dumps(self.counters()), flush=True)
        return bool(data)

    # ---- the loop ----

    def let_in(self):
        """Listens as long as nothing is cut."""
        if self.lets_in == (not self.cut):
            return
        self.lets_in = not self.cut
        if self.lets_in:
            self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        else:
            self.epoll.unregister(self.listener.fileno())

    def run(self):
        print(self.listener.getsockname()[1], flush=True)
        due = None
        while True:
            self.let_in()
            timeout = -1 if due is None else max(0.0, due - time.monotonic())
            touched = set()
            for fd, events in self.epoll.poll(timeout):
                if fd == 0 and not self.hear():
                    return
                if fd == self.listener.fileno():
                    self.accept()
                    touched |= self.connections
                elif fd in self.sides:
                    side = self.sides[fd]
                    touched.add(side.connection)
                    if events & ~select.EPOLLOUT:
                        self.read(side)
            if due is not None or self.delay_s:
                touched = set(self.connections)
            dues = [self.settle(connection) for connection in touched & self.connections]
            due = min((when for when in dues if when is not None), default=None)


def main():
    die_with_parent(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    Proxy(int(sys.argv[1]), int(sys.argv[2])).run()


main()
