"""python_client.py: the Python client without a runtime: endpoints, frames that nobody understands, and connections that may be dead."""
import os
import signal
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
sys.dont_write_bytecode = True
import zmq  # noqa: E402
from vedette import wire  # noqa: E402
from vedette.client import Client  # noqa: E402
from vedette.observing.faults import Faults  # noqa: E402
from vedette.observing.readings import Readings  # noqa: E402
from vedette.observing.samples import Read, Samples, Source  # noqa: E402

HOSTILE = bytes.fromhex("829001a161d4ff00")  # a list as a key, and a time stamp of one byte


class Answering:
    """A socket that answers every question, after frames that are none; `who` has asked."""

    def __init__(self):
        self.context, self.who, self.bad = zmq.Context(), [], []
        self.socket = self.context.socket(zmq.ROUTER)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.ends, self.ending = (self.context.socket(zmq.PAIR) for _ in range(2))
        self.ends.bind("inproc://end")
        self.ending.connect("inproc://end")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        poller = zmq.Poller()
        for socket in (self.socket, self.ending):
            poller.register(socket, zmq.POLLIN)
        while self.ending not in dict(poller.poll()):
            who, *frames = self.socket.recv_multipart()
            self.who.append(who)
            correlation = wire.unpack_message(frames).correlation
            for body in self.bad:
                self.socket.send_multipart([who, wire.pack([1, wire.IDS["DONE"], correlation]), body])
            self.socket.send_multipart([who, *wire.pack_message("DONE", {}, b"", correlation)])

    def close(self):
        self.ends.send(b"")
        self.thread.join()
        self.context.destroy(0)


def refused(call, *words):
    try:
        call()
    except ValueError as problem:
        assert all(word in str(problem) for word in words), f"{problem}: lacks one of {words}"
        return
    raise AssertionError(f"is not refused: {words}")


def endpoints_are_checked():
    bad = [("ingestor.read", "ACTOR.PORT=ENDPOINT"), ("read=tcp://127.0.0.1:1", "ACTOR.PORT=ENDPOINT"), ("x.=tcp://127.0.0.1:1", "'x.'"),
           ("ingestor.read=foo", "ingestor.read", "foo"), ("ingestor.read=127.0.0.1:1", "tcp://HOST:PORT")]
    bad += [(f"ingestor.read=tcp://{rest}", "tcp://HOST:PORT") for rest in ("", "h:x", "127.0.0.1", "127.0.0.1:", ":1", "127.0.0.1:0",
                                                                           "127.0.0.1:65536", "127.0.0.1:1x")]
    bad += [(f"ingestor.emit=tcp://{host}:7001", "ingestor.emit", "leaves this machine", "127.0.0.1")
            for host in ("10.0.0.5", "127.evil.example", "0.0.0.0", "lo")]
    bad += [("a.b=tcp://[::1]:1", "IPv4"), ("a.b=ipc://relative", "absolute"), (f"a.b=ipc:///{'x' * 107}", "107 bytes"),
            (",".join(f"a.b{at}=ipc:///x" for at in range(17)), "a.b16", "at most 16"), ("y" * 5000, "y" * 200)]
    for text, *words in bad:
        os.environ["VEDETTE_ENDPOINTS"] = text
        refused(Client, "VEDETTE_ENDPOINTS: ", *words)
    os.environ["VEDETTE_ENDPOINTS"] = " x.y=ipc:///tmp/x,\tingestor.read=tcp://127.0.0.1:1\ningestor.emit=tcp://localhost:65535 "
    with Client("/nowhere", {"ingestor.read": "tcp://127.0.0.1:2"}) as client:
        found = [client.endpoint(actor, port) for actor, port in (("x", "y"), ("ingestor", "read"), ("ingestor", "emit"))]
        assert found == ["ipc:///tmp/x", "tcp://127.0.0.1:2", "tcp://localhost:65535"], found
        assert client.endpoint("broker", "control") == "ipc:///nowhere/run/broker.control"
    del os.environ["VEDETTE_ENDPOINTS"]
    refused(lambda: Client("/nowhere", {"ingestor.read": "tcp://10.0.0.5:1"}), "ingestor.read", "leaves this machine")
    refused(lambda: Client("/nowhere", {"read": "tcp://127.0.0.1:1"}), "'read'", "ACTOR.PORT")


def what_is_not_understood_is_passed_over(server, client):
    try:
        wire.unpack(HOSTILE)
        raise AssertionError("it is read")
    except wire.Malformed as problem:
        assert problem.status == "malformed"
    server.bad = [HOSTILE, b"\xc1", b""]
    assert client.request("host", "requests", "PING").name == "DONE"
    server.bad = []


def what_is_sent_once_goes_through_no_idle_connection(server, client):
    def asked():
        client.request("host", "requests", "PING", once=True)
        return server.who[-1]
    first = asked()
    assert asked() == first
    client.links["host", "requests"].heard -= 3600
    assert asked() != first, "its far end may have been gone for an hour"


