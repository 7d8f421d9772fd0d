"""What a full queue does, policy by policy, and that nothing goes uncounted."""

from __future__ import annotations

import asyncio

import pytest

from h2a_queue import Backpressure, Coalesce, ErrorKind, H2AQueue, QueueError
from support.ticks import tick

Queue = H2AQueue[int]


def counts(queue: H2AQueue[str] | Queue) -> tuple[int, int, int, int, int]:
    """Enqueued, dequeued, dropped, merged, current; their sum is checked on the way."""
    stats = queue.get_stats()
    numbers = (
        stats.total_enqueued,
        stats.total_dequeued,
        stats.dropped_messages,
        stats.merged_messages,
        stats.current_size,
    )
    assert numbers[0] == sum(numbers[1:])
    return numbers


async def test_drop_oldest_keeps_the_newest_and_counts_what_went() -> None:
    queue = Queue(max_size=3, backpressure=Backpressure.DROP_OLDEST)
    assert [queue.enqueue_nowait(item) for item in range(5)] == [True] * 5
    assert counts(queue) == (5, 0, 2, 0, 3)
    assert await queue.enqueue_batch([5, 6]) == 2
    assert await queue.dequeue_batch() == [4, 5, 6]
    assert counts(queue) == (7, 3, 4, 0, 0)


async def test_drop_oldest_drops_from_the_read_buffer_first() -> None:
    queue = Queue(max_size=3, backpressure=Backpressure.DROP_OLDEST)
    await queue.enqueue_batch([0, 1, 2])
    assert await queue.dequeue() == 0  # 1 and 2 are in the read buffer now
    await queue.enqueue_batch([3, 4])
    assert await queue.dequeue_batch() == [2, 3, 4]


async def test_drop_newest_says_so_and_counts_it() -> None:
    queue = Queue(max_size=2, backpressure=Backpressure.DROP_NEWEST)
    assert [queue.enqueue_nowait(item) for item in range(3)] == [True, True, False]
    assert await queue.enqueue(3) is False
    assert await queue.enqueue_batch([4, 5]) == 0
    assert counts(queue) == (6, 0, 4, 0, 2)
    assert await queue.dequeue_batch() == [0, 1]


async def test_error_refuses_and_counts_nothing() -> None:
    queue = Queue(max_size=2, backpressure=Backpressure.ERROR)
    with pytest.raises(QueueError, match="full") as raised:
        await queue.enqueue_batch([0, 1, 2])
    assert raised.value.kind is ErrorKind.OVERFLOW
    assert raised.value.context == {"size": 2, "accepted": 2}
    with pytest.raises(QueueError, match="full"):
        await queue.enqueue(3)
    assert counts(queue) == (2, 0, 0, 0, 2)


@pytest.mark.parametrize("policy", Backpressure)
async def test_no_policy_acts_while_a_reader_waits(policy: Backpressure) -> None:
    queue = Queue(max_size=1, backpressure=policy)
    readers = [asyncio.create_task(queue.dequeue()) for _ in range(3)]
    await tick()
    assert [queue.enqueue_nowait(item) for item in range(4)] == [True] * 4
    assert await asyncio.gather(*readers) == [0, 1, 2]
    assert counts(queue) == (4, 3, 0, 0, 1)


# -- coalesce --


def join(older: str, newer: str) -> str | None:
    """Merge words of one case only."""
    return older + newer if older.isupper() == newer.isupper() else None


async def test_coalesce_merges_the_newcomer_into_the_newest_when_full() -> None:
    queue = H2AQueue(max_size=2, backpressure=Coalesce(join))
    for text in "abcd":
        queue.enqueue_nowait(text)
    assert counts(queue) == (4, 0, 0, 2, 2)
    assert await queue.dequeue_batch() == ["a", "bcd"]


async def test_coalesce_merges_into_the_newest_of_the_read_buffer_too() -> None:
    queue = H2AQueue(max_size=2, backpressure=Coalesce(join))
    await queue.enqueue_batch(["a", "b", "c"])
    assert await queue.dequeue() == "a"
    assert queue.max_size == 2
    await queue.enqueue_batch(["X", "d", "e"])
    assert await queue.dequeue_batch() == ["bc", "X", "de"]


