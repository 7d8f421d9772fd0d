"""What matters more comes first; within a priority, first in, first out."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_queue import Backpressure, Coalesce, Message, Priority, PriorityH2AQueue, QueueError
from support.ticks import tick

Task = tuple[Priority, int]
LOW, NORMAL, HIGH, URGENT = Priority


def make(
    max_size: int | None = None, policy: Backpressure | Coalesce[Task] = Backpressure.BLOCK
) -> PriorityH2AQueue[Task]:
    return PriorityH2AQueue(max_size, policy, priority_of=lambda task: task[0])


@given(st.lists(st.one_of(st.sampled_from(Priority), st.just("take"), st.just("take 2"))))
def test_readers_get_the_highest_priority_first_and_fifo_within_one(steps: list[Priority | str]) -> None:
    async def play() -> None:
        queue = make()
        model: list[Task] = []
        for number, step in enumerate(steps):
            if isinstance(step, Priority):
                queue.enqueue_nowait((step, number))
                model = sorted([*model, (step, number)], key=lambda task: (-task[0], task[1]))
            elif model:
                count = 2 if step == "take 2" else 1
                assert await queue.dequeue_batch(count) == model[:count]
                del model[:count]
        assert await queue.dequeue_batch(timeout=0) == model
        assert queue.get_stats().total_dequeued == queue.get_stats().total_enqueued

    asyncio.run(play())


async def test_urgent_never_waits_for_a_slot_and_never_fails() -> None:
    for policy in Backpressure:
        queue = make(1, policy)
        queue.enqueue_nowait((NORMAL, 0))
        assert await queue.enqueue((URGENT, 1))
        assert queue.enqueue_nowait((URGENT, 2))
        assert await queue.dequeue_batch() == [(URGENT, 1), (URGENT, 2), (NORMAL, 0)]
        assert queue.get_stats().dropped_messages == 0


async def test_writer_blocked_behind_an_urgent_excess_waits_until_there_is_a_slot() -> None:
    queue = make(1)
    await queue.enqueue((NORMAL, 0))
    await queue.enqueue((URGENT, 1))
    writer = asyncio.create_task(queue.enqueue((NORMAL, 2)))
    await tick(2)
    assert await queue.dequeue() == (URGENT, 1)
    await tick(2)
    assert not writer.done()
    assert await queue.dequeue() == (NORMAL, 0)
    assert await writer
    assert await queue.dequeue() == (NORMAL, 2)


async def test_drop_oldest_drops_the_least_important() -> None:
    queue = make(3, Backpressure.DROP_OLDEST)
    for task in [(HIGH, 0), (LOW, 1), (LOW, 2)]:
        assert queue.enqueue_nowait(task)
    assert queue.enqueue_nowait((LOW, 3))
    assert queue.enqueue_nowait((HIGH, 4))
    assert queue.enqueue_nowait((NORMAL, 5))
    assert not queue.enqueue_nowait((LOW, 6))
    assert queue.get_stats().dropped_messages == 4
    assert await queue.dequeue_batch() == [(HIGH, 0), (HIGH, 4), (NORMAL, 5)]


async def test_drop_oldest_never_drops_an_urgent_item() -> None:
    queue = make(1, Backpressure.DROP_OLDEST)
    queue.enqueue_nowait((URGENT, 0))
    assert not queue.enqueue_nowait((HIGH, 1))
    assert await queue.dequeue_batch() == [(URGENT, 0)]


async def test_coalesce_merges_within_a_priority_only() -> None:
    queue = make(3, Coalesce(lambda older, newer: (older[0], older[1] * 10 + newer[1])))
    for task in [(LOW, 1), (HIGH, 2), (LOW, 3), (HIGH, 4), (NORMAL, 5)]:
        queue.enqueue_nowait(task)
    assert await queue.dequeue_batch() == [(HIGH, 24), (NORMAL, 5), (LOW, 13)]
    stats = queue.get_stats()
    assert (stats.total_enqueued, stats.total_dequeued, stats.merged_messages) == (5, 3, 2)


async def test_item_given_back_is_first_of_its_priority() -> None:
    queue = make()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    for task in [(NORMAL, 0), (NORMAL, 1), (HIGH, 2)]:
        queue.enqueue_nowait(task)
    reader.cancel()
    await asyncio.wait([reader])
    assert await queue.dequeue_batch() == [(HIGH, 2), (NORMAL, 0), (NORMAL, 1)]


async def test_item_without_a_priority_is_refused_in_its_writers_call() -> None:
    queue = PriorityH2AQueue[object]()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    with pytest.raises(AttributeError, match="priority"):
        queue.enqueue_nowait(object())
    message = Message(payload="x")
    queue.enqueue_nowait(message)
    assert await reader is message
    with pytest.raises(AttributeError, match="priority"):
        await queue.enqueue(object())
    assert queue.get_stats().total_enqueued == 1


async def test_dispose_empties_every_priority() -> None:
    queue = make()
    for priority in Priority:
        queue.enqueue_nowait((priority, 0))
    queue.dispose()
    assert (len(queue), queue.get_stats().dropped_messages) == (0, 4)
    with pytest.raises(QueueError):
        queue.enqueue_nowait((URGENT, 1))
