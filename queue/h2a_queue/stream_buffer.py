"""One run, written once and read by anybody, from any point, at any time.

    append ──▶ item 0, item 1, item 2, ... ──▶ complete, fail or cancel
                  ▲              ▲
           a reader's cursor   another's: the number of the item it reads next

Writing never waits and never asks who reads: readers come late, go away, and come back to where they were by
their cursor. Each of them gets every item from its cursor on, and then the end. Nothing is taken from a
buffer by reading it; memory is bounded, and what does not fit there lies in a file (see `spool`).

    PENDING ──first item──▶ STREAMING
       └─────────┬──────────────┘
                 ├──complete──▶ COMPLETED
                 ├──fail──────▶ FAILED
                 └──cancel────▶ CANCELLED

Why cancelling a reader is safe: it waits for news, not for an item. Its cursor moves in the same step in which
it returns the item, so a cancelled reader has not moved.

Items are kept as bytes, each behind its length. Every 256th has its offset noted, so any cursor is found with
few steps, and a megabyte in small pieces does not become many megabytes of objects.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.spool import Spool

__all__ = ["MEMORY_BYTES", "TEXT", "TRANSITIONS", "Codec", "StreamBuffer", "StreamReader", "StreamStatus"]

T = TypeVar("T")

MEMORY_BYTES: Final = 512 * 1024
HEADER: Final = 4  # bytes of an item's length
STRIDE: Final = 256  # items per noted offset
BLOCK: Final = 16 * 1024  # bytes a reader that lags behind reads at once


class StreamStatus(StrEnum):
    """Where a stream is in its life."""

    PENDING = "pending"
    STREAMING = "streaming"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class _Change(Enum):
    ITEM = "append"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


# From this status, by this change, to that status. What is not in the table is an error.
TRANSITIONS: Final = MappingProxyType(
    {
        (StreamStatus.PENDING, _Change.ITEM): StreamStatus.STREAMING,
        (StreamStatus.PENDING, _Change.COMPLETE): StreamStatus.COMPLETED,
        (StreamStatus.PENDING, _Change.FAIL): StreamStatus.FAILED,
        (StreamStatus.PENDING, _Change.CANCEL): StreamStatus.CANCELLED,
        (StreamStatus.STREAMING, _Change.ITEM): StreamStatus.STREAMING,
        (StreamStatus.STREAMING, _Change.COMPLETE): StreamStatus.COMPLETED,
        (StreamStatus.STREAMING, _Change.FAIL): StreamStatus.FAILED,
        (StreamStatus.STREAMING, _Change.CANCEL): StreamStatus.CANCELLED,
    }
)


@dataclass(frozen=True)  # with slots, 3.11 cannot make a `Codec[str](...)`
class Codec(Generic[T]):
    """How an item becomes bytes, and bytes an item."""

    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]


def _encode_text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


TEXT: Final[Any] = Codec(_encode_text, _decode_text)  # for streams of str, which the default is for


class _Tape(Generic[T]):
    """What a buffer and its readers share: the items, the status, and who waits for news."""

    def __init__(self, spool: Spool, codec: Codec[T], clock: Callable[[], float]) -> None:
        self.spool = spool
        self.codec = codec
        self.clock = clock
        self.status = StreamStatus.PENDING
        self.failure: Exception | None = None
        self.failure_trace: TracebackType | None = None
        self.count = 0
        self.used_at = clock()
        self._offsets = array("Q")
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def finished(self) -> bool:
        return self.status not in (StreamStatus.PENDING, StreamStatus.STREAMING)

    def change_to(self, change: _Change) -> StreamStatus:
        """The status after a change, which the caller sets when the change is made."""
        self.check_open()
        after = TRANSITIONS.get((self.status, change))
        if after is None:
            raise QueueError(
                f"The stream is {self.status}; it cannot {change.value} any more.",
                ErrorKind.CLOSED,
                status=self.status,
            )
        return after

    def check_open(self) -> None:
        if self.spool.closed:
            raise QueueError("The stream buffer is closed; its items are gone.", ErrorKind.CLOSED)

    def append(self, data: bytes) -> None:
        offset = len(self.spool)
        self.spool.append(len(data).to_bytes(HEADER, "big") + data)
        if self.count % STRIDE == 0:
            self._offsets.append(offset)
        self.count += 1

    def near(self, number: int) -> tuple[int, int]:
        """The number and the offset of an item at most a stride before this one, or the end."""
        if number == self.count:
            return number, len(self.spool)
        return number - number % STRIDE, self._offsets[number // STRIDE]

    async def news(self) -> None:
        """Wait until there is another item, or the end."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


