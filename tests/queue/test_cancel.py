"""Cancelling a reader or a writer, at every tick, beside every other verb: nothing lost, nothing doubled.

First the stories whose ends differ, told one by one; then all pairs, swept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import product
from typing import Any

import pytest

from h2a_queue import Backpressure, Coalesce, H2AQueue, Priority, PriorityH2AQueue, QueueError
from support.ticks import WAYS, Scene, later, sweep, tick

Queue = H2AQueue[int]


def rest_of(queue: Queue) -> list[int]:
    """What is in the buffers, oldest first."""
    items = []
    while (item := queue.dequeue_nowait()) is not None:
        items.append(item)
    return items


async def cancelled(task: asyncio.Task[Any]) -> bool:
    """Let a task end, and say whether it ended by its cancel."""
    await asyncio.wait([task])
    return task.cancelled()


# -- a cancelled reader gives back what it was handed --


async def test_reader_cancelled_in_the_tick_of_the_hand_over_leaves_the_item() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    reader.cancel()
    assert await cancelled(reader)
    assert rest_of(queue) == [1]


async def test_item_given_back_goes_to_the_next_waiting_reader() -> None:
    queue = Queue()
    first, second = (asyncio.create_task(queue.dequeue()) for _ in range(2))
    await tick()
    queue.enqueue_nowait(1)
    first.cancel()
    assert await cancelled(first)
    assert await second == 1
    assert len(queue) == 0


async def test_item_given_back_goes_in_front_of_what_was_written_after_it() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    for item in (1, 2, 3):
        queue.enqueue_nowait(item)
    reader.cancel()
    assert await cancelled(reader)
    assert rest_of(queue) == [1, 2, 3]


async def test_item_given_back_goes_in_front_of_the_read_buffer_too() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    for item in (1, 2, 3, 4):
        queue.enqueue_nowait(item)
    assert queue.dequeue_nowait() == 2  # a swap: 3 and 4 are in the read buffer
    reader.cancel()
    assert await cancelled(reader)
    queue.enqueue_nowait(5)
    assert rest_of(queue) == [1, 3, 4, 5]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 0, 1)])
async def test_items_given_back_in_any_order_line_up_as_they_were_handed_over(order: tuple[int, ...]) -> None:
    """The loop may wake cancelled readers in any order; the coroutines are closed in that order here."""
    queue = Queue()
    readers = [queue.dequeue() for _ in range(3)]
    for reader in readers:
        reader.send(None)
    for item in (1, 2, 3, 4):
        queue.enqueue_nowait(item)
    for i in order:
        readers[i].close()
    assert rest_of(queue) == [1, 2, 3, 4]


async def test_items_given_back_line_up_though_one_was_taken_again_meanwhile() -> None:
    queue = Queue()
    readers = [queue.dequeue() for _ in range(3)]
    for reader in readers:
        reader.send(None)
    for item in (1, 2, 3, 4):
        queue.enqueue_nowait(item)
    readers[0].close()
    readers[2].close()
    assert queue.dequeue_nowait() == 1
    readers[1].close()
    assert rest_of(queue) == [2, 3, 4]


async def test_items_given_back_before_a_swap_do_not_mislead_those_after_it() -> None:
    queue = Queue()
    readers = [queue.dequeue() for _ in range(2)]
    for reader in readers:
        reader.send(None)
    for item in (1, 2):
        queue.enqueue_nowait(item)
    readers[0].close()
    assert queue.dequeue_nowait() == 1
    for item in (3, 4, 5):
        queue.enqueue_nowait(item)
    assert queue.dequeue_nowait() == 3
    readers[1].close()
    assert rest_of(queue) == [2, 4, 5]


async def test_item_given_back_to_a_paused_queue_stays_until_it_resumes() -> None:
    queue = Queue()
    first, second = (asyncio.create_task(queue.dequeue()) for _ in range(2))
    await tick()
    queue.enqueue_nowait(1)
    queue.pause()
    first.cancel()
    assert await cancelled(first)
    await tick(2)
    assert not second.done()
    assert len(queue) == 1
    queue.resume()
    assert await second == 1


async def test_item_given_back_to_a_disposed_queue_is_dropped_and_counted() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    queue.dispose()
    reader.cancel()
    assert await cancelled(reader)
    assert await queue.dequeue() is None
    assert queue.get_stats().dropped_messages == 1


async def test_item_handed_on_keeps_its_place_when_it_comes_back_again() -> None:
    queue = Queue()
    readers = [queue.dequeue() for _ in range(3)]
    for reader in readers:
        reader.send(None)
    queue.enqueue_nowait(1)
    queue.enqueue_nowait(2)
    readers[0].close()  # 1 goes to the third reader, which now holds an older item than the second
    readers[1].close()
    readers[2].close()
    assert rest_of(queue) == [1, 2]


async def test_closed_coroutine_of_a_waiting_reader_leaves_the_line() -> None:
    queue = Queue()
    reader = queue.dequeue()
    reader.send(None)
    reader.close()
    queue.enqueue_nowait(1)
    assert rest_of(queue) == [1]


async def test_item_given_back_after_close_still_comes_out_before_the_end() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.enqueue_nowait(1)
    queue.close()
    assert queue.status == "draining"
    reader.cancel()
    assert await cancelled(reader)
    assert queue.status == "draining"
    assert [item async for item in queue] == [1]
    assert queue.status == "completed"


async def test_second_reader_waits_past_close_for_the_item_the_first_may_give_back() -> None:
    queue = Queue()
    first, second = (asyncio.create_task(queue.dequeue()) for _ in range(2))
    await tick()
    queue.enqueue_nowait(1)
    queue.close()
    first.cancel()
    assert await second == 1


async def test_coalesce_does_not_merge_into_an_item_given_back_while_older_ones_may_follow() -> None:
    queue = H2AQueue[str](max_size=1, backpressure=Coalesce(lambda a, b: a + b))
    readers = [queue.dequeue() for _ in range(2)]
    for reader in readers:
        reader.send(None)
    queue.enqueue_nowait("a")
    queue.enqueue_nowait("b")
    readers[0].close()
    queue.enqueue_nowait("c")
    readers[1].close()
    assert "".join(await queue.dequeue_batch()) == "abc"


async def test_squeeze_leaves_items_given_back_in_their_places() -> None:
    queue = H2AQueue[str](max_size=3, backpressure=Coalesce(lambda a, b: None if "|" in b else a + b))
    readers = [queue.dequeue() for _ in range(2)]
    for reader in readers:
        reader.send(None)
    for text in ("a", "b", "c", "d"):
        queue.enqueue_nowait(text)
    readers[0].close()
    queue.enqueue_nowait("|")
    readers[1].close()
    assert "".join(await queue.dequeue_batch()) == "abcd|"


# -- a cancelled writer has written nothing --


async def test_blocked_writer_cancelled_has_written_nothing() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    writer.cancel()
    assert await cancelled(writer)
    assert rest_of(queue) == [1]


async def test_writer_cancelled_with_its_slot_granted_passes_the_slot_on() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    first, second = (asyncio.create_task(queue.enqueue(item)) for item in (2, 3))
    await tick()
    assert queue.dequeue_nowait() == 1  # grants the slot to the first
    first.cancel()
    assert await cancelled(first)
    assert await second
    assert rest_of(queue) == [3]


async def test_granted_slot_is_not_taken_by_a_writer_that_does_not_wait() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    assert queue.dequeue_nowait() == 1
    with pytest.raises(QueueError, match="full"):
        queue.enqueue_nowait(3)
    assert await writer
    assert rest_of(queue) == [2]


async def test_writer_whose_item_goes_straight_to_a_reader_passes_its_slot_on() -> None:
    """The slot was granted, and then not needed: the next writer must not wait for ever."""
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (2, 3)]
    await tick()
    assert await queue.dequeue() == 1
    async with asyncio.timeout(5):
        assert await queue.dequeue() == 2
        assert await queue.dequeue() == 3
    await asyncio.gather(*writers)


async def test_writers_that_gave_up_leave_the_line_at_once() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    task, coroutine = asyncio.create_task(queue.enqueue(2)), queue.enqueue(3)
    coroutine.send(None)
    await tick()
    assert "writers=2" in repr(queue)
    task.cancel()
    coroutine.close()
    assert await cancelled(task)
    assert "writers" not in repr(queue)
    assert rest_of(queue) == [1]
    queue.enqueue_nowait(4)
    assert rest_of(queue) == [4]


async def test_batch_cancelled_while_it_waits_keeps_what_went_in_before() -> None:
    queue = Queue(max_size=2)
    writer = asyncio.create_task(queue.enqueue_batch([1, 2, 3]))
    await tick()
    writer.cancel()
    assert await cancelled(writer)
    assert rest_of(queue) == [1, 2]


# -- the history of others --


async def test_bpo_23812_put_then_cancel_of_get_loses_nothing() -> None:
    queue = Queue()
    got: list[int] = []

    async def read() -> None:
        while True:
            got.extend(await queue.dequeue_batch())

    for item in range(20):
        reader = asyncio.create_task(read())
        await tick(item % 3)
        queue.enqueue_nowait(item)
        reader.cancel()
        await cancelled(reader)
    assert got + rest_of(queue) == list(range(20))


async def test_asyncio_201_and_343_timeout_around_a_read_leaves_the_item() -> None:
    queue = Queue()
    loop = asyncio.get_running_loop()

    async def read_in_no_time() -> None:
        async with asyncio.timeout(None) as scope:
            loop.call_soon(queue.enqueue_nowait, 1)
            scope.reschedule(loop.time())  # in the same tick, after the item
            await queue.dequeue()

    with pytest.raises(TimeoutError):
        await read_in_no_time()
    assert rest_of(queue) == [1]


async def test_asyncio_269_cancelled_writers_do_not_starve_the_one_behind_them() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(0)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in range(1, 6)]
    await tick()
    assert await queue.dequeue() == 0
    for writer in writers[:4]:
        writer.cancel()
    await asyncio.wait(writers)
    assert rest_of(queue) == [5]


async def test_bpo_31620_polling_with_a_timeout_leaves_no_waiters_behind() -> None:
    queue = Queue()
    for _ in range(50):
        assert await queue.dequeue(timeout=1e-6) is None
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await queue.dequeue()
    assert "readers" not in repr(queue)


async def test_gh_86296_cancel_in_the_tick_of_the_result_is_not_eaten() -> None:
    queue = Queue()

    async def read_twice() -> None:
        await queue.dequeue(timeout=60)
        await queue.dequeue(timeout=60)

    reader = asyncio.create_task(read_twice())
    await tick()
    queue.enqueue_nowait(1)
    reader.cancel()
    assert await cancelled(reader)
    assert rest_of(queue) == [1]


async def test_cancelled_writer_whose_future_is_done_by_close_stays_cancelled() -> None:
    queue = Queue(max_size=1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    queue.close()
    writer.cancel()
    assert await cancelled(writer)
    assert rest_of(queue) == [1]


# -- every pair --

VICTIMS: dict[str, Callable[[Queue], Coroutine[Any, Any, Any]]] = {
    "dequeue": lambda queue: queue.dequeue(),
    "dequeue with timeout": lambda queue: queue.dequeue(timeout=60),
    "anext": lambda queue: queue.__anext__(),
    "dequeue_batch": lambda queue: queue.dequeue_batch(2),
    "enqueue": lambda queue: queue.enqueue(100),
    "enqueue_batch": lambda queue: queue.enqueue_batch([100, 101, 102]),
    "drain": lambda queue: queue.drain(),
}


class Ledger:
    """A queue's other actors, who write down what they put in and what they got."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.put: list[int] = []
        self.got: list[int] = []

    async def write(self, *items: int) -> None:
        for item in items:
            try:
                if await self.queue.enqueue(item):
                    self.put.append(item)
            except QueueError:
                return

    def write_now(self, *items: int) -> None:
        for item in items:
            try:
                if self.queue.enqueue_nowait(item):
                    self.put.append(item)
            except QueueError:
                return

    async def read(self, count: int) -> None:
        for _ in range(count):
            if (item := await self.queue.dequeue()) is not None:
                self.got.append(item)

    def read_now(self, count: int) -> None:
        for _ in range(count):
            if (item := self.queue.dequeue_nowait()) is not None:
                self.got.append(item)

    async def read_batch(self) -> None:
        self.got += await self.queue.dequeue_batch()


