"""cli_harness.py: the command line in a directory of its own, for tests that use it as people do."""
import json
import os
import signal
import subprocess
import sys

from harness import Place, alive, wait_for  # noqa: F401 (the last two are for those who import this)


# Whoever ends a test early lets it clean up.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Home(Place):
    """A directory for a runtime; at the end nothing in it runs."""

    def __init__(self, binaries):
        super().__init__()
        self.bin, self.started = binaries, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.leave()
        self.close()

    def leave(self):
        """What is done before the directory goes."""
        self.run("down", "--timeout", "20s", code=None)

    def run(self, *arguments, code=0, text="", timeout_s=60):
        """Runs `vedette`; the exit code has to be `code` (None: any)."""
        done = Result(subprocess.run([os.path.join(self.bin, "vedette"), *arguments], input=text, text=True,
                                     capture_output=True, env=self.environment(), timeout=timeout_s, check=False))
        assert code is None or done.code == code, f"vedette {' '.join(arguments)}: wanted exit {code}, got {done}"
        if done.code != 0 and code is not None:
            assert done.err.startswith("vedette: ") or {"config", "doctor", "up"} & set(arguments), done
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json").out)

    def lines(self, *arguments):
        return [json.loads(line) for line in self.run(*arguments, "-o", "ndjson").out.splitlines()]

    def start(self, program, *arguments, **options):
        process = subprocess.Popen([os.path.join(self.bin, program), *arguments], env=self.environment(), **options)
        self.started.append(process)
        return process

    def actor(self, name):
        return next((row for row in self.json("ps") if row["name"] == name), {})


class Follower:
    """`vedette follow` in the background, its lines as they come."""

    def __init__(self, home, *arguments):
        self.path = os.path.join(home.holder.name, f"follow-{len(home.started)}")
        with open(self.path, "wb") as out:
            self.process = home.start("vedette", "follow", *arguments, "-o", "ndjson", stdout=out,
                                      stderr=subprocess.PIPE)

    def events(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


def gapless(events):
    return [event["seq"] for event in events] == list(range(1, len(events) + 1))
