"""faulty_disk.py: a disk that fails, for processes that a test starts; what it can do stands in tools/chaos/fault/fault.h."""

import os
import time
from collections import namedtuple

Call = namedtuple("Call", "call kind begin_ns end_ns result name")


class FaultyDisk:
    """The disk under `directory`, for the program `program`. Files of its own go into `place`."""

    DEADLINE_S = 60.0

    def __init__(self, binaries, place, directory, program):
        self.library = os.path.join(binaries, "..", "lib", "vedette", "libvd_fault.so")
        assert os.path.exists(self.library), f"{self.library} is not built"
        os.makedirs(place, exist_ok=True)
        self.control = os.path.join(os.path.realpath(place), "control")
        self.trace = os.path.join(os.path.realpath(place), "trace")
        self.directory, self.program = os.path.realpath(directory), program
        self.read_to = 0

    def environment(self, rules=""):
        """What a process is started with. `rules` hold from its start on."""
        return {"LD_PRELOAD": os.path.realpath(self.library), "VD_FAULT_DIR": self.directory,
                "VD_FAULT_PROGRAM": self.program, "VD_FAULT_CONTROL": self.control, "VD_FAULT_TRACE": self.trace,
                "VD_FAULT_RULES": rules}

    def order(self, *lines):
        """Has lines obeyed; returns when they are, or with a cut, when it has begun."""
        with open(self.control + ".new", "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        os.rename(self.control + ".new", self.control)
        deadline = time.monotonic() + self.DEADLINE_S
        while os.path.exists(self.control):
            assert time.monotonic() < deadline, f"nobody obeys {lines}: does {self.program} run?"
            time.sleep(0.001)

    def calls(self):
        """What the process has synced, or lost in a cut, since the last call of this."""
        with open(self.trace, encoding="utf-8") as file:
            file.seek(self.read_to)
            lines = file.read().splitlines()
            self.read_to = file.tell()
        rows = [line.split(" ", 5) for line in lines]
        return [Call(row[0], row[1], int(row[2]), int(row[3]), int(row[4]), row[5]) for row in rows]
