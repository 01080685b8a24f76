#!/usr/bin/python3
"""test_oracle.py BIN [TEST]...: the books of chaos balance over deaths of everybody, and do not balance when they should
not: with an ingestor that acknowledges before it writes, with a reader that hears nothing any more, or whose place is
forgotten, and when any book, or the store, says something else.

The seed (VEDETTE_SEED) says who dies."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chaos_world import BIN, CONFIG, SEED, World  # noqa: E402
from ingestor_world import IngestorWorld  # noqa: E402
from book import COMMITTED, REJECTED, SHOWN, TAKEN, Book, glance  # noqa: E402
from oracle import Oracle, Unbalanced  # noqa: E402
from harness import run_tests, wait_for  # noqa: E402

RATE = 3000
HASTY = os.path.join(BIN, "..", "tests", "hasty", "vedette-ingestor")
HASTY_SCRIPT = 2 * "kill ingestor\n" + "kill raft\n" + "kill ingestor\n"
HASTY_S = 150
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")
STRANGERS = 8
RELAYED = CONFIG + """
session_roll_events = 40
[relay]
processes = 1
"""
VICTIMS = [("ingestor",), ("relay-1",), ("broker",), ("ingestor", "relay-1"), ("supervisor",)]


class Tampered:
    """The books of an oracle that has balanced, one of them rewritten at a time."""

    def __init__(self, oracle):
        self.oracle = oracle
        self.holder = tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.cleanup()

    def check(self, part, kind, change):
        """With the records of a book changed, exactly this part has exactly this kind of problem."""
        book = Book(self.oracle.book(part))
        path = os.path.join(self.holder.name, part)
        book.rewrite(path, change(book.records()))
        found = self.oracle.compare("-s", os.path.join(self.oracle.home.dir, "store"), **{part.replace("-", "_"): path})
        assert not found.balanced and kind in found.kinds(book.name), f"{part}, {kind}: {found.text()}"
        assert {row["who"] for row in found.problems} == {book.name}, f"{part}, {kind}: {found.text()}"
        assert len([row for row in found.problems if row["kind"] == kind and row["text"]]) <= 5
        return found


def middle(records):
    """The number of a record in the middle that is an ordinary one."""
    return next(at for at in range(len(records) // 2, len(records)) if records[at][3] in (COMMITTED, SHOWN))


def without(records):
    at = middle(records)
    return records[:at] + records[at + 1:]


def twice(records):
    at = middle(records)
    return records[:at + 1] + records[at:]


def altered(records):
    at = middle(records)
    seq, crc, *rest = records[at]
    return records[:at] + [(seq, crc ^ 1, *rest)] + records[at + 1:]


def swapped(records):
    at = middle(records)
    return records[:at] + [records[at + 1], records[at]] + records[at + 2:]


def one_more(records):
    """The last one again, as if there were another event behind it."""
    last = records[middle(records)]
    return records + [(0 if last[3] == COMMITTED else 1 << 40, *last[1:])]


def elsewhere(records):
    """Acknowledged in another place."""
    at = next(at for at in range(len(records)) if records[at][3] == COMMITTED and records[at][0])
    return records[:at] + [(records[at][0] + 1, *records[at][1:])] + records[at + 1:]


def rejected_elsewhere(records):
    """As if the session of the others had refused it."""
    at = next(at for at, record in enumerate(records) if record[3] == REJECTED)
    return records[:at] + [(*records[at][:2], records[0][2], *records[at][3:])] + records[at + 1:]


def with_a_hole_around(records):
    """The same, with one between them that goes into the session that takes nothing, and is not stored either."""
    at = next(at for at in range(len(records)) if records[at][3] == records[at + 1][3] == REJECTED)
    stored = next(number for number in range(at, len(records)) if records[number][3] == COMMITTED)
    changed = list(records)
    for number, session in ((at, records[0][2]), (at + 1, records[at][2]), (stored, records[0][2])):
        changed[number] = (0, records[number][1], session, TAKEN, 1)
    return changed


def without_places(records):
    """No receipt says where its event is."""
    return [(0, *record[1:]) for record in records]


def with_a_hole(records):
    """No receipts for one that is not stored, and for one behind it that is."""
    at = next(at for at, record in enumerate(records[:-1]) if record[3] == REJECTED and records[at + 1][3] == COMMITTED)
    lost = [(0, crc, records[0][2], TAKEN, 1) for _, crc, *_ in records[at:at + 2]]
    return records[:at] + lost + records[at + 2:]


def never_taken(records):
    return records[:middle(records)]


def check_tampered(oracle):
    """Each kind of imbalance has its name, in ledgers and in histories."""
    with Tampered(oracle) as books:
        books.check("own", "lost", one_more)
        books.check("own", "different", altered)
        books.check("own", "different", elsewhere)
        books.check("own", "foreign", never_taken)
        books.check("bulk-1", "refused", rejected_elsewhere)
        books.check("bulk-1", "hole", with_a_hole)
        books.check("bulk-1", "hole", with_a_hole_around)
        books.check("own", "unplaced", without_places)
        books.check("live", "missing", without)
        books.check("live", "doubled", twice)
        books.check("exact", "different", altered)
        books.check("relay", "foreign", one_more)
        books.check("live", "reordered", swapped)
        books.check("durable", "gap", without)  # in another of its lives it may have been shown
        books.check("durable", "doubled", twice)
        books.check("hints", "doubled", twice)
        books.check("hints", "different", altered)
        assert books.check("repairs", "gap", without).kinds() == {"gap", "missing"}
    oracle.compare("-s", os.path.join(oracle.home.dir, "store")).check()


def check_told_tampered(oracle):
    """What a producer in Python was answered, as it stands on its output: of another session than the one that was asked
    for, and of the open one as if that were closed."""
    session, other = oracle.session("shared"), oracle.session("slow")
    with open(oracle.told_path("python-1"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("acknowledged ") and not line.endswith(":0"))
    number, _, place = lines[at].removeprefix("acknowledged ").partition(" ")
    assert f"taken {number} {session}" in lines and place.startswith(f"{session}:"), lines[at]

    with tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp") as holder:
        path, book = os.path.join(holder, "told"), os.path.join(holder, "book")

        def found(line):
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join([*lines[:at], line, *lines[at + 1:], ""]))
            wrong = oracle.write_ledger("python-1", path, book)
            return wrong, oracle.compare("-s", os.path.join(oracle.home.dir, "store"), python_1=book).kinds(f"{oracle.name}-python-1")

        assert found(lines[at]) == ([], set())
        wrong, kinds = found(f"acknowledged {number} {place.replace(session, other)}")
        assert [row["kind"] for row in wrong] == ["different"] and f"acknowledged as {other}" in wrong[0]["text"] and not kinds, wrong
        wrong, kinds = found(f"rejected {number} session_closed")
        assert not wrong and kinds == {"refused", "foreign"}, (wrong, kinds)


def check_store_tampered(oracle):
    """Another hand writes an event of a producer's again, and many of nobody's, of which the first ones are told."""
    session, name = oracle.session("own"), f"{oracle.name}-own"
    with oracle.home.client.producer("stranger", 30.0) as producer:
        producer.emit("chaos", {"p": name, "n": 5}, session)
        for number in range(STRANGERS):
            producer.emit("chaos", {"p": "nobody", "n": number}, session)
    found = oracle.compare("-d", oracle.home.dir)
    assert not found.balanced and found.kinds(name) == {"doubled"} and found.kinds("nobody") == {"foreign"}, found.text()
    assert found.end["problems"] == 1 + STRANGERS and len(found.problems) == 1 + 5, found.text()


class Forgetful(Oracle):
    """Has the store forget the durable reader's place at each of its deaths."""

    def kill(self, name):
        if name == "durable":
            self.home.client.request("ingestor", "read", "SAVE_POSITION", {"name": f"{self.name}-durable"})
        return super().kill(name)


