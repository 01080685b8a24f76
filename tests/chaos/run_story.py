"""run_story.py: the session of a run in the store that it harms: how it begins and ends, and the faults of its own.

1. Events are written by a thread, in order, each once: nobody waits for a store that is just being killed.
2. What could not be written by the end is an error.
"""
import datetime
import os
import queue
import threading
import time

import vedette

END_S = 60.0
EMIT_S = 30.0
RETRY_S = 0.1


class Story:
    def __init__(self, directory, seed, command):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.session = f"chaos-{now:%Y%m%dT%H%M%S}-{os.getpid()}"
        self.queue, self.directory, self.giving_up = queue.Queue(), directory, threading.Event()
        self.count, self.written, self.error = 0, 0, ""
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()
        self.tell("session_started", {"name": "chaos", "command": command, "labels": {"seed": str(seed)}, "owner": False})

    def tell(self, type_, data):
        self.count += 1
        self.queue.put((type_, data, f"{self.session}-{self.count}"))

    def fault(self, record):
        """A phase of a fault as an event."""
        self.tell(f"fault_{record['phase']}", {key: value for key, value in record.items()
                                               if key not in ("phase", "by") and value is not None})

    def begun(self, timeout_s=60.0):
        """Waits until the session is there: acknowledged, and in the store for who asks, which an ingestor with a defect may
        do later."""
        deadline = time.monotonic() + timeout_s
        with vedette.Client(self.directory) as client:
            while self.queue.unfinished_tasks or not self._is_stored(client):
                assert time.monotonic() < deadline, f"session {self.session} cannot be begun: {self.error}"
                time.sleep(0.01)

    def _is_stored(self, client):
        try:
            return bool(client.sessions(session=self.session))
        except vedette.Error as error:
            self.error = str(error)
            return False

    def end(self, good, text, timeout_s=END_S):
        """Ends the session; returns what is wrong with it, or an empty text."""
        self.tell("session_ended", {"status": "completed" if good else "failed", "text": text})
        self.queue.put(None)
        self.thread.join(timeout_s)
        self.giving_up.set()
        missing = self.count - self.written
        return f"session {self.session} is not whole, {missing} events are missing: {self.error}" if missing else ""

    def _write(self):
        try:
            self._write_all()
        except Exception as error:  # whatever it is, it is told at the end, and not by a thread that nobody looks at
            self.error = f"{type(error).__name__}: {error}"

    def _write_all(self):
        with vedette.Client(self.directory) as client:
            producer = None
            while (event := self.queue.get()) is not None:
                while not self.giving_up.is_set():
                    try:
                        producer = producer or client.producer("chaos-run", EMIT_S)
                        producer.emit(event[0], event[1], self.session, EMIT_S, record=event[2])
                        self.written += 1
                        break
                    except vedette.Error as error:
                        self.error = str(error)
                        producer = self._again(producer)
                self.queue.task_done()
            if producer:
                producer.link.close()

    @staticmethod
    def _again(producer):
        if producer:
            producer.link.close()
        time.sleep(RETRY_S)
