"""Layouts: how an observer's snapshot is shown to people, as in protocol/LAYOUTS.md."""

import re

from . import wire
from .catalogue import LIMITS
from .expression import Expression, ExpressionError

UNITS = ("plain", "bytes", "bytes_per_s", "percent", "ms", "us", "time", "date", "age", "id")
TONES = ("bad", "warn", "accent", "good", "bold", "dim", "plain")
KEYS = {
    "text": "text when title tone",
    "fields": "fields when title",
    "table": "table when title columns sort descending empty",
    "bars": "bars when title label value unit most tone empty",
    "graph": "graph when title id parent height label tone marks empty",
    "tree": "tree when title",
}
_CELL = "title value unit text tone width weight right"
_PIECE = re.compile(r"\{\{|\}\}|\{([^}]*)\}|[{}]")
_UNIT = re.compile(r"(?s)(.+):([A-Za-z0-9_]+)")


class LayoutError(ValueError):
    """The layout is none: what is wrong, and where."""

    status = "usage"


class _Reader:
    def __init__(self):
        self.place = []
        self.of_item = False
        self.counts = {"elements": 0, "texts in all": 0, "pieces of text": 0, "expressions": 0, "marks in all": 0}

    def fail(self, text):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.place).lstrip(".")
        raise LayoutError(f"layout: {place}{': ' if place else ''}{text}")

    def at(self, part, read, *arguments):
        """What `read` gives at a key or an element."""
        self.place.append(part)
        found = read(*arguments)
        self.place.pop()
        return found

    def count(self, what, limit):
        if self.counts[what] == LIMITS[limit]:
            self.fail(f"at most {LIMITS[limit]} {what}")
        self.counts[what] += 1

    def keys(self, value, thing, keys):
        if not isinstance(value, dict):
            self.fail(f"{thing} has to be a map")
        for key in value:
            if key not in keys.split():
                shown = key if isinstance(key, str) and len(key.encode()) < 32 else ""
                self.fail(f'unknown key "{shown}"; {thing} has {keys}')

    def find(self, value, key, kind, thing):
        """The value under the key; None without it."""
        found = value.get(key)
        if key in value and type(found) is not kind:
            self.at(key, self.fail, f"has to be {thing}")
        return found

    def words(self, value, key):
        return self.find(value, key, str, "a text") or ""

    def number(self, value, key, most):
        found = self.find(value, key, int, "a whole number")
        if found is not None and found < 0:
            self.at(key, self.fail, "has to be a whole number")
        if found is not None and found > most:
            self.at(key, self.fail, f"has to be at most {most}")

    def parse(self, text):
        self.count("expressions", "LAYOUT_PIECES_MAX")
        try:
            Expression(text, self.of_item)
        except ExpressionError as problem:
            self.fail(str(problem))

    def expression(self, value, key, wanted):
        text = self.find(value, key, str, "an expression, as text")
        if text is not None:
            self.at(key, self.parse, text)
        elif wanted:
            self.fail(f'"{key}" is missing')
        return text is not None

    # ---- texts ----

    def piece(self, inside):
        split = _UNIT.fullmatch(inside)
        self.parse(split[1] if split and split[2] in UNITS else inside)
        self.count("pieces of text", "LAYOUT_PIECES_MAX")

    def pieces(self, text):
        at = 0
        for found in _PIECE.finditer(text):
            twice = found[0] in ("{{", "}}")
            if found.start() > at or twice:
                self.count("pieces of text", "LAYOUT_PIECES_MAX")
            at = found.end()
            if found[1] is not None:
                self.piece(found[1])
            elif not twice:
                self.fail("a brace is not closed" if found[0] == "{" else "a closing brace without one")
        if at < len(text):
            self.count("pieces of text", "LAYOUT_PIECES_MAX")

    def tones(self, value):
        tone = value["tone"]
        if not isinstance(tone, dict):
            if tone not in TONES:
                self.fail("has to be a tone, or a map of tones with the condition of each")
            return
        for name, condition in tone.items():
            self.at(str(name)[:31], self.condition, name, condition)

    def condition(self, name, condition):
        if name not in TONES[:-1]:
            self.fail("no tone; there are bad, warn, accent, good, bold and dim")
        if not isinstance(condition, str):
            self.fail("has to be a condition, as text")
        self.parse(condition)

    def cell(self, value, text="text", expression=None):
        self.count("texts in all", "LAYOUT_CELLS_MAX")
        if expression is not None and text not in value:
            self.expression(value, expression, True)
            unit = self.words(value, "unit")
            if unit and unit not in UNITS:
                self.at("unit", self.fail, "no unit; there are plain, bytes, bytes_per_s, percent, ms, us, time, date, age and id")
            self.count("pieces of text", "LAYOUT_PIECES_MAX")
        else:
            words = self.words(value, text)
            if not words:
                self.at(text, self.fail, "has to be a text")
            self.at(text, self.pieces, words)
        self.words(value, "title")
        self.number(value, "width", 500)
        self.number(value, "weight", 1000)
        self.find(value, "right", bool, "true or false")
        if "tone" in value:
            self.at("tone", self.tones, value)

    # ---- elements ----

    def each(self, value, key, read):
        """Reads each element of the list, of which there is one at least."""
        found = self.find(value, key, list, "a list")
        if found is None:
            self.fail(f'"{key}" is missing')
        if not found:
            self.at(key, self.fail, "has to have one at least")
        self.at(key, lambda: [self.at(at, read, one) for at, one in enumerate(found)])

    def column(self, value, thing):
        self.keys(value, thing, _CELL)
        self.cell(value, "text", "value")

    def mark(self, value):
        self.keys(value, "a mark", "list id label tone")
        self.count("marks in all", "LAYOUT_MARKS_MAX")
        self.of_item = False
        self.of_item = self.expression(value, "list", False)
        self.expression(value, "id", True)
        self.cell(value, "label")

    def element(self, value):
        if not isinstance(value, dict):
            self.fail("an element has to be a map")
        self.count("elements", "LAYOUT_ELEMENTS_MAX")
        kind = next((kind for kind in KEYS if kind in value), None)
        if kind is None:
            self.fail("is none of text, fields, table, bars, graph and tree")
        self.keys(value, f'an element "{kind}"', KEYS[kind])
        self.expression(value, "when", False)
        self.words(value, "title")
        self.words(value, "empty")
        if kind == "text":
            self.cell(value)
        elif kind == "fields":
            self.each(value, "fields", lambda one: self.column(one, "a field"))
        else:
            self.expression(value, kind, True)
            getattr(self, f"read_{kind}", lambda value: None)(value)
        self.of_item = False

    def read_table(self, value):
        self.of_item = True
        self.each(value, "columns", lambda one: self.column(one, "a column"))
        self.expression(value, "sort", False)
        self.find(value, "descending", bool, "true or false")

    def read_bars(self, value):
        self.expression(value, "most", False)
        self.of_item = True
        self.cell(value, "label")
        self.cell(value, "\nno such key", "value")

    def read_graph(self, value):
        self.of_item = True
        for key in ("id", "parent", "height"):
            self.expression(value, key, True)
        self.cell(value, "label")
        if self.find(value, "marks", list, "a list"):
            self.each(value, "marks", self.mark)


def check(layout):
    """Raises LayoutError for what is no layout."""
    reader = _Reader()
    try:
        size = len(wire.pack(layout))
    except (TypeError, ValueError, OverflowError) as problem:
        raise LayoutError(f"layout: {problem}") from problem
    if size > LIMITS["LAYOUT_BYTES_MAX"]:
        raise LayoutError(f"layout: it has to be one value of at most {LIMITS['LAYOUT_BYTES_MAX']} bytes")
    reader.keys(layout, "a layout", "elements")
    reader.each(layout, "elements", reader.element)
    return layout
