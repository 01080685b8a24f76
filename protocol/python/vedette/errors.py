"""What goes wrong between a client and a runtime."""


class Error(Exception):
    """An answer ERROR or a rejection; `status` is the name of the status, `text` says what happened."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Unreachable(Error):
    """Nobody answered in time."""

    def __init__(self, text):
        super().__init__("unreachable", text)


class TimedOut(Error):
    """What was waited for did not come; `snapshot` is the last one that was seen, or None."""

    def __init__(self, text, snapshot):
        super().__init__("timed_out", text)
        self.snapshot = snapshot
