"""What a full queue does with one more item.

BLOCK         the writer waits for a free slot; served first come, first served
DROP_OLDEST   the oldest buffered item goes, the newcomer comes in (an item in a reader's hands is not buffered: put
              back after a cancel, it may outlive younger ones)
DROP_NEWEST   the newcomer goes
ERROR         the newcomer is refused with `QueueError`
Coalesce      neighbours are merged into one; nothing waits and nothing is lost
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar, assert_never

from h2a_queue.buffers import DoubleBuffer, Merge
from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["Backpressure", "Coalesce", "spare", "squeeze_in"]

T = TypeVar("T")


class Backpressure(StrEnum):
    """The policies that need nothing but a name."""

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    ERROR = "error"


@dataclass(frozen=True)  # with slots, 3.11 cannot make a `Coalesce[str](...)`
class Coalesce(Generic[T]):
    """Merge neighbours when full: for deltas whose sum matters, not their number.

    `merge(older, newer)` gives the item that stands for both, or None when these two do not merge. It must
    not change its arguments, and it must not mind how neighbours are grouped. If it raises, the writer gets
    that, and the queue is as it was.

    A full queue first merges the newcomer into the newest item, else all neighbours in one pass, and if
    nothing merges it takes the item all the same: the bound is soft. How far the queue may outgrow it
    depends on the items alone: it holds at most about twice as many as cannot be merged. When every item
    merges, that is the bound; when none does, it grows as an unbounded queue would.

    >>> def join(older: str, newer: str) -> str | None:
    ...     return older + newer
    >>> from h2a_queue import H2AQueue
    >>> queue = H2AQueue(max_size=2, backpressure=Coalesce(join))
    >>> [queue.enqueue_nowait(delta) for delta in ("Hel", "lo ", "wor", "ld")]
    [True, True, True, True]
    >>> queue.dequeue_nowait(), queue.dequeue_nowait()
    ('Hel', 'lo world')
    """

    merge: Merge[T]


def spare(policy: Backpressure | Coalesce[T], keep: Callable[[T], bool]) -> Backpressure | Coalesce[T]:
    """The same policy, but items of which `keep(item)` is true never merge."""
    if not isinstance(policy, Coalesce):
        return policy
    merge = policy.merge
    return Coalesce(lambda older, newer: None if keep(older) or keep(newer) else merge(older, newer))


def squeeze_in(policy: Backpressure | Coalesce[T], buffers: DoubleBuffer[T], item: T) -> bool:
    """Apply the policy to one item and buffers that are full; False says that the item was dropped.

    Raises `QueueError` (OVERFLOW) under ERROR, and under BLOCK, where the caller is one that cannot wait.
    """
    match policy:
        case Backpressure.BLOCK:
            raise QueueError(
                "The queue is full; use `await enqueue(...)` to wait for a free slot.",
                ErrorKind.OVERFLOW,
                size=len(buffers),
            )
        case Backpressure.ERROR:
            raise QueueError(
                "The queue is full; read from it before you write more, or give it another policy.",
                ErrorKind.OVERFLOW,
                size=len(buffers),
            )
        case Backpressure.DROP_NEWEST:
            buffers.refuse()
            return False
        case Backpressure.DROP_OLDEST:
            if not buffers.shed_for(item):
                buffers.refuse()
                return False
        case Coalesce(merge):
            if buffers.merge_newest(item, merge):
                return True
            buffers.squeeze(merge)
        case _:
            assert_never(policy)
    buffers.push(item)
    return True
