#!/usr/bin/python3
"""test_checks.py: each check of tools/checks finds a breach that is put into a small tree, and is silent without it."""
import os
import subprocess
import sys
import tempfile

CHECKS = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "tools", "checks"))
with open(os.path.join(CHECKS, "..", "..", ".clang-format"), encoding="utf-8") as style:
    FORMAT = style.read()

# A tree without a fault: what each check reads at least.
CLEAN = {
    ".clang-format": FORMAT,
    "README.md": "Nothing.\n",
    "protocol/core/core.h": "int one(void);\n",
    "actors/kit/actor.h": '#include "core/core.h"\n',
    "broker/broker.c": '#include "core/core.h"\n#include "kit/actor.h"\n',
    "observers/observer.h": "int two(void);\n",
    "observers/two/two.h": '#include "../observer.h"\n',
    "tools/run": "#!/usr/bin/env bash\necho hello\n",
}

LONG_FUNCTION = "int f(void)\n{\n" + "    f();\n" * 80 + "    return 0;\n}\n"

# check, path and text that it must object to.
BREACHES = [
    ("layering", "broker/bad.c", '#include "observer.h"\n'),
    ("layering", "protocol/core/bad.c", '#include "kit/actor.h"\n'),
    ("layering", "actors/poller/bad.c", '#include "../../broker/broker.h"\n'),
    ("layering", "observers/one/bad.c", '#include "two/two.h"\n'),
    ("vocabulary", "actors/kit/bad.c", "int raft_term;\n"),
    ("vocabulary", "protocol/bad.md", "the new Leader\n"),
    ("purity", "protocol/core/bad.c", "#include <unistd.h>\n"),
    ("purity", "protocol/feed/bad.c", "int f(void)\n{\n    return time(0);\n}\n"),
    ("purity", "observers/one/bad.c", "#include <time.h>\n"),
    ("format", "broker/bad.c", "int  f( void );\n"),
    ("sizes", "broker/bad.c", "int x;\n" * 601),
    ("sizes", "broker/bad.c", LONG_FUNCTION),
    ("marks", "broker/bad.c", "/* TO" "DO: more */\n"),
    ("scripts", "tools/bad.sh", "if true; then\n"),
    ("scripts", "tools/bad.py", "def f(:\n"),
    ("layout", "notes.txt", "a file too many\n"),
    ("layout", "tools/bad", "#!/bin/sh\n"),
    ("layout", "broker/bad.c", "/* see /" "root/here */\n"),
]


def write(top, path, text):
    full = os.path.join(top, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)
    if text.startswith("#!") and path in CLEAN:
        os.chmod(full, 0o755)


def run(check, top):
    done = subprocess.run([os.path.join(CHECKS, check + ".py")], env={**os.environ, "VEDETTE_TREE": top},
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    wrong = []
    for check, path, text in [(check, None, None) for check in sorted({row[0] for row in BREACHES})] + BREACHES:
        with tempfile.TemporaryDirectory() as top:
            for name, body in CLEAN.items():
                write(top, name, body)
            if path:
                write(top, path, text)
            code, said = run(check, top)
        if path is None and code != 0:
            wrong.append(f"{check} objects to a clean tree:\n{said}")
        if path is not None and (code != 1 or path not in said):
            wrong.append(f"{check} does not name {path} ({text[:40]!r}), exit {code}:\n{said}")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
