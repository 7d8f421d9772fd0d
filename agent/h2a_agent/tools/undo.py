"""What the last changes of files were, so that they can be taken back byte for byte.

The old contents are files in a folder of the session, not memory; the oldest are forgotten when there are many
or they take much room. Taking a change back makes it the next one to make again, and a new change ends that.
They live as long as the program: `forget` removes them, `forget_stale` what a killed program left.

Nothing here touches the files themselves; `change.py` does.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Kept", "Undo", "forget_stale"]

_PREFIX: Final = "before-"
MAX_CHANGES: Final = 100
MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """One change of the file `path`: the digest it has since (None: it is gone), and what it held before.

    `old` is the file that keeps it, None when there was no file.
    """

    path: Path
    since: str | None
    old: Path | None
    size: int

    def content(self) -> bytes | None:
        """What the file held; None when there was none.

        Raises:
            OSError: it was not kept well.
        """
        return self.old.read_bytes() if self.old is not None else None

    def drop(self) -> None:
        """Remove the kept content."""
        if self.old is not None:
            self.old.unlink(missing_ok=True)


class Undo:
    """The changes of one session that can be taken back, and those that can be made again.

    `lock` is held while one is taken back: two key presses take back two changes, in order.
    """

    def __init__(self) -> None:
        self.lock: Final = asyncio.Lock()
        self._done: deque[Kept] = deque()
        self._undone: deque[Kept] = deque()
        self._guard = threading.Lock()  # files are changed in threads

    def changed(self, path: Path, old: bytes | None, since: str, folder: Path) -> None:
        """The tools have changed `path`. Blocks. What cannot be kept ends what can be taken back."""
        with self._guard:
            _drop_all(self._undone)
            _keep(self._done, path, old, since, folder)

    def last(self, *, redo: bool) -> Kept | None:
        """The change to take back next (`redo`: to make again)."""
        with self._guard:
            changes = self._undone if redo else self._done
            return changes[-1] if changes else None

    def moved(self, kept: Kept, old: bytes | None, since: str | None, folder: Path, *, redo: bool) -> None:
        """`kept` was taken back (made again): it waits on the other side, with what the file held. Blocks."""
        here, there = (self._undone, self._done) if redo else (self._done, self._undone)
        with self._guard:
            if kept in here:
                here.remove(kept)
            kept.drop()
            _keep(there, kept.path, old, since, folder)

    def forget(self) -> None:
        """Nothing can be taken back any more. Blocks."""
        with self._guard:
            _drop_all(self._done)
            _drop_all(self._undone)


def _keep(changes: deque[Kept], path: Path, old: bytes | None, since: str | None, folder: Path) -> None:
    try:
        changes.append(Kept(path, since, _stored(old, folder), len(old or b"")))
    except OSError:  # the disk is full: a gap in the order would take back the wrong change
        _drop_all(changes)
    while len(changes) > MAX_CHANGES or sum(kept.size for kept in changes) > MAX_BYTES:
        changes.popleft().drop()


def _stored(old: bytes | None, folder: Path) -> Path | None:
    if old is None:
        return None
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(old)
    return Path(name)


def _drop_all(changes: deque[Kept]) -> None:
    while changes:
        changes.pop().drop()


def forget_stale(folder: Path) -> None:
    """Remove what a program that was killed has kept in `folder`, which is nobody else's. Blocks."""
    for file in folder.glob(f"{_PREFIX}*"):
        file.unlink(missing_ok=True)
