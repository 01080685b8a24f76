"""reading_harness.py: a runtime with sources of its own, read by standing reads that a test asks for."""
import os
import sys

import msgpack

from cli_harness import Home, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "protocol", "python"))
import vedette  # noqa: E402


def toml(sources):
    """Rows of [[providers.static.sources]]."""
    rows = []
    for source in sources:
        rows.append("[[providers.static.sources]]")
        rows += [f"{key} = '''{value}'''" for key, value in source.items()]
    return "\n".join(rows) + "\n"


class Reading:
    """`vedette up` with these sources; stand() asks for reads as an observer does."""

    def __init__(self, binaries, sources, config="", environment=None):
        self.home = Home(binaries)
        self.sources = sources
        self.text = config + "\n" + toml(sources)
        self.environment = environment or {}
        self.client = None

    def __enter__(self):
        self.home.__enter__()
        path = os.path.join(self.home.holder.name, "vedette.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)
        os.environ.update(self.environment)
        try:
            self.home.run("up", "-c", path, "--detach", "--wait")
        finally:
            for name in self.environment:
                del os.environ[name]
        self.client = vedette.Client(self.home.dir)
        return self

    def __exit__(self, *details):
        self.client.close()
        self.home.__exit__(*details)

    def source(self, name):
        """The record of a source that has a poller."""
        def ready():
            rows = [row for row in self.client.membership()["sources"] if row["name"] == name and row.get("poller")]
            return rows and rows[0]
        return wait_for(f"source {name} has a poller", ready)

    def _read(self, name, op, target, **more):
        source = self.source(name)
        args = {"args": more.pop("args")} if "args" in more else {}
        return source["poller"], {"source": name, "source_inc": source["inc"], "adapter": source["adapter"],
                                  "address": source.get("address", ""), "auth": source.get("auth", ""), "op": op,
                                  "target": target, **args, **more}

    def stand(self, name, op, target, interval_ms=200, observer="test", lease_ms=600000, **more):
        """Begins a standing read, or renews it; returns (poller, feed)."""
        poller, read = self._read(name, op, target, interval_ms=interval_ms, **more)
        answer = self.client.request(poller, "requests", "STAND", {"observer": observer, "inc": 1, "lease_ms": lease_ms,
                                                                   "reads": [read]})
        row, = answer["readings"]
        assert row["status"] == "ok", row
        return poller, row["feed"]

    def once(self, name, op, target, timeout_s=30.0, **more):
        """One sample; without a deadline of its own the read may wait long for its turn."""
        more.setdefault("deadline_ms", 20000)
        poller, read = self._read(name, op, target, **more)
        answer = self.client.request(poller, "requests", "READ_ONCE", {"reads": [read]}, timeout_s=timeout_s, once=True)
        return {"status": "", "error": "", "meta": {}, "content": b"", **msgpack.unpackb(answer.payload, strict_map_key=False)}

    def readings(self):
        """{feed: row} of all pollers."""
        pollers = {row["name"] for row in self.client.membership()["actors"] if row["kind"] == "poller"}
        return {row["feed"]: row for name in pollers for row in self.client.get(name, "requests", "readings")}

    def newest(self, poller, feed):
        """The newest sample of a feed, or None."""
        return self.client.get(poller, "requests", feed)

    def listed(self, name):
        """The row of `vedette source ls -o json`."""
        return next(row for row in self.home.json("source", "ls") if row["name"] == name)

    def logs(self):
        return self.home.run("logs").out

    def pid(self, actor):
        return self.home.actor(actor).get("pid", 0)
