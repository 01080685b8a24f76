"""spec_examples.py: the programs that stand in SPEC.md, to be run as they stand there."""
import os
import re
import subprocess

from harness import TOP


def blocks(document="SPEC.md"):
    """{"python subscriber": text, ...} of the code blocks that have a name."""
    with open(os.path.join(TOP, "protocol", document), encoding="utf-8") as file:
        return dict(re.findall(r"^```(\w+ \w+)\n(.*?)^```", file.read(), re.M | re.S))


def script(name, found, *arguments, stdout=subprocess.PIPE):
    return subprocess.Popen(["/usr/bin/python3", "-u", "-c", found[f"python {name}"], *arguments],
                            stdout=stdout, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PYTHONPATH": os.path.join(TOP, "protocol", "python")})
