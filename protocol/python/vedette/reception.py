"""Both streams of a subscriber joined into one order, without socket, clock or thread.

1. What comes in goes through take(); what is to be sent stands in `out`, first for a new connection if `renew` is set.
   Time is told by the caller, in seconds.
2. `queue` gets each event that was asked for once, in order, whatever the streams overlapped, and Missing for each range
   that is not there; `position` is behind all of it. What the live stream brings ahead of that is held back.
3. The mode machine (modes.py) says which streams are taken; it looks with every frame, at the queue as it was before the
   frame, and in between at what has waited for TICK_S: what a frame has just brought is no queue yet. PAUSED keeps a commit
   stream without credit: it tells the head, and the publisher goes on knowing the subscriber.
   While an operator holds the subscriber, its streams stay as they are.
4. Where the streams meet, their chains are compared: a stream of another history than `position` is of (the store went back
   in time) begins again there, so that the publisher says what is to be done.
5. A stream that is lost is begun again behind `position`: three times at once, then after 100 ms to 10 s. After five rounds
   of catching up that brought nothing, though the publisher answered, windows are read with FETCH until the head.
"""

import collections
import random
import re

from . import modes, wire
from .catalogue import LIMITS
from .errors import Error
from .modes import COMMITS_ONLY, LIVE_ONLY, OVERLAP, PAUSED
from .position import Kicked, Missing, Position, Reset
from .streams import COMMIT, FETCH, LIVE, Stream

QUIET_S = 1.2   # without a word before the publisher is asked
SILENCE_S = 3 * LIMITS["HEAD_INTERVAL_MS"] / 1000  # before a new connection is taken
ANSWER_S = 1.0  # for the answer to START and FETCH
TICK_S = 0.2    # between two looks at what waits
FRUITLESS_MAX = 5
AGAIN = {"overloaded", "io", "store_trouble", "not_ready", "busy"}  # answers to START after which it is tried again
_STREAMS_OF = {LIVE_ONLY: (LIVE,), COMMITS_ONLY: (COMMIT,), OVERLAP: (COMMIT, LIVE), PAUSED: (COMMIT,)}

Entry = collections.namedtuple("Entry", "item position session size")


class Wish:
    """What a subscriber asks for: a session or "" for all, a glob of types, and where it begins."""

    def __init__(self, name, session="", type=None, seq=None, head=False, batch=None, rolls=False):
        self.name, self.session, self.type, self.seq = name, session, type, seq
        self.head, self.batch, self.rolls = head, batch, rolls
        glob = re.escape(type or "*").replace(r"\*", ".*").replace(r"\?", ".")
        self.matches = re.compile(glob, re.S).fullmatch

    def filters(self):
        return {"session": self.session or None, "type": self.type}


