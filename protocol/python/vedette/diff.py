"""What is different between two snapshots, by paths as expressions write them (EXPRESSIONS.md)."""
import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORDS = {"and", "or", "not", "in", "true", "false", "null", "item"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _key(path, key):
    if _NAME.match(key) and (path or key not in _WORDS):
        return f"{path}.{key}" if path else key
    text = "".join(_ESCAPES.get(c, c) for c in key)
    return f'{path or "$.state"}["{text}"]'


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(before, after):
    if _is_number(before) and _is_number(after):
        return before == after or (before != before and after != after)
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(value, after[key]) for key, value in before.items())
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return before == after


def _has_text_keys(value):
    return all(isinstance(key, str) for key in value)


def _compare(rows, path, before, after):
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and _has_text_keys(before) and _has_text_keys(after):
        for key, value in before.items():
            _compare(rows, _key(path, key), value, after.get(key))
        for key, value in after.items():
            if key not in before:
                _compare(rows, _key(path, key), None, value)
    elif isinstance(before, list) and isinstance(after, list):
        for at in range(max(len(before), len(after))):
            _compare(rows, f'{path or "$.state"}[{at}]', before[at] if at < len(before) else None,
                     after[at] if at < len(after) else None)
    else:
        rows.append({"path": path or "$.state", "before": before, "after": after})


def diff(before, after):
    """[{"path", "before", "after"}] of the states of two snapshots; what is not there is None."""
    rows = []
    _compare(rows, "", before.get("state") if isinstance(before, dict) else None,
             after.get("state") if isinstance(after, dict) else None)
    return rows
