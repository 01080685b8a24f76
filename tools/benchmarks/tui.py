"""tui.py: how soon a person sees an event, how soon a long session opens, and what the screen costs meanwhile.

Emit to visible on the screen: from the moment before the event is emitted to the moment at which the terminal has read the
byte that completes the event's token, or that of a later event, on its screen: of events that come and go within one frame
nobody sees all. The terminal is a pty of our own; what was written to it, and when, is kept, and read afterwards.
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from grid import Grid  # noqa: E402
from ingest import FRAME, WINDOW  # noqa: E402
from runtime import Runtime, cpu_s  # noqa: E402
from table import row  # noqa: E402

COLUMNS, LINES = 120, 40
TERM = "xterm-256color"
RATES = (100, 1000)
VISIBLE_MS_MAX = {"p50": 40, "p95": 60, "p99": None}
OPEN_S_MAX = 1.0
RSS_MIB_MAX = 40
LOAD_RATE = 10000
LOAD_CPU_MAX = 50
KEY_MS_MAX = 100
TOKEN = re.compile(r"T(\d{8})([a-z])")
STREAM, ON_STREAM = "4", r"\[4 stream\]"
HELP = r"^\w+: help"
PATIENCE_S = 60


def token_number(text):
    """The greatest token in it; -1 without any. What is half of one and half of another is none."""
    best = -1
    for digits, letter in TOKEN.findall(text):
        if ord(letter) - ord("a") == sum(place * int(digit) for place, digit in enumerate(digits, 1)) % 26:
            best = max(best, int(digits))
    return best


def percentile(figures, share):
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Screen:
    """A command on a terminal of its own, with every piece that it wrote and when."""

    def __init__(self, *command):
        self.pieces, self.grid, self.next = [], Grid(COLUMNS, LINES), 0
        self.begun = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            environment = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS", "LC_ALL")}
            os.execve(command[0], list(command), {**environment, "TERM": TERM, "LANG": "C.UTF-8"})
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return
            self.pieces.append((time.monotonic(), piece))
            if not piece:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What it started first: whoever guards it gives the terminal back.
        for pid in reversed(self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.thread.join(5)
        os.close(self.fd)

    def pids(self):
        """It, and what it started."""
        found = [self.pid]
        for pid in found:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
        return found

    def press(self, text):
        os.write(self.fd, text.encode())
        return time.monotonic()

    def text(self):
        """The screen now."""
        while self.next < len(self.pieces):
            self.grid.feed(self.pieces[self.next][1])
            self.next += 1
        return self.grid.text()

    def until(self, pattern, what, since=0.0):
        """When the screen had first shown it, after `since`."""
        wanted, deadline = re.compile(pattern, re.MULTILINE), time.monotonic() + PATIENCE_S
        while True:
            while self.next < len(self.pieces):
                at, piece = self.pieces[self.next]
                self.grid.feed(piece)
                self.next += 1
                if at > since and wanted.search(self.grid.text()):
                    return at
            if not since and wanted.search(self.grid.text()):
                return time.monotonic()
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {what} is not on the screen after {PATIENCE_S} s:\n{self.grid.text()}")
            time.sleep(0.001)

    def tokens(self, count):
        """When each of so many tokens, or a later one, was first on the screen."""
        seen, deadline = [], time.monotonic() + PATIENCE_S
        while len(seen) < count:
            while self.next < len(self.pieces):
                at, piece = self.pieces[self.next]
                self.next += 1
                self.grid.feed(piece)
                best = max((token_number(self.grid.line(y)) for y in self.grid.changed), default=-1)
                self.grid.changed.clear()
                seen += [at] * (best + 1 - len(seen))
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: token {len(seen)} of {count} is not on the screen:\n{self.grid.text()}")
            if len(seen) < count:
                time.sleep(0.05)
        return seen


def _tui(runtime, *arguments):
    return Screen(runtime.command("vedette"), "--dir", runtime.dir, "tui", *arguments)


def _follow(runtime):
    return Screen(runtime.command("vedette"), "--dir", runtime.dir, "follow", "--from", "now", "--type", "bench_token")


def _started(runtime, count, rate):
    """Events at a rate, in a process of their own."""
    session = runtime.client.newest_session()
    return subprocess.Popen([runtime.command("vd-bench"), "steady", runtime.dir, session, str(count), str(rate)],
                            stdout=subprocess.PIPE, text=True)


def _emitted(process):
    out = process.communicate()[0]
    if process.returncode != 0:
        raise SystemExit("bench: the events were not emitted")
    return [us / 1e6 for us in json.loads(out)["emitted_us"]]


def _latencies(runtime, screen, count, rate):
    """Milliseconds for each event; the first half second is for warming up."""
    emitted = _emitted(_started(runtime, count, rate))
    shown = screen.tokens(count)
    return [(at - begun) * 1000 for begun, at in zip(emitted, shown)][rate // 2:]


def _on_stream(screen):
    screen.until(r"\S", "the first frame")
    screen.press(STREAM)
    screen.until(ON_STREAM, "the stream")


def _visible(build, options, sizes):
    figures, raw = {}, {}
    for _ in range(options.rounds):
        for rate in RATES:
            count = rate * sizes["seconds"]
            for keep, make in ((raw, _follow), (figures, _tui)):
                with Runtime(build) as runtime, make(runtime) as screen:
                    if make is _tui:
                        _on_stream(screen)
                    else:
                        _await_follower(runtime)
                    latencies = _latencies(runtime, screen, count, rate)
                for which in VISIBLE_MS_MAX:
                    keep.setdefault((rate, which), []).append(percentile(latencies, int(which[1:]) / 100))
    return [row(f"emit to visible on the screen at {rate}/s, {which}", figures[rate, which], "ms", at_most,
                raw[rate, which], "raw: vedette follow on the same terminal")
            for rate in RATES for which, at_most in VISIBLE_MS_MAX.items()]


def _await_follower(runtime):
    deadline = time.monotonic() + PATIENCE_S
    while runtime.client.get("ingestor", "read", "metrics")["subscribers"] < 1:
        if time.monotonic() > deadline:
            raise SystemExit("bench: nobody follows")
        time.sleep(0.01)


def rss_mib(pids):
    """Resident memory of them all; pages that a child shares with its parent count in both."""
    kib = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    return kib / 1024


def _opened(runtime, session, seq):
    """Seconds from the start until the stream shows the event of this number, and the screen."""
    screen = _tui(runtime, "--session", session, "--at", str(seq), "--screen", "stream")
    return screen.until(rf"^\W*(\S+ +)?{seq}\b", f"event {seq}") - screen.begun, screen


def _followed(runtime, session, seq):
    """Seconds from the start of `vedette follow` until it has shown the event of this number."""
    begun = time.monotonic()
    with Screen(runtime.command("vedette"), "--dir", runtime.dir, "follow", session, "--from", str(seq), "--count", "1") as screen:
        return screen.until(rf"\b{seq}\b", f"event {seq}") - begun


def _large(build, options, sizes):
    """A long session opened in its middle, and what is resident then and after as many live events."""
    opened, raw, then, live = [], [], [], []
    count = sizes["events"]
    with Runtime(build) as runtime:
        session = runtime.measure("ingest", runtime.dir, count, WINDOW, FRAME, 1)["measurement"]
        for number in range(options.rounds):
            seq = count // 2 + number
            raw.append(_followed(runtime, session, seq))
            took, screen = _opened(runtime, session, seq)
            with screen:
                opened.append(took)
                then.append(rss_mib(screen.pids()))
        for _ in range(min(options.rounds, 3)):
            with _tui(runtime) as screen:
                _on_stream(screen)
                _emitted(_started(runtime, count, sizes["fast"]))
                screen.tokens(count)
                live.append(rss_mib(screen.pids()))
    return [
        row(f"a session of {count} events, opened at its middle", opened, "s", OPEN_S_MAX, raw,
            "raw: vedette follow from there to its first line"),
        row("resident memory after that", then, "MiB", RSS_MIB_MAX, note="of all its processes together"),
        row(f"resident memory after {count} live events", live, "MiB", RSS_MIB_MAX, note="of all its processes together"),
    ]


def _answer_ms(screen, key, words):
    pressed = screen.press(key)
    return (screen.until(words, f"the answer to {key!r}", since=pressed) - pressed) * 1000


def _load(build, options, sizes):
    """What it costs while more comes than anyone can read, and whether it still listens."""
    cpu, answers = [], []
    for _ in range(options.rounds):
        with Runtime(build) as runtime, _tui(runtime) as screen:
            _on_stream(screen)
            producer = _started(runtime, LOAD_RATE * (sizes["seconds"] + 2), LOAD_RATE)
            screen.until(TOKEN.pattern, "an event")
            before, begun, latencies = sum(map(cpu_s, screen.pids())), time.monotonic(), []
            while time.monotonic() < begun + sizes["seconds"]:
                for key, words in (("?", HELP), ("\x1b", ON_STREAM)):
                    latencies.append(_answer_ms(screen, key, words))
                    time.sleep(0.1)
            cpu.append(100 * (sum(map(cpu_s, screen.pids())) - before) / (time.monotonic() - begun))
            answers.append(percentile(latencies, 0.95))
            _emitted(producer)
    return [row(f"CPU at {LOAD_RATE} events/s", cpu, "%", LOAD_CPU_MAX, note="of one core"),
            row("key to answer meanwhile, p95", answers, "ms", KEY_MS_MAX)]


PARTS = {"visible": _visible, "large": _large, "load": _load}


def run(options):
    sizes = {"seconds": 10, "events": 1000000, "fast": 40000}
    if options.quick:
        sizes = {"seconds": 2, "events": 50000, "fast": 20000}
    rows = []
    for name in options.only.split(",") if options.only else PARTS:
        if name not in PARTS:
            raise SystemExit(f"bench: tui has no part {name}; there are {', '.join(PARTS)}")
        rows += PARTS[name](options.build, options, sizes)
    return rows
