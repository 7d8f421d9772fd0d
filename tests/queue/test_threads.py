"""Items from other threads: all arrive, in each thread's order, and a burst wakes the loop once."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from h2a_queue import Backpressure, Coalesce, ErrorKind, H2AQueue, Priority, PriorityH2AQueue, QueueError
from h2a_queue.inlet import Inlet
from support.ticks import tick

Item = tuple[int, int]
Queue = H2AQueue[Item]


async def in_threads(work: Callable[[int], None], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("max_size", [None, 7])
async def test_items_of_several_threads_all_arrive_in_each_threads_order(max_size: int | None) -> None:
    queue = Queue(max_size=max_size)

    def write(number: int) -> None:
        for i in range(500):
            queue.enqueue_threadsafe((number, i))

    threads = await in_threads(write, 4)
    got = [await queue.dequeue(timeout=30) for _ in range(4 * 500)]
    for number in range(4):
        assert [item for item in got if item is not None and item[0] == number] == [
            (number, i) for i in range(500)
        ]
    for thread in threads:
        thread.join()
    stats = queue.get_stats()
    assert (stats.total_enqueued, stats.dropped_messages, stats.current_size) == (2000, 0, 0)
    assert max_size is None or stats.max_size_seen <= max_size


async def test_burst_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = H2AQueue[int]()
    loop = asyncio.get_running_loop()
    wake_ups = []
    wake = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *args: (wake_ups.append(1), wake(*args))[1])
    for burst in (1, 2):
        for i in range(100):
            queue.enqueue_threadsafe(i)
        assert len(wake_ups) == burst
        await tick(2)
        assert await queue.dequeue_batch() == list(range(100))


async def test_threads_items_stand_in_line_with_blocked_writers() -> None:
    queue = H2AQueue[int](max_size=1)
    queue.enqueue_nowait(0)
    before = asyncio.create_task(queue.enqueue(1))
    await tick()
    queue.enqueue_threadsafe(2)
    queue.enqueue_threadsafe(3)
    await tick(2)
    behind = asyncio.create_task(queue.enqueue(4))
    await tick(2)
    assert len(queue) == 1
    got = [await queue.dequeue(timeout=30) for _ in range(5)]
    # One slot is one turn: what a thread still has goes to the end of the line again.
    assert got == [0, 1, 2, 4, 3]
    assert await before
    assert await behind


async def test_threads_have_one_place_in_line_however_many_bursts_they_send() -> None:
    queue = H2AQueue[int](max_size=1)
    queue.enqueue_nowait(0)
    for i in (1, 2, 3):
        queue.enqueue_threadsafe(i)
        await tick(2)
    assert "writers=1" in repr(queue)
    assert [await queue.dequeue(timeout=30) for _ in range(4)] == [0, 1, 2, 3]


async def test_close_takes_in_what_threads_have_left_above_the_bound() -> None:
    queue = H2AQueue[int](max_size=1)
    for i in range(5):
        queue.enqueue_threadsafe(i)
    await tick(3)
    queue.close()
    assert [item async for item in queue] == [0, 1, 2, 3, 4]


async def test_close_at_once_takes_in_what_threads_have_left() -> None:
    queue = H2AQueue[int]()
    queue.enqueue_threadsafe(1)
    queue.close()
    with pytest.raises(QueueError) as raised:
        queue.enqueue_threadsafe(2)
    assert raised.value.kind is ErrorKind.CLOSED
    assert [item async for item in queue] == [1]


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that interrupt each other between nearly any two steps."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
async def test_every_item_a_thread_got_rid_of_comes_out_though_the_queue_closes_meanwhile() -> None:
    for round_ in range(10):
        queue = Queue(max_size=(3, None)[round_ % 2])
        accepted: list[list[Item]] = [[], []]

        def write(number: int, queue: Queue = queue, accepted: list[list[Item]] = accepted) -> None:
            try:
                for i in range(10_000_000):
                    queue.enqueue_threadsafe((number, i))
                    accepted[number].append((number, i))
            except QueueError:
                return

        threads = await in_threads(write, 2)
        got = [await queue.dequeue(timeout=30) for _ in range(5)]
        queue.close()
        for thread in threads:
            thread.join()
        got += [item async for item in queue]
        assert sorted(item for item in got if item) == sorted(accepted[0] + accepted[1])


async def test_error_policy_drops_and_counts_what_a_thread_cannot_be_told_of() -> None:
    queue = H2AQueue[int](max_size=2, backpressure=Backpressure.ERROR)
    for i in range(5):
        queue.enqueue_threadsafe(i)
    await tick(2)
    assert await queue.dequeue_batch() == [0, 1]
    assert queue.get_stats().dropped_messages == 3


async def test_merge_that_raises_for_a_threads_item_loses_nothing_and_is_reported() -> None:
    def fragile(older: int, newer: int) -> int | None:
        raise ValueError

    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    queue = H2AQueue[int](max_size=1, backpressure=Coalesce(fragile))
    for i in range(3):
        queue.enqueue_threadsafe(i)
    await tick(2)
    assert await queue.dequeue_batch() == [0, 1, 2]
    assert [type(error) for error in reported] == [ValueError, ValueError]


@pytest.mark.parametrize("max_size", [None, 1])
async def test_item_of_a_thread_without_a_priority_is_counted_and_the_others_arrive(
    max_size: int | None,
) -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    queue = PriorityH2AQueue[int](max_size, priority_of=lambda item: Priority(item))
    for item in (1, 2, 99, 3, 1):
        queue.enqueue_threadsafe(item)
    got = [await queue.dequeue(timeout=30) for _ in range(4)]
    assert sorted(item for item in got if item is not None) == [1, 1, 2, 3]
    assert [type(error) for error in reported] == [ValueError]
    assert queue.get_stats().dropped_messages == 1


def test_queue_without_a_loop_says_what_to_do() -> None:
    with pytest.raises(QueueError, match="inside a running one") as raised:
        H2AQueue[int]().enqueue_threadsafe(1)
    assert raised.value.kind is ErrorKind.CONFIGURATION


@pytest.mark.parametrize("closes", ["before the item is there", "after it is there"])
async def test_item_left_as_the_door_closes_is_either_taken_in_or_refused(closes: str) -> None:
    """The race in slow motion: the door closes in the very moment in which the item is left."""
    entered: list[str] = []
    inlet: Inlet[str] = Inlet(lambda items, count: len(items), lambda: None)
    loop = asyncio.get_running_loop()
    inlet.leave("early", loop)

    class Closing(deque[str]):
        def append(self, item: str) -> None:
            if closes.startswith("before"):
                entered.extend(inlet.close())
            super().append(item)
            if closes.startswith("after"):
                entered.extend(inlet.close())

    inlet._items = Closing(inlet._items)
    if closes.startswith("before"):
        with pytest.raises(QueueError, match="no more items"):
            inlet.leave("late", loop)
        assert entered == ["early"]
    else:
        inlet.leave("late", loop)
        assert entered == ["early", "late"]
    assert len(inlet) == 0


def test_queue_whose_loop_is_closed_says_so() -> None:
    async def make() -> H2AQueue[int]:
        return H2AQueue()

    queue = asyncio.run(make())
    with pytest.raises(QueueError, match="event loop is closed") as raised:
        queue.enqueue_threadsafe(1)
    assert raised.value.kind is ErrorKind.CLOSED
    assert len(queue) == 0
