"""The writer of a session's file: JSON lines that survive `kill -9`, a full disk and a torn tail.

One record is one line (`record_lines.py`) and one `os.write`. What was written stays: nothing is rewritten,
and a torn last line is closed with a newline and skipped from then on.

A write that fails (disk full, I/O error) takes back what it wrote of the record, keeps the record in
memory and tells `on_trouble`. The kept records are tried again every second and before every later record, in
order, so saving resumes by itself and no two records fuse.

Durability: written records survive the death of the process at once. `durable=True` also asks for an
`fdatasync`, which runs in a thread, for all that was written within 50 ms together; `flushed()` waits for it.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from h2a_agent.record_lines import JournalRead, encode_record, read_head, read_journal

__all__ = ["Journal", "JournalLocked", "JournalRead", "encode_record", "read_head", "read_journal"]

_SYNC_DELAY_S: Final = 0.05
_RETRY_S: Final = 1.0
_DISK_FAILS: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class JournalLocked(RuntimeError):
    """Another process has this session open for writing."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Session {path.stem} is open in another h2a-chat. Look at it with: h2a-chat -r {path.stem} --read-only; "
            f"go on in a copy with: h2a-chat --fork {path.stem}"
        )
        self.path = path


class Journal:
    """The one writer of a session's file, held by a kernel lock that the kernel lets go when we die.

    A file that exists is locked first, then read, then gone on with (`go_on_after`): between a reading and a
    later lock another process could have written.

    Raises:
        JournalLocked: another process writes it.
        OSError: the file cannot be made or opened.
    """

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        self.path = path
        self.on_trouble: Callable[[str], None] = lambda _reason: None
        self.on_recovered: Callable[[], None] = lambda: None
        if not must_exist:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | (0 if must_exist else os.O_CREAT)
        self._fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(self._fd), path.stat()):
                raise BlockingIOError  # it was moved away and another put in its place, just now
        except OSError as error:
            os.close(self._fd)
            if isinstance(error, BlockingIOError):
                raise JournalLocked(path) from None
            raise
        self._n = 1
        self._size = os.fstat(self._fd).st_size  # of what is whole
        self._kept: deque[bytes] = deque()
        self._trouble = False
        self._retry_at: asyncio.TimerHandle | None = None
        self._sync_at: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[str] | None = None

    def go_on_after(self, last_n: int, *, torn: bool) -> None:
        """Number what comes behind `last_n`; a torn last line gets its end before the next record."""
        self._n = last_n + 1
        if torn:
            self._kept.append(b"\n")

    def append(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        """Write one record. Never raises for a failing disk: the record is kept and tried again."""
        self._kept.append(encode_record(self._n, record))
        self._n += 1
        self._write_kept()
        if durable:
            self._sync_soon()

    @property
    def unsaved(self) -> int:
        """Records that are only in memory because the disk refused them."""
        return sum(data != b"\n" for data in self._kept)

    async def flushed(self) -> None:
        """Wait until what was appended as durable is on the disk."""
        while self._syncing is not None or self._sync_at is not None:
            if self._syncing is None:
                self._start_sync()
            elif not self._syncing.done():
                await asyncio.wait([self._syncing])
            else:
                await asyncio.sleep(0)  # done, and its callback is due: awaiting it would not let that run

    def close(self) -> None:
        """Write what is kept, sync, let go of the lock. Idempotent."""
        if self._fd < 0:
            return
        for timer in (self._sync_at, self._retry_at):
            if timer is not None:
                timer.cancel()
        self._sync_at = self._retry_at = None
        if self._kept != deque([b"\n"]):  # nothing came behind a torn tail: the file stays as it was
            self._write_kept()
        self._fdatasync()
        os.close(self._fd)
        self._fd = -1

    # --------------------------------------------------------------- private

    def _write_kept(self) -> None:
        while self._kept:
            data = self._kept[0]
            try:
                written = os.write(self._fd, data)
            except OSError as error:
                self._take_back()
                self._report(error.strerror or str(error))
                return
            if written < len(data):
                # A full disk may take a part and say nothing.
                self._take_back()
                self._report("the disk took only a part")
                return
            self._size += written
            self._kept.popleft()
        if self._trouble:
            self._trouble = False
            self.on_recovered()
            self._sync_soon()

    def _take_back(self) -> None:
        """Leave nothing of a record that was not written whole, so that no two fuse."""
        size = os.fstat(self._fd).st_size
        if size > self._size:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                # The part stays; a newline before the next record makes it one damaged line.
                self._size = size
                self._kept.appendleft(b"\n")

    def _report(self, reason: str) -> None:
        if not self._trouble:
            self._trouble = True
            self.on_trouble(reason)
        self._retry_soon()

    def _retry_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # nobody will wake us; the next record tries again
        if self._retry_at is None and self._fd >= 0:
            self._retry_at = loop.call_later(_RETRY_S, self._retry)

    def _retry(self) -> None:
        self._retry_at = None
        self._write_kept()

    def _sync_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._fdatasync()
            return
        if self._sync_at is None:
            self._sync_at = loop.call_later(_SYNC_DELAY_S, self._start_sync)

    def _start_sync(self) -> None:
        if self._sync_at is not None:
            self._sync_at.cancel()
            self._sync_at = None
        if self._syncing is not None:
            self._sync_soon()
            return
        self._syncing = asyncio.get_running_loop().run_in_executor(None, self._fdatasync)
        self._syncing.add_done_callback(self._synced)

    def _synced(self, sync: asyncio.Future[str]) -> None:
        self._syncing = None
        if not sync.cancelled() and (reason := sync.result()):
            self._report(reason)

    def _fdatasync(self) -> str:
        """Put on the disk what was written; "" when that worked, else why the disk would not."""
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError as error:
            # Some file systems cannot (EINVAL), and `close` may have been quicker than this thread: it has synced
            # itself. What a dying or full disk says, a person should know.
            return (error.strerror or str(error)) if error.errno in _DISK_FAILS else ""
        return ""