def who_stood_still_was_not_left_without_an_answer():
    """Stopped in the middle of a question, for longer than its time-out, a process still takes the answer."""
    asked, asks = os.pipe()
    child = os.fork()
    if child == 0:
        with zmq.Context() as context:
            socket = context.socket(zmq.ROUTER)
            with Client("/nowhere", {"host.requests": f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"}) as client:
                threading.Thread(target=answer_late, args=(socket, asks), daemon=True).start()
                os._exit(0 if client.request("host", "requests", "PING", timeout_s=1.0).name == "DONE" else 1)
    try:
        os.close(asks)
        assert os.read(asked, 1) == b"?"
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        time.sleep(3.0)
        os.kill(child, signal.SIGCONT)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it took its own sleep for silence"
    finally:
        os.close(asked)


def answer_late(socket, asks):
    """Says when a question is there, and answers a little later."""
    while True:
        who, *frames = socket.recv_multipart()
        os.write(asks, b"?")
        time.sleep(0.3)
        socket.send_multipart([who, *wire.pack_message("DONE", {}, b"", wire.unpack_message(frames).correlation)])


class Outlet:
    """A poller that takes down what it is asked."""

    def __init__(self):
        self.name, self.out, self.since, self.dirty, self.asked = "poller-1", {}, 0.0, True, []
        self.link = self.sub = self

    def send(self, frames):
        self.asked.append(wire.unpack_message(frames))

    def setsockopt_string(self, *_):
        """It publishes nothing."""


def texts_that_quote_others_are_taken_by_everyone():
    wanted = {"plain": "plain", "a\0b": "a?b", "\ud800x": "?x", "caf\u00e9": "caf\u00e9", "x" * 1025: "x" * 1024,
              "x" + "\u00e9" * 600: "x" + "\u00e9" * 511}
    for text, copy in wanted.items():
        assert wire.text(text) == copy, text[:20]
    faults = Faults()
    for text in ("ValueError: what is \ud800\0?", "\u00e9" * 1025):
        assert faults.set("turn", text) and not faults.set("turn", text), "the same once more is no news"
        told, = wire.unpack(wire.pack(faults.rows()))
        assert told["text"] == wire.text(text) and told["text"] in (text[:512], "ValueError: what is ???"), told


def a_read_that_nobody_takes_does_not_stop_others():
    with Client("/nowhere") as client:
        samples, faults, outlet = Samples(), Faults(), Outlet()
        readings = Readings(client, "own", 1, 1.0, samples, faults)
        readings.outlets[outlet.name] = outlet
        source = samples.by_name["s"] = Source({"name": "s", "adapter": "file", "inc": 5, "poller": outlet.name})
        odd = [Read("read", "/a\0b"), Read("read", "\u00e9" * 600), Read("read", "\ud800"), Read("x" * 200, "/x"),
               Read("get", "/x", args={"a": "\ud800"}), Read("get", "/y", args={"a": "x" * 9000}), Read("get", "/z", args={"a": 1 << 70})]
        readings.declare(source, [*odd, Read("read", "/good")])
        for _ in range(2):
            readings._stand(outlet, True)
        assert [[row["target"] for row in message["reads"]] for message in outlet.asked] == [["/good"]] * 2, outlet.asked
        assert [slot.status for slot in source.slots] == ["malformed"] * len(odd) + ["ok"]
        assert faults.changes == len(odd) and "cannot be" in faults.newest()["text"], faults.rows()
        wire.pack(faults.rows())
        answer = wire.pack_message("STANDING", {"inc": 7, "readings": [{"feed": "sample/s/1"}]}, b"", outlet.asked[-1].correlation)
        readings._take_standing(outlet, wire.unpack_message(answer))
        assert faults.newest()["recovered_at"] is None, "what cannot be read is told as long as it is wanted"
        for read in odd:
            readings.ask_once("s", read)
            answer = samples.find("s", read.op, read.target)
            assert answer.status == "malformed" and answer.error and not readings.once, read
        readings.ask_once("s", Read("read", "/once"))
        assert [row["target"] for row in outlet.asked[-1]["reads"]] == ["/once"] and len(outlet.asked) == 3
        del readings.outlets[outlet.name]
        readings.close()


def main():
    endpoints_are_checked()
    texts_that_quote_others_are_taken_by_everyone()
    a_read_that_nobody_takes_does_not_stop_others()
    who_stood_still_was_not_left_without_an_answer()
    server = Answering()
    with Client("/nowhere", {"host.requests": server.endpoint}) as client:
        what_is_not_understood_is_passed_over(server, client)
        what_is_sent_once_goes_through_no_idle_connection(server, client)
    server.close()


if __name__ == "__main__":
    main()
