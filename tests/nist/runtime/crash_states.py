"""A disk that loses power: file operations as they are made, and every state that a crash may leave of them.

What the model promises is what POSIX does. The content of a file is safe once the file is synced, a name in a folder
once the folder is; until then any of the folder's changes may be lost, each by itself, and a file's content may be
missing, cut, full of zeros, or whole. Renaming is one change of one folder.
"""

import itertools
import os
from pathlib import Path

ZERO_BLOCK = 64  # bytes; small, as the files of tests are


class Recorder:
    """Operations on files below ``root``: ``(kind, path, …)``, in order; entered, it listens to the module ``os``."""

    def __init__(self, root, monkeypatch):
        self.root, self.events, self.seen = root, [], set()
        for name in ("mkdir", "rmdir", "unlink", "replace", "fsync"):
            monkeypatch.setattr(os, name, self._heard(getattr(os, name), getattr(self, f"_{name}")))

    def mark(self, label):
        """Note that something has been promised."""
        self.events.append(("mark", label))

    def _heard(self, call, note):
        def called(*arguments, **options):
            events = note(*arguments)
            result = call(*arguments, **options)
            self.events += events
            return result

        return called

    def _inside(self, path):
        path = Path(os.path.abspath(path))
        return path.relative_to(self.root) if path.is_relative_to(self.root) else None

    def _mkdir(self, path, *_):
        place = self._inside(path)
        return [("mkdir", place)] if place and not Path(path).exists() else []

    def _rmdir(self, path):
        place = self._inside(path)
        return [("rmdir", place)] if place else []

    def _unlink(self, path):
        place = self._inside(path)
        return [("unlink", place)] if place and Path(path).exists() else []

    def _replace(self, source, target):
        old, new = self._inside(source), self._inside(target)
        return [*self._written(old), ("rename", old, new)] if Path(source).exists() else []

    def _fsync(self, descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        place = self._inside(path)
        if place is None:
            return []
        return [("sync", place)] if os.path.isdir(path) else [*self._written(place), ("sync", place)]

    def _written(self, place):
        """Creation and content of a file, which other libraries wrote, when it is first met."""
        if place in self.seen or ".partial" not in place.name:
            return []
        self.seen.add(place)
        return [("create", place), ("write", place, (self.root / place).read_bytes())]


def crash_states(events):
    """Files, path → content, and folders of every legal state after a crash at any moment of ``events``.

    Yields the number of events that were made with each state.
    """
    for count in range(len(events) + 1):
        disk = Disk()
        for event in events[:count]:
            disk.apply(event)
        for state in disk.states():
            yield count, state


class Disk:
    """What is safe, and what is not yet."""

    def __init__(self):
        self.inodes = {}  # number → [content, is safe]; a folder has no content
        self.names = {}  # path → number, as a running system sees them
        self.safe = {}  # path → number, as found after a crash
        self.pending = []  # changes of names: (folder, [(path, number or None), …])

    def apply(self, event):
        """Make an operation."""
        kind, place, *rest = event
        if kind in ("create", "mkdir"):
            number = len(self.inodes)
            self.inodes[number] = [None if kind == "mkdir" else b"", True]
            self._change(place.parent, [(place, number)])
        elif kind == "write":
            self.inodes[self.names[place]] = [rest[0], False]
        elif kind in ("unlink", "rmdir"):
            self._change(place.parent, [(place, None)])
        elif kind == "rename":
            self._change(place.parent, [(rest[0], self.names[place]), (place, None)])
        elif kind == "sync" and self._is_folder(place):
            kept = [change for change in self.pending if change[0] != place]
            for _, change in (change for change in self.pending if change[0] == place):
                self.safe.update(change)
            self.pending = kept
        elif kind == "sync":
            self.inodes[self.names[place]][1] = True

    def _is_folder(self, place):
        return place == Path() or self.inodes[self.names[place]][0] is None

    def _change(self, folder, change):
        self.names.update(change)
        self.pending.append((folder, change))

    def states(self):
        """Every legal state: any of the pending changes, any of the contents of files that are not synced."""
        found = set()
        for kept in itertools.product((False, True), repeat=len(self.pending)):
            names = dict(self.safe)
            for (_, change), is_kept in zip(self.pending, kept, strict=True):
                names.update(change if is_kept else [])
            names = {place: number for place, number in names.items() if number is not None}
            names = {place: number for place, number in names.items() if all(up in names for up in parents(place))}
            files = sorted(place for place, number in names.items() if self.inodes[number][0] is not None)
            folders = frozenset(names) - set(files)
            for contents in itertools.product(*(contents_of(*self.inodes[names[place]]) for place in files)):
                state = (folders, tuple(zip(files, contents, strict=True)))
                if state not in found:
                    found.add(state)
                    yield state


def parents(place):
    """Folders above a path, but the root."""
    return [up for up in place.parents if up != Path()]


def contents_of(content, is_safe):
    """What may be found of a file's content."""
    if is_safe:
        return [content]
    half = len(content) // 2
    cuts = [content[:length] for length in (0, 1, 8, half, len(content) - 1)]
    zeroed = [bytes(len(content)), content[:half] + bytes(len(content) - half), bytes(half) + content[half:]]
    holes = [content[:at] + bytes(ZERO_BLOCK) + content[at + ZERO_BLOCK :] for at in range(0, half, len(content) // 6)]
    return [*cuts, *zeroed, *holes, content]


def lay_out(state, root):
    """Write a state below an empty folder."""
    folders, files = state
    for folder in sorted(folders):
        (root / folder).mkdir(parents=True)
    for place, content in files:
        (root / place).write_bytes(content)
