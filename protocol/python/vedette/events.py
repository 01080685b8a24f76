"""The check of an event against the catalogue of event types (EVENTS.md)."""

import calendar
import re

from .errors import Error
from .event_types import EVENTS


class BadEvent(Error):
    """An event of a known type that lacks a required field, or has a field that is not of its kind."""

    def __init__(self, text):
        super().__init__("bad_event", text)
        self.text = text


_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z")


def _is_time(value):
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    year, month, day, hour, minute, second = (int(digits) for digits in match.groups())
    return (year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] and hour <= 23 and
            minute <= 59 and second <= 59)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# kind: (whether a value is of it, what it has to be in words)
_KINDS = {
    "text": (lambda value, _: isinstance(value, str), "text"),
    "count": (lambda value, _: _is_number(value) and isinstance(value, int) and value >= 0, "a whole number from 0"),
    "number": (lambda value, _: _is_number(value), "a number"),
    "bool": (lambda value, _: isinstance(value, bool), "true or false"),
    "time": (lambda value, _: _is_time(value), "a time stamp like 2026-01-31T10:15:00.123Z"),
    "choice": (lambda value, words: isinstance(value, str) and value in words.split("|"), "one of "),
    "bytes": (lambda value, _: isinstance(value, (bytes, bytearray, memoryview)), "bytes"),
    "list": (lambda value, _: isinstance(value, (list, tuple)), "a list"),
    "map": (lambda value, _: isinstance(value, dict), "a map"),
}


def check(type, data=None):
    """Raises BadEvent, with a text that names type and field. Unknown types and unknown fields pass."""
    fields = EVENTS.get(type)
    if fields is None:
        return
    if data is not None and not isinstance(data, dict):
        raise BadEvent(f"{type}: its data has to be a map")
    for name, (kind, required, words) in fields.items():
        value = (data or {}).get(name)
        is_of_kind, wanted = _KINDS[kind]
        if value is None and required:
            raise BadEvent(f"{type}: {name} is missing: it has to be {wanted}{words}")
        if value is not None and not is_of_kind(value, words):
            raise BadEvent(f"{type}: {name} is not valid: it has to be {wanted}{words}")
