"""Known ways to get a queue wrong, and the check that catches each.

A mutant is one line of the library, changed. Every check holds for the library as it is, and must fail for its
mutant: by an assertion, in a few ticks, never by a hang. What a mutant breaks is its name, and so it is the
name of the test that kills it.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import textwrap
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from h2a_queue import Backpressure, Coalesce, H2AQueue, Priority, PriorityH2AQueue, QueueError, StreamBuffer
from h2a_queue.buffers import DoubleBuffer
from h2a_queue.exchange import Exchange
from h2a_queue.inlet import Inlet
from h2a_queue.lifecycle import Lifecycle
from h2a_queue.priority import _PriorityBuffers
from h2a_queue.spool import Spool
from h2a_queue.stream_buffer import StreamReader
from h2a_queue.stream_manager import StreamBufferManager
from support.ticks import tick

Queue = H2AQueue[int]
ENOUGH = 10  # ticks after which whoever is to be served has been


async def settle(*tasks: asyncio.Task[Any]) -> list[object]:
    """What the tasks gave within a few ticks; a task that still waits says so."""
    await tick(ENOUGH)
    waiting: list[object] = []
    for task in tasks:
        if not task.done():
            waiting.append("still waiting")
            task.cancel()
        elif task.cancelled():
            waiting.append("cancelled")
        else:
            waiting.append(type(task.exception()) if task.exception() else task.result())
    await tick(2)
    return waiting


def rest_of(queue: H2AQueue[Any]) -> list[Any]:
    rest = []
    while (item := queue.dequeue_nowait()) is not None:
        rest.append(item)
    return rest


def add_up(queue: H2AQueue[Any]) -> None:
    stats = queue.get_stats()
    assert stats.total_enqueued == (
        stats.total_dequeued + stats.dropped_messages + stats.merged_messages + stats.current_size
    )
    assert stats.total_dequeued >= 0


# -- the checks --


async def cancelled_reader_leaves_its_item_first() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    for item in (1, 2):
        queue.enqueue_nowait(item)
    reader.cancel()
    assert await settle(reader) == ["cancelled"]
    assert rest_of(queue) == [1, 2]
    add_up(queue)


async def cancelled_reader_hands_its_item_on() -> None:
    queue = Queue()
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    queue.enqueue_nowait(1)
    readers[0].cancel()
    assert await settle(*readers) == ["cancelled", 1]


async def items_given_back_line_up_in_their_old_order() -> None:
    queue = Queue()
    readers = [queue.dequeue() for _ in range(3)]
    for reader in readers:
        reader.send(None)
    for item in (1, 2, 3):
        queue.enqueue_nowait(item)
    for reader in readers:  # first come, first back: the next would land in front of it
        reader.close()
    assert rest_of(queue) == [1, 2, 3]


async def order_holds_across_swaps() -> None:
    queue = Queue()
    await queue.enqueue_batch([1, 2, 3])
    assert await queue.dequeue() == 1
    await queue.enqueue_batch([4, 5])
    assert rest_of(queue) == [2, 3, 4, 5]
    await queue.enqueue_batch([6, 7, 8])
    assert await queue.dequeue_batch(2) == [6, 7]
    assert await queue.dequeue_batch() == [8]


async def dropped_items_are_counted() -> None:
    for policy, left in ((Backpressure.DROP_OLDEST, [2, 3]), (Backpressure.DROP_NEWEST, [1, 2])):
        queue = Queue(2, policy)
        for item in (1, 2, 3):
            queue.enqueue_nowait(item)
        assert queue.get_stats().dropped_messages == 1
        add_up(queue)
        assert rest_of(queue) == left
    queue = Queue()
    await queue.enqueue_batch([1, 2])
    queue.dispose()
    assert queue.get_stats().dropped_messages == 2
    add_up(queue)


async def merged_items_are_counted_and_never_overtake() -> None:
    queue = H2AQueue[str](1, Coalesce(lambda older, newer: older + newer))
    for text in "abc":
        queue.enqueue_nowait(text)
    assert queue.get_stats().merged_messages == 2
    add_up(queue)
    assert rest_of(queue) == ["abc"]
    readers = [queue.dequeue() for _ in range(2)]
    for reader in readers:
        reader.send(None)
    for text in "ab":
        queue.enqueue_nowait(text)
    readers[0].close()
    queue.enqueue_nowait("c")
    readers[1].close()
    assert "".join(rest_of(queue)) == "abc"


async def cancelled_writer_passes_its_slot_on() -> None:
    queue = Queue(1)
    queue.enqueue_nowait(0)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (1, 2)]
    await tick()
    assert queue.dequeue_nowait() == 0
    writers[0].cancel()
    assert await settle(*writers) == ["cancelled", True]
    assert rest_of(queue) == [2]
    assert queue.enqueue_nowait(3)


async def writer_that_needed_no_slot_passes_it_on() -> None:
    queue = Queue(1)
    queue.enqueue_nowait(0)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (1, 2)]
    await tick()
    reader = asyncio.create_task(queue.dequeue_batch(1))
    again = asyncio.create_task(queue.dequeue_batch(1))
    third = asyncio.create_task(queue.dequeue_batch(1))
    assert await settle(reader, again, third, *writers) == [[0], [1], [2], True, True]


async def granted_slot_is_nobody_elses() -> None:
    queue = Queue(1)
    queue.enqueue_nowait(0)
    writer = asyncio.create_task(queue.enqueue(1))
    await tick()
    assert queue.dequeue_nowait() == 0
    with pytest.raises(QueueError):
        queue.enqueue_nowait(2)
    assert await settle(writer) == [True]
    assert rest_of(queue) == [1]


async def those_who_wait_are_served_first_come_first_served() -> None:
    queue = Queue(1)
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(3)]
    await tick()
    for item in (1, 2, 3):
        queue.enqueue_nowait(item)
    assert await settle(*readers) == [1, 2, 3]
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(3)]
    await tick()
    writer = asyncio.create_task(queue.enqueue_batch([1, 2, 3]))
    assert await settle(*readers, writer) == [1, 2, 3, 3]
    queue.enqueue_nowait(0)
    writers = [asyncio.create_task(queue.enqueue(item)) for item in (1, 2, 3)]
    await tick()
    got = []
    for _ in range(4):
        got.append(queue.dequeue_nowait())
        await tick(2)
    assert got == [0, 1, 2, 3]
    await settle(*writers)


async def bound_holds_and_the_largest_size_is_known() -> None:
    queue = Queue(3)
    writer = asyncio.create_task(queue.enqueue_batch(range(20)))
    got: list[int | None] = []
    while len(got) < 20:
        await tick(2)
        assert len(queue) <= 3
        got.append(queue.dequeue_nowait())
        assert None not in got
    assert await settle(writer) == [20]
    assert queue.get_stats().max_size_seen == 3
    queue = Queue(10)
    await queue.enqueue_batch([1, 2])
    assert queue.dequeue_nowait() == 1
    await queue.enqueue_batch([3, 4])
    assert rest_of(queue) == [2, 3, 4]
    assert queue.get_stats().max_size_seen == 3


async def close_wakes_everybody_who_waits() -> None:
    queue = Queue()
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(2)]
    await tick()
    queue.close()
    assert await settle(*readers) == [None, None]
    queue = Queue(1)
    queue.enqueue_nowait(1)
    writer = asyncio.create_task(queue.enqueue(2))
    await tick()
    queue.close()
    assert await settle(writer) == [QueueError]
    assert rest_of(queue) == [1]


async def item_in_hands_keeps_a_closed_queue_from_ending() -> None:
    queue = Queue()
    first, second = (asyncio.create_task(queue.dequeue()) for _ in range(2))
    await tick()
    queue.enqueue_nowait(1)
    queue.close()
    assert queue.status == "draining"
    first.cancel()
    assert await settle(first, second) == ["cancelled", 1]
    assert queue.status == "completed"


async def failure_comes_after_what_is_buffered() -> None:
    queue = Queue()
    await queue.enqueue_batch([0, 1, 2])
    cleaned_up: list[int] = []
    queue.add_cleanup(lambda: cleaned_up.append(len(queue)))
    queue.fail(ConnectionError())
    await tick()
    assert cleaned_up == []
    assert queue.dequeue_nowait() == 0
    read = asyncio.create_task(queue.dequeue_batch(1))
    again = asyncio.create_task(queue.dequeue())
    end = asyncio.create_task(queue.dequeue())
    assert await settle(read, again, end) == [[1], 2, ConnectionError]


async def cancel_is_not_swallowed() -> None:
    for act in (lambda queue: queue.dequeue(), lambda queue: queue.dequeue_batch()):
        queue = Queue()
        reader = asyncio.create_task(act(queue))
        await tick()
        queue.enqueue_nowait(1)
        reader.cancel()
        assert await settle(reader) == ["cancelled"]


async def paused_queue_hands_nothing_out() -> None:
    queue = Queue()
    reader = asyncio.create_task(queue.dequeue())
    await tick()
    queue.pause()
    queue.enqueue_nowait(1)
    await tick(ENOUGH)
    assert not reader.done()
    assert queue.dequeue_nowait() is None
    queue.resume()
    assert await settle(reader) == [1]


async def bursts_of_a_thread_arrive_with_one_wake_up_each() -> None:
    queue = Queue()
    loop = asyncio.get_running_loop()
    wake, wake_ups = loop.call_soon_threadsafe, 0

    def counted(*args: Any) -> Any:
        nonlocal wake_ups
        wake_ups += 1
        return wake(*args)

    loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
    for burst in (1, 2):
        for item in range(5):
            queue.enqueue_threadsafe(item)
        await tick(3)
        assert rest_of(queue) == list(range(5))
        assert wake_ups == burst


async def close_takes_in_what_threads_have_left() -> None:
    queue = Queue(1)
    for item in range(3):
        queue.enqueue_threadsafe(item)
    await tick(2)
    queue.close()
    assert rest_of(queue) == [0, 1, 2]


async def undroppable_item_survives() -> None:
    queue = H2AQueue[str](2, Backpressure.DROP_OLDEST, undroppable=str.isupper)
    for item in ("A", "b", "c"):
        queue.enqueue_nowait(item)
    assert rest_of(queue) == ["A", "c"]
    for policy in Backpressure:
        queue = H2AQueue[str](1, policy, undroppable=str.isupper)
        queue.enqueue_nowait("a")
        assert queue.enqueue_nowait("B")
        assert rest_of(queue) == ["a", "B"]


async def urgent_comes_first_and_is_not_dropped() -> None:
    queue = PriorityH2AQueue[Priority](1, Backpressure.DROP_OLDEST, priority_of=lambda item: item)
    queue.enqueue_nowait(Priority.URGENT)
    assert not queue.enqueue_nowait(Priority.LOW)
    assert rest_of(queue) == [Priority.URGENT]
    queue = PriorityH2AQueue[Priority](priority_of=lambda item: item)
    for item in (Priority.LOW, Priority.HIGH, Priority.NORMAL):
        queue.enqueue_nowait(item)
    assert rest_of(queue) == [Priority.HIGH, Priority.NORMAL, Priority.LOW]


async def illegal_transition_changes_nothing() -> None:
    queue = Queue()
    queue.close()
    with pytest.raises(QueueError):
        queue.pause()
    assert queue.status == "completed"


async def cancelled_stream_reader_has_not_moved() -> None:
    with StreamBuffer[str]() as buffer:
        reader = buffer.reader()
        task = asyncio.create_task(anext(reader))
        await tick()
        buffer.append("a")
        task.cancel()
        assert await settle(task) == ["cancelled"]
        assert reader.read_nowait(2) == ["a"]


async def stream_reads_back_what_was_written_out() -> None:
    with StreamBuffer[str](memory_bytes=1024) as buffer:
        texts = [f"{number}:" + "x" * (number % 90) for number in range(600)]
        for text in texts:
            buffer.append(text)
            assert buffer.memory_bytes <= 1024
        for cursor in (0, 300, 599):
            assert buffer.reader(cursor).read_nowait(1000) == texts[cursor:]


async def stream_wakes_its_readers() -> None:
    with StreamBuffer[str]() as buffer:
        waiting = asyncio.create_task(anext(buffer.reader()))
        await tick()
        buffer.append("a")
        assert await settle(waiting) == ["a"]
        ended = asyncio.create_task(anext(buffer.reader(1), "end"))
        await tick()
        buffer.complete()
        assert await settle(ended) == ["end"]


async def running_stream_is_not_evicted() -> None:
    now = 0.0
    with StreamBufferManager[str](keep_s=1, keep_bytes=0, clock=lambda: now) as streams:
        streams.open("run").append("a")
        now = 100.0
        assert streams.evict() == []
        streams["run"].complete()
        assert streams.evict() == ["run"]


# -- the mutants --


@dataclass(frozen=True)
class Mutant:
    name: str
    owner: type
    method: str
    line: str
    """A piece of the method's source, which must be there once."""
    changed: str
    check: Callable[[], Awaitable[None]]


