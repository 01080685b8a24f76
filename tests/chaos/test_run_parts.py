#!/usr/bin/python3
"""test_run_parts.py: the parts of tests/chaos/run that need no runtime: the language of scripts, what a seed means, the tables,
what it takes for a problem, and what it is asked to do."""
import contextlib
import importlib.machinery
import importlib.util
import io
import itertools
import os
import shlex
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, part) for part in ("tests/chaos", "protocol/python")]
import book  # noqa: E402
import network  # noqa: E402
import oracle  # noqa: E402
import run_core  # noqa: E402
import run_faults  # noqa: E402
import run_story  # noqa: E402
import schedule  # noqa: E402
import script  # noqa: E402
import tables  # noqa: E402

CAST = schedule.Cast(("broker", "ingestor", "raft", "supervisor"), ("m1", "m2"), ("relay",), ("broker.control", "ingestor.emit"))


def words(lines):
    return [str(line) for line in lines]


def first(seed, count, **more):
    return words(itertools.islice(schedule.lines(seed, CAST, **more), count))


class Script(unittest.TestCase):
    def test_a_line_is_read_as_it_is_written(self):
        for text in ("kill ingestor", "clock all +1h 300ms + kill raft", "after 1500ms source_lie m1 json 1s",
                     "source_hang m1 1s + source_flap m2 2s + stop broker 100ms"):
            self.assertEqual(str(script.parse(text)), text)
        line = script.parse("  after 2s kill raft + source_hang m1 1s + stop broker 1s  # why")
        self.assertEqual((line.after_s, line.engine(), words(line.own()), line.kills()),
                         (2.0, "kill raft + stop broker 1s", ["source_hang m1 1s"], 1))

    def test_nothing_is_no_line(self):
        self.assertEqual(words(script.read(["", "# kill ingestor", "  ", "kill raft"])), ["kill raft"])

    def test_what_cannot_be_understood_says_where_and_why(self):
        for text, wanted in (("kil ingestor", "kil is none of kill"), ("kill", "needs a target"), ("after kill", "no duration"),
                             ("after 1s", "needs a target"), ("source_hang m1", "takes TARGET DURATION"),
                             ("source_hang m1 1x", "'1x' is no duration"), ("one_way relay up 1s", "none of to|from"),
                             ("delay relay 1s 1s", "no number of milliseconds"), ("kill a + + kill b", "needs a target")):
            with self.assertRaises(script.ScriptError) as caught:
                list(script.read(["kill raft", text]))
            self.assertIn(wanted, str(caught.exception))
            self.assertIn("line 2", str(caught.exception))


class Schedule(unittest.TestCase):
    def test_a_seed_means_the_same_lines(self):
        self.assertEqual(first(7, 200), first(7, 200))
        self.assertNotEqual(first(7, 200), first(8, 200))
        self.assertEqual(first(7, 50), first(7, 200)[:50])

    def test_all_lines_can_be_read_again(self):
        for text in first(3, 500) + words(schedule.tier(3, CAST, 20)):
            self.assertEqual(str(script.parse(text)), text)

    def test_every_actor_is_killed_as_often_as_every_other(self):
        killed = [fault.target for line in schedule.until_kills(100, schedule.lines(5, CAST, ("kill",))) for fault in line.faults]
        counts = {name: killed.count(name) for name in CAST.actors}
        self.assertTrue(100 <= sum(counts.values()) <= 101 and max(counts.values()) - min(counts.values()) <= 2, counts)

    def test_every_kind_comes_soon(self):
        kinds = {fault.name for line in itertools.islice(schedule.lines(1, CAST), 150) for fault in line.faults}
        self.assertEqual(kinds, {*script.ENGINE, *script.OWN})

    def test_wanted_faults_come_alone(self):
        kinds = {fault.name for line in itertools.islice(schedule.lines(1, CAST, ("stop", "reset")), 50) for fault in line.faults}
        self.assertEqual(kinds, {"stop", "reset"})
        with self.assertRaises(script.ScriptError):
            next(schedule.lines(1, CAST, ("flood",)))

    def test_without_links_nothing_is_cut(self):
        cast = schedule.Cast(CAST.actors, CAST.sources, (), CAST.ports)
        self.assertFalse({"partition", "reset", "delay", "one_way", "half_open"} & set(schedule.others(cast)))

    def test_the_tier_has_one_of_each(self):
        for seed in range(20):
            faults = [fault for line in schedule.tier(seed, CAST, 22) for fault in line.faults]
            self.assertEqual({fault.name for fault in faults}, {*script.ENGINE, *script.OWN})
            self.assertEqual(sum(fault.name == "kill" for fault in faults), 22)
            self.assertEqual({fault.target for fault in faults if fault.name == "kill"}, set(CAST.actors))
            self.assertEqual({fault.args[0] for fault in faults if fault.name == "clock"}, {"+1h", "-1h"})
            self.assertEqual({fault.args[0] for fault in faults if fault.name == "source_lie"}, set(schedule.LIES))


