"""told.py: every event of a session as it becomes visible, for tests that tell stories of it."""
import threading
import time

from harness import vedette, wait_for


class Events:
    """Everything of the session, as it becomes visible: (time of arrival, event)."""

    def __init__(self, directory):
        self.client = vedette.Client(directory)
        self.all = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        follower = self.client.follow(start="start", position=vedette.Position())
        while not self.stopped.is_set():
            event = follower.next(0.05)
            if event is not None:
                self.all.append((time.monotonic(), event))

    def close(self):
        self.stopped.set()
        self.thread.join()
        self.client.close()

    def of(self, observer):
        return [event for _, event in list(self.all) if (event.cause or {}).get("observer") == observer]

    def find(self, kind, since=0, **fields):
        """The first event of this type after the sequence `since` whose data has these fields, with its arrival."""
        for arrived, event in list(self.all):
            if event.seq > since and event.type == kind and all(event.data.get(k) == v for k, v in fields.items()):
                return arrived, event
        return None

    def wait(self, kind, since=0, timeout_s=20.0, **fields):
        return wait_for(f"{kind} {fields}", lambda: self.find(kind, since, **fields), timeout_s)

    def last(self):
        return self.all[-1][1].seq if self.all else 0