MUTANTS = [
    Mutant(
        "naive hand-over, cancelled reader's item lost",
        Exchange,
        "_give_back",
        "self._buffers.give_back(place, item)",
        "pass",
        cancelled_reader_leaves_its_item_first,
    ),
    Mutant(
        "requeue at the back",
        DoubleBuffer,
        "give_back",
        "self.read.insert(len(self.read) - above, item)",
        "self.write.append(item)",
        cancelled_reader_leaves_its_item_first,
    ),
    Mutant(
        "requeue in front, whatever the order of hand-overs",
        DoubleBuffer,
        "give_back",
        "self.read.insert(len(self.read) - above, item)",
        "self.read.append(item)",
        items_given_back_line_up_in_their_old_order,
    ),
    Mutant(
        "requeue past a reader that waits",
        Exchange,
        "_give_back",
        "not self._life.paused and self._hand_over(item, place)",
        "False",
        cancelled_reader_hands_its_item_on,
    ),
    Mutant(
        "swap without order",
        DoubleBuffer,
        "swap",
        "write.reverse()",
        "pass",
        order_holds_across_swaps,
    ),
    Mutant(
        "batch takes from the wrong end",
        DoubleBuffer,
        "take",
        "batch = read[: -count - 1 : -1]",
        "batch = read[:count]",
        order_holds_across_swaps,
    ),
    Mutant(
        "drop oldest without count",
        DoubleBuffer,
        "shed_for",
        "self.dropped += 1",
        "pass",
        dropped_items_are_counted,
    ),
    Mutant(
        "drop newest without count",
        DoubleBuffer,
        "refuse",
        "self.dropped += 1",
        "pass",
        dropped_items_are_counted,
    ),
    Mutant(
        "dispose without count",
        DoubleBuffer,
        "clear",
        "self.dropped += len(self)",
        "pass",
        dropped_items_are_counted,
    ),
    Mutant(
        "merge without count",
        DoubleBuffer,
        "merge_newest",
        "self.merged += 1",
        "pass",
        merged_items_are_counted_and_never_overtake,
    ),
    Mutant(
        "merge into an item given back",
        DoubleBuffer,
        "merge_newest",
        "self._bottom == 0",
        "False",
        merged_items_are_counted_and_never_overtake,
    ),
    Mutant(
        "slot not passed on when its writer is cancelled",
        Exchange,
        "_wait_for_slot",
        "self._grant_slots()",
        "pass",
        cancelled_writer_passes_its_slot_on,
    ),
    Mutant(
        "slot kept for ever when its writer is cancelled",
        Exchange,
        "_wait_for_slot",
        "if writer.result():",
        "if not writer.result():",
        cancelled_writer_passes_its_slot_on,
    ),
    Mutant(
        "slot not passed on when it was not needed",
        H2AQueue,
        "enqueue",
        "self._grant_slots()",
        "pass",
        writer_that_needed_no_slot_passes_it_on,
    ),
    Mutant(
        "slot taken by a writer that does not wait",
        Exchange,
        "_has_slot_for",
        "self._max_size - self._granted",
        "self._max_size",
        granted_slot_is_nobody_elses,
    ),
    Mutant(
        "last reader served first",
        Exchange,
        "_hand_over",
        "readers.popleft()",
        "readers.pop()",
        those_who_wait_are_served_first_come_first_served,
    ),
    Mutant(
        "last reader served first, on the fast path",
        H2AQueue,
        "enqueue",
        "direct.popleft()",
        "direct.pop()",
        those_who_wait_are_served_first_come_first_served,
    ),
    Mutant(
        "last writer served first",
        Exchange,
        "_grant_slots",
        "writers.popleft()",
        "writers.pop()",
        those_who_wait_are_served_first_come_first_served,
    ),
    Mutant(
        "bound ignored by the shortcut",
        DoubleBuffer,
        "_measure",
        "self.room = limit",
        "self.room = limit + 1",
        bound_holds_and_the_largest_size_is_known,
    ),
    Mutant(
        "largest size missed while both buffers are in use",
        DoubleBuffer,
        "_grown",
        "self._peak = size",
        "pass",
        bound_holds_and_the_largest_size_is_known,
    ),
    Mutant(
        "close forgets the readers that wait",
        Exchange,
        "_settle",
        "look_again(reader)",
        "pass",
        close_wakes_everybody_who_waits,
    ),
    Mutant(
        "close forgets the writers that wait",
        H2AQueue,
        "_end",
        "writer.set_result(False)",
        "pass",
        close_wakes_everybody_who_waits,
    ),
    Mutant(
        "closed queue ends while an item is in hands",
        Exchange,
        "_is_over",
        " and not self._in_hands()",
        "",
        item_in_hands_keeps_a_closed_queue_from_ending,
    ),
    Mutant(
        "closed queue ends while items are buffered",
        Exchange,
        "_is_over",
        " and not len(self._buffers)",
        "",
        failure_comes_after_what_is_buffered,
    ),
    Mutant(
        "failure hides what is buffered",
        H2AQueue,
        "dequeue_nowait",
        "not self._nothing_to_take()",
        "self._failure is None and not self._nothing_to_take()",
        failure_comes_after_what_is_buffered,
    ),
    Mutant(
        "cancel swallowed",
        H2AQueue,
        "dequeue",
        "            raise\n",
        "            return default\n",
        cancel_is_not_swallowed,
    ),
    Mutant(
        "pause ignored by the fast path",
        Exchange,
        "_put",
        " and not self._life.paused",
        "",
        paused_queue_hands_nothing_out,
    ),
    Mutant(
        "pause ignored by readers",
        Exchange,
        "_nothing_to_take",
        " or self._life.paused",
        "",
        paused_queue_hands_nothing_out,
    ),
    Mutant(
        "one wake-up per item of a thread",
        Inlet,
        "_make_sure",
        "self._woken = True",
        "pass",
        bursts_of_a_thread_arrive_with_one_wake_up_each,
    ),
    Mutant(
        "second burst of a thread never wakes the loop",
        Inlet,
        "_arrived",
        "self._woken = False",
        "pass",
        bursts_of_a_thread_arrive_with_one_wake_up_each,
    ),
    Mutant(
        "close loses what threads have left",
        H2AQueue,
        "_end",
        "self._put(item)",
        "pass",
        close_takes_in_what_threads_have_left,
    ),
    Mutant(
        "undroppable item dropped",
        DoubleBuffer,
        "_shed_oldest_loose",
        "if not keep(read[index]):",
        "if True:",
        undroppable_item_survives,
    ),
    Mutant(
        "undroppable item refused",
        DoubleBuffer,
        "exempt",
        "return self._keep is not None and self._keep(item)",
        "return False",
        undroppable_item_survives,
    ),
    Mutant(
        "urgent item dropped for a lesser one",
        _PriorityBuffers,
        "shed_for",
        "self._lanes[: self._priority_of(item) + 1]",
        "self._lanes",
        urgent_comes_first_and_is_not_dropped,
    ),
    Mutant(
        "least important first",
        _PriorityBuffers,
        "pop",
        "reversed(self._lanes)",
        "self._lanes",
        urgent_comes_first_and_is_not_dropped,
    ),
    Mutant(
        "illegal transition made before it is refused",
        Lifecycle,
        "apply",
        "if after is None:",
        "if after is None and not setattr(self, 'status', QueueStatus.PAUSED):",
        illegal_transition_changes_nothing,
    ),
    Mutant(
        "stream reader moves before it waits",
        StreamReader,
        "__anext__",
        "await tape.news()",
        "self._number += 1; await tape.news()",
        cancelled_stream_reader_has_not_moved,
    ),
    Mutant(
        "stream written out at the wrong place",
        Spool,
        "_write_out",
        "piece, self._base)",
        "piece, self._base + 1)",
        stream_reads_back_what_was_written_out,
    ),
    Mutant(
        "stream kept in memory without a bound",
        Spool,
        "append",
        "> self._memory_bytes",
        "> 10**9",
        stream_reads_back_what_was_written_out,
    ),
    Mutant(
        "stream does not wake its readers at an item",
        StreamBuffer,
        "append",
        "tape.tell()",
        "pass",
        stream_wakes_its_readers,
    ),
    Mutant(
        "stream does not wake its readers at the end",
        StreamBuffer,
        "_finish",
        "self._tape.tell()",
        "pass",
        stream_wakes_its_readers,
    ),
    Mutant(
        "running stream evicted",
        StreamBufferManager,
        "evict",
        "if buffer.finished",
        "if True",
        running_stream_is_not_evicted,
    ),
]
CHECKS = list(dict.fromkeys(mutant.check for mutant in MUTANTS))


def breed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the changed method in the place of the real one."""
    source = textwrap.dedent(inspect.getsource(getattr(mutant.owner, mutant.method)))
    assert source.count(mutant.line) == 1, "the library has changed; change the mutant with it"
    scope = dict(vars(sys.modules[mutant.owner.__module__]))
    exec(source.replace(mutant.line, mutant.changed), scope)
    monkeypatch.setattr(mutant.owner, mutant.method, scope[mutant.method])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_library_as_it_is_passes_the_check(check: Callable[[], Awaitable[None]]) -> None:
    await check()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
async def test_mutant_is_killed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    breed(mutant, monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception, QueueError)):
        async with asyncio.timeout(10):
            await mutant.check()
    await tick(ENOUGH)