def story(faults, number, fault, target, *phases, **more):
    for at, phase in enumerate(phases):
        faults.take({"phase": phase, "number": number, "fault": fault, "target": target, **(more if at == len(phases) - 1 else {})},
                    number, number + at / 10)


class Tables(unittest.TestCase):
    def test_percentiles_are_of_the_nearest_rank(self):
        self.assertEqual([tables.percentile(range(1, 101), share) for share in (50, 99, 100)], [50, 99, 100])
        self.assertEqual([tables.percentile([3.0], share) for share in (50, 99, 100)], [3.0] * 3)
        self.assertIsNone(tables.percentile([], 50))

    def test_a_fault_is_good_when_it_came_through_all_phases(self):
        faults = tables.Faults()
        story(faults, 1, "kill", "raft", *tables.PHASES, detected_ms=2, recovered_ms=30)
        story(faults, 2, "kill", "raft", *tables.PHASES, detected_ms=4, recovered_ms=50)
        self.assertEqual((faults.problems(), faults.kills()), ([], 2))
        self.assertEqual(faults.recovery()[1:], [[name, "2", "2.0", "4.0", "4.0", "30.0", "50.0", "50.0"] for name in ("raft", "all")])
        story(faults, 3, "stop", "host", "injected", "undone", "recovered")
        story(faults, 4, "stop", "host", *tables.PHASES, "failed", text="it stands")
        story(faults, 5, "kill", "host", "injected")
        self.assertEqual(faults.problems(), ["line 3: stop host: never proved", "line 4: stop host: it stands",
                                             "line 5: kill host: never proved, undone, recovered"])
        self.assertEqual(faults.kills(), 2)
        self.assertEqual(faults.kinds()[2][:6], ["stop", "2", "1", "2", "2", "1"])

    def test_numbers_of_different_counters_do_not_meet(self):
        faults = tables.Faults()
        story(faults, 1, "kill", "raft", *tables.PHASES)
        for phase in tables.PHASES:
            faults.take({"by": "run", "phase": phase, "number": 1, "fault": "reset", "target": "relay"}, 2, 1.0)
        self.assertEqual([(row.fault, row.good) for row in faults.rows], [("kill", True), ("reset", True)])

    def test_rates_count_outside_of_recovery_windows_alone(self):
        rates = tables.Rates(100)
        for begin, end in ((0.0, 1.0), (3.0, 4.0)):
            rates.outside(begin)
            rates.inside(end)
        for at, rate in ((0.5, 110), (1.5, 0), (2.5, 20), (3.5, 90), (4.5, 5)):
            rates.sample(at, rate)
        told = rates.summary(5.0)
        self.assertEqual((told["mean"], told["min"], told["below_share"], told["outside_share"], told["windows"]),
                         (100.0, 90, 0.5, 0.4, 2))
        self.assertEqual(told["mean_of_all"], 45.0)
        self.assertEqual(tables.Rates(100).summary(1.0)["samples"], 0)

    def test_a_grid_has_its_columns_below_each_other(self):
        self.assertEqual(tables.grid([["a", "12"], ["bcd", "3"]]), "a    12\nbcd   3\n")


class Engine:
    """Says of each line what it is to say, and the rest at its end."""

    def __init__(self, said, rest=(), code=0):
        self.said, self.rest, self.code = said, rest, code

    def begin(self, line):
        pass

    def take(self):
        said, self.said = self.said, []
        return said

    def end(self, _):
        return self.code, self.rest

    def why(self):
        return f"exit {self.code}"


class Part:
    """A part of the oracle in whatever state."""

    def __init__(self):
        self.parts, self.life, self.count, self.now = {"durable": None}, 1, 5, 0.0

    def rate(self):
        return self.now

    def kill_reader(self):
        return "durable"

    def lives(self, _):
        return self.life

    def done(self, _):
        return self.count

    def check_alive(self):
        pass


def told(number, *phases, **more):
    return [{"phase": phase, "number": number, "fault": "kill", "target": "raft", **more} for phase in phases]


