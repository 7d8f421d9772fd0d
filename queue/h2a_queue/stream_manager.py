"""The streams of many runs, and which of the finished ones are still kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.stream_buffer import MEMORY_BYTES, TEXT, Codec, StreamBuffer

__all__ = ["StreamBufferManager"]

T = TypeVar("T")


class StreamBufferManager(Generic[T]):
    """Streams by name. Finished ones are kept for a while, for those who come back.

    A finished stream goes when nobody has read it for `keep_s` seconds; and the longest unread go first while
    all finished ones together have more than `keep_bytes`. A stream that is not finished never goes. That is
    looked after whenever a stream is opened, or `evict` is called.

    >>> with StreamBufferManager[str](keep_s=60) as streams:
    ...     buffer = streams.open("run-1")
    ...     number = buffer.append("hello")
    ...     streams["run-1"] is buffer, "run-2" in streams
    (True, False)
    """

    def __init__(
        self,
        *,
        memory_bytes: int = MEMORY_BYTES,
        keep_s: float = 300.0,
        keep_bytes: int = 64 * 1024 * 1024,
        codec: Codec[T] = TEXT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty collection; `memory_bytes` holds for each stream.

        Raises `QueueError` (CONFIGURATION) when a number is negative, or as `StreamBuffer` does.
        """
        if keep_s < 0 or keep_bytes < 0:
            raise QueueError(
                f"keep_s is {keep_s} and keep_bytes {keep_bytes}; give 0 or more.", ErrorKind.CONFIGURATION
            )
        self._make: Callable[[], StreamBuffer[T]] = lambda: StreamBuffer(
            memory_bytes=memory_bytes, codec=codec, clock=clock
        )
        self._make().close()  # a bad `memory_bytes` is told here
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._clock = clock
        self._streams: dict[str, StreamBuffer[T]] = {}

    def open(self, name: str) -> StreamBuffer[T]:
        """Begin a stream. Raises `QueueError` (VALIDATION) when there is one of that name."""
        self.evict()
        if name in self._streams:
            raise QueueError(
                f"There is a stream {name!r} already; close it, or choose another name.",
                ErrorKind.VALIDATION,
                name=name,
            )
        buffer = self._streams[name] = self._make()
        return buffer

    def __getitem__(self, name: str) -> StreamBuffer[T]:
        """The stream of that name. Raises `KeyError` when there is none, or none any more."""
        return self._streams[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a stream of that name."""
        return name in self._streams

    def __len__(self) -> int:
        """Streams there are."""
        return len(self._streams)

    @property
    def memory_bytes(self) -> int:
        """Bytes of items held in memory."""
        return sum(buffer.memory_bytes for buffer in self._streams.values())

    def evict(self) -> list[str]:
        """Close the finished streams that are due, and say their names, the longest unread first."""
        finished = sorted(
            ((name, buffer) for name, buffer in self._streams.items() if buffer.finished),
            key=lambda pair: pair[1].used_at,
        )
        size = sum(buffer.size_bytes for _, buffer in finished)
        now = self._clock()
        evicted: list[str] = []
        for name, buffer in finished:
            if now - buffer.used_at <= self._keep_s and size <= self._keep_bytes:
                break
            size -= buffer.size_bytes
            self.drop(name)
            evicted.append(name)
        return evicted

    def drop(self, name: str) -> None:
        """Close a stream now, finished or not. Raises `KeyError` when there is none of that name."""
        self._streams.pop(name).close()

    def close(self) -> None:
        """Close every stream."""
        for name in list(self._streams):
            self.drop(name)

    def __enter__(self) -> Self:
        """Use the streams; they are closed with the block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close every stream."""
        self.close()
