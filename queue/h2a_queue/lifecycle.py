"""The states of a queue, as one table.

Two rules. Every change of state is made here, by `Lifecycle.apply`; and this file knows nothing of items,
readers or writers.

    CREATED ──start──▶ ACTIVE ◀──pause, resume──▶ PAUSED
       └──────────────────┴───────────┬──────────────┘
                                      ├──close──▶ DRAINING ──drained──▶ COMPLETED
                                      └──fail───▶ FAILED
    and from everywhere: dispose ──▶ DISPOSED

CREATED     nobody has written or read yet.
ACTIVE      items go in and out.
PAUSED      items go in, readers hold.
DRAINING    no more input; what is buffered still comes out.
COMPLETED   closed, and the last item has been taken.
FAILED      no more input; what is buffered still comes out, then the failure.
DISPOSED    no more input, and what was buffered has been thrown away.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from h2a_queue.errors import ErrorKind, QueueError

__all__ = ["TRANSITIONS", "Change", "Lifecycle", "QueueStatus", "Transition", "Watcher"]


class QueueStatus(StrEnum):
    """Where a queue is in its life."""

    CREATED = "created"
    ACTIVE = "active"
    PAUSED = "paused"
    DRAINING = "draining"
    COMPLETED = "completed"
    FAILED = "failed"
    DISPOSED = "disposed"


_ENDED = frozenset(
    {QueueStatus.DRAINING, QueueStatus.COMPLETED, QueueStatus.FAILED, QueueStatus.DISPOSED},
)


class Change(Enum):
    """What can happen to a queue's state."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    DRAINED = "drained"
    FAIL = "fail"
    DISPOSE = "dispose"


# From this state, by this change, to that state. What is not in the table is an error.
TRANSITIONS: Final = MappingProxyType(
    {
        (QueueStatus.CREATED, Change.START): QueueStatus.ACTIVE,
        (QueueStatus.CREATED, Change.PAUSE): QueueStatus.PAUSED,
        (QueueStatus.CREATED, Change.CLOSE): QueueStatus.DRAINING,
        (QueueStatus.CREATED, Change.FAIL): QueueStatus.FAILED,
        (QueueStatus.CREATED, Change.DISPOSE): QueueStatus.DISPOSED,
        (QueueStatus.ACTIVE, Change.PAUSE): QueueStatus.PAUSED,
        (QueueStatus.ACTIVE, Change.CLOSE): QueueStatus.DRAINING,
        (QueueStatus.ACTIVE, Change.FAIL): QueueStatus.FAILED,
        (QueueStatus.ACTIVE, Change.DISPOSE): QueueStatus.DISPOSED,
        (QueueStatus.PAUSED, Change.RESUME): QueueStatus.ACTIVE,
        (QueueStatus.PAUSED, Change.CLOSE): QueueStatus.DRAINING,
        (QueueStatus.PAUSED, Change.FAIL): QueueStatus.FAILED,
        (QueueStatus.PAUSED, Change.DISPOSE): QueueStatus.DISPOSED,
        (QueueStatus.DRAINING, Change.DRAINED): QueueStatus.COMPLETED,
        (QueueStatus.DRAINING, Change.FAIL): QueueStatus.FAILED,
        (QueueStatus.DRAINING, Change.DISPOSE): QueueStatus.DISPOSED,
        (QueueStatus.COMPLETED, Change.DISPOSE): QueueStatus.DISPOSED,
        (QueueStatus.FAILED, Change.DISPOSE): QueueStatus.DISPOSED,
    },
)

Watcher = Callable[[QueueStatus, QueueStatus], object]
_REMEMBERED: Final = 64


class Transition(NamedTuple):
    """One change of a queue's state."""

    at_s: float
    """When, by `time.monotonic()`."""
    before: QueueStatus
    after: QueueStatus


class Lifecycle:
    """A state, the table, and who wants to know."""

    __slots__ = ("_history", "_watchers", "active", "ended", "paused", "status")

    def __init__(self) -> None:
        """Start as CREATED, unwatched."""
        self.status = QueueStatus.CREATED
        # What the queue asks for every item, kept, since asking an enum costs a tenth of a hand-over:
        # whether items go in and out, whether readers hold, whether input is over for good.
        self.active = False
        self.paused = False
        self.ended = False
        self._watchers: list[Watcher] = []
        self._history: deque[Transition] = deque(maxlen=_REMEMBERED)

    def apply(self, change: Change) -> None:
        """Make one change and tell the watchers.

        Raises `QueueError` (VALIDATION) when the table has no such transition; the state is unchanged.
        """
        before = self.status
        after = TRANSITIONS.get((before, change))
        if after is None:
            raise QueueError(
                f"A queue that is {before} cannot {change.value}; look at `status` first.",
                ErrorKind.VALIDATION,
                status=before,
                change=change.value,
            )
        self.status = after
        self._history.append(Transition(time.monotonic(), before, after))
        self.active = after is QueueStatus.ACTIVE
        self.paused = after is QueueStatus.PAUSED
        self.ended = after in _ENDED
        for watcher in tuple(self._watchers):
            call_outside(watcher, before, after)

    @property
    def history(self) -> tuple[Transition, ...]:
        """The latest changes, oldest first."""
        return tuple(self._history)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have `watcher(before, after)` called after every change; the result ends that."""
        self._watchers.append(watcher)

        def unwatch() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return unwatch


def call_outside(callback: Callable[..., object], *args: object) -> None:
    """Run foreign code where it can harm no operation of the queue.

    On a running loop that is the next tick: the operation has finished by then, and what the callback
    raises goes to the loop's exception handler. Without one it is now, and the caller hears of it.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        callback(*args)
    else:
        loop.call_soon(callback, *args)