class Problems(unittest.TestCase):
    """What a run takes for one."""

    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp")
        self.addCleanup(self.holder.cleanup)
        self.oracle = Part()
        self.oracle.now = 100.0

    def after(self, text, said, rest=(), code=0):
        """The problems of a run of one line."""
        world = types.SimpleNamespace(path=lambda name: os.path.join(self.holder.name, name))
        run = run_core.Run(world, {}, self.oracle, 1, 100, 0.0, "", lambda _: None)
        self.addCleanup(run.script.close)
        self.addCleanup(run.phases.close)
        run.engine = Engine(said, rest, code)
        with mock.patch.object(run_core, "TICK_S", 0.0), mock.patch.object(run_core, "RATE_EACH_S", 0.0), \
                mock.patch.object(run_core, "BACK_S", 0.1):
            run.do(script.parse(text))
        run.end_engine()
        return run.problems

    def test_a_line_that_is_good_is_none(self):
        self.assertEqual(self.after("kill raft", [*told(1, *tables.PHASES), {"phase": "line", "ok": True}]), [])

    def test_a_fault_of_which_nothing_was_told(self):
        found = self.after("kill raft + kill raft", [*told(1, *tables.PHASES), {"phase": "line", "ok": True}])
        self.assertEqual(found, ["line 1: kill raft + kill raft: of 2 faults 1 were told"])

    def test_what_fails_behind_the_end_of_its_line(self):
        found = self.after("kill raft", [*told(1, *tables.PHASES), {"phase": "line", "ok": True}],
                           told(1, "failed", text="it is dead again"), 1)
        self.assertEqual(found, ["line 1: kill raft: it is dead again"])

    def test_a_problem_is_told_once(self):
        found = self.after("kill raft", [*told(1, "injected", "failed", text="it stands"), {"phase": "line", "ok": False}], code=1)
        self.assertEqual(found, ["line 1: kill raft: it stands"])

    def test_a_rate_that_does_not_come_back(self):
        said = [*told(1, *tables.PHASES), {"phase": "line", "ok": True}]
        self.oracle.now = 60.0  # slow, as a loaded machine may be
        self.assertEqual(self.after("kill raft", list(said)), [])
        self.oracle.now = 1.0
        self.assertIn("no more than 1/s are acknowledged", self.after("kill raft", list(said))[0])

    def test_a_story_that_cannot_be_written(self):
        for error in (TypeError("no such thing can be packed"), OSError("no socket")):
            client = mock.MagicMock()
            client.return_value.__enter__.return_value.producer.return_value.emit.side_effect = [None, error]
            with mock.patch.object(run_story.vedette, "Client", client):
                story = run_story.Story(self.holder.name, 1, "")
                story.begun()
                self.assertIn(f"2 events are missing: {type(error).__name__}: {error}",
                              (story.tell("fault_injected", {}), story.end(True, "", 10.0))[1])

    def test_a_reader_that_is_killed_recovers_when_it_is_shown_something_again(self):
        says = []
        fault = run_faults.make(types.SimpleNamespace(oracle=self.oracle), script.parse("kill_reader reader").faults[0], 1, says.append)
        steps = fault.steps()

        def phases():
            for _ in range(5):
                next(steps, None)
            return [record["phase"] for record in says]

        self.assertEqual(phases(), ["injected"])
        self.oracle.life = 2
        self.assertEqual(phases(), ["injected", "proved", "undone"])
        self.oracle.count = 3  # it goes back to what it has kept
        self.assertEqual(phases()[2:], ["undone"])
        self.oracle.count = 4  # the mark of its new life
        self.assertEqual(phases()[2:], ["undone"])
        self.oracle.count = 5
        self.assertEqual(phases()[2:], ["undone", "recovered"])


class Harm(run_faults.Fault):
    """Lasts for ten minutes; proof() does `prove`, and only the third look finds it undone."""

    def __init__(self, say, prove):
        super().__init__(None, script.parse("source_hang m1 10m").faults[0], 1, say)
        self.prove, self.there, self.looks = prove, False, 0

    def inject(self):
        self.there = True

    def proof(self):
        return self.prove()

    def undo(self):
        self.there = False

    def undone(self):
        self.looks += 1
        return not self.there and self.looks >= 3


class Early(unittest.TestCase):
    """A fault that is ended while it lasts."""

    def setUp(self):
        self.says = []

    def check(self, harm, *phases):
        self.assertFalse(harm.there)
        self.assertEqual([(record["phase"], record["text"]) for record in self.says[1:]], [*phases, ("undone", "early")])

    def test_its_end_undoes_it_and_waits_and_says_so(self):
        harm = Harm(self.says.append, lambda: "it is seen")
        steps = harm.steps()
        next(steps)
        steps.close()
        self.check(harm, ("proved", "it is seen"))

    def test_an_interrupt_inside_of_it_does_so_too(self):
        def interrupted():
            raise KeyboardInterrupt
        harm = Harm(self.says.append, interrupted)
        with self.assertRaises(KeyboardInterrupt):
            next(harm.steps())
        self.check(harm)

    def test_what_is_not_undone_in_time_is_not_said_to_be(self):
        harm = Harm(self.says.append, lambda: "")
        steps = harm.steps()
        next(steps)
        with mock.patch.object(run_faults, "EARLY_S", 0.0):
            steps.close()
        self.assertEqual([record["phase"] for record in self.says], ["injected"])