class Reception:
    """One subscriber. `ended` is the error that ended it, `heir` the session in which a rolling one has to go on."""

    def __init__(self, wish, position, knobs, correlations, now, queue=None, window=None, warn=lambda text: None):
        self.wish, self.position, self.correlations, self.warn = wish, position, correlations, warn
        self.begin, self.queue = position, collections.deque() if queue is None else queue
        self.window = window or (LIMITS["CREDIT_ITEMS_DEFAULT"], LIMITS["CREDIT_BYTES_DEFAULT"])
        self.out, self.renew, self.ended, self.heir = [], False, None, None
        self.held_back = []  # COMMITS of the live stream that do not follow on yet
        self.held = False    # by an operator
        self.head, self.lag = 0, 0
        # What a reception before this one has left in the queue waits, too.
        self.waiting_items, self.waiting_bytes = len(self.queue), sum(entry.size for entry in self.queue)
        self.handed = self.waiting_items  # events that ever came into the queue
        self.stood = self.ticked = self.handed  # the same TICK_S ago or longer, and when it was looked last
        self.ticked_at = now
        self.done = 0        # commits that the application has dealt with, as far as it says
        self.fruitless, self.heard = 0, now
        live_first = wish.head and not position.store
        self.modes = modes.Modes(knobs, mode=LIVE_ONLY if live_first else COMMITS_ONLY, now_ms=now * 1000)
        self.streams = {kind: Stream(kind) for kind in (LIVE, COMMIT, FETCH)}
        self._take_streams(now)

    @property
    def mode(self):
        return self.modes.mode

    @property
    def started(self):
        return self.position.store != ""

    # ---- beginning, and again ----

    def _take_streams(self, now):
        """Begins what the mode takes before it ends what the mode does not take, so that there always is a stream."""
        wanted = _STREAMS_OF[self.mode]
        if self.streams[FETCH].wanted:
            wanted = tuple(FETCH if kind == COMMIT else kind for kind in wanted if kind != LIVE)
        for kind in wanted:
            if not self.streams[kind].wanted:
                self.streams[kind].wanted = True
                self._begin(self.streams[kind], now)
        for kind, stream in self.streams.items():
            if stream.wanted and kind not in wanted:
                self._end(stream)
        if LIVE not in wanted:
            self._let_go()

    def _let_go(self):
        for _, items, size in self.held_back:
            self.waiting_items -= items
            self.waiting_bytes -= size
        self.held_back = []

    def _end(self, stream):
        if stream.correlation and stream.kind != FETCH:
            self.out.append(("STOP", {}, stream.correlation))
        stream.end()

    def _begin(self, stream, now, here=False):
        """START, or FETCH, from where we are now; `here`: a live stream in OVERLAP, too."""
        if stream.kind == LIVE:
            self._let_go()
        fields = self.wish.filters()
        if stream.kind == LIVE and not here and (self.mode == OVERLAP or not self.started):
            fields["head"] = True
        elif self.started:
            fields.update(self.position.fields())
        elif self.wish.seq is not None:
            fields["seq"] = self.wish.seq
        elif self.wish.head:
            fields["head"] = True
        stream.begin(next(self.correlations), now, self.position.place)
        if stream.kind == FETCH:
            fields["items_max"] = max(1, self.window[0] // 2)
            self.out.append(("FETCH", fields, stream.correlation))
            return
        stream.grant(*self._budget())
        fields.update(stream=stream.kind, name=self.wish.name, batch=self.wish.batch, items=stream.granted_items,
                      bytes=stream.granted_bytes, mode=self.mode)
        self.out.append(("START", fields, stream.correlation))

    def _again(self, stream, now):
        """This stream is lost: from our own position, now or later."""
        if stream.kind == COMMIT and stream.heard and self.mode != PAUSED and self.position.place == stream.begun_at:
            self.fruitless += 1
        if self.fruitless >= FRUITLESS_MAX and self.started and not self.streams[FETCH].wanted:
            self.warn(f"{self.fruitless} rounds of catching up brought nothing behind {self.position}: "
                      "reading windows instead")
            self.streams[FETCH].wanted = True
            self._begin(self.streams[FETCH], now)
            self._take_streams(now)
            return
        stream.lose(now, random.uniform(0.5, 1.0))
        if stream.due <= now:
            self._begin(stream, now)

    def connection_lost(self, now):
        """Nothing is heard any more: a new connection, and every stream again."""
        self.out.clear()
        self.renew, self.heard, self.held = True, now, False
        self.modes.streams = modes.BOTH  # whoever refused the live stream may be gone
        self._let_go()
        for stream in self.streams.values():
            if stream.wanted:
                stream.lose(now, random.uniform(0.5, 1.0))
                if stream.due <= now:
                    self._begin(stream, now)

    def farewell(self):
        """What ends every stream."""
        return [("STOP", {}, stream.correlation) for stream in (self.streams[LIVE], self.streams[COMMIT])
                if stream.correlation]

    # ---- credit ----

    def _budget(self):
        """Events and bytes that may come on a stream beside those that wait."""
        if self.mode == PAUSED:
            return 0, 0
        return tuple(max(0, own - used) for own, used in zip(self.window, (self.waiting_items, self.waiting_bytes)))

    def _has_room(self):
        """For a window more."""
        return 2 * self.waiting_items <= self.window[0] and 2 * self.waiting_bytes <= self.window[1]

    def _credit(self, stream, now):
        stream.grant(*self._budget())
        stream.asked, stream.uncredited = now, 0
        self.out.append(("CREDIT", {"items": stream.granted_items, "bytes": stream.granted_bytes, "mode": self.mode,
                                    "queue": self.waiting_items, "done": self.done}, stream.correlation))

    def _grant(self, now):
        for stream in self._running():
            items, size = stream.could_grant(*self._budget())
            # Half a window; and well before the publisher waits for a CREDIT, whatever it was granted.
            enough = min(self.window[1] // 2, LIMITS["SUBSCRIBER_BYTES_MAX"] // 4)
            if items > self.window[0] // 2 or size > enough or stream.uncredited > LIMITS["UNCREDITED_BYTES_MAX"] // 4:
                self._credit(stream, now)

    def _running(self):
        return [stream for stream in self.streams.values() if stream.running and stream.kind != FETCH]

    # ---- what the application and the time do ----

    def dealt_with(self, entry, now):
        """An entry of `queue` needs no more room."""
        self.waiting_items -= 1
        self.waiting_bytes -= entry.size
        if self.mode == PAUSED:
            self._look(now)
        else:
            self._grant(now)

    def tick(self, now):
        """Time has passed: signs of life, what is due, what is silent. To be called a few times in a second."""
        if now - self.heard > SILENCE_S and any(stream.running for stream in self.streams.values()):
            self.connection_lost(now)
            return
        for stream in list(self.streams.values()):
            if not stream.wanted:
                continue
            if stream.waiting and now >= stream.due and (stream.kind != FETCH or self._has_room()):
                self._begin(stream, now)
            elif stream.starting and now - stream.asked > ANSWER_S:
                self.connection_lost(now)
                return
            elif stream.running and stream.kind != FETCH and (
                    now - stream.asked >= LIMITS["SUBSCRIBER_BEAT_MS"] / 1000 or
                    (now - stream.last > QUIET_S and now - stream.asked > QUIET_S / 2)):
                self._credit(stream, now)
        if now - self.ticked_at >= TICK_S:
            self.stood, self.ticked, self.ticked_at = self.ticked, self.handed, now
        self._look(now, queue=self._standing())

    def _standing(self):
        """Of what waits, what has stood for TICK_S or is held back; all of it in a pause, in which nothing comes."""
        fresh = 0 if self.mode == PAUSED else self.handed - self.stood
        held_back = sum(items for _, items, _ in self.held_back)
        return held_back + max(0, self.waiting_items - held_back - fresh)

    def _look(self, now, no_live=False, queue=None):
        """Lets the machine look, and does what its mode takes."""
        before = self.mode
        if not self.started and not no_live:
            return  # there is no lag yet
        mode = self.modes.look(now * 1000, self.lag, self.waiting_items if queue is None else queue, self.held, no_live,
                               apart=not self.streams[LIVE].running)
        if mode != before:
            if not self.held:
                self._take_streams(now)
            for stream in self._running():
                self._credit(stream, now)
            self._measure()
        self._grant(now)

    def _measure(self):
        """Lag to the head, in OVERLAP to where the live stream began."""
        live = self.streams[LIVE]
        if self.mode == OVERLAP and live.running:
            joined = self.position.place >= live.joins
            self.lag = 0 if joined else max(1, modes.lag_of(live.joins[0], self.position.index))
        else:
            self.lag = modes.lag_of(self.head, self.position.index)

    # ---- what comes ----

    def take(self, message, now):
        stream = next((one for one in self.streams.values() if one.correlation == message.correlation), None)
        if stream is None or not stream.correlation or self.ended is not None or self.heir:
            return
        self.heard = stream.last = now
        stream.heard = True
        waited = self._standing() if message.name == "HEAD" else self.waiting_items
        handler = getattr(self, "_on_" + message.name.lower(), None)
        if handler is not None:
            handler(stream, message, now)
        if self.ended is None and not self.heir:
            self._measure()
            self._look(now, queue=waited)

    def _on_started(self, stream, message, now):
        place = (message["index"], message["offset"])
        if stream.running and (stream.items > 0 or place != stream.joins):
            # It has begun twice: what came before is in our count of credit, and not in the publisher's.
            self._again(stream, now)
            return
        if not stream.starting:
            return
        if not self.started:
            self.position = Position(message["store"], message["index"], message["offset"], message["chain"])
        self.head = message["head"]
        stream.run(place, message["chain"], now)
        if stream.kind == LIVE and self.mode == LIVE_ONLY and place > self.position.place:
            self._look(now, no_live=True)

    def _on_head(self, stream, message, now):
        if stream.starting:
            self._again(stream, now)  # STARTED was lost
        elif stream.running:
            self.head = message["head"]
            if (message["sent"], message.get("sent_offset", 0)) > stream.place:
                self._again(stream, now)  # a frame was lost on the way
            else:
                stream.attempts = 0

    def _on_commits(self, stream, message, now):
        after, end = self._ends(message)
        if stream.kind == FETCH:
            self._on_window(stream, message, now)
            return
        if not stream.running or message["store"] != self.position.store or after != stream.place:
            if not stream.waiting:
                self._again(stream, now)
            return
        self.head = message["head"]
        try:
            read = self._count if end <= self.position.place else self._read
            commits, items, size = read(message)
        except wire.Malformed as problem:
            self.warn(f"a frame of the {stream.kind} stream is damaged: {problem}")
            self._again(stream, now)
            return
        before, stream.place, stream.chain = stream.chain, end, message["chain"]
        stream.attempts = 0
        stream.items += items
        stream.bytes += size
        stream.uncredited += len(message.payload) if items == 0 else 0
        fits = None if after > self.position.place else self._fits(message, commits, before)
        if fits is None and stream.kind == LIVE and (after > self.position.place or self.streams[COMMIT].running):
            self.held_back.append(((message, commits, before), items, size))
            self.waiting_items += items
            self.waiting_bytes += size
        elif fits:
            self._hand_on(message, commits)
            self._join(now)
        else:
            self._part(stream, now)

    def _join(self, now):
        """What was held back follows on by now?"""
        while self.held_back and self._ends(self.held_back[0][0][0])[0] <= self.position.place and not self.heir:
            frame, items, size = self.held_back[0]
            fits = self._fits(*frame)
            if fits is None and self.streams[COMMIT].running:
                return
            if not fits:
                self._part(self.streams[LIVE], now)
                return
            self.held_back.pop(0)
            self.waiting_items -= items
            self.waiting_bytes -= size
            self._hand_on(*frame[:2])

    def _fits(self, message, commits, before):
        """Is this frame of the history that we are in? None: it does not tell, for a filter has left out the commit behind
        which we are. `before` is the chain of the place behind which it begins."""
        (after, end), here = self._ends(message), self.position
        if end < here.place:
            return True
        if end == here.place:
            chain = message["chain"]
        elif after == here.place:
            chain = before
        else:
            touched = here.index + (1 if here.offset else 0)
            chain = next((commit.chain for commit, _ in commits if commit.index == touched), None)
        return None if chain is None else not chain or not here.chain or chain == here.chain

    def _part(self, stream, now):
        """It is of another history, or may be: the publisher is asked whether it goes on from where we are."""
        if stream.kind == LIVE:
            self._begin(stream, now, here=True)
        else:
            self._again(stream, now)

    @staticmethod
    def _ends(message):
        return (message["after"], message.get("after_offset", 0)), (message["index"], message.get("offset", 0))

    @staticmethod
    def _read(message):
        """([(commit, [(place, event)])], events, bytes of them), all checked before anything is handed on."""
        commits = [(commit, list(commit.events())) for commit in wire.unpack_commits(message.payload)]
        found = [event for _, events in commits for _, event in events]
        return commits, len(found), sum(len(event.raw) for event in found)

    @staticmethod
    def _count(message):
        """The same of a frame that the other stream has brought already: only what credit needs."""
        sizes = [len(raw) for commit in wire.unpack_commits(message.payload) for _, _, _, run, *_ in commit.runs
                 for raw in wire.unpack_run(run or b"", check=False)]
        return [], len(sizes), sum(sizes)

    def _hand_on(self, message, commits):
        """What of a frame is behind our position goes into the queue."""
        for commit, events in commits:
            found = [(place + 1, event) for place, event in events]
            found += [(place + count, self._absent(commit, place, session, first, count, status))
                      for place, session, first, count, _, status in commit.absent]
            for end, item in sorted(found, key=lambda row: row[0]):
                # Of a commit that cannot be read nothing is known: all of it is passed.
                position = Position(message["store"], commit.index - 1 if end else commit.index, end, commit.chain)
                if position.place <= self.position.place:
                    continue
                self.position = position
                self._queue(item, position)
                if self.heir:
                    return
        _, end = self._ends(message)
        if end > self.position.place:
            self.position = Position(message["store"], *end, message["chain"])
        if self.position.place > self.streams[COMMIT].begun_at:
            self.fruitless = 0

    def _absent(self, commit, place, session, first, count, status):
        """Of a range that is not there, what has not been told yet."""
        known = 0
        if commit.index == self.position.index + 1:
            known = min(count, max(0, self.position.offset - place))
        return Missing(status, session, first + known, count - known, commit.index)

    def _queue(self, item, position):
        item.position = position
        size = 0 if isinstance(item, Missing) else len(item.raw)
        if not isinstance(item, Missing):
            if self.wish.rolls and item.type == "session_ended" and isinstance(item.data, dict):
                self.heir = item.data.get("continued_by") or None
            if self.wish.type and not self.wish.matches(item.type):
                return  # session_ended passes the filter of a session
        self.handed += 1
        self.waiting_items += 1
        self.waiting_bytes += size
        self.queue.append(Entry(item, position, self.wish.session, size))

    def _on_window(self, stream, message, now):
        if message["store"] != self.position.store or self._ends(message)[0] > self.position.place:
            self._again(stream, now)
            return
        try:
            self._hand_on(message, self._read(message)[0])
        except wire.Malformed as problem:  # what is damaged here is damaged: the caller is told
            self.ended = problem
            return
        self.head = message["head"]
        stream.attempts = 0
        if message["index"] >= message["head"]:
            stream.end()
            self.fruitless = 0
            self.warn(f"windows have been read up to {self.position}: streams again")
            self._take_streams(now)
        else:
            stream.rest(now)

    def _on_gap(self, stream, message, now):
        if stream.kind == LIVE and stream.running:
            self.head = message["head"]
            self._look(now, no_live=True)

    def _on_use_commits(self, stream, message, now):
        if stream.kind == LIVE:
            self.head = message["head"]
            stream.correlation = 0  # there is no such stream
            self._look(now, no_live=True)

    def _on_hold(self, stream, message, now):
        self.held = bool(message["held"])
        if not self.held:
            self._take_streams(now)

    def _on_drop(self, stream, message, now):
        if message["status"] == "kicked":
            self.ended = Kicked("kicked", message.get("text") or "an operator has ended this follower")
            return
        self.held = False  # whoever still holds us says so with STARTED
        if not stream.waiting:
            self._again(stream, now)

    def _on_stream_reset(self, stream, message, now):
        text = message.get("text") or f"commits {message['first']} to {message['head']} are held"
        self.head = message["head"]
        if stream.kind == LIVE:  # the commit stream says it again, or can go on
            stream.correlation = 0
            self._look(now, no_live=True)
            return
        self.ended = Reset(message["status"], text)

    def _on_error(self, stream, message, now):
        if message["status"] in AGAIN:
            if not stream.waiting:
                self._again(stream, now)
        elif stream.kind == LIVE:  # no live stream here
            stream.correlation = 0
            self.modes = modes.Modes(self.modes.knobs, modes.COMMIT, COMMITS_ONLY, now * 1000)
            self.fruitless = 0
            self._take_streams(now)
        else:
            self.ended = Error(message["status"], message["text"])
