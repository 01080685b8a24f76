"""ledger.py: what producers were told, what followers saw, and what the store holds: all have to agree."""
import collections
import json

from vedette import wire


class Store:
    """Everything that is stored, by FETCH: events in the order of commits, with each commit's chain computed anew. Only of
    `pruned` sessions may anything be absent, and then all of it that is not there."""

    def __init__(self, client, pruned=()):
        self.commits, self.events, self.pruned = {}, [], set(pruned)
        position = {}
        while True:
            answer = client.request("ingestor", "read", "FETCH", position, timeout_s=20)
            assert answer.name == "COMMITS", answer
            for commit in wire.unpack_commits(answer.payload):
                self.events += [event for _, event in commit.events()]
                self.add(commit)
            position = {"store": answer["store"], "index": answer["index"], "offset": answer.get("offset", 0),
                        "chain": answer["chain"]}
            if answer["index"] >= answer["head"]:
                break
        self.check_chain(answer["head"])

    def add(self, commit):
        """A commit, or the rest of one that was cut: a run that was cut is put together."""
        known = self.commits.setdefault(commit.index, commit)
        if known is commit:
            return
        assert (known.time_ms, known.epoch, known.chain) == (commit.time_ms, commit.epoch, commit.chain), commit.index
        for at, session, first, run, *absent in commit.runs:
            last = known.runs[-1]
            if last[1] == session and run is not None:
                known.runs[-1] = (last[0], session, last[2], last[3] + run)
            else:
                known.runs.append((at, session, first, run, *absent))

    def check_chain(self, head):
        first = min(self.commits)
        assert first == 1 or self.pruned, "the first commits are missing"
        assert sorted(self.commits) == list(range(first, head + 1)), "a commit is missing"
        chain = time_ms = 0
        for index in range(first, head + 1):
            commit = self.commits[index]
            for _, session, _, run, *absent in commit.runs:
                assert run is not None or (absent[2] == "pruned" and session in self.pruned), f"{session} is {absent[2]}"
            assert index == first > 1 or commit.chain_after(chain) == commit.chain, f"the chain breaks at commit {index}"
            assert commit.time_ms >= time_ms, f"commit {index} is older than the one before"
            chain, time_ms = commit.chain, commit.time_ms

    def of(self, session):
        return [event for event in self.events if event.session == session]

    def check_sequences(self):
        by_session = collections.defaultdict(list)
        for event in self.events:
            by_session[event.session].append(event)
        for session, events in by_session.items():
            assert [event.seq for event in events] == list(range(1, len(events) + 1)), f"{session} has a gap"
            assert events[0].type == "session_started", events[0]
            assert "session_ended" not in [event.type for event in events[:-1]], f"{session} goes on behind its end"


def row_of(event):
    return {"ts": event.ts, "session": event.session, "seq": event.seq, "type": event.type, "data": event.data}


def check_producer(name, lines, events, refusals=()):
    """Nothing acknowledged is lost or doubled, nothing is stored that was not emitted or was rejected, which may be for
    the `refusals` alone. Returns the number acknowledged."""
    stored = [event for event in events if event.type == "chaos" and event.data["p"] == name]
    numbers = [event.data["n"] for event in stored]
    assert numbers == sorted(set(numbers)), f"{name}: doubled or reordered"
    by_number = {event.data["n"]: event for event in stored}
    told = collections.defaultdict(dict)
    for line in lines:
        word, number, *rest = line.split()
        assert int(number) not in told[word], f"{name}: twice: {line}"
        told[word][int(number)] = rest[0] if rest else ""
    for number, at in told["acknowledged"].items():
        assert number in by_number, f"{name}: {number} was acknowledged as {at} and is not stored"
        session, _, seq = at.rpartition(":")
        event = by_number[number]
        assert int(seq) == 0 or (session, int(seq)) == (event.session, event.seq), f"{name}: {number} is not at {at}"
    for number, why in told["rejected"].items():
        assert why in refusals, f"{name}: {number} was rejected: {why}"
        assert number not in by_number, f"{name}: {number} was rejected and is stored"
    answered = set(told["acknowledged"]) | set(told["rejected"]) | set(told["unknown"])
    assert answered == set(told["taken"]), f"{name}: without a receipt: {sorted(set(told['taken']) - answered)[:5]}"
    assert set(numbers) <= set(told["taken"]), f"{name}: stored and never emitted"
    return len(told["acknowledged"])


def rows_of(lines):
    keys = ("ts", "session", "seq", "type", "data")
    return [{key: row[key] for key in keys} for row in map(json.loads, lines)]


def check_listener(name, lines, events):
    """A bare SUB misses much; what it was shown is stored, each once and in order."""
    by_seq = {event.seq: event for event in events}
    rows, last = rows_of(lines), 0
    for row in rows:
        assert row["seq"] > last, f"{name}: {row['seq']} after {last}"
        last = row["seq"]
        assert last in by_seq, f"{name}: was shown {row}, which is not stored"
        assert row == row_of(by_seq[last]), f"{name}: was shown {row}, the store has {row_of(by_seq[last])}"
    assert rows, f"{name} was shown nothing"


def check_follower(name, lines, events):
    rows = rows_of(lines)
    for at, (row, event) in enumerate(zip(rows, events)):
        assert row == row_of(event), f"{name}: event {at + 1} is {row}, the store has {row_of(event)}"
    assert len(rows) == len(events), f"{name}: {len(rows)} events, the store has {len(events)}"
