"""Expressions over a snapshot, as in protocol/EXPRESSIONS.md: count > 3 && any(services, item.port == 8080)."""

import re

from .catalogue import LIMITS

_TOKEN = re.compile(r"""(?P<number>-?[0-9]+(?P<point>\.[0-9]+)?(?P<power>[eE][-+]?[0-9]+)?)
                        | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
                        | (?P<sign>==|!=|<=|>=|&&|\|\||.)""", re.X | re.S)
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}
_SPACE = " \t\r\n"
_FUNCTIONS = {"any": (2, True), "all": (2, True), "count": (2, True), "length": (1, False), "matches": (2, False)}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
WORK_MAX = 4_000_000


class ExpressionError(ValueError):
    """The text is no expression: `column` (from 1) and what was `expected` there."""

    def __init__(self, column, expected, found):
        super().__init__(f"column {column}: expected {expected}, found {found}")
        self.column, self.expected = column, expected
        self.status = "usage"


class TooMuch(Exception):
    """The evaluation would take too much."""



# ---- reading ----

class _Parser:
    """From the left, one token ahead. A part is a tuple (kind, ...)."""

    def __init__(self, text, items=0):
        self.text, self.at, self.start = text, 0, 0
        self.kind, self.value = "end", None
        self.parts = self.depth = 0
        self.items = items
        self.paths = []

    def fail(self, expected, start=None, end=None):
        start = self.start if start is None else start
        end = self.at if end is None else end
        raise ExpressionError(start + 1, expected, self.text[start:end][:24] or "the end")

    def advance(self):
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        self.start = self.at
        if self.at == len(self.text):
            self.kind, self.value = "end", None
            return
        if self.text[self.at] in "\"'":
            self._read_text()
            return
        match = _TOKEN.match(self.text, self.at)
        self.at = match.end()
        self.kind, self.value = match.lastgroup, match.group()
        if match.group("number"):
            self.kind = "number"
            self._read_number(match)
        elif match.group("name"):
            self.kind = "name"
        elif self.value in "=&|":
            self.fail("==" if self.value == "=" else 2 * self.value)

    def _read_number(self, match):
        if match.group("point") or match.group("power"):
            self.value = float(match.group())
            fits = abs(self.value) != float("inf")
        else:
            digits = match.group().lstrip("-0")
            self.value = int(match.group()) if len(digits) < 24 else 1 << 64
            fits = -(1 << 63) <= self.value < 1 << 64
        if not fits:
            self.fail("a number of 64 bits")

    def _read_text(self):
        quote, chars = self.text[self.at], []
        at = self.at + 1
        while at < len(self.text) and self.text[at] != quote:
            if self.text[at] == "\\":
                if self.text[at + 1:at + 2] not in _ESCAPES:
                    self.fail(r"""one of \\ \" \' \n \r \t""", at, at + 2)
                at += 1
                chars.append(_ESCAPES[self.text[at]])
            else:
                chars.append(self.text[at])
            at += 1
        if at == len(self.text):
            self.fail("a closing quote", end=at)
        self.at, self.kind, self.value = at + 1, "text", "".join(chars)

    def take(self, kind, *values):
        """The token at hand if it is one of these; goes on behind it."""
        if self.kind != kind or self.value not in values:
            return None
        value = self.value
        self.advance()
        return value

    def want(self, sign):
        if self.take("sign", sign) is None:
            self.fail(sign)

    def part(self, start=None, end=None):
        """Counts a part."""
        if self.parts == LIMITS["EXPRESSION_PARTS_MAX"]:
            self.fail(f"at most {LIMITS['EXPRESSION_PARTS_MAX']} parts", start, end)
        self.parts += 1

    def enter(self):
        self.depth += 1
        if self.depth > LIMITS["EXPRESSION_DEPTH_MAX"]:
            self.fail(f"at most {LIMITS['EXPRESSION_DEPTH_MAX']} levels")

    def _steps(self, root, start, first=()):
        steps = list(first)
        while True:
            if self.take("sign", ".") is not None:
                if self.kind != "name":
                    self.fail("a name")
                self.part()
                steps.append(self.value)
                self.advance()
            elif self.take("sign", "[") is not None:
                index = self.kind == "number" and isinstance(self.value, int) and self.value >= 0
                if not index and self.kind != "text":
                    self.fail("an index or a key in quotes")
                self.part()
                steps.append(self.value)
                self.advance()
                self.want("]")
            else:
                break
        path = ("path", root, tuple(steps))
        if root != "item":
            self.paths.append((self.text[start:self.start].rstrip(_SPACE), path))
        return path

    def _call(self, name, start, end):
        if name not in _FUNCTIONS:
            self.fail("any, all, count, length or matches", start, end)
        self.enter()
        self.part()
        self.advance()
        count, condition = _FUNCTIONS[name]
        operands = [self.either()]
        if count == 2:
            self.want(",")
            self.items += condition
            operands.append(self.either())
            self.items -= condition
        self.want(")")
        self.depth -= 1
        return (name, *operands)

    def _name(self):
        name, start, end = self.value, self.start, self.at
        if name in ("and", "or", "in"):
            self.fail("a value")
        if name == "item" and self.items == 0:
            self.fail("item only inside of any, all or count")
        if name in ("null", "true", "false", "item"):
            self.part()
            self.advance()
            return self._steps("item", start) if name == "item" else \
                ("value", {"null": None, "true": True, "false": False}[name])
        self.advance()
        if self.kind == "sign" and self.value == "(":
            return self._call(name, start, end)
        self.part(start, end)
        self.part(start, end)
        return self._steps("state", start, (name,))

    def _list(self):
        self.enter()
        self.part()
        self.advance()
        elements = []
        while not (self.kind == "sign" and self.value == "]"):
            if elements:
                self.want(",")
            elements.append(self.either())
        self.want("]")
        self.depth -= 1
        return elements

    def _operand(self):
        start = self.start
        if self.kind in ("number", "text"):
            self.part()
            value = self.value
            self.advance()
            return ("value", value)
        if self.kind == "name":
            return self._name()
        if self.kind == "sign" and self.value == "$":
            self.part()
            self.advance()
            return self._steps("snapshot", start)
        if self.kind == "sign" and self.value == "(":
            self.enter()
            self.advance()
            inside = self.either()
            self.want(")")
            self.depth -= 1
            return inside
        return self.fail("a value")

    def _comparison(self):
        first = self._operand()
        sign = self.take("sign", *_COMPARISONS)
        if sign is not None:
            part = (sign, first, self._operand())
        elif self.take("name", "in") is None:
            return first
        elif self.kind == "sign" and self.value == "[":
            part = ("among", first, self._list())
        else:
            part = ("in", first, self._operand())
        self.part()
        return part

    def _not(self):
        if not (self.kind, self.value) in (("sign", "!"), ("name", "not")):
            return self._comparison()
        self.enter()
        self.advance()
        part = ("not", self._not())
        self.depth -= 1
        self.part()
        return part

    def both(self):
        part = self._not()
        while self.take("sign", "&&") or self.take("name", "and"):
            part = ("and", part, self._not())
            self.part()
        return part

    def either(self):
        part = self.both()
        while self.take("sign", "||") or self.take("name", "or"):
            part = ("or", part, self.both())
            self.part()
        return part

    def read(self):
        if len(self.text.encode("utf-8", "replace")) > LIMITS["EXPRESSION_BYTES_MAX"]:
            raise ExpressionError(1, f"at most {LIMITS['EXPRESSION_BYTES_MAX']} bytes", "more")
        self.advance()
        root = self.either()
        if self.kind != "end":
            self.fail("an operator or the end")
        return root