def deafen(oracle):
    """Who heard what was published hears nothing from now on."""
    oracle.commands["hints"] = (*oracle.commands["hints"], "ipc:///dev/null/nobody")
    oracle.kill("hints")


def test_balances_over_deaths():
    """Of everybody, while sessions roll; then online, offline, and with every kind of tampering."""
    with World(config=RELAYED) as world:
        oracle = Oracle(world, SEED)
        oracle.start(RATE)
        world.random.shuffle(VICTIMS)
        for victims in VICTIMS:
            oracle.wait_rate(0.7 * RATE)
            world.kill(*victims)
            oracle.kill_producer()
            oracle.kill_reader()
        refused = glance(oracle.book("bulk-1"))[2]
        wait_for("the ended session refuses some", lambda: glance(oracle.book("bulk-1"))[2] > refused)
        oracle.wait_rate(0.7 * RATE)
        books = oracle.balance()
        print(books.text(), flush=True)
        books.check()
        assert books.store["sessions"] > 6, "no session has rolled"
        assert sum(row["committed"] for row in books.producers) > RATE
        for row in books.producers:
            assert row["produced"] == row["committed"] + row["rejected"] + row["unknown"], row
        world.run("down")
        offline = oracle.balance_offline().check()
        assert offline.producers == books.producers and offline.store["events"] >= books.store["events"]
        assert [(row["name"], row["shown"]) for row in offline.readers] == [
            (row["name"], row["shown"]) for row in books.readers]
        check_tampered(oracle)
        check_told_tampered(oracle)


