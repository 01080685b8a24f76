"""terminal.py: a program on a real terminal (tmux): keys go in, the screen is read as text.

1. Every terminal is a tmux server of its own, in a directory of its own; it dies with this process, whatever becomes of it,
   and with it everything that ran in it.
2. The program is the child of a shell that stays when it ends: how the terminal is left can be looked at then.
3. Nothing here sleeps for time: what is to be seen is waited for, with a deadline.
"""
import contextlib
import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

DEADLINE_S = 30.0
POLL_S = 0.01
END_S = 5.0  # for a program to end by itself
PR_SET_PDEATHSIG = 1
PANE = "screen"
SETTINGS = """set -g status off
set -g default-terminal "{term}"
set -g escape-time 0
set -g allow-rename off
set -g remain-on-exit off
set -g history-limit 1000
"""
ENDED = "the program has ended"
# It begins when the pipe says so; its exit code is kept in a file, and the shell then holds the terminal open.
SHELL = "read _ <{begin}; cd {place}; {command}; echo $? >{code}.new; mv {code}.new {code}; while :; do sleep 3600; done"


class TerminalError(AssertionError):
    """The screen does not show what it should; the text has the screen."""


def is_installed():
    return shutil.which("tmux") is not None


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def children_of(pid):
    """The pids of its children, oldest first."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


class Terminal:
    """`command` (a list of words) on a terminal of `columns` times `lines`."""

    def __init__(self, command, columns=80, lines=24, environment=None, term="tmux-256color"):
        self.place = tempfile.mkdtemp(prefix="vd-tty-", dir="/tmp")
        self.server = None
        # Names of tmux around us would lead the client to another server.
        self.environment = {name: value for name, value in {**os.environ, **(environment or {})}.items()
                            if not name.startswith("TMUX") and name not in ("LC_ALL", "LINES", "COLUMNS")}
        self.environment.update(LANG="C.UTF-8", TMUX_TMPDIR=self.place)
        self.settings = os.path.join(self.place, "tmux.conf")
        with open(self.settings, "w", encoding="ascii") as file:
            file.write(SETTINGS.format(term=term))
        self.runs = 0
        self.begin = os.path.join(self.place, "begin")
        os.mkfifo(self.begin)
        try:
            self._start(command, columns, lines)
        except BaseException:
            self.close()
            raise

    def _start(self, command, columns, lines):
        socket = os.path.join(self.place, "server")
        self.tmux_words = ["tmux", "-S", socket, "-u", "-f", self.settings]
        self.server = subprocess.Popen([*self.tmux_words, "-D"], env=self.environment, preexec_fn=_die_with_parent,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.until("tmux is there", lambda: os.path.exists(socket))
        self._tmux("new-session", "-d", "-s", PANE, "-x", str(columns), "-y", str(lines), "while :; do sleep 3600; done")
        self._tmux("resize-window", "-t", PANE, "-x", str(columns), "-y", str(lines))
        self.run(command)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()

    def close(self):
        """Ends everything on this terminal."""
        if self.server and self.server.poll() is None:
            self._end_all()
            self.server.terminate()
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def _end_all(self):
        """Ends what runs on the terminal, with time to clean up behind itself."""
        shell = self._pane_pid()
        pids = self._below(shell) if shell else []
        for number, wait_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, 0)):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + wait_s
            while pids and time.monotonic() < until:
                time.sleep(POLL_S)
                pids = [pid for pid in pids if _runs(pid)]

    def _below(self, pid):
        found = []
        for child in children_of(pid):
            found += [child, *self._below(child)]
        return found

    def _pane_pid(self):
        try:
            return int(self.ask("#{pane_pid}"))
        except (TerminalError, ValueError):
            return 0

    def _tmux(self, *words):
        done = subprocess.run([*self.tmux_words, *words], env=self.environment, capture_output=True, text=True, check=False,
                              timeout=DEADLINE_S, errors="replace")
        if done.returncode != 0:
            raise TerminalError(f"tmux {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def ask(self, form):
        """What tmux knows of the terminal: `#{cursor_flag}`, `#{alternate_on}`, `#{mouse_any_flag}`, ..."""
        return self._tmux("display-message", "-p", "-t", PANE, form).strip()

    def run(self, command):
        """Runs a program on the same terminal; whatever ran on it before is over."""
        self._end_all()
        self.runs += 1
        self.output, self.code_file = (os.path.join(self.place, f"{what}-{self.runs}") for what in ("output", "code"))
        script = SHELL.format(place=shlex.quote(os.getcwd()), command=shlex.join(command), code=shlex.quote(self.code_file),
                              begin=shlex.quote(self.begin))
        self._tmux("respawn-pane", "-k", "-t", PANE, script)
        self._tmux("pipe-pane", "-t", PANE)
        self._tmux("pipe-pane", "-t", PANE, f"exec cat >{shlex.quote(self.output)}")
        self.until("what is written is counted", lambda: os.path.exists(self.output))
        self.tty = self.ask("#{pane_tty}")
        with open(self.begin, "w", encoding="ascii") as begin:  # waits for the shell: the terminal is all set up then
            self.stty_before = self.stty()
            begin.write("\n")

    def keys(self, *names):
        """Presses keys, named as tmux names them: a, Enter, Escape, Up, PageDown, C-c, Space."""
        self._tmux("send-keys", "-t", PANE, *names)

    def type(self, text):
        """Types the text as it is."""
        self._tmux("send-keys", "-t", PANE, "-l", "--", text)

    def resize(self, columns, lines):
        self._tmux("resize-window", "-t", PANE, "-x", str(columns), "-y", str(lines))

    def text(self, styled=False):
        """The screen as text, lines without what is blank at their ends; `styled` with the escapes of its colours."""
        return self._tmux("capture-pane", "-p", *(["-e"] if styled else []), "-t", PANE)

    def lines(self):
        return [line.rstrip() for line in self.text().split("\n")[:-1]]

    def until(self, what, condition, timeout_s=DEADLINE_S):
        """Polls; the first true value."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline:
                raise TerminalError(f"not within {timeout_s} s: {what}{self._shown()}")
            time.sleep(POLL_S)

    def _shown(self):
        try:
            return f"; the screen:\n{self.text()}"
        except TerminalError:
            return ""

    def sees(self, *words, timeout_s=DEADLINE_S):
        """Waits until the screen has all of them; its text."""
        def all_there():
            text = self.text()
            return text if all(word in text for word in words) else None
        return self.until(f"{', '.join(map(repr, words))} on the screen", all_there, timeout_s)

    def sees_match(self, pattern, timeout_s=DEADLINE_S):
        """Waits for a match of the regular expression; the match."""
        compiled = re.compile(pattern, re.MULTILINE)
        return self.until(f"{pattern!r} on the screen", lambda: compiled.search(self.text()), timeout_s)

    def sees_no(self, *words, timeout_s=DEADLINE_S):
        """Waits until the screen has none of them; its text."""
        def none_there():
            text = self.text()
            return text if not any(word in text for word in words) else None
        return self.until(f"no {', '.join(map(repr, words))} on the screen", none_there, timeout_s)

    def written(self):
        """How many bytes the program has written."""
        return os.path.getsize(self.output)

    def quiet_s(self, seconds, timeout_s=DEADLINE_S):
        """Waits until nothing has been written for so long; False when that does not come."""
        deadline = time.monotonic() + timeout_s
        size, since = self.written(), time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(POLL_S)
            if self.written() != size:
                size, since = self.written(), time.monotonic()
            elif time.monotonic() - since >= seconds:
                return True
        return False

    def stty(self):
        """`stty -a` of the terminal, its size left out."""
        done = subprocess.run(["stty", "-a", "-F", self.tty], capture_output=True, text=True, check=True)
        return re.sub(r"rows \d+; columns \d+;", "", done.stdout)

    def pid(self):
        """The program's process; None when it has ended."""
        found = [pid for pid in children_of(self._pane_pid()) if not os.path.exists(self.code_file)]
        return found[0] if found else None

    def pids(self):
        """The program and everything below it, outermost first."""
        return self._below(self._pane_pid()) if self.pid() else []

    def ended(self, timeout_s=DEADLINE_S):
        """Waits for the end of the program; its exit code as a shell says it."""
        self.until(ENDED, lambda: os.path.exists(self.code_file), timeout_s)
        with open(self.code_file, encoding="ascii") as file:
            return int(file.read())
