#!/usr/bin/python3
"""workflow.py: generates a file of each text of a tree, when it or what it stands on has changed; watches the tree.

    workflow.py --tree DIR --out DIR --provider URL --session S [--dir D]

Everything that it does is an event of its session, which it owns. Killed and started again, with another session, it
goes on where it was: what is generated already is not generated again, and the new session names the one that it goes on
from. It ends with SIGTERM.
"""
import argparse
import os
import signal
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "protocol", "python"))
import inotify  # noqa: E402
import request_queue  # noqa: E402
import tree  # noqa: E402
import vedette  # noqa: E402
from provider import digest  # noqa: E402
from request_queue import now_ms  # noqa: E402

NAME = "workflow"
PROGRESS_EACH = 4  # texts, while scanning
IDLE_S = 5.0  # between signs of life


class Story:
    """Tells events of the session, from any thread; each is on disk when tell() returns."""

    def __init__(self, client, session):
        self.client, self.session, self.lock = client, session, threading.Lock()
        self.producer = client.producer(NAME, strict=True)

    def tell(self, type, **data):
        with self.lock:
            self.producer.emit(type, data, self.session)

    def begin(self, labels, before):
        """Opens the session; `before` is the one of an earlier life, or None."""
        begun = {"name": NAME, "command": " ".join([f"{NAME}.py", *sys.argv[1:]]), "labels": labels, "owner": True}
        rows = self.client.sessions(session=before) if before else []
        self.tell("session_started", **begun, **({"continues": before} if rows else {}))
        if rows and rows[0]["state"] in ("active", "interrupted"):
            with self.lock:
                self.producer.emit("session_ended", {"status": "failed", "error": "the workflow died",
                                                     "continued_by": self.session}, before)


