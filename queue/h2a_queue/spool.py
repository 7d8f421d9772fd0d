"""An append-only run of bytes whose end is in memory and whose beginning is in a file.

    0 ─────────── in the file ───────────▶ base ── in memory, at most `memory_bytes` ──▶ len(spool)

What does not fit is written out from the front, in pieces small enough to write without leaving the event
loop. The file comes with the first such piece, so short runs never touch the disk. It is scratch space: it is
unlinked at once when it is a temporary one, and removed by `close` when a path was given.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["Spool"]

PIECE: Final = 64 * 1024


class Spool:
    """Bytes that are written once and read by offset, again and again."""

    __slots__ = ("_base", "_file", "_memory_bytes", "_path", "_tail", "closed")

    def __init__(self, memory_bytes: int, path: Path | None) -> None:
        """Make an empty spool; `path` is a file to be made when it is needed, None a temporary one."""
        self._memory_bytes = memory_bytes
        self._path = path
        self._tail = bytearray()
        self._base = 0
        self._file: int | None = None
        self.closed = False

    def __len__(self) -> int:
        """Bytes written so far."""
        return self._base + len(self._tail)

    @property
    def in_memory(self) -> int:
        """Bytes that are held in memory."""
        return len(self._tail)

    def append(self, data: bytes) -> None:
        """Add bytes at the end, all of them or, with a `QueueError` (BACKEND), none.

        That is raised when the file cannot be made or written. The spool is as it was, and trying again can
        help once there is space.
        """
        while self._tail and len(self._tail) + len(data) > self._memory_bytes:
            self._write_out()
        self._tail += data

    def read(self, offset: int, size: int) -> bytes:
        """Read up to `size` bytes; fewer at the end, and where memory begins."""
        if offset >= self._base:
            start = offset - self._base
            return bytes(self._tail[start : start + size])
        assert self._file is not None  # else the base were 0
        try:
            data = os.pread(self._file, min(size, self._base - offset), offset)
        except OSError as error:
            raise self._trouble("read", error) from error
        if not data:
            raise self._trouble("read", EOFError("the file is shorter than what was written to it"))
        return data

    def close(self) -> None:
        """Give up memory and file; there is nothing to read afterwards. A second call does nothing."""
        self.closed = True
        self._tail = bytearray()
        if self._file is not None:
            os.close(self._file)
            self._file = None
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _write_out(self) -> None:
        piece = self._tail[:PIECE]
        try:
            if self._file is None:
                self._file = self._make_file()
            # At `_base`, whatever an attempt that failed half-way has left behind it.
            written = os.pwrite(self._file, piece, self._base)
        except OSError as error:
            raise self._trouble("write", error) from error
        if not written:
            raise self._trouble("write", OSError("nothing was written"))
        del self._tail[:written]
        self._base += written

    def _make_file(self) -> int:
        if self._path is not None:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file, name = tempfile.mkstemp(prefix="h2a-spool-")
        os.unlink(name)  # noqa: PTH108  (a name, not a path anybody uses)
        return file

    def _trouble(self, verb: str, error: Exception) -> QueueError:
        where = "a temporary file" if self._path is None else str(self._path)
        return QueueError(
            f"Cannot {verb} {where}: {error}. Make room or give another `spill_path`, then try again.",
            ErrorKind.BACKEND,
            recoverable=verb == "write",
            path=None if self._path is None else str(self._path),
        )
