#!/usr/bin/python3
"""test_hundred_kills.py BIN [KILLS]: SIGKILL of the ingestor under load as fast as it comes back, a hundred times; then
the books have to agree, verifying says clean, and a replay of every session is, byte for byte, what a live follower has
written down: from the ingestor, from the store of one that is dead, and after an export and import into an empty store."""
import hashlib
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ingestor_world import OWN, SHARED, IngestorWorld  # noqa: E402
from parts import SEED  # noqa: E402

KILLS = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("VEDETTE_KILLS", 100))
ALL_EACH = 10  # number of kills after which every producer has to have gone on


def check_copies(world):
    """Each session, exported and imported into an empty store, is what it was."""
    with IngestorWorld(sessions=()) as copy:
        for session in (SHARED, OWN):
            copy.command("session", "import", stdin=world.command("session", "export", session))
            hashes = [hashlib.sha256(one.replay(session)).hexdigest() for one in (world, copy)]
            assert hashes[0] == hashes[1], f"{session} is another one after export and import"
            print(f"sha256 of {session}: {hashes[0]}", flush=True)
        copy.verify()


def main():
    print(f"VEDETTE_SEED={SEED}", flush=True)
    with IngestorWorld() as world:
        world.start_parts()
        begin = time.monotonic()
        for number in range(1, KILLS + 1):
            world.wait_any()
            world.kill()
            world.live()
            if number % ALL_EACH == 0:
                world.wait_all()
        world.wait_all()
        print(f"{KILLS} kills in {time.monotonic() - begin:.1f} s", flush=True)
        world.end_producers()
        world.check()
        check_copies(world)


main()
