#!/usr/bin/python3
"""provider.py SEED [--slow MS] [--answers N]: a service that composes texts: over HTTP, slow, and failing now and then.

    POST /compose {"text": TEXT, "parts": [DIGEST, ...]}  ->  200 and the composed text, 503 busy, 422 too long

It prints its URL. How long an answer takes, and that every fourth is a 503, comes of the seed, of the text and of how many
requests there were: the same each time it is run. The same text gets no more than two of these in a row.
"""
import argparse
import collections
import ctypes
import hashlib
import http.server
import itertools
import json
import math
import signal
import threading
import time

TEXT_BYTES_MAX = 2000
FAILS_EACH, IN_A_ROW_MAX = 4, 2
PR_SET_PDEATHSIG = 1


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compose(text, parts):
    """What is made of a text that stands on others: whoever knows these can say what it has to be."""
    lines = [f"{number:4}  {line.strip().capitalize()}" for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return "\n".join([*lines, f"stands on: {' '.join(parts) or 'nothing'}", ""])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = json.loads(body)
        number = next(self.server.numbers)
        key = digest(f"{self.server.seed} {asked['text']}")
        chance = int(key, 16)
        if number > self.server.answers:
            threading.Event().wait()
        time.sleep((self.server.slow_ms + chance % (4 * self.server.slow_ms)) / 1000)
        if len(asked["text"]) > TEXT_BYTES_MAX:
            self.answer(422, f"the text has {len(asked['text'])} bytes, and {TEXT_BYTES_MAX} is the most")
        elif (number + self.server.seed) % FAILS_EACH == 0 and self.server.failures[key] < IN_A_ROW_MAX:
            self.server.failures[key] += 1
            self.answer(503, "busy")
        else:
            self.server.failures[key] = 0
            self.answer(200, compose(asked["text"], asked["parts"]))

    def answer(self, status, text):
        data = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:  # who asked has gone meanwhile
            self.close_connection = True

    def log_message(self, format, *arguments):
        """Its callers tell what they got."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("--slow", type=int, default=60, metavar="MS", help="an answer takes one to five times this (60)")
    parser.add_argument("--answers", type=int, default=math.inf, metavar="N", help="hangs after so many answers")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler) as server:
        server.daemon_threads = True
        server.seed, server.slow_ms, server.numbers = arguments.seed, arguments.slow, itertools.count(1)
        server.failures, server.answers = collections.Counter(), arguments.answers
        print(f"http://127.0.0.1:{server.server_port}/compose", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
