"""What a person wrote is never dropped, merged, refused or kept waiting, whatever the policy."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_queue import (
    Backpressure,
    Coalesce,
    H2AQueue,
    MeteredH2AQueue,
    Priority,
    PriorityH2AQueue,
    QueueError,
)
from support.ticks import tick


def by_user(item: str) -> bool:
    return item.isupper()


def make(max_size: int, policy: Backpressure | Coalesce[str]) -> H2AQueue[str]:
    return H2AQueue(max_size, policy, undroppable=by_user)


@pytest.mark.parametrize("policy", [*Backpressure, Coalesce[str](lambda older, newer: older + newer)])
async def test_undroppable_item_enters_a_full_queue_at_once_under_every_policy(
    policy: Backpressure | Coalesce[str],
) -> None:
    queue = make(1, policy)
    queue.enqueue_nowait("a")
    assert queue.enqueue_nowait("B")
    assert await queue.enqueue("C")
    assert await queue.enqueue_batch(["D"]) == 1
    assert await queue.dequeue_batch() == ["a", "B", "C", "D"]
    stats = queue.get_stats()
    assert (stats.dropped_messages, stats.merged_messages, stats.refused_messages) == (0, 0, 0)


async def test_drop_oldest_passes_by_what_is_undroppable_in_both_buffers() -> None:
    queue = make(4, Backpressure.DROP_OLDEST)
    await queue.enqueue_batch(["a", "B", "c", "D"])
    assert await queue.dequeue() == "a"
    assert await queue.enqueue_batch(["E", "f", "g"]) == 3  # c goes for f, then f for g
    assert await queue.dequeue_batch() == ["B", "D", "E", "g"]
    assert queue.get_stats().dropped_messages == 2


async def test_drop_oldest_drops_the_newcomer_when_all_that_is_there_is_undroppable() -> None:
    queue = make(2, Backpressure.DROP_OLDEST)
    await queue.enqueue_batch(["A", "B"])
    assert not queue.enqueue_nowait("c")
    assert await queue.dequeue_batch() == ["A", "B"]
    assert queue.get_stats().dropped_messages == 1


async def test_coalesce_merges_around_what_is_undroppable() -> None:
    queue = make(3, Coalesce(lambda older, newer: older + newer))
    await queue.enqueue_batch(["a", "b", "C", "d", "e", "F", "g", "h"])
    text = await queue.dequeue_batch()
    assert "".join(text) == "abCdeFgh"
    assert {"C", "F"} <= set(text)


async def test_undroppable_item_of_a_priority_queue_is_kept_in_its_place() -> None:
    queue = PriorityH2AQueue[str](
        2, Backpressure.DROP_OLDEST, priority_of=lambda text: Priority(int(text[1])), undroppable=by_user
    )
    for item in ("a0", "B0", "c1", "d1"):
        assert queue.enqueue_nowait(item)
    assert queue.enqueue_nowait("E0")
    assert not queue.enqueue_nowait("f0")
    assert await queue.dequeue_batch() == ["d1", "B0", "E0"]


async def test_undroppable_item_of_a_metered_queue_is_told_by_the_item() -> None:
    queue = MeteredH2AQueue[str](1, Backpressure.DROP_NEWEST, undroppable=by_user)
    assert [queue.enqueue_nowait(item) for item in ("a", "b", "C")] == [True, False, True]
    assert await queue.dequeue_batch() == ["a", "C"]


async def test_item_dropped_from_among_those_given_back_leaves_the_others_in_their_places() -> None:
    queue = make(2, Backpressure.DROP_OLDEST)
    readers = [queue.dequeue() for _ in range(4)]
    for reader in readers:
        reader.send(None)
    for item in ("a", "B", "c", "D"):
        queue.enqueue_nowait(item)
    readers[1].close()
    readers[2].close()  # B and c are back
    assert queue.enqueue_nowait("e")  # c goes
    readers[3].close()
    readers[0].close()
    assert await queue.dequeue_batch() == ["a", "B", "D", "e"]
    with pytest.raises(QueueError):
        make(0, Backpressure.BLOCK)


@given(
    st.lists(st.one_of(st.sampled_from(["put", "put", "PUT"]), st.just("get"))),
    st.integers(1, 4),
    st.sampled_from([Backpressure.DROP_OLDEST, Backpressure.DROP_NEWEST]),
)
@settings(max_examples=300, deadline=None)
def test_every_history_with_undroppable_items_gives_what_a_list_gives(
    steps: list[str], max_size: int, policy: Backpressure
) -> None:
    async def play() -> None:
        queue, model, dropped = make(max_size, policy), list[str](), 0
        for number, step in enumerate(steps):
            item = f"{step}{number}"
            if step == "get":
                assert queue.dequeue_nowait() == (model.pop(0) if model else None)
                continue
            kept = True
            if len(model) >= max_size and not by_user(item):
                loose = [other for other in model if not by_user(other)]
                dropped += 1
                if policy is Backpressure.DROP_OLDEST and loose:
                    model.remove(loose[0])
                else:
                    kept = False
            model += [item] if kept else []
            assert queue.enqueue_nowait(item) is kept
        stats = queue.get_stats()
        assert (stats.dropped_messages, stats.current_size) == (dropped, len(model))
        assert stats.total_enqueued == stats.total_dequeued + dropped + len(model)
        await tick()
        assert await queue.dequeue_batch(timeout=0) == model

    asyncio.run(play())
