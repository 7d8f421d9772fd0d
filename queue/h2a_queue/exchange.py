"""What moves in a queue: items, and those who wait for them.

What always holds, between any two steps of the event loop:

1. A reader waits only while both buffers are empty, or while the queue is paused.
2. Items come out in the order: read buffer, write buffer, blocked writers. Waiting readers are served first
   come, first served, and so are waiting writers.
3. An item is in exactly one place: with its writer, in a buffer, in the hands of one reader, or gone by
   policy, and then it is counted. `total_enqueued = total_dequeued + dropped_messages + merged_messages +
   current_size`.
4. A writer waits only while the queue is full, and a freed slot belongs to the writer it was granted to:
   nobody takes it in between. (Until that writer runs, one that needs not wait may pass it, with another
   slot that is free or to a reader that waits: making it stand in line would cost a tick per item.)
5. A cancel is never swallowed, and leaves nothing behind.

Why cancelling is safe. In asyncio a waiting task can be served *and* cancelled in the same tick: its future
already has a result when `CancelledError` arrives. What is in that future then must go somewhere.

- A reader puts its item back: to the next waiting reader, else to the *front* of the buffers. Each
  hand-over has a number, its place; several items that come back in one tick line up by place, however
  the loop orders their wake-ups. Items put back may exceed the bound, by one per cancelled reader at most.
- A writer is never served by taking its item away: it is granted a slot, and writes by itself when it runs.
  Cancelled before that, it has written nothing, and passes the slot on. So `enqueue` that returns has
  enqueued, and `enqueue` that raises has not.

A timeout of `dequeue` cancels nothing. A timer and a writer race for the same future, and exactly one wins.

`asyncio.Queue` wakes a reader, which then takes the item itself, so a cancelled reader has nothing to put
back. That costs a second look at the queue per item, and lets others in between; here the put-back is one
method, `_give_back`, and the tests cancel it at every tick.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from h2a_queue.buffers import DoubleBuffer
from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.lifecycle import Change, Lifecycle, QueueStatus, call_outside

__all__ = ["UNBOUNDED", "Exchange", "look_again"]

T = TypeVar("T")
_R = TypeVar("_R")

UNBOUNDED: Final = sys.maxsize


class Exchange(Generic[T]):
    """The machine below `H2AQueue`, which puts the verbs and the policies on top."""

    def __init__(self, max_size: int, keep: Callable[[T], bool] | None, *, single_reader: bool) -> None:
        """Make an empty one; `keep` says which items the bound does not hold for."""
        self._max_size = max_size
        self._single_reader = single_reader
        self._buffers = self._make_buffers(keep)
        self._life = Lifecycle()
        self._failure: Exception | None = None
        self._failure_trace: TracebackType | None = None
        self._cleanups: list[Callable[[], object]] = []
        self._loop = _running_loop()

        # A reader's future gets (place, item), or None: look again. A writer's: was it granted a slot?
        self._readers: deque[asyncio.Future[tuple[int, T] | None]] = deque()
        self._writers: deque[asyncio.Future[bool]] = deque()
        self._drainers: list[asyncio.Future[None]] = []
        self._granted = 0  # slots that belong to writers which have not run yet
        self._place = 0  # number of the latest hand-over
        self._late = 0  # hand-overs of items that a pause had kept in a buffer
        self._received = 0  # items that a reader has taken out of its hands
        self._returned = 0  # items that a cancelled reader has given back
        self._passed_on = 0  # of them, those that went to the next reader

        # What the shortcuts may do unlooked: `_flows` says that taking an item concerns nobody else. Where
        # nothing about an item has to be asked, a writer may serve the readers' line by itself (`_direct`),
        # and a reader may look into the two buffers by itself (`_quick`).
        self._flows = False
        self._direct = self._readers if self._buffers.bare else deque()
        self._quick = self._buffers.bare and not single_reader

    def _make_buffers(self, keep: Callable[[T], bool] | None) -> DoubleBuffer[T]:
        return DoubleBuffer(keep)

    # -- an item comes in --

    def _put(self, item: T) -> None:
        """Put an item in that has its slot: into waiting hands, else into the write buffer."""
        if self._readers and not self._life.paused and self._hand_over(item):
            return
        self._buffers.push(item)

    def _hand_over(self, item: T, place: int = 0) -> bool:
        """Give an item to the first reader that still waits; cancelled ones are done, and passed by.

        `place` is its number in the order of hand-overs; 0 gives it the next one.
        """
        readers = self._readers
        while readers:
            reader = readers.popleft()
            if not reader.done():
                if not place:
                    self._place = place = self._place + 1
                reader.set_result((place, item))
                return True
        return False

    # -- a writer waits for a slot --

    def _free_slots(self) -> int:
        """Slots that neither an item nor a granted writer has; negative above the bound."""
        return self._max_size - self._granted - len(self._buffers)

    def _has_slot_for(self, item: T) -> bool:
        buffers = self._buffers
        return len(buffers) < self._max_size - self._granted or buffers.exempt(item)

    async def _wait_for_slot(self) -> None:
        """Stand in line until a slot is granted; on return the caller must put its item at once."""
        loop = self._loop or self._bind()
        writer: asyncio.Future[bool] = asyncio.Future(loop=loop)
        self._writers.append(writer)
        self._flows = False
        try:
            granted = await writer
        except BaseException as error:  # a cancel, or the coroutine is closed
            if writer.done() and not writer.cancelled():
                if writer.result():
                    self._granted -= 1
                    self._grant_slots()
            else:
                _leave(self._writers, writer)
            self._settle()
            self._check_loop(error)
            raise
        if granted:
            self._granted -= 1
        if self._life.ended:
            self._settle()
            self._check_open()

    def _grant_slots(self) -> None:
        """Give every free slot to the writer that has waited longest."""
        writers = self._writers
        if writers:
            free = self._free_slots()
            while writers and free > 0:
                writer = writers.popleft()
                if not writer.done():
                    writer.set_result(True)
                    self._granted += 1
                    free -= 1
        self._refresh()

    # -- a reader waits for an item --

    def _check_reader(self) -> None:
        if self._life.status is QueueStatus.CREATED:
            self._start()
        if self._single_reader and any(not reader.done() for reader in self._readers):
            raise QueueError(
                "Another task waits for this queue's items already; a single_reader queue has one reader.",
                ErrorKind.VALIDATION,
            )

    def _step_out(self, reader: asyncio.Future[tuple[int, T] | None]) -> None:
        """Leave the readers' line, and leave nothing behind in its hands."""
        if not reader.done() or reader.cancelled() or (handed := reader.result()) is None:
            _leave(self._readers, reader)
            self._refresh()
        else:
            self._give_back(*handed)

    def _give_back(self, place: int, item: T) -> None:
        """Put back what a reader was handed in the tick in which it was cancelled.

        To the next reader in line, else to the front of the buffers, in the order of hand-overs.
        """
        self._returned += 1
        if not self._life.paused and self._hand_over(item, place):
            self._passed_on += 1
        else:
            self._buffers.give_back(place, item)
        if self._life.status is QueueStatus.DISPOSED:
            self._buffers.clear()
        self._settle()

    def _serve_readers(self) -> None:
        """Hand buffered items to the readers that waited through a pause."""
        while self._readers and len(self._buffers):
            if self._readers[0].done():
                del self._readers[0]
            elif self._hand_over(self._buffers.pop()):
                self._late += 1
        self._grant_slots()

    # -- an item goes out --

    def _nothing_to_take(self) -> bool:
        buffers = self._buffers
        return not (buffers.read or buffers.write or len(buffers)) or self._life.paused

    def _take_one(self) -> T:
        item = self._buffers.pop()
        if not self._flows:
            self._after_taking()
        return item

    def _take_many(self, limit: int) -> list[T]:
        batch = self._buffers.take(limit)
        if not self._flows:
            self._after_taking()
        return batch

    def _after_taking(self) -> None:
        """Let those know who wait for room, or for the end."""
        if self._writers:
            self._grant_slots()
        if self._life.ended or self._drainers:
            self._settle()

    # -- the end --

    def _check_open(self) -> None:
        if self._life.ended:
            raise QueueError(
                f"The queue is {self._life.status}; it takes no more items.",
                ErrorKind.CLOSED,
                status=self._life.status,
            ) from self._failure
        if self._life.status is QueueStatus.CREATED:
            self._start()

    def _start(self) -> None:
        self._life.apply(Change.START)
        self._refresh()

    def _check_failure(self) -> None:
        if self._failure is not None and self._is_over():
            # The first trace, always: raised to many readers, one exception would collect all of theirs.
            raise self._failure.with_traceback(self._failure_trace)

    def _in_hands(self) -> int:
        """Items that belong to readers which have not run yet."""
        return self._place + self._passed_on - self._received - self._returned

    def _is_over(self) -> bool:
        """Whether no item can come out any more."""
        return self._life.ended and not len(self._buffers) and not self._in_hands()

    def _is_idle(self) -> bool:
        """Whether everything anybody offered has been taken."""
        return not (len(self._buffers) or self._in_hands() or self._writers or self._granted)

    def _settle(self) -> None:
        """Tell those who wait for the last item that it is gone, if it is."""
        if self._is_over():
            if self._life.status is QueueStatus.DRAINING:
                self._life.apply(Change.DRAINED)
            for reader in self._readers:
                look_again(reader)
            self._readers.clear()
            for cleanup in self._cleanups:
                call_outside(cleanup)
            self._cleanups.clear()
        if self._drainers and self._is_idle():
            for drainer in self._drainers:
                if not drainer.done():
                    drainer.set_result(None)
            self._drainers.clear()
        self._refresh()

    # -- bookkeeping --

    def _bind(self) -> asyncio.AbstractEventLoop:
        """The running loop, which must be the queue's own."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None:
                raise QueueError(
                    "The queue belongs to another event loop; use `enqueue_threadsafe` from there.",
                    ErrorKind.CONFIGURATION,
                )
            self._loop = loop
        return loop

    def _check_loop(self, error: BaseException) -> None:
        """Say what a task of another loop did wrong, whom asyncio would not let wait here.

        Asked afterwards, since asking for the running loop first costs a sixth of a hand-over.
        """
        if isinstance(error, RuntimeError):
            self._bind()

    def _refresh(self) -> None:
        """Work out again what the shortcuts may do unlooked."""
        life = self._life
        self._flows = life.active and not self._writers and not self._drainers
        self._buffers.open(self._max_size - self._granted if life.active or life.paused else 0)
        if self._readers:
            self._buffers.room = 0


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def look_again(reader: asyncio.Future[Any]) -> None:
    """Wake a reader that has nothing in its hands: time is over, or the queue."""
    if not reader.done():
        reader.set_result(None)


def _leave(line: deque[asyncio.Future[_R]], waiter: asyncio.Future[_R]) -> None:
    """Step out of a line, if one still stands there: whoever serves it passes by those that are done."""
    try:
        line.remove(waiter)
    except ValueError:
        pass
