#!/usr/bin/python3
"""own_observer.py: an observer in Python for tests: the lines of a file, told one by one; it can be asked, asks back, and
fails where the file says so."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "protocol", "python"))
from vedette import observer  # noqa: E402


class Own(observer.Observer):
    name = "own"
    summary = "The lines of a file, as they come."
    kinds = "line_added"
    config = {"file": observer.Key("/dev/null", "the file"), "other": observer.Key("/dev/null", "read when it is asked for")}
    queries = {"line": ("NUMBER", "the line of this number, from 1"), "odd": ("WAY", "what cannot be told: as text, number or set")}
    layout = {"elements": [{"table": "lines", "columns": [{"title": "line", "value": "item"}]}]}

    def start(self, config):
        self.file, self.other = config["file"], config["other"]
        return {"lines": []}

    def reads(self, state, samples, source):
        return [observer.Read("read", self.file, keep=2)] if source.adapter == "file" else []

    def turn(self, state, samples, turn):
        for source in samples.sources:
            sample = samples.find(source.name, "read", self.file)
            if sample is None or not sample.ok:
                continue
            lines = sample.text[:sample.text.rfind("\n") + 1].splitlines()  # the last one may be half written
            if "bad" in lines:
                raise RuntimeError("there is a bad line: \ud800, " + "\0" * 2000)
            for line in lines[len(state["lines"]):]:
                answer = samples.find(source.name, "read", self.other)
                if line == "ask" and answer is None:
                    turn.read(source.name, "read", self.other)
                    return
                text = answer.text.strip() if line == "ask" else line
                if not turn.event("line_added", {"line": text}, sample):
                    return

    def apply(self, state, event):
        state["lines"].append(event.data["line"])

    def view(self, state, samples):
        return {"count": len(state["lines"]), "last": state["lines"][-1] if state["lines"] else None}

    def query(self, state, samples, name, args):
        if name == "odd":
            return {"text": "\ud800", "number": 1 << 70, "set": set()}[args[0]]
        number, = args
        if number < 1:
            raise ValueError("lines count from 1")
        return state["lines"][number - 1]


if __name__ == "__main__":
    observer.main(Own())
