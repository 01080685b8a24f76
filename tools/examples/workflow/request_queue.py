"""request_queue.py: a queue of requests to an HTTP provider: the most needed first, equal ones joined, failed ones sent again.

Each step is told as it is done, as the groups queue and provider of the catalogue have it.
"""
import heapq
import http.client
import itertools
import json
import threading
import time
import urllib.error
import urllib.request

WORKERS = 3
ATTEMPTS = 5
BACKOFF_MS = 40  # twice as long each time
TIMEOUT_S = 10.0


class Refused(Exception):
    """The provider says no, and will say so again."""


class Unreachable(Exception):
    """There is no provider."""


def now_ms():
    return time.monotonic_ns() // 1_000_000


class Request:
    """One call for one content; `done` when its answer is there, or `error` says why there is none."""

    def __init__(self, name, priority, payload):
        self.name, self.priority, self.payload = name, priority, payload
        self.enqueued_ms, self.done = now_ms(), threading.Event()
        self.answer = self.error = None


class Queue:
    def __init__(self, tell, url):
        self.tell, self.url = tell, url
        self.numbers, self.heap, self.open = itertools.count(1), [], {}
        self.processing = self.completed = self.failed = self.deduplicated = 0
        self.changed = threading.Condition()
        for number in range(WORKERS):
            threading.Thread(target=self.work, name=f"worker {number}", daemon=True).start()

    def add(self, wanted):
        """Takes [(node, priority, payload), ...] as one: {node: Request}. Equal payloads are asked for once."""
        requests = {}
        with self.changed:
            for node, priority, payload in wanted:
                name = f"r{next(self.numbers)}"
                key = json.dumps(payload, sort_keys=True)
                there = self.open.get(key)
                self.tell("request_enqueued", request=name, node=node, priority=priority,
                          pending=len(self.heap) + 1)
                if there:
                    self.deduplicated += 1
                    self.tell("request_deduplicated", request=name, joined=there.name)
                else:
                    there = self.open[key] = Request(name, priority, payload)
                    heapq.heappush(self.heap, (-priority, int(name[1:]), key))
                requests[node] = there
            self.changed.notify_all()
        return requests

    def stats(self):
        with self.changed:
            self.tell("queue_stats", pending=len(self.heap), processing=self.processing, completed=self.completed,
                      failed=self.failed, deduplicated=self.deduplicated)

    def work(self):
        while True:
            with self.changed:
                while not self.heap:
                    self.changed.wait()
                key = heapq.heappop(self.heap)[2]
                request = self.open[key]
                self.processing += 1
                self.tell("request_processing", request=request.name, waited_ms=now_ms() - request.enqueued_ms)
            try:
                request.answer = self.ask(request)
            except (Refused, Unreachable) as error:
                request.error = error
            with self.changed:
                self.processing -= 1
                self.completed += request.error is None
                self.failed += request.error is not None
                del self.open[key]
            request.done.set()

    def ask(self, request):
        """Sends it, and sends it again when that may help."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.send(request, attempt)
            except (ConnectionError, TimeoutError, urllib.error.URLError, http.client.HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    raise Refused(f"the provider refuses it: {error.code} {error.read().decode(errors='replace')}") from None
                reason = self.reason(error)
                if attempt == ATTEMPTS:
                    there = isinstance(error, urllib.error.HTTPError)
                    kind = Refused if there else Unreachable
                    raise kind(f"the provider has failed {ATTEMPTS} times, the last time: {reason}") from None
                delay_ms = BACKOFF_MS << attempt - 1
                self.tell("provider_request_retrying", provider="compose", request=request.name, attempt=attempt + 1,
                          delay_ms=delay_ms, error=reason)
                time.sleep(delay_ms / 1000)
        raise AssertionError("the last attempt returns or raises")

    @staticmethod
    def reason(error):
        if isinstance(error, urllib.error.HTTPError):
            return f"HTTP {error.code}"
        return str(getattr(error, "reason", error))

    def send(self, request, attempt):
        body = json.dumps(request.payload).encode()
        names = {"provider": "compose", "request": request.name}
        self.tell("provider_request_sent", **names, attempt=attempt, size_bytes=len(body))
        begun = now_ms()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body), timeout=TIMEOUT_S) as answer:
                data = answer.read()
        except (ConnectionError, TimeoutError, urllib.error.URLError, http.client.HTTPException) as error:
            self.tell("provider_request_failed", **names, error=self.reason(error), attempt=attempt,
                      duration_ms=now_ms() - begun)
            raise
        self.tell("provider_response_received", **names, duration_ms=now_ms() - begun, size_bytes=len(data))
        return data.decode()
