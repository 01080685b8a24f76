#!/usr/bin/python3
"""test_ledger.py: the books of the crash tests against falsified histories: each of them has to be found out, and named.

A history is what a store holds, what producers were told and what followers wrote down; the true one must pass."""
import copy
import inspect
import json
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from parts import TOP  # noqa: E402, F401 (it finds the client)
import ledger  # noqa: E402
from vedette import wire  # noqa: E402

EVENTS = 12
IN_COMMIT = 3
TS = "2026-01-01T00:00:00.000Z"


class History:
    """One session; producer "a" writes it, in commits of IN_COMMIT events; "a" was also rejected once."""

    def __init__(self):
        events = [wire.pack_event("session_started", {"name": "x"}, TS)]
        events += [wire.pack_event("chaos", {"p": "a", "n": n}, TS) for n in range(1, EVENTS)]
        self.commits = []  # [index, time_ms, epoch, chain, [[at, session, first, run]]]
        for at in range(0, EVENTS, IN_COMMIT):
            run = wire.pack_run(events[at:at + IN_COMMIT])
            self.commits.append([len(self.commits) + 1, 1000 + at, 1, 0, [[0, "s", at + 1, run]]])
        self.forge()
        self.told = [f"taken {n}" for n in range(1, EVENTS + 1)]
        self.told += [f"acknowledged {n} s:{n + 1}" for n in range(1, EVENTS)] + [f"rejected {EVENTS} session_closed"]
        self.shown = [json.dumps(ledger.row_of(wire.Event("s", seq, raw))) for seq, raw in enumerate(events, 1)]
        self.heard = self.shown[2:5] + self.shown[8:]
        self.refusals = ("session_closed",)

    def forge(self):
        """Gives every commit the chain that fits its bytes: a store that lost something and is whole all the same."""
        chain = 0
        for commit in self.commits:
            chain = commit[3] = wire.Commit(commit).chain_after(chain)

    def events(self):
        """The stored events as wire bytes, to be written back with store()."""
        return [raw for commit in self.commits for run in commit[4] for raw in wire.unpack_run(run[3])]

    def store(self, events, renumber=True):
        """Stores these instead, in the same commits, the rest in the last; with sequences of their places."""
        place = 0
        for commit in self.commits:
            count = IN_COMMIT if commit is not self.commits[-1] else max(0, len(events) - place)
            run = commit[4][0]
            run[3] = wire.pack_run(events[place:place + count])
            if renumber:
                run[2] = place + 1
            place += count
        self.forge()

    # ---- as a client of the runtime ----

    def request(self, *_, **__):
        last = self.commits[-1]
        return wire.Message("COMMITS", 0, {"store": "0" * 16, "index": last[0], "chain": last[3], "head": last[0]},
                            b"".join(wire.pack(commit) for commit in self.commits))

    def check(self):
        store = ledger.Store(self)
        store.check_sequences()
        ledger.check_producer("a", self.told, store.events, self.refusals)
        ledger.check_follower("follower", self.shown, store.of("s"))
        ledger.check_listener("listener", self.heard, store.of("s"))


# ---- falsified stores, whole in themselves ----

def a_lost_acknowledged_event(history):
    history.store(history.events()[:-1])
    history.shown.pop()
    history.heard.pop()
    return f"{EVENTS - 1} was acknowledged as s:{EVENTS} and is not stored"


def a_lost_event_that_a_follower_was_shown(history):
    history.store(history.events()[:-1])
    history.told = [line for line in history.told if f" {EVENTS - 1}" not in line]
    return f"follower: {EVENTS} events, the store has {EVENTS - 1}"


def a_lost_event_that_a_bare_subscriber_was_shown(history):
    history.store(history.events()[:-1])
    history.told = [line for line in history.told if f" {EVENTS - 1}" not in line]
    history.shown.pop()
    return "listener: was shown"


def an_event_stored_twice(history):
    events = history.events()
    history.store(events[:5] + [events[4]] + events[5:])
    return "doubled or reordered"


def two_events_in_the_wrong_order(history):
    events = history.events()
    events[4], events[5] = events[5], events[4]
    history.store(events)
    return "doubled or reordered"


def a_sequence_left_out(history):
    history.commits[2][4][0][2] += 1
    history.commits[3][4][0][2] += 1
    history.forge()
    return "s has a gap"


def a_sequence_used_twice(history):
    history.commits[2][4][0][2] -= 1
    history.forge()
    return "s has a gap"


