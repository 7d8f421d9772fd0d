"""The contract of `H2AQueue`, in the order of its methods: writing, reading, flow, ending, looking."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

import pytest

from h2a_queue import ErrorKind, H2AQueue, QueueError
from support.ticks import tick

Queue = H2AQueue[int]


def kind_of(raised: pytest.ExceptionInfo[QueueError]) -> ErrorKind:
    return raised.value.kind


def is_done_at_once(coroutine: Coroutine[Any, Any, object]) -> bool:
    """Take the first step of a coroutine in this very tick, and close it."""
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    coroutine.close()
    return False


# -- writing and reading --


async def test_items_come_out_in_the_order_they_went_in() -> None:
    queue = Queue()
    for item in range(5):
        assert await queue.enqueue(item)
    assert [await queue.dequeue() for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_order_holds_while_both_buffers_are_in_use() -> None:
    queue = Queue()
    written, got = itertools.count(), []
    for writes, reads in [(3, 1), (2, 3), (4, 2), (0, 3), (1, 1), (5, 5)]:
        for _ in range(writes):
            queue.enqueue_nowait(next(written))
        got += [queue.dequeue_nowait() for _ in range(reads)]
    assert got == list(range(15))


async def test_item_for_a_waiting_reader_touches_no_buffer() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    assert len(queue) == 0
    assert await reader == 1
    stats = queue.get_stats()
    assert (stats.fast_path_hits, stats.buffer_swaps, stats.max_size_seen) == (1, 0, 0)


async def test_waiting_readers_are_served_first_come_first_served() -> None:
    queue = Queue()
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(3)]
    await tick()
    await queue.enqueue_batch([1, 2, 3])
    assert await asyncio.gather(*readers) == [1, 2, 3]


async def test_blocked_writers_are_served_first_come_first_served() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(0)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (1, 2, 3)]
    await tick()
    assert [await queue.dequeue() for _ in range(4)] == [0, 1, 2, 3]
    assert await asyncio.gather(*writers) == [True, True, True]


async def test_writer_waits_while_the_queue_is_full_and_the_bound_holds() -> None:
    queue = Queue(max_size=2)
    writer = asyncio.create_task(queue.enqueue_batch(range(10)))
    got = []
    while len(got) < 10:
        await tick(2)
        assert len(queue) <= 2
        got.append(await queue.dequeue())
    assert got == list(range(10))
    assert await writer == 10
    assert queue.get_stats().max_size_seen == 2


async def test_enqueue_nowait_raises_when_it_would_have_to_wait() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    with pytest.raises(QueueError, match="await enqueue") as raised:
        queue.enqueue_nowait(2)
    assert kind_of(raised) is ErrorKind.OVERFLOW
    assert raised.value.recoverable
    assert await queue.dequeue_batch() == [1]


async def test_batch_for_waiting_readers_serves_each_before_it_fills_the_buffer() -> None:
    queue = Queue()
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    assert await queue.enqueue_batch(iter([1, 2, 3, 4])) == 4
    assert await asyncio.gather(*readers) == [1, 2]
    assert await queue.dequeue_batch() == [3, 4]


async def test_dequeue_batch_takes_all_there_is_with_one_swap() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2, 3])
    assert await queue.dequeue_batch() == [1, 2, 3]
    assert queue.get_stats().buffer_swaps == 1


async def test_dequeue_batch_crosses_from_one_buffer_to_the_other() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2, 3])
    assert await queue.dequeue() == 1
    await queue.enqueue_batch([4, 5, 6])
    assert await queue.dequeue_batch(4) == [2, 3, 4, 5]
    assert await queue.dequeue_batch(4) == [6]


async def test_dequeue_batch_waits_for_one_then_takes_what_came_with_it() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue_batch(3))
    await tick()
    await queue.enqueue_batch([1, 2, 3, 4])
    assert await reader == [1, 2, 3]
    assert await queue.dequeue_batch() == [4]


async def test_batch_a_reader_got_is_its_own() -> None:
    """The write list itself is handed over; what is written later must not show up in it."""
    queue = Queue()
    await queue.enqueue_batch([1, 2])
    batch = await queue.dequeue_batch()
    await queue.enqueue_batch([3])
    assert batch == [1, 2]
    batch.clear()
    assert await queue.dequeue_batch() == [3]


@pytest.mark.parametrize("count", [0, -1])
async def test_dequeue_batch_of_nothing_is_an_error(count: int) -> None:
    with pytest.raises(QueueError, match="at least 1") as raised:
        await Queue().dequeue_batch(count)
    assert kind_of(raised) is ErrorKind.VALIDATION


async def test_dequeue_gives_none_when_its_time_is_over() -> None:
    queue = Queue()
    assert await queue.dequeue(timeout=0.001) is None
    assert await queue.dequeue(timeout=0) is None
    assert await queue.dequeue_batch(timeout=0.001) == []
    queue.enqueue_nowait(1)
    assert await queue.dequeue(timeout=0) == 1


async def test_read_with_a_timeout_leaves_no_timer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue()
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []
    call_at = loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda *args: timers.append(call_at(*args)) or timers[-1])
    served, given_up = (asyncio.create_task(queue.dequeue(timeout=3600)) for _ in range(2))
    await tick()
    queue.enqueue_nowait(1)
    given_up.cancel()
    assert await served == 1
    await asyncio.wait([given_up])
    assert [timer.cancelled() for timer in timers] == [True, True]


async def test_dequeue_nowait_gives_none_when_there_is_nothing() -> None:
    queue = Queue()
    assert queue.dequeue_nowait() is None
    queue.enqueue_nowait(1)
    assert queue.dequeue_nowait() == 1
    assert queue.dequeue_nowait() is None


async def test_items_may_be_none_for_batches_and_iteration() -> None:
    queue = H2AQueue[int | None]()
    reader = asyncio.create_task(queue.dequeue_batch())
    await tick()
    await queue.enqueue_batch([None, 1, None])
    assert await reader == [None, 1, None]
    await queue.enqueue_batch([None, 2])
    queue.close()
    assert [item async for item in queue] == [None, 2]


async def test_single_reader_refuses_a_second_one_that_waits() -> None:
    queue = Queue(single_reader=True)
    first = asyncio.create_task(queue.dequeue())
    await tick()
    with pytest.raises(QueueError, match="single_reader") as raised:
        await queue.dequeue()
    assert kind_of(raised) is ErrorKind.VALIDATION
    queue.enqueue_nowait(1)
    assert await first == 1
    assert await queue.dequeue(timeout=0) is None


async def test_single_reader_may_be_followed_by_another_once_cancelled() -> None:
    queue = Queue(single_reader=True)
    first = asyncio.create_task(queue.dequeue())
    await tick()
    first.cancel()
    second = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    assert await second == 1


@pytest.mark.parametrize("max_size", [0, -5])
def test_bound_below_one_is_an_error(max_size: int) -> None:
    with pytest.raises(QueueError, match="at least 1") as raised:
        Queue(max_size=max_size)
    assert kind_of(raised) is ErrorKind.CONFIGURATION


def test_queue_of_another_loop_is_an_error() -> None:
    async def make() -> Queue:
        return Queue()

    async def use(queue: Queue) -> None:
        with pytest.raises(QueueError, match="another event loop") as raised:
            await queue.dequeue(timeout=0)
        assert kind_of(raised) is ErrorKind.CONFIGURATION

    asyncio.run(use(asyncio.run(make())))


@pytest.mark.parametrize("verb", ["dequeue", "enqueue", "dequeue_batch"])
def test_task_of_another_loop_that_would_wait_is_told_and_leaves_nothing_behind(verb: str) -> None:
    async def make() -> Queue:
        queue = Queue(max_size=1)
        if verb == "enqueue":
            queue.enqueue_nowait(1)
        return queue

    async def use(queue: Queue) -> None:
        with pytest.raises(QueueError, match="another event loop") as raised:
            await getattr(queue, verb)(*([2] if verb == "enqueue" else []))
        assert kind_of(raised) is ErrorKind.CONFIGURATION
        assert "readers" not in repr(queue)
        assert "writers" not in repr(queue)

    asyncio.run(use(asyncio.run(make())))


async def test_dequeue_gives_the_default_for_none() -> None:
    queue = H2AQueue[int | None]()
    queue.enqueue_nowait(None)
    assert await queue.dequeue(0, "nothing") is None
    assert await queue.dequeue(0, "nothing") == "nothing"
    queue.close()
    assert await queue.dequeue(None, "nothing") == "nothing"


def test_queue_works_without_a_loop_as_long_as_nobody_waits() -> None:
    queue = Queue(max_size=2)
    queue.enqueue_nowait(1)
    queue.close()
    assert queue.dequeue_nowait() == 1
    assert queue.status == "completed"


# -- flow --


async def test_paused_queue_takes_input_and_holds_its_readers() -> None:
    queue = Queue()
    waiting = asyncio.create_task(queue.dequeue())
    await tick()
    queue.pause()
    await queue.enqueue_batch([1, 2, 3])
    late = asyncio.create_task(queue.dequeue())
    await tick(3)
    assert not waiting.done()
    assert not late.done()
    assert queue.dequeue_nowait() is None
    assert await queue.dequeue_batch(timeout=0.001) == []
    queue.resume()
    assert await asyncio.gather(waiting, late) == [1, 2]
    assert queue.dequeue_nowait() == 3


async def test_reader_cancelled_as_the_queue_resumes_gives_its_item_to_the_next() -> None:
    queue = Queue()
    queue.pause()
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    queue.enqueue_nowait(1)
    queue.resume()
    readers[0].cancel()
    assert await readers[1] == 1


async def test_paused_full_queue_lets_writers_wait_until_it_resumes() -> None:
    queue = Queue(max_size=1)
    queue.pause()
    reader = asyncio.create_task(queue.dequeue())
    writer = asyncio.create_task(queue.enqueue_batch([1, 2]))
    await tick(3)
    assert not writer.done()
    queue.resume()
    assert await reader == 1
    assert await writer == 2
    assert await queue.dequeue() == 2


async def test_close_ends_a_pause() -> None:
    queue = Queue()
    queue.pause()
    queue.enqueue_nowait(1)
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    queue.close()
    assert await asyncio.gather(*readers) == [1, None]


# -- ending --


async def test_closed_queue_drains_and_then_ends_every_reader() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2])
    queue.close()
    queue.close()
    assert queue.status == "draining"
    assert [item async for item in queue] == [1, 2]
    assert queue.status == "completed"
    assert await queue.dequeue() is None
    assert await queue.dequeue_batch() == []


async def test_close_ends_waiting_readers() -> None:
    queue = Queue()

    async def collect() -> list[int]:
        return [item async for item in queue]

    readers = [asyncio.create_task(queue.dequeue()), asyncio.create_task(collect())]
    await tick()
    queue.close()
    assert await asyncio.gather(*readers) == [None, []]


async def test_closed_queue_takes_no_more_input() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    batch = asyncio.create_task(queue.enqueue_batch([3, 4]))
    await tick()
    queue.close()
    for blocked in (writer, batch, queue.enqueue(5), queue.enqueue_batch([6])):
        with pytest.raises(QueueError, match="no more items") as raised:
            await blocked
        assert kind_of(raised) is ErrorKind.CLOSED
        assert not raised.value.recoverable
    with pytest.raises(QueueError, match="no more items"):
        queue.enqueue_nowait(7)
    with pytest.raises(QueueError, match="no more items"):
        queue.enqueue_threadsafe(8)
    assert [item async for item in queue] == [1]


async def test_writer_whose_slot_was_granted_before_close_is_refused_too() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    assert queue.dequeue_nowait() == 1
    queue.close()
    with pytest.raises(QueueError, match="no more items"):
        await writer
    assert await queue.drain(0)
    assert queue.status == "completed"


async def test_failed_queue_gives_what_is_buffered_and_then_the_error_to_each_reader() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2])
    queue.fail(ConnectionError("gone"))
    assert await queue.dequeue() == 1
    assert queue.dequeue_nowait() == 2
    for read in (queue.dequeue, queue.dequeue_batch, queue.__anext__):
        with pytest.raises(ConnectionError, match="gone"):
            await read()
    with pytest.raises(ConnectionError, match="gone"):
        queue.dequeue_nowait()


async def test_fail_reaches_waiting_readers_and_blocked_writers() -> None:
    queue = Queue(max_size=1)
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    queue.fail(ConnectionError("gone"))
    results = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    with pytest.raises(QueueError) as raised:
        await queue.enqueue(1)
    assert isinstance(raised.value.__cause__, ConnectionError)


async def test_error_read_often_does_not_grow_a_traceback() -> None:
    queue = Queue()
    queue.fail(ConnectionError("gone"))
    depths = set()
    for _ in range(5):
        with pytest.raises(ConnectionError) as raised:
            await queue.dequeue()
        depths.add(len(raised.traceback))
    assert len(depths) == 1


async def test_drain_waits_until_readers_have_taken_everything() -> None:
    queue = Queue(max_size=1)
    assert await queue.drain()
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (1, 2)]
    await tick()
    drained = asyncio.create_task(queue.drain())
    await tick(3)
    for item in (1, 2):
        assert not drained.done()
        assert await queue.dequeue() == item
    assert await drained
    await asyncio.gather(*writers)
    assert queue.status == "active"


async def test_drain_gives_up_when_its_time_is_over() -> None:
    queue = Queue()
    queue.enqueue_nowait(1)
    assert not await queue.drain(timeout=0.001)
    assert queue.dequeue_nowait() == 1
    assert await queue.drain(timeout=0)


async def test_drain_waits_for_an_item_that_is_in_hands_only() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    assert not is_done_at_once(queue.drain())
    drained = asyncio.create_task(queue.drain())
    reader.cancel()
    await tick(3)
    assert not drained.done()
    assert queue.dequeue_nowait() == 1
    assert await drained


async def test_drain_waits_for_a_writer_that_has_only_its_slot() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    assert queue.dequeue_nowait() == 1
    assert not is_done_at_once(queue.drain())
    assert await writer
    assert queue.dequeue_nowait() == 2
    assert is_done_at_once(queue.drain())


async def test_dispose_throws_away_what_is_buffered_and_counts_it() -> None:
    queue = Queue(max_size=3)
    await queue.enqueue_batch([1, 2, 3])
    assert await queue.dequeue() == 1
    queue.enqueue_nowait(4)
    writer = asyncio.create_task(queue.enqueue(5))
    await tick()
    queue.dispose()
    with pytest.raises(QueueError, match="disposed"):
        await writer
    assert await queue.dequeue() is None
    stats = queue.get_stats()
    assert (stats.total_enqueued, stats.total_dequeued, stats.dropped_messages) == (4, 1, 3)


async def test_context_closes_the_queue() -> None:
    async with Queue() as queue:
        queue.enqueue_nowait(1)
    assert [item async for item in queue] == [1]


async def test_context_left_by_an_error_makes_the_queue_fail_with_it() -> None:
    queue = Queue()
    with pytest.raises(ConnectionError):
        async with queue:
            raise ConnectionError("gone")
    with pytest.raises(ConnectionError):
        await queue.dequeue()


async def test_context_left_by_a_cancel_just_closes() -> None:
    queue = Queue()

    async def hold() -> None:
        async with queue:
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await tick()
    holder.cancel()
    await asyncio.wait([holder])
    assert await queue.dequeue() is None


async def test_cleanups_run_once_in_order_when_the_last_item_is_out() -> None:
    queue = Queue()
    calls: list[str] = []
    queue.add_cleanup(lambda: calls.append("first"))
    queue.add_cleanup(lambda: calls.append("second"))
    queue.enqueue_nowait(1)
    queue.close()
    await tick(2)
    assert calls == []
    assert await queue.dequeue() == 1
    await tick()
    assert calls == ["first", "second"]
    queue.add_cleanup(lambda: calls.append("late"))
    queue.dispose()
    await tick(2)
    assert calls == ["first", "second", "late"]


async def test_cleanup_that_raises_costs_no_item_and_no_other_cleanup() -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    queue = Queue()
    calls: list[str] = []
    queue.add_cleanup(lambda: 1 // 0)
    queue.add_cleanup(lambda: calls.append("second"))
    queue.enqueue_nowait(1)
    queue.close()
    assert await queue.dequeue() == 1
    await tick(2)
    assert calls == ["second"]
    assert [type(error) for error in reported] == [ZeroDivisionError]


# -- looking --


async def test_stats_tell_what_happened_and_do_not_change() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2, 3])
    assert await queue.dequeue() == 1
    before = queue.get_stats()
    assert await queue.dequeue_batch() == [2, 3]
    assert (before.total_enqueued, before.total_dequeued, before.current_size) == (3, 1, 2)
    after = queue.get_stats()
    assert (after.total_enqueued, after.total_dequeued, after.current_size) == (3, 3, 0)
    assert after.max_size_seen == 3


async def test_largest_size_is_exact_whatever_the_order_of_reads_and_writes() -> None:
    queue = Queue()
    size = peak = 0
    for writes, reads in [(2, 1), (3, 0), (1, 4), (4, 0), (1, 3), (6, 9), (3, 3)]:
        for _ in range(writes):
            queue.enqueue_nowait(0)
            size += 1
            peak = max(peak, size)
        for _ in range(reads):
            queue.dequeue_nowait()
            size -= 1
        assert len(queue) == size
        assert queue.get_stats().max_size_seen == peak


async def test_repr_shows_the_state_at_a_glance() -> None:
    queue = Queue(max_size=2)
    await queue.enqueue_batch([1, 2])
    writer = asyncio.create_task(queue.enqueue(3))
    await tick()
    assert repr(queue) == "<H2AQueue active 2/2 block writers=1>"
    assert await queue.dequeue_batch(3) == [1, 2]
    await writer
    assert queue.max_size == 2
    assert repr(Queue(max_size=None)) == "<H2AQueue created 0 block>"
