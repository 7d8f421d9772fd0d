"""Messages that outlive whoever sends or handles them: at least once, under a lease.

    send ──▶ waiting ──receive──▶ leased ──acknowledge──▶ gone
                ▲                   │
                └─── after a wait ──┤ reject(reason), or the lease lapsed
                                    └─ once too often, or expired ──▶ dead letters ──requeue──▶ waiting

A receiver does not own a message, it has it on lease. It acknowledges what it has dealt with; what it rejects
comes back after a wait that grows, and what it never speaks of again (it was killed, it hangs) comes back when
the lease lapses. So a message may come more than once, and says so in its `retry_count`; it never comes less
than once. Who must not do a thing twice keeps the ids of what is done.

What always holds:

1. `send` that has returned has sent: the message is in the store, as durable as the store is.
2. A message is in one place: waiting, leased to one receiver, or among the dead letters.
3. Acknowledged is gone. A receiver whose lease lapsed may still acknowledge, unless the message has been
   delivered again meanwhile: then it is told, and changes nothing.
4. An id that was sent within the duplicate window is not sent again, but counted. So a sender that does not
   know whether its message went out just sends it again.
5. Messages come in the order they were sent, except those that come back. Their priority travels along, and
   changes nothing here.
6. `receive` that is cancelled has received nothing: what it had claimed is free at once, uncounted.

Three stores keep this promise: `MemoryChannel` (this process), `SQLiteChannel` (processes of one machine),
`RedisChannel` (any machine that reaches the server).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.lifecycle import QueueStatus
from h2a_queue.message import MAX_MESSAGE_BYTES, Message

__all__ = [
    "Channel",
    "ChannelSettings",
    "ChannelStats",
    "DeadLetter",
    "Delivery",
    "Receipt",
    "RecoveryPolicy",
]


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """How often to try again, and how long to wait before: `first_delay_s`, then `factor` times as long.

    Raises `QueueError` (CONFIGURATION) for numbers that make no sense.
    """

    max_retries: int = 5
    first_delay_s: float = 0.5
    factor: float = 2.0
    max_delay_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        _require("max_retries", self.max_retries, self.max_retries >= 0, "0 or more")
        _require(
            "first_delay_s", self.first_delay_s, 0 <= self.first_delay_s < math.inf, "seconds, 0 or more"
        )
        _require("factor", self.factor, 1 <= self.factor < math.inf, "1 or more")
        _require("max_delay_s", self.max_delay_s, 0 <= self.max_delay_s < math.inf, "seconds, 0 or more")

    def delay_s(self, retry: int) -> float:
        """How long to wait before the `retry`-th retry, in seconds; the first is number 1."""
        try:
            return min(self.first_delay_s * self.factor ** (retry - 1), self.max_delay_s)
        except OverflowError:
            return self.max_delay_s


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What every channel can be told. Raises `QueueError` (CONFIGURATION) for numbers that make no sense.

    All who use one store use the same settings: it is for the store's sake that they agree how long a lease is.
    """

    lease_s: float = 30.0
    """How long a receiver has to acknowledge or reject before the message is delivered again."""
    recovery: RecoveryPolicy = field(default_factory=RecoveryPolicy)
    """How often a message is delivered again, and how long a rejected one waits before."""
    duplicate_window_s: float = 300.0
    """How long an id is remembered; 0 means not at all."""
    max_message_bytes: int = MAX_MESSAGE_BYTES
    """The most a message may take, written as JSON."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        _require("lease_s", self.lease_s, 0 < self.lease_s < math.inf, "seconds, more than 0")
        window = self.duplicate_window_s
        _require("duplicate_window_s", window, 0 <= window < math.inf, "seconds, 0 or more")
        _require("max_message_bytes", self.max_message_bytes, self.max_message_bytes >= 1, "1 or more")


def _require(name: str, value: object, holds: bool, advice: str) -> None:
    if not holds:
        raise QueueError(
            f"{name} is {value}; give {advice}.", ErrorKind.CONFIGURATION, setting=name, value=value
        )


class Receipt(NamedTuple):
    """Which delivery of which message: what a store needs to know it again."""

    key: int | str
    """The store's own name for the message."""
    delivery: int
    """1 for the first delivery. One that is not the latest is void."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on lease. `message.retry_count` says how often it was delivered before, in vain."""

    message: Message[Any]
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message nobody could deal with, and why."""

    message: Message[Any]
    reason: str
    died_at: float
    """In seconds since the epoch."""
    key: int | str
    """The store's own name for it."""


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """A snapshot. The first part is what *this* channel object has done, the second is in the store now."""

    sent: int
    duplicates: int
    """Not sent, since their id was, within the window."""
    delivered: int
    redelivered: int
    """Among `delivered`, those with a `retry_count`."""
    acknowledged: int
    rejected: int
    buried: int
    """Made dead letters: rejected or lapsed once too often, expired, or unreadable."""

    waiting: int
    """To be delivered, now or after their wait."""
    leased: int
    """Delivered, and not yet spoken of. A lapsed lease counts until somebody looks."""
    dead: int


