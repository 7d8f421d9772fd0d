"""Batches follow their consumer. Time is a number the test moves; nothing here waits for a real clock."""

from __future__ import annotations

import asyncio

import pytest

from h2a_queue import AdaptiveBatches, ErrorKind, H2AQueue, QueueError
from support.ticks import tick


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Feed:
    """A queue that always has as many items as are asked for; waiting for more takes the time it takes."""

    def __init__(self, clock: Clock, *, late_s: float = 0.0) -> None:
        self.clock, self.late_s = clock, late_s
        self.waits: list[float] = []

    async def dequeue_batch(self, max_items: int | None = None, timeout: float | None = None) -> list[int]:
        if timeout is not None:
            self.waits.append(timeout)
            self.clock.now += min(timeout, self.late_s)
            return [0] if self.late_s < timeout else []
        return [0] * (max_items or 1)


async def consume(
    batches: AdaptiveBatches[int], clock: Clock, fixed: float, per_item: float, steps: int
) -> list[int]:
    sizes = []
    for _ in range(steps):
        batch = await anext(batches)
        sizes.append(len(batch))
        clock.now += fixed + per_item * len(batch)
    return sizes


async def test_batch_shrinks_until_a_slow_consumer_handles_it_within_the_bound() -> None:
    clock = Clock()
    batches = AdaptiveBatches(Feed(clock), latency_s=0.1, max_items=1000, clock=clock)
    sizes = await consume(batches, clock, fixed=0.0, per_item=0.01, steps=10)
    assert sizes[0] == 1000
    assert all(9 <= size <= 10 for size in sizes[1:])


async def test_batch_of_a_quick_consumer_is_as_large_as_it_may_be() -> None:
    clock = Clock()
    batches = AdaptiveBatches(Feed(clock), latency_s=0.1, max_items=50, clock=clock)
    assert await consume(batches, clock, fixed=0.0, per_item=1e-6, steps=10) == [50] * 10
    assert batches.flush_s == 0.0


async def test_batch_grows_again_when_the_consumer_becomes_quicker() -> None:
    clock = Clock()
    batches = AdaptiveBatches(Feed(clock), latency_s=0.1, max_items=100, clock=clock)
    slow = await consume(batches, clock, fixed=0.0, per_item=0.02, steps=10)
    quick = await consume(batches, clock, fixed=0.0, per_item=0.001, steps=40)
    assert slow[-1] <= 5
    assert quick[-1] >= 95


async def test_consumer_that_cannot_keep_the_bound_gets_single_items() -> None:
    clock = Clock()
    batches = AdaptiveBatches(Feed(clock), latency_s=0.01, clock=clock)
    assert (await consume(batches, clock, fixed=0.0, per_item=1.0, steps=5))[1:] == [1, 1, 1, 1]


async def test_flush_interval_is_the_fixed_cost_of_a_batch_and_keeps_the_bound() -> None:
    clock = Clock()
    queue = H2AQueue[int](max_size=None)
    batches = AdaptiveBatches(queue, latency_s=0.1, max_items=1000, clock=clock)
    for size in (1, 3, 2, 4, 1000):  # batches of several sizes tell the fixed cost from that per item
        await queue.enqueue_batch(range(size))
        batch = await anext(batches)
        clock.now += 0.02 + 0.001 * len(batch)
    await anext(batches)
    assert batches.flush_s == pytest.approx(0.02)
    assert batches.batch_size == pytest.approx(80, abs=1)


async def test_batch_gathers_what_comes_within_the_flush_interval() -> None:
    clock = Clock()
    feed = Feed(clock, late_s=0.004)
    batches = AdaptiveBatches(feed, latency_s=1.0, max_items=1000, clock=clock)
    for size in (1, 20, 5, 10):
        batches._cost.note(size, 0.01 + 0.001 * size)
    batches._queue = first = H2AQueue[int]()
    await first.enqueue_batch([1, 2])
    first_batch = batches._queue.dequeue_batch

    async def then_feed(max_items: int | None = None, timeout: float | None = None) -> list[int]:
        if timeout is None:
            return await first_batch(max_items)
        return await feed.dequeue_batch(max_items, timeout)

    first.dequeue_batch = then_feed  # type: ignore[method-assign]
    assert await anext(batches) == [1, 2, 0, 0]
    assert feed.waits == [pytest.approx(0.01), pytest.approx(0.006), pytest.approx(0.002)]


async def test_cancelled_while_it_gathers_it_keeps_what_it_has() -> None:
    queue = H2AQueue[int]()
    batches = AdaptiveBatches(queue, latency_s=3600)
    for size in (1, 20, 5):
        batches._cost.note(size, 600 + size)
    await queue.enqueue_batch([1, 2])
    gathering = asyncio.create_task(anext(batches))
    await tick(3)
    assert not gathering.done()
    gathering.cancel()
    await asyncio.wait([gathering])
    queue.enqueue_nowait(3)
    queue.close()
    assert [batch async for batch in batches] == [[1, 2, 3]]


async def test_failed_queue_gives_what_came_before_and_then_its_error() -> None:
    queue = H2AQueue[int]()
    batches = AdaptiveBatches(queue, latency_s=3600)
    for size in (1, 20, 5):
        batches._cost.note(size, 600 + size)
    await queue.enqueue_batch([1, 2])
    gathering = asyncio.create_task(anext(batches))
    await tick(3)
    queue.fail(ConnectionError("gone"))
    assert await gathering == [1, 2]
    with pytest.raises(ConnectionError, match="gone"):
        await anext(batches)


@pytest.mark.parametrize(("latency_s", "max_items"), [(0, 10), (-1, 10), (float("nan"), 10), (1, 0)])
def test_bound_that_nobody_can_keep_is_an_error(latency_s: float, max_items: int) -> None:
    with pytest.raises(QueueError, match="above 0") as raised:
        AdaptiveBatches(H2AQueue[int](), latency_s=latency_s, max_items=max_items)
    assert raised.value.kind is ErrorKind.CONFIGURATION
