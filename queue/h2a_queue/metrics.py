"""A queue that measures: how long each item took, and how long its users waited.

Some items lie in the buffers together with the time they came, as a `_Stamped`. So whatever a queue does with
them, dropping, putting back, overtaking, the time goes along, and the plain queue pays nothing for it. Of a
burst that finds room, every eighth item is stamped; an item that meets a waiting reader or a full queue always
is. Reading the clock twice for each item would cost more than all of `asyncio.Queue` does.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from itertools import chain
from typing import Any, Final, TypeVar, overload

from h2a_queue.backpressure import Backpressure, Coalesce
from h2a_queue.core import END, NOTHING, H2AQueue
from h2a_queue.stats import QueueMetrics, QueueStats

__all__ = ["MeteredH2AQueue"]

T = TypeVar("T")
_D = TypeVar("_D")

WINDOW: Final = 10_000
UNSTAMPED: Final = 7  # an item is stamped where this mask of the write buffer's length is zero


class _Stamped(tuple[float, Any]):
    """When an item came, and the item."""

    __slots__ = ()


class MeteredH2AQueue(H2AQueue[T]):
    """An `H2AQueue` whose `get_stats().metrics` tells times and rates; arguments and verbs are the same.

    `clock` gives seconds that never go back. `health` knows the age of the oldest item.

    >>> import asyncio
    >>> async def main() -> bool:
    ...     queue = MeteredH2AQueue[str]()
    ...     await queue.enqueue("a")
    ...     await queue.dequeue()
    ...     metrics = queue.get_stats().metrics
    ...     return metrics is not None and 0 < metrics.latency_p99_s < 1
    >>> asyncio.run(main())
    True
    """

    # Below these verbs an item may be a `_Stamped` one, which the type of the class cannot say.
    _buffers: Any

    def __init__(
        self,
        max_size: int | None = 1000,
        backpressure: Backpressure | Coalesce[T] = Backpressure.BLOCK,
        *,
        single_reader: bool = False,
        undroppable: Callable[[T], bool] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Make an empty queue; errors are those of `H2AQueue`."""
        policy: Any = _unwrapping(backpressure) if isinstance(backpressure, Coalesce) else backpressure
        keep: Any = None if undroppable is None else lambda item: undroppable(_bare(item))
        super().__init__(max_size, policy, single_reader=single_reader, undroppable=keep)
        self._clock = clock
        self._began_at: float | None = None
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self._writers_waited_s = 0.0
        self._readers_waited_s = 0.0

    # -- writing --

    def enqueue(self, item: T) -> Coroutine[Any, Any, bool]:
        """As `H2AQueue.enqueue`; the time runs from this call on."""
        buffers = self._buffers
        size = len(buffers.write)
        return super().enqueue(item if size & UNSTAMPED and size < buffers.room else self._stamp(item))

    def enqueue_nowait(self, item: T) -> bool:
        """As `H2AQueue.enqueue_nowait`."""
        buffers = self._buffers
        write = buffers.write
        size = len(write)
        if size < buffers.room:
            write.append(item if size & UNSTAMPED else self._stamp(item))
            return True
        return self._admit(self._stamp(item))

    def enqueue_batch(self, items: Iterable[T]) -> Coroutine[Any, Any, int]:
        """As `H2AQueue.enqueue_batch`."""
        batch = list(items)
        buffers = self._buffers
        step = UNSTAMPED + 1 if len(buffers.write) + len(batch) <= buffers.room else 1
        batch[::step] = map(self._stamp, batch[::step])
        return super().enqueue_batch(batch)

    def enqueue_threadsafe(self, item: T) -> None:
        """As `H2AQueue.enqueue_threadsafe`."""
        super().enqueue_threadsafe(self._stamp(item))

    def _stamp(self, item: T) -> Any:
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        return _Stamped((now, item))

    async def _wait_for_slot(self) -> None:
        began_at = self._clock()
        try:
            await super()._wait_for_slot()
        finally:
            self._writers_waited_s += self._clock() - began_at

    # -- reading --

    @overload
    async def dequeue(self, timeout: float | None = None) -> T | None: ...

    @overload
    async def dequeue(self, timeout: float | None, default: _D) -> T | _D: ...

    async def dequeue(self, timeout: float | None = None, default: object = None) -> object:
        """As `H2AQueue.dequeue`."""
        if self._flows and self._buffers.read:
            return self._unwrap(self._buffers.read.pop())
        began_at = self._clock() if self._nothing_to_take() else None
        try:
            item = await super().dequeue(timeout, END if default is END else NOTHING)
        finally:
            if began_at is not None:
                self._readers_waited_s += self._clock() - began_at
        return default if item is NOTHING else self._unwrap(item)

    def dequeue_nowait(self) -> T | None:
        """As `H2AQueue.dequeue_nowait`."""
        if self._flows:
            read = self._buffers.read
            if read:
                item = read.pop()
                return self._unwrap(item) if type(item) is _Stamped else item  # type: ignore[no-any-return]
        return self._unwrap(super().dequeue_nowait())  # type: ignore[no-any-return]

    async def dequeue_batch(self, max_items: int | None = None, timeout: float | None = None) -> list[T]:
        """As `H2AQueue.dequeue_batch`."""
        began_at = self._clock() if self._nothing_to_take() else None
        try:
            batch = await super().dequeue_batch(max_items, timeout)
        finally:
            if began_at is not None:
                self._readers_waited_s += self._clock() - began_at
        return [self._unwrap(item) if type(item) is _Stamped else item for item in batch]

    def _unwrap(self, item: Any) -> Any:
        if type(item) is not _Stamped:
            return item
        came_at, bare = item
        self._latencies.append(self._clock() - came_at)
        return bare

    # -- looking --

    def get_stats(self) -> QueueStats:
        """As `H2AQueue.get_stats`, with `metrics`."""
        stats = super().get_stats()
        return replace(stats, metrics=self._measure(stats.total_dequeued))

    def _measure(self, read: int) -> QueueMetrics:
        ordered = sorted(self._latencies)
        mean = math.fsum(ordered) / len(ordered) if ordered else 0.0
        elapsed = 0.0 if self._began_at is None else self._clock() - self._began_at
        throughput = read / elapsed if elapsed else 0.0
        bound = self.max_size
        return QueueMetrics(
            latency_mean_s=mean,
            latency_p50_s=_percentile(ordered, 50),
            latency_p95_s=_percentile(ordered, 95),
            latency_p99_s=_percentile(ordered, 99),
            latency_max_s=ordered[-1] if ordered else 0.0,
            writers_waited_s=self._writers_waited_s,
            readers_waited_s=self._readers_waited_s,
            throughput_per_s=throughput,
            utilisation=None if bound is None else throughput * mean / bound,
        )

    def _oldest_age(self) -> float | None:
        """Told by the oldest item that is stamped."""
        buffers = self._buffers
        for item in chain(reversed(buffers.read), buffers.write):
            if type(item) is _Stamped:
                return self._clock() - item[0]
        return None


def _bare(item: Any) -> Any:
    return item[1] if type(item) is _Stamped else item


def _percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that at least `percent` in a hundred do not exceed."""
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else 0.0


def _unwrapping(policy: Coalesce[T]) -> Coalesce[Any]:
    """The same policy for items that may be stamped; a merged item came when its older half did."""

    def merge(older: Any, newer: Any) -> Any:
        merged = policy.merge(_bare(older), _bare(newer))
        return merged if merged is None or type(older) is not _Stamped else _Stamped((older[0], merged))

    return Coalesce(merge)