def test_another_hand_in_the_store():
    with IngestorWorld(sessions=()) as world:
        oracle = Oracle(world, SEED, runtime=False)
        oracle.start(RATE)
        oracle.wait_rate(0.7 * RATE)
        oracle.balance().check()
        check_store_tampered(oracle)


def test_a_place_that_is_forgotten_and_a_deaf_ear():
    """The durable reader is shown everything again, and who heard what is published hears no more: nothing that their
    histories could not have, and both are found out."""
    with IngestorWorld(sessions=()) as world:
        oracle = Forgetful(world, SEED, runtime=False)
        oracle.deaf_s = 5.0
        oracle.start(RATE)
        oracle.wait_rate(0.7 * RATE)
        deafen(oracle)
        books = oracle.balance()
        print(books.text(), flush=True)
        assert {(row["who"], row["kind"]) for row in books.problems} == {
            ("books-durable", "forgotten"), ("books-hints", "deaf")}, books.text()
        assert any("was shown books-shared:1 first" in row["text"] for row in books.problems), books.text()
        try:
            books.check()
        except Unbalanced as refusal:
            assert "do NOT balance" in str(refusal)
        else:
            raise AssertionError("books that do not balance were taken")


def test_an_ingestor_that_acknowledges_before_it_writes():
    """As `tests/chaos/run --help` tells to have it found; all else goes as with any other ingestor."""
    with tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp") as place:
        script = os.path.join(place, "kills")
        with open(script, "w", encoding="utf-8") as file:
            file.write(HASTY_SCRIPT)
        done = subprocess.run([RUN, "--script", script, "--rate", "1000", "--ingestor", HASTY, "--bin", BIN, "--keep", place,
                               "--seed", str(SEED)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=HASTY_S, check=False)
        print(done.stdout, flush=True)
        assert done.returncode == 1 and "\nNOT balanced after" in done.stdout, done.returncode
        assert re.search(r"^books-[a-z0-9-]+: lost: event \d+ was acknowledged as \S+:\d+ and is not stored$", done.stdout, re.M)
        assert "FAILED" not in done.stdout and "books-hints (may miss)" in done.stdout
        assert f"--rate 1000 --every 500ms --ingestor {os.path.abspath(HASTY)}" in done.stdout


print(f"VEDETTE_SEED={SEED}", flush=True)
run_tests(globals())
