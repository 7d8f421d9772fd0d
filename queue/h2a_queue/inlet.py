"""The door for other threads.

A thread leaves its item here and, if it is the first since the loop last looked, wakes the loop: one
wake-up per burst, since waking a loop costs a system call and leaving an item does not. The lock makes two
things one step each: "leave the item and wake the loop if need be", and "close the door": an item is
either refused, or the queue gets it.
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

    __slots__ = ("_closed", "_items", "_lock", "_on_arrival", "_woken")

    def __init__(self, on_arrival: Callable[[], None]) -> None:
        """Open the door; `on_arrival` runs on the loop once per burst."""
        self._items: deque[T] = deque()
        self._lock = Lock()
        self._on_arrival = on_arrival
        self._woken = False
        self._closed = False

    def __len__(self) -> int:
        """Items that wait to be taken in."""
        return len(self._items)

    def leave(self, item: T, loop: asyncio.AbstractEventLoop) -> None:
        """Leave an item for the loop. Raises `QueueError` (CLOSED) once the door, or the loop, is closed."""
        with self._lock:
            if self._closed:
                raise QueueError("The queue is closed; it takes no more items.", ErrorKind.CLOSED)
            if not self._woken:
                try:
                    loop.call_soon_threadsafe(self._on_arrival)
                except RuntimeError as error:
                    raise QueueError(
                        "The queue's event loop is closed; nobody is left to read.", ErrorKind.CLOSED
                    ) from error
                self._woken = True
            self._items.append(item)

    def look(self) -> int:
        """Say how many items are here; whatever comes later wakes the loop again."""
        with self._lock:
            self._woken = False
            return len(self._items)

    def peek(self) -> T:
        """Look at the oldest."""
        return self._items[0]

    def take(self) -> T:
        """Take in the oldest."""
        return self._items.popleft()

    def close(self) -> None:
        """Let no more in. What is here stays to be taken."""
        with self._lock:
            self._closed = True
