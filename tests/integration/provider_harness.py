"""provider_harness.py: a whole runtime whose sources come and go, and what it says of them."""
import json
import os

from cli_harness import Home, wait_for
from harness import DEADLINE_S, vedette

QUIET = "[observers.host]\nenabled = false\n[observers.services]\nenabled = false\n"


def listed(*names, address="/", **more):
    return json.dumps([{"name": name, "address": address, **more} for name in names])


class Runtime(Home):
    """A home with a configuration, a file with sources, and a client."""

    def __init__(self, config, binaries):
        super().__init__(binaries)
        self.top, self.file = self.holder.name, self.path("nodes.json")
        self.configure(config)
        os.makedirs(self.dir, exist_ok=True)
        self.client = vedette.Client(self.dir)

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *error):
        if error[0] is not None:
            print(self.run("logs", "-n", "40", code=None).out)
        self.client.close()
        super().__exit__(*error)

    def up(self):
        self.run("up", "-c", self.config, "--detach", "--wait", "-q")

    def write(self, text):
        """In place, as an editor that is in no hurry."""
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def replace(self, text):
        with open(self.file + ".fresh", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.file + ".fresh", self.file)

    def sources(self, provider="nodes"):
        return {row["name"]: row for row in self.client.membership()["sources"] if row["provider"] == provider}

    def provider(self, name="nodes"):
        return next((row for row in self.client.membership()["providers"] if row["name"] == name), {})

    def wait_names(self, *names, provider="nodes", timeout_s=DEADLINE_S):
        return wait_for(f"{provider} lists {names}",
                        lambda: sorted(self.sources(provider)) == sorted(names) and [self.sources(provider)],
                        timeout_s)[0]

    def wait_error(self, text, provider="nodes"):
        return wait_for(f"{provider} tells: {text}",
                        lambda: text in self.provider(provider).get("error", "") and self.provider(provider))

    def pids(self):
        return {row["name"]: row["pid"] for row in self.json("ps") if row.get("pid")}

    def observed(self, observer="host"):
        return sorted(row["name"] for row in self.client.snapshot(observer)["sources"])
