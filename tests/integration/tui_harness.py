"""tui_harness.py: `vedette` on a real terminal, for tests that look at what people see there."""
import os
import sys

from cli_harness import Home, alive, wait_for  # noqa: F401 (for those who import this)
from harness import TOP

sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
from terminal import Terminal, TerminalError, children_of, is_installed  # noqa: E402,F401

SIZES = ((120, 40), (80, 24), (60, 16))
FRAME_TOP, FRAME_BOTTOM = 1, 2
SCREENS = ("overview", "actors", "sources", "stream", "subscribers", "observers", "progress", "sessions")
# Nothing happens by itself: what is on the screen is what the test has done.
STILL = """[observers.host]
enabled = false

[observers.services]
enabled = false
"""


class Seen(Terminal):
    """`vedette ARGUMENTS` on a terminal, in the directory of a home."""

    def __init__(self, home, *arguments, size=(80, 24), environment=None, term="tmux-256color"):
        self.program = os.path.join(home.bin, "vedette")
        super().__init__([self.program, *arguments], *size, environment={**home.environment(), **(environment or {})},
                         term=term)

    def again(self, *arguments):
        """Runs `vedette ARGUMENTS` on the same terminal instead of what is there."""
        self.run([self.program, *arguments])

    def body(self):
        """What the screen itself shows, without the lines of the frame: title, time, keys."""
        return self.lines()[FRAME_TOP:-FRAME_BOTTOM]

    def show(self, screen):
        """Goes to a screen by its key; its text."""
        number = SCREENS.index(screen) + 1
        self.keys(str(number))
        return self.until(f"the screen {screen}", lambda: f"[{number} {screen}]" in self.lines()[0] and self.text())

    def command(self, text):
        """Types a line behind `:`, `/` or `t`, the first character, and ends it."""
        self.keys(text[0], "C-u")
        self.type(text[1:])
        self.keys("Enter")


def tui(home, *arguments, **options):
    """`vedette tui`, once it shows something."""
    seen = Seen(home, "tui", *arguments, **options)
    try:
        seen.until("the first screen", lambda: any(seen.lines()))
    except BaseException:
        seen.close()
        raise
    return seen