OTHERS: dict[str, Callable[[Ledger], object]] = {
    "enqueue": lambda ledger: ledger.write(1, 2),
    "enqueue_nowait": lambda ledger: ledger.write_now(1, 2, 3),
    "dequeue": lambda ledger: ledger.read(2),
    "dequeue_nowait": lambda ledger: ledger.read_now(2),
    "dequeue_batch": lambda ledger: ledger.read_batch(),
    "enqueue_threadsafe": lambda ledger: _leave(ledger, 1),
    "close": lambda ledger: ledger.queue.close(),
    "pause": lambda ledger: ledger.queue.pause(),
    "write, then close": lambda ledger: (ledger.write_now(1), ledger.queue.close()),
    "write, then pause": lambda ledger: (ledger.write_now(1), ledger.queue.pause()),
}


def _leave(ledger: Ledger, item: int) -> None:
    ledger.queue.enqueue_threadsafe(item)
    ledger.put.append(item)


def make_scene(victim: str, first: str, second: str, filled: int, delay: int, queue: Queue) -> Scene:
    ledger = Ledger(queue)
    ledger.write_now(*range(-filled, 0))
    others = [later(0, partial(OTHERS[first], ledger)), later(delay, partial(OTHERS[second], ledger))]

    async def check(outcome: object) -> None:
        if queue.status == "paused":
            queue.resume()
            await tick(3)
        rest = rest_of(queue)
        await tick(3)
        rest += rest_of(queue)
        got, put = list(ledger.got), list(ledger.put)
        if victim.startswith(("dequeue", "anext")):
            if isinstance(outcome, list):
                got += outcome
            elif isinstance(outcome, int):
                got.append(outcome)
        elif victim == "enqueue":
            put += [100] if outcome is True else []
        elif victim == "enqueue_batch":
            inside = sorted(item for item in got + rest if item >= 100)
            assert inside == [100, 101, 102][: len(inside)]
            assert outcome != 3 or len(inside) == 3
            put += inside
        assert sorted(got + rest) == sorted(put)
        stats = queue.get_stats()
        assert stats.total_enqueued == len(put)
        assert stats.total_dequeued == len(put)

    return Scene(
        f"{victim} / {first} / {second} after {delay}, {filled} filled", VICTIMS[victim](queue), others, check
    )


