"""The door for other threads.

A thread leaves its item here and, if it is the first since the loop last looked, wakes the loop: one
wake-up per burst, since waking a loop costs a system call and leaving an item does not.

Nor does it cost a lock, which is half of the price. A thread first leaves its item and then looks: while the
loop is known to have been woken and the door to be open, that is all. The loop says the opposite first and
then takes what is there, so one of the two sees the other. In every other case the thread asks again with
the lock, under which waking, closing and clearing out are one step each; an item it must not leave after all
is still here, or else the queue has it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["Inlet"]

T = TypeVar("T")


class Inlet(Generic[T]):
    """Items left by threads, oldest first. Only `leave` may be called from another thread."""

    __slots__ = ("_closed", "_in_line", "_items", "_let_in", "_lock", "_stand_in_line", "_woken")

    def __init__(self, let_in: Callable[[deque[T], int], int], stand_in_line: Callable[[], None]) -> None:
        """Open the door.

        `let_in(items, count)` puts some of the first `count` items into the queue and says how many; 0 says
        that the first must wait. Then `stand_in_line()` is called, once, and nothing more until `go_on`.
        """
        self._let_in = let_in
        self._stand_in_line = stand_in_line
        self._in_line = False
        self._items: deque[T] = deque()
        self._lock = Lock()
        self._woken = False
        self._closed = False

    def __len__(self) -> int:
        """Items that wait to be taken in."""
        return len(self._items)

    def leave(self, item: T, loop: asyncio.AbstractEventLoop | None) -> None:
        """Leave an item for the loop.

        Raises `QueueError`: CLOSED once the door, or the loop, is closed; CONFIGURATION without a loop.
        """
        self._items.append(item)
        if not self._woken or self._closed:
            self._make_sure(item, loop)

    def _make_sure(self, item: T, loop: asyncio.AbstractEventLoop | None) -> None:
        """Wake the loop for an item that was left, or take it back and refuse it."""
        with self._lock:
            try:
                if self._closed:
                    raise QueueError("The queue is closed; it takes no more items.", ErrorKind.CLOSED)
                if not self._woken:
                    self._wake(loop)
                    self._woken = True
            except QueueError:
                if self._take_back(item):
                    raise

    def _wake(self, loop: asyncio.AbstractEventLoop | None) -> None:
        if loop is None:
            raise QueueError(
                "The queue does not know its event loop; make it inside a running one, or use it there once.",
                ErrorKind.CONFIGURATION,
            )
        try:
            loop.call_soon_threadsafe(self._arrived)
        except RuntimeError as error:
            raise QueueError(
                "The queue's event loop is closed; nobody is left to read.", ErrorKind.CLOSED
            ) from error

    def _take_back(self, item: T) -> bool:
        """Remove an item that was left in vain; False says that the queue has taken it in after all.

        By index, from the right: others may leave theirs meanwhile, and nobody takes from the left.
        """
        items = self._items
        for index in range(len(items) - 1, -1, -1):
            if items[index] is item:
                del items[index]
                return True
        return False

    def go_on(self) -> None:
        """End the wait in line, and let in what there is."""
        self._in_line = False
        self._arrived()

    def _arrived(self) -> None:
        """Let in what is here; whatever comes later wakes the loop again."""
        with self._lock:
            self._woken = False
            count = 0 if self._closed else len(self._items)
        while count and not self._in_line:
            entered = self._let_in(self._items, count)
            if not entered:
                self._in_line = True
                self._stand_in_line()
            count -= entered

    def take(self) -> T:
        """Take in the oldest."""
        return self._items.popleft()

    def close(self) -> list[T]:
        """Let no more in, and give out what is here."""
        with self._lock:
            self._closed = True
            return [self._items.popleft() for _ in range(len(self._items))]
