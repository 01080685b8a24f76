"""name_server.py: a name server for tests, whose answers can be changed, or be wrong, at any time."""
import socket
import struct
import threading

TYPES = {"A": 1, "AAAA": 28, "SRV": 33}


def encoded(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".") if part) + b"\0"


def record(name, kind, value):
    if kind == "SRV":
        port, host = value
        data = struct.pack("!HHH", 0, 0, port) + encoded(host)
    else:
        data = socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)
    return encoded(name) + struct.pack("!HHIH", TYPES[kind], 1, 0, len(data)) + data


class NameServer:
    """Answers over UDP. `records` is {(name, type): [value, ...]}; `spoil` changes the bytes of an answer, or None."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.place = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.records, self.spoil = {}, None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(4096)
            if not question:
                return
            answer = self.answer(question)
            if self.spoil is not None:
                answer = self.spoil(answer)
            if answer:
                self.socket.sendto(answer, peer)

    def answer(self, question):
        at, parts = 12, []
        while question[at]:
            parts.append(question[at + 1:at + 1 + question[at]].decode())
            at += question[at] + 1
        name, asked = ".".join(parts), struct.unpack("!H", question[at + 1:at + 3])[0]
        kind = next((word for word, number in TYPES.items() if number == asked), "")
        rows = [record(name, kind, value) for value in self.records.get((name, kind), [])]
        known = any(key[0] == name for key in self.records)
        flags = 0x8180 if known else 0x8183
        return question[:2] + struct.pack("!HHHHH", flags, 1, len(rows), 0, 0) + question[12:at + 5] + b"".join(rows)

    def close(self):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
