"""The table of states: every legal transition, every illegal one, and who hears of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2a_queue import ErrorKind, H2AQueue, QueueError, QueueStatus
from h2a_queue.lifecycle import TRANSITIONS, Change, Lifecycle
from support.ticks import tick


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("status", QueueStatus)
def test_transition_is_the_tables_or_an_error_that_changes_nothing(
    status: QueueStatus, change: Change
) -> None:
    life = Lifecycle()
    life.status = status
    heard: list[tuple[QueueStatus, QueueStatus]] = []
    life.watch(lambda before, after: heard.append((before, after)))
    after = TRANSITIONS.get((status, change))
    if after is None:
        with pytest.raises(QueueError, match=f"{status} cannot {change.value}") as raised:
            life.apply(change)
        assert raised.value.kind is ErrorKind.VALIDATION
        assert life.status is status
        assert heard == []
    else:
        life.apply(change)
        assert life.status is after
        assert heard == [(status, after)]


def test_no_state_that_has_ended_opens_again() -> None:
    ended = {"draining", "completed", "failed", "disposed"}
    assert all(after in ended for (before, _), after in TRANSITIONS.items() if before in ended)


async def test_life_of_a_queue_is_told_to_its_watchers_in_order() -> None:
    queue = H2AQueue[int]()
    heard: list[QueueStatus] = []
    unwatch = queue.watch(lambda _, after: heard.append(after))
    queue.enqueue_nowait(1)
    queue.pause()
    queue.resume()
    queue.close()
    assert await queue.dequeue() == 1
    await tick()
    assert heard == ["active", "paused", "active", "draining", "completed"]
    unwatch()
    queue.dispose()
    await tick()
    assert len(heard) == 5


ILLEGAL: list[tuple[str, Callable[[H2AQueue[int]], object]]] = [
    ("resume", lambda queue: queue.resume()),
    ("pause", lambda queue: (queue.pause(), queue.pause())),
    ("pause", lambda queue: (queue.close(), queue.pause())),
    ("fail", lambda queue: (queue.close(), queue.fail(OSError()))),
    ("fail", lambda queue: (queue.fail(OSError()), queue.fail(OSError()))),
    ("dispose", lambda queue: (queue.dispose(), queue.dispose())),
]


@pytest.mark.parametrize(("verb", "act"), ILLEGAL)
async def test_illegal_verb_names_itself_and_the_state(
    verb: str, act: Callable[[H2AQueue[int]], object]
) -> None:
    with pytest.raises(QueueError, match=f"cannot {verb}"):
        act(H2AQueue())


async def test_history_tells_every_change_in_order_and_forgets_the_oldest() -> None:
    queue = H2AQueue[int]()
    assert queue.history == ()
    queue.enqueue_nowait(1)
    for _ in range(2):
        queue.pause()
        queue.resume()
    told = [(str(change.before), str(change.after)) for change in queue.history]
    assert told[:3] == [("created", "active"), ("active", "paused"), ("paused", "active")]
    times = [change.at_s for change in queue.history]
    assert times == sorted(times)
    for _ in range(100):
        queue.pause()
        queue.resume()
    assert len(queue.history) == 64
    assert queue.history[-1].after == "active"
