"""inotify.py: changes in a tree of directories as the kernel tells them; nothing is polled."""
import ctypes
import os
import select
import struct

CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED, IS_DIRECTORY = 0x4000, 0x8000, 0x40000000
WANTED = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
NONBLOCK, CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
HEADER = struct.Struct("iIII")
QUIET_S = 0.05  # changes with less between them belong together


class Watch:
    """changes(): lists of (change, path, previous) as in file_changed; paths count from the top of the tree."""

    def __init__(self, top):
        self.top, self.libc = top, ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(NONBLOCK | CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be had")
        self.directories, self.fresh = {}, set()
        for directory, _, _ in os.walk(top):
            self.add(directory)

    def add(self, directory):
        number = self.libc.inotify_add_watch(self.fd, os.fsencode(directory), WANTED)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"{directory} cannot be watched")
        self.directories[number] = os.path.relpath(directory, self.top)

    def events(self):
        """What is at hand: (mask, cookie, path)."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        while data:
            number, mask, cookie, size = HEADER.unpack_from(data)
            name = os.fsdecode(data[HEADER.size:HEADER.size + size].rstrip(b"\0"))
            data = data[HEADER.size + size:]
            if mask & IGNORED:
                self.directories.pop(number, None)
            else:
                yield mask, cookie, os.path.normpath(os.path.join(self.directories.get(number, "."), name))

    def wait(self, other_fd, timeout_s):
        """Until there is a change, `other_fd` can be read, or the time is over. Is there a change?"""
        ready, _, _ = select.select([self.fd, other_fd], [], [], timeout_s)
        return self.fd in ready and other_fd not in ready

    def changes(self):
        """The changes of one batch: those at hand and those that follow closely."""
        moved, found = {}, []
        while select.select([self.fd], [], [], QUIET_S)[0]:
            for mask, cookie, path in self.events():
                found += self.change(mask, cookie, path, moved)
        return found + [("removed", path, None) for path in moved.values()]  # they went out of the tree

    def change(self, mask, cookie, path, moved):
        if mask & OVERFLOW:
            return [("modified", ".", None)]
        if mask & IS_DIRECTORY:
            if mask & (CREATE | MOVED_TO):
                self.add(os.path.join(self.top, path))
            return [("created", path, None)] if mask & (CREATE | MOVED_TO) else []
        if mask & CREATE:
            self.fresh.add(path)
        elif mask & CLOSE_WRITE:
            change = "created" if path in self.fresh else "modified"
            self.fresh.discard(path)
            return [(change, path, None)]
        elif mask & DELETE:
            return [("removed", path, None)]
        elif mask & MOVED_FROM:
            moved[cookie] = path
        elif mask & MOVED_TO:
            previous = moved.pop(cookie, None)
            return [("renamed", path, previous)] if previous else [("created", path, None)]
        return []
