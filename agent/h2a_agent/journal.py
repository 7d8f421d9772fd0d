"""The file a session is written to: JSON lines that survive `kill -9`, a full disk and a torn tail.

    {"n":7,"type":"item","id":"01J…","state":"queued",…,"crc":"9f0c22d1"}

One record is one line and one `os.write`. `n` counts up by one; `crc` is the CRC-32 of the line's bytes
before `,"crc"`, so `jq` reads the file as it is and a damaged line is recognised. What was written stays:
nothing is rewritten, and a torn last line is closed with a newline and skipped from then on.

A write that fails (disk full, I/O error) takes back what it wrote of the record, keeps the record in
memory and tells `on_trouble`; every later write tries the kept ones first, in order, so saving resumes by
itself and no two records fuse.

Durability: written records survive the death of the process at once. `durable=True` also asks for an
`fdatasync`, which runs in a thread, for all that was written within 50 ms together; `flushed()` waits for it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Journal", "JournalLocked", "JournalRead", "encode_record", "read_head", "read_journal"]

_SYNC_DELAY_S: Final = 0.05
_CRC_MARK: Final = b',"crc":"'
_TAIL_LEN: Final = len(_CRC_MARK) + 8 + len(b'"}')


class JournalLocked(RuntimeError):
    """Another process has this session open for writing."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is open in another h2a-chat")
        self.path = path


@dataclass(frozen=True, slots=True)
class JournalRead:
    """What a file held: the intact records in order, how many lines were not, and whether its tail is torn."""

    records: tuple[Mapping[str, Any], ...]
    damaged: int
    torn: bool


def encode_record(n: int, record: Mapping[str, Any]) -> bytes:
    """One line, newline included. Lone surrogates are escaped, so any text can be written."""
    body = json.dumps({"n": n, **record}, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate becomes the six characters \udXXX, which inside a JSON string is its escape again.
    data = body[:-1].encode("utf-8", "backslashreplace")
    return data + _CRC_MARK + b"%08x" % zlib.crc32(data) + b'"}\n'


def _decode_line(line: bytes) -> Mapping[str, Any] | None:
    if len(line) <= _TAIL_LEN or line[-_TAIL_LEN : -_TAIL_LEN + len(_CRC_MARK)] != _CRC_MARK:
        return None
    data, crc = line[:-_TAIL_LEN], line[-10:-2]
    if b"%08x" % zlib.crc32(data) != crc:
        return None
    try:
        record = json.loads(data + b"}")
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def read_journal(path: Path) -> JournalRead:
    """Every intact record of `path`, also those after damaged ones.

    Raises:
        OSError: the file cannot be read.
    """
    records: list[Mapping[str, Any]] = []
    damaged, torn = 0, False
    for line in _lines(path):
        torn = not line.endswith(b"\n")
        body = line.rstrip(b"\n")
        if not body:
            continue
        record = _decode_line(body)
        if record is None:
            damaged += 1
        else:
            records.append(record)
    return JournalRead(tuple(records), damaged, torn)


def read_head(path: Path, limit_bytes: int = 65_536) -> tuple[Mapping[str, Any], ...]:
    """The intact records in the first `limit_bytes` of `path`: enough for a list of sessions.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        lines = file.read(limit_bytes).splitlines()
    return tuple(record for line in lines if (record := _decode_line(line)) is not None)


class Journal:
    """The one writer of a session's file, held by a kernel lock that the kernel lets go when we die.

    Raises:
        JournalLocked: another process writes it.
        OSError: the file cannot be made or opened.
    """

    def __init__(self, path: Path, *, next_n: int = 1, torn: bool = False) -> None:
        self.path = path
        self.on_trouble: Callable[[str], None] = lambda _reason: None
        self.on_recovered: Callable[[], None] = lambda: None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise JournalLocked(path) from None
        self._n = next_n
        self._kept: deque[bytes] = deque([b"\n"] if torn else [])
        self._trouble = False
        self._sync_at: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Future[None] | None = None

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
        return len(self._kept)

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
        if self._sync_at is not None:
            self._sync_at.cancel()
            self._sync_at = None
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
                self._report(error.strerror or str(error))
                return
            if written < len(data):
                # A full disk may take a part and say nothing; take the part back so that no records fuse.
                self._take_back(written)
                self._report("the disk took only a part")
                return
            self._kept.popleft()
        if self._trouble:
            self._trouble = False
            self.on_recovered()

    def _take_back(self, written: int) -> None:
        try:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
        except OSError:
            # The part stays; a newline before the next record makes it one damaged line.
            self._kept.appendleft(b"\n")

    def _report(self, reason: str) -> None:
        if not self._trouble:
            self._trouble = True
            self.on_trouble(reason)

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

    def _synced(self, _future: asyncio.Future[None]) -> None:
        self._syncing = None

    def _fdatasync(self) -> None:
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except (OSError, ValueError):
            # Some file systems cannot (EINVAL), a dying disk says so at the next write, which is reported, and
            # `close` may have been quicker than this thread: it has synced itself.
            pass