class Kept:
    """What is generated: a file of each text, whose first line says of what it was made."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)

    def read(self, name):
        """(what it was made of, the text); None where nothing is."""
        try:
            with open(self.path(name), encoding="utf-8") as file:
                made_of, _, text = file.read().partition("\n")
                return made_of, text
        except FileNotFoundError:
            return None

    def write(self, name, made_of, text):
        """Whole or not at all, whatever happens meanwhile. Returns its size."""
        path, data = self.path(name), f"{made_of}\n{text}".encode()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.replace(path + ".new", path)
        return len(data)

    def remove_others(self, names):
        for name in list(tree.paths(self.directory)):
            if name not in names:
                os.unlink(self.path(name))


class Workflow:
    def __init__(self, story, arguments):
        self.tell, self.tree, self.kept = story.tell, arguments.tree, Kept(arguments.out)
        self.queue = request_queue.Queue(story.tell, arguments.provider)
        self.seen = {}

    # ---- what there is to do ----

    def scan(self):
        begun, found = now_ms(), {}
        self.tell("scan_started", path=self.tree)
        all_paths = list(tree.paths(self.tree))
        for number, path in enumerate(all_paths, 1):
            text = tree.read(self.tree, path)
            if text:
                found[path] = text
            if number % PROGRESS_EACH == 0:
                self.tell("scan_progress", scanned=number, total=len(all_paths))
        digests = {name: digest(text.body + str(text.needs)) for name, text in found.items()}
        changed = {name for name in {*digests, *self.seen} if digests.get(name) != self.seen.get(name)}
        self.seen = digests
        self.tell("scan_completed", scanned=len(all_paths), duration_ms=now_ms() - begun, changed=len(changed))
        return found

    def check(self, texts, sound):
        """{name: why it cannot be generated}: is what each text stands on there?"""
        unsound = {}
        for name, text in sorted(texts.items()):
            if not text.needs:
                continue
            begun = now_ms()
            self.tell("descendant_check_started", node=name, descendants=len(text.needs))
            absent = [need for need in text.needs if need not in sound]
            if absent:
                unsound[name] = f"it stands on {', '.join(absent)}, which cannot be had"
                self.tell("descendant_check_failed", node=name, error=unsound[name], missing=absent,
                          duration_ms=now_ms() - begun)
            else:
                self.tell("descendant_check_passed", node=name, descendants=len(text.needs),
                          duration_ms=now_ms() - begun)
        return unsound

    def made_of(self, text):
        """What is generated of a text is made of it and of what was generated of those that it stands on; None where
        that is not there."""
        parts = [self.kept.read(need) for need in text.needs]
        if any(part is None for part in parts):
            return None
        return digest("\n".join([text.body, *(digest(part[1]) for part in parts)]))

    def plan(self, texts, levels):
        """(levels of what is to be generated, what is as it has to be)"""
        current = set()
        for level in levels:
            for name in level:
                kept, made_of = self.kept.read(name), self.made_of(texts[name])
                if kept and kept[0] == made_of and set(texts[name].needs) <= current:
                    current.add(name)
        wanted = [[name for name in level if name not in current] for level in levels]
        return [level for level in wanted if level], current

    # ---- doing it ----

    def round(self):
        """Everything once, from what stands in the tree to what is generated. How many failed."""
        texts = self.scan()
        levels = tree.levels(texts)
        unsound = self.check(texts, {name for level in levels for name in level})
        self.kept.remove_others(set(texts) - set(unsound))
        levels, current = self.plan(texts, levels)
        count = sum(map(len, levels))
        self.tell("plan_constructed", nodes=count, levels=len(levels), skipped=len(current) + len(unsound))
        for name in sorted(current):
            self.tell("node_skipped", node=name, reason="it is as it has to be")
        for name in sorted(unsound):
            self.tell("node_skipped", node=name, reason=unsound[name])
        return self.generate(texts, levels, count, len(current) + len(unsound))

    def generate(self, texts, levels, count, skipped):
        begun, lost, generated, failed = now_ms(), set(), 0, 0
        self.tell("generation_started", nodes=count, levels=len(levels))
        for number, level in enumerate(levels, 1):
            made, wrong, away = self.generate_level(texts, number, level, lost)
            generated, failed = generated + made, failed + wrong
            skipped += len(level) - made - wrong
            if away:
                self.tell("generation_failed", error=f"there is no provider: {away}", duration_ms=now_ms() - begun)
                return failed
        self.tell("generation_completed", duration_ms=now_ms() - begun, generated=generated, skipped=skipped,
                  failed=failed)
        return failed

    def generate_level(self, texts, number, level, lost):
        """(how many went well, how many failed, why the provider is away); those that are not there go into `lost`."""
        begun, failed, generated, away = now_ms(), 0, 0, None
        self.tell("level_started", level=number, nodes=len(level))
        sound = []
        for name in level:
            without = sorted(set(texts[name].needs) & lost)
            if without:
                lost.add(name)
                self.tell("node_skipped", node=name, reason=f"{without[0]} could not be generated")
            else:
                sound.append(name)
        started = {}
        for name in sound:
            started[name] = now_ms()
            self.tell("node_generation_started", node=name, level=number, attempt=1)
        for name, request in self.ask(texts, sound).items():
            request.done.wait()
            took = now_ms() - started[name]
            if request.error:
                lost.add(name)
                failed += 1
                away = str(request.error) if isinstance(request.error, request_queue.Unreachable) else away
                self.tell("node_generation_failed", node=name, error=str(request.error), attempt=1, duration_ms=took)
            else:
                size = self.kept.write(name, self.made_of(texts[name]), request.answer)
                generated += 1
                self.tell("node_generation_completed", node=name, duration_ms=took, size_bytes=size)
        self.queue.stats()
        self.tell("level_completed", level=number, generated=generated, failed=failed, duration_ms=now_ms() - begun)
        return generated, failed, away

    def ask(self, texts, names):
        wanted = []
        for name in names:
            priority = sum(name in text.needs for text in texts.values())  # those that wait for it
            parts = [digest(self.kept.read(need)[1]) for need in texts[name].needs]
            wanted.append((name, priority, {"text": texts[name].body, "parts": parts}))
        return self.queue.add(wanted)

    def react(self, changes):
        """Deals with changes that were seen together."""
        begun = now_ms()
        for change, path, previous in changes:
            self.tell("file_changed", path=path, change=change, **({"previous": previous} if previous else {}))
        failed = self.round()
        self.tell("batch_processed", changes=len(changes), duration_ms=now_ms() - begun, failed=min(failed, len(changes)))


def last_session(path, session):
    """The session of the life before this one; from now on it is `session`."""
    before = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            before = file.read().strip()
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(session)
    os.replace(path + ".new", path)
    return before if before != session else None


def work(client, arguments, ended):
    story = Story(client, arguments.session)
    os.makedirs(arguments.out, exist_ok=True)
    labels = {"tree": arguments.tree, "example": NAME}
    story.begin(labels, last_session(os.path.join(arguments.out, ".session"), arguments.session))
    workflow = Workflow(story, arguments)
    watch = inotify.Watch(arguments.tree)  # before the scan: no change is missed
    story.tell("watch_started", path=arguments.tree)
    workflow.round()
    while not ended.seen:
        if watch.wait(ended.fd, IDLE_S):
            changes = watch.changes()
            if changes:
                workflow.react(changes)
        else:
            workflow.queue.stats()
    story.tell("session_ended", status="completed", text="ended by a signal")


class Ended:
    """Set by SIGTERM and SIGINT, which are also to be read from `fd`."""

    def __init__(self):
        self.seen, self.fd, wake = False, *os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.note)

    def note(self, *_):
        self.seen = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--provider", required=True, metavar="URL")
    parser.add_argument("--session", required=True)
    parser.add_argument("--dir", help="the directory of the runtime")
    arguments = parser.parse_args()
    ended = Ended()
    with vedette.Client(arguments.dir) as client:
        work(client, arguments, ended)


if __name__ == "__main__":
    try:
        main()
    except vedette.Error as problem:
        sys.exit(f"workflow: {problem}")
