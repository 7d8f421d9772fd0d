"""A queue in which what matters more overtakes what matters less.

    push ──▶ URGENT [..]     DoubleBuffer each: first in, first out within a priority
             HIGH   [..]
             NORMAL [..]
             LOW    [..] ──▶ pop takes from the highest that is not empty

Where all items wait their turn in one line, an interrupt waits behind a thousand tokens. So URGENT items
are also exempt from the bound: they never wait for a slot, are never dropped and never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from operator import attrgetter
from typing import TypeVar

from h2a_queue.backpressure import Backpressure, Coalesce
from h2a_queue.buffers import DoubleBuffer, Merge
from h2a_queue.core import H2AQueue

__all__ = ["Priority", "PriorityH2AQueue"]

T = TypeVar("T")


class Priority(IntEnum):
    """How much an item matters. URGENT is for what a person does, and for little else."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3


class PriorityH2AQueue(H2AQueue[T]):
    """An `H2AQueue` whose readers get the highest priority first, and first in, first out within one.

    `priority_of(item)` tells an item's priority, by default the item's own `priority`; it must always tell
    the same. It is asked in the writer's call, which gets what it raises.

    The policies act within a priority. DROP_OLDEST drops the oldest item of the lowest priority there is,
    the newcomer itself when that is lower still; Coalesce merges neighbours of one priority. Blocked
    writers are served first come, first served, whatever they bring, except that URGENT never waits; only
    what other threads send stays in their order until it is in.

    >>> queue = PriorityH2AQueue[str](priority_of=lambda text: Priority.HIGH if "!" in text else Priority.LOW)
    >>> [queue.enqueue_nowait(text) for text in ("a", "b", "c!", "d!")]
    [True, True, True, True]
    >>> [queue.dequeue_nowait() for _ in range(4)]
    ['c!', 'd!', 'a', 'b']
    """

    def __init__(
        self,
        max_size: int | None = 1000,
        backpressure: Backpressure | Coalesce[T] = Backpressure.BLOCK,
        *,
        priority_of: Callable[[T], Priority] = attrgetter("priority"),
        single_reader: bool = False,
        undroppable: Callable[[T], bool] | None = None,
    ) -> None:
        """Make an empty queue; arguments and errors are those of `H2AQueue`."""
        self._priority_of = priority_of
        super().__init__(max_size, backpressure, single_reader=single_reader, undroppable=undroppable)

    def _make_buffers(self, keep: Callable[[T], bool] | None) -> DoubleBuffer[T]:
        return _PriorityBuffers(self._priority_of, keep)

    def _hand_over(self, item: T, place: int = 0) -> bool:
        # Asked here too, though a waiting reader does not care: the item may come back from it.
        Priority(self._priority_of(item))
        return super()._hand_over(item, place)


class _PriorityBuffers(DoubleBuffer[T]):
    """One `DoubleBuffer` per priority. Its own two lists stay empty, so nobody reads or writes unlooked."""

    __slots__ = ("_lanes", "_priority_of")

    bare = False

    def __init__(self, priority_of: Callable[[T], Priority], keep: Callable[[T], bool] | None) -> None:
        super().__init__(keep)
        self._priority_of = priority_of
        self._lanes: tuple[DoubleBuffer[T], ...] = tuple(DoubleBuffer(keep) for _ in Priority)

    def __len__(self) -> int:
        return sum(map(len, self._lanes))

    @property
    def swaps(self) -> int:
        return sum(lane.swaps for lane in self._lanes)

    def _measure(self) -> None:
        self.room = 0

    def _lane(self, item: T) -> DoubleBuffer[T]:
        return self._lanes[Priority(self._priority_of(item))]

    # -- in --

    def push(self, item: T) -> None:
        self._lane(item).push(item)
        self._left += 1
        self._grown()

    def extend(self, items: Iterable[T]) -> None:
        for item in items:
            self.push(item)

    def exempt(self, item: T) -> bool:
        return self._priority_of(item) is Priority.URGENT or super().exempt(item)

    def give_back(self, place: int, item: T) -> None:
        self._lane(item).give_back(place, item)
        self._grown()

    # -- out --

    def pop(self) -> T:
        return next(lane for lane in reversed(self._lanes) if len(lane)).pop()

    def take(self, count: int) -> list[T]:
        batch: list[T] = []
        for lane in reversed(self._lanes):
            if len(lane) and len(batch) < count:
                batch += lane.take(count - len(batch))
        return batch

    # -- less --

    def shed_for(self, item: T) -> bool:
        for lane in self._lanes[: self._priority_of(item) + 1]:
            if len(lane) and lane.shed_for(item):
                self.dropped += 1
                return True
        return False

    def clear(self) -> None:
        self.dropped += len(self)
        for lane in self._lanes:
            lane.clear()

    def merge_newest(self, item: T, merge: Merge[T]) -> bool:
        if not self._lane(item).merge_newest(item, merge):
            return False
        self._left += 1
        self.merged += 1
        return True

    def squeeze(self, merge: Merge[T]) -> None:
        for lane in self._lanes[: Priority.URGENT]:
            before = len(lane)
            lane.squeeze(merge)
            self.merged += before - len(lane)
