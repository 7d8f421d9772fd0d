"""The queue against one of forty lines that has no buffers to swap, no fast path and no shortcut.

Fast path and slow path must be one: the same history with readers that wait, and with readers that come
late, gives the same items in the same order.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_queue import Backpressure, Coalesce, H2AQueue, QueueError
from support.ticks import tick


class Plain:
    """The reference: a list and the rules, written down as they are read aloud."""

    def __init__(self, max_size: int, policy: Backpressure | Coalesce[int]) -> None:
        self.items: list[int] = []
        self.max_size, self.policy = max_size, policy
        self.put = self.got = self.dropped = self.merged = self.peak = 0
        self.closed = False

    def enqueue(self, item: int) -> bool | str:
        if self.closed:
            return "closed"
        full = len(self.items) >= self.max_size
        if full and self.policy in (Backpressure.BLOCK, Backpressure.ERROR):
            return "overflow"
        self.put += 1
        if full and self.policy is Backpressure.DROP_NEWEST:
            self.dropped += 1
            return False
        if full and self.policy is Backpressure.DROP_OLDEST:
            self.dropped += 1
            del self.items[0]
        if full and isinstance(self.policy, Coalesce):  # a merge that always merges
            self.merged += 1
            self.items[-1] = self.items[-1] * 1000 + item
            return True
        self.items.append(item)
        self.peak = max(self.peak, len(self.items))
        return True

    def enqueue_batch(self, items: list[int]) -> tuple[str | None, int]:
        accepted = 0
        for item in items:
            result = self.enqueue(item)
            if isinstance(result, str):
                return result, accepted
            accepted += result
        return None, accepted

    def take(self, count: int) -> list[int]:
        taken, self.items = self.items[:count], self.items[count:]
        self.got += len(taken)
        return taken


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 6)),
        st.tuples(st.just("put batch"), st.integers(1, 6)),
        st.tuples(st.just("get"), st.integers(1, 6)),
        st.tuples(st.just("get batch"), st.integers(1, 6)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=30,
)
POLICIES = st.sampled_from([*Backpressure, Coalesce[int](lambda older, newer: older * 1000 + newer)])


@given(STEPS, POLICIES, st.integers(1, 8))
@settings(max_examples=400, deadline=None)
def test_every_history_without_waiting_gives_what_the_reference_gives(
    steps: list[tuple[str, int]], policy: Any, max_size: int
) -> None:
    async def play() -> None:
        queue: H2AQueue[int] = H2AQueue(max_size, policy)
        plain = Plain(max_size, policy)
        number = 0
        for verb, count in steps:
            items = list(range(number, number + count))
            number += count
            if verb == "put":
                assert [put(queue, item) for item in items] == [plain.enqueue(item) for item in items]
            elif verb == "put batch":
                if policy is Backpressure.BLOCK and len(queue) + count > max_size:
                    continue
                expected = plain.enqueue_batch(items)
                try:
                    answer: tuple[object, ...] = (None, await queue.enqueue_batch(items))
                except QueueError as error:
                    answer = (error.kind, error.context["accepted"])
                assert answer == expected
            elif verb == "get":
                assert [queue.dequeue_nowait() for _ in range(count)] == pad(plain.take(count), count)
            elif verb == "get batch":
                assert await queue.dequeue_batch(count, timeout=0) == plain.take(count)
            else:
                queue.close()
                plain.closed = True
            stats = queue.get_stats()
            assert (stats.total_enqueued, stats.total_dequeued) == (plain.put, plain.got)
            assert (stats.dropped_messages, stats.merged_messages) == (plain.dropped, plain.merged)
            assert (stats.current_size, stats.max_size_seen) == (len(plain.items), plain.peak)

    asyncio.run(play())


def put(queue: H2AQueue[int], item: int) -> bool | str:
    try:
        return queue.enqueue_nowait(item)
    except QueueError as error:
        return str(error.kind)


def pad(items: list[int], count: int) -> list[int | None]:
    return [*items, *[None] * (count - len(items))]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=20), st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_reader_that_waits_and_reader_that_comes_late_get_the_same(
    bursts: list[tuple[int, int]], max_size: int
) -> None:
    async def play(*, eager: bool) -> list[int]:
        queue: H2AQueue[int] = H2AQueue(max_size)

        async def read() -> list[int]:
            return [item async for item in queue]

        async def write() -> None:
            number = 0
            for count, pause in bursts:
                for _ in range(count):
                    await queue.enqueue(number)
                    number += 1
                await tick(pause)
            queue.close()

        async with asyncio.TaskGroup() as group:
            first, second = (read, write) if eager else (write, read)
            tasks = [group.create_task(first()), group.create_task(second())]
        return tasks[0 if eager else 1].result() or []

    eager = asyncio.run(play(eager=True))
    late = asyncio.run(play(eager=False))
    assert eager == late == list(range(sum(count for count, _ in bursts)))
