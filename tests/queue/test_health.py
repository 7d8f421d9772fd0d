"""Measured times, health against limits, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from h2a_queue import (
    Backpressure,
    Coalesce,
    Concern,
    ErrorKind,
    H2AQueue,
    Health,
    HealthLimits,
    HealthWatch,
    MeteredH2AQueue,
    QueueError,
    QueueMetrics,
)
from support.ticks import tick


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def metrics_of(queue: MeteredH2AQueue[int]) -> QueueMetrics:
    metrics = queue.get_stats().metrics
    assert metrics is not None
    return metrics


# -- metrics --


async def test_latency_runs_from_the_writers_call_to_the_readers_return() -> None:
    clock = Clock()
    queue = MeteredH2AQueue[int](clock=clock)
    for second in range(100):
        clock.now = 100.0 + second
        queue.enqueue_nowait(second)
    clock.now = 200.0  # the first has waited 100 s, the last 1 s
    assert [queue.dequeue_nowait() for _ in range(100)] == list(range(100))
    metrics = metrics_of(queue)
    # Every eighth is measured: 100, 92, 84, ... 4.
    assert (metrics.latency_p50_s, metrics.latency_p95_s, metrics.latency_p99_s) == (52, 100, 100)
    assert (metrics.latency_max_s, metrics.latency_mean_s) == (100, 52)
    assert metrics.throughput_per_s == 1.0
    assert metrics.utilisation == 52 / 1000


READS: dict[str, Callable[[MeteredH2AQueue[int]], object]] = {
    "dequeue": lambda queue: queue.dequeue(),
    "dequeue_nowait": lambda queue: queue.dequeue_nowait(),
    "anext": lambda queue: queue.__anext__(),
    "dequeue_batch": lambda queue: queue.dequeue_batch(1),
}
WRITES: dict[str, Callable[[MeteredH2AQueue[int]], object]] = {
    "enqueue": lambda queue: queue.enqueue(7),
    "enqueue_nowait": lambda queue: queue.enqueue_nowait(7),
    "enqueue_batch": lambda queue: queue.enqueue_batch([7]),
    "enqueue_threadsafe": lambda queue: queue.enqueue_threadsafe(7),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("used_before", [False, True])
async def test_every_way_in_and_out_is_measured_and_gives_the_bare_item(
    read: str, write: str, used_before: bool
) -> None:
    clock = Clock()
    queue = MeteredH2AQueue[int](clock=clock)
    if used_before:  # so that the shortcuts are open, and the read buffer is not empty
        assert await queue.enqueue_batch([1, 2]) == 2
        assert await queue.dequeue() == 1
    writing = WRITES[write](queue)
    if asyncio.iscoroutine(writing):
        await writing
    await tick(2)
    clock.now += 5
    if used_before:
        assert await queue.dequeue() == 2
    reading = READS[read](queue)
    got = await reading if asyncio.iscoroutine(reading) else reading
    assert got in (7, [7])
    assert metrics_of(queue).latency_max_s == 5


async def test_item_that_finds_the_queue_full_is_always_measured() -> None:
    clock = Clock()
    queue = MeteredH2AQueue[int](max_size=2, clock=clock)
    await queue.enqueue_batch([0, 1])
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    clock.now += 9
    assert [await queue.dequeue() for _ in range(3)] == [0, 1, 2]
    await writer
    assert metrics_of(queue).latency_mean_s == 9  # of the first and the last


async def test_time_of_waiting_readers_and_blocked_writers_adds_up() -> None:
    clock = Clock()
    queue = MeteredH2AQueue[int](max_size=1, clock=clock)
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    clock.now += 3
    assert await queue.enqueue_batch([1, 2]) == 2
    assert await reader == 1
    writer = asyncio.create_task(queue.enqueue(3))
    await tick()
    clock.now += 4
    assert await queue.dequeue() == 2
    assert await writer
    metrics = metrics_of(queue)
    assert (metrics.readers_waited_s, metrics.writers_waited_s) == (3, 4)


async def test_metered_queue_ends_gives_back_and_merges_like_a_plain_one() -> None:
    queue = MeteredH2AQueue[int](max_size=1, backpressure=Coalesce(lambda older, newer: older + newer))
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert queue.dequeue_nowait() == 1
    for item in (1, 2, 3):
        queue.enqueue_nowait(item)
    assert queue.dequeue_nowait() == 6
    assert await queue.dequeue(timeout=0) is None
    assert await queue.dequeue(0, "nothing") == "nothing"
    queue.close()
    assert [item async for item in queue] == []
    with pytest.raises(QueueError, match="no more items"):
        await queue.enqueue(1)


def test_metered_queue_that_was_never_used_measures_nothing() -> None:
    metrics = metrics_of(MeteredH2AQueue(max_size=None))
    assert (metrics.latency_p99_s, metrics.throughput_per_s, metrics.utilisation) == (0.0, 0.0, None)
    assert H2AQueue[int]().get_stats().metrics is None


# -- health --


async def test_health_tells_depth_rates_and_what_is_of_concern() -> None:
    queue = H2AQueue[int](max_size=2, backpressure=Backpressure.ERROR)
    assert queue.health().ok
    await queue.enqueue_batch([1, 2])
    for _ in range(2):
        with pytest.raises(QueueError):
            queue.enqueue_nowait(3)
    health = queue.health()
    assert (health.depth, health.utilisation, health.oldest_age_s) == (2, 1.0, None)
    assert (health.drop_rate, health.error_rate) == (0.0, 0.5)
    assert health.concerns == {Concern.FULL, Concern.REFUSING}
    assert queue.health(HealthLimits(utilisation=1.0, error_rate=0.5)).ok


async def test_overflows_and_refusals_are_counted_under_every_policy() -> None:
    counts = {}
    for policy in (*Backpressure, Coalesce[int](lambda older, newer: older + newer)):
        queue = H2AQueue[int](1, policy)
        queue.enqueue_nowait(1)
        try:
            queue.enqueue_nowait(2)
        except QueueError:
            pass
        stats = queue.get_stats()
        counts[str(getattr(policy, "value", "coalesce"))] = (stats.overflows, stats.refused_messages)
    assert counts == {
        "block": (1, 1),
        "drop_oldest": (1, 0),
        "drop_newest": (1, 0),
        "error": (1, 1),
        "coalesce": (1, 0),
    }


async def test_drops_and_age_are_of_concern() -> None:
    clock = Clock()
    queue = MeteredH2AQueue[int](1, Backpressure.DROP_OLDEST, clock=clock)
    await queue.enqueue_batch([1, 2])
    clock.now += 11
    health = queue.health()
    assert (health.oldest_age_s, health.drop_rate) == (11, 0.5)
    assert health.concerns == {Concern.FULL, Concern.STALE, Concern.DROPPING}
    assert queue.dequeue_nowait() == 2
    assert queue.health().oldest_age_s is None


async def test_watch_tells_when_concerns_come_and_when_they_are_gone_and_not_in_between() -> None:
    told: list[Health] = []
    queue = H2AQueue[int](2, Backpressure.DROP_NEWEST)
    async with HealthWatch(queue, told.append, every_s=3600) as watch:
        await queue.enqueue_batch([1, 2, 3])
        watch.look()
        watch.look()  # nothing more was dropped since
        watch.look()
        assert await queue.dequeue_batch() == [1, 2]
        watch.look()
        watch.look()
        await tick()
    assert [set(health.concerns) for health in told] == [
        {Concern.FULL, Concern.DROPPING},
        {Concern.FULL},
        set(),
    ]
    assert told[-1].ok


async def test_watch_looks_by_itself_as_long_as_its_block() -> None:
    told = asyncio.Event()
    queue = H2AQueue[int](1)
    queue.enqueue_nowait(1)
    async with HealthWatch(queue, lambda _: told.set(), every_s=0.001):
        async with asyncio.timeout(30):
            await told.wait()
    assert len(asyncio.all_tasks()) == 1


async def test_alert_that_raises_is_reported_and_the_watch_goes_on() -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    queue = H2AQueue[int](1)

    def broken(health: Health) -> None:
        raise ValueError

    async with HealthWatch(queue, broken, every_s=3600) as watch:
        queue.enqueue_nowait(1)
        watch.look()
        await queue.dequeue()
        assert watch.look().ok
        await tick(2)
    assert [type(error) for error in reported] == [ValueError, ValueError]


def test_watch_without_a_pause_is_an_error() -> None:
    with pytest.raises(QueueError, match="seconds between") as raised:
        HealthWatch(H2AQueue[int](), print, every_s=0)
    assert raised.value.kind is ErrorKind.CONFIGURATION