async def test_coalesce_squeezes_neighbours_when_the_newcomer_does_not_merge() -> None:
    queue = H2AQueue(max_size=4, backpressure=Coalesce(join))
    for text in ("a", "b", "C", "D", "e"):
        queue.enqueue_nowait(text)
    assert counts(queue) == (5, 0, 0, 2, 3)
    assert await queue.dequeue_batch() == ["ab", "CD", "e"]


async def test_coalesce_squeezes_across_both_buffers() -> None:
    queue = H2AQueue(max_size=4, backpressure=Coalesce(join))
    await queue.enqueue_batch(["A", "b", "c"])
    assert await queue.dequeue() == "A"
    await queue.enqueue_batch(["d", "E", "f"])
    assert await queue.dequeue_batch() == ["bcd", "E", "f"]


async def test_coalesce_takes_what_does_not_merge_above_the_bound() -> None:
    queue = H2AQueue(max_size=2, backpressure=Coalesce[str](lambda older, newer: None))
    assert await queue.enqueue_batch(list("abcdef")) == 6
    assert counts(queue) == (6, 0, 0, 0, 6)
    assert queue.get_stats().max_size_seen == 6
    assert await queue.dequeue_batch() == list("abcdef")


async def test_coalesce_over_full_with_what_does_not_merge_costs_a_few_comparisons_per_item() -> None:
    comparisons = 0

    def never(older: int, newer: int) -> int | None:
        nonlocal comparisons
        comparisons += 1
        return None

    queue = H2AQueue(max_size=100, backpressure=Coalesce(never))
    for item in range(5000):
        queue.enqueue_nowait(item)
        if item % 3 == 0:  # so that items also come in unlooked
            queue.dequeue_nowait()
    assert comparisons < 4 * 5000


async def test_coalesce_holds_the_bound_when_everything_merges() -> None:
    queue = H2AQueue[str](max_size=10, backpressure=Coalesce(lambda older, newer: older + newer))
    text = "".join(chr(97 + i % 26) for i in range(1000))
    assert await queue.enqueue_batch(text) == 1000
    assert queue.get_stats().max_size_seen == 10
    assert "".join(await queue.dequeue_batch()) == text


async def test_coalesce_keeps_an_over_full_queue_within_twice_what_cannot_be_merged() -> None:
    queue = H2AQueue(max_size=8, backpressure=Coalesce(join))
    whole = ""
    for i in range(400):
        text = "ab"[i % 2] if (i // 5) % 2 else "AB"[i % 2]
        queue.enqueue_nowait(text)
        whole += text
        runs = sum(1 for j, c in enumerate(whole) if j == 0 or c.isupper() != whole[j - 1].isupper())
        assert len(queue) <= max(8, 2 * runs)
    assert "".join(await queue.dequeue_batch()) == whole


async def test_merge_that_raises_tells_the_writer_and_leaves_the_queue_as_it_was() -> None:
    def fragile(older: str, newer: str) -> str | None:
        if "!" in older + newer:
            raise ValueError("cannot merge")
        return join(older, newer)

    queue = H2AQueue(max_size=3, backpressure=Coalesce(fragile))
    await queue.enqueue_batch(["a", "b", "C"])
    with pytest.raises(ValueError, match="cannot merge"):
        queue.enqueue_nowait("!")
    assert counts(queue) == (3, 0, 0, 0, 3)
    assert await queue.dequeue_batch() == ["a", "b", "C"]

    await queue.enqueue_batch(["a", "!", "C"])
    with pytest.raises(ValueError, match="cannot merge"):
        queue.enqueue_nowait("d")  # in the squeeze
    assert counts(queue) == (6, 3, 0, 0, 3)
    assert await queue.dequeue_batch() == ["a", "!", "C"]


async def test_drop_oldest_spares_an_item_in_a_readers_hands_which_a_cancel_puts_back_in_front() -> None:
    """Found by a soak of 3,000 histories: the item handed over is older than the one that was dropped."""
    queue: H2AQueue[int] = H2AQueue(1, Backpressure.DROP_OLDEST)
    reader = asyncio.create_task(queue.dequeue())
    await asyncio.sleep(0)
    for item in (1, 2, 3):
        queue.enqueue_nowait(item)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await queue.dequeue_batch() == [1, 3]
    assert queue.get_stats().dropped_messages == 1
