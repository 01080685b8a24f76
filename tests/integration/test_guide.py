#!/usr/bin/python3
"""test_guide.py BIN: observers/README.md, word by word: installs the build into a prefix and does what its boxes say, in an
empty directory. A box ```sh is run, all in one shell; ```text is what the run before it has to have printed last, but for
numbers; ```LANGUAGE FILE is written to FILE, or, where that is there, has to stand in it. Then: what is refused."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUIDE = os.path.join(TOP, "observers", "README.md")
BUILD = os.path.dirname(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin"))
DEADLINE_S = 200
BOX = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


class Shell:
    """One bash for all boxes: each is run to its end, and what it printed is kept."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(["bash", "-eu"], cwd=folder, env=environment, stdin=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.folder, self.count = folder, 0

    def run(self, commands):
        """What the commands print. A command that fails ends the shell."""
        self.count += 1
        out, done = (os.path.join(self.folder, f".box-{self.count}.{end}") for end in ("out", "done"))
        self.process.stdin.write(f"exec >{out} 2>&1\n{commands}\ntouch {done}\n")
        self.process.stdin.flush()
        while not os.path.exists(done) and self.process.poll() is None:
            time.sleep(0.01)
        with open(out, encoding="utf-8") as file:
            printed = file.read()
        assert os.path.exists(done), f"a box failed:\n{commands}\n--- it printed:\n{printed}"
        return printed

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def masked(text):
    return [re.sub(r"\d+", "0", re.sub(r" +", " ", line)).strip() for line in text.strip().splitlines()]


def check_file(path, text):
    """A box with a file's name: the file itself, or a piece of one that is there."""
    if not os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    with open(path, encoding="utf-8") as file:
        assert text in file.read(), f"{path} does not have what the guide shows of it:\n{text}"


def follow_guide(folder, shell):
    printed, ran = "", 0
    with open(GUIDE, encoding="utf-8") as file:
        boxes = BOX.findall(file.read())
    for language, name, text in boxes:
        if language == "sh":
            printed = shell.run(text)
            ran += 1
        elif language == "text":
            wanted = masked(text)
            assert masked(printed)[-len(wanted):] == wanted, f"the guide shows\n{text}\nand this came:\n{printed}"
        else:
            check_file(os.path.join(folder, name), text)
    assert ran >= 10, f"only {ran} boxes to run are in {GUIDE}"


def refuses(vedette, folder, *arguments, says):
    """A command that does not do what it is asked, and says why."""
    done = subprocess.run([vedette, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and says in done.stderr, f"{arguments}: exit {done.returncode}, {done.stderr}"


def check_refusals(vedette, folder):
    """What is there is not overwritten, names have to be names, and what a program finds in its table is told."""
    before = {path: os.stat(os.path.join(folder, "note", path)).st_mtime_ns for path in os.listdir(f"{folder}/note")}
    refuses(vedette, folder, "observer", "new", "note", says="nothing was written")
    assert before == {path: os.stat(os.path.join(folder, "note", path)).st_mtime_ns for path in os.listdir(f"{folder}/note")}
    for name in ("Note", "9lives", "-x", "a/b", "a" * 33, "note.py"):
        refuses(vedette, folder, "observer", "new", "--", name, says="cannot be the name of an observer")
        assert not os.path.exists(os.path.join(folder, name))
    refuses(vedette, folder, "observer", "new", "services", says="an actor of Vedette has the name")
    refuses(vedette, folder, "observer", "new", "other", "--language", "cobol", says="c or python")
    for name in ("greeting", "note"):
        with open(f"{folder}/{name}/vedette.toml", encoding="utf-8") as file:
            good = file.read()
        for change, says in ((("interval", "intervall"), 'did you mean "interval"?'),
                             (("200ms", "soon"), ":5: "), (("program = \"", "program = \"no/"), "cannot be run")):
            with open(f"{folder}/{name}/bad.toml", "w", encoding="utf-8") as file:
                file.write(good.replace(*change))
            refuses(vedette, folder, "config", "check", f"{name}/bad.toml", says=says)
            refuses(vedette, folder, "up", "--config", f"{name}/bad.toml", says=says)


def main():
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"not through the guide within {DEADLINE_S} s"))
    signal.alarm(DEADLINE_S)
    with tempfile.TemporaryDirectory(prefix="vd-", dir="/tmp") as work:
        prefix, folder = os.path.join(work, "p"), os.path.join(work, "g")
        os.mkdir(folder)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("VEDETTE", "PYTHON", "CMAKE_"))}
        path = f"/usr/bin:/bin:{os.environ['PATH']}"  # python3 is Debian's, which has the modules
        shell = Shell(folder, {**kept, "PATH": path, "PREFIX": prefix})
        try:
            follow_guide(folder, shell)
            os.environ["PYTHONPATH"] = os.path.join(prefix, "share", "vedette", "python")
            check_refusals(os.path.join(prefix, "bin", "vedette"), folder)
        finally:
            shell.end()
            subprocess.run([os.path.join(prefix, "bin", "vedette"), "--dir", os.path.join(folder, "runtime"), "down"],
                           capture_output=True, check=False)
    print("ok observers/README.md")


main()
