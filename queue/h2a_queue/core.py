"""A queue between tasks of one event loop that swaps two buffers and hands over directly.

    enqueue ──┬── a reader waits ────────────────────────▶ its hands         (the fast path)
              ├── there is room ──▶ write buffer ══swap══▶ read buffer ──▶ dequeue
              └── full ──▶ the policy; under BLOCK: in line, until a slot is granted

Writers append to the write buffer, readers drain the read buffer; when that is empty the two change places,
so one swap hands over everything written meanwhile. When a reader already waits, the item goes into its
future and touches no buffer. What always holds, and why a cancel loses nothing, is told in `exchange`, which
moves the items; here are the verbs and the policies.

Where speed comes from. A burst goes through `enqueue_nowait` and `dequeue_nowait` with one comparison each:
`DoubleBuffer.room` says how many items may be appended unlooked (none while readers wait, or once closed),
`_flows` says that taking an item concerns nobody else (no writer in line, not paused, not ended). Everything
else is worked out on the slower path, and counted where buffers swap rather than per item. A task that waits
is not asked for its loop, which costs a system call; asyncio refuses a stranger by itself. The figures are
in this package's README, and `make bench` prints them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast, overload

from h2a_queue.backpressure import Backpressure, Coalesce, spare, squeeze_in
from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.exchange import UNBOUNDED, Exchange, look_again
from h2a_queue.health import Health, HealthLimits, assess
from h2a_queue.inlet import Inlet
from h2a_queue.lifecycle import Change, QueueStatus, Transition, Watcher, call_outside
from h2a_queue.stats import QueueStats

__all__ = ["H2AQueue"]

T = TypeVar("T")
_D = TypeVar("_D")


class _Nothing(Enum):
    NOTHING = "nothing"
    END = "end"


NOTHING: Final = _Nothing.NOTHING  # unlike None, never an item
END: Final = _Nothing.END  # and the end of an iteration


class H2AQueue(Exchange[T]):
    """A first-in first-out queue for the tasks of one event loop.

    `max_size` is the number of buffered items at which `backpressure` begins to act; None means never.
    With `single_reader`, a second task that waits for an item at the same time is an error, which guards a
    stream whose order only one reader can keep. An item of which `undroppable(item)` is true, such as what a
    person wrote, does not know the bound: no policy drops it, merges it, refuses it or makes its writer wait.

    Leaving `async with queue:` closes it, or makes it fail with the exception that ended the block.

    >>> async def main() -> list[str]:
    ...     async with H2AQueue[str](max_size=256) as queue:
    ...         await queue.enqueue("a")
    ...         await queue.enqueue_batch(["b", "c"])
    ...     return [item async for item in queue]
    >>> asyncio.run(main())
    ['a', 'b', 'c']
    """

    def __init__(
        self,
        max_size: int | None = 1000,
        backpressure: Backpressure | Coalesce[T] = Backpressure.BLOCK,
        *,
        single_reader: bool = False,
        undroppable: Callable[[T], bool] | None = None,
    ) -> None:
        """Make an empty queue. Raises `QueueError` (CONFIGURATION) when `max_size` is less than 1."""
        if max_size is not None and max_size < 1:
            raise QueueError(
                f"max_size is {max_size}; give at least 1, or None for a queue without a bound.",
                ErrorKind.CONFIGURATION,
                max_size=max_size,
            )
        super().__init__(
            UNBOUNDED if max_size is None else max_size, undroppable, single_reader=single_reader
        )
        self._policy = backpressure if undroppable is None else spare(backpressure, undroppable)
        self._blocks = backpressure is Backpressure.BLOCK
        self._overflows = 0
        self._refused = 0
        self._inlet: Inlet[T] = Inlet(self._let_in, self._stand_in_line)

    def __repr__(self) -> str:
        """State at a glance."""
        bound = "" if self._max_size == UNBOUNDED else f"/{self._max_size}"
        policy = self._policy if isinstance(self._policy, Backpressure) else "coalesce"
        waiting = "".join(
            f" {name}={len(line)}"
            for name, line in (("readers", self._readers), ("writers", self._writers))
            if line
        )
        return f"<{type(self).__name__} {self.status} {len(self)}{bound} {policy}{waiting}>"

    # -- writing --

    async def enqueue(self, item: T) -> bool:
        """Put an item in, waiting for a free slot under BLOCK; False says that the policy dropped it.

        If this raises, also `CancelledError`, the item is not in the queue; if it returns, it was put in.
        Raises `QueueError`: CLOSED when the queue is closed or closes meanwhile, OVERFLOW under ERROR.
        """
        buffers = self._buffers
        write = buffers.write
        if len(write) < buffers.room:  # as in enqueue_nowait
            write.append(item)
            return True
        direct = self._direct
        if direct and self._flows:  # as in _put; `_hand_over` in place is a tenth quicker
            reader = direct.popleft()
            if not reader.done():
                self._place = place = self._place + 1
                reader.set_result((place, item))
                return True
        if not self._blocks or not self._must_wait(item):
            return self._admit(item)
        self._overflows += 1
        await self._wait_for_slot()
        self._put(item)
        self._grant_slots()  # handed over to a reader, the item has left its slot free
        return True

    def enqueue_nowait(self, item: T) -> bool:
        """Put an item in at once; False says that the policy dropped it.

        Raises `QueueError`: CLOSED, or OVERFLOW under ERROR and, since this cannot wait, under BLOCK.
        """
        buffers = self._buffers
        write = buffers.write
        # The plain form is `return self._admit(item)`; the shortcut is 7 times as quick.
        if len(write) < buffers.room:
            write.append(item)
            return True
        return self._admit(item)

    async def enqueue_batch(self, items: Iterable[T]) -> int:
        """Put items in, in order, and say how many the policy let in.

        Cancelled while it waits for slots, or refused in the middle, it leaves what went in before that in
        the queue; a `QueueError` then tells the number as `context["accepted"]`. Errors are `enqueue`'s.
        """
        batch = items if isinstance(items, (list, tuple)) else list(items)
        buffers = self._buffers
        if len(buffers.write) + len(batch) <= buffers.room:
            buffers.write.extend(batch)
            return len(batch)
        accepted = done = 0
        try:
            while done < len(batch):
                accepted += await H2AQueue.enqueue(self, batch[done])  # whatever a subclass makes of one
                done += 1
                # One look per run of free slots, not per item.
                if not self._readers:
                    run = batch[done : done + max(self._free_slots(), 0)]
                    buffers.extend(run)
                    accepted += len(run)
                    done += len(run)
        except QueueError as error:
            error.context["accepted"] = accepted
            raise
        return accepted

    def enqueue_threadsafe(self, item: T) -> None:
        """Put an item in from any thread, without waiting; the loop is woken once per burst.

        The queue must know its loop: make it, or use it once, inside a running one. Items of one thread
        keep their order. Under BLOCK, items that find the queue full stand in line with blocked writers;
        a thread that is to be held back calls
        `asyncio.run_coroutine_threadsafe(queue.enqueue(item), loop).result()` instead. Under ERROR, an item
        that finds the queue full is dropped and counted, as nobody is left to hear of it.

        Raises `QueueError`: CLOSED, or CONFIGURATION when the queue has no loop yet. What was accepted
        before `close` comes out, if need be above the bound.
        """
        self._inlet.leave(item, self._loop)

    # -- reading --

    @overload
    async def dequeue(self, timeout: float | None = None) -> T | None: ...

    @overload
    async def dequeue(self, timeout: float | None, default: _D) -> T | _D: ...

    async def dequeue(self, timeout: float | None = None, default: object = None) -> object:
        """Take the oldest item, waiting for one up to `timeout` seconds.

        `default` means that the time is over, or that the queue is closed and drained; with None among the
        items, give one that is not. Cancelled, it has taken nothing. Raises the exception given to `fail`,
        once the buffered items are out, and `QueueError`: VALIDATION for a second reader of a `single_reader`
        queue, CONFIGURATION in another loop than the queue's.
        """
        buffers = self._buffers
        if self._flows and buffers.read:
            return buffers.read.pop()
        loop = self._loop
        if loop is None or timeout is not None:
            loop = self._bind()
        deadline = None if timeout is None else loop.time() + timeout
        quick = self._quick and timeout is None
        while True:
            if not quick or not self._flows:
                if not self._nothing_to_take():
                    break
                if self._is_over():
                    self._check_failure()
                    if default is END:
                        raise StopAsyncIteration
                    return default
                if deadline is not None and deadline <= loop.time():
                    return default
                self._check_reader()
            elif buffers.write or buffers.read:  # all that is left to ask, in a hurry
                break
            # By its class: `loop.create_future()` makes the same one by one more call.
            reader: asyncio.Future[tuple[int, T] | None] = asyncio.Future(loop=loop)
            self._readers.append(reader)
            buffers.room = 0  # until somebody has put an item in this reader's hands
            timer = None if deadline is None else loop.call_at(deadline, look_again, reader)
            try:
                handed = await reader
            except BaseException as error:  # a cancel, or the coroutine is closed
                self._step_out(reader)
                self._check_loop(error)
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            if handed is not None:
                self._received += 1
                if self._life.ended or self._drainers:
                    self._settle()
                return handed[1]
            self._step_out(reader)
        return self._take_one()

    def dequeue_nowait(self) -> T | None:
        """Take the oldest item, or None when there is nothing to take now.

        Raises the exception given to `fail`, once the buffered items are out.
        """
        # The plain form is the last four lines; the shortcut is 5 times as quick.
        if self._flows:
            read = self._buffers.read
            if read:
                return read.pop()
        if not self._nothing_to_take():
            return self._take_one()
        self._check_failure()
        return None

    async def dequeue_batch(self, max_items: int | None = None, timeout: float | None = None) -> list[T]:
        """Wait for one item, up to `timeout` seconds, then take all there are, or `max_items` of them.

        An empty list means that the time is over, or that the queue is closed and drained. Raises as
        `dequeue` does, and `QueueError` (VALIDATION) when `max_items` is less than 1.
        """
        if max_items is not None and max_items < 1:
            raise QueueError(
                f"max_items is {max_items}; give at least 1, or None for all there are.",
                ErrorKind.VALIDATION,
                max_items=max_items,
            )
        limit = UNBOUNDED if max_items is None else max_items
        if not self._nothing_to_take():
            return self._take_many(limit)
        first = await H2AQueue.dequeue(self, timeout, NOTHING)
        if isinstance(first, _Nothing):
            return []
        if limit == 1 or self._nothing_to_take():
            return [first]
        return [first, *self._take_many(limit - 1)]

    def __aiter__(self) -> AsyncIterator[T]:
        """Take items until the queue is closed and drained."""
        return self

    def __anext__(self) -> Coroutine[Any, Any, T]:
        """Take the oldest item; as `dequeue`, but the end is the end of the loop."""
        return cast("Coroutine[Any, Any, T]", self.dequeue(None, END))

    # -- flow --

    def pause(self) -> None:
        """Hold the readers; writers go on until the queue is full.

        Raises `QueueError` (VALIDATION) unless the queue is created or active.
        """
        self._life.apply(Change.PAUSE)
        self._refresh()

    def resume(self) -> None:
        """Let the readers go on. Raises `QueueError` (VALIDATION) unless the queue is paused."""
        self._life.apply(Change.RESUME)
        self._serve_readers()

    # -- ending --

    def close(self) -> None:
        """End the input; a second call does nothing.

        What is buffered still comes out, also from a paused queue, then readers see the end. Writers that
        wait get `QueueError` (CLOSED).
        """
        if not self._life.ended:
            self._end(Change.CLOSE)

    def fail(self, exc: Exception) -> None:
        """End the input because of an error: readers get what is buffered, and then `exc`, each of them.

        Raises `QueueError` (VALIDATION) when the queue has failed already, or is over.
        """
        self._end(Change.FAIL, exc)

    def dispose(self) -> None:
        """End everything now: what is buffered is thrown away, and counted as dropped.

        Raises `QueueError` (VALIDATION) when that was done before.
        """
        self._end(Change.DISPOSE)

    async def drain(self, timeout: float | None = None) -> bool:
        """Wait until readers have taken everything, blocked writers' items too; False when time is over.

        Ends nothing by itself; after `close` it waits for the last item.
        """
        if self._is_idle():
            return True
        drained = self._bind().create_future()
        self._drainers.append(drained)
        self._refresh()
        try:
            async with asyncio.timeout(timeout):
                await drained
        except TimeoutError:
            return self._is_idle()
        finally:
            if drained in self._drainers:
                self._drainers.remove(drained)
                self._refresh()
        return True

    async def __aenter__(self) -> Self:
        """Use the queue; it ends with the block."""
        self._bind()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the queue, or make it fail with what ended the block; a cancelled block just closes it."""
        if isinstance(exc, Exception) and not self._life.ended:
            self.fail(exc)
        else:
            self.close()

    def add_cleanup(self, callback: Callable[[], object]) -> None:
        """Have `callback()` called once, when no item can come out any more.

        That is: closed or failed, and drained; or disposed. Callbacks run in the order they were added.
        """
        if self._is_over():
            call_outside(callback)
        else:
            self._cleanups.append(callback)

    # -- looking --

    def __len__(self) -> int:
        """Items in the buffers."""
        return len(self._buffers)

    @property
    def max_size(self) -> int | None:
        """The bound, or None."""
        return None if self._max_size == UNBOUNDED else self._max_size

    @property
    def status(self) -> QueueStatus:
        """Where the queue is in its life."""
        return self._life.status

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have `watcher(before, after)` called after every change of `status`; the result ends that."""
        return self._life.watch(watcher)

    @property
    def history(self) -> tuple[Transition, ...]:
        """The latest 64 changes of `status`, oldest first."""
        return self._life.history

    def get_stats(self) -> QueueStats:
        """What has happened so far."""
        buffers = self._buffers
        fast_path_hits = self._place - self._late
        entered = buffers.entered + fast_path_hits
        size = len(buffers)
        return QueueStats(
            total_enqueued=entered,
            total_dequeued=entered - buffers.dropped - buffers.merged - size,
            fast_path_hits=fast_path_hits,
            buffer_swaps=buffers.swaps,
            dropped_messages=buffers.dropped,
            merged_messages=buffers.merged,
            current_size=size,
            max_size_seen=buffers.peak,
            refused_messages=self._refused,
            overflows=self._overflows,
        )

    def health(self, limits: HealthLimits = HealthLimits()) -> Health:  # noqa: B008  (frozen)
        """How the queue is, over all its life, against `limits`; `HealthWatch` looks again and again."""
        return assess(self.get_stats(), self.max_size, self._oldest_age(), limits)

    def _oldest_age(self) -> float | None:
        """Seconds since the oldest buffered item came; None where items carry no time, or there is none."""
        return None

    # -- private: one item in --

    def _admit(self, item: T) -> bool:
        """Put an item in by the rules, without waiting. The whole of `enqueue_nowait`."""
        if self._readers and self._flows and self._hand_over(item):  # as in _put
            return True
        if not self._flows:
            self._check_open()
        if self._has_slot_for(item):
            self._put(item)
            return True
        self._overflows += 1
        try:
            return squeeze_in(self._policy, self._buffers, item)
        except QueueError:
            self._refused += 1
            raise

    def _must_wait(self, item: T) -> bool:
        """Whether BLOCK makes a writer stand in line with this item."""
        if not self._life.active:
            self._check_open()
        return not self._has_slot_for(item)

    # -- private: the end --

    def _end(self, change: Change, failure: Exception | None = None) -> None:
        was_open = not self._life.ended
        self._life.apply(change)
        if failure is not None:
            self._failure, self._failure_trace = failure, failure.__traceback__
        if was_open:
            for item in self._inlet.close():
                self._put(item)
            for writer in self._writers:
                if not writer.done():
                    writer.set_result(False)
            self._writers.clear()
        if change is Change.DISPOSE:
            self._buffers.clear()
        self._serve_readers()
        self._settle()

    def _is_idle(self) -> bool:
        return super()._is_idle() and not len(self._inlet)

    # -- private: threads --

    def _let_in(self, items: deque[T], count: int) -> int:
        """Put some of the first threads' items in by the rules; 0 says that the first has to stand in line."""
        free = self._free_slots()
        if (
            free > 1 and self._buffers.bare and not self._readers and self._life.active
        ):  # as in enqueue_batch: one look per run
            run = [items.popleft() for _ in range(min(count, free))]
            self._buffers.extend(run)
            return len(run)
        try:
            if self._blocks and self._must_wait(items[0]):
                return 0
            self._admit(items[0])
        except QueueError:
            self._buffers.refuse()
        except Exception as error:  # noqa: BLE001  (`merge` or `priority_of` raised, and its thread is not here)
            self._let_in_anyway(items[0], error)
        items.popleft()
        return 1

    def _let_in_anyway(self, item: T, error: Exception) -> None:
        """Report an error that no writer is there to get; the item is kept if it can be, else counted."""
        self._bind().call_exception_handler(
            {"message": "An item from another thread made the queue's callback fail", "exception": error}
        )
        try:
            self._put(item)
        except Exception:  # noqa: BLE001  (the same again: it has no priority)
            self._buffers.refuse()

    def _stand_in_line(self) -> None:
        """Wait among the blocked writers on behalf of the threads: one place for all of them."""
        slot: asyncio.Future[bool] = self._bind().create_future()
        slot.add_done_callback(self._threads_turn)
        self._writers.append(slot)
        self._refresh()

    def _threads_turn(self, slot: asyncio.Future[bool]) -> None:
        """A slot was granted, or the queue has ended, which has taken in everything that was left."""
        if slot.result():
            self._granted -= 1
            if len(self._inlet):
                self._put(self._inlet.take())
            self._grant_slots()
            self._inlet.go_on()
        self._settle()
