"""mutants.py: plants the defects of the table `mutations`, one by one, and sees whether the model finds them.

Each is a replacement in a copy of one source file of a core. The copy is compiled as that file is in the build at hand,
and the model is linked once more with this object in front of the libraries. Nothing of the tree or the build changes.
"""
import concurrent.futures
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FEW = ["takes-a-failed-append-for-a-written-one", "applies-an-event-twice", "applies-over-a-gap", "never-renews-reads",
       "never-backs-off", "counts-a-lease-from-its-first-word", "drops-a-retry"]


def read_table():
    """The rows: name, core, file, options of the model, meaning, old text, new text."""
    rows = []
    with open(os.path.join(HERE, "mutations"), encoding="utf-8") as table:
        for number, line in enumerate(table, 1):
            line = line.rstrip("\n")
            if line.startswith("@ "):
                name, core, path, *options = (word.strip() for word in line[2:].split("|"))
                rows.append({"name": name, "core": core, "file": path, "options": options, "means": "", "old": [], "new": [], "line": number})
            elif line.startswith(": "):
                rows[-1]["means"] = line[2:]
            elif line.startswith("-") and rows:
                rows[-1]["old"].append(line[1:])
            elif line.startswith("+") and rows:
                rows[-1]["new"].append(line[1:])
            elif line and not line.startswith("#"):
                raise SystemExit(f"mutations:{number}: what is this? {line}")
    return rows


def mutate(row):
    """The text of the source with the defect. A text that does not stand there exactly once is an error."""
    with open(os.path.join(TOP, row["file"]), encoding="utf-8") as source:
        text = source.read()
    old, new = "\n".join(row["old"]), "\n".join(row["new"])
    count = text.count(old)
    if count != 1 or not old:
        raise SystemExit(f"mutations:{row['line']}: {row['name']}: its text stands {count} times in {row['file']}: "
                         "change the table with the source")
    return text.replace(old, new)


class Build:
    """What a build directory says about compiling and linking."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        with open(os.path.join(self.path, "compile_commands.json"), encoding="utf-8") as commands:
            entries = json.load(commands)
        # Some sources are compiled a second time with places to die at, for other tests.
        self.compile = {entry["file"]: entry for entry in entries if "VD_FAILPOINTS" not in entry["command"]}
        done = subprocess.run(["ninja", "-C", self.path, "-t", "commands", "tests/model"], stdout=subprocess.PIPE, text=True,
                              check=True)
        last = [line for line in done.stdout.splitlines() if " -o tests/model " in line][-1]
        self.link = shlex.split(re.sub(r"^: && | && :$", "", last))

    def make(self, row, directory):
        """Compiles the mutant and links a model with it. Returns its path."""
        source = os.path.join(TOP, row["file"])
        entry = self.compile[source]
        copy = os.path.join(directory, row["name"] + ".c")
        with open(copy, "w", encoding="utf-8") as out:
            out.write(mutate(row))
        words = [word for word in shlex.split(entry["command"]) if not word.endswith("ccache")]
        target = os.path.join(directory, row["name"] + ".o")
        keep, skip = [], False
        for at, word in enumerate(words):
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT", "-c"):
                skip = True
            elif word not in ("-MD", "-Werror"):
                keep.append(word)
        # Includes with quotes begin at the file: where the source stands.
        keep += ["-w", "-iquote", os.path.dirname(source), "-c", copy, "-o", target]
        subprocess.run(keep, cwd=entry["directory"], check=True)
        model = os.path.join(directory, row["name"])
        words = [word if word != "tests/model" else model for word in self.link]
        first = next(at for at, word in enumerate(words) if word.endswith(".o"))
        subprocess.run(words[:first] + [target] + words[first:], cwd=self.path, check=True)
        return model


MEMORY_BYTES_MAX = 2 << 30  # a defect that takes memory without end shall not take it from others


def bound_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


def judge(build, row, directory, seeds):
    """Runs seeds until one fails. (caught, seeds run, what was said)."""
    model = build.make(row, directory)
    at, step = 1, 20
    while at <= seeds:
        many = min(step, seeds - at + 1)
        try:
            done = subprocess.run([model, "--seeds", str(many), "--from", str(at), "--stop"] + row["options"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300,
                                  preexec_fn=bound_memory)
        except subprocess.TimeoutExpired:
            return at, "a run does not come to its end"
        if done.returncode:
            match = re.search(r"seed (\d+): (.*)", done.stdout)
            if match:
                return int(match[1]), match[2]
            seed = re.search(r"--seed (\d+)", done.stdout)
            said = re.search(r"Assertion `(.*?)' failed", done.stdout, re.S)
            return int(seed[1]) if seed else at, "an assertion of the core: " + (said[1] if said else "it crashed, or took 2 GiB")
        at += many
        step = 100
    return None, ""


def run(build_path, names, few=False, seeds=2000):
    rows = read_table()
    chosen = [row for row in rows if (not names and not few) or row["name"] in names or (few and row["name"] in FEW)]
    unknown = set(names) - {row["name"] for row in rows}
    if unknown or (few and len(chosen) != len(FEW)):
        raise SystemExit(f"mutations: there is no {', '.join(unknown) or 'such few'}")
    for row in rows:
        mutate(row)
    build, bad = Build(build_path), 0
    directory = tempfile.mkdtemp(prefix="mutants.")

    def one(row):
        result = judge(build, row, directory, seeds)
        for path in (row["name"], row["name"] + ".o"):
            if os.path.exists(os.path.join(directory, path)):
                os.remove(os.path.join(directory, path))
        return row, result

    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for row, (seed, said) in pool.map(one, chosen):
                where = f"seed {seed:4d}" if seed else "NOT CAUGHT"
                print(f"{row['core']:11} {row['name']:44} {where}  {said[:110]}", flush=True)
                bad += seed is None
    finally:
        shutil.rmtree(directory)
    cores = len({row["core"] for row in chosen})
    print(f"{len(chosen)} mutations of {cores} cores, {len(chosen) - bad} caught, each within {seeds} seeds")
    return 1 if bad else 0
