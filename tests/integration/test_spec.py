#!/usr/bin/python3
"""test_spec.py: the examples of SPEC.md are extracted and run: frames in hex, a producer, and a subscriber that
follows it while the ingestor is killed."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build", "release", "bin")
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
from vedette import wire  # noqa: E402


def blocks():
    """{"python subscriber": text, ...} of the code blocks that have a name."""
    with open(os.path.join(TOP, "protocol", "SPEC.md"), encoding="utf-8") as file:
        return dict(re.findall(r"^```(\w+ \w+)\n(.*?)^```", file.read(), re.M | re.S))


def hex_lines(text):
    frames = {}
    for line in text.splitlines():
        name, digits = line.split(None, 1)
        frames[name] = frames.get(name, b"") + bytes.fromhex(digits)
    return frames


def check_hex(found):
    frames = hex_lines(found["hex OPEN"])
    message = wire.unpack_message([frames["header"], frames["body"]])
    assert (message.name, message.correlation, message.fields) == ("OPEN", 7, {"producer": "demo", "life": 42}), message
    event, = wire.unpack_run(hex_lines(found["hex RUN"])["run"])
    assert wire.unpack(event) == {"ts": "2023-11-14T22:13:20.000Z", "type": "hello", "data": None}


def start_ingestor(directory):
    process = subprocess.Popen([os.path.join(BIN, "vedette-ingestor"), "--dir", directory], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not os.path.exists(os.path.join(directory, "run", "ingestor.emit")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the ingestor did not bind its socket"
        time.sleep(0.01)
    return process


def script(name, found, *arguments):
    return subprocess.Popen(["/usr/bin/python3", "-u", "-c", found[f"python {name}"], *arguments],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rest_of(process):
    """What it still prints, its end included. (communicate() would lose what readline() has read ahead.)"""
    said = process.stdout.read()
    process.wait(timeout=60)
    return said, process.stderr.read()


def main():
    found = blocks()
    check_hex(found)
    with tempfile.TemporaryDirectory(prefix="vd-spec-", dir="/tmp") as directory:
        run_dir = os.path.join(directory, "run")
        session = wire.new_session_id()
        ingestor = start_ingestor(directory)
        subscriber = None
        try:
            producer = script("producer", found, run_dir, session)
            first = producer.stdout.readline().strip()
            assert first == f"{session}:1", (first, producer.stderr.read() if producer.poll() else "")
            subscriber = script("subscriber", found, run_dir, session)
            assert subscriber.stdout.readline().startswith("1 session_started"), subscriber.stderr.read()
            ingestor.send_signal(signal.SIGKILL)
            ingestor.wait()
            ingestor = start_ingestor(directory)
            rest, problem = rest_of(producer)
            assert producer.returncode == 0, problem
            assert rest.split() == [f"{session}:2", f"{session}:3"], rest
            seen, problem = rest_of(subscriber)
            assert subscriber.returncode == 0, problem
            assert [line.split()[:2] for line in seen.splitlines()] == [["2", "hello"], ["3", "session_ended"]], seen
        finally:
            for process in (ingestor, subscriber):
                if process is not None and process.poll() is None:
                    process.kill()
                    process.wait()
    print("spec: ok")


main()