def other_bytes_under_a_sequence(history):
    events = history.events()
    events[6] = wire.pack_event("chaos", {"p": "a", "n": 6, "more": True}, TS)
    history.store(events)
    return "follower: event 7 is"


def an_acknowledged_event_at_another_place(history):
    events = history.events()
    history.store(events[:1] + [wire.pack_event("chaos", {"p": "b", "n": 1}, TS)] + events[1:])
    return "1 is not at s:2"


def an_event_behind_the_end(history):
    events = history.events()
    history.store(events[:-2] + [wire.pack_event("session_ended", {}, TS)] + events[-2:])
    return "s goes on behind its end"


def a_rejected_event_stored(history):
    history.store(history.events() + [wire.pack_event("chaos", {"p": "a", "n": EVENTS}, TS)])
    return f"{EVENTS} was rejected and is stored"


def an_event_that_nobody_emitted(history):
    history.store(history.events() + [wire.pack_event("chaos", {"p": "a", "n": EVENTS + 1}, TS)])
    return "stored and never emitted"


# ---- stores that are not whole ----

def an_altered_byte(history):
    run = bytearray(history.commits[1][4][0][3])
    run[-1] ^= 1
    history.commits[1][4][0][3] = bytes(run)
    return "bad_crc"


def an_altered_event_with_its_checksum(history):
    run = history.commits[1][4][0]
    events = list(wire.unpack_run(run[3]))
    events[0] = wire.pack_event("chaos", {"p": "a", "n": 99}, TS)
    run[3] = wire.pack_run(events)
    return "the chain breaks at commit 2"


def a_commit_left_out(history):
    del history.commits[1]
    return "a commit is missing"


def a_run_that_is_gone_though_nobody_pruned_it(history):
    at, session, first, run = history.commits[1][4][0]
    crcs = b"".join(struct.pack(">I", wire.crc32c(event)) for event in wire.unpack_run(run))
    history.commits[1][4][0] = [at, session, first, None, IN_COMMIT, wire.crc32c(crcs), "pruned"]
    return "s is pruned"


def a_run_that_is_damaged(history):
    at, session, first, _ = history.commits[1][4][0]
    history.commits[1][4][0] = [at, session, first, None, IN_COMMIT, 0, "corrupt"]
    return "s is corrupt"


def first_commits_that_are_gone(history):
    del history.commits[:2]
    return "the first commits are missing"


def a_commit_before_its_time(history):
    history.commits[2][1] = 1
    history.forge()
    return "commit 3 is older than the one before"


# ---- falsified books ----

def a_forged_acknowledgement(history):
    history.told += [f"taken {EVENTS + 1}", f"acknowledged {EVENTS + 1} s:{EVENTS + 1}"]
    return f"{EVENTS + 1} was acknowledged as s:{EVENTS + 1} and is not stored"


def an_event_without_a_receipt(history):
    history.told.remove("acknowledged 3 s:4")
    return "without a receipt: [3]"


def two_receipts_for_one_event(history):
    history.told.append("acknowledged 3 s:4")
    return "twice: acknowledged 3"


def a_rejection_without_a_reason(history):
    history.refusals = ()
    return f"{EVENTS} was rejected: session_closed"


def a_follower_that_was_shown_one_twice(history):
    history.shown.insert(4, history.shown[4])
    return "follower: event 6 is"


def a_follower_that_missed_one(history):
    del history.shown[4]
    return "follower: event 5 is"


def a_follower_that_was_shown_the_wrong_order(history):
    history.shown[4], history.shown[5] = history.shown[5], history.shown[4]
    return "follower: event 5 is"


def a_bare_subscriber_that_was_shown_one_twice(history):
    history.heard.insert(1, history.heard[1])
    return "listener: 4 after 4"


def a_bare_subscriber_that_was_shown_other_bytes(history):
    history.heard[0] = history.heard[0].replace('"n": 2', '"n": 3')
    return "listener: was shown"


TRUE = History()
TRUE.check()
FALSIFIED = [case for case in list(globals().values()) if inspect.isfunction(case) and case.__module__ == __name__]
for case in FALSIFIED:
    history = copy.deepcopy(TRUE)
    words = case(history)
    try:
        history.check()
    except (AssertionError, wire.Malformed) as found:
        assert words in str(found), f"{case.__name__}: \"{words}\" was to be found, but: {found}"
    else:
        raise AssertionError(f"{case.__name__}: nobody has noticed")
print(f"{len(FALSIFIED)} falsified histories, each found out")
