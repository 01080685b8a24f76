"""The command line that every actor has, and the tables of the configuration that are an observer's."""

import argparse
import datetime
import difflib
import os
import re
import sys
import tomllib

USAGE, CONFIG = 2, 2
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}
_ENVIRONMENT = re.compile(r"env\((\w+)\)")


class ConfigError(Exception):
    """What is wrong with the configuration, one line each."""


class Key:
    """A key of an observer's table: its default says of which type it is (str, int, float, bool, list of str, or a
    timedelta for a duration); numbers and durations (in seconds) may have bounds."""

    def __init__(self, default, help="", least=None, most=None):
        self.default, self.help, self.least, self.most = default, help, least, most

    def type_name(self):
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list of texts",
                 datetime.timedelta: 'a duration such as "250ms" or "5m"'}
        return names[type(self.default)]

    def read(self, value):
        """The value that stands in the file, as this key means it. Raises ValueError."""
        kind = type(self.default)
        if kind is datetime.timedelta:
            value = datetime.timedelta(milliseconds=duration_ms(value))
            number = value.total_seconds()
        elif kind is float and type(value) is int or type(value) is kind:
            value = number = kind(value)
        else:
            raise ValueError(f"has to be {self.type_name()}")
        if kind is list and not all(isinstance(item, str) for item in value):
            raise ValueError("has to be a list of texts")
        if kind in (int, float, datetime.timedelta) and (
                self.least is not None and number < self.least or self.most is not None and number > self.most):
            raise ValueError(f"has to be from {self.least} to {self.most}")
        return _from_environment(value) if kind is str else value

    def as_toml(self):
        value = self.default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime.timedelta):
            return f'"{round(value.total_seconds() * 1000)}ms"'
        if isinstance(value, list):
            return "[" + ", ".join(f'"{item}"' for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)


HOST_KEYS = {
    "kind": Key("", "the observer that this table makes a further one of; empty: the one of the table's name"),
    "program": Key("", "path of this program, beginning beside this file"),
    "enabled": Key(True, "whether the supervisor runs this observer"),
    "interval": Key(datetime.timedelta(seconds=1), "between reads, and between turns", 0.01, 86400),
    "history": Key(600, "cycles that are held for readers of its changes", 1, 1024),
    "history_age": Key(datetime.timedelta(minutes=10), "and for so long", 1, 86400),
    "history_bytes": Key(1048576, "and with so many bytes", 1048576, 67108864),
}


def _from_environment(text):
    named = _ENVIRONMENT.fullmatch(text)
    if named is None:
        return text
    if named[1] not in os.environ:
        raise ValueError(f"names the variable {named[1]}, which is not set")
    return os.environ[named[1]]


def duration_ms(text):
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('has to be a duration such as "250ms" or "5m"')
    return float(match[1]) * _UNIT_MS[match[2]]


def load(path):
    """The file as it stands; without one nothing does."""
    if not path:
        return {}, ""
    try:
        with open(path, "rb") as file:
            text = file.read()
        return tomllib.loads(text.decode()), text.decode()
    except OSError as problem:
        raise ConfigError(f"{path}: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path}: {problem}") from problem


def _line_of(text, table, key):
    """Where the key stands, or else its table."""
    found = inside = 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        if header:
            inside = header[1].replace('"', "").replace(" ", "") == f"observers.{table}"
            found = number if inside and not found else found
        elif inside and re.match(rf'\s*"?{re.escape(key)}"?\s*=', line):
            return number
    return found


def read_table(path, text, name, table, keys):
    """{key: value} of the table observers.`name` with its defaults; raises ConfigError that names every mistake."""
    values, wrong = {key: row.default for key, row in keys.items()}, []
    for key, value in table.items():
        where = f"{path}:{_line_of(text, name, key)}: "
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f': did you mean "{near[0]}"?' if near else ""
            wrong.append(f'{where}unknown key "{key}" in [observers.{name}]{hint}')
            continue
        try:
            values[key] = keys[key].read(value)
        except ValueError as problem:
            wrong.append(f"{where}{key} {problem}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return values


def tables_of(tree, observer, name):
    """The names of the tables that configure the actor `name`, or, for None, every actor of this observer."""
    tables = tree.get("observers", {})
    tables = {key: table for key, table in tables.items() if isinstance(table, dict)} if isinstance(tables, dict) else {}
    if name is None:
        return [key for key, table in tables.items() if (table.get("kind") or key) == observer]
    own = tables.get(name, {})
    if name == observer or own.get("kind") == observer or own.get("program") and not own.get("kind"):
        return [name]
    return [observer]


def check(observer, path, name=None):
    """The configuration of the actor `name`, checked; None: of every actor of this observer, the first is returned."""
    keys = {**HOST_KEYS, **observer.config}
    tree, text = load(path)
    tables = tree.get("observers", {})
    found = [read_table(path, text, table, tables.get(table, {}), keys) for table in tables_of(tree, observer.name, name)]
    return found[0] if found else read_table(path, text, observer.name, {}, keys)


def print_config(observer):
    print(f"# {observer.summary}\n[observers.{observer.name}]")
    for key, row in {**HOST_KEYS, **observer.config}.items():
        print(f"{key} = {row.as_toml()}  # {row.help}")


def parse(observer, arguments=None):
    parser = argparse.ArgumentParser(description=f"The observer {observer.name} of a Vedette runtime: {observer.summary} "
                                     "It is started by the supervisor: see vedette up.", allow_abbrev=False)
    parser.add_argument("--dir", "-d", metavar="DIR", help="directory of the runtime (VEDETTE_DIR; by default the user's own)")
    parser.add_argument("--name", "-n", metavar="NAME", help="name of this actor")
    parser.add_argument("--config", "-c", metavar="FILE", help="configuration in TOML")
    parser.add_argument("--session", metavar="ID", default="", help="session of the runtime")
    parser.add_argument("--log-level", metavar="LEVEL", default="info", choices=("debug", "info", "warn", "error"),
                        help="debug, info, warn or error")
    parser.add_argument("--log-json", action="store_true", help="log lines of JSON")
    parser.add_argument("--check-config", action="store_true", help="check the configuration and exit")
    parser.add_argument("--print-config", action="store_true", help="print every key with its default and exit")
    return parser.parse_args(arguments)


def read(observer, arguments=None):
    """(options, configuration) of this process; ends it where there is nothing to run."""
    options = parse(observer, arguments)
    if options.print_config:
        print_config(observer)
        sys.exit(0)
    try:
        config = check(observer, options.config, options.name or (None if options.check_config else observer.name))
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        sys.exit(CONFIG)
    if options.check_config:
        sys.exit(0)
    if not options.session:
        print(f"{observer.name}: no session to write to: give --session ID", file=sys.stderr)
        sys.exit(USAGE)
    options.name = options.name or observer.name
    return options, config
