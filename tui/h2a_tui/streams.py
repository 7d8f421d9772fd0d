"""Standard streams that never hold up the event loop, however slowly the other end writes or reads.

Pipes and terminals are polled; a regular file is always ready, which the kernel says by refusing to poll it. The
descriptors stay as they are (no `O_NONBLOCK`): they are shared with whoever started the program.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["In", "InputLine", "InputLines", "Out", "first_of", "stderr", "stdin", "stdout"]

_PIPE_ATOM: Final = (
    512  # POSIX's smallest PIPE_BUF: so much can be written without blocking once a pipe is ready
)
_AT_ONCE: Final = 65_536  # bytes read in one go
_LINE_END: Final = b"\n"


class _Polled:
    """A descriptor one can wait for."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._polls = True

    async def _ready(
        self, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]
    ) -> None:
        if not self._polls:
            return
        ready = asyncio.Event()
        try:
            add(self._fd, ready.set)
        except PermissionError:  # a regular file is always ready, and epoll says so in this way
            self._polls = False
            return
        try:
            await ready.wait()
        finally:
            remove(self._fd)


class Out(_Polled):
    """A stream to write to."""

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        super().__init__(fd)
        self._encoding = encoding

    async def write(self, text: str) -> None:
        """Write all of `text`.

        Raises:
            OSError: nobody reads any more, or the disk is full.
        """
        data = text.encode(self._encoding, "replace")
        loop = asyncio.get_running_loop()
        while data:
            await self._ready(loop.add_writer, loop.remove_writer)
            data = data[os.write(self._fd, data[:_PIPE_ATOM] if self._polls else data) :]


class In(_Polled):
    """A stream to read from."""

    async def read(self) -> bytes:
        """What is there, waiting for something; empty at the end.

        Raises:
            OSError: it cannot be read.
        """
        loop = asyncio.get_running_loop()
        await self._ready(loop.add_reader, loop.remove_reader)
        return os.read(self._fd, _AT_ONCE)


def stdin() -> In:
    """Standard input.

    Raises:
        OSError: it was closed before the program began.
    """
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdin")
    return In(sys.stdin.fileno())


def stdout() -> Out:
    """Standard output."""
    return Out(sys.stdout.fileno(), sys.stdout.encoding)


def stderr() -> Out:
    """Standard error."""
    return Out(sys.stderr.fileno(), sys.stderr.encoding)


class InputLine(NamedTuple):
    """A line that was read, numbered from 1, without its end. `data` is None when it is longer than allowed."""

    number: int
    data: bytes | None


class InputLines:
    """The lines of `stream`. Of a line longer than `limit` bytes nothing is kept.

    A wait that is cancelled loses nothing: whoever asks next goes on there.
    """

    def __init__(self, stream: In, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._number = 1
        self._held = bytearray()  # of the line that has not ended
        self._too_long = False
        self._ready: deque[InputLine] = deque()
        self._over = False

    def __aiter__(self) -> InputLines:
        return self

    async def __anext__(self) -> InputLine:
        """The next line.

        Raises:
            OSError: the stream cannot be read.
        """
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            self._take(await self._stream.read())
        return self._ready.popleft()

    def _take(self, data: bytes) -> None:
        if not data:
            self._over = True
            if self._held or self._too_long:
                self._end_line()
            return
        *ended, rest = data.split(_LINE_END)
        for piece in ended:
            self._hold(piece)
            self._end_line()
        self._hold(rest)

    def _hold(self, piece: bytes) -> None:
        self._too_long = self._too_long or len(self._held) + len(piece) > self._limit
        if self._too_long:
            self._held.clear()
        else:
            self._held += piece

    def _end_line(self) -> None:
        self._ready.append(InputLine(self._number, None if self._too_long else bytes(self._held)))
        self._held.clear()
        self._number, self._too_long = self._number + 1, False


def first_of(errors: BaseExceptionGroup[OSError]) -> OSError:
    """The first error of a group, which task groups may have put into others."""
    error: OSError | BaseExceptionGroup[OSError] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