class StreamReader(Generic[T]):
    """A cursor into a stream, moved by iterating. Made by `StreamBuffer.reader`."""

    def __init__(self, tape: _Tape[T], cursor: int) -> None:
        """Stand before item number `cursor`."""
        self._tape = tape
        self._number, self._offset = tape.near(cursor)
        self._block, self._at = b"", 0  # `_offset` is that of `_block[_at]`
        while self._number < cursor:
            self._next_data()

    @property
    def cursor(self) -> int:
        """Number of the item read next; give it to `StreamBuffer.reader` to come back."""
        return self._number

    def __aiter__(self) -> Self:
        """Read to the end."""
        return self

    async def __anext__(self) -> T:
        """Read the next item, waiting for it.

        The end of a completed or cancelled stream is the end of the loop; that of a failed one raises what
        was given to `fail`. Cancelled, it has not moved. Raises `QueueError`: CLOSED when the buffer was
        closed, BACKEND when its file cannot be read.
        """
        tape = self._tape
        while True:
            tape.check_open()
            if self._number < tape.count:
                tape.used_at = tape.clock()
                return tape.codec.decode(self._next_data())
            if tape.failure is not None:
                raise tape.failure.with_traceback(tape.failure_trace)
            if tape.finished:
                raise StopAsyncIteration
            await tape.news()

    def read_nowait(self, max_items: int) -> list[T]:
        """Read what is there, up to `max_items`; an empty list says nothing about the end."""
        self._tape.check_open()
        count = min(max_items, self._tape.count - self._number)
        if count > 0:
            self._tape.used_at = self._tape.clock()
        return [self._tape.codec.decode(self._next_data()) for _ in range(count)]

    def _next_data(self) -> bytes:
        self._fill(HEADER)
        length = int.from_bytes(self._block[self._at : self._at + HEADER], "big")
        self._fill(HEADER + length)
        start = self._at + HEADER
        data = self._block[start : start + length]
        self._at = start + length
        self._offset += HEADER + length
        self._number += 1
        if self._at == len(self._block):
            self._block, self._at = b"", 0
        return data

    def _fill(self, needed: int) -> None:
        """Have at least so many bytes at hand; a file and memory may each hold a part of them."""
        have = len(self._block) - self._at
        if have >= needed:
            return
        if self._offset + needed > len(self._tape.spool):
            raise QueueError(
                f"Item {self._number} is damaged: somebody has changed the stream's file.",
                ErrorKind.BACKEND,
                cursor=self._number,
            )
        parts = [self._block[self._at :]]
        while have < needed:
            part = self._tape.spool.read(self._offset + have, max(BLOCK, needed - have))
            parts.append(part)
            have += len(part)
        self._block, self._at = b"".join(parts), 0


