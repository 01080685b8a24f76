"""grid.py: what a terminal shows after the bytes that a program wrote to it.

1. Understands what ncurses writes to xterm, screen and tmux: text in UTF-8, motions, erasing, inserting, deleting,
   scrolling in a region, repetition. Colours and modes are read over.
2. Bytes may come in any pieces.
3. A character takes one cell; wide and combining ones are not for it.
"""
import codecs
import re

PIECES = re.compile(r"\x1b\[([<-?]*)([0-9;:]*)[ -/]*([@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[()*+#%][ -~]|\x1b([ -Z\\^-~])"
                    r"|([\x00-\x1f\x7f])|([^\x00-\x1f\x1b\x7f]+)")
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[()*+#%])?$")
BLANK = " "


class Grid:
    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.left = ""
        self.last = BLANK
        self.changed = set()  # lines; whoever looks at them clears it
        self._reset()

    def _reset(self):
        self.rows = [[BLANK] * self.columns for _ in range(self.lines)]
        self.x = self.y = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, self.lines - 1
        self.changed.update(range(self.lines))

    def line(self, y):
        return "".join(self.rows[y]).rstrip()

    def text(self):
        return "\n".join(self.line(y) for y in range(self.lines))

    def feed(self, data):
        text = self.left + self.decoder.decode(data)
        unfinished = UNFINISHED.search(text)
        self.left = text[unfinished.start():] if unfinished else ""
        for piece in PIECES.finditer(text[:len(text) - len(self.left)]):
            private, numbers, final, _, escape, control, plain = piece.groups()
            if plain is not None:
                self._put(plain)
            elif control is not None:
                self._control(control)
            elif final is not None and not private:
                self._sequence(final, [int(number) if number.isdigit() else None for number in numbers.split(";")])
            elif final in ("h", "l") and numbers in ("1049", "47", "1047"):
                self._reset()
            elif escape is not None:
                self._escape(escape)

    def _put(self, text):
        for character in text:
            if self.x >= self.columns:  # the margin was reached before; only now does the line go on
                self.x = 0
                self._down()
            self.rows[self.y][self.x] = self.last = character
            self.changed.add(self.y)
            self.x += 1

    def _down(self):
        if self.y == self.bottom:
            self._scroll(self.top, 1)
        elif self.y < self.lines - 1:
            self.y += 1

    def _scroll(self, top, count):
        """Lines from `top` to the end of the region move up by `count`, or down where it is negative."""
        height = self.bottom + 1 - top
        count = max(-height, min(height, count))
        blank = [[BLANK] * self.columns for _ in range(abs(count))]
        kept = self.rows[top + max(count, 0):self.bottom + 1 + min(count, 0)]
        self.rows[top:self.bottom + 1] = kept + blank if count > 0 else blank + kept
        self.changed.update(range(top, self.bottom + 1))

    def _control(self, character):
        if character == "\r":
            self.x = 0
        elif character in "\n\x0b\x0c":
            self._down()
        elif character == "\b":
            self.x = max(0, min(self.x, self.columns - 1) - 1)
        elif character == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)

    def _escape(self, character):
        if character == "M":
            if self.y == self.top:
                self._scroll(self.top, -1)
            else:
                self.y = max(0, self.y - 1)
        elif character in "DE":
            self.x = 0 if character == "E" else self.x
            self._down()
        elif character == "7":
            self.saved = (self.x, self.y)
        elif character == "8":
            self.x, self.y = self.saved
        elif character == "c":
            self._reset()

    def _sequence(self, final, numbers):
        first = numbers[0]
        count = first or 1
        if final in "ABCDEFGHdf`":
            self._move(final, count, numbers)
        elif final in "JK":
            self._erase(final, first or 0)
        elif final in "LM" and self.top <= self.y <= self.bottom:
            self._scroll(self.y, count if final == "M" else -count)
        elif final in "ST":
            self._scroll(self.top, count if final == "S" else -count)
        elif final in "PX@":
            self._shift(final, min(count, self.columns - min(self.x, self.columns - 1)))
        elif final == "b":
            self._put(self.last * count)
        elif final == "r":
            bottom = numbers[1] if len(numbers) > 1 and numbers[1] else self.lines
            self.top, self.bottom = count - 1, min(bottom, self.lines) - 1
            self.x = self.y = 0

    def _move(self, final, count, numbers):
        second = numbers[1] if len(numbers) > 1 and numbers[1] else 1
        x, y = min(self.x, self.columns - 1), self.y
        if final in "Hf":
            x, y = second - 1, count - 1
        elif final in "G`":
            x = count - 1
        elif final == "d":
            y = count - 1
        elif final in "CD":
            x += count if final == "C" else -count
        else:
            y += count if final in "BE" else -count
            x = 0 if final in "EF" else x
        self.x, self.y = max(0, min(self.columns - 1, x)), max(0, min(self.lines - 1, y))

    def _erase(self, final, how):
        x = min(self.x, self.columns - 1)
        begin, end = {0: (x, self.columns), 1: (0, x + 1)}.get(how, (0, self.columns))
        self.rows[self.y][begin:end] = [BLANK] * (end - begin)
        self.changed.add(self.y)
        if final == "J":
            others = {0: range(self.y + 1, self.lines), 1: range(self.y)}.get(how, range(self.lines))
            for y in others:
                self.rows[y] = [BLANK] * self.columns
                self.changed.add(y)

    def _shift(self, final, count):
        row, x = self.rows[self.y], min(self.x, self.columns - 1)
        if final == "X":
            row[x:x + count] = [BLANK] * count
        elif final == "P":
            row[x:] = row[x + count:] + [BLANK] * count
        else:
            row[x:] = ([BLANK] * count + row[x:])[:self.columns - x]
        self.changed.add(self.y)
