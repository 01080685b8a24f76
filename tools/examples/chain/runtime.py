"""runtime.py: a runtime of Vedette of one's own, through its command line: started, asked, followed and stopped.

1. It dies with this process, however that ends; everything of it lies in the directory that is given.
2. Every event of the session is kept, and handed to `heard` as it comes, in a thread of its own.
"""
import json
import os
import shutil
import signal
import subprocess
import threading

import hsd_net
from hsd_install import HsdError

STOP_S = 20.0


def find_binaries(given):
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    places = [given] if given else [os.path.join(top, "build", preset, "bin") for preset in ("release", "debug")]
    for place in places:
        if os.access(os.path.join(place, "vedette"), os.X_OK):
            return place
    found = None if given else shutil.which("vedette")
    return os.path.dirname(found) if found else None


class Runtime:
    def __init__(self, binaries, directory, config):
        self.program = os.path.join(binaries, "vedette")
        self.dir = os.path.join(directory, "d")
        self.config = os.path.join(directory, "vedette.toml")
        self.log = os.path.join(directory, "vedette.log")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)
        self.events = []
        self.up = self.follower = self.thread = None

    def spawn(self, *arguments, stdout):
        with open(self.log, "ab") as log:
            return subprocess.Popen([self.program, *arguments, "--dir", self.dir], stdin=subprocess.DEVNULL,
                                    stdout=stdout or log, stderr=log, text=True, preexec_fn=hsd_net.die_with_parent,
                                    start_new_session=True)  # Ctrl-C is ours to look at

    def start(self, observers, heard):
        self.up = self.spawn("up", "-c", self.config, stdout=None)
        hsd_net.wait_until("the runtime is up", self.is_ready)
        for name in observers:
            hsd_net.wait_until(f"the observer {name} runs", lambda n=name: self.ask("snapshot", n) is not None)
        self.follower = self.spawn("follow", "--from", "start", "-o", "ndjson", stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.listen, args=(heard,), daemon=True)
        self.thread.start()

    def is_ready(self):
        if self.up.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                raise HsdError(f"vedette up has ended with {self.up.returncode}: {file.read()[-1000:]}")
        return self.ask("status") is not None

    def listen(self, heard):
        for line in self.follower.stdout:
            event = json.loads(line)
            self.events.append(event)
            heard(event)

    def ask(self, *words):
        """The JSON that a command prints; None when it fails."""
        done = subprocess.run([self.program, *words, "-o", "json", "--dir", self.dir], capture_output=True, text=True,
                              check=False, start_new_session=True)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def of(self, kind):
        return [event["data"] for event in list(self.events) if event["type"] == kind]

    def close(self):
        for process in (self.follower, self.up):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if self.thread:
            self.thread.join()
