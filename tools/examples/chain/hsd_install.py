#!/usr/bin/python3
"""hsd_install.py: installs hsd, a node of a real chain, for this user, once; prints where it is.

    tools/examples/chain/hsd_install.py [--check]

1. It is built by npm from package.json and package-lock.json beside this file, into ~/.cache/vedette (or
   $XDG_CACHE_HOME/vedette), under a name that holds the digest of both and of what Node.js is there: another lock or
   another Node.js is another installation. Nothing else is written.
2. A directory of that name is whole: it is built beside it and renamed. Who comes second waits for the first.
3. With --check nothing is installed: exit 0 if it is there or could be built, else 1 and what is missing.
"""
import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PINNED = ("package.json", "package-lock.json")
PACKAGES = "apt-get install nodejs npm libnode-dev g++ make python3"
BUILD_S_MAX = 900
LOG_LINES_SHOWN = 25


class HsdError(Exception):
    """hsd is not there and cannot be installed; the text says why and what helps."""


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "vedette")


def node_says():
    """The form of native modules that this Node.js takes, and where it lives."""
    if not shutil.which("node"):
        raise HsdError(f"node is not installed: {PACKAGES}")
    asked = "console.log([process.versions.modules, process.platform, process.arch].join('-') + '\\n' + process.execPath)"
    done = subprocess.run(["node", "-e", asked], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise HsdError(f"node does not work: {done.stderr.strip()}")
    form, program = done.stdout.splitlines()
    return form, program


def place(form):
    """Where the installation for this form of native modules belongs."""
    digest = hashlib.sha256(form.encode())
    for name in PINNED:
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(b"\0" + file.read())
    return os.path.join(cache(), f"hsd-{digest.hexdigest()[:16]}")


def find():
    """The program of hsd's node; None where it is not installed."""
    try:
        program = node_program(place(node_says()[0]))
    except HsdError:
        return None
    return program if os.path.exists(program) else None


def node_program(directory):
    return os.path.join(directory, "node_modules", "hsd", "bin", "node")


def headers(program):
    """The prefix of the headers that belong to this node: npm would ask the network for them."""
    for prefix in (os.path.dirname(os.path.dirname(os.path.realpath(program))), "/usr"):
        if os.path.exists(os.path.join(prefix, "include", "node", "node.h")):
            return prefix
    raise HsdError(f"the headers of Node.js are not installed (node.h for {program}): {PACKAGES}")


def tools():
    for tool in ("npm", "make", "g++"):
        if not shutil.which(tool):
            raise HsdError(f"{tool} is not installed: {PACKAGES}")


@contextlib.contextmanager
def alone(directory):
    """One installer at a time; the others wait."""
    os.makedirs(cache(), exist_ok=True)
    with open(directory + ".lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def npm(stage, prefix):
    """Builds it in `stage`."""
    scratch = os.path.join(stage, "scratch")
    os.makedirs(scratch)
    for name in PINNED:
        shutil.copy(os.path.join(HERE, name), stage)
    environment = {**os.environ, "npm_config_nodedir": prefix, "npm_config_cache": scratch, "TMPDIR": scratch,
                   "npm_config_jobs": "max", "npm_config_ignore_scripts": "false",
                   "npm_config_foreground_scripts": "true", "CI": "true"}
    log = os.path.join(stage, "install.log")
    with open(log, "wb") as out:
        process = subprocess.Popen(["npm", "ci", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier"],
                                   cwd=stage, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)
        try:
            code = process.wait(BUILD_S_MAX)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    shutil.rmtree(scratch)
    if code != 0 or not os.path.exists(node_program(stage)):
        with open(log, encoding="utf-8", errors="replace") as file:
            tail = "".join(file.readlines()[-LOG_LINES_SHOWN:])
        raise HsdError(f"npm ci has failed (exit {code}) in {HERE}:\n{tail}")


def install():
    """Installs it where it is not there yet; the program of hsd's node."""
    form, node = node_says()
    directory = place(form)
    if os.path.exists(directory):
        return node_program(directory)
    prefix = headers(node)
    tools()
    with alone(directory):
        if not os.path.exists(directory):
            stage = directory + ".new"
            shutil.rmtree(stage, ignore_errors=True)
            os.makedirs(stage)
            try:
                npm(stage, prefix)
                os.rename(stage, directory)
            except subprocess.TimeoutExpired:
                raise HsdError(f"npm ci has not ended within {BUILD_S_MAX} s; does it reach its registry?") from None
            finally:
                shutil.rmtree(stage, ignore_errors=True)
    return node_program(directory)


def check():
    form, node = node_says()
    if not os.path.exists(place(form)):
        headers(node)
        tools()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say what is missing, if anything")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    try:
        if arguments.check:
            check()
        else:
            print(install())
    except (HsdError, OSError) as error:
        sys.exit(f"hsd_install: {error}")


if __name__ == "__main__":
    main()
