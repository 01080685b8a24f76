"""Where the ports of a runtime are: its directory, and endpoints of a client's own, by the rules that everybody keeps to."""

import os
import re

from .catalogue import LIMITS

ENDPOINTS_MAX = 16  # of a client's own
SHOWN = 200  # characters of what stands in a variable, in an error
NAME = re.compile(r"(?!\.)[A-Za-z0-9#./:@_-]+")
TCP = re.compile(r"tcp://(.+):([0-9]{1,5})", re.ASCII | re.DOTALL)
LOOPBACK = re.compile(r"localhost|127\.[0-9.]{3,11}", re.ASCII)


def default_run_dir(directory=None):
    """The directory with the sockets: as SPEC.md, Directories."""
    directory = directory or os.environ.get("VEDETTE_DIR")
    if directory:
        return os.path.join(os.path.abspath(directory), "run")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return os.path.join(runtime, "vedette") if runtime.startswith("/") else f"/tmp/vedette-{os.getuid()}"


def check(endpoint):
    """An absolute path, or a port of this machine's loopback: beyond that there are no keys. Raises ValueError."""
    if endpoint.startswith("ipc://"):
        path = endpoint[6:]
        if not path.startswith("/"):
            raise ValueError(f"the socket path {path[:SHOWN]} is not absolute: use ipc:///PATH")
        if len(os.fsencode(path)) > LIMITS["IPC_PATH_BYTES_MAX"]:
            raise ValueError(f"the socket path {path[:SHOWN]} is longer than {LIMITS['IPC_PATH_BYTES_MAX']} bytes, the system's "
                             "limit: choose a shorter one, by a shorter directory (or VEDETTE_DIR)")
        return
    if not endpoint.startswith("tcp://") or len(endpoint.encode()) > LIMITS["ENDPOINT_BYTES_MAX"]:
        raise ValueError(f"the endpoint {endpoint[:SHOWN]} is neither ipc:///PATH nor tcp://HOST:PORT")
    read = TCP.fullmatch(endpoint)
    if read is None or not 1 <= int(read[2]) <= 65535:
        raise ValueError(f"the endpoint {endpoint} is not of the form tcp://HOST:PORT with a port from 1 to 65535")
    if read[1] == "[::1]":
        raise ValueError(f"connecting to {endpoint} is refused: sockets of the runtime are of IPv4; use tcp://127.0.0.1:{read[2]}")
    if LOOPBACK.fullmatch(read[1]) is None:
        raise ValueError(f"connecting to {endpoint} is refused: it leaves this machine and there are no keys to guard it; use "
                         "tcp://127.0.0.1:PORT or ipc")


def _is_port(name):
    return all(NAME.fullmatch(part) and len(part) <= LIMITS["NAME_BYTES_MAX"] for part in name.rpartition(".")[::2])


def checked(endpoints):
    """{"ACTOR.PORT": endpoint}, as it is given. Raises ValueError with the thing, the place and the remedy."""
    for name, endpoint in endpoints.items():
        if not _is_port(name):
            raise ValueError(f"'{name[:SHOWN]}' is not the port of an actor, ACTOR.PORT")
        try:
            check(endpoint)
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
    if len(endpoints) > ENDPOINTS_MAX:
        name = list(endpoints)[ENDPOINTS_MAX]
        raise ValueError(f"{name}: a client has at most {ENDPOINTS_MAX} endpoints of its own; leave some out")
    return endpoints


def of_environment(text):
    """What VEDETTE_ENDPOINTS says: rows ACTOR.PORT=ENDPOINT with commas or blanks between them."""
    found = {}
    try:
        for row in filter(None, re.split(r"[, \t\r\n]+", text)):
            name, _, endpoint = row.partition("=")
            if "=" not in row or "." not in name:
                raise ValueError(f"'{row[:SHOWN]}' is not of the form ACTOR.PORT=ENDPOINT")
            checked({name: endpoint})
            found[name] = endpoint
        return checked(found)
    except ValueError as problem:
        raise ValueError(f"VEDETTE_ENDPOINTS: {problem}") from None
