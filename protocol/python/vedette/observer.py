"""An observer of one's own, in Python: a program that the supervisor runs like those that come with Vedette.

    from vedette import observer

    class Lines(observer.Observer):
        name, summary, kinds = "lines", "The first line of a file.", "lines_changed"

        def reads(self, state, samples, source):
            return [observer.Read("read", "/etc/hostname")] if source.adapter == "file" else []

        def turn(self, state, samples, turn):
            for sample in samples:
                if sample.ok and state.get(sample.source) != sample.text:
                    turn.event("lines_changed", {"source": sample.source, "line": sample.text}, sample)

        def apply(self, state, event):
            state[event.data["source"]] = event.data["line"]

    if __name__ == "__main__":
        observer.main(Lines())

1. State is what the committed events say: `apply` is the only function that changes it, with exactly the events that turns
   wrote, once each, in order, after they are on disk; after a restart the stored ones are applied again to a fresh state.
2. `turn` compares the samples with the state and writes the events that lead from one to the other. It changes nothing.
3. No function sleeps, opens a socket or a file, or starts a thread. Time comes in samples and in turn.now_ms.
4. A turn that raises is told as an error with its text; the last good snapshot stays.
"""

import os
import sys
import traceback

from . import layout as _layout
from .observing import options as _options
from .observing.options import Key
from .observing.samples import Read, Sample, Samples, Source
from .observing.turn import Turn

__all__ = ["Key", "Observer", "Read", "Sample", "Samples", "Source", "Turn", "main"]


class Observer:
    name = ""      # also the actor's, unless it is run under another one
    summary = ""   # one sentence
    kinds = ""     # the event types that it may write, separated by spaces
    version = 1    # of what save gives and of what apply makes of events: raised when either changes
    config = {}    # its own keys: {"file": Key("/etc/hostname", "what is read")}
    queries = {}   # what it offers to be asked: {"port": ("PORT", "the services that listen on this port")}
    layout = None  # how the snapshot is shown (LAYOUTS.md): {"elements": [{"text": "{count} services"}]}; None: as a tree

    def start(self, config):
        """A fresh state from the configuration (a dict of every key): plain data, which MessagePack can hold."""
        return {}

    def reads(self, state, samples, source):
        """The standing reads of one source, a list of Read; none: the source is not observed."""
        return []

    def turn(self, state, samples, turn):
        """Writes events with turn.event(type, data, sample) and asks for further reads with turn.read(...)."""

    def apply(self, state, event):
        """Changes the state as the event (type, data, ts, seq, session) says."""

    def view(self, state, samples):
        """What the snapshot shows as `state`."""
        return state

    def query(self, state, samples, name, args):
        """The answer to a query of `queries`; raises ValueError for arguments that do not fit."""
        raise ValueError("no such query")

    def save(self, state):
        """The state as one value, for the session that goes on from this one."""
        return state

    def load(self, value):
        """The state of a value that save() gave; start() was called before."""
        return value


def main(observer, arguments=None):
    """The main function of an observer's process. Does not return."""
    if observer.layout is not None:
        try:
            _layout.check(observer.layout)
        except _layout.LayoutError as problem:
            print(f"{observer.name}: {problem}", file=sys.stderr)
            sys.exit(_options.CONFIG)
    options, config = _options.read(observer, arguments)
    from .observing.host import Host  # what only checks its configuration opens nothing
    code = 1
    try:
        code = Host(observer, options, config).run()
    except SystemExit as end:
        print(end, file=sys.stderr)
    except Exception:  # a defect: the supervisor starts it again, and its state comes from the stored events
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)  # the thread that waits for the ingestor ends with the process
