"""Is the queue well? A judgement from its numbers, and a watch that looks again and again.

stats ──▶ assess(limits) ──▶ Health: depth, utilisation, oldest age, rates, and what is of concern
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.lifecycle import call_outside
from h2a_queue.stats import QueueStats

__all__ = ["Concern", "Health", "HealthLimits", "HealthWatch", "assess"]


class Concern(StrEnum):
    """What can be wrong with a queue."""

    FULL = "full"  # more of the bound is in use than `utilisation`
    STALE = "stale"  # the oldest item has waited longer than `oldest_age_s`
    DROPPING = "dropping"  # more items are lost than `drop_rate`
    REFUSING = "refusing"  # more items are refused than `error_rate`


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """From where on something is of concern; a value at its limit is not."""

    utilisation: float = 0.9
    oldest_age_s: float = 10.0
    drop_rate: float = 0.01
    error_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at a queue has shown."""

    depth: int
    """Items in the buffers."""
    utilisation: float | None
    """Share of the bound in use; None without a bound."""
    oldest_age_s: float | None
    """What the oldest buffered item has waited; None without items, and where items carry no time."""
    drop_rate: float
    """Share of the items offered that were dropped."""
    error_rate: float
    """Share of the items offered that were refused with OVERFLOW."""
    concerns: frozenset[Concern]

    @property
    def ok(self) -> bool:
        """Whether nothing is of concern."""
        return not self.concerns


def assess(
    stats: QueueStats,
    max_size: int | None,
    oldest_age_s: float | None,
    limits: HealthLimits,
    since: QueueStats | None = None,
) -> Health:
    """Judge a queue by its numbers; the rates are those since `since`, else over all its life."""
    refused = stats.refused_messages - (since.refused_messages if since else 0)
    offered = stats.total_enqueued - (since.total_enqueued if since else 0) + refused
    dropped = stats.dropped_messages - (since.dropped_messages if since else 0)
    utilisation = None if max_size is None else stats.current_size / max_size
    drop_rate = dropped / offered if offered else float(dropped > 0)
    error_rate = refused / offered if offered else 0.0
    concerns = {
        Concern.FULL: utilisation is not None and utilisation > limits.utilisation,
        Concern.STALE: oldest_age_s is not None and oldest_age_s > limits.oldest_age_s,
        Concern.DROPPING: drop_rate > limits.drop_rate,
        Concern.REFUSING: error_rate > limits.error_rate,
    }
    return Health(
        depth=stats.current_size,
        utilisation=utilisation,
        oldest_age_s=oldest_age_s,
        drop_rate=min(drop_rate, 1.0),
        error_rate=error_rate,
        concerns=frozenset(concern for concern, holds in concerns.items() if holds),
    )


class _Watched(Protocol):
    """The part of a queue that a watch looks at."""

    @property
    def max_size(self) -> int | None: ...

    def get_stats(self) -> QueueStats: ...

    def health(self, limits: HealthLimits) -> Health: ...


class HealthWatch:
    """Look at a queue every `every_s` seconds and call `on_alert(health)` when its concerns change.

    Also when they are gone: then `health.ok`. The rates are those since the look before. The watch lasts as
    long as its `async with` block; what `on_alert` raises goes to the loop's exception handler.

    >>> from h2a_queue import H2AQueue
    >>> async def main() -> list[str]:
    ...     queue = H2AQueue[int](max_size=10)
    ...     alerts: list[str] = []
    ...     async with HealthWatch(queue, lambda health: alerts.append(", ".join(health.concerns))) as watch:
    ...         await queue.enqueue_batch(range(10))
    ...         watch.look()
    ...         await asyncio.sleep(0)  # callbacks run a tick later
    ...     return alerts
    >>> asyncio.run(main())
    ['full']
    """

    def __init__(
        self,
        queue: _Watched,
        on_alert: Callable[[Health], object],
        *,
        limits: HealthLimits = HealthLimits(),
        every_s: float = 1.0,
    ) -> None:
        """Make a watch that sleeps. Raises `QueueError` (CONFIGURATION) unless `every_s` is positive."""
        if not every_s > 0:
            raise QueueError(
                f"every_s is {every_s}; give the seconds between two looks.", ErrorKind.CONFIGURATION
            )
        self._queue = queue
        self._on_alert = on_alert
        self._limits = limits
        self._every_s = every_s
        self._before: QueueStats | None = None
        self._concerns: frozenset[Concern] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def look(self) -> Health:
        """Look now, out of turn."""
        stats = self._queue.get_stats()
        age = self._queue.health(self._limits).oldest_age_s
        health = assess(stats, self._queue.max_size, age, self._limits, self._before)
        self._before = stats
        if health.concerns != self._concerns:
            self._concerns = health.concerns
            call_outside(self._on_alert, health)
        return health

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._task = asyncio.create_task(self._keep_looking())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep_looking(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(self._every_s)