# ---- evaluating ----

def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(a, b):
    if _is_number(a) and _is_number(b):
        return a == b
    same_kind = type(a) is type(b) and isinstance(a, (bool, str, bytes, type(None)))
    return same_kind and a == b


def _less(a, b):
    if _is_number(a) and _is_number(b):
        return a < b
    return isinstance(a, str) and isinstance(b, str) and a < b


def _alike(a, b):
    """Two numbers, texts, bytes or truth values?"""
    return (_is_number(a) and _is_number(b)) or (type(a) is type(b) and isinstance(a, (bool, str, bytes)))


def _compare(sign, a, b):
    if sign == "==":
        return _equal(a, b)
    if sign == "!=":
        return _alike(a, b) and not _equal(a, b)
    if sign in (">", ">="):
        a, b = b, a
    return _less(a, b) or (sign in ("<=", ">=") and _less_kind(a, b) and _equal(a, b))


def _less_kind(a, b):
    return (_is_number(a) and _is_number(b)) or (isinstance(a, str) and isinstance(b, str))


def _matches(text, glob):
    """A glob over bytes: * is any bytes, ? is one byte."""
    if not isinstance(text, str) or not isinstance(glob, str):
        return False
    text, glob = text.encode("utf-8", "replace"), glob.encode("utf-8", "replace")
    g = t = resume = 0
    star = None
    while t < len(text):
        if g < len(glob) and glob[g:g + 1] == b"*":
            star, resume, g = g, t, g + 1
        elif g < len(glob) and (glob[g:g + 1] == b"?" or glob[g] == text[t]):
            g, t = g + 1, t + 1
        elif star is not None:
            resume += 1
            g, t = star + 1, resume
        else:
            return False
    return not glob[g:].strip(b"*")


