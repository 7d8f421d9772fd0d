"""Batches that follow their consumer: latency bound first, then throughput.

    oldest item comes ──gather, at most `flush_s`──▶ batch ──handled──▶ done
    └────────────────────── within `latency_s`, as far as that is possible ─┘

What a batch costs its consumer is learned as a straight line, fixed + per_item * size, from the latest batches
(a fit with exponentially fading weights). From that line follow both settings:

- Size. As many items as can be handled within the time that is left of the latency bound; at least one.
- Flush interval. Waiting for more items saves one fixed cost per batch, so it is worth at most that cost:
  `flush_s` is `fixed`, and never more than what the bound leaves when the batch has been handled. A consumer
  with no fixed cost gets every item at once; one that pays 10 ms per write gets fuller batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["AdaptiveBatches"]

T = TypeVar("T")

FADE: Final = 0.8  # weight of what was known before, per batch


class _Batched(Protocol[T]):
    """The part of a queue that is needed here."""

    async def dequeue_batch(self, max_items: int | None = None, timeout: float | None = None) -> list[T]: ...


class AdaptiveBatches(Generic[T]):
    """Iterate over a queue in batches that suit whoever handles them.

    An item is to be handled within `latency_s` seconds of the moment its batch was begun, and batches grow, up
    to `max_items`, as far as that allows. Whatever happens between two steps of the loop counts as handling.
    Cancelled while it gathers, it keeps what it has for the next step. The loop ends when the queue is closed
    and drained; a failed queue's exception comes when everything before it has been handled.

    >>> import asyncio
    >>> from h2a_queue import H2AQueue
    >>> async def main() -> list[list[int]]:
    ...     queue = H2AQueue[int]()
    ...     await queue.enqueue_batch(range(5))
    ...     queue.close()
    ...     return [batch async for batch in AdaptiveBatches(queue, latency_s=0.05, max_items=3)]
    >>> asyncio.run(main())
    [[0, 1, 2], [3, 4]]
    """

    def __init__(
        self,
        queue: _Batched[T],
        *,
        latency_s: float,
        max_items: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with batches of what there is. Raises `QueueError` (CONFIGURATION) for a bound not above 0."""
        if not (latency_s > 0 and max_items > 0):
            raise QueueError(
                f"latency_s is {latency_s} and max_items {max_items}; both must be above 0.",
                ErrorKind.CONFIGURATION,
            )
        self._queue = queue
        self._latency_s = latency_s
        self._max_items = max_items
        self._clock = clock
        self._cost = _Line()
        self._gathered: list[T] = []
        self._began_at = 0.0
        self._handed_at: float | None = None
        self._handed = 0

    @property
    def batch_size(self) -> int:
        """The most items the next batch may have."""
        return self._most(0.0)

    @property
    def flush_s(self) -> float:
        """The longest that the next batch may gather, from its first item on."""
        fixed, per_item = self._cost.fit()
        return max(0.0, min(fixed, self._latency_s - fixed - per_item))

    def _most(self, spent_s: float) -> int:
        """How many items can be handled in what is left of the bound."""
        fixed, per_item = self._cost.fit()
        if per_item <= 0:
            return self._max_items
        return max(1, min(self._max_items, int((self._latency_s - spent_s - fixed) / per_item)))

    def _time_left(self, spent_s: float) -> float:
        """How long the batch at hand may go on gathering and be handled in time."""
        fixed, per_item = self._cost.fit()
        return min(fixed, self._latency_s - fixed - per_item * len(self._gathered)) - spent_s

    def __aiter__(self) -> Self:
        """Take batches until the queue is closed and drained."""
        return self

    async def __anext__(self) -> list[T]:
        """Take the next batch; asking for it says that the one before has been handled."""
        now = self._clock()
        if self._handed_at is not None:
            self._cost.note(self._handed, now - self._handed_at)
            self._handed_at = None
        await self._gather()
        if not self._gathered:
            raise StopAsyncIteration
        batch, self._gathered = self._gathered, []
        self._handed, self._handed_at = len(batch), self._clock()
        return batch

    async def _gather(self) -> None:
        if not self._gathered:
            self._gathered = await self._queue.dequeue_batch(self.batch_size)
            self._began_at = self._clock()
        while self._gathered:
            spent_s = self._clock() - self._began_at
            wanted, left = self._most(spent_s) - len(self._gathered), self._time_left(spent_s)
            if wanted <= 0 or left <= 0:
                return
            try:
                more = await self._queue.dequeue_batch(wanted, left)
            except QueueError:
                raise
            except Exception:  # noqa: BLE001  (the queue has failed: it says so again, after this batch)
                return
            if not more:
                return
            self._gathered += more


class _Line:
    """Cost over size: the straight line nearest to the latest batches."""

    def __init__(self) -> None:
        self._weight = self._n = self._t = self._nn = self._nt = 0.0

    def note(self, size: int, seconds: float) -> None:
        """Learn what a batch has cost."""
        self._weight = self._weight * FADE + 1
        self._n = self._n * FADE + size
        self._t = self._t * FADE + seconds
        self._nn = self._nn * FADE + size * size
        self._nt = self._nt * FADE + size * seconds

    def fit(self) -> tuple[float, float]:
        """The fixed cost and the cost per item, in seconds; neither is negative.

        While all batches have one size, nothing tells the two apart: then all of it counts as per item, which
        keeps batches small.
        """
        if not self._weight:
            return 0.0, 0.0
        spread = self._nn - self._n * self._n / self._weight
        if spread <= 1e-9 * self._nn:
            return 0.0, self._t / self._n
        per_item = (self._nt - self._n * self._t / self._weight) / spread
        if per_item <= 0:  # the larger batches were the quicker ones: size does not matter
            return self._t / self._weight, 0.0
        fixed = (self._t - per_item * self._n) / self._weight
        return (fixed, per_item) if fixed > 0 else (0.0, self._t / self._n)