class Channel(Protocol):
    """One place to send to and receive from. Any number of tasks and, by the store, processes may do both.

    Every verb raises `QueueError`: BACKEND when the store cannot do it (`recoverable` says whether trying
    again can help; nothing is lost), CLOSED when the channel is closed, unless it says otherwise.
    """

    # -- sending --

    async def send(self, message: Message[object]) -> bool:
        """Send a message; False says that its id was sent before, within the duplicate window.

        Cancelled, it may have been sent or not; send it again under the same id. Raises `QueueError`
        (VALIDATION) for a message that is too large, or that JSON cannot say.
        """
        ...

    async def send_batch(self, messages: Iterable[Message[object]]) -> int:
        """Send messages, in order, all or none; say how many were no duplicates. Otherwise as `send`."""
        ...

    # -- receiving --

    async def receive(self, timeout: float | None = None) -> Delivery | None:
        """Receive a message on lease, waiting for one up to `timeout` seconds.

        None means that the time is over, or that the channel is closed. Cancelled, it has received nothing.
        Raises `QueueError` (VALIDATION) for a timeout less than 0.
        """
        ...

    async def receive_batch(self, max_messages: int = 100, timeout: float | None = None) -> list[Delivery]:
        """Wait for one message, up to `timeout` seconds, then receive all there are, or `max_messages`.

        An empty list means that the time is over, or that the channel is closed. Raises `QueueError`
        (VALIDATION) when `max_messages` is less than 1. Otherwise as `receive`.
        """
        ...

    def __aiter__(self) -> Self:
        """Receive messages until the channel is closed."""
        ...

    async def __anext__(self) -> Delivery:
        """Receive the next one."""
        ...

    async def acknowledge(self, *deliveries: Delivery) -> int:
        """Say that these are dealt with; the number of those that are gone now by this.

        One is missing in it when its lease had lapsed and it was delivered again, or when it was spoken of
        before.
        """
        ...

    async def reject(self, delivery: Delivery, reason: str, *, retry: bool = True) -> bool:
        """Say that this could not be dealt with, and why; False says as a missing one in `acknowledge`.

        It comes back after a wait, or becomes a dead letter: when it has come back often enough, or at
        once without `retry`.
        """
        ...

    # -- flow --

    def pause(self) -> None:
        """Hold the receivers of this channel object. Raises `QueueError` (VALIDATION) unless it is active."""
        ...

    def resume(self) -> None:
        """Let the receivers go on. Raises `QueueError` (VALIDATION) unless the channel is paused."""
        ...

    # -- ending --

    async def close(self) -> None:
        """Let go of the store; a second call does nothing. Receivers that wait see the end.

        What is on lease and not acknowledged is delivered again when its lease lapses.
        """
        ...

    async def __aenter__(self) -> Self:
        """Open the store now rather than at the first use."""
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        ...

    # -- dead letters --

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Read the oldest dead letters; they stay."""
        ...

    async def requeue(self, *letters: DeadLetter) -> int:
        """Put dead letters back to be delivered, as if sent anew; the number of those that were still there.

        Their retries are counted from 0, their time to live from now.
        """
        ...

    # -- looking --

    @property
    def status(self) -> QueueStatus:
        """Where this channel object is in its life."""
        ...

    async def get_stats(self) -> ChannelStats:
        """What has happened so far, and what is in the store."""
        ...
