"""run_engine.py: `vedette chaos run --script -` as a process that is given one line at a time."""
import json
import os
import queue
import signal
import subprocess
import threading

END_S = 90.0


class EngineError(AssertionError):
    """It has ended, or says what nobody understands; the text has its stderr."""


class Engine:
    """The process; it writes what it does into `session`. It does not hear the Ctrl-C of its terminal: end() tells it."""

    def __init__(self, world, session):
        self.said, self.errors = queue.Queue(), world.path("chaos-run.err")
        with open(self.errors, "wb") as errors:
            self.process = world.start("vedette", "chaos", "run", "--script", "-", "-o", "ndjson", "--session", session,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                       start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            try:
                self.said.put(json.loads(line))
            except ValueError:
                self.said.put({"phase": "nonsense", "text": line})
        self.said.put(None)

    def begin(self, line):
        """Has it do a line; `take` gives what it says of it, up to the record with phase "line"."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise EngineError(self.why()) from None

    def take(self):
        """What it has said, record by record."""
        while True:
            try:
                record = self.said.get_nowait()
            except queue.Empty:
                return
            if record is None:
                raise EngineError(self.why())
            if record["phase"] == "nonsense":
                raise EngineError(f"vedette chaos run says {record['text']!r}, which is no JSON")
            yield record

    def why(self):
        code = self.process.wait(END_S)
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            text = file.read()[-2000:].strip()
        return f"vedette chaos run has ended: exit {code}: {text or 'it says nothing'}"

    def end(self, early=False):
        """Lets it end, `early` with everything undone at once; its exit code, and what it said at last."""
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                if early:
                    self.process.send_signal(signal.SIGINT)
            except OSError:
                pass  # it has just ended
        try:
            code = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)  # its keeper undoes what is left
            code = self.process.wait()
        self.reader.join(10)
        rest = []
        while not self.said.empty():
            rest.append(self.said.get())
        return code, [record for record in rest if record]
