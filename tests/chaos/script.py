"""script.py: the language that scripts of faults are written in.

    [after DURATION] FAULT TARGET [ARG...] [+ FAULT TARGET [ARG...]]...     # comment

1. Faults joined by + begin at once; a line is over when all of it is undone and recovered from.
2. Those of OWN are done by tests/chaos/run itself, all others by `vedette chaos`, which knows what they take.
"""
import re

DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# name: (part, words behind the target)
OWN = {
    "source_hang": ("source", "DURATION"),
    "source_lie": ("source", "KIND DURATION"),
    "source_flap": ("source", "DURATION"),
    "source_vanish": ("source", "DURATION"),
    "partition": ("network", "DURATION"),
    "one_way": ("network", "to|from DURATION"),
    "delay": ("network", "MS DURATION"),
    "half_open": ("network", "DURATION"),
    "reset": ("network", ""),
    "kill_producer": ("oracle", ""),
    "kill_reader": ("oracle", ""),
}
ENGINE = ("kill", "stop", "crash_loop", "missing_executable", "descriptors", "memory", "clock", "disk_full", "disk_error",
          "disk_slow", "garbage", "hostile")


class ScriptError(ValueError):
    """A line that cannot be understood; the text says which and why."""


def seconds(text):
    """`text` ("100ms", "2s", "1m", "1h") in seconds."""
    match = DURATION.match(text)
    if not match:
        raise ScriptError(f"{text!r} is no duration: a number and ms, s, m or h, as in 100ms")
    return float(match.group(1)) * UNITS_S[match.group(2)]


class Fault:
    """One fault of a line."""

    def __init__(self, name, target, *args):
        self.name, self.target, self.args = name, target, [str(arg) for arg in args]

    @property
    def own(self):
        return self.name in OWN

    @property
    def part(self):
        return OWN[self.name][0]

    def __str__(self):
        return " ".join([self.name, self.target, *self.args])


class Line:
    """What begins at once, `after_s` seconds behind the line before."""

    def __init__(self, faults, after_s=0.0):
        self.faults, self.after_s = list(faults), after_s

    def __str__(self):
        after = f"after {round(self.after_s * 1000)}ms " if self.after_s else ""
        return after + " + ".join(map(str, self.faults))

    def engine(self):
        """What of it `vedette chaos` does, as a line; empty when that is nothing."""
        return " + ".join(str(fault) for fault in self.faults if not fault.own)

    def own(self):
        return [fault for fault in self.faults if fault.own]

    def kills(self):
        return sum(fault.name == "kill" for fault in self.faults)


def check_own(fault):
    words = OWN[fault.name][1].split()
    if len(fault.args) != len(words):
        raise ScriptError(f"{fault}: {fault.name} takes TARGET {' '.join(words)}")
    for word, arg in zip(words, fault.args):
        if word == "DURATION":
            seconds(arg)
        elif word == "MS" and not arg.isdigit():
            raise ScriptError(f"{fault}: {arg!r} is no number of milliseconds")
        elif "|" in word and arg not in word.split("|"):
            raise ScriptError(f"{fault}: {arg!r} is none of {word}")


def parse(text):
    """The Line that a line of a script says; None when there is nothing but a comment."""
    words = text.partition("#")[0].split()
    if not words:
        return None
    after_s = 0.0
    if words[0] == "after":
        if len(words) < 2:
            raise ScriptError(f"{text.strip()!r}: after needs a duration and a fault")
        after_s, words = seconds(words[1]), words[2:]
    faults = []
    for fault in (part.split() for part in " ".join("\n" if word == "+" else word for word in words).split("\n")):
        if len(fault) < 2:
            raise ScriptError(f"{text.strip()!r}: a fault needs a target, as in: kill ingestor")
        if fault[0] not in OWN and fault[0] not in ENGINE:
            raise ScriptError(f"{text.strip()!r}: {fault[0]} is none of {', '.join([*ENGINE, *OWN])}")
        faults.append(Fault(*fault))
        if faults[-1].own:
            check_own(faults[-1])
    return Line(faults, after_s)


def read(lines):
    """The Lines of a script."""
    for number, text in enumerate(lines, 1):
        try:
            line = parse(text)
        except ScriptError as error:
            raise ScriptError(f"line {number}: {error}") from None
        if line:
            yield line
