"""Which of the two streams a subscriber takes: a machine of four modes, without clock or socket.

LIVE_ONLY takes the live stream, COMMITS_ONLY the commit stream, OVERLAP both while the commit stream closes up to where
the live stream began, PAUSED no events. What takes live away happens at once; the way back to live waits until every
change made so far has been paid for with `dwell_ms`. Lag counts commits, queues count events. The transitions stand in
protocol/vectors/modes.json, which the C library is held to as well.
"""

import dataclasses

from .errors import Error

LIVE_ONLY, COMMITS_ONLY, OVERLAP, PAUSED = "live_only", "commits_only", "overlap", "paused"
BOTH, LIVE, COMMIT = "both", "live", "commit"  # streams that may be taken at all

KNOB_MAX = 1000000000
DWELL_MS_MAX = 3600000
DEBT_CHANGES_MAX = 3
_U64 = (1 << 64) - 1


@dataclasses.dataclass(frozen=True)
class Knobs:
    """When a subscriber changes its mode. Raises Error("usage") where they do not fit each other."""

    start_commit_sync_lag: int = 50  # commits: from here on commits alone
    resume_live_lag: int = 10        # commits: from here down live again, too
    stop_commit_sync_lag: int = 0    # commits: from here down live alone
    pause_live_queue: int = 500      # events: from here on no live
    resume_live_queue: int = 50      # events: from here down live again
    dwell_ms: int = 2000             # that each change costs, before the next one on the way back

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 0:
                raise Error("usage", f"{field.name} is {value!r}: it has to be a whole number from 0")
        self._at_most("start_commit_sync_lag", KNOB_MAX)
        self._at_most("pause_live_queue", KNOB_MAX)
        self._at_most("dwell_ms", DWELL_MS_MAX)
        self._below("resume_live_lag", "start_commit_sync_lag")
        self._below("stop_commit_sync_lag", "resume_live_lag", or_equal=True)
        self._below("resume_live_queue", "pause_live_queue")

    def _at_most(self, name, limit):
        if getattr(self, name) > limit:
            raise Error("usage", f"{name} is {getattr(self, name)}: it has to be at most {limit}")

    def _below(self, low, high, or_equal=False):
        lower, upper = getattr(self, low), getattr(self, high)
        if lower < upper or (or_equal and lower == upper):
            return
        rule = "at most" if or_equal else "below"
        raise Error("usage", f"{low} is {lower}: it has to be {rule} {high}, which is {upper}")


def lag_of(head, index):
    """How many commits `index` is behind `head`; 0 when it is not. By the difference, so that numbers may wrap."""
    ahead = (head - index) & _U64
    return ahead if ahead < 1 << 63 else 0


class Modes:
    """The machine. look() makes at most one change; `mode` is where it stands, `since_ms` since when."""

    def __init__(self, knobs=None, streams=BOTH, mode=LIVE_ONLY, now_ms=0):
        self.knobs, self.streams, self.mode = knobs or Knobs(), streams, mode
        self.since_ms = self.paid_ms = now_ms

    def look(self, now_ms, lag=0, queue=0, held=False, no_live=False, apart=False):
        """What there is to see now: `held` by an operator; `no_live`: commits are missing before what live can give;
        `apart`: the streams of OVERLAP have not joined, however small the lag is. Returns the mode from now on."""
        following = self._wish(lag, queue, held, no_live, apart)
        if following == self.mode or (following in (LIVE_ONLY, OVERLAP) and now_ms < self.paid_ms):
            return self.mode
        dwell = self.knobs.dwell_ms
        self.paid_ms = min(max(self.paid_ms, now_ms) + dwell, now_ms + DEBT_CHANGES_MAX * dwell)
        self.mode, self.since_ms = following, now_ms
        return following

    def _wish(self, lag, queue, held, no_live, apart):
        knobs, both = self.knobs, self.streams == BOTH
        far, full = no_live or lag >= knobs.start_commit_sync_lag, queue >= knobs.pause_live_queue
        few = queue <= knobs.resume_live_queue
        if held:
            return PAUSED
        if self.mode == LIVE_ONLY:
            return COMMITS_ONLY if far and both else PAUSED if full else LIVE_ONLY
        if self.mode == COMMITS_ONLY:
            return OVERLAP if both and lag <= knobs.resume_live_lag and few else COMMITS_ONLY
        if self.mode == OVERLAP:
            near = lag <= knobs.stop_commit_sync_lag and not apart
            return COMMITS_ONLY if far or full else LIVE_ONLY if near else OVERLAP
        if self.streams == COMMIT:
            return COMMITS_ONLY
        if not few:
            return PAUSED
        return COMMITS_ONLY if far and both else LIVE_ONLY
