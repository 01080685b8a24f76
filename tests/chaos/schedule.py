"""schedule.py: what a seed means: lines of faults, the same ones from the same seed and cast, on every machine.

1. Every actor of the cast is killed about as often as every other: they come in rounds, each in an order of its own.
2. Between the kills come the other faults, likewise in rounds, so that one of each kind comes soon.
3. Nothing here looks at a clock or a machine.
"""
import random

from script import ENGINE, OWN, Fault, Line, ScriptError

PAIR_IN = 8  # one kill in so many is of two actors at once
BESIDE_IN = 3  # one other fault in so many has a kill beside it
KILLS_BETWEEN = 4  # so many kills, then another fault
# What stands still for long holds everything up: rarely.
STOPS = ("100ms", "100ms", "300ms", "300ms", "1s", "1s", "3s", "30s")
LIES = ("wrong", "type", "truncated", "huge", "json")


class Cast:
    """Who takes part. Names in tuples, in a given order."""

    def __init__(self, actors, sources, links, ports, parts=("producer", "reader")):
        self.actors, self.sources, self.links, self.ports, self.parts = actors, sources, links, ports, parts

    @property
    def children(self):
        return tuple(name for name in self.actors if name != "supervisor")

    @property
    def asked(self):
        """Those that answer requests: they would feel a limit, and can be asked for their time."""
        return tuple(sorted({port.partition(".")[0] for port in self.ports}))


def _any(maker, names):
    return maker.choice(sorted(names))


def one(maker, cast, name):
    """A fault of this name, at a target that it has and with what it takes."""
    child, source = _any(maker, cast.children), _any(maker, cast.sources)
    link = _any(maker, cast.links) if cast.links else ""
    port, asked = _any(maker, cast.ports), _any(maker, cast.asked)
    makers = {
        "stop": lambda: (child, maker.choice(STOPS)),
        "crash_loop": lambda: (child, maker.randint(3, 6)),
        "missing_executable": lambda: (child, "500ms"),
        "descriptors": lambda: (asked, maker.choice((1, 32)), "500ms"),
        "memory": lambda: (asked, maker.choice((1 << 17, 1 << 18)), "500ms"),
        "clock": lambda: (maker.choice(("all", asked)), maker.choice(("+1h", "-1h")), "1s"),
        "disk_full": lambda: ("ingestor", maker.choice(("300ms", "1s"))),
        "disk_error": lambda: ("ingestor", maker.choice(("300ms", "1s"))),
        "disk_slow": lambda: ("ingestor", maker.choice((20, 100)), "1s"),
        "garbage": lambda: (port, maker.choice((100, 1000))),
        "hostile": lambda: (port, maker.choice((100, 1000))),
        "source_hang": lambda: (source, "1s"),
        "source_lie": lambda: (source, maker.choice(LIES), "500ms"),
        "source_flap": lambda: (source, "1s"),
        "source_vanish": lambda: (source, "500ms"),
        "partition": lambda: (link, maker.choice(("300ms", "1s", "3s"))),
        "one_way": lambda: (link, maker.choice(("to", "from")), maker.choice(("300ms", "1s", "3s"))),
        "delay": lambda: (link, maker.choice((20, 200)), "1s"),
        "half_open": lambda: (link, "1s"),
        "reset": lambda: (link,),
        "kill_producer": lambda: (cast.parts[0],),
        "kill_reader": lambda: (cast.parts[1],),
    }
    return Fault(name, *makers[name]())


def others(cast, wanted=None):
    """The names of all faults but kill that this cast can have; `wanted` names some, else all."""
    names = [name for name in (*ENGINE, *OWN) if name != "kill"]
    if not cast.links:
        names = [name for name in names if OWN.get(name, ("",))[0] != "network"]
    unknown = [name for name in wanted or () if name not in names and name != "kill"]
    if unknown:
        raise ScriptError(f"{unknown[0]} is none of kill, {', '.join(names)}")
    return tuple(name for name in names if not wanted or name in wanted)


def _rounds(maker, names):
    """The names for ever, each round in another order."""
    while True:
        names = list(names)
        maker.shuffle(names)
        yield from names


def lines(seed, cast, wanted=None):
    """The lines of a seed, without end. `wanted`: names of faults, kill among them or not; None for all."""
    maker = random.Random(seed)
    names, kills = others(cast, wanted), not wanted or "kill" in wanted
    victims, rest = _rounds(maker, cast.actors), _rounds(maker, names)
    while True:
        for _ in range(KILLS_BETWEEN if kills else 0):
            line = [Fault("kill", next(victims))]
            if maker.randrange(PAIR_IN) == 0:
                second = next(victims)
                line += [Fault("kill", second)] if second != line[0].target else []
            yield Line(line)
        if not names:
            continue
        name = next(rest)
        line = [one(maker, cast, name)]
        if kills and name in OWN and maker.randrange(BESIDE_IN) == 0:
            line.append(Fault("kill", _any(maker, cast.children)))
        yield Line(line)


def until_kills(count, endless):
    """As many lines as bring `count` kills in all."""
    done = 0
    for line in endless:
        if done >= count:
            return
        done += line.kills()
        yield line


def tier(seed, cast, kills):
    """One fault of each kind, the clock both ways, every lie; at least `kills` kills, and each actor at least once."""
    maker = random.Random(seed)
    faults = [one(maker, cast, name) for name in others(cast) if name not in ("stop", "clock", "source_lie")]
    faults += [Fault("clock", "all", jump, "1s") for jump in ("+1h", "-1h")]
    faults += [Fault("stop", _any(maker, cast.children), length) for length in ("100ms", "2s")]
    faults += [Fault("source_lie", _any(maker, cast.sources), kind, "300ms") for kind in LIES]
    victims = _rounds(maker, cast.actors)
    deaths = [Fault("kill", next(victims)) for _ in range(max(kills, len(cast.actors)))]
    found = [Line([fault]) for fault in faults]
    found += [Line([death]) for death in deaths]
    maker.shuffle(found)
    return found