def legal_pairs() -> list[tuple[str, str]]:
    """All pairs of verbs but those in which the second is an illegal transition."""
    return [
        (first, second)
        for first in OTHERS
        for second in OTHERS
        if "pause" not in second or not ("pause" in first or "close" in first)
    ]


@pytest.mark.parametrize("victim", VICTIMS)
async def test_cancel_at_every_tick_beside_every_pair_of_verbs_loses_and_doubles_nothing(victim: str) -> None:
    plays = 0
    for (first, second), filled, delay in product(legal_pairs(), (0, 2), (0, 1)):
        scene = partial(make_scene, victim, first, second, filled, delay)
        plays += await sweep(lambda scene=scene: scene(Queue(max_size=2)), WAYS[:1] if delay else WAYS)
    assert plays > 500


@pytest.mark.parametrize("victim", VICTIMS)
async def test_cancel_at_every_tick_of_a_priority_queue_loses_and_doubles_nothing(victim: str) -> None:
    def priority(item: int) -> Priority:
        return Priority(item % 3)

    for second in OTHERS:
        scene = partial(make_scene, victim, "enqueue_nowait", second, 0, 1)
        await sweep(lambda scene=scene: scene(PriorityH2AQueue(2, priority_of=priority)))


@pytest.mark.parametrize("at", range(4))
async def test_cancelled_reader_keeps_the_order_for_the_next_reader_at_every_tick(at: int) -> None:
    queue = Queue(max_size=3, backpressure=Backpressure.BLOCK)
    got: list[int] = []

    async def read() -> None:
        while (item := await queue.dequeue()) is not None:
            got.append(item)

    async def write() -> None:
        for item in range(12):
            await queue.enqueue(item)

    writer = asyncio.create_task(write())
    while not (writer.done() and not len(queue)):
        reader = asyncio.create_task(read())
        await tick(at)
        reader.cancel()
        await cancelled(reader)
        if at < 1:
            queue.pause()
            queue.resume()
            got += rest_of(queue)
    assert got == list(range(12))


async def test_sweep_itself_finds_the_loss_of_a_naive_hand_over() -> None:
    """A queue that keeps nothing back must fail the same check."""

    class Naive(Queue):
        def _give_back(self, place: int, item: int) -> None:
            self._in_hands -= 1

    with pytest.raises(AssertionError):
        await sweep(
            lambda: make_scene("dequeue", "enqueue_nowait", "dequeue_nowait", 0, 0, Naive(max_size=2))
        )