def _is_in(value, container):
    if isinstance(container, str):
        return isinstance(value, str) and value in container
    if isinstance(container, dict):
        return isinstance(value, str) and value in container
    return isinstance(container, list) and any(_equal(value, element) for element in container)


def is_true(value):
    """Everything but null, false, 0, and what is empty."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, list, dict)):
        return bool(value)
    return True


class Expression:
    """A parsed expression. ExpressionError if the text is none. `of_item`: it is about one element of something, to
    which `item` stands for it from the beginning."""

    def __init__(self, text, of_item=False):
        self.text = text
        parser = _Parser(text, int(of_item))
        self.root = parser.read()
        self.paths = parser.paths

    def evaluate(self, snapshot, item=None):
        """The value over `snapshot`, a dict with the key "state"."""
        return _Look(snapshot).value(self.root, item)

    def is_true(self, snapshot):
        return is_true(self.evaluate(snapshot))

    def seen(self, snapshot):
        """[(path as it is written, its value)] of the paths that begin at the snapshot."""
        look = _Look(snapshot)
        return [(text, look.value(path, None)) for text, path in self.paths]


class _Look:
    def __init__(self, snapshot):
        self.snapshot = snapshot
        self.state = snapshot.get("state") if isinstance(snapshot, dict) else None
        self.work = WORK_MAX

    def _walk(self, root, steps, item):
        value = {"state": self.state, "snapshot": self.snapshot, "item": item}[root]
        for step in steps:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, dict) else None
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else None
        return value

    def _over(self, kind, container, condition, item):
        items = self.value(container, item)
        if isinstance(items, dict):
            items = list(items.values())
        if not isinstance(items, list):
            return None if kind == "count" else False
        said = (is_true(self.value(condition, one)) for one in items)
        return any(said) if kind == "any" else all(said) if kind == "all" else sum(said)

    def value(self, part, item):
        self.work -= 1
        if self.work < 0:
            raise TooMuch("the evaluation would take too much")
        kind = part[0]
        if kind == "value":
            return part[1]
        if kind == "path":
            return self._walk(part[1], part[2], item)
        if kind in ("any", "all", "count"):
            return self._over(kind, part[1], part[2], item)
        first = self.value(part[1], item)
        if kind == "not":
            return not is_true(first)
        if kind == "length":
            return len(first) if isinstance(first, (str, bytes, list, dict)) else None
        if kind in ("and", "or"):
            return is_true(first) if is_true(first) == (kind == "or") else is_true(self.value(part[2], item))
        if kind == "among":
            return any(_equal(first, self.value(element, item)) for element in part[2])
        second = self.value(part[2], item)
        if kind == "matches":
            return _matches(first, second)
        if kind == "!=" and ("value", None) in part:  # is there a value?
            return not _equal(first, second)
        return _is_in(first, second) if kind == "in" else _compare(kind, first, second)