class StreamBuffer(Generic[T]):
    """A stream that can be read while it is written, afterwards, again, and by many.

    Up to `memory_bytes` are held in memory, the older rest in `spill_path`, a file that must not exist yet
    and is removed by `close`; None stands for a temporary one. Items are text, unless `codec` says how other
    ones become bytes.

    >>> async def main() -> tuple[list[str], list[str]]:
    ...     with StreamBuffer[str]() as buffer:
    ...         buffer.append("one ")
    ...         reader = buffer.reader()
    ...         first = [await anext(reader)]
    ...         buffer.append("two")
    ...         buffer.complete()
    ...         late = buffer.reader(cursor=reader.cursor)
    ...         return first + [text async for text in reader], [text async for text in late]
    >>> asyncio.run(main())
    (['one ', 'two'], ['two'])
    """

    def __init__(
        self,
        *,
        memory_bytes: int = MEMORY_BYTES,
        spill_path: Path | None = None,
        codec: Codec[T] = TEXT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a pending stream. Raises `QueueError` (CONFIGURATION) when `memory_bytes` is less than 1024."""
        if memory_bytes < 1024:
            raise QueueError(f"memory_bytes is {memory_bytes}; give at least 1024.", ErrorKind.CONFIGURATION)
        self._memory_bytes = memory_bytes
        self._tape: _Tape[T] = _Tape(Spool(memory_bytes, spill_path), codec, clock)

    # -- writing --

    def append(self, item: T) -> int:
        """Add an item and say its number. Never waits. If this raises, the item is not in the stream.

        Raises `QueueError`: CLOSED after the end, VALIDATION for an item of more than `memory_bytes` encoded,
        BACKEND when what does not fit into memory cannot be written out.
        """
        tape = self._tape
        after = tape.change_to(_Change.ITEM)
        data = tape.codec.encode(item)
        if len(data) + HEADER > self._memory_bytes:
            raise QueueError(
                f"The item has {len(data)} bytes; split it, or give the buffer more `memory_bytes`.",
                ErrorKind.VALIDATION,
                size=len(data),
                limit=self._memory_bytes - HEADER,
            )
        tape.append(data)
        tape.status = after
        tape.tell()
        return tape.count - 1

    def complete(self) -> None:
        """End the stream. Raises `QueueError` (CLOSED) when it has ended before."""
        self._end(_Change.COMPLETE)

    def fail(self, exc: Exception) -> None:
        """End the stream by an error, which every reader gets after the items. Errors are `complete`'s."""
        after = self._tape.change_to(_Change.FAIL)
        self._tape.failure, self._tape.failure_trace = exc, exc.__traceback__
        self._tape.status = after
        self._finish()

    def cancel(self) -> None:
        """End the stream early, which readers see as its end. Errors are `complete`'s."""
        self._end(_Change.CANCEL)

    def _end(self, change: _Change) -> None:
        self._tape.status = self._tape.change_to(change)
        self._finish()

    def _finish(self) -> None:
        self._tape.used_at = self._tape.clock()
        self._tape.tell()

    # -- reading --

    def reader(self, cursor: int = 0) -> StreamReader[T]:
        """A reader that begins with item number `cursor`; up to `len(buffer)`, the next one to come.

        Raises `QueueError`: VALIDATION when there is no such item yet, CLOSED when the buffer is closed.
        """
        self._tape.check_open()
        if not 0 <= cursor <= len(self):
            raise QueueError(
                f"The cursor is {cursor}; the stream has {len(self)} items so far.",
                ErrorKind.VALIDATION,
                cursor=cursor,
                count=len(self),
            )
        return StreamReader(self._tape, cursor)

    # -- looking, closing --

    def __len__(self) -> int:
        """Items so far."""
        return self._tape.count

    def __repr__(self) -> str:
        """State at a glance."""
        return f"<StreamBuffer {self.status} {len(self)} items, {self.size_bytes} bytes>"

    @property
    def status(self) -> StreamStatus:
        """Where the stream is in its life."""
        return self._tape.status

    @property
    def finished(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._tape.finished

    @property
    def size_bytes(self) -> int:
        """Bytes of all items, with four for each item's length."""
        return 0 if self._tape.spool.closed else len(self._tape.spool)

    @property
    def memory_bytes(self) -> int:
        """Bytes of the items held in memory."""
        return self._tape.spool.in_memory

    @property
    def used_at(self) -> float:
        """When it ended or was last read, by its clock."""
        return self._tape.used_at

    def close(self) -> None:
        """Throw the items away; readers that are not through get `QueueError` (CLOSED)."""
        self._tape.spool.close()
        self._tape.tell()

    def __enter__(self) -> Self:
        """Use the buffer; it is closed with the block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the buffer."""
        self.close()