class Ports(unittest.TestCase):
    def test_a_process_draws_from_its_share(self):
        drawn = set(network.free_ports(50))
        self.assertEqual(len(drawn), 50)
        self.assertEqual({port % network.SHARES for port in drawn}, {(network.FREE_PORTS[0] + os.getpid()) % network.SHARES})

    def test_more_than_there_are_is_an_error(self):
        with self.assertRaises(OSError):
            network.free_ports(len(network.FREE_PORTS) // network.SHARES + 1)


def load_run():
    """tests/chaos/run, whose name says nothing of Python."""
    loader = importlib.machinery.SourceFileLoader("chaos_run", os.path.join(TOP, "tests", "chaos", "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Asked(unittest.TestCase):
    """The command line."""

    def setUp(self):
        self.run = load_run()
        self.holder = tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp")
        self.addCleanup(self.holder.cleanup)
        for name in ("vedette", "hasty"):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n")
            os.chmod(self.path(name), 0o755)

    def path(self, name):
        return os.path.join(self.holder.name, name)

    def options(self, *words):
        with mock.patch.object(sys, "argv", ["run", "--bin", self.holder.name, *words]):
            return self.run.options()

    def test_what_means_nothing_is_refused(self):
        for words, wanted in ((("--kills", "-3"), "--kills: '-3' is no number of 1 to"), (("--kills", "0"), "'0' is no number"),
                              (("--rate", "0"), "--rate: '0' is no number"), (("--rate", "fast"), "leave the option out"),
                              (("--for", "0s"), "--for: 0s is no time"), (("--ingestor", self.path("no")), "no such executable")):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as caught:
                self.options(*words)
            self.assertEqual(caught.exception.code, 2, words)
            self.assertIn(wanted, said.getvalue())

    def test_what_is_left_out_has_a_default(self):
        chosen = self.options()
        self.assertEqual((chosen.rate, sum(line.kills() for line in chosen.lines) // 2), (self.run.RATE, self.run.KILLS // 2))
        self.assertEqual(self.options("--tier").rate, self.run.TIER_RATE)
        self.assertEqual(self.options("--rate", "7").rate, 7)

    def test_again_means_the_same(self):
        with open(self.path("script"), "w", encoding="utf-8") as file:
            file.write("kill ingestor\n")
        for asked in (("--tier",), ("--rate", "500", "--ingestor", self.path("hasty"), "--network", "proxy", "--every", "1s")):
            first = self.options("--seed", "7", *asked)
            command, *more = shlex.split(self.run.again(first, self.path("script")))
            self.assertEqual((command, more[-2:]), ("tests/chaos/run", ["--bin", self.holder.name]))
            second = self.options(*more)
            for name in ("seed", "rate", "calm_s", "ingestor", "network", "bin"):
                self.assertEqual(getattr(second, name), getattr(first, name), name)
            self.assertEqual(words(second.lines), ["kill ingestor"])


class Kept(unittest.TestCase):
    """What is left of a run that was killed: the directory that was asked for, and no other."""

    def gone(self, stays):
        with tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp") as holder:
            place = os.path.join(holder, "place")
            os.mkdir(place)
            world = types.SimpleNamespace(dir=os.path.join(place, "d"), bin="/nonexistent",
                                          holder=types.SimpleNamespace(name=place, stays=stays))
            keeper = load_run().Keeper(world)
            keeper.process.communicate(b"", timeout=60)  # as when its parent is killed
            return not os.path.exists(place)

    def test_a_new_one_goes(self):
        self.assertTrue(self.gone(False))

    def test_a_named_one_stays(self):
        self.assertFalse(self.gone(True))


class Readers(unittest.TestCase):
    def test_who_may_miss_some_is_told_to(self):
        figures = dict.fromkeys(("shown", "again", "store", "missing", "doubled", "reordered", "different", "foreign", "gaps",
                                 "lives"), 7)
        readers = [{"row": "reader", "name": name, "scope": "*", "kind": kind, **figures}
                   for name, kind in (("books-live", book.HISTORY), ("books-hints", book.HINTS))]
        text = oracle.Books(0, [*readers, {"row": "store", "events": 0, "commits": 0, "sessions": 0},
                                {"row": "end", "problems": 0, "peak_kib": 0}], 0.0).text()
        self.assertIn("\nbooks-hints (may miss) ", text)
        self.assertIn("\nbooks-live  ", text)


if __name__ == "__main__":
    unittest.main()
